#!/usr/bin/env bats
# 04-verbs.bats - update, events, features, ps and the finer points of the other verbs, beside runc's.
# shellcheck disable=SC2016,SC2030,SC2031 # jq's variables; each test is a shell

load runtime

setup() { runtime_setup; }
teardown() { runtime_teardown; }

# A container that sleeps, started.
sleeper() {
	create_sleeper
	rt start "$ID"
}

# What a file of a v1 controller of ID says.
limit() {
	cat "/sys/fs/cgroup/$1/coracle-$ID/$2"
}

# is CONTROLLER FILE WANT
is() {
	[ "$(limit "$1" "$2")" = "$3" ] || { echo "$2 is $(limit "$1" "$2"), not $3"; return 1; }
}

@test "spec_writes_another_file_in_the_place_of_the_bundles" {
	local d=$BATS_TEST_TMPDIR/new
	mkdir "$d"
	rt spec -b "$d"
	attempt rt spec -b "$d"
	refused 1 config.json exists "$d"
	rt spec -b "$d" -f other.json
	rt spec -b "$d" --file other.json
	diff "$d/config.json" "$d/other.json"
	diff <(rt spec -f /dev/stdout) "$d/config.json"
	attempt rt spec -f "$d/none/x"
	refused 1 "$d/none/x" "No such file"
	attempt rt spec -f /dev/full
	refused 1 /dev/full "No space left"
	[ "$(ls "$d")" = $'config.json\nother.json' ]
}

# --- update ---------------------------------------------------------------------------------------

@test "update_changes_what_its_options_name_and_nothing_else" {
	spec '.linux.resources += {memory: {limit: 33554432, swap: 67108864}, cpu: {shares: 512, quota: 20000, period: 100000}, pids: {limit: 20}}'
	sleeper
	rt update --memory 64m --memory-swap 128M --memory-reservation 32MiB "$ID"
	is memory memory.limit_in_bytes 67108864
	is memory memory.memsw.limit_in_bytes 134217728
	is memory memory.soft_limit_in_bytes 33554432
	rt update --memory=16777216 --memory-swap=25165824 "$ID"
	is memory memory.limit_in_bytes 16777216
	is memory memory.memsw.limit_in_bytes 25165824
	rt update -memory -1 "$ID"
	[ "$(limit memory memory.limit_in_bytes)" -gt 1000000000000 ]
	[ "$(limit memory memory.memsw.limit_in_bytes)" -gt 1000000000000 ]
	is cpu cpu.cfs_quota_us 20000
	rt update --cpu-quota 30000 "$ID"
	is cpu cpu.cfs_quota_us 30000
	rt update --cpu-period 50000 --cpu-burst 10000 "$ID"
	is cpu cpu.cfs_period_us 50000
	is cpu cpu.cfs_quota_us 30000
	is cpu cpu.cfs_burst_us 10000
	rt update --cpu-share 300 --cpuset-cpus 0 --cpuset-mems 0 --pids-limit 30 "$ID"
	is cpu cpu.shares 300
	is cpuset cpuset.cpus 0
	is pids pids.max 30
	rt update --pids-limit -1 --cpu-quota -1 "$ID"
	is pids pids.max max
	is cpu cpu.cfs_quota_us -1
	is cpu cpu.shares 300
	rt update --cpu-idle 1 "$ID"
	is cpu cpu.idle 1
	rt update --cpu-idle 0 --cpu-share 400 "$ID"
	is cpu cpu.idle 0
	is cpu cpu.shares 400
	rt update --blkio-weight 200 "$ID"
	is blkio blkio.bfq.weight 200
	rt update "$ID"
	rt update --memory "" "$ID" # as if it were not given
	[ "$(state status)" = running ]
	end
	nothing_left
}

@test "update_takes_the_resources_of_a_file_or_of_stdin_in_place_of_options" {
	sleeper
	echo '{"memory": {"limit": 33554432, "reservation": 20971520}, "cpu": {"shares": 100, "quota": 50000, "period": 100000, "cpus": "0", "mems": "0"},
		"pids": {"limit": 10}, "blockIO": {"weight": 300}}' > "$BATS_TEST_TMPDIR/r"
	rt update --resources "$BATS_TEST_TMPDIR/r" --memory 64m "$ID"
	is memory memory.limit_in_bytes 33554432
	is memory memory.soft_limit_in_bytes 20971520
	is cpu cpu.cfs_quota_us 50000
	is pids pids.max 10
	is blkio blkio.bfq.weight 300
	echo '{"cpu": {"quota": 60000}}' | rt update -r - "$ID"
	is cpu cpu.cfs_quota_us 60000
	is cpu cpu.shares 100
	is memory memory.limit_in_bytes 33554432
	# What everybody needs stays allowed.
	echo '{"devices": [{"allow": false, "access": "rwm"}]}' | rt update -r - "$ID"
	rt exec "$ID" sh -c ': > /dev/null'
	end
}

