/* devfilter.c - which devices a container may use: rules made plain, and the BPF program that
 * applies them on v2. */
#include "box/devfilter.h"
#include "base/file.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define RULES_MAX 1024
#define ANY	  (-1)

/* Always there: whoever can make nodes can use no more of them than the rest allows. */
static const struct dev_rule usual[] = {
	{ true, 'c', ANY, ANY, DEV_MKNOD }, { true, 'b', ANY, ANY, DEV_MKNOD },
	{ true, 'c', 1, 3, DEV_ALL },	    { true, 'c', 1, 5, DEV_ALL },
	{ true, 'c', 1, 7, DEV_ALL },	    { true, 'c', 1, 8, DEV_ALL },
	{ true, 'c', 1, 9, DEV_ALL },	    { true, 'c', 5, 0, DEV_ALL },
	{ true, 'c', 5, 2, DEV_ALL },	    { true, 'c', 136, ANY, DEV_ALL },
	{ true, 'c', 10, 200, DEV_ALL }, /* tun, as runc again allows it */
};
#define USUAL (sizeof(usual) / sizeof(usual[0]))

static unsigned access_of(const char *s)
{
	unsigned out = 0;
	for (; s && *s; s++)
		out |= *s == 'r' ? DEV_READ : *s == 'w' ? DEV_WRITE : *s == 'm' ? DEV_MKNOD : 0;
	return out;
}

static bool is_all(const struct dev_rule *r)
{
	return r->type == 'a' && r->major == ANY && r->minor == ANY && r->access == DEV_ALL;
}

static int one_rule(const struct spec_device_rule *s, struct dev_rule *out)
{
	struct dev_rule r = { .allow = s->allow,
			      .type = s->type && *s->type ? *s->type : 'a',
			      .major = s->major.set ? s->major.v : ANY,
			      .minor = s->minor.set ? s->minor.v : ANY,
			      .access = access_of(s->access) };
	/* No access named is none, but for everything it is everything. */
	if (!r.access && r.type == 'a')
		r.access = DEV_ALL;
	r.major = r.major < 0 ? ANY : r.major;
	r.minor = r.minor < 0 ? ANY : r.minor;
	if (r.major > INT32_MAX || r.minor > INT32_MAX)
		return -EINVAL;
	*out = r;
	return 0;
}

int devfilter_rules(const struct spec_resources *r, struct arena *a, struct dev_rules *out,
		    struct err *e)
{
	size_t n = r ? r->devices.n : 0;
	struct dev_rules d = { 0 };
	if (n > RULES_MAX)
		return refuse(e, E2BIG, "linux.resources.devices: more than %d rules", RULES_MAX);
	d.v = arena_array(a, n + USUAL, sizeof(*d.v));
	if (!d.v)
		return fail(e, ENOMEM, "linux.resources.devices");
	for (size_t i = 0; i < n; i++) {
		struct dev_rule one;
		if (one_rule(&r->devices.v[i], &one) < 0)
			return refuse(e, EINVAL,
				      "linux.resources.devices[%zu]: no device has that number", i);
		if (is_all(&one)) {
			d.allow = one.allow;
			d.n = 0;
		} else if (one.access) {
			d.v[d.n++] = one;
		}
	}
	if (!d.allow || d.n) {
		memcpy(d.v + d.n, usual, sizeof(usual));
		d.n += USUAL;
	}
	*out = d;
	return 0;
}

static bool covers(const struct dev_rule *big, const struct dev_rule *small)
{
	return (big->type == 'a' || big->type == small->type) &&
	       (big->major == ANY || big->major == small->major) &&
	       (big->minor == ANY || big->minor == small->minor);
}

static bool overlap(const struct dev_rule *a, const struct dev_rule *b)
{
	return (a->type == 'a' || b->type == 'a' || a->type == b->type) &&
	       (a->major == ANY || b->major == ANY || a->major == b->major) &&
	       (a->minor == ANY || b->minor == ANY || a->minor == b->minor) &&
	       (a->access & b->access);
}

static bool is_usual(const struct dev_rule *r)
{
	for (size_t i = 0; i < USUAL; i++)
		if (covers(&usual[i], r) && covers(r, &usual[i]) && r->allow)
			return true;
	return false;
}

