/* tarfile.h - a tar file on disk whose members are read in any order, and never unpacked. What
 * makes sense of it is a process of its own (see apart.h), but in one that is confined already. */
#ifndef IMAGE_TARFILE_H
#define IMAGE_TARFILE_H

#include "base/arena.h"
#include "base/err.h"
#include "image/limits.h"
#include "image/manifest.h"
#include "image/source.h"

#include <stdbool.h>
#include <stdint.h>

struct tarmember {
	const char *name; /* without ./ before it */
	const char *link; /* where it leads, NULL for a file */
	int64_t at;	  /* of its header, in the tar file as it is unpacked */
	int64_t size;
	enum packing packing; /* of what it holds, by its first bytes */
};

struct tarfile {
	const char *path;
	int fd;
	enum packing packing;	     /* of the whole */
	const struct limits *limits; /* the caller's */
	bool confined;		     /* set by who is */
	struct tarmember *v;
	size_t n;
};

/* Opens it, plain or packed by gzip or zstd, and reads all headers. -EBADMSG for what is no tar
 * file, -E2BIG for too many members, too long names and what unpacks to too much. Close it also
 * after a failure. */
int tarfile_open(const char *path, const struct limits *l, struct arena *a, struct tarfile *out,
		 struct err *e);
void tarfile_close(struct tarfile *t);

/* The file of that name, through links that stay inside. -ENOENT when there is none, -EBADMSG when
 * there are two or it is a link in a circle. */
int tarfile_find(const struct tarfile *t, const char *name, struct arena *a,
		 const struct tarmember **out, struct err *e);

/* A member's bytes; many may be open, also in forked processes. A packed archive is read from its
 * beginning for each. */
struct reading;
int reading_begin(const struct tarfile *t, const struct tarmember *m, struct reading **out,
		  struct err *e);
struct source *reading_source(struct reading *r);
void reading_end(struct reading *r);

#endif
