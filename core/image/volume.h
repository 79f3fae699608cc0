/* volume.h - directories of the store that outlive the containers that use them, each by its name.
 */
#ifndef IMAGE_VOLUME_H
#define IMAGE_VOLUME_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/list.h"
#include "image/store.h"

#include <stdbool.h>
#include <time.h>

/* STORE/volumes/NAME has its files in _data, what it is in volume.json, and, until a container uses
 * it for the first time, an empty file "new". It comes to its place, and goes from it, by rename;
 * whoever fills or removes it holds its lock. A container's directory in the store has the names of
 * those it uses in "volumes", a line each, written before they are looked at. */
struct volume {
	const char *name;
	struct timespec created;
	struct pairs labels;
	bool anonymous;	   /* nobody has named it */
	const char *path;  /* of its files */
	struct strs users; /* ids of the containers that use it, run they or not */
};
struct volume_list {
	struct volume *v;
	size_t n;
};

/* [A-Za-z0-9][A-Za-z0-9_.-]*, no longer than a file's name. -EINVAL. */
int volume_name_check(const char *name, struct err *e);

/* A name that no other has. */
int volume_name_make(struct arena *a, const char **out, struct err *e);

/* Makes one, empty, of v's name, labels and anonymity. -EEXIST. */
int volume_create(const struct store *s, const struct volume *v, struct err *e);

/* The same, where it is not there yet. A new one, unless it has files, becomes a copy of the
 * directory `content`, with its owner and mode; -1: of none. From then on it is not new. */
int volume_use(const struct store *s, const struct volume *v, int content, struct err *e);

/* Removes it with all it holds. -ENOENT; -EBUSY when a container other than `but` (NULL: any) uses
 * it. */
int volume_remove(const struct store *s, const char *name, const char *but, struct err *e);

/* All of them, sorted by name; or one. */
int volume_list(const struct store *s, struct arena *a, struct volume_list *out, struct err *e);
int volume_read(const struct store *s, const char *name, struct arena *a, struct volume *out,
		struct err *e);

/* Where its files are. */
const char *volume_path(const struct store *s, const char *name, struct arena *a, struct err *e);

/* As a list of objects of JSON, and a newline. */
void volumes_json(const struct volume_list *l, struct buf *out);

/* Says in the container's directory which it uses. Before the name of one that was made for it
 * alone, and has no other, stands whether it goes with it. */
#define VOLUME_GOES  '-'
#define VOLUME_STAYS '+'
int volumes_note(const struct store *s, const char *id, const struct strs *names, struct err *e);

/* Removes those that go with container id, with `all` all that were made for it alone; not what
 * another uses. What is not there, the container too, is fine. */
int volumes_release(const struct store *s, const char *id, bool all, struct err *e);

#endif
