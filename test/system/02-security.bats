#!/usr/bin/env bats
# 02-security.bats - what broke other runtimes, tried on ours. "Host" files here are throwaway ones.
# shellcheck disable=SC2016,SC2030,SC2031 # jq's variables; each test is a shell

load runtime

setup() {
	runtime_setup
	VICTIM=$BATS_TEST_TMPDIR/victim
	mkdir "$VICTIM"
}

teardown() {
	[ -z "${SWAP:-}" ] || { kill "$SWAP" && wait "$SWAP"; } 2> /dev/null || true
	runtime_teardown
}

# The victim directory is as it was made.
unharmed() {
	local found
	found=$(find "$VICTIM" -mindepth 1)
	[ -z "$found" ] || { echo "made on the host: $found"; return 1; }
}

ALL='["CAP_CHOWN","CAP_DAC_OVERRIDE","CAP_DAC_READ_SEARCH","CAP_FOWNER","CAP_KILL","CAP_SETUID","CAP_SYS_PTRACE","CAP_SYS_ADMIN","CAP_MKNOD"]'

# A container in which pry is at work, started; $1: jq's filter for its capabilities.
prying() {
	own_rootfs
	cp "$TOOLS/pry" "$ROOTFS/pry"
	rm "$ROOTFS/bin/sleep"
	cp "$ROOTFS/bin/busybox" "$ROOTFS/bin/sleep"
	cp "$CORACLE" "$BATS_TEST_TMPDIR/coracle"
	CORACLE=$BATS_TEST_TMPDIR/coracle
	spec "$1 | .process.args = [\"sh\", \"-c\", \"/pry & exec /bin/busybox sleep 1000\"]"
	create
	rt start "$ID"
}

@test "cve_2019_5736_the_runtime_is_not_overwritten_from_inside" {
	local before i
	prying ".process.capabilities[] = $ALL"
	before=$(sha256sum < "$CORACLE")
	# To know that pry can: an ordinary program of the container's own.
	until grep -q "^overwrote /bin/sleep" "$BATS_TEST_TMPDIR/out"; do rt exec "$ID" sleep 0.1 || true; done
	for i in {1..15}; do
		rt exec "$ID" /proc/self/exe --help > /dev/null 2>&1 || true
		rt exec "$ID" true
	done
	cat "$BATS_TEST_TMPDIR/out"
	# It did get hold of the runtime, and could not write.
	# (a mount that is attached nowhere has no other name than /)
	grep -qx "readonly /" "$BATS_TEST_TMPDIR/out"
	run -1 grep -E "^overwrote /(.*coracle|)$" "$BATS_TEST_TMPDIR/out"
	[ "$(sha256sum < "$CORACLE")" = "$before" ]
	end
	# And as the container's own program, through an interpreter: CVE-2019-5736 as published.
	printf '#!/proc/self/exe\n' > "$ROOTFS/entry" && chmod 755 "$ROOTFS/entry"
	spec '.process.args = ["/entry"]'
	attempt rt run -b "$B" "$ID"
	[ "$(sha256sum < "$CORACLE")" = "$before" ]
	nothing_left
}

@test "cve_2016_9962_a_process_that_joins_is_closed_to_those_inside" {
	local i
	prying '.'
	for i in {1..15}; do rt exec "$ID" true "$i"; done
	cat "$BATS_TEST_TMPDIR/out"
	grep -q "^denied" "$BATS_TEST_TMPDIR/out"
	run -1 grep -E "^(opened|reached|overwrote)" "$BATS_TEST_TMPDIR/out"
	end
}

@test "cve_2019_16884_and_2023_27561_proc_and_sys_may_be_no_links" {
	local name
	for name in proc sys; do
		own_rootfs
		rm -rf "${ROOTFS:?}/$name"
		mkdir -p "$ROOTFS/fake"
		ln -s /fake "$ROOTFS/$name"
		attempt rt run -b "$B" "$ID"
		refused 1 "mount $name" "/$name"
		nothing_left
		rm "$ROOTFS/$name"
		ln -s "../../../../../../../../../../../../../$VICTIM" "$ROOTFS/$name"
		attempt rt run -b "$B" "$ID"
		refused 1 "mount $name" "/$name"
		unharmed
		rm -rf "$ROOTFS"
		ROOTFS=$BATS_FILE_TMPDIR/rootfs
	done
}

