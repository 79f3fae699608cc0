#!/usr/bin/env bats
# 00-runtime.bats - the OCI runtime: its verbs as runc has them, and everything a config.json can ask for.
# shellcheck disable=SC2016,SC2030,SC2031,SC2094 # what containers run is in single quotes; each test is a shell

load runtime

setup() { runtime_setup; }
teardown() { runtime_teardown; }

# --- the verbs, beside runc's ---------------------------------------------------------------------

@test "spec_is_runc_s" {
	local d=$BATS_TEST_TMPDIR
	mkdir "$d/ours" "$d/theirs"
	runc spec -b "$d/theirs"
	rt spec -b "$d/ours"
	# As newer ones write it: without capabilities that cannot be ambient, and of a newer specification.
	local newer='.ociVersion = "1.3.0" | del(.process.capabilities.ambient)'
	diff <(jq -S "$newer" "$d/theirs/config.json") <(jq -S . "$d/ours/config.json")
	rm "$d"/*/config.json
	runc spec --rootless -b "$d/theirs"
	(cd "$d/ours" && rt spec --rootless)
	diff <(jq -S "$newer" "$d/theirs/config.json") <(jq -S . "$d/ours/config.json")
	attempt rt spec -b "$d/ours"
	refused 1 "config.json exists"
}

@test "a_container_is_created_started_killed_deleted" {
	spec '.process.args = ["sh", "-c", "echo started; exec sleep 1000"]'
	create
	[ "$(state status)" = created ]
	[ ! -s "$BATS_TEST_TMPDIR/out" ]
	local pid
	pid=$(state pid)
	[ "$(rt ps -f json "$ID")" = "[$pid]" ]
	rt start "$ID"
	[ "$(state status)" = running ]
	[ "$(state pid)" = "$pid" ]
	rt kill "$ID" KILL
	await "$pid"
	[ "$(cat "$BATS_TEST_TMPDIR/out")" = started ]
	[ "$(state status)" = stopped ]
	[ "$(state pid)" = 0 ]
	rt delete "$ID"
	nothing_left
	attempt rt state "$ID"
	refused 1 "container does not exist" "$ID"
}

@test "state_and_list_print_what_runc_prints" {
	spec '.annotations = {"org.example.a": "b", "c": ""}'
	local d=$BATS_TEST_TMPDIR
	create_sleeper
	rc create -b "$B" "$ID-runc" < /dev/null > /dev/null 2>&1 3>&-
	for verb in "state $ID" "list -f json"; do
		# shellcheck disable=SC2086
		rt $verb | jq -S 'del(.. | .pid?, .created?)' > "$d/ours"
		# shellcheck disable=SC2086
		rc ${verb/$ID/$ID-runc} | jq -S 'del(.. | .pid?, .created?)' | sed "s/$ID-runc/$ID/" > "$d/theirs"
		diff "$d/theirs" "$d/ours"
	done
	rc delete --force "$ID-runc"
	rc create -b "$B" "$ID" < /dev/null > /dev/null 2>&1 3>&-
	rt list | sed -E "s/ [0-9]+ +created/ PID created/; s/20[0-9T:.-]+Z +/TIME /; s/CREATED +/CREATED /" > "$d/ours"
	rc list | sed -E "s/ [0-9]+ +created/ PID created/; s/20[0-9T:.-]+Z +/TIME /; s/CREATED +/CREATED /" > "$d/theirs"
	diff "$d/theirs" "$d/ours"
	[ "$(rt list -q)" = "$ID" ]
	[[ $(state created) =~ ^20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]+Z$ ]]
	end
	[ "$(rt list -q)" = "" ]
	echo > "$STATE/file" # is no container
	[ "$(rt list -q)" = "" ]
	[ "$(rt list -f json)" = null ]
	[ "$(rc --root "$d/none" list -f json)" = null ]
}

@test "options_are_spelt_in_all_the_ways_of_runc" {
	spec '.process.args = ["true"]'
	rt run -b "$B" "$ID"
	rt run -b="$B" "$ID"
	rt run --bundle "$B" "$ID"
	rt run --bundle="$B" "$ID"
	rt run -bundle "$B" "$ID"
	rt run -bundle="$B" "$ID"
	(cd "$B" && rt run "$ID")
	(cd / && rt run --no-pivot=false -b "${B#/}" "$ID")
	"$CORACLE" runtime -root="$STATE" --log "$BATS_TEST_TMPDIR/log" --log-format=json --systemd-cgroup=false run -b "$B" "$ID"
	nothing_left
}

@test "ids_may_hold_what_runc_allows" {
	spec '.process.args = ["true"]'
	local id
	for id in "$ID.a_b+c-D9" "$ID$(printf 'x%.0s' {1..150})"; do
		rt run -b "$B" "$id"
		rc run -b "$B" "$id"
	done
	nothing_left
}

@test "pid_file_holds_the_pid_alone" {
	create_sleeper --pid-file "$BATS_TEST_TMPDIR/pid"
	cmp "$BATS_TEST_TMPDIR/pid" <(printf %s "$(state pid)")
	rt start "$ID"
	(cd "$BATS_TEST_TMPDIR" && rt exec -d --pid-file pid2 "$ID" sleep 1000 < /dev/null > /dev/null 2>&1 3>&-)
	[ "$(tr '\0' ' ' < "/proc/$(cat "$BATS_TEST_TMPDIR/pid2")/cmdline")" = "sleep 1000 " ]
	end
	nothing_left
}

@test "run_ends_with_the_status_of_its_program" {
	run -0 inside 'exit 0'
	run -7 inside 'exit 7'
	run -255 inside 'exit 255'
	nothing_left
}

@test "a_signal_is_128_and_its_number" {
	local n
	for n in 9 6 11 15; do
		spec --argjson n "$n" '.process.args = ["sh", "-c", "kill -\($n) $$"] | .linux.namespaces |= map(select(.type != "pid"))'
		run -$((128 + n)) rt run -b "$B" "$ID"
	done
	nothing_left
}

@test "run_passes_signals_on" {
	mkfifo "$SYNC/ready"
	spec --arg d "$SYNC" '.mounts += [{destination: "/sync", source: $d, options: ["bind"]}]'
	spec '.process.args = ["sh", "-c", "trap \"exit 33\" TERM; echo > /sync/ready; while :; do sleep 0.01; done"]'
	"$CORACLE" runtime --root "$STATE" run -b "$B" "$ID" 3>&- &
	local caller=$!
	read -r < "$SYNC/ready"
	kill -TERM "$caller"
	local got=0
	wait "$caller" || got=$?
	[ "$got" = 33 ]
	nothing_left
}

@test "stdio_goes_through_pipes" {
	spec '.process.args = ["cat"]'
	head -c 5000000 /dev/urandom > "$BATS_TEST_TMPDIR/data"
	rt run -b "$B" "$ID" < "$BATS_TEST_TMPDIR/data" | cmp - "$BATS_TEST_TMPDIR/data"
	run --separate-stderr -0 inside 'echo to stderr >&2; echo to stdout'
	# shellcheck disable=SC2154
	[ "$output/$stderr" = "to stdout/to stderr" ]
	run -0 inside 'cat | wc -c' <<< "12345"
	[ "$output" = 6 ]
}

@test "run_detached_returns_and_keep_keeps" {
	spec '.process.args = ["sleep", "1000"]'
	rt run -d -b "$B" --pid-file "$BATS_TEST_TMPDIR/pid" "$ID" < /dev/null > /dev/null 2>&1 3>&-
	[ "$(state status)" = running ]
	[ "$(state pid)" = "$(cat "$BATS_TEST_TMPDIR/pid")" ]
	end
	spec '.process.args = ["true"]'
	rt run --keep -b "$B" "$ID"
	[ "$(state status)" = stopped ]
	rt delete "$ID"
	nothing_left
}

@test "kill_knows_all_spellings_of_signals" {
	create_sleeper
	rt start "$ID"
	local s pid
	pid=$(state pid)
	for s in 0 URG SIGURG sigurg 23 CONT; do
		rt kill "$ID" $s
	done
	rt kill "$ID" "" # TERM, as with runc, to which it is deaf
	[ "$(state status)" = running ]
	rt kill "$ID" SIGKILL
	await "$pid"
	end
	create_sleeper
	rt start "$ID"
	pid=$(state pid)
	rt kill --all "$ID" 9
	await "$pid"
	rt delete "$ID"
	nothing_left
}

@test "what_ends_a_process_ends_a_container_that_is_not_started" {
	local signal pid
	for signal in HUP INT QUIT TERM; do
		create_sleeper
		pid=$(state pid)
		rt kill "$ID" "$signal"
		await "$pid"
		[ "$(state status)" = stopped ]
		attempt rt start "$ID"
		[ "$status" = 1 ]
		rt delete "$ID"
	done
	nothing_left
	spec '.process.args = ["cat", "/proc/self/status"]'
	create
	pid=$(state pid)
	rt start "$ID"
	await "$pid"
	# Of those four it ignores and handles none; others may be ignored by who runs the tests.
	local ignored caught
	ignored=$(sed -n 's/^SigIgn:\t/0x/p' "$BATS_TEST_TMPDIR/out")
	caught=$(sed -n 's/^SigCgt:\t/0x/p' "$BATS_TEST_TMPDIR/out")
	[ $((ignored & 0x4007)) = 0 ]
	[ $((caught & 0x4007)) = 0 ]
	[ -n "$ignored" ]
}

# Of a program whose parent ignores HUP and USR2 the signals that it ignores itself: deaf COMMAND...
deaf() {
	local ignored
	ignored=$(sh -c 'trap "" HUP USR2; exec "$@"' - "$@" | sed -n 's/^SigIgn:\t/0x/p')
	echo $((ignored & 0x801))
}

@test "what_a_runtime_s_caller_ignores_its_program_does_not" {
	local rt=("$CORACLE" runtime --root "$STATE") pid
	[ "$(deaf cat /proc/self/status)" = $((0x801)) ]
	spec '.process.args = ["cat", "/proc/self/status"]'
	[ "$(deaf "${rt[@]}" run -b "$B" "$ID")" = 0 ]
	create_sleeper
	rt start "$ID"
	[ "$(deaf "${rt[@]}" exec "$ID" cat /proc/self/status)" = 0 ]
	end
	sh -c 'trap "" HUP USR2; exec "$@"' - "${rt[@]}" create -b "$B" "$ID" < /dev/null > "$BATS_TEST_TMPDIR/out" 2>&1
	pid=$(state pid)
	[ $(($(sed -n 's/^SigIgn:\t/0x/p' "/proc/$pid/status") & 0x801)) = 0 ]
	rt delete --force "$ID"
	nothing_left
}

@test "kill_of_a_container_without_pid_namespace_ends_all_of_it" {
	spec '.linux.namespaces |= map(select(.type != "pid")) | .process.args = ["sh", "-c", "sleep 1000 & sleep 1000 & wait"]'
	create
	rt start "$ID"
	local pids
	until [ "$(rt ps -f json "$ID" | jq length)" = 3 ]; do sleep 0.02; done
	pids=$(rt ps -f json "$ID" | jq .[])
	rt kill "$ID" KILL
	for pid in $pids; do await "$pid"; done
	rt delete "$ID"
	nothing_left
}

@test "kill_reaches_those_that_outlived_init" {
	spec '.linux.namespaces |= map(select(.type != "pid")) | .process.args = ["sh", "-c", "sleep 1000 & wait"]'
	create
	rt start "$ID"
	local rest init
	until [ "$(rt ps -f json "$ID" | jq length)" = 2 ]; do sleep 0.02; done
	init=$(state pid)
	rest=$(rt ps -f json "$ID" | jq ".[] | select(. != $init)")
	kill -9 "$init"
	await "$init"
	attempt rt kill "$ID" TERM
	refused 1 "container not running"
	rt kill "$ID" KILL
	await "$rest"
	attempt rt kill "$ID" KILL
	refused 1 "container not running"
	rt delete "$ID"
	nothing_left
}

@test "pause_stops_the_clock_of_all_and_resume_starts_it_again" {
	create_sleeper
	rt start "$ID"
	rt pause "$ID"
	[ "$(state status)" = paused ]
	[ "$(cat "/sys/fs/cgroup/freezer/coracle-$ID/freezer.state" "/sys/fs/cgroup/unified/coracle-$ID/cgroup.freeze" | grep -cE '^(FROZEN|1)$')" -ge 1 ]
	attempt rt exec "$ID" true
	refused 255 "paused" "--ignore-paused"
	attempt rt start "$ID"
	refused 1 "cannot start a container in the paused state"
	attempt rt pause "$ID"
	refused 1 "already paused"
	rt resume "$ID"
	[ "$(state status)" = running ]
	rt exec "$ID" true
	attempt rt resume "$ID"
	refused 1 "not paused"
	end
	nothing_left
}

@test "a_container_paused_before_its_start_is_still_to_be_started" {
	create_sleeper
	rt pause "$ID"
	[ "$(state status)" = paused ]
	rt resume "$ID"
	[ "$(state status)" = created ]
	rt start "$ID"
	[ "$(state status)" = running ]
	end
	nothing_left
}

@test "delete_force_ends_a_paused_and_a_created_container" {
	create_sleeper
	rt pause "$ID"
	end
	nothing_left
	create_sleeper
	rt delete -f "$ID"
	nothing_left
	rt delete --force "$ID"
}

# --- exec -----------------------------------------------------------------------------------------

@test "exec_is_in_the_namespaces_the_cgroup_and_the_root_of_init" {
	create_sleeper
	rt start "$ID"
	local pid ns
	pid=$(state pid)
	rt exec "$ID" sh -c 'for n in pid mnt net ipc uts; do readlink /proc/self/ns/$n; done' > "$BATS_TEST_TMPDIR/ns"
	readlink "/proc/$pid/ns/"{pid,mnt,net,ipc,uts} | diff - "$BATS_TEST_TMPDIR/ns"
	[ "$(rt exec "$ID" hostname)" = runc ]
	[[ $(rt exec "$ID" cat /proc/self/cgroup) == *"/coracle-$ID"* ]]
	[ "$(rt exec "$ID" cat /proc/self/cgroup)" = "$(cat "/proc/$pid/cgroup")" ]
	ns=$(rt exec "$ID" ls /)
	[[ $ns == *bin*proc* ]]
	end
}

@test "exec_ends_with_the_status_of_its_program" {
	create_sleeper
	rt start "$ID"
	run -0 rt exec "$ID" true
	run -42 rt exec "$ID" sh -c 'exit 42'
	run -137 rt exec "$ID" sh -c 'kill -9 $$'
	[ "$(rt exec "$ID" cat <<< "through a pipe")" = "through a pipe" ]
	attempt rt exec "$ID" nope
	refused 255 '"nope"' "not found" '$PATH'
	end
}

@test "exec_takes_user_cwd_env_groups_and_capabilities" {
	spec '.process.user.additionalGids = [5]'
	create_sleeper
	rt start "$ID"
	[ "$(rt exec -u 1000:2000 "$ID" id -u -n)" = worker ]
	[ "$(rt exec --user 1000:2000 -g 7 --additional-gids 8 "$ID" id -G)" = "2000 5 7 8" ]
	[ "$(rt exec --cwd /tmp -e A=b --env C=d "$ID" sh -c 'echo $PWD $A $C')" = "/tmp b d" ]
	[ "$(rt exec -u 1000 "$ID" sh -c 'echo $HOME')" = /tmp ]
	rt exec --cap CAP_SYS_TIME "$ID" grep Cap /proc/self/status | tr -d '\t' > "$BATS_TEST_TMPDIR/caps"
	diff "$BATS_TEST_TMPDIR/caps" - <<- EOF
		CapInh:0000000000000000
		CapPrm:0000000022000420
		CapEff:0000000022000420
		CapBnd:0000000022000420
		CapAmb:0000000000000000
	EOF
	[ "$(rt exec --no-new-privs "$ID" grep NoNewPrivs /proc/self/status)" = $'NoNewPrivs:\t1' ]
	end
}

@test "exec_takes_a_process_of_json" {
	create_sleeper
	rt start "$ID"
	jq '.process | .args = ["sh", "-c", "id -u; pwd; umask; ulimit -n"] | .user = {uid: 5, gid: 6, umask: 63}
		| .cwd = "/etc" | .rlimits = [{type: "RLIMIT_NOFILE", soft: 77, hard: 88}]' "$B/config.json" > "$BATS_TEST_TMPDIR/p"
	[ "$(rt exec --process "$BATS_TEST_TMPDIR/p" "$ID" | tr '\n' ' ')" = "5 /etc 0077 77 " ]
	end
}

@test "exec_has_of_the_container_what_its_process_does_not_say" {
	spec '.process += {oomScoreAdj: 321, rlimits: [{type: "RLIMIT_NOFILE", soft: 55, hard: 66}]}'
	create_sleeper
	rt start "$ID"
	echo '{"args": ["sh", "-c", "cat /proc/self/oom_score_adj; ulimit -n; grep CapEff /proc/self/status"], "cwd": "/"
		, "user": {"uid": 0, "gid": 0}, "env": ["PATH=/bin"]}' > "$BATS_TEST_TMPDIR/p"
	run -0 rt exec --process "$BATS_TEST_TMPDIR/p" "$ID"
	[ "$(echo "$output" | tr '\n\t' '  ')" = "321 55 CapEff: 0000000020000420 " ]
	jq '. + {oomScoreAdj: 400, capabilities: {}}' "$BATS_TEST_TMPDIR/p" > "$BATS_TEST_TMPDIR/q"
	run -0 rt exec --process "$BATS_TEST_TMPDIR/q" "$ID"
	[ "$(echo "$output" | tr '\n\t' '  ')" = "400 55 CapEff: 0000000000000000 " ]
	[ "$(rt exec -e TERM=given "$ID" env | grep ^TERM)" = TERM=given ]
	end
}

@test "debug_tells_the_steps_and_nothing_else_does" {
	local log=$BATS_TEST_TMPDIR/log step pid
	printf '#!/bin/sh\necho $$ > "%s"\n' "$BATS_TEST_TMPDIR/hook.pid" > "$BATS_TEST_TMPDIR/hook"
	chmod 755 "$BATS_TEST_TMPDIR/hook"
	spec --arg h "$BATS_TEST_TMPDIR/hook" '.process.args = ["sleep", "1000"] | .hooks = {createRuntime: [{path: $h}]}'
	rt --log "$log" --debug create -b "$B" "$ID" < /dev/null > /dev/null 2>&1 3>&-
	pid=$(state pid)
	rt --log "$log" --debug start "$ID"
	rt --log "$log" --log-level debug exec -d --pid-file "$BATS_TEST_TMPDIR/pid" "$ID" sleep 1000 < /dev/null > /dev/null 2>&1 3>&-
	rt --log "$log" --debug kill "$ID" KILL
	await "$pid"
	rt --log "$log" --debug delete "$ID"
	[ "$(grep -vcE '^time=.* level=(debug|info) msg=' "$log")" = 0 ]
	for step in "container $ID: bundle $B, root file system $ROOTFS" "container $ID: cgroup /sys/fs/cgroup/.*/coracle-$ID, of cgroupfs" \
		"container $ID: new namespaces:.* mount" "container $ID: init is process $pid" "container $ID: created" \
		"createRuntime hook #0, $BATS_TEST_TMPDIR/hook: process $(< "$BATS_TEST_TMPDIR/hook.pid"), [0-9]* ms" \
		"container $ID: process $pid has executed its program" \
		"exec in container $ID: process $(< "$BATS_TEST_TMPDIR/pid"), in the namespaces of process $pid" \
		"container $ID: signal 9 to process $pid" "container $ID: its processes have ended, its cgroups are removed"; do
		grep -q "msg=\".*$step" "$log" || { echo "no $step in:"; cat "$log"; return 1; }
	done
	: > "$log"
	spec 'del(.hooks) | .process.args = ["true"]'
	rt --log "$log" run -b "$B" "$ID"
	[ ! -s "$log" ]
	run -0 --separate-stderr rt --debug run -b "$B" "$ID"
	[[ $stderr == *"level=debug msg=\"container $ID: running"* ]]
}

