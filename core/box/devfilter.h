/* devfilter.h - which devices a container may use: rules made plain, and the BPF program that
 * applies them on v2. */
#ifndef BOX_DEVFILTER_H
#define BOX_DEVFILTER_H

#include "base/arena.h"
#include "base/err.h"
#include "box/cgroup.h"
#include "oci/spec.h"

#include <linux/bpf.h>

/* One rule: type a, b or c; major and minor -1 for any; access of these bits. */
enum { DEV_MKNOD = 1, DEV_READ = 2, DEV_WRITE = 4, DEV_ALL = 7 };
struct dev_rule {
	bool allow;
	char type;
	int64_t major, minor;
	unsigned access;
};

/* What counts: whether everything not named is allowed, then exceptions in order; the last that
 * fits decides. */
struct dev_rules {
	bool allow;
	struct dev_rule *v;
	size_t n;
};

/* From the spec's: what a rule for everything makes void is left out, the kernel's usual devices
 * come last. No rules at all deny everything else. -E2BIG, -EINVAL (a number that no device
 * has). */
int devfilter_rules(const struct spec_resources *r, struct arena *a, struct dev_rules *out,
		    struct err *e);

/* For v1, which knows exceptions of one kind only: takes away from them what later rules take back.
 * A rule that takes back part of an earlier one cannot be told to v1: -EINVAL. */
int devfilter_flatten(struct dev_rules *r, struct err *e);

/* As devices.allow and devices.deny of v1 take it: "c 1:3 rwm"; "a" for everything. */
#define DEV_TEXT 64
void devfilter_text(const struct dev_rule *r, char out[DEV_TEXT]);

/* The program; the number of its instructions, or -errno. */
int devfilter_program(const struct dev_rules *r, struct arena *a, struct bpf_insn **out);

/* What the program answers to a request, by interpreting it: for tests, without a kernel. */
bool devfilter_run(const struct bpf_insn *p, size_t n, const struct bpf_cgroup_dev_ctx *ctx);

/* Attaches the program to the cgroup, in place of those of before. a: for the while. */
int devfilter_attach(const struct cgroup_dir *d, const struct dev_rules *r, struct arena *a,
		     struct err *e);

#endif
