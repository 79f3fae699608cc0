#!/usr/bin/env bats
# checkpoint and restore, with Debian 13's CRIU.
# shellcheck disable=SC2016,SC2030,SC2031,SC2119,SC2120,SC2154 # variables of jq and inner shells; what bats does

load checkpoint

teardown() {
	runtime_teardown
}

# Mounts of ID's init: where, of what, with which options; devices have other numbers after each mount.
mounts() {
	awk '{ $1 = $2 = $3 = ""; print }' "/proc/$(state pid)/mountinfo" | sed 's/ master:[0-9]*//' | sort
}

@test "a_counter_that_is_checkpointed_gone_and_restored_goes_on_counting" {
	start
	[ "$(ask)" = 1 ]
	[ "$(ask)" = 2 ]
	rt checkpoint --image-path "$IMG" "$ID"
	nothing_left
	[[ -s $IMG/inventory.img && -s $IMG/dump.log ]]
	restore --detach --pid-file "$BATS_TEST_TMPDIR/pid"
	[ "$(state status)" = running ]
	[ "$(state pid)" = "$(< "$BATS_TEST_TMPDIR/pid")" ]
	[ "$(ask)" = 3 ]
	rt exec "$ID" true
	end
	nothing_left
}

@test "an_attached_restore_ends_with_the_containers_exit_status_and_deletes_it" {
	start
	[ "$(ask)" = 1 ]
	rt checkpoint --image-path "$IMG" "$ID"
	echo end > "$ROOTFS/tmp/q" &
	attempt restore
	[ "$status" = 2 ]
	nothing_left
}

@test "with_leave_running_it_counts_on_and_what_was_dumped_counts_from_there" {
	start
	[ "$(ask)" = 1 ]
	rt checkpoint --leave-running --image-path "$IMG" "$ID"
	[ "$(state status)" = running ]
	[ "$(ask)" = 2 ]
	[ "$(ask)" = 3 ]
	end
	restore -d
	[ "$(ask)" = 2 ]
	end
	nothing_left
}

