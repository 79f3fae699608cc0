/* progress.c - how far a pull is, for people. */
#include "image/progress.h"
#include "base/cli.h"
#include "base/clock.h"
#include "base/file.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define BAR	  30
#define BAR_LEAST 5
#define WORDS	  61	   /* columns that all else in a bar's line needs */
#define PAUSE_NS  50000000 /* between two drawings; nobody reads faster */
#define LEFT_MAX  360000   /* seconds; more is as good as unknown */

/* As wide as the terminal lets it be beside what is said; none where that is next to nothing. */
static void draw_bar(struct buf *b, int fd, int64_t bytes, int64_t size)
{
	struct winsize w = { 0 };
	int room = ioctl(fd, TIOCGWINSZ, &w) < 0 || !w.ws_col ? BAR : w.ws_col - WORDS;
	int width = room < BAR ? room : BAR;
	int full = size > 0 ? (int)((double)bytes / (double)size * width) : width;
	if (width < BAR_LEAST)
		return;
	buf_char(b, '[');
	for (int i = 0; i < width; i++)
		buf_char(b, i < full ? '=' : i == full ? '>' : ' ');
	buf_str(b, "] ");
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
	draw_bar(b, g->fd, bytes, size);
	size_format((uint64_t)size, of, sizeof(of));
	size_format((uint64_t)bytes, had, sizeof(had));
	size_format((uint64_t)each, rate, sizeof(rate));
	buf_printf(b, "%s of %s, %s/s", had, of, rate);
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

/* How many lines can be drawn again: on a terminal, all but that of the cursor. */
static size_t lines(int fd)
{
	struct winsize w = { 0 };
	if (ioctl(fd, TIOCGWINSZ, &w) < 0 || !w.ws_row)
		return LAYERS_MAX;
	return w.ws_row > 1 ? w.ws_row - 1u : 1;
}

/* The layers that there is room for: those that run, else that wait, else that have ended. */
static void choose(const struct progress *g, size_t layers, size_t room, bool shown[])
{
	static const enum layer_state order[] = { LAYER_RUNNING, LAYER_WAITING, LAYER_DONE,
						  LAYER_PRESENT };
	for (size_t k = 0; k < sizeof(order) / sizeof(order[0]); k++)
		for (size_t i = 0; i < layers && room; i++)
			if (g->layers[i].state == order[k]) {
				shown[i] = true;
				room--;
			}
}

/* Of all layers, where not all are shown. */
static void draw_summary(struct buf *b, const struct progress *g, const struct fetch_progress *p)
{
	const struct descriptor *d = p->blob - p->layer;
	size_t ended = 0;
	uint64_t had = 0, all = 0;
	char text[2][32];
	for (size_t i = 0; i < p->layers; i++) {
		bool is = g->layers[i].state == LAYER_DONE || g->layers[i].state == LAYER_PRESENT;
		ended += is;
		had += (uint64_t)(is ? d[i].size : g->layers[i].bytes);
		all += (uint64_t)d[i].size;
	}
	size_format(had, text[0], sizeof(text[0]));
	size_format(all, text[1], sizeof(text[1]));
	buf_printf(b, "\r\033[K%zu of %zu layers, %s of %s\n", ended, p->layers, text[0], text[1]);
}

static bool is_over(const struct progress *g, size_t layers)
{
	for (size_t i = 0; i < layers; i++)
		if (g->layers[i].state != LAYER_DONE && g->layers[i].state != LAYER_PRESENT)
			return false;
	return true;
}

/* Nothing is broken into two lines meanwhile, and of an earlier, longer drawing nothing stays.
 * Until all is there the cursor is left where it began: how many lines a narrower terminal makes of
 * these nobody but itself knows, and it keeps the cursor by what was there. */
static void draw(struct progress *g, const struct fetch_progress *p)
{
	auto_buf b = { 0 };
	bool shown[LAYERS_MAX] = { false };
	size_t room = lines(g->fd);
	bool all = p->layers <= room;
	buf_str(&b, "\033[?7l");
	choose(g, p->layers, all ? p->layers : room - 1, shown);
	for (size_t i = 0; i < p->layers; i++)
		if (shown[i])
			draw_layer(&b, g, i, p);
	if (!all)
		draw_summary(&b, g, p);
	buf_str(&b, "\r\033[J\033[?7h");
	g->drawn = is_over(g, p->layers) ? 0 : all ? p->layers : room;
	if (g->drawn)
		buf_printf(&b, "\033[%zuA", g->drawn);
	write_all(g->fd, b.p, b.len);
}

void progress_end(struct progress *g)
{
	auto_buf b = { 0 };
	if (!g->drawn)
		return;
	buf_printf(&b, "\033[%zuB", g->drawn);
	write_all(g->fd, b.p, b.len);
	g->drawn = 0;
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

/* A terminal on which nothing can be drawn again. */
static bool is_dumb(void)
{
	const char *kind = getenv("TERM");
	return kind && !strcmp(kind, "dumb");
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
	if (g->fd < 0 || often || (g->news && p->state == LAYER_PRESENT))
		return;
	g->last = now;
	if (g->json)
		say_json(g, p);
	else if (isatty(g->fd) && !is_dumb())
		draw(g, p);
	else if (p->state == LAYER_DONE || p->state == LAYER_PRESENT)
		say(g, p);
}
