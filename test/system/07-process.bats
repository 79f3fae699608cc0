#!/usr/bin/env bats
# 07-process.bats - what a process of a container is given: schedulers, capabilities, labels, seccomp, sockets, devices.
# shellcheck disable=SC2016,SC2030,SC2031,SC2094 # what containers run is in single quotes; each test is a shell

load runtime

setup() { runtime_setup; }
teardown() {
	local pid
	for pid in "${AGENT_PID:-}" "${MANAGER_PID:-}"; do
		[ -z "$pid" ] || kill "$pid" 2> /dev/null || true
	done
	runtime_teardown
}

# --- when and where it runs -----------------------------------------------------------------------

# The policy and the nice value of a process: fields 41 and 19 of its stat.
policy_of() {
	local stat
	stat=$(< "/proc/$1/stat")
	# shellcheck disable=SC2086 # words
	set -- ${stat##*) }
	echo "${39} ${17} ${38}"
}

@test "the_scheduler_is_that_of_the_spec" {
	spec '.process.scheduler = {policy: "SCHED_BATCH", nice: 7, flags: ["SCHED_FLAG_RESET_ON_FORK"]}'
	create_sleeper
	[ "$(policy_of "$(state pid)")" = "3 7 0" ]
	rt start "$ID"
	[ "$(policy_of "$(state pid)")" = "3 7 0" ]
	rt exec -d --pid-file "$B/pid" "$ID" sleep 1000 < /dev/null > /dev/null 2>&1 3>&-
	[ "$(policy_of "$(cat "$B/pid")")" = "3 7 0" ] # as exec says nothing
	echo '{"args": ["sleep", "1000"], "cwd": "/", "env": ["PATH=/bin"], "scheduler": {"policy": "SCHED_OTHER", "nice": -5}}' > "$B/p.json"
	rt exec -d --process "$B/p.json" --pid-file "$B/pid" "$ID" < /dev/null > /dev/null 2>&1 3>&-
	[ "$(policy_of "$(cat "$B/pid")")" = "0 -5 0" ]
	end
	spec '.process.scheduler = {policy: "SCHED_IDLE"}'
	create_sleeper
	[ "$(policy_of "$(state pid)" | cut -d" " -f1)" = 5 ]
	end
	nothing_left
}

@test "real_time_that_the_kernel_refuses_is_named" {
	# Where the cgroup may have it, it is had.
	spec '.process.scheduler = {policy: "SCHED_FIFO", priority: 3}'
	attempt rt create -b "$B" "$ID"
	if [ "$status" = 0 ]; then
		[ "$(policy_of "$(state pid)")" = "1 0 3" ] || [ "$(policy_of "$(state pid)" | cut -d" " -f1,3)" = "1 3" ]
		end
	else
		refused 1 "process.scheduler: SCHED_FIFO, priority 3" CAP_SYS_NICE realtimeRuntime
	fi
	spec '.process.scheduler = {policy: "SCHED_DEADLINE", runtime: 30000000, deadline: 20000000, period: 40000000}'
	attempt rt create -b "$B" "$ID"
	refused 1 "process.scheduler: SCHED_DEADLINE, runtime 30000000, deadline 20000000, period 40000000: "
	nothing_left
}

@test "the_io_priority_is_that_of_the_spec" {
	spec '.process.ioPriority = {class: "IOPRIO_CLASS_BE", priority: 6}'
	[ "$(inside 'ionice -p $$')" = "best-effort: prio 6" ]
	spec '.process.ioPriority = {class: "IOPRIO_CLASS_IDLE", priority: 0}'
	[[ $(inside 'ionice -p $$') == idle* ]]
	nothing_left
}

@test "a_container_has_all_processors_whatever_its_creator_has" {
	local all
	all=$(awk '/Cpus_allowed_list/ {print $2}' /proc/self/status)
	[ "$all" != 0 ] || skip "one processor"
	spec '.process.args = ["awk", "/Cpus_allowed_list/ {print $2}", "/proc/self/status"]'
	[ "$(taskset 1 "$CORACLE" runtime --root "$STATE" run -b "$B" "$ID")" = "$all" ]
	create_sleeper
	rt start "$ID"
	[ "$(taskset 1 "$CORACLE" runtime --root "$STATE" exec "$ID" awk '/Cpus_allowed_list/ {print $2}' /proc/self/status)" = "$all" ]
	end
	nothing_left
}

@test "exec_runs_on_the_processors_that_it_asks_for" {
	[ "$(nproc)" -gt 1 ] || skip "one processor"
	create_sleeper
	rt start "$ID"
	local want
	for want in '{"final": "1"} 1' '{"initial": "0", "final": "0-1"} 0-1' '{"initial": "1"} 1'; do
		jq -n --argjson a "${want% *}" '{args: ["awk", "/Cpus_allowed_list/ {print $2}", "/proc/self/status"],
			cwd: "/", env: ["PATH=/bin"], execCPUAffinity: $a}' > "$B/p.json"
		[ "$(rt exec --process "$B/p.json" "$ID")" = "${want##* }" ]
	done
	"$CORACLE" runtime --root "$STATE" --debug exec --process "$B/p.json" "$ID" 2>&1 > /dev/null | grep -q 'affinity: 0x2"$'
	# Not of init, but what the container's configuration says is exec's.
	end
	spec '.process.execCPUAffinity = {final: "1"}'
	create_sleeper
	rt start "$ID"
	[ "$(awk '/Cpus_allowed_list/ {print $2}' "/proc/$(state pid)/status")" != 1 ]
	[ "$(rt exec "$ID" awk '/Cpus_allowed_list/ {print $2}' /proc/self/status)" = 1 ]
	echo '{"args": ["true"], "cwd": "/", "execCPUAffinity": {"final": "4000"}}' > "$B/p.json"
	attempt rt exec --process "$B/p.json" "$ID"
	refused 255 "process.execCPUAffinity.final: 4000"
	end
	nothing_left
}

