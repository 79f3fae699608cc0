#!/usr/bin/env bats
# 34-streams.bats - the standard streams of a shim's processes, whoever comes and goes at their other ends.
# shellcheck disable=SC2030,SC2031 # each test is a shell

load helper
load lone

setup_file() {
	shim_setup
}

setup() {
	[ "$(id -u)" = 0 ] || skip "needs root"
	BUNDLES=$BATS_TEST_TMPDIR/bundles
	ID=$(cid io)
	T=$BATS_TEST_TMPDIR
	mkfifo "$T/in" "$T/out" "$T/err"
}

teardown() {
	shim_end
	[ -z "${WRITER:-}" ] || exec {WRITER}>&-
}

# task FILTER STREAMS COMMAND...: a shim with a created container; STREAMS are fields of Create.
task() {
	local streams=$2 filter=$1
	shift 2
	bundle "$ID" "$filter" "$@"
	shim_start "$ID"
	# shellcheck disable=SC2086 # they are many
	create "$ID" $streams
}

start() {
	call Start "1=$ID" > /dev/null
}

end_input() {
	call CloseIO "1=$ID" 3:1 > /dev/null
}

# The shim's own processor time, in hundredths of a second.
ticks() {
	local line
	read -r line < "/proc/$SHIM/stat"
	# shellcheck disable=SC2086
	set -- ${line##*) }
	echo $((${12} + ${13}))
}

@test "input_that_was_written_and_left_before_the_start_is_read_and_ends" {
	task . "5=$T/in 6=$T/out" cat
	cat "$T/out" > "$T/got" &
	local reader=$!
	echo one > "$T/in"
	end_input
	start
	wait $reader
	[ "$(cat "$T/got")" = one ]
	[ "$(wait_for "$ID")" = 0 ]
}

@test "input_that_is_closed_before_its_writer_comes_is_what_he_writes_then" {
	task . "5=$T/in 6=$T/out" cat
	cat "$T/out" > "$T/got" &
	local reader=$!
	exec {WRITER}> "$T/in"
	end_input
	start
	echo two >&"$WRITER"
	exec {WRITER}>&-
	WRITER=
	wait $reader
	[ "$(cat "$T/got")" = two ]
	[ "$(wait_for "$ID")" = 0 ]
}

@test "input_ends_with_its_last_writer_who_tells_nothing" {
	task . "5=$T/in 6=$T/out" cat
	cat "$T/out" > "$T/got" &
	local reader=$!
	exec {WRITER}> "$T/in"
	start
	echo a >&"$WRITER"
	echo b > "$T/in"
	[ "$(status "$ID")" = 2 ]
	exec {WRITER}>&-
	WRITER=
	wait $reader
	[ "$(cat "$T/got")" = $'a\nb' ]
	[ "$(wait_for "$ID")" = 0 ]
}

# on_input EXEC: cat is about to run, as init or (2=ID) as an exec of one, and reads $T/in, which nobody has opened yet. What it
# says is in $T/got, when READER has ended.
on_input() {
	if [ -z "$1" ]; then
		task . "5=$T/in 6=$T/out" cat
	else
		task . "" sleep 1000
		start
		call Exec "1=$ID" "$1" "4=$T/in" "5=$T/out" 7.2='{"args":["cat"],"cwd":"/","user":{}}' > /dev/null
	fi
	cat "$T/out" > "$T/got" &
	READER=$!
}

# reads: once cat waits for input.
reads() {
	local pid=
	until [[ $(cat "/proc/$pid/syscall" 2> /dev/null) =~ ^(0|63)\ 0x0\  ]]; do # read
		pid=$(pgrep -P "$SHIM" -x cat) && [ "$(cut -d ' ' -f 3 "/proc/$pid/stat")" != Z ] || return
	done
}

# got EXEC TEXT: cat has ended, and said that.
got() {
	wait "$READER"
	[ "$(cat "$T/got")" = "$2" ]
	[ "$(wait_for "$ID" ${1:+"$1"})" = 0 ]
	shim_end
}

# tampered INJECTION COMMAND...: while the shim's calls are answered so by strace, whose output is in $T/calls. FOLLOW: its
# children's, too.
tampered() {
	local status=0 tracer
	strace ${FOLLOW:+-f} -qq -o "$T/calls" -p "$SHIM" -e "trace=${1%%:*}" -e "inject=$1" 3>&- &
	tracer=$!
	# Both wait: whatever the shim calls from now on is seen.
	until grep -q $'^TracerPid:\t[1-9]' "/proc/$SHIM/status" &&
		[[ $(cut -d ' ' -f 1 "/proc/$tracer/syscall") =~ ^(61|260)$ ]] && # wait4
		[ "$(cut -d ' ' -f 3 "/proc/$SHIM/stat")" = S ]; do
		sleep 0.01
	done
	"${@:2}" || status=$?
	kill $tracer
	wait $tracer || :
	return $status
}

# begin [EXEC]: starts it, and BEGAN says when that was.
begin() {
	call Start "1=$ID" ${1:+"$1"} > /dev/null
	BEGAN=$(date +%s%N)
}

@test "input_does_not_end_before_a_writer_has_come_who_comes_after_the_start" {
	local exec second
	for exec in "" 2=e; do
		on_input "$exec"
		call Start "1=$ID" ${exec:+"$exec"} > /dev/null
		kill -STOP "$SHIM" # so that whoever comes now has come within a second
		reads
		exec {WRITER}<> "$T/in"
		exec {second}> "$T/in"
		echo a >&"$WRITER"
		exec {WRITER}>&-
		WRITER=
		kill -CONT "$SHIM"
		call State "1=$ID" > /dev/null
		reads
		echo b >&"$second"
		exec {second}>&-
		got "$exec" $'a\nb'
	done
}

@test "input_ends_at_once_with_a_writer_who_came_after_the_start_and_when_it_is_closed_before_one_has_come" {
	local exec how began
	for exec in "" 2=e; do
		for how in "" 3:1; do
			# Nobody is waited for longer than a second: here it was less, in one of some tries.
			until [ "${began:+$(($(date +%s%N) - began < 1000000000))}" = 1 ]; do
				[ -z "$began" ] || shim_end
				on_input "$exec"
				began=$(date +%s%N)
				call Start "1=$ID" ${exec:+"$exec"} > /dev/null
				reads
				if [ -n "$how" ]; then
					call CloseIO "1=$ID" ${exec:+"$exec"} "$how" > /dev/null
				else
					echo a 1<> "$T/in"
				fi
				wait "$READER"
			done
			got "$exec" "$([ -n "$how" ] || echo a)"
			began=
		done
	done
}

@test "input_ends_at_once_with_a_writer_who_came_and_went_during_the_start" {
	local began
	printf '#!/bin/sh\necho a > %s\n' "$T/in" > "$T/hook"
	chmod +x "$T/hook"
	# As above.
	until [ "${began:+$(($(date +%s%N) - began < 1000000000))}" = 1 ]; do
		[ -z "$began" ] || shim_end
		task '.hooks.poststart = [{"path": "'"$T/hook"'"}]' "5=$T/in 6=$T/out" cat
		cat "$T/out" > "$T/got" &
		READER=$!
		began=$(date +%s%N)
		start
		wait "$READER"
	done
	got "" a
}

@test "input_ends_at_once_with_a_writer_who_came_and_went_just_before_he_was_watched_for" {
	local BEGAN=
	# As above.
	until [ "${BEGAN:+$(($(date +%s%N) - BEGAN < 500000000))}" = 1 ]; do
		[ -z "$BEGAN" ] || shim_end
		on_input ""
		(until [[ $(cat "/proc/$SHIM/syscall") =~ ^(280|88)\  ]]; do :; done; echo a > "$T/in") & # utimensat
		tampered utimensat:delay_enter=500000 begin
		wait "$READER"
	done
	got "" a
}

@test "input_ends_though_its_writer_has_gone_before_anybody_could_see_him" {
	local exec
	for exec in "" 2=e; do
		: <> "$T/in"
		on_input "$exec"
		call Start "1=$ID" ${exec:+"$exec"} > /dev/null
		got "$exec" ""
	done
}

@test "input_ends_at_once_where_it_cannot_be_seen_whether_somebody_has_written" {
	local exec BEGAN=
	for exec in "" 2=e; do
		# As above.
		until [ "${BEGAN:+$(($(date +%s%N) - BEGAN < 1000000000))}" = 1 ]; do
			[ -z "$BEGAN" ] || shim_end
			on_input "$exec"
			FOLLOW=1 tampered utimensat:error=EPERM begin "$exec"
			grep -q "INJ" "$T/calls"
			wait "$READER"
		done
		got "$exec" ""
		BEGAN=
	done
}

@test "input_does_not_end_when_somebody_has_written_to_another_ones" {
	local exec began
	mkfifo "$T/in2"
	# As above.
	until [ "${began:+$(($(date +%s%N) - began < 1000000000))}" = 1 ]; do
		[ -z "$began" ] || shim_end
		on_input 2=e
		call Exec "1=$ID" 2=f "4=$T/in2" 7.2='{"args":["cat"],"cwd":"/","user":{}}' > /dev/null
		began=$(date +%s%N)
		call Start "1=$ID" 2=f > /dev/null
		call Start "1=$ID" 2=e > /dev/null
		echo a > "$T/in2"
		[ "$(wait_for "$ID" 2=f)" = 0 ]
		echo b > "$T/in"
		wait "$READER"
	done
	got 2=e b
}

@test "input_of_a_kubelets_container_outlives_its_writers_and_ends_when_it_is_closed" {
	task '.annotations["io.kubernetes.cri.container-type"] = "container"' "5=$T/in 6=$T/out" cat
	cat "$T/out" > "$T/got" &
	local reader=$!
	exec {WRITER}> "$T/in"
	start
	echo a >&"$WRITER"
	exec {WRITER}>&-
	WRITER=
	echo b > "$T/in"
	[ "$(status "$ID")" = 2 ]
	echo c > "$T/in"
	end_input
	wait $reader
	[ "$(cat "$T/got")" = $'a\nb\nc' ]
	[ "$(wait_for "$ID")" = 0 ]
}

@test "input_of_an_exec_ends_whenever_it_is_closed" {
	task . "" sleep 1000
	start
	local i
	for i in 1 2 3 4; do
		call Exec "1=$ID" "2=e$i" "4=$T/in" "5=$T/out" 7.2='{"args":["cat"],"cwd":"/","user":{}}' > /dev/null
		cat "$T/out" > "$T/got" &
		local reader=$!
		exec {WRITER}<> "$T/in"
		case $i in
		1) # before it runs
			call CloseIO "1=$ID" "2=e$i" 3:1 > /dev/null
			call Start "1=$ID" "2=e$i" > /dev/null
			echo $i >&"$WRITER"
			exec {WRITER}>&-
			;;
		2) # after all has been written
			call Start "1=$ID" "2=e$i" > /dev/null
			echo $i >&"$WRITER"
			exec {WRITER}>&-
			call CloseIO "1=$ID" "2=e$i" 3:1 > /dev/null
			;;
		3) # before that
			call Start "1=$ID" "2=e$i" > /dev/null
			call CloseIO "1=$ID" "2=e$i" 3:1 > /dev/null
			echo $i >&"$WRITER"
			exec {WRITER}>&-
			;;
		4) # while it starts
			call Start "1=$ID" "2=e$i" > /dev/null &
			call CloseIO "1=$ID" "2=e$i" 3:1 > /dev/null
			echo $i >&"$WRITER"
			wait $!
			exec {WRITER}>&-
			;;
		esac
		WRITER=
		wait $reader
		[ "$(cat "$T/got")" = $i ]
		[ "$(wait_for "$ID" "2=e$i")" = 0 ]
	done
}

