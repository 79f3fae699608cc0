#!/usr/bin/env bats
# 05-mounts.bats - mounts, devices and roots: every word of a configuration, on kernels with and without the mount API.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # what containers run is in single quotes; each test is a shell

load runtime

setup() {
	runtime_setup
	D=$BATS_TEST_TMPDIR
	own_rootfs
	mkdir -p "$D/src/sub"
	echo file > "$D/src/file"
	chmod 755 "$BATS_RUN_TMPDIR/test" "$D" # a user namespace's root passes
}
teardown() { runtime_teardown; }

# mounts JSON: adds these; $d is the directory of this test.
mounts() {
	spec --arg d "$D" ".mounts += $1"
}

# Attributes of the mounts at and below a path, from inside.
attributes_of() {
	echo 'awk '\''$5 ~ "^'"$1"'" {print $5, $6, $7}'\'' /proc/self/mountinfo'
}

# ... for whose root the root file system is its own.
MAPPED='.linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}]
	| .linux.gidMappings = [{containerID: 0, hostID: 200000, size: 65536}]'

# --- ids ------------------------------------------------------------------------------------------

@test "an_id_mapped_mount_shows_ids_as_its_mappings_say" {
	local ids='uidMappings: [{containerID: 0, hostID: 3000, size: 10}, {containerID: 1000, hostID: 2000, size: 1}],
		gidMappings: [{containerID: 0, hostID: 4000, size: 10}, {containerID: 1000, hostID: 2000, size: 1}]'
	chown 1000:1000 "$D/src/file"
	chown 77:77 "$D/src/sub"
	chmod 777 "$D/src"
	mounts "[{destination: \"/a\", source: \"\\(\$d)/src\", options: [\"bind\", \"idmap\"], $ids},
		{destination: \"/b\", source: \"\\(\$d)/src\", options: [\"bind\"], $ids},
		{destination: \"/c\", source: \"\\(\$d)/src\", options: [\"bind\"]}]"
	spec '.process.user = {uid: 3005, gid: 4006}'
	run -0 inside 'for m in a b c; do stat -c "%u:%g" /$m/file /$m/sub; done; touch /a/new; stat -c "%u:%g" /a/new /c/new'
	[ "${lines[*]}" = "2000:2000 65534:65534 2000:2000 65534:65534 1000:1000 77:77 3005:4006 5:6" ]
	[ "$(stat -c %u:%g "$D/src/new")" = 5:6 ]
	nothing_left
}

@test "without_mappings_those_of_the_user_namespace_hold" {
	chown 7:8 "$D/src/file"
	chown 100000:200000 "$ROOTFS"
	spec "$MAPPED"
	mounts '[{destination: "/a", source: "\($d)/src", options: ["rbind", "idmap"]}, {destination: "/b", source: "\($d)/src", options: ["rbind"]},
		{destination: "/r", source: "\($d)/src", options: ["rbind", "ridmap"]}]'
	run -0 inside 'stat -c "%u:%g" /a/file /b/file /r/file; touch /a/new && stat -c "%u:%g" /a/new'
	[ "${lines[*]}" = "7:8 65534:65534 7:8 0:0" ]
	[ "$(stat -c %u:%g "$D/src/new")" = 0:0 ]
	# One that is joined, too.
	spec '.process.args = ["sleep", "1000"]'
	create
	local first=$ID ID=$ID-2
	spec --arg p "/proc/$(rt state "$first" | jq .pid)/ns/user" '.linux.namespaces |= map(if .type == "user" then .path = $p else . end)
		| del(.linux.uidMappings, .linux.gidMappings)'
	run -0 inside 'stat -c "%u:%g" /a/file /b/file'
	[ "${lines[*]}" = "7:8 65534:65534" ]
	ID=$first
	end
	nothing_left
}

@test "ridmap_reaches_the_mounts_below_and_idmap_does_not" {
	export D STATE B ID CORACLE
	chown 100000:200000 "$ROOTFS"
	spec "$MAPPED"
	mounts '[{destination: "/one", source: "\($d)/src", options: ["rbind", "idmap"]}, {destination: "/all", source: "\($d)/src", options: ["rbind", "ridmap"]}]'
	spec '.process.args = ["stat", "-c", "%u", "/one", "/one/sub", "/all", "/all/sub"]'
	run -0 unshare -m sh -c 'mount -t tmpfs none "$D/src/sub" && "$CORACLE" runtime --root "$STATE" run -b "$B" "$ID"'
	[ "${lines[*]}" = "0 65534 0 0" ]
}

@test "what_earlier_mounts_have_brought_can_be_id_mapped" {
	local ids='uidMappings: [{containerID: 0, hostID: 3000, size: 10}], gidMappings: [{containerID: 0, hostID: 4000, size: 10}]' root
	root=$(realpath "$ROOTFS")
	chown 100000:200000 "$ROOTFS"
	chown 5:6 "$D/src/file" "$D/src/sub"
	cp "$B/config.json" "$B/before"
	own_mounts() {
		spec --arg d "$D" --arg r "$root" ".mounts += [{destination: \"/one\", source: \"\(\$d)/src\", options: [\"rbind\"]},
			{destination: \"/two\", source: \"\(\$r)/one\", options: [\"bind\", \"ro\"], $1}, {destination: \"/three\", source: \"\(\$r)/one/sub\", options: [\"rbind\"], $1},
			{destination: \"/tmpfs\", type: \"tmpfs\", source: \"x\"}, {destination: \"/four\", source: \"\(\$r)/tmpfs\", options: [\"bind\"], $1}]"
	}
	own_mounts "$ids"
	run -0 inside 'stat -c "%u:%g" /one/file /two/file /three /tmpfs /four; touch /two/x 2>&1; true'
	[ "${lines[*]:0:5}" = "5:6 3005:4006 3005:4006 0:0 3000:4000" ]
	[[ ${lines[5]} == *"Read-only file system" ]]
	# In a user namespace, whose root may not do it himself.
	cp "$B/before" "$B/config.json"
	spec "$MAPPED"
	own_mounts "$ids"
	spec '.mounts |= map(if .uidMappings then .uidMappings[0].hostID = 100000 | .gidMappings[0].hostID = 200000 else . end)'
	run -0 inside 'stat -c "%u:%g" /one/file /two/file /three /tmpfs; touch /two/x 2>&1; true'
	[ "${lines[*]:0:4}" = "65534:65534 5:6 5:6 0:0" ]
	# By its own mappings.
	spec '.mounts |= map(if .uidMappings then del(.uidMappings, .gidMappings) | .options += ["idmap"] else . end)'
	run -0 inside 'stat -c "%u:%g" /one/file /two/file /three'
	[ "${lines[*]}" = "65534:65534 5:6 5:6" ]
	# What cannot be is refused by name, and nothing is left waiting.
	cp "$B/before" "$B/config.json"
	spec --arg r "$root" ".mounts += [{destination: \"/four\", source: \"\(\$r)/proc\", options: [\"bind\"], $ids}]"
	attempt rt run -b "$B" "$ID"
	refused 1 "mounts[7]" "on /four" "does not map ids on the file system of"
	attempt "$TOOLS/deny" "$(tr ' ' , <<< "$CALLS")" -- "$CORACLE" runtime --root "$STATE" run -b "$B" "$ID"
	refused 1 "mounts[7]" "on /four" "Linux 5.12"
	nothing_left
}

@test "what_cannot_be_id_mapped_is_refused_by_name" {
	local ids='uidMappings: [{containerID: 0, hostID: 1000, size: 10}], gidMappings: [{containerID: 0, hostID: 1000, size: 10}]'
	cp "$B/config.json" "$B/before"
	mounts '[{destination: "/a", source: "\($d)/src", options: ["bind", "idmap"]}]'
	attempt rt run -b "$B" "$ID"
	refused 1 'mounts[7]' "/a" uidMappings "no user namespace"
	cp "$B/before" "$B/config.json"
	mounts "[{destination: \"/a\", type: \"tmpfs\", source: \"x\", $ids}]"
	attempt rt run -b "$B" "$ID"
	refused 1 'mounts[7]' "/a" "only a bind mount"
	cp "$B/before" "$B/config.json"
	mounts "[{destination: \"/a\", source: \"/tmp\", options: [\"bind\"], ${ids%%, gidMappings*}}]"
	attempt rt run -b "$B" "$ID"
	refused 1 'mounts[7]' "/a" "gidMappings: missing"
	cp "$B/before" "$B/config.json"
	mounts "[{destination: \"/a\", source: \"/proc\", options: [\"bind\"], $ids}]"
	attempt rt run -b "$B" "$ID"
	refused 1 "/a" "does not map ids on the file system of /proc"
	cp "$B/before" "$B/config.json"
	mounts "[{destination: \"/a\", source: \"/tmp\", options: [\"bind\"], uidMappings: [{containerID: 0, hostID: 5, size: 10}, {containerID: 3, hostID: 100, size: 10}], gidMappings: [{containerID: 0, hostID: 1, size: 1}]}]"
	attempt rt run -b "$B" "$ID"
	refused 1 "/a" "uidMappings" "overlap"
	cp "$B/before" "$B/config.json"
	mounts "[{destination: \"/a\", source: \"/tmp\", options: [\"bind\"], $ids}]"
	attempt "$TOOLS/deny" mount_setattr -- "$CORACLE" runtime --root "$STATE" run -b "$B" "$ID"
	refused 1 "/a" "Linux 5.12"
	nothing_left
}

# --- a tmpfs that is given what it covers ---------------------------------------------------------

@test "tmpcopyup_copies_all_that_a_tmpfs_covers" {
	local c=$ROOTFS/covered
	mkdir -m 2755 "$c"
	mkdir -m 1770 "$c/dir"
	head -c 3000000 /dev/urandom > "$c/dir/big"
	echo x > "$c/setuid"
	chown 5:6 "$c/setuid" "$c/dir"
	chmod 4751 "$c/setuid"
	ln -s /etc/passwd "$c/link"
	chown -h 7:8 "$c/link"
	mkfifo -m 620 "$c/fifo"
	mknod "$c/node" c 1 5
	touch -h -d 2001-02-03T04:05:06Z "$c/setuid" "$c/dir" "$c/link" "$c/fifo" "$c"
	mounts '[{destination: "/covered", type: "tmpfs", source: "tmpfs", options: ["tmpcopyup", "size=8m"]},
		{destination: "/covered-ro", type: "tmpfs", source: "tmpfs", options: ["tmpcopyup", "ro", "mode=700"]}]'
	cp -a "$c" "$c-ro"
	spec '.process.capabilities[] += ["CAP_DAC_OVERRIDE"]'
	run -0 inside 'cd /covered && stat -c "%n %a %u:%g %F %t %T" . dir dir/big setuid link fifo node && stat -c "%n %Y" setuid dir link fifo
		readlink link; cat setuid; sha256sum < dir/big; echo changed > setuid; touch new
		stat -c %a /covered-ro; cat /covered-ro/setuid; touch /covered-ro/x 2>&1; stat -f -c %T /covered'
	echo "$output"
	diff <(cd "$c" && stat -c "%n %a %u:%g %F %t %T" . dir dir/big setuid link fifo node && stat -c "%n %Y" setuid dir link fifo; readlink link; cat setuid; sha256sum < dir/big
		echo 700; echo x; echo "touch: /covered-ro/x: Read-only file system"; echo tmpfs) <(echo "$output")
	[ "$(cat "$c/setuid")" = x ]
	[ ! -e "$c/new" ]
	# runc, which copies no special files and wrong modes of directories, agrees on the rest.
	rm -r "$c/fifo" "$c/node" "$c/dir"
	spec '.mounts |= map(select(.destination != "/covered-ro"))'
	cp "$TOOLS/look" "$ROOTFS/look"
	spec '.process.args = ["/look", "/covered"]'
	rc run -b "$B" "$ID" | grep /covered > "$D/theirs"
	rt run -b "$B" "$ID" | grep /covered | sed s/,mode=2755// > "$D/ours" # which runc shows since 1.4
	diff "$D/theirs" "$D/ours"
	nothing_left
}

@test "a_tmpfs_without_a_mode_takes_that_of_the_directory_that_it_covers" {
	mkdir -m 2710 "$ROOTFS/there" "$ROOTFS/told" "$ROOTFS/full"
	mounts '[("/there", "/new/of/it", "/full") as $p | {destination: $p, type: "tmpfs", source: "x", options: ["nosuid"]}]
		| (.mounts[] | select(.destination == "/full") | .options) += ["tmpcopyup"]
		| .mounts += [{destination: "/told", type: "tmpfs", source: "x", options: ["mode=1500"]}]'
	local modes='stat -c %a /there /new/of/it /full /told; grep -o "^x .*mode=[0-7]*" /proc/mounts | sed "s/ tmpfs.*,/ /"' under
	for under in "" "open_tree,move_mount,fsopen,fsconfig,fsmount,mount_setattr,openat2"; do
		rm -rf "$ROOTFS/new"
		CORACLE="${under:+$TOOLS/deny $under -- }$CORACLE"
		spec --arg s "$modes" '.process.args = ["sh", "-c", $s]'
		# shellcheck disable=SC2086
		run -0 $CORACLE runtime --root "$STATE" run -b "$B" "$ID"
		[ "${lines[*]}" = "2710 1777 2710 1500 x /there mode=2710 x /full mode=2710 x /told mode=1500" ]
		[ "$(stat -c %a "$ROOTFS"/{there,told,new,new/of,new/of/it} | xargs)" = "2710 2710 755 755 755" ]
	done
	nothing_left
}

@test "tmpcopyup_follows_no_link_and_needs_nothing_to_copy" {
	mkdir "$ROOTFS/covered"
	ln -s "../../../../../../../../../../../..$D/src" "$ROOTFS/covered/out"
	mounts '[{destination: "/covered", type: "tmpfs", source: "tmpfs", options: ["tmpcopyup"]}, {destination: "/none", type: "tmpfs", source: "tmpfs", options: ["tmpcopyup"]}]'
	run -0 inside 'stat -c %F /covered/out; cat /covered/out/file 2>&1 | grep -cx file; ls -A /none | wc -l'
	[ "${lines[*]}" = "symbolic link 0 0" ]
	# Too much for it is an error, not half of it.
	head -c 300000 /dev/zero > "$ROOTFS/covered/big"
	spec '.mounts |= map(if .destination == "/covered" then .options += ["size=64k"] else . end)'
	attempt rt run -b "$B" "$ID"
	refused 1 "mount tmpfs (tmpfs) on /covered" "No space left"
	nothing_left
}

# --- words ----------------------------------------------------------------------------------------

@test "recursive_words_set_and_clear_below_a_mount" {
	local word options want all=()
	export D STATE B ID CORACLE
	# Word, what a tmpfs below is mounted with, and what is left of it.
	while IFS=: read -r word options want; do
		all+=("$word:$options")
		mkdir -p "$D/$word/sub"
		mounts '[{destination: "/m/'"$word"'", source: "\($d)/'"$word"'", options: ["rbind", "'"$word"'"]}]'
		echo "/m/$word/sub $want -" >> "$D/want"
	done <<- 'END'
		rro:rw:ro,relatime
		rrw:ro:rw,relatime
		rnosuid:rw:rw,nosuid,relatime
		rsuid:nosuid:rw,relatime
		rnodev:rw:rw,nodev,relatime
		rdev:nodev:rw,relatime
		rnoexec:rw:rw,noexec,relatime
		rexec:noexec:rw,relatime
		rnodiratime:rw:rw,nodiratime,relatime
		rdiratime:nodiratime:rw,relatime
		rnoatime:rw:rw,noatime
		ratime:noatime:rw,relatime
		rrelatime:noatime:rw,relatime
		rnorelatime:noatime:rw,relatime
		rstrictatime:rw:rw
		rnostrictatime:strictatime:rw,relatime
		rnosymfollow:rw:rw,relatime,nosymfollow
		rsymfollow:nosymfollow:rw,relatime
		ro:rw:rw,relatime
	END
	spec --arg s "$(attributes_of '/m/.*/sub')" '.process.args = ["sh", "-c", $s]'
	unshare -m sh -c 'for w; do mount -t tmpfs -o "${w#*:}" none "$D/${w%%:*}/sub"; done; exec "$CORACLE" runtime --root "$STATE" run -b "$B" "$ID"' \
		sh "${all[@]}" | sort | diff <(sort "$D/want") -
}

# binds_of COMMAND...: as what a container sees binds whose sources have these flags; stdin: lines FLAGS:OPTIONS:...
binds_of() {
	local table
	table=$(cat)
	cp "$D/plain.json" "$B/config.json"
	spec --arg d "$D/binds" --arg t "$table" '.mounts += [$t | split("\n") | to_entries[] | {destination: "/m/\(.key)", type: "bind",
			source: "\($d)/\(.key)", options: (.value | split(":")[1] | split(","))}]
		| .process.args = ["sh", "-c", "awk \"\\$5 ~ /m.[0-9]/ {print substr(\\$5, 4), \\$6}\" /proc/self/mountinfo | sort -n"]'
	unshare -m sh -ec 'd=$1; flags=$2; n=0; shift 2
		for f in $flags; do
			mkdir -p "$d/$n"
			mount -t tmpfs none "$d/$n"
			mount -o "remount,bind,$f" "$d/$n"
			n=$((n + 1))
		done
		exec "$@"' sh "$D/binds" "$(cut -d: -f1 <<< "$table")" "$@" 2>&1 | grep -v Seccomp
}