@test "the_memory_policy_is_that_of_the_spec" {
	[ -e /proc/self/numa_maps ] || skip "no NUMA"
	spec '.linux.memoryPolicy = {mode: "MPOL_BIND", nodes: "0", flags: ["MPOL_F_STATIC_NODES"]}'
	[[ $(inside 'cat /proc/self/numa_maps') == *" bind=static:0 "* ]]
	spec '.linux.memoryPolicy = {mode: "MPOL_BIND", nodes: "900"}'
	attempt rt run -b "$B" "$ID"
	refused 1 "linux.memoryPolicy: MPOL_BIND, nodes '900'"
	nothing_left
}

@test "the_personality_is_that_of_the_spec" {
	spec '.linux.personality = {domain: "LINUX32", flags: ["ADDR_NO_RANDOMIZE"]}'
	run -0 --separate-stderr inside 'uname -m'
	[[ $output == i?86 ]] || [ "$(uname -m)" != x86_64 ]
	[[ $stderr == *"linux.personality.flags: 'ADDR_NO_RANDOMIZE' is ignored"* ]]
	spec '.linux.personality = {domain: "LINUX"}'
	[ "$(inside 'uname -m')" = "$(uname -m)" ]
	nothing_left
}

@test "bad_words_about_scheduling_are_named" {
	local filter words
	while IFS=: read -r filter words; do
		filter=${filter//@/:}
		cp "$BATS_FILE_TMPDIR/config.json" "$B/config.json"
		spec "$filter"
		attempt rt create -b "$B" "$ID"
		refused 1 "$words"
	done <<- 'END'
		.process.scheduler = {"policy"@ "SCHED_X"}:process.scheduler.policy
		.process.scheduler = {}:process.scheduler.policy
		.process.scheduler = {"policy"@ "SCHED_OTHER", "nice"@ 20}:process.scheduler.nice
		.process.scheduler = {"policy"@ "SCHED_OTHER", "priority"@ 1}:process.scheduler.priority
		.process.scheduler = {"policy"@ "SCHED_RR", "priority"@ 1, "runtime"@ 1}:process.scheduler
		.process.scheduler = {"policy"@ "SCHED_OTHER", "flags"@ ["X"]}:process.scheduler.flags[0]
		.process.ioPriority = {"class"@ "X", "priority"@ 1}:process.ioPriority.class
		.process.ioPriority = {"class"@ "IOPRIO_CLASS_BE", "priority"@ 8}:process.ioPriority.priority
		.process.execCPUAffinity = {"initial"@ "a"}:process.execCPUAffinity.initial
		.process.execCPUAffinity = {"final"@ "3-1"}:process.execCPUAffinity.final
		.process.rlimits = [{"type"@ "RLIMIT_CORE"}, {"type"@ "RLIMIT_CORE"}]:process.rlimits[1]
		.linux.memoryPolicy = {"mode"@ "X"}:linux.memoryPolicy.mode
		.linux.memoryPolicy = {"mode"@ "MPOL_BIND"}:linux.memoryPolicy.nodes
		.linux.memoryPolicy = {"mode"@ "MPOL_DEFAULT", "nodes"@ "0"}:linux.memoryPolicy.nodes
		.linux.memoryPolicy = {"mode"@ "MPOL_BIND", "nodes"@ "0", "flags"@ ["X"]}:linux.memoryPolicy.flags[0]
		.linux.personality = {"domain"@ "X"}:linux.personality.domain
		.linux.netDevices = {"a/b"@ {}}:linux.netDevices
		.linux.netDevices = {"a"@ {"name"@ "aaaaaaaaaaaaaaaa"}}:linux.netDevices.a.name
		.linux.netDevices = {"a"@ {}} | .linux.namespaces |= map(select(.type != "network")):linux.netDevices
		.linux.intelRdt = {"closID"@ "a/b"}:linux.intelRdt.closID
		.linux.intelRdt = {"memBwSchema"@ "L3"}:linux.intelRdt.memBwSchema
	END
	nothing_left
}

# --- what it may ----------------------------------------------------------------------------------

@test "capabilities_that_cannot_be_granted_are_told_and_no_failure" {
	local caps='["CAP_CHOWN", "CAP_SYS_RESOURCE"]'
	spec ".process.capabilities = {bounding: $caps, permitted: ($caps + [\"CAP_NONSENSE\"]), effective: $caps}"
	run -0 --separate-stderr inside 'grep Cap /proc/self/status'
	[[ $stderr == *"process.capabilities.permitted[2]: unknown capability 'CAP_NONSENSE' is ignored"* ]]
	[[ $output == *$'CapPrm:\t00000000'0[01]000001* ]]
	local own
	own=$(awk '/^CapPrm/ {print $2}' /proc/self/status)
	(((16#$own >> 24) & 1)) || [[ $stderr == *"cannot give, CAP_SYS_RESOURCE"* ]]
	spec '.process.capabilities = {bounding: ["CAP_CHOWN", "CAP_KILL"], permitted: ["CAP_CHOWN", "CAP_KILL"],
		inheritable: ["CAP_CHOWN"], ambient: ["CAP_CHOWN", "CAP_KILL"]} | .process.user = {uid: 1000, gid: 1000}'
	run -0 --separate-stderr inside 'grep -E "CapAmb|CapPrm" /proc/self/status'
	[ "$output" = $'CapPrm:\t0000000000000001\nCapAmb:\t0000000000000001' ]
	nothing_left
}

@test "a_cwd_that_is_the_user_s_alone_is_entered" {
	own_rootfs
	mkdir -m 700 "$ROOTFS/home"
	chown 1000:1000 "$ROOTFS/home"
	# root without CAP_DAC_OVERRIDE may not enter it, the user may
	spec '.process.cwd = "/home" | .process.user = {uid: 1000, gid: 1000} | .process.capabilities = {} |
		.linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 1},
		{containerID: 1000, hostID: 1000, size: 1}, {containerID: 5, hostID: 5, size: 1}] | .linux.gidMappings = .linux.uidMappings | .mounts |= map(select(.type != "cgroup"))'
	chmod 711 "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "$BATS_TEST_TMPDIR"
	[ "$(inside 'pwd')" = /home ]
	chown 0:0 "$ROOTFS/home"
	spec 'del(.linux.uidMappings, .linux.gidMappings) | .linux.namespaces |= map(select(.type != "user"))'
	attempt inside 'true'
	[ "$status" = 0 ] # cwd is opened as root, as by runc
	nothing_left
}

@test "rlimits_rise_in_a_user_namespace_as_far_as_we_may" {
	spec '.linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}] |
		.linux.gidMappings = .linux.uidMappings | .mounts |= map(select(.type != "cgroup")) |
		.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 100, hard: 200}]'
	[ "$(inside 'ulimit -Sn; ulimit -Hn')" = $'100\n200' ]
	local most
	most=$(ulimit -Hn)
	spec --argjson n $((most + 1)) '.process.rlimits[0].hard = $n'
	attempt rt run -b "$B" "$ID"
	[ "$status" = 0 ] || refused 1 "RLIMIT_NOFILE" CAP_SYS_RESOURCE
	nothing_left
}

