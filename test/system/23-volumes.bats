#!/usr/bin/env bats
# bats file_tags=long
# 23-volumes.bats - volumes of the store: what they begin with, who keeps them, two at once, a kill at any call, hostile names.
# shellcheck disable=SC2016,SC2034 # what containers' shells expand; L is base's

[ -z "${TORTURE:-}" ] || export BATS_TEST_TIMEOUT=7200
load rootless
load injected

setup() {
	rootless_setup
	L=$HOMEDIR/layout
}

teardown() {
	[ -z "${OWNER:-}" ] || kill -KILL "$OWNER" 2> /dev/null || true # one that was stopped
	rootless_teardown
}

volumes() {
	"$CORACLE" volume ls -q
}

# stopped LOG - waits until strace has told there that a process stands still.
stopped() {
	until grep -qs "stopped by SIGSTOP" "$1"; do sleep 0.01; done
}

# Nothing but whole volumes: no work, no mark of a container.
assert_no_work() {
	[ -z "$(find "$CORACLE_STORE/tmp" "$CORACLE_STORE/containers" -mindepth 1)" ]
}

@test "a_volume_begins_with_what_the_image_has_there_and_outlives_containers" {
	base '{}' <<- 'END'
		d data 1750 5:6
		f data/file 640 7:8 - old
		h data/same - - data/file
		l data/link - - file
		f data/deep/er 600 0:0 - deep
	END
	run -0 c run --rm -v mine:/data app:v1 sh -c 'stat -c %n:%u:%g:%a:%h /data /data/file; readlink /data/link; cat /data/deep/er; echo new > /data/file'
	[ "${lines[*]}" = "/data:5:6:1750:3 /data/file:7:8:640:2 file deep" ]
	[ "$(volumes)" = mine ]
	[ "$(stat -c %u:%g:%a "$CORACLE_STORE/volumes/mine/_data")" = 5:6:1750 ]
	# Whoever may look into the store may not look into volumes.
	[ "$(stat -c %a "$CORACLE_STORE/volumes" "$CORACLE_STORE/volumes/mine")" = $'700\n700' ]
	# Elsewhere in another container it is what it has become.
	run -0 c run --rm -v mine:/other:ro app:v1 sh -c 'cat /other/same; { echo > /other/x; } 2> /dev/null || echo no; cat /data/file'
	[ "$output" = $'new\nno\nold' ]
	run -0 c run --rm --mount type=volume,src=mine,dst=/data app:v1 rm -r /data/file /data/same /data/link /data/deep
	# It is new no more: empty, it stays empty.
	run -0 c run --rm --mount src=mine,dst=/data,readonly app:v1 ls -A /data
	[ -z "$output" ]
	run -0 c run --rm -v none:/data:nocopy app:v1 ls -A /data
	[ -z "$output" ]
	run -0 c run --rm --mount type=volume,src=none2,dst=/data,volume-nocopy app:v1 ls -A /data
	[ -z "$output" ]
	run -0 c run --rm -v nowhere:/new/place app:v1 stat -c %u:%g:%a /new/place
	[ "$output" = 0:0:755 ]
	run -0 "$CORACLE" volume create first
	[ "$output" = first ]
	run -0 c run --rm -v first:/data app:v1 cat /data/file
	[ "$output" = old ]
	assert_no_work
}

