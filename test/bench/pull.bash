# pull.bash - pulls beside what people use today, of images made from this machine's own packages.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # variables of bench.sh

# pull_layers LAYERS MB FILES: into $T/files.N go the names of files of the machine's packages, so many in all.
pull_layers() {
	rm -f "$T"/files.*
	find /usr/share /usr/include /usr/lib -xdev -type f -size -2M -printf '%s %P\t%p\n' |
		LC_ALL=C sort -t "$(printf '\t')" -k 2 |
		awk -F '\t' -v layers="$1" -v most="$2" -v files="$3" -v to="$T/files." '{
			split($1, part, " ")
			if (sum + part[1] > most * 1000000 || n >= files) next
			sum += part[1]; n++
			print substr($2, 2) > (to int((sum - 1) * layers / (most * 1000000)))
		}'
}

# pull_image NAME PACKING LAYERS MB FILES: made once and kept; pushed to the registry; says what it is.
pull_image() {
	local list name=$1 packing=$2 kept=${XDG_CACHE_HOME:-$HOME/.cache}/coracle/bench-$1-$2-$3-$4-$5
	if [ ! -d "$kept" ]; then
		mkdir -p "$kept.$$"
		pull_layers "$3" "$4" "$5"
		for list in "$T"/files.*; do
			tar -C / --no-recursion -cf "$T/layer.tar" -T "$list"
			layer "$kept.$$/image" "$T/layer.tar" "$packing"
			rm -f "$T"/layer.tar*
		done
		image_end "$kept.$$/image" bench > "$T/image.out"
		echo "$(jq '.layers | length' "$kept.$$/image.manifest") layers ($packing), $(($(cat "$T"/files.* | wc -l))) files, $(
			cat "$T"/files.* | sed 's#^#/#' | tr '\n' '\0' | du -bc --files0-from=- | tail -n 1 |
				awk '{ print int($1 / 1000000) }') MB, $(du -sm "$kept.$$/image" | cut -f1) MB packed" > "$kept.$$/what"
		mv "$kept.$$" "$kept"
	fi
	push "$kept/image" "$name:1"
	jq -r '.layers[].digest' "$kept/image.manifest" | sed "s#^sha256:#$kept/image/blobs/sha256/#" > "$T/$name.blobs"
	cat "$kept/what"
}

# script NAME WORD...: a program of that name in $T.
pull_script() {
	local name=$1
	shift
	printf '#!/bin/sh\nset -e\n%s\n' "$*" > "$T/$name"
	chmod 755 "$T/$name"
}

# The others' pulls of that image, as programs.
pull_scripts() {
	pull_script classic "skopeo copy -q --src-tls-verify=false docker://$REGISTRY/$1:1 oci:$T/sk:1
umoci unpack --image $T/sk:1 $T/un"
	pull_script untar "mkdir $T/un; while read -r blob; do tar -C $T/un -xf - -I '$2 -dc' < \$blob; done < $T/$1.blobs"
	pull_script untarsync "$T/untar
sync -f $T/un"
	pull_script ctrpull "ctr -a $CONTAINERD -n bench images pull --plain-http $REGISTRY/$1:1"
	pull_script ctrforget "ctr -a $CONTAINERD -n bench images rm --sync $REGISTRY/$1:1 > /dev/null 2>&1 || :; sync"
	pull_script podmanpull "podman --root $T/pod --runroot $T/podrun --storage-driver overlay --storage-opt '' \
pull -q --tls-verify=false docker://$REGISTRY/$1:1"
	pull_script podmanforget "podman --root $T/pod --runroot $T/podrun --storage-driver overlay rmi -af > /dev/null 2>&1 || :; sync"
}

