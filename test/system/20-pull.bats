#!/usr/bin/env bats
# 20-pull.bats - images out of registries and layouts into the store: honest, strange and hostile ones.

load helper
load images

setup_file() {
	registry_start
}

teardown_file() {
	registry_stop
}

setup() {
	export CORACLE_STORE=$BATS_TEST_TMPDIR/store
	export HOME=$BATS_TEST_TMPDIR
	export ASAN_OPTIONS=detect_leaks=0 # which cannot be done under strace
	L=$BATS_TEST_TMPDIR/layout
	NAME=t$BATS_TEST_NUMBER/app
}

teardown() {
	[ -z "${STRANGE_PID:-}" ] || kill "$STRANGE_PID"
}

# How many unpacked layers the store has.
layers() {
	find "$CORACLE_STORE/layers/sha256" -mindepth 1 -maxdepth 1 -printf . | wc -c
}

pull() {
	"$CORACLE" pull "$@"
}

@test "a_pulled_image_has_the_digest_that_the_registry_gave_it" {
	simple "$L" v1
	push "$L:v1" "$NAME:v1"
	run -0 --separate-stderr pull "docker://$REGISTRY/$NAME:v1"
	[ "$output" = "$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$REGISTRY/$NAME:v1")" ]
	# shellcheck disable=SC2154 # run sets stderr
	[[ "$stderr" == "layer 1 of 1, "*": done" ]]
	[ "$(cat "$(tree_of "$REGISTRY/$NAME:v1")/hello")" = "hello-from-v1-$BATS_TEST_NUMBER" ]
	[ -z "$(ls -A "$CORACLE_STORE/tmp")" ]
}

@test "the_store_is_a_layout_that_other_tools_read" {
	simple "$L" v1
	run -0 pull -q "oci:$L:v1"
	skopeo copy -q "oci:$CORACLE_STORE:layout:v1" "dir:$BATS_TEST_TMPDIR/copy" ||
		skopeo copy -q "oci:$CORACLE_STORE" "dir:$BATS_TEST_TMPDIR/copy"
	[ "$(hex_of "$BATS_TEST_TMPDIR/copy/manifest.json")" = "${output:7}" ]
}