@test "cve_2021_30465_and_2024_45310_targets_swapped_for_links_stay_inside" {
	own_rootfs
	local end log=$BATS_TEST_TMPDIR/mounts n=0
	mkdir "$ROOTFS/vol"
	ln -s "../../../../../../../../../../../../..$VICTIM" "$ROOTFS/vol-link"
	echo file > "$BATS_TEST_TMPDIR/file"
	: > "$log"
	# The hook is in the container's mount namespace, where the host's files are still to be seen.
	printf '#!/bin/sh\ngrep -F " %s" /proc/self/mountinfo >> %s\nexit 0\n' "$VICTIM" "$log" > "$BATS_TEST_TMPDIR/hook"
	chmod 755 "$BATS_TEST_TMPDIR/hook"
	spec --arg f "$BATS_TEST_TMPDIR/file" --arg h "$BATS_TEST_TMPDIR/hook" '.mounts += ([range(8)] | map(
			{destination: "/vol/d\(.)/e/f/g", type: "tmpfs", source: "tmpfs"},
			{destination: "/vol/b\(.)/c/d", source: $f, options: ["bind"]}, {destination: "/vol", type: "tmpfs", source: "tmpfs"}))
		| .mounts |= map(select(.destination != "/vol"))
		| .hooks = {createContainer: [{path: $h}]} | .process.args = ["true"]'
	"$TOOLS/swap" "$ROOTFS/vol" "$ROOTFS/vol-link" 3>&- &
	SWAP=$!
	end=$((SECONDS + 2))
	while [ $SECONDS -lt $end ] || [ "$n" -lt 6 ]; do
		attempt rt run -b "$B" "$ID"
		[ "${#stderr_lines[@]}" -le 1 ]
		unharmed
		n=$((n + 1))
		kill -STOP "$SWAP" # what is there now is to be removed, wherever the names point
		rm -rf "$ROOTFS"/vol*/[bd]*
		kill -CONT "$SWAP"
	done
	kill "$SWAP"
	wait "$SWAP" 2> /dev/null || true
	SWAP=
	[ ! -s "$log" ]
	nothing_left
}

@test "cve_2022_29162_nothing_is_inheritable_for_exec" {
	spec ".process.capabilities = {bounding: $ALL, effective: $ALL, permitted: $ALL}"
	create_sleeper
	rt start "$ID"
	rt exec "$ID" grep CapInh /proc/self/status | grep -qx $'CapInh:\t0000000000000000'
	rt exec --cap CAP_SYS_TIME "$ID" grep CapInh /proc/self/status | grep -qx $'CapInh:\t0000000000000000'
	rt exec --cap CAP_SYS_TIME -u 1000 "$ID" grep -E 'CapInh|CapAmb' /proc/self/status > "$BATS_TEST_TMPDIR/caps"
	[ "$(grep -c 0000000000000000 "$BATS_TEST_TMPDIR/caps")" = 2 ]
	end
}

@test "cve_2024_21626_no_descriptor_leads_out_of_the_container" {
	# Debian 12's crun 1.8.1 lists the host's / with cwd /proc/self/fd/7 and its caller's 7< /.
	local n p
	echo host > "$VICTIM/only-here"
	for n in {3..24}; do
		spec --arg n "$n" '.process.cwd = "/proc/self/fd/\($n)" | .process.args = ["/bin/sh", "-c", "pwd; ls -A . ../../../../../../.."]'
		attempt rt run -b "$B" "$ID" 5< / 6< "$VICTIM" 7< /
		[ "$status" != 0 ] || { echo "fd $n: ran in $output"; return 1; }
		refused 1 "/proc/self/fd/$n"
		attempt rt run --preserve-fds 5 -b "$B" "$ID" 3< / 4< / 5< / 6< "$VICTIM" 7< /
		refused 1 "/proc/self/fd/$n"
	done
	nothing_left
	# Nor to a program of the host's.
	cp "$TOOLS/await" "$VICTIM/await"
	spec '.process.cwd = "/"'
	for n in {3..24}; do
		for p in "/proc/self/fd/$n/bin/sh" "/proc/self/fd/$n/../../../../../../..$VICTIM/await" "/proc/self/fd/$n/await"; do
			spec --arg p "$p" '.process.args = [$p, "1"]'
			attempt rt run -b "$B" "$ID" 5< / 6< "$VICTIM" 7< /
			refused 1 "$p"
		done
	done
	create_sleeper 5< / 6< "$VICTIM" 7< /
	rt start "$ID"
	for n in {3..24}; do
		attempt rt exec --cwd "/proc/self/fd/$n" "$ID" ls 5< / 6< "$VICTIM"
		refused 255 "/proc/self/fd/$n"
		attempt rt exec "$ID" "/proc/self/fd/$n/await" 1 5< / 6< "$VICTIM"
		refused 255 "/proc/self/fd/$n/await"
	done
	[ "$(ls "/proc/$(state pid)/fd" | tr '\n' ' ')" = "0 1 2 " ]
	[ "$(rt exec "$ID" ls /proc/self/fd 5< / 6< "$VICTIM" | tr '\n' ' ')" = "0 1 2 3 " ]
	end
}

