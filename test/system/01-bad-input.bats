#!/usr/bin/env bats
# bats file_tags=long
# 01-bad-input.bats - what cannot work: one clear line that names it, the right exit status, and nothing left.
# shellcheck disable=SC2016,SC2030,SC2031 # jq's variables; each test is a shell

load runtime

setup() { runtime_setup; }
teardown() { runtime_teardown; }

# bad STATUS WORD... -- COMMAND...: it is refused so, and leaves nothing.
bad() {
	local want=$1 words=()
	shift
	while [ "$1" != -- ]; do
		words+=("$1")
		shift
	done
	shift
	attempt "$@"
	refused "$want" "${words[@]}"
	nothing_left
}

# bad_spec WORD... -- FILTER: config.json with this change is refused by create.
bad_spec() {
	local words=()
	while [ "$1" != -- ]; do
		words+=("$1")
		shift
	done
	cp "$B/config.json" "$B/whole"
	spec "$2"
	bad 1 "${words[@]}" -- rt create -b "$B" "$ID"
	mv "$B/whole" "$B/config.json"
}

@test "a_config_that_is_no_json_is_refused_with_line_and_column" {
	printf '{\n "ociVersion": "1.0.2",\n "process": {,}\n}\n' > "$B/config.json"
	bad 1 config.json "line 3" "column 15" -- rt create -b "$B" "$ID"
	printf '{\n "ociVersion": "1.0.2"' > "$B/config.json"
	bad 1 config.json "line 2" -- rt create -b "$B" "$ID"
	: > "$B/config.json"
	bad 1 config.json -- rt run -b "$B" "$ID"
	echo '[]' > "$B/config.json"
	bad 1 config.json object -- rt run -b "$B" "$ID"
	head -c 100000 /dev/zero | tr '\0' '[' > "$B/config.json"
	bad 1 config.json -- rt run -b "$B" "$ID"
	head -c 1000 /dev/urandom > "$B/config.json"
	bad 1 config.json -- rt run -b "$B" "$ID"
}

@test "a_wrong_type_names_the_field" {
	bad_spec process.args list -- '.process.args = "sh"'
	bad_spec 'process.args[1]' string -- '.process.args = ["sh", 1]'
	bad_spec process.terminal -- '.process.terminal = "yes"'
	bad_spec process.user.uid -- '.process.user.uid = -1'
	bad_spec process.user.uid -- '.process.user.uid = 4294967296'
	bad_spec 'mounts[0]' -- '.mounts = ["/proc"]'
	bad_spec 'mounts[1].options' -- '.mounts[1].options = "ro"'
	bad_spec linux.resources.memory.limit -- '.linux.resources.memory = {limit: "64M"}'
	bad_spec linux.namespaces -- '.linux.namespaces = {}'
	bad_spec root.readonly -- '.root.readonly = 1'
	bad_spec 'hooks.prestart[0].path' -- '.hooks = {prestart: [{path: 3}]}'
}

@test "what_is_missing_is_named" {
	bad_spec process missing -- 'del(.process)'
	bad_spec process.args -- 'del(.process.args)'
	bad_spec process.args -- '.process.args = []'
	bad_spec process.cwd -- 'del(.process.cwd)'
	bad_spec process.cwd absolute -- '.process.cwd = "tmp"'
	bad_spec root missing -- 'del(.root)'
	bad_spec root.path -- 'del(.root.path)'
	bad_spec ociVersion 9.0.0 -- '.ociVersion = "9.0.0"'
	bad_spec 'mounts[0].destination' -- 'del(.mounts[0].destination)'
	bad_spec hostname uts -- '.linux.namespaces |= map(select(.type != "uts"))'
	rm "$B/config.json"
	bad 1 config.json "No such file" -- rt create -b "$B" "$ID"
	bad 1 "$B/not" "No such file" -- rt create -b "$B/not" "$ID"
}

