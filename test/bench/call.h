/* call.h - being containerd for one shim: starts it, sends requests, takes answers. What fails, or
 * is not answered in ten seconds, ends the program. The environment says which containerd the shim
 * is to believe it belongs to: CONTAINERD is its socket's path, NAMESPACE the namespace. */
#ifndef BENCH_CALL_H
#define BENCH_CALL_H

#include "base/file.h"
#include "pb/empty.pb-c.h"
#include "pb/task_v2.pb-c.h"
#include "pb/ttrpc.pb-c.h"
#include "ttrpc/wire.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#define V2(name_) Containerd__Task__V2__##name_

struct peer {
	int fd;
	char path[108];	 /* of its socket */
	uint32_t stream; /* of the last request */
	struct wire_in in;
};

static inline _Noreturn void die(const char *what, const char *why)
{
	fprintf(stderr, "bench: %s: %s\n", what, why);
	exit(1);
}

static inline char *text(const char *s)
{
	return (char *)(uintptr_t)s;
}

static inline const char *setting(const char *name)
{
	const char *value = getenv(name);
	if (!value)
		die(name, "not in the environment");
	return value;
}

static inline double now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static inline void peer_dial(struct peer *p, const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(to.sun_path))
		die(path, "too long");
	memcpy(to.sun_path, path, strlen(path));
	*p = (struct peer){ .fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0),
			    .stream = UINT32_MAX };
	memcpy(p->path, to.sun_path, sizeof(p->path));
	const struct timeval patience = { .tv_sec = 10 };
	if (p->fd < 0 ||
	    setsockopt(p->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0 ||
	    connect(p->fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		die(path, strerror(errno));
}

/* Which stream its answer will have. */
static inline uint32_t peer_send(struct peer *p, const char *method, const void *message)
{
	Ttrpc__Request r = TTRPC__REQUEST__INIT;
	struct wire_out out = { 0 };
	r.service = text("containerd.task.v2.Task");
	r.method = text(method);
	r.payload.len = protobuf_c_message_get_packed_size(message);
	r.payload.data = malloc(r.payload.len + 1);
	if (!r.payload.data)
		die(method, "no memory");
	protobuf_c_message_pack(message, r.payload.data);
	p->stream += 2;
	struct frame f = { .stream = p->stream,
			   .type = WIRE_REQUEST,
			   .len = (uint32_t)ttrpc__request__get_packed_size(&r) };
	uint8_t *to = wire_add(&out, &f);
	if (!to)
		die(method, "no memory");
	ttrpc__request__pack(&r, to);
	if (write_all(p->fd, out.bytes.p, out.bytes.len) < 0)
		die(method, "the shim has gone");
	wire_out_free(&out);
	free(r.payload.data);
	return p->stream;
}

/* The next answer, whatever it answers; NULL when there is none in time. */
static inline Ttrpc__Response *peer_next(struct peer *p, uint32_t *stream)
{
	struct frame f;
	while (!wire_next(&p->in, &f)) {
		int rc = wire_read(&p->in, p->fd);
		if (rc == -EAGAIN)
			return NULL;
		if (rc <= 0)
			die("read", "the shim has gone");
	}
	Ttrpc__Response *r = ttrpc__response__unpack(NULL, f.len, f.p);
	if (!r)
		die("answer", "cannot be decoded");
	if (r->status && r->status->code)
		die("the shim says", r->status->message);
	*stream = f.stream;
	return r;
}

static inline Ttrpc__Response *peer_answer(struct peer *p, uint32_t *stream)
{
	Ttrpc__Response *r = peer_next(p, stream);
	if (!r)
		die("the shim", "does not answer");
	return r;
}

/* Waits for the answer of one request; others are thrown away. False when it does not come. */
static inline bool peer_await(struct peer *p, uint32_t asked)
{
	uint32_t answered = 0;
	while (answered != asked) {
		Ttrpc__Response *r = peer_next(p, &answered);
		if (!r)
			return false;
		ttrpc__response__free_unpacked(r, NULL);
	}
	return true;
}

static inline void peer_call(struct peer *p, const char *method, const void *message)
{
	if (!peer_await(p, peer_send(p, method, message)))
		die(method, "is not answered");
}

static inline void call_start(struct peer *p, const char *id, const char *exec_id)
{
	V2(StartRequest) r = CONTAINERD__TASK__V2__START_REQUEST__INIT;
	r.id = text(id);
	r.exec_id = text(exec_id);
	peer_call(p, "Start", &r);
}

static inline bool call_wait(struct peer *p, const char *id, const char *exec_id)
{
	V2(WaitRequest) r = CONTAINERD__TASK__V2__WAIT_REQUEST__INIT;
	r.id = text(id);
	r.exec_id = text(exec_id);
	return peer_await(p, peer_send(p, "Wait", &r));
}

static inline void call_kill(struct peer *p, const char *id)
{
	V2(KillRequest) r = CONTAINERD__TASK__V2__KILL_REQUEST__INIT;
	r.id = text(id);
	r.signal = 9;
	r.all = 1;
	peer_call(p, "Kill", &r);
}

static inline void call_delete(struct peer *p, const char *id, const char *exec_id)
{
	V2(DeleteRequest) r = CONTAINERD__TASK__V2__DELETE_REQUEST__INIT;
	r.id = text(id);
	r.exec_id = text(exec_id);
	peer_call(p, "Delete", &r);
}

static inline const char *name_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

/* Without its answer. */
static inline uint32_t send_create(struct peer *p, const char *id, const char *bundle)
{
	V2(CreateTaskRequest) r = CONTAINERD__TASK__V2__CREATE_TASK_REQUEST__INIT;
	r.id = text(id);
	r.bundle = text(bundle);
	return peer_send(p, "Create", &r);
}

static inline void call_create(struct peer *p, const char *id, const char *bundle)
{
	if (!peer_await(p, send_create(p, id, bundle)))
		die("Create", "is not answered");
}

/* An exec of a process (JSON) from its request to its end. exec_id is free again afterwards. False
 * when nobody tells of its end. */
static inline bool call_exec(struct peer *p, const char *id, const char *exec_id,
			     const char *process)
{
	Google__Protobuf__Any spec = GOOGLE__PROTOBUF__ANY__INIT;
	V2(ExecProcessRequest) r = CONTAINERD__TASK__V2__EXEC_PROCESS_REQUEST__INIT;
	spec.type_url = text("types.containerd.io/opencontainers/runtime-spec/1/Process");
	spec.value.data = (uint8_t *)(uintptr_t)process;
	spec.value.len = strlen(process);
	r.id = text(id);
	r.exec_id = text(exec_id);
	r.spec = &spec;
	peer_call(p, "Exec", &r);
	call_start(p, id, exec_id);
	if (!call_wait(p, id, exec_id))
		return false;
	call_delete(p, id, exec_id);
	return true;
}

/* SHIM ACTION for a container, as containerd runs it: in the bundle. What it wrote; to be freed. */
static inline char *shim_run(const char *shim, const char *id, const char *bundle,
			     const char *action)
{
	struct buf out = { 0 };
	int ends[2], status;
	if (pipe2(ends, O_CLOEXEC) < 0)
		die("pipe", strerror(errno));
	pid_t pid = fork();
	if (pid == 0) {
		dup2(open("/dev/null", O_RDWR | O_CLOEXEC), 0);
		dup2(ends[1], 1);
		char events[4096];
		snprintf(events, sizeof(events), "%s.ttrpc", setting("CONTAINERD"));
		setenv("TTRPC_ADDRESS", events, 1);
		if (chdir(bundle) == 0)
			execl(shim, shim, "-namespace", setting("NAMESPACE"), "-id", id, "-address",
			      setting("CONTAINERD"), "-bundle", bundle, action, (char *)NULL);
		die(shim, strerror(errno));
	}
	close(ends[1]);
	if (pid < 0 || file_read_fd(ends[0], shim, &out, NULL) < 0 || !buf_room(&out, 1))
		die(shim, "no answer");
	close(ends[0]);
	if (waitpid(pid, &status, 0) < 0 || status)
		die(shim, action);
	return out.p;
}

/* The shim of a container, started and dialled. Its log is a file, which nobody has to read. */
static inline void shim_open(struct peer *p, const char *shim, const char *id, const char *bundle)
{
	char log[4096];
	snprintf(log, sizeof(log), "%s/log", bundle);
	auto_close int fd = open(log, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		die(log, strerror(errno));
	char *uri = shim_run(shim, id, bundle, "start");
	const char *path = strstr(uri, "unix://");
	if (!path)
		die(shim, "start told no address");
	peer_dial(p, path + strlen("unix://"));
	free(uri);
}

static inline pid_t call_pid(struct peer *p, const char *id)
{
	V2(ConnectRequest) r = CONTAINERD__TASK__V2__CONNECT_REQUEST__INIT;
	uint32_t stream;
	r.id = text(id);
	peer_send(p, "Connect", &r);
	Ttrpc__Response *answer = peer_answer(p, &stream);
	V2(ConnectResponse) *out = containerd__task__v2__connect_response__unpack(
		NULL, answer->payload.len, answer->payload.data);
	if (!out)
		die("Connect", "cannot be decoded");
	pid_t pid = (pid_t)out->shim_pid;
	containerd__task__v2__connect_response__free_unpacked(out, NULL);
	ttrpc__response__free_unpacked(answer, NULL);
	return pid;
}

/* Ends a shim without tasks, and waits until it has gone. */
static inline void shim_close(struct peer *p, const char *id)
{
	V2(ShutdownRequest) r = CONTAINERD__TASK__V2__SHUTDOWN_REQUEST__INIT;
	r.id = text(id);
	peer_send(p, "Shutdown", &r);
	while (wire_read(&p->in, p->fd) > 0)
		wire_in_free(&p->in);
	wire_in_free(&p->in);
	close(p->fd);
}

#endif