@test "a_bind_that_names_attributes_has_those_alone" {
	local table
	table=$(cat <<- 'END'
		ro,noexec,nosymfollow,nodiratime:bind:ro,noexec,nodiratime,relatime,nosymfollow
		ro,noexec:rbind,rprivate:ro,noexec,relatime
		ro:bind,nosuid,nodev,rprivate:rw,nosuid,nodev,relatime
		nosuid,nodev,noexec,noatime:rbind,ro:ro,noatime
		nodev,nosymfollow:bind,ro,exec:ro,relatime
		ro,nodev:bind,sync:rw,relatime
		ro,nosuid:bind,suid,nosuid:rw,nosuid,relatime
		noatime:bind,norelatime:rw,noatime
		noatime:bind,relatime:rw,relatime
		noatime:bind,nodiratime:rw,nodiratime,relatime
		nodiratime:bind,strictatime:rw
		noatime:bind,nodiratime,strictatime:rw,nodiratime
		noatime,nodiratime:bind,atime,ro:ro,noatime,nodiratime
		strictatime:bind,relatime:rw,relatime
		strictatime:bind,nostrictatime:rw
		ro,noexec,nosymfollow,nodiratime:bind,dev:rw,nodiratime,relatime
		nosuid,nodev,noexec,noatime:bind,dev,suid,exec,atime:rw,noatime
	END
	)
	cut -d: -f3 <<< "$table" | awk '{print NR - 1, $0}' > "$D/want"
	cp "$B/config.json" "$D/plain.json"
	binds_of "$CORACLE" runtime --root "$STATE" run -b "$B" "$ID" <<< "$table" | diff "$D/want" -
	binds_of "$TOOLS/deny" "$(tr ' ' , <<< "$CALLS")" -- "$CORACLE" runtime --root "$STATE" run -b "$B" "$ID" <<< "$table" | diff "$D/want" -
	# Of nosymfollow runc 1.1 knows nothing, and options that only take back are none to it; to 1.2 they are.
	head -n -2 <<< "$table" | binds_of runc --root "$D/runc" run -b "$B" "$ID" | sed s/,nosymfollow// |
		diff <(head -n -2 "$D/want" | sed s/,nosymfollow//) -
	nothing_left
}

@test "with_a_user_namespace_a_bind_keeps_what_its_root_could_not_take_away" {
	local table
	chown 100000:200000 "$ROOTFS"
	spec "$MAPPED"
	cp "$B/config.json" "$D/plain.json"
	table=$(cat <<- 'END'
		ro,noexec,nosymfollow,nodiratime:bind:ro,noexec,nodiratime,relatime,nosymfollow
		ro,noexec,nosymfollow,nodiratime:bind,dev:ro,noexec,nodiratime,relatime
		ro:bind,nosuid,nodev,rprivate:ro,nosuid,nodev,relatime
		ro,nosuid,nodev,noexec:rbind,rw,suid,dev,exec:ro,nosuid,nodev,noexec,relatime
		ro,nosuid,nodev,noexec:rbind,rrw,rsuid,rdev,rexec:ro,nosuid,nodev,noexec,relatime
		nosuid,nodev,noexec,noatime:bind,ro:ro,nosuid,nodev,noexec,noatime
		nodev,nosymfollow:bind,ro,symfollow:ro,nodev,relatime
		nodev,nosymfollow:bind,rw:rw,nodev,relatime
	END
	)
	cut -d: -f3 <<< "$table" | awk '{print NR - 1, $0}' > "$D/want"
	binds_of "$CORACLE" runtime --root "$STATE" run -b "$B" "$ID" <<< "$table" | diff "$D/want" -
	binds_of "$TOOLS/deny" "$(tr ' ' , <<< "$CALLS")" -- "$CORACLE" runtime --root "$STATE" run -b "$B" "$ID" <<< "$table" | diff "$D/want" -
	nothing_left
}

@test "root_of_a_user_namespace_cannot_undo_what_the_host_mounted" {
	local rt
	chown 100000:200000 "$ROOTFS"
	mkdir -p "$ROOTFS/below" "$D/closed/src/sub" "$D/else/src/sub"
	cp -r "$D/src" "$D/more"
	touch "$ROOTFS/below/hidden" "$D"/{src,more,closed/src,else/src}/sub/hidden
	chown 1234 "$D/else"
	chmod 700 "$D/closed" "$D/else"
	spec "$MAPPED"' | .process.capabilities |= with_entries(.value = ["CAP_SYS_ADMIN"]) | .linux.rootfsPropagation = "private"'
	mounts '[{destination: "/m", source: "\($d)/src", options: ["rbind"]}, {destination: "/rw", source: "\($d)/more", options: ["rbind", "rw", "suid"]},
		{destination: "/mapped", source: "\($d)/src", options: ["rbind", "idmap"]}, {destination: "/closed", source: "\($d)/closed/src", options: ["rbind", "ro"]},
		{destination: "/else", source: "\($d)/else/src", options: ["rbind"]}]'
	spec '.process.args = ["sh", "-c", "for m in /m /rw /mapped /closed; do umount $m/sub; mount -o remount,bind,rw,suid $m; ls $m/sub; done; umount /below
		touch /m/x; ls /below /else/sub; awk \"\\$5 ~ /^.(m|rw|mapped|closed)$/ {print \\$5, \\$6}\" /proc/self/mountinfo"]'
	cp "$B/config.json" "$D/all.json"
	for rt in "$CORACLE runtime --root $STATE" "runc --root $D/runc"; do
		# runc 1.1 fails where a flag is locked and another one asked for, and cannot map ids.
		[[ $rt != runc* ]] || spec '.mounts |= map(if .destination == "/closed" or .destination == "/mapped" then .options = ["rbind"] else . end)'
		# shellcheck disable=SC2086
		D=$D R=$ROOTFS run -0 unshare -m sh -ec 'for m in src more closed/src; do
				mount -t tmpfs none "$D/$m/sub"
				mount --bind "$D/$m" "$D/$m" -o ro,nosuid
				mount -t tmpfs none "$D/$m/sub"
			done
			mount -t tmpfs none "$R/below"
			mount -t tmpfs none "$D/else/src/sub"
			exec "$@"' sh $rt run -b "$B" "$ID"
		echo "$output"
		[[ $output != *hidden* ]]
		[ "$(grep -c "can't unmount" <<< "$output")" = 5 ]
		[ "$(grep relatime <<< "$output" | sed s/,idmapped//)" = "/m ro,nosuid,relatime
/rw ro,nosuid,relatime
/mapped ro,nosuid,relatime
/closed ro,nosuid,relatime" ]
	done
	nothing_left
}

@test "remounts_change_what_is_mounted_there" {
	mounts '[{destination: "/t", type: "tmpfs", source: "x", options: ["size=64k", "noexec"]}, {destination: "/m", source: "\($d)/src", options: ["bind"]},
		{destination: "/t", type: "tmpfs", source: "x", options: ["remount", "size=128k", "nosuid"]}, {destination: "/m", source: "\($d)/src", options: ["bind", "remount", "ro", "nodev"]}]'
	run -0 inside "$(attributes_of '/[tm]$') | sort -r; df -k /t | awk '{print \$2}'; touch /m/x 2>&1; true"
	echo "$output"
	[ "${lines[0]}" = "/t rw,nosuid,relatime -" ]
	[ "${lines[1]}" = "/m ro,nodev,relatime -" ]
	[ "${lines[3]}" = 128 ]
	[[ ${lines[4]} == *"Read-only file system" ]]
	mounts '[{destination: "/not/there", type: "tmpfs", source: "x", options: ["remount", "ro"]}]'
	attempt rt run -b "$B" "$ID"
	refused 1 "on /not/there"
	[ ! -e "$ROOTFS/not" ]
	nothing_left
}

