/* runuserns_test.c - ranges of ids that nobody else has; which options go together. */
#include "monitor/runuserns.h"
#include "tap.h"

static struct err e;

#define IDS(...)                                                            \
	(struct spec_id_mappings)                                           \
	{                                                                   \
		(struct spec_id_mapping[]){ __VA_ARGS__ },                  \
			sizeof((struct spec_id_mapping[]){ __VA_ARGS__ }) / \
				sizeof(struct spec_id_mapping)              \
	}

static void a_range_is_free_of_all_others(void)
{
	const struct spec_id_mappings all = IDS({ 0, 100, 50 }, { 50, 1000, 100 });
	const struct spec_id_mappings none = { 0 };
	const struct spec_id_mappings used = IDS({ 0, 130, 10 }, { 0, 100, 30 }, { 0, 1000, 20 });
	is_int(userns_free(&all, &none, 50), 100);
	is_int(userns_free(&all, &none, 51), 1000);
	is_int(userns_free(&all, &none, 101), -1);
	is_int(userns_free(&none, &none, 1), -1);
	is_int(userns_free(&all, &used, 10), 140);
	is_int(userns_free(&all, &used, 11), 1020);
	is_int(userns_free(&all, &used, 80), 1020);
	is_int(userns_free(&all, &used, 81), -1);
}

static void a_range_may_end_with_the_last_id(void)
{
	const struct spec_id_mappings all = IDS({ 0, UINT32_MAX - 10, 10 });
	const struct spec_id_mappings used = IDS({ 0, UINT32_MAX - 10, 4 });
	is_int(userns_free(&all, &used, 6), UINT32_MAX - 6);
	is_int(userns_free(&all, &used, 7), -1);
}

static void modes_and_maps_go_together_or_not(void)
{
	static const char *map[] = { "0:1:2" };
	const struct strs maps = { map, 1 };
	ok(!userns_wanted(&(struct run_options){ .userns = "host" }));
	ok(userns_wanted(&(struct run_options){ .userns = "auto" }));
	ok(userns_wanted(&(struct run_options){ .userns = "auto:size=5" }));
	ok(userns_wanted(&(struct run_options){ .uidmaps = maps }));
	is_int(userns_check(&(struct run_options){ .userns = "" }, &e), 0);
	is_int(userns_check(&(struct run_options){ .userns = "private", .gidmaps = maps }, &e), 0);
	is_int(userns_check(&(struct run_options){ .userns = "private" }, &e), -EINVAL);
	is_int(userns_check(&(struct run_options){ .userns = "auto", .uidmaps = maps }, &e),
	       -EINVAL);
	is_int(userns_check(&(struct run_options){ .userns = "host", .uidmaps = maps }, &e),
	       -EINVAL);
	is_int(userns_check(&(struct run_options){ .userns = "automatic" }, &e), -EINVAL);
}

int main(void)
{
	test(a_range_is_free_of_all_others);
	test(a_range_may_end_with_the_last_id);
	test(modes_and_maps_go_together_or_not);
	return done_testing();
}
