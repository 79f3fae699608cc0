#!/usr/bin/env bats
# 33-task.bats - what the shim's Task service answers and tells, beside containerd's own shim.

load helper
load containerd

setup_file() {
	containerd_setup
	# A hierarchy that somebody has mounted elsewhere (it is in /proc/self/cgroup) makes theirs blind for all of them.
	cat > "$BATS_FILE_TMPDIR/theirs" <<-END
		#!/bin/sh
		if [ "\$THEIRS" != inside ]; then
			THEIRS=inside exec unshare --mount --propagation slave "\$0" "\$@"
		fi
		cut -d: -f2 /proc/self/cgroup | while read -r name; do
			[ -n "\$name" ] && ! grep -q " - cgroup [^ ]* [^ ]*\$name" /proc/self/mountinfo || continue
			mkdir -p "$BATS_FILE_TMPDIR/\$name"
			mount -t cgroup -o "\$name" cgroup "$BATS_FILE_TMPDIR/\$name"
		done > /dev/null 2>&1
		unset THEIRS
		exec "$(command -v containerd-shim-runc-v2)" "\$@"
	END
	chmod +x "$BATS_FILE_TMPDIR/theirs"
}

teardown_file() {
	containerd_teardown
}

setup() {
	containerd_test_setup
	THEIRS=$BATS_FILE_TMPDIR/theirs
	PROCESS=types.containerd.io/opencontainers/runtime-spec/1/Process
}

teardown() {
	containerd_test_teardown
	# Theirs does not notice that a client other than containerd has deleted its task.
	pkill -f -- "^[^ ]*containerd-shim-runc-v2 -namespace $NS -id $ID-b " || :
}

# shellcheck disable=SC2153 # of containerd.bash
# pair OPTION... -- COMMAND...: the same container twice: ID-a with our shim, ID-b with theirs.
pair() {
	local options=()
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	ctr_ run -d --null-io --runtime "$RUNTIME" "${options[@]}" "$IMAGE" "$ID-a" "$@"
	ctr_ run -d --null-io --runtime "$THEIRS" "${options[@]}" "$IMAGE" "$ID-b" "$@"
	ADDRESSES=("$(cat "$TASKS/$ID-a/address")" "$(cat "$TASKS/$ID-b/address")")
}

# call METHOD FIELD...: of the first shim of the pair, as ID-a.
call() {
	"$BATS_TEST_DIRNAME/ttrpc" "${ADDRESSES[0]}" "$@" | tr -d '\0'
}

# both METHOD FIELD...: both shims answer in the same words; @ is the id. A precondition that failed is said to be one by
# ours alone.
both() {
	local ours theirs
	ours=$("$BATS_TEST_DIRNAME/ttrpc" "${ADDRESSES[0]}" "${@//@/$ID-a}" | tr -d '\0')
	theirs=$("$BATS_TEST_DIRNAME/ttrpc" "${ADDRESSES[1]}" "${@//@/$ID-b}" | tr -d '\0')
	if [[ $theirs == error* || $ours == error* ]]; then
		[[ $theirs != "error 2: "* ]] || [[ $ours != "error 9: "* ]] || theirs="error 9: ${theirs#*: }: failed precondition"
		[ "${ours//$ID-a/@}" = "${theirs//$ID-b/@}" ] || { echo "$*: '$ours', theirs '$theirs'"; return 1; }
	fi
	output=$ours
}

exec_both() {
	both Exec 1=@ 2="$1" 7.1="$PROCESS" 7.2='{"args":["/bin/sleep","1000"],"cwd":"/","user":{"uid":0,"gid":0}}'
}

@test "metrics_are_those_of_containerds_shim_for_the_same_cgroup" {
	local disk
	disk=$(mountpoint -d /) && disk=$(cat "/sys/dev/block/$disk/dev") # 0:N of an overlay is no disk
	sleeper "$ID-a" --cgroup "/$NS/$ID" --memory-limit 67108864 --cpus 0.5
	# What nobody limits is not counted.
	[ -z "$disk" ] || echo "$disk 1000000000" > "/sys/fs/cgroup/blkio/$NS/$ID/blkio.throttle.write_bps_device" || :
	ctr_ run -d --null-io --runtime "$THEIRS" --cgroup "/$NS/$ID" --memory-limit 67108864 --cpus 0.5 "$IMAGE" "$ID-b" sleep 1000
	ctr_ task exec --exec-id e1 "$ID-a" sh -c 'i=0; while [ $i -lt 50000 ]; do i=$((i + 1)); done
		head -c 5000000 /dev/zero > /tmp/cached; dd if=/dev/zero of=/tmp/direct bs=1M count=2 oflag=direct' > /dev/null 2>&1 || :
	local same
	# The kernel settles its accounts a moment later.
	for _ in $(seq 20); do
		ctr_ task metrics --format json "$ID-a" | jq -S 'del(.network)' > "$BATS_TEST_TMPDIR/a"
		ctr_ task metrics --format json "$ID-b" | jq -S 'del(.network)' > "$BATS_TEST_TMPDIR/b"
		cmp -s "$BATS_TEST_TMPDIR/a" "$BATS_TEST_TMPDIR/b" && same=1 && break
	done
	[ -n "$same" ] || diff "$BATS_TEST_TMPDIR/a" "$BATS_TEST_TMPDIR/b"
	run -0 jq -c '[.memory.cache > 4000000, .cpu.usage.total > 1000000, .pids.current, (.cpu.usage.per_cpu | length > 0)]' "$BATS_TEST_TMPDIR/a"
	[ "$output" = '[true,true,2,true]' ]
}

