#!/usr/bin/env bats
# 21-sources.bats - where images come from: archives on disk, mirrors, logins, and registries that misbehave.

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
	L=$BATS_TEST_TMPDIR/layout
	A=$BATS_TEST_TMPDIR/saved.tar
	C=$BATS_TEST_TMPDIR/certs.d
	NAME=t$BATS_TEST_NUMBER/app
}

teardown() {
	[ -z "${STRANGE_PID:-}" ] || kill "$STRANGE_PID"
	[ -z "${TUNNEL_PID:-}" ] || kill "$TUNNEL_PID"
	[ -z "${SERVED_PID:-}" ] || kill "$SERVED_PID" || true # that of the file has its own name
}

pull() {
	"$CORACLE" pull "$@"
}

# The words in the image's only file.
hello() {
	cat "$(tree_of "$1")/hello"
}

# two_layers [PACKING] - an image of two layers, v1, in the layout.
two_layers() {
	tar_of "$L.1" <<< "f below 644 0:0 - below-$BATS_TEST_NUMBER"
	tar_of "$L.2" <<< "f hello 644 0:0 - hello-$BATS_TEST_NUMBER"
	layer "$L" "$L.1"
	layer "$L" "$L.2" "${1:-gzip}"
	image_end "$L" v1 > /dev/null
}

@test "an_archive_that_skopeo_made_of_a_layout_is_pulled_plain_and_packed" {
	local archive
	two_layers zstd
	skopeo copy -q "oci:$L:v1" "oci-archive:$A:v1"
	gzip -k "$A"
	zstd -q "$A"
	for archive in "$A" "$A.gz" "$A.zst"; do
		run -0 pull -q "oci-archive:$archive:v1"
		[ "$output" = "$(skopeo inspect --format '{{.Digest}}' "oci:$L:v1")" ]
		[ "$(hello saved:v1)" = "hello-$BATS_TEST_NUMBER" ]
		run -0 "$CORACLE" rmi saved:v1
		assert_empty_store
	done
	run -0 pull -q "oci-archive:$A"
	run -1 pull "oci-archive:$A:v2"
	[ "$output" = "coracle: no image called v2 in the archive $A" ]
}

@test "an_archive_that_skopeo_made_for_docker_is_pulled_with_its_name" {
	local name=example.org/team/app:v1
	two_layers
	skopeo copy -q "oci:$L:v1" "docker-archive:$A:$name"
	gzip -k "$A"
	for archive in "$A" "$A:$name" "$A:app:v1" "$A:@0" "$A.gz"; do
		run -0 pull -q "docker-archive:$archive"
		[ "$(hello "$name")" = "hello-$BATS_TEST_NUMBER" ]
		run -0 "$CORACLE" rmi "$name"
		assert_empty_store
	done
	run -1 pull "docker-archive:$A:other:v1"
	[ "$output" = "coracle: no image called other:v1 in the archive $A" ]
	run -1 pull "docker-archive:$A:@1"
	echo "$output"; 	[ "$output" = "coracle: no image called @1 in the archive $A" ]
	# What is in the store is an image as any other tool reads it.
	run -0 pull -q "docker-archive:$A"
	skopeo copy -q "oci:$CORACLE_STORE:$name" "dir:$BATS_TEST_TMPDIR/copy"
	[ "$(hex_of "$BATS_TEST_TMPDIR/copy/manifest.json")" = "${output:7}" ]
}

# saved [FILE...] - a docker archive by hand, of what is in saved/ (or of these, in that order).
saved() {
	rm -f "$A"
	[ $# != 0 ] || set -- .
	tar -C "$BATS_TEST_TMPDIR/saved" -cf "$A" "$@"
}

# by_hand LAYER... - manifest.json and a configuration for these layers, which are in saved/.
by_hand() {
	local s=$BATS_TEST_TMPDIR/saved file
	printf '%s\n' "$@" | jq -Rnc '[{Config: "c.json", RepoTags: ["app:v1"], Layers: [inputs]}]' > "$s/manifest.json"
	for file in "$@"; do
		gzip -cdf "$s/$file" | sha256sum | cut -d ' ' -f 1
	done | jq -Rnc --arg a "$(dpkg --print-architecture)" '{os: "linux", architecture: $a,
		rootfs: {type: "layers", diff_ids: [inputs | "sha256:" + .]}}' > "$s/c.json"
}

@test "older_archives_of_docker_have_links_and_others_packed_layers" {
	mkdir -p "$BATS_TEST_TMPDIR/saved/a" "$BATS_TEST_TMPDIR/saved/b"
	tar_of "$BATS_TEST_TMPDIR/saved/a/layer.tar" <<< "f hello 644 0:0 - hi"
	ln -s ../a/layer.tar "$BATS_TEST_TMPDIR/saved/b/layer.tar"
	by_hand a/layer.tar b/layer.tar
	saved
	run -0 pull -q "docker-archive:$A"
	[ "$(find "$CORACLE_STORE/blobs/sha256" -type f | wc -l)" = 3 ]
	run -0 "$CORACLE" rmi app:v1
	gzip "$BATS_TEST_TMPDIR/saved/a/layer.tar"
	mv "$BATS_TEST_TMPDIR/saved/a/layer.tar.gz" "$BATS_TEST_TMPDIR/saved/a/layer.tar"
	by_hand a/layer.tar
	saved
	run -0 pull -q "docker-archive:$A"
	[ "$(hello app:v1)" = hi ]
}

@test "archives_that_lie_are_refused_in_one_line_and_leave_nothing" {
	local s=$BATS_TEST_TMPDIR/saved
	refused() {
		run -1 pull -q "docker-archive:$A"
		[ "${#lines[@]}" = 1 ]
		[[ "$output" == *"$1"* ]] || { echo "$output"; return 1; }
		[ "$(grep -o "$A" <<< "$output" | wc -l)" -le 1 ] || { echo "named more than once: $output"; return 1; }
		assert_empty_store
	}
	mkdir -p "$s"
	tar_of "$s/l.tar" <<< "f hello 644 0:0 - hi"
	by_hand l.tar
	# Another content than its configuration says.
	tar_of "$s/l.tar" <<< "f hello 644 0:0 - no"
	saved
	refused "is not what it should be"
	by_hand l.tar
	saved c.json manifest.json l.tar l.tar
	refused "has l.tar twice"
	saved c.json manifest.json
	refused "has no l.tar"
	saved l.tar
	refused "no manifest.json in it"
	saved
	truncate -s 3000 "$A"
	refused "is not a valid tar file"
	head -c 4000 /dev/urandom > "$A"
	refused "is not a valid tar file"
	: > "$A"
	refused "is empty"
	rm "$s/l.tar"
	ln -s ../../../../etc/passwd "$s/l.tar"
	saved
	refused "leads out of it"
	ln -sf l.tar "$s/l.tar"
	saved
	refused "link without end"
	rm "$s/l.tar"
	truncate -s 10M "$s/l.tar"
	tar -C "$s" -Scf "$A" .
	refused "l.tar is sparse"
	echo '[{"Config":"c.json","Layers":["l.tar"]},' > "$s/manifest.json"
	saved
	refused "manifest.json"
	# One kind is not the other, and says so.
	two_layers
	skopeo copy -q "oci:$L:v1" "oci-archive:$A.oci:v1"
	mv "$A.oci" "$A"
	refused "it is an oci-archive"
	run -1 pull "docker-archive:$BATS_TEST_TMPDIR"
	[[ "$output" == *"is not a file" ]]
	run -1 pull "docker-archive:$A.none"
	[[ "$output" == "coracle: open the archive $A.none: No such file or directory" ]]
}

