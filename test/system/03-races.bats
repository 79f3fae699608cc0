#!/usr/bin/env bats
# bats file_tags=alone
# 03-races.bats - somebody swaps names for links, as fast as he can, in a volume that he shares with a container that is being
# made: whatever becomes of the container, nothing outside its root is made, written or mounted on. Each race is run with all
# that this kernel has, without openat2, and as on Linux 4.18. Alone: who races needs a processor too.
# shellcheck disable=SC2016,SC2030,SC2031,SC2317 # jq's variables; each test is a shell

load runtime

OUT=../../../../../../../../../../../../..

setup() {
	runtime_setup
	export ASAN_OPTIONS=detect_leaks=0 # which cannot be done under strace
	VICTIM=$BATS_TEST_TMPDIR/victim
	MOUNTS=$BATS_TEST_TMPDIR/mounts
	VOLUME=$BATS_TEST_TMPDIR/volume
	mkdir "$VICTIM" "$VOLUME"
	: > "$MOUNTS"
	# The hook is in the container's mount namespace, where the host's files are still to be seen.
	printf '#!/bin/sh\ngrep -F " %s" /proc/self/mountinfo >> %s\nexit 0\n' "$VICTIM" "$MOUNTS" > "$BATS_TEST_TMPDIR/hook"
	chmod 755 "$BATS_TEST_TMPDIR/hook"
	own_rootfs
	mkdir "$ROOTFS/vol"
	spec --arg v "$VOLUME" --arg h "$BATS_TEST_TMPDIR/hook" '.mounts += [{destination: "/vol", source: $v, options: ["rbind"]}]
		| .hooks = {createContainer: [{path: $h}]} | .process.args = ["true"]'
}

teardown() {
	[ -z "${SWAP:-}" ] || { kill -CONT "$SWAP"; kill "$SWAP" && wait "$SWAP"; } 2> /dev/null || true
	runtime_teardown
}

# What was there when the race began is there, and nothing else; no mount ever was.
unharmed() {
	local now
	now=$(cd "$VICTIM" && find . -mindepth 1 -printf '%p %y %l\n' -type f -exec cat {} + | sort)
	[ "$now" = "$BEFORE" ] || { echo "the host's: $now"; return 1; }
	[ ! -s "$MOUNTS" ] || { echo "mounted: $(sort -u "$MOUNTS")"; return 1; }
}

# race A B CLEAN...: swaps A and B while containers are made, for a second (ten with TORTURE=1) and at least five times; CLEAN
# after each, the swap being held. Once nobody swaps them a container runs.
race() {
	local a=$1 b=$2 begun=${EPOCHREALTIME/./} tries=0
	shift 2
	BEFORE=$(cd "$VICTIM" && find . -mindepth 1 -printf '%p %y %l\n' -type f -exec cat {} + | sort)
	"$TOOLS/swap" "$a" "$b" 3>&- &
	SWAP=$!
	while [ $((${EPOCHREALTIME/./} - begun)) -lt $((${TORTURE:+9} + 1))000000 ] || [ "$tries" -lt 5 ]; do
		raced
		[ "${#stderr_lines[@]}" -le 1 ] || { echo "$stderr"; return 1; }
		tries=$((tries + 1))
		kill -STOP "$SWAP"
		"$@"
		unharmed || { echo "after $tries tries, $DENY"; return 1; }
		kill -CONT "$SWAP"
	done
	kill "$SWAP"
	wait "$SWAP" 2> /dev/null || true
	SWAP=
	if [ -L "$a" ]; then
		mv "$a" "$a.link"
		mv -T "$b" "$a"
		mv "$a.link" "$b"
	fi
	raced
	"$@"
	echo "${DENY:-all}: $tries tries; undisturbed: $stderr"
	[ "$status" = 0 ]
	nothing_left
}

raced() {
	local slowly=(strace -f -qq -o /dev/null -e "trace=$STEPS" -e "inject=$STEPS:delay_enter=200")
	[ "$DENY" = slowly ] || slowly=()
	[ "$DENY" = slowly ] || [ -z "$DENY" ] || slowly=("$TOOLS/deny" "$DENY" --)
	attempt ${TERMINAL:+in_terminal} "${slowly[@]}" "$CORACLE" runtime --root "$STATE" run ${TERMINAL:+--console-socket "$TERMINAL"} -b "$B" "$ID"
}

# Runs a command whose terminal's other end we are.
in_terminal() {
	rm -f "$TERMINAL"
	"$TOOLS/console" "$TERMINAL" "$@" > /dev/null
}

# And slowly, so that whoever swaps always comes between two steps, be there a processor for him or not.
STEPS=openat,openat2,readlink,readlinkat,mkdirat,mknodat,symlinkat,open_tree,move_mount,fchownat
each_kernel() {
	for DENY in slowly "" openat2 4.18; do
		race "$@"
	done
}

@test "cve_2021_30465_mounts_below_a_shared_volume" {
	mkdir "$VOLUME/dir"
	ln -s "$OUT$VICTIM" "$VOLUME/link"
	echo file > "$BATS_TEST_TMPDIR/file"
	mkdir "$VOLUME/dir/d" "$VICTIM/d"
	touch "$VOLUME/dir/f" "$VICTIM/f"
	spec --arg f "$BATS_TEST_TMPDIR/file" '.mounts += ([range(8)] | map({destination: "/vol/dir/d", type: "tmpfs", source: "tmpfs"}, {destination: "/vol/dir/f", source: $f, options: ["bind"]}))'
	each_kernel "$VOLUME/dir" "$VOLUME/link" true
}

