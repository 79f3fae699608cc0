#!/usr/bin/env bats
# 24-userns.bats - containers of root's in user namespaces of their own, and their roots, whose ids are mapped.
# shellcheck disable=SC2016,SC2034 # what containers' shells expand; L is base's

load rootless

setup() {
	rootless_setup
	L=$HOMEDIR/layout
	SUB=$BATS_TEST_TMPDIR/sub
	echo containers:2000000000:140000 > "$SUB"
}

teardown() {
	rootless_teardown
}

# r ARGS... - coracle run as root, with $SUB as what /etc/subuid and /etc/subgid say.
r() {
	SUB=$SUB unshare -m --propagation private sh -c 'mount --bind "$SUB" /etc/subuid && mount --bind "$SUB" /etc/subgid && exec "$@"' \
		r "$CORACLE" run --root "$STATE" "$@"
}

# words - of the output, one space between them.
words() {
	tr -s ' \n' ' ' <<< "$output" | sed 's/^ //; s/ $//'
}

@test "an_image_seen_with_ids_of_its_own_is_as_it_is_without" {
	base '{"Volumes": {"/vol": {}}, "User": "worker"}' <<- 'END'
		f owned 640 7:8 - x
		d vol 755 1000:1000
		f vol/file 644 1000:1000 - v
		d tmp 1777
	END
	run -0 r --rm --userns auto --add-host db:10.0.0.7 app:v1 sh -c 'cat /proc/self/uid_map /proc/self/gid_map; id -u; stat -c %u:%g /owned /etc /etc/hosts /vol/file; grep -cw db /etc/hosts; echo > /vol/new; stat -c %u /vol/new'
	[ "$(words)" = "0 2000000000 65536 0 2000000000 65536 1000 7:8 0:0 0:0 1000:1000 1 1000" ]
	# On the disk it has the container's ids: the same for the next one, whatever its range is.
	run -0 r --name "$ID" --userns auto -u 0 app:v1 sh -c 'echo > /new; chown 7:9 /new; chmod 600 /owned; mkdir /made; rm /vol/file'
	[ "$(stat -c %u:%g "$CORACLE_STORE/containers/$ID/upper/new")" = 7:9 ]
	[ "$(stat -c %u:%g:%a "$CORACLE_STORE/containers/$ID/upper/owned")" = 7:8:600 ]
	c rm "$ID"
	run -0 r --rm --userns auto -u 0 --read-only app:v1 sh -c 'echo > /vol/new && stat -c %u:%g /vol /vol/new; { echo > /x; } 2> /dev/null || echo no'
	[ "$(words)" = "1000:1000 0:0 no" ]
	run -0 r --rm --userns auto -u 0 --privileged --init --network host --pid host --ipc host app:v1 sh -c 'test -d /proc/1 && test -b /dev/loop0 -o -c /dev/kmsg && cat /proc/self/uid_map'
	[ "$(words)" = "0 2000000000 65536" ]
	run -0 r --rm --userns auto
	[[ "$output" == *"user           0:0"* ]]
}

@test "no_two_containers_have_the_same_ids_until_one_is_removed" {
	base '{}' < /dev/null
	local i
	for i in 1 2; do
		run -0 r -d --name "$ID-$i" --userns auto app:v1 sleep 1000
	done
	run -0 c exec "$ID-2" cat /proc/self/uid_map
	[ "$(words)" = "0 2000065536 65536" ]
	run -125 r --rm --name "$(cid full)" --userns auto app:v1 true
	[[ "$output" == "coracle: option --userns: no 65536 ids"*"auto:size=NUMBER" ]]
	assert_gone "$(cid full)"
	run -0 r --rm --userns auto:size=2000 app:v1 cat /proc/self/uid_map
	[ "$(words)" = "0 2000131072 2000" ]
	c rm -f "$ID-1"
	run -0 r --rm --userns auto app:v1 cat /proc/self/uid_map
	[ "$(words)" = "0 2000000000 65536" ]
	c rm -f "$ID-2"
	# Many at once.
	local pids=() pid
	for ((i = 0; i < 6; i++)); do
		r --name "$ID-m$i" --userns auto:size=100 app:v1 cat /proc/self/uid_map > "$BATS_TEST_TMPDIR/$i" 2>&1 3>&- &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do
		wait "$pid"
	done
	[ "$(cat "$BATS_TEST_TMPDIR"/[0-5] | sort -u | wc -l)" = 6 ]
	c rm "$ID"-m{0..5}
}

