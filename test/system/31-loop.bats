#!/usr/bin/env bats
# 31-loop.bats - whatever one container waits for, the shim keeps nobody else waiting.

# shellcheck disable=SC2030,SC2031 # each test is a shell
load helper
load lone

setup_file() {
	shim_setup
}

setup() {
	[ "$(id -u)" = 0 ] || skip "needs root"
	BUNDLES=$BATS_TEST_TMPDIR/bundles
	ID=$(cid loop)
	mkfifo "$BATS_TEST_TMPDIR/begun" "$BATS_TEST_TMPDIR/go"
	bundle "$ID" . sleep 1000
	CORACLE_SHIM_LEASE=24h shim_start "$ID" # none of these goes because nobody asks
	create "$ID"
	call Start "1=$ID" > /dev/null
}

teardown() {
	shim_end
	# Of a making that was stopped half way the hook goes on.
	local go
	exec {go}<> "$BATS_TEST_TMPDIR/go"
	echo >&"$go"
	exec {go}<&-
}

# A bundle with a hook that says that it has begun, and ends when it is told to.
waiting_bundle() {
	bundle "$1" ".hooks.$2 = [{ path: \"/bin/sh\", args: [\"sh\", \"-c\",
		\"echo > $BATS_TEST_TMPDIR/begun; read x < $BATS_TEST_TMPDIR/go\"] }]" sleep 1000
}

# One whole life.
live() {
	bundle "$1" . sleep 1000
	create "$1"
	call Start "1=$1" > /dev/null
	call Exec "1=$1" 2=e 7.2='{"args":["true"],"cwd":"/","user":{}}' > /dev/null
	call Start "1=$1" 2=e > /dev/null
	[ "$(wait_for "$1" 2=e)" = 0 ]
	call Pause "1=$1" > /dev/null
	call Resume "1=$1" > /dev/null
	call Kill "1=$1" 3:9 4:1 > /dev/null
	[ "$(wait_for "$1")" = 137 ]
	call Delete "1=$1" > /dev/null
}

@test "states_are_told_while_fifty_containers_are_made_and_deleted" {
	local i ids=()
	bundle "$ID-0" . sleep 1000
	for i in {1..50}; do
		ids+=("$ID-$i")
		cp -r "$BUNDLES/$ID-0" "$BUNDLES/$ID-$i"
	done
	run -0 --separate-stderr "$BATS_TEST_DIRNAME/../../build/system/press" "$SOCKET" "$ID" "$BUNDLES" "${ids[@]}"
	echo "$output"
	# On a quiet machine a tenth of a millisecond. Who answers one after the other is asked once in all this time.
	local what
	for what in created deleted; do
		[[ "$output" =~ $what\ 50\ median\ ([0-9]+)\ p99\ ([0-9]+)\ worst\ [0-9]+\ of\ ([0-9]+) ]]
		[ "${BASH_REMATCH[1]}" -lt 500000 ]
		[ "${BASH_REMATCH[2]}" -lt 5000000 ]
		[ "${BASH_REMATCH[3]}" -gt 10 ]
	done
	[ "$(ls "/run/coracle/containerd-$NS")" = "$ID" ]
	assert_undone "$ID-"
}

@test "whoever_makes_containers_leaves_a_processor_to_the_shim" {
	local i n ids=() tracer pressing begun go
	n=$(nproc)
	[ "$n" -gt 1 ] || n=2
	for i in $(seq "$n"); do
		ids+=("$ID-$i")
		waiting_bundle "$ID-$i" createRuntime
	done
	exec {begun}<> "$BATS_TEST_TMPDIR/begun" {go}<> "$BATS_TEST_TMPDIR/go"
	strace -qq -ttt -o "$BATS_TEST_TMPDIR/calls" -e trace=clone,clone3 -p "$SHIM" 3>&- &
	tracer=$!
	until grep -q $'^TracerPid:\t[1-9]' "/proc/$SHIM/status"; do
		sleep 0.01
	done
	"$BATS_TEST_DIRNAME/../../build/system/press" "$SOCKET" "$ID" "$BUNDLES" "${ids[@]}" > /dev/null 3>&- &
	pressing=$!
	for i in "${ids[@]}"; do
		read -r _ <&"$begun"
	done
	printf '%s\n' "${ids[@]}" >&"$go"
	wait $pressing
	exec {begun}<&- {go}<&-
	kill $tracer
	wait $tracer || :
	# The last one began when the first had been at it for ten milliseconds, and was believed to wait for something else.
	head -n "$n" "$BATS_TEST_TMPDIR/calls" | awk 'NR == 1 { first = $1 } { last = $1 } END { print last - first; exit last - first < 0.01 }'
}

