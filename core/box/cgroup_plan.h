/* cgroup_plan.h - the limits of a container as a list of writes, made without touching anything. */
#ifndef BOX_CGROUP_PLAN_H
#define BOX_CGROUP_PLAN_H

#include "base/arena.h"
#include "oci/spec.h"

/* What to do when the write does not go as it should. */
enum {
	LIMIT_DEFAULT = 1, /* no such file: then it is so anyway */
	LIMIT_OR_NEXT =
		2, /* no such file: the next write instead; there is one: the next is left out */
	LIMIT_AFTER_NEXT = 4, /* EINVAL: the next first, then this again */
};

struct limit_write {
	const char *file, *value;
	const char *field; /* of the spec: "memory.limit" */
	unsigned flags;
};

#define LIMIT_WRITES 256

struct limit_undo;

struct limit_plan {
	struct arena *a;
	struct limit_undo *undo; /* NULL: what fails half way is undone in another way */
	struct limit_write v[LIMIT_WRITES];
	size_t n;
	bool full;	     /* more than fit, or no memory */
	const char *refused; /* what cannot be, as a sentence; NULL: nothing */
};

/* Adds a write; the value is formatted. */
void limit_add(struct limit_plan *p, const char *field, unsigned flags, const char *file,
	       const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* What files said before they were written to, for when a later write fails. Only what has one line
 * can be written back. */
struct cgroup_dir;
struct limit_undo *limit_undo_new(struct arena *a);
void limit_undo_note(struct limit_undo *u, const struct cgroup_dir *d, const char *file);
void limit_undo_all(const struct limit_undo *u);

/* Each controller's part of the resources, in terms of v1's files and of v2's. */
struct limit_noun {
	const char *controller, *v2_controller; /* NULL: v2 has none such */
	void (*v1)(const struct spec_resources *r, struct limit_plan *p);
	void (*v2)(const struct spec_resources *r, struct limit_plan *p);
};
extern const struct limit_noun limit_nouns[]; /* ends with a NULL controller; memory comes first */

void limit_v1_memory(const struct spec_resources *r, struct limit_plan *p);
void limit_v1_cpu(const struct spec_resources *r, struct limit_plan *p);
void limit_v1_pids(const struct spec_resources *r, struct limit_plan *p);
void limit_v1_block_io(const struct spec_resources *r, struct limit_plan *p);
void limit_v1_hugepages(const struct spec_resources *r, struct limit_plan *p);
void limit_v1_class(const struct spec_resources *r, struct limit_plan *p);
void limit_v1_priorities(const struct spec_resources *r, struct limit_plan *p);
void limit_v2_memory(const struct spec_resources *r, struct limit_plan *p);
void limit_v2_cpu(const struct spec_resources *r, struct limit_plan *p);
void limit_v2_io(const struct spec_resources *r, struct limit_plan *p);
void limit_v2_hugepages(const struct spec_resources *r, struct limit_plan *p);

/* What cpu.weight of v2 is for that many cpu.shares of v1: as runc has it since 1.3.2. */
uint64_t cpu_weight(uint64_t shares);

/* io.weight for blkio.weight: 10 to 1000 become 1 to 10000. */
uint64_t io_weight(uint64_t w);

/* The same on both. */
void limit_cpuset(const struct spec_resources *r, struct limit_plan *p);
void limit_rdma(const struct spec_resources *r, struct limit_plan *p);

#endif