@test "a_file_system_s_own_words_and_wrong_ones" {
	mounts '[{destination: "/t", type: "tmpfs", source: "x", options: ["", "sync", "lazytime", "iversion", "acl", "noacl", "async", "nolazytime", "silent", "loud", "mand", "nomand", "dirsync"]}]'
	run -0 inside 'awk "\$5 == \"/t\" {print \$NF}" /proc/self/mountinfo'
	[ "$output" = rw,dirsync ]
	mounts '[{destination: "/u", type: "tmpfs", source: "x", options: ["size=1k,colour=red"]}]'
	attempt rt run -b "$B" "$ID"
	refused 1 "mount x (tmpfs) on /u"
	spec '.mounts[-1].options = ["colour=red"]'
	attempt rt run -b "$B" "$ID"
	refused 1 "mount x (tmpfs) on /u" "Unknown parameter 'colour'"
	# Longer than the mount API takes a value.
	mkdir -p "$D/lower/$(printf 'l%.0s' {1..200})" "$D/upper" "$D/work"
	local l
	l=$D/lower/$(printf 'l%.0s' {1..200})
	spec --arg l "$l:$l/../$(basename "$l")/." --arg d "$D" '.mounts[-1] = {destination: "/u", type: "overlay", source: "overlay",
		options: ["lowerdir=\($d)/src:\($l | split(":")[0])", "upperdir=\($d)/upper", "workdir=\($d)/work"]}'
	run -0 inside 'cat /u/file; touch /u/new'
	[ "$output" = file ]
	[ -e "$D/upper/new" ]
	nothing_left
}

