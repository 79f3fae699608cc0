#!/usr/bin/env bats
# 22-store.bats - what can be done with the images of the store: look, name, prune, save, load, bundle.
# shellcheck disable=SC2030,SC2031 # each test has a store of its own

load helper
load images

setup() {
	export CORACLE_STORE=$BATS_TEST_TMPDIR/store
	export HOME=$BATS_TEST_TMPDIR
	L=$BATS_TEST_TMPDIR/layout
}

# named LAYOUT NAME STORENAME [CONFIG] - an image of two layers in the store under that name.
named() {
	tar_of "$1.tar" <<- END
		d dir 755 3:4
		f dir/below 640 3:4 - below
		f gone 644 0:0 - gone
	END
	layer "$1" "$1.tar"
	tar_of "$1.tar" <<- END
		f hello 644 0:0 - hello-from-$2-$BATS_TEST_NUMBER
		f .wh.gone 644 0:0
	END
	layer "$1" "$1.tar" "${PACKED:-gzip}"
	image_end "$1" "$2" "${4:-}" > /dev/null
	"$CORACLE" pull -q "oci:$1:$2" > /dev/null
	"$CORACLE" tag "${1##*/}:$2" "$3" > /dev/null
	"$CORACLE" rmi "${1##*/}:$2" > /dev/null
}

@test "inspect_tells_what_skopeo_tells" {
	named "$L" v1 reg.example/app:1 '{"Env":["A=b"],"Cmd":["/x","y"],"Healthcheck":{"Test":["NONE"]},"Labels":{"l":"m"}}'
	run -0 "$CORACLE" inspect app:1
	[ "$(jq -r 'length, .[0].name, .[0].names[0]' <<< "$output" | paste -sd ' ')" = "1 reg.example/app:1 reg.example/app:1" ]
	[ "$(jq -r '.[0].digest' <<< "$output")" = "$(skopeo inspect --format '{{.Digest}}' "oci:$CORACLE_STORE:reg.example/app:1")" ]
	[ "$(jq -S '.[0].config' <<< "$output")" = "$(image_config reg.example/app:1 | jq -S .config)" ]
	[ "$(jq -c '[.[0].layers[] | {digest, size, mediaType}] | sort' <<< "$output")" = \
		"$(skopeo inspect --raw "oci:$CORACLE_STORE:reg.example/app:1" | jq -c '[.layers[] | {digest, size, mediaType}] | sort')" ]
	[ "$(jq -r '.[0].layers[].diffId' <<< "$output")" = \
		"$(skopeo inspect --config "oci:$CORACLE_STORE:reg.example/app:1" | jq -r '.rootfs.diff_ids[]')" ]
	[ "$(cat "$(jq -r '.[0].layers[1].directory' <<< "$output")/hello")" = "hello-from-v1-$BATS_TEST_NUMBER" ]
	run -0 "$CORACLE" inspect --format table app:1
	[[ "$output" == *"COMMAND     /x"*"ENV         A=b"* ]]
}

@test "what_an_image_says_of_itself_does_not_speak_to_a_terminal" {
	tar_of "$L.tar" <<< "f hello 644 0:0 - x"
	layer "$L" "$L.tar"
	image_end "$L" v1 '{"Env": ["A=\u001b]0;x\u0007\nUSER root"], "User": "\u007f9"}' > /dev/null
	run -0 "$CORACLE" pull -q "oci:$L:v1"
	run -0 "$CORACLE" inspect --format table layout:v1
	[[ "$output" == *"ENV         A=?]0;x??USER root"* && "$output" == *"USER        ?9"* ]]
}

@test "pull_and_rmi_go_on_after_one_that_is_not_there" {
	simple "$L" v1
	simple "$L.2" v2
	run --separate-stderr -1 "$CORACLE" pull -q "oci:$L:v1" "oci:$L:nope" "oci:$L.2:v2" "oci:$L.no:v1"
	[ "${#lines[@]}" = 2 ]
	# shellcheck disable=SC2154
	[[ "$stderr" == "coracle: no image called nope in the layout $L"$'\n'"coracle: open the layout $L.no: "* ]]
	run --separate-stderr -1 "$CORACLE" pull --timeout 0 "oci:$L:v1" "oci:$L.2:v2"
	[ "$stderr" = "coracle: option --timeout: 0 is not from 1 to 86400 seconds" ]
	run --separate-stderr -1 "$CORACLE" rmi layout:v1 nope:1 layout.2:v2
	[ "$output" = $'layout:v1\nlayout.2:v2' ]
	[[ "$stderr" == "coracle: image nope:1 is not in the store"* ]]
	run -0 "$CORACLE" rmi -f nope:1
	[ -z "$output" ]
	assert_empty_store
}

