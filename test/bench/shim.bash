# shim.bash - the bench's part on shims: ours, runc's own beside it, and one that answers at once.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2153,SC2154 # bench.sh's own

ME=b$$ # what all ids begin with

# The median microseconds of ours, theirs and the instant one; and of what each takes of its own.
shim_row() { # TITLE
	echo "| $1 | $(ms "${times[0]}") | $(ms "${times[1]}") | $(ms "${times[2]}") | $(share) |"
}

# Our share of theirs, without what containerd takes itself.
share() {
	awk -v a="${times[0]}" -v b="${times[1]}" -v c="${times[2]}" 'BEGIN { printf "%.2f", (a - c) / (b - c) }'
}

# three FORMAT...: rounds of a command for each shim; %s is its name in the arguments.
three() {
	local name word all=()
	for name in coracle runc instant; do
		all+=(--)
		for word; do all+=("${word//%s/$name}"); done
	done
	mapfile -t times < <(rounds "$ROUNDS" "${all[@]}" | cut -d' ' -f1)
	[ ${#times[@]} = 3 ]
}

# end_all ID...: kills and removes containers, and waits for their shims.
end_all() {
	local pids pid
	mapfile -t pids < <(shims_of "$@")
	ctr_ task rm -f "$@" > /dev/null 2>&1 || true
	ctr_ containers rm "$@"
	for pid in "${pids[@]}"; do await_end "$pid"; done
}

# The pids of the shims of containers.
shims_of() {
	local id
	for id; do pgrep -f -- "^[^ ]*containerd-shim-[a-z]*-v2 -namespace $NS -id $id " || true; done
}

shim_times() {
	three ctr -a "$CONTAINERD" -n "$NS" run --rm --runtime io.containerd.%s.v2 "$IMAGE" "$ME-%s" true
	shim_row "\`ctr run --rm\`"
	RUN_SHARE=$(share)
	for name in coracle runc instant; do
		ctr_ run -d --runtime "io.containerd.$name.v2" "$IMAGE" "$ME-$name-stays" sleep 100000
	done
	three ctr -a "$CONTAINERD" -n "$NS" task exec --exec-id one "$ME-%s-stays" true
	shim_row "\`ctr task exec\`"
	EXEC_SHARE=$(share)
	end_all "$ME"-{coracle,runc,instant}-stays
}

# memory FIELD PID...: KiB of all
memory() {
	local field=$1 pid
	shift
	for pid; do cat "/proc/$pid/smaps_rollup"; done | awk -v f="$field:" '$1 == f { n += $2 } END { print n }'
}

each() {
	awk -v a="$1" -v n="$2" 'BEGIN { printf "%.0f", a / n }'
}

# The CPU time, in microseconds, that a cgroup and those below it have used.
cpu_of() {
	local dir=/sys/fs/cgroup/cpuacct
	if [ -e "$dir/cpuacct.usage" ]; then
		echo $(($(cat "$dir/$1/cpuacct.usage") / 1000))
	else
		awk '$1 == "usage_usec" { print $2 }' "/sys/fs/cgroup/$1/cpu.stat"
	fi
}

# Counts what shims use from now on, with their children: they go to a cgroup of their own.
cpu_group() {
	local dir=/sys/fs/cgroup/cpuacct pid
	[ -d "$dir" ] || dir=/sys/fs/cgroup
	mkdir -p "$dir/$ME"
	for pid; do echo "$pid" > "$dir/$ME/cgroup.procs"; done
}

# Where containers of shims that have one each are asked.
sockets_of() {
	local id
	for id; do
		echo "/run/containerd/s/$(printf %s "$CONTAINERD/$NS/$id" | sha256sum | cut -d' ' -f1) $id"
	done
}

many_start() {
	ctr_ run -d --null-io --runtime "io.containerd.$1.v2" "$IMAGE" "$2" sleep 100000
}

# start_all NAME ID...: all at once; sets STARTED_US, and FAILED to how many were not.
start_all() {
	local name=$1 id begun=${EPOCHREALTIME/./}
	shift
	FAILED=0
	for id; do many_start "$name" "$id" & done
	for id; do wait -n || FAILED=$((FAILED + 1)); done
	STARTED_US=$((${EPOCHREALTIME/./} - begun))
}

# many NAME: a hundred containers with a shim each; sets MANY_PSS and MANY_DIRTY (KiB of each of 20), MANY_RSS (of all)
# and MANY_CPU (microseconds of an exec probe).
many() {
	local ids=() pids i begun probes
	for ((i = 0; i < 100; i++)); do ids+=("$ME-$1-$i"); done
	for i in {0..19}; do many_start "$1" "${ids[i]}"; done
	sync # pages of a new file count as dirty until they are on the disk
	mapfile -t pids < <(shims_of "${ids[@]}")
	MANY_PSS=$(each "$(memory Pss "${pids[@]}")" 20)
	MANY_DIRTY=$(each "$(memory Private_Dirty "${pids[@]}")" 20)
	start_all "$1" "${ids[@]:20}"
	mapfile -t pids < <(shims_of "${ids[@]}")
	MANY_RSS=$(memory Rss "${pids[@]}")
	cpu_group "${pids[@]}"
	begun=$(($(cpu_of "$ME") + $(cpu_of "$NS")))
	probes=$(sockets_of "${ids[@]}" | "$BUILT/bench/probe" "${PROBE_ROUNDS:-3}" 1000)
	MANY_CPU=$(each $(($(cpu_of "$ME") + $(cpu_of "$NS") - begun)) "${probes%% *}")
	end_all "${ids[@]}"
}

# The middle of five, in turn.
shim_at_once() {
	local round name i ids
	local -A walls
	SHIM_FAILED=0
	for round in {1..5}; do
		for name in coracle runc instant; do
			ids=()
			for ((i = 0; i < 64; i++)); do ids+=("$ME-$name-$round-$i"); done
			start_all "$name" "${ids[@]}"
			walls[$name]+="$STARTED_US "
			[ "$name" != coracle ] || SHIM_FAILED=$((SHIM_FAILED + FAILED))
			end_all "${ids[@]}"
		done
	done
	for name in coracle runc instant; do
		walls[$name]=$(xargs -n 1 <<< "${walls[$name]}" | sort -n | sed -n 3p)
	done
	echo "| 64 started at once, of five times | $(ms "${walls[coracle]}") | $(ms "${walls[runc]}") | $(ms "${walls[instant]}") | $(ratio "${walls[coracle]}" "${walls[runc]}") |"
	WALL_RATIO=$(ratio "${walls[coracle]}" "${walls[runc]}")
}

shim_many() {
	local pss dirty cpu rss
	many coracle
	pss=$MANY_PSS dirty=$MANY_DIRTY cpu=$MANY_CPU rss=$MANY_RSS
	many runc
	echo "| one of 20 shims, PSS | $pss KiB | $MANY_PSS KiB | | $(ratio "$pss" "$MANY_PSS") |"
	echo "| one of 20 shims, private dirty | $dirty KiB | $MANY_DIRTY KiB | | $(ratio "$dirty" "$MANY_DIRTY") |"
	echo "| RSS of 100 shims | $rss KiB | $MANY_RSS KiB | | $(ratio "$rss" "$MANY_RSS") |"
	echo "| CPU of an exec probe on 100 containers | $(ms "$cpu") | $(ms "$MANY_CPU") | | $(ratio "$cpu" "$MANY_CPU") |"
	PSS_RATIO=$(ratio "$pss" "$MANY_PSS")
	CPU_RATIO=$(ratio "$cpu" "$MANY_CPU")
}

# pod_bundle NAME GROUP PROGRAM: a bundle of that group.
pod_bundle() {
	mkdir "$T/$1"
	jq --arg g "$2" --arg r "$T/rootfs" --argjson p "$3" '.process.terminal = false | .process.args = $p |
		.root = { path: $r, readonly: true } | .annotations = { "io.containerd.runc.v2.group": $g }' \
		"$T/spec/config.json" > "$T/$1/config.json"
}

# pod SHIM NAME: a pod of two containers; POD_DIRTY, POD_LATER, after a thousand execs, and POD_LAST, after ten whose
# requests were as long as they may be.
pod() {
	local pid socket job in
	pod_bundle "$ME-$2-a" "$ME-$2-a" '["sleep", "100000"]'
	pod_bundle "$ME-$2-b" "$ME-$2-a" '["sleep", "100000"]'
	coproc POD { exec "$BUILT/bench/pod" "$1" "$T/$ME-$2-a" "$T/$ME-$2-b"; }
	read -r pid socket <&"${POD[0]}"
	sync
	POD_DIRTY=$(memory Private_Dirty "$pid")
	"$BUILT/bench/probe" 1000 0 <<< "$socket $ME-$2-b" > "$T/out"
	read -r _ _ POD_LOST < "$T/out"
	POD_LATER=$(memory Private_Dirty "$pid")
	"$BUILT/bench/probe" 10 0 4000 <<< "$socket $ME-$2-b" > /dev/null
	POD_LAST=$(memory Private_Dirty "$pid")
	job=$POD_PID in=${POD[1]}
	exec {in}>&-
	wait "$job"
}

shim_pod() {
	local now later last
	pod "$T/bin/containerd-shim-coracle-v2" coracle
	now=$POD_DIRTY later=$POD_LATER last=$POD_LAST LOST=$POD_LOST
	pod "$(command -v containerd-shim-runc-v2)" runc
	echo "| a pod of two, private dirty | $now KiB | $POD_DIRTY KiB | | $(ratio "$now" "$POD_DIRTY") |"
	echo "| after 1,000 execs | $later KiB | $POD_LATER KiB | | $(ratio "$later" "$POD_LATER") |"
	echo "| after 10 execs of 4 MB | $last KiB | $POD_LAST KiB | | $(ratio "$last" "$POD_LAST") |"
	echo "| exits of those that were never told | $LOST | $POD_LOST | | |"
	SHIM_DIRTY=$now
	SHIM_LATER=$later
	SHIM_LAST=$last
}

# What our shim does for clients that ask it directly: each tool is its only one.
shim_direct() {
	local shim=$T/bin/containerd-shim-coracle-v2 calm one each n=${CONTAINERS:-1000}
	pod_bundle "$ME-stream" "" '["sh", "-c", "dd if=/dev/zero bs=64k count=16384 2> /dev/null; sleep 100000"]'
	read -r STREAM_US _ <<< "$("$BUILT/bench/stream" "$shim" "$T/$ME-stream" 1024)"
	echo "| CPU of a shim for 1 GiB of stdout | $STREAM_US µs | | | |"
	pod_bundle "$ME-calm" "" '["sleep", "100000"]'
	read -r -a calm <<< "$("$BUILT/bench/calm" "$shim" "$T/$ME-calm" 50)"
	echo "| State while 50 are created | ${calm[0]} µs, 99 % ${calm[1]} µs, at most ${calm[2]} µs of ${calm[3]} | | | |"
	STATE_US=${calm[1]}
	pod_bundle "$ME-march" "" '["true"]'
	mapfile -t one < <("$BUILT/bench/march" "$shim" "$T/$ME-march" "$n" one)
	mapfile -t each < <("$BUILT/bench/march" "$shim" "$T/$ME-march" $((n / 5)) each)
	[ ${#one[@]} = 3 ] && [ ${#each[@]} = 3 ]
	echo "| a container of $n in one shim | ${one[2]} ms | | | |"
	echo "| a container of $((n / 5)) in shims of their own | ${each[2]} ms | | | |"
	# shellcheck disable=SC2086
	set -- ${one[0]} ${one[1]} ${each[0]} ${each[1]}
	GROWN_DIRTY=$(($5 - $1))
	GROWN_FDS=$(($6 - $2))
	GROWN_LEFT=$(($7 - $3 + ${15} - ${11}))
	echo "| after a tenth and all of them: dirty, fds; left; kernel | $1, $5 KiB, $2, $6; $3, $7; $4, $8 KiB | | | |"
	echo "| the same in shims of their own: left; kernel | ${11}, ${15}; ${12}, ${16} KiB | | | |"
}

# After a failure as well: no process, mount, cgroup or file of ours is left.
shim_end() {
	local dir pid root=/run/coracle/containerd-$NS
	[ "$NS" = "bench-$$" ] || return 0
	"$CORACLE" cleanup --root "$root" > /dev/null 2>&1 || true
	for pid in $(pgrep -f -- " -namespace $NS "); do kill -9 "$pid" 2> /dev/null && await_end "$pid"; done
	for dir in /sys/fs/cgroup/{,*/}{"$NS/","$ME-","coracle-$ME-"}*/; do
		[ -d "$dir" ] || continue
		while read -r pid; do kill -9 "$pid" 2> /dev/null && await_end "$pid"; done < "$dir/cgroup.procs"
		rmdir "$dir" 2> /dev/null || true
	done
	"$CORACLE" cleanup --root "$root" > /dev/null 2>&1 || true
	rm -rf "$root" "/run/containerd/runc/$NS"
	while read -r dir; do umount -l "$dir"; done < <(awk -v t="$T/" 'index($2, t) == 1 { print $2 }' /proc/self/mounts)
	for dir in /sys/fs/cgroup/{,*/}; do
		rmdir "$dir$NS" "$dir$ME" 2> /dev/null || true
	done
}

# A node's /run is in memory; in our own mount namespace so is this machine's.
shim_memory() {
	[ "$(stat -f -c %T /run)" = tmpfs ] || mount -t tmpfs -o mode=755 run /run
	mkdir -p "$T/cd/state"
	mount -t tmpfs -o mode=711 state "$T/cd/state"
}

shim_part() {
	local times
	NS=bench-$$
	shim_memory
	containerd_setup > /dev/null 2>&1
	rm "$T/bin/containerd-shim-runc-v2" # ours, in the place of runc's
	cp "$BUILT/bench/instant" "$T/bin/containerd-shim-instant-v2"
	mkdir "$T/spec"
	runc spec -b "$T/spec"
	export CONTAINERD NAMESPACE=$NS
	echo "## shim: beside containerd's own with its runc, and a shim that answers at once; medians of $ROUNDS rounds, in turn"
	echo
	echo "| | coracle | runc | instant | ours of theirs |"
	echo "|---|---|---|---|---|"
	shim_times
	shim_pod
	shim_at_once
	shim_many
	shim_direct
	echo
}

shim_budgets() {
	budget "a pod's shim, private dirty KiB" "$SHIM_DIRTY" 160
	budget "the same after 1,000 execs" "$SHIM_LATER" 180
	budget "the same after 10 execs of 4 MB" "$SHIM_LAST" 180
	budget "exits of those that were never told" "$LOST" 0
	budget "PSS of one of 20 shims, of runc's" "$PSS_RATIO" 0.05
	budget "ctr run --rm, of runc's share" "$RUN_SHARE" 0.25
	budget "ctr task exec, of runc's share" "$EXEC_SHARE" 0.35
	budget "64 at once, of runc's time" "$WALL_RATIO" 0.50
	budget "64 at once, failed" "$SHIM_FAILED" 0
	budget "an exec probe's CPU, of runc's" "$CPU_RATIO" 0.20
	budget "CPU for 1 GiB of stdout, microseconds" "$STREAM_US" 0
	budget "State while 50 are created, microseconds of 99 %" "$STATE_US" 1000
	budget "growth over the containers, private dirty KiB" "$GROWN_DIRTY" 8
	budget "growth over the containers, fds" "$GROWN_FDS" 0
	budget "growth over the containers, mounts, cgroups and files" "$GROWN_LEFT" 0
}