@test "a_volume_in_use_is_not_removed_and_who_uses_it_is_named" {
	base '{}' <<< 'f data/file 644 0:0 - x'
	run -0 c run --name "$ID" -v mine:/data app:v1 true
	run -1 "$CORACLE" volume rm mine
	[ "$output" = "coracle: volume mine is used by container $ID; remove that first, with: coracle rm $ID (what a crash left of it: coracle cleanup)" ]
	run -0 "$CORACLE" volume prune --all
	[ -z "$output" ]
	run -0 "$CORACLE" volume ls
	[[ "${lines[0]}" == NAME*CREATED*CONTAINERS && "${lines[1]}" == mine*"$ID" ]]
	run -0 "$CORACLE" volume inspect mine
	[ "$(jq -c '.[0] | [.name, .mountpoint, .anonymous, .containers]' <<< "$output")" = "[\"mine\",\"$CORACLE_STORE/volumes/mine/_data\",false,[\"$ID\"]]" ]
	c rm "$ID"
	# Of a container that is removed meanwhile there is no more to be read.
	mkdir "$CORACLE_STORE/containers/going"
	run -0 strace -f -qqq -o /dev/null -e inject=faccessat:retval=0 "$CORACLE" volume ls
	rmdir "$CORACLE_STORE/containers/going"
	[ "$("$CORACLE" volume ls --json | jq -c '.[].containers')" = '[]' ]
	run -0 "$CORACLE" volume rm mine
	[ "$output" = mine ]
	run -1 "$CORACLE" volume rm mine
	[[ "$output" == *"no volume mine" ]]
	run -0 "$CORACLE" volume rm -f mine
	run -0 "$CORACLE" volume create -l a=1 -l a=2 -l ab=3 -l b mine
	[ "$("$CORACLE" volume inspect mine | jq -c '.[].labels')" = '{"a":"2","ab":"3","b":""}' ]
	"$CORACLE" volume inspect mine | grep -c '"a"' | grep -qx 1
	"$CORACLE" volume rm mine
	run -1 "$CORACLE" volume inspect mine
	[[ "$output" == *"no volume mine" ]]
	[ "$("$CORACLE" volume ls --json)" = '[]' ]
	assert_no_work
}

@test "a_volume_without_a_name_goes_with_a_container_that_is_to_be_removed" {
	base '{}' <<< 'f data/file 644 0:0 - x'
	run -0 c run --rm -v /data -v mine:/mine app:v1 cat /data/file
	[ "$output" = x ]
	[ "$(volumes)" = mine ]
	c run -d --rm --name "$ID" --mount type=volume,dst=/data app:v1 true
	await_no_path "$STATE/$ID"
	[ "$(volumes)" = mine ]
	# One that fails has never been.
	run -127 c run --name "$ID" -v /data app:v1 nosuch
	[ "$(volumes)" = mine ]
	c run --name "$ID" -v /data -v mine:/mine app:v1 true
	c rm "$ID"
	[ "$(volumes | wc -l)" = 2 ]
	run -0 "$CORACLE" volume prune
	[ "${#output}" = 64 ]
	[ "$(volumes)" = mine ]
	c run --name "$ID" -v /data -v mine:/mine app:v1 true
	c rm -v "$ID"
	[ "$(volumes)" = mine ]
	# What another has found by its name is his.
	c run -d --rm --name "$ID" -v /data app:v1 sleep 1000
	run -0 c run --name "$ID-2" -v "$(volumes | grep -v mine):/d" app:v1 cat /d/file
	c rm -f "$ID"
	[ "$(volumes | wc -l)" = 2 ]
	c rm -v "$ID-2"
	[ "$(volumes | wc -l)" = 2 ]
	# ... also when it has been nobody's: what fails, or is removed, takes away no more than it has made.
	run -127 c run --rm --name "$ID" -v "$(volumes | grep -v mine):/d" app:v1 nosuch
	[ "$(volumes | wc -l)" = 2 ]
	run -0 "$CORACLE" volume prune
	[ "$(volumes)" = mine ]
	run -0 "$CORACLE" volume prune -a
	[ "$output" = mine ]
	assert_no_work
}

@test "volumes_of_a_container_whose_list_of_them_cannot_be_read_stay_and_one_line_says_so" {
	local note=$CORACLE_STORE/containers/$ID/volumes words="coracle: warning: which volumes container $ID had cannot be read: "
	for why in "Is a directory" "Symbolic link loop" "larger than"; do
		c run --name "$ID" -v /data --rootfs "$ROOTFS" true
		rm "$note"
		case $why in
		Is*) mkdir "$note" ;;
		Sym*) ln -s volumes "$note" ;;
		*) head -c 1100000 /dev/zero > "$note" ;;
		esac
		run -0 --separate-stderr c rm -v "$ID"
		# shellcheck disable=SC2154 # run sets stderr
		[[ "$stderr" == "$words"*"$why"*"; they stay: look for them with coracle volume ls" ]] || { echo "$stderr"; return 1; }
		assert_gone "$ID"
		[ "$(volumes | wc -l)" = 1 ]
		run -0 "$CORACLE" volume prune
	done
	rmdir "$ROOTFS/data"
	assert_no_work
}

