/* container_test.c - a container as its directory and record. */
#include "tap.h"

#include "base/file.h"
#include "container/container.h"
#include "container/inside.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#define LONG_LIFE 5000

static char root[] = "/tmp/container-test-XXXXXX";

/* A stopped container c1 with a large annotation. */
static void make(void)
{
	char path[64];
	auto_buf b = { 0 };
	ok(mkdtemp(root) != NULL);
	snprintf(path, sizeof(path), "%s/c1", root);
	is_int(mkdir(path, 0700), 0);
	auto_close int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	buf_str(&b,
		"\n{\"version\":1,\"id\":\"c1\",\"status\":\"stopped\",\"annotations\":{\"a\":\"");
	for (int i = 0; i < 4096; i++)
		buf_char(&b, 'x');
	buf_str(&b, "\"}}\n");
	is_int(file_swap(dir, "state.json", b.p, b.len, 0600, NULL), 0);
}

static void a_record_can_be_read_again_for_ever(void)
{
	struct container *c = NULL;
	struct err e = { 0 };
	is_int(container_open(root, "c1", &c, &e), 0);
	int n = 0;
	while (n < LONG_LIFE && container_reload(c, &e) == 0)
		n++;
	is_int(n, LONG_LIFE);
	is_str(e.msg, "");
	is_str(c->id, "c1");
	is_str(c->root, root);
	container_close(c);
}

static void a_record_that_is_gone_leaves_the_one_before(void)
{
	struct container *c = NULL;
	struct err e = { 0 };
	is_int(container_open(root, "c1", &c, &e), 0);
	is_int(unlinkat(c->dir, "state.json", 0), 0);
	is_int(container_reload(c, &e), -ENOENT);
	is_str(e.msg, "container does not exist: c1");
	is_int(strlen(pairs_get(&c->state.annotations, "a")), 4096);
	container_close(c);
}

static void a_listener_is_not_sent_where_no_profile_names_who_hears(void)
{
	const struct spec_seccomp nobody = { 0 };
	const struct child child = { .pid = 1, .pidfd = -1, .sync = -1 };
	struct container c = { 0 };
	struct err e = { 0 };
	is_int(listener_send(&c, NULL, &child, -1, &e), -EPROTO);
	is_int(listener_send(&c, &nobody, &child, -1, &e), -EPROTO);
	is_str(e.msg, "a seccomp listener that no profile asked for");
}

int main(void)
{
	char path[64];
	make();
	test(a_record_can_be_read_again_for_ever);
	test(a_record_that_is_gone_leaves_the_one_before);
	test(a_listener_is_not_sent_where_no_profile_names_who_hears);
	snprintf(path, sizeof(path), "%s/c1", root);
	rmdir(path);
	rmdir(root);
	return done_testing();
}
