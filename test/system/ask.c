/* ask.c - a client of a shim's services, and one that hears its events; static, for guests too.
 *
 * ask ADDRESS METHOD FIELD...: one call, of containerd.task.v2.Task unless METHOD is
 * SERVICE/METHOD. Fields are bytes or numbers: 1=text, 3:9, 10.1=text (inside field 10). Prints the
 * answer as lines "1.2: 55", paths and values; a status as "error CODE: MESSAGE", and fails.
 *
 * ask hear SOCKET [answer|refuse|hang]: serves events on it until killed, a line "TOPIC ID..." for
 * each: what is in its message as text. Refused are they as unavailable; who hangs never answers.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct bytes {
	uint8_t *p;
	size_t n;
};

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "ask: %s: %s\n", what, strerror(errno));
	exit(2);
}

static void add(struct bytes *b, const void *p, size_t n)
{
	b->p = realloc(b->p, b->n + n + 1);
	if (!b->p)
		die("memory");
	memcpy(b->p + b->n, p, n);
	b->n += n;
}

static void add_varint(struct bytes *b, uint64_t v)
{
	do {
		uint8_t c = (uint8_t)((v & 127) | (v > 127 ? 128 : 0));
		add(b, &c, 1);
		v >>= 7;
	} while (v);
}

static void add_bytes(struct bytes *b, unsigned field, const void *p, size_t n)
{
	add_varint(b, field << 3 | 2);
	add_varint(b, n);
	add(b, p, n);
}

static bool take_varint(struct bytes *b, uint64_t *out)
{
	*out = 0;
	for (unsigned shift = 0; b->n && shift < 64; shift += 7) {
		uint8_t c = *b->p++;
		b->n--;
		*out |= (uint64_t)(c & 127) << shift;
		if (c < 128)
			return true;
	}
	return false;
}

/* The next field: its number, and a value or bytes. */
static bool take_field(struct bytes *b, uint64_t *key, uint64_t *value, struct bytes *inner)
{
	*inner = (struct bytes){ 0 };
	*value = 0;
	if (!take_varint(b, key) || !(*key >> 3))
		return false;
	size_t n = (*key & 7) == 1 ? 8 : (*key & 7) == 5 ? 4 : 0;
	if ((*key & 7) == 0)
		return take_varint(b, value);
	if ((*key & 7) == 2) {
		if (!take_varint(b, value) || *value > b->n)
			return false;
		n = (size_t)*value;
	} else if (!n || n > b->n) {
		return false;
	}
	*inner = (struct bytes){ b->p, n };
	b->p += n;
	b->n -= n;
	return true;
}

static bool is_message(struct bytes b)
{
	uint64_t key, value;
	struct bytes inner;
	while (b.n)
		if (!take_field(&b, &key, &value, &inner))
			return false;
	return true;
}

static bool is_text(struct bytes b)
{
	for (size_t i = 0; i < b.n; i++)
		if (b.p[i] < ' ' && b.p[i] != '\n')
			return false;
	return true;
}

/* "1.2: 55" for each value. */
static void show(struct bytes b, const char *path)
{
	uint64_t key, value;
	struct bytes inner;
	while (b.n && take_field(&b, &key, &value, &inner)) {
		char name[64];
		snprintf(name, sizeof(name), "%s%s%u", path, *path ? "." : "",
			 (unsigned)(key >> 3));
		if ((key & 7) == 2 && inner.n && is_message(inner) && !is_text(inner)) {
			show(inner, name);
		} else if ((key & 7) == 2) {
			printf("%s: %.*s\n", name, (int)inner.n, (const char *)inner.p);
		} else if ((key & 7) == 1) {
			double d;
			memcpy(&d, inner.p, sizeof(d));
			printf("%s: %g\n", name, d);
		} else {
			printf("%s: %llu\n", name, (unsigned long long)value);
		}
	}
}

static struct sockaddr_un address_of(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	path += strncmp(path, "unix://", 7) ? 0 : 7;
	if (strlen(path) >= sizeof(a.sun_path)) {
		errno = ENAMETOOLONG;
		die(path);
	}
	strcpy(a.sun_path, path);
	return a;
}

static bool read_all(int fd, void *p, size_t n)
{
	for (char *at = p; n;) {
		ssize_t got = read(fd, at, n);
		if (got <= 0)
			return false;
		at += got;
		n -= (size_t)got;
	}
	return true;
}

static bool read_frame(int fd, uint32_t *stream, struct bytes *out)
{
	uint8_t head[10];
	uint32_t n;
	if (!read_all(fd, head, sizeof(head)))
		return false;
	memcpy(&n, head, 4);
	memcpy(stream, head + 4, 4);
	n = ntohl(n);
	*out = (struct bytes){ malloc((size_t)n + 1), n };
	return out->p && read_all(fd, out->p, n);
}