@test "what_is_no_fifo_is_said_to_be_none_and_leaves_nothing" {
	touch "$T/file"
	mkdir "$T/directory"
	ln -s out "$T/link"
	perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Local => shift, Listen => 1)' "$T/socket"
	bundle "$ID" . true
	shim_start "$ID"
	local kind field name
	for field in 5 6 7; do
		name=$(cut -d' ' -f$((field - 4)) <<< "stdin stdout stderr")
		for kind in "file: is a regular file" "directory: is a directory" "link: is a symbolic link" \
			"socket: is a socket" "none: No such file or directory"; do
			run -1 create "$ID" "$field=$T/${kind%%:*}"
			echo "$output"
			[[ "$output" == *"$name: "*"$T/${kind%%:*}"*"${kind#*: }"* ]]
			assert_undone "$ID"
		done
		run -1 create "$ID" "$field=ftp://example/x"
		[[ "$output" == *"$name: ftp://example/x: use a FIFO's path or fifo://"* ]]
	done
	[ ! -s "$T/file" ]
	run -1 create "$ID" "6=file://$T/link"
	[[ "$output" == *"is a symbolic link; name the file itself"* ]]
	run -1 create "$ID" "6=file://relative"
	[[ "$output" == *"with an absolute path"* ]]
	run -1 create "$ID" "6=file://$T/directory"
	[[ "$output" == *"Is a directory"* ]]
	assert_undone "$ID"
}