@test "cve_2025_31133_masks_do_not_come_from_the_image" {
	own_rootfs
	echo bait > "$ROOTFS/bait"
	echo secret > "$ROOTFS/key"
	spec '.linux.maskedPaths = ["/key"]'
	# A /dev of the image's own, where null leads elsewhere.
	mkdir -p "$BATS_TEST_TMPDIR/dev"
	ln -s /bait "$BATS_TEST_TMPDIR/dev/null"
	spec --arg d "$BATS_TEST_TMPDIR/dev" '.mounts |= map(select(.destination | startswith("/dev") | not)) + [{destination: "/dev", source: $d, options: ["bind"]}]'
	run -0 inside 'stat -c "%F %t:%T" /key; cat /key; echo x > /key; cat /bait'
	[ "$output" = $'character special file 1:3\nbait' ]
	# The same without any mount there: then the null that the spec's defaults want is in the way.
	spec '.mounts |= map(select(.destination != "/dev"))'
	rm -rf "${ROOTFS:?}/dev"
	mkdir "$ROOTFS/dev"
	ln -s /bait "$ROOTFS/dev/null"
	attempt inside 'cat /key'
	refused 1 /dev/null
	[ "$(cat "$ROOTFS/bait" "$ROOTFS/key" | tr '\n' ' ')" = "bait secret " ]
	nothing_left
}

@test "cve_2025_52565_a_terminal_is_the_container_s_own" {
	local d=$BATS_TEST_TMPDIR
	own_rootfs
	spec '.process.terminal = true | .process.args = ["true"]'
	cp "$B/config.json" "$B/terminal"
	echo bait > "$VICTIM/bait"
	# pts is a directory of the image's own.
	mkdir "$d/pts"
	mknod "$d/pts/ptmx" c 5 2
	ln -s "../../../../../../../../../../../..$VICTIM/bait" "$d/pts/0"
	spec --arg d "$d/pts" '.mounts |= map(if .destination == "/dev/pts" then {destination, source: $d, options: ["bind"]} else . end)'
	attempt "$TOOLS/console" "$d/s" "$CORACLE" runtime --root "$STATE" run -b "$B" --console-socket "$d/s" "$ID"
	refused 1 terminal
	rm "$d/s"
	# console leads elsewhere.
	cp "$B/terminal" "$B/config.json"
	mkdir -p "$d/dev/pts"
	ln -s "../../../../../../../../../../../..$VICTIM/bait" "$d/dev/console"
	spec --arg d "$d/dev" '.mounts |= map(if .destination == "/dev" then {destination, source: $d, options: ["bind"]} else . end)
		| .mounts |= map(select(.destination != "/dev/shm" and .destination != "/dev/mqueue"))'
	spec '.process.args = ["sh", "-c", "test -c /dev/console && test ! -L /dev/console && stat -c is:%t:%T /dev/console"]'
	run -0 "$TOOLS/console" "$d/s" "$CORACLE" runtime --root "$STATE" run -b "$B" --console-socket "$d/s" "$ID" < /dev/null
	[[ $output == *is:88:0* ]]
	[ "$(cat "$VICTIM/bait")/$(stat -c %u:%F "$VICTIM/bait")" = "bait/0:regular file" ]
	nothing_left
}

