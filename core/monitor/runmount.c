/* runmount.c - the mounts that a user asks for: -v, --mount, --tmpfs. */
#include "base/cli.h"
#include "base/file.h"
#include "image/tree.h"
#include "image/volume.h"
#include "monitor/runparts.h"
#include "monitor/runsource.h"
#include "monitor/runvolume.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#define EXAMPLE_VOLUME "SOURCE:TARGET[:OPTIONS] such as /srv/data:/data:ro or mydata:/data"

#define NO_COPY "notmpcopyup" /* a word for what is so without it */

/* Those it begins with, and for each word at most two. */
#define OPTIONS_MAX (3 * WORDS_MAX)

static void option_add(struct spec_mount *m, const char *text)
{
	if (m->options.n < OPTIONS_MAX)
		m->options.v[m->options.n++] = text;
}

/* What a mount of that type has unless its options say otherwise. */
static int mount_begin(struct spec_mount *m, const char *type, struct arena *a)
{
	bool bind = strcmp(type, "tmpfs") != 0;
	m->options = (struct strs){ arena_array(a, OPTIONS_MAX + 1, sizeof(*m->options.v)), 0 };
	m->type = type;
	if (!m->options.v)
		return -E2BIG;
	option_add(m, bind ? "rbind" : "nosuid");
	if (bind)
		return 0;
	m->source = type;
	option_add(m, "nodev");
	option_add(m, "noexec");
	return 0;
}

/* Read-only means: all of it, also what is mounted further down. */
static void option_readonly(struct spec_mount *m)
{
	option_add(m, "ro");
	if (strcmp(m->type, "tmpfs") != 0)
		option_add(m, "rro");
}

/* Absolute, and something below the root: as the shortest word for it. */
static bool target_good(struct spec_mount *m, struct arena *a)
{
	char clean[PATH_MAX];
	struct err why;
	const char *path = m->destination;
	if (!path || *path != '/' || path_clean(path, clean, &why) < 0 || !*clean)
		return false;
	m->destination = arena_printf(a, "/%s", clean);
	return m->destination;
}

static int target_refuse(const char *option, const char *text, const char *target, struct err *e)
{
	return refuse(e, EINVAL,
		      "option --%s: %s: the target '%s' is not an absolute path such as /data",
		      option, text, target ? target : "");
}

static bool is_one_of(const char *word, const char *const *list)
{
	while (*list && strcmp(*list, word))
		list++;
	return *list;
}

static const char *const propagations[] = { "private",	  "rprivate",	 "shared",
					    "rshared",	  "slave",	 "rslave",
					    "unbindable", "runbindable", NULL };

/* False: not a word of -v, nor one of --mount without a value. */
static bool volume_word(struct spec_mount *m, const char *word)
{
	static const char *const known[] = { "rw",   "rbind", "nosuid", "nodev",   "noexec",
					     "suid", "dev",   "exec",	"noatime", "bind",
					     "rro",  "idmap", NULL };
	/* Labels of SELinux, which nobody changes here, and words for other systems. */
	static const char *const nothing[] = { "z",	     "Z",    "cached", "delegated",
					       "consistent", "copy", NULL };
	if (!strcmp(word, "ro"))
		option_readonly(m);
	else if (!strcmp(word, "bind"))
		m->options.v[0] = word; /* in the place of rbind */
	else if (!strcmp(word, VOLUME_NOCOPY) && !strcmp(m->type, VOLUME_TYPE))
		option_add(m, word);
	else if (!strcmp(word, SOURCE_GIVEN) || !strcmp(word, SOURCE_COVERED))
		option_add(m, word);
	else if (is_one_of(word, known) || is_one_of(word, propagations))
		option_add(m, word);
	else
		return is_one_of(word, nothing);
	return true;
}

static int volume_option(struct spec_mount *m, const char *word, const char *text, struct err *e)
{
	if (volume_word(m, word))
		return 0;
	return refuse(e, EINVAL,
		      "option --volume: %s: unknown option '%s'; known are ro, rw, rshared, noexec "
		      "and such",
		      text, word);
}

