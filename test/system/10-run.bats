#!/usr/bin/env bats
# 10-run.bats - the standalone side: run, ps, logs, exec, stop, wait, rm.

# shellcheck disable=SC2016 # what containers' shells expand

load helper
load images

setup() {
	private_setup
}

teardown() {
	private_teardown
}

# value NAME - of a row that hello printed.
value() {
	sed -n "s/^  $1  *//p" <<< "$output"
}

@test "run_without_an_image_says_hello_and_succeeds" {
	run -0 c run
	[[ "${lines[0]}" == "Hello from Coracle "* ]]
	[ "$(value pid)" = "1, of 1 process in sight" ]
	[ -z "$(ls -A "$STATE")" ]
}

@test "hello_tells_the_truth_about_its_box" {
	run -0 c run --name "$(cid a)" --rm -m 48m --cpus 0.5 --pids-limit 21 --hostname inside
	[ "$(value hostname)" = inside ]
	[[ "$(value root)" == "tmpfs, read-only;"* ]]
	[ "$(value network)" = lo ]
	[ "$(value memory)" = "at most 48 MiB" ]
	[ "$(value cpus)" = "at most 0.5" ]
	[ "$(value processes)" = "at most 21" ]
	[ "$(value capabilities)" = none ]
	[ "$(value seccomp)" = filter ]
	[ "$(value "new privileges")" = never ]
	[[ "$(value start)" =~ ^[0-9]+\.[0-9]\ ms ]]
	assert_gone "$(cid a)"
}

@test "hello_is_in_namespaces_of_its_own" {
	run -0 c run
	local ns
	for ns in pid mnt net ipc uts cgroup; do
		local inside outside
		inside=$(value namespaces | tr ' ' '\n' | sed -n "s/^$ns://p")
		outside=$(stat -Lc %i /proc/self/ns/$ns)
		[ -n "$inside" ]
		[ "$inside" != "$outside" ]
	done
}

@test "hello_outside_sees_that_it_is_not_in_a_box" {
	run -0 "$CORACLE" hello
	[ "$(value seccomp)" = off ]
	[ "$(value pid | cut -d, -f1)" != 1 ]
}

@test "the_exit_status_is_the_containers" {
	run -0 box --rm -- true
	run -7 box --rm -- sh -c 'exit 7'
	run -255 box --rm -- sh -c 'exit 255'
}

@test "a_container_killed_by_a_signal_gives_128_and_the_signal" {
	fifo up
	box --name "$(cid k)" -v "$SYNC:/sync" -- sh -c 'echo up > /sync/up; exec sleep 1000' &
	local pid=$!
	read -r _ < "$SYNC/up"
	c kill "$(cid k)"
	local status=0
	wait $pid || status=$?
	[ $status = 137 ]
}

@test "a_command_that_is_not_there_is_127_and_named" {
	run -127 box --rm --name "$(cid n)" -- nosuchcommand
	[[ "$output" == *nosuchcommand* ]]
	run -127 box --rm --name "$(cid n)" -- ''
	[[ "$output" == *"executable file not found"* ]]
	run -127 box --rm --init --name "$(cid n)" -- ''
	[ "${#lines[@]}" = 1 ]
	assert_gone "$(cid n)"
	run -127 box --rm --name "$(cid n)" -- /bin/nosuchcommand
	assert_gone "$(cid n)"
}

@test "a_command_that_cannot_be_executed_is_126" {
	run -126 box --rm --name "$(cid n)" -- /etc/passwd
	[[ "$output" == *"/etc/passwd"* ]]
	run -126 box --rm --name "$(cid n)" -- /etc
	assert_gone "$(cid n)"
}

@test "signals_are_passed_on" {
	local sig
	for sig in TERM INT HUP QUIT USR1 USR2 ALRM IO 34 37 64; do # 34: SIGRTMIN, to musl its own; 37: how systemd is ended
		rm -f "$SYNC/up"
		fifo up
		# In the background a shell has INT and QUIT ignored: env sets them back.
		env --default-signal "$CORACLE" run --root "$STATE" --rm --name "$(cid s)" -v "$SYNC:/sync" \
			--rootfs "$ROOTFS" sh -c \
			"trap 'echo got $sig; exit 43' $sig; echo up > /sync/up; while :; do read x < /sync/never; done" \
			> "$BATS_TEST_TMPDIR/out" &
		local pid=$!
		[ -p "$SYNC/never" ] || fifo never
		read -r _ < "$SYNC/up"
		kill -s "$sig" $pid
		local status=0
		wait $pid || status=$?
		[ $status = 43 ]
		[ "$(cat "$BATS_TEST_TMPDIR/out")" = "got $sig" ]
		assert_gone "$(cid s)"
	done
}

@test "a_signal_that_was_ignored_at_our_start_is_not_passed_on" {
	fifo up
	fifo go
	env --default-signal --ignore-signal=HUP,INT "$CORACLE" run --root "$STATE" --rm -v "$SYNC:/sync" --rootfs "$ROOTFS" sh -c \
		'trap "echo HUP" HUP; trap "echo INT" INT; trap "exit 44" TERM; echo up > /sync/up; while :; do read x < /sync/go; done' > "$BATS_TEST_TMPDIR/out" &
	local pid=$! status=0
	read -r _ < "$SYNC/up"
	kill -s HUP $pid
	kill -s INT $pid
	kill -s TERM $pid
	wait $pid || status=$?
	[ $status = 44 ]
	[ ! -s "$BATS_TEST_TMPDIR/out" ]
}

