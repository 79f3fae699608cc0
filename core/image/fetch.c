/* fetch.c - an image's layers, several at a time, each fetched and unpacked by a process of its
 * own; where processors would be idle another one writes what that unpacks. */
#include "image/fetch.h"
#include "base/file.h"
#include "base/loop.h"
#include "image/confine.h"
#include "image/layer.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define JOBS_MIN    3 /* by default: a registry far away keeps no processor busy */
#define STEP	    ((int64_t)512 << 10) /* bytes between two notes of progress */
#define FLUSH	    64			 /* notes between two flushes */
#define PATIENCE_MS 2000		 /* that a registry is kept with a layer not yet wanted */

/* What a worker writes to its pipe, as a whole. */
struct note {
	bool last;
	int32_t code; /* of the last one: 0 or -errno, with the message */
	int64_t bytes;
	char message[1020];
};

struct worker {
	pid_t pid; /* 0: idle */
	size_t layer;
	int notes; /* the pipe, of which it alone has the other end */
};

/* What the workers have in common. */
struct common {
	struct usage usage;
	char diff_ids[LAYERS_MAX][DIGEST_TEXT]; /* once the gate is open */
};

struct crew {
	const struct fetch *f;
	struct worker workers[JOBS_MAX];
	size_t jobs, processors;
	bool roomy; /* there may be two processes for each layer, at once */
	struct common *common;
	bool begun[LAYERS_MAX];
	pid_t flusher;	  /* 0: none */
	size_t unflushed; /* notes since the last one began */
	int signals;
	int view;      /* of confine_view; -1: none */
	int gate, bar; /* nobody goes through the one while somebody holds the other; -1: open */
	sigset_t mask; /* as it was */
};

void fetch_name(char out[FETCH_NAME], char kind, size_t layer)
{
	snprintf(out, FETCH_NAME, "%c%zu", kind, layer);
}

/* Without a last word: killed, for memory most likely, or in the hands of what it unpacked. */
static int died(const struct descriptor *layer, int status, struct err *e)
{
	bool exited = WIFEXITED(status);
	return refuse(e, EIO, "the process that unpacked layer %s %s %d", layer->digest,
		      exited ? "ended with status" : "was killed by signal",
		      exited ? WEXITSTATUS(status) : WTERMSIG(status));
}

/* --- in the worker --- */

struct reporter {
	int fd;
	int64_t next, size;
};

static void send_note(int fd, const struct note *n)
{
	write_all(fd, n, sizeof(*n)); /* nobody reads: the parent has given up, and ends us */
}

static void on_progress(void *arg, int64_t bytes)
{
	struct reporter *r = arg;
	if (bytes < r->next && bytes < r->size)
		return;
	r->next = bytes + STEP;
	send_note(r->fd, &(struct note){ .bytes = bytes });
}

/* Where the worker writes, opened before it sees foreign bytes: from then on it reaches no other
 * layer's. */
struct desk {
	int blob, tree, list; /* blob: -1 where the store has it */
};

static void desk_close(struct desk *d)
{
	put_fd(&d->blob, -1);
	put_fd(&d->tree, -1);
	put_fd(&d->list, -1);
}
#define auto_desk __attribute__((cleanup(desk_close))) struct desk

