/* walk_test.c - paths resolved step by step lead where the kernel's openat2 leads. */
#include "tap.h"

#include "base/file.h"
#include "base/walk.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>

static char top[] = "/tmp/walk-test-XXXXXX";

static void make(int dir)
{
	ok(mkdirat(dir, "a", 0755) == 0);
	ok(mkdirat(dir, "a/b", 0755) == 0);
	close(openat(dir, "a/file", O_WRONLY | O_CREAT, 0644));
	close(openat(dir, "a/b/deep", O_WRONLY | O_CREAT, 0644));
	static const char *const links[][2] = {
		{ "a", "to-a" },
		{ "/a", "to-root-a" },
		{ "../../../../../../etc", "out" },
		{ "/etc/passwd", "absolute" },
		{ "nowhere", "dangling" },
		{ "loop2", "loop1" },
		{ "loop1", "loop2" },
		{ "../file", "a/b/up" },
		{ "/", "to-root" },
		{ "a/", "to-a-slash" },
		{ ".", "here" },
		{ "a/b/../file", "around" },
	};
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		ok(symlinkat(links[i][0], dir, links[i][1]) == 0);
}

static const char *const paths[] = {
	"a",
	"/a",
	"a/",
	"/",
	".",
	"./a/./b",
	"..",
	"../..",
	"a/..",
	"a/../a/b/..",
	"a/b/../../../../..",
	"a/file",
	"a/file/",
	"a/file/x",
	"a/file/..",
	"none",
	"none/x",
	"a/none",
	"to-a",
	"to-a/",
	"to-a/b/deep",
	"to-root-a/b",
	"out",
	"absolute",
	"dangling",
	"dangling/x",
	"loop1",
	"loop1/x",
	"a/b/up",
	"to-root",
	"to-root/a/file",
	"to-a-slash",
	"to-a-slash/file",
	"here",
	"here/here/here/a",
	"around",
	"//a//b//",
	"a//file",
	"a/b/up/..",
};

/* The same fd, or the same error. */
static int compare(int dir, const char *path, const struct open_how *how)
{
	struct stat a, b;
	auto_close int mine = walk_steps(dir, path, how);
	int theirs_fd;
	do { /* somebody else's rename or mount, anywhere, makes it give up a path with ".." */
		theirs_fd = sys_openat2(dir, path, how);
	} while (theirs_fd < 0 && errno == EAGAIN);
	auto_close int theirs = theirs_fd;
	int error = theirs < 0 ? -errno : 0;
	bool same = theirs < 0 ? mine == error
			       : mine >= 0 && fstat(mine, &a) == 0 && fstat(theirs, &b) == 0 &&
					 a.st_ino == b.st_ino && a.st_dev == b.st_dev &&
					 !((fcntl(mine, F_GETFL) ^ fcntl(theirs, F_GETFL)) &
					   (O_ACCMODE | O_PATH));
	if (!same)
		printf("# %s, flags %llo, resolve %#llx: %d, not %d\n", path,
		       (unsigned long long)how->flags, (unsigned long long)how->resolve, mine,
		       error);
	return same;
}

static void every_path_leads_where_the_kernel_leads(void)
{
	static const uint64_t flags[] = { O_PATH,
					  O_RDONLY,
					  O_PATH | O_DIRECTORY,
					  O_PATH | O_NOFOLLOW,
					  O_RDONLY | O_NOFOLLOW,
					  O_RDONLY | O_DIRECTORY };
	static const uint64_t resolves[] = { RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
					     RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS,
					     RESOLVE_NO_SYMLINKS, RESOLVE_BENEATH,
					     RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
						     RESOLVE_NO_XDEV };
	auto_close int dir = open(top, O_PATH | O_DIRECTORY);
	for (size_t p = 0; p < sizeof(paths) / sizeof(paths[0]); p++) {
		int same = 1;
		for (size_t f = 0; f < sizeof(flags) / sizeof(flags[0]); f++)
			for (size_t r = 0; r < sizeof(resolves) / sizeof(resolves[0]); r++)
				same &= compare(dir, paths[p],
						&(struct open_how){ .flags = flags[f] | O_CLOEXEC,
								    .resolve = resolves[r] });
		ok(same);
	}
}

static void magic_links_and_other_mounts_are_not_entered(void)
{
	const struct open_how in = { .flags = O_PATH | O_CLOEXEC,
				     .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
	const struct open_how same = { .flags = O_PATH | O_CLOEXEC,
				       .resolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV };
	auto_close int root = open("/", O_PATH | O_DIRECTORY);
	auto_close int proc = open("/proc", O_PATH | O_DIRECTORY);
	ok(compare(root, "proc/self/exe", &in));
	ok(compare(root, "proc/self/fd/0", &in));
	ok(compare(root, "proc/self/ns/mnt", &in));
	ok(compare(root, "proc/self/root", &in));
	ok(compare(root, "proc/mounts", &in));
	ok(compare(root, "proc/thread-self/attr", &in));
	ok(compare(root, "proc", &same));
	ok(compare(root, "proc/self", &same));
	ok(compare(proc, "self/attr/exec", &same));
	ok(compare(proc, "sys/net/ipv4", &same));
}

static void a_file_is_created_where_it_was_missing(void)
{
	const struct open_how how = { .flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
				      .mode = 0640,
				      .resolve = RESOLVE_IN_ROOT };
	struct stat st;
	auto_close int dir = open(top, O_PATH | O_DIRECTORY);
	auto_close int fd = walk_steps(dir, "to-root-a/b/new", &how);
	ok(fd >= 0 && fstat(fd, &st) == 0);
	is_int(st.st_mode & 0777, 0640);
	is_int(walk_steps(dir, "a/b/new", &how), -EEXIST);
	is_int(walk_steps(dir, "a/none/new", &how), -ENOENT);
}

static void depth_and_length_have_an_end(void)
{
	const struct open_how how = { .flags = O_PATH, .resolve = RESOLVE_IN_ROOT };
	auto_close int dir = open(top, O_PATH | O_DIRECTORY);
	char path[PATH_MAX + 2];
	memset(path, 'x', sizeof(path));
	path[PATH_MAX + 1] = 0;
	is_int(walk_steps(dir, path, &how), -ENAMETOOLONG);
	path[PATH_MAX - 1] = 0;
	is_int(walk_steps(dir, path, &how), -ENAMETOOLONG);
	is_int(walk_steps(dir, "", &how), -ENOENT);
	for (size_t i = 0; i < 2 * 300; i += 2)
		memcpy(path + i, "a/", 2);
	path[600] = 0;
	auto_close int at = open(top, O_PATH | O_DIRECTORY);
	for (int i = 0; i < 300; i++) {
		mkdirat(at, "a", 0755);
		put_fd(&at, openat(at, "a", O_PATH | O_DIRECTORY));
	}
	is_int(walk_steps(dir, path, &how), -ENAMETOOLONG);
}

int main(void)
{
	umask(0);
	if (!mkdtemp(top))
		return 1;
	{
		auto_close int dir = open(top, O_PATH | O_DIRECTORY);
		make(dir);
	}
	test(every_path_leads_where_the_kernel_leads);
	test(magic_links_and_other_mounts_are_not_entered);
	test(a_file_is_created_where_it_was_missing);
	test(depth_and_length_have_an_end);
	auto_close int tmp = open("/tmp", O_RDONLY | O_DIRECTORY);
	tree_remove(tmp, top + 5, NULL);
	return done_testing();
}
