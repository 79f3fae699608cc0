/* proxy.c - the proxy that the environment names. */
#include "image/proxy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *variable(const char *name)
{
	const char *value = getenv(name);
	return value && *value ? value : NULL;
}

const char *proxy_for(const char *url)
{
	static const char *const names[2][4] = {
		{ "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY" },
		{ "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY" },
	};
	int safe = !strncmp(url, "https:", 6);
	const char *found = NULL;
	for (int i = 0; i < 4 && !found; i++)
		if (safe || i != 1 || !getenv("REQUEST_METHOD"))
			found = variable(names[safe][i]);
	return found;
}

void proxy_place(const char *proxy, char out[PROXY_PLACE])
{
	const char *scheme = strstr(proxy, "://"), *login = strrchr(proxy, '@');
	const char *place = login ? login + 1 : scheme ? scheme + 3 : proxy;
	snprintf(out, PROXY_PLACE, "%.*s", (int)strcspn(place, "/?#"), place);
}