@test "update_of_a_created_and_of_a_paused_container_works_and_of_a_stopped_one_not" {
	create_sleeper
	rt update --pids-limit 11 "$ID"
	is pids pids.max 11
	rt start "$ID"
	rt pause "$ID"
	rt update --pids-limit 12 "$ID"
	is pids pids.max 12
	[ "$(state status)" = paused ]
	rt resume "$ID"
	local pid
	pid=$(state pid)
	rt kill "$ID" KILL
	await "$pid"
	attempt rt update --pids-limit 13 "$ID"
	refused 1 "container not running" "$ID"
	rt delete "$ID"
	attempt rt update --pids-limit 13 "$ID"
	refused 1 "does not exist"
}

@test "what_update_cannot_do_is_named" {
	spec '.linux.resources.memory = {limit: 33554432, swap: 33554432}'
	sleeper
	attempt rt update --memory 10x "$ID"
	refused 1 --memory "10x"
	attempt rt update --cpu-share -4 "$ID"
	refused 1 --cpu-share "-4"
	attempt rt update --cpu-quota ten "$ID"
	refused 1 --cpu-quota "ten"
	attempt rt update --memory 64m "$ID" # more than memory and swap
	refused 1 memory.limit memory.swap
	attempt rt update --memory 4k "$ID"
	refused 1 memory.limit
	attempt rt update --cpuset-cpus 4000 "$ID"
	refused 1 cpu.cpus 4000
	attempt rt update --l3-cache-schema L3:0=f "$ID"
	refused 1 linux.intelRdt "Intel RDT"
	attempt rt update --mem-bw-schema MB:0=1 "$ID"
	refused 1 linux.intelRdt "Intel RDT"
	attempt rt update --resources /not/there "$ID"
	refused 1 /not/there "No such file"
	echo '{"memory": {"limit": "64m"}}' > "$BATS_TEST_TMPDIR/r"
	attempt rt update --resources "$BATS_TEST_TMPDIR/r" "$ID"
	refused 1 "memory.limit: expected a number"
	echo '{"memory"' > "$BATS_TEST_TMPDIR/r"
	attempt rt update --resources "$BATS_TEST_TMPDIR/r" "$ID"
	refused 1 "not valid JSON"
	# What failed half way is as it was.
	rt update --pids-limit 9 --cpu-share 200 "$ID"
	attempt rt update --memory 20m --memory-swap 20m --pids-limit 5 --cpu-share 500 --blkio-weight 5000 "$ID"
	refused 1 blockIO.weight 5000
	is memory memory.limit_in_bytes 33554432
	is memory memory.memsw.limit_in_bytes 33554432
	is pids pids.max 9
	is cpu cpu.shares 200
	echo '{"unified": {"memory.high": "1"}}' > "$BATS_TEST_TMPDIR/r"
	attempt rt update --resources "$BATS_TEST_TMPDIR/r" "$ID"
	refused 1 unified
	end
}

# --- events ---------------------------------------------------------------------------------------

# The shape of JSON: all its paths but for the numbers of lists.
paths_of() {
	jq -c '[paths | map(if type == "number" then 0 else . end)] | unique[]'
}

