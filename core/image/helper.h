/* helper.h - a program that keeps logins: docker-credential-NAME. */
#ifndef IMAGE_HELPER_H
#define IMAGE_HELPER_H

#include "base/arena.h"
#include "base/err.h"
#include "image/credentials.h"

#define HELPER_TIMEOUT 60000 /* ms: it may have to ask a person */

/* Asks docker-credential-NAME of the PATH for the login of a server ("HOST[:PORT]", or the URL that
 * docker has for its own): a name and password, or an identity token; zeroed when it knows of
 * none. It gets timeout_ms and may say 64 KiB; -ETIMEDOUT, -E2BIG. */
int helper_get(const char *name, const char *server, int timeout_ms, struct arena *a,
	       struct credentials *out, struct err *e);

#endif
