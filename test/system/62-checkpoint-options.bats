#!/usr/bin/env bats
# What options make of a checkpoint and of a restore: each beside what happens without it. Those that concern sockets, and
# memory that is tracked, need a kernel that tells more: test/guest/criu-tests.
# shellcheck disable=SC2016,SC2119,SC2120,SC2154 # variables of jq and inner shells; what bats does

load checkpoint

teardown() {
	runtime_teardown
	[ ! -e "$BATS_TEST_TMPDIR/network" ] || umount "$BATS_TEST_TMPDIR/network"
}

# A POSIX lock of init's, of the file that it keeps.
locked() {
	grep -q "POSIX .* $(state pid) .*:$(stat -c %i "$ROOTFS/tmp/lock") " /proc/locks
}

checkpoint() {
	rt checkpoint --image-path "$IMG" "$@" "$ID"
}

# A network for CRIU's own connections: no port is another's.
network() {
	: > "$BATS_TEST_TMPDIR/network"
	unshare --net="$BATS_TEST_TMPDIR/network" ip link set lo up
}

# alone COMMAND... - in that network.
alone() {
	nsenter --net="$BATS_TEST_TMPDIR/network" "$@"
}

@test "a_file_lock_is_held_by_the_restored_with_file_locks" {
	cp "$TOOLS/keep" "$ROOTFS/bin/keep"
	spec '.process.args = ["keep", "lock", "/tmp/lock"]'
	start
	[ "$(ask)" = 1 ]
	locked
	attempt checkpoint
	refused 1 "criu failed: type DUMP" "--file-locks"
	locked
	rm -r "$IMG"
	checkpoint --file-locks
	restore -d --file-locks
	locked
	[ "$(ask)" = 2 ]
	end
	nothing_left
}

@test "a_file_that_is_open_under_a_name_that_is_gone_is_linked_with_link_remap" {
	spec '.process.args[2] |= "echo kept > /tmp/one; ln /tmp/one /tmp/two; exec 9< /tmp/one; rm /tmp/one; " + .'
	start
	[ "$(ask)" = 1 ]
	attempt checkpoint
	refused 1 "criu failed: type DUMP"
	rm -r "$IMG"
	checkpoint --link-remap
	restore -d
	[ "$(ask)" = 2 ]
	[ "$(cat "/proc/$(state pid)/fd/9")" = kept ]
	[ "$(stat -Lc %i "/proc/$(state pid)/fd/9")" = "$(stat -c %i "$ROOTFS/tmp/two")" ]
	end
	nothing_left
}

@test "a_job_of_a_shell_goes_on_at_the_terminal_of_whoever_restores_it" {
	local job
	script -qefc "$CORACLE runtime --root $STATE run -b $B $ID" "$BATS_TEST_TMPDIR/one" < /dev/null > /dev/null 2>&1 3>&- &
	job=$!
	[ "$(ask one)" = 1 ]
	checkpoint --shell-job
	wait $job || true
	nothing_left
	grep -q 'one 1' "$BATS_TEST_TMPDIR/one"
	attempt rt restore -d -b "$B" --image-path "$IMG" "$ID"
	refused 1 "criu failed: type RESTORE"
	nothing_left
	script -qefc "stty rows 23 cols 45; $CORACLE runtime --root $STATE restore --shell-job -b $B --image-path $IMG $ID" \
		"$BATS_TEST_TMPDIR/two" < /dev/null > /dev/null 2>&1 3>&- &
	job=$!
	until [ "$(state status 2> /dev/null)" = running ]; do
		kill -0 $job || { cat "$BATS_TEST_TMPDIR/two" "$IMG/restore.log"; return 1; }
	done
	[ "$(ask two)" = 2 ]
	echo end > "$ROOTFS/tmp/q"
	wait $job && status=0 || status=$?
	cat "$BATS_TEST_TMPDIR/two"
	[ "$status" = 3 ]
	grep -q 'two 2' "$BATS_TEST_TMPDIR/two" && grep -q 'end 3' "$BATS_TEST_TMPDIR/two"
	nothing_left
}

@test "a_link_that_was_made_of_a_mount_is_made_again_in_another_root" {
	ln -s ../some/where "$BATS_TEST_TMPDIR/link"
	spec --arg d "$BATS_TEST_TMPDIR" '.mounts += [{destination: "/new/link", type: "bind", source: "\($d)/link", options: ["bind", "copy-symlink"]}]'
	start
	[ "$(ask)" = 1 ]
	checkpoint
	rm -r "$ROOTFS/new"
	restore -d
	[ "$(ask)" = 2 ]
	[ "$(readlink "$ROOTFS/new/link")" = ../some/where ]
	[ ! -e "$ROOTFS/some" ]
	end
	nothing_left
}

