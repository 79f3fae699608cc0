# podman.bash - podman, its storage and its network in namespaces of their own, where whatever is left ends with them.
# shellcheck shell=bash disable=SC2034

# The namespaces live as long as their first process, which reaps the monitors that podman leaves behind.
podman_setup() {
	local dir=$BATS_FILE_TMPDIR
	mkdir -p "$dir/bin"
	ln -s "$(readlink -f "$CORACLE")" "$dir/bin/coracle-runtime"
	ln -s "$(command -v runc)" "$dir/bin/runc"
	printf '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n' > "$dir/containers.conf"
	mkfifo "$dir/ready"
	# shellcheck disable=SC2016 # of the shell inside
	unshare --pid --fork --kill-child --mount --net --mount-proc --propagation private sh -c '
		mount -t tmpfs tmpfs /run && mkdir -p /run/lock && ip link set lo up
		echo ready > "$1/ready" && exec catatonit -P' sh "$dir" > /dev/null 2>&1 < /dev/null 3>&- &
	echo $! > "$dir/outer"
	disown
	read -r _ < "$dir/ready"
	pgrep -P "$(cat "$dir/outer")" > "$dir/init"
	make_rootfs "$dir/rootfs"
	chmod 1777 "$dir/rootfs/tmp"
	tar -C "$dir/rootfs" -cf "$dir/image.tar" .
	podman_as ours import -q "$dir/image.tar" localhost/busybox > /dev/null
}

podman_teardown() {
	[ -e "$BATS_FILE_TMPDIR/init" ] || return 0
	podman_as ours rm -af -t 0 > /dev/null 2>&1
	podman_as runc rm -af -t 0 > /dev/null 2>&1
	kill -9 "$(cat "$BATS_FILE_TMPDIR/outer")"
	await_end "$(cat "$BATS_FILE_TMPDIR/init")"
	# Podman's own, unless another podman of this machine is in it.
	find /sys/fs/cgroup/*/libpod_parent -depth -type d -exec rmdir {} + 2> /dev/null || true
}

# podman_as ours|runc ARGUMENT...: podman with that runtime. Both see the same storage.
podman_as() {
	local dir=$BATS_FILE_TMPDIR runtime=coracle-runtime
	[ "$1" = ours ] || runtime=runc
	shift
	PODMAN_IGNORE_CGROUPSV1_WARNING=1 CONTAINERS_CONF=$dir/containers.conf \
		nsenter -t "$(cat "$dir/init")" -p -m -n podman --root "$dir/root" --runroot "$dir/run" --tmpdir "$dir/tmp" \
		--runtime "$dir/bin/$runtime" --cgroup-manager cgroupfs --events-backend file \
		--network-config-dir "$dir/net" --network-backend netavark "$@" 3>&-
}

# same ARGUMENT...: podman says the same on stdout and ends with the same status, whether the runtime is ours or runc.
same() {
	local status theirs dir=$BATS_TEST_TMPDIR
	podman_as runc "$@" < /dev/null > "$dir/runc.out" 2> "$dir/runc.err" && theirs=0 || theirs=$?
	podman_as ours "$@" < /dev/null > "$dir/ours.out" 2> "$dir/ours.err" && status=0 || status=$?
	[ "$status" = "$theirs" ] || { echo "$*: status $status, with runc $theirs: $(cat "$dir/ours.err" "$dir/runc.err")"; return 1; }
	diff "$dir/runc.out" "$dir/ours.out" || { echo "$*: differs from runc's"; return 1; }
	output=$(tr -d '\0' < "$dir/ours.out")
}
