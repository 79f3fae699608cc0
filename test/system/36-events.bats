#!/usr/bin/env bats
# 36-events.bats - what the shim tells, to somebody who hears it, does not, or is not there.

load helper
load shim

setup_file() {
	shim_setup_file
}

setup() {
	shim_setup
	HEAR=$BATS_TEST_TMPDIR/events.sock
	HEARD=$BATS_TEST_TMPDIR/heard
	: > "$HEARD"
}

teardown() {
	hear_end
	shim_teardown
}

# hear [refuse|hang]: whoever the shim tells; a line each in $HEARD.
hear() {
	"$(dirname "$CORACLE")/system/ask" hear "$HEAR" "$@" >> "$HEARD" 3>&- &
	HEARER=$!
}

hear_end() {
	[ -n "${HEARER:-}" ] || return 0
	kill "$HEARER" 2> /dev/null
	wait "$HEARER" 2> /dev/null || :
	HEARER=
}

# await_heard LINES
await_heard() {
	until [ "$(wc -l < "$HEARD")" -ge "$1" ]; do
		sleep 0.02
	done
}

# A life with an exec, whose events are these.
live() {
	ask Exec 1="$ID" 2=e1 7.1="$PROCESS" 7.2='{"args":["true"],"cwd":"/","user":{"uid":0,"gid":0},"env":["PATH=/bin"]}'
	ask Start 1="$ID" 2=e1 > /dev/null
	ask Wait 1="$ID" 2=e1 > /dev/null
	ask Pause 1="$ID"
	ask Resume 1="$ID"
	ask Kill 1="$ID" 3:9
	ask Wait 1="$ID" > /dev/null
	ask Delete 1="$ID" > /dev/null
}

life="/tasks/create /tasks/start /tasks/exec-added /tasks/exec-started /tasks/exit /tasks/paused /tasks/resumed /tasks/exit /tasks/delete"

topics() {
	cut -d' ' -f1 "$HEARD" | paste -sd' '
}

@test "each_is_told_once_and_in_order_with_what_it_is_about" {
	hear
	bundle "$ID"
	shim_start "$ID"
	create "$ID"
	live
	await_heard 9
	[ "$(topics)" = "$life" ]
	grep -q "^/tasks/create $ID $BATS_TEST_TMPDIR/bundles/$ID" "$HEARD"
	grep -qx "/tasks/exec-started $ID e1" "$HEARD"
	grep -q "^/tasks/exit $ID e1" "$HEARD"
	grep -q "^/tasks/exit $ID $ID" "$HEARD"
}

@test "they_wait_for_who_is_not_there_and_the_shim_for_them" {
	local shim
	bundle "$ID"
	shim_start "$ID"
	shim=$(shim_pid "$ID")
	create "$ID"
	live
	ask Shutdown 1="$ID"
	hear
	await_end "$shim"
	[ "$(topics)" = "$life" ]
}

@test "who_refuses_them_for_now_is_told_again" {
	hear refuse
	bundle "$ID"
	shim_start "$ID"
	create "$ID"
	live
	await_heard 3 # the first one, again and again
	hear_end
	: > "$HEARD"
	hear
	await_heard 9
	[ "$(topics)" = "$life" ]
}

@test "who_takes_them_and_never_answers_holds_nobody_up" {
	hear hang
	bundle "$ID"
	shim_start "$ID"
	create "$ID"
	live
	await_heard 1
	[ "$(topics)" = /tasks/create ]
	hear_end
	: > "$HEARD"
	hear # the one that was not answered once more
	await_heard 9
	[ "$(topics)" = "$life" ]
}

@test "nobody_to_tell_does_not_keep_a_shim_that_is_done" {
	local shim
	bundle "$ID"
	shim_start "$ID"
	shim=$(shim_pid "$ID")
	create "$ID"
	live
	ask Shutdown 1="$ID"
	await_end "$shim"
	[ ! -e "${ADDRESS#unix://}" ]
}

# ends FILE STATUS TIME: what an answer says of an end in these fields.
ends() {
	awk -v status="$2" -v time="$3" '$1 == status ":" { a = $2 } $1 == time ".1:" { b = $2 } $1 == time ".2:" { c = $2 }
		END { print a, b, c }' "$1"
}