@test "nothing_is_saved_to_a_stdout_that_is_closed_and_that_is_said" {
	named "$L" v1 app:1
	# shellcheck disable=SC2016 # the inner shell's
	run -1 --separate-stderr sh -c '"$1" save app:1 >&-' sh "$CORACLE"
	# shellcheck disable=SC2154
	[ "$stderr" = "coracle: write to stdout: Bad file descriptor" ]
}

@test "a_store_may_be_named_from_the_working_directory" {
	simple "$L" v1
	cd "$BATS_TEST_TMPDIR"
	run -0 env -u CORACLE_STORE "$CORACLE" pull -q --store here "oci:$L:v1"
	[ -f here/oci-layout ]
	run -0 "$CORACLE" images --store ./here/ -q
	[ "${#output}" = 12 ]
	run -0 env CORACLE_STORE=here "$CORACLE" images -q
	[ "${#output}" = 12 ]
	run -1 "$CORACLE" images --store ""
	[ "$output" = "coracle: option --store: '' is not a path" ]
	run -1 "$CORACLE" load < /dev/null
	[ "$output" = "coracle: load standard input: it is empty" ]
}

@test "a_pull_that_may_not_open_enough_files_ends" {
	local files seen=0
	simple "$L" v1
	for files in {7..40}; do
		run timeout 60 bash -c "ulimit -n $files; exec \"$CORACLE\" pull -q \"oci:$L:v1\""
		[ "$status" -le 1 ]
		[[ $output != *"work directory"* ]] || seen=1
		# To remove something takes files, too; the next who can does it.
		[ ! -e "$CORACLE_STORE/tmp" ] || [ "$(find "$CORACLE_STORE/tmp" -mindepth 1 -maxdepth 1 | wc -l)" -lt "$files" ]
	done
	[ "$status$seen" = 01 ]
	[ -z "$(ls -A "$CORACLE_STORE/tmp")" ]
}

@test "an_image_of_more_names_loses_none_that_was_not_said" {
	named "$L" v1 one.example/app:1
	local id
	id=$("$CORACLE" images -q)
	"$CORACLE" tag one.example/app:1 two.example/app:1 > /dev/null
	for text in "$id" app:1; do
		run -1 "$CORACLE" rmi "$text"
		[[ "$output" == "coracle: $text has more than one name, "*".example/app:1 and "*".example/app:1: write the one to remove" ]]
	done
	[ "$("$CORACLE" inspect "$id" | jq '.[0].names | length')" = 2 ]
	run -0 "$CORACLE" rmi one.example/app:1
	run -0 "$CORACLE" rmi "$id"
	[ "$(jq '.manifests | length' "$CORACLE_STORE/index.json")" = 0 ]
}

@test "a_store_that_cannot_be_written_is_read" {
	named "$L" v1 app:1
	local all
	all=$("$CORACLE" inspect app:1)
	# shellcheck disable=SC2016 # the inner shell's
	run -0 --separate-stderr unshare -m sh -ec 'mount --bind "$CORACLE_STORE" "$CORACLE_STORE"; mount -o remount,bind,ro "$CORACLE_STORE"
		[ "$("$1" images -q | wc -l)" = 1 ]; "$1" inspect app:1; "$1" save app:1 > "$2"; ! "$1" rmi app:1' sh "$CORACLE" "$L.saved"
	[ "$output" = "$all" ]
	# shellcheck disable=SC2154
	[ "$stderr" = "coracle: open the store's index.lock: Read-only file system" ]
	tar -tf "$L.saved" > "$L.members"
	grep -qx index.json "$L.members"
}

