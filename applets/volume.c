/* volume.c - `coracle volume`: the volumes of the store. */
#include "image/volume.h"
#include "applets.h"
#include "base/clock.h"
#include "base/log.h"
#include "box/subid.h"
#include "image/show.h"

#include <stdio.h>
#include <string.h>

struct volume_options {
	const char *store, *format;
	bool quiet, json, force, all;
	struct strs labels;
};

#define STORE_OPTIONS                                                          \
	OPT(OPT_PATH, volume_options, store, 0, "store", "DIR",                \
	    "the image store (default: $CORACLE_STORE or " DEFAULT_STORE ")"), \
		OPT(OPT_PATH, volume_options, store, 0, "root", "DIR", NULL)

static const struct opt list_options[] = {
	OPT(OPT_FLAG, volume_options, quiet, 'q', "quiet", NULL, "names alone"),
	OPT(OPT_STR, volume_options, format, 0, "format", "table|json", "how to print them"),
	OPT(OPT_FLAG, volume_options, json, 0, "json", NULL, "the same as --format json"),
	STORE_OPTIONS,
	{ 0 },
};
static const struct opt create_options[] = {
	OPT(OPT_LIST, volume_options, labels, 'l', "label", "NAME[=VALUE]", "words about it"),
	STORE_OPTIONS,
	{ 0 },
};
static const struct opt plain_options[] = {
	STORE_OPTIONS,
	{ 0 },
};
static const struct opt rm_options[] = {
	OPT(OPT_FLAG, volume_options, force, 'f', "force", NULL,
	    "one that is not there is no error"),
	STORE_OPTIONS,
	{ 0 },
};
static const struct opt prune_options[] = {
	OPT(OPT_FLAG, volume_options, all, 'a', "all", NULL, "those with a name, too"),
	OPT(OPT_FLAG, volume_options, force, 'f', "force", NULL, NULL),
	STORE_OPTIONS,
	{ 0 },
};

static void table(const struct volume_list *l, struct buf *out)
{
	int wide = (int)sizeof("NAME") - 1;
	for (size_t i = 0; i < l->n; i++) {
		int n = (int)strlen(l->v[i].name);
		wide = n > wide ? n : wide;
	}
	buf_printf(out, "%-*s  %-14s  %s\n", wide, "NAME", "CREATED", "CONTAINERS");
	for (size_t i = 0; i < l->n; i++) {
		const struct volume *v = &l->v[i];
		char age[64] = "?";
		clock_ago(v->created, age, sizeof(age));
		buf_printf(out, "%-*s  %-14s ", wide, v->name, age);
		for (size_t k = 0; k < v->users.n; k++)
			buf_printf(out, " %s", v->users.v[k]);
		buf_char(out, '\n');
	}
}

static int list(const struct call *c, struct err *e)
{
	const struct volume_options *o = c->opts;
	struct store s;
	struct volume_list l;
	enum show how;
	auto_buf out = { 0 };
	int rc = show_parse(o->json ? "json" : o->format, o->quiet, &how, e);
	if (rc == 0)
		rc = store_open(o->store, &s, e);
	if (rc < 0)
		return rc;
	rc = volume_list(&s, c->arena, &l, e);
	store_close(&s);
	if (rc < 0)
		return rc;
	for (size_t i = 0; how == SHOW_IDS && i < l.n; i++)
		buf_printf(&out, "%s\n", l.v[i].name);
	if (how == SHOW_JSON)
		volumes_json(&l, &out);
	else if (how == SHOW_TABLE)
		table(&l, &out);
	return cli_print(&out, e);
}

static int add_label(struct volume *v, const char *text, struct arena *a, struct err *e)
{
	size_t n = strcspn(text, "=");
	struct pair *p = NULL;
	for (size_t i = 0; i < v->labels.n; i++) /* the last one counts */
		if (!strncmp(v->labels.v[i].key, text, n) && !v->labels.v[i].key[n])
			p = &v->labels.v[i];
	if (n && !p)
		p = LIST_ADD(a, &v->labels);
	if (!n)
		return refuse(e, EINVAL, "option --label: '%s' is not NAME[=VALUE]", text);
	if (!p || !(p->key = arena_strn(a, text, n)))
		return fail(e, E2BIG, "option --label");
	p->value = text[n] ? text + n + 1 : "";
	return 0;
}

static int create(const struct call *c, struct err *e)
{
	const struct volume_options *o = c->opts;
	struct store s;
	struct volume v = { .anonymous = !c->args.n };
	int rc = v.anonymous ? volume_name_make(c->arena, &v.name, e) : 0;
	if (!v.anonymous)
		v.name = c->args.v[0];
	for (size_t i = 0; rc == 0 && i < o->labels.n; i++)
		rc = add_label(&v, o->labels.v[i], c->arena, e);
	if (rc == 0)
		rc = store_open(o->store, &s, e);
	if (rc < 0)
		return rc;
	rc = volume_create(&s, &v, e);
	store_close(&s);
	if (rc == 0)
		puts(v.name);
	return rc;
}