@test "events_stats_has_the_fields_of_runc" {
	local d=$BATS_TEST_TMPDIR
	spec '.linux.resources += {memory: {limit: 33554432}, pids: {limit: 20}, cpu: {quota: 50000, period: 100000}}'
	sleeper
	rc run -d -b "$B" "$ID-runc" < /dev/null > /dev/null 2>&1 3>&-
	rt exec "$ID" true
	rc exec "$ID-runc" true
	rt events --stats "$ID" > "$d/ours"
	rc events --stats "$ID-runc" > "$d/theirs"
	rc delete --force "$ID-runc"
	[ "$(wc -l < "$d/ours")" = 1 ]
	# What is 0 is left out by both: those that may be so are not compared.
	diff <(paths_of < "$d/theirs" | grep -vE 'hugetlb|throttl|blkio|cache|"(usage|max)"\]$') \
		<(paths_of < "$d/ours" | grep -vE 'hugetlb|throttl|blkio|cache|"(usage|max)"\]$')
	# Nor is a key in another order.
	diff <(jq -c '.data | [keys_unsorted, (.cpu | keys_unsorted), (.cpuset | keys_unsorted), (.memory.raw | keys_unsorted)]' "$d/theirs") \
		<(jq -c '.data | [keys_unsorted, (.cpu | keys_unsorted), (.cpuset | keys_unsorted), (.memory.raw | keys_unsorted)]' "$d/ours")
	for f in .type .data.cpuset .data.pids.limit .data.memory.usage.limit .data.intel_rdt .data.network_interfaces; do
		[ "$(jq -c "$f" "$d/ours")" = "$(jq -c "$f" "$d/theirs")" ] || { echo "$f differs: $(jq -c "$f" "$d/ours")"; return 1; }
	done
	grep -oE '"kernelTCP":\{"limit":[0-9]+' "$d/theirs" | grep -qF "$(grep -oE '"kernelTCP":\{"limit":[0-9]+' "$d/ours")"
	jq -e --arg id "$ID" '.id == $id and .data.pids.current == 1 and .data.cpu.usage.total > 0 and (.data.memory.raw | length) > 20' "$d/ours"
	end
}

@test "events_tell_statistics_again_and_again_until_the_container_ends" {
	sleeper
	mkfifo "$BATS_TEST_TMPDIR/events"
	"$CORACLE" runtime --root "$STATE" events --interval 50ms "$ID" > "$BATS_TEST_TMPDIR/events" 3>&- &
	local teller=$! line
	exec 7< "$BATS_TEST_TMPDIR/events"
	for _ in 1 2 3; do
		read -r line <&7
		[ "$(jq -r '.type' <<< "$line")" = stats ]
	done
	rt kill "$ID" KILL
	while read -r line <&7; do :; done
	exec 7<&-
	wait "$teller"
	attempt rt events "$ID"
	refused 1 "container with id $ID is not running"
	attempt rt events --stats "$ID"
	refused 1 "is not running"
	rt delete "$ID"
}

@test "events_tell_of_a_container_that_is_out_of_memory" {
	mkfifo "$BATS_TEST_TMPDIR/events" "$SYNC/go"
	spec --arg d "$SYNC" '.linux.resources.memory = {limit: 16777216, swap: 16777216}
		| .mounts += [{destination: "/sync", source: $d, options: ["bind"]}]
		| .process.args = ["sh", "-c", "read a < /sync/go; dd if=/dev/zero of=/dev/null bs=64M count=1; read a < /sync/go"]'
	create
	rt start "$ID"
	"$CORACLE" runtime --root "$STATE" events --interval 1h "$ID" > "$BATS_TEST_TMPDIR/events" 3>&- &
	local teller=$! line
	exec 7< "$BATS_TEST_TMPDIR/events"
	# It watches once it waits in its loop.
	until [[ $(cut -d ' ' -f 1 "/proc/$teller/syscall") =~ ^(22|232|281|346|441)$ ]]; do sleep 0.02; done # epoll_(p)wait
	echo > "$SYNC/go"
	read -r line <&7
	[ "$(jq -c . <<< "$line")" = "{\"type\":\"oom\",\"id\":\"$ID\"}" ]
	echo > "$SYNC/go"
	while read -r line <&7; do # v1 may tell of one lack more than once
		[ "$(jq -r .type <<< "$line")" = oom ]
	done
	exec 7<&-
	wait "$teller"
	end
	nothing_left
}

@test "events_refuse_what_is_no_interval" {
	local i
	for i in 0s -1s five 5 1s2 ""; do
		attempt rt events --interval "$i" "$ID"
		refused 1 --interval
	done
}

# --- features -------------------------------------------------------------------------------------