@test "cve_2024_45310_targets_that_have_to_be_made_below_a_shared_volume" {
	mkdir "$VOLUME/dir"
	ln -s "$OUT$VICTIM" "$VOLUME/link"
	echo file > "$BATS_TEST_TMPDIR/file"
	spec --arg f "$BATS_TEST_TMPDIR/file" '.mounts += ([range(8)] | map({destination: "/vol/dir/d\(.)/e/f/g", type: "tmpfs", source: "tmpfs"}, {destination: "/vol/dir/b\(.)/c/d", source: $f, options: ["bind"]}))
		| .linux.devices = [range(4) | {path: "/vol/dir/n\(.)/null", type: "c", major: 1, minor: 3}] | .process.cwd = "/vol/dir/cwd/here"'
	clean() { find "$VOLUME" -mindepth 2 -maxdepth 2 \( -name '[bdn]*' -o -name cwd \) -exec rm -rf {} +; } # not through the link
	each_kernel "$VOLUME/dir" "$VOLUME/link" clean
}

@test "cve_2025_31133_masked_and_readonly_paths_in_a_shared_volume" {
	mkdir "$VOLUME/dir" "$VOLUME/dir/keys" "$VICTIM/keys"
	ln -s "$OUT$VICTIM" "$VOLUME/link"
	echo secret | tee "$VOLUME/dir/key" > "$VICTIM/key"
	# The image's null device is swapped as well, by the same hand: dev is a volume too.
	mkdir "$VOLUME/dir/dev"
	mknod "$VOLUME/dir/null" c 1 3
	ln -s "$OUT$VICTIM/key" "$VICTIM/null"
	rm -rf "${ROOTFS:?}/dev"
	ln -s /vol/dir "$ROOTFS/dev"
	spec '.linux.maskedPaths = ["/vol/dir/key", "/vol/dir/keys"] | .linux.readonlyPaths = ["/vol/dir/keys", "/vol/dir/key"]
		| .mounts |= map(select(.destination | startswith("/dev") | not)) | .process.args = ["sh", "-c", "{ echo x > /vol/dir/key; echo x > /vol/link/key; } 2> /dev/null; true"]'
	clean() { find "$VOLUME" -path '*/key' -type f -exec sh -c 'echo secret > "$1"' . {} \;; }
	each_kernel "$VOLUME/dir" "$VOLUME/link" clean
}

@test "cve_2025_52881_proc_and_what_is_written_to_it" {
	mkdir -p "$VICTIM/sys/net/ipv4" "$VICTIM/self/attr" "$VICTIM/kcore"
	echo bait | tee "$VICTIM/sys/net/ipv4/ip_default_ttl" "$VICTIM/self/attr/exec" > "$VICTIM/sysrq-trigger"
	ln -s "$OUT$VICTIM" "$ROOTFS/link"
	spec '.linux.sysctl = {"net.ipv4.ip_default_ttl": "99"}'
	each_kernel "$ROOTFS/proc" "$ROOTFS/link" true
}

@test "cve_2025_52565_a_terminal_in_a_shared_dev" {
	mkdir -p "$VICTIM/pts" "$VOLUME/pts"
	echo bait | tee "$VICTIM/pts/0" "$VICTIM/pts/ptmx" > "$VICTIM/console"
	ln -s "$OUT$VICTIM/pts" "$VOLUME/link"
	ln -s "$OUT$VICTIM/console" "$VOLUME/console"
	spec --arg v "$VOLUME" '.process.terminal = true
		| .mounts |= map(if .destination == "/dev" then {destination, source: $v, options: ["bind"]} else select(.destination | test("shm|mqueue|vol") | not) end)'
	TERMINAL=$BATS_TEST_TMPDIR/s
	each_kernel "$VOLUME/pts" "$VOLUME/link" true
}

# Which was looked at, and is not to be another one when it is mounted.
@test "the_root_file_system_itself_below_a_directory_of_somebody_s" {
	mkdir "$VOLUME/dir" "$VICTIM/own"
	mv "$ROOTFS" "$VOLUME/dir/own"
	ln -s "$VICTIM" "$VOLUME/link"
	spec --arg r "$VOLUME/dir/own" '.root.path = $r | .mounts |= map(select(.destination != "/vol"))'
	each_kernel "$VOLUME/dir" "$VOLUME/link" true
}

@test "the_root_file_system_of_a_user_namespace_below_a_directory_of_somebody_s" {
	mkdir "$VOLUME/dir" "$VICTIM/own"
	mv "$ROOTFS" "$VOLUME/dir/own"
	chown 100000:100000 "$VOLUME/dir/own" "$VICTIM/own"
	ln -s "$VICTIM" "$VOLUME/link"
	spec --arg r "$VOLUME/dir/own" '.root.path = $r | .mounts |= map(select(.destination != "/vol" and .type != "cgroup"))
		| .linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}]
		| .linux.gidMappings = .linux.uidMappings'
	each_kernel "$VOLUME/dir" "$VOLUME/link" true
}