@test "output_goes_to_a_file_that_is_made_with_its_directories_and_appended_to" {
	mkdir "$T/dir"
	echo before > "$T/dir/a file"
	task . "6=file://$T/dir/a%20file?x=y" sh -c 'echo out; echo err >&2'
	start
	[ "$(wait_for "$ID")" = 0 ]
	[ "$(cat "$T/dir/a file")" = $'before\nout\nerr' ]
	call Delete "1=$ID" > /dev/null
	create "$ID" "6=file://$T/new/dir/file" "7=file://$T/new/dir2/file"
	start
	[ "$(wait_for "$ID")" = 0 ]
	[ "$(cat "$T/new/dir/file")" = out ]
	[ "$(cat "$T/new/dir2/file")" = err ]
}

@test "a_reader_that_comes_back_finds_all_that_was_written_meanwhile" {
	task . "6=$T/out" seq 1 100000
	start
	local n=0
	# A reader at a time: each takes some thousand bytes, and goes.
	while [ $n -lt 20 ]; do
		head -c 3001 "$T/out" >> "$T/got"
		n=$((n + 1))
	done
	[ "$(status "$ID")" = 2 ] # it waits for the next one
	cat "$T/out" >> "$T/got"
	[ "$(wait_for "$ID")" = 0 ]
	seq 1 100000 | cmp - "$T/got"
}

