/* probe.c - probe NUMBER[:ARG[:ARG]]...: makes system calls by number, with arguments of all ones
 * where none are given, and prints the errno of each. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		char *at = argv[i];
		long nr = strtol(at, &at, 0), arg[2] = { -1, -1 };
		for (int k = 0; k < 2 && *at == ':'; k++)
			arg[k] = strtol(at + 1, &at, 0);
		errno = 0;
		syscall((int)nr, arg[0], arg[1], -1L, -1L, -1L, -1L);
		printf("%s%d", i > 1 ? " " : "", errno);
	}
	puts("");
	return 0;
}
