#!/usr/bin/env bats
# 23-cnb.bats - bundles of sources, built with Cloud Native Buildpacks; the lifecycle is test/cnb's.
# shellcheck disable=SC2016,SC2030,SC2031 # what containers' shells expand; each test has a store of its own

load rootless

setup_file() {
	[ "$(id -u)" = 0 ] || skip "needs root"
	local lifecycle dir=$BATS_FILE_TMPDIR
	lifecycle=$("$BATS_TEST_DIRNAME/../cnb/build")
	make_rootfs "$dir/run-files"
	chmod 1777 "$dir/run-files/tmp"
	echo 'cnb:x:1001:1002::/home/cnb:/bin/sh' >> "$dir/run-files/etc/passwd"
	echo 'cnb:x:1002:' >> "$dir/run-files/etc/group"
	tar -C "$dir/run-files" -cf "$dir/run.tar" .
	layer "$dir/run" "$dir/run.tar"
	image_end "$dir/run" localhost/base:1 '{"User":"1001:1002","Env":["PATH=/bin"]}' > /dev/null

	local cnb=$dir/builder-files/cnb
	mkdir -p "$cnb/lifecycle" "$dir/builder-files/home/cnb"
	chown 1001:1002 "$dir/builder-files/home/cnb"
	cp "$lifecycle" "$cnb/lifecycle/creator"
	ln "$cnb/lifecycle/creator" "$cnb/lifecycle/launcher"
	buildpack test/never 1 'exit 100' 'exit 1'
	buildpack test/shell 1.0 '[ -f app.sh ] || { [ ! -f broken ] || exit 7; exit 100; }' '
		if [ -f fail ]; then echo "this cannot be built" >&2; exit 3; fi
		[ ! -f fill ] || { . ./fill; exec sleep 1000; }
		[ ! -f wait ] || { echo it waits >&2; exec sleep 1000; }
		echo "build: $(id -u):$(id -g) in $PWD, A=$A"
		tool=$CNB_LAYERS_DIR/tool
		if [ -e "$tool" ]; then echo tool is there; else
			mkdir -p "$tool/bin" "$tool/env.launch"
			printf "#!/bin/sh\necho the tool of \$MADE\n" > "$tool/bin/tool"
			chmod 755 "$tool/bin/tool"
			printf buildpack > "$tool/env.launch/MADE.override"
		fi
		printf "[types]\nlaunch = true\ncache = true\n" > "$tool.toml"
		cp processes "$CNB_LAYERS_DIR/launch.toml"
		touch built'
	cat > "$cnb/order.toml" <<- END
		[[order]]
		[[order.group]]
		id = "test/never"
		version = "1"

		[[order]]
		[[order.group]]
		id = "test/shell"
		version = "1.0"

		[[order.group]]
		id = "test/never"
		version = "1"
		optional = true
	END
	printf '[[images]]\nimage = "localhost/base:1"\n' > "$cnb/run.toml"
	tar -C "$dir/builder-files" -cf "$dir/builder.tar" .
	builder builder
}

# buildpack ID VERSION DETECT BUILD - one of the builder's.
buildpack() {
	local bin=$BATS_FILE_TMPDIR/builder-files/cnb/buildpacks/${1/\//_}/$2/bin
	mkdir -p "$bin"
	printf '#!/bin/sh\n%s\n' "$3" > "$bin/detect"
	printf '#!/bin/sh\nset -e\n%s\n' "$4" > "$bin/build"
	chmod 755 "$bin/detect" "$bin/build"
}

# builder NAME [APIS [ENV [ARCH [TAR]]]] - a builder as a layout, in the file's directory. TAR: one layer more.
builder() {
	local dir=$BATS_FILE_TMPDIR apis=${2:-0.7 0.12 0.13} env=${3:-CNB_USER_ID=1001 CNB_GROUP_ID=1002}
	layer "$dir/$1" "$dir/run.tar"
	layer "$dir/$1" "$dir/builder.tar"
	[ -z "${5:-}" ] || layer "$dir/$1" "$5"
	image_end "$dir/$1" "localhost/$1:1" "$(jq -nc --arg a "$apis" --arg e "$env" '{User: "1001:1002",
		Env: (["PATH=/bin"] + ($e | split(" "))),
		Labels: {"io.buildpacks.lifecycle.apis": {platform: {supported: ($a | split(" "))}} | tojson}}')" "${4:-}" > /dev/null
}

