/* bundledir.c - a bundle of a root file system and config.json, for any runtime. */
#include "monitor/bundledir.h"
#include "base/file.h"
#include "base/loop.h"
#include "base/proc.h"
#include "box/subid.h"
#include "image/mountset.h"
#include "image/treecopy.h"
#include "monitor/cnb.h"
#include "monitor/runsource.h"
#include "monitor/runvolume.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#define IMAGE_NOTE "org.opencontainers.image."

/* One on its way. */
struct bundling {
	const struct bundle_request *r;
	struct arena *a;
	const char *path;
	int dir;
	bool ours; /* we made the directory */
	struct store store;
	struct image *image; /* NULL: a directory */
	struct spec *spec;
};

static int check_empty(const struct bundling *b, struct err *e)
{
	int fd = openat(b->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	int rc = d ? 0 : fail(e, errno, "read %s", b->path);
	for (struct dirent *entry; rc == 0 && (entry = readdir(d));)
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			rc = refuse(e, EEXIST, "%s is not empty: name a directory that is, or none",
				    b->path);
	if (d)
		closedir(d);
	return rc;
}

static int open_directory(struct bundling *b, struct err *e)
{
	b->path = path_absolute(b->a, b->r->directory);
	if (!b->path)
		return fail(e, errno, "bundle %s", b->r->directory);
	b->ours = mkdir(b->path, 0755) == 0;
	if (!b->ours && errno != EEXIST)
		return fail(e, errno, "make directory %s", b->path);
	b->dir = open(b->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (b->dir < 0)
		return fail(e, errno, "open directory %s", b->path);
	return b->ours ? 0 : check_empty(b, e);
}

/* Labels are words for people. Those that would be an order to some runtime or to who manages
 * containers are left out. */
static bool harmless(const char *key)
{
	static const char *const orders[] = {
		"coracle.",
		"org.coracle.",
		"run.oci.",
		"org.systemd.property.",
		"org.criu.",
		"io.kubernetes.",
		"io.container",
		"containerd.io/",
		"io.cri-",
		"io.podman.",
		"cdi.k8s.io/",
		"io.kata",
		"module.wasm.",
		"com.github.containers.",
		"org.opencontainers.runc.",
		"krun.",
		"dev.gvisor.",
	};
	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++)
		if (!strncmp(key, orders[i], strlen(orders[i])))
			return false;
	return *key;
}

/* What is said already, of the user or of a label, stays. */
static int note(const struct bundling *b, const char *key, const char *value, struct err *e)
{
	bool fresh = value && *value && !pairs_get(&b->spec->annotations, key);
	return fresh ? runspec_note(b->spec, key, value, b->a, e) : 0;
}

/* What the image-spec wants a configuration of the runtime to keep of an image's. */
static int add_notes(const struct bundling *b, struct err *e)
{
	const struct image_config *c = &b->image->config;
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < c->config.labels.n; i++)
		if (harmless(c->config.labels.v[i].key))
			rc = note(b, c->config.labels.v[i].key, c->config.labels.v[i].value, e);
	const char *own = b->r->options.stop_signal, *stop = own ? own : c->config.stop_signal;
	if (stop && signal_parse(stop) < 0)
		stop = NULL;
	if (rc == 0)
		rc = note(b, IMAGE_NOTE "os", c->os, e);
	if (rc == 0)
		rc = note(b, IMAGE_NOTE "architecture", c->architecture, e);
	if (rc == 0)
		rc = note(b, IMAGE_NOTE "created", c->created, e);
	return rc < 0 ? rc : note(b, IMAGE_NOTE "stopSignal", stop, e);
}

/* A user's bundle is for runtimes that make the user namespace themselves, in which its files are
 * those of the container's ids. There is no cgroup to make rules for devices in. */
static int add_user(struct spec *s, struct arena *a, struct err *e)
{
	int rc = subid_ids(a, s->linux_, e);
	struct spec_namespace *user = rc == 0 ? LIST_ADD(a, &s->linux_->namespaces) : NULL;
	const struct spec_resources *r = s->linux_->resources;
	if (!user)
		return rc < 0 ? rc : fail(e, E2BIG, "user namespace");
	*user = (struct spec_namespace){ .type = "user" };
	/* Who may set no groups, those of the image neither; and runc lets nobody but root. */
	if (subid_alone() || s->process->user.additional_gids.n == 1)
		s->process->user.additional_gids.n = 0;
	s->linux_->resources->devices.n = 0;
	if (!r->memory && !r->cpu && !r->pids_limit.set)
		s->linux_->resources = NULL;
	return 0;
}