@test "maps_are_those_that_were_asked_for" {
	base '{}' <<< 'f owned 640 7:8 - x'
	run -0 r --rm --userns auto:size=10,uidmapping=3:77:2,gidmapping=0:5:1 app:v1 sh -c 'cat /proc/self/uid_map /proc/self/gid_map; stat -c %u:%g /owned'
	[ "$(words)" = "0 2000000000 3 5 2000000005 5 3 77 2 1 2000000001 9 0 5 1 7:8" ]
	run -0 c run --rm --uidmap 0:12345:100 app:v1 sh -c 'cat /proc/self/uid_map /proc/self/gid_map; stat -c %u:%g /owned'
	[ "$(words)" = "0 12345 100 0 12345 100 7:8" ]
	run -0 c run --rm --userns private --uidmap 0:12345:1 --uidmap 1:500:9 --gidmap 0:7:20 app:v1 sh -c 'cat /proc/self/uid_map /proc/self/gid_map; stat -c %u:%g /owned'
	[ "$(words)" = "0 12345 1 1 500 9 0 7 20 7:8" ]
	run -0 r --rm --subuidname containers app:v1 cat /proc/self/gid_map
	[ "$(words)" = "0 2000000000 140000" ]
	run -0 c run --rm --userns host app:v1 cat /proc/self/uid_map
	[ "$(words)" = "0 0 4294967295" ]
	local options
	while read -r options; do
		# shellcheck disable=SC2086
		run -125 r --rm --name "$ID" $options app:v1 true
		[ "${#lines[@]}" = 1 ] || { echo "$options: $output"; return 1; }
		assert_gone "$ID"
	done <<- 'END'
		--userns nosuch
		--userns private
		--userns host --uidmap 0:1:2
		--userns auto --uidmap 0:1:2
		--userns auto:size=0
		--userns auto:size=many
		--userns auto:what=1
		--userns auto:uidmapping=1
		--uidmap 0:1
		--uidmap 0:1:0
		--uidmap a:b:c
		--uidmap 0:4294967290:100
		--uidmap 0:1:5 --uidmap 3:100:9
		--uidmap 5:100:10
		--subuidname nosuch
		--subuidname containers --uidmap 0:1:2
	END
	: > "$SUB"
	run -125 r --rm --name "$ID" --userns auto app:v1 true
	[[ "$output" == "coracle: option --userns: /etc/subuid has no ids of the user containers: add a line"* ]]
	run -125 r --rm --name "$ID" --subgidname nosuch app:v1 true
	[[ "$output" == "coracle: option --subgidname: "*"no ids of the user nosuch"* ]]
}

@test "volumes_keep_the_containers_ids_and_directories_of_the_host_their_own" {
	base '{}' <<- 'END'
		d data 755 5:6
		f data/file 640 7:8 - old
	END
	mkdir "$BATS_TEST_TMPDIR/host"
	chown 9:9 "$BATS_TEST_TMPDIR/host"
	run -0 r --rm --userns auto -v mine:/data -v "$BATS_TEST_TMPDIR/host:/host" -v "$BATS_TEST_TMPDIR/host:/mapped:idmap" app:v1 \
		sh -c 'stat -c %u:%g /data /data/file /host /mapped; echo > /data/new; chown 11:12 /data/new'
	[ "$(words)" = "5:6 7:8 65534:65534 9:9" ]
	[ "$(stat -c %u:%g "$CORACLE_STORE/volumes/mine/_data/new")" = 11:12 ]
	run -0 c run --rm -v mine:/x app:v1 stat -c %u:%g /x/new
	[ "$output" = 11:12 ]
}

@test "a_root_directory_of_the_host_is_seen_with_mapped_ids_and_a_user_cannot_choose_any" {
	make_rootfs "$BATS_TEST_TMPDIR/root"
	chown 7 "$BATS_TEST_TMPDIR/root/etc/group"
	run -0 c run --rm --uidmap 0:12345:1000 --rootfs "$BATS_TEST_TMPDIR/root" sh -c 'touch /made; stat -c %u /made /bin/busybox /etc/group'
	[ "$(words)" = "0 0 7" ]
	[ "$(stat -c %u "$BATS_TEST_TMPDIR/root/made")" = 0 ]
	run -125 as "$CORACLE" run --rm --userns auto --rootfs "$ROOTFS" true
	[[ "$output" == *"only root's containers"* ]]
}

