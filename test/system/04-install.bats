#!/usr/bin/env bats
# 04-install.bats - what `make install` puts where, and that pages and completion know what the program does.

load helper

TOP=$BATS_TEST_DIRNAME/../..

setup_file() {
	export D=$BATS_FILE_TMPDIR/d
	env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS make -s -C "$BATS_TEST_DIRNAME/../.." install DESTDIR="$D" PREFIX=/opt/x > /dev/null
}

# Each command and verb, a line each: what --help lists below "Commands:".
commands() {
	"$@" --help | sed -n '/^Commands:/,/^$/ s/^  \([a-z]*\)  *.*/\1/p'
}

# The options of a command, from its --help.
options() {
	"$@" --help | sed -n 's/^ *\(-[a-zA-Z], \)*\(--[a-z0-9-]*\).*/\2/p'
}

@test "all_is_below_the_prefix_and_each_name_works" {
	[ "$(cd "$D" && find . -type d -path './opt/x/*' -prune -o -type d -print | sort | paste -sd ' ')" = ". ./opt ./opt/x" ]
	local f name
	for f in "$D"/opt/x/bin/*; do
		name=${f##*/}
		[ "$(readlink -f "$f")" = "$D/opt/x/bin/coracle" ]
		[ "$(stat -Lc %a "$f")" = 755 ]
		run -0 "$f" --help
		# By the name that it was called by, in errors, too.
		[[ "$name" == containerd-shim-* || "${lines[0]}" == "$name - "* ]]
		run "$f" --no-such-option
		[[ "$status" != 0 && "$output" == *"'$name --help'" ]]
	done
	for name in $(commands "$D/opt/x/bin/coracle"); do
		[[ "$name" == @(shim|man|completion) || -L "$D/opt/x/bin/coracle-$name" ]]
		[ -s "$D/opt/x/share/man/man1/coracle-$name.1" ]
	done
}

@test "pages_and_completion_have_every_command_and_option" {
	local path verb
	# shellcheck source=/dev/null
	. "$D/opt/x/share/bash-completion/completions/coracle"
	# check PAGE coracle [COMMAND [VERB]]
	check() {
		local o page
		page=$(< "$D/opt/x/share/man/man1/$1.1")
		COMP_WORDS=("${@:2}" -) COMP_CWORD=$(($# - 1)) COMPREPLY=()
		_coracle coracle - "${*: -1}"
		for o in $(options "$CORACLE" "${@:3}"); do
			[[ "$page" == *"\\fB${o//-/\\-}\\fR"* ]] || { echo "page $1: no $o"; return 1; }
			[[ " ${COMPREPLY[*]} " == *" $o "* ]] || { echo "completion of ${*:2}: no $o"; return 1; }
		done
		for o in $(commands "$CORACLE" "${@:3}"); do
			[[ "$page" == *"\\fB$o\\fR"* ]] || { echo "page $1: no $o"; return 1; }
		done
	}
	check coracle coracle
	for path in $(commands "$CORACLE"); do
		[[ "$(head -n 1 "$D/opt/x/share/man/man1/coracle-$path.1")" == ".TH CORACLE-${path^^} 1 "* ]]
		check "coracle-$path" coracle "$path"
	done
	for path in runtime volume; do
		for verb in $(commands "$CORACLE" $path); do
			check "coracle-$path" coracle $path "$verb"
		done
	done
}

@test "the_licence_of_all_that_is_linked_in_goes_with_the_binary" {
	local doc=$D/opt/x/share/doc/coracle name names
	cmp "$TOP/LICENSE" "$doc/LICENSE"
	[ -s "$doc/README.md" ]
	mapfile -t names < <(sed -n 's/^\([a-z][a-z-]*\) .*/\1/p' "$TOP/third_party/lock")
	for name in "${names[@]}"; do
		[[ "$(sed -n "/^# $name [0-9]/,/^# /p" "$doc/third_party.txt" | wc -w)" -gt 20 ]] || { echo "no licence of $name"; return 1; }
		grep -q "^    $name .*sha256:" "$doc/third_party.txt"
	done
}
