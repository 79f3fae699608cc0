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

V1(PidsStat) * metrics_pids(uint64_t current, uint64_t limit, struct arena *a)
{
	V1(PidsStat) *m = metrics_new(&io__containerd__cgroups__v1__pids_stat__descriptor, a);
	if (m) {
		m->current = current;
		m->limit = limit;
	}
	return m;
}

static size_t rdma(const struct stats_rdmas *s, struct arena *a, V1(RdmaEntry) * **out)
{
	size_t n = 0;
	*out = arena_array(a, s->n, sizeof(**out));
	for (size_t i = 0; *out && i < s->n; i++) {
		V1(RdmaEntry) *m = metrics_new(&io__containerd__cgroups__v1__rdma_entry__descriptor,
					       a);
		if (!m)
			break;
		m->device = metrics_text(s->v[i].device);
		m->hca_handles = s->v[i].handles;
		m->hca_objects = s->v[i].objects;
		(*out)[n++] = m;
	}
	return n;
}

V1(RdmaStat) * metrics_rdma(const struct stats *s, struct arena *a)
{
	V1(RdmaStat) *m = s->rdma.n
				  ? metrics_new(&io__containerd__cgroups__v1__rdma_stat__descriptor,
						a)
				  : NULL;
	if (m) {
		m->n_current = rdma(&s->rdma, a, &m->current);
		m->n_limit = rdma(&s->rdma_limit, a, &m->limit);
	}
	return m;
}

V1(NetworkStat) * *metrics_links(const struct stats_links *s, struct arena *a, size_t *n)
{
	V1(NetworkStat) **v = arena_array(a, s->n, sizeof(*v));
	*n = 0;
	for (size_t i = 0; v && i < s->n; i++) {
		const struct stats_link *l = &s->v[i];
		V1(NetworkStat) *m = metrics_new(
			&io__containerd__cgroups__v1__network_stat__descriptor, a);
		if (!m)
			break;
		m->name = metrics_text(l->name);
		text_utf8(m->name); /* whoever may name it gives it any bytes */
		m->rx_bytes = l->rx_bytes;
		m->rx_packets = l->rx_packets;
		m->rx_errors = l->rx_errors;
		m->rx_dropped = l->rx_dropped;
		m->tx_bytes = l->tx_bytes;
		m->tx_packets = l->tx_packets;
		m->tx_errors = l->tx_errors;
		m->tx_dropped = l->tx_dropped;
		v[(*n)++] = m;
	}
	return v;
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