@test "cve_2025_52881_writes_to_proc_go_to_proc" {
	own_rootfs
	mkdir -p "$VICTIM/ipv4" "$VICTIM/attr"
	echo bait > "$VICTIM/ipv4/ip_default_ttl"
	spec --arg v "$VICTIM" '.mounts += [{destination: "/proc/sys/net", source: $v, options: ["bind"]}]
		| .linux.sysctl = {"net.ipv4.ip_default_ttl": "99"}'
	create_sleeper
	[ "$(cat "$VICTIM/ipv4/ip_default_ttl")" = bait ]
	[ "$(nsenter -t "$(state pid)" -n cat /proc/sys/net/ipv4/ip_default_ttl)" = 99 ]
	end
	# The whole of /proc is somebody else's.
	mkdir -p "$VICTIM/sys/net/ipv4" "$VICTIM/self"
	echo bait > "$VICTIM/sys/net/ipv4/ip_default_ttl"
	spec --arg v "$VICTIM" '.mounts |= map(select(.destination | startswith("/proc") | not)) + [{destination: "/proc", source: $v, options: ["bind"]}]'
	create
	[ "$(cat "$VICTIM/sys/net/ipv4/ip_default_ttl")" = bait ]
	[ "$(nsenter -t "$(state pid)" -n cat /proc/sys/net/ipv4/ip_default_ttl)" = 99 ]
	end
	nothing_left
}

@test "cve_2026_41579_a_dev_that_is_a_link_makes_nothing_on_the_host" {
	local link
	for link in "$VICTIM" "../../../../../../../../../../../../..$VICTIM"; do
		own_rootfs
		rm -rf "${ROOTFS:?}/dev"
		ln -s "$link" "$ROOTFS/dev"
		attempt rt run -b "$B" "$ID"
		unharmed
		spec '.mounts |= map(select(.destination | startswith("/dev") | not)) | .process.args = ["true"]'
		attempt rt run -b "$B" "$ID"
		unharmed
		nothing_left
		rm -rf "$ROOTFS"
		ROOTFS=$BATS_FILE_TMPDIR/rootfs
		cp "$BATS_FILE_TMPDIR/config.json" "$B/config.json"
	done
	# What the link leads to is made inside, as by runc: images have /var/run -> /run, and no /run.
	# A directory that is made, a device, a link, a cwd: each with a link in the way.
	own_rootfs
	ln -s "../../../../../../../../../../../../..$VICTIM" "$ROOTFS/out"
	spec '.mounts += [{destination: "/out/dir/x", type: "tmpfs", source: "tmpfs"}] | .linux.devices = [{path: "/out/device", type: "c", major: 1, minor: 3}]
		| .process.cwd = "/out/cwd/here" | .process.args = ["true"]'
	attempt rt run -b "$B" "$ID"
	[ "$status" = 0 ] || { echo "$stderr"; return 1; }
	unharmed
	[ -d "$ROOTFS$VICTIM/dir/x" ] && [ -c "$ROOTFS$VICTIM/device" ] && [ -d "$ROOTFS$VICTIM/cwd/here" ]
	nothing_left
}

@test "cve_2026_30892_a_user_is_a_number_or_refused" {
	# Debian 12's crun 1.8.1 takes " 1000" for 1000, and -1 and 4294967296 for root; its runc 1.1.5 the last.
	local u
	create_sleeper
	rt start "$ID"
	for u in "" x 1000x x1000 0x3e8 " 1000" "1000 " -1 +1 1000:x 1000: :x 1000:1000:0 1:-1 4294967295 4294967296 18446744073709551616 1000:4294967295; do
		attempt rt exec -u "$u" "$ID" id -u
		refused 255 "user"
	done
	[ "$(rt exec -u 4294967294:4294967293 "$ID" id -u)" = 4294967294 ]
	[ "$(rt exec -u 007 "$ID" id -u)" = 7 ]
	end
}

@test "cve_2024_40635_ids_do_not_wrap_around" {
	local id
	for id in 4294967296 4294967295 -1 18446744073709551616 1.5 '"0"'; do
		spec --argjson id "$id" '.process.user.uid = $id | .process.args = ["id", "-u"]'
		attempt rt run -b "$B" "$ID"
		refused 1 process.user
	done
	nothing_left
}
