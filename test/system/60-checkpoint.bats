#!/usr/bin/env bats
# checkpoint and restore, with Debian 13's CRIU. Every container here is a counter: it is asked through a FIFO of its
# own and answers through another how often it was asked, or ends. No number is ever lost.
# shellcheck disable=SC2016,SC2119,SC2120,SC2154 # variables of jq and of shells inside; of bats; optional arguments

load runtime

setup_file() {
	CRIU=$("$BATS_TEST_DIRNAME/criu")
	export CRIU
}

setup() {
	runtime_setup
	PATH=$CRIU:$PATH
	IMG=$BATS_TEST_TMPDIR/img
	own_rootfs
	mkfifo "$ROOTFS/tmp/q" "$ROOTFS/tmp/a"
	spec '.process.args = ["sh", "-c", "n=0
		while read -r word < /tmp/q; do
			n=$((n + 1))
			echo $word $n
			[ $word != end ] || exit $n
			echo $n > /tmp/a
		done"]'
}

teardown() {
	runtime_teardown
}

# Its output is a file of the host's that grows, as a log does: CRIU wants others to be as they were.
start() {
	rt run -d -b "$B" "$@" "$ID" < /dev/null >> "$BATS_TEST_TMPDIR/out" 2>&1 3>&-
}

# What the counter answers to a word.
ask() {
	local answer
	echo "${1:-count}" > "$ROOTFS/tmp/q"
	read -r answer < "$ROOTFS/tmp/a"
	echo "$answer"
}

restore() {
	local status=0
	rt restore -b "$B" --image-path "$IMG" "$@" "$ID" < /dev/null >> "$BATS_TEST_TMPDIR/restored" 2>&1 3>&- || status=$?
	[ $status != 1 ] || cat "$BATS_TEST_TMPDIR/restored" "$IMG/restore.log"
	return $status
}

# Mounts of ID's init: where, of what, with which options; devices have other numbers after each mount.
mounts() {
	awk '{ $1 = $2 = $3 = ""; print }' "/proc/$(state pid)/mountinfo" | sed 's/ master:[0-9]*//' | sort
}

@test "a counter that is checkpointed, gone and restored goes on counting" {
	start
	[ "$(ask)" = 1 ]
	[ "$(ask)" = 2 ]
	rt checkpoint --image-path "$IMG" "$ID"
	nothing_left
	[ -s "$IMG/inventory.img" ] && [ -s "$IMG/dump.log" ]
	restore --detach --pid-file "$BATS_TEST_TMPDIR/pid"
	[ "$(state status)" = running ]
	[ "$(state pid)" = "$(< "$BATS_TEST_TMPDIR/pid")" ]
	[ "$(ask)" = 3 ]
	rt exec "$ID" true
	end
	nothing_left
}

@test "an attached restore ends with the container's exit status, and deletes it" {
	start
	[ "$(ask)" = 1 ]
	rt checkpoint --image-path "$IMG" "$ID"
	echo end > "$ROOTFS/tmp/q" &
	attempt restore
	[ "$status" = 2 ]
	nothing_left
}

@test "with --leave-running it counts on, and what was dumped counts from there" {
	start
	[ "$(ask)" = 1 ]
	rt checkpoint --leave-running --image-path "$IMG" "$ID"
	[ "$(state status)" = running ]
	[ "$(ask)" = 2 ]
	[ "$(ask)" = 3 ]
	end
	restore -d
	[ "$(ask)" = 2 ]
	end
	nothing_left
}

@test "what it writes goes to whoever restores it" {
	start
	[ "$(ask one)" = 1 ]
	rt checkpoint --image-path "$IMG" "$ID"
	restore -d
	[ "$(ask two)" = 2 ]
	[ "$(< "$BATS_TEST_TMPDIR/out")" = "one 1" ]
	[ "$(< "$BATS_TEST_TMPDIR/restored")" = "two 2" ]
	end
}

@test "the pipes it writes to are those of whoever restores it" {
	local writer
	rt run -d -b "$B" "$ID" < /dev/null 2>&1 3>&- | cat > "$BATS_TEST_TMPDIR/heard" 3>&- &
	writer=$!
	[ "$(ask three)" = 1 ]
	rt checkpoint --image-path "$IMG" "$ID"
	wait $writer
	[ "$(< "$BATS_TEST_TMPDIR/heard")" = "three 1" ]
	grep -q 'pipe:\[' "$IMG/descriptors.json"
	rt restore -d -b "$B" --image-path "$IMG" "$ID" < /dev/null 2>&1 3>&- | cat > "$BATS_TEST_TMPDIR/heard" 3>&- &
	writer=$!
	[ "$(ask four)" = 2 ]
	end
	wait $writer
	[ "$(< "$BATS_TEST_TMPDIR/heard")" = "four 2" ]
}
