/* hosts.c - which hosts serve a registry: hosts.toml of containerd, and certificates as docker has
 * them. */
#include "image/hosts.h"
#include "base/file.h"
#include "base/toml.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>

#define HOSTS_TOML_MAX ((size_t)1 << 20)

static int no_room(struct err *e)
{
	return fail(e, E2BIG, "read the registry's hosts");
}

/* A file that is named relative to the directory. */
static const char *below(const char *dir, const char *name, struct arena *a)
{
	return *name == '/' ? arena_str(a, name) : arena_printf(a, "%s/%s", dir, name);
}

/* --- hosts.toml --- */

struct reader {
	const char *dir;
	struct arena *a;
	struct err *e;
};

static int get_flag(struct reader *r, const struct toml *t, const char *key, bool *out)
{
	const struct toml *v = toml_get(t, key);
	if (v && v->kind != TOML_FLAG)
		return refuse(r->e, EINVAL, "%s: expected true or false", key);
	*out = v && v->flag;
	return 0;
}

/* A string, or several in an array. */
static int get_strings(struct reader *r, const struct toml *v, const char *key, struct strs *out)
{
	size_t n = 1;
	if (!v)
		return 0;
	if (v->kind == TOML_ARRAY) {
		n = 0;
		for (const struct toml *i = v->first; i; i = i->next)
			n++;
		v = v->first;
	}
	out->v = arena_array(r->a, n + 1, sizeof(*out->v));
	if (!out->v)
		return no_room(r->e);
	for (; v && out->n < n; v = v->next) {
		if (v->kind != TOML_STRING)
			return refuse(r->e, EINVAL, "%s: expected a string or strings", key);
		out->v[out->n++] = v->string;
	}
	return 0;
}

static int get_capabilities(struct reader *r, const struct toml *t, struct host *h)
{
	struct strs words = { 0 };
	const struct toml *v = toml_get(t, "capabilities");
	int rc = get_strings(r, v, "capabilities", &words);
	h->resolve = h->pull = h->referrers = !v;
	for (size_t i = 0; rc == 0 && i < words.n; i++) {
		if (!strcmp(words.v[i], "pull"))
			h->pull = true;
		else if (!strcmp(words.v[i], "resolve"))
			h->resolve = true;
		else if (!strcmp(words.v[i], "referrers"))
			h->referrers = true;
		else if (strcmp(words.v[i], "push") != 0)
			rc = refuse(r->e, EINVAL, "capabilities: %.40s is not known", words.v[i]);
	}
	return rc;
}

static int get_certificates(struct reader *r, const struct toml *t, struct host *h)
{
	const struct toml *client = toml_get(t, "client");
	struct strs pair = { 0 };
	int rc = get_strings(r, toml_get(t, "ca"), "ca", &h->http.ca);
	for (size_t i = 0; rc == 0 && i < h->http.ca.n; i++)
		if (!(h->http.ca.v[i] = below(r->dir, h->http.ca.v[i], r->a)))
			rc = no_room(r->e);
	/* The first of several: a server can but ask for one. */
	if (client && client->kind == TOML_ARRAY)
		client = client->first;
	bool is_pair = client && client->kind == TOML_ARRAY;
	if (rc == 0)
		rc = get_strings(r, client, "client", &pair);
	if (rc < 0 || !pair.n)
		return rc;
	h->http.cert = below(r->dir, pair.v[0], r->a);
	h->http.key = is_pair && pair.n > 1 && *pair.v[1] ? below(r->dir, pair.v[1], r->a)
							  : h->http.cert;
	return h->http.cert && h->http.key ? 0 : no_room(r->e);
}

