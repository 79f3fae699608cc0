/* dbus_test.c - messages of D-Bus as bytes, and a conversation with one who speaks it. */
#include "tap.h"

#include "base/clock.h"
#include "base/dbus.h"
#include "base/fdpass.h"
#include "base/file.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* Bytes as text: letters as they are, others as \x. */
static const char *shown(const void *p, size_t n)
{
	static char out[4096];
	size_t at = 0;
	const unsigned char *b = p;
	for (size_t i = 0; i < n && at + 4 < sizeof(out); i++)
		at += (size_t)sprintf(out + at, b[i] > ' ' && b[i] < 127 ? "%c" : "\\%x", b[i]);
	out[at] = 0;
	return out;
}

static void values_are_aligned(void)
{
	auto_buf b = { 0 };
	dbus_put_u8(&b, 1);
	dbus_put_u32(&b, 0x01020304);
	dbus_put_u8(&b, 2);
	dbus_put_u64(&b, 3);
	dbus_put_sig(&b, "as");
	dbus_put_str(&b, "hi");
	is_str(shown(b.p, b.len), "\\1\\0\\0\\0\\4\\3\\2\\1\\2\\0\\0\\0\\0\\0\\0\\0"
				  "\\3\\0\\0\\0\\0\\0\\0\\0\\2as\\0\\2\\0\\0\\0hi\\0");
}

static void the_length_of_an_array_leaves_out_its_padding(void)
{
	auto_buf b = { 0 };
	struct dbus_array a = dbus_array_begin(&b, '(');
	dbus_put_str(&b, "k");
	dbus_array_end(&b, a);
	is_str(shown(b.p, b.len), "\\6\\0\\0\\0\\0\\0\\0\\0\\1\\0\\0\\0k\\0");
}

/* A call of Frob("x"), as bytes. */
static void put_frob(struct buf *b)
{
	auto_buf body = { 0 };
	const struct dbus_call c = { .destination = "a.b",
				     .path = "/p",
				     .interface = "a.b.C",
				     .member = "Frob",
				     .signature = "s",
				     .body = &body };
	dbus_put_str(&body, "x");
	dbus_put_call(b, &c, 7);
}

static void a_call_is_what_others_read(void)
{
	auto_buf b = { 0 };
	struct dbus_message m;
	put_frob(&b);
	is_str(shown(b.p, 16), "l\\1\\0\\1\\6\\0\\0\\0\\7\\0\\0\\0G\\0\\0\\0");
	is_int(dbus_message_size(b.p, b.len), b.len);
	is_int(dbus_message_parse(b.p, b.len, &m), 0);
	is_int(m.type, DBUS_CALL);
	is_int(m.serial, 7);
	is_str(m.path, "/p");
	is_str(m.interface, "a.b.C");
	is_str(m.member, "Frob");
	is_str(m.body.signature, "s");
	is_str(dbus_get_str(&m.body), "x");
	ok(!m.body.bad);
	is_str(dbus_get_str(&m.body), "");
	ok(m.body.bad);
}

static void a_part_of_a_message_is_never_taken_for_it(void)
{
	auto_buf b = { 0 };
	struct dbus_message m;
	put_frob(&b);
	for (size_t n = 0; n < b.len; n++) {
		char *part = malloc(n + 1); /* of just that size, for sanitizers */
		memcpy(part, b.p, n);
		is_int(dbus_message_size(part, n), n < 16 ? 0 : (int)b.len);
		is_int(dbus_message_parse(part, n, &m), -EBADMSG);
		free(part);
	}
}

static void no_bit_of_a_message_can_be_turned_to_read_beyond_it(void)
{
	auto_buf b = { 0 };
	struct dbus_message m;
	put_frob(&b);
	for (size_t bit = 0; bit < b.len * 8; bit++) {
		b.p[bit / 8] = (char)(b.p[bit / 8] ^ 1 << bit % 8);
		char *whole = malloc(b.len);
		memcpy(whole, b.p, b.len);
		if (dbus_message_parse(whole, b.len, &m) == 0)
			dbus_skip(&m.body);
		free(whole);
		b.p[bit / 8] = (char)(b.p[bit / 8] ^ 1 << bit % 8);
	}
	ok(true);
}

static void a_message_too_large_is_refused_by_its_first_bytes(void)
{
	unsigned char first[16] = { 'l', 2, 0, 1, 0, 0, 0, 8 };
	is_int(dbus_message_size(first, sizeof(first)), -EMSGSIZE);
	first[0] = 'x';
	is_int(dbus_message_size(first, sizeof(first)), -EBADMSG);
}

