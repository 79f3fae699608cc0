/* runhosts.c - what a user writes into a container's own files: names in /etc/hosts, name servers
 * in /etc/resolv.conf, the time zone in /etc/localtime. */
#include "base/file.h"
#include "box/rootfs.h"
#include "monitor/runparts.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_MAX ((size_t)1 << 20)

#define ZONES "/usr/share/zoneinfo/"

#define GATEWAY "host-gateway" /* the host, as the container reaches it */

/* "name:1.2.3.4", "name=::1" and "name:[::1]" as a line. host: it has the host's network. */
static int line_add(struct buf *b, const char *text, bool host, struct arena *a, struct err *e)
{
	unsigned char address[sizeof(struct in6_addr)];
	size_t name = strcspn(text, ":=");
	const char *at = text[name] ? text + name + 1 : "";
	size_t n = strlen(at);
	bool bracket = n > 2 && at[0] == '[' && at[n - 1] == ']';
	const char *ip = arena_strn(a, at + bracket, n - 2 * bracket);
	if (!ip)
		return option_room("add-host", e);
	if (!strcmp(ip, GATEWAY) && !host)
		return refuse(e, EINVAL,
			      "option --add-host: %s: a container reaches the host only with "
			      "--network host",
			      text);
	if (!strcmp(ip, GATEWAY))
		ip = "127.0.0.1";
	if (!name || strcspn(text, " \t\n#") < name ||
	    (inet_pton(AF_INET, ip, address) != 1 && inet_pton(AF_INET6, ip, address) != 1))
		return option_refuse("add-host", text, "NAME:ADDRESS such as db:10.0.0.7", e);
	buf_printf(b, "%s\t%.*s\n", ip, (int)name, text);
	return 0;
}

