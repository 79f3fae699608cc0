/* netdevice.c - network devices of the host that a container gets for itself: moved by netlink. */
#include "box/netdevice.h"
#include "base/arena.h"
#include "base/file.h"

#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define ADDRESSES 64
#define LINKS	  4096

/* One address as it is told again. */
struct address {
	struct ifaddrmsg head;
	struct {
		unsigned short type, size;
		unsigned char bytes[16];
	} part[3]; /* local, address, broadcast */
	int n;
};

struct moving {
	int host, inside; /* netlink sockets of the two namespaces */
	int ns;
	unsigned index; /* of the device, where it is now */
	struct address address[ADDRESSES];
	int addresses;
	unsigned links[LINKS]; /* that are inside already, for who names by a pattern */
	int nlinks;
	const char *name; /* that it is to have */
	bool taken;
};

union request {
	struct nlmsghdr head;
	unsigned char bytes[512];
};

static void add(union request *q, int type, const void *p, size_t n)
{
	struct rtattr *a = (struct rtattr *)(q->bytes + NLMSG_ALIGN(q->head.nlmsg_len));
	a->rta_type = (unsigned short)type;
	a->rta_len = (unsigned short)RTA_LENGTH(n);
	memcpy(RTA_DATA(a), p, n);
	q->head.nlmsg_len = NLMSG_ALIGN(q->head.nlmsg_len) + RTA_ALIGN(a->rta_len);
}

static union request request(int type, int flags, const void *body, size_t n)
{
	union request q = { .head = { .nlmsg_len = NLMSG_LENGTH(n),
				      .nlmsg_type = (unsigned short)type,
				      .nlmsg_flags = (unsigned short)(NLM_F_REQUEST | flags) } };
	memcpy(NLMSG_DATA(&q.head), body, n);
	return q;
}

/* Sends it and hands each part of the answer to see(); until its end. 0 or -errno. */
static int talk(int sock, const union request *q, void (*see)(struct moving *, struct nlmsghdr *),
		struct moving *m)
{
	char text[32768] __attribute__((aligned(NLMSG_ALIGNTO)));
	if (send(sock, q, q->head.nlmsg_len, 0) < 0)
		return -errno;
	for (;;) {
		ssize_t got = recv(sock, text, sizeof(text), 0);
		if (got < 0 && errno != EINTR)
			return -errno;
		size_t left = got < 0 ? 0 : (size_t)got;
		for (struct nlmsghdr *h = (struct nlmsghdr *)text; NLMSG_OK(h, left);
		     h = NLMSG_NEXT(h, left)) {
			if (h->nlmsg_type == NLMSG_DONE)
				return 0;
			if (h->nlmsg_type == NLMSG_ERROR)
				return ((struct nlmsgerr *)NLMSG_DATA(h))->error;
			if (see)
				see(m, h);
		}
	}
}

static void see_address(struct moving *m, struct nlmsghdr *h)
{
	const struct ifaddrmsg *a = NLMSG_DATA(h);
	unsigned flags = a->ifa_flags;
	struct address out = { .head = *a };
	size_t left = IFA_PAYLOAD(h);
	for (struct rtattr *r = IFA_RTA(a); RTA_OK(r, left); r = RTA_NEXT(r, left)) {
		int type = r->rta_type, size = (int)RTA_PAYLOAD(r);
		if (type == IFA_FLAGS && size == sizeof(flags))
			memcpy(&flags, RTA_DATA(r), sizeof(flags));
		if ((type == IFA_LOCAL || type == IFA_ADDRESS || type == IFA_BROADCAST) &&
		    size <= 16 && out.n < 3) {
			out.part[out.n].type = (unsigned short)type;
			out.part[out.n].size = (unsigned short)size;
			memcpy(out.part[out.n++].bytes, RTA_DATA(r), (size_t)size);
		}
	}
	/* The spec: what somebody has set for good, and for everywhere. */
	if (a->ifa_index == m->index && flags & IFA_F_PERMANENT &&
	    a->ifa_scope == RT_SCOPE_UNIVERSE && m->addresses < ADDRESSES)
		m->address[m->addresses++] = out;
}

static void see_link(struct moving *m, struct nlmsghdr *h)
{
	const struct ifinfomsg *link = NLMSG_DATA(h);
	size_t left = IFLA_PAYLOAD(h);
	for (struct rtattr *r = IFLA_RTA(link); RTA_OK(r, left); r = RTA_NEXT(r, left))
		m->taken |= r->rta_type == IFLA_IFNAME && !strcmp(RTA_DATA(r), m->name);
	if (m->nlinks < LINKS)
		m->links[m->nlinks++] = (unsigned)link->ifi_index;
}

