#!/usr/bin/env bats
# 33-endings-many.bats - many tasks that end at once, or while containerd is away: each is told, once and right.
# shellcheck disable=SC2030,SC2031 # each test is a shell

load helper
load containerd
load endings

setup_file() {
	export CORACLE_SHIM_LEASE=1s
	containerd_setup
}

teardown_file() {
	containerd_teardown
}

setup() {
	containerd_test_setup
}

teardown() {
	containerd_test_teardown
}

@test "thirty_ends_at_once_are_told_each_once" {
	events_start
	sleeper "$ID"
	local clients i j
	for i in $(seq 0 10 20); do
		clients=()
		for j in $(seq 10); do
			ctr_ task exec -d --exec-id "e$((i + j))" "$ID" sleep 1000 &
			clients+=($!)
		done
		wait "${clients[@]}"
	done
	mapfile -t clients < <(grep -vx "$(pid_of "$ID")" "/sys/fs/cgroup/pids/$NS/$ID/cgroup.procs")
	[ "${#clients[@]}" = 30 ]
	kill -9 "${clients[@]}"
	for i in $(seq 30); do
		await_event /tasks/exit '.id != ""'
	done
	[ "$(jq -r 'select(.topic == "/tasks/exit") | .event.id' "$EVENTS" | sort -u | wc -l)" = 30 ]
}

@test "a_hundred_tasks_outlive_containerd_and_what_ended_meanwhile_is_told_right" {
	local i id pid before after clients end at
	declare -A pids
	for i in $(seq 0 4 99); do
		clients=()
		for id in "$i" $((i + 1)) $((i + 2)) $((i + 3)); do
			ctr_ run -d --null-io --runtime "$RUNTIME" "$IMAGE" "$ID-$id" sh -c "trap 'exit $id' USR1; sleep 1000 & wait" &
			clients+=($!)
		done
		wait "${clients[@]}"
	done
	while read -r id pid _; do
		pids[$id]=$pid
	done < <(ctr_ task ls | tail -n +2)
	[ "${#pids[@]}" = 100 ]
	containerd_kill
	before=$(date +%s.%N)
	for i in $(seq 1 3 99); do
		kill -USR1 "${pids[$ID-$i]}"
	done
	for i in $(seq 1 3 99); do
		await_record "$ID-$i"
	done
	after=$(date +%s.%N)
	containerd_start
	run -0 ctr_ task ls
	[ "$(grep -c RUNNING <<< "$output")" = 67 ]
	[ "$(grep -c STOPPED <<< "$output")" = 33 ]
	for i in $(seq 1 3 99); do
		end=$(shim_ends "$ID-$i")
		at=${end##* }
		[ "$end" = "State $i $at"$'\n'"Wait $i $at" ]
		[[ $at > $before && $at < $after ]]
	done
	for i in $(seq 0 99); do
		ctr_ task rm -f "$ID-$i" > /dev/null 2>&1 || true
	done
	seq -f "$ID-%g" 0 99 | xargs ctr -a "$CONTAINERD" -n "$NS" containers rm
	while pgrep -f -- "^containerd-shim-coracle-v2 -namespace $NS " > /dev/null; do sleep 0.02; done
	run -1 compgen -G "$TASKS/*"
	run -1 compgen -G "/run/coracle/containerd-$NS/*"
	run -1 compgen -G "/sys/fs/cgroup/*/$NS/*"
}

# Boot loops of hundreds of seconds over the sockets of dead shims.
@test "a_containerd_that_comes_back_to_thirty_dead_shims_boots_at_once" {
	local i began
	for i in $(seq 30); do
		sleeper "$ID-$i"
	done
	containerd_kill
	for i in $(seq 30); do
		kill -9 "$(shim_pid "$ID-$i")"
	done
	began=$(date +%s)
	containerd_start
	[ $(($(date +%s) - began)) -lt 90 ] # five seconds each would be more
	for i in $(seq 30); do
		ctr_ containers rm "$ID-$i"
		assert_no_shim "$ID-$i"
	done
}
