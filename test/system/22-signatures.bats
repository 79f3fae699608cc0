#!/usr/bin/env bats
# 22-signatures.bats - images that somebody vouches for, and those that nobody does: nothing of these is unpacked.

# shellcheck disable=SC2030,SC2031 # each test is a shell

load helper
load images

setup_file() {
	registry_start
	cd "$BATS_FILE_TMPDIR" || return
	openssl ecparam -name prime256v1 -genkey -noout -out key
	openssl ecparam -name prime256v1 -genkey -noout -out other
	openssl ecparam -name secp384r1 -genkey -noout -out large
	openssl genrsa -out rsa 2048 2> /dev/null
	openssl genpkey -algorithm ed25519 -out edwards
	for key in key other large rsa edwards; do
		openssl pkey -in $key -pubout -out $key.pub
	done
}

teardown_file() {
	registry_stop
}

setup() {
	export CORACLE_STORE=$BATS_TEST_TMPDIR/store
	unset REGISTRY_AUTH_FILE XDG_RUNTIME_DIR DOCKER_CONFIG
	export HOME=$BATS_TEST_TMPDIR
	K=$BATS_FILE_TMPDIR
	L=$BATS_TEST_TMPDIR/layout
	NAME=t$BATS_TEST_NUMBER/app
	REF=$REGISTRY/$NAME:v1
}

verify() {
	"$CORACLE" pull -q --verify-key "$@"
}

# An image in the layout and the registry; DIGEST is its own.
image() {
	simple "$L" v1
	push "$L:v1" "$NAME:v1"
	DIGEST=$(jq -r .digest "$L.out")
}

# claim DIGEST [TYPE] - what cosign signs.
claim() {
	printf '{"critical":{"identity":{"docker-reference":"x"},"image":{"docker-manifest-digest":"%s"},"type":"%s"},"optional":null}' \
		"$1" "${2:-cosign container image signature}" > "$L.payload"
}

# signed KEY - one signature more, of the payload.
signed() {
	local text
	text=$(openssl dgst -sha256 -sign "$K/$1" "$L.payload" | base64 -w 0)
	blob "$L" "$L.payload" application/vnd.dev.cosign.simplesigning.v1+json |
		jq -c --arg s "$text" '.annotations = {"dev.cosignproject.cosign/signature": $s}' >> "$L.signatures"
}

# attach - the signatures as the layout's second image, and in the registry.
attach() {
	local config tag=${1:-sha256-${DIGEST:7}.sig} descriptor
	echo '{"architecture":"","os":"","rootfs":{"type":"layers","diff_ids":[]},"config":{}}' > "$L.empty"
	config=$(blob "$L" "$L.empty" "$OCI.config.v1+json")
	jq -sc --arg t "$OCI.manifest.v1+json" --argjson c "$config" \
		'{schemaVersion: 2, mediaType: $t, config: $c, layers: .}' "$L.signatures" > "$L.sigs"
	descriptor=$(blob "$L" "$L.sigs" "$OCI.manifest.v1+json" |
		jq -c --arg n "$tag" '.annotations = {"org.opencontainers.image.ref.name": $n}')
	jq -c --argjson d "$descriptor" '.manifests = [.manifests[0], $d]' "$L/index.json" > "$L.index.json"
	cp "$L.index.json" "$L/index.json"
	push "$L:$tag" "$NAME:$tag"
	rm "$L.signatures"
}

# refused WORDS [ARG...] - in one line with these words, and nothing is left.
refused() {
	run -1 verify "${@:2}"
	[ "${#lines[@]}" = 1 ]
	[[ "$output" == "coracle: "*"$1"* ]] || { echo "$output"; return 1; }
	assert_empty_store
}

