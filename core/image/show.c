/* show.c - images of the store as text. */
#include "image/show.h"
#include "base/cli.h"
#include "base/clock.h"

#include <string.h>

#define ID_SHORT 12

struct shown {
	const char *name, *digest, *id, *created, *platform;
	int64_t size, layers;
};
struct shown_list {
	struct shown *v;
	size_t n;
};
static const struct json_field shown_fields[] = {
	JSON_F(J_STR, shown, name, "name", J_KEEP),
	JSON_F(J_STR, shown, digest, "digest", J_KEEP),
	JSON_F(J_STR, shown, id, "id", J_KEEP),
	JSON(J_STR, shown, created, "created"),
	JSON(J_STR, shown, platform, "platform"),
	JSON_F(J_I64, shown, size, "size", J_KEEP),
	JSON_F(J_I64, shown, layers, "layers", J_KEEP),
	{ 0 },
};

int show_parse(const char *format, bool quiet, enum show *out, struct err *e)
{
	if (format && strcmp(format, "json") && strcmp(format, "table"))
		return refuse(e, EINVAL, "--format %.40s: json or table", format);
	*out = format && !strcmp(format, "json") ? SHOW_JSON : quiet ? SHOW_IDS : SHOW_TABLE;
	return 0;
}

static void shown_of(const struct image *im, struct shown *out)
{
	*out = (struct shown){ .name = im->name ? im->name : "",
			       .digest = im->descriptor.digest,
			       .id = im->manifest.config.digest,
			       .created = im->config.created,
			       .size = im->size,
			       .layers = (int64_t)im->manifest.layers.n };
}

/* "busybox:latest" to "busybox" and "latest", "oci:X:1" to "oci:X" and "1"; a digest is no tag. */
static void split_name(const char *name, int *repository, const char **tag)
{
	const char *slash = strrchr(name, '/'), *last = slash ? slash : name;
	const char *at = strchr(last, '@'), *mark = at ? at : strrchr(last, ':');
	*repository = mark ? (int)(mark - name) : (int)strlen(name);
	*tag = mark && *mark == ':' ? mark + 1 : "<none>";
}

static void table_row(const struct shown *s, size_t wide, struct buf *out)
{
	char size[32] = "?", age[64] = "?";
	struct timespec t;
	const char *tag;
	int repository;
	split_name(s->name, &repository, &tag);
	if (s->size)
		size_format((uint64_t)s->size, size, sizeof(size));
	if (s->created && clock_parse(s->created, &t) == 0)
		clock_ago(t, age, sizeof(age));
	buf_printf(out, "%-*.*s  %-16s  %-*.*s  %-10s  %s\n", (int)wide, repository, s->name, tag,
		   ID_SHORT, ID_SHORT, s->id ? s->id + 7 : "damaged", size, age);
}

static void table(const struct shown_list *l, struct buf *out)
{
	size_t wide = strlen("REPOSITORY");
	for (size_t i = 0; i < l->n; i++) {
		int n;
		const char *tag;
		split_name(l->v[i].name, &n, &tag);
		wide = (size_t)n > wide ? (size_t)n : wide;
	}
	buf_printf(out, "%-*s  %-16s  %-*s  %-10s  %s\n", (int)wide, "REPOSITORY", "TAG", ID_SHORT,
		   "ID", "SIZE", "CREATED");
	for (size_t i = 0; i < l->n; i++)
		table_row(&l->v[i], wide, out);
}

static void json(const struct shown_list *l, struct buf *out)
{
	buf_char(out, '[');
	for (size_t i = 0; i < l->n; i++) {
		buf_str(out, i ? ",\n" : "\n");
		json_write(out, shown_fields, &l->v[i], 0);
	}
	buf_str(out, l->n ? "\n]\n" : "]\n");
}

int show_images(const struct store *s, enum show how, struct buf *out, struct err *e)
{
	struct index ix;
	auto_arena *a = arena_new(4 * ARENA_IMAGE);
	int rc = a ? store_names(s, a, &ix, e) : fail(e, ENOMEM, "list images");
	if (rc < 0)
		return rc;
	struct shown_list l = { arena_array(a, ix.manifests.n, sizeof(*l.v)), 0 };
	if (!l.v)
		return fail(e, E2BIG, "list images");
	for (size_t i = 0; i < ix.manifests.n; i++) {
		const struct descriptor *d = &ix.manifests.v[i];
		const char *name = descriptor_name(d);
		struct image im;
		struct err damaged;
		struct shown *one = &l.v[l.n++];
		if (image_read(s, d, a, &im, &damaged) == 0)
			shown_of(&im, one);
		else
			*one = (struct shown){ .name = name ? name : "", .digest = d->digest };
	}
	for (size_t i = 0; how == SHOW_IDS && i < l.n; i++)
		buf_printf(out, "%.*s\n", ID_SHORT, (l.v[i].id ? l.v[i].id : l.v[i].digest) + 7);
	if (how == SHOW_TABLE)
		table(&l, out);
	else if (how == SHOW_JSON)
		json(&l, out);
	return out->failed ? fail(e, ENOMEM, "list images") : 0;
}

void show_pulled(const struct image *im, enum show how, struct buf *out)
{
	struct shown one;
	shown_of(im, &one);
	if (how == SHOW_JSON)
		json_write(out, shown_fields, &one, 0);
	else
		buf_str(out, one.digest);
	buf_char(out, '\n');
}
