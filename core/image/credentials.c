/* credentials.c - what the user's login files know about a registry. */
#include "image/credentials.h"
#include "base/file.h"
#include "base/json.h"
#include "image/helper.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define AUTH_FILE_MAX ((size_t)1 << 20)

static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

struct login {
	const char *key;
	struct credentials is;
};
struct logins {
	struct {
		struct login *v;
		size_t n;
	} auths;
	struct pairs helpers;
	const char *store;
};

static const struct json_field login_fields[] = {
	JSON(J_STR, login, is.basic, "auth"),
	JSON(J_STR, login, is.identity, "identitytoken"),
	JSON(J_STR, login, is.bearer, "registrytoken"),
	{ 0 },
};
static const struct json_field logins_fields[] = {
	JSON_SUB(J_DICT, logins, auths, "auths", login_fields, login),
	JSON(J_PAIRS, logins, helpers, "credHelpers"),
	JSON(J_STR, logins, store, "credsStore"),
	{ 0 },
};

/* How much of HOST/NAME the key covers: bytes, 0 for not at all. Keys may be written as URLs, and
 * with /v1/ or /v2/. */
static size_t covers(const char *key, const char *host, const char *name)
{
	size_t h = strlen(host);
	if (!strncmp(key, "https://", 8))
		key += 8;
	else if (!strncmp(key, "http://", 7))
		key += 7;
	if (strncmp(key, host, h))
		return 0;
	const char *rest = key + h;
	if (!*rest || !strcmp(rest, "/") || !strcmp(rest, "/v1/") || !strcmp(rest, "/v2/") ||
	    !strcmp(rest, "/v1") || !strcmp(rest, "/v2"))
		return h;
	size_t n = 0;
	if (*rest != '/')
		return 0;
	while (rest[1 + n] && rest[1 + n] == name[n])
		n++;
	return n && !rest[1 + n] && (!name[n] || name[n] == '/') ? h + 1 + n : 0;
}

static bool said(const char *s)
{
	return s && *s;
}

bool credentials_any(const struct credentials *c)
{
	return said(c->basic) || said(c->identity) || said(c->bearer);
}

/* The login that the file itself has. */
static int find_written(const struct logins *l, const char *host, const char *name,
			struct credentials *out, struct err *e)
{
	size_t most = 0;
	for (size_t i = 0; i < l->auths.n; i++) {
		size_t c = covers(l->auths.v[i].key, host, name);
		if (!c && !strcmp(host, "docker.io")) /* as docker login writes it */
			c = covers(l->auths.v[i].key, "index.docker.io", name);
		if (c <= most || !credentials_any(&l->auths.v[i].is))
			continue;
		most = c;
		*out = l->auths.v[i].is;
	}
	const char *auth = out->basic ? out->basic : "";
	size_t n = strspn(auth, base64);
	if (strlen(auth) != n + strspn(auth + n, "="))
		return refuse(e, EINVAL, "auths.%.100s.auth: not base64", host);
	return 0;
}

int credentials_find(const char *text, size_t len, const char *host, const char *name,
		     struct arena *a, struct credentials *out, struct err *e)
{
	struct logins l = { 0 };
	bool docker = !strcmp(host, "docker.io");
	int rc = json_read(text, len, logins_fields, &l, a, e);
	*out = (struct credentials){ 0 };
	if (rc < 0)
		return rc;
	/* A helper for this registry, then what is written, then the helper for all. */
	for (size_t i = 0; i < l.helpers.n; i++) {
		const char *key = l.helpers.v[i].key;
		bool own = covers(key, host, "") || (docker && covers(key, "index.docker.io", ""));
		if (own && *l.helpers.v[i].value)
			return helper_get(l.helpers.v[i].value, key, HELPER_TIMEOUT, a, out, e);
	}
	rc = find_written(&l, host, name, out, e);
	if (rc < 0 || credentials_any(out) || !said(l.store))
		return rc;
	rc = helper_get(l.store, docker ? "https://index.docker.io/v1/" : host, HELPER_TIMEOUT, a,
			out, e);
	/* Files are copied to machines that do not have it, and most images need no login. */
	if (rc != -ENOENT)
		return rc;
	*e = (struct err){ 0 };
	return 0;
}

static int look_in(const char *path, const char *host, const char *name, struct arena *a,
		   struct credentials *out, struct err *e)
{
	auto_buf b = { .max = AUTH_FILE_MAX };
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0
							   : fail(e, errno, "open %.300s", path);
	int rc = file_read_fd(fd, path, &b, e);
	if (rc < 0 || !b.len)
		return rc;
	rc = credentials_find(b.p, b.len, host, name, a, out, e);
	return rc < 0 ? within(e, "%.300s", path) : 0;
}

int credentials_here(const char *file, const char *host, const char *name, struct arena *a,
		     struct credentials *out, struct err *e)
{
	static const struct {
		const char *variable, *below;
	} places[] = {
		{ "REGISTRY_AUTH_FILE", "" },
		{ "XDG_RUNTIME_DIR", "/containers/auth.json" },
		{ "HOME", "/.config/containers/auth.json" },
		{ "DOCKER_CONFIG", "/config.json" },
		{ "HOME", "/.docker/config.json" },
	};
	*out = (struct credentials){ 0 };
	if (file && access(file, F_OK) < 0)
		return fail(e, errno, "open the logins %.300s", file);
	if (file)
		return look_in(file, host, name, a, out, e);
	for (size_t i = 0; !credentials_any(out) && i < sizeof(places) / sizeof(places[0]); i++) {
		const char *value = getenv(places[i].variable);
		if (!value || *value != '/')
			continue;
		const char *path = arena_printf(a, "%s%s", value, places[i].below);
		if (!path)
			return fail(e, E2BIG, "look for credentials");
		int rc = look_in(path, host, name, a, out, e);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int credentials_encode(const char *user_pass, struct arena *a, const char **out, struct err *e)
{
	size_t n = strlen(user_pass);
	const unsigned char *p = (const unsigned char *)user_pass;
	char *text = arena_alloc(a, n / 3 * 4 + 5), *at = text;
	if (!strchr(user_pass, ':'))
		return refuse(e, EINVAL, "credentials are USER:PASSWORD, with a colon");
	if (!text)
		return fail(e, E2BIG, "encode credentials");
	for (; n; p += n < 3 ? n : 3, n -= n < 3 ? n : 3) {
		unsigned v = (unsigned)p[0] << 16 | (n > 1 ? (unsigned)p[1] << 8 : 0) |
			     (n > 2 ? p[2] : 0);
		*at++ = base64[v >> 18];
		*at++ = base64[v >> 12 & 63];
		*at++ = n > 1 ? base64[v >> 6 & 63] : '=';
		*at++ = n > 2 ? base64[v & 63] : '=';
	}
	*out = text;
	return 0;
}
