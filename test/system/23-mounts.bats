#!/usr/bin/env bats
# 23-mounts.bats - mounts that are no path of the host's: images, parts of volumes, overlays; and files that are given away.
# shellcheck disable=SC2016,SC2034 # what containers' shells expand; L is base's

load rootless

setup() {
	rootless_setup
	L=$HOMEDIR/layout
}

teardown() {
	rootless_teardown
}

# An image of its own, tool:v1: two layers, of which the second hides a file of the first.
tool() {
	local to=$HOMEDIR/tool
	tar_of "$to.tar" <<- 'END'
		d bin 755 0:0
		f bin/old 755 0:0 - old
		f bin/tool 755 7:8 - tool
		l bin/link - - tool
		l bin/out - - /etc
	END
	layer "$to" "$to.tar"
	tar_of "$to.tar" <<- 'END'
		d bin 755 0:0
		f bin/.wh.old 644 0:0 -
	END
	layer "$to" "$to.tar"
	image_end "$to" v1 > /dev/null
	"$CORACLE" pull -q "oci:$to:v1" > /dev/null
	"$CORACLE" tag tool:v1 localhost/tool:1
}

# Nothing is left of containers.
assert_none() {
	[ -z "$(find "$CORACLE_STORE/tmp" "$CORACLE_STORE/containers" -mindepth 1)" ]
	run -1 grep -F "$CORACLE_STORE" /proc/self/mountinfo
}

@test "an_image_is_mounted_beside_the_root_and_read_only" {
	base '{}' <<< 'f data/file 644 0:0 - x'
	tool
	local look='ls /tool/bin; stat -c %u:%g /tool/bin/tool; cat /tool/bin/tool /tool/bin/link; { echo > /tool/x; } 2> /dev/null || echo no; readlink /tool/bin/out'
	run -0 c run --rm --mount type=image,source=localhost/tool:1,target=/tool app:v1 sh -c "$look"
	[ "${lines[*]}" = "link out tool 7:8 tooltoolno /etc" ]
	# What is written where that is wanted goes with the container, and no other sees it.
	run -0 c run --name "$ID" --mount type=image,src=tool:v1,dst=/tool,rw=true --mount type=image,src=tool:v1,dst=/two,readwrite=true \
		app:v1 sh -c 'echo new > /tool/bin/tool; rm /tool/bin/link; cat /tool/bin/tool /two/bin/tool; ls /tool/bin'
	[ "${lines[*]}" = "new toolout tool" ]
	c rm "$ID"
	run -0 c run --rm --mount type=image,src=tool:v1,dst=/tool app:v1 sh -c "$look"
	[ "${lines[*]}" = "link out tool 7:8 tooltoolno /etc" ]
	# Over what the image or a volume has there, and without any image of its own.
	run -0 c run --rm -v /v --mount type=image,src=tool:v1,dst=/v/data app:v1 cat /v/data/bin/tool
	[ "$output" = tool ]
	run -0 c run --rm --mount type=image,src=tool:v1,dst=/tool --rootfs "$ROOTFS" cat /tool/bin/tool
	[ "$output" = tool ]
	run -125 c run --rm --mount type=image,src=none:v1,dst=/tool app:v1 true
	[[ "$output" == *"option --mount: none names no registry"* && "${#lines[@]}" = 1 ]]
	run -125 c run --rm --mount type=image,dst=/tool app:v1 true
	[[ "$output" == *"an image such as source=app:1" ]]
	run -125 c run --rm --mount type=image,src=tool:v1,dst=/tool,rslave app:v1 true
	[[ "$output" == *"known for an image: known are source=, target=, subpath=, rw" ]]
	c run -d --name "$ID" --mount type=image,src=tool:v1,dst=/tool app:v1 sleep 1000
	run -0 c exec "$ID" cat /tool/bin/tool
	[ "$output" = tool ]
	run -1 c run --rm --volumes-from "$ID" app:v1 ls /tool
	c rm -f "$ID"
	assert_none
}