# assert_read_apart ARCHIVE - who reads more of it than its first bytes was confined before.
assert_read_apart() {
	awk -v of="<$1>" '/PR_SET_SECCOMP/ { confined[$1] = 1 }
		/pread64/ && index($0, of) && $NF > 4 { if (confined[$1]) read++; else { print; bad = 1 } }
		END { exit bad || !read }' "$L.trace"
}

@test "the_process_that_reads_an_archive_is_confined" {
	local archive way
	two_layers
	skopeo copy -q "oci:$L:v1" "oci-archive:$A:v1"
	skopeo copy -q "oci:$L:v1" "docker-archive:$A.docker:app:v1"
	gzip -k "$A"
	zstd -q "$A"
	for way in "pull -q oci-archive:$A" "pull -q oci-archive:$A.gz" "pull -q oci-archive:$A.zst" "pull -q docker-archive:$A.docker" \
		"load -i $A.docker"; do
		# shellcheck disable=SC2086 # words
		run -0 strace -qq -f -o "$L.trace" -y -e trace=pread64,prctl "$CORACLE" $way
		assert_read_apart "${way##*[: ]}"
		run -0 "$CORACLE" prune -a
	done
	run -1 strace -qq -f -o "$L.trace" -e inject=landlock_restrict_self:signal=KILL "$CORACLE" pull -q "oci-archive:$A.gz"
	[ "$output" = "coracle: the process that read $A.gz was killed by signal 9" ]
	assert_empty_store
}

@test "an_archive_has_so_many_members_and_their_names_are_so_long_at_the_most" {
	seq -f 'f %.0f 644 0:0 - x' 65537 | tar_of "$A"
	run -1 pull -q "oci-archive:$A"
	[ "$output" = "coracle: $A has too many members (limit: 65536), or too long names" ]
	local long
	long=$(printf 'directory/%.0s' {1..400})
	seq -f "x path=$long%.0f"$'\n''f name 644 0:0 - x' 4500 | tar_of "$A"
	run -1 pull -q "oci-archive:$A"
	[ "$output" = "coracle: $A has too many members (limit: 65536), or too long names" ]
	assert_empty_store
}

@test "what_is_wrong_in_a_layout_is_said_of_the_layout" {
	local manifest
	refused() {
		run -1 pull -q "oci:$L:v1"
		[ "$output" = "coracle: $1" ] || { echo "$output"; return 1; }
		assert_empty_store
	}
	simple "$L" v1
	manifest=$(jq -r .digest "$L.descriptor")
	printf '#' | dd of="$L/blobs/sha256/${manifest:7}" conv=notrunc status=none
	refused "the layout $L: blob $manifest is damaged: its digest is sha256:$(hex_of "$L/blobs/sha256/${manifest:7}")"
	echo >> "$L/blobs/sha256/${manifest:7}"
	refused "the layout $L: blob $manifest has $(stat -c %s "$L/blobs/sha256/${manifest:7}") bytes instead of $(jq .size "$L.descriptor")"
	rm "$L/blobs/sha256/${manifest:7}"
	refused "the layout $L: open blob $manifest: No such file or directory"
	mkfifo "$L/blobs/sha256/${manifest:7}"
	refused "the layout $L: blob $manifest is not a file"
	echo '{' > "$L/index.json"
	run -1 pull -q "oci:$L:v1"
	[[ "${#lines[@]}" = 1 && "$output" == "coracle: the layout $L: index.json: "* ]] || { echo "$output"; return 1; }
	rm "$L/index.json"
	refused "the layout $L: open index.json: No such file or directory"
	mkfifo "$L/index.json"
	refused "the layout $L: index.json is not a file"
	run -1 "$CORACLE" load -q -i "$L"
	[ "$output" = "coracle: load $L: index.json is not a file" ]
}

@test "cve_2023_25153_documents_of_any_size_in_an_archive_or_layout_are_not_read_into_memory" {
	local s=$BATS_TEST_TMPDIR/s where
	small() {
		run -1 prlimit --as=67108864 "$CORACLE" "${@:2}"
		[ "${#lines[@]}" = 1 ]
		[[ "$output" == *"$1"* ]] || { echo "$output"; return 1; }
		assert_empty_store
	}
	two_layers
	head -c 100000000 /dev/zero | tr '\0' ' ' > "$L.spaces"
	cp -a "$L" "$s"
	cp "$L.spaces" "$s/index.json"
	tar -C "$s" -cf "$A" .
	for where in "oci:$s:v1" "oci-archive:$A:v1"; do
		small "than 419430" pull -q "$where"
	done
	small "than 419430" load -q -i "$A"
	rm -r "$s"
	mkdir "$s"
	cp "$L.spaces" "$s/manifest.json"
	tar -C "$s" -cf "$A" .
	small "than 419430" pull -q "docker-archive:$A"
	small "than 419430" load -q -i "$A"
	# The manifest and the configuration are as large as they say.
	blob "$L" "$L.spaces" "$OCI.manifest.v1+json" > "$L.descriptor"
	layout_names "$L" large "$L.descriptor"
	small "than 419430" pull -q "oci:$L:large"
	jq -c --argjson s 100000000 --arg d "sha256:$(hex_of "$L.spaces")" '.config.digest = $d | .config.size = $s' "$L.manifest" > "$L.document"
	document "$L.document" "$OCI.manifest.v1+json"
	small "than 419430" pull -q "oci:$L:v1"
	# Packed, they are small at first.
	rm -r "$s"
	mkdir "$s"
	cp "$L.spaces" "$s/manifest.json"
	tar -C "$s" -czf "$A" .
	small "than 419430" pull -q "docker-archive:$A"
}