@test "a_signal_that_our_own_write_brings_is_not_passed_on" {
	# More than we may write into the log, from a container that may, and is not deaf as the first of its pid namespace.
	(
		ulimit -Sf 64
		box -d --name "$(cid l)" --pid host --ulimit fsize=-1 -- sh -c 'yes a line that is not short | head -n 5000; exit 45'
	)
	run -0 c wait "$(cid l)"
	[ "$output" = 45 ]
	[ "$(stat -c %s "$CORACLE_STORE/containers/$(cid l)/log")" -gt 50000 ]
	c rm "$(cid l)"
	# From outside the same are.
	local sig
	for sig in XFSZ XCPU PIPE; do
		rm -f "$SYNC/up"
		fifo up
		env --default-signal "$CORACLE" run --root "$STATE" --rm -v "$SYNC:/sync" --rootfs "$ROOTFS" sh -c \
			"trap 'exit 46' $sig; echo up > /sync/up; while :; do read x < /sync/never; done" &
		local pid=$! status=0
		[ -p "$SYNC/never" ] || fifo never
		read -r _ < "$SYNC/up"
		kill -s $sig $pid
		wait $pid || status=$?
		[ $status = 46 ]
	done
}

@test "stdin_comes_with_interactive_and_not_without" {
	run -0 bash -c "echo data | '$CORACLE' run --root '$STATE' --rm -i --rootfs '$ROOTFS' cat"
	[ "$output" = data ]
	run -0 bash -c "echo data | '$CORACLE' run --root '$STATE' --rm --rootfs '$ROOTFS' cat"
	[ "$output" = "" ]
}

@test "stdout_and_stderr_stay_apart" {
	box --rm -- sh -c 'echo out; echo err >&2' > "$BATS_TEST_TMPDIR/out" 2> "$BATS_TEST_TMPDIR/err"
	[ "$(cat "$BATS_TEST_TMPDIR/out")" = out ]
	[ "$(cat "$BATS_TEST_TMPDIR/err")" = err ]
}

@test "a_terminal_is_a_terminal_of_our_size" {
	run -0 script -qec "stty rows 33 cols 77; '$CORACLE' run --root '$STATE' --rm -it --rootfs '$ROOTFS' \
		sh -c 'tty; stty size'" /dev/null
	[[ "$output" == *"/dev/pts/0"* ]]
	[[ "$output" == *"33 77"* ]]
}

@test "our_terminal_is_as_it_was_after_a_run" {
	run -0 script -qec "stty -g > '$BATS_TEST_TMPDIR/before'; '$CORACLE' run --root '$STATE' --rm -it \
		--rootfs '$ROOTFS' sh -c 'exit 3'; echo status \$?; stty -g > '$BATS_TEST_TMPDIR/after'" /dev/null
	[[ "$output" == *"status 3"* ]]
	cmp "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
}

@test "a_detached_terminal_has_a_size_and_a_log" {
	run -0 box -dt --name "$(cid t)" -- sh -c 'tty; stty size; exit 2'
	[ "$(c wait "$(cid t)")" = 2 ]
	run -0 c logs "$(cid t)"
	[ "$output" = $'/dev/pts/0\r\n24 80\r' ]
	c rm "$(cid t)"
}

@test "who_goes_on_to_write_to_a_terminal_does_not_keep_its_run_from_its_end" {
	# One that reads slower than he writes.
	box -d --name "$(cid w)" -- sleep 1000
	local status
	set +o pipefail
	timeout -s KILL 100 "$CORACLE" exec --root "$STATE" -t "$(cid w)" sh -c 'trap "" HUP; yes & sleep 0.1; exit 5' < /dev/null 3>&- |
		perl -e 'select undef, undef, undef, 0.02 while sysread STDIN, $x, 8192'
	status=${PIPESTATUS[0]}
	[ "$status" = 5 ]
	c rm -f "$(cid w)"
}

@test "a_terminal_without_one_of_ours_ends_with_its_input" {
	run -0 bash -c "echo hello | '$CORACLE' run --root '$STATE' --rm -it --rootfs '$ROOTFS' cat"
	[[ "$output" == *hello* ]]
}

@test "environment_directory_user_and_hostname_are_as_asked_for" {
	printf '# a comment\nONE=1\nTWO=2 words\n' > "$BATS_TEST_TMPDIR/env"
	FROM_US=ours run -0 box --rm -e TWO=two -e FROM_US --env-file "$BATS_TEST_TMPDIR/env" -w /tmp -u worker \
		--hostname place -- sh -c 'echo $ONE $TWO $FROM_US; pwd; id -u; id -G; hostname'
	[ "${lines[0]}" = "1 two ours" ]
	[ "${lines[1]}" = /tmp ]
	[ "${lines[2]}" = 1000 ]
	[ "${lines[3]}" = "1000 2000" ]
	[ "${lines[4]}" = place ]
	# An id may be longer than a name of a host.
	local long
	printf -v long '%065d' $$
	run -0 box --rm --name "$long" -- hostname
	[ "$output" = "${long:0:64}" ]
	run -0 box --rm --name "$(cid n)" --hostname '' -- hostname
	[ "$output" = "$(cid n)" ]
}