static void see_new(struct moving *m, struct nlmsghdr *h)
{
	unsigned index = (unsigned)((struct ifinfomsg *)NLMSG_DATA(h))->ifi_index;
	for (int i = 0; i < m->nlinks; i++)
		if (m->links[i] == index)
			return;
	m->index = index;
}

static int dump(int sock, int type, void (*see)(struct moving *, struct nlmsghdr *),
		struct moving *m)
{
	const struct ifinfomsg any = { .ifi_family = AF_UNSPEC };
	union request q = request(type, NLM_F_DUMP, &any, sizeof(any));
	return talk(sock, &q, see, m);
}

static int give(struct moving *m, const char *name)
{
	const struct ifinfomsg link = { .ifi_index = (int)m->index };
	union request q = request(RTM_NEWLINK, NLM_F_ACK, &link, sizeof(link));
	add(&q, IFLA_IFNAME, name, strlen(name) + 1);
	add(&q, IFLA_NET_NS_FD, &m->ns, sizeof(m->ns));
	return talk(m->host, &q, NULL, m);
}

static int set_address(struct moving *m, const struct address *a)
{
	struct ifaddrmsg head = a->head;
	head.ifa_index = m->index;
	union request q = request(RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE, &head, sizeof(head));
	for (int i = 0; i < a->n; i++)
		add(&q, a->part[i].type, a->part[i].bytes, a->part[i].size);
	int rc = talk(m->inside, &q, NULL, m);
	return rc == -EEXIST ? 0 : rc;
}

static int set_up(struct moving *m)
{
	const struct ifinfomsg link = { .ifi_index = (int)m->index,
					.ifi_flags = IFF_UP,
					.ifi_change = IFF_UP };
	union request q = request(RTM_NEWLINK, NLM_F_ACK, &link, sizeof(link));
	return talk(m->inside, &q, NULL, m);
}

static int move_one(struct moving *m, const struct spec_net_device *d, struct err *e)
{
	const char *name = d->name && *d->name ? d->name : d->key;
	m->addresses = m->nlinks = 0;
	m->name = name;
	m->taken = false;
	m->index = if_nametoindex(d->key);
	if (!m->index)
		return fail(e, errno, "linux.netDevices.%s: this machine has no such device",
			    d->key);
	int rc = dump(m->host, RTM_GETADDR, see_address, m);
	if (rc == 0)
		rc = dump(m->inside, RTM_GETLINK, see_link, m);
	/* The kernel would find out after it has moved it. */
	if (rc == 0)
		rc = m->taken ? -EEXIST : give(m, name);
	if (rc < 0)
		return fail(e, rc, "linux.netDevices.%s: move it to the container as %s", d->key,
			    name);
	/* It may have another number there. */
	rc = dump(m->inside, RTM_GETLINK, see_new, m);
	for (int i = 0; rc == 0 && i < m->addresses; i++)
		rc = set_address(m, &m->address[i]);
	if (rc == 0)
		rc = set_up(m);
	return rc < 0 ? fail(e, rc, "linux.netDevices.%s: set up %s in the container", d->key, name)
		      : 0;
}

static int netlink(void)
{
	return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
}

/* A socket stays in the namespace that it was made in. */
static int netlink_inside(int ns, struct err *e)
{
	auto_close int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (home < 0 || setns(ns, CLONE_NEWNET) < 0)
		return fail(e, errno, "linux.netDevices: enter the network namespace");
	auto_close int sock = netlink();
	int error = errno;
	if (setns(home, CLONE_NEWNET) < 0)
		return fail(e, errno, "linux.netDevices: return to our own network namespace");
	return sock < 0 ? fail(e, error, "linux.netDevices: netlink") : take_fd(&sock);
}

int netdevices_move(const struct spec *s, pid_t pid, struct err *e)
{
	const struct spec_namespace *n = spec_namespace(s, "network");
	char path[40];
	if (!s->linux_->net_devices.n)
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	const char *where = n && n->path ? n->path : path;
	auto_close int ns = open(where, O_RDONLY | O_CLOEXEC);
	if (ns < 0)
		return fail(e, errno, "linux.netDevices: open %s", where);
	auto_close int host = netlink();
	if (host < 0)
		return fail(e, errno, "linux.netDevices: netlink");
	auto_close int inside = netlink_inside(ns, e);
	if (inside < 0)
		return take_fd(&inside);
	auto_arena *a = arena_new(sizeof(struct moving) + 4096);
	struct moving *m = a ? arena_alloc(a, sizeof(*m)) : NULL;
	if (!m)
		return fail(e, ENOMEM, "linux.netDevices");
	m->host = host;
	m->inside = inside;
	m->ns = ns;
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < s->linux_->net_devices.n; i++)
		rc = move_one(m, &s->linux_->net_devices.v[i], e);
	return rc;
}