int runspec_volume(const char *text, struct arena *a, struct spec_mount *out, struct err *e)
{
	struct strs part, words;
	struct spec_mount m = { 0 };
	if (words_split(text, ":", a, &part) < 0)
		return option_room("volume", e);
	bool alone = !strchr(text, ':') && *text == '/'; /* one without a name */
	if ((part.n < 2 && !alone) || part.n > 3 || !*part.v[0])
		return option_refuse("volume", text, EXAMPLE_VOLUME, e);
	const char *source = alone ? "" : part.v[0];
	bool path = *source == '/' || *source == '.';
	if (mount_begin(&m, path ? "bind" : VOLUME_TYPE, a) < 0)
		return option_room("volume", e);
	m.source = *source == '.' ? path_absolute(a, source) : source;
	m.destination = part.v[alone ? 0 : 1];
	if (!m.source)
		return fail(e, errno, "option --volume: %s", source);
	if (words_split(part.n == 3 ? part.v[2] : "", ",", a, &words) < 0)
		return option_room("volume", e);
	if (*source && !path && volume_name_check(source, e) < 0)
		return refuse(
			e, EINVAL,
			"option --volume: %s: '%s' is neither a path nor a name of a volume: a "
			"directory is ./%s",
			text, source, source);
	if (!target_good(&m, a))
		return target_refuse("volume", text, m.destination, e);
	for (size_t i = 0; i < words.n; i++) {
		int rc = volume_option(&m, words.v[i], text, e);
		if (rc < 0)
			return rc;
	}
	if (strs_has(&m.options, SOURCE_COVERED) && strs_has(&m.options, SOURCE_GIVEN))
		return refuse(e, EINVAL,
			      "option --volume: %s: what U gives away O would not change: give "
			      "either",
			      text);
	*out = m;
	return 0;
}

enum key {
	TYPE,
	SOURCE,
	TARGET,
	READONLY,
	WRITABLE,
	PROPAGATION,
	RECURSIVE,
	ALONE,
	SIZE,
	MODE,
	NOCOPY,
	PART,
	GIVEN,
	NOTHING
};

/* What a key is known for. */
enum { BIND = 1, VOLUME = 2, TMPFS = 4, IMAGE = 8 };

static const struct {
	const char *name;
	unsigned type;
	const char *known;
} types[] = {
	{ "bind", BIND,
	  "known for a bind: known are source=, target=, readonly, bind-propagation=rshared, "
	  "bind-recursive=disabled" },
	{ VOLUME_TYPE, VOLUME,
	  "known for a volume: known are source=, target=, readonly, volume-nocopy, "
	  "volume-subpath=" },
	{ SOURCE_IMAGE, IMAGE, "known for an image: known are source=, target=, subpath=, rw" },
	{ "tmpfs", TMPFS,
	  "known for a tmpfs: known are target=, readonly, tmpfs-size=64m, tmpfs-mode=1777" },
};
#define TYPES (sizeof(types) / sizeof(types[0]))

static const struct {
	const char *name;
	enum key key;
	unsigned types;
} keys[] = {
	{ "type", TYPE, BIND | VOLUME | TMPFS | IMAGE },
	{ "source", SOURCE, BIND | VOLUME | IMAGE },
	{ "src", SOURCE, BIND | VOLUME | IMAGE },
	{ "target", TARGET, BIND | VOLUME | TMPFS | IMAGE },
	{ "destination", TARGET, BIND | VOLUME | TMPFS | IMAGE },
	{ "dst", TARGET, BIND | VOLUME | TMPFS | IMAGE },
	{ "readonly", READONLY, BIND | VOLUME | TMPFS | IMAGE },
	{ "ro", READONLY, BIND | VOLUME | TMPFS | IMAGE },
	{ "rw", WRITABLE, BIND | VOLUME | TMPFS | IMAGE },
	{ "bind-propagation", PROPAGATION, BIND },
	{ "bind-recursive", RECURSIVE, BIND },
	{ "bind-nonrecursive", ALONE, BIND },
	{ "tmpfs-size", SIZE, TMPFS },
	{ "tmpfs-mode", MODE, TMPFS },
	{ "volume-nocopy", NOCOPY, VOLUME },
	{ "readwrite", WRITABLE, IMAGE },
	{ "subpath", PART, VOLUME | IMAGE },
	{ "volume-subpath", PART, VOLUME },
	{ "image-subpath", PART, IMAGE },
	{ SOURCE_GIVEN, GIVEN, BIND | VOLUME },
	{ "chown", GIVEN, BIND | VOLUME },
	{ "consistency", NOTHING, BIND | VOLUME | TMPFS | IMAGE },
	{ "relabel", NOTHING, BIND | VOLUME | TMPFS | IMAGE },
};
#define KEYS (sizeof(keys) / sizeof(keys[0]))

