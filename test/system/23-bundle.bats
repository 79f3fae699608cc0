#!/usr/bin/env bats
# 23-bundle.bats - what images and options become: config.json for any runtime, also a user's; configurations that are hostile.

# shellcheck disable=SC2016 # what containers' shells expand

load rootless

setup() {
	rootless_setup
	L=$HOMEDIR/layout
	RUN=$BATS_TEST_TMPDIR/state
}

teardown() {
	rootless_teardown
}

# with RUNTIME ARGS... - one of the three, as root.
with() {
	local runtime=$1
	shift
	case $runtime in
	coracle) "$CORACLE" runtime --root "$RUN" "$@" ;;
	crun) "$BATS_TEST_DIRNAME/../bench/hybrid" --v1 crun --root "$RUN" "$@" ;;
	runc) runc --root "$RUN" "$@" ;;
	esac
}

# ... and as the user.
user_with() {
	local runtime=$1
	shift
	case $runtime in
	coracle) as "$CORACLE" runtime --root "$XDG/state" "$@" ;;
	crun) "$BATS_TEST_DIRNAME/../bench/hybrid" --v1 bash -c "$(declare -f as; declare -p XDG HOMEDIR USER_ID BATS_TEST_TMPDIR)
		"'as crun --root "$XDG/crun" "$@"' crun "$@" ;;
	runc) as runc --root "$XDG/runc" "$@" ;;
	esac
}

# of BUNDLE FILTER - of its config.json.
of() {
	jq -c "$2" "$1/config.json"
}

@test "the_same_options_do_the_same_in_every_runtime" {
	base '{"Env": ["A=image"], "User": "worker"}' < /dev/null
	mkdir "$BATS_TEST_TMPDIR/shared"
	echo there > "$BATS_TEST_TMPDIR/shared/file"
	echo '{"cdiVersion": "0.5.0", "kind": "v.com/x", "devices": [{"name": "a", "containerEdits": {"env": ["CDI=1"],
		"deviceNodes": [{"path": "/dev/cdi", "hostPath": "/dev/zero"}], "additionalGids": [99]}}]}' > "$BATS_TEST_TMPDIR/x.json"
	run -0 "$CORACLE" bundle --init -m 64m --cpus 0.5 -c 512 --pids-limit 30 --ulimit nofile=90:100 --umask 0027 --oom-score-adj 5 \
		--sysctl net.core.somaxconn=99 --shm-size 2m --group-add extra --device /dev/fuse:/dev/f:rw --cdi-spec-dir "$BATS_TEST_TMPDIR" \
		--device v.com/x=a --cap-drop ALL --cap-add NET_RAW --security-opt no-new-privileges --security-opt mask=/proc/version \
		--tmpfs /scratch:size=1m --read-only -v "$BATS_TEST_TMPDIR/shared:/shared:ro" --mount type=bind,src=/etc/hostname,dst=/name \
		-e B=2 -w /tmp -h boxed -l owner=me --annotation a.b=c --stop-signal INT app:v1 "$L.b" sh -c '
		id; echo $A $B $CDI; pwd; hostname; umask; ulimit -Sn; ulimit -Hn; cat /proc/self/oom_score_adj /proc/sys/net/core/somaxconn
		stat -c "%n %t:%T %u:%g" /dev/f /dev/cdi; grep -E "Cap(Eff|Bnd|Amb)|NoNewPrivs|Seccomp:" /proc/self/status; wc -c < /proc/version
		grep -E " /(scratch|shared|name|dev/shm) " /proc/mounts | cut -d " " -f 2-4 | sort; cat /shared/file; cat /proc/1/comm
		first() { for f; do [ ! -e /sys/fs/cgroup/$f ] || { cat /sys/fs/cgroup/$f; return; }; done; }
		first memory/memory.limit_in_bytes memory.max; first pids/pids.max pids.max; { echo > /x; } 2> /dev/null || echo read-only; exit 5'
	local runtime
	for runtime in runc coracle crun; do
		run -5 with "$runtime" run -b "$L.b" "bundle$$"
		printf '%s\n' "${lines[@]}" | sed '/^\/scratch /s/,mode=755$//' > "$L.$runtime" # which runc shows since 1.4
	done
	diff "$L.runc" "$L.coracle"
	diff "$L.runc" "$L.crun"
	grep -qx 'uid=1000(worker) gid=1000(worker) groups=99,1000(worker),2000(extra)' "$L.runc"
	grep -qx 'image 2 1' "$L.runc"
	grep -qx '/dev/cdi 1:5 1000:1000' "$L.runc"
	grep -qx 67108864 "$L.runc"
	[ "$(of "$L.b" '.annotations | [.owner, .["a.b"], .["org.opencontainers.image.stopSignal"]]')" = '["me","c","INT"]' ]
}

