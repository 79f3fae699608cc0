#!/usr/bin/env bats
# bats file_tags=long
# 23-pull-crash.bats - pulls that are killed or run into each other; what they tell on the way; and layers
# that are packed in the ways of lazy pullers.
# shellcheck disable=SC2016,SC2030,SC2031 # jq's variables; each test is a shell

[ -z "${TORTURE:-}" ] || export BATS_TEST_TIMEOUT=7200
load helper
load images
load injected

setup() {
	export CORACLE_STORE=$BATS_TEST_TMPDIR/store
	export HOME=$BATS_TEST_TMPDIR
	export ASAN_OPTIONS=detect_leaks=0 # which cannot be done under strace
	L=$BATS_TEST_TMPDIR/layout
}

pull() {
	"$CORACLE" pull "$@"
}

# image LAYOUT TEXT - three layers, the first the same for every TEXT; one needs the looks of what is below it.
image() {
	tar_of "$1.1" <<-'END'
		d . 755
		d etc 711 3:4
		d etc/deep 700
		f etc/deep/file 640 5:6 - below
		f gone 644
	END
	tar_of "$1.2" <<-END
		f etc/deep/other 644 0:0 - $2
		h link - - etc/deep/other
		f .wh.gone 644
	END
	tar_of "$1.3" <<-END
		d etc/deep 755
		f etc/deep/.wh..wh..opq 644
		f last 600 0:0 - $2
	END
	layer "$1" "$1.1"
	layer "$1" "$1.2" zstd
	layer "$1" "$1.3"
	image_end "$1" v1 > "$1.out"
}

# whole REFERENCE - every blob and every layer that the store has at its place is as it should be, as those of a store that is.
whole() {
	local path name
	for path in "$CORACLE_STORE"/blobs/sha256/*; do
		[ ! -e "$path" ] || [ "$(hex_of "$path")" = "${path##*/}" ] || { echo "$path is not whole"; return 1; }
	done
	for path in "$CORACLE_STORE"/layers/sha256/*; do
		[ -e "$path" ] || continue # nothing at all
		name=$1/${path##*/}
		[ -e "$name" ] || looks "$1/layers/sha256/${path##*/}" > "$name"
		diff "$name" <(looks "$path") || { echo "$path is not whole"; return 1; }
	done
}

looks() {
	# A whiteout has the time at which it was made.
	(cd "$1" && find . -exec stat -c '%n %F %a %u:%g %h %Y %s %t' {} + | sed '/ character /s/ [0-9]* 0 0$//' | sort && find . -type f -exec cat {} + | md5sum)
}

@test "a_pull_killed_at_any_call_loses_nothing_but_time" {
	local name n tried=0 died=0 old new
	image "$L" old
	run -0 pull -q "oci:$L:v1"
	cp -a "$CORACLE_STORE" "$L.before"
	old=$output
	rm -r "$L"
	image "$L" new
	run -0 pull -q "oci:$L:v1"
	new=$output
	cp -a "$CORACLE_STORE" "$L.after"
	rm -r "$CORACLE_STORE" && cp -a "$L.before" "$CORACLE_STORE"
	calls "$CORACLE" pull -q "oci:$L:v1" > "$L.calls"
	grep -q '^syncfs:1$' "$L.calls"
	while read -r name n; do
		rm -r "$CORACLE_STORE" && cp -a "$L.before" "$CORACLE_STORE"
		run strace -f -qqq -e signal=none -o /dev/null -e "trace=$name" -e "inject=$name:signal=KILL:when=$n" \
			"$CORACLE" pull -q "oci:$L:v1"
		tried=$((tried + 1))
		# 1: it was a layer's process.
		[ "$status" = 0 ] || died=$((died + 1))
		[ "$status" = 0 ] || [ "$status" = 137 ] || { [ "$status" = 1 ] && [[ "$output" == *"was killed by signal 9"* ]]; } ||
			{ echo "at $name $n: status $status, $output"; return 1; }
		output=$("$CORACLE" inspect layout:v1 | jq -r '.[0].digest')
		[ "$output" = "$old" ] || [ "$output" = "$new" ] || { echo "at $name $n: $output"; return 1; }
		whole "$L.after" || { echo "killed at $name $n"; return 1; }
		[ "$(pull -q "oci:$L:v1")" = "$new" ]
		whole "$L.after"
		[ -z "$(ls -A "$CORACLE_STORE/tmp")" ]
		[ "$(find "$CORACLE_STORE/layers/sha256" -maxdepth 1 | wc -l)" = 6 ]
	done < <(points 40 < "$L.calls"; sed -n 's/^\(syncfs\|renameat\):/\1 /p' "$L.calls")
	echo "$tried points, died at $died"
	[ "$died" -gt $((tried / 3)) ]
}