# scripted NAME - a builder whose creator is the script on stdin, beside the real one.
scripted() {
	local dir=$BATS_TEST_TMPDIR/$1-files
	rm -rf "$dir"
	mkdir -p "$dir/cnb/lifecycle"
	mv "$BATS_TEST_TMPDIR/extra" "$dir/extra" 2> /dev/null || true
	ln "$BATS_FILE_TMPDIR/builder-files/cnb/lifecycle/creator" "$dir/cnb/creator"
	{ printf '#!/bin/sh\n'; cat; } > "$dir/cnb/lifecycle/creator"
	chmod 755 "$dir/cnb/lifecycle/creator"
	tar -C "$dir" -cf "$dir.tar" .
	builder "$1" "" "" "" "$dir.tar"
	"$CORACLE" load -q -i "$BATS_FILE_TMPDIR/$1" > /dev/null
}

setup() {
	private_setup
	export HOME=$BATS_TEST_TMPDIR
	D=$BATS_TEST_TMPDIR
	"$CORACLE" load -q -i "$BATS_FILE_TMPDIR/run" > /dev/null
	"$CORACLE" load -q -i "$BATS_FILE_TMPDIR/builder" > /dev/null
	mkdir "$D/app"
	echo 'echo "$1 in $PWD, A=$A, $(tool), $(id -u):$(id -g)"' > "$D/app/app.sh"
	processes web
}

# processes [DEFAULT] - the app's.
processes() {
	cat > "$D/app/processes" <<- END
		[[processes]]
		type = "web"
		command = ["/bin/sh"]
		args = ["app.sh", "web"]
		default = $([ "${1:-}" = web ] && echo true || echo false)
		[[processes]]
		type = "worker"
		command = ["sh"]
		args = ["/workspace/app.sh", "a worker"]
		direct = true
		working-dir = "/tmp"
	END
}

teardown() {
	private_teardown
	assert_no_mount "$D"
}

# build OPTION... - from the builder.
build() {
	"$CORACLE" bundle --root "$STATE" --cnb "$D/app" --builder localhost/builder:1 "$@"
}

# Nothing is left of a build that failed, but what was pulled.
nothing_left() {
	[ ! -e "$D/b" ]
	[ -z "$(ls -A "$STATE" 2> /dev/null)" ]
	[ -z "$(find "$CORACLE_STORE/tmp" "$CORACLE_STORE/containers" -mindepth 1)" ]
	[[ "$("$CORACLE" images)" != *localhost/cnb* ]]
}

@test "an_app_becomes_a_bundle_that_every_runtime_runs" {
	touch -d @1000000000 "$D/app/app.sh"
	find "$D/app" -printf '%P %y %m %U:%G %s %T@\n' | sort > "$D/before"
	run -0 --separate-stderr build -e A=b "$D/b"
	[ -z "$output" ]
	# shellcheck disable=SC2154 # run sets stderr
	[[ "$stderr" == *"===> ANALYZING"*"build: 1001:1002 in /workspace, A=b"*"Adding layer 'test/shell:tool'"* ]]
	find "$D/app" -printf '%P %y %m %U:%G %s %T@\n' | sort | diff "$D/before" -
	local runtime
	for runtime in "$CORACLE runtime" runc; do
		# shellcheck disable=SC2086 # two words
		run -0 $runtime --root "$D/runtime" run -b "$D/b" "bundle$$"
		[ "$output" = "web in /workspace, A=b, the tool of buildpack, 1001:1002" ]
	done
	[ "$(jq -c '[.process.args, .process.cwd]' "$D/b/config.json")" = '[["/cnb/process/web"],"/workspace"]' ]
	[ -e "$D/b/rootfs/workspace/built" ]
	[ "$(stat -c %u:%g "$D/b/rootfs/workspace/app.sh")" = 1001:1002 ]
	[ -z "$(ls -A "$STATE")" ]
	[ -z "$(find "$CORACLE_STORE/tmp" -mindepth 1)" ]
	run -0 c run --rm localhost/cnb:app
	[ "$output" = "web in /workspace, A=, the tool of buildpack, 1001:1002" ]
}