@test "unknown_words_are_named" {
	bad_spec namespaces nonsense -- '.linux.namespaces += [{type: "nonsense"}]'
	bad_spec RLIMIT_NONSENSE -- '.process.rlimits = [{type: "RLIMIT_NONSENSE", soft: 1, hard: 1}]'
	bad_spec "mount x" nonsensefs /m -- '.mounts += [{destination: "/m", type: "nonsensefs", source: "x"}]'
	bad_spec "mount tmpfs" /m nonsense -- '.mounts += [{destination: "/m", type: "tmpfs", source: "tmpfs", options: ["nonsense"]}]'
	bad_spec rootfsPropagation nonsense -- '.linux.rootfsPropagation = "nonsense"'
	bad_spec seccomp SCMP_ACT_NONSENSE -- '.linux.seccomp = {defaultAction: "SCMP_ACT_NONSENSE"}'
	bad_spec seccomp SCMP_ARCH_NONSENSE -- '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_NONSENSE"]}'
	bad_spec 'devices[0].type' "'q'" -- '.linux.devices = [{path: "/dev/x", type: "q", major: 1, minor: 1}]'
	bad_spec sysctl kernel.panic -- '.linux.sysctl = {"kernel.panic": "1"}'
	bad_spec sysctl net.ipv4.nonsense -- '.linux.sysctl = {"net.ipv4.nonsense": "1"}'
	bad_spec sysctl kernel.domainname domainname -- '.domainname = "a" | .linux.sysctl = {"kernel.domainname": "b"}'
	bad_spec sysctl net network -- '.linux.namespaces |= map(select(.type != "network")) | .linux.sysctl = {"net.ipv4.ip_forward": "1"} | .mounts |= map(select(.type != "sysfs"))'
}

@test "sources_and_targets_that_are_not_there_are_named" {
	bad_spec /m /not/there "No such file" -- '.mounts += [{destination: "/m", source: "/not/there", options: ["bind"]}]'
	bad_spec /m source -- '.mounts += [{destination: "/m", options: ["bind"]}]'
	bad_spec "root file system" /not/there "No such file" -- '.root.path = "/not/there"'
	bad_spec "root file system" -- '.root.path = "/dev/null"'
	bad_spec network /not/there -- '.linux.namespaces |= map(if .type == "network" then .path = "/not/there" else . end)'
	bad_spec network /dev/null -- '.linux.namespaces |= map(if .type == "network" then .path = "/dev/null" else . end)'
	bad_spec "/bin/sh/m" "directory" -- '.mounts += [{destination: "/bin/sh/m", type: "tmpfs", source: "x"}]'
}

# What runc takes for a link: any step of root.path, not of the bundle's own path.
@test "a_root_path_through_a_symbolic_link_is_refused_and_a_bundle_through_one_is_not" {
	local path deny
	ln -s "$ROOTFS" "$B/link"
	ln -s "$ROOTFS/" "$B/slash"
	ln -s "$(dirname "$ROOTFS")" "$B/above"
	ln -s "$B" "$BATS_TEST_TMPDIR/bundle"
	mkdir "$B/real"
	mount --bind "$ROOTFS" "$B/real"
	for path in link link/ link/. slash ./link "$B/link" "above/${ROOTFS##*/}" "$BATS_TEST_TMPDIR/bundle/real" \
		../bundle/real /proc/self/cwd /proc/self/root; do
		cp "$B/config.json" "$B/whole"
		spec --arg p "$path" '.root.path = $p'
		for deny in "" openat2; do
			attempt ${deny:+"$TOOLS/deny" openat2 --} "$CORACLE" runtime --root "$STATE" create -b "$B" "$ID"
			refused 1 root.path "$path" "symbolic link" "readlink -f"
		done
		mv "$B/whole" "$B/config.json"
	done
	# What ".." takes back is no step of it.
	for path in real real/ ./real "../${B##*/}/real" "$B//real/" "$B/above/../real" above/../real nothing/../real; do
		spec --arg p "$path" '.root.path = $p | .process.args = ["echo", "ran"]'
		for deny in "" openat2; do
			attempt ${deny:+"$TOOLS/deny" openat2 --} "$CORACLE" runtime --root "$STATE" run -b "$BATS_TEST_TMPDIR/bundle" "$ID"
			[ "$status/$output" = 0/ran ] || { echo "$path, without '$deny': $stderr"; return 1; }
		done
	done
	umount "$B/real"
	nothing_left
}

@test "limits_that_the_kernel_refuses_are_named" {
	bad_spec cpus -- '.linux.resources.cpu = {cpus: "4096-5000"}'
	bad_spec cpus -- '.linux.resources.cpu = {cpus: "nonsense"}'
	bad_spec quota -- '.linux.resources.cpu = {quota: 1, period: 100000}'
	bad_spec cgroupsPath -- '.linux.cgroupsPath = "/a/../../b"'
	bad_spec 'rlimits[0]' soft hard -- '.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 5, hard: 4}]'
	bad_spec oomScoreAdj -- '.process.oomScoreAdj = 5000'
}

