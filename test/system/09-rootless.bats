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

@test "few_files_may_be_open_to_a_user_s_container_under_a_filter_that_denies_limits" {
	local n id pid
	for id in 0 7; do
		for n in 3 40; do
			all_ids
			uspec --argjson n $n --argjson u $id '.process.rlimits = [{type: "RLIMIT_NOFILE", soft: $n, hard: 400}] | .process.noNewPrivileges = false
				| .process.user = {uid: $u, gid: $u} | .process.args = ["sh", "-c", "ulimit -Sn; ulimit -Hn"]
				| .linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["prlimit64", "setrlimit"],
				action: "SCMP_ACT_KILL_PROCESS", args: [{index: 2, value: 0, valueTwo: 0, op: "SCMP_CMP_NE"}]}]}'
			ur create -b "$B" "$ID" < /dev/null > "$BATS_TEST_TMPDIR/out" 2>&1 3>&-
			pid=$(ustate pid)
			ur start "$ID"
			await "$pid"
			[ "$(< "$BATS_TEST_TMPDIR/out")" = "$n"$'\n400' ] || { cat "$BATS_TEST_TMPDIR/out"; return 1; }
			ur delete "$ID"
		done
	done
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
	refused 255 "nothing-like-this" "executable file not found"
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
	mkdir "$HOMEDIR/other"
	chown $USER_ID "$HOMEDIR/other"
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
		.linux.resources.pids.limit = 10@cannot set pids limit: container could not join or create cgroup
		.linux.resources.memory.limit = 100000000@cannot set memory limit: container could not join or create cgroup
		.linux.resources.unified = {"memory.high": "max"}@cannot set unified limit: container could not join or create cgroup
		.linux.cgroupsPath = "/not-for-him"@/not-for-him: Permission denied
		.mounts += [{destination: "/tmp", source: "/", options: ["bind"]}]@mounts[7]: mount / (bind) on /tmp: a user namespace
		.mounts += [{destination: "/tmp", source: "/sys", options: ["bind"]}]@what is mounted below; use rbind
		.linux.devices = [{path: "/dev/kmsg", type: "c", major: 5, minor: 5}]@device /dev/kmsg: No such device
		.process.rlimits = [{type: "RLIMIT_NOFILE", hard: 99999999, soft: 1024}]@above our own hard limit
	END
	[ "$n" = 15 ]
}

