/* cli.h - commands and options, described once: parsing, help, completion and the man page come
 * from the tables. */
#ifndef BASE_CLI_H
#define BASE_CLI_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/list.h"

#include <stdbool.h>
#include <stddef.h>

enum opt_type {
	OPT_FLAG = 1,	/* bool; --name=false works too */
	OPT_STR,	/* const char * */
	OPT_MAYBE_STR,	/* the same; "" is as if it was not given */
	OPT_PATH,	/* the same, made absolute */
	OPT_LIST,	/* struct strs; may be given again and again */
	OPT_INT,	/* int */
	OPT_I64,	/* int64_t */
	OPT_SIZE,	/* int64_t, bytes: 64m, 1GiB, 512k, 4096 */
	OPT_U64,	/* uint64_t */
	OPT_MAYBE_I64,	/* struct opt_i64, which tells whether it was given; "" is as if it was not
			 */
	OPT_MAYBE_U64,	/* struct opt_u64, the same */
	OPT_MAYBE_SIZE, /* struct opt_i64 of bytes, the same */
	OPT_ABSENT,	/* what other programs have: refused, with `value` as what to do instead;
			 * but for WORD, or "", where that begins with "WORD|": it is so anyway;
			 * "=WORD|" is of a flag */
};

struct opt {
	const char *name; /* NULL ends a table */
	char letter;	  /* 0: none */
	enum opt_type type : 8;
	unsigned offset : 16; /* into the command's options struct */
	const char *value;    /* what to call its value in the help: "PATH" */
	const char *help;     /* NULL: accepted for compatibility, not shown */
};

struct command;

/* What a command's function is given. */
struct call {
	const struct command *command;
	const char *path;	   /* how it was called: "coracle runtime create" */
	const struct call *parent; /* of a subcommand; its opts are the global ones */
	const void *opts;	   /* the command's zeroed and filled options struct */
	struct strs args;	   /* NULL-ended */
	struct arena *arena;
	char **argv; /* the process's own */
};

struct command {
	const char *name;
	const char *args; /* "ID [SIGNAL]" */
	const char *help; /* one line */
	const char *more; /* paragraphs for --help and the man page; may be NULL */
	const struct opt *opts;
	size_t opts_size;
	const void *defaults; /* an options struct to start from; NULL: all zero */
	int min_args,
		max_args; /* max_args -1: any number, and the first argument ends the options */
	int failure;	  /* exit status of a run that failed; 0 means 1 */
	int (*run)(const struct call *c, struct err *e); /* an exit status, or -errno with e said */
	int (*before)(const struct call *c,
		      struct err *e); /* of a command with subcommands: after its options */
	const struct command *sub;    /* NULL-name-ended table of subcommands */
	int misuse; /* exit status of a wrong command line, or of an unknown command of these; 0:
		     * that of failure */
};

#define OPT(type_, struct_, member_, letter_, name_, value_, help_) \
	{ .name = (name_),                                          \
	  .letter = (letter_),                                      \
	  .type = (type_),                                          \
	  .offset = offsetof(struct struct_, member_),              \
	  .value = (value_),                                        \
	  .help = (help_) }

/* One that others have, and what there is in its place; "NAME*": all that begin so. */
#define OPT_INSTEAD(letter_, name_, what_) \
	{ .name = (name_), .letter = (letter_), .type = OPT_ABSENT, .value = (what_) }

/* Parses, calls and reports: the exit status of the process. argv[0] is the command's own name.
 * -x, --long, --long=v, --long v, -long (as Go programs write) and -xyz (letters together) are
 * understood. */
int cli_main(const struct command *c, int argc, char **argv);

/* The texts, from the tables. */
void cli_help(const struct command *c, const char *path, struct buf *out);
void cli_man(const struct command *c, const char *path, struct buf *out); /* man(7) */
void cli_completion(const struct command *c, struct buf *out);		  /* for bash */

/* Writes what a command has to say to stdout; a buf that has failed, or a full disk, is an error.
 */
int cli_print(const struct buf *out, struct err *e);

/* "64m", "1GiB", "4096", "-1" to bytes. 0 or -EINVAL. */
int size_parse(const char *s, int64_t *out);

/* 1536 as "1.5 kB", for people. */
void size_format(uint64_t n, char *out, size_t size);

#endif