@test "a_crash_leaves_volumes_to_cleanup_only_with_their_container" {
	c run -d --rm --name "$ID" -v /data -v mine:/mine --rootfs "$ROOTFS" sleep 1000
	local owner
	owner=$(field "$ID" owner)
	kill -KILL "$owner"
	await_end "$owner"
	run -1 "$CORACLE" volume rm mine
	run -0 c cleanup
	assert_gone "$ID"
	[ "$(volumes)" = mine ]
	"$CORACLE" volume rm mine
	rmdir "$ROOTFS/mine" "$ROOTFS/data"
	assert_no_work
}

@test "who_is_late_to_remove_a_container_leaves_the_next_one_of_its_name_alone" {
	c run -d --rm --name "$ID" -v /data --rootfs "$ROOTFS" sleep 1000
	OWNER=$(field "$ID" owner)
	strace -q -o "$L.trace" -P "$CORACLE_STORE/lock" -e inject=flock:signal=STOP -p "$OWNER" 3>&- &
	until grep -q 'TracerPid:.[1-9]' "/proc/$OWNER/status"; do sleep 0.01; done
	c kill "$ID"
	stopped "$L.trace"
	c rm -f "$ID"
	assert_gone "$ID"
	c run -d --name "$ID" -v /data --rootfs "$ROOTFS" sleep 1000
	ls "$CORACLE_STORE/containers/$ID" > "$L"
	kill -CONT "$OWNER"
	await_end "$OWNER"
	[ -s "$L" ]
	diff "$L" <(ls "$CORACLE_STORE/containers/$ID")
	[ "$("$CORACLE" volume ls --json | jq -r '.[].containers[]')" = "$ID" ]
	c rm -fv "$ID"
	rmdir "$ROOTFS/data"
	[ -z "$(volumes)" ]
	assert_no_work
}

@test "who_changes_what_a_volume_begins_with_meanwhile_cannot_hold_it_up" {
	local root=$BATS_TEST_TMPDIR/root pid
	mkdir -p "$root/data"
	echo x > "$root/data/file"
	strace -q -o "$L.trace" -P "$root/data" -e trace=newfstatat -e inject=newfstatat:signal=STOP:when=2 \
		"$CORACLE" run --root "$STATE" --rm --name "$ID" -v v:/data --rootfs "$root" true > "$L.out" 2>&1 3>&- &
	pid=$!
	stopped "$L.trace"
	OWNER=$(pgrep -P "$pid")
	rm "$root/data/file"
	mkfifo "$root/data/file"
	kill -CONT "$OWNER"
	wait "$pid" || pid=
	[ -z "$pid" ]
	[ "$(cat "$L.out")" = "coracle: copy what the image has there into volume v: ./file is changed while it is copied" ]
	assert_gone "$ID"
}

@test "nothing_of_the_host_comes_into_a_volume_by_an_image_or_a_name" {
	mkdir "$BATS_TEST_TMPDIR/secret"
	echo secret > "$BATS_TEST_TMPDIR/secret/file"
	base '{}' <<- END
		l out - - $BATS_TEST_TMPDIR/secret
		l up - - ../../../../../../../..$BATS_TEST_TMPDIR/secret
		l proc2 - - /proc/self/root$BATS_TEST_TMPDIR/secret
		l loop - - /loop
		f file 644 0:0 - x
	END
	local path n=0 name
	for path in out up proc2 "../../..$BATS_TEST_TMPDIR/secret" loop file; do
		run c run --rm -v "v$((++n)):/$path" app:v1 find "/$path/"
		[[ "$output" != *secret/file* ]]
		[ -z "$(ls -A "$CORACLE_STORE/volumes/v$n/_data")" ]
	done
	[ "$(ls -A "$BATS_TEST_TMPDIR/secret")" = file ]
	for name in .. a/b ../x -x _x .x 'a b' 'a,b' "$(printf '%0256d' 1)" $'a\nb' ä; do
		run -1 "$CORACLE" volume create -- "$name"
		[ "${#lines[@]}" = 1 ]
		run -1 "$CORACLE" volume rm -- "$name"
		run -125 c run --rm --name "$ID" --mount "type=volume,src=$name,dst=/d" app:v1 true
		[ "${#lines[@]}" = 1 ]
		assert_gone "$ID"
	done
	run -125 c run --rm --name "$ID" -v a/b:/data app:v1 true
	[[ "$output" == *"'a/b' is neither a path nor a name of a volume: a directory is ./a/b" ]]
	run -125 c run --rm -v mine app:v1 true
	run -125 c run --rm -v mine:/proc/x app:v1 true
	# Where volumes are nobody looks through links.
	ln -s "$BATS_TEST_TMPDIR/secret" "$CORACLE_STORE/volumes/link"
	run -125 c run --rm --name "$ID" -v link:/data app:v1 true
	run -1 "$CORACLE" volume rm link
	[ -e "$BATS_TEST_TMPDIR/secret/file" ]
}

