/* press.c - press SOCKET STATE-ID BUNDLES ID...: asks a shim to create a task for each ID, its
 * bundle being BUNDLES/ID, all in one breath; while it does, asks again and again on the same
 * connection for the state of STATE-ID, which is there already. Prints how many were created, and
 * how long State took, in microseconds: the median, the 99th of a hundred, the worst. Then deletes
 * them all in the same way, and prints the same. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define HEADER 10
#define MOST   100000

struct message {
	uint8_t bytes[4096];
	size_t n;
};

static void add_length(struct message *m, size_t n)
{
	for (; n > 127; n >>= 7)
		m->bytes[m->n++] = (uint8_t)(n & 127) | 128;
	m->bytes[m->n++] = (uint8_t)n;
}

static void add(struct message *m, unsigned field, const void *p, size_t n)
{
	if (m->n + n + 8 > sizeof(m->bytes))
		errx(1, "too long");
	m->bytes[m->n++] = (uint8_t)(field << 3 | 2);
	add_length(m, n);
	memcpy(m->bytes + m->n, p, n);
	m->n += n;
}

static void put(const char **out, size_t *n, const void *p, size_t len)
{
	char *more = realloc((void *)(uintptr_t)*out, *n + len);
	if (!more)
		err(1, "memory");
	memcpy(more + *n, p, len);
	*out = more;
	*n += len;
}

static void request(const char **out, size_t *n, uint32_t stream, const char *method,
		    const struct message *payload)
{
	static const char service[] = "containerd.task.v2.Task";
	struct message m = { .n = 0 };
	uint8_t header[HEADER] = { [8] = 1 };
	add(&m, 1, service, strlen(service));
	add(&m, 2, method, strlen(method));
	add(&m, 3, payload->bytes, payload->n);
	uint32_t len = htonl((uint32_t)m.n), id = htonl(stream);
	memcpy(header, &len, 4);
	memcpy(header + 4, &id, 4);
	put(out, n, header, sizeof(header));
	put(out, n, m.bytes, m.n);
}

static void send_all(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t done = write(fd, p, n);
		if (done <= 0)
			err(1, "write");
		p += done;
		n -= (size_t)done;
	}
}

static void receive(int fd, void *p, size_t n)
{
	for (char *to = p; n;) {
		ssize_t got = read(fd, to, n);
		if (got <= 0)
			err(1, "the shim went away");
		to += got;
		n -= (size_t)got;
	}
}

/* The stream of the next answer; *failed: it is an error. */
static uint32_t answer(int fd, int *failed)
{
	static uint8_t text[1 << 20];
	uint8_t header[HEADER];
	uint32_t len, stream;
	receive(fd, header, sizeof(header));
	memcpy(&len, header, 4);
	memcpy(&stream, header + 4, 4);
	len = ntohl(len);
	if (len > sizeof(text))
		errx(1, "an answer of %u bytes", len);
	receive(fd, text, len);
	*failed = len > 1 && text[0] == 0x0a && text[1];
	if (*failed)
		fprintf(stderr, "%.*s\n", (int)len - 4, text + 4);
	return ntohl(stream);
}

static long now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int by_size(const void *a, const void *b)
{
	long x = *(const long *)a, y = *(const long *)b;
	return x < y ? -1 : x > y;
}

/* Asks for the state until all others are answered. */
static void measure(int fd, const char *what, const char *state_id, int n)
{
	static long took[MOST];
	int asked = 0, done = 0, good = 0;
	uint32_t stream = 100001;
	while (done < n && asked < MOST) {
		struct message m = { .n = 0 };
		struct pollfd p = { .fd = fd, .events = POLLIN };
		const char *out = NULL;
		size_t len = 0;
		int failed;
		add(&m, 1, state_id, strlen(state_id));
		request(&out, &len, stream, "State", &m);
		long start = now_us();
		send_all(fd, out, len);
		free((void *)(uintptr_t)out);
		while (answer(fd, &failed) != stream) {
			done++;
			good += !failed;
		}
		if (failed)
			errx(1, "State failed");
		took[asked++] = now_us() - start;
		stream += 2;
		poll(&p, 1, 1);
	}
	if (!asked)
		errx(1, "nothing was asked");
	qsort(took, (size_t)asked, sizeof(*took), by_size);
	printf("%s %d median %ld p99 %ld worst %ld of %d\n", what, good, took[asked / 2],
	       took[asked * 99 / 100], took[asked - 1], asked);
}

int main(int argc, char **argv)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	if (argc < 5)
		errx(1, "press SOCKET STATE-ID BUNDLES ID...");
	snprintf(un.sun_path, sizeof(un.sun_path), "%s", argv[1]);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&un, sizeof(un)) < 0)
		err(1, "%s", argv[1]);
	for (int round = 0; round < 2; round++) {
		const char *out = NULL;
		size_t n = 0;
		for (int i = 4; i < argc; i++) {
			struct message m = { .n = 0 };
			char bundle[1024];
			snprintf(bundle, sizeof(bundle), "%s/%s", argv[3], argv[i]);
			add(&m, 1, argv[i], strlen(argv[i]));
			if (round == 0)
				add(&m, 2, bundle, strlen(bundle));
			request(&out, &n, (uint32_t)(round * 50000 + i * 2 + 1),
				round ? "Delete" : "Create", &m);
		}
		send_all(fd, out, n);
		free((void *)(uintptr_t)out);
		measure(fd, round ? "deleted" : "created", argv[2], argc - 4);
	}
	return 0;
}