static int desk_file(const struct fetch *f, char kind, size_t i, mode_t mode, struct err *e)
{
	char name[FETCH_NAME];
	fetch_name(name, kind, i);
	int fd = openat(f->work, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	return fd < 0 ? fail(e, errno, "create a file in the store") : fd;
}

static int desk_open(const struct fetch *f, size_t i, struct desk *d, struct err *e)
{
	char tree[FETCH_NAME];
	fetch_name(tree, 't', i);
	d->blob = f->blob[i] ? desk_file(f, 'b', i, 0644, e) : -1;
	if (f->blob[i] && d->blob < 0)
		return d->blob;
	d->list = desk_file(f, 'i', i, 0600, e);
	if (d->list < 0)
		return d->list;
	if (mkdirat(f->work, tree, 0755) < 0)
		return fail(e, errno, "make a directory in the store");
	d->tree = openat(f->work, tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return d->tree < 0 ? fail(e, errno, "open a directory in the store") : 0;
}

static int open_bytes(const struct fetch *f, size_t i, struct file_source *file,
		      struct source **bytes, struct err *e)
{
	const struct descriptor *d = &f->manifest->layers.v[i];
	if (f->blob[i])
		return f->origin->blob(f->origin, d, bytes, e);
	int fd = store_blob_open(f->store, d->digest, d->size, e);
	if (fd < 0)
		return fd;
	file_source_init(file, fd);
	*bytes = &file->source;
	return 0;
}

/* Until the parent knows that the layers are wanted. 0: not within that time. */
static int pass_gate(const struct crew *c, int ms, struct err *e)
{
	struct pollfd gate = { .fd = c->gate };
	int n;
	do {
		n = poll(&gate, 1, ms);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? fail(e, errno, "wait for the configuration") : n;
}

/* Asks for them, and has them when they are wanted. A registry that answers one at a time does not
 * come to the configuration while it is kept: it is left after a moment, and asked again. */
static int get_bytes(const struct crew *c, size_t i, struct file_source *file,
		     struct source **bytes, struct err *e)
{
	struct origin *o = c->f->origin;
	int rc = open_bytes(c->f, i, file, bytes, e);
	int open = rc < 0 ? rc : pass_gate(c, PATIENCE_MS, e);
	if (open != 0)
		return open < 0 ? open : 0;
	if (o->leave)
		o->leave(o);
	open = pass_gate(c, -1, e);
	return open < 0 ? open : open_bytes(c->f, i, file, bytes, e);
}

/* What a worker has no business in. */
static void leave_directories(const struct fetch *f, int but)
{
	const int directories[] = { f->work, f->disk, f->store->dir, f->origin->dir };
	for (size_t k = 0; k < sizeof(directories) / sizeof(*directories); k++)
		if (directories[k] > 0 && directories[k] != but)
			close(directories[k]);
}

static int confine_worker(const struct crew *crew, size_t i, const struct desk *d, struct err *e)
{
	const struct fetch *f = crew->f;
	struct confinement c = { .write = d->tree, .read = f->store->dir, .view = crew->view };
	if (f->blob[i]) {
		c.read = f->origin->dir > 0 ? f->origin->dir : -1;
		c.network = f->origin->network;
		c.files = f->origin->files;
	}
	leave_directories(f, c.read);
	return confine(&c, e);
}

static int unpack(const struct crew *c, size_t i, const struct layer_job *j, struct buf *implied,
		  struct err *e)
{
	struct source *bytes;
	struct file_source *file = malloc(sizeof(*file));
	if (!file)
		return fail(e, ENOMEM, "fetch a layer");
	int rc = get_bytes(c, i, file, &bytes, e);
	if (rc == 0)
		rc = layer_unpack(bytes, j, implied, e);
	free(file);
	return rc;
}

/* Who fetches and unpacks, and reaches no tree. */
static void giver_main(const struct crew *c, size_t i, struct desk *d, const struct layer_job *j,
		       pid_t taker)
{
	struct err e = { 0 };
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != taker)
		_exit(1);
	ferry_gives(j->to);
	munmap(c->common, sizeof(*c->common)); /* whose digests are for who checks them */
	put_fd(&d->tree, -1);
	put_fd(&d->list, -1);
	int rc = confine_worker(c, i, d, &e);
	if (rc == 0)
		rc = unpack(c, i, j, NULL, &e);
	ferry_end(j->to, rc, &e);
	_exit(rc < 0);
}

/* But what is said on. */
static void close_others(const int *keep, size_t n)
{
	for (unsigned from = STDERR_FILENO + 1, next; from; from = next + 1) {
		next = ~0u;
		for (size_t i = 0; i < n; i++)
			if ((unsigned)keep[i] >= from && (unsigned)keep[i] < next)
				next = (unsigned)keep[i];
		if (next > from)
			fds_close(from, next - 1, 0);
	}
}

/* Two processes for one layer: who writes the files reaches nothing but their tree. */
static int work_as_two(const struct crew *c, size_t i, struct desk *d, const struct layer_job *job,
		       struct buf *implied, struct err *e)
{
	struct ferry ferry;
	struct layer_job j = *job;
	struct confinement tree = { .write = d->tree, .read = -1 };
	int rc = ferry_init(&ferry, e);
	if (rc < 0)
		return rc;
	j.to = &ferry;
	pid_t self = getpid(), pid = fork();
	if (pid < 0)
		return fail(e, errno, "fork for a layer");
	if (pid == 0)
		giver_main(c, i, d, &j, self);
	ferry_takes(&ferry);
	const struct reporter *r = job->arg;
	const int own[] = { d->tree, d->list, r->fd, ferry.ends[1] };
	close_others(own, sizeof(own) / sizeof(*own));
	rc = confine(&tree, e);
	if (rc == 0)
		rc = layer_write(&ferry, &j, implied, e);
	int status = 0;
	if (ferry.over || ferry.gone) /* else it ends with us */
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	return ferry.gone ? died(j.blob, status, e) : rc;
}

static int work_on(const struct crew *c, size_t i, struct desk *d, struct reporter *r,
		   struct err *e)
{
	const struct fetch *f = c->f;
	auto_buf implied = { 0 };
	struct layer_job j = { .blob = &f->manifest->layers.v[i],
			       .diff_id = c->common->diff_ids[i],
			       .copy = d->blob,
			       .tree = d->tree,
			       .limits = f->limits,
			       .usage = &c->common->usage,
			       .progress = on_progress,
			       .arg = r };
	int rc;
	if (c->roomy) {
		rc = work_as_two(c, i, d, &j, &implied, e);
	} else {
		rc = confine_worker(c, i, d, e);
		if (rc == 0)
			rc = unpack(c, i, &j, &implied, e);
	}
	if (rc == 0 && write_all(d->list, implied.p, implied.len) < 0)
		rc = fail(e, errno, "write to the store");
	return rc;
}

static void worker_main(const struct crew *c, size_t i, int notes, pid_t parent)
{
	struct err e = { 0 };
	struct reporter r = { .fd = notes };
	r.size = c->f->manifest->layers.v[i].size;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(1);
	sigprocmask(SIG_SETMASK, &c->mask, NULL);
	for (size_t k = 0; k < c->jobs; k++)
		if (c->workers[k].pid)
			close(c->workers[k].notes);
	if (c->bar >= 0)
		close(c->bar);
	int rc = c->f->origin->forked(c->f->origin, &e);
	auto_desk d = { -1, -1, -1 };
	if (rc == 0)
		rc = desk_open(c->f, i, &d, &e);
	if (rc == 0)
		rc = work_on(c, i, &d, &r, &e);
	struct note n = { .last = true, .code = rc };
	n.bytes = r.size;
	snprintf(n.message, sizeof(n.message), "%s", e.msg);
	send_note(notes, &n);
	_exit(rc < 0);
}

/* --- in the parent --- */

static void tell(const struct fetch *f, size_t i, enum layer_state state, int64_t bytes)
{
	struct fetch_progress p = { .layer = i,
				    .layers = f->manifest->layers.n,
				    .blob = &f->manifest->layers.v[i],
				    .state = state,
				    .bytes = bytes };
	if (f->progress)
		f->progress(f->arg, &p);
}

/* The largest that nobody has begun: so the last to end is a small one. -1: none. */
static int next_layer(const struct crew *c)
{
	int best = -1;
	const struct descriptors *l = &c->f->manifest->layers;
	for (size_t i = 0; i < l->n; i++)
		if (!c->begun[i] && (best < 0 || l->v[i].size > l->v[best].size))
			best = (int)i;
	return best;
}

/* Layers that are not done. */
static size_t left(const struct crew *c)
{
	size_t n = 0;
	for (size_t i = 0; i < c->f->manifest->layers.n; i++)
		n += !c->begun[i];
	for (size_t i = 0; i < c->jobs; i++)
		n += c->workers[i].pid != 0;
	return n;
}

static int hire(struct crew *c, struct worker *w, struct err *e)
{
	int i = next_layer(c);
	if (i < 0)
		return 0;
	c->roomy = 2 * left(c) <= c->processors && 2 * left(c) <= c->jobs;
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return fail(e, errno, "make a pipe");
	auto_close int in = ends[0];
	auto_close int out = ends[1];
	pid_t parent = getpid(), pid = fork();
	if (pid < 0)
		return fail(e, errno, "fork for a layer");
	if (pid == 0)
		worker_main(c, (size_t)i, out, parent);
	c->begun[i] = true;
	*w = (struct worker){ .pid = pid, .layer = (size_t)i, .notes = take_fd(&in) };
	if (c->bar < 0)
		tell(c->f, (size_t)i, LAYER_RUNNING, 0);
	return 0;
}

static int hire_all(struct crew *c, struct err *e)
{
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < c->jobs; i++)
		if (!c->workers[i].pid)
			rc = hire(c, &c->workers[i], e);
	return rc;
}

/* Whatever it would yet do. Its status is that of its own end, when it was about to. */
static int let_go(struct worker *w)
{
	int status = 0;
	kill(w->pid, SIGKILL); /* not reaped, so the pid is still its own */
	while (waitpid(w->pid, &status, 0) < 0 && errno == EINTR)
		;
	put_fd(&w->notes, -1);
	w->pid = 0;
	return status;
}

pid_t fetch_flush(int disk)
{
	pid_t pid = fork();
	if (pid)
		return pid < 0 ? -errno : pid;
	if (dup2(disk, 0) < 0)
		_exit(errno);
	fds_close(1, ~0u, 0); /* locks end with the pull, and who reads what it says sees its end */
	_exit(syncfs(0) < 0 ? errno : 0);
}

/* What is there goes to the disk while the rest comes, so that the wait at the end is a short one.
 */
static void flush(struct crew *c)
{
	if (c->flusher)
		return;
	c->unflushed = 0;
	c->flusher = fetch_flush(c->f->disk);
	if (c->flusher < 0) /* it is for speed alone */
		c->flusher = 0;
}

static int look_for_flusher(struct crew *c, struct err *e)
{
	int status = 0;
	if (!c->flusher || waitpid(c->flusher, &status, WNOHANG) != c->flusher)
		return 0;
	c->flusher = 0;
	return WEXITSTATUS(status) ? fail(e, WEXITSTATUS(status), "write the layers to disk") : 0;
}

/* Nothing that it does after its last word is waited for. */
static int read_note(struct crew *c, struct worker *w, struct err *e)
{
	struct note n;
	ssize_t got;
	do {
		got = read(w->notes, &n, sizeof(n));
	} while (got < 0 && errno == EINTR);
	if (got == 0)
		return died(&c->f->manifest->layers.v[w->layer], let_go(w), e);
	if (got != sizeof(n))
		return fail(e, got < 0 ? errno : EIO, "hear from a layer's process");
	if (++c->unflushed >= FLUSH)
		flush(c);
	if (n.last)
		let_go(w);
	n.message[sizeof(n.message) - 1] = 0;
	if (n.last && n.code < 0)
		return refuse(e, n.code, "%s", n.message);
	tell(c->f, w->layer, n.last ? LAYER_DONE : LAYER_RUNNING, n.bytes);
	return 0;
}

static bool busy(const struct crew *c)
{
	for (size_t i = 0; i < c->jobs; i++)
		if (c->workers[i].pid)
			return true;
	return false;
}

/* From where nothing is known but which blobs must come, to where all is, and said. */
static int open_gate(struct crew *c, struct err *e)
{
	const struct fetch *f = c->f;
	int rc = 0;
	for (size_t i = 0; i < f->manifest->layers.n; i++)
		c->begun[i] = !f->blob[i];
	if (f->ready && f->early)
		rc = hire_all(c, e);
	if (rc == 0 && f->ready)
		rc = f->ready(f->arg, e);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < f->manifest->layers.n; i++) {
		bool runs = f->blob[i] && c->begun[i];
		c->begun[i] = runs || (!f->blob[i] && !f->tree[i]);
		snprintf(c->common->diff_ids[i], DIGEST_TEXT, "%s", f->diff_ids->v[i]);
		tell(f, i, runs ? LAYER_RUNNING : c->begun[i] ? LAYER_PRESENT : LAYER_WAITING, 0);
	}
	put_fd(&c->bar, -1);
	return 0;
}

