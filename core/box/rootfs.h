/* rootfs.h - paths inside a root file system, resolved by the kernel so that they cannot leave it.
 * System calls only: the child uses these. */
#ifndef BOX_ROOTFS_H
#define BOX_ROOTFS_H

#include <stdbool.h>
#include <sys/types.h>

/* Opens path with the root at fd root (openat2, RESOLVE_IN_ROOT, no magic links). -errno. */
int rootfs_open(int root, const char *path, int flags);

/* The same, but no component may be a symbolic link. */
int rootfs_open_real(int root, const char *path, int flags);

/* Opens (O_PATH) the root file system that a spec names, from its bundle. No component may be a
 * symbolic link, as with runc. */
struct err;
int rootfs_named(int bundle, const char *path, struct err *e);

/* What is to be mounted on, O_PATH: -EOPNOTSUPP where a link, which is the image's, leads into a
 * procfs, that programs trust. */
int rootfs_open_target(int root, const char *path);

/* Opens (O_PATH) the place to mount on, making missing directories (mode 0755) and, unless
 * directory, an empty last file. Each step is held by fd. A dangling symbolic link in the way is
 * ELOOP. */
int rootfs_make(int root, const char *path, bool directory);

/* Opens the directory that path's last component is in, made as needed, and tells that
 * component. */
int rootfs_parent(int root, const char *path, const char **last);

#endif