# Which logs there are of both ways, when /etc is $1 and the annotation $2.
logs_with() {
	rm -rf "$IMG" "$BATS_TEST_TMPDIR"/*.log
	spec --arg a "$2" '.annotations = if $a == "none" then null else {"org.criu.config": $a} end'
	start
	[ "$(ask)" = 1 ]
	unshare -m sh -ec 'mount --bind "$0" /etc; exec "$@"' "$1" "$CORACLE" runtime --root "$STATE" checkpoint --image-path "$IMG" "$ID"
	unshare -m sh -ec 'mount --bind "$0" /etc; exec "$@"' "$1" "$CORACLE" runtime --root "$STATE" restore -d -b "$B" --image-path "$IMG" "$ID" \
		< /dev/null >> "$BATS_TEST_TMPDIR/restored" 2>&1 3>&-
	[ "$(ask)" = 2 ]
	end
	(cd "$BATS_TEST_TMPDIR" && echo *.log)
}

@test "criu_s_configuration_is_that_of_the_annotation_or_crun_s_or_runc_s" {
	local etc=$BATS_TEST_TMPDIR/etc name
	mkdir -p "$etc/criu"
	for name in runc crun own; do
		echo "log-file=$BATS_TEST_TMPDIR/$name.log" > "$etc/criu/$name.conf"
	done
	[ "$(logs_with "$etc" /etc/criu/own.conf)" = own.log ]
	[ "$(logs_with "$etc" none)" = crun.log ]
	[ "$(logs_with "$etc" "")" = "*.log" ]
	rm "$etc/criu/crun.conf"
	[ "$(logs_with "$etc" none)" = runc.log ]
	nothing_left
}

@test "what_it_writes_goes_to_whoever_restores_it" {
	start
	[ "$(ask one)" = 1 ]
	rt checkpoint --image-path "$IMG" "$ID"
	restore -d
	[ "$(ask two)" = 2 ]
	[ "$(< "$BATS_TEST_TMPDIR/out")" = "one 1" ]
	[ "$(< "$BATS_TEST_TMPDIR/restored")" = "two 2" ]
	end
}

@test "the_pipes_it_writes_to_are_those_of_whoever_restores_it" {
	local writer
	rt run -d -b "$B" "$ID" < /dev/null 2>&1 3>&- | cat > "$BATS_TEST_TMPDIR/heard" 3>&- &
	writer=$!
	[ "$(ask three)" = 1 ]
	rt checkpoint --image-path "$IMG" "$ID"
	wait $writer
	[ "$(< "$BATS_TEST_TMPDIR/heard")" = "three 1" ]
	grep -q 'pipe:\[' "$IMG/descriptors.json"
	rt restore -d -b "$B" --image-path "$IMG" "$ID" < /dev/null > >(cat > "$BATS_TEST_TMPDIR/heard" 3>&-) 2>&1 3>&-
	writer=$!
	[ "$(ask four)" = 2 ]
	end
	wait $writer
	diff "$BATS_TEST_TMPDIR/heard" - <<< "four 2"
}

@test "what_it_reads_comes_from_whoever_restores_it_and_ends_with_him" {
	local word status reader
	spec '.process.args = ["sh", "-c", "n=0; while read -r word; do n=$((n + 1)); echo $word $n > /tmp/a; done; exit $n"]'
	mkfifo "$BATS_TEST_TMPDIR/in"
	cat < "$BATS_TEST_TMPDIR/in" 3>&- | rt run -d -b "$B" "$ID" > /dev/null 2>&1 3>&- &
	exec 5> "$BATS_TEST_TMPDIR/in"
	echo one >&5
	read -r word < "$ROOTFS/tmp/a"
	[ "$word" = "one 1" ]
	rt checkpoint --image-path "$IMG" "$ID"
	exec 5>&-
	grep -q '^."pipe:\[' "$IMG/descriptors.json"
	{ read -r word < "$ROOTFS/tmp/a" && echo "$word" > "$BATS_TEST_TMPDIR/heard"; } 3>&- &
	reader=$!
	status=0
	echo two | rt restore -b "$B" --image-path "$IMG" "$ID" > /dev/null 2>&1 3>&- || status=$?
	[ "$status" = 2 ]
	wait "$reader"
	[ "$(< "$BATS_TEST_TMPDIR/heard")" = "two 2" ]
	nothing_left
}

@test "mounts_namespaces_names_and_rights_are_what_they_were" {
	mkdir -p "$BATS_TEST_TMPDIR/dir"
	echo one > "$BATS_TEST_TMPDIR/file"
	echo two > "$BATS_TEST_TMPDIR/dir/two"
	spec --arg d "$BATS_TEST_TMPDIR" '.hostname = "counter"
		| .mounts += [
			{destination: "/host//dir/", source: ($d + "/dir"), options: ["rbind", "ro"]},
			{destination: "/host.file", source: ($d + "/file"), options: ["bind"]},
			{destination: "/scratch", type: "tmpfs", source: "tmpfs", options: ["size=1m", "nosuid"]}]
		| .linux.maskedPaths += ["/host/dir/two", "/etc/group"]
		| .linux.namespaces += [{type: "cgroup"}]
		| .process.user.additionalGids = [2000] | .process.oomScoreAdj = 500 | .root.readonly = true'
	start
	[ "$(ask)" = 1 ]
	rt exec "$ID" sh -c 'echo kept > /scratch/x'
	mounts > "$BATS_TEST_TMPDIR/before"
	grep -E '^(Uid|Gid|Groups|Cap|NoNew|Seccomp|NSpid)' "/proc/$(state pid)/status" > "$BATS_TEST_TMPDIR/rights"
	rt checkpoint --image-path "$IMG" "$ID"
	restore -d
	[ "$(ask)" = 2 ]
	mounts | diff "$BATS_TEST_TMPDIR/before" -
	grep -E '^(Uid|Gid|Groups|Cap|NoNew|Seccomp|NSpid)' "/proc/$(state pid)/status" |
		sed "s/$(state pid)/PID/" | diff <(sed 's/^NSpid:\t[0-9]*/NSpid:\tPID/' "$BATS_TEST_TMPDIR/rights") -
	[ "$(< "/proc/$(state pid)/oom_score_adj")" = 500 ]
	run -1 rt exec "$ID" sh -c 'hostname; cat /scratch/x /host/dir/two /host.file; touch /host/dir/new'
	[[ $output == counter*kept*one*"Read-only"* ]]
	[[ $output != *two* ]]
	run -0 rt exec "$ID" sh -c 'cat /proc/self/cgroup'
	[[ $output != *"$ID"* ]]
	end
	nothing_left
}