@test "pulls_removals_and_prunes_at_once_leave_whole_images" {
	local i pids=() pid
	image "$L" one
	image "$L.b" two
	pull -q "oci:$L:v1"
	pull -q "oci:$L.b:v1"
	cp -a "$CORACLE_STORE" "$L.reference"
	for ((i = 0; i < 10; i++)); do pull -q "oci:$L:v1" || exit; done > "$L.1" 2>&1 3>&- & pids+=($!)
	for ((i = 0; i < 10; i++)); do pull -q "oci:$L.b:v1" || exit; done > "$L.2" 2>&1 3>&- & pids+=($!)
	for ((i = 0; i < 10; i++)); do "$CORACLE" prune -a || exit; done > "$L.3" 2>&1 3>&- & pids+=($!)
	for ((i = 0; i < 10; i++)); do timeout -s KILL "0.0$((i + 1))" "$CORACLE" pull -q "oci:$L:v1"; done > "$L.4" 2>&1 3>&- &
	local killed=$!
	for pid in "${pids[@]}"; do
		wait "$pid" || { cat "$L".[123]; return 1; }
	done
	wait "$killed" || [ $? = 137 ]
	whole "$L.reference"
	pull -q "oci:$L:v1"
	pull -q "oci:$L.b:v1"
	whole "$L.reference"
	[ "$(find "$CORACLE_STORE/layers/sha256" -maxdepth 1 | wc -l)" = 6 ]
	[ -z "$(ls -A "$CORACLE_STORE/tmp")" ]
}

# interrupted_in_syncfs: a pull's wait for the disk takes longer than a test may, and somebody interrupts it.
interrupted_in_syncfs() {
	local tracer pid later
	strace -f -qqq -e signal=none -o "$L.trace" -e trace=syncfs -e "inject=syncfs:delay_enter=600000000" \
		"$CORACLE" pull -q "oci:$L:v1" > "$L.said" 2>&1 < /dev/null 3>&- & tracer=$!
	until grep -q syncfs "$L.trace" 2> /dev/null; do
		sleep 0.01
	done
	pid=$(pgrep -P "$tracer")
	later=$(pgrep -P "$pid") || :
	kill -TERM "$pid"
	await_end "$pid"
	# shellcheck disable=SC2086 # none, or some
	kill -9 "$tracer" $later 2> /dev/null || : # they may have gone
}

@test "an_interrupted_pull_does_not_wait_for_the_disk_and_what_is_in_the_store_is_whole" {
	image "$L" one
	pull -q "oci:$L:v1"
	cp -a "$CORACLE_STORE" "$L.reference"
	rm -r "$CORACLE_STORE"
	interrupted_in_syncfs # at the end
	[[ "$(< "$L.said")" == *interrupted* ]]
	assert_empty_store
	run -0 pull -q "oci:$L:v1" # no lock is left
	whole "$L.reference"
	[ -z "$(ls -A "$CORACLE_STORE/tmp")" ]
	# While layers come: there are many notes of one as large as this.
	L=$L.large
	noise "$L.1" 60
	layer "$L" "$L.1" none
	image_end "$L" v1 > /dev/null
	interrupted_in_syncfs
	[[ "$(< "$L.said")" == *interrupted* ]]
	[ -z "$(ls -A "$CORACLE_STORE/tmp")" ]
	run -0 pull -q "oci:$L:v1"
}