static int mount_refuse(const char *text, const char *word, const char *what, struct err *e)
{
	return refuse(e, EINVAL, "option --mount: %s: '%s' is not %s", text, word, what);
}

/* Of a tmpfs: its size or mode. */
static int tmpfs_number(struct spec_mount *m, enum key key, const char *value, struct arena *a)
{
	int64_t n;
	char *end;
	if (key == SIZE && size_parse(value, &n) < 0)
		return -EINVAL;
	if (key == MODE) {
		n = strtol(value, &end, 8);
		if (!*value || *end || n > 07777)
			return -EINVAL;
	}
	const char *option = arena_printf(a, key == SIZE ? "size=%lld" : "mode=%llo", (long long)n);
	if (option)
		option_add(m, option);
	return n < 0 ? -EINVAL : option ? 0 : -E2BIG;
}

/* "", "true", "1", "false", "0". */
static bool flag_parse(const char *value, bool *out)
{
	*out = !*value || !strcasecmp(value, "true") || !strcmp(value, "1");
	return *out || !strcasecmp(value, "false") || !strcmp(value, "0");
}

static void set_flag(struct spec_mount *m, enum key key, bool yes)
{
	if (key == READONLY || key == WRITABLE) {
		words_remove(&m->options, "ro");
		words_remove(&m->options, "rro");
		if (yes == (key == READONLY))
			option_readonly(m);
	} else if (yes && key == GIVEN) {
		option_add(m, SOURCE_GIVEN);
	}
	if (yes && key == NOCOPY)
		option_add(m, VOLUME_NOCOPY);
	else if (yes && key == ALONE)
		m->options.v[0] = "bind";
}

/* A path inside, where to podman "/" is: what it leads to is looked for when it is known whose. */
static bool add_part(struct spec_mount *m, const char *path, struct arena *a)
{
	path += strspn(path, "/");
	const char *word = *path ? arena_printf(a, SOURCE_PART "%s", path) : NULL;
	if (word)
		option_add(m, word);
	if (word && !strcmp(m->type, VOLUME_TYPE))
		option_add(m, VOLUME_NOCOPY);
	return word;
}

/* False: not a value of that key's. */
static bool key_set(struct spec_mount *m, enum key key, const char *value, struct arena *a)
{
	static const char *const recursive[] = { "enabled", "readonly", "writable", NULL };
	bool yes;
	switch (key) {
	case SOURCE:
		m->source = *value == '.' ? path_absolute(a, value) : value;
		return m->source;
	case TARGET:
		m->destination = value;
		return true;
	case PART:
		return add_part(m, value, a);
	case READONLY:
	case WRITABLE:
	case ALONE:
	case NOCOPY:
	case GIVEN:
		if (!flag_parse(value, &yes))
			return false;
		set_flag(m, key, yes);
		return true;
	case PROPAGATION:
		option_add(m, value);
		return is_one_of(value, propagations);
	case RECURSIVE:
		if (!strcmp(value, "disabled"))
			m->options.v[0] = "bind";
		return !strcmp(value, "disabled") || is_one_of(value, recursive);
	case SIZE:
	case MODE:
		return tmpfs_number(m, key, value, a) == 0;
	case TYPE:
	case NOTHING:
		break;
	}
	return true;
}

/* What is a tmpfs without a copy is every one that does not say so. */
static bool tmpfs_word(struct spec_mount *m, const char *word)
{
	static const char *const known[] = { "nosuid", "nodev", "noexec",  "suid",	"dev",
					     "exec",   "sync",	"noatime", "tmpcopyup", NULL };
	if (is_one_of(word, known))
		option_add(m, word);
	return is_one_of(word, known) || !strcmp(word, NO_COPY);
}

/* One KEY[=VALUE] of --mount, when the type is known. */
static int mount_word(struct spec_mount *m, size_t type, const char *word, const char *text,
		      struct arena *a, struct err *e)
{
	size_t n = strcspn(word, "="), i = 0;
	while (i < KEYS && (strlen(keys[i].name) != n || strncasecmp(keys[i].name, word, n) != 0))
		i++;
	bool known = i < KEYS && (keys[i].types & types[type].type);
	if (known && key_set(m, keys[i].key, word[n] ? word + n + 1 : "", a))
		return 0;
	if (i == KEYS && types[type].type != IMAGE &&
	    (types[type].type == TMPFS ? tmpfs_word(m, word) : volume_word(m, word)))
		return 0;
	return mount_refuse(text, word, types[type].known, e);
}

