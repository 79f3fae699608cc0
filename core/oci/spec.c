/* spec.c - an OCI runtime configuration: read, check, write. */
#include "oci/spec.h"
#include "base/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static bool given(const char *s)
{
	return s && *s;
}

static bool one_of(const char *s, const char *const *list)
{
	for (; *list; list++)
		if (!strcmp(s, *list))
			return true;
	return false;
}

int spec_save(const char *bundle, const char *file, const struct spec *s, struct err *e)
{
	auto_buf text = { 0 };
	auto_close int dir = open(bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return fail(e, errno, "open bundle %s", bundle);
	struct stat st; /* faccessat would need Linux 5.8 to look at a link itself */
	if (!file && fstatat(dir, "config.json", &st, AT_SYMLINK_NOFOLLOW) == 0)
		return refuse(e, EEXIST, "file config.json exists in %s; remove it first", bundle);
	spec_write(s, 4, &text);
	buf_char(&text, '\n');
	if (text.failed)
		return fail(e, ENOMEM, "write config.json");
	if (!file)
		return file_replace(dir, "config.json", text.p, text.len, 0666, e);
	auto_close int fd = openat(dir, file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	int rc = fd < 0 ? -errno : write_all(fd, text.p, text.len);
	return rc < 0 ? fail(e, rc, "write %s", file) : 0;
}

int spec_check_version(const char *version, struct err *e)
{
	unsigned major, minor, patch;
	char after = 0;
	/* runc runs a configuration that does not tell its version. */
	if (!given(version))
		return 0;
	if (sscanf(version, "%3u.%3u.%3u%c", &major, &minor, &patch, &after) < 3 ||
	    (after && after != '-' && after != '+'))
		return refuse(e, EINVAL, "ociVersion: '%.40s' is not a version", version);
	if (major > 1)
		return refuse(e, EINVAL,
			      "ociVersion: %.40s is not supported (this runtime follows %s)",
			      version, SPEC_VERSION);
	return 0;
}

static int check_namespaces(const struct spec_linux *l, struct err *e)
{
	static const char *const types[] = { "pid",  "network", "mount", "ipc", "uts",
					     "user", "cgroup",	"time",	 NULL };
	for (size_t i = 0; i < l->namespaces.n; i++) {
		const struct spec_namespace *n = &l->namespaces.v[i];
		if (!one_of(n->type, types))
			return refuse(e, EINVAL, "linux.namespaces[%zu].type: '%.40s' is unknown",
				      i, n->type);
		if (n->path && *n->path != '/')
			return refuse(
				e, EINVAL,
				"linux.namespaces[%zu].path: '%.200s' is not an absolute path", i,
				n->path);
		for (size_t k = 0; k < i; k++)
			if (!strcmp(l->namespaces.v[k].type, n->type))
				return refuse(e, EINVAL, "linux.namespaces[%zu]: %s is given twice",
					      i, n->type);
	}
	return 0;
}

static int check_mappings(const struct spec_id_mappings *m, const char *name, struct err *e)
{
	for (size_t i = 0; i < m->n; i++) {
		const struct spec_id_mapping *id = &m->v[i];
		if (!id->size)
			return refuse(e, EINVAL, "linux.%s[%zu].size: must not be 0", name, i);
		if ((uint64_t)id->host_id + id->size > UINT32_MAX + UINT64_C(1) ||
		    (uint64_t)id->container_id + id->size > UINT32_MAX + UINT64_C(1))
			return refuse(e, EINVAL, "linux.%s[%zu]: beyond the last id", name, i);
	}
	return 0;
}

static int check_user_namespace(const struct spec *s, struct err *e)
{
	const struct spec_namespace *user = spec_namespace(s, "user");
	int rc = check_mappings(&s->linux_->uid_mappings, "uidMappings", e);
	if (rc == 0)
		rc = check_mappings(&s->linux_->gid_mappings, "gidMappings", e);
	if (rc < 0 || !user || user->path)
		return rc;
	bool uids = s->linux_->uid_mappings.n;
	if (uids != !!s->linux_->gid_mappings.n)
		return refuse(e, EINVAL, "linux.%sMappings: missing, with a new user namespace",
			      uids ? "gid" : "uid");
	return 0;
}

/* A sysctl changes the whole machine unless its namespace is the container's own. */
static int check_sysctls(const struct spec *s, struct err *e)
{
	static const char *const ipc[] = {
		"kernel.msgmax", "kernel.msgmnb",	   "kernel.msgmni",
		"kernel.sem",	 "kernel.shmall",	   "kernel.shmmax",
		"kernel.shmmni", "kernel.shm_rmid_forced", NULL
	};
	for (size_t i = 0; i < s->linux_->sysctl.n; i++) {
		char name[128];
		const char *key = s->linux_->sysctl.v[i].key, *ns = NULL;
		if (snprintf(name, sizeof(name), "%s", key) >= (int)sizeof(name))
			return refuse(e, EINVAL, "linux.sysctl: '%.60s...' is too long", key);
		/* net/ipv4/ip_forward and net.ipv4.ip_forward are one; a/b.c is a.b/c: the first
		 * rules. */
		if (name[strcspn(name, "./")] == '/')
			for (char *p = name; *p; p++)
				*p = *p == '/' ? '.' : *p == '.' ? '/' : *p;
		if (strstr(key, "..") || !strncmp(key, "/", 1))
			return refuse(e, EINVAL, "linux.sysctl: %.100s is not a name", key);
		if (one_of(name, ipc) || !strncmp(name, "fs.mqueue.", 10))
			ns = "ipc";
		else if (!strncmp(name, "net.", 4))
			ns = "network";
		else if (!strcmp(name, "kernel.domainname"))
			ns = "uts";
		else if (!strncmp(name, "user.", 5))
			ns = "user";
		else
			return refuse(e, EINVAL,
				      "linux.sysctl: %s is the whole machine's, not a namespace's",
				      key);
		if (!spec_namespace(s, ns))
			return refuse(
				e, EINVAL,
				"linux.sysctl: %s needs a %s namespace of the container's own", key,
				ns);
		const char *value = s->linux_->sysctl.v[i].value;
		if (!strcmp(ns, "uts") && given(s->domainname) && strcmp(value, s->domainname) != 0)
			return refuse(e, EINVAL, "linux.sysctl: %s is not what domainname says",
				      key);
	}
	return 0;
}

static int check_hooks(const struct spec_hook_list *l, const char *name, struct err *e)
{
	for (size_t i = 0; i < l->n; i++) {
		if (*l->v[i].path != '/')
			return refuse(e, EINVAL,
				      "hooks.%s[%zu].path: '%.200s' is not an absolute path", name,
				      i, l->v[i].path);
		if (l->v[i].timeout.set && l->v[i].timeout.v <= 0)
			return refuse(e, EINVAL, "hooks.%s[%zu].timeout: must be above 0", name, i);
	}
	return 0;
}

static int check_all_hooks(const struct spec_hooks *h, struct err *e)
{
	const struct {
		const struct spec_hook_list *l;
		const char *name;
	} all[] = {
		{ &h->prestart, "prestart" },
		{ &h->create_runtime, "createRuntime" },
		{ &h->create_container, "createContainer" },
		{ &h->start_container, "startContainer" },
		{ &h->poststart, "poststart" },
		{ &h->poststop, "poststop" },
	};
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < sizeof(all) / sizeof(all[0]); i++)
		rc = check_hooks(all[i].l, all[i].name, e);
	return rc;
}

static int check_device_rules(const struct spec_resources *r, const char *at, struct err *e)
{
	static const char *const types[] = { "a", "c", "b", "", NULL };
	for (size_t i = 0; r && i < r->devices.n; i++) {
		const struct spec_device_rule *d = &r->devices.v[i];
		if (d->type && !one_of(d->type, types))
			return refuse(e, EINVAL, "%sdevices[%zu].type: '%.40s' is none of a b c",
				      at, i, d->type);
		if (!given(d->access)) /* runc's rule, too */
			return refuse(e, EINVAL, "%sdevices[%zu].access: missing", at, i);
		/* "a" says nothing; runc takes it, and so there are specs that have it. */
		if (d->access[strspn(d->access, "rwma")])
			return refuse(e, EINVAL, "%sdevices[%zu].access: '%.40s' is not of r w m",
				      at, i, d->access);
	}
	return 0;
}

static int check_devices(const struct spec_linux *l, struct err *e)
{
	static const char *const types[] = { "c", "b", "u", "p", NULL };
	for (size_t i = 0; i < l->devices.n; i++) {
		const struct spec_device *d = &l->devices.v[i];
		if (!one_of(d->type, types))
			return refuse(e, EINVAL,
				      "linux.devices[%zu].type: '%.40s' is none of c b u p", i,
				      d->type);
		if (*d->path != '/')
			return refuse(e, EINVAL,
				      "linux.devices[%zu].path: '%.200s' is not an absolute path",
				      i, d->path);
		/* The kernel's numbers: 12 and 20 bits. */
		if (d->major < 0 || d->major > 0xfff || d->minor < 0 || d->minor > 0xfffff)
			return refuse(e, EINVAL, "linux.devices[%zu]: no device is %lld:%lld", i,
				      (long long)d->major, (long long)d->minor);
		if ((d->uid.set && (d->uid.v < 0 || d->uid.v >= UINT32_MAX)) ||
		    (d->gid.set && (d->gid.v < 0 || d->gid.v >= UINT32_MAX)))
			return refuse(e, EINVAL, "linux.devices[%zu]: its owner is no id", i);
	}
	return 0;
}

static int check_linux(const struct spec *s, struct err *e)
{
	static const char *const propagations[] = { "",	       "private",    "rprivate",
						    "slave",   "rslave",     "shared",
						    "rshared", "unbindable", "runbindable",
						    NULL };
	const struct spec_linux *l = s->linux_;
	int rc = check_namespaces(l, e);
	if (rc == 0)
		rc = check_user_namespace(s, e);
	if (rc == 0)
		rc = check_sysctls(s, e);
	if (rc == 0)
		rc = check_devices(l, e);
	if (rc == 0)
		rc = check_device_rules(l->resources, "linux.resources.", e);
	if (rc < 0)
		return rc;
	const struct spec_namespace *time = spec_namespace(s, "time");
	if (l->time_offsets.n && (!time || time->path))
		return refuse(e, EINVAL,
			      "linux.timeOffsets: needs a new time namespace of the container's "
			      "own");
	if (l->seccomp && !given(l->seccomp->default_action))
		return refuse(e, EINVAL, "linux.seccomp.defaultAction: missing");
	if (l->rootfs_propagation && !one_of(l->rootfs_propagation, propagations))
		return refuse(e, EINVAL, "linux.rootfsPropagation: '%.40s' is unknown",
			      l->rootfs_propagation);
	if ((l->masked_paths.n || l->readonly_paths.n) && !spec_namespace(s, "mount"))
		return refuse(e, EINVAL, "linux.%s: needs a mount namespace of the container's own",
			      l->masked_paths.n ? "maskedPaths" : "readonlyPaths");
	return 0;
}

/* A path without "." and "..", as far as can be told without looking. */
static void clean(const char *path, char *out, size_t size)
{
	size_t n = 0;
	for (const char *p = path; *p;) {
		size_t len = strcspn(p, "/");
		if (len == 2 && !strncmp(p, "..", 2))
			while (n && out[--n] != '/')
				;
		else if (len && !(len == 1 && *p == '.') && n + len + 2 < size) {
			out[n++] = '/';
			memcpy(out + n, p, len);
			n += len;
		}
		p += len + strspn(p + len, "/");
	}
	out[n] = 0;
}

bool spec_mount_binds(const struct spec_mount *m)
{
	return strs_has(&m->options, "bind") || strs_has(&m->options, "rbind") ||
	       (m->type && !strcmp(m->type, "bind"));
}

static bool shows_proc(const struct spec_mount *m, bool bind)
{
	char source[4096];
	if (!bind)
		return m->type && !strcmp(m->type, "proc");
	clean(m->source ? m->source : "", source, sizeof(source));
	size_t pid = strspn(source + 6 * !strncmp(source, "/proc/", 6), "0123456789");
	bool held = pid && !strncmp(source + 6 + pid, "/fd/", 4); /* what somebody has open */
	return held || !strcmp(source, "/proc");
}

/* Over what is inside /proc only the files of lxcfs may go, as with runc: programs trust the
 * rest. */
static int check_mount(const struct spec_mount *m, size_t i, struct err *e)
{
	static const char *const fine[] = { "cpuinfo",
					    "diskstats",
					    "meminfo",
					    "stat",
					    "swaps",
					    "uptime",
					    "loadavg",
					    "slabinfo",
					    "sys/kernel/ns_last_pid",
					    "sys/crypto/fips_enabled",
					    NULL };
	char path[4096];
	if (!given(m->destination))
		return refuse(e, EINVAL, "mounts[%zu].destination: missing", i);
	clean(m->destination, path, sizeof(path));
	bool bind = spec_mount_binds(m);
	if (!*path)
		return refuse(e, EINVAL, "mounts[%zu].destination: / is for root.path", i);
	if (!strcmp(path, "/proc") && !shows_proc(m, bind))
		return refuse(e, EINVAL,
			      "mounts[%zu].destination: /proc cannot be mounted because it is not "
			      "of type proc",
			      i);
	if (!strncmp(path, "/proc/", 6) && !one_of(path + 6, fine))
		return refuse(e, EINVAL,
			      "mounts[%zu].destination: '%.200s' cannot be mounted because it is "
			      "inside /proc",
			      i, m->destination);
	return 0;
}

static int check(const struct spec *s, struct err *e)
{
	int rc = spec_check_version(s->oci_version, e);
	if (rc < 0)
		return rc;
	if (!s->process)
		return refuse(e, EINVAL, "process: missing");
	rc = spec_check_process(s->process, "process.", e);
	if (rc < 0)
		return rc;
	if (!s->root)
		return refuse(e, EINVAL, "root: missing");
	if (!given(s->root->path))
		return refuse(e, EINVAL, "root.path: missing");
	for (size_t i = 0; i < s->mounts.n; i++)
		if ((rc = check_mount(&s->mounts.v[i], i, e)) < 0)
			return rc;
	if (given(s->hostname) && !spec_namespace(s, "uts"))
		return refuse(e, EINVAL, "hostname: needs a uts namespace of the container's own");
	if (given(s->domainname) && !spec_namespace(s, "uts"))
		return refuse(e, EINVAL,
			      "domainname: needs a uts namespace of the container's own");
	if (s->hooks && (rc = check_all_hooks(s->hooks, e)) < 0)
		return rc;
	rc = check_linux(s, e);
	return rc == 0 ? spec_check_linux_process(s, e) : rc;
}

/* "proc", "/proc/" and "//proc/." are all "/proc": the first the spec forbids, but runc lets it
 * pass and configurations have it. Where ".." leads only the kernel can tell. */
static const char *plain_path(const char *path, struct arena *a)
{
	char *out = arena_alloc(a, strlen(path) + 2), *to = out;
	for (const char *p = path; out && *p;) {
		size_t n = strcspn(p, "/");
		if (n && !(n == 1 && *p == '.')) {
			*to++ = '/';
			memcpy(to, p, n);
			to += n;
		}
		p += n + strspn(p + n, "/");
	}
	if (to && to == out)
		*to = '/';
	return out;
}

/* As runc has it, "x/.." is nothing, whatever x is: a link, say, or not there. */
static const char *root_path(const char *path, struct arena *a)
{
	char *out = arena_str(a, path);
	if (!out)
		return NULL;
	bool absolute = *path == '/';
	char *first = out + absolute, *to = first, *least = first; /* after "../.." */
	for (const char *p = out; *(p += strspn(p, "/"));) {
		size_t n = strcspn(p, "/");
		bool up = n == 2 && p[0] == '.' && p[1] == '.';
		if (up && to > least) {
			while (to > least && *--to != '/')
				;
		} else if (!(n == 1 && *p == '.') && !(up && absolute)) {
			if (to > first)
				*to++ = '/';
			memmove(to, p, n);
			to += n;
			least = up ? to : least;
		}
		p += n;
	}
	if (to == out)
		*to++ = '.';
	*to = 0;
	return out;
}

/* Destinations as they are to be; and "" is as good as absent. */
static int normalize(struct spec *s, struct arena *a, struct err *e)
{
	if (!s->linux_ && !(s->linux_ = arena_alloc(a, sizeof(*s->linux_))))
		return fail(e, E2BIG, "a configuration");
	for (size_t i = 0; i < s->linux_->namespaces.n; i++)
		if (!given(s->linux_->namespaces.v[i].path))
			s->linux_->namespaces.v[i].path = NULL;
	/* Nothing said of it is none of it. */
	const struct spec_seccomp *seccomp = s->linux_->seccomp;
	if (seccomp && !given(seccomp->default_action) && !seccomp->syscalls.n)
		s->linux_->seccomp = NULL;
	/* Before 1.3 no processes were no limit: podman 4 writes it for --pids-limit -1. */
	struct spec_resources *r = s->linux_->resources;
	if (r && !r->pids_limit.v && given(s->oci_version) && strverscmp(s->oci_version, "1.3") < 0)
		r->pids_limit.set = false;
	if (s->root && s->root->path && strstr(s->root->path, "..") &&
	    !(s->root->path = root_path(s->root->path, a)))
		return refuse(e, E2BIG, "root.path: too large");
	for (size_t i = 0; i < s->mounts.n; i++) {
		const char **at = &s->mounts.v[i].destination;
		if (given(*at) && **at != '/')
			s->relative = *at;
		if (given(*at) && !(*at = plain_path(*at, a)))
			return refuse(e, E2BIG, "mounts[%zu].destination: too large", i);
	}
	return 0;
}

int spec_check(struct spec *s, struct arena *a, struct err *e)
{
	int rc = normalize(s, a, e);
	return rc < 0 ? rc : check(s, e);
}

int spec_parse(const char *text, size_t len, struct arena *a, const struct spec **out,
	       struct err *e)
{
	if (len > SPEC_MAX)
		return refuse(e, E2BIG, "larger than %zu bytes", SPEC_MAX);
	struct spec *s = arena_alloc(a, sizeof(*s));
	if (!s)
		return fail(e, E2BIG, "a configuration");
	int rc = json_read(text, len, spec_fields, s, a, e);
	if (rc < 0)
		return rc;
	rc = spec_check(s, a, e);
	if (rc == 0)
		*out = s;
	return rc;
}

int spec_read(int dir, const char *name, struct arena *a, const struct spec **out, struct err *e)
{
	auto_buf text = { .max = SPEC_MAX };
	int rc = file_read(dir, name, &text, e);
	if (rc < 0)
		return rc;
	rc = spec_parse(text.p ? text.p : "", text.len, a, out, e);
	return rc < 0 ? within(e, "%s", name) : 0;
}

int spec_process_parse(const char *text, size_t len, struct arena *a,
		       const struct spec_process **out, struct err *e)
{
	if (len > SPEC_MAX)
		return refuse(e, E2BIG, "larger than %zu bytes", SPEC_MAX);
	struct spec_process *p = arena_alloc(a, sizeof(*p));
	if (!p)
		return fail(e, E2BIG, "a process");
	int rc = json_read(text, len, spec_process_fields, p, a, e);
	if (rc == 0)
		rc = spec_check_process(p, "", e);
	if (rc == 0)
		*out = p;
	return rc;
}

int spec_resources_parse(const char *text, size_t len, struct arena *a,
			 const struct spec_resources **out, struct err *e)
{
	if (len > SPEC_MAX)
		return refuse(e, E2BIG, "larger than %zu bytes", SPEC_MAX);
	struct spec_resources *r = arena_alloc(a, sizeof(*r));
	int rc = r ? json_read(text, len, spec_resources_fields, r, a, e)
		   : fail(e, E2BIG, "resources");
	if (rc == 0)
		rc = check_device_rules(r, "", e);
	if (rc == 0)
		*out = r;
	return rc;
}

void spec_write(const struct spec *s, int indent, struct buf *out)
{
	json_write(out, spec_fields, s, indent);
}

const struct spec_namespace *spec_namespace(const struct spec *s, const char *type)
{
	for (size_t i = 0; s->linux_ && i < s->linux_->namespaces.n; i++)
		if (!strcmp(s->linux_->namespaces.v[i].type, type))
			return &s->linux_->namespaces.v[i];
	return NULL;
}
