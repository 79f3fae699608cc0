#!/usr/bin/env bats
# 34-cri-VERSION.bats - pods as the kubelet asks for them, under containerd of the version that the file's name tells: one
# file, under several names.

load helper
load containerd
load cri

setup_file() {
	local version=${BATS_TEST_FILENAME##*-}
	[ "$(id -u)" = 0 ] || return 0
	containerd_use "${version%.bats}"
	local plugin=plugins.\"io.containerd.grpc.v1.cri\" options="Root = \"$BATS_FILE_TMPDIR/rooted\""
	if [ "$CONTAINERD_VERSION" = 1.6 ]; then # which sends a path, newer ones the options themselves
		echo "$options" > "$BATS_FILE_TMPDIR/options.toml"
		options="ConfigPath = \"$BATS_FILE_TMPDIR/options.toml\""
	fi
	cri_setup "
		    [$plugin.containerd.runtimes.rooted]
		      runtime_type = \"$RUNTIME\"
		      [$plugin.containerd.runtimes.rooted.options]
		        $options
	"
	# The third number of the addresses is the version's: they may run side by side.
	jq -n --arg dir "$BATS_FILE_TMPDIR/ips" --arg subnet "10.214.$((${#version} * 7 + $(cksum <<< "$version" | cut -c 1-2))).0/24" \
		'{cniVersion: "0.4.0", name: "pods", plugins: [{type: "ptp", ipam: {type: "host-local", dataDir: $dir, subnet: $subnet}}]}' \
		> "$BATS_FILE_TMPDIR/cni/pods.conflist"
}

teardown_file() {
	[ "$(id -u)" = 0 ] || return 0
	cri_teardown
	containerd_teardown
}

setup() {
	[ "$(id -u)" = 0 ] || skip "needs root"
	NAME=$(cid p)
}

# A pod with a network of its own, once there is one.
pod_with_network() {
	cri_pod "$NAME" 'del(.linux.security_context)'
}

# pod_start [CONFIG]: POD and CONFIG of this test.
pod_start() {
	CONFIG=${1:-$(cri_pod "$NAME")}
	POD=$(cri_runp "$CONFIG")
}

# container NAME COMMAND [JQ]: created and started; its id.
container() {
	local id
	id=$(cri_create "$POD" "$CONFIG" "$1" "$2" '.linux.security_context.namespace_options.pid = "CONTAINER" | '"${3:-.}")
	cri_start "$id"
	echo "$id"
}

status_of() {
	cri call ContainerStatus "{\"container_id\": \"$1\", \"verbose\": true}" | jq -r "$2"
}

pid_of() {
	status_of "$1" '.info.info | fromjson | .pid'
}

# await_container ID: until it has ended.
await_container() {
	await_end "$(pid_of "$1")"
	until [ "$(status_of "$1" .status.state)" = CONTAINER_EXITED ]; do
		sleep 0.02
	done
}

# await_log CONTAINER TEXT
await_log() {
	until grep -q "$2" "$BATS_TEST_TMPDIR/$NAME/$1.log"; do
		sleep 0.02
	done
}

# Nothing of a pod: no shim, no state, cgroup or mount.
assert_no_pod() {
	local pid left
	pid=$(shim_pid "$1") && await_end "$pid"
	left=$(
		ls -d "/run/coracle/containerd-$NS/$1" "/run/containerd/s/$(printf %s "$CONTAINERD/$NS/$1" | sha256sum | cut -d' ' -f1)" 2> /dev/null
		find /sys/fs/cgroup -type d -name "*$1*"
		grep -F "$1" /proc/self/mountinfo
	) || true
	[ -z "$left" ] || { echo "left: $left"; return 1; }
}

@test "a_pod_of_two_containers_has_one_shim_and_one_network_and_leaves_nothing" {
	local a b shim address
	pod_start "$(pod_with_network)"
	a=$(container a 'hostname; ip -o -4 addr show eth0; echo ready; exec sleep 1000')
	b=$(container b 'hostname; ip -o -4 addr show eth0; echo ready; exec sleep 1000')
	shim=$(shim_pid "$POD")
	run -1 shim_pid "$a"
	run -1 shim_pid "$b"
	[ "$(pgrep -c -P "$shim")" = 3 ]
	run -0 jq -r '.items[] | select(.id == "'"$POD"'") | .state + " " + .runtimeHandler' <(cri call ListPodSandbox)
	[ "$output" = "SANDBOX_READY coracle" ]
	run -0 jq -r '[.containers[] | select(.podSandboxId == "'"$POD"'") | .metadata.name + " " + .state] | sort | join(",")' <(cri call ListContainers)
	[ "$output" = "a CONTAINER_RUNNING,b CONTAINER_RUNNING" ]
	address=$(cri call PodSandboxStatus "{\"pod_sandbox_id\": \"$POD\"}" | jq -r .status.network.ip)
	await_log a ready
	await_log b ready
	diff <(cut -d' ' -f 3- "$BATS_TEST_TMPDIR/$NAME/a.log") <(cut -d' ' -f 3- "$BATS_TEST_TMPDIR/$NAME/b.log")
	grep -qF " stdout F " "$BATS_TEST_TMPDIR/$NAME/a.log"
	grep -qF "inet $address/" "$BATS_TEST_TMPDIR/$NAME/a.log"
	[ "$(readlink "/proc/$(pid_of "$a")/ns/ipc")" = "$(readlink "/proc/$(pid_of "$b")/ns/ipc")" ]
	[ "$(readlink "/proc/$(pid_of "$a")/ns/pid")" != "$(readlink "/proc/$(pid_of "$b")/ns/pid")" ]
	cri_stop "$a"
	[ "$(status_of "$a" '.status.state + " " + (.status.exitCode | tostring)')" = "CONTAINER_EXITED 137" ]
	run -0 cri exec-sync "$b" echo alive
	[ "$output" = alive ]
	cri_rm "$a"
	cri_rmp "$POD"
	await_end "$shim"
	assert_no_pod "$POD"
	assert_no_pod "$a"
	assert_no_pod "$b"
}

@test "the_options_of_a_handler_reach_its_containers" {
	local config pod id
	config=$(cri_pod "$NAME")
	pod=$(cri_runp "$config" rooted)
	[ -e "$BATS_FILE_TMPDIR/rooted/$NS/$pod/state.json" ]
	id=$(cri_create "$pod" "$config" a 'exec sleep 1000')
	cri_start "$id"
	[ -e "$BATS_FILE_TMPDIR/rooted/$NS/$id/state.json" ]
	cri_rmp "$pod"
	[ ! -e "$BATS_FILE_TMPDIR/rooted/$NS/$pod" ]
	assert_no_pod "$pod"
}

@test "processes_of_a_pod_may_share_their_namespace" {
	local a b
	pod_start "$(cri_pod "$NAME" '.linux.security_context.namespace_options.pid = "POD"')"
	a=$(container a 'exec sleep 1001' '.linux.security_context.namespace_options.pid = "POD"')
	b=$(container b 'exec sleep 1002' '.linux.security_context.namespace_options.pid = "POD"')
	run -0 cri exec-sync "$a" ps -o args
	[[ $output == *"sleep 1001"*"sleep 1002"* ]]
	# Who has no namespace of processes of its own, leaves none all the same.
	cri exec-sync "$b" sh -c 'sleep 1003 > /dev/null 2>&1 &'
	cri_stop "$b"
	run -0 cri exec-sync "$a" ps -o args
	[[ $output != *"sleep 1003"* ]]
	cri_rmp "$POD"
	assert_no_pod "$POD"
}

@test "exit_codes_and_reasons_are_in_the_status" {
	local a
	pod_start
	a=$(container a 'exit 3')
	await_container "$a"
	[ "$(status_of "$a" '"\(.status.exitCode) \(.status.reason)"')" = "3 Error" ]
	a=$(container b 'exit 0')
	await_container "$a"
	[ "$(status_of "$a" '"\(.status.exitCode) \(.status.reason)"')" = "0 Completed" ]
	# One that ends by itself may do so before containerd has looked at its clock to say when it began.
	a=$(container c 'exec sleep 1001')
	cri_stop "$a"
	[ "$(status_of "$a" '(.status.startedAt | tonumber) <= (.status.finishedAt | tonumber)')" = true ]
	run -1 cri_start "$(cri_create "$POD" "$CONFIG" d x '.command = ["/no/such"]')"
	[[ $output == *"/no/such"*"no such file or directory"* ]]
	cri_rmp "$POD"
	assert_no_pod "$POD"
}

@test "a_container_out_of_memory_is_OOMKilled" {
	local a
	pod_start
	a=$(container a 'x=x; while :; do x=$x$x; done' '.linux.resources.memory_limit_in_bytes = "33554432"')
	await_container "$a"
	[ "$(status_of "$a" '"\(.status.exitCode) \(.status.reason)"')" = "137 OOMKilled" ]
	# And when it was not its first process that was killed.
	a=$(container b '(x=x; while :; do x=$x$x; done); exit 5' '.linux.resources.memory_limit_in_bytes = "33554432"')
	await_container "$a"
	[ "$(status_of "$a" '"\(.status.exitCode) \(.status.reason)"')" = "5 OOMKilled" ]
	cri_rmp "$POD"
}

@test "exec_sync_has_output_status_and_a_deadline_after_which_nothing_is_left" {
	local a pid
	pod_start
	a=$(container a 'exec sleep 1000')
	run -0 --separate-stderr cri exec-sync "$a" sh -c 'echo out; echo err >&2'
	[ "$output" = out ]
	[ "$stderr" = err ]
	run -9 cri exec-sync "$a" sh -c 'exit 9'
	run -1 cri exec-sync -timeout 1 "$a" sh -c 'sleep 1004; echo never'
	[[ $output == *DeadlineExceeded* ]]
	run -0 cri exec-sync "$a" ps -o stat,args
	[[ $output != *"S "*"sleep 1004"* ]]
	run -1 cri exec-sync "$a" /no/such
	[[ $output == *"/no/such"* ]]
	cri_rmp "$POD"
}

@test "what_an_exec_leaves_is_waited_for_as_long_as_containerd_is_told_to" {
	local a how
	pod_start
	for how in block drop; do
		a=$(container "$how" 'exec sleep 1000' '.annotations = {"org.coracle.stdio": "'$how'"}')
		[ "$(tail -n 1 "/run/coracle/containerd-$NS/$a/state.json" | jq -r '.annotations["org.coracle.stdio"]')" = "$how" ]
		run -0 cri exec-sync "$a" sh -c '(sleep 1; echo left) & echo exec'
		[ "$output" = $'exec\nleft' ]
		[ "$CONTAINERD_VERSION" != 1.6 ] || continue # which waits without an end
		run -1 cri exec-sync "$a" sh -c 'sleep 1005 & echo exec'
		[[ $output == *"failed to drain exec process"* ]]
	done
	cri_rmp "$POD"
}

@test "exec_and_attach_are_interactive" {
	local a
	pod_start
	a=$(container a 'while read -r x; do echo "got $x"; done; echo end; exec sleep 1000' '.stdin = true')
	[ "$(echo typed | cri exec -i "$a" cat)" = typed ]
	run -7 cri exec "$a" sh -c 'exit 7'
	run -0 cri exec -t -size 77x33 "$a" sh -c 'while [ "$(stty size 2> /dev/null)" != "33 77" ]; do :; done; tty -s && echo terminal'
	[ "${output%$'\r'}" = terminal ]
	{
		echo one
		await_log a 'got one' >&2
	} | cri attach -i "$a" > "$BATS_TEST_TMPDIR/attached" &
	await_log a 'got one'
	wait $!
	[ "$(cat "$BATS_TEST_TMPDIR/attached")" = "got one" ]
	[ "$(status_of "$a" .status.state)" = CONTAINER_RUNNING ]
	cri_rmp "$POD"
}

@test "a_port_is_forwarded_into_the_pod" {
	local a
	pod_start "$(pod_with_network)"
	a=$(container a 'echo ready; while :; do echo hello | nc -l -p 8080; done')
	await_log a ready
	until [ "$(cri port-forward "$POD" 8080 < /dev/null 2> /dev/null)" = hello ]; do sleep 0.02; done
	cri_rmp "$POD"
	assert_no_pod "$POD"
}

@test "stats_are_true_and_limits_change" {
	local a pid dir
	pod_start "$(cri_pod "$NAME" '.linux.cgroup_parent = "/'"$NAME"'"')"
	a=$(container a 'head -c 8000000 /dev/zero > /tmp/x; i=0; while [ $i -lt 50000 ]; do i=$((i + 1)); done; echo ready; exec sleep 1000' \
		'.linux.resources.memory_limit_in_bytes = "67108864"')
	await_log a ready
	run -0 jq -c '.stats | [.attributes.id == "'"$a"'", (.cpu.usageCoreNanoSeconds.value | tonumber) > 10000000,
		(.memory.workingSetBytes.value | tonumber) > 100000]' <(cri call ContainerStats "{\"container_id\": \"$a\"}")
	[ "$output" = '[true,true,true]' ]
	run -0 jq '[.stats[] | select(.attributes.id == "'"$a"'")] | length' <(cri call ListContainerStats)
	[ "$output" = 1 ]
	run -0 jq -c '.stats.linux | [(.cpu.usageCoreNanoSeconds.value | tonumber) > 10000000, (.containers | length)]' \
		<(cri call PodSandboxStats "{\"pod_sandbox_id\": \"$POD\"}")
	[ "$output" = '[true,1]' ]
	pid=$(pid_of "$a")
	dir=/sys/fs/cgroup/memory$(sed -n 's/.*:memory://p' "/proc/$pid/cgroup")
	[ "$(cat "$dir/memory.limit_in_bytes")" = 67108864 ]
	cri call UpdateContainerResources "{\"container_id\": \"$a\", \"linux\": {\"memory_limit_in_bytes\": \"50331648\", \"cpu_quota\": \"50000\", \"cpu_period\": \"100000\"}}" > /dev/null
	[ "$(cat "$dir/memory.limit_in_bytes")" = 50331648 ]
	[ "$(cat "/sys/fs/cgroup/cpu$(sed -n 's/.*:cpu://p' "/proc/$pid/cgroup")/cpu.cfs_quota_us")" = 50000 ]
	cri_rmp "$POD"
}