@test "a_container_without_namespaces_of_its_own_but_mounts_and_pids_comes_back_on_the_hosts" {
	spec '.linux.namespaces = [{type: "mount"}, {type: "pid"}] | del(.hostname)
		| .mounts |= map(select(.type != "mqueue" and .type != "sysfs" and .type != "cgroup"))'
	start
	[ "$(ask)" = 1 ]
	rt checkpoint --image-path "$IMG" "$ID"
	restore -d
	[ "$(ask)" = 2 ]
	[ "$(readlink "/proc/$(state pid)/ns/net")" = "$(readlink /proc/self/ns/net)" ]
	[ "$(readlink "/proc/$(state pid)/ns/uts")" = "$(readlink /proc/self/ns/uts)" ]
	end
	nothing_left
}

@test "namespaces_that_were_given_by_path_are_joined_again" {
	local holder ns
	unshare --net --ipc --uts sleep 1000 3>&- &
	holder=$!
	until [ "$(readlink "/proc/$holder/ns/net")" != "$(readlink /proc/self/ns/net)" ] &&
		[ "$(cat "/proc/$holder/comm")" = sleep ]; do :; done
	spec --arg p "/proc/$holder/ns" '.linux.namespaces = [{type: "mount"}, {type: "pid"},
		{type: "network", path: ($p + "/net")}, {type: "ipc", path: ($p + "/ipc")}, {type: "uts", path: ($p + "/uts")}]
		| del(.hostname) | .mounts |= map(select(.type != "mqueue"))'
	start
	[ "$(ask)" = 1 ]
	rt checkpoint --image-path "$IMG" "$ID"
	restore -d || { kill $holder; return 1; }
	[ "$(ask)" = 2 ]
	for ns in net ipc uts; do
		[ "$(readlink "/proc/$(state pid)/ns/$ns")" = "$(readlink "/proc/$holder/ns/$ns")" ]
	done
	end
	kill $holder
	nothing_left
}

# A process is in ID's groups, in every hierarchy that is mounted here.
in_its_groups() {
	local name path
	while IFS=: read -r _ name path; do
		[ -z "$name" ] || [ -d "/sys/fs/cgroup/${name#name=}" ] || continue
		[[ $path == */coracle-$ID ]] || { echo "in $name:$path"; return 1; }
	done < "/proc/$1/cgroup"
}

@test "groups_are_managed_in_each_way_and_the_restored_are_in_theirs_with_its_limits" {
	local mode
	spec '.linux.resources.pids.limit = 20'
	for mode in soft full strict ignore; do
		rm -rf "$IMG"
		start
		[ "$(ask)" = 1 ]
		rt checkpoint --manage-cgroups-mode "$mode" --image-path "$IMG" "$ID"
		[ "$mode" != strict ] || continue
		restore -d --manage-cgroups-mode "$mode"
		[ "$(ask)" = 2 ]
		in_its_groups "$(state pid)"
		[[ "$(cat /sys/fs/cgroup/pids/coracle-"$ID"/pids.max /sys/fs/cgroup/coracle-"$ID"/pids.max 2> /dev/null)" = 20 ]]
		run -0 rt ps "$ID"
		[[ $output == *"$(state pid)"* ]]
		end
		nothing_left
	done
}

@test "a_restored_container_may_have_another_id_and_its_groups" {
	start
	[ "$(ask)" = 1 ]
	rt checkpoint --image-path "$IMG" "$ID"
	ID=$(cid other)
	restore -d
	[ "$(ask)" = 2 ]
	in_its_groups "$(state pid)"
	end
	nothing_left
}

