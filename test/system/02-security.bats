#!/usr/bin/env bats
# bats file_tags=long
# 02-security.bats - what broke other runtimes, tried on ours. "Host" files here are throwaway ones.
# shellcheck disable=SC2016,SC2030,SC2031 # jq's variables; each test is a shell

load runtime

setup() {
	runtime_setup
	VICTIM=$BATS_TEST_TMPDIR/victim
	mkdir "$VICTIM"
}

teardown() { runtime_teardown; }

# The victim directory is as it was made.
unharmed() {
	local found
	found=$(find "$VICTIM" -mindepth 1)
	[ -z "$found" ] || { echo "made on the host: $found"; return 1; }
}

# Whether Debian 12's runc is here, as it was when its holes were looked for: each replay is shown to work on it.
runc_with_holes() {
	[[ $(runc --version) == *"1.1.5+ds1-1+deb12u1"* ]]
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
	spec "$1 | .process.args = [\"sh\", \"-c\", \"/pry $VICTIM & exec /bin/busybox sleep 1000\"]"
	create
	rt start "$ID"
}

@test "cve_2019_5736_the_runtime_is_not_overwritten_from_inside" {
	local before i
	prying ".process.capabilities[] = $ALL"
	before=$(sha256sum < "$CORACLE")
	# To know that pry can: an ordinary program of the container's own.
	until grep -q "^overwrote /bin/sleep" "$BATS_TEST_TMPDIR/out"; do rt exec "$ID" sleep 0.5 || true; done
	for i in {1..15}; do
		rt exec "$ID" /proc/self/exe --help > /dev/null 2>&1 || true
		rt exec "$ID" true
	done
	cat "$BATS_TEST_TMPDIR/out"
	# It did get hold of the runtime, and could not write.
	# (a mount that is attached nowhere has no other name than /)
	grep -qx "readonly /" "$BATS_TEST_TMPDIR/out"
	run -1 grep -E "^(overwrote|cloned|unlocked) /(.*coracle|)$" "$BATS_TEST_TMPDIR/out"
	[ "$(sha256sum < "$CORACLE")" = "$before" ]
	end
	# And as the container's own program, through an interpreter: CVE-2019-5736 as published.
	printf '#!/proc/self/exe\n' > "$ROOTFS/entry" && chmod 755 "$ROOTFS/entry"
	spec '.process.args = ["/entry"]'
	attempt rt run -b "$B" "$ID"
	[ "$(sha256sum < "$CORACLE")" = "$before" ]
	nothing_left
}

