/* runspec.c - the options of `coracle run` put into a runtime spec. */
#include "base/file.h"
#include "base/proc.h"
#include "box/init.h"
#include "box/plan.h"
#include "box/rootfs.h"
#include "box/selfexe.h"
#include "box/user.h"
#include "image/bundle.h"
#include "image/tree.h"
#include "monitor/discard.h"
#include "monitor/runparts.h"
#include "monitor/stdio.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#define OWN_VARIABLES "_CORACLE_"
#define VOLUMES_MAX   256 /* of an image */
#define OWN_NOTES     "coracle."
#define DEPTH	      2048 /* of directories */

int option_refuse(const char *name, const char *text, const char *what, struct err *e)
{
	return refuse(e, EINVAL, "option --%s: '%s' is not %s", name, text, what);
}

int option_room(const char *name, struct err *e)
{
	return fail(e, E2BIG, "option --%s", name);
}

int words_split(const char *text, const char *separators, struct arena *a, struct strs *out)
{
	const char **v = arena_array(a, WORDS_MAX + 1, sizeof(*v));
	size_t n = 0;
	while (v && *text) {
		size_t len = strcspn(text, separators);
		if (n == WORDS_MAX || !(v[n] = arena_strn(a, text, len)))
			return -E2BIG;
		n++;
		text += len + (text[len] != 0);
	}
	*out = (struct strs){ v, n };
	return v ? 0 : -E2BIG;
}

void words_remove(struct strs *l, const char *name)
{
	size_t kept = 0;
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->v[i], name))
			l->v[kept++] = l->v[i];
	l->n = kept;
}

/* The one of that key, or a new one. */
static struct pair *pair_of(struct pairs *l, const char *key, struct arena *a)
{
	for (size_t i = 0; i < l->n; i++)
		if (!strcmp(l->v[i].key, key))
			return &l->v[i];
	return LIST_ADD(a, l);
}

bool pair_add(struct pairs *out, const char *text, struct arena *a)
{
	const char *value = strchr(text, '=');
	const char *key = value && value > text ? arena_strn(a, text, (size_t)(value - text))
						: NULL;
	struct pair *p = key ? pair_of(out, key, a) : NULL;
	if (p)
		*p = (struct pair){ key, value + 1 };
	return p;
}

int named_read(const char *name, struct arena *a, struct buf *out, struct err *e)
{
	const char *path = path_absolute(a, name);
	return path ? file_read(-1, path, out, e) : fail(e, errno, "%s", name);
}

static int apply_cgroup(struct spec *s, const char *parent, const char *id, struct arena *a,
			struct err *e)
{
	size_t n = parent ? strlen(parent) : 0;
	if (!n)
		return 0;
	if (n > 6 && !strpbrk(parent, "/:") && !strcmp(parent + n - 6, ".slice"))
		s->linux_->cgroups_path = arena_printf(a, "%s:coracle:%s", parent, id);
	else if (parent[0] == '/')
		s->linux_->cgroups_path = arena_printf(a, "%s/%s", parent, id);
	else
		return refuse(e, EINVAL,
			      "option --cgroup-parent: '%s' is neither an absolute path "
			      "nor a slice such as machine.slice",
			      parent);
	return s->linux_->cgroups_path ? 0 : fail(e, E2BIG, "cgroup");
}

static int apply_terminal(struct spec *s, const struct run_options *o, struct arena *a,
			  struct err *e)
{
	unsigned rows = 24, columns = 80; /* where we have no terminal ourselves */
	s->process->terminal = o->terminal;
	if (!o->terminal)
		return 0;
	terminal_size(&rows, &columns);
	struct spec_size *size = arena_alloc(a, sizeof(*size));
	if (!size)
		return fail(e, E2BIG, "terminal");
	*size = (struct spec_size){ .height = rows, .width = columns };
	s->process->console_size = size;
	return 0;
}

int runspec_note(struct spec *s, const char *key, const char *value, struct arena *a, struct err *e)
{
	struct pair *p = pair_of(&s->annotations, key, a);
	if (!p)
		return fail(e, E2BIG, "annotations");
	*p = (struct pair){ key, value };
	return 0;
}

