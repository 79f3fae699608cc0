/* runtime_exec.c - `runtime exec`: a process out of process.json, or out of options and the
 * container's own. */
#include "base/file.h"
#include "monitor/attend.h"
#include "runtime.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

static int parse_id(const char *s, char end, uint32_t *out, const char **rest)
{
	char *stop;
	if (*s < '0' || *s > '9')
		return -EINVAL;
	errno = 0;
	unsigned long long n = strtoull(s, &stop, 10);
	if (errno || n >= UINT32_MAX || (*stop && *stop != end))
		return -EINVAL;
	*out = (uint32_t)n;
	*rest = stop;
	return 0;
}

static int set_user(struct spec_process *p, const char *text, struct err *e)
{
	const char *rest;
	int rc = parse_id(text, ':', &p->user.uid, &rest);
	if (rc == 0 && *rest == ':')
		rc = parse_id(rest + 1, 0, &p->user.gid, &rest);
	return rc < 0 ? refuse(e, EINVAL, "option --user: '%s' is not UID or UID:GID in numbers",
			       text)
		      : 0;
}

/* Besides those that the container's own process has. */
static int add_groups(struct spec_process *p, const struct strs *l, struct arena *a, struct err *e)
{
	size_t n = p->user.additional_gids.n;
	uint32_t *v = arena_array(a, n + l->n, sizeof(*v));
	const char *rest;
	if (!v)
		return fail(e, E2BIG, "option --additional-gids");
	for (size_t i = 0; i < n; i++)
		v[i] = p->user.additional_gids.v[i];
	for (size_t i = 0; i < l->n; i++)
		if (parse_id(l->v[i], 0, &v[n + i], &rest) < 0)
			return refuse(e, EINVAL, "option --additional-gids: '%s' is not a number",
				      l->v[i]);
	p->user.additional_gids = (struct u32s){ v, n + l->n };
	return 0;
}

static int joined(struct strs *out, const struct strs *a, const struct strs *b, struct arena *arena)
{
	const char **v = arena_array(arena, a->n + b->n + 1, sizeof(*v));
	if (!v)
		return -E2BIG;
	for (size_t i = 0; i < a->n + b->n; i++)
		v[i] = i < a->n ? a->v[i] : b->v[i - a->n];
	*out = (struct strs){ v, a->n + b->n };
	return 0;
}

/* More capabilities, in the sets that let them be used; never inheritable (CVE-2022-29162). */
static int add_caps(struct spec_process *p, const struct strs *more, struct arena *a)
{
	static const struct spec_capabilities none;
	struct spec_capabilities *c = arena_alloc(a, sizeof(*c));
	if (!c)
		return -E2BIG;
	*c = p->capabilities ? *p->capabilities : none;
	if (joined(&c->bounding, &c->bounding, more, a) < 0 ||
	    joined(&c->effective, &c->effective, more, a) < 0 ||
	    joined(&c->permitted, &c->permitted, more, a) < 0)
		return -E2BIG;
	p->capabilities = c;
	/* Ambient is what is inheritable too, which only the container's own spec may say. */
	return c->inheritable.n ? joined(&c->ambient, &c->ambient, more, a) : 0;
}

static int from_options(const struct call *c, const struct spec_process *own,
			const struct spec_process **out, struct err *e)
{
	const struct exec_options *o = c->opts;
	struct spec_process *p = arena_alloc(c->arena, sizeof(*p));
	if (!p)
		return fail(e, E2BIG, "process");
	if (c->args.n < 2)
		return refuse(e, EINVAL,
			      "no command to execute; give one after the id, or --process FILE");
	*p = *own;
	p->args = (struct strs){ c->args.v + 1, c->args.n - 1 };
	p->terminal = o->tty;
	p->no_new_privileges = own->no_new_privileges || o->no_new_privs;
	if (given(o->cwd))
		p->cwd = o->cwd;
	if (given(o->apparmor))
		p->apparmor_profile = o->apparmor;
	if (given(o->process_label))
		p->selinux_label = o->process_label;
	int rc = joined(&p->env, &own->env, &o->env, c->arena);
	if (rc == 0 && o->caps.n)
		rc = add_caps(p, &o->caps, c->arena);
	if (rc < 0)
		return fail(e, rc, "process");
	if (given(o->user))
		rc = set_user(p, o->user, e);
	if (rc == 0)
		rc = add_groups(p, &o->gids, c->arena, e);
	*out = p;
	return rc == 0 ? spec_check_process(p, "process.", e) : rc;
}

static int from_file(const struct call *c, const char *path, const struct spec_process **out,
		     struct err *e)
{
	auto_buf text = { .max = SPEC_MAX };
	int rc = file_read(AT_FDCWD, path, &text, e);
	if (rc == 0)
		rc = spec_process_parse(text.p, text.len, c->arena, out, e);
	return rc < 0 ? within(e, "process file %s", path) : 0;
}

static int execute(const struct call *c, struct container *in, struct err *e)
{
	const struct exec_options *o = c->opts;
	const struct spec *spec;
	struct process made;
	struct exit_status st;
	auto_close int console = -1;
	auto_close int signals = o->detach ? -1 : attend_signals(e);
	struct exec_request r = { .stdio = { -1, -1, -1 },
				  .console_socket = if_given(o->console_socket),
				  .pidfd_socket = if_given(o->pidfd_socket),
				  .cgroups = o->cgroups,
				  .preserve_fds = o->preserve_fds,
				  .ignore_paused = o->ignore_paused };
	if (!o->detach && signals < 0)
		return signals;
	int rc = container_spec(in, c->arena, &spec, e);
	if (rc == 0 && given(o->process))
		rc = from_file(c, o->process, &r.process, e);
	else if (rc == 0)
		rc = from_options(c, spec->process, &r.process, e);
	if (rc < 0)
		return rc;
	if (r.process->terminal && o->detach && !r.console_socket)
		return refuse(e, EINVAL,
			      "a detached process with a terminal needs --console-socket");
	if (!r.process->terminal && r.console_socket)
		return refuse(e, EINVAL,
			      "--console-socket is of no use: the process has no terminal");
	r.spec = spec;
	r.console_fd = o->detach || r.console_socket ? NULL : &console;
	r.console_plain = true;
	r.pid_file = given(o->pid_file) ? path_absolute(c->arena, o->pid_file) : NULL;
	if (given(o->pid_file) && !r.pid_file)
		return fail(e, errno, "option --pid-file: %s", o->pid_file);
	rc = container_exec(in, &r, &made, e);
	e->status = 0; /* 255, as with runc */
	if (rc < 0)
		return within(e, "unable to start container process");
	auto_close int pidfd = made.pidfd;
	if (o->detach)
		return 0;
	const struct attend a = { .pid = made.pid,
				  .pidfd = pidfd,
				  .signals = signals,
				  .console = console,
				  .input = true,
				  .pipes = { -1, -1 } };
	rc = attend(&a, &st, e);
	return rc < 0 || !st.code ? rc : st.code;
}

int command_exec(const struct call *c, struct err *e)
{
	struct container *in;
	int rc = runtime_open(c, &in, e);
	if (rc < 0)
		return within(e, "exec failed");
	rc = execute(c, in, e);
	container_close(in);
	return rc < 0 ? within(e, "exec failed") : rc;
}