@test "inspect_of_what_is_not_there_prints_nothing_but_the_reason" {
	named "$L" v1 app:1
	run -1 --separate-stderr "$CORACLE" inspect app:1 nope:2
	[ -z "$output" ]
	# shellcheck disable=SC2154 # run sets stderr
	[[ "$stderr" == *"image nope:2 is not in the store"* ]]
	run -1 "$CORACLE" inspect --format yaml app:1
	[[ "$output" == *"--format yaml: json or table"* ]]
}

@test "a_tag_is_one_more_name_and_moves" {
	named "$L" v1 app:1
	named "$L.other" v2 app:2
	run -0 "$CORACLE" tag app:1 reg.example:5000/team/app app:stable
	[ "$output" = $'reg.example:5000/team/app:latest\napp:stable' ]
	run -0 "$CORACLE" inspect app:stable
	[ "$(jq -c '.[0].names | sort' <<< "$output")" = '["app:1","app:stable","reg.example:5000/team/app:latest"]' ]
	skopeo inspect "oci:$CORACLE_STORE:app:stable" > /dev/null
	"$CORACLE" tag app:2 app:stable
	[ "$("$CORACLE" inspect app:stable | jq -r '.[0].digest')" = "$("$CORACLE" inspect app:2 | jq -r '.[0].digest')" ]
	"$CORACLE" rmi app:1
	[ "$(cat "$(tree_of reg.example:5000/team/app:latest)/hello")" = "hello-from-v1-$BATS_TEST_NUMBER" ]
}

@test "a_bad_name_gives_no_name_at_all" {
	named "$L" v1 app:1
	local bad
	for bad in "UPPER" "a@sha256:$(printf 'a%.0s' {1..64})" "oci:$L:x" ""; do
		run -1 "$CORACLE" tag app:1 good:1 "$bad"
		[ "$(wc -l <<< "$output")" = 1 ]
		run -1 "$CORACLE" inspect good:1
	done
	run -1 "$CORACLE" tag nope:1 good:1
	[[ "$output" == *"image nope:1 is not in the store"* ]]
}

@test "prune_removes_what_nothing_needs_and_nothing_else" {
	named "$L" v1 app:1
	named "$L.other" v2 app:2
	local digest blob before
	digest=$("$CORACLE" inspect app:2 | jq -r '.[0].digest')
	before=$("$CORACLE" inspect app:1)
	# The second loses its name, as another tool would take it; and there is a stray blob and a killed pull's rubbish.
	jq -c '(.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == "app:2")) |= del(.annotations)' \
		"$CORACLE_STORE/index.json" > "$L.index"
	cp "$L.index" "$CORACLE_STORE/index.json"
	blob=$(hex_of "$L.index")
	cp "$L.index" "$CORACLE_STORE/blobs/sha256/$blob"
	mkdir "$CORACLE_STORE/tmp/0123456789abcdef"
	run -0 "$CORACLE" prune --format json
	[ "$(jq -c '[.images, .blobs, .layers, .bytes > 0]' <<< "$output")" = "[[\"$digest\"],4,1,true]" ]
	[ ! -e "$CORACLE_STORE/blobs/sha256/$blob" ]
	[ -z "$(ls -A "$CORACLE_STORE/tmp")" ]
	[ "$("$CORACLE" inspect app:1)" = "$before" ]
	skopeo copy -q "oci:$CORACLE_STORE:app:1" "dir:$L.copy"
	run -0 "$CORACLE" prune
	[ "$output" = "removed 0 images, 0 blobs of 0 B, 0 unpacked layers" ]
	run -0 "$CORACLE" prune -af
	[[ "$output" == "app:1"$'\n'"removed 1 image, 4 blobs of "*", 2 unpacked layers" ]]
	assert_empty_store
}

@test "prune_waits_for_a_pull_and_takes_nothing_of_it" {
	named "$L" v1 app:1
	local held n=0
	# What a pull holds while it is at work: the store's lock, shared.
	exec {held}< "$CORACLE_STORE/lock"
	flock -s "$held"
	"$CORACLE" prune -a > "$L.out" {held}<&- 3>&- &
	until grep -q "^[0-9]*: -> FLOCK.* $! " /proc/locks; do
		[ $((n++)) -lt 3000 ]
		kill -0 $!
	done
	"$CORACLE" inspect app:1 > /dev/null
	exec {held}<&-
	wait $!
	grep -q '^removed 1 image, ' "$L.out"
}

