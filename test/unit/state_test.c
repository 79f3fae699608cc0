/* state_test.c - state.json: what is kept, refused and shown. */
#include "tap.h"

#include "base/file.h"
#include "oci/runc.h"
#include "oci/state.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

static struct err said;

static int parse(const char *text, struct arena *a, struct state *out)
{
	char *t = arena_str(a, text);
	for (char *p = t; (p = strchr(p, '\''));)
		*p = '"';
	said = (struct err){ 0 };
	return state_parse(t, strlen(t), a, out, &said);
}

static void names_of_states_go_both_ways(void)
{
	for (int i = STATUS_CREATING; i <= STATUS_STOPPED; i++)
		is_int(status_parse(status_name((enum status)i)), i);
	is_int(status_parse("dead"), -EINVAL);
	is_int(status_parse(NULL), -EINVAL);
}

static void every_field_survives_saving_and_reading(void)
{
	static const char text[] =
		"{'version':1,'id':'c1','bundle':'/b','ociVersion':'1.2.0','engine':'native',"
		"'status':'running','pid':12,'startTime':34,'owner':56,'ownerStartTime':78,"
		"'ownerKind':'shim','rootfs':'/b/rootfs','cgroups':['/sys/fs/cgroup/x'],"
		"'mounts':['/m'],'namespaces':['pid'],'image':'busybox','log':'/l',"
		"'annotations':{'a':'b'},"
		"'created':'2026-01-02T03:04:05.000000006Z',"
		"'started':'2026-01-02T03:04:05.1Z',"
		"'finished':'2026-01-02T03:04:05.2Z','hasExit':true,'exitCode':137,"
		"'exitSignal':9,'oom':true,'autoRemove':true}";
	auto_arena *a = arena_new(1 << 20);
	char name[] = "/tmp/coracle-state-XXXXXX";
	auto_close int dir = mkdtemp(name) ? open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	struct state s = { 0 }, again = { 0 };
	auto_buf first = { 0 }, second = { 0 };
	ok(dir >= 0);
	is_int(parse(text, a, &s), 0);
	is_str(said.msg, "");
	is_int(state_save(dir, &s, &said), 0);
	is_int(state_read(dir, a, &again, &said), 0);
	json_write(&first, state_fields, &s, 0);
	json_write(&second, state_fields, &again, 0);
	is_str(second.p, first.p);
	char *want = arena_str(a, text);
	for (char *p = want; (p = strchr(p, '\''));)
		*p = '"';
	is_str(second.p, want);
	is_int(again.exit_code, 137);
	struct stat st;
	is_int(fstatat(dir, STATE_FILE, &st, 0), 0);
	is_int(st.st_mode & 0777, 0600);
	is_int(tree_remove(AT_FDCWD, name, &said), 0);
}

static void a_version_from_the_future_is_refused_by_name(void)
{
	auto_arena *a = arena_new(1 << 20);
	struct state s = { .pid = 7 };
	is_int(parse("{'version':2,'id':5}", a, &s), -ENOTSUP);
	is_str(said.msg, "version 2; this program knows up to 1");
	is_int(parse("{'version':0}", a, &s), -ENOTSUP);
	is_int(parse("{'id':'x'}", a, &s), -EINVAL);
	is_str(said.msg, "version: missing");
	is_int(s.pid, 7);
}

static void a_torn_or_strange_record_is_refused(void)
{
	auto_arena *a = arena_new(1 << 20);
	struct state s = { 0 };
	is_int(parse("", a, &s), -EINVAL);
	is_int(parse("{'version':1,'id':'x','sta", a, &s), -EINVAL);
	is_int(parse("{'version':1,'id':'x','status':'dead'}", a, &s), -EINVAL);
	is_str(said.msg, "status: 'dead' is unknown");
	is_int(parse("{'version':1,'id':'x'}", a, &s), -EINVAL);
	is_str(said.msg, "status: missing");
}

