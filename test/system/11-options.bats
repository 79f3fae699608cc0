#!/usr/bin/env bats
# 11-options.bats - the options of `coracle run`: what they make of a container, and what they refuse.

# shellcheck disable=SC2016 # what containers' shells expand

load helper
load images

setup() {
	private_setup
	CDI=$BATS_TEST_TMPDIR/cdi
	mkdir -p "$CDI" "$CDI.more"
}

teardown() {
	private_teardown
}

# thing NAME EDITS... - a device of vendor.com/thing, as JSON.
thing() {
	printf '{"name": "%s", "containerEdits": %s}' "$1" "$2"
}

# cdi FILE EDITS DEVICE... - a file of such devices.
cdi() {
	local file=$1 edits=$2
	shift 2
	local IFS=,
	printf '{"cdiVersion": "%s", "kind": "%s", "containerEdits": %s, "devices": [%s]}' \
		"${VERSION:-0.6.0}" "${KIND:-vendor.com/thing}" "$edits" "$*" > "$file"
}

# cgroup FILE... - the first of these files that the container has.
LOOK='first() { for f; do [ ! -e /sys/fs/cgroup/$f ] || { cat /sys/fs/cgroup/$f; return; }; done; }'

@test "limits_of_cpu_and_process_are_the_kernels" {
	local core=0
	[ "$(ulimit -Hc)" != unlimited ] || core=-1
	run -0 box --rm -c 512 --cpuset-cpus 0 --ulimit nofile=100:200 --ulimit core=$core --umask 0077 --oom-score-adj 321 \
		--sysctl net.core.somaxconn=77 --shm-size 3m -- sh -c "$LOOK"'
		first cpu/cpu.shares cpu.weight; first cpuset/cpuset.cpus cpuset.cpus
		ulimit -Sn; ulimit -Hn; ulimit -c; umask; cat /proc/self/oom_score_adj /proc/sys/net/core/somaxconn
		df -k /dev/shm | tail -n 1'
	[[ "${lines[0]}" =~ ^(512|20)$ ]]
	[ "${lines[1]}" = 0 ]
	[ "$(printf '%s\n' "${lines[@]:2:6}" | paste -sd ' ')" = "100 200 $(ulimit -Hc) 0077 321 77" ]
	[[ "${lines[8]}" =~ ^shm\ +3072\  ]]
	run -0 box --rm --cpu-period 50000 --cpu-quota 25000 --memory-reservation 20m -m 0 -- sh -c "$LOOK"'
		first cpu/cpu.cfs_quota_us cpu.max; first memory/memory.soft_limit_in_bytes memory.low'
	[[ "${lines[0]}" == 25000* ]]
	[ "${lines[1]}" = 20971520 ]
	[[ "$(box --rm --memory 32m --memory-swap 64m -- sh -c "$LOOK"'
		first memory/memory.memsw.limit_in_bytes memory.swap.max')" =~ ^(67108864|33554432|)$ ]]
	[[ "$(box --rm --memory 32m -- sh -c "$LOOK"'
		first memory/memory.memsw.limit_in_bytes memory.swap.max')" =~ ^(67108864|33554432|)$ ]]
}

@test "a_sysctl_of_the_machine_is_refused" {
	local sysctl network
	while read -r sysctl network; do
		run -125 box --rm --name "$(cid s)" --network "$network" --sysctl "$sysctl" -- true
		[ "${#lines[@]}" = 1 ]
		[[ "$output" == *"${sysctl%=*}"* ]]
		assert_gone "$(cid s)"
		[[ "$network" == ns:* ]] || run -1 "$CORACLE" bundle --rootfs --network "$network" --sysctl "$sysctl" "$ROOTFS" "$BATS_TEST_TMPDIR/b" true
		[ ! -e "$BATS_TEST_TMPDIR/b" ]
	done <<- END
		vm.swappiness=$(cat /proc/sys/vm/swappiness) none
		net.core.somaxconn=$(cat /proc/sys/net/core/somaxconn) host
		net.core.somaxconn=$(cat /proc/sys/net/core/somaxconn) ns:/proc/$$/ns/net
		kernel.hostname=$(cat /proc/sys/kernel/hostname) none
	END
}

@test "a_label_where_nothing_is_labelled_is_ignored" {
	[ ! -d /sys/fs/selinux ] || skip "SELinux is on"
	run -0 box --rm --security-opt label=type:spc_t -- echo labelled
	[ "$output" = $'coracle: warning: option --security-opt: label: ignored: this machine has no SELinux\nlabelled' ]
}

@test "a_container_that_takes_anothers_place_is_warned_of_once" {
	[ ! -d /sys/fs/selinux ] || skip "SELinux is on"
	box -d --name "$(cid w)" -- sleep 1000
	run -0 --separate-stderr setpriv --bounding-set -sys_time "$CORACLE" run --root "$STATE" --rm --replace --name "$(cid w)" \
		--security-opt label=type:spc_t --cap-add sys_time --rootfs "$ROOTFS" true
	# shellcheck disable=SC2154
	diff - <(echo "$stderr") <<- END
		coracle: warning: option --security-opt: label: ignored: this machine has no SELinux
		coracle: warning: process.capabilities: we have not, and so cannot give, CAP_SYS_TIME
	END
}

@test "a_user_with_an_empty_group_has_all_that_are_his" {
	run -0 box --rm -u worker -- id
	local all=$output
	run -0 box --rm -u worker: -- id
	[ "$output" = "$all" ]
	run -0 box --rm -u worker:worker -- id
	[ "$output" != "$all" ]
}

@test "groups_are_added_by_the_images_names_or_numbers" {
	run -0 box --rm --group-add extra --group-add 77 -- id -G
	[ "$output" = "0 77 2000" ] || [ "$output" = "0 2000 77" ]
	run -125 box --rm --group-add nosuch -- true
	[[ "$output" == *"--group-add"*nosuch* ]]
	# CVE-2022-36109: his own group is his also while he runs a program of another one's.
	run -0 box --rm -u 5:6 --group-add 77 -- grep Groups /proc/self/status
	[ "$output" = $'Groups:\t6 77 ' ]
	box -d --name "$(cid g)" -- sleep 1000
	run -0 c exec -u 5:6 "$(cid g)" grep Groups /proc/self/status
	[ "$output" = $'Groups:\t6 ' ]
	c rm -f "$(cid g)"
}

@test "an_option_without_a_value_is_as_if_it_was_not_given" {
	run -0 box --rm --name '' --umask '' --cpuset-cpus '' --cpuset-mems '' --personality '' --cgroup-parent '' --stop-signal '' --pull '' \
		--ipc '' --pid '' --uts '' --network '' --cgroups '' --userns '' --platform '' --arch '' --tz '' \
		--restart '' --isolation= -- sh -c umask
	[ "$output" = 0022 ]
	run -125 "$CORACLE" run --restart
	[[ "$output" == "coracle: option --restart: nobody "* ]]
	box -d --name "$(cid v)" -u 5:6 -w /etc -- sleep 1000
	run -0 c exec -u '' --workdir= "$(cid v)" sh -c 'id -u; pwd'
	[ "$output" = $'5\n/etc' ]
	run -0 c kill -s '' "$(cid v)"
	[ "$(c wait "$(cid v)")" = 137 ]
	c rm "$(cid v)"
}

@test "two_mounts_on_one_place_are_refused" {
	local option
	for option in "-v /etc:/x/" "-v v:/x/." "--tmpfs /x" "--tmpfs /y/../x" "--mount type=bind,src=/etc,dst=//x"; do
		# shellcheck disable=SC2086 # options
		run -125 box --rm --name "$(cid x)" -v "$ROOTFS:/x" $option -- true
		[[ "$output" =~ ^coracle:\ options\ --volume,\ --mount,\ --tmpfs:\ two\ are\ to\ be\ on\ /x$ ]] || { echo "$output"; return 1; }
	done
	run -0 box --rm -v "$ROOTFS:/x" -v /etc:/x/etc -- ls -d /x/bin
	run -125 box --rm -v "$ROOTFS:/x/.." -- true
	[[ "$output" == *"the target '/x/..' is not "* ]]
}

@test "a_container_keeps_no_more_memory_than_it_may_have" {
	run -125 box --rm -m 64m --memory-reservation 128m -- true
	[ "$output" = "coracle: option --memory-reservation: it is more than --memory" ]
}

@test "what_is_so_without_an_option_may_be_asked_for_by_it" {
	run -0 box --rm --restart no --restart=no --systemd=false --systemd false --sig-proxy=true --http-proxy=false --sdnotify ignore \
		--isolation default -- echo hi
	[ "$output" = hi ]
	run -125 box --rm --restart nothing -- true
	run -125 box --rm --sig-proxy=false -- true
	[[ "$output" == "coracle: option --sig-proxy: signals are "* ]]
	# A flag takes no word.
	run -0 box --rm --sig-proxy --sig-proxy=1 --http-proxy=0 -- echo hi
	[ "$output" = hi ]
	run -125 "$CORACLE" run --rm --http-proxy false --rootfs "$ROOTFS" true
	[[ "$output" == "coracle: option --http-proxy: our proxies are "* ]]
	run -125 box --rm --sig-proxy=maybe -- true
	[ "$output" = "coracle: option --sig-proxy: 'maybe' is neither true nor false" ]
}

@test "nothing_of_proc_is_executed_or_a_device" {
	run -0 box --rm -- grep ' /proc ' /proc/mounts
	[ "$output" = "proc /proc proc rw,nosuid,nodev,noexec,relatime 0 0" ]
}

@test "namespaces_are_the_hosts_where_asked_for" {
	local option type
	for option in pid ipc uts cgroupns; do
		type=${option/cgroupns/cgroup}
		run -0 box --rm "--$option" host -- readlink "/proc/self/ns/$type"
		[ "$output" = "$(readlink "/proc/self/ns/$type")" ]
		run -0 box --rm "--$option" private -- readlink "/proc/self/ns/$type"
		[ "$output" != "$(readlink "/proc/self/ns/$type")" ]
	done
	run -0 box --rm --uts host -- hostname
	[ "$output" = "$(hostname)" ]
	run -125 box --rm --uts host --hostname mine -- true
	[[ "$output" == *"--hostname"* ]]
	# Whose IPC it is, theirs is the memory.
	run -0 box --rm --ipc host -- stat -c %d /dev/shm
	[ "$output" = "$(stat -c %d /dev/shm)" ]
	box -d --name "$(cid a)" --sysctl net.ipv4.ip_forward=1 -- sleep 1000
	run -0 box --rm --network "ns:/proc/$(field "$(cid a)" pid)/ns/net" -- readlink /proc/self/ns/net
	[ "$output" = "$(readlink "/proc/$(field "$(cid a)" pid)/ns/net")" ]
	c rm -f "$(cid a)"
	[ "$(box --rm --domainname inside.example -- cat /proc/sys/kernel/domainname)" = inside.example ]
}

@test "namespaces_are_another_containers_while_it_runs" {
	local kind type other
	box -d --name "$(cid o)" --hostname other -- sleep 1000
	other=$(field "$(cid o)" pid)
	for kind in network:net pid:pid ipc:ipc uts:uts; do
		type=${kind#*:} kind=${kind%:*}
		run -0 box --rm "--$kind" "container:$(cid o)" -- readlink "/proc/self/ns/$type"
		[ "$output" = "$(readlink "/proc/$other/ns/$type")" ]
	done
	# Its name stays its own; and what is left to a monitor joins it as well.
	box -d --name "$(cid p)" --network "container:$(cid o)" --pid "container:$(cid o)" --uts "container:$(cid o)" -- \
		sh -c 'hostname; readlink /proc/self/ns/net; cat /proc/1/comm'
	[ "$(c wait "$(cid p)")" = 0 ]
	[ "$(c logs "$(cid p)")" = other$'\n'"$(readlink "/proc/$other/ns/net")"$'\nsleep' ]
	[ "$(box --rm --pid "container:$(cid o)" -- ps | grep -c 'sleep 1000')" = 1 ]
	run -125 box --rm --uts "container:$(cid o)" --hostname mine -- true
	[[ "$output" == *"--hostname"* ]]
	c stop -t 0 "$(cid o)"
	run -125 box --rm --name "$(cid q)" --network "container:$(cid o)" -- true
	[[ "$output" == *"$(cid o) does not run"* ]]
	assert_gone "$(cid q)"
	c rm "$(cid o)" "$(cid p)"
	run -125 box --rm --network "container:$(cid o)" -- true
	[[ "$output" == *"$(cid o)"* ]]
	run -1 "$CORACLE" bundle --rootfs --network "container:$(cid o)" "$ROOTFS" "$BATS_TEST_TMPDIR/b" true
	[[ "$output" == *"of run, container:ID"* ]]
}

@test "with_its_ipc_comes_the_memory_of_another_container" {
	box -d --name "$(cid o)" --ipc shareable -- sh -c 'echo shared > /dev/shm/x; exec sleep 1000'
	until c exec "$(cid o)" test -s /dev/shm/x; do :; done
	run -0 box --rm --ipc "container:$(cid o)" --read-only -- sh -c 'cat /dev/shm/x; echo mine > /dev/shm/y; grep -c "^shm /dev/shm .*nosuid,nodev,noexec" /proc/mounts'
	[ "$output" = $'shared\n1' ]
	[ "$(c exec "$(cid o)" cat /dev/shm/y)" = mine ]
	box -d --name "$(cid p)" --ipc "container:$(cid o)" -- sleep 1000
	# It outlives who made it.
	c rm -f "$(cid o)"
	run -0 box --rm --ipc "container:$(cid p)" -- cat /dev/shm/y
	[ "$output" = mine ]
	c rm -f "$(cid p)"
	run -1 box --rm --ipc none -- ls /dev/shm
	box -d --name "$(cid n)" --ipc none -- sleep 1000
	run -1 box --rm --ipc "container:$(cid n)" -- ls /dev/shm
	c rm -f "$(cid n)"
}

@test "paths_are_masked_and_unmasked" {
	echo secret > "$BATS_TEST_TMPDIR/secret"
	run -0 box --rm -- grep -c ' /proc/' /proc/mounts
	[ "$output" -gt 4 ]
	run -0 box --rm --security-opt systempaths=unconfined -- sh -c 'grep -c " /proc/" /proc/mounts || true'
	[ "$output" = 0 ]
	run -0 box --rm --security-opt unmask=/proc/sys:/proc/bus --security-opt mask=/etc:/tmp/secret \
		-v "$BATS_TEST_TMPDIR/secret:/tmp/secret" -- sh -c 'cut -d " " -f 2 /proc/mounts; ls /etc; cat /tmp/secret'
	[[ "$output" != *"/proc/sys"$'\n'* && "$output" != *"/proc/bus"* && "$output" == *"/proc/fs"* ]]
	[[ "$output" != *passwd* && "$output" != *secret$'\n'secret* ]]
	rm "$ROOTFS/tmp/secret"
	run -0 box --rm --security-opt 'unmask=/proc/*' -- sh -c 'grep -c " /proc/" /proc/mounts || true'
	[ "$output" = 0 ]
	run -0 box --rm --security-opt proc-opts=hidepid=2 -- grep ' /proc ' /proc/mounts
	[[ "$output" =~ hidepid=(2|invisible) ]]
	run -0 box --rm --security-opt writable-cgroups -- sh -c 'grep " /sys/fs/cgroup " /proc/mounts | head -n 1'
	[[ "$output" == *" rw,"* ]]
	run -0 box --rm -- sh -c 'grep " /sys/fs/cgroup " /proc/mounts | head -n 1'
	[[ "$output" == *" ro,"* ]]
	run -0 box --rm --privileged --security-opt seccomp=builtin -- grep Seccomp: /proc/self/status
	[[ "$output" == *2 ]]
}

@test "a_profile_of_dockers_form_counts_with_the_capabilities_that_there_are" {
	local profile=/usr/share/containers/seccomp.json
	[ -s "$profile" ] || profile=/usr/share/containers/seccomp/seccomp.json
	run -0 box --rm --security-opt "seccomp=$profile" --cap-add SYS_ADMIN -- sh -c 'mount -t tmpfs x /tmp && unshare -m true && echo can'
	[ "$output" = can ]
	run -0 box --rm --security-opt "seccomp=$profile" -- chroot / true
	# Both rules of this call are of a capability: with it allowed, without it an error before the kernel looks.
	run -1 box --rm --security-opt "seccomp=$profile" --cap-drop SYS_CHROOT -- chroot /nosuch true
	[[ "$output" == *"not permitted"* ]]
	run -1 box --rm --security-opt "seccomp=$profile" -- chroot /nosuch true
	[[ "$output" == *"No such file"* ]]
	run -0 "$CORACLE" bundle --rootfs --security-opt "seccomp=$profile" "$ROOTFS" "$BATS_TEST_TMPDIR/b" true
	[ "$(jq -c '.linux.seccomp.architectures | sort | .[0:2]' "$BATS_TEST_TMPDIR/b/config.json")" = \
		"$(jq -c --arg a "SCMP_ARCH_$(uname -m | tr '[:lower:]' '[:upper:]')" '.archMap[] | select(.architecture == $a) | [.architecture] + .subArchitectures | sort | .[0:2]' "$profile")" ]
	# Names, architectures, kernels: what counts here is there, what does not is not.
	cat > "$BATS_TEST_TMPDIR/profile" <<- 'END'
		{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
		{"name": "mkdir", "action": "SCMP_ACT_ERRNO", "errnoRet": 95, "includes": {"minKernel": "3.1"}},
		{"name": "mkdirat", "action": "SCMP_ACT_ERRNO", "errnoRet": 95, "excludes": {"minKernel": "99.1"}},
		{"names": ["rmdir", "unlinkat", "unlink"], "action": "SCMP_ACT_ERRNO", "includes": {"arches": ["nosuch"]}},
		{"names": ["rmdir", "unlinkat", "unlink"], "action": "SCMP_ACT_ERRNO", "includes": {"minKernel": "99.0"}},
		{"names": ["rmdir", "unlinkat", "unlink"], "action": "SCMP_ACT_ERRNO", "excludes": {"caps": ["CAP_CHOWN"]}}]}
	END
	run -0 box --rm --security-opt "seccomp=$BATS_TEST_TMPDIR/profile" -- sh -c 'mkdir /tmp/x; : > /tmp/y && rm /tmp/y && echo removed'
	[[ "$output" == *"not supported"*removed ]]
	run -1 box --rm --cap-drop CHOWN --security-opt "seccomp=$BATS_TEST_TMPDIR/profile" -- sh -c ': > /tmp/y; rm /tmp/y'
	rm "$ROOTFS/tmp/y"
}

@test "an_init_reaps_passes_signals_on_and_gives_the_status" {
	run -7 box --rm --init -- sh -c 'tr "\0" " " < /proc/1/cmdline; echo; echo $$; exit 7'
	[[ "${lines[0]}" == "/dev/coracle-init sh -c "* ]]
	[ "${lines[1]}" = 2 ]
	[ -z "$(find "$ROOTFS" -name '*init' -newer "$BATS_TEST_TMPDIR" -type f)" ]
	run -0 box --rm --init -v /dev:/dev/ -- head -c 13 /proc/1/cmdline
	[ "$output" = /coracle-init ]
	[ ! -e /dev/coracle-init ]
	run -137 box --rm --init -- sh -c 'kill -9 $$'
	run -127 box --rm --init -- nosuchcommand
	[[ "$output" == *nosuchcommand* ]]
	run -126 box --rm --init --read-only --user worker -- /etc/passwd
	# Orphans become its children, and do not stay as zombies.
	fifo up
	run -0 box --rm --init -v "$SYNC:/sync" -- sh -c '(exec setsid sh -c "echo \$\$ > /sync/pid; read -r x < /sync/up" &)
		echo > /sync/up; read -r pid < /sync/pid; while [ -e "/proc/$pid" ]; do :; done; echo "$pid is gone"'
	[[ "$output" =~ ^[0-9]+" is gone"$ ]]
	# What init would not hear as pid 1 its child does: sleep has no handler for it.
	box -d --init --name "$(cid i)" -v "$SYNC:/sync" -- sh -c 'trap "exit 3" TERM; echo up > /sync/up; while :; do sleep 1000 & wait; done'
	read -r _ < "$SYNC/up"
	c stop -t 60 "$(cid i)"
	[ "$(c wait "$(cid i)")" = 3 ]
	box -d --init --name "$(cid j)" -- sleep 1000
	c stop -t 60 "$(cid j)"
	[ "$(c wait "$(cid j)")" = 143 ]
	c rm "$(cid i)" "$(cid j)"
	run -0 script -qec "'$CORACLE' run --root '$STATE' --rm -it --init --rootfs '$ROOTFS' sh -c 'tty; cat /proc/self/stat'" /dev/null
	[[ "$output" == *"/dev/pts/0"* ]]
}

@test "stop_waits_as_long_as_run_was_told" {
	box -d --name "$(cid t)" --stop-timeout 0 -- sleep 1000
	run -0 timeout 8 "$CORACLE" stop --root "$STATE" "$(cid t)"
	[ "$(c wait "$(cid t)")" = 137 ]
	c rm "$(cid t)"
}

@test "a_file_gets_the_id_once" {
	run -0 box -d --cidfile "$BATS_TEST_TMPDIR/cid" -- true
	[ "$(cat "$BATS_TEST_TMPDIR/cid")" = "$output" ]
	c wait "$output"
	c rm "$output"
	run -125 box --rm --cidfile "$BATS_TEST_TMPDIR/cid" -- true
	[[ "$output" == *"--cidfile"*"$BATS_TEST_TMPDIR/cid"* ]]
	[ -s "$BATS_TEST_TMPDIR/cid" ]
	run -127 box --rm --cidfile "$BATS_TEST_TMPDIR/other" -- nosuchcommand
	[ ! -e "$BATS_TEST_TMPDIR/other" ]
	[ -z "$(ls -A "$STATE")" ]
}

@test "an_interrupted_pull_leaves_no_file_with_an_id_and_a_signal_later_neither" {
	L=$BATS_TEST_TMPDIR/layout
	simple "$L" v1
	strange
	env --default-signal "$CORACLE" run --root "$STATE" --rm --cidfile "$BATS_TEST_TMPDIR/cid" "docker://$STRANGE/stall:v1" true 3>&- &
	local pid=$!
	until grep -q stall "$STRANGE_LOG"; do
		sleep 0.01
	done
	kill -INT "$pid"
	wait "$pid" || [ $? = 130 ]
	[ ! -e "$BATS_TEST_TMPDIR/cid" ]
	kill "$STRANGE_PID"
	# Later a signal waits until all is removed: here a volume is being filled.
	make_rootfs "$BATS_TEST_TMPDIR/root"
	run -130 strace -f -qqq -o /dev/null -e signal=none -e trace=copy_file_range -e inject=copy_file_range:signal=INT:when=1 \
		env --default-signal "$CORACLE" run --root "$STATE" --cidfile "$BATS_TEST_TMPDIR/cid" --name "$(cid i)" -v v:/bin --rootfs "$BATS_TEST_TMPDIR/root" true
	[ ! -e "$BATS_TEST_TMPDIR/cid" ]
	assert_gone "$(cid i)"
	[ -z "$(ls -A "$CORACLE_STORE/tmp")" ]
}

@test "what_docker_calls_the_default_is_none" {
	run -0 "$CORACLE" bundle --rootfs --cpus 0 -c 0 --cpu-quota 0 --cpu-period 0 --memory 0 --memory-reservation 0 --memory-swappiness -1 --pids-limit 0 \
		"$ROOTFS" "$BATS_TEST_TMPDIR/b" true
	[ "$(jq -c '.linux.resources | [.cpu, .memory, .pids]' "$BATS_TEST_TMPDIR/b/config.json")" = '[null,null,null]' ]
	run -0 "$CORACLE" bundle --rootfs --memory-swappiness 0 "$ROOTFS" "$BATS_TEST_TMPDIR/b2" true
	[ "$(jq -c .linux.resources.memory "$BATS_TEST_TMPDIR/b2/config.json")" = '{"swappiness":0}' ]
}

@test "an_entrypoint_may_be_a_list_and_a_file_of_variables_have_a_mark" {
	run -0 box --rm --entrypoint '["printf", "%s-%s-%s", "a b"]' -- c d
	[ "$output" = "a b-c-d" ]
	run -127 box --rm --name "$(cid n)" --entrypoint '[ "no json' -- x
	[[ "$output" == *'[ "no json'* ]]
	printf '\xef\xbb\xbfFIRST=1\nSECOND=2\n' > "$BATS_TEST_TMPDIR/env"
	run -0 box --rm --env-file "$BATS_TEST_TMPDIR/env" -- sh -c 'echo $FIRST $SECOND; env | grep -c FIRST'
	[ "$output" = $'1 2\n1' ]
}

@test "devices_weights_and_files_of_cgroups_are_in_the_configuration" {
	mknod "$BATS_TEST_TMPDIR/disk" b 7 0
	mknod "$BATS_TEST_TMPDIR/tty" c 5 0
	local disk=$BATS_TEST_TMPDIR/disk
	run -0 "$CORACLE" bundle --rootfs --blkio-weight 300 --blkio-weight-device "$disk:200" --device-read-bps "$disk:1m" --device-write-bps "$disk:2k" \
		--device-read-iops "$disk:3" --device-write-iops "$disk:4" --cgroup-conf memory.high=64M --cpu-rt-period 1000000 --cpu-rt-runtime 950000 \
		-m 64m --oom-kill-disable "$ROOTFS" "$BATS_TEST_TMPDIR/b" true
	[ "$(jq -cS '.linux.resources | [.blockIO.weight, (.blockIO | del(.weight) | map_values([.[] | [.major, .minor, .rate // .weight]])),
		.unified, .cpu, .memory.disableOOMKiller]' "$BATS_TEST_TMPDIR/b/config.json")" = \
		'[300,{"throttleReadBpsDevice":[[7,0,1048576]],"throttleReadIOPSDevice":[[7,0,3]],"throttleWriteBpsDevice":[[7,0,2048]],"throttleWriteIOPSDevice":[[7,0,4]],"weightDevice":[[7,0,200]]},{"memory.high":"64M"},{"realtimePeriod":1000000,"realtimeRuntime":950000},true]' ]
	run -125 box --rm --oom-kill-disable -- true
	[[ "$output" == *"--memory 64m" ]]
	local option value part
	while IFS='|' read -r option value part; do
		run -125 box --rm --name "$(cid b)" "--$option" "$value" -- true
		[[ "$output" == *"--$option"*"$part"* && "${#lines[@]}" = 1 ]] || { echo "$option $value: $output"; return 1; }
		assert_gone "$(cid b)"
	done <<- END
		blkio-weight|9|between 10 and 1000
		blkio-weight-device|$disk:1001|between 10 and 1000
		blkio-weight-device|$disk|/dev/sda:500
		device-read-bps|$disk:lots|/dev/sda:1m
		device-read-bps|disk:1|/dev/sda:1m
		device-write-iops|$disk:1m|/dev/sda:100
		device-read-iops|$BATS_TEST_TMPDIR/tty:1|no block device
		device-read-iops|/no/such/file:1|/no/such/file
		cgroup-conf|x|memory.high=64M
		device-read-iops|$disk:18446744073709551616|/dev/sda:100
		gpus|2|all or device=
		gpus|"device="|all or device=
	END
}

@test "the_containers_name_is_a_variable" {
	run -0 box --rm --name "$(cid h)" -- env
	[[ $'\n'"$output"$'\n' == *$'\n'"HOSTNAME=$(cid h)"$'\n'* ]]
	run -0 box --rm -h other -e HOSTNAME=said -- env
	[[ "$output" == *HOSTNAME=said* && "$output" != *HOSTNAME=other* ]]
	run -0 box --rm --uts host -- env
	[[ "$output" == *"HOSTNAME=$(uname -n)"* ]]
	run -0 box --rm --unsetenv HOSTNAME -- env
	[[ "$output" != *HOSTNAME=* ]]
}

@test "variables_are_those_of_ours_that_begin_so_and_a_line_for_a_shell_is_refused" {
	FROM_A=a FROM_B=b run -0 box --rm -e 'FROM_*' -e FROM_B=c -- sh -c 'echo $FROM_A $FROM_B'
	[ "$output" = "a c" ]
	echo 'export A=b' > "$BATS_TEST_TMPDIR/env"
	run -125 box --rm --env-file "$BATS_TEST_TMPDIR/env" -- true
	[ "$output" = "coracle: option --env-file: 'export A=b' is not a line such as A=b, with no space in the name" ]
}

@test "variables_are_all_of_ours_or_without_some" {
	ONE=1 TWO=2 run -0 box --rm --env-host --unsetenv ONE --unsetenv FOUR -e THREE=3 -e FOUR=4 -- env
	[[ $'\n'"$output"$'\n' == *$'\nTWO=2\n'* && $'\n'"$output" == *$'\nTHREE=3'* && $'\n'"$output" != *$'\nONE='* && "$output" != *FOUR=* && "$output" != *CORACLE_PROGRAM* ]]
	printf '# words\nowner=me\nbare\n' > "$BATS_TEST_TMPDIR/labels"
	run -0 box --name "$(cid l)" --label-file "$BATS_TEST_TMPDIR/labels" --label owner=you -- true
	[ "$(field "$(cid l)" 'annotations | [.owner, .bare] | join(" ")')" = "you " ]
	c rm "$(cid l)"
	echo coracle.store=/etc > "$BATS_TEST_TMPDIR/labels"
	run -125 box --rm --label-file "$BATS_TEST_TMPDIR/labels" -- true
	[[ "$output" == *"--label-file"*"begins not with coracle." ]]
}

@test "a_container_replaces_the_one_of_its_name_and_tells_its_pid" {
	run -0 box -d --name "$(cid r)" --pidfile "$BATS_TEST_TMPDIR/pid" -- sleep 1000
	local pid
	pid=$(cat "$BATS_TEST_TMPDIR/pid")
	[ "$pid" = "$(field "$(cid r)" pid)" ]
	run -125 box -d --name "$(cid r)" -- true
	# What cannot be is no reason to end what runs.
	run -125 c run --replace --name "$(cid r)" --rootfs "$BATS_TEST_TMPDIR/nosuch" true
	run -125 c run --replace --name "$(cid r)" --pull never nosuch.invalid/image true
	L=$BATS_TEST_TMPDIR/layout
	simple "$L" v1
	"$CORACLE" pull -q "oci:$L:v1" > /dev/null
	local option
	for option in "--user nosuch" "--memory-swap 1m" "--cidfile $BATS_TEST_TMPDIR/no/such" "--pidfile $BATS_TEST_TMPDIR/no/such" \
		"--add-host x:y" "-v /no/such/file:/x" "--security-opt seccomp=/no/such" "--group-add nosuch" "--dns x"; do
		# shellcheck disable=SC2086
		run -125 c run --replace --name "$(cid r)" $option layout:v1 true
		[ -e "/proc/$pid" ] || { echo "$option: it is gone: $output"; return 1; }
		[[ "${#lines[@]}" = 1 && "$output" != *exists* ]]
	done
	# What only the kernel refuses.
	for option in "--cpuset-cpus 999" "--sysctl net.nosuch=1" "--tmpfs /x:size=nonsense" "--network ns:/no/such" \
		"--cgroup-parent /../x" "--mount type=volume,src=v,dst=/v --tmpfs /x:nosuch"; do
		# shellcheck disable=SC2086
		run -125 box --replace --name "$(cid r)" $option -- /bin/true
		[ -e "/proc/$pid" ] || { echo "$option: it is gone: $output"; return 1; }
		[[ "${#lines[@]}" = 1 && "$output" != *exists* ]]
	done
	run -126 box --replace --name "$(cid r)" -- /etc
	run -127 box --replace --name "$(cid r)" -v "$BATS_TEST_DIRNAME:/x" -- /x/nosuch
	[ -z "$(ls -A "$CORACLE_STORE/tmp")$(ls -A "$CORACLE_STORE/volumes" 2> /dev/null)" ]
	[ "$(ls "$STATE")" = "$(cid r)" ]
	run -127 box --replace --name "$(cid r)" -- nosuchcommand
	[ "$output" = 'coracle: exec: "nosuchcommand": executable file not found in $PATH' ]
	[ -e "/proc/$pid" ]
	[ "$(cat "$BATS_TEST_TMPDIR/pid")" = "$pid" ]
	run -125 box --replace --rm -- true
	[[ "$output" == *"option --replace: it needs the --name"* ]]
	run -0 box --replace --rm --name "$(cid r)" -- echo new
	[ "$output" = new ]
	[ ! -e "/proc/$pid" ]
	[ ! -e "$BATS_TEST_TMPDIR/pid" ]
	assert_gone "$(cid r)"
	# The file is another one's by now.
	box -d --name "$(cid r)" --pidfile "$BATS_TEST_TMPDIR/pid" -- true
	echo 1 > "$BATS_TEST_TMPDIR/pid"
	c wait "$(cid r)"
	c rm "$(cid r)"
	[ "$(cat "$BATS_TEST_TMPDIR/pid")" = 1 ]
	run -0 box --rm --pidfile "$BATS_TEST_TMPDIR/pid" -- true
	[ ! -e "$BATS_TEST_TMPDIR/pid" ]
	run -0 box --replace --rm --name "$(cid r)" -- true
	# A program may be in a volume; a hook runs once.
	run -0 box --rm -v v:/v -- cp /bin/busybox /v/sh
	run -0 box -d --name "$(cid r)" -- sleep 1000
	cdi "$CDI/a.json" '{}' "$(thing x '{"hooks": [{"hookName": "createRuntime", "path": "/bin/sh", "args": ["sh", "-c", "cat > /dev/null; echo >> '"$BATS_TEST_TMPDIR"'/hooked"]}]}')"
	run -0 box --replace --rm --name "$(cid r)" --cdi-spec-dir "$CDI" --device vendor.com/thing=x -v v:/v -t -- /v/sh -c 'echo in-volume'
	[ "${output%$'\r'}" = in-volume ]
	[ "$(wc -l < "$BATS_TEST_TMPDIR/hooked")" = 1 ]
}

@test "on_a_read_only_root_programs_may_have_places_to_write" {
	run -0 box --rm --read-only --read-only-tmpfs -- sh -c 'for d in run tmp var/tmp; do echo > /$d/x && stat -c %a /$d; done; { echo > /x; } 2> /dev/null || echo no'
	[ "$output" = $'755\n1777\n1777\nno' ]
	rm -r "${ROOTFS:?}/run" "${ROOTFS:?}/var"
}

@test "a_user_that_the_image_does_not_know_has_the_lines_that_were_asked_for" {
	whole '{"User": "77"}' <<< 'f owned 640 7:8 - x'
	local show='tail -n 1 /etc/passwd; tail -n 1 /etc/group; id -un; echo $HOME'
	run -0 c run --rm -w /tmp --passwd-entry '$USERNAME:x:$UID:$GID:$NAME:/srv:/bin/sh' layout:v1 sh -c "$show"
	[ "$output" = $'77:x:77:0:container user:/srv:/bin/sh\nextra:x:2000:worker\n77\n/srv' ]
	run -0 c run --rm -u 88:99 --passwd-entry 'me:x:$UID:$GID::$HOME$:/bin/sh' --group-entry 'us-$GROUPNAME:x:$GID:' layout:v1 sh -c "$show"
	[ "$output" = $'me:x:88:99::/$:/bin/sh\nus-99:x:99:\nme\n/$' ]
	# Whom the image knows, or nobody asked for.
	run -0 c run --rm -u worker --passwd-entry 'me:x:1:2::/:/bin/sh' layout:v1 sh -c "$show"
	[[ "$output" == *$'\nworker\n'* && "$output" != me:* ]]
	run -0 c run --rm layout:v1 sh -c 'grep -c : /etc/passwd'
	[ "$output" = 2 ]
	run -0 c run --rm --passwd=false -u 88:99 --passwd-entry 'me:x:1:2::/:/bin/sh' layout:v1 sh -c 'grep -c : /etc/passwd'
	[ "$output" = 2 ]
	run -125 box --rm --passwd-entry x -- true
	[ "$output" = "coracle: option --passwd-entry: it is for images: a root directory stays as it is" ]
}

@test "a_program_for_another_machine_is_told_from_the_image" {
	local L=$BATS_TEST_TMPDIR/layout
	tar_of "$L.tar" <<< 'f program 755 0:0 - %7fELF%02%02%01%00%00%00%00%00%00%00%00%00%00%02%00%16'
	layer "$L" "$L.tar"
	image_end "$L" v1 '{}' s390x > "$L.out"
	"$CORACLE" pull -q --platform linux/s390x "oci:$L:v1" > "$L.out"
	run -126 c run --rm layout:v1 /program
	[[ "$output" == "coracle: exec /program: exec format error; the image is for linux/s390x, this machine is linux/"* ]]
	[ "${#lines[@]}" = 1 ]
}

@test "an_image_goes_with_its_last_container_if_asked_for" {
	local L=$BATS_TEST_TMPDIR/layout
	images() { "$CORACLE" images -q; }
	whole '{}' <<< 'f owned 640 7:8 - x'
	run -0 c run --rmi layout:v1 cat /owned
	[ "$output" = x ]
	[ -z "$(images)$(ls -A "$STATE")$(find "$CORACLE_STORE/blobs" "$CORACLE_STORE/layers" -mindepth 2)" ]
	# Another container has it; then none.
	"$CORACLE" pull -q "oci:$L:v1" > /dev/null
	c run -d --name "$(cid o)" layout:v1 sleep 1000
	run -3 c run --rmi layout:v1 sh -c 'exit 3'
	[ "$output" = "coracle: warning: option --rmi: image layout:v1 stays: a container needs it" ]
	[ -n "$(images)" ]
	c rm -f "$(cid o)"
	# It is damaged meanwhile.
	mkfifo "$BATS_TEST_TMPDIR/end"
	"$CORACLE" run --root "$STATE" --rmi --cidfile "$BATS_TEST_TMPDIR/cid" -v "$BATS_TEST_TMPDIR/end:/end" layout:v1 sh -c 'echo; cat /end' \
		> "$BATS_TEST_TMPDIR/out" 2>&1 3>&- & local damaged=$!
	exec 9> "$BATS_TEST_TMPDIR/end"
	until [ -s "$BATS_TEST_TMPDIR/out" ]; do :; done
	truncate -s 2 "$CORACLE_STORE/blobs/sha256/$(jq -r '.manifests[0].digest' "$CORACLE_STORE/index.json" | cut -d : -f 2)"
	exec 9>&-
	wait $damaged
	[[ "$(< "$BATS_TEST_TMPDIR/out")" == *"warning: option --rmi: image layout:v1 stays: "*" of the store has 2 bytes instead of "* ]] || { cat "$BATS_TEST_TMPDIR/out"; return 1; }
	"$CORACLE" pull -q "oci:$L:v1" > /dev/null
	# Who has the store may have it for long: a signal ends the wait for him.
	mkfifo "$BATS_TEST_TMPDIR/go" "$BATS_TEST_TMPDIR/held"
	"$CORACLE" run --root "$STATE" --rmi --name "$(cid o)" -v "$BATS_TEST_TMPDIR/go:/go" layout:v1 cat /go 3>&- & local runner=$! rc=0
	exec 9> "$BATS_TEST_TMPDIR/go"
	flock -s "$CORACLE_STORE/lock" cat "$BATS_TEST_TMPDIR/held" 3>&- 9>&- &
	local holder=$!
	exec 8> "$BATS_TEST_TMPDIR/held" 9>&-
	until [ ! -e "$STATE/$(cid o)" ]; do
		sleep 0.01
	done
	kill -TERM "$runner"
	wait "$runner" || rc=$?
	exec 8>&-
	wait "$holder"
	[ "$rc" = 143 ]
	run -0 c run -d --rmi --name "$(cid o)" -v "$BATS_TEST_TMPDIR/go:/go" layout:v1 cat /go
	# Its name means another one by now: that stays.
	"$CORACLE" tag layout:v1 other:v1 > /dev/null
	simple "$L" v1
	"$CORACLE" pull -q "oci:$L:v1" > /dev/null
	local monitor
	monitor=$(field "$(cid o)" owner)
	: > "$BATS_TEST_TMPDIR/go"
	tail --pid="$monitor" -f /dev/null
	assert_gone "$(cid o)"
	[ "$(images | wc -l)" = 2 ]
	run -0 c run -d --rmi --name "$(cid o)" -v "$BATS_TEST_TMPDIR/go:/go" other:v1 cat /go
	monitor=$(field "$(cid o)" owner)
	: > "$BATS_TEST_TMPDIR/go"
	tail --pid="$monitor" -f /dev/null
	[ "$(images | wc -l)" = 1 ]
	# What cannot be run takes nothing with it.
	run -127 c run --rmi layout:v1 nosuch
	[ "$(images | wc -l)" = 1 ]
	run -125 box --rmi -- true
	[ "$output" = "coracle: option --rmi: there is no image to remove" ]
	run -125 c run --rmi
}

@test "labels_and_annotations_are_in_the_record" {
	box -d --name "$(cid l)" -l owner=me --label bare --annotation org.example.x=y=z -- true
	c wait "$(cid l)"
	[ "$(field "$(cid l)" 'annotations | [.owner, .bare, .["org.example.x"]] | join(" ")')" = "me  y=z" ]
	c rm "$(cid l)"
}

@test "a_device_of_the_host_is_there_with_its_permissions" {
	run -0 box --rm --device /dev/fuse --device /dev/zero:/dev/other/nothing:r -- sh -c \
		'stat -c "%t:%T %a" /dev/fuse /dev/other/nothing; head -c 3 /dev/other/nothing | wc -c'
	[ "$output" = "a:e5 $(stat -c %a /dev/fuse)"$'\n'"1:5 666"$'\n3' ]
	run -1 box --rm --cap-add MKNOD -- sh -c 'mknod /dev/f c 10 229 || exit 9; exec 3<> /dev/f'
	run -0 box --rm --cap-add MKNOD --device-cgroup-rule 'c 10:229 rwm' -- sh -c 'mknod /dev/f c 10 229; exec 3<> /dev/f'
	run -0 box --rm --device /dev/net -- ls /dev/net
	[ "$output" = tun ]
	run -0 box --rm --privileged -- sh -c 'ls /dev/fuse /dev/ptmx; ls -l /dev/ptmx'
	[[ "$output" == *"pts/ptmx" ]]
}

@test "bind_mounts_have_their_propagation_and_depth" {
	mkdir -p "$BATS_TEST_TMPDIR/v/sub"
	mount -t tmpfs shallow "$BATS_TEST_TMPDIR/v/sub"
	touch "$BATS_TEST_TMPDIR/v/sub/below"
	run -0 box --rm -v "$BATS_TEST_TMPDIR/v:/tmp/v:ro" -- sh -c 'ls /tmp/v/sub; { echo > /tmp/v/sub/x; } 2> /dev/null || echo kept'
	[ "$output" = $'below\nkept' ]
	run -0 box --rm --mount "type=bind,src=$BATS_TEST_TMPDIR/v,dst=/tmp/v,bind-recursive=disabled" -- ls /tmp/v/sub
	[ -z "$output" ]
	umount "$BATS_TEST_TMPDIR/v/sub"
	mount --bind "$BATS_TEST_TMPDIR/v" "$BATS_TEST_TMPDIR/v"
	mount --make-shared "$BATS_TEST_TMPDIR/v"
	run -0 box --rm -v "$BATS_TEST_TMPDIR/v:/tmp/v:rslave" -- grep ' /tmp/v ' /proc/self/mountinfo
	[[ "$output" == *master:* ]]
	run -0 box --rm --mount "type=bind,src=$BATS_TEST_TMPDIR/v,dst=/tmp/v,bind-propagation=rshared" -- grep ' /tmp/v ' /proc/self/mountinfo
	umount "$BATS_TEST_TMPDIR/v"
	[[ "$output" == *shared:* ]]
	cd "$BATS_TEST_TMPDIR"
	run -0 box --rm -v "./v:/tmp/v:Z" -- ls /tmp/v
	[ "$output" = sub ]
	rmdir "$ROOTFS/tmp/v"
	run -0 box --rm --mount type=tmpfs,dst=/tmp,tmpfs-size=2m,tmpfs-mode=700 --tmpfs /root:exec -- sh -c 'grep -E " /(tmp|root) " /proc/mounts'
	[[ "${lines[0]}" == *nosuid,nodev,relatime* && "${lines[1]}" == *nosuid,nodev,noexec*size=2048k,mode=700* ]]
}

@test "mounts_are_in_the_order_of_their_depth" {
	mkdir -p "$BATS_TEST_TMPDIR/up" "$BATS_TEST_TMPDIR/down,here"
	mkdir "$BATS_TEST_TMPDIR/up/sub"
	touch "$BATS_TEST_TMPDIR/down,here/below"
	run -0 box --rm --mount "type=bind,\"src=$BATS_TEST_TMPDIR/down,here\",dst=/tmp/v/sub" -v "$BATS_TEST_TMPDIR/up:/tmp/v" -- sh -c 'ls /tmp/v /tmp/v/sub'
	[ "$output" = $'/tmp/v:\nsub\n\n/tmp/v/sub:\nbelow' ]
	run -0 box --rm --shm-size 0 --ulimit host -- sh -c 'grep " /dev/shm " /proc/mounts'
	[[ "$output" != *size=[1-9]* ]]
	rmdir "$ROOTFS/tmp/v"
}

@test "a_container_whose_time_is_over_is_killed" {
	run -137 timeout 50 "$CORACLE" run --root "$STATE" --rm --timeout 1 --rootfs "$ROOTFS" sleep 1000
	box -d --name "$(cid t)" --timeout 1 --init -- sh -c 'trap "" TERM; sleep 1000'
	[ "$(c wait "$(cid t)")" = 137 ]
	c rm "$(cid t)"
	run -3 box --rm --timeout 1000 -- sh -c 'exit 3'
}

@test "files_of_the_callers_are_passed_on_and_no_others" {
	run -0 box --rm --preserve-fds 2 -- sh -c 'read -r x <&3; echo "$x" >&4; ls /proc/$$/fd | tr "\n" " "' 3< /etc/hostname 4> "$BATS_TEST_TMPDIR/out" 5< /etc/passwd
	[ "$output" = "0 1 2 3 4 " ]
	[ "$(cat "$BATS_TEST_TMPDIR/out")" = "$(cat /etc/hostname)" ]
	run -125 box --rm --preserve-fds 1 -- true 3>&-
	[[ "$output" == *"file 3 is not open" ]]
	run -125 box --rm --preserve-fds 2147483647 -- true 3>&-
	[[ "$output" == *"file 3 is not open" ]]
	run -125 box -d --preserve-fds 1 -- true
	[[ "$output" == *"--preserve-fds: it goes not with --detach"* ]]
}

@test "without_a_cgroup_of_its_own_it_is_in_ours" {
	run -0 box --rm --cgroups disabled --cgroupns host -- cat /proc/self/cgroup
	[ "$output" = "$(cat /proc/self/cgroup)" ]
	run -0 box --rm --cgroups enabled --cgroupns host -- cat /proc/self/cgroup
	[[ "$output" == *coracle* ]]
	run -125 box --rm --cgroups disabled -m 64m -- true
	[[ "$output" == *"memory"*"cgroup" ]]
	box -d --name "$(cid n)" --cgroups disabled -- sleep 1000
	c stop -t 0 "$(cid n)"
	c rm "$(cid n)"
	assert_gone "$(cid n)"
	run -0 box --rm --personality LINUX32 -- uname -m
	[ "$output" != "$(uname -m)" ] || [[ "$(uname -m)" == arm* ]]
}

# whole CONFIG - an image layout:v1 of busybox with what tarball is told on stdin, and that configuration.
whole() {
	L=$BATS_TEST_TMPDIR/layout
	tar -C "$ROOTFS" --owner 0 --group 0 -cf "$BATS_TEST_TMPDIR/base.tar" .
	layer "$L" "$BATS_TEST_TMPDIR/base.tar" none
	tar_of "$L.tar"
	layer "$L" "$L.tar" none
	image_end "$L" v1 "$1" > "$L.out"
	"$CORACLE" pull -q "oci:$L:v1" > "$L.out"
}

@test "the_time_zone_is_the_containers_alone" {
	whole '{}' <<< 'l etc/localtime 777 0:0 ../usr/share/zoneinfo/Etc/UTC'
	run -0 c run --rm --tz Asia/Tokyo layout:v1 sh -c 'date +%Z; [ -L /etc/localtime ] || [ -e /usr/share ] || echo alone'
	[ "$output" = $'JST\nalone' ]
	run -0 c run --rm --read-only --tz local layout:v1 cat /etc/localtime
	[ "$output" = "$(cat /etc/localtime)" ]
	local bad
	for bad in ../../../etc/passwd /etc/localtime Nosuch zone.tab; do
		run -125 c run --rm --tz "$bad" layout:v1 true
		[[ "$output" == "coracle: option --tz: '$bad' is not a file of /usr/share/zoneinfo/"* ]]
	done
	run -125 box --rm --tz UTC -- true
	[[ "$output" == *"--tz: it is for images"* ]]
}

@test "an_images_volumes_are_what_was_asked_for" {
	whole '{"Volumes": {"/vol": {}}}' <<< $'d vol 750 7:8\nf vol/f 644 7:8 - x'
	local show='stat -c "%a %u:%g" /vol; cat /vol/f; grep -c " /vol " /proc/mounts; grep " /vol " /proc/mounts | cut -d " " -f 1'
	run -1 c run --rm layout:v1 sh -c 'stat -c "%a %u:%g" /vol; cat /vol/f; grep " /vol " /proc/mounts'
	[ "$output" = $'750 7:8\nx' ] || [ "$output" = $'750 7:8\nx'$'\n' ]
	run -0 c run --rm --image-volume tmpfs layout:v1 sh -c "$show"
	[ "$output" = $'750 7:8\nx1\ntmpfs' ]
	run -0 c run --name "$(cid v)" --image-volume bind layout:v1 sh -c "$show; echo y > /vol/g"
	[[ "$output" == $'750 7:8\nx1\n/'* ]]
	run -0 "$CORACLE" volume ls -q
	[ "${#lines[@]}" = 1 ]
	[ "$(cat "$CORACLE_STORE/volumes/$output/_data/g")" = y ]
	run -0 c run --rm --volumes-from "$(cid v)" layout:v1 cat /vol/g
	[ "$output" = y ]
	# What is asked for there is in its place, and leaves no other volume behind.
	run -0 c run --name "$(cid w)" --image-volume bind -v mine:/vol/. --volumes-from "$(cid v)" layout:v1 grep -c " /vol " /proc/mounts
	[ "$output" = 1 ]
	c rm "$(cid w)"
	[ "$("$CORACLE" volume ls -q | wc -l)" = 2 ]
	"$CORACLE" volume rm mine
	whole '{"Volumes": {"/vol/": {}, "//other/./sub": {}}}' < /dev/null
	run -0 c run --rm --image-volume bind -v mine:/vol layout:v1 sh -c 'grep -E " /(vol|other)" /proc/mounts | cut -d " " -f 2'
	[ "$output" = $'/other/sub\n/vol' ]
	"$CORACLE" volume rm mine
	c rm -v "$(cid v)"
	[ -z "$("$CORACLE" volume ls -q)" ]
	run -1 c run --rm --image-volume ignore layout:v1 grep " /vol " /proc/mounts
	run -125 c run --rm --image-volume what layout:v1 true
	[[ "$output" == *"one of bind, tmpfs, ignore" ]]
}

@test "what_a_registry_has_is_newer_or_cannot_be_told" {
	whole '{}' < /dev/null
	run -0 c run --rm --pull newer "oci:$L:v1" echo pulled
	[[ "$output" == *"already here"*pulled ]]
	"$CORACLE" tag layout:v1 127.0.0.1:1/app:v1
	run -125 c run --rm --pull always 127.0.0.1:1/app:v1 echo local
	run -125 c run --rm --pull sometimes 127.0.0.1:1/app:v1 echo local
	[[ "$output" == *"neither missing, always, newer nor never" ]]
	run -0 c run --rm --pull newer 127.0.0.1:1/app:v1 echo local
	[[ "${lines[0]}" == "coracle: warning: "*"127.0.0.1:1"*"the image that is here is used" && "${lines[1]}" == local ]]
	run -125 c run --rm --pull newer 127.0.0.1:1/other:v1 true
	[ "${#lines[@]}" = 1 ]
	run -0 c run --rm --os linux --arch "$(dpkg --print-architecture)" layout:v1 echo this
	[ "$output" = this ]
	run -0 c run --rm --arch "$(uname -m)" --pull never layout:v1 echo this
	[ "$output" = this ]
	run -125 c run --rm --arch nosuch --pull never layout:v1 true
	[[ "$output" == *"image layout:v1 of the store is for linux/"*", not linux/nosuch" ]]
	run -125 c run --rm --arch arm64 --platform linux/amd64 layout:v1 true
	[[ "$output" == *"--platform: it is --os, --arch and --variant in one"* ]]
}

@test "variables_have_those_of_the_image_in_them" {
	whole '{"Env": ["PATH=/bin:/usr/bin", "A=a"]}' < /dev/null
	run -0 c run --rm --env-merge 'PATH=/opt:${PATH}' --env-merge 'B=$A-${A}b$' --env-merge 'C=$B${none}${' -e A=later layout:v1 sh -c 'echo "$PATH $B $C $A"'
	[ "$output" = '/opt:/bin:/usr/bin a-ab$ a-ab$${ later' ]
	run -125 c run --rm --env-merge A layout:v1 true
	[[ "$output" == *'PATH=/opt/bin:$PATH' ]]
}

@test "bad_values_are_one_line_with_a_good_one" {
	local option value good
	while IFS='|' read -r option value good; do
		run -125 box --rm --name "$(cid b)" "--$option" "$value" -- true
		[ "${#lines[@]}" = 1 ]
		[[ "$output" == *"--$option"* && "$output" == *"$good"* ]] || { echo "--$option $value: $output"; return 1; }
		assert_gone "$(cid b)"
	done <<- 'END'
		memory|lots|64m
		memory-swap|64m|--memory 64m
		cpus|many|0.5
		cpuset-cpus|first|0-3,5
		cpu-shares|-1|-1
		ulimit|nosuch=1|nofile=1024:2048
		ulimit|nofile|nofile=1024:2048
		ulimit|nofile=2:1|nofile=1024:2048
		ulimit|nofile=99999999999999999999|nofile=1024:2048
		sysctl|noequals|net.core.somaxconn=1024
		umask|0999|0022
		oom-score-adj|1001|-1000
		shm-size|-1|64m
		volume|named|/srv/data:/data:ro
		volume|/etc:relative|/data
		volume|/etc:/|/data
		volume|na/med:/x|./na/med
		volume|/etc:/x:nosuch|rshared
		volume|/no/such/place:/x|/no/such/place
		mount|type=nosuch,dst=/x|bind, volume, image and tmpfs
		mount|type=bind,src=/etc,dst=x|/data
		mount|type=bind,dst=/x|source=/srv/data
		mount|type=bind,src=/etc,dst=/x,bind-propagation=nosuch|rshared
		mount|type=tmpfs,dst=/x,tmpfs-size=lots|tmpfs-size=64m
		mount|type=tmpfs,dst=/x,tmpfs-mode=8|tmpfs-mode=1777
		tmpfs|relative|/data
		device|nosuch|vendor.com/class=name
		device|/etc/passwd|/etc/passwd is no device
		device|/dev/null:/x:rwx|[:rwm]
		device-cgroup-rule|c 1:3|c 10:229 rw
		device-cgroup-rule|c 1:99999999999 r|c 10:229 rw
		security-opt|nosuch|seccomp=FILE|unconfined
		security-opt|label=nosuch|label=type:container_t
		security-opt|mask=relative|mask=/proc/a
		security-opt|no-new-privileges=maybe|true|false
		cap-add|nosuch|NET_RAW
		env|=x|A=b
		env-file|/no/such/file|/no/such/file
		workdir|relative|/srv
		security-opt|seccomp=/no/such/file|/no/such/file
		network|bridge|none, host
		pid|nosuch|private, host
		ipc|nosuch|private, shareable, none, host
		userns|nosuch|host, auto
		label|=x|owner=me
		label|coracle.store=/etc|begins not with coracle.
		annotation|coracle.stop-signal=KILL|begins not with coracle.
		annotation|x|org.example.owner=me
		stop-signal|NOSUCH|SIGINT
		personality|BSD|LINUX32
		cgroups|some|enabled, disabled
		cgroups|split|disabled
		publish|80:80|--network host
		secret|s|/run/secrets/NAME
		restart|always|Restart=
		attach|stdin|-i
		detach-keys|a|-d
		mac-address|a|container:ID
		network-alias|a|container:ID
		creds|a:b|coracle pull --creds
		cert-dir|/etc|coracle pull --certs-dir
		hosts-file|none|--add-host
		kernel-memory|1m|--memory
		chrootdirs|/srv|-v /etc/hosts:DIR/etc/hosts:ro
		http-proxy|true|-e HTTP_PROXY
		requires|a|After=
		runtime|runc|coracle bundle
		sdnotify|container|Type=exec
		storage-opt|size=1G|--store
		volume-driver|nfs|-v DIRECTORY:TARGET
		isolation|hyperv|Windows
		security-opt|writable-cgroups=maybe|true|false
		volume|/etc:|/srv/data:/data:ro
		mount|type=bind,"src=/etc,dst=/x|followed by another
		timeout|99999999999|30
		stop-timeout|-2|30
		cgroup-parent|relative|slice
		cgroup-parent|x:y.slice|machine.slice
		cgroup-parent|a/b.slice|machine.slice
		memory-swappiness|101|between 0 and 100
		memory-swappiness|-2|between 0 and 100
	END
}

@test "gpus_are_devices_of_cdi" {
	echo '{"cdiVersion": "0.5.0", "kind": "nvidia.com/gpu", "devices": [{"name": "all", "containerEdits": {"env": ["GPU=all"]}},
		{"name": "0", "containerEdits": {"env": ["ZERO=0"]}}, {"name": "1", "containerEdits": {"env": ["ONE=1"]}}]}' > "$CDI/n.json"
	run -0 box --rm --cdi-spec-dir "$CDI" --gpus all -- sh -c 'echo $GPU $ZERO $ONE'
	[ "$output" = all ]
	run -0 box --rm --cdi-spec-dir "$CDI" --gpus '"device=1,0"' -- sh -c 'echo $GPU $ZERO $ONE'
	[ "$output" = "0 1" ]
}

@test "a_cdi_device_is_all_that_its_file_says" {
	cdi "$CDI/a.json" '{"env": ["ALL=1"], "mounts": [{"hostPath": "/etc/hostname", "containerPath": "/tmp/vendor", "options": ["ro", "bind"]}]}' \
		"$(thing one '{"env": ["ONE=1", "PATH=/bin:/vendor"], "additionalGids": [555, 0],
			"deviceNodes": [{"path": "/dev/one", "hostPath": "/dev/null", "permissions": "rw"}],
			"hooks": [{"hookName": "createRuntime", "path": "/bin/sh", "args": ["sh", "-c", "cat > '"$BATS_TEST_TMPDIR"'/hook"]}]}')" \
		"$(thing two '{"env": ["TWO=1"], "deviceNodes": [{"path": "/dev/two", "type": "c", "major": 1, "minor": 5, "fileMode": 384, "uid": 7}]}')"
	run -0 box --rm --name "$(cid v)" --cdi-spec-dir "$CDI" --device vendor.com/thing=one --device vendor.com/thing=one -- sh -c \
		'echo $ALL $ONE $TWO $PATH; stat -c "%t:%T" /dev/one; ls /dev/two; id -G; cat /tmp/vendor'
	[ "${lines[0]}" = "1 1 /bin:/vendor" ]
	[ "${lines[1]}" = 1:3 ]
	[[ "${lines[2]}" == *"No such"* ]]
	[ "${lines[3]}" = "0 555" ]
	[ "${lines[4]}" = "$(cat /etc/hostname)" ]
	[ "$(jq -r .id "$BATS_TEST_TMPDIR/hook")" = "$(cid v)" ]
	rm "$ROOTFS/tmp/vendor"
	# A user's own nodes are his, unless the file says whose they are.
	run -0 box --rm --user worker --cdi-spec-dir "$CDI" --device vendor.com/thing=all -- sh -c \
		'echo $ONE $TWO; stat -c "%t:%T %u:%g %a" /dev/one /dev/two'
	[ "$output" = $'1 1\n1:3 1000:1000 666\n1:5 7:1000 600' ]
	rm "$ROOTFS/tmp/vendor"
	# Of one path the last node is there; and "u" is a "c".
	KIND=vendor.com/twice cdi "$CDI/b.json" '{}' "$(thing x '{"deviceNodes": [{"path": "/dev/x", "hostPath": "/dev/null"},
		{"path": "/dev/x", "type": "u", "major": 1, "minor": 5}]}')"
	run -0 box --rm --cdi-spec-dir "$CDI" --device vendor.com/twice=x -- sh -c 'stat -c "%F %t:%T" /dev/x; head -c 1 /dev/x | wc -c'
	[ "$output" = $'character special file 1:5\n1' ]
}