@test "what_a_mount_in_a_bound_directory_is_mounted_on_is_made_again_too" {
	local d=$BATS_TEST_TMPDIR
	mkdir "$d/outer" "$d/inner"
	echo seen > "$d/inner/file"
	ln -s ../some/where "$d/link"
	spec --arg d "$d" '.mounts += [
		{destination: "/outer//", type: "bind", source: "\($d)/outer", options: ["bind"]},
		{destination: "/outer/to/inner", type: "bind", source: "\($d)/inner", options: ["bind"]},
		{destination: "/outer/to/inner/file", type: "bind", source: "\($d)/inner/file", options: ["bind"]},
		{destination: "/outer/link", type: "bind", source: "\($d)/link", options: ["bind", "copy-symlink"]}]'
	start
	[ "$(ask)" = 1 ]
	checkpoint
	rm -r "$d/outer/to" "$d/outer/link"
	restore -d
	[ "$(ask)" = 2 ]
	[ "$(cat "/proc/$(state pid)/root/outer/to/inner/file")" = seen ]
	[ "$(readlink "$d/outer/link")" = ../some/where ]
	end
	nothing_left
}

# As docker's and nerdctl's.
@test "a_network_that_hooks_make_is_made_by_them_again" {
	local veth=v$BASHPID
	cat > "$BATS_TEST_TMPDIR/hook" <<-END
		pid=\$(jq .pid)
		ip link add $veth type veth peer name eth0 netns \$pid
		ip link set $veth up
		nsenter -t \$pid -n ip address add 192.0.2.9/24 dev eth0
		nsenter -t \$pid -n ip link set eth0 up
	END
	spec '.linux.sysctl = {"net.ipv4.ip_default_ttl": "33", "net.ipv4.conf.eth0.rp_filter": "2"}'
	spec --arg h "$BATS_TEST_TMPDIR/hook" --arg p "$PATH" '.hooks = {createRuntime: [{path: "/bin/sh", args: ["sh", "-e", $h], env: ["PATH=" + $p]}]}'
	start
	[ "$(ask)" = 1 ]
	checkpoint
	await_no_path "/sys/class/net/$veth"
	restore -d
	[ "$(ask)" = 2 ]
	run -0 rt exec "$ID" ip -o address
	[[ $output == *"eth0"*"192.0.2.9/24"* ]]
	[[ $output == *"127.0.0.1"* ]]
	[[ $(rt exec "$ID" ip -o link show lo) == *"LOOPBACK,UP"* ]]
	[ "$(rt exec "$ID" cat /proc/sys/net/ipv4/ip_default_ttl /proc/sys/net/ipv4/conf/eth0/rp_filter)" = $'33\n2' ]
	end
	nothing_left
}

# told TYPE FIELD... - the last request of that type (1: dump, 2: restore) had these.
told() {
	local type=$1 field
	shift
	for field; do
		grep -qxF "$type $field" "$TOLD" || { echo "not told: $type $field"; cat "$TOLD"; return 1; }
	done
	: > "$TOLD"
}

# In the place of CRIU, whom most of these would want another kernel for: see test/system/told.
teller() {
	export TOLD=$BATS_TEST_TMPDIR/told
	mkdir "$BATS_TEST_TMPDIR/bin"
	ln -s "$BATS_TEST_DIRNAME/told" "$BATS_TEST_TMPDIR/bin/criu"
	PATH=$BATS_TEST_TMPDIR/bin:$PATH
}

@test "what_becomes_of_connections_and_labels_is_told_to_CRIU" {
	teller
	start
	checkpoint --leave-running
	told 1 3:1 5:0 46:0 52:0
	checkpoint --leave-running --tcp-skip-in-flight
	told 1 3:1 5:0 46:1 52:0
	checkpoint --leave-running --tcp-established
	told 1 5:1 46:0
	local lock n=0
	for lock in iptables nftables skip; do
		n=$((n + 1))
		checkpoint --leave-running --network-lock $lock
		told 1 64:$n
	done
	attempt checkpoint --network-lock none
	refused 1 "--network-lock" "'none'" "iptables, nftables or skip"
	checkpoint
	told 1 3:0
	run -1 restore -d --network-lock skip
	told 2 64:3
	run -1 restore -d
	told 2 5:0 52:0
	grep -q "criu failed: type RESTORE" "$BATS_TEST_TMPDIR/restored"
	run -1 restore -d --tcp-close
	told 2 5:0 52:1
	run -1 restore -d --lsm-profile apparmor:some-profile --lsm-mount-context system_u:object_r:container_file_t:s0:c1,c2
	told 2 "53=apparmor:some-profile" "63=system_u:object_r:container_file_t:s0:c1,c2"
	nothing_left
}

