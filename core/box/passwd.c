/* passwd.c - users of a container, from the etc/passwd of its root. */
#include "box/passwd.h"
#include "base/file.h"
#include "box/rootfs.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define PASSWD_MAX ((size_t)1 << 20)

/* name:password:uid:gid:comment:home:shell */
static const char *home_in(const char *line, size_t len, uint32_t uid, struct arena *a)
{
	const char *field[7];
	size_t n = 0;
	const char *end = line + len;
	for (const char *at = line; n < 7; n++) {
		field[n] = at;
		const char *colon = memchr(at, ':', (size_t)(end - at));
		if (!colon) {
			n++;
			break;
		}
		at = colon + 1;
	}
	if (n < 7 || *field[2] < '0' || *field[2] > '9')
		return NULL;
	char *stop;
	unsigned long long number = strtoull(field[2], &stop, 10);
	if (*stop != ':' || number != uid || field[6] - field[5] < 2)
		return NULL;
	return arena_strn(a, field[5], (size_t)(field[6] - field[5] - 1));
}

const char *passwd_home(int root, uint32_t uid, struct arena *a)
{
	auto_buf text = { .max = PASSWD_MAX };
	auto_close int fd = rootfs_open(root, "/etc/passwd", O_RDONLY | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || file_read_fd(fd, "/etc/passwd", &text, NULL) < 0)
		return "/";
	for (const char *line = text.p; line && *line;) {
		size_t n = strcspn(line, "\n");
		const char *home = home_in(line, n, uid, a);
		if (home)
			return home;
		line += n + (line[n] == '\n');
	}
	return "/";
}
