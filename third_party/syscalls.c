/* syscalls.c - system calls by name and by number, in place of libseccomp's syscalls.perf.c: the
 * same answers from a quarter of the bytes. A number takes 16 bits, and a kernel's version none, as
 * syscalls.csv has none yet. */
#include <stdint.h>
#include <string.h>

#include "db.h"
#include "syscalls.h"

#define COUNT(a)  (sizeof(a) / sizeof((a)[0]))
#define COLUMN(o) (((o) - SYSTBL_OFFSET(x86)) / 8) /* a number and a version each */

/* ARM has a few calls above 0xf0000, which no other number comes near. */
#define N(v)	    ((v) >= 0xf0000 ? 0x7f00 | ((v) & 0xff) : (v))
#define NUMBER(n16) ((n16) >= 0x7f00 ? 0xf0000 | ((n16) & 0xff) : (n16))

#include "syscall_tables.h"

int syscall_resolve_name(const char *name, int offset)
{
	unsigned h = 0;
	for (const char *p = name; *p; p++)
		h = h * 33 + (unsigned char)*p;
	for (h %= COUNT(slots); slots[h]; h = (h + 1) % COUNT(slots)) {
		unsigned i = slots[h] - 1u;
		if (!strcmp(names + name_at[i], name))
			return NUMBER(numbers[COLUMN((size_t)offset)][i]);
	}
	return __NR_SCMP_ERROR;
}

const char *syscall_resolve_num(int num, int offset)
{
	const int16_t *column = numbers[COLUMN((size_t)offset)], n16 = (int16_t)N(num);
	size_t i = 0;
	while (i < COUNT(name_at) && column[i] != n16)
		i++;
	return i < COUNT(name_at) && NUMBER(n16) == num ? names + name_at[i] : NULL;
}

enum scmp_kver syscall_resolve_name_kver(const char *name, int offset)
{
	return syscall_resolve_name(name, SYSTBL_OFFSET(x86)) == __NR_SCMP_ERROR ? __SCMP_KV_NULL
										  : SCMP_KV_UNDEF;
}

enum scmp_kver syscall_resolve_num_kver(int num, int offset, int offset_kver)
{
	return syscall_resolve_num(num, offset) ? SCMP_KV_UNDEF : __SCMP_KV_NULL;
}