@test "an_image_that_is_mounted_somewhere_is_not_taken_away" {
	base '{}' <<< 'f data/file 644 0:0 - x'
	tool
	c run --name "$ID" --mount type=image,src=tool:v1,dst=/tool app:v1 true
	run -0 "$CORACLE" prune -a
	[[ "$output" != *tool:v1* ]]
	run -0 c run --rm --pull never --mount type=image,src=tool:v1,dst=/tool app:v1 cat /tool/bin/tool
	# Without its names its layers stay, as a root's do.
	c run -d --name "$ID-2" --mount type=image,src=tool:v1,dst=/tool app:v1 sleep 1000
	run -0 "$CORACLE" rmi tool:v1 localhost/tool:1
	run -0 c exec "$ID-2" cat /tool/bin/tool
	[ "$output" = tool ]
	c rm -f "$ID" "$ID-2"
	run -0 "$CORACLE" prune
	[ "$(find "$CORACLE_STORE/layers/sha256" -mindepth 1 -maxdepth 1 | wc -l)" = 2 ]
	assert_none
}

@test "a_part_of_an_image_or_a_volume_is_shown_and_nothing_leads_out_of_it" {
	base '{}' <<< 'f data/file 644 0:0 - x'
	tool
	run -0 c run --rm --mount type=image,src=tool:v1,dst=/tool,subpath=bin app:v1 cat /tool/tool
	[ "$output" = tool ]
	run -125 c run --rm --mount type=image,src=tool:v1,dst=/tool,image-subpath=bin/out app:v1 ls /tool
	[[ "$output" == *"the mount on /tool: the path 'bin/out' leads out of tool:v1" ]]
	run -0 c run --rm -v mine:/v app:v1 sh -c 'mkdir -p /v/a/b; echo deep > /v/a/b/c; ln -s a/b /v/in; ln -s /etc /v/etc; ln -s ../../.. /v/up; echo file > /v/f'
	run -0 c run --rm --mount type=volume,src=mine,dst=/x,volume-subpath=a/b app:v1 sh -c 'cat /x/c; echo more > /x/d'
	[ "$output" = deep ]
	[ "$(cat "$CORACLE_STORE/volumes/mine/_data/a/b/d")" = more ]
	run -0 c run --rm --mount type=volume,src=mine,dst=/x,subpath=in,ro app:v1 sh -c 'cat /x/c; { echo > /x/e; } 2> /dev/null || echo no'
	[ "$output" = $'deep\nno' ]
	run -0 c run --rm --mount type=volume,src=mine,dst=/x,subpath=f,ro app:v1 cat /x
	[ "$output" = file ]
	local part
	for part in etc up ../.. a/../.. up/etc in/../../..; do
		run -125 c run --rm --mount "type=volume,src=mine,dst=/x,volume-subpath=$part" app:v1 ls /x
		[[ "$output" == *"the mount on /x: the path '$part' leads out of "* && "${#lines[@]}" = 1 ]]
	done
	run -125 c run --rm --mount type=volume,src=mine,dst=/x,volume-subpath=none app:v1 ls /x
	[[ "$output" == *"the path 'none' in "*": No such file or directory" ]]
	run -0 c run --rm --mount type=volume,src=mine,dst=/x,subpath=/a/b app:v1 cat /x/c
	[ "$output" = deep ]
	run -125 c run --rm --mount type=volume,src=mine,dst=/x,volume-subpath=/ app:v1 ls /x
	[[ "$output" == *"'volume-subpath=/' is not known for a volume"* ]]
	run -125 c run --rm --mount type=bind,src=/etc,dst=/x,subpath=a app:v1 ls /x
	# Who has only the part may not have the rest by another's --volumes-from.
	c run -d --name "$ID" --mount type=volume,src=mine,dst=/x,volume-subpath=a app:v1 sleep 1000
	run -1 "$CORACLE" volume rm mine
	run -125 c run --rm --volumes-from "$ID" app:v1 true
	[[ "$output" == *"what $ID has on /x is its own"* ]]
	c rm -f "$ID"
	assert_none
}

