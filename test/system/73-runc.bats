#!/usr/bin/env bats
# 73-runc.bats - runc finds our containers in their state root, and does with them what it does with its own; and so do we
# with its.
# shellcheck disable=SC2016,SC2030,SC2031,SC2034 # jq's variables; each test is a shell; variables of others

load runtime
load containerd

setup_file() {
	containerd_setup
}

teardown_file() {
	containerd_teardown
}

setup() {
	runtime_setup
	containerd_test_setup
}

teardown() {
	[ -z "${BUNDLES:-}" ] || shim_end
	containerd_test_teardown
	runtime_teardown
}

# runc, in our state root.
theirs() {
	runc --root "$STATE" "$@"
}

# What runc says that ID is.
seen() {
	theirs list -f json | jq -r --arg id "$ID" '.[] | select(.id == $id) | .status'
}

# Of the state that a runtime shows, what the other shows too.
shown() {
	jq -S 'del(.owner, .ociVersion)'
}

@test "runc_lists_and_shows_ours" {
	local pid
	spec '.annotations = {"org.test/one": "1", "two": "x=y"}'
	create_sleeper
	[ "$(seen)" = created ]
	rt start "$ID"
	[ "$(seen)" = running ]
	diff <(rt state "$ID" | shown) <(theirs state "$ID" | shown)
	diff <(rt list -f json | jq .[] | shown) <(theirs list -f json | jq .[] | shown)
	pid=$(state pid)
	[ "$(theirs ps -f json "$ID")" = "[$pid]" ]
	theirs events --stats "$ID" | jq -e '.data.memory.usage.usage > 0'
	theirs kill "$ID" KILL
	await "$pid"
	[ "$(seen)" = stopped ]
	theirs delete "$ID"
	nothing_left
}

@test "runc_freezes_and_thaws_ours_and_runs_processes_in_it" {
	spec '.process.capabilities.bounding = ["CAP_KILL"] | .process.noNewPrivileges = true'
	create_sleeper
	rt start "$ID"
	theirs pause "$ID"
	[ "$(seen)" = paused ]
	[ "$(state status) $(rt list -f json | jq -r '.[].status')" = "paused paused" ]
	diff <(rt list | tr -s ' ') <(theirs list | tr -s ' ')
	run ! theirs exec "$ID" true
	attempt rt exec "$ID" true
	refused 255 paused "$ID"
	theirs resume "$ID"
	[ "$(seen)" = running ]
	[ "$(state status) $(rt list -f json | jq -r '.[].status')" = "running running" ]
	run -0 theirs exec "$ID" sh -c 'cat /proc/1/cmdline | tr "\0" " "; grep -E "^CapBnd|^NoNewPrivs" /proc/self/status | tr -s "\n\t" " "'
	[ "$output" = "sleep 1000 CapBnd: 0000000000000020 NoNewPrivs: 1 " ]
	end
	nothing_left
}

# Its filter would be another one, or none.
@test "runc_runs_nothing_where_there_is_a_seccomp_profile" {
	spec '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["mkdir"], action: "SCMP_ACT_ERRNO"}]}'
	create_sleeper
	rt start "$ID"
	run ! theirs exec "$ID" true
	[[ $output == *seccomp* ]]
	[ "$(seen)" = running ]
	theirs delete --force "$ID"
	nothing_left
}

@test "runc_changes_the_limits_of_ours_which_stays_ours" {
	spec '.linux.resources.memory = {limit: 33554432}'
	create_sleeper
	rt start "$ID"
	theirs update --memory 16777216 "$ID" # it writes the file anew
	[ "$(cat "/sys/fs/cgroup/memory/coracle-$ID/memory.limit_in_bytes")" = 16777216 ]
	[ "$(state status)" = running ]
	[ "$(rt exec "$ID" echo hi)" = hi ]
	rt pause "$ID"
	[ "$(state status)" = paused ]
	rt resume "$ID"
	diff <(rt state "$ID" | shown) <(theirs state "$ID" | shown)
	end
	nothing_left
}

@test "runc_deletes_ours_created_running_paused_and_stopped" {
	local pid
	create_sleeper
	theirs delete "$ID"
	nothing_left
	create
	rt start "$ID"
	run ! theirs delete "$ID"
	[[ $output == *"not stopped"* ]]
	pid=$(state pid)
	theirs delete --force "$ID"
	await "$pid"
	nothing_left
	create
	rt start "$ID"
	rt pause "$ID"
	theirs delete --force "$ID"
	nothing_left
	create
	rt start "$ID"
	theirs pause "$ID"
	theirs delete --force "$ID"
	nothing_left
	inside 'exit 3' --keep || [ $? = 3 ]
	[ "$(seen)" = stopped ]
	theirs delete "$ID"
	nothing_left
}

@test "what_runc_has_frozen_we_thaw_and_kill" {
	local pid
	create_sleeper
	rt start "$ID"
	theirs pause "$ID"
	attempt rt pause "$ID"
	refused 1 "already paused"
	rt resume "$ID"
	[ "$(seen)" = running ]
	rt exec "$ID" true
	attempt rt resume "$ID"
	refused 1 "not paused"
	theirs pause "$ID"
	pid=$(state pid)
	rt kill "$ID" KILL
	await "$pid"
	rt delete "$ID"
	nothing_left
	create
	rt start "$ID"
	theirs pause "$ID"
	pid=$(state pid)
	rt kill --all "$ID" KILL
	await "$pid"
	rt delete "$ID"
	nothing_left
}