/* One line of such a file; NULL for none. */
static const char *file_line(const char *line, size_t n, struct arena *a)
{
	while (n && (*line == ' ' || *line == '\t'))
		line++, n--;
	while (n && line[n - 1] == '\r')
		n--;
	return n && *line != '#' ? arena_strn(a, line, n) : NULL;
}

/* What some editors begin a file with is not of its first line. */
static const char *text_begin(const struct buf *b)
{
	static const char mark[] = "\xef\xbb\xbf";
	return b->p && !strncmp(b->p, mark, strlen(mark)) ? b->p + strlen(mark) : b->p;
}

/* The lines of files that an option names, but for empty ones and comments. */
static int lines_read(const char *option, const struct strs *files, struct arena *a,
		      struct strs *out, struct err *e)
{
	*out = (struct strs){ 0 };
	for (size_t i = 0; i < files->n; i++) {
		auto_buf text = { 0 };
		int rc = named_read(files->v[i], a, &text, e);
		if (rc < 0)
			return within(e, "option --%s", option);
		for (const char *p = text_begin(&text); p && *p;
		     p += strcspn(p, "\n"), p += *p == '\n') {
			const char *line = file_line(p, strcspn(p, "\n"), a);
			const char **to = line ? LIST_ADD(a, out) : NULL;
			if (line && !to)
				return option_room(option, e);
			if (to)
				*to = line;
		}
	}
	return 0;
}

static int add_label(struct spec *s, const char *option, const char *text, struct arena *a,
		     struct err *e)
{
	const char *whole = strchr(text, '=') ? text : arena_printf(a, "%s=", text);
	if (whole && strncmp(text, OWN_NOTES, strlen(OWN_NOTES)) != 0 &&
	    pair_add(&s->annotations, whole, a))
		return 0;
	return option_refuse(option, text,
			     "NAME[=VALUE] such as owner=me, with a NAME that begins not "
			     "with " OWN_NOTES,
			     e);
}

/* Labels are annotations: there is nothing else of a runtime to keep them in. Ours are not theirs
 * to set: rm believes them. */
static int apply_notes(struct spec *s, const struct run_options *o, struct arena *a, struct err *e)
{
	struct strs lines;
	int rc = lines_read("label-file", &o->label_files, a, &lines, e);
	for (size_t i = 0; rc == 0 && i < lines.n; i++)
		rc = add_label(s, "label-file", lines.v[i], a, e);
	for (size_t i = 0; rc == 0 && i < o->labels.n; i++)
		rc = add_label(s, "label", o->labels.v[i], a, e);
	for (size_t i = 0; rc == 0 && i < o->annotations.n; i++)
		if (!strncmp(o->annotations.v[i], OWN_NOTES, strlen(OWN_NOTES)) ||
		    !pair_add(&s->annotations, o->annotations.v[i], a))
			rc = option_refuse("annotation", o->annotations.v[i],
					   "NAME=VALUE such as org.example.owner=me, with "
					   "a NAME that begins not with " OWN_NOTES,
					   e);
	return rc;
}

/* What `coracle stop` and rm will read. */
static int apply_stop(struct spec *s, const struct run_options *o, struct arena *a, struct err *e)
{
	int rc = 0;
	if (o->stop_signal && signal_parse(o->stop_signal) < 0)
		return option_refuse("stop-signal", o->stop_signal, "a signal such as SIGINT", e);
	if (o->stop_signal)
		rc = runspec_note(s, NOTE_STOP_SIGNAL, o->stop_signal, a, e);
	if (rc < 0 || !o->stop_timeout.set)
		return rc;
	const char *text = arena_printf(a, "%d", (int)o->stop_timeout.v);
	if (o->stop_timeout.v < -1 || o->stop_timeout.v > INT32_MAX)
		return refuse(e, EINVAL,
			      "option --stop-timeout: it is a number of seconds such as 30, or -1 "
			      "for never");
	return text ? runspec_note(s, NOTE_STOP_TIMEOUT, text, a, e)
		    : option_room("stop-timeout", e);
}

static bool is_dev(const struct spec_mount *m)
{
	const char *at = m->destination + strspn(m->destination, "/");
	return !strncmp(at, "dev", 3) && !at[3 + strspn(at + 3, "/")];
}

/* A process of ours as the first one, which starts the command, passes signals on to it and reaps
 * what others leave. It is on the container's /dev: the image keeps no trace of it. Where the user
 * has mounted another there, which may be the host's, it is below the root. */