@test "exec_gives_a_terminal" {
	create_sleeper
	rt start "$ID"
	run -0 "$TOOLS/console" "$BATS_TEST_TMPDIR/s" "$CORACLE" runtime --root "$STATE" exec -t \
		--console-socket "$BATS_TEST_TMPDIR/s" "$ID" sh -c 'tty; test -t 0 && test -t 1 && test -t 2 && echo all' < /dev/null
	[[ $output == *"/dev/pts/"*all* ]]
	end
}

# --- terminals and descriptors --------------------------------------------------------------------

@test "the_console_socket_gets_the_terminal_of_the_container" {
	spec '.process.terminal = true | .process.consoleSize = {width: 71, height: 17}
		| .process.args = ["sh", "-c", "stty size; tty; test -c /dev/console && echo console; read a; echo got $a; exit 3"]'
	run -0 "$TOOLS/console" "$BATS_TEST_TMPDIR/s" sh -c '
		"$1" runtime --root "$2" create -b "$3" --console-socket "$4" "$5" && "$1" runtime --root "$2" start "$5"' \
		sh "$CORACLE" "$STATE" "$B" "$BATS_TEST_TMPDIR/s" "$ID" <<< "typed"
	[[ $output == *"17 71"*"/dev/pts/0"*console*"got typed"* ]]
	end
	nothing_left
}

