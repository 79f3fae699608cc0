#!/usr/bin/env bats
# 22-digests.bats - images whose parts are named by SHA-512, or some of them: as good as any.

load helper
load images

setup() {
	export CORACLE_STORE=$BATS_TEST_TMPDIR/store
	export HOME=$BATS_TEST_TMPDIR
	L=$BATS_TEST_TMPDIR/layout
}

teardown() {
	[ -z "${STRANGE_PID:-}" ] || kill "$STRANGE_PID"
}

# mixed - an image of two layers, of which the second alone and its own diff id are named by SHA-256.
mixed() {
	make_rootfs "$BATS_TEST_TMPDIR/root"
	tar -C "$BATS_TEST_TMPDIR/root" -cf "$L.1" .
	tar_of "$L.2" <<< "f hello 644 0:0 - hello-$BATS_TEST_NUMBER"
	HASH=sha512 layer "$L" "$L.1"
	layer "$L" "$L.2" zstd
	jq -Rnc --arg a "$(dpkg --print-architecture)" --arg one "sha512:$(sha512sum < "$L.1" | cut -d ' ' -f 1)" \
		--arg two "sha256:$(hex_of "$L.2")" '{os: "linux", architecture: $a, config: {},
		rootfs: {type: "layers", diff_ids: [$one, $two]}}' > "$L.config"
	HASH=sha512 blob "$L" "$L.config" "$OCI.config.v1+json" > "$L.configuration"
	jq -sc --arg t "$OCI.manifest.v1+json" --slurpfile c "$L.configuration" \
		'{schemaVersion: 2, mediaType: $t, config: $c[0], layers: .}' "$L.layers" > "$L.manifest"
	HASH=sha512 blob "$L" "$L.manifest" "$OCI.manifest.v1+json" > "$L.descriptor"
	layout_names "$L" v1 "$L.descriptor"
	DIGEST=$(jq -r .digest "$L.descriptor")
}

# The blobs of the store by algorithm.
blobs() {
	echo "$(find "$CORACLE_STORE/blobs/sha256" -type f | wc -l) $(find "$CORACLE_STORE/blobs/sha512" -type f | wc -l)"
}

@test "an_image_of_both_algorithms_is_pulled_run_inspected_and_removed" {
	local id
	mixed
	run -0 "$CORACLE" pull -q "oci:$L:v1"
	[ "$output" = "$DIGEST" ]
	[[ "$output" =~ ^sha512:[0-9a-f]{128}$ ]]
	[ "$(blobs)" = "1 3" ]
	run -0 "$CORACLE" pull "oci:$L:v1"
	[[ "$output" == *": already here"* ]]
	run -0 "$CORACLE" run --root "$BATS_TEST_TMPDIR/state" --rm layout:v1 cat /hello
	[ "$output" = "hello-$BATS_TEST_NUMBER" ]
	run -0 "$CORACLE" inspect layout:v1
	[ "$(jq -r '.[0].digest' <<< "$output")" = "$DIGEST" ]
	id=$(jq -r '.[0].id' <<< "$output")
	[[ "$id" == sha512:* ]]
	run -0 "$CORACLE" inspect "${DIGEST:0:19}"
	run -0 "$CORACLE" inspect "${id:7:12}"
	run -1 "$CORACLE" inspect "sha256:${DIGEST:7:12}"
	[[ "$output" == *"sha256:${DIGEST:7:12} is not in the store"* ]]
	run -0 "$CORACLE" images
	[[ "${lines[1]}" == *"${id:7:12}"* ]]
	# Nothing is taken away from an image that has a name.
	run -0 "$CORACLE" prune
	[ "$(blobs)" = "1 3" ]
	run -0 "$CORACLE" rmi "$id"
	assert_empty_store
}

@test "what_was_saved_of_both_algorithms_is_loaded_again" {
	mixed
	run -0 "$CORACLE" pull -q "oci:$L:v1"
	run -0 "$CORACLE" save -o "$L.tar" layout:v1
	tar -tf "$L.tar" > "$L.names"
	grep -qx "blobs/sha512/${DIGEST:7}" "$L.names"
	run -0 "$CORACLE" rmi layout:v1
	assert_empty_store
	run -0 "$CORACLE" load -i "$L.tar"
	[ "$(blobs)" = "1 3" ]
	[ "$("$CORACLE" inspect layout:v1 | jq -r '.[0].digest')" = "$DIGEST" ]
	run -0 "$CORACLE" rmi layout:v1
	run -0 "$CORACLE" pull -q "docker-archive:$L.tar"
	[ "$(cat "$(find "$CORACLE_STORE/layers" -name hello)")" = "hello-$BATS_TEST_NUMBER" ]
}

@test "a_registry_is_asked_by_sha512_and_what_it_sends_must_be_that" {
	local file
	mixed
	strange
	run -0 "$CORACLE" pull -q "$STRANGE/app@$DIGEST"
	[ "$output" = "$DIGEST" ]
	grep -q "^GET $STRANGE /v2/app/manifests/$DIGEST " "$STRANGE_LOG"
	grep -q "^GET $STRANGE /v2/app/blobs/sha512:" "$STRANGE_LOG"
	run -0 "$CORACLE" run --root "$BATS_TEST_TMPDIR/state" --rm "$STRANGE/app@$DIGEST" cat /hello
	[ "$output" = "hello-$BATS_TEST_NUMBER" ]
	run -0 "$CORACLE" rmi "$STRANGE/app@$DIGEST"
	assert_empty_store
	for file in "$L/blobs/sha512/$(jq -r '.layers[0].digest[7:]' "$L.manifest")" "$L/blobs/sha512/${DIGEST:7}"; do
		printf 'X' | dd of="$file" bs=1 seek=30 conv=notrunc status=none
		run -1 "$CORACLE" pull -q "$STRANGE/app@$DIGEST"
		[ "${#lines[@]}" = 1 ]
		[[ "$output" == *"sha512:"*" is not what it should be: its content has the digest sha512:"* ]]
		assert_empty_store
		run -1 "$CORACLE" pull -q "oci:$L:v1"
		assert_empty_store
	done
	run -1 "$CORACLE" pull -q "$STRANGE/app@sha384:00"
	[[ "$output" == *"the digest algorithm sha384 is not supported, only sha256 and sha512" ]]
	run -1 "$CORACLE" pull -q "$STRANGE/app@${DIGEST:0:100}"
	[[ "$output" == *"is not a sha512 digest (128 hex digits)" ]]
}
