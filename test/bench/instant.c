/* instant.c - containerd-shim-instant-v2: a shim that answers at once and runs nothing. What
 * containerd takes with it is containerd's own time. A container whose id ends in "-stays" seems
 * to run until it is killed; all else has ended when it was started. */
#include "base/file.h"
#include "pb/empty.pb-c.h"
#include "pb/task_v2.pb-c.h"
#include "ttrpc/server.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#undef stdout /* names of fields */
#undef stderr
#define V2(name_) Containerd__Task__V2__##name_
#define MOST	  64

/* A process: the init (""), or an exec. */
struct process {
	char *exec_id;
	bool ended;
	int fds[2]; /* its output */
	struct request *waiting;
};

static struct loop *loop;
static struct process processes[MOST];
static Google__Protobuf__Timestamp when = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
static bool stays;

static struct process *find(const char *exec_id, struct err *e)
{
	for (int i = 0; i < MOST; i++)
		if (processes[i].exec_id && !strcmp(processes[i].exec_id, exec_id))
			return &processes[i];
	rpc_fail(e, RPC_NOT_FOUND, "process %s", exec_id);
	return NULL;
}

static int output(const char *path)
{
	return *path ? open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC) : -1;
}

static int make(const char *exec_id, const char *out, const char *err, struct err *e)
{
	for (int i = 0; i < MOST; i++) {
		if (processes[i].exec_id)
			continue;
		processes[i] = (struct process){ .exec_id = strdup(exec_id),
						 .fds = { output(out), output(err) } };
		return processes[i].exec_id ? 0 : fail(e, ENOMEM, "process");
	}
	return fail(e, ENOMEM, "process");
}

static void close_output(struct process *p)
{
	put_fd(&p->fds[0], -1);
	put_fd(&p->fds[1], -1);
}

static void tell(struct process *p)
{
	V2(WaitResponse) out = CONTAINERD__TASK__V2__WAIT_RESPONSE__INIT;
	out.exited_at = &when;
	if (p->waiting)
		request_reply(p->waiting, &out);
	p->waiting = NULL;
}

static void end(struct process *p)
{
	close_output(p);
	p->ended = true;
	tell(p);
}

static int on_create(void *arg, const struct rpc *r, struct err *e)
{
	const V2(CreateTaskRequest) *in = r->in;
	V2(CreateTaskResponse) *out = r->out;
	(void)arg;
	out->pid = (uint32_t)getpid();
	return make("", in->stdout, in->stderr, e);
}

static int on_exec(void *arg, const struct rpc *r, struct err *e)
{
	const V2(ExecProcessRequest) *in = r->in;
	(void)arg;
	return make(in->exec_id, in->stdout, in->stderr, e);
}

static int on_start(void *arg, const struct rpc *r, struct err *e)
{
	const V2(StartRequest) *in = r->in;
	V2(StartResponse) *out = r->out;
	struct process *p = find(in->exec_id, e);
	(void)arg;
	if (!p)
		return -e->code;
	out->pid = (uint32_t)getpid();
	if (!stays || *in->exec_id)
		end(p);
	return 0;
}

static int on_wait(void *arg, const struct rpc *r, struct err *e)
{
	const V2(WaitRequest) *in = r->in;
	struct process *p = find(in->exec_id, e);
	(void)arg;
	if (!p)
		return -e->code;
	if (p->waiting)
		return rpc_fail(e, RPC_UNIMPLEMENTED, "two waits for one process");
	p->waiting = r->request;
	if (p->ended)
		tell(p);
	return RPC_LATER;
}

static int on_kill(void *arg, const struct rpc *r, struct err *e)
{
	struct process *p = find("", e);
	(void)arg;
	(void)r;
	if (!p)
		return -e->code;
	end(p);
	return 0;
}

static int on_state(void *arg, const struct rpc *r, struct err *e)
{
	const V2(StateRequest) *in = r->in;
	V2(StateResponse) *out = r->out;
	const struct process *p = find(in->exec_id, e);
	(void)arg;
	if (!p)
		return -e->code;
	out->id = in->id;
	out->pid = (uint32_t)getpid();
	out->status = p->ended ? CONTAINERD__V1__TYPES__STATUS__STOPPED
			       : CONTAINERD__V1__TYPES__STATUS__RUNNING;
	out->exited_at = p->ended ? &when : NULL;
	return 0;
}