@test "a_container_runs_from_an_archive" {
	make_rootfs "$BATS_TEST_TMPDIR/root"
	tar -C "$BATS_TEST_TMPDIR/root" -cf "$L.tar" .
	layer "$L" "$L.tar"
	image_end "$L" v1 > /dev/null
	skopeo copy -q "oci:$L:v1" "docker-archive:$A:app:v1"
	run -0 "$CORACLE" run --root "$BATS_TEST_TMPDIR/state" --rm "docker-archive:$A" echo hi
	[[ "$output" == *hi ]]
	run -0 "$CORACLE" run --root "$BATS_TEST_TMPDIR/state" --rm app:v1 echo again
	[ "$output" = again ]
}

# hosts REGISTRY - hosts.toml for it, from stdin.
hosts() {
	mkdir -p "$C/$1"
	cat > "$C/$1/hosts.toml"
}

@test "mirrors_are_asked_in_their_order_and_the_registry_last" {
	simple "$L" v1
	push "$L:v1" "$NAME:v1"
	strange
	# The registry itself does not exist: nothing but the mirrors can answer.
	hosts registry.test <<- END
		server = "http://127.0.0.1:1"
		[host."http://127.0.0.1:2"] # nobody is there
		[host."http://$STRANGE/sub"] # knows of no such image, below /sub/v2
		[host."$REGISTRY"]
		skip_verify = true
		[host."http://$REGISTRY"]
	END
	run -0 pull -q --certs-dir "$C" "registry.test/$NAME:v1"
	[ "$output" = "$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$REGISTRY/$NAME:v1")" ]
	grep -q "^GET $STRANGE /sub/v2/$NAME/manifests/v1?ns=registry.test - -$" "$STRANGE_LOG"
	[ "$(hello "registry.test/$NAME:v1")" = "hello-from-v1-$BATS_TEST_NUMBER" ]
	run -1 pull --certs-dir "$C" "registry.test/$NAME:none"
	[ "${#lines[@]}" = 1 ]
	[[ "$output" == "coracle: http://127.0.0.1:1/v2/$NAME/manifests/none"*"; mirror 127.0.0.1:2: "*"; mirror $STRANGE: status 404; mirror $REGISTRY: "* ]]
}

@test "the_registry_is_asked_for_what_mirrors_may_not_say_or_do_not_have" {
	simple "$L" v1
	push "$L:v1" "$NAME:v1"
	strange
	hosts _default <<- END
		[host."http://$STRANGE"]
		capabilities = ["pull"]
	END
	run -0 pull -q --certs-dir "$C" "$REGISTRY/$NAME:v1"
	run ! grep -q manifests "$STRANGE_LOG" # a tag is not resolved by this one
	grep -q "blobs/sha256:.*?ns=$REGISTRY" "$STRANGE_LOG"
	# Its blobs are another registry's only if they are the right ones.
	rm "$(registry_blob "$(jq -r '.layers[0].digest' "$L.manifest")")"
	run -0 "$CORACLE" rmi "$REGISTRY/$NAME:v1"
	run -0 pull -q --certs-dir "$C" "$REGISTRY/$NAME:v1"
	run -0 "$CORACLE" rmi "$REGISTRY/$NAME:v1"
	hosts "$REGISTRY" <<< "[host.\"http://$STRANGE/nothing\"]"
	run -1 pull --certs-dir "$C" "$REGISTRY/$NAME:v1"
	[[ "$output" == *" of $REGISTRY/$NAME:v1 is not in the registry: blob unknown to registry; mirror $STRANGE: status 404" ]]
	assert_empty_store
}

# certificate NAME SUBJECT [OPTION...] - NAME.crt and NAME.key in $T.
certificate() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$T/$1.key" \
		-out "$T/$1.crt" -days 1 -subj "/CN=$2" "${@:3}" 2> /dev/null
}

@test "certificates_of_authority_and_client_are_those_of_the_host" {
	T=$BATS_TEST_TMPDIR/tls
	mkdir "$T"
	certificate server registry -addext "subjectAltName = IP:127.0.0.1"
	certificate client somebody
	simple "$L" v1
	push "$L:v1" "$NAME:v1"
	registry_serve "$T" "$BATS_FILE_TMPDIR/registry" "{addr: \"127.0.0.1:0\", tls: {certificate: $T/server.crt,
		key: $T/server.key, clientcas: [$T/client.crt]}}"
	run -1 pull --certs-dir "$T" "$SERVED/$NAME:v1"
	[[ "$output" == *ertificate* ]]
	# Certificates alone, as docker has them; the colon may be written otherwise.
	mkdir -p "$C/127.0.0.1_${SERVED#*:}_"
	cp "$T/server.crt" "$C/127.0.0.1_${SERVED#*:}_/ca.crt"
	run -1 pull -q --certs-dir "$C" "$SERVED/$NAME:v1"
	cp "$T/client.crt" "$C/127.0.0.1_${SERVED#*:}_/client.cert"
	cp "$T/client.key" "$C/127.0.0.1_${SERVED#*:}_/client.key"
	run -0 pull -q --certs-dir "$C" "$SERVED/$NAME:v1"
	run -0 "$CORACLE" rmi "$SERVED/$NAME:v1"
	# As containerd has them, relative to hosts.toml.
	hosts "$SERVED" <<- END
		server = "https://$SERVED"
		ca = "../../tls/server.crt"
		client = [["$T/client.crt", "$T/client.key"]]
	END
	run -0 pull -q --certs-dir "$C" "$SERVED/$NAME:v1"
	run -0 "$CORACLE" rmi "$SERVED/$NAME:v1"
	cat "$T/client.key" >> "$T/client.crt"
	hosts registry.test <<- END
		[host."https://$SERVED/v2"]
		override_path = true
		skip_verify = true
		client = "$T/client.crt"
	END
	run -0 pull -q --certs-dir "$C" "registry.test/$NAME:v1"
	run -0 "$CORACLE" rmi "registry.test/$NAME:v1"
	hosts registry.test <<< "[host.\"https://$SERVED\"]"
	run -1 pull -q --certs-dir "$C" "registry.test/$NAME:v1"
	assert_empty_store
}

@test "a_hosts_file_that_is_wrong_is_refused_with_its_place" {
	refused() {
		hosts registry.test
		run -1 pull -q --certs-dir "$C" registry.test/app:v1
		[ "$output" = "coracle: $C/registry.test/hosts.toml: $1" ] || { echo "$output"; return 1; }
	}
	refused "line 2: expected a value: text needs quotes" <<< $'# x\nserver = http'
	refused 'host.ftp://x: ftp://x is not http(s)://HOST[:PORT][/PATH]' <<< '[host."ftp://x"]'
	refused 'host.x: capabilities: fly is not known' <<< $'[host.x]\ncapabilities = ["fly"]'
	refused 'skip_verify: expected true or false' <<< 'skip_verify = "yes"'
	refused 'ca: expected a string or strings' <<< 'ca = 1'
	run -1 pull --certs-dir "$C/none" registry.test/app:v1
	[ "$output" = "coracle: the certificates' directory $C/none: No such file or directory" ]
}