@test "a_terminal_goes_to_the_console_socket_of_whoever_restores_it" {
	spec '.process.terminal = true | .process.args = ["sh", "-c", "stty -echo; echo ready > /tmp/a
		read one; echo got $one > /tmp/a; read two; test -t 0 && test -c /dev/console && echo $one $two $(tty)"]'
	local answer screen
	mkfifo "$BATS_TEST_TMPDIR/first"
	"$TOOLS/console" "$BATS_TEST_TMPDIR/s" "$CORACLE" runtime --root "$STATE" run -d -b "$B" \
		--console-socket "$BATS_TEST_TMPDIR/s" "$ID" < "$BATS_TEST_TMPDIR/first" > "$BATS_TEST_TMPDIR/screen" 2>&1 3>&- &
	screen=$!
	exec 4> "$BATS_TEST_TMPDIR/first" 5<> "$ROOTFS/tmp/a" # whoever opens it anew may meet the last writer's end
	read -r answer <&5
	echo once >&4
	read -r answer <&5
	[ "$answer" = "got once" ]
	rt checkpoint --image-path "$IMG" "$ID"
	exec 4>&- 5>&-
	wait $screen
	run -0 "$TOOLS/console" "$BATS_TEST_TMPDIR/s2" "$CORACLE" runtime --root "$STATE" restore -d -b "$B" --image-path "$IMG" \
		--console-socket "$BATS_TEST_TMPDIR/s2" "$ID" <<< twice
	[[ $output == *"once twice /dev/pts/0"* ]]
	end
	nothing_left
}

@test "a_paused_container_is_dumped_and_runs_when_it_is_restored" {
	start
	[ "$(ask)" = 1 ]
	rt pause "$ID"
	rt checkpoint --leave-running --image-path "$IMG" "$ID"
	[ "$(state status)" = paused ]
	rt resume "$ID"
	[ "$(ask)" = 2 ]
	rt pause "$ID"
	rm -r "$IMG"
	rt checkpoint --image-path "$IMG" "$ID"
	restore -d
	[ "$(state status)" = running ]
	[ "$(ask)" = 3 ]
	end
	nothing_left
}

@test "prestart_and_createRuntime_hooks_run_when_the_namespaces_are_there_poststop_at_the_end" {
	hook() {
		printf '{path: "/bin/sh", args: ["sh", "-c", "{ echo %s; cat; echo; } >> %s/hooks"]}' "$1" "$BATS_TEST_TMPDIR"
	}
	start
	[ "$(ask)" = 1 ]
	rt checkpoint --empty-ns network --image-path "$IMG" "$ID"
	spec ".hooks = {prestart: [$(hook pre)], createRuntime: [$(hook runtime)], poststart: [$(hook no)], poststop: [$(hook stop)]}"
	restore -d --empty-ns network
	[ "$(ask)" = 2 ]
	[ "$(grep -vc '{' "$BATS_TEST_TMPDIR/hooks")" = 2 ]
	[ "$(sed -n 2p "$BATS_TEST_TMPDIR/hooks" | jq .pid)" = "$(state pid)" ]
	[ "$(sed -n 4p "$BATS_TEST_TMPDIR/hooks" | jq -r .id)" = "$ID" ]
	end
	[ "$(grep -v '{' "$BATS_TEST_TMPDIR/hooks" | tr '\n' ' ')" = "pre runtime stop " ]
	# One that fails: nothing is restored.
	spec '.hooks = {prestart: [{path: "/bin/false"}]}'
	attempt rt restore -d -b "$B" --image-path "$IMG" "$ID"
	refused 1 "hook /bin/false failed"
	nothing_left
}

@test "only_what_runs_is_checkpointed" {
	create
	attempt rt checkpoint --image-path "$IMG" "$ID"
	refused 1 "Container cannot be checkpointed in created state"
	rt start "$ID"
	echo end > "$ROOTFS/tmp/q"
	await "$(field "$ID" pid)"
	attempt rt checkpoint --image-path "$IMG" "$ID"
	refused 1 "Container cannot be checkpointed in stopped state"
	[ ! -e "$IMG" ]
	end
	attempt rt checkpoint --image-path "$IMG" "$ID"
	refused 1 "does not exist"
}

