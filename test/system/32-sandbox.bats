#!/usr/bin/env bats
# 32-sandbox.bats - pods without a pause container: containerd's CRI service, with the shim for its sandboxer.

load helper
load containerd
load cri

setup_file() {
	containerd_use 2
	cri_setup "
		    [plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.pods]
		      runtime_type = \"$RUNTIME\"
		      sandboxer = \"shim\"
		    [plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.options]
		      runtime_type = \"io.containerd.runc.v2\"
		      sandboxer = \"shim\"
		      options = {Root = \"$BATS_FILE_TMPDIR/options\"}
	"
	[ "$(id -u)" = 0 ] || return 0
	# A network for them: containerd 2.1 ends when a pod of such a handler is to be on the host's.
	jq -n --arg dir "$BATS_FILE_TMPDIR/ips" '{cniVersion: "0.4.0", name: "pods", plugins: [{type: "ptp",
		ipam: {type: "host-local", dataDir: $dir, subnet: "10.213.0.0/24"}}]}' > "$BATS_FILE_TMPDIR/cni/pods.conflist"
}

teardown_file() {
	cri_teardown
	containerd_teardown
}

setup() {
	[ "$(id -u)" = 0 ] || skip "needs root"
}

teardown() {
	[ -z "${POD:-}" ] || cri_rmp "$POD"
}

