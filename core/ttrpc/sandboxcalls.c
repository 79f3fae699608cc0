/* sandboxcalls.c - the Sandbox service: what containerd asks of a pod without a pause container. */
#include "base/clock.h"
#include "base/pb.h"
#include "box/cgroup.h"
#include "box/systemd.h"
#include "pb/platform.pb-c.h"
#include "pb/sandbox_metrics.pb-c.h"
#include "ttrpc/metrics.h"
#include "ttrpc/podconfig.h"
#include "ttrpc/sandbox.h"

#include <string.h>
#include <sys/utsname.h>

#define S1(name_) Containerd__Runtime__Sandbox__V1__##name_

static char *text(const char *s)
{
	return (char *)(uintptr_t)s;
}

static struct sandbox *find(const struct shim *s, const char *id, struct err *e)
{
	if (s->sandbox && !strcmp(s->sandbox->id, id))
		return s->sandbox;
	rpc_fail(e, RPC_NOT_FOUND, "sandbox %s", id);
	return NULL;
}

static Google__Protobuf__Timestamp *timestamp(struct timespec t, struct arena *a)
{
	Google__Protobuf__Timestamp *out = t.tv_sec ? arena_alloc(a, sizeof(*out)) : NULL;
	if (!out)
		return NULL;
	google__protobuf__timestamp__init(out);
	out->seconds = t.tv_sec;
	out->nanos = (int32_t)t.tv_nsec;
	return out;
}

static int on_create(void *arg, const struct rpc *r, struct err *e)
{
	const S1(CreateSandboxRequest) *in = r->in;
	struct shim *s = arg;
	const pod_config *ignored;
	if (s->stopping)
		return rpc_fail(e, RPC_UNAVAILABLE, "this shim is shutting down");
	if (s->sandbox)
		return rpc_fail(e, RPC_ALREADY_EXISTS, "sandbox %s", s->sandbox->id);
	int rc = container_id_check(in->sandbox_id, e);
	if (rc == 0 && *in->bundle_path != '/')
		rc = refuse(e, EINVAL, "the bundle of sandbox %s: '%s' is not an absolute path",
			    in->sandbox_id, in->bundle_path);
	if (rc == 0 && *in->netns_path && *in->netns_path != '/')
		rc = refuse(e, EINVAL, "the network of sandbox %s: '%s' is not an absolute path",
			    in->sandbox_id, in->netns_path);
	if (rc == 0)
		rc = podconfig_read(in->options, r->arena, &ignored, e);
	return rc == 0 ? sandbox_create(s, in, e) : rc;
}

static int on_start(void *arg, const struct rpc *r, struct err *e)
{
	const S1(StartSandboxRequest) *in = r->in;
	struct sandbox *b = find(arg, in->sandbox_id, e);
	if (!b)
		return -e->code;
	if (b->state != SANDBOX_CREATED || b->stopping)
		return rpc_fail(e, RPC_FAILED_PRECONDITION, "sandbox %s has been started", b->id);
	return sandbox_start(b, r, e);
}

/* As Go names them. */
static const char *architecture(const char *machine, const char **variant)
{
	static const char *const names[][3] = {
		{ "x86_64", "amd64", "" },
		{ "aarch64", "arm64", "" },
		{ "armv7l", "arm", "v7" },
		{ "armv6l", "arm", "v6" },
		{ "i686", "386", "" },
		{ "i386", "386", "" },
		{ "loongarch64", "loong64", "" },
	};
	*variant = "";
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(machine, names[i][0])) {
			*variant = names[i][2];
			return names[i][1];
		}
	return machine; /* riscv64, ppc64le, s390x */
}

static int on_platform(void *arg, const struct rpc *r, struct err *e)
{
	const S1(PlatformRequest) *in = r->in;
	S1(PlatformResponse) *out = r->out;
	struct utsname name;
	const char *variant;
	if (!find(arg, in->sandbox_id, e))
		return -e->code;
	Containerd__Types__Platform *p = arena_alloc(r->arena, sizeof(*p));
	if (!p || uname(&name) < 0)
		return fail(e, p ? errno : ENOMEM, "platform");
	containerd__types__platform__init(p);
	p->os = text("linux");
	p->architecture = arena_str(r->arena, architecture(name.machine, &variant));
	p->variant = text(variant);
	out->platform = p;
	return p->architecture ? 0 : fail(e, ENOMEM, "platform");
}

static int on_stop(void *arg, const struct rpc *r, struct err *e)
{
	const S1(StopSandboxRequest) *in = r->in;
	struct sandbox *b = find(arg, in->sandbox_id, e);
	return b ? sandbox_stop(b, in->timeout_secs, r->request, e) : -e->code;
}

static int on_wait(void *arg, const struct rpc *r, struct err *e)
{
	const S1(WaitSandboxRequest) *in = r->in;
	struct sandbox *b = find(arg, in->sandbox_id, e);
	return b ? sandbox_wait(b, r->request, e) : -e->code;
}