@test "run_is_the_terminal_of_its_container" {
	spec '.process.terminal = true | .process.args = ["sh", "-c", "stty size; test -t 2 && echo a terminal; exit 3"]'
	run -3 script -qec "stty rows 23 cols 45; $CORACLE runtime --root $STATE run -b $B $ID" /dev/null < /dev/null
	[[ $output == *$'23 45\r'*$'a terminal\r'* ]]
	nothing_left
}

@test "what_comes_out_of_a_terminal_through_a_pipe_is_what_was_printed" {
	spec '.process.terminal = true | .process.args = ["echo", "one line"]'
	[ "$(rt run -b "$B" "$ID" < /dev/null | od -An -c | tr -d ' ')" = 'oneline\n' ]
	spec '.process.terminal = false'
	create_sleeper
	rt start "$ID"
	[ "$(rt exec -t "$ID" echo one line < /dev/null | od -An -c | tr -d ' ')" = 'oneline\n' ]
	end
}

@test "what_is_lost_of_a_terminal_s_output_is_an_error_unless_its_program_failed" {
	local code
	for code in 0 3; do
		spec --argjson c $code '.process.terminal = true | .process.args = ["sh", "-c", "echo lost; exit \($c)"]'
		run -$((code ? code : 1)) --separate-stderr bash -c '"$@" > /dev/full < /dev/null' - "$CORACLE" runtime --root "$STATE" run -b "$B" "$ID"
		[[ $stderr == "coracle: error: write to stdout: No space left on device" ]]
	done
	nothing_left
	spec '.process.terminal = false'
	create_sleeper
	rt start "$ID"
	for code in 0 3; do
		run -$((code ? code : 1)) --separate-stderr bash -c '"$@" > /dev/full < /dev/null' - "$CORACLE" runtime --root "$STATE" exec -t "$ID" sh -c "echo lost; exit $code"
		[[ $stderr == "coracle: error: write to stdout: No space left on device" ]]
	done
	end
}

@test "a_terminal_needs_a_console_socket_when_nobody_waits" {
	spec '.process.terminal = true'
	attempt rt create -b "$B" "$ID"
	refused 1 "console socket"
	spec '.process.terminal = false'
	attempt rt create -b "$B" --console-socket "$BATS_TEST_TMPDIR/s" "$ID"
	refused 1 "--console-socket" "process.terminal is false"
	nothing_left
}

@test "preserve_fds_passes_these_and_no_more" {
	spec '.process.args = ["sh", "-c", "cat <&3; cat <&4; ls /proc/self/fd"]'
	run -0 rt run --preserve-fds 2 -b "$B" "$ID" 3<<< three 4<<< four 5<<< five 6<<< six
	[ "$(echo "$output" | tr '\n' ' ')" = "three four 0 1 2 3 4 5 " ] # 5: the directory that ls reads
	run --separate-stderr rt run --preserve-fds -1 -b "$B" "$ID"
	refused 1 "--preserve-fds" "-1"
	run --separate-stderr rt run --preserve-fds 2147483647 -b "$B" "$ID"
	refused 1 "--preserve-fds" "2147483647"
	# Of more than are open those that are, and none of ours, neither while it waits nor then.
	spec '.process.args = ["sh", "-c", "cat <&4; ls /proc/self/fd"]'
	run -0 rt run --preserve-fds 5 -b "$B" "$ID" 3>&- 4<<< four 5<<< five
	[ "$(echo "$output" | tr '\n' ' ')" = "four 0 1 2 3 4 5 " ] # 3: the directory that ls reads
	run -0 inside 'ls /proc/self/fd' 3<<< three 7<<< seven
	[ "$(echo "$output" | tr '\n' ' ')" = "0 1 2 3 " ]
}

@test "a_created_container_holds_nothing_of_who_created_it" {
	create_sleeper 7< /etc/passwd
	run -0 sh -c 'printf "%s\n" "/proc/$1/fd/"* | sort -V | xargs readlink' sh "$(state pid)"
	[ "${#lines[@]}" = 4 ] # stdio, and the socket that it is to be started by
	[[ ${lines[*]} =~ ^/dev/null\ $BATS_TEST_TMPDIR/out\ $BATS_TEST_TMPDIR/out\ socket: ]]
	rt start "$ID"
	end
}

@test "odd_callers_without_stdio_or_with_ignored_signals_are_served" {
	spec '.process.args = ["ls", "-l", "/proc/self/fd"]'
	export CORACLE STATE B ID
	run --separate-stderr -0 sh -c 'exec "$CORACLE" runtime --root "$STATE" run -b "$B" "$ID" <&-'
	[[ ${lines[1]} == *"0 -> /dev/null" ]]
	spec '.process.args = ["sh", "-c", "exit 3"]'
	run -3 env --ignore-signal=CHLD,PIPE,TERM "$CORACLE" runtime --root "$STATE" run -b "$B" "$ID"
	nothing_left
}

# --- namespaces -----------------------------------------------------------------------------------

@test "namespaces_are_those_of_the_spec" {
	local n
	spec '.linux.namespaces += [{type: "cgroup"}, {type: "time"}]'
	create_sleeper
	rt start "$ID" # a time namespace is entered with the program
	for n in pid mnt net ipc uts cgroup time; do
		[ "$(readlink "/proc/$(state pid)/ns/$n")" != "$(readlink "/proc/self/ns/$n")" ] || { echo "$n is the host's"; return 1; }
	done
	[ "$(readlink "/proc/$(state pid)/ns/user")" = "$(readlink /proc/self/ns/user)" ]
	end
	spec '.linux.namespaces = [{type: "mount"}] | .hostname = ""'
	create_sleeper
	for n in pid net ipc uts cgroup time; do
		[ "$(readlink "/proc/$(state pid)/ns/$n")" = "$(readlink "/proc/self/ns/$n")" ] || { echo "$n is not the host's"; return 1; }
	done
	end
	nothing_left
}

@test "a_network_namespace_that_may_not_be_made_is_one_line" {
	export CORACLE STATE B ID
	run -1 unshare -U -r -m sh -c 'echo 0 > /proc/sys/user/max_net_namespaces
		exec "$CORACLE" runtime --root "$STATE" run -b "$B" "$ID"'
	[[ $output == *"clone a process with new namespaces (mount, uts, ipc, pid, network); /proc/sys/user has how many there may be: No space left on device" ]]
	nothing_left
}

@test "namespaces_are_joined_by_path" {
	create_sleeper
	local pid n first=$ID ID
	pid=$(rt state "$first" | jq .pid)
	ID=$first-2
	spec --arg p "/proc/$pid/ns" '.linux.namespaces = [{type: "mount"}] + (["pid", "network", "ipc", "uts"]
		| map({type: ., path: "\($p)/\({network: "net"}[.] // .)"})) | .hostname = "" | .process.args = ["sleep", "1000"]'
	create
	for n in pid net ipc uts; do
		[ "$(readlink "/proc/$(state pid)/ns/$n")" = "$(readlink "/proc/$pid/ns/$n")" ]
	done
	[ "$(readlink "/proc/$(state pid)/ns/mnt")" != "$(readlink "/proc/$pid/ns/mnt")" ]
	[ "$(rt ps -f json "$ID" | jq length)" = 1 ]
	end
	[ "$(rt state "$first" | jq -r .status)" = created ]
	rt delete -f "$first"
	nothing_left
}