# A file as the generators of the vendors write it.
vendor_yaml() {
	cat <<- END
		---
		cdiVersion: 0.5.0
		kind: ${1:-vendor.com/gpu}
		devices:
		    - name: "0"
		      containerEdits:
		        deviceNodes:
		            - path: /dev/gpu0
		              hostPath: /dev/zero
		              fileMode: 438
		              permissions: rw
		    - name: 1
		      containerEdits:
		        deviceNodes:
		            - path: /dev/gpu1
		              type: c
		              major: 1
		              minor: 3
		              fileMode: 0640
		              uid: 7
		    - name: all
		      containerEdits:
		        deviceNodes:
		            - path: /dev/gpu0
		              hostPath: /dev/zero
		            - path: /dev/gpu1
		              hostPath: /dev/null
		containerEdits:
		    env:
		        - LIBCUDA_DIR=/lib/x86_64-linux-gnu
		        - "VISIBLE_DEVICES=void # all"
		    deviceNodes:
		        - path: /dev/gpuctl
		          hostPath: /dev/full
		    hooks:
		        - hookName: createContainer
		          path: /bin/sh
		          args:
		            - sh
		            - -c
		            - cat > '$BATS_TEST_TMPDIR/hook'; echo "\$0 \$1 \$DEBUG" > '$BATS_TEST_TMPDIR/args'
		            - --link
		            - libcuda.so.1::/lib/x86_64-linux-gnu/libcuda.so
		          env:
		            - DEBUG=false
		    mounts:
		        - hostPath: /etc/hostname
		          containerPath: /tmp/vendor
		          options:
		            - ro
		            - nosuid
		            - nodev
		            - rbind
		            - rprivate
	END
}

