/* probe.c - probe ROUNDS PAUSE [KIB] < "SOCKET ID" lines: what a kubelet's exec probes do. In each
 * round an exec of /bin/true runs in each container, one after the other, and the next round begins
 * PAUSE milliseconds after this one began, or at once when that has passed. Prints how many execs
 * there were, the milliseconds of an exec, and of how many the end was never told: containerd 1.6's
 * own shim loses one now and then. KIB: as long a request, of words that nobody needs. */
#include "call.h"

#define MOST 1024

struct container {
	struct peer peer;
	char id[256];
};

static int read_containers(struct container *c)
{
	char path[256];
	int n = 0;
	while (n < MOST && scanf("%255s %255s", path, c[n].id) == 2)
		peer_dial(&c[n++].peer, path);
	return n;
}

static char *process_of(size_t length)
{
	static const char most[] = "{\"user\":{\"uid\":0,\"gid\":0},\"args\":[\"/bin/true\"],"
				   "\"env\":[\"PATH=/bin\"],\"cwd\":\"/\",\"more\":[";
	struct buf b = { 0 };
	buf_str(&b, most);
	while (b.len < length)
		buf_str(&b, "\"word\",");
	buf_str(&b, "\"\"]}");
	if (b.failed)
		die("process", "no memory");
	return b.p;
}

static void pause_until(double when)
{
	double left = when - now_ms();
	if (left <= 0)
		return;
	struct timespec t = { (time_t)(left / 1e3), (long)(left * 1e6) % 1000000000L };
	nanosleep(&t, NULL);
}

int main(int argc, char **argv)
{
	static struct container c[MOST];
	int rounds = argc == 3 || argc == 4 ? atoi(argv[1]) : 0, n = read_containers(c), lost = 0;
	double busy = 0;
	if (rounds < 1 || !n)
		return fprintf(stderr, "usage: probe ROUNDS PAUSE [KIB] < CONTAINERS\n"), 2;
	char *process = process_of(argc == 4 ? (size_t)atoi(argv[3]) << 10 : 0);
	for (int round = 0; round < rounds; round++) {
		double begun = now_ms();
		for (int i = 0; i < n; i++) {
			char exec_id[32];
			snprintf(exec_id, sizeof(exec_id), "probe-%d", round);
			lost += !call_exec(&c[i].peer, c[i].id, exec_id, process);
		}
		busy += now_ms() - begun;
		pause_until(begun + atof(argv[2]));
	}
	free(process);
	printf("%d %.3f %d\n", rounds * n, busy / rounds / n, lost);
	return 0;
}