@test "init_is_process_1_and_sees_no_others" {
	run -0 inside 'echo $$; ls /proc | grep -c "^[0-9]"'
	[ "${lines[0]}" = 1 ]
	[ "${lines[1]}" -le 3 ]
}

@test "hostname_domainname_and_loopback" {
	spec '.hostname = "box-7" | .domainname = "example.org"'
	run -0 inside 'hostname; cat /proc/sys/kernel/domainname; ip -o link show lo'
	[ "${lines[0]}/${lines[1]}" = "box-7/example.org" ]
	[[ ${lines[2]} == *"<LOOPBACK,UP"* ]]
	[ "$(hostname)" != box-7 ]
}

@test "a_user_namespace_maps_ids" {
	spec '.linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}]
		| .linux.gidMappings = [{containerID: 0, hostID: 200000, size: 65536}]
		| .mounts |= map(select(.type != "cgroup"))'
	create_sleeper
	tr -s ' ' < "/proc/$(state pid)/uid_map" | grep -qx ' 0 100000 65536'
	tr -s ' ' < "/proc/$(state pid)/gid_map" | grep -qx ' 0 200000 65536'
	[ "$(awk '/^Uid/ {print $2}' "/proc/$(state pid)/status")" = 100000 ]
	rt start "$ID"
	[ "$(rt exec "$ID" id -u)" = 0 ]
	[ "$(rt exec -u 9 "$ID" id -u)" = 9 ]
	rt exec "$ID" sh -c 'echo > /dev/null; test -c /dev/zero && head -c 3 /dev/zero | wc -c' | grep -qx 3
	[ "$(rt exec "$ID" sed -n 's|.* /dev/\(null\|tty\) \([a-z,]*\) .*|\2|p' /proc/self/mountinfo | grep -c 'nosuid.*noexec')" = 2 ]
	end
	nothing_left
}

@test "a_user_namespace_without_mappings_has_the_ids_that_its_maker_has" {
	spec '.linux.namespaces += [{type: "user"}] | del(.linux.uidMappings, .linux.gidMappings) | .mounts |= map(select(.type != "cgroup"))
		| .mounts |= map(if .type == "devpts" then .options -= ["gid=5"] else . end)'
	create_sleeper
	[ "$(head -n 1 "/proc/$(state pid)/uid_map" "/proc/$(state pid)/gid_map" | tr -s ' ' | grep -cx ' 0 0 1')" = 2 ]
	rt start "$ID"
	[ "$(rt exec "$ID" id -u)" = 0 ]
	attempt rt exec -u 9 "$ID" id -u
	refused 255 "Invalid argument"
	end
	nothing_left
}

@test "a_cgroup_namespace_of_the_host_is_joined_by_who_is_in_another_user_namespace" {
	local first=$ID holder users mapped='.linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}] | .linux.gidMappings = .linux.uidMappings'
	spec ".linux.namespaces += [{type: \"user\"}] | $mapped | .mounts |= map(select(.type != \"cgroup\"))"
	create_sleeper
	unshare -C sleep 1000 3>&- &
	holder=$!
	until [ "$(cat "/proc/$holder/comm")" = sleep ]; do sleep 0.02; done
	ID=$first-2
	for users in "{type: \"user\", path: \"/proc/$(rt state "$first" | jq .pid)/ns/user\"}] | del(.linux.uidMappings, .linux.gidMappings)" "{type: \"user\"}] | $mapped"; do
		spec --arg c "/proc/$holder/ns/cgroup" ".linux.namespaces |= map(select(.type != \"user\" and .type != \"cgroup\"))
			| .linux.namespaces += [{type: \"cgroup\", path: \$c}, $users"
		create_sleeper
		[ "$(readlink "/proc/$(state pid)/ns/cgroup")" = "$(readlink "/proc/$holder/ns/cgroup")" ]
		[ "$(grep -vc "coracle-$ID\$" "/proc/$(state pid)/cgroup")" = "$(grep -vc "coracle-$first\$" "/proc/$(rt state "$first" | jq .pid)/cgroup")" ]
		end
	done
	kill "$holder"
	ID=$first
	end
	nothing_left
}

@test "a_user_namespace_is_joined_by_path" {
	local pid first=$ID ID
	spec '.linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}]
		| .linux.gidMappings = [{containerID: 0, hostID: 200000, size: 65536}]'
	ID=$first
	create_sleeper
	pid=$(state pid)
	ID=$first-2
	# As the containers of a pod: some namespaces are the pod's, the others are new and owned by its user namespace.
	spec --arg p "/proc/$pid/ns" '.linux.namespaces |= map(if .type == "user" or .type == "ipc" then .path = "\($p)/\(.type)" else . end)'
	attempt inside true
	[[ $status = 0 && $stderr == "coracle: warning: config.json has both a userns path to join and a matching userns mapping specified"* ]]
	spec 'del(.linux.uidMappings, .linux.gidMappings)'
	run -0 inside 'id -u; cat /proc/self/uid_map; echo > /dev/null && mount -t tmpfs x /tmp 2>&1; ip -o link show lo; echo $$'
	[ "$(echo "${lines[*]:0:2}" | tr -s ' ')" = "0 0 100000 65536" ]
	[[ ${lines[3]} == *"<LOOPBACK,UP"* ]]
	[ "${lines[4]}" = 1 ]
	spec --arg p "/proc/$pid/ns" '.linux.namespaces |= map(if .type == "pid" then .path = "\($p)/pid" else . end)'
	create_sleeper
	[ "$(readlink "/proc/$(state pid)/ns/pid")" = "$(readlink "/proc/$pid/ns/pid")" ]
	rt start "$ID"
	[ "$(rt exec "$ID" id -u)" = 0 ]
	end
	# What is made outside for it has its ids, also where the mappings are not told; others than its own are refused.
	own_rootfs && chown 100000:200000 "$ROOTFS"
	spec 'del(.linux.uidMappings, .linux.gidMappings) | .linux.devices = [{path: "/dev/mine", type: "c", major: 1, minor: 5, uid: 5, gid: 6}]'
	run -0 inside 'stat -c %u:%g /dev/mine'
	[ "$output" = 5:6 ]
	spec '.linux.gidMappings = [{containerID: 0, hostID: 200000, size: 65536}]
		| .linux.uidMappings = [{containerID: 1, hostID: 100001, size: 9}, {containerID: 0, hostID: 100000, size: 1}]'
	attempt rt create -b "$B" "$ID"
	refused 1 "linux.uidMappings: the user namespace /proc/$pid/ns/user, which is joined, has others; leave them out, or the path"
	spec 'del(.linux.uidMappings) | .linux.gidMappings[0].size = 65535'
	attempt rt create -b "$B" "$ID"
	refused 1 "linux.gidMappings: the user namespace /proc/$pid/ns/user, which is joined, has others"
	[ ! -e "$STATE/$ID" ]
	ID=$first
	end
	nothing_left
}

# --- file systems ---------------------------------------------------------------------------------

@test "the_root_is_read_only_or_not_as_the_spec_says" {
	run -1 inside 'touch /x'
	[[ $output == *"Read-only file system"* ]]
	own_rootfs
	run -0 inside 'touch /x'
	[ -e "$ROOTFS/x" ]
}

@test "mounts_have_the_options_of_the_spec" {
	local d=$BATS_TEST_TMPDIR
	mkdir "$d/src" && echo content > "$d/src/file" && echo alone > "$d/one"
	spec --arg d "$d" '.mounts += [
		{destination: "/m/ro", source: "\($d)/src", options: ["rbind", "ro", "nosuid"]},
		{destination: "/m/rw", type: "bind", source: "\($d)/src", options: ["rbind", "rw", "noexec", "nodev"]},
		{destination: "/m/one", source: "\($d)/one", options: ["bind"]},
		{destination: "/m/tmp", type: "tmpfs", source: "shm", options: ["size=64k", "mode=1770", "uid=5", "gid=6", "noatime"]}]'
	own_rootfs
	run -0 inside 'cat /m/ro/file /m/one; echo more > /m/rw/new; touch /m/ro/x 2>&1; stat -c "%a %u %g" /m/tmp
		awk "\$5 ~ /^.m./ {print \$5, \$6}" /proc/self/mountinfo; df -k /m/tmp | awk "{print \$2}"'
	echo "$output"
	[ "$(cat "$d/src/new")" = more ]
	[ "${lines[0]} ${lines[1]}" = "content alone" ]
	[[ ${lines[2]} == *"Read-only file system" ]]
	[ "${lines[3]}" = "1770 5 6" ]
	[ "${lines[4]}" = "/m/ro ro,nosuid,relatime" ]
	[ "${lines[5]}" = "/m/rw rw,nodev,noexec,relatime" ]
	[ "${lines[6]}" = "/m/one rw,relatime" ]
	[ "${lines[7]}" = "/m/tmp rw,noatime" ]
	[ "${lines[9]}" = 64 ]
	nothing_left
}

@test "a_tmpfs_has_the_mode_of_what_it_covers" {
	own_rootfs
	mkdir -m 2750 "$ROOTFS/covered"
	spec '.mounts += (["/covered", "/new"] | map({destination: ., type: "tmpfs", source: "tmpfs"}))'
	run -0 inside 'stat -c %a /covered /new'
	[ "$output" = $'2750\n1777' ]
	rmdir "$ROOTFS/new" # the mode is the file system's own where nothing was covered
	rc run -b "$B" "$ID" | diff - <(echo "$output")
}

@test "recursive_attributes_reach_the_mounts_below" {
	local d=$BATS_TEST_TMPDIR
	mkdir -p "$d/src/sub"
	spec --arg d "$d" '.mounts += [{destination: "/m/a", source: "\($d)/src", options: ["rbind", "rro", "rnosuid"]},
		{destination: "/m/b", source: "\($d)/src", options: ["rbind", "ro"]},
		{destination: "/m/c", source: "\($d)/src", options: ["bind"]}]'
	own_rootfs
	export d ROOTFS STATE B ID CORACLE
	spec '.process.args = ["sh", "-c", "awk \"\\$5 ~ /^.m./ {print \\$5, \\$6}\" /proc/self/mountinfo"]'
	# In a mount namespace of our own: the mount below the source is not this machine's.
	run -0 unshare -m sh -c 'mount -t tmpfs none "$d/src/sub" && "$CORACLE" runtime --root "$STATE" run -b "$B" "$ID"'
	echo "$output"
	[ "${lines[0]}" = "/m/a ro,nosuid,relatime" ]
	[ "${lines[1]}" = "/m/a/sub ro,nosuid,relatime" ]
	[ "${lines[2]}" = "/m/b ro,relatime" ]
	[ "${lines[3]}" = "/m/b/sub rw,relatime" ]
	[ "${lines[4]}" = "/m/c rw,relatime" ]
	[ "${#lines[@]}" = 5 ]
}

