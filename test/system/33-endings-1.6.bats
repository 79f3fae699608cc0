#!/usr/bin/env bats
# 33-endings-VERSION.bats - every way in which a task, its shim or containerd itself can end: what is told of it is the
# same whoever is asked, and nothing is left. Under the containerd that the file's name tells: one file, two names.
# shellcheck disable=SC2030,SC2031 # each test is a shell

load helper
load containerd
load endings

setup_file() {
	local version=${BATS_TEST_FILENAME##*-}
	[ "$(id -u)" = 0 ] || return 0
	export CORACLE_SHIM_LEASE=1s
	containerd_use "${version%.bats}"
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
	! mountpoint -q "$BATS_TEST_TMPDIR/disk" || umount -l "$BATS_TEST_TMPDIR/disk"
	return 0
}

@test "kill_9_of_the_workload_is_told_alike_by_all" {
	events_start
	sleeper "$ID"
	kill -9 "$(pid_of "$ID")"
	ended_alike "$ID" 137
}

@test "its_own_exit_is_told_alike_by_all" {
	events_start
	ctr_ run -d --null-io --runtime "$RUNTIME" "$IMAGE" "$ID" sh -c 'exit 42'
	ended_alike "$ID" 42
}

@test "a_cgroup_killed_from_outside_with_the_shim_in_it_is_told_and_leaves_nothing" {
	events_start
	sleeper "$ID"
	shim_pid "$ID" > "/sys/fs/cgroup/pids/$NS/$ID/cgroup.procs" # as the option ShimCgroup may have it
	kill_cgroup "$ID"
	ended_without_shim "$ID" 137
}

@test "a_workload_that_ends_after_its_shim_is_told_as_killed" {
	local go=$BATS_TEST_TMPDIR/go
	mkfifo "$go"
	events_start
	sleeper "$ID"
	local shim pid before
	shim=$(shim_pid "$ID")
	pid=$(pid_of "$ID")
	before=$(date +%s.%N)
	kill -9 "$shim"
	ended_without_shim "$ID" 137
	await_end "$pid"
	[[ $(event_end "$ID" exit) > "137 $before" ]] # not earlier than that
}

# 839 shims for 21 pods after the sandboxes' cgroups had been killed: the shim is to notice.
@test "a_pod_killed_by_its_cgroup_from_outside_is_told_and_its_shim_goes" {
	local shim
	events_start
	sleeper "$ID-a" --annotation "io.containerd.runc.v2.group=$ID"
	sleeper "$ID-b" --annotation "io.containerd.runc.v2.group=$ID"
	shim=$(shim_pid "$ID-a")
	kill_cgroup "$ID-a"
	kill_cgroup "$ID-b"
	await_event /tasks/exit '.exit_status == 137'
	await_event /tasks/exit '.exit_status == 137'
	[ "$(jq -r 'select(.topic == "/tasks/exit") | .event.id' "$EVENTS" | sort | paste -sd' ')" = "$ID-a $ID-b" ]
	ctr_ task rm "$ID-a" "$ID-b" || true
	ctr_ containers rm "$ID-a" "$ID-b"
	await_end "$shim"
	assert_no_shim "$ID-a"
	assert_no_shim "$ID-b"
}

# A shim that a signal kills without a word in any log.
@test "a_shim_that_crashes_says_why_and_its_container_is_removed" {
	events_start
	sleeper "$ID"
	local shim lock log=/run/coracle/shim.log
	shim=$(shim_pid "$ID")
	exec {lock}< /run # this file may run under another name beside: its log is the same
	flock "$lock"
	kill -SEGV "$shim"
	ended_without_shim "$ID" 137
	local said="coracle: shim $shim: SIGSEGV from process"
	grep -F "$said" "$log"
	sed -i "\\|^$said|d" "$log"
	[ -s "$log" ] || rm "$log"
	exec {lock}<&-
	[[ $(grep -F "$said" "$BATS_FILE_TMPDIR/containerd.log") == *"-namespace $NS -id $ID "* ]]
}

# The end of init is not held up by execs, nor are theirs lost.
@test "the_end_of_init_is_told_while_execs_run_and_theirs_with_it" {
	events_start
	sleeper "$ID"
	local i
	for i in $(seq 10); do
		ctr_ task exec -d --exec-id "e$i" "$ID" sleep 1000
	done
	kill -9 "$(pid_of "$ID")"
	await_event /tasks/exit ".id == \"$ID\""
	ctr_ task rm "$ID" || true
	await_event /tasks/delete ".container_id == \"$ID\""
	[ "$(jq -r 'select(.topic == "/tasks/exit") | .event | "\(.id) \(.exit_status)"' "$EVENTS" | sort)" = "$({
		seq -f 'e%g 137' 10
		echo "$ID 137"
	} | sort)" ]
}

