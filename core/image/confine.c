/* confine.c - a process that reads foreign bytes gives up what it will not need. */
#include "image/confine.h"
#include "base/file.h"

#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#define CHANGES                                                          \
	(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | \
	 LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR | \
	 LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |     \
	 LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |   \
	 LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REFER)

int confine_writes(int dir, struct err *e)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	struct landlock_ruleset_attr rules = { .handled_access_fs = CHANGES |
								    LANDLOCK_ACCESS_FS_EXECUTE };
	struct landlock_path_beneath_attr below = { .allowed_access = CHANGES, .parent_fd = dir };
	if (abi < 2) /* the first version forbids hard links between directories */
		return 0;
	auto_close int fd = (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof(rules), 0);
	if (fd < 0)
		return fail(e, errno, "make a Landlock ruleset");
	if (syscall(SYS_landlock_add_rule, fd, LANDLOCK_RULE_PATH_BENEATH, &below, 0) < 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    syscall(SYS_landlock_restrict_self, fd, 0) < 0)
		return fail(e, errno, "confine the process that unpacks");
	return 1;
}
