/* client_test.c - queued calls to a server that comes, goes and refuses. */
#include "base/fdpass.h"
#include "base/file.h"
#include "pb/empty.pb-c.h"
#include "pb/events.pb-c.h"
#include "tap.h"
#include "ttrpc/client.h"
#include "ttrpc/server.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static struct {
	struct loop *loop;
	struct server *server;
	struct client *client;
	int dir;
	char path[32], address[64];
	int code; /* what the next call is answered with */
	unsigned stop_at;
	bool stop_when_idle;
	unsigned got;
	char topics[4096][8];
} t;

static int on_forward(void *arg, const struct rpc *r, struct err *e)
{
	const Containerd__Services__Events__Ttrpc__V1__ForwardRequest *in = r->in;
	int code = t.code;
	(void)arg;
	t.code = 0;
	if (code)
		return rpc_fail(e, (enum rpc_code)code, "not now");
	snprintf(t.topics[t.got++ % 4096], 8, "%s", in->envelope->topic);
	if (t.got == t.stop_at)
		loop_stop(t.loop);
	return 0;
}

static const struct method methods[] = {
	{ "Forward", &containerd__services__events__ttrpc__v1__forward_request__descriptor,
	  &google__protobuf__empty__descriptor, on_forward },
	{ 0 },
};
static const struct service services[] = { { "ev", methods }, { 0 } };

static void on_idle(void *arg)
{
	(void)arg;
	if (t.stop_when_idle)
		loop_stop(t.loop);
}

static void serve(void)
{
	struct server_options o = { .services = services, .max_connections = 2 };
	t.server = server_new(t.loop, unix_listen(t.dir, "s", SOCK_STREAM, NULL), &o);
	ok(t.server);
}

static void go_away(void)
{
	server_free(t.server);
	t.server = NULL;
	unlinkat(t.dir, "s", 0);
}

