/* bundle.c - what to run in an image: its configuration and the caller's wishes become a runtime
 * spec. */
#include "image/bundle.h"
#include "base/json.h"
#include "box/user.h"
#include "image/tree.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define PATH_DEFAULT "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

#define ENV_MAX ((size_t)1 << 20)

static int no_room(struct err *e)
{
	return fail(e, E2BIG, "make the configuration of the container");
}

/* Whether both say something about the same variable. */
static bool same_variable(const char *a, const char *b)
{
	size_t n = strcspn(a, "=");
	return n == strcspn(b, "=") && !strncmp(a, b, n);
}

void env_set(struct strs *env, const char *assignment)
{
	for (size_t i = 0; i < env->n; i++)
		if (same_variable(env->v[i], assignment)) {
			env->v[i] = assignment;
			return;
		}
	env->v[env->n++] = assignment;
}

static void env_unset(struct strs *env, const char *name)
{
	size_t kept = 0;
	for (size_t i = 0; i < env->n; i++)
		if (!same_variable(env->v[i], name))
			env->v[kept++] = env->v[i];
	env->n = kept;
}

static int env_override(struct strs *env, const char *wish, struct arena *a, struct err *e)
{
	const char *value = strchr(wish, '=') ? NULL : getenv(wish);
	if (*wish == '=' || !*wish)
		return refuse(e, EINVAL, "option --env: '%.100s' is not NAME[=VALUE] such as A=b",
			      wish);
	if (!strchr(wish, '=')) {
		if (!value)
			return 0; /* not set here, so not there */
		wish = arena_printf(a, "%s=%s", wish, value);
		if (!wish)
			return no_room(e);
	}
	env_set(env, wish);
	return 0;
}

static const char *env_get(const struct strs *env, const char *name, size_t n)
{
	for (size_t i = 0; i < env->n; i++)
		if (!strncmp(env->v[i], name, n) && env->v[i][n] == '=')
			return env->v[i] + n + 1;
	return "";
}

/* With what the variables in it are already in their places. */
static int env_merge(struct strs *env, const char *wish, struct arena *a, struct err *e)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_"
				      "0123456789";
	auto_buf b = { .max = ENV_MAX };
	if (*wish == '=' || !strchr(wish, '='))
		return refuse(e, EINVAL,
			      "option --env-merge: '%.100s' is not NAME=VALUE such as "
			      "PATH=/opt/bin:$PATH",
			      wish);
	for (const char *p = wish; *p;) {
		bool brace = p[0] == '$' && p[1] == '{';
		const char *name = p + 1 + brace;
		size_t n = brace ? strcspn(name, "}") : strspn(name, letters);
		if (*p != '$' || !n || (brace && !name[n])) {
			buf_char(&b, *p++);
			continue;
		}
		buf_str(&b, env_get(env, name, n));
		p = name + n + brace;
	}
	const char *whole = b.failed ? NULL : arena_str(a, b.p);
	if (!whole)
		return no_room(e);
	env_set(env, whole);
	return 0;
}

static int make_env(const struct image *im, const struct run_overrides *o, const char *home,
		    struct arena *a, struct strs *out, struct err *e)
{
	const struct strs *own = &im->config.config.env;
	struct strs env = { arena_array(a, own->n + o->merge.n + o->env.n + 5, sizeof(char *)), 0 };
	const char *home_set = arena_printf(a, "HOME=%s", home);
	if (!env.v || !home_set)
		return no_room(e);
	env_set(&env, PATH_DEFAULT);
	env_set(&env, home_set);
	if (o->terminal)
		env_set(&env, "TERM=xterm");
	for (size_t i = 0; i < own->n && !o->unset_all; i++)
		if (strchr(own->v[i], '=') && own->v[i][0] != '=')
			env_set(&env, own->v[i]);
	for (size_t i = 0; i < o->merge.n; i++) {
		int rc = env_merge(&env, o->merge.v[i], a, e);
		if (rc < 0)
			return rc;
	}
	for (size_t i = 0; i < o->env.n; i++) {
		int rc = env_override(&env, o->env.v[i], a, e);
		if (rc < 0)
			return rc;
	}
	for (size_t i = 0; i < o->unset.n; i++)
		env_unset(&env, o->unset.v[i]);
	*out = env;
	return 0;
}

