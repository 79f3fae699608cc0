/* credentials.h - what the user's login files know about a registry. */
#ifndef IMAGE_CREDENTIALS_H
#define IMAGE_CREDENTIALS_H

#include "base/arena.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

/* A login, in one or more of these ways; NULL: not in this one. The later come first. */
struct credentials {
	const char *basic;    /* USER:PASSWORD as base64 */
	const char *identity; /* a token that the token server takes for those of a registry */
	const char *bearer;   /* a token for the registry itself */
};

/* What is written for HOST[:PORT] in the text of a docker config.json or containers auth.json
 * (auth, identitytoken, registrytoken); for a repository (HOST/NAME) the longest entry that it
 * begins with. Zeroed when there is none. Where the file names a credential helper (credHelpers,
 * credsStore), that is asked. -EINVAL for bad files. */
int credentials_find(const char *text, size_t len, const char *host, const char *name,
		     struct arena *a, struct credentials *out, struct err *e);

/* Looks in that file, which must be there; for NULL through those of this user, in the order in
 * which other tools do: REGISTRY_AUTH_FILE, XDG_RUNTIME_DIR/containers/auth.json,
 * HOME/.config/containers/auth.json, DOCKER_CONFIG/config.json or HOME/.docker/config.json. Of
 * these absent ones are skipped. */
int credentials_here(const char *file, const char *host, const char *name, struct arena *a,
		     struct credentials *out, struct err *e);

bool credentials_any(const struct credentials *c);

/* "USER:PASS" as base64. -EINVAL without a colon. */
int credentials_encode(const char *user_pass, struct arena *a, const char **out, struct err *e);

#endif