@test "the_keyring_is_the_container_s_own_unless_it_is_not_wanted" {
	local ours theirs keys
	spec '.linux.maskedPaths = []'
	spec --arg r "perm [0-9a-f]* *[0-9]* *[0-9]* keyring *_ses.$ID:" '.process.args = ["grep", "-o", $r, "/proc/keys"]'
	theirs=$(rc run -b "$B" "$ID" | tr -s " ")
	ours=$(rt run -b "$B" "$ID" | tr -s " ")
	[[ $ours == "perm 3f1b0000 0 0 keyring _ses.$ID:" ]]
	[ "$ours" = "$theirs" ]
	create_sleeper
	rt start "$ID"
	# exec has the same one
	keys=$(rt exec "$ID" cat /proc/keys)
	[ "$(grep -c "_ses.$ID:" <<< "$keys")" = 1 ]
	[[ $keys == *"$(grep -o "^[0-9a-f]*.*_ses.$ID:" /proc/keys | cut -d' ' -f1)"* ]]
	end
	local ID=$ID-n
	create_sleeper --no-new-keyring
	rt start "$ID"
	keys=$(rt exec "$ID" cat /proc/keys)
	[[ $keys != *"_ses.$ID"* ]]
	end
	nothing_left
}

@test "labels_of_modules_that_the_kernel_lacks_are_refused_by_name" {
	if [ "$(cat /sys/module/apparmor/parameters/enabled 2> /dev/null)" != Y ]; then
		spec '.process.apparmorProfile = "unconfined"'
		attempt rt create -b "$B" "$ID"
		refused 1 process.apparmorProfile "AppArmor is not enabled"
		spec 'del(.process.apparmorProfile)'
	fi
	if [ ! -e /sys/fs/selinux/enforce ]; then
		spec '.process.selinuxLabel = "system_u:system_r:container_t:s0"'
		attempt rt create -b "$B" "$ID"
		refused 1 process.selinuxLabel "SELinux is disabled"
	fi
	nothing_left
}

# --- seccomp --------------------------------------------------------------------------------------

