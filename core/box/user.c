/* user.c - who a container's process is: names and homes from the passwd and group of its root. */
#include "box/user.h"
#include "base/file.h"
#include "box/rootfs.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_MAX   ((size_t)1 << 20) /* of passwd and group */
#define GROUPS_MAX 1024

struct passwd {
	bool found;
	const char *name, *home;
	uint32_t uid, gid;
};

/* Nothing but digits, and within 32 bits without the last, which means "no id" to the kernel. */
static bool number(const char *s, uint32_t *out)
{
	uint64_t v = 0;
	if (!*s || strspn(s, "0123456789") != strlen(s) || strlen(s) > 10)
		return false;
	for (; *s; s++)
		v = v * 10 + (uint64_t)(*s - '0');
	*out = (uint32_t)v;
	return v < UINT32_MAX;
}

/* A file of the rootfs; absent is empty. What is no regular file is not even opened: a fifo would
 * never end, and a device may do something, such as a watchdog that resets the machine. */
static int read_inside(int rootfs, const char *name, struct buf *b, struct err *e)
{
	struct stat st;
	char path[32];
	auto_close int found = rootfs_open(rootfs, name, O_PATH);
	if (found == -ENOENT || found == -ENOTDIR || found == -ELOOP)
		return 0;
	if (found < 0 || fstat(found, &st) < 0)
		return fail(e, found < 0 ? found : errno, "open /%s of the image", name);
	if (!S_ISREG(st.st_mode))
		return refuse(e, EINVAL, "/%s of the image is no regular file", name);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", found);
	auto_close int fd = openat(-1, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fail(e, errno, "open /%s of the image", name);
	b->max = FILE_MAX;
	return file_read_fd(fd, name, b, e);
}

/* Cuts the next line off *text, and it into n fields at its colons. False at the end. */
static bool next_line(char **text, char **fields, size_t n)
{
	char *line = *text;
	if (!line || !*line)
		return false;
	char *end = strchr(line, '\n');
	*text = end ? end + 1 : NULL;
	if (end)
		*end = 0;
	else
		end = line + strlen(line);
	for (size_t i = 0; i < n; i++) {
		fields[i] = line ? line : end; /* a missing one is empty */
		line = line ? strchr(line, ':') : NULL;
		if (line)
			*line++ = 0;
	}
	return true;
}

static int find_user(int rootfs, const char *who, struct arena *a, struct passwd *out,
		     struct err *e)
{
	char room[4096], *field[7];
	auto_buf b = { BUF_IN(room) };
	uint32_t id, uid, gid;
	bool numeric = number(who, &id);
	int rc = read_inside(rootfs, "etc/passwd", &b, e);
	for (char *at = rc < 0 ? NULL : b.p; next_line(&at, field, 7);) {
		if (!number(field[2], &uid) || !number(field[3], &gid) || !*field[0])
			continue;
		if (strcmp(field[0], who) && !(numeric && uid == id))
			continue;
		*out = (struct passwd){ true, arena_str(a, field[0]), arena_str(a, field[5]), uid,
					gid };
		return out->name && out->home ? 0 : fail(e, E2BIG, "read /etc/passwd of the image");
	}
	return rc;
}

static bool is_member(char *members, const char *name)
{
	for (char *save = NULL, *m = strtok_r(members, ",", &save); m;
	     m = strtok_r(NULL, ",", &save))
		if (!strcmp(m, name))
			return true;
	return false;
}

/* The group's id by name (NULL: not asked), and those groups that have the user as a member. */
static int find_groups(int rootfs, const char *group, const char *user, uint32_t *gid, bool *found,
		       struct u32s *also, struct err *e)
{
	auto_buf b = { 0 };
	char *field[4];
	uint32_t id;
	int rc = read_inside(rootfs, "etc/group", &b, e);
	for (char *at = rc < 0 ? NULL : b.p; next_line(&at, field, 4);) {
		if (!number(field[2], &id))
			continue;
		if (group && !*found && !strcmp(field[0], group)) {
			*gid = id;
			*found = true;
		}
		if (user && is_member(field[3], user) && also->n < GROUPS_MAX)
			also->v[also->n++] = id;
	}
	return rc;
}

int user_find(int rootfs_fd, const char *text, struct arena *a, struct spec_user *out,
	      const char **home, struct err *e)
{
	/* Nobody is root: "" and ":GROUP". */
	char *who = arena_printf(a, "%s%s", text && *text && *text != ':' ? "" : "0",
				 text ? text : "");
	struct spec_user user = { .additional_gids.v = arena_array(a, GROUPS_MAX,
								   sizeof(uint32_t)) };
	if (!who || !user.additional_gids.v)
		return fail(e, E2BIG, "look up the user %.100s", text);
	char *group = strchr(who, ':');
	if (group)
		*group++ = 0;
	if (group && !*group) /* "USER:" */
		group = NULL;
	struct passwd p = { 0 };
	int rc = find_user(rootfs_fd, who, a, &p, e);
	if (rc < 0)
		return rc;
	if (!p.found && !number(who, &p.uid))
		return refuse(e, EINVAL, "no user %.100s in the image's /etc/passwd", who);
	bool found = !group || number(group, &p.gid);
	const char *name = found ? NULL : group;
	/* Somebody who names a group wants that one alone. His own is one of these, too: who runs a
	 * program of another group's would be without it, and so without what it refuses him
	 * (CVE-2022-36109). */
	user.additional_gids.n = 1;
	rc = find_groups(rootfs_fd, name, group ? NULL : p.name, &p.gid, &found,
			 &user.additional_gids, e);
	if (rc < 0)
		return rc;
	if (!found)
		return refuse(e, EINVAL, "no group %.100s in the image's /etc/group", group);
	user.uid = p.uid;
	user.gid = user.additional_gids.v[0] = p.gid;
	*out = user;
	if (home)
		*home = p.home && *p.home == '/' ? p.home : "/";
	return 0;
}

int user_group(int root, const char *group, uint32_t *gid, struct err *e)
{
	bool found = number(group, gid);
	int rc = found ? 0 : find_groups(root, group, NULL, gid, &found, NULL, e);
	if (rc < 0 || found)
		return rc;
	return refuse(e, EINVAL, "no group %.100s in the image's /etc/group", group);
}

const char *user_home(int root, uint32_t uid, struct arena *a)
{
	struct passwd p = { 0 };
	const char *who = arena_printf(a, "%u", (unsigned)uid);
	bool has = who && find_user(root, who, a, &p, NULL) == 0 && p.found && *p.home == '/';
	return has ? p.home : "/";
}

const char *user_name(int root, uint32_t uid, struct arena *a)
{
	struct passwd p = { 0 };
	const char *who = arena_printf(a, "%u", (unsigned)uid);
	return who && find_user(root, who, a, &p, NULL) == 0 && p.found ? p.name : NULL;
}

bool group_known(int root, uint32_t gid)
{
	auto_buf b = { 0 };
	char *field[4];
	uint32_t id;
	bool found = false;
	int rc = read_inside(root, "etc/group", &b, NULL);
	for (char *at = rc < 0 ? NULL : b.p; !found && next_line(&at, field, 4);)
		found = number(field[2], &id) && id == gid;
	return found;
}