@test "delete_and_shutdown_may_come_again" {
	sleeper "$ID"
	local address shim
	address=$(< "$TASKS/$ID/address")
	shim=$(shim_pid "$ID")
	task() {
		"$BATS_TEST_DIRNAME/ttrpc" "${address#unix://}" "$@"
	}
	run -0 task Shutdown 1="$ID" # there is a task: it stays
	run -0 task Shutdown 1="$ID"
	run -1 task Delete 1="$ID"
	[[ $output == *"running"* ]]
	kill -9 "$(pid_of "$ID")"
	task Wait 1="$ID" > /dev/null
	run -0 task Delete 1="$ID"
	run -1 task Delete 1="$ID"
	[[ $output == *"not found"* ]]
	run -1 task State 1="$ID"
	[[ $output == *"not found"* ]]
	run -0 task Shutdown 1="$ID"
	await_end "$shim"
}

# 137 in the place of the true status, and another time each time.
@test "the_delete_command_answers_the_same_each_time" {
	local bundle=$BATS_TEST_TMPDIR/bundle go=$BATS_TEST_TMPDIR/go
	mkfifo "$go"
	events_start
	ctr_ run -d --null-io --runtime "$RUNTIME" --mount "type=bind,src=$BATS_TEST_TMPDIR,dst=/sync,options=rbind:rw" \
		"$IMAGE" "$ID" sh -c 'read x < /sync/go; exit 7'
	cp -r "$TASKS/$ID" "$bundle"
	echo > "$go"
	await_event /tasks/exit ".id == \"$ID\""
	delete() {
		"$BATS_FILE_TMPDIR/bin/containerd-shim-coracle-v2" -namespace "$NS" -id "$ID" -address "$CONTAINERD" \
			-bundle "$bundle" delete | od -An -tx1
	}
	delete > "$BATS_TEST_TMPDIR/first"
	delete > "$BATS_TEST_TMPDIR/second"
	cmp "$BATS_TEST_TMPDIR/first" "$BATS_TEST_TMPDIR/second"
	[[ $(< "$BATS_TEST_TMPDIR/first") == *" 10 07 1a "* ]] # exit_status 7, exited_at
}

# containerd kills it after five seconds.
@test "the_delete_command_answers_in_time_when_a_process_does_not_die" {
	local freezer=/sys/fs/cgroup/freezer/$NS shim pid began
	events_start
	sleeper "$ID"
	pid=$(pid_of "$ID")
	shim=$(shim_pid "$ID")
	echo FROZEN > "$freezer/freezer.state" # whoever froze it above its own cgroup
	began=$(date +%s)
	kill -9 "$shim"
	await_event /tasks/exit ".id == \"$ID\"" || { echo THAWED > "$freezer/freezer.state"; false; }
	echo THAWED > "$freezer/freezer.state"
	[ $(($(date +%s) - began)) -lt 60 ]
	[ "$(event_field /tasks/exit ".id == \"$ID\"" .exit_status)" = 137 ] # it can do nothing else any more
	grep "container $ID was killed, and does not end within 4 seconds" "$BATS_FILE_TMPDIR/containerd.log"
	await_end "$pid"
	await_no_path "/run/coracle/containerd-$NS/$ID" # its removal went on
	ctr_ containers rm "$ID"
	assert_no_shim "$ID"
}

# A shim that was started and never asked for a task.
@test "a_shim_that_nobody_uses_goes_by_itself" {
	local address server
	mkdir "$BATS_TEST_TMPDIR/bundle"
	cd "$BATS_TEST_TMPDIR/bundle"
	echo '{}' > config.json
	address=$("$BATS_FILE_TMPDIR/bin/containerd-shim-coracle-v2" -namespace "$NS" -id "$ID" -address "/nowhere/$ID" start < /dev/null)
	server=$(shim_pid "$ID")
	await_end "$server"
	[ ! -e "${address#unix://}" ]
}

