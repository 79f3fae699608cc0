/* save.c - `coracle save`: images of the store into a tar file. */
#include "image/save.h"
#include "applets.h"
#include "base/file.h"
#include "base/proc.h"
#include "image/image.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct save_options {
	const char *store, *output;
};

static const struct opt options[] = {
	OPT(OPT_PATH, save_options, store, 0, "store", "DIR",
	    "the image store (default: $CORACLE_STORE or " DEFAULT_STORE ")"),
	OPT(OPT_PATH, save_options, store, 0, "root", "DIR", NULL),
	OPT(OPT_STR, save_options, output, 'o', "output", "FILE",
	    "where to write it (default, and -: standard output)"),
	{ 0 },
};

static int to_stdout(const struct store *s, const struct strs *names, struct arena *a,
		     struct err *e)
{
	if (isatty(STDOUT_FILENO))
		return refuse(e, EINVAL,
			      "an archive is nothing for a terminal: name a file with -o, or "
			      "redirect the output");
	if (!proc_has_stdout())
		return fail(e, EBADF, "write to stdout");
	return images_save(s, names, STDOUT_FILENO, a, e);
}

/* A file without a name yet, which goes by itself if this program does; on file systems that have
 * none, one that is called name. */
static int create(const char *path, const char *name, bool *named, struct arena *a)
{
	const char *slash = strrchr(path, '/');
	const char *dir = !slash	  ? "."
			  : slash == path ? "/"
					  : arena_strn(a, path, (size_t)(slash - path));
	int fd = dir ? open(dir, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666) : -1;
	*named = fd < 0;
	return fd < 0 ? open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666) : fd;
}

/* In the place of what had that path. */
static int finish(int fd, const char *path, const char *name, bool named, struct err *e)
{
	char link[32];
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (fsync(fd) < 0 ||
	    (!named && linkat(AT_FDCWD, link, AT_FDCWD, name, AT_SYMLINK_FOLLOW) < 0))
		return fail(e, errno, "write %s", path);
	if (rename(name, path) == 0)
		return 0;
	int rc = fail(e, errno, "write %s", path);
	unlink(name);
	return rc;
}

/* It is there when it is whole, and not before. */
static int to_file(const struct store *s, const char *path, const struct strs *names,
		   struct arena *a, struct err *e)
{
	bool named;
	const char *name = arena_printf(a, "%s.%d.partial", path, (int)getpid());
	if (!name)
		return fail(e, ENOMEM, "save to %s", path);
	auto_close int fd = create(path, name, &named, a);
	if (fd < 0)
		return fail(e, errno, "create %s", path);
	int rc = images_save(s, names, fd, a, e);
	if (rc == 0)
		return finish(fd, path, name, named, e);
	if (named)
		unlink(name);
	return within(e, "save to %s", path);
}

/* A pipe or a device is written to as it is. */
static int to_special(const struct store *s, const char *path, const struct strs *names,
		      struct arena *a, struct err *e)
{
	auto_close int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return fail(e, errno, "open %s", path);
	int rc = images_save(s, names, fd, a, e);
	return rc < 0 ? within(e, "save to %s", path) : 0;
}

static int save(const struct call *c, struct err *e)
{
	const struct save_options *o = c->opts;
	struct store s;
	struct stat st;
	auto_arena *a = arena_new(4 * ARENA_IMAGE);
	int rc = a ? store_open(o->store, &s, e) : fail(e, ENOMEM, "save images");
	if (rc < 0)
		return rc;
	if (!o->output || !strcmp(o->output, "-"))
		rc = to_stdout(&s, &c->args, a, e);
	else if (stat(o->output, &st) < 0 || S_ISREG(st.st_mode))
		rc = to_file(&s, o->output, &c->args, a, e);
	else
		rc = to_special(&s, o->output, &c->args, a, e);
	store_close(&s);
	return rc;
}

const struct command applet_save = {
	.name = "save",
	.args = "IMAGE...",
	.help = "write images of the store to a tar file",
	.more = "The file is an OCI layout with the layers as they came, packed as they are: what "
		"skopeo and podman call oci-archive:FILE:IMAGE. It also has the manifest.json "
		"that docker load wants. Every blob is verified on its way.",
	.opts = options,
	.opts_size = sizeof(struct save_options),
	.min_args = 1,
	.max_args = 256,
	.run = save,
};
