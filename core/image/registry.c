/* registry.c - an image's registry and its mirrors, in the words of the OCI distribution spec. */
#include "image/credentials.h"
#include "image/endpoint.h"
#include "image/hosts.h"
#include "image/origin.h"

#include <stdlib.h>
#include <string.h>

#define ACCEPT \
	MEDIA_OCI_INDEX ", " MEDIA_OCI_MANIFEST ", " MEDIA_DOCKER_LIST ", " MEDIA_DOCKER_MANIFEST

#define PAGES_MAX 16 /* of a list */
#define TRIES_MAX 4  /* of a document that breaks off */

/* One repository of one registry. */
struct registry {
	struct origin origin;
	struct arena *arena; /* the caller's */
	struct ref ref;
	struct endpoint endpoints[HOSTS_MAX]; /* the registry itself is the last */
	size_t n;
	const char *trouble; /* what was wrong with the mirrors, "" for nothing */
};

static int no_room(struct err *e)
{
	return fail(e, E2BIG, "talk to the registry");
}

/* Why a mirror did not help, for the case that the registry does not either. */
static void remember(struct registry *r, const struct endpoint *p, int rc,
		     const struct http_answer *answer, const struct err *why)
{
	const char *more = rc < 0 ? arena_printf(r->arena, "%s; mirror %s: %.300s", r->trouble,
						 p->name, why->msg)
				  : arena_printf(r->arena, "%s; mirror %s: status %d", r->trouble,
						 p->name, answer->status);
	r->trouble = more ? more : r->trouble;
}

/* What a mirror must be good for. */
enum need { NEED_RESOLVE, NEED_PULL, NEED_REFERRERS };

static bool is_good(const struct endpoint *p, enum need need)
{
	return need == NEED_RESOLVE ? p->resolve : need == NEED_PULL ? p->pull : p->referrers;
}

/* Asks the mirrors that can say it, then the registry. */
static int ask(struct registry *r, enum need need, const char *path, const char *accept,
	       struct http_answer *answer, struct source **body, struct err *e)
{
	r->trouble = "";
	for (size_t i = 0; i < r->n - 1; i++) {
		struct endpoint *p = &r->endpoints[i];
		struct err why = { 0 };
		if (!is_good(p, need))
			continue;
		int rc = endpoint_get(p, path, accept, answer, body, &why);
		if (rc == 0 && answer->status == 200)
			return 0;
		remember(r, p, rc, answer, &why);
	}
	int rc = endpoint_get(&r->endpoints[r->n - 1], path, accept, answer, body, e);
	char *said = rc < 0 && *r->trouble ? arena_str(r->arena, e->msg) : NULL;
	return said ? refuse(e, rc, "%s%s", said, r->trouble) : rc;
}

/* The words for any status but 200. */
static int refused(struct registry *r, const char *what, const struct http_answer *answer,
		   struct source *body, struct err *e)
{
	const char *name = ref_text(&r->ref, r->arena);
	if (!name)
		return no_room(e);
	if (answer->status == 404)
		return refuse(e, ENOENT, "%s of %s is not in the registry%s%s", what, name,
			      answer_explanation(body, r->arena), r->trouble);
	if (answer->status == 401 || answer->status == 403)
		return refuse(e, EACCES,
			      "%s does not let you pull %s%s: check the name, or give --creds "
			      "USER:PASSWORD%s",
			      r->ref.host, name, answer_explanation(body, r->arena), r->trouble);
	return refuse(e, EIO, "%s of %s: the registry answers with status %d%s%s", what, name,
		      answer->status, answer_explanation(body, r->arena), r->trouble);
}

static int read_document(struct registry *r, const char *which, bool own, struct buf *b,
			 const char **type, struct err *e)
{
	struct http_answer answer;
	struct source *body;
	const char *path = arena_printf(r->arena, "manifests/%s", which);
	if (!path)
		return no_room(e);
	enum need need = strchr(which, ':') ? NEED_PULL : NEED_RESOLVE;
	int rc = ask(r, need, path, ACCEPT, &answer, &body, e);
	if (rc < 0)
		return rc;
	if (answer.status == 404 && own)
		return refuse(e, ENOENT,
			      "no image %s/%s%c%s in the registry%s; check name and tag%s",
			      r->ref.host, r->ref.name, strchr(which, ':') ? '@' : ':', which,
			      answer_explanation(body, r->arena), r->trouble);
	if (answer.status != 200)
		return refused(r, "the manifest", &answer, body, e);
	if (answer.content_type && !strcmp(answer.content_type, "text/html"))
		return refuse(e, EPROTO, "%s answers with a page for people, not as a registry%s",
			      r->ref.host, r->trouble);
	*type = answer.content_type ? arena_str(r->arena, answer.content_type) : NULL;
	rc = answer_read(body, b, MANIFEST_MAX, e);
	return rc == -E2BIG ? within(e, "%s/%s", r->ref.host, r->ref.name) : rc;
}

