/* swap.c - swap A B: exchanges two names until it is ended: up to 256 times as fast as it can,
 * a rest of up to 2 ms, and so on. In the rests who is raced gets further than the first name that
 * is swapped, so that all of them are. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	unsigned seed = (unsigned)getpid();
	int left = 0;

	if (argc != 3)
		return 1;
	while (syscall(SYS_renameat2, AT_FDCWD, argv[1], AT_FDCWD, argv[2], 2) == 0) {
		if (left-- > 0)
			continue;
		left = rand_r(&seed) % 256;
		nanosleep(&(struct timespec){ .tv_nsec = rand_r(&seed) % 2000000 }, NULL);
	}
	perror("swap");
	return 1;
}
