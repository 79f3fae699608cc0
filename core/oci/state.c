/* state.c - what is recorded about a container: read, save, show. */
#include "oci/state.h"
#include "base/file.h"
#include "oci/runc.h"
#include "oci/spec.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define STATE_MAX  ((size_t)4 << 20)
#define LINE	   1000 /* bytes, as most lines have */
#define GLANCE	   4096
#define BEFORE_MAX ((size_t)64 << 10) /* earlier states are kept up to here */
#define AHEAD	   6		      /* states for which there is to be room on the disk */
#define GROWTH	   256		      /* bytes that a state is longer than the first one */

/* Lines of the value that runc reads, before the spec, and before the states in it. */
#define OPEN "{\"spec\":\n"
#define MORE ",\"state\":\n"

static const char *const names[] = {
	[STATUS_CREATING] = "creating", [STATUS_CREATED] = "created", [STATUS_RUNNING] = "running",
	[STATUS_PAUSED] = "paused",	[STATUS_STOPPED] = "stopped",
};
#define NAMES (sizeof(names) / sizeof(names[0]))

const char *status_name(enum status s)
{
	return names[s];
}

int status_parse(const char *s)
{
	for (size_t i = 0; s && i < NAMES; i++)
		if (!strcmp(s, names[i]))
			return (int)i;
	return -EINVAL;
}

const struct json_field state_fields[] = {
	JSON_F(J_INT, state, version, "version", J_REQUIRED),
	JSON_F(J_STR, state, id, "id", J_REQUIRED),
	JSON(J_STR, state, bundle, "bundle"),
	JSON(J_STR, state, oci_version, "ociVersion"),
	JSON(J_STR, state, engine, "engine"),
	JSON_F(J_STR, state, status, "status", J_REQUIRED),
	JSON(J_INT, state, pid, "pid"),
	JSON(J_U64, state, start_time, "startTime"),
	JSON(J_INT, state, owner, "owner"),
	JSON(J_U64, state, owner_start_time, "ownerStartTime"),
	JSON(J_STR, state, owner_kind, "ownerKind"),
	JSON(J_STR, state, rootfs, "rootfs"),
	JSON(J_STRS, state, cgroups, "cgroups"),
	JSON(J_STR, state, unit, "unit"),
	JSON(J_BOOL, state, unit_user, "unitUser"),
	JSON(J_STRS, state, resctrl, "resctrl"),
	JSON(J_STRS, state, mounts, "mounts"),
	JSON(J_STRS, state, namespaces, "namespaces"),
	JSON(J_STR, state, image, "image"),
	JSON(J_STR, state, log, "log"),
	JSON(J_STR, state, store, "store"),
	JSON(J_STR, state, pid_file, "pidFile"),
	JSON(J_PAIRS, state, annotations, "annotations"),
	JSON(J_BOOL, state, no_new_keyring, "noNewKeyring"),
	JSON(J_BOOL, state, hooks, "hooks"),
	JSON(J_TIME, state, created, "created"),
	JSON(J_TIME, state, started, "started"),
	JSON(J_TIME, state, finished, "finished"),
	JSON(J_BOOL, state, has_exit, "hasExit"),
	JSON(J_INT, state, exit_code, "exitCode"),
	JSON(J_INT, state, exit_signal, "exitSignal"),
	JSON(J_BOOL, state, oom, "oom"),
	JSON(J_BOOL, state, auto_remove, "autoRemove"),
	{ 0 },
};

/* What lists show. */
static const struct json_field list_fields[] = {
	JSON(J_STRS, state, cgroups, "cgroups"), /* if they are asked for */
	JSON_F(J_INT, state, version, "version", J_REQUIRED),
	JSON_F(J_STR, state, id, "id", J_REQUIRED),
	JSON(J_STR, state, bundle, "bundle"),
	JSON(J_STR, state, oci_version, "ociVersion"),
	JSON_F(J_STR, state, status, "status", J_REQUIRED),
	JSON(J_INT, state, pid, "pid"),
	JSON(J_U64, state, start_time, "startTime"),
	JSON(J_STR, state, rootfs, "rootfs"),
	JSON(J_PAIRS, state, annotations, "annotations"),
	JSON(J_TIME, state, created, "created"),
	{ 0 },
};