# filter ACTION NAMES [JQ]: all is allowed but these.
filter() {
	spec --arg a "$1" --argjson n "$2" '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: $n, action: $a}]}'
	[ $# -lt 3 ] || spec "$3"
}

@test "every_seccomp_action_does_what_it_says" {
	filter SCMP_ACT_ERRNO '["mkdir", "mkdirat"]'
	run ! inside 'mkdir /dev/shm/a'
	[[ $output == *"not permitted"* ]]
	filter SCMP_ACT_ERRNO '["mkdir", "mkdirat"]' '.linux.seccomp.syscalls[0].errnoRet = 123'
	run ! inside 'mkdir /dev/shm/a'
	[[ $output == *"No medium found"* ]]
	local action
	for action in KILL KILL_THREAD KILL_PROCESS TRAP; do
		filter "SCMP_ACT_$action" '["mkdir", "mkdirat"]' '.process.args = ["mkdir", "/dev/shm/a"]'
		run -159 rt run -b "$B" "$ID"
	done
	filter SCMP_ACT_TRACE '["mkdir", "mkdirat"]' # nobody traces
	run ! inside 'mkdir /dev/shm/a'
	[[ $output == *"Function not implemented"* ]]
	for action in LOG ALLOW; do
		filter "SCMP_ACT_$action" '["mkdir", "mkdirat"]'
		inside 'mkdir /dev/shm/a'
	done
	nothing_left
}

@test "what_is_newer_than_a_profile_does_not_exist_as_with_runc" {
	local names
	[ "$(uname -m)" = x86_64 ] || skip "numbers of x86-64"
	# All that busybox may want; statx (332) is the newest that is named.
	names=$(awk '/^#define __NR_/ && $3 <= 332 {sub("__NR_", "", $2); print $2}' /usr/include/x86_64-linux-gnu/asm/unistd_64.h |
		jq -R . | jq -s .)
	spec --argjson n "$names" '.linux.seccomp = {defaultAction: "SCMP_ACT_ERRNO", architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X32",
		"SCMP_ARCH_X86"], syscalls: [{names: ($n - ["mkdir"]), action: "SCMP_ACT_ALLOW"}]} | .process.args = ["/probe", "83", "332", "435", "9999"]'
	own_rootfs
	cp "$TOOLS/probe" "$ROOTFS/probe"
	# mkdir: EPERM; statx: EINVAL; clone3 and what will be: ENOSYS
	[ "$(rt run -b "$B" "$ID")" = "1 22 38 38" ]
	[ "$(rc run -b "$B" "$ID")" = "1 22 38 38" ]
	spec '.linux.seccomp.defaultErrnoRet = 5'
	[ "$(rt run -b "$B" "$ID")" = "5 22 38 38" ]
	spec '.linux.seccomp.defaultErrnoRet = 38'
	[ "$(rt run -b "$B" "$ID")" = "38 22 38 38" ]
	nothing_left
}

@test "seccomp_arguments_are_compared_as_by_runc" {
	own_rootfs
	cp "$TOOLS/probe" "$ROOTFS/probe"
	local args want
	# personality(x) of 0x1000 and 0x2000: which of the two is refused
	while IFS='|' read -r args want; do
		spec --argjson a "$args" '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["personality"],
			action: "SCMP_ACT_ERRNO", errnoRet: 77, args: $a}]} | .process.args = ["/probe", "135:4096:1", "135:8192:2"]'
		[ "$(rt run -b "$B" "$ID")" = "$want" ] || { echo "$args"; return 1; }
		[ "$(rc run -b "$B" "$ID")" = "$want" ]
	done <<- 'END'
		[{"index": 0, "value": 4096, "op": "SCMP_CMP_EQ"}]|77 0
		[{"index": 0, "value": 4096, "op": "SCMP_CMP_NE"}]|0 77
		[{"index": 0, "value": 4096, "op": "SCMP_CMP_LE"}]|77 0
		[{"index": 0, "value": 4096, "op": "SCMP_CMP_LT"}]|0 0
		[{"index": 0, "value": 4096, "op": "SCMP_CMP_GE"}]|77 77
		[{"index": 0, "value": 4096, "op": "SCMP_CMP_GT"}]|0 77
		[{"index": 0, "value": 8192, "valueTwo": 8192, "op": "SCMP_CMP_MASKED_EQ"}]|0 77
		[{"index": 0, "value": 4096, "op": "SCMP_CMP_EQ"}, {"index": 0, "value": 8192, "op": "SCMP_CMP_EQ"}]|77 77
		[{"index": 0, "value": 4096, "op": "SCMP_CMP_GE"}, {"index": 1, "value": 2, "op": "SCMP_CMP_EQ"}]|0 77
	END
	nothing_left
}

@test "bad_words_about_seccomp_are_named" {
	local filter words
	while IFS='|' read -r filter words; do
		filter SCMP_ACT_ERRNO '["mkdir"]' ".linux.seccomp$filter"
		attempt rt create -b "$B" "$ID"
		refused 1 "$words"
	done <<- 'END'
		.defaultAction = "X"|linux.seccomp.defaultAction
		.defaultAction = "SCMP_ACT_NOTIFY"|SCMP_ACT_NOTIFY cannot be used as default action
		.architectures = ["SCMP_ARCH_X"]|linux.seccomp.architectures[0]
		.flags = ["X"]|linux.seccomp.flags[0]
		.syscalls[0].action = "X"|linux.seccomp.syscalls[0].action
		.syscalls[0].args = [{"index": 6, "value": 1, "op": "SCMP_CMP_EQ"}]|linux.seccomp.syscalls[0].args[0]
		.syscalls[0].args = [{"index": 0, "value": 1, "op": "X"}]|linux.seccomp.syscalls[0].args[0]
		.syscalls[0].action = "SCMP_ACT_NOTIFY"|seccomp listenerPath is not set
		.syscalls[0] = {"names": ["write"], "action": "SCMP_ACT_NOTIFY"}|SCMP_ACT_NOTIFY cannot be used for the write syscall
	END
	filter SCMP_ACT_NOTIFY '["mkdir"]' ".linux.seccomp.listenerPath = \"$B/none\""
	attempt rt create -b "$B" "$ID"
	refused 1 "failed to connect with seccomp agent"
	nothing_left
	# Of which the specification says that it is ignored where no call is notified.
	filter SCMP_ACT_ERRNO '["mkdir"]' ".linux.seccomp.listenerPath = \"$B/none\" | .linux.seccomp.listenerMetadata = \"m\""
	run -0 inside true
	nothing_left
}

agent_start() {
	AGENT=$BATS_TEST_TMPDIR/agent
	"$TOOLS/agent" "$AGENT" >> "$AGENT.out" 3>&- &
	AGENT_PID=$!
	until [ -S "$AGENT" ]; do sleep 0.02; done
}

