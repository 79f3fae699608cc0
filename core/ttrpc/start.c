/* start.c - `shim start`: a server for the container's group, and its address in the caller's
 * words. */
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/pb.h"
#include "base/sys.h"
#include "box/cgroup.h"
#include "box/selfexe.h"
#include "pb/bootstrap.pb-c.h"
#include "ttrpc/address.h"
#include "ttrpc/bootstrap.h"
#include "ttrpc/ending.h"
#include "ttrpc/parameters.h"
#include "ttrpc/podconfig.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#define START_MEMORY ((size_t)16 << 20)
#define SERVER_FD    3

struct starting {
	const struct shim_args *args;
	struct arena *arena;
	struct parameters said;
	const char *ttrpc; /* where events go */
	int bundle;
	struct shim_address address;
};

struct annotated {
	struct pairs annotations;
};
static const struct json_field annotated_fields[] = {
	JSON(J_PAIRS, annotated, annotations, "annotations"),
	{ 0 },
};

/* Containers of one pod share a shim. */
static int find_group(struct starting *s, const char **out, struct err *e)
{
	struct annotated spec = { 0 };
	auto_buf text = { 0 };
	int rc = file_read(s->bundle, "config.json", &text, e);
	if (rc == -ENOENT) { /* a sandbox that is to have no container of its own */
		*e = (struct err){ 0 };
		*out = s->args->id;
		return 0;
	}
	if (rc == 0)
		rc = json_read(text.p, text.len, annotated_fields, &spec, s->arena, e);
	if (rc < 0)
		return within(e, "config.json of %s", s->args->id);
	const char *group = pairs_get(&spec.annotations, "io.containerd.runc.v2.group");
	if (!group)
		group = pairs_get(&spec.annotations, POD_ID);
	*out = group && *group ? group : s->args->id;
	return 0;
}

/* One more than ours, so that the kernel takes a shim before containerd. */
static void raise_oom_score(void)
{
	auto_buf now = { 0 };
	char text[16];
	if (file_read(-1, "/proc/self/oom_score_adj", &now, NULL) < 0)
		return;
	int score = atoi(now.p) + 1;
	auto_buf next = { 0 };
	buf_printf(&next, "%d", score > 1000 ? 1000 : score);
	if (next.failed || next.len >= sizeof(text))
		return;
	file_put(-1, "/proc/self/oom_score_adj", next.p);
}

/* In the forked child: the listener becomes fd 3, all else goes, and the program starts anew. Only
 * a failure comes back, as errno on the pipe. */
static _Noreturn void become_server(const struct starting *s, int exe, int listener, int report)
{
	char *argv[] = { s->args->argv[0],
			 (char *)(uintptr_t)"-namespace",
			 (char *)(uintptr_t)s->args->namespace_,
			 (char *)(uintptr_t)"-id",
			 (char *)(uintptr_t)s->args->id,
			 (char *)(uintptr_t)"-address",
			 (char *)(uintptr_t)s->args->address,
			 s->args->debug || s->said.debug ? (char *)(uintptr_t)"-debug" : NULL,
			 NULL };
	int null = open("/dev/null", O_RDWR);
	int kept_exe = fcntl(exe, F_DUPFD_CLOEXEC, 10);
	int kept_report = fcntl(report, F_DUPFD_CLOEXEC, 10);
	raise_oom_score();
	setsid();
	if (null >= 0 && kept_exe >= 0 && dup2(null, 0) >= 0 && dup2(null, 1) >= 0 &&
	    dup2(null, 2) >= 0 && (listener == SERVER_FD || dup2(listener, SERVER_FD) >= 0) &&
	    fcntl(SERVER_FD, F_SETFD, 0) >= 0 &&
	    fds_close(SERVER_FD + 1, ~0U, CLOSE_RANGE_CLOEXEC) == 0)
		syscall(SYS_execveat, kept_exe, "", argv, environ, AT_EMPTY_PATH);
	int rc = errno;
	(void)!write(kept_report, &rc, sizeof(rc));
	_exit(1);
}