@test "features_has_all_that_runc_s_has_and_more" {
	local d=$BATS_TEST_TMPDIR
	rt features > "$d/ours"
	runc features > "$d/theirs"
	# Of runc 1.1, without what neither does.
	jq -e --slurpfile t "$d/theirs" '. as $o | $t[0] | (.hooks - $o.hooks) + (.linux.namespaces - $o.linux.namespaces)
		+ (.linux.capabilities - $o.linux.capabilities) + (.linux.seccomp.operators - $o.linux.seccomp.operators)
		+ (.linux.seccomp.archs - $o.linux.seccomp.archs) == []' "$d/ours"
	jq -e '.hooks == ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"]' "$d/ours"
	jq -e '.ociVersionMin == "1.0.0" and .ociVersionMax == "1.3.0" and (.linux.cgroup | .v1 and .v2 and .systemd and .rdma) and .linux.seccomp.enabled' "$d/ours"
	jq -e '.mountOptions == (.mountOptions | sort) and (.mountOptions | length == (unique | length)) and (.mountOptions | index("rro"))' "$d/ours"
	jq -e '[paths | map(tostring) | join(".")] | ["linux.apparmor.enabled", "linux.selinux.enabled", "linux.intelRdt.enabled", "linux.intelRdt.schemata", "linux.intelRdt.monitoring",
		"linux.mountExtensions.idmap.enabled", "linux.netDevices.enabled", "linux.seccomp.supportedFlags", "annotations"] - . == []' "$d/ours"
	jq -e '.potentiallyUnsafeConfigAnnotations | index("run.oci.") != null' "$d/ours"
	attempt rt features x
	refused 1 argument
}

@test "features_tells_no_mount_option_and_no_seccomp_word_that_is_refused" {
	own_rootfs
	spec '.process.args = ["true"] | .linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW"}'
	spec --argjson f "$(rt features)" '.linux.seccomp.architectures = ($f.linux.seccomp.archs | map(select(test("X86|X32|AARCH64|_ARM"))))
		| .linux.seccomp.flags = ($f.linux.seccomp.supportedFlags - ["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"])
		| .linux.seccomp.syscalls = ($f.linux.seccomp.actions - ["SCMP_ACT_NOTIFY"] | map({names: ["acct"], action: .}))
		| .mounts += ($f.mountOptions - ["idmap", "ridmap", "remount", "bind", "rbind", "iversion", "unbindable", "runbindable"] | to_entries
			| map({destination: "/m\(.key)", type: "tmpfs", source: "x", options: [.value]}))'
	run rt run -b "$B" "$ID"
	echo "$output"
	[ "$status" = 0 ]
	nothing_left
}

# --- ps -------------------------------------------------------------------------------------------

@test "ps_is_the_table_of_ps_for_these_processes" {
	sleeper
	local pid
	pid=$(state pid)
	run -0 rt ps "$ID"
	[ "${#lines[@]}" = 2 ]
	[[ ${lines[0]} =~ ^UID.*PID.*CMD$ ]]
	[[ ${lines[1]} == *" $pid "*"sleep 1000" ]]
	run -0 rt ps "$ID" -o comm,pid,ppid -e
	[[ ${lines[0]} =~ ^COMMAND\ +PID\ +PPID$ ]]
	[[ ${lines[1]} == "sleep "*" $pid "* ]]
	[ "$(rt ps -f json "$ID")" = "[$pid]" ]
	[ "$(rt ps --format=json "$ID")" = "[$pid]" ]
	attempt rt ps "$ID" -o comm -e
	refused 1 "PID field"
	attempt env PATH=/nowhere "$CORACLE" runtime --root "$STATE" ps "$ID"
	refused 1 "ps: executable file not found" "json"
	attempt rt ps -f xml "$ID"
	refused 1 format xml
	end
}

# --- exec -----------------------------------------------------------------------------------------

@test "exec_runs_in_a_cgroup_below_the_container_s" {
	sleeper
	local c
	for c in memory pids cpu cpuacct unified; do
		mkdir -p "/sys/fs/cgroup/$c/coracle-$ID/sub"
	done
	rt exec --cgroup memory:/sub --cgroup pids:sub "$ID" cat /proc/self/cgroup > "$BATS_TEST_TMPDIR/cg"
	grep -q ":memory:/coracle-$ID/sub$" "$BATS_TEST_TMPDIR/cg"
	grep -q ":pids:/coracle-$ID/sub$" "$BATS_TEST_TMPDIR/cg"
	grep -q ":devices:/coracle-$ID$" "$BATS_TEST_TMPDIR/cg"
	rt exec --cgroup cpu,cpuacct:/sub "$ID" cat /proc/self/cgroup | grep -qE ":cpu(,cpuacct)?:/coracle-$ID/sub$"
	rt exec --cgroup / "$ID" cat /proc/self/cgroup | grep -q ":memory:/coracle-$ID$"
	attempt rt exec --cgroup none "$ID" true
	refused 255 --cgroup " adding pid to " none "No such file"
	attempt rt exec --cgroup whaaat:/ "$ID" true
	refused 255 "unknown controller whaaat"
	attempt rt exec --cgroup memory:../.. "$ID" true
	refused 255 "bad sub cgroup path"
	attempt rt exec --cgroup memory:sub --cgroup memory:/ "$ID" true
	refused 255 "specified multiple times"
	attempt rt exec --cgroup memory:sub --cgroup / "$ID" true
	refused 255 "<controller>: prefix"
	attempt rt exec --cgroup :sub "$ID" true
	refused 255 "empty controller"
	end
	nothing_left
}

