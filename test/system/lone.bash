# lone.bash - a shim without a containerd: started by hand, and asked by single calls.
# shellcheck shell=bash

NS=shim${BATS_RUN_TMPDIR##*-}-${BATS_FILE_TMPDIR##*/} # nobody else has it

shim_setup() {
	[ "$(id -u)" = 0 ] || return 0
	mkdir -p "$BATS_FILE_TMPDIR/bin"
	ln -s "$(readlink -f "$CORACLE")" "$BATS_FILE_TMPDIR/bin/containerd-shim-coracle-v2"
	make_rootfs "$BATS_FILE_TMPDIR/rootfs"
	"$CORACLE" runtime spec > /dev/null --bundle "$BATS_FILE_TMPDIR"
	jq --arg root "$BATS_FILE_TMPDIR/rootfs" '.root.path = $root | .process.terminal = false' \
		"$BATS_FILE_TMPDIR/config.json" > "$BATS_FILE_TMPDIR/spec.json"
}

# bundle ID FILTER COMMAND...: a bundle for ID below $BUNDLES; FILTER is jq's, and changes the configuration.
bundle() {
	local id=$1 filter=$2
	shift 2
	mkdir -p "$BUNDLES/$id"
	jq "$filter | .process.args = \$ARGS.positional" "$BATS_FILE_TMPDIR/spec.json" --args -- "$@" > "$BUNDLES/$id/config.json"
}

# shim_start ID: one in the bundle of that id, whose log goes to the file log there, or a FIFO that is there.
shim_start() {
	local address
	[ -p "$BUNDLES/$1/log" ] || : > "$BUNDLES/$1/log"
	address=$(cd "$BUNDLES/$1" && "$BATS_FILE_TMPDIR/bin/containerd-shim-coracle-v2" -namespace "$NS" -id "$1" \
		-address "$BATS_TEST_TMPDIR/none" -publish-binary /bin/false start < /dev/null)
	address=${address#*unix://}
	SOCKET=${address%%\"*}
	SHIM=$(pgrep -of -- "^containerd-shim-coracle-v2 -namespace $NS -id $1 ") # its forks are younger
}

# call METHOD FIELD...: see ttrpc.
call() {
	"$BATS_TEST_DIRNAME/ttrpc" "$SOCKET" "$@"
}

# create ID [FIELD...]: a task out of its bundle.
create() {
	call Create "1=$1" "2=$BUNDLES/$1" "${@:2}" > "$BUNDLES/$1/answer" || { cat "$BUNDLES/$1/answer"; return 1; }
}

# status ID: 1 created, 2 running, 3 stopped, 4 paused.
status() {
	call State "1=$1" | perl -0777 -ne 'print ord $1 if /\x18[\x80-\xff]*[\0-\x7f]\x20(.)/s'
}

# The exit status, once it has ended.
wait_for() {
	call Wait "1=$1" "${@:2}" | perl -0777 -ne 'print /^\x12.\x08([\x80-\xff]?)(.)/s ? (ord($1) & 127) + (ord($2) << 7 * length $1) : 0'
}

# Ends the shim; nothing of its containers is left then.
shim_end() {
	local id
	[ -n "${SHIM:-}" ] || return 0
	kill -9 "$SHIM" 2> /dev/null
	await_end "$SHIM"
	rm -f "$SOCKET"
	for id in "$BUNDLES"/*; do
		"$CORACLE" cleanup --root "/run/coracle/containerd-$NS" "$(basename "$id")" > /dev/null
	done
	SHIM=
	rmdir "/run/coracle/containerd-$NS" 2> /dev/null || :
}

# Nothing of ID is left, nor any fork of the shim.
assert_undone() {
	local left
	left=$(
		ls -d "/run/coracle/containerd-$NS/$1" 2> /dev/null
		find /sys/fs/cgroup -maxdepth 3 -type d -name "*$1*"
		grep -F "$1" /proc/self/mountinfo
		[ -z "${SHIM:-}" ] || pgrep -P "$SHIM" -f "^containerd-shim"
	) || true
	[ -z "$left" ] || { echo "left: $left"; return 1; }
}
