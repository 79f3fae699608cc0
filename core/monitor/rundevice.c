/* rundevice.c - the devices of the host that a container gets. */
#include "box/subid.h"
#include "monitor/cdi.h"
#include "monitor/runparts.h"

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define DEPTH	    8 /* of directories */
#define DEVICES_MAX 4096

int devices_room(struct spec *s, struct arena *a, struct err *e)
{
	struct spec_linux *l = s->linux_;
	l->devices.v = list_grow(a, l->devices.v, l->devices.n, DEVICES_MAX, sizeof(*l->devices.v));
	l->resources->devices.v = list_grow(a, l->resources->devices.v, l->resources->devices.n,
					    DEVICES_MAX, sizeof(*l->resources->devices.v));
	return l->devices.v && l->resources->devices.v ? 0 : option_room("device", e);
}

static int rule_add(struct spec *s, const struct spec_device_rule *r)
{
	if (s->linux_->resources->devices.n >= DEVICES_MAX)
		return -E2BIG;
	s->linux_->resources->devices.v[s->linux_->resources->devices.n++] = *r;
	return 0;
}

/* A user cannot make devices: his container gets the host's own. */
static int bind_add(struct spec *s, const char *host, const char *inside, struct arena *a)
{
	static const char *const options[] = { "bind", "nosuid", "noexec" };
	struct spec_mount *m = LIST_ADD(a, &s->mounts);
	const char **v = list_grow(a, options, 3, 0, sizeof(*options));
	if (!m || !v)
		return -E2BIG;
	*m = (struct spec_mount){
		.destination = inside, .type = "bind", .source = host, .options = { v, 3 }
	};
	return 0;
}

int device_grant(struct spec *s, const struct device_grant *g, struct arena *a)
{
	const struct spec_device *d = &g->device;
	if (subid_inside())
		return bind_add(s, g->host, d->path, a);
	bool number = *d->type != 'p';
	size_t at = 0; /* of one path the last is there */
	while (at < s->linux_->devices.n && strcmp(s->linux_->devices.v[at].path, d->path) != 0)
		at++;
	if (at >= DEVICES_MAX)
		return -E2BIG;
	s->linux_->devices.n += at == s->linux_->devices.n;
	s->linux_->devices.v[at] = *d;
	return number && g->access ? rule_add(s, &(struct spec_device_rule){ true,
									     d->type,
									     { true, d->major },
									     { true, d->minor },
									     g->access })
				   : 0;
}

int device_look(const char *host, struct spec_device *d)
{
	struct stat st;
	if (stat(host, &st) < 0)
		return -errno;
	if (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode) && !S_ISFIFO(st.st_mode))
		return -ENODEV;
	d->type = S_ISCHR(st.st_mode) ? "c" : S_ISBLK(st.st_mode) ? "b" : "p";
	d->major = major(st.st_rdev);
	d->minor = minor(st.st_rdev);
	d->file_mode = (struct opt_u64){ true, st.st_mode & 07777 };
	d->uid = (struct opt_i64){ true, st.st_uid };
	d->gid = (struct opt_i64){ true, st.st_gid };
	return 0;
}

/* What one --device asks for. */
struct wish {
	struct spec *s;
	struct arena *a;
	const char *access;
};

static int add_path(const struct wish *w, const char *host, const char *inside, int depth);

/* What a container has of its own, or what is no device of the machine, is left out. */
static int add_directory(const struct wish *w, const char *host, const char *inside, int depth)
{
	static const char *const own[] = { "pts", "ptmx", "shm", "fd", "mqueue", "console" };
	const struct strs left_out = { (const char **)own, sizeof(own) / sizeof(own[0]) };
	DIR *d = depth < DEPTH ? opendir(host) : NULL;
	int rc = d ? 0 : depth < DEPTH ? -errno : -ELOOP;
	for (struct dirent *entry; rc == 0 && (entry = readdir(d));) {
		if (entry->d_name[0] == '.' || strs_has(&left_out, entry->d_name))
			continue;
		const char *from = arena_printf(w->a, "%s/%s", host, entry->d_name);
		const char *to = arena_printf(w->a, "%s/%s", inside, entry->d_name);
		rc = from && to ? add_path(w, from, to, depth + 1) : -E2BIG;
	}
	if (d)
		closedir(d);
	return rc;
}

static int add_path(const struct wish *w, const char *host, const char *inside, int depth)
{
	struct stat st;
	struct device_grant g = { .device.path = inside, .host = host, .access = w->access };
	if ((depth ? lstat(host, &st) : stat(host, &st)) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return add_directory(w, host, inside, depth);
	if (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode))
		return depth ? 0 : -ENODEV;
	int rc = device_look(host, &g.device);
	return rc < 0 ? rc : device_grant(w->s, &g, w->a);
}

