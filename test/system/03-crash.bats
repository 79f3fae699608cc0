#!/usr/bin/env bats
# bats file_tags=long
# 03-crash.bats - the runtime killed at, and refused, each system call it makes: what is there afterwards is the old or the
# new, and `coracle cleanup` leaves nothing. A sample of the calls; all of them with TORTURE=1.
# shellcheck disable=SC2016,SC2030,SC2031,SC2317 # jq's variables; each test is a shell

[ -z "${TORTURE:-}" ] || export BATS_TEST_TIMEOUT=7200
load runtime
load injected

setup() { runtime_setup; }
teardown() { runtime_teardown; }

# struck INJECTION COMMAND...: runs it with that injected; its output goes where attempt puts it. STRACE: options.
struck() {
	local what=$1
	shift
	# shellcheck disable=SC2086 # options
	attempt strace -qqq -e signal=none -e "trace=${what%%:*}" -e "inject=$what" ${STRACE:-} -o /dev/null "$@"
}

# Whatever is there of ID is a container as it should be, or what cleanup takes away without being told of it.
old_or_new() {
	local found
	rt list > /dev/null || { echo "$1: list fails"; return 1; }
	"$CORACLE" cleanup --root "$STATE" > /dev/null || { echo "$1: cleanup fails"; return 1; }
	[ -e "$STATE/$ID" ] || { nothing_left || { echo "$1: cleanup left something"; return 1; }; return 0; }
	found=$(rt state "$ID" | jq -r .status) || { echo "$1: no state"; return 1; }
	case $found in
	created) rt start "$ID" || { echo "$1: created, but does not start"; return 1; } ;;
	running) [ "$(rt ps -f json "$ID" | jq length)" -ge 1 ] || { echo "$1: running without a process"; return 1; } ;;
	stopped) ;;
	*) echo "$1: state is $found"; return 1 ;;
	esac
}

# ... and the cleanup that is told of it ends it.
all_goes() {
	"$CORACLE" cleanup --root "$STATE" "$ID" > /dev/null || { echo "$1: cleanup of $ID fails"; return 1; }
	nothing_left || { echo "$1"; return 1; }
}

# kill_at COUNT PREPARE COMMAND...: COMMAND, killed at COUNT of its calls, each time after PREPARE.
kill_at() {
	local count=$1 prepare=$2 name n tried=0 died=0
	shift 2
	$prepare
	calls "$@" > "$BATS_TEST_TMPDIR/calls"
	all_goes "unharmed"
	while read -r name n; do
		$prepare
		struck "$name:signal=KILL:when=$n" "$@"
		tried=$((tried + 1))
		[ "$status" != 137 ] || died=$((died + 1))
		old_or_new "killed at $name $n"
		all_goes "killed at $name $n"
	done < <(points "$count" < "$BATS_TEST_TMPDIR/calls")
	echo "$tried points, died at $died"
	# Two runs are not the same to the last call; most points are met.
	[ "$died" -gt $((tried / 3)) ] || [ -n "${STRACE:-}" ]
}

@test "create_killed_anywhere_leaves_the_old_or_the_new" {
	spec '.process.args = ["sleep", "1000"]'
	# Of the creator alone: an init that waits for its start would never end under strace.
	calls() { calls_of_one "$@"; }
	kill_at 30 true "$CORACLE" runtime --root "$STATE" create -b "$B" "$ID"
}

# As calls, of the first process alone.
calls_of_one() {
	strace -qqq -e signal=none -o "$BATS_TEST_TMPDIR/strace" "$@" < /dev/null > /dev/null 2>&1 3>&-
	sed 's/^/1 /' "$BATS_TEST_TMPDIR/strace" | awk '{ sub(/\(.*/, "", $2) } $2 ~ /^[a-z0-9_]+$/ { most[$2]++ }
		END { for (name in most) print name ":" most[name] }' | grep -vE '^(execve|exit_group|brk|mmap|munmap|rt_sigaction):' | sort
}

@test "run_and_its_init_killed_anywhere_leave_the_old_or_the_new" {
	spec '.process.args = ["true"]'
	STRACE="-f" kill_at 32 true "$CORACLE" runtime --root "$STATE" run -b "$B" "$ID"
}

@test "start_killed_anywhere_leaves_the_old_or_the_new" {
	calls() { calls_of_one "$@"; }
	kill_at 18 create_sleeper "$CORACLE" runtime --root "$STATE" start "$ID"
}

