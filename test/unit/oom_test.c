/* oom_test.c - what is left of a cgroup's counters when the cgroup is gone: that they changed. */
#include "tap.h"

#include "base/file.h"
#include "box/oom.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

static char name[] = "/tmp/coracle-oom-XXXXXX";

static int watched(int *file)
{
	strcpy(name + sizeof(name) - 7, "XXXXXX");
	*file = mkstemp(name);
	int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	return inotify_add_watch(fd, name, IN_MODIFY) < 0 ? -1 : fd;
}

static void a_change_is_told_once(void)
{
	uint64_t times;
	auto_close int file = -1;
	auto_close int fd = watched(&file);
	ok(!oom_changed(fd, &times));
	for (int i = 0; i < 20; i++) {
		is_int(write(file, "x", 1), 1);
		is_int(ftruncate(file, 0), 0);
	}
	ok(oom_changed(fd, &times));
	ok(!oom_changed(fd, &times));
	unlink(name);
}

static void the_end_of_the_file_alone_is_no_change(void)
{
	uint64_t times;
	int file = -1;
	auto_close int fd = watched(&file);
	close(file);
	unlink(name);
	ok(!oom_changed(fd, &times));
}

static void a_change_before_the_end_is_told(void)
{
	uint64_t times;
	int file = -1;
	auto_close int fd = watched(&file);
	is_int(write(file, "x", 1), 1);
	close(file);
	unlink(name);
	ok(oom_changed(fd, &times));
}

static void an_event_of_v1_is_another_thing(void)
{
	uint64_t times;
	auto_close int fd = eventfd(3, EFD_CLOEXEC | EFD_NONBLOCK);
	ok(!oom_changed(fd, &times));
	is_int(times, 3);
	uint64_t one;
	ok(read(fd, &one, sizeof(one)) < 0); /* but it is read */
}

static void a_counter_is_read_from_its_start_each_time(void)
{
	auto_close int file = -1;
	auto_close int fd = watched(&file);
	unlink(name);
	is_int(oom_count(file), 0);
	is_int(write(file, "oom 1\noom_kill 7\n", 17), 17);
	is_int(oom_count(file), 7);
	is_int(oom_count(file), 7);
	is_int(oom_count(-1), -EBADF);
}

int main(void)
{
	test(a_change_is_told_once);
	test(the_end_of_the_file_alone_is_no_change);
	test(a_change_before_the_end_is_told);
	test(an_event_of_v1_is_another_thing);
	test(a_counter_is_read_from_its_start_each_time);
	return done_testing();
}
