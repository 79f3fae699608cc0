/* logfile_test.c - what is logged comes back, byte by byte. */
#include "tap.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/sys.h"
#include "monitor/logfile.h"
#include "monitor/logread.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define OUT 0
#define ERR 1

/* A directory of our own, with a log in it and two files to read it into. */
struct bench {
	char path[64];
	int dir;
	struct logfile log;
	struct log_stream out, err;
	struct buf got[2];
};

static void begin(struct bench *b)
{
	*b = (struct bench){ .out = { .name = "stdout" }, .err = { .name = "stderr" } };
	strcpy(b->path, "/tmp/logfile_test.XXXXXX");
	ok(mkdtemp(b->path) != NULL);
	b->dir = open(b->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	is_int(logfile_open(&b->log, b->dir, "log", NULL), 0);
}

static void end(struct bench *b)
{
	if (b->log.fd >= 0)
		logfile_close(&b->log, false);
	close(b->dir);
	tree_remove(AT_FDCWD, b->path, NULL);
	buf_free(&b->got[OUT]);
	buf_free(&b->got[ERR]);
}

/* Reads the log by query into got. */
static int collect(struct bench *b, const struct log_query *q)
{
	struct err e = { 0 };
	int log = openat(b->dir, "log", O_RDONLY | O_CLOEXEC);
	int to[2];
	for (int i = 0; i < 2; i++)
		to[i] = openat(b->dir, i ? "err" : "out", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC,
			       0600);
	int rc = log_read(log, q, to[OUT], to[ERR], &e);
	for (int i = 0; i < 2; i++) {
		b->got[i].len = 0;
		lseek(to[i], 0, SEEK_SET);
		buf_str(&b->got[i], "");
		file_read_fd(to[i], "got", &b->got[i], NULL);
		close(to[i]);
	}
	close(log);
	return rc;
}

static const struct log_query all = { .tail = -1, .follow = -1 };

static void put(struct bench *b, struct log_stream *s, const char *text)
{
	is_int(logfile_write(&b->log, s, text, strlen(text)), 0);
}

static void text(struct bench *b, struct buf *out)
{
	ok(file_read(b->dir, "log", out, NULL) == 0);
}

static void a_record_has_time_stream_tag_and_line(void)
{
	struct bench b;
	struct buf t = { 0 };
	struct timespec when;
	begin(&b);
	time_t before = clock_now().tv_sec;
	put(&b, &b.out, "hello world\n");
	text(&b, &t);
	char *space = t.p ? strchr(t.p, ' ') : NULL;
	ok(space != NULL);
	if (space) {
		is_str(space, " stdout F hello world\n");
		*space = 0;
		is_int(clock_parse(t.p, &when), 0);
		ok(when.tv_sec >= before && when.tv_sec <= clock_now().tv_sec);
	}
	buf_free(&t);
	end(&b);
}

static void a_line_without_newline_is_partial_and_goes_on(void)
{
	struct bench b;
	struct buf t = { 0 };
	begin(&b);
	put(&b, &b.out, "ab");
	put(&b, &b.err, "oops\n");
	put(&b, &b.out, "cd\n");
	text(&b, &t);
	has_str(t.p, " stdout P ab\n");
	has_str(t.p, " stdout F cd\n");
	is_int(collect(&b, &all), 0);
	is_str(b.got[OUT].p, "abcd\n");
	is_str(b.got[ERR].p, "oops\n");
	buf_free(&t);
	end(&b);
}

static void a_stream_that_ends_without_newline_gets_a_last_full_record(void)
{
	struct bench b;
	struct buf t = { 0 };
	begin(&b);
	put(&b, &b.out, "no newline");
	is_int(logfile_end(&b.log, &b.out), 0);
	is_int(logfile_end(&b.log, &b.out), 0); /* once is enough */
	text(&b, &t);
	has_str(t.p, " stdout P no newline\n");
	has_str(t.p, " stdout F:noeol \n");
	ok(strstr(t.p, "F:noeol") == strstr(strstr(t.p, "F:noeol"), "F:noeol"));
	is_int(collect(&b, &all), 0);
	is_str(b.got[OUT].p, "no newline");
	buf_free(&t);
	end(&b);
}

static void a_long_line_is_split_and_comes_back_whole(void)
{
	struct bench b;
	size_t n = 3 * LOGFILE_LINE_MAX + 17;
	char *big = malloc(n + 2);
	begin(&b);
	memset(big, 'x', n);
	strcpy(big + n, "\n");
	is_int(logfile_write(&b.log, &b.out, big, n + 1), 0);
	is_int(collect(&b, &all), 0);
	is_int(b.got[OUT].len, n + 1);
	ok(b.got[OUT].p && !memcmp(b.got[OUT].p, big, n + 1));
	struct buf t = { 0 };
	text(&b, &t);
	size_t longest = 0;
	for (const char *p = t.p; *p; p += strcspn(p, "\n") + 1)
		longest = strcspn(p, "\n") > longest ? strcspn(p, "\n") : longest;
	ok(longest < LOGFILE_LINE_MAX + 64);
	buf_free(&t);
	free(big);
	end(&b);
}

static void every_byte_comes_back_however_it_was_cut(void)
{
	struct bench b;
	struct buf sent = { 0 };
	unsigned seed = 4711;
	begin(&b);
	for (int i = 0; i < 400; i++) {
		char piece[700];
		size_t n = (size_t)(seed = seed * 1103515245 + 12345) / 65536 % sizeof(piece);
		for (size_t k = 0; k < n; k++)
			piece[k] = (char)((seed = seed * 1103515245 + 12345) >> 16 &
					  (i % 3 ? 0xff : 0x0b));
		buf_add(&sent, piece, n);
		is_int(logfile_write(&b.log, &b.out, piece, n), 0);
	}
	logfile_end(&b.log, &b.out);
	is_int(collect(&b, &all), 0);
	is_int(b.got[OUT].len, sent.len);
	ok(b.got[OUT].len == sent.len && !memcmp(b.got[OUT].p, sent.p, sent.len));
	buf_free(&sent);
	end(&b);
}

static void many_empty_lines_fit(void)
{
	struct bench b;
	char lines[5000];
	begin(&b);
	memset(lines, '\n', sizeof(lines));
	is_int(logfile_write(&b.log, &b.err, lines, sizeof(lines)), 0);
	is_int(collect(&b, &all), 0);
	is_int(b.got[ERR].len, sizeof(lines));
	end(&b);
}

static void tail_counts_lines_not_records(void)
{
	struct bench b;
	struct log_query q = all;
	begin(&b);
	put(&b, &b.out, "1\n2\n3\n");
	put(&b, &b.out, "fo");
	put(&b, &b.out, "ur\n");
	q.tail = 1;
	is_int(collect(&b, &q), 0);
	is_str(b.got[OUT].p, "four\n");
	q.tail = 2;
	is_int(collect(&b, &q), 0);
	is_str(b.got[OUT].p, "3\nfour\n");
	q.tail = 0;
	is_int(collect(&b, &q), 0);
	is_str(b.got[OUT].p, "");
	q.tail = 4;
	is_int(collect(&b, &q), 0);
	is_str(b.got[OUT].p, "1\n2\n3\nfour\n");
	q.tail = 100;
	is_int(collect(&b, &q), 0);
	is_str(b.got[OUT].p, "1\n2\n3\nfour\n");
	put(&b, &b.out, "five?");
	q.tail = 1;
	is_int(collect(&b, &q), 0);
	is_str(b.got[OUT].p, "five?");
	end(&b);
}

static void tail_of_a_large_log_is_right(void)
{
	struct bench b;
	struct log_query q = all;
	char line[64];
	begin(&b);
	for (int i = 0; i < 6000; i++) {
		snprintf(line, sizeof(line), "line %d\n", i);
		put(&b, i % 2 ? &b.out : &b.err, line);
	}
	q.tail = 3000;
	is_int(collect(&b, &q), 0);
	is_int(strncmp(b.got[ERR].p, "line 3000\n", 10), 0);
	is_int(strncmp(b.got[OUT].p, "line 3001\n", 10), 0);
	end(&b);
}

static void since_leaves_out_what_is_older(void)
{
	struct bench b;
	struct log_query q = all;
	static const char old[] = "2020-01-01T00:00:00.000000001Z stdout F old\n"
				  "2020-01-01T00:00:00.000000002Z stdout F new\n";
	begin(&b);
	write_all(b.log.fd, old, strlen(old));
	ok(log_since_parse("2020-01-01T00:00:00.000000002Z", &q.since) == 0);
	is_int(collect(&b, &q), 0);
	is_str(b.got[OUT].p, "new\n");
	q.timestamps = true;
	is_int(collect(&b, &q), 0);
	is_str(b.got[OUT].p, "2020-01-01T00:00:00.000000002Z new\n");
	end(&b);
}

static void a_record_cut_short_by_a_crash_garbles_nothing_after_it(void)
{
	struct bench b;
	static const char cut[] = "2020-01-01T00:00:00.000000001Z stdo";
	begin(&b);
	put(&b, &b.out, "before\n");
	write_all(b.log.fd, cut, strlen(cut));
	logfile_close(&b.log, true);
	is_int(logfile_open(&b.log, b.dir, "log", NULL), 0);
	put(&b, &b.out, "after\n");
	is_int(collect(&b, &all), 0);
	is_str(b.got[OUT].p, "before\nafter\n");
	end(&b);
}

/* Writes what does not fit into a file that may have so many bytes more than now. */
static void overflow(struct bench *b, const char *text, off_t room)
{
	struct rlimit was, tiny;
	off_t size = lseek(b->log.fd, 0, SEEK_END);
	getrlimit(RLIMIT_FSIZE, &was);
	signal(SIGXFSZ, SIG_IGN);
	tiny = (struct rlimit){ (rlim_t)(size + room), was.rlim_max };
	setrlimit(RLIMIT_FSIZE, &tiny);
	is_int(logfile_write(&b->log, &b->out, text, strlen(text)), -EFBIG);
	setrlimit(RLIMIT_FSIZE, &was);
	is_int(lseek(b->log.fd, 0, SEEK_END), size);
}

static void a_full_disk_leaves_whole_records_only(void)
{
	struct bench b;
	begin(&b);
	put(&b, &b.out, "fits\n");
	overflow(&b, "does not fit\n", 20);
	put(&b, &b.out, "fits again\n");
	is_int(collect(&b, &all), 0);
	is_str(b.got[OUT].p, "fits\nfits again\n");
	end(&b);
}

static void a_full_disk_leaves_nothing_in_a_log_that_somebody_has_cut_short(void)
{
	struct bench b;
	begin(&b);
	put(&b, &b.out, "goes\n");
	off_t size = lseek(b.log.fd, 0, SEEK_END);
	is_int(ftruncate(b.log.fd, 0), 0);
	overflow(&b, "does not fit, as it is longer than what was there before\n", size + 10);
	put(&b, &b.out, "fits\n");
	is_int(collect(&b, &all), 0);
	is_str(b.got[OUT].p, "fits\n");
	end(&b);
}

static void a_full_disk_leaves_the_end_of_another_stream(void)
{
	struct bench b;
	begin(&b);
	put(&b, &b.err, "unfinished");
	is_int(logfile_end(&b.log, &b.err), 0);
	overflow(&b, "does not fit\n", 20);
	end(&b);
}

static void follow_sees_what_comes_and_ends_with_the_writer(void)
{
	struct bench b;
	begin(&b);
	put(&b, &b.out, "first\n");
	int hold[2];
	ok(pipe(hold) == 0);
	pid_t pid = fork();
	if (pid == 0) { /* the writer: waits until the reader has shown "first", then goes on */
		char c;
		close(hold[1]);
		while (read(hold[0], &c, 1) > 0)
			;
		logfile_write(&b.log, &b.out, "second\n", 7);
		logfile_write(&b.log, &b.out, "third", 5);
		logfile_end(&b.log, &b.out);
		logfile_close(&b.log, true);
		_exit(0);
	}
	close(b.log.fd);
	b.log.fd = -1;
	int to[2], pidfd = sys_pidfd_open(pid);
	ok(pipe(to) == 0);
	pid_t reader = fork();
	if (reader == 0) {
		struct log_query q = { .tail = -1, .follow = pidfd };
		int log = openat(b.dir, "log", O_RDONLY | O_CLOEXEC);
		close(to[0]);
		close(hold[0]);
		close(hold[1]);
		_exit(log_read(log, &q, to[1], to[1], NULL) == 0 ? 0 : 1);
	}
	close(to[1]);
	char got[64] = "";
	ssize_t n = read(to[0], got, sizeof(got) - 1);
	is_int(n, 6);
	is_str(got, "first\n");
	close(hold[0]);
	close(hold[1]); /* lets the writer go on */
	size_t at = 0;
	while ((n = read(to[0], got + at, sizeof(got) - 1 - at)) > 0)
		at += (size_t)n;
	got[at] = 0;
	is_str(got, "second\nthird");
	int st;
	waitpid(reader, &st, 0);
	is_int(st, 0);
	waitpid(pid, &st, 0);
	close(pidfd);
	close(to[0]);
	end(&b);
}

static void what_is_no_record_is_refused(void)
{
	struct log_record r;
	static const char *const bad[] = { "",
					   " ",
					   "x",
					   "time stdout",
					   "time stdout F",
					   "time stdout X text",
					   "time stdout FF text",
					   "time  F text" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		is_int(log_record_parse(bad[i], strlen(bad[i]), &r), -EINVAL);
	is_int(log_record_parse("t stderr P:more some text", 25, &r), 0);
	ok(r.partial && !r.newline && r.len == 9);
	is_int(log_record_parse("t stderr F ", 11, &r), 0);
	ok(!r.partial && r.newline && r.len == 0);
}

static void since_takes_durations_times_and_seconds(void)
{
	struct timespec t;
	time_t now = clock_now().tv_sec;
	is_int(log_since_parse("1h30m", &t), 0);
	ok(t.tv_sec >= now - 5401 && t.tv_sec <= clock_now().tv_sec - 5400);
	is_int(log_since_parse("1700000000", &t), 0);
	is_int(t.tv_sec, 1700000000);
	is_int(log_since_parse("2023-11-14T22:13:20Z", &t), 0);
	is_int(t.tv_sec, 1700000000);
	is_int(log_since_parse("yesterday", &t), -EINVAL);
	is_int(log_since_parse("", &t), -EINVAL);
	is_int(log_since_parse("-5", &t), -EINVAL);
}

int main(void)
{
	test(a_record_has_time_stream_tag_and_line);
	test(a_line_without_newline_is_partial_and_goes_on);
	test(a_stream_that_ends_without_newline_gets_a_last_full_record);
	test(a_long_line_is_split_and_comes_back_whole);
	test(every_byte_comes_back_however_it_was_cut);
	test(many_empty_lines_fit);
	test(tail_counts_lines_not_records);
	test(tail_of_a_large_log_is_right);
	test(since_leaves_out_what_is_older);
	test(a_record_cut_short_by_a_crash_garbles_nothing_after_it);
	test(a_full_disk_leaves_whole_records_only);
	test(a_full_disk_leaves_nothing_in_a_log_that_somebody_has_cut_short);
	test(a_full_disk_leaves_the_end_of_another_stream);
	test(follow_sees_what_comes_and_ends_with_the_writer);
	test(what_is_no_record_is_refused);
	test(since_takes_durations_times_and_seconds);
	return done_testing();
}