@test "a_login_is_asked_of_the_helper_that_the_file_names" {
	local file=$BATS_TEST_TMPDIR/.docker/config.json
	simple "$L" v1
	strange
	mkdir "$BATS_TEST_TMPDIR/.docker" "$BATS_TEST_TMPDIR/bin"
	cat > "$BATS_TEST_TMPDIR/bin/docker-credential-test" <<- END
		#!/bin/sh
		read -r server
		echo "\$1 \$server" >> "$L.asked"
		[ "\$server" = "$STRANGE" ] || { echo credentials not found; exit 1; }
		echo '{"Username":"user","Secret":"secret"}'
	END
	chmod 755 "$BATS_TEST_TMPDIR/bin/docker-credential-test"
	# shellcheck disable=SC2030 # each test is a shell
	export PATH=$BATS_TEST_TMPDIR/bin:$PATH
	echo '{"credsStore":"test"}' > "$file"
	run -0 pull -q "$STRANGE/basic/app:v1"
	[ "$(cat "$L.asked")" = "get $STRANGE" ]
	run -0 "$CORACLE" rmi "$STRANGE/basic/app:v1"
	# Containers' file has them by registry.
	echo "{\"credHelpers\":{\"$STRANGE\":\"test\"}}" > "$file"
	run -0 pull -q "$STRANGE/basic/app:v1"
	run -0 "$CORACLE" rmi "$STRANGE/basic/app:v1"
	echo "{\"credHelpers\":{\"$STRANGE\":\"none\"}}" > "$file"
	run -1 pull -q "$STRANGE/basic/app:v1"
	[[ "$output" == *"$file: docker-credential-none for $STRANGE: it is not in the PATH" ]]
	# A file that was copied to a machine without its helper does not keep from what needs no login.
	echo '{"credsStore":"none"}' > "$file"
	run -0 pull -q "$STRANGE/app:v1"
}

# login JSON - what docker's file has of the strange registry.
login() {
	mkdir -p "$HOME/.docker"
	jq -nc --arg r "$STRANGE" --argjson l "$1" '{auths: {($r): $l}}' > "$HOME/.docker/config.json"
}

@test "an_identity_token_buys_tokens_as_oauth_has_it" {
	simple "$L" v1
	strange
	run -1 pull -q "$STRANGE/token/identity:v1"
	[[ "$output" == *"$STRANGE refuses a token for token/identity (status 401: who are you): check the credentials" ]]
	# As a login to such a registry is kept: the name is none.
	login '{"auth": "MDAwMDAwMDA6", "identitytoken": "id+/="}'
	: > "$STRANGE_LOG"
	run -0 pull -q "$STRANGE/token/identity:v1"
	grep -q "^POST $STRANGE /token - -$" "$STRANGE_LOG"
	run ! grep -q "id+/=\|Basic\|GET $STRANGE /token" "$STRANGE_LOG"
	run -0 "$CORACLE" rmi "$STRANGE/token/identity:v1"
	# A password that was given counts more.
	run -1 pull -q --creds user:secret "$STRANGE/token/identity:v1"
	grep -q "^GET $STRANGE /token?.* Basic " "$STRANGE_LOG"
	login '{"identitytoken": "another"}'
	run -1 pull -q "$STRANGE/token/identity:v1"
	[[ "$output" == *"(status 401: who are you)"* ]]
	[ "${#lines[@]}" = 1 ]
	# Where a password is asked for, it is of no use.
	run -1 pull -q "$STRANGE/basic/app:v1"
	[[ "$output" == *"$STRANGE wants a login: "* ]]
	assert_empty_store
}

@test "an_identity_token_that_the_registry_replaces_is_replaced_for_this_command_alone" {
	two_layers
	strange
	login '{"identitytoken": "id+/="}'
	cp "$HOME/.docker/config.json" "$L.login"
	# A token is good for a second, and a pause makes it old before the last layer.
	run -0 pull -q --jobs 1 "$STRANGE/token/identity-rotate-short-limited:v1"
	[ "$(grep -c "^POST $STRANGE /token " "$STRANGE_LOG")" -ge 2 ]
	cmp "$HOME/.docker/config.json" "$L.login"
}

@test "an_identity_token_that_is_good_for_once_goes_from_one_job_to_the_next" {
	local n
	for n in 1 2 3 4 5 6; do
		tar_of "$L.tar" <<< "f hello$n 644 0:0 - $n"
		layer "$L" "$L.tar"
	done
	image_end "$L" v1 > "$L.out"
	strange
	login '{"identitytoken": "id+/="}'
	# A token is good for one request, and an identity token for one token.
	run -0 pull -q --jobs 4 "$STRANGE/token/identity-rotate-once:v1"
	[ "$(grep -c "^POST $STRANGE /token " "$STRANGE_LOG")" = 8 ]
}

# held - a pull in PULL, whose layer's job has the identity token, and whose configuration waits for it.
held() {
	simple "$L" v1
	strange
	login '{"identitytoken": "id+/="}'
	"$CORACLE" pull -q "$STRANGE/token/identity-once-held:v1" 2> "$L.err" 3>&- &
	PULL=$!
	until [ "$(grep -c "^POST $STRANGE /token " "$STRANGE_LOG")" = 2 ] && [ "$(grep -c "/blobs/" "$STRANGE_LOG")" = 2 ]; do
		sleep 0.01
	done
}

@test "who_waits_for_an_identity_token_is_ended_by_a_signal" {
	local rc=0
	held
	kill -TERM "$PULL"
	wait "$PULL" || rc=$?
	[ "$rc" != 0 ]
	[[ "$(< "$L.err")" == *": interrupted" ]]
	assert_empty_store
}

@test "an_identity_token_is_not_waited_for_when_who_has_it_was_killed" {
	local rc=0
	held
	kill -KILL "$(pgrep -P "$PULL")"
	wait "$PULL" || rc=$?
	[ "$rc" = 1 ]
	[[ "$(< "$L.err")" == *"identity token of $STRANGE"*" was killed" ]]
	assert_empty_store
}