@test "a_missing_command_is_named_and_so_is_one_that_cannot_be_executed" {
	own_rootfs
	echo text > "$ROOTFS/text"
	printf 'no program' > "$ROOTFS/bad" && chmod 755 "$ROOTFS/bad"
	printf '#!/not/there\n' > "$ROOTFS/script" && chmod 755 "$ROOTFS/script"
	local status
	for verb in create run; do
		spec '.process.args = ["nope"]'
		bad 1 '"nope"' 'not found in $PATH' -- rt $verb -b "$B" "$ID"
		spec '.process.args = ["/not/there"]'
		bad 1 '"/not/there"' "o such file" -- rt $verb -b "$B" "$ID"
		spec '.process.args = ["/text"]'
		bad 1 '"/text"' "ermission denied" -- rt $verb -b "$B" "$ID"
		spec '.process.args = ["/etc"]'
		bad 1 '"/etc"' -- rt $verb -b "$B" "$ID"
	done
	spec '.process.args = ["/bad"]'
	bad 1 'exec /bad: exec format error' -- rt run -b "$B" "$ID"
	spec '.process.args = ["/script"]'
	bad 1 'exec /script: no such file or directory' -- rt run -b "$B" "$ID"
	spec '.process.args = ["true"] | .process.env = ["PATH=/nowhere"]'
	bad 1 '"true"' -- rt run -b "$B" "$ID"
}

@test "a_program_that_start_cannot_execute_is_told_by_start" {
	own_rootfs
	printf 'no program' > "$ROOTFS/bad" && chmod 755 "$ROOTFS/bad"
	spec '.process.args = ["/bad"]'
	create
	attempt rt start "$ID"
	refused 1 'exec /bad: exec format error'
	end
	nothing_left
}

@test "a_taken_id_is_refused_and_its_owner_unharmed" {
	create_sleeper
	local pid
	pid=$(state pid)
	attempt rt create -b "$B" "$ID"
	refused 1 "already exists" "$ID"
	attempt rt run -b "$B" "$ID"
	refused 1 "already exists" "$ID"
	[ "$(state pid)/$(state status)" = "$pid/created" ]
	rt start "$ID"
	end
	nothing_left
}

@test "ids_that_are_none_are_refused" {
	local id
	for id in "" . .. a/b ../x "a b" -x $'a\nb' "$(printf 'x%.0s' {1..300})" 'ä'; do
		bad 1 "" -- rt create -b "$B" -- "$id"
		bad 1 "" -- rt state -- "$id"
		bad 1 "" -- rt delete --force -- "$id"
	done
	[ -z "$(ls -A "$STATE" 2> /dev/null)" ]
}

@test "an_unwritable_state_directory_is_named_with_the_way_out" {
	echo file > "$BATS_TEST_TMPDIR/file"
	bad 1 "$BATS_TEST_TMPDIR/file" "--root" -- "$CORACLE" runtime --root "$BATS_TEST_TMPDIR/file" create -b "$B" "$ID"
	bad 1 "/proc/nope" "--root" -- "$CORACLE" runtime --root /proc/nope/state create -b "$B" "$ID"
	mkdir "$BATS_TEST_TMPDIR/full"
	mount -t tmpfs -o ro none "$BATS_TEST_TMPDIR/full"
	attempt "$CORACLE" runtime --root "$BATS_TEST_TMPDIR/full/x" create -b "$B" "$ID"
	umount "$BATS_TEST_TMPDIR/full"
	refused 1 "$BATS_TEST_TMPDIR/full" "Read-only file system" "--root"
	mount -t tmpfs -o mode=700,size=4k,nr_inodes=4 none "$BATS_TEST_TMPDIR/full"
	attempt "$CORACLE" runtime --root "$BATS_TEST_TMPDIR/full" create -b "$B" "$ID"
	[ -z "$(ls -A "$BATS_TEST_TMPDIR/full")" ]
	umount "$BATS_TEST_TMPDIR/full"
	refused 1 "No space left"
	nothing_left
}

