/* dbus_fuzz.c - foreign bytes as a message of D-Bus, and as the value of a unit's property. */
#include "base/dbuswire.h"
#include "box/systemd_props.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void read_message(const uint8_t *p, size_t n)
{
	struct dbus_message m;
	int size = dbus_message_size(p, n);
	if (size > (int)DBUS_MESSAGE_MAX || dbus_message_parse(p, n, &m) < 0)
		return;
	if (size != (int)n || strlen(m.member) + strlen(m.path) + strlen(m.error) >= n)
		abort();
	struct dbus_reader again = m.body;
	while (!m.body.bad && *m.body.signature)
		dbus_skip(&m.body);
	if (m.body.at > m.body.n)
		abort();
	/* As the end of a job is read. */
	dbus_get_u32(&again);
	for (int i = 0; i < 3; i++)
		if (strlen(dbus_get_str(&again)) > n)
			abort();
}

/* What is accepted is a variant that can be read. */
static void read_value(const uint8_t *p, size_t n)
{
	char *text = malloc(n + 1);
	auto_buf b = { .max = (size_t)1 << 20 };
	if (!text)
		return;
	memcpy(text, p, n);
	text[n] = 0;
	if (prop_text(&b, text, n % 2 ? 1000000 : 0) == 0 && !b.failed) {
		struct dbus_reader r = { .p = (const uint8_t *)b.p, .n = b.len, .signature = "v" };
		dbus_skip(&r);
		if (r.bad || r.at != b.len)
			abort();
	}
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	read_message(p, n);
	read_value(p, n);
	return 0;
}
