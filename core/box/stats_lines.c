/* stats_lines.c - what is counted of devices: RDMA, network interfaces, the names of disks. */
#include "base/file.h"
#include "box/stats.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t count_lines(const char *text)
{
	size_t n = 1;
	for (; *text; text++)
		n += *text == '\n';
	return n;
}

static const char *next_line(const char *p)
{
	p += strcspn(p, "\n");
	return p + (*p == '\n');
}

static uint32_t rdma_value(const char *text)
{
	return strcmp(text, "max") ? (uint32_t)strtoul(text, NULL, 10) : UINT32_MAX;
}

int stats_parse_rdma(const char *text, struct arena *a, struct stats_rdmas *out)
{
	struct stats_rdmas s = { arena_array(a, count_lines(text), sizeof(struct stats_rdma)), 0 };
	if (!s.v)
		return -ENOMEM;
	for (; *text; text = next_line(text)) {
		char device[64], handles[16], objects[16];
		if (sscanf(text, "%63[^ \n] hca_handle=%15[a-z0-9] hca_object=%15[a-z0-9]", device,
			   handles, objects) != 3)
			continue;
		struct stats_rdma *r = &s.v[s.n++];
		*r = (struct stats_rdma){ arena_str(a, device), rdma_value(handles),
					  rdma_value(objects) };
		if (!r->device)
			return -ENOMEM;
	}
	*out = s;
	return 0;
}

int stats_parse_links(const char *text, struct arena *a, struct stats_links *out)
{
	struct stats_links s = { arena_array(a, count_lines(text), sizeof(struct stats_link)), 0 };
	if (!s.v)
		return -ENOMEM;
	for (; *text; text = next_line(text)) {
		char name[64];
		struct stats_link l = { 0 };
		if (sscanf(text,
			   " %63[^: \n]: %" SCNu64 "%" SCNu64 "%" SCNu64 "%" SCNu64
			   "%*u%*u%*u%*u%" SCNu64 "%" SCNu64 "%" SCNu64 "%" SCNu64,
			   name, &l.rx_bytes, &l.rx_packets, &l.rx_errors, &l.rx_dropped,
			   &l.tx_bytes, &l.tx_packets, &l.tx_errors, &l.tx_dropped) != 9 ||
		    !strcmp(name, "lo"))
			continue;
		l.name = arena_str(a, name);
		if (!l.name)
			return -ENOMEM;
		s.v[s.n++] = l;
	}
	*out = s;
	return 0;
}

int stats_links_read(pid_t pid, struct arena *a, struct stats_links *out)
{
	char path[32];
	auto_buf text = { .max = 1 << 20 };
	*out = (struct stats_links){ 0 };
	snprintf(path, sizeof(path), "/proc/%d/net/dev", (int)pid);
	if (file_read(-1, path, &text, NULL) < 0 || !text.len)
		return 0;
	return stats_parse_links(text.p, a, out);
}

int stats_parse_partitions(const char *text, struct arena *a, struct stats_ios *out)
{
	for (; *text; text = next_line(text)) {
		uint64_t major, minor;
		const char *device = NULL;
		char name[64];
		if (sscanf(text, "%" SCNu64 "%" SCNu64 "%*u %63[^ \n]", &major, &minor, name) != 3)
			continue;
		for (size_t i = 0; i < out->n; i++) {
			if (out->v[i].major != major || out->v[i].minor != minor)
				continue;
			device = device ? device : arena_printf(a, "/dev/%s", name);
			if (!device)
				return -ENOMEM;
			out->v[i].device = device;
		}
	}
	return 0;
}

int stats_name_devices(struct stats_ios *s, struct arena *a)
{
	auto_buf text = { .max = 1 << 20 };
	if (!s->n || file_read(-1, "/proc/partitions", &text, NULL) < 0 || !text.len)
		return 0;
	return stats_parse_partitions(text.p, a, s);
}