@test "what_CRIU_cannot_dump_runs_on_and_its_log_says_why" {
	# An open file without a name, too large to be put into the images.
	spec '.process.args[2] |= "dd if=/dev/zero of=/tmp/big bs=1M count=2 2> /dev/null; exec 3< /tmp/big; rm /tmp/big; " + .'
	start
	[ "$(ask)" = 1 ]
	attempt rt checkpoint --image-path "$IMG" --work-path "$BATS_TEST_TMPDIR/work" "$ID"
	refused 1 "criu failed: type DUMP" "ghost file" "log file: $BATS_TEST_TMPDIR/work/dump.log"
	[ -s "$BATS_TEST_TMPDIR/work/dump.log" ]
	[ "$(state status)" = running ]
	[ "$(ask)" = 2 ]
	end
	nothing_left
}

@test "what_CRIU_cannot_restore_leaves_nothing" {
	start
	[ "$(ask)" = 1 ]
	rt checkpoint --image-path "$IMG" "$ID"
	attempt rt restore -d -b "$B" --image-path "$IMG/none" "$ID"
	refused 1 "image path: open $IMG/none"
	: > "$IMG/core-1.img"
	attempt rt restore -d -b "$B" --image-path "$IMG" --pid-file "$BATS_TEST_TMPDIR/pid" "$ID"
	refused 1 "criu failed: type RESTORE" "log file: $IMG/restore.log"
	[ ! -e "$BATS_TEST_TMPDIR/pid" ]
	nothing_left
	echo '[1, 2]' > "$IMG/descriptors.json"
	attempt rt restore -d -b "$B" --image-path "$IMG" "$ID"
	refused 1 "descriptors.json" "expected a string"
	rm "$IMG/inventory.img"
	attempt rt restore -b "$B" --image-path "$IMG" "$ID"
	refused 1
	nothing_left
}

@test "cve_2026_53489_links_in_a_checkpoint_lead_to_nothing_of_the_host" {
	local name bad=$IMG.bad victim=$BATS_TEST_TMPDIR/victim
	start
	[ "$(ask)" = 1 ]
	rt checkpoint --image-path "$IMG" "$ID"
	echo untouched > "$victim"
	for name in restore.log stats-restore pages-1.img descriptors.json core-1.img any; do
		cp -a "$IMG" "$bad"
		ln -sf "$victim" "$bad/$name"
		attempt rt restore -d -b "$B" --image-path "$bad" "$ID"
		refused 1 "image path: $bad/$name is a link: a checkpoint has plain files alone"
		rm -r "$bad"
	done
	# Nor from below, nor by what is no file.
	cp -a "$IMG" "$bad"
	mkdir "$bad/parent"
	ln -s "$victim" "$bad/parent/pages-1.img"
	attempt rt restore -d -b "$B" --image-path "$bad" "$ID"
	refused 1 "image path: parent/pages-1.img is a link"
	rm -r "$bad/parent"
	ln -s . "$bad/parent"
	attempt rt restore -d -b "$B" --image-path "$bad" "$ID"
	refused 1 "stands on too many others"
	rm "$bad/parent"
	mkfifo "$bad/restore.log"
	attempt rt restore -d -b "$B" --image-path "$bad" "$ID"
	refused 1 "$bad/restore.log is a special file"
	[ "$(< "$victim")" = untouched ]
	restore -d
	[ "$(ask)" = 2 ]
	rt delete -f "$ID"
	nothing_left
}

