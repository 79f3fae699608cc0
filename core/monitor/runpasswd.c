/* runpasswd.c - who is known in a container: lines of its own /etc/passwd and /etc/group. */
#include "monitor/runpasswd.h"
#include "base/file.h"
#include "box/rootfs.h"
#include "box/user.h"
#include "monitor/runparts.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A line more of a file of the container's own. */
static int append(int rootfs, const char *path, const char *line, struct err *e)
{
	struct stat st;
	char name[32], last = '\n';
	auto_close int found = rootfs_make(rootfs, path, false);
	if (found < 0 || fstat(found, &st) < 0 || !S_ISREG(st.st_mode))
		return 0; /* whoever made that image wants none */
	snprintf(name, sizeof(name), "/proc/self/fd/%d", found);
	auto_close int fd = open(name, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return fail(e, errno, "open %s of the container", path);
	if (st.st_size && pread(fd, &last, 1, st.st_size - 1) != 1)
		return fail(e, errno, "read %s of the container", path);
	if (lseek(fd, 0, SEEK_END) < 0)
		return fail(e, errno, "write %s of the container", path);
	int rc = last == '\n' ? 0 : write_all(fd, "\n", 1);
	if (rc == 0)
		rc = write_all(fd, line, strlen(line));
	return rc < 0 ? fail(e, rc, "write %s of the container", path) : 0;
}

/* The text with what its variables stand for, as a line. NULL: too long. */
static const char *fill(const char *text, const struct person *p, struct arena *a)
{
	const char *uid = arena_printf(a, "%u", p->uid), *gid = arena_printf(a, "%u", p->gid);
	const struct pair all[] = {
		{ "$USERNAME", p->name }, { "$GROUPNAME", p->group }, { "$UID", uid },
		{ "$GID", gid },	  { "$NAME", p->full },	      { "$HOME", p->home },
	};
	auto_buf line = { .max = 65536 };
	if (!uid || !gid)
		return NULL;
	while (*text) {
		size_t i = 0, n = sizeof(all) / sizeof(all[0]);
		while (i < n && strncmp(text, all[i].key, strlen(all[i].key)) != 0)
			i++;
		if (i < n)
			buf_str(&line, all[i].value);
		else
			buf_char(&line, *text);
		text += i < n ? strlen(all[i].key) : 1;
	}
	buf_char(&line, '\n');
	return line.failed ? NULL : arena_str(a, line.p);
}

int passwd_add(const struct run_options *o, int rootfs, const struct person *p, struct arena *a,
	       struct err *e)
{
	const char *user = o->passwd_entry ? o->passwd_entry
					   : "$USERNAME:*:$UID:$GID:$NAME:$HOME:/bin/sh";
	const char *group = o->group_entry ? o->group_entry : "$GROUPNAME:*:$GID:";
	user = fill(user, p, a);
	group = fill(group, p, a);
	if (!user || !group)
		return option_room("passwd-entry", e);
	int rc = user_name(rootfs, p->uid, a) ? 0 : append(rootfs, "/etc/passwd", user, e);
	return rc == 0 && !group_known(rootfs, p->gid) ? append(rootfs, "/etc/group", group, e)
						       : rc;
}

int passwd_apply(const struct run_options *o, const char *user, int rootfs, struct arena *a,
		 struct err *e)
{
	char *end;
	bool wanted = o->passwd_entry || o->group_entry;
	unsigned long uid = strtoul(user && *user ? user : "0", &end, 10);
	if (wanted && rootfs < 0)
		return refuse(e, EINVAL,
			      "option --%s: it is for images: a root directory stays as it is",
			      o->passwd_entry ? "passwd-entry" : "group-entry");
	if (!wanted || !o->passwd || (*end && *end != ':') || uid >= UINT32_MAX)
		return 0;
	struct person p = { .uid = (uint32_t)uid,
			    .full = "container user",
			    .home = o->cwd && *o->cwd == '/' ? o->cwd : "/" };
	int rc = *end && end[1] ? user_group(rootfs, end + 1, &p.gid, e) : 0;
	if (rc < 0)
		return within(e, "option --user");
	p.name = arena_printf(a, "%u", p.uid);
	p.group = arena_printf(a, "%u", p.gid);
	return p.name && p.group ? passwd_add(o, rootfs, &p, a, e) : option_room("user", e);
}
