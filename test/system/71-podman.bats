#!/usr/bin/env bats
# bats file_tags=long
# 71-podman.bats - podman with our runtime: it does what it does with runc.

load helper
load clients

BUSYBOX=localhost/busybox

setup_file() {
	[ "$(id -u)" = 0 ] || return 0
	printf '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n' \
		> "$BATS_FILE_TMPDIR/containers.conf"
	client_start 'exec sleep infinity'
	podman_as ours import -q "$BATS_FILE_TMPDIR/image.tar" localhost/busybox > /dev/null
}

teardown_file() {
	[ -e "$BATS_FILE_TMPDIR/init" ] || return 0
	podman_as ours rm -af -t 0 > /dev/null 2>&1
	podman_as runc rm -af -t 0 > /dev/null 2>&1
	client_end libpod_parent
}

setup() {
	[ "$(id -u)" = 0 ] || skip "needs root"
	mkdir -p "$BATS_TEST_TMPDIR/volume"
	echo text > "$BATS_TEST_TMPDIR/volume/file"
}

podman() {
	podman_as ours "$@"
}

# A container of that name that sleeps.
sleeper() {
	podman run -d --name "$@" "$BUSYBOX" sleep 1000 > /dev/null
}

@test "statuses_and_streams_are_the_command_s" {
	same podman_as run --rm "$BUSYBOX" sh -c 'echo out; exit 7'
	[ "$output" = out ]
	same podman_as run --rm "$BUSYBOX" sh -c 'kill -9 $$'
	same podman_as run --rm "$BUSYBOX" no-such-command
	same podman_as run --rm "$BUSYBOX" /etc/passwd
	[ "$(echo from stdin | podman run --rm -i "$BUSYBOX" cat)" = "from stdin" ]
	on_terminal "$(declare -f client_inside podman_as); BATS_FILE_TMPDIR=$BATS_FILE_TMPDIR
		podman_as ours run --rm -it $BUSYBOX sh -c 'until stty size | grep \"31 77\"; do :; done; tty; read -r line'"
	[[ $output == *"31 77"*/dev/pts/0* ]] || { echo "$output"; return 1; }
}

@test "users_names_and_environment_are_as_with_runc" {
	same podman_as run --rm --user worker:root --group-add 55 -e A=b -w /tmp --hostname h1 --umask 077 --entrypoint '["sh", "-c"]' \
		"$BUSYBOX" 'id; echo $A; pwd; hostname; touch x; stat -c %a x'
	same podman_as run --rm --user 1234:567 --init --add-host foo:1.2.3.4 "$BUSYBOX" sh -c 'id; cat /proc/1/cmdline; grep foo /etc/hosts'
	same podman_as run --rm --uidmap 0:100000:1000 --gidmap 0:100000:1000 "$BUSYBOX" sh -c 'id -u; cat /proc/self/uid_map'
	same podman_as run --rm --user no-such "$BUSYBOX" id
	same podman_as run --rm -w /no/such "$BUSYBOX" pwd
}

@test "limits_and_devices_are_as_with_runc" {
	same podman_as run --rm -m 64m --memory-reservation 32m --memory-swappiness 10 --pids-limit 33 --cpus 0.5 --cpuset-cpus 0 \
		--cpu-shares 77 --ulimit nofile=77:88 --oom-score-adj 500 --shm-size 1m "$BUSYBOX" sh -c 'cd /sys/fs/cgroup
		cat memory/memory.limit_in_bytes memory/memory.soft_limit_in_bytes memory/memory.swappiness pids/pids.max \
			cpu/cpu.cfs_quota_us cpuset/cpuset.cpus cpu/cpu.shares /proc/self/oom_score_adj || cat memory.max memory.low pids.max
		ulimit -n; ulimit -Hn; df -k /dev/shm | tail -n 1'
	same podman_as run --rm --pids-limit -1 "$BUSYBOX" sh -c 'cat /sys/fs/cgroup/pids/pids.max || cat /sys/fs/cgroup/pids.max'
	[ "$output" = max ]
	same podman_as run --rm --device /dev/fuse --device /dev/null:/dev/zilch:r "$BUSYBOX" sh -c 'ls -l /dev/fuse /dev/zilch; : > /dev/zilch'
	same podman_as run --rm --device-read-bps /dev/loop0:1mb "$BUSYBOX" true
}

