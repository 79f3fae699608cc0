/* progress.c - how far a pull is, for people. */
#include "image/progress.h"
#include "base/cli.h"
#include "base/clock.h"
#include "base/file.h"

#include <unistd.h>

#define BAR	 30
#define PAUSE_NS 50000000 /* between two drawings; nobody reads faster */

static void draw_bar(struct buf *b, int64_t bytes, int64_t size)
{
	int full = size > 0 ? (int)((double)bytes / (double)size * BAR) : BAR;
	buf_char(b, '[');
	for (int i = 0; i < BAR; i++)
		buf_char(b, i < full ? '=' : i == full ? '>' : ' ');
	buf_char(b, ']');
}

static void draw_layer(struct buf *b, const struct progress *g, size_t i,
		       const struct fetch_progress *p)
{
	static const char *const words[] = { "waiting", "", "done", "already here" };
	const struct descriptor *d = p->blob - p->layer + i;
	enum layer_state state = g->layers[i].state;
	char size[32], bytes[32];
	size_format((uint64_t)d->size, size, sizeof(size));
	size_format((uint64_t)g->layers[i].bytes, bytes, sizeof(bytes));
	buf_printf(b, "\r\033[K%.12s ", d->digest + 7);
	if (state == LAYER_RUNNING) {
		draw_bar(b, g->layers[i].bytes, d->size);
		buf_printf(b, " %s of %s\n", bytes, size);
	} else {
		buf_printf(b, "%s (%s)\n", words[state], size);
	}
}

static void draw(struct progress *g, const struct fetch_progress *p, bool must)
{
	uint64_t now = clock_monotonic_ns();
	auto_buf b = { 0 };
	if (!must && now - g->last < PAUSE_NS)
		return;
	g->last = now;
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

void progress_layer(void *arg, const struct fetch_progress *p)
{
	struct progress *g = arg;
	bool changed = g->layers[p->layer].state != p->state;
	g->layers[p->layer].state = p->state;
	g->layers[p->layer].bytes = p->bytes;
	if (g->fd < 0)
		return;
	if (isatty(g->fd))
		draw(g, p, changed);
	else if (p->state == LAYER_DONE || p->state == LAYER_PRESENT)
		say(g, p);
}
