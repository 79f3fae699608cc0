#!/usr/bin/env bats
# 30-shim.bats - a real containerd, on a socket of its own, with our shim.

load helper
load containerd

setup_file() {
	containerd_setup
}

teardown_file() {
	containerd_teardown
}

setup() {
	containerd_test_setup
}

teardown() {
	containerd_test_teardown
}

@test "run_prints_the_output_and_gives_the_status" {
	run -0 ctr_run "$ID" echo hello
	[ "$output" = hello ]
	run -7 ctr_run "$ID" sh -c 'exit 7'
}

@test "stdout_and_stderr_stay_apart" {
	ctr_run "$ID" sh -c 'echo out; echo err >&2' > "$BATS_TEST_TMPDIR/out" 2> "$BATS_TEST_TMPDIR/err"
	[ "$(cat "$BATS_TEST_TMPDIR/out")" = out ]
	[ "$(cat "$BATS_TEST_TMPDIR/err")" = err ]
}

@test "run_leaves_nothing" {
	run -0 ctr_run "$ID" true
	assert_no_shim "$ID"
	run -0 ctr_run "$ID" sh -c 'exit 0' # and the id is free
	assert_no_shim "$ID"
}

@test "a_command_that_does_not_exist_is_named_and_leaves_nothing" {
	run -1 ctr_run "$ID" /no/such/command
	[[ "$output" == *"/no/such/command"*"no such file or directory"* ]]
	assert_no_shim "$ID"
}

@test "twenty_runs_in_a_row_succeed" {
	local i
	for i in $(seq 20); do
		ctr_run "$ID" true
	done
	assert_no_shim "$ID"
}

@test "eight_runs_at_a_time_succeed" {
	local i pids=() p
	for i in $(seq 8); do
		ctr_run "$ID-$i" sh -c "exit $i" &
		pids+=($!)
	done
	for i in $(seq 8); do
		p=0
		wait "${pids[$((i - 1))]}" || p=$?
		[ $p = "$i" ]
	done
	for i in $(seq 8); do
		assert_no_shim "$ID-$i"
	done
}

@test "stdin_reaches_cat_and_ends_twenty_times" {
	local i
	for i in $(seq 20); do
		[ "$(echo "line $i" | ctr_run "$ID" cat)" = "line $i" ]
	done
}

@test "an_empty_stdin_ends_too" {
	local i
	for i in $(seq 5); do
		run -0 ctr_run "$ID" cat < /dev/null
		[ "$output" = "" ]
	done
}

@test "five_megabytes_go_out_and_three_in_unchanged" {
	[ "$(ctr_run "$ID" sh -c 'head -c 5242880 /dev/zero' | sha256sum)" = "$(head -c 5242880 /dev/zero | sha256sum)" ]
	head -c 3000000 /dev/urandom > "$BATS_TEST_TMPDIR/in"
	[ "$(ctr_run "$ID" cat < "$BATS_TEST_TMPDIR/in" | sha256sum)" = "$(sha256sum < "$BATS_TEST_TMPDIR/in")" ]
}

@test "a_terminal_has_our_size" {
	# The size comes after the start, and ctr may stop listening before the end: the status tells.
	run -5 script -qec "stty rows 33 cols 77; ctr -a $CONTAINERD -n $NS run --rm -t --runtime $RUNTIME $IMAGE $ID \
		sh -c 'tty -s || exit 6; while [ \"\$(stty size 2>&1)\" != \"33 77\" ]; do :; done; exit 5'" /dev/null
	assert_no_shim "$ID"
}

@test "a_detached_task_is_listed_killed_and_deleted" {
	run -0 ctr_ run -d --runtime "$RUNTIME" "$IMAGE" "$ID" sleep 1000
	run -0 ctr_ task ls
	[[ "$output" == *"$ID"*RUNNING* ]]
	local pid
	pid=$(pid_of "$ID")
	[ "$(cat "/proc/$pid/comm")" = sleep ]
	run -0 ctr_ task ps "$ID"
	[[ "$output" == *"$pid"* ]]
	run -1 ctr_ task rm "$ID"
	[[ "$output" == *"running"* ]]
	run -0 ctr_ task kill -s KILL "$ID"
	await_end "$pid"
	run -1 ctr_ task kill -s KILL "$ID"
	[[ "$output" == *"not found"* ]]
	run -0 ctr_ task rm "$ID" # says "exit with non-zero exit code 137" on stderr
	[[ "$output" == *137* ]]
	run -0 ctr_ containers rm "$ID"
	assert_no_shim "$ID"
}

