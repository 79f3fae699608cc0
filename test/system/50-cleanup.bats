#!/usr/bin/env bats
# bats file_tags=long
# 50-cleanup.bats - whatever is killed at whatever moment: cleanup finds and removes what is left.

load helper

setup() {
	private_setup
}

teardown() {
	private_teardown
}

# All that could be left of a container, as `coracle cleanup` must leave it: nothing. $1: id
assert_nothing_left() {
	assert_gone "$1" || return 1
	[ -z "$(ls -A "$STATE" 2> /dev/null)" ] || { ls -lA "$STATE"; return 1; }
	assert_no_mount "$BATS_TEST_TMPDIR" || return 1
	local pid
	for pid in $(pgrep -f "$2"); do
		[ "$(cat "/proc/$pid/comm" 2> /dev/null)" != strace ] || await_end "$pid" # who has seen it end
		[ "$(awk '{ print $3 }' "/proc/$pid/stat" 2> /dev/null || echo Z)" = Z ] ||
			{ echo "process $pid is left"; tr '\0' ' ' < "/proc/$pid/cmdline"; return 1; }
	done
}

@test "nothing_to_clean_is_no_error_and_no_word" {
	run -0 c cleanup
	[ "$output" = "" ]
	run -0 c cleanup --format json
	[ "$output" = "[]" ]
}

@test "a_container_whose_monitor_was_killed_is_found_listed_and_removed" {
	local id pid monitor
	id=$(cid k)
	box -d --name "$id" -- sleep 86401
	pid=$(field "$id" pid)
	monitor=$(field "$id" owner)
	kill -9 "$monitor"
	await_end "$monitor"
	# Its container lives on, and is shown.
	run -0 c ps -q
	[ "$output" = "$id" ]
	run -0 c cleanup --dry-run
	[[ "$output" == *"process $pid of container $id"* ]]
	[[ "$output" == *"cgroup /sys/fs/cgroup/"*"$id of container $id"* ]]
	[[ "$output" == *"state $STATE/$id of container $id"* ]]
	[[ "$output" == *"data $CORACLE_STORE/containers/$id of container $id"* ]]
	# --dry-run did nothing.
	[ -d "/proc/$pid" ]
	c cleanup --dry-run --format json > "$BATS_TEST_TMPDIR/json"
	[ "$(jq -r '.[] | select(.kind == "process").what' "$BATS_TEST_TMPDIR/json")" = "$pid" ]
	run -0 c cleanup
	[[ "$output" == *"process $pid of container $id"* ]]
	assert_nothing_left "$id" "sleep 86401"
	run -0 c cleanup
	[ "$output" = "" ]
}

@test "wait_says_that_nobody_knows_the_status_when_the_monitor_was_killed" {
	local id pid
	id=$(cid w)
	box -d --name "$id" -- sleep 86402
	pid=$(field "$id" pid)
	kill -9 "$(field "$id" owner)"
	c kill "$id"
	await_end "$pid"
	await_no_path "/proc/$pid"
	run -1 c wait "$id"
	[[ "$output" == *"$id"*monitor* ]]
	c cleanup
	assert_nothing_left "$id" "sleep 86402"
}

@test "a_container_whose_run_was_killed_is_removed" {
	fifo up
	"$CORACLE" run --root "$STATE" --rm --name "$(cid f)" -v "$SYNC:/sync" --rootfs "$ROOTFS" \
		sh -c 'echo up > /sync/up; exec sleep 86403' &
	local pid=$! status=0
	read -r _ < "$SYNC/up"
	kill -9 $pid
	wait $pid || status=$?
	[ $status = 137 ]
	c cleanup
	assert_nothing_left "$(cid f)" "sleep 86403"
}

@test "what_lives_with_a_living_owner_is_not_touched" {
	local id
	id=$(cid l)
	box -d --name "$id" -- sleep 86404
	box --name "$(cid s)" -- true
	run -0 c cleanup
	[ "$output" = "" ]
	run -0 "$CORACLE" cleanup --dry-run
	[[ "$output" != *"$id"* || "$output" == *"left alone"* ]]
	run -0 c exec "$id" true
	run -0 c ps -aq
	[ "${#lines[@]}" = 2 ]
	c rm -f "$id" "$(cid s)"
	assert_nothing_left "$id" "sleep 86404"
}