@test "an_image_under_a_container_survives_prune_all" {
	local id=prune$$ root=$BATS_TEST_TMPDIR/state
	make_rootfs "$BATS_TEST_TMPDIR/root"
	echo data > "$BATS_TEST_TMPDIR/root/data"
	tar -C "$BATS_TEST_TMPDIR/root" -cf "$L.tar" .
	layer "$L" "$L.tar"
	image_end "$L" v1 > /dev/null
	"$CORACLE" pull -q "oci:$L:v1"
	named "$L.other" v2 app:2
	"$CORACLE" run --root "$root" -d --name "$id" layout:v1 sleep 1000
	run -0 "$CORACLE" prune -a
	[[ "$output" == "app:2"$'\n'* ]]
	run -0 "$CORACLE" exec --root "$root" "$id" cat /data
	[ "$output" = data ]
	"$CORACLE" rm --root "$root" -f "$id"
	run -0 "$CORACLE" prune -a
	[[ "$output" == "layout:v1"$'\n'* ]]
	assert_empty_store
}

@test "what_cannot_be_seen_of_containers_is_not_taken_for_nothing" {
	local call all=$CORACLE_STORE/containers
	named "$L" v1 app:1
	mkdir "$all/c1"
	find "$CORACLE_STORE/layers/sha256" -mindepth 1 -maxdepth 1 -printf 'sha256:%f\n' > "$all/c1/layers"
	for call in "getdents64:error=EIO:$all" "openat:error=EMFILE:$all" "openat:error=EIO:$all/c1"; do
		run -1 strace -qq -o /dev/null -P "${call##*:}" -e "inject=${call%:*}" "$CORACLE" prune --all
		[[ "$output" == "coracle: "*containers* ]] || { echo "$call: $output"; return 1; }
		[ "$(find "$CORACLE_STORE/layers/sha256" -mindepth 1 -maxdepth 1 | wc -l)" = 2 ]
	done
	rm -r "$all/c1"
	touch "$all/c2"
	run -0 "$CORACLE" prune --all
	[ "$(find "$CORACLE_STORE/layers/sha256" -mindepth 1 -maxdepth 1 | wc -l)" = 0 ]
}

@test "skopeo_and_umoci_read_what_save_writes" {
	named "$L" v1 reg.example/app:1
	local digest
	digest=$("$CORACLE" inspect app:1 | jq -r '.[0].digest')
	run -0 "$CORACLE" save -o "$L.tar" app:1
	[ -z "$output" ]
	[ "$(skopeo inspect --format '{{.Digest}}' "oci-archive:$L.tar:reg.example/app:1")" = "$digest" ]
	skopeo copy -q "oci-archive:$L.tar" "oci:$L.copy:x"
	umoci unpack --image "$L.copy:x" "$L.bundle" > /dev/null
	[ "$(cat "$L.bundle/rootfs/hello")" = "hello-from-v1-$BATS_TEST_NUMBER" ]
	[ "$(find "$L.bundle/rootfs/dir/below" -printf '%m %U:%G')" = "640 3:4" ]
	[ ! -e "$L.bundle/rootfs/gone" ]
	# As docker's it is the same image.
	skopeo copy -q "docker-archive:$L.tar:reg.example/app:1" "oci:$L.docker:x"
	[ "$(skopeo inspect --config "oci:$L.docker:x" | jq -cS .rootfs)" = "$(image_config reg.example/app:1 | jq -cS .rootfs)" ]
	# GNU tar has nothing to complain of, and the same image is the same file.
	tar -tf "$L.tar" > "$L.list" 2> "$L.complaints"
	[ ! -s "$L.complaints" ]
	"$CORACLE" save app:1 | cmp - "$L.tar"
}