static void append(int dir, const char *text)
{
	auto_close int fd = openat(dir, STATE_FILE, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC,
				   0600);
	is_int(write_all(fd, text, strlen(text)), 0);
}

static void the_last_whole_line_of_the_journal_counts(void)
{
	auto_arena *a = arena_new(1 << 20);
	char name[] = "/tmp/coracle-state-XXXXXX";
	auto_close int dir = mkdtemp(name) ? open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	const char *cgroup = "/a";
	struct state s = { .id = "c1", .status = "creating", .cgroups = { &cgroup, 1 } }, read;
	auto_buf spec = { 0 }, kept = { 0 }, again = { 0 };
	buf_str(&spec, "{\n \"ociVersion\": \"1.0.2\"\n}\n");
	is_int(state_begin(dir, &spec, &s, &said), 0);
	is_int(state_begin(dir, &spec, &s, NULL), -EEXIST);
	s.status = "created";
	s.pid = 7;
	is_int(state_save(dir, &s, &said), 0);
	is_int(state_read(dir, a, &read, &said), 0);
	is_str(read.status, "created");
	append(dir, "\n,\"id\":\"c1\"}\n"); /* its writer was killed, before the state */
	is_int(state_read(dir, a, &read, &said), 0);
	is_int(read.pid, 7);
	append(dir, "\n{\"version\":1,\"id\":\"c1\",\"sta"); /* and in it */
	is_int(state_read(dir, a, &read, &said), 0);
	is_int(read.pid, 7);
	ok(!state_outdated(dir, &read));
	s.status = "running";
	is_int(state_save(dir, &s, &said), 0);
	ok(state_outdated(dir, &read) && !state_outdated(dir, &s));
	is_int(state_read(dir, a, &read, &said), 0);
	is_str(read.status, "running");
	is_int(state_read_spec(dir, &kept, &said), 0);
	is_str(kept.p, "{  \"ociVersion\": \"1.0.2\" } ");
	s.has_exit = true;
	is_int(state_save(dir, &s, &said), 0);
	is_int(state_read(dir, a, &read, &said), 0);
	ok(read.has_exit);
	struct state glanced;
	struct glance glance = { AT_FDCWD, true, a, { 0 } };
	is_int(state_glance(&glance, name, &glanced), 0);
	is_str(glanced.status, "running");
	is_int(glanced.pid, 7);
	is_str(glanced.cgroups.v[0], cgroup);
	glance.cgroups = false;
	is_int(state_glance(&glance, name, &glanced), 0);
	is_int((int)glanced.cgroups.n, 0);
	buf_free(&glance.room);
	is_int(state_read_spec(dir, &again, &said), 0);
	is_str(again.p, kept.p);
	is_int(tree_remove(AT_FDCWD, name, &said), 0);
}

static void a_journal_that_grew_is_cut(void)
{
	auto_arena *a = arena_new(1 << 22);
	char name[] = "/tmp/coracle-state-XXXXXX";
	auto_close int dir = mkdtemp(name) ? open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	struct state s = { .id = "c1", .status = "paused" };
	struct buf none = { 0 };
	struct stat st;
	int rc = state_begin(dir, &none, &s, &said);
	for (int i = 0; rc == 0 && i < 3000; i++)
		if ((rc = state_read(dir, a, &s, &said)) == 0)
			rc = state_save(dir, &s, &said);
	is_int(rc, 0);
	is_int(fstatat(dir, STATE_FILE, &st, 0), 0);
	ok(st.st_size < 80000);
	is_int(tree_remove(AT_FDCWD, name, &said), 0);
}

/* The first JSON value of the file, which is all that runc reads. */
static const char *first_value(int dir, struct arena *a)
{
	auto_buf text = { 0 };
	is_int(file_read(dir, STATE_FILE, &text, &said), 0);
	size_t depth = 0, i = 0; /* no brace is in a string here */
	do
		depth += text.p[i] == '{' ? 1 : text.p[i] == '}' ? -1 : 0;
	while (depth && ++i < text.len);
	return arena_strn(a, text.p, i + 1);
}