@test "without_a_reader_output_is_dropped_and_counted_where_that_is_wanted" {
	task '.annotations["org.coracle.stdio"] = "drop"' "6=$T/out" seq 1 100000
	start
	[ "$(wait_for "$ID")" = 0 ]
	local lost rest writer reader
	exec {writer}<> "$T/out"
	exec {reader}< "$T/out" # which would wait for a writer where there is no rest, and after the deletion
	exec {writer}>&-
	call Delete "1=$ID" > /dev/null
	cat <&"$reader" > "$T/rest"
	exec {reader}<&-
	lost=$(sed -n 's/.* \([0-9]*\) bytes of its stdout were dropped.*/\1/p' "$BUNDLES/$ID/log")
	rest=$(stat -c %s "$T/rest")
	echo "lost $lost, rest $rest"
	[ "$lost" -gt 500000 ]
	[ $((lost + rest)) = "$(seq 1 100000 | wc -c)" ]
}

@test "a_reader_that_comes_back_to_what_was_dropped_hears_the_rest_and_the_log_how_much_it_was" {
	task '.annotations["org.coracle.stdio"] = "drop"' "5=$T/in 6=$T/out" cat
	exec {WRITER}> "$T/in"
	start
	echo first >&"$WRITER"
	[ "$(head -c 6 "$T/out")" = first ]
	head -c 1000000 /dev/zero >&"$WRITER" # which cat takes, since it does not wait
	cat "$T/out" > "$T/rest" {WRITER}>&- &
	local reader=$!
	# Whoever reads what is there is noticed when more is written; before he comes that is dropped, too.
	local written=1000000
	until grep -q "bytes of its stdout were dropped" "$BUNDLES/$ID/log"; do
		echo more >&"$WRITER"
		written=$((written + 5))
	done
	echo last >&"$WRITER"
	exec {WRITER}>&-
	WRITER=
	end_input
	wait $reader
	[ "$(wait_for "$ID")" = 0 ]
	[ "$(tail -n 1 "$T/rest")" = last ]
	local lost
	lost=$(sed -n 's/.* \([0-9]*\) bytes of its stdout were dropped.*/\1/p' "$BUNDLES/$ID/log")
	[ $((lost + $(stat -c %s "$T/rest"))) = $((written + 5)) ]
}

