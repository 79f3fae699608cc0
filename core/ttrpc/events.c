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
	enum call_weight weight;
} kinds[] = {
	[EVENT_CREATE] = { "/tasks/create", "containerd.events.TaskCreate", CALL_MINOR },
	[EVENT_START] = { "/tasks/start", "containerd.events.TaskStart", CALL_MINOR },
	[EVENT_OOM] = { "/tasks/oom", "containerd.events.TaskOOM", CALL_KEEP },
	[EVENT_EXIT] = { "/tasks/exit", "containerd.events.TaskExit", CALL_KEEP },
	[EVENT_DELETE] = { "/tasks/delete", "containerd.events.TaskDelete", CALL_KEEP },
	[EVENT_EXEC_ADDED] = { "/tasks/exec-added", "containerd.events.TaskExecAdded", CALL_MINOR },
	[EVENT_EXEC_STARTED] = { "/tasks/exec-started", "containerd.events.TaskExecStarted",
				 CALL_MINOR },
	[EVENT_PAUSED] = { "/tasks/paused", "containerd.events.TaskPaused", CALL_MINOR },
	[EVENT_RESUMED] = { "/tasks/resumed", "containerd.events.TaskResumed", CALL_MINOR },
	[EVENT_CHECKPOINTED] = { "/tasks/checkpointed", "containerd.events.TaskCheckpointed",
				 CALL_MINOR },
	[EVENT_EXEC_EXIT] = { "/tasks/exit", "containerd.events.TaskExit", CALL_MAJOR },
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

/* FNV-1a: which container a TaskOOM is of. */
static uint64_t fact_of(const Google__Protobuf__Any *any)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	for (size_t i = 0; i < any->value.len; i++)
		h = (h ^ any->value.data[i]) * UINT64_C(0x100000001b3);
	return h ? h : 1;
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
	struct call call = { .weight = kinds[which].weight };
	call.payload = any.value.data ? pb_encode(&request, a, &call.n) : NULL;
	if (which == EVENT_OOM && call.payload)
		call.fact = fact_of(&any);
	return call.payload ? client_call(v->client, &call) : -ENOMEM;
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
