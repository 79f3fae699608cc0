# runtime.bash - what the tests of the OCI runtime share: bundles as runc makes them, verbs, what may not be left.
# shellcheck shell=bash
# shellcheck disable=SC2016 # variables of jq

load helper

# Small programs of test/system/*.c, built beside the binary.
TOOLS=$(dirname "$CORACLE")/system

# A bundle B of `runc spec`, without terminal, on the shared root file system; and an id.
runtime_setup() {
	private_setup
	B=$BATS_TEST_TMPDIR/b
	ID=$(cid c)
	mkdir -p "$B"
	[ -e "$BATS_FILE_TMPDIR/config.json" ] || {
		runc spec -b "$BATS_FILE_TMPDIR"
		chmod 755 "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "$ROOTFS"
		jq --arg r "$ROOTFS" '.process.terminal = false | .root.path = $r' \
			"$BATS_FILE_TMPDIR/config.json" > "$BATS_FILE_TMPDIR/new"
		mv "$BATS_FILE_TMPDIR/new" "$BATS_FILE_TMPDIR/config.json"
	}
	cp "$BATS_FILE_TMPDIR/config.json" "$B/config.json"
}

# Ends and removes what a failed test left; the test itself is to have removed the rest.
runtime_teardown() {
	[ ! -d "${RUNC:-}" ] || for dir in "$RUNC"/*/; do
		[ ! -d "$dir" ] || runc --root "$RUNC" delete --force "$(basename "$dir")"
	done
	private_teardown
}

# Our runtime in the private state root; and runc to compare with, in another.
rt() {
	"$CORACLE" runtime --root "$STATE" "$@"
}
rc() {
	RUNC=$BATS_TEST_TMPDIR/runc
	runc --root "$RUNC" "$@"
}

# spec [JQ-OPTION...] FILTER: changes config.json.
spec() {
	jq "$@" "$B/config.json" > "$B/.new" && mv "$B/.new" "$B/config.json"
}

# A root file system of this test's own, writable: files of the shared one by hard links.
own_rootfs() {
	cp -al "$ROOTFS" "$BATS_TEST_TMPDIR/own"
	ROOTFS=$BATS_TEST_TMPDIR/own
	spec --arg r "$ROOTFS" '.root = {path: $r}'
}

# Runs a shell script as the container's program.
inside() {
	spec --arg s "$1" '.process.args = ["sh", "-c", $s]'
	shift
	rt run -b "$B" "$@" "$ID"
}

# Creates ID; what its program will print goes to $BATS_TEST_TMPDIR/out.
create() {
	rt create -b "$B" "$@" "$ID" < /dev/null > "$BATS_TEST_TMPDIR/out" 2>&1 3>&- ||
		{ cat "$BATS_TEST_TMPDIR/out"; return 1; }
}

# ... that sleeps.
create_sleeper() {
	spec '.process.args = ["sleep", "1000"]'
	create "$@"
}

state() {
	rt state "$ID" | jq -r ".$1"
}

# Ends ID and removes it.
end() {
	rt delete --force "$ID"
}

# Blocks until a process has ended.
await() {
	"$TOOLS/await" "$1"
}

# Nothing of ID is left: state, cgroups, mounts that this machine sees, processes.
nothing_left() {
	local left
	[ ! -e "$STATE/$ID" ] || { echo "state is left: $(ls -A "$STATE/$ID")"; return 1; }
	left=$(compgen -G "/sys/fs/cgroup/*/*$ID*") || true
	[ -z "$left" ] || { echo "cgroups are left: $left"; return 1; }
	left=$(< /proc/self/mountinfo)
	[[ $left != *"$BATS_TEST_TMPDIR"* ]] || { echo "mounts are left: $left"; return 1; }
	# One whose parent was killed sees that, and goes by itself.
	grep -lasF "$STATE" /proc/[0-9]*/cmdline | while read -r left; do
		timeout 60 "$TOOLS/await" "${left//[!0-9]/}" < /dev/null || true
	done
	left=$(grep -lasF "$STATE" /proc/[0-9]*/cmdline) || true
	[ -z "$left" ] || { echo "processes are left: $left"; return 1; }
}

# Runs a command, and waits for it alone: not for what it left behind that holds its stdout.
attempt() {
	status=0
	"$@" < /dev/null > "$BATS_TEST_TMPDIR/attempt.out" 2> "$BATS_TEST_TMPDIR/attempt.err" 3>&- || status=$?
	output=$(tr -d '\0' < "$BATS_TEST_TMPDIR/attempt.out")
	stderr=$(tr -d '\0' < "$BATS_TEST_TMPDIR/attempt.err")
	mapfile -t stderr_lines < "$BATS_TEST_TMPDIR/attempt.err"
}

# refused STATUS WORD...: what was attempted ended so, said one line on stderr with these words, and nothing else.
refused() {
	local want=$1 word
	shift
	[ "$status" = "$want" ] || { echo "status $status, not $want: $stderr"; return 1; }
	[ -z "$output" ] || { echo "said on stdout: $output"; return 1; }
	[ "${#stderr_lines[@]}" = 1 ] || { echo "not one line: $stderr"; return 1; }
	for word in "$@"; do
		[[ $stderr == *"$word"* ]] || { echo "no '$word' in: $stderr"; return 1; }
	done
}
