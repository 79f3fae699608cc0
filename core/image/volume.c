/* volume.c - directories of the store that outlive the containers that use them. */
#include "image/volume.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "image/treecopy.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>

#define VOLUMES	 "volumes"
#define DATA	 "_data"
#define RECORD	 "volume.json"
#define NEW	 "new"
#define NOTE	 "volumes" /* of a container */
#define NOTE_MAX ((size_t)1 << 20)
#define RANDOM	 32

static const struct json_field record_fields[] = {
	JSON(J_TIME, volume, created, "created"),
	JSON(J_PAIRS, volume, labels, "labels"),
	JSON(J_BOOL, volume, anonymous, "anonymous"),
	{ 0 },
};
static const struct json_field shown_fields[] = {
	JSON_F(J_STR, volume, name, "name", J_KEEP),
	JSON_F(J_STR, volume, path, "mountpoint", J_KEEP),
	JSON(J_TIME, volume, created, "created"),
	JSON_F(J_PAIRS, volume, labels, "labels", J_KEEP),
	JSON_F(J_BOOL, volume, anonymous, "anonymous", J_KEEP),
	JSON_F(J_STRS, volume, users, "containers", J_KEEP),
	{ 0 },
};

int volume_name_check(const char *name, struct err *e)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789_.-";
	size_t n = strlen(name);
	if (n && n <= NAME_MAX && strspn(name, letters) == n && !strchr("_.-", *name))
		return 0;
	return refuse(e, EINVAL,
		      "'%.100s' is no name of a volume: letters and digits, then also _ . and -",
		      name);
}

int volume_name_make(struct arena *a, const char **out, struct err *e)
{
	unsigned char raw[RANDOM];
	char text[2 * RANDOM + 1];
	if (getrandom(raw, sizeof(raw), 0) != (ssize_t)sizeof(raw))
		return fail(e, errno, "getrandom");
	for (size_t i = 0; i < RANDOM; i++)
		snprintf(text + 2 * i, 3, "%02x", raw[i]);
	*out = arena_str(a, text);
	return *out ? 0 : fail(e, E2BIG, "name a volume");
}