@test "a_slow_reader_loses_nothing_even_where_output_may_be_dropped" {
	task '.annotations["org.coracle.stdio"] = "drop"' "6=$T/out" seq 1 60000
	cat "$T/out" > "$T/got" &
	local reader=$!
	start
	[ "$(wait_for "$ID")" = 0 ]
	call Delete "1=$ID" > /dev/null
	wait $reader
	seq 1 60000 | cmp - "$T/got"
	[ ! -s "$BUNDLES/$ID/log" ]
}

@test "an_unknown_policy_is_refused" {
	bundle "$ID" '.annotations["org.coracle.stdio"] = "perhaps"' true
	shim_start "$ID"
	run -1 create "$ID"
	[[ "$output" == *"annotation org.coracle.stdio: perhaps: use block or drop"* ]]
	assert_undone "$ID"
}

@test "a_gibibyte_goes_out_without_the_shim" {
	task . "6=$T/out" dd if=/dev/zero bs=1M count=1024
	cat "$T/out" > /dev/null &
	local before
	before=$(ticks)
	start
	[ "$(wait_for "$ID")" = 0 ]
	echo "$(($(ticks) - before)) hundredths of a second"
	[ $(($(ticks) - before)) -le 10 ] # a tenth of what reading it would take
}

@test "children_that_keep_the_output_open_keep_nobody_waiting_for_the_end" {
	task . "6=$T/out" sh -c 'sleep 1000 & echo init'
	cat "$T/out" > "$T/got" &
	local reader=$!
	start
	[ "$(wait_for "$ID")" = 0 ]
	call Delete "1=$ID" > /dev/null
	wait $reader
	[ "$(cat "$T/got")" = init ]
	# In the host's pid namespace they would live on.
	bundle "$ID" '.linux.namespaces |= map(select(.type != "pid"))' sh -c 'sleep 1000 & echo init'
	create "$ID" "6=$T/out"
	cat "$T/out" > "$T/got" &
	reader=$!
	start
	[ "$(wait_for "$ID")" = 0 ]
	call Delete "1=$ID" > /dev/null
	wait $reader
	[ "$(cat "$T/got")" = init ]
	assert_undone "$ID"
	bundle "$ID" . sleep 1000
	create "$ID"
	start
	call Exec "1=$ID" 2=e "5=$T/out" 7.2='{"args":["sh","-c","sleep 1000 & echo exec"],"cwd":"/","user":{}}' > /dev/null
	head -n 1 "$T/out" > "$T/got" &
	reader=$!
	call Start "1=$ID" 2=e > /dev/null
	[ "$(wait_for "$ID" 2=e)" = 0 ]
	wait $reader
	[ "$(cat "$T/got")" = exec ]
}

# exec_ NAME COMMAND [FIELD...]: of a shell, started; its output goes to $T/out.
exec_() {
	call Exec "1=$ID" "2=$1" "5=$T/out" "${@:3}" \
		7.2="$(jq -nc --arg command "$2" '{args: ["sh", "-c", $command], cwd: "/", user: {}, env: ["PATH=/bin"]}')" > /dev/null
	call Start "1=$ID" "2=$1" > /dev/null
}

# whole NAME COMMAND [FIELD...]: such an exec, read until its output ends, waited for and deleted.
whole() {
	cat "$T/out" > "$T/got" &
	local reader=$!
	exec_ "$@"
	[ "$(wait_for "$ID" "2=$1")" = 0 ]
	call Delete "1=$ID" "2=$1" > /dev/null
	wait $reader
}

@test "what_an_exec_leaves_holds_up_its_deletion_for_ten_seconds_and_then_no_reader_any_more" {
	task . "" sleep 1000
	start
	whole e1 '(sleep 1; echo left) & echo exec'
	[ "$(cat "$T/got")" = $'exec\nleft' ]
	whole e2 'sleep 1000 & echo exec'
	[ "$(cat "$T/got")" = exec ]
	run -1 call State "1=$ID" 2=e2
	# The container's end ends that, too.
	cat "$T/out" > "$T/got" &
	local reader=$!
	exec_ e3 'sleep 1000 & echo exec'
	[ "$(wait_for "$ID" 2=e3)" = 0 ]
	call Delete "1=$ID" 2=e3 > /dev/null &
	local deleting=$!
	call Kill "1=$ID" 3:9 > /dev/null
	wait_for "$ID" > /dev/null
	call Delete "1=$ID" > /dev/null
	wait $reader
	[ "$(cat "$T/got")" = exec ]
	wait $deleting
}

