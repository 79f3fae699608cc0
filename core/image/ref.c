/* ref.c - the name of an image: where it is, what it is called, which one of that name. */
#include "image/ref.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/toml.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>

#define REGISTRIES "/etc/containers/registries.conf"

static const char lower[] = "abcdefghijklmnopqrstuvwxyz0123456789";
static const char word[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

int digest_check(const char *s, struct err *e)
{
	size_t n = strcspn(s, ":");
	if (s[n] != ':')
		return refuse(e, EINVAL, "%.80s is not a digest (ALGORITHM:HEX)", s);
	bool longer = n == 6 && !strncmp(s, "sha512", 6);
	size_t digits = longer ? 128 : 64;
	if (!longer && (n != 6 || strncmp(s, "sha256", 6) != 0))
		return refuse(e, EINVAL,
			      "the digest algorithm %.*s is not supported, only sha256 and sha512",
			      n < 20 ? (int)n : 20, s);
	if (strspn(s + 7, "0123456789abcdef") != digits || s[7 + digits])
		return refuse(e, EINVAL, "%.150s is not a %.6s digest (%zu hex digits)", s, s,
			      digits);
	return 0;
}

/* One part between slashes: words of lower-case letters and digits, joined by one dot, one or two
 * underscores, or dashes. */
static bool is_component(const char *s, size_t n)
{
	for (;;) {
		size_t w = strspn(s, lower);
		if (!w || w > n)
			return false;
		s += w;
		n -= w;
		if (!n)
			return true;
		size_t dashes = strspn(s, "-");
		size_t join = dashes ? dashes : s[0] == '.' ? 1 : strspn(s, "_");
		if (!join || join >= n || (s[0] == '_' && join > 2))
			return false;
		s += join;
		n -= join;
	}
}

static bool is_name(const char *s)
{
	if (strlen(s) > NAME_MAX_OCI)
		return false;
	for (;;) {
		size_t n = strcspn(s, "/");
		if (!is_component(s, n))
			return false;
		if (!s[n])
			return true;
		s += n + 1;
	}
}

static bool is_port(const char *s)
{
	size_t n = strspn(s, "0123456789");
	unsigned long port = 0;
	for (size_t i = 0; i < n && n <= 5; i++)
		port = port * 10 + (unsigned long)(s[i] - '0');
	return n && n <= 5 && !s[n] && port > 0 && port < 65536;
}

/* NAME, NAME:PORT, [IPv6]:PORT; letters, digits, dots and inner dashes. */
static bool is_host(const char *s)
{
	const char *end;
	if (*s == '[') {
		size_t n = strspn(s + 1, "0123456789abcdefABCDEF:.");
		end = s + 1 + n;
		if (!n || *end++ != ']')
			return false;
		return !*end || (*end == ':' && is_port(end + 1));
	}
	for (end = s;;) {
		size_t n = strspn(end, word);
		if (!n)
			return false;
		end += n;
		size_t dashes = strspn(end, "-");
		if (*end == '.')
			end++;
		else if (dashes)
			end += dashes;
		else
			break;
	}
	return end - s <= 253 && (!*end || (*end == ':' && is_port(end + 1)));
}

static bool is_tag(const char *s)
{
	size_t n = strlen(s);
	return n && n <= TAG_MAX && strchr(".-", *s) == NULL &&
	       n == strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");
}

/* What names a place on disk instead of a registry. */
static const struct transport {
	const char *prefix, *place;
	enum ref_kind kind;
} transports[] = {
	{ "oci:", "directory", REF_LAYOUT },
	{ "oci-archive:", "file", REF_OCI_ARCHIVE },
	{ "docker-archive:", "file", REF_DOCKER_ARCHIVE },
};
#define TRANSPORTS (sizeof(transports) / sizeof(transports[0]))

/* What other tools read from, or people write, and what to do instead. */
static const struct foreign {
	const char *prefix, *instead;
} foreign[] = {
	{ "containers-storage:",
	  "podman's own store is not read: podman save --format oci-archive -o FILE, then "
	  "oci-archive:FILE" },
	{ "docker-daemon:", "docker's own store is not read: docker save -o FILE, then "
			    "docker-archive:FILE" },
	{ "dir:", "such a directory is not read: skopeo copy dir:PATH oci-archive:FILE, then "
		  "oci-archive:FILE" },
	{ "https://", "write HOST/NAME without https://" },
	{ "http://", "write HOST/NAME without http://; it is spoken to loopback addresses, and "
		     "where hosts.toml or --tls-verify=false says so" },
};
#define FOREIGN (sizeof(foreign) / sizeof(foreign[0]))

/* NULL: none of these. */
static const struct foreign *foreign_of(const char *text)
{
	for (size_t i = 0; i < FOREIGN; i++)
		if (!strncmp(text, foreign[i].prefix, strlen(foreign[i].prefix)))
			return &foreign[i];
	return NULL;
}

/* The one that the text begins with; NULL: none. */
static const struct transport *transport_of(const char *text)
{
	for (size_t i = 0; i < TRANSPORTS; i++)
		if (!strncmp(text, transports[i].prefix, strlen(transports[i].prefix)))
			return &transports[i];
	return NULL;
}

static bool is_prefix(const char *name, const char *prefix)
{
	size_t n = strlen(name);
	return n + 1 == strlen(prefix) && !strncmp(name, prefix, n);
}

/* Whether a name would be taken for a transport once a tag is behind it. */
static bool is_transport(const char *name)
{
	for (size_t i = 0; i < TRANSPORTS; i++)
		if (is_prefix(name, transports[i].prefix))
			return true;
	for (size_t i = 0; i < FOREIGN; i++)
		if (is_prefix(name, foreign[i].prefix))
			return true;
	return false;
}

static int parse_place(const char *text, const struct transport *t, char *s, struct ref *out,
		       struct err *e)
{
	char *tag = strchr(s, ':');
	if (tag)
		*tag++ = 0;
	if (!*s)
		return refuse(e, EINVAL, "%s: no %s after %s", text, t->place, t->prefix);
	size_t n = tag ? strlen(tag) : 0;
	if (tag &&
	    (!n || n > NAME_MAX_OCI ||
	     n != strspn(tag, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
			      "_.-:@/+")))
		return refuse(e, EINVAL, "%s: %.60s is not the name of an image in %s", text, tag,
			      t->kind == REF_LAYOUT ? "a layout" : "an archive");
	*out = (struct ref){ .kind = t->kind, .name = s, .tag = tag };
	return 0;
}

/* Whether the part before the first slash is a host and no name. */
static bool host_first(const char *s)
{
	size_t n = strcspn(s, "/");
	if (!s[n])
		return false;
	return memchr(s, '.', n) || memchr(s, ':', n) || (n == 9 && !strncmp(s, "localhost", 9));
}

/* Takes @DIGEST and :TAG off the end of s. */
static int cut_suffixes(const char *text, char *s, struct ref *r, struct err *e)
{
	char *at = strchr(s, '@');
	if (at) {
		*at++ = 0;
		if (digest_check(at, e) < 0)
			return within(e, "%s", text);
		r->digest = at;
	}
	char *slash = strrchr(s, '/');
	char *colon = strchr(slash ? slash : s, ':');
	if (colon) {
		*colon++ = 0;
		if (!is_tag(colon))
			return refuse(e, EINVAL, "%s: %.40s is not a tag", text, colon);
		r->tag = colon;
	}
	if (!r->tag && !r->digest)
		r->tag = "latest";
	return 0;
}

/* Images of docker.io without an owner are in library/, and the host has a second name. */
static int as_docker(struct ref *r, struct arena *a, struct err *e)
{
	if (strcmp(r->host, "docker.io") != 0 && strcmp(r->host, "index.docker.io") != 0)
		return 0;
	r->host = "docker.io";
	if (strchr(r->name, '/'))
		return 0;
	r->name = arena_printf(a, "library/%s", r->name);
	return r->name ? 0 : fail(e, E2BIG, "parse an image's name");
}

const char *ref_host(const struct ref *r)
{
	return strcmp(r->host, "docker.io") != 0 ? r->host : "registry-1.docker.io";
}

int ref_parse(const char *text, struct arena *a, struct ref *out, struct err *e)
{
	if (!*text)
		return refuse(e, EINVAL, "the image's name is empty");
	if (strlen(text) > REF_MAX)
		return refuse(e, EINVAL, "the image's name is longer than %d bytes", REF_MAX);
	char *s = arena_str(a, text);
	if (!s)
		return fail(e, E2BIG, "parse %.100s", text);
	const struct transport *t = transport_of(s);
	if (t)
		return parse_place(text, t, s + strlen(t->prefix), out, e);
	const struct foreign *other = NULL;
	if (!strncmp(s, "docker://", 9))
		s += 9;
	else
		other = foreign_of(s);
	if (other)
		return refuse(e, EINVAL, "%s: %s", text, other->instead);
	struct ref r = { .kind = REF_SHORT };
	if (host_first(s)) {
		char *slash = strchr(s, '/');
		*slash = 0;
		r.kind = REF_REGISTRY;
		r.host = s;
		if (!is_host(s))
			return refuse(e, EINVAL, "%s: %.100s is not a host (HOST[:PORT])", text, s);
		s = slash + 1;
	}
	int rc = cut_suffixes(text, s, &r, e);
	if (rc < 0)
		return rc;
	if (!is_name(s))
		return refuse(e, EINVAL,
			      "%s: %.100s is not the name of an image (lower-case words)", text,
			      *s ? s : "nothing");
	if (!r.host && is_transport(s))
		return refuse(e, EINVAL,
			      "%s: %s: is what a path on disk begins with; write HOST/%s", text, s,
			      s);
	r.name = s;
	*out = r;
	return r.host ? as_docker(out, a, e) : 0;
}

/* The last part of a path, of an archive without what says how it is packed. */
static const char *last_part(const struct ref *r, struct arena *a)
{
	static const char *const ends[] = { ".gz", ".zst", ".tgz", ".tar" };
	const char *slash = strrchr(r->name, '/');
	char *last = arena_str(a, slash ? slash + 1 : r->name);
	for (size_t i = 0; last && r->kind != REF_LAYOUT && i < sizeof(ends) / sizeof(*ends); i++) {
		size_t n = strlen(last), k = strlen(ends[i]);
		if (n > k && !strcmp(last + n - k, ends[i]))
			last[n - k] = 0;
	}
	return last;
}

bool ref_is_place(const struct ref *r)
{
	return r->kind != REF_REGISTRY && r->kind != REF_SHORT;
}

/* Of a layout or archive: its own name, if it can be one. */
static const char *place_text(const struct ref *r, struct arena *a)
{
	const char *tag = r->tag ? r->tag : "latest";
	const char *last = last_part(r, a);
	if (!last)
		return NULL;
	struct ref whole;
	/* An archive of docker's knows whole names, a layout sometimes. */
	bool known = r->tag && *tag != '@' && (r->kind == REF_DOCKER_ARCHIVE || host_first(tag));
	if ((known || (strchr(tag, ':') && !strchr(tag, '@'))) &&
	    ref_parse(tag, a, &whole, &(struct err){ 0 }) == 0 && (known || !ref_is_place(&whole)))
		return ref_text(&whole, a);
	if (known)
		return arena_str(a, tag);
	if (is_name(last) && is_tag(tag) && !is_transport(last))
		return arena_printf(a, "%s:%s", last, tag);
	for (size_t i = 0; i < TRANSPORTS; i++)
		if (transports[i].kind == r->kind)
			return arena_printf(a, "%s%s:%s", transports[i].prefix, r->name, tag);
	return NULL;
}

const char *ref_text(const struct ref *r, struct arena *a)
{
	if (ref_is_place(r))
		return place_text(r, a);
	const char *mark = r->tag ? ":" : "@";
	return arena_printf(a, "%s%s%s%s%s", r->host ? r->host : "", r->host ? "/" : "", r->name,
			    mark, r->tag ? r->tag : r->digest);
}

int ref_qualify(struct ref *r, const char *conf, struct arena *a, struct err *e)
{
	struct toml all;
	if (r->kind != REF_SHORT)
		return 0;
	if (toml_parse(conf, strlen(conf), a, &all, e) < 0)
		return within(e, REGISTRIES);
	const struct toml *list = toml_get(&all, "unqualified-search-registries");
	const struct toml *first = list && list->kind == TOML_ARRAY ? list->first : NULL;
	const char *host = first ? first->string : NULL;
	if (!host)
		return refuse(
			e, ENOENT,
			"%s names no registry: write HOST/%s, or set unqualified-search-registries "
			"in " REGISTRIES,
			r->name, r->name);
	size_t n = strcspn(host, "/"); /* HOST or HOST/PREFIX */
	char *name = host[n] ? arena_printf(a, "%s/%s", host + n + 1, r->name)
			     : arena_str(a, r->name);
	char *only = arena_strn(a, host, n);
	if (!name || !only)
		return fail(e, E2BIG, "read " REGISTRIES);
	if (!is_host(only) || !is_name(name))
		return refuse(e, EINVAL, REGISTRIES ": %.100s is not a registry", host);
	r->kind = REF_REGISTRY;
	r->host = only;
	r->name = name;
	return as_docker(r, a, e);
}

int ref_qualify_here(struct ref *r, struct arena *a, struct err *e)
{
	auto_buf conf = { .max = 1 << 20 };
	if (r->kind != REF_SHORT)
		return 0;
	auto_close int fd = open(REGISTRIES, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0 && errno != ENOENT)
		return fail(e, errno, "open " REGISTRIES);
	int rc = fd < 0 ? 0 : file_read_fd(fd, REGISTRIES, &conf, e);
	return rc < 0 ? rc : ref_qualify(r, conf.p ? conf.p : "", a, e);
}
