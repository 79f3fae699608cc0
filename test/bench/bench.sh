#!/bin/bash
# bench.sh [runtime|shim|pull]... - Coracle beside what people use today, measured in turn on the same input; then the
# budgets. Prints Markdown; fails when a budget is missed. ROUNDS=100 for steadier numbers.
# shellcheck disable=SC1091,SC2034,SC2317 # the tests' own files; functions that traps and those call
set -eu
here=$(cd "$(dirname "$0")" && pwd)
parts=" $* "

wanted() {
	[ "$parts" = "  " ] || [[ $parts == *" $1 "* ]]
}

if [ -z "${BENCH_INSIDE:-}" ]; then
	export BENCH_INSIDE=1
	if wanted runtime; then # for crun
		exec unshare -m --propagation private "$here/hybrid" "$0" "$@"
	fi
	exec unshare -m --propagation private "$0" "$@"
fi

bats_require_minimum_version() { :; }
BATS_TEST_DIRNAME=$here/../system
CORACLE=$(readlink -f "${CORACLE:-$here/../../build/coracle}")
BUILT=$(dirname "$CORACLE")
BATS_FILE_TMPDIR=$(mktemp -d)
BATS_RUN_TMPDIR=$BATS_FILE_TMPDIR
ROUNDS=${ROUNDS:-40}
export CORACLE CORACLE_STORE=$BATS_FILE_TMPDIR/store
# shellcheck source=test/system/helper.bash
. "$BATS_TEST_DIRNAME/helper.bash"
# shellcheck source=test/system/containerd.bash
. "$BATS_TEST_DIRNAME/containerd.bash"
# shellcheck source=test/system/images.bash
. "$BATS_TEST_DIRNAME/images.bash"
# shellcheck source=test/bench/shim.bash
. "$here/shim.bash"
# shellcheck source=test/bench/pull.bash
. "$here/pull.bash"

T=$BATS_FILE_TMPDIR
B=$T/bundle
RUN=$T/run # the state of containers, on a tmpfs as /run is
missed=0

leave() {
	containerd_teardown || true
	shim_end
	registry_stop || true
	umount -l "$RUN" 2> /dev/null || true
	umount -l "$T" 2> /dev/null || true # of pulls
	rm -rf "$T"
}
trap leave EXIT

rounds() {
	"$BUILT/bench/rounds" "$@"
}

# ms MICROSECONDS
ms() {
	awk -v v="$1" 'BEGIN { printf "%.1f ms", v / 1000 }'
}

ratio() {
	awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'
}

# budget WHAT VALUE MOST
budget() {
	local verdict=ok
	awk -v a="$2" -v b="$3" 'BEGIN { exit !(a <= b) }' || { verdict=MISSED; missed=1; }
	echo "- $1: $2, budget $3: $verdict"
}

bundle() {
	make_rootfs "$T/root"
	mkdir "$B"
	runc spec -b "$B"
	jq --arg r "$T/root" --argjson a "$1" '.process.terminal = false | .root.path = $r | .process.args = $a' \
		"$B/config.json" > "$B/new"
	mv "$B/new" "$B/config.json"
}

