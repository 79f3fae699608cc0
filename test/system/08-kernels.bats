#!/usr/bin/env bats
# 08-kernels.bats - older kernels: each newer system call answered as by a kernel that lacks it, alone and all together.
# shellcheck disable=SC2016,SC2030,SC2031 # what containers run is in single quotes; each test is a shell

load runtime

setup() { runtime_setup; }
teardown() { runtime_teardown; }

# The calls and uses of them that concern processes (mounts have theirs elsewhere).
CALLS="pidfd_send_signal pidfd_open clone3 waitid_pidfd clone3_cgroup setns_pidfd faccessat2 close_range
	close_range_cloexec keyctl"

# The runtime as on a kernel without $DENIED.
old() {
	"$TOOLS/deny" "$DENIED" -- "$CORACLE" runtime --root "$STATE" "$@"
}

# All verbs, once.
live() {
	local id=$1 pid
	spec '.process.args = ["sh", "-c", "echo ran; exit 3"]'
	run -3 --separate-stderr old run -b "$B" "$id"
	[ "$output" = ran ]
	spec '.process.args = ["sleep", "1000"]'
	old create -b "$B" "$id" < /dev/null > /dev/null 2>&1 3>&-
	pid=$(old state "$id" | jq .pid)
	[ "$(old state "$id" | jq -r .status)" = created ]
	old start "$id"
	[ "$(old state "$id" | jq -r .status)" = running ]
	run -7 --separate-stderr old exec "$id" sh -c 'echo in; exit 7'
	[ "$output" = in ]
	# exec is where init is: no namespace, root or cgroup of its own
	[ "$(old exec "$id" sh -c 'for n in mnt pid net ipc uts cgroup; do readlink /proc/self/ns/$n; done; cat /proc/self/cgroup')" = \
		"$(old exec "$id" sh -c 'for n in mnt pid net ipc uts cgroup; do readlink /proc/1/ns/$n; done; cat /proc/1/cgroup')" ]
	old exec -d "$id" sleep 1000 < /dev/null > /dev/null 2>&1 3>&-
	[ "$(old ps -f json "$id" | jq length)" = 2 ]
	old pause "$id"
	[ "$(old state "$id" | jq -r .status)" = paused ]
	old resume "$id"
	[ "$(old list -q)" = "$id" ]
	old kill "$id" KILL
	await "$pid"
	[ "$(old state "$id" | jq -r .status)" = stopped ]
	old delete "$id"
	old create -b "$B" "$id" < /dev/null > /dev/null 2>&1 3>&-
	old start "$id"
	old delete --force "$id"
	nothing_left
}

@test "it_lives_without_any_one_of_the_calls_about_processes" {
	for DENIED in pidfd_send_signal pidfd_open clone3 waitid_pidfd clone3_cgroup setns_pidfd; do
		echo "without $DENIED"
		live "$ID"
	done
}

@test "it_lives_without_any_one_of_the_calls_about_files_and_keys" {
	for DENIED in faccessat2 close_range close_range_cloexec keyctl; do
		echo "without $DENIED"
		live "$ID"
	done
}