static int launch(const struct starting *s, int listener, struct err *e)
{
	int report[2], error = 0;
	const char *core = getenv("SCHED_CORE"), *cgroup = s->said.options.shim_cgroup;
	if (core && *core &&
	    prctl(PR_SCHED_CORE, PR_SCHED_CORE_CREATE, 0, PR_SCHED_CORE_SCOPE_PROCESS_GROUP, 0) < 0)
		return fail(e, errno, "core scheduling of %s", s->args->id);
	if (*cgroup && cgroup_enter(cgroup, e) < 0)
		return within(e, "options' ShimCgroup");
	auto_close int exe = selfexe_open(); /* its containers must not reach the file */
	if (exe < 0 || pipe2(report, O_CLOEXEC) < 0)
		return fail(e, errno, "start the shim of %s", s->args->id);
	if (setenv("CORACLE_SOCKET", s->address.path, 1) < 0 ||
	    setenv("TTRPC_ADDRESS", s->ttrpc, 1) < 0)
		return fail(e, errno, "start the shim of %s", s->args->id);
	pid_t pid = fork();
	if (pid == 0)
		become_server(s, exe, listener, report[1]);
	int rc = pid < 0 ? -errno : 0;
	close(report[1]);
	if (rc == 0 && read(report[0], &error, sizeof(error)) > 0)
		rc = -error;
	close(report[0]);
	return rc < 0 ? fail(e, rc, "start the shim of %s", s->args->id) : 0;
}

/* For whoever looks for our socket and knows the bundle only. */
static int link_socket_dir(const struct starting *s, struct err *e)
{
	char name[16];
	snprintf(name, sizeof(name), ".s.%d", (int)getpid());
	if (symlinkat(s->said.socket_dir, s->bundle, name) < 0 ||
	    renameat(s->bundle, name, s->bundle, "s") < 0)
		return fail(e, errno, "link s of the bundle of %s", s->args->id);
	return 0;
}

static void write_result(const struct starting *s, struct buf *out)
{
	if (s->said.bootstrap) {
		Containerd__Runtime__Bootstrap__V1__BootstrapResult r =
			CONTAINERD__RUNTIME__BOOTSTRAP__V1__BOOTSTRAP_RESULT__INIT;
		r.version = 3;
		r.address = (char *)(uintptr_t)s->address.uri;
		r.protocol = (char *)(uintptr_t)"ttrpc";
		size_t n;
		const void *p = pb_encode(&r, s->arena, &n);
		buf_add(out, p, p ? n : 0);
		out->failed = out->failed || !p;
	} else if (getenv("MAX_SHIM_VERSION")) {
		buf_printf(out, "{\"version\":2,\"address\":\"%s\",\"protocol\":\"ttrpc\"}",
			   s->address.uri);
	} else {
		buf_str(out, s->address.uri); /* 1.6 */
	}
}

static int start(struct starting *s, const struct buf *in, struct buf *out, struct err *e)
{
	const char *group = NULL, *grpc = s->args->address;
	int rc = find_group(s, &group, e);
	if (rc < 0)
		return rc;
	rc = parameters_read(in, s->args->id, s->args->namespace_, s->arena, &s->said, e);
	if (rc < 0)
		return rc;
	const char *ttrpc = getenv("TTRPC_ADDRESS"), *dir = s->said.socket_dir;
	s->ttrpc = *s->said.ttrpc ? s->said.ttrpc : ttrpc ? ttrpc : "";
	if (*s->said.grpc)
		grpc = s->said.grpc;
	rc = address_of(*dir ? dir : ADDRESS_DIR, grpc, s->args->namespace_, group, s->arena,
			&s->address, e);
	if (rc < 0)
		return rc;
	/* Before there is a socket: whoever cleans up after us is to find it. */
	rc = file_swap(s->bundle, "address", s->address.uri, strlen(s->address.uri), 0600, e);
	if (rc == 0 && *dir)
		rc = link_socket_dir(s, e);
	if (rc < 0)
		return rc;
	auto_close int listener = address_listen(&s->address, e);
	if (listener < 0 && listener != -EADDRINUSE)
		return listener;
	rc = listener < 0 ? 0 : launch(s, listener, e);
	if (rc < 0)
		unlink(s->address.path); /* ours, and nobody will ever serve there */
	write_result(s, out);
	return rc;
}

int shim_start(const struct shim_args *a, const struct buf *in, struct buf *out, struct err *e)
{
	/* containerd reads stderr as a part of the answer; the server says again what is missed. */
	const struct log_options quiet = { .level = LOG_ERROR };
	struct starting s = { .args = a };
	log_open(&quiet, NULL);
	auto_arena *arena = arena_new(START_MEMORY);
	auto_close int bundle = open(a->bundle ? a->bundle : ".",
				     O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (!arena || bundle < 0)
		return fail(e, errno, "bundle %s", a->bundle ? a->bundle : ".");
	s.arena = arena;
	s.bundle = bundle;
	ending_clear(a->bundle ? a->bundle : ".");
	return start(&s, in, out, e);
}
