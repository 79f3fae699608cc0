/* metrics.c - what a container uses, as containerd's cgroup metrics. */
#include "ttrpc/metrics.h"
#include "ttrpc/metrics_inner.h"
#include "ttrpc/server.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

void *metrics_new(const ProtobufCMessageDescriptor *type, struct arena *a)
{
	void *m = arena_alloc(a, type->sizeof_message);
	if (m)
		protobuf_c_message_init(type, m);
	return m;
}

void metrics_fill(void *m, const struct metrics_line *lines, const struct counters *c)
{
	for (; lines->key; lines++) {
		uint64_t value = counters_get(c, lines->key);
		memcpy((char *)m + lines->offset, &value, sizeof(value));
	}
}

/* The machine's own interfaces are not the container's. */
static bool has_network(pid_t pid)
{
	char path[32];
	struct stat ours, its;
	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	return pid && !stat(path, &its) && !stat("/proc/self/ns/net", &ours) &&
	       (its.st_ino != ours.st_ino || its.st_dev != ours.st_dev);
}

static int read_all(const struct strs *cgroups, pid_t network, struct arena *a, struct used *out,
		    struct err *e)
{
	struct cgroup cg = { 0 };
	int rc = cgroup_open(cgroups, a, &cg, e);
	if (rc == 0)
		rc = stats_read(&cg, a, &out->s, e);
	if (rc < 0) {
		cgroup_close(&cg);
		return rc;
	}
	if (cg.v2)
		rc = stats_extra_read(&cg, a, &out->x);
	cgroup_close(&cg);
	if (rc == 0)
		rc = stats_name_devices(&out->s.io_bytes, a);
	if (rc == 0)
		rc = stats_name_devices(&out->s.io_count, a);
	if (rc == 0 && has_network(network))
		rc = stats_links_read(network, a, &out->links);
	return rc < 0 ? fail(e, rc, "metrics") : 0;
}

int metrics_read_all(const struct strs *cgroups, pid_t network, struct arena *a,
		     Google__Protobuf__Any **out, struct err *e)
{
	struct used u = { 0 };
	int rc = read_all(cgroups, network, a, &u, e);
	if (rc < 0)
		return rc;
	Google__Protobuf__Any *any = metrics_new(&google__protobuf__any__descriptor, a);
	if (!any)
		return fail(e, ENOMEM, "metrics");
	any->type_url = metrics_text(u.s.v2 ? "io.containerd.cgroups.v2.Metrics"
					    : "io.containerd.cgroups.v1.Metrics");
	any->value.data = u.s.v2 ? metrics_v2(&u, a, &any->value.len)
				 : metrics_v1(&u, a, &any->value.len);
	if (!any->value.data)
		return fail(e, ENOMEM, "metrics");
	*out = any;
	return 0;
}

int metrics_read(const struct container *c, struct arena *a, Google__Protobuf__Any **out,
		 struct err *e)
{
	if (!c || !c->state.cgroups.n)
		return rpc_fail(e, RPC_NOT_FOUND, "cgroup does not exist");
	bool lives = c->pidfd >= 0 && !proc_ended(c->pidfd);
	int rc = metrics_read_all(&c->state.cgroups, lives ? c->state.pid : 0, a, out, e);
	return rc < 0 ? within(e, "container %s", c->id) : 0;
}
