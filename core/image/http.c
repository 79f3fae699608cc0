/* http.c - HTTP and HTTPS: one request at a time, its answer read like any other source. The only
 * file that knows curl. */
#include "image/http.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/loop.h"
#include "image/authorities.h"
#include "image/proxy.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/signalfd.h>
#include <unistd.h>

#ifndef CORACLE_VERSION
#define CORACLE_VERSION "dev"
#endif

#define HOPS_MAX  5
#define TRIES_MAX 4
#define STALL	  60
#define PROGRESS  65536		      /* bytes after which a lost connection is a new misfortune */
#define BODY_HIGH ((size_t)512 << 10) /* then the sender waits until somebody has read */
#define PIECE	  32768		      /* of which curl takes eleven at once: that is not so much */
#define BODY_MAX  ((size_t)8 << 20)

struct http {
	struct source body;
	CURLM *multi;
	CURL *easy;
	struct curl_slist *headers;
	struct http_options options;
	struct buf ca; /* the system's bundle and those of the options, when there are such */
	/* The request as it was asked for, and where redirects have led. */
	char *url, *accept, *authorization, *form;
	struct http_request request; /* but its texts, which are these */
	char *at, shown[201];	     /* the second for people */
	struct buf in, out;	     /* what came, and what the reader has */
	struct buf challenge, type, retry, link;
	int64_t taken, skip; /* bytes that the reader got; bytes that come a second time */
	int tries, status;
	CURLcode result;
	char why[CURL_ERROR_SIZE];
	bool added, head, done, paused; /* head: it is complete */
	bool loopback, heard;		/* heard: of anything, ever */
	int ends; /* readable: who has blocked the signals that would end us is to be ended */
};

/* --- what curl calls --- */

static size_t on_body(char *p, size_t one, size_t n, void *arg)
{
	struct http *h = arg;
	size_t drop = h->skip < (int64_t)n ? (size_t)h->skip : n;
	if (h->in.len >= BODY_HIGH) {
		h->paused = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	h->head = true;
	h->skip -= (int64_t)drop;
	if (!h->in.len && n == CURL_MAX_WRITE_SIZE) /* there is more to come: room for it at once */
		buf_room(&h->in, BODY_HIGH);
	buf_add(&h->in, p + drop, n - drop);
	return h->in.failed ? 0 : n;
}

static void keep_value(struct buf *b, const char *line, size_t n, const char *name)
{
	size_t k = strlen(name);
	if (n <= k || strncasecmp(line, name, k))
		return;
	while (k < n && (line[k] == ' ' || line[k] == '\t'))
		k++;
	while (n > k && strchr("\r\n \t", line[n - 1]))
		n--;
	buf_add(b, line + k, n - k);
	buf_char(b, '\n');
}

/* What an earlier head said is void, also what there was no room for. */
static void forget_head(struct http *h)
{
	struct buf *all[] = { &h->challenge, &h->type, &h->retry, &h->link };
	for (size_t i = 0; i < 4; i++) {
		all[i]->len = 0;
		all[i]->failed = false;
		buf_add(all[i], "", 0);
	}
}

static size_t on_header(char *p, size_t one, size_t n, void *arg)
{
	struct http *h = arg;
	long status = 0;
	h->heard = true;
	if (n > 5 && !strncmp(p, "HTTP/", 5)) /* another head */
		forget_head(h);
	keep_value(&h->challenge, p, n, "www-authenticate:");
	keep_value(&h->type, p, n, "content-type:");
	keep_value(&h->retry, p, n, "retry-after:");
	keep_value(&h->link, p, n, "link:");
	if (n <= 2 && strchr("\r\n", *p)) {
		curl_easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &status);
		h->head = status >= 200;
		h->skip = status == 200 ? h->taken : 0;
	}
	return n;
}

/* --- one transfer --- */

static void transfer_end(struct http *h)
{
	if (h->added)
		curl_multi_remove_handle(h->multi, h->easy);
	h->added = false;
}

/* Until the transfer has something to do, or for a pause; fails it when we are to end. */
static void wait_for_more(struct http *h, int ms)
{
	struct curl_waitfd ends = { h->ends, CURL_WAIT_POLLIN, 0 };
	curl_multi_poll(h->multi, &ends, h->ends >= 0, ms, NULL);
	if (!ends.revents)
		return;
	h->done = true;
	h->result = CURLE_ABORTED_BY_CALLBACK;
}