@test "propagation_is_that_of_the_spec" {
	local d=$BATS_TEST_TMPDIR
	mkdir "$d/src"
	own_rootfs
	spec --arg d "$d" '.mounts += (["private", "slave", "shared", "unbindable"] | map({destination: "/m/\(.)", source: "\($d)/src", options: ["bind", .]}))
		| .process.args = ["sh", "-c", "awk \"\\$5 ~ /^.m./ {print \\$5, \\$7}\" /proc/self/mountinfo"]'
	export d STATE B ID CORACLE
	run -0 unshare -m --propagation shared sh -c '"$CORACLE" runtime --root "$STATE" run -b "$B" "$ID"'
	echo "$output"
	[ "${lines[0]}" = "/m/private -" ]
	[[ ${lines[1]} == "/m/slave master:"* ]]
	[[ ${lines[2]} == "/m/shared shared:"* ]]
	[ "${lines[3]}" = "/m/unbindable unbindable" ]
	nothing_left
}

@test "a_shared_root_shows_nothing_of_the_container_on_the_host" {
	own_rootfs
	spec '.linux.rootfsPropagation = "rshared" | .process.args = ["awk", "$5 == \"/\" {print $7}", "/proc/self/mountinfo"]'
	export STATE B ID CORACLE ROOTFS
	# A mount of its own below, so that the place of the root is in a shared mount.
	run -0 unshare -m --propagation shared sh -c 'mount --bind "$ROOTFS/.." "$ROOTFS/.." && "$CORACLE" runtime --root "$STATE" run -b "$B" "$ID" &&
		! grep -F "$ROOTFS" /proc/self/mountinfo'
	[[ $output == "shared:"* ]]
}

@test "a_mount_in_the_container_does_not_reach_the_host" {
	own_rootfs
	spec '.process.capabilities[] += ["CAP_SYS_ADMIN"] | .linux.seccomp = null'
	export STATE B ID CORACLE ROOTFS
	spec '.process.args = ["sh", "-c", "mount -t tmpfs none /tmp && grep -q \" /tmp \" /proc/self/mountinfo"]'
	run -0 unshare -m --propagation shared sh -c 'mount --bind / / && "$CORACLE" runtime --root "$STATE" run -b "$B" "$ID" && ! grep -F "$ROOTFS" /proc/self/mountinfo'
}

@test "devices_are_made_and_others_denied" {
	spec '.linux.devices = [{path: "/dev/mine", type: "c", major: 1, minor: 5, fileMode: 432, uid: 5, gid: 6},
		{path: "/dev/sub/fifo", type: "p", fileMode: 384}, {path: "/dev/slash//", type: "c", major: 1, minor: 5}, {path: "/dev/fuse", type: "c", major: 10, minor: 229}]
		| .linux.resources.devices = [{allow: false, access: "rwm"}, {allow: true, type: "c", major: 10, minor: 229, access: "r"}]
		| .process.capabilities[] += ["CAP_MKNOD"]'
	own_rootfs
	run -0 inside 'stat -c "%t:%T %a %u %g" /dev/mine; test -p /dev/sub/fifo && echo fifo
		for d in null zero full tty random urandom slash; do test -c /dev/$d || echo no $d; done
		for l in fd stdin stdout stderr ptmx; do readlink /dev/$l; done
		(: < /dev/fuse) && echo read; (: > /dev/fuse) 2>&1
		mknod /tmp/b b 7 0 && (: < /tmp/b) 2>&1; head -c 1 /dev/random | wc -c; echo > /dev/null && echo ok'
	echo "$output"
	[ "${lines[0]}" = "1:5 660 5 6" ]
	[ "${lines[1]}" = fifo ]
	[ "${lines[*]:2:5}" = "/proc/self/fd /proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2 pts/ptmx" ]
	[ "${lines[7]}" = read ]
	[[ ${lines[8]} == *"/dev/fuse: Operation not permitted" ]]
	[[ ${lines[9]} == *"/tmp/b: Operation not permitted" ]]
	[ "${lines[*]:10}" = "1 ok" ]
}

@test "masked_paths_are_empty_and_read_only_paths_refuse_writes" {
	own_rootfs
	mkdir "$ROOTFS/secret" && echo s > "$ROOTFS/secret/file" && echo f > "$ROOTFS/key" && mkdir "$ROOTFS/keep"
	spec '.linux.maskedPaths += ["/secret", "/key", "/not/there"] | .linux.readonlyPaths += ["/keep", "/nor/there"]'
	run -0 inside 'ls -A /secret; cat /key; touch /secret/x 2>&1; touch /keep/x 2>&1; (echo 1 > /proc/sys/kernel/pid_max) 2>&1; true'
	echo "$output"
	[[ ${lines[0]} == *"/secret/x: Read-only file system" ]]
	[[ ${lines[1]} == *"/keep/x: Read-only file system" ]]
	[[ ${lines[2]} == *"Read-only file system" ]]
	[ "${#lines[@]}" = 3 ]
	spec '.linux.maskedPaths += ["/secret", "/key"]'
	run -0 inside 'grep -cE " /(secret|key) " /proc/mounts'
	[ "$output" = 2 ]
	run -0 inside 'for f in /proc/kcore /proc/keys /proc/timer_list /proc/latency_stats /proc/sched_debug; do [ ! -s $f ] && [ ! -f $f ] || echo $f shows; done
		for d in /proc/acpi /proc/scsi /sys/firmware; do [ -z "$(ls -A $d 2>/dev/null)" ] || echo $d shows; done'
	[ "$output" = "" ]
}

@test "a_link_in_the_place_of_proc_or_sys_is_refused_as_such" {
	own_rootfs
	local name
	for name in proc sys; do
		rmdir "$ROOTFS/$name"
		ln -s /tmp "$ROOTFS/$name"
		run --separate-stderr rt run -b "$B" "$ID"
		refused 1 "on /$name: it must be mounted on ordinary directory"
		rm "$ROOTFS/$name"
		mkdir "$ROOTFS/$name"
	done
	nothing_left
}

@test "a_rootfs_without_any_mount_point_gets_them" {
	mkdir -p "$BATS_TEST_TMPDIR/own/bin"
	cp /bin/busybox "$BATS_TEST_TMPDIR/own/bin/sh"
	spec --arg r "$BATS_TEST_TMPDIR/own" '.root = {path: $r, readonly: true}'
	run -0 inside 'echo ok'
	[ "$output" = ok ]
	spec '.process.cwd = "/made/for/it"'
	run -0 inside 'pwd'
	[ "$output" = /made/for/it ]
}

@test "the_cgroup_mount_shows_the_own_cgroup_alone" {
	spec '.mounts += [{destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["nosuid", "noexec", "nodev", "relatime", "ro"]}]
		| .linux.resources.pids = {limit: 23}'
	run -0 inside 'cat /sys/fs/cgroup/pids/pids.max; ls -d /sys/fs/cgroup/pids/coracle-* 2>&1; mkdir /sys/fs/cgroup/pids/x 2>&1; true'
	echo "$output"
	[ "${lines[0]}" = 23 ]
	[[ ${lines[1]} == *"No such file"* ]]
	[[ ${lines[2]} == *"Read-only file system"* ]]
}

# --- the process ----------------------------------------------------------------------------------

@test "capabilities_are_exactly_those_of_the_spec" {
	spec '.process.capabilities = {bounding: ["CAP_CHOWN", "CAP_KILL", "CAP_SYS_TIME"], permitted: ["CAP_CHOWN", "CAP_KILL"],
		effective: ["CAP_CHOWN"], inheritable: ["CAP_KILL"], ambient: ["CAP_KILL"]} | .process.user = {uid: 1000, gid: 1000}
		| .process.args = ["cat", "/proc/self/status"]'
	# The kernel takes at execve of a user without privileges: permitted and effective = ambient.
	run -0 rt run -b "$B" "$ID"
	echo "$output" | grep '^Cap' | tr -d '\t' > "$BATS_TEST_TMPDIR/caps"
	diff "$BATS_TEST_TMPDIR/caps" - <<- EOF
		CapInh:0000000000000020
		CapPrm:0000000000000020
		CapEff:0000000000000020
		CapBnd:0000000002000021
		CapAmb:0000000000000020
	EOF
	rc run -b "$B" "$ID" | grep '^Cap' | tr -d '\t' | diff "$BATS_TEST_TMPDIR/caps" -
	spec 'del(.process.capabilities) | .process.user = {uid: 0, gid: 0}'
	run -0 rt run -b "$B" "$ID"
	[ "$(echo "$output" | grep -c '^Cap.*0000000000000000$')" = 5 ]
}