@test "limits_are_the_kernels" {
	run -0 box --rm -m 32m --pids-limit 17 -- sh -c \
		'cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.max
		cat /sys/fs/cgroup/pids/pids.max 2>/dev/null || cat /sys/fs/cgroup/pids.max'
	[ "${lines[0]}" = 33554432 ]
	[ "${lines[1]}" = 17 ]
}

@test "a_volume_shows_the_hosts_files_and_ro_keeps_them" {
	mkdir "$BATS_TEST_TMPDIR/vol"
	echo there > "$BATS_TEST_TMPDIR/vol/file"
	run -0 box --rm -v "$BATS_TEST_TMPDIR/vol:/mnt/deep/vol" -- sh -c 'cat /mnt/deep/vol/file; echo new > /mnt/deep/vol/new'
	[ "$output" = there ]
	[ "$(cat "$BATS_TEST_TMPDIR/vol/new")" = new ]
	run -1 box --rm -v "$BATS_TEST_TMPDIR/vol:/vol:ro" -- sh -c 'echo bad > /vol/file'
	[[ "$output" == *"Read-only file system"* ]]
	run -0 box --rm --mount "type=bind,src=$BATS_TEST_TMPDIR/vol,dst=/vol,readonly" -- cat /vol/file
	rmdir "$ROOTFS/mnt/deep/vol" "$ROOTFS/mnt/deep" "$ROOTFS/mnt" "$ROOTFS/vol"
}

@test "a_volume_that_is_not_there_is_refused_by_name" {
	run -125 box --rm --name "$(cid v)" -v /no/such/place:/x -- true
	[[ "$output" == *"/no/such/place"* ]]
	assert_gone "$(cid v)"
}

@test "a_tmpfs_is_empty_and_writable_on_a_read_only_root" {
	run -0 box --rm --read-only --tmpfs /tmp:size=1m -- sh -c \
		'echo x > /tmp/x && cat /tmp/x; { echo y > /y; } 2> /dev/null || echo refused; grep " /tmp tmpfs" /proc/mounts'
	[ "${lines[0]}" = x ]
	[ "${lines[1]}" = refused ]
	[[ "${lines[2]}" == *size=1024k* ]]
}

@test "capabilities_are_added_and_dropped" {
	run -0 box --rm -- grep CapEff /proc/self/status
	[[ "$output" == *00000000800405fb* ]]
	run -0 box --rm --cap-drop all -- grep CapEff /proc/self/status
	[[ "$output" == *0000000000000000* ]]
	run -0 box --rm --cap-drop ALL --cap-add net_raw -- grep CapEff /proc/self/status
	[[ "$output" == *0000000000002000* ]]
	run -125 box --rm --cap-add nonsense -- true
	[[ "$output" == *nonsense* ]]
}

@test "dangerous_calls_are_refused_unless_unconfined" {
	run -1 box --rm --cap-add sys_admin --security-opt seccomp=unconfined -- sh -c 'unshare -m true && exit 1'
	run -1 box --rm -- unshare -U true
	[[ "$output" == *"not permitted"* ]]
	run -0 box --rm -- sh -c 'grep -q "Seccomp:.2" /proc/self/status'
	run -0 box --rm --security-opt seccomp=unconfined -- sh -c 'grep -q "Seccomp:.0" /proc/self/status'
}

@test "a_debugger_works_on_what_is_in_the_container" {
	run -0 box --rm -v "$TOOLS:/tools:ro" -- /tools/trace true
	[ "$output" -gt 1 ]
}

@test "a_seccomp_profile_of_ones_own_is_used" {
	echo '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],
		"action":"SCMP_ACT_ERRNO","errnoRet":95}]}' > "$BATS_TEST_TMPDIR/profile"
	run -1 box --rm --security-opt "seccomp=$BATS_TEST_TMPDIR/profile" -- mkdir /tmp/x
	[[ "$output" == *"not supported"* ]]
	echo '{"nothing":1}' > "$BATS_TEST_TMPDIR/profile"
	run -125 box --rm --security-opt "seccomp=$BATS_TEST_TMPDIR/profile" -- true
	[[ "$output" == *defaultAction* ]]
}

@test "the_network_is_a_loopback_that_is_up_or_the_hosts" {
	run -0 box --rm -- cat /proc/net/dev
	[ "$(grep -c : <<< "$output")" = 1 ]
	run -0 box --rm -- ip -o link show lo
	[[ "$output" == *UP* ]]
	run -0 box --rm --network host -- readlink /proc/self/ns/net
	[ "$output" = "$(readlink /proc/self/ns/net)" ]
	run -125 box --rm --network bridge -- true
	[[ "$output" == *bridge* ]]
}

