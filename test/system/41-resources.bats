#!/usr/bin/env bats
# bats file_tags=alone
# 41-resources.bats - every limit of a container on cgroup v1, set at first and changed while it runs; where its
# processes are, and that they go. (On v2 the guests' tests do this: test/guest.) Alone, since it
# mounts hierarchies, and every process of the machine is in them.

load runtime

setup_file() {
	if [ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ]; then
		export V2=1
	fi
}

setup() {
	runtime_setup
	[ -z "${V2:-}" ] || [[ $BATS_TEST_DESCRIPTION != *" on v1"* ]] || skip "this machine has cgroup v2"
}

teardown() {
	runtime_teardown
}

# is CONTROLLER FILE WANT - what the kernel says of the container's cgroup. "" is the unified hierarchy.
is() {
	local dir=/sys/fs/cgroup/${1:-unified}/coracle-$ID got
	got=$(cat "$dir/$2")
	[ "$got" = "$3" ] || { echo "$2: got '$got', want '$3'"; return 1; }
}

# limited JQ - a container that sleeps, with these resources.
limited() {
	spec ".linux.resources += $1"
	create_sleeper
	rt start "$ID"
}

disk() {
	cat /sys/block/*/dev | head -n 1
}

@test "limits of memory reach the kernel on v1" {
	limited '{ memory: { limit: 67108864, swap: 100663296, reservation: 33554432, kernelTCP: 16777216, swappiness: 7,
		disableOOMKiller: true } }'
	is memory memory.limit_in_bytes 67108864
	is memory memory.memsw.limit_in_bytes 100663296
	is memory memory.soft_limit_in_bytes 33554432
	is memory memory.kmem.tcp.limit_in_bytes 16777216
	is memory memory.swappiness 7
	grep -qx 'oom_kill_disable 1' "/sys/fs/cgroup/memory/coracle-$ID/memory.oom_control"
	end
	nothing_left
}

@test "limits of processors, processes and pages reach the kernel on v1" {
	local huge=''
	# It is there unless somebody has mounted it as a hierarchy of its own.
	! grep -qw hugetlb /sys/fs/cgroup/unified/cgroup.controllers || huge='{ pageSize: "2MB", limit: 4194304 }'
	limited '{ cpu: { shares: 512, quota: 50000, period: 200000, burst: 10000, cpus: "0", mems: "0" },
		pids: { limit: 17 }, hugepageLimits: ['"$huge"'] }'
	is cpu cpu.shares 512
	is cpu cpu.cfs_quota_us 50000
	is cpu cpu.cfs_period_us 200000
	is cpu cpu.cfs_burst_us 10000
	is cpuset cpuset.cpus 0
	is cpuset cpuset.mems 0
	is pids pids.max 17
	[ -z "$huge" ] || {
		is "" hugetlb.2MB.max 4194304
		is "" hugetlb.2MB.rsvd.max 4194304
	}
	end
}

@test "limits of block devices reach the kernel on v1, and go again" {
	local dev major minor
	dev=$(disk) major=${dev%:*} minor=${dev#*:}
	limited "{ blockIO: { throttleReadBpsDevice: [{ major: $major, minor: $minor, rate: 1048576 }],
		throttleWriteBpsDevice: [{ major: $major, minor: $minor, rate: 2097152 }],
		throttleReadIOPSDevice: [{ major: $major, minor: $minor, rate: 100 }],
		throttleWriteIOPSDevice: [{ major: $major, minor: $minor, rate: 200 }] } }"
	is blkio blkio.throttle.read_bps_device "$dev 1048576"
	is blkio blkio.throttle.write_bps_device "$dev 2097152"
	is blkio blkio.throttle.read_iops_device "$dev 100"
	is blkio blkio.throttle.write_iops_device "$dev 200"
	echo "{\"blockIO\":{\"throttleReadIOPSDevice\":[{\"major\":$major,\"minor\":$minor,\"rate\":0}]}}" |
		rt update --resources - "$ID"
	is blkio blkio.throttle.read_iops_device ""
	is blkio blkio.throttle.write_iops_device "$dev 200"
	end
}

@test "an update changes what it names and nothing else on v1" {
	limited '{ memory: { limit: 67108864, swap: 100663296 }, pids: { limit: 17 },
		cpu: { shares: 512, quota: 50000, period: 100000 } }'
	rt update --cpu-share 2048 "$ID"
	rt update --cpu-period 200000 "$ID"
	rt update --cpu-quota 70000 "$ID"
	rt update --memory-reservation 33554432 "$ID"
	rt update --cpuset-cpus 0 "$ID"
	is cpu cpu.shares 2048
	is cpu cpu.cfs_period_us 200000
	is cpu cpu.cfs_quota_us 70000
	is memory memory.soft_limit_in_bytes 33554432
	is memory memory.limit_in_bytes 67108864
	is memory memory.memsw.limit_in_bytes 100663296
	is pids pids.max 17
	is cpuset cpuset.cpus 0
	rt update --pids-limit -1 --cpu-quota -1 "$ID"
	is pids pids.max max
	is cpu cpu.cfs_quota_us -1
	is memory memory.limit_in_bytes 67108864
	end
}

@test "memory and swap rise and fall together, whichever has to go first, on v1" {
	limited '{ memory: { limit: 67108864, swap: 67108864 } }'
	rt update --memory 134217728 --memory-swap 201326592 "$ID"
	is memory memory.limit_in_bytes 134217728
	is memory memory.memsw.limit_in_bytes 201326592
	rt update --memory 33554432 --memory-swap 50331648 "$ID"
	is memory memory.limit_in_bytes 33554432
	is memory memory.memsw.limit_in_bytes 50331648
	rt update --memory 67108864 --memory-swap -1 "$ID"
	is memory memory.limit_in_bytes 67108864
	[ "$(cat "/sys/fs/cgroup/memory/coracle-$ID/memory.memsw.limit_in_bytes")" -gt 1000000000000 ]
	rt update --memory-swap 134217728 "$ID"
	attempt rt update --memory 268435456 "$ID"
	refused 1 "linux.resources.memory.limit: 268435456 is more than memory.swap, which limits both together to 134217728"
	rt update --memory -1 "$ID"
	[ "$(cat "/sys/fs/cgroup/memory/coracle-$ID/memory.limit_in_bytes")" -gt 1000000000000 ]
	end
}

@test "a quota may be below the burst of before on v1" {
	limited '{ cpu: { quota: 50000, burst: 50000 } }'
	echo '{"cpu":{"quota":20000,"burst":10000}}' | rt update --resources - "$ID"
	is cpu cpu.cfs_quota_us 20000
	is cpu cpu.cfs_burst_us 10000
	end
}

@test "devices can be allowed and denied while it runs, also with groups below, on v1" {
	local dir=/sys/fs/cgroup/devices/coracle-$ID
	spec '.linux.devices = [{ path: "/dev/kmsg", type: "c", major: 1, minor: 11, fileMode: 438 }]'
	limited '{}'
	mkdir "$dir/below"
	run rt exec "$ID" sh -c ': > /dev/kmsg'
	[ "$status" -ne 0 ]
	echo '{"devices":[{"allow":false,"access":"rwm"},{"allow":true,"type":"c","major":1,"minor":11,"access":"rw"}]}' |
		rt update --resources - "$ID"
	rt exec "$ID" sh -c ': > /dev/kmsg; : > /dev/null'
	grep -qx 'c 1:11 rw' "$dir/devices.list"
	echo '{"devices":[{"allow":false,"access":"rwm"},{"allow":true,"type":"c","major":1,"minor":11,"access":"r"}]}' |
		rt update --resources - "$ID"
	run rt exec "$ID" sh -c ': > /dev/null && : > /dev/kmsg'
	[ "$status" -ne 0 ]
	[[ $output == *"/dev/kmsg: Operation not permitted"* ]]
	grep -qx 'c 1:11 r' "$dir/devices.list"
	rmdir "$dir/below"
	end
}

@test "the idle may become busy, with shares, on v1" {
	limited '{ cpu: { idle: 1 } }'
	is cpu cpu.idle 1
	echo '{"cpu":{"idle":0,"shares":300}}' | rt update --resources - "$ID"
	is cpu cpu.idle 0
	is cpu cpu.shares 300
	end
}

@test "memory below what is in use is refused and stays, on v1" {
	limited '{ memory: { limit: 67108864 } }'
	rt exec "$ID" dd if=/dev/zero of=/dev/shm/x bs=1M count=16 2> /dev/null
	attempt rt update --memory 65536 --memory-swap 65536 "$ID"
	refused 1 "linux.resources.memory.limit: 65536 is less than the" "bytes in use"
	is memory memory.limit_in_bytes 67108864
	end
}

@test "files of v2 are refused on v1" {
	spec '.linux.resources.unified = { "memory.high": "1000000" }'
	attempt create
	[[ $(< "$BATS_TEST_TMPDIR/out") == *"linux.resources.unified: is for cgroup v2"* ]]
	nothing_left
}

# Mounts of a namespace of our own: alone COMMAND...
alone() {
	unshare --mount --propagation private sh -ec "$1" sh "${@:2}"
}

@test "classes and priorities of the network reach the kernel on v1" {
	local dir=$BATS_TEST_TMPDIR/net
	mkdir "$dir"
	spec '.linux.resources.network = { classID: 1048577, priorities: [{ name: "lo", priority: 7 }] }
		| .process.args = ["sleep", "1000"]'
	# shellcheck disable=SC2016 # of the inner shell
	alone 'mount -t cgroup -o net_cls,net_prio cgroup "$1"
		coracle=$2; shift 2
		"$coracle" runtime --root "$1" create --bundle "$2" "$3" < /dev/null > /dev/null 2>&1
		cat "'"$dir"'/coracle-$3/net_cls.classid"
		grep "^lo " "'"$dir"'/coracle-$3/net_prio.ifpriomap"
		"$coracle" runtime --root "$1" delete --force "$3"
		ls -d "'"$dir"'"/coracle* 2> /dev/null || true' "$dir" "$CORACLE" "$STATE" "$B" "$ID" > "$BATS_TEST_TMPDIR/seen"
	[ "$(< "$BATS_TEST_TMPDIR/seen")" = $'1048577\nlo 7' ]
	nothing_left
	# A hierarchy that is unmounted before the kernel is done with the last of its groups stays, mounted nowhere but in everybody's
	# /proc/self/cgroup: containerd's own shim and docker then find none of a container's groups.
	until ! grep -q :net_cls,net_prio: /proc/self/cgroup || grep -q ' - cgroup .*net_cls,net_prio' /proc/self/mountinfo; do
		# shellcheck disable=SC2016 # of the inner shell
		alone 'mount -t cgroup -o net_cls,net_prio cgroup "$1"' "$dir"
		sleep 0.1
	done
}

@test "v1's own freezer pauses, is killed and deleted where there is no unified hierarchy, on v1" {
	spec '.process.args = ["sh", "-c", "swarm() { while :; do (true) & wait; done; }; swarm & swarm & wait"]
		| .linux.namespaces -= [{ type: "pid" }]'
	# shellcheck disable=SC2016 # of the inner shell
	alone 'umount /sys/fs/cgroup/unified
		coracle=$1; shift
		rt() { "$coracle" runtime --root "$state" "$@"; }
		state=$1
		rt create --bundle "$2" "$3" < /dev/null > /dev/null 2>&1
		rt start "$3"
		for i in 1 2 3 4 5; do
			rt pause "$3"
			cat "/sys/fs/cgroup/freezer/coracle-$3/freezer.state"
			rt resume "$3"
			cat "/sys/fs/cgroup/freezer/coracle-$3/freezer.state"
		done
		rt pause "$3"
		rt delete --force "$3"' "$CORACLE" "$STATE" "$B" "$ID" > "$BATS_TEST_TMPDIR/seen"
	[ "$(sort "$BATS_TEST_TMPDIR/seen" | uniq -c | tr -s ' ')" = $' 5 FROZEN\n 5 THAWED' ]
	nothing_left
}

# The directories of a container's cgroup: all hierarchies'.
cgroups() {
	jq -r '.cgroups[]' "$STATE/$ID/state.json"
}

@test "processes in groups below are listed, and go with the container" {
	local dir pid
	create_sleeper
	rt start "$ID"
	rt exec --detach --pid-file "$BATS_TEST_TMPDIR/pid" "$ID" sleep 1000 < /dev/null > /dev/null 2>&1 3>&-
	pid=$(< "$BATS_TEST_TMPDIR/pid")
	for dir in $(cgroups); do
		mkdir -p "$dir/a/b"
		[[ $dir != */cpuset/* ]] || for file in cpuset.cpus cpuset.mems; do
			cat "$dir/$file" > "$dir/a/$file"
			cat "$dir/$file" > "$dir/a/b/$file"
		done
		echo "$pid" > "$dir/a/b/cgroup.procs"
	done
	[ "$(rt ps -f json "$ID" | jq -c 'sort')" = "$(jq -nc "[$(state pid), $pid] | sort")" ]
	end
	[ ! -e "/proc/$pid" ]
	nothing_left
}

@test "groups of threads are listed and go too" {
	local dir
	create_sleeper
	rt start "$ID"
	dir=$(cgroups | tail -n 1)
	mkdir "$dir/t"
	echo threaded > "$dir/t/cgroup.type"
	state pid > "$dir/t/cgroup.threads"
	[ "$(rt ps -f json "$ID")" = "[$(state pid)]" ]
	end
	nothing_left
}

@test "who joins while it is deleted goes too, and what is not its own stays" {
	local dir
	create_sleeper
	dir=$(cgroups | tail -n 1)
	sleep 1000 3>&- &
	echo $! > "$dir/cgroup.procs"
	dir=${dir%/*}
	mkdir "$dir/other-$ID"
	end
	status=0
	wait $! || status=$?
	[ "$status" = 137 ]
	rmdir "$dir/other-$ID"
	nothing_left
}

@test "without systemd its driver is refused in runc's words, and nothing is left" {
	[ ! -d /run/systemd/system ] || return 0 # there test/guest tells
	spec '.linux.cgroupsPath = "machine.slice:box:c"'
	attempt rt --systemd-cgroup run -b "$B" "$ID"
	refused 1 "systemd not running on this host, cannot use systemd cgroups manager"
	nothing_left
	attempt rt --cgroup-manager systemd run -b "$B" "$ID"
	refused 1 "systemd not running on this host, cannot use systemd cgroups manager"
	spec '.linux.cgroupsPath = "/a/b"'
	attempt rt --systemd-cgroup run -b "$B" "$ID"
	refused 1 'expected cgroupsPath to be of format "slice:prefix:name" for systemd cgroups, got "/a/b" instead'
	nothing_left
}