static bool is_access(const char *s)
{
	return *s && strlen(s) <= 3 && strspn(s, "rwm") == strlen(s);
}

/* "/dev/x", "/dev/x:/dev/y", "/dev/x:rw", "/dev/x:/dev/y:rw" */
static int add_device(struct spec *s, const char *text, struct arena *a, struct err *e)
{
	struct strs part;
	struct wish w = { s, a, "rwm" };
	if (words_split(text, ":", a, &part) < 0)
		return option_room("device", e);
	bool last = part.n > 1 && part.v[part.n - 1][0] != '/';
	if (last)
		w.access = part.v[--part.n];
	if (!part.n || part.n > 2 || part.v[0][0] != '/' || !is_access(w.access))
		return option_refuse(
			"device", text,
			"a device of the host such as /dev/fuse[:/dev/inside][:rwm], nor "
			"one of CDI such as vendor.com/class=name",
			e);
	int rc = add_path(&w, part.v[0], part.v[part.n - 1], 0);
	if (rc == -ENODEV)
		return refuse(e, ENODEV, "option --device: %s is no device", part.v[0]);
	return rc < 0 ? fail(e, rc, "option --device: %s", text) : 0;
}

/* "10:*": a number or all; what is left of the text. */
static const char *rule_number(const char *s, char end, struct opt_i64 *out)
{
	*out = (struct opt_i64){ *s != '*', 0 };
	if (*s == '*')
		s++;
	else if (!*s || strspn(s, "0123456789") > 9 || *s < '0' || *s > '9')
		return NULL;
	for (; *s >= '0' && *s <= '9'; s++)
		out->v = out->v * 10 + (*s - '0');
	return *s == end ? s + 1 : NULL;
}

/* "c 10:229 rw" */
static int add_rule(struct spec *s, const char *text, struct arena *a, struct err *e)
{
	struct spec_device_rule r = { .allow = true, .type = arena_strn(a, text, 1) };
	if (!r.type)
		return option_room("device-cgroup-rule", e);
	bool type = *text && strchr("abc", *text) && text[1] == ' ';
	const char *p = type ? rule_number(text + 2, ':', &r.major) : NULL;
	r.access = p ? rule_number(p, ' ', &r.minor) : NULL;
	if (!r.access || !is_access(r.access))
		return option_refuse("device-cgroup-rule", text,
				     "TYPE MAJOR:MINOR ACCESS such as 'c 10:229 rw' or 'b *:* r'",
				     e);
	return rule_add(s, &r) < 0 ? option_room("device-cgroup-rule", e) : 0;
}

/* "all" or "device=0,1", of the vendor that has these in docker, too: devices of CDI. Where
 * docker's users have a comma, they have it in quotes. */
static int add_gpus(const char *text, struct strs *names, struct arena *a, struct err *e)
{
	struct strs words = { 0 };
	size_t n = strlen(text);
	if (n > 1 && text[0] == '"' && text[n - 1] == '"')
		text = arena_strn(a, text + 1, n - 2);
	if (!text)
		return option_room("gpus", e);
	const char *list = !strcmp(text, "all")		  ? text
			   : !strncmp(text, "device=", 7) ? text + 7
							  : "";
	if (words_split(list, ",", a, &words) < 0)
		return option_room("gpus", e);
	if (!words.n)
		return option_refuse("gpus", text, "all or device=ID[,ID...]", e);
	for (size_t i = 0; i < words.n; i++)
		if (!(names->v[names->n++] = arena_printf(a, "nvidia.com/gpu=%s", words.v[i])))
			return option_room("gpus", e);
	return 0;
}

int devices_apply(struct spec *s, const struct run_options *o, struct arena *a, struct err *e)
{
	struct strs names = { arena_array(a, o->devices.n + WORDS_MAX + 1, sizeof(char *)), 0 };
	int rc = names.v ? devices_room(s, a, e) : option_room("device", e);
	if (rc == 0 && o->privileged && !subid_inside()) {
		rc = add_path(&(struct wish){ .s = s, .a = a }, "/dev", "/dev", 0);
		if (rc < 0)
			return fail(e, rc, "option --privileged: the devices of /dev");
	}
	for (size_t i = 0; rc == 0 && i < o->devices.n; i++)
		if (cdi_is_name(o->devices.v[i]))
			names.v[names.n++] = o->devices.v[i];
		else
			rc = add_device(s, o->devices.v[i], a, e);
	if (rc == 0 && o->gpus)
		rc = add_gpus(o->gpus, &names, a, e);
	for (size_t i = 0; rc == 0 && i < o->device_rules.n; i++)
		rc = add_rule(s, o->device_rules.v[i], a, e);
	return rc == 0 && names.n ? cdi_apply(s, &o->cdi_dirs, &names, a, e) : rc;
}