@test "cve_2026_53492_what_a_checkpoint_says_of_devices_and_annotations_is_not_believed" {
	local evil='{"annotations": {"cdi.k8s.io/evil": "vendor.invalid/class=all", "io.kubernetes.cri.container-type": "sandbox"},
		"linux": {"devices": [{"path": "/dev/evil", "type": "c", "major": 1, "minor": 1}]},
		"mounts": [{"destination": "/host", "type": "bind", "source": "/", "options": ["rbind"]}],
		"hooks": {"createRuntime": [{"path": "/bin/touch", "args": ["touch", "victim"]}]}}'
	spec '.annotations = {"own": "1"}'
	start
	[ "$(ask)" = 1 ]
	rt checkpoint --image-path "$IMG" "$ID"
	for name in config.json spec.dump config.dump state.json; do
		echo "${evil//victim/$BATS_TEST_TMPDIR/victim}" > "$IMG/$name"
	done
	restore -d
	[ "$(ask)" = 2 ]
	[ "$(rt state "$ID" | jq -c .annotations)" = '{"own":"1"}' ]
	run -1 rt exec "$ID" test -e /dev/evil
	run -1 rt exec "$ID" test -e /host/proc
	[ ! -e "$BATS_TEST_TMPDIR/victim" ]
	rt delete -f "$ID"
}

@test "an_id_that_is_taken_is_not_restored_over" {
	start
	rt checkpoint --leave-running --image-path "$IMG" "$ID"
	attempt rt restore -d -b "$B" --image-path "$IMG" "$ID"
	refused 1 "already exists"
	[ "$(ask)" = 1 ]
	end
}

@test "without_CRIU_one_line_says_so" {
	start
	for verb in checkpoint "checkpoint --pre-dump"; do
		# shellcheck disable=SC2086 # words
		attempt env PATH=/nowhere "$CORACLE" runtime --root "$STATE" $verb --image-path "$IMG" "$ID"
		refused 1 "criu is not installed"
	done
	[ "$(ask)" = 1 ]
	end
	attempt env PATH=/nowhere "$CORACLE" runtime --root "$STATE" restore -b "$B" --image-path "$IMG" "$ID"
	refused 1 "criu is not installed"
	nothing_left
}

@test "options_that_mean_nothing_are_refused_by_name" {
	start
	wrong() {
		local words=$1
		shift
		attempt rt checkpoint --image-path "$IMG" "$@" "$ID"
		refused 1 "$words"
	}
	wrong "Invalid manage-cgroups-mode value 'some'" --manage-cgroups-mode some
	wrong "namespace 'mount' is not supported" --empty-ns mount
	for server in 127.0.0.1 127.0.0.1: :12 127.0.0.1:x 127.0.0.1:70000; do
		wrong "Use --page-server ADDRESS:PORT" --page-server "$server"
	done
	wrong "must be relative" --parent-path /tmp
	wrong "invalid --parent-path" --parent-path ../none
	wrong "--status-fd 77" --status-fd 77
	wrong "--status-fd 7: it cannot be written to" --status-fd 7 7< /dev/null
	"$CRIU/criu" check --feature mem_dirty_track > /dev/null 2>&1 || wrong "does not track memory" --pre-dump
	rt checkpoint --help | grep -q -- --leave-running
	rt restore --help | grep -q -- --lsm-profile
	[ "$(ask)" = 1 ]
	end
}

@test "a_user_namespace_is_restored" {
	spec '.linux.namespaces += [{type: "user"}]
		| .linux.uidMappings = [{containerID: 0, hostID: 0, size: 1000}] | .linux.gidMappings = .linux.uidMappings'
	start
	[ "$(ask)" = 1 ]
	rt checkpoint --image-path "$IMG" "$ID"
	restore -d
	[ "$(ask)" = 2 ]
	[ "$(tr -s ' ' < "/proc/$(state pid)/uid_map")" = " 0 0 1000" ]
	end
	nothing_left
}