@test "without_a_cgroup_and_a_pid_namespace_of_its_own_a_container_of_a_user_is_warned_of" {
	local warning="warning: Creating a rootless container with no cgroup and no private pid namespace. Such configuration is strongly discouraged"
	uspec 'del(.linux.namespaces[] | select(.type == "pid"))'
	attempt ur run -b "$B" "$ID"
	[ "$status" = 1 ]
	[[ "${stderr_lines[0]}" == *"$warning"* ]]
	[[ "${stderr_lines[1]}" == *"mount proc (proc) on /proc: Operation not permitted: a user namespace needs a pid namespace"* ]]
	uspec '(.mounts[] | select(.destination == "/proc")) = {destination: "/proc", source: "/proc", options: ["rbind"]} | .process.args = ["true"]'
	attempt ur run -b "$B" "$ID"
	[[ "$status" = 0 && "$stderr" == *"$warning"* ]]
	unothing_left
	uspec '.linux.namespaces += [{type: "pid"}]'
	attempt ur run -b "$B" "$ID"
	[[ "$status" = 0 && -z "$stderr" ]]
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

@test "a_user_s_container_looks_as_runc_s" {
	local filter look='cut -d" " -f4- /proc/self/mountinfo | sort; grep -E "^(Uid|Gid|Groups|Cap|NoNew|Seccomp:)" /proc/self/status
		sort /proc/self/limits; env; pwd; ls -la /dev | sed "s/[0-9]*:[0-9]* / /"; id; cat /proc/self/setgroups /proc/self/oom_score_adj /proc/self/uid_map; hostname; umask'
	while read -r filter; do
		cp "$BATS_FILE_TMPDIR/rootless.json" "$B/config.json"
		uspec --arg s "$look" "$filter"' | .process.args = ["sh", "-c", $s]'
		urc run -b "$B" "$ID" > "$BATS_TEST_TMPDIR/theirs" < /dev/null
		ur run -b "$B" "$ID" > "$BATS_TEST_TMPDIR/ours" < /dev/null
		# Ours shows nobody's cgroups, and what is masked and devices with more flags.
		diff <(grep -vE ' /sys/fs/cgroup| (/proc/acpi|/sys/firmware) ' "$BATS_TEST_TMPDIR/theirs") \
			<(grep -vE ' /sys/fs/cgroup| (/proc/acpi|/sys/firmware) ' "$BATS_TEST_TMPDIR/ours" |
				sed 's/^\(.* \/[a-z]*\/[a-z_]* rw,\)nosuid,noexec,\(.* devtmpfs \)/\1\2/') || { echo "for $filter"; return 1; }
	done <<- 'END'
		.
		.linux.namespaces += [{type: "network"}, {type: "cgroup"}] | .root.readonly = false
		.process.user = {uid: 5, gid: 6, umask: 63} | .linux.uidMappings += [{containerID: 1, hostID: 300000, size: 1000}] | .linux.gidMappings += [{containerID: 1, hostID: 300000, size: 1000}]
		.mounts += [{destination: "/tmp", type: "tmpfs", source: "tmpfs", options: ["uid=0", "nodev", "mode=700"]}] | .hostname = "his" | .process.noNewPrivileges = false
	END
}

# --- no cgroup ------------------------------------------------------------------------------------

@test "without_a_cgroup_its_processes_are_known_by_their_namespaces" {
	all_ids
	uspec '.process.args = ["sh", "-c", "trap \"exit 5\" TERM; sleep 1001 & while :; do wait; done"]'
	ur create -b "$B" "$ID" < /dev/null > /dev/null 2>&1 3>&-
	ur start "$ID"
	ur exec -d -u 9 "$ID" sh -c 'sleep 1002 & exec sleep 1003' < /dev/null > /dev/null 2>&1 3>&-
	until [ "$(ur ps -f json "$ID" | jq length)" = 4 ]; do sleep 0.02; done
	attempt ur pause "$ID"
	refused 1 "cannot toggle freezer: cgroups not configured for container"
	local pids pid
	pids=$(ur ps -f json "$ID" | jq .[])
	ur kill --all "$ID" TERM
	for pid in $pids; do await "$pid"; done
	[ "$(ustate status)" = stopped ]
	[ "$(ur ps -f json "$ID")" = null ]
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
		until [ "$(ur ps -f json "$ID" | jq length)" = 5 ]; do sleep 0.02; done
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

# --- namespaces of others, and inside others ------------------------------------------------------

@test "a_user_joins_namespaces_of_his_own_by_path" {
	uspec '.linux.namespaces += [{type: "network"}]'
	ucreate
	local first=$ID pid
	local ID=$first-2
	pid=$(ID=$first ustate pid)
	uspec --arg p "/proc/$pid/ns" 'del(.linux.uidMappings, .linux.gidMappings) | .process.args = ["sh", "-c",
		"id -u; for n in user net ipc pid; do readlink /proc/self/ns/$n; done; test $$ != 1"]
		| .linux.namespaces = [{type: "mount"}, {type: "network", path: "\($p)/net"}, {type: "user", path: "\($p)/user"},
			{type: "pid", path: "\($p)/pid"}, {type: "ipc", path: "\($p)/ipc"}] | del(.hostname)'
	run -0 --separate-stderr ur run -b "$B" "$ID"
	[ "$output" = "0
$(for n in user net ipc pid; do readlink "/proc/$pid/ns/$n"; done)" ]
	uspec '.process.user.uid = 5'
	attempt ur run -b "$B" "$ID"
	[[ $status = 1 && ${stderr_lines[-1]} == *"cannot set uid to unmapped user in user namespace"* ]]
	ID=$first ur delete --force "$first"
	unothing_left
}

@test "one_s_own_user_namespace_cannot_be_joined" {
	uspec --arg p "/proc/$$/ns/user" '.process.args = ["true"] | .linux.namespaces |= map(if .type == "user" then .path = $p else . end)'
	attempt rt run -b "$B" "$ID"
	refused 1 "join the user namespace /proc/$$/ns/user: it is our own"
	nothing_left
}

@test "clocks_of_a_user_s_container_are_its_own" {
	uspec '.linux.namespaces += [{type: "time"}] | .linux.timeOffsets = {boottime: {secs: 100000000}}'
	run -0 uinside 'cat /proc/uptime; cat /proc/self/uid_map'
	[ "${lines[0]%%.*}" -gt 100000000 ]
	[ "$(tr -s ' ' <<< "${lines[1]}")" = " 0 $USER_ID 1" ]
}

@test "a_new_user_namespace_with_a_network_of_the_host_s" {
	[ -r /proc/self/ns/net ]
	mkfifo "$SYNC/held"
	unshare -n sh -c 'echo > "$1"; exec sleep 1000' sh "$SYNC/held" 3>&- &
	local holder=$!
	read -r < "$SYNC/held"
	cp "$BATS_FILE_TMPDIR/rootless.json" "$B/config.json"
	uspec --arg p "/proc/$holder/ns/net" '.linux.namespaces += [{type: "network", path: $p}]
		| .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}] | .linux.gidMappings = .linux.uidMappings
		| .process.args = ["readlink", "/proc/self/ns/net"]'
	run -0 rt run -b "$B" "$ID"
	[ "$output" = "$(readlink "/proc/$holder/ns/net")" ]
	kill "$holder"
}

