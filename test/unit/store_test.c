/* store_test.c - names, blobs and rubbish in a store. */
#include "base/file.h"
#include "base/sha256.h"
#include "image/image.h"
#include "image/store.h"
#include "tap.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

static char place[64];
static struct store store;
static struct arena *arena;
static struct err e;

static void begin(void)
{
	snprintf(place, sizeof(place), "/tmp/store_test.XXXXXX");
	ok(mkdtemp(place));
	e = (struct err){ 0 };
	is_int(store_open(place, &store, &e), 0);
}

static void end(void)
{
	store_close(&store);
	is_int(tree_remove(AT_FDCWD, place, &e), 0);
}

static struct descriptor add(const char *text)
{
	char *digest = arena_alloc(arena, SHA256_TEXT);
	is_int(store_blob_write(&store, text, strlen(text), digest, &e), 0);
	return (struct descriptor){ .digest = digest,
				    .size = (int64_t)strlen(text),
				    .media_type = MEDIA_OCI_MANIFEST };
}

static void a_new_store_is_an_empty_layout(void)
{
	struct index ix;
	begin();
	is_int(store_names(&store, arena, &ix, &e), 0);
	is_int(ix.manifests.n, 0);
	auto_buf b = { 0 };
	is_int(file_read(store.dir, "oci-layout", &b, &e), 0);
	is_str(b.p, "{\"imageLayoutVersion\":\"1.0.0\"}");
	end();
}

static void a_name_belongs_to_one_image_at_a_time(void)
{
	struct index ix;
	begin();
	struct descriptor one = add("one"), two = add("two");
	is_int(store_name_put(&store, "h.x/a:1", &one, &e), 0);
	is_int(store_name_put(&store, "h.x/b:1", &one, &e), 0);
	is_int(store_name_put(&store, "h.x/a:1", &two, &e), 0);
	is_int(store_names(&store, arena, &ix, &e), 0);
	is_int(ix.manifests.n, 2);
	is_str(descriptor_name(&ix.manifests.v[0]), "h.x/b:1");
	is_str(ix.manifests.v[1].digest, two.digest);
	is_int(store_name_remove(&store, "h.x/b:1", &e), 0);
	is_int(store_name_remove(&store, "h.x/b:1", &e), -ENOENT);
	end();
}

static void a_damaged_blob_is_not_given_out(void)
{
	begin();
	struct descriptor d = add("good");
	char name[128];
	snprintf(name, sizeof(name), "blobs/sha256/%s", d.digest + 7);
	auto_close int fd = openat(store.dir, name, O_WRONLY | O_CLOEXEC);
	is_int(pwrite(fd, "evil", 4, 0), 4);
	auto_buf b = { 0 };
	is_int(store_blob_read(&store, &d, &b, &e), -EBADMSG);
	has_str(e.msg, "is damaged");
	is_int(ftruncate(fd, 2), 0);
	is_int(store_blob_read(&store, &d, &b, &e), -EBADMSG);
	has_str(e.msg, "has 2 bytes instead of 4");
	end();
}

static void only_unlocked_work_is_swept(void)
{
	char mine[STORE_WORK_NAME], path[64];
	begin();
	int work = store_work_begin(&store, mine, &e);
	ok(work >= 0);
	is_int(mkdirat(store.dir, "tmp/dead", 0700), 0);
	store_sweep(&store);
	ok(faccessat(store.dir, "tmp/dead", F_OK, 0) < 0);
	snprintf(path, sizeof(path), "tmp/%s", mine);
	ok(faccessat(store.dir, path, F_OK, 0) == 0);
	store_work_end(&store, work, mine);
	ok(faccessat(store.dir, path, F_OK, 0) < 0);
	end();
}

static void what_nothing_names_is_collected(void)
{
	struct store_gc gc;
	begin();
	add("nobody's");
	is_int(mkdirat(store.dir, "layers/sha256/rubbish", 0755), 0);
	is_int(store_collect(&store, &gc, &e), 0);
	is_int(gc.blobs, 1);
	is_int(gc.layers, 1);
	is_int(gc.bytes, 8);
	end();
}

static void nothing_is_collected_while_a_name_cannot_be_read(void)
{
	struct store_gc gc;
	begin();
	struct descriptor d = add("no manifest");
	is_int(store_name_put(&store, "h.x/a:1", &d, &e), 0);
	is_int(store_collect(&store, &gc, &e), -EINVAL);
	auto_close int fd = store_blob_open(&store, d.digest, d.size, &e);
	ok(fd >= 0);
	end();
}

static void ids_do_not_lead_out_of_the_store(void)
{
	static const char *const bad[] = { "", ".", "..", "../x", "a/b", ".hidden" };
	begin();
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		is_int(store_container_remove(&store, bad[i], &e), -EINVAL);
	auto_close int fd = store_container_make(&store, "c1", &e);
	ok(fd >= 0);
	is_int(store_container_make(&store, "c1", &e), -EEXIST);
	is_int(store_container_remove(&store, "c1", &e), 0);
	is_int(store_container_remove(&store, "c1", &e), 0);
	end();
}

static void an_unknown_image_is_answered_with_the_remedy(void)
{
	struct image *im;
	begin();
	is_int(image_open(&store, "h.x/a:1", arena, &im, &e), -ENOENT);
	is_str(e.msg, "image h.x/a:1 is not in the store; get it with: coracle pull h.x/a:1");
	end();
}

static void chains_are_named_as_the_image_spec_says(void)
{
	const char *ids[] = {
		"sha256:1111111111111111111111111111111111111111111111111111111111111111",
		"sha256:2222222222222222222222222222222222222222222222222222222222222222",
	};
	char both[200], want[SHA256_TEXT];
	struct strs out;
	is_int(image_chains(&(struct strs){ ids, 2 }, arena, &out, &e), 0);
	is_str(out.v[0], ids[0]);
	snprintf(both, sizeof(both), "%s %s", ids[0], ids[1]);
	sha256_text(both, strlen(both), want);
	is_str(out.v[1], want);
}

int main(void)
{
	arena = arena_new((size_t)64 << 20);
	test(a_new_store_is_an_empty_layout);
	test(a_name_belongs_to_one_image_at_a_time);
	test(a_damaged_blob_is_not_given_out);
	test(only_unlocked_work_is_swept);
	test(what_nothing_names_is_collected);
	test(nothing_is_collected_while_a_name_cannot_be_read);
	test(ids_do_not_lead_out_of_the_store);
	test(an_unknown_image_is_answered_with_the_remedy);
	test(chains_are_named_as_the_image_spec_says);
	arena_free(arena);
	return done_testing();
}