@test "a_cdi_file_of_yaml_is_all_that_it_says" {
	vendor_yaml > "$CDI/vendor.yaml"
	run -0 box --rm --name "$(cid y)" --cdi-spec-dir "$CDI" --device vendor.com/gpu=0 --device vendor.com/gpu=1 -- sh -c \
		'echo $LIBCUDA_DIR $VISIBLE_DEVICES; stat -c "%n %t:%T %u %a" /dev/gpu*; cat /tmp/vendor; grep " /tmp/vendor " /proc/self/mountinfo'
	[ "${lines[0]}" = "/lib/x86_64-linux-gnu void # all" ]
	[ "$(printf '%s\n' "${lines[@]:1:3}")" = $'/dev/gpu0 1:5 0 666\n/dev/gpu1 1:3 7 640\n/dev/gpuctl 1:7 0 666' ]
	[ "${lines[4]}" = "$(cat /etc/hostname)" ]
	[[ "${lines[5]}" == *" /tmp/vendor ro,nosuid,nodev"* ]]
	[ "$(jq -r .id "$BATS_TEST_TMPDIR/hook")" = "$(cid y)" ]
	[ "$(cat "$BATS_TEST_TMPDIR/args")" = "--link libcuda.so.1::/lib/x86_64-linux-gnu/libcuda.so false" ]
	rm "$ROOTFS/tmp/vendor"
	run -0 box --rm --cdi-spec-dir "$CDI" --device vendor.com/gpu=all -- sh -c 'stat -c "%n %t:%T" /dev/gpu*'
	[ "$output" = $'/dev/gpu0 1:5\n/dev/gpu1 1:3\n/dev/gpuctl 1:7' ]
	rm "$ROOTFS/tmp/vendor"
	# Of one directory it is a file like the others, and .yml is none.
	mv "$CDI/vendor.yaml" "$CDI/vendor.yml"
	run -125 box --rm --cdi-spec-dir "$CDI" --device vendor.com/gpu=0 -- true
	[[ "$output" == *"no *.json or *.yaml of $CDI defines it"* ]]
	mv "$CDI/vendor.yml" "$CDI/vendor.yaml"
	KIND=vendor.com/gpu cdi "$CDI/a.json" '{}' "$(thing 0 '{"env": ["X=json"]}')"
	run -125 box --rm --cdi-spec-dir "$CDI" --device vendor.com/gpu=0 -- true
	[[ "$output" == *"vendor.com/gpu=0: both $CDI/"*" and $CDI/"* ]]
	mv "$CDI/a.json" "$CDI.more"
	run -0 box --rm --cdi-spec-dir "$CDI" --cdi-spec-dir "$CDI.more" --device vendor.com/gpu=0 -- sh -c 'echo $X'
	[ "$output" = json ]
}