static void runc_reads_the_first_value_and_it_stays(void)
{
	static const char known[] =
		"\n,\"id\":\"c1\",\"init_process_pid\":7,\"init_process_start\":8,"
		"\"created\":\"1970-01-01T00:00:09Z\","
		"\"config\":{\"rootfs\":\"/r\",\"cgroups\":{\"devices\":[]},"
		"\"namespaces\":[{\"type\":\"NEWPID\"},{\"type\":\"NEWNS\",\"path\":\"/m\"}],"
		"\"labels\":[\"k=v=w\",\"bundle=/b\"]},"
		"\"cgroup_paths\":{\"cpu\":\"/c\",\"\":\"/c\"}}";
	auto_arena *a = arena_new(1 << 24);
	char name[] = "/tmp/coracle-state-XXXXXX";
	auto_close int dir = mkdtemp(name) ? open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	struct pair annotation = { "k", "v=w" }, cgroups[] = { { "cpu", "/c" }, { "", "/c" } };
	struct spec_namespace ns[] = { { "pid", NULL }, { "mount", "/m" } };
	struct spec_linux linux_ = { .namespaces = { ns, 2 } };
	struct spec spec = { .linux_ = &linux_ };
	struct state s = { .id = "c1",
			   .status = "creating",
			   .bundle = "/b",
			   .rootfs = "/r",
			   .pid = 7,
			   .start_time = 8,
			   .created = { .tv_sec = 9 },
			   .annotations = { &annotation, 1 } };
	auto_buf text = { 0 }, runc = { 0 }, kept = { 0 };
	buf_str(&text, "{\"ociVersion\":\"1.0.2\"}");
	is_int(state_begin(dir, &text, &s, &said), 0);
	is_int(runc_write(&s, &spec, &(struct pairs){ cgroups, 2 }, a, &runc), 0);
	is_str(runc.p, known);
	is_int(state_save(dir, &s, &said), 0); /* still being made */
	s.status = "running";
	is_int(state_save_made(dir, &s, &runc, &said), 0);
	const char *before = first_value(dir, a);
	is_str(strrchr(before, '\n'), known);
	is_int(json_read(before, strlen(before), (struct json_field[]){ { 0 } }, &s, a, &said), 0);
	for (int i = 0; i < 1000; i++)
		ok(state_read(dir, a, &s, &said) == 0 && state_save(dir, &s, &said) == 0);
	is_str(first_value(dir, a), before);
	is_int(state_read_spec(dir, &kept, &said), 0);
	is_str(kept.p, text.p);
	is_int(tree_remove(AT_FDCWD, name, &said), 0);
}

static void a_file_of_runcs_is_a_record(void)
{
	auto_arena *a = arena_new(1 << 20);
	char name[] = "/tmp/coracle-state-XXXXXX";
	auto_close int dir = mkdtemp(name) ? open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	struct state s, glanced;
	auto_buf spec = { 0 };
	struct glance glance = { AT_FDCWD, false, a, { 0 } };
	append(dir, "{\"id\":\"c1\",\"init_process_pid\":7,\"init_process_start\":8,"
		    "\"created\":\"1970-01-01T00:00:09Z\",\"config\":{\"rootfs\":\"/r\","
		    "\"namespaces\":[{\"type\":\"NEWNS\"},"
		    "{\"type\":\"NEWPID\",\"path\":\"/p\"}],"
		    "\"Hooks\":{\"poststop\":[{\"path\":\"/h\",\"timeout\":null}]},"
		    "\"labels\":[\"k=v=w\",\"bundle=/b\",\"x\"],\"seccomp\":null},"
		    "\"cgroup_paths\":{\"cpu\":\"/c\",\"cpuacct\":\"/c\",\"\":\"/u\"}}");
	is_int(state_read(dir, a, &s, &said), 0);
	is_str(s.id, "c1");
	is_str(s.bundle, "/b");
	is_str(s.status, "created");
	is_int(s.pid, 7);
	ok(s.hooks && s.start_time == 8 && s.created.tv_sec == 9);
	is_int((int)s.annotations.n, 1);
	is_str(pairs_get(&s.annotations, "k"), "v=w");
	is_int((int)s.namespaces.n, 1);
	is_str(s.namespaces.v[0], "mount");
	is_int((int)s.cgroups.n, 2);
	is_str(s.cgroups.v[1], "/u");
	is_int(state_glance(&glance, name, &glanced), 0);
	buf_free(&glance.room);
	is_int(glanced.pid, 7);
	is_int(state_read_spec(dir, &spec, &said), -ENODATA);
	s.status = "paused";
	is_int(state_save(dir, &s, &said), 0);
	is_int(state_read(dir, a, &s, &said), 0);
	is_str(s.status, "paused");
	is_int(state_read_spec(dir, &spec, &said), -ENODATA);
	is_int(tree_remove(AT_FDCWD, name, &said), 0);
}