static int on_delete(void *arg, const struct rpc *r, struct err *e)
{
	const V2(DeleteRequest) *in = r->in;
	V2(DeleteResponse) *out = r->out;
	struct process *p = find(in->exec_id, e);
	(void)arg;
	if (!p)
		return -e->code;
	end(p);
	free(p->exec_id);
	p->exec_id = NULL;
	out->pid = (uint32_t)getpid();
	out->exited_at = &when;
	return 0;
}

static int on_connect(void *arg, const struct rpc *r, struct err *e)
{
	V2(ConnectResponse) *out = r->out;
	(void)arg;
	(void)e;
	out->shim_pid = out->task_pid = (uint32_t)getpid();
	return 0;
}

static int on_shutdown(void *arg, const struct rpc *r, struct err *e)
{
	(void)arg;
	(void)r;
	(void)e;
	loop_stop(loop);
	return 0;
}

static int on_nothing(void *arg, const struct rpc *r, struct err *e)
{
	(void)arg;
	(void)r;
	(void)e;
	return 0;
}

#define IN(name_)  &containerd__task__v2__##name_##_request__descriptor
#define OUT(name_) &containerd__task__v2__##name_##_response__descriptor
#define EMPTY	   &google__protobuf__empty__descriptor

static const struct method methods[] = {
	{ "Create", IN(create_task), OUT(create_task), on_create },
	{ "Start", IN(start), OUT(start), on_start },
	{ "Exec", IN(exec_process), EMPTY, on_exec },
	{ "State", IN(state), OUT(state), on_state },
	{ "Wait", IN(wait), OUT(wait), on_wait },
	{ "Kill", IN(kill), EMPTY, on_kill },
	{ "Delete", IN(delete), OUT(delete), on_delete },
	{ "CloseIO", &containerd__task__v2__close_iorequest__descriptor, EMPTY, on_nothing },
	{ "Connect", IN(connect), OUT(connect), on_connect },
	{ "Shutdown", IN(shutdown), EMPTY, on_shutdown },
	{ 0 },
};

static const struct service services[] = {
	{ "containerd.task.v2.Task", methods },
	{ "containerd.task.v3.Task", methods },
	{ 0 },
};

static int fail_main(const char *what)
{
	fprintf(stderr, "instant: %s: %s\n", what, strerror(errno));
	return 1;
}

static int serve(int listener, const char *path)
{
	const struct server_options o = { .services = services, .max_connections = 16 };
	int null = open("/dev/null", O_RDWR);
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	setsid();
	loop = loop_new();
	struct server *s = loop ? server_new(loop, listener, &o) : NULL;
	int rc = s ? loop_run(loop) : -1;
	unlink(path);
	server_free(s);
	return rc < 0;
}

/* The socket is in the bundle's own place: the working directory. */
static int start(const char *id)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	size_t n = strlen(id);
	snprintf(at.sun_path, sizeof(at.sun_path), "/run/instant-%d", (int)getpid());
	stays = n > 6 && !strcmp(id + n - 6, "-stays");
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, 16) < 0)
		return fail_main(at.sun_path);
	pid_t pid = fork();
	if (pid < 0)
		return fail_main("fork");
	if (pid == 0)
		return serve(fd, at.sun_path);
	printf("unix://%s", at.sun_path);
	return 0;
}

static int delete(void)
{
	V2(DeleteResponse) out = CONTAINERD__TASK__V2__DELETE_RESPONSE__INIT;
	uint8_t bytes[64];
	out.exited_at = &when;
	size_t n = containerd__task__v2__delete_response__pack(&out, bytes);
	return write_all(STDOUT_FILENO, bytes, n) < 0 ? fail_main("stdout") : 0;
}

int main(int argc, char **argv)
{
	const char *id = "", *action = argc > 1 ? argv[argc - 1] : "";
	for (int i = 1; i + 1 < argc; i++)
		if (!strcmp(argv[i], "-id"))
			id = argv[i + 1];
	when.seconds = time(NULL);
	if (!strcmp(action, "start"))
		return start(id);
	return !strcmp(action, "delete") ? delete () : 0;
}