static int apply_init(struct spec *s, const struct run_options *o, struct arena *a, struct err *e)
{
	static const char *const options[] = { "bind", "ro", "nosuid", "nodev" };
	if (!o->init)
		return 0;
	struct strs args = { list_grow(a, s->process->args.v, s->process->args.n, 1,
				       sizeof(char *)),
			     s->process->args.n + 1 };
	size_t devs = 0;
	for (size_t i = 0; i < s->mounts.n; i++)
		devs += is_dev(&s->mounts.v[i]);
	const char *at = devs > 1 ? "/" INIT_NAME : "/dev/" INIT_NAME;
	struct spec_mount *m = LIST_ADD(a, &s->mounts);
	const char *self = selfexe_path(a), **words = list_grow(a, options, 4, 0, sizeof(*options));
	if (!args.v || !m || !words || !self)
		return option_room("init", e);
	memmove(args.v + 1, args.v, (args.n - 1) * sizeof(*args.v));
	args.v[0] = at;
	s->process->args = args;
	*m = (struct spec_mount){
		.destination = at, .type = "bind", .source = self, .options = { words, 4 }
	};
	return 0;
}

int runspec_apply(struct spec *s, const struct run_options *o, const char *id, struct arena *a,
		  struct err *e)
{
	static int (*const parts[])(struct spec *, const struct run_options *, struct arena *,
				    struct err *) = {
		limits_apply, blocks_apply,  security_apply, spaces_apply,   mounts_apply,
		apply_init,   devices_apply, apply_notes,    apply_terminal, apply_stop,
	};
	s->domainname = o->domainname;
	int rc = apply_cgroup(s, o->cgroup_parent, id, a, e);
	for (size_t i = 0; rc == 0 && i < sizeof(parts) / sizeof(parts[0]); i++)
		rc = parts[i](s, o, a, e);
	return rc;
}

/* A line of --env-file: a name that no shell has would be a mistake. */
static int env_line_check(const char *line, struct err *e)
{
	size_t n = strcspn(line, "=");
	if (n && strcspn(line, " \t") >= n)
		return 0;
	return option_refuse("env-file", line, "a line such as A=b, with no space in the name", e);
}

/* Those of ours whose names begin as the option says, "LC_*". */
static void add_ours(struct strs *out, const char *pattern)
{
	size_t n = strlen(pattern) - 1;
	for (char **p = environ; *p; p++)
		if (strchr(*p, '=') > *p && !strncmp(*p, pattern, n) &&
		    strncmp(*p, OWN_VARIABLES, strlen(OWN_VARIABLES)) != 0)
			out->v[out->n++] = *p;
}

static bool is_pattern(const char *text)
{
	size_t n = strlen(text);
	return n && text[n - 1] == '*' && !strchr(text, '=');
}

int runspec_env(const struct run_options *o, struct arena *a, struct strs *out, struct err *e)
{
	struct strs lines;
	size_t n = 0, patterns = o->env_host;
	int rc = lines_read("env-file", &o->env_files, a, &lines, e);
	for (size_t i = 0; rc == 0 && i < lines.n; i++)
		rc = env_line_check(lines.v[i], e);
	for (char **p = environ; *p; p++)
		n++;
	for (size_t i = 0; i < o->env.n; i++)
		patterns += is_pattern(o->env.v[i]);
	const char **v = rc < 0 ? NULL
				: arena_array(a, n * patterns + lines.n + o->env.n + 1, sizeof(*v));
	if (!v)
		return rc < 0 ? rc : fail(e, E2BIG, "environment");
	*out = (struct strs){ v, 0 };
	if (o->env_host)
		add_ours(out, "*");
	for (size_t i = 0; i < lines.n; i++)
		v[out->n++] = lines.v[i];
	for (size_t i = 0; i < o->env.n; i++)
		if (is_pattern(o->env.v[i]))
			add_ours(out, o->env.v[i]);
		else
			v[out->n++] = o->env.v[i];
	return 0;
}

int group_add(struct spec_user *u, uint32_t gid, struct arena *a)
{
	for (size_t i = 0; i < u->additional_gids.n; i++)
		if (u->additional_gids.v[i] == gid)
			return 0;
	uint32_t *to = LIST_ADD(a, &u->additional_gids);
	if (to)
		*to = gid;
	return to ? 0 : -E2BIG;
}

