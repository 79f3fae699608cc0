/* endpoint.c - one host that serves a registry: logins, and requests below its /v2/. */
#include "image/endpoint.h"
#include "base/clock.h"
#include "base/json.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ANSWER_MAX     ((size_t)1 << 20) /* of errors and tokens */
#define TOKEN_LIFE     60		 /* seconds, of one that does not say */
#define TOKEN_LIFE_MAX 31536000

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
	const char *token, *access_token, *refresh_token, *issued_at;
	const char *expires_in; /* a number, which some put into quotes */
};
static const struct json_field token_fields[] = {
	JSON(J_STR, token, token, "token"),
	JSON(J_STR, token, access_token, "access_token"),
	JSON(J_STR, token, refresh_token, "refresh_token"),
	JSON(J_STR, token, issued_at, "issued_at"),
	JSON(J_RAW, token, expires_in, "expires_in"),
	{ 0 },
};

int answer_read(struct source *s, struct buf *b, size_t max, struct err *e)
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

const char *answer_explanation(struct source *body, struct arena *a)
{
	struct err ignored;
	struct troubles t = { 0 };
	auto_buf b = { 0 };
	if (answer_read(body, &b, ANSWER_MAX, &ignored) < 0 || !b.len ||
	    json_read(b.p, b.len, troubles_fields, &t, a, &ignored) < 0 || !t.errors.n)
		return "";
	const char *text = t.errors.v[0].message ? t.errors.v[0].message : t.errors.v[0].code;
	const char *out = text ? arena_printf(a, ": %.200s", text) : "";
	return out ? out : "";
}

const char *challenge_parameter(struct arena *a, const char *list, const char *key)
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

/* What it is wanted for, as a query has it. */
static void put_purpose(const struct endpoint *p, const char *service, struct buf *b)
{
	buf_str(b, "scope=repository:");
	http_escape(b, p->repository);
	buf_str(b, ":pull");
	if (!service)
		return;
	buf_str(b, "&service=");
	http_escape(b, service);
}

int endpoint_share(struct endpoint *p, struct err *e)
{
	const char *token = p->login.identity;
	return token && *token ? identity_share(&p->identity, token, p->name, e) : 0;
}

void endpoint_close(struct endpoint *p)
{
	identity_close(&p->identity);
	http_free(p->http);
	p->http = NULL;
}

/* Asks the token server: as OAuth 2 has it with an identity token, else by a GET with the login. */
static int ask_token(struct endpoint *p, const char *realm, const char *service,
		     struct http_answer *answer, struct source **body, struct err *e)
{
	auto_buf url = { .max = 16384 };
	auto_buf form = { .max = 65536 };
	const char *identity = p->login.identity, *basic = NULL;
	buf_str(&url, realm);
	if (identity && *identity) {
		buf_str(&form, "grant_type=refresh_token&client_id=coracle&refresh_token=");
		http_escape(&form, identity);
		buf_char(&form, '&');
		put_purpose(p, service, &form);
	} else {
		buf_char(&url, strchr(realm, '?') ? '&' : '?');
		put_purpose(p, service, &url);
		basic = p->login.basic ? arena_printf(p->arena, "Basic %s", p->login.basic) : NULL;
		if (p->login.basic && !basic)
			return no_room(e);
	}
	if (url.failed || form.failed)
		return no_room(e);
	struct http_request request = { .url = url.p, .authorization = basic, .form = form.p };
	return http_get(p->http, &request, answer, body, e);
}

/* When it will not be taken any more: by our clock, earlier for one that was not made just now. One
 * that is too old already has come from a clock that is not ours. */
static uint64_t end_of(const struct token *t)
{
	const int64_t second = 1000000000;
	struct timespec issued, now = clock_now();
	const char *in = t->expires_in ? t->expires_in : "";
	int64_t left = strtoll(in + (*in == '"'), NULL, 10);
	if (left <= 0 || left > TOKEN_LIFE_MAX)
		left = left > 0 ? TOKEN_LIFE_MAX : TOKEN_LIFE;
	if (t->issued_at && clock_parse(t->issued_at, &issued) == 0) {
		int64_t age = now.tv_sec - issued.tv_sec;
		left -= age > 0 && age < left ? age : 0;
	}
	return clock_monotonic_ns() + (uint64_t)(left * second);
}