/* What `crictl inspectp` shows as info: the keys that a pod with a pause container has, too. */
static int add_info(const struct sandbox *b, const struct rpc *r, S1(SandboxStatusResponse) * out,
		    struct err *e)
{
	auto_buf json = { 0 }, spec = { 0 };
	S1(SandboxStatusResponse__InfoEntry) *info = arena_alloc(r->arena, sizeof(*info));
	out->info = arena_array(r->arena, 1, sizeof(*out->info));
	if (!info || !out->info)
		return fail(e, ENOMEM, "sandbox %s", b->id);
	if (b->holder)
		state_read_spec(b->holder->dir, &spec, NULL);
	buf_printf(&json, "{\"pid\":%u,\"processStatus\":\"%s\",\"runtimeSpec\":%s}",
		   sandbox_pid(b), b->state == SANDBOX_READY ? "running" : "stopped",
		   spec.len ? spec.p : "null");
	containerd__runtime__sandbox__v1__sandbox_status_response__info_entry__init(info);
	info->key = text("info");
	info->value = json.failed ? NULL : arena_str(r->arena, json.p);
	out->info[0] = info;
	out->n_info = 1;
	return info->value ? 0 : fail(e, ENOMEM, "sandbox %s", b->id);
}

static int on_status(void *arg, const struct rpc *r, struct err *e)
{
	const S1(SandboxStatusRequest) *in = r->in;
	S1(SandboxStatusResponse) *out = r->out;
	const struct sandbox *b = find(arg, in->sandbox_id, e);
	if (!b)
		return -e->code;
	out->sandbox_id = text(b->id);
	out->pid = sandbox_pid(b);
	out->state = text(b->state == SANDBOX_READY ? "SANDBOX_READY" : "SANDBOX_NOTREADY");
	out->created_at = timestamp(b->created, r->arena);
	out->exited_at = timestamp(b->exited, r->arena);
	return in->verbose ? add_info(b, r, out, e) : 0;
}

static int on_ping(void *arg, const struct rpc *r, struct err *e)
{
	const S1(PingRequest) *in = r->in;
	return find(arg, in->sandbox_id, e) ? 0 : -e->code;
}

/* Also after a Create that failed. */
static int on_shutdown(void *arg, const struct rpc *r, struct err *e)
{
	const S1(ShutdownSandboxRequest) *in = r->in;
	struct shim *s = arg;
	if (s->sandbox && !find(s, in->sandbox_id, e))
		return -e->code;
	/* Of an end of the connection just after our answer, containerd may see the end alone, and
	 * here, unlike with a task's Shutdown, takes it for a failure. */
	s->lingering = true;
	if (s->sandbox)
		return sandbox_remove(s->sandbox, r->request, e);
	shim_leave(s);
	return 0;
}

/* A slice of systemd's may be named by its last part alone. */
static const char *cgroup_path(const char *cgroup, struct arena *a, struct err *e)
{
	size_t n = strlen(cgroup);
	bool slice = !strchr(cgroup, '/') && n > 6 && !strcmp(cgroup + n - 6, ".slice");
	return slice ? systemd_slice_path(cgroup, a, e) : cgroup;
}

/* Of the pod's cgroup, which is above its containers'. */
static int on_metrics(void *arg, const struct rpc *r, struct err *e)
{
	const S1(SandboxMetricsRequest) *in = r->in;
	S1(SandboxMetricsResponse) *out = r->out;
	const struct sandbox *b = find(arg, in->sandbox_id, e);
	struct cgroup cg = { 0 };
	struct strs paths;
	if (!b)
		return -e->code;
	if (!*b->cgroup)
		return rpc_fail(e, RPC_FAILED_PRECONDITION,
				"sandbox %s was given no cgroup of its own", b->id);
	const char *path = cgroup_path(b->cgroup, r->arena, e);
	int rc = path ? cgroup_locate(path, b->id, r->arena, &cg, e) : -e->code;
	if (rc < 0)
		return within(e, "metrics of sandbox %s", b->id);
	Containerd__Types__Metric *m = arena_alloc(r->arena, sizeof(*m));
	if (cgroup_paths(&cg, r->arena, &paths) < 0 || !m)
		return fail(e, ENOMEM, "metrics of sandbox %s", b->id);
	containerd__types__metric__init(m);
	m->id = text(b->id);
	m->timestamp = timestamp(clock_now(), r->arena);
	rc = metrics_read_all(&paths, (pid_t)sandbox_pid(b), r->arena, &m->data, e);
	out->metrics = m;
	return rc < 0 ? within(e, "sandbox %s", b->id) : 0;
}

#define P(name_)    containerd__runtime__sandbox__v1__##name_##__descriptor
#define IN(name_)   &P(name_##_request)
#define OUT(name_)  &P(name_##_response)
#define BOTH(name_) IN(name_), OUT(name_)

const struct method sandbox_methods[] = {
	{ "CreateSandbox", BOTH(create_sandbox), on_create },
	{ "StartSandbox", BOTH(start_sandbox), on_start },
	{ "Platform", BOTH(platform), on_platform },
	{ "StopSandbox", BOTH(stop_sandbox), on_stop },
	{ "WaitSandbox", BOTH(wait_sandbox), on_wait },
	{ "SandboxStatus", BOTH(sandbox_status), on_status },
	{ "PingSandbox", BOTH(ping), on_ping },
	{ "ShutdownSandbox", BOTH(shutdown_sandbox), on_shutdown },
	{ "SandboxMetrics", BOTH(sandbox_metrics), on_metrics },
	{ 0 },
};