@test "what_another_container_has_is_shared_with_ids_of_ones_own_or_with_its_ids" {
	base '{}' <<< 'f owned 640 7:8 - x'
	box -d --name "$ID-h" --hostname plain -- sh -c 'echo of-h > /dev/shm/x; exec sleep 1000'
	run -0 r -d --name "$ID-u" --userns auto --hostname mapped app:v1 sh -c 'echo of-u > /dev/shm/x; exec sleep 1001'
	local other ids name map
	for other in h u; do
		name=plain
		[ "$other" = h ] || name=mapped
		until c exec "$ID-$other" test -s /dev/shm/x; do :; done
		for ids in auto "container:$ID-u" host; do
			case $ids in
			auto) map="0 2000065536 65536" ;;
			host) map="0 0 4294967295" ;;
			*) map="0 2000000000 65536" ;;
			esac
			run -0 r --rm --userns "$ids" --network "container:$ID-$other" app:v1 sh -c 'cat /proc/self/uid_map; readlink /proc/self/ns/net; ls /sys/class/net; stat -c %u:%g /owned'
			[ "$(words)" = "$map $(readlink "/proc/$(field "$ID-$other" pid)/ns/net") lo 7:8" ] || { echo "$ids, network of $other: $output"; return 1; }
			run -0 r --rm --userns "$ids" --pid "container:$ID-$other" app:v1 sh -c 'cat /proc/self/uid_map; cat /proc/1/comm; ls /proc/acpi; { echo > /proc/sys/kernel/panic; } 2> /dev/null || echo no'
			[ "$(words)" = "$map sleep no" ] || { echo "$ids, processes of $other: $output"; return 1; }
			run -0 r --rm --userns "$ids" --ipc "container:$ID-$other" app:v1 sh -c 'cat /proc/self/uid_map; cat /dev/shm/x; ls /dev/mqueue; grep -c "^mqueue /dev/mqueue" /proc/mounts'
			[ "$(words)" = "$map of-$other 1" ] || { echo "$ids, memory of $other: $output"; return 1; }
			run -0 r --rm --userns "$ids" --uts "container:$ID-$other" app:v1 hostname
			[ "$output" = "$name" ]
		done
	done
	run -0 r --rm --userns "container:$ID-u" --network "container:$ID-u" --pid "container:$ID-u" --ipc "container:$ID-u" -v own:/data app:v1 \
		sh -c 'stat -c %u /proc/1 /dev/shm /owned /data; echo more > /dev/shm/y'
	[ "$(words)" = "0 0 7 0" ]
	[ "$(c exec "$ID-u" cat /dev/shm/y)" = more ]
	# Of one that has none of its own they are the host's.
	run -0 r --rm --userns "container:$ID-h" app:v1 cat /proc/self/uid_map
	[ "$(words)" = "0 0 4294967295" ]
	# Its ids are given to nobody else as long as one of the two is there.
	run -0 r -d --name "$ID-s" --userns "container:$ID-u" app:v1 sleep 1000
	c rm -f "$ID-u"
	run -0 r --rm --userns auto app:v1 cat /proc/self/uid_map
	[ "$(words)" = "0 2000065536 65536" ]
	[ "$(c exec "$ID-s" cat /proc/self/uid_map | tr -s ' ')" = " 0 2000000000 65536" ]
	run -125 r --rm --userns "container:$ID-u" app:v1 true
	[[ "$output" == "coracle: option --userns: "*"$ID-u" ]]
	run -125 r --rm --userns "container:$ID-s" --uidmap 0:1:5 app:v1 true
	run -125 r -d --replace --name "$ID-s" --userns "container:$ID-s" app:v1 sleep 1000
	[[ "$output" == *"$ID-s is to be replaced: its ids go" ]]
	run -125 r -d --replace --name "$ID-s" --pid "container:$ID-s" app:v1 sleep 1000
	[[ "$output" == *"$ID-s is to be replaced: its processes go" ]]
	run -0 c exec "$ID-s" true
	# It goes while another is made that joins it.
	run -0 r -d --name "$ID-g" --userns auto app:v1 sleep 1000
	mkfifo "$BATS_TEST_TMPDIR/env"
	r --rm --userns "container:$ID-g" --env-file "$BATS_TEST_TMPDIR/env" app:v1 true > "$BATS_TEST_TMPDIR/said" 2>&1 3>&- &
	local joining=$! status=0
	exec 7> "$BATS_TEST_TMPDIR/env"
	c rm -f "$ID-g"
	echo A=b >&7
	exec 7>&-
	wait $joining || status=$?
	[ $status = 125 ]
	[ "$(< "$BATS_TEST_TMPDIR/said")" = "coracle: option --userns: container $ID-g has ended: its ids may be another's" ]
	c rm -f "$ID-s" "$ID-h"
}