@test "an_app_is_built_and_run_in_one_step" {
	run -0 --separate-stderr c run --rm --cnb "$D/app" --builder localhost/builder:1 -e A=b
	[ "$output" = "web in /workspace, A=b, the tool of buildpack, 1001:1002" ]
	run -0 --separate-stderr c run --rm --cnb "$D/app" --builder localhost/builder:1 --process worker
	[ "$output" = "a worker in /tmp, A=, the tool of buildpack, 1001:1002" ]
	c run -d --name net --rootfs "$ROOTFS" sleep 1000
	run -0 --separate-stderr c run --rm --cnb "$D/app" --builder localhost/builder:1 --network container:net
	[ "$output" = "web in /workspace, A=, the tool of buildpack, 1001:1002" ]
	c stop -t 0 net
	run -125 c run --rm --cnb "$D/app" --builder localhost/builder:1 --network container:net
	[[ "${#lines[@]} $output" == *"1 coracle: container net does not run"* ]]
	c rm net
	run -125 c run --rm --cnb "$D/nowhere" --builder localhost/builder:1
	[ -z "$(ls -A "$STATE")" ]
	[ -z "$(find "$CORACLE_STORE/tmp" "$CORACLE_STORE/containers" -mindepth 1)" ]
}

@test "a_store_may_have_any_character_in_its_path" {
	mv "$CORACLE_STORE" "$D/a:b,c d"
	CORACLE_STORE="$D/a:b,c d"
	mkdir "$D/x:y,z"
	mv "$D/app" "$D/x:y,z/app"
	run -0 --separate-stderr c run --rm --cnb "$D/x:y,z/app" --builder localhost/builder:1 -v v:/v -e A=b
	[ "$output" = "web in /workspace, A=b, the tool of buildpack, 1001:1002" ]
	[ -z "$(find "$CORACLE_STORE/tmp" "$CORACLE_STORE/containers" -mindepth 1)" ]
}

@test "the_next_build_finds_what_the_last_one_kept_until_prune" {
	run -0 build "$D/b"
	[[ "$output" != *"tool is there"* ]]
	run -0 build "$D/b2"
	[[ "$output" == *"tool is there"* ]]
	mv "$D/app" "$D/other"
	run -0 "$CORACLE" bundle --root "$STATE" --cnb "$D/other" --builder localhost/builder:1 "$D/b3"
	[[ "$output" != *"tool is there"* ]]
	mv "$D/other" "$D/app"
	run -0 "$CORACLE" prune
	[ ! -e "$CORACLE_STORE/cache" ]
	run -0 build "$D/b4"
	[[ "$output" != *"tool is there"* ]]
}

@test "a_process_is_chosen_by_its_type" {
	run -0 build --process worker "$D/b"
	run -0 runc --root "$D/runtime" run -b "$D/b" "bundle$$"
	[ "$output" = "a worker in /tmp, A=, the tool of buildpack, 1001:1002" ]
	rm -r "$D/b"
	run -1 build --process nope "$D/b"
	[[ "${lines[-1]}" == *"the app has no process nope, but: web, worker" ]]
	[ ! -e "$D/b" ]
}

@test "without_a_default_process_one_is_named_or_a_command_given" {
	processes
	run -1 build "$D/b"
	[[ "${lines[-1]}" == *"none of the app's processes is the default: name one with --process, or a command; there are: web, worker" ]]
	[ ! -e "$D/b" ]
	run -0 build "$D/b" 'tool; echo $MADE'
	run -0 runc --root "$D/runtime" run -b "$D/b" "bundle$$"
	[ "$output" = $'the tool of buildpack\nbuildpack' ]
	run -0 build "$D/b2" -- printf '%s\n' '$MADE'
	run -0 runc --root "$D/runtime" run -b "$D/b2" "bundle$$"
	[ "$output" = '$MADE' ]
	run -0 build --entrypoint tool "$D/b3"
	[ "$(jq -c .process.args "$D/b3/config.json")" = '["tool"]' ]
}

