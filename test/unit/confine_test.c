/* confine_test.c - a confined process changes nothing outside its directory. */
#include "base/file.h"
#include "image/confine.h"
#include "tap.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* In the child: the number of things that went otherwise than they should. */
static int try_everything(int dir, int in)
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
	execl("/bin/true", "true", NULL);
	wrong += errno != ENOSYS;
	wrong += open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0 || errno != EACCES;
	wrong += socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0 || errno != ENOSYS;
	wrong += kill(getppid(), 0) == 0 || errno != ENOSYS;
	return wrong;
}

/* With the network: IP, and nothing else that sockets can be. */
static int try_sockets(int in)
{
	int wrong = 0;
	if (confine(&(struct confinement){ .write = in, .read = -1, .network = true }, NULL) < 0)
		return 1;
	wrong += socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) < 0;
	wrong += socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0) < 0 && errno == ENOSYS;
	wrong += socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0 || errno != ENOSYS;
	wrong += socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0) >= 0 || errno != ENOSYS;
	wrong += open("/etc/hosts", O_RDONLY | O_CLOEXEC) < 0 && errno == EACCES;
	wrong += open("/etc/shadow", O_RDONLY | O_CLOEXEC) >= 0;
	return wrong;
}

static void a_confined_process_has_connections_over_ip_or_none(void)
{
	int status = -1;
	auto_close int in = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	pid_t pid = fork();
	if (pid == 0)
		_exit(try_sockets(in));
	is_int(waitpid(pid, &status, 0), pid);
	ok(WIFEXITED(status));
	is_int(WEXITSTATUS(status), 0);
}

static void a_confined_process_changes_nothing_outside(void)
{
	char place[] = "/tmp/confine_test.XXXXXX";
	auto_close int dir = mkdtemp(place) ? open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	mkdirat(dir, "in", 0700);
	auto_close int in = openat(dir, "in", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	close(openat(dir, "file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	int status = -1;
	pid_t pid = fork();
	if (pid == 0)
		_exit(try_everything(dir, in));
	is_int(waitpid(pid, &status, 0), pid);
	ok(WIFEXITED(status));
	is_int(WEXITSTATUS(status), 0);
	tree_remove(AT_FDCWD, place, NULL);
}

int main(void)
{
	test(a_confined_process_changes_nothing_outside);
	test(a_confined_process_has_connections_over_ip_or_none);
	return done_testing();
}