@test "propagation_words_go_in_their_order" {
	export D STATE B ID CORACLE
	mounts '[{destination: "/m/both", source: "\($d)/src", options: ["rbind", "slave", "shared"]}, {destination: "/m/cut", source: "\($d)/src", options: ["rbind", "slave", "private"]},
		{destination: "/m/tmpfs", type: "tmpfs", source: "x", options: ["shared"]}]'
	spec --arg s "$(attributes_of /m/) | sed 's/:[0-9]*//g'" '.process.args = ["sh", "-c", $s]'
	run -0 unshare -m --propagation shared sh -c '"$CORACLE" runtime --root "$STATE" run -b "$B" "$ID"'
	echo "$output"
	[[ ${lines[0]} == "/m/both rw,relatime shared"* ]]
	[ "${lines[1]}" = "/m/cut rw,relatime -" ]
	[ "${lines[2]}" = "/m/tmpfs rw,relatime shared" ]
	nothing_left
}

# shared_volume FILTER: what a container mounts in a shared volume of a shared root, as the host sees it.
shared_volume() {
	mkdir -p "$D/vol/below"
	chown -R 100000:200000 "$ROOTFS" "$D/vol"
	spec --arg s "$D/vol" '.linux.rootfsPropagation = "rshared" | .mounts += [{destination: "/vol", source: $s, options: ["rbind", "rshared"]}]
		| .process.args = ["mount", "-t", "tmpfs", "inner", "/vol/below"]
		| .process.capabilities |= with_entries(.value = ["CAP_SYS_ADMIN"]) | '"$1"
	export D STATE B ID CORACLE
	run -0 unshare -m --propagation private sh -ec 'mount --bind --make-shared "$D/vol" "$D/vol"
		"$CORACLE" runtime --root "$STATE" run -b "$B" "$ID"
		grep -c "/vol/below .* - tmpfs inner " /proc/self/mountinfo || :'
	echo "$output"
	nothing_left
}

@test "what_a_container_mounts_in_a_shared_volume_is_there_on_the_host" {
	shared_volume .
	[ "$output" = 1 ]
}

@test "root_of_a_user_namespace_mounts_nothing_on_the_host" {
	shared_volume "$MAPPED"
	[ "$output" = 0 ]
}