# As long as one has it open, the read-only clone is a mount that a container could make writable.
@test "nobody_who_waits_for_a_container_holds_what_he_was_executed_from" {
	local pid fd
	spec '.process.args = ["sleep", "1000"]'
	"$CORACLE" runtime --root "$STATE" run -b "$B" "$ID" < /dev/null > /dev/null 2>&1 3>&- &
	local waiting=($!)
	until [ "$(state status 2> /dev/null)" = running ]; do sleep 0.01; done
	"$CORACLE" runtime --root "$STATE" exec "$ID" sleep 1001 < /dev/null > /dev/null 2>&1 3>&- &
	waiting+=($!)
	until [ "$(rt ps -f json "$ID" | jq length)" = 2 ]; do sleep 0.01; done
	for pid in "${waiting[@]}"; do
		[ -e "/proc/$pid/fd/0" ]
		for fd in "/proc/$pid/fd"/*; do
			[ "$(stat -Lc %i "$fd")" != "$(stat -Lc %i "/proc/$pid/exe")" ] || { ls -l "/proc/$pid/fd"; return 1; }
		done
	done
	end
	wait "${waiting[@]}" || true
	nothing_left
}

@test "cve_2016_9962_a_process_that_joins_is_closed_to_those_inside" {
	local i
	prying '.'
	for i in {1..15}; do rt exec "$ID" true "$i"; done
	cat "$BATS_TEST_TMPDIR/out"
	grep -q "^denied" "$BATS_TEST_TMPDIR/out"
	run -1 grep -E "^(opened|reached|overwrote|outside)" "$BATS_TEST_TMPDIR/out"
	end
}

@test "who_may_trace_all_inside_does_not_see_the_host_through_a_process_that_joins" {
	local i
	prying '.process.capabilities[] += ["CAP_SYS_PTRACE"]'
	for i in {1..40}; do PRY_SECRET=of-the-host rt exec "$ID" true "$i"; done
	cat "$BATS_TEST_TMPDIR/out"
	grep -q "^opened" "$BATS_TEST_TMPDIR/out" # it did look at some
	grep -qx "read environ" "$BATS_TEST_TMPDIR/out"
	run -1 grep -E "^(overwrote|outside|knows)" "$BATS_TEST_TMPDIR/out"
	# What is given to the program is still.
	[ "$(PRY_SECRET=of-the-host rt exec -e PRY_GIVEN=1 "$ID" sh -c 'echo "$PRY_GIVEN$PRY_SECRET"')" = 1 ]
	end
}

@test "cve_2019_16884_2019_19921_2023_27561_and_2023_28642_proc_and_sys_may_be_no_links" {
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
	preserving() { rt run --preserve-fds 5 -b "$B" "$ID" 3< / 4< / 5< / 6< "$VICTIM" 7< /; }
	echo host > "$VICTIM/only-here"
	for n in {3..24}; do
		spec --arg n "$n" '.process.cwd = "/proc/self/fd/\($n)" | .process.args = ["/bin/sh", "-c", "pwd; ls -A . ../../../../../../.."]'
		attempt rt run -b "$B" "$ID" 5< / 6< "$VICTIM" 7< /
		[ "$status" != 0 ] || { echo "fd $n: ran in $output"; return 1; }
		refused 1 "/proc/self/fd/$n"
		attempt preserving
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
	# runc shows what the link leads to, and it can be written.
	! runc_with_holes || [ "$(rc run -b "$B" "$ID" && cat "$ROOTFS/bait")" = $'regular file 0:0\nbait\nx\nx' ]
	echo bait > "$ROOTFS/bait"
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

@test "what_the_machine_calls_null_and_is_none_masks_nothing" {
	mkdir "$BATS_TEST_TMPDIR/dev"
	echo bait | tee "$BATS_TEST_TMPDIR/bait" > "$BATS_TEST_TMPDIR/dev/null"
	spec --arg d "$BATS_TEST_TMPDIR/dev" '.linux.maskedPaths = ["/proc/version"] | .process.args = ["true"]
		| .mounts |= map(select(.destination | startswith("/dev") | not)) + [{destination: "/dev", source: $d, options: ["bind"]}]'
	export STATE B ID CORACLE
	run -1 unshare -m sh -c 'mount --bind "$1" /dev/null && exec "$CORACLE" runtime --root "$STATE" run -b "$B" "$ID"' sh "$BATS_TEST_TMPDIR/bait"
	[[ $output == *"mask /proc/version: No such device"* ]]
	nothing_left
}

@test "the_host_s_null_device_is_not_changed_through_masks_or_stdio" {
	local mode change='chmod 1666 /proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2 /proc/keys'
	own_rootfs
	mode=$(stat -c %a /dev/null)
	spec --arg c "$change" '.process.args = ["sh", "-c", $c]'
	rt run -b "$B" "$ID" < /dev/null > /dev/null 2>&1 || :
	create_sleeper
	rt start "$ID"
	rt exec "$ID" sh -c "$change" < /dev/null > /dev/null 2>&1 || :
	end
	[ "$(stat -c %a /dev/null)" = "$mode" ] || { chmod "$mode" /dev/null; return 1; }
	run -0 inside 'stat -L -c %d /proc/self/fd/0 /dev/null /proc/keys | uniq | wc -l; cat; echo x > /proc/keys' < /dev/null
	[ "$output" = 1 ]
	# Without a null of its own it is the host's that masks, and read-only.
	mkdir "$BATS_TEST_TMPDIR/dev"
	ln -s /bait "$BATS_TEST_TMPDIR/dev/null"
	spec --arg d "$BATS_TEST_TMPDIR/dev" '.mounts |= map(select(.destination | startswith("/dev") | not)) + [{destination: "/dev", source: $d, options: ["bind"]}]'
	run -1 inside 'chmod 1666 /proc/keys 2>&1'
	[[ $output == *"/proc/keys: Read-only file system" ]]
	[ "$(stat -c %a /dev/null)" = "$mode" ] || { chmod "$mode" /dev/null; return 1; }
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
	# Links of the image's hide nothing of /proc.
	ln -s proc/sys/net "$ROOTFS/elsewhere"
	ln -s /proc "$ROOTFS/proc-link"
	local on
	spec '.linux.sysctl = {"net.ipv4.ip_default_ttl": "99"} | .process.args = ["sleep", "1000"]'
	cp "$B/config.json" "$B/plain"
	for on in /elsewhere /proc-link /proc-link/self/attr; do
		spec --arg v "$VICTIM" --arg on "$on" '.mounts += [{destination: $on, source: $v, options: ["bind"]}]'
		attempt rt create -b "$B" "$ID"
		refused 1 "mounts[7]" "on $on" "a link leads into /proc"
		cp "$B/plain" "$B/config.json"
	done
	[ "$(cat "$VICTIM/ipv4/ip_default_ttl")" = bait ]
	# The whole of /proc is somebody else's.
	mkdir -p "$VICTIM/sys/net/ipv4" "$VICTIM/self"
	echo bait > "$VICTIM/sys/net/ipv4/ip_default_ttl"
	spec --arg v "$VICTIM" '.mounts |= map(select(.destination | startswith("/proc") | not)) + [{destination: "/proc-link", source: $v, options: ["bind"]}]'
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
		echo precious > "$VICTIM/ptmx"
		attempt rt run -b "$B" "$ID"
		[ "$(cat "$VICTIM"/*)" = precious ]
		spec '.mounts |= map(select(.destination | startswith("/dev") | not)) | .process.args = ["true"]'
		attempt rt run -b "$B" "$ID"
		[ "$(cat "$VICTIM"/*)" = precious ]
		[ "$(ls -A "$VICTIM")" = ptmx ]
		if runc_with_holes; then # it takes the file away and makes links
			rc run -b "$B" "$ID"
			[ "$(ls -A "$VICTIM" | tr '\n' ' ')" = "fd ptmx stderr stdin stdout " ]
			[ -L "$VICTIM/ptmx" ]
		fi
		rm "$VICTIM"/*
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
	[[ -d $ROOTFS$VICTIM/dir/x && -c $ROOTFS$VICTIM/device && -d $ROOTFS$VICTIM/cwd/here ]]
	nothing_left
}

@test "cve_2026_30892_a_user_is_a_number_or_refused" {
	# Debian 12's crun 1.8.1 takes " 1000" for 1000, and -1 and 4294967296 for root; its runc 1.1.5 the last.
	local u
	create_sleeper
	rt start "$ID"
	for u in x 1000x x1000 0x3e8 " 1000" "1000 " -1 +1 1000:x 1000: :x 1000:1000:0 1:-1 4294967295 4294967296 18446744073709551616 1000:4294967295; do
		attempt rt exec -u "$u" "$ID" id -u
		refused 255 "user"
	done
	[ "$(rt exec -u 4294967294:4294967293 "$ID" id -u)" = 4294967294 ]
	[ "$(rt exec -u 007 "$ID" id -u)" = 7 ]
	end
	runc_with_holes || return 0
	rc run -d -b "$B" "$ID" < /dev/null > /dev/null 2>&1
	[ "$(rc exec -u 4294967296 "$ID" id -u)" = 0 ]
	rc delete --force "$ID"
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

@test "cve_2023_25809_a_container_writes_to_no_cgroup_that_it_sees" {
	# Without a cgroup namespace, and as runc's default configuration has it, read-only.
	local try='for d in /sys/fs/cgroup/*/ /sys/fs/cgroup/; do mkdir $d/x 2> /dev/null && echo made in $d; done; find /sys/fs/cgroup -name "*'$$'*" -o -name "t[0-9]*"; echo end'
	spec '.linux.namespaces |= map(select(.type != "cgroup")) | .mounts += [{destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["nosuid", "noexec", "nodev", "ro"]}]'
	run -0 inside "$try"
	[ "$output" = end ]
	spec '.linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}] | .linux.gidMappings = .linux.uidMappings'
	spec --arg s "$try" '.process.args = ["sh", "-c", $s]'
	attempt rt run -b "$B" "$ID"
	[ "$output" = end ] || { echo "$output $stderr"; return 1; }
	nothing_left
}

