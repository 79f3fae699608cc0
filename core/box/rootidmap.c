/* rootidmap.c - a root whose ids are mapped. */
#include "box/rootidmap.h"
#include "base/file.h"
#include "base/sys.h"
#include "box/idmap.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#define LAYERS_MAX 500 /* as many as the kernel takes */

static int parse(const char *option, struct arena *a, struct spec_id_mappings *out, struct err *e)
{
	char *list = arena_str(a, strchr(option, '=') + 1);
	out->v = list ? arena_array(a, strlen(list) / 6 + 1, sizeof(*out->v)) : NULL;
	if (!out->v)
		return fail(e, E2BIG, "mount the root: %s", option);
	out->n = 0;
	for (char *next, *one = list; one; one = next) {
		next = strchr(one, ',');
		if (next)
			*next++ = 0;
		if (!idmap_parse(one, &out->v[out->n++]))
			return refuse(e, EINVAL, "mount the root: %s: not CONTAINER:HOST:SIZE",
				      option);
	}
	return 0;
}

static const char *find(const struct strs *options, const char *key)
{
	for (size_t i = 0; i < options->n; i++)
		if (!strncmp(options->v[i], key, strlen(key)))
			return options->v[i];
	return NULL;
}

/* The options without these. */
static int drop(const struct strs *from, const char *one, const char *other, struct arena *a,
		struct strs *out)
{
	const char **v = arena_array(a, from->n + 1, sizeof(*v));
	size_t n = 0;
	for (size_t i = 0; v && i < from->n; i++)
		if (from->v[i] != one && from->v[i] != other)
			v[n++] = from->v[i];
	*out = (struct strs){ v, n };
	return v ? 0 : -E2BIG;
}

int rootidmap_open(const struct root_mount *m, struct arena *a, struct root_mount *out, int *ns,
		   struct err *e)
{
	const char *uids = find(&m->options, "uidmap="), *gids = find(&m->options, "gidmap=");
	struct spec_id_mappings u, g;
	*out = *m;
	*ns = -1;
	if (!uids || !gids) /* one alone means nothing, as with containerd */
		return drop(&m->options, uids, gids, a, &out->options);
	int rc = parse(uids, a, &u, e);
	if (rc == 0)
		rc = parse(gids, a, &g, e);
	if (rc == 0 && drop(&m->options, uids, gids, a, &out->options) < 0)
		rc = fail(e, E2BIG, "mount the root");
	if (rc == 0)
		rc = *ns = idmap_namespace(&u, &g, e);
	return rc < 0 ? rc : 0;
}

int rootidmap_apply(int fd, int ns)
{
	const struct sys_mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP,
					     .userns_fd = (uint64_t)ns };
	return sys_mount_setattr(fd, "", AT_EMPTY_PATH, &attr) < 0 ? -errno : 0;
}

static int add_layer(struct mapped_layers *l, const char *dir, int ns, struct err *e)
{
	auto_close int fd = sys_open_tree(-1, dir, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	int rc = fd < 0 ? -errno : rootidmap_apply(fd, ns);
	if (rc == -EINVAL)
		return refuse(e, ENOTSUP,
			      "mount the root: this kernel does not map ids on the file system of "
			      "%s",
			      dir);
	if (rc == 0 && sys_move_mount(fd, "", -1, l->place, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		rc = -errno;
	if (rc < 0)
		return fail(e, rc, "mount the root: map the ids of %s", dir);
	l->fds[l->n++] = take_fd(&fd);
	return 0;
}

char *layer_next(char **list)
{
	char *name = *list, *to = name, *from = name;
	for (; *from && *from != ':'; from++) {
		if (from[0] == '\\' && from[1])
			from++;
		*to++ = *from;
	}
	*list = *from ? from + 1 : from;
	*to = 0;
	return name;
}

static int add_layers(struct mapped_layers *l, char *list, int ns, struct buf *names, struct err *e)
{
	int rc = 0;
	buf_str(names, "lowerdir=");
	while (rc == 0 && *list) {
		if (l->n == LAYERS_MAX)
			return refuse(e, E2BIG, "mount the root: more than %d layers", LAYERS_MAX);
		rc = add_layer(l, layer_next(&list), ns, e);
		if (rc == 0)
			buf_printf(names, "%s/proc/self/fd/%d", l->n > 1 ? ":" : "",
				   l->fds[l->n - 1]);
	}
	return rc;
}

int rootidmap_layers(struct root_mount *m, int ns, const char *place, struct arena *a,
		     struct mapped_layers *out, struct err *e)
{
	const char *lower = find(&m->options, "lowerdir=");
	auto_buf names = { 0 };
	*out = (struct mapped_layers){ .place = place,
				       .fds = arena_array(a, LAYERS_MAX, sizeof(int)) };
	if (!lower)
		return refuse(e, EINVAL, "mount the root: an overlay without lowerdir");
	char *list = arena_str(a, strchr(lower, '=') + 1);
	int rc = out->fds && list ? add_layers(out, list, ns, &names, e)
				  : fail(e, E2BIG, "mount the root");
	char *option = rc < 0 || names.failed ? NULL : arena_str(a, names.p);
	for (size_t i = 0; option && i < m->options.n; i++)
		if (m->options.v[i] == lower)
			m->options.v[i] = option;
	if (rc == 0 && !option)
		rc = fail(e, ENOMEM, "mount the root");
	if (rc < 0)
		rootidmap_close(out);
	return rc;
}

void rootidmap_close(struct mapped_layers *l)
{
	for (; l->n; l->n--) {
		umount2(l->place, MNT_DETACH | UMOUNT_NOFOLLOW);
		close(l->fds[l->n - 1]);
	}
}
