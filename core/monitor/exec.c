/* exec.c - one more process in a running container, attended until it ends. */
#include "monitor/exec.h"
#include "base/file.h"
#include "box/user.h"
#include "container/container.h"
#include "monitor/attend.h"
#include "monitor/runspec.h"
#include "monitor/stdio.h"
#include "oci/capability.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The container's own environment, then what is given: NAME=VALUE, or NAME for ours. */
static int make_env(const struct strs *base, const struct strs *given, struct arena *a,
		    struct strs *out)
{
	const char **v = arena_array(a, base->n + given->n + 2, sizeof(*v));
	size_t n = 0;
	if (!v)
		return -ENOMEM;
	for (size_t i = 0; i < base->n + given->n; i++) {
		const char *s = i < base->n ? base->v[i] : given->v[i - base->n];
		size_t name = strcspn(s, "="), at = 0;
		const char *own = s[name] ? NULL : getenv(s);
		if (!s[name] && !own)
			continue;
		if (own && !(s = arena_printf(a, "%s=%s", s, own)))
			return -ENOMEM;
		while (at < n && (strncmp(v[at], s, name) || v[at][name] != '='))
			at++;
		v[at] = s;
		n += at == n;
	}
	*out = (struct strs){ v, n };
	return 0;
}

/* The user, looked up in the container's own files: through its root, which the living init holds.
 */
static int find_user(const struct container *c, const char *user, struct arena *a,
		     struct spec_user *out, struct err *e)
{
	char path[32];
	snprintf(path, sizeof(path), "/proc/%d/root", c->state.pid);
	auto_close int root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return fail(e, errno, "open the root of container %s", c->id);
	if (c->pidfd < 0 || proc_ended(c->pidfd)) /* then that was somebody else's */
		return refuse(e, ESRCH, "container %s is not running", c->id);
	return user_find(root, user, a, out, NULL, e);
}

static int give_everything(struct spec_process *p, struct arena *a)
{
	struct spec_capabilities *caps = arena_alloc(a, sizeof(*caps));
	const char **v = arena_array(a, CAPABILITIES, sizeof(*v));
	if (!caps || !v)
		return -ENOMEM;
	for (int i = 0; i < CAPABILITIES; i++)
		v[i] = capability_name(i);
	caps->bounding = caps->effective = caps->permitted = (struct strs){ v, CAPABILITIES };
	p->capabilities = caps;
	p->no_new_privileges = false;
	return 0;
}

static int make_process(struct container *c, const struct exec_options *o, const struct strs *args,
			struct arena *a, struct spec_process *out, struct err *e)
{
	const struct run_options variables = { .env = o->env, .env_files = o->env_files };
	const struct spec *s;
	struct strs given;
	unsigned rows, columns;
	int rc = runspec_env(&variables, a, &given, e);
	if (rc == 0)
		rc = container_spec(c, a, &s, e);
	if (rc < 0)
		return rc;
	if (!s->process)
		return refuse(e, EINVAL, "container %s: its configuration has no process", c->id);
	struct spec_process p = *s->process;
	p.terminal = o->terminal && !o->detach;
	p.console_size = p.terminal ? arena_alloc(a, sizeof(*p.console_size)) : NULL;
	p.args = (struct strs){ args->v + 1, args->n - 1 };
	p.cwd = o->cwd ? o->cwd : p.cwd;
	if (p.console_size && terminal_size(&rows, &columns))
		*p.console_size = (struct spec_size){ .height = rows, .width = columns };
	else
		p.console_size = NULL;
	if (make_env(&s->process->env, &given, a, &p.env) < 0 ||
	    (o->privileged && give_everything(&p, a) < 0))
		return fail(e, ENOMEM, "exec");
	rc = o->user ? find_user(c, o->user, a, &p.user, e) : 0;
	if (rc == 0)
		*out = p;
	return rc;
}

/* Nobody sees what it writes, nor how it ends. */
static int exec_detached(struct container *c, const struct spec_process *p, struct err *e)
{
	struct process child;
	auto_close int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	const struct exec_request q = { .process = p, .stdio = { null, null, null } };
	int rc = null < 0 ? fail(e, errno, "open /dev/null") : container_exec(c, &q, &child, e);
	if (rc == 0)
		put_fd(&child.pidfd, -1);
	return rc;
}

static int exec_in(struct container *c, const struct exec_options *o, const struct strs *args,
		   struct arena *a, struct err *e)
{
	struct spec_process process;
	struct process child;
	auto_close int signals = -1, console = -1, null = -1, pidfd = -1;
	int rc = make_process(c, o, args, a, &process, e);
	if (rc == 0 && o->detach)
		return exec_detached(c, &process, e);
	if (rc == 0)
		rc = signals = attend_signals(e);
	if (rc < 0)
		return rc;
	if (!o->interactive && !o->terminal && (null = open("/dev/null", O_RDONLY | O_CLOEXEC)) < 0)
		return fail(e, errno, "open /dev/null");
	const struct exec_request q = {
		.process = &process,
		.stdio = { null, -1, -1 },
		.console_fd = o->terminal ? &console : NULL,
	};
	rc = container_exec(c, &q, &child, e);
	if (rc < 0)
		return rc;
	pidfd = child.pidfd;
	const struct attend t = { .pid = child.pid,
				  .pidfd = pidfd,
				  .signals = signals,
				  .console = console,
				  .input = o->interactive,
				  .pipes = { -1, -1 } };
	struct exit_status st;
	rc = attend(&t, &st, e);
	return rc < 0 || !st.code ? rc : st.code;
}

int exec_run(const struct exec_options *o, const struct strs *args, struct arena *a, struct err *e)
{
	struct container *c = NULL;
	const char *root = container_root(o->root, a, e);
	int rc = !root ? -e->code : container_open(root, args->v[0], &c, e);
	if (rc < 0)
		return rc;
	enum status now = container_status(c);
	if (now != STATUS_RUNNING)
		rc = refuse(e, EINVAL, "container %s is %s, not running", c->id, status_name(now));
	else
		rc = exec_in(c, o, args, a, e);
	container_close(c);
	return rc;
}