@test "cve_2021_43784_what_is_too_long_changes_nothing_else" {
	# runc packed the configuration for its child with lengths of 16 bits: what came after 64 KiB of one was another.
	spec '.linux.namespaces |= map(if .type == "network" then .path = "/" + ("x" * 65535) + "/proc/1/ns/net" else . end) | .process.args = ["true"]'
	attempt rt run -b "$B" "$ID"
	refused 1 network "too long"
	cp "$BATS_FILE_TMPDIR/config.json" "$B/config.json"
	spec '.linux.namespaces += [{type: "user"}] | .linux.uidMappings = [range(6000) | {containerID: ., hostID: (100000 + .), size: 1}] | .linux.gidMappings = .linux.uidMappings | .process.args = ["true"]'
	attempt rt run -b "$B" "$ID"
	refused 1 uid
	cp "$BATS_FILE_TMPDIR/config.json" "$B/config.json"
	spec '.hostname = "x" * 65536 + "y" | .process.args = ["true"]'
	attempt rt run -b "$B" "$ID"
	refused 1 hostname
	nothing_left
}

# --- what is not in any advisory ------------------------------------------------------------------

@test "without_pivot_root_no_whole_proc_is_left_to_be_mounted_again" {
	# As runc has it since 1.0.0-rc10: a user namespace may mount a procfs only where it can reach one that nothing is masked of.
	local flag
	spec '.process.capabilities[] += ["CAP_SETFCAP", "CAP_SYS_ADMIN"] | .process.args = ["sh", "-c",
		"unshare -mrpf sh -c \"mount -t proc none /proc && echo proc; mount -t sysfs none /sys && echo sys\"; echo end"]'
	for flag in "" --no-pivot; do
		attempt rt run $flag -b "$B" "$ID"
		[ "$output" = end ] || { echo "with '$flag': $output $stderr"; return 1; }
		[[ $stderr == *"denied"* || $stderr == *"permitted"* ]]
	done
	# In a user namespace of the container's the machine's own is locked, and is covered.
	spec '.linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 0, size: 65536}] | .linux.gidMappings = .linux.uidMappings'
	attempt rt run --no-pivot -b "$B" "$ID"
	[ "$output" = end ] || { echo "with a user namespace: $output $stderr"; return 1; }
	cp "$BATS_FILE_TMPDIR/config.json" "$B/config.json"
	# It works none the less, and the machine has its own still.
	spec '.process.args = ["sh", "-c", "test -e /proc/self/status && cat /proc/mounts | wc -l"]'
	run -0 rt run --no-pivot -b "$B" "$ID"
	[[ -e /proc/self/status && -e /sys/kernel ]]
	nothing_left
}