static void set_up(void)
{
	memset(&t, 0, sizeof(t));
	strcpy(t.path, "/tmp/client-test-XXXXXX");
	ok(mkdtemp(t.path));
	t.dir = open(t.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	t.loop = loop_new();
	snprintf(t.address, sizeof(t.address), "unix://%s/s", t.path);
	struct client_options o = { .address = t.address,
				    .service = "ev",
				    .method = "Forward",
				    .namespace_ = "ns",
				    .idle = on_idle };
	t.client = client_new(t.loop, &o);
}

static void tear_down(void)
{
	client_free(t.client);
	if (t.server)
		go_away();
	loop_free(t.loop);
	unlinkat(t.dir, "s", 0);
	close(t.dir);
	rmdir(t.path);
}

static void publish_fact(unsigned i, enum call_weight weight, uint64_t fact)
{
	char topic[8];
	Containerd__Services__Events__Ttrpc__V1__Envelope v =
		CONTAINERD__SERVICES__EVENTS__TTRPC__V1__ENVELOPE__INIT;
	Containerd__Services__Events__Ttrpc__V1__ForwardRequest r =
		CONTAINERD__SERVICES__EVENTS__TTRPC__V1__FORWARD_REQUEST__INIT;
	uint8_t bytes[64];
	snprintf(topic, sizeof(topic), "%u", i);
	v.topic = topic;
	r.envelope = &v;
	struct call call = { bytes, protobuf_c_message_pack(&r.base, bytes), weight, fact };
	is_int(client_call(t.client, &call), 0);
}

static void publish(unsigned i, enum call_weight weight)
{
	publish_fact(i, weight, 0);
}

static void run_until_idle(void)
{
	t.stop_when_idle = true;
	loop_run(t.loop);
	t.stop_when_idle = false;
	is_int(client_waiting(t.client), 0);
}

static void calls_arrive_in_order(void)
{
	set_up();
	serve();
	for (unsigned i = 0; i < 100; i++)
		publish(i, CALL_MINOR);
	run_until_idle();
	is_int(t.got, 100);
	for (unsigned i = 0; i < 100; i++)
		is_int(atoi(t.topics[i]), i);
	tear_down();
}

static void calls_wait_for_a_server_that_is_not_there_yet(void)
{
	set_up();
	publish(1, CALL_MINOR);
	publish(2, CALL_MINOR);
	is_int(client_waiting(t.client), 2);
	serve();
	run_until_idle();
	is_int(t.got, 2);
	tear_down();
}

static void calls_outlive_a_restart_of_the_server(void)
{
	set_up();
	serve();
	publish(0, CALL_MINOR);
	run_until_idle();
	go_away();
	for (unsigned i = 1; i < 5; i++)
		publish(i, CALL_MINOR);
	serve();
	run_until_idle();
	is_int(t.got, 5);
	for (unsigned i = 0; i < 5; i++)
		is_int(atoi(t.topics[i]), i);
	tear_down();
}

static void what_is_put_off_is_sent_again_and_what_is_refused_is_not(void)
{
	set_up();
	serve();
	t.code = RPC_UNAVAILABLE;
	publish(1, CALL_MINOR);
	run_until_idle();
	is_int(t.got, 1);
	t.code = RPC_INVALID_ARGUMENT;
	publish(2, CALL_MINOR);
	publish(3, CALL_MINOR);
	run_until_idle();
	is_int(t.got, 2);
	is_str(t.topics[1], "3");
	tear_down();
}

static void a_full_queue_never_drops_what_must_be_kept(void)
{
	set_up();
	for (unsigned i = 0; i < 10; i++)
		publish(i, i % 2 ? CALL_KEEP : CALL_MINOR);
	for (unsigned i = 10; i < CLIENT_QUEUE + 10; i++)
		publish(i, CALL_KEEP);
	is_int(client_waiting(t.client), CLIENT_QUEUE + 5);
	serve();
	run_until_idle();
	is_int(t.got, CLIENT_QUEUE + 5);
	is_str(t.topics[0], "1");
	is_str(t.topics[4], "9");
	is_str(t.topics[5], "10");
	tear_down();
}

static void ten_thousand_calls_that_may_go_leave_the_last_and_what_matters_more(void)
{
	set_up();
	publish(9, CALL_KEEP);
	publish(8, CALL_MAJOR);
	for (unsigned i = 0; i < 10000; i++)
		publish(i, CALL_MINOR);
	is_int(client_waiting(t.client), CLIENT_QUEUE);
	serve();
	run_until_idle();
	is_int(t.got, CLIENT_QUEUE);
	is_str(t.topics[0], "9");
	is_str(t.topics[1], "8");
	is_int(atoi(t.topics[2]), 10000 - CLIENT_QUEUE + 2);
	is_str(t.topics[CLIENT_QUEUE - 1], "9999");
	tear_down();
}

static void ends_of_execs_go_when_nothing_less_is_left(void)
{
	set_up();
	publish(1, CALL_MINOR);
	publish(2, CALL_KEEP);
	for (unsigned i = 0; i < CLIENT_QUEUE; i++)
		publish(i, CALL_MAJOR);
	is_int(client_waiting(t.client), CLIENT_QUEUE);
	serve();
	run_until_idle();
	is_str(t.topics[0], "2");
	is_str(t.topics[1], "1");
	tear_down();
}

static void the_same_fact_waits_once(void)
{
	set_up();
	publish_fact(1, CALL_KEEP, 77);
	publish_fact(2, CALL_KEEP, 77);
	publish_fact(3, CALL_KEEP, 78);
	publish_fact(4, CALL_KEEP, 0);
	publish_fact(5, CALL_KEEP, 0);
	is_int(client_waiting(t.client), 4);
	serve();
	run_until_idle();
	publish_fact(6, CALL_KEEP, 77); /* under way at once: the next one may be another */
	publish_fact(7, CALL_KEEP, 77);
	publish_fact(8, CALL_KEEP, 77);
	is_int(client_waiting(t.client), 2);
	run_until_idle();
	is_int(t.got, 6);
	is_str(t.topics[0], "1");
	is_str(t.topics[1], "3");
	is_str(t.topics[4], "6");
	is_str(t.topics[5], "7");
	tear_down();
}

static struct watch strange;

/* Answers the first call with the head of a message that is longer than any may be. */
static void on_strange(void *arg, uint32_t events)
{
	static const char head[] = { 0x7f, 0, 0, 0, 0, 0, 0, 1, 2, 0 };
	char request[4096];
	auto_close int fd = accept(*(int *)arg, NULL, NULL);
	ok(read(fd, request, sizeof(request)) > 0);
	is_int(write(fd, head, sizeof(head)), sizeof(head));
	loop_remove(t.loop, &strange);
}

static void an_answer_without_end_is_a_refusal(void)
{
	set_up();
	int listener = unix_listen(t.dir, "s", SOCK_STREAM, NULL);
	strange = (struct watch){ listener, on_strange, &listener };
	is_int(loop_add(t.loop, &strange, EPOLLIN), 0);
	publish(1, CALL_KEEP);
	run_until_idle();
	is_int(client_waiting(t.client), 0);
	close(listener);
	tear_down();
}

int main(void)
{
	test(calls_arrive_in_order);
	test(calls_wait_for_a_server_that_is_not_there_yet);
	test(calls_outlive_a_restart_of_the_server);
	test(what_is_put_off_is_sent_again_and_what_is_refused_is_not);
	test(an_answer_without_end_is_a_refusal);
	test(a_full_queue_never_drops_what_must_be_kept);
	test(ten_thousand_calls_that_may_go_leave_the_last_and_what_matters_more);
	test(ends_of_execs_go_when_nothing_less_is_left);
	test(the_same_fact_waits_once);
	return done_testing();
}