@test "exec_gives_output_status_and_stdin" {
	ctr_ run -d --runtime "$RUNTIME" "$IMAGE" "$ID" sleep 1000
	run -3 ctr_ task exec --exec-id e1 "$ID" sh -c 'echo inside; exit 3'
	[ "$output" = inside ]
	[ "$(echo typed | ctr_ task exec --exec-id e2 "$ID" cat)" = typed ]
	run -0 ctr_ task exec --exec-id e3 "$ID" cat < /dev/null
	run -0 ctr_ task exec --exec-id e4 --user 1000 --cwd /tmp "$ID" sh -c 'id -u; pwd'
	[ "$output" = $'1000\n/tmp' ]
	run -1 ctr_ task exec --exec-id e5 "$ID" /no/such/command
	[[ "$output" == *"/no/such/command"* ]]
	# ctr may stop listening to a terminal before its end: what it says is its status.
	run -5 script -qec "ctr -a $CONTAINERD -n $NS task exec -t --exec-id e6 $ID sh -c 'tty -s && exit 5'" /dev/null
	# The same exec id may be used again: nothing is left of the first.
	run -0 ctr_ task exec --exec-id e1 "$ID" true
}

@test "a_paused_task_says_so_and_resumes" {
	ctr_ run -d --runtime "$RUNTIME" "$IMAGE" "$ID" sleep 1000
	run -0 ctr_ task pause "$ID"
	run -0 ctr_ task ls
	[[ "$output" == *"$ID"*PAUSED* ]]
	run -0 ctr_ task resume "$ID"
	run -0 ctr_ task ls
	[[ "$output" == *"$ID"*RUNNING* ]]
}

@test "update_changes_the_limits_of_a_task" {
	ctr_ run -d --memory-limit 67108864 --runtime "$RUNTIME" "$IMAGE" "$ID" sleep 1000
	local address cgroup limit
	address=$(cat "$TASKS/$ID/address")
	cgroup=/sys/fs/cgroup/memory/$NS/$ID
	update() {
		"$BATS_TEST_DIRNAME/ttrpc" "${address#unix://}" Update 1="$ID" 2.1=types.containerd.io/opencontainers/runtime-spec/1/LinuxResources "$@"
	}
	limit=$(cat "$cgroup/memory.limit_in_bytes")
	[ "$limit" = 67108864 ]
	run -0 update 2.2='{"memory": {"limit": 33554432}, "pids": {"limit": 77}}'
	[ "$(cat "$cgroup/memory.limit_in_bytes" "/sys/fs/cgroup/pids/$NS/$ID/pids.max" | tr '\n' ' ')" = "33554432 77 " ]
	run -1 update 2.2='{"memory": {"limit": "x"}}'
	[[ $output == *"memory.limit: expected a number"* ]]
	run -1 "$BATS_TEST_DIRNAME/ttrpc" "${address#unix://}" Update 1="$ID"
	[[ $output == *"no resources"* ]]
	[ "$(cat "$cgroup/memory.limit_in_bytes")" = 33554432 ]
}

@test "metrics_are_the_cgroups" {
	ctr_ run -d --runtime "$RUNTIME" --memory-limit 33554432 "$IMAGE" "$ID" sleep 1000
	ctr_ task metrics --format json "$ID" > "$BATS_TEST_TMPDIR/json"
	[ "$(jq -r '.pids.current' "$BATS_TEST_TMPDIR/json")" = 1 ]
	[ "$(jq -r '.memory.usage.limit // .memory.usage_limit' "$BATS_TEST_TMPDIR/json")" = 33554432 ]
}

@test "events_come_in_order_with_true_times" {
	events_start
	local before after
	before=$(date +%s%N)
	sleeper "$ID"
	ctr_ task exec --exec-id e1 "$ID" sh -c 'exit 4' || [ $? = 4 ]
	ctr_ task kill -s KILL "$ID"
	await_event /tasks/exit ".id == \"$ID\""
	after=$(date +%s%N)
	ctr_ task rm "$ID" || true
	await_event /tasks/delete ".container_id == \"$ID\""
	[ "$(events_topics "$ID")" = "/tasks/create /tasks/start /tasks/exec-added /tasks/exec-started /tasks/exit /tasks/exit /tasks/delete" ]
	local exited
	exited=$(event_time /tasks/exit ".id == \"$ID\"" .exited_at)
	[ "$exited" = "$(event_time /tasks/delete ".container_id == \"$ID\"" .exited_at)" ]
	[ "$exited" -gt "$before" ]
	[ "$exited" -lt "$after" ]
	[ "$(event_field /tasks/exit ".id == \"$ID\"" .exit_status)" = 137 ]
	[ "$(event_field /tasks/exit '.id == "e1"' .exit_status)" = 4 ]
}

