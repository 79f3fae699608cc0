/* apart.h - foreign bytes that are made sense of by a process which can do nothing else. */
#ifndef IMAGE_APART_H
#define IMAGE_APART_H

#include "base/err.h"
#include "image/source.h"

#include <stdbool.h>
#include <sys/types.h>

struct apart {
	struct source source; /* what it writes; its error is in the place of the end */
	struct file_source file;
	pid_t pid; /* 0: it has ended */
	struct verdict *verdict;
	const char *what; /* it reads, for errors */
};

/* Forks a process that is confined (see confine.h), calls run and ends: it reads what is open and
 * writes to out. a is zeroed before, and ended also after a failure, which ends the process. */
int apart_begin(struct apart *a, const char *what, int (*run)(void *arg, int out, struct err *e),
		void *arg, struct err *e);
void apart_end(struct apart *a);

#endif