agent_stop() {
	kill "$AGENT_PID"
	wait "$AGENT_PID" || true
}

@test "a_seccomp_agent_answers_for_init_its_hooks_and_exec" {
	agent_start
	local nnp
	for nnp in true false; do
		filter SCMP_ACT_NOTIFY '["mkdir", "mkdirat", "chmod", "fchmodat"]'
		spec --arg l "$AGENT" --argjson n $nnp '.linux.seccomp += {listenerPath: $l, listenerMetadata: "m", flags: ["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"]}
			| .process.noNewPrivileges = $n | .annotations = {a: "b"}
			| .hooks = {startContainer: [{path: "/bin/sh", args: ["sh", "-c", "mkdir /dev/shm/hook && stat /dev/shm/hook-bar"], env: ["PATH=/bin"]}]}'
		: > "$AGENT.out"
		run -0 inside 'stat /dev/shm/hook-bar > /dev/null && mkdir /dev/shm/foo && stat /dev/shm/foo-bar > /dev/null; chmod 700 /tmp || true'
		[[ $output == *"No medium found"* ]]
		jq -e --arg id "$ID" --arg b "$B" '.fds == ["seccompFd"] and .metadata == "m" and .pid > 0 and .ociVersion and (.state | .id == $id and
			.status == "creating" and .bundle == $b and .annotations == {a: "b"}) and .pid == .state.pid' "$AGENT.out"
		create_sleeper || { echo "$set:"; cat "$BATS_TEST_TMPDIR/out"; return 1; }
		[ "$(jq -s 'length' "$AGENT.out")" = 2 ]
		rt start "$ID"
		: > "$AGENT.out"
		rt exec "$ID" sh -c 'mkdir /dev/shm/x && stat /dev/shm/x-bar > /dev/null'
		jq -e --argjson p "$(state pid)" '.state.status == "running" and .state.pid == $p and .pid != $p' "$AGENT.out"
		end
	done
	agent_stop
	nothing_left
}

@test "a_seccomp_agent_is_told_of_a_filter_that_notifies_of_nothing" {
	agent_start
	filter SCMP_ACT_ERRNO '["mkdir"]' ".linux.seccomp += {listenerPath: \"$AGENT\", listenerMetadata: \"m\"}"
	run -1 inside 'mkdir /dev/shm/foo'
	[[ $output == *"Operation not permitted"* ]]
	until [ -s "$AGENT.out" ]; do sleep 0.02; done # nobody waited for it
	jq -e --arg id "$ID" '.fds == ["seccompFd"] and .metadata == "m" and .state.id == $id' "$AGENT.out"
	agent_stop
	nothing_left
}

# An agent that was killed leaves its socket.
@test "a_filter_that_notifies_of_nothing_does_without_an_agent_that_is_gone" {
	agent_start
	agent_stop
	[ -S "$AGENT" ]
	local nnp
	for nnp in true false; do
		filter SCMP_ACT_ERRNO '["mkdir"]' ".linux.seccomp += {listenerPath: \"$AGENT\"} | .process.noNewPrivileges = $nnp"
		run -0 inside true
		create_sleeper
		rt start "$ID"
		[ "$(rt exec "$ID" echo hi)" = hi ]
		end
	done
	nothing_left
}

@test "a_filter_that_notifies_of_the_calls_of_its_own_handover_hangs_nobody" {
	agent_start
	local nnp
	for nnp in true false; do
		filter SCMP_ACT_NOTIFY '["mkdir", "read", "sendmsg", "sendto", "recvmsg", "recvfrom", "close", "open", "openat", "openat2", "poll", "fcntl",
			"clone", "fork", "vfork", "dup", "dup2", "accept", "accept4", "execve", "chdir", "setuid", "setresuid", "close_range", "futex"]'
		spec --arg l "$AGENT" --argjson n $nnp '.linux.seccomp.listenerPath = $l | .process.noNewPrivileges = $n'
		[ "$(inside 'mkdir /dev/shm/foo && cd /dev/shm/foo-bar && pwd')" = /dev/shm/foo-bar ]
		create_sleeper || { echo "$set:"; cat "$BATS_TEST_TMPDIR/out"; return 1; }
		rt start "$ID"
		[ "$(rt exec "$ID" echo in)" = in ]
		end
	done
	agent_stop
	nothing_left
}

# --- service managers -----------------------------------------------------------------------------

@test "sockets_of_a_service_manager_are_passed_on" {
	spec '.process.args = ["sh", "-c", "echo $LISTEN_PID $LISTEN_FDS; cat <&3; cat <&4; cat <&5; ls /proc/self/fd | wc -l"]'
	echo one > "$B/1" && echo two > "$B/2" && echo three > "$B/3"
	local by
	for by in "$CORACLE runtime --root $STATE" "runc --root $BATS_TEST_TMPDIR/runc"; do
		# shellcheck disable=SC2016 # of the inner shell
		[ "$(sh -c 'export LISTEN_PID=$$ LISTEN_FDS=2; exec '"$by"' run --preserve-fds 1 -b "$1" "$2"' - "$B" "$ID" \
			3< "$B/1" 4< "$B/2" 5< "$B/3")" = $'1 2\none\ntwo\nthree\n7' ]
	done
	[ "$(env -u LISTEN_PID LISTEN_FDS=1 "$CORACLE" runtime --root "$STATE" run -b "$B" "$ID" 3< "$B/1" 2> /dev/null | head -n 2)" = $'1 1\none' ]
	# Those of somebody else are none of ours.
	[ "$(LISTEN_PID=1 LISTEN_FDS=2 rt run -b "$B" "$ID" 3< "$B/1" 2> /dev/null | head -n 1)" = "" ]
	nothing_left
}