@test "what_the_lifecycle_ended_with_is_told" {
	touch "$D/app/fail"
	run -1 build "$D/b"
	[[ "$output" == *"this cannot be built"* ]]
	[[ "${lines[-1]}" == *"the lifecycle of localhost/builder:1 failed at build (exit status 51); what it said is above" ]]
	nothing_left
	rm "$D/app/"*
	run -1 build "$D/b"
	[[ "${lines[-1]}" == *"failed at finding a buildpack (exit status 20)"* ]]
	touch "$D/app/broken"
	run -1 build "$D/b"
	[[ "${lines[-1]}" == *"failed at finding a buildpack (exit status 21)"* ]]
	scripted mute <<< 'exit 62'
	run -1 build --builder localhost/mute:1 "$D/b"
	[[ "${lines[-1]}" == *"failed at export (exit status 62)"* ]]
	nothing_left
}

@test "a_build_whose_calls_fail_leaves_nothing" {
	run -0 build "$D/b" # so that all is pulled
	rm -r "$D/b"
	"$CORACLE" rmi localhost/cnb:app
	local failing only call error said
	for failing in "linkat ENOSPC lend blob" "getdents64 EIO app $D/app: read a directory: I/O error" "fchownat EPERM give away" \
		"dup2 EMFILE redirect the lifecycle's output"; do
		read -r call error said <<< "$failing"
		only=()
		[ "$call" != getdents64 ] || only=(-P "$D/app")
		run -1 strace -qq -o /dev/null "${only[@]}" -e "trace=$call" -e "inject=$call:error=$error:when=1" "$CORACLE" bundle --root "$STATE" \
			--cnb "$D/app" --builder localhost/builder:1 "$D/b"
		[[ "${lines[-1]}" == *"$said"* ]]
		nothing_left
	done
}

@test "an_api_that_both_know_is_chosen" {
	scripted tells <<< 'echo "api $CNB_PLATFORM_API"; exit 1'
	run -1 build --builder localhost/tells:1 "$D/b"
	[[ "$output" == *"api 0.13"* ]]
	builder old "0.3 0.11"
	run -1 build --builder "oci:$BATS_FILE_TMPDIR/old" "$D/b"
	[[ "${lines[-1]}" == *"has no platform API from 0.12 to 0.15"* ]]
	nothing_left
}

@test "an_image_that_is_no_builder_is_refused" {
	run -1 build --builder localhost/base:1 "$D/b"
	[[ "$output" == *"localhost/base:1 is no builder: it has no CNB_USER_ID in its environment" ]]
	layer "$D/bare" "$BATS_FILE_TMPDIR/run.tar"
	image_end "$D/bare" localhost/bare:1 '{"Env":["CNB_USER_ID=1001","CNB_GROUP_ID=1002"]}' > /dev/null
	run -1 build --builder "oci:$D/bare:localhost/bare:1" "$D/b"
	[[ "$output" == *"is no builder: it has no /cnb/lifecycle/creator" ]]
	builder rootish "" "CNB_USER_ID=0 CNB_GROUP_ID=0"
	run -1 build --builder "oci:$BATS_FILE_TMPDIR/rootish" "$D/b"
	[[ "$output" == *"has CNB_USER_ID=0: "* ]]
	builder worded "" "CNB_USER_ID=12x CNB_GROUP_ID=0"
	run -1 build --builder "oci:$BATS_FILE_TMPDIR/worded" "$D/b"
	[[ "$output" == *"has CNB_USER_ID=12x: "* ]]
	builder foreign "" "" s390x
	run -1 build --builder "oci:$BATS_FILE_TMPDIR/foreign" "$D/b"
	[[ "$output" == *"is for linux/s390x, not linux/"* ]]
	"$CORACLE" pull -q --platform linux/s390x "oci:$BATS_FILE_TMPDIR/foreign:localhost/foreign:1"
	run -1 build --builder localhost/foreign:1 "$D/b"
	[[ "$output" == *"localhost/foreign:1 is for s390x: nothing of it runs on this"* ]]
	nothing_left
}