# runp [JQ [HANDLER]]: a pod of its own test, whose containers have a pid namespace each.
runp() {
	CONFIG=$(cri_pod "$BATS_TEST_NAME" '.linux.security_context.namespace_options = {pid: "CONTAINER"} | .hostname = "web"
		| '"${1:-.}")
	POD=$(cri_runp "$CONFIG" "${2:-pods}") || return
	HOLDER=$(inspect .info.info | jq .pid)
	SHIM=$(shim_pid "$POD")
}

# A container in it that runs, with a pid namespace of its own: run_in NAME COMMAND [JQ]; prints its id.
run_in() {
	local id
	id=$(cri_create "$POD" "$CONFIG" "$1" "$2" '.linux.security_context.namespace_options.pid = "CONTAINER" | '"${3:-.}") &&
		cri_start "$id" && echo "$id"
}

inspect() {
	cri call PodSandboxStatus "{\"pod_sandbox_id\": \"$POD\", \"verbose\": true}" | jq -r "$1"
}

pid_of() {
	cri call ContainerStatus "{\"container_id\": \"$1\", \"verbose\": true}" | jq -r .info.info | jq .pid
}

in_one() {
	[ "$(readlink "/proc/$1/ns/$3")" = "$(readlink "/proc/$2/ns/$3")" ]
}

# Until the container has ended: prints its state and exit code.
await_exit() {
	local pid
	pid=$(pid_of "$1")
	[ "$pid" = null ] || [ "$pid" = 0 ] || await_end "$pid"
	until status=$(cri call ContainerStatus "{\"container_id\": \"$1\"}" | jq -r '.status | "\(.state) \(.exitCode)"') &&
		[[ $status == CONTAINER_EXITED* ]]; do
		sleep 0.02
	done
	echo "$status"
}

assert_no_pod() {
	local left
	left=$(
		pgrep -fa -- "$1"
		ls -d "/run/coracle/containerd-$NS/$1" "$BATS_FILE_TMPDIR"/cd/state/*/"$NS/$1" \
			"/run/containerd/s/$(printf %s "$CONTAINERD/$NS/$1" | sha256sum | cut -d' ' -f1)" 2> /dev/null
		find /sys/fs/cgroup -maxdepth 3 -type d -name "*$1*"
		grep -F "$1" /proc/self/mountinfo
	) || true
	[ -z "$left" ] || { echo "left: $left"; return 1; }
}

@test "a_pod_is_a_shim_and_what_holds_its_namespaces" {
	runp
	[ "$(inspect .status.state)" = SANDBOX_READY ]
	until [ "$(pgrep -P "$SHIM")" = "$HOLDER" ]; do :; done # a fork of its may be about to go
	local a b ns
	a=$(pid_of "$(run_in a 'sleep 1000')")
	b=$(pid_of "$(run_in b 'sleep 1000')")
	for ns in net ipc uts; do
		in_one "$a" "$HOLDER" $ns
		in_one "$a" "$b" $ns
		run -1 in_one "$a" $$ $ns
	done
	run -1 in_one "$a" "$b" pid
	run -1 in_one "$a" "$b" mnt
	# What people do to look into a pod's network.
	[ "$(nsenter -t "$HOLDER" -n ip -j -4 address show eth0 | jq -r '.[0].addr_info[0].local')" = "$(inspect .status.network.ip)" ]
	# It costs less than a pause container alone.
	local dirty
	dirty=$(cat "/proc/$SHIM/smaps_rollup" "/proc/$HOLDER/smaps_rollup" | awk '/^Private_Dirty/ { n += $2 } END { print n }')
	[ "$dirty" -le 160 ]
}

@test "its_containers_share_names_and_memory" {
	runp '.dns_config = {servers: ["10.1.2.3", "10.1.2.4"], searches: ["svc.example", "example"], options: ["ndots:5"]}'
	local a b
	a=$(run_in a 'hostname > /dev/shm/from-a; sleep 1000')
	b=$(run_in b 'sleep 1000')
	run -0 cri exec-sync "$b" sh -c 'until cat /dev/shm/from-a 2> /dev/null; do :; done'
	[ "$output" = web ]
	run -0 cri exec-sync "$b" sh -c 'cat /etc/hostname /etc/resolv.conf; df -k /dev/shm | tail -n 1 | tr -s " " | cut -d" " -f2'
	[ "$output" = $'web\nsearch svc.example example\nnameserver 10.1.2.3\nnameserver 10.1.2.4\noptions ndots:5\n65536' ]
	run -0 cri exec-sync "$a" cat /etc/hosts
	[ "$output" = "$(cat /etc/hosts)" ]
}

@test "a_mount_of_its_own_is_a_containers_own" {
	runp
	echo mine > "$BATS_TEST_TMPDIR/file"
	local a
	a=$(run_in a 'sleep 1000' ".mounts = [{container_path: \"/etc/hosts\", host_path: \"$BATS_TEST_TMPDIR/file\"},
		{container_path: \"/dev/shm\", host_path: \"$BATS_TEST_TMPDIR\"}]")
	run -0 cri exec-sync "$a" cat /etc/hosts /dev/shm/file
	[ "$output" = $'mine\nmine' ]
}

@test "containers_that_share_processes_see_each_other_and_leave_no_zombie" {
	runp '.linux.security_context.namespace_options.pid = "POD"'
	local a b
	a=$(run_in a 'sleep 1000' '.linux.security_context.namespace_options.pid = "POD"')
	b=$(run_in b 'sleep 1000' '.linux.security_context |= . + {namespace_options: {pid: "POD"}, capabilities: {add_capabilities: ["SYS_PTRACE"]}}')
	run -0 cri exec-sync "$b" ps -o pid,args
	[[ "$output" == *"1 coracle-pod default/"*"sleep 1000"*"sleep 1000"* ]]
	# The holder reaps: of a child whose parent has ended nothing is left.
	run -0 cri exec-sync "$b" sh -c '(sh -c "echo \$\$ > /orphan" &) ; until [ -s /orphan ] && [ ! -e "/proc/$(cat /orphan)" ]; do :; done'
	# Who may trace it finds nothing in it, and cannot change its program nor end it.
	run -0 cri exec-sync "$b" ls -A /proc/1/root/
	[ "$output" = "" ]
	run cri exec-sync "$b" sh -c ': >> /proc/1/exe'
	[[ "$output" == *"Read-only file system"* || "$output" == *"Text file busy"* || "$output" == *"Permission denied"* ]]
	cri exec-sync "$b" kill 1
	cri exec-sync "$b" kill -9 1
	cri exec-sync "$a" true
	[ "$(inspect .status.state)" = SANDBOX_READY ]
}

@test "sysctls_are_the_pods" {
	runp '.linux.sysctls = {"net.ipv4.ip_forward": "1", "kernel.shm_rmid_forced": "1"}'
	local a
	a=$(run_in a 'sleep 1000')
	run -0 cri exec-sync "$a" cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/shm_rmid_forced /proc/sys/net/ipv4/ip_unprivileged_port_start
	[ "$output" = $'1\n1\n0' ]
	CONFIG=$(cri_pod other '.linux = {sysctls: {"kernel.panic": "1"}, security_context: {namespace_options: {pid: "CONTAINER"}}}')
	run -1 cri_runp "$CONFIG" pods
	[[ "$output" == *"kernel.panic is the whole machine's"* ]]
}

@test "logs_exec_and_exit_codes" {
	runp
	local a
	a=$(run_in a 'echo out; echo err >&2; exit 7')
	[ "$(await_exit "$a")" = "CONTAINER_EXITED 7" ]
	grep -q 'stdout F out$' "$BATS_TEST_TMPDIR/$BATS_TEST_NAME/a.log"
	grep -q 'stderr F err$' "$BATS_TEST_TMPDIR/$BATS_TEST_NAME/a.log"
	a=$(run_in b 'sleep 1000')
	run -3 cri exec-sync "$a" sh -c 'echo inside; exit 3'
	[ "$output" = inside ]
	cri_stop "$a"
	[ "$(await_exit "$a")" = "CONTAINER_EXITED 137" ]
	# The last of them has gone; the pod is still there, for the next.
	[ "$(inspect .status.state)" = SANDBOX_READY ]
	run_in c 'sleep 1000'
}

@test "a_port_of_the_pod_is_forwarded" {
	runp
	run_in a 'while :; do echo hello | nc -l -p 8080; done'
	local answer=
	until answer=$(cri port-forward "$POD" 8080 < /dev/null 2> /dev/null) && [ -n "$answer" ]; do
		sleep 0.02
	done
	[ "$answer" = hello ]
}

@test "stats_are_of_the_pods_cgroup" {
	local parent=/coracle-$BATS_TEST_NUMBER-$$ d
	for d in memory cpu cpuacct pids; do
		mkdir -p "/sys/fs/cgroup/$d$parent"
	done
	runp ".linux.cgroup_parent = \"$parent\""
	run_in a 'sleep 1000'
	run -0 cri call PodSandboxStats "{\"pod_sandbox_id\": \"$POD\"}"
	[ "$(jq -r '.stats.linux.containers | length' <<< "$output")" = 1 ]
	[ "$(jq -r '.stats.linux.memory.usageBytes.value' <<< "$output")" -gt 0 ]
	cri_rmp "$POD"
	unset POD
	for d in memory cpu cpuacct pids; do
		[ ! -d "/sys/fs/cgroup/$d$parent" ] || rmdir "/sys/fs/cgroup/$d$parent"
	done
}

@test "a_stopped_pod_is_kept_and_a_removed_one_leaves_nothing" {
	runp
	local a pid
	a=$(run_in a 'sleep 1000')
	pid=$(pid_of "$a")
	cri call StopPodSandbox "{\"pod_sandbox_id\": \"$POD\"}" > /dev/null
	[ "$(inspect .status.state)" = SANDBOX_NOTREADY ]
	[ ! -e "/proc/$pid" ]
	[ ! -e "/proc/$HOLDER" ]
	[ -e "/proc/$SHIM" ]
	run -1 run_in b 'sleep 1000'
	cri call RemovePodSandbox "{\"pod_sandbox_id\": \"$POD\"}" > /dev/null
	await_end "$SHIM"
	assert_no_pod "$POD"
	assert_no_pod "$a"
	unset POD
}

@test "whoever_kills_what_holds_the_pod_ends_it" {
	runp
	kill -9 "$HOLDER"
	# containerd hears of it by the Wait that it keeps open.
	until [ "$(cri call ListPodSandbox "{\"filter\": {\"id\": \"$POD\"}}" | jq -r '.items[0].state')" = SANDBOX_NOTREADY ]; do
		sleep 0.02
	done
	run -1 run_in a 'sleep 1000'
	[[ "$output" == *"not running"* ]]
}

@test "a_pod_survives_containerd" {
	runp
	local a b pid
	a=$(run_in a 'sleep 1000')
	pid=$(pid_of "$a")
	containerd_kill
	containerd_start
	[ "$(inspect .status.state)" = SANDBOX_READY ]
	[ "$(inspect .info.info | jq .pid)" = "$HOLDER" ]
	[ "$(pid_of "$a")" = "$pid" ]
	b=$(run_in b 'cat /dev/shm/left; hostname')
	[ "$(await_exit "$b")" = "CONTAINER_EXITED 0" ]
	cri_stop "$a"
	[ "$(await_exit "$a")" = "CONTAINER_EXITED 137" ]
	cri_rmp "$POD"
	await_end "$SHIM"
	assert_no_pod "$POD"
	unset POD
}

@test "a_killed_shim_leaves_nothing" {
	runp
	local a pid
	a=$(run_in a 'sleep 1000')
	pid=$(pid_of "$a")
	kill -9 "$SHIM"
	await_end "$SHIM"
	await_end "$HOLDER"
	await_end "$pid"
	until [ "$(inspect .status.state)" = SANDBOX_NOTREADY ]; do
		sleep 0.02
	done
	await_exit "$a"
	cri_rmp "$POD"
	assert_no_pod "$POD"
	assert_no_pod "$a"
	unset POD
}

@test "eight_pods_at_once" {
	local i ids=()
	for i in $(seq 8); do
		cri_runp "$(cri_pod "at-once-$i" '.linux.security_context.namespace_options = {pid: "CONTAINER"}')" pods > "$BATS_TEST_TMPDIR/$i" &
		ids+=($!)
	done
	for i in "${ids[@]}"; do
		wait "$i"
	done
	for i in $(seq 8); do
		cri_rmp "$(cat "$BATS_TEST_TMPDIR/$i")" &
		ids[i - 1]=$!
	done
	for i in "${ids[@]}"; do
		wait "$i"
	done
	for i in $(seq 8); do
		assert_no_pod "$(cat "$BATS_TEST_TMPDIR/$i")"
	done
}

@test "a_pod_has_users_of_its_own" {
	local users='{mode: "POD", uids: [{host_id: 100000, container_id: 0, length: 65536}], gids: [{host_id: 100000, container_id: 0, length: 65536}]}'
	runp ".linux.security_context.namespace_options.userns_options = $users"
	local a b ns
	a=$(run_in a 'echo mine > /dev/shm/a; sleep 1000' ".linux.security_context.namespace_options.userns_options = $users")
	b=$(run_in b 'sleep 1000' ".linux.security_context.namespace_options.userns_options = $users")
	for ns in user net ipc uts; do
		in_one "$(pid_of "$a")" "$HOLDER" $ns
		in_one "$(pid_of "$b")" "$HOLDER" $ns
	done
	[ "$(stat -c %u "/proc/$(pid_of "$a")")" = 100000 ]
	# It is the one that the network belongs to: its root may set that up.
	run -0 cri exec-sync "$b" sh -c 'id -u; stat -c %u /bin/busybox /etc/hosts /etc/resolv.conf; cat /proc/sys/net/ipv4/ip_unprivileged_port_start'
	[ "$output" = $'0\n0\n0\n0\n0' ]
	run -0 cri exec-sync "$b" sh -c 'until cat /dev/shm/a 2> /dev/null; do :; done'
	[ "$output" = mine ]
}

@test "a_handler_of_runcs_type_has_options_for_its_containers" {
	runp . options
	local a
	a=$(run_in a 'sleep 1000')
	[ -e "$BATS_FILE_TMPDIR/options/$NS/$a/state.json" ]
	[ ! -e "/run/coracle/containerd-$NS/$a" ]
	in_one "$(pid_of "$a")" "$HOLDER" net
	[ "$(cri exec-sync "$a" echo hi)" = hi ]
	cri_rmp "$POD"
	[ ! -e "$BATS_FILE_TMPDIR/options/$NS/$a" ]
	assert_no_pod "$POD"
	POD=
}