static int take_token(struct endpoint *p, struct source *body, struct err *e)
{
	auto_buf b = { 0 };
	struct token t = { 0 };
	int rc = answer_read(body, &b, ANSWER_MAX, e);
	if (rc == 0)
		rc = json_read(b.p, b.len, token_fields, &t, p->arena, e);
	if (rc < 0)
		return within(e, "the token of %s", p->name);
	const char *token = t.token && *t.token ? t.token : t.access_token;
	if (!token || !*token)
		return refuse(e, EPROTO, "the token server of %s sends no token", p->name);
	if (p->login.identity && t.refresh_token && *t.refresh_token)
		p->login.identity = t.refresh_token; /* in the place of the one that it was given */
	p->expires = end_of(&t);
	p->authorization = arena_printf(p->arena, "Bearer %s", token);
	return p->authorization ? 0 : no_room(e);
}

/* A token for pulling from this repository: our own, or one of the server that the challenge names.
 */
static int buy_token(struct endpoint *p, const char *challenge, struct err *e)
{
	struct http_answer answer;
	struct source *body;
	const char *realm = challenge_parameter(p->arena, challenge, "realm");
	if (p->login.bearer && *p->login.bearer) {
		p->authorization = arena_printf(p->arena, "Bearer %s", p->login.bearer);
		return p->authorization ? 0 : no_room(e);
	}
	if (!realm)
		return refuse(e, EPROTO, "%s asks for a token but does not say from where",
			      p->name);
	int rc = ask_token(p, realm, challenge_parameter(p->arena, challenge, "service"), &answer,
			   &body, e);
	if (rc < 0)
		return rc;
	if (answer.status != 200)
		return refuse(
			e, EACCES, "%s refuses a token for %s (status %d%s): check the credentials",
			p->name, p->repository, answer.status, answer_explanation(body, p->arena));
	return take_token(p, body, e);
}

static int get_token(struct endpoint *p, const char *challenge, struct err *e)
{
	struct err why = { 0 };
	bool shared = p->identity.box[0] > 0;
	int rc = shared ? identity_take(&p->identity, p->name, p->arena, &p->login.identity, e) : 0;
	if (rc < 0)
		return rc;
	rc = buy_token(p, challenge, e);
	int kept = shared ? identity_put(&p->identity, p->login.identity, p->name, &why) : 0;
	if (rc == 0 && kept < 0)
		*e = why;
	return rc < 0 ? rc : kept;
}

/* Does what one of the challenge's lines asks for. */
static int authenticate(struct endpoint *p, const char *challenge, struct err *e)
{
	bool basic = false;
	p->expires = 0;
	p->challenge = arena_str(p->arena, challenge);
	for (const char *line = challenge; *line;
	     line += strcspn(line, "\n"), line += *line == '\n') {
		if (!strncasecmp(line, "Bearer ", 7))
			return get_token(p, line + 7, e);
		basic |= !strncasecmp(line, "Basic", 5);
	}
	if (!basic)
		return refuse(e, EACCES, "%s asks for a %s", p->name,
			      *challenge ? "kind of login that is not known here"
					 : "login, and does not say which kind");
	if (!p->login.basic || !*p->login.basic)
		return refuse(
			e, EACCES,
			"%s wants a login: give --creds USER:PASSWORD, or log in with docker or "
			"podman",
			p->name);
	p->authorization = arena_printf(p->arena, "Basic %s", p->login.basic);
	return p->authorization ? 0 : no_room(e);
}

/* Whether that may be a registry's answer to what it serves: that, or a refusal. */
static bool served(int status)
{
	return status == 200 || status == 401 || status == 403;
}

/* Says hello to BASE/v2/. 0 when something like a registry answers. */
static int ping(struct endpoint *p, const char *base, struct err *e)
{
	struct http_answer answer;
	struct source *body;
	auto_buf b = { 0 };
	struct err ignored;
	const char *url = arena_printf(p->arena, "%s/v2/", base);
	if (!url)
		return no_room(e);
	int rc = http_get(p->http, &(struct http_request){ .url = url }, &answer, &body, e);
	if (rc < 0)
		return rc;
	answer_read(body, &b, ANSWER_MAX, &ignored);
	if (!served(answer.status))
		return refuse(e, EPROTO, "%s is no registry: it answers with status %d", base,
			      answer.status);
	p->base = arena_printf(p->arena, "%s/v2", base);
	return p->base ? 0 : no_room(e);
}

