/* runsource.c - sources of mounts that are no path of the host's. */
#include "monitor/runsource.h"
#include "base/file.h"
#include "base/walk.h"
#include "box/subid.h"
#include "image/treecopy.h"
#include "image/volume.h"
#include "monitor/cnbtree.h"
#include "monitor/obtain.h"
#include "monitor/runparts.h"
#include "monitor/runvolume.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_image(const struct spec_mount *m)
{
	return m->type && !strcmp(m->type, SOURCE_IMAGE);
}

static bool is_volume(const struct spec_mount *m)
{
	return m->type && !strcmp(m->type, VOLUME_TYPE);
}

/* The path in it, NULL: all of it. */
static const char *part_of(const struct spec_mount *m)
{
	for (size_t i = 0; i < m->options.n; i++)
		if (!strncmp(m->options.v[i], SOURCE_PART, strlen(SOURCE_PART)))
			return m->options.v[i] + strlen(SOURCE_PART);
	return NULL;
}

static bool is_covered(const struct spec_mount *m)
{
	return strs_has(&m->options, SOURCE_COVERED);
}

/* It gets another source. */
static bool is_made(const struct spec_mount *m)
{
	return is_image(m) || is_covered(m) || part_of(m);
}

bool sources_wanted(const struct spec *s)
{
	for (size_t i = 0; i < s->mounts.n; i++)
		if (is_made(&s->mounts.v[i]))
			return true;
	return false;
}

int sources_refuse(const struct spec *s, struct err *e)
{
	for (size_t i = 0; i < s->mounts.n; i++)
		if (is_made(&s->mounts.v[i]))
			return refuse(e, ENOTSUP,
				      "the mount on %s: a bundle's config.json has no words for "
				      "it: only coracle run has images, parts of volumes and "
				      "overlays",
				      s->mounts.v[i].destination);
	return 0;
}

bool source_is_held(const struct spec_mount *m)
{
	int n = 0;
	return sscanf(m->source, "/proc/%*d/fd/%*d%n", &n) == 0 && n && !m->source[n];
}

static void forget_words(struct spec_mount *m)
{
	const char *part = part_of(m);
	words_remove(&m->options, SOURCE_GIVEN);
	words_remove(&m->options, SOURCE_COVERED);
	if (part)
		words_remove(&m->options, part - strlen(SOURCE_PART));
}

bool sources_empty(struct spec *s)
{
	bool any = false;
	for (size_t i = 0; i < s->mounts.n; i++) {
		struct spec_mount *m = &s->mounts.v[i];
		forget_words(m);
		if (!is_volume(m) && !is_image(m))
			continue;
		*m = (struct spec_mount){ .destination = m->destination,
					  .type = "tmpfs",
					  .source = "tmpfs" };
		any = true;
	}
	return any;
}

/* --- images --- */

static int obtain_one(struct sources *all, const struct store *s, const struct run_options *o,
		      const char *name, struct arena *a, struct err *e)
{
	struct source_image *to = &all->images[all->images_n];
	if (all->images_n == SOURCES_MAX)
		return refuse(e, E2BIG, "option --mount: more than %d images", SOURCES_MAX);
	int rc = obtain(s, name, o, a, &to->image, e);
	if (rc < 0)
		return within(e, "option --mount");
	to->name = name;
	all->images_n++;
	return 0;
}

bool sources_are_images(const struct run_options *o)
{
	for (size_t i = 0; i < o->mounts.n; i++)
		if (strstr(o->mounts.v[i], "=" SOURCE_IMAGE))
			return true;
	return false;
}

int sources_obtain(struct sources *all, const struct store *s, const struct run_options *o,
		   struct arena *a, struct err *e)
{
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < o->mounts.n; i++) {
		struct spec_mount m = { 0 };
		rc = runspec_mount(o->mounts.v[i], a, &m, e);
		if (rc == 0 && is_image(&m))
			rc = obtain_one(all, s, o, m.source, a, e);
	}
	return rc;
}

static const struct image *find_image(const struct sources *all, const char *name)
{
	for (size_t i = 0; i < all->images_n; i++)
		if (!strcmp(all->images[i].name, name))
			return all->images[i].image;
	return NULL;
}

/* --- one mount --- */