@test "a_user_is_himself_in_his_container_or_not_there" {
	base '{"User": "worker", "Volumes": {"/vol": {}}}' <<- 'END'
		f owned 640 7:8 - x
		h other - - owned
		f suid 4755 0:0 - x
		d data 755 5:6
		f data/file 640 7:8 - old
	END
	as "$CORACLE" pull -q "oci:$L:v1" > "$L.out"
	local mine=$HOMEDIR/mine show='cat /proc/self/uid_map; id -u; id -g; stat -c %u:%g:%a /owned /suid /etc; stat -c %h /owned'
	as mkdir "$mine"
	run -0 as "$CORACLE" run --rm --userns keep-id -v "$HOMEDIR:$HOMEDIR" --add-host db:10.0.0.7 layout:v1 sh -c "$show"'; tail -n 1 /etc/passwd; tail -n 1 /etc/group; echo $HOME; echo > '"$mine/new; grep -cw db /etc/hosts"
	[ "$(words)" = "0 1 $USER_ID $USER_ID 0 1 $((USER_ID + 1)) $((USER_ID + 1)) $((65536 - USER_ID)) $USER_ID $USER_ID 7:8:640 0:0:4755 0:0:755 2 tester:*:$USER_ID:$USER_ID:tester:$HOMEDIR:/bin/sh tester:*:$USER_ID: $HOMEDIR 1" ]
	[ "$(stat -c %u:%g "$mine/new")" = "$USER_ID:$USER_ID" ]
	# As an id that the image knows, beside its root.
	run -0 as "$CORACLE" run --rm --userns keep-id:uid=1000,gid=7 -v "$mine:/mine" layout:v1 sh -c 'id -u; id -g; stat -c %u:%g /mine/new; grep -c : /etc/passwd; tail -n 1 /etc/group; { echo > /x; } 2> /dev/null || echo no'
	[ "$(words)" = "1000 7 1000:7 2 tester:*:7: no" ]
	run -0 as "$CORACLE" run --rm --userns keep-id -u 0 -v "$mine:/mine" -v v:/data layout:v1 sh -c 'id -u; stat -c %u:%g /mine /data/file; echo > /x'
	[ "$(words)" = "0 $USER_ID:$USER_ID 7:8" ]
	run -0 as "$CORACLE" run --rm --userns nomap -v "$mine:/mine" layout:v1 sh -c "$show; stat -c %u:%g /mine"
	[ "$(words)" = "0 1 65536 1000 1000 7:8:640 0:0:4755 0:0:755 2 65534:65534" ]
	run -0 as "$CORACLE" run --rm --userns keep-id --rootfs "$ROOTFS" id -u
	[ "$output" = "$USER_ID" ]
	run -0 as "$CORACLE" run --rm --userns keep-id --network host --pid host --ipc host layout:v1 id -un
	[ "$output" = tester ]
	run -0 as "$CORACLE" run -d --name "$ID" --userns keep-id layout:v1 sleep 1000
	run -0 as "$CORACLE" exec "$ID" id -u
	[ "$output" = "$USER_ID" ]
	# The image knows him by then, for what replaces another one, too.
	run -0 as "$CORACLE" run --rm --replace --name "$ID" --userns keep-id -u tester layout:v1 id -un
	[ "$output" = tester ]
	[ -z "$(ls -A "$HOMEDIR/.local/share/coracle/images/containers")" ]
	# Who has no ids but his own has that one.
	: > "$BATS_TEST_TMPDIR/etc/subuid"
	run -0 as "$CORACLE" run --rm --userns keep-id layout:v1 sh -c 'cat /proc/self/uid_map; id -u; echo > /x'
	[ "$(words)" = "$USER_ID 0 1 $USER_ID" ]
	run -125 as "$CORACLE" run --rm --userns nomap layout:v1 true
	[[ "$output" == "coracle: option --userns: nomap leaves no id"* ]]
	local mode
	for mode in keep-id nomap; do
		run -125 c run --rm --userns $mode app:v1 true
		[[ "$output" == "coracle: option --userns: $mode is for users"* ]]
	done
	for mode in keep-id:uid= keep-id:uid=1x keep-id:size keep-id:size=0 keep-id:size=4294967296 keep-id:gid=4294967295 keep-idx 'keep-id:uid=1,'; do
		run -125 as "$CORACLE" run --rm --userns "$mode" layout:v1 true
		[[ "${#lines[@]}" = 1 && "$output" == "coracle: option --userns: "* ]] || { echo "$mode: $output"; return 1; }
	done
}

