/* user_fuzz.c - foreign bytes as the passwd and group of an image, and as subuid: up to a line "--"
 * each, after a first line that is whom to look for. */
#include "box/subid.h"
#include "box/user.h"
#include "place.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static char *part(char **text)
{
	char *start = *text, *end = strstr(start, "\n--\n");
	*text = end ? end + 4 : start + strlen(start);
	if (end)
		end[1] = 0;
	return start;
}

static void check_ids(const struct spec_id_mappings *m)
{
	uint64_t next = 1;
	for (size_t i = 1; i < m->n; i++) {
		if (m->v[i].container_id != next || !m->v[i].size ||
		    (uint64_t)m->v[i].host_id + m->v[i].size > UINT32_MAX)
			abort();
		next += m->v[i].size;
	}
	if (next > UINT32_MAX)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	auto_arena *a = arena_new((size_t)64 << 20);
	char *text = a ? arena_strn(a, (const char *)p, n) : NULL;
	if (!text)
		return 0;
	char *who = text, *end = strchr(text, '\n');
	text = end ? end + 1 : text + strlen(text);
	if (end)
		*end = 0;
	char *passwd = part(&text), *group = part(&text);
	mkdirat(place(), "etc", 0700);
	place_put("etc/passwd", passwd, strlen(passwd));
	place_put("etc/group", group, strlen(group));
	struct spec_user u;
	struct err e = { 0 };
	const char *home = NULL;
	if (user_find(place(), who, a, &u, &home, &e) == 0 &&
	    (u.uid == UINT32_MAX || u.gid == UINT32_MAX || !home || *home != '/'))
		abort();
	for (size_t i = 0; !e.code && i < u.additional_gids.n; i++)
		if (u.additional_gids.v[i] == UINT32_MAX)
			abort();
	user_name(place(), 0, a);
	struct spec_id_mapping v[8] = { { 0, 1000, 1 } };
	struct spec_id_mappings ids = { v, 1 };
	subid_parse(text, who, "1000", 8, &ids);
	check_ids(&ids);
	return 0;
}