@test "metrics_tell_of_the_network_that_is_the_containers_own" {
	sleeper "$ID-a"
	sleeper "$ID-b" --net-host
	local pid
	pid=$(pid_of "$ID-a")
	nsenter -t "$pid" -n ip link add v0 type veth peer name v1
	nsenter -t "$pid" -n ip link set v0 up
	nsenter -t "$pid" -n ip link set v1 up
	nsenter -t "$pid" -n ip addr add 10.1.1.1/24 dev v0
	nsenter -t "$pid" -n ip neigh add 10.1.1.2 lladdr 02:00:00:00:00:01 dev v0
	ctr_ task exec --exec-id e1 "$ID-a" sh -c 'echo hello | nc -u -w 1 10.1.1.2 9' || :
	run -0 jq -c '[.network[] | select(.name == "v0")][0] | [.name, .tx_packets > 0, .tx_bytes > 0]' <(ctr_ task metrics --format json "$ID-a")
	[ "$output" = '["v0",true,true]' ]
	run -0 jq -c '[.network[].name] | index("lo")' <(ctr_ task metrics --format json "$ID-a")
	[ "$output" = null ]
	run -0 jq -c '.network' <(ctr_ task metrics --format json "$ID-b")
	[ "$output" = null ]
}

@test "metrics_of_a_stopped_task_and_of_one_whose_cgroup_is_gone_are_answered" {
	sleeper "$ID"
	local dir
	ctr_ task kill -s KILL "$ID"
	await_record "$ID"
	run -0 jq '.pids.current // 0' <(ctr_ task metrics --format json "$ID")
	[ "$output" = 0 ]
	for dir in /sys/fs/cgroup/*/"$NS/$ID"; do
		rmdir "$dir"
	done
	run -0 jq '[.pids.current // 0, .memory.usage.usage // 0, .cpu.usage.total // 0]' <(ctr_ task metrics --format json "$ID")
	[ "$(tr -d ' \n' <<< "$output")" = "[0,0,0]" ]
	run -0 ctr_ task rm "$ID"
}

@test "each_state_refuses_in_the_words_of_containerds_shim" {
	pair -- sleep 1000
	local method
	run call State 1="$ID-a" 2=nope
	[ "$output" = "error 5: process nope of container $ID-a: not found" ]
	for method in State Start Delete Pids Pause Resume Kill Exec Update Wait Stats CloseIO ResizePty Checkpoint; do
		run call "$method" 1=nope
		[ "$output" = "error 5: container nope: not found" ]
	done
	for method in Start Delete Resume; do
		both "$method" 1=@
		[[ $output == "error 9: "* ]]
	done
	exec_both e1
	exec_both e1
	[ "$output" = "error 6: id e1: already exists" ]
	both Kill 1=@ 2=e1 3:9
	[ "$output" = "error 9: process not created: failed precondition" ]
	both Pause 1=@
	for method in Pause Start Delete; do
		both "$method" 1=@
		[[ $output == "error 9: "* ]]
	done
	exec_both e2
	[ "$output" = "error 9: cannot exec in a paused state: failed precondition" ]
	both Resume 1=@
	both Start 1=@ 2=e1
	for method in Start Delete; do
		both "$method" 1=@ 2=e1
		[[ $output == "error 9: "* ]]
	done
	both Kill 1=@ 2=e1 3:9
	both Wait 1=@ 2=e1
	both Kill 1=@ 2=e1 3:9
	[ "$output" = "error 5: process already finished: not found" ]
	both Start 1=@ 2=e1
	[ "$output" = "error 9: cannot start a stopped process: failed precondition" ]
	both Delete 1=@ 2=e1
	both Kill 1=@ 3:9
	both Wait 1=@
	for method in Start Pause Resume Checkpoint; do
		both "$method" 1=@
		[[ $output == "error 9: "* ]]
	done
	both Update 1=@ 2.1=x '2.2={}'
	[ "$output" = "error 9: cannot update a stopped container: failed precondition" ]
	exec_both e3
	[ "$output" = "error 9: cannot exec in a stopped state: failed precondition" ]
	both Kill 1=@ 3:9
	[ "$output" = "error 5: process already finished: not found" ]
	both Kill 1=@ 3:9 4:1
	both Pids 1=@
	both Shutdown 1=@ # which only the last one's end
	both Delete 1=@
	both Shutdown 1=@
}

# containerd's protobuf reads no message that has a string of other bytes.
@test "words_that_are_cut_in_a_character_or_are_none_arrive" {
	local name char
	name=$(printf '\303\251%.0s' {1..300})
	for char in "" x; do # so that one of them is cut
		run ! ctr_run "$ID" "/$char$name"
		[[ "$output" == *"exec: \"/$char"*": no such file or directory"* ]]
	done
	sleeper "$ID"
	nsenter -t "$(pid_of "$ID")" -n ip link add $'v\377' type veth peer name v1
	run -0 jq -c '[.network[].name] | sort' <(ctr_ task metrics --format json "$ID")
	[ "$output" = '["v1","v?"]' ]
}

# task_made N: in the shims of a pair, for what ctr does in one step.
task_made() {
	local of
	for of in a b; do
		mkdir "$BATS_TEST_TMPDIR/$ID-$of$1"
		jq --arg rootfs "$BATS_FILE_TMPDIR/rootfs" --arg cgroup "/$NS/$ID-$of$1" '.root = {path: $rootfs, readonly: true} |
			.linux.cgroupsPath = $cgroup' "$TASKS/$ID-$of/config.json" > "$BATS_TEST_TMPDIR/$ID-$of$1/config.json"
	done
	both Create "1=@$1" "2=$BATS_TEST_TMPDIR/@$1"
}

@test "an_exec_begins_when_its_container_is_there_and_neither_paused_nor_ended" {
	pair -- sleep 1000
	local n
	for n in 1 2 3; do
		task_made $n
		both Exec 1=@$n 2=e 7.1="$PROCESS" 7.2='{"args":["/bin/sleep","1000"],"cwd":"/","user":{"uid":0,"gid":0}}'
	done
	both Start 1=@1 2=e
	[[ $output != error* ]]
	both State 1=@1
	both Start 1=@1
	[[ $output != error* ]]
	both Kill 1=@1 2=e 3:9
	both Wait 1=@1 2=e
	both Delete 1=@1 2=e
	both Start 1=@2
	both Pause 1=@2
	run call Start "1=$ID-a2" 2=e
	[ "$output" = "error 9: cannot exec in a paused state: failed precondition" ]
	both Resume 1=@2
	both Kill 1=@3 3:9
	both Wait 1=@3
	run call Start "1=$ID-a3" 2=e
	[ "$output" = "error 9: cannot exec in a stopped state: failed precondition" ]
	for n in 1 2; do
		both Kill 1=@$n 3:9
		both Wait 1=@$n
	done
	for n in 1 2 3; do
		both Delete 1=@$n
	done
}

# What happened, without what is never the same twice.
events_plain() {
	jq -c --arg id "$1" 'select(.topic | startswith("/tasks/")) | select(.event.container_id == $id)
		| .event |= (del(.pid, .exited_at, .bundle, .rootfs) + { has: [has("pid"), has("exited_at"), has("bundle"), (.rootfs | length)] })' \
		"$EVENTS" | sed "s/$1/@/g"
}

@test "events_are_those_of_containerds_shim" {
	events_start
	local id runtime
	for id in a b; do
		runtime=$RUNTIME
		[ $id = a ] || runtime=$THEIRS
		ctr_ run -d --null-io --runtime "$runtime" "$IMAGE" "$ID-$id" sleep 1000
		ctr_ task exec --exec-id e1 "$ID-$id" sh -c 'exit 4' || [ $? = 4 ]
		await_event /tasks/exit '.id == "e1"'
		ctr_ task pause "$ID-$id"
		ctr_ task resume "$ID-$id"
		ctr_ task kill -s TERM "$ID-$id"
		ctr_ task kill -s KILL "$ID-$id"
		await_event /tasks/exit ".id == \"$ID-$id\""
		ctr_ task rm "$ID-$id" || :
		await_event /tasks/delete ".container_id == \"$ID-$id\""
	done
	events_plain "$ID-a" > "$BATS_TEST_TMPDIR/a"
	events_plain "$ID-b" > "$BATS_TEST_TMPDIR/b"
	diff "$BATS_TEST_TMPDIR/b" "$BATS_TEST_TMPDIR/a"
	[ "$(wc -l < "$BATS_TEST_TMPDIR/a")" = 9 ]
}

@test "an_exec_killed_for_memory_is_told_before_its_exit_and_once" {
	events_start
	sleeper "$ID" --memory-limit 16777216
	run -137 ctr_ task exec --exec-id e1 "$ID" sh -c 'exec 2> /dev/null; x=x; while :; do x=$x$x; done'
	await_event /tasks/exit '.id == "e1"'
	[ "$(events_topics "$ID")" = "/tasks/create /tasks/start /tasks/exec-added /tasks/exec-started /tasks/oom /tasks/exit" ]
	[[ "$(ctr_ task ls)" == *"$ID"*RUNNING* ]]
}
