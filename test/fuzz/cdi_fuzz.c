/* cdi_fuzz.c - foreign bytes as a file of the Container Device Interface: what is accepted makes a
 * spec that can be written and is read back. */
#include "base/arena.h"
#include "monitor/cdi.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	auto_arena *a = arena_new((size_t)64 << 20);
	struct cdi c;
	struct spec *s;
	const struct spec *again;
	struct err e = { 0 };
	char *name = a ? arena_strn(a, (const char *)p, n) : NULL;
	if (!name)
		return 0;
	cdi_is_name(name);
	if (cdi_parse((const char *)p, n, a, &c, &e) < 0)
		return *e.msg ? 0 : (abort(), 0);
	if (spec_default(&(struct spec_default_options){ 0 }, a, &s, &e) < 0 ||
	    devices_room(s, a, &e) < 0)
		abort();
	for (size_t i = 0; i < c.devices.n; i++) {
		name = arena_printf(a, "%s=%s", c.kind, c.devices.v[i].name);
		if (name && !cdi_is_name(name))
			abort();
		if (cdi_edit(s, &c.edits, a, &e) < 0 ||
		    cdi_edit(s, &c.devices.v[i].edits, a, &e) < 0)
			return *e.msg ? 0 : (abort(), 0);
	}
	auto_buf out = { 0 };
	spec_write(s, 0, &out);
	e = (struct err){ 0 };
	if (!out.failed && out.p && spec_parse(out.p, out.len, a, &again, &e) < 0 && !*e.msg)
		abort();
	return 0;
}
