# helper.bash - what the system tests share: the binary, a root file system, private directories, events.
# shellcheck shell=bash

bats_require_minimum_version 1.5.0
# A test that waits for what never comes fails. The slowest takes twenty seconds where nothing else runs; a machine may be ten
# times as slow as that.
export BATS_TEST_TIMEOUT=${BATS_TEST_TIMEOUT:-300}
CORACLE=${CORACLE:-$BATS_TEST_DIRNAME/../../build/coracle}
TOOLS=${CORACLE%/*}/system # what is built of the programs here

# What is written in Go lives too short here to collect garbage often.
export GOGC=400

# What waits for this timeout may miss the end of a quick test: it has none of bats' pipes, or bats would wait for it.
watchdog=$(declare -f bats_start_timeout_countdown || :)
if [[ $watchdog == *") &"* ]]; then
	eval "${watchdog%) &*}) > /dev/null 2>&1 3>&- 4>&- & }"
fi

# Of a test whose time is over all processes end, or it would wait for those that hold its pipes.
bats_kill_childprocesses_of() {
	local pid
	for pid in $(pgrep -P "$1"); do
		[ "$pid" != "$BASHPID" ] || continue
		bats_kill_childprocesses_of "$pid"
		kill "$pid" 2> /dev/null
	done
}

# Before every command bats notes the whole stack, which takes longer than most commands: 270 us. Here a line is noted (1 is
# that of a trap), and the stack once something fails.
bats_debug_trap() {
	local note='BATS_DEBUG_LAST_STACK_TRACE=("$LINENO $FUNCNAME $BASH_SOURCE")'
	trap '[[ $BASH_SOURCE == "$BATS_ROOT"/* || $FUNCNAME == bats_* || $LINENO == 1 ]] || '"$note" DEBUG
}

# shellcheck disable=SC2034
bats_error_trap() {
	bats_check_status_from_trap
	[ -z "${BATS_DEBUG_LAST_STACK_TRACE_IS_VALID:-}" ] || return 0
	BATS_DEBUG_LAST_STACK_TRACE_IS_VALID=1
	# In bats itself: a function of ours has returned from the line that was noted.
	[[ ${BASH_SOURCE[1]} == "$BATS_ROOT"/* ]] || bats_capture_stack_trace
}

bats_get_failure_stack_trace() {
	eval "$1=(\"\${BATS_DEBUG_LAST_STACK_TRACE[@]}\")"
}

# A root file system of Debian's busybox, once a file. $1: where.
make_rootfs() {
	mkdir -p "$1"/{bin,dev,etc,proc,sys,tmp,root}
	/bin/busybox --list | IN=$1/bin perl -lne 'symlink "busybox", "$ENV{IN}/$_"'
	cp --remove-destination /bin/busybox "$1/bin/busybox"
	printf 'root:x:0:0:root:/root:/bin/sh\nworker:x:1000:1000::/tmp:/bin/sh\n' > "$1/etc/passwd"
	printf 'root:x:0:\nworker:x:1000:\nextra:x:2000:worker\n' > "$1/etc/group"
}

# Every test has its own state root, store and directory for fifos; ids of its own come from `id NAME`.
private_setup() {
	[ "$(id -u)" = 0 ] || skip "needs root"
	export CORACLE_STORE=$BATS_TEST_TMPDIR/store
	STATE=$BATS_TEST_TMPDIR/state
	SYNC=$BATS_TEST_TMPDIR/sync
	ROOTFS=$BATS_FILE_TMPDIR/rootfs
	mkdir -p "$SYNC"
	[ -e "$ROOTFS/bin/busybox" ] || make_rootfs "$ROOTFS"
}

# Removes all that a test made, whatever became of it, and says when that was anything a test should have removed.
private_teardown() {
	[ -d "${STATE:-}" ] || return 0
	local dir
	for dir in "$STATE"/*/; do
		[ -d "$dir" ] && "$CORACLE" cleanup --root "$STATE" "$(basename "$dir")" > /dev/null
	done
	return 0
}

# An id that no other test has: cgroups are the whole machine's.
cid() {
	echo "t$$-$BATS_TEST_NUMBER-$1"
}

# coracle VERB ... in the private state root.
c() {
	local verb=$1
	shift
	"$CORACLE" "$verb" --root "$STATE" "$@"
}

# A container on the busybox root file system: box OPTIONS... -- COMMAND...
box() {
	local options=()
	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	c run "${options[@]}" --rootfs "$ROOTFS" "$@"
}

# The value of a field of a container's record: field ID NAME
field() {
	tail -n 1 "$STATE/$1/state.json" | jq -r ".$2"
}

# Nothing of a container is left: state, cgroup, data, process.
assert_gone() {
	[ ! -e "$STATE/$1" ] || { echo "state of $1 is left"; return 1; }
	[ ! -e "$CORACLE_STORE/containers/$1" ] || { echo "data of $1 is left"; return 1; }
	local left
	left=$(find /sys/fs/cgroup -maxdepth 3 -type d -name "*$1*" 2> /dev/null) || true
	[ -z "$left" ] || { echo "cgroups are left: $left"; return 1; }
}

# No mount of this machine mentions $1.
assert_no_mount() {
	! grep -F "$1" /proc/self/mountinfo
}

# A fifo in the directory that containers see as /sync.
fifo() {
	mkfifo "$SYNC/$1"
}

# Waits until a process that is not our child has ended, reaped or not.
await_end() {
	"$TOOLS/await" "$1"
}

# Waits until a path is there, or is no more.
await_path() {
	until [ -e "$1" ]; do
		sleep 0.01
	done
}

await_no_path() {
	while [ -e "$1" ]; do
		sleep 0.01
	done
}