@test "the_root_has_the_propagation_of_the_spec" {
	export STATE B ID CORACLE
	while IFS=: read -r word want; do
		spec --arg w "$word" '.linux.rootfsPropagation = $w | .process.args = ["sh", "-c", "awk \"\\$5 == \\\"/\\\" {print \\$7, \\$8}\" /proc/self/mountinfo | sed \"s/:[0-9]*//g\""]'
		run -0 unshare -m --propagation shared sh -c '"$CORACLE" runtime --root "$STATE" run -b "$B" "$ID"'
		[ "$output" = "$want" ] || { echo "$word: $output, not $want"; return 1; }
	done <<- 'END'
		private:- ext4
		rprivate:- ext4
		slave:master -
		rslave:master -
		shared:shared master
		rshared:shared master
		unbindable:unbindable -
		runbindable:unbindable -
	END
	# Where the old root is covered alone, what the host unmounts is to go there, too.
	spec '.linux.rootfsPropagation = "rprivate"'
	attempt rt run --no-pivot -b "$B" "$ID"
	refused 1 linux.rootfsPropagation "without pivot_root"
	nothing_left
}

@test "a_label_for_mounts_is_told_to_be_of_no_use_where_nothing_labels" {
	[ ! -d /sys/fs/selinux ] || skip "SELinux is on"
	spec '.linux.mountLabel = "system_u:object_r:svirt_sandbox_file_t:s0:c1,c2" | .process.args = ["echo", "ran"]'
	attempt rt run -b "$B" "$ID"
	[ "$output" = ran ]
	[[ $stderr == *"linux.mountLabel: ignored"* ]]
	nothing_left
	run -1 rc run -b "$B" "$ID" # runc fails, with the kernel's words for it
}

# --- sources and targets --------------------------------------------------------------------------

@test "sources_of_every_kind_are_bound_and_targets_are_made" {
	mkfifo "$D/src/fifo"
	mknod "$D/src/node" c 1 3
	ln -s src "$D/link"
	ln -s file "$D/src/to-file"
	ln -s dir "$ROOTFS/in"
	mkdir "$ROOTFS/dir"
	ln -s ../../../../../../outside "$ROOTFS/up"
	"$TOOLS/console" "$D/src/socket" sh -c : < /dev/null > /dev/null 2>&1 || true
	mounts '[{destination: "/n/e/w", source: "\($d)/link/file", options: ["bind"]}, {destination: "/to", source: "\($d)/src/to-file", options: ["bind"]},
		{destination: "/fifo", source: "\($d)/src/fifo", options: ["bind"]}, {destination: "/node", source: "\($d)/src/node", options: ["bind"]},
		{destination: "/in/a", source: "\($d)/src", options: ["bind"]}, {destination: "/a/../../../b", source: "\($d)/src", options: ["bind"]},
		{destination: "/up/c", source: "\($d)/src", options: ["bind"]}, {destination: "rel", source: "\($d)/src", options: ["bind"]}]'
	mkdir "$ROOTFS/a"
	run -0 --separate-stderr inside 'cat /n/e/w /to /dir/a/file /b/file /outside/c/file /rel/file; test -p /fifo && test -c /node && echo kinds'
	[ "${lines[*]}" = "file file file file file file kinds" ]
	[ ! -e "$D/outside" ]
	[ -f "$ROOTFS/n/e/w" ]
	[ -f "$ROOTFS/fifo" ]
	nothing_left
}

# What a container's mounts have brought is bound further, by the path that it has on the host: $ROOTFS/to, which destinations may
# begin with as well.
@test "mounts_of_earlier_mounts_show_what_these_have_brought" {
	local tree='cat /copy/file /copy/sub/deep /one/file /again/sub/deep; test ! -e /one/sub/deep; echo $?'
	mkdir -p "$D/other"
	echo deep > "$D/other/deep"
	mounts '[{destination: "/to", source: "\($d)/src", options: ["bind"]}, {destination: "/to/sub", source: "\($d)/other", options: ["bind"]},
		{destination: "\($d)/own/copy", source: "\($d)/own/to", options: ["rbind"]}, {destination: "/one", source: "\($d)/own/to", options: ["bind"]},
		{destination: "/again", source: "\($d)/own/copy", options: ["rbind", "ro"]}]'
	run -0 inside "$tree"
	[ "${lines[*]}" = "file deep file deep 0" ]
	[ ! -e "$ROOTFS$D" ]
	chown 100000:200000 "$ROOTFS"
	chmod 711 "$D"
	spec "$MAPPED"' | (.mounts[] | select(.destination == "/one") | .options) = ["rbind"]'
	run -0 inside "${tree/test !/test}"
	[ "${lines[*]}" = "file deep file deep 0" ]
	# A link in there leads nowhere else.
	spec '(.mounts[] | select(.destination == "/one") | .source) += "/link"'
	ln -s "$D/other" "$D/src/link"
	attempt inside true
	refused 1 "No such file" "/one"
	nothing_left
}

@test "cgroups_are_where_their_path_on_the_host_says_too" {
	local ls
	run -0 inside 'ls -R /sys/fs/cgroup | grep -c .'
	ls=$output
	spec '(.mounts[] | select(.type == "cgroup")).destination = "\(.root.path)/sys/fs/cgroup"'
	run -0 inside 'ls -R /sys/fs/cgroup | grep -c .'
	[ "$output" -gt 1 ]
	[ "$output" = "$ls" ]
	[ ! -e "$ROOTFS$ROOTFS" ]
	nothing_left
}

@test "a_source_that_is_a_link_is_made_again_where_that_is_asked_for" {
	local d=$BATS_TEST_TMPDIR there
	echo content > "$d/file"
	ln -s ../some/where "$d/link"
	mounts "[(\"link\", \"file\") | {destination: \"/new/\\(.)\", type: \"bind\", source: \"$d/\\(.)\", options: [\"bind\", \"ro\", \"copy-symlink\"]}]"
	for _ in 1 2; do # it may be there
		run -0 inside 'readlink /new/link; cat /new/file; grep -c " /new/" /proc/self/mountinfo'
		[ "${lines[*]}" = "../some/where content 1" ]
	done
	for there in some some/where/else file; do
		if [ $there = file ]; then ln -f "$d/file" "$ROOTFS/new/link"; else ln -sf ../$there "$ROOTFS/new/link"; fi
		attempt rt run -b "$B" "$ID"
		refused 1 "mounts[7]" "$d/link" "on /new/link: File exists"
	done
	rm "$d/link"
	attempt rt run -b "$B" "$ID"
	refused 1 "mounts[7]" "$d/link" "No such file"
	nothing_left
}

@test "a_label_is_given_as_the_option_that_is_named" {
	spec '.annotations["run.oci.mount_context_type"] = "rootcontext"'
	run -0 inside true
	spec '.annotations["run.oci.mount_context_type"] = "label"'
	attempt rt run -b "$B" "$ID"
	refused 1 "annotations.run.oci.mount_context_type: 'label' is none of context, fscontext, defcontext, rootcontext"
	nothing_left
}

@test "a_label_with_a_comma_is_one_option" {
	local log=$BATS_TEST_TMPDIR/calls
	mounts '[{destination: "/new", type: "tmpfs", source: "tmpfs", options: ["fscontext=u:r:t:s0:c1,c2"]}]'
	attempt strace -f -qqq -s 100 -e trace=mount -o "$log" "$CORACLE" runtime --root "$STATE" run -b "$B" "$ID"
	grep -qF '"fscontext=\"u:r:t:s0:c1,c2\""' "$log"
	nothing_left
}

@test "a_link_that_comes_once_a_target_was_missing_is_not_followed" {
	mkdir "$ROOTFS/else"
	ln -s else "$ROOTFS/late"
	ln -s /proc/uptime "$ROOTFS/later"
	local on mount
	while IFS=: read -r on mount; do
		spec '.mounts |= .[:7]'
		mounts "[{destination: \"$on\", $mount}]"
		attempt strace -D -f -qq -o /dev/null -P "$on" -e trace=openat2 -e inject=openat2:error=ENOENT:when=1 \
			"$CORACLE" runtime --root "$STATE" run -b "$B" "$ID"
		refused 1 "on $on: "
		nothing_left
	done <<- 'END'
		/late:type: "proc", source: "proc"
		/later:source: "/etc/hosts", options: ["bind"]
	END
}

