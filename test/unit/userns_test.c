/* userns_test.c - which ids a user namespace has, and which a user was given. */
#include "tap.h"

#include "box/subid.h"
#include "box/userns.h"

#include <string.h>

static struct spec_id_mapping ids[] = { { 0, 1000, 1 }, { 10, 5000, 5 }, { 4294967290u, 1, 6 } };
static struct spec_namespace own = { .type = "user" };
static struct spec_namespace given = { .type = "user", .path = "/proc/1/ns/user" };
static struct spec_linux namespaced = { .uid_mappings = { ids, 3 }, .gid_mappings = { ids, 2 } };

static struct spec spec_with(struct spec_namespace *ns)
{
	namespaced.namespaces.v = ns;
	namespaced.namespaces.n = ns != NULL;
	return (struct spec){ .linux_ = &namespaced };
}

static void an_id_is_mapped_or_not(void)
{
	const struct spec_id_mappings m = { ids, 3 };
	ok(userns_maps(&m, 0));
	ok(!userns_maps(&m, 1));
	ok(!userns_maps(&m, 9));
	ok(userns_maps(&m, 10));
	ok(userns_maps(&m, 14));
	ok(!userns_maps(&m, 15));
	ok(userns_maps(&m, 4294967295u));
	ok(!userns_maps(&(struct spec_id_mappings){ 0 }, 0));
}

static int check(struct spec_namespace *ns, uint32_t uid, uint32_t gid, uint32_t *group,
		 struct err *e)
{
	const struct spec s = spec_with(ns);
	const struct spec_user u = { .uid = uid,
				     .gid = gid,
				     .additional_gids = { group, group ? 1 : 0 } };
	*e = (struct err){ 0 };
	return userns_check_user(&s, &u, e);
}

static void a_user_whom_the_namespace_lacks_is_refused(void)
{
	struct err e;
	uint32_t group = 12;
	is_int(check(&own, 0, 10, &group, &e), 0);
	is_int(check(&own, 1, 0, NULL, &e), -EINVAL);
	is_str(e.msg, "process.user.uid: cannot set uid to unmapped user in user namespace: the "
		      "container has no id 1");
	is_int(check(&own, 0, 4294967295u, NULL, &e), -EINVAL);
	ok(!strncmp(e.msg, "process.user.gid: cannot set gid to unmapped user", 49));
	group = 15;
	is_int(check(&own, 0, 0, &group, &e), -EINVAL);
	ok(!strncmp(e.msg, "process.user.additionalGids[0]: ", 32));
	/* What a namespace of others has is not told; without one there are all. */
	is_int(check(&given, 1, 1, &group, &e), 0);
	is_int(check(NULL, 1, 1, &group, &e), 0);
}

static void an_option_with_an_id_that_is_not_there_is_refused(void)
{
	const struct spec s = spec_with(&own);
	struct err e = { 0 };
	is_int(userns_check_option(&s, "mode=755", "m", &e), 0);
	is_int(userns_check_option(&s, "gid=10", "m", &e), 0);
	is_int(userns_check_option(&s, "uid=4294967295", "m", &e), 0);
	is_int(userns_check_option(&s, "gid=5", "mount x", &e), -EINVAL);
	is_str(e.msg, "mount x: cannot specify gid= mount options for unmapped gid in rootless "
		      "containers: the container has no id 5");
}

static void without_a_root_one_is_the_user_at_once(void)
{
	const struct spec s = spec_with(&own);
	const struct spec_user u = { .uid = 10, .gid = 11 };
	uid_t uid = 7;
	gid_t gid = 7;
	userns_root(&s, &u, &uid, &gid);
	is_int((int)uid, 0);
	is_int((int)gid, 0);
	struct spec_id_mapping few[] = { { 10, 1000, 2 } };
	struct spec_linux l = { .uid_mappings = { few, 1 }, .gid_mappings = { few, 1 } };
	l.namespaces.v = &own;
	l.namespaces.n = 1;
	userns_root(&(struct spec){ .linux_ = &l }, &u, &uid, &gid);
	is_int((int)uid, 10);
	is_int((int)gid, 11);
}

static void subordinate_ids_are_those_of_one_s_name_and_number(void)
{
	struct spec_id_mapping v[4] = { { 0, 1000, 1 } };
	struct spec_id_mappings m = { v, 1 };
	char text[] = "joe:100000:65536\njoey:1:1\n\n1000:300000:10\njo:2:2\njoe:x:3\njoe:1:0\n"
		      "joe:4294967290:100\njoe\njoe:18446744073709551615:18446744073709551615\n"
		      "joe:400000:4294967295\njoe:500000:1\njoe:600000:1\n";
	subid_parse(text, "joe", "1000", 4, &m);
	is_int((int)m.n, 4);
	is_int((int)v[1].container_id, 1);
	is_int((int)v[1].host_id, 100000);
	is_int((int)v[1].size, 65536);
	is_int((int)v[2].container_id, 65537);
	is_int((int)v[2].host_id, 300000);
	is_int(v[3].host_id, 4294967290); /* as far as there are ids */
	is_int(v[3].size, 5);
	m.n = 1;
	char large[] = "joe:4294967295:1\njoe:4294967296:10\njoe:2147483648:2147483648\n"
		       "joe:100:18446744073709551615\njoe:9:9999999999999999999\n"
		       "joe:1:99999999999999999999\njoe:7:7\n";
	subid_parse(large, "joe", "1000", 4, &m);
	is_int((int)m.n, 3);
	is_int(v[1].host_id, 2147483648);
	is_int(v[1].size, 2147483647);
	is_int(v[2].host_id, 100);
	is_int(v[2].container_id + (int64_t)v[2].size, UINT32_MAX);
	m.n = 1;
	char nobody[] = ":1:1\n1000:5:5";
	subid_parse(nobody, NULL, "1000", 4, &m);
	is_int((int)m.n, 2);
	is_int((int)v[1].host_id, 5);
}

int main(void)
{
	test(an_id_is_mapped_or_not);
	test(a_user_whom_the_namespace_lacks_is_refused);
	test(an_option_with_an_id_that_is_not_there_is_refused);
	test(without_a_root_one_is_the_user_at_once);
	test(subordinate_ids_are_those_of_one_s_name_and_number);
	return done_testing();
}