@test "a_users_bundle_runs_rootless_in_every_runtime" {
	base '{"User": "worker"}' <<< 'f owned 640 7:8 - x'
	local runtime
	mkdir "$HOMEDIR/cdi"
	echo '{"cdiVersion": "0.5.0", "kind": "v.com/x", "devices": [{"name": "a", "containerEdits": {"env": ["CDI=1"],
		"deviceNodes": [{"path": "/dev/cdi", "hostPath": "/dev/zero"}]}}]}' > "$HOMEDIR/cdi/x.json"
	run -0 as "$CORACLE" bundle -q --init --tmpfs /scratch -u worker:worker --device /dev/fuse --cdi-spec-dir "$HOMEDIR/cdi" --device v.com/x=a \
		"oci:$L:v1" "$HOMEDIR/his" sh -c '[ "$CDI" = 1 ] && head -c 1 /dev/cdi && [ -c /dev/fuse ] || exit 9; id; stat -c %u:%g /owned; cat /proc/self/uid_map; cat /proc/1/comm; exit 6'
	[ "$(stat -c %u:%g "$HOMEDIR/his/rootfs/owned")" = $((SUB_ID + 6)):$((SUB_ID + 7)) ]
	[ "$(stat -c %u "$HOMEDIR/his/config.json")" = "$USER_ID" ]
	for runtime in coracle runc crun; do
		run user_with "$runtime" run -b "$HOMEDIR/his" "$ID"
		[ "$status" = 6 ] || { echo "$runtime: $output"; return 1; }
		[[ "${lines[0]}" == *"uid=1000(worker) gid=1000(worker)"* ]] # of more groups runc would make an error
		[ "${lines[1]}" = 7:8 ]
		[ "$(tr -s ' ' <<< "${lines[3]}")" = " 1 $SUB_ID 65536" ]
		[ "${lines[4]}" = coracle-init ]
	done
}

@test "a_users_bundle_without_subordinate_ids_is_his_alone" {
	base '{}' <<- 'END'
		f owned 640 7:8 - x
		f etc/group 644 0:0 - root:x:0:%0aextra:x:2000:root%0a
	END
	: > "$BATS_TEST_TMPDIR/etc/subuid"
	local runtime
	# He may not set the groups that the image has for root.
	run -0 as "$CORACLE" run -q --rm "oci:$L:v1" id -G
	[ "$output" = 0 ]
	run -0 as "$CORACLE" bundle -q -v "$HOMEDIR:/home" --network host "oci:$L:v1" "$HOMEDIR/his" sh -c 'id -u; stat -c %u:%g /owned; cat /proc/self/uid_map; test -e /home/his && exit 6'
	[ -z "$(find "$HOMEDIR/his" ! -user "$USER_ID")" ]
	for runtime in coracle runc crun; do
		run user_with "$runtime" run -b "$HOMEDIR/his" "$ID"
		[ "$status" = 6 ] || { echo "$runtime: $output"; return 1; }
		[ "${lines[0]} ${lines[1]}" = "0 0:0" ]
		[ "$(tr -s ' ' <<< "${lines[2]}")" = " 0 $USER_ID 1" ]
	done
	run -0 as rm -r "$HOMEDIR/his"
}