/* What is of another version is of another shape, and may be wrong in any way. */
static int check_version(const char *text, size_t len, struct arena *a, struct err *e)
{
	static const struct json_field fields[] = {
		JSON_F(J_INT, state, version, "version", J_REQUIRED),
		{ 0 },
	};
	struct state s = { 0 };
	int rc = json_read(text, len, fields, &s, a, e);
	if (rc == 0 && (s.version < 1 || s.version > STATE_VERSION))
		rc = refuse(e, ENOTSUP, "version %d; this program knows up to %d", s.version,
			    STATE_VERSION);
	return rc;
}

static int parse(const char *text, size_t len, const struct json_field *fields, struct arena *a,
		 struct state *out, struct err *e)
{
	struct state s = { 0 };
	struct err why = { 0 };
	int rc = json_read(text, len, fields, &s, a, &why);
	if (rc < 0 || s.version != STATE_VERSION) {
		int version = check_version(text, len, a, e);
		if (version == 0 && e)
			*e = why;
		return version < 0 ? version : rc;
	}
	if (!*s.id)
		return refuse(e, EINVAL, "id: empty");
	if (status_parse(s.status) < 0)
		return refuse(e, EINVAL, "status: '%.40s' is unknown", s.status);
	*out = s;
	return 0;
}

int state_parse(const char *text, size_t len, struct arena *a, struct state *out, struct err *e)
{
	return parse(text, len, state_fields, a, out, e);
}

/* The last whole line after the first that is a state; what follows it was torn by a crash. */
static int last_line(const struct buf *text, size_t *from, size_t *to)
{
	size_t n = text->len;
	while (n > 0 && text->p[n - 1] != '\n')
		n--;
	do {
		while (n > 0 && text->p[n - 1] == '\n')
			n--;
		*to = n;
		while (n > 0 && text->p[n - 1] != '\n')
			n--;
		*from = n;
	} while (n > 0 && text->p[n] != '{'); /* of the value that runc reads */
	return n ? 0 : -EINVAL;
}

/* Where the spec is. */
static void spec_line(const struct buf *text, size_t *from, size_t *to)
{
	size_t n = text->len ? strlen(OPEN) : 0;
	*from = n && !strncmp(text->p, OPEN, n) ? n : 0;
	*to = text->len ? *from + strcspn(text->p + *from, "\n") : 0;
}

/* How long the value that runc reads is; if it has no end, how long that is with the spec alone. No
 * line break is in a string. */
static size_t head_end(const struct buf *text)
{
	size_t from, to;
	spec_line(text, &from, &to);
	const char *runc = text->len ? strstr(text->p + to, "\n," RUNC_ID) : NULL;
	return runc ? (size_t)(runc - text->p) + 1 + strcspn(runc + 1, "\n") : to;
}

/* The whole of a file that runc has written, as an error or a state. */
static int read_runc(const struct buf *text, struct arena *a, struct state *out, struct err *e)
{
	if (!runc_wrote(text->p, text->len))
		return refuse(e, EINVAL, "no whole record");
	return runc_read(text->p, text->len, a, out, e);
}