# --- a full disk ----------------------------------------------------------------------------------

# The state root on a disk of its own, of KIB.
small_disk() {
	mkdir -p "$BATS_TEST_TMPDIR/disk"
	mount -t tmpfs -o "size=$1k" coracle-test "$BATS_TEST_TMPDIR/disk"
}

fill_disk() {
	cat /dev/zero > "$BATS_TEST_TMPDIR/disk/full" 2> /dev/null || true
}

on_disk() {
	ctr_ run "$@" --runtime io.containerd.runc.v2 --runc-root "$BATS_TEST_TMPDIR/disk/root" "$IMAGE" "$ID" sleep 1000
}

@test "a_full_disk_loses_no_end" {
	small_disk 256
	events_start
	on_disk -d --null-io
	fill_disk
	kill -9 "$(pid_of "$ID")"
	ended_alike "$ID" 137
	[ ! -e "$BATS_TEST_TMPDIR/disk/root/$NS/$ID" ]
}

@test "a_full_disk_loses_no_end_when_the_shim_is_killed_too" {
	small_disk 256
	events_start
	on_disk -d --null-io
	fill_disk
	ctr_ task kill -s 15 "$ID" || true # sleep is init: it takes no notice
	kill -9 "$(pid_of "$ID")"
	await_event /tasks/exit ".id == \"$ID\""
	local end
	end=$(event_end "$ID" exit)
	kill -9 "$(shim_pid "$ID")"
	await_event /tasks/delete ".container_id == \"$ID\""
	[ "$(event_end "$ID" delete)" = "$end" ]
	[ ! -e "$BATS_TEST_TMPDIR/disk/root/$NS/$ID" ]
	ctr_ containers rm "$ID"
	assert_no_shim "$ID"
}

# Wherever in the last block of its file the record of the end begins.
@test "a_full_disk_has_room_for_every_end" {
	local pad
	small_disk 512
	events_start
	for pad in 0 256 512 768; do
		ctr_ run -d --null-io --runtime io.containerd.runc.v2 --runc-root "$BATS_TEST_TMPDIR/disk/root" \
			--annotation "pad=$(printf "%${pad}s")" "$IMAGE" "$ID-$pad" sleep 1000
	done
	fill_disk
	for pad in 0 256 512 768; do
		kill -9 "$(pid_of "$ID-$pad")"
		await_event /tasks/exit ".id == \"$ID-$pad\""
		[ "$(tail -n 1 "$BATS_TEST_TMPDIR/disk/root/$NS/$ID-$pad/state.json" | jq .exitCode)" = 137 ]
	done
}

@test "a_task_that_has_no_room_is_refused_in_words_and_leaves_nothing" {
	small_disk 256
	fill_disk
	run -1 on_disk -d --null-io
	[[ $output == *"No space left on device"* ]]
	rm "$BATS_TEST_TMPDIR/disk/full"
	[ ! -e "$BATS_TEST_TMPDIR/disk/root/$NS/$ID" ]
	ctr_ containers rm "$ID" || true
	assert_no_shim "$ID"
	run -0 on_disk -d --null-io
}

# --- containerd away ------------------------------------------------------------------------------

# Shims left by a containerd that died during a create.
@test "containerd_killed_while_tasks_are_made_leaves_no_shim_behind" {
	local round id left clients
	for round in 1 2 3; do
		clients=()
		for id in "$ID-$round-a" "$ID-$round-b" "$ID-$round-c"; do
			sleeper "$id" > /dev/null 2>&1 3>&- &
			clients+=($!)
		done
		sleep "0.0$((round * 3))" # where in their making it comes
		containerd_kill
		containerd_start
		wait "${clients[@]}" || true # what it was doing is lost; what begins now is not
		for id in $(ctr_ containers ls -q); do
			ctr_ task rm -f "$id" > /dev/null 2>&1 || true
			ctr_ containers rm "$id"
		done
	done
	for left in $(pgrep -f -- "^containerd-shim-coracle-v2 -namespace $NS "); do
		await_end "$left"
	done
	for round in 1 2 3; do
		for id in "$ID-$round-a" "$ID-$round-b" "$ID-$round-c"; do
			await_no_path "$TASKS/$id" # containerd cleans up after a shim that went by itself
			assert_no_shim "$id"
		done
	done
}