@test "volumes_of_an_image_are_its_own_layers_and_copies_where_that_is_read_only" {
	base '{"Volumes": {"/data": {}, "/made/here": {}, "relative": {}, "/proc": {}, "/sys/fs": {}, "/": {}, "/../..": {}, "/dev/x": {}, "/a:suid,dev": {}, "//sys": {}, "/.//./proc/x": {}, "/./dev": {}, "/toproc": {}, "/to/below": {}, "/toroot": {}, "/twice": {}}, "User": "worker"}' <<- 'END'
		d data 777 1000:1000
		l toproc - - /proc
		l to - - ../../sys
		l toroot - - .
		l twice - - data/../toproc
		f data/kept 640 1000:1000 - old
	END
	run -0 c run --rm app:v1 sh -c 'cat /data/kept; echo new > /data/kept; cat /data/kept; ls -d /made/here; ls /proc/self/status'
	[ "$output" = $'oldnew\n/made/here\n/proc/self/status' ]
	run -0 c run --rm --read-only app:v1 sh -c 'cat /data/kept; echo new > /data/kept; cat /data/kept; stat -c %u:%a /data; { echo > /x; } 2> /dev/null || echo no; ls /proc/self/status; grep -c "a:suid.*nosuid,nodev" /proc/mounts'
	[ "$output" = $'oldnew\n1000:777\nno\n/proc/self/status\n1' ]
	run -0 "$CORACLE" bundle --read-only app:v1 "$L.b" sh -c 'cat /data/kept; echo new > /data/kept; cat /data/kept'
	local runtime
	for runtime in runc coracle crun; do
		run -0 with "$runtime" run -b "$L.b" "bundle$$"
		[ "$output" = oldnew ]
	done
	[ "$(cat "$L.b/rootfs/data/kept")" = old ]
}

@test "cve_2022_23648_a_volume_of_an_image_is_not_filled_from_the_host" {
	local options secret=$BATS_TEST_TMPDIR/secrets dots=../../../../../../../../../../..
	mkdir -p "$secret/deeper"
	echo of-the-host | tee "$secret/deeper/key" > "$secret/key"
	base "{\"Volumes\": {\"/leak\": {}, \"/way/out\": {}, \"/bin/$dots$secret\": {}}}" <<- END
		l leak 777 0:0 $secret
		l way 777 0:0 $dots$secret
	END
	for options in "" --read-only; do # shellcheck disable=SC2086
		run c run --rm $options app:v1 sh -c 'cat /leak/* /way/* /way/out/* "$0"/*; find / -name key -xdev' "$secret"
		[[ "$output" != *of-the-host* && "$output" != *secrets/key* ]] || { echo "$output"; return 1; }
		rm -rf "$L.b"
		run "$CORACLE" bundle -q $options app:v1 "$L.b" true
		[ ! -e "$L.b" ] || run -1 grep -rq of-the-host "$L.b"
	done
	[ "$(cat "$secret/key" "$secret/deeper/key")" = $'of-the-host\nof-the-host' ]
}

@test "cve_2026_53488_and_53492_labels_that_order_a_runtime_about_are_left_out" {
	local labels key
	labels=$(for key in org.coracle.stdio coracle.store run.oci.handler run.oci.hooks.stdout io.podman.annotations.seccomp \
		org.criu.config org.criu.checkpoint.container.name io.kubernetes.cri.container-type cdi.k8s.io/x \
		containerd.io/restart.loguri containerd.io/restart.status io.cri-containerd.kind org.systemd.property.MemoryMax module.wasm.image/variant \
		krun.variant dev.gvisor.spec.mount.x.source io.container.manager org.opencontainers.runc.x a.good.one ''; do printf '%s\n' "$key"; done | jq -Rn '[inputs | {(.): "x"}] | add')
	base "{\"Labels\": $labels}" < /dev/null
	run -0 "$CORACLE" bundle app:v1 "$L.b" true
	[ "$(of "$L.b" '.annotations | keys - ["org.opencontainers.image.architecture", "org.opencontainers.image.os"]')" = '["a.good.one"]' ]
	run -0 "$CORACLE" bundle --label a.good.one=1 --annotation a.good.one=mine app:v1 "$L.mine" true
	[ "$(grep -c '"a.good.one"' "$L.mine/config.json")" = 1 ]
	[ "$(of "$L.mine" '.annotations["a.good.one"]')" = '"mine"' ]
	run -0 c run -d --name "$ID" app:v1 true
	c wait "$ID"
	[ "$(field "$ID" annotations)" = null ]
	c rm "$ID"
}

