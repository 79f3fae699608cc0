/* registry.c - an image's registry, in the words of the OCI distribution spec. */
#include "base/json.h"
#include "base/sha256.h"
#include "image/credentials.h"
#include "image/http.h"
#include "image/origin.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define ANSWER_MAX ((size_t)1 << 20) /* of errors and tokens */
#define ACCEPT \
	MEDIA_OCI_INDEX ", " MEDIA_OCI_MANIFEST ", " MEDIA_DOCKER_LIST ", " MEDIA_DOCKER_MANIFEST

/* One repository of one registry. The token lives and dies with it: nobody else is ever sent it. */
struct registry {
	struct origin origin;
	struct arena *arena; /* the caller's */
	struct ref ref;
	struct http_options http_options;
	struct http *http;
	const char *base;	   /* "https://HOST" */
	const char *credentials;   /* base64; NULL: none */
	const char *authorization; /* header for this repository; NULL: none (yet) */
};

struct trouble {
	const char *code, *message;
};
struct troubles {
	struct {
		struct trouble *v;
		size_t n;
	} errors;
};
static const struct json_field trouble_fields[] = {
	JSON(J_STR, trouble, code, "code"),
	JSON(J_STR, trouble, message, "message"),
	{ 0 },
};
static const struct json_field troubles_fields[] = {
	JSON_SUB(J_LIST, troubles, errors, "errors", trouble_fields, trouble),
	{ 0 },
};

struct token {
	const char *token, *access_token;
};
static const struct json_field token_fields[] = {
	JSON(J_STR, token, token, "token"),
	JSON(J_STR, token, access_token, "access_token"),
	{ 0 },
};

/* Appends a small answer to b. */
static int read_answer(struct source *s, struct buf *b, size_t max, struct err *e)
{
	const void *p;
	ssize_t n;
	while ((n = source_read(s, &p, e)) > 0) {
		if (b->len + (size_t)n > max)
			return refuse(e, E2BIG, "the registry's answer is larger than %zu bytes",
				      max);
		buf_add(b, p, (size_t)n);
		if (b->failed)
			return fail(e, ENOMEM, "read the registry's answer");
	}
	return (int)n;
}

/* What the registry itself says about its refusal, "" when nothing. */
static const char *explanation(struct registry *r, struct source *body)
{
	struct err ignored;
	struct troubles t = { 0 };
	auto_buf b = { 0 };
	if (read_answer(body, &b, ANSWER_MAX, &ignored) < 0 || !b.len ||
	    json_read(b.p, b.len, troubles_fields, &t, r->arena, &ignored) < 0 || !t.errors.n)
		return "";
	const char *text = t.errors.v[0].message ? t.errors.v[0].message : t.errors.v[0].code;
	const char *out = text ? arena_printf(r->arena, ": %.200s", text) : "";
	return out ? out : "";
}

/* The value of key="..." in a challenge's parameters; NULL when absent. */
static const char *parameter(struct arena *a, const char *list, const char *key)
{
	size_t k = strlen(key);
	for (const char *p = list; *p && *p != '\n';) {
		p += strspn(p, " ,\t");
		size_t n = strcspn(p, "=,\n");
		const char *name = p;
		p += n;
		if (*p != '=')
			continue;
		bool quoted = *++p == '"';
		const char *value = quoted ? ++p : p;
		p += strcspn(p, quoted ? "\"\n" : ", \n");
		if (n == k && !strncasecmp(name, key, k))
			return arena_strn(a, value, (size_t)(p - value));
		p += quoted && *p == '"';
	}
	return NULL;
}

static int no_room(struct err *e)
{
	return fail(e, E2BIG, "talk to the registry");
}