manager_start() {
	MANAGER=$BATS_TEST_TMPDIR/manager
	"$TOOLS/manager" listen "$MANAGER" >> "$MANAGER.out" 3>&- &
	MANAGER_PID=$!
	until [ -S "$MANAGER" ]; do sleep 0.02; done
	own_rootfs
	cp "$TOOLS/manager" "$ROOTFS/bin/manager"
	spec '.process.args = ["sh", "-c", "manager tell STATUS=soon; manager tell READY=1; exec sleep 1000"]'
}

@test "a_service_manager_hears_when_the_container_is_ready" {
	manager_start
	export NOTIFY_SOCKET=$MANAGER
	create
	[ ! -s "$MANAGER.out" ]
	rt start "$ID" # returns when the manager has heard it
	[ "$(cat "$MANAGER.out")" = $'READY=1\nMAINPID='"$(state pid)"$'\nBARRIER=1 with a file' ]
	end
	: > "$MANAGER.out"
	rt run -d -b "$B" "$ID" < /dev/null > /dev/null 2>&1 3>&-
	[ "$(cat "$MANAGER.out")" = $'READY=1\nMAINPID='"$(state pid)"$'\nBARRIER=1 with a file' ]
	end
	: > "$MANAGER.out"
	# In the foreground the runtime is who the manager watches.
	spec '.process.args = ["sh", "-c", "manager tell READY=1; manager tell READY=2; echo ran"]'
	"$CORACLE" runtime --root "$STATE" run -b "$B" "$ID" > "$BATS_TEST_TMPDIR/ran" 3>&- &
	wait $!
	[ "$(cat "$BATS_TEST_TMPDIR/ran")" = ran ]
	until [ "$(wc -l < "$MANAGER.out")" -ge 3 ]; do sleep 0.02; done
	[ "$(head -n 2 "$MANAGER.out")" = $'READY=1\nMAINPID='$! ]
	kill "$MANAGER_PID"
	nothing_left
}

@test "a_container_that_ends_without_being_ready_keeps_nobody_waiting" {
	manager_start
	spec '.process.args = ["true"]'
	export NOTIFY_SOCKET=$MANAGER
	rt run -d -b "$B" "$ID" < /dev/null > /dev/null 2>&1 3>&-
	rt delete --force "$ID"
	rt run -b "$B" "$ID"
	unset NOTIFY_SOCKET
	create
	NOTIFY_SOCKET=$MANAGER rt start "$ID" # made without: nothing to wait for
	end
	[ ! -s "$MANAGER.out" ]
	kill "$MANAGER_PID"
	nothing_left
}

# --- devices of the host --------------------------------------------------------------------------

# A veth pair; both ends go with either namespace, when the kernel comes to it.
veth() {
	A=v${BASHPID}a Z=v${BASHPID}z
	ip link add "$A" type veth peer name "$Z"
	ip addr add 192.0.2.7/24 dev "$A"
	ip addr add 198.51.100.1/32 dev "$A" scope link
	ip -6 addr add 2001:db8::7/64 dev "$A" nodad
	ip link set "$A" up
}

no_veth() {
	ip link del "$Z" 2> /dev/null || [ ! -e "/sys/class/net/$Z" ]
}

@test "network_devices_move_into_the_container_with_name_and_addresses" {
	veth
	spec --arg a "$A" '.linux.netDevices = {($a): {name: "ctr0"}}'
	create_sleeper
	[ ! -e "/sys/class/net/$A" ]
	rt start "$ID"
	run -0 rt exec "$ID" ip -o addr show dev ctr0
	[[ $output == *"inet 192.0.2.7/24"* ]]
	[[ $output == *"inet6 2001:db8::7/64"* ]]
	[[ $output != *198.51.100.1* ]]
	rt exec "$ID" ip link show ctr0 | grep -q '[<,]UP'
	end
	no_veth
	nothing_left
}

@test "a_network_device_keeps_its_name_or_gets_one_of_a_pattern_also_in_a_given_namespace" {
	veth
	spec --arg a "$A" '.linux.netDevices = {($a): {}} | .process.args = ["ls", "/sys/class/net"]'
	rt run -b "$B" "$ID" | grep -qx "$A"
	no_veth
	veth
	ip netns add "$ID"
	ip -n "$ID" link add ctr0 type dummy 2> /dev/null || ip -n "$ID" link add ctr0 type veth peer name ctr9
	spec --arg a "$A" --arg p "/run/netns/$ID" '.linux.netDevices = {($a): {name: "ctr%d"}}
		| .linux.namespaces |= map(if .type == "network" then .path = $p else . end)'
	[[ $(rt run -b "$B" "$ID") == *ctr1* ]]
	# One that is there already is refused, and the host's device as it was.
	ip netns exec "$ID" ip link del ctr1
	no_veth
	veth
	spec --arg a "$A" '.linux.netDevices = {($a): {name: "ctr0"}}'
	attempt rt create -b "$B" "$ID"
	refused 1 "linux.netDevices.$A: move it to the container as ctr0"
	ip addr show dev "$A" | grep -q 2001:db8::7
	ip link show "$A" | grep -q '[<,]UP'
	ip link del "$A"
	ip netns del "$ID"
	attempt rt create -b "$B" "$ID"
	refused 1 "/run/netns/$ID"
	spec --arg a "$A" '.linux.netDevices = {($a): {}} | .linux.namespaces |= map(del(.path))'
	attempt rt create -b "$B" "$ID"
	refused 1 "linux.netDevices.$A: this machine has no such device"
	nothing_left
}