@test "where_output_may_be_dropped_what_an_exec_leaves_holds_up_no_reader_either_and_a_reader_loses_nothing" {
	task '.annotations["org.coracle.stdio"] = "drop"' "" sleep 1000
	start
	whole e1 'sleep 1000 & echo exec'
	[ "$(cat "$T/got")" = exec ]
	whole e2 'seq 1 60000'
	seq 1 60000 | cmp - "$T/got"
	[ ! -s "$BUNDLES/$ID/log" ]
}

@test "an_execs_output_is_all_there_in_its_order_whenever_it_is_read" {
	task . "" sleep 1000
	start
	whole e1 'seq 1 1000000'
	seq 1 1000000 | cmp - "$T/got"
	# More than the FIFO takes, and a reader who comes after the end.
	exec_ e2 'seq 1 20000'
	[ "$(wait_for "$ID" 2=e2)" = 0 ]
	cat "$T/out" > "$T/got" &
	local reader=$!
	call Delete "1=$ID" 2=e2 > /dev/null
	wait $reader
	seq 1 20000 | cmp - "$T/got"
	# Both in one.
	whole e3 'for i in $(seq 1000); do echo $i; echo $i >&2; done' "6=$T/out"
	seq 1 1000 | sed p | cmp - "$T/got"
}

@test "an_execs_reader_who_comes_late_is_waited_for_and_hears_its_end" {
	local terminal starting
	task . "" sleep 1000
	start
	for terminal in 0 1; do
		call Exec "1=$ID" "2=e$terminal" "3:$terminal" "5=$T/out" 7.2='{"args":["true"],"cwd":"/","user":{}}' > /dev/null
		call Start "1=$ID" "2=e$terminal" > /dev/null &
		starting=$!
		# Either it waits in open, or it does not, and has ended before he comes.
		until grep -qsE "^(2|257) " "/proc/$(pgrep -P "$SHIM" -f "^containerd-shim")/syscall"; do
			kill -0 $starting 2> /dev/null || { wait_for "$ID" "2=e$terminal"; break; }
		done
		run -0 timeout 10 cat "$T/out"
		wait $starting
		[ "$(wait_for "$ID" "2=e$terminal")" = 0 ]
		call Delete "1=$ID" "2=e$terminal" > /dev/null
	done
}

@test "readers_of_an_exec_who_do_not_come_are_waited_for_three_seconds_in_all" {
	local began
	task . "" sleep 1000
	start
	call Exec "1=$ID" 2=e "5=$T/out" "6=$T/err" 7.2='{"args":["true"],"cwd":"/","user":{}}' > /dev/null
	began=$(date +%s%N)
	call Start "1=$ID" 2=e > /dev/null
	[ $(($(date +%s%N) - began)) -lt 6000000000 ] # three for each
	[ "$(wait_for "$ID" 2=e)" = 0 ]
}

@test "what_an_exec_writes_is_dropped_too_where_that_is_wanted" {
	task '.annotations["org.coracle.stdio"] = "drop"' "" sleep 1000
	start
	exec_ e1 'for i in $(seq 200000); do echo $i; done'
	[ "$(wait_for "$ID" 2=e1)" = 0 ]
	grep -q "bytes of its stdout were dropped" "$BUNDLES/$ID/log"
}

@test "a_terminal_is_resized_before_it_starts_and_read_by_one_after_the_other" {
	task '.process.terminal = true' "4:1 5=$T/in 6=$T/out" sh -c 'stty size; read a; echo got $a; read b; echo got $b'
	call ResizePty "1=$ID" 3:132 4:43 > /dev/null
	start
	exec {WRITER}> "$T/in"
	[ "$(head -n 1 "$T/out" | tr -d '\r')" = "43 132" ]
	echo one >&"$WRITER"
	[ "$(head -n 2 "$T/out" | tr -d '\r')" = $'one\ngot one' ]
	exec {WRITER}>&-
	exec {WRITER}> "$T/in"
	echo two >&"$WRITER"
	[ "$(tr -d '\r' < "$T/out")" = $'two\ngot two' ]
	[ "$(wait_for "$ID")" = 0 ]
}