@test "a_part_of_a_volume_that_is_swapped_for_a_link_meanwhile_never_leads_out" {
	base '{}' <<< 'f data/file 644 0:0 - x'
	run -0 c run --rm -v mine:/v app:v1 sh -c 'mkdir /v/a; echo inside > /v/a/which; ln -s / /v/link'
	local data=$CORACLE_STORE/volumes/mine/_data i bait=$HOMEDIR/which
	echo outside > "$bait"
	ln -sfn "$HOMEDIR" "$data/link"
	"$TOOLS/swap" "$data/a" "$data/link" &
	local swapper=$!
	for i in {1..40}; do
		run c run --rm --mount type=volume,src=mine,dst=/x,volume-subpath=a app:v1 cat /x/which
		[[ "$output" == inside || "$output" == *"leads out of"* ]] || break
	done
	kill "$swapper"
	wait "$swapper" || true
	[[ "$output" == inside || "$output" == *"leads out of"* ]]
	assert_none
}

@test "files_are_given_to_the_containers_user_and_never_what_links_lead_to" {
	base '{}' <<< 'f data/file 644 0:0 - x'
	local d=$HOMEDIR/given out=$HOMEDIR/out
	mkdir -p "$d/deep/er" "$out"
	echo a > "$d/deep/er/file"
	mkfifo "$d/fifo"
	echo b > "$out/file"
	ln -s "$out" "$d/link"
	ln -s "$out/file" "$d/deep/link"
	chown -hR 0:0 "$d" "$out"
	run -0 c run --rm --user 5:6 -v "$d:/x:U" app:v1 sh -c 'echo new > /x/deep/er/new; stat -c %u:%g /x /x/deep /x/deep/er/file /x/fifo'
	[ "$output" = $'5:6\n5:6\n5:6\n5:6' ]
	[ "$(stat -c %u:%g "$d" "$d/link" "$d/deep/link" "$out" "$out/file")" = $'5:6\n5:6\n5:6\n0:0\n0:0' ]
	run -0 c run --rm --user 9 --mount "type=bind,src=$d,dst=/x,U=true" app:v1 stat -c %u /x/deep/er/file
	[ "$output" = 9 ]
	run -0 c run --rm --user 5:6 --mount type=volume,src=mine,dst=/data,chown=true app:v1 stat -c %u:%g /data /data/file
	[ "$output" = $'5:6\n5:6' ]
	run -0 c run --rm --user 7:7 --mount type=volume,src=mine,dst=/x,subpath=file,U app:v1 stat -c %u:%g /x
	[ "$output" = 7:7 ]
	# What goes meanwhile needs nobody.
	chown -hR 0:0 "$d"
	run -0 strace -f -qqq -o "$L.trace" -P "$d/deep/er" -e trace=fchownat,newfstatat -e inject=fchownat:error=ENOENT:when=1 \
		-e inject=newfstatat:error=ENOENT:when=3 "$CORACLE" run --root "$STATE" --rm --user 5 -v "$d:/x:U" app:v1 stat -c %u /x/fifo /x/deep
	[ "$output" = $'5\n5' ]
	grep -q 'fchownat.*INJECTED' "$L.trace"
	# What is mounted further down is another's.
	mkdir "$d/mount"
	BEFORE="mount -t tmpfs -o uid=3 none $d/mount" XDG='' run -0 unshare -m sh -c \
		'mount -t tmpfs -o uid=3 none "$1/mount"; "$2" run --root "$3" --rm --user 5 -v "$1:/x:U" app:v1 stat -c %u /x/deep /x/mount' \
		sh "$d" "$CORACLE" "$STATE"
	[ "$output" = $'5\n3' ]
	# Also of the same file system.
	mkdir "$d/same"
	touch "$d/single"
	run -0 unshare -m sh -c 'mount --bind "$4" "$1/same"; mount --bind "$4/file" "$1/single"
		"$2" run --root "$3" --rm --user 5 -v "$1:/x:U" app:v1 stat -c %u /x/deep /x/same /x/same/file /x/single' \
		sh "$d" "$CORACLE" "$STATE" "$out"
	[ "$output" = $'5\n0\n0\n0' ]
	local dear
	for dear in / /etc /usr/ /var/../home; do
		run -125 c run --rm --user 5 -v "$dear:/x:U" app:v1 true
		[[ "$output" == *"the mount on /x: "*" is the machine's, and not for a container's user" ]]
	done
	[ "$(stat -c %u / /etc /usr /home)" = $'0\n0\n0\n0' ]
	run -125 c run --rm -v "$d:/x:U,O" app:v1 true
	[[ "$output" == *"give either" ]]
	assert_none
}

