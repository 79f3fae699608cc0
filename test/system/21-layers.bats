#!/usr/bin/env bats
# 21-layers.bats - layers as tools write them, and as no tool should.

load helper
load images

setup() {
	export CORACLE_STORE=$BATS_TEST_TMPDIR/store HOME=$BATS_TEST_TMPDIR
	export ASAN_OPTIONS=detect_leaks=0 # which cannot be done under strace
	L=$BATS_TEST_TMPDIR/layout
	T=$BATS_TEST_TMPDIR
}

teardown() {
	! mountpoint -q "$T/alone" || umount "$T/alone"
}

# pull_layer TAR [PACKING [OPTIONS...]] - the image of that one layer.
pull_layer() {
	local tar=$1 packing=${2:-gzip}
	shift $(($# < 2 ? $# : 2))
	layer "$L" "$tar" "$packing"
	image_end "$L" v1 > /dev/null
	run "$CORACLE" pull -q "$@" "oci:$L:v1"
}

# What a tree is, but for directories' times.
tree_listing() {
	(cd "$1" && find . -mindepth 1 \( -type d -printf '%P %y %m %U:%G\n' -o -printf '%P %y %m %U:%G %s %n %l %Ts\n' \) | LC_ALL=C sort
		find . -type f -exec sha256sum {} + | LC_ALL=C sort -k 2
		getcap -r .)
}

# A tree of all that a layer may have, but for what a format cannot say.
make_tree() {
	local deep
	deep=$(printf 'd%.0s' {1..120})
	mkdir -p "$1/$deep/$deep" "$1/sticky" "$1/old"
	echo text > "$1/$deep/$deep/file"
	ln -s "$deep/$deep/file" "$1/soft"
	ln "$1/$deep/$deep/file" "$1/hard"
	echo suid > "$1/suid"
	chown 7:8 "$1/suid"
	chmod 6755 "$1/suid"
	chmod 1777 "$1/sticky"
	mkfifo "$1/fifo"
	mknod "$1/null" c 1 3
	mknod "$1/block" b 7 300
	touch -d @12345 "$1/old/file"
	: > "$1/empty"
}

@test "what_tar_writes_in_each_of_its_formats_comes_out_as_it_went_in" {
	local format
	make_tree "$T/tree"
	for format in ustar gnu posix; do
		rm -rf "$CORACLE_STORE"
		if [ $format != ustar ]; then
			truncate -s 3M "$T/tree/sparse"
			echo end >> "$T/tree/sparse"
			printf 'mid' | dd of="$T/tree/sparse" bs=1 seek=1000000 conv=notrunc status=none
			chown 3000000:4000000 "$T/tree/empty"
			mkdir -p "$T/tree/$(printf 'n%.0s' {1..200})/$(printf 'm%.0s' {1..200})"
		fi
		[ $format != posix ] || setcap cap_net_raw+ep "$T/tree/suid"
		tar -C "$T/tree" --format=$format --sparse --xattrs --xattrs-include='*' -cf "$T/tar" . 2> /dev/null
		pull_layer "$T/tar"
		[ "$status" = 0 ] || { echo "$format: $output"; return 1; }
		diff <(tree_listing "$T/tree") <(tree_listing "$(tree_of layout:v1)")
	done
	[ "$(stat -c %b "$(tree_of layout:v1)/sparse")" -lt 200 ] # holes stay
}

@test "one_job_and_many_write_the_same_trees" {
	local i
	for i in {1..9}; do
		tar_of "$T/tar" <<< "f file 644 0:0 - text-$i"
		layer "$L" "$T/tar"
	done
	image_end "$L" v1 > /dev/null
	run -0 "$CORACLE" pull -q --jobs 1 "oci:$L:v1"
	mv "$CORACLE_STORE" "$T/one"
	run -0 "$CORACLE" pull -q --jobs 99 "oci:$L:v1"
	diff -r "$T/one/layers" "$CORACLE_STORE/layers"
	[ "$(ls "$CORACLE_STORE/layers/sha256" | wc -l)" = 9 ]
	run -1 "$CORACLE" pull -q --jobs -1 "oci:$L:v1"
}

@test "no_more_layers_are_unpacked_at_a_time_than_there_are_jobs" {
	local i
	for i in {1..4}; do
		tar_of "$T/tar" <<< "f file 644 0:0 - text-$i"
		layer "$L" "$T/tar"
	done
	image_end "$L" v1 > /dev/null
	# Each process that unpacks is confined before it reads: never is a second begun before the first has ended.
	run -0 strace -q -f -o "$T/trace" -e trace=prctl "$CORACLE" pull -q --jobs 1 "oci:$L:v1"
	[ "$(grep -c PR_SET_SECCOMP "$T/trace")" = 4 ]
	[ "$(grep -oE 'PR_SET_SECCOMP|\+\+\+ [ek]' "$T/trace" | uniq -d | wc -l)" -le 1 ] # the last two ends
}

@test "the_process_that_reads_a_layer_is_confined" {
	tar_of "$T/tar" <<< "f file 644 0:0 - text"
	layer "$L" "$T/tar"
	image_end "$L" v1 > /dev/null
	run -0 strace -qq -ff -o "$T/trace" -e trace=prctl,landlock_restrict_self,read "$CORACLE" pull -q "oci:$L:v1"
	# It has read nothing of the layer before.
	sed '/"\\37\\213/,$d' "$(grep -lF '"\37\213' "$T"/trace.*)" > "$T/before"
	grep -q 'PR_SET_SECCOMP.*= 0$' "$T/before"
	grep -q 'landlock_restrict_self.*= 0$' "$T/before"
}

@test "the_process_that_reads_a_layer_writes_below_its_own_tree_alone" {
	local i
	for i in 0 1; do
		tar_of "$T/tar" <<< "f file 644 0:0 - text-$i"
		layer "$L" "$T/tar"
	done
	image_end "$L" v1 > /dev/null
	run -0 strace -qq -f -y -o "$T/trace" -e trace=landlock_add_rule "$CORACLE" pull -q "oci:$L:v1"
	grep MAKE_REG "$T/trace" | sed 's|.*parent_fd=[0-9]*<[^>]*/\([^/>]*\)>.*|\1|' | sort > "$T/rules"
	[ "$(xargs < "$T/rules")" = 't0 t1' ]
}

# What nobody may mount elsewhere, and who may mount but not change his root: Landlock alone confines.
@test "where_no_name_can_be_cut_off_a_layer_is_unpacked_all_the_same" {
	local jobs
	tar_of "$T/tar" <<< "f file 644 0:0 - text"
	layer "$L" "$T/tar"
	image_end "$L" v1 > /dev/null
	mkdir "$T/alone"
	mount -t tmpfs tmpfs "$T/alone"
	mount --make-unbindable "$T/alone"
	cp -r "$L" "$T/alone/layout"
	for jobs in 1 3; do
		run -0 "$CORACLE" pull -q --store "$T/alone/store-$jobs" --jobs $jobs "oci:$L:v1"
		run -0 "$CORACLE" pull -q --store "$T/store-$jobs" --jobs $jobs "oci:$T/alone/layout:v1"
		run -0 setpriv --bounding-set=-sys_chroot --inh-caps=-sys_chroot \
			"$CORACLE" pull -q --store "$T/other-$jobs" --jobs $jobs "oci:$L:v1"
		diff -r "$T/alone/store-$jobs/layers" "$T/store-$jobs/layers"
		diff -r "$T/store-$jobs/layers" "$T/other-$jobs/layers"
	done
}

@test "a_layer_that_is_alone_has_two_processes_where_there_are_processors_for_them" {
	local two=2 giver writer
	[ "$(nproc)" -ge 2 ] || two=1
	tar_of "$T/tar" <<< "f file 644 0:0 - text"
	layer "$L" "$T/tar"
	image_end "$L" v1 > /dev/null
	run -0 strace -q -ff -o "$T/each" -e trace=prctl,read,landlock_add_rule "$CORACLE" pull -q "oci:$L:v1"
	[ "$(cat "$T"/each.* | grep -c PR_SET_SECCOMP)" = "$two" ]
	mv "$CORACLE_STORE" "$T/two"
	# Each is confined before it sees a byte: who reads the layer, and who alone may make files.
	giver=$(grep -lF '"\37\213' "$T"/each.*)
	writer=$(grep -l MAKE_REG "$T"/each.*)
	[[ "$giver" != *$'\n'* && "$writer" != *$'\n'* ]]
	[ "$two" = 1 ] || [ "$giver" != "$writer" ]
	sed '/"\\37\\213/,$d' "$giver" | grep -q 'PR_SET_SECCOMP.*= 0$'
	run -0 strace -q -f -o "$T/trace" -e trace=prctl "$CORACLE" pull -q --jobs 1 "oci:$L:v1"
	[ "$(grep -c PR_SET_SECCOMP "$T/trace")" = 1 ]
	diff -r "$T/two/layers" "$CORACLE_STORE/layers"
	rm -r "$CORACLE_STORE"
	run -0 taskset -c "$(taskset -cp $$ | grep -o '[0-9]*$')" strace -q -f -o "$T/trace" -e trace=prctl "$CORACLE" pull -q "oci:$L:v1"
	[ "$(grep -c PR_SET_SECCOMP "$T/trace")" = 1 ]
	diff -r "$T/two/layers" "$CORACLE_STORE/layers"
}

@test "that_who_unpacks_a_layer_was_killed_is_said_and_nothing_is_left" {
	local blob
	tar_of "$T/tar" <<< "f file 644 0:0 - text"
	layer "$L" "$T/tar"
	image_end "$L" v1 > /dev/null
	blob=$(jq -r '.layers[0].digest' "$L.manifest")
	# It sees the layout alone, so for it that is where names begin.
	run -1 strace -qqq -f -o "$T/trace" -P "/blobs/sha256/${blob#*:}" -e trace=read -e inject=read:signal=KILL \
		"$CORACLE" pull -q "oci:$L:v1"
	[ "$output" = "coracle: the process that unpacked layer $blob was killed by signal 9" ]
	assert_empty_store
}

@test "of_bytes_that_are_no_layer_the_digest_comes_first" {
	local blob
	head -c 1000000 /dev/urandom > "$T/tar"
	layer "$L" "$T/tar" none
	image_end "$L" v1 > /dev/null
	blob=$(jq -r '.layers[0].digest' "$L.manifest")
	run -1 "$CORACLE" pull -q "oci:$L:v1"
	[[ "$output" == "coracle: layer $blob: not a valid tar archive: "* ]]
	assert_empty_store
	head -c 1000000 /dev/urandom > "$L/blobs/sha256/${blob#*:}"
	run -1 "$CORACLE" pull -q "oci:$L:v1"
	[[ "$output" == "coracle: layer $blob is not what it should be: "* ]]
	assert_empty_store
}

@test "every_limit_is_an_option_with_one_clear_error" {
	local option
	tar_of "$T/tar" <<- 'END'
		f aaaaaaaaaa 644 0:0 - 0123456789
		f b 644 0:0 - 0123456789
	END
	layer "$L" "$T/tar"
	image_end "$L" v1 > /dev/null
	for option in max-manifest=100 max-config=10 max-size=19 max-entries=1 max-name=9; do
		run -1 "$CORACLE" pull -q "--$option" "oci:$L:v1"
		[ "${#lines[@]}" = 1 ]
		[[ "$output" == "coracle: "*"--${option%=*}"* ]] || { echo "$output"; return 1; }
		assert_empty_store
	done
	run -1 "$CORACLE" pull -q --max-manifest 5m "oci:$L:v1"
	[[ "$output" == *"--max-manifest and --max-config are 1 to 4194304 bytes" ]]
	run -0 "$CORACLE" pull -q --max-manifest 1k --max-config 1k --max-size 20 --max-entries 2 --max-name 10 "oci:$L:v1"
}

# windowed LONG - v1 is of one layer, packed as real encoders pack a stream: so far it looks back, whatever comes.
windowed() {
	zstd -qc --ultra "--long=$1" < "$T/tar" > "$T/packed"
	blob "$L" "$T/packed" "$OCI.layer.v1.tar+zstd" > "$L.layers"
	hex_of "$T/tar" > "$L.diffs"
	image_end "$L" v1 > /dev/null
}

@test "what_zstd_packs_with_a_long_window_is_taken_up_to_a_limit" {
	local size
	tar_of "$T/tar" <<< "f file 644 0:0 - text"
	windowed 28
	run -1 "$CORACLE" pull -q "oci:$L:v1"
	[ "${#lines[@]}" = 1 ]
	[[ "$output" == *"its zstd window has more than the 134217728 bytes of --max-window" ]]
	assert_empty_store
	run -0 "$CORACLE" pull -q --max-window 256m "oci:$L:v1"
	rm -rf "$CORACLE_STORE"
	windowed 27
	run -0 "$CORACLE" pull -q "oci:$L:v1"
	windowed 23
	rm -rf "$CORACLE_STORE"
	run -1 "$CORACLE" pull -q --max-window 8191k "oci:$L:v1"
	[[ "$output" == *"more than the 8387584 bytes of --max-window" ]]
	for size in 1023 3g; do
		run -1 "$CORACLE" pull -q --max-window $size "oci:$L:v1"
		[[ "$output" == *"--max-window is 1024 to 2147483648 bytes" ]]
	done
	run -0 "$CORACLE" pull -q --max-window 8m "oci:$L:v1"
}

@test "a_whole_archive_is_unpacked_within_that_limit_too" {
	tar_of "$T/tar" <<< "f file 644 0:0 - text"
	layer "$L" "$T/tar"
	image_end "$L" v1 > /dev/null
	tar -C "$L" -c . | zstd -qc --long=26 > "$T/archive"
	run -1 "$CORACLE" pull -q --max-window 32m "oci-archive:$T/archive:v1"
	[[ "$output" == *"more than the 33554432 bytes of --max-window" ]]
	run -0 "$CORACLE" pull -q "oci-archive:$T/archive:v1"
}

@test "the_size_and_entries_of_all_layers_together_are_limited" {
	local i
	for i in 1 2 3; do
		tar_of "$T/tar" <<< "f file$i 644 0:0 - 0123456789"
		layer "$L" "$T/tar"
	done
	image_end "$L" v1 > /dev/null
	run -1 "$CORACLE" pull -q --max-size 29 "oci:$L:v1"
	run -1 "$CORACLE" pull -q --max-entries 2 "oci:$L:v1"
	assert_empty_store
	run -0 "$CORACLE" pull -q --max-size 30 --max-entries 3 "oci:$L:v1"
}

@test "a_bomb_is_stopped_while_it_is_small" {
	local command
	truncate -s 1G "$T/zeros"
	tar -C "$T" -cf - zeros | zstd -qc > "$T/bomb"
	blob "$L" "$T/bomb" "$OCI.layer.v1.tar+zstd" > "$L.layers"
	printf '%064d\n' 0 > "$L.diffs"
	image_end "$L" v1 > /dev/null
	run -1 "$CORACLE" pull -q "oci:$L:v1"
	[ "${#lines[@]}" = 1 ]
	[[ "$output" == *"it unpacks to more than the 1100 times of --max-ratio" ]]
	assert_empty_store
	for command in "pull -q oci-archive:$T/bomb" "load -i $T/bomb"; do
		# shellcheck disable=SC2086 # words
		run -1 "$CORACLE" $command
		[[ "$output" == *"$T/bomb: it unpacks to more than the 1100 times of --max-ratio" ]]
		assert_empty_store
	done
}

@test "a_size_that_lies_is_refused_either_way" {
	local by
	for by in -1 1; do
		tar_of "$T/tar" <<< "f file 644 0:0 - text"
		layer "$L" "$T/tar"
		jq -c ".size += $by" "$L.layers" > "$L.new" && mv "$L.new" "$L.layers"
		image_end "$L" v1 > /dev/null
		run -1 "$CORACLE" pull -q "oci:$L:v1"
		[ "${#lines[@]}" = 1 ]
		[[ "$output" == *"is truncated"* || "$output" == *"is longer than the"* ]]
		assert_empty_store
	done
}

@test "layers_that_are_packed_to_more_than_they_may_be_unpacked_are_not_fetched" {
	local i
	for i in 1 2; do
		tar_of "$T/tar" <<< "f file 644 0:0 - $i"
		layer "$L" "$T/tar"
	done
	jq -c ".size = 200000000000" "$L.layers" > "$L.new" && mv "$L.new" "$L.layers"
	image_end "$L" v1 > /dev/null
	run -1 strace -qqq -f -e signal=none -e trace=fork,clone,clone3 -o "$T/trace" "$CORACLE" pull -q "oci:$L:v1"
	[ "$output" = "coracle: layout:v1: its layers have more than the 274877906944 bytes of --max-size already packed" ]
	[ ! -s "$T/trace" ]
	assert_empty_store
}

@test "names_without_end_are_refused" {
	local long
	long=$(printf 'x%.0s' {1..5000})
	tar_of "$T/tar" <<- END
		x path=$long
		f short 644 0:0 - text
	END
	pull_layer "$T/tar"
	[ "$status" = 1 ]
	[[ "$output" == *"has a name of 5000 bytes, more than the 4095 of --max-name" ]]
	tar_of "$T/tar" <<- END
		x path=${long:0:300}
		f short 644 0:0 - text
	END
	pull_layer "$T/tar"
	[ "$status" = 1 ]
	[ "${#lines[@]}" = 1 ]
	assert_empty_store
}

# holes_of N - the tar of a file of N holes: where they are is all that it has.
holes_of() {
	{
		echo x GNU.sparse.{major=1,minor=0,realsize=10}
		echo "f big 644 0:0 - $1%0A$(yes 0%0A0%0A | head -n "$1" | tr -d '\n')$(printf '%%00%.0s' {1..512})"
	} | tar_of "$T/tar"
}

@test "what_is_said_of_a_file_before_its_content_is_bounded" {
	local says="more than 8388608 bytes about one entry"
	holes_of 1000
	pull_layer "$T/tar"
	[ "$status" = 0 ]
	[ "$(stat -c %s "$(tree_of layout:v1)/big")" = 10 ]
	rm -rf "$CORACLE_STORE" "$L"
	holes_of 3000000
	pull_layer "$T/tar"
	[ "$status" = 1 ]
	[ "${#lines[@]}" = 1 ]
	[[ "$output" == *"$says" ]]
	assert_empty_store
	run -1 "$CORACLE" pull -q "docker-archive:$T/tar"
	[ "${#lines[@]}" = 1 ]
	[[ "$output" == *"$says" ]]
	assert_empty_store
}

@test "of_entries_of_one_name_the_last_counts" {
	tar_of "$T/tar" <<- 'END'
		f a 644 0:0 - first
		d b 755
		f b/below 644 0:0 - x
		l c - - a
		f a 600 1:2 - second
		f b 644 0:0 - file
		f c 644 0:0 - file
	END
	pull_layer "$T/tar"
	[ "$status" = 0 ]
	cd "$(tree_of layout:v1)"
	[ "$(cat a) $(stat -c '%a %u:%g' a)" = "second 600 1:2" ]
	[ "$(cat b) $(cat c)" = "file file" ]
	[ ! -L c ]
}

@test "directories_of_any_depth_and_number_are_replaced_and_removed_in_time" {
	local deep
	deep=$(printf 'd/%.0s' {1..64})
	printf 'x path=%s\nf long 644 0:0 - x\n' "$deep"{1..500}/file | tar_of "$T/tar"
	pull_layer "$T/tar"
	[ "$status" = 0 ]
	run -0 strace -f -qqq -e signal=none -o "$T/trace" "$CORACLE" rmi layout:v1
	[ "$(wc -l < "$T/trace")" -lt 10000 ]
	assert_empty_store
	# The process that reads a layer must be allowed what that takes.
	tar_of "$T/tar" <<- END
		x path=${deep}d/d/file
		f long 644 0:0 - x
		f d 644 0:0 - file
	END
	pull_layer "$T/tar"
	[ "$status" = 0 ]
	[ "$(cat "$(tree_of layout:v1)/d")" = file ]
}

@test "a_tree_that_is_deeper_than_a_process_may_have_files_open_is_copied" {
	local deep
	deep=$(printf 'd/%.0s' {1..1500})
	printf 'x path=%s\nf long 644 0:0 - deep\n' "${deep}file" | tar_of "$T/tar"
	layer "$L" "$T/tar"
	image_end "$L" v1 > /dev/null
	ulimit -Sn 256
	run -0 "$CORACLE" pull -q "oci:$L:v1"
	run -0 strace -qqq -e signal=none -o /dev/null -e inject=fsopen:error=EPERM "$CORACLE" bundle layout:v1 "$T/bundle" true
	[ "$(find "$T/bundle/rootfs" -name file -printf '%d\n')" = 1501 ]
	run -0 "$CORACLE" rmi layout:v1
	assert_empty_store
}

@test "names_that_begin_at_the_root_are_of_the_layer" {
	tar_of "$T/tar" <<- 'END'
		f /etc/name 644 0:0 - here
		f //etc/./other 644 0:0 - here
		h /etc/link - - /etc/name
	END
	pull_layer "$T/tar"
	[ "$status" = 0 ]
	cd "$(tree_of layout:v1)"
	[ "$(cat etc/name etc/other etc/link)" = hereherehere ]
}

@test "owners_that_no_kernel_has_are_refused" {
	tar_of "$T/tar" <<- 'END'
		x uid=4294967296
		f file 644 0:0 - would-be-root
	END
	pull_layer "$T/tar"
	[ "$status" = 1 ]
	[[ "$output" == *"the owner of file is out of range" ]]
	tar_of "$T/tar" <<- 'END'
		x uid=4294967295
		f file 644 0:0 - unchanged
	END
	pull_layer "$T/tar"
	[ "$status" = 1 ]
	assert_empty_store
}

# Outside is what none of these may touch. Each is how one of the known holes was used.
@test "the_holes_of_others_are_none_here" {
	local outside=$T/outside case
	declare -A cases
	mkdir "$outside"
	echo untouched > "$outside/file"
	chmod 600 "$outside/file"
	# CVE-2014-6407, CVE-2014-9356: a link that leads out, and a file through it.
	cases[symlink]="l out - - $outside%f out/file 777 0:0 - evil"
	# CVE-2014-6408's sibling: a hard link to what a link leads to, written to.
	cases[hardlink]="l out - - $outside/file%h in - - out%f in 777 0:0 - evil"
	# CVE-2021-32760: a mode for what a link of the same name leads to.
	cases[chmod]="l out - - $outside/file%h out2 - - out%f out2 4777 0:0 - evil%d out 777"
	# CVE-2025-47290: a directory that becomes a link between two entries.
	cases[swap]="d dir 755%f dir/a 644 0:0 - x%l dir - - $outside%f dir/file 777 0:0 - evil"
	# CVE-2016-5418: a hard link with content.
	cases[content]="l out - - $outside/file%h out/x - - out%f out 777 0:0 - evil"
	# A whiteout, and an opaque mark, through a link; above the root.
	cases[whiteout]="l out - - $outside%f out/.wh.file 644"
	cases[opaque]="l out - - $outside%f out/.wh..wh..opq 644"
	cases[climb]="f a/../../../../../../../../../..$outside/.wh.file 644"
	cases[dotdot]="f .wh... 644"
	for case in "${!cases[@]}"; do
		tr % '\n' <<< "${cases[$case]}" | tar_of "$T/tar"
		rm -rf "$CORACLE_STORE"
		pull_layer "$T/tar"
		echo "$case: $status $output"
		[ "$status" = 0 ] || { [ "${#lines[@]}" = 1 ] && assert_empty_store; }
		[ "$(ls -A "$outside")" = file ]
		[ "$(cat "$outside/file"; stat -c '%a %h' "$outside/file")" = "untouched
600 1" ]
	done
}

# pull_on_disk SIZE - the layout's image into a store on a file system of that size, which goes with the process.
# shellcheck disable=SC2016 # for the inner shell
pull_on_disk() {
	mkdir -p "$CORACLE_STORE"
	run unshare -m sh -c 'mount -t tmpfs -o size="$1" none "$CORACLE_STORE" && "$3" pull -q "oci:$2:v1"; status=$?
		[ -z "$(find "$CORACLE_STORE/blobs" "$CORACLE_STORE/layers" "$CORACLE_STORE/tmp" -mindepth 2)" ] || echo left; exit $status' \
		sh "$1" "$L" "$CORACLE"
}

@test "a_disk_that_is_full_is_said_with_what_is_missing" {
	# What is packed alone is more than there is.
	head -c 2M /dev/urandom > "$T/random"
	tar -C "$T" -cf "$T/tar" random
	layer "$L" "$T/tar"
	image_end "$L" v1 > /dev/null
	pull_on_disk 3m
	[ "$status" = 1 ]
	[[ "$output" =~ ^coracle:\ .*it\ needs\ 4\.[0-9]\ MB\ of\ room\ or\ more,\ and\ the\ store\ has\ 3\.[0-9]\ MB:\ 1\.[0-9]\ MB\ are\ missing$ ]] ||
		{ echo "$output"; return 1; }
	pull_on_disk 8m
	[ "$status" = 0 ]
	# It unpacks to more than the eye can see.
	head -c 8M /dev/urandom | od -An -tx1 -v | tr -d ' \n' | head -c 6M > "$T/random"
	tar -C "$T" -cf "$T/tar" random
	layer "$L" "$T/tar"
	image_end "$L" v1 > /dev/null
	pull_on_disk 8m
	[ "$status" = 1 ]
	[[ "$output" =~ ^coracle:\ .*No\ space\ left\ on\ device\;\ about\ [0-9.]+\ .*B\ more\ are\ needed$ ]] ||
		{ echo "$output"; return 1; }
	pull_on_disk 16m
	[ "$status" = 0 ]
	# Of its own room it says nothing.
	pull_on_disk 0
	[ "$status" = 0 ] || { echo "$output"; return 1; }
}
