#!/usr/bin/env bats
# bats file_tags=long
# 72-docker.bats - docker with our runtime: it does what it does with runc. Its daemon is the tests' own, with containerd,
# and runc's shim in between.

load helper
load clients

BUSYBOX=busybox

setup_file() {
	[ "$(id -u)" = 0 ] || return 0
	echo '{}' > "$BATS_FILE_TMPDIR/daemon.json"
	client_start 'exec dockerd --data-root "$1/data" --exec-root "$1/exec" --pidfile "$1/pid" -H "unix://$1/docker.sock" \
		--config-file "$1/daemon.json" --iptables=false --ip6tables=false --bridge=none --storage-driver=vfs \
		--default-ulimit nofile=1024:1024 --add-runtime "coracle=$1/bin/coracle-runtime" --default-runtime coracle'
	until docker import - $BUSYBOX < "$BATS_FILE_TMPDIR/image.tar" > /dev/null; do
		client_inside true || { cat "$BATS_FILE_TMPDIR/log"; return 1; }
	done 2> /dev/null
}

teardown_file() {
	[ -e "$BATS_FILE_TMPDIR/init" ] || return 0
	local id
	for id in $(docker ps -aq); do
		docker rm -f "$id" > /dev/null
	done
	client_end docker
}

setup() {
	[ "$(id -u)" = 0 ] || skip "needs root"
}

docker() {
	command docker -H "unix://$BATS_FILE_TMPDIR/docker.sock" "$@" 3>&-
}

sleeper() {
	docker run -d --name "$@" $BUSYBOX sleep 1000 > /dev/null
}

@test "run_is_as_with_runc" {
	same docker_as run --rm $BUSYBOX sh -c 'echo out; echo err >&2; exit 7'
	[ "$output $stderr" = "out err" ]
	same docker_as run --rm $BUSYBOX no-such-command
	[ "$status" = 127 ]
	same docker_as run --rm $BUSYBOX ''
	[ "$status" = 127 ]
	same docker_as run --rm $BUSYBOX /etc/passwd
	[ "$status" = 126 ]
	same docker_as run --rm $BUSYBOX sh -c 'kill -9 $$'
	same docker_as run --rm -u worker -h h1 -w /tmp -e A=b --group-add 55 --init $BUSYBOX \
		sh -c 'id; hostname; pwd; echo $A; cat /proc/1/cmdline'
	[ "$(echo from stdin | docker run --rm -i $BUSYBOX cat)" = "from stdin" ]
	on_terminal "docker -H unix://$BATS_FILE_TMPDIR/docker.sock run --rm -it $BUSYBOX \
		sh -c 'until stty size | grep \"31 77\"; do :; done; tty; read -r line'"
	[[ $output == *"31 77"*/dev/pts/0* ]] || { echo "$output"; return 1; }
}

@test "limits_and_privileges_are_as_with_runc" {
	same docker_as run --rm -m 64m --memory-reservation 32m --pids-limit 33 --cpus 0.5 --cpuset-cpus 0 --cpu-shares 77 \
		--oom-score-adj 500 --shm-size 1m --ulimit nofile=77:88 $BUSYBOX sh -c 'cd /sys/fs/cgroup
		cat memory/memory.limit_in_bytes memory/memory.soft_limit_in_bytes pids/pids.max cpu/cpu.cfs_quota_us \
			cpuset/cpuset.cpus cpu/cpu.shares /proc/self/oom_score_adj || cat memory.max pids.max
		ulimit -n; df -k /dev/shm | tail -n 1'
	same docker_as run --rm --cap-drop all --cap-add net_raw --security-opt no-new-privileges $BUSYBOX \
		grep -E 'Cap|NoNew|Seccomp' /proc/self/status
	same docker_as run --rm $BUSYBOX sh -c 'grep -E "Cap|NoNew|Seccomp" /proc/self/status; mount | grep -c " /proc/"'
	same docker_as run --rm -m 8m $BUSYBOX dd if=/dev/zero of=/dev/null bs=32M count=1
	[ "$status" = 137 ]
	# Where a capability is missing, runc cannot do this at all; and nothing but the command speaks.
	run -0 --separate-stderr docker run --rm --privileged $BUSYBOX sh -c 'mkdir /t && mount -t tmpfs t /t && echo mounted'
	[ "$output $stderr" = "mounted " ]
}