@test "a_user_keeps_his_groups_and_may_have_fewer_ids" {
	base '{}' <<< 'f owned 640 7:8 - x'
	as "$CORACLE" pull -q "oci:$L:v1" > "$L.out"
	echo shared > "$HOMEDIR/shared"
	chown "0:$((USER_ID + 7))" "$HOMEDIR/shared"
	chmod 640 "$HOMEDIR/shared"
	local ids KEPT
	for ids in host keep-id; do
		KEPT=--groups=$((USER_ID + 7))
		run -0 as "$CORACLE" run --rm --userns $ids --group-add keep-groups -v "$HOMEDIR:/h" layout:v1 cat /h/shared
		[ "$output" = shared ]
		run -1 as "$CORACLE" run --rm --userns $ids -v "$HOMEDIR:/h" layout:v1 cat /h/shared
	done
	run -125 as "$CORACLE" run --rm --group-add keep-groups --group-add 7 layout:v1 true
	[ "$output" = "coracle: option --group-add: keep-groups goes not with other groups" ]
	run -0 setpriv --groups $((USER_ID + 7)) "$CORACLE" run --root "$STATE" --rm --group-add keep-groups app:v1 id -G
	[ "$output" = "0 $((USER_ID + 7))" ]
	run -0 as "$CORACLE" run --rm --userns keep-id --passwd-entry '$USERNAME:x:$UID:$GID:$NAME:/h:/bin/sh' layout:v1 tail -n 1 /etc/passwd
	[ "$output" = "tester:x:$USER_ID:$USER_ID:tester:/h:/bin/sh" ]
	run -0 as "$CORACLE" run --rm --userns keep-id --passwd=false layout:v1 grep -c : /etc/passwd
	[ "$output" = 2 ]
	# Of his ids as many as are asked for, himself among them.
	run -0 as "$CORACLE" run --rm --userns keep-id:uid=1000,gid=7,size=2000 layout:v1 cat /proc/self/uid_map /proc/self/gid_map
	[ "$(words)" = "0 1 1000 1000 0 1 1001 1001 999 0 1 7 7 0 1 8 8 1992" ]
	run -0 as "$CORACLE" run --rm --userns keep-id:size=10 layout:v1 cat /proc/self/uid_map
	[ "$(words)" = "0 1 9 $USER_ID 0 1" ]
}