@test "cve_2026_53492_devices_are_those_of_the_command_line_whatever_an_image_asks_for" {
	local words='"cdi.k8s.io/evil": "vendor.test/class=all"'
	mkdir "$L.cdi"
	echo '{"cdiVersion": "0.6.0", "kind": "vendor.test/class", "devices": [{"name": "all", "containerEdits": {
		"deviceNodes": [{"path": "/dev/evil", "hostPath": "/dev/null"}], "mounts": [{"hostPath": "/etc", "containerPath": "/host"}]}}]}' > "$L.cdi/v.json"
	base "{\"Labels\": {$words}}" <<< "f spec.dump 644 0:0 - {\"annotations\":{$words}}"
	jq -c ".annotations = {$words}" "$L.manifest" > "$L.checkpoint"
	blob "$L" "$L.checkpoint" "$OCI.manifest.v1+json" > "$L.descriptor"
	layout_names "$L" evil "$L.descriptor"
	run -0 "$CORACLE" pull -q "oci:$L:evil"
	run -0 "$CORACLE" bundle --cdi-spec-dir "$L.cdi" layout:evil "$L.b" true
	run -1 grep -q 'evil\|"/host"' "$L.b/config.json"
	run -0 "$CORACLE" bundle --cdi-spec-dir "$L.cdi" --device vendor.test/class=all layout:evil "$L.asked" true
	grep -q '"/host"' "$L.asked/config.json"
}

@test "only_what_run_recorded_itself_is_removed_with_a_container" {
	local mine=$BATS_TEST_TMPDIR/victim/containers/$ID
	base '{}' < /dev/null
	mkdir -p "$mine"
	touch "$mine/precious"
	run -0 "$CORACLE" bundle app:v1 "$L.b" true
	jq --arg s "$BATS_TEST_TMPDIR/victim" '.annotations["coracle.store"] = $s | .store = $s |
		.annotations["coracle.pid-file"] = $s + "/pid" | .pidFile = $s + "/pid"' "$L.b/config.json" > "$L.json"
	cp "$L.json" "$L.b/config.json"
	local end
	for end in "rm $ID" "runtime --root $STATE delete $ID" "cleanup --root $STATE $ID"; do
		run -0 "$CORACLE" runtime --root "$STATE" run -b "$L.b" -d "$ID"
		await_end "$(field "$ID" pid)"
		field "$ID" pid > "$BATS_TEST_TMPDIR/victim/pid"
		# shellcheck disable=SC2086 # words
		if [ "$end" = "rm $ID" ]; then run -0 c $end; else run -0 "$CORACLE" $end; fi
		[ ! -e "$STATE/$ID" ]
		[ -e "$mine/precious" ]
		[ -e "$BATS_TEST_TMPDIR/victim/pid" ]
	done
}

@test "a_stop_signal_that_is_none_is_ignored_and_one_that_is_goes_first" {
	base '{"StopSignal": "SIGNONSENSE"}' < /dev/null
	fifo up
	c run -d --name "$ID" -v "$SYNC:/sync" app:v1 sh -c 'trap "exit 4" TERM; echo up > /sync/up; while :; do sleep 1000 & wait; done'
	read -r _ < "$SYNC/up"
	c stop -t 60 "$ID"
	[ "$(c wait "$ID")" = 4 ]
	c rm "$ID"
	run -0 "$CORACLE" bundle app:v1 "$L.b" true
	[ "$(of "$L.b" '.annotations["org.opencontainers.image.stopSignal"]')" = null ]
}