/* Lets curl work until some of the body or its end is there; with head_only, until the head is. */
static void pump(struct http *h, bool head_only)
{
	for (;;) {
		int running, left;
		CURLMcode rc = curl_multi_perform(h->multi, &running);
		for (CURLMsg *m; (m = curl_multi_info_read(h->multi, &left));)
			if (m->msg == CURLMSG_DONE) {
				h->done = true;
				h->result = m->data.result;
			}
		if (rc != CURLM_OK) {
			h->done = true;
			h->result = CURLE_OUT_OF_MEMORY;
		}
		if (h->done || h->in.len || (head_only && h->head))
			return;
		wait_for_more(h, 60000);
	}
}

/* Whether two URLs have the same scheme, host and port. */
static bool same_place(const char *a, const char *b)
{
	static const CURLUPart parts[] = { CURLUPART_SCHEME, CURLUPART_HOST, CURLUPART_PORT };
	CURLU *x = curl_url(), *y = curl_url();
	bool same = x && y && !curl_url_set(x, CURLUPART_URL, a, 0) &&
		    !curl_url_set(y, CURLUPART_URL, b, 0);
	for (size_t i = 0; same && i < 3; i++) {
		char *p = NULL, *q = NULL;
		curl_url_get(x, parts[i], &p, CURLU_DEFAULT_PORT);
		curl_url_get(y, parts[i], &q, CURLU_DEFAULT_PORT);
		same = p && q && !strcasecmp(p, q);
		curl_free(p);
		curl_free(q);
	}
	curl_url_cleanup(x);
	curl_url_cleanup(y);
	return same;
}

/* Whether the options' own place is spoken to. */
static bool at_home(const struct http *h)
{
	return h->options.place && same_place(h->at, h->options.place);
}

static int check_url(const struct http *h, bool *loopback, struct err *e)
{
	CURLU *u = curl_url();
	char *scheme = NULL, *host = NULL;
	int rc = 0;
	if (!u || curl_url_set(u, CURLUPART_URL, h->at, 0) ||
	    curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) ||
	    curl_url_get(u, CURLUPART_HOST, &host, 0))
		rc = refuse(e, EINVAL, "%s is not a URL", h->shown);
	else if (strcmp(scheme, "https") && strcmp(scheme, "http"))
		rc = refuse(e, EINVAL, "%s: only http and https are spoken", h->shown);
	else if (!strcmp(scheme, "http") && !h->options.insecure &&
		 !host_is_near(host, h->options.place) && !(h->options.plain && at_home(h)))
		rc = refuse(e, EPERM, "%s: plain http is refused (--tls-verify=false allows it)",
			    h->shown);
	*loopback = rc == 0 && host_is_loopback(host);
	curl_free(scheme);
	curl_free(host);
	curl_url_cleanup(u);
	return rc;
}

static int add_line(struct http *h, const char *line, struct err *e)
{
	struct curl_slist *more = line && !strpbrk(line, "\r\n")
					  ? curl_slist_append(h->headers, line)
					  : NULL;
	if (!more)
		return refuse(e, EINVAL, "the value for the header %.*s cannot be sent",
			      line ? (int)strcspn(line, ":") : 0, line ? line : "");
	h->headers = more;
	return 0;
}

static int add_header(struct http *h, const char *name, const char *value, struct err *e)
{
	auto_buf line = { .max = 65536 };
	if (!value)
		return 0;
	buf_printf(&line, "%s: %s", name, value);
	if (line.failed)
		return refuse(e, EINVAL, "the value for the header %s is too long", name);
	return add_line(h, line.p, e);
}