@test "images_are_saved_together_with_what_they_share_once_and_loaded_again" {
	named "$L" v1 reg.example/app:1
	PACKED=zstd named "$L.other" v2 other:2
	"$CORACLE" tag other:2 reg.example:5000/third
	"$CORACLE" inspect app:1 other:2 third | jq -S 'map(del(.layers[].directory))' > "$L.before"
	"$CORACLE" save -o "$L.tar" app:1 other:2 third
	[ "$(tar -tf "$L.tar" | sort | uniq -d | wc -l)" = 0 ]
	[ "$(tar -tf "$L.tar" | grep -c blobs/sha256/.)" = 7 ]
	local way
	for way in file gzip pipe redirect directory; do
		export CORACLE_STORE=$BATS_TEST_TMPDIR/$way
		case $way in
		file) run -0 --separate-stderr "$CORACLE" load -i "$L.tar" ;;
		gzip) gzip -c "$L.tar" > "$L.tgz" && run -0 --separate-stderr "$CORACLE" load -q --platform '' --input "$L.tgz" ;;
		pipe) run -0 --separate-stderr bash -c 'cat "$1" | "$2" load' - "$L.tar" "$CORACLE" ;;
		redirect) run -0 --separate-stderr "$CORACLE" load -q -i - < "$L.tar" ;;
		directory)
			mkdir "$L.dir"
			tar -C "$L.dir" -xf "$L.tar"
			run -0 --separate-stderr "$CORACLE" load -q -i "$L.dir"
			;;
		esac
		[ "$output" = $'reg.example/app:1\nother:2\nreg.example:5000/third:latest' ]
		"$CORACLE" inspect app:1 other:2 third | jq -S 'map(del(.layers[].directory))' | cmp - "$L.before"
		[ -z "$(ls -A "$CORACLE_STORE/tmp")" ]
	done
	CORACLE_STORE=$BATS_TEST_TMPDIR/json
	run -0 --separate-stderr "$CORACLE" load -q --format json -i "$L.tar"
	[ "$(jq -r .name <<< "$output" | paste -sd ' ')" = "reg.example/app:1 other:2 reg.example:5000/third:latest" ]
}

@test "what_skopeo_writes_is_loaded_under_the_names_it_has" {
	simple "$L" v1
	skopeo copy -q "oci:$L:v1" "docker-archive:$L.docker.tar:reg.example/d:1" --additional-tag reg.example/d:2
	run -0 --separate-stderr "$CORACLE" load -q -i "$L.docker.tar"
	[ "$output" = $'reg.example/d:1\nreg.example/d:2' ]
	[ "$("$CORACLE" inspect d:1 | jq -c '.[0].names')" = '["reg.example/d:1","reg.example/d:2"]' ]
	skopeo copy -q "oci:$L:v1" "oci-archive:$L.oci.tar:reg.example/o:1"
	run -0 --separate-stderr "$CORACLE" load -q -i "$L.oci.tar"
	[ "$output" = reg.example/o:1 ]
	# A colon is none of a reference, and an image without a whole name needs one.
	skopeo copy -q "oci:$L:v1" "oci-archive:$L.bare"
	mv "$L.bare" "$L:bare"
	run -1 --separate-stderr "$CORACLE" load -q -i "$L:bare"
	# shellcheck disable=SC2154 # run sets stderr
	[[ "$stderr" == *"$L:bare: the image in it has no whole name: give it one as in coracle load -i FILE NAME" ]]
	run -0 --separate-stderr "$CORACLE" load -q -i "$L:bare" mine:3
	[ "$output" = mine:3 ]
	[ "$(cat "$(tree_of mine:3)/hello")" = "hello-from-v1-$BATS_TEST_NUMBER" ]
}

@test "a_damaged_blob_is_not_saved_and_nothing_is_left_of_the_file" {
	named "$L" v1 app:1
	local blob
	blob=$CORACLE_STORE/blobs/sha256/$("$CORACLE" inspect app:1 | jq -r '.[0].layers[0].digest[7:]')
	printf X | dd of="$blob" conv=notrunc bs=1 seek=20 2> /dev/null
	mkdir "$L.out"
	echo old > "$L.out/a.tar"
	run -1 "$CORACLE" save -o "$L.out/a.tar" app:1
	[[ "$output" == *"save to $L.out/a.tar: "*"is not what it should be"* ]]
	[ "$(ls -A "$L.out")" = a.tar ]
	[ "$(cat "$L.out/a.tar")" = old ]
	run -1 "$CORACLE" save -o "$L.out/none/a.tar" app:1
	[[ "$output" == *"create $L.out/none/a.tar: No such file"* ]]
	run -1 "$CORACLE" save -o "$L.out/b.tar" nope:1
	[[ "$output" == *"image nope:1 is not in the store"* ]]
	[ "$(ls -A "$L.out")" = a.tar ]
	run -1 script -qec "'$CORACLE' save app:1" /dev/null
	[[ "$output" == *"nothing for a terminal"* ]]
}

