#!/usr/bin/env bats
# 40-cgroup.bats - a container's cgroups: limits, devices, freezing, killing, what is left.

load helper

setup_file() {
	export ROOT=$BATS_FILE_TMPDIR/state BUNDLE=$BATS_FILE_TMPDIR/bundle V2=
	make_rootfs "$BUNDLE/rootfs"
	if [ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ]; then
		V2=1
	fi
}

setup() {
	id=coracle-test-$$-$BATS_TEST_NUMBER
	mine=
}

teardown() {
	runtime delete --force "$id" > /dev/null 2>&1 || true
	if [ -n "$mine" ]; then
		kill -KILL "$mine" 2> /dev/null || true
		wait "$mine" || true
	fi
	find /sys/fs/cgroup -mindepth 1 -depth -type d -path "*$id*" -exec rmdir {} + 2> /dev/null || true
}

runtime() {
	"$CORACLE" runtime --root "$ROOT" "$@"
}

# config JQ... - the bundle's configuration: the default without a terminal, changed by the filter.
config() {
	rm -f "$BUNDLE/config.json"
	(cd "$BUNDLE" && runtime spec)
	jq ".process.terminal = false | $1" "$BUNDLE/config.json" > "$BUNDLE/new"
	mv "$BUNDLE/new" "$BUNDLE/config.json"
}

# start JQ - a container that sleeps. Its stdio is nobody's pipe.
start() {
	config ".process.args = [\"sleep\", \"1000\"] | $1"
	runtime create --bundle "$BUNDLE" "$id" < /dev/null > "$BATS_TEST_TMPDIR/out" 2>&1
	runtime start "$id"
}

pid() {
	runtime state "$id" | jq .pid
}

# value V1-CONTROLLER V1-FILE V2-FILE - what the kernel says of the container's cgroup.
value() {
	if [ -n "$V2" ]; then
		cat "/sys/fs/cgroup/coracle-$id/$3"
	else
		cat "/sys/fs/cgroup/$1/coracle-$id/$2"
	fi
}

# left - directories of this test's cgroups.
left() {
	find /sys/fs/cgroup -type d -path "*$id*"
}

@test "limits reach the kernel" {
	start '.linux.resources.memory = { limit: 33554432, reservation: 16777216 }
		| .linux.resources.pids = { limit: 17 }
		| .linux.resources.cpu = { shares: 512, quota: 50000, period: 200000, cpus: "0" }'
	[ "$(value memory memory.limit_in_bytes memory.max)" = 33554432 ]
	[ "$(value memory memory.soft_limit_in_bytes memory.low)" = 16777216 ]
	[ "$(value pids pids.max pids.max)" = 17 ]
	[ "$(value cpuset cpuset.cpus cpuset.cpus)" = 0 ]
	if [ -n "$V2" ]; then
		[ "$(value '' '' cpu.max)" = "50000 200000" ]
		[ "$(value '' '' cpu.weight)" = 59 ]
	else
		[ "$(value cpu cpu.cfs_quota_us '')" = 50000 ]
		[ "$(value cpu cpu.cfs_period_us '')" = 200000 ]
		[ "$(value cpu cpu.shares '')" = 512 ]
	fi
}

# hierarchies - the mount points of all there are.
hierarchies() {
	findmnt -rno TARGET -t cgroup,cgroup2
}

@test "a process is in the container's cgroup in every hierarchy" {
	local pid dir
	start .
	pid=$(pid)
	for dir in $(hierarchies); do
		echo "$dir"
		grep -qx "$pid" "$dir/coracle-$id/cgroup.procs"
	done
	run runtime exec "$id" cat /proc/self/cgroup
	[ "$output" = "$(cat "/proc/$pid/cgroup")" ]
}

@test "half a megabyte of memory is enough to start in" {
	config '.process.args = ["true"] | .linux.resources.memory = { limit: 524288 }'
	run runtime run --bundle "$BUNDLE" "$id"
	echo "$output"
	[ "$status" -eq 0 ]
}

@test "a process that takes too much memory is killed" {
	config '.process.args = ["dd", "if=/dev/zero", "of=/dev/null", "bs=64M", "count=1"]
		| .linux.resources.memory = { limit: 8388608, swap: 8388608 }'
	run runtime run --bundle "$BUNDLE" "$id"
	echo "$output"
	[ "$status" -eq 137 ]
}

@test "no more processes than allowed are born" {
	config '.process.args = ["sh", "-c", "for i in 1 2 3 4 5 6 7 8; do sleep 1000 & done; true"]
		| .linux.resources.pids = { limit: 4 }'
	run runtime run --bundle "$BUNDLE" "$id"
	echo "$output"
	[ "$status" -ne 0 ]
	[[ "$output" == *"can't fork"* ]]
}

