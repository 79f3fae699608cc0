/* mountinfo.h - the lines of /proc/PID/mountinfo. */
#ifndef BOX_MOUNTINFO_H
#define BOX_MOUNTINFO_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>

/* One mount. Strings point into the text that was read. */
struct mount_line {
	int id, parent;
	const char *root;    /* of it, within its file system */
	const char *target;  /* where it is mounted */
	const char *options; /* of the mount */
	const char *fields;  /* "shared:1 master:2", or "" */
	const char *type, *source;
	const char *super; /* options of the file system */
};

/* The next line of *text, which is cut into strings and moved on; octal escapes are resolved. Lines
 * that are not as proc(5) says are skipped. False at the end. */
bool mountinfo_next(char **text, struct mount_line *out);

/* Reads /proc/self/mountinfo. */
int mountinfo_read(struct buf *out, struct err *e);

/* Whether the comma separated list (options, controllers) has that very word. */
bool option_has(const char *list, const char *word);

#endif
