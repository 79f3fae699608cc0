#!/usr/bin/env bats
# 36-ttrpc.bats - clients of a shim that are many, slow, half gone, or no clients at all.

load helper
load shim

setup_file() {
	shim_setup_file
}

setup() {
	shim_setup
	bundle "$ID"
	shim_start "$ID"
	PEERS=$BATS_TEST_DIRNAME/peers
}

teardown() {
	shim_teardown
}

# Fds and private memory of the shim, in KiB.
fds() {
	find "/proc/$(shim_pid "$ID")/fd" -mindepth 1 | wc -l
}

dirty() {
	awk '/^Private_Dirty/ { print $2 }' "/proc/$(shim_pid "$ID")/smaps_rollup"
}

@test "a_hundred_clients_with_a_hundred_calls_each_are_all_answered" {
	run -0 "$PEERS" "$ADDRESS" flood 100 100
	[ "$output" = 10000 ]
}

@test "cve_2020_15257_another_user_is_not_heard_whatever_door_he_finds" {
	local inode
	# Nobody gets to the socket but root, and somebody who is nobody but for root's way through directories.
	run setpriv --reuid 65534 "$PEERS" "$ADDRESS" flood 1 1
	[[ "$output" == *"Permission denied"* ]]
	run -0 "$PEERS" "$ADDRESS" flood 1 1
	[ "$output" = 1 ]
	run setpriv --reuid 65534 --inh-caps +dac_override --ambient-caps +dac_override "$PEERS" "$ADDRESS" flood 1 1
	[[ "$output" != 1 && "$output" != *denied* ]] || { echo "$output"; return 1; }
	run -0 "$PEERS" "$ADDRESS" flood 1 1
	[ "$output" = 1 ]
	# And no name of the shim's is in the network namespace, which others may share.
	while read -r inode; do
		run -1 grep -qx "socket:\[$inode\]" <(find "/proc/$(shim_pid "$ID")/fd" -mindepth 1 -printf '%l\n')
	done < <(awk '$8 ~ /^@/ { print $7 }' /proc/net/unix)
}

@test "who_does_not_read_delays_nobody_and_costs_little" {
	local before after
	sync
	before=$(dirty)
	"$PEERS" "$ADDRESS" greedy 400 > "$BATS_TEST_TMPDIR/out" &
	wait $!
	after=$(dirty)
	[[ "$(cat "$BATS_TEST_TMPDIR/out")" =~ ^all\ answered,\ another\ one\ in\ ([0-9]+)\ ms$ ]]
	[ "${BASH_REMATCH[1]}" -lt 10000 ]
	echo "private dirty: $before, then $after KiB"
	[ "$after" -lt $((before + 600)) ]
}

@test "what_is_no_ttrpc_harms_nobody" {
	create "$ID"
	local before after
	before=$(fds)
	run -0 "$PEERS" "$ADDRESS" garbage
	[ "$output" = served ]
	after=$(fds)
	[ "$after" -le $((before + 1)) ] # the last one may not have gone yet
	[[ "$(ask State 1="$ID")" == *"$PID"* ]]
}

@test "four_mebibytes_are_a_message_and_more_is_refused_while_the_connection_lives_on" {
	run -0 "$PEERS" "$ADDRESS" long 4194304
	[ "$output" = "1:5 3:0" ]
	run -0 "$PEERS" "$ADDRESS" long 4194305
	[ "$output" = "1:8 3:0" ]
}

@test "a_call_is_answered_when_its_time_is_over" {
	create "$ID"
	run -0 "$PEERS" "$ADDRESS" patience "$ID" 100
	[ "$output" = "4 in time" ]
	# Nobody who waits longer is disturbed.
	"$PEERS" "$ADDRESS" patience "$ID" 600000 > "$BATS_TEST_TMPDIR/out" &
	run -0 "$PEERS" "$ADDRESS" patience "$ID" 150
	[ "$output" = "4 in time" ]
	ask Kill 1="$ID" 3:9
	wait $!
	[[ "$(cat "$BATS_TEST_TMPDIR/out")" == "0 after "* ]]
}

