/* stream.c - stream SHIM BUNDLE MIB: takes MIB mebibytes that the bundle's program writes, through
 * the FIFO of its stdout. Prints the microseconds that the shim has run meanwhile, and the
 * milliseconds it took. */
#include "call.h"

#include <poll.h>

#define CHUNK 65536

/* Microseconds that a process has run. */
static double ran(pid_t pid)
{
	char path[64];
	unsigned long long ns = 0;
	snprintf(path, sizeof(path), "/proc/%d/schedstat", (int)pid);
	FILE *f = fopen(path, "re");
	if (!f || fscanf(f, "%llu", &ns) != 1)
		die(path, "cannot be read");
	fclose(f);
	return (double)ns / 1e3;
}

static uint32_t send_create_to(struct peer *p, const char *id, const char *bundle, const char *out)
{
	V2(CreateTaskRequest) r = CONTAINERD__TASK__V2__CREATE_TASK_REQUEST__INIT;
	r.id = text(id);
	r.bundle = text(bundle);
#undef stdout
	r.stdout = text(out);
	return peer_send(p, "Create", &r);
}

static void take(int fd, long long bytes)
{
	static char chunk[CHUNK];
	while (bytes > 0) {
		ssize_t n = read(fd, chunk, sizeof(chunk));
		if (n <= 0)
			die("stdout", "ended early");
		bytes -= n;
	}
}

/* Full: the program waits for us, and the shim has nothing to do. */
static void await_full(int fd)
{
	const struct timespec pause = { 0, 200000000 };
	struct pollfd p = { .fd = fd, .events = POLLIN };
	if (poll(&p, 1, 10000) != 1 || fcntl(fd, F_SETFL, 0) < 0)
		die("stdout", "nothing comes");
	nanosleep(&pause, NULL);
}

int main(int argc, char **argv)
{
	struct peer p;
	long long mib = argc == 4 ? atoll(argv[3]) : 0;
	char fifo[4096];
	uint32_t stream;
	if (mib < 1)
		return fprintf(stderr, "usage: stream SHIM BUNDLE MIB\n"), 2;
	const char *id = name_of(argv[2]);
	snprintf(fifo, sizeof(fifo), "%s/stdout", argv[2]);
	if (mkfifo(fifo, 0600) < 0)
		die(fifo, strerror(errno));
	int fd = open(fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	shim_open(&p, argv[1], id, argv[2]);
	send_create_to(&p, id, argv[2], fifo);
	ttrpc__response__free_unpacked(peer_answer(&p, &stream), NULL);
	call_start(&p, id, "");
	pid_t shim = call_pid(&p, id);
	await_full(fd);
	double before = ran(shim), begun = now_ms();
	take(fd, mib << 20);
	printf("%.0f %.0f\n", ran(shim) - before, now_ms() - begun);
	call_kill(&p, id);
	if (!call_wait(&p, id, ""))
		die("Wait", "is not answered");
	call_delete(&p, id, "");
	shim_close(&p, id);
	return 0;
}
