#!/usr/bin/env bats
# 61-checkpoint-shim-VERSION.bats - checkpoint and restore under containerd of the version that the file's name tells: one
# file, under several names.
# shellcheck disable=SC2154 # variables of bats

load helper
load containerd

setup_file() {
	local version=${BATS_TEST_FILENAME##*-}
	[ "$(id -u)" = 0 ] || return 0
	containerd_use "${version%.bats}"
	CRIU=$("$BATS_TEST_DIRNAME/criu")
	export PATH=$CRIU:$PATH
	containerd_setup
}

teardown_file() {
	containerd_teardown
}

setup() {
	containerd_test_setup
	IMG=$BATS_TEST_TMPDIR/img
	SYNC=$BATS_TEST_TMPDIR/sync
	mkdir "$SYNC"
	mkfifo "$SYNC/q" "$SYNC/a"
}

teardown() {
	containerd_test_teardown
}

# A counter that is asked through a FIFO, and says so on its stdout too.
counter() {
	ctr_ run -d --runtime "$RUNTIME" --mount "type=bind,src=$SYNC,dst=/sync,options=rbind:rw" "$IMAGE" "$ID" \
		sh -c 'n=0; while read -r word < /sync/q; do n=$((n + 1)); echo "$word $n"; echo $n > /sync/a; done' 3>&-
}

ask() {
	local answer
	echo "${1:-count}" > "$SYNC/q"
	read -r answer < "$SYNC/a"
	# While its stdout is another one the shell keeps its own as fd 10, which CRIU cannot know to be another's.
	while [ -e "/proc/$(pid_of "$ID")/fd/10" ]; do :; done
	echo "$answer"
}

@test "a_task_is_checkpointed_and_runs_on" {
	# ctr gives its options to shims of this name only, which ours has too.
	RUNTIME=io.containerd.runc.v2 counter
	events_start
	[ "$(ask)" = 1 ]
	ctr_ task checkpoint --image-path "$IMG" "$ID"
	[ -s "$IMG/inventory.img" ]
	[ "$(ask)" = 2 ]
	rm -r "$IMG"
	ctr_ task checkpoint --exit --image-path "$IMG" "$ID"
	await_event /tasks/exit .
	[ "$(events_topics "$ID")" = "/tasks/paused /tasks/checkpointed /tasks/resumed /tasks/paused /tasks/checkpointed /tasks/exit" ]
	ctr_ task rm "$ID"
	ctr_ containers rm "$ID"
	assert_no_shim "$ID"
}

@test "a_container_is_restored_out_of_an_image_of_its_checkpoint" {
	counter
	[ "$(ask)" = 1 ]
	[ "$(ask)" = 2 ]
	ctr_ containers checkpoint --rw --image --task "$ID" "test.invalid/checkpoint:$ID" > /dev/null
	[ "$(ask)" = 3 ]
	ctr_ task rm -f "$ID"
	ctr_ containers rm "$ID"
	events_start
	ctr_ containers restore --rw --live "$ID" "test.invalid/checkpoint:$ID" > "$BATS_TEST_TMPDIR/restored" 3>&- 9<&- &
	local restored=$!
	[ "$(ask again)" = 3 ]
	await_event /tasks/start . # it counts before its start has been told
	[ "$(ctr_ task exec --exec-id x "$ID" echo alive)" = alive ]
	# ctr may not listen to the end: what it does not read stays in the FIFO.
	[ "$(ask more)" = 4 ]
	until grep -qx 'more 4' "$BATS_TEST_TMPDIR/restored" || ! kill -0 $restored 2> /dev/null; do
		sleep 0.02
	done
	grep -qx 'more 4' "$BATS_TEST_TMPDIR/restored" ||
		grep -qxm 1 'more 4' < "$(readlink "/proc/$(shim_pid "$ID")/fd/"* | grep -m 1 'stdout$')"
	ctr_ task kill --signal KILL "$ID"
	await_event /tasks/exit ".id == \"$ID\"" # which ctr need not wait for
	wait $restored
	ctr_ images rm "test.invalid/checkpoint:$ID"
	ctr_ containers rm "$ID"
	assert_no_shim "$ID"
}

@test "a_checkpoint_that_fails_leaves_the_task_running" {
	RUNTIME=io.containerd.runc.v2 counter
	[ "$(ask)" = 1 ]
	: > "$BATS_TEST_TMPDIR/file"
	run -1 ctr_ task checkpoint --image-path "$BATS_TEST_TMPDIR/file" "$ID"
	[[ $output == *"image path: "*"Not a directory"* ]]
	[ "$(ask)" = 2 ]
	ctr_ task rm -f "$ID"
	ctr_ containers rm "$ID"
	assert_no_shim "$ID"
}

@test "images_that_cannot_be_restored_are_refused_at_start_and_leave_nothing" {
	counter
	[ "$(ask)" = 1 ]
	ctr_ containers checkpoint --rw --image --task "$ID" "test.invalid/checkpoint:$ID" > /dev/null
	ctr_ task rm -f "$ID"
	ctr_ containers rm "$ID"
	# What was bound into the container is not there any more.
	rm -r "$SYNC"
	run -1 timeout 30 ctr -a "$CONTAINERD" -n "$NS" containers restore --rw --live "$ID" "test.invalid/checkpoint:$ID"
	[[ $output == *"criu failed: type RESTORE"* ]] || { echo "$output"; return 1; }
	ctr_ task rm -f "$ID" || true
	ctr_ images rm "test.invalid/checkpoint:$ID"
	ctr_ containers rm "$ID"
	assert_no_shim "$ID"
}
