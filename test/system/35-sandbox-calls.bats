#!/usr/bin/env bats
# 35-sandbox-calls.bats - the shim's Sandbox service, asked by a client of our own: what containerd of today does not ask,
# or not so.

# shellcheck disable=SC2030,SC2031 # each test is a shell
[ -z "${TORTURE:-}" ] || export BATS_TEST_TIMEOUT=7200
load helper

setup() {
	private_setup
	NS=sandbox$$-$BATS_TEST_NUMBER
	ID=pod
	ROOT=/run/coracle/containerd-$NS
	BUNDLE=$BATS_TEST_TMPDIR/bundle
	SHIM=$BATS_TEST_TMPDIR/containerd-shim-coracle-v2
	ln -s "$(readlink -f "$CORACLE")" "$SHIM"
	mkdir -p "$BUNDLE/rootfs"
	shim_start
}

teardown() {
	[ -n "${PID:-}" ] || return 0
	kill -9 "$PID" 2> /dev/null || : # it may have gone
	await_end "$PID"
	local dir
	for dir in "$ROOT"/*/; do
		[ -d "$dir" ] && "$CORACLE" cleanup --root "$ROOT" "$(basename "$dir")" > /dev/null
	done
	umount "$BUNDLE/rootfs" 2> /dev/null || :
	rmdir "$ROOT" 2> /dev/null || :
	rm -f "${ADDRESS#unix://}" # of a shim that was killed nobody else removes it
}

# shim ID BUNDLE ACTION, as containerd starts it.
shim() {
	(cd "$2" && "$SHIM" -namespace "$NS" -id "$1" -address "/nowhere/$NS" "$3" < /dev/null)
}

shim_start() {
	ADDRESS=$(shim "$ID" "$BUNDLE" start)
	PID=$(shim_pid)
}

shim_pid() {
	pgrep -f -- "^containerd-shim-coracle-v2 -namespace $NS -id $ID "
}

# sandbox METHOD FIELD...: of our pod.
sandbox() {
	"$BATS_TEST_DIRNAME/ttrpc" -f "${ADDRESS#unix://}" "containerd.runtime.sandbox.v1.Sandbox/$1" 1="$ID" "${@:2}"
}

task() {
	"$BATS_TEST_DIRNAME/ttrpc" -f "${ADDRESS#unix://}" "$@"
}

# sandbox_create FIELD...: with a pod's configuration, its fields; then it is started, and HOLDER is who holds it.
sandbox_create() {
	local answer
	sandbox CreateSandbox 2="$BUNDLE" 4.1=runtime.v1.PodSandboxConfig "${@/#/4.2.}"
	answer=$(sandbox StartSandbox) || { echo "$answer"; return 1; }
	HOLDER=$(sed -n 's/^1://p' <<< "$answer")
}

# Namespace modes of a configuration, and others of its fields: see PodSandboxConfig.
HOST_NETWORK=8.2.1.1:2
CONTAINER_PID=8.2.1.2:1
HOST_PID=8.2.1.2:2
HOST_IPC=8.2.1.3:2

not_mounted() {
	! grep -F " $BUNDLE/rootfs " /proc/self/mountinfo
}

same() {
	[ "$(readlink "/proc/$1/ns/$3")" = "$(readlink "/proc/$2/ns/$3")" ]
}

# container NAME COMMAND [JQ]: made and started in the pod, as containerd has it done; its pid. Its id is $NS-NAME.
container() {
	local bundle=$BATS_TEST_TMPDIR/$1
	mkdir -p "$bundle"
	(cd "$bundle" && "$CORACLE" runtime spec)
	jq --arg command "$2" --arg pid "$HOLDER" --arg root "$ROOTFS" --arg pod "$ID" '.process.args = ["sh", "-c", $command]
		| .process.terminal = false | .root = {path: $root}
		| .annotations."io.kubernetes.cri.sandbox-id" = $pod
		| .linux.namespaces |= map(if .type == "network" or .type == "ipc" or .type == "uts"
			then .path = "/proc/\($pid)/ns/\({network: "net"}[.type] // .type)" else . end)
		| del(.hostname) | '"${3:-.}" "$bundle/config.json" > "$bundle/new"
	mv "$bundle/new" "$bundle/config.json"
	task Create 1="$NS-$1" 2="$bundle" > "$bundle/answer" || { cat "$bundle/answer"; return 1; }
	task Start 1="$NS-$1" > "$bundle/answer" || { cat "$bundle/answer"; return 1; }
	sed -n 's/^1://p' "$bundle/answer"
}

@test "a_sandbox_has_a_life" {
	run -1 sandbox PingSandbox
	[[ "$output" == *"sandbox pod: not found"* ]]
	sandbox_create 2=name
	sandbox PingSandbox
	run -0 sandbox SandboxStatus
	[[ "$output" == *"2:$HOLDER"*"3=SANDBOX_READY"* ]]
	run -0 sandbox Platform
	[[ "$output" == *linux*amd64* || "$(uname -m)" != x86_64 ]]
	run -1 sandbox StartSandbox
	[[ "$output" == *"sandbox pod has been started"* ]]
	run -1 sandbox CreateSandbox 2="$BUNDLE"
	[[ "$output" == *"sandbox pod: already exists"* ]]
	sandbox StopSandbox
	[ ! -e "/proc/$HOLDER" ]
	run -0 sandbox SandboxStatus
	[[ "$output" == *"3=SANDBOX_NOTREADY"* ]]
	[[ "$output" != *"2:"* ]]
	sandbox StopSandbox # again
	sandbox ShutdownSandbox
	await_end "$PID"
	[ ! -e "$ROOT/$ID" ]
	not_mounted
	[ ! -e "${ADDRESS#unix://}" ]
}

@test "what_cannot_be_understood_is_named" {
	run -1 sandbox CreateSandbox 2="$BUNDLE" 4.1=some.other.Type
	[[ "$output" == *"sandbox options of type some.other.Type are not understood"* ]]
	run -1 sandbox CreateSandbox 2="$BUNDLE" 4.1=runtime.v1.PodSandboxConfig 4.2=nonsense
	[[ "$output" == *"no valid runtime.v1.PodSandboxConfig"* ]]
	run -1 sandbox CreateSandbox 2=bundle
	[[ "$output" == *"'bundle' is not an absolute path"* ]]
	run -1 sandbox SandboxStatus
	[[ "$output" == *"sandbox pod: not found"* ]]
	run -1 sandbox NoSuchCall
	[[ "$output" == *NoSuchCall* ]]
	sandbox ShutdownSandbox # as after a Create that failed
	await_end "$PID"
}

@test "a_start_that_fails_leaves_nothing_and_may_be_tried_again" {
	sandbox CreateSandbox 2="$BUNDLE" 4.1=runtime.v1.PodSandboxConfig 4.2.8.3.1=kernel.panic 4.2.8.3.2=1
	run -1 sandbox StartSandbox
	[[ "$output" == *"linux.sysctl: kernel.panic is the whole machine's, not a namespace's"* ]]
	[ ! -e "$ROOT/$ID" ]
	not_mounted
	run -1 sandbox StartSandbox
	[[ "$output" == *"kernel.panic"* ]]
}

@test "nobody_holds_what_is_the_nodes" {
	sandbox_create "$HOST_NETWORK" "$HOST_PID" "$HOST_IPC"
	[ "$HOLDER" = "$PID" ]
	[ ! -e "$ROOT/$ID" ]
	not_mounted
	while pgrep -P "$PID"; do :; done # a fork of its may be about to go
	sandbox StopSandbox
	run -0 sandbox WaitSandbox
	[[ "$output" != *"1:"* ]] # 0
}

@test "it_holds_the_namespaces_that_are_asked_for" {
	sandbox_create "$HOST_NETWORK" "$HOST_PID"
	same "$HOLDER" $$ net && same "$HOLDER" $$ uts && same "$HOLDER" $$ pid && same "$HOLDER" $$ user
	run -1 same "$HOLDER" $$ ipc
	run -1 same "$PID" "$HOLDER" ipc
}

@test "the_holder_has_nothing" {
	sandbox_create "$CONTAINER_PID" 1.1=web 1.3=default
	[ "$(tr '\0' ' ' < "/proc/$HOLDER/cmdline")" = "coracle-pod default/web " ]
	[ "$(cat "/proc/$HOLDER/comm")" = coracle-pod ]
	[ -z "$(ls -A "/proc/$HOLDER/root")" ]
	run -1 touch "/proc/$HOLDER/root/file"
	[ "$(ls "/proc/$HOLDER/fd" | paste -sd' ')" = "0 1 2" ]
	grep -qx $'CapPrm:\t0000000000000000' "/proc/$HOLDER/status"
	grep -qx $'CapBnd:\t0000000000000000' "/proc/$HOLDER/status"
	grep -qx $'NoNewPrivs:\t1' "/proc/$HOLDER/status"
	[ ! -s "/proc/$HOLDER/environ" ] || [ "$(tr '\0' '\n' < "/proc/$HOLDER/environ")" = HOME=/ ]
	run -2 sh -c ": >> /proc/$HOLDER/exe"
	[[ "$output" == *"Read-only file system"* || "$output" == *"Text file busy"* ]]
	# It costs no cgroup.
	[ "$(cat "/proc/$HOLDER/cgroup")" = "$(cat "/proc/$PID/cgroup")" ]
}

@test "wait_answers_when_the_sandbox_ends" {
	sandbox_create "$CONTAINER_PID"
	sandbox WaitSandbox > "$BATS_TEST_TMPDIR/waited" 3>&- &
	local waiter=$!
	kill -9 "$HOLDER"
	wait $waiter
	grep -qx 1:137 "$BATS_TEST_TMPDIR/waited"
	run -0 sandbox SandboxStatus
	[[ "$output" == *"3=SANDBOX_NOTREADY"* ]]
	[ "$(tail -n 1 "$ROOT/$ID/state.json" | jq .exitCode)" = 137 ]
	run -1 container c 'sleep 1000'
	[[ "$output" == *"sandbox pod is not running"* ]]
	run -0 sandbox WaitSandbox
	[[ "$output" == *"1:137"* ]]
	sandbox StopSandbox
}

@test "stop_ends_every_process_at_once_or_after_a_while" {
	sandbox_create "$CONTAINER_PID"
	container a "trap 'exit 3' TERM; sleep 1000 & wait"
	local stubborn
	stubborn=$(container b "trap '' TERM; while :; do sleep 1000; done")
	sandbox WaitSandbox > "$BATS_TEST_TMPDIR/waited" 3>&- &
	local waiter=$!
	sandbox StopSandbox 2:1
	await_end "$stubborn"
	[ ! -e "/proc/$stubborn" ]
	[ ! -e "/proc/$HOLDER" ]
	wait $waiter
	run -0 task Wait 1="$NS-a"
	[[ "$output" == *"1:3"* ]]
	run -0 task Wait 1="$NS-b"
	[[ "$output" == *"1:137"* ]]
	run -1 container c 'sleep 1000'
	[[ "$output" == *"sandbox pod is not running"* ]]
	# Shutdown takes with it what was not deleted.
	sandbox ShutdownSandbox
	await_end "$PID"
	[ -z "$(ls -A "$ROOT")" ]
}

@test "stop_does_not_wait_for_a_container_that_is_being_made" {
	sandbox_create "$CONTAINER_PID"
	local lock maker code=0
	container a 'sleep 1000' # and its bundle
	task Kill 1="$NS-a" 3:9
	task Wait 1="$NS-a" > /dev/null
	task Delete 1="$NS-a" > /dev/null
	exec {lock}< "$ROOT"
	flock $lock # who makes a container waits for it
	task Create 1="$NS-a" 2="$BATS_TEST_TMPDIR/a" > "$BATS_TEST_TMPDIR/answer" 3>&- &
	maker=$!
	until pgrep -P "$PID" | grep -qvx "$HOLDER"; do
		sleep 0.02
	done
	sandbox StopSandbox
	wait $maker || code=$?
	[ $code = 1 ]
	[[ "$(cat "$BATS_TEST_TMPDIR/answer")" == "error "* ]]
	[ ! -e "$ROOT/$NS-a" ]
	run -1 container b 'sleep 1000'
	[[ "$output" == *"sandbox pod is not running"* ]]
	exec {lock}<&-
}

@test "shutdown_takes_with_it_a_container_that_is_being_made" {
	local lock maker code=0
	sandbox ShutdownSandbox
	await_end "$PID"
	export TTRPC_ADDRESS=$BATS_TEST_TMPDIR/none # it stays a while, to tell somebody who is not there
	shim_start
	sandbox_create "$CONTAINER_PID"
	container a 'sleep 1000'
	task Kill 1="$NS-a" 3:9
	task Wait 1="$NS-a" > /dev/null
	task Delete 1="$NS-a" > /dev/null
	exec {lock}< "$ROOT"
	flock $lock # who makes a container waits for it
	task Create 1="$NS-a" 2="$BATS_TEST_TMPDIR/a" > "$BATS_TEST_TMPDIR/answer" 3>&- &
	maker=$!
	until pgrep -P "$PID" | grep -qvx "$HOLDER"; do
		sleep 0.02
	done
	sandbox ShutdownSandbox
	exec {lock}<&-
	wait $maker || code=$?
	[ $code = 1 ]
	[[ "$(cat "$BATS_TEST_TMPDIR/answer")" == "error "* ]]
	[ -z "$(ls -A "$ROOT")" ]
}

@test "shutdown_of_no_sandbox_does_not_leave_other_containers_alone" {
	HOLDER=self
	container p 'sleep 1000' 'del(.linux.namespaces[].path)'
	sandbox ShutdownSandbox
	run -0 task State 1="$NS-p"
	[ -e "${ADDRESS#unix://}" ]
	task Kill 1="$NS-p" 3:9
	task Wait 1="$NS-p" > /dev/null
	task Delete 1="$NS-p" > /dev/null
	sandbox ShutdownSandbox
	await_end "$PID"
}

@test "shutdown_of_a_running_pod_leaves_nothing" {
	sandbox_create "$CONTAINER_PID"
	local a
	a=$(container a 'sleep 1000')
	sandbox ShutdownSandbox
	await_end "$PID"
	[ ! -e "/proc/$a" ]
	[ ! -e "/proc/$HOLDER" ]
	[ -z "$(ls -A "$ROOT")" ]
	not_mounted
}

@test "the_last_container_does_not_take_the_sandbox_with_it" {
	sandbox_create "$CONTAINER_PID"
	container a 'exit 0'
	task Wait 1="$NS-a" > /dev/null
	task Delete 1="$NS-a" > /dev/null
	task Shutdown 1="$NS-a"
	sandbox PingSandbox
	kill -TERM "$PID"
	sandbox PingSandbox
	container b 'exit 0'
}

@test "who_shares_a_pods_processes_cannot_trace_what_holds_it" {
	sandbox_create 2=name
	container a 'test -d /proc/1/task && ! readlink /proc/1/exe; exit $((7 * !$?))' \
		'.linux.namespaces |= map(if .type == "pid" then .path = "/proc/'"$HOLDER"'/ns/pid" else . end)'
	run -0 task Wait 1="$NS-a"
	echo "$output"
	[[ "$output" == *1:7* ]]
	task Delete 1="$NS-a" > /dev/null
}

@test "a_dead_shim_takes_the_pod_with_it_and_delete_removes_the_rest" {
	sandbox_create "$CONTAINER_PID"
	local a
	a=$(container a 'sleep 1000')
	printf %s "$ID" > "$BATS_TEST_TMPDIR/a/sandbox" # as containerd does for a shim that it knows
	kill -9 "$PID"
	await_end "$PID"
	await_end "$HOLDER" # with nobody's help
	shim "$ID" "$BUNDLE" delete > /dev/null
	await_end "$a"
	[ -z "$(ls -A "$ROOT")" ]
	not_mounted
	[ ! -e "${ADDRESS#unix://}" ]
}

@test "cleanup_removes_what_a_dead_shim_left" {
	sandbox_create "$CONTAINER_PID"
	mountpoint -q "$BUNDLE/rootfs"
	kill -9 "$PID"
	await_end "$PID"
	"$CORACLE" cleanup --root "$ROOT" > /dev/null
	[ -z "$(ls -A "$ROOT")" ]
	not_mounted
}

@test "metrics_are_those_of_the_pods_cgroup" {
	local parent=/coracle-$NS
	sandbox_create "$CONTAINER_PID" 8.1="$parent"
	container a 'sleep 1000' ".linux.cgroupsPath = \"$parent/a\""
	run -0 sandbox SandboxMetrics
	[[ "$output" == *"2=pod"* || "$output" == *pod*io.containerd.cgroups* ]]
	[[ "$output" == *io.containerd.cgroups.v*.Metrics* ]]
	task Kill 1="$NS-a" 3:9
	task Wait 1="$NS-a" > /dev/null
	task Delete 1="$NS-a" > /dev/null
	[ -z "$(find /sys/fs/cgroup -maxdepth 3 -path "*$parent*")" ]
}

@test "without_a_cgroup_there_are_no_metrics" {
	sandbox_create "$CONTAINER_PID"
	run -1 sandbox SandboxMetrics
	[[ "$output" == *"sandbox pod was given no cgroup of its own"* ]]
}

@test "a_cgroup_that_cannot_be_is_named" {
	sandbox_create "$CONTAINER_PID" 8.1=no--slice.slice
	run -1 sandbox SandboxMetrics
	echo "$output"
	[[ "$output" == *"metrics of sandbox pod: "*no--slice.slice* ]]
}

@test "a_pod_with_users_of_its_own" {
	sandbox_create "$CONTAINER_PID" 8.2.1.5.1:0 8.2.1.5.2.1:100000 8.2.1.5.2.3:65536 8.2.1.5.3.1:100000 8.2.1.5.3.3:65536 2=mine
	run -1 same "$HOLDER" $$ user
	[ "$(awk '{ print $1, $2, $3 }' "/proc/$HOLDER/uid_map")" = "0 100000 65536" ]
	[ "$(stat -c %u "/proc/$HOLDER")" = 100000 ]
	[ "$(stat -c %u "$BUNDLE/resolv.conf")" = 100000 ]
}

@test "a_pod_of_two_containers_costs_less_than_160_kib" {
	sandbox_create "$CONTAINER_PID"
	container a 'sleep 1000'
	container b 'sleep 1000'
	local dirty
	dirty=$(cat "/proc/$PID/smaps_rollup" "/proc/$HOLDER/smaps_rollup" | awk '/^Private_Dirty/ { n += $2 } END { print n }')
	echo "private dirty: $dirty KiB"
	[ "$dirty" -le 160 ]
}

# Nothing of the pod is left, in a namespace of containerd that has no other.
assert_nothing() {
	[ ! -d "$ROOT" ] || [ -z "$(ls -A "$ROOT")" ] || { ls "$ROOT"; return 1; }
	not_mounted
	! pgrep -f "^coracle-pod default/$NS\$" || return 1
}

# traced OPTION...: a sandbox starts while strace looks at the shim's own system calls.
traced() {
	local tracer
	sandbox CreateSandbox 2="$BUNDLE" 4.1=runtime.v1.PodSandboxConfig "4.2.$CONTAINER_PID" 4.2.1.1="$NS" 4.2.1.3=default
	strace -qq -o "$BATS_TEST_TMPDIR/calls" -p "$PID" "$@" 3>&- &
	tracer=$!
	# It has the shim, and both wait: whatever the shim calls from now on is seen.
	until grep -q $'^TracerPid:\t[1-9]' "/proc/$PID/status" &&
		[[ $(cut -d ' ' -f 1 "/proc/$tracer/syscall") =~ ^(61|260)$ ]] && # wait4
		[ "$(cut -d ' ' -f 3 "/proc/$PID/stat")" = S ]; do
		sleep 0.01
	done
	sandbox StartSandbox > "$BATS_TEST_TMPDIR/answer" 2>&1 || :
	kill $tracer 2> /dev/null || : # gone with the shim
	wait $tracer || :
}

# The most system calls that one of the processes made which strace looked at.
most_calls() {
	sed 's/ .*//' "$BATS_TEST_TMPDIR/calls" | sort | uniq -c | sort -n | awk 'END { print $1 }'
}