/* The id that the files of one of the container's have to have. */
static int64_t file_id(const struct spec_id_mappings *l, uint32_t id)
{
	for (size_t i = 0; i < l->n; i++)
		if (id >= l->v[i].container_id && id - l->v[i].container_id < l->v[i].size)
			return (int64_t)l->v[i].host_id + id - l->v[i].container_id;
	return -1;
}

/* What a machine cannot live without is nobody else's. */
static bool is_dear(const char *path)
{
	static const char *const dear[] = {
		"/",	    "/bin",	 "/boot",      "/dev",	   "/etc",    "/home", "/lib",
		"/lib64",   "/media",	 "/mnt",       "/opt",	   "/proc",   "/root", "/run",
		"/sbin",    "/srv",	 "/sys",       "/tmp",	   "/usr",    "/var",  "/usr/bin",
		"/usr/lib", "/usr/sbin", "/usr/share", "/var/lib", "/var/log"
	};
	for (size_t i = 0; i < sizeof(dear) / sizeof(dear[0]); i++)
		if (!strcmp(path, dear[i]))
			return true;
	return false;
}

static int give(int fd, const struct spec_mount *m, const struct spec_user *user,
		const struct source_use *u, struct err *e)
{
	int64_t uid = user->uid, gid = user->gid;
	/* Where the mount maps ids the files have the container's own. */
	if (u->maps && !strs_has(&m->options, "idmap")) {
		uid = file_id(u->maps->uids, user->uid);
		gid = file_id(u->maps->gids, user->gid);
	}
	if (uid < 0 || gid < 0)
		return refuse(e, EINVAL, "the container's user %u is nobody outside", user->uid);
	return tree_own(fd, (uid_t)uid, (gid_t)gid, e);
}

static int open_whole(const struct sources *all, const struct spec_mount *m, const char *name,
		      const struct source_use *u, struct err *e)
{
	struct beside w = { .name = name, .ids = u->ids, .lower = -1 };
	if (!is_image(m)) {
		int fd = open(m->source, O_PATH | O_CLOEXEC);
		return fd < 0 ? fail(e, errno, "%s", m->source) : fd;
	}
	w.image = find_image(all, m->source);
	if (!w.image)
		return refuse(e, ENOENT, "no image %s", m->source);
	if (u->maps && !u->ids && !subid_alone())
		return refuse(e, ENOTSUP,
			      "an image cannot be shown with other ids here: it goes "
			      "not with --userns");
	return image_mount_beside(u->store, u->id, &w, e);
}

/* Nothing that is swapped meanwhile leads out of it. */
static int open_part(int whole, const char *part, const struct spec_mount *m, struct err *e)
{
	const struct open_how how = { .flags = O_PATH | O_CLOEXEC,
				      .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS };
	int fd = walk_open(whole, part, &how);
	if (fd == -EXDEV)
		return refuse(e, EXDEV, "the path '%s' leads out of %s", part, m->source);
	if (fd < 0)
		return fail(e, fd, "the path '%s' in %s", part, m->source);
	if (!is_image(m))
		return fd;
	/* Of what is mounted nowhere. */
	auto_close int old = fd;
	int clone = sys_open_tree(old, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (clone < 0 && errno == EINVAL)
		return refuse(e, ENOTSUP, "a part of an image needs Linux 6.15: leave subpath out");
	return clone < 0 ? fail(e, errno, "the path '%s' in %s", part, m->source) : clone;
}

static int cover(int lower, const char *name, const struct source_use *u, struct err *e)
{
	const struct beside w = { .name = name, .ids = u->ids, .lower = lower };
	return image_mount_beside(u->store, u->id, &w, e);
}

/* What is asked for of it, and may be. Whole is closed. */
static int open_wanted(int whole, const struct spec_mount *m, struct arena *a, struct err *e)
{
	struct stat st;
	auto_close int fd = whole;
	const char *part = part_of(m), *path = "";
	bool covered = is_covered(m), given = strs_has(&m->options, SOURCE_GIVEN);
	if (part)
		put_fd(&fd, open_part(fd, part, m, e));
	if (fd >= 0 && given)
		path = path_of(fd, a, e);
	if (fd < 0 || !path)
		return -e->code;
	if (is_dear(path))
		return refuse(e, EPERM, "%s is the machine's, and not for a container's user",
			      path);
	if (covered && (fstat(fd, &st) < 0 || !S_ISDIR(st.st_mode)))
		return refuse(e, ENOTDIR, "only a directory can have an overlay");
	return take_fd(&fd);
}

static int make_one(struct sources *all, struct spec_mount *m, const struct spec_user *user,
		    const struct source_use *u, struct arena *a, struct err *e)
{
	struct stat st;
	bool made = is_made(m), covered = is_covered(m),
	     given = strs_has(&m->options, SOURCE_GIVEN);
	char name[16];
	if (!made && !given)
		return 0;
	if (all->n == SOURCES_MAX)
		return refuse(e, E2BIG, "more than %d such mounts", SOURCES_MAX);
	snprintf(name, sizeof(name), "%zu", all->n);
	auto_close int fd = open_whole(all, m, name, u, e);
	if (fd >= 0)
		fd = open_wanted(fd, m, a, e);
	int rc = fd < 0 ? fd : given ? give(fd, m, user, u, e) : 0;
	if (rc == 0 && covered)
		put_fd(&fd, rc = cover(fd, name, u, e));
	if (rc < 0)
		return rc;
	if (fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode))
		words_remove(&m->options, "rro");
	if (covered)
		words_remove(&m->options, "idmap");
	forget_words(m);
	m->type = "bind";
	if (!made)
		return 0;
	m->source = arena_printf(a, "/proc/%d/fd/%d", getpid(), fd);
	all->fds[all->n++] = take_fd(&fd);
	return m->source ? 0 : option_room("mount", e);
}

