/* pull.c - an image comes into the store. */
#include "image/pull.h"
#include "base/file.h"
#include "base/loop.h"
#include "base/sha256.h"
#include "image/space.h"
#include "image/tree.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define INDEX_DEPTH 3 /* an index in an index exists; more is a mistake */

/* One pull on its way. */
struct pulling {
	const struct store *store;
	const struct pull_request *request;
	struct arena *arena;
	struct ref ref;
	struct origin *origin;
	struct platform platform;
	struct limits limits;
	struct buf manifest_text, config_text;
	const char *known; /* the manifest's digest by what led to it; NULL: nothing said it */
	struct image image;
	struct fetch fetch;
	struct space space;
	bool room; /* for it, as far as is known */
};

static int open_origin(struct pulling *p, struct err *e)
{
	int rc = ref_parse(p->request->text, p->arena, &p->ref, e);
	if (rc == 0)
		rc = ref_qualify_here(&p->ref, p->arena, e);
	if (rc < 0)
		return rc;
	if (p->ref.kind == REF_LAYOUT)
		rc = layout_open(&p->ref, p->arena, &p->origin, e);
	else if (p->ref.kind == REF_REGISTRY)
		rc = registry_open(&p->ref, &p->request->origin, p->arena, &p->origin, e);
	else
		rc = archive_open(&p->ref, &p->limits, p->arena, &p->origin, e);
	if (rc < 0)
		return rc;
	p->image.name = p->request->as ? p->request->as : ref_text(&p->ref, p->arena);
	return p->image.name ? 0 : fail(e, E2BIG, "pull %.200s", p->request->text);
}

/* Follows indexes to the manifest for the platform. */
static int get_manifest(struct pulling *p, struct err *e)
{
	const char *type, *digest = NULL;
	struct buf *b = &p->manifest_text;
	const struct signers *who = &p->request->signers;
	p->known = p->origin->digest;
	for (int depth = 0; depth <= INDEX_DEPTH; depth++) {
		struct index ix;
		const struct descriptor *d;
		b->len = 0;
		b->max = MANIFEST_MAX + 1;
		int rc = p->origin->document(p->origin, digest, b, &type, e);
		if (rc < 0)
			return rc;
		rc = limits_document("manifest", (int64_t)b->len, p->limits.manifest, e);
		/* What an index has is signed with it. */
		if (rc == 0 && who->keys.n && depth == 0)
			rc = signature_check(p->origin, &p->ref, b, who, e);
		if (rc < 0)
			return within(e, "%.200s", p->image.name);
		int kind = document_kind(b->p ? b->p : "", b->len, type, e);
		if (kind == DOC_INDEX)
			rc = index_parse(b->p, b->len, p->arena, &ix, e);
		else if (kind == DOC_MANIFEST)
			rc = manifest_parse(b->p, b->len, p->arena, &p->image.manifest, e);
		else
			rc = kind;
		if (rc == 0 && kind == DOC_INDEX)
			rc = index_choose(&ix, &p->platform, &d, e);
		if (rc < 0)
			return within(e, "%.200s", p->image.name);
		if (kind == DOC_MANIFEST)
			return 0;
		digest = p->known = d->digest;
	}
	return refuse(e, ELOOP, "%.200s: an index in an index in an index", p->image.name);
}

static void describe_manifest(struct pulling *p, char own[SHA256_TEXT])
{
	const char *type = p->image.manifest.media_type;
	sha256_text(p->manifest_text.p, p->manifest_text.len, own);
	p->image.descriptor =
		(struct descriptor){ .digest = p->known ? p->known : own,
				     .size = (int64_t)p->manifest_text.len,
				     .media_type = type && *type ? type : MEDIA_OCI_MANIFEST };
}

static int get_config(struct pulling *p, struct err *e)
{
	const struct descriptor *d = &p->image.manifest.config;
	struct buf *b = &p->config_text;
	int rc = limits_document("config", d->size, p->limits.config, e);
	/* What the store has need not come again. */
	struct err absent;
	if (rc == 0 && store_blob_read(p->store, d, b, &absent) < 0) {
		b->len = 0;
		rc = origin_read(p->origin, d, "configuration", b, e);
	}
	if (rc == 0)
		rc = config_parse(b->p, b->len, &p->image.manifest, p->arena, &p->image.config, e);
	return rc < 0 ? within(e, "%.200s", p->image.name) : 0;
}