@test "what_is_no_archive_of_images_is_refused_and_leaves_nothing" {
	named "$L" v1 app:1
	"$CORACLE" save -o "$L.tar" app:1
	CORACLE_STORE=$BATS_TEST_TMPDIR/empty
	echo nonsense > "$L.nonsense"
	run -1 "$CORACLE" load -i "$L.nonsense"
	[ "${#lines[@]}" = 1 ]
	run -1 "$CORACLE" load < /dev/null
	run -1 bash -c 'echo text | "$1" load' - "$CORACLE"
	[[ "$output" == *"load standard input: "* ]]
	tar_of "$L.other" <<< "f file 644 0:0 - x"
	run -1 "$CORACLE" load -i "$L.other"
	[[ "$output" == *"$L.other: no images: neither oci-layout nor manifest.json is in it" ]]
	run -1 "$CORACLE" load -i "$L.none"
	[[ "$output" == *"No such file"* ]]
	run -1 "$CORACLE" load -i "$BATS_TEST_TMPDIR"
	[[ "$output" == *"no OCI layout"* ]]
	head -c 6000 "$L.tar" > "$L.short"
	run -1 "$CORACLE" load -q -i "$L.short"
	assert_empty_store
	run -1 "$CORACLE" load -i "$L.tar" UPPER
	run -0 "$CORACLE" load -q -i "$L.tar" lower
	[ "$output" = lower:latest ]
}

# crun refuses machines with both kinds of cgroups as they usually are.
crun_here() {
	"$BATS_TEST_DIRNAME/../bench/hybrid" --v1 crun "$@"
}

# whole_image CONFIG - an image with a busybox root file system of two layers and all kinds of files, app:v1.
whole_image() {
	make_rootfs "$BATS_TEST_TMPDIR/root"
	truncate -s 4M "$BATS_TEST_TMPDIR/root/holes"
	printf end >> "$BATS_TEST_TMPDIR/root/holes"
	mknod -m 640 "$BATS_TEST_TMPDIR/root/device" c 1 3
	tar -C "$BATS_TEST_TMPDIR/root" --format=posix -Scf "$L.tar" .
	layer "$L" "$L.tar"
	tar_of "$L.tar" <<- 'END'
		d kinds 1777 5:6
		f kinds/suid 4755 7:8 - x
		h kinds/hard - - kinds/suid
		l kinds/soft - 9:10 /nowhere
		p kinds/fifo 600
		f kinds/below 644 0:0 - x
		x SCHILY.xattr.user.color=blue
		f kinds/blue 600 1:1 - y
	END
	layer "$L" "$L.tar"
	tar_of "$L.tar" <<- 'END'
		f kinds/.wh.below 644
		d empty 700 3:3
	END
	layer "$L" "$L.tar"
	image_end "$L" v1 "$1" > /dev/null
	"$CORACLE" pull -q "oci:$L:v1" > /dev/null
	"$CORACLE" tag layout:v1 app:v1 > /dev/null
}

# listing DIR - all of a tree that another program would see.
listing() {
	(cd "$1" && find . \( -type d -printf '%P %y %m %U:%G %T@\n' \) -o -printf '%P %y %m %U:%G %s %n %T@ %l\n' | sort
		tar --xattrs --xattrs-include='*' -cf - . | grep -aoE '(SCHILY|LIBARCHIVE)\.xattr\.[a-z.]+=[a-z]*' | sort
		find . -type f -exec sha256sum {} + | sort)
}

