# images.bash - what the tests of images share: layouts made by hand, real registries, and broken ones.
# shellcheck shell=bash

OCI=application/vnd.oci.image

# Logins, proxies and certificates of who runs the tests.
unset REGISTRY_AUTH_FILE XDG_RUNTIME_DIR DOCKER_CONFIG SSL_CERT_FILE SSL_CERT_DIR {http,https,all,no}_proxy {HTTP,HTTPS,ALL,NO}_PROXY

# The sha256 of a file, in hex.
hex_of() {
	sha256sum "$1" | cut -d ' ' -f 1
}

# blob LAYOUT FILE TYPE - stores the file and prints its descriptor; by HASH when that is not sha256.
blob() {
	local hash=${HASH:-sha256} hex
	hex=$("${hash}sum" "$2" | cut -d ' ' -f 1)
	mkdir -p "$1/blobs/$hash"
	cp "$2" "$1/blobs/$hash/$hex"
	jq -nc --arg t "$3" --arg d "$hash:$hex" --argjson s "$(stat -c %s "$2")" \
		'{mediaType: $t, digest: $d, size: $s}'
}

# layer LAYOUT TAR [gzip|zstd|none] - one layer more for the next image_end.
layer() {
	local packed=$2 suffix=
	case ${3:-gzip} in
	gzip) packed=$2.gz suffix=+gzip; gzip -nc "$2" > "$packed" ;;
	zstd) packed=$2.zst suffix=+zstd; zstd -qc "$2" > "$packed" ;;
	esac
	blob "$1" "$packed" "$OCI.layer.v1.tar$suffix" >> "$1.layers"
	hex_of "$2" >> "$1.diffs"
}

# image_end LAYOUT NAME [CONFIG [ARCH]] - the image of these layers; prints its manifest's descriptor.
image_end() {
	local arch=${4:-amd64} config
	[ "$arch" != amd64 ] || arch=$(dpkg --print-architecture)
	touch "$1.layers" "$1.diffs"
	jq -Rnc --arg a "$arch" --argjson c "${3:-{\}}" \
		'{os: "linux", architecture: $a, config: $c,
		  rootfs: {type: "layers", diff_ids: [inputs | "sha256:" + .]}}' \
		< "$1.diffs" > "$1.config"
	config=$(blob "$1" "$1.config" "$OCI.config.v1+json")
	jq -sc --arg t "$OCI.manifest.v1+json" --argjson c "$config" \
		'{schemaVersion: 2, mediaType: $t, config: $c, layers: .}' "$1.layers" > "$1.manifest"
	blob "$1" "$1.manifest" "$OCI.manifest.v1+json" |
		jq -c --arg a "$arch" '.platform = {os: "linux", architecture: $a}' > "$1.descriptor"
	layout_names "$1" "$2" "$1.descriptor"
	rm "$1.layers" "$1.diffs"
	cat "$1.descriptor"
}

# layout_names LAYOUT NAME FILE - gives what FILE describes that name, alone.
layout_names() {
	echo '{"imageLayoutVersion":"1.0.0"}' > "$1/oci-layout"
	jq -c --arg n "$2" '.annotations = {"org.opencontainers.image.ref.name": $n} |
		{schemaVersion: 2, manifests: [.]}' "$3" > "$1/index.json"
}

# index_end LAYOUT NAME DESCRIPTOR... - an index of these.
index_end() {
	local layout=$1 name=$2
	shift 2
	printf '%s\n' "$@" | jq -sc --arg t "$OCI.index.v1+json" \
		'{schemaVersion: 2, mediaType: $t, manifests: .}' > "$layout.index"
	blob "$layout" "$layout.index" "$OCI.index.v1+json" > "$layout.descriptor"
	layout_names "$layout" "$name" "$layout.descriptor"
}

# tar_of FILE - a tar archive of the entries on stdin, see tarball.
tar_of() {
	"$BATS_TEST_DIRNAME/tarball" > "$1"
}

# simple LAYOUT NAME - an image with one small layer, which no other test has.
simple() {
	tar_of "$1.tar" <<< "f hello 644 0:0 - hello-from-$2-$BATS_TEST_NUMBER"
	layer "$1" "$1.tar"
	image_end "$1" "$2" > "$1.out"
}