@test "only the devices that are allowed can be opened" {
	local kmsg='.linux.devices = [{ path: "/dev/kmsg", type: "c", major: 1, minor: 11, fileMode: 438 }]'
	config "$kmsg"' | .process.args = ["sh", "-c", ": > /dev/null && : > /dev/kmsg"]'
	run runtime run --bundle "$BUNDLE" "$id"
	echo "$output"
	[ "$status" -ne 0 ]
	[[ "$output" == *"/dev/kmsg: Operation not permitted"* ]]
	config "$kmsg"' | .process.args = ["sh", "-c", ": > /dev/null && : > /dev/kmsg"]
		| .linux.resources.devices += [{ allow: true, type: "c", major: 1, minor: 11, access: "w" }]'
	run runtime run --bundle "$BUNDLE" "$id"
	echo "$output"
	[ "$status" -eq 0 ]
}

@test "a paused container stands still, and can be killed all the same" {
	start .
	runtime pause "$id"
	[ "$(runtime state "$id" | jq -r .status)" = paused ]
	runtime resume "$id"
	[ "$(runtime state "$id" | jq -r .status)" = running ]
	runtime pause "$id"
	runtime delete --force "$id"
	[ -z "$(left)" ]
}

@test "a paused container that somebody else has thawed is one that runs" {
	start .
	runtime pause "$id"
	[ "$(runtime state "$id" | jq -r .status)" = paused ]
	local file
	find /sys/fs/cgroup -path "*/coracle-$id/cgroup.freeze" -o -path "*/coracle-$id/freezer.state" > "$BATS_TEST_TMPDIR/files"
	[ -s "$BATS_TEST_TMPDIR/files" ]
	while read -r file; do
		case $file in
		*/cgroup.freeze) echo 0 > "$file" ;;
		*) echo THAWED > "$file" ;;
		esac
	done < "$BATS_TEST_TMPDIR/files"
	[ "$(runtime state "$id" | jq -r .status)" = running ]
	[ "$(runtime list --format json | jq -r ".[] | select(.id == \"$id\").status")" = running ]
	[ "$(runtime exec "$id" echo hi)" = hi ]
	run runtime resume "$id"
	[[ "$output" == *"not paused"* ]]
	runtime pause "$id"
	[ "$(runtime state "$id" | jq -r .status)" = paused ]
	runtime delete --force "$id"
	[ -z "$(left)" ]
}

@test "delete --force ends what is frozen elsewhere than in the container's own cgroup" {
	[ -d /sys/fs/cgroup/freezer ] || skip "needs the freezer of cgroup v1"
	local where
	# Below it, as a container can do to itself that may write there; and where somebody has put it.
	for where in "/sys/fs/cgroup/freezer/coracle-$id/below" "/sys/fs/cgroup/freezer/$id-beside"; do
		start '.process.args = ["sh", "-c", "sleep 1000 & wait"]'
		mkdir "$where"
		pid > "$where/cgroup.procs"
		pgrep -P "$(pid)" > "$where/cgroup.procs"
		echo FROZEN > "$where/freezer.state"
		runtime delete --force "$id"
		[ ! -d "$where" ] || rmdir "$where"
		[ -z "$(left)" ]
	done
}

@test "delete --force ends a swarm that keeps forking" {
	config '.process.args = ["sh", "-c",
			"swarm() { while :; do (true) & wait; done; }; for i in 1 2 3 4 5; do swarm & done; wait"]
		| .linux.namespaces -= [{ type: "pid" }]'
	runtime create --bundle "$BUNDLE" "$id" < /dev/null > "$BATS_TEST_TMPDIR/out" 2>&1
	runtime start "$id"
	runtime delete --force "$id"
	[ -z "$(left)" ]
}

@test "nothing is left of a given path, parents included" {
	start ".linux.cgroupsPath = \"/$id/a/b\""
	[ -n "$(left)" ]
	runtime delete --force "$id"
	[ -z "$(left)" ]
}

@test "parents of somebody else stay" {
	local dir
	for dir in $(hierarchies); do
		mkdir "$dir/$id"
	done
	start ".linux.cgroupsPath = \"/$id/a\""
	runtime delete --force "$id"
	[ "$(left | wc -l)" -eq "$(hierarchies | wc -l)" ]
}

@test "a cgroup that is in use is refused, and its processes live on" {
	local dir=/sys/fs/cgroup/pids/$id
	[ -z "$V2" ] || dir=/sys/fs/cgroup/$id
	mkdir "$dir"
	sleep 1000 3>&- &
	mine=$!
	echo $mine > "$dir/cgroup.procs"
	config ".process.args = [\"true\"] | .linux.cgroupsPath = \"/$id\""
	run runtime run --bundle "$BUNDLE" "$id"
	echo "$output"
	[ "$status" -ne 0 ]
	[[ "$output" == *"container's cgroup is not empty: $dir has processes already"* ]]
	kill -0 $mine
	[ "$(left)" = "$dir" ]
}