@test "no_new_privileges_rlimits_oom_score_umask_and_cwd" {
	own_rootfs
	spec '.process += {noNewPrivileges: true, oomScoreAdj: 321, cwd: "/made/on/the/way", rlimits: [
		{type: "RLIMIT_NOFILE", soft: 100, hard: 200}, {type: "RLIMIT_CORE", soft: 0, hard: 0}, {type: "RLIMIT_STACK", soft: 1048576, hard: 2097152}]}
		| .process.user.umask = 23'
	run -0 inside 'grep NoNewPrivs /proc/self/status; cat /proc/self/oom_score_adj; pwd; umask; ulimit -Sn; ulimit -Hn; ulimit -c; ulimit -Hs'
	[ "$(echo "$output" | tr '\n\t' '  ')" = "NoNewPrivs: 1 321 /made/on/the/way 0027 100 200 0 2048 " ]
	spec '.process.noNewPrivileges = false | del(.process.user.umask)'
	run -0 inside 'grep NoNewPrivs /proc/self/status; umask'
	[ "$(echo "$output" | tr '\n\t' '  ')" = "NoNewPrivs: 0 0022 " ]
}

@test "user_groups_and_home" {
	spec '.process.user = {uid: 1000, gid: 1000, additionalGids: [5, 2000]}'
	run -0 inside 'id -u; id -g; id -G; echo $HOME; awk "/^(Uid|Gid)/ {print \$2, \$3, \$4, \$5}" /proc/self/status'
	[ "$(echo "$output" | tr '\n' ' ')" = "1000 1000 1000 5 2000 /tmp 1000 1000 1000 1000 1000 1000 1000 1000 " ]
	spec '.process.env += ["HOME=/given"] | .process.user = {uid: 4294967294, gid: 77}'
	run -0 inside 'id -u; id -G; echo $HOME'
	[ "$(echo "$output" | tr '\n' ' ')" = "4294967294 77 /given " ]
}

@test "an_annotation_has_the_caller_s_groups_kept" {
	spec '.process.user = {uid: 1000, gid: 1000} | .process.args = ["id", "-G"]'
	run -0 setpriv --groups 77,2000 "$CORACLE" runtime --root "$STATE" run -b "$B" "$ID"
	[ "$output" = 1000 ]
	spec '.annotations["run.oci.keep_original_groups"] = "1"'
	run -0 setpriv --groups 77,2000 "$CORACLE" runtime --root "$STATE" run -b "$B" "$ID"
	[ "$output" = "1000 77 2000" ]
	create_sleeper
	rt start "$ID"
	run -0 setpriv --groups 78 "$CORACLE" runtime --root "$STATE" exec "$ID" id -G
	[ "$output" = "1000 78" ]
	end
}

@test "the_environment_is_that_of_the_spec_alone" {
	spec '.process.env = ["PATH=/bin", "A=1", "B="] | .process.args = ["env"]'
	SECRET=x run -0 rt run -b "$B" "$ID"
	[ "$(echo "$output" | sort | tr '\n' ' ')" = "A=1 B= HOME=/root PATH=/bin " ]
}

@test "sysctls_are_set_inside_and_not_outside" {
	local before
	before=$(cat /proc/sys/net/ipv4/ip_default_ttl)
	spec '.linux.sysctl = {"net.ipv4.ip_default_ttl": "77", "kernel.shmmax": "12345", "net/ipv4/ip_forward": "1"}'
	run -0 inside 'cat /proc/sys/net/ipv4/ip_default_ttl /proc/sys/kernel/shmmax /proc/sys/net/ipv4/ip_forward'
	[ "$(echo "$output" | tr '\n' ' ')" = "77 12345 1 " ]
	[ "$(cat /proc/sys/net/ipv4/ip_default_ttl)" = "$before" ]
	before=$(cat /proc/sys/user/max_net_namespaces)
	spec '.linux.namespaces += [{type: "user"}] | .linux |= (.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}]
		| .gidMappings = .uidMappings | .sysctl = {"user.max_net_namespaces": "7"}) | .mounts |= map(select(.type != "cgroup"))'
	run -0 inside 'cat /proc/sys/user/max_net_namespaces'
	[ "$output" = 7 ]
	[ "$(cat /proc/sys/user/max_net_namespaces)" = "$before" ]
}

@test "seccomp_returns_errors_by_number_and_by_argument" {
	own_rootfs
	spec '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"], syscalls: [
		{names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 38},
		{names: ["sethostname"], action: "SCMP_ACT_ERRNO"},
		{names: ["chmod"], action: "SCMP_ACT_ERRNO", errnoRet: 95, args: [{index: 1, value: 511, op: "SCMP_CMP_EQ"}]},
		{names: ["fchmodat"], action: "SCMP_ACT_ERRNO", errnoRet: 95, args: [{index: 2, value: 511, op: "SCMP_CMP_EQ"}]}]}'
	local nnp
	for nnp in true false; do
		spec --argjson n $nnp '.process.noNewPrivileges = $n | .process.capabilities[] += ["CAP_SYS_ADMIN"]'
		run -0 inside 'mkdir /x 2>&1; hostname x 2>&1; touch /f; chmod 777 /f 2>&1; chmod 700 /f && stat -c %a /f; awk "/^Seccomp:/ {print \$2}" /proc/self/status'
		echo "$output"
		[[ ${lines[0]} == *"Function not implemented" ]]
		[[ ${lines[1]} == *"Operation not permitted" ]]
		[[ ${lines[2]} == *"Operation not supported" ]]
		[ "${lines[3]} ${lines[4]}" = "700 2" ]
	done
}

@test "seccomp_kills" {
	spec '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["sethostname"], action: "SCMP_ACT_KILL_PROCESS"}]}
		| .process.args = ["hostname", "x"]'
	run -159 rt run -b "$B" "$ID"
	spec '.linux.seccomp.syscalls[0].action = "SCMP_ACT_KILL"'
	run -159 rt run -b "$B" "$ID"
}

@test "exec_is_under_the_seccomp_of_the_container" {
	spec '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["sethostname"], action: "SCMP_ACT_ERRNO", errnoRet: 95}]}
		| .process.capabilities[] += ["CAP_SYS_ADMIN"]'
	create_sleeper
	rt start "$ID"
	run -1 rt exec "$ID" hostname x
	[[ $output == *"Operation not supported"* ]]
	end
}

@test "exec_takes_the_filter_that_was_compiled_for_init_or_makes_it_anew" {
	local filter=$STATE/$ID/filter
	spec '.process.capabilities[] += ["CAP_SYS_ADMIN"] | .linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW",
		syscalls: ([{names: ["sethostname"], action: "SCMP_ACT_ERRNO", errnoRet: 95}] + [range(60) |
			{names: ["personality"], action: "SCMP_ACT_ERRNO", args: [{index: 0, value: (. + 100), op: "SCMP_CMP_EQ"}]}])}'
	create_sleeper
	rt start "$ID"
	[ -s "$filter" ]
	run -1 rt exec "$ID" hostname x
	[[ $output == *"Operation not supported"* ]]
	truncate -s -4 "$filter"
	run -1 rt exec "$ID" hostname x
	[[ $output == *"Operation not supported"* ]]
	rm "$filter"
	run -1 rt exec "$ID" hostname x
	[[ $output == *"Operation not supported"* ]]
	# One that allows all: it is what is taken.
	printf '\x06\0\0\0\0\0\xff\x7f%.0s' {1..100} > "$filter"
	rt exec "$ID" hostname x
	end
	nothing_left
}

# --- cgroups --------------------------------------------------------------------------------------

# What a file of a v1 controller of ID says.
limit() {
	cat "/sys/fs/cgroup/$1/coracle-$ID/$2"
}

@test "limits_are_in_the_cgroup" {
	spec '.linux.resources += {memory: {limit: 67108864, reservation: 33554432, swappiness: 10}, pids: {limit: 20},
		cpu: {shares: 512, quota: 40000, period: 100000, cpus: "0", mems: "0"}}'
	create_sleeper
	[ "$(limit memory memory.limit_in_bytes)" = 67108864 ]
	[ "$(limit memory memory.soft_limit_in_bytes)" = 33554432 ]
	[ "$(limit memory memory.swappiness)" = 10 ]
	[ "$(limit pids pids.max)" = 20 ]
	[ "$(limit cpu cpu.shares)" = 512 ]
	[ "$(limit cpu cpu.cfs_quota_us)" = 40000 ]
	[ "$(limit cpu cpu.cfs_period_us)" = 100000 ]
	[ "$(limit cpuset cpuset.cpus)" = 0 ]
	local c
	for c in memory pids cpu cpuacct cpuset devices freezer blkio systemd unified; do
		[ "$(limit $c cgroup.procs)" = "$(state pid)" ] || { echo "not in $c"; return 1; }
	done
	end
	nothing_left
}

@test "a_cgroups_path_is_used_and_the_parents_made_for_it_are_removed" {
	local path
	for path in "/coracle-$ID-up/mid/leaf" "/coracle-$ID-up/$ID"; do
		spec --arg p "$path" '.linux.cgroupsPath = $p'
		create_sleeper
		[ "$(cat "/sys/fs/cgroup/memory$path/cgroup.procs")" = "$(state pid)" ]
		end
		nothing_left
	done
}

@test "a_limit_of_512_kib_is_enough" {
	spec '.linux.resources.memory = {limit: 524288} | .process.args = ["true"]'
	local i
	for i in 1 2 3; do rt run -b "$B" "$ID-$i"; done
	nothing_left
}

@test "pids_limit_is_felt" {
	spec '.linux.resources.pids = {limit: 3}'
	run inside 'sleep 5 & sleep 5 & sleep 5 & sleep 5 & true'
	[[ $output == *"can't fork"* ]]
	nothing_left
}

