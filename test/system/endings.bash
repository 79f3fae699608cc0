# endings.bash - tasks that end, and what is told of it and left, for the tests under several containerds.
# shellcheck shell=bash

# A time of an event as seconds and nanoseconds: containerd 2 has them so.
seconds() {
	case $1 in
	'{'*) jq -r '"\(.seconds // 0).\(1000000000 + (.nanos // 0) | tostring | .[1:])"' <<< "$1" ;;
	*) date -d "$1" +%s.%N ;;
	esac
}

# The end of ID as events tell it: "STATUS TIME".
event_end() {
	echo "$(event_field "/tasks/$2" ".$([ "$2" = exit ] && echo id || echo container_id) == \"$1\"" .exit_status) $(
		seconds "$(event_field "/tasks/$2" ".$([ "$2" = exit ] && echo id || echo container_id) == \"$1\"" .exited_at)")"
}

# What its shim tells when it is asked.
shim_ends() {
	local address
	address=$(< "$TASKS/$1/address")
	"$BATS_TEST_DIRNAME/shimlife" ends "${address#unix://}" "$1"
}

# ended_alike ID STATUS: the event, State, Wait, Delete and its event tell that status and one time; then all is gone.
ended_alike() {
	local end
	await_event /tasks/exit ".id == \"$1\""
	end=$(event_end "$1" exit)
	[ "${end% *}" = "$2" ] || { echo "exit event: $end"; return 1; }
	[ "$(shim_ends "$1")" = "State $end"$'\n'"Wait $end" ] || { echo "$end, but $(shim_ends "$1")"; return 1; }
	ctr_ task rm "$1" || true # says the status
	await_event /tasks/delete ".container_id == \"$1\""
	[ "$(event_end "$1" delete)" = "$end" ] || { echo "$end, but delete: $(event_end "$1" delete)"; return 1; }
	ctr_ containers rm "$1"
	assert_no_shim "$1"
}

# After its shim has died: both events tell that, all is gone, and the id can be used again.
ended_without_shim() {
	await_event /tasks/delete ".container_id == \"$1\""
	local end
	end=$(event_end "$1" exit)
	[ "${end% *}" = "$2" ] || { echo "exit event: $end"; return 1; }
	[ "$(event_end "$1" delete)" = "$end" ]
	ctr_ containers rm "$1"
	assert_no_shim "$1"
	run -0 ctr_run "$1" echo again
	[ "$output" = again ]
	assert_no_shim "$1"
}

# All of a cgroup, from outside.
kill_cgroup() {
	local pids
	mapfile -t pids < "/sys/fs/cgroup/pids/$NS/$1/cgroup.procs"
	kill -9 "${pids[@]}"
}
