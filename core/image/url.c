/* url.c - what a URL is made of, without curl. */
#include "image/url.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool host_is_loopback(const char *host)
{
	char name[64];
	size_t n = strcspn(host, *host == '[' ? "]" : ":/");
	if (*host == '[')
		return n == 4 && !strncmp(host, "[::1]", 5);
	if (n >= sizeof(name))
		return false;
	memcpy(name, host, n);
	name[n] = 0;
	unsigned a, b, c, d;
	char rest;
	return !strcasecmp(name, "localhost") ||
	       (sscanf(name, "%3u.%3u.%3u.%3u%c", &a, &b, &c, &d, &rest) == 4 && a == 127);
}

bool host_is_near(const char *host, const char *place)
{
	const char *from = place ? strstr(place, "://") : NULL;
	return host_is_loopback(host) && (!from || host_is_loopback(from + 3));
}

void http_escape(struct buf *b, const char *s)
{
	for (; *s; s++)
		if (strchr("-._~/:", *s) || (*s >= '0' && *s <= '9') || (*s >= 'a' && *s <= 'z') ||
		    (*s >= 'A' && *s <= 'Z'))
			buf_char(b, *s);
		else
			buf_printf(b, "%%%02X", (unsigned char)*s);
}

time_t retry_after(const char *text, time_t now)
{
	struct tm tm = { 0 };
	if (*text >= '0' && *text <= '9') {
		unsigned long seconds = strtoul(text, NULL, 10);
		return seconds < RETRY_MAX ? (time_t)seconds : RETRY_MAX;
	}
	time_t then = strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &tm) ? timegm(&tm) : now;
	return then < now ? 0 : then - now < RETRY_MAX ? then - now : RETRY_MAX;
}