@test "a_helper_may_keep_an_identity_token" {
	simple "$L" v1
	strange
	mkdir "$HOME/bin" "$HOME/.docker"
	printf '#!/bin/sh\necho %s\n' "'{\"Username\":\"<token>\",\"Secret\":\"id+/=\"}'" > "$HOME/bin/docker-credential-test"
	chmod 755 "$HOME/bin/docker-credential-test"
	echo '{"credsStore":"test"}' > "$HOME/.docker/config.json"
	# shellcheck disable=SC2031 # each test is a shell
	PATH=$HOME/bin:$PATH run -0 pull -q "$STRANGE/token/identity:v1"
	grep -q "^POST $STRANGE /token - -$" "$STRANGE_LOG"
}

@test "a_token_for_the_registry_itself_is_sent_to_it_as_it_is" {
	simple "$L" v1
	strange
	login '{"registrytoken": "for-token/app", "identitytoken": "id+/="}'
	run -0 pull -q "$STRANGE/token/app:v1"
	run ! grep -q " /token[ ?]" "$STRANGE_LOG"
	grep -q "^GET $STRANGE /v2/token/app/blobs/.* Bearer for-token/app -$" "$STRANGE_LOG"
	login '{"registrytoken": "for-others"}'
	run -1 pull -q "$STRANGE/token/other:v1"
	[[ "$output" == *"$STRANGE does not let you pull $STRANGE/token/other:v1: log in: "* ]]
	[ "${#lines[@]}" = 1 ]
}

@test "a_token_that_has_run_out_is_replaced_before_it_is_refused" {
	local name
	two_layers
	strange
	for name in token/short-limited token/aged-limited; do
		: > "$STRANGE_LOG"
		run -0 pull -q --jobs 1 "$STRANGE/$name:v1"
		# For all but the last layer one, which a pause has made old; for that another.
		[ "$(grep -c " /token?" "$STRANGE_LOG")" = 2 ]
		[ "$(grep -c " /v2/$name/blobs/.* Bearer for-$name -$" "$STRANGE_LOG")" = 6 ]
		[ "$(grep -c " /v2/$name/blobs/" "$STRANGE_LOG")" = 6 ]
		run -0 "$CORACLE" rmi "$STRANGE/$name:v1"
	done
}

@test "a_token_that_is_refused_in_the_middle_of_a_layer_is_replaced" {
	head -c 1000 /dev/urandom | od -An -tx1 -v | tr -d ' \n' > "$L.random"
	tar_of "$L.tar" <<< "f random 644 0:0 - $(cat "$L.random")"
	layer "$L" "$L.tar" none
	image_end "$L" v1 > /dev/null
	strange
	run -0 pull -q "$STRANGE/token/once-break:v1"
	[ "$(cat "$(tree_of "$STRANGE/token/once-break:v1")/random")" = "$(cat "$L.random")" ]
	# The rest was asked for with a token that had done its service, and then with a new one.
	[ "$(grep -c "blobs/.* Bearer for-token/once-break-.* 1000$" "$STRANGE_LOG")" = 2 ]
	# What the place that it was redirected to says of logins is not taken for the registry's word.
	run -0 "$CORACLE" rmi "$STRANGE/token/once-break:v1"
	run -0 pull -q "$STRANGE/token/once-break-elsewhere-deceit:v1"
	grep -q "^GET localhost.* 1000$" "$STRANGE_LOG"
	run ! grep -q "token?.*service=deceit" "$STRANGE_LOG"
}

@test "a_login_is_not_for_the_host_that_a_redirect_leads_to" {
	simple "$L" v1
	strange
	run -1 pull -q --creds user:secret "$STRANGE/foreign/app:v1"
	[[ "$output" == *"does not let you pull"* ]]
	grep -q "^GET localhost:[0-9]* /v2/foreign/app/blobs/.* - -$" "$STRANGE_LOG"
	run ! grep -q "Basic\|/token" "$STRANGE_LOG"
	assert_empty_store
	# Nor for that where the token server has moved.
	run -0 pull -q --creds user:secret "$STRANGE/token-moved/app:v1"
	grep -q "^GET $STRANGE /token?.* Basic dXNlcjpzZWNyZXQ= -$" "$STRANGE_LOG"
	grep -q "^GET localhost:[0-9]* /token?.* - -$" "$STRANGE_LOG"
	run ! grep -q "^GET localhost.*Basic" "$STRANGE_LOG"
}

@test "cve_2020_15157_where_a_manifest_says_its_layers_are_nobody_is_asked" {
	simple "$L" v1
	strange
	jq -c --arg u "http://${STRANGE/127.0.0.1/localhost}/v2/foreign/app/blobs/x" '.layers[0].urls = [$u]' "$L.manifest" > "$L.document"
	document "$L.document" "$OCI.manifest.v1+json"
	run -0 pull -q --creds user:secret "$STRANGE/token/app:v1"
	run -1 grep localhost "$STRANGE_LOG"
	grep -q "^GET $STRANGE /v2/token/app/blobs/" "$STRANGE_LOG"
	run -0 "$CORACLE" rmi "$STRANGE/token/app:v1"
	# Those of Windows are nowhere else.
	: > "$STRANGE_LOG"
	jq -c '.layers[0].mediaType = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"' "$L.document" > "$L.foreign"
	document "$L.foreign" "$OCI.manifest.v1+json"
	run -1 pull -q --creds user:secret "$STRANGE/token/app:v1"
	[[ "$output" == *"layers of type application/vnd.docker.image.rootfs.foreign.diff.tar.gzip cannot be read" ]]
	run -1 grep localhost "$STRANGE_LOG"
}

@test "cve_2026_50195_what_an_image_says_of_others_is_not_fetched_and_names_nothing" {
	local words
	strange
	words=$(jq -nc --arg r "$STRANGE" '{"org.criu.checkpoint.rootfsImageName": "\($r)/victim:latest",
		"org.criu.checkpoint.rootfsImageRef": "\($r)/evil:1", "org.criu.checkpoint.container.name": "x",
		"io.containerd.image.name": "\($r)/victim:latest", "org.opencontainers.image.ref.name": "victim:latest",
		"org.opencontainers.image.base.name": "\($r)/evil:1"}')
	# As a checkpoint of Kubernetes is packed.
	tar_of "$L.tar" <<- END
		f config.dump 644 0:0 - {"rootfsImage":"$STRANGE/victim:latest","rootfsImageRef":"$STRANGE/evil:1","rootfsImageName":"$STRANGE/victim:latest"}
		f spec.dump 644 0:0 - {"annotations":$words}
		l container.log - - /etc/passwd
	END
	layer "$L" "$L.tar"
	image_end "$L" v1 "{\"Labels\": $words}" > /dev/null
	jq -c --argjson w "$words" '.annotations = $w' "$L.manifest" > "$L.document"
	document "$L.document" "$OCI.manifest.v1+json"
	run -0 pull -q "$STRANGE/app:v1"
	[ "$("$CORACLE" images --format json | jq -c '[.[].name]')" = "[\"$STRANGE/app:v1\"]" ]
	run -1 grep -q 'victim\|evil' "$STRANGE_LOG"
	run -1 "$CORACLE" inspect "$STRANGE/victim:latest"
	run -1 "$CORACLE" inspect victim
	# From a layout that describes it so, too.
	jq -c --argjson w "$words" '.annotations = $w + {"org.opencontainers.image.ref.name": "v1"}' "$L.descriptor" > "$L.named"
	jq -c '{schemaVersion: 2, manifests: [.]}' "$L.named" > "$L/index.json"
	run -0 pull -q "oci:$L:v1"
	[ "$("$CORACLE" images --format json | jq -c '[.[].name]|sort')" = "[\"$STRANGE/app:v1\",\"layout:v1\"]" ]
	run -1 grep -q 'victim\|evil' "$STRANGE_LOG"
}