/* https; http too where that is allowed. */
static bool may_be_plain(const struct endpoint *p)
{
	return p->http_options.insecure || host_is_loopback(p->host);
}

/* Http on this machine's own addresses before https, else when https fails. */
static int reach(struct endpoint *p, struct err *e)
{
	const char *host = p->host;
	bool local = host_is_loopback(host);
	const char *plain = arena_printf(p->arena, "http://%s", host);
	const char *safe = arena_printf(p->arena, "https://%s", host);
	if (!plain || !safe)
		return no_room(e);
	int rc = ping(p, local ? plain : safe, e);
	if (rc < 0 && rc != -ECONNREFUSED && may_be_plain(p)) {
		struct err second = { 0 };
		rc = ping(p, local ? safe : plain, &second);
		if (rc < 0 && local) /* it answers, so it is https that has something to say */
			*e = second;
	}
	return rc < 0 ? within(e, "reach the registry %s", p->name) : 0;
}

/* As struct http_request has it: while p->http is in the middle of a body. */
static int renew(void *arg, const char *challenge, const char **authorization, struct err *e)
{
	struct endpoint *p = arg;
	struct http *busy = p->http;
	p->http = NULL;
	int rc = http_new(&p->http_options, &p->http, e);
	if (rc == 0)
		rc = authenticate(p, challenge, e);
	http_free(p->http);
	p->http = busy;
	*authorization = p->authorization;
	return rc;
}

/* One request below its base, with a login when it is asked for. */
static int ask(struct endpoint *p, const char *path, const char *accept, struct http_answer *answer,
	       struct source **body, struct err *e)
{
	const char *url = arena_printf(p->arena, "%s/%s/%s%s%s", p->base, p->repository, path,
				       p->mirror ? strchr(path, '?') ? "&ns=" : "?ns=" : "",
				       p->mirror ? p->mirror : "");
	if (!url)
		return no_room(e);
	if (p->expires && p->challenge && clock_monotonic_ns() >= p->expires &&
	    authenticate(p, p->challenge, e) < 0)
		return -e->code;
	for (int attempt = 0;; attempt++) {
		struct http_request q = { .url = url,
					  .accept = accept,
					  .authorization = p->authorization,
					  .renew = renew,
					  .arg = p };
		int rc = http_get(p->http, &q, answer, body, e);
		p->met |= rc == 0 && served(answer->status);
		/* Where a redirect leads may ask for a login, but not for ours. */
		if (rc < 0 || answer->status != 401 || answer->elsewhere || attempt)
			return rc;
		char *challenge = arena_str(p->arena, answer->challenge);
		auto_buf rest = { 0 };
		struct err ignored;
		/* So that the connection can be used again. */
		answer_read(*body, &rest, ANSWER_MAX, &ignored);
		rc = challenge ? authenticate(p, challenge, e) : no_room(e);
		if (rc < 0)
			return rc;
	}
}

int endpoint_get(struct endpoint *p, const char *path, const char *accept,
		 struct http_answer *answer, struct source **body, struct err *e)
{
	int rc = p->http ? 0 : http_new(&p->http_options, &p->http, e);
	if (rc < 0 || p->base)
		return rc < 0 ? rc : ask(p, path, accept, answer, body, e);
	/* Asked at once where it most likely is: a hello takes as long as an answer. */
	const char *first = arena_printf(p->arena, "http%s://%s/v2",
					 host_is_loopback(p->host) ? "" : "s", p->host);
	p->base = first;
	rc = first ? ask(p, path, accept, answer, body, e) : no_room(e);
	if (p->met)
		return rc;
	p->base = NULL;
	bool silent = rc == -ETIMEDOUT && host_is_loopback(p->host);
	if (rc < 0 && (rc == -ECONNREFUSED || silent || !may_be_plain(p)))
		return within(e, "reach the registry %s", p->name);
	struct err trouble = *e;
	int met = reach(p, e);
	if (met < 0)
		return met;
	if (rc == 0 || strcmp(p->base, first) != 0)
		return ask(p, path, accept, answer, body, e);
	*e = trouble; /* it is there, and does not answer this */
	return rc;
}
