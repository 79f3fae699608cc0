/* progress.c - how far a pull is, for people. */
#include "image/progress.h"
#include "base/cli.h"
#include "base/clock.h"
#include "base/file.h"

#include <unistd.h>

#define BAR	 30
#define PAUSE_NS 50000000 /* between two drawings; nobody reads faster */
#define LEFT_MAX 360000	  /* seconds; more is as good as unknown */

static void draw_bar(struct buf *b, int64_t bytes, int64_t size)
{
	int full = size > 0 ? (int)((double)bytes / (double)size * BAR) : BAR;
	buf_char(b, '[');
	for (int i = 0; i < BAR; i++)
		buf_char(b, i < full ? '=' : i == full ? '>' : ' ');
	buf_char(b, ']');
}

static void draw_running(struct buf *b, const struct progress *g, size_t i, int64_t size)
{
	char of[32], had[32], rate[32];
	int64_t bytes = g->layers[i].bytes;
	double took = (double)(g->last - g->layers[i].began) / 1e9;
	double each = took > 0 ? (double)bytes / took : 0;
	if (bytes >= size) {
		buf_str(b, "unpacking\n");
		return;
	}
	draw_bar(b, bytes, size);
	size_format((uint64_t)size, of, sizeof(of));
	size_format((uint64_t)bytes, had, sizeof(had));
	size_format((uint64_t)each, rate, sizeof(rate));
	buf_printf(b, " %s of %s, %s/s", had, of, rate);
	double left = each >= 1 ? (double)(size - bytes) / each + 1 : 0;
	if (left >= 1 && left < LEFT_MAX)
		buf_printf(b, ", %d:%02d left", (int)left / 60, (int)left % 60);
	buf_char(b, '\n');
}

static void draw_layer(struct buf *b, const struct progress *g, size_t i,
		       const struct fetch_progress *p)
{
	static const char *const words[] = { "waiting", "", "done", "already here" };
	const struct descriptor *d = p->blob - p->layer + i;
	enum layer_state state = g->layers[i].state;
	char size[32];
	buf_printf(b, "\r\033[K%.12s ", d->digest + 7);
	if (state == LAYER_RUNNING) {
		draw_running(b, g, i, d->size);
	} else {
		size_format((uint64_t)d->size, size, sizeof(size));
		buf_printf(b, "%s (%s)\n", words[state], size);
	}
}

static void draw(struct progress *g, const struct fetch_progress *p)
{
	auto_buf b = { 0 };
	if (g->drawn)
		buf_printf(&b, "\033[%zuA", g->drawn);
	for (size_t i = 0; i < p->layers; i++)
		draw_layer(&b, g, i, p);
	g->drawn = p->layers;
	write_all(g->fd, b.p, b.len);
}

static void say(const struct progress *g, const struct fetch_progress *p)
{
	char size[32];
	auto_buf b = { 0 };
	size_format((uint64_t)p->blob->size, size, sizeof(size));
	buf_printf(&b, "layer %zu of %zu, %.12s, %s: %s\n", p->layer + 1, p->layers,
		   p->blob->digest + 7, size, p->state == LAYER_DONE ? "done" : "already here");
	write_all(g->fd, b.p, b.len);
}

static void say_json(const struct progress *g, const struct fetch_progress *p)
{
	static const char *const words[] = { "waiting", "running", "done", "present" };
	auto_buf b = { 0 };
	buf_printf(&b, "{\"layer\":\"%s\",\"state\":\"%s\",\"bytes\":%lld,\"size\":%lld}\n",
		   p->blob->digest, words[p->state], (long long)p->bytes, (long long)p->blob->size);
	write_all(g->fd, b.p, b.len);
}

void progress_layer(void *arg, const struct fetch_progress *p)
{
	struct progress *g = arg;
	uint64_t now = clock_monotonic_ns();
	bool changed = g->layers[p->layer].state != p->state;
	if (changed)
		g->layers[p->layer].began = now;
	g->layers[p->layer].state = p->state;
	g->layers[p->layer].bytes = p->bytes;
	bool often = !changed && p->bytes < p->blob->size && now - g->last < PAUSE_NS;
	if (g->fd < 0 || often)
		return;
	g->last = now;
	if (g->json)
		say_json(g, p);
	else if (isatty(g->fd))
		draw(g, p);
	else if (p->state == LAYER_DONE || p->state == LAYER_PRESENT)
		say(g, p);
}
