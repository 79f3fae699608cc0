/* podconfig_fuzz.c - foreign bytes as a pod's configuration: the sandbox that is made of it is a
 * container that the runtime accepts, or what is wrong is said. */
#include "base/arena.h"
#include "box/plan.h"
#include "ttrpc/podconfig.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	auto_arena *a = arena_new((size_t)64 << 20);
	static const struct pod_place places[] = { { "id", "", NULL },
						   { "id", "/net", "/proc/self/fd/9" } };
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	const pod_config *c;
	any.type_url = (char *)(uintptr_t)"runtime.v1.PodSandboxConfig";
	any.value.data = (uint8_t *)(uintptr_t)p;
	any.value.len = n;
	if (!a || podconfig_read(&any, a, &c, NULL) < 0)
		return 0;
	for (size_t i = 0; i < 2; i++) {
		const struct spec *s;
		struct err e = { 0 };
		uint32_t uid, gid;
		podconfig_root(c, &uid, &gid);
		if (podconfig_spec(c, &places[i], a, &s, &e) < 0 && !*e.msg)
			abort();
		if (e.code || !s)
			continue;
		const struct plan_context context = { .spec = s,
						      .id = "id",
						      .bundle = "/b",
						      .mount_point = "/m",
						      .cgroup = &(struct cgroup){ 0 },
						      .detached_root = true,
						      .own_program = true };
		struct plan plan;
		if (plan_create(&context, a, &plan, &e) < 0 && !*e.msg)
			abort();
		if (!e.code && plan.v[plan.n - 1].kind != OP_EXEC)
			abort();
	}
	return 0;
}