@test "an_exec_whose_output_nobody_reads_has_ended_before_its_task_is_deleted" {
	events_start
	sleeper "$ID"
	script -qec "ctr -a $CONTAINERD -n $NS task exec -d -t --exec-id e1 $ID head -c 1000000 /dev/zero" /dev/null
	# The FIFO is full, the shim has some of the rest, and the terminal.
	local writer before='' now
	writer=$(pgrep -P "$(shim_pid "$ID")" -x head)
	until now=$(< "/proc/$writer/io") && [ "$now" = "$before" ]; do
		before=$now
		sleep 0.1
	done
	ctr_ task kill -s KILL "$ID"
	await_event /tasks/exit ".id == \"$ID\""
	ctr_ task rm "$ID" || true
	await_event /tasks/delete ".container_id == \"$ID\""
	[ "$(event_field /tasks/exit '.id == "e1"' .exit_status)" = 137 ]
}

@test "a_container_out_of_memory_says_so_before_its_exit" {
	events_start
	ctr_ run -d --null-io --memory-limit 16777216 --runtime "$RUNTIME" "$IMAGE" "$ID" \
		sh -c 'x=x; while :; do x=$x$x; done'
	await_event /tasks/exit ".id == \"$ID\""
	[ "$(events_topics "$ID")" = "/tasks/create /tasks/start /tasks/oom /tasks/exit" ]
}

@test "a_process_killed_for_memory_is_told_while_the_container_lives" {
	events_start
	ctr_ run -d --null-io --memory-limit 16777216 --runtime "$RUNTIME" "$IMAGE" "$ID" \
		sh -c 'sh -c "x=x; while :; do x=\$x\$x; done"; sleep 1000'
	await_event /tasks/oom ".container_id == \"$ID\""
	[[ "$(ctr_ task ls)" == *"$ID"*RUNNING* ]]
}

@test "containers_of_a_group_share_a_shim_that_goes_with_the_last" {
	local shim
	sleeper "$ID-a" --annotation "io.containerd.runc.v2.group=$ID"
	sleeper "$ID-b" --annotation "io.containerd.runc.v2.group=$ID"
	shim=$(shim_pid "$ID-a")
	run -1 shim_pid "$ID-b"
	[ "$(pgrep -c -P "$shim")" = 2 ]
	ctr_ task rm -f "$ID-a" || true
	ctr_ containers rm "$ID-a"
	run -0 ctr_ task exec --exec-id e1 "$ID-b" echo alive
	[ "$output" = alive ]
	ctr_ task rm -f "$ID-b" || true
	ctr_ containers rm "$ID-b"
	await_end "$shim"
	assert_no_shim "$ID-a"
	assert_no_shim "$ID-b"
}

@test "it_serves_in_the_place_of_runcs_shim_with_its_options" {
	run -0 ctr_ run --rm --runtime io.containerd.runc.v2 --runc-root "$BATS_TEST_TMPDIR/state" "$IMAGE" "$ID" echo in place
	[ "$output" = "in place" ]
	[ -d "$BATS_TEST_TMPDIR/state/$NS" ]
	assert_no_shim "$ID"
}

@test "kill_9_of_the_shim_ends_its_container_and_leaves_nothing" {
	events_start
	sleeper "$ID"
	local shim pid
	shim=$(shim_pid "$ID")
	pid=$(pid_of "$ID")
	kill -9 "$shim"
	await_event /tasks/delete ".container_id == \"$ID\""
	[ "$(event_field /tasks/exit ".id == \"$ID\"" .exit_status)" = 137 ]
	[ "$(event_field /tasks/exit ".id == \"$ID\"" .pid)" = "$pid" ]
	await_end "$pid"
	ctr_ containers rm "$ID"
	assert_no_shim "$ID"
}

@test "delete_after_a_crash_answers_the_recorded_exit" {
	mkfifo "$BATS_TEST_TMPDIR/go"
	events_start
	ctr_ run -d --null-io --runtime "$RUNTIME" --mount "type=bind,src=$BATS_TEST_TMPDIR,dst=/sync,options=rbind:rw" \
		"$IMAGE" "$ID" sh -c 'read x < /sync/go; exit 9'
	echo go > "$BATS_TEST_TMPDIR/go"
	await_event /tasks/exit ".id == \"$ID\""
	local exited
	exited=$(event_field /tasks/exit ".id == \"$ID\"" .exited_at)
	kill -9 "$(shim_pid "$ID")"
	await_event /tasks/delete ".container_id == \"$ID\""
	[ "$(event_field /tasks/delete ".container_id == \"$ID\"" .exit_status)" = 9 ]
	[ "$(event_field /tasks/delete ".container_id == \"$ID\"" .exited_at)" = "$exited" ]
	ctr_ containers rm "$ID"
	assert_no_shim "$ID"
}