@test "exec_users_are_strict_numbers" {
	sleeper
	local u
	for u in root 1000:worker -1 1000: :5 0x10 " 5" 5x 4294967295 99999999999 1:2:3; do
		attempt rt exec --user "$u" "$ID" true
		refused 255 --user
	done
	[ "$(rt exec -u 7 "$ID" id -u)" = 7 ]
	[ "$(rt exec --user "" --cwd "" --process "" --pid-file "" --console-socket "" --apparmor "" "$ID" id -u)" = 0 ] # not given
	attempt rt exec -g -1 "$ID" true
	refused 255 additional-gids
	end
}

@test "exec_leaves_no_helper_behind" {
	mkfifo "$SYNC/go"
	spec --arg d "$SYNC" '.mounts += [{destination: "/sync", source: $d, options: ["bind"]}]'
	sleeper
	(cd "$BATS_TEST_TMPDIR" && rt exec -d --pid-file p "$ID" sh -c 'read a < /sync/go' < /dev/null > /dev/null 2>&1 3>&-)
	[ "$(rt ps -f json "$ID" | jq length)" = 2 ]
	run ! pgrep -f -- "--root $STATE"
	echo > "$SYNC/go"
	await "$(cat "$BATS_TEST_TMPDIR/p")"
	end
}

@test "exec_of_process_json_has_no_use_for_a_command_and_a_paused_container_runs_what_it_is_told_to" {
	sleeper
	rt pause "$ID"
	(rt exec --ignore-paused -d --pid-file "$BATS_TEST_TMPDIR/p" "$ID" true < /dev/null > /dev/null 2>&1 3>&-) &
	local waiter=$!
	rt resume "$ID"
	wait "$waiter"
	jq '.process | .args = ["cat", "/proc/self/status"] | .user = {uid: 9, gid: 8, additionalGids: [7, 6]}' "$B/config.json" > "$BATS_TEST_TMPDIR/q"
	rt exec --process="$BATS_TEST_TMPDIR/q" "$ID" > "$BATS_TEST_TMPDIR/s"
	grep -qP '^Uid:\t9\t9\t9\t9$' "$BATS_TEST_TMPDIR/s"
	grep -qP '^Groups:\t6 7 ?$' "$BATS_TEST_TMPDIR/s"
	end
}

# --- the finer points -----------------------------------------------------------------------------

@test "pidfd_socket_gets_a_pidfd_of_init_and_of_an_exec" {
	local s=$BATS_TEST_TMPDIR/s d=$BATS_TEST_TMPDIR
	spec '.process.args = ["sleep", "1000"]'
	"$TOOLS/pidfd" "$s" sh -c '"$1" runtime --root "$2" create -b "$3" --pidfd-socket "$4" "$5" < /dev/null > /dev/null 2>&1' \
		sh "$CORACLE" "$STATE" "$B" "$s" "$ID" > "$d/said" 3>&-
	[ "$(cat "$d/said")" = "standard $(state pid)" ]
	rt start "$ID"
	rm "$s"
	"$TOOLS/pidfd" "$s" sh -c '"$1" runtime --root "$2" exec -d --pid-file "$3" --pidfd-socket "$4" "$5" sleep 1000 < /dev/null > /dev/null 2>&1' \
		sh "$CORACLE" "$STATE" "$d/p" "$s" "$ID" > "$d/said" 3>&-
	[ "$(cat "$d/said")" = "setns $(cat "$d/p")" ]
	attempt rt exec --pidfd-socket /not/there "$ID" true
	refused 255 "pidfd socket" /not/there
	end
	nothing_left
}