/* What it does not say fits. */
static int check_platform(const struct pulling *p, struct err *e)
{
	const struct image_config *c = &p->image.config;
	const char *os = c->os ? c->os : p->platform.os;
	const char *arch = c->architecture ? c->architecture : p->platform.architecture;
	if (platform_fit(&(struct platform){ arch, os, NULL }, &p->platform))
		return 0;
	return refuse(e, ENOEXEC,
		      "%.200s is for %.20s/%.20s, not %s/%s; "
		      "pull it all the same with --platform %.20s/%.20s",
		      p->image.name, os, arch, p->platform.os, p->platform.architecture, os, arch);
}

static bool lacks(const struct pulling *p, const struct descriptor *d)
{
	struct err absent;
	auto_close int blob = store_blob_open(p->store, d->digest, d->size, &absent);
	return blob < 0;
}

/* Which blobs the store lacks; whether any. */
static bool lacks_blobs(struct pulling *p)
{
	bool any = false;
	for (size_t i = 0; i < p->image.manifest.layers.n; i++)
		any |= p->fetch.blob[i] = lacks(p, &p->image.manifest.layers.v[i]);
	return any;
}

/* What the configuration is needed for: whether the image is for this machine, and which layers are
 * unpacked already. */
static int get_layout(struct pulling *p, struct err *e)
{
	int rc = get_config(p, e);
	if (rc == 0)
		rc = check_platform(p, e);
	if (rc == 0)
		rc = image_chains(&p->image.config.rootfs.diff_ids, p->arena, &p->image.chains, e);
	for (size_t i = 0; rc == 0 && i < p->image.chains.n; i++) {
		struct err absent;
		auto_close int tree = store_layer_open(p->store, p->image.chains.v[i], &absent);
		p->fetch.tree[i] = tree < 0;
	}
	return rc;
}

/* Whether the store lacks anything. */
static bool lacks_any(const struct pulling *p)
{
	const struct fetch *f = &p->fetch;
	bool any = lacks(p, &p->image.manifest.config) || lacks(p, &p->image.descriptor);
	for (size_t i = 0; i < p->image.manifest.layers.n; i++)
		any |= f->blob[i] || f->tree[i];
	return any;
}

#define LEVELS 32 /* what is deeper is looked for in more layers than need be */

/* Of one directory after the other, those that it is in, and which layers have each: most layers
 * have no more than the first few of them. */
struct lineage {
	const char *path;
	size_t deep;
	struct {
		size_t len, n;
		int trees[LAYERS_MAX];
	} levels[LEVELS];
};

/* The layers that may have the path are then those of the last level. */
static void lineage_follow(struct lineage *l, const char *path)
{
	const char *slash = strrchr(path, '/');
	size_t parent = slash ? (size_t)(slash - path) : 0, len = l->levels[l->deep].len;
	while (len && (len > parent || path[len] != '/' || memcmp(path, l->path, len) != 0))
		len = l->levels[--l->deep].len;
	while (len < parent && l->deep < LEVELS - 1) {
		size_t at = l->deep++;
		len += (len > 0) + strcspn(path + len + (len > 0), "/");
		l->levels[at + 1].len = len;
		l->levels[at + 1].n = tree_having(l->levels[at].trees, l->levels[at].n, path, len,
						  l->levels[at + 1].trees);
	}
	l->path = path;
}

/* Shapes the directories of layer i that no entry described, as the layers below have them. */
static int adopt(int work, size_t i, const int *trees, struct err *e)
{
	char name[FETCH_NAME];
	auto_buf list = { 0 };
	struct lineage l = { .levels[0].n = i };
	memcpy(l.levels[0].trees, trees, i * sizeof(*trees));
	fetch_name(name, 'i', i);
	int rc = file_read(work, name, &list, e);
	for (size_t at = 0; rc == 0 && at < list.len; at += strlen(list.p + at) + 1) {
		lineage_follow(&l, list.p + at);
		rc = tree_adopt(trees[i], list.p + at, l.levels[l.deep].trees, l.levels[l.deep].n,
				e);
	}
	return rc;
}

