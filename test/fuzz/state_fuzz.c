/* state_fuzz.c - foreign bytes as a record and as state.json, the journal of records; and what
 * hooks and callers are told of them. */
#include "base/arena.h"
#include "oci/state.h"
#include "place.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void as_journal(const uint8_t *p, size_t n, struct arena *a)
{
	struct state s;
	struct err e = { 0 };
	auto_buf spec = { 0 };
	place_put(STATE_FILE, p, n);
	if (state_read(place(), a, &s, &e) < 0 ? !*e.msg : !s.id)
		abort();
	if (state_read_spec(place(), &spec, &e) == 0 && spec.p && strchr(spec.p, '\n'))
		abort();
}

/* What is told is JSON, and of this container. */
static void check_shown(const struct buf *text, const struct state *s, struct arena *a)
{
	static const struct json_field fields[] = { JSON(J_STR, state, id, "id"), { 0 } };
	struct state told = { 0 };
	if (text->failed || json_read(text->p, text->len, fields, &told, a, NULL) < 0 || !told.id)
		abort();
	if (strlen(told.id) < strlen(s->id)) /* bytes that are no UTF-8 become more */
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	auto_arena *a = arena_new((size_t)32 << 20), *b = arena_new((size_t)64 << 20);
	struct state s, again;
	auto_buf text = { 0 }, shown = { 0 }, hook = { 0 };
	if (a)
		as_journal(p, n, a);
	if (!a || !b || state_parse((const char *)p, n, a, &s, NULL) < 0)
		return 0;
	json_write(&text, state_fields, &s, 0);
	if (text.failed || state_parse(text.p, text.len, b, &again, NULL) < 0)
		abort();
	state_write_oci(&s, s.status, 2, &shown);
	check_shown(&shown, &s, b);
	state_write_hook(&s, s.status, &hook);
	check_shown(&hook, &s, b);
	return 0;
}