@test "a_token_server_that_lies_is_refused" {
	simple "$L" v1
	strange
	run -1 pull -q "$STRANGE/token/lie-none:v1"
	[[ "$output" == *"the token server of $STRANGE sends no token" ]]
	run -1 pull -q "$STRANGE/token/lie-lines:v1"
	[[ "$output" == *"the value for the header Authorization cannot be sent" ]]
	run -1 pull -q "$STRANGE/lie-file/app:v1"
	[[ "$output" == *"file:///etc/passwd"*"is not a URL" ]]
	run -1 pull -q --creds user:secret "$STRANGE/lie-plain/app:v1"
	[[ "$output" == *"http://192.0.2.1/token: plain http is refused"* ]]
	run -1 pull -q "$STRANGE/token-no/app:v1"
	[[ "$output" == *"refuses a token for token-no/app (status 401)"* ]]
	[ "${#lines[@]}" = 1 ]
	assert_empty_store
}

@test "a_registry_that_asks_for_a_pause_gets_it" {
	local before
	simple "$L" v1
	strange
	before=$(date +%s%N)
	run -0 pull -q "$STRANGE/limited/app:v1"
	# The manifest, then the configuration and the layer.
	[ $(($(date +%s%N) - before)) -ge 2000000000 ]
	[ "$(grep -c manifests/v1 "$STRANGE_LOG")" = 2 ]
}

@test "a_registry_may_say_by_a_date_when_to_come_again" {
	local before
	simple "$L" v1
	strange
	before=$(date +%s%N)
	run -0 pull -q "$STRANGE/limited-dated/app:v1"
	[ $(($(date +%s%N) - before)) -ge 2000000000 ]
}

@test "headers_without_end_and_silence_end_the_pull" {
	simple "$L" v1
	strange
	run -1 pull -q "$STRANGE/headers/app:v1"
	[[ "$output" == *"Too large response headers"* ]]
	run -1 pull -q --timeout 1 "$STRANGE/stall/app:v1"
	[[ "$output" == *"$STRANGE/v2/stall/app/manifests/v1: "*"too slow"* ]]
	[ "${#lines[@]}" = 1 ]
	[ "$(grep -c stall/app/manifests/v1 "$STRANGE_LOG")" = 1 ]
	assert_empty_store
	# One that takes connections and never says a word is not asked in every way there is.
	mkfifo "$L.silent"
	perl -MIO::Socket::INET -e '$| = 1; $s = IO::Socket::INET->new(Listen => 99, LocalAddr => "127.0.0.1"); print $s->sockport, "\n"; <STDIN>' \
		< "$L.silent" > "$L.port" 3>&- &
	exec 8> "$L.silent"
	until [ -s "$L.port" ]; do :; done
	run -1 timeout 40 "$CORACLE" pull -q --timeout 1 "127.0.0.1:$(< "$L.port")/app:v1"
	[[ "$output" == *"reach the registry 127.0.0.1:"*"/v2/app/manifests/v1: "*"too slow"* ]]
	exec 8>&-
	run -1 pull --timeout 0 "$STRANGE/stall/app:v1"
	[ "$output" = "coracle: option --timeout: 0 is not from 1 to 86400 seconds" ]
}

@test "a_registry_that_hangs_up_is_asked_again_and_then_named" {
	simple "$L" v1
	strange
	run -1 pull -q "$STRANGE/hangup/app:v1"
	[[ "$output" == "coracle: http://$STRANGE/v2/hangup/app/manifests/v1: Empty reply from server" ]]
	[ "$(grep -c manifests/v1 "$STRANGE_LOG")" = 4 ]
	assert_empty_store
}

# document FILE TYPE - the layout's v1 is that file, and is sent as that type.
document() {
	blob "$L" "$1" "$2" > "$L.descriptor"
	layout_names "$L" v1 "$L.descriptor"
}

@test "ghsa_5j5w_g665_5m35_documents_that_are_not_what_they_say_are_refused_by_layout_and_registry" {
	local i
	simple "$L" v1
	cp "$L.manifest" "$L.good"
	strange
	refused() {
		document "$L.document" "${2:-$OCI.manifest.v1+json}"
		for i in "oci:$L:v1" "$STRANGE/app:v1"; do
			run -1 pull -q "$i"
			[ "${#lines[@]}" = 1 ]
			[[ "$output" == "coracle: "*"$1"* ]] || { echo "$output"; return 1; }
			assert_empty_store
		done
	}
	jq -c --slurpfile d "$L.out" '.manifests = $d' "$L.good" > "$L.document"
	refused "an ambiguous document: both an index and a manifest"
	jq -c '.mediaType = "application/vnd.oci.image.index.v1+json"' "$L.good" > "$L.document"
	refused "its media type application/vnd.oci.image.index.v1+json does not fit its content"
	jq -c 'del(.config)' "$L.good" > "$L.document"
	refused "neither an image index nor an image manifest"
	jq -c '.layers[0].mediaType = "application/vnd.example.cake"' "$L.good" > "$L.document"
	refused "layers of type application/vnd.example.cake cannot be read"
	# A file system's image, which the kernel would read.
	jq -c '.layers[0].mediaType = "application/vnd.erofs.layer.v1"' "$L.good" > "$L.document"
	refused "layers of type application/vnd.erofs.layer.v1 cannot be read"
	jq -c '.config.mediaType = "application/vnd.example.recipe"' "$L.good" > "$L.document"
	refused "it is not a container image but an artifact of type application/vnd.example.recipe"
	jq -c '.layers[0].size = -5' "$L.good" > "$L.document"
	refused "a size below zero"
	jq -c '.layers = [range(200) as $i | .layers[0]]' "$L.good" > "$L.document"
	refused "200 layers, more than 128"
	jq -c '.layers[0].digest = "sha256:../../../../../../etc/passwd"' "$L.good" > "$L.document"
	refused "is not a sha256 digest (64 hex digits)"
	jq -c '{schemaVersion: 1, fsLayers: [], history: []}' "$L.good" > "$L.document"
	refused "a manifest of the old schema 1"
}