static void the_other_byte_order_is_read_too(void)
{
	static const unsigned char big[] = { 'B', 2, 0,	  1,  0, 0,   0,   4, 0, 0, 0, 9,
					     0,	  0, 0,	  15, 5, 1,   'u', 0, 0, 0, 0, 7,
					     8,	  1, 'g', 0,  1, 'u', 0,   0, 0, 0, 1, 2 };
	struct dbus_message m;
	is_int(dbus_message_parse(big, sizeof(big), &m), 0);
	is_int(m.serial, 9);
	is_int(m.reply_serial, 7);
	is_int(dbus_get_u32(&m.body), 0x102);
	ok(!m.body.bad);
}

static void any_value_can_be_skipped(void)
{
	auto_buf b = { 0 };
	dbus_put_sig(&b, "a{sv}");
	struct dbus_array a = dbus_array_begin(&b, '{');
	dbus_put_str(&b, "k");
	dbus_put_sig(&b, "t");
	dbus_put_u64(&b, 1);
	dbus_array_end(&b, a);
	dbus_align(&b, 8);
	dbus_put_u8(&b, 1);
	dbus_put_str(&b, "in");
	dbus_put_u32(&b, 42);
	struct dbus_reader r = { .p = (const uint8_t *)b.p, .n = b.len, .signature = "v(ys)u" };
	dbus_skip(&r);
	dbus_skip(&r);
	is_int(dbus_get_u32(&r), 42);
	ok(!r.bad);
	is_int(r.at, b.len);
}

static void a_signature_that_is_none_is_bad(void)
{
	static const char *const wrong[] = {
		"a", "(", "(s", "{", "z", "a(", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaas", ")"
	};
	static const uint8_t zeros[64];
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct dbus_reader r = { .p = zeros, .n = sizeof(zeros), .signature = wrong[i] };
		dbus_skip(&r);
		ok(r.bad);
	}
}

static void addresses_are_paths_of_sockets(void)
{
	char path[32];
	is_int(dbus_address("unix:path=/run/bus,guid=1", path, sizeof(path)), 0);
	is_str(path, "/run/bus");
	is_int(dbus_address("tcp:host=x;unix:guid=2,path=/a%20b", path, sizeof(path)), 0);
	is_str(path, "/a b");
	is_int(dbus_address("unix:abstract=/x", path, sizeof(path)), -EINVAL);
	is_int(dbus_address("unix:path=%zz", path, sizeof(path)), -EINVAL);
	is_int(dbus_address("unix:path=/%2", path, sizeof(path)), -EINVAL);
	is_int(dbus_address("", path, sizeof(path)), -EINVAL);
	is_int(dbus_address("unix:path=/0123456789012345678901234567890123456789", path,
			    sizeof(path)),
	       -ENAMETOOLONG);
}

/* --- a peer --- */

static char dir[] = "/tmp/coracle-dbus-XXXXXX";

/* A reply to serial 1: an error of that name, whose body is a string; NULL: a plain one. */
static void put_reply(struct buf *b, const char *error, const char *text)
{
	auto_buf body = { 0 };
	dbus_put_str(&body, text);
	dbus_put_u8(b, 'l');
	dbus_put_u8(b, error ? DBUS_ERROR : DBUS_RETURN);
	dbus_put_u8(b, 0);
	dbus_put_u8(b, 1);
	dbus_put_u32(b, (uint32_t)body.len);
	dbus_put_u32(b, 1);
	struct dbus_array fields = dbus_array_begin(b, '(');
	dbus_put_u8(b, 5);
	dbus_put_sig(b, "u");
	dbus_put_u32(b, 1);
	dbus_align(b, 8);
	dbus_put_u8(b, 8);
	dbus_put_sig(b, "g");
	dbus_put_sig(b, "s");
	if (error) {
		dbus_align(b, 8);
		dbus_put_u8(b, 4);
		dbus_put_sig(b, "s");
		dbus_put_str(b, error);
	}
	dbus_array_end(b, fields);
	dbus_align(b, 8);
	buf_add(b, body.p, body.len);
}

/* Serves one who comes: greets with words, then sends these bytes one at a time, and waits for its
 * end. */
static pid_t serve(const char *words, const struct buf *answer)
{
	int at = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	unlinkat(at, "s", 0);
	int listener = unix_listen(at, "s", SOCK_STREAM, NULL);
	pid_t pid = fork();
	if (pid) {
		close(listener);
		close(at);
		return pid;
	}
	char text[4096];
	int fd = accept(listener, NULL, NULL);
	if (read(fd, text, sizeof(text)) > 0 && write_all(fd, words, strlen(words)) == 0)
		for (size_t i = 0; answer && i < answer->len; i++)
			if (write_all(fd, answer->p + i, 1) < 0)
				_exit(1);
	while (read(fd, text, sizeof(text)) > 0)
		;
	_exit(0);
}