/* Whether to ask once more, after so many bytes of it. */
static bool broke_off(int rc, size_t had, int *tries, struct err *e)
{
	if (rc != -EIO || !had || ++*tries == TRIES_MAX)
		return false;
	*e = (struct err){ 0 };
	return true;
}

static int registry_document(struct origin *o, const char *digest, struct buf *b, const char **type,
			     struct err *e)
{
	struct registry *r = (struct registry *)o;
	const char *which = digest ? digest : r->ref.digest ? r->ref.digest : r->ref.tag;
	size_t had = b->len;
	int rc, tries = 0;
	do {
		b->len = had;
		rc = read_document(r, which, !digest, b, type, e);
	} while (broke_off(rc, b->len - had, &tries, e));
	if (rc < 0 || !strchr(which, ':'))
		return rc;
	char got[DIGEST_TEXT];
	if (!digest_is(which, b->p, b->len, got))
		return refuse(e, EBADMSG,
			      "manifest %s is not what it should be: its content has the digest %s",
			      which, got);
	return 0;
}

/* The next page of a list, as a query to the same place: what follows the "?" of the link "next",
 * wherever that leads. NULL: this was the last. */
static const char *next_page(struct registry *r, const struct http_answer *answer)
{
	size_t n;
	for (const char *p = strchr(answer->link, '<'); p; p = strchr(p + n, '<')) {
		n = strcspn(p, ">");
		const char *end = p + n + strcspn(p + n, "<"), *rel = strstr(p + n, "rel=");
		const char *query = memchr(p, '?', n);
		if (rel && rel < end && query && !strncmp(rel + 4 + (rel[4] == '"'), "next", 4))
			return arena_strn(r->arena, query, (size_t)(p + n - query));
	}
	return NULL;
}

static int add_page(const struct buf *b, struct arena *a, struct index *out, struct err *e)
{
	struct index page = { 0 };
	int rc = index_parse(b->p ? b->p : "", b->len, a, &page, e);
	if (rc < 0)
		return within(e, "the list of what refers to the image");
	struct descriptors *all = &out->manifests;
	struct descriptor *v = list_grow(a, all->v, all->n, page.manifests.n, sizeof(*v));
	if (!v)
		return no_room(e);
	if (page.manifests.n)
		memcpy(v + all->n, page.manifests.v, page.manifests.n * sizeof(*v));
	*all = (struct descriptors){ .v = v, .n = all->n + page.manifests.n };
	return 0;
}

static int read_page(struct registry *r, const char *path, struct buf *b, const char **more,
		     struct err *e)
{
	struct http_answer answer;
	struct source *body;
	int rc = ask(r, NEED_REFERRERS, path, MEDIA_OCI_INDEX, &answer, &body, e);
	if (rc < 0)
		return rc;
	/* A registry from before such lists says so in many ways. */
	bool unknown = answer.status >= 400 && answer.status < 500 && answer.status != 401 &&
		       answer.status != 403;
	if (answer.status != 200)
		return unknown ? refuse(e, ENOENT, "no list of what refers to it")
			       : refused(r, "what refers to it", &answer, body, e);
	*more = next_page(r, &answer);
	rc = answer_read(body, b, MANIFEST_MAX, e);
	return rc < 0 ? within(e, "the list of what refers to the image") : 0;
}

static int registry_referrers(struct origin *o, const char *digest, struct arena *a,
			      struct index *out, struct err *e)
{
	struct registry *r = (struct registry *)o;
	const char *more = "";
	*out = (struct index){ 0 };
	for (int page = 0; more && page < PAGES_MAX; page++) {
		auto_buf b = { .max = MANIFEST_MAX + 1 };
		const char *path = arena_printf(r->arena, "referrers/%s%s", digest, more);
		int rc, tries = 0;
		do {
			b.len = 0;
			rc = path ? read_page(r, path, &b, &more, e) : no_room(e);
		} while (broke_off(rc, b.len, &tries, e));
		if (rc == 0)
			rc = add_page(&b, a, out, e);
		if (rc < 0)
			return rc;
	}
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
	int rc = ask(r, NEED_PULL, path, NULL, &answer, out, e);
	if (rc == 0 && answer.status != 200)
		rc = refused(r, d->digest, &answer, *out, e);
	return rc;
}

