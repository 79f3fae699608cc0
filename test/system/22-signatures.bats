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
	export HOME=$BATS_TEST_TMPDIR
	K=$BATS_FILE_TMPDIR
	L=$BATS_TEST_TMPDIR/layout
	NAME=t$BATS_TEST_NUMBER/app
	BUNDLE=application/vnd.dev.sigstore.bundle.v0.3+json
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

# claim DIGEST [TYPE [NAME]] - what cosign signs.
claim() {
	printf '{"critical":{"identity":{"docker-reference":"%s"},"image":{"docker-manifest-digest":"%s"},"type":"%s"},"optional":null}' \
		"${3-x}" "$1" "${2:-cosign container image signature}" > "$L.payload"
}

# sign KEY FILE - its signature, by HASHED instead of SHA-256.
sign() {
	if [ "$1" = edwards ]; then
		openssl pkeyutl -sign -rawin -inkey "$K/$1" -in "$2"
	else
		openssl dgst "-${HASHED:-sha256}" -sign "$K/$1" "$2"
	fi | base64 -w 0
}

# signed KEY - one signature more, of the payload.
signed() {
	local text
	text=$(sign "$1" "$L.payload")
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

# statement DIGEST [TYPE [NAME]] - what cosign signs since its version 3.
statement() {
	jq -njc --arg d "${1:7}" --arg t "${2:-https://sigstore.dev/cosign/sign/v1}" --arg n "${3:-}" \
		'{_type: "https://in-toto.io/Statement/v1", predicateType: $t, predicate: {}, subject: [{name: "x",
		  digest: {sha512: "0"}}, {digest: {sha256: $d}} + if $n == "" then {} else {name: $n} end]}' > "$L.payload"
}

# bundle KEY [CHANGE] - the payload in an envelope, signed, as Sigstore's bundle; changed by jq.
bundle() {
	printf 'DSSEv1 28 application/vnd.in-toto+json %s ' "$(stat -c %s "$L.payload")" > "$L.signed"
	cat "$L.payload" >> "$L.signed"
	jq -nc --arg t "$BUNDLE" --arg p "$(base64 -w 0 "$L.payload")" --arg s "$(sign "$1" "$L.signed")" \
		'{mediaType: $t, verificationMaterial: {publicKey: {hint: "h"}, tlogEntries: []}, dsseEnvelope:
		  {payload: $p, payloadType: "application/vnd.in-toto+json", signatures: [{sig: $s}]}}' |
		jq -c "${2:-.}" > "$L.bundle"
}

# direct KEY - a signature of the image's manifest itself, as a bundle.
direct() {
	jq -nc --arg t "$BUNDLE" --arg d "$(openssl dgst -sha256 -binary "$L/blobs/sha256/${DIGEST:7}" | base64 -w 0)" \
		--arg s "$(sign "$1" "$L/blobs/sha256/${DIGEST:7}")" '{mediaType: $t, messageSignature:
		  {messageDigest: {algorithm: "SHA2_256", digest: $d}, signature: $s}}' > "$L.bundle"
}

# refer [TYPE LAYER] - the bundle, or another, as what refers to the image.
refer() {
	local config layer
	printf '{}' > "$L.empty"
	config=$(blob "$L" "$L.empty" application/vnd.oci.empty.v1+json)
	layer=${2:-$(blob "$L" "$L.bundle" "$BUNDLE")}
	jq -nc --arg m "$OCI.manifest.v1+json" --arg t "${1:-$BUNDLE}" --arg d "$DIGEST" --argjson c "$config" \
		--argjson l "$layer" '{schemaVersion: 2, mediaType: $m, artifactType: $t, config: $c, layers: [$l],
		  subject: {mediaType: $m, digest: $d, size: 1}}' > "$L.artifact"
	blob "$L" "$L.artifact" "$OCI.manifest.v1+json" | jq -c --arg t "${1:-$BUNDLE}" '.artifactType = $t' >> "$L.referrers"
}