# killed FROM TO STEP: whoever makes a call of that number, the shim, its fork or who becomes the holder.
killed() {
	local n
	for n in $(seq "$1" "$([ -n "${TORTURE:-}" ] && echo 1 || echo "$3")" "$2"); do
		shim_start
		traced -f -e "inject=all:signal=KILL:when=$n"
		kill -9 "$PID" 2> /dev/null || : # it had one call less this time, or was not the one
		await_end "$PID"
		shim "$ID" "$BUNDLE" delete > /dev/null
		assert_nothing || { echo "after call $n: $(tail -n 2 "$BATS_TEST_TMPDIR/calls")"; return 1; }
		rm -f "$BUNDLE"/coracle-*
	done
}

@test "a_shim_killed_at_any_call_of_a_start_leaves_nothing" {
	local own all
	traced
	grep -q ^1: "$BATS_TEST_TMPDIR/answer"
	sandbox ShutdownSandbox
	await_end "$PID"
	own=$(wc -l < "$BATS_TEST_TMPDIR/calls")
	[ "$own" -gt 15 ]
	shim_start
	traced -f
	sandbox ShutdownSandbox
	await_end "$PID"
	all=$(most_calls)
	[ "$all" -gt 60 ]
	killed 2 "$own" 4
	killed $((own + 1)) "$all" 8
}