/* Fetches a token for pulling from this repository from the server that the challenge names. */
static int get_token(struct registry *r, const char *challenge, struct err *e)
{
	auto_buf url = { .max = 16384 };
	auto_buf b = { 0 };
	struct token t = { 0 };
	struct http_answer answer;
	struct source *body;
	const char *realm = parameter(r->arena, challenge, "realm");
	const char *service = parameter(r->arena, challenge, "service");
	if (!realm)
		return refuse(e, EPROTO, "%s asks for a token but does not say from where",
			      r->ref.host);
	buf_printf(&url, "%s%sscope=repository:", realm, strchr(realm, '?') ? "&" : "?");
	http_escape(&url, r->ref.name);
	buf_str(&url, ":pull");
	if (service) {
		buf_str(&url, "&service=");
		http_escape(&url, service);
	}
	const char *basic = r->credentials ? arena_printf(r->arena, "Basic %s", r->credentials)
					   : NULL;
	if (url.failed || (r->credentials && !basic))
		return no_room(e);
	struct http_request request = { .url = url.p, .authorization = basic };
	int rc = http_get(r->http, &request, &answer, &body, e);
	if (rc < 0)
		return rc;
	if (answer.status != 200)
		return refuse(e, EACCES,
			      "%s refuses a token for %s (status %d%s): check the credentials",
			      r->ref.host, r->ref.name, answer.status, explanation(r, body));
	rc = read_answer(body, &b, ANSWER_MAX, e);
	if (rc == 0)
		rc = json_read(b.p, b.len, token_fields, &t, r->arena, e);
	if (rc < 0)
		return within(e, "the token of %s", r->ref.host);
	const char *token = t.token && *t.token ? t.token : t.access_token;
	if (!token || !*token)
		return refuse(e, EPROTO, "the token server of %s sends no token", r->ref.host);
	r->authorization = arena_printf(r->arena, "Bearer %s", token);
	return r->authorization ? 0 : no_room(e);
}

/* Does what one of the challenge's lines asks for. */
static int authenticate(struct registry *r, const char *challenge, struct err *e)
{
	bool basic = false;
	for (const char *line = challenge; *line;
	     line += strcspn(line, "\n"), line += *line == '\n') {
		if (!strncasecmp(line, "Bearer ", 7))
			return get_token(r, line + 7, e);
		basic |= !strncasecmp(line, "Basic", 5);
	}
	if (!basic)
		return refuse(e, EACCES, "%s asks for a kind of login that is not known here",
			      r->ref.host);
	if (!r->credentials)
		return refuse(
			e, EACCES,
			"%s wants a login: give --creds USER:PASSWORD, or log in with docker or "
			"podman",
			r->ref.host);
	r->authorization = arena_printf(r->arena, "Basic %s", r->credentials);
	return r->authorization ? 0 : no_room(e);
}

/* One request below BASE/v2/NAME/, with a login when it is asked for. */
static int ask(struct registry *r, const char *path, const char *accept, struct http_answer *answer,
	       struct source **body, struct err *e)
{
	const char *url = arena_printf(r->arena, "%s/v2/%s/%s", r->base, r->ref.name, path);
	if (!url)
		return no_room(e);
	for (int attempt = 0;; attempt++) {
		struct http_request q = { .url = url,
					  .accept = accept,
					  .authorization = r->authorization };
		int rc = http_get(r->http, &q, answer, body, e);
		if (rc < 0 || answer->status != 401 || attempt)
			return rc;
		char *challenge = arena_str(r->arena, answer->challenge);
		auto_buf rest = { 0 };
		struct err ignored;
		read_answer(*body, &rest, ANSWER_MAX,
			    &ignored); /* so that the connection can be used again */
		rc = challenge ? authenticate(r, challenge, e) : no_room(e);
		if (rc < 0)
			return rc;
	}
}

/* The words for any status but 200. */
static int refused(struct registry *r, const char *what, const struct http_answer *answer,
		   struct source *body, struct err *e)
{
	const char *name = ref_text(&r->ref, r->arena);
	if (!name)
		return no_room(e);
	if (answer->status == 404)
		return refuse(e, ENOENT, "%s of %s is not in the registry%s", what, name,
			      explanation(r, body));
	if (answer->status == 401 || answer->status == 403)
		return refuse(e, EACCES,
			      "%s does not let you pull %s%s: check the name, or give --creds "
			      "USER:PASSWORD",
			      r->ref.host, name, explanation(r, body));
	return refuse(e, EIO, "%s of %s: the registry answers with status %d%s", what, name,
		      answer->status, explanation(r, body));
}

static int registry_document(struct origin *o, const char *digest, struct buf *b, const char **type,
			     struct err *e)
{
	struct registry *r = (struct registry *)o;
	struct http_answer answer;
	struct source *body;
	const char *which = digest ? digest : r->ref.digest ? r->ref.digest : r->ref.tag;
	const char *path = arena_printf(r->arena, "manifests/%s", which);
	if (!path)
		return no_room(e);
	int rc = ask(r, path, ACCEPT, &answer, &body, e);
	if (rc < 0)
		return rc;
	if (answer.status == 404 && !digest)
		return refuse(e, ENOENT, "no image %s/%s:%s in the registry%s; check name and tag",
			      r->ref.host, r->ref.name, which, explanation(r, body));
	if (answer.status != 200)
		return refused(r, "the manifest", &answer, body, e);
	*type = answer.content_type ? arena_str(r->arena, answer.content_type) : NULL;
	rc = read_answer(body, b, MANIFEST_MAX, e);
	if (rc < 0 || !strchr(which, ':'))
		return rc;
	char got[SHA256_TEXT];
	sha256_text(b->p, b->len, got);
	if (strcmp(got, which))
		return refuse(e, EBADMSG,
			      "manifest %s is not what it should be: its content has the digest %s",
			      which, got);
	return 0;
}