static void write_frame(int fd, uint32_t stream, uint8_t type, const struct bytes *b)
{
	uint8_t head[10] = { 0 };
	uint32_t n = htonl((uint32_t)b->n);
	struct bytes all = { 0 };
	memcpy(head, &n, 4);
	memcpy(head + 4, &stream, 4);
	head[8] = type;
	add(&all, head, sizeof(head));
	add(&all, b->p, b->n);
	if (write(fd, all.p, all.n) != (ssize_t)all.n)
		die("write");
	free(all.p);
}

/* Fields one after another; those of the same outer number that follow each other become one. */
static struct bytes message_of(char **fields)
{
	struct bytes out = { 0 }, inner = { 0 };
	unsigned open = 0;
	for (; *fields; fields++) {
		char *at;
		unsigned outer = (unsigned)strtoul(*fields, &at, 10), number = 0;
		if (*at == '.')
			number = (unsigned)strtoul(at + 1, &at, 10);
		if (open && (open != outer || !number)) {
			add_bytes(&out, open, inner.p, inner.n);
			inner.n = open = 0;
		}
		struct bytes *to = number ? &inner : &out;
		open = number ? outer : 0;
		if (*at == '=') {
			add_bytes(to, number ? number : outer, at + 1, strlen(at + 1));
		} else {
			add_varint(to, (number ? number : outer) << 3);
			add_varint(to, strtoull(at + 1, NULL, 10));
		}
	}
	if (open)
		add_bytes(&out, open, inner.p, inner.n);
	return out;
}

static int call(char **argv)
{
	const char *service = "containerd.task.v2.Task", *method = argv[2];
	char *slash = strrchr(argv[2], '/');
	struct sockaddr_un to = address_of(argv[1]);
	struct bytes request = { 0 }, answer, payload = message_of(argv + 3);
	uint32_t stream = htonl(1);
	uint64_t key, value;
	struct bytes inner;
	if (slash) {
		*slash = 0;
		service = argv[2];
		method = slash + 1;
	}
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		die(argv[1]);
	add_bytes(&request, 1, service, strlen(service));
	add_bytes(&request, 2, method, strlen(method));
	add_bytes(&request, 3, payload.p, payload.n);
	write_frame(fd, stream, 1, &request);
	if (!read_frame(fd, &stream, &answer))
		die("no answer");
	while (answer.n && take_field(&answer, &key, &value, &inner)) {
		uint64_t code = 0;
		struct bytes status = inner, text = { 0 };
		if (key >> 3 == 2)
			show(inner, "");
		if (key >> 3 != 1 || !inner.n)
			continue;
		while (status.n && take_field(&status, &key, &value, &inner))
			if (key >> 3 == 1)
				code = value;
			else if (key >> 3 == 2)
				text = inner;
		printf("error %u: %.*s\n", (unsigned)code, (int)text.n, (const char *)text.p);
		return 1;
	}
	return 0;
}

/* Request: 3 payload, in it 1 envelope, in it 3 topic and 4 an Any, whose 2 is the event. */
static struct bytes field_of(struct bytes b, unsigned number)
{
	uint64_t key, value;
	struct bytes inner;
	while (b.n && take_field(&b, &key, &value, &inner))
		if (key >> 3 == number)
			return inner;
	return (struct bytes){ 0 };
}

static void tell(struct bytes request)
{
	struct bytes envelope = field_of(field_of(request, 3), 1), topic = field_of(envelope, 3),
		     event = field_of(field_of(envelope, 4), 2), inner;
	uint64_t key, value;
	printf("%.*s", (int)topic.n, (const char *)topic.p);
	while (event.n && take_field(&event, &key, &value, &inner))
		if ((key & 7) == 2 && inner.n && is_text(inner))
			printf(" %.*s", (int)inner.n, (const char *)inner.p);
	printf("\n");
	fflush(stdout);
}

static void serve(int fd, const char *how)
{
	static const uint8_t empty[] = { 0x12, 0 }, unavailable[] = { 0x0a, 2, 0x08, 14 };
	struct bytes request, answer = { (uint8_t *)(uintptr_t)empty, sizeof(empty) };
	uint32_t stream;
	if (!strcmp(how, "refuse"))
		answer = (struct bytes){ (uint8_t *)(uintptr_t)unavailable, sizeof(unavailable) };
	while (read_frame(fd, &stream, &request)) {
		tell(request);
		if (strcmp(how, "hang") != 0)
			write_frame(fd, stream, 2, &answer);
		free(request.p);
	}
	close(fd);
}

static int hear(const char *path, const char *how)
{
	struct sockaddr_un at = address_of(path);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	unlink(at.sun_path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, 8) < 0)
		die(path);
	for (;;) {
		int peer = accept(fd, NULL, NULL);
		if (peer < 0)
			die("accept");
		serve(peer, how);
	}
}

int main(int argc, char **argv)
{
	if (argc >= 3 && !strcmp(argv[1], "hear"))
		return hear(argv[2], argc > 3 ? argv[3] : "answer");
	if (argc >= 3) {
		int rc = call(argv);
		fflush(stdout);
		_exit(rc); /* nothing is freed, and no sanitizer to mind */
	}
	fprintf(stderr,
		"ask: usage: ask ADDRESS METHOD FIELD... | ask hear SOCKET [answer|refuse|hang]\n");
	return 2;
}
