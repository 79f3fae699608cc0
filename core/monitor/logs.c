/* logs.c - the log of a container, found by its id. */
#include "monitor/logs.h"
#include "base/file.h"
#include "base/proc.h"
#include "container/container.h"

#include <fcntl.h>

static int show(const struct container *c, const struct log_query *q, bool follow, struct err *e)
{
	if (!c->state.log)
		return refuse(e, ENOENT,
			      "container %s has no log: it was not started with run --detach",
			      c->id);
	auto_close int fd = open(c->state.log, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return fail(e, errno, "open %s", c->state.log);
	/* A writer that has ended has written all: then there is nothing to follow. */
	auto_close int writer = follow ? proc_open(c->state.owner, c->state.owner_start_time, NULL)
				       : -1;
	struct log_query own = *q;
	own.follow = writer < 0 ? -1 : writer;
	return log_read(fd, &own, proc_has_stdout() ? STDOUT_FILENO : -1, STDERR_FILENO, e);
}

int logs_show(const char *root, const char *id, const struct log_query *q, bool follow,
	      struct err *e)
{
	struct container *c = NULL;
	int rc = container_open(root, id, &c, e);
	if (rc == 0)
		rc = show(c, q, follow, e);
	container_close(c);
	return rc;
}
