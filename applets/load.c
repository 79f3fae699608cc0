/* load.c - `coracle load`: images out of a tar file or a layout, all of them. */
#include "image/load.h"
#include "applets.h"
#include "base/file.h"
#include "box/subid.h"
#include "image/progress.h"
#include "image/pull.h"
#include "image/show.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define PIPE_CHUNK 65536

struct load_options {
	const char *store, *input, *format, *platform;
	bool quiet;
};

static const struct opt options[] = {
	OPT(OPT_PATH, load_options, store, 0, "store", "DIR",
	    "the image store (default: $CORACLE_STORE or " DEFAULT_STORE ")"),
	OPT(OPT_PATH, load_options, store, 0, "root", "DIR", NULL),
	OPT(OPT_STR, load_options, input, 'i', "input", "FILE",
	    "the archive or layout (default, and -: standard input)"),
	OPT(OPT_MAYBE_STR, load_options, platform, 0, "platform", "OS/ARCH[/VARIANT]",
	    "instead of this machine's"),
	OPT(OPT_FLAG, load_options, quiet, 'q', "quiet", NULL, "show no progress"),
	OPT(OPT_STR, load_options, format, 0, "format", "table|json",
	    "how to print what was loaded: its names, or JSON"),
	{ 0 },
};

/* One load on its way. */
struct loading {
	const struct load_options *o;
	const struct store *store;
	const char *input, *name; /* what to call it; what the user wants the image called */
	struct platform platform;
	enum show how;
	struct buf out;
};

/* What comes by a pipe is read in one go: the archive's members are wanted in another order. */
static int spool(int work, struct err *e)
{
	char chunk[PIPE_CHUNK];
	auto_close int fd = openat(work, "input", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail(e, errno, "make a file in the store");
	for (;;) {
		ssize_t n = read(STDIN_FILENO, chunk, sizeof(chunk));
		if (n < 0 && errno == EINTR)
			continue;
		int rc = n > 0 ? write_all(fd, chunk, (size_t)n) : 0;
		if (n < 0 || rc < 0)
			return fail(e, n < 0 ? errno : rc, "read standard input");
		if (!n)
			return take_fd(&fd);
	}
}

static int load_one(struct loading *l, const struct loadable *one, struct err *e)
{
	struct image im;
	struct progress progress = { .fd = l->o->quiet ? -1 : STDERR_FILENO };
	auto_arena *a = arena_new(ARENA_IMAGE);
	const char *first = l->name ? l->name : one->names.v[0];
	const struct pull_request r = { .text = one->text,
					.as = first,
					.platform = l->o->platform ? &l->platform : NULL,
					.progress = progress_layer,
					.arg = &progress };
	int rc = a ? pull(l->store, &r, a, &im, e) : fail(e, ENOMEM, "load");
	progress_end(&progress);
	if (rc == 0 && l->how == SHOW_JSON)
		show_pulled(&im, l->how, &l->out);
	else if (rc == 0)
		buf_printf(&l->out, "%s\n", first);
	for (size_t i = 1; rc == 0 && !l->name && i < one->names.n; i++) {
		im.name = one->names.v[i];
		rc = store_name_put(l->store, im.name, &im.descriptor, e);
		if (rc == 0 && l->how == SHOW_JSON)
			show_pulled(&im, l->how, &l->out);
		else if (rc == 0)
			buf_printf(&l->out, "%s\n", im.name);
	}
	return rc;
}

/* Every image will have a name, and each its own. */
static int check_names(const struct loading *l, const struct loadables *all, struct err *e)
{
	if (l->name && all->n > 1)
		return refuse(e, EINVAL, "%zu images are in it: they cannot all be %s", all->n,
			      l->name);
	if (l->name || all->v[0].names.n)
		return 0;
	if (all->n > 1)
		return refuse(e, EINVAL,
			      "none of the %zu images in it has a whole name: name one as in "
			      "coracle pull oci-archive:FILE:TAG",
			      all->n);
	return refuse(e, EINVAL,
		      "the image in it has no whole name: give it one as in coracle load -i FILE "
		      "NAME");
}

static int load_all(struct loading *l, const char *path, struct arena *a, struct err *e)
{
	struct loadables all;
	int rc = load_list(path, a, &all, e);
	if (rc == 0)
		rc = check_names(l, &all, e);
	for (size_t i = 0; rc == 0 && i < all.n; i++)
		rc = load_one(l, &all.v[i], e);
	return rc < 0 ? within(e, "load %.200s", l->input) : 0;
}

/* As it was named, if a reference can hold that, else by its fd. */
static int load_from(struct loading *l, int fd, struct arena *a, struct err *e)
{
	char link[32];
	struct stat st;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && !st.st_size)
		return refuse(e, EBADMSG, "load %.200s: it is empty", l->input);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	return load_all(l, link, a, e);
}

static int from_stdin(struct loading *l, struct arena *a, struct err *e)
{
	struct stat st;
	char name[STORE_WORK_NAME];
	if (fstat(STDIN_FILENO, &st) == 0 && S_ISREG(st.st_mode))
		return load_from(l, STDIN_FILENO, a, e);
	if (isatty(STDIN_FILENO))
		return refuse(e, EINVAL, "no archive: name a file with -i, or redirect the input");
	int work = store_work_begin(l->store, name, e);
	if (work < 0)
		return work;
	auto_close int fd = spool(work, e);
	int rc = fd < 0 ? fd : load_from(l, fd, a, e);
	store_work_end(l->store, work, name);
	return rc;
}

static int from_file(struct loading *l, struct arena *a, struct err *e)
{
	if (!strchr(l->input, ':'))
		return load_all(l, l->input, a, e);
	auto_close int fd = open(l->input, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	return fd < 0 ? fail(e, errno, "load %s", l->input) : load_from(l, fd, a, e);
}

static int load(const struct call *c, struct err *e)
{
	const struct load_options *o = c->opts;
	struct store s;
	struct loading l = { .o = o, .store = &s, .input = o->input };
	auto_arena *a = arena_new(ARENA_IMAGE);
	int rc = a ? show_parse(o->format, true, &l.how, e) : fail(e, ENOMEM, "load");
	if (rc == 0 && o->platform)
		rc = platform_parse(o->platform, c->arena, &l.platform, e);
	if (rc == 0 && c->args.n)
		rc = store_name_new(c->args.v[0], c->arena, &l.name, e);
	if (rc == 0)
		rc = subid_enter(e); /* a layer has files of all ids */
	if (rc == 0)
		rc = store_open(o->store, &s, e);
	if (rc < 0)
		return rc;
	bool standard = !o->input || !strcmp(o->input, "-");
	l.input = standard ? "standard input" : o->input;
	rc = standard ? from_stdin(&l, a, e) : from_file(&l, a, e);
	store_close(&s);
	int printed = l.out.len ? cli_print(&l.out, rc < 0 ? &(struct err){ 0 } : e) : 0;
	buf_free(&l.out);
	return rc < 0 ? rc : printed;
}

const struct command applet_load = {
	.name = "load",
	.args = "[NAME]",
	.help = "get all images of a tar file or layout into the store",
	.more = "The file is what `coracle save`, `podman save`, `docker save` or `skopeo copy` to "
		"an oci-archive or docker-archive have written, plain or packed by gzip or zstd, "
		"or the directory of an OCI layout. The images keep their names, which are "
		"printed. NAME is for the one image of a file, instead of its own name or because "
		"it has none.",
	.opts = options,
	.opts_size = sizeof(struct load_options),
	.max_args = 1,
	.run = load,
};
