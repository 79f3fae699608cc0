/* cgroup_give.c - a container's cgroup given to somebody who may then make groups in it. */
#include "base/file.h"
#include "box/cgroup_inner.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Which of its files may be his is for the kernel to say, since Linux 4.15. */
#define LIST "/sys/kernel/cgroup/delegate"

static int give(int dir, const char *file, uid_t uid)
{
	int flags = *file ? AT_SYMLINK_NOFOLLOW : AT_EMPTY_PATH;
	return fchownat(dir, file, uid, (gid_t)-1, flags) == 0 || errno == ENOENT ? 0 : -errno;
}

int cgroup_give(const struct cgroup *cg, uid_t uid, struct err *e)
{
	const struct cgroup_dir *d = &cg->v[0];
	char *save = NULL, usual[] = "cgroup.procs\ncgroup.threads\ncgroup.subtree_control";
	auto_buf text = { .max = 1 << 16 };
	bool told = file_read(-1, LIST, &text, NULL) == 0 && text.p;
	int rc = give(d->fd, "", uid);
	for (char *name = strtok_r(told ? text.p : usual, "\n", &save); rc == 0 && name;
	     name = strtok_r(NULL, "\n", &save))
		rc = give(d->fd, name, uid);
	return rc < 0 ? fail(e, rc, "give cgroup %s to user %u", d->path, (unsigned)uid) : 0;
}
