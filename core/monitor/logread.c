/* logread.c - reading a log back. */
#include "monitor/logread.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/proc.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#define CHUNK	  65536
#define TAG_NOEOL "F:noeol"

struct reader {
	int fd;
	const struct log_query *q;
	int to[2];
	bool mid_line[2];   /* of stdout, stderr: the last record was a P */
	struct buf text;    /* read and not yet taken apart */
	struct buf pending; /* to be written to to[pending_to] */
	int pending_to;
	const char *lost; /* which could not be written to */
};

/* The next word of a line, up to a space. */
static int word(const char **p, const char *end, const char **out, size_t *n)
{
	const char *space = memchr(*p, ' ', (size_t)(end - *p));
	if (!space || space == *p)
		return -EINVAL;
	*out = *p;
	*n = (size_t)(space - *p);
	*p = space + 1;
	return 0;
}

int log_record_parse(const char *line, size_t n, struct log_record *out)
{
	const char *p = line, *end = line + n, *tag;
	size_t tag_len;
	struct log_record r = { 0 };
	if (word(&p, end, &r.time, &r.time_len) < 0 ||
	    word(&p, end, &r.stream, &r.stream_len) < 0 || word(&p, end, &tag, &tag_len) < 0 ||
	    (*tag != 'F' && *tag != 'P') || (tag_len > 1 && tag[1] != ':'))
		return -EINVAL;
	r.text = p;
	r.len = (size_t)(end - p);
	r.partial = *tag == 'P';
	r.newline = !r.partial &&
		    !(tag_len == strlen(TAG_NOEOL) && !memcmp(tag, TAG_NOEOL, tag_len));
	*out = r;
	return 0;
}

static int flush(struct reader *r)
{
	int rc = r->pending.len ? write_all(r->to[r->pending_to], r->pending.p, r->pending.len) : 0;
	r->pending.len = 0;
	if (rc < 0)
		r->lost = r->pending_to ? "stderr" : "stdout";
	return rc;
}

static bool too_old(const struct reader *r, const struct log_record *rec)
{
	char when[CLOCK_TEXT] = "";
	struct timespec t;
	const struct timespec *since = &r->q->since;
	if (!since->tv_sec && !since->tv_nsec)
		return false;
	if (rec->time_len >= sizeof(when))
		return true;
	memcpy(when, rec->time, rec->time_len);
	if (clock_parse(when, &t) < 0)
		return true;
	return t.tv_sec < since->tv_sec ||
	       (t.tv_sec == since->tv_sec && t.tv_nsec < since->tv_nsec);
}

static int show(struct reader *r, const struct log_record *rec)
{
	int to = rec->stream_len == 6 && !memcmp(rec->stream, "stderr", 6);
	bool ending = !rec->partial && !rec->newline; /* ends a line that is there already */
	if (too_old(r, rec))
		return 0;
	int rc = to != r->pending_to || r->pending.len > CHUNK ? flush(r) : 0;
	r->pending_to = to;
	if (r->q->timestamps && !r->mid_line[to] && !ending) {
		buf_add(&r->pending, rec->time, rec->time_len);
		buf_char(&r->pending, ' ');
	}
	buf_add(&r->pending, rec->text, rec->len);
	if (rec->newline)
		buf_char(&r->pending, '\n');
	r->mid_line[to] = rec->partial;
	return r->pending.failed ? -ENOMEM : rc;
}

/* Takes the whole lines of r->text apart and shows them. What is no record is skipped. */
static int show_lines(struct reader *r)
{
	size_t at = 0;
	for (const char *eol; (eol = memchr(r->text.p + at, '\n', r->text.len - at));) {
		struct log_record rec;
		size_t n = (size_t)(eol - (r->text.p + at));
		int rc = log_record_parse(r->text.p + at, n, &rec) < 0 ? 0 : show(r, &rec);
		if (rc < 0)
			return rc;
		at += n + 1;
	}
	buf_shift(&r->text, at);
	return 0;
}

/* Whether the log ends before where we are: then we are at its beginning again. */
static bool cut_short(struct reader *r)
{
	struct stat st;
	off_t at = lseek(r->fd, 0, SEEK_CUR);
	if (fstat(r->fd, &st) < 0 || at <= st.st_size)
		return false;
	r->text.len = 0;
	r->mid_line[0] = r->mid_line[1] = false;
	return lseek(r->fd, 0, SEEK_SET) == 0;
}

