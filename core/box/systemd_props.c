/* systemd_props.c - a container's limits as the properties of a unit. */
#include "box/systemd_props.h"
#include "box/cgroup_plan.h"
#include "box/devfilter.h"
#include "box/systemd.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CPUS_BYTES 1024 /* 8192 processors */
#define PREFIX	   "org.systemd.property."

void prop_begin(struct buf *b, const char *name, const char *type)
{
	dbus_align(b, 8);
	dbus_put_str(b, name);
	dbus_put_sig(b, type);
}

void prop_bool(struct buf *b, const char *name, bool v)
{
	prop_begin(b, name, "b");
	dbus_put_u32(b, v);
}

void prop_u64(struct buf *b, const char *name, uint64_t v)
{
	prop_begin(b, name, "t");
	dbus_put_u64(b, v);
}

void prop_str(struct buf *b, const char *name, const char *v)
{
	prop_begin(b, name, "s");
	dbus_put_str(b, v);
}

/* 0 is absent, as everywhere; below it there is no limit. */
static void limit(struct buf *b, const char *name, struct opt_i64 v)
{
	if (v.set && v.v)
		prop_u64(b, name, v.v < 0 ? UINT64_MAX : (uint64_t)v.v);
}

static void put_memory(struct buf *b, const struct spec_memory *m, bool v2)
{
	if (!m)
		return;
	limit(b, v2 ? "MemoryMax" : "MemoryLimit", m->limit);
	if (!v2)
		return;
	limit(b, "MemoryLow", m->reservation);
	int64_t both = m->swap.set && m->swap.v ? m->swap.v : m->swap_if_counted.v;
	bool unlimited = m->limit.set && m->limit.v < 0;
	if (both < 0 || (unlimited && !both))
		prop_u64(b, "MemorySwapMax", UINT64_MAX);
	else if (both && unlimited)
		prop_u64(b, "MemorySwapMax", (uint64_t)both);
	else if (both && m->limit.v > 0 && both >= m->limit.v)
		prop_u64(b, "MemorySwapMax", (uint64_t)(both - m->limit.v));
}

int64_t systemd_quota(int64_t quota, uint64_t period)
{
	if (quota <= 0 || !period || quota > INT32_MAX || period > INT32_MAX)
		return quota;
	uint64_t per_second = (uint64_t)quota * 1000000 / period;
	if (!(per_second % 10000))
		return quota;
	return (int64_t)((per_second / 10000 + 1) * 10000 * period / 1000000);
}

static void put_quota(struct buf *b, int64_t quota, uint64_t period, bool newer)
{
	if (period && newer)
		prop_u64(b, "CPUQuotaPeriodUSec", period);
	if (!quota && !period)
		return;
	uint64_t per_second = UINT64_MAX;
	period = period ? period : 100000;
	if (quota > 0 && quota <= INT32_MAX)
		per_second = (uint64_t)systemd_quota(quota, period) * 1000000 / period;
	if (per_second != UINT64_MAX) /* the quota was cut to a whole number */
		per_second = (per_second + 9999) / 10000 * 10000;
	prop_u64(b, "CPUQuotaPerSecUSec", per_second);
}

int systemd_cpu_bits(const char *list, uint8_t *out, size_t size)
{
	size_t used = 0;
	memset(out, 0, size);
	for (const char *at = list; *at;) {
		char *end;
		if (!isdigit((unsigned char)*at))
			return -EINVAL;
		unsigned long from = strtoul(at, &end, 10), to = from;
		if (*end == '-') {
			if (!isdigit((unsigned char)end[1]))
				return -EINVAL;
			to = strtoul(end + 1, &end, 10);
		}
		if (to < from || to / 8 >= size || (*end && *end != ',' && *end != '\n'))
			return -EINVAL;
		for (; from <= to; from++)
			out[from / 8] |= (uint8_t)(1 << from % 8);
		used = to / 8 + 1 > used ? to / 8 + 1 : used;
		at = *end ? end + 1 : end;
	}
	return (int)used;
}

