/* err.h - one error: a code for the program, a sentence for people. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <errno.h>
#include <stddef.h>

/* Lives on the caller's stack, starts zeroed, and is filled by the first failure. */
struct err {
	int code;   /* positive errno, 0 while nothing failed */
	int status; /* exit status that fits it best (127: program not found, ...), 0: the usual
		     * one */
	char msg[1016];
};

/* A message is one line: control characters in names become "?". */

/* Records "FMT: strerror(errnum)" and returns -errnum. errnum may be negative; e may be NULL. */
int fail(struct err *e, int errnum, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Records FMT alone, for errors that errno's words would only blur. Returns -errnum. */
int refuse(struct err *e, int errnum, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Puts "FMT: " before what e already says, keeps its code and returns -code (or -EIO). */
int within(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Puts `with` in the place of control characters, C1's included: nothing in the text speaks to a
 * terminal any more. */
void text_tame(char *s, size_t n, char with);

/* The length of the character in UTF-8 at s, of n bytes that there are; 0: there is none. */
size_t utf8_len(const unsigned char *s, size_t n);

/* Puts "?" in the place of each byte of no such character: s may be a string of protobuf's then,
 * whose readers refuse a whole message for one. */
void text_utf8(char *s);

#endif
