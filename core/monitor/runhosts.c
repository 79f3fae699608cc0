/* runhosts.c - the names that a user adds to a container's /etc/hosts. */
#include "base/file.h"
#include "box/rootfs.h"
#include "monitor/runparts.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_MAX ((size_t)1 << 20)

#define GATEWAY "host-gateway" /* the host, as the container reaches it */

/* "name:1.2.3.4", "name=::1" and "name:[::1]" as a line. host: it has the host's network. */
static int line_add(struct buf *b, const char *text, bool host, struct arena *a, struct err *e)
{
	unsigned char address[sizeof(struct in6_addr)];
	size_t name = strcspn(text, ":=");
	const char *at = text[name] ? text + name + 1 : "";
	size_t n = strlen(at);
	bool bracket = n > 2 && at[0] == '[' && at[n - 1] == ']';
	const char *ip = arena_strn(a, at + bracket, n - 2 * bracket);
	if (!ip)
		return option_room("add-host", e);
	if (!strcmp(ip, GATEWAY) && !host)
		return refuse(e, EINVAL,
			      "option --add-host: %s: a container reaches the host only with "
			      "--network host",
			      text);
	if (!strcmp(ip, GATEWAY))
		ip = "127.0.0.1";
	if (!name || strcspn(text, " \t\n#") < name ||
	    (inet_pton(AF_INET, ip, address) != 1 && inet_pton(AF_INET6, ip, address) != 1))
		return option_refuse("add-host", text, "NAME:ADDRESS such as db:10.0.0.7", e);
	buf_printf(b, "%s\t%.*s\n", ip, (int)name, text);
	return 0;
}

/* A file of the container's own, to be read or written; never what only looks like one. */
static int reopen(int found, int flags)
{
	struct stat st;
	char path[32];
	if (found < 0)
		return found;
	if (fstat(found, &st) < 0 || !S_ISREG(st.st_mode))
		return -EINVAL;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", found);
	int fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int read_old(int rootfs, bool host, struct buf *b, struct err *e)
{
	if (host)
		return file_read(-1, "/etc/hosts", b, e);
	auto_close int found = rootfs_open(rootfs, "/etc/hosts", O_PATH);
	auto_close int fd = reopen(found, O_RDONLY);
	int rc = fd < 0 ? 0 : file_read_fd(fd, "/etc/hosts of the image", b, e);
	if (rc == 0 && !b->len)
		buf_str(b, "127.0.0.1\tlocalhost\n::1\tlocalhost\n");
	if (b->len && b->p[b->len - 1] != '\n')
		buf_str(b, "\n");
	return rc;
}

int hosts_apply(const struct run_options *o, const struct run_subject *subject, struct arena *a,
		struct err *e)
{
	auto_buf b = { .max = FILE_MAX };
	if (!o->hosts.n)
		return 0;
	if (!subject->image || !subject->image->name)
		return refuse(e, EINVAL,
			      "option --add-host: it is for images, whose containers have files of "
			      "their own");
	bool host = o->network && !strcmp(o->network, "host");
	int rc = read_old(subject->rootfs, host, &b, e);
	for (size_t i = 0; rc == 0 && i < o->hosts.n; i++)
		rc = line_add(&b, o->hosts.v[i], host, a, e);
	if (rc < 0)
		return rc;
	auto_close int found = rootfs_make(subject->rootfs, "/etc/hosts", false);
	auto_close int fd = reopen(found, O_WRONLY | O_TRUNC);
	rc = b.failed ? -E2BIG : fd < 0 ? fd : write_all(fd, b.p, b.len);
	return rc < 0 ? fail(e, rc, "option --add-host: write /etc/hosts of the container") : 0;
}