# pull_compare NAME PACKING WHAT [ROUNDS]
pull_compare() {
	local lines i n=${PULL_ROUNDS:-${4:-3}} gone="rm -rf $T/sk $T/un; sync" tool=gzip title=$3 ours
	# What a pull leaves is on the disk when it ends; what tar leaves is not, unless somebody waits for it.
	local others=(ctr podman tar "tar and sync") most=(0.45 0.45 0.80 "")
	local commands=(-b "rm -rf $T/store; sync" -b "$T/ctrforget" -b "$T/podmanforget" -b "$gone" -b "$gone")
	local programs=(-- "$CORACLE" pull --quiet "docker://$REGISTRY/$1:1" -- "$T/ctrpull" -- "$T/podmanpull" -- "$T/untar"
		-- "$T/untarsync")
	if [ "$2" = zstd ]; then # which Debian's umoci does not know; and tar gains nothing by our inflate, and checks no digest
		tool=zstd most[2]=
	else
		others+=("skopeo + umoci")
		most+=(0.30)
		commands+=(-b "$gone")
		programs+=(-- "$T/classic")
	fi
	pull_scripts "$1" $tool
	mapfile -t lines < <(rounds "$n" "${commands[@]}" "${programs[@]}")
	[ ${#lines[@]} = $((${#others[@]} + 1)) ]
	rm -rf "$T/un" "$T/sk"
	ours=${lines[0]%% *}
	set --
	for ((i = 0; i < ${#others[@]}; i++)); do
		set -- "$@" "${others[i]}" "${lines[i + 1]%% *}"
		[ -z "${most[i]}" ] || PULL_MISSES="${PULL_MISSES:-}
${title%%:*}: of ${others[i]}|$(ratio "$ours" "${lines[i + 1]%% *}")|${most[i]}"
	done
	row "$title" "$ours" "$@"
	PULL_MEMORY=${lines[0]##* }
}

# What earlier rounds wrote is on the disk, and the kernel keeps no inodes of files that are not open or in memory: where
# there are millions of them, as after other tests, a new one takes it twice the time, in a pull as in what it is beside.
pull_calm() {
	sync
	echo 2 > /proc/sys/vm/drop_caches
}

# pull_median FILE COLUMN
pull_median() {
	awk -v column="$2" '{ print $column }' "$1" | sort -n | sed -n "$((($(wc -l < "$1") + 1) / 2))p"
}

# One processor's time for a pull, and for what no pull of it can do without, in turn: medians.
pull_limit() {
	local n unpack digests write used image=$REGISTRY/$1:1
	rm -f "$T/limits" "$T/used"
	for ((n = 0; n < 5; n++)); do
		mkdir "$T/limit"
		pull_calm
		taskset -c 0 "$BUILT/bench/limit" "$image" "$T/limit" >> "$T/limits"
		rm -rf "$T/limit"
		pull_calm
		(
			TIMEFORMAT='%U %S'
			time CORACLE_STORE=$T/one taskset -c 0 "$CORACLE" pull --quiet "docker://$image" > "$T/pull.out"
		) 2>&1 | awk '{ print int(($1 + $2) * 1000) }' >> "$T/used"
		rm -rf "$T/one"
	done
	unpack=$(pull_median "$T/limits" 1) digests=$(pull_median "$T/limits" 2) write=$(pull_median "$T/limits" 3)
	used=$(pull_median "$T/used" 1)
	echo "| $1, one processor's time | $used ms | unpacking $unpack ms, writing $write ms (ours is $(
		ratio "$used" "$((unpack + write))")) | digests $digests ms (with them $(
		ratio "$used" "$((unpack + write + digests))")) | |"
	PULL_MISSES="$PULL_MISSES
$1, one processor: of unpacking and writing|$(ratio "$used" "$((unpack + write))")|1.15"
}

# A second pull, and a container's root file system, of an image that is there.
pull_again() {
	mapfile -t lines < <(rounds "$ROUNDS" -- "$CORACLE" pull --quiet "docker://$REGISTRY/$1:1")
	PULL_AGAIN=$(awk '{ print $1 / 1000 }' <<< "${lines[0]}")
	PULL_ROOTFS=$("$BUILT/bench/rootfs" "$REGISTRY/$1:1" 200)
	echo "| $1: a second pull, a container's root file system | $PULL_AGAIN ms, $PULL_ROOTFS ms |"
	PULL_MISSES="$PULL_MISSES
$1 again, ms|$PULL_AGAIN|20
$1: a container's root file system, ms|$PULL_ROOTFS|1"
}

# All of it on a file system of its own, as new: what is removed on an old one slows down what comes after.
pull_disk() {
	truncate -s 24G "$T.disk"
	mkfs.ext4 -q "$T.disk"
	mount -o loop "$T.disk" "$T" # it goes with our mount namespace
	rm "$T.disk"
}

pull_part() {
	local what
	PULL_JOBS=$(nproc)
	[ "$PULL_JOBS" -ge 3 ] || PULL_JOBS=3 # pull's own choice
	NS=bench
	pull_disk
	containerd_setup
	registry_start
	echo "## pull and unpack: medians of ${PULL_ROUNDS:-3} rounds or, of small, ${PULL_ROUNDS:-11}, in turn"
	echo
	echo "| | coracle pull | beside | | | |"
	echo "|---|---|---|---|---|---|"
	mkdir "$T/small"
	make_rootfs "$T/smallroot"
	tar -C "$T/smallroot" -cf "$T/layer.tar" .
	layer "$T/small" "$T/layer.tar"
	image_end "$T/small" bench > "$T/image.out"
	push "$T/small" small:1
	jq -r '.layers[].digest' "$T/small.manifest" | sed "s#^sha256:#$T/small/blobs/sha256/#" > "$T/small.blobs"
	pull_calm
	pull_compare small gzip "small: busybox, 1 layer" 11 # in milliseconds: three say little
	pull_again small
	what=$(pull_image medium gzip 12 "${PULL_MB:-400}" 1000000)
	pull_compare medium gzip "medium: $what"
	pull_again medium
	pull_limit medium
	[ -n "${PULL_BIG:-}" ] || return 0
	what=$(pull_image big zstd 40 1500 100000)
	pull_compare big zstd "big: $what"
	pull_again big
	pull_limit big
}

pull_budgets() {
	local what have most
	while IFS='|' read -r what have most; do
		[ -z "$what" ] || budget "pull of $what" "$have" "$most"
	done <<< "$PULL_MISSES"
	# Every process counted as if it were the largest.
	budget "memory of a pull with $PULL_JOBS jobs, MiB" $(((PULL_JOBS + 1) * PULL_MEMORY / 1024)) $((16 + 4 * PULL_JOBS))
}