@test "stop_sends_a_bundles_container_the_signal_of_its_image" {
	base '{"StopSignal": "SIGUSR1"}' < /dev/null
	fifo up
	run -0 "$CORACLE" bundle -v "$SYNC:/sync" app:v1 "$L.b" sh -c 'trap "exit 4" USR1; echo up > /sync/up; while :; do sleep 1000 & wait; done'
	"$CORACLE" runtime --root "$STATE" run -d -b "$L.b" "$ID" < /dev/null > /dev/null 2>&1 3>&-
	read -r _ < "$SYNC/up"
	c stop -t 60 "$ID"
	c rm "$ID"
	assert_gone "$ID"
}

@test "users_are_looked_up_in_the_image_alone_and_without_end_is_refused" {
	# Links out of the image lead to its own root.
	base '{"User": "worker"}' <<- END
		l etc/passwd - - ../../../../../..$BATS_TEST_TMPDIR/passwd
		l etc/group - - /proc/self/root$BATS_TEST_TMPDIR/group
	END
	echo 'worker:x:0:0::/:/bin/sh' > "$BATS_TEST_TMPDIR/passwd"
	echo 'worker:x:0:' > "$BATS_TEST_TMPDIR/group"
	run -125 c run --rm --name "$ID" app:v1 true
	[[ "$output" == *"no user worker in the image's /etc/passwd" ]]
	assert_gone "$ID"
	run -1 "$CORACLE" bundle app:v1 "$L.b" true
	[ ! -e "$L.b" ]
	local user
	for user in 4294967295 4294967296 99999999999999999999999 -1 0x0 1.5 '1 ' 0:4294967296 :-1 "$(printf '%05000d' 1)"; do
		run -125 c run --rm --name "$ID" -u "$user" app:v1 true
		[ "${#lines[@]}" = 1 ]
		assert_gone "$ID"
	done
	run -0 c run --rm -u 4294967294:4294967293 app:v1 sh -c 'id -u; id -g'
	[ "$output" = $'4294967294\n4294967293' ]
}

@test "a_root_file_system_through_a_link_is_named_as_runtimes_want_it" {
	base '{}' < /dev/null
	ln -s "$BATS_FILE_TMPDIR/base" "$BATS_TEST_TMPDIR/link"
	"$CORACLE" bundle --rootfs "$BATS_TEST_TMPDIR/link" "$L.b" true
	[ "$(jq -r .root.path "$L.b/config.json")" = "$(readlink -f "$BATS_FILE_TMPDIR/base")" ]
}

@test "an_endless_passwd_is_refused_and_not_read" {
	base '{"User": "worker"}' < /dev/null
	mkdir -p "$BATS_TEST_TMPDIR/big/etc"
	truncate -s 1G "$BATS_TEST_TMPDIR/big/etc/passwd"
	cp -a "$BATS_FILE_TMPDIR/base/bin" "$BATS_TEST_TMPDIR/big/bin"
	run -1 bash -c 'ulimit -v 300000; exec "$@"' - "$CORACLE" bundle --rootfs -u worker "$BATS_TEST_TMPDIR/big" "$L.b" true
	[[ "$output" == *passwd* && "${#lines[@]}" = 1 ]]
	[ ! -e "$L.b" ]
	rm "$BATS_TEST_TMPDIR/big/etc/passwd"
	mkfifo "$BATS_TEST_TMPDIR/big/etc/passwd"
	run -1 "$CORACLE" bundle --rootfs -u worker "$BATS_TEST_TMPDIR/big" "$L.b" true
	[[ "$output" == *"no regular file"* ]]
	# Numbers need no file, but its names and groups would be looked up: this is no image to trust.
	run -1 "$CORACLE" bundle --rootfs -u 7:8 "$BATS_TEST_TMPDIR/big" "$L.b" true
}

