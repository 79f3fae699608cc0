/* server_test.c - a ttrpc server spoken to over a real socket. */
#include "base/arena.h"
#include "base/fdpass.h"
#include "base/file.h"
#include "pb/task_v2.pb-c.h"
#include "pb/ttrpc.pb-c.h"
#include "tap.h"
#include "ttrpc/server.h"
#include "ttrpc/wire.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static struct {
	struct loop *loop;
	struct server *server;
	int dir, fd; /* fd: the client's */
	char path[32];
	struct request *waiting;
	unsigned peers;
	struct watch watch;
	struct wire_in in;
	Ttrpc__Response *answer;
	uint32_t stream;
	struct arena *arena;
} t;

static int on_start(void *arg, const struct rpc *r, struct err *e)
{
	const Containerd__Task__V2__StartRequest *in = r->in;
	Containerd__Task__V2__StartResponse *out = r->out;
	(void)arg;
	if (!strcmp(in->id, "gone"))
		return rpc_fail(e, RPC_NOT_FOUND, "container %s", in->id);
	if (!strcmp(in->id, "broken"))
		return fail(e, ENOTDIR, "open %s", "x");
	out->pid = 42;
	return 0;
}

static int on_wait(void *arg, const struct rpc *r, struct err *e)
{
	(void)arg;
	(void)e;
	t.waiting = r->request;
	return RPC_LATER;
}

#define LONG 65536

static int on_state(void *arg, const struct rpc *r, struct err *e)
{
	Containerd__Task__V2__StateResponse *out = r->out;
	(void)arg;
	(void)e;
	out->bundle = arena_alloc(r->arena, LONG + 1);
	memset(out->bundle, 'x', LONG);
	return 0;
}

static const struct method methods[] = {
	{ "State", &containerd__task__v2__state_request__descriptor,
	  &containerd__task__v2__state_response__descriptor, on_state },
	{ "Start", &containerd__task__v2__start_request__descriptor,
	  &containerd__task__v2__start_response__descriptor, on_start },
	{ "Wait", &containerd__task__v2__wait_request__descriptor,
	  &containerd__task__v2__wait_response__descriptor, on_wait },
	{ 0 },
};
static const struct service services[] = { { "test.Task", methods }, { 0 } };

static void on_peers(void *arg, unsigned count)
{
	(void)arg;
	t.peers = count;
	if (!count)
		loop_stop(t.loop);
}

/* Takes one answer out of what was read; false: it is not whole. */
static bool take_answer(void)
{
	struct frame f;
	if (!wire_next(&t.in, &f))
		return false;
	t.stream = f.stream;
	t.answer = pb_decode(&ttrpc__response__descriptor, t.arena, f.p, f.len);
	return true;
}

static void on_answer(void *arg, uint32_t events)
{
	(void)arg;
	(void)events;
	int n = wire_read(&t.in, t.fd);
	if (take_answer() || n == 0)
		loop_stop(t.loop);
}

/* Waits for the next answer, which may have come together with the last one. */
static void next_answer(void)
{
	t.answer = NULL;
	if (!take_answer())
		loop_run(t.loop);
}