@test "files_devices_and_networks_are_as_with_runc" {
	mkdir "$BATS_TEST_TMPDIR/v"
	echo text > "$BATS_TEST_TMPDIR/v/file"
	same docker_as run --rm --read-only --tmpfs /t:size=1m -v "$BATS_TEST_TMPDIR/v:/v:ro" -v named:/n --device /dev/fuse \
		$BUSYBOX sh -c 'touch /x; touch /v/x; touch /t/x /n/x; ls /n; cat /v/file; ls -l /dev/fuse'
	same docker_as run --rm --network none --sysctl net.ipv4.ip_forward=1 $BUSYBOX cat /proc/sys/net/ipv4/ip_forward
	same docker_as run --rm --network host --pid host $BUSYBOX sh -c 'readlink /proc/self/ns/net; readlink /proc/self/ns/pid'
}

@test "containers_live_and_die" {
	local id
	sleeper life -m 64m
	id=$(docker inspect -f '{{.Id}}' life)
	[ "$(docker inspect -f '{{.State.Status}} {{.HostConfig.Runtime}}' life)" = "running coracle" ]
	docker pause life > /dev/null
	[ "$(docker inspect -f '{{.State.Status}}' life)" = paused ]
	docker unpause life > /dev/null
	docker update -m 48m --memory-swap 48m --cpus 0.25 --pids-limit 44 life > /dev/null
	[ "$(docker exec life sh -c 'cd /sys/fs/cgroup; cat memory/memory.limit_in_bytes pids/pids.max cpu/cpu.cfs_quota_us' |
		tr '\n' ' ')" = "50331648 44 25000 " ]
	# The client gives up after two seconds: its daemon needs one, where nothing else runs.
	until run -0 docker stats --no-stream --format '{{.Name}} {{.MemUsage}} {{.PIDs}}' life && [[ $output != *"-- / --"* ]]; do :; done
	[[ $output == "life "*"/ 48MiB 1" ]] || { echo "$output"; return 1; }
	[[ $(docker top life) == *"sleep 1000"* ]]
	docker restart -t 0 life > /dev/null
	[ "$(docker inspect -f '{{.Id}} {{.State.Status}}' life)" = "$id running" ]
	docker kill life > /dev/null
	run -0 docker wait life
	[ "$output" = 137 ]
	docker start life > /dev/null
	docker stop -t 0 life > /dev/null
	docker rm life > /dev/null
	run ! compgen -G "/sys/fs/cgroup/*/docker/$id"
}

@test "exec_and_logs_are_as_with_runc" {
	docker run -d --name talks -u worker $BUSYBOX sh -c 'echo out; echo err >&2; exec sleep 1000' > /dev/null
	until [ "$(docker logs talks 2>&1 | sort | tr '\n' ' ')" = "err out " ]; do sleep 0.02; done
	[ "$(docker exec talks sh -c 'id -un; pwd')" = $'worker\n/' ]
	[ "$(docker exec -u root -w /tmp -e A=b talks sh -c 'id -un; pwd; echo $A')" = $'root\n/tmp\nb' ]
	[ "$(echo from stdin | docker exec -i talks cat)" = "from stdin" ]
	run -42 docker exec talks sh -c 'exit 42'
	run -126 docker exec talks no-such-command
	run -126 docker exec talks /etc/passwd
	run -0 script -qec "docker -H unix://$BATS_FILE_TMPDIR/docker.sock exec -it talks tty" /dev/null
	[[ $output == */dev/pts/* ]]
	docker exec -d talks touch /tmp/detached
	until docker exec talks test -e /tmp/detached; do sleep 0.02; done
	docker rm -f talks > /dev/null
}

@test "images_are_built" {
	mkdir "$BATS_TEST_TMPDIR/context"
	printf 'FROM %s\nRUN echo built > /made && id -u\nUSER worker\nWORKDIR /tmp\nRUN id -un && touch here\nCMD cat /made\n' \
		$BUSYBOX > "$BATS_TEST_TMPDIR/context/Dockerfile"
	run -0 docker build -q --network none -t made "$BATS_TEST_TMPDIR/context"
	[ "$(docker run --rm made)" = built ]
	printf 'FROM %s\nRUN exit 9\n' $BUSYBOX > "$BATS_TEST_TMPDIR/context/Dockerfile"
	run ! docker build -q --network none "$BATS_TEST_TMPDIR/context"
	[[ $output == *"returned a non-zero code: 9"* ]]
}
