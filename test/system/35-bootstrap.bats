#!/usr/bin/env bats
# 35-bootstrap.bats - the commands of the shim's binary as each containerd gives them: start, delete, -info, -v.

load helper

NS=bats${BATS_RUN_TMPDIR##*-}-${BATS_FILE_TMPDIR##*/}
GRPC=/nowhere/c.sock

setup_file() {
	mkdir "$BATS_FILE_TMPDIR/bin"
	ln -s "$(readlink -f "$CORACLE")" "$BATS_FILE_TMPDIR/bin/containerd-shim-coracle-v2"
	ln -s containerd-shim-coracle-v2 "$BATS_FILE_TMPDIR/bin/containerd-shim-runc-v2"
}

setup() {
	[ "$(id -u)" = 0 ] || skip "needs root"
	ID=$(cid b)
	DIR=$BATS_TEST_TMPDIR/bundle
	OUT=$BATS_TEST_TMPDIR/out
	# Short enough for a socket in it.
	SOCKETS=/run/$ID
	mkdir "$DIR"
	echo '{}' > "$DIR/config.json"
	: > "$BATS_TEST_TMPDIR/in"
	cd "$DIR" || return
}

teardown() {
	local pid
	[ -z "${HEARER:-}" ] || kill "$HEARER"
	for pid in $(servers); do
		kill -9 "$pid"
		await_end "$pid"
	done
	# Its socket, and a container if a test failed with one.
	"$BATS_FILE_TMPDIR/bin/containerd-shim-coracle-v2" -namespace "$NS" -id "$ID" -address $GRPC -bundle "$DIR" delete > /dev/null
	rm -rf "${SOCKETS:?}"
}

servers() {
	pgrep -f -- "^containerd-shim-coracle-v2 -namespace $NS -id $ID"
}

# shim VARIABLE=VALUE... -- ARGUMENT...: with the file in as its stdin, like containerd both outputs together.
shim() {
	local env=()
	while [ "$1" != -- ]; do
		env+=("$1")
		shift
	done
	shift
	env -u MAX_SHIM_VERSION -u TTRPC_ADDRESS "${env[@]}" "$BATS_FILE_TMPDIR/bin/containerd-shim-coracle-v2" "$@" \
		2>&1 < "$BATS_TEST_TMPDIR/in"
}

# start VARIABLE=VALUE...: as containerd does.
start() {
	shim "$@" -- -namespace "$NS" -id "$ID" -address $GRPC -publish-binary /bin/false start
}

# says FIELD...: what is on its stdin from now on.
says() {
	"$BATS_TEST_DIRNAME/pb" "$@" > "$BATS_TEST_TMPDIR/in"
}

# address_in DIRECTORY [GROUP [GRPC]]
address_in() {
	echo "unix://$1/$(printf %s "${3:-$GRPC}/$NS/${2:-$ID}" | sha256sum | cut -d' ' -f1)"
}

# refused STATUS PATTERN: what was run last said one line, and nothing was started.
refused() {
	[ "$status" = "$1" ]
	[ "${#lines[@]}" = 1 ]
	# shellcheck disable=SC2053 # a pattern
	[[ "$output" == $2 ]] || { echo "it says: $output"; return 1; }
	[ -z "$(servers)" ]
	[ ! -e "$(address_in /run/containerd/s)" ]
}

@test "start_answers_each_containerd_in_its_own_words" {
	echo '{"annotations":{"io.kubernetes.cri.sandbox-id":"'"$ID"'-pod"}}' > config.json
	local want
	want=$(address_in /run/containerd/s "$ID-pod")
	[ "$(start)" = "$want" ] # 1.6
	[ "$(cat address)" = "$want" ]
	# The second one of the pod finds the first.
	[ "$(start MAX_SHIM_VERSION=2)" = '{"version":2,"address":"'"$want"'","protocol":"ttrpc"}' ]
	[ "$(servers | wc -l)" = 1 ]
	# 1.6 to 2.2 with runc's options.
	says 1=containerd.runc.v1.Options 2.7=/run/x
	[ "$(start)" = "$want" ]
	[ "$(start MAX_SHIM_VERSION=2)" = '{"version":2,"address":"'"$want"'","protocol":"ttrpc"}' ]
	# 2.3: version 3, the address and ttrpc, and not a byte more.
	says "1=$ID" "2=$NS"
	start MAX_SHIM_VERSION=2 > "$OUT"
	"$BATS_TEST_DIRNAME/pb" 1:3 "2=$want" 3=ttrpc | cmp - "$OUT"
	local server
	server=$(servers)
	kill "$server"
	await_end "$server"
	[ ! -e "${want#unix://}" ]
}

@test "bootstrap_parameters_are_all_heard" {
	says "1=$ID" "2=$NS" 3:-4 4=2.3.0 5=/nowhere/events 6=/else/c.sock 7=/usr/bin/containerd \
		8.1.1=other.Extension 8.1.2=x 9="$SOCKETS"
	start TTRPC_ADDRESS=/old/events > "$OUT"
	local want server
	want=$(address_in "$SOCKETS" "$ID" /else/c.sock)
	"$BATS_TEST_DIRNAME/pb" 1:3 "2=$want" 3=ttrpc | cmp - "$OUT"
	[ "$(stat -c %a "$SOCKETS")" = 700 ]
	[ "$(stat -c %a:%F "${want#unix://}")" = 600:socket ]
	[ "$(readlink s)" = "$SOCKETS" ]
	server=$(servers)
	tr '\0' '\n' < "/proc/$server/environ" | grep -qx TTRPC_ADDRESS=/nowhere/events
	tr '\0' '\n' < "/proc/$server/cmdline" | grep -qx -- -debug
	# A second one, elsewhere: its link replaces the first's.
	says "1=$ID" "2=$NS" 9="$SOCKETS/deeper"
	start > "$OUT"
	[ "$(readlink s)" = "$SOCKETS/deeper" ]
}

@test "what_is_only_worth_a_warning_is_no_part_of_the_answer" {
	says "1=$ID" "2=$NS" 8.1.1=runtimeoptions.v1.Options 8.1.2.3='[unheard]
x = 1' 9="$SOCKETS"
	start > "$OUT"
	"$BATS_TEST_DIRNAME/pb" 1:3 "2=$(address_in "$SOCKETS")" 3=ttrpc | cmp - "$OUT"
}

@test "what_is_said_to_another_task_is_refused" {
	says 1=other "2=$NS" 6=/nowhere/c.sock
	run start
	refused 1 "*bootstrap parameters of task other in namespace $NS, but -id is $ID and -namespace $NS"
	says "1=$ID" 2=other 6=/nowhere/c.sock
	run start
	refused 1 "*of task $ID in namespace other, but*"
	says "1=$ID" "2=$NS" 9=relative
	run start
	refused 1 "*socket_dir relative is not absolute"
}

@test "what_is_neither_parameters_nor_options_is_refused" {
	printf '\377\377\377garbage' > "$BATS_TEST_TMPDIR/in"
	run start
	refused 1 "*stdin: neither bootstrap parameters nor runtime options"
	says 1=unheard.of.Options 2=x
	run start
	refused 1 "*runtime options of type unheard.of.Options are not understood"
	printf 'x' > "$BATS_TEST_TMPDIR/value"
	says 1=type.googleapis.com/containerd.runc.v1.Options 2=x
	run start
	refused 1 "*runtime options: no valid containerd.runc.v1.Options"
	head -c 11000000 /dev/zero > "$BATS_TEST_TMPDIR/in"
	run start
	refused 1 "*stdin: larger than 10485760 bytes"
}

@test "a_stdin_that_does_not_end_is_not_waited_for_beyond_containerds_patience" {
	local before=$SECONDS
	mkfifo "$BATS_TEST_TMPDIR/open"
	exec 8<> "$BATS_TEST_TMPDIR/open"
	"$BATS_TEST_DIRNAME/pb" "1=$ID" "2=$NS" >&8
	"$BATS_FILE_TMPDIR/bin/containerd-shim-coracle-v2" -namespace "$NS" -id "$ID" -address $GRPC start <&8 8>&- > "$OUT"
	[ "$("$BATS_TEST_DIRNAME/pb" -d < "$OUT" | head -n 1)" = 1:3 ]
	# delete is told nothing and waits for nothing.
	"$BATS_FILE_TMPDIR/bin/containerd-shim-coracle-v2" -namespace "$NS" -id "$ID-2" -address $GRPC -bundle "$DIR" delete \
		<&8 8>&- > "$OUT"
	exec 8<&-
	[ $((SECONDS - before)) -le 30 ]
	[ "$("$BATS_TEST_DIRNAME/pb" -d < "$OUT" | head -n 1)" = 2:137 ]
}

@test "arguments_are_understood_as_go_programs_write_them" {
	local want
	want=$(address_in /run/containerd/s)
	[ "$(shim -- --namespace="$NS" --id "$ID" -address=$GRPC --publish-binary=/bin/false -debug=false start)" = "$want" ]
	[ "$(shim -- -namespace="$NS" -id="$ID" --address $GRPC -bundle="$DIR" -debug=true -- start)" = "$want" ]
}

@test "what_cannot_be_done_is_one_line" {
	run shim -- -namespace "$NS" -id "$ID" -address $GRPC restart
	refused 1 "*unknown action restart: start and delete are known"
	run shim -- -id "$ID" -address $GRPC start
	refused 1 "*shim namespace cannot be empty: give -namespace"
	run shim -- -namespace "$NS" start
	refused 1 "*which task? give -id"
	run shim -- -namespace "$NS" -id "$ID" -nonsense start
	refused 1 "*nonsense*"
	run shim -- -namespace "$NS" -id "$ID"
	refused 1 "*a shim is started by \`start\`, with its socket as fd 3"
	rm config.json
	echo '{"annotations":' > config.json
	run start
	refused 1 "*config.json of $ID*"
	run shim -- -namespace "$NS" -id "$ID" -bundle /no/such/bundle start
	refused 1 "*bundle /no/such/bundle: No such file or directory"
}

@test "a_dead_socket_is_replaced_and_a_living_one_is_used" {
	mkdir -m 700 "$SOCKETS"
	says "1=$ID" "2=$NS" 9="$SOCKETS"
	local want first
	want=$(address_in "$SOCKETS")
	perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Local => $ARGV[0], Listen => 1) or die $!' "${want#unix://}"
	[ -S "${want#unix://}" ]
	start > "$OUT"
	first=$(servers)
	start > "$OUT"
	[ "$(servers)" = "$first" ]
	kill -9 "$first"
	await_end "$first"
	[ -S "${want#unix://}" ]
	start > "$OUT"
	[ "$("$BATS_TEST_DIRNAME/pb" -d 2 < "$OUT")" = "$want" ]
	[ "$(servers | wc -l)" = 1 ]
	[ "$(servers)" != "$first" ]
}

@test "of_many_starts_at_once_one_makes_the_shim_of_the_group" {
	local i pids=()
	says "1=$ID" "2=$NS" 9="$SOCKETS"
	for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
		start > "$OUT.$i" &
		pids+=($!)
	done
	for i in "${pids[@]}"; do
		wait "$i"
	done
	for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
		[ "$("$BATS_TEST_DIRNAME/pb" -d 2 < "$OUT.$i")" = "$(address_in "$SOCKETS")" ]
	done
	[ "$(servers | wc -l)" = 1 ]
}

@test "a_directory_that_would_not_do_is_refused" {
	local long=$SOCKETS/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
	says "1=$ID" "2=$NS" 9="$long"
	run start
	refused 1 "*is longer than the 107 bytes that can be connected to: a socket directory of at most 42 will do"
	[ ! -e "$SOCKETS" ]
	says "1=$ID" "2=$NS" 9="$SOCKETS"
	mkdir -m 777 "$SOCKETS"
	run start
	refused 1 "*can be written by others (mode 777)"
	chmod 755 "$SOCKETS"
	chown 1000 "$SOCKETS"
	run start
	refused 1 "*is of user 1000, not ours"
	[ "$(ls "$SOCKETS")" = "" ]
}

@test "whoever_is_somebody_else_is_turned_away" {
	says "1=$ID" "2=$NS" 9="$SOCKETS"
	start > "$OUT"
	local socket
	socket=$(address_in "$SOCKETS")
	socket=${socket#unix://}
	# Even if they could reach it.
	chmod 711 "$SOCKETS"
	chmod 666 "$socket"
	run -0 "$BATS_TEST_DIRNAME/ttrpc" "$socket" Connect 1="$ID"
	# shellcheck disable=SC2016 # perl's
	[ "$(perl -MIO::Socket::UNIX -e '$> = 1000; my $s = IO::Socket::UNIX->new(Peer => $ARGV[0]) or die $!;
		print defined(sysread $s, my $x, 1) ? "turned away" : "reset"' "$socket")" = "turned away" ]
}

@test "the_shim_goes_into_the_cgroup_that_it_is_told" {
	local cgroup=/sys/fs/cgroup/pids/$ID server
	says 1=containerd.runc.v1.Options "2.3=/$ID"
	run start
	refused 1 "*options' ShimCgroup: enter cgroup /$ID: No such file or directory"
	mkdir "$cgroup"
	start > "$OUT"
	server=$(servers)
	[ "$(cat "$cgroup/cgroup.procs")" = "$server" ]
	kill "$server"
	await_end "$server"
	says "1=$ID" "2=$NS" 8.1.1=type.googleapis.com/containerd.runc.v1.Options "8.1.2.3=$ID"
	start > "$OUT"
	server=$(servers)
	[ "$(cat "$cgroup/cgroup.procs")" = "$server" ]
	kill "$server"
	await_end "$server"
	rmdir "$cgroup"
}

@test "nothing_of_the_caller_is_kept_but_his_oom_score" {
	local server
	exec 7< "$BATS_TEST_DIRNAME/helper.bash"
	start > "$OUT" 2>&1
	exec 7<&-
	server=$(servers)
	[ "$(readlink "/proc/$server/cwd")" = / ]
	run -1 bash -c "ls -l /proc/$server/fd | grep -E 'helper.bash|bats|$BATS_TEST_TMPDIR/(in|out)'"
	[ "$(readlink "/proc/$server/fd/0")" = /dev/null ]
	[ "$(cut -d' ' -f6 "/proc/$server/stat")" = "$server" ] # a session of its own
	[ "$(cat "/proc/$server/oom_score_adj")" = $(($(cat /proc/self/oom_score_adj) + 1)) ]
}

@test "delete_of_nothing_answers_and_says_nothing_else" {
	"$BATS_FILE_TMPDIR/bin/containerd-shim-coracle-v2" -namespace "$NS" -id "$ID" -address $GRPC \
		-publish-binary /bin/false -bundle "$DIR" delete > "$OUT" 2> "$BATS_TEST_TMPDIR/err"
	[ ! -s "$BATS_TEST_TMPDIR/err" ]
	# exit_status 137, and when
	[ "$("$BATS_TEST_DIRNAME/pb" -d < "$OUT" | head -n 1)" = 2:137 ]
	[ $(($(date +%s) - $("$BATS_TEST_DIRNAME/pb" -d 3 < "$OUT" | "$BATS_TEST_DIRNAME/pb" -d | sed -n 's/^1://p'))) -le 60 ]
}

@test "info_tells_name_version_options_and_features" {
	local name
	says 1=containerd.runc.v1.Options 2.7=/run/x
	for name in runc coracle; do
		"$BATS_FILE_TMPDIR/bin/containerd-shim-$name-v2" -info < "$BATS_TEST_TMPDIR/in" > "$OUT"
		[ "$("$BATS_TEST_DIRNAME/pb" -d 1 < "$OUT")" = io.containerd.$name.v2 ]
		"$BATS_TEST_DIRNAME/pb" -d 3 < "$OUT" | cmp - "$BATS_TEST_TMPDIR/in"
	done
	[ "coracle version $("$BATS_TEST_DIRNAME/pb" -d 2.1 < "$OUT")" = "$("$CORACLE" --version)" ]
	[ "$("$BATS_TEST_DIRNAME/pb" -d 4.1 < "$OUT")" = types.containerd.io/opencontainers/runtime-spec/1/features/Features ]
	"$BATS_TEST_DIRNAME/pb" -d 4.2 < "$OUT" | cmp - <("$CORACLE" runtime features)
	"$BATS_FILE_TMPDIR/bin/containerd-shim-coracle-v2" -info < /dev/null > "$OUT"
	run -1 "$BATS_TEST_DIRNAME/pb" -d 3 < "$OUT"
	printf '\377' > "$BATS_TEST_TMPDIR/in"
	run shim -- -info
	refused 1 "*the options on stdin cannot be decoded"
}

@test "a_runtime_that_is_not_ours_to_replace_is_refused" {
	says 1=containerd.runc.v1.Options 2.6=/usr/bin/nvidia-container-runtime
	run shim -- -info
	refused 1 "*BinaryName \"/usr/bin/nvidia-container-runtime\": this shim is in the place of runc and crun, and runs no other runtime"
	says 1=containerd.runc.v1.Options 2.6=/usr/bin/crun
	shim -- -info > "$OUT"
}

@test "the_version_is_text_under_the_name_it_was_called_by" {
	run -0 "$BATS_FILE_TMPDIR/bin/containerd-shim-runc-v2" -v
	[ "$output" = "containerd-shim-runc-v2:
  Version:  $("$CORACLE" --version | awk '{ print $3 }')" ]
	run -0 "$BATS_FILE_TMPDIR/bin/containerd-shim-coracle-v2" --version
	[[ "${lines[0]}" == containerd-shim-coracle-v2: ]]
}

@test "core_scheduling_is_asked_for_and_not_silently_done_without" {
	# prctl(PR_SCHED_CORE, PR_SCHED_CORE_CREATE) of that process itself: not every kernel can.
	if perl -e 'exit(syscall(157, 62, 1, 0, 2, 0) != 0)'; then
		start SCHED_CORE=1
		[ -n "$(servers)" ]
	else
		run start SCHED_CORE=1
		refused 1 "*core scheduling of $ID: *"
	fi
}

@test "a_task_of_containerd_2_3_lives_from_its_bootstrap_to_its_delete" {
	local ask out pid address line
	ask=$(dirname "$CORACLE")/system/ask
	mkdir "$SOCKETS"
	make_rootfs "$BATS_TEST_TMPDIR/rootfs"
	rm config.json
	"$CORACLE" runtime spec
	jq --arg rootfs "$BATS_TEST_TMPDIR/rootfs" --arg cgroup "/$NS/$ID" '.root.path = $rootfs | .linux.cgroupsPath = $cgroup
		| .process.terminal = false | .process.args = ["sleep", "1000"]' config.json > new.json
	mv new.json config.json
	mkfifo "$BATS_TEST_TMPDIR/heard"
	"$ask" hear "$SOCKETS/events" > "$BATS_TEST_TMPDIR/heard" 3>&- &
	HEARER=$!
	exec 8< "$BATS_TEST_TMPDIR/heard"
	says "1=$ID" "2=$NS" 3:4 4=2.3.4 "5=$SOCKETS/events" "6=$SOCKETS/c.sock" 7=/usr/bin/containerd \
		8.1.1=containerd.runc.v1.Options "8.1.2.7=$SOCKETS/root" "9=$SOCKETS/s"
	start > "$OUT"
	address=$("$BATS_TEST_DIRNAME/pb" -d 2 < "$OUT")
	task() {
		local method=$1
		shift
		"$ask" "$address" "containerd.task.v3.Task/$method" "$@"
	}
	task Create "1=$ID" "2=$DIR" 10.1=containerd.runc.v1.Options "10.2=$("$BATS_TEST_DIRNAME/pb" "7=$SOCKETS/root")"
	[ -d "$SOCKETS/root/$NS/$ID" ]
	out=$(task Start "1=$ID")
	pid=${out#1: }
	[ "$(cat "/proc/$pid/comm")" = sleep ]
	task Wait "1=$ID" > "$BATS_TEST_TMPDIR/waited" &
	task Kill "1=$ID" 3:9
	wait $!
	[ "$(head -n 1 "$BATS_TEST_TMPDIR/waited")" = "1: 137" ]
	[[ "$(task Delete "1=$ID")" == "1: $pid"$'\n'"2: 137"* ]]
	out=
	while [[ "$out" != *"/tasks/delete"* ]]; do
		read -r line <&8
		out+="${line%% *} "
	done
	[ "$out" = "/tasks/create /tasks/start /tasks/exit /tasks/delete " ]
	pid=$(servers)
	task Shutdown "1=$ID"
	await_end "$pid"
	exec 8<&-
	[ "$(ls "$SOCKETS/s")" = "" ]
	[ ! -e "$SOCKETS/root/$NS/$ID" ]
}
