/* jsonscan.h - the grammar of JSON: is it, and where does a value end? */
#ifndef BASE_JSONSCAN_H
#define BASE_JSONSCAN_H

#include "base/err.h"

#include <stddef.h>

/* Whether text[0..len) is one JSON value and nothing more, at most 64 levels deep, with no NUL in
 * any string. Else -EINVAL: "not valid JSON at line 3, column 7". */
int json_check(const char *text, size_t len, struct err *e);

/* What follows is for text that was checked, and never leaves it. */

/* Past white space, within an object or a list. */
const char *json_blank(const char *at);

/* Past the value that begins here. */
const char *json_end(const char *at);

/* Decodes the string that begins here to out, which has room for all its bytes up to json_end.
 * Surrogates that are no pair become U+FFFD. */
void json_decode(const char *at, char *out);

#endif