/* The directory of all; -ENOENT, nothing said: there never was one. */
static int all_open(const struct store *s)
{
	int fd = openat(s->dir, VOLUMES, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? -errno : fd;
}

/* It is nobody else's to look into, wherever the store is: a container's files have any owner and
 * mode. */
static int fill_record(int work, const struct volume *v, struct err *e)
{
	struct volume own = *v;
	auto_buf b = { 0 };
	own.created = clock_now();
	json_write(&b, record_fields, &own, 0);
	if (mkdirat(work, "volume", 0700) < 0 || mkdirat(work, "volume/" DATA, 0755) < 0)
		return fail(e, errno, "make volume %s", v->name);
	auto_close int dir = openat(work, "volume", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_close int mark = dir < 0 ? -1 : openat(dir, NEW, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	/* umask or not */
	if (mark < 0 || fchmodat(dir, DATA, 0755, 0) < 0)
		return fail(e, errno, "make volume %s", v->name);
	if (b.failed)
		return fail(e, ENOMEM, "make volume %s", v->name);
	return file_replace(dir, RECORD, b.p, b.len, 0600, e);
}

int volume_create(const struct store *s, const struct volume *v, struct err *e)
{
	char name[STORE_WORK_NAME];
	int rc = volume_name_check(v->name, e);
	auto_close int all = rc < 0 ? rc : dir_make(s->dir, VOLUMES, 0700, e);
	int work = all < 0 ? all : store_work_begin(s, name, e);
	if (work < 0)
		return work;
	rc = fill_record(work, v, e);
	if (rc == 0 && renameat(work, "volume", all, v->name) < 0)
		rc = errno == ENOTEMPTY || errno == EEXIST
			     ? refuse(e, EEXIST, "volume %s exists already", v->name)
			     : fail(e, errno, "make volume %s", v->name);
	if (rc == 0)
		fsync(all); /* the rename itself */
	store_work_end(s, work, name);
	return rc;
}

/* Opens one and waits until it is ours alone. -ENOENT, nothing said: it is not there. */
static int lock_open(const struct store *s, const char *name, struct err *e)
{
	auto_close int all = all_open(s);
	for (;;) {
		struct stat held, now;
		auto_close int fd = all < 0 ? all
					    : openat(all, name,
						     O_RDONLY | O_DIRECTORY | O_CLOEXEC |
							     O_NOFOLLOW);
		if (fd < 0 && (all == -ENOENT || (all >= 0 && errno == ENOENT)))
			return -ENOENT;
		if (fd < 0 || (flock(fd, LOCK_EX) < 0 && errno != EINTR) || fstat(fd, &held) < 0)
			return fail(e, all < 0 ? all : errno, "open volume %s", name);
		/* Removed meanwhile, it may have been made anew. */
		if (fstatat(all, name, &now, AT_SYMLINK_NOFOLLOW) == 0 &&
		    now.st_ino == held.st_ino && flock(fd, LOCK_EX) == 0)
			return take_fd(&fd);
	}
}

static bool is_empty(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	bool empty = d;
	for (struct dirent *entry; empty && (entry = readdir(d));)
		empty = !strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..");
	if (d)
		closedir(d);
	else if (fd >= 0)
		close(fd);
	return empty;
}

static int copy_into(int work, int content, struct err *e)
{
	if (mkdirat(work, DATA, 0755) < 0)
		return fail(e, errno, "make a directory");
	auto_close int to = openat(work, DATA, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (to < 0)
		return fail(e, errno, "open a directory");
	int rc = tree_copy(content, to, e);
	if (rc == 0 && syncfs(to) < 0)
		rc = fail(e, errno, "write to the disk");
	return rc;
}

/* The copy takes the place of the empty directory, or of none if that has got files. */
static int fill(const struct store *s, int dir, const char *name, int content, struct err *e)
{
	char tmp[STORE_WORK_NAME];
	int work = store_work_begin(s, tmp, e);
	if (work < 0)
		return work;
	int rc = copy_into(work, content, e);
	if (rc == 0 && renameat(work, DATA, dir, DATA) < 0 && errno != ENOTEMPTY && errno != EEXIST)
		rc = fail(e, errno, "put it in its place");
	store_work_end(s, work, tmp);
	return rc < 0 ? within(e, "copy what the image has there into volume %s", name) : 0;
}

int volume_use(const struct store *s, const struct volume *v, int content, struct err *e)
{
	int rc = volume_name_check(v->name, e);
	if (rc < 0)
		return rc;
	auto_close int dir = lock_open(s, v->name, e);
	while (dir == -ENOENT) {
		rc = volume_create(s, v, e);
		if (rc < 0 && rc != -EEXIST)
			return rc;
		*e = (struct err){ 0 };
		dir = lock_open(s, v->name, e);
	}
	if (dir < 0)
		return dir;
	if (faccessat(dir, NEW, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	rc = content >= 0 && is_empty(dir, DATA) ? fill(s, dir, v->name, content, e) : 0;
	if (rc == 0 && unlinkat(dir, NEW, 0) < 0)
		rc = fail(e, errno, "use volume %s", v->name);
	return rc;
}

/* Of a line of a container's note. */
static const char *noted(const char *line)
{
	return line + (*line == VOLUME_GOES || *line == VOLUME_STAYS);
}

struct search {
	const char *name, *but;
	char user[NAME_MAX + 1];
};

/* Of a container's note. */
static int is_user(void *arg, const char *id, char *text, struct err *e)
{
	struct search *s = arg;
	char *save = NULL;
	(void)e;
	if (s->but && !strcmp(id, s->but))
		return 0;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (!strcmp(noted(line), s->name)) {
			snprintf(s->user, sizeof(s->user), "%s", id);
			return 1;
		}
	return 0;
}

int volume_remove(const struct store *s, const char *name, const char *but, struct err *e)
{
	struct search search = { .name = name, .but = but };
	char tmp[STORE_WORK_NAME];
	int rc = volume_name_check(name, e);
	auto_close int dir = rc < 0 ? rc : lock_open(s, name, e);
	if (dir == -ENOENT)
		return refuse(e, ENOENT, "there is no volume %s", name);
	rc = dir < 0 ? dir : store_notes_each(s, NOTE, is_user, &search, e);
	if (rc > 0)
		return refuse(e, EBUSY,
			      "volume %s is used by container %s; remove that first, with: "
			      "coracle rm %s (what a crash left of it: coracle cleanup)",
			      name, search.user, search.user);
	int work = rc < 0 ? rc : store_work_begin(s, tmp, e);
	if (work < 0)
		return work;
	auto_close int all = all_open(s);
	if (all < 0 || renameat(all, name, work, "volume") < 0)
		rc = fail(e, all < 0 ? all : errno, "remove volume %s", name);
	if (rc == 0)
		rc = tree_remove(work, "volume", e);
	store_work_end(s, work, tmp);
	return rc;
}

const char *volume_path(const struct store *s, const char *name, struct arena *a, struct err *e)
{
	const char *store = path_of(s->dir, a, e);
	const char *path = store ? arena_printf(a, "%s/" VOLUMES "/%s/" DATA, store, name) : NULL;
	if (store && !path)
		fail(e, E2BIG, "volume %s", name);
	return path;
}

static int read_one(const struct store *s, int all, const char *name, struct arena *a,
		    struct volume *out, struct err *e)
{
	auto_buf b = { 0 };
	struct volume v = { 0 };
	auto_close int dir = openat(all, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (dir < 0)
		return -errno;
	int rc = file_read(dir, RECORD, &b, e);
	if (rc == 0)
		rc = json_read(b.p ? b.p : "", b.len, record_fields, &v, a, e);
	if (rc < 0)
		return within(e, "volume %s", name);
	v.name = arena_str(a, name);
	v.path = volume_path(s, name, a, e);
	*out = v;
	return v.name && v.path ? 0 : fail(e, E2BIG, "volume %s", name);
}

struct marking {
	struct volume_list *l;
	struct arena *a;
};

static int mark_use(void *arg, const char *id, char *text, struct err *e)
{
	const struct marking *m = arg;
	char *save = NULL;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		for (size_t i = 0; i < m->l->n; i++) {
			struct volume *v = &m->l->v[i];
			if (strcmp(v->name, noted(line)) || strs_has(&v->users, id))
				continue;
			const char **to = LIST_ADD(m->a, &v->users);
			if (!to || !(*to = arena_str(m->a, id)))
				return fail(e, E2BIG, "list volumes");
		}
	return 0;
}

static int mark_users(const struct store *s, struct arena *a, struct volume_list *l, struct err *e)
{
	return store_notes_each(s, NOTE, mark_use, &(struct marking){ l, a }, e);
}

int volume_read(const struct store *s, const char *name, struct arena *a, struct volume *out,
		struct err *e)
{
	struct volume_list l = { out, 1 };
	int rc = volume_name_check(name, e);
	auto_close int all = rc < 0 ? rc : all_open(s);
	if (rc == 0)
		rc = all < 0 ? all : read_one(s, all, name, a, out, e);
	if (rc == -ENOENT && !e->code)
		return refuse(e, ENOENT, "there is no volume %s", name);
	if (rc < 0)
		return e->code ? rc : fail(e, rc, "volume %s", name);
	return mark_users(s, a, &l, e);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct volume *)a)->name, ((const struct volume *)b)->name);
}

int volume_list(const struct store *s, struct arena *a, struct volume_list *out, struct err *e)
{
	struct volume_list l = { 0 };
	int all = all_open(s), rc = 0;
	DIR *d = all < 0 ? NULL : fdopendir(all);
	if (!d)
		rc = all == -ENOENT ? 0 : fail(e, all < 0 ? all : errno, "read the volumes");
	for (struct dirent *entry; rc == 0 && d && (entry = readdir(d));) {
		struct volume v;
		if (volume_name_check(entry->d_name, NULL) < 0)
			continue;
		rc = read_one(s, all, entry->d_name, a, &v, e);
		struct volume *to = rc < 0 ? NULL : LIST_ADD(a, &l);
		if (to)
			*to = v;
		else if (rc == -ENOENT && !e->code)
			rc = 0; /* gone meanwhile */
		else
			rc = rc < 0 ? rc : fail(e, E2BIG, "list volumes");
	}
	if (d)
		closedir(d);
	if (rc == 0)
		rc = mark_users(s, a, &l, e);
	if (rc < 0)
		return rc;
	if (l.n)
		qsort(l.v, l.n, sizeof(*l.v), by_name);
	*out = l;
	return 0;
}

void volumes_json(const struct volume_list *l, struct buf *out)
{
	buf_char(out, '[');
	for (size_t i = 0; i < l->n; i++) {
		buf_str(out, i ? ",\n" : "\n");
		json_write(out, shown_fields, &l->v[i], 0);
	}
	buf_str(out, l->n ? "\n]\n" : "]\n");
}

int volumes_note(const struct store *s, const char *id, const struct strs *names, struct err *e)
{
	auto_buf b = { .max = NOTE_MAX };
	for (size_t i = 0; i < names->n; i++)
		buf_printf(&b, "%s\n", names->v[i]);
	auto_close int dir = store_container_open(s, id, e);
	if (dir < 0 || b.failed)
		return dir < 0 ? dir : fail(e, E2BIG, "note the volumes of the container");
	return file_swap(dir, NOTE, b.p ? b.p : "", b.len, 0600, e);
}

int volumes_release(const struct store *s, const char *id, bool all, struct err *e)
{
	auto_buf b = { .max = NOTE_MAX };
	char *save = NULL;
	struct err why = { 0 };
	auto_close int dir = store_container_open(s, id, &why);
	int rc = dir < 0 ? dir : file_read(dir, NOTE, &b, &why);
	if (rc < 0 && rc != -ENOENT)
		log_warn("which volumes container %s had cannot be read: %s; they stay: look for "
			 "them with coracle volume ls",
			 id, why.msg);
	char *line = rc == 0 && b.p ? strtok_r(b.p, "\n", &save) : NULL;
	rc = 0;
	for (; rc == 0 && line; line = strtok_r(NULL, "\n", &save)) {
		struct err one = { 0 };
		if (*line != VOLUME_GOES && (!all || *line != VOLUME_STAYS))
			continue;
		rc = volume_remove(s, noted(line), id, &one);
		if (rc == -ENOENT || rc == -EBUSY) /* what another has found by its name */
			rc = 0;
		if (rc < 0 && e)
			*e = one;
	}
	return rc;
}