@test "a_start_whose_fork_is_killed_fails_and_may_be_tried_again" {
	local fork lock starter code
	sandbox CreateSandbox 2="$BUNDLE" 4.1=runtime.v1.PodSandboxConfig "4.2.$CONTAINER_PID"
	mkdir -p "$ROOT"
	exec {lock}< "$ROOT"
	flock $lock # who makes a container waits for it
	sandbox StartSandbox > "$BATS_TEST_TMPDIR/answer" 3>&- {lock}<&- &
	starter=$!
	until fork=$(pgrep -P "$PID"); do
		:
	done
	# Meanwhile others are answered.
	sandbox PingSandbox
	run -1 sandbox StartSandbox
	[[ "$output" == *"sandbox pod has been started"* ]]
	run -0 sandbox SandboxStatus
	[[ "$output" == *"3=SANDBOX_NOTREADY"* ]]
	kill -9 "$fork"
	code=0
	wait $starter || code=$?
	[ $code = 1 ]
	grep -q "^error .*stopped half way" "$BATS_TEST_TMPDIR/answer"
	exec {lock}<&-
	run -0 sandbox StartSandbox
	[[ "$output" == *1:* ]]
	sandbox ShutdownSandbox
	await_end "$PID"
	not_mounted
}

@test "stop_and_shutdown_do_not_wait_for_a_start" {
	local lock starter what code
	for what in StopSandbox ShutdownSandbox; do
		sandbox CreateSandbox 2="$BUNDLE" 4.1=runtime.v1.PodSandboxConfig "4.2.$CONTAINER_PID"
		mkdir -p "$ROOT"
		exec {lock}< "$ROOT"
		flock $lock
		sandbox StartSandbox > "$BATS_TEST_TMPDIR/answer" 3>&- {lock}<&- &
		starter=$!
		until pgrep -P "$PID" > /dev/null; do
			:
		done
		sandbox "$what"
		code=0
		wait $starter || code=$?
		[ $code = 1 ]
		grep -q "^error .*stopped half way" "$BATS_TEST_TMPDIR/answer"
		exec {lock}<&-
		sandbox ShutdownSandbox || [ $what = ShutdownSandbox ]
		await_end "$PID"
		[ -z "$(ls -A "$ROOT")" ]
		not_mounted
		shim_start
	done
}