@test "an_overlay_over_a_directory_takes_what_is_written_and_leaves_it_as_it_was" {
	base '{}' <<< 'f data/file 644 0:0 - x'
	local d="$HOMEDIR/some, where"
	mkdir -p "$d/sub"
	mkdir "$HOMEDIR/plain"
	echo old | tee "$d/sub/file" > "$HOMEDIR/plain/file"
	chown -R 3:4 "$d"
	run -0 c run --name "$ID" -v "$d:/x:O" -v mine:/data:O app:v1 sh -c \
		'stat -c %u:%g:%a /x; echo new > /x/sub/file; rm /data/file; touch /data/a /x/b; cat /x/sub/file; ls -A /data'
	[ "${lines[*]}" = "3:4:755 new a" ]
	[ "$(cat "$d/sub/file") $(ls -A "$d")" = "old sub" ]
	[ "$(ls -A "$CORACLE_STORE/volumes/mine/_data")" = file ]
	run -0 find "$CORACLE_STORE/containers/$ID" -name b
	[ -n "$output" ]
	c rm "$ID"
	run -0 c run --rm -v "$d:/x:O,ro" app:v1 sh -c '{ echo > /x/c; } 2> /dev/null || echo no; cat /x/sub/file'
	[ "$output" = $'no\nold' ]
	# Before Linux 6.15 what is mounted nowhere cannot be cloned; then it is that itself.
	run -0 strace -qqq -o "$L.trace" -e trace=open_tree -e inject=open_tree:error=EINVAL:when=1 \
		"$CORACLE" run --root "$STATE" --rm -v "$HOMEDIR/plain:/x:O" app:v1 sh -c 'echo new > /x/file; cat /x/file'
	[ "$output" = new ]
	grep -q '/proc/.*INJECTED' "$L.trace"
	[ "$(cat "$HOMEDIR/plain/file")" = old ]
	run -125 c run --rm -v "$d/sub/file:/x:O" app:v1 true
	[[ "$output" == *"only a directory can have an overlay" ]]
	run -125 c run --rm -v "$d:/x:O,upperdir=/tmp" app:v1 true
	assert_none
}

@test "what_a_killed_run_or_its_monitor_left_of_such_mounts_is_found_by_cleanup" {
	base '{}' <<< 'f data/file 644 0:0 - x'
	tool
	c run -d --name "$ID" -v "$HOMEDIR:/x:O" --mount type=image,src=tool:v1,dst=/tool,rw app:v1 sh -c 'touch /x/a /tool/a; exec sleep 1000'
	kill -KILL "$(jq -r 'select(.owner != null) | .owner' "$STATE/$ID/state.json" 2> /dev/null | tail -n 1)" 2> /dev/null || true
	c rm -f "$ID"
	assert_none
	# ... and of a run that is killed as soon as it has an overlay.
	run strace -f -qqq -o /dev/null -e trace=fsmount -e inject=fsmount:signal=KILL:when=3 "$CORACLE" run --root "$STATE" --name "$ID" \
		-v "$HOMEDIR:/x:O" --mount type=image,src=tool:v1,dst=/tool app:v1 true
	[ -d "$CORACLE_STORE/containers/$ID/mounts" ]
	c cleanup "$ID"
	assert_none
}

@test "in_a_user_namespace_an_image_and_an_overlay_have_the_containers_ids" {
	base '{}' <<< 'f data/file 644 0:0 - x'
	tool
	mkdir "$HOMEDIR/d"
	touch "$HOMEDIR/d/file"
	chown -R 7:8 "$HOMEDIR/d"
	run -0 c run --rm --uidmap 0:500000:1000 --gidmap 0:600000:1000 --user 7:8 -v "$HOMEDIR/d:/x:O" -v mine:/data:U \
		--mount type=image,src=tool:v1,dst=/tool,rw app:v1 sh -c \
		'stat -c %u:%g /x/file /tool/bin/tool /data/file; touch /x/new && echo more >> /tool/bin/tool && cat /tool/bin/tool; stat -c %u /x/new'
	[ "${lines[*]}" = "7:8 7:8 7:8 toolmore 7" ]
	[ "$(ls "$HOMEDIR/d")" = file ]
	assert_none
}

