# clients.bash - podman and docker, each in namespaces of its own, where whatever is left ends with them; and the same
# command with our runtime and with runc.
# shellcheck shell=bash disable=SC2034

# client_start SCRIPT: an image's archive, the runtimes' names, and namespaces in which the script, given this file's
# directory, starts. Their first process reaps what others leave; they are entered by client_inside.
client_start() {
	local dir=$BATS_FILE_TMPDIR
	mkdir -p "$dir/bin"
	ln -s "$(readlink -f "$CORACLE")" "$dir/bin/coracle-runtime"
	ln -s "$(command -v runc)" "$dir/bin/runc"
	make_rootfs "$dir/rootfs"
	chmod 1777 "$dir/rootfs/tmp"
	tar -C "$dir/rootfs" -cf "$dir/image.tar" .
	mkfifo "$dir/ready"
	# shellcheck disable=SC2016 # of the shell inside
	unshare --pid --fork --kill-child --mount --net --mount-proc --propagation private catatonit -- sh -c '
		mount -t tmpfs tmpfs /run && mkdir -p /run/lock && ip link set lo up
		echo ready > "$1/ready"
		'"$1" sh "$dir" > "$dir/log" 2>&1 < /dev/null 3>&- &
	echo $! > "$dir/outer"
	disown
	read -r _ < "$dir/ready"
	pgrep -P "$(cat "$dir/outer")" > "$dir/init"
}

# client_end CGROUP: the namespaces and all in them; and the cgroup of the client's own, unless another one is in it. A
# plain directory that somebody left beside v1's hierarchies is one for podman, too, which puts files into it: it goes.
client_end() {
	local dir
	kill -9 "$(cat "$BATS_FILE_TMPDIR/outer")"
	await_end "$(cat "$BATS_FILE_TMPDIR/init")"
	for dir in /sys/fs/cgroup/*; do
		[ "$(stat -f -c %T "$dir")" = tmpfs ] || continue
		rm -rf "${dir:?}/$1"
		rmdir "$dir" 2> /dev/null || true
	done
	find /sys/fs/cgroup/*/"$1" -depth -type d -exec rmdir {} + 2> /dev/null || true
}

client_inside() {
	nsenter -t "$(cat "$BATS_FILE_TMPDIR/init")" -p -m -n "$@" 3>&-
}

# podman_as ours|runc ARGUMENT...: podman with that runtime. Both see the same storage.
podman_as() {
	local dir=$BATS_FILE_TMPDIR runtime=coracle-runtime
	[ "$1" = ours ] || runtime=runc
	shift
	PODMAN_IGNORE_CGROUPSV1_WARNING=1 CONTAINERS_CONF=$dir/containers.conf client_inside \
		podman --root "$dir/root" --runroot "$dir/run" --tmpdir "$dir/tmp" \
		--runtime "$dir/bin/$runtime" --cgroup-manager cgroupfs --events-backend file \
		--network-config-dir "$dir/net" --network-backend netavark "$@"
}

# docker_as ours|runc VERB ARGUMENT...
docker_as() {
	local runtime=() verb=$2
	[ "$1" = ours ] || runtime=(--runtime runc)
	shift 2
	command docker -H "unix://$BATS_FILE_TMPDIR/docker.sock" "$verb" "${runtime[@]}" "$@" 3>&-
}

# on_terminal SCRIPT: it runs on a terminal of 31 rows and 77 columns; $output is what it says. When that is the name of the
# container's terminal it gets an empty line: clients may lose what is said by the way out.
on_terminal() {
	local dir=$BATS_TEST_TMPDIR keys screen line
	mkfifo "$dir/keys" "$dir/screen"
	script -qec "stty rows 31 cols 77; $1" /dev/null < "$dir/keys" > "$dir/screen" 2>&1 3>&- &
	exec {keys}> "$dir/keys" {screen}< "$dir/screen"
	output=
	while read -r line <&"$screen"; do
		output+=$line$'\n'
		[[ $line != */dev/pts/0* ]] || echo >&"$keys"
	done
	exec {keys}>&- {screen}<&-
	wait $!
}

# same CLIENT ARGUMENT...: it says the same on stdout and ends with the same status, whether the runtime is ours or runc.
same() {
	local client=$1 theirs dir=$BATS_TEST_TMPDIR
	shift
	"$client" runc "$@" < /dev/null > "$dir/runc.out" 2> "$dir/runc.err" && theirs=0 || theirs=$?
	"$client" ours "$@" < /dev/null > "$dir/ours.out" 2> "$dir/ours.err" && status=0 || status=$?
	[ "$status" = "$theirs" ] || { echo "$*: status $status, with runc $theirs: $(cat "$dir/ours.err" "$dir/runc.err")"; return 1; }
	diff "$dir/runc.out" "$dir/ours.out" || { echo "$*: differs from runc's"; return 1; }
	output=$(tr -d '\0' < "$dir/ours.out")
	stderr=$(< "$dir/ours.err")
}