@test "shutdown_keeps_nobody_waiting" {
	local lock leaver
	sandbox_create "$CONTAINER_PID"
	container a 'sleep 1000'
	exec {lock}< "$ROOT/$NS-a"
	flock $lock # who removes it waits for it
	sandbox ShutdownSandbox 3>&- {lock}<&- &
	leaver=$!
	until pgrep -P "$PID" -f "^containerd-shim-coracle-v2 "; do
		:
	done
	sandbox PingSandbox
	task State 1="$NS-a"
	run -1 container b 'sleep 1000'
	[[ "$output" == *"sandbox pod is not running"* ]]
	kill -0 $leaver
	exec {lock}<&-
	wait $leaver
	await_end "$PID"
	[ -z "$(ls -A "$ROOT")" ]
	not_mounted
}

@test "a_shutdown_that_fails_does_not_take_the_answer_of_a_stop_with_it" {
	local lock stopper leaver code=0 fork fds
	sandbox_create "$CONTAINER_PID"
	exec {lock}< "$ROOT/$ID"
	flock $lock # who removes it waits for it
	sandbox ShutdownSandbox > "$BATS_TEST_TMPDIR/answer" 3>&- {lock}<&- &
	leaver=$!
	until fork=$(pgrep -o -P "$PID" -f "^containerd-shim-coracle-v2 "); do
		:
	done
	fds=$(find "/proc/$PID/fd" | wc -l)
	sandbox StopSandbox 3>&- {lock}<&- &
	stopper=$!
	until [ "$(find "/proc/$PID/fd" | wc -l)" -gt "$fds" ]; do
		:
	done
	sandbox PingSandbox
	kill -9 "$fork"
	wait $leaver || code=$?
	[ $code = 1 ]
	[[ "$(cat "$BATS_TEST_TMPDIR/answer")" == "error "* ]]
	wait $stopper
	[ ! -e "/proc/$HOLDER" ]
	exec {lock}<&-
	sandbox ShutdownSandbox
	await_end "$PID"
	[ -z "$(ls -A "$ROOT")" ]
	not_mounted
}