static void put_set(struct buf *b, const char *name, const char *list)
{
	uint8_t bits[CPUS_BYTES];
	int n = list && *list ? systemd_cpu_bits(list, bits, sizeof(bits)) : 0;
	if (n <= 0) /* what is no list, the kernel refuses */
		return;
	prop_begin(b, name, "ay");
	struct dbus_array a = dbus_array_begin(b, 'y');
	buf_add(b, bits, (size_t)n);
	dbus_array_end(b, a);
}

static void put_cpu(struct buf *b, const struct spec_cpu *c, bool v2, bool newer)
{
	if (!c)
		return;
	bool idle = v2 && newer && c->idle.v == 1;
	if (idle)
		prop_u64(b, "CPUWeight", 0);
	else if (c->shares.set && c->shares.v && v2)
		prop_u64(b, "CPUWeight", cpu_weight(c->shares.v));
	else if (c->shares.set && c->shares.v)
		prop_u64(b, "CPUShares", c->shares.v);
	put_quota(b, c->quota.set ? c->quota.v : 0, c->period.set ? c->period.v : 0, newer);
	if (!newer || !v2)
		return;
	put_set(b, "AllowedCPUs", c->cpus);
	put_set(b, "AllowedMemoryNodes", c->mems);
}

/* A number, or max; what is neither is the kernel's to refuse. */
static bool number_of(const char *text, uint64_t *out)
{
	char *end;
	if (!strncmp(text, "max", 3) && strspn(text + 3, " \n") == strlen(text + 3)) {
		*out = UINT64_MAX;
		return true;
	}
	*out = strtoull(text, &end, 10);
	return isdigit((unsigned char)*text) && strspn(end, " \n") == strlen(end);
}

static void put_cpu_max(struct buf *b, const char *text, bool newer)
{
	char quota[24], *end;
	size_t n = strcspn(text, " ");
	uint64_t v, period = 100000;
	if (n >= sizeof(quota))
		return;
	memcpy(quota, text, n);
	quota[n] = 0;
	if (text[n]) {
		period = strtoull(text + n, &end, 10);
		if (strspn(end, " \n") != strlen(end))
			return;
	}
	if (number_of(quota, &v) && period)
		put_quota(b, v > INT64_MAX ? 0 : (int64_t)v, period, newer);
}

/* Files of v2 that are properties too. The rest is written as files alone. */
static void put_unified(struct buf *b, const struct pairs *u, bool newer)
{
	static const char *const names[][2] = {
		{ "memory.min", "MemoryMin" },		{ "memory.low", "MemoryLow" },
		{ "memory.high", "MemoryHigh" },	{ "memory.max", "MemoryMax" },
		{ "memory.swap.max", "MemorySwapMax" }, { "pids.max", "TasksMax" },
		{ "cpu.weight", "CPUWeight" },
	};
	for (size_t i = 0; i < u->n; i++) {
		const char *key = u->v[i].key, *value = u->v[i].value;
		uint64_t v;
		for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++)
			if (!strcmp(key, names[k][0]) && number_of(value, &v))
				prop_u64(b, names[k][1], v || strcmp(key, "pids.max") ? v : 1);
		if (!strcmp(key, "cpu.max"))
			put_cpu_max(b, value, newer);
		if (newer && !strcmp(key, "cpuset.cpus"))
			put_set(b, "AllowedCPUs", value);
		if (newer && !strcmp(key, "cpuset.mems"))
			put_set(b, "AllowedMemoryNodes", value);
	}
}

/* systemd has no rules for "any major, this minor": our own filter has. */
static void put_device(struct buf *b, const struct dev_rule *r, char type)
{
	char path[64], access[4] = "";
	const char *kind = type == 'b' ? "block" : "char";
	if (r->major < 0 && r->minor >= 0)
		return;
	if (r->major < 0)
		snprintf(path, sizeof(path), "%s-*", kind);
	else if (r->minor < 0)
		snprintf(path, sizeof(path), "%s-%" PRId64, kind, r->major);
	else
		snprintf(path, sizeof(path), "/dev/%s/%" PRId64 ":%" PRId64, kind, r->major,
			 r->minor);
	snprintf(access, sizeof(access), "%s%s%s", r->access & DEV_READ ? "r" : "",
		 r->access & DEV_WRITE ? "w" : "", r->access & DEV_MKNOD ? "m" : "");
	dbus_align(b, 8);
	dbus_put_str(b, path);
	dbus_put_str(b, access);
}