@test "the_run_image_is_the_builders_or_another" {
	"$CORACLE" tag localhost/base:1 localhost/other:1 > /dev/null
	"$CORACLE" rmi localhost/base:1 > /dev/null
	run -1 build --pull never "$D/b"
	[[ "$output" == *"image localhost/base:1 is not in the store"* ]]
	nothing_left
	run -0 build --pull never --run-image localhost/other:1 "$D/b"
	local extra=$D/extra
	tar_of "$extra.tar" <<< 'f cnb/.wh.run.toml 644 0:0'
	builder runless "" "" "" "$extra.tar"
	run -1 build --builder "oci:$BATS_FILE_TMPDIR/runless" "$D/b2"
	[[ "$output" == *"names no run image: name one with --run-image" ]]
	# As it was before there was a run.toml.
	mkdir -p "$D/staged/cnb"
	touch "$D/staged/cnb/.wh.run.toml"
	printf '[run-image]\nimage = "localhost/other:1"\n' > "$D/staged/cnb/stack.toml"
	tar -C "$D/staged" -cf "$extra.tar" .
	builder staged "" "" "" "$extra.tar"
	run -0 build --builder "oci:$BATS_FILE_TMPDIR/staged" "$D/b2"
}

@test "buildpacks_are_chosen_and_ordered" {
	run -0 build --buildpack test/shell "$D/b"
	run -1 build --buildpack test/never@1 --buildpack test/shell@1.0 "$D/b2"
	[[ "${lines[-1]}" == *"failed at finding a buildpack (exit status 20)"* ]]
	run -1 build --buildpack test/other "$D/b2"
	[[ "${lines[-1]}" == *"localhost/builder:1 has 0 versions of buildpack test_other" ]]
	tar_of "$D/extra.tar" <<< 'd cnb/buildpacks/test_shell/2.0 755 0:0'
	builder two "" "" "" "$D/extra.tar"
	run -1 build --builder "oci:$BATS_FILE_TMPDIR/two" --buildpack test/shell "$D/b2"
	[[ "${lines[-1]}" == *" has 2 versions of buildpack test_shell: name one of them as ID@VERSION" ]]
	run -0 build --builder "oci:$BATS_FILE_TMPDIR/two" --buildpack test/shell@1.0 "$D/b2"
	run -1 build --buildpack 'a"b' "$D/b3"
	[[ "${lines[-1]}" == *"option --buildpack: 'a\"b' is no ID" ]]
	[ ! -e "$D/b3" ]
}

@test "the_build_has_no_rights_and_of_the_options_the_limits_and_the_network" {
	scripted looks <<- 'END'
		grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status
		ls /sys/class/net
		mount | grep -E ' on /(platform|cache|workspace|layers|layout) ' | sed 's/.* on \([^ ]*\) .*(\(r[ow]\).*/\1 \2/'
		ls -n /layout/app.invalid/run/latest/blobs/sha256 | head -n 2
		echo x 2> /dev/null >> "$(ls /layout/app.invalid/run/latest/blobs/sha256/* | head -n 1)" || echo blobs stay
		ls -A /platform/env; cat /platform/env/A
		exit 1
	END
	export OURS=passed
	printf 'B=of a file\n# nothing\n' > "$D/vars"
	run -1 build --builder localhost/looks:1 -e A=$'two\nlines' -e OURS -e NOTHING --env-file "$D/vars" "$D/b"
	[[ "$output" == *$'CapBnd:\t0000000000000000'* ]]
	[[ "$output" == *$'CapEff:\t0000000000000000'* ]]
	[[ "$output" == *$'NoNewPrivs:\t1'* ]]
	[[ "$output" == *$'\nlo\n'* ]]
	[[ "$output" != *eth* ]]
	[[ "$output" == *"/platform ro"* ]]
	[[ "$output" == *"/workspace rw"* ]]
	[[ "$output" == *"blobs stay"* ]]
	[[ "$output" == *$'\nA\nB\nOURS\ntwo\nlines'* ]]
	run -1 build -e 'a/b=c' "$D/b"
	[[ "$output" == *"--env a/b=c: no name for a build" ]]
	run -1 build -e '..=c' "$D/b"
	[[ "$output" == *"no name for a build" ]]
	scripted hungry <<< 'exec dd if=/dev/zero of=/dev/null bs=200M count=1'
	run -1 build --builder localhost/hungry:1 -m 32m "$D/b"
	[[ "${lines[-1]}" == *"failed at its work (exit status 137)"* ]]
	nothing_left
}

