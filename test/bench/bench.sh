#!/bin/bash
# bench.sh [runtime|shim|pull]... - Coracle beside what people use today, measured in turn on the same input; then the
# budgets. Prints Markdown; fails when a budget is missed. ROUNDS=100 for steadier numbers.
# shellcheck disable=SC1091,SC2317 # the tests' own files; functions that traps and those call
set -eu
here=$(cd "$(dirname "$0")" && pwd)
[ -n "${BENCH_INSIDE:-}" ] || BENCH_INSIDE=1 exec "$here/hybrid" "$0" "$@"

bats_require_minimum_version() { :; }
BATS_TEST_DIRNAME=$here/../system
CORACLE=$(readlink -f "${CORACLE:-$here/../../build/coracle}")
TOOLS=$(dirname "$CORACLE")
BATS_FILE_TMPDIR=$(mktemp -d)
ROUNDS=${ROUNDS:-40}
export CORACLE CORACLE_STORE=$BATS_FILE_TMPDIR/store
# shellcheck source=test/system/helper.bash
. "$BATS_TEST_DIRNAME/helper.bash"
# shellcheck source=test/system/containerd.bash
. "$BATS_TEST_DIRNAME/containerd.bash"
# shellcheck source=test/system/images.bash
. "$BATS_TEST_DIRNAME/images.bash"

T=$BATS_FILE_TMPDIR
B=$T/bundle
missed=0
parts=" $* "

leave() {
	containerd_teardown || true
	registry_stop || true
	rm -rf "$T"
}
trap leave EXIT

wanted() {
	[ "$parts" = "  " ] || [[ $parts == *" $1 "* ]]
}