@test "two_that_use_a_new_volume_at_once_both_see_all_of_it" {
	local round i pids pid
	mkdir -p "$BATS_TEST_TMPDIR/root/data"
	cp -a "$ROOTFS/bin" "$BATS_TEST_TMPDIR/root/bin"
	(cd "$BATS_TEST_TMPDIR/root/data" && seq 1 500 | xargs touch)
	for round in 1 2 3; do
		pids=()
		for i in 1 2 3 4; do
			"$CORACLE" run --root "$STATE" --rm -v "v$round:/data" --rootfs "$BATS_TEST_TMPDIR/root" sh -c 'ls /data | wc -l' \
				> "$BATS_TEST_TMPDIR/$i" 2>&1 3>&- &
			pids+=($!)
		done
		for pid in "${pids[@]}"; do
			wait "$pid" || { cat "$BATS_TEST_TMPDIR"/[1-4]; return 1; }
		done
		[ "$(cat "$BATS_TEST_TMPDIR"/[1-4] | sort -u)" = 500 ]
	done
	assert_no_work
}

@test "a_volume_that_is_removed_while_others_use_it_is_always_whole_or_not_there" {
	local i pids=() pid
	mkdir -p "$BATS_TEST_TMPDIR/root/data"
	cp -a "$ROOTFS/bin" "$BATS_TEST_TMPDIR/root/bin"
	(cd "$BATS_TEST_TMPDIR/root/data" && seq 1 50 | xargs touch)
	for i in 1 2; do
		for ((k = 0; k < 10; k++)); do
			"$CORACLE" run --root "$STATE" --rm -v v:/data --rootfs "$BATS_TEST_TMPDIR/root" sh -c 'ls /data | wc -l' || exit
		done > "$BATS_TEST_TMPDIR/$i" 2>&1 3>&- &
		pids+=($!)
	done
	for ((k = 0; k < 40; k++)); do
		"$CORACLE" volume rm v || [ $? = 1 ]
	done > "$BATS_TEST_TMPDIR/rm" 2>&1
	for pid in "${pids[@]}"; do
		wait "$pid" || { cat "$BATS_TEST_TMPDIR"/[12]; return 1; }
	done
	[ "$(sort -u "$BATS_TEST_TMPDIR/1" "$BATS_TEST_TMPDIR/2")" = 50 ]
	"$CORACLE" volume rm -f v
	assert_no_work
}