@test "rdt_is_refused_where_the_machine_has_none" {
	[ ! -e /sys/fs/resctrl ] || skip "it has"
	spec '.linux.intelRdt = {l3CacheSchema: "L3:0=f"}'
	attempt rt create -b "$B" "$ID"
	refused 1 linux.intelRdt "Intel RDT is not enabled"
	nothing_left
}

# --- hooks ----------------------------------------------------------------------------------------

@test "hooks_have_the_environment_and_the_place_that_runc_gives_them" {
	local d=$BATS_TEST_TMPDIR by
	mkdir "$d/seen"
	own_rootfs
	spec --arg d "$d/seen" '.process.args = ["cat", "/tmp/start"] | .process.env = ["PATH=/bin", "OWN=1"] | .hooks = {
		createRuntime: [{path: "/bin/sh", args: ["sh", "-c", "echo $MARK $GIVEN; pwd"] , env: ["GIVEN=1"]},
			{path: "/bin/sh", args: ["sh", "-c", "(echo $MARK; pwd) > \($d)/runtime"]}],
		createContainer: [{path: "/bin/sh", args: ["sh", "-c", "pwd > \($d)/container"]}],
		startContainer: [{path: "/bin/sh", args: ["sh", "-c", "(echo $MARK $OWN; pwd) > /tmp/start"]}],
		poststart: [{path: "/bin/sh", args: ["sh", "-c", "pwd > \($d)/poststart"]}],
		poststop: [{path: "/bin/sh", args: ["sh", "-c", "(echo $MARK; pwd; cat) > \($d)/stop"]}]}'
	for by in rt rc; do
		MARK=mine $by run -b "$B" "$ID" > "$d/$by.out"
		(cd "$d/seen" && cat runtime container poststart && sed 's/,"pid":[0-9]*//' stop) >> "$d/$by.out"
	done
	diff "$d/rt.out" "$d/rc.out"
	[ "$(head -n 4 "$d/rt.out")" = $'1\n/\nmine\n'"$B" ]
	nothing_left
}

@test "a_hook_that_fails_is_named_with_its_number_and_status_and_poststop_runs" {
	local h d=$BATS_TEST_TMPDIR
	for h in prestart createRuntime createContainer startContainer poststart; do
		: > "$d/stop"
		spec --arg h $h --arg d "$d" '.process.args = ["sleep", "1000"] | .hooks = {($h): [{path: "/bin/true"},
			{path: "/bin/sh", args: ["sh", "-c", "echo first; echo why >&2; exit 3"]}], poststop: [{path: "/bin/false"},
			{path: "/bin/sh", args: ["sh", "-c", "cat >> \($d)/stop"]}]}'
		run --separate-stderr rt run -b "$B" "$ID"
		[ "$status" = 1 ]
		[[ $stderr == *"error running $h hook #1: hook /bin/sh failed: exit status 3: first why"* ]]
		[[ $stderr == *"warning: container $ID: error running poststop hook #0: hook /bin/false failed: exit status 1"* ]]
		[ "$(jq -r .status "$d/stop")" = stopped ]
		nothing_left
	done
	# The specification: a container whose poststart hook fails is destroyed.
	spec '.hooks |= {poststart, poststop: .poststop[1:]}'
	: > "$d/stop"
	create
	local pid
	pid=$(state pid)
	attempt rt start "$ID"
	refused 1 "error running poststart hook #1"
	await "$pid"
	[ "$(jq -r .status "$d/stop")" = stopped ]
	nothing_left
}

@test "a_hook_that_is_late_is_killed_with_all_that_it_started" {
	local h d=$BATS_TEST_TMPDIR
	mkfifo "$d/f"
	for h in createRuntime createContainer; do
		spec --arg h $h --arg d "$d" '.hooks = {($h): [{path: "/bin/sh", args: ["sh", "-c", "sleep 1000 > \($d)/f & wait"], timeout: 1}]}'
		cat "$d/f" & # ends when nobody has it open any more
		attempt rt create -b "$B" "$ID"
		refused 1 "error running $h hook #0: hook /bin/sh" "imed out"
		wait $!
	done
	nothing_left
}

# --- namespaces -----------------------------------------------------------------------------------

@test "any_namespaces_of_another_container_are_joined" {
	local one=$ID pid set n ID
	local -A file=([pid]=pid [network]=net [ipc]=ipc [uts]=uts [cgroup]=cgroup [time]=time [mount]=mnt)
	spec '.linux.namespaces += [{type: "time"}] | .linux.namespaces |= (map(select(.type != "cgroup")) + [{type: "cgroup"}])
		| .linux.timeOffsets = {boottime: {secs: 100000}}'
	ID=$one
	create_sleeper
	rt start "$ID"
	pid=$(state pid)
	ID=$one-2
	spec 'del(.linux.timeOffsets)'
	for set in cgroup time "pid ipc" "network uts time" "pid network ipc uts cgroup time"; do
		# shellcheck disable=SC2086 # a list of words
		spec --argjson j "$(jq -n '$ARGS.positional' --args $set)" --argjson f "$(for n in "${!file[@]}"; do echo "{\"$n\": \"${file[$n]}\"}"; done |
			jq -s add)" --arg p "/proc/$pid/ns" '.linux.namespaces = ($f | keys | map(if . as $t | $j | index($t) then
			{type: ., path: "\($p)/\($f[.])"} else {type: .} end)) | .hostname = ""'
		create_sleeper || { echo "$set:"; cat "$BATS_TEST_TMPDIR/out"; return 1; }
		rt start "$ID"
		for n in "${!file[@]}"; do
			if [[ " $set " == *" $n "* ]]; then
				[ "$(readlink "/proc/$(state pid)/ns/${file[$n]}")" = "$(readlink "/proc/$pid/ns/${file[$n]}")" ] || { echo "$set: $n is not joined"; return 1; }
			else
				[ "$(readlink "/proc/$(state pid)/ns/${file[$n]}")" != "$(readlink "/proc/$pid/ns/${file[$n]}")" ] || { echo "$set: $n is joined"; return 1; }
			fi
		done
		[[ " $set " != *" time "* ]] || [ "$(rt exec "$ID" cut -d. -f1 /proc/uptime)" -gt 100000 ]
		rt exec "$ID" true
		end
		[ ! -e "$STATE/$ID" ]
	done
	ID=$one
	[ "$(state status)" = running ]
	end
	nothing_left
}

