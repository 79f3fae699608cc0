#!/usr/bin/env bats
# 05-host.bats - the engine "host": a command on the node as it is, with a user, rights, limits and a cgroup of its own.
# shellcheck disable=SC2016 # jq's variables, and the inner shell's

load runtime

setup() {
	runtime_setup
	spec '.process.env = ["PATH=/usr/bin:/bin", "A=b"] | .process.user = {uid: 1234, gid: 1235, additionalGids: [7, 8], umask: 7}
		| .process.cwd = "/tmp"'
}
teardown() { runtime_teardown; }

host() {
	rt --engine host "$@"
}

# on_host SCRIPT [OPTION...]: runs it as the container's program.
on_host() {
	spec --arg s "$1" '.process.args = ["/bin/sh", "-c", $s]'
	shift
	host run -b "$B" "$@" "$ID"
}

# A program with children, two of them in sessions of their own; its last word is a name that no other process has.
family() {
	spec --arg n "$ID" '.process.args = ["/bin/sh", "-c", "setsid sh -c \"exec -a x-\($n) sleep 1000\" & setsid sleep 1000 & sleep 1000", $n]'
	spec '.process.args[0] = "/bin/bash" | .process.args[2] |= gsub("sh -c"; "bash -c")'
	host create -b "$B" "$ID" < /dev/null > "$BATS_TEST_TMPDIR/out" 2>&1 3>&-
	host start "$ID"
	until [ "$(processes | wc -l)" = 4 ]; do sleep 0.02; done
}

processes() {
	cat "/sys/fs/cgroup/pids/coracle-$ID/cgroup.procs" 2> /dev/null
}

# Nothing of it is left, and all of these have ended.
all_ended() {
	local pid
	for pid in "$@"; do
		grep -qs '^State:.[^ZX]' "/proc/$pid/status" || continue # to be reaped by others
		echo "process $pid is left"
		return 1
	done
	assert_gone "$ID"
}

@test "a_command_runs_on_the_node_with_the_rights_it_was_given_and_nothing_of_the_callers" {
	LEAK=1 run -0 on_host 'id -u; id -g; id -G; umask; pwd; ulimit -n; env -u OLDPWD | sort; ls /proc/self/fd | wc -l
		grep -E "^(CapEff|CapBnd|NoNewPrivs)" /proc/self/status | cut -f 2; for n in mnt net pid uts; do readlink /proc/self/ns/$n; done; stat -c %i /' 9< /dev/null
	[ "${lines[*]:0:6}" = "1234 1235 1235 7 8 0007 /tmp 1024" ]
	[[ "${lines[*]:6}" == "A=b HOME=/ PATH=/usr/bin:/bin PWD=/tmp 4 "* ]] # no LEAK, no fd 9
	[[ "$output" == *$'\n0000000000000000\n0000000020000420\n1\n'* ]]
	[[ "$output" == *"$(readlink /proc/self/ns/{mnt,net,pid,uts})"$'\n'"$(stat -c %i /)" ]]
	assert_gone "$ID"
}

@test "its_status_is_the_runs" {
	run -7 on_host 'exit 7'
	run -143 on_host 'kill -TERM $$'
	run -129 on_host 'kill -HUP $$'
	spec '.process.args = ["/no/such/program"]'
	run -1 host run -b "$B" "$ID"
	[[ "$output" == *"/no/such/program"*"no such file"* ]]
	assert_gone "$ID"
}

@test "exec_is_the_user_of_the_container_in_its_cgroup" {
	family
	local of
	of=$(rt state "$ID" | jq .pid)
	run -0 rt exec "$ID" sh -c 'id -u; id -G; pwd; echo $A; cat /proc/self/cgroup'
	[ "${lines[*]:0:4}" = "1234 1235 7 8 /tmp b" ]
	[ "$(tail -n +5 <<< "$output")" = "$(cat "/proc/$of/cgroup")" ]
	run -0 rt exec --user 99:98 "$ID" id -u
	[ "$output" = 99 ]
	run -5 rt exec "$ID" sh -c 'exit 5'
	rt delete --force "$ID"
}

@test "kill_and_delete_end_all_that_it_started_whatever_session_that_is_in" {
	local pids
	family
	mapfile -t pids < <(processes)
	rt kill "$ID" KILL
	until [ "$(state status)" = stopped ]; do sleep 0.02; done
	rt delete "$ID"
	all_ended "${pids[@]}"
	family
	mapfile -t pids < <(processes)
	rt delete --force "$ID"
	all_ended "${pids[@]}"
	family
	mapfile -t pids < <(processes)
	run -0 "$CORACLE" cleanup --root "$STATE" "$ID"
	[[ "$output" == *"$ID"* ]]
	all_ended "${pids[@]}"
}

@test "limits_hold_and_what_it_cannot_do_is_refused_by_name" {
	spec '.linux.resources += {memory: {limit: 33554432}, pids: {limit: 20}}'
	family
	[ "$(cat "/sys/fs/cgroup/memory/coracle-$ID/memory.limit_in_bytes")" = 33554432 ]
	rt update --pids-limit 30 "$ID"
	[ "$(cat "/sys/fs/cgroup/pids/coracle-$ID/pids.max")" = 30 ]
	rt pause "$ID"
	[ "$(state status)" = paused ]
	rt resume "$ID"
	[ "$(state status)" = running ]
	[ "$(rt events --stats "$ID" | jq .data.pids.current)" = 4 ]
	[ "$(rt ps --format json "$ID" | jq length)" = 4 ]
	run -1 rt checkpoint "$ID"
	[[ "$output" == *"runtime host does not support checkpoint" ]]
	rt delete --force "$ID"
}

@test "a_filter_and_a_terminal_are_its_own" {
	spec '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 38}]}'
	run -0 on_host 'mkdir "/tmp/no-$$" 2>&1 || echo no'
	[[ "$output" == *"Function not implemented"*no ]]
	spec '.process.terminal = true | del(.linux.seccomp)'
	spec '.process.args = ["/bin/sh", "-c", "test -t 0 && tty && stat -c %u $(tty)"]'
	run -0 script -qec "'$CORACLE' runtime --root '$STATE' --engine host run -b '$B' '$ID'" /dev/null
	[[ "$output" == *"/dev/pts/"*1234* ]]
	assert_gone "$ID"
}

@test "a_container_and_a_command_of_the_node_live_beside_each_other" {
	family
	spec '.process.args = ["sleep", "1000"] | .process.user = {uid: 0, gid: 0}'
	rt create -b "$B" "$ID-native" < /dev/null > "$BATS_TEST_TMPDIR/out" 2>&1 3>&-
	rt start "$ID-native"
	[ "$(field "$ID" engine) $(field "$ID-native" engine)" = "host native" ]
	[ "$(rt list -q | sort | paste -sd ' ')" = "$ID $ID-native" ]
	[ "$(rt exec "$ID-native" readlink /proc/self/ns/pid)" != "$(readlink /proc/self/ns/pid)" ]
	[ "$(rt exec "$ID" readlink /proc/self/ns/mnt)" = "$(readlink /proc/self/ns/mnt)" ]
	rt delete --force "$ID-native"
	[ "$(processes | wc -l)" = 4 ]
	rt delete --force "$ID"
}
