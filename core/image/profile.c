/* profile.c - the seccomp filter that containers get unless somebody says otherwise. */
#include "image/profile.h"

#include <errno.h>
#include <string.h>

#define ADMIN "CAP_SYS_ADMIN"

/* A system call that is refused, unless the container has the capability. NULL: always refused.
 * ptrace is not: since Linux 4.8 it shows a filter what the traced one's call has become, and whom
 * it reaches is the kernel's to judge. */
static const struct denied {
	const char *name, *unless;
} denied[] = {
	{ "acct", "CAP_SYS_PACCT" },
	{ "add_key", NULL },
	{ "bpf", "CAP_BPF" },
	{ "clock_adjtime", "CAP_SYS_TIME" },
	{ "clock_adjtime64", "CAP_SYS_TIME" },
	{ "clock_settime", "CAP_SYS_TIME" },
	{ "clock_settime64", "CAP_SYS_TIME" },
	{ "create_module", "CAP_SYS_MODULE" },
	{ "delete_module", "CAP_SYS_MODULE" },
	{ "fanotify_init", ADMIN },
	{ "finit_module", "CAP_SYS_MODULE" },
	{ "fsconfig", ADMIN },
	{ "fsmount", ADMIN },
	{ "fsopen", ADMIN },
	{ "fspick", ADMIN },
	{ "get_kernel_syms", NULL },
	{ "init_module", "CAP_SYS_MODULE" },
	{ "io_uring_enter", NULL },
	{ "io_uring_register", NULL },
	{ "io_uring_setup", NULL },
	{ "ioperm", "CAP_SYS_RAWIO" },
	{ "iopl", "CAP_SYS_RAWIO" },
	{ "kcmp", "CAP_SYS_PTRACE" },
	{ "kexec_file_load", "CAP_SYS_BOOT" },
	{ "kexec_load", "CAP_SYS_BOOT" },
	{ "keyctl", NULL },
	{ "lookup_dcookie", ADMIN },
	{ "mount", ADMIN },
	{ "mount_setattr", ADMIN },
	{ "move_mount", ADMIN },
	{ "move_pages", "CAP_SYS_NICE" },
	{ "nfsservctl", NULL },
	{ "open_by_handle_at", "CAP_DAC_READ_SEARCH" },
	{ "open_tree", ADMIN },
	{ "perf_event_open", "CAP_PERFMON" },
	{ "pivot_root", ADMIN },
	{ "process_madvise", "CAP_SYS_PTRACE" },
	{ "query_module", NULL },
	{ "quotactl", ADMIN },
	{ "quotactl_fd", ADMIN },
	{ "reboot", "CAP_SYS_BOOT" },
	{ "request_key", NULL },
	{ "setdomainname", ADMIN },
	{ "sethostname", ADMIN },
	{ "setns", ADMIN },
	{ "settimeofday", "CAP_SYS_TIME" },
	{ "stime", "CAP_SYS_TIME" },
	{ "swapoff", ADMIN },
	{ "swapon", ADMIN },
	{ "sysfs", NULL },
	{ "_sysctl", NULL },
	{ "syslog", "CAP_SYSLOG" },
	{ "umount", ADMIN },
	{ "umount2", ADMIN },
	{ "unshare", ADMIN },
	{ "uselib", NULL },
	{ "userfaultfd", NULL },
	{ "ustat", NULL },
	{ "vhangup", "CAP_SYS_TTY_CONFIG" },
	{ "vm86", NULL },
	{ "vm86old", NULL },
};
#define DENIED (sizeof(denied) / sizeof(denied[0]))

/* clone() with a flag for a new namespace is refused, by flag: filters cannot ask for "any of". */
static const uint64_t new_namespace[] = {
	0x00020000 /* mount */,	  0x02000000 /* cgroup */, 0x04000000 /* uts */,
	0x08000000 /* ipc */,	  0x10000000 /* user */,   0x20000000 /* pid */,
	0x40000000 /* network */,
};
#define NEW_NAMESPACES (sizeof(new_namespace) / sizeof(new_namespace[0]))
#define FAMILY_VSOCK   40 /* reaches the hypervisor, past every network namespace */

static const char *const architectures[] = {
#if defined(__x86_64__)
	"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32",
#elif defined(__aarch64__)
	"SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM",
#endif
	NULL
};

static int name_set(struct strs *out, const char *name, struct arena *a)
{
	const char **v = arena_array(a, 2, sizeof(*v));
	if (!v)
		return -E2BIG;
	v[0] = name;
	*out = (struct strs){ v, 1 };
	return 0;
}

/* A rule for one call, with one condition on an argument. */
static int rule(struct spec_seccomp *s, const char *name, int error,
		const struct spec_seccomp_arg *arg, struct arena *a)
{
	struct spec_seccomp_rule *r = &s->syscalls.v[s->syscalls.n++];
	r->action = "SCMP_ACT_ERRNO";
	r->errno_ret = (struct opt_u64){ true, (uint64_t)error };
	if (arg) {
		r->args.v = arena_array(a, 1, sizeof(*r->args.v));
		if (!r->args.v)
			return -E2BIG;
		r->args.v[0] = *arg;
		r->args.n = 1;
	}
	return name_set(&r->names, name, a);
}

/* Namespaces by clone(); clone3() hides its flags in memory and is said not to exist, so that
 * callers use clone(). */
static int deny_namespaces(struct spec_seccomp *s, struct arena *a)
{
	int rc = rule(s, "clone3", ENOSYS, NULL, a);
	for (size_t i = 0; rc == 0 && i < NEW_NAMESPACES; i++) {
		const struct spec_seccomp_arg flag = { 0, new_namespace[i], new_namespace[i],
						       "SCMP_CMP_MASKED_EQ" };
		rc = rule(s, "clone", EPERM, &flag, a);
	}
	return rc;
}

struct spec_seccomp *profile_make(const struct strs *caps, struct arena *a)
{
	struct spec_seccomp *s = arena_alloc(a, sizeof(*s));
	const char **names = arena_array(a, DENIED + 1, sizeof(*names));
	const struct spec_seccomp_arg vsock = { 0, FAMILY_VSOCK, 0, "SCMP_CMP_EQ" };
	if (!s || !names)
		return NULL;
	s->default_action = "SCMP_ACT_ALLOW";
	s->architectures = (struct strs){ (const char **)(uintptr_t)architectures,
					  sizeof(architectures) / sizeof(architectures[0]) - 1 };
	s->syscalls.v = arena_array(a, NEW_NAMESPACES + 3, sizeof(*s->syscalls.v));
	if (!s->syscalls.v || rule(s, "socket", EPERM, &vsock, a) < 0)
		return NULL;
	if (!strs_has(caps, ADMIN) && deny_namespaces(s, a) < 0)
		return NULL;
	struct spec_seccomp_rule *r = &s->syscalls.v[s->syscalls.n];
	if (rule(s, "", EPERM, NULL, a) < 0)
		return NULL;
	r->names = (struct strs){ names, 0 };
	for (size_t i = 0; i < DENIED; i++)
		if (!denied[i].unless || !strs_has(caps, denied[i].unless))
			names[r->names.n++] = denied[i].name;
	return s;
}