@test "kill_of_a_stopped_container_says_so_and_kill_all_does_not" {
	sleeper
	local pid
	pid=$(state pid)
	rt kill "$ID" KILL
	await "$pid"
	attempt rt kill "$ID" TERM
	refused 1 "container not running"
	attempt rt kill "$ID" 0
	refused 1 "container not running"
	rt kill -a "$ID" KILL
	rt kill --all=true "$ID" TERM
	rt delete "$ID"
	attempt rt delete "$ID"
	refused 1 "container does not exist" "$ID"
	rt delete --force "$ID"
	rt delete -f=true "$ID"
	nothing_left
}

@test "wait_tells_how_what_nobody_watches_ended" {
	local waiter pid nobody="$ID has ended, but nobody was there to record how"
	sleeper
	pid=$(state pid)
	"$CORACLE" wait --root "$STATE" "$ID" > "$BATS_TEST_TMPDIR/status" 2>&1 3>&- &
	waiter=$!
	until grep -qs inotify "/proc/$waiter/fdinfo/"*; do sleep 0.01; done
	rt kill "$ID" KILL
	wait "$waiter" || cat "$BATS_TEST_TMPDIR/status"
	# Linux before 6.15 knows as long as nobody has reaped it.
	if printf '%s\n' 6.15 "$(uname -r)" | sort -CV; then
		[ "$(cat "$BATS_TEST_TMPDIR/status")" = 137 ]
	else
		[[ $(cat "$BATS_TEST_TMPDIR/status") == @(137|*"$nobody") ]]
	fi
	await_no_path "/proc/$pid"
	run -1 "$CORACLE" wait --root "$STATE" "$ID"
	[[ "$output" == *"$nobody" ]]
	rt delete "$ID"
	nothing_left
}

@test "an_exec_whose_helper_is_killed_says_so" {
	sleeper
	attempt strace -D -f -qq -o /dev/null -e trace=setns -e inject=setns:signal=KILL "$CORACLE" runtime --root "$STATE" exec "$ID" true
	refused 255 "unable to start container process: clone a process: who was to do so in the namespaces that were given was killed"
	rt exec "$ID" true
	# One whose container ends meanwhile, too.
	attempt strace -D -f -qq -o /dev/null -e trace=setns -e inject=setns:error=ESRCH "$CORACLE" runtime --root "$STATE" exec "$ID" true
	refused 255 "cannot exec in a stopped container"
	end
	nothing_left
}

@test "kill_all_signals_every_process_without_a_pid_namespace" {
	mkfifo "$SYNC/out"
	spec --arg d "$SYNC" '.mounts += [{destination: "/sync", source: $d, options: ["bind"]}]
		| .linux.namespaces |= map(select(.type != "pid"))
		| .process.args = ["sh", "-c", "exec 5> /sync/out; child() { trap \"echo child $1 >&5\" USR1; echo ready >&5; while :; do sleep 0.01; done; }; child 1 & child 2 & trap \"echo init >&5\" USR1; echo ready >&5; while :; do sleep 0.01; done"]'
	create
	rt start "$ID"
	exec 7<> "$SYNC/out"
	local got=
	for _ in 1 2 3; do read -r -u 7; done
	rt kill --all "$ID" USR1
	for _ in 1 2 3; do
		read -r -u 7
		got+="$REPLY,"
	done
	exec 7>&-
	[ "$(tr , '\n' <<< "$got" | sort | tr '\n' ' ')" = " child 1 child 2 init " ] || { echo "$got"; return 1; }
	end
	nothing_left
}

@test "a_copy_under_a_runtimes_name_is_the_runtime" {
	local name dir=$BATS_TEST_TMPDIR/copies
	mkdir "$dir"
	for name in runc crun coracle-runtime crun-1.8 runc.real myruntimeXyz; do
		cp "$CORACLE" "$dir/$name"
		run -0 "$dir/$name" features
		[[ $output == *'"ociVersionMax"'* ]]
		rm "$dir/$name"
	done
	for name in coracle coracle-1.0 containerd-shim-runc-v2 another; do
		cp "$CORACLE" "$dir/$name"
		run ! "$dir/$name" features
		rm "$dir/$name"
	done
}

