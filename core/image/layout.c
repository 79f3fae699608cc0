/* layout.c - an OCI layout on disk as the origin of an image. */
#include "base/file.h"
#include "base/sha256.h"
#include "image/origin.h"
#include "image/store.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct layout {
	struct origin origin;
	struct store store; /* a layout is a store without locks, only read here */
	struct ref ref;
	const struct index *index;
	struct file_source file;
};

static int layout_document(struct origin *o, const char *which, struct buf *b, const char **type,
			   struct err *e)
{
	struct layout *l = (struct layout *)o;
	struct descriptor d;
	int rc = layout_which(l->index, &l->ref, which, &d, e);
	*type = d.media_type;
	if (rc == 0 && store_blob_read(&l->store, &d, b, e) < 0)
		rc = within(e, "the layout %.200s", l->ref.name);
	return rc;
}

/* Of a layout's manifests everything is in its index. */
static int layout_referrers(struct origin *o, const char *digest, struct arena *a,
			    struct index *out, struct err *e)
{
	*out = *((struct layout *)o)->index;
	return 0;
}

static int layout_blob(struct origin *o, const struct descriptor *d, struct source **out,
		       struct err *e)
{
	struct layout *l = (struct layout *)o;
	int fd = store_blob_open(&l->store, d->digest, -1, e);
	if (fd < 0)
		return within(e, "the layout %.200s", l->ref.name);
	put_fd(&l->file.fd, fd);
	*out = &l->file.source;
	return 0;
}

static int layout_forked(struct origin *o, struct err *e)
{
	return 0; /* files are opened where they are read */
}

static void layout_close(struct origin *o)
{
	struct layout *l = (struct layout *)o;
	put_fd(&l->file.fd, -1);
	put_fd(&l->store.dir, -1);
	free(l);
}

static int layout_find(const struct index *ix, const struct ref *r, const struct descriptor **out,
		       struct err *e)
{
	bool archive = r->kind == REF_OCI_ARCHIVE;
	const char *what = archive ? "archive" : "layout";
	if (r->tag && *r->tag == '@') { /* by its place, as skopeo has it too */
		char *end;
		unsigned long i = strtoul(r->tag + 1, &end, 10);
		if (end > r->tag + 1 && !*end && i < ix->manifests.n) {
			*out = &ix->manifests.v[i];
			return 0;
		}
	}
	for (size_t i = 0; r->tag && i < ix->manifests.n; i++) {
		const char *name = descriptor_name(&ix->manifests.v[i]);
		if (name && !strcmp(name, r->tag)) {
			*out = &ix->manifests.v[i];
			return 0;
		}
	}
	if (r->tag)
		return refuse(e, ENOENT, "no image called %.200s in the %s %.200s", r->tag, what,
			      r->name);
	if (ix->manifests.n != 1)
		return refuse(e, EINVAL, "the %s %.200s has %zu images: name one as %s:NAME", what,
			      r->name, ix->manifests.n, archive ? "oci-archive:FILE" : "oci:DIR");
	*out = &ix->manifests.v[0];
	return 0;
}

int layout_which(const struct index *ix, const struct ref *r, const char *which,
		 struct descriptor *out, struct err *e)
{
	const struct descriptor *found = NULL;
	struct ref other = *r;
	*out = (struct descriptor){ .digest = which, .size = -1 };
	if (which && strchr(which, ':'))
		return 0;
	if (which)
		other.tag = which;
	int rc = layout_find(ix, &other, &found, e);
	if (found)
		*out = *found;
	return rc;
}

int layout_open(const struct ref *r, struct arena *a, struct origin **out, struct err *e)
{
	struct index *ix = arena_alloc(a, sizeof(*ix));
	struct descriptor top;
	struct layout *l = calloc(1, sizeof(*l));
	if (!l || !ix) {
		free(l);
		return fail(e, ENOMEM, "open the layout %.200s", r->name);
	}
	l->origin = (struct origin){ layout_document, layout_referrers, layout_blob, layout_forked,
				     layout_close };
	file_source_init(&l->file, -1);
	const char *path = path_absolute(a, r->name);
	l->store.lock = -1;
	l->store.foreign = true;
	l->ref = *r;
	l->index = ix;
	l->store.dir = path ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	l->origin.dir = l->store.dir;
	int rc = l->store.dir < 0 ? fail(e, errno, "open the layout %.200s", r->name) : 0;
	if (rc == 0 && faccessat(l->store.dir, "oci-layout", F_OK, 0) < 0)
		rc = refuse(e, ENOENT, "%.200s is no OCI layout: it has no file oci-layout",
			    r->name);
	if (rc == 0 && store_names(&l->store, a, ix, e) < 0)
		rc = within(e, "the layout %.200s", r->name);
	if (rc == 0)
		rc = layout_which(ix, r, NULL, &top, e);
	if (rc < 0) {
		layout_close(&l->origin);
		return rc;
	}
	l->origin.digest = top.digest;
	*out = &l->origin;
	return 0;
}
