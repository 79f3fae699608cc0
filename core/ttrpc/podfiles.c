/* podfiles.c - what the containers of a pod share as files: its names, its DNS, its shared memory.
 */
#include "ttrpc/podfiles.h"
#include "base/file.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#define SHM_OPTIONS "mode=1777,size=65536k" /* as containerd's */

static const char *const files[] = { "hostname", "hosts", "resolv.conf" };
#define FILES (sizeof(files) / sizeof(files[0]))

static void add_line(struct buf *out, const char *first, char *const *words, size_t n)
{
	if (!n)
		return;
	buf_str(out, first);
	for (size_t i = 0; i < n; i++) {
		buf_char(out, ' ');
		buf_str(out, words[i]);
	}
	buf_char(out, '\n');
}

static int copy_of(const char *path, struct buf *out, struct err *e)
{
	int rc = file_read(-1, path, out, e);
	return rc == -ENOENT ? 0 : rc; /* then an empty one */
}

static int add_hostname(const pod_config *c, struct buf *out, struct err *e)
{
	char ours[HOST_NAME_MAX + 1] = "";
	if (!*c->hostname && gethostname(ours, sizeof(ours) - 1) < 0)
		return fail(e, errno, "our own hostname");
	buf_printf(out, "%s\n", *c->hostname ? c->hostname : ours);
	return 0;
}

static int add_hosts(const pod_config *c, struct buf *out, struct err *e)
{
	(void)c;
	return copy_of("/etc/hosts", out, e);
}

/* Without a word on it, the node's. */
static int add_dns(const pod_config *c, struct buf *out, struct err *e)
{
	const Runtime__V1__DNSConfig *d = c->dns_config;
	if (!d)
		return copy_of("/etc/resolv.conf", out, e);
	add_line(out, "search", d->searches, d->n_searches);
	for (size_t i = 0; i < d->n_servers; i++)
		add_line(out, "nameserver", &d->servers[i], 1);
	add_line(out, "options", d->options, d->n_options);
	return 0;
}

/* It is to be the pod's root's own, as what is in its image is. */
static int write_file(int dir, size_t which, const pod_config *c, struct err *e)
{
	static int (*const add[])(const pod_config *, struct buf *,
				  struct err *) = { add_hostname, add_hosts, add_dns };
	auto_buf text = { .max = (size_t)1 << 20 };
	uint32_t uid, gid;
	*e = (struct err){ 0 };
	int rc = add[which](c, &text, e);
	if (rc == 0 && text.failed)
		rc = refuse(e, E2BIG, "the sandbox's %s is too large", files[which]);
	if (rc == 0)
		rc = file_swap(dir, files[which], text.p ? text.p : "", text.len, 0644, e);
	podconfig_root(c, &uid, &gid);
	if (rc == 0 && uid && fchownat(dir, files[which], uid, gid, AT_SYMLINK_NOFOLLOW) < 0)
		rc = fail(e, errno, "give %s to %u", files[which], uid);
	return rc;
}

char *podfiles_shm(const char *bundle, struct arena *a)
{
	return arena_printf(a, "%s/rootfs", bundle);
}

static int mount_shm(const char *bundle, struct arena *a, struct err *e)
{
	const char *place = podfiles_shm(bundle, a);
	if (!place)
		return fail(e, E2BIG, "shared memory of the sandbox");
	return mount("shm", place, "tmpfs", MS_NOEXEC | MS_NOSUID | MS_NODEV, SHM_OPTIONS) < 0
		       ? fail(e, errno, "mount shared memory on %s", place)
		       : 0;
}

int podfiles_make(const char *bundle, const pod_config *c, struct arena *a, struct err *e)
{
	auto_close int dir = open(bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return fail(e, errno, "open bundle %s", bundle);
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < FILES; i++)
		rc = write_file(dir, i, c, e);
	return rc == 0 && podconfig_has_ipc(c) ? mount_shm(bundle, a, e) : rc;
}

static struct spec_mount *mount_at(struct spec_mounts *m, const char *destination)
{
	for (size_t i = m->n; i-- > 0;)
		if (!strcmp(m->v[i].destination, destination))
			return &m->v[i];
	return NULL;
}

static struct spec_mount bind_of(const char *source, const char *destination, bool read_only)
{
	static const char *options[] = { "rbind", "rprivate", "rw", "nosuid", "nodev", "noexec" };
	static const char *fixed[] = { "rbind", "rprivate", "ro", "nosuid", "nodev", "noexec" };
	return (struct spec_mount){
		.destination = destination,
		.source = source,
		.type = "bind",
		.options = { read_only ? fixed : options, sizeof(options) / sizeof(options[0]) },
	};
}

int podfiles_add(const struct spec *s, const char *bundle, bool shm, struct arena *a,
		 const struct spec **out, struct err *e)
{
	struct spec *with = arena_alloc(a, sizeof(*with));
	struct spec_mounts m = { arena_array(a, s->mounts.n + FILES, sizeof(*m.v)), s->mounts.n };
	const char *memory = podfiles_shm(bundle, a);
	if (!with || !m.v || !memory)
		return fail(e, E2BIG, "mounts");
	if (m.n)
		memcpy(m.v, s->mounts.v, m.n * sizeof(*m.v));
	struct spec_mount *own = mount_at(&m, "/dev/shm");
	if (shm && own && own->type && !strcmp(own->type, "tmpfs"))
		*own = bind_of(memory, "/dev/shm", false);
	for (size_t i = 0; i < FILES; i++) {
		const char *place = arena_printf(a, "/etc/%s", files[i]);
		const char *source = arena_printf(a, "%s/%s", bundle, files[i]);
		if (!place || !source)
			return fail(e, E2BIG, "mounts");
		if (!mount_at(&m, place))
			m.v[m.n++] = bind_of(source, place, s->root && s->root->readonly);
	}
	*with = *s;
	with->mounts = m;
	*out = with;
	return 0;
}