@test "what_a_hostile_lifecycle_exports_is_refused" {
	local what
	for what in 'ln -s /etc/passwd index.json' 'mkfifo index.json' 'mkdir blobs; ln -s / blobs/sha256; echo "{}" > index.json'; do
		scripted hostile <<< "mkdir -p /layout/app.invalid/app/latest; cd /layout/app.invalid/app/latest; $what; exit 0"
		run -1 build --builder localhost/hostile:1 "$D/b"
		[[ "$output" == *"what the lifecycle of localhost/hostile:1 exported: "*" is neither a file nor a directory" ]]
		nothing_left
	done
	scripted deep <<< 'cd /layout; i=0; while [ $i -lt 500 ]; do mkdir d && cd d || exit; i=$((i + 1)); done'
	run -1 build --builder localhost/deep:1 "$D/b"
	[[ "$output" == *"what the lifecycle of localhost/deep:1 wrote: 400 directories in one another are too many" ]]
	nothing_left
	scripted nothing <<< 'exit 0'
	run -1 build --builder localhost/nothing:1 "$D/b"
	[[ "$output" == *"what the lifecycle of localhost/nothing:1 exported: "* ]]
	nothing_left
	# An image with a layer that leads out of it, and one whose layer is not what it says.
	tar_of "$D/evil.tar" <<< 'f ../../../../out 644 0:0 - out'
	layer "$D/extra" "$D/evil.tar"
	image_end "$D/extra" latest > /dev/null
	scripted climbs <<< 'mkdir -p /layout/app.invalid/app; cp -r /extra /layout/app.invalid/app/latest'
	run -1 build --builder localhost/climbs:1 "$D/b"
	[[ "$output" == *"what the lifecycle of localhost/climbs:1 exported: "*"../../../../out"* ]]
	nothing_left
	scripted lies <<- 'END'
		/cnb/creator "$@" || exit
		cd /layout/app.invalid/app/latest/blobs/sha256
		for f in *; do [ "$(wc -c < "$f")" -gt 20000 ] || continue; echo more >> "$f"; done
	END
	run -1 build --builder localhost/lies:1 "$D/b"
	[[ "$output" == *"what the lifecycle of localhost/lies:1 exported: "* ]]
	nothing_left
}

@test "a_layout_without_the_run_images_layers_will_do" {
	local base
	base=$(jq -r '.manifests[0].digest[7:]' "$BATS_FILE_TMPDIR/run/index.json")
	base=$(jq -r '.layers[0].digest[7:]' "$BATS_FILE_TMPDIR/run/blobs/sha256/$base")
	scripted sparse <<< "/cnb/creator \"\$@\" && rm /layout/app.invalid/app/latest/blobs/sha256/$base"
	run -0 build --builder localhost/sparse:1 "$D/b"
	run -0 runc --root "$D/runtime" run -b "$D/b" "bundle$$"
	[[ "$output" == "web in /workspace"* ]]
}