static const struct dbus_call frob = { .path = "/p", .interface = "a.b", .member = "Frob" };

#define HALF_A_TALK  "DATA\r\n"
#define PATIENT_MS   30000
#define IMPATIENT_MS 100

/* What is said of a call of Frob to a server of these words and bytes. Who is to answer may take
 * long to run at all; who is silent is waited for in vain: in the talk before, or without words. */
static int ask(const char *words, const struct buf *answer, struct dbus *d, struct dbus_message *m,
	       struct err *e)
{
	bool talks = strcmp(words, HALF_A_TALK) != 0;
	char path[64];
	snprintf(path, sizeof(path), "%s/s", dir);
	pid_t pid = serve(words, answer);
	int rc = dbus_open(d, path, false, talks ? PATIENT_MS : IMPATIENT_MS, e);
	d->timeout_ms = answer ? PATIENT_MS : IMPATIENT_MS;
	if (rc == 0)
		rc = dbus_ask(d, &frob, m, e);
	close(d->fd);
	d->fd = -1;
	waitpid(pid, NULL, 0);
	return rc;
}

static void an_answer_may_come_in_pieces(void)
{
	struct dbus d;
	struct dbus_message m;
	struct err e = { 0 };
	auto_buf b = { 0 };
	put_reply(&b, NULL, "yes");
	is_int(ask("DATA\r\nOK 12\r\n", &b, &d, &m, &e), 0);
	is_str(dbus_get_str(&m.body), "yes");
	dbus_close(&d);
	is_int(ask("OK 12\r\nOK 12\r\n", &b, &d, &m, &e), 0); /* an older one's words */
	dbus_close(&d);
	is_str(e.msg, "");
}

static void an_error_has_its_name_and_words(void)
{
	struct dbus d;
	struct dbus_message m;
	struct err e = { 0 };
	auto_buf b = { 0 };
	put_reply(&b, "a.b.Wrong", "it is wrong");
	is_int(ask("DATA\r\nOK 12\r\n", &b, &d, &m, &e), -EREMOTEIO);
	is_str(m.error, "a.b.Wrong");
	is_str(e.msg, "D-Bus: Frob: it is wrong");
	dbus_close(&d);
}

static void who_does_not_answer_is_not_waited_for_for_ever(void)
{
	struct dbus d;
	struct dbus_message m;
	struct err e = { 0 };
	uint64_t begin = clock_monotonic_ns();
	is_int(ask("DATA\r\nOK 12\r\n", NULL, &d, &m, &e), -ETIMEDOUT);
	dbus_close(&d);
	has_str(e.msg, "D-Bus: no answer to Frob");
	is_int(ask(HALF_A_TALK, NULL, &d, &m, &e), -ETIMEDOUT);
	dbus_close(&d);
	ok(clock_monotonic_ns() - begin < UINT64_C(20000000000));
}

static void who_does_not_want_us_says_so(void)
{
	struct dbus d;
	struct dbus_message m;
	struct err e = { 0 };
	is_int(ask("REJECTED KERBEROS\r\nERROR\r\n", NULL, &d, &m, &e), -EACCES);
	is_str(e.msg, "D-Bus does not accept us: REJECTED KERBEROS");
	dbus_close(&d);
}

static void strange_words_end_it(void)
{
	struct dbus d;
	struct dbus_message m;
	struct err e = { 0 };
	auto_buf b = { 0 }, line = { 0 };
	buf_str(&b, "HTTP/1.1 200 OK\r\n\r\n");
	is_int(ask("DATA\r\nOK 12\r\n", &b, &d, &m, &e), -EBADMSG);
	dbus_close(&d);
	for (int i = 0; i < 400; i++)
		buf_char(&line, 'x');
	is_int(ask(line.p, NULL, &d, &m, &e), -EBADMSG);
	dbus_close(&d);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	if (!mkdtemp(dir))
		return 1;
	test(values_are_aligned);
	test(the_length_of_an_array_leaves_out_its_padding);
	test(a_call_is_what_others_read);
	test(a_part_of_a_message_is_never_taken_for_it);
	test(no_bit_of_a_message_can_be_turned_to_read_beyond_it);
	test(a_message_too_large_is_refused_by_its_first_bytes);
	test(the_other_byte_order_is_read_too);
	test(any_value_can_be_skipped);
	test(a_signature_that_is_none_is_bad);
	test(addresses_are_paths_of_sockets);
	test(an_answer_may_come_in_pieces);
	test(an_error_has_its_name_and_words);
	test(who_does_not_answer_is_not_waited_for_for_ever);
	test(who_does_not_want_us_says_so);
	test(strange_words_end_it);
	int at = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	tree_remove(at, strrchr(dir, '/') + 1, NULL);
	return done_testing();
}
