#!/usr/bin/env bats
# bats file_tags=long
# 34-shim-crash.bats - the shim killed at, and refused, each system call that it and its forks make in a whole life of a task:
# containerd's `delete` then answers in time and as everybody else did, nothing is left, and the next life is unharmed. A
# sample of the calls; all of them with TORTURE=1.

[ -z "${TORTURE:-}" ] || export BATS_TEST_TIMEOUT=7200
load runtime

setup() {
	runtime_setup
	export CORACLE
	SHIM=$BATS_TEST_TMPDIR/containerd-shim-coracle-v2
	ln -s "$(readlink -f "$CORACLE")" "$SHIM"
}

teardown() { runtime_teardown; }

life() {
	"$BATS_TEST_DIRNAME/shimlife" "$SHIM" "$B" "$@"
}

# points COUNT [NAMES]: of "name:from:to" lines, those of these names, COUNT pairs "name n" at even distances; all with
# TORTURE=1.
points() {
	grep -vE '^(execve|exit_group|exit|brk|mmap|munmap|arch_prctl|set_tid_address|rt_sigaction|rt_sigreturn):' | grep -E "^(${2:-.*}):" |
		awk -F: -v want="${TORTURE:+1000000}" -v few="$1" '{ for (i = $2; i <= $3; i++) all[n++] = $1 " " i }
			END { want = want ? want : few; if (want > n) want = n
				for (i = 0; i < want; i++) print all[int(i * n / want)] }'
}

# harm KIND COUNT NAMES [-f]: most lives are to be harmed by it, or the points were not met.
harm() {
	local kind=$1 count=$2 names=$3 tried harmed
	shift 3
	life count "$@" > "$BATS_TEST_TMPDIR/calls"
	points "$count" "$names" < "$BATS_TEST_TMPDIR/calls" > "$BATS_TEST_TMPDIR/points"
	run life points "$kind" "$@" < "$BATS_TEST_TMPDIR/points"
	echo "$output"
	[ "$status" = 0 ]
	output=${lines[-1]}
	read -r tried _ harmed _ <<< "$output"
	[ "$tried" -ge "$count" ]
	[ "$harmed" -ge $((tried / $([ "$kind" = kill ] && echo 2 || echo 12))) ]
}

# What a kernel may refuse for want of something.
WANTS='accept4|clone3|connect|epoll_ctl|eventfd2|faccessat|fallocate|fchmod|flock|fstat|fsync|mkdir|mkdirat|newfstatat|open|openat|openat2|open_tree|mount_setattr|pidfd_open|poll|pread64|read|recvmsg|renameat|rmdir|sendmsg|sendto|socket|socketpair|stat|statfs|timerfd_create|unlink|unlinkat|waitid|write|fsopen|fsconfig|fsmount|move_mount|mount|mknodat|symlinkat|pivot_root'

@test "a_shim_killed_at_any_call_leaves_nothing_and_one_end" {
	harm kill 26 '.*'
}

@test "a_fork_of_the_shim_killed_at_any_call_leaves_nothing_and_one_end" {
	harm kill 22 '.*' -f
}

@test "a_shim_without_memory_leaves_nothing_and_one_end" {
	harm ENOMEM 12 "$WANTS"
}

@test "a_fork_of_the_shim_without_memory_leaves_nothing_and_one_end" {
	harm ENOMEM 16 "$WANTS" -f
}

@test "a_shim_whose_disk_fails_leaves_nothing_and_one_end" {
	harm EIO 8 "$WANTS"
	harm EIO 12 "$WANTS" -f
}

@test "a_shim_whose_disk_is_full_leaves_nothing_and_one_end" {
	harm ENOSPC 16 'open|openat|mkdir|mkdirat|write|fallocate|renameat|fsync|fsopen|fsmount|open_tree|mknodat|symlinkat' -f
}

@test "the_start_of_a_shim_killed_at_any_call_leaves_nothing" {
	local name n tried=0
	life start > "$BATS_TEST_TMPDIR/calls"
	while read -r name n; do
		life start "$name" "$n" < /dev/null || { echo "killed at $name $n"; return 1; }
		tried=$((tried + 1))
	done < <(points 10 < "$BATS_TEST_TMPDIR/calls")
	echo "$tried points"
	[ "$tried" -ge 10 ]
}

@test "three_hundred_tasks_one_after_another_leave_the_shim_as_small_as_before" {
	local first last
	run life crowd 300
	echo "$output"
	[ "$status" = 0 ] # "fds KiB" after the fifth part and at the end
	read -r first last <<< "$(cut -d' ' -f1 <<< "$output" | tr '\n' ' ')"
	[ "$last" -le $((first + 4)) ] # some are of what is under way
	read -r first last <<< "$(cut -d' ' -f2 <<< "$output" | tr '\n' ' ')"
	[ "$last" -le $((first + 16)) ] || [[ "$CORACLE" == */san/* ]]
}

# Leaked shims after a containerd that died during a create.
@test "a_shim_whose_client_goes_while_its_task_is_made_leaves_nothing_after_delete" {
	run life abandon 12
	echo "$output"
	[ "$status" = 0 ]
}

# Lost, doubled and reordered ends while containerd is away.
@test "what_happens_while_nobody_takes_events_is_told_once_and_in_order" {
	run -0 life away
	[ "$output" = "64 events" ]
}

@test "a_shim_without_a_free_fd_neither_spins_nor_loses_an_end" {
	run life table
	echo "$output"
	[ "$status" = 0 ]
}