@test "ids_need_no_root_among_them" {
	uspec '.linux.uidMappings[0].containerID = 1000 | .linux.gidMappings[0].containerID = 1001
		| .process.user = {uid: 1000, gid: 1001}'
	run -0 uinside 'id; stat -c %u:%g /dev/shm; echo > /dev/null'
	[[ ${lines[0]} == "uid=1000"*"gid=1001"* ]]
	[ "${lines[1]}" = 1000:1001 ]
	uspec '.process.user = {uid: 0, gid: 0}'
	attempt ur run -b "$B" "$ID"
	refused 1 "process.user.uid: cannot set uid to unmapped user in user namespace: the container has no id 0"
}

@test "many_mappings_are_written_in_order" {
	uspec '.linux.uidMappings = [range(0; 20) | {containerID: (. * 10), hostID: (200000 + . * 100), size: 5}]
		| .linux.gidMappings = .linux.uidMappings | .process.user = {uid: 193, gid: 4, additionalGids: [20]}'
	uspec '.process.args = ["sh", "-c", "id; wc -l < /proc/self/uid_map; tail -n 1 /proc/self/gid_map"]'
	run -0 rt run -b "$B" "$ID"
	[ "${lines[0]}" = "uid=193 gid=4 groups=20" ]
	[ "${lines[1]}" = 20 ]
	[ "$(tr -s ' ' <<< "${lines[2]}")" = " 190 201900 5" ]
	uspec '.linux.uidMappings += [{containerID: 0, hostID: 500000, size: 1}]'
	attempt rt run -b "$B" "$ID"
	refused 1 "linux.uidMappings" "overlap"
}

