/* replay.c - a fuzzer's corpus as a unit test: no input of it crashes. CORPUS is its directory. */
#include "tap.h"

#include "base/file.h"

#include <dirent.h>
#include <fcntl.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int main(void)
{
	DIR *d = opendir(CORPUS);
	for (struct dirent *f; d && (f = readdir(d));) {
		auto_buf bytes = { 0 };
		if (*f->d_name == '.')
			continue;
		tap.bad = file_read(dirfd(d), f->d_name, &bytes, NULL) < 0;
		LLVMFuzzerTestOneInput((const uint8_t *)(bytes.p ? bytes.p : ""), bytes.len);
		tap.failed += tap.bad;
		printf("%sok %d - %s/%s\n", tap.bad ? "not " : "", ++tap.count, CORPUS, f->d_name);
		fflush(stdout);
	}
	if (d)
		closedir(d);
	tap.failed += !tap.count;
	return done_testing();
}