static int heed_signal(struct crew *c, struct err *e)
{
	struct signalfd_siginfo info;
	if (read(c->signals, &info, sizeof(info)) != sizeof(info))
		return 0;
	return info.ssi_signo == SIGCHLD ? look_for_flusher(c, e) : refuse(e, EINTR, "interrupted");
}

static int oversee(struct crew *c, struct err *e)
{
	int rc = hire_all(c, e);
	while (rc == 0 && (busy(c) || c->flusher)) {
		struct pollfd fds[JOBS_MAX + 1] = { { .fd = c->signals, .events = POLLIN } };
		for (size_t i = 0; i < c->jobs; i++) {
			const struct worker *w = &c->workers[i];
			fds[i + 1] = (struct pollfd){ w->pid ? w->notes : -1, POLLIN, 0 };
		}
		if (poll(fds, c->jobs + 1, -1) < 0) {
			if (errno != EINTR)
				return fail(e, errno, "wait for the layers");
			continue;
		}
		if (fds[0].revents)
			rc = heed_signal(c, e);
		for (size_t i = 0; rc == 0 && i < c->jobs; i++)
			if (fds[i + 1].revents)
				rc = read_note(c, &c->workers[i], e);
		if (rc == 0)
			rc = hire_all(c, e);
	}
	return rc;
}