@test "an_image_is_pulled_when_the_key_signed_it_as_cosign_does" {
	local key
	image
	for key in key large rsa; do
		claim "$DIGEST"
		signed $key
		attach
		run -0 verify "$K/$key.pub" "$REF"
		[ "$output" = "$DIGEST" ]
		run -0 "$CORACLE" rmi "$REF"
		run -0 verify "$K/$key.pub" "$REGISTRY/$NAME@$DIGEST"
		run -0 "$CORACLE" rmi "$REGISTRY/$NAME@$DIGEST"
	done
	# Names of keys are relative to where one is.
	cd "$K"
	run -0 verify rsa.pub "$REF"
}

@test "one_good_signature_among_others_suffices" {
	image
	claim "$DIGEST"
	signed other
	claim "sha256:$(printf '%064d' 0)"
	signed key
	claim "$DIGEST"
	signed key
	attach
	run -0 verify "$K/key.pub" "$REF"
	run -0 verify "$K/other.pub" "$REF"
	run -1 verify "$K/large.pub" "$REF"
}

@test "an_index_is_what_is_signed_where_the_name_means_one" {
	local own
	simple "$L" v1
	own=$(cat "$L.out")
	index_end "$L" v1 "$own"
	push "$L:v1" "$NAME:v1"
	DIGEST=$(jq -r .digest "$L.descriptor")
	claim "$(jq -r .digest <<< "$own")"
	signed key
	attach "sha256-$(jq -r '.digest[7:]' <<< "$own").sig"
	refused "it is not signed: there is no sha256-${DIGEST:7}.sig beside it" "$K/key.pub" "$REF"
	# By its own digest the part is named, and that is signed.
	run -0 verify "$K/key.pub" "$REGISTRY/$NAME@$(jq -r .digest <<< "$own")"
	run -0 "$CORACLE" rmi "$REGISTRY/$NAME@$(jq -r .digest <<< "$own")"
	claim "$DIGEST"
	signed key
	attach
	run -0 verify "$K/key.pub" "$REF"
	[ "$output" = "$(jq -r .digest <<< "$own")" ]
}

@test "what_is_not_signed_or_by_others_or_for_others_is_refused_in_one_line" {
	image
	refused "$REF: no good signature of $DIGEST by $K/key.pub: it is not signed: there is no sha256-${DIGEST:7}.sig beside it" \
		"$K/key.pub" "$REF"
	claim "$DIGEST"
	signed other
	attach
	refused "by $K/key.pub: it was signed with another key, or changed since" "$K/key.pub" "$REF"
	claim "sha256:$(printf '%064d' 0)"
	signed key
	attach
	refused "the signature is for sha256:0000" "$K/key.pub" "$REF"
	claim "$DIGEST" "atomic container signature"
	signed key
	attach
	refused "what was signed is no cosign container image signature: atomic container signature" "$K/key.pub" "$REF"
	echo '{"critical":[]}' > "$L.payload"
	signed key
	attach
	refused "what was signed: " "$K/key.pub" "$REF"
	# Of a type that is none, without a signature, with one that is no base64.
	claim "$DIGEST"
	blob "$L" "$L.payload" application/json > "$L.signatures"
	attach
	refused "a application/json is not a signature" "$K/key.pub" "$REF"
	blob "$L" "$L.payload" application/vnd.dev.cosign.simplesigning.v1+json |
		jq -c '.annotations = {"dev.cosignproject.cosign/signature": "no base64"}' > "$L.signatures"
	attach
	refused "the signature is not base64" "$K/key.pub" "$REF"
	: > "$L.signatures"
	attach
	refused "it is not signed: sha256-${DIGEST:7}.sig is empty" "$K/key.pub" "$REF"
}

@test "what_was_signed_and_changed_since_is_refused" {
	local hex
	image
	claim "$DIGEST"
	signed key
	# Another text under the signature of the first.
	claim "$DIGEST" "cosign container image signature "
	blob "$L" "$L.payload" x > "$L.other"
	jq -c --slurpfile o "$L.other" '.digest = $o[0].digest | .size = $o[0].size' "$L.signatures" > "$L.changed"
	cp "$L.changed" "$L.signatures"
	attach
	refused "it was signed with another key, or changed since" "$K/key.pub" "$REF"
	# Another text under the digest of the first.
	claim "$DIGEST"
	signed key
	attach
	hex=$(hex_of "$L.payload")
	printf ' ' | dd of="$(registry_blob "sha256:$hex")" bs=1 seek=20 conv=notrunc status=none
	refused "what was signed sha256:$hex is not what it should be" "$K/key.pub" "$REF"
	head -c 70000 /dev/zero > "$L.payload"
	signed key
	attach
	refused "what was signed is larger than 65536 bytes" "$K/key.pub" "$REF"
}

