/* member.h - the processes of tasks: found, watched, ended, waited for. */
#ifndef TTRPC_MEMBER_H
#define TTRPC_MEMBER_H

#include "pb/timestamp.pb-c.h"
#include "ttrpc/shim.h"

/* RPC_NOT_FOUND in e when there is no such task, or process of it (exec_id "": init). */
struct task *task_find(struct shim *s, const char *id, struct err *e);
struct member *member_find(struct shim *s, const char *id, const char *exec_id, struct err *e);

/* Unlinks and frees, with all it has; a task with its execs. */
void task_free(struct task *t);
void member_free(struct member *m);

/* Frees the tasks that somebody else has removed: `delete`, for a containerd that lost us. */
void tasks_forget_removed(struct shim *s);

/* Of a container: "block" (the same as none) or "drop": whether its processes wait when nobody
 * reads their output, or what they write then is dropped, and counted in the log. */
#define STDIO_ANNOTATION "org.coracle.stdio"
/* "keep" (the same as none) or "kill": what becomes of what an exec leaves in its session. */
#define ORPHANS_ANNOTATION "org.coracle.exec-orphans"
/* Whether a task has that annotation with that value. */
bool task_wants(const struct task *t, const char *annotation, const char *value);

/* As requests name them, copied. -ENOMEM. */
int member_name_streams(struct member *m, const char *in, const char *out, const char *err);

/* In a fork: opens the streams of its member as that was asked to. Then, in the shim: takes what
 * the fork has opened. */
int member_open_streams(const struct work *w, struct streams *out, struct err *e);
int member_take_streams(struct member *m, struct work *w, struct err *e);

/* Lets go of them, and of its logger: there is no process. */
void member_drop_streams(struct member *m);

/* What was in the way of telling its end is done. */
void member_go_on(struct member *m);
void task_go_on(struct task *t);

/* Watches for its end. pidfd is copied. */
int member_watch(struct member *m, pid_t pid, int pidfd, struct err *e);

/* Reaps it, waiting for its end; records the end and tells it. Nothing for who has ended
 * already. */
void member_ended(struct member *m);

/* The same for one that has ended or is about to, and tells it now, whatever of its output still
 * waits for a reader. */
void member_finish(struct member *m);

/* Answers r when it has ended: now or later. RPC_LATER or -ENOMEM. */
int member_wait(struct member *m, struct request *r, struct err *e);

/* An exec that may be deleted: goes, and answers r, now or when its output has been taken: what it
 * has left may still be writing, and the client be reading. As member_wait. */
int member_delete(struct member *m, struct request *r, struct err *e);

/* Some client has gone: drops its calls that wait. */
void members_prune(struct shim *s);

/* SIGIO: somebody may have written to one that awaits him. */
void members_look(struct shim *s);

/* For answers: NULL until it has ended. */
Google__Protobuf__Timestamp *member_exited_at(const struct member *m, struct arena *a);

/* Reaps whatever else has become a child of ours and ended. */
void reap_strangers(struct shim *s);

#endif