@test "tasks_outlive_containerd_and_their_exits_are_told_when_it_is_back" {
	mkfifo "$BATS_TEST_TMPDIR/go"
	sleeper "$ID-a"
	ctr_ run -d --null-io --runtime "$RUNTIME" --mount "type=bind,src=$BATS_TEST_TMPDIR,dst=/sync,options=rbind:rw" \
		"$IMAGE" "$ID-b" sh -c 'read x < /sync/go; exit 9'
	containerd_kill
	echo go > "$BATS_TEST_TMPDIR/go"
	await_record "$ID-b"
	local ended
	ended=$(date +%s%N)
	containerd_start
	events_start
	run -0 ctr_ task ls
	[[ "$output" == *"$ID-a"*RUNNING* ]]
	[[ "$output" == *"$ID-b"*STOPPED* ]]
	run -0 ctr_ task exec --exec-id e1 "$ID-a" echo alive
	[ "$output" = alive ]
	run -0 ctr_ task rm "$ID-b"
	[[ "$output" == *"exit code 9"* ]]
	await_event /tasks/delete ".container_id == \"$ID-b\""
	[ "$(event_field /tasks/delete ".container_id == \"$ID-b\"" .exit_status)" = 9 ]
	[ "$(event_time /tasks/delete ".container_id == \"$ID-b\"" .exited_at)" -lt "$ended" ]
}

@test "output_goes_to_a_file_or_a_logger" {
	run -0 ctr_ run --rm --log-uri "file://$BATS_TEST_TMPDIR/log" --runtime "$RUNTIME" "$IMAGE" "$ID" \
		sh -c 'echo out; echo err >&2'
	[ "$(cat "$BATS_TEST_TMPDIR/log")" = $'out\nerr' ]
	mkfifo "$BATS_TEST_TMPDIR/done"
	cat > "$BATS_TEST_TMPDIR/logger" <<-END
		#!/bin/sh
		exec 5>&-
		{ echo "\$CONTAINER_NAMESPACE \$CONTAINER_ID \$1 \$2"; cat <&3; cat <&4; } > $BATS_TEST_TMPDIR/logged
		echo done > $BATS_TEST_TMPDIR/done
	END
	chmod +x "$BATS_TEST_TMPDIR/logger"
	run -0 ctr_ run --rm --log-uri "binary://$BATS_TEST_TMPDIR/logger?key=a%20value" --runtime "$RUNTIME" \
		"$IMAGE" "$ID" sh -c 'echo out; echo err >&2'
	read -r _ < "$BATS_TEST_TMPDIR/done"
	[ "$(cat "$BATS_TEST_TMPDIR/logged")" = "$NS $ID key a value"$'\nout\nerr' ]
}

@test "a_logger_that_cannot_be_executed_is_named_and_nothing_is_started" {
	echo no program > "$BATS_TEST_TMPDIR/logger"
	chmod +x "$BATS_TEST_TMPDIR/logger"
	run -1 ctr_ run --rm --log-uri "binary://$BATS_TEST_TMPDIR/logger" --runtime "$RUNTIME" "$IMAGE" "$ID" true
	[[ "$output" == *"start logger $BATS_TEST_TMPDIR/logger: Exec format error"* ]]
	assert_no_shim "$ID"
}

@test "nothing_is_mounted_on_the_host" {
	sleeper "$ID"
	assert_no_mount "$ID"
}

@test "a_shim_keeps_nothing_of_its_caller_and_little_memory" {
	sleeper "$ID"
	local shim dirty
	shim=$(shim_pid "$ID")
	[ "$(readlink "/proc/$shim/fd/0")" = /dev/null ]
	[ "$(readlink "/proc/$shim/fd/1")" = /dev/null ]
	[ "$(readlink "/proc/$shim/cwd")" = / ]
	run -1 bash -c "ls -l /proc/$shim/fd | grep -F containerd.log"
	sync # pages of a new binary count as dirty until they are written
	dirty=$(awk '/^Private_Dirty/ { print $2 }' "/proc/$shim/smaps_rollup")
	echo "private dirty: $dirty KiB"
	[ "$dirty" -le 160 ] || [[ "$CORACLE" == */san/* ]] # sanitizers need more
}
