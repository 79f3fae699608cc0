/* events.c - what happened to a task, told to containerd in order. */
#include "ttrpc/events.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/pb.h"
#include "pb/events.pb-c.h"
#include "ttrpc/client.h"

#include <stdlib.h>

static const struct {
	const char *topic, *type;
	unsigned flags;
} kinds[] = {
	[EVENT_CREATE] = { "/tasks/create", "containerd.events.TaskCreate", 0 },
	[EVENT_START] = { "/tasks/start", "containerd.events.TaskStart", 0 },
	[EVENT_OOM] = { "/tasks/oom", "containerd.events.TaskOOM", CALL_KEEP },
	[EVENT_EXIT] = { "/tasks/exit", "containerd.events.TaskExit", CALL_KEEP },
	[EVENT_DELETE] = { "/tasks/delete", "containerd.events.TaskDelete", CALL_KEEP },
	[EVENT_EXEC_ADDED] = { "/tasks/exec-added", "containerd.events.TaskExecAdded", 0 },
	[EVENT_EXEC_STARTED] = { "/tasks/exec-started", "containerd.events.TaskExecStarted", 0 },
	[EVENT_PAUSED] = { "/tasks/paused", "containerd.events.TaskPaused", 0 },
	[EVENT_RESUMED] = { "/tasks/resumed", "containerd.events.TaskResumed", 0 },
	[EVENT_CHECKPOINTED] = { "/tasks/checkpointed", "containerd.events.TaskCheckpointed", 0 },
};

#define EVENT_MEMORY ((size_t)1 << 20)

struct events {
	struct client *client; /* NULL: nobody to tell */
	const char *namespace_;
};

struct events *events_new(struct loop *l, const struct events_options *o)
{
	struct events *v = calloc(1, sizeof(*v));
	if (!v)
		return NULL;
	v->namespace_ = o->namespace_;
	if (!o->address || !*o->address)
		return v;
	struct client_options c = {
		.address = o->address,
		.service = "containerd.services.events.ttrpc.v1.Events",
		.method = "Forward",
		.namespace_ = o->namespace_,
		.idle = o->idle,
		.arg = o->arg,
	};
	v->client = client_new(l, &c);
	if (!v->client) {
		free(v);
		return NULL;
	}
	return v;
}

void events_free(struct events *v)
{
	if (!v)
		return;
	client_free(v->client);
	free(v);
}

/* Any's type URL is the bare name, as containerd's own are. */
static int publish(struct events *v, struct arena *a, enum event which, const void *message)
{
	struct timespec now = clock_now();
	Google__Protobuf__Timestamp when = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	Containerd__Services__Events__Ttrpc__V1__Envelope envelope =
		CONTAINERD__SERVICES__EVENTS__TTRPC__V1__ENVELOPE__INIT;
	Containerd__Services__Events__Ttrpc__V1__ForwardRequest request =
		CONTAINERD__SERVICES__EVENTS__TTRPC__V1__FORWARD_REQUEST__INIT;
	when.seconds = now.tv_sec;
	when.nanos = (int32_t)now.tv_nsec;
	any.type_url = (char *)(uintptr_t)kinds[which].type;
	any.value.data = pb_encode(message, a, &any.value.len);
	envelope.timestamp = &when;
	envelope.namespace_ = (char *)(uintptr_t)v->namespace_;
	envelope.topic = (char *)(uintptr_t)kinds[which].topic;
	envelope.event = &any;
	request.envelope = &envelope;
	size_t n;
	void *p = any.value.data ? pb_encode(&request, a, &n) : NULL;
	return p ? client_call(v->client, p, n, kinds[which].flags) : -ENOMEM;
}

void events_publish(struct events *v, enum event which, const void *message)
{
	if (!v->client)
		return;
	auto_arena *a = arena_new(EVENT_MEMORY);
	if (!a || publish(v, a, which, message) < 0)
		log_error("event %s is lost: no memory", kinds[which].topic);
}

unsigned events_waiting(const struct events *v)
{
	return v->client ? client_waiting(v->client) : 0;
}