@test "wait_hears_of_an_end_that_a_shim_records_and_lives_on" {
	local waiter
	"$CORACLE" wait --root "/run/coracle/containerd-$NS" "$ID" > "$BATS_TEST_TMPDIR/status" 3>&- &
	waiter=$!
	until grep -qs inotify "/proc/$waiter/fdinfo/"*; do sleep 0.01; done
	call Kill "1=$ID" 3:9 > /dev/null
	timeout 60 "$TOOLS/await" "$waiter"
	wait "$waiter"
	[ "$(cat "$BATS_TEST_TMPDIR/status")" = 137 ]
	[ -d "/proc/$SHIM" ]
}

@test "a_hook_that_takes_its_time_keeps_nobody_waiting" {
	waiting_bundle "$ID-a" createRuntime
	create "$ID-a" &
	local creating=$!
	read -r _ < "$BATS_TEST_TMPDIR/begun"
	live "$ID-b"
	run -1 call State "1=$ID-a"
	[[ "$output" == *"container $ID-a: not found"* ]]
	run -1 create "$ID-a"
	[[ "$output" == *"container $ID-a: already exists"* ]]
	kill -0 $creating
	echo > "$BATS_TEST_TMPDIR/go"
	wait $creating
	[ "$(status "$ID-a")" = 1 ]
	call Delete "1=$ID-a" > /dev/null
	assert_undone "$ID-a"
}

@test "a_container_is_killed_while_its_start_waits_for_a_hook" {
	waiting_bundle "$ID-a" poststart
	create "$ID-a"
	call Start "1=$ID-a" > /dev/null &
	local starting=$!
	read -r _ < "$BATS_TEST_TMPDIR/begun"
	live "$ID-b"
	run -1 call Start "1=$ID-a"
	[[ "$output" == *"cannot start a running process"* ]]
	call Kill "1=$ID-a" 3:9 > /dev/null
	call Wait "1=$ID-a" > /dev/null &
	local waiting=$!
	[ "$(status "$ID")" = 2 ]
	echo > "$BATS_TEST_TMPDIR/go"
	wait $starting
	wait $waiting
	[ "$(wait_for "$ID-a")" = 137 ]
	call Delete "1=$ID-a" > /dev/null
	assert_undone "$ID-a"
}

@test "pause_and_resume_of_many_are_done_in_their_order" {
	local lock i asked=() freezer
	exec {lock}< "/run/coracle/containerd-$NS/$ID"
	flock $lock # who pauses waits for it
	mkfifo "$BATS_TEST_TMPDIR/said"
	"$BATS_TEST_DIRNAME/peers" "$SOCKET" together "$ID" Pause Resume Pause Pause Resume Resume State \
		{lock}<&- > "$BATS_TEST_TMPDIR/said" &
	exec {i}< "$BATS_TEST_TMPDIR/said"
	read -r -u "$i" line
	[ "$line" = "State 0" ]
	exec {lock}<&-
	run -0 cat <&"$i"
	exec {i}<&-
	[ "$(paste -sd, <<< "$output")" = "Pause 0,Resume 0,Pause 0,Pause 9,Resume 0,Resume 9" ]
	[ "$(status "$ID")" = 2 ]
	# And of two clients at once each is answered, and what is told is so.
	for i in {1..2}; do
		"$BATS_TEST_DIRNAME/peers" "$SOCKET" together "$ID" Pause Resume Pause Resume Pause Resume Pause > "$BATS_TEST_TMPDIR/$i" &
		asked+=($!)
	done
	wait "${asked[@]}"
	[ "$(grep -c "^[PR][a-z]* [09]$" "$BATS_TEST_TMPDIR/1")" = 7 ]
	[ "$(grep -c "^[PR][a-z]* [09]$" "$BATS_TEST_TMPDIR/2")" = 7 ]
	freezer=$("$CORACLE" runtime --root "/run/coracle/containerd-$NS" state "$ID" | jq -r .status)
	[ "$(status "$ID") $freezer" = "4 paused" ]
}

@test "a_container_that_is_deleted_while_it_is_made_is_undone" {
	waiting_bundle "$ID-a" createRuntime
	create "$ID-a" > "$BATS_TEST_TMPDIR/created" 2>&1 &
	local creating=$!
	read -r _ < "$BATS_TEST_TMPDIR/begun"
	run -1 call Delete "1=$ID-a"
	[[ "$output" == *"container $ID-a: not found"* ]]
	wait $creating && return 1
	grep -q "it was stopped half way" "$BATS_TEST_TMPDIR/created"
	# Its id is free as soon as all is undone.
	bundle "$ID-a" . sleep 1000
	until run create "$ID-a" && [ "$status" = 0 ]; do
		[[ "$output" == *"already exists"* ]]
	done
	call Delete "1=$ID-a" > /dev/null
	assert_undone "$ID-a"
}

