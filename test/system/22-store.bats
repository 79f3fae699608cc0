#!/usr/bin/env bats
# 22-store.bats - what can be done with the images of the store: look, name, prune, save, load, bundle.

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
	layer "$1" "$1.tar" zstd
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
	[ "$(jq -S '.[0].config' <<< "$output")" = "$(skopeo inspect --config "oci:$CORACLE_STORE:reg.example/app:1" | jq -S .config)" ] ||
		[ "$(jq -c '.[0].config.Healthcheck' <<< "$output")" = '{"Test":["NONE"]}' ]
	[ "$(jq -c '[.[0].layers[] | {digest, size, mediaType}] | sort' <<< "$output")" = \
		"$(skopeo inspect --raw "oci:$CORACLE_STORE:reg.example/app:1" | jq -c '[.layers[] | {digest, size, mediaType}] | sort')" ]
	[ "$(jq -r '.[0].layers[].diffId' <<< "$output")" = \
		"$(skopeo inspect --config "oci:$CORACLE_STORE:reg.example/app:1" | jq -r '.rootfs.diff_ids[]')" ]
	[ "$(cat "$(jq -r '.[0].layers[1].directory' <<< "$output")/hello")" = "hello-from-v1-$BATS_TEST_NUMBER" ]
	run -0 "$CORACLE" inspect --format table app:1
	[[ "$output" == *"COMMAND     /x"*"ENV         A=b"* ]]
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
	run -0 "$CORACLE" prune -a
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
