/* mountinfo.c - the lines of /proc/PID/mountinfo. */
#include "box/mountinfo.h"
#include "base/file.h"

#include <stdlib.h>
#include <string.h>

/* Cuts the next word off; "" when there is none. */
static char *word(char **at)
{
	char *start = *at + strspn(*at, " ");
	char *end = start + strcspn(start, " ");
	*at = *end ? end + 1 : end;
	*end = 0;
	return start;
}

/* "\040" and such, in place. */
static char *unescape(char *s)
{
	char *to = s;
	for (char *p = s; *p; to++) {
		bool octal = p[0] == '\\' && p[1] >= '0' && p[1] <= '3' && p[2] >= '0' &&
			     p[2] <= '7' && p[3] >= '0' && p[3] <= '7';
		*to = octal ? (char)((p[1] - '0') << 6 | (p[2] - '0') << 3 | (p[3] - '0')) : *p;
		p += octal ? 4 : 1;
	}
	*to = 0;
	return s;
}

static bool parse(char *line, struct mount_line *out)
{
	char *end = strstr(line, " - ");
	if (!end)
		return false;
	*end = 0;
	char *after = end + 3;
	out->id = atoi(word(&line));
	out->parent = atoi(word(&line));
	word(&line); /* major:minor */
	out->root = unescape(word(&line));
	out->target = unescape(word(&line));
	out->options = word(&line);
	out->fields = line;
	out->type = unescape(word(&after));
	out->source = unescape(word(&after));
	out->super = after;
	return *out->target == '/' && *out->type;
}

bool mountinfo_next(char **text, struct mount_line *out)
{
	while (*text && **text) {
		char *line = *text, *end = strchr(line, '\n');
		*text = end ? end + 1 : line + strlen(line);
		if (end)
			*end = 0;
		if (parse(line, out))
			return true;
	}
	return false;
}

int mountinfo_read(struct buf *out, struct err *e)
{
	return file_read(-1, "/proc/self/mountinfo", out, e);
}

bool option_has(const char *list, const char *w)
{
	size_t n = strlen(w);
	for (const char *p = list; n && *p; p += strcspn(p, ","), p += *p == ',')
		if (strcspn(p, ",") == n && !strncmp(p, w, n))
			return true;
	return false;
}