@test "flags_that_are_locked_above_stay" {
	mkdir "$HOMEDIR/m"
	[ -d "$ROOTFS/m" ] || mkdir "$ROOTFS/m"
	local options want
	while read -r options want; do
		cp "$BATS_FILE_TMPDIR/rootless.json" "$B/config.json"
		uspec --argjson o "$options" --arg m "$HOMEDIR/m" '.mounts += [{destination: "/m", source: $m, options: $o}]'
		BEFORE='mount -t tmpfs -o nosuid,nodev,noexec x "$HOMEDIR/m"' run -0 uinside 'grep " /m " /proc/self/mountinfo'
		[[ $output == *" /m $want "* ]] || { echo "$options: $output"; return 1; }
	done <<- 'END'
		["bind","ro"] ro,nosuid,nodev,noexec,relatime
		["rbind","rw","exec","suid","dev"] rw,nosuid,nodev,noexec,relatime
		["bind","noatime","ro"] ro,nosuid,nodev,noexec,relatime
		["rbind","rexec","rro"] ro,nosuid,nodev,noexec,relatime
	END
}

@test "mounts_are_id_mapped_by_the_host_s_root_alone" {
	local source
	[ -d "$ROOTFS/m" ] || mkdir "$ROOTFS/m"
	for source in "$HOMEDIR" "$ROOTFS/tmp"; do
		cp "$BATS_FILE_TMPDIR/rootless.json" "$B/config.json"
		uspec --arg s "$source" '.mounts += [{destination: "/tmp", type: "tmpfs", source: "x"}, {destination: "/m", source: $s, options: ["bind", "idmap"]}]'
		attempt ur run -b "$B" "$ID"
		refused 1 "on /m" "id-mapped mounts need the rights of the host's root"
	done
}

