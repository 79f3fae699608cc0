/* runparts.h - what a runtime spec is put together from, a kind of options a file. */
#ifndef MONITOR_RUNPARTS_H
#define MONITOR_RUNPARTS_H

#include "monitor/runspec.h"

/* "option --NAME: 'TEXT' is not WHAT"; what ends with an example. -EINVAL. */
int option_refuse(const char *name, const char *text, const char *what, struct err *e);

/* No memory for what an option is to become. */
int option_room(const char *name, struct err *e);

/* The words of text up to each separator, at most WORDS_MAX of them. 0 or -E2BIG. */
#define WORDS_MAX 32
int words_split(const char *text, const char *separators, struct arena *a, struct strs *out);

/* All words but those that are the same as name. */
void words_remove(struct strs *l, const char *name);

/* "KEY=VALUE" in out, of a key given twice the last. False when there is no "=", or nothing before
 * it. */
bool pair_add(struct pairs *out, const char *text, struct arena *a);

/* A file that the user named. */
int named_read(const char *name, struct arena *a, struct buf *out, struct err *e);

/* Refuses a bind whose source is not there; what is no directory has nothing further down. */
int source_check(const char *option, struct spec_mount *m, struct err *e);

/* The seccomp profile of a file; of docker's form the rules that count with these capabilities. */
int seccomp_read(const char *name, const struct strs *caps, struct arena *a,
		 struct spec_seccomp **out, struct err *e);

/* Adds the names of --add-host to the container's own /etc/hosts. hostname: NULL where it has that
 * of others. */
int hosts_apply(const struct run_options *o, const struct run_subject *subject,
		const char *hostname, struct arena *a, struct err *e);

/* Whether it has an /etc/resolv.conf of its own. */
bool resolver_own(const struct run_options *o);

/* Writes the container's own /etc/resolv.conf, as --dns and such say. */
int resolver_apply(const struct run_options *o, const struct run_subject *subject, struct arena *a,
		   struct err *e);

/* Writes the container's own /etc/localtime, as --tz says. */
int zone_apply(const struct run_options *o, const struct run_subject *subject, struct err *e);

/* Each takes its options. */
int limits_apply(struct spec *s, const struct run_options *o, struct arena *a, struct err *e);
int blocks_apply(struct spec *s, const struct run_options *o, struct arena *a, struct err *e);
int security_apply(struct spec *s, const struct run_options *o, struct arena *a, struct err *e);
int devices_apply(struct spec *s, const struct run_options *o, struct arena *a, struct err *e);
int mounts_apply(struct spec *s, const struct run_options *o, struct arena *a, struct err *e);
int spaces_apply(struct spec *s, const struct run_options *o, struct arena *a, struct err *e);

#endif