/* Nothing is printed unless all of them are there. */
static int inspect(const struct call *c, struct err *e)
{
	const struct volume_options *o = c->opts;
	struct store s;
	struct volume_list l = { arena_array(c->arena, c->args.n, sizeof(*l.v)), c->args.n };
	auto_buf out = { 0 };
	int rc = l.v ? store_open(o->store, &s, e) : fail(e, E2BIG, "inspect volumes");
	if (rc < 0)
		return rc;
	for (size_t i = 0; rc == 0 && i < l.n; i++)
		rc = volume_read(&s, c->args.v[i], c->arena, &l.v[i], e);
	store_close(&s);
	if (rc < 0)
		return rc;
	volumes_json(&l, &out);
	return cli_print(&out, e);
}

/* Goes on after an error; the first one is reported. */
static int remove_all(const struct store *s, const struct strs *names, bool force, struct err *e)
{
	int first = 0;
	for (size_t i = 0; i < names->n; i++) {
		struct err one = { 0 };
		int rc = volume_remove(s, names->v[i], NULL, &one);
		if (rc == 0)
			puts(names->v[i]);
		first = log_next(first, rc == -ENOENT && force ? 0 : rc, &one, e);
	}
	return first;
}

/* They have files of all of a user's ids. */
static int open_inside(const struct volume_options *o, struct store *s, struct err *e)
{
	int rc = subid_enter(e);
	return rc < 0 ? rc : store_open(o->store, s, e);
}

static int rm(const struct call *c, struct err *e)
{
	const struct volume_options *o = c->opts;
	struct store s;
	int rc = open_inside(o, &s, e);
	if (rc < 0)
		return rc;
	rc = remove_all(&s, &c->args, o->force, e);
	store_close(&s);
	return rc;
}

static int prune(const struct call *c, struct err *e)
{
	const struct volume_options *o = c->opts;
	struct store s;
	struct volume_list l = { 0 };
	int rc = open_inside(o, &s, e);
	if (rc < 0)
		return rc;
	rc = volume_list(&s, c->arena, &l, e);
	for (size_t i = 0; rc == 0 && i < l.n; i++) {
		if (l.v[i].users.n || !(l.v[i].anonymous || o->all))
			continue;
		rc = volume_remove(&s, l.v[i].name, NULL, e);
		if (rc == 0)
			puts(l.v[i].name);
		else if (rc == -EBUSY || rc == -ENOENT) /* somebody was faster */
			rc = 0;
	}
	store_close(&s);
	return rc;
}

static const struct command commands[] = {
	{
		.name = "ls",
		.help = "list the volumes, and which containers use them",
		.opts = list_options,
		.opts_size = sizeof(struct volume_options),
		.run = list,
	},
	{
		.name = "create",
		.args = "[NAME]",
		.help = "make an empty volume; the first container that uses it fills it",
		.opts = create_options,
		.opts_size = sizeof(struct volume_options),
		.max_args = 1,
		.run = create,
	},
	{
		.name = "inspect",
		.args = "NAME...",
		.help = "show all that is known of volumes",
		.opts = plain_options,
		.opts_size = sizeof(struct volume_options),
		.min_args = 1,
		.max_args = 4096,
		.run = inspect,
	},
	{
		.name = "rm",
		.args = "NAME...",
		.help = "remove volumes that no container uses",
		.opts = rm_options,
		.opts_size = sizeof(struct volume_options),
		.min_args = 1,
		.max_args = 4096,
		.run = rm,
	},
	{
		.name = "prune",
		.help = "remove the volumes that have no name and no container uses",
		.opts = prune_options,
		.opts_size = sizeof(struct volume_options),
		.run = prune,
	},
	{ 0 },
};

const struct command applet_volume = {
	.name = "volume",
	.help = "list, make and remove the volumes of the store",
	.more = "A volume is a directory of the store, volumes/NAME/_data, that outlives the "
		"containers that use it: `coracle run -v NAME:/data`. It is made when it is used "
		"first, and then gets what the image has at that path. One without a name, of `-v "
		"/data`, goes with its container if that has --rm, or with `coracle rm -v`; what "
		"is left of those `coracle volume prune` removes. A container that is not removed "
		"yet uses its volumes, whether it runs or not; a bundle does not.\n\n"
		"As JSON they are a list of {\"name\", \"mountpoint\", \"created\", \"labels\", "
		"\"anonymous\", \"containers\"}.",
	.sub = commands,
};