/* A file of the container's own, to be read or written; never what only looks like one. */
static int reopen(int found, int flags)
{
	struct stat st;
	char path[32];
	if (found < 0)
		return found;
	if (fstat(found, &st) < 0 || !S_ISREG(st.st_mode))
		return -EINVAL;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", found);
	int fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int read_old(int rootfs, bool host, struct buf *b, struct err *e)
{
	if (host)
		return file_read(-1, "/etc/hosts", b, e);
	auto_close int found = rootfs_open(rootfs, "/etc/hosts", O_PATH);
	auto_close int fd = reopen(found, O_RDONLY);
	return fd < 0 ? 0 : file_read_fd(fd, "/etc/hosts of the image", b, e);
}

static int write_own(int rootfs, const char *path, const struct buf *b, struct err *e)
{
	auto_close int found = rootfs_make(rootfs, path, false);
	auto_close int fd = reopen(found, O_WRONLY | O_TRUNC);
	int rc = b->failed ? -E2BIG : fd < 0 ? fd : write_all(fd, b->p ? b->p : "", b->len);
	return rc < 0 ? fail(e, rc, "write %s of the container", path) : 0;
}

/* Whether its loopback is its own and should be known by name. */
static bool wants_names(const struct run_options *o, const struct run_subject *subject)
{
	return subject->names && subject->image && subject->image->name && !o->no_hosts &&
	       (!o->network || !*o->network || !strcmp(o->network, "none"));
}

int hosts_apply(const struct run_options *o, const struct run_subject *subject,
		const char *hostname, struct arena *a, struct err *e)
{
	auto_buf b = { .max = FILE_MAX };
	if (!o->hosts.n && !wants_names(o, subject))
		return 0;
	if (o->no_hosts)
		return refuse(e, EINVAL, "option --no-hosts: it goes not with --add-host");
	if (!subject->image || !subject->image->name)
		return refuse(e, EINVAL,
			      "option --add-host: it is for images, whose containers have files of "
			      "their own");
	bool host = o->network && !strcmp(o->network, "host");
	struct err ignored, *why = o->hosts.n ? e : &ignored; /* nobody asked for it */
	int rc = read_old(subject->rootfs, host, &b, why);
	if (!o->hosts.n && (rc < 0 || b.len))
		return 0;
	if (!b.len)
		buf_printf(&b, "127.0.0.1\tlocalhost%s%s\n::1\tlocalhost\n", hostname ? " " : "",
			   hostname ? hostname : "");
	if (b.len && b.p[b.len - 1] != '\n')
		buf_str(&b, "\n");
	for (size_t i = 0; rc == 0 && i < o->hosts.n; i++)
		rc = line_add(&b, o->hosts.v[i], host, a, e);
	if (rc == 0)
		rc = write_own(subject->rootfs, "/etc/hosts", &b, why);
	return o->hosts.n ? rc : 0;
}

bool resolver_own(const struct run_options *o)
{
	return o->dns.n || o->dns_search.n || o->dns_options.n;
}

/* The host's lines, but for what is said anew. */
static void keep_lines(struct buf *b, const char *text, const struct run_options *o)
{
	const struct {
		const char *word;
		bool anew;
	} kinds[] = { { "nameserver", o->dns.n },
		      { "search", o->dns_search.n },
		      { "domain", o->dns_search.n },
		      { "options", o->dns_options.n } };
	for (size_t n; *text; text += n + (text[n] != 0)) {
		bool anew = false;
		n = strcspn(text, "\n");
		for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
			anew |= kinds[i].anew &&
				!strncmp(text, kinds[i].word, strlen(kinds[i].word));
		if (!anew && n)
			buf_printf(b, "%.*s\n", (int)n, text);
	}
}

/* One line of all the words, each of which is one. */
static int add_words(struct buf *b, const char *option, const char *key, const struct strs *l,
		     struct err *e)
{
	for (size_t i = 0; i < l->n; i++) {
		if (!*l->v[i] || strpbrk(l->v[i], " \t\r\n"))
			return option_refuse(option, l->v[i], "one word", e);
		if (strcmp(l->v[i], ".") != 0) /* as docker has it: none */
			buf_printf(b, "%s %s", b->len && b->p[b->len - 1] != '\n' ? "" : key,
				   l->v[i]);
	}
	if (b->len && b->p[b->len - 1] != '\n')
		buf_char(b, '\n');
	return 0;
}

int resolver_apply(const struct run_options *o, const struct run_subject *subject, struct arena *a,
		   struct err *e)
{
	unsigned char address[sizeof(struct in6_addr)];
	auto_buf b = { .max = FILE_MAX }, host = { .max = FILE_MAX };
	if (!resolver_own(o))
		return 0;
	if (!subject->image || !subject->image->name)
		return refuse(e, EINVAL,
			      "option --%s: it is for images, whose containers have files of "
			      "their own",
			      o->dns.n		? "dns"
			      : o->dns_search.n ? "dns-search"
						: "dns-option");
	if (o->network && !strcmp(o->network, "host") &&
	    file_read(-1, "/etc/resolv.conf", &host, NULL) == 0 && host.p)
		keep_lines(&b, host.p, o);
	for (size_t i = 0; i < o->dns.n; i++) {
		if (inet_pton(AF_INET, o->dns.v[i], address) != 1 &&
		    inet_pton(AF_INET6, o->dns.v[i], address) != 1)
			return option_refuse("dns", o->dns.v[i], "an address such as 10.0.0.1", e);
		buf_printf(&b, "nameserver %s\n", o->dns.v[i]);
	}
	int rc = add_words(&b, "dns-search", "search", &o->dns_search, e);
	if (rc == 0)
		rc = add_words(&b, "dns-option", "options", &o->dns_options, e);
	return rc < 0 ? rc : write_own(subject->rootfs, "/etc/resolv.conf", &b, e);
}

/* A name below ZONES, or "local" for the host's own. */
static int read_zone(const char *name, struct buf *out, struct err *e)
{
	auto_buf path = { 0 };
	bool local = !strcmp(name, "local");
	bool good = local || (*name && *name != '/' && !strstr(name, ".."));
	buf_printf(&path, "%s%s", local ? "/etc/localtime" : ZONES, local ? "" : name);
	if (path.failed)
		return option_room("tz", e);
	int rc = good ? file_read(-1, path.p, out, NULL) : -EINVAL;
	if (rc == 0 && out->len > 4 && !memcmp(out->p, "TZif", 4))
		return 0;
	return option_refuse("tz", name, "a file of " ZONES " such as Europe/Paris, nor local", e);
}

int zone_apply(const struct run_options *o, const struct run_subject *subject, struct err *e)
{
	auto_buf zone = { .max = FILE_MAX };
	const char *last;
	struct stat st;
	if (!o->tz)
		return 0;
	int rc = read_zone(o->tz, &zone, e);
	if (rc < 0)
		return rc;
	if (!subject->image || !subject->image->name)
		return refuse(e, EINVAL,
			      "option --tz: it is for images, whose containers have files of their "
			      "own");
	/* Most often a link to a zone of the image's, which is not to be changed. */
	auto_close int dir = rootfs_parent(subject->rootfs, "/etc/localtime", &last);
	if (dir >= 0 && fstatat(dir, last, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode) &&
	    unlinkat(dir, last, 0) < 0)
		return fail(e, errno, "option --tz: replace /etc/localtime of the container");
	return write_own(subject->rootfs, "/etc/localtime", &zone, e);
}