# An end whose output nobody reads is told after a second: whoever asks meanwhile is told the truth.
@test "an_end_is_in_the_state_before_its_output_is_read_and_told_before_its_deletion_once" {
	local t=$BATS_TEST_TMPDIR shim pid waiting asking who
	mkfifo "$t/in" "$t/out" "$t/in2" "$t/out2"
	exec {IN}<> "$t/in" {IN2}<> "$t/in2"
	hear
	bundle "$ID" '.process.args = ["sh", "-c", "head -c 65536 /dev/zero; read x; exit 7"]'
	shim_start "$ID"
	shim=$(shim_pid "$ID")
	create "$ID" 5="$t/in" 6="$t/out"
	ask Exec 1="$ID" 2=e1 4="$t/in2" 5="$t/out2" 7.1="$PROCESS" \
		7.2='{"args":["sh","-c","head -c 65536 /dev/zero; read x; exit 5"],"cwd":"/","user":{},"env":["PATH=/bin"]}'
	pid=$(ask Start 1="$ID" 2=e1)
	for who in e1 ""; do
		ask Wait 1="$ID" 2="$who" > "$t/wait" &
		waiting=$!
		kill -STOP "$shim"
		if [ "$who" ]; then
			echo >&$IN2
			await_end "${pid#1: }"
		else
			echo >&$IN
			await_end "$PID"
		fi
		ask State 1="$ID" 2="$who" > "$t/state" &
		asking=$!
		kill -CONT "$shim"
		wait $asking
		grep -qx "4: 3" "$t/state"
		ask Delete 1="$ID" 2="$who" > "$t/delete"
		wait $waiting
		[[ "$(ends "$t/state" 9 10)" =~ ^[57]\ [0-9]{10}\ [0-9]+$ ]]
		[ "$(ends "$t/state" 9 10)" = "$(ends "$t/delete" 2 3)" ]
		[ "$(ends "$t/state" 9 10)" = "$(ends "$t/wait" 1 2)" ]
	done
	exec {IN}>&- {IN2}>&-
	await_heard 7
	[ "$(topics)" = "/tasks/create /tasks/start /tasks/exec-added /tasks/exec-started /tasks/exit /tasks/exit /tasks/delete" ]
	[ "$(grep -c "^/tasks/exit $ID e1" "$HEARD")" = 1 ]
}

@test "an_end_is_told_though_its_record_is_removed_while_its_output_waits_for_a_reader" {
	local t=$BATS_TEST_TMPDIR shim waiting asking
	mkfifo "$t/in" "$t/out"
	exec {IN}<> "$t/in"
	hear
	bundle "$ID" '.process.args = ["sh", "-c", "echo words; read x; exit 7"]'
	shim_start "$ID"
	shim=$(shim_pid "$ID")
	create "$ID" 5="$t/in" 6="$t/out"
	ask Wait 1="$ID" > "$t/wait" &
	waiting=$!
	kill -STOP "$shim"
	echo >&$IN
	await_end "$PID"
	"$CORACLE" runtime --root "/run/coracle/containerd-$NS" delete "$ID"
	ask Shutdown 1="$ID" > /dev/null &
	asking=$!
	kill -CONT "$shim"
	wait $asking
	wait $waiting
	ask Shutdown 1="$ID" > /dev/null || : # what was told is forgotten now
	await_end "$shim"
	exec {IN}>&-
	[ "$(topics)" = "/tasks/create /tasks/start /tasks/exit" ]
	[ "$(sed -n 's/^1: //p' "$t/wait")" = 7 ]
}

@test "lack_of_memory_again_and_again_is_told_once_to_who_was_away" {
	local dir=/sys/fs/cgroup/memory/$NS/$ID
	bundle "$ID" '.linux.resources.memory.limit = 16777216 | .process.args = ["sh", "-c",
		"for i in 1 2 3; do sh -c \"x=x; while :; do x=\\$x\\$x; done\"; done; echo ready; sleep 1000"] | .root.readonly = true'
	mkfifo "$BATS_TEST_TMPDIR/out"
	shim_start "$ID"
	create "$ID" 6="$BATS_TEST_TMPDIR/out"
	grep -qx ready "$BATS_TEST_TMPDIR/out"
	[ "$(awk '$1 == "oom_kill" { print $2 }' "$dir/memory.oom_control")" = 3 ]
	ask Kill 1="$ID" 3:9
	ask Wait 1="$ID" > /dev/null
	hear
	await_heard 4
	[ "$(topics)" = "/tasks/create /tasks/start /tasks/oom /tasks/exit" ]
}

@test "whose_limit_it_was_is_in_the_log" {
	local text='(x=x; while :; do x=$x$x; done); echo ready; exec sleep 1000'
	mkfifo "$BATS_TEST_TMPDIR/out" "$BATS_TEST_TMPDIR/go"
	HEAR=''
	bundle "$ID-a" '.linux.resources.memory.limit = 16777216 | .process.args = ["sh", "-c", '"$(jq -Rn --arg t "$text" '$t')"']'
	bundle "$ID-b" '.process.args = ["sh", "-c", '"$(jq -Rn --arg t "read x; $text" '$t')"']'
	: > "$BATS_TEST_TMPDIR/bundles/$ID-a/log"
	: > "$BATS_TEST_TMPDIR/bundles/$ID-b/log"
	shim_start "$ID-a"
	create "$ID-a" 6="$BATS_TEST_TMPDIR/out"
	grep -qx ready "$BATS_TEST_TMPDIR/out"
	ask State 1="$ID-a" > /dev/null # after what it was told of before
	grep "container $ID-a: .*lack of memory: .*/$NS/$ID-a has reached its limit" "$BATS_TEST_TMPDIR/bundles/$ID-a/log"
	# That of the cgroup above, which has none of its own.
	shim_start "$ID-b"
	create "$ID-b" 5="$BATS_TEST_TMPDIR/go" 6="$BATS_TEST_TMPDIR/out"
	echo 16777216 > "/sys/fs/cgroup/memory/$NS/memory.limit_in_bytes"
	echo > "$BATS_TEST_TMPDIR/go"
	grep -qx ready "$BATS_TEST_TMPDIR/out"
	ask State 1="$ID-b" > /dev/null
	grep "container $ID-b: .*lack of memory: .*/$NS has reached its limit" "$BATS_TEST_TMPDIR/bundles/$ID-b/log"
}