@test "cve_2024_25621_a_state_directory_that_others_rule_is_refused" {
	local mode
	(umask 0 && create_sleeper)
	# What is made belongs to us alone, whatever the umask.
	[ "$(stat -c %a "$STATE" "$STATE/$ID" "$STATE/$ID/exec.fifo" | tr '\n' ' ')" = "700 700 600 " ]
	[ -z "$(find "$STATE/$ID" -type f -perm /077)" ]
	chown 12345 "$STATE"
	for verb in "list" "state $ID" "start $ID" "kill $ID" "delete --force $ID" "create -b $B $ID-2"; do
		# shellcheck disable=SC2086 # words
		attempt rt $verb
		refused 1 "$STATE" "user 12345" --root
	done
	chown 0 "$STATE"
	for mode in 777 1777 702; do
		chmod $mode "$STATE"
		attempt rt delete --force "$ID"
		refused 1 "$STATE" "written by others"
	done
	chmod 755 "$STATE"
	rt state "$ID" > /dev/null
	# A record moved to another name is not that container's.
	mv "$STATE/$ID" "$STATE/$ID-3"
	attempt rt delete "$ID-3"
	refused 1 "$ID-3" "record"
	mv "$STATE/$ID-3" "$STATE/$ID"
	end
	nothing_left
}

