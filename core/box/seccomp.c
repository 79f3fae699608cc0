/* seccomp.c - the filter of system calls: from the spec to a BPF program. The one user of
 * libseccomp. */
#include "box/plan.h"

#include <ctype.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ARGS_MAX  6
#define NAMES_MAX 8192

static int action_find(const char *name, const struct opt_u64 *errno_ret, uint32_t *out)
{
	uint32_t number = errno_ret->set ? (uint32_t)(errno_ret->v & 0xffff) : EPERM;
	const struct {
		const char *name;
		uint32_t action;
	} actions[] = {
		{ "SCMP_ACT_KILL", SCMP_ACT_KILL_THREAD },
		{ "SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD },
		{ "SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS },
		{ "SCMP_ACT_TRAP", SCMP_ACT_TRAP },
		{ "SCMP_ACT_ERRNO", SCMP_ACT_ERRNO(number) },
		{ "SCMP_ACT_TRACE", SCMP_ACT_TRACE(number) },
		{ "SCMP_ACT_LOG", SCMP_ACT_LOG },
		{ "SCMP_ACT_ALLOW", SCMP_ACT_ALLOW },
	};
	for (size_t i = 0; name && i < sizeof(actions) / sizeof(actions[0]); i++)
		if (!strcmp(actions[i].name, name)) {
			*out = actions[i].action;
			return 0;
		}
	return -EINVAL;
}

static int compare_find(const char *name, enum scmp_compare *out)
{
	static const struct {
		const char *name;
		enum scmp_compare op;
	} ops[] = {
		{ "SCMP_CMP_NE", SCMP_CMP_NE },
		{ "SCMP_CMP_LT", SCMP_CMP_LT },
		{ "SCMP_CMP_LE", SCMP_CMP_LE },
		{ "SCMP_CMP_EQ", SCMP_CMP_EQ },
		{ "SCMP_CMP_GE", SCMP_CMP_GE },
		{ "SCMP_CMP_GT", SCMP_CMP_GT },
		{ "SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ },
	};
	for (size_t i = 0; name && i < sizeof(ops) / sizeof(ops[0]); i++)
		if (!strcmp(ops[i].name, name)) {
			*out = ops[i].op;
			return 0;
		}
	return -EINVAL;
}

/* "SCMP_ARCH_X86_64"; 0: unknown. */
static uint32_t arch_find(const char *name)
{
	char lower[32] = "";
	if (!strncmp(name, "SCMP_ARCH_", 10))
		for (size_t k = 0; k + 1 < sizeof(lower) && name[10 + k]; k++)
			lower[k] = (char)tolower((unsigned char)name[10 + k]);
	return seccomp_arch_resolve_name(lower);
}

static int add_architectures(scmp_filter_ctx ctx, const struct spec_seccomp *s, struct err *e)
{
	for (size_t i = 0; i < s->architectures.n; i++) {
		const char *name = s->architectures.v[i];
		uint32_t arch = arch_find(name);
		if (!arch)
			return refuse(e, EINVAL, "linux.seccomp.architectures: unknown '%s'", name);
		int rc = seccomp_arch_add(ctx, arch);
		if (rc < 0 && rc != -EEXIST)
			return fail(e, rc, "linux.seccomp.architectures: %s", name);
	}
	return 0;
}

static int add_call(scmp_filter_ctx ctx, const char *name, uint32_t action,
		    const struct scmp_arg_cmp *args, size_t n, bool any, struct err *e)
{
	int call = seccomp_syscall_resolve_name(name);
	if (call == __NR_SCMP_ERROR) /* newer than we are: the default action stands */
		return 0;
	int rc = 0;
	if (!any)
		rc = seccomp_rule_add_array(ctx, action, call, (unsigned)n, args);
	for (size_t i = 0; any && rc == 0 && i < n; i++)
		rc = seccomp_rule_add_array(ctx, action, call, 1, &args[i]);
	return rc < 0 ? fail(e, rc, "linux.seccomp: rule for %s", name) : 0;
}

static int add_rule(scmp_filter_ctx ctx, const struct spec_seccomp_rule *r, uint32_t otherwise,
		    struct err *e)
{
	struct scmp_arg_cmp args[ARGS_MAX];
	uint32_t action, seen = 0;
	bool any = false; /* one argument tested twice: either will do, as runc has it */
	if (action_find(r->action, &r->errno_ret, &action) < 0)
		return refuse(e, ENOTSUP, "linux.seccomp: action '%s' is not supported",
			      r->action ? r->action : "");
	if (action == otherwise)
		return 0;
	if (r->args.n > ARGS_MAX)
		return refuse(e, EINVAL, "linux.seccomp: a rule with more than 6 arguments");
	for (size_t i = 0; i < r->args.n; i++) {
		const struct spec_seccomp_arg *a = &r->args.v[i];
		enum scmp_compare op;
		if (a->index >= ARGS_MAX || compare_find(a->op, &op) < 0)
			return refuse(e, EINVAL,
				      "linux.seccomp: bad argument rule (index %u, op '%s')",
				      a->index, a->op ? a->op : "");
		any = any || (seen & (1u << a->index));
		seen |= 1u << a->index;
		args[i] = (struct scmp_arg_cmp){ a->index, op, a->value, a->value_two };
	}
	for (size_t i = 0; i < r->names.n; i++) {
		int rc = add_call(ctx, r->names.v[i], action, args, r->args.n, any, e);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int flags_find(const struct strs *names, unsigned *out, struct err *e)
{
	*out = 0;
	for (size_t i = 0; i < names->n; i++) {
		if (!strcmp(names->v[i], "SECCOMP_FILTER_FLAG_LOG"))
			*out |= SECCOMP_FILTER_FLAG_LOG;
		else if (!strcmp(names->v[i], "SECCOMP_FILTER_FLAG_SPEC_ALLOW"))
			*out |= SECCOMP_FILTER_FLAG_SPEC_ALLOW;
		else if (strcmp(names->v[i], "SECCOMP_FILTER_FLAG_TSYNC") !=
			 0) /* one thread: moot */
			return refuse(e, ENOTSUP, "linux.seccomp.flags: '%s' is not supported",
				      names->v[i]);
	}
	return 0;
}

static int export(scmp_filter_ctx ctx, struct plan *p, struct op *o, struct err *e)
{
	size_t size = 0;
	int rc = seccomp_export_bpf_mem(ctx, NULL, &size);
	void *program = rc == 0 ? arena_alloc(p->arena, size) : NULL;
	if (program)
		rc = seccomp_export_bpf_mem(ctx, program, &size);
	if (rc < 0 || !program)
		return fail(e, rc < 0 ? rc : E2BIG, "linux.seccomp: compile the filter");
	if (size / sizeof(struct sock_filter) > BPF_MAXINSNS)
		return refuse(e, E2BIG, "linux.seccomp: more than %d instructions", BPF_MAXINSNS);
	o->seccomp.program = program;
	o->seccomp.length = (unsigned short)(size / sizeof(struct sock_filter));
	return 0;
}

/* What fits a filter; the library would think about more of them for hours. */
static int check_size(const struct spec_seccomp *s, struct err *e)
{
	size_t n = 0;
	for (size_t i = 0; i < s->syscalls.n; i++)
		n += 1 + s->syscalls.v[i].names.n;
	if (n > NAMES_MAX)
		return refuse(e, E2BIG, "linux.seccomp.syscalls: more than %d names", NAMES_MAX);
	return 0;
}

static int build(scmp_filter_ctx ctx, const struct spec_seccomp *s, uint32_t otherwise,
		 struct err *e)
{
	int rc = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_NNP, 0);
	if (rc < 0)
		return fail(e, rc, "linux.seccomp");
	rc = add_architectures(ctx, s, e);
	for (size_t i = 0; rc == 0 && i < s->syscalls.n; i++)
		rc = add_rule(ctx, &s->syscalls.v[i], otherwise, e);
	return rc;
}

int seccomp_plan(struct plan *p, const struct spec_seccomp *s, struct err *e)
{
	uint32_t otherwise;
	if (action_find(s->default_action, &s->default_errno_ret, &otherwise) < 0)
		return refuse(e, ENOTSUP, "linux.seccomp.defaultAction: '%s' is not supported",
			      s->default_action ? s->default_action : "");
	struct op *o = plan_add(p, OP_SECCOMP, "load the seccomp filter");
	if (!o)
		return fail(e, E2BIG, "linux.seccomp");
	int rc = check_size(s, e);
	if (rc == 0)
		rc = flags_find(&s->flags, &o->seccomp.flags, e);
	scmp_filter_ctx ctx = rc == 0 ? seccomp_init(otherwise) : NULL;
	if (rc == 0 && !ctx)
		return fail(e, ENOMEM, "linux.seccomp");
	if (rc == 0)
		rc = build(ctx, s, otherwise, e);
	if (rc == 0)
		rc = export(ctx, p, o, e);
	if (ctx)
		seccomp_release(ctx);
	return rc;
}

static bool action_known(const char *name)
{
	uint32_t action;
	return action_find(name, &(struct opt_u64){ 0 }, &action) == 0;
}

static bool operator_known(const char *name)
{
	enum scmp_compare op;
	return compare_find(name, &op) == 0;
}

static bool flag_known(const char *name)
{
	unsigned flags;
	return flags_find(&(struct strs){ &name, 1 }, &flags, NULL) == 0;
}

/* A filter that cannot be read is looked at only when the flags are known: EFAULT. */
static bool flag_works(const char *name)
{
	static const struct {
		const char *name;
		unsigned bit;
	} bits[] = {
		{ "SECCOMP_FILTER_FLAG_TSYNC", SECCOMP_FILTER_FLAG_TSYNC },
		{ "SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG },
		{ "SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW },
		{ "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", 1 << 5 | 1 << 3 }, /* with a listener */
	};
	for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++)
		if (!strcmp(bits[i].name, name))
			return flag_known(name) &&
			       syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, bits[i].bit, NULL) <
				       0 &&
			       errno == EFAULT;
	return false;
}

static bool architecture_known(const char *name)
{
	return arch_find(name) != 0;
}

static int known(const char *const *names, bool (*is)(const char *), struct arena *a,
		 struct strs *out)
{
	size_t n = 0;
	while (names[n])
		n++;
	const char **v = arena_array(a, n + 1, sizeof(*v));
	if (!v)
		return -E2BIG;
	n = 0;
	for (; *names; names++)
		if (is(*names))
			v[n++] = *names;
	*out = (struct strs){ v, n };
	return 0;
}

int seccomp_words(struct arena *a, struct seccomp_words *out)
{
	static const char *const actions[] = {
		"SCMP_ACT_ALLOW",	"SCMP_ACT_ERRNO",
		"SCMP_ACT_KILL",	"SCMP_ACT_KILL_PROCESS",
		"SCMP_ACT_KILL_THREAD", "SCMP_ACT_LOG",
		"SCMP_ACT_NOTIFY",	"SCMP_ACT_TRACE",
		"SCMP_ACT_TRAP",	NULL,
	};
	static const char *const operators[] = {
		"SCMP_CMP_EQ", "SCMP_CMP_GE",	     "SCMP_CMP_GT", "SCMP_CMP_LE",
		"SCMP_CMP_LT", "SCMP_CMP_MASKED_EQ", "SCMP_CMP_NE", NULL,
	};
	static const char *const architectures[] = {
		"SCMP_ARCH_AARCH64",	 "SCMP_ARCH_ARM",    "SCMP_ARCH_LOONGARCH64",
		"SCMP_ARCH_M68K",	 "SCMP_ARCH_MIPS",   "SCMP_ARCH_MIPS64",
		"SCMP_ARCH_MIPS64N32",	 "SCMP_ARCH_MIPSEL", "SCMP_ARCH_MIPSEL64",
		"SCMP_ARCH_MIPSEL64N32", "SCMP_ARCH_PARISC", "SCMP_ARCH_PARISC64",
		"SCMP_ARCH_PPC",	 "SCMP_ARCH_PPC64",  "SCMP_ARCH_PPC64LE",
		"SCMP_ARCH_RISCV64",	 "SCMP_ARCH_S390",   "SCMP_ARCH_S390X",
		"SCMP_ARCH_SH",		 "SCMP_ARCH_SHEB",   "SCMP_ARCH_X32",
		"SCMP_ARCH_X86",	 "SCMP_ARCH_X86_64", NULL,
	};
	static const char *const flags[] = { "SECCOMP_FILTER_FLAG_TSYNC",
					     "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
					     "SECCOMP_FILTER_FLAG_LOG",
					     "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", NULL };
	const struct scmp_version *v = seccomp_version();
	struct seccomp_words w = { .library = arena_printf(a, "%u.%u.%u", v->major, v->minor,
							   v->micro) };
	int rc = known(actions, action_known, a, &w.actions);
	if (rc == 0)
		rc = known(operators, operator_known, a, &w.operators);
	if (rc == 0)
		rc = known(architectures, architecture_known, a, &w.architectures);
	if (rc == 0)
		rc = known(flags, flag_known, a, &w.flags);
	if (rc == 0)
		rc = known(flags, flag_works, a, &w.flags_here);
	if (rc == 0)
		*out = w;
	return rc;
}