@test "who_waits_and_leaves_again_and_again_costs_nothing" {
	create "$ID"
	local before after
	run -0 "$PEERS" "$ADDRESS" leave "$ID" 2 100
	before=$(dirty)
	run -0 "$PEERS" "$ADDRESS" leave "$ID" 100 100
	after=$(dirty)
	echo "private dirty: $before, then $after KiB"
	[ "$after" -lt $((before + 100)) ]
	# Nobody who stays is forgotten.
	"$PEERS" "$ADDRESS" together "$ID" Wait > "$BATS_TEST_TMPDIR/out" &
	run -0 "$PEERS" "$ADDRESS" leave "$ID" 2 100
	ask Kill 1="$ID" 3:9
	wait $!
	[ "$(cat "$BATS_TEST_TMPDIR/out")" = "Wait 0" ]
}

@test "who_has_said_all_still_gets_the_answers" {
	run -0 "$PEERS" "$ADDRESS" half
	[ "$output" = "1:0 3:5 and the end" ]
}

@test "streams_are_refused_and_calls_go_on" {
	run -0 "$PEERS" "$ADDRESS" stream 2
	[ "$output" = "1:12 1:3 3:0" ]
	run -0 "$PEERS" "$ADDRESS" stream 1
	[ "$output" = "1:12 1:3 3:0" ]
}

@test "too_many_at_once_are_turned_away_and_there_is_room_again_when_they_go" {
	run -0 "$PEERS" "$ADDRESS" crowd 400
	[ "${lines[0]}" -ge 200 ]
	[ "${lines[0]}" -le 256 ]
	[ "${lines[1]}" = served ]
}

@test "a_shim_that_turns_clients_away_lives_on_and_is_found_by_the_next_of_its_group" {
	local first shim held
	bundle "$ID-a" '.annotations["io.containerd.runc.v2.group"] = "'"$ID"'"'
	create "$ID"
	first=$ADDRESS shim=$(shim_pid "$ID")
	mkfifo "$BATS_TEST_TMPDIR/held"
	"$PEERS" "$ADDRESS" hold 256 > "$BATS_TEST_TMPDIR/held" 3>&- &
	held=$!
	read -r line < "$BATS_TEST_TMPDIR/held"
	run ! ask Connect 1="$ID"
	shim_start "$ID-a"
	kill $held
	[ "$line" = held ]
	[ "$ADDRESS" = "$first" ]
	run -1 shim_pid "$ID-a"
	until ask Connect 1="$ID" > "$BATS_TEST_TMPDIR/answer"; do :; done
	grep -qx "1: $shim" "$BATS_TEST_TMPDIR/answer"
}

@test "who_asks_for_no_task_keeps_no_shim" {
	local server lease
	bundle "$ID-b"
	for lease in 1s 10s 100s; do # time enough for it to come
		CORACLE_SHIM_LEASE=$lease shim_start "$ID-b"
		server=$(shim_pid "$ID-b") || continue
		run "$PEERS" "$ADDRESS" idle
		[ "$status" != 0 ] || break
	done
	[ "$status $output" = "0 the end" ]
	await_end "$server"
	[ ! -e "${ADDRESS#unix://}" ]
}

@test "services_and_methods_that_are_not_there_are_not_implemented" {
	run -1 "$BATS_TEST_DIRNAME/ttrpc" "$ADDRESS" Fly 1="$ID"
	[ "$output" = "error 12: method Fly: not implemented" ]
	run -1 "$BATS_TEST_DIRNAME/ttrpc" "$ADDRESS" containerd.task.v4.Task/State 1="$ID"
	[ "$output" = "error 12: service containerd.task.v4.Task: not implemented" ]
	run -1 "$BATS_TEST_DIRNAME/ttrpc" "$ADDRESS" containerd.task.v3.Task/State 1="$ID"
	[[ "$output" == "error 5: "*"not found"* ]]
}
