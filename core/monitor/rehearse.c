/* rehearse.c - whether a container can be made: it is made, and removed before it begins. */
#include "monitor/rehearse.h"
#include "base/log.h"
#include "base/proc.h"
#include "monitor/runsource.h"

#include <string.h>

struct part {
	const struct create_request *request;
	struct spec *spec;
};

static int play(void *arg, struct err *e)
{
	const struct part *p = arg;
	struct create_request q = *p->request;
	struct spec *s = p->spec;
	struct container *c = NULL;
	int console = -1;
	bool volumes = sources_empty(s);
	s->hooks = NULL;
	q.spec = s;
	q.stdio[0] = q.stdio[1] = q.stdio[2] = -1;
	q.owner_kind = "run";
	q.console_fd = s->process->terminal ? &console : NULL;
	log_open(&(struct log_options){ .level = LOG_ERROR }, NULL);
	int rc = container_create(&q, &c, e);
	if (rc < 0)
		return volumes && e->status ? 0 : rc;
	return container_delete(c, true, e);
}

int rehearse(const struct create_request *r, struct spec *s, struct err *e)
{
	struct part p = { r, s };
	return proc_call(play, &p, e);
}