@test "an_end_of_the_holder_whose_record_somebody_has_is_told_at_once_and_recorded_later" {
	local lock
	sandbox_create "$CONTAINER_PID"
	exec {lock}< "$ROOT/$ID"
	flock $lock
	kill -9 "$HOLDER"
	run -0 sandbox WaitSandbox
	[[ "$output" == *"1:137"* ]]
	run -0 sandbox SandboxStatus
	[[ "$output" == *"3=SANDBOX_NOTREADY"* ]]
	exec {lock}<&-
	until [ "$(tail -n 1 "$ROOT/$ID/state.json" | jq .exitCode)" = 137 ]; do
		:
	done
}

@test "a_start_that_is_refused_any_call_leaves_nothing_and_may_be_tried_again" {
	local name n failed=0
	for name in openat mkdirat clone3 socketpair mount fsopen fsconfig fsmount recvmsg write; do
		for n in 1 ${TORTURE:+2 3 4 5}; do
			traced -f -e "inject=$name:error=ENOMEM:when=$n"
			if ! grep -q ^1: "$BATS_TEST_TMPDIR/answer"; then
				failed=$((failed + 1))
				grep -q '^error ' "$BATS_TEST_TMPDIR/answer" || { echo "$name $n: $(cat "$BATS_TEST_TMPDIR/answer")"; return 1; }
				assert_nothing || { echo "after $name $n: $(cat "$BATS_TEST_TMPDIR/answer")"; return 1; }
				sandbox StartSandbox > /dev/null
			fi
			sandbox ShutdownSandbox
			await_end "$PID"
			assert_nothing
			shim_start
		done
	done
	[ $failed -ge 6 ]
}

