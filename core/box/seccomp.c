/* seccomp.c - the filter of system calls: from the spec to a BPF program. The one user of
 * libseccomp. */
#include "base/log.h"
#include "box/plan.h"

#include <ctype.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ARGS_MAX  6
#define NAMES_MAX 8192
#define MANY	  32 /* system calls, for which a tree is faster than a list */

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV 0x20
#endif

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
		{ "SCMP_ACT_NOTIFY", SCMP_ACT_NOTIFY },
		{ "SCMP_ACT_ALLOW", SCMP_ACT_ALLOW },
	};
	for (size_t i = 0; name && i < sizeof(actions) / sizeof(actions[0]); i++)
		if (!strcmp(actions[i].name, name)) {
			*out = actions[i].action;
			return 0;
		}
	return -EINVAL;
}

/* The spec: for the others it is an error. */
static bool returns_number(const char *action)
{
	return !strcmp(action, "SCMP_ACT_ERRNO") || !strcmp(action, "SCMP_ACT_TRACE");
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

/* "SCMP_ARCH_X86_64" to libseccomp's number; 0: unknown. */
static uint32_t arch_find(const char *name)
{
	char lower[32] = "";
	if (strncmp(name, "SCMP_ARCH_", 10) != 0)
		return 0;
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
			return refuse(e, EINVAL, "linux.seccomp.architectures[%zu]: unknown '%s'",
				      i, name);
		int rc = seccomp_arch_add(ctx, arch);
		if (rc < 0 && rc != -EEXIST)
			return fail(e, rc, "linux.seccomp.architectures[%zu]: %s", i, name);
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
	return rc < 0 ? fail(e, rc, "linux.seccomp.syscalls: rule for %s", name) : 0;
}

static int add_rule(scmp_filter_ctx ctx, const struct spec_seccomp *s, size_t at,
		    uint32_t otherwise, struct err *e)
{
	const struct spec_seccomp_rule *r = &s->syscalls.v[at];
	struct scmp_arg_cmp args[ARGS_MAX];
	uint32_t action, seen = 0;
	bool any = false; /* one argument tested twice: either will do, as runc has it */
	if (action_find(r->action, &r->errno_ret, &action) < 0)
		return refuse(e, EINVAL, "linux.seccomp.syscalls[%zu].action: unknown '%s'", at,
			      r->action ? r->action : "");
	if (r->errno_ret.set && !returns_number(r->action))
		return refuse(e, EINVAL, "linux.seccomp.syscalls[%zu].errnoRet: %s has none", at,
			      r->action);
	if (r->args.n > ARGS_MAX)
		return refuse(e, EINVAL, "linux.seccomp.syscalls[%zu].args: more than 6", at);
	for (size_t i = 0; i < r->args.n; i++) {
		const struct spec_seccomp_arg *a = &r->args.v[i];
		enum scmp_compare op;
		if (a->index >= ARGS_MAX || compare_find(a->op, &op) < 0)
			return refuse(e, EINVAL,
				      "linux.seccomp.syscalls[%zu].args[%zu]: index %u or op '%s' "
				      "is unknown",
				      at, i, a->index, a->op ? a->op : "");
		any = any || (seen & (1u << a->index));
		seen |= 1u << a->index;
		args[i] = (struct scmp_arg_cmp){ a->index, op, a->value, a->value_two };
	}
	for (size_t i = 0; i < r->names.n && action != otherwise; i++) {
		int rc = add_call(ctx, r->names.v[i], action, args, r->args.n, any, e);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static bool notifies(const struct spec_seccomp *s)
{
	for (size_t i = 0; i < s->syscalls.n; i++)
		if (s->syscalls.v[i].action && !strcmp(s->syscalls.v[i].action, "SCMP_ACT_NOTIFY"))
			return true;
	return false;
}

/* What cannot work, in runc's words. */
static int check_notify(const struct spec_seccomp *s, struct err *e)
{
	if (s->default_action && !strcmp(s->default_action, "SCMP_ACT_NOTIFY"))
		return refuse(e, EINVAL,
			      "linux.seccomp.defaultAction: SCMP_ACT_NOTIFY cannot be used as "
			      "default action");
	for (size_t i = 0; i < s->syscalls.n; i++)
		if (s->syscalls.v[i].action &&
		    !strcmp(s->syscalls.v[i].action, "SCMP_ACT_NOTIFY") &&
		    strs_has(&s->syscalls.v[i].names, "write"))
			return refuse(e, EINVAL,
				      "linux.seccomp.syscalls[%zu]: SCMP_ACT_NOTIFY cannot be used "
				      "for the write syscall",
				      i);
	if (notifies(s) && (!s->listener_path || !*s->listener_path))
		return refuse(e, EINVAL,
			      "linux.seccomp.listenerPath: seccomp listenerPath is not set, as "
			      "SCMP_ACT_NOTIFY needs");
	return 0;
}

/* Its bit; TSYNC has none, as there is one thread. -EINVAL. */
static int flag_find(const char *name)
{
	static const struct {
		const char *name;
		int flag;
	} flags[] = {
		{ "SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG },
		{ "SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW },
		{ "SECCOMP_FILTER_FLAG_TSYNC", 0 },
		{ "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
		  SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV },
	};
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (!strcmp(flags[i].name, name))
			return flags[i].flag;
	return -EINVAL;
}

static int flags_find(const struct spec_seccomp *s, bool listened, unsigned *out, struct err *e)
{
	*out = s->flags.v ? 0 : SECCOMP_FILTER_FLAG_SPEC_ALLOW; /* as runc, when none are said */
	for (size_t i = 0; i < s->flags.n; i++) {
		int flag = flag_find(s->flags.v[i]);
		if (flag < 0)
			return refuse(e, EINVAL, "linux.seccomp.flags[%zu]: unknown '%s'", i,
				      s->flags.v[i]);
		*out |= (unsigned)flag;
	}
	if (listened)
		*out |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
	else
		*out &= ~(unsigned)SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
	return 0;
}

/* The highest number that a profile knows on an architecture; -1: none. */
static int newest_call(const struct spec_seccomp *s, uint32_t arch)
{
	int newest = -1;
	for (size_t i = 0; i < s->syscalls.n; i++)
		for (size_t k = 0; k < s->syscalls.v[i].names.n; k++) {
			int nr = seccomp_syscall_resolve_name_arch(arch,
								   s->syscalls.v[i].names.v[k]);
			newest = nr > newest ? nr : newest;
		}
	return newest;
}

/* Puts in front of the filter: on this architecture, what is newer than all that the profile knows
 * does not exist. Only in that case may a C library take the call that it replaces; a filter's
 * EPERM would be taken for an answer. */
static size_t put_newer(struct sock_filter *f, uint32_t audit, int newest, int newest_x32)
{
	const unsigned x32 = 0x40000000;
	const struct sock_filter part[] = {
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, audit, 0, 7),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, newest_x32 < 0 ? 0 : x32, 0, 1),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, (unsigned)newest_x32, 2, 3),
		/* x32's numbers, in a profile without them, are left to the filter. */
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, audit == AUDIT_ARCH_X86_64 ? x32 : ~0u, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, newest < 0 ? ~0u : (unsigned)newest, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
	};
	memcpy(f, part, sizeof(part));
	return sizeof(part) / sizeof(part[0]);
}

#define NEWER_MAX 160 /* instructions: one load, and 8 an architecture */

/* runc's rule: unless the profile allows what it does not name, or has ENOSYS for it already. */
static size_t newer(const struct spec_seccomp *s, uint32_t otherwise, struct sock_filter *f)
{
	uint32_t done[16];
	size_t n = 0, archs = 0;
	if (otherwise == SCMP_ACT_ALLOW || otherwise == SCMP_ACT_LOG ||
	    (otherwise & 0xffff0000) == (SCMP_ACT_TRACE(0) & 0xffff0000) ||
	    otherwise == SCMP_ACT_ERRNO(ENOSYS))
		return 0;
	f[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
					      offsetof(struct seccomp_data, arch));
	for (size_t i = 0; i <= s->architectures.n && archs < 16; i++) {
		uint32_t arch = i < s->architectures.n ? arch_find(s->architectures.v[i])
						       : seccomp_arch_native();
		bool x32 = arch == SCMP_ARCH_X32, again = false;
		uint32_t audit = x32 ? AUDIT_ARCH_X86_64 : arch; /* they are the kernel's numbers */
		for (size_t k = 0; k < archs; k++)
			again |= done[k] == audit;
		if (again)
			continue;
		done[archs++] = audit;
		bool both = audit == AUDIT_ARCH_X86_64 &&
			    strs_has(&s->architectures, "SCMP_ARCH_X32");
		bool own = audit != AUDIT_ARCH_X86_64 || !x32 ||
			   strs_has(&s->architectures, "SCMP_ARCH_X86_64") ||
			   seccomp_arch_native() == SCMP_ARCH_X86_64;
		int newest = own ? newest_call(s, audit) : -1;
		int newest_x32 = both ? newest_call(s, SCMP_ARCH_X32) : -1;
		if (newest > 0 || newest_x32 > 0)
			n += put_newer(f + n, audit, newest, newest_x32);
	}
	return n > 1 ? n : 0;
}

static int export(scmp_filter_ctx ctx, const struct sock_filter *front, size_t n, struct plan *p,
		  struct op *o, struct err *e)
{
	size_t size = 0, before = n * sizeof(*front);
	int rc = seccomp_export_bpf_mem(ctx, NULL, &size);
	char *program = rc == 0 ? arena_alloc(p->arena, before + size) : NULL;
	if (program)
		rc = seccomp_export_bpf_mem(ctx, program + before, &size);
	if (rc < 0 || !program)
		return fail(e, rc < 0 ? rc : E2BIG, "linux.seccomp: compile the filter");
	size_t length = n + size / sizeof(struct sock_filter);
	if (length > BPF_MAXINSNS)
		return refuse(e, E2BIG, "linux.seccomp: more than %d instructions", BPF_MAXINSNS);
	memcpy(program, front, before);
	o->seccomp.program = program;
	o->seccomp.length = (unsigned short)length;
	return 0;
}

static int build(scmp_filter_ctx ctx, const struct spec_seccomp *s, uint32_t otherwise,
		 struct err *e)
{
	size_t calls = 0;
	int rc = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_NNP, 0);
	for (size_t i = 0; i < s->syscalls.n; i++)
		calls += s->syscalls.v[i].names.n;
	if (rc == 0 && calls > MANY)
		rc = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (rc < 0)
		return fail(e, rc, "linux.seccomp");
	rc = add_architectures(ctx, s, e);
	for (size_t i = 0; rc == 0 && i < s->syscalls.n; i++)
		rc = add_rule(ctx, s, i, otherwise, e);
	return rc;
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

static int compile(struct plan *p, const struct spec_seccomp *s, uint32_t otherwise, struct op *o,
		   struct err *e)
{
	struct sock_filter front[NEWER_MAX];
	scmp_filter_ctx ctx = seccomp_init(otherwise);
	if (!ctx)
		return fail(e, ENOMEM, "linux.seccomp");
	int rc = build(ctx, s, otherwise, e);
	if (rc == 0)
		rc = export(ctx, front, newer(s, otherwise, front), p, o, e);
	seccomp_release(ctx);
	return rc;
}

int seccomp_plan(struct plan *p, const struct spec_seccomp *s, struct err *e)
{
	uint32_t otherwise;
	if (seccomp_off(s))
		return 0;
	if (action_find(s->default_action, &s->default_errno_ret, &otherwise) < 0)
		return refuse(e, EINVAL, "linux.seccomp.defaultAction: unknown '%s'",
			      s->default_action ? s->default_action : "");
	if (s->default_errno_ret.set && !returns_number(s->default_action))
		return refuse(e, EINVAL, "linux.seccomp.defaultErrnoRet: %s has none",
			      s->default_action);
	int rc = check_size(s, e);
	if (rc == 0)
		rc = check_notify(s, e);
	struct op *o = rc == 0 ? plan_add(p, OP_SECCOMP, "load the seccomp filter") : NULL;
	if (rc == 0 && !o)
		return fail(e, E2BIG, "linux.seccomp");
	if (rc == 0)
		rc = flags_find(s, p->listened, &o->seccomp.flags, e);
	if (rc == 0)
		log_debug("seccomp filter flags: %u", o->seccomp.flags);
	if (rc < 0 || !p->filter)
		return rc < 0 ? rc : compile(p, s, otherwise, o, e);
	o->seccomp.program = p->filter->program;
	o->seccomp.length = p->filter->length;
	return 0;
}

bool seccomp_off(const struct spec_seccomp *s)
{
	return !s || ((!s->default_action || !*s->default_action) && !s->syscalls.n);
}

bool seccomp_notifies(const struct spec_seccomp *s)
{
	return !seccomp_off(s) && notifies(s);
}

/* A path that nobody is at is left alone then, as runc leaves it. */
bool seccomp_listened(const struct spec_seccomp *s)
{
	struct stat st;
	return seccomp_notifies(s) || (!seccomp_off(s) && s->listener_path &&
				       stat(s->listener_path, &st) == 0 && S_ISSOCK(st.st_mode));
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
	return flag_find(name) >= 0;
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