@test "a_pull_that_waits_for_anothers_turn_to_name_an_image_is_ended_by_a_signal" {
	local holder pid
	pull -q "oci:$(image "$L.a" one; echo "$L.a"):v1"
	image "$L" two
	mkfifo "$L.go"
	flock "$CORACLE_STORE/index.lock" cat "$L.go" 3>&- & holder=$!
	exec 9> "$L.go" # it has the lock
	strace -f -qqq -e signal=none -o "$L.trace" -e trace=flock "$CORACLE" pull -q "oci:$L:v1" > "$L.said" 2>&1 9>&- 3>&- & pid=$!
	until grep -q 'LOCK_EX <unfinished\|LOCK_EX$' "$L.trace" 2> /dev/null; do
		sleep 0.01
	done
	kill -TERM "$(pgrep -P "$pid")"
	await_end "$pid"
	[[ "$(< "$L.said")" == *interrupted ]]
	[ -z "$(ls -A "$CORACLE_STORE/tmp")" ]
	exec 9>&-
	wait "$holder"
	run -0 pull -q "oci:$L:v1"
}

@test "what_the_disk_loses_while_layers_come_is_not_forgotten" {
	noise "$L.1" 60
	layer "$L" "$L.1" none
	image_end "$L" v1 > /dev/null
	# Another who asks is told nothing any more: one answer is all that there is.
	run -1 strace -f -qqq -e signal=none -o "$L.trace" -e trace=syncfs -e inject=syncfs:error=EIO "$CORACLE" pull -q "oci:$L:v1"
	[[ "$output" == *"write the layers to disk: I/O error" ]]
	[ "$(grep -c syncfs "$L.trace")" = 1 ]
	assert_empty_store
	[ -z "$(ls -A "$CORACLE_STORE/tmp")" ]
}

# What the store has that is no file of its.
half_made() {
	(cd "$CORACLE_STORE" && ls -A tmp && find . -maxdepth 1 -name '.?*')
}

@test "what_a_killed_command_left_half_made_goes_with_the_next_that_changes_the_store" {
	local command
	image "$L" one
	run -0 pull -q "oci:$L:v1"
	run -0 "$CORACLE" save -o "$L.tar" layout:v1
	for command in "pull -q oci:$L:v1" "tag layout:v1 b" "rmi b" "load -q -i $L.tar" "volume create v" "volume rm v" \
		"bundle -q layout:v1 $L.bundle true" "rmi layout:v1" "pull -q oci:$L:v1" prune "cleanup --root $BATS_TEST_TMPDIR/state"; do
		mkdir -p "$CORACLE_STORE/tmp/dead/t0" "$CORACLE_STORE/tmp/alive"
		touch "$CORACLE_STORE/.index.json.1" "$CORACLE_STORE/.oci-layout.1"
		# shellcheck disable=SC2086 # words
		run -0 flock "$CORACLE_STORE/tmp/alive" "$CORACLE" $command
		[ "$(half_made)" = alive ] || { echo "after $command:"; half_made; return 1; }
	done
}

@test "a_signal_ends_who_names_an_image_when_nothing_is_left_half_made" {
	local step
	image "$L" one
	run -0 pull -q "oci:$L:v1"
	run -143 strace -f -qqq -e signal=none -o /dev/null -e trace=fsync -e "inject=fsync:signal=TERM:when=1" \
		"$CORACLE" tag layout:v1 other
	run -0 "$CORACLE" rmi other
	[ -z "$(half_made)" ]
	# From the layers' unpacking to the image's name.
	for step in openat2:1 renameat:1 renameat:2 renameat:5 renameat:8; do
		run "$CORACLE" rmi layout:v1
		run strace -qqq -e signal=none -o /dev/null -e "trace=${step%:*}" -e "inject=${step%:*}:signal=TERM:when=${step#*:}" \
			"$CORACLE" pull -q "oci:$L:v1"
		[ "$status" = 143 ] || [[ "$output" == *interrupted ]] || { echo "at $step: $status, $output"; return 1; }
		[ -z "$(half_made)" ] || { echo "at $step"; half_made; return 1; }
	done
	# Whose names have begun is all there.
	run -0 "$CORACLE" inspect layout:v1
}

# noise FILE MB - a tar archive of one file that does not pack.
noise() {
	mkdir "$1.d"
	head -c "${2}000000" /dev/urandom > "$1.d/noise"
	tar -C "$1.d" -cf "$1" noise
}

