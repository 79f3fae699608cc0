/* crash.c - the last words of a shim that a signal kills. All that a handler calls is a system call
 * or computes. */
#include "ttrpc/crash.h"
#include "base/file.h"
#include "base/proc.h"

#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define FILE_MAX   65536 /* then it begins anew */
#define STACK_SIZE 32768 /* more than any processor's registers take; untouched until then */

struct line {
	char text[1024];
	size_t n;
};

static void add(struct line *l, const char *s)
{
	while (*s && l->n < sizeof(l->text) - 1)
		l->text[l->n++] = *s++;
}

static void add_number(struct line *l, uint64_t v, unsigned base)
{
	char digits[24];
	size_t i = sizeof(digits) - 1;
	digits[i] = 0;
	do {
		digits[--i] = "0123456789abcdef"[v % base];
	} while ((v /= base) != 0);
	add(l, digits + i);
}

static void add_command(struct line *l)
{
	auto_close int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, l->text + l->n, sizeof(l->text) - 1 - l->n);
	if (n > 0)
		text_tame(l->text + l->n, (size_t)n, ' ');
	l->n += n > 0 ? (size_t)n : 0;
}

static void keep(const struct line *l)
{
	struct stat st;
	auto_close int fd = open(CRASH_FILE, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW,
				 0600);
	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size > FILE_MAX)
		(void)!ftruncate(fd, 0);
	if (fd >= 0)
		write_all(fd, l->text, l->n);
}

static void on_crash(int sig, siginfo_t *info, void *context)
{
	struct line l = { .n = 0 };
	struct timespec now;
	(void)context;
	add(&l, "coracle: shim ");
	add_number(&l, (uint64_t)getpid(), 10);
	add(&l, ": ");
	add(&l, signal_name(sig));
	if (info->si_code <= 0) {
		add(&l, " from process ");
		add_number(&l, (uint64_t)info->si_pid, 10);
	} else {
		add(&l, " at address 0x");
		add_number(&l, (uint64_t)(uintptr_t)info->si_addr, 16);
	}
	if (clock_gettime(CLOCK_REALTIME, &now) == 0) {
		add(&l, ", second ");
		add_number(&l, (uint64_t)now.tv_sec, 10);
	}
	add(&l, ": ");
	add_command(&l);
	l.text[l.n++] = '\n';
	write_all(STDERR_FILENO, l.text, l.n);
	keep(&l);
	kill(getpid(), sig); /* the default again, once we return */
}

void crash_tell(void)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP };
	static char stack[STACK_SIZE];
	const stack_t alternative = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction action = { .sa_sigaction = on_crash,
				    .sa_flags = SA_SIGINFO | (int)SA_RESETHAND | SA_ONSTACK };
	if (sigaltstack(&alternative, NULL) < 0)
		return;
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &action, NULL);
}