@test "a_users_containers_have_namespaces_together" {
	base '{}' <<< 'f owned 640 7:8 - x'
	as "$CORACLE" pull -q "oci:$L:v1" > "$L.out"
	local other share keep="0 1 $USER_ID $USER_ID 0 1 $((USER_ID + 1)) $((USER_ID + 1)) $((65536 - USER_ID))"
	run -0 as "$CORACLE" run -d --name "$ID-p" --hostname plain --rootfs "$ROOTFS" sh -c 'echo of-p > /dev/shm/x; exec sleep 1000'
	run -0 as "$CORACLE" run -d --name "$ID-k" --hostname kept --userns keep-id layout:v1 sh -c 'echo of-k > /dev/shm/x; exec sleep 1000'
	for other in p k; do
		until as "$CORACLE" exec "$ID-$other" test -s /dev/shm/x; do :; done
		share="--network container:$ID-$other --pid container:$ID-$other --ipc container:$ID-$other --uts container:$ID-$other"
		local show='cat /proc/self/uid_map; cat /proc/1/comm; cat /dev/shm/x; hostname; stat -c %u:%g /owned'
		local name=plain map="0 $USER_ID 1 1 $SUB_ID 65536"
		[ $other = p ] || name=kept
		# shellcheck disable=SC2086
		run -0 as "$CORACLE" run --rm $share layout:v1 sh -c "$show"
		[ "$(words)" = "$map sleep of-$other $name 7:8" ] || { echo "$other: $output"; return 1; }
		# shellcheck disable=SC2086
		run -0 as "$CORACLE" run --rm --userns keep-id $share layout:v1 sh -c "$show"
		[ "$(words)" = "$keep sleep of-$other $name 7:8" ] || { echo "$other, kept: $output"; return 1; }
		[ $other = p ] || map=$keep
		# shellcheck disable=SC2086
		run -0 as "$CORACLE" run --rm --userns "container:$ID-$other" $share layout:v1 sh -c "$show"
		[ "$(words)" = "$map sleep of-$other $name 7:8" ] || { echo "$other, its ids: $output"; return 1; }
	done
	run -0 as "$CORACLE" run -d --name "$ID" --network "container:$ID-p" layout:v1 sleep 1000
	[ "$(as "$CORACLE" exec "$ID" readlink /proc/self/ns/net)" = "$(as "$CORACLE" exec "$ID-p" readlink /proc/self/ns/net)" ]
	as "$CORACLE" rm -f "$ID" "$ID-p" "$ID-k"
	run -125 as "$CORACLE" run --rm --network "container:$ID" layout:v1 true
	[[ "$output" == "coracle: option --network: "*"$ID" ]]
	[ -z "$(ls -A "$HOMEDIR/.local/share/coracle/images/containers")" ]
}

@test "a_user_namespace_given_by_its_path_is_joined_and_the_image_seen_with_its_ids" {
	base '{}' <<< 'f owned 640 7:8 - x'
	local host other
	host=$(readlink /proc/self/ns/user)
	run -0 r -d --name "$ID" --userns auto app:v1 sleep 1000
	other=/proc/$(field "$ID" pid)/ns/user
	run -0 r --rm --userns "ns:$other" -v own:/data app:v1 sh -c 'cat /proc/self/uid_map; readlink /proc/self/ns/user; stat -c %u:%g /owned /data; echo > /new; stat -c %u /new; id -u'
	[ "$(words)" = "0 2000000000 65536 $(readlink "$other") 7:8 0:0 0 0" ]
	# Nobody else has these ids while the second one is there.
	run -0 r -d --name "$ID-s" --userns "ns:$other" app:v1 sleep 1000
	c rm -f "$ID"
	run -0 r --rm --userns auto app:v1 cat /proc/self/uid_map
	[ "$(words)" = "0 2000065536 65536" ]
	c rm -f "$ID-s"
	run -0 c run --rm --userns ns:/proc/self/ns/user app:v1 readlink /proc/self/ns/user
	[ "$output" = "$host" ]
	local what
	for what in ns:/proc/self/ns/net ns:/etc/passwd ns:/nowhere ns: ns:relative; do
		run -125 c run --rm --name "$ID" --userns "$what" app:v1 true
		[[ "${#lines[@]}" = 1 && "$output" == "coracle: option --userns: "* ]] || { echo "$what: $output"; return 1; }
		assert_gone "$ID"
	done
	# One of a process, with some ids, with none yet.
	local fifo=$BATS_TEST_TMPDIR/fifo keeper
	mkfifo "$fifo"
	unshare --user cat "$fifo" 3>&- &
	keeper=$!
	exec 7> "$fifo"
	until [ "$(readlink "/proc/$keeper/ns/user")" != "$host" ]; do :; done
	run -125 c run --rm --userns "ns:/proc/$keeper/ns/user" app:v1 true
	[[ "$output" == "coracle: option --userns: /proc/$keeper/ns/user: its uid_map is empty"* ]]
	echo '0 70000 1000' > "/proc/$keeper/uid_map"
	echo '0 80000 1000' > "/proc/$keeper/gid_map"
	run -0 c run --rm --userns "ns:/proc/$keeper/ns/user" app:v1 sh -c 'cat /proc/self/gid_map; stat -c %u:%g /owned'
	[ "$(words)" = "0 80000 1000 7:8" ]
	exec 7>&-
	wait "$keeper"
}

