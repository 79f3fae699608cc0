/* copyup_test.c - a directory's content, copied with all that is said of it. */
#include "tap.h"

#include "base/file.h"
#include "box/copyup.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/xattr.h>

static char top[] = "/tmp/copyup-test-XXXXXX";

static int make(const char *name)
{
	auto_close int dir = open(top, O_RDONLY | O_DIRECTORY);
	mkdirat(dir, name, 0755);
	return openat(dir, name, O_RDONLY | O_DIRECTORY);
}

static void extended_attributes_go_along(void)
{
	char value[16] = "";
	auto_close int from = make("attributes"), to = make("attributes-to");
	auto_close int file = openat(from, "file", O_RDWR | O_CREAT, 0640);
	mkdirat(from, "dir", 0700);
	auto_close int dir = openat(from, "dir", O_RDONLY | O_DIRECTORY);
	if (fsetxattr(file, "user.mark", "here", 4, 0) < 0 && errno == ENOTSUP) {
		printf("# no attributes on /tmp\n");
		return;
	}
	ok(fsetxattr(dir, "user.mark", "there", 5, 0) == 0);
	ok(fsetxattr(from, "user.mark", "top", 3, 0) == 0);
	is_int(copyup(from, to), 0);
	auto_close int copy = openat(to, "file", O_RDONLY);
	auto_close int below = openat(to, "dir", O_RDONLY);
	is_int(fgetxattr(copy, "user.mark", value, sizeof(value)), 4);
	is_str(value, "here");
	is_int(fgetxattr(below, "user.mark", value, sizeof(value)), 5);
	is_int(fgetxattr(to, "user.mark", value, sizeof(value)), 3);
}

/* Where they may be so long: on a tmpfs since Linux 6.6. */
static void the_longest_attribute_goes_along(void)
{
	static char value[65536], copied[sizeof(value)];
	char shm[] = "/dev/shm/copyup-test-XXXXXX";
	memset(value, 'v', sizeof(value));
	if (!mkdtemp(shm))
		return;
	auto_close int dir = open(shm, O_RDONLY | O_DIRECTORY);
	mkdirat(dir, "from", 0755);
	mkdirat(dir, "to", 0755);
	auto_close int from = openat(dir, "from", O_RDONLY | O_DIRECTORY);
	auto_close int to = openat(dir, "to", O_RDONLY | O_DIRECTORY);
	if (fsetxattr(from, "user.long", value, sizeof(value), 0) < 0)
		printf("# none on /dev/shm: %s\n", strerror(errno));
	else {
		is_int(copyup(from, to), 0);
		is_int(fgetxattr(to, "user.long", copied, sizeof(copied)), sizeof(value));
		ok(!memcmp(value, copied, sizeof(value)));
	}
	auto_close int parent = open("/dev/shm", O_RDONLY | O_DIRECTORY);
	tree_remove(parent, shm + 9, NULL);
}

static void modes_times_and_kinds_go_along(void)
{
	struct stat a, b;
	const struct timespec times[2] = { { 1, 2 }, { 3, 4000 } };
	auto_close int from = make("kinds"), to = make("kinds-to");
	auto_close int file = openat(from, "file", O_RDWR | O_CREAT, 0600);
	ok(write(file, "text", 4) == 4);
	ok(fchmod(file, 0751) == 0);
	ok(futimens(file, times) == 0);
	ok(mkfifoat(from, "fifo", 0620) == 0);
	ok(symlinkat("/etc/passwd", from, "link") == 0);
	ok(mkdirat(from, "empty", 01777) == 0);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/kinds/socket", top);
	auto_close int sock = socket(AF_UNIX, SOCK_STREAM, 0);
	ok(bind(sock, (void *)&address, sizeof(address)) == 0);
	is_int(copyup(from, to), 0);
	static const char *const names[] = { "file", "fifo", "link", "empty", "socket" };
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		ok(fstatat(from, names[i], &a, AT_SYMLINK_NOFOLLOW) == 0);
		ok(fstatat(to, names[i], &b, AT_SYMLINK_NOFOLLOW) == 0);
		is_int(b.st_mode, a.st_mode);
		is_int(b.st_mtim.tv_nsec, a.st_mtim.tv_nsec);
		ok(b.st_size == a.st_size || S_ISDIR(a.st_mode));
	}
	is_int(b.st_mtime, a.st_mtime);
}

static void what_is_there_already_is_not_replaced(void)
{
	auto_close int from = make("twice"), to = make("twice-to");
	close(openat(from, "file", O_RDWR | O_CREAT, 0600));
	is_int(copyup(from, to), 0);
	is_int(copyup(from, to), -EEXIST);
}

static void holes_stay_holes(void)
{
	const off_t size = 64 << 20;
	struct stat st;
	char text[5] = "";
	auto_close int from = make("holes"), to = make("holes-to");
	auto_close int file = openat(from, "file", O_RDWR | O_CREAT, 0600);
	auto_close int ends = openat(from, "ends", O_RDWR | O_CREAT, 0600);
	ok(pwrite(file, "text", 4, size / 2) == 4 && ftruncate(file, size) == 0);
	ok(pwrite(ends, "text", 4, size) == 4 && pwrite(ends, "text", 4, 0) == 4);
	is_int(copyup(from, to), 0);
	auto_close int copy = openat(to, "file", O_RDONLY);
	ok(fstat(copy, &st) == 0 && st.st_size == size && st.st_blocks * 512 < size / 2);
	ok(pread(copy, text, 4, size / 2) == 4 && !strcmp(text, "text"));
	auto_close int other = openat(to, "ends", O_RDONLY);
	ok(fstat(other, &st) == 0 && st.st_size == size + 4 && st.st_blocks * 512 < size / 2);
	ok(pread(other, text, 4, 0) == 4 && !strcmp(text, "text"));
	ok(pread(other, text, 4, size) == 4 && !strcmp(text, "text"));
}

static void depth_has_an_end(void)
{
	auto_close int from = make("deep"), to = make("deep-to");
	auto_close int at = openat(from, ".", O_RDONLY | O_DIRECTORY);
	for (int i = 0; i < 100; i++) {
		mkdirat(at, "d", 0755);
		put_fd(&at, openat(at, "d", O_RDONLY | O_DIRECTORY));
	}
	is_int(copyup(from, to), -ELOOP);
}

int main(void)
{
	umask(0);
	if (!mkdtemp(top))
		return 1;
	test(extended_attributes_go_along);
	test(the_longest_attribute_goes_along);
	test(modes_times_and_kinds_go_along);
	test(what_is_there_already_is_not_replaced);
	test(holes_stay_holes);
	test(depth_has_an_end);
	auto_close int tmp = open("/tmp", O_RDONLY | O_DIRECTORY);
	tree_remove(tmp, top + 5, NULL);
	return done_testing();
}