int devfilter_flatten(struct dev_rules *r, struct err *e)
{
	size_t kept = 0;
	for (size_t i = 0; i < r->n; i++) {
		struct dev_rule rule = r->v[i];
		if (rule.allow != r->allow) {
			r->v[kept++] = rule;
			continue;
		}
		for (size_t k = 0; k < kept; k++) {
			struct dev_rule *x = &r->v[k];
			char one[DEV_TEXT], other[DEV_TEXT];
			if (!overlap(&rule, x))
				continue;
			if (covers(&rule, x)) {
				x->access &= ~rule.access;
				continue;
			}
			if (is_usual(&rule)) /* what the user denied by name stays denied */
				continue;
			devfilter_text(&rule, one);
			devfilter_text(x, other);
			return refuse(
				e, EINVAL,
				"linux.resources.devices: cgroup v1 cannot %s '%s' out of the "
				"larger '%s'",
				rule.allow ? "allow" : "deny", one, other);
		}
	}
	size_t n = 0;
	for (size_t i = 0; i < kept; i++)
		if (r->v[i].access)
			r->v[n++] = r->v[i];
	r->n = n;
	return 0;
}

void devfilter_text(const struct dev_rule *r, char out[DEV_TEXT])
{
	char major[24] = "*", minor[24] = "*";
	if (r->major != ANY)
		snprintf(major, sizeof(major), "%" PRId64, r->major);
	if (r->minor != ANY)
		snprintf(minor, sizeof(minor), "%" PRId64, r->minor);
	snprintf(out, DEV_TEXT, "%c %.20s:%.20s %s%s%s", r->type, major, minor,
		 r->access & DEV_READ ? "r" : "", r->access & DEV_WRITE ? "w" : "",
		 r->access & DEV_MKNOD ? "m" : "");
}

/* Registers: what is asked for and not decided yet, the type, the numbers. */
enum { R_RESULT, R_CTX, R_TYPE, R_ASKED, R_MAJOR, R_MINOR, REGISTERS };

struct program {
	struct bpf_insn *v;
	size_t n, room;
};

static void put(struct program *p, unsigned code, unsigned dst, unsigned src, int off, int32_t imm)
{
	if (p->n < p->room)
		p->v[p->n] = (struct bpf_insn){ .code = (uint8_t)code,
						.dst_reg = dst & 15,
						.src_reg = src & 15,
						.off = (int16_t)off,
						.imm = imm };
	p->n++;
}

static void load(struct program *p, unsigned reg, size_t offset)
{
	put(p, BPF_LDX | BPF_MEM | BPF_W, reg, R_CTX, (int)offset, 0);
}