@test "a_read_only_root_without_a_mount_point_is_refused_only_when_it_cannot_be_made" {
	export D STATE B ID CORACLE ROOTFS
	mounts '[{destination: "/new/point", source: "\($d)/src", options: ["bind"]}]'
	spec '.root.readonly = true'
	run -0 inside 'cat /new/point/file; touch /x 2>&1; true'
	[[ ${lines[*]} == "file "*"Read-only file system" ]]
	rmdir "$ROOTFS/new/point" "$ROOTFS/new"
	run unshare -m sh -c 'mount --bind -o ro "$ROOTFS" "$ROOTFS" && exec "$CORACLE" runtime --root "$STATE" run -b "$B" "$ID"'
	[ "$status" = 1 ]
	[[ $output == *"on /new/point: Read-only file system" ]]
	nothing_left
}

@test "targets_that_runc_refuses_are_refused" {
	local mount said words
	cp "$B/config.json" "$B/before"
	while IFS=: read -r said mount; do
		cp "$B/before" "$B/config.json"
		mounts "[{$mount}]"
		attempt rt run -b "$B" "$ID"
		IFS=';' read -ra words <<< "$said"
		refused 1 "${words[@]/# /}"
	done <<- 'END'
		mounts[7].destination; / is for root.path:destination: "/", type: "tmpfs", source: "x"
		mounts[7].destination; / is for root.path:destination: "/a/.././", source: "/tmp", options: ["bind"]
		/proc/sys; cannot be mounted because it is inside /proc:destination: "/proc/sys", source: "/tmp", options: ["bind"]
		mounts[7].destination; cannot be mounted because it is inside /proc:destination: "//proc/./sys/x/../kernel/", source: "/tmp", options: ["rbind"]
		mounts[7].destination; cannot be mounted because it is inside /proc:destination: "/proc/net/dev", source: "/etc/hosts", options: ["bind"]
		/proc; cannot be mounted because it is not of type proc:destination: "/proc", source: "/tmp", options: ["bind"]
		on /tmp; Not a directory:destination: "/tmp", source: "/etc/passwd", options: ["bind"]
		on /bin/sh; Not a directory:destination: "/bin/sh", source: "/tmp", options: ["bind"]
		on /bin/sh; Not a directory:destination: "/bin/sh", type: "tmpfs", source: "x"
		on /bin/sh/x; Not a directory:destination: "/bin/sh/x", type: "tmpfs", source: "x"
		needs a source:destination: "/x", source: "", options: ["bind"]
		on /x; No such device:destination: "/x", type: "nosuchfs", source: "x"
		on /x; /not/there; No such file or directory:destination: "/x", source: "/not/there", options: ["bind"]
	END
	nothing_left
	# What shows the container's share of the machine, and a procfs, may be there.
	cp "$B/before" "$B/config.json"
	mounts '[{destination: "/proc/uptime", source: "\($d)/src/file", options: ["bind"]}, {destination: "/proc", source: "/proc/", options: ["rbind"]}, {destination: "/procs", source: "/tmp", options: ["bind"]}]'
	spec '.process.args = ["true"]'
	rt run -b "$B" "$ID"
	nothing_left
}

# --- without a mount namespace ---------------------------------------------------------------------

@test "without_a_mount_namespace_it_has_a_root_of_its_own_and_leaves_no_mount" {
	local none='.linux.namespaces = [] | .hostname = "" | del(.linux.maskedPaths, .linux.readonlyPaths)'
	export D STATE B ID CORACLE
	# runc does so too, but leaves all mounts behind. In a mount namespace of our own, should they be left.
	cat > "$D/script" <<- 'END'
		rt() { "$CORACLE" runtime --root "$STATE" "$@"; }
		rt create -b "$B" "$ID" < /dev/null > "$D/out" 2>&1 3>&- || { cat "$D/out"; exit 1; }
		rt start "$ID"
		rt exec "$ID" sh -c 'readlink /proc/self/ns/mnt; ls /; cat /mnt/file'
		grep -c "$STATE/$ID/rootfs" /proc/self/mountinfo
		readlink /proc/self/ns/mnt
		rt delete --force "$ID"
		! grep -F "$D" /proc/self/mountinfo
		"$CORACLE" runtime --root "$STATE" run -b "$B/fails" "$ID"
		! grep -F "$D" /proc/self/mountinfo
	END
	mounts '[{destination: "/mnt", source: "\($d)/src", options: ["bind"]}]'
	spec "$none"' | .process.args = ["sleep", "1000"]'
	mkdir "$B/fails"
	jq '.process.args = ["nope"]' "$B/config.json" > "$B/fails/config.json"
	run -0 unshare -m sh "$D/script"
	echo "$output"
	[ "${lines[*]:1:9}" = "bin dev etc mnt proc root sys tmp file" ]
	[ "${lines[10]}" -gt 5 ]
	[ "${lines[0]}" = "${lines[11]}" ]
	[[ ${lines[12]} == *'"nope"'* ]]
	[ "${#lines[@]}" = 13 ]
	nothing_left
	spec '.linux.maskedPaths = ["/proc/kcore"]'
	attempt rt run -b "$B" "$ID"
	refused 1 linux.maskedPaths "mount namespace"
	nothing_left
}

# --- devices --------------------------------------------------------------------------------------

@test "a_node_that_is_there_is_used_and_another_in_its_place_is_refused" {
	mknod -m 600 "$ROOTFS/node" c 1 5
	spec '.linux.devices = [{path: "/node", type: "c", major: 1, minor: 5, fileMode: 438}]'
	run -0 inside 'stat -c "%a %t:%T" /node'
	[ "$output" = "600 1:5" ]
	rm "$ROOTFS/node"
	mknod "$ROOTFS/node" c 1 7
	attempt rt run -b "$B" "$ID"
	refused 1 /node
	rm "$ROOTFS/node"
	ln -s /etc/passwd "$ROOTFS/node"
	attempt rt run -b "$B" "$ID"
	refused 1 /node
	nothing_left
}

@test "a_dev_that_is_bound_is_used_as_it_is_also_by_its_type_alone" {
	local options
	for options in '["bind"]' '["rprivate"]'; do
		rm -rf "$D/hosts"
		mkdir "$D/hosts"
		touch "$D/hosts/own"
		spec --arg d "$D/hosts" '.mounts |= map(select(.destination | startswith("/dev") | not))
			+ [{destination: "/dev", type: "bind", source: $d, options: '"$options"'}]'
		run -0 inside 'ls /dev'
		[ "$output" = own ]
		[ "$(ls "$D/hosts")" = own ]
	done
}

@test "dev_is_written_to_before_it_is_read_only_however_it_is_spelt" {
	local spelt
	spec '(.mounts[] | select(.destination == "/dev")).options += ["ro"]'
	for spelt in /dev /dev/ //dev/. dev; do
		spec --arg d "$spelt" '(.mounts[] | select(.type == "tmpfs" and .source == "tmpfs")).destination = $d'
		run -0 --separate-stderr inside 'ls -d /dev/pts /dev/full; ! touch /dev/more 2> /dev/null && echo refused'
		[ "${lines[*]}" = "/dev/full /dev/pts refused" ]
	done
}

