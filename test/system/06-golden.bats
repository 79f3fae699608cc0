#!/usr/bin/env bats
# 06-golden.bats - what a container's program sees, by ours and by runc, for a table of configurations: the same.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # jq's variables; each test is a shell

load runtime

setup() { runtime_setup; }
teardown() { runtime_teardown; }

# What differs on purpose is made the same here; nothing else may differ.
deliberate() {
	local same=(
		# A masked directory is closed to programs, devices and much data too.
		's/tmpfs, ro,nosuid,nodev,noexec,relatime, \[\], source tmpfs, ro,size=4k,mode=755/tmpfs, ro,relatime, [], source tmpfs, ro/'
		# A masked file is the host's null device: the image's may be anything (CVE-2025-31133).
		's/: root \/null, .*/: the null device/'
		's/root [^ ]*\/dev\/null, .*/the null device/'
		# The kernel names the hierarchy so, and runc, which mounts it anew in a cgroup namespace, otherwise.
		's/source systemd, rw,name=systemd/source cgroup, rw,name=systemd/'
		# Made with the IPC namespace, which we make before we are anybody in the user namespace. It is 1777.
		's/(file \/dev\/mqueue 41777) (0|65534):/\1 X:/'
		# runc 1.1 leaves the tmpfs of a read-only v1 cgroup mount writable.
		's/(mount \/sys\/fs\/cgroup in \/sys: root \/, tmpfs, )r[ow]/\1rX/'
		# Which a tmpfs takes of the directory that it covers; runc shows it since 1.4.
		's/(: root \/, tmpfs, .*, source (x|z|relative), .*),mode=755$/\1/'
		"s/$ID-(ours|theirs)/ID/g"
		# Whose caller ignores signals 32 and 33, which are the C library's own, has Go set one of them back.
		's/(SigIgn:\t)[0-9a-f]{8}[08]/\1/'
		# A device that is shown, as one that is made for it, takes no set-user-id and no exec.
		's/(mount \/dev\/[a-z]+ in \/dev: root \/[a-z]+, devtmpfs, rw),nosuid,noexec,/\1,/'
		# What both say of relative destinations, each in its own form.
		'/^(time=.* level=warning |coracle: warning: mount destination )/d'
	)
	sed -E "$(printf '%s\n' "${same[@]}")"
}

# same NAME FILTER [FILE...]: the default configuration, changed by jq's filter, runs by both; its program is look.
same() {
	local name=$1 filter=$2 who ns flags=() d=$BATS_TEST_TMPDIR
	shift 2
	[[ $name != --* ]] || flags=("$name")
	ns=$(for n in cgroup ipc mnt net pid user time uts; do echo "$n=$(readlink /proc/self/ns/$n)"; done | jq -Rn '[inputs]')
	for who in ours theirs; do
		mkdir -p "$d/$who"
		jq --argjson ns "$ns" --arg who "$ID-$who" --arg d "$d" --arg r "$ROOTFS" '
			.linux.cgroupsPath = "/\($who)" | .process.args = ["/look"] + $ARGS.positional | .process.env += $ns
			| .root.path = $r | '"$filter" "$BATS_FILE_TMPDIR/config.json" --args "$@" > "$d/$who/config.json"
	done
	rt run "${flags[@]}" -b "$d/ours" "$ID-ours" < /dev/null > "$d/ours/out" 2>&1 || echo "ours: $?" >> "$d/ours/out"
	rc run "${flags[@]}" -b "$d/theirs" "$ID-theirs" < /dev/null > "$d/theirs/out" 2>&1 || echo "theirs: $?" >> "$d/theirs/out"
	for who in ours theirs; do
		deliberate < "$d/$who/out" > "$d/$who/looked"
	done
	grep -q '^mount / in' "$d/ours/out" || { echo "$name: $(cat "$d/ours/out")"; wrong+=("$name"); return; }
	diff "$d/theirs/looked" "$d/ours/looked" || { echo "$name differs"; wrong+=("$name"); }
}

# A root file system with look in it, and a table of configurations on stdin: NAME FILTER [FILE...], separated by |.
table() {
	local name filter files wrong=()
	cp -al "$ROOTFS" "$BATS_TEST_TMPDIR/own"
	ROOTFS=$BATS_TEST_TMPDIR/own
	cp "$TOOLS/look" "$ROOTFS/look"
	while IFS='@' read -r name filter files; do
		# shellcheck disable=SC2086
		same "$name" "$filter" $files
	done
	[ "${#wrong[@]}" = 0 ] || { echo "wrong: ${wrong[*]}"; return 1; }
	nothing_left
}