@test "an_image_without_layers_may_have_null_for_a_list_of_them" {
	: > "$L.layers"
	image_end "$L" v1 > /dev/null
	jq -c '.rootfs.diff_ids = null | .config = {Labels: null, Env: null}' "$L.config" > "$L.null"
	jq -c --argjson c "$(blob "$L" "$L.null" "$OCI.config.v1+json")" '.config = $c | .layers = null' "$L.manifest" > "$L.document"
	document "$L.document" "$OCI.manifest.v1+json"
	strange
	run -0 pull -q "oci:$L:v1"
	run -0 pull -q "$STRANGE/app:v1"
	run -0 "$CORACLE" inspect layout:v1
	[ "$(jq '.[0].layers | length' <<< "$output")" = 0 ]
}

@test "what_is_no_registry_is_called_so" {
	simple "$L" v1
	strange
	run -1 pull -q "$STRANGE/portal/app:v1"
	[ "$output" = "coracle: $STRANGE answers with a page for people, not as a registry" ]
	run -1 pull -q "$STRANGE/wordless/app:v1"
	[ "$output" = "coracle: $STRANGE asks for a login, and does not say which kind" ]
	head -c 5000000 /dev/zero > "$L.document"
	document "$L.document" "$OCI.manifest.v1+json"
	run -1 pull -q "$STRANGE/app:v1"
	[ "$output" = "coracle: $STRANGE/app: the registry's answer is larger than 4194304 bytes" ]
	assert_empty_store
}

@test "an_index_in_an_index_without_end_is_refused" {
	local i digest
	simple "$L" v1
	strange
	cp "$L.out" "$L.inner"
	for i in 1 2 3 4; do
		index_end "$L" v1 "$(jq -c --arg a "$(dpkg --print-architecture)" \
			'.platform = {os: "linux", architecture: $a}' "$L.inner")"
		cp "$L.descriptor" "$L.inner"
	done
	run -1 pull -q "$STRANGE/app:v1"
	[[ "$output" == *"an index in an index in an index" ]]
	assert_empty_store
	run -1 pull -q "oci:$L:v1"
	[[ "$output" == *"an index in an index in an index" ]]
	# One that names itself has another digest than it says.
	digest=sha256:$(printf 'a%.0s' {1..64})
	jq -c --arg d "$digest" '.manifests[0].digest = $d' "$L.index" > "$L/blobs/sha256/${digest:7}"
	jq -c --arg d "$digest" '.manifests[0].digest = $d | .manifests[0].size = -1' "$L/index.json" > "$L.index.json"
	jq -c --argjson s "$(stat -c %s "$L/blobs/sha256/${digest:7}")" '.manifests[0].size = $s' "$L.index.json" > "$L/index.json"
	run -1 pull -q "oci:$L:v1"
	[[ "$output" == *"$digest"*"damaged"* ]]
	run -1 pull -q "$STRANGE/app:v1"
	[[ "$output" == *"$digest"*"is not what it should be"* ]]
	assert_empty_store
}

@test "a_proxy_is_used_for_other_machines_and_not_for_what_is_exempt" {
	simple "$L" v1
	strange
	hosts registry.test <<< 'server = "http://registry.test"'
	run -0 env http_proxy="http://$STRANGE" "$CORACLE" pull -q --certs-dir "$C" registry.test/app:v1
	grep -q "^GET registry.test http://registry.test/v2/app/manifests/v1 - -$" "$STRANGE_LOG"
	run -1 env HTTPS_PROXY="http://$STRANGE" "$CORACLE" pull -q registry.test/app:v1
	[[ "$output" == *"reach the registry registry.test: "*"the proxy $STRANGE: "*403* ]]
	grep -q "^CONNECT registry.test:443 registry.test:443 - -$" "$STRANGE_LOG"
	simple "$L" v1
	push "$L:v1" "$NAME:v1"
	: > "$STRANGE_LOG"
	run -0 env http_proxy="http://$STRANGE" "$CORACLE" pull -q "$REGISTRY/$NAME:v1"
	run -1 env http_proxy="http://$STRANGE" NO_PROXY=registry.test "$CORACLE" pull -q --certs-dir "$C" \
		registry.test/other:v1
	[[ "$output" == *"registry.test"* ]]
	[ ! -s "$STRANGE_LOG" ]
}

# tunnel [USER:PASSWORD] - a proxy in front of a registry with TLS, which is known by names of .test; sets PROXY
# (HOST:PORT), TUNNEL_PID and TUNNEL_LOG.
tunnel() {
	local host
	T=$BATS_TEST_TMPDIR/tls TUNNEL_LOG=$BATS_TEST_TMPDIR/tunnels
	mkdir "$T"
	certificate server registry -addext "subjectAltName = DNS:*.test"
	registry_serve "$T" "$BATS_FILE_TMPDIR/registry" "{addr: \"127.0.0.1:0\", tls: {certificate: $T/server.crt,
		key: $T/server.key}}"
	for host in registry refuse busy; do
		mkdir -p "$C/$host.test"
		cp "$T/server.crt" "$C/$host.test/ca.crt"
	done
	mkfifo "$TUNNEL_LOG.first"
	"$BATS_TEST_DIRNAME/tunnel" "${SERVED#*:}" "$TUNNEL_LOG.first" "$TUNNEL_LOG" "$@" 3>&- &
	TUNNEL_PID=$!
	read -r PROXY < "$TUNNEL_LOG.first"
}

@test "a_registry_elsewhere_does_not_lead_to_this_machine_by_plain_http" {
	simple "$L" v1
	strange
	hosts registry.test <<< 'server = "http://registry.test"'
	run -1 env http_proxy="http://$STRANGE" "$CORACLE" pull -q --certs-dir "$C" registry.test/elsewhere:v1
	[[ "$output" == *"http://localhost:"*": plain http is refused"* ]]
	run -1 env http_proxy="http://$STRANGE" "$CORACLE" pull -q --certs-dir "$C" registry.test/token/app:v1
	[[ "$output" == *"http://127.0.0.1:"*"/token: plain http is refused"* ]]
	run ! grep -q "localhost\|/token?" "$STRANGE_LOG"
	assert_empty_store
}