@test "a_detached_container_outlives_its_caller_and_its_log_is_kept" {
	fifo up
	fifo go
	local id
	id=$(cid d)
	# The caller is a session of its own that is gone when the container still waits.
	run -0 setsid -w bash -c "'$CORACLE' run --root '$STATE' -d --name '$id' -v '$SYNC:/sync' --rootfs '$ROOTFS' \
		sh -c 'echo first; echo wrong >&2; echo up > /sync/up; read x < /sync/go; echo second; exit 9'"
	[ "$output" = "$id" ]
	read -r _ < "$SYNC/up"
	run -0 c ps -q
	[ "$output" = "$id" ]
	# Of two streams that wait to be read, either may come first.
	until [ "$(c logs "$id" 2>&1 | wc -l)" = 2 ]; do sleep 0.02; done
	echo go > "$SYNC/go"
	run -0 c wait "$id"
	[ "$output" = 9 ]
	c logs "$id" > "$BATS_TEST_TMPDIR/out" 2> "$BATS_TEST_TMPDIR/err"
	[ "$(cat "$BATS_TEST_TMPDIR/out")" = $'first\nsecond' ]
	[ "$(cat "$BATS_TEST_TMPDIR/err")" = wrong ]
	run -0 c logs --tail 1 "$id"
	[ "$output" = second ]
	run -0 c ps -a
	[[ "${lines[1]}" == "$id"*"exited (9)"* ]]
	run -0 c rm "$id"
	assert_gone "$id"
}

@test "the_monitor_keeps_nothing_of_its_caller" {
	exec 7> "$BATS_TEST_TMPDIR/held"
	run -0 box -d --name "$(cid f)" -- sleep 1000
	exec 7>&-
	local monitor session
	monitor=$(field "$(cid f)" owner)
	[ -z "$(find "/proc/$monitor/fd" -lname "$BATS_TEST_TMPDIR/held")" ]
	session=$(awk '{ print $6 }' "/proc/$monitor/stat")
	[ "$session" = "$monitor" ]
	[ "$(readlink "/proc/$monitor/fd/0")" = /dev/null ]
	[ "$(readlink "/proc/$monitor/cwd")" = / ]
	run -0 c rm -f "$(cid f)"
	assert_gone "$(cid f)"
}

@test "a_detached_container_that_cannot_start_says_why" {
	run -127 box -d --name "$(cid x)" -- nosuchcommand
	[[ "$output" == *nosuchcommand* ]]
	assert_gone "$(cid x)"
}

@test "every_byte_of_a_large_output_is_in_the_log" {
	run -0 box -d --name "$(cid b)" -- sh -c 'seq 1 200000; head -c 100000 /dev/zero | tr "\0" x; printf end'
	[ "$(c wait "$(cid b)")" = 0 ]
	{ seq 1 200000; head -c 100000 /dev/zero | tr '\0' x; printf end; } > "$BATS_TEST_TMPDIR/want"
	c logs "$(cid b)" > "$BATS_TEST_TMPDIR/got"
	cmp "$BATS_TEST_TMPDIR/want" "$BATS_TEST_TMPDIR/got"
	c rm "$(cid b)"
}

@test "logs_follow_until_the_container_ends" {
	fifo go
	fifo log
	box -d --name "$(cid f)" -v "$SYNC:/sync" -- sh -c 'echo one; read x < /sync/go; echo two'
	c logs -f "$(cid f)" > "$SYNC/log" &
	local pid=$!
	exec 8< "$SYNC/log"
	read -r line <&8
	[ "$line" = one ]
	echo go > "$SYNC/go"
	read -r line <&8
	[ "$line" = two ]
	local ended=0
	read -r line <&8 || ended=1
	exec 8<&-
	[ $ended = 1 ]
	wait $pid
	c rm "$(cid f)"
}

@test "logs_follow_goes_on_where_the_log_is_cut_short" {
	fifo go
	fifo log
	box -d --name "$(cid f)" -v "$SYNC:/sync" -- sh -c 'echo the first line; read x < /sync/go; echo 2'
	c logs -f "$(cid f)" > "$SYNC/log" &
	local pid=$!
	exec 8< "$SYNC/log"
	read -r line <&8
	[ "$line" = "the first line" ]
	: > "$(field "$(cid f)" log)"
	echo go > "$SYNC/go"
	[ "$(cat <&8)" = 2 ]
	exec 8<&-
	wait $pid
	c rm "$(cid f)"
}

@test "of_several_that_fail_each_is_named" {
	local verb
	for verb in rm stop kill wait; do
		run --separate-stderr -1 c $verb "$(cid 1)" "$(cid 2)" "$(cid 3)"
		diff - <(echo "$stderr") <<- END
			coracle: container does not exist: $(cid 1)
			coracle: container does not exist: $(cid 2)
			coracle: container does not exist: $(cid 3)
		END
	done
}

