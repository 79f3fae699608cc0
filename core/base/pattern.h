/* pattern.h - extended regular expressions, as far as people use them to choose names. */
#ifndef BASE_PATTERN_H
#define BASE_PATTERN_H

/* Whether the pattern is found in a text of at most PATTERN_TEXT bytes: 1 or 0. It may have ^ $ .
 * [a-z] [^a-z] \ before what is no letter, ( ) | * + ?; -EINVAL: something else, half of it, or too
 * much. */
#define PATTERN_TEXT 255
int pattern_found(const char *pattern, const char *text);

#endif