@test "an_app_of_odd_files_is_copied_as_it_is" {
	cd "$D/app"
	ln -s /etc/shadow out
	ln -s nowhere dangling
	mkfifo fifo
	perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Local => "socket", Listen => 1)'
	mkdir secret
	echo "not for all" > secret/file
	chmod 600 secret/file
	chmod 700 secret
	printf '#!/bin/sh\n' > suid
	chmod 4755 suid
	ln suid twin
	run -0 build "$D/b"
	cd "$D/b/rootfs/workspace"
	[ "$(readlink out) $(readlink dangling)" = "/etc/shadow nowhere" ]
	[[ ! -e fifo && ! -e socket ]]
	[ "$(cat secret/file)" = "not for all" ]
	[ "$(find suid twin -printf '%m %U:%G ')" = "755 1001:1002 755 1001:1002 " ]
	[[ -p $D/app/fifo && -S $D/app/socket ]]
	[ "$(stat -c %a "$D/app/suid")" = 4755 ]
}

@test "what_the_builders_user_could_not_read_is_named_before_the_build" {
	mkdir "$D/app/sub"
	echo x > "$D/app/sub/file"
	chmod 000 "$D/app/sub/file"
	run -1 build "$D/b"
	[[ "$output" == *"app $D/app: sub: file has mode 0000, and the builder's user, whose it will be, has to read it: chmod u+r it, or leave it out" ]]
	nothing_left
	chmod 600 "$D/app/sub/file"
	chmod 400 "$D/app/sub"
	run -1 build "$D/b"
	[[ "$output" == *": sub has mode 0400, "*"chmod u+rx it, or leave it out" ]]
	nothing_left
	chmod 500 "$D/app/sub"
	run -0 build "$D/b"
}

@test "a_build_cannot_reach_the_file_of_the_program_that_runs_it" {
	local pid safe=false
	touch "$D/app/wait"
	mkfifo "$D/said"
	"$CORACLE" bundle --root "$STATE" --cnb "$D/app" --builder localhost/builder:1 "$D/b" 2> "$D/said" 3>&- &
	pid=$!
	exec 5< "$D/said"
	until read -r line <&5 && [[ "$line" == *"it waits"* ]]; do
		:
	done
	# Not even when it does not run any more.
	[ -w "/proc/$pid/exe" ] || safe=true
	kill -TERM $pid
	cat <&5 > "$D/rest"
	exec 5<&-
	wait $pid || :
	$safe
	nothing_left
}

@test "a_build_that_is_interrupted_leaves_nothing" {
	touch "$D/app/wait"
	mkfifo "$D/said"
	local sig status pid
	for sig in INT TERM HUP; do
		# In the background a shell has INT ignored.
		env --default-signal "$CORACLE" bundle --root "$STATE" --cnb "$D/app" --builder localhost/builder:1 "$D/b" 2> "$D/said" &
		pid=$!
		exec 5< "$D/said"
		while read -r -u 5 line && [ "$line" != "it waits" ]; do :; done
		if [ $sig = INT ]; then
			run -1 build "$D/b2"
			[[ "$output" == *"the app $D/app is being built already" ]]
		fi
		kill -$sig $pid
		status=0
		wait $pid || status=$?
		[ $status = 1 ]
		[[ "$(cat <&5)" == *"interrupted" ]]
		exec 5<&-
		nothing_left
	done
}

@test "a_build_that_takes_too_much_of_the_disk_is_ended_and_leaves_nothing" {
	local fill
	for fill in 'head -c 30000000 /dev/zero > $CNB_LAYERS_DIR/big' 'head -c 30000000 /dev/zero > /tmp/big' \
		'head -c 30000000 /dev/zero > big' 'i=0; while [ $i -lt 3000 ]; do i=$((i + 1)); echo x > f$i; ln f$i g$i; done'; do
		echo "$fill" > "$D/app/fill"
		run -1 timeout 100 "$CORACLE" bundle --root "$STATE" --cnb "$D/app" --builder localhost/builder:1 --max-build 10m "$D/b"
		[ "${lines[-1]}" = "coracle: the build took more than 10.5 MB of the disk: it was ended; see --max-build" ]
		nothing_left
		[ -z "$(ls -A "$CORACLE_STORE/cache")" ]
	done
	# What is there before, as the layers that are lent, and the app, is not the build's.
	rm "$D/app/fill"
	head -c 15000000 /dev/zero > "$D/app/large"
	run -0 build --max-build 10g "$D/b"
	run -1 build --max-build 1 "$D/b2"
	[[ "${lines[-1]}" == *"the build took more than 1 B of the disk"* ]]
	run -1 "$CORACLE" bundle --max-build 1g localhost/base:1 "$D/b3"
	[[ "$output" == *"--max-build and --process only with them"* ]]
}