@test "cgroups_of_others_are_nobody_s_leftovers" {
	local all=/sys/fs/cgroup name
	name=$(cid others)
	[ ! -d "$all/pids" ] || all=$all/pids
	mkdir "$all/$name" "$all/coracle-$name"
	run "$CORACLE" cleanup --dry-run
	rmdir "$all/$name" "$all/coracle-$name"
	[[ "$output" == *"cgroup $all/coracle-$name of container $name"* ]]
	[[ "$output" != *"cgroup $all/$name "* ]]
}

@test "an_empty_cgroup_whose_container_is_being_made_in_a_state_unknown_here_is_left_alone" {
	local id maker tracer all=/sys/fs/cgroup
	[ ! -d "$all/unified" ] || all=$all/unified
	id=$(cid being)
	mkdir "$BATS_TEST_TMPDIR/b"
	"$CORACLE" runtime spec -b "$BATS_TEST_TMPDIR/b"
	jq --arg r "$ROOTFS" '.root.path = $r | .process.terminal = false | .process.args = ["sleep", "1000"]' \
		"$BATS_TEST_TMPDIR/b/config.json" > "$BATS_TEST_TMPDIR/json"
	cp "$BATS_TEST_TMPDIR/json" "$BATS_TEST_TMPDIR/b/config.json"
	strace -qqq -o /dev/null -e signal=none -e trace=mkdir -e inject=mkdir:signal=STOP:when=1 \
		"$CORACLE" runtime --root "$STATE" create -b "$BATS_TEST_TMPDIR/b" "$id" < /dev/null > "$BATS_TEST_TMPDIR/made" 2>&1 3>&- &
	tracer=$!
	until maker=$(pgrep -P $tracer) && [[ "$(awk '{ print $3 }' "/proc/$maker/stat")" == [Tt] ]] && [ -d "$all/coracle-$id" ]; do
		kill -0 $tracer
	done
	# Unasked, and asked for it by name.
	run -0 "$CORACLE" cleanup --dry-run
	[[ "$output" == *"cgroup $all/coracle-$id (left alone, process $maker has a container of it) of container $id"* ]]
	run -0 "$CORACLE" cleanup "$id"
	[[ "$output" == "cgroup $all/coracle-$id (left alone, process $maker has a container of it) of container $id" ]]
	while kill -CONT "$maker" && kill -0 $tracer; do
		sleep 0.02
	done 2> /dev/null
	wait $tracer
	[ ! -s "$BATS_TEST_TMPDIR/made" ]
	run -0 "$CORACLE" runtime --root "$STATE" start "$id"
	run -0 "$CORACLE" runtime --root "$STATE" delete -f "$id"
	# It is nobody's any more.
	mkdir "$all/coracle-$id"
	run -0 "$CORACLE" cleanup "$id"
	[ ! -d "$all/coracle-$id" ]
}

@test "a_container_named_is_removed_whatever_its_state" {
	local id
	id=$(cid n)
	box -d --name "$id" -- sleep 86405
	c cleanup "$id"
	await_end "$(pgrep -f "coracle.*$id" || echo 1000000)"
	assert_nothing_left "$id" "sleep 86405"
	run -0 c cleanup no-such-container
	run -1 c cleanup ../x
}

@test "a_recycled_pid_is_not_taken_for_the_container" {
	local id
	id=$(cid p)
	box -d --name "$id" -- sleep 86406
	local monitor
	monitor=$(field "$id" owner)
	kill -9 "$monitor"
	c kill "$id"
	await_end "$(field "$id" pid)"
	# The record now names a process of ours that has nothing to do with it, but not its start time.
	sleep 86407 &
	local bystander=$!
	jq -c ".pid = $bystander" "$STATE/$id/state.json" > "$BATS_TEST_TMPDIR/json"
	cp "$BATS_TEST_TMPDIR/json" "$STATE/$id/state.json"
	c cleanup
	kill -0 $bystander
	kill $bystander
	assert_nothing_left "$id" "sleep 86406"
}

@test "a_record_cut_short_is_cleaned_up" {
	local id
	id=$(cid c)
	mkdir -p "$STATE/$id"
	c cleanup
	[ ! -e "$STATE/$id" ]
	mkdir -p "$STATE/$id"
	echo '{"version":1,"id":' > "$STATE/$id/state.json"
	c cleanup
	[ ! -e "$STATE/$id" ]
	mkdir -p "$STATE/$id"
	echo '{"version":1,"id":' > "$STATE/$id/state.json"
	run -0 "$CORACLE" runtime --root "$STATE" delete --force "$id"
	[ ! -e "$STATE/$id" ]
}