@test "what_is_printed_to_no_stdout_is_an_error" {
	local verb
	c ps -q >&- # where there is nothing to print, nothing is lost
	box -d --name "$(cid s)" -- sleep 1000
	for verb in ps "kill $(cid s)" "wait $(cid s)"; do
		status=0
		# shellcheck disable=SC2086
		c $verb >&- 2> "$BATS_TEST_TMPDIR/err" || status=$?
		[ "$status" = 1 ]
		grep -q "write to stdout" "$BATS_TEST_TMPDIR/err"
	done
	# What a container writes there goes where it always went: nowhere.
	box -- echo x >&-
	c rm -f "$(cid s)" > /dev/null
}

@test "logs_know_times" {
	box -d --name "$(cid t)" -- echo now
	c wait "$(cid t)"
	run -0 c logs -t "$(cid t)"
	[[ "$output" =~ ^20[0-9-]+T[0-9:.]+Z\ now$ ]]
	run -0 c logs --since 1h "$(cid t)"
	[ "$output" = now ]
	run -0 c logs --since 2100-01-01T00:00:00Z "$(cid t)"
	[ "$output" = "" ]
	c rm "$(cid t)"
}

@test "a_container_of_the_foreground_has_no_log_and_logs_says_so" {
	box --name "$(cid n)" -- true
	run -1 c logs "$(cid n)"
	[[ "$output" == *detach* ]]
}

@test "rm_of_a_detached_run_with_rm_happens_by_itself" {
	fifo up
	box -d --rm --name "$(cid r)" -v "$SYNC:/sync" -- sh -c 'read x < /sync/up; exit 5'
	local monitor
	monitor=$(field "$(cid r)" owner)
	"$CORACLE" wait --root "$STATE" "$(cid r)" > "$BATS_TEST_TMPDIR/status" &
	local waiter=$!
	# The waiter holds the exit file open before the container may end.
	until [ -n "$(find "/proc/$waiter/fd" -lname '*/exit' 2> /dev/null)" ]; do
		kill -0 $waiter
	done
	echo go > "$SYNC/up"
	wait $waiter
	[ "$(cat "$BATS_TEST_TMPDIR/status")" = 5 ]
	await_end "$monitor"
	assert_gone "$(cid r)"
}

@test "stop_is_polite_then_not" {
	fifo up
	box -d --name "$(cid p)" -v "$SYNC:/sync" -- sh -c \
		'trap "exit 3" TERM; echo up > /sync/up; while :; do sleep 1000 & wait; done'
	read -r _ < "$SYNC/up"
	run -0 c stop -t 60 "$(cid p)"
	[ "$output" = "$(cid p)" ]
	[ "$(c wait "$(cid p)")" = 3 ]
	# As pid 1 with no handler it does not hear TERM at all.
	box -d --name "$(cid q)" -- sleep 1000
	run -0 c stop -t 0 "$(cid q)"
	[ "$(c wait "$(cid q)")" = 137 ]
	run -0 c stop "$(cid q)"
	# So many seconds are 0.3 of them, were nanoseconds to have 64 bits alone.
	box -d --name "$(cid r)" -v "$SYNC:/sync" -- sh -c \
		'trap "sleep 1; exit 3" TERM; echo up > /sync/up; while :; do sleep 1000 & wait; done'
	read -r _ < "$SYNC/up"
	run -0 c stop -t 18446744074 "$(cid r)"
	[ "$(c wait "$(cid r)")" = 3 ]
	# And these as few, were milliseconds to have 32.
	c rm "$(cid r)"
	box -d --name "$(cid r)" -v "$SYNC:/sync" -- sh -c \
		'trap "sleep 1; exit 3" TERM; echo up > /sync/up; while :; do sleep 1000 & wait; done'
	read -r _ < "$SYNC/up"
	run -0 c stop -t 4294968 "$(cid r)"
	[ "$(c wait "$(cid r)")" = 3 ]
	c rm "$(cid p)" "$(cid q)" "$(cid r)"
}

@test "stop_and_rm_take_all_there_are" {
	run -0 c stop --all
	[ -z "$output" ]
	run -0 c rm -af
	box -d --name "$(cid a)" -- sleep 1000
	box -d --name "$(cid b)" -- sleep 1000
	run -0 box --name "$(cid e)" -- true
	run -1 c rm -a # what runs is not removed so
	[[ "$output" == *"coracle: container $(cid a) is running: stop it before, or say --force"* && ! -e "$STATE/$(cid e)" ]]
	run -0 c stop -a -t 0
	[ "$(sort <<< "$output" | paste -sd ' ')" = "$(cid a) $(cid b)" ]
	[ -z "$(c ps -q)" ]
	box -d --name "$(cid d)" -- sleep 1000
	run -0 c rm --all --force
	[ "$(sort <<< "$output" | paste -sd ' ')" = "$(cid a) $(cid b) $(cid d)" ]
	[ -z "$(ls -A "$STATE")" ]
	run -1 c rm -a "$(cid a)"
	[ "$output" = "coracle: option --all: it is in the place of names" ]
	run -1 c stop
	[ "$output" = "coracle: no container: name it, or say --all" ]
}

