# shim.bash - a shim asked directly, as any containerd would: in a namespace of containerd's and with bundles of its own.
# shellcheck shell=bash disable=SC2034

PROCESS=types.containerd.io/opencontainers/runtime-spec/1/Process

shim_setup_file() {
	[ "$(id -u)" = 0 ] || return 0
	mkdir "$BATS_FILE_TMPDIR/bin"
	ln -s "$(readlink -f "$CORACLE")" "$BATS_FILE_TMPDIR/bin/containerd-shim-coracle-v2"
	make_rootfs "$BATS_FILE_TMPDIR/rootfs"
	cd "$BATS_FILE_TMPDIR" && "$CORACLE" runtime spec
}

# NS, ID, SHIM, ROOTFS.
shim_setup() {
	[ "$(id -u)" = 0 ] || skip "needs root"
	NS=shim$$-$BATS_TEST_NUMBER
	ID=$(cid o)
	SHIM=$BATS_FILE_TMPDIR/bin/containerd-shim-coracle-v2
	ROOTFS=$BATS_FILE_TMPDIR/rootfs
}

shim_teardown() {
	local pid dir
	for pid in $(pgrep -f -- "^[^ ]*containerd-shim-coracle-v2 -namespace $NS "); do
		kill -9 "$pid"
		await_end "$pid"
	done
	for dir in "$BATS_TEST_TMPDIR"/bundles/*/; do
		[ -d "$dir" ] && (cd "$dir" && "$SHIM" -namespace "$NS" -id "$(basename "$dir")" -address /nowhere/c.sock delete > /dev/null)
	done
	rmdir "/run/coracle/containerd-$NS" 2> /dev/null || :
}

# ask METHOD FIELD...: of the shim that was started last; see ask.c.
ask() {
	"$(dirname "$CORACLE")/system/ask" "$ADDRESS" "$@"
}

# bundle ID [JQ]: of a container that sleeps.
bundle() {
	local dir=$BATS_TEST_TMPDIR/bundles/$1
	mkdir -p "$dir"
	jq --arg rootfs "$ROOTFS" --arg cgroup "/$NS/$1" '.root = {path: $rootfs, readonly: true} | .process.terminal = false
		| .process.args = ["sleep", "1000"] | .linux.cgroupsPath = $cgroup | '"${2:-.}" "$BATS_FILE_TMPDIR/config.json" > "$dir/config.json"
}

# shim_start ID [STDIN]: its server; ADDRESS. Its events go to the socket HEAR, if that is said.
shim_start() {
	ADDRESS=$(cd "$BATS_TEST_TMPDIR/bundles/$1" && TTRPC_ADDRESS=${HEAR:-} "$SHIM" -namespace "$NS" -id "$1" -address /nowhere/c.sock \
		-publish-binary /bin/false start 2>&1 < "${2:-/dev/null}") || { echo "$ADDRESS"; return 1; }
}

# create ID FIELD...: and started. PID.
create() {
	local id=$1 out
	shift
	out=$(ask Create 1="$id" 2="$BATS_TEST_TMPDIR/bundles/$id" "$@") || { echo "$out"; return 1; }
	PID=${out#1: }
	out=$(ask Start 1="$id") || { echo "$out"; return 1; }
}

# any TYPE VALUE: as protobuf's Any.
any() {
	perl -e 'print chr 0x0a, chr length $ARGV[0], $ARGV[0], chr 0x12, chr length $ARGV[1], $ARGV[1]' "$1" "$2"
}

shim_pid() {
	pgrep -f -- "^[^ ]*containerd-shim-coracle-v2 -namespace $NS -id $1 "
}
