/* layer_test.c - layers, honest and hostile, become trees. */
#include "base/file.h"
#include "image/layer.h"
#include "image/tree.h"
#include "tap.h"
#include "tarball.h"

#include <fcntl.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#define TYPE "application/vnd.oci.image.layer.v1.tar"

/* A directory for each test with "tree" for the layer and "outside", which nothing may touch. */
static char place[64];
static int dir = -1, tree = -1;
static struct err e;
static struct buf implied;
static struct limits limits;
static size_t piece;

struct memory {
	struct source source;
	const char *p;
	size_t n, piece;
};

static ssize_t memory_read(struct source *s, const void **p, struct err *err)
{
	struct memory *m = (struct memory *)s;
	size_t n = m->n < m->piece ? m->n : m->piece;
	*p = m->p;
	m->p += n;
	m->n -= n;
	return (ssize_t)n;
}

static void begin(void)
{
	snprintf(place, sizeof(place), "/tmp/layer_test.XXXXXX");
	dir = mkdtemp(place) ? open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	mkdirat(dir, "tree", 0755);
	mkdirat(dir, "outside", 0755);
	close(openat(dir, "outside/file", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	tree = openat(dir, "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	e = (struct err){ 0 };
	limits = LIMITS_DEFAULT;
	piece = 700;
	buf_free(&implied);
}

static void end(void)
{
	struct stat st;
	is_int(fstatat(dir, "outside/file", &st, 0), 0);
	is_int(st.st_mode & 07777, 0600);
	is_int(st.st_nlink, 1);
	is_int(st.st_size, 0);
	is_int(fstatat(dir, "outside", &st, 0), 0);
	is_int(st.st_nlink, 2);
	struct err ignored;
	tree_remove(AT_FDCWD, place, &ignored);
	close(dir);
	close(tree);
}

static int unpack_as(struct buf *blob, const char *type, const struct buf *tar)
{
	char digest[SHA256_TEXT], diff[SHA256_TEXT];
	sha256_text(blob->p, blob->len, digest);
	sha256_text(tar->p, tar->len, diff);
	struct descriptor d = { .media_type = type, .digest = digest, .size = (int64_t)blob->len };
	struct memory m = {
		.source.read = memory_read, .p = blob->p, .n = blob->len, .piece = piece
	};
	struct usage usage = { 0 };
	struct layer_job j = { .blob = &d,
			       .diff_id = diff,
			       .copy = -1,
			       .tree = tree,
			       .limits = &limits,
			       .usage = &usage };
	return layer_unpack(&m.source, &j, &implied, &e);
}

static int unpack(struct buf *tar)
{
	tar_end(tar);
	return unpack_as(tar, TYPE, tar);
}

static struct stat at(const char *path)
{
	struct stat st = { 0 };
	if (fstatat(tree, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		TAP_FAIL("%s: %s", path, strerror(errno));
	return st;
}

static bool absent(const char *path)
{
	struct stat st;
	return fstatat(tree, path, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT;
}

static const char *content(const char *path)
{
	static struct buf b;
	b.len = 0;
	return file_read(tree, path, &b, &e) < 0 ? NULL : b.p ? b.p : "";
}

static void files_links_and_directories_come_out_as_packed(void)
{
	auto_buf b = { 0 };
	begin();
	tar_add(&b, '5', "./", NULL, 0750, NULL);
	tar_add(&b, '5', "./bin/", NULL, 01777, NULL);
	tar_add(&b, '0', "./bin/a", NULL, 04755, "hello");
	tar_add(&b, '1', "bin/b", "./bin/a", 0644, NULL);
	tar_add(&b, '2', "bin/c", "/bin/a", 0777, NULL);
	tar_add(&b, '6', "fifo", NULL, 0600, NULL);
	is_int(unpack(&b), 0);
	is_int(at("bin/a").st_mode, S_IFREG | 04755);
	is_int(at("bin/a").st_nlink, 2);
	is_int(at("bin/a").st_mtime, 1000000000);
	is_int(at("bin").st_mode, S_IFDIR | 01777);
	is_int(at("bin").st_mtime, 1000000000);
	is_int(at(".").st_mode, S_IFDIR | 0750);
	is_int(at("fifo").st_mode, S_IFIFO | 0600);
	is_str(content("bin/b"), "hello");
	char target[10] = { 0 };
	ok(readlinkat(tree, "bin/c", target, 9) == 6 && !strcmp(target, "/bin/a"));
	is_int(implied.len, 0);
	end();
}

static void gzip_and_zstd_unpack_over_many_members(void)
{
	for (int zstd = 0; zstd < 2; zstd++) {
		auto_buf b = { 0 }, blob = { 0 }, text = { 0 };
		begin();
		for (int i = 0; i < 30000; i++)
			buf_printf(&text, "line %d\n", i);
		tar_add(&b, '0', "f", NULL, 0644, text.p);
		tar_end(&b);
		(zstd ? zstd_add : gzip_add)(&blob, b.p, 1000);
		(zstd ? zstd_add : gzip_add)(&blob, b.p + 1000, b.len - 1000);
		/* The bytes say it, not their type. */
		is_int(unpack_as(&b, zstd ? TYPE "+zstd" : TYPE "+gzip", &b), 0);
		is_int(unpack_as(&blob, TYPE, &b), 0);
		is_int(unpack_as(&blob, TYPE "+zstd", &b), 0);
		is_int(unpack_as(&blob, TYPE "+gzip", &b), 0);
		is_str(content("f"), text.p);
		end();
	}
}

/* A member with all that a header can have, then as eStargz ends: one of nothing, with an extra
 * field. Both in pieces of a byte, so that each field is cut in two. */
static void gzip_headers_may_come_in_pieces(void)
{
	static const char full[] = "\x1f\x8b\x08\x1c\0\0\0\0\0\xff\x04\0abcdname\0comment";
	static const char last[] = "\x1f\x8b\x08\x04\0\0\0\0\0\xff\x02\0SG";
	auto_buf b = { 0 }, blob = { 0 }, plain = { 0 };
	begin();
	tar_add(&b, '0', "f", NULL, 0644, "hello");
	tar_end(&b);
	buf_add(&blob, full, sizeof(full));
	gzip_add(&plain, b.p, b.len);
	buf_add(&blob, plain.p + 10, plain.len - 10);
	buf_add(&blob, last, sizeof(last) - 1);
	plain.len = 0;
	gzip_add(&plain, "", 0);
	buf_add(&blob, plain.p + 10, plain.len - 10);
	piece = 1;
	is_int(unpack_as(&blob, TYPE "+gzip", &b), 0);
	is_str(content("f"), "hello");
	is_int(unpack_as(&blob, TYPE, &b), 0);
	is_int(unpack_as(&b, TYPE "+gzip", &b), 0);
	end();
}

static void a_gzip_member_with_another_checksum_is_refused(void)
{
	auto_buf b = { 0 }, blob = { 0 };
	begin();
	tar_add(&b, '0', "f", NULL, 0644, "hello");
	tar_end(&b);
	gzip_add(&blob, b.p, b.len);
	blob.p[blob.len - 5] ^= 1;
	is_int(unpack_as(&blob, TYPE "+gzip", &b), -EBADMSG);
	has_str(e.msg, "the checksum is another");
	end();
}

/* zstd:chunked puts its table of contents into frames that a decoder skips. */
static void frames_to_be_skipped_are(void)
{
	auto_buf b = { 0 }, blob = { 0 };
	begin();
	tar_add(&b, '0', "f", NULL, 0644, "hello");
	tar_end(&b);
	zstd_add(&blob, b.p, 600);
	buf_add(&blob, "\x50\x2a\x4d\x18\x04\0\0\0toc!", 12);
	zstd_add(&blob, b.p + 600, b.len - 600);
	buf_add(&blob, "\x5f\x2a\x4d\x18\x04\0\0\0more", 12);
	is_int(unpack_as(&blob, TYPE "+zstd", &b), 0);
	is_str(content("f"), "hello");
	end();
}

static void each_limit_is_kept_and_named(void)
{
	static const struct {
		struct limits l;
		const char *says;
	} cases[] = {
		{ { .size = 9, .entries = 9, .name = 99, .ratio = 1 }, "--max-size" },
		{ { .size = 99, .entries = 1, .name = 99, .ratio = 1 }, "--max-entries" },
		{ { .size = 99, .entries = 9, .name = 7, .ratio = 1 }, "--max-name" },
		{ { .size = 10, .entries = 2, .name = 8, .ratio = 1 }, NULL },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		auto_buf b = { 0 };
		begin();
		limits = cases[i].l;
		tar_add(&b, '0', "f", NULL, 0644, "hello");
		tar_add(&b, '0', "longname", NULL, 0644, "hello");
		int rc = unpack(&b);
		ok(cases[i].says ? rc < 0 : rc == 0);
		if (cases[i].says)
			has_str(e.msg, cases[i].says);
		end();
	}
}

static void a_window_larger_than_allowed_is_refused(void)
{
	/* 8 MiB is what is common, 128 MiB the most that zstd packs with by itself. */
	static const struct {
		int64_t most;
		int kilobytes, rc;
	} cases[] = {
		{ 128 << 20, 13, 0 }, { 128 << 20, 17, 0 }, { 128 << 20, 18, -E2BIG },
		{ 256 << 20, 18, 0 }, { 8 << 20, 13, 0 },   { (8 << 20) - 1, 13, -E2BIG },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		auto_buf b = { 0 }, blob = { 0 };
		begin();
		limits.window = cases[i].most;
		tar_end(&b);
		zstd_windowed(&blob, b.p, b.len, cases[i].kilobytes);
		is_int(unpack_as(&blob, TYPE "+zstd", &b), cases[i].rc);
		has_str(e.msg, cases[i].rc ? "--max-window" : "");
		end();
	}
}

static void a_file_may_come_before_its_directory(void)
{
	auto_buf b = { 0 };
	begin();
	tar_add(&b, '0', "d/e/f", NULL, 0644, "x");
	tar_add(&b, '5', "d/e", NULL, 0710, NULL);
	tar_add(&b, '5', "d", NULL, 01700, NULL);
	is_int(unpack(&b), 0);
	is_int(at("d").st_mode, S_IFDIR | 01700);
	is_int(at("d/e").st_mode, S_IFDIR | 0710);
	is_int(at("d").st_mtime, 1000000000);
	is_int(implied.len, 1); /* the root alone */
	end();
}

static void modes_are_those_of_the_layer_whatever_new_files_get(void)
{
	static const mode_t masks[] = { 022, 077, 0, 022 }, roots[] = { 0755, 0755, 0755, 02775 };
	for (size_t i = 0; i < sizeof(masks) / sizeof(*masks); i++) {
		auto_buf b = { 0 };
		begin();
		fchmod(tree, roots[i]);
		mode_t was = umask(masks[i]);
		tar_add(&b, '0', "a/b/f", NULL, 0666, "x");
		tar_add(&b, '5', "a/b", NULL, 01770, NULL);
		is_int(unpack(&b), 0);
		umask(was);
		is_int(at(".").st_mode, S_IFDIR | 0755);
		is_int(at("a").st_mode, S_IFDIR | 0755);
		is_int(at("a/b").st_mode, S_IFDIR | 01770);
		is_int(at("a/b/f").st_mode, S_IFREG | 0666);
		end();
	}
}

static void an_empty_layer_is_an_empty_tree(void)
{
	auto_buf b = { 0 };
	begin();
	is_int(unpack(&b), 0);
	is_int(at(".").st_nlink, 2);
	is_int(implied.len, 1); /* the root itself: nothing described it */
	end();
}

static void undescribed_parents_are_reported_and_described_ones_are_not(void)
{
	auto_buf b = { 0 };
	begin();
	tar_add(&b, '0', "a/b/c/f", NULL, 0644, "x");
	tar_add(&b, '5', "a/b", NULL, 0700, NULL);
	is_int(unpack(&b), 0);
	ok(implied.len == 1 + 2 + 6 && !memcmp(implied.p, "\0a\0a/b/c\0", 9));
	is_int(at("a").st_mode, S_IFDIR | 0755);
	is_int(at("a/b").st_mode, S_IFDIR | 0700);
	end();
}

static void later_entries_replace_earlier_ones(void)
{
	auto_buf b = { 0 };
	begin();
	tar_add(&b, '0', "x", NULL, 0644, "old");
	tar_add(&b, '0', "x", NULL, 0644, "new");
	tar_add(&b, '5', "d", NULL, 0755, NULL);
	tar_add(&b, '0', "d/in", NULL, 0644, "x");
	tar_add(&b, '2', "d", "x", 0777, NULL);
	tar_add(&b, '2', "e", "../outside", 0777, NULL);
	tar_add(&b, '5', "e", NULL, 0711, NULL);
	is_int(unpack(&b), 0);
	is_str(content("x"), "new");
	ok(S_ISLNK(at("d").st_mode));
	is_int(at("e").st_mode, S_IFDIR | 0711);
	end();
}

static void names_that_climb_out_are_refused(void)
{
	static const char *const names[] = { "../outside/file", "a/../../outside/file", "..",
					     "/../outside/file" };
	for (size_t i = 0; i < 4; i++) {
		auto_buf b = { 0 };
		begin();
		tar_add(&b, '0', names[i], NULL, 0644, "evil");
		is_int(unpack(&b), -EINVAL);
		has_str(e.msg, "leads out of the layer");
		end();
	}
}

static void absolute_names_are_inside_the_layer(void)
{
	auto_buf b = { 0 };
	begin();
	tar_add(&b, '0', "/tmp/./layer_test//file", NULL, 0644, "x");
	is_int(unpack(&b), 0);
	is_str(content("tmp/layer_test/file"), "x");
	end();
}

static void a_link_as_parent_never_leads_outside(void)
{
	char absolute[100];
	auto_buf b = { 0 };
	begin();
	snprintf(absolute, sizeof(absolute), "%s/outside", place);
	tar_add(&b, '2', "up", "../outside", 0777, NULL);
	tar_add(&b, '2', "abs", absolute, 0777, NULL);
	tar_add(&b, '5', "outside", NULL, 0755, NULL);
	tar_add(&b, '0', "up/file", NULL, 0777, "evil");
	is_int(unpack(&b), 0); /* as a process with this root would see it */
	is_str(content("outside/file"), "evil");
	end();

	begin();
	auto_buf c = { 0 };
	tar_add(&c, '2', "abs", absolute, 0777, NULL);
	tar_add(&c, '0', "abs/file", NULL, 0777, "evil");
	is_int(unpack(&c), -ENOTDIR);
	has_str(e.msg, "which is no directory");
	end();
}

static void a_directory_entry_does_not_change_what_a_link_points_to(void)
{
	auto_buf b = { 0 };
	begin();
	tar_add(&b, '2', "d", "../outside", 0777, NULL);
	tar_add(&b, '5', "d", NULL, 0777, NULL);
	tar_add(&b, '2', "f", "../outside/file", 0777, NULL);
	tar_add(&b, '0', "f", NULL, 0777, "evil");
	is_int(unpack(&b), 0);
	is_str(content("f"), "evil");
	end();
}

static void hard_links_stay_inside(void)
{
	auto_buf b = { 0 };
	begin();
	tar_add(&b, '1', "l", "../outside/file", 0777, NULL);
	is_int(unpack(&b), -EINVAL);
	end();

	auto_buf c = { 0 };
	begin();
	tar_add(&c, '2', "d", "../outside", 0777, NULL);
	tar_add(&c, '1', "l", "d/file", 0777, NULL);
	is_int(unpack(&c), -ENOENT);
	has_str(e.msg, "which is not in its layer");
	end();

	auto_buf s = { 0 };
	begin();
	tar_add(&s, '2', "s", "../outside/file", 0777, NULL);
	tar_add(&s, '1', "l", "s", 0777, NULL);
	tar_add(&s, '0', "l", NULL, 0777, "evil"); /* the link is replaced, not written through */
	is_int(unpack(&s), 0);
	is_str(content("l"), "evil");
	end();
}

static void data_of_a_hard_link_is_not_written(void)
{
	auto_buf b = { 0 };
	begin();
	tar_add(&b, '0', "a", NULL, 0644, "good");
	tar_pax(&b, "path", "b"); /* in pax archives hard links may have data */
	tar_add(&b, '1', "b", "a", 0644, "evil");
	is_int(unpack(&b), 0);
	is_str(content("a"), "good");
	end();
}

static void a_whiteout_is_a_device_of_zero(void)
{
	auto_buf b = { 0 };
	begin();
	tar_add(&b, '0', "d/.wh.gone", NULL, 0644, NULL);
	tar_add(&b, '0', ".wh..wh.plnk", NULL, 0644, NULL);
	tar_add(&b, '0', "kept", NULL, 0644, "x");
	tar_add(&b, '0', ".wh.kept", NULL, 0644, NULL);
	is_int(unpack(&b), 0);
	ok(S_ISCHR(at("d/gone").st_mode) && at("d/gone").st_rdev == makedev(0, 0));
	is_str(content("kept"), "x");
	ok(absent(".wh.kept") && absent("plnk") && absent(".wh.plnk"));
	end();
}

static void whiteouts_of_nothing_are_refused(void)
{
	static const char *const names[] = { ".wh.", "d/.wh..", "d/.wh..." };
	for (size_t i = 0; i < 3; i++) {
		auto_buf b = { 0 };
		begin();
		tar_add(&b, '0', names[i], NULL, 0644, NULL);
		is_int(unpack(&b), -EINVAL);
		has_str(e.msg, "names nothing");
		end();
	}
}

static void a_whiteout_through_a_link_stays_inside(void)
{
	auto_buf b = { 0 };
	begin();
	tar_add(&b, '2', "d", "../outside", 0777, NULL);
	tar_add(&b, '0', "d/.wh.file", NULL, 0644, NULL);
	is_int(unpack(&b), -ENOTDIR);
	end();
}

static void names_in_utf8_come_through_pax_headers(void)
{
	auto_buf b = { 0 };
	begin();
	tar_pax(&b, "path", "gr\xc3\xbc\xc3\x9f/\xe2\x82\xac");
	tar_add(&b, '0', "x", NULL, 0644, "euro");
	tar_add(&b, '0', "raw\xff", NULL, 0644, "bytes");
	tar_pax(&b, "path", "e\xcc\x81"); /* as it is, not in another normal form */
	tar_add(&b, '0', "x", NULL, 0644, "two characters");
	is_int(unpack(&b), 0);
	is_str(content("gr\xc3\xbc\xc3\x9f/\xe2\x82\xac"), "euro");
	is_str(content("e\xcc\x81"), "two characters");
	is_str(content("raw\xff"), "bytes");
	end();
}

static void orders_to_overlayfs_are_not_taken_from_a_layer(void)
{
	char value[8];
	auto_buf b = { 0 };
	begin();
	tar_pax(&b, "SCHILY.xattr.trusted.overlay.redirect", "/etc");
	tar_add(&b, '5', "d", NULL, 0755, NULL);
	tar_pax(&b, "SCHILY.xattr.user.overlay.opaque", "y");
	tar_add(&b, '5', "u", NULL, 0755, NULL);
	is_int(unpack(&b), 0);
	auto_close int d = openat(tree, "d", O_RDONLY | O_CLOEXEC);
	auto_close int u = openat(tree, "u", O_RDONLY | O_CLOEXEC);
	ok(fgetxattr(d, "trusted.overlay.redirect", value, 8) < 0);
	ok(fgetxattr(u, "user.overlay.opaque", value, 8) < 0);
	end();
}

static void wrong_bytes_are_named_as_such_however_unpacking_fails(void)
{
	auto_buf b = { 0 }, blob = { 0 };
	char digest[SHA256_TEXT], diff[SHA256_TEXT];
	begin();
	tar_add(&b, '0', "f", NULL, 0644, "text");
	tar_end(&b);
	gzip_add(&blob, b.p, b.len);
	sha256_text(blob.p, blob.len, digest);
	sha256_text(b.p, b.len, diff);
	struct descriptor d = { .media_type = TYPE "+gzip",
				.digest = digest,
				.size = (int64_t)blob.len };
	struct usage usage = { 0 };
	struct layer_job j = { .blob = &d,
			       .diff_id = diff,
			       .copy = -1,
			       .tree = tree,
			       .limits = &limits,
			       .usage = &usage };
	blob.p[40] ^= 1;
	struct memory m = { .source.read = memory_read, .p = blob.p, .n = blob.len, .piece = 100 };
	is_int(layer_unpack(&m.source, &j, &implied, &e), -EBADMSG);
	has_str(e.msg, digest);
	has_str(e.msg, "is not what it should be");
	blob.p[40] ^= 1;
	m = (struct memory){
		.source.read = memory_read, .p = blob.p, .n = blob.len - 9, .piece = 100
	};
	is_int(layer_unpack(&m.source, &j, &implied, &e), -EIO);
	has_str(e.msg, "is truncated");
	d.size--;
	m = (struct memory){ .source.read = memory_read, .p = blob.p, .n = blob.len, .piece = 100 };
	is_int(layer_unpack(&m.source, &j, &implied, &e), -EBADMSG);
	has_str(e.msg, "is longer than");
	end();
}

static void another_diff_id_is_refused(void)
{
	auto_buf b = { 0 };
	auto_buf other = { 0 };
	begin();
	tar_add(&b, '0', "f", NULL, 0644, "text");
	tar_end(&b);
	buf_str(&other, "other");
	is_int(unpack_as(&b, TYPE, &other), -EBADMSG);
	has_str(e.msg, "unpacked layer");
	end();
}

static void what_is_no_archive_is_refused(void)
{
	auto_buf b = { 0 };
	begin();
	for (int i = 0; i < 200; i++)
		buf_str(&b, "no archive ");
	is_int(unpack_as(&b, TYPE, &b), -EBADMSG);
	has_str(e.msg, "not a valid tar archive");
	is_int(unpack_as(&b, TYPE "+gzip", &b), -EBADMSG);
	has_str(e.msg, "not valid gzip data");
	is_int(unpack_as(&b, TYPE "+zstd", &b), -EBADMSG);
	has_str(e.msg, "not valid zstd data");
	end();
}

int main(void)
{
	test(files_links_and_directories_come_out_as_packed);
	test(gzip_and_zstd_unpack_over_many_members);
	test(gzip_headers_may_come_in_pieces);
	test(a_gzip_member_with_another_checksum_is_refused);
	test(frames_to_be_skipped_are);
	test(each_limit_is_kept_and_named);
	test(a_window_larger_than_allowed_is_refused);
	test(a_file_may_come_before_its_directory);
	test(modes_are_those_of_the_layer_whatever_new_files_get);
	test(an_empty_layer_is_an_empty_tree);
	test(undescribed_parents_are_reported_and_described_ones_are_not);
	test(later_entries_replace_earlier_ones);
	test(names_that_climb_out_are_refused);
	test(absolute_names_are_inside_the_layer);
	test(a_link_as_parent_never_leads_outside);
	test(a_directory_entry_does_not_change_what_a_link_points_to);
	test(hard_links_stay_inside);
	test(data_of_a_hard_link_is_not_written);
	test(a_whiteout_is_a_device_of_zero);
	test(whiteouts_of_nothing_are_refused);
	test(a_whiteout_through_a_link_stays_inside);
	test(names_in_utf8_come_through_pax_headers);
	test(orders_to_overlayfs_are_not_taken_from_a_layer);
	test(wrong_bytes_are_named_as_such_however_unpacking_fails);
	test(another_diff_id_is_refused);
	test(what_is_no_archive_is_refused);
	return done_testing();
}
