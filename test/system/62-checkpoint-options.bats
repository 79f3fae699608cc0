#!/usr/bin/env bats
# What options make of a checkpoint and of a restore: each beside what happens without it. Those that concern sockets, and
# memory that is tracked, need a kernel that tells more: test/guest/criu-tests.
# shellcheck disable=SC2016,SC2119,SC2120,SC2154 # variables of jq and inner shells; what bats does

load checkpoint

setup_file() {
	CRIU=$("$BATS_TEST_DIRNAME/criu")
	export CRIU
}

setup() {
	checkpoint_setup
}

teardown() {
	runtime_teardown
}

checkpoint() {
	rt checkpoint --image-path "$IMG" "$@" "$ID"
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
