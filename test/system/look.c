/* look.c - look [FILE...]: prints all that a container's program can see of how it was made,
 * without what differs from run to run (mount ids, numbers of peer groups, inodes), and these
 * files. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <unistd.h>

#define TEXT  (1 << 18)
#define LINES 1024

static char *read_file(const char *path)
{
	char *text = calloc(1, TEXT);
	int fd = open(path, O_RDONLY | O_NONBLOCK), at = 0;
	ssize_t n = 0;
	while (fd >= 0 && (n = read(fd, text + at, (size_t)(TEXT - 1 - at))) > 0)
		at += (int)n;
	if (fd < 0 || n < 0) {
		free(text);
		text = NULL;
	}
	if (fd >= 0)
		close(fd);
	return text;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

struct mount {
	int id, parent, order;
	char *root, *target, *options, *peers, *type, *source, *super;
};

static char *word(char **at)
{
	return strsep(at, " ");
}

static int by_target(const void *a, const void *b)
{
	const struct mount *x = a, *y = b;
	int rc = strcmp(x->target, y->target);
	return rc ? rc : x->order - y->order;
}

/* "shared:12 master:3" without the numbers. */
static char *without_numbers(char *peers)
{
	char *to = peers;
	for (char *p = peers; *p; p++)
		if (*p != ':' && (*p < '0' || *p > '9'))
			*to++ = *p;
	*to = 0;
	return peers;
}

static int parse(char *line, struct mount *m, int order)
{
	char *tail = strstr(line, " - ");
	if (!tail)
		return 0;
	*tail = 0;
	tail += 3;
	*m = (struct mount){ .order = order };
	m->id = atoi(word(&line));
	m->parent = atoi(word(&line));
	word(&line);
	m->root = word(&line);
	m->target = word(&line);
	m->options = word(&line);
	m->peers = without_numbers(line ? line : strdup(""));
	m->type = word(&tail);
	m->source = word(&tail);
	m->super = tail ? tail : strdup("");
	return 1;
}

static void mounts(void)
{
	static struct mount v[LINES];
	char *text = read_file("/proc/self/mountinfo"), *line;
	int n = 0;
	while (text && n < LINES && (line = strsep(&text, "\n")))
		n += parse(line, &v[n], n);
	qsort(v, (size_t)n, sizeof(*v), by_target);
	for (int i = 0; i < n; i++) {
		const char *parent = "outside";
		for (int k = 0; k < n; k++)
			if (v[k].id == v[i].parent)
				parent = v[k].target;
		printf("mount %s in %s: root %s, %s, %s, [%s], source %s, %s\n", v[i].target,
		       parent, v[i].root, v[i].type, v[i].options, v[i].peers, v[i].source,
		       v[i].super);
	}
}

/* The lines of a file, with its name; those that begin with a word of the list, or all. */
static void lines(const char *path, const char *const *only)
{
	char *text = read_file(path), *line, *v[LINES];
	size_t n = 0;
	if (!text)
		printf("%s: none\n", path);
	while (text && n < LINES && (line = strsep(&text, "\n"))) {
		int wanted = !only;
		for (const char *const *w = only; w && *w; w++)
			wanted |= !strncmp(line, *w, strlen(*w));
		if (wanted && *line)
			v[n++] = line;
	}
	qsort(v, n, sizeof(*v), by_text);
	for (size_t i = 0; i < n; i++)
		printf("%s: %s\n", path, v[i]);
}

static void tree(const char *path)
{
	struct stat st;
	char link[PATH_MAX] = "", below[PATH_MAX], *names[LINES];
	if (lstat(path, &st) < 0)
		return;
	if (S_ISLNK(st.st_mode) && readlink(path, link, sizeof(link) - 1) < 0)
		return;
	printf("file %s %o %u:%u %u:%u %s\n", path, st.st_mode, st.st_uid, st.st_gid,
	       major(st.st_rdev), minor(st.st_rdev), link);
	DIR *d = S_ISDIR(st.st_mode) ? opendir(path) : NULL;
	struct dirent *e;
	size_t n = 0;
	while (d && n < LINES && (e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			names[n++] = strdup(e->d_name);
	if (d)
		closedir(d);
	qsort(names, n, sizeof(*names), by_text);
	for (size_t i = 0; i < n; i++) {
		snprintf(below, sizeof(below), "%s/%s", path, names[i]);
		tree(below);
	}
}

static void namespaces(void)
{
	static const char *const names[] = { "cgroup", "ipc",  "mnt",  "net",
					     "pid",    "user", "time", "uts" };
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char path[64], link[64] = "";
		snprintf(path, sizeof(path), "/proc/self/ns/%s", names[i]);
		if (readlink(path, link, sizeof(link) - 1) < 0)
			printf("namespace %s: none\n", names[i]);
		else
			printf("namespace %s: %s\n", names[i],
			       getenv(names[i]) && !strcmp(getenv(names[i]), link) ? "the host's"
										   : "its own");
	}
}

static void self(char **environment)
{
	char cwd[PATH_MAX] = "", *v[LINES];
	struct utsname u;
	size_t n = 0;
	printf("cwd %s\n", getcwd(cwd, sizeof(cwd)) ? cwd : "?");
	printf("session %d group %d parent %d personality %#x\n", getsid(0) == getpid(),
	       getpgrp() == getpid(), getppid() != 0, personality(0xffffffff));
	printf("nice %d, io priority %ld\n", getpriority(PRIO_PROCESS, 0),
	       syscall(SYS_ioprio_get, 1, 0));
	if (uname(&u) == 0)
		printf("host %s domain %s machine %s\n", u.nodename, u.domainname, u.machine);
	for (; environment[n] && n < LINES; n++)
		v[n] = environment[n];
	qsort(v, n, sizeof(*v), by_text);
	for (size_t i = 0; i < n; i++)
		if (!strchr(v[i], '[')) /* the host's namespaces, for namespaces() */
			printf("environment %s\n", v[i]);
	for (int fd = 0; fd < 64; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			printf("fd %d\n", fd);
}

int main(int argc, char **argv, char **environment)
{
	static const char *const status[] = { "Umask",
					      "Uid",
					      "Gid",
					      "Groups",
					      "SigPnd",
					      "ShdPnd",
					      "SigBlk",
					      "SigIgn",
					      "SigCgt",
					      "Cap",
					      "NoNewPrivs",
					      "Seccomp",
					      "Cpus_allowed_list",
					      "Mems_allowed_list",
					      NULL };
	mounts();
	namespaces();
	self(environment);
	lines("/proc/self/status", status);
	lines("/proc/self/limits", NULL);
	lines("/proc/self/cgroup", NULL);
	lines("/proc/self/uid_map", NULL);
	lines("/proc/self/gid_map", NULL);
	lines("/proc/self/setgroups", NULL);
	lines("/proc/self/oom_score_adj", NULL);
	tree("/dev");
	for (int i = 1; i < argc; i++) {
		struct stat st;
		if (stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode))
			tree(argv[i]);
		else
			lines(argv[i], NULL);
	}
	return 0;
}
