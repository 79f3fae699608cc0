/* tarball.h - tar archives made in memory, honest or not. */
#ifndef TARBALL_H
#define TARBALL_H

#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* type: '0' file, '1' hard link, '2' symlink, '3' char device, '5' directory, '6' fifo, 'x' pax
 * header. */
static inline void tar_add(struct buf *b, char type, const char *name, const char *link, int mode,
			   const char *data)
{
	char h[512] = { 0 };
	size_t n = data ? strlen(data) : 0;
	unsigned sum = 0;
	snprintf(h, 100, "%s", name);
	snprintf(h + 100, 8, "%07o", mode);
	snprintf(h + 108, 8, "%07o", geteuid() & 07777777);
	snprintf(h + 116, 8, "%07o", getegid() & 07777777);
	snprintf(h + 124, 12, "%011o", (unsigned)n);
	snprintf(h + 136, 12, "%011o", 1000000000);
	memset(h + 148, ' ', 8);
	h[156] = type;
	snprintf(h + 157, 100, "%s", link ? link : "");
	memcpy(h + 257, "ustar\00000", 8);
	for (size_t i = 0; i < sizeof(h); i++)
		sum += (unsigned char)h[i];
	snprintf(h + 148, 8, "%06o", sum);
	buf_add(b, h, sizeof(h));
	if (n)
		buf_add(b, data, n);
	while (b->len % 512)
		buf_char(b, 0);
}

/* One pax record for the entry that follows. */
static inline void tar_pax(struct buf *b, const char *key, const char *value)
{
	auto_buf record = { 0 };
	int n = (int)(strlen(key) + strlen(value)) + 3, total = n;
	while (total != n + snprintf(NULL, 0, "%d", total)) /* it counts its own digits */
		total++;
	buf_printf(&record, "%d %s=%s\n", total, key, value);
	tar_add(b, 'x', "pax", NULL, 0644, record.p);
}

static inline void tar_end(struct buf *b)
{
	static const char zeros[1024];
	buf_add(b, zeros, sizeof(zeros));
}

static inline unsigned tar_crc(const char *p, size_t n)
{
	unsigned crc = ~0u;
	while (n--) {
		crc ^= (unsigned char)*p++;
		for (int i = 0; i < 8; i++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return ~crc;
}

static inline void little_endian(struct buf *b, unsigned long v, int bytes)
{
	for (; bytes--; v >>= 8)
		buf_char(b, (char)v);
}

/* The bytes as a gzip member of stored blocks. */
static inline void gzip_add(struct buf *b, const char *p, size_t n)
{
	buf_add(b, "\x1f\x8b\x08\0\0\0\0\0\0\x03", 10);
	for (size_t at = 0, part;; at += part) {
		part = n - at < 65535 ? n - at : 65535;
		buf_char(b, at + part == n);
		little_endian(b, part, 2);
		little_endian(b, ~part, 2);
		buf_add(b, p + at, part);
		if (at + part == n)
			break;
	}
	little_endian(b, tar_crc(p, n), 4);
	little_endian(b, n, 4);
}

/* The bytes as a zstd frame of raw blocks. */
static inline void zstd_add(struct buf *b, const char *p, size_t n)
{
	buf_add(b, "\x28\xb5\x2f\xfd\xa0", 5); /* one segment, its size in four bytes */
	little_endian(b, n, 4);
	for (size_t at = 0, part;; at += part) {
		part = n - at < 100000 ? n - at : 100000;
		little_endian(b, part << 3 | (at + part == n), 3);
		buf_add(b, p + at, part);
		if (at + part == n)
			break;
	}
}

/* The same in one block that says how far it looks back: so many kilobytes, as a power of 2. */
static inline void zstd_windowed(struct buf *b, const char *p, size_t n, int kilobytes)
{
	buf_add(b, "\x28\xb5\x2f\xfd\0", 5);
	buf_char(b, (char)(kilobytes << 3));
	little_endian(b, n << 3 | 1, 3);
	buf_add(b, p, n);
}

#endif