@test "what_has_a_record_that_cannot_be_read_now_or_by_us_is_left_alone" {
	local id verb said
	id=$(cid u)
	each() {
		for verb in cleanup "cleanup $id" "runtime delete --force $id"; do
			# shellcheck disable=SC2086
			run -1 "$@" "$CORACLE" ${verb%% *} --root "$STATE" ${verb#"${verb%% *}"}
			[[ "$output" == "coracle: "?(error: )"container $id: $said" ]]
		done
	}
	box -d --name "$id" -- sleep 86410
	said="open state.json: I/O error"
	each strace -D -f -qq -o /dev/null -P state.json -e trace=openat -e inject=openat:error=EIO
	sed -i '$s/"version":1,/"version":1000,/' "$STATE/$id/state.json"
	said="state.json: version 1000; this program knows up to 1"
	each env
	sed -i '$s/"version":1000,/"version":1,/' "$STATE/$id/state.json"
	[ "$(c exec "$id" echo lives)" = lives ]
	c rm -f "$id"
	assert_nothing_left "$id" "sleep 86410"
}

@test "a_directory_that_cannot_be_read_ends_its_removal" {
	local id
	id=$(cid u)
	mkdir -p "$STATE/$id/below"
	run -1 timeout 20 strace -qqq -e signal=none -o /dev/null -P "$STATE/$id" -e inject=getdents64:error=EIO "$CORACLE" cleanup --root "$STATE"
	[[ "$output" == *"read a directory: I/O error"* ]]
	# Nor is one of states empty for that.
	local verb when
	for verb in "cleanup 1" "ps 1" "runtime list 1" "runtime list 3"; do # it is counted, then read
		when=${verb##* } verb=${verb% *}
		# shellcheck disable=SC2086 # words
		run -1 strace -qqq -e signal=none -o /dev/null -P "$STATE" -e "inject=getdents64:error=EIO:when=$when" "$CORACLE" ${verb%% *} --root "$STATE" ${verb#"${verb%% *}"}
		[[ "$output" == *"read $STATE: I/O error" ]]
	done
	run -0 c cleanup
	[ ! -e "$STATE/$id" ]
}

@test "cleanup_beside_runs_that_come_and_go_disturbs_none" {
	local jobs=() n i
	for n in 1 2 3; do
		for ((i = 0; i < 15; i++)); do
			box --rm --name "$(cid "$n-$i")" -- sh -c "exit $n" || [ $? = "$n" ] || exit 1
		done &
		jobs+=($!)
	done
	for n in "${jobs[@]}"; do
		while kill -0 "$n" 2> /dev/null; do
			c cleanup >> "$BATS_TEST_TMPDIR/cleaned"
		done
		wait "$n"
	done
	[ ! -s "$BATS_TEST_TMPDIR/cleaned" ]
}

# late_cleanup ID STRACE_OPTION...: a cleanup of that orphan which is stopped half-way, $CLEANER.
late_cleanup() {
	local id=$1 trace=$BATS_TEST_TMPDIR/late owner
	box -d --name "$id" -- sleep 86409
	owner=$(field "$id" owner)
	kill -9 "$owner"
	await_end "$owner"
	strace -D -q -o "$trace" "${@:2}" "$CORACLE" cleanup --root "$STATE" > "$BATS_TEST_TMPDIR/said" 2>&1 3>&- &
	CLEANER=$!
	until grep -qs "stopped by SIGSTOP" "$trace"; do sleep 0.01; done
}

# The next of that name does not notice how it ends.
next_lives() {
	local id=$1
	box -d --name "$id" -- sleep 86409
	kill -CONT "$CLEANER"
	wait "$CLEANER"
	[ "$(c exec "$id" echo lives)" = lives ]
	[ -e "$CORACLE_STORE/containers/$id/log" ]
	c rm -f "$id"
	assert_nothing_left "$id" "sleep 86409"
}

@test "cleanup_leaves_the_next_container_of_an_orphan_s_name_alone" {
	local id
	id=$(cid n)
	# Stopped when it has looked at the orphan.
	late_cleanup "$id" -P "$STATE/$id" -e trace=close -e "inject=close:signal=STOP:when=1"
	c rm -f "$id"
	next_lives "$id"
}

@test "cleanup_that_comes_late_leaves_what_the_next_container_of_that_name_writes" {
	local id
	id=$(cid n)
	# Stopped when the name is free; another takes away the rest.
	late_cleanup "$id" -P "$id" -e trace=unlinkat -e "inject=unlinkat:signal=STOP:when=2"
	c cleanup
	next_lives "$id"
}

# Runs coracle with each of its processes killed at its Nth call of a kind. strace is a grandchild (-D), so that what we
# wait for is coracle itself, not what its killed parts leave behind.
run_killed_at() {
	local n=$1 call=$2 status=0
	shift 2
	strace -D -f -qq -o "$BATS_TEST_TMPDIR/trace" -e "trace=$call" \
		-e "inject=$call:signal=SIGKILL:when=$n" "$@" > /dev/null 2> "$BATS_TEST_TMPDIR/err" < /dev/null || status=$?
	return $status
}

# Waits until the owner of a container has either got it running or died.
settle() {
	local owner letter
	while owner=$(field "$1" owner 2> /dev/null) && [ "${owner:-null}" != null ] && [ "$owner" != 0 ] &&
		[ "$(field "$1" status)" != running ]; do
		read -r _ _ letter _ 2> /dev/null < "/proc/$owner/stat" && [ "$letter" != Z ] || return 0
	done
}

# Kills at the Nth call, sees what cleanup makes of it. 1: all went well, it has not that many; 2: something is left.
# What is run is subject ID, with the command "sleep 86408" for the container.
torture_once() {
	local n=$1 call=$2 id=$3 status=0 owner
	local words=()
	subject "$id"
	run_killed_at "$n" "$call" "${words[@]}" 2> /dev/null || status=$?
	settle "$id"
	# Where it has been started, its end goes on under the same threat.
	owner=$(field "$id" owner 2> /dev/null || true)
	c kill "$id" 2> /dev/null || true
	[ -z "$owner" ] || [ "$owner" = null ] || await_end "$owner"
	# What nobody owns and nobody killed is no orphan.
	[ $status != 0 ] || [ "${owner:-null}" != null ] || "$CORACLE" cleanup --root "$STATE" "$id" > /dev/null
	if ! "$CORACLE" cleanup --root "$STATE" > "$BATS_TEST_TMPDIR/cleaned" 2>&1 ||
		! assert_nothing_left "$id" "sleep 86408"; then
		echo "killed at $call number $n, coracle said $status; cleanup:"
		cat "$BATS_TEST_TMPDIR/cleaned"
		return 2
	fi
	[ $status != 0 ] || [ -s "$BATS_TEST_TMPDIR/cleaned" ]
}

# torture CALL:STEP... every STEP-th call of each kind, until none is left.
torture() {
	local each call step n rc
	for each in "$@"; do
		call=${each%:*} step=${TORTURE_STEP:-${each#*:}} rc=0
		for ((n = 1; rc == 0; n += step)); do
			[ -z "${TORTURE_TRACE:-}" ] || echo "# $call $n" >&3
			torture_once $n "$call" "$(cid "$call$n")" || rc=$?
		done
		[ $rc = 1 ]
		[ $n -gt $((1 + step)) ] || { echo "$call is never called"; return 1; }
	done
}

@test "a_detached_run_killed_at_any_call_leaves_nothing_after_cleanup" {
	subject() {
		words=("$CORACLE" run --root "$STATE" -d --rm --name "$1" --rootfs "$ROOTFS" sleep 86408)
	}
	torture fork:1 clone3:1 mkdirat:5 mkdir:4 renameat:1 fsync:1 openat:41 openat2:37 write:9 unlinkat:3 rmdir:4 \
		mount:2 move_mount:14 connect:1
}

@test "a_create_killed_at_any_call_leaves_nothing_after_cleanup" {
	mkdir "$BATS_TEST_TMPDIR/b"
	"$CORACLE" runtime spec -b "$BATS_TEST_TMPDIR/b"
	jq --arg r "$ROOTFS" '.process.terminal = false | .process.args = ["sleep", "86408"] | .root.path = $r' \
		"$BATS_TEST_TMPDIR/b/config.json" > "$BATS_TEST_TMPDIR/json"
	mv "$BATS_TEST_TMPDIR/json" "$BATS_TEST_TMPDIR/b/config.json"
	subject() {
		words=("$CORACLE" runtime --root "$STATE" create -b "$BATS_TEST_TMPDIR/b" "$1")
	}
	torture clone3:1 mkdirat:4 mkdir:4 openat:31 openat2:37 write:7 move_mount:14
}