# --- hooks and annotations ------------------------------------------------------------------------

# Adds all six hooks: each notes its name, its state and its namespaces in $1 (or /out, inside).
add_hooks() {
	local d=$1
	mkdir -p "$d"
	printf '#!/bin/sh\ncat > %s/$1.state\nfor n in mnt uts pid; do readlink /proc/self/ns/$n; done > %s/$1.ns\necho $1 $HOOK >> %s/order\n' "$d" "$d" "$d" > "$d/hook"
	chmod 755 "$d/hook"
	spec --arg d "$d" '.hooks = (["prestart", "createRuntime", "createContainer", "poststart", "poststop"]
		| map({key: ., value: [{path: "\($d)/hook", args: ["hook", .], env: ["HOOK=1", "PATH=/bin:/usr/bin"]}]}) | from_entries)
		| .hooks.startContainer = [{path: "/bin/sh", args: ["sh", "-c", "cat > /out/startContainer.state; for n in mnt uts pid; do readlink /proc/self/ns/$n; done > /out/startContainer.ns; echo startContainer $HOOK >> /out/order"], env: ["HOOK=1", "PATH=/bin"]}]
		| .mounts += [{destination: "/out", source: $d, options: ["bind"]}] | .annotations = {a: "b"}'
}

@test "hooks_run_in_order_with_the_state_and_in_the_right_namespaces" {
	local d=$BATS_TEST_TMPDIR/ours h
	own_rootfs
	add_hooks "$d"
	spec '.process.args = ["sh", "-c", "for n in mnt uts pid; do readlink /proc/self/ns/$n; done > /out/own.ns; echo program >> /out/order"]'
	rt run -b "$B" "$ID"
	[ "$(sed '/^post\(start\)/d; /^program/d; s/ 1$//' "$d/order" | tr '\n' ' ')" = "prestart createRuntime createContainer startContainer poststop " ]
	[ "$(grep -nE '^(startContainer 1|program)$' "$d/order" | cut -d: -f2 | tr '\n' ' ')" = "startContainer 1 program " ]
	grep -qx 'poststart 1' "$d/order"
	readlink /proc/self/ns/{mnt,uts,pid} > "$d/host.ns"
	for h in prestart createRuntime poststart poststop; do diff "$d/$h.ns" "$d/host.ns"; done
	for h in createContainer startContainer; do diff "$d/$h.ns" "$d/own.ns"; done
	run -1 cmp "$d/own.ns" "$d/host.ns"
	for h in prestart createRuntime createContainer startContainer poststart poststop; do
		jq -e --arg i "$ID" --arg b "$B" '.id == $i and .bundle == $b and .annotations == {a: "b"} and (.ociVersion | type) == "string"' "$d/$h.state"
	done
	jq -e '.pid > 1' "$d/prestart.state" "$d/createRuntime.state" "$d/poststart.state"
	nothing_left
}

@test "hooks_are_told_the_same_as_by_runc" {
	local d h
	own_rootfs
	cp "$B/config.json" "$B/before"
	for d in ours theirs; do
		cp "$B/before" "$B/config.json"
		add_hooks "$BATS_TEST_TMPDIR/$d"
		spec '.process.args = ["true"]'
		spec '.hooks.createContainer += [{path: "/bin/sh", args: ["sh", "-c", "test -e '"$ROOTFS"'/proc/self && echo mounts seen >> '"$BATS_TEST_TMPDIR/$d"'/order"]}]'
		if [ $d = ours ]; then rt run -b "$B" "$ID"; else rc run -b "$B" "$ID"; fi
		for h in prestart createRuntime createContainer startContainer poststart poststop; do
			jq -S '[.status, keys - ["pid"]]' "$BATS_TEST_TMPDIR/$d/$h.state"
		done > "$BATS_TEST_TMPDIR/$d.states"
	done
	# runc 1.1 runs poststart before the program; the specification wants it after, when it is running.
	[ "$(jq -s -r '.[4][0]' "$BATS_TEST_TMPDIR/ours.states")" = running ]
	# And prestart hooks are told that it is created, as by crun.
	[ "$(jq -s -r '.[0][0]' "$BATS_TEST_TMPDIR/ours.states")" = created ]
	diff <(jq -s 'del(.[4][0], .[0][0])' "$BATS_TEST_TMPDIR/theirs.states") \
		<(jq -s 'del(.[4][0], .[0][0])' "$BATS_TEST_TMPDIR/ours.states")
	# poststart and the program run side by side; and the mounts are where the root file system is.
	diff <(sort "$BATS_TEST_TMPDIR/theirs/order") <(sort "$BATS_TEST_TMPDIR/ours/order")
	grep -qx 'mounts seen' "$BATS_TEST_TMPDIR/ours/order"
}

@test "where_a_limit_is_refused_no_hook_runs_and_nothing_is_left" {
	add_hooks "$BATS_TEST_TMPDIR/h"
	spec '.linux.resources.memory = {limit: 33554432, swap: 16777216}'
	attempt rt create -b "$B" "$ID"
	refused 1 "linux.resources.memory"
	[ ! -s "$BATS_TEST_TMPDIR/h/order" ]
	nothing_left
	# Nor where a mount fails meanwhile, whose error is the one that is told.
	spec 'del(.linux.resources.memory) | .mounts = [{destination: "/x", type: "nosuch"}] + .mounts'
	attempt rt create -b "$B" "$ID"
	refused 1 "mounts[0]: mount nosuch (nosuch) on /x"
	nothing_left
}

@test "a_hook_s_words_are_in_the_error_and_its_chatter_in_no_output" {
	local h
	for h in prestart createContainer startContainer; do
		spec --arg h $h '.hooks = {($h): [{path: "/bin/sh", args: ["sh", "-c", "echo chatter; echo more >&2"], env: ["PATH=/bin"]}]}
			| .process.args = ["echo", "ran"]'
		run --separate-stderr -0 rt run -b "$B" "$ID"
		[ "$output/$stderr" = "ran/" ]
		spec --arg h $h '.hooks[$h][0].args[2] = "echo chatter; echo no such thing >&2; exit 1"'
		run --separate-stderr rt run -b "$B" "$ID"
		refused 1 "error running $h hook #0: hook /bin/sh failed: exit status 1: chatter no such thing"
	done
	spec '.hooks = {prestart: [{path: "/not/there"}]}'
	run --separate-stderr rt run -b "$B" "$ID"
	refused 1 "hook /not/there failed: exit status 127: No such file or directory"
	spec '.hooks = {createRuntime: [{path: "/bin/sh", args: ["sh", "-c", "kill -SYS $$"]}]}'
	run --separate-stderr rt run -b "$B" "$ID"
	refused 1 "error running createRuntime hook #0: hook /bin/sh failed: signal: bad system call"
	nothing_left
}

@test "what_hooks_write_goes_where_annotations_say" {
	local d=$BATS_TEST_TMPDIR h all='["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"]'
	spec --arg d "$d" --argjson all "$all" '.annotations = {"run.oci.hooks.stdout": "\($d)/out", "run.oci.hooks.stderr": "\($d)/err"}
		| .hooks = ($all | map({(.): [{path: "/bin/sh", args: ["sh", "-c", "echo \(.); echo no \(.) >&2"], env: ["PATH=/bin"]}]}) | add)
		| .process.args = ["ls", "/proc/self/fd"]'
	run --separate-stderr -0 rt run -b "$B" "$ID"
	[ "$(xargs <<< "$output")/$stderr" = "0 1 2 3/" ] # the last is that directory
	diff <(jq -r '.[]' <<< "$all") "$d/out"
	diff <(jq -r '"no \(.[])"' <<< "$all") "$d/err"
	# They are appended to; of what goes there no error tells.
	spec 'del(.annotations["run.oci.hooks.stderr"]) | .hooks |= {createContainer} | .hooks.createContainer[0].args[2] += "; exit 7"'
	attempt rt run -b "$B" "$ID"
	refused 1 "error running createContainer hook #0: hook /bin/sh failed: exit status 7: no createContainer"
	[ "$(tail -n 2 "$d/out")" = $'poststop\ncreateContainer' ]
	for h in createContainer createRuntime; do
		spec --arg h $h '.annotations["run.oci.hooks.stdout"] = "/not/there/out" | .hooks = {($h): [{path: "/bin/true"}]}'
		attempt rt run -b "$B" "$ID"
		refused 1 "annotations.run.oci.hooks.stdout: open /not/there/out: No such file or directory"
	done
	nothing_left
}

@test "a_hook_has_no_signals_blocked" {
	spec --arg d "$BATS_TEST_TMPDIR" '.hooks = {prestart: [{path: "/bin/sh", args: ["sh", "-c", "grep -E ^Sig.*[Bb]lk /proc/self/status > \($d)/mask"]}]}
		| .process.args = ["true"]'
	rt run -b "$B" "$ID"
	[ "$(cat "$BATS_TEST_TMPDIR/mask")" = $'SigBlk:\t0000000000000000' ]
}

@test "a_start_that_hangs_in_a_hook_is_ended_by_kill_and_by_delete" {
	mkfifo "$SYNC/ready"
	local how starter
	spec --arg d "$SYNC" '.mounts += [{destination: "/sync", source: $d, options: ["bind"]}]
		| .hooks = {startContainer: [{path: "/bin/sh", args: ["sh", "-c", "echo > /sync/ready; exec sleep 1000"], env: ["PATH=/bin"]}]}'
	for how in "kill $ID KILL" "delete --force $ID"; do
		create_sleeper
		"$CORACLE" runtime --root "$STATE" start "$ID" 3>&- &
		starter=$!
		read -r < "$SYNC/ready"
		# shellcheck disable=SC2086
		rt $how
		wait "$starter" || true
		end
		nothing_left
	done
}

