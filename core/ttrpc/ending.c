/* ending.c - the note in a bundle of how its container ended. */
#include "ttrpc/ending.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"

#include <fcntl.h>

#define FILE_NAME   "coracle-exit"
#define NOTE_MEMORY ((size_t)64 << 10)

static const struct json_field fields[] = {
	JSON(J_INT, ending, pid, "pid"),
	JSON_F(J_INT, ending, status, "exitStatus", J_REQUIRED),
	JSON_F(J_TIME, ending, when, "exitedAt", J_REQUIRED),
	{ 0 },
};

static int open_bundle(const char *bundle)
{
	return open(bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* Where there is no room for another name: half a note is read as none. */
static int write_there(int dir, const struct buf *text)
{
	auto_close int fd = openat(dir, FILE_NAME,
				   O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	return fd < 0 ? -errno : write_all(fd, text->p, text->len);
}

int ending_write(const char *bundle, const struct ending *n, struct err *e)
{
	auto_buf text = { 0 };
	auto_close int dir = open_bundle(bundle);
	if (dir < 0)
		return fail(e, errno, "open bundle %s", bundle);
	json_write(&text, fields, n, 0);
	if (text.failed)
		return fail(e, ENOMEM, "write %s", FILE_NAME);
	int rc = file_swap(dir, FILE_NAME, text.p, text.len, 0600, e);
	return rc < 0 && write_there(dir, &text) == 0 ? 0 : rc;
}

bool ending_read(const char *bundle, struct ending *out)
{
	struct ending n = { 0 };
	auto_buf text = { .max = 4096 };
	auto_close int dir = open_bundle(bundle);
	if (dir < 0 || faccessat(dir, FILE_NAME, F_OK, 0) < 0)
		return false;
	auto_arena *a = arena_new(NOTE_MEMORY);
	if (!a || file_read(dir, FILE_NAME, &text, NULL) < 0 || !text.p ||
	    json_read(text.p, text.len, fields, &n, a, NULL) < 0)
		return false;
	if (out)
		*out = n;
	return true;
}

void ending_clear(const char *bundle)
{
	auto_close int dir = open_bundle(bundle);
	if (dir >= 0)
		unlinkat(dir, FILE_NAME, 0);
}