@test "runc_runs_poststop_hooks_of_ours" {
	spec --arg f "$BATS_TEST_TMPDIR/hook" '.hooks = {poststart: [{path: "/bin/true"}],
		poststop: [{path: "/bin/sh", args: ["sh", "-c", "cat > $FILE"], env: ["FILE=\($f)"], timeout: 20}]}'
	create_sleeper
	rt start "$ID"
	theirs delete --force "$ID"
	[ "$(jq -r '.id + " " + .status' "$BATS_TEST_TMPDIR/hook")" = "$ID stopped" ]
	nothing_left
}

# It would remove the root's files with the state directory in which the root is mounted.
@test "runc_does_not_get_at_what_it_would_harm" {
	own_rootfs
	spec '.linux.namespaces |= map(select(.type != "mount")) | del(.linux.maskedPaths, .linux.readonlyPaths) | .mounts = []'
	create_sleeper
	rt start "$ID"
	run ! theirs delete --force "$ID"
	[ "$(state status)" = running ]
	[ -e "$ROOTFS/bin/busybox" ]
	end
	nothing_left
}

@test "what_runc_has_made_is_found_and_handled" {
	local pid
	spec '.annotations = {"one": "1"} | .process.args = ["sleep", "1000"]'
	theirs create -b "$B" "$ID" < /dev/null > /dev/null 2>&1 3>&-
	[ "$(state status)" = created ]
	for _ in 1 2; do
		attempt rt start "$ID"
		refused 1 "$ID was made by runc"
		rt pause "$ID" # after which the file has a state of ours, too
		rt resume "$ID"
	done
	theirs start "$ID"
	diff <(rt state "$ID" | shown) <(theirs state "$ID" | shown)
	diff <(rt list -f json | jq .[] | shown) <(theirs list -f json | jq .[] | shown)
	[ "$(rt exec "$ID" echo hi)" = hi ]
	pid=$(state pid)
	[ "$(rt ps -f json "$ID")" = "[$pid]" ]
	attempt rt delete "$ID"
	refused 1 "not stopped"
	rt pause "$ID"
	[ "$(state status)" = paused ]
	rt resume "$ID"
	rt kill "$ID" KILL
	await "$pid"
	[ "$(state status)" = stopped ]
	rt delete "$ID"
	nothing_left
	theirs run -d -b "$B" "$ID" < /dev/null > /dev/null 2>&1 3>&-
	end
	nothing_left
}

@test "containerd_hears_once_of_a_container_that_runc_has_deleted" {
	local pid shim
	events_start
	sleeper "$ID"
	pid=$(pid_of "$ID") shim=$(shim_pid "$ID")
	[ "$(runc --root "/run/coracle/containerd-$NS" list -q)" = "$ID" ]
	runc --root "/run/coracle/containerd-$NS" delete --force "$ID"
	await "$pid"
	await_event /tasks/exit ".container_id == \"$ID\""
	[ "$(event_field /tasks/exit ".container_id == \"$ID\"" .exit_status)" = 137 ]
	run ! ctr_ task kill -s 9 "$ID"
	[[ $output == *"not found"* ]]
	[ "$(ctr_ task ls | awk -v id="$ID" '$1 == id { print $3 }')" = STOPPED ]
	run ctr_ task rm "$ID"
	[[ $output == *137* ]]
	await_event /tasks/delete ".container_id == \"$ID\""
	[ "$(events_topics "$ID")" = "/tasks/create /tasks/start /tasks/exit /tasks/delete" ]
	ctr_ containers rm "$ID"
	await_end "$shim"
	assert_no_shim "$ID"
}

@test "containerd_deletes_a_paused_task_that_runc_has_deleted" {
	sleeper "$ID"
	ctr_ task pause "$ID"
	runc --root "/run/coracle/containerd-$NS" delete --force "$ID"
	run ! ctr_ task kill -s 9 "$ID"
	[[ $output == *"not found"* ]]
	run ctr_ task rm "$ID"
	ctr_ containers rm "$ID"
	assert_no_shim "$ID"
}

@test "containerd_kills_a_task_that_runc_has_frozen" {
	local pid
	sleeper "$ID"
	pid=$(pid_of "$ID")
	runc --root "/run/coracle/containerd-$NS" pause "$ID"
	ctr_ task kill -s 9 "$ID"
	await "$pid"
	run ctr_ task rm "$ID"
	[[ $output == *137* ]]
	ctr_ containers rm "$ID"
	assert_no_shim "$ID"
}

@test "a_created_task_that_runc_has_deleted_has_ended" {
	BATS_FILE_TMPDIR=$BATS_TEST_TMPDIR # or it would take the place of containerd's
	load lone
	shim_setup
	BUNDLES=$BATS_TEST_TMPDIR/bundles
	bundle "$ID" . sleep 1000
	shim_start "$ID"
	create "$ID"
	runc --root "/run/coracle/containerd-$NS" delete "$ID"
	[ "$(wait_for "$ID")" = 137 ]
	[ "$(status "$ID")" = 3 ]
	[[ $(call Start "1=$ID" 2>&1 | tr -d '\0') == error* ]]
	[[ $(call Kill "1=$ID" 3:9 2>&1 | tr -d '\0') == "error 5: "* ]]
	call Delete "1=$ID" > /dev/null
	assert_undone "$ID"
}