@test "start_of_a_container_that_is_killed_meanwhile_says_that_it_has_stopped" {
	local starter pid log=$BATS_TEST_TMPDIR/calls
	create_sleeper
	pid=$(state pid)
	kill -STOP "$pid" # so that it does not hear who starts it
	strace -qq -e trace=sendto -o "$log" "$CORACLE" runtime --root "$STATE" start "$ID" 2> "$BATS_TEST_TMPDIR/said" 3>&- &
	starter=$!
	until grep -q '"s", 1' "$log"; do
		sleep 0.01
	done
	kill -KILL "$pid"
	status=0
	wait "$starter" || status=$?
	[ "$status" = 1 ]
	[ "$(cat "$BATS_TEST_TMPDIR/said")" = "coracle: error: cannot start a container that has stopped: $ID" ]
	end
	nothing_left
}

@test "whoever_hangs_in_a_hook_is_ended_by_delete_by_force" {
	mkfifo "$SYNC/ready"
	local h verb maker hook
	spec --arg d "$SYNC" '.mounts += [{destination: "/sync", source: $d, options: ["bind"]}] | .process.args = ["sleep", "1000"]'
	cp "$B/config.json" "$B/before"
	for h in prestart createRuntime createContainer poststart; do
		cp "$B/before" "$B/config.json"
		spec --arg h $h --arg d "$SYNC" '.hooks = {($h): [{path: "/bin/sh", args: ["sh", "-c", "echo $$ > \($d)/ready; exec sleep 1000"]}]}'
		verb="create -b $B"
		[ $h != poststart ] || verb="run -b $B"
		# shellcheck disable=SC2086
		"$CORACLE" runtime --root "$STATE" $verb "$ID" < /dev/null > /dev/null 2> "$BATS_TEST_TMPDIR/said" 3>&- &
		maker=$!
		read -r hook < "$SYNC/ready"
		rt delete --force "$ID"
		status=0
		wait "$maker" || status=$?
		cat "$BATS_TEST_TMPDIR/said"
		[ "$status" = 1 ]
		[ $h = createContainer ] || {
			grep -q "error running $h hook #0: hook /bin/sh failed: signal: killed" "$BATS_TEST_TMPDIR/said"
			[ ! -e "/proc/$hook" ]
		}
		rt delete --force "$ID"
		nothing_left
	done
	# A start, whose container is dead already.
	create
	"$CORACLE" runtime --root "$STATE" start "$ID" > /dev/null 2>&1 3>&- &
	maker=$!
	read -r hook < "$SYNC/ready"
	rt kill "$ID" KILL
	rt delete --force "$ID"
	wait "$maker" || [ $? = 1 ]
	[ ! -e "/proc/$hook" ]
	nothing_left
}

# By a descriptor that execve closes, as fexecve(3) may: its number is somebody else's then, and what it led to is no copy. By
# one of a file in memory that stays open: that has seals, too, but not those of a copy.
@test "who_is_executed_by_a_descriptor_is_out_of_reach_and_passes_signals_on" {
	local how pid
	mkfifo "$SYNC/ready"
	mkdir "$BATS_TEST_TMPDIR/memory"
	spec --arg d "$SYNC" '.mounts += [{destination: "/sync", source: $d, options: ["bind"]}]
		| .process.args = ["sh", "-c", "trap \"exit 7\" TERM; echo > /sync/ready; while :; do sleep 0.01; done"]'
	for how in 'open F, "<", $ARGV[0]' '$^F = 99; open F, "<", "memory/coracle"'; do
		(
			cd "$BATS_TEST_TMPDIR"
			exec unshare -m sh -c 'mount -t tmpfs tmpfs memory && cp "$2" memory/coracle && exec perl -e "$@"' - \
				"$how; "'exec {"/dev/fd/" . fileno(F)} @ARGV' "$CORACLE" runtime --root "$STATE" run -b "$B" "$ID"
		) < /dev/null > "$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
		pid=$!
		read -r < "$SYNC/ready"
		[ ! -w "/proc/$pid/exe" ] # a read-only mount of it
		kill -TERM $pid
		timeout 60 "$TOOLS/await" $pid
		status=0
		wait $pid || status=$?
		[ "$status" = 7 ]
	done
	nothing_left
}

# With more descriptors, too, than are closed one by one.
@test "a_container_whose_maker_is_killed_does_not_wait_for_him" {
	local n pid
	spec '.linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 0, size: 65536}] | .linux.gidMappings = .linux.uidMappings'
	for n in 1 600; do
		spec --argjson n $n --arg d "$BATS_TEST_TMPDIR" '.mounts += [range($n) | {destination: "/tmp/\(.)", type: "bind", source: $d, options: ["bind"]}]
			| .mounts |= [{destination: "/tmp", type: "tmpfs", source: "tmpfs"}] + .
			| .hooks.createRuntime = [{path: "/bin/sh", args: ["sh", "-c", "cat > \($d)/told; kill -KILL $PPID"], env: ["PATH=/bin"]}]'
		attempt rt create -b "$B" "$ID"
		[ "$status" = 137 ]
		pid=$(jq .pid "$BATS_TEST_TMPDIR/told")
		timeout 60 "$TOOLS/await" "$pid"
		"$CORACLE" cleanup --root "$STATE" "$ID" > /dev/null
		nothing_left
	done
}

# Who has ended one hook goes on to the next, also of another list.
@test "delete_by_force_that_comes_between_two_hooks_ends_the_second" {
	local tracer maker deleter pid log=$BATS_TEST_TMPDIR/calls told=$BATS_TEST_TMPDIR/told
	spec '.hooks = {prestart: [{path: "/bin/true"}], createRuntime: [{path: "/bin/sleep", args: ["sleep", "1000"]}]}'
	# The maker stops when it has seen the first one's end.
	strace -qq -e trace=waitid -e inject=waitid:signal=STOP:when=1 -o "$log" "$CORACLE" runtime --root "$STATE" create -b "$B" "$ID" \
		< /dev/null > "$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
	tracer=$!
	until grep -qs 'stopped by SIGSTOP' "$log"; do sleep 0.01; done
	maker=$(pgrep -P $tracer)
	strace -qq -e trace=write,flock -o "$told" "$CORACLE" runtime --root "$STATE" delete --force "$ID" > /dev/null 2>&1 3>&- &
	deleter=$!
	until grep -qs '"s", 1' "$told" && tail -n 1 "$told" | grep -q 'LOCK_EX$'; do sleep 0.01; done
	kill -CONT "$maker"
	timeout 60 "$TOOLS/await" "$maker"
	wait $tracer || [ $? = 1 ]
	wait $deleter || true
	rt delete --force "$ID"
	nothing_left
}

# As who tidies up after his last container does.
@test "a_state_directory_that_goes_while_a_container_is_made_is_made_again" {
	local tracer log=$BATS_TEST_TMPDIR/calls
	spec '.process.args = ["echo", "ran"]'
	# It stops when it holds the directory, which is still empty.
	strace -qq -e trace=flock -e inject=flock:signal=STOP:when=1 -o "$log" "$CORACLE" runtime --root "$STATE/below" run -b "$B" "$ID" \
		< /dev/null > "$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
	tracer=$!
	until grep -qs 'stopped by SIGSTOP' "$log"; do sleep 0.01; done
	rmdir "$STATE/below"
	kill -CONT "$(pgrep -P $tracer)"
	wait $tracer
	[ "$(cat "$BATS_TEST_TMPDIR/out")" = ran ]
	rmdir "$STATE/below"
	nothing_left
}

@test "a_failing_hook_fails_the_container_and_undoes_it" {
	local h d=$BATS_TEST_TMPDIR
	for h in prestart createRuntime createContainer startContainer; do
		spec --arg h $h '.hooks = {($h): [{path: "/bin/false"}], poststop: [{path: "/bin/sh", args: ["sh", "-c", "echo poststop >> '"$d"'/out"]}]}
			| .process.args = ["echo", "ran"]'
		attempt rt run -b "$B" "$ID"
		refused 1 "hook /bin/false"
		nothing_left
	done
	spec '.hooks = {prestart: [{path: "/not/there"}]}'
	attempt rt run -b "$B" "$ID"
	refused 1 "hook /not/there"
	spec '.hooks = {createRuntime: [{path: "/bin/sleep", args: ["sleep", "100"], timeout: 1}]}'
	attempt rt run -b "$B" "$ID"
	refused 1 "hook /bin/sleep" "imed out"
	nothing_left
}

# Of all its processes. A hierarchy of v1 takes seven: looked for, made, opened, joined, given a directory, mounted,
# removed.
@test "a_run_takes_few_system_calls" {
	local log=$BATS_TEST_TMPDIR/calls hierarchies
	hierarchies=$(grep -vc ^0: /proc/self/cgroup) || true
	spec '.process.args = ["true"]'
	takes() { # at most so many
		local most=$1 calls
		shift
		"$@" strace -f -qqq -e signal=none -o "$log" "$CORACLE" runtime --root "$STATE" run -b "$B" "$ID"
		calls=$(grep -vc ' resumed' "$log")
		echo "$calls system calls of $most"
		[ "$calls" -le "$most" ]
	}
	v2_alone() {
		unshare -m --propagation private sh -c 'mount -t cgroup2 cgroup2 /sys/fs/cgroup && exec "$@"' - "$@"
	}
	if [ "$(stat -f -c %T /sys/fs/cgroup)" != cgroup2fs ]; then
		takes $((303 + 7 * hierarchies))
	fi
	takes 262 v2_alone # ten of them where the root does not pass its controllers on yet
}
