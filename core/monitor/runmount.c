/* runmount.c - the mounts that a user asks for: -v, --mount, --tmpfs. */
#include "base/cli.h"
#include "base/file.h"
#include "monitor/runparts.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define EXAMPLE_VOLUME "SOURCE:TARGET[:OPTIONS] such as /srv/data:/data:ro"

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
	bool bind = !strcmp(type, "bind");
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
	if (!strcmp(m->type, "bind"))
		option_add(m, "rro");
}

/* Absolute, and something below the root. */
static bool target_good(const char *path)
{
	return path && path[0] == '/' && path[strspn(path, "/.")];
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

static int volume_option(struct spec_mount *m, const char *word, const char *text, struct err *e)
{
	static const char *const known[] = { "rw",   "rbind", "nosuid", "nodev",   "noexec",
					     "suid", "dev",   "exec",	"noatime", "bind",
					     "rro",  "idmap", NULL };
	/* Labels of SELinux, which nobody changes here, and words for other systems. */
	static const char *const nothing[] = {
		"z", "Z", "cached", "delegated", "consistent", NULL
	};
	if (!strcmp(word, "ro"))
		option_readonly(m);
	else if (!strcmp(word, "bind"))
		m->options.v[0] = word; /* in the place of rbind */
	else if (is_one_of(word, known) || is_one_of(word, propagations))
		option_add(m, word);
	else if (!is_one_of(word, nothing))
		return refuse(e, EINVAL,
			      "option --volume: %s: unknown option '%s'; known are ro, rw, "
			      "rshared, noexec and such",
			      text, word);
	return 0;
}

int runspec_volume(const char *text, struct arena *a, struct spec_mount *out, struct err *e)
{
	struct strs part, words;
	struct spec_mount m = { 0 };
	if (words_split(text, ":", a, &part) < 0 || mount_begin(&m, "bind", a) < 0)
		return option_room("volume", e);
	if (part.n < 2 || part.n > 3 || !*part.v[0])
		return option_refuse("volume", text, EXAMPLE_VOLUME, e);
	m.source = part.v[0][0] == '.' ? path_absolute(a, part.v[0]) : part.v[0];
	m.destination = part.v[1];
	if (!m.source || words_split(part.n == 3 ? part.v[2] : "", ",", a, &words) < 0)
		return option_room("volume", e);
	if (m.source[0] != '/')
		return refuse(e, EINVAL,
			      "option --volume: %s: '%s' is no path, and volumes of a name there "
			      "are none: a directory is ./%s",
			      text, m.source, m.source);
	if (!target_good(m.destination))
		return target_refuse("volume", text, m.destination, e);
	for (size_t i = 0; i < words.n; i++) {
		int rc = volume_option(&m, words.v[i], text, e);
		if (rc < 0)
			return rc;
	}
	*out = m;
	return 0;
}

enum key { TYPE, SOURCE, TARGET, READONLY, PROPAGATION, RECURSIVE, SIZE, MODE, NOTHING };

static const struct {
	const char *name;
	enum key key;
} keys[] = {
	{ "type", TYPE },
	{ "source", SOURCE },
	{ "src", SOURCE },
	{ "target", TARGET },
	{ "destination", TARGET },
	{ "dst", TARGET },
	{ "readonly", READONLY },
	{ "ro", READONLY },
	{ "bind-propagation", PROPAGATION },
	{ "bind-recursive", RECURSIVE },
	{ "tmpfs-size", SIZE },
	{ "tmpfs-mode", MODE },
	{ "consistency", NOTHING },
	{ "relabel", NOTHING },
};

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

/* One KEY[=VALUE] of --mount, when the type is known. */
static int mount_word(struct spec_mount *m, const char *word, const char *text, struct arena *a,
		      struct err *e)
{
	size_t n = strcspn(word, "="), i = 0;
	const char *value = word[n] ? word + n + 1 : "";
	bool bind = !strcmp(m->type, "bind"), no = !strcmp(value, "false") || !strcmp(value, "0");
	while (i < sizeof(keys) / sizeof(keys[0]) &&
	       (strlen(keys[i].name) != n || strncmp(keys[i].name, word, n) != 0))
		i++;
	enum key key = i < sizeof(keys) / sizeof(keys[0]) ? keys[i].key : TYPE;
	if (key == SOURCE && bind)
		m->source = *value == '.' ? path_absolute(a, value) : value;
	else if (key == TARGET)
		m->destination = value;
	else if (key == READONLY &&
		 (no || !*value || !strcmp(value, "true") || !strcmp(value, "1")))
		no ? (void)0 : option_readonly(m);
	else if (key == PROPAGATION && bind && is_one_of(value, propagations))
		option_add(m, value);
	else if (key == RECURSIVE && bind &&
		 (!strcmp(value, "enabled") || !strcmp(value, "readonly")))
		return 0;
	else if (key == RECURSIVE && bind && !strcmp(value, "disabled"))
		m->options.v[0] = "bind";
	else if ((key == SIZE || key == MODE) && !bind && tmpfs_number(m, key, value, a) == 0)
		return 0;
	else if (key != NOTHING && (key != TYPE || i != 0))
		return mount_refuse(
			text, word,
			bind ? "known for a bind: known are source=, target=, readonly, "
			       "bind-propagation=rshared, bind-recursive=disabled"
			     : "known for a tmpfs: known are target=, readonly, "
			       "tmpfs-size=64m, tmpfs-mode=1777",
			e);
	return 0;
}

int runspec_mount(const char *text, struct arena *a, struct spec_mount *out, struct err *e)
{
	struct strs words;
	struct spec_mount m = { .type = "bind" };
	if (words_split(text, ",", a, &words) < 0)
		return option_room("mount", e);
	for (size_t i = 0; i < words.n; i++)
		if (!strncmp(words.v[i], "type=", 5))
			m.type = words.v[i] + 5;
	bool bind = !strcmp(m.type, "bind");
	if (!bind && strcmp(m.type, "tmpfs") != 0)
		return mount_refuse(text, m.type, "a type: there are bind and tmpfs", e);
	if (mount_begin(&m, m.type, a) < 0)
		return option_room("mount", e);
	for (size_t i = 0; i < words.n; i++) {
		int rc = mount_word(&m, words.v[i], text, a, e);
		if (rc < 0)
			return rc;
	}
	if (!target_good(m.destination))
		return target_refuse("mount", text, m.destination, e);
	if (!m.source || (bind && m.source[0] != '/'))
		return mount_refuse(text, m.source ? m.source : "",
				    "an absolute source such as source=/srv/data", e);
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
	if (!target_good(m.destination))
		return target_refuse("tmpfs", text, m.destination, e);
	for (size_t i = 0; i < words.n; i++)
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

int mounts_apply(struct spec *s, const struct run_options *o, struct arena *a, struct err *e)
{
	static const struct {
		const char *option;
		int (*parse)(const char *, struct arena *, struct spec_mount *, struct err *);
	} kinds[] = { { "tmpfs", runspec_tmpfs },
		      { "volume", runspec_volume },
		      { "mount", runspec_mount } };
	const struct strs *const texts[] = { &o->tmpfs, &o->volumes, &o->mounts };
	int rc = 0;
	for (size_t k = 0; k < 3; k++)
		for (size_t i = 0; rc == 0 && i < texts[k]->n; i++) {
			struct spec_mount *m = LIST_ADD(a, &s->mounts);
			rc = m ? kinds[k].parse(texts[k]->v[i], a, m, e)
			       : option_room(kinds[k].option, e);
			if (rc == 0)
				rc = source_check(kinds[k].option, m, e);
		}
	return rc;
}