@test "the_default_configuration_and_the_process_look_as_by_runc" {
	table << 'END'
default@.
writable root@.root.readonly = false
nothing but proc@.root.readonly = false | .mounts |= map(select(.destination == "/proc"))
user@.process.user = {uid: 1000, gid: 1000, additionalGids: [5, 2000], umask: 63}
environment and cwd@.process.env += ["A=1", "B=", "C=x y"] | .process.cwd = "/tmp"
no capabilities@del(.process.capabilities)
capabilities@.process.capabilities = {bounding: ["CAP_CHOWN", "CAP_KILL", "CAP_SYS_TIME"], permitted: ["CAP_CHOWN", "CAP_KILL"], effective: ["CAP_CHOWN"], inheritable: ["CAP_KILL"], ambient: ["CAP_KILL"]} | .process.user = {uid: 7, gid: 8}
limits@.process.rlimits = (["AS", "CORE", "CPU", "DATA", "FSIZE", "LOCKS", "MEMLOCK", "MSGQUEUE", "NOFILE", "NPROC", "RSS", "SIGPENDING", "STACK"] | map({type: "RLIMIT_\(.)", soft: 4294967296, hard: 8589934592} | if .type == "RLIMIT_CORE" then .soft = 0 | .hard = 0 elif .type == "RLIMIT_NOFILE" or .type == "RLIMIT_NPROC" or .type == "RLIMIT_SIGPENDING" or .type == "RLIMIT_MEMLOCK" or .type == "RLIMIT_MSGQUEUE" then .soft = 100 | .hard = 1000 else . end))
new privileges@.process.noNewPrivileges = false | .process.oomScoreAdj = 123
seccomp@.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["sethostname"], action: "SCMP_ACT_ERRNO"}]}
END
}

@test "mounts_look_as_by_runc" {
	mkdir -p "$BATS_TEST_TMPDIR/src/sub"
	echo x > "$BATS_TEST_TMPDIR/src/file"
	mkfifo "$BATS_TEST_TMPDIR/src/fifo"
	mknod "$BATS_TEST_TMPDIR/src/node" c 1 3
	ln -s src "$BATS_TEST_TMPDIR/link"
	table << 'END'
binds@.root.readonly = false | .mounts += [{destination: "/b/ro", type: "bind", source: "\($d)/src", options: ["rbind", "ro", "nosuid"]}, {destination: "/b/rw", type: "bind", source: "\($d)/src", options: ["bind", "rw", "noexec", "nodev", "noatime"]}, {destination: "/b/file", type: "bind", source: "\($d)/src/file", options: ["bind", "nodiratime"]}, {destination: "/b/fifo", type: "bind", source: "\($d)/src/fifo", options: ["bind"]}, {destination: "/b/node", type: "bind", source: "\($d)/src/node", options: ["bind"]}, {destination: "/b/link", type: "bind", source: "\($d)/link/sub", options: ["rbind", "strictatime"]}]@/b
file systems@.root.readonly = false | .mounts += [{destination: "/t/a", type: "tmpfs", source: "shm", options: ["size=64k", "mode=1770", "uid=5", "gid=6", "noatime", "nr_inodes=99"]}, {destination: "/t/ro", type: "tmpfs", source: "tmpfs", options: ["ro", "nosuid", "strictatime"]}, {destination: "/t/proc", type: "proc", source: "proc", options: ["ro", "hidepid=2", "gid=7"]}, {destination: "/t/pts", type: "devpts", source: "devpts", options: ["newinstance", "gid=5", "mode=600"]}, {destination: "/t/sys", type: "sysfs", source: "none", options: ["rw"]}, {destination: "/t/ram", type: "ramfs", source: "ramfs", options: ["sync", "dirsync", "mode=700"]}]
attributes@.root.readonly = false | .mounts += (["async", "exec", "suid", "dev", "rw", "atime", "relatime", "norelatime", "strictatime", "nostrictatime", "noatime", "diratime", "nodiratime", "nodev", "noexec", "nosuid", "sync", "dirsync", "mand", "nomand", "ro", "lazytime", "silent", "iversion", "noiversion"] | map({destination: "/t/\(.)", type: "tmpfs", source: "x", options: [., "size=4k"]}))
later options win@.root.readonly = false | .mounts += ([["ro", "rw"], ["rw", "ro"], ["noexec", "exec", "nodev"], ["noatime", "atime"], ["relatime", "noatime"], ["noatime", "strictatime"], ["nosuid", "suid"], ["nodiratime", "diratime"]] | map({destination: "/t/\(join("-"))", type: "tmpfs", source: "x", options: .}))
propagation@.root.readonly = false | .mounts += (["private", "rprivate", "slave", "rslave", "shared", "rshared", "unbindable", "runbindable"] | map({destination: "/p/\(.)", type: "bind", source: "\($d)/src", options: ["rbind", .]}, {destination: "/q/\(.)", type: "tmpfs", source: "x", options: [.]}))
over one another@.root.readonly = false | .mounts += [{destination: "/o", type: "tmpfs", source: "x", options: ["mode=755"]}, {destination: "/o/a/b", type: "tmpfs", source: "y"}, {destination: "/o/a", type: "bind", source: "\($d)/src", options: ["bind"]}, {destination: "/o/a/sub", type: "tmpfs", source: "z"}, {destination: "tmp", type: "tmpfs", source: "relative"}]@/o
recursive attributes@.root.readonly = false | .mounts += [{destination: "/r", type: "bind", source: "/dev", options: ["rbind", "rro", "rnosuid", "rnoexec", "rnoatime"]}, {destination: "/s", type: "bind", source: "/dev", options: ["rbind", "ro"]}]
END
}