static int registry_forked(struct origin *o, struct err *e)
{
	struct registry *r = (struct registry *)o;
	/* The parent's connections are left as they are: closing them here would end them there. */
	for (size_t i = 0; i < r->n; i++)
		r->endpoints[i].http = NULL;
	return 0;
}

static void registry_leave(struct origin *o)
{
	struct registry *r = (struct registry *)o;
	for (size_t i = 0; i < r->n; i++) {
		http_free(r->endpoints[i].http);
		r->endpoints[i].http = NULL;
	}
}

static void registry_close(struct origin *o)
{
	struct registry *r = (struct registry *)o;
	for (size_t i = 0; i < r->n; i++)
		endpoint_close(&r->endpoints[i]);
	free(o);
}

/* HOST[:PORT] of a base. */
static const char *host_of(const char *base, struct arena *a)
{
	const char *host = strstr(base, "://");
	host = host ? host + 3 : base;
	return arena_strn(a, host, strcspn(host, "/"));
}

static int add_endpoint(struct registry *r, const struct host *h, bool last,
			const struct origin_options *o, struct err *e)
{
	const char *own = r->ref.host, *api = ref_host(&r->ref);
	const char *host = h->base ? host_of(h->base, r->arena) : api;
	const char *place = h->base ? h->base : arena_printf(r->arena, "https://%s", api);
	if (!host || !place)
		return no_room(e);
	bool other = strcmp(host, api) != 0;
	struct endpoint *p = &r->endpoints[r->n++];
	*p = (struct endpoint){ .arena = r->arena,
				.name = h->base ? host : own,
				.host = host,
				.repository = r->ref.name,
				.base = h->base,
				.mirror = other ? own : NULL,
				.http_options = h->http,
				.resolve = h->resolve,
				.pull = h->pull,
				.referrers = h->referrers };
	p->http_options.place = place;
	p->http_options.insecure = o->insecure;
	p->http_options.stall = o->stall;
	/* Now, because a helper that knows them cannot be started from where layers are unpacked.
	 */
	if (last && o->credentials)
		return credentials_encode(o->credentials, r->arena, &p->login.basic, e);
	int rc = credentials_here(o->authfile, last || !other ? own : host, p->repository, r->arena,
				  &p->login, e);
	return rc < 0 ? rc : endpoint_share(p, e);
}

/* Certificates and keys that connections may want. */
static int list_files(struct registry *r, struct strs *out, struct err *e)
{
	size_t n = 0;
	for (size_t i = 0; i < r->n; i++)
		n += r->endpoints[i].http_options.ca.n + 2;
	const char **v = arena_alloc(r->arena, n * sizeof(*v));
	if (!v)
		return no_room(e);
	n = 0;
	for (size_t i = 0; i < r->n; i++) {
		const struct http_options *o = &r->endpoints[i].http_options;
		for (size_t k = 0; k < o->ca.n; k++)
			v[n++] = o->ca.v[k];
		if (o->cert)
			v[n++] = o->cert;
		if (o->key)
			v[n++] = o->key;
	}
	*out = (struct strs){ .v = v, .n = n };
	return 0;
}

int registry_open(const struct ref *ref, const struct origin_options *o, struct arena *a,
		  struct origin **out, struct err *e)
{
	struct hosts hosts;
	struct registry *r = calloc(1, sizeof(*r));
	if (!r)
		return fail(e, ENOMEM, "reach the registry %s", ref->host);
	r->origin = (struct origin){ registry_document, registry_referrers, registry_blob,
				     registry_forked,	registry_close,	    registry_leave };
	r->origin.network = true;
	r->origin.digest = ref->digest;
	r->arena = a;
	r->ref = *ref;
	int rc = hosts_here(o->certs, ref->host, a, &hosts, e);
	for (size_t i = 0; rc == 0 && i < hosts.n; i++)
		rc = add_endpoint(r, &hosts.v[i], i == hosts.n - 1, o, e);
	if (rc == 0)
		rc = list_files(r, &r->origin.files, e);
	if (rc < 0) {
		registry_close(&r->origin);
		return rc;
	}
	*out = &r->origin;
	return 0;
}
