/* log_test.c - lines for people and for machines. */
#include "tap.h"

#include "base/file.h"
#include "base/log.h"

#include <fcntl.h>
#include <stdlib.h>

static char path[] = "/tmp/coracle-log-XXXXXX";

/* What the file gets for these options and that level. */
static const char *line(bool json, enum log_level least, enum log_level level)
{
	static char text[512];
	const struct log_options o = { .path = path, .json = json, .level = least, .quiet = true };
	auto_close int fd = open(path, O_RDWR | O_TRUNC | O_CLOEXEC);
	is_int(log_open(&o, NULL), 0);
	log_line(level, "a \"b\" %d", 7);
	is_int(log_open(&(struct log_options){ .quiet = true }, NULL), 0);
	ssize_t n = read(fd, text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = 0;
	return text;
}

static void text_tells_time_level_and_message(void)
{
	const char *text = line(false, LOG_WARN, LOG_ERROR);
	has_str(text, "time=\"2");
	has_str(text, "level=error msg=\"a \\\"b\\\" 7\"\n");
}

static void json_is_as_runc_writes_it(void)
{
	const char *text = line(true, LOG_DEBUG, LOG_INFO);
	has_str(text, "{\"level\":\"info\",\"msg\":\"a \\\"b\\\" 7\",\"time\":\"2");
	has_str(text, "Z\"}\n");
}

static void what_is_less_is_dropped(void)
{
	is_str(line(false, LOG_ERROR, LOG_WARN), "");
	has_str(line(false, LOG_DEBUG, LOG_DEBUG), "level=debug");
}

/* Without a file; the other lines of stderr are ours. */
static void stderr_can_have_lines_as_a_file_has(void)
{
	char text[512] = "";
	auto_close int fd = open(path, O_RDWR | O_TRUNC | O_CLOEXEC);
	auto_close int own = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	is_int(log_open(&(struct log_options){ .level = LOG_DEBUG, .alike = true }, NULL), 0);
	dup2(fd, STDERR_FILENO);
	log_debug("flags: %d", 2);
	dup2(own, STDERR_FILENO);
	is_int(log_open(&(struct log_options){ .quiet = true }, NULL), 0);
	ok(pread(fd, text, sizeof(text) - 1, 0) > 0);
	has_str(text, "level=debug msg=\"flags: 2\"\n");
}

static void a_log_that_cannot_be_opened_is_named(void)
{
	struct err e = { 0 };
	const struct log_options o = { .path = "/no/such/log" };
	is_int(log_open(&o, &e), -ENOENT);
	is_str(e.msg, "open log /no/such/log: No such file or directory");
}

int main(void)
{
	int fd = mkstemp(path);
	close_fdp(&fd);
	test(text_tells_time_level_and_message);
	test(json_is_as_runc_writes_it);
	test(what_is_less_is_dropped);
	test(stderr_can_have_lines_as_a_file_has);
	test(a_log_that_cannot_be_opened_is_named);
	unlink(path);
	return done_testing();
}