/* Whatever a spec says of itself. */
static void a_spec_alone_is_no_record(void)
{
	auto_arena *a = arena_new(1 << 20);
	char name[] = "/tmp/coracle-state-XXXXXX";
	auto_close int dir = mkdtemp(name) ? open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	struct state s;
	append(dir, "{\"version\":1,\"id\":\"c1\",\"status\":\"running\",\"pid\":1}\n");
	is_int(state_read(dir, a, &s, &said), -EINVAL);
	append(dir, "\n{\"version\":1,");
	is_int(state_read(dir, a, &s, &said), -EINVAL);
	is_int(tree_remove(AT_FDCWD, name, &said), 0);
}

static void no_record_is_enoent(void)
{
	auto_arena *a = arena_new(1 << 20);
	struct state s;
	auto_close int dir = open("core", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	said = (struct err){ 0 };
	is_int(state_read(dir, a, &s, &said), -ENOENT);
	has_str(said.msg, STATE_FILE);
}

static void the_shown_state_has_runcs_fields_in_its_order(void)
{
	struct pair note = { "k", "v" };
	struct state s = { .id = "c1",
			   .bundle = "/b",
			   .oci_version = "1.0.2-dev",
			   .rootfs = "/b/rootfs",
			   .pid = 42,
			   .created = { 1767323045, 6 },
			   .annotations = { &note, 1 } };
	auto_buf out = { 0 }, hook = { 0 }, stopped = { 0 };
	state_write_oci(&s, "running", 2, &out);
	is_str(out.p, "{\n  \"ociVersion\": \"1.0.2-dev\",\n  \"id\": \"c1\",\n  \"pid\": 42,\n"
		      "  \"status\": \"running\",\n  \"bundle\": \"/b\",\n"
		      "  \"rootfs\": \"/b/rootfs\",\n"
		      "  \"created\": \"2026-01-02T03:04:05.000000006Z\",\n"
		      "  \"annotations\": {\n    \"k\": \"v\"\n  },\n  \"owner\": \"\"\n}");
	state_write_hook(&s, "creating", &hook);
	is_str(hook.p, "{\"ociVersion\":\"1.0.2-dev\",\"id\":\"c1\",\"status\":\"creating\","
		       "\"pid\":42,\"bundle\":\"/b\",\"annotations\":{\"k\":\"v\"}}");
	state_write_oci(&s, "stopped", 0, &stopped);
	has_str(stopped.p, "\"pid\":0,\"status\":\"stopped\"");
}

int main(void)
{
	test(names_of_states_go_both_ways);
	test(every_field_survives_saving_and_reading);
	test(a_version_from_the_future_is_refused_by_name);
	test(a_torn_or_strange_record_is_refused);
	test(the_last_whole_line_of_the_journal_counts);
	test(a_journal_that_grew_is_cut);
	test(runc_reads_the_first_value_and_it_stays);
	test(a_file_of_runcs_is_a_record);
	test(a_spec_alone_is_no_record);
	test(no_record_is_enoent);
	test(the_shown_state_has_runcs_fields_in_its_order);
	return done_testing();
}
