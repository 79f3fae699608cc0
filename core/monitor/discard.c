/* discard.c - removing a container that `run` made, with all that it wrote. */
#include "monitor/discard.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/log.h"
#include "base/loop.h"
#include "box/subid.h"
#include "image/prune.h"
#include "image/store.h"
#include "image/volume.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

int data_mark(int dir, const char *root, const char *id, struct err *e)
{
	auto_buf b = { 0 };
	buf_printf(&b, "%s/%s\n", root, id);
	return b.failed ? fail(e, ENOMEM, "%s", id)
			: file_replace(dir, DATA_STATE, b.p, b.len, 0600, e);
}

/* Whether it is there still, and nobody else is about to remove it: it may be that of the next
 * container of this name. */
static bool is_there(const struct store *s, const struct data *d)
{
	struct stat own, now;
	if (d->dir < 0)
		return true;
	while (flock(d->dir, LOCK_EX) < 0)
		if (errno != EINTR)
			return false;
	auto_close int dir = store_container_open(s, d->id, NULL);
	return dir >= 0 && fstat(dir, &now) == 0 && fstat(d->dir, &own) == 0 &&
	       now.st_ino == own.st_ino && now.st_dev == own.st_dev;
}

static int remove_data(void *arg, struct err *e)
{
	const struct data *d = arg;
	struct store s;
	int rc = store_open(d->store, &s, e);
	if (rc < 0)
		return rc;
	if (is_there(&s, d)) {
		rc = volumes_release(&s, d->id, d->volumes, e); /* while it is known which */
		rc = rc < 0 ? rc : store_container_remove(&s, d->id, e);
	}
	store_close(&s);
	return rc;
}

int data_open(const char *store, const char *id, struct err *e)
{
	auto_buf path = { 0 };
	buf_printf(&path, "%s/containers/%s", store, id);
	if (path.failed)
		return fail(e, ENOMEM, "remove container %s", id);
	int fd = open(path.p, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0 || errno == ENOENT)
		return fd < 0 ? -ENOENT : fd;
	return fail(e, errno, "open the data of container %s", id);
}

int data_remove(const struct data *d, struct err *e)
{
	struct data own = *d;
	struct stat st;
	if (stat(d->store, &st) < 0 && errno == ENOENT)
		return 0;
	return subid_call(remove_data, &own, e);
}

static int remove_image(void *arg, struct err *e)
{
	const struct dropped *d = arg;
	struct store s;
	int rc = store_open(d->store, &s, e);
	if (rc < 0)
		return rc;
	rc = image_drop(&s, d->name, d->digest, e);
	store_close(&s);
	return rc;
}

void discard_image(const struct dropped *d)
{
	struct dropped own = *d;
	struct err why = { 0 };
	sigset_t ends;
	signals_ending(&ends);
	sigprocmask(SIG_UNBLOCK, &ends, NULL);
	if (subid_call(remove_image, &own, &why) < 0)
		log_warn("option --rmi: image %s stays: %s", d->name, why.msg);
}

/* Ends it, if it has not ended and can be. */
static void end(struct container *c)
{
	if (container_status(c) == STATUS_STOPPED)
		return;
	if (container_kill(c, SIGKILL, false, NULL) == 0 && c->pidfd >= 0)
		proc_wait_end(c->pidfd, -1);
}

/* Unless it is another one's by now. */
static void remove_pid_file(const struct container *c)
{
	const char *path = c->state.pid_file;
	auto_buf text = { .max = 32 };
	if (path && file_read(-1, path, &text, NULL) == 0 && text.p &&
	    strtol(text.p, NULL, 10) == c->state.pid)
		unlink(path);
}

/* What it wrote goes first: as long as the state is there the id is taken, and nobody's data but
 * its own is meant. What is opened before that is sure is its own afterwards, too. */
int discard(struct container *c, unsigned how, struct err *e)
{
	const char *note = c->state.store;
	auto_buf store = { 0 }; /* a copy: the record is read again meanwhile */
	if (note)
		buf_str(&store, note);
	if (store.failed)
		return fail(e, ENOMEM, "remove container %s", c->id);
	bool force = how & DISCARD_FORCE;
	if (force)
		end(c);
	enum status status = container_status(c);
	if (!force && (status == STATUS_RUNNING || status == STATUS_PAUSED))
		return refuse(e, EBUSY, "container %s is %s: stop it before, or say --force", c->id,
			      status_name(status));
	bool ended = status == STATUS_STOPPED;
	auto_close int dir = note ? data_open(store.p, c->id, e) : -ENOENT;
	if (container_gone(c))
		return 0; /* somebody was faster */
	if (dir < 0 && dir != -ENOENT)
		return dir;
	if (ended || force)
		remove_pid_file(c);
	const struct data data = { store.p, c->id, how & DISCARD_VOLUMES, dir };
	int rc = dir >= 0 && ended ? data_remove(&data, e) : 0;
	if (rc == 0)
		rc = container_delete(c, force, e);
	return rc == 0 && dir >= 0 && !ended ? data_remove(&data, e) : rc;
}

int discard_all(const char *root, const struct strs *ids, unsigned how,
		void (*removed)(void *arg, const char *id), struct err *e)
{
	int first = 0;
	for (size_t i = 0; i < ids->n; i++) {
		struct container *c = NULL;
		struct err one = { 0 };
		int rc = container_open(root, ids->v[i], &c, &one);
		bool absent = rc == -ENOENT && (how & DISCARD_ABSENT);
		if (rc == 0)
			rc = discard(c, how, &one);
		if (rc == 0)
			removed(NULL, ids->v[i]);
		first = log_next(first, absent ? 0 : rc, &one, e);
		container_close(c);
	}
	return first;
}
