/* calm.c - calm SHIM BUNDLE N: how long State takes while N containers are being created in the
 * same shim, on the same connection. Prints, in microseconds, the median, the 99th of a hundred and
 * the longest, how many there were, and the milliseconds until the last was created. */
#include "call.h"

#include <sched.h>
#include <sys/syscall.h>

#define MOST 100000

static double took[MOST];
static int count;

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* Asks once; created counts what is answered meanwhile. */
static void ask(struct peer *p, const char *id, int *created)
{
	V2(StateRequest) r = CONTAINERD__TASK__V2__STATE_REQUEST__INIT;
	uint32_t answered;
	r.id = text(id);
	double begun = now_ms();
	uint32_t asked = peer_send(p, "State", &r);
	for (;;) {
		ttrpc__response__free_unpacked(peer_answer(p, &answered), NULL);
		if (answered == asked)
			break;
		++*created;
	}
	if (count < MOST)
		took[count++] = (now_ms() - begun) * 1e3;
}

static double create_all(struct peer *p, const char *id, const char *bundle, int n)
{
	const struct timespec pause = { 0, 200000 };
	int created = 0;
	char name[300];
	double begun = now_ms();
	for (int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "%s-%d", id, i);
		send_create(p, name, bundle);
	}
	while (created < n) {
		ask(p, id, &created);
		nanosleep(&pause, NULL);
	}
	return now_ms() - begun;
}

int main(int argc, char **argv)
{
	struct peer p;
	const char *id = argc == 4 ? name_of(argv[2]) : NULL;
	int n = id ? atoi(argv[3]) : 0;
	char name[300];
	if (n < 1)
		return fprintf(stderr, "usage: calm SHIM BUNDLE N\n"), 2;
	shim_open(&p, argv[1], id, argv[2]);
	call_create(&p, id, argv[2]);
	call_start(&p, id, "");
	/* That we wait for a processor ourselves is not the shim's doing, where we may
	 * say so. */
	struct sched_param first = { .sched_priority = 1 };
	syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &first);
	double all = create_all(&p, id, argv[2], n);
	for (int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "%s-%d", id, i);
		call_delete(&p, name, "");
	}
	call_kill(&p, id);
	if (!call_wait(&p, id, ""))
		die("Wait", "is not answered");
	call_delete(&p, id, "");
	shim_close(&p, id);
	qsort(took, (size_t)count, sizeof(*took), ascending);
	printf("%.0f %.0f %.0f %d %.1f\n", took[count / 2], took[count * 99 / 100], took[count - 1],
	       count, all);
	return 0;
}