@test "a_kill_at_any_call_leaves_a_volume_whole_or_new_and_removed_whole_or_not" {
	local name n died=0 root=$BATS_TEST_TMPDIR/root
	export ASAN_OPTIONS=detect_leaks=0 # which cannot be done under strace
	mkdir -p "$root/data/sub"
	echo x > "$root/data/sub/file"
	echo y > "$root/data/file"
	bundle() {
		rm -rf "$L.b"
		"$CORACLE" bundle -v v:/data --rootfs "$root" "$L.b" true
	}
	"$CORACLE" volume ls # makes the store
	cp -a "$CORACLE_STORE" "$L.empty"
	calls "$CORACLE" bundle -v v:/data --rootfs "$root" "$L.b" true > "$L.calls"
	grep -q '^syncfs:1$' "$L.calls"
	while read -r name n; do
		rm -rf "$CORACLE_STORE" "$L.b" && cp -a "$L.empty" "$CORACLE_STORE"
		run strace -f -qqq -e signal=none -o /dev/null -e "trace=$name" -e "inject=$name:signal=KILL:when=$n" \
			"$CORACLE" bundle -v v:/data --rootfs "$root" "$L.b" true
		[ "$status" = 0 ] || [ "$status" = 137 ] || { echo "at $name $n: $output"; return 1; }
		[ "$status" = 0 ] || died=$((died + 1))
		"$CORACLE" volume ls > "$L.out"
		bundle
		diff -r "$root/data" "$CORACLE_STORE/volumes/v/_data" || { echo "at $name $n"; return 1; }
		[ "$(ls "$CORACLE_STORE/volumes/v")" = $'_data\nvolume.json' ]
		c cleanup > "$L.out"
		assert_no_work
	done < <(points 20 < "$L.calls"; sed -n 's/^\(syncfs\|renameat\):/\1 /p' "$L.calls")
	[ "$died" -gt 10 ]
	cp -a "$CORACLE_STORE" "$L.full"
	calls "$CORACLE" volume rm v > "$L.calls"
	while read -r name n; do
		rm -rf "$CORACLE_STORE" && cp -a "$L.full" "$CORACLE_STORE"
		run strace -f -qqq -e signal=none -o /dev/null -e "trace=$name" -e "inject=$name:signal=KILL:when=$n" "$CORACLE" volume rm v
		[ ! -e "$CORACLE_STORE/volumes/v" ] || diff -r "$root/data" "$CORACLE_STORE/volumes/v/_data" || { echo "at $name $n"; return 1; }
		"$CORACLE" volume rm -f v
		c cleanup > "$L.out"
		assert_no_work
	done < <(points 8 < "$L.calls"; sed -n 's/^\(renameat\):/\1 /p' "$L.calls")
}

@test "a_bundles_volume_works_in_every_runtime" {
	base '{}' <<< 'f data/file 640 7:8 - old'
	run -0 "$CORACLE" bundle -v mine:/data --mount type=volume,src=other,dst=/o,ro app:v1 "$L.b" \
		sh -c 'cat /data/file; stat -c %u:%g /data/file; { echo > /o/x; } 2> /dev/null || echo read-only'
	ln -s "$CORACLE" "$BATS_TEST_TMPDIR/coracle-runtime"
	for runtime in runc "$BATS_TEST_TMPDIR/coracle-runtime"; do
		run -0 "$runtime" --root "$BATS_TEST_TMPDIR/run" run -b "$L.b" "bundle$$"
		[ "${lines[*]}" = "old7:8 read-only" ]
	done
	[ "$(volumes)" = $'mine\nother' ]
}

@test "a_user_has_volumes_of_his_own_with_his_ids" {
	base '{"User": "worker"}' <<- 'END'
		d data 755 1000:1000
		f data/file 640 7:8 - old
	END
	run -0 as "$CORACLE" run -q --rm -v mine:/data -v /more "oci:$L:v1" sh -c 'stat -c %u:%g /data /data/file; echo new > /data/new'
	[ "$output" = $'1000:1000\n7:8' ]
	[ "$(stat -c %u "$HOMEDIR/.local/share/coracle/images/volumes/mine/_data/new")" = $((SUB_ID + 999)) ]
	run -0 as "$CORACLE" volume ls -q
	[ "$output" = mine ]
	as "$CORACLE" run --name "$ID" -v mine:/data layout:v1 cat /data/new
	run -1 as "$CORACLE" volume rm mine
	[[ "$output" == *"used by container $ID"* ]]
	as "$CORACLE" rm "$ID"
	run -0 as "$CORACLE" volume rm mine
	[ ! -e "$HOMEDIR/.local/share/coracle/images/volumes/mine" ]
	run -0 as "$CORACLE" volume create
	run -0 as "$CORACLE" volume prune
	[ "${#output}" = 64 ]
}