@test "a_mount_namespace_with_the_root_in_it_is_joined" {
	mkfifo "$SYNC/go"
	unshare -m --propagation private sh -c 'read -r x < "$1"' - "$SYNC/go" 3>&- &
	local holder=$!
	until [ "$(readlink "/proc/$holder/ns/mnt")" != "$(readlink /proc/self/ns/mnt)" ]; do sleep 0.02; done
	spec --arg p "/proc/$holder/ns/mnt" '.linux.namespaces |= map(if .type == "mount" then .path = $p else . end)'
	create_sleeper
	[ "$(readlink "/proc/$(state pid)/ns/mnt")" = "$(readlink "/proc/$holder/ns/mnt")" ]
	rt start "$ID"
	[ "$(rt exec "$ID" sh -c 'ls -d /work /bin/busybox 2> /dev/null')" = /bin/busybox ]
	end
	echo > "$SYNC/go"
	wait "$holder"
	nothing_left
}

@test "a_namespace_path_of_another_type_or_of_nothing_is_refused" {
	local n
	for n in ipc network cgroup time pid user uts mount; do
		cp "$BATS_FILE_TMPDIR/config.json" "$B/config.json"
		spec --arg n $n '.linux.namespaces |= (map(select(.type != $n)) + [{type: $n, path: "/proc/self/ns/\(if $n == "ipc" then "uts" else "ipc" end)"}])'
		attempt rt create -b "$B" "$ID"
		[ "$status" = 1 ]
		[[ $stderr == *"$n"*"another type"* ]] || { echo "$n: $stderr"; return 1; }
		spec --arg n $n '.linux.namespaces |= (map(select(.type != $n)) + [{type: $n, path: "/not/there"}])'
		attempt rt create -b "$B" "$ID"
		[ "$status" = 1 ]
		[[ $stderr == *"$n"*/not/there* ]] || { echo "$n: $stderr"; return 1; }
		nothing_left
	done
}

@test "few_files_may_be_open_under_a_filter_that_denies_limits" {
	local n filter
	for filter in null '{defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["prlimit64", "setrlimit"],
			action: "SCMP_ACT_KILL_PROCESS", args: [{index: 2, value: 0, valueTwo: 0, op: "SCMP_CMP_NE"}]}]}'; do
		for n in 3 40; do
			spec --argjson n $n '.process.rlimits = [{type: "RLIMIT_NOFILE", soft: $n, hard: 400}] | .process.noNewPrivileges = false
				| .process.args = ["sh", "-c", "ulimit -Sn; ulimit -Hn"] | .linux.seccomp = '"$filter"
			create
			n+=" $(state pid)"
			rt start "$ID"
			await "${n#* }"
			[ "$(< "$BATS_TEST_TMPDIR/out")" = "${n% *}"$'\n400' ] || { cat "$BATS_TEST_TMPDIR/out"; return 1; }
			end
			nothing_left
		done
	done
}

@test "a_container_that_may_open_hardly_any_file_starts" {
	local n user
	for user in "" user; do
		[ -z "$user" ] || spec '.linux.namespaces += [{type: "user"}] | .mounts |= map(select(.type != "cgroup"))
			| .linux |= (.uidMappings = [{containerID: 0, hostID: 0, size: 65536}] | .gidMappings = .uidMappings)'
		for n in 0 1 3 4; do
			spec --argjson n $n '.process.rlimits = [{type: "RLIMIT_NOFILE", soft: $n, hard: $n}]
				| .process.args = ["sh", "-c", "ulimit -Sn; ulimit -Hn; exec sleep 1000"]
				| .process.noNewPrivileges = true
				| .linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["prlimit64", "setrlimit", "mkdir"],
					action: "SCMP_ACT_ERRNO", args: [{index: 2, value: 0, valueTwo: 0, op: "SCMP_CMP_NE"}]}]}'
			rt create -b "$B" "$ID" < /dev/null > "$BATS_TEST_TMPDIR/out" 2>&1 3>&-
			rt start "$ID"
			until [ "$(cut -d ' ' -f 1 "/proc/$(state pid)/cmdline" | tr -d '\0')" = sleep1000 ]; do
				[ "$(state status)" = running ]
			done
			[ "$(< "$BATS_TEST_TMPDIR/out")" = "$n"$'\n'"$n" ]
			[ "$(rt exec "$ID" sh -c 'ulimit -n')" = "$n" ]
			end
			nothing_left
		done
	done
}
