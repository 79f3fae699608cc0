/* runvolume.c - the volumes of the store that a container gets. */
#include "monitor/runvolume.h"
#include "base/file.h"
#include "box/rootfs.h"
#include "image/volume.h"
#include "monitor/runparts.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static bool is_volume(const struct spec_mount *m)
{
	return m->type && !strcmp(m->type, VOLUME_TYPE);
}

bool volumes_wanted(const struct spec *s)
{
	for (size_t i = 0; i < s->mounts.n; i++)
		if (is_volume(&s->mounts.v[i]))
			return true;
	return false;
}

/* A directory of the image itself, not of what a root directory of the host may have mounted
 * there. */
static int open_content(int rootfs, const struct spec_mount *m)
{
	struct stat root, st;
	if (strs_has(&m->options, VOLUME_NOCOPY) || rootfs < 0)
		return -1;
	auto_close int fd = rootfs_open(rootfs, m->destination, O_RDONLY | O_DIRECTORY);
	bool own = fd >= 0 && fstat(fd, &st) == 0 && fstat(rootfs, &root) == 0 &&
		   st.st_dev == root.st_dev;
	return own ? take_fd(&fd) : -1;
}

/* Names those that have none, and says to the store who uses them: from then on nobody removes
 * them. */
static int claim(struct spec *s, struct volume *made, const struct volume_use *u, struct arena *a,
		 struct err *e)
{
	struct strs names = { arena_array(a, s->mounts.n + 1, sizeof(char *)), 0 };
	int rc = names.v ? 0 : option_room("volume", e);
	for (size_t i = 0; rc == 0 && i < s->mounts.n; i++) {
		const struct spec_mount *m = &s->mounts.v[i];
		struct volume *v = &made[names.n];
		if (!is_volume(m))
			continue;
		v->name = m->source;
		v->anonymous = !*m->source;
		rc = v->anonymous ? volume_name_make(a, &v->name, e) : 0;
		char mark = u->remove ? VOLUME_GOES : VOLUME_STAYS;
		names.v[names.n] = v->anonymous ? arena_printf(a, "%c%s", mark, v->name) : v->name;
		if (rc == 0 && !names.v[names.n++])
			rc = option_room("volume", e);
	}
	return rc == 0 && u->id ? volumes_note(u->store, u->id, &names, e) : rc;
}

static int apply_one(struct spec_mount *m, const struct volume *v, const struct volume_use *u,
		     struct arena *a, struct err *e)
{
	auto_close int content = open_content(u->rootfs, m);
	int rc = volume_use(u->store, v, content, e);
	m->source = rc < 0 ? NULL : volume_path(u->store, v->name, a, e);
	if (!m->source)
		return -e->code;
	m->type = "bind";
	words_remove(&m->options, VOLUME_NOCOPY);
	if (!u->mapped || strs_has(&m->options, "idmap"))
		return 0;
	const char **to = LIST_ADD(a, &m->options);
	if (!to)
		return option_room("volume", e);
	*to = "idmap";
	return 0;
}

int volumes_apply(struct spec *s, const struct volume_use *u, struct arena *a, struct err *e)
{
	struct volume *made = arena_array(a, s->mounts.n + 1, sizeof(*made));
	int rc = made ? claim(s, made, u, a, e) : option_room("volume", e);
	for (size_t i = 0; rc == 0 && i < s->mounts.n; i++)
		if (is_volume(&s->mounts.v[i]))
			rc = apply_one(&s->mounts.v[i], made++, u, a, e);
	return rc;
}