rounds() {
	"$TOOLS/bench/rounds" "$@"
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

runtime_part() {
	local times
	echo "## runtime: medians of $ROUNDS rounds, in turn"
	echo
	echo "| \`/bin/true\` of \`runc spec\` | coracle | beside | beside |"
	echo "|---|---|---|---|"
	bundle '["/bin/true"]'
	mapfile -t times < <(rounds "$ROUNDS" -- "$CORACLE" runtime --root "$T/s" run -b "$B" bench-coracle \
		-- crun --root "$T/c" run -b "$B" bench-crun -- runc --root "$T/r" run -b "$B" bench-runc | cut -d' ' -f1)
	[ ${#times[@]} = 3 ]
	row run "${times[0]}" crun "${times[1]}" runc "${times[2]}"
	RUN_RATIO=$(ratio "${times[0]}" "${times[1]}")
	jq '.process.args = ["sleep", "100000"]' "$B/config.json" > "$B/new" && mv "$B/new" "$B/config.json"
	"$CORACLE" runtime --root "$T/s" run -d -b "$B" bench-coracle < /dev/null > /dev/null 2>&1
	crun --root "$T/c" run -d -b "$B" bench-crun < /dev/null > /dev/null 2>&1
	runc --root "$T/r" run -d -b "$B" bench-runc < /dev/null > /dev/null 2>&1
	mapfile -t times < <(rounds "$ROUNDS" -- "$CORACLE" runtime --root "$T/s" exec bench-coracle true \
		-- crun --root "$T/c" exec bench-crun true -- runc --root "$T/r" exec bench-runc true | cut -d' ' -f1)
	"$CORACLE" runtime --root "$T/s" delete --force bench-coracle
	crun --root "$T/c" delete --force bench-crun
	runc --root "$T/r" delete --force bench-runc
	[ ${#times[@]} = 3 ]
	row exec "${times[0]}" crun "${times[1]}" runc "${times[2]}"
	echo
}

# memory PID FIELD: KiB
memory() {
	awk -v f="$2:" '$1 == f { print $2 }' "/proc/$1/smaps_rollup"
}

shim_part() {
	local times ours theirs
	containerd_setup > /dev/null 2>&1
	echo "## shim: \`ctr run --rm\` of \`/bin/true\`, medians of $ROUNDS rounds, in turn"
	echo
	echo "| | io.containerd.coracle.v2 | beside |"
	echo "|---|---|---|"
	mapfile -t times < <(rounds "$ROUNDS" \
		-- ctr -a "$CONTAINERD" -n "$NS" run --rm --runtime io.containerd.coracle.v2 "$IMAGE" bench-coracle true \
		-- ctr -a "$CONTAINERD" -n "$NS" run --rm --runtime io.containerd.runc.v2 "$IMAGE" bench-runc true | cut -d' ' -f1)
	[ ${#times[@]} = 2 ]
	row "ctr run --rm" "${times[0]}" runc.v2 "${times[1]}"
	ctr_ run -d --runtime io.containerd.coracle.v2 "$IMAGE" bench-coracle sleep 100000
	ctr_ run -d --runtime io.containerd.runc.v2 "$IMAGE" bench-runc sleep 100000
	ours=$(shim_pid bench-coracle)
	theirs=$(pgrep -f -- "^[^ ]*containerd-shim-runc-v2 -namespace $NS -id bench-runc ")
	sync # pages of a new file count as dirty until they are on the disk
	SHIM_DIRTY=$(memory "$ours" Private_Dirty)
	echo "| private dirty memory | $SHIM_DIRTY KiB | $(memory "$theirs" Private_Dirty) KiB |"
	echo "| PSS | $(memory "$ours" Pss) KiB | $(memory "$theirs" Pss) KiB |"
	echo "| RSS | $(memory "$ours" Rss) KiB | $(memory "$theirs" Rss) KiB |"
	echo
	ctr_ task kill -s KILL bench-coracle
	ctr_ task kill -s KILL bench-runc
	for id in bench-coracle bench-runc; do
		ctr_ task rm "$id" > /dev/null 2>&1 || true
		ctr_ containers rm "$id"
	done
	await_end "$ours"
	await_end "$theirs"
}

# An image of some weight: this machine's own libraries, in three layers, in a registry.
pull_image() {
	local dir n=0
	for dir in /usr/lib/*-linux-gnu /usr/share/doc /usr/lib/go-1.19 /usr/lib/python3; do
		[ -d "$dir" ] || continue
		tar -C / --sort=name -cf - "${dir#/}" 2> /dev/null | head -c "${PULL_MB:-60}M" > "$T/layer.tar" || true
		# What was cut off in the middle is no archive any more: tar makes one of what is whole.
		rm -rf "$T/layer"
		mkdir "$T/layer"
		tar -C "$T/layer" -xf "$T/layer.tar" 2> /dev/null || true
		tar -C "$T/layer" --sort=name -cf "$T/layer.tar" .
		layer "$T/image" "$T/layer.tar"
		n=$((n + 1))
	done
	image_end "$T/image" bench > "$T/image.out"
	rm -rf "$T/layer" "$T/layer.tar" "$T/layer.tar.gz"
	push "$T/image" bench:1
	echo "$n layers, $(du -sm "$T/image" | cut -f1) MB packed"
}

pull_part() {
	local what lines n=${PULL_ROUNDS:-5}
	mkdir "$T/image"
	registry_start
	what=$(pull_image)
	printf '#!/bin/sh\nset -e\nskopeo copy -q --src-tls-verify=false docker://%s/bench:1 oci:%s/sk:1\numoci unpack --image %s/sk:1 %s/un\n' \
		"$REGISTRY" "$T" "$T" "$T" > "$T/classic"
	chmod 755 "$T/classic"
	mapfile -t lines < <(rounds "$n" -b "rm -rf $T/store; sync" -b "rm -rf $T/sk $T/un; sync" \
		-- "$CORACLE" pull --quiet "docker://$REGISTRY/bench:1" -- "$T/classic")
	[ ${#lines[@]} = 2 ]
	echo "## pull and unpack: $what, medians of $n rounds, in turn"
	echo
	echo "| | coracle pull | beside |"
	echo "|---|---|---|"
	# shellcheck disable=SC2048,SC2086
	set -- ${lines[*]}
	row time "$1" "skopeo + umoci" "$4"
	echo "| greatest RSS | $3 KiB | $6 KiB |"
	echo
}

size=$(stat -c %s "$CORACLE")
if wanted runtime; then runtime_part; fi
if wanted shim; then shim_part; fi
if wanted pull; then pull_part; fi
echo "## budgets"
echo
budget "binary, bytes" "$size" 1572864
[ -z "${RUN_RATIO:-}" ] || budget "runtime run, of crun's time" "$RUN_RATIO" 0.60
[ -z "${SHIM_DIRTY:-}" ] || budget "shim, private dirty KiB" "$SHIM_DIRTY" 250
exit "$missed"
