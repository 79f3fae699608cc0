/* proxy.h - the proxy that the environment names. */
#ifndef IMAGE_PROXY_H
#define IMAGE_PROXY_H

/* For an http or https URL: http_proxy or https_proxy, else all_proxy, each in small letters before
 * capitals; HTTP_PROXY not in a CGI program, where a client could set it. NULL: none. */
const char *proxy_for(const char *url);

/* "HOST:PORT" of it, whatever login is written before that. */
#define PROXY_PLACE 128
void proxy_place(const char *proxy, char out[PROXY_PLACE]);

#endif
