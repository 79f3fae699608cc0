/* runmount.c - the mounts that a user asks for: -v, --mount, --tmpfs. */
#include "base/file.h"
#include "monitor/runspec.h"

#include <string.h>

#define OPTIONS_MAX 32

/* The words of text up to each separator. */
static int split(const char *text, const char *separators, struct arena *a, struct strs *out)
{
	const char **v = arena_array(a, OPTIONS_MAX + 1, sizeof(*v));
	size_t n = 0;
	while (v && *text) {
		size_t len = strcspn(text, separators);
		if (n == OPTIONS_MAX || !(v[n] = arena_strn(a, text, len)))
			return -E2BIG;
		n++;
		text += len + (text[len] != 0);
	}
	*out = (struct strs){ v, n };
	return v ? 0 : -E2BIG;
}

static void option_add(struct spec_mount *m, const char *text)
{
	if (m->options.n < OPTIONS_MAX)
		m->options.v[m->options.n++] = text;
}

static int bind_begin(struct spec_mount *m, struct arena *a)
{
	m->options.v = arena_array(a, OPTIONS_MAX + 1, sizeof(*m->options.v));
	m->options.n = 0;
	m->type = "bind";
	if (!m->options.v)
		return -E2BIG;
	option_add(m, "rbind");
	return 0;
}

/* Read-only means: all of it, also what is mounted further down. */
static void option_readonly(struct spec_mount *m)
{
	option_add(m, "ro");
	option_add(m, "rro");
}

static int volume_option(struct spec_mount *m, const char *word, const char *text, struct err *e)
{
	static const char *const known[] = { "rw",	"rbind",   "bind",     "nosuid",
					     "nodev",	"noexec",  "suid",     "dev",
					     "exec",	"private", "rprivate", "shared",
					     "rshared", "slave",   "rslave",   "noatime" };
	if (!strcmp(word, "ro")) {
		option_readonly(m);
		return 0;
	}
	if (!strcmp(word, "z") || !strcmp(word, "Z")) /* labels of SELinux: no label is changed */
		return 0;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (!strcmp(word, known[i])) {
			option_add(m, known[i]);
			return 0;
		}
	return refuse(e, EINVAL, "volume %s: unknown option '%s'", text, word);
}

int runspec_volume(const char *text, struct arena *a, struct spec_mount *out, struct err *e)
{
	struct strs part, words;
	struct spec_mount m = { 0 };
	if (split(text, ":", a, &part) < 0 || bind_begin(&m, a) < 0)
		return fail(e, E2BIG, "volume %s", text);
	if (part.n < 2 || part.n > 3)
		return refuse(e, EINVAL, "volume %s: expected SOURCE:TARGET[:OPTIONS]", text);
	if (part.v[0][0] != '/' || part.v[1][0] != '/')
		return refuse(e, EINVAL, "volume %s: both paths must be absolute", text);
	m.source = part.v[0];
	m.destination = part.v[1];
	if (split(part.n == 3 ? part.v[2] : "", ",", a, &words) < 0)
		return fail(e, E2BIG, "volume %s", text);
	for (size_t i = 0; i < words.n; i++) {
		int rc = volume_option(&m, words.v[i], text, e);
		if (rc < 0)
			return rc;
	}
	*out = m;
	return 0;
}

/* One KEY[=VALUE] of --mount. */
static int mount_word(struct spec_mount *m, const char *word, const char *text, struct arena *a,
		      struct err *e)
{
	size_t n = strcspn(word, "=");
	const char *value = word[n] ? word + n + 1 : "";
	const char *key = arena_strn(a, word, n);
	if (!key)
		return fail(e, E2BIG, "mount %s", text);
	bool yes = !*value || !strcmp(value, "true") || !strcmp(value, "1");
	if (!strcmp(key, "type"))
		m->type = value;
	else if (!strcmp(key, "source") || !strcmp(key, "src"))
		m->source = value;
	else if (!strcmp(key, "target") || !strcmp(key, "destination") || !strcmp(key, "dst"))
		m->destination = value;
	else if ((!strcmp(key, "readonly") || !strcmp(key, "ro")) && yes)
		option_readonly(m);
	else if (!strcmp(key, "bind-propagation"))
		option_add(m, value);
	else if (!strcmp(key, "tmpfs-size"))
		option_add(m, arena_printf(a, "size=%s", value));
	else if (!strcmp(key, "tmpfs-mode"))
		option_add(m, arena_printf(a, "mode=%s", value));
	else if (strcmp(key, "readonly") && strcmp(key, "ro"))
		return refuse(e, EINVAL, "mount %s: unknown option '%s'", text, key);
	return 0;
}

int runspec_mount(const char *text, struct arena *a, struct spec_mount *out, struct err *e)
{
	struct strs words;
	struct spec_mount m = { 0 };
	if (split(text, ",", a, &words) < 0 || bind_begin(&m, a) < 0)
		return fail(e, E2BIG, "mount %s", text);
	for (size_t i = 0; i < words.n; i++) {
		int rc = mount_word(&m, words.v[i], text, a, e);
		if (rc < 0)
			return rc;
	}
	bool tmpfs = !strcmp(m.type, "tmpfs");
	if (!tmpfs && strcmp(m.type, "bind"))
		return refuse(e, EINVAL, "mount %s: the type is bind or tmpfs", text);
	if (!m.destination || m.destination[0] != '/')
		return refuse(e, EINVAL, "mount %s: target= must be an absolute path", text);
	if (!tmpfs && (!m.source || m.source[0] != '/'))
		return refuse(e, EINVAL, "mount %s: source= must be an absolute path", text);
	if (tmpfs) {
		m.source = "tmpfs";
		m.options.v[0] = "nosuid"; /* in the place of rbind */
		option_add(&m, "nodev");
		for (size_t i = 1; i < m.options.n; i++)
			if (!strcmp(m.options.v[i], "rro"))
				m.options.v[i] = "ro";
	}
	*out = m;
	return 0;
}
