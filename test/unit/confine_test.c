/* confine_test.c - a confined process changes nothing outside its directory. */
#include "base/file.h"
#include "image/confine.h"
#include "tap.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* In the child: the number of things that went otherwise than they should. */
static int try_everything(int dir, int in)
{
	int wrong = 0;
	int confined = confine_writes(in, NULL);
	if (confined <= 0)
		return confined < 0; /* a kernel without Landlock: there is nothing to see */
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
	wrong += errno != EACCES;
	return wrong;
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
	return done_testing();
}