# index - what refers to the image, as an index, which the layout has by its tag.
index() {
	touch "$L.referrers"
	jq -sc --arg t "$OCI.index.v1+json" '{schemaVersion: 2, mediaType: $t, manifests: .}' "$L.referrers" > "$L.list"
	blob "$L" "$L.list" "$OCI.index.v1+json" |
		jq -c --arg n "sha256-${DIGEST:7}" '.annotations = {"org.opencontainers.image.ref.name": $n}' > "$L.listed"
	jq -c --slurpfile l "$L.listed" '.manifests = [.manifests[0], $l[0]]' "$L/index.json" > "$L.index.json"
	cp "$L.index.json" "$L/index.json"
	rm "$L.referrers"
}

# list - the same, in the registry too.
list() {
	index
	push "$L:sha256-${DIGEST:7}" "$NAME:sha256-${DIGEST:7}"
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
	for key in key large rsa edwards; do
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
	run -0 verify edwards.pub "$REF"
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
	refused "$REF: no good signature of $DIGEST by $K/key.pub: it is not signed: there is no sha256-${DIGEST:7}.sig beside it, and nothing that refers to it is a signature" \
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

# asks REFERENCE KEY - whether a pull that wants a signature by the key looked for anything of the image but its manifest
# and the signatures, or wrote a file of it.
asks() {
	: > "$STRANGE_LOG"
	run strace -f -qq -e signal=none -o "$L.trace" -e trace=openat,openat2,mkdirat "$CORACLE" pull -q --verify-key "$2" "$1"
	grep -q "$LAYER\|$CONFIG" "$STRANGE_LOG" "$L.trace" || grep -q '"hello"' "$L.trace"
}

@test "nothing_is_fetched_or_unpacked_before_the_signature_is_good" {
	local CONFIG LAYER reference
	image
	LAYER=$(jq -r '.layers[0].digest[7:]' "$L.manifest")
	CONFIG=$(jq -r '.config.digest[7:]' "$L.manifest")
	index
	strange
	for reference in "$STRANGE/refers:v1" "oci:$L:v1"; do
		run -1 asks "$reference" "$K/key.pub"
		assert_empty_store
	done
	statement "$DIGEST"
	bundle key
	refer
	index
	for reference in "$STRANGE/refers:v1" "oci:$L:v1"; do
		run -1 asks "$reference" "$K/other.pub"
		assert_empty_store
	done
	for reference in "$STRANGE/refers:v1" "oci:$L:v1"; do
		run -0 asks "$reference" "$K/key.pub"
	done
	kill "$STRANGE_PID"
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
	head -c 300000 /dev/zero > "$L.payload"
	signed key
	attach
	refused "what was signed is larger than 262144 bytes" "$K/key.pub" "$REF"
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

@test "a_bundle_that_refers_to_the_image_is_a_signature_of_it" {
	local key
	image
	for key in rsa edwards large key; do
		statement "$DIGEST"
		HASHED=$([ $key != large ] || echo sha384) bundle $key
		refer
		index
		run -0 verify "$K/$key.pub" "oci:$L:v1"
		[ "$output" = "$DIGEST" ]
		run -0 "$CORACLE" rmi layout:v1
		direct $key
		refer
		index
		run -0 verify "$K/$key.pub" "oci:$L:v1"
		run -0 "$CORACLE" rmi layout:v1
	done
	push "$L:sha256-${DIGEST:7}" "$NAME:sha256-${DIGEST:7}"
	refused "it was signed with another key, or changed since" "$K/other.pub" "$REF"
	run -0 verify "$K/key.pub" "$REF"
	run -0 "$CORACLE" rmi "$REF"
	tar -C "$L" -cf "$BATS_TEST_TMPDIR/app.tar" .
	run -0 verify "$K/key.pub" "oci-archive:$BATS_TEST_TMPDIR/app.tar:v1"
	run -0 "$CORACLE" rmi app:v1
	# A layout may also have it in its own index.
	statement "$DIGEST"
	bundle key
	refer
	jq -c --slurpfile r "$L.referrers" '.manifests = [.manifests[0], $r[0]]' "$L/index.json" > "$L.index.json"
	cp "$L.index.json" "$L/index.json"
	run -0 verify "$K/key.pub" "oci:$L:v1"
	run -0 "$CORACLE" rmi layout:v1
	tar -C "$L" -cf "$BATS_TEST_TMPDIR/app.tar" .
	run -0 verify "$K/key.pub" "oci-archive:$BATS_TEST_TMPDIR/app.tar:v1"
}

@test "a_signature_is_found_by_the_registrys_list_of_what_refers_to_the_image" {
	image
	refer application/spdx+json "$(blob "$L" "$L.out" application/spdx+json)"
	claim "$DIGEST"
	signed key
	refer application/vnd.dev.cosign.artifact.sig.v1+json "$(cat "$L.signatures")"
	statement "$DIGEST"
	bundle large
	refer
	list
	strange
	run -0 verify "$K/key.pub" "$STRANGE/refers:v1"
	run -0 "$CORACLE" rmi "$STRANGE/refers:v1"
	run -0 verify "$K/large.pub" "$STRANGE/refers-token:v1"
	run -0 "$CORACLE" rmi "$STRANGE/refers-token:v1"
	# What cannot be a signature is not even asked for.
	[ "$(grep -c 'GET .*/refers/manifests/sha256:' "$STRANGE_LOG")" = 1 ]
	refused "it was signed with another key" "$K/other.pub" "$STRANGE/refers:v1"
	# The rest of a long list is where the first part was, wherever its link leads, and has an end.
	run -0 verify "$K/key.pub" "$STRANGE/refers-pages:v1"
	run -0 "$CORACLE" rmi "$STRANGE/refers-pages:v1"
	grep -q "GET $STRANGE /v2/refers-pages/referrers/$DIGEST?n=1&last=x " "$STRANGE_LOG"
	run -0 verify "$K/key.pub" "$STRANGE/refers-pages-words:v1"
	run -0 "$CORACLE" rmi "$STRANGE/refers-pages-words:v1"
	# One that breaks off is asked for again, page by page.
	run -0 verify "$K/key.pub" "$STRANGE/refers-pages-cut:v1"
	run -0 "$CORACLE" rmi "$STRANGE/refers-pages-cut:v1"
	[ "$(grep -c "/v2/refers-pages-cut/referrers/$DIGEST " "$STRANGE_LOG")" = 2 ]
	[ "$(grep -c "/v2/refers-pages-cut/referrers/$DIGEST?n=1&last=x " "$STRANGE_LOG")" = 2 ]
	refused "nothing that refers to it is a signature" "$K/key.pub" "$STRANGE/refers-pages-forever:v1"
	[ "$(grep -c /v2/refers-pages-forever/referrers/ "$STRANGE_LOG")" = 16 ]
	refused "nothing that refers to it is a signature" "$K/key.pub" "$STRANGE/app:v1"
	# Nor are more looked at than a person would sign.
	bundle other
	refer
	jq -c '.manifests = [range(1000) as $i | .manifests[-1]]' "$L.list" > "$L.many"
	jq -c --slurpfile r "$L.referrers" '.manifests = [range(1000) as $i | $r[0]]' "$L.many" > "$L.list"
	: > "$STRANGE_LOG"
	refused "there are too many to look at" "$K/key.pub" "$STRANGE/refers:v1"
	[ "$(wc -l < "$STRANGE_LOG")" -lt 270 ]
	kill "$STRANGE_PID"
}

@test "a_mirror_is_asked_what_refers_to_the_image_if_it_is_good_for_that" {
	local certs=$BATS_TEST_TMPDIR/certs
	NAME=refers-pages/app
	image
	statement "$DIGEST"
	bundle key
	refer
	index
	strange
	mkdir -p "$certs/$REGISTRY"
	printf '[host."http://%s"]\ncapabilities = ["pull", "resolve"]\n' "$STRANGE" > "$certs/$REGISTRY/hosts.toml"
	refused "it is not signed" "$K/key.pub" --certs-dir "$certs" "$REGISTRY/$NAME:v1"
	run -1 grep /referrers/ "$STRANGE_LOG"
	sed -i 's/"resolve"/"referrers"/' "$certs/$REGISTRY/hosts.toml"
	run -0 verify "$K/key.pub" --certs-dir "$certs" "$REGISTRY/$NAME:v1"
	grep -q "/v2/refers-pages/app/referrers/$DIGEST?ns=$REGISTRY " "$STRANGE_LOG"
	grep -q "/v2/refers-pages/app/referrers/$DIGEST?n=1&last=x&ns=$REGISTRY " "$STRANGE_LOG"
	kill "$STRANGE_PID"
}

@test "a_bundle_that_is_no_good_signature_is_refused_in_one_line" {
	local change words
	image
	# no WORDS - this bundle.
	no() {
		refer
		index
		refused "$1" "$K/key.pub" "oci:$L:v1"
	}
	statement "$DIGEST" https://spdx.dev/Document
	bundle key
	no "what was signed is no signature, but https://spdx.dev/Document about it"
	statement "sha256:$(printf '%064d' 0)"
	bundle key
	no "the signature is for 00000000"
	echo '{"_type":"x","predicateType":"x"}' > "$L.payload"
	bundle key
	no "what was signed is no statement: x"
	echo '[]' > "$L.payload"
	bundle key
	no "what was signed: "
	statement "$DIGEST"
	bundle other
	no "it was signed with another key, or changed since"
	while IFS='|' read -r change words; do
		bundle key "$change"
		no "$words"
	done <<- END
		.dsseEnvelope.payload = .dsseEnvelope.payload[4:]|it was signed with another key, or changed since
		.dsseEnvelope.payload = "?"|what was signed is not base64
		.dsseEnvelope.payloadType = "text/plain"|an envelope around text/plain is no signature
		.dsseEnvelope.signatures += .dsseEnvelope.signatures|an envelope with 2 signatures, not one
		.dsseEnvelope.signatures = []|an envelope with 0 signatures, not one
		.dsseEnvelope.signatures[0].sig = "AAAA"|it was signed with another key, or changed since
		.dsseEnvelope.signatures[0].sig = "-"|the signature is not base64
		.mediaType = "application/vnd.dev.sigstore.bundle.v0.9+json"|a bundle of a version not known here
		del(.dsseEnvelope)|a bundle with no signature
		.messageSignature = {messageDigest: {}, signature: ""}|a bundle with two signatures
		.x = ("x" * 270000)|what was signed is larger than 262144 bytes
		.dsseEnvelope = 1|the bundle: dsseEnvelope
	END
	direct key
	jq -c '.messageSignature.messageDigest.digest = "AAAA"' "$L.bundle" > "$L.changed"
	cp "$L.changed" "$L.bundle"
	no "the signature is for no digest"
	direct key
	jq -c '.messageSignature.messageDigest.algorithm = "SHA2_512"' "$L.bundle" > "$L.changed"
	cp "$L.changed" "$L.bundle"
	no "a signature of a digest by SHA2_512, not SHA2_256"
	direct other
	no "it was signed with another key, or changed since"
	index
	refused "nothing that refers to it is a signature" "$K/key.pub" "oci:$L:v1"
}

@test "any_of_several_keys_will_do" {
	image
	claim "$DIGEST"
	signed edwards
	attach
	refused "no good signature of $DIGEST by $K/key.pub or another key: it was signed with another key" \
		"$K/key.pub" --verify-key "$K/other.pub" "$REF"
	refused "open the key $K/none" "$K/edwards.pub" --verify-key "$K/none" "$REF"
	run -0 verify "$K/key.pub" --verify-key "$K/edwards.pub" --verify-key "$K/rsa.pub" "$REF"
	run -0 "$CORACLE" rmi "$REF"
	run -0 "$CORACLE" bundle -q --verify-key "$K/key.pub" --verify-key "$K/edwards.pub" "$REF" "$BATS_TEST_TMPDIR/bundle" echo hi
}

@test "the_name_in_a_signature_counts_where_that_is_asked_for" {
	local name
	image
	for name in "$REGISTRY/$NAME" "$REGISTRY/$NAME:v2"; do
		claim "$DIGEST" "" "$name"
		signed key
		attach
		run -0 verify "$K/key.pub" --verify-name "$REF"
		run -0 "$CORACLE" rmi "$REF"
	done
	for name in "$REGISTRY/$NAME/x" "127.0.0.1:1/$NAME" app "" "/"; do
		claim "$DIGEST" "" "$name"
		signed key
		attach
		refused "${name:+the signature is for an image called $name}" "$K/key.pub" --verify-name "$REF"
		run -0 verify "$K/key.pub" "$REF"
		run -0 "$CORACLE" rmi "$REF"
	done
	refused "layout:v1: only a registry's images have names that are signed" "$K/key.pub" --verify-name "oci:$L:v1"
	statement "$DIGEST"
	bundle key
	refer
	list
	refused "the signature does not say the image's name" "$K/key.pub" --verify-name "$REF"
	statement "$DIGEST" "" "$REGISTRY/$NAME"
	bundle key
	refer
	list
	run -0 verify "$K/key.pub" --verify-name "$REF"
	run -0 "$CORACLE" rmi "$REF"
	run -1 "$CORACLE" pull -q --verify-name "$REF"
	[ "$output" = "coracle: option --verify-name: only with --verify-key" ]
	run -125 "$CORACLE" run -q --verify-name "$REF" true
	[ "$output" = "coracle: option --verify-name: only with --verify-key" ]
}

# pem - a public key of these bytes, as PEM.
pem() {
	{ echo -----BEGIN PUBLIC KEY-----; base64; echo -----END PUBLIC KEY-----; } > "$L.pub"
}

@test "a_key_that_cannot_be_used_is_named" {
	local kind only="is not known here, only those of ECDSA (P-256, P-384, P-521), RSA and Ed25519"
	image
	for kind in ed448 x25519 x448; do
		openssl genpkey -algorithm $kind | openssl pkey -pubout -out "$L.pub"
		refused "$L.pub: a key of ${kind^} $only" "$L.pub" "$REF"
	done
	openssl dsaparam -genkey -noout 1024 2> /dev/null | openssl pkey -pubout -out "$L.pub"
	refused "$L.pub: a key of DSA $only" "$L.pub" "$REF"
	for kind in secp256k1 brainpoolP256r1 secp224r1 sect283k1; do
		openssl ecparam -name $kind -genkey -noout | openssl pkey -pubout -out "$L.pub"
		refused "$L.pub: a key of ECDSA with another curve $only" "$L.pub" "$REF"
	done
	# ML-DSA-65, as its head has it.
	printf '\x30\x12\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x03\x12\x03\x03\x00\x01\x02' | pem
	refused "$L.pub: a key of ML-DSA-65 $only" "$L.pub" "$REF"
	printf '\x30\x0d\x30\x06\x06\x04\x2a\x03\x84\x00\x03\x03\x00\x01\x02' | pem
	refused "$L.pub: a key of type 1.2.3.512 $only" "$L.pub" "$REF"
	printf 'no key' | pem
	refused "$L.pub: the key in it is damaged" "$L.pub" "$REF"
	refused "$K/key is no public key but a PEM of EC PRIVATE KEY: give its public half" "$K/key" "$REF"
	printf -- '-----BEGIN CERTIFICATE-----\n' > "$L.pub"
	refused "$L.pub is no public key but a PEM of CERTIFICATE" "$L.pub" "$REF"
	echo no key > "$L.pub"
	refused "$L.pub is no public key in PEM (BEGIN PUBLIC KEY)" "$L.pub" "$REF"
	refused "open the key $K/none: No such file or directory" "$K/none" "$REF"
	refused "option --verify-key: '' is not a path" "" "$REF"
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