static void dismiss(struct crew *c)
{
	for (size_t i = 0; i < c->jobs; i++)
		if (c->workers[i].pid)
			let_go(&c->workers[i]);
	if (c->flusher)
		kill(c->flusher, SIGKILL); /* as soon as the disk lets it go */
}

static size_t processors_here(void)
{
	cpu_set_t set;
	return sched_getaffinity(0, sizeof(set), &set) < 0 ? 1 : (size_t)CPU_COUNT(&set);
}

static int fetch_with(struct crew *c, struct err *e)
{
	sigset_t ends;
	signals_ending(&ends);
	sigaddset(&ends, SIGCHLD);
	auto_close int signals = signals_fd_of(&ends);
	if (signals < 0)
		return fail(e, signals, "wait for signals");
	c->signals = signals;
	int rc = open_gate(c, e);
	if (rc == 0 && (busy(c) || next_layer(c) >= 0))
		rc = oversee(c, e);
	/* Who ended it has been heard: what was made is removed yet. */
	for (struct signalfd_siginfo info; rc < 0 && read(signals, &info, sizeof(info)) > 0;)
		;
	return rc;
}

static int fetch_by(struct crew *c, struct err *e)
{
	int gate[2];
	if (pipe2(gate, O_CLOEXEC) < 0)
		return fail(e, errno, "make a pipe");
	auto_close int through = gate[0];
	auto_close int view = c->f->origin->network ? confine_view() : -1;
	c->bar = gate[1];
	c->gate = through;
	c->view = view;
	sigprocmask(SIG_SETMASK, NULL, &c->mask);
	int rc = fetch_with(c, e);
	dismiss(c);
	put_fd(&c->bar, -1);
	sigprocmask(SIG_SETMASK, &c->mask, NULL);
	return rc;
}

int fetch_layers(const struct fetch *f, struct err *e)
{
	struct crew c = { .f = f, .jobs = f->jobs, .processors = processors_here() };
	if (!c.jobs)
		c.jobs = c.processors < JOBS_MIN ? JOBS_MIN : c.processors;
	if (c.jobs > JOBS_MAX)
		c.jobs = JOBS_MAX;
	c.common = mmap(NULL, sizeof(*c.common), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			-1, 0);
	if (c.common == MAP_FAILED)
		return fail(e, errno, "fetch the layers");
	int rc = fetch_by(&c, e);
	munmap(c.common, sizeof(*c.common));
	return rc;
}
