/* hook.h - programs that the spec wants run at points of a container's life, with its state on
 * their stdin. */
#ifndef BOX_HOOK_H
#define BOX_HOOK_H

#include "base/err.h"
#include "box/plan.h"

#define HOOK_SAID 256

/* Runs one and waits for it, with system calls only: 0, -ETIMEDOUT (then it was killed), -ECANCELED
 * when it did not exit with 0 or was stopped, or -errno. What it wrote to its stdout and stderr is
 * nobody's output: the end of it goes to said, as one line. who: which process it was. */
int hook_run(const struct op_exec *x, pid_t *who, char said[HOOK_SAID]);

/* What all hooks of a point in a container's life have in common. */
struct hook_stage {
	const char *name;	/* "prestart", ... */
	const char *state;	/* JSON, for their stdin */
	const char *dir;	/* where they run, if it is there; NULL: where we are */
	const struct strs *env; /* of those that are given none; NULL: ours */
	size_t first;		/* number of the first of the list */
	int stop;		/* when this can be read, the one that runs is killed; 0: none */
	int out[2];		/* their stdout and stderr; 0: nobody's */
};

/* Opens the files that crun's annotations run.oci.hooks.stdout and run.oci.hooks.stderr name, to be
 * appended to; 0 for what is not named. */
int hook_files(const struct pairs *annotations, int out[2], struct err *e);
void hook_files_close(int out[2]);

/* In runc's words: what failed, and the words for one that did not exit with 0. -ECANCELED. */
#define HOOK_WHAT "error running %s hook #%zu: hook %s"
int hook_failed(struct err *e, const char *what, const char *said);

/* Runs a list here, in the runtime's namespaces; the first failure ends it. */
int hooks_run(const struct spec_hook_list *l, const struct hook_stage *stage, struct arena *a,
	      struct err *e);

/* A hook of the spec as something to execute. NULL when the arena is full. */
const struct op_exec *hook_exec(const struct spec_hook *h, const struct hook_stage *stage,
				struct arena *a);

#endif
