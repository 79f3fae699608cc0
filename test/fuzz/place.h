/* place.h - a directory for parsers that read files by name; it goes when the fuzzer ends. */
#ifndef PLACE_H
#define PLACE_H

#include "base/file.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>

static char place_path[] = "/tmp/coracle-fuzz.XXXXXX";

static void place_remove(void)
{
	tree_remove(AT_FDCWD, place_path, NULL);
}

/* The same one every time. */
static int place(void)
{
	static int dir = -1;
	if (dir >= 0)
		return dir;
	if (!mkdtemp(place_path))
		abort();
	atexit(place_remove);
	dir = open(place_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dir >= 0 ? dir : (abort(), -1);
}

static void place_put(const char *name, const void *p, size_t n)
{
	auto_close int fd = openat(place(), name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write_all(fd, p, n) < 0)
		abort();
}

#endif