# Its root is nobody to the images, which root alone may read, and to the pipes.
@test "a_user_namespace_whose_root_is_nobody_outside_is_restored" {
	local writer
	spec '.linux.namespaces += [{type: "user"}]
		| .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 1000}] | .linux.gidMappings = .linux.uidMappings'
	chown -R 100000:100000 "$ROOTFS"
	rt run -d -b "$B" "$ID" < /dev/null 2>&1 3>&- | cat > "$BATS_TEST_TMPDIR/heard" 3>&- &
	[ "$(ask one)" = 1 ]
	rt checkpoint --image-path "$IMG" "$ID"
	wait $!
	[ "$(stat -c %a "$IMG")" = 700 ]
	rt restore -d -b "$B" --image-path "$IMG" "$ID" < /dev/null > >(cat > "$BATS_TEST_TMPDIR/heard" 3>&-) 2>&1 3>&-
	writer=$!
	[ "$(ask two)" = 2 ]
	[ "$(tr -s ' ' < "/proc/$(state pid)/uid_map")" = " 0 100000 1000" ]
	[ -s "$IMG/restore.log" ]
	end
	wait $writer
	diff "$BATS_TEST_TMPDIR/heard" - <<< "two 2"
	nothing_left
}

# On cgroup v1 runc mounts as we do; its stdio is pipes, which runc knows.
@test "runc_restores_what_we_dumped_and_we_what_runc_did" {
	local answer run="$BATS_TEST_TMPDIR/run"
	mkfifo "$run"
	rt run -d -b "$B" "$ID" < <(:) 2>&1 3>&- | cat > "$run" 3>&- &
	exec 4< "$run"
	[ "$(ask one)" = 1 ]
	rt checkpoint --image-path "$IMG" "$ID"
	read -r answer <&4
	[ "$answer" = "one 1" ]
	rc restore -d -b "$B" --image-path "$IMG" "$ID" < <(:) > >(cat > "$run" 3>&- 4<&-) 2>&1 3>&- 4<&-
	[ "$(ask two)" = 2 ]
	rm -r "$IMG"
	rc checkpoint --image-path "$IMG" "$ID"
	read -r answer <&4
	[ "$answer" = "two 2" ]
	rt restore -d -b "$B" --image-path "$IMG" "$ID" < <(:) > >(cat > "$run" 3>&- 4<&-) 2>&1 3>&- 4<&-
	[ "$(ask three)" = 3 ]
	end
	read -r answer <&4
	[ "$answer" = "three 3" ]
	nothing_left
}

@test "linux_before_5_11_is_no_obstacle" {
	start
	ask
	"$TOOLS/deny" close_range,close_range_cloexec -- "$CORACLE" runtime --root "$STATE" checkpoint --image-path "$IMG" "$ID"
	"$TOOLS/deny" close_range,close_range_cloexec -- "$CORACLE" runtime --root "$STATE" restore -d -b "$B" --image-path "$IMG" "$ID" \
		< /dev/null >> "$BATS_TEST_TMPDIR/out" 2>&1 3>&-
	[ "$(ask)" = 2 ]
	end
	nothing_left
}

@test "without_iptables_the_network_is_stopped_by_nftables" {
	local program
	mkdir "$BATS_TEST_TMPDIR/bin"
	for program in sh tar gzip ip; do
		ln -s "$(command -v $program)" "$BATS_TEST_TMPDIR/bin/$program"
	done
	start
	[ "$(ask)" = 1 ]
	PATH=$CRIU:$BATS_TEST_TMPDIR/bin "$CORACLE" runtime --root "$STATE" checkpoint --image-path "$IMG" "$ID"
	PATH=$CRIU:$BATS_TEST_TMPDIR/bin "$CORACLE" runtime --root "$STATE" restore -d -b "$B" --image-path "$IMG" "$ID" \
		< /dev/null >> "$BATS_TEST_TMPDIR/restored" 2>&1 3>&-
	[ "$(ask)" = 2 ]
	end
	nothing_left
}

@test "who_is_killed_while_he_restores_leaves_what_cleanup_finds" {
	start
	[ "$(ask)" = 1 ]
	rt checkpoint --image-path "$IMG" "$ID"
	spec '.hooks = {prestart: [{path: "/bin/sh", args: ["sh", "-c", "kill -9 $PPID"]}]}'
	attempt rt restore -d -b "$B" --image-path "$IMG" "$ID"
	[ "$status" = 137 ]
	run -0 "$CORACLE" cleanup --root "$STATE" "$ID"
	nothing_left
	spec 'del(.hooks)'
	restore -d
	[ "$(ask)" = 2 ]
	end
}
