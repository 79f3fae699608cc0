/* process_fuzz.c - foreign bytes as process.json, which becomes a plan, and as the resources of an
 * update, which become writes. */
#include "base/arena.h"
#include "box/cgroup_plan.h"
#include "box/devfilter.h"
#include "box/plan.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void as_process(const char *text, size_t n, struct arena *a)
{
	struct spec_linux none = { 0 };
	const struct spec spec = { .linux_ = &none };
	const struct spec_process *process;
	struct plan plan;
	struct err e = { 0 };
	if (spec_process_parse(text, n, a, &process, &e) < 0)
		return;
	if (!process->args.n || !process->cwd || *process->cwd != '/')
		abort();
	const struct plan_joining j = { .process = process, .spec = &spec, .id = "c" };
	if (plan_exec(&j, a, &plan, &e) < 0) {
		if (!*e.msg)
			abort();
		return;
	}
	auto_buf out = { 0 };
	plan_print(&plan, &out);
	if (plan.v[plan.n - 1].kind != OP_EXEC)
		abort();
}

static void as_resources(const char *text, size_t n, struct arena *a)
{
	const struct spec_resources *r;
	struct dev_rules rules;
	struct bpf_insn *program;
	struct limit_plan *l = arena_alloc(a, sizeof(*l));
	if (!l || spec_resources_parse(text, n, a, &r, NULL) < 0)
		return;
	for (const struct limit_noun *noun = limit_nouns; noun->controller; noun++) {
		*l = (struct limit_plan){ .a = a };
		noun->v1(r, l);
		*l = (struct limit_plan){ .a = a };
		noun->v2(r, l);
		for (size_t i = 0; i < l->n; i++)
			if (!l->v[i].file || !l->v[i].value || !l->v[i].field)
				abort();
	}
	if (devfilter_rules(r, a, &rules, NULL) == 0) {
		devfilter_program(&rules, a, &program);
		devfilter_flatten(&rules, NULL);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	auto_arena *a = arena_new((size_t)64 << 20), *b = arena_new((size_t)64 << 20);
	if (a && b) {
		as_process((const char *)p, n, a);
		as_resources((const char *)p, n, b);
	}
	return 0;
}