static void answer(struct program *p, int32_t result)
{
	put(p, BPF_ALU64 | BPF_MOV | BPF_K, R_RESULT, 0, 0, result);
	put(p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

/* Leaves the rule, of which `left` instructions follow, when reg is not value. */
static void unless(struct program *p, unsigned reg, int32_t value, int left)
{
	put(p, BPF_JMP | BPF_JNE | BPF_K, reg, 0, left, value);
}

/* From the last rule to the first, each decides about the kinds of access that no later one has
 * decided. */
static void add_rule(struct program *p, const struct dev_rule *r)
{
	int left = 4 + (r->major != ANY) + (r->minor != ANY); /* 4: below */
	if (r->type != 'a')
		unless(p, R_TYPE, r->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR, left);
	if (r->major != ANY)
		unless(p, R_MAJOR, (int32_t)r->major, left - 1);
	if (r->minor != ANY)
		unless(p, R_MINOR, (int32_t)r->minor, 4);
	if (r->allow) { /* asked &= ~access; if nothing is left: yes */
		put(p, BPF_ALU64 | BPF_AND | BPF_K, R_ASKED, 0, 0, (int32_t)(DEV_ALL & ~r->access));
		unless(p, R_ASKED, 0, 2);
		answer(p, 1);
	} else { /* if asked & access: no */
		put(p, BPF_JMP | BPF_JSET | BPF_K, R_ASKED, 0, 1, (int32_t)r->access);
		put(p, BPF_JMP | BPF_JA, 0, 0, 2, 0);
		answer(p, 0);
	}
}

int devfilter_program(const struct dev_rules *r, struct arena *a, struct bpf_insn **out)
{
	struct program p = { .room = 7 + 7 * r->n + 2 };
	p.v = arena_array(a, p.room, sizeof(*p.v));
	if (!p.v)
		return -ENOMEM;
	load(&p, R_TYPE, offsetof(struct bpf_cgroup_dev_ctx, access_type));
	load(&p, R_MAJOR, offsetof(struct bpf_cgroup_dev_ctx, major));
	load(&p, R_MINOR, offsetof(struct bpf_cgroup_dev_ctx, minor));
	put(&p, BPF_ALU64 | BPF_MOV | BPF_X, R_ASKED, R_TYPE, 0, 0);
	put(&p, BPF_ALU64 | BPF_RSH | BPF_K, R_ASKED, 0, 0, 16);
	put(&p, BPF_ALU64 | BPF_AND | BPF_K, R_TYPE, 0, 0, 0xffff);
	for (size_t i = r->n; i-- > 0;)
		add_rule(&p, &r->v[i]);
	answer(&p, r->allow);
	if (p.n > p.room)
		return -E2BIG;
	*out = p.v;
	return (int)p.n;
}

bool devfilter_run(const struct bpf_insn *p, size_t n, const struct bpf_cgroup_dev_ctx *ctx)
{
	uint64_t r[REGISTERS] = { 0 };
	for (size_t at = 0; at < n; at++) {
		const struct bpf_insn *i = &p[at];
		uint64_t value = BPF_SRC(i->code) == BPF_X ? r[i->src_reg] : (uint64_t)i->imm;
		uint64_t *to = &r[i->dst_reg];
		bool jump = false;
		switch (i->code & ~BPF_X) {
		case BPF_LDX | BPF_MEM | BPF_W:
			*to = *(const uint32_t *)((const char *)ctx + i->off);
			break;
		case BPF_ALU64 | BPF_MOV:
			*to = value;
			break;
		case BPF_ALU64 | BPF_RSH:
			*to >>= value;
			break;
		case BPF_ALU64 | BPF_AND:
			*to &= value;
			break;
		case BPF_JMP | BPF_JNE:
			jump = *to != value;
			break;
		case BPF_JMP | BPF_JSET:
			jump = *to & value;
			break;
		case BPF_JMP | BPF_JA:
			jump = true;
			break;
		case BPF_JMP | BPF_EXIT:
			return r[R_RESULT];
		}
		at += jump ? (size_t)i->off : 0;
	}
	return false;
}

static int bpf(enum bpf_cmd cmd, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, cmd, attr, sizeof(*attr));
}

static int load_program(const struct bpf_insn *v, size_t n, struct err *e)
{
	union bpf_attr attr = { .prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
				.insns = (uintptr_t)v,
				.insn_cnt = (uint32_t)n,
				.license = (uintptr_t)"Apache-2.0" };
	int fd = bpf(BPF_PROG_LOAD, &attr);
	if (fd >= 0)
		return fd;
	return fail(e, errno, "load the device filter of the cgroup into the kernel");
}

/* Those of before, an update's or of whoever made the cgroup: theirs and ours both had to agree.
 * The last gives its place to ours, so that at no time there is none. */
static int take_place(int dir, int ours, const uint32_t *ids, uint32_t n)
{
	union bpf_attr attach = { .target_fd = (uint32_t)dir,
				  .attach_bpf_fd = (uint32_t)ours,
				  .attach_type = BPF_CGROUP_DEVICE,
				  .attach_flags = BPF_F_ALLOW_MULTI };
	union bpf_attr get = { .prog_id = n ? ids[n - 1] : 0 };
	auto_close int last = n ? bpf(BPF_PROG_GET_FD_BY_ID, &get) : -1;
	if (last >= 0) { /* Linux 5.6 */
		attach.attach_flags |= BPF_F_REPLACE;
		attach.replace_bpf_fd = (uint32_t)last;
		if (bpf(BPF_PROG_ATTACH, &attach) == 0)
			return (int)n - 1;
		attach.attach_flags = BPF_F_ALLOW_MULTI;
		attach.replace_bpf_fd = 0;
	}
	return bpf(BPF_PROG_ATTACH, &attach) < 0 ? -errno : (int)n;
}

static void detach(int dir, const uint32_t *ids, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		union bpf_attr get = { .prog_id = ids[i] };
		auto_close int fd = bpf(BPF_PROG_GET_FD_BY_ID, &get);
		union bpf_attr old = { .target_fd = (uint32_t)dir,
				       .attach_bpf_fd = (uint32_t)fd,
				       .attach_type = BPF_CGROUP_DEVICE };
		if (fd >= 0)
			bpf(BPF_PROG_DETACH, &old);
	}
}

int devfilter_attach(const struct cgroup_dir *d, const struct dev_rules *r, struct arena *a,
		     struct err *e)
{
	uint32_t ids[64];
	struct bpf_insn *v;
	int dir = d->fd, n = devfilter_program(r, a, &v);
	if (n < 0)
		return fail(e, n, "the device filter of the cgroup");
	union bpf_attr query = { .query = { .target_fd = (uint32_t)dir,
					    .attach_type = BPF_CGROUP_DEVICE,
					    .prog_ids = (uintptr_t)ids,
					    .prog_cnt = 64 } };
	uint32_t old = !d->made && bpf(BPF_PROG_QUERY, &query) == 0 ? query.query.prog_cnt : 0;
	auto_close int fd = load_program(v, (size_t)n, e);
	if (fd < 0)
		return fd;
	int left = take_place(dir, fd, ids, old);
	if (left < 0)
		return fail(e, left, "attach the device filter to the cgroup");
	detach(dir, ids, (uint32_t)left);
	return 0;
}