/* What systemd cannot say, all but some, it must not say wrongly: on v2, where our own filter stays
 * beside its one, it says nothing; on v1, where it would write over ours, it denies. */
static int put_devices(struct buf *b, const struct systemd_limits *l, struct err *e)
{
	struct dev_rules rules;
	auto_arena *a = arena_new((size_t)256 << 10);
	int rc = a ? devfilter_rules(l->r, a, &rules, e) : fail(e, ENOMEM, "device rules");
	if (rc < 0)
		return rc;
	bool all = rules.allow && !rules.n;
	bool said = !rules.allow && devfilter_flatten(&rules, NULL) == 0;
	prop_str(b, "DevicePolicy", all || (!said && l->v2) ? "auto" : "strict");
	prop_begin(b, "DeviceAllow", "a(ss)"); /* none: forget those of before */
	dbus_array_end(b, dbus_array_begin(b, '('));
	if (!said)
		return 0;
	prop_begin(b, "DeviceAllow", "a(ss)");
	struct dbus_array list = dbus_array_begin(b, '(');
	for (size_t i = 0; i < rules.n; i++) {
		if (rules.v[i].type != 'b')
			put_device(b, &rules.v[i], 'c');
		if (rules.v[i].type != 'c')
			put_device(b, &rules.v[i], 'b');
	}
	dbus_array_end(b, list);
	return 0;
}

int systemd_put_limits(struct buf *b, const struct systemd_limits *l, bool newer, struct err *e)
{
	const struct spec_resources *r = l->r;
	int rc = l->devices ? put_devices(b, l, e) : 0;
	if (rc < 0 || !r)
		return rc;
	put_memory(b, r->memory, l->v2);
	put_cpu(b, r->cpu, l->v2, newer);
	if (r->pids_limit.set && !r->pids_limit.v) /* the least that it takes */
		prop_u64(b, "TasksMax", 1);
	limit(b, "TasksMax", r->pids_limit);
	if (r->block_io && r->block_io->weight.set && r->block_io->weight.v) {
		uint64_t w = r->block_io->weight.v;
		prop_u64(b, l->v2 ? "IOWeight" : "BlockIOWeight", l->v2 ? io_weight(w) : w);
	}
	if (l->v2)
		put_unified(b, &r->unified, newer);
	return 0;
}

/* As in unit files, a time may be given in seconds: its property counts microseconds. */
static int put_annotation(struct buf *b, const char *name, const char *text, struct err *e)
{
	char property[128];
	size_t n = strlen(name);
	bool seconds = n > 3 && !strcmp(name + n - 3, "Sec") && strcmp(name + n - 4, "USec") != 0;
	bool word = n >= 3 && n < sizeof(property) - 8;
	for (size_t i = 0; word && i < n; i++)
		word = isalpha((unsigned char)name[i]);
	if (!word)
		return refuse(e, EINVAL, "annotations." PREFIX "%.100s: no property has that name",
			      name);
	snprintf(property, sizeof(property), "%.*s%s", (int)(seconds ? n - 3 : n), name,
		 seconds ? "USec" : "");
	dbus_align(b, 8);
	dbus_put_str(b, property);
	int rc = prop_text(b, text, seconds ? 1000000 : 0);
	return rc < 0 ? refuse(e, EINVAL, "annotations." PREFIX "%.100s: '%.100s' is no value",
			       name, text)
		      : 0;
}

int systemd_put_annotations(struct buf *b, const struct pairs *annotations, struct err *e)
{
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < annotations->n; i++)
		if (!strncmp(annotations->v[i].key, PREFIX, strlen(PREFIX)))
			rc = put_annotation(b, annotations->v[i].key + strlen(PREFIX),
					    annotations->v[i].value, e);
	return rc;
}