/* In the order of the layers: each stands on those before it. */
static int shape_trees(const struct pulling *p, const struct fetch *f, struct err *e)
{
	int trees[LAYERS_MAX], rc = 0;
	size_t n = 0;
	while (rc == 0 && n < p->image.chains.n) {
		char name[FETCH_NAME];
		fetch_name(name, 't', n);
		if (f->tree[n])
			trees[n] = openat(f->work, name,
					  O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		else
			trees[n] = store_layer_open(p->store, p->image.chains.v[n], e);
		if (trees[n] < 0)
			rc = f->tree[n] ? fail(e, errno, "open an unpacked layer") : trees[n];
		else
			n++;
		if (rc == 0 && f->tree[n - 1])
			rc = adopt(f->work, n - 1, trees, e);
	}
	while (n)
		close(trees[--n]);
	return rc;
}

static int put_document(const struct fetch *f, const char *name, const struct buf *b, struct err *e)
{
	auto_close int fd = openat(f->work, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	int rc = fd < 0 ? -errno : write_all(fd, b->p, b->len);
	return rc < 0 ? fail(e, rc, "write to the store") : 0;
}

/* Until it has ended. A signal to end the program ends it, and is then heard. */
static int attend(pid_t pid, int *status, struct err *e)
{
	struct signalfd_siginfo info;
	sigset_t set;
	signals_ending(&set);
	sigaddset(&set, SIGCHLD);
	auto_close int signals = signals_fd_of(&set);
	struct pollfd heard = { .fd = signals, .events = POLLIN };
	int rc = signals < 0 ? fail(e, signals, "wait for signals") : 0;
	while (rc == 0 && waitpid(pid, status, WNOHANG) == 0) {
		if (poll(&heard, 1, -1) < 0 && errno != EINTR)
			rc = fail(e, errno, "wait for a process");
		else if (read(signals, &info, sizeof(info)) == sizeof(info) &&
			 info.ssi_signo != SIGCHLD)
			rc = refuse(e, EINTR, "interrupted");
	}
	if (rc < 0)
		kill(pid, SIGKILL); /* as soon as the disk lets it go */
	return rc;
}

static int wait_for_disk(const struct fetch *f, struct err *e)
{
	int status = SIGKILL;
	pid_t pid = fetch_flush(f->disk);
	int rc = pid > 0 ? attend(pid, &status, e) : 0;
	if (rc < 0)
		return rc;
	int code = WEXITSTATUS(status);
	if (pid < 0 || !WIFEXITED(status)) /* nobody said so: once more */
		code = syncfs(f->disk) < 0 ? errno : 0;
	return code ? fail(e, code, "write the layers to disk") : 0;
}

/* Another's wait for the disk may be a long one: a process takes the lock, which is ours then. */
static int lock_names(const struct store *s, struct err *e)
{
	auto_close int lock = store_names_open(s, e);
	int status = 0;
	if (lock < 0 || flock(lock, LOCK_EX | LOCK_NB) == 0)
		return take_fd(&lock);
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(flock(lock, LOCK_EX) < 0 ? errno : 0);
	}
	int rc = pid < 0 ? fail(e, errno, "fork") : attend(pid, &status, e);
	if (rc == 0 && status)
		rc = fail(e, WIFEXITED(status) ? WEXITSTATUS(status) : EIO, "lock the store");
	return rc < 0 ? rc : take_fd(&lock);
}

/* What is named by its digest is whole, also after a crash: one wait for the disk comes before all
 * the names, of which the image's is the last. If the machine goes before these are on the disk,
 * the next pull brings what they name. */
static int commit(const struct pulling *p, const struct fetch *f, struct err *e)
{
	const struct descriptor *d = &p->image.descriptor;
	auto_close int lock = lock_names(p->store, e);
	int named = lock < 0 ? lock : store_name_stage(p->store, p->image.name, d, f->work, e);
	int rc = named < 0 ? named : put_document(f, "config", &p->config_text, e);
	if (rc == 0)
		rc = put_document(f, "manifest", &p->manifest_text, e);
	if (rc == 0)
		rc = wait_for_disk(f, e);
	for (size_t i = 0; rc == 0 && i < p->image.chains.n; i++) {
		char blob[FETCH_NAME], tree[FETCH_NAME];
		fetch_name(blob, 'b', i);
		fetch_name(tree, 't', i);
		if (f->blob[i])
			rc = store_blob_commit(p->store, f->work, blob,
					       p->image.manifest.layers.v[i].digest, e);
		if (rc == 0 && f->tree[i])
			rc = store_layer_commit(p->store, f->work, tree, p->image.chains.v[i], e);
	}
	if (rc == 0)
		rc = store_blob_commit(p->store, f->work, "config", p->image.manifest.config.digest,
				       e);
	if (rc == 0)
		rc = store_blob_commit(p->store, f->work, "manifest", d->digest, e);
	if (rc == 0 && named)
		rc = store_name_commit(p->store, f->work, e);
	return rc;
}

static void on_progress(void *arg, const struct fetch_progress *progress)
{
	struct pulling *p = arg;
	space_progress(&p->space, progress);
	if (p->request->progress)
		p->request->progress(p->request->arg, progress);
}

static int on_ready(void *arg, struct err *e)
{
	struct pulling *p = arg;
	int rc = p->fetch.early ? get_layout(p, e) : 0;
	if (rc == 0)
		rc = space_check(&p->space, &p->fetch, e);
	p->room = rc == 0;
	return rc;
}

static int get_by_work(struct pulling *p, struct err *e)
{
	char name[STORE_WORK_NAME];
	struct fetch *f = &p->fetch;
	f->work = store_work_begin(p->store, name, e);
	if (f->work < 0)
		return f->work;
	auto_close int disk = openat(f->work, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	f->disk = disk;
	f->ready = on_ready;
	int rc = disk < 0 ? fail(e, errno, "open the work directory") : fetch_layers(f, e);
	if (rc == 0)
		rc = shape_trees(p, f, e);
	if (rc == 0)
		rc = commit(p, f, e);
	if (rc < 0 && p->room)
		space_blame(&p->space, e);
	store_work_end(p->store, f->work, name);
	return rc;
}

/* Who is ended in the middle of it leaves nothing in the store but what is whole. */
static int get_layers(struct pulling *p, struct err *e)
{
	sigset_t was;
	signals_hold(&was);
	int rc = get_by_work(p, e);
	sigprocmask(SIG_SETMASK, &was, NULL);
	return rc;
}

/* A registry is asked for the first layers together with the configuration. */
static int get_content(struct pulling *p, struct err *e)
{
	p->fetch = (struct fetch){ .origin = p->origin,
				   .store = p->store,
				   .manifest = &p->image.manifest,
				   .diff_ids = &p->image.config.rootfs.diff_ids,
				   .jobs = p->request->jobs,
				   .limits = &p->limits,
				   .progress = on_progress,
				   .arg = p };
	if (limits_packed(&p->limits, &p->image.manifest.layers, e) < 0)
		return within(e, "%.200s", p->image.name);
	p->fetch.early = lacks_blobs(p) && p->origin->network;
	int rc = p->fetch.early ? 0 : get_layout(p, e);
	if (rc < 0)
		return rc;
	if (p->fetch.early || lacks_any(p))
		return get_layers(p, e);
	store_sweep(p->store);
	rc = fetch_layers(&p->fetch, e); /* which says that all is there */
	return rc < 0 ? rc : store_name_put(p->store, p->image.name, &p->image.descriptor, e);
}

static int steps(struct pulling *p, char *digest, struct err *e)
{
	int rc = limits_check(&p->limits, e);
	if (rc == 0 && p->request->signers.name && !p->request->signers.keys.n)
		rc = refuse(e, EINVAL, "option --verify-name: only with --verify-key");
	if (rc == 0)
		rc = open_origin(p, e);
	if (rc == 0)
		rc = get_manifest(p, e);
	if (rc < 0)
		return rc;
	describe_manifest(p, digest);
	return get_content(p, e);
}

int pull(const struct store *s, const struct pull_request *r, struct arena *a, struct image *out,
	 struct err *e)
{
	struct pulling p = { .store = s, .request = r, .arena = a };
	char *digest = arena_alloc(a, SHA256_TEXT);
	if (!digest)
		return fail(e, E2BIG, "pull %.200s", r->text);
	p.platform = r->platform ? *r->platform : platform_here();
	p.limits = r->limits ? *r->limits : LIMITS_DEFAULT;
	int rc = steps(&p, digest, e);
	if (p.origin)
		p.origin->close(p.origin);
	buf_free(&p.manifest_text);
	buf_free(&p.config_text);
	if (rc < 0)
		return rc;
	p.image.size = p.image.descriptor.size + p.image.manifest.config.size;
	for (size_t i = 0; i < p.image.manifest.layers.n; i++)
		p.image.size += p.image.manifest.layers.v[i].size;
	*out = p.image;
	return 0;
}