@test "help_is_told_in_all_the_ways_of_runc" {
	local verb want
	run -0 rt --help
	want=$output
	[[ $want == *update*events*features* ]]
	for verb in -h -help help h ""; do
		# shellcheck disable=SC2086
		run -0 rt $verb
		[ "$output" = "$want" ]
	done
	for verb in create start run exec state kill delete list ps pause resume update events spec features; do
		run -0 rt "$verb" --help
		want=$output
		[[ $want == *"coracle runtime $verb"* ]]
		run -0 rt help "$verb"
		[ "$output" = "$want" ]
		run -0 rt "$verb" -h
		[ "$output" = "$want" ]
	done
	run -0 rt -v
	[[ ${lines[0]} == *" version "* ]]
	[[ ${lines[1]} == "spec: 1."* ]]
	attempt rt help nonsense
	refused 3 nonsense
}

@test "options_are_spelt_as_go_has_them_to_the_last_corner" {
	spec '.process.args = ["true"]'
	rt run --b "$B" --no-pivot=F --keep=false "$ID"
	rt run "$ID" -b "$B"
	rt run -bundle="$B" --detach=0 --pid-file "" --console-socket= "$ID"
	(cd "$B" && rt run --bundle "" "$ID")
	create_sleeper
	rt kill "$ID" --all=T KILL
	rt delete "$ID" --f
	nothing_left
}

