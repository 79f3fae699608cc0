/* logfile.c - a container's output in a file, as Kubernetes' runtimes write it. */
#include "monitor/logfile.h"
#include "base/clock.h"
#include "base/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>

#define BATCH	 512 /* parts written at once */
#define HEAD_MAX 64

/* What one logfile_write has to say: the two kinds of header, and the parts collected so far. */
struct writer {
	struct logfile *f;
	char full[HEAD_MAX], part[HEAD_MAX];
	size_t head; /* length of each */
	struct iovec v[BATCH];
	int n;
};

int logfile_open(struct logfile *f, int dir, const char *name, struct err *e)
{
	auto_close int fd = openat(
		dir, name, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0640);
	if (fd < 0)
		return fail(e, errno, "open the log %s", name);
	struct stat st;
	char last = '\n';
	if (fstat(fd, &st) < 0)
		return fail(e, errno, "stat the log %s", name);
	if (st.st_size > 0 && pread(fd, &last, 1, st.st_size - 1) != 1)
		return fail(e, EIO, "read the log %s", name);
	if (last != '\n') {
		int rc = write_all(fd, "\n", 1);
		if (rc < 0)
			return fail(e, rc, "write the log %s", name);
	}
	*f = (struct logfile){ .fd = take_fd(&fd) };
	return 0;
}

/* What was half written is at the end, wherever that is by now: somebody may have cut the log short
 * for want of room. */
static int take_back(int fd, off_t wrote, int rc)
{
	off_t end = wrote ? lseek(fd, 0, SEEK_END) : 0;
	return wrote && end >= wrote && ftruncate(fd, end - wrote) < 0 ? -errno : rc;
}

/* Writes the collected parts, going on after short writes; a failure takes back what it left half
 * written. */
static int flush(struct writer *w)
{
	struct iovec *v = w->v;
	off_t wrote = 0;
	int n = w->n;
	w->n = 0;
	while (n > 0) {
		ssize_t done = writev(w->f->fd, v, n);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return take_back(w->f->fd, wrote, done < 0 ? -errno : -EIO);
		wrote += done;
		while (n > 0 && (size_t)done >= v->iov_len) {
			done -= (ssize_t)v->iov_len;
			v++, n--;
		}
		if (n > 0) {
			v->iov_base = (char *)v->iov_base + done;
			v->iov_len -= (size_t)done;
		}
	}
	return 0;
}

static void add(struct writer *w, const char *p, size_t n)
{
	w->v[w->n++] = (struct iovec){ .iov_base = (void *)(uintptr_t)p, .iov_len = n };
}

static void headers(struct writer *w, const struct log_stream *s)
{
	char when[CLOCK_TEXT];
	clock_format(clock_now(), when);
	w->head = (size_t)snprintf(w->full, sizeof(w->full), "%s %s F ", when, s->name);
	snprintf(w->part, sizeof(w->part), "%s %s P ", when, s->name);
}

int logfile_write(struct logfile *f, struct log_stream *s, const char *p, size_t n)
{
	struct writer w = { .f = f };
	headers(&w, s);
	while (n) {
		size_t max = n < LOGFILE_LINE_MAX ? n : LOGFILE_LINE_MAX;
		const char *eol = memchr(p, '\n', max);
		size_t take = eol ? (size_t)(eol - p) + 1 : max;
		add(&w, eol ? w.full : w.part, w.head);
		add(&w, p, take);
		if (!eol)
			add(&w, "\n", 1);
		s->partial = !eol;
		p += take;
		n -= take;
		int rc = !n || w.n + 3 > BATCH ? flush(&w) : 0;
		if (rc < 0)
			return rc;
	}
	return 0;
}

int logfile_end(struct logfile *f, struct log_stream *s)
{
	char when[CLOCK_TEXT], line[HEAD_MAX + 8];
	if (!s->partial)
		return 0;
	s->partial = false;
	clock_format(clock_now(), when);
	int n = snprintf(line, sizeof(line), "%s %s F:noeol \n", when, s->name);
	return write_all(f->fd, line, (size_t)n);
}

int logfile_close(struct logfile *f, bool sync)
{
	int rc = sync && fsync(f->fd) < 0 ? -errno : 0;
	close(f->fd);
	f->fd = -1;
	return rc;
}