@test "dev_core_is_there_if_the_host_has_a_kcore" {
	local want
	want=$([ ! -e /proc/kcore ] || echo /proc/kcore)
	run -0 inside 'readlink /dev/core; true'
	[ "$output" = "$want" ]
}

@test "nodes_that_may_not_be_made_are_the_host_s" {
	spec '.process.args = ["sh", "-c", "stat -c %t:%T /dev/null /dev/full; awk \"\\$5 == \\\"/dev/null\\\"\" /proc/self/mountinfo | wc -l"]'
	export CORACLE STATE B ID
	run -0 setpriv --bounding-set=-mknod --inh-caps=-mknod "$CORACLE" runtime --root "$STATE" run -b "$B" "$ID"
	[ "${lines[*]}" = "1:3 1:7 1" ]
	spec '.linux.devices = [{path: "/dev/odd", type: "c", major: 1, minor: 5}]'
	attempt setpriv --bounding-set=-mknod --inh-caps=-mknod "$CORACLE" runtime --root "$STATE" run -b "$B" "$ID"
	refused 1 "/dev/odd: Operation not permitted"
	# Nor is another device shown that has the name there.
	mknod "$BATS_TEST_TMPDIR/node" c 1 5
	spec --arg n "$BATS_TEST_TMPDIR/node" '.linux.devices = [{path: $n, type: "c", major: 1, minor: 3}]'
	attempt setpriv --bounding-set=-mknod --inh-caps=-mknod "$CORACLE" runtime --root "$STATE" run -b "$B" "$ID"
	refused 1 "/node: Operation not permitted"
	nothing_left
}

@test "the_ptmx_of_a_spec_is_the_container_s_own" {
	chown 100000:200000 "$ROOTFS"
	spec '.linux.devices = [{path: "/dev/ptmx", type: "c", major: 5, minor: 2}]'
	run -0 inside 'readlink /dev/ptmx; : <> /dev/ptmx && echo opened'
	[ "${lines[*]}" = "pts/ptmx opened" ]
	run -0 rc run -b "$B" "$ID"
	[ "${lines[*]}" = "pts/ptmx opened" ]
	spec "$MAPPED"
	run -0 inside 'readlink /dev/ptmx; : <> /dev/ptmx && echo opened'
	[ "${lines[*]}" = "pts/ptmx opened" ]
	nothing_left
}

@test "for_a_user_namespace_nodes_are_made_that_the_host_lacks" {
	[ ! -e /dev/mine ]
	chown 100000:200000 "$ROOTFS"
	# Rules for devices deny what they do not allow, whoever made the node.
	spec "$MAPPED"' | .linux.devices = [{path: "/dev/mine", type: "c", major: 1, minor: 5, fileMode: 416, uid: 5, gid: 6},
			{path: "/dev/sub/block", type: "b", major: 7, minor: 9}, {path: "/made/here", type: "c", major: 1, minor: 7, uid: 70000},
			{path: "/dev/full", type: "c", major: 1, minor: 7, fileMode: 256}, {path: "/dev/pipe", type: "p", fileMode: 420, uid: 7, gid: 8}]
		| .linux.resources.devices = [{allow: false, access: "rwm"}]
		| .process.user = {uid: 5, gid: 6}'
	run -0 inside 'stat -c "%a %u:%g %F %t:%T" /dev/mine /dev/sub/block /made/here /dev/full /dev/pipe; head -c 3 /dev/mine | wc -c
		cat /dev/sub/block 2>&1; awk "\$5 ~ /.(dev.(mine|sub.block)|made.here)\$/ {print \$6}" /proc/self/mountinfo'
	diff - <(echo "$output") <<- 'END'
		640 5:6 character special file 1:5
		666 0:0 block special file 7:9
		666 65534:0 character special file 1:7
		666 65534:65534 character special file 1:7
		644 7:8 fifo 0:0
		3
		cat: can't open '/dev/sub/block': Operation not permitted
		rw,nosuid,noexec,relatime
		rw,nosuid,noexec,relatime
		rw,nosuid,noexec,relatime
	END
	# Their names are gone when it waits for its start.
	create
	[ -e "$STATE/$ID" ]
	[ -z "$(find "$STATE/$ID" -name 'device*')" ]
	rt delete -f "$ID"
	spec '.process.cwd = "/made/here"'
	attempt rt run -b "$B" "$ID"
	refused 1 "/made/here"
	attempt setpriv --bounding-set=-mknod --inh-caps=-mknod "$CORACLE" runtime --root "$STATE" run -b "$B" "$ID"
	refused 1 "linux.devices[0]" "make device /dev/mine: Operation not permitted"
	nothing_left
}

# --- older kernels --------------------------------------------------------------------------------

# Many mounts at once: what is seen of them is the same without some system calls.
everything() {
	mkdir -p "$ROOTFS/covered/deep" "$ROOTFS/secret"
	echo x > "$ROOTFS/covered/deep/file"
	cp "$TOOLS/look" "$ROOTFS/look"
	ln -s dir "$ROOTFS/in"
	mkdir "$ROOTFS/dir"
	ln -s /nowhere/yet "$ROOTFS/dangling"
	mounts '[{destination: "/b/ro", source: "\($d)/src", options: ["rbind", "ro", "nosuid", "noatime"]}, {destination: "/in/../in/file", source: "\($d)/src/file", options: ["bind", "strictatime"]},
		{destination: "/r", source: "\($d)/src", options: ["rbind", "rro", "rnoexec", "rnodiratime"]}, {destination: "/t", type: "tmpfs", source: "x", options: ["ro", "size=64k", "mode=1711", "sync"]},
		{destination: "/covered", type: "tmpfs", source: "x", options: ["tmpcopyup", "ro"]}, {destination: "/dangling/x", type: "tmpfs", source: "x", options: ["shared", "nodev"]},
		{destination: "/t", type: "tmpfs", source: "x", options: ["remount", "rw", "nosuid"]}, {destination: "/p", type: "proc", source: "proc", options: ["ro", "hidepid=2"]}, {destination: "/host", source: "/", options: ["rbind", "rslave", "rro"]},
		{destination: "\($d)/own/again", source: "\($d)/own/b", options: ["rbind"]}]'
	spec '.process.args = ["/look", "/covered", "/secret", "/proc/sys/net/ipv4/ip_default_ttl", "/b"] | .root.readonly = true | .linux.maskedPaths += ["/secret", "/in/../etc/passwd"]
		| .linux.readonlyPaths += ["/in", "/r"] | .linux.sysctl = {"net.ipv4.ip_default_ttl": "77"} | .linux.rootfsPropagation = "slave"
		| .linux.devices = [{path: "/dev/sub/mine", type: "c", major: 1, minor: 5, fileMode: 432, uid: 5, gid: 6}]'
}

# seen [DENIED]: what its program sees, but for the filter that denies.
seen() {
	local under=()
	[ -z "${1:-}" ] || under=("$TOOLS/deny" "$1" --)
	# In a mount namespace of our own: the mounts below the source are not this machine's.
	unshare -m sh -c 'd=$1; shift; mount -t tmpfs none "$d" && mkdir "$d/a b" && mount -t ramfs -o nosuid none "$d/a b" && exec "$@"' sh "$D/src/sub" \
		"${under[@]}" "$CORACLE" runtime --root "$STATE" run -b "$B" "$ID" 2>&1 |
		grep -vE 'Seccomp|^mount /host/(proc/|[^p])' # others' mounts come and go
}

