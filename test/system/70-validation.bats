#!/usr/bin/env bats
# bats file_tags=long
# 70-validation.bats - the Open Container Initiative's own tests of a runtime (test/validation): what runc or crun passes
# must pass.

load helper

VALIDATION=$BATS_TEST_DIRNAME/../validation

setup_file() {
	[ "$(id -u)" = 0 ] || return 0
	awk '!/^#/ && NF == 2 { print $2 }' "$VALIDATION/programs" |
		"$VALIDATION/run" "$("$VALIDATION/build")" "$BATS_FILE_TMPDIR" \
			"$(readlink -f "$CORACLE")" runtime --root "$BATS_FILE_TMPDIR/state"
}

setup() {
	[ "$(id -u)" = 0 ] || skip "needs root"
}

# Every program about $1 that can pass has passed.
passes() {
	local about name impossible results n=0
	results=$(< "$BATS_FILE_TMPDIR/results")
	while read -r about name impossible; do
		[ "$about$impossible" = "$1" ] || continue
		n=$((n + 1))
		[[ $'\n'$results$'\n' == *$'\n'"pass $name"$'\n'* ]] || {
			echo "$name:"
			grep -E '^not ok|"error"|^1\.\.' "$BATS_FILE_TMPDIR/said/$name"
			cat "$BATS_FILE_TMPDIR/said/$name.err"
			return 1
		}
	done < "$VALIDATION/programs"
	[ "$n" -gt 0 ]
}

@test "validation_of_the_lifecycle_passes" {
	passes lifecycle
}

@test "validation_of_namespaces_passes" {
	passes namespaces
}

@test "validation_of_files_passes" {
	passes files
}

@test "validation_of_the_process_passes" {
	passes process
}

@test "validation_of_hooks_passes" {
	passes hooks
}

@test "validation_of_cgroups_passes" {
	passes cgroups
}

@test "validation_leaves_no_container_and_no_cgroup" {
	[ -z "$(ls -A "$BATS_FILE_TMPDIR/state")" ]
	run compgen -G '/sys/fs/cgroup/*/cgrouptest'
	[ -z "$output" ]
}
