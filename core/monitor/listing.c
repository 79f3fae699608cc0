/* listing.c - the containers there are, as `coracle ps` shows them. */
#include "monitor/listing.h"
#include "base/clock.h"
#include "base/json.h"
#include "container/container.h"

#include <stdio.h>
#include <string.h>

#define COMMAND_WIDTH 24

static const struct json_field fields[] = {
	JSON_F(J_STR, listed, id, "id", J_REQUIRED),
	JSON(J_STR, listed, image, "image"),
	JSON(J_STRS, listed, command, "command"),
	JSON(J_STR, listed, status, "status"),
	JSON_F(J_INT, listed, pid, "pid", J_KEEP),
	JSON(J_TIME, listed, created, "created"),
	JSON(J_TIME, listed, started, "started"),
	JSON(J_TIME, listed, finished, "finished"),
	{ 0 },
};
static const struct json_field exited_fields[] = {
	JSON_F(J_INT, listed, exit_code, "exitCode", J_KEEP),
	{ 0 },
};

/* One container, as it is now. False: gone meanwhile, or unreadable. */
static bool list_one(const char *root, const char *id, struct arena *a, struct listed *out)
{
	struct container *c = NULL;
	const struct spec *spec;
	struct listed l = { 0 };
	if (container_open(root, id, &c, NULL) < 0)
		return false;
	enum status status = container_status(c);
	const struct state *s = &c->state;
	l.id = arena_str(a, s->id ? s->id : id);
	l.image = s->image ? arena_str(a, s->image) : s->bundle ? arena_str(a, s->bundle) : "";
	l.status = status_name(status);
	l.pid = status == STATUS_STOPPED ? 0 : s->pid;
	l.created = s->created;
	l.started = s->started;
	l.finished = s->finished;
	l.has_exit = s->has_exit;
	l.exit_code = s->exit_code;
	if (container_spec(c, a, &spec, NULL) == 0 && spec->process)
		l.command = spec->process->args;
	container_close(c);
	*out = l;
	return l.id && l.image;
}

int listing_read(const char *root, bool all, struct arena *a, struct listing *out, struct err *e)
{
	struct container_list list = { 0 };
	int rc = container_list(root, a, &list, e);
	struct listing l = { arena_array(a, list.n + 1, sizeof(*l.v)), 0 };
	if (rc < 0)
		return rc;
	if (!l.v)
		return fail(e, ENOMEM, "list containers");
	for (size_t i = 0; i < list.n; i++) {
		struct listed *at = &l.v[l.n];
		if (!list_one(root, list.v[i].id, a, at))
			*at = (struct listed){ .id = list.v[i].id,
					       .image = "",
					       .status = "unreadable" };
		bool stopped = !strcmp(at->status, status_name(STATUS_STOPPED)) ||
			       !strcmp(at->status, "unreadable");
		if (all || !stopped)
			l.n++;
	}
	*out = l;
	return 0;
}

int listing_pick(const struct pick *p, struct arena *a, struct strs *out, struct err *e)
{
	struct listing l;
	if (!p->all && !p->named.n)
		return refuse(e, EINVAL, "no container: name it, or say --all");
	if (p->all && p->named.n)
		return refuse(e, EINVAL, "option --all: it is in the place of names");
	*out = p->named;
	if (!p->all)
		return 0;
	int rc = listing_read(p->root, !p->running, a, &l, e);
	if (rc < 0)
		return rc;
	const char **ids = arena_array(a, l.n + 1, sizeof(*ids));
	for (size_t i = 0; ids && i < l.n; i++)
		ids[i] = l.v[i].id;
	*out = (struct strs){ ids, l.n };
	return ids ? 0 : fail(e, ENOMEM, "list containers");
}

static void command_text(const struct strs *command, char *out, size_t size)
{
	auto_buf b = { 0 };
	for (size_t i = 0; i < command->n && b.len < size; i++)
		buf_printf(&b, "%s%s", i ? " " : "", command->v[i]);
	snprintf(out, size, "%s", b.p ? b.p : "");
	text_tame(out, strlen(out), ' ');
	if (b.len >= size)
		memcpy(out + size - 4, "...", 4);
}

static void status_text(const struct listed *l, char *out, size_t size)
{
	char ago[32];
	if (!strcmp(l->status, "running") && l->started.tv_sec) {
		clock_ago(l->started, ago, sizeof(ago));
		char *end = strstr(ago, " ago");
		if (end)
			*end = 0;
		snprintf(out, size, "running %s", end ? ago : "");
	} else if (l->has_exit) {
		clock_ago(l->finished, ago, sizeof(ago));
		snprintf(out, size, "exited (%d) %s", l->exit_code, ago);
	} else {
		snprintf(out, size, "%s", l->status);
	}
	for (size_t n = strlen(out); n && out[n - 1] == ' ';)
		out[--n] = 0;
}

#define COLUMNS 6
struct row {
	char text[COLUMNS][300];
};

static void row_fill(struct row *r, const struct listed *l)
{
	snprintf(r->text[0], sizeof(r->text[0]), "%s", l->id);
	snprintf(r->text[1], sizeof(r->text[1]), "%s", l->image);
	command_text(&l->command, r->text[2], COMMAND_WIDTH);
	if (l->created.tv_sec)
		clock_ago(l->created, r->text[3], sizeof(r->text[3]));
	else
		strcpy(r->text[3], "-");
	status_text(l, r->text[4], sizeof(r->text[4]));
	if (l->pid)
		snprintf(r->text[5], sizeof(r->text[5]), "%d", l->pid);
	else
		strcpy(r->text[5], "-");
}

void listing_table(const struct listing *l, struct buf *out)
{
	static const struct row heading = { { "ID", "IMAGE", "COMMAND", "CREATED", "STATUS",
					      "PID" } };
	size_t width[COLUMNS] = { 0 };
	struct row r;
	for (size_t pass = 0; pass < 2; pass++)
		for (size_t i = 0; i <= l->n; i++) {
			r = heading;
			if (i)
				row_fill(&r, &l->v[i - 1]);
			for (size_t k = 0; k < COLUMNS; k++) {
				size_t n = strlen(r.text[k]);
				if (!pass)
					width[k] = n > width[k] ? n : width[k];
				else if (k + 1 < COLUMNS)
					buf_printf(out, "%-*s  ", (int)width[k], r.text[k]);
				else
					buf_printf(out, "%s\n", r.text[k]);
			}
		}
}

void listing_ids(const struct listing *l, struct buf *out)
{
	for (size_t i = 0; i < l->n; i++)
		buf_printf(out, "%s\n", l->v[i].id);
}

void listing_json(const struct listing *l, struct buf *out)
{
	buf_char(out, '[');
	for (size_t i = 0; i < l->n; i++) {
		auto_buf more = { 0 };
		buf_str(out, i ? "," : "");
		json_write(out, fields, &l->v[i], 0);
		if (!l->v[i].has_exit)
			continue;
		json_write(&more, exited_fields, &l->v[i], 0);
		out->len--; /* its closing brace */
		buf_char(out, ',');
		buf_add(out, more.p + 1, more.len - 1);
	}
	buf_str(out, "]\n");
}