@test "a_bundle_has_the_files_that_umoci_unpacks" {
	whole_image '{"Cmd":["true"]}'
	run -0 "$CORACLE" bundle app:v1 "$L.ours"
	[ -z "$output" ]
	umoci unpack --image "$L:v1" "$L.theirs" > /dev/null
	listing "$L.ours/rootfs" > "$L.a"
	listing "$L.theirs/rootfs" > "$L.b"
	diff "$L.a" "$L.b"
	grep -q '^device c 640 0:0 ' "$L.a"
	grep -q '^kinds/suid f 4755 7:8 1 2 ' "$L.a"
	grep -q '^SCHILY.xattr.user.color=blue' "$L.a"
	[ "$(stat -c %b "$L.ours/rootfs/holes")" -lt 64 ]
	[ -z "$(find "$CORACLE_STORE/tmp" "$CORACLE_STORE/containers" -mindepth 1)" ]
	# It is a copy: nothing of the image changes with it.
	echo changed > "$L.ours/rootfs/kinds/suid"
	[ "$(find "$CORACLE_STORE/layers" -name suid -exec cat {} +)" = x ]
}

@test "every_runtime_runs_the_bundle_as_the_image_and_the_options_say" {
	whole_image '{"Entrypoint":["sh","-c"],"Cmd":["echo $A $B $PATH; pwd; id -u; hostname; exit 7"],"Env":["A=image","B=image"],
		"WorkingDir":"/made/here","User":"worker","StopSignal":"SIGINT",
		"Labels":{"a.label":"kept","org.systemd.property.X":"\"no\"","run.oci.handler":"wasm"}}'
	run -0 "$CORACLE" bundle -e B=ours -h boxed --memory 64m --cap-drop ALL --tmpfs /scratch app:v1 "$L.b"
	[ "$(jq -c .annotations "$L.b/config.json" | jq -r '.["a.label"], .["org.opencontainers.image.stopSignal"],
		.["org.opencontainers.image.os"], .["run.oci.handler"], .["org.systemd.property.X"]' | paste -sd ' ')" = "kept SIGINT linux null null" ]
	[ "$(jq -c '[.root.path, .process.capabilities.bounding // [], .linux.resources.memory.limit]' "$L.b/config.json")" = '["rootfs",[],67108864]' ]
	local runtime
	for runtime in "$CORACLE runtime" crun_here runc; do
		# shellcheck disable=SC2086 # two words
		run -7 $runtime --root "$BATS_TEST_TMPDIR/state" run -b "$L.b" "bundle$$"
		[ "$output" = $'image ours /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n/made/here\n1000\nboxed' ]
	done
	run -0 "$CORACLE" bundle --entrypoint '' app:v1 "$L.c" echo other words
	run -0 runc --root "$BATS_TEST_TMPDIR/state" run -b "$L.c" "bundle$$"
	[ "$output" = "other words" ]
}

@test "a_bundle_comes_from_a_layout_an_archive_or_a_directory" {
	whole_image '{"Cmd":["echo","it runs"]}'
	"$CORACLE" save -o "$L.tar" app:v1
	export CORACLE_STORE=$BATS_TEST_TMPDIR/fresh
	local from n=0
	for from in "oci:$L:v1" "oci-archive:$L.tar"; do
		run -0 "$CORACLE" bundle -q "$from" "$L.b$((++n))"
		run -0 crun_here --root "$BATS_TEST_TMPDIR/state" run -b "$L.b$n" "bundle$$"
		[ "$output" = "it runs" ]
	done
	mkdir "$L.b3"
	run -0 "$CORACLE" bundle --rootfs "$BATS_TEST_TMPDIR/root" "$L.b3" echo in place
	[ "$(ls "$L.b3")" = config.json ]
	[ "$(jq -r '.root.path, .hostname' "$L.b3/config.json")" = "$BATS_TEST_TMPDIR/root"$'\nlayout.b3' ]
	run -0 crun_here --root "$BATS_TEST_TMPDIR/state" run -b "$L.b3" "bundle$$"
	[ "$output" = "in place" ]
}