@test "a_container_has_the_volumes_and_directories_of_another_run_it_or_not" {
	mkdir "$BATS_TEST_TMPDIR/host" "$BATS_TEST_TMPDIR/late"
	echo host > "$BATS_TEST_TMPDIR/host/f"
	echo late > "$BATS_TEST_TMPDIR/late/f"
	run -0 box --name "$(cid a)" -v named:/n -v /anon -v "$BATS_TEST_TMPDIR/host:/h:ro" --mount "type=bind,src=$BATS_TEST_TMPDIR/host,dst=/w" --tmpfs /t -- \
		sh -c 'echo n > /n/f; echo a > /anon/f; echo t > /t/f'
	run -0 box -d --name "$(cid b)" --volumes-from "$(cid a)" -- sleep 1000
	run -0 c exec "$(cid b)" sh -c 'cat /n/f /anon/f /h/f /w/f; echo more > /n/g; { echo > /h/x; } 2> /dev/null || echo kept; ls /t; grep -c "^shm" /proc/mounts'
	[ "$output" = $'n\na\nhost\nhost\nkept\n1' ]
	# Ours come later than theirs; and what is read-only may be all.
	run -0 box --rm --volumes-from "$(cid b):ro" -v "$BATS_TEST_TMPDIR/late:/h" -- sh -c 'cat /n/g /h/f; { echo > /w/x; } 2> /dev/null || echo kept; { echo > /n/x; } 2> /dev/null || echo kept'
	[ "$output" = $'more\nlate\nkept\nkept' ]
	run -0 box --rm --volumes-from "$(cid a):rw" -- sh -c 'echo > /h/x'
	[ -e "$BATS_TEST_TMPDIR/host/x" ]
	# They are used as long as one of them is there.
	c rm -v "$(cid a)"
	run -1 "$CORACLE" volume rm named
	[[ "$output" == *"used by container $(cid b)"* ]]
	[ "$("$CORACLE" volume ls -q | wc -l)" = 2 ]
	run -0 box --rm --volumes-from "$(cid b)" -- cat /anon/f
	[ "$output" = a ]
	# The one without a name goes with the last of them.
	run -0 box --name "$(cid d)" --volumes-from "$(cid b):ro,z" -- sh -c '{ echo > /n/x; } 2> /dev/null || cat /anon/f'
	[ "$output" = a ]
	c rm -fv "$(cid b)"
	[ "$("$CORACLE" volume ls -q | wc -l)" = 2 ]
	c rm -v "$(cid d)"
	[ "$("$CORACLE" volume ls -q)" = named ]
	# Another store has volumes of its own: there it is a directory.
	run -0 box --name "$(cid e)" -v named:/n -- true
	run -0 box --rm --store "$BATS_TEST_TMPDIR/other" --volumes-from "$(cid e)" -v own:/own -- sh -c 'cat /n/g; echo again > /n/g'
	[ "$output" = more ]
	[ "$(cat "$CORACLE_STORE/volumes/named/_data/g")" = again ]
	[ "$("$CORACLE" volume ls --store "$BATS_TEST_TMPDIR/other" -q)" = own ]
	c rm -v "$(cid e)"
	run -125 box --rm --volumes-from "$(cid a)" -- true
	[[ "$output" == "coracle: option --volumes-from: "*"$(cid a)"* ]]
	run -125 box --rm --volumes-from "$(cid a):what" -- true
	[[ "$output" == *"CONTAINER[:ro|rw]" ]]
	run -125 box --rm --volumes-from "$(cid a):ro,rw" -- true
	[[ "$output" == *"CONTAINER[:ro|rw]" ]]
	# Of a bundle, whose mounts may have no type.
	mkdir "$BATS_TEST_TMPDIR/b"
	run -0 "$CORACLE" bundle -q -v "$BATS_TEST_TMPDIR/host:/h" --rootfs "$ROOTFS" "$BATS_TEST_TMPDIR/b" sleep 1000
	jq 'del(.mounts[] | select(.destination == "/h").type)' "$BATS_TEST_TMPDIR/b/config.json" > "$BATS_TEST_TMPDIR/json"
	cp "$BATS_TEST_TMPDIR/json" "$BATS_TEST_TMPDIR/b/config.json"
	"$CORACLE" runtime --root "$STATE" create -b "$BATS_TEST_TMPDIR/b" "$(cid b)" < /dev/null > "$BATS_TEST_TMPDIR/out" 2>&1
	run -0 box --rm --volumes-from "$(cid b)" -- cat /h/f
	[ "$output" = host ]
	"$CORACLE" runtime --root "$STATE" delete -f "$(cid b)"
}