@test "a_cdi_file_that_is_no_yaml_is_named_with_its_line" {
	local said bad
	vendor_yaml > "$CDI/good.yaml"
	while IFS='|' read -r said bad; do
		{ vendor_yaml vendor.com/bad; printf "%b\n" "$bad"; } > "$CDI/bad.yaml"
		run -125 box --rm --cdi-spec-dir "$CDI" --device vendor.com/bad=0 -- true
		[ "${#lines[@]}" = 1 ]
		[[ "$output" == *"vendor.com/bad=0: "*"$CDI/bad.yaml: $said"* ]] || { echo "$bad: $output"; return 1; }
	done <<- 'END'
		line 55: a second document|---\na: b
		line 55: an alias|x: *y
		line 56: a tag|x:\n  y: !!binary aGk=
		line 55: the key 'kind' is there twice|kind: vendor.com/other
		line 56: not valid YAML: |x: 1\n  y: 2
		line 55: not valid YAML: |x: \x01
	END
	vendor_yaml vendor.com/bad | sed 's/major: 1/major: "1"/' > "$CDI/bad.yaml"
	run -125 box --rm --cdi-spec-dir "$CDI" --device vendor.com/bad=0 -- true
	[[ "$output" == *"$CDI/bad.yaml: devices[1].containerEdits.deviceNodes[0].major: expected a number"* ]]
	truncate -s 2M "$CDI/bad.yaml"
	run -125 box --rm --cdi-spec-dir "$CDI" --device vendor.com/bad=0 -- true
	[[ "$output" == *"$CDI/bad.yaml: "* ]]
	run -0 box --rm --cdi-spec-dir "$CDI" --device vendor.com/gpu=0 -- true
	rm "$ROOTFS/tmp/vendor"
}