@test "a_pid_file_and_a_log_in_a_hostile_directory_harm_nobody" {
	local dir=$BATS_TEST_TMPDIR/open long
	mkdir -m 1777 "$dir"
	echo precious > "$VICTIM/precious"
	spec '.process.args = ["true"]'
	ln -s "$VICTIM/precious" "$dir/pid"
	rt run --pid-file "$dir/pid" -b "$B" "$ID"
	[ "$(cat "$VICTIM/precious")" = precious ]
	[[ -f $dir/pid && ! -L $dir/pid ]]
	[ "$(ls -A "$dir")" = pid ]
	# A path that is too long is not cut to another one.
	long=$dir/$(printf './%.0s' {1..2100})
	attempt rt run --pid-file "${long:0:4095}/pid" -b "$B" "$ID"
	refused 1 "pid file" "too long"
	[ "$(ls -A "$dir")" = pid ]
	nothing_left
}

@test "cve_2026_47262_a_passwd_or_group_that_is_no_file_or_endless_is_not_read" {
	local writer
	own_rootfs
	spec 'del(.process.env[] | select(startswith("HOME=")))'
	create_sleeper
	rt start "$ID"
	[ "$(rt exec "$ID" sh -c 'echo $HOME')" = /root ]
	# Whoever opens a fifo lets the one who waits at its other end go on.
	rm "$ROOTFS/etc/passwd" "$ROOTFS/etc/group"
	mkfifo "$ROOTFS/etc/passwd"
	(echo x > "$ROOTFS/etc/passwd" && touch "$BATS_TEST_TMPDIR/opened") 3>&- &
	writer=$!
	until [ "$(cut -d' ' -f3 "/proc/$writer/stat")" = S ]; do sleep 0.02; done
	[ "$(rt exec "$ID" sh -c 'echo $HOME')" = / ]
	[ ! -e "$BATS_TEST_TMPDIR/opened" ]
	kill "$writer"
	wait "$writer" || true
	# Larger than any: not read to its end, for which a second of a processor would not do.
	soon() { (ulimit -t 1 && rt exec "$ID" sh -c 'echo $HOME'); }
	rm "$ROOTFS/etc/passwd"
	truncate -s 64G "$ROOTFS/etc/passwd"
	[ "$(soon)" = / ]
	printf 'root:x:0:0:root:/root:/bin/sh\n' > "$ROOTFS/etc/passwd"
	truncate -s 64G "$ROOTFS/etc/group" # CVE-2026-47262
	[ "$(soon)" = /root ]
	# A link that leads out leads to the container's own.
	rm "$ROOTFS/etc/passwd"
	printf 'evil:x:0:0::/evil:/bin/sh\n' > "$VICTIM/passwd"
	ln -s "../../../../../../../../../../../../..$VICTIM/passwd" "$ROOTFS/etc/passwd"
	[ "$(rt exec "$ID" sh -c 'echo $HOME')" = / ]
	ln -sf "/proc/self/root/../..$VICTIM/passwd" "$ROOTFS/etc/passwd"
	[ "$(rt exec "$ID" sh -c 'echo $HOME')" = / ]
	end
}

@test "hooks_hold_nothing_but_their_stdio" {
	local hook
	for hook in prestart createRuntime createContainer poststart poststop; do
		spec --arg h "$hook" --arg o "$BATS_TEST_TMPDIR/$hook" '.hooks[$h] = [{path: "/bin/sh", args: ["sh", "-c", "ls /proc/self/fd > \($o)"]}]'
	done
	spec '.process.args = ["true"]'
	rt run --preserve-fds 2 -b "$B" "$ID" 3< / 4< "$VICTIM" 7< /
	for hook in prestart createRuntime createContainer poststart poststop; do
		[ "$(tr '\n' ' ' < "$BATS_TEST_TMPDIR/$hook")" = "0 1 2 3 " ] || { echo "$hook: $(cat "$BATS_TEST_TMPDIR/$hook")"; return 1; }
	done
	nothing_left
}