@test "a_working_directory_through_links_is_made_inside" {
	mkdir "$BATS_TEST_TMPDIR/outside"
	base "{\"WorkingDir\": \"/link/made\"}" <<- END
		l link - - ../../../../../../../..$BATS_TEST_TMPDIR/outside
		l abs - - $BATS_TEST_TMPDIR/outside
		l loop - - /loop
	END
	local cwd
	for cwd in /link/made /abs/made /../../../..$BATS_TEST_TMPDIR/outside/made /made/../made2; do
		run c run --rm --name "$ID" -w "$cwd" app:v1 pwd
		[[ $status = 0 || "${#lines[@]}" = 1 ]] || { echo "$cwd: $output"; return 1; }
		[ -z "$(ls -A "$BATS_TEST_TMPDIR/outside")" ]
		assert_gone "$ID"
	done
	run -125 c run --rm --name "$ID" -w /loop/x app:v1 pwd
	[ "${#lines[@]}" = 1 ]
	run -125 c run --rm --name "$ID" -w /etc/passwd app:v1 pwd
	run -0 c run --rm -w /new/deep/place app:v1 pwd
	[ "$output" = /new/deep/place ]
}

@test "names_of_hosts_are_added_inside_alone" {
	echo untouched > "$BATS_TEST_TMPDIR/hosts"
	base '{}' <<- END
		l etc/hosts - - ../../../../../../../..$BATS_TEST_TMPDIR/hosts
	END
	run -0 c run --rm --add-host db:10.0.0.7 --add-host six=::1 --add-host 'seven:[fe80::1]' app:v1 cat /etc/hosts
	[[ "$output" == $'127.0.0.1\tlocalhost '????????????$'\n::1\tlocalhost\n10.0.0.7\tdb\n::1\tsix\nfe80::1\tseven' ]]
	# Its own loopback has names where the image has none for it.
	run -0 c run --rm --hostname here app:v1 cat /etc/hosts
	[ "$output" = $'127.0.0.1\tlocalhost here\n::1\tlocalhost' ]
	# It is called as it calls itself.
	run -0 c run --rm --name "$ID$(printf %070d 0)" app:v1 sh -c 'hostname; cat /etc/hosts'
	[ "$output" = "${lines[0]}"$'\n127.0.0.1\tlocalhost '"${lines[0]}"$'\n::1\tlocalhost' ]
	run -0 c run --rm --uts host app:v1 cat /etc/hosts
	[ "$output" = $'127.0.0.1\tlocalhost\n::1\tlocalhost' ]
	run -1 c run --rm --no-hosts app:v1 cat /etc/hosts
	[ "$(cat "$BATS_TEST_TMPDIR/hosts")" = untouched ]
	run -0 "$CORACLE" bundle --network host --add-host db:10.0.0.7 app:v1 "$L.b" cat /etc/hosts
	run -0 runc --root "$RUN" run -b "$L.b" "bundle$$"
	[ "$output" = "$(cat /etc/hosts)"$'\n10.0.0.7\tdb' ]
	run -0 c run --rm --network host --add-host gate:host-gateway app:v1 cat /etc/hosts
	[ "$output" = "$(cat /etc/hosts)"$'\n127.0.0.1\tgate' ]
	run -125 c run --rm --name "$ID" --add-host gate:host-gateway app:v1 true
	[[ "$output" == *"gate:host-gateway: a container reaches the host only with --network host" ]]
	local bad
	for bad in db db: db:10.0.0 :10.0.0.1 'a b:10.0.0.1' db:10.0.0.1x $'a\n1.1.1.1 b:10.0.0.1'; do
		run -125 c run --rm --name "$ID" --add-host "$bad" app:v1 true
		[ "${#lines[@]}" = 1 ]
		[[ "$output" == *"--add-host"*db:10.0.0.7 ]]
		assert_gone "$ID"
	done
	run -0 c run --rm --dns 10.0.0.1 --dns ::1 --dns-search a.b --dns-search c --dns-option ndots:2 --dns-option rotate app:v1 cat /etc/resolv.conf
	[ "$output" = $'nameserver 10.0.0.1\nnameserver ::1\nsearch a.b c\noptions ndots:2 rotate' ]
	run -0 c run --rm --network host --dns-search . --dns-option x app:v1 cat /etc/resolv.conf
	[ "$output" = "$(grep -vE '^(search|domain|options)|^$' /etc/resolv.conf)"$'\noptions x' ]
	run -0 c run --rm --network host --no-hosts app:v1 sh -c 'test -e /etc/hosts || echo none; grep -c " /etc/resolv.conf " /proc/mounts'
	[ "$output" = $'none\n1' ]
	for bad in 'dns|here' 'dns|10.0.0' 'dns-search|a b' 'dns-option|'; do
		run -125 c run --rm --name "$ID" "--${bad%%|*}" "${bad#*|}" app:v1 true
		[[ "$output" == *"--${bad%%|*}"* && "${#lines[@]}" = 1 ]]
		assert_gone "$ID"
	done
	run -125 box --rm --add-host db:10.0.0.7 -- true
	[[ "$output" == *"for images"* ]]
	run -125 box --rm --dns-search a.b -- true
	[[ "$output" == *"--dns-search: it is for images"* ]]
}

