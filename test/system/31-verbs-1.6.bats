#!/usr/bin/env bats
# 31-verbs-VERSION.bats - every verb and option of ctr, under containerd of the version that the file's name tells: one
# file, under several names.
# shellcheck disable=SC2030,SC2031 # one test has another RUNTIME

load helper
load containerd

setup_file() {
	local version=${BATS_TEST_FILENAME##*-}
	[ "$(id -u)" = 0 ] || return 0
	containerd_use "${version%.bats}"
	containerd_setup
}

teardown_file() {
	containerd_teardown
}

setup() {
	containerd_test_setup
	SYNC=$BATS_TEST_TMPDIR/sync
	mkdir "$SYNC"
}

teardown() {
	containerd_test_teardown
}

# run_with OPTION... -- COMMAND...: in the foreground, gone afterwards.
run_with() {
	local options=()
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	ctr_ run --rm --runtime "$RUNTIME" "${options[@]}" "$IMAGE" "$ID" "$@"
}

# start_with OPTION... -- COMMAND...: in the background. /sync is the test's.
start_with() {
	local options=()
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	ctr_ run -d --runtime "$RUNTIME" --mount "type=bind,src=$SYNC,dst=/sync,options=rbind:rw" "${options[@]}" \
		"$IMAGE" "$ID" "$@"
}

# Whether containerd is that old or newer.
since() {
	[ "$(printf '%s\n' "$1" "$CONTAINERD_VERSION" | sort -V | head -n 1)" = "$1" ]
}

@test "it_is_the_version_that_it_should_be" {
	run -0 ctr_ version
	[[ "$output" =~ Server:.*Version:\ *v?$CONTAINERD_VERSION\. ]]
}

@test "run_has_output_status_environment_and_working_directory" {
	run -7 run_with --env A=b --env-file <(echo C=d) --cwd /tmp -- sh -c 'echo "$A $C $PWD"; exit 7'
	[ "$output" = "b d /tmp" ]
	run_with -- sh -c 'echo out; echo err >&2' > "$SYNC/out" 2> "$SYNC/err"
	[ "$(cat "$SYNC/out" "$SYNC/err")" = $'out\nerr' ]
	if since 1.7; then
		run -0 run_with --hostname named --user 1000:2000 -- sh -c 'hostname; id -u; id -g'
		[ "$output" = $'named\n1000\n2000' ]
	fi
	assert_no_shim "$ID"
}

@test "stdin_arrives_and_ends_and_five_megabytes_come_out" {
	local i
	for i in 1 2 3 4 5; do
		[ "$(echo "line $i" | run_with -- cat)" = "line $i" ]
	done
	run -0 run_with -- cat < /dev/null
	[ "$output" = "" ]
	head -c 5242880 /dev/urandom > "$SYNC/in"
	[ "$(run_with -- cat < "$SYNC/in" | sha256sum)" = "$(sha256sum < "$SYNC/in")" ]
}

@test "a_terminal_has_our_size" {
	run -5 script -qec "stty rows 33 cols 77; ctr -a $CONTAINERD -n $NS run --rm -t --runtime $RUNTIME $IMAGE $ID \
		sh -c 'tty -s || exit 6; while [ \"\$(stty size 2>&1)\" != \"33 77\" ]; do :; done; exit 5'" /dev/null
	assert_no_shim "$ID"
}

@test "in_the_background_it_is_listed_told_of_killed_and_removed" {
	local pid
	start_with --pid-file "$SYNC/pid" --label a=b --null-io -- sleep 1000
	pid=$(cat "$SYNC/pid")
	[ "$(pid_of "$ID")" = "$pid" ]
	[ "$(cat "/proc/$pid/comm")" = sleep ]
	run -0 ctr_ task ps "$ID"
	[[ "$output" == *"$pid"* ]]
	[ "$(ctr_ containers info "$ID" | jq -r '.Runtime.Name + " " + .Labels.a')" = "$RUNTIME b" ]
	ctr_ task kill -s TERM "$ID" # an init without a handler goes on
	[[ "$(ctr_ task ls)" == *"$ID"*RUNNING* ]]
	ctr_ task kill -s KILL "$ID"
	await_end "$pid"
	run -0 ctr_ task rm "$ID"
	[[ "$output" == *137* ]]
	ctr_ containers rm "$ID"
	assert_no_shim "$ID"
}

@test "a_container_that_was_created_is_started_as_a_task" {
	ctr_ containers create --runtime "$RUNTIME" "$IMAGE" "$ID" expr 1 - 1
	run -1 ctr_ task start "$ID"
	[ "$output" = 0 ]
	run -0 ctr_ task start -d --null-io "$ID"
	[[ "$(ctr_ task ls)" == *"$ID"* ]]
}

@test "output_goes_to_a_file_or_a_logger" {
	run -0 run_with --log-uri "file://$SYNC/log" -- sh -c 'echo out; echo err >&2'
	[ "$(cat "$SYNC/log")" = $'out\nerr' ]
	mkfifo "$SYNC/done"
	cat > "$SYNC/logger" <<-END
		#!/bin/sh
		exec 5>&-
		{ echo "\$CONTAINER_NAMESPACE \$CONTAINER_ID \$1 \$2"; cat <&3; cat <&4; } > $SYNC/logged
		echo done > $SYNC/done
	END
	chmod +x "$SYNC/logger"
	run -0 run_with --log-uri "binary://$SYNC/logger?key=a%20value" -- sh -c 'echo out; echo err >&2'
	read -r _ < "$SYNC/done"
	[ "$(cat "$SYNC/logged")" = "$NS $ID key a value"$'\nout\nerr' ]
}

@test "namespaces_are_the_hosts_where_that_is_asked_for" {
	run -0 run_with --net-host -- readlink /proc/self/ns/net
	[ "$output" = "$(readlink /proc/self/ns/net)" ]
	run -0 run_with -- readlink /proc/self/ns/net
	[ "$output" != "$(readlink /proc/self/ns/net)" ]
	start_with --null-io -- sleep 1000
	local pid
	pid=$(pid_of "$ID")
	run -0 ctr_ run --rm --runtime "$RUNTIME" --with-ns "uts:/proc/$pid/ns/uts" "$IMAGE" "$ID-2" readlink /proc/self/ns/uts
	[ "$output" = "$(readlink "/proc/$pid/ns/uts")" ]
}

@test "its_cgroup_is_where_it_is_wanted_with_its_limits" {
	start_with --null-io --cgroup "/$NS/$ID/deep" --memory-limit 67108864 --cpu-shares 512 --cpus 0.5 -- sleep 1000
	local pid
	pid=$(pid_of "$ID")
	grep -qx "[0-9]*:memory:/$NS/$ID/deep" "/proc/$pid/cgroup"
	[ "$(cat "/sys/fs/cgroup/memory/$NS/$ID/deep/memory.limit_in_bytes")" = 67108864 ]
	[ "$(cat "/sys/fs/cgroup/cpu/$NS/$ID/deep/cpu.shares")" = 512 ]
	[ "$(cat "/sys/fs/cgroup/cpu/$NS/$ID/deep/cpu.cfs_quota_us")" = 50000 ]
	ctr_ task rm -f "$ID"
	[ ! -e "/sys/fs/cgroup/memory/$NS/$ID/deep" ]
}

@test "what_it_may_do_is_what_the_options_say" {
	run -0 run_with --seccomp -- awk '/^Seccomp:/ { print $2 }' /proc/self/status
	[ "$output" = 2 ]
	run -0 run_with --privileged --device /dev/fuse -- sh -c '[ -c /dev/fuse ] && mount -t tmpfs tmpfs /tmp && echo mounted'
	[ "$output" = mounted ]
	run -1 run_with --read-only -- touch /file
	[[ "$output" == *"Read-only file system"* ]]
	run -0 run_with --cap-drop CAP_CHOWN --cap-add CAP_SYS_TIME -- awk '/^CapEff/ { print $2 }' /proc/self/status
	[ $((0x$output & 1)) = 0 ]
	[ $((0x$output >> 25 & 1)) = 1 ]
	run -0 run_with --allow-new-privs -- awk '/^NoNewPrivs/ { print $2 }' /proc/self/status
	[ "$output" = 0 ]
}

@test "a_mount_is_there_and_a_directory_can_be_the_root" {
	echo content > "$SYNC/file"
	run -1 run_with --mount "type=bind,src=$SYNC,dst=/mnt,options=rbind:ro" -- sh -c 'cat /mnt/file; echo x > /mnt/file'
	[[ "$output" == *content* && "$output" == *"Read-only file system"* ]]
	run -0 run_with --mount type=tmpfs,dst=/mnt,options=size=65536 -- sh -c 'df -k /mnt | awk "NR == 2 { print \$2 }"'
	[ "$output" = 64 ]
	run -0 ctr_ run --rm --runtime "$RUNTIME" --rootfs "$BATS_FILE_TMPDIR/rootfs" "$ID" cat /etc/group
	[ "$output" = "$(cat "$BATS_FILE_TMPDIR/rootfs/etc/group")" ]
}

@test "ids_are_mapped" {
	run -0 run_with --uidmap 0:100000:65536 --gidmap 0:200000:65536 -- \
		sh -c 'cat /proc/self/uid_map /proc/self/gid_map; id -u; stat -c %u:%g /bin/busybox'
	[ "$(tr -s ' ' <<< "$output")" = $' 0 100000 65536\n 0 200000 65536\n0\n0:0' ]
	assert_no_shim "$ID"
}

@test "exec_has_output_status_stdin_user_and_directory" {
	start_with --null-io -- sleep 1000
	run -3 ctr_ task exec --exec-id e1 "$ID" sh -c 'echo inside; exit 3'
	[ "$output" = inside ]
	[ "$(echo typed | ctr_ task exec --exec-id e2 "$ID" cat)" = typed ]
	run -0 ctr_ task exec --exec-id e3 "$ID" cat < /dev/null
	run -0 ctr_ task exec --exec-id e4 --user 1000 --cwd /tmp "$ID" sh -c 'id -u; pwd'
	[ "$output" = $'1000\n/tmp' ]
	run -1 ctr_ task exec --exec-id e5 "$ID" /no/such/command
	[[ "$output" == *"/no/such/command"* ]]
	run -5 script -qec "ctr -a $CONTAINERD -n $NS task exec -t --exec-id e6 $ID sh -c 'tty -s && exit 5'" /dev/null
	mkfifo "$SYNC/fifo"
	ctr_ task exec -d --exec-id e7 "$ID" sh -c 'echo detached > /sync/fifo'
	[ "$(cat "$SYNC/fifo")" = detached ]
	run -0 ctr_ task exec --exec-id e8 --log-uri "file://$SYNC/log" "$ID" echo logged
	[ "$(cat "$SYNC/log")" = logged ]
	run -0 ctr_ task exec --exec-id e1 "$ID" true
}

@test "kill_reaches_an_exec_or_all" {
	start_with --null-io -- sh -c 'sleep 1001 & exec sleep 1000'
	mkfifo "$SYNC/fifo"
	local pid exec child status=0
	pid=$(pid_of "$ID")
	ctr_ task exec --exec-id e1 "$ID" sh -c 'echo ready > /sync/fifo; exec sleep 1000' &
	exec=$!
	read -r _ < "$SYNC/fifo"
	ctr_ task kill -s TERM --exec-id e1 "$ID"
	wait $exec || status=$?
	[ $status = 143 ]
	child=$(pgrep -P "$pid")
	ctr_ task kill --all -s KILL "$ID"
	await_end "$pid"
	await_end "$child"
	run -1 ctr_ task kill -s KILL "$ID"
	[[ "$output" == *"not found"* ]]
}

@test "metrics_are_text_and_json" {
	start_with --null-io --memory-limit 67108864 -- sleep 1000
	[ "$(ctr_ task metrics --format json "$ID" | jq -r '[.pids.current, .memory.usage.limit] | join(" ")')" = "1 67108864" ]
	run -0 ctr_ task metrics "$ID"
	[[ "$output" == *pids.current*1* ]]
	[[ "$output" == *memory.usage_in_bytes* ]]
}

@test "pause_and_resume" {
	start_with --null-io -- sleep 1000
	ctr_ task pause "$ID"
	[[ "$(ctr_ task ls)" == *"$ID"*PAUSED* ]]
	ctr_ task resume "$ID"
	[[ "$(ctr_ task ls)" == *"$ID"*RUNNING* ]]
	ctr_ task pause "$ID"
	ctr_ task kill -s KILL "$ID" # a paused one dies too
	await_end "$(pid_of "$ID")"
}

@test "attach_takes_what_it_says_and_its_status" {
	mkfifo "$SYNC/go"
	start_with -- sh -c 'read x < /sync/go; echo $x; exit 3'
	ctr_ task attach "$ID" > "$SYNC/out" 2>&1 &
	echo attached > "$SYNC/go"
	local status=0
	wait $! || status=$?
	[ $status = 3 ]
	[ "$(cat "$SYNC/out")" = attached ]
}

@test "events_are_all_told_in_order" {
	events_start
	start_with --null-io -- sleep 1000
	ctr_ task exec --exec-id e1 "$ID" sh -c 'exit 4' || [ $? = 4 ]
	ctr_ task pause "$ID"
	ctr_ task resume "$ID"
	ctr_ task kill -s KILL "$ID"
	await_event /tasks/exit ".id == \"$ID\""
	ctr_ task rm "$ID" || true
	await_event /tasks/delete ".container_id == \"$ID\""
	[ "$(events_topics "$ID")" = "/tasks/create /tasks/start /tasks/exec-added /tasks/exec-started /tasks/exit /tasks/paused /tasks/resumed /tasks/exit /tasks/delete" ]
	[ "$(event_time /tasks/exit ".id == \"$ID\"" .exited_at)" = "$(event_time /tasks/delete ".container_id == \"$ID\"" .exited_at)" ]
}

@test "the_shim_itself_tells_its_state" {
	start_with --null-io -- sleep 1000
	run -0 ctr_ shim --id "$ID" state
	[ "$(jq -r '[.id, .pid, .bundle] | join(" ")' <<< "$output")" = \
		"$ID $(pid_of "$ID") $TASKS/$ID" ]
}

@test "what_the_runtime_can_do_is_understood" {
	since 2 || return 0
	ctr_ plugins inspect-runtime --runtime "$RUNTIME" > "$SYNC/out"
	[ "$(jq -r '[.Name, .Version.Version, .Features.linux.mountExtensions.idmap.enabled] | join(" ")' "$SYNC/out")" = \
		"$RUNTIME $("$CORACLE" --version | awk '{ print $3 }') true" ]
	ctr_ plugins inspect-runtime --runtime io.containerd.runc.v2 --runc-root /run/x > "$SYNC/out"
	[ "$(jq -r '[.Name, .Options.root] | join(" ")' "$SYNC/out")" = "io.containerd.runc.v2 /run/x" ]
}

@test "a_command_that_does_not_exist_is_named_and_leaves_nothing" {
	run -1 run_with -- /no/such/command
	[[ "$output" == *"/no/such/command"*"no such file or directory"* ]]
	assert_no_shim "$ID"
}

@test "in_the_place_of_runcs_shim_it_takes_its_options" {
	local RUNTIME=io.containerd.runc.v2
	run -0 run_with --runc-root "$SYNC/root" --no-pivot -- echo in place
	[ "$output" = "in place" ]
	run -0 run_with --runc-binary "$(command -v runc)" -- echo native
	[ "$output" = native ]
	run -0 run_with --privileged --net-host --memory-limit 67108864 --seccomp -- true
	start_with --null-io --runc-root "$SYNC/root" -- sleep 1000
	[ -d "$SYNC/root/$NS/$ID" ]
	run -4 ctr_ task exec --exec-id e1 "$ID" sh -c 'exit 4'
	ctr_ task rm -f "$ID"
	ctr_ containers rm "$ID"
	assert_no_shim "$ID"
}

@test "tasks_outlive_containerd_and_their_exits_are_told_when_it_is_back" {
	mkfifo "$SYNC/go"
	sleeper "$ID-2"
	start_with --null-io -- sh -c 'read x < /sync/go; exit 9'
	local ended
	containerd_kill
	echo go > "$SYNC/go"
	await_record "$ID"
	ended=$(date +%s%N)
	containerd_start
	events_start
	run -0 ctr_ task ls
	[[ "$output" == *"$ID-2"*RUNNING* ]]
	[[ "$output" =~ $ID\ +[0-9]+\ +STOPPED ]]
	run -0 ctr_ task exec --exec-id e1 "$ID-2" echo alive
	[ "$output" = alive ]
	run -0 ctr_ task rm "$ID"
	[[ "$output" == *"exit code 9"* ]]
	await_event /tasks/delete ".container_id == \"$ID\""
	[ "$(event_time /tasks/delete ".container_id == \"$ID\"" .exited_at)" -lt "$ended" ]
}

@test "kill_9_of_the_shim_ends_its_container_and_leaves_nothing" {
	events_start
	start_with --null-io -- sleep 1000
	local pid
	pid=$(pid_of "$ID")
	kill -9 "$(shim_pid "$ID")"
	await_event /tasks/delete ".container_id == \"$ID\""
	[ "$(event_field /tasks/exit ".id == \"$ID\"" .exit_status)" = 137 ]
	[ "$(event_field /tasks/exit ".id == \"$ID\"" .pid)" = "$pid" ]
	await_end "$pid"
	ctr_ containers rm "$ID"
	assert_no_shim "$ID"
}