static void set_options(struct http *h)
{
	const char *ca = authorities_file();
	bool home = at_home(h), trust = h->options.insecure || (home && h->options.skip_verify);
	curl_easy_setopt(h->easy, CURLOPT_URL, h->at);
	curl_easy_setopt(h->easy, CURLOPT_HTTPHEADER, h->headers);
	curl_easy_setopt(h->easy, CURLOPT_ERRORBUFFER, h->why);
	curl_easy_setopt(h->easy, CURLOPT_USERAGENT, "coracle/" CORACLE_VERSION);
	curl_easy_setopt(h->easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(h->easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(h->easy, CURLOPT_BUFFERSIZE, (long)PIECE);
	curl_easy_setopt(h->easy, CURLOPT_CONNECTTIMEOUT, 20L);
	curl_easy_setopt(h->easy, CURLOPT_LOW_SPEED_LIMIT, 100L);
	curl_easy_setopt(h->easy, CURLOPT_LOW_SPEED_TIME,
			 h->options.stall ? (long)h->options.stall : (long)STALL);
	curl_easy_setopt(h->easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(h->easy, CURLOPT_WRITEDATA, h);
	curl_easy_setopt(h->easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(h->easy, CURLOPT_HEADERDATA, h);
	curl_easy_setopt(h->easy, CURLOPT_PROXY, h->loopback ? "" : proxy_for(h->at));
	struct curl_blob blob = { h->ca.p, h->ca.len, CURL_BLOB_NOCOPY };
	if (h->ca.len)
		curl_easy_setopt(h->easy, CURLOPT_CAINFO_BLOB, &blob);
	else if (ca)
		curl_easy_setopt(h->easy, CURLOPT_CAINFO, ca);
	if (home && h->options.cert) {
		curl_easy_setopt(h->easy, CURLOPT_SSLCERT, h->options.cert);
		curl_easy_setopt(h->easy, CURLOPT_SSLKEY, h->options.key);
	}
	curl_easy_setopt(h->easy, CURLOPT_SSL_VERIFYPEER, trust ? 0L : 1L);
	curl_easy_setopt(h->easy, CURLOPT_SSL_VERIFYHOST, trust ? 0L : 2L);
	curl_easy_setopt(h->easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	/* AES first: processors have instructions for it, and mbedTLS would begin with ChaCha20. */
	curl_easy_setopt(
		h->easy, CURLOPT_TLS13_CIPHERS,
		"TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256");
	curl_easy_setopt(h->easy, CURLOPT_SSL_CIPHER_LIST,
			 "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
			 "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
			 "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305");
}

/* Sends one request to h->at and waits for the head of its answer. 0 when there is one, or the
 * transfer failed. */
static int transfer_begin(struct http *h, struct err *e)
{
	int rc = check_url(h, &h->loopback, e);
	if (rc < 0)
		return rc;
	transfer_end(h);
	curl_easy_reset(h->easy);
	curl_slist_free_all(h->headers);
	h->headers = NULL;
	rc = add_header(h, "Accept", h->accept, e);
	if (rc == 0 && same_place(h->at, h->url))
		rc = add_header(h, "Authorization", h->authorization, e);
	for (size_t i = 0; rc == 0 && at_home(h) && i < h->options.headers.n; i++)
		rc = add_line(h, h->options.headers.v[i], e);
	if (rc < 0)
		return rc;
	set_options(h);
	if (h->form)
		curl_easy_setopt(h->easy, CURLOPT_POSTFIELDS, h->form);
	if (h->taken) {
		char range[32]; /* curl's own "resume" would fail on servers that start at the
				   beginning */
		snprintf(range, sizeof(range), "%lld-", (long long)h->taken);
		curl_easy_setopt(h->easy, CURLOPT_RANGE, range);
	}
	forget_head(h);
	h->in.len = 0;
	h->skip = 0;
	h->head = h->done = h->paused = false;
	h->why[0] = 0;
	if (curl_multi_add_handle(h->multi, h->easy) != CURLM_OK)
		return fail(e, ENOMEM, "get %s", h->shown);
	h->added = true;
	pump(h, true);
	long status = 0;
	curl_easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &status);
	h->status = (int)status;
	return 0;
}

/* Whether it is a proxy that spoke, or should have. */
static bool proxied(const struct http *h)
{
	long used = 0;
	curl_easy_getinfo(h->easy, CURLINFO_USED_PROXY, &used);
	return proxy_for(h->at) && (used || !strncmp(h->why, "Unsupported proxy", 17) ||
				    !strncmp(h->why, "Could not resolve proxy", 23));
}

/* The status of a proxy's answer, when it was asked for a tunnel or wants a login. */
static long proxy_status(const struct http *h)
{
	long status = 0;
	curl_easy_getinfo(h->easy, CURLINFO_HTTP_CONNECTCODE, &status);
	return status ? status : proxied(h) && h->status == 407 ? 407 : 0;
}

static bool temporary(const struct http *h)
{
	long proxy = proxy_status(h);
	if (proxy >= 400 && proxy < 500)
		return false;
	if (h->done && h->result == CURLE_COULDNT_CONNECT)
		return !h->loopback; /* nobody listens here, and nobody will in a second */
	if (h->done && h->result == CURLE_OPERATION_TIMEDOUT && h->loopback && h->accept &&
	    !h->heard)
		return false; /* who listens here is no registry */
	if (h->done && h->result != CURLE_OK)
		return h->result == CURLE_RECV_ERROR || h->result == CURLE_SEND_ERROR ||
		       h->result == CURLE_GOT_NOTHING || h->result == CURLE_PARTIAL_FILE ||
		       h->result == CURLE_OPERATION_TIMEDOUT;
	return h->status == 408 || h->status == 429 || h->status == 500 || h->status == 502 ||
	       h->status == 503 || h->status == 504;
}

/* A proxy is named, its login is not. */
static int proxy_failed(const struct http *h, const char *why, struct err *e)
{
	char place[PROXY_PLACE];
	proxy_place(proxy_for(h->at), place);
	if (!strncmp(why, "Unsupported proxy", 17)) /* and with it goes all that was written */
		why = "it is not a URL of a kind that is known here";
	if (proxy_status(h) == 407)
		why = "it wants a login: write http://USER:PASSWORD@HOST:PORT in the variable";
	return refuse(e, EACCES, "%s: the proxy %s: %.*s", h->shown, place,
		      (int)strcspn(why, "\r\n"), why);
}

static int transfer_failed(const struct http *h, struct err *e)
{
	if (h->result == CURLE_ABORTED_BY_CALLBACK)
		return refuse(e, EINTR, "%s: interrupted", h->shown);
	const char *why = h->why[0] ? h->why : curl_easy_strerror(h->result);
	int line = (int)strcspn(why, "\r\n"); /* mbedTLS ends its words with one */
	int code = h->result == CURLE_COULDNT_RESOLVE_HOST ? EHOSTUNREACH
		   : h->result == CURLE_COULDNT_CONNECT	   ? ECONNREFUSED
		   : h->result == CURLE_OPERATION_TIMEDOUT ? ETIMEDOUT
		   : h->result == CURLE_SSL_CONNECT_ERROR ||
				   h->result == CURLE_PEER_FAILED_VERIFICATION ||
				   h->result == CURLE_SSL_CACERT_BADFILE
			   ? EPROTO
			   : EIO;
	bool distrust = h->result == CURLE_PEER_FAILED_VERIFICATION;
	if (proxied(h) &&
	    (proxy_status(h) >= 300 || h->result == CURLE_COULDNT_CONNECT || strstr(why, " proxy")))
		return proxy_failed(h, why, e);
	return refuse(e, code, "%s: %.*s%s", h->shown, line, why,
		      distrust ? "; name its CA in SSL_CERT_FILE, or give --tls-verify=false" : "");
}

/* No error shows what follows "?" or stands before "@": it lets in whoever has it. */
static int go_to(struct http *h, const char *url, struct err *e)
{
	char *at = strdup(url);
	if (!at)
		return fail(e, ENOMEM, "get a URL");
	free(h->at);
	h->at = at;
	const char *host = strstr(at, "://");
	host = host ? host + 3 : at;
	const char *login = memrchr(host, '@', strcspn(host, "/?#"));
	const char *rest = login ? login + 1 : host;
	snprintf(h->shown, sizeof(h->shown), "%.*s%.*s", (int)(host - at), at,
		 (int)strcspn(rest, "?#"), rest);
	return 0;
}

/* A redirect's target, for the next hop. 1: there is one. */
static int redirected(struct http *h, struct err *e)
{
	char *to = NULL;
	if (h->form || (h->status != 301 && h->status != 302 && h->status != 303 &&
			h->status != 307 && h->status != 308))
		return 0;
	curl_easy_getinfo(h->easy, CURLINFO_REDIRECT_URL, &to);
	int rc = to ? go_to(h, to, e) : 0;
	return rc < 0 ? rc : to != NULL;
}

/* Before the next try: 0.2, 0.4, 0.8 seconds, or what the server wants. */
static int pause_ms(const struct http *h)
{
	int own = 100 << h->tries;
	bool said = h->retry.len && !(h->done && h->result != CURLE_OK);
	int asked = said ? (int)retry_after(h->retry.p, time(NULL)) * 1000 : 0;
	return asked > own ? asked : own;
}

/* From the request's own URL through all redirects to an answer, again and again while that looks
 * worth it. */
static int get(struct http *h, struct err *e)
{
	int hops = 0;
	for (;;) {
		int rc = hops ? 0 : go_to(h, h->url, e);
		if (rc == 0)
			rc = transfer_begin(h, e);
		if (rc < 0)
			return rc;
		if (h->in.len && (h->status == 200 || h->status == 206))
			return 0; /* what came is good, even if it broke off: the reader will see */
		if (temporary(h) && ++h->tries < TRIES_MAX) {
			int pause = pause_ms(h);
			transfer_end(h);
			hops = 0;
			h->result = CURLE_OK;
			wait_for_more(h, pause);
			if (h->result == CURLE_OK)
				continue;
		}
		if (h->done && h->result != CURLE_OK)
			return transfer_failed(h, e);
		if (proxy_status(h) == 407)
			return proxy_failed(h, "", e);
		rc = redirected(h, e);
		if (rc <= 0)
			return rc;
		if (++hops > HOPS_MAX)
			return refuse(e, ELOOP, "%.200s: more than %d redirects", h->url, HOPS_MAX);
	}
}

static int keep(char **slot, const char *value, struct err *e)
{
	free(*slot);
	*slot = value ? strdup(value) : NULL;
	return value && !*slot ? fail(e, ENOMEM, "keep a request") : 0;
}

/* Asks again with another authorization. */
static int renew(struct http *h, struct err *e)
{
	const char *other;
	int rc = h->request.renew(h->request.arg, h->challenge.p, &other, e);
	if (rc == 0)
		rc = keep(&h->authorization, other, e);
	return rc < 0 ? rc : get(h, e);
}

/* The connection was lost inside the body: asks for the rest, where that is of the same. */
static int take_up(struct http *h, struct err *e)
{
	if (h->accept || !temporary(h) || ++h->tries >= TRIES_MAX)
		return transfer_failed(h, e);
	int rc = get(h, e);
	if (rc == 0 && h->status == 401 && h->request.renew && same_place(h->at, h->url))
		rc = renew(h, e);
	if (rc < 0)
		return rc;
	if (h->status != 200 && h->status != 206)
		return refuse(e, EIO, "%s: status %d for the rest of it", h->shown, h->status);
	return 0;
}

static ssize_t body_read(struct source *s, const void **p, struct err *e)
{
	struct http *h = (struct http *)s;
	while (!h->in.len) {
		if (h->paused) {
			h->paused = false;
			curl_easy_pause(h->easy, CURLPAUSE_CONT);
		}
		if (!h->done && !h->in.len)
			pump(h, false);
		if (h->in.len)
			break;
		if (!h->done)
			continue;
		if (h->result == CURLE_OK)
			return 0;
		int rc = take_up(h, e);
		if (rc < 0)
			return rc;
	}
	struct buf full = h->in; /* the reader keeps one while the other fills */
	h->in = h->out;
	h->out = full;
	h->in.len = 0;
	h->taken += (int64_t)full.len;
	if (full.len >= PROGRESS)
		h->tries = 0;
	*p = full.p;
	return (ssize_t)full.len;
}

int http_get(struct http *h, const struct http_request *r, struct http_answer *out,
	     struct source **body, struct err *e)
{
	h->taken = 0;
	h->tries = 0;
	int rc = keep(&h->url, r->url, e);
	if (rc == 0)
		rc = keep(&h->accept, r->accept, e);
	if (rc == 0)
		rc = keep(&h->authorization, r->authorization, e);
	if (rc == 0)
		rc = keep(&h->form, r->form, e);
	h->request = *r;
	if (rc == 0)
		rc = get(h, e);
	if (rc < 0)
		return rc;
	if (h->type.len)
		h->type.p[strcspn(h->type.p, ";\n")] = 0;
	*out = (struct http_answer){ .status = h->status,
				     .content_type = h->type.len ? h->type.p : NULL,
				     .challenge = h->challenge.p ? h->challenge.p : "",
				     .link = h->link.p ? h->link.p : "",
				     .elsewhere = !same_place(h->at, h->url) };
	*body = &h->body;
	return 0;
}

/* -1: a worker may not have one, and is ended from outside. */
static int ends_fd(void)
{
	sigset_t set;
	signals_ending(&set);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

int http_new(const struct http_options *o, struct http **out, struct err *e)
{
	struct http *h = calloc(1, sizeof(*h));
	if (!h || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		free(h);
		return fail(e, ENOMEM, "start an HTTP client");
	}
	h->body.read = body_read;
	h->in.max = h->out.max = BODY_MAX;
	h->challenge.max = h->type.max = h->retry.max = h->link.max = 16384;
	h->options = *o;
	h->ends = ends_fd();
	h->multi = curl_multi_init();
	h->easy = curl_easy_init();
	int rc = h->multi && h->easy ? authorities_gather(&h->options.ca, &h->ca, e)
				     : fail(e, ENOMEM, "start an HTTP client");
	if (rc < 0) {
		http_free(h);
		return rc;
	}
	*out = h;
	return 0;
}

void http_free(struct http *h)
{
	if (!h)
		return;
	transfer_end(h);
	curl_easy_cleanup(h->easy);
	curl_multi_cleanup(h->multi);
	put_fd(&h->ends, -1);
	curl_slist_free_all(h->headers);
	buf_free(&h->in);
	buf_free(&h->out);
	buf_free(&h->challenge);
	buf_free(&h->type);
	buf_free(&h->retry);
	buf_free(&h->link);
	buf_free(&h->ca);
	free(h->url);
	free(h->accept);
	free(h->authorization);
	free(h->form);
	free(h->at);
	free(h);
	curl_global_cleanup();
}