/* Shows everything from the fd's position to the present end. */
static int drain(struct reader *r)
{
	for (;;) {
		char *room = buf_room(&r->text, CHUNK);
		if (!room)
			return -ENOMEM;
		ssize_t n = read(r->fd, room, CHUNK);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0 && r->q->follow >= 0 && cut_short(r)) /* by who keeps a copy */
			continue;
		if (n == 0)
			return flush(r);
		r->text.len += (size_t)n;
		int rc = show_lines(r);
		if (rc < 0)
			return rc;
	}
}

/* Whether the record that begins at `at` ends a line (F). */
static bool ends_line(int fd, off_t at, size_t left)
{
	char head[96];
	ssize_t n = pread(fd, head, left < sizeof(head) ? left : sizeof(head), at);
	struct log_record rec;
	return n > 0 && log_record_parse(head, (size_t)n, &rec) == 0 && !rec.partial;
}

/* Counts lines from the end of the file backwards: where its last `lines` begin. An unfinished one
 * counts. */
static off_t tail_start(int fd, off_t size, int64_t lines)
{
	char chunk[CHUNK];
	off_t line_end = size; /* of the record whose start is looked for */
	int64_t seen = 0;
	for (off_t top = size; top > 0;) {
		size_t want = top < CHUNK ? (size_t)top : CHUNK;
		off_t base = top - (off_t)want;
		if (pread(fd, chunk, want, base) != (ssize_t)want)
			return 0;
		for (size_t i = want; i-- > 0;) {
			off_t start = base + (off_t)i + 1;
			if (chunk[i] != '\n' || start >= line_end)
				continue;
			seen += line_end == size ||
				ends_line(fd, start, (size_t)(line_end - start));
			if (seen > lines)
				return line_end;
			line_end = start;
		}
		top = base;
	}
	seen += line_end > 0 && ends_line(fd, 0, (size_t)line_end);
	return seen > lines ? line_end : 0;
}

/* Shows what comes until the writer ends: others, too, write to the file and close it, as who cuts
 * it short. The end is looked for before the last look at the file. */
static int follow(struct reader *r, int events)
{
	for (;;) {
		struct pollfd p[] = {
			{ .fd = events, .events = POLLIN },
			{ .fd = r->q->follow, .events = PROC_END },
			{ .fd = r->to[0] }, /* nobody reads us any more */
		};
		char text[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
		bool closed = false;
		if (proc_poll(p, 3, -1) < 0 && errno != EINTR)
			return -errno;
		ssize_t n = p[0].revents ? read(events, text, sizeof(text)) : 0;
		for (ssize_t at = 0; at < n;) {
			const struct inotify_event *ev = (const void *)(text + at);
			closed |= !!(ev->mask & IN_IGNORED);
			at += (ssize_t)(sizeof(*ev) + ev->len);
		}
		int rc = drain(r);
		if (rc < 0 || closed || p[1].revents || (p[2].revents & POLLERR))
			return rc;
	}
}

static int watch(int fd, struct err *e)
{
	char path[32];
	auto_close int events = inotify_init1(IN_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (events < 0 || inotify_add_watch(events, path, IN_MODIFY) < 0)
		return fail(e, errno, "follow the log");
	return take_fd(&events);
}

int log_read(int fd, const struct log_query *q, int out, int err, struct err *e)
{
	struct reader r = { .fd = fd, .q = q, .to = { out, err } };
	auto_close int events = -1;
	struct stat st;
	if (q->follow >= 0 && (events = watch(fd, e)) < 0)
		return events;
	if (fstat(fd, &st) < 0)
		return fail(e, errno, "read the log");
	off_t start = q->tail < 0 ? 0 : tail_start(fd, st.st_size, q->tail);
	int rc = lseek(fd, start, SEEK_SET) < 0 ? -errno : drain(&r);
	if (rc == 0 && events >= 0)
		rc = follow(&r, events);
	buf_free(&r.text);
	buf_free(&r.pending);
	if (rc < 0 && r.lost)
		return fail(e, rc, "write to %s", r.lost);
	return rc < 0 ? fail(e, rc, "read the log") : 0;
}

int log_since_parse(const char *s, struct timespec *out)
{
	double seconds;
	char *end;
	if (clock_parse(s, out) == 0)
		return 0;
	if (duration_parse(s, &seconds) == 0) {
		struct timespec now = clock_now();
		seconds = (double)now.tv_sec + (double)now.tv_nsec / 1e9 - seconds;
	} else {
		seconds = strtod(s, &end);
		if (end == s || *end)
			return -EINVAL;
	}
	if (!(seconds >= 0 && seconds < 1e11))
		return -EINVAL;
	out->tv_sec = (time_t)seconds;
	out->tv_nsec = (long)((seconds - (double)out->tv_sec) * 1e9);
	return 0;
}
