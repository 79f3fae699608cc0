#!/usr/bin/env bats
# 35-options.bats - the options that containerd sends with a task, and pods of several containers: the shim asked directly,
# as any containerd would.

load helper
load shim

setup_file() {
	shim_setup_file
}

setup() {
	shim_setup
	RUNC=10.1=containerd.runc.v1.Options
}

teardown() {
	shim_teardown
}

@test "a_container_has_a_keyring_of_its_own_unless_told_otherwise" {
	bundle "$ID-a"
	bundle "$ID-b"
	shim_start "$ID-a"
	create "$ID-a"
	grep -q "_ses.$ID-a" /proc/keys
	shim_start "$ID-b"
	create "$ID-b" "$RUNC" 10.2=$'\x10\x01'
	run -1 grep "_ses.$ID-b" /proc/keys
}

@test "without_pivot_root_it_runs_too" {
	bundle "$ID"
	shim_start "$ID"
	create "$ID" "$RUNC" 10.2=$'\x08\x01'
	[ -e "/proc/$PID/root/bin/busybox" ]
}

@test "the_ids_of_fifos_are_given_away" {
	mkfifo "$BATS_TEST_TMPDIR/out"
	bundle "$ID" '.process.args = ["sh", "-c", "echo hello; sleep 1000"] | .process.user = {uid: 1000, gid: 1001}'
	shim_start "$ID"
	create "$ID" "6=$BATS_TEST_TMPDIR/out" "$RUNC" 10.2=$'\x20\xe8\x07\x28\xe9\x07'
	[ "$(stat -c %u:%g "$BATS_TEST_TMPDIR/out")" = 1000:1001 ]
	read -r line < "$BATS_TEST_TMPDIR/out"
	[ "$line" = hello ]
}

@test "the_state_goes_where_root_says_and_delete_finds_it" {
	bundle "$ID"
	shim_start "$ID"
	create "$ID" "$RUNC" "10.2=$(perl -e 'print "\x3a", chr length $ARGV[0], $ARGV[0]' "$BATS_TEST_TMPDIR/root")"
	[ -e "$BATS_TEST_TMPDIR/root/$NS/$ID/state.json" ]
	[ ! -e "/run/coracle/containerd-$NS/$ID" ]
	kill -9 "$(shim_pid "$ID")"
	# shellcheck disable=SC2153 # of shim.bash
	(cd "$BATS_TEST_TMPDIR/bundles/$ID" && "$SHIM" -namespace "$NS" -id "$ID" -address /nowhere/c.sock delete > /dev/null)
	await_end "$PID"
	[ ! -e "$BATS_TEST_TMPDIR/root/$NS/$ID" ]
}

@test "the_shim_joins_the_cgroup_it_is_given" {
	local dir pid
	for dir in /sys/fs/cgroup/memory /sys/fs/cgroup/pids /sys/fs/cgroup/cpu; do
		mkdir "$dir/$NS-shims"
	done
	bundle "$ID"
	any containerd.runc.v1.Options "$(perl -e 'print "\x1a", chr length $ARGV[0], $ARGV[0]' "/$NS-shims")" > "$BATS_TEST_TMPDIR/in"
	shim_start "$ID" "$BATS_TEST_TMPDIR/in"
	pid=$(shim_pid "$ID")
	create "$ID"
	for dir in memory pids cpu; do
		grep -q ":$dir:/$NS-shims\$" "/proc/$pid/cgroup"
		grep -q ":$dir:/$NS/$ID\$" "/proc/$PID/cgroup"
	done
	kill -9 "$pid"
	await_end "$pid"
	for dir in /sys/fs/cgroup/{memory,pids,cpu}/"$NS-shims"; do
		rmdir "$dir"
	done
	# One that is not there is named, and nothing is left.
	any containerd.runc.v1.Options "$(perl -e 'print "\x1a", chr length $ARGV[0], $ARGV[0]' "/$NS-none")" > "$BATS_TEST_TMPDIR/in"
	bundle "$ID-b"
	run -1 shim_start "$ID-b" "$BATS_TEST_TMPDIR/in"
	[[ $output == *"ShimCgroup: enter cgroup /$NS-none: No such file or directory"* ]]
	run -1 shim_pid "$ID-b"
}

@test "another_runtimes_name_is_refused_and_our_own_is_taken" {
	bundle "$ID"
	shim_start "$ID"
	run -1 create "$ID" "$RUNC" 10.2=$'\x32\x0e/usr/bin/runsc'
	[[ $output == *"BinaryName \"/usr/bin/runsc\": this shim is in the place of runc and crun"* ]]
	run -1 create "$ID" 10.1=example.Options 10.2=x
	[[ $output == *"runtime options of type example.Options are not understood"* ]]
	create "$ID" "$RUNC" 10.2=$'\x32\x04runc'
	bundle "$ID-b"
	any containerd.runc.v1.Options $'\x32\x05runsc' > "$BATS_TEST_TMPDIR/in"
	run -1 shim_start "$ID-b" "$BATS_TEST_TMPDIR/in"
	[[ $output == *"BinaryName \"runsc\": this shim is in the place"* ]]
}