@test "kill_and_wait_go_on_after_one_that_is_not_there" {
	box -d --name "$(cid a)" -- sleep 1000
	box -d --name "$(cid b)" -- sleep 1000
	run --separate-stderr -1 c kill "$(cid a)" "$(cid none)" "$(cid b)"
	[ "$output" = "$(cid a)"$'\n'"$(cid b)" ]
	# shellcheck disable=SC2154
	[ "$stderr" = "coracle: container does not exist: $(cid none)" ]
	run --separate-stderr -1 c wait "$(cid none)" "$(cid a)" "$(cid b)"
	[ "$output" = $'137\n137' ]
	[ "$stderr" = "coracle: container does not exist: $(cid none)" ]
	c rm "$(cid a)" "$(cid b)"
}

@test "stop_sends_the_signal_that_run_was_told" {
	fifo up
	box -d --name "$(cid s)" --stop-signal USR1 -v "$SYNC:/sync" -- sh -c \
		'trap "exit 11" USR1; echo up > /sync/up; while :; do sleep 1000 & wait; done'
	read -r _ < "$SYNC/up"
	c stop -t 60 -s '' "$(cid s)"
	[ "$(c wait "$(cid s)")" = 11 ]
	c rm "$(cid s)"
}

@test "ps_lists_what_runs_and_with_all_the_rest" {
	box -d --name "$(cid a)" -- sleep 1000
	run -4 box --name "$(cid b)" -- sh -c 'exit 4'
	run -0 c ps
	[ "${#lines[@]}" = 2 ]
	[[ "${lines[0]}" == ID*IMAGE*COMMAND*CREATED*STATUS*PID ]]
	[[ "${lines[1]}" == "$(cid a)"*"sleep 1000"*running*" $(field "$(cid a)" pid)" ]]
	run -0 c ps -aq
	[ "$output" = "$(cid a)"$'\n'"$(cid b)" ]
	c ps -a --format json > "$BATS_TEST_TMPDIR/json"
	[ "$(jq -r '.[0].status' "$BATS_TEST_TMPDIR/json")" = running ]
	[ "$(jq -r '.[0].command | join(" ")' "$BATS_TEST_TMPDIR/json")" = "sleep 1000" ]
	[ "$(jq -r '.[1].exitCode' "$BATS_TEST_TMPDIR/json")" = 4 ]
	[ "$(jq -r '.[1].pid' "$BATS_TEST_TMPDIR/json")" = 0 ]
	# The fields of this and of others are told by the help.
	"$CORACLE" volume create -l a=b v
	"$CORACLE" volume ls --json > "$BATS_TEST_TMPDIR/volume"
	"$CORACLE" prune --format json > "$BATS_TEST_TMPDIR/prune"
	cp "$BATS_TEST_TMPDIR/json" "$BATS_TEST_TMPDIR/ps"
	c cleanup --format json "$(cid b)" > "$BATS_TEST_TMPDIR/cleanup"
	local command name
	for command in volume prune ps cleanup; do
		"$CORACLE" $command --help > "$BATS_TEST_TMPDIR/help"
		for name in $(jq -r 'if type == "array" then .[] else . end | del(.labels) | keys[]' "$BATS_TEST_TMPDIR/$command"); do
			grep -qF "\"$name\"" "$BATS_TEST_TMPDIR/help" || { echo "$command: $name"; false; }
		done
	done
	run -1 c rm "$(cid a)"
	[[ "$output" == *"$(cid a)"* ]]
	run -0 c rm -f "$(cid a)" "$(cid b)" no-such-container
	[ -z "$(ls -A "$STATE")" ]
	run -1 c rm no-such-container
	[[ "$output" == *no-such-container* ]]
}

@test "exec_runs_inside_and_gives_the_status" {
	box -d --name "$(cid e)" -e HERE=inside -- sleep 1000
	run -0 c exec "$(cid e)" sh -c 'echo $HERE; cat /proc/1/comm'
	[ "$output" = $'inside\nsleep' ]
	run -6 c exec "$(cid e)" sh -c 'exit 6'
	run -143 c exec "$(cid e)" sh -c 'kill -TERM $$'
	run -127 c exec "$(cid e)" nosuchcommand
	[[ "$output" == *nosuchcommand* ]]
	run -126 c exec "$(cid e)" /etc/passwd
	run -0 c exec -u worker -w /tmp -e MORE=1 "$(cid e)" sh -c 'id -u; pwd; echo $MORE'
	[ "$output" = $'1000\n/tmp\n1' ]
	run -0 bash -c "echo typed | '$CORACLE' exec --root '$STATE' -i '$(cid e)' cat"
	[ "$output" = typed ]
	run -0 script -qec "'$CORACLE' exec --root '$STATE' -it '$(cid e)' tty" /dev/null
	[[ "$output" == *"/dev/pts/"* ]]
	printf '# of mine\nA=of a file\nB=b\n' > "$BATS_TEST_TMPDIR/env"
	run -0 c exec --env-file "$BATS_TEST_TMPDIR/env" -e B=c "$(cid e)" sh -c 'echo $HERE, $A, $B'
	[ "$output" = "inside, of a file, c" ]
	run -125 c exec --env-file /no/such/file "$(cid e)" true
	c stop -t 0 "$(cid e)"
	run -125 c exec "$(cid e)" true
	[[ "$output" == *"not running"* ]]
	c rm "$(cid e)"
}