@test "a_bundle_that_cannot_be_made_leaves_nothing" {
	whole_image '{"Cmd":["true"]}'
	mkdir "$L.full" "$L.empty"
	touch "$L.full/mine"
	run -1 "$CORACLE" bundle app:v1 "$L.full"
	[[ "$output" == *"$L.full is not empty"* ]]
	[ "$(ls "$L.full")" = mine ]
	run -1 "$CORACLE" bundle --user nobody-here app:v1 "$L.new"
	[ ! -e "$L.new" ]
	run -1 "$CORACLE" bundle -v /no/such/place:/x app:v1 "$L.empty"
	[[ "$output" == *"/no/such/place"* ]]
	[ -z "$(ls -A "$L.empty")" ]
	run -1 "$CORACLE" bundle --pull never nope:1 "$L.new"
	[[ "$output" == *"image nope:1 is not in the store"* ]]
	run -1 "$CORACLE" bundle app:v1 "$L.none/deep"
	[[ "$output" == *"make directory $L.none/deep: No such file"* ]]
	# A full disk, and a signal in the middle of it.
	run -1 strace -qq -o /dev/null -e trace=mknodat -e inject=mknodat:error=ENOSPC "$CORACLE" bundle app:v1 "$L.new"
	[[ "$output" == *"$L.new/rootfs: "*"No space left"* ]]
	[ ! -e "$L.new" ]
	run -143 strace -qq -o /dev/null -e trace=mknodat -e inject=mknodat:signal=TERM:when=1 "$CORACLE" bundle app:v1 "$L.new"
	[ ! -e "$L.new" ]
	[ -z "$(find "$CORACLE_STORE/tmp" "$CORACLE_STORE/containers" -mindepth 1)" ]
}

@test "what_the_place_of_the_store_passes_on_is_not_for_images_and_containers" {
	local place
	tar_of "$L.tar" <<-'END'
		x SCHILY.xattr.system.posix_acl_default=%02%00%00%00%01%00%07%00%FF%FF%FF%FF%02%00%07%00%E8%03%00%00%04%00%05%00%FF%FF%FF%FF%10%00%07%00%FF%FF%FF%FF%20%00%00%00%FF%FF%FF%FF
		d place 755
	END
	layer "$L" "$L.tar"
	image_end "$L" place > /dev/null
	run -0 "$CORACLE" pull -q "oci:$L:place"
	place=$(tree_of layout:place)/place
	make_rootfs "$BATS_TEST_TMPDIR/root"
	tar -C "$BATS_TEST_TMPDIR/root" -cf "$L.tar" .
	layer "$L" "$L.tar"
	tar_of "$L.tar" <<-'END'
		f open 644
		d dir 755
		f dir/open 666
	END
	layer "$L" "$L.tar"
	image_end "$L" v1 > /dev/null
	export CORACLE_STORE=$place
	run -0 "$CORACLE" pull -q "oci:$L:v1"
	# shellcheck disable=SC2016 # for the inner shell
	run -0 "$CORACLE" run --root "$BATS_TEST_TMPDIR/state" --rm layout:v1 sh -c \
		'umask 022; echo > /new; mkdir /made; echo > /dir/new; stat -c "%n %a" open dir dir/open new made dir/new'
	[ "$output" = "$(printf '%s\n' 'open 644' 'dir 755' 'dir/open 666' 'new 644' 'made 755' 'dir/new 644')" ] ||
		{ echo "$output"; return 1; }
	tar --xattrs --xattrs-include='*' -C "$(tree_of layout:v1)" -cf "$L.tar" .
	run ! grep -qa posix_acl "$L.tar"
}

@test "an_image_that_cannot_be_read_is_named_where_it_is_in_the_way" {
	local L=$BATS_TEST_TMPDIR/layout name
	for name in one two; do
		simple "$L" $name
		"$CORACLE" pull -q "oci:$L:$name" > /dev/null
	done
	truncate -s 2 "$CORACLE_STORE/blobs/sha256/$(jq -r '.digest' "$L.descriptor" | cut -d : -f 2)"
	run -1 "$CORACLE" rmi layout:one
	[[ "${#lines[@]}" = 1 && "$output" == "coracle: "*"image layout:two cannot be read (pull it again, or remove it with coracle rmi): "* ]] || { echo "$output"; return 1; }
	run -1 "$CORACLE" prune
	[[ "$output" == *"image layout:two cannot be read"* ]]
	run -0 "$CORACLE" rmi layout:two
	run -0 "$CORACLE" prune
	[ -z "$(find "$CORACLE_STORE/blobs" "$CORACLE_STORE/layers" -mindepth 2)" ]
}