static int get_headers(struct reader *r, const struct toml *t, struct host *h)
{
	const struct toml *all = toml_get(t, "header");
	size_t n = 0;
	if (all && all->kind != TOML_TABLE)
		return refuse(r->e, EINVAL, "header: expected a table");
	for (const struct toml *i = all ? all->first : NULL; i; i = i->next)
		n++;
	h->http.headers.v = arena_array(r->a, n + 1, sizeof(*h->http.headers.v));
	if (!h->http.headers.v)
		return no_room(r->e);
	for (const struct toml *i = all ? all->first : NULL; i; i = i->next) {
		struct strs values = { 0 };
		int rc = get_strings(r, i, i->key, &values);
		if (rc < 0)
			return rc;
		if (!values.n)
			continue;
		if (strpbrk(i->key, "\r\n: ") || strpbrk(values.v[0], "\r\n"))
			return refuse(r->e, EINVAL, "header.%.40s cannot be sent", i->key);
		const char *line = arena_printf(r->a, "%s: %s", i->key, values.v[0]);
		if (!line)
			return no_room(r->e);
		h->http.headers.v[h->http.headers.n++] = line;
	}
	return 0;
}

/* BASE/v2 of what is written with scheme or without; with override_path the path is as it is. */
static int get_base(struct reader *r, const char *url, bool as_is, struct host *h)
{
	const char *scheme = strstr(url, "://");
	if (strpbrk(url, " \t\r\n?#@") ||
	    (scheme && strncmp(url, "https://", 8) != 0 && strncmp(url, "http://", 7) != 0))
		return refuse(r->e, EINVAL, "%.200s is not http(s)://HOST[:PORT][/PATH]", url);
	const char *rest = scheme ? scheme + 3 : url;
	size_t n = strlen(rest);
	while (n && rest[n - 1] == '/')
		n--;
	size_t host = strcspn(rest, "/");
	if (!host)
		return refuse(r->e, EINVAL, "%.200s has no host", url);
	bool has = n > 3 && n > host && !strncmp(rest + n - 3, "/v2", 3);
	h->base = arena_printf(r->a, "%.*s%.*s%s", scheme ? (int)(rest - url) : 8,
			       scheme ? url : "https://", (int)n, rest, has || as_is ? "" : "/v2");
	/* It is written down that plain http is meant. */
	h->http.place = h->base;
	h->http.plain = scheme && url[4] == ':';
	return h->base ? 0 : no_room(r->e);
}

static int add_host(struct reader *r, const char *url, const struct toml *t, struct hosts *out)
{
	struct host *h = &out->v[out->n];
	bool as_is = false;
	if (out->n == HOSTS_MAX)
		return refuse(r->e, E2BIG, "more than %d hosts", HOSTS_MAX - 1);
	*h = (struct host){ 0 };
	int rc = get_flag(r, t, "override_path", &as_is);
	if (rc == 0)
		rc = get_flag(r, t, "skip_verify", &h->http.skip_verify);
	if (rc == 0)
		rc = get_capabilities(r, t, h);
	if (rc == 0)
		rc = get_certificates(r, t, h);
	if (rc == 0)
		rc = get_headers(r, t, h);
	if (rc == 0 && url)
		rc = get_base(r, url, as_is, h);
	out->n += rc == 0;
	return rc;
}

int hosts_parse(const char *text, size_t len, const char *dir, struct arena *a, struct hosts *out,
		struct err *e)
{
	struct reader r = { dir, a, e };
	struct toml root;
	out->n = 0;
	int rc = toml_parse(text, len, a, &root, e);
	if (rc < 0)
		return rc;
	const struct toml *mirrors = toml_get(&root, "host"), *server = toml_get(&root, "server");
	if ((mirrors && mirrors->kind != TOML_TABLE) || (server && server->kind != TOML_STRING))
		return refuse(e, EINVAL, "%s: expected %s", mirrors ? "host" : "server",
			      mirrors ? "tables [host.\"URL\"]" : "a string");
	for (const struct toml *t = mirrors ? mirrors->first : NULL; t; t = t->next) {
		if (t->kind != TOML_TABLE)
			return refuse(e, EINVAL, "host.%.200s: expected a table", t->key);
		if (add_host(&r, t->key, t, out) < 0)
			return within(e, "host.%.200s", t->key);
	}
	return add_host(&r, server && *server->string ? server->string : NULL, &root, out);
}