@test "a_detached_exec_is_left_to_itself" {
	local pid fd
	fifo go
	box -d --name "$(cid e)" -v "$SYNC:/sync" -- sleep 1000
	# Were it to keep our streams, this would wait for its end.
	run -0 c exec -dit "$(cid e)" cat /sync/go
	[ -z "$output" ]
	pid=$(c exec "$(cid e)" pidof cat)
	for fd in 0 1 2; do
		[ "$(c exec "$(cid e)" readlink "/proc/$pid/fd/$fd")" = /dev/null ]
	done
	echo gone > "$SYNC/go"
	run -127 c exec -d "$(cid e)" nosuchcommand
	[[ "$output" == *nosuchcommand* ]]
	c exec -d "$(cid e)" sleep 1000
	run -0 c rm -f "$(cid e)"
	assert_gone "$(cid e)"
}

@test "a_taken_id_is_refused_with_the_remedy" {
	run -0 box --name "$(cid t)" -- true
	run -125 box --name "$(cid t)" -- true
	[[ "$output" == *"$(cid t)"*"coracle rm"* ]]
	[ "${#lines[@]}" = 1 ]
	run -0 c rm "$(cid t)"
	assert_gone "$(cid t)"
}

@test "a_bad_id_is_refused" {
	run -125 box --name ../evil -- true
	[[ "$output" == *evil* ]]
	run -125 box --name -x -- true
}

@test "an_image_that_is_not_there_is_one_line_with_the_remedy" {
	run -125 c run --pull never no/such/image true
	[[ "$output" == *"no/such/image"* ]]
	[[ "$output" == *"coracle pull"* ]]
	[ "${#lines[@]}" = 1 ]
}

# An OCI layout with the busybox root file system: $1 its directory, $2 its configuration.
busybox_layout() {
	tar -C "$ROOTFS" -cf "$1.tar" .
	layer "$1" "$1.tar"
	image_end "$1" v1 "$2" > "$1.out"
}

@test "a_layout_or_archive_is_run_as_it_is_now_not_what_has_its_name" {
	local d=$BATS_TEST_TMPDIR
	mkdir "$d/one" "$d/two"
	busybox_layout "$d/one/app" '{"Cmd":["echo","one"]}'
	busybox_layout "$d/two/app" '{"Cmd":["echo","two"]}'
	run -0 c run -q --rm "oci:$d/one/app:v1"
	[ "$output" = one ]
	run -0 c run -q --rm "oci:$d/two/app:v1"
	[ "$output" = two ]
	run -0 c run -q --rm app:v1
	[ "$output" = two ]
	# Made anew, it is the new one; an archive is, too.
	rm -r "$d/two/app"
	busybox_layout "$d/two/app" '{"Cmd":["echo","three"]}'
	run -0 c run -q --rm --pull missing "oci:$d/two/app:v1"
	[ "$output" = three ]
	run -0 c run --rm "oci:$d/two/app:v1" # nor a word of what is here already
	[ "$output" = three ]
	tar -C "$d/one/app" -cf "$d/app.tar" .
	run -0 c run -q --rm "oci-archive:$d/app.tar:v1"
	[ "$output" = one ]
	run -0 c bundle -q "oci:$d/two/app:v1" "$d/bundle"
	[ "$(jq -c .process.args "$d/bundle/config.json")" = '["echo","three"]' ]
	# What is here already is asked for by its name, or by never.
	rm -r "$d/two/app"
	run -125 c run -q --rm "oci:$d/two/app:v1"
	[[ "$output" == *"$d/two/app"* ]]
	run -0 c run -q --rm --pull never "oci:$d/two/app:v1"
	[ "$output" = three ]
}

@test "an_image_runs_its_own_command_on_a_layer_of_its_own" {
	local layout=$BATS_TEST_TMPDIR/app
	busybox_layout "$layout" '{"Entrypoint":["sh","-c"],"Cmd":["echo $X; pwd; echo mine > /new"],
		"Env":["X=from the image"],"WorkingDir":"/tmp"}'
	run -125 c run --pull never "oci:$layout:v1"
	[[ "$output" == *"coracle pull"* ]]
	# Missing, it is fetched.
	run -0 --separate-stderr c run -q --rm "oci:$layout:v1"
	[ "$output" = $'from the image\n/tmp' ]
	# What the first one wrote went with it.
	run -0 --separate-stderr c run --rm app:v1 'cat /new 2> /dev/null || echo as it was'
	[ "$output" = "as it was" ]
	run -0 c run --rm -e X=ours -w /root app:v1
	[ "$output" = $'ours\n/root' ]
	run -0 c run --rm --entrypoint '' app:v1 echo without
	[ "$output" = without ]
	run -127 c run --rm --name "$(cid g)" --entrypoint nosuch app:v1
	assert_gone "$(cid g)"
	# Without --rm it stays, with the image's name and what was written, until rm.
	run -0 c run --name "$(cid h)" app:v1
	[ -f "$CORACLE_STORE/containers/$(cid h)/upper/new" ]
	run -0 c ps -a
	[[ "${lines[1]}" == "$(cid h)"*"app:v1"*"exited (0)"* ]]
	run -0 c rm "$(cid h)"
	assert_gone "$(cid h)"
	run -125 c run --pull sometimes app:v1
	[[ "$output" == *sometimes* ]]
}