@test "delete_killed_anywhere_leaves_the_old_or_the_new" {
	kill_at 24 create_sleeper "$CORACLE" runtime --root "$STATE" delete --force "$ID"
}

@test "exec_killed_anywhere_leaves_the_container_unharmed" {
	started() {
		create_sleeper
		rt start "$ID"
	}
	STRACE="-f" kill_at 18 started "$CORACLE" runtime --root "$STATE" exec "$ID" true
}

@test "exec_with_a_terminal_killed_anywhere_leaves_the_container_unharmed" {
	started() {
		create_sleeper
		rt start "$ID"
	}
	STRACE="-f" kill_at 8 started "$CORACLE" runtime --root "$STATE" exec -t "$ID" true
}

@test "run_with_hooks_killed_anywhere_leaves_the_old_or_the_new" {
	local stage
	for stage in prestart createRuntime createContainer startContainer poststart poststop; do
		spec --arg s "$stage" '.hooks[$s] = [{path: (if $s == "startContainer" then "/bin/true" else "/usr/bin/true" end)}]'
	done
	spec '.process.args = ["true"]'
	STRACE="-f" kill_at 12 true "$CORACLE" runtime --root "$STATE" run -b "$B" "$ID"
}

@test "cleanup_killed_anywhere_is_finished_by_the_next" {
	kill_at 18 create_sleeper "$CORACLE" cleanup --root "$STATE" "$ID"
}

# fail_at COUNT ERROR: run, with COUNT of its calls failing so: it succeeds all the same, or says one line; a container that
# could not be made leaves nothing, one that could not be removed is left to cleanup.
fail_at() {
	local name n error=$2 failed=0 tried=0
	while read -r name n; do
		STRACE=-f struck "$name:error=$error:when=$n" "$CORACLE" runtime --root "$STATE" run -b "$B" "$ID"
		tried=$((tried + 1))
		if [ "$status" != 0 ]; then
			failed=$((failed + 1))
			# The same number may be met twice: by init as a cause, and by its parent while it undoes. That is said too.
			if [[ $stderr != *"warning: "*"'coracle cleanup' removes what is left"* ]]; then
				[ "${#stderr_lines[@]}" = 1 ] || { echo "$error at $name $n: status $status, said: $stderr"; return 1; }
				[[ $stderr != *"unable to start"* ]] || nothing_left || { echo "$error at $name $n: $stderr"; return 1; }
			else
				[ "${#stderr_lines[@]}" = 2 ] || { echo "$error at $name $n: status $status, said: $stderr"; return 1; }
			fi
			old_or_new "$error at $name $n"
		fi
		[ -e "$STATE/$ID" ] && all_goes "$error at $name $n"
		nothing_left || { echo "$error at $name $n: $stderr"; return 1; }
	done < <(grep -E "^(${3:-.*}):" "$BATS_TEST_TMPDIR/calls" | points "$1")
	echo "$tried points, $failed failures"
	[ "$failed" -gt $((tried / 4)) ]
}

@test "a_failing_call_is_one_line_and_leaves_nothing" {
	spec '.process.args = ["true"]'
	calls "$CORACLE" runtime --root "$STATE" run -b "$B" "$ID" > "$BATS_TEST_TMPDIR/calls"
	local make='open|openat|openat2|mkdir|mkdirat|fsopen|fsmount|fsconfig|open_tree|move_mount|mount_setattr|mount|mknodat|symlinkat|clone3|socketpair|sendmsg|recvmsg|renameat|pivot_root|setresuid|setresgid|capset|chdir|fchdir|sethostname|socket|ioctl|fchmodat|chmod|setgroups|signalfd4|epoll_create1|epoll_ctl'
	fail_at 30 EPERM "$make"
	fail_at 16 ENOSPC 'openat|mkdir|mkdirat|write|mknodat|symlinkat|renameat|fsopen|fsmount|open_tree|clone3'
	fail_at 14 EIO 'read|write|openat|fstat|stat|statfs|newfstatat|prctl|rmdir|unlinkat|getdents64|umount2|recvfrom|waitid'
	fail_at 12 ENOMEM 'openat|openat2|clone3|fsopen|fsmount|open_tree|move_mount|mount_setattr|execve|socket|accept4'
}