struct words {
	struct strs v;
};
static const struct json_field words_fields[] = {
	JSON(J_STRS, words, v, "v"),
	{ 0 },
};

/* A program, or a list as JSON has it. */
static int parse_entrypoint(const char *text, struct arena *a, struct strs *out, struct err *e)
{
	static const struct json_field nothing[] = { { 0 } };
	struct words w = { 0 };
	const char **one = arena_array(a, 2, sizeof(*one));
	char *whole = arena_printf(a, "{\"v\":%s}", text),
	     *item = arena_printf(a, "{\"v\":[%s]}", text);
	if (!one || !whole || !item)
		return no_room(e);
	*one = text;
	*out = (struct strs){ one, 1 };
	/* The second says that it is one value. */
	if (text[strspn(text, " \t\r\n")] == '[' &&
	    json_read(whole, strlen(whole), words_fields, &w, a, NULL) == 0 &&
	    json_read(item, strlen(item), nothing, &w, a, NULL) == 0)
		*out = w.v;
	return 0;
}

/* Entrypoint and what follows it. Another entrypoint makes the image's Cmd meaningless. */
static int make_args(const struct image *im, const struct run_overrides *o, struct arena *a,
		     struct strs *out, struct err *e)
{
	const struct strs *entry = &im->config.config.entrypoint, *cmd = &im->config.config.cmd;
	struct strs none = { 0 }, other = { 0 };
	if (o->entrypoint && parse_entrypoint(o->entrypoint, a, &other, e) < 0)
		return -e->code;
	struct strs first = o->entrypoint ? other : *entry;
	if (first.n == 1 && !*first.v[0]) /* as with docker: none */
		first.n = 0;
	const struct strs *rest = o->args.n ? &o->args : cmd;
	if (o->entrypoint && !o->args.n)
		rest = &none;
	struct strs args = { arena_array(a, first.n + rest->n + 1, sizeof(char *)), 0 };
	if (!args.v)
		return no_room(e);
	for (size_t i = 0; i < first.n; i++)
		args.v[args.n++] = first.v[i];
	for (size_t i = 0; i < rest->n; i++)
		args.v[args.n++] = rest->v[i];
	if (!args.n)
		return refuse(e, EINVAL,
			      "image %.200s does not say what to run: name a command after it",
			      im->name		      ? im->name
			      : im->descriptor.digest ? im->descriptor.digest
						      : "(none)");
	*out = args;
	return 0;
}

static int make_cwd(const struct image *im, const struct run_overrides *o, struct arena *a,
		    const char **out, struct err *e)
{
	char clean[PATH_MAX];
	struct err why;
	const char *cwd = o->cwd ? o->cwd : im->config.config.working_dir;
	if (!cwd || !*cwd)
		cwd = "/";
	if ((*cwd != '/' && o->cwd) || path_clean(cwd, clean, &why) < 0)
		return refuse(e, EINVAL, "%s: '%.200s' is not an absolute path such as /srv",
			      o->cwd ? "option --workdir" : "the image's working directory", cwd);
	*out = arena_printf(a, "/%s", clean);
	return *out ? 0 : no_room(e);
}

int image_spec(const struct image *image, int rootfs_fd, const struct run_overrides *o,
	       struct arena *a, struct spec **out, struct err *e)
{
	static const struct image none = { .name = "(none)" };
	static const char *proc[] = { "nosuid", "noexec", "nodev" };
	const struct image *im = image ? image : &none;
	struct spec *s;
	const char *home = "/";
	const char *user = o->user ? o->user : im->config.config.user;
	int rc = spec_default(&(struct spec_default_options){ 0 }, a, &s, e);
	if (rc == 0)
		rc = make_args(im, o, a, &s->process->args, e);
	if (rc == 0)
		rc = make_cwd(im, o, a, &s->process->cwd, e);
	if (rc == 0)
		rc = user_find(rootfs_fd, user, a, &s->process->user, &home, e);
	if (rc == 0)
		rc = make_env(im, o, home, a, &s->process->env, e);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < s->mounts.n; i++)
		if (!strcmp(s->mounts.v[i].destination, "/proc"))
			s->mounts.v[i].options = (struct strs){ proc, 3 };
	s->process->terminal = o->terminal;
	s->root->readonly = o->readonly;
	if (o->hostname)
		s->hostname = o->hostname;
	*out = s;
	return 0;
}
