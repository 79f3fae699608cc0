#!/usr/bin/env bats
# 09-rootless.bats - the runtime without privileges, and user namespaces.
# shellcheck disable=SC2016,SC2030,SC2031,SC2086 # what containers run is in single quotes; each test is a shell

load rootless

setup() { rootless_setup; }
teardown() { rootless_teardown; }

# --- an unprivileged user -------------------------------------------------------------------------

@test "a_user_s_container_is_created_started_killed_deleted" {
	ucreate
	[ "$(ustate status)" = created ]
	[ "$(stat -c %a "$XDG/coracle/default")" = 1700 ]
	local pid
	pid=$(ustate pid)
	[ "$(awk '/^Uid/ {print $2}' "/proc/$pid/status")" = $USER_ID ]
	[ "$(ur ps -f json "$ID")" = "[$pid]" ]
	ur start "$ID"
	[ "$(ustate status)" = running ]
	[ "$(ur list | awk 'NR == 2 {print $1, $3}')" = "$ID running" ]
	ur kill "$ID" KILL
	await "$pid"
	[ "$(ustate status)" = stopped ]
	ur delete "$ID"
	unothing_left
}

@test "one_s_own_id_is_all_that_is_mapped_without_helpers" {
	: > "$BATS_TEST_TMPDIR/etc/subuid"
	run -0 uinside 'id; cat /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups'
	[ "$(tr -s ' ' <<< "$output" | tail -n +2)" = " 0 $USER_ID 1
 0 $USER_ID 1
deny" ]
	[[ ${lines[0]} == "uid=0(root) gid=0(root)"* ]]
	unothing_left
}

@test "subordinate_ids_are_mapped_by_newuidmap" {
	all_ids
	uspec '.process.user = {uid: 7, gid: 8, additionalGids: [9, 10]}'
	run -0 uinside 'id; cat /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups'
	[ "${lines[0]}" = "uid=7 gid=8 groups=9,10" ]
	[ "$(tr -s ' ' <<< "$output" | tail -n +2)" = " 0 $USER_ID 1
 1 $SUB_ID 65536
 0 $USER_ID 1
 1 $SUB_ID 65536
allow" ]
	unothing_left
}

@test "container_root_may_be_a_subordinate_id_that_cannot_enter_the_user_s_home" {
	uspec --argjson s $SUB_ID '.linux |= (.uidMappings = [{containerID: 0, hostID: $s, size: 1000}] | .gidMappings = .uidMappings)'
	mkdir "$HOMEDIR/data"
	echo there > "$HOMEDIR/data/file"
	chown -R "$USER_ID" "$HOMEDIR/data"
	uspec --arg d "$HOMEDIR/data" '.mounts += [{destination: "/data", source: $d, options: ["rbind", "ro"]}]'
	mkdir -p "$ROOTFS/data"
	run -0 uinside 'id -u; cat /data/file; echo > /dev/null'
	[ "$output" = "0
there" ]
	unothing_left
}

@test "ids_that_a_user_was_not_given_are_refused_by_name" {
	all_ids
	: > "$BATS_TEST_TMPDIR/etc/subuid"
	attempt ur run -b "$B" "$ID"
	refused 1 "linux.uidMappings" "newuidmap" "$SUB_ID" "/etc/subuid"
	unothing_left
	echo "tester:$SUB_ID:65536" > "$BATS_TEST_TMPDIR/etc/subuid"
	: > "$BATS_TEST_TMPDIR/etc/subgid"
	attempt ur run -b "$B" "$ID"
	refused 1 "linux.gidMappings" "newgidmap" "$SUB_ID" "/etc/subgid"
	unothing_left
}

@test "exec_joins_a_user_s_container" {
	all_ids
	ucreate
	[ "$(ur exec "$ID" id -u)" = 0 ] # not started yet
	ur start "$ID"
	[ "$(ur exec "$ID" id -u)" = 0 ]
	[ "$(ur exec -u 5:6 -g 7 "$ID" id)" = "uid=5 gid=6 groups=7" ]
	[ "$(ur exec "$ID" sh -c 'echo $$; readlink /proc/1/ns/user; readlink /proc/self/ns/user' | sed 1d | uniq | wc -l)" = 1 ]
	run -9 ur exec "$ID" sh -c 'exit 9'
	attempt ur exec "$ID" nothing-like-this
	refused 127 "nothing-like-this" "executable file not found"
	run -0 ur exec -t "$ID" tty
	[[ $output == *"/dev/pts/0"* ]]
	ur exec -d "$ID" sleep 1001 < /dev/null > /dev/null 2>&1 3>&-
	[ "$(ur ps -f json "$ID" | jq length)" = 2 ]
	ur delete --force "$ID"
	unothing_left
}

@test "without_a_runtime_directory_there_is_one_line" {
	XDG='' attempt ur run -b "$B" "$ID"
	refused 1 "XDG_RUNTIME_DIR" "--root"
	XDG='' attempt ur list
	refused 1 "XDG_RUNTIME_DIR"
	XDG=/nonexistent attempt ur run -b "$B" "$ID"
	refused 1 "/nonexistent"
	XDG='' run -0 ur --version
	XDG='' run -0 ur --root "$HOMEDIR/other" list -q
	[ -z "$output" ]
}

@test "what_a_user_may_not_have_is_refused_in_runc_s_words" {
	local n filter words
	while IFS=@ read -r filter words; do
		cp "$BATS_FILE_TMPDIR/rootless.json" "$B/config.json"
		uspec "$filter"
		attempt ur run -b "$B" "$ID"
		refused 1 "$words" || { echo "for $filter"; return 1; }
		unothing_left
		n=$((n + 1))
	done <<- 'END'
		del(.linux.namespaces[] | select(.type == "user")) | del(.linux.uidMappings, .linux.gidMappings)@rootless container requires user namespaces
		.process.user.uid = 7@process.user.uid: cannot set uid to unmapped user in user namespace
		.process.user.gid = 7@process.user.gid: cannot set gid to unmapped user in user namespace
		.process.user.additionalGids = [0]@process.user.additionalGids: cannot set any additional groups in a rootless container
		(.mounts[] | select(.destination == "/dev/pts") | .options) += ["gid=5"]@cannot specify gid= mount options for unmapped gid in rootless containers
		.mounts += [{destination: "/tmp", type: "tmpfs", options: ["uid=3"]}]@cannot specify uid= mount options for unmapped uid in rootless containers
		(.mounts[] | select(.destination == "/sys")) = {destination: "/sys", type: "sysfs", source: "sysfs"}@mount sysfs (sysfs) on /sys: Operation not permitted: a user namespace needs a network namespace
		del(.linux.namespaces[] | select(.type == "pid"))@mount proc (proc) on /proc: Operation not permitted: a user namespace needs a pid namespace
		.linux.resources.pids.limit = 10@cannot set pids limit: container could not join or create cgroup
		.linux.resources.memory.limit = 100000000@cannot set memory limit: container could not join or create cgroup
		.linux.resources.unified = {"memory.high": "max"}@cannot set unified limit: container could not join or create cgroup
		.linux.cgroupsPath = "/not-for-him"@/not-for-him: Permission denied
		.linux.devices = [{path: "/dev/kmsg", type: "c", major: 5, minor: 5}]@device /dev/kmsg: No such device
		.process.rlimits = [{type: "RLIMIT_NOFILE", hard: 99999999, soft: 1024}]@above our own hard limit
	END
	[ "$n" = 14 ]
}

@test "runc_says_the_same_of_what_a_user_may_not_have" {
	local filter words
	while IFS=@ read -r filter words; do
		cp "$BATS_FILE_TMPDIR/rootless.json" "$B/config.json"
		uspec "$filter"
		attempt urc run -b "$B" "$ID"
		[[ $stderr == *"$words"* ]]
		attempt ur run -b "$B" "$ID"
		refused 1 "$words"
	done <<- 'END'
		del(.linux.namespaces[] | select(.type == "user")) | del(.linux.uidMappings, .linux.gidMappings)@rootless container requires user namespaces
		.process.user.uid = 7@cannot set uid to unmapped user in user namespace
		.process.user.gid = 7@cannot set gid to unmapped user in user namespace
		.process.user.additionalGids = [0]@cannot set any additional groups in a rootless container
		(.mounts[] | select(.destination == "/dev/pts") | .options) += ["gid=5"]@cannot specify gid= mount options for unmapped gid in rootless containers
		.linux.resources.pids.limit = 10@cannot set pids limit: container could not join or create cgroup
	END
}

@test "exec_refuses_ids_that_the_container_has_not" {
	ucreate
	ur start "$ID"
	attempt ur exec -u 5 "$ID" true
	refused 255 "cannot set uid to unmapped user in user namespace"
	attempt ur exec -g 0 "$ID" true
	refused 255 "cannot set any additional groups in a rootless container"
	ur delete --force "$ID"
	unothing_left
}

@test "an_oom_score_that_may_not_be_set_stays_as_it_is" {
	uspec '.process.oomScoreAdj = -500'
	run --separate-stderr -0 uinside 'cat /proc/self/oom_score_adj'
	[ "$output" = "$(cat /proc/self/oom_score_adj)" ]
	[[ $stderr == *"process.oomScoreAdj: -500"* ]]
	uspec '.process.oomScoreAdj = 500'
	run -0 uinside 'cat /proc/self/oom_score_adj'
	[ "$output" = 500 ]
}

# --- no cgroup ------------------------------------------------------------------------------------

@test "without_a_cgroup_its_processes_are_known_by_their_namespaces" {
	all_ids
	uspec '.process.args = ["sh", "-c", "trap \"exit 5\" TERM; sleep 1001 & while :; do wait; done"]'
	ur create -b "$B" "$ID" < /dev/null > /dev/null 2>&1 3>&-
	ur start "$ID"
	ur exec -d -u 9 "$ID" sh -c 'sleep 1002 & exec sleep 1003' < /dev/null > /dev/null 2>&1 3>&-
	until [ "$(ur ps -f json "$ID" | jq length)" = 4 ]; do :; done
	attempt ur pause "$ID"
	refused 1 "cannot toggle freezer: cgroups not configured for container"
	local pids pid
	pids=$(ur ps -f json "$ID" | jq .[])
	ur kill --all "$ID" TERM
	for pid in $pids; do await "$pid"; done
	[ "$(ustate status)" = stopped ]
	[ "$(ur ps -f json "$ID")" = "[]" ]
	ur delete "$ID"
	unothing_left
}

@test "kill_and_delete_end_all_without_cgroup_and_pid_namespace" {
	uspec 'del(.linux.namespaces[] | select(.type == "pid")) | .process.args = ["sh", "-c", "sleep 1001 & sleep 1002 & wait"]
		| (.mounts[] | select(.destination == "/proc")) = {destination: "/proc", source: "/proc", options: ["rbind"]}'
	local pids pid how
	for how in "kill $ID KILL" "delete --force $ID"; do
		ur create -b "$B" "$ID" < /dev/null > /dev/null 2>&1 3>&-
		ur start "$ID"
		ur exec -d "$ID" sh -c 'sleep 1004 & exec sleep 1005' < /dev/null > /dev/null 2>&1 3>&-
		until [ "$(ur ps -f json "$ID" | jq length)" = 5 ]; do :; done
		pids=$(ur ps -f json "$ID" | jq .[])
		# shellcheck disable=SC2086
		ur $how
		for pid in $pids; do await "$pid"; done
		ur delete --force "$ID"
		unothing_left
	done
}

@test "the_caller_s_cgroups_are_not_shown" {
	run -0 uinside 'ls /sys/fs/cgroup; touch /sys/fs/cgroup/x 2>&1 || true; ls /sys/fs'
	[[ ${lines[0]} == *"Read-only file system"* ]]
	[[ $output == *cgroup* ]]
}