@test "a_layouts_image_with_a_whole_name_has_it_here_too" {
	simple "$L" app:7
	run -0 pull -q "oci:$L:app:7"
	run -0 "$CORACLE" images
	[[ "${lines[1]}" =~ ^app\ +7\ && ${#lines[@]} = 2 ]]
	run -0 "$CORACLE" rmi "oci:$L:app:7"
	# One that can have no such name is shown with all of its place.
	cd "$BATS_TEST_TMPDIR"
	simple X v1
	run -0 pull -q oci:X:v1
	run -0 "$CORACLE" images
	[[ "${lines[1]}" =~ ^oci:X\ +v1\ && ${#lines[@]} = 2 ]]
}

@test "gzip_zstd_and_plain_layers_become_the_same_files" {
	local kind
	tar_of "$L.tar" <<< "f a/b 640 3:4 - text"
	for kind in gzip zstd none; do
		layer "$L" "$L.tar" $kind
		image_end "$L" $kind > /dev/null
		# Through the registry where skopeo does not pack it anew.
		[ $kind = none ] || push "$L:$kind" "$NAME:$kind"
		[ $kind = none ] || run -0 pull -q "$REGISTRY/$NAME:$kind"
		[ $kind != none ] || run -0 pull -q "oci:$L:$kind"
	done
	[ "$("$CORACLE" images -q | wc -l)" = 3 ]
	[ "$(find "$CORACLE_STORE/layers/sha256" -name b -printf '%m %U:%G %s\n')" = "640 3:4 4" ]
}

@test "what_docker_says_in_words_of_its_own_is_the_same_image" {
	local own other
	tar_of "$L.tar" <<< "f own 644 0:0 - docker"
	layer "$L" "$L.tar"
	own=$(image_end "$L" own)
	tar_of "$L.tar" <<< "f other 644 0:0 - docker"
	layer "$L" "$L.tar"
	other=$(image_end "$L" other '{}' s390x)
	index_end "$L" both "$other" "$own"
	skopeo copy -q --all --format v2s2 --dest-tls-verify=false "oci:$L:both" "docker://$REGISTRY/$NAME"
	skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/$NAME" > "$L.raw"
	[ "$(jq -r .mediaType "$L.raw")" = application/vnd.docker.distribution.manifest.list.v2+json ]
	run -0 pull -q "$REGISTRY/$NAME"
	[ "$output" = "$(jq -r '.manifests[1].digest' "$L.raw")" ]
	jq -e '.mediaType == "application/vnd.docker.distribution.manifest.v2+json" and
		.layers[0].mediaType == "application/vnd.docker.image.rootfs.diff.tar.gzip"' "$CORACLE_STORE/blobs/sha256/${output:7}"
	[ "$(cat "$(tree_of "$REGISTRY/$NAME:latest")/own")" = docker ]
}

@test "layers_that_may_not_be_passed_on_are_taken_where_they_are" {
	tar_of "$L.tar" <<< "f file 644 0:0 - text"
	layer "$L" "$L.tar"
	layer "$L" "$L.tar" zstd
	layer "$L" "$L.tar" none
	jq -c '.mediaType |= sub("layer.v1"; "layer.nondistributable.v1")' "$L.layers" > "$L.new" && mv "$L.new" "$L.layers"
	image_end "$L" v1 > /dev/null
	run -0 pull -q "oci:$L:v1"
	[ "$(cat "$(tree_of layout:v1)/file")" = text ]
}

@test "modes_owners_links_devices_and_attributes_survive" {
	tar_of "$L.tar" <<- 'END'
		d dir 1777 5:6
		f dir/suid 4755 7:8 - x
		h dir/hard - - dir/suid
		l dir/soft - 9:10 /nowhere
		c dir/null 666 0:0 1:3
		b dir/block 640 0:6 7:259
		p dir/fifo 600
		x SCHILY.xattr.user.note=kept
		f noted 644 0:0 - x
	END
	layer "$L" "$L.tar"
	image_end "$L" v1 > /dev/null
	run -0 pull -q "oci:$L:v1"
	cd "$(tree_of layout:v1)"
	[ "$(stat -c '%a %u:%g %Y' dir)" = "1777 5:6 1000000000" ]
	[ "$(stat -c '%a %u:%g %h %Y' dir/hard)" = "4755 7:8 2 1000000000" ]
	[ "$(stat -c '%F %u:%g %N %Y' dir/soft)" = "symbolic link 9:10 'dir/soft' -> '/nowhere' 1000000000" ]
	[ "$(stat -c '%F %t:%T %a' dir/null)" = "character special file 1:3 666" ]
	[ "$(stat -c '%F %t:%T %a %u:%g' dir/block)" = "block special file 7:103 640 0:6" ]
	[ "$(stat -c '%F %a' dir/fifo)" = "fifo 600" ]
	tar --xattrs --xattrs-include='*' -cf - noted | grep -qa 'SCHILY.xattr.user.note=kept'
}

# On a file system that has room for the longest attribute there is.
@test "what_an_upper_layer_says_nothing_of_keeps_its_attributes_whole" {
	local long
	long=$(printf '%065536d' 0)
	tar_of "$L.1" <<- END
		x SCHILY.xattr.user.long=$long
		d dir 750 5:6
	END
	tar_of "$L.2" <<< "f dir/file 644 0:0 - x"
	layer "$L" "$L.1"
	layer "$L" "$L.2"
	image_end "$L" v1 > /dev/null
	truncate -s 64M "$L.disk"
	mkfs.ext4 -q -O ea_inode "$L.disk"
	mkdir "$CORACLE_STORE"
	# shellcheck disable=SC2016 # for the inner shell
	run -0 unshare -m sh -c 'mount -o loop "$1.disk" "$CORACLE_STORE" && "$2" pull -q "oci:$1:v1" > /dev/null &&
		cd "$CORACLE_STORE/layers/sha256" && tar --xattrs -cf "$1.tree" */dir && stat -c "%a %u:%g" */dir' sh "$L" "$CORACLE"
	[ "$output" = "750 5:6
750 5:6" ]
	[ "$(grep -aoE 'user\.long=0+$' "$L.tree" | awk '{ print length }' | xargs)" = "65546 65546" ]
}

@test "whiteouts_and_opaque_directories_hide_what_is_below" {
	local layer
	tar_of "$L.1" <<- 'END'
		d a 700 1:1
		f a/gone 644 0:0 - x
		f a/stays 644 0:0 - x
		f b/gone 644 0:0 - x
		f c/sub/gone 644 0:0 - x
	END
	tar_of "$L.2" <<- 'END'
		f a/.wh.gone 644
		f b/.wh..wh..opq 644
		f b/new 644 0:0 - y
		f .wh.c 644
		f c/back 644 0:0 - z
	END
	layer "$L" "$L.1"
	layer "$L" "$L.2" zstd
	make_rootfs "$BATS_TEST_TMPDIR/root"
	tar -C "$BATS_TEST_TMPDIR/root" -cf "$L.3" .
	layer "$L" "$L.3"
	image_end "$L" v1 > /dev/null
	run -0 pull -q "oci:$L:v1"
	run -0 "$CORACLE" run --root "$BATS_TEST_TMPDIR/state" --rm layout:v1 \
		sh -c 'find /a /b /c | sort; stat -c "%a %u" /a'
	[ "$output" = "$(printf '%s\n' /a /a/stays /b /b/new /c /c/back "700 1")" ]
	# All that is below the root.
	tar_of "$L.4" <<- 'END'
		f only 644 0:0 - x
		f .wh..wh..opq 644
	END
	tar_of "$L.5" <<< "f above 644 0:0 - x"
	for layer in "$L".{1,2,4,5}; do
		layer "$L" "$layer"
	done
	image_end "$L" v2 '{"Cmd": ["true"]}' > /dev/null
	run -0 pull -q "oci:$L:v2"
	run -0 "$CORACLE" bundle layout:v2 "$L.bundle"
	[ "$(ls -A "$L.bundle/rootfs")" = $'above\nonly' ]
}

@test "a_directory_that_a_layer_only_passes_through_keeps_its_looks" {
	tar_of "$L.1" <<< "d tmp 1777 3:4"
	tar_of "$L.2" <<< "f tmp/x/y 644 0:0 - y"
	layer "$L" "$L.1"
	layer "$L" "$L.2"
	image_end "$L" v1 > /dev/null
	run -0 pull -q "oci:$L:v1"
	cd "$(tree_of layout:v1)"
	[ "$(stat -c '%a %u:%g %Y' tmp)" = "1777 3:4 1000000000" ]
	[ "$(stat -c '%a %u:%g' tmp/x)" = "755 0:0" ]
}

@test "directories_passed_through_look_as_in_the_topmost_of_many_layers_that_has_them" {
	local top
	tar_of "$L.tar" <<< $'d a 750 1:2 - -\nd a/b 711 3:4 - -\nd a/b/c 700 5:6 - -\nd d 701 7:8 - -\nd d/e 702 9:10 - -'
	layer "$L" "$L.tar"
	tar_of "$L.tar" <<< $'d a/x 703 11:12 - -\nd d/e 704 13:14 - -\nf f 644 0:0 - x'
	layer "$L" "$L.tar"
	tar_of "$L.tar" <<< $'d a 755 0:0 - -\nf g 644 0:0 - x'
	layer "$L" "$L.tar"
	tar_of "$L.tar" <<< $'f a/b/c/1 644 0:0 - x\nf a/x/2 644 0:0 - x\nf d/e/3 644 0:0 - x\nf a/b/n/4 644 0:0 - x\nf d/5 644 0:0 - x'
	layer "$L" "$L.tar"
	image_end "$L" v1 > /dev/null
	run -0 pull -q "oci:$L:v1"
	top=$(tree_of layout:v1)
	diff <(cd "$top" && stat -c '%n %a %u:%g' a a/b a/b/c a/b/n a/x d d/e) - << 'END'
a 755 0:0
a/b 711 3:4
a/b/c 700 5:6
a/b/n 755 0:0
a/x 703 11:12
d 701 7:8
d/e 704 13:14
END
}

@test "an_index_gives_the_image_for_this_machine_and_another_on_demand" {
	local own other
	tar_of "$L.tar" <<< "f own 644 0:0 - x"
	layer "$L" "$L.tar"
	own=$(image_end "$L" own)
	tar_of "$L.tar" <<< "f other 644 0:0 - x"
	layer "$L" "$L.tar"
	other=$(image_end "$L" other '{}' s390x)
	index_end "$L" both "$other" "$own"
	push "$L:both" "$NAME"
	run -0 pull -q "$REGISTRY/$NAME"
	[ "$output" = "$(jq -r .digest <<< "$own")" ]
	[ -e "$(tree_of "$REGISTRY/$NAME:latest")/own" ]
	run -0 pull -q --platform linux/s390x "$REGISTRY/$NAME"
	[ "$output" = "$(jq -r .digest <<< "$other")" ]
}

@test "an_image_for_other_machines_only_is_refused_with_what_there_is" {
	local other
	tar_of "$L.tar" <<< "f other 644 0:0 - x"
	layer "$L" "$L.tar"
	other=$(image_end "$L" other '{}' s390x)
	run -1 pull -q "oci:$L:other"
	[[ "$output" == *"layout:other is for linux/s390x, not linux/"*"--platform linux/s390x" ]]
	index_end "$L" index "$other"
	run -1 pull -q "oci:$L:index"
	[[ "$output" == *"no image for linux/"*" in it, only for: linux/s390x" ]]
	assert_empty_store
}

@test "an_image_that_does_not_say_for_which_machines_it_is_fits_every_one" {
	local config
	tar_of "$L.tar" <<< "f own 644 0:0 - x"
	layer "$L" "$L.tar"
	image_end "$L" said > /dev/null
	jq -c '.os = "" | .architecture = ""' "$L.config" > "$L.silent"
	config=$(blob "$L" "$L.silent" "$OCI.config.v1+json")
	jq -c --argjson c "$config" '.config = $c' "$L.manifest" > "$L.document"
	layout_names "$L" silent <(blob "$L" "$L.document" "$OCI.manifest.v1+json")
	run -0 pull -q "oci:$L:silent"
	[ -e "$(tree_of layout:silent)/own" ]
	run -0 "$CORACLE" bundle -q --pull never --platform linux/s390x layout:silent "$L.b" true
}

@test "an_unknown_image_is_one_clear_line" {
	local digest
	run -1 pull "docker://$REGISTRY/no/such:tag"
	[ "${#lines[@]}" = 1 ]
	[ "$output" = "coracle: no image $REGISTRY/no/such:tag in the registry: manifest unknown; check name and tag" ]
	assert_empty_store
	simple "$L" there
	push "$L:there" "$NAME:there"
	digest=sha256:$(printf '0%.0s' {1..64})
	run -1 pull "$REGISTRY/$NAME:there@$digest"
	[ "$output" = "coracle: no image $REGISTRY/$NAME@$digest in the registry: manifest unknown; check name and tag" ]
	rm -r "$L"
	run -1 pull "oci:$L:v1"
	[[ "$output" == "coracle: open the layout $L: No such file or directory" ]]
	run -1 pull "oci:$CORACLE_STORE:v1"
	[[ "$output" == *"no image called v1 in the layout $CORACLE_STORE" ]]
}

@test "a_registry_that_is_not_there_is_named" {
	run -1 pull "127.0.0.1:1/x"
	[[ "$output" == "coracle: reach the registry 127.0.0.1:1: "*"Could not connect"* ]]
	[ "${#lines[@]}" = 1 ]
}

@test "a_corrupt_layer_is_refused_by_its_digest_and_leaves_nothing" {
	local digest file
	simple "$L" v1
	push "$L:v1" "$NAME:v1"
	digest=$(jq -r '.layers[0].digest' "$L.manifest")
	file=$(registry_blob "$digest")
	printf 'X' | dd of="$file" bs=1 seek=30 conv=notrunc status=none
	run -1 pull "$REGISTRY/$NAME:v1"
	[ "${#lines[@]}" = 1 ]
	[[ "$output" == "coracle: layer $digest is not what it should be: its content has the digest sha256:"* ]]
	assert_empty_store
}

@test "a_truncated_layer_is_refused_as_such_and_leaves_nothing" {
	local digest file
	simple "$L" v1
	push "$L:v1" "$NAME:v1"
	digest=$(jq -r '.layers[0].digest' "$L.manifest")
	file=$(registry_blob "$digest")
	truncate -s 50 "$file"
	run -1 pull "$REGISTRY/$NAME:v1"
	[ "${#lines[@]}" = 1 ]
	[[ "$output" == "coracle: layer $digest is truncated: 50 of "* ]]
	assert_empty_store
}

@test "a_layer_whose_content_is_not_the_configured_one_is_refused" {
	local jobs
	simple "$L" v1
	tar_of "$L.tar" <<< "f other 644 0:0 - x"
	layer "$L" "$L.tar"
	printf '%064d\n' 0 > "$L.diffs"
	image_end "$L" v2 > /dev/null
	run -1 pull "oci:$L:v2"
	[[ "$output" == *"unpacked layer sha256:0000"*" is not what it should be"* ]]
	assert_empty_store
	# Of one that comes alone who writes the files says so, where another process unpacks it.
	layer "$T/alone" "$L.tar"
	printf '%064d\n' 0 > "$T/alone.diffs"
	image_end "$T/alone" v1 > /dev/null
	for jobs in 1 2; do
		run -1 pull --jobs "$jobs" "oci:$T/alone:v1"
		[[ "$output" == *"unpacked layer sha256:0000"*" is not what it should be"* ]]
		[ "${#lines[@]}" = 1 ]
		assert_empty_store
	done
}

@test "a_manifest_that_is_not_the_asked_for_digest_is_refused" {
	local digest
	simple "$L" v1
	push "$L:v1" "$NAME:v1"
	digest=$(jq -r .digest "$L.out")
	printf ' ' >> "$(registry_blob "$digest")"
	run -1 pull "$REGISTRY/$NAME@$digest"
	[ "${#lines[@]}" = 1 ]
	assert_empty_store
	# The layout says it of its own documents.
	printf ' ' >> "$L/blobs/sha256/${digest:7}"
	run -1 pull "oci:$L:v1"
	[[ "$output" == *"$digest"* ]]
	assert_empty_store
}

# hostile ENTRIES - the image of one such layer is refused or harmless: outside nothing is touched.
hostile() {
	mkdir -p "$BATS_TEST_TMPDIR/outside"
	echo untouched > "$BATS_TEST_TMPDIR/outside/file"
	chmod 600 "$BATS_TEST_TMPDIR/outside/file"
	tar_of "$L.tar"
	layer "$L" "$L.tar"
	image_end "$L" v1 > /dev/null
	run pull -q "oci:$L:v1"
	[ "$(cat "$BATS_TEST_TMPDIR/outside/file")" = untouched ]
	[ "$(stat -c '%a %h' "$BATS_TEST_TMPDIR/outside/file")" = "600 1" ]
	[ "$(ls -A "$BATS_TEST_TMPDIR/outside")" = file ]
}

@test "names_that_climb_out_are_refused" {
	hostile <<< "f ../../../../../../../../..$BATS_TEST_TMPDIR/outside/file 777 0:0 - evil"
	[ "$status" = 1 ]
	[[ "$output" == *"leads out of the layer" ]]
	assert_empty_store
}

# Their words say that they were not even tried: Landlock would have refused them, too.
@test "files_and_modes_do_not_go_through_links" {
	hostile <<- END
		l up - - ../../../../../../../../../../../../$BATS_TEST_TMPDIR/outside
		l abs - - $BATS_TEST_TMPDIR/outside
		l file - - $BATS_TEST_TMPDIR/outside/file
		f file 777 0:0 - evil
		d abs 777
		f abs/file 777 0:0 - evil
	END
	[ "$status" = 0 ]
	hostile <<- END
		l abs - - $BATS_TEST_TMPDIR/outside
		f abs/file 777 0:0 - evil
	END
	[ "$status" = 1 ]
	[[ "$output" == *"abs/file lies below abs, which is no directory" ]]
	hostile <<- END
		l up - - ../../../../../../../../../../../../$BATS_TEST_TMPDIR/outside
		d up/new 777
	END
	[ "$status" = 1 ]
	[[ "$output" == *"up/new lies below up, which is no directory" ]]
}

@test "hard_links_do_not_reach_outside" {
	hostile <<< "h link - - $BATS_TEST_TMPDIR/outside/file"
	[ "$status" = 1 ]
	[[ "$output" == *"which is not in its layer" ]]
	hostile <<- END
		l dir - - $BATS_TEST_TMPDIR/outside
		h link - - dir/file
	END
	[ "$status" = 1 ]
	[[ "$output" == *"which is not in its layer" ]]
	hostile <<- END
		l soft - - $BATS_TEST_TMPDIR/outside/file
		h link - - soft
		f link 777 0:0 - evil
	END
	[ "$status" = 0 ]
}

@test "whiteouts_do_not_reach_outside" {
	hostile <<- END
		l dir - - $BATS_TEST_TMPDIR/outside
		f dir/.wh.file 644
	END
	[ "$status" = 1 ]
	hostile <<- END
		l dir - - $BATS_TEST_TMPDIR/outside
		f dir/.wh..wh..opq 644
	END
	[ "$status" = 1 ]
	hostile <<< "f dir/.wh... 644"
	[[ "$output" == *"the whiteout dir/.wh... names nothing" ]]
}

@test "two_pulls_of_the_same_image_at_once_both_succeed" {
	simple "$L" v1
	push "$L:v1" "$NAME:v1"
	pull -q "$REGISTRY/$NAME:v1" > "$L.a" 3>&- &
	local first=$!
	pull -q "$REGISTRY/$NAME:v1" > "$L.b"
	wait $first
	[ "$(cat "$L.a")" = "$(cat "$L.b")" ]
	[ -s "$L.a" ]
	[ "$("$CORACLE" images -q | wc -l)" = 1 ]
}

@test "what_is_there_is_not_fetched_again" {
	simple "$L" v1
	push "$L:v1" "$NAME:v1"
	run -0 pull -q "$REGISTRY/$NAME:v1"
	rm "$(registry_blob "$(jq -r '.layers[0].digest' "$L.manifest")")"
	run -0 --separate-stderr pull "$REGISTRY/$NAME:v1"
	[[ "$stderr" == *": already here" ]]
}

@test "the_rubbish_of_a_killed_pull_is_swept_and_that_of_a_living_one_is_not" {
	simple "$L" v1
	run -0 pull -q "oci:$L:v1"
	mkdir -p "$CORACLE_STORE/tmp/dead/t0" "$CORACLE_STORE/tmp/alive"
	flock "$CORACLE_STORE/tmp/alive" "$CORACLE" pull -q "oci:$L:v1"
	[ "$(ls "$CORACLE_STORE/tmp")" = alive ]
}

@test "images_of_a_shared_layer_are_removed_one_by_one" {
	simple "$L" v1
	run -0 pull -q "oci:$L:v1"
	tar_of "$L.tar" <<< "f hello 644 0:0 - hello-from-v1-$BATS_TEST_NUMBER"
	layer "$L" "$L.tar"
	tar_of "$L.tar" <<< "f more 644 0:0 - x"
	layer "$L" "$L.tar"
	image_end "$L" v2 > /dev/null
	run -0 pull -q "oci:$L:v2"
	[ "$(layers)" = 2 ]
	run -0 "$CORACLE" rmi layout:v2
	[ "$(layers)" = 1 ]
	[ "$(cat "$(tree_of layout:v1)/hello")" = "hello-from-v1-$BATS_TEST_NUMBER" ]
	run -0 "$CORACLE" rmi layout:v1
	assert_empty_store
	run -1 "$CORACLE" rmi layout:v1
	[[ "$output" == *"image layout:v1 is not in the store"* ]]
}

@test "images_are_listed_by_name_and_found_by_its_end_or_their_id" {
	local id
	simple "$L" v1
	push "$L:v1" "$NAME:v1"
	run -0 pull -q "$REGISTRY/$NAME:v1"
	run -0 "$CORACLE" images
	[[ "${lines[1]}" =~ ^$REGISTRY/$NAME\ +v1\ +[0-9a-f]{12}\  ]]
	id=$("$CORACLE" images --format json | jq -r '.[0].id')
	run -0 "$CORACLE" rmi "${id:7:12}"
	run -0 pull -q "$REGISTRY/$NAME:v1"
	run -0 "$CORACLE" rmi app:v1
	assert_empty_store
}

@test "a_token_is_asked_for_its_repository_and_stays_with_the_registry" {
	simple "$L" v1
	strange
	run -0 pull -q "$STRANGE/token/elsewhere:v1"
	grep -q "/token?scope=repository:token/elsewhere:pull&service=a%20b -" "$STRANGE_LOG"
	grep -q "^GET $STRANGE /v2/token/elsewhere/blobs/.* Bearer for-token/elsewhere -" "$STRANGE_LOG"
	grep -q "^GET localhost:[0-9]* /v2/token/elsewhere/blobs/.* - -" "$STRANGE_LOG"
	run ! grep -q "^GET localhost.*Bearer" "$STRANGE_LOG"
}

@test "a_login_is_taken_from_option_or_file_and_asked_for_without" {
	simple "$L" v1
	strange
	run -1 pull -q "$STRANGE/basic/app:v1"
	[[ "$output" == *"$STRANGE wants a login: give --creds USER:PASSWORD"* ]]
	run -0 pull -q --creds user:secret "$STRANGE/basic/app:v1"
	mkdir "$HOME/.docker"
	echo "{\"auths\":{\"$STRANGE\":{\"auth\":\"dXNlcjpzZWNyZXQ=\"}}}" > "$HOME/.docker/config.json"
	run -0 pull -q "$STRANGE/basic/other:v1"
	run -1 pull -q --creds user:wrong "$STRANGE/basic/app:v1"
	[[ "$output" == *"does not let you pull"* ]]
	# One that is named is all that is read.
	mv "$HOME/.docker/config.json" "$L.logins"
	run -0 pull -q --authfile "$L.logins" "$STRANGE/basic/third:v1"
	run -0 "$CORACLE" bundle -q --authfile "$L.logins" "$STRANGE/basic/fourth:v1" "$L.bundle" true
	echo '{"auths":{}}' > "$HOME/.docker/config.json"
	run -1 pull -q --authfile "$HOME/.docker/config.json" "$STRANGE/basic/fifth:v1"
	[[ "$output" == *"wants a login"* ]]
	run -1 pull -q --authfile "$L.nowhere" "$STRANGE/basic/fifth:v1"
	[ "$output" = "coracle: open the logins $L.nowhere: No such file or directory" ]
}

@test "a_password_is_not_among_the_arguments_for_long" {
	simple "$L" v1
	strange
	local puller spelling before
	for spelling in "--creds user:secret" --creds=user:secret; do
		before=$(grep -c stall "$STRANGE_LOG" || true)
		# shellcheck disable=SC2086
		"$CORACLE" pull -q $spelling "$STRANGE/stall/app:v1" > "$L.out" 2>&1 3>&- &
		puller=$!
		until [ "$(grep -c stall "$STRANGE_LOG")" -gt "$before" ]; do :; done
		[[ "$(tr '\0' ' ' < /proc/$puller/cmdline)" == *"$STRANGE/stall/app:v1"* ]]
		[[ "$(tr '\0' ' ' < /proc/$puller/cmdline)" != *secret* ]]
		kill "$puller"
		wait "$puller" || true
	done
	# What happens to be written alike is left alone.
	run -0 pull -q --creds app:v1 "$STRANGE/app:v1"
}

@test "the_store_is_a_root_too" {
	simple "$L" v1
	unset CORACLE_STORE
	run -0 pull -q --root "$L.store" "oci:$L:v1"
	run -0 "$CORACLE" images -q --root "$L.store"
	[ -n "$output" ]
	run -0 "$CORACLE" bundle --root "$L.store" --pull never layout:v1 "$L.bundle" true
	[ -e "$L.bundle/config.json" ]
	[ "$(find "$L.store" -mindepth 1 -maxdepth 1 -printf '%f\n' | grep -cE '^(index.json|oci-layout|blobs|layers)$')" = 4 ]
}

@test "a_body_that_breaks_off_is_taken_up_where_it_broke" {
	head -c 2500 /dev/urandom | od -An -tx1 -v | tr -d ' \n' > "$L.random"
	tar_of "$L.tar" <<< "f random 644 0:0 - $(head -c 1500 "$L.random")"
	layer "$L" "$L.tar" none
	image_end "$L" v1 > /dev/null
	strange
	pull -q "$STRANGE/break/app:v1" || { cat "$STRANGE_LOG"; false; }
	grep -q "blobs/.* - 1000$" "$STRANGE_LOG"
	grep -q "blobs/.* - 3000$" "$STRANGE_LOG"
	run -0 "$CORACLE" rmi "$STRANGE/break/app:v1"
	run -0 pull -q "$STRANGE/break-noranges/app:v1"
}

@test "a_manifest_that_breaks_off_is_asked_for_anew_as_its_tag_may_have_moved" {
	simple "$L" v1
	strange
	run -0 pull -q "$STRANGE/torn:v1"
	[ "$output" = "sha256:$(sed '1s/^/ /' "$L.manifest" | sha256sum | cut -d ' ' -f 1)" ]
	[ "$(grep -c ' /v2/torn/manifests/v1 - -$' "$STRANGE_LOG")" = 2 ]
}

@test "a_busy_registry_is_asked_again" {
	simple "$L" v1
	strange
	run -0 pull -q "$STRANGE/busy/app:v1"
	[ "$(grep -c manifests/v1 "$STRANGE_LOG")" = 2 ]
}

@test "a_registry_is_asked_for_the_image_at_once_and_for_itself_when_it_has_none" {
	simple "$L" v1
	strange
	run -0 pull -q "$STRANGE/app:v1"
	[ "$(head -n 1 "$STRANGE_LOG")" = "GET $STRANGE /v2/app/manifests/v1 - -" ]
	run ! grep -q " /v2/ " "$STRANGE_LOG"
	run -1 pull -q "$STRANGE/app@sha256:$(printf '%064d' 0)"
	grep -q " /v2/ " "$STRANGE_LOG"
	[[ "$output" == *"never heard of it"* ]]
}

@test "the_configuration_and_the_layers_are_asked_for_at_the_same_time" {
	simple "$L" v1
	strange
	run -0 pull -q --timeout 60 "$STRANGE/together/app:v1"
}

@test "a_registry_that_answers_one_at_a_time_is_not_kept_waiting_with_a_layer" {
	mkdir "$L.d"
	head -c 20000000 /dev/urandom > "$L.d/noise"
	tar -C "$L.d" -cf "$L.tar" noise
	layer "$L" "$L.tar" none
	image_end "$L" v1 > /dev/null
	strange
	run -0 pull -q "$STRANGE/inturn/app:v1"
}

# unpacks NAME WORDS - whether files of a layer were written by a pull of that image, which ends with these words. The
# registry keeps the configuration until the layer was taken or left.
unpacks() {
	local said
	said=$(strace -f -qq -e signal=none -o "$L.trace" -e trace=openat,openat2,mkdirat \
		"$CORACLE" pull -q "$STRANGE/inturn/$1:v1" 2>&1) || :
	[[ "$said" == *"$2"* ]] || { echo "$said"; return 2; }
	# It had been asked for the layer.
	[ "$(grep -c " /v2/inturn/$1/blobs/" "$STRANGE_LOG")" -ge 2 ] || return 2
	grep -q '"noise"' "$L.trace"
}

@test "nothing_is_unpacked_before_the_configuration_is_accepted" {
	local config
	mkdir "$L.d"
	head -c 20000000 /dev/urandom > "$L.d/noise"
	tar -C "$L.d" -cf "$L.tar" noise
	layer "$L" "$L.tar" none
	image_end "$L" v1 '{}' s390x > /dev/null
	strange
	run -1 unpacks platform "is for linux/s390x, not linux/"
	# Of another number of layers, and one of another digest.
	layer "$L" "$L.tar" none
	hex_of "$L.tar" >> "$L.diffs"
	image_end "$L" v1 > /dev/null
	run -1 unpacks number "2 diff_ids for 1 layers"
	layer "$L" "$L.tar" none
	image_end "$L" v1 > "$L.out"
	config=$L/blobs/sha256/$(jq -r '.config.digest[7:]' "$L.manifest")
	cp "$config" "$L.good"
	tr 0-9 1-90 < "$L.good" > "$config"
	run -1 unpacks digest "configuration $(jq -r .config.digest "$L.manifest") is not what it should be"
	assert_empty_store
	cp "$L.good" "$config"
	run -0 unpacks good sha256:
}

# One that waits for its configuration and its layer: pulling.
waiting_pull() {
	simple "$L" v1
	strange
	"$CORACLE" pull -q "$STRANGE/mute/app:v1" 3>&- &
	pulling=$!
	until [ "$(grep -c " /v2/mute/app/blobs/" "$STRANGE_LOG")" = 2 ]; do
		kill -0 $pulling
	done
}

@test "a_pull_that_waits_for_a_registry_is_ended_by_a_signal_and_leaves_nothing" {
	local pulling rc=0
	waiting_pull
	kill -TERM $pulling
	wait $pulling || rc=$?
	[ "$rc" != 0 ]
	[ -z "$(ls -A "$CORACLE_STORE/tmp")" ]
	[ "$(layers)" = 0 ]
}

@test "who_unpacks_for_root_changes_no_modes_of_others_and_holds_no_way_to_them" {
	local pulling writer worker fd up=../../../../../../../../../../../..
	waiting_pull
	# Who writes, and who asks, if that is another one.
	writer=$(pgrep -P $pulling)
	for worker in $writer $(pgrep -P "$writer"); do
		until grep -q '^Seccomp:[[:space:]]2' "/proc/$worker/status"; do
			kill -0 $pulling
		done
		# All that it has a name for is mounted read-only, and below where that is.
		for fd in "/proc/$worker/root" "/proc/$worker/cwd" "/proc/$worker/fd"/*; do
			[ -d "$fd/" ] || continue
			echo "${fd##*/} $(readlink "$fd") $(chmod 700 "$fd/$up$BATS_TEST_TMPDIR" 2>&1 && echo changed)"
		done
	done > "$L.directories"
	readlink "/proc/$writer/fd"/* > "$L.open"
	kill -TERM $pulling
	wait $pulling || true
	cat "$L.directories"
	# Who only writes is connected with who unpacks, and with no registry; it holds no lock.
	if [ "$worker" != "$writer" ]; then
		[ "$(grep -c '^socket:' "$L.open")" = 1 ]
		[ "$(grep -c "^$CORACLE_STORE" "$L.open")" = 1 ]
	fi
	# Of the tree nothing leads out: it is the root of who does nothing but write it.
	[ "$(grep -c "No such file" "$L.directories")" = "$((worker == writer ? 1 : 3))" ]
	[ "$(grep -c "Read-only file system" "$L.directories")" = 3 ]
	[ "$(wc -l < "$L.directories")" = "$((worker == writer ? 4 : 6))" ]
}

@test "a_signal_that_is_ignored_does_not_end_a_pull" {
	local pulling
	simple "$L" v1
	strange
	(trap '' HUP INT; exec "$CORACLE" pull -q "$STRANGE/limited/app:v1") 3>&- &
	pulling=$!
	# What is asked for first has to be asked for again a second later.
	until grep -q " /v2/limited/app/blobs/" "$STRANGE_LOG"; do
		kill -0 $pulling
	done
	kill -HUP $pulling
	kill -INT $pulling
	wait $pulling
	[ "$(layers)" = 1 ]
}

@test "redirects_in_circles_and_to_plain_http_are_refused" {
	simple "$L" v1
	strange
	run -1 pull -q "$STRANGE/endless/app:v1"
	[[ "$output" == *"more than 5 redirects" ]]
	run -1 pull -q "$STRANGE/away/app:v1"
	# By what a redirect leads to with, whoever has it gets the blob.
	[[ "$output" == *"http://192.0.2.1/v2/away/app/blobs/sha256:"*": plain http is refused"* && "$output" != *hidden* ]]
	assert_empty_store
}

@test "a_manifest_that_is_no_json_is_refused" {
	simple "$L" v1
	strange
	run -1 pull -q "$STRANGE/garbled/app:v1"
	[[ "$output" == *"not valid JSON"* ]]
	[ "${#lines[@]}" = 1 ]
}

@test "an_unwritable_store_is_named" {
	run -1 pull --store /proc/coracle 127.0.0.1:1/x
	[[ "$output" == "coracle: the store /proc/coracle: "* ]]
	[ "${#lines[@]}" = 1 ]
}

@test "an_https_registry_needs_a_certificate_that_is_trusted" {
	local dir=$BATS_TEST_TMPDIR/tls
	mkdir "$dir"
	openssl req -x509 -newkey rsa:2048 -nodes -keyout "$dir/key" -out "$dir/cert" -days 1 \
		-subj /CN=registry -addext "subjectAltName = IP:127.0.0.1" 2> /dev/null
	simple "$L" v1
	push "$L:v1" "$NAME:v1"
	registry_serve "$dir" "$BATS_FILE_TMPDIR/registry" \
		"{addr: \"127.0.0.1:0\", tls: {certificate: $dir/cert, key: $dir/key}}"
	run -1 pull "$SERVED/$NAME:v1"
	[[ "$output" == "coracle: reach the registry $SERVED: https://$SERVED/v2/: "*ertificate* ]]
	[ "${#lines[@]}" = 1 ]
	SSL_CERT_FILE=$dir/cert run -0 pull -q "$SERVED/$NAME:v1"
	# From where it is, also for who may not change his root.
	cd "$dir"
	SSL_CERT_FILE=cert run -0 pull -q --store "$dir/store" "$SERVED/$NAME:v1"
	SSL_CERT_FILE=cert run -0 setpriv --bounding-set=-sys_chroot --inh-caps=-sys_chroot \
		"$CORACLE" pull -q --store "$dir/other" "$SERVED/$NAME:v1"
	run -0 pull -q --tls-verify=false "$SERVED/$NAME:v1"
	kill "$SERVED_PID"
}

@test "the_layers_of_a_running_container_survive_rmi" {
	make_rootfs "$BATS_TEST_TMPDIR/root"
	tar -C "$BATS_TEST_TMPDIR/root" -cf "$L.tar" .
	layer "$L" "$L.tar"
	image_end "$L" v1 > /dev/null
	run -0 pull -q "oci:$L:v1"
	mkfifo "$BATS_TEST_TMPDIR/go" "$BATS_TEST_TMPDIR/ready"
	"$CORACLE" run --root "$BATS_TEST_TMPDIR/state" --rm -v "$BATS_TEST_TMPDIR:/sync" layout:v1 \
		sh -c 'echo > /sync/ready; cat /sync/go; cat /etc/passwd' > "$L.out" 3>&- &
	local container=$!
	cat "$BATS_TEST_TMPDIR/ready"
	run -0 "$CORACLE" rmi layout:v1
	[ "$(layers)" = 1 ]
	echo > "$BATS_TEST_TMPDIR/go"
	wait "$container"
	grep -q "^worker:" "$L.out"
	run -0 pull -q "oci:$L:v1"
	run -0 "$CORACLE" rmi layout:v1
	assert_empty_store
}

@test "older_kernels_stack_as_many_layers_as_there_may_be" {
	local i
	make_rootfs "$BATS_TEST_TMPDIR/root"
	tar -C "$BATS_TEST_TMPDIR/root" -cf "$L.0" .
	layer "$L" "$L.0"
	for ((i = 1; i < 127; i++)); do
		tar_of "$L.$i" <<< "f f/$i 644"
		layer "$L" "$L.$i" none
	done
	tar_of "$L.$i" <<< "f f/.wh.7 644"
	layer "$L" "$L.$i"
	image_end "$L" v1 > /dev/null
	run -0 pull -q "oci:$L:v1"
	local script='set -- /f/*; echo $#; chown 5:6 /f/1; mv /etc /moved; stat -c "%u %g" /f/1; ls /moved'
	# Layers by fd are refused from the fourth fsconfig on, and those one by one by name from the eighth.
	for i in 1000 4 4..8+4; do
		run -0 strace -qq -o "$L.strace" -e trace=fsconfig -e "inject=fsconfig:error=EINVAL:when=$i" \
			"$CORACLE" run --root "$BATS_TEST_TMPDIR/state" --rm layout:v1 sh -c "$script"
		[ "$output" = $'125\n5 6\ngroup\nhosts\npasswd' ]
	done
	grep -q '"lowerdir", "[^"/]*:' "$L.strace"
	[ -z "$(ls "$CORACLE_STORE/containers")" ]
}

# What find says of a root file system, by a container's own hand.
seen() {
	"$@" run --root "$BATS_TEST_TMPDIR/state" --rm --no-hosts layout:v1 sh -c \
		'cd /; find . -xdev \( -path ./proc -o -path ./dev -o -path ./sys \) -prune -o -exec stat -c "%n %F %a %u:%g %Y" {} + | sort
		cat /data/two /data/one; stat -c %h /data/one; echo mine > /data/one'
}

@test "where_there_is_no_overlay_to_be_had_the_layers_are_copied" {
	local error copy
	make_rootfs "$BATS_TEST_TMPDIR/root"
	tar -C "$BATS_TEST_TMPDIR/root" -cf "$L.1" .
	tar_of "$L.2" <<-'END'
		d data 2751 1:2
		f data/one 4755 3:4 - one
		h data/two - - data/one
		d hidden 700
		f hidden/below 644
		f gone 644
		d replaced 755
		f replaced/by 644
		l link - - data
		x SCHILY.xattr.user.lower=1
		x SCHILY.xattr.system.posix_acl_default=%02%00%00%00%01%00%07%00%FF%FF%FF%FF%02%00%07%00%E8%03%00%00%04%00%05%00%FF%FF%FF%FF%10%00%07%00%FF%FF%FF%FF%20%00%00%00%FF%FF%FF%FF
		d shared 2775 0:7
		x SCHILY.xattr.user.lower=1
		d plain 2775 0:7
	END
	tar_of "$L.3" <<-'END'
		f shared/mine 644
		d shared/sub 755
		x SCHILY.xattr.user.upper=1
		d plain 755
		f plain/mine 666
		f .wh.gone 644
		d hidden 711 5:5
		f hidden/.wh..wh..opq 644
		f hidden/above 600
		f replaced 640
		d link 755
		f link/inside 600
	END
	layer "$L" "$L.1"
	layer "$L" "$L.2"
	layer "$L" "$L.3"
	image_end "$L" v1 > /dev/null
	run -0 pull -q "oci:$L:v1"
	seen "$CORACLE" > "$L.overlay"
	grep -q '^./hidden/above ' "$L.overlay"
	grep -q '^./link/inside ' "$L.overlay"
	for error in fsopen:error=EPERM fsopen:error=ENODEV fsconfig:error=EINVAL:when=16; do
		seen strace -qq -o /dev/null -e "trace=${error%%:*}" -e "inject=$error" "$CORACLE" > "$L.copy"
		diff "$L.overlay" "$L.copy"
	done
	[ "$(cat "$(tree_of layout:v1)/../"*/data/one)" = one ]
	[ -z "$(ls "$CORACLE_STORE/containers")" ]
	# A bundle is made of the layers too.
	"$CORACLE" bundle layout:v1 "$L.bundle" true
	strace -qq -o /dev/null -e trace=fsopen -e inject=fsopen:error=EPERM "$CORACLE" bundle layout:v1 "$L.bundle.copy" true
	(cd "$L.bundle/rootfs" && find . -exec stat -c '%n %F %a %u:%g %Y' {} + | sort) > "$L.overlay"
	(cd "$L.bundle.copy/rootfs" && find . -exec stat -c '%n %F %a %u:%g %Y' {} + | sort) > "$L.copy"
	diff "$L.overlay" "$L.copy"
	for copy in "$L.bundle" "$L.bundle.copy"; do
		tar --sort=name --xattrs --xattrs-include='*' --pax-option=delete=atime,delete=ctime -C "$copy/rootfs" \
			-cf - shared plain | LC_ALL=C grep -ao 'SCHILY[^=]*' > "$copy.attributes"
	done
	[ -s "$L.bundle.attributes" ]
	diff "$L.bundle.attributes" "$L.bundle.copy.attributes"
}
