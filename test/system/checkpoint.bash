# checkpoint.bash - what the tests of checkpoint and restore share. Every container here is a counter: it is asked through a
# FIFO of its own and answers through another how often it was asked, or ends. No number is ever lost.
# shellcheck shell=bash
# shellcheck disable=SC2119,SC2120,SC2154 # what bats does

load runtime

setup_file() {
	CRIU=$("$BATS_TEST_DIRNAME/criu")
	export CRIU
}

# A container that counts, in bundle B with a root file system of its own; its images go to IMG.
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

# Its output is a file of the host's that grows, as a log does: CRIU wants others to be as they were.
start() {
	rt run -d -b "$B" "$@" "$ID" < /dev/null >> "$BATS_TEST_TMPDIR/out" 2>&1 3>&-
}

# What the counter answers to a word.
ask() {
	local answer
	echo "${1:-count}" > "$ROOTFS/tmp/q"
	read -r answer < "$ROOTFS/tmp/a"
	# While its stdout is another one the shell keeps its own as fd 10, which CRIU cannot know to be another's.
	while [ -e "/proc/$(state pid 2> /dev/null)/fd/10" ]; do :; done
	echo "$answer"
}

restore() {
	local status=0
	rt restore -b "$B" --image-path "$IMG" "$@" "$ID" < /dev/null >> "$BATS_TEST_TMPDIR/restored" 2>&1 3>&- || status=$?
	[ $status != 1 ] || { cat "$BATS_TEST_TMPDIR/restored"; grep -w Error "$IMG/restore.log"; }
	return $status
}
