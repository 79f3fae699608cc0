/* runspace.c - which namespaces a container has of its own, and what it needs of those it has not.
 */
#include "box/subid.h"
#include "monitor/runjoin.h"
#include "monitor/runparts.h"
#include "monitor/runuserns.h"

#include <string.h>
#include <unistd.h>

enum space { NETWORK, PID, IPC, UTS, CGROUP, SPACES };

static const struct {
	const char *option, *type;
} spaces[] = {
	[NETWORK] = { "network", "network" },
	[PID] = { "pid", "pid" },
	[IPC] = { "ipc", "ipc" },
	[UTS] = { "uts", "uts" },
	[CGROUP] = { "cgroupns", "cgroup" },
};

/* Takes namespace i away (which), or makes it a new one or that of a path. */
static int space_set(struct spec *s, enum space i, const char *value, struct arena *a,
		     struct err *e)
{
	size_t kept = 0;
	bool own = !value || !strcmp(value, i == NETWORK ? "none" : "private") ||
		   (i == IPC && (!strcmp(value, "none") || !strcmp(value, "shareable")));
	bool host = value && !strcmp(value, "host");
	bool path = value && !strncmp(value, "ns:/", 4);
	if (!own && !host && !path)
		return option_refuse(
			spaces[i].option, value,
			i == NETWORK
				? "one of none, host, ns:/proc/PID/ns/net or, of run, container:ID"
			: i == IPC ? "one of private, shareable, none, host, ns:PATH or, of run, "
				     "container:ID"
				   : "one of private, host, ns:PATH or, of run, container:ID",
			e);
	for (size_t k = 0; k < s->linux_->namespaces.n; k++)
		if (strcmp(s->linux_->namespaces.v[k].type, spaces[i].type))
			s->linux_->namespaces.v[kept++] = s->linux_->namespaces.v[k];
	s->linux_->namespaces.n = kept;
	struct spec_namespace *to = host ? NULL : LIST_ADD(a, &s->linux_->namespaces);
	if (host)
		return 0;
	if (!to)
		return option_room(spaces[i].option, e);
	*to = (struct spec_namespace){ spaces[i].type, path ? value + 3 : NULL };
	return 0;
}

/* The host's network comes with the host's names. */
static int host_files(struct spec *s, const struct run_options *o, struct arena *a, struct err *e)
{
	static const char *const files[] = { "/etc/resolv.conf:/etc/resolv.conf:ro",
					     "/etc/hosts:/etc/hosts:ro" };
	const bool own[] = { resolver_own(o), o->hosts.n || o->no_hosts };
	for (size_t i = 0; i < 2; i++) {
		struct spec_mount m;
		if (own[i]) /* with more to say, a file of its own */
			continue;
		int rc = runspec_volume(files[i], a, &m, e);
		if (rc < 0)
			return rc;
		if (source_check("network", &m, NULL) < 0)
			continue;
		struct spec_mount *to = LIST_ADD(a, &s->mounts);
		if (!to)
			return option_room("network", e);
		*to = m;
	}
	return 0;
}

/* Not mounted anew, but shown as `source` is. */
static int bind(struct spec_mount *m, const char *source, struct arena *a, struct err *e)
{
	static const char *const bound[] = { "rbind", "nosuid", "noexec", "nodev" };
	const size_t n = sizeof(bound) / sizeof(bound[0]);
	struct strs options = { list_grow(a, bound, n, 1, sizeof(*bound)), n };
	if (!options.v)
		return option_room("mount", e);
	if (strs_has(&m->options, "ro"))
		options.v[options.n++] = "ro";
	*m = (struct spec_mount){ m->destination, "none", source, options, { 0 }, { 0 } };
	return 0;
}

/* Mounts that come with a namespace. */
static const struct {
	const char *destination;
	enum space space;
	bool always; /* not only where a user namespace may not make its own */
} shared[SHARED] = { [SHARED_SYS] = { "/sys", NETWORK, false },
		     [SHARED_PROC] = { "/proc", PID, false },
		     [SHARED_MQUEUE] = { "/dev/mqueue", IPC, false },
		     [SHARED_SHM] = { "/dev/shm", IPC, true } };

/* Where that mount is to be found: with the host's namespace it is the host's, with another
 * container's that one's. "": nowhere, so there is none. NULL: it may be made anew. */
static const char *shared_source(const struct spec *s, const struct run_options *o, enum shared i)
{
	bool user = subid_inside() || userns_wanted(o);
	const char *path = shared[i].destination;
	const struct spec_namespace *ns = spec_namespace(s, spaces[shared[i].space].type);
	if (i == SHARED_SHM && o->ipc && !strcmp(o->ipc, "none"))
		return "";
	if ((!shared[i].always && !user) || (ns && !ns->path))
		return NULL;
	const char *theirs = ns && o->joined ? o->joined->shown[i] : NULL;
	if (theirs && *theirs)
		return theirs;
	if (!ns || i == SHARED_SYS)
		return access(path, F_OK) < 0 ? "" : path;
	return theirs || i == SHARED_MQUEUE ? "" : NULL;
}

/* What is of a namespace comes with it: whoever has the host's IPC sees the host's shared memory.
 * What the mounts of a usual container need, a user's may not have: a group 5, and for sysfs, proc
 * and mqueue a namespace of its own. */
static int adapt_mounts(struct spec *s, const struct run_options *o, struct arena *a, struct err *e)
{
	int rc = 0;
	size_t kept = 0;
	for (size_t i = 0; rc == 0 && i < s->mounts.n; i++) {
		struct spec_mount *m = &s->mounts.v[kept++];
		*m = s->mounts.v[i];
		if (subid_alone() && m->type && !strcmp(m->type, "devpts"))
			words_remove(&m->options, "gid=5");
		enum shared k = 0;
		while (k < SHARED && strcmp(m->destination, shared[k].destination) != 0)
			k++;
		const char *source = k < SHARED ? shared_source(s, o, k) : NULL;
		if (source && *source)
			rc = bind(m, source, a, e);
		kept -= source && !*source;
	}
	s->mounts.n = kept;
	return rc;
}

int spaces_apply(struct spec *s, const struct run_options *o, struct arena *a, struct err *e)
{
	const char *const values[] = { o->network, o->pid, o->ipc, o->uts, o->cgroupns };
	for (enum space i = 0; i < SPACES; i++) {
		int rc = space_set(s, i, values[i], a, e);
		if (rc < 0)
			return rc;
	}
	const struct spec_namespace *uts = spec_namespace(s, "uts");
	if (!uts || uts->path) {
		if (o->hostname || o->domainname)
			return refuse(e, EINVAL,
				      "option --uts: with another's there is no --hostname nor "
				      "--domainname: they would become those of the other");
		s->hostname = s->domainname = NULL;
	}
	int rc = adapt_mounts(s, o, a, e);
	bool host = !spec_namespace(s, "network");
	return rc == 0 && host && !s->root->readonly ? host_files(s, o, a, e) : rc;
}
