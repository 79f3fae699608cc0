/* runblock.c - how a container shares block devices with others, and how fast it may use them. */
#include "base/cli.h"
#include "monitor/cdi.h"
#include "monitor/runparts.h"

#include <stdlib.h>
#include <string.h>

#define WEIGHT_MIN 10
#define WEIGHT_MAX 1000

/* "PATH:NUMBER": a block device of the host, and what is said about it. */
static int device_parse(const char *option, const char *text, const char *example, bool bytes,
			struct spec_throttle *out, struct arena *a, struct err *e)
{
	const char *colon = strrchr(text, ':');
	char *end = NULL;
	int64_t n = -1;
	struct spec_device d;
	errno = 0;
	const char *path = colon ? arena_strn(a, text, (size_t)(colon - text)) : NULL;
	if (colon && !path)
		return option_room(option, e);
	if (colon && bytes && size_parse(colon + 1, &n) < 0)
		n = -1;
	else if (colon && !bytes && colon[1] >= '0' && colon[1] <= '9')
		n = strtoll(colon + 1, &end, 10);
	if (n < 0 || errno == ERANGE || (end && *end) || *path != '/')
		return option_refuse(option, text, example, e);
	int rc = device_look(path, &d);
	if (rc == 0 && *d.type != 'b')
		rc = -ENODEV;
	if (rc == -ENODEV)
		return refuse(e, ENODEV, "option --%s: %s is no block device", option, path);
	if (rc < 0)
		return fail(e, rc, "option --%s: %s", option, path);
	*out = (struct spec_throttle){ d.major, d.minor, (uint64_t)n };
	return 0;
}

static int weight_check(const char *option, uint64_t n, struct err *e)
{
	if (n >= WEIGHT_MIN && n <= WEIGHT_MAX)
		return 0;
	return refuse(e, EINVAL, "option --%s: it is between %d and %d", option, WEIGHT_MIN,
		      WEIGHT_MAX);
}

static int add_weights(struct spec_block_io *b, const struct strs *l, struct arena *a,
		       struct err *e)
{
	static const char option[] = "blkio-weight-device";
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < l->n; i++) {
		struct spec_throttle t;
		struct spec_weight_device *to = LIST_ADD(a, &b->weight_device);
		if (!to)
			return option_room(option, e);
		rc = device_parse(option, l->v[i], "DEVICE:WEIGHT such as /dev/sda:500", false, &t,
				  a, e);
		if (rc == 0)
			rc = weight_check(option, t.rate, e);
		if (rc == 0)
			*to = (struct spec_weight_device){ .major = t.major,
							   .minor = t.minor,
							   .weight = { true, t.rate } };
	}
	return rc;
}

int blocks_apply(struct spec *s, const struct run_options *o, struct arena *a, struct err *e)
{
	struct spec_block_io b = { .weight = o->blkio_weight };
	const struct {
		const char *option, *example;
		const struct strs *texts;
		struct spec_throttles *to;
		bool bytes;
	} rates[] = {
		{ "device-read-bps", "DEVICE:RATE such as /dev/sda:1m", &o->read_bps, &b.read_bps,
		  true },
		{ "device-write-bps", "DEVICE:RATE such as /dev/sda:1m", &o->write_bps,
		  &b.write_bps, true },
		{ "device-read-iops", "DEVICE:NUMBER such as /dev/sda:100", &o->read_iops,
		  &b.read_iops, false },
		{ "device-write-iops", "DEVICE:NUMBER such as /dev/sda:100", &o->write_iops,
		  &b.write_iops, false },
	};
	b.weight.set &= b.weight.v != 0; /* the kernel's own */
	int rc = b.weight.set ? weight_check("blkio-weight", b.weight.v, e) : 0;
	if (rc == 0)
		rc = add_weights(&b, &o->blkio_weights, a, e);
	bool any = b.weight.set || b.weight_device.n;
	for (size_t i = 0; rc == 0 && i < sizeof(rates) / sizeof(rates[0]); i++)
		for (size_t k = 0; rc == 0 && k < rates[i].texts->n; k++) {
			struct spec_throttle *to = LIST_ADD(a, rates[i].to);
			rc = to ? device_parse(rates[i].option, rates[i].texts->v[k],
					       rates[i].example, rates[i].bytes, to, a, e)
				: option_room(rates[i].option, e);
			any = true;
		}
	if (rc < 0 || !any)
		return rc;
	s->linux_->resources->block_io = list_grow(a, &b, 1, 0, sizeof(b));
	return s->linux_->resources->block_io ? 0 : option_room("blkio-weight", e);
}