# A pull each of whose reads takes its time, with OPTIONS.
slow_pull() {
	strace -f -qqq -e signal=none -o /dev/null -e trace=read -e inject=read:delay_exit=30000 "$CORACLE" pull "$@" "oci:$L:v1"
}

@test "a_terminal_shows_rate_and_time_left_then_unpacking" {
	noise "$L.1" 3
	layer "$L" "$L.1"
	image_end "$L" v1 > "$L.out"
	export -f slow_pull
	export L CORACLE
	run env TERM=xterm SHELL="$BASH" script -qec slow_pull /dev/null < /dev/null
	echo "$output"
	[[ "$output" =~ "["=*">"\ *"] "[0-9.]+" MB of 3.0 MB, "[0-9.]+" "[kM]"B/s, "[0-9]+":"[0-9]{2}" left" ]]
	[[ "$output" == *" unpacking"* ]]
	[[ "$output" == *" done (3.0 MB)"* ]]
	run -0 env TERM=xterm SHELL="$BASH" script -qec slow_pull /dev/null < /dev/null
	[[ "$output" == *" already here (3.0 MB)"* ]]
}

@test "without_a_terminal_each_layer_has_a_line_and_with_json_an_object" {
	local digest
	noise "$L.1" 1
	layer "$L" "$L.1"
	image_end "$L" v1 > "$L.out"
	digest=$(jq -r '.layers[0].digest' "$L.manifest")
	run -0 --separate-stderr pull "oci:$L:v1"
	[[ "$stderr" == "layer 1 of 1, ${digest:7:12}, "*": done" ]]
	rm -r "$CORACLE_STORE"
	run -0 --separate-stderr slow_pull --json
	[ -z "$stderr" ]
	jq -se --arg d "$digest" --arg m "$(jq -r .digest "$L.out")" '[.[:-1][].state] as $s | $s[0] == "waiting" and $s[-1] == "done" and
		any(.[:-1][]; .state == "running" and .bytes > 0 and .bytes < .size) and
		all(.[:-1][]; .layer == $d) and .[-1].digest == $m' <<< "$output"
	rm -r "$CORACLE_STORE"
	run -0 --separate-stderr pull -q "oci:$L:v1"
	[ -z "$stderr" ]
	run -1 pull -q --json "oci:$L:v1"
	[[ "$output" == *"--json"* ]]
}

# packed TAR FILE TYPE - that file is the next layer, of which TAR is the content.
packed() {
	blob "$L" "$2" "$OCI.layer.v1.tar+$3" >> "$L.layers"
	hex_of "$1" >> "$L.diffs"
}

@test "layers_for_lazy_pulls_are_read_as_what_they_are" {
	local at
	tar_of "$L.1" <<-'END'
		f one 644 0:0 - first
		f two 644 0:0 - second
		f stargz.index.json 444 0:0 - {}
	END
	# eStargz: a gzip member an entry, and an empty one that says where the table is.
	for at in 1 3 5; do
		tail -c +$(((at - 1) * 512 + 1)) "$L.1" | if [ $at = 5 ]; then cat; else head -c 1024; fi | gzip -nc
	done > "$L.gz"
	printf '\x1f\x8b\x08\x04\0\0\0\0\0\xff\x1a\0SG\x16\0%016xSTARGZ\x01\0\0\xff\xff\0\0\0\0\0\0\0\0' \
		"$(stat -c %s "$L.gz")" >> "$L.gz"
	packed "$L.1" "$L.gz" gzip
	# zstd:chunked: a frame a file, and frames to be skipped with the table and where it is.
	tar_of "$L.2" <<-'END'
		f three 644 0:0 - third
		f four 644 0:0 - fourth
	END
	{
		head -c 1024 "$L.2" | zstd -qc
		tail -c +1025 "$L.2" | zstd -qc
		printf '\x50\x2a\x4d\x18\x04\0\0\0tabl\x50\x2a\x4d\x18\x08\0\0\0GNUlInUx'
	} > "$L.zst"
	packed "$L.2" "$L.zst" zstd
	image_end "$L" v1 > "$L.out"
	run -0 pull -q "oci:$L:v1"
	[ "$(cd "$CORACLE_STORE/layers/sha256" && cat ./*/one ./*/two ./*/three ./*/four)" = firstsecondthirdfourth ]
}