@test "a_cdi_file_moves_a_network_device_in" {
	local name=cdi$$
	cdi "$CDI/a.json" '{}' "$(thing net '{"netDevices": [{"hostInterfaceName": "'"$name"'", "name": "inside0"}]}')"
	ip link add "$name" type veth peer name "p$name"
	run box --rm --cdi-spec-dir "$CDI" --device vendor.com/thing=net -- ip -o link show inside0
	ip link del "$name" 2> /dev/null || true
	[ "$status" = 0 ]
	[[ "$output" == *inside0* ]]
}

@test "of_cdi_directories_the_later_counts_and_two_files_of_one_do_not" {
	cdi "$CDI/a.json" '{}' "$(thing one '{"env": ["X=first"]}')" "$(thing two '{"env": ["Y=first"]}')"
	cdi "$CDI.more/b.json" '{}' "$(thing one '{"env": ["X=later"]}')"
	local dirs=(--cdi-spec-dir "$CDI" --cdi-spec-dir "$CDI.more")
	run -0 box --rm "${dirs[@]}" --device vendor.com/thing=all -- sh -c 'echo $X $Y'
	[ "$output" = "later first" ]
	cdi "$CDI/c.json" '{}' "$(thing two '{"env": ["Y=other"]}')"
	run -125 box --rm "${dirs[@]}" --device vendor.com/thing=two -- true
	[[ "$output" == *"vendor.com/thing=two: both $CDI/"*" and $CDI/"* ]]
	run -0 box --rm "${dirs[@]}" --device vendor.com/thing=one -- true
}