@test "ten_megabytes_go_through_a_terminal_whose_reader_pauses" {
	task '.process.terminal = true' "4:1 6=$T/out" sh -c 'stty raw; seq 1 1400000 | cat'
	start
	{
		head -c 100000
		# Nobody reads until the shim has nothing more to do.
		local before=0 now
		while now=$(ticks) && [ "$now" != "$before" ]; do
			before=$now
			sleep 0.1
		done
		cat
	} < "$T/out" > "$T/got"
	[ "$(wait_for "$ID")" = 0 ]
	seq 1 1400000 | cmp - "$T/got"
}

@test "output_that_a_full_disk_does_not_take_stops_nobody_and_is_counted" {
	task '.process.terminal = true' "4:1 6=file:///dev/full" sh -c 'stty raw; seq 1 10000'
	start
	[ "$(wait_for "$ID")" = 0 ]
	grep -q "container $ID: $(seq 1 10000 | wc -c) bytes of its terminal's output were lost: No space left on device" "$BUNDLES/$ID/log"
}

@test "a_log_fifo_that_nobody_reads_is_waited_for_by_nobody" {
	bundle "$ID" . true
	mkfifo "$BUNDLES/$ID/log"
	shim_start "$ID"
	create "$ID"
	start
	[ "$(wait_for "$ID")" = 0 ]
	# Who comes to read it does not wait in open either.
	: < "$BUNDLES/$ID/log"
}

# logger NAME: a program that runs what is on stdin, with what it logs in the file logged.
logger() {
	{
		echo "#!/bin/bash"
		echo "cd $T"
		cat
	} > "$T/$1"
	chmod +x "$T/$1"
}

@test "a_logger_of_the_second_kind_must_say_that_it_is_ready" {
	logger silent <<< 'exec 5>&-; cat <&3 > logged'
	logger dies <<< 'exit 3'
	logger good <<< 'printf x >&5; exec 5>&-; echo "$CONTAINER_NAMESPACE $CONTAINER_ID $# $1 $2 $3 $4" > logged; cat <&3 >> logged; cat <&4 >> logged; echo > done'
	bundle "$ID" . sh -c 'echo out; echo err >&2'
	shim_start "$ID"
	local name
	for name in silent dies; do
		run -1 create "$ID" "6=binary-v2://$T/$name"
		[[ "$output" == *"logger $T/$name: it closed fd 5, or ended, without writing a byte there"* ]]
		assert_undone "$ID"
	done
	mkfifo "$T/done"
	create "$ID" "6=binary-v2://$T/good?&a=b+c&&d"
	start
	[ "$(wait_for "$ID")" = 0 ]
	read -r _ < "$T/done"
	[ "$(cat "$T/logged")" = "$NS $ID 4 a b c d "$'\nout\nerr' ]
}

@test "an_execs_logger_is_told_the_execs_id" {
	local terminal
	logger tells <<< 'exec 5>&-; echo "$CONTAINER_NAMESPACE $CONTAINER_ID" > logged; cat <&3 >> logged; echo > done'
	mkfifo "$T/done"
	task . "" sleep 1000
	start
	for terminal in 0 1; do
		call Exec "1=$ID" "2=e$terminal" "3:$terminal" "5=binary://$T/tells" \
			7.2='{"args":["echo","out"],"cwd":"/","user":{}}' > /dev/null
		call Start "1=$ID" "2=e$terminal" > /dev/null
		[ "$(wait_for "$ID" "2=e$terminal")" = 0 ]
		call Delete "1=$ID" "2=e$terminal" > /dev/null
		read -r _ < "$T/done"
		[ "$(tr -d '\r' < "$T/logged")" = "$NS e$terminal"$'\nout' ]
	done
}

@test "a_logger_makes_no_way_for_others" {
	logger stays <<< 'ps -o ni= -p $$ > nice; exec 5>&-; exec cat <&3'
	task . "6=binary://$T/stays" true
	[ "$(($(cat "$T/nice")))" -eq "$(ps -o ni= -p $$)" ]
	start
	[ "$(wait_for "$ID")" = 0 ]
	call Delete "1=$ID" > /dev/null
}