@test "a_user_namespace_and_hooks_need_none_of_them_either" {
	DENIED=$(tr -s " \t\n" , <<< "$CALLS")
	spec '.linux.namespaces += [{type: "user"}] | .linux |= (.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}]
		| .gidMappings = .uidMappings) | .process.args = ["sleep", "1000"] | .mounts |= map(select(.type != "cgroup"))'
	spec --arg d "$BATS_TEST_TMPDIR" '.hooks = {createRuntime: [{path: "/bin/sh", args: ["sh", "-c", "cat > \($d)/seen"], timeout: 100}]}'
	attempt old create -b "$B" "$ID"
	[ "$status" = 0 ] || { echo "$stderr"; return 1; }
	[ "$(jq -r .id "$BATS_TEST_TMPDIR/seen")" = "$ID" ]
	old start "$ID"
	[ "$(old exec "$ID" sh -c 'id -u; readlink /proc/self/ns/user')" = "$(echo 0; readlink "/proc/$(state pid)/ns/user")" ]
	old delete --force "$ID"
	# Hooks in the new pid namespace, whose numbers others have outside.
	spec '.hooks = {createContainer: [{path: "/bin/true"}], startContainer: [{path: "/bin/true"}]} | .process.args = ["true"]'
	attempt old run -b "$B" "$ID"
	[ "$status" = 0 ] || { echo "$stderr"; return 1; }
	spec '.hooks = {createRuntime: [{path: "/bin/sh", args: ["sh", "-c", "sleep 1000"], timeout: 1}]}'
	attempt old create -b "$B" "$ID"
	refused 1 "hook /bin/sh"
	nothing_left
}

@test "run_wait_logs_and_stop_need_none_of_them_either" {
	DENIED=$(tr -s " \t\n" , <<< "$CALLS")
	local c=("$TOOLS/deny" "$DENIED" -- "$CORACLE")
	run -5 --separate-stderr "${c[@]}" run --root "$STATE" --rm --rootfs "$ROOTFS" sh -c 'echo fore; exit 5'
	[ "$output" = fore ]
	"${c[@]}" run --root "$STATE" -d --name "$ID" --rootfs "$ROOTFS" sh -c 'trap "exit 4" TERM; echo one; while :; do sleep 0.05; done' > /dev/null 3>&-
	"${c[@]}" logs --root "$STATE" -f "$ID" > "$BATS_TEST_TMPDIR/log" 3>&- &
	local reader=$!
	# With another one's IPC, but a /dev/shm of its own.
	run -0 --separate-stderr "${c[@]}" run --root "$STATE" --rm --network "container:$ID" --ipc "container:$ID" --rootfs "$ROOTFS" sh -c 'grep -c "^shm /dev/shm" /proc/mounts'
	[ "$output" = 1 ]
	"${c[@]}" stop --root "$STATE" "$ID" > /dev/null
	"${c[@]}" wait --root "$STATE" "$ID" > "$BATS_TEST_TMPDIR/status"
	wait "$reader"
	[ "$(cat "$BATS_TEST_TMPDIR/log")" = one ]
	[ "$(cat "$BATS_TEST_TMPDIR/status")" = 4 ]
	"${c[@]}" rm --root "$STATE" "$ID" > /dev/null
	assert_gone "$ID"
}

@test "it_lives_on_linux_4_18_and_versions_after_it" {
	for DENIED in 4.18 5.3 5.6 5.9; do
		echo "as Linux $DENIED"
		live "$ID"
	done
}

@test "a_config_that_exists_is_seen_without_faccessat2" {
	DENIED=4.18 attempt old spec -b "$B"
	refused 1 "config.json exists"
}

@test "what_an_older_kernel_cannot_do_is_refused_by_name" {
	spec '.linux.namespaces += [{type: "time"}]'
	DENIED=5.5 attempt old create -b "$B" "$ID"
	refused 1 "time namespaces" "Linux 5.6"
	spec '.linux.namespaces |= map(select(.type != "time"))'
	"$TOOLS/agent" "$BATS_TEST_TMPDIR/agent" > /dev/null 3>&- &
	until [ -S "$BATS_TEST_TMPDIR/agent" ]; do sleep 0.02; done
	spec --arg l "$BATS_TEST_TMPDIR/agent" '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", listenerPath: $l,
		syscalls: [{names: ["mkdir"], action: "SCMP_ACT_NOTIFY"}]}'
	DENIED=pidfd_getfd attempt old create -b "$B" "$ID"
	refused 1 linux.seccomp "Linux 5.6"
	DENIED=seccomp_notify attempt old create -b "$B" "$ID"
	refused 1 "seccomp"
	kill $!
	nothing_left
}