@test "a_user_has_them_too" {
	base '{}' <<< 'f data/file 644 0:0 - x'
	tool
	local run
	chmod 755 "$HOMEDIR"
	for run in "oci:$L:v1" "oci:$HOMEDIR/tool:v1"; do as "$CORACLE" pull -q "$run" > /dev/null; done
	as mkdir d
	as touch d/file
	run -0 as "$CORACLE" run --rm --user 5:6 -v "$HOMEDIR/d:/x:O" --mount type=image,src=tool:v1,dst=/tool --mount type=volume,src=mine,dst=/data,U \
		--mount type=volume,src=mine,dst=/part,subpath=file layout:v1 sh -c 'stat -c %u:%g /x/file /tool/bin/tool /data/file /part; cat /tool/bin/tool; { echo > /tool/x; } 2> /dev/null || echo no'
	[ "${lines[*]}" = "0:0 7:8 5:6 5:6 toolno" ]
	[ -z "$(find "$HOMEDIR/.local/share/coracle/containers" -mindepth 1)" ]
}

@test "a_bundle_has_of_these_what_a_configuration_can_say" {
	base '{}' <<< 'f data/file 644 0:0 - x'
	tool
	local option
	for option in "--mount type=image,src=tool:v1,dst=/x" "-v $HOMEDIR:/x:O" "--mount type=volume,src=mine,dst=/x,subpath=a"; do
		# shellcheck disable=SC2086 # two words
		run -1 "$CORACLE" bundle -q $option app:v1 "$HOMEDIR/bundle" true
		[[ "$output" == *"the mount on /x: a bundle's config.json has no words for it: only coracle run has images, parts of volumes and overlays" ]]
		[ ! -e "$HOMEDIR/bundle" ]
		[ -z "$("$CORACLE" volume ls -q)" ]
	done
	mkdir "$HOMEDIR/d"
	run -0 "$CORACLE" bundle -q --user 5:6 -v "$HOMEDIR/d:/x:U" app:v1 "$HOMEDIR/bundle" true
	[ "$(stat -c %u:%g "$HOMEDIR/d")" = 5:6 ]
	jq -e '.mounts[] | select(.destination == "/x") | .options == ["rbind"]' "$HOMEDIR/bundle/config.json"
}

@test "a_container_is_replaced_by_one_with_such_mounts" {
	base '{}' <<< 'f data/file 644 0:0 - x'
	tool
	c run -d --name "$ID" app:v1 sleep 1000
	run -125 c run -d --name "$ID" --replace --mount type=image,src=tool:v1,dst=/tool -v "$HOMEDIR:/x:O" --sysctl net.none=1 app:v1 true
	run -0 c exec "$ID" true
	# What cannot be had is said while the other one is still there.
	"$CORACLE" run --root "$STATE" --rm -v mine:/v app:v1 touch /v/f
	local mount
	for mount in type=image,src=tool:v1,dst=/x,subpath=none type=image,src=tool:v1,dst=/x,subpath=../.. \
		type=volume,src=mine,dst=/x,subpath=none type=volume,src=fresh,dst=/x,subpath=none type=volume,dst=/x,subpath=none \
		type=bind,src=/etc,dst=/x,U; do
		run -125 c run -d --name "$ID" --replace --mount "$mount" app:v1 true
		[[ "$output" == "coracle: the mount on /x: "* && "${#lines[@]}" = 1 ]] || { echo "$output"; return 1; }
		run -0 c exec "$ID" true
	done
	run -125 c run -d --name "$ID" --replace -v mine:/x:O,U app:v1 true
	[ "$output" = "coracle: option --volume: mine:/x:O,U: what U gives away O would not change: give either" ]
	run -0 c exec "$ID" true
	run -0 c run --name "$ID" --replace --mount type=image,src=tool:v1,dst=/tool -v "$HOMEDIR:/x:O" app:v1 cat /tool/bin/tool
	[ "$output" = tool ]
	# A new volume may have it from the image.
	run -0 c run --name "$ID" --replace --mount type=volume,src=fresh,dst=/x,subpath=file -v fresh:/data app:v1 cat /x
	[ "$output" = x ]
	c rm "$ID"
	assert_none
}