@test "root_of_a_user_namespace_runs_containers_too" {
	local how
	uspec '.process.args = ["sh", "-c", "id -u; echo > /dev/null; cat /proc/self/uid_map"]
		| .linux.uidMappings[0].hostID = 0 | .linux.gidMappings[0].hostID = 0'
	for how in "unshare -Ur" "unshare -Urm"; do
		# shellcheck disable=SC2086
		run -0 as $how "$CORACLE" runtime run -b "$B" "$ID"
		[ "$(tr -s ' ' <<< "$output")" = "0
 0 0 1" ]
	done
	# ... and without one more user namespace.
	uspec 'del(.linux.namespaces[] | select(.type == "user")) | del(.linux.uidMappings, .linux.gidMappings)'
	run -0 as unshare -Ur "$CORACLE" runtime run -b "$B" "$ID"
	[ "$(tr -s ' ' <<< "$output")" = "0
 0 $USER_ID 1" ]
	# Whoever leaves the machine's own pid namespace there may not come back to it.
	uspec '.process.args = ["sleep", "1000"]'
	run -0 as unshare -Ur sh -c '"$1" runtime create -b "$2" "$3" < /dev/null > /dev/null 2>&1 && "$1" runtime start "$3" &&
		"$1" runtime exec "$3" sh -c "ps | grep -c [s]leep" && "$1" runtime kill "$3" 0 && "$1" runtime delete --force "$3"' \
		sh "$CORACLE" "$B" "$ID"
	[ "$output" = 1 ]
	unothing_left
}

# As him, in a pid namespace, which has a sysctl of its own.
alone_in_pids() {
	unshare -pf --kill-child bash -c "$(declare -f as); $(declare -p BEFORE HOMEDIR XDG BATS_TEST_TMPDIR USER_ID); as \"\$@\"" sh "$@"
}

# CVE-2019-5736: there is always a copy, which no container can write; where the machine forbids that, it must not be his.
@test "a_program_that_its_containers_could_write_runs_none" {
	local own=$HOMEDIR/coracle BEFORE='mount -t proc proc /proc && echo 2 > /proc/sys/vm/memfd_noexec'
	uspec '.process.args = ["true"]'
	cp "$CORACLE" "$own" && chown $USER_ID "$own"
	run -1 alone_in_pids "$own" runtime run -b "$B" "$ID"
	[[ $output == *"keep this program's file out of containers' reach: "*"memfd_noexec"* ]]
	run -125 alone_in_pids "$own" run busybox
	[[ $output == *"keep this program's file"* ]]
	chown 0:0 "$own"
	run -0 alone_in_pids "$own" runtime run -b "$B" "$ID"
	[ "$output" = "" ]
	unothing_left
}

@test "groups_that_nobody_here_may_set_are_not_missed" {
	uspec '.linux.uidMappings[0].hostID = 0 | .linux.gidMappings[0].hostID = 0 | .process.user.additionalGids = [0]'
	uspec '.process.args = ["id"]'
	run -0 as unshare -Ur "$CORACLE" runtime run -b "$B" "$ID"
	[[ $output == "uid=0(root) gid=0(root)"* ]]
}

@test "a_container_runs_in_a_container" {
	all_ids
	own=$HOMEDIR/outer
	cp -al "$ROOTFS" "$own"
	mkdir -p "$own/inner" "$own/run"
	cp "$CORACLE" "$own/bin/coracle"
	chown $USER_ID:$USER_ID "$own" "$own/inner" "$own/run"
	jq '.process.args = ["sh", "-c", "id -u; hostname"] | .root.path = "/" | .hostname = "inner"
		| .linux.uidMappings = [{containerID: 0, hostID: 0, size: 1}, {containerID: 1, hostID: 1, size: 999}]
		| .linux.gidMappings = .linux.uidMappings' \
		"$BATS_FILE_TMPDIR/rootless.json" > "$own/inner/config.json"
	uspec --arg r "$own" '.root = {path: $r} | .linux.maskedPaths = [] | .linux.readonlyPaths = []
		| .process.capabilities = ("CAP_SYS_ADMIN CAP_SETUID CAP_SETGID CAP_SETFCAP CAP_SETPCAP CAP_CHOWN CAP_KILL CAP_SYS_PTRACE" / " "
			| {bounding: ., effective: ., permitted: .})'
	run -0 uinside 'coracle runtime run -b /inner nested; coracle runtime run -d -b /inner other; coracle runtime delete --force other'
	[ "${lines[0]}/${lines[1]}" = 0/inner ]
	unothing_left
}

# --- the standalone tool --------------------------------------------------------------------------

# A container by `coracle run`, as him.
uc() {
	as "$CORACLE" "$@"
}

@test "a_user_runs_the_embedded_image_and_a_directory" {
	run -0 uc run
	[[ $output == "Hello from Coracle"*"user           0:0"*"capabilities   none"* ]]
	: > "$BATS_TEST_TMPDIR/etc/subuid" # with one id alone it must do too
	run -0 uc run
	[[ $output == "Hello from Coracle"* ]]
	run -0 uc run --rm --network host --rootfs "$ROOTFS" sh -c 'tail -n 1 /proc/self/uid_map; test -d /sys/class && echo sys'
	[ "$(tr -s ' ' <<< "${lines[0]}")" = " 0 $USER_ID 1" ]
	run -125 uc run --rm -u 7:8 --rootfs "$ROOTFS" true
	[[ "$output" == *"no ids for user 7:8: /etc/subuid and /etc/subgid have none"*"say --userns keep-id:uid=7,gid=8, or --user 0:0" ]]
	run -0 uc run --rm -u 7:8 --userns keep-id:uid=7,gid=8 --rootfs "$ROOTFS" id -u
	[ "$output" = 7 ]
	run -125 uc run -m 64m
	[[ $output == *"cannot set memory limit: container could not join or create cgroup"* ]]
	[ -z "$(uc ps -aq)" ]
	XDG='' run -125 uc run
	[[ $output == *XDG_RUNTIME_DIR* ]]
}

@test "a_user_s_container_is_left_to_a_monitor" {
	[ "$(uc run -d --name "$ID" --rootfs "$ROOTFS" sh -c 'echo said; exec sleep 1000')" = "$ID" ]
	[ "$(uc ps -q)" = "$ID" ]
	run -0 uc exec -u 7:8 "$ID" id
	[ "$output" = "uid=7 gid=8 groups=8" ]
	uc logs "$ID" | grep -qx said
	uc stop -t 0 "$ID"
	[ -z "$(uc ps -q)" ]
	uc rm "$ID"
	[ -z "$(uc ps -aq)" ]
	[ -z "$(ls -A "$XDG/coracle/default")$(ls -A "$HOMEDIR/.local/share/coracle/images/containers")" ]
}

@test "a_user_pulls_and_runs_an_image_with_all_its_owners" {
	local l=$BATS_TEST_TMPDIR/layout
	mkdir "$l"
	tar_of "$l.tar" <<- 'END'
		d bin 755 0:0
		d old 755 5:6
		f old/a 644 5:6 - a
		d kept 755 0:0
		f kept/b 644 0:0 - b
		f gone 644 0:0 - c
		c node 666 0:0 1:3
		b blocks 666 0:0 7:0
		f hidden 644 0:0 - old
		d hides 755 0:0
		f hides/b 644 0:0 - old
	END
	(cd "$ROOTFS" && tar --append --owner=0 --group=0 -f "$l.tar" bin/busybox bin/sh bin/ls bin/id bin/cat bin/stat bin/touch bin/rm bin/mkdir)
	layer "$l" "$l.tar" none
	tar_of "$l.2.tar" <<- 'END'
		d old 700 7:8
		f old/.wh..wh..opq 644 0:0
		f old/new 644 9:10 - n
		f .wh.gone 644 0:0
		c hidden 666 0:0 1:3
		h other - - hidden
		b hides 666 0:0 7:0
	END
	layer "$l" "$l.2.tar"
	image_end "$l" his '{"User": "11:12"}' > /dev/null
	chmod -R a+rX "$l"
	uc pull "oci:$l:his" > /dev/null
	run -0 uc run --rm "oci:$l:his" sh -c 'id; stat -c "%n %u:%g %a" /old /kept; ls / | while read n; do [ $n != gone ] || echo there; done'
	[ "${lines[0]}" = "uid=11 gid=12 groups=12" ]
	[ "${lines[1]}/${lines[2]}" = "/old 7:8 700//kept 0:0 755" ]
	[ "${#lines[@]}" = 3 ]
	# Devices of a layer are not there for him, nor what they hide.
	run -0 uc run --rm -u 0 "oci:$l:his" sh -c 'ls -d /node /blocks /hidden /hides /other 2> /dev/null; ls /old'
	[ "$output" = new ]
	find "$HOMEDIR/.local/share/coracle/images/layers" \( -name node -o -name blocks -o -type b -o -type c \) -exec stat -c %t:%T {} + > "$l.nodes"
	[ "$(sort -u "$l.nodes")" = 0:0 ]
	run -0 uc run --name "$ID" -u 0 "oci:$l:his" sh -c 'ls /old; stat -c %u /old/new; rm -r /old; mkdir /old; ls /old; touch /by-root'
	[ "$output" = "new
9" ]
	uc rm "$ID"
	# Before Linux 5.11 a user had no overlays: the layers are copied.
	export -f as
	export USER_ID XDG HOMEDIR BATS_TEST_TMPDIR
	for call in fsopen fsconfig; do
		run -0 "$TOOLS/deny" $call -- bash -c 'as "$@"' as "$CORACLE" run --rm -u 0 "oci:$l:his" \
			sh -c 'ls /old; stat -c "%u %g" /old/new; [ ! -e /gone ] && [ ! -e /hidden ] && [ ! -e /hides ]; rm -r /old; mkdir /old; ls /old; touch /by-root; df / | tail -n 1'
		[[ "$output" == $'new\n9 10\n'* ]]
		[[ "${lines[2]}" != coracle* ]]
	done
	uc rmi "oci:$l:his"
	[ -z "$(find "$HOMEDIR/.local/share/coracle/images/"{layers,containers}/ -mindepth 2 -print -quit)" ]
}

@test "cleanup_of_a_user_removes_his_own_leftovers_alone" {
	local pid monitor
	uc run -d --name "$ID" --rootfs "$ROOTFS" sleep 1000 > /dev/null
	pid=$(STATE=$XDG/coracle/default field "$ID" pid)
	monitor=$(STATE=$XDG/coracle/default field "$ID" owner)
	rt create -b "$(root_bundle)" "$ID-root" < /dev/null > /dev/null 2>&1 3>&-
	kill -KILL "$monitor"
	await_end "$monitor"
	run -0 uc cleanup --dry-run
	[[ $output == *"container $ID"* && $output != *"$ID-root"* ]]
	run -0 uc cleanup
	[[ $output == *"container $ID"* && $output != *"$ID-root"* ]]
	await "$pid"
	[ -z "$(uc ps -aq)" ]
	[ "$(rt state "$ID-root" | jq -r .status)" = created ]
	rt delete --force "$ID-root"
}

@test "a_user_s_containers_run_on_linux_4_18" {
	local old=("$TOOLS/deny" 4.18 -- "$CORACLE")
	uspec '.process.args = ["sh", "-c", "id -u; echo > /dev/null; ls /sys/fs/cgroup"]'
	run -0 as "${old[@]}" runtime run -b "$B" "$ID"
	[ "$output" = 0 ]
	uspec '.process.args = ["sleep", "1000"]'
	as "${old[@]}" runtime create -b "$B" "$ID" < /dev/null > /dev/null 2>&1 3>&-
	as "${old[@]}" runtime start "$ID"
	[ "$(as "${old[@]}" runtime exec "$ID" id -u)" = 0 ]
	[ "$(as "${old[@]}" runtime ps -f json "$ID" | jq length)" = 1 ]
	as "${old[@]}" runtime delete --force "$ID"
	[ "$(as "${old[@]}" run --rm --rootfs "$ROOTFS" id -u)" = 0 ]
	unothing_left
}

# podman, as him, with our runtime and nothing of the machine's settings.
up() {
	as env PODMAN_IGNORE_CGROUPSV1_WARNING=1 TMPDIR="$HOMEDIR" podman --cgroup-manager cgroupfs --events-backend file \
		--storage-driver vfs --runtime "$BATS_FILE_TMPDIR/coracle-runtime" "$@" 2> >(grep -v 'not a shared mount' >&2)
}

@test "podman_without_root_has_us_as_its_runtime" {
	command -v podman > /dev/null || skip "no podman"
	cp "$CORACLE" "$BATS_FILE_TMPDIR/coracle-runtime"
	printf '{"default": [{"type": "insecureAcceptAnything"}]}' > "$HOMEDIR/policy.json"
	tar -C "$ROOTFS" -c bin etc dev proc sys tmp | up import - localhost/box > /dev/null
	run -0 up run --rm --net none localhost/box sh -c 'id -u; exit 0'
	[ "$output" = 0 ]
	run -0 up run --rm --net none --user 1000:1000 --group-add 2000 localhost/box id
	[ "$output" = "uid=1000(worker) gid=1000(worker) groups=1000(worker),2000(extra)" ]
	run -0 up run --rm --net host --userns keep-id localhost/box id -u
	[ "$output" = $USER_ID ]
	up run -d --net none --name "$ID" localhost/box sleep 1000 > /dev/null
	[ "$(up exec "$ID" id -u)" = 0 ]
	[ "$(up exec -u 1000 "$ID" id -u)" = 1000 ]
	run -3 up exec "$ID" sh -c 'exit 3'
	run -0 up run --rm --net none --pid "container:$ID" localhost/box ps
	[[ $output == *"sleep 1000"* ]]
	up kill "$ID" > /dev/null
	[ "$(up wait "$ID")" = 137 ]
	up rm "$ID" > /dev/null
	up rmi localhost/box > /dev/null
}

# --- what goes wrong ------------------------------------------------------------------------------

@test "a_user_s_create_killed_anywhere_leaves_nothing_to_him" {
	local call n at=0
	uspec '.process.args = ["sleep", "1000"]'
	set -- "$CORACLE" runtime --root "$XDG/state" create -b "$B" "$ID"
	as strace -qqq -e signal=none -o "$HOMEDIR/calls" "$@" < /dev/null > /dev/null 2>&1 3>&-
	uc cleanup --root "$XDG/state" "$ID" > /dev/null
	STATE=$XDG/state nothing_left
	for call in sendto sendmsg recvmsg renameat clone3 clone write connect mkdirat; do
		n=$(grep -c "^$call(" "$HOMEDIR/calls") || continue
		for n in $(seq "$n"); do
			attempt as strace -qqq -e signal=none -e "trace=$call" -e "inject=$call:signal=KILL:when=$n" -o /dev/null "$@"
			[ "$status" = 137 ] || continue
			at=$((at + 1))
			uc cleanup --root "$XDG/state" > /dev/null
			uc cleanup --root "$XDG/state" "$ID" > /dev/null # if it was created after all
			STATE=$XDG/state nothing_left || { echo "killed at $call $n"; return 1; }
		done
	done
	[ "$at" -ge 8 ] || { echo "died at $at calls only"; return 1; }
}

@test "the_helpers_are_not_whoever_is_in_the_user_s_path_and_get_nothing_of_ours" {
	all_ids
	mkdir "$HOMEDIR/bin"
	printf '#!/bin/sh\necho taken > "%s/taken"\n' "$HOMEDIR" | tee "$HOMEDIR/bin/newuidmap" > "$HOMEDIR/bin/newgidmap"
	chmod 755 "$HOMEDIR"/bin/*
	chown -R $USER_ID "$HOMEDIR/bin"
	uspec '.process.args = ["true"]'
	PATH=$HOMEDIR/bin:$PATH ur run -b "$B" "$ID"
	[ ! -e "$HOMEDIR/taken" ]
	# In the place of the real one: it looks at itself.
	printf '#!/bin/sh\nls /proc/$$/fd > "%s/fds"\nenv > "%s/env"\nexit 3\n' "$HOMEDIR" "$HOMEDIR" > "$BATS_TEST_TMPDIR/spy"
	chmod 755 "$BATS_TEST_TMPDIR/spy"
	BEFORE='mount --bind "$E/../spy" /usr/bin/newuidmap' attempt ur run -b "$B" "$ID" 7< "$B/config.json"
	refused 1 "linux.uidMappings: /usr/bin/newuidmap failed"
	[ "$(grep -vxE '[0-2]|1[0-2]' "$HOMEDIR/fds")" = "" ]
	[ -z "$(grep -E "^(HOME|XDG|USER)" "$HOMEDIR/env" || true)" ]
	unothing_left
}

@test "rootless_says_whether_a_cgroup_may_be_missing" {
	uspec '.process.args = ["true"]'
	local yes no
	for yes in auto true 1 TRUE; do
		ur --rootless "$yes" run -b "$B" "$ID"
	done
	for no in false 0; do
		attempt ur --rootless "$no" run -b "$B" "$ID"
		refused 1 "make cgroup" "Permission denied"
	done
	attempt ur --rootless perhaps run -b "$B" "$ID"
	refused 1 "--rootless" "perhaps"
	unothing_left
}

@test "root_does_not_believe_a_user_s_state" {
	ucreate
	attempt "$CORACLE" runtime --root "$XDG/coracle/default" delete --force "$ID"
	refused 1 "belongs to user $USER_ID"
	[ "$(ustate status)" = created ]
	ur delete --force "$ID"
	unothing_left
}