@test "a_registry_is_reached_through_the_tunnel_of_a_proxy" {
	local variable
	simple "$L" v1
	push "$L:v1" "$NAME:v1"
	tunnel
	for variable in HTTPS_PROXY https_proxy ALL_PROXY all_proxy; do
		: > "$TUNNEL_LOG"
		run -0 env $variable="http://$PROXY" "$CORACLE" pull -q --certs-dir "$C" "registry.test/$NAME:v1"
		[ "$(hello "registry.test/$NAME:v1")" = "hello-from-v1-$BATS_TEST_NUMBER" ]
		grep -qx "registry.test:443 -" "$TUNNEL_LOG"
		run -0 "$CORACLE" rmi "registry.test/$NAME:v1"
	done
	# What is busy is asked again.
	run -0 env HTTPS_PROXY="http://$PROXY" "$CORACLE" pull -q --certs-dir "$C" "busy.test/$NAME:v1"
}

@test "a_proxy_gets_its_login_and_nobody_sees_it" {
	simple "$L" v1
	push "$L:v1" "$NAME:v1"
	tunnel "user:pass word"
	run -0 env HTTPS_PROXY="http://user:pass%20word@$PROXY" "$CORACLE" pull -q --certs-dir "$C" "registry.test/$NAME:v1"
	grep -qx "registry.test:443 Basic dXNlcjpwYXNzIHdvcmQ=" "$TUNNEL_LOG"
	run -0 "$CORACLE" rmi "registry.test/$NAME:v1"
	# refused VALUE WORDS - in one line, which names the proxy.
	refused() {
		run -1 env HTTPS_PROXY="$1" "$CORACLE" pull -q --certs-dir "$C" "${3:-registry.test}/$NAME:v1"
		[ "${#lines[@]}" = 1 ]
		[[ "$output" != *secret* ]]
		# Who is not there may take its time.
		output=${output/after * ms/after 0 ms}
		[[ "$output" == "coracle: reach the registry "*": https://"*"/v2/"*": the proxy $2" ]] || { echo "$output"; return 1; }
		assert_empty_store
	}
	: > "$TUNNEL_LOG"
	refused "http://user:secret@$PROXY" "$PROXY: it wants a login: write http://USER:PASSWORD@HOST:PORT in the variable"
	[ "$(wc -l < "$TUNNEL_LOG")" = 1 ] # which is not asked again
	refused "http://$PROXY" "$PROXY: it wants a login: write http://USER:PASSWORD@HOST:PORT in the variable"
	refused "http://user:pass%20word@$PROXY" "$PROXY: CONNECT tunnel failed, response 403" refuse.test
	refused "http://user:secret@127.0.0.1:1/" "127.0.0.1:1: Failed to connect to 127.0.0.1 port 1 after 0 ms: Could not connect to server"
	refused "http://user:secret@none.invalid:1" "none.invalid:1: Could not resolve proxy: none.invalid"
	refused "gopher://user:secret@$PROXY" "$PROXY: it is not a URL of a kind that is known here"
	refused "http://user:secret@$PROXY:x:y" "$PROXY:x:y: it is not a URL of a kind that is known here"
}

@test "a_proxy_of_plain_http_may_want_a_login_too" {
	simple "$L" v1
	strange
	hosts registry.test <<< 'server = "http://registry.test"'
	run -1 env HTTP_PROXY="http://user:secret@$STRANGE" "$CORACLE" pull -q --certs-dir "$C" registry.test/proxied/app:v1
	[[ "$output" == "coracle: http://registry.test/v2/proxied/app/manifests/v1: the proxy $STRANGE: it wants a login: "* ]]
	[ "${#lines[@]}" = 1 ]
	# In a CGI program a client's header would be that variable.
	run -1 env REQUEST_METHOD=GET HTTP_PROXY="http://$STRANGE" "$CORACLE" pull -q --certs-dir "$C" registry.test/app:v1
	[[ "$output" == *"Could not resolve host"* ]]
}

@test "what_is_exempt_from_the_proxy_is_said_by_suffix_address_or_network" {
	local exempt host
	# In a network of nobody: who is asked, fails at once.
	while read -r exempt host; do
		run -1 env HTTPS_PROXY=http://127.0.0.1:1 NO_PROXY="$exempt" unshare -n "$CORACLE" pull -q "$host/app:v1"
		[[ "$output" != *proxy* ]] || { echo "$exempt $host: $output"; return 1; }
	done <<- 'END'
		* 192.0.2.7
		192.0.2.7 192.0.2.7:5000
		198.51.100.0/24,192.0.2.0/25 192.0.2.7
		.example.test a.example.test
		example.test A.example.test
	END
	while read -r exempt host; do
		run -1 env HTTPS_PROXY=http://127.0.0.1:1 NO_PROXY="$exempt" unshare -n "$CORACLE" pull -q "$host/app:v1"
		[[ "$output" == *"the proxy 127.0.0.1:1: "* ]] || { echo "$exempt $host: $output"; return 1; }
	done <<- 'END'
		192.0.2.128/25 192.0.2.7
		example.test anexample.test
	END
}

@test "a_certificate_of_another_name_or_of_the_past_is_refused" {
	local kind
	T=$BATS_TEST_TMPDIR/tls
	mkdir -p "$T/other" "$T/past"
	certificate other/server registry -addext "subjectAltName = DNS:elsewhere.test"
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$T/past/server.key" \
		-out "$T/past/request" -subj /CN=registry 2> /dev/null
	printf '%s\n' '[ca]' 'default_ca = c' '[c]' "database = $T/past/index" "new_certs_dir = $T/past" \
		"rand_serial = yes" 'default_md = sha256' 'policy = p' 'x509_extensions = x' \
		'[p]' 'commonName = supplied' '[x]' 'subjectAltName = IP:127.0.0.1' > "$T/past/config"
	: > "$T/past/index"
	openssl ca -batch -selfsign -config "$T/past/config" -keyfile "$T/past/server.key" -in "$T/past/request" \
		-out "$T/past/server.crt" -startdate 20000101000000Z -enddate 20010101000000Z -notext 2> /dev/null
	for kind in other past; do
		registry_serve "$T/$kind" "$BATS_FILE_TMPDIR/registry" "{addr: \"127.0.0.1:0\",
			tls: {certificate: $T/$kind/server.crt, key: $T/$kind/server.key}}"
		mkdir -p "$C/$SERVED"
		cp "$T/$kind/server.crt" "$C/$SERVED/ca.crt"
		run -1 pull -q --certs-dir "$C" "$SERVED/none/app:v1"
		[ "${#lines[@]}" = 1 ]
		[ $kind = other ] || [[ "$output" == *xpired* ]]
		[ $kind = past ] || [[ "$output" == *[Nn]ame* ]]
		# It is trusted but for that.
		run -1 pull -q --certs-dir "$C" --tls-verify=false "$SERVED/none/app:v1"
		[[ "$output" == *"no image $SERVED/none/app:v1 in the registry"* ]]
		kill "$SERVED_PID"
		SERVED_PID=
	done
}