@test "stop_sends_the_signal_of_the_image" {
	local layout=$BATS_TEST_TMPDIR/app id
	id=$(cid i)
	busybox_layout "$layout" '{"StopSignal":"SIGUSR2"}'
	"$CORACLE" pull -q "oci:$layout:v1"
	fifo up
	c run -d --name "$id" -v "$SYNC:/sync" app:v1 sh -c \
		'trap "exit 12" USR2; echo up > /sync/up; while :; do sleep 1000 & wait; done'
	read -r _ < "$SYNC/up"
	c stop -t 60 "$id"
	[ "$(c wait "$id")" = 12 ]
	c rm "$id"
	assert_gone "$id"
}

@test "a_state_directory_that_cannot_be_written_is_named" {
	mkdir "$BATS_TEST_TMPDIR/ro"
	mount -t tmpfs -o ro none "$BATS_TEST_TMPDIR/ro"
	run -125 "$CORACLE" run --root "$BATS_TEST_TMPDIR/ro/state" --rm --rootfs "$ROOTFS" true
	umount "$BATS_TEST_TMPDIR/ro"
	[[ "$output" == *"$BATS_TEST_TMPDIR/ro/state"* ]]
	[[ "$output" == *"--root"* ]]
	[ "${#lines[@]}" = 1 ]
}

@test "a_root_file_system_may_be_given_through_a_link" {
	ln -s "$ROOTFS" "$BATS_TEST_TMPDIR/link"
	run -0 c run --rm --rootfs "$BATS_TEST_TMPDIR/link" echo ran
	[ "$output" = ran ]
}

@test "a_state_root_may_be_relative" {
	cd "$BATS_TEST_TMPDIR"
	run -0 "$CORACLE" run --root state -d --name "$(cid r)" --rootfs "$ROOTFS" sleep 1000
	run -0 "$CORACLE" ps --root state -q
	[ "$output" = "$(cid r)" ]
	run -0 "$CORACLE" rm --root "$STATE" -f "$(cid r)"
	assert_gone "$(cid r)"
}

# unsaid COMMAND... - to a full disk and to nowhere it ends with 1 and one line that says so.
unsaid() {
	local to
	for to in '> /dev/full' '>&-'; do
		run -1 --separate-stderr bash -c '"$@" '"$to" - "$@"
		[[ "$stderr" == "coracle: "?(error: )"write to stdout: "* && "${#stderr_lines[@]}" = 1 ]] || { echo "$* $to: $stderr"; return 1; }
	done
}

@test "what_cannot_be_said_is_an_error" {
	local id n verb many=()
	id=$(cid f)
	id=$id$(printf 'x%.0s' $(seq $((40 - ${#id}))))
	busybox_layout "$BATS_TEST_TMPDIR/app" '{}'
	unsaid "$CORACLE" pull -q "oci:$BATS_TEST_TMPDIR/app:v1"
	run -0 "$CORACLE" volume create v
	box -d --name "$id" -- sh -c 'echo said; exec sleep 1000'
	until [ -n "$(c logs "$id")" ]; do :; done
	for verb in ps "logs $id" "kill -s CONT $id" "wait --help"; do
		# shellcheck disable=SC2086
		unsaid "$CORACLE" ${verb%% *} --root "$STATE" ${verb#"${verb%% *}"}
	done
	for verb in images "images -q" "inspect app:v1" "tag app:v1 app:v2" "volume ls" "volume inspect v" "volume create"; do
		# shellcheck disable=SC2086
		unsaid "$CORACLE" $verb
	done
	for verb in --help --version help "help ps" "ps --help" man "man run" completion hello "shim -v" "shim -info" runtime; do
		# shellcheck disable=SC2086
		unsaid "$CORACLE" $verb
	done
	for verb in list "list -q" "list -f json" "state $id" "ps $id" "ps -f json $id" "events --stats $id" features --version \
		--help "help list" "spec --help"; do
		# shellcheck disable=SC2086
		unsaid "$CORACLE" runtime --root "$STATE" $verb
	done
	# Also where all of it has left the buffer already: 25 lines of 41.
	for n in {1..26}; do
		many+=("$id")
		[ "$n" -lt 24 ] || unsaid "$CORACLE" kill --root "$STATE" -s CONT "${many[@]}"
	done
	unsaid "$CORACLE" stop --root "$STATE" -t 0 "$id"
	unsaid "$CORACLE" wait --root "$STATE" "$id"
	run -1 --separate-stderr bash -c '"$@" > /dev/full' - "$CORACLE" rm --root "$STATE" "$id"
	[[ "$stderr" == "coracle: write to stdout: "* ]]
	assert_gone "$id"
}

@test "bad_options_are_named" {
	run -125 box --memory lots -- true
	[[ "$output" == *lots* ]]
	run -125 box --cpus many -- true
	[[ "$output" == *many* ]]
	run -125 box --nonsense -- true
	[[ "$output" == *nonsense* ]]
	run -125 box -v rela/tive:/x -- true
	[[ "$output" == *rela/tive* ]]
}
