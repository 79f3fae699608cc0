/* systemd.c - a container's scope: a transient unit of systemd's, made and ended over D-Bus. */
#include "box/systemd.h"
#include "base/dbus.h"
#include "base/file.h"
#include "box/systemd_props.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SERVICE	  "org.freedesktop.systemd1"
#define MANAGER	  SERVICE ".Manager"
#define OBJECT	  "/org/freedesktop/systemd1"
#define ANSWER_MS 30000 /* for an answer, and then for what was asked to be done */

/* A connection to a manager, and what it said of our unit's jobs. */
struct manager {
	struct dbus bus;
	bool direct; /* no bus between us and it */
	const char *unit;
	char job[256], ended[256], result[32]; /* ours; the last that ended, and how */
};

static bool is_dir(const char *path)
{
	struct stat st;
	return lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool systemd_as_user(void)
{
	char line[64] = "";
	unsigned inside, outside, count;
	auto_close int fd = openat(-1, "/proc/self/uid_map", O_RDONLY | O_CLOEXEC);
	if (geteuid() != 0)
		return true;
	return fd >= 0 && read(fd, line, sizeof(line) - 1) > 0 &&
	       sscanf(line, "%u %u %u", &inside, &outside, &count) == 3 && count != UINT32_MAX;
}

/* "prefix-name.scope", and the slice it is in. */
int systemd_unit_parse(const char *path, const char *id, bool user, struct arena *a,
		       struct systemd_unit *out, struct err *e)
{
	const char *usual = user ? "user.slice" : "system.slice";
	struct systemd_unit u = { .slice = usual, .user = user };
	if (!path || !*path) {
		u.name = arena_printf(a, "coracle-%s.scope", id);
	} else {
		char *slice = arena_str(a, path), *prefix = slice ? strchr(slice, ':') : NULL;
		char *name = prefix ? strchr(prefix + 1, ':') : NULL;
		if (slice && (*path == '/' || !name || strchr(name + 1, ':')))
			return refuse(e, EINVAL,
				      "linux.cgroupsPath: expected cgroupsPath to be of format "
				      "\"slice:prefix:name\" for systemd cgroups, got \"%.200s\" "
				      "instead",
				      path);
		if (!slice)
			return fail(e, ENOMEM, "linux.cgroupsPath");
		*prefix++ = 0;
		*name++ = 0;
		size_t n = strlen(name);
		if (!n || strchr(name, '/') || strchr(prefix, '/'))
			return refuse(e, EINVAL,
				      "linux.cgroupsPath: '%.200s' has no name for the scope",
				      path);
		if (n > 6 && !strcmp(name + n - 6, ".slice"))
			return refuse(e, EINVAL,
				      "linux.cgroupsPath: '%.200s': a container is a scope, "
				      "which a slice cannot be",
				      path);
		u.slice = *slice ? slice : usual;
		u.name = arena_printf(a, "%s%s%s.scope", prefix, *prefix ? "-" : "", name);
	}
	if (!u.name)
		return fail(e, ENOMEM, "linux.cgroupsPath");
	*out = u;
	return 0;
}

/* "a-b.slice" is in "a.slice". */
char *systemd_slice_path(const char *slice, struct arena *a, struct err *e)
{
	size_t n = strlen(slice);
	char *out = arena_str(a, "");
	if (!strcmp(slice, "-.slice"))
		return out;
	if (n < 7 || strcmp(slice + n - 6, ".slice") || *slice == '-' || slice[n - 7] == '-' ||
	    strstr(slice, "--") || strchr(slice, '/')) {
		refuse(e, EINVAL, "linux.cgroupsPath: '%.200s' is not the name of a slice", slice);
		return NULL;
	}
	for (size_t i = 1; out && i <= n - 6; i++)
		if (slice[i] == '-' || i == n - 6)
			out = arena_printf(a, "%s/%.*s.slice", out, (int)i, slice);
	if (!out)
		fail(e, ENOMEM, "linux.cgroupsPath");
	return out;
}

/* What happens to jobs of other units is not ours to know. */
static void on_signal(void *arg, const struct dbus_message *s)
{
	struct manager *m = arg;
	struct dbus_reader body = s->body;
	if (!m->unit || strcmp(s->member, "JobRemoved") != 0 || strcmp(s->interface, MANAGER) != 0)
		return;
	dbus_get_u32(&body);
	const char *job = dbus_get_str(&body), *unit = dbus_get_str(&body),
		   *result = dbus_get_str(&body);
	if (body.bad || strcmp(unit, m->unit) != 0)
		return;
	snprintf(m->ended, sizeof(m->ended), "%s", job);
	snprintf(m->result, sizeof(m->result), "%s", result);
}

static bool job_ended(void *arg)
{
	const struct manager *m = arg;
	return !strcmp(m->job, m->ended);
}

static int try_open(struct manager *m, const char *path, bool bus, struct err *e)
{
	int rc = dbus_open(&m->bus, path, bus, ANSWER_MS, e);
	if (rc < 0)
		dbus_close(&m->bus);
	m->direct = !bus;
	return rc;
}

/* A bus that the environment names is meant; else systemd's own socket, which needs no bus to be
 * there, then the usual bus. */
static int open_manager(struct manager *m, bool user, const char *unit, struct err *e)
{
	char path[PATH_MAX];
	const char *name = user ? "DBUS_SESSION_BUS_ADDRESS" : "DBUS_SYSTEM_BUS_ADDRESS";
	const char *address = getenv(name), *runtime = getenv("XDG_RUNTIME_DIR");
	struct err why = { 0 };
	*m = (struct manager){ .bus.fd = -1, .unit = unit };
	if (!is_dir("/run/systemd/system"))
		return refuse(e, ENOTSUP,
			      "systemd not running on this host, cannot use systemd cgroups "
			      "manager");
	int rc = -ENOENT;
	if (address && *address) {
		if (dbus_address(address, path, sizeof(path)) < 0)
			return refuse(e, EINVAL, "%s: no unix:path=... in '%.200s'", name, address);
		rc = try_open(m, path, true, &why);
	}
	if (rc < 0 && !user) {
		rc = try_open(m, "/run/systemd/private", false, &why);
		rc = rc < 0 ? try_open(m, "/run/dbus/system_bus_socket", true, &why) : rc;
	} else if (rc < 0) {
		char dir[PATH_MAX];
		snprintf(dir, sizeof(dir), "/run/user/%u", (unsigned)geteuid());
		runtime = runtime && *runtime ? runtime : dir;
		snprintf(path, sizeof(path), "%s/systemd/private", runtime);
		rc = try_open(m, path, false, &why);
		snprintf(path, sizeof(path), "%s/bus", runtime);
		rc = rc < 0 ? try_open(m, path, true, &why) : rc;
	}
	m->bus.on_signal = on_signal;
	m->bus.arg = m;
	return rc < 0 ? refuse(e, -rc, "systemd cannot be reached: %s", why.msg) : 0;
}

static int call(struct manager *m, const char *member, const char *signature,
		const struct buf *body, struct dbus_message *reply, struct err *e)
{
	const struct dbus_call c = { .destination = m->direct ? NULL : SERVICE,
				     .path = OBJECT,
				     .interface = MANAGER,
				     .member = member,
				     .signature = signature,
				     .body = body,
				     .no_reply = !reply };
	if (reply)
		return dbus_ask(&m->bus, &c, reply, e);
	int64_t rc = dbus_send(&m->bus, &c, e);
	return rc < 0 ? (int)rc : 0;
}

/* A bus passes on only what one asked for; a peer tells of all jobs. */
static int listen_for_jobs(struct manager *m, struct err *e)
{
	char rule[1024];
	auto_buf body = { 0 };
	const struct dbus_call match = { .destination = "org.freedesktop.DBus",
					 .path = "/org/freedesktop/DBus",
					 .interface = "org.freedesktop.DBus",
					 .member = "AddMatch",
					 .signature = "s",
					 .body = &body,
					 .no_reply = true };
	if (m->direct)
		return 0;
	snprintf(rule, sizeof(rule),
		 "type='signal',sender='" SERVICE "',interface='" MANAGER
		 "',member='JobRemoved',arg2='%.500s'",
		 m->unit);
	dbus_put_str(&body, rule);
	int64_t rc = dbus_send(&m->bus, &match, e);
	return rc < 0 ? (int)rc : call(m, "Subscribe", NULL, NULL, NULL, e);
}

/* Calls what begins a job, and waits for its end: "done", or why not. */
static int do_job(struct manager *m, const char *member, const char *signature,
		  const struct buf *body, struct err *e)
{
	struct dbus_message reply;
	struct err why = { 0 };
	int rc = call(m, member, signature, body, &reply, &why);
	if (rc == -EREMOTEIO && !strcmp(reply.error, SERVICE ".NoSuchUnit"))
		return -ENOENT;
	if (rc == -EREMOTEIO && !strcmp(reply.error, SERVICE ".UnitExists"))
		return refuse(e, EEXIST, "systemd already has a unit %s", m->unit);
	if (rc == -EREMOTEIO && !strcmp(reply.error, "org.freedesktop.DBus.Error.PropertyReadOnly"))
		return refuse(e, ENOTSUP, "systemd: unit %s: %s", m->unit, why.msg);
	if (rc < 0)
		return refuse(e, -rc, "systemd: unit %s: %s", m->unit, why.msg);
	snprintf(m->job, sizeof(m->job), "%s", dbus_get_str(&reply.body));
	rc = dbus_wait(&m->bus, job_ended, &why);
	if (rc < 0)
		return refuse(e, -rc, "systemd: unit %s: %s: not done within %d seconds: %s",
			      m->unit, member, ANSWER_MS / 1000, why.msg);
	return strcmp(m->result, "done")
		       ? refuse(e, EIO, "systemd: unit %s: %s: %s", m->unit, member, m->result)
		       : 0;
}

static void reset_failed(struct manager *m)
{
	auto_buf body = { 0 };
	struct dbus_message reply;
	dbus_put_str(&body, m->unit);
	call(m, "ResetFailedUnit", "s", &body, &reply, NULL);
}

/* One that fails is there until it is forgotten, with why: who looks for it finds it. Always
 * counted, as the files would be without systemd. */
static void put_common(struct buf *b, const struct systemd_unit *u, pid_t pid)
{
	auto_buf text = { 0 };
	buf_printf(&text, "Coracle container %s", u->name);
	prop_str(b, "Description", text.p ? text.p : u->name);
	prop_str(b, "Slice", u->slice);
	prop_bool(b, "Delegate", true);
	prop_bool(b, "DefaultDependencies", false);
	prop_bool(b, "CPUAccounting", true);
	prop_bool(b, "MemoryAccounting", true);
	prop_bool(b, "IOAccounting", true);
	prop_bool(b, "TasksAccounting", true);
	prop_begin(b, "PIDs", "au");
	struct dbus_array pids = dbus_array_begin(b, 'u');
	dbus_put_u32(b, (uint32_t)pid);
	dbus_array_end(b, pids);
}

struct start {
	const struct systemd_unit *u;
	pid_t pid;
	const struct systemd_limits *l;
	const struct pairs *annotations;
};

/* newer: with what systemd 239 does not know; it does without. */
static int start(struct manager *m, const struct start *s, bool newer, struct err *e)
{
	auto_buf body = { .max = DBUS_MESSAGE_MAX };
	dbus_put_str(&body, s->u->name);
	dbus_put_str(&body, "fail");
	struct dbus_array properties = dbus_array_begin(&body, '(');
	put_common(&body, s->u, s->pid);
	int rc = systemd_put_limits(&body, s->l, newer, e);
	if (rc == 0)
		rc = systemd_put_annotations(&body, s->annotations, e);
	if (rc < 0)
		return rc;
	dbus_array_end(&body, properties);
	dbus_array_end(&body, dbus_array_begin(&body, '(')); /* no further units */
	return do_job(m, "StartTransientUnit", "ssa(sv)a(sa(sv))", &body, e);
}

int systemd_start(const struct systemd_unit *u, pid_t pid, const struct systemd_limits *l,
		  const struct pairs *annotations, struct err *e)
{
	struct manager m;
	struct err why = { 0 };
	const struct start s = { u, pid, l, annotations };
	int rc = open_manager(&m, u->user, u->name, e);
	if (rc < 0)
		return rc;
	rc = listen_for_jobs(&m, &why);
	if (rc == 0)
		rc = start(&m, &s, true, &why);
	if (rc == -EEXIST) { /* one that failed is still remembered */
		reset_failed(&m);
		why = (struct err){ 0 };
		rc = start(&m, &s, true, &why);
	}
	if (rc == -ENOTSUP) {
		why = (struct err){ 0 };
		rc = start(&m, &s, false, &why);
	}
	if (rc < 0 && rc != -EEXIST)
		reset_failed(&m);
	dbus_close(&m.bus);
	return rc < 0 ? refuse(e, -rc, "%s", why.msg) : 0;
}

static int update(struct manager *m, const struct systemd_limits *l, bool newer, struct err *e)
{
	auto_buf body = { .max = DBUS_MESSAGE_MAX };
	struct dbus_message reply;
	dbus_put_str(&body, m->unit);
	dbus_put_u32(&body, true); /* until the next boot */
	struct dbus_array properties = dbus_array_begin(&body, '(');
	int rc = systemd_put_limits(&body, l, newer, e);
	if (rc < 0)
		return rc;
	bool any = body.len > properties.start;
	dbus_array_end(&body, properties);
	return any ? call(m, "SetUnitProperties", "sba(sv)", &body, &reply, e) : 0;
}

int systemd_update(const struct systemd_unit *u, const struct systemd_limits *l, struct err *e)
{
	struct manager m;
	struct err why = { 0 };
	int rc = open_manager(&m, u->user, u->name, e);
	if (rc < 0)
		return rc;
	rc = update(&m, l, true, &why);
	if (rc == -EREMOTEIO) {
		struct err again = { 0 };
		if (update(&m, l, false, &again) == 0)
			rc = 0;
	}
	dbus_close(&m.bus);
	return rc < 0 ? refuse(e, -rc, "systemd: unit %s: %s", u->name, why.msg) : 0;
}

int systemd_attach(const struct systemd_unit *u, pid_t pid, struct err *e)
{
	struct manager m;
	struct dbus_message reply;
	struct err why = { 0 };
	auto_buf body = { 0 };
	int rc = open_manager(&m, u->user, u->name, e);
	if (rc < 0)
		return rc;
	dbus_put_str(&body, u->name);
	dbus_put_str(&body, "/");
	struct dbus_array pids = dbus_array_begin(&body, 'u');
	dbus_put_u32(&body, (uint32_t)pid);
	dbus_array_end(&body, pids);
	rc = call(&m, "AttachProcessesToUnit", "ssau", &body, &reply, &why);
	dbus_close(&m.bus);
	return rc < 0 ? refuse(e, -rc, "systemd: unit %s: %s", u->name, why.msg) : 0;
}

int systemd_stop(const struct systemd_unit *u, struct err *e)
{
	struct manager m;
	auto_buf body = { 0 };
	int rc = open_manager(&m, u->user, u->name, e);
	if (rc < 0)
		return rc;
	dbus_put_str(&body, u->name);
	dbus_put_str(&body, "replace");
	rc = listen_for_jobs(&m, e);
	if (rc == 0)
		rc = do_job(&m, "StopUnit", "ss", &body, e);
	reset_failed(&m);
	dbus_close(&m.bus);
	return rc == -ENOENT ? 0 : rc;
}

void systemd_forget(const struct systemd_unit *u)
{
	struct manager m;
	if (open_manager(&m, u->user, u->name, NULL) < 0)
		return;
	reset_failed(&m);
	dbus_close(&m.bus);
}

int systemd_user_cgroup(struct arena *a, const char **out, struct err *e)
{
	struct manager m;
	struct dbus_message reply;
	auto_buf body = { 0 };
	int rc = open_manager(&m, true, NULL, e);
	if (rc < 0)
		return rc;
	const struct dbus_call get = { .destination = m.direct ? NULL : SERVICE,
				       .path = OBJECT,
				       .interface = "org.freedesktop.DBus.Properties",
				       .member = "Get",
				       .signature = "ss",
				       .body = &body };
	dbus_put_str(&body, MANAGER);
	dbus_put_str(&body, "ControlGroup");
	rc = dbus_ask(&m.bus, &get, &reply, e);
	if (rc == 0) {
		dbus_get_variant(&reply.body);
		const char *path = dbus_get_str(&reply.body);
		*out = arena_str(a, path);
		if (reply.body.bad || *path != '/')
			rc = refuse(e, EPROTO, "systemd did not say which cgroup is the user's");
		else if (!*out)
			rc = fail(e, ENOMEM, "ask systemd for the user's cgroup");
	}
	dbus_close(&m.bus);
	return rc;
}