# registry_serve DIR FILES HTTP - a registry of Debian's package; sets SERVED (HOST:PORT) and SERVED_PID. DIR gets its
# configuration, FILES are its images, HTTP is that part of its configuration, with port 0.
registry_serve() {
	local line
	SERVED=
	printf '%s\n' 'version: 0.1' 'log: {level: info, formatter: text}' \
		"storage: {filesystem: {rootdirectory: $2}}" "http: $3" > "$1/registry.yml"
	mkfifo "$1/registry.log"
	docker-registry serve "$1/registry.yml" > "$1/registry.log" 2>&1 3>&- &
	SERVED_PID=$!
	exec 9< "$1/registry.log"
	while read -r line <&9; do
		if [[ $line =~ listening\ on\ (127\.0\.0\.1:[0-9]+) ]]; then
			SERVED=${BASH_REMATCH[1]}
			break
		fi
	done
	cat <&9 > /dev/null 3>&- & # ends with the registry
	exec 9<&-
	[ -n "$SERVED" ]
}

# registry_start - one for all tests of a file: $REGISTRY, its files in $REGISTRY_DIR.
registry_start() {
	registry_serve "$BATS_FILE_TMPDIR" "$BATS_FILE_TMPDIR/registry" '{addr: "127.0.0.1:0"}'
	export REGISTRY=$SERVED REGISTRY_PID=$SERVED_PID
	export REGISTRY_DIR=$BATS_FILE_TMPDIR/registry/docker/registry/v2
}

registry_stop() {
	[ -n "${REGISTRY_PID:-}" ] || return 0
	kill "$REGISTRY_PID"
	tail --pid="$REGISTRY_PID" -f /dev/null
}

# strange - a strange registry with the layout's image; sets STRANGE (HOST:PORT), STRANGE_PID and
# STRANGE_LOG, what it was asked.
# shellcheck disable=SC2034 # the tests use these
strange() {
	STRANGE_LOG=$BATS_TEST_TMPDIR/requests
	mkfifo "$STRANGE_LOG.first"
	: > "$STRANGE_LOG"
	"$BATS_TEST_DIRNAME/strangeregistry" "$L" "$STRANGE_LOG.first" "$STRANGE_LOG" 3>&- &
	STRANGE_PID=$!
	read -r STRANGE < "$STRANGE_LOG.first"
}

# push LAYOUT NAME - to the registry, as it is.
push() {
	skopeo copy -q --all --dest-tls-verify=false "oci:$1" "docker://$REGISTRY/$2"
}

# registry_blob sha256:HEX - its file in the registry.
registry_blob() {
	echo "$REGISTRY_DIR/blobs/sha256/${1:7:2}/${1:7}/data"
}

# Of a failed pull nothing is left but an empty store.
assert_empty_store() {
	local left
	left=$(cd "$CORACLE_STORE" && find blobs/sha256 blobs/sha512 layers/sha256 containers tmp -mindepth 1)
	[ -z "$left" ] || { echo "left: $left"; return 1; }
	[ "$(jq '.manifests | length' "$CORACLE_STORE/index.json")" = 0 ]
}

# The directory of an image's only (or topmost) unpacked layer.
tree_of() {
	local diffs chain=
	diffs=$(image_config "$1" | jq -r '.rootfs.diff_ids[]')
	for diff in $diffs; do
		if [ -z "$chain" ]; then
			chain=$diff
		else
			chain=sha256:$(printf '%s %s' "$chain" "$diff" | sha256sum | cut -d ' ' -f 1)
		fi
	done
	echo "$CORACLE_STORE/layers/sha256/${chain:7}"
}

# The configuration of an image of the store.
image_config() {
	local manifest config
	manifest=$(jq -r --arg n "$1" '.manifests[] |
		select(.annotations["org.opencontainers.image.ref.name"] == $n) | .digest' \
		"$CORACLE_STORE/index.json")
	config=$(jq -r .config.digest "$CORACLE_STORE/blobs/sha256/${manifest:7}")
	cat "$CORACLE_STORE/blobs/sha256/${config:7}"
}