@test "what_a_killed_build_leaves_is_found_and_removed" {
	touch "$D/app/wait"
	mkfifo "$D/said"
	"$CORACLE" bundle --root "$STATE" --cnb "$D/app" --builder localhost/builder:1 "$D/b" 2> "$D/said" &
	local pid=$! id
	exec 5< "$D/said"
	while read -r -u 5 line && [ "$line" != "it waits" ]; do :; done
	kill -KILL $pid
	wait $pid || true
	id=$(c ps -q)
	[[ "$id" == cnb-* ]]
	run -0 c cleanup "$id"
	cat <&5 > /dev/null # until the last of its processes has ended
	exec 5<&-
	assert_gone "$id"
	rm "$D/app/wait"
	run -0 build "$D/b"
	[ -z "$(find "$CORACLE_STORE/tmp" -mindepth 1)" ]
}

@test "options_that_do_not_go_together_are_refused" {
	run -1 "$CORACLE" bundle --cnb "$D/app" "$D/b"
	[[ "$output" == *"--cnb and --builder go together"* ]]
	run -1 "$CORACLE" bundle --process web image "$D/b"
	[[ "$output" == *"--cnb and --builder go together"* ]]
	run -125 c run --rm --builder localhost/builder:1
	[[ "${#lines[@]} $output" == "1 "*"--cnb and --builder go together"* ]]
	run -1 "$CORACLE" bundle --rootfs --process web "$ROOTFS" "$D/b" true
	[[ "$output" == *"--cnb and --builder go together"* ]]
	run -1 build --rootfs "$D/b"
	[[ "$output" == *"--cnb and --builder go together"*"--rootfs only without" ]]
	run -1 "$CORACLE" bundle image
	[[ "$output" == *"no BUNDLE: name a directory to make" ]]
	run -1 build --cnb "$D/nowhere" "$D/b"
	[[ "$output" == *"app $D/nowhere: No such file"* ]]
	run -1 build --cnb "$D/app/app.sh" "$D/b"
	[[ "$output" == *"app $D/app/app.sh: Not a directory"* ]]
	run -1 build --cnb "$D" "$D/b"
	[[ "$output" == *"has the image store in it" ]]
	nothing_left
}

@test "an_unprivileged_user_builds_and_runs" {
	rootless_setup
	cp -r "$D/app" "$HOMEDIR/app"
	chown -R "$USER_ID:$USER_ID" "$HOMEDIR/app"
	as "$CORACLE" load -q -i "$BATS_FILE_TMPDIR/run" > /dev/null
	as "$CORACLE" load -q -i "$BATS_FILE_TMPDIR/builder" > /dev/null
	run -0 --separate-stderr as "$CORACLE" run --rm --cnb app --builder localhost/builder:1 -e A=his
	[[ "$stderr" == *"build: 1001:1002 in /workspace, A=his"* ]]
	[ "$output" = "web in /workspace, A=his, the tool of buildpack, 1001:1002" ]
	run -0 as "$CORACLE" bundle --cnb app --builder localhost/builder:1 bundle
	[[ "$output" == *"tool is there"* ]]
	run -0 as "$CORACLE" runtime run -b bundle "$ID"
	[ "$output" = "web in /workspace, A=, the tool of buildpack, 1001:1002" ]
	# With no ids but his own there is no builder's user.
	: > "$BATS_TEST_TMPDIR/etc/subuid"
	run -1 as "$CORACLE" bundle --store "$HOMEDIR/other" --cnb app --builder "oci:$BATS_FILE_TMPDIR/builder" --run-image "oci:$BATS_FILE_TMPDIR/run" b2
	[[ "${lines[-1]}" == *"a build has a user of its own, 1001, and you have no id for him: see /etc/subuid"* ]]
	rootless_teardown
}
