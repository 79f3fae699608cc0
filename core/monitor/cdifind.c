/* cdifind.c - the files of the Container Device Interface: which one defines a device. */
#include "base/file.h"
#include "monitor/cdi.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define FILES_MAX 256
#define FILE_SIZE ((size_t)1 << 20)

struct source {
	struct cdi cdi;
	const char *path;
	size_t rank; /* of its directory */
	bool used;
};

struct registry {
	struct source v[FILES_MAX];
	size_t n;
	struct err wrong; /* with the first file that cannot be understood */
	struct arena *a;
};

static bool ends(const char *s, const char *end)
{
	size_t n = strlen(s), k = strlen(end);
	return n > k && !strcmp(s + n - k, end);
}

static int load_file(struct registry *r, int dir, const char *name, struct source *out,
		     struct err *e)
{
	struct stat st;
	auto_buf text = { .max = FILE_SIZE };
	if (fstatat(dir, name, &st, 0) < 0)
		return fail(e, errno, "%s", out->path);
	int rc = S_ISREG(st.st_mode) ? file_read(dir, name, &text, e)
				     : refuse(e, EINVAL, "not a regular file");
	int (*parse)(const char *, size_t, struct arena *, struct cdi *,
		     struct err *) = ends(name, ".yaml") ? cdi_parse_yaml : cdi_parse;
	if (rc == 0)
		rc = parse(text.p ? text.p : "", text.len, r->a, &out->cdi, e);
	return rc < 0 ? within(e, "%s", out->path) : 0;
}

/* One that is bad takes nothing from the others. */
static int load_entry(struct registry *r, int dir, const char *path, const char *name, size_t rank)
{
	struct err e = { 0 };
	if (name[0] == '.' || (!ends(name, ".json") && !ends(name, ".yaml")))
		return 0;
	struct source *s = r->n < FILES_MAX ? &r->v[r->n] : NULL;
	if (!s)
		return -E2BIG;
	*s = (struct source){ .path = arena_printf(r->a, "%s/%s", path, name), .rank = rank };
	if (!s->path)
		return -E2BIG;
	if (load_file(r, dir, name, s, &e) == 0)
		r->n++;
	else if (!r->wrong.code)
		r->wrong = e;
	return 0;
}

static int load_directory(struct registry *r, const char *path, size_t rank, struct err *e)
{
	DIR *d = opendir(path);
	int rc = d || errno == ENOENT ? 0 : -errno;
	for (struct dirent *entry; rc == 0 && d && (entry = readdir(d));)
		rc = load_entry(r, dirfd(d), path, entry->d_name, rank);
	if (d)
		closedir(d);
	return rc < 0 ? fail(e, rc, "devices of CDI: read %s", path) : 0;
}

static const struct cdi_device *device_of(const struct source *s, const char *name)
{
	size_t kind = strlen(s->cdi.kind);
	if (strncmp(name, s->cdi.kind, kind) != 0 || name[kind] != '=')
		return NULL;
	for (size_t i = 0; i < s->cdi.devices.n; i++)
		if (!strcmp(s->cdi.devices.v[i].name, name + kind + 1))
			return &s->cdi.devices.v[i];
	return NULL;
}

/* The file that defines the device: 1 when there is one, 0 when not. */
static int find(struct registry *r, const char *name, struct source **out, struct err *e)
{
	struct source *best = NULL, *other = NULL;
	for (size_t i = 0; i < r->n; i++) {
		struct source *s = device_of(&r->v[i], name) ? &r->v[i] : NULL;
		if (s && best && s->rank == best->rank)
			other = s;
		else if (s && (!best || s->rank > best->rank)) {
			best = s;
			other = NULL;
		}
	}
	if (other)
		return refuse(e, EEXIST, "device %s: both %s and %s define it", name, best->path,
			      other->path);
	*out = best;
	return best != NULL;
}

static int missing(const struct registry *r, const char *name, const struct strs *dirs,
		   struct err *e)
{
	const char *first = dirs->v[0], *last = dirs->v[dirs->n - 1];
	if (r->wrong.code)
		return refuse(e, ENODEV, "device %s: nothing defines it, but %.600s", name,
			      r->wrong.msg);
	return refuse(e, ENODEV, "device %s: no *.json or *.yaml of %s%s%s defines it", name, first,
		      dirs->n > 1 ? " or " : "", dirs->n > 1 ? last : "");
}

static int use(struct spec *s, struct source *from, const char *name, struct arena *a,
	       struct err *e)
{
	int rc = from->used ? 0 : cdi_edit(s, &from->cdi.edits, a, e);
	from->used = true;
	if (rc == 0)
		rc = cdi_edit(s, &device_of(from, name)->edits, a, e);
	return rc < 0 ? within(e, "device %s: %s", name, from->path) : 0;
}

/* In done are those that were. */
static int apply_one(struct registry *r, struct spec *s, const char *name, struct strs *done,
		     struct err *e)
{
	struct source *from = NULL;
	if (strs_has(done, name))
		return 0;
	int rc = find(r, name, &from, e);
	if (rc <= 0)
		return rc;
	const char **to = LIST_ADD(r->a, done);
	if (!to)
		return fail(e, E2BIG, "device %s", name);
	*to = name;
	rc = use(s, from, name, r->a, e);
	return rc < 0 ? rc : 1;
}

/* 1 when there was any. */
static int apply_all(struct registry *r, struct spec *s, const char *name, struct strs *done,
		     struct err *e)
{
	size_t kind = strcspn(name, "=");
	int any = 0;
	if (strcmp(name + kind, "=all") != 0)
		return 0;
	for (size_t i = 0; i < r->n; i++) {
		const struct cdi *c = &r->v[i].cdi;
		bool same = strlen(c->kind) == kind && !strncmp(c->kind, name, kind);
		for (size_t k = 0; same && k < c->devices.n; k++) {
			const char *each = arena_printf(r->a, "%s=%s", c->kind,
							c->devices.v[k].name);
			int rc = each ? apply_one(r, s, each, done, e)
				      : fail(e, E2BIG, "device %s", name);
			if (rc < 0)
				return rc;
			any = 1;
		}
	}
	return any;
}

int cdi_apply(struct spec *s, const struct strs *dirs, const struct strs *names, struct arena *a,
	      struct err *e)
{
	static const char *usual[] = { "/etc/cdi", "/var/run/cdi" };
	struct registry *r = arena_alloc(a, sizeof(*r));
	struct strs places = dirs->n ? *dirs : (struct strs){ usual, 2 }, done = { 0 };
	int rc = r ? 0 : fail(e, E2BIG, "devices of CDI");
	for (size_t i = 0; rc == 0 && i < places.n; i++) {
		r->a = a;
		rc = load_directory(r, places.v[i], i, e);
	}
	for (size_t i = 0; rc >= 0 && i < names->n; i++) {
		bool again = strs_has(&done, names->v[i]);
		rc = again ? 1 : apply_one(r, s, names->v[i], &done, e);
		if (rc == 0)
			rc = apply_all(r, s, names->v[i], &done, e);
		if (rc == 0)
			rc = missing(r, names->v[i], &places, e);
	}
	return rc < 0 ? rc : 0;
}
