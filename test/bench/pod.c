/* pod.c - pod SHIM BUNDLE...: a shim with a running container for each bundle, named as it; prints
 * the shim's pid and socket, and ends all when its stdin ends. */
#include "call.h"

int main(int argc, char **argv)
{
	struct peer p;
	if (argc < 3)
		return fprintf(stderr, "usage: pod SHIM BUNDLE...\n"), 2;
	shim_open(&p, argv[1], name_of(argv[2]), argv[2]);
	for (int i = 2; i < argc; i++) {
		if (i > 2)
			free(shim_run(argv[1], name_of(argv[i]), argv[i], "start"));
		call_create(&p, name_of(argv[i]), argv[i]);
		call_start(&p, name_of(argv[i]), "");
	}
	printf("%d %s\n", (int)call_pid(&p, name_of(argv[2])), p.path);
	fflush(stdout);
	while (getchar() != EOF)
		;
	for (int i = argc - 1; i >= 2; i--) {
		call_kill(&p, name_of(argv[i]));
		if (!call_wait(&p, name_of(argv[i]), ""))
			die("Wait", "is not answered");
		call_delete(&p, name_of(argv[i]), "");
	}
	shim_close(&p, name_of(argv[2]));
	return 0;
}