/* Those of --group-add. */
static int add_groups(struct spec *s, const struct run_options *o, int rootfs, struct arena *a,
		      struct err *e)
{
	struct spec_user *u = &s->process->user;
	int rc = 0;
	if (strs_has(&o->groups, KEEP_GROUPS) && o->groups.n > 1)
		return refuse(e, EINVAL,
			      "option --group-add: " KEEP_GROUPS " goes not with other groups");
	if (o->groups.n && !strcmp(o->groups.v[0], KEEP_GROUPS))
		return runspec_note(s, NOTE_KEEP_GROUPS, "1", a, e);
	for (size_t i = 0; rc == 0 && i < o->groups.n; i++) {
		uint32_t gid;
		rc = user_group(rootfs, o->groups.v[i], &gid, e);
		if (rc == 0 && group_add(u, gid, a) < 0)
			rc = fail(e, E2BIG, "%s", o->groups.v[i]);
	}
	return rc < 0 ? within(e, "option --group-add") : 0;
}

/* Whether a volume that an image wants is for us to give: not one over what the kernel shows.
 * clean: its path from the root, as the shortest word for it. */
static bool volume_harmless(const char *path, char clean[PATH_MAX])
{
	static const char *const not[] = { "proc", "sys", "dev" };
	struct err why;
	if (*path != '/' || path_clean(path, clean, &why) < 0)
		return false;
	for (size_t i = 0; i < sizeof(not) / sizeof(not[0]); i++)
		if (strcspn(clean, "/") == strlen(not[i]) &&
		    !strncmp(clean, not[i], strlen(not[i])))
			return false;
	return *clean;
}

/* The same of what the path has led to, links and all: whether it is not below those of the
 * root itself. */