@test "namespaces_roots_and_paths_look_as_by_runc" {
	# Not (r)shared and unbindable: runc 1.1 forgets them, newer ones do not.
	table << 'END'
few namespaces@.linux.namespaces = [{type: "mount"}] | .hostname = ""
all namespaces@.linux.namespaces += [{type: "cgroup"}]
user namespace@.linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}] | .linux.gidMappings = [{containerID: 0, hostID: 200000, size: 65536}]
several mappings@.linux.namespaces += [{type: "user"}, {type: "cgroup"}] | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 10}, {containerID: 10, hostID: 5, size: 1}, {containerID: 1000, hostID: 200000, size: 100}] | .linux.gidMappings = .linux.uidMappings
root slave@.linux.rootfsPropagation = "slave"
root rslave@.linux.rootfsPropagation = "rslave"
root private@.linux.rootfsPropagation = "private"
root rprivate@.linux.rootfsPropagation = "rprivate"
masks@.root.readonly = false | .linux.maskedPaths = ["/proc/kcore", "/root", "/not/there", "/bin/sh", "/proc/sys/kernel"] | .linux.readonlyPaths = ["/tmp", "/nor/there", "/bin", "/bin/busybox", "/dev/shm", "/proc"]
mount below a read-only path@.root.readonly = false | .mounts += [{destination: "/tmp/sub", type: "tmpfs", source: "t"}] | .linux.readonlyPaths = ["/tmp"]
--no-pivot@.
no masks@.linux.maskedPaths = [] | .linux.readonlyPaths = []
sysctl@.linux.sysctl = {"net.ipv4.ip_default_ttl": "77", "kernel.shmmax": "12345", "net/ipv4/ip_forward": "1"}@/proc/sys/net/ipv4/ip_default_ttl /proc/sys/kernel/shmmax /proc/sys/net/ipv4/ip_forward
END
}

@test "devices_and_cgroups_look_as_by_runc" {
	mkdir "$BATS_TEST_TMPDIR/dev"
	mknod "$BATS_TEST_TMPDIR/dev/null" c 1 3
	table << 'END'
devices@.linux.devices = [{path: "/dev/mine", type: "c", major: 1, minor: 5, fileMode: 432, uid: 5, gid: 6}, {path: "/dev/block", type: "b", major: 7, minor: 9, fileMode: 384}, {path: "/dev/sub/deep/unbuffered", type: "u", major: 10, minor: 229}, {path: "/dev/fifo", type: "p", fileMode: 420}, {path: "/dev/zero", type: "c", major: 1, minor: 5, fileMode: 292, uid: 1, gid: 2}, {path: "/elsewhere/node", type: "c", major: 1, minor: 7}] | .root.readonly = false@/elsewhere
devices by bind@.linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 0, size: 65536}] | .linux.gidMappings = [{containerID: 0, hostID: 0, size: 65536}] | .linux.devices = [{path: "/dev/fuse", type: "c", major: 10, minor: 229, fileMode: 438}]
read-only dev@.mounts |= map(if .destination == "/dev" then .options += ["ro"] else . end)
dev of the host@.mounts |= map(select(.destination | startswith("/dev") | not)) | .mounts += [{destination: "/dev", type: "bind", source: "\($d)/dev", options: ["bind"]}]
no dev@.root.readonly = false | .mounts |= map(select(.destination | startswith("/dev") | not))
limits of cgroups@.linux.resources += {memory: {limit: 67108864, reservation: 33554432, swappiness: 10}, pids: {limit: 20}, cpu: {shares: 512, quota: 40000, period: 100000, cpus: "0", mems: "0"}}@/sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory/memory.soft_limit_in_bytes /sys/fs/cgroup/memory/memory.swappiness /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/cpu/cpu.shares /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/cpu/cpu.cfs_period_us /sys/fs/cgroup/cpuset/cpuset.cpus /sys/fs/cgroup/cpuset/cpuset.mems /sys/fs/cgroup/devices/devices.list
rules of devices@.linux.resources.devices = [{allow: false, access: "rwm"}, {allow: true, type: "c", major: 10, minor: 229, access: "r"}, {allow: true, type: "b", access: "m"}]@/sys/fs/cgroup/devices/devices.list
all devices@.linux.resources.devices = [{allow: true, access: "rwm"}]@/sys/fs/cgroup/devices/devices.list
writable cgroups@.mounts |= map(if .type == "cgroup" then .options -= ["ro"] else . end)
cgroup namespace@.linux.namespaces += [{type: "cgroup"}]
END
}