@test "a_shim_that_is_killed_while_it_makes_a_container_takes_its_fork_with_it" {
	waiting_bundle "$ID-a" createRuntime
	create "$ID-a" > /dev/null 2>&1 &
	local creating=$! fork
	read -r _ < "$BATS_TEST_TMPDIR/begun"
	fork=$(pgrep -P "$SHIM" -nf -- "^containerd-shim-coracle-v2 -namespace $NS -id $ID ")
	kill -9 "$SHIM"
	await_end "$fork"
	wait $creating && return 1
	(cd "$BUNDLES/$ID-a" && "$BATS_FILE_TMPDIR/bin/containerd-shim-coracle-v2" -namespace "$NS" -id "$ID-a" \
		-address /nowhere -bundle "$PWD" delete > /dev/null)
	SHIM=
	rm "$SOCKET"
	assert_undone "$ID-a"
	"$CORACLE" cleanup --root "/run/coracle/containerd-$NS" "$ID" > /dev/null
}

@test "a_shim_that_is_told_to_shut_down_while_a_container_is_undone_goes_when_it_is" {
	call Kill "1=$ID" 3:9 > /dev/null
	wait_for "$ID" > /dev/null
	call Delete "1=$ID" > /dev/null
	waiting_bundle "$ID-a" createRuntime
	create "$ID-a" > /dev/null 2>&1 &
	read -r _ < "$BATS_TEST_TMPDIR/begun"
	run -1 call Delete "1=$ID-a"
	call Shutdown "1=$ID-a" > /dev/null
	await_end "$SHIM"
	SHIM=
	assert_undone "$ID-a"
}