@test "pods_outlive_containerd_with_their_logs_and_ends" {
	local a b pid log
	mkfifo "$BATS_TEST_TMPDIR/go"
	pod_start
	local mount
	mount=$(jq -nc --arg dir "$BATS_TEST_TMPDIR" '[{container_path: "/sync", host_path: $dir}]')
	a=$(container a 'echo one; read x < /sync/go; echo two; exit 6' ".mounts = $mount")
	b=$(container b 'echo one; exec sleep 1000')
	log=$BATS_TEST_TMPDIR/$NAME/a.log
	await_log a one
	pid=$(pid_of "$a")
	containerd_kill
	echo go > "$BATS_TEST_TMPDIR/go"
	await_end "$pid"
	containerd_start
	until [ "$(status_of "$a" .status.state)" = CONTAINER_EXITED ]; do sleep 0.02; done
	[ "$(status_of "$a" .status.exitCode)" = 6 ]
	[ "$(status_of "$b" .status.state)" = CONTAINER_RUNNING ]
	run -0 cri exec-sync "$b" echo alive
	[ "$output" = alive ]
	cri_rmp "$POD"
	assert_no_pod "$POD"
}

@test "a_log_is_reopened_after_rotation" {
	local a log
	mkfifo "$BATS_TEST_TMPDIR/go"
	pod_start
	a=$(container a 'echo one; read x < /sync/go; echo two; exec sleep 1000' \
		".mounts = $(jq -nc --arg dir "$BATS_TEST_TMPDIR" '[{container_path: "/sync", host_path: $dir}]')")
	log=$BATS_TEST_TMPDIR/$NAME/a.log
	await_log a one
	mv "$log" "$log.1"
	cri call ReopenContainerLog "{\"container_id\": \"$a\"}" > /dev/null
	echo go > "$BATS_TEST_TMPDIR/go"
	await_log a two
	run -1 grep two "$log.1"
	cri_rmp "$POD"
}

@test "pods_come_and_go_six_at_a_time_and_leave_no_shim" {
	local i pids=() p n=12
	[ "$CONTAINERD_VERSION" != 1.6 ] || n=30
	one() {
		local config pod id
		config=$(cri_pod "$NAME-$1")
		pod=$(cri_runp "$config")
		id=$(cri_create "$pod" "$config" c "exit $1")
		cri_start "$id"
		await_container "$id"
		[ "$(status_of "$id" .status.exitCode)" = "$1" ]
		cri_rmp "$pod"
		echo "$pod" >> "$BATS_TEST_TMPDIR/pods"
	}
	for i in $(seq $n); do
		one "$i" &
		pids+=($!)
		[ $((i % 6)) != 0 ] || { for p in "${pids[@]}"; do wait "$p"; done; pids=(); }
	done
	[ "$(wc -l < "$BATS_TEST_TMPDIR/pods")" = $n ]
	while read -r p; do
		assert_no_pod "$p"
	done < "$BATS_TEST_TMPDIR/pods"
}
