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