@test "a_layout_and_its_archive_have_signatures_beside_the_image" {
	image
	refused "it is not signed" "$K/key.pub" "oci:$L:v1"
	claim "$DIGEST"
	signed key
	attach
	run -0 verify "$K/key.pub" "oci:$L:v1"
	run -0 "$CORACLE" rmi layout:v1
	tar -C "$L" -cf "$BATS_TEST_TMPDIR/app.tar" .
	run -0 verify "$K/key.pub" "oci-archive:$BATS_TEST_TMPDIR/app.tar:v1"
	run -0 "$CORACLE" rmi app:v1
	refused "another key" "$K/other.pub" "oci-archive:$BATS_TEST_TMPDIR/app.tar:v1"
	skopeo copy -q "oci:$L:v1" "docker-archive:$BATS_TEST_TMPDIR/saved.tar:app:v1"
	refused "is a docker-archive, which has one image and nothing beside" "$K/key.pub" \
		"docker-archive:$BATS_TEST_TMPDIR/saved.tar"
}

@test "a_key_that_cannot_be_used_is_named" {
	image
	refused "$K/edwards.pub: a key of this kind is not known here, only ECDSA (P-256, P-384, P-521) and RSA" \
		"$K/edwards.pub" "$REF"
	refused "$K/key is not a public key in PEM (BEGIN PUBLIC KEY)" "$K/key" "$REF"
	refused "open the key $K/none: No such file or directory" "$K/none" "$REF"
	head -c 70000 /dev/zero > "$L.key"
	refused "$L.key" "$L.key" "$REF"
}

@test "run_pulls_what_is_to_be_verified_even_if_it_is_there" {
	local image
	make_rootfs "$BATS_TEST_TMPDIR/root"
	tar -C "$BATS_TEST_TMPDIR/root" -cf "$L.tar" .
	layer "$L" "$L.tar"
	image_end "$L" v1 > "$L.out"
	push "$L:v1" "$NAME:v1"
	DIGEST=$(jq -r .digest "$L.out")
	run -0 "$CORACLE" pull -q "$REF"
	run -125 "$CORACLE" run --root "$BATS_TEST_TMPDIR/state" -q --rm --verify-key "$K/key.pub" "$REF" echo hi
	[[ "$output" == *"it is not signed"* ]]
	claim "$DIGEST"
	signed key
	attach
	run -0 "$CORACLE" run --root "$BATS_TEST_TMPDIR/state" -q --rm --verify-key "$K/key.pub" "$REF" echo hi
	[ "$output" = hi ]
	run -125 "$CORACLE" run --root "$BATS_TEST_TMPDIR/state" --rm --pull never --verify-key "$K/key.pub" "$REF" echo hi
	[[ "$output" == *"option --verify-key: only with --pull always" ]]
	for image in "" "--rootfs $BATS_TEST_TMPDIR/root"; do
		# shellcheck disable=SC2086 # none or two
		run -125 "$CORACLE" run --root "$BATS_TEST_TMPDIR/state" --rm --verify-key "$K/key.pub" $image
		[ "$output" = "coracle: option --verify-key: only an image has signatures" ]
	done
	run -0 "$CORACLE" bundle -q --verify-key "$K/key.pub" "$REF" "$BATS_TEST_TMPDIR/bundle" echo hi
	run -1 "$CORACLE" bundle -q --verify-key "$K/other.pub" "$REF" "$BATS_TEST_TMPDIR/second" echo hi
	[ ! -e "$BATS_TEST_TMPDIR/second" ]
}