# open_tree_attr came when both that it unites were there.
CALLS="open_tree,open_tree_attr move_mount fsopen fsconfig fsmount mount_setattr,open_tree_attr openat2"

@test "mounts_are_the_same_without_any_one_of_the_newer_calls" {
	local call
	everything
	seen > "$D/new" # which makes what is missing, and so the mode of a tmpfs is another then
	seen > "$D/new"
	grep -q '^mount /dangling/x in /: root /, tmpfs, rw,nodev,relatime, \[shared\], source x, ' "$D/new" ||
		grep -q '^mount /nowhere/yet/x in /: root /, tmpfs, rw,nodev,relatime, \[shared\], source x, ' "$D/new"
	for call in $CALLS $(tr ' ' , <<< "$CALLS"); do
		seen "$call" > "$D/old"
		diff "$D/new" "$D/old" || { echo "without $call"; return 1; }
	done
	nothing_left
}

@test "a_user_namespace_needs_no_newer_calls_either" {
	everything
	chown 100000:200000 "$ROOTFS"{,/dir,/dev,/proc,/sys}
	# What mounts of the host say of access times, somebody else's root may not change by mount(2).
	spec "$MAPPED"' | del(.linux.devices) | .mounts |= map((.options // []) as $o | .options = $o - ["noatime", "strictatime"]) | .mounts |= map(select(.type != "cgroup" and .destination != "/p" and .destination != "/host" and .destination != "/r"))'
	seen > "$D/new"
	seen > "$D/new"
	grep -q "^mount /covered in /" "$D/new"
	seen "$(tr ' ' , <<< "$CALLS")" > "$D/old"
	diff "$D/new" "$D/old"
	nothing_left
}

@test "paths_stay_inside_without_openat2" {
	mkdir "$D/victim"
	ln -s "../../../../../../../../../../../../..$D/victim" "$ROOTFS/vol"
	ln -s "$D/victim" "$ROOTFS/abs"
	mounts '[{destination: "/vol/a/b", type: "tmpfs", source: "x"}, {destination: "/abs/c", source: "\($d)/src", options: ["bind"]},
		{destination: "/../../..\($d)/victim/d", source: "\($d)/src/file", options: ["bind"]}]'
	spec '.process.cwd = "/vol/cwd" | .process.args = ["echo", "ran"]'
	[ "$(seen openat2)" = ran ]
	[ "$(seen "$(tr ' ' , <<< "$CALLS")")" = ran ]
	[ -z "$(ls -A "$D/victim")" ]
	nothing_left
	rm -r "$ROOTFS/proc"
	ln -s /etc "$ROOTFS/proc"
	attempt "$TOOLS/deny" openat2 -- "$CORACLE" runtime --root "$STATE" run -b "$B" "$ID"
	refused 1 "mount proc" "/proc"
}

@test "targets_swapped_for_links_stay_inside_without_the_newer_calls" {
	local end n=0 old=("$TOOLS/deny" "$(tr ' ' , <<< "$CALLS")" --)
	mkdir "$D/victim" "$ROOTFS/vol"
	ln -s "../../../../../../../../../../../../..$D/victim" "$ROOTFS/vol-link"
	printf '#!/bin/sh\ngrep -F " %s" /proc/self/mountinfo >> %s\nexit 0\n' "$D/victim" "$D/mounts" > "$D/hook"
	chmod 755 "$D/hook"
	spec --arg d "$D" '.mounts += ([range(8)] | map({destination: "/vol/d\(.)/e/f/g", type: "tmpfs", source: "tmpfs", options: ["tmpcopyup"]},
			{destination: "/vol/b\(.)/c/d", source: "\($d)/src/file", options: ["bind", "ro"]}))
		| .linux.maskedPaths += ["/vol/d1/e", "/vol/b1/c/d"] | .hooks = {createContainer: [{path: "\($d)/hook"}]} | .process.args = ["true"]'
	"$TOOLS/swap" "$ROOTFS/vol" "$ROOTFS/vol-link" 3>&- &
	local swap=$!
	end=$((SECONDS + 2))
	while [ $SECONDS -lt $end ] || [ "$n" -lt 6 ]; do
		attempt "${old[@]}" "$CORACLE" runtime --root "$STATE" run -b "$B" "$ID"
		[ "${#stderr_lines[@]}" -le 1 ]
		[ -z "$(ls -A "$D/victim")" ] || break
		n=$((n + 1))
		kill -STOP "$swap" # what is there now is to be removed, wherever the names point
		rm -rf "$ROOTFS"/vol*/[bd]*
		kill -CONT "$swap"
	done
	kill "$swap"
	wait "$swap" 2> /dev/null || true
	[ -z "$(ls -A "$D/victim")" ]
	[ ! -s "$D/mounts" ]
	nothing_left
}

@test "a_terminal_a_label_and_exec_need_no_newer_calls" {
	local old=("$TOOLS/deny" "$(tr ' ' , <<< "$CALLS")" -- "$CORACLE" runtime --root "$STATE")
	spec '.process.terminal = true | .process.args = ["sh", "-c", "tty; test -c /dev/console && echo console"]'
	run -0 "$TOOLS/console" "$D/s" "${old[@]}" run -b "$B" --console-socket "$D/s" "$ID" < /dev/null
	[[ $output == *"/dev/pts/0"*console* ]]
	spec '.process.terminal = false'
	spec '.process.args = ["sleep", "1000"]'
	"${old[@]}" create -b "$B" "$ID" < /dev/null > /dev/null 2>&1 3>&-
	"${old[@]}" start "$ID"
	[ "$("${old[@]}" exec --cwd /bin "$ID" pwd)" = /bin ]
	# It left no stage above the container's root.
	run -0 "${old[@]}" exec "$ID" sh -c 'ls -A /.. | grep -cx -e d -e f; grep -c "size=16k" /proc/self/mountinfo; true'
	[ "${lines[*]}" = "0 0" ]
	end
	# Nor did one that needed a procfs, here to see that its groups may not be set.
	unshare -Ur sleep 1000 > /dev/null 3>&- &
	local other=$!
	until [ "$(cat "/proc/$other/setgroups")" = deny ]; do :; done
	spec --arg p "/proc/$other/ns/user" '.linux.namespaces += [{type: "user", path: $p}]
		| .mounts |= map(select(.type != "cgroup")) | del(.mounts[].options[]? | select(. == "gid=5"))'
	"${old[@]}" create -b "$B" "$ID" < /dev/null > /dev/null 2>&1 3>&-
	"${old[@]}" start "$ID"
	run -0 "$TOOLS/console" "$D/s2" "${old[@]}" exec -t -g 5 --console-socket "$D/s2" "$ID" id -u < /dev/null
	[[ $output == 0* ]]
	run -1 grep "size=16k" "/proc/$(state pid)/mountinfo"
	end
	kill "$other"
	nothing_left
}

@test "a_destination_that_is_not_absolute_is_warned_of_and_taken" {
	spec '(.mounts[] | select(.destination == "/proc")).destination = "proc" | .process.args = ["cat", "/proc/1/comm"]'
	run -0 --separate-stderr rt run -b "$B" "$ID"
	[ "$output" = cat ]
	[[ $stderr == "coracle: warning: mount destination proc is not absolute"* ]]
	create_sleeper
	run -0 --separate-stderr rt start "$ID"
	run -0 --separate-stderr rt exec "$ID" true
	[ -z "$stderr" ]
	end
}