@test "statuses_of_wrong_command_lines_are_runc_s" {
	local line ours theirs bad=0
	create_sleeper
	rc create -b "$B" "$ID" < /dev/null > /dev/null 2>&1 3>&-
	while read -r line; do
		ours=0 theirs=0
		# shellcheck disable=SC2086
		rt ${line//@/$ID} < /dev/null > /dev/null 2>&1 3>&- || ours=$?
		# shellcheck disable=SC2086
		rc ${line//@/$ID} < /dev/null > /dev/null 2>&1 3>&- || theirs=$?
		[ "$ours" = "$theirs" ] || { bad=1; echo "$line: $ours, runc: $theirs"; }
	done <<- 'END'
		nonsense
		help nonsense
		--nonsense list
		list -f xml
		list extra
		state
		state nope
		start nope
		kill nope
		kill @ NONSENSE
		delete nope
		delete @ two
		delete --force nope
		exec
		exec @
		exec nope true
		exec --nonsense @
		exec --user root @ true
		exec --cwd relative @ true
		ps nope
		pause nope
		resume @
		update nope
		update --cpu-share x @
		update --resources /not/there @
		events --stats nope
		events --interval 0s @
		features x
		spec x
		create x y
		create -b /not/there x
		run
		--version
		help create
	END
	end
	rc delete --force "$ID"
	[ $bad = 0 ]
}

@test "every_option_of_runc_and_crun_is_there_with_help" {
	local verb option bad=
	for verb in create delete events exec kill list ps run spec update; do
		for option in $({ runc "$verb" --help; crun "$verb" --help 2> /dev/null || true; } | grep -oE '^ +(-[a-z], )?--[a-z0-9-]+' | grep -oE -- '--[a-z0-9-]+' | sort -u); do
			case $verb$option in *--help | *--usage | run--config | create--config | spec--file) continue ;; esac
			rt "$verb" --help | grep -qE -- "$option( |\$)" || bad+="$verb $option; "
		done
	done
	for option in root log log-format log-level debug systemd-cgroup rootless cgroup-manager version; do
		rt --help | grep -q -- "--$option" || bad+="$option; "
	done
	[ -z "$bad" ] || { echo "not there: $bad"; return 1; }
}

# docker takes what is before and after the word of the line that has it; go-runc the rest of its own lines; podman and CRI-O
# show all.
@test "the_version_is_told_in_a_form_that_clients_read" {
	run -0 rt --version
	[ ${#lines[@]} = 2 ]
	[[ ${lines[0]} =~ ^coracle\ version\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
	[[ ${lines[1]} =~ ^spec:\ 1\.[0-9]+\.[0-9]+$ ]]
	[ "$(rt features | jq -r .ociVersionMax)" = "${lines[1]#spec: }" ]
}

@test "who_wants_errors_alone_hears_no_warnings" {
	local level log=$BATS_TEST_TMPDIR/log
	create_sleeper
	for level in "" --log-level=warning --log-level=error; do
		# shellcheck disable=SC2086
		attempt rt $level update --kernel-memory 1m "$ID"
		[ "$status" = 0 ]
		[ "$level" = --log-level=error ] || [[ $stderr == *"warning: memory.kernel is ignored"* ]]
	done
	[ -z "$stderr" ]
	# crun's name for a file.
	attempt rt --log "file:$log" update --kernel-memory 1m "$ID"
	grep -q 'level=warning msg="memory.kernel is ignored' "$log"
	attempt rt --log "file:$log" --log-level error state none
	refused 1 "container does not exist: none"
	grep -q 'level=error msg="container does not exist: none' "$log"
	end
	# Of a configuration that asks for it, too.
	spec '.process.args = ["true"] | .linux.resources.memory = {kernel: 1048576}'
	attempt rt run -b "$B" "$ID"
	[ "$status" = 0 ]
	[[ $stderr == *"warning: memory.kernel is ignored"* ]]
}

@test "global_options_are_checked" {
	attempt rt --rootless maybe list
	refused 1 --rootless maybe
	attempt rt --cgroup-manager nonsense list
	refused 1 --cgroup-manager nonsense
	local r
	mkdir "$STATE"
	for r in auto true false; do rt --rootless "$r" --cgroup-manager cgroupfs --criu /x list -q; done
}

@test "a_disabled_cgroup_manager_makes_no_cgroup" {
	spec '.linux.resources = {devices: [{allow: false, access: "rwm"}]} | .process.args = ["cat", "/proc/self/cgroup"]
		| .linux.namespaces |= map(select(.type != "cgroup"))'
	run -0 rt --cgroup-manager disabled run -b "$B" "$ID"
	[ "$output" = "$(cat /proc/self/cgroup)" ]
	spec '.process.args = ["sleep", "1000"]'
	rt --cgroup-manager disabled create -b "$B" "$ID" < /dev/null > /dev/null 2>&1 3>&-
	rt start "$ID"
	run ! compgen -G "/sys/fs/cgroup/*/coracle-$ID"
	rt exec "$ID" true
	attempt rt pause "$ID"
	refused 1 "cgroups not configured"
	end
	spec '.linux.resources.pids.limit = 5'
	attempt rt --cgroup-manager disabled run -b "$B" "$ID"
	refused 1 linux.resources
	nothing_left
}

@test "the_log_has_a_line_of_json_for_each_error_and_text_is_the_default" {
	local log=$BATS_TEST_TMPDIR/log
	attempt rt --log "$log" --log-format json state "$ID"
	refused 1 "does not exist"
	attempt rt --log "$log" --log-format json kill --nonsense "$ID"
	refused 1 --nonsense
	jq -es 'length == 2 and all(.[]; keys == ["level", "msg", "time"] and .level == "error")
		and (.[0].msg | contains("does not exist")) and (.[1].msg | contains("--nonsense"))' "$log"
	rm "$log"
	attempt rt --log "$log" state "$ID"
	grep -qE '^time="20[^"]+" level=error msg="container does not exist: [^"]+"$' "$log"
	attempt rt --log /not/there/log state "$ID"
	refused 1 /not/there/log
}

@test "a_configuration_may_lie_anywhere" {
	mv "$B/config.json" "$BATS_TEST_TMPDIR/other.json"
	attempt rt run -b "$B" "$ID"
	refused 1 "$B/config.json"
	run -0 rt run -b "$B" --config "$BATS_TEST_TMPDIR/other.json" "$ID" < /dev/null
	cd "$BATS_TEST_TMPDIR"
	run -0 rt run -b "$B" -f other.json "$ID" < /dev/null
	attempt rt create -b "$B" -f none.json "$ID"
	refused 1 "$BATS_TEST_TMPDIR/none.json" "o such file"
}

# As with crun, but a failure is one.
@test "a_regular_expression_chooses_whom_to_kill_and_to_delete" {
	local id first=$ID
	for ID in "$first-web-1" "$first-web-22" "$first-db"; do
		create_sleeper
		rt start "$ID"
	done
	ID=$first
	attempt rt kill --regex 'a{2}' KILL
	refused 1 "option --regex: 'a{2}'"
	attempt rt delete --force --regex '('
	refused 1 "option --regex: '('"
	run -0 rt delete -r "^$ID-(mail|news)$"
	run -0 rt kill -r "^$ID-web-[0-9]+$" KILL
	for id in web-1 web-22; do
		until [ "$(rt state "$ID-$id" | jq -r .status)" = stopped ]; do :; done
	done
	[ "$(rt state "$ID-db" | jq -r .status)" = running ]
	attempt rt delete --regex "^$ID-"
	refused 1 "$ID-db that is not stopped: running"
	[ "$(rt list -q)" = "$ID-db" ]
	run -0 rt delete -f -r "$ID"
	[ -z "$(rt list -q)" ]
	run -0 rt delete -f -r .
	nothing_left
}