/* --- the directories --- */

static bool ends_with(const char *name, const char *end)
{
	size_t n = strlen(name), k = strlen(end);
	return n > k && !strcmp(name + n - k, end);
}

/* Certificates without hosts.toml. */
static int read_certificates(int fd, const char *dir, struct arena *a, struct host *h,
			     struct err *e)
{
	struct strs *ca = &h->http.ca;
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	int rc = d ? 0 : fail(e, errno, "list %.300s", dir);
	ca->v = arena_array(a, HOSTS_MAX, sizeof(*ca->v));
	if (rc == 0 && !ca->v)
		rc = no_room(e);
	for (struct dirent *entry; rc == 0 && (entry = readdir(d));) {
		const char *path = below(dir, entry->d_name, a);
		if (!path)
			rc = no_room(e);
		else if (ends_with(path, ".crt") && ca->n < HOSTS_MAX)
			ca->v[ca->n++] = path;
		else if (ends_with(path, ".cert") &&
			 (!h->http.cert || strcmp(path, h->http.cert) < 0)) {
			h->http.cert = path;
			h->http.key = arena_printf(a, "%.*s.key", (int)strlen(path) - 5, path);
			rc = h->http.key ? 0 : no_room(e);
		}
	}
	if (d)
		closedir(d);
	else if (copy >= 0)
		close(copy);
	return rc;
}

/* 1: the directory is there, and was read. */
static int read_directory(const char *dir, struct arena *a, struct hosts *out, struct err *e)
{
	auto_buf b = { .max = HOSTS_TOML_MAX };
	auto_close int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : fail(e, errno, "open %.300s", dir);
	auto_close int file = openat(fd, "hosts.toml",
				     O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (file < 0 && errno != ENOENT)
		return fail(e, errno, "open %.300s/hosts.toml", dir);
	int rc = file < 0 ? read_certificates(fd, dir, a, &out->v[0], e)
			  : file_read_fd(file, "hosts.toml", &b, e);
	if (rc == 0 && file >= 0)
		rc = hosts_parse(b.p ? b.p : "", b.len, dir, a, out, e);
	return rc < 0 ? within(e, "%.300s%s", dir, file < 0 ? "" : "/hosts.toml") : 1;
}

/* HOST:PORT and what stands for it where names may have no colon. */
static int read_for(const char *certs, const char *registry, struct arena *a, struct hosts *out,
		    struct err *e)
{
	const char *colon = strrchr(registry, ':');
	const char *names[] = {
		registry,
		colon ? arena_printf(a, "%.*s_%s_", (int)(colon - registry), registry, colon + 1)
		      : NULL,
		"_default",
	};
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < sizeof(names) / sizeof(*names); i++) {
		const char *dir = names[i] ? below(certs, names[i], a) : NULL;
		if (dir)
			rc = read_directory(dir, a, out, e);
	}
	return rc;
}

int hosts_here(const char *certs, const char *registry, struct arena *a, struct hosts *out,
	       struct err *e)
{
	static const char *const places[] = { "/etc/containerd/certs.d", "/etc/containers/certs.d",
					      "/etc/docker/certs.d" };
	out->n = 1;
	out->v[0] = (struct host){ .resolve = true, .pull = true, .referrers = true };
	const char *given = certs ? path_absolute(a, certs) : NULL;
	if (certs && (!given || access(given, F_OK) < 0))
		return fail(e, errno, "the certificates' directory %.300s", certs);
	int rc = given ? read_for(given, registry, a, out, e) : 0;
	for (size_t i = 0; !certs && rc == 0 && i < sizeof(places) / sizeof(*places); i++)
		rc = read_for(places[i], registry, a, out, e);
	return rc < 0 ? rc : 0;
}