@test "a_cdi_file_that_is_wrong_is_named_and_spoils_no_other" {
	cdi "$CDI/good.json" '{}' "$(thing one '{"env": ["X=1"]}')"
	local bad
	while IFS='|' read -r VERSION KIND bad; do
		cdi "$CDI/bad.json" '{}' "$(thing x "$bad")"
		run -125 box --rm --cdi-spec-dir "$CDI" --device vendor.com/bad=x -- true
		[ "${#lines[@]}" = 1 ]
		[[ "$output" == *"vendor.com/bad=x: "*"$CDI/bad.json: "* ]] || { echo "$bad: $output"; return 1; }
		VERSION='' KIND='' run -0 box --rm --cdi-spec-dir "$CDI" --device vendor.com/thing=one -- true
	done <<- 'END'
		2.0.0|vendor.com/bad|{}
		0.6|vendor.com/bad|{}
		0.6.0|bad|{}
		0.6.0|vendor.com/9|{}
		0.6.0|vendor.com/bad|{"env": ["novalue"]}
		0.6.0|vendor.com/bad|{"env": "A=1"}
		0.6.0|vendor.com/bad|{"deviceNodes": [{"path": "relative"}]}
		0.6.0|vendor.com/bad|{"deviceNodes": [{"path": "/dev/x", "type": "x"}]}
		0.6.0|vendor.com/bad|{"deviceNodes": [{"path": "/dev/x", "permissions": "rx"}]}
		0.6.0|vendor.com/bad|{"deviceNodes": [{"path": "/dev/x", "type": "c", "major": 99999999999}]}
		0.6.0|vendor.com/bad|{"mounts": [{"hostPath": "/etc"}]}
		0.6.0|vendor.com/bad|{"mounts": [{"hostPath": "/etc", "containerPath": "x"}]}
		0.6.0|vendor.com/bad|{"hooks": [{"hookName": "whenever", "path": "/bin/true"}]}
		0.6.0|vendor.com/bad|{"hooks": [{"hookName": "poststop", "path": "true"}]}
		0.6.0|vendor.com/bad|{"additionalGids": [-1]}
		0.6.0|vendor.com/bad|{"netDevices": [{"name": "eth0"}]}
		0.6.0|vendor.com/bad|{"env": []
	END
	cdi "$CDI/bad.json" '{}' "$(thing one '{"env": ["X=1"]}')" "$(thing one '{}')"
	KIND=vendor.com/bad cdi "$CDI/bad.json" '{}' "$(thing one '{}')" "$(thing one '{}')"
	run -125 box --rm --cdi-spec-dir "$CDI" --device vendor.com/bad=one -- true
	[[ "$output" == *"there twice"* ]]
	rm "$CDI/bad.json"
	run -125 box --rm --cdi-spec-dir "$CDI.none" --device vendor.com/other=one -- true
	[[ "$output" == *"no *.json or *.yaml of $CDI.none defines it"* ]]
	mkfifo "$CDI/fifo.json"
	truncate -s 1G "$CDI/large.json"
	run -125 box --rm --cdi-spec-dir "$CDI" --device vendor.com/other=one -- true
	run -0 box --rm --cdi-spec-dir "$CDI" --device vendor.com/thing=one -- true
}

# What docker and podman have, and what of it has another name here, says so; what has no meaning here is accepted.
@test "options_of_docker_and_podman_that_are_not_there_say_what_is" {
	local option
	for option in --health-interval --health-retries --health-startup-cmd --ip --ip6 --link --link-local-ip --log-opt --log-driver --pod \
		--pod-id-file --retry --retry-delay --io-maxiops; do
		run -125 box --rm $option x -- true
		[ "${#lines[@]}" = 1 ]
		[[ "$output" == "coracle: option $option: "* ]] || { echo "$option: $output"; return 1; }
	done
	run -125 box --rm --log-opt=max-size=1m -- true
	[[ "$output" == "coracle: option --log-opt: "* ]]
	run -125 box --rm --healthy -- true
	[[ "$output" == *"unknown option --healthy"* ]]
	run -0 box --rm --ipc private --expose 80 --no-healthcheck --no-hostname --disable-content-trust -- echo so
	[ "$output" = so ]
	"$CORACLE" bundle --rootfs --rdt-class low "$ROOTFS" "$BATS_TEST_TMPDIR/b" true
	[ "$(jq -r .linux.intelRdt.closID "$BATS_TEST_TMPDIR/b/config.json")" = low ]
}