@test "a_working_directory_that_was_removed_is_said_to_be_the_trouble" {
	mkdir "$BATS_TEST_TMPDIR/gone"
	cd "$BATS_TEST_TMPDIR/gone"
	rmdir "$PWD"
	bad 1 "working directory: No such file" -- rt create "$ID"
	bad 1 "working directory: No such file" -- rt run -b "$B" --pid-file pid "$ID"
	bad 1 "working directory: No such file" -- rt restore --image-path /tmp "$ID"
	bad 1 "working directory: No such file" -- rt restore --image-path /tmp -b "$B" --pid-file pid "$ID"
	bad 1 "working directory: No such file" -- rt restore -b "$B" "$ID"
	bad 1 "--root: state: No such file" -- "$CORACLE" runtime --root state list
	bad 1 "--root: ''" -- "$CORACLE" runtime --root "" list
	bad 1 "config.json: No such file" -- rt spec
	bad 125 "volume: ./x: No such file" -- "$CORACLE" run --root "$STATE" -v ./x:/x
	create_sleeper
	attempt rt exec --pid-file pid "$ID" true
	refused 255 "--pid-file: pid: No such file"
	attempt rt checkpoint "$ID"
	refused 1 "working directory: No such file"
	end
	nothing_left
}

@test "unknown_containers_commands_options_and_signals_are_named" {
	local verb
	for verb in state start delete pause resume ps kill exec; do
		attempt rt "$verb" "$ID"
		refused "$([ "$verb" = exec ] && echo 255 || echo 1)" "container does not exist" "$ID"
		attempt rt "$verb"
		refused 1 "argument"
	done
	bad 3 nonsense "runtime --help" -- rt nonsense
	bad 3 nonsense "runtime --help" -- rt help nonsense
	bad 1 --nonsense "runtime --help" -- rt --nonsense list
	bad 1 --nonsense "create --help" -- rt create --nonsense "$ID"
	bad 1 -q "create --help" -- rt create -q "$ID"
	bad 1 bundle -- rt create --bundle
	bad 1 two -- rt create -b "$B" "$ID" two
	bad 1 format nonsense -- rt list -f nonsense
	bad 1 log-format nonsense -- rt --log-format nonsense list
	bad 1 preserve-fds x -- rt create --preserve-fds x -b "$B" "$ID"
	create_sleeper
	attempt rt kill "$ID" NONSENSE
	refused 1 NONSENSE
	attempt rt kill "$ID" 99
	refused 1 99
	attempt rt kill "$ID" -- -1
	refused 1 -1
	end
	nothing_left
}

@test "verbs_at_the_wrong_time_say_so" {
	create_sleeper
	attempt rt resume "$ID"
	refused 1 "not paused" "$ID"
	rt start "$ID"
	attempt rt start "$ID"
	refused 1 "already running" "$ID"
	attempt rt delete "$ID"
	refused 1 "not stopped" "running" "$ID"
	[ "$(state status)" = running ]
	local pid
	pid=$(state pid)
	rt kill "$ID" KILL
	await "$pid"
	attempt rt start "$ID"
	refused 1 "stopped" "$ID"
	attempt rt kill "$ID" TERM
	refused 1 "not running" "$ID"
	attempt rt pause "$ID"
	refused 1 "not running" "$ID"
	attempt rt exec "$ID" true
	refused 255 "stopped" "$ID"
	rt kill --all "$ID" KILL
	rt delete "$ID"
	nothing_left
}

@test "exec_refuses_what_it_cannot_do" {
	create_sleeper
	rt start "$ID"
	attempt rt exec "$ID"
	refused 255 "command"
	attempt rt exec -u nonsense "$ID" true
	refused 255 "exec failed: option --user" nonsense
	attempt rt exec none true
	refused 255 "exec failed: container does not exist"
	attempt rt exec --cap CAP_NONSENSE "$ID" true # as runc: told, and let be
	[[ $status = 0 && $stderr == *"'CAP_NONSENSE' is ignored"* ]]
	attempt rt exec --cwd /not/there "$ID" true
	refused 255 /not/there "No such file"
	attempt rt exec --process /not/there "$ID"
	refused 255 /not/there
	echo '{"args": 1}' > "$BATS_TEST_TMPDIR/p"
	attempt rt exec --process "$BATS_TEST_TMPDIR/p" "$ID"
	refused 255 args
	attempt rt exec -t -d "$ID" true
	refused 255 console-socket
	attempt rt exec "$ID" /etc/passwd
	refused 255 /etc/passwd
	[ "$(rt ps -f json "$ID" | jq length)" = 1 ]
	end
	nothing_left
}

@test "a_console_or_pid_file_that_cannot_be_is_named" {
	spec '.process.terminal = true'
	bad 1 "console socket" "$BATS_TEST_TMPDIR/none" -- rt create -b "$B" --console-socket "$BATS_TEST_TMPDIR/none" "$ID"
	local long
	long=$BATS_TEST_TMPDIR/$(printf 'x%.0s' {1..120})
	bad 1 "console socket" -- rt create -b "$B" --console-socket "$long" "$ID"
	spec '.process.terminal = false'
	bad 1 "pid file" /not/there -- rt create -b "$B" --pid-file /not/there/pid "$ID"
	bad 1 "pid file" /not/there -- rt run -b "$B" --pid-file /not/there/pid "$ID"
}