int sources_make(struct sources *all, struct spec *s, const struct source_use *u, struct arena *a,
		 struct err *e)
{
	for (size_t i = 0; i < s->mounts.n; i++)
		if (make_one(all, &s->mounts.v[i], &s->process->user, u, a, e) < 0)
			return within(e, "the mount on %s", s->mounts.v[i].destination);
	return 0;
}

/* In a directory of the store that goes again. */
static int try_image(const struct sources *all, const struct spec_mount *m, const struct store *s,
		     struct arena *a, struct err *e)
{
	char name[STORE_WORK_NAME];
	const struct image *image = find_image(all, m->source);
	int work = image ? store_work_begin(s, name, e) : -1;
	if (work < 0)
		return image ? work : 0;
	int whole = image_mount_work(s, image, work, e);
	auto_close int fd = whole < 0 ? whole : open_wanted(whole, m, a, e);
	int rc = fd < 0 ? fd : 0;
	put_fd(&fd, -1);
	store_work_end(s, work, name);
	return rc;
}

/* Whether a new volume begins with what the image has where it is mounted elsewhere. */
static bool is_filled(const struct spec *spec, const char *name)
{
	for (size_t i = 0; *name && i < spec->mounts.n; i++) {
		const struct spec_mount *m = &spec->mounts.v[i];
		if (is_volume(m) && !strcmp(m->source, name) &&
		    !strs_has(&m->options, VOLUME_NOCOPY))
			return true;
	}
	return false;
}

static int try_one(const struct sources *all, const struct spec *spec, const struct spec_mount *m,
		   const struct store *s, struct arena *a, struct err *e)
{
	const char *path = m->source, *part = part_of(m);
	if (is_image(m))
		return part ? try_image(all, m, s, a, e) : 0;
	if (is_volume(m))
		path = *path && *path != '/' && part ? volume_path(s, path, a, e) : "";
	if (!path)
		return -e->code;
	int whole = open(path, O_PATH | O_CLOEXEC);
	if (whole < 0 && is_volume(m) && part && !is_filled(spec, m->source))
		return fail(e, ENOENT, "the path '%s' in a new volume", part);
	auto_close int fd = whole < 0 ? whole : open_wanted(whole, m, a, e);
	return whole >= 0 && fd < 0 ? fd : 0;
}

int sources_try(const struct sources *all, const struct spec *spec, const struct store *s,
		struct arena *a, struct err *e)
{
	for (size_t i = 0; i < spec->mounts.n; i++) {
		const struct spec_mount *m = &spec->mounts.v[i];
		bool asked = is_made(m) || strs_has(&m->options, SOURCE_GIVEN);
		if (asked && try_one(all, spec, m, s, a, e) < 0)
			return within(e, "the mount on %s", m->destination);
	}
	return 0;
}

void sources_end(struct sources *all)
{
	while (all->n)
		put_fd(&all->fds[--all->n], -1);
}