@test "a_shim_that_is_told_to_shut_down_while_what_a_dead_fork_made_is_undone_goes_when_it_is" {
	local fork
	call Kill "1=$ID" 3:9 > /dev/null
	wait_for "$ID" > /dev/null
	call Delete "1=$ID" > /dev/null
	waiting_bundle "$ID-a" createRuntime
	create "$ID-a" > /dev/null 2>&1 &
	read -r _ < "$BATS_TEST_TMPDIR/begun"
	fork=$(pgrep -P "$SHIM" -nf -- "^containerd-shim-coracle-v2 -namespace $NS -id $ID ")
	kill -STOP "$SHIM" # who is told at once what follows
	kill -9 "$fork"
	call Shutdown "1=$ID-a" > /dev/null &
	until [ "$(grep -cF "${SOCKET##*/}" /proc/net/unix)" = 3 ]; do # the listener, and two clients
		sleep 0.02
	done
	kill -CONT "$SHIM"
	await_end "$SHIM"
	SHIM=
	assert_undone "$ID-a"
}

@test "an_exec_that_has_ended_is_not_there_to_be_killed_with_all_of_it" {
	local signal
	call Exec "1=$ID" 2=e 7.2='{"args":["true"],"cwd":"/","user":{}}' > /dev/null
	call Start "1=$ID" 2=e > /dev/null
	[ "$(wait_for "$ID" 2=e)" = 0 ]
	for signal in 9 15; do
		run -1 call Kill "1=$ID" 2=e "3:$signal" 4:1
		[ "$output" = "error 5: process already finished: not found" ]
	done
}

# Who hears of a deletion may hang up.
@test "a_kill_is_answered_before_the_delete_that_its_end_brought" {
	local tracer
	# The fork that kills waits for the last to go, and is late to say so.
	strace -f -p "$SHIM" -o /dev/null -P "$(find /sys/fs/cgroup -path "*$ID*/cgroup.events")" \
		-e trace=poll -e inject=poll:delay_exit=1000000 2> /dev/null 3>&- &
	tracer=$!
	until grep -q "^TracerPid:.$tracer\$" "/proc/$SHIM/status"; do
		:
	done
	run -0 "$BATS_TEST_DIRNAME/peers" "$SOCKET" finish "$ID"
	[ "$output" = "Wait 0, Kill 0, Delete 0" ]
	kill $tracer
}

@test "options_in_a_fifo_keep_nobody_waiting" {
	bundle "$ID-a" . sleep 1000
	run -1 create "$ID-a" 10.1=runtimeoptions.v1.Options "10.2.2=$BATS_TEST_TMPDIR/go"
	[[ "$output" == *"$BATS_TEST_TMPDIR/go is not a regular file"* ]]
	[ "$(status "$ID")" = 2 ]
}

@test "what_a_shim_without_fds_cannot_take_over_does_not_run" {
	local logger=$BATS_TEST_TMPDIR/logger starting
	cat > "$logger" <<-END
		#!/bin/sh
		echo > "$BATS_TEST_TMPDIR/begun"
		read -r x < "$BATS_TEST_TMPDIR/go"
		exec 5>&-
		exec cat <&3 > /dev/null
	END
	chmod +x "$logger"
	call Exec "1=$ID" 2=e "5=binary://$logger" \
		7.2="{\"args\":[\"sleep\",\"${SHIM}00\"],\"cwd\":\"/\",\"user\":{}}" > /dev/null
	call Start "1=$ID" 2=e > "$BATS_TEST_TMPDIR/answer" 2>&1 &
	starting=$!
	read -r _ < "$BATS_TEST_TMPDIR/begun"
	prlimit --pid "$SHIM" --nofile=4:
	echo > "$BATS_TEST_TMPDIR/go"
	wait $starting && return 1
	cat "$BATS_TEST_TMPDIR/answer"
	prlimit --pid "$SHIM" --nofile=1024:
	[ "$(status "$ID")" = 2 ]
	run -1 pgrep -f "^sleep ${SHIM}00\$"
}

# The fork that the shim has.
fork_of_shim() {
	until pgrep -P "$SHIM" -f "^containerd-shim-coracle-v2 "; do
		:
	done
}

@test "an_end_whose_record_somebody_has_is_recorded_later_even_if_a_fork_dies_and_keeps_nobody_waiting" {
	local lock fork
	exec {lock}< "/run/coracle/containerd-$NS/$ID"
	flock $lock
	call Kill "1=$ID" 3:9 > /dev/null
	fork=$(fork_of_shim)
	kill -9 "$fork"
	await_end "$fork"
	call Connect "1=$ID" > /dev/null
	fork_of_shim > /dev/null # another one
	exec {lock}<&-
	[ "$(wait_for "$ID")" = 137 ]
	[ "$(tail -n 1 "/run/coracle/containerd-$NS/$ID/state.json" | jq .exitCode)" = 137 ]
}

@test "a_container_has_the_niceness_that_it_should_whatever_it_was_made_with" {
	local nice own filter
	own=$(ps -o ni= -p $$)
	for nice in "" 5 7; do # 5: what the shim makes it with
		filter=".hooks.createRuntime = [{ path: \"/bin/sh\", args: [\"sh\", \"-c\", \"ps -o ni= -p \$\$ > $BATS_TEST_TMPDIR/hook\"] }]"
		[ -z "$nice" ] || filter+=" | .process.scheduler = { policy: \"SCHED_OTHER\", nice: $nice }"
		bundle "$ID-a" "$filter" sleep 1000
		create "$ID-a"
		call Start "1=$ID-a" > /dev/null
		[ "$(ps -o ni= -p "$(pgrep -P "$SHIM" -n sleep)")" -eq "${nice:-$own}" ]
		[ "$(cat "$BATS_TEST_TMPDIR/hook")" -eq "$own" ]
		call Kill "1=$ID-a" 3:9 > /dev/null
		wait_for "$ID-a" > /dev/null
		call Delete "1=$ID-a" > /dev/null
	done
}

@test "words_of_a_hook_without_end_are_cut_to_a_line" {
	bundle "$ID-a" '.hooks.createRuntime = [{ path: "/bin/sh", args: ["sh", "-c",
		"head -c 300000 /dev/zero | tr \"\\\\0\" x >&2; echo the end >&2; exit 3"] }]' sleep 1000
	run -1 create "$ID-a"
	echo "$output"
	[[ "$output" == *"createRuntime hook #0: hook /bin/sh failed: exit status 3: xxx"*"xxxthe end"* ]]
	[ ${#output} -lt 1100 ]
	assert_undone "$ID-a"
}

@test "a_client_that_asks_twenty_thousand_times_keeps_nobody_waiting_and_hears_all" {
	run -0 perl -MIO::Socket::UNIX -MIO::Select -e '
		my ($path, $id, $n) = @ARGV;
		my $body = "\n\x17containerd.task.v2.Task\x12\x05State\x1a" . chr(2 + length $id) . "\n" . chr(length $id) . $id;
		sub ask { print {$_[0]} pack("NNCC", length $body, $_[1], 1, 0), $body; }
		sub hear {
			read($_[0], my $header, 10) == 10 or die "no answer to $_[1]";
			my ($size, $stream) = unpack "NN", $header;
			$stream == $_[1] or die "$stream instead of $_[1]";
			read($_[0], my $answer, $size) == $size or die;
		}
		my ($s, $t) = map { IO::Socket::UNIX->new(Peer => $path) or die } 1, 2;
		my $writer = fork // die;
		unless ($writer) { # more than goes into all buffers
			ask $s, 2 * $_ - 1 for 1 .. $n;
			$s->flush;
			exit 0;
		}
		IO::Select->new($s)->can_read;
		ask $t, 1;
		$t->flush;
		hear $t, 1;
		hear $s, 2 * $_ - 1 for 1 .. $n;
		waitpid $writer, 0;
		print "all"' "$SOCKET" "$ID" 20000
	[ "$output" = all ]
}