/* Nobody can tell who uses a bundle: to keep its volumes is up to who does. */
static int add_volumes(struct bundling *b, int rootfs, struct err *e)
{
	const struct volume_use u = { .store = &b->store, .rootfs = rootfs };
	if (!volumes_wanted(b->spec))
		return 0;
	int rc = b->image ? 0 : store_open(b->r->options.store, &b->store, e);
	if (rc == 0)
		rc = volumes_apply(b->spec, &u, b->a, e);
	if (!b->image)
		store_close(&b->store);
	return rc;
}

static int write_config(struct bundling *b, int rootfs, const char *root, struct err *e)
{
	const struct run_options *o = &b->r->options;
	const char *id = o->name ? o->name : strrchr(b->path, '/') + 1;
	const struct run_subject subject = { .image = b->image,
					     .rootfs = rootfs,
					     .command = b->r->command,
					     .id = id,
					     .hostname = id };
	struct sources none = { .n = 0 };
	int rc = runspec_make(o, &subject, b->a, &b->spec, e);
	if (rc == 0) /* nothing in it is newer, and older runtimes ask */
		b->spec->oci_version = "1.0.2";
	if (rc == 0 && b->image)
		rc = add_notes(b, e);
	if (rc == 0 && subid_inside())
		rc = add_user(b->spec, b->a, e);
	if (rc == 0)
		rc = sources_refuse(b->spec, e);
	if (rc == 0)
		rc = add_volumes(b, rootfs, e);
	if (rc == 0)
		rc = sources_make(&none, b->spec, &(struct source_use){ 0 }, b->a, e);
	if (rc < 0)
		return rc;
	b->spec->root->path = root;
	return spec_save(b->path, NULL, b->spec, e);
}

static int copy_image(struct bundling *b, int work, struct err *e)
{
	auto_close int from = image_mount_work(&b->store, b->image, work, e);
	if (from < 0)
		return from;
	if (mkdirat(b->dir, "rootfs", 0755) < 0)
		return fail(e, errno, "make directory %s/rootfs", b->path);
	auto_close int to = openat(b->dir, "rootfs",
				   O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (to < 0)
		return fail(e, errno, "open directory %s/rootfs", b->path);
	int rc = tree_copy(from, to, e);
	return rc < 0 ? within(e, "%s/rootfs", b->path) : write_config(b, to, "rootfs", e);
}

static int from_image(struct bundling *b, struct err *e)
{
	char name[STORE_WORK_NAME];
	int work = store_work_begin(&b->store, name, e);
	if (work < 0)
		return work;
	int rc = copy_image(b, work, e);
	store_work_end(&b->store, work, name);
	return rc;
}

static int from_directory(struct bundling *b, struct err *e)
{
	auto_close int fd = open(b->r->source, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return fail(e, errno, "root file system %s", b->r->source);
	const char *root = path_of(fd, b->a, e); /* without links: runtimes want it so */
	return root ? write_config(b, fd, root, e) : -e->code;
}

static void undo(const struct bundling *b)
{
	struct err ignored;
	tree_remove(b->dir, "rootfs", &ignored);
	unlinkat(b->dir, "config.json", 0);
	if (b->ours)
		rmdir(b->path);
}

/* With signals that would end us held back until all is there or nothing is. */
static int make(struct bundling *b, struct err *e)
{
	sigset_t before;
	signals_hold(&before);
	int rc = open_directory(b, e);
	bool clean = rc == 0 || b->ours; /* what was there before is not ours to remove */
	if (rc == 0)
		rc = b->image ? from_image(b, e) : from_directory(b, e);
	if (rc < 0 && clean)
		undo(b);
	put_fd(&b->dir, -1);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return rc;
}

int bundle_make(const struct bundle_request *request, struct arena *a, struct err *e)
{
	struct bundle_request own = *request, *r = &own; /* with what an app's image decides */
	struct run_options *o = &r->options;
	struct bundling b = { .r = r, .a = a, .dir = -1, .store = { -1, -1 } };
	int rc = cnb_check(o, e);
	if (rc == 0)
		rc = subid_enter(e);
	if (rc < 0 || o->rootfs)
		return rc < 0 ? rc : make(&b, e);
	rc = store_open(o->store, &b.store, e);
	if (rc < 0)
		return rc;
	rc = cnb_obtain(&b.store, r->source, o, r->command.n, a, &b.image, e);
	if (rc == 0)
		rc = make(&b, e);
	store_close(&b.store); /* until now nobody could take the image's layers away */
	return rc;
}