@test "errors_are_in_the_log_as_json_too" {
	attempt rt --log "$BATS_TEST_TMPDIR/log" --log-format json create -b /not/there "$ID"
	refused 1 /not/there
	[ "$(wc -l < "$BATS_TEST_TMPDIR/log")" = 1 ]
	jq -e '.level == "error" and (.msg | contains("/not/there")) and (.time | test("^20"))' "$BATS_TEST_TMPDIR/log"
}

# refuses WORDS COMMAND...: it fails, says one line on stderr with these words and nothing else, and leaves nothing of ID.
refuses() {
	local saying=$1
	shift
	attempt "$@"
	if [ "$status" = 0 ]; then
		end
		echo "accepted"
	elif [ -n "$output" ] || [ "${#stderr_lines[@]}" != 1 ] || [[ $stderr != *"$saying"* ]]; then
		echo "$stderr$output"
	elif [ -e "$STATE/$ID" ] || compgen -G "/sys/fs/cgroup/*/*$ID*" > /dev/null; then
		echo "left something"
	else
		return 0
	fi
	return 1
}

@test "wrong_configurations_are_refused_by_the_path_of_the_field" {
	local line config why bad=0 all=0
	grep -v '^#' "$BATS_TEST_DIRNAME/../data/bad/configs" > "$BATS_TEST_TMPDIR/table"
	# All of them by one jq: "(change), (change), ...".
	jq -c "$(sed 's/^[^|]* | /(/; s/$/),/; $s/,$//' "$BATS_TEST_TMPDIR/table")" "$B/config.json" > "$BATS_TEST_TMPDIR/configs"
	while IFS= read -r line <&8 && IFS= read -r config <&9; do
		printf '%s\n' "$config" > "$B/config.json"
		all=$((all + 1))
		why=$(refuses "${line%% | *}" rt create -b "$B" "$ID") || {
			bad=$((bad + 1))
			echo "$line: $why"
		}
	done 8< "$BATS_TEST_TMPDIR/table" 9< "$BATS_TEST_TMPDIR/configs"
	[ $all -gt 150 ]
	[ $bad = 0 ]
	nothing_left
}