int state_read(int dir, struct arena *a, struct state *out, struct err *e)
{
	auto_buf text = { .max = SPEC_MAX + STATE_MAX };
	size_t from, to;
	struct stat st;
	auto_close int fd = openat(dir, STATE_FILE, O_RDONLY | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return fail(e, errno, "open %s", STATE_FILE);
	int rc = file_read_fd(fd, STATE_FILE, &text, e);
	if (rc < 0)
		return rc;
	bool ours = last_line(&text, &from, &to) == 0;
	rc = ours ? state_parse(text.p + from, to - from, a, out, e) : read_runc(&text, a, out, e);
	if (rc < 0)
		return within(e, "%s", STATE_FILE);
	out->before = ours ? from - head_end(&text) : 0;
	out->inode = st.st_ino;
	out->size = (uint64_t)st.st_size;
	return 0;
}

/* The last line is most often in the last few kilobytes. 1: there is none but the first. */
static int read_end(int fd, uint64_t size, struct buf *text, size_t *from, size_t *to)
{
	text->len = 0;
	char *p = buf_room(text, GLANCE);
	ssize_t n = p ? pread(fd, p, GLANCE, size > GLANCE ? (off_t)(size - GLANCE) : 0) : -1;
	if (n < 0)
		return -EIO;
	text->len = (size_t)n;
	if (last_line(text, from, to) == 0)
		return 0;
	text->len = 0;
	int rc = file_read_fd(fd, STATE_FILE, text, NULL);
	return rc < 0 ? rc : last_line(text, from, to) < 0;
}

int state_glance(struct glance *g, const char *id, struct state *out)
{
	char name[512];
	struct stat st;
	size_t from, to;
	snprintf(name, sizeof(name), "%s/" STATE_FILE, id);
	auto_close int fd = openat(g->root, name, O_RDONLY | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	g->room.max = SPEC_MAX + STATE_MAX;
	int rc = read_end(fd, (uint64_t)st.st_size, &g->room, &from, &to);
	if (rc >= 0)
		rc = rc ? read_runc(&g->room, g->a, out, NULL)
			: parse(g->room.p + from, to - from, list_fields + !g->cgroups, g->a, out,
				NULL);
	if (rc == 0)
		out->uid = st.st_uid;
	return rc;
}

int state_read_spec(int dir, struct buf *out, struct err *e)
{
	size_t from, to;
	out->max = SPEC_MAX + STATE_MAX;
	int rc = file_read(dir, STATE_FILE, out, e);
	if (rc < 0 || !out->len)
		return rc;
	if (runc_wrote(out->p, out->len))
		return -ENODATA;
	spec_line(out, &from, &to);
	out->len = to;
	out->p[to] = 0;
	buf_shift(out, from);
	return 0;
}

static int add_line(const struct state *s, struct buf *out, struct err *e)
{
	struct state now = *s;
	size_t before = out->len;
	now.version = STATE_VERSION;
	buf_char(out, '\n'); /* also after a line that was torn */
	if (!strcmp(s->status, names[STATUS_CREATING]))
		buf_str(out, MORE);
	json_write(out, state_fields, &now, 0);
	buf_char(out, '\n');
	return out->failed || out->len - before > STATE_MAX
		       ? refuse(e, E2BIG, "%s: too large", STATE_FILE)
		       : 0;
}

/* So that how it ended can be written also when the disk is full by then. Not every file system can
 * do so. */
static int reserve(int fd, const struct buf *text, size_t line)
{
	off_t more = (off_t)(AHEAD * (line + GROWTH));
	if (fallocate(fd, FALLOC_FL_KEEP_SIZE, (off_t)text->len, more) == 0 ||
	    (errno != ENOSPC && errno != EDQUOT))
		return 0;
	return -errno;
}

/* One write: whoever is killed in it has begun nothing that the line would tell of. */
static int write_lines(int dir, int flags, const struct buf *text, struct state *s, struct err *e)
{
	struct stat st = { 0 };
	size_t from, to;
	auto_close int fd = openat(dir, STATE_FILE, O_WRONLY | O_NOFOLLOW | O_CLOEXEC | flags,
				   0600);
	int rc = fd < 0 ? -errno : write_all(fd, text->p, text->len);
	spec_line(text, &from, &to);
	if (rc == 0 && flags & O_CREAT)
		rc = reserve(fd, text, text->len - to);
	if (rc == 0 && s->has_exit && (fsync(fd) < 0 || fsync(dir) < 0))
		rc = -errno;
	if (rc < 0)
		return fail(e, rc, "write %s", STATE_FILE);
	/* One that was only begun is looked at again. */
	s->inode = !(flags & O_CREAT) && fstat(fd, &st) == 0 ? st.st_ino : 0;
	s->size = (uint64_t)st.st_size;
	return 0;
}

bool state_outdated(int dir, const struct state *s)
{
	struct stat st;
	return !s->inode || fstatat(dir, STATE_FILE, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	       st.st_ino != s->inode || (uint64_t)st.st_size != s->size;
}

int state_begin(int dir, const struct buf *spec, struct state *s, struct err *e)
{
	char room[2 * GLANCE];
	auto_buf text = { BUF_IN(room), .max = SPEC_MAX + STATE_MAX };
	buf_str(&text, OPEN);
	buf_add(&text, spec->p, spec->len);
	for (size_t i = strlen(OPEN); i < text.len; i++) /* between values: none is in a string */
		if (text.p[i] == '\n')
			text.p[i] = ' ';
	int rc = add_line(s, &text, e);
	return rc < 0 ? rc : write_lines(dir, O_CREAT | O_EXCL, &text, s, e);
}

static int replace(int dir, struct state *s, struct err *e)
{
	auto_buf text = { .max = SPEC_MAX + STATE_MAX };
	int rc = file_read(dir, STATE_FILE, &text, NULL);
	s->inode = 0;
	if (rc < 0 && rc != -ENOENT)
		return fail(e, rc, "read %s", STATE_FILE);
	text.len = head_end(&text);
	rc = add_line(s, &text, e);
	if (rc < 0)
		return rc;
	return (s->has_exit ? file_replace : file_swap)(dir, STATE_FILE, text.p, text.len, 0600, e);
}

int state_save(int dir, struct state *s, struct err *e)
{
	auto_buf text = { .max = STATE_MAX + 2 };
	int rc = s->before > BEFORE_MAX ? replace(dir, s, e) : 1;
	if (rc <= 0 && (rc == 0 || rc == -ENOENT || !s->has_exit))
		return rc;
	/* Or there is no room for another file: the one that there is has some. */
	buf_room(&text, LINE); /* at once, and not by halves */
	rc = add_line(s, &text, e);
	if (rc == 0)
		rc = write_lines(dir, O_APPEND, &text, s, e);
	return rc == -ENOENT && s->has_exit ? replace(dir, s, e) : rc;
}

int state_save_made(int dir, struct state *s, struct buf *runc, struct err *e)
{
	int rc = add_line(s, runc, e);
	return rc < 0 ? rc : write_lines(dir, O_APPEND, runc, s, e);
}

/* What is shown of it. */
struct shown {
	const char *oci_version, *id, *status, *bundle, *rootfs, *owner;
	int pid;
	struct timespec created;
	struct pairs annotations;
};

static const struct json_field runc_fields[] = {
	JSON_F(J_STR, shown, oci_version, "ociVersion", J_KEEP),
	JSON_F(J_STR, shown, id, "id", J_KEEP),
	JSON_F(J_INT, shown, pid, "pid", J_KEEP),
	JSON_F(J_STR, shown, status, "status", J_KEEP),
	JSON_F(J_STR, shown, bundle, "bundle", J_KEEP),
	JSON_F(J_STR, shown, rootfs, "rootfs", J_KEEP),
	JSON_F(J_TIME, shown, created, "created", J_KEEP),
	JSON(J_PAIRS, shown, annotations, "annotations"),
	JSON_F(J_STR, shown, owner, "owner", J_KEEP),
	{ 0 },
};

static const struct json_field hook_fields[] = {
	JSON_F(J_STR, shown, oci_version, "ociVersion", J_KEEP),
	JSON_F(J_STR, shown, id, "id", J_KEEP),
	JSON_F(J_STR, shown, status, "status", J_KEEP),
	JSON(J_INT, shown, pid, "pid"),
	JSON_F(J_STR, shown, bundle, "bundle", J_KEEP),
	JSON(J_PAIRS, shown, annotations, "annotations"),
	{ 0 },
};

static struct shown shown(const struct state *s, const char *status)
{
	return (struct shown){
		.oci_version = s->oci_version ? s->oci_version : SPEC_VERSION,
		.id = s->id,
		.status = status,
		.bundle = s->bundle,
		.rootfs = s->rootfs,
		.owner = s->user ? s->user : "",
		/* The process of a stopped container is not there any more. */
		.pid = strcmp(status, names[STATUS_STOPPED]) ? s->pid : 0,
		.created = s->created,
		.annotations = s->annotations,
	};
}

void state_write_oci(const struct state *s, const char *status, int indent, struct buf *out)
{
	struct shown now = shown(s, status);
	json_write(out, runc_fields, &now, indent);
}

void state_write_hook(const struct state *s, const char *status, struct buf *out)
{
	struct shown now = shown(s, status);
	json_write(out, hook_fields, &now, 0);
}
