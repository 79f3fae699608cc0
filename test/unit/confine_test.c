/* confine_test.c - a confined process changes nothing outside its directory. */
#include "base/file.h"
#include "image/confine.h"
#include "tap.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* Modes, owners and times: by their whole name, and by a way out of a directory that is open. Only
 * root could of what is not his. */
static int others_are_changed(int dir, const char *file)
{
	const struct timespec times[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };
	char up[4200] = "../../../../../../../../../..";
	int changed = 0;
	strcat(up, file);
	const char *names[] = { file, up };
	for (size_t i = 0; geteuid() == 0 && i < 2; i++) {
		changed += fchmodat(dir, names[i], 04777, 0) == 0;
		changed += fchownat(dir, names[i], 1, 1, 0) == 0;
		changed += utimensat(dir, names[i], times, 0) == 0;
	}
	return changed;
}

/* Signals that the kernel sends for whoever asks it to: to anybody. */
static int others_are_signalled(void)
{
	auto_close int event = eventfd(0, EFD_CLOEXEC);
	return (fcntl(event, F_SETOWN, getppid()) == 0) + (fcntl(event, F_SETSIG, SIGKILL) == 0) +
	       (fcntl(event, F_GETFL) < 0) + (fcntl(event, F_SETFL, O_NONBLOCK) < 0);
}

/* In the child: the number of things that went otherwise than they should. */
static int try_everything(int dir, int in, const char *file)
{
	int wrong = 0;
	if (confine(&(struct confinement){ .write = in, .read = dir }, NULL) < 0)
		return 1;
	wrong += openat(in, "new", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) < 0;
	wrong += mkdirat(in, "sub", 0700) < 0;
	wrong += linkat(in, "new", in, "sub/linked", 0) < 0;
	wrong += openat(dir, "file", O_RDONLY | O_CLOEXEC) < 0;
	wrong += openat(dir, "file", O_WRONLY | O_CLOEXEC) >= 0;
	wrong += openat(dir, "other", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >= 0;
	wrong += mkdirat(dir, "other", 0700) == 0;
	wrong += unlinkat(dir, "file", 0) == 0;
	wrong += linkat(in, "new", dir, "linked", 0) == 0;
	wrong += others_are_changed(in, file);
	wrong += others_are_changed(dir, file);
	execl("/bin/true", "true", NULL);
	wrong += errno != ENOSYS;
	wrong += open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0 ||
		 (errno != EACCES && errno != ENOENT);
	wrong += socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0 || errno != ENOSYS;
	wrong += kill(getppid(), 0) == 0 || errno != ENOSYS;
	wrong += others_are_signalled();
	return wrong;
}

/* With the network: IP, and nothing else that sockets can be. */
static int try_sockets(int dir, int in, const char *file)
{
	int wrong = 0;
	const struct confinement c = {
		.write = in, .read = -1, .network = true, .view = confine_view()
	};
	if (confine(&c, NULL) < 0)
		return 1;
	wrong += socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) < 0;
	wrong += socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0) < 0 && errno == ENOSYS;
	wrong += socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0 || errno != ENOSYS;
	wrong += socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0) >= 0 || errno != ENOSYS;
	wrong += open("/etc/hosts", O_RDONLY | O_CLOEXEC) < 0 && errno == EACCES;
	wrong += open("/etc/shadow", O_RDONLY | O_CLOEXEC) >= 0;
	wrong += openat(in, "fetched", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) < 0;
	wrong += others_are_changed(in, file);
	return wrong;
}

/* With something to read and nothing to write, with the network or without. */
static int try_reading(int dir, int in, const char *file, bool network)
{
	int wrong = 0;
	const struct confinement c = {
		.write = -1, .read = in, .network = network, .view = network ? confine_view() : -1
	};
	close(dir);
	if (confine(&c, NULL) < 0)
		return 1;
	wrong += openat(in, ".", O_RDONLY | O_CLOEXEC) < 0;
	wrong += openat(in, "written", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >= 0;
	wrong += others_are_changed(in, file);
	wrong += open("/etc/shadow", O_RDONLY | O_CLOEXEC) >= 0;
	return wrong;
}

static int try_reading_here(int dir, int in, const char *file)
{
	return try_reading(dir, in, file, false);
}

static int try_reading_there(int dir, int in, const char *file)
{
	return try_reading(dir, in, file, true);
}

/* With nothing to write or to read: no name is looked up at all. */
static int try_names(int dir, int in, const char *file)
{
	int wrong = 0;
	if (confine(&(struct confinement){ .write = -1, .read = -1 }, NULL) < 0)
		return 1;
	wrong += openat(in, "more", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >= 0 || errno != ENOSYS;
	wrong += openat(dir, "file", O_RDONLY | O_CLOEXEC) >= 0 || errno != ENOSYS;
	wrong += mkdirat(in, "more", 0700) == 0 || errno != ENOSYS;
	wrong += others_are_changed(in, file);
	wrong += others_are_changed(dir, file);
	wrong += others_are_signalled();
	return wrong;
}

/* In a directory of its own: what a child that begins with "in" and beside "file" finds wrong. */
static void try_in(const char *place, int (*attempt)(int dir, int in, const char *file))
{
	int status = -1;
	auto_close int dir = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_close int in = openat(dir, "in", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char file[64];
	snprintf(file, sizeof(file), "%s/file", place);
	pid_t pid = fork();
	if (pid == 0)
		_exit(attempt(dir, in, file));
	is_int(waitpid(pid, &status, 0), pid);
	ok(WIFEXITED(status));
	is_int(WEXITSTATUS(status), 0);
}

static void try_all(int (*const *attempts)(int dir, int in, const char *file), size_t n)
{
	char place[] = "/tmp/confine_test.XXXXXX";
	auto_close int dir = mkdtemp(place) ? open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	mkdirat(dir, "in", 0700);
	close(openat(dir, "file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	for (size_t i = 0; i < n; i++)
		try_in(place, attempts[i]);
	tree_remove(AT_FDCWD, place, NULL);
}

static void a_confined_process_has_connections_over_ip_or_none(void)
{
	try_all((int (*const[])(int, int, const char *)){ try_sockets }, 1);
}

static void a_confined_process_changes_nothing_outside(void)
{
	try_all((int (*const[])(int, int, const char *)){ try_everything, try_names,
							  try_reading_here, try_reading_there },
		4);
}

int main(void)
{
	test(a_confined_process_changes_nothing_outside);
	test(a_confined_process_has_connections_over_ip_or_none);
	return done_testing();
}
