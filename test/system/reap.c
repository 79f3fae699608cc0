/* reap.c - reap COMMAND...: runs it in a process group of its own, is the parent of whatever it
 * leaves behind, and reaps that at once: the first process of some machines takes its time, and who
 * waits for the end of a pid namespace waits for it. What is still there two seconds after the
 * command's end is named and killed. Says what processor time that took, and exits as the command
 * does. INT or TERM (or the end of our parent) interrupts the command as ^C does; when it has
 * ended, or after half a minute, or at the second signal, all that it started is killed. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE 30 /* seconds */
#define GRACE	 2  /* seconds, for what ends by itself */

static volatile sig_atomic_t signals, late;
static volatile pid_t command; /* 0: it has ended */

static void interrupted(int sig)
{
	if (sig == SIGALRM && !command && !signals) {
		late = 1;
		alarm(GRACE);
		return;
	}
	signals++;
	alarm(PATIENCE);
	if (command)
		kill(-command, signals == 1 ? SIGINT : SIGKILL);
}

/* The parent of a process; -1: it has gone. */
static long parent_of(const char *pid)
{
	char path[64], text[512], *end;
	snprintf(path, sizeof path, "/proc/%.20s/stat", pid);
	FILE *f = fopen(path, "re");
	if (!f)
		return -1;
	text[fread(text, 1, sizeof text - 1, f)] = '\0';
	fclose(f);
	/* pid (name) state ppid: the name may hold anything. */
	end = strrchr(text, ')');
	return end && strlen(end) > 4 ? strtol(end + 4, NULL, 10) : -1;
}

static void name(const char *pid)
{
	char path[64], text[200];
	snprintf(path, sizeof path, "/proc/%.20s/cmdline", pid);
	FILE *f = fopen(path, "re");
	size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;
	if (f)
		fclose(f);
	for (size_t i = 0; i < n; i++)
		if (text[i] < ' ')
			text[i] = ' ';
	text[n] = '\0';
	if (n) /* none: it has ended */
		printf("# left behind: %s %s\n", pid, text);
}

/* Kills our children. Theirs are ours then. */
static void kill_children(void)
{
	DIR *proc = opendir("/proc");
	struct dirent *e;
	while (proc && (e = readdir(proc)))
		if (*e->d_name >= '0' && *e->d_name <= '9' && parent_of(e->d_name) == getpid()) {
			if (!signals)
				name(e->d_name);
			kill(atoi(e->d_name), SIGKILL);
		}
	if (proc)
		closedir(proc);
}

static void handle(int sig, void (*handler)(int))
{
	struct sigaction a = { .sa_handler = handler };
	sigaction(sig, &a, NULL);
}

/* Waits for the command and all the others. The command's status. */
static int reap(void)
{
	int status = 0, s;
	while (signals <= 2) { /* three: what is killed does not die */
		pid_t pid = wait(&s);
		if (pid < 0 && errno == ECHILD)
			break;
		if (pid > 0 && pid == command) {
			status = s;
			command = 0;
			if (!signals)
				alarm(GRACE);
		}
		if (command ? signals > 1 : signals || late)
			kill_children();
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
	pid_t parent = getppid();
	sigset_t all, none;
	if (argc < 2)
		return 127;
	setpgid(0, 0); /* a terminal's ^C is for whoever started us, who tells us */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	/* What is ignored, as in the background of a shell, or blocked the command would ignore or
	 * block too. */
	for (int sig = 1; sig < NSIG; sig++)
		handle(sig, SIG_DFL);
	sigfillset(&all);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &all, NULL);
	command = fork();
	if (command < 0)
		return 127;
	setpgid(command, command); /* both of us, so that nobody has to wait for the other */
	if (command == 0) {
		sigprocmask(SIG_SETMASK, &none, NULL);
		execvp(argv[1], argv + 1);
		fprintf(stderr, "reap: %s: %s\n", argv[1], strerror(errno));
		return 127;
	}
	handle(SIGINT, interrupted);
	handle(SIGTERM, interrupted);
	handle(SIGALRM, interrupted);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (getppid() != parent)
		raise(SIGTERM);
	int status = reap();
	struct rusage all_of_them;
	getrusage(RUSAGE_CHILDREN, &all_of_them);
	printf("# %ld s of a processor\n",
	       (long)(all_of_them.ru_utime.tv_sec + all_of_them.ru_stime.tv_sec));
	return status;
}