@test "privileges_are_as_with_runc" {
	same podman_as run --rm --cap-drop all --cap-add net_raw --security-opt no-new-privileges "$BUSYBOX" \
		grep -E 'Cap|NoNew|Seccomp' /proc/self/status
	same podman_as run --rm --privileged "$BUSYBOX" sh -c 'grep Cap /proc/self/status; mkdir /t; mount -t tmpfs t /t && echo mounted'
	echo '{"defaultAction": "SCMP_ACT_ALLOW",
		"syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95}]}' > "$BATS_TEST_TMPDIR/filter"
	same podman_as run --rm --security-opt "seccomp=$BATS_TEST_TMPDIR/filter" "$BUSYBOX" mkdir /tmp/x
	same podman_as run --rm --security-opt mask=/proc/loadavg --security-opt unmask=/proc/kcore "$BUSYBOX" \
		sh -c 'cat /proc/loadavg; mount | grep -c " /proc/"'
}

@test "files_are_as_with_runc" {
	same podman_as run --rm --read-only --tmpfs /t:size=1m,mode=1700 -v "$BATS_TEST_TMPDIR/volume:/v:ro" "$BUSYBOX" \
		sh -c 'touch /x; touch /v/x; touch /t/x; cat /v/file; stat -c %a /t; grep -E " /(v|t) " /proc/mounts | sort'
	same podman_as run --rm -v "$BATS_TEST_TMPDIR/volume:/v:rslave,noexec" -v named:/n "$BUSYBOX" \
		sh -c 'touch /n/x /v/y; ls /n /v; grep -E " /v " /proc/self/mountinfo | cut -d" " -f 6,7 | grep -o "rw.*master"'
	[ -e "$BATS_TEST_TMPDIR/volume/y" ]
}

@test "networks_are_as_with_runc" {
	same podman_as run --rm --network none --sysctl net.ipv4.ip_forward=1 --sysctl kernel.msgmax=9999 "$BUSYBOX" \
		sh -c 'ip link | grep -c UP; cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax'
	same podman_as run --rm --network host --ipc host --uts host "$BUSYBOX" sh -c 'for n in net ipc uts; do readlink /proc/self/ns/$n; done'
	same podman_as run --rm --network bridge "$BUSYBOX" sh -c 'ip -o addr show eth0 | grep -c 10.88'
}

@test "containers_live_and_die" {
	local id
	sleeper life --memory 64m
	[ "$(podman inspect -f '{{.State.Status}} {{.OCIRuntime}}' life)" = "running $BATS_FILE_TMPDIR/bin/coracle-runtime" ]
	[ "$(podman ps --format '{{.Names}} {{.Command}}')" = "life sleep 1000" ]
	podman pause life
	[ "$(podman inspect -f '{{.State.Status}}' life)" = paused ]
	podman unpause life
	[[ $(podman stats --no-stream --format '{{.Name}} {{.MemUsage}} {{.PIDS}}' life) == "life "*"/ 67.11MB 1" ]]
	[[ $(podman top life pid args) == *"1           sleep 1000"* ]]
	id=$(podman inspect -f '{{.Id}}' life)
	podman restart -t 0 life > /dev/null
	[ "$(podman inspect -f '{{.Id}} {{.State.Status}}' life)" = "$id running" ]
	podman kill life > /dev/null
	run -0 podman wait life
	[ "$output" = 137 ]
	podman start life > /dev/null
	podman stop -t 0 life > /dev/null
	[ "$(podman inspect -f '{{.State.Status}} {{.State.ExitCode}}' life)" = "exited 137" ]
	podman start life > /dev/null
	podman rm -f -t 0 life > /dev/null
	run -1 podman container exists life
	[[ $(podman events --stream=false --filter container=life --format '{{.Status}}' | sort -u | tr '\n' ' ') == *died*pause*start*unpause* ]]
	run ! compgen -G "/sys/fs/cgroup/*/libpod_parent/libpod-$id"
}

@test "exec_is_as_with_runc" {
	sleeper exec --user worker
	[ "$(podman exec exec sh -c 'id -un; pwd')" = $'worker\n/' ]
	[ "$(podman exec --user root --workdir /tmp -e A=b exec sh -c 'id -un; pwd; echo $A')" = $'root\n/tmp\nb' ]
	[ "$(echo from stdin | podman exec -i exec cat)" = "from stdin" ]
	run -42 podman exec exec sh -c 'exit 42'
	run -127 podman exec exec no-such-command
	run -126 podman exec exec /etc/passwd
	run -0 script -qec "stty rows 31 cols 77; $(declare -f client_inside podman_as); BATS_FILE_TMPDIR=$BATS_FILE_TMPDIR
		podman_as ours exec -it exec tty" /dev/null
	[[ $output == *"/dev/pts/"* ]]
	podman exec -d exec sh -c 'touch /tmp/detached' > /dev/null
	until podman exec exec test -e /tmp/detached; do sleep 0.02; done
	podman exec --privileged --user root exec grep -q 'CapEff:.0*[1-9]' /proc/self/status
	podman pause exec > /dev/null
	run -255 podman exec exec true
	podman unpause exec > /dev/null
	podman rm -f -t 0 exec > /dev/null
}

