/* server_test.c - a ttrpc server spoken to over a real socket. */
#include "base/arena.h"
#include "base/fdpass.h"
#include "pb/task_v2.pb-c.h"
#include "pb/ttrpc.pb-c.h"
#include "tap.h"
#include "ttrpc/server.h"
#include "ttrpc/wire.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
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

static const struct method methods[] = {
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

static void on_answer(void *arg, uint32_t events)
{
	struct frame f;
	(void)arg;
	(void)events;
	int n = wire_read(&t.in, t.fd);
	if (n == 0)
		loop_stop(t.loop);
	if (!wire_next(&t.in, &f))
		return;
	t.stream = f.stream;
	t.answer = pb_decode(&ttrpc__response__descriptor, t.arena, f.p, f.len);
	loop_stop(t.loop);
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

static void send_call(uint32_t stream, const char *service, const char *method, const char *id)
{
	Containerd__Task__V2__StartRequest in = CONTAINERD__TASK__V2__START_REQUEST__INIT;
	Ttrpc__Request r = TTRPC__REQUEST__INIT;
	in.id = (char *)(uintptr_t)id;
	r.service = (char *)(uintptr_t)service;
	r.method = (char *)(uintptr_t)method;
	r.payload.data = pb_encode(&in, t.arena, &r.payload.len);
	struct wire_out out = { 0 };
	struct frame f = { .stream = stream, .type = WIRE_REQUEST };
	size_t n;
	void *p = pb_encode(&r, t.arena, &n);
	f.len = (uint32_t)n;
	memcpy(wire_add(&out, &f), p, n);
	is_int(wire_flush(&out, t.fd), 1);
}

static void call(const char *service, const char *method, const char *id)
{
	send_call(1, service, method, id);
	loop_run(t.loop);
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
	loop_run(t.loop);
	check_status(3, "the request cannot be decoded: invalid argument");
	is_int(t.stream, 9);
	tear_down();
}

static void an_answer_may_come_after_other_answers(void)
{
	set_up();
	send_call(1, "test.Task", "Wait", "c1");
	send_call(3, "test.Task", "Start", "c1");
	loop_run(t.loop);
	is_int(t.stream, 3);
	ok(t.waiting);
	Containerd__Task__V2__WaitResponse w = CONTAINERD__TASK__V2__WAIT_RESPONSE__INIT;
	w.exit_status = 7;
	request_reply(t.waiting, &w);
	loop_run(t.loop);
	is_int(t.stream, 1);
	ok(t.answer && !t.answer->status && t.answer->payload.len == 2);
	tear_down();
}

static void an_answer_to_a_client_that_left_is_dropped(void)
{
	set_up();
	send_call(1, "test.Task", "Wait", "c1");
	send_call(3, "test.Task", "Start", "c1");
	loop_run(t.loop);
	is_int(server_peers(t.server), 1);
	loop_remove(t.loop, &t.watch);
	close(t.fd);
	t.fd = -1;
	loop_run(t.loop);
	is_int(t.peers, 0);
	Containerd__Task__V2__WaitResponse w = CONTAINERD__TASK__V2__WAIT_RESPONSE__INIT;
	request_reply(t.waiting, &w);
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
	return done_testing();
}
