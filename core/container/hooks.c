/* hooks.c - the hooks of a container that run outside of it, and how they are stopped. */
#include "base/file.h"
#include "base/log.h"
#include "box/hook.h"
#include "container/inside.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define STOP_PIPE "stop"

/* Who writes there stops what runs, or will run: it is full until nobody has it open, and stays
 * where it is for the next hooks. Of a container whose directory is gone there is none. */
static int stop_pipe(struct container *c)
{
	if (mkfifoat(c->dir, STOP_PIPE, 0600) < 0 && errno != EEXIST)
		return -1;
	return openat(c->dir, STOP_PIPE, O_RDWR | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
}

int container_stop_hooks(struct container *c)
{
	auto_close int fd = stop_pipe(c);
	return fd < 0 || write(fd, "s", 1) != 1 ? -1 : take_fd(&fd);
}

static int hooks(struct container *c, const struct spec_hook_list *l, const char *name,
		 size_t first, struct err *e)
{
	auto_buf state = { 0 };
	/* prestart: as the OCI's own validation and crun have it, unlike runc. */
	const char *status = !strcmp(name, "poststart")	 ? "running"
			     : !strcmp(name, "poststop") ? "stopped"
			     : !strcmp(name, "prestart") ? "created"
							 : "creating";
	if (!l->n)
		return 0;
	state_write_hook(&c->state, status, &state);
	if (state.failed)
		return fail(e, ENOMEM, "hooks");
	struct hook_stage stage = {
		.name = name, .state = state.p, .dir = c->state.bundle, .first = first
	};
	int rc = hook_files(&c->state.annotations, stage.out, e);
	if (rc < 0)
		return rc;
	auto_close int stop = stop_pipe(c);
	stage.stop = stop < 0 ? 0 : stop;
	rc = hooks_run(l, &stage, c->arena, e);
	hook_files_close(stage.out);
	return rc;
}

int container_hooks(struct container *c, const struct spec_hook_list *l, const char *name,
		    struct err *e)
{
	return hooks(c, l, name, 0, e);
}

int container_create_hooks(struct container *c, const struct spec_hooks *h, struct err *e)
{
	int rc = container_hooks(c, &h->prestart, "prestart", e);
	return rc == 0 ? container_hooks(c, &h->create_runtime, "createRuntime", e) : rc;
}

/* The spec: one that fails is logged, and the others go on. */
void container_poststop(struct container *c, const struct spec *spec)
{
	for (size_t i = 0; spec->hooks && i < spec->hooks->poststop.n; i++) {
		const struct spec_hook_list one = { &spec->hooks->poststop.v[i], 1 };
		struct err e = { 0 };
		if (hooks(c, &one, "poststop", i, &e) < 0)
			log_warn("container %s: %s", c->id, e.msg);
	}
}