# row TITLE OURS [NAME THEIRS]...: microseconds.
row() {
	local title=$1 ours=$2 cell out
	shift 2
	out="| $title | $(ms "$ours") |"
	while [ $# -gt 0 ]; do
		cell="$(ms "$2") ($1, ours is $(ratio "$ours" "$2"))"
		out="$out $cell |"
		shift 2
	done
	echo "$out"
}

# The program of the bundle: program WORD...
program() {
	jq -c '.process.args = $ARGS.positional' --args "$@" < "$B/config.json" > "$B/new" && mv "$B/new" "$B/config.json"
}

ours() {
	"$CORACLE" runtime --root "$RUN/s" "$@"
}

# Where v2 is all that is seen of cgroups.
v2_alone() {
	unshare -m --propagation private sh -c 'mount -t cgroup2 cgroup2 /sys/fs/cgroup && exec "$@"' - "$@"
}

# System calls of all processes of a command, as $SEEN begins it.
calls() {
	${SEEN:-} strace -f -qqq -e signal=none -o "$T/strace" "$@" < /dev/null > /dev/null
	grep -vc ' resumed' "$T/strace"
}

run_part() {
	local times
	program /bin/true
	mapfile -t times < <(rounds "$ROUNDS" -- "$CORACLE" runtime --root "$RUN/s" run -b "$B" bench-coracle \
		-- crun --root "$RUN/c" run -b "$B" bench-crun -- runc --root "$RUN/r" run -b "$B" bench-runc \
		-- "$BUILT/bench/floor" "$T/root" /bin/true | cut -d' ' -f1)
	[ ${#times[@]} = 4 ]
	row run "${times[0]}" crun "${times[1]}" runc "${times[2]}"
	echo "| the floor: clone, mount, pivot, exec | | $(ms "${times[3]}") (ours is $(ratio "${times[0]}" "${times[3]}")) | |"
	RUN_RATIO=$(ratio "${times[0]}" "${times[1]}")
	FLOOR_RATIO=$(ratio "${times[0]}" "${times[3]}")
	CALLS=$(calls "$CORACLE" runtime --root "$RUN/s" run -b "$B" bench-coracle)
	echo "| system calls of \`run\` | $CALLS | $(calls crun --root "$RUN/c" run -b "$B" bench-crun) (crun) | $(
		calls runc --root "$RUN/r" run -b "$B" bench-runc) (runc) |"
	mapfile -t times < <(v2_alone "$BUILT/bench/rounds" "$ROUNDS" -- "$CORACLE" runtime --root "$RUN/s" run -b "$B" bench-coracle \
		-- "$BUILT/bench/floor" "$T/root" /bin/true | cut -d' ' -f1)
	[ ${#times[@]} = 2 ]
	V2_RATIO=$(ratio "${times[0]}" "${times[1]}")
	echo "| run where cgroup v2 is alone | $(ms "${times[0]}") | $(ms "${times[1]}") (the floor, ours is $V2_RATIO) | |"
	V2_CALLS=$(SEEN=v2_alone calls "$CORACLE" runtime --root "$RUN/s" run -b "$B" bench-coracle)
	echo "| its system calls | $V2_CALLS | | |"
}

life_part() {
	local times all=()
	for who in "$CORACLE runtime --root $RUN/s" "crun --root $RUN/c" "runc --root $RUN/r"; do
		# shellcheck disable=SC2206 # words
		all+=(-- $who create -b "$B" bench + $who start bench + $who delete --force bench)
	done
	mapfile -t times < <(rounds "$ROUNDS" "${all[@]}" | cut -d' ' -f1)
	[ ${#times[@]} = 3 ]
	row "create, start, delete" "${times[0]}" crun "${times[1]}" runc "${times[2]}"
	LIFE_RATIO=$(ratio "${times[0]}" "${times[1]}")
}

exec_part() {
	local times who
	program sleep 100000
	for who in "$CORACLE runtime --root $RUN/s" "crun --root $RUN/c" "runc --root $RUN/r"; do
		$who run -d -b "$B" bench < /dev/null > /dev/null 2>&1
	done
	mapfile -t times < <(rounds "$ROUNDS" -- "$CORACLE" runtime --root "$RUN/s" exec bench true \
		-- crun --root "$RUN/c" exec bench true -- runc --root "$RUN/r" exec bench true | cut -d' ' -f1)
	for who in "$CORACLE runtime --root $RUN/s" "crun --root $RUN/c" "runc --root $RUN/r"; do
		$who delete --force bench
	done
	[ ${#times[@]} = 3 ]
	row exec "${times[0]}" crun "${times[1]}" runc "${times[2]}"
	EXEC_RATIO=$(ratio "${times[0]}" "${times[1]}")
}

# With MANY others alive: is the next as fast as the first, and what does it cost to list them?
many_part() {
	local many=${MANY:-1000} before=() after=() i times
	program /bin/true
	mapfile -t before < <(rounds "$ROUNDS" -- "$CORACLE" runtime --root "$RUN/s" run -b "$B" bench-one \
		-- "$BUILT/bench/floor" "$T/root" /bin/true | cut -d' ' -f1)
	program sleep 100000
	for ((i = 0; i < many; i++)); do
		ours run -d -b "$B" "bench-$i" < /dev/null > /dev/null 2>&1
	done
	program /bin/true
	mapfile -t after < <(rounds "$ROUNDS" -- "$CORACLE" runtime --root "$RUN/s" run -b "$B" bench-one \
		-- "$BUILT/bench/floor" "$T/root" /bin/true | cut -d' ' -f1)
	program sleep 100000
	for ((i = 0; i < many; i++)); do
		runc --root "$RUN/r" run -d -b "$B" "bench-r$i" < /dev/null > /dev/null 2>&1
	done
	mapfile -t times < <(rounds 5 -- "$CORACLE" runtime --root "$RUN/s" list -- runc --root "$RUN/r" list | cut -d' ' -f1,3)
	[ ${#times[@]} = 2 ]
	row "list of $many" "${times[0]% *}" runc "${times[1]% *}"
	echo "| run beside $many others | $(ms "${after[0]}") | $(ms "${before[0]}") (beside none, $(ratio "${after[0]}" "${before[0]}") of it) | |"
	echo "| the floor beside $many others | | $(ms "${after[1]}"), $(ms "${before[1]}") beside none, $(ratio "${after[1]}" "${before[1]}") of it | |"
	LIST_RATIO=$(ratio "${times[0]% *}" "${times[1]% *}")
	LIST_MEMORY=${times[0]#* }
	MANY_RATIO=$(ratio "${after[0]}" "${before[0]}")
	for ((i = 0; i < many; i++)); do
		ours delete --force "bench-$i"
		runc --root "$RUN/r" delete --force "bench-r$i"
	done
}

# The greatest memory of each verb, KiB.
memory_part() {
	program sleep 100000
	VERB_MEMORY=$(rounds 3 -- "$CORACLE" runtime --root "$RUN/s" create -b "$B" bench + "$CORACLE" runtime --root "$RUN/s" start bench \
		+ "$CORACLE" runtime --root "$RUN/s" exec bench true + "$CORACLE" runtime --root "$RUN/s" state bench \
		+ "$CORACLE" runtime --root "$RUN/s" ps -f json bench + "$CORACLE" runtime --root "$RUN/s" events --stats bench \
		+ "$CORACLE" runtime --root "$RUN/s" update --pids-limit 100 bench + "$CORACLE" runtime --root "$RUN/s" pause bench \
		+ "$CORACLE" runtime --root "$RUN/s" resume bench + "$CORACLE" runtime features \
		+ "$CORACLE" runtime --root "$RUN/s" kill bench KILL + "$CORACLE" runtime --root "$RUN/s" delete --force bench | cut -d' ' -f3)
	echo "| greatest RSS of any verb | $VERB_MEMORY KiB | | |"
}

runtime_part() {
	echo "## runtime: medians of $ROUNDS rounds, in turn"
	echo
	echo "| \`/bin/true\` of \`runc spec\` | coracle | beside | beside |"
	echo "|---|---|---|---|"
	bundle '["/bin/true"]'
	mkdir "$RUN"
	mount -t tmpfs -o mode=700 run "$RUN"
	run_part
	life_part
	exec_part
	memory_part
	many_part
	echo
}

size=$(stat -c %s "$CORACLE")
if wanted runtime; then runtime_part; fi
if wanted shim; then shim_part; fi
if wanted pull; then pull_part; fi
echo "## budgets"
echo
budget "binary, bytes" "$size" 1572864
if [ -n "${RUN_RATIO:-}" ]; then
	budget "runtime run, of crun's time" "$RUN_RATIO" 0.40
	budget "runtime run, of the floor" "$FLOOR_RATIO" 1.8
	budget "runtime run, of the floor, v2 alone" "$V2_RATIO" 1.8
	budget "runtime create, start and delete, of crun's time" "$LIFE_RATIO" 0.45
	budget "runtime exec, of crun's time" "$EXEC_RATIO" 0.40
	budget "system calls of runtime run" "$CALLS" 250
	budget "system calls of runtime run, v2 alone" "$V2_CALLS" 250
	budget "RSS of any verb, KiB" "$VERB_MEMORY" 1536
	budget "list of many, of runc's time" "$LIST_RATIO" 0.20
	budget "RSS of list of many, KiB" "$LIST_MEMORY" 1536
	budget "run beside many, of one beside none" "$MANY_RATIO" 1.10
fi
[ -z "${PULL_MISSES:-}" ] || pull_budgets
[ -z "${SHIM_DIRTY:-}" ] || shim_budgets
exit "$missed"