# Of those that are named after the container one is looked at before it is recorded, the rest when they are made.
@test "a cgroup of the container's name that is in use is refused, in whichever hierarchy, and its processes live on" {
	local hierarchy dir there
	sleep 1000 3>&- &
	mine=$!
	for hierarchy in $(hierarchies); do
		dir=$hierarchy/coracle-$id
		mkdir "$dir"
		for there in cpus mems; do
			[[ $hierarchy != */cpuset ]] || cat "$hierarchy/cpuset.$there" > "$dir/cpuset.$there"
		done
		echo $mine > "$dir/cgroup.procs"
		config '.process.args = ["true"]'
		run runtime run --bundle "$BUNDLE" "$id"
		echo "$output"
		[ "$status" -eq 1 ]
		[[ "$output" == *"container's cgroup is not empty: $dir has processes already"* ]]
		kill -0 $mine
		[ "$(left)" = "$dir" ]
		[ ! -e "$ROOT/$id" ]
		echo $mine > "$hierarchy/cgroup.procs"
		rmdir "$dir"
	done
}

# So it may be recorded, and whoever made the container die before he sees it.
@test "processes in a cgroup of the container's name outlive a creation that was killed, and its cleanup" {
	local dir=/sys/fs/cgroup/pids/coracle-$id nth where
	[ -z "$V2" ] || skip "there is one hierarchy, which is looked at"
	sleep 1000 3>&- &
	mine=$!
	config '.process.args = ["true"]'
	for nth in 1 2 3 "1 alone"; do # at last where there is no unified hierarchy
		where="true && exec"
		[ "$nth" != "1 alone" ] || where="umount /sys/fs/cgroup/unified && exec"
		mkdir "$dir"
		echo $mine > "$dir/cgroup.procs"
		run unshare -m sh -c "$where"' "$@"' sh strace -qqq -o /dev/null -e trace=mkdir -e "inject=mkdir:signal=KILL:when=${nth% *}" \
			"$CORACLE" runtime --root "$ROOT" create --bundle "$BUNDLE" "$id"
		[ "$status" -eq 137 ]
		if [ "$nth" = 2 ]; then
			runtime delete --force "$id"
		else
			run -0 unshare -m sh -c "$where"' "$@"' sh "$CORACLE" cleanup --root "$ROOT"
			[[ "$output" != *"process $mine"* ]]
		fi
		kill -0 $mine
		[ ! -e "$ROOT/$id" ]
		[ "$(left)" = "$dir" ]
		echo $mine > /sys/fs/cgroup/pids/cgroup.procs
		rmdir "$dir"
	done
}

@test "a frozen cgroup is refused, where a container would hang" {
	local dir=/sys/fs/cgroup/freezer/$id file=freezer.state word=FROZEN
	[ -z "$V2" ] || dir=/sys/fs/cgroup/$id file=cgroup.freeze word=1
	mkdir "$dir"
	echo $word > "$dir/$file"
	config ".process.args = [\"true\"] | .linux.cgroupsPath = \"/$id\""
	run runtime run --bundle "$BUNDLE" "$id"
	echo "$output"
	[ "$status" -eq 1 ]
	[[ "$output" == *"container's cgroup unexpectedly frozen: $dir"* ]]
	[ "$(left)" = "$dir" ]
}

@test "a path that leaves the hierarchy is refused" {
	config '.process.args = ["true"] | .linux.cgroupsPath = "/a/../../b"'
	run runtime run --bundle "$BUNDLE" "$id"
	echo "$output"
	[ "$status" -ne 0 ]
	[[ "$output" == *"linux.cgroupsPath: '/a/../../b' has '..' in it"* ]]
	[ -z "$(left)" ]
}

@test "a limit that cannot be set is named, and nothing is left" {
	config '.process.args = ["true"]
		| .linux.resources.rdma = { coracle0: { hcaHandles: 1 } }'
	run runtime run --bundle "$BUNDLE" "$id"
	echo "$output"
	[ "$status" -ne 0 ]
	[[ "$output" == *"linux.resources.rdma"* ]]
	[ -z "$(left)" ]
	[ ! -e "$ROOT/$id" ]
}

@test "a container starts where there is room for init alone" {
	[ -z "$V2" ] || skip "for cgroup v1"
	local dir=/sys/fs/cgroup/pids/$id-caller
	config '.process.args = ["true"]'
	mkdir "$dir"
	echo 2 > "$dir/pids.max"
	for _ in {1..20}; do
		bash -c 'echo $$ > "$1/cgroup.procs" && exec "${@:2}"' bash "$dir" \
			"$CORACLE" runtime --root "$ROOT" run -b "$BUNDLE" "$id" < /dev/null
	done
	rmdir "$dir"
}