static bool place_harmless(int rootfs, int fd)
{
	static const char *const not[] = { "/proc", "/sys", "/dev" };
	struct stat root, one, at = { 0 };
	auto_close int dir = openat(fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	for (int depth = 0; depth < DEPTH && dir >= 0; depth++) {
		if (fstat(dir, &at) < 0 || fstat(rootfs, &root) < 0)
			return false;
		if (at.st_ino == root.st_ino && at.st_dev == root.st_dev)
			return depth > 0;
		for (size_t i = 0; i < sizeof(not) / sizeof(not[0]); i++) {
			auto_close int own = rootfs_open(rootfs, not[i], O_PATH);
			if (own >= 0 && fstat(own, &one) == 0 && one.st_ino == at.st_ino &&
			    one.st_dev == at.st_dev)
				return false;
		}
		put_fd(&dir, openat(dir, "..", O_PATH | O_DIRECTORY | O_CLOEXEC));
	}
	return false;
}

/* --image-volume. */
enum image_volume { OWN_LAYER, ANONYMOUS, MEMORY, NONE };

static int image_volume_read(const char *text, enum image_volume *out, struct err *e)
{
	static const char *const names[] = {
		[ANONYMOUS] = "bind", [MEMORY] = "tmpfs", [NONE] = "ignore"
	};
	*out = OWN_LAYER;
	for (enum image_volume i = ANONYMOUS; text && i <= NONE; i++)
		if (!strcmp(text, names[i]))
			*out = i;
	return text && *out == OWN_LAYER
		       ? option_refuse("image-volume", text, "one of bind, tmpfs, ignore", e)
		       : 0;
}

/* A tmpfs with a copy of what is there. */
static int add_memory(struct spec *s, const char *path, int fd, struct arena *a, struct err *e)
{
	struct stat st = { 0 };
	fstat(fd, &st);
	/* Not the path, which is the image's word. */
	const char *text = arena_printf(a, "/v:tmpcopyup,exec,uid=%u,gid=%u", st.st_uid, st.st_gid);
	struct spec_mount *m = LIST_ADD(a, &s->mounts);
	int rc = text && m ? runspec_tmpfs(text, a, m, e) : option_room("image-volume", e);
	if (rc == 0)
		m->destination = path;
	return rc;
}

static int add_anonymous(struct spec *s, const char *path, struct arena *a, struct err *e)
{
	struct spec_mount *m = LIST_ADD(a, &s->mounts);
	int rc = m ? runspec_volume("/v", a, m, e) : option_room("image-volume", e);
	if (rc == 0)
		m->destination = path;
	return rc;
}

/* The image's volumes are directories of the container's own layer, with what the image has there.
 * Where that cannot be written, memory takes a copy. */
static int add_volumes(struct spec *s, const struct run_options *o,
		       const struct run_subject *subject, struct arena *a, struct err *e)
{
	const struct image *im = subject->image;
	size_t n = im ? im->config.config.volumes.n : 0;
	enum image_volume how;
	int rc = image_volume_read(o->image_volume, &how, e);
	if (rc < 0 || how == NONE)
		return rc;
	if (n > VOLUMES_MAX)
		return refuse(e, E2BIG, "the image has %zu volumes: more than %d", n, VOLUMES_MAX);
	for (size_t i = 0; rc == 0 && i < n; i++) {
		char clean[PATH_MAX];
		if (!volume_harmless(im->config.config.volumes.v[i].key, clean))
			continue;
		const char *path = arena_printf(a, "/%s", clean);
		if (!path)
			return option_room("image-volume", e);
		auto_close int fd = rootfs_make(subject->rootfs, path, true);
		if (fd < 0)
			return fail(e, fd, "make the image's volume %.200s", path);
		if ((how == OWN_LAYER && !s->root->readonly) ||
		    !place_harmless(subject->rootfs, fd))
			continue;
		rc = how == ANONYMOUS ? add_anonymous(s, path, a, e)
				      : add_memory(s, path, fd, a, e);
	}
	return rc;
}

/* Of a long id as much as the kernel takes. */
static const char *hostname_of(const struct run_options *o, const struct run_subject *subject,
			       struct arena *a)
{
	const char *id = subject->hostname;
	if (o->hostname && *o->hostname)
		return o->hostname;
	return id ? arena_strn(a, id, strnlen(id, sizeof((struct utsname){ 0 }.nodename) - 1))
		  : NULL;
}

/* What it is called, unless somebody has said otherwise. */
static int add_hostname(struct spec *s, const struct run_options *o, struct arena *a, struct err *e)
{
	static const char variable[] = "HOSTNAME";
	struct strs *env = &s->process->env;
	const char *name = s->hostname;
	struct utsname host;
	bool known = strs_has(&o->unset, variable);
	for (size_t i = 0; i < env->n; i++)
		known |= !strncmp(env->v[i], variable, strlen(variable)) &&
			 env->v[i][strlen(variable)] == '=';
	if (!name && !spec_namespace(s, "uts") && uname(&host) == 0)
		name = host.nodename;
	if (known || !name)
		return 0;
	const char *text = arena_printf(a, "%s=%s", variable, name), **to = LIST_ADD(a, env);
	if (!text || !to)
		return fail(e, E2BIG, "environment");
	*to = text;
	return 0;
}

int runspec_make(const struct run_options *o, const struct run_subject *subject, struct arena *a,
		 struct spec **out, struct err *e)
{
	struct spec *s;
	struct run_overrides over = {
		.args = subject->command,
		.entrypoint = o->entrypoint,
		.cwd = o->cwd,
		.user = o->user,
		.hostname = hostname_of(o, subject, a),
		.merge = o->env_merge,
		.unset = o->unset,
		.unset_all = o->unset_all,
		.terminal = o->terminal,
		.readonly = o->readonly,
	};
	if (o->signers.keys.n && (!subject->image || !subject->image->descriptor.digest))
		return refuse(e, EINVAL, "option --verify-key: only an image has signatures");
	int rc = runspec_env(o, a, &over.env, e);
	if (rc == 0)
		rc = image_spec(subject->image, subject->rootfs, &over, a, &s, e);
	if (rc == 0)
		rc = add_groups(s, o, subject->rootfs, a, e);
	if (rc == 0)
		rc = add_volumes(s, o, subject, a, e);
	if (rc == 0)
		rc = runspec_apply(s, o, subject->id, a, e);
	if (rc == 0)
		rc = add_hostname(s, o, a, e);
	if (rc == 0)
		rc = spec_check(s, a, e);
	if (rc == 0)
		rc = hosts_apply(o, subject, s->hostname, a, e);
	if (rc == 0)
		rc = resolver_apply(o, subject, a, e);
	if (rc == 0)
		rc = zone_apply(o, subject, e);
	if (rc == 0)
		*out = s;
	return rc;
}