@test "logs_attach_and_health_are_as_with_runc" {
	podman run -d --name talks --health-cmd 'test -e /tmp/healthy' --health-interval disable "$BUSYBOX" \
		sh -c 'echo out; echo err >&2; cat; sleep 1000' > /dev/null
	until [ "$(podman logs talks 2>&1 | sort | tr '\n' ' ')" = "err out " ]; do sleep 0.02; done
	run -1 podman healthcheck run talks
	podman exec talks touch /tmp/healthy
	run -0 podman healthcheck run talks
	podman rm -f -t 0 talks > /dev/null
	podman create --name speaks "$BUSYBOX" echo spoken > /dev/null
	[ "$(podman start -a speaks)" = spoken ]
	[ "$(podman diff speaks | grep -c .)" -ge 0 ]
	podman commit -q speaks localhost/spoken > /dev/null
	podman rm speaks > /dev/null
}

@test "pods_share_namespaces" {
	local a b
	podman pod create --name pod --share pid,net,ipc,uts --infra-image "$BUSYBOX" --infra-command 'sleep 1000' > /dev/null
	podman run -d --pod pod --name a "$BUSYBOX" sleep 1000 > /dev/null
	a=$(podman run --rm --pod pod "$BUSYBOX" sh -c 'for n in pid net ipc uts; do readlink /proc/self/ns/$n; done; ps | grep -c "[s]leep 1000"')
	b=$(podman exec a sh -c 'for n in pid net ipc uts; do readlink /proc/self/ns/$n; done; ps | grep -c "[s]leep 1000"')
	[ "$a" = "$b" ]
	[[ $a == *$'\n2' ]]
	podman pod pause pod > /dev/null
	podman pod unpause pod > /dev/null
	podman pod rm -f -t 0 pod > /dev/null
	sleeper alone
	[ "$(podman run --rm --pid container:alone --network container:alone "$BUSYBOX" sh -c 'ps | grep -c "[s]leep 1000"')" = 1 ]
	podman rm -f -t 0 alone > /dev/null
}

@test "images_are_built" {
	mkdir "$BATS_TEST_TMPDIR/context"
	printf 'FROM %s\nRUN echo built > /made && id -u\nUSER worker\nWORKDIR /tmp\nRUN id -un && touch here\nCMD cat /made\n' \
		"$BUSYBOX" > "$BATS_TEST_TMPDIR/context/Containerfile"
	run -0 podman build -q --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 --network none -t localhost/made \
		"$BATS_TEST_TMPDIR/context"
	[ "$(podman run --rm localhost/made)" = built ]
	printf 'FROM %s\nRUN exit 9\n' "$BUSYBOX" > "$BATS_TEST_TMPDIR/context/Containerfile"
	run ! podman build -q --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 --network none "$BATS_TEST_TMPDIR/context"
	[[ $output == *"exit status 9"* ]]
}

@test "a_container_is_checkpointed_restored_and_moved_in_an_archive" {
	local answer
	PATH=$("$BATS_TEST_DIRNAME/criu"):$PATH
	mkfifo "$BATS_TEST_TMPDIR/volume/q" "$BATS_TEST_TMPDIR/volume/a"
	ask() {
		echo > "$BATS_TEST_TMPDIR/volume/q"
		read -r answer < "$BATS_TEST_TMPDIR/volume/a"
	}
	podman run -d --name dumped --network none -v "$BATS_TEST_TMPDIR/volume:/v" "$BUSYBOX" \
		sh -c 'n=0; while read -r word < /v/q; do n=$((n + 1)); echo $n > /v/a; done' > /dev/null
	ask && [ "$answer" = 1 ]
	podman container checkpoint dumped
	[ "$(podman ps -q | wc -l)" = 0 ]
	podman container restore dumped
	ask && [ "$answer" = 2 ]
	podman container checkpoint --export "$BATS_TEST_TMPDIR/archive.tar.gz" dumped
	podman rm dumped > /dev/null
	podman container restore --import "$BATS_TEST_TMPDIR/archive.tar.gz" --name moved > /dev/null
	ask && [ "$answer" = 3 ]
	[ "$(podman exec moved echo alive)" = alive ]
	podman rm -f -t 0 moved > /dev/null
}
