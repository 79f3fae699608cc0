/* runvolume.c - the volumes of the store that a container gets. */
#include "monitor/runvolume.h"
#include "base/file.h"
#include "box/rootfs.h"
#include "container/container.h"
#include "image/volume.h"
#include "monitor/runparts.h"
#include "monitor/runsource.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define FILES "/_data" /* of a volume, see volume_path */

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

/* Whether it was made for a container alone: with the last that has it, it goes. */
static bool is_anonymous(const struct spec_mount *m, const struct store *s, struct arena *a)
{
	struct volume v;
	if (!*m->source)
		return true;
	return strs_has(&m->options, VOLUME_INHERITED) &&
	       volume_read(s, m->source, a, &v, &(struct err){ 0 }) == 0 && v.anonymous;
}

/* What is inherited has the path of its files: here it gets the name. Of another store it stays
 * that directory: one of the same name here has nothing to do with it. */
static int settle_inherited(struct spec_mount *m, const struct store *s, struct arena *a,
			    struct err *e)
{
	const char *whole = arena_strn(a, m->source, strlen(m->source) - strlen(FILES));
	const char *name = whole ? strrchr(whole, '/') + 1 : NULL;
	const char *own = name ? volume_path(s, name, a, e) : NULL;
	if (!own)
		return whole ? -e->code : option_room("volumes-from", e);
	if (!strcmp(own, m->source)) {
		m->source = name;
		words_remove(&m->options, "idmap");
		return 0;
	}
	m->type = "bind";
	words_remove(&m->options, VOLUME_INHERITED);
	return 0;
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
		v->anonymous = is_anonymous(m, u->store, a);
		rc = *m->source ? 0 : volume_name_make(a, &v->name, e);
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
	words_remove(&m->options, VOLUME_INHERITED);
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
	int rc = made ? 0 : option_room("volume", e);
	for (size_t i = 0; rc == 0 && i < s->mounts.n; i++)
		if (is_volume(&s->mounts.v[i]) && *s->mounts.v[i].source == '/')
			rc = settle_inherited(&s->mounts.v[i], u->store, a, e);
	if (rc == 0)
		rc = claim(s, made, u, a, e);
	for (size_t i = 0; rc == 0 && i < s->mounts.n; i++)
		if (is_volume(&s->mounts.v[i]))
			rc = apply_one(&s->mounts.v[i], made++, u, a, e);
	return rc;
}

/* Of a record the paths of mounts that were asked for, a line each. */
#define NOTE_MOUNTS "coracle.mounts"

int volumes_remember(struct spec *s, size_t first, struct arena *a, struct err *e)
{
	auto_buf text = { 0 };
	for (size_t i = 0; i < s->mounts.n; i++)
		if (is_volume(&s->mounts.v[i]) ||
		    (i >= first && strcmp(s->mounts.v[i].type, "tmpfs") != 0 &&
		     strcmp(s->mounts.v[i].type, SOURCE_IMAGE) != 0))
			buf_printf(&text, "%s\n", s->mounts.v[i].destination);
	const char *note = text.len ? arena_str(a, text.p) : NULL;
	if (text.failed || (text.len && !note))
		return option_room("volume", e);
	return note ? runspec_note(s, NOTE_MOUNTS, note, a, e) : 0;
}

/* The volume whose files are there is one again, by volumes_apply(): who uses it is to be known. */
static int find_volume(struct spec_mount *m, const char *store, struct arena *a)
{
	const char *all = store ? arena_printf(a, "%s/volumes/", store) : NULL;
	size_t n = all ? strlen(all) : 0, name;
	if (!all || strncmp(m->source, all, n) != 0)
		return store && !all ? -E2BIG : 0;
	name = strcspn(m->source + n, "/");
	if (strcmp(m->source + n + name, FILES) != 0)
		return 0;
	m->type = VOLUME_TYPE;
	m->options.v[m->options.n++] = VOLUME_INHERITED;
	return 0;
}

/* mode: "", "ro" or "rw". */
static int inherit_one(struct run_options *o, const struct spec_mount *m, const char *mode,
		       const char *store, struct arena *a)
{
	struct spec_mount *to = LIST_ADD(a, &o->inherited);
	if (!to)
		return -E2BIG;
	*to = *m;
	if (!to->type) /* of a bundle: one that is bound needs none */
		to->type = "bind";
	to->options.v = list_grow(a, m->options.v, m->options.n, 3, sizeof(char *));
	if (!to->options.v)
		return -E2BIG;
	if (*mode) {
		words_remove(&to->options, "ro");
		words_remove(&to->options, "rro");
	}
	if (!strcmp(mode, "ro")) {
		to->options.v[to->options.n++] = "ro";
		to->options.v[to->options.n++] = "rro";
	}
	return find_volume(to, store, a);
}

static bool is_noted(const char *note, const char *path)
{
	size_t n = strlen(path);
	for (; *note; note += strcspn(note, "\n"), note += *note == '\n')
		if (!strncmp(note, path, n) && note[n] == '\n')
			return true;
	return false;
}

static int inherit_all(struct run_options *o, struct container *c, const char *mode,
		       struct arena *a, struct err *e)
{
	const struct spec *s;
	const char *note = pairs_get(&c->state.annotations, NOTE_MOUNTS);
	const char *store = c->state.store ? arena_str(a, c->state.store) : NULL;
	int rc = container_spec(c, a, &s, e);
	for (size_t i = 0; rc == 0 && note && i < s->mounts.n; i++) {
		const struct spec_mount *m = &s->mounts.v[i];
		if (!is_noted(note, m->destination) || !m->source)
			continue;
		if (source_is_held(m))
			rc = refuse(e, EINVAL,
				    "option --volumes-from: what %s has on %s is its own, made for "
				    "it: ask for it with --mount or -v",
				    c->id, m->destination);
		else if (inherit_one(o, m, mode, store, a) < 0)
			rc = option_room("volumes-from", e);
	}
	return rc;
}

/* Of "ro,z" what is not about labels, which we have none of. */
static int read_mode(const char *text, const char **out, struct arena *a, struct err *e)
{
	struct strs words;
	const char *colon = strchr(text, ':');
	*out = "";
	if (!colon)
		return 0;
	if (words_split(colon + 1, ",", a, &words) < 0)
		return option_room("volumes-from", e);
	bool good = words.n > 0;
	for (size_t i = 0; good && i < words.n; i++) {
		const char *word = words.v[i];
		bool mode = !strcmp(word, "ro") || !strcmp(word, "rw");
		good = mode ? !**out : !strcmp(word, "z");
		*out = mode ? word : *out;
	}
	return good ? 0 : option_refuse("volumes-from", text, "CONTAINER[:ro|rw]", e);
}

int volumes_inherit(struct run_options *o, const char *root, struct arena *a, struct err *e)
{
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < o->volumes_from.n; i++) {
		struct container *c = NULL;
		const char *text = o->volumes_from.v[i], *mode = "";
		const char *id = arena_strn(a, text, strcspn(text, ":"));
		rc = id ? read_mode(text, &mode, a, e) : option_room("volumes-from", e);
		if (rc < 0)
			return rc;
		rc = container_open(root, id, &c, e);
		rc = rc < 0 ? within(e, "option --volumes-from") : inherit_all(o, c, mode, a, e);
		container_close(c);
	}
	return rc;
}
