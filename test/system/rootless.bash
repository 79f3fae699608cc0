# rootless.bash - what the tests of an unprivileged user share: the user himself, his directories, his way to run things.
# shellcheck shell=bash
# shellcheck disable=SC2086

load runtime
load images

# The ids of our user and his subordinate ones; nobody else has them.
USER_ID=23456
SUB_ID=300000

# A user that this machine does not know: passwd, group, subuid and subgid are bound over in a mount namespace of each
# command's own, so nothing is left and nobody else sees it. His bundle is B, his home holds the root file system.
rootless_setup() {
	private_setup
	local e=$BATS_TEST_TMPDIR/etc
	ID=$(cid r)
	HOMEDIR=$BATS_TEST_TMPDIR/home
	XDG=$BATS_TEST_TMPDIR/xdg
	B=$HOMEDIR/b
	mkdir -p "$e" "$B" "$XDG"
	chmod 755 "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "$BATS_TEST_TMPDIR"
	cat /etc/passwd - > "$e/passwd" <<< "tester:x:$USER_ID:$USER_ID::$HOMEDIR:/bin/sh"
	cat /etc/group - > "$e/group" <<< "tester:x:$USER_ID:"
	echo "tester:$SUB_ID:65536" | tee "$e/subuid" > "$e/subgid"
	[ -e "$BATS_FILE_TMPDIR/rootless.json" ] || {
		"$CORACLE" runtime spec --rootless -b "$BATS_FILE_TMPDIR"
		jq --argjson u $USER_ID --arg r "$ROOTFS" '.process.terminal = false | .root.path = $r
			| .linux.uidMappings[0].hostID = $u | .linux.gidMappings[0].hostID = $u' \
			"$BATS_FILE_TMPDIR/config.json" > "$BATS_FILE_TMPDIR/rootless.json"
		chown -hR $USER_ID:$USER_ID "$ROOTFS"
	}
	cp "$BATS_FILE_TMPDIR/rootless.json" "$B/config.json"
	chown -R $USER_ID:$USER_ID "$HOMEDIR" "$XDG"
	chmod 700 "$HOMEDIR" "$XDG"
}

# Ends what a failed test left of his, and what podman leaves to keep his user namespace.
rootless_teardown() {
	local dir pid=$XDG/libpod/tmp/pause.pid
	[ ! -s "$pid" ] || kill -KILL "$(cat "$pid")" || true
	for dir in "$XDG"/coracle/default/*/ "$XDG"/state/*/; do
		[ ! -d "$dir" ] || as "$CORACLE" cleanup --root "$(dirname "$dir")" "$(basename "$dir")"
	done
	private_teardown
}

# Runs a command as him, in his home. BEFORE: what root does first in the mount namespace of the
# command. KEPT: an option of setpriv for his groups, of which he has none otherwise.
as() {
	local e=$BATS_TEST_TMPDIR/etc
	E=$e U=$USER_ID KEPT=${KEPT:-} XDG=$XDG HOMEDIR=$HOMEDIR BEFORE=${BEFORE:-} unshare -m --propagation private sh -c '
		for f in passwd group subuid subgid; do mount --bind "$E/$f" "/etc/$f" || exit; done
		eval "$BEFORE"
		cd "$HOMEDIR"
		exec setpriv --reuid "$U" --regid "$U" ${KEPT:---clear-groups} \
			env -i PATH="$PATH" HOME="$HOMEDIR" USER=tester ${XDG:+XDG_RUNTIME_DIR="$XDG"} "$@"' as "$@"
}

# Our runtime, as him, in his own state root; and runc, to compare with.
ur() {
	as "$CORACLE" runtime "$@"
}
urc() {
	as runc "$@"
}

# Changes his config.json.
uspec() {
	jq "$@" "$B/config.json" > "$BATS_TEST_TMPDIR/new.json"
	cat "$BATS_TEST_TMPDIR/new.json" > "$B/config.json"
}

# ... to have as many ids as he has.
all_ids() {
	uspec --argjson u $USER_ID --argjson s $SUB_ID '.linux |= (.uidMappings = [{containerID: 0, hostID: $u, size: 1},
		{containerID: 1, hostID: $s, size: 65536}] | .gidMappings = .uidMappings)'
}

# A bundle of root's, with the same root file system; prints where.
root_bundle() {
	mkdir -p "$BATS_TEST_TMPDIR/root-bundle"
	runc spec -b "$BATS_TEST_TMPDIR/root-bundle"
	jq --arg r "$ROOTFS" '.process.terminal = false | .process.args = ["sleep", "1000"] | .root.path = $r' \
		"$BATS_TEST_TMPDIR/root-bundle/config.json" > "$BATS_TEST_TMPDIR/root-bundle/new"
	mv "$BATS_TEST_TMPDIR/root-bundle/new" "$BATS_TEST_TMPDIR/root-bundle/config.json"
	echo "$BATS_TEST_TMPDIR/root-bundle"
}

# Runs a shell script as his container's program.
uinside() {
	uspec --arg s "$1" '.process.args = ["sh", "-c", $s]'
	shift
	ur run -b "$B" "$@" "$ID"
}

ucreate() {
	uspec '.process.args = ["sleep", "1000"]'
	ur create -b "$B" "$@" "$ID" < /dev/null > "$BATS_TEST_TMPDIR/out" 2>&1 3>&-
}

ustate() {
	ur state "$ID" | jq -r ".$1"
}

# Nothing of ID is left: state, mounts, processes.
unothing_left() {
	STATE=$XDG/coracle/default nothing_left
}

# base CONFIG - an image app:v1 of busybox and, in a second layer, of what tarball is told on stdin; $L is its layout, in his
# home.
base() {
	[ -e "$BATS_FILE_TMPDIR/base.tar" ] || {
		make_rootfs "$BATS_FILE_TMPDIR/base"
		tar -C "$BATS_FILE_TMPDIR/base" -cf "$BATS_FILE_TMPDIR/base.tar" .
	}
	layer "$L" "$BATS_FILE_TMPDIR/base.tar" none
	tar_of "$L.tar"
	layer "$L" "$L.tar" none
	image_end "$L" v1 "$1" > "$L.out"
	chown -R "$USER_ID" "$HOMEDIR"
	"$CORACLE" pull -q "oci:$L:v1" > "$L.out"
	"$CORACLE" tag layout:v1 app:v1 > "$L.out"
}