@test "a_user_joins_namespaces_that_are_his_by_their_paths" {
	base '{}' <<< 'f owned 640 7:8 - x'
	as "$CORACLE" pull -q "oci:$L:v1" > "$L.out"
	local keep="0 1 $USER_ID $USER_ID 0 1 $((USER_ID + 1)) $((USER_ID + 1)) $((65536 - USER_ID))" pid
	run -0 as "$CORACLE" run -d --name "$ID" --pidfile "$HOMEDIR/pid" --hostname kept --userns keep-id layout:v1 sleep 1000
	pid=$(< "$HOMEDIR/pid")
	run -0 as "$CORACLE" run --rm --userns "ns:/proc/$pid/ns/user" --uts "ns:/proc/$pid/ns/uts" layout:v1 sh -c 'cat /proc/self/uid_map; hostname; stat -c %u:%g /owned'
	[ "$(words)" = "$keep kept 7:8" ]
	run -0 as "$CORACLE" run --rm --network "ns:/proc/$pid/ns/net" layout:v1 readlink /proc/self/ns/net
	[ "$output" = "$(readlink "/proc/$pid/ns/net")" ]
	as "$CORACLE" rm -f "$ID"
	run -125 as "$CORACLE" run --rm --userns ns:/proc/1/ns/user layout:v1 true
	[ "${#lines[@]}" = 1 ]
}

@test "an_image_is_copied_once_for_the_same_ids_until_nothing_needs_the_copy" {
	base '{}' <<- 'END'
		f owned 640 7:8 - x
		f other 644 0:0 - y
		d dir 755 5:6
		f dir/file 644 5:6 - z
		l link - - owned
	END
	as "$CORACLE" pull -q "oci:$L:v1" > "$L.out"
	local store=$HOMEDIR/.local/share/coracle/images own
	layers() { ls "$store/layers/sha256" | wc -l; }
	own=$(layers)
	# Killed when the copy is there, but not yet on the disk.
	run -137 as strace -qqq -e signal=none -o /dev/null -e trace=syncfs -e inject=syncfs:signal=KILL:when=1 \
		"$CORACLE" run --rm --name "$ID" --userns keep-id layout:v1 true
	[ "$(layers)" = "$own" ]
	as "$CORACLE" cleanup > "$L.out"
	[ -z "$(ls -A "$store/containers")" ]
	# What one container writes is not in the next one, nor in the image.
	local change='rm /other && echo 1 > /dir/new && chown 9:10 /dir/file && mv /dir/file /dir/moved && chmod 700 /dir && stat -c %u:%g:%a /dir /dir/moved /owned'
	local show='cat /other; ls /dir; stat -c %u:%g:%a /dir /dir/file /owned; readlink /link; id -un'
	run -0 as "$CORACLE" run -d --name "$ID" --userns keep-id layout:v1 sleep 1000
	run -0 as "$CORACLE" run --rm --userns keep-id -u 0 layout:v1 sh -c "$change"
	[ "$(words)" = "5:6:700 9:10:644 7:8:640" ]
	run -0 as "$CORACLE" run --rm --userns keep-id layout:v1 sh -c "$show"
	[ "$(words)" = "yfile 5:6:755 5:6:644 7:8:640 owned tester" ]
	[ "$(layers)" = $((own + 1)) ]
	run -0 as "$CORACLE" run --rm --userns keep-id:uid=50 -u 0 layout:v1 sh -c "$show"
	[ "$(words)" = "yfile 5:6:755 5:6:644 7:8:640 owned root" ]
	[ "$(layers)" = $((own + 2)) ]
	run -0 as "$CORACLE" run --rm layout:v1 sh -c "$show"
	[ "$(words)" = "yfile 5:6:755 5:6:644 7:8:640 owned root" ]
	# Those that no container has go when the store is put in order; the one of the container stays.
	as "$CORACLE" prune > "$L.out"
	[ "$(layers)" = $((own + 1)) ]
	run -0 as "$CORACLE" exec "$ID" cat /other
	as "$CORACLE" rmi layout:v1 > "$L.out"
	run -0 as "$CORACLE" exec "$ID" cat /other
	[ "$output" = y ]
	as "$CORACLE" rm -f "$ID"
	as "$CORACLE" prune > "$L.out"
	[ "$(layers)" = 0 ]
	[ -z "$(ls -A "$store/tmp")" ]
}