static int registry_blob(struct origin *o, const struct descriptor *d, struct source **out,
			 struct err *e)
{
	struct registry *r = (struct registry *)o;
	struct http_answer answer;
	const char *path = arena_printf(r->arena, "blobs/%s", d->digest);
	if (!path)
		return no_room(e);
	int rc = ask(r, path, NULL, &answer, out, e);
	if (rc == 0 && answer.status != 200)
		rc = refused(r, d->digest, &answer, *out, e);
	return rc;
}

static int registry_forked(struct origin *o, struct err *e)
{
	struct registry *r = (struct registry *)o;
	/* The parent's connections are left as they are: closing them here would end them there. */
	return http_new(&r->http_options, &r->http, e);
}

static void registry_close(struct origin *o)
{
	struct registry *r = (struct registry *)o;
	http_free(r->http);
	free(r);
}

/* Says hello to BASE/v2/. 0 when something like a registry answers. */
static int ping(struct registry *r, const char *base, struct err *e)
{
	struct http_answer answer;
	struct source *body;
	auto_buf b = { 0 };
	struct err ignored;
	const char *url = arena_printf(r->arena, "%s/v2/", base);
	if (!url)
		return no_room(e);
	int rc = http_get(r->http, &(struct http_request){ .url = url }, &answer, &body, e);
	if (rc < 0)
		return rc;
	read_answer(body, &b, ANSWER_MAX, &ignored);
	if (answer.status != 200 && answer.status != 401 && answer.status != 403)
		return refuse(e, EPROTO, "%s is no registry: it answers with status %d", base,
			      answer.status);
	r->base = base;
	return 0;
}

/* https; http too where that is allowed: on this machine's own addresses before https, else when
 * https fails. */
static int reach(struct registry *r, struct err *e)
{
	const char *host = r->ref.host;
	bool local = host_is_loopback(host);
	const char *plain = arena_printf(r->arena, "http://%s", host);
	const char *safe = arena_printf(r->arena, "https://%s", host);
	if (!plain || !safe)
		return no_room(e);
	int rc = ping(r, local ? plain : safe, e);
	if (rc < 0 && rc != -ECONNREFUSED && (local || r->http_options.insecure)) {
		struct err second = { 0 };
		rc = ping(r, local ? safe : plain, &second);
		if (rc < 0 && local) /* it answers, so it is https that has something to say */
			*e = second;
	}
	return rc < 0 ? within(e, "reach the registry %s", host) : 0;
}

/* A CA that the user trusts for this registry alone, where other tools look for it too. */
static const char *own_ca(struct registry *r)
{
	static const char *const places[] = { "/etc/containers/certs.d", "/etc/docker/certs.d" };
	for (size_t i = 0; i < 2; i++) {
		const char *path = arena_printf(r->arena, "%s/%s/ca.crt", places[i], r->ref.host);
		if (path && access(path, R_OK) == 0)
			return path;
	}
	return NULL;
}

int registry_open(const struct ref *ref, const struct origin_options *o, struct arena *a,
		  struct origin **out, struct err *e)
{
	struct registry *r = calloc(1, sizeof(*r));
	if (!r)
		return fail(e, ENOMEM, "reach the registry %s", ref->host);
	r->origin = (struct origin){ registry_document, registry_blob, registry_forked,
				     registry_close };
	r->arena = a;
	r->ref = *ref;
	r->http_options = (struct http_options){ .ca_file = own_ca(r), .insecure = o->insecure };
	int rc = o->credentials ? credentials_encode(o->credentials, a, &r->credentials, e)
				: credentials_here(ref->host, ref->name, a, &r->credentials, e);
	if (rc == 0)
		rc = http_new(&r->http_options, &r->http, e);
	if (rc == 0)
		rc = reach(r, e);
	if (rc < 0) {
		registry_close(&r->origin);
		return rc;
	}
	*out = &r->origin;
	return 0;
}