@test "a_container_of_a_pod_is_restored_with_what_they_share" {
	local a
	PATH=$("$BATS_TEST_DIRNAME/criu"):$PATH
	sandbox ShutdownSandbox
	await_end "$PID"
	shim_start
	sandbox_create "$CONTAINER_PID"
	a=$(container a 'echo here > /dev/shm/a; while :; do sleep 1000; done')
	until [ -s "/proc/$a/root/dev/shm/a" ]; do
		sleep 0.02
	done
	task Checkpoint 1="$NS-a" 2="$BATS_TEST_TMPDIR/images" || { cat "$BATS_TEST_TMPDIR"/a/criu-work/*.log | tail -n 5; false; }
	task Kill 1="$NS-a" 3:9
	task Wait 1="$NS-a" > /dev/null
	task Delete 1="$NS-a" > /dev/null
	task Create 1="$NS-a" 2="$BATS_TEST_TMPDIR/a" 8="$BATS_TEST_TMPDIR/images"
	a=$(task Start 1="$NS-a") || { echo "$a"; cat "$BATS_TEST_TMPDIR"/a/criu-work/*.log | tail -n 5; false; }
	a=${a#1:}
	[ "$(cat "/proc/$a/root/dev/shm/a")" = here ]
	grep -q " /etc/resolv.conf " "/proc/$a/mountinfo"
	same "$a" "$HOLDER" ipc && same "$a" "$HOLDER" net
}

@test "stop_ends_the_start_of_a_container_that_is_being_restored" {
	local lock starter what code
	for what in StopSandbox ShutdownSandbox; do
		sandbox_create "$CONTAINER_PID"
		rm -rf "${BATS_TEST_TMPDIR:?}/a"
		container a 'sleep 1000'
		task Kill 1="$NS-a" 3:9
		task Wait 1="$NS-a" > /dev/null
		task Delete 1="$NS-a" > /dev/null
		mkdir -p "$BATS_TEST_TMPDIR/images"
		task Create 1="$NS-a" 2="$BATS_TEST_TMPDIR/a" 8="$BATS_TEST_TMPDIR/images"
		exec {lock}< "$ROOT"
		flock $lock # who makes a container waits for it
		task Start 1="$NS-a" > "$BATS_TEST_TMPDIR/answer" 3>&- {lock}<&- &
		starter=$!
		until pgrep -P "$PID" | grep -qvx "$HOLDER"; do
			:
		done
		sandbox $what
		code=0
		wait $starter || code=$?
		[ $code = 1 ]
		grep -q "^error .*stopped half way" "$BATS_TEST_TMPDIR/answer"
		[ ! -e "/proc/$HOLDER" ]
		exec {lock}<&-
		if [ $what = StopSandbox ]; then
			run -1 task Start 1="$NS-a"
			[[ "$output" == *"sandbox pod is not running"* ]]
			sandbox ShutdownSandbox
		fi
		await_end "$PID"
		[ -z "$(ls -A "$ROOT")" ]
		shim_start
	done
}

@test "delete_of_a_pause_container_removes_what_a_dead_shim_had_beside_it" {
	local a plain='del(.linux.namespaces[].path)'
	ID=$NS-p
	HOLDER=self
	container p 'sleep 1000' "$plain"' | .annotations."io.kubernetes.cri.container-type" = "sandbox"'
	a=$(container a 'sleep 1000' "$plain")
	container b 'sleep 1000' "$plain"
	printf %s "$ID" > "$BATS_TEST_TMPDIR/a/sandbox"
	kill -9 "$PID"
	await_end "$PID"
	shim "$ID" "$BATS_TEST_TMPDIR/p" delete > /dev/null
	await_end "$a"
	[ "$(ls "$ROOT")" = "$NS-b" ] # of which containerd was told nothing: it has delete called itself
}