static void set_up(void)
{
	memset(&t, 0, sizeof(t));
	strcpy(t.path, "/tmp/server-test-XXXXXX");
	ok(mkdtemp(t.path));
	t.dir = open(t.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	t.loop = loop_new();
	t.arena = arena_new(1 << 20);
	struct server_options o = { .services = services, .peers = on_peers, .max_connections = 2 };
	t.server = server_new(t.loop, unix_listen(t.dir, "s", SOCK_STREAM, NULL), &o);
	t.fd = unix_connect(t.dir, "s", SOCK_STREAM, NULL);
	fcntl(t.fd, F_SETFL, O_NONBLOCK);
	t.watch = (struct watch){ .fd = t.fd, .ready = on_answer };
	loop_add(t.loop, &t.watch, 1 /* EPOLLIN */);
}

static void tear_down(void)
{
	if (t.fd >= 0) {
		loop_remove(t.loop, &t.watch);
		close(t.fd);
	}
	server_free(t.server);
	loop_free(t.loop);
	wire_in_free(&t.in);
	arena_free(t.arena);
	unlinkat(t.dir, "s", 0);
	close(t.dir);
	rmdir(t.path);
}

static struct {
	int64_t timeout;
	uint8_t flags;
} with; /* of the next calls */

static void send_call(uint32_t stream, const char *service, const char *method, const char *id)
{
	Containerd__Task__V2__StartRequest in = CONTAINERD__TASK__V2__START_REQUEST__INIT;
	Ttrpc__Request r = TTRPC__REQUEST__INIT;
	in.id = (char *)(uintptr_t)id;
	r.service = (char *)(uintptr_t)service;
	r.method = (char *)(uintptr_t)method;
	r.payload.data = pb_encode(&in, t.arena, &r.payload.len);
	r.timeout_nano = with.timeout;
	struct wire_out out = { 0 };
	struct frame f = { .stream = stream, .type = WIRE_REQUEST, .flags = with.flags };
	size_t n;
	void *p = pb_encode(&r, t.arena, &n);
	f.len = (uint32_t)n;
	memcpy(wire_add(&out, &f), p, n);
	struct pollfd room = { .fd = t.fd, .events = POLLOUT };
	int sent;
	while ((sent = wire_flush(&out, t.fd)) == 0 && poll(&room, 1, 30000) > 0)
		; /* full of what another process has sent before */
	is_int(sent, 1);
}

static void call(const char *service, const char *method, const char *id)
{
	send_call(1, service, method, id);
	next_answer();
	ok(t.answer);
}

static void a_call_is_answered_with_its_message(void)
{
	set_up();
	call("test.Task", "Start", "c1");
	ok(t.answer && !t.answer->status);
	const Containerd__Task__V2__StartResponse *out = pb_decode(
		&containerd__task__v2__start_response__descriptor, t.arena, t.answer->payload.data,
		t.answer->payload.len);
	is_int(out->pid, 42);
	is_int(t.stream, 1);
	tear_down();
}

static void check_status(int code, const char *message)
{
	ok(t.answer && t.answer->status);
	if (!t.answer || !t.answer->status)
		return;
	is_int(t.answer->status->code, code);
	is_str(t.answer->status->message, message);
}

static void errors_have_grpc_codes_and_words(void)
{
	set_up();
	call("test.Task", "Start", "gone");
	check_status(5, "container gone: not found");
	call("test.Task", "Start", "broken");
	check_status(2, "open x: Not a directory");
	call("test.Task", "Checkpoint", "c1");
	check_status(12, "method Checkpoint: not implemented");
	call("other", "Start", "c1");
	check_status(12, "service other: not implemented");
	tear_down();
}

static void bytes_that_are_no_request_are_refused(void)
{
	set_up();
	struct wire_out out = { 0 };
	struct frame f = { .stream = 9, .type = WIRE_REQUEST, .len = 3 };
	memcpy(wire_add(&out, &f), "\xff\xff\xff", 3);
	wire_flush(&out, t.fd);
	next_answer();
	check_status(3, "the request cannot be decoded: invalid argument");
	is_int(t.stream, 9);
	tear_down();
}

static void an_answer_may_come_after_other_answers(void)
{
	set_up();
	send_call(1, "test.Task", "Wait", "c1");
	send_call(3, "test.Task", "Start", "c1");
	next_answer();
	is_int(t.stream, 3);
	ok(t.waiting);
	Containerd__Task__V2__WaitResponse w = CONTAINERD__TASK__V2__WAIT_RESPONSE__INIT;
	w.exit_status = 7;
	request_reply(t.waiting, &w);
	next_answer();
	is_int(t.stream, 1);
	ok(t.answer && !t.answer->status && t.answer->payload.len == 2);
	tear_down();
}

static void an_answer_to_a_client_that_left_is_dropped(void)
{
	set_up();
	send_call(1, "test.Task", "Wait", "c1");
	send_call(3, "test.Task", "Start", "c1");
	next_answer();
	is_int((int)t.peers, 1);
	loop_remove(t.loop, &t.watch);
	close(t.fd);
	t.fd = -1;
	loop_run(t.loop);
	is_int(t.peers, 0);
	Containerd__Task__V2__WaitResponse w = CONTAINERD__TASK__V2__WAIT_RESPONSE__INIT;
	request_reply(t.waiting, &w);
	tear_down();
}

static void send_frame(const struct frame *f)
{
	struct wire_out out = { 0 };
	memset(wire_add(&out, f), 0, f->len);
	is_int(wire_flush(&out, t.fd), 1);
	next_answer();
	is_int(t.stream, f->stream);
}

static void streams_are_refused_and_calls_go_on(void)
{
	set_up();
	with.flags = WIRE_REMOTE_OPEN;
	call("test.Task", "Start", "c1");
	check_status(12, "streams: not implemented");
	with.flags = WIRE_REMOTE_CLOSED;
	call("test.Task", "Start", "c1");
	check_status(12, "streams: not implemented");
	with.flags = 0;
	send_frame(&(struct frame){ .stream = 5, .type = WIRE_DATA, .len = 3 });
	check_status(3, "StreamID is no longer active: invalid argument");
	send_frame(&(struct frame){ .stream = 4, .type = WIRE_REQUEST, .len = 3 });
	check_status(3, "StreamID must be odd for client initiated streams: invalid argument");
	/* What nobody knows yet is left alone. */
	struct wire_out out = { 0 };
	wire_add(&out, &(struct frame){ .stream = 7, .type = 99 });
	wire_flush(&out, t.fd);
	call("test.Task", "Start", "c1");
	ok(t.answer && !t.answer->status);
	tear_down();
}

/* By another process: this one is the server, too. */
static void send_too_long(void)
{
	static const uint8_t header[10] = { 0, 0x40, 0, 1, 0, 0, 0, 9, WIRE_REQUEST, 0 };
	static uint8_t body[0x400001];
	if (fork() != 0)
		return;
	fcntl(t.fd, F_SETFL, 0);
	if (write_all(t.fd, header, sizeof(header)) == 0 &&
	    write_all(t.fd, body, sizeof(body)) == 0)
		send_call(11, "test.Task", "Start", "c1");
	_exit(0);
}

static void a_request_that_is_too_long_is_refused_and_the_next_is_served(void)
{
	set_up();
	send_too_long();
	next_answer();
	check_status(8, "the request is longer than 4194304 bytes");
	is_int(t.stream, 9);
	next_answer();
	is_int(t.stream, 11);
	ok(t.answer && !t.answer->status);
	wait(NULL);
	tear_down();
}

static void a_call_is_answered_when_its_time_is_over(void)
{
	set_up();
	with.timeout = 20 * 1000000;
	call("test.Task", "Wait", "c1");
	check_status(4, "the request: context deadline exceeded");
	struct request *late = t.waiting;
	call("test.Task", "Start", "c1"); /* in time */
	ok(t.answer && !t.answer->status);
	with.timeout = 3600 * 1000000000LL;
	send_call(5, "test.Task", "Wait", "c1");
	send_call(7, "test.Task", "Start", "c1");
	next_answer();
	struct request *patient = t.waiting;
	with.timeout = 30 * 1000000;
	send_call(7, "test.Task", "Wait", "c1");
	next_answer();
	is_int(t.stream, 7);
	check_status(4, "the request: context deadline exceeded");
	with.timeout = -1;
	call("test.Task", "Start", "c1");
	check_status(4, "Start: context deadline exceeded");
	with.timeout = 0;
	Containerd__Task__V2__WaitResponse w = CONTAINERD__TASK__V2__WAIT_RESPONSE__INIT;
	request_reply(late, &w); /* to nobody */
	request_reply(t.waiting, &w);
	request_reply(patient, &w);
	next_answer();
	is_int(t.stream, 5);
	tear_down();
}

static void who_has_said_all_still_gets_the_answer(void)
{
	set_up();
	send_call(1, "test.Task", "Wait", "c1");
	send_call(3, "test.Task", "Start", "c1");
	shutdown(t.fd, SHUT_WR);
	next_answer();
	is_int(t.stream, 3);
	is_int((int)t.peers, 1);
	Containerd__Task__V2__WaitResponse w = CONTAINERD__TASK__V2__WAIT_RESPONSE__INIT;
	request_reply(t.waiting, &w);
	is_int((int)t.peers, 0); /* and then it is over */
	next_answer();
	is_int(t.stream, 1);
	tear_down();
}

static struct {
	int fd;
	struct watch watch;
	struct wire_in in;
	unsigned answers;
} slow;

static void on_slow_answer(void *arg, uint32_t events)
{
	struct frame f;
	(void)arg;
	(void)events;
	ok(wire_read(&slow.in, slow.fd) > 0);
	while (wire_next(&slow.in, &f)) {
		ok(f.stream == 2 * slow.answers + 1 && f.len > LONG);
		slow.answers++;
	}
	if (slow.answers == 100)
		loop_stop(t.loop);
}

/* In KiB. */
static long memory(void)
{
	auto_buf statm = { 0 };
	long size = 0, resident = 0;
	ok(file_read(-1, "/proc/self/statm", &statm, NULL) == 0);
	ok(sscanf(statm.p, "%ld %ld", &size, &resident) == 2);
	return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

/* 6.4 MB of answers to one who reads none of them for now. */
static void who_does_not_read_is_not_listened_to_and_delays_nobody(void)
{
	set_up();
	slow.fd = unix_connect(t.dir, "s", SOCK_STREAM, NULL);
	int own = t.fd;
	t.fd = slow.fd;
	for (uint32_t i = 0; i < 100; i++)
		send_call(2 * i + 1, "test.Task", "State", "c1");
	t.fd = own;
	long before = memory();
	for (int i = 0; i < 3; i++)
		call("test.Task", "Start", "c1");
	ok(t.answer && !t.answer->status);
	ok(memory() < before + 3000);
	fcntl(slow.fd, F_SETFL, O_NONBLOCK);
	slow.watch = (struct watch){ .fd = slow.fd, .ready = on_slow_answer };
	loop_add(t.loop, &slow.watch, 1 /* EPOLLIN */);
	loop_run(t.loop);
	is_int(slow.answers, 100);
	loop_remove(t.loop, &slow.watch);
	close(slow.fd);
	wire_in_free(&slow.in);
	tear_down();
}

static void an_errno_has_the_code_that_containerd_looks_for(void)
{
	struct err e = { 0 };
	fail(&e, EEXIST, "container c1");
	is_int(rpc_code_of(&e), RPC_ALREADY_EXISTS);
	e = (struct err){ 0 };
	fail(&e, EIO, "disk");
	is_int(rpc_code_of(&e), RPC_UNKNOWN);
}

int main(void)
{
	test(an_errno_has_the_code_that_containerd_looks_for);
	test(a_call_is_answered_with_its_message);
	test(errors_have_grpc_codes_and_words);
	test(bytes_that_are_no_request_are_refused);
	test(an_answer_may_come_after_other_answers);
	test(an_answer_to_a_client_that_left_is_dropped);
	test(streams_are_refused_and_calls_go_on);
	test(a_request_that_is_too_long_is_refused_and_the_next_is_served);
	test(a_call_is_answered_when_its_time_is_over);
	test(who_has_said_all_still_gets_the_answer);
	test(who_does_not_read_is_not_listened_to_and_delays_nobody);
	return done_testing();
}
