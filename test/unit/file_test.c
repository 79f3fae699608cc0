/* file_test.c - files as a directory fd and a name. */
#include "tap.h"

#include "base/arena.h"
#include "base/file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

static int dir; /* a fresh one for each test */

static bool there(const char *name)
{
	return faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void make(const char *name, const char *text)
{
	auto_close int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ok(fd >= 0);
	is_int(write_all(fd, text, strlen(text)), 0);
}

static void a_file_is_read_whole(void)
{
	auto_buf big = { 0 }, got = { 0 };
	for (int i = 0; i < 30000; i++)
		buf_printf(&big, "%d\n", i);
	make("f", big.p);
	is_int(file_read(dir, "f", &got, NULL), 0);
	is_int(got.len, big.len);
	is_str(got.p, big.p);
	auto_buf proc = { 0 };
	is_int(file_read(dir, "/proc/self/status", &proc, NULL), 0); /* it has no size */
	has_str(proc.p, "Name:");
}

static void reading_stops_at_the_limit(void)
{
	struct err e = { 0 };
	make("f", "12345678901234567890");
	auto_buf little = { .max = 16 }, enough = { .max = 64 };
	is_int(file_read(dir, "f", &little, &e), -E2BIG);
	has_str(e.msg, "f: larger than 16 bytes");
	is_int(file_read(dir, "f", &enough, &e), 0);
	is_int(enough.len, 20);
	is_int(file_read(dir, "none", &enough, &e), -ENOENT);
	is_str(e.msg, "open none: No such file or directory");
}

static void an_existing_file_is_put_in_one_write(void)
{
	auto_buf b = { 0 };
	is_int(file_put(dir, "f", "x"), -ENOENT);
	make("f", "abc");
	is_int(file_put(dir, "f", "z"), 0);
	is_int(file_read(dir, "f", &b, NULL), 0);
	is_str(b.p, "zbc");
	is_int(symlinkat("f", dir, "l"), 0);
	is_int(file_put(dir, "l", "y"), -ELOOP);
}

/* In a directory that others may write to, the temporary name can be taken. */
static void what_waits_at_the_temporary_name_is_not_written_to(void)
{
	char name[64];
	auto_buf victim = { 0 }, got = { 0 };
	struct stat old, new;
	snprintf(name, sizeof(name), ".f.%d", (int)getpid());
	make("victim", "precious");
	is_int(linkat(dir, "victim", dir, name, 0), 0);
	is_int(fstatat(dir, "victim", &old, 0), 0);
	is_int(file_swap(dir, "f", "new", 3, 0600, NULL), 0);
	is_int(file_read(dir, "victim", &victim, NULL), 0);
	is_str(victim.p, "precious");
	is_int(file_read(dir, "f", &got, NULL), 0);
	is_str(got.p, "new");
	is_int(fstatat(dir, "f", &new, 0), 0);
	ok(new.st_ino != old.st_ino);
	is_int(mknodat(dir, name, S_IFIFO | 0600, 0), 0); /* which nobody reads */
	is_int(file_swap(dir, "f", "newer", 5, 0600, NULL), 0);
	ok(!there(name));
}

static void a_file_is_replaced_whole(void)
{
	auto_buf b = { 0 };
	struct stat st;
	make("f", "old and longer");
	auto_close int old = openat(dir, "f", O_RDONLY | O_CLOEXEC);
	is_int(file_replace(dir, "f", "new", 3, 0640, NULL), 0);
	is_int(file_read(dir, "f", &b, NULL), 0);
	is_str(b.p, "new");
	buf_free(&b);
	is_int(file_read_fd(old, "f", &b, NULL), 0);
	is_str(b.p, "old and longer");
	is_int(fstatat(dir, "f", &st, 0), 0);
	is_int(st.st_mode & 0777, 0640);
	is_int(file_swap(dir, "g", "x", 1, 0600, NULL), 0);
	ok(there("g"));
	struct err e = { 0 };
	is_int(mkdirat(dir, "d", 0700), 0);
	is_int(file_replace(dir, "d", "x", 1, 0600, &e), -EISDIR);
	char tmp[64];
	snprintf(tmp, sizeof(tmp), ".d.%d", (int)getpid());
	ok(!there(tmp));
}

static void directories_are_made_step_by_step(void)
{
	struct err e = { 0 };
	auto_close int fd = dir_make(dir, "a/b//c/", 0750, &e);
	auto_close int again = dir_make(dir, "a/b/./c", 0750, &e);
	ok(fd >= 0 && again >= 0);
	ok(there("a/b/c"));
	make("f", "");
	is_int(dir_make(dir, "f/x", 0700, &e), -ENOTDIR);
	has_str(e.msg, "f/x");
}

static void a_tree_is_removed_with_all_it_holds(void)
{
	auto_close int fd = dir_make(dir, "t/a/b", 0700, NULL);
	make("t/f", "x");
	make("t/a/b/f", "x");
	make("kept", "x");
	is_int(symlinkat("../kept", dir, "t/link"), 0);
	is_int(symlinkat("..", dir, "t/a/up"), 0);
	is_int(tree_remove(dir, "t", NULL), 0);
	ok(!there("t"));
	ok(there("kept"));
	is_int(tree_remove(dir, "t", NULL), 0);
	is_int(symlinkat("kept", dir, "l"), 0);
	is_int(tree_remove(dir, "l", NULL), 0);
	ok(!there("l") && there("kept"));
	is_int(tree_remove(dir, "kept", NULL), 0);
	ok(!there("kept"));
}

static void a_tree_deeper_than_any_path_is_removed(void)
{
	auto_close int at = dir_make(dir, "t", 0700, NULL);
	for (int i = 0; i < 5000; i++) {
		mkdirat(at, "d", 0700);
		put_fd(&at, openat(at, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	}
	close(openat(at, "f", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	is_int(tree_remove(dir, "t", NULL), 0);
	ok(!there("t"));
}

static void paths_become_absolute(void)
{
	auto_arena *a = arena_new(1 << 16);
	char cwd[4096];
	ok(getcwd(cwd, sizeof(cwd)));
	is_str(path_absolute(a, "/a/b///"), "/a/b");
	is_str(path_absolute(a, "/"), "/");
	is_str(path_absolute(a, "."), cwd);
	is_str(path_absolute(a, "x/"), arena_printf(a, "%s/x", cwd));
}

static void fds_close_themselves_and_keep_errno(void)
{
	int kept, probe;
	{
		auto_close int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
		auto_close int other = open("/dev/null", O_RDONLY | O_CLOEXEC);
		probe = fd;
		kept = take_fd(&other);
		is_int(other, -1);
		errno = EBUSY;
	}
	is_int(errno, EBUSY);
	is_int(fcntl(probe, F_GETFD), -1);
	ok(fcntl(kept, F_GETFD) >= 0);
	put_fd(&kept, -1);
	is_int(kept, -1);
}

#define in_fresh_directory(fact_)                                                          \
	do {                                                                               \
		char name[] = "/tmp/coracle-file-XXXXXX";                                  \
		dir = mkdtemp(name) ? open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1; \
		test(fact_);                                                               \
		close(dir);                                                                \
		tree_remove(AT_FDCWD, name, NULL);                                         \
	} while (0)

int main(void)
{
	in_fresh_directory(a_file_is_read_whole);
	in_fresh_directory(reading_stops_at_the_limit);
	in_fresh_directory(an_existing_file_is_put_in_one_write);
	in_fresh_directory(a_file_is_replaced_whole);
	in_fresh_directory(what_waits_at_the_temporary_name_is_not_written_to);
	in_fresh_directory(directories_are_made_step_by_step);
	in_fresh_directory(a_tree_is_removed_with_all_it_holds);
	in_fresh_directory(a_tree_deeper_than_any_path_is_removed);
	test(paths_become_absolute);
	test(fds_close_themselves_and_keep_errno);
	return done_testing();
}