@test "nobody_hears_of_the_status_and_the_container_goes_on" {
	local pipe
	teller
	start
	[ "$(ask)" = 1 ]
	checkpoint --leave-running --lazy-pages --status-fd 7 7> "$BATS_TEST_TMPDIR/status"
	[ "$(od -An -tx1 "$BATS_TEST_TMPDIR/status")" = " 00" ]
	exec {pipe}> >(:)
	wait $!
	attempt checkpoint --lazy-pages --status-fd "$pipe"
	exec {pipe}>&-
	refused 1 "--status-fd $pipe" "Broken pipe"
	attempt checkpoint --lazy-pages --status-fd 7 7> /dev/full
	refused 1 "--status-fd 7" "No space left"
	[ "$(state status)" = running ]
	[ "$(ask)" = 2 ]
	end
	nothing_left
}

# Not what came of that.
@test "an_error_says_why_CRIU_gave_up" {
	start
	[ "$(ask)" = 1 ]
	checkpoint
	attempt rt restore -d -b "$B" --image-path "$IMG" --lazy-pages "$ID"
	refused 1 "criu failed: type RESTORE" "connect to lazy-pages.socket failed: No such file or directory; log file"
	nothing_left
}

@test "memory_goes_to_a_page_server" {
	local server address=127.0.0.1 named=127.0.0.1
	[ ! -e /proc/net/if_inet6 ] || address=::1 named='[::1]'
	network
	start
	[ "$(ask)" = 1 ]
	mkdir "$BATS_TEST_TMPDIR/pages"
	mkfifo "$BATS_TEST_TMPDIR/ready"
	alone "$CRIU/criu" page-server --address $address --port 27277 -D "$BATS_TEST_TMPDIR/pages" --status-fd 7 7> "$BATS_TEST_TMPDIR/ready" 3>&- &
	server=$!
	head -c 1 "$BATS_TEST_TMPDIR/ready" > /dev/null
	alone "$CORACLE" runtime --root "$STATE" checkpoint --page-server "$named:27277" --image-path "$IMG" "$ID"
	wait $server
	run ! compgen -G "$IMG/pages-*.img"
	umount "$BATS_TEST_TMPDIR/network"
	rm "$BATS_TEST_TMPDIR/network"
	mv "$BATS_TEST_TMPDIR"/pages/*.img "$IMG"
	restore -d
	[ "$(ask)" = 2 ]
	end
	nothing_left
}

@test "a_container_of_run_with_an_image_and_an_overlay_goes_on_from_a_bundle_with_directories_there" {
	load images
	local layout=$BATS_TEST_TMPDIR/app command
	tar -C "$ROOTFS" -cf "$layout.tar" bin
	layer "$layout" "$layout.tar"
	image_end "$layout" v1 > /dev/null
	"$CORACLE" pull -q "oci:$layout:v1"
	mapfile -d '' command < <(jq -j '.process.args[] + "\u0000"' "$B/config.json")
	c run -d --name "$ID" -v "$ROOTFS/tmp:/tmp" --mount type=image,src=app:v1,dst=/tool -v "$ROOTFS/bin:/x:O" app:v1 "${command[@]}" > /dev/null
	[ "$(ask)" = 1 ]
	checkpoint --manage-cgroups-mode ignore
	B=$BATS_TEST_TMPDIR/bundle
	"$CORACLE" bundle -v "$ROOTFS/tmp:/tmp" -v "$ROOTFS/bin:/tool" -v "$ROOTFS/bin:/x" app:v1 "$B" "${command[@]}"
	restore -d --manage-cgroups-mode ignore
	[ "$(ask)" = 2 ]
	end
	"$CORACLE" cleanup --root "$STATE" > /dev/null
	[ -z "$(ls -A "$CORACLE_STORE/containers")" ]
}
