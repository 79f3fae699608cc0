# containerd.bash - a containerd of the tests' own, its image, its clients and its events.
# shellcheck shell=bash

RUNTIME=io.containerd.coracle.v2
IMAGE=test.invalid/busybox:latest
NS=bats${BATS_RUN_TMPDIR##*-}-${BATS_FILE_TMPDIR##*/} # nobody else has it: shims and cgroups are the whole machine's
CONTAINERD=$BATS_FILE_TMPDIR/cd/c.sock

ctr_() {
	local fifos=()
	[[ "$1 ${2:-}" != "task exec" || "$*" == *--log-uri* ]] || fifos=(--fifo-dir "$BATS_TEST_TMPDIR/fifos") # ctr may leave them
	ctr -a "$CONTAINERD" --connect-timeout 30s -n "$NS" "${@:1:2}" "${fifos[@]}" "${@:3}"
}

# ctr_run ID COMMAND...: in the foreground, gone afterwards.
ctr_run() {
	ctr_ run --rm --runtime "$RUNTIME" "$IMAGE" "$@"
}

# The versions of containerd that tests can have: see daemon.
containerd_versions() {
	echo 1.6 1.7 2
}

# containerd_use VERSION: containerd and ctr are of that version from now on; in setup_file, before containerd_setup.
containerd_use() {
	local dir
	dir=$("${BASH_SOURCE%/*}/daemon" "$1") || return
	export PATH=$dir:$PATH CONTAINERD_VERSION=$1
}

# Returns when it serves.
containerd_start() {
	local log=$BATS_FILE_TMPDIR/containerd.log size pid tail line lines
	touch "$log"
	size=$(stat -c %s "$log")
	# No child of the test, which would take it along when its time is over. What is to be restored it leaves in TMPDIR.
	(
		TMPDIR=$BATS_FILE_TMPDIR PATH=$BATS_FILE_TMPDIR/bin:$PATH setsid containerd -c "$BATS_FILE_TMPDIR/config.toml" \
			>> "$log" 2>&1 < /dev/null 3>&- &
		echo $! > "$BATS_FILE_TMPDIR/containerd.pid"
	)
	pid=$(< "$BATS_FILE_TMPDIR/containerd.pid")
	exec {lines}< <(exec tail -f -c "+$((size + 1))" --pid="$pid" "$log" 3>&-)
	tail=$!
	while read -r line <&$lines && [[ $line != *"containerd successfully booted"* ]]; do
		:
	done
	exec {lines}<&-
	kill $tail 2> /dev/null || : # gone with containerd
	[[ $line == *"containerd successfully booted"* ]] || { tail -n 5 "$log"; return 1; }
}

containerd_kill() {
	local pid
	pid=$(cat "$BATS_FILE_TMPDIR/containerd.pid")
	kill -9 "$pid"
	await_end "$pid"
	rm -f "$CONTAINERD" "$CONTAINERD.ttrpc"
}

containerd_setup() {
	[ "$(id -u)" = 0 ] || return 0
	local dir=$BATS_FILE_TMPDIR
	mkdir -p "$dir/bin" "$dir/cd"
	ln -s "$(readlink -f "$CORACLE")" "$dir/bin/containerd-shim-coracle-v2"
	ln -s containerd-shim-coracle-v2 "$dir/bin/containerd-shim-runc-v2"
	cat > "$dir/config.toml" <<-END
		version = 2
		root = "$dir/cd/root"
		state = "$dir/cd/state"
		disabled_plugins = [${CONTAINERD_CRI:+#}"io.containerd.grpc.v1.cri",
		  "io.containerd.internal.v1.opt"]
		[grpc]
		  address = "$CONTAINERD"
		${CONTAINERD_CRI:-}
	END
	containerd_start
	make_rootfs "$dir/rootfs"
	umoci init --layout "$dir/oci"
	umoci new --image "$dir/oci:busybox"
	umoci insert --image "$dir/oci:busybox" "$dir/rootfs" /
	umoci config --image "$dir/oci:busybox" --config.cmd sleep --config.cmd 1000000
	skopeo copy -q "oci:$dir/oci:busybox" "oci-archive:$dir/image.tar:$IMAGE"
	ctr_ images import "$dir/image.tar" > /dev/null
}

containerd_teardown() {
	[ -e "$BATS_FILE_TMPDIR/containerd.pid" ] || return 0
	containerd_kill
	rmdir "/run/coracle/containerd-$NS" "/run/containerd/runc/$NS" 2> /dev/null || : # others may be at it
	rmdir /sys/fs/cgroup/*/"$NS" 2> /dev/null || : # of the unified hierarchy beside v1, runc removes none
}

# Of each test: ID, and TASKS, where containerd keeps its tasks' bundles.
# shellcheck disable=SC2034
containerd_test_setup() {
	[ "$(id -u)" = 0 ] || skip "needs root"
	ID=$(cid c)
	TASKS=$BATS_FILE_TMPDIR/cd/state/io.containerd.runtime.v2.task/$NS
}

# Every container that a test left, and the FIFOs of its clients.
containerd_test_teardown() {
	events_stop
	local ids fifo
	for fifo in /run/containerd/fifo/*/"$ID"*; do # a ctr that does not wait for the end leaves them
		[ ! -p "$fifo" ] || rm -rf "${fifo%/*}"
	done
	mapfile -t ids < <(ctr_ containers ls -q)
	[ ${#ids[@]} -gt 0 ] || return 0
	ctr_ task rm -f "${ids[@]}" > /dev/null 2>&1
	ctr_ containers rm "${ids[@]}" > /dev/null 2>&1
	return 0
}

# sleeper ID OPTION...: a container that sleeps.
sleeper() {
	ctr_ run -d --null-io --runtime "$RUNTIME" "${@:2}" "$IMAGE" "$1" sleep 1000
}

# The pid of a task's first process.
pid_of() {
	ctr_ task ls | awk -v id="$1" '$1 == id { print $2 }'
}

# Until the shim has recorded the end of the task ID: at once, but after the process has ended.
await_record() {
	until tail -n 1 "/run/coracle/containerd-$NS/$1/state.json" | grep -q '"status":"stopped"'; do
		sleep 0.02
	done
}

# The pid of the shim that was started for ID.
shim_pid() {
	pgrep -of -- "^containerd-shim-coracle-v2 -namespace $NS -id $1 " # its forks are younger
}

# Once its shim has gone: no state, socket, cgroup, mount or bundle.
assert_no_shim() {
	local pid left
	pid=$(shim_pid "$1") && await_end "$pid"
	left=$(
		ls -d "/run/coracle/containerd-$NS/$1" "$BATS_FILE_TMPDIR/cd/state/io.containerd.runtime.v2.task/$NS/$1" \
			"/run/containerd/s/$(printf %s "$CONTAINERD/$NS/$1" | sha256sum | cut -d' ' -f1)" 2> /dev/null
		find /sys/fs/cgroup -maxdepth 3 -type d -name "*$1*"
		grep -F "$1" /proc/self/mountinfo
	) || true
	[ -z "$left" ] || { echo "left: $left"; return 1; }
}

# Collects containerd's events from now on: a line of JSON each, {topic, event}, in the file events.
events_start() {
	EVENTS=$BATS_TEST_TMPDIR/events
	mkfifo "$EVENTS.fifo"
	: > "$EVENTS"
	ctr_ events > "$EVENTS.fifo" 2> /dev/null 3>&- &
	EVENTS_PID=$!
	exec 9< "$EVENTS.fifo"
	# The subscription is there when an event comes through.
	local n=0
	until read -r -t 1 _ <&9; do
		ctr_ namespaces label "$NS" "mark=$((n++))"
	done
}

events_stop() {
	[ -n "${EVENTS_PID:-}" ] || return 0
	exec 9<&-
	kill "$EVENTS_PID" 2> /dev/null
	wait "$EVENTS_PID" 2> /dev/null || true
	EVENTS_PID=
}

# await_event TOPIC FILTER: reads on until one of that topic passes jq's filter.
await_event() {
	local line
	while read -r line <&9; do
		[[ "$line" =~ ^[^{]*\ (/[a-z/-]+)\ (\{.*\})$ ]] || continue
		jq -c --arg topic "${BASH_REMATCH[1]}" '{ topic: $topic, event: . }' <<< "${BASH_REMATCH[2]}" >> "$EVENTS"
		if [ "${BASH_REMATCH[1]}" = "$1" ] && jq -e "$2" <<< "${BASH_REMATCH[2]}" > /dev/null; then
			return 0
		fi
	done
	return 1
}

# The topics of a container's task, in order.
events_topics() {
	jq -r --arg id "$1" 'select(.topic | startswith("/tasks/")) | select(.event.container_id == $id) | .topic' \
		"$EVENTS" | paste -sd' '
}

# event_time TOPIC FILTER FIELD: in nanoseconds since 1970; until 1.6 ctr prints text, then seconds and nanos.
event_time() {
	local at
	at=$(event_field "$1" "$2" "$3")
	case $at in
	"{"*) jq -r '.seconds * 1000000000 + .nanos' <<< "$at" ;;
	*) date -d "$at" +%s%N ;;
	esac
}

# event_field TOPIC FILTER FIELD
event_field() {
	jq -r --arg topic "$1" "select(.topic == \$topic) | .event | select($2) | $3" "$EVENTS"
}