# What that one leaves when it comes between the start of a shim and its first task.
@test "a_shim_that_the_next_containerd_finds_without_a_task_goes_by_itself" {
	local server
	containerd_kill
	mkdir -p "$TASKS/$ID"
	cd "$TASKS/$ID"
	echo '{}' > config.json
	mkfifo log
	"$BATS_FILE_TMPDIR/bin/containerd-shim-coracle-v2" -namespace "$NS" -id "$ID" -address "$CONTAINERD" start < /dev/null > address
	cd /
	server=$(shim_pid "$ID")
	containerd_start
	await_end "$server"
	await_no_path "$TASKS/$ID"
	run -0 ctr_run "$ID" echo again
	[ "$output" = again ]
	assert_no_shim "$ID"
}

# One inotify instance leaked for each restart of containerd.
@test "restarts_of_containerd_leave_no_fd_in_a_shim" {
	local i shim first last
	sleeper "$ID"
	shim=$(shim_pid "$ID")
	fds() {
		find "/proc/$shim/fd" -type l -printf '%l\n' | sed 's/[0-9]\{3,\}/N/g' | sort
	}
	ctr_ task ls > /dev/null
	first=$(fds)
	for i in 1 2 3; do
		containerd_kill
		containerd_start
		ctr_ task exec --exec-id "e$i" "$ID" true
	done
	last=$(fds)
	diff <(echo "$first") <(echo "$last")
	[[ $last != *inotify* ]]
}

# --- execs as probes ------------------------------------------------------------------------------

# Defunct processes, and files, that execs leave.
@test "execs_leave_no_defunct_process_and_no_file" {
	local i shim before
	sleeper "$ID"
	shim=$(shim_pid "$ID")
	files() {
		find "/run/coracle/containerd-$NS/$ID" "$TASKS/$ID" -printf '%P\n' | sort
	}
	before=$(files)
	for i in $(seq 20); do
		ctr_ task exec --exec-id "e$i" "$ID" true
	done
	[ "$(files)" = "$before" ]
	run -1 pgrep -r Z -P "$shim"
	[ "$(cat "/sys/fs/cgroup/pids/$NS/$ID/pids.current")" = 1 ]
}

# Probes whose children stay, and then are defunct for ever under an init that does not wait.
@test "what_an_exec_leaves_running_stays_or_ends_with_it_as_the_annotation_has_it" {
	leave() {
		ctr_ task exec --exec-id "e$1" "$ID$1" sh -c 'sleep 2000 > /dev/null 2>&1 & sleep 2000 > /dev/null 2>&1 &'
	}
	left() {
		xargs -I PID sh -c 'tr "\0" " " < /proc/PID/cmdline; echo' < "/sys/fs/cgroup/pids/$NS/$ID$1/cgroup.procs" | grep -c '^sleep 2000' || true
	}
	sleeper "$ID-keep"
	sleeper "$ID-kill" --annotation org.coracle.exec-orphans=kill
	leave -keep
	[ "$(left -keep)" = 2 ]
	leave -kill
	until [ "$(left -kill)" = 0 ]; do # killed they are; that takes a moment
		sleep 0.02
	done
	run -1 sleeper "$ID-what" --annotation org.coracle.exec-orphans=what
	[[ $output == *"org.coracle.exec-orphans: what: use keep or kill"* ]]
}

# A bundle that is busy because somebody else is in it.
@test "a_root_that_somebody_stands_in_is_removed_all_the_same" {
	local pid holder
	sleeper "$ID"
	pid=$(pid_of "$ID")
	mkfifo "$BATS_TEST_TMPDIR/there"
	(cd "/proc/$pid/root/etc" && echo > "$BATS_TEST_TMPDIR/there" && exec sleep 1000) 3>&- &
	holder=$!
	read -r _ < "$BATS_TEST_TMPDIR/there"
	kill -9 "$pid"
	ctr_ task rm "$ID" || true
	run -0 ctr_ containers rm "$ID"
	assert_no_shim "$ID"
	kill "$holder"
}