@test "generic_options_are_toml_in_the_message_or_in_a_file" {
	local body text
	echo "Root = '$BATS_TEST_TMPDIR/file'" > "$BATS_TEST_TMPDIR/options.toml"
	bundle "$ID-a"
	bundle "$ID-b"
	shim_start "$ID-a"
	create "$ID-a" 10.1=runtimeoptions.v1.Options "10.2=$(perl -e 'print "\x12", chr length $ARGV[0], $ARGV[0]' "$BATS_TEST_TMPDIR/options.toml")"
	[ -e "$BATS_TEST_TMPDIR/file/$NS/$ID-a" ]
	body="Root = \"$BATS_TEST_TMPDIR/body\""
	shim_start "$ID-b"
	create "$ID-b" 10.1=runtimeoptions.v1.Options "10.2=$(perl -e 'print "\x1a", chr length $ARGV[0], $ARGV[0]' "$body")"
	[ -e "$BATS_TEST_TMPDIR/body/$NS/$ID-b" ]
	text='Root = 5'
	run -1 ask Create 1=x 2=/x 10.1=runtimeoptions.v1.Options "10.2=$(printf '\x1a\x08%s' "$text")"
	[[ $output == *"runtime options: line 1: Root must be a string"* ]]
}

# A pod: its first container, whose namespaces of network, IPC and host name others join.
pod() {
	local kind=$1
	bundle "$ID-pod" '.annotations["'"$kind"'"] = "'"$ID-pod"'"'
	shim_start "$ID-pod"
	create "$ID-pod"
	POD=$PID
}

# member NAME KIND [JQ]
member() {
	bundle "$ID-$1" '.annotations["'"$2"'"] = "'"$ID-pod"'" | .linux.namespaces |= map(if .type == "network" or .type == "ipc" or
		.type == "uts" then .path = "/proc/'"$POD"'/ns/" + (if .type == "network" then "net" else .type end) else . end) | del(.hostname) | '"${3:-.}"
	local before=$ADDRESS
	shim_start "$ID-$1"
	[ "$ADDRESS" = "$before" ]
	create "$ID-$1"
}

@test "a_pod_is_one_shim_by_either_annotation_whichever_leaves_first" {
	local kind ns shim a b
	for kind in io.containerd.runc.v2.group io.kubernetes.cri.sandbox-id; do
		pod $kind
		shim=$(shim_pid "$ID-pod")
		member a $kind
		a=$PID
		member b $kind
		b=$PID
		run -1 shim_pid "$ID-a"
		until [ "$(pgrep -c -P "$shim")" = 3 ]; do :; done # a fork of its may be about to go
		for ns in net ipc uts; do
			[ "$(readlink "/proc/$POD/ns/$ns")" = "$(readlink "/proc/$a/ns/$ns")" ]
			[ "$(readlink "/proc/$POD/ns/$ns")" = "$(readlink "/proc/$b/ns/$ns")" ]
		done
		[ "$(readlink "/proc/$a/ns/mnt")" != "$(readlink "/proc/$b/ns/mnt")" ]
		# The last container leaves: the pod stays.
		for id in a b; do
			ask Kill 1="$ID-$id" 3:9
			ask Wait 1="$ID-$id" > /dev/null
			ask Delete 1="$ID-$id" > /dev/null
			ask Shutdown 1="$ID-$id"
		done
		[[ $(ask State 1="$ID-pod") == *"$ID-pod"* ]]
		[ -d "/proc/$POD" ]
		# The pod leaves first: a container goes on.
		member c $kind
		ask Kill 1="$ID-pod" 3:9
		ask Wait 1="$ID-pod" > /dev/null
		ask Delete 1="$ID-pod" > /dev/null
		ask Shutdown 1="$ID-pod"
		[ -d "/proc/$PID" ]
		[[ $(ask State 1="$ID-c") == *"$ID-c"* ]]
		ask Kill 1="$ID-c" 3:9
		ask Wait 1="$ID-c" > /dev/null
		ask Delete 1="$ID-c" > /dev/null
		ask Shutdown 1="$ID-c"
		await_end "$shim"
		rm -r "$BATS_TEST_TMPDIR/bundles"
	done
}

@test "twelve_containers_are_created_in_a_pod_at_once_and_their_execs_have_the_same_ids" {
	local i pids=()
	pod io.containerd.runc.v2.group
	for i in $(seq 12); do
		bundle "$ID-$i" '.annotations["io.containerd.runc.v2.group"] = "'"$ID-pod"'"'
	done
	for i in $(seq 12); do
		{
			create "$ID-$i" && ask Exec 1="$ID-$i" 2=same 7.1="$PROCESS" \
				7.2='{"args":["sh","-c","exit '"$i"'"],"cwd":"/","user":{"uid":0,"gid":0},"env":["PATH=/bin"]}' &&
				ask Start 1="$ID-$i" 2=same && ask Wait 1="$ID-$i" 2=same
		} > "$BATS_TEST_TMPDIR/$i" &
		pids+=($!)
	done
	for i in "${pids[@]}"; do
		wait "$i"
	done
	for i in $(seq 12); do
		[[ $(ask Wait 1="$ID-$i" 2=same) == "1: $i"$'\n'* ]]
	done
	until [ "$(pgrep -c -P "$(shim_pid "$ID-pod")")" = 13 ]; do :; done
}