@test "wrong_command_lines_are_refused_by_the_option" {
	local saying args why bad=0
	create_sleeper
	local ID=$ID-2
	spec '.process.args = ["true"]'
	echo '{"memory": {"limit": "x"}}' > "$BATS_TEST_TMPDIR/r"
	echo '{"devices": [{"allow": true, "type": "q", "access": "r"}]}' > "$BATS_TEST_TMPDIR/q"
	while IFS='|' read -r saying args; do
		# shellcheck disable=SC2086,SC2294
		why=$(eval refuses '"$saying"' rt $args) || {
			bad=$((bad + 1))
			echo "rt $args: $why, not: $saying"
		}
	done <<- 'END'
		unknown command nonsense|nonsense
		unknown command Create|Create $ID
		unknown option --nonsense|--nonsense list
		no value for option root|--root
		option --log-format: 'xml'|--log-format xml list
		option --log-level: 'loud'|--log-level loud list
		option --rootless: 'maybe'|--rootless maybe list
		option --cgroup-manager: 'none'|--cgroup-manager none list
		option --debug: 'maybe'|--debug=maybe list
		open log /not/there/log|--log /not/there/log list
		unknown engine 'nonsense'|--engine nonsense create -b $B $ID
		too few arguments|create
		too many arguments|create -b $B $ID two
		unknown option --nonsense|create --nonsense $ID
		unknown option -x|create -x $ID
		no value for option bundle|create $ID --bundle
		no value for option bundle|create $ID -b
		option --no-pivot: 'maybe'|create --no-pivot=maybe -b $B $ID
		option --preserve-fds: 'x'|create --preserve-fds x -b $B $ID
		option --preserve-fds: ''|create --preserve-fds= -b $B $ID
		--preserve-fds: -1|create --preserve-fds -1 -b $B $ID
		/not/there|create -b /not/there $ID
		--console-socket is of no use|create -b $B --console-socket /not/there $ID
		pid file /not/there/p|create -b $B --pid-file /not/there/p $ID
		pidfd socket /not/there|create -b $B --pidfd-socket /not/there $ID
		invalid container id|create -b $B a/b
		invalid container id|create -b $B ''
		invalid container id|create -b $B ..
		invalid container id|run -b $B 'a b'
		unknown option --keeps|run --keeps -b $B $ID
		too few arguments|start
		too many arguments|start $ID two
		does not exist|start $ID
		unknown option -f|start -f $ID
		does not exist|state $ID
		invalid container id|state ../x
		too many arguments|state $ID two
		unknown signal 'NONSENSE'|kill $ID NONSENSE
		unknown signal '99'|kill $ID 99
		unknown signal '-1'|kill $ID -- -1
		does not exist|kill $ID
		too many arguments|kill $ID TERM three
		does not exist|delete $ID
		option --force: 'x'|delete --force=x $ID
		option --format: 'xml'|list -f xml
		too many arguments|list x
		option --format: 'xml'|ps -f xml $ID
		does not exist|ps $ID
		does not exist|pause $ID
		does not exist|resume $ID
		does not exist|exec $ID true
		too few arguments|exec
		option --user: 'root'|exec --user root ${ID%-2} true
		option --user: '1:'|exec --user 1: ${ID%-2} true
		option --additional-gids: 'x'|exec -g x ${ID%-2} true
		no command|exec ${ID%-2}
		process file /not/there|exec --process /not/there ${ID%-2}
		--console-socket|exec -t -d ${ID%-2} true
		--console-socket is of no use|exec --console-socket /not/there ${ID%-2} true
		is not NAME=VALUE|exec -e NOEQUALS ${ID%-2} true
		--cgroup|exec --cgroup none ${ID%-2} true
		does not exist|update --memory 64m $ID
		option --memory: '64x'|update --memory 64x ${ID%-2}
		option --memory: '-2'|update --memory=-2 ${ID%-2}
		option --cpu-share: 'many'|update --cpu-share many ${ID%-2}
		option --cpu-period: '-1'|update --cpu-period -1 ${ID%-2}
		option --pids-limit: '1.5'|update --pids-limit 1.5 ${ID%-2}
		option --blkio-weight: '0x10'|update --blkio-weight 0x10 ${ID%-2}
		memory.limit: expected a number|update --resources $BATS_TEST_TMPDIR/r ${ID%-2}
		devices[0].type: 'q'|update --resources $BATS_TEST_TMPDIR/q ${ID%-2}
		resources /not/there|update -r /not/there ${ID%-2}
		does not exist|events $ID
		option --interval: 'x'|events --interval x ${ID%-2}
		option --interval|events --interval 0s ${ID%-2}
		too many arguments|features x
		open bundle /not/there|spec -b /not/there
		config.json exists|spec -b $B
		too many arguments|spec x
	END
	[ $bad = 0 ]
	ID=${ID%-2}
	end
	nothing_left
}

@test "hostile_configurations_are_refused_at_once" {
	local deep
	deep=$(printf '[%.0s' {1..70})$(printf ']%.0s' {1..70})
	jq -c --argjson n '{"a": 1}' '.annotations = $n' "$B/config.json" | sed "s/\"a\":1/\"a\":$deep/" > "$B/deep"
	mv "$B/deep" "$B/config.json"
	bad 1 "more than 64 levels deep" -- rt create -b "$B" "$ID"
	cp "$BATS_FILE_TMPDIR/config.json" "$B/config.json"
	{ jq -c . "$B/config.json" | sed 's/}$/,"x":"/'; head -c 5000000 /dev/zero | tr '\0' x; echo '"}'; } > "$B/big"
	mv "$B/big" "$B/config.json"
	bad 1 "larger than" -- rt create -b "$B" "$ID"
	cp "$BATS_FILE_TMPDIR/config.json" "$B/config.json"
	bad_spec "mounts" -- '.mounts = [range(60000) | {}]'
	bad_spec "linux.namespaces[1]" -- '.linux.namespaces = [range(100000) | {type: "uts"}]'
	bad_spec "linux.uidMappings" -- '.linux.uidMappings = [range(50000) | {size: 0}]'
	bad_spec "process.user.additionalGids[100000]" -- '.process.user.additionalGids = [range(100000)] + [-1]'
	# A name given twice: the last counts, as in Go.
	sed '0,/{/s//{"process": {"args": ["false"], "cwd": "relative"},/' "$B/config.json" > "$B/twice"
	mv "$B/twice" "$B/config.json"
	spec '.process.args = ["true"]'
	rt run -b "$B" "$ID"
	nothing_left
}