@test "a_configuration_without_sense_is_refused_or_harmless" {
	base '{"Env": ["=x", "noequals", "", "GOOD=1", "PATH"], "Entrypoint": [""], "Cmd": null, "WorkingDir": "", "User": ""}' < /dev/null
	run -125 c run --rm --name "$ID" app:v1
	[[ "$output" == *"does not say what to run"* ]]
	run -0 c run --rm --entrypoint /bin/env app:v1
	[[ "$output" == *"GOOD=1"* && "$output" != *noequals* && "$output" == *"PATH=/usr/local/sbin:"* ]]
}

@test "an_image_for_another_machine_is_taken_by_its_platform" {
	local here there
	here=$(dpkg --print-architecture)
	there=$([ "$here" = arm64 ] && echo amd64 || echo arm64)
	tar_of "$L.tar" <<< 'f here 644 0:0 - x'
	layer "$L" "$L.tar"
	image_end "$L" v1 '{"Cmd": ["true"]}' > "$L.a"
	tar_of "$L.tar" <<< 'f there 644 0:0 - x'
	layer "$L" "$L.tar"
	image_end "$L" v1 '{"Cmd": ["true"]}' "$there" > "$L.b"
	index_end "$L" v1 "$(cat "$L.a")" "$(cat "$L.b")"
	run -0 "$CORACLE" bundle -q "oci:$L:v1" "$L.1"
	[ -e "$L.1/rootfs/here" ]
	run -1 "$CORACLE" bundle -q --pull never --platform "linux/$there" layout:v1 "$L.2"
	[[ "$output" == *"layout:v1"*"linux/$here, not linux/$there"* ]]
	run -0 "$CORACLE" bundle -q --platform "linux/$there" "oci:$L:v1" "$L.2"
	[ -e "$L.2/rootfs/there" ]
	[ "$(of "$L.2" '.annotations["org.opencontainers.image.architecture"]')" = "\"$there\"" ]
	# In docker's ways of writing it, for each command that takes one.
	run -0 "$CORACLE" bundle -q --platform "Linux/${there^^}" "oci:$L:v1" "$L.4"
	[ -e "$L.4/rootfs/there" ]
	run -0 "$CORACLE" pull -q --platform "${there^^}" "oci:$L:v1"
	[ "$output" = "$(jq -r .digest "$L.b")" ]
	run -127 "$CORACLE" run --root "$STATE" --pull always -q --rm --platform "LINUX/$(uname -m)" "oci:$L:v1" /none
	run -1 "$CORACLE" bundle -q --pull never --platform "linux/$there" layout:v1 "$L.5"
	tar cf "$L.both.tar" -C "$L" .
	run -0 "$CORACLE" load -q --platform "Linux/${there^^}" -i "$L.both.tar" localhost/both:1
	run -0 "$CORACLE" bundle -q --pull never --platform "$there" localhost/both:1 "$L.5"
	[ -e "$L.5/rootfs/there" ]
	run -1 "$CORACLE" bundle -q --platform nonsense "oci:$L:v1" "$L.3"
	[[ "$output" == *nonsense* ]]
}
