/* spec_fuzz.c - foreign bytes as config.json: what is accepted can be written, and reads back as
 * the same. */
#include "base/arena.h"
#include "box/cgroup.h"
#include "box/cgroup_inner.h"
#include "box/cgroup_plan.h"
#include "box/devfilter.h"
#include "box/plan.h"
#include "oci/spec.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* The plan of the container, which opens nothing. */
static void plan_all(const struct spec *s, struct arena *a)
{
	struct cgroup_dir dir = { "", "/sys/fs/cgroup/c", 14, -1, -1 };
	const struct cgroup cgroup = { .v2 = true, .v = &dir, .n = 1 };
	const struct plan_context c = { .spec = s,
					.id = "c",
					.bundle = "/b",
					.mount_point = "/m",
					.cgroup = &cgroup,
					.creating_json = "{}",
					.created_json = "{}" };
	struct plan p;
	struct err e = { 0 };
	if (!s->process || !s->root)
		return;
	if (plan_create(&c, a, &p, &e) < 0)
		return *e.msg ? (void)0 : abort();
	auto_buf out = { 0 };
	plan_print(&p, &out);
	if (p.v[p.n - 1].kind != OP_EXEC)
		abort();
}

/* What is made of resources without a kernel. */
static void plan(const struct spec *s, struct arena *a)
{
	char *path;
	struct dev_rules rules;
	struct bpf_insn *program;
	struct limit_plan *l = arena_alloc(a, sizeof(*l));
	cgroup_subpath(s->linux_->cgroups_path, "c", a, &path, NULL);
	if (!l || !s->linux_->resources)
		return;
	l->a = a;
	for (const struct limit_noun *noun = limit_nouns; noun->controller; noun++) {
		noun->v1(s->linux_->resources, l);
		noun->v2(s->linux_->resources, l);
	}
	if (devfilter_rules(s->linux_->resources, a, &rules, NULL) == 0) {
		devfilter_program(&rules, a, &program);
		devfilter_flatten(&rules, NULL);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	auto_arena *a = arena_new((size_t)32 << 20), *b = arena_new((size_t)64 << 20);
	const struct spec *s, *t;
	const struct spec_process *process;
	const struct spec_resources *resources;
	struct err e = { 0 };
	if (!a || !b)
		return 0;
	/* What exec and update are given. */
	spec_process_parse((const char *)p, n, b, &process, NULL);
	spec_resources_parse((const char *)p, n, b, &resources, NULL);
	if (spec_parse((const char *)p, n, a, &s, &e) < 0)
		return 0;
	auto_buf first = { 0 }, second = { 0 };
	spec_write(s, 0, &first);
	/* Bytes that are no UTF-8 change once; what is written is text. */
	if (first.failed || spec_parse(first.p, first.len, b, &t, &e) < 0)
		abort();
	spec_write(t, 0, &second);
	if (first.len != second.len || memcmp(first.p, second.p, first.len))
		abort();
	plan(s, a);
	plan_all(s, b);
	return 0;
}