@test "a_namespace_path_is_a_namespace_of_its_type" {
	local path type
	mkfifo "$BATS_TEST_TMPDIR/fifo"
	echo text > "$BATS_TEST_TMPDIR/file"
	for type in pid network ipc uts user cgroup; do
		for path in "$BATS_TEST_TMPDIR/fifo" "$BATS_TEST_TMPDIR/file" /dev/null /proc/self/status; do
			spec --arg t "$type" --arg p "$path" '.linux.namespaces = [{type: "mount"}, {type: $t, path: $p}] | .hostname = ""'
			attempt rt run -b "$B" "$ID"
			refused 1 linux.namespaces "$path" "not a namespace"
		done
		spec '.linux.namespaces[1].path = "/proc/self/ns/mnt"'
		attempt rt run -b "$B" "$ID"
		refused 1 linux.namespaces /proc/self/ns/mnt "another type"
	done
	nothing_left
}

@test "a_sysctl_is_not_set_for_the_whole_machine" {
	# Named by path, a namespace may be the host's: "net" as runc 1.1.5 has it, and the others in the same way.
	local row type key file before
	for row in network=net.ipv4.ip_default_ttl=net ipc=kernel.msgmax=ipc ipc=fs.mqueue.msg_max=ipc uts=kernel.domainname=uts; do
		IFS='=' read -r type key file <<< "$row"
		before=$(cat "/proc/sys/${key//.//}")
		cp "$BATS_FILE_TMPDIR/config.json" "$B/config.json"
		spec --arg t "$type" --arg k "$key" --arg f "/proc/$$/ns/$file" '.process.args = ["true"] | .hostname = ""
			| .linux.sysctl = {($k): "77"} | .linux.namespaces |= map(if .type == $t then .path = $f else . end)'
		attempt rt run -b "$B" "$ID"
		refused 1 "sysctl $key" "/proc/$$/ns/$file" host
		[ "$(cat "/proc/sys/${key//.//}")" = "$before" ]
		# Of another's it is set.
		spec --arg t "$type" '.linux.namespaces |= map(if .type == $t then del(.path) else . end)'
		attempt rt run -b "$B" "$ID"
		[ "$status" = 0 ] || { echo "$key: $stderr"; return 1; }
		[ "$(cat "/proc/sys/${key//.//}")" = "$before" ]
	done
	cp "$BATS_FILE_TMPDIR/config.json" "$B/config.json"
	for key in kernel.hostname kernel.core_pattern kernel.randomize_va_space vm.overcommit_memory fs.file-max user.max_user_namespaces \
		net/../kernel/core_pattern net.ipv4/../../kernel/core_pattern /proc/sys/kernel/core_pattern kernel/core_pattern ""; do
		spec --arg k "$key" '.process.args = ["true"] | .linux.sysctl = {($k): "77"}'
		attempt rt run -b "$B" "$ID"
		refused 1 linux.sysctl
	done
	nothing_left
}

@test "a_configuration_of_any_size_is_answered_soon" {
	# Each list as long as the file may be: made, or refused in one line, and nothing is left either way.
	local filter
	for filter in '.process.env = [range(100000) | "A\(.)=x"]' '.linux.maskedPaths = [range(200000) | "/x"]' '.mounts[0].options = [range(100000) | "x\(.)=y"]' \
		'.linux.resources.devices = [range(40000) | {allow: true, type: "c", major: (. % 4000), minor: ., access: "rwm"}]' \
		'.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [range(20000) | {names: ["read"], action: "SCMP_ACT_ERRNO", args: [{index: 0, value: ., op: "SCMP_CMP_EQ"}]}]}' \
		'.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [range(4000) | {names: ["read"], action: "SCMP_ACT_ERRNO", args: [{index: 0, value: ., op: "SCMP_CMP_EQ"}]}]}' \
		'.process.args = [range(300000) | "x"]'; do
		cp "$BATS_FILE_TMPDIR/config.json" "$B/config.json"
		spec -c "$filter | .process.args = (.process.args | if .[0] == \"x\" then . else [\"true\"] end)"
		# Of a processor's time each of its processes has five seconds; then it is killed.
		attempt bash -c 'ulimit -t 5 && exec "$@"' bash "$CORACLE" runtime --root "$STATE" run -b "$B" "$ID"
		echo "$status, ${stderr:0:150}: ${filter:0:60}"
		[ "$status" -lt 128 ] || return 1
		[ "${#stderr_lines[@]}" -le 1 ]
		nothing_left
	done
}