@test "a_logger_that_dies_stops_nobody" {
	logger dies <<< 'exec 5>&-; read -r line <&3; echo "$line" > logged'
	task . "6=binary://$T/dies" seq 1 200000
	start
	[ "$(wait_for "$ID")" = 0 ]
	[ "$(cat "$T/logged")" = 1 ]
	grep -q "container $ID: its logger ended before it; what it writes is dropped" "$BUNDLES/$ID/log"
	grep -q "bytes of its stdout were dropped, which nobody read" "$BUNDLES/$ID/log"
}

@test "a_logger_of_an_exec_that_does_not_come_to_be_is_not_kept" {
	local n failed=0
	logger stays <<< 'echo $$ > pid; exec 5>&-; exec sleep 1000'
	task . "" sleep 1000
	start
	for n in {3..8}; do # the first calls of that name are for the client and the fork
		rm -f "$T/pid"
		call Exec "1=$ID" "2=e$n" "5=binary://$T/stays" 7.2='{"args":["true"],"cwd":"/","user":{}}' > /dev/null
		run tampered "epoll_ctl:error=ENOSPC:when=$n" call Start "1=$ID" "2=e$n"
		echo "$n: $output $(grep INJ "$T/calls")"
		if [ "$status" != 0 ] && [ -e "$T/pid" ]; then
			failed=$((failed + 1))
			await_end "$(cat "$T/pid")"
		elif [ -e "$T/pid" ]; then
			kill "$(cat "$T/pid")" # it stays for as long as its shim
		fi
	done
	[ $failed -ge 3 ] # its own fd, its timer, and the exec's
}

@test "a_logger_that_does_not_end_is_told_to_and_the_shim_waits_for_it" {
	logger stays <<< 'trap "echo told > logged; kill \$!; exit" TERM; exec 5>&-; while :; do sleep 1000 & wait $!; done'
	task . "6=binary://$T/stays" true
	start
	[ "$(wait_for "$ID")" = 0 ]
	call Delete "1=$ID" > /dev/null
	call Shutdown "1=$ID" > /dev/null
	await_end "$SHIM"
	SHIM=
	[ "$(cat "$T/logged")" = told ]
}

@test "a_logger_that_is_never_ready_is_given_up_after_ten_seconds_and_keeps_nobody_waiting" {
	local creating fork
	logger hangs <<< 'echo $$ > pid; echo > begun; exec sleep 1000'
	mkfifo "$T/begun"
	bundle "$ID" . true
	shim_start "$ID"
	create "$ID" "6=binary://$T/hangs" > "$T/answer" 2>&1 &
	creating=$!
	read -r _ < "$T/begun"
	fork=$(ps -o ppid= -p "$(cat "$T/pid")" | tr -d ' ')
	kill -STOP "$fork" # its ten seconds may not be over before another one has lived
	bundle "$ID-b" . true
	create "$ID-b"
	call Start "1=$ID-b" > /dev/null
	[ "$(wait_for "$ID-b")" = 0 ]
	call Delete "1=$ID-b" > /dev/null
	kill -0 $creating
	kill -CONT "$fork"
	wait $creating && return 1
	[[ "$(cat "$T/answer")" == *"logger $T/hangs: not ready after 10 seconds"* ]]
	assert_undone "$ID"
}

@test "a_logger_goes_with_the_process_that_was_starting_it" {
	local creating fork
	logger hangs <<< 'echo $$ > pid; echo > begun; exec sleep 1000'
	mkfifo "$T/begun"
	bundle "$ID" . true
	shim_start "$ID"
	create "$ID" "6=binary://$T/hangs" > "$T/answer" 2>&1 &
	creating=$!
	read -r _ < "$T/begun"
	fork=$(ps -o ppid= -p "$(cat "$T/pid")" | tr -d ' ')
	[ "$(ps -o ppid= -p "$fork" | tr -d ' ')" = "$SHIM" ]
	kill -9 "$fork"
	wait $creating && return 1
	grep -q "it was stopped half way" "$T/answer"
	await_end "$(cat "$T/pid")"
	assert_undone "$ID"
}

@test "nobody_at_the_other_ends_is_waited_for" {
	task . "5=$T/in 6=$T/out 7=$T/err" sh -c 'echo out; echo err >&2'
	start
	[ "$(wait_for "$ID")" = 0 ]
	[ "$(status "$ID")" = 3 ]
	# And still there is what it has said.
	[ "$(head -n 1 "$T/out")" = out ]
	[ "$(head -n 1 "$T/err")" = err ]
}