/* As docker has it a volume, unless it says so or its source is a path. */
static int find_type(const struct strs *words, const char *text, size_t *out, struct err *e)
{
	const char *type = NULL, *source = "";
	for (size_t i = 0; i < words->n; i++) {
		const char *word = words->v[i];
		if (!strncasecmp(word, "type=", 5))
			type = word + 5;
		else if (!strncasecmp(word, "src=", 4) || !strncasecmp(word, "source=", 7))
			source = strchr(word, '=') + 1;
	}
	if (!type)
		type = *source == '/' || *source == '.' ? "bind" : VOLUME_TYPE;
	for (*out = 0; *out < TYPES; (*out)++)
		if (!strcmp(types[*out].name, type))
			return 0;
	return mount_refuse(text, type, "a type: there are bind, volume, image and tmpfs", e);
}

/* Its words, as a line of a CSV file has them: one with a comma is in quotes. */
static int mount_split(const char *text, struct arena *a, struct strs *out)
{
	char *to = arena_strn(a, text, strlen(text)), *word = to;
	const char **v = arena_array(a, WORDS_MAX + 1, sizeof(*v));
	size_t n = 0;
	bool quoted = false;
	if (!to || !v)
		return -E2BIG;
	for (const char *p = text; n < WORDS_MAX; p++) {
		bool end = !*p || (*p == ',' && !quoted);
		if (*p == '"' && quoted && p[1] == '"')
			*to++ = *p++;
		else if (*p == '"')
			quoted = !quoted;
		else
			*to++ = end ? 0 : *p;
		if (!end)
			continue;
		v[n++] = word;
		word = to;
		if (!*p) {
			*out = (struct strs){ v, n };
			return quoted ? -EINVAL : 0;
		}
	}
	return -E2BIG;
}

int runspec_mount(const char *text, struct arena *a, struct spec_mount *out, struct err *e)
{
	struct strs words;
	struct spec_mount m = { 0 };
	size_t type;
	int rc = mount_split(text, a, &words);
	if (rc < 0)
		return rc == -EINVAL ? mount_refuse(text, "\"", "followed by another one", e)
				     : option_room("mount", e);
	rc = find_type(&words, text, &type, e);
	if (rc < 0)
		return rc;
	if (mount_begin(&m, types[type].name, a) < 0)
		return option_room("mount", e);
	if (types[type].type == VOLUME)
		m.source = "";
	if (types[type].type == IMAGE)
		option_readonly(&m);
	for (size_t i = 0; rc == 0 && i < words.n; i++)
		rc = mount_word(&m, type, words.v[i], text, a, e);
	if (rc < 0)
		return rc;
	if (strs_has(&words, "bind-recursive=writable"))
		words_remove(&m.options, "rro");
	if (!target_good(&m, a))
		return target_refuse("mount", text, m.destination, e);
	if (types[type].type == BIND && (!m.source || m.source[0] != '/'))
		return mount_refuse(text, m.source ? m.source : "",
				    "an absolute source such as source=/srv/data", e);
	if (types[type].type == IMAGE && (!m.source || !*m.source))
		return mount_refuse(text, "", "an image such as source=app:1", e);
	if (types[type].type == VOLUME && *m.source && volume_name_check(m.source, e) < 0)
		return within(e, "option --mount: %s", text);
	*out = m;
	return 0;
}

int runspec_tmpfs(const char *text, struct arena *a, struct spec_mount *out, struct err *e)
{
	size_t n = strcspn(text, ":");
	struct strs words;
	struct spec_mount m = { .destination = arena_strn(a, text, n) };
	if (!m.destination || mount_begin(&m, "tmpfs", a) < 0 ||
	    words_split(text + n + !!text[n], ",", a, &words) < 0)
		return option_room("tmpfs", e);
	if (!target_good(&m, a))
		return target_refuse("tmpfs", text, m.destination, e);
	for (size_t i = 0; i < words.n; i++)
		if (strcmp(words.v[i], NO_COPY) != 0)
			option_add(&m, words.v[i]);
	*out = m;
	return 0;
}

int source_check(const char *option, struct spec_mount *m, struct err *e)
{
	struct stat st;
	if (strcmp(m->type, "bind") != 0)
		return 0;
	if (stat(m->source, &st) < 0)
		return fail(e, errno, "option --%s: %s", option, m->source);
	if (!S_ISDIR(st.st_mode)) /* crun would look for a directory */
		words_remove(&m->options, "rro");
	return 0;
}

/* Where programs write although the root cannot be written. */
static int add_scratch(struct spec *s, struct arena *a, struct err *e)
{
	static const char *const places[] = { "/run:mode=755,exec", "/tmp:mode=1777,exec",
					      "/var/tmp:mode=1777,exec" };
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < sizeof(places) / sizeof(places[0]); i++) {
		struct spec_mount *m = LIST_ADD(a, &s->mounts);
		rc = m ? runspec_tmpfs(places[i], a, m, e) : option_room("read-only-tmpfs", e);
	}
	return rc;
}

/* How far down a path is. */
static size_t depth(const char *path)
{
	size_t n = 0;
	for (const char *p = path; *p; p += strcspn(p, "/"), p += strspn(p, "/"))
		n += *p != '/' && strncmp(p, "./", 2) != 0;
	return n;
}

/* What is mounted further down comes later, whichever was asked for first. */
static void sort(struct spec_mount *v, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		const struct spec_mount m = v[i];
		size_t k = i;
		for (; k && depth(v[k - 1].destination) > depth(m.destination); k--)
			v[k] = v[k - 1];
		v[k] = m;
	}
}

/* Of two the first would never be seen. */
static int check_places(const struct spec_mounts *l, size_t first, struct err *e)
{
	for (size_t i = first; i < l->n; i++)
		for (size_t k = first; k < i; k++)
			if (!strcmp(l->v[i].destination, l->v[k].destination))
				return refuse(e, EINVAL,
					      "options --volume, --mount, --tmpfs: two are to be "
					      "on %s",
					      l->v[i].destination);
	return 0;
}

/* A volume of the image's, or of --volumes-from, where another mount is asked for: it would not be
 * seen, and be left behind. */
static void give_way(struct spec_mounts *l, size_t *first, size_t asked)
{
	size_t kept = 0, before = *first;
	for (size_t i = 0; i < l->n; i++) {
		bool hidden = false;
		for (size_t k = asked; i < asked && k < l->n; k++)
			hidden |= !strcmp(l->v[i].destination, l->v[k].destination);
		hidden &= !strcmp(l->v[i].type, VOLUME_TYPE);
		*first -= hidden && i < before;
		if (!hidden)
			l->v[kept++] = l->v[i];
	}
	l->n = kept;
}

int mounts_apply(struct spec *s, const struct run_options *o, struct arena *a, struct err *e)
{
	static const struct {
		const char *option;
		int (*parse)(const char *, struct arena *, struct spec_mount *, struct err *);
	} kinds[] = { { "tmpfs", runspec_tmpfs },
		      { "volume", runspec_volume },
		      { "mount", runspec_mount } };
	const struct strs *const texts[] = { &o->tmpfs, &o->volumes, &o->mounts };
	int rc = o->readonly && o->readonly_tmpfs ? add_scratch(s, a, e) : 0;
	size_t first = s->mounts.n;
	for (size_t i = 0; rc == 0 && i < o->inherited.n; i++) {
		struct spec_mount *m = LIST_ADD(a, &s->mounts);
		if (!m)
			return option_room("volumes-from", e);
		*m = o->inherited.v[i];
		rc = source_check("volumes-from", m, e);
	}
	for (size_t k = 0; k < 3; k++)
		for (size_t i = 0; rc == 0 && i < texts[k]->n; i++) {
			struct spec_mount *m = LIST_ADD(a, &s->mounts);
			rc = m ? kinds[k].parse(texts[k]->v[i], a, m, e)
			       : option_room(kinds[k].option, e);
			if (rc == 0)
				rc = source_check(kinds[k].option, m, e);
		}
	if (rc == 0)
		rc = check_places(&s->mounts, first + o->inherited.n, e);
	if (rc < 0)
		return rc;
	give_way(&s->mounts, &first, first + o->inherited.n);
	sort(s->mounts.v + first, s->mounts.n - first);
	return volumes_remember(s, first, a, e);
}
