# lib.sh - what the guests' tests share: the runtime, what the kernel says, and facts as TAP. For busybox' shell.
# shellcheck shell=dash

c() {
	coracle runtime --root /run/state "$@"
}

# Where it looks for the same containers.
theirs() {
	/usr/sbin/runc --root /run/state "$@" > /tmp/out 2>&1 < /dev/null
}

# start BUNDLE [OPTION...] - as container c, with stdio that is nobody's. Options are those of create.
start() {
	start_bundle=$1
	shift
	c create --bundle "/bundles/$start_bundle" "$@" c < /dev/null > /tmp/out 2>&1 && c start c
}

# run BUNDLE - as container c until its end; what it says is in /tmp/out.
run() {
	c run --bundle "/bundles/$1" c > /tmp/out 2>&1 < /dev/null
}

# is WANT FILE - the content of a file of the container's cgroup.
is() {
	is_got=$(cat "$cgroup/$2")
	[ "$is_got" = "$1" ] || { echo "# $2: got '$is_got', want '$1'"; return 1; }
}

# says WANT - the last output has it.
says() {
	grep -qF -- "$1" /tmp/out || { sed 's/^/# /' /tmp/out; return 1; }
}

status() {
	c state c | grep -q "\"status\": \"$1\""
}

pid() {
	c state c | sed -n 's/.*"pid": \([0-9]*\).*/\1/p'
}

# has PROPERTY=VALUE... - the container's unit, as systemd knows it.
has() {
	systemctl show box-c.scope > /tmp/unit
	for has_want; do
		grep -qxF -- "$has_want" /tmp/unit || {
			echo "# got '$(grep "^${has_want%%=*}=" /tmp/unit)', want '$has_want'"
			return 1
		}
	done
}

# shim BUNDLE [FIELD...] - the same container of a shim of its own, asked directly; fields are those of Create. What it tells
# is in /tmp/heard.
shim() {
	shim_bundle=/bundles/$1
	shift
	: > /tmp/heard
	ask hear /tmp/hear.sock >> /tmp/heard 2> /dev/null < /dev/null &
	shim_hearer=$!
	address=$(cd "$shim_bundle" && TTRPC_ADDRESS=/tmp/hear.sock containerd-shim-coracle-v2 -namespace guest -id c -address /c.sock \
		-publish-binary /bin/false start < /dev/null) &&
		ask "$address" Create 1=c "2=$shim_bundle" "$@" > /tmp/out && ask "$address" Start 1=c >> /tmp/out
}

# asked METHOD [FIELD...] - of container c; the answer is in /tmp/out.
asked() {
	asked_method=$1
	shift
	ask "$address" "$asked_method" 1=c "$@" > /tmp/out
}

# Ended or not, it is deleted, and the shim goes.
shim_end() {
	shim_pid=$(ask "$address" Connect 1=c | sed -n 's/^1: //p')
	asked Kill 3:9
	asked Wait && asked Delete && asked Shutdown || return 1
	while [ -d "/proc/$shim_pid" ]; do :; done
	kill "$shim_hearer"
	wait "$shim_hearer" 2> /dev/null
	[ ! -e /run/coracle/containerd-guest/c ] && [ ! -e "${address#unix://}" ]
}

# heard TOPIC... - so far, in this order.
heard() {
	until [ "$(wc -l < /tmp/heard)" -ge $# ]; do :; done
	[ "$(cut -d' ' -f1 /tmp/heard | tr '\n' ' ')" = "$* " ] || { sed 's/^/# /' /tmp/heard; return 1; }
}

# All functions of a file of tests that have a name of more than two words are facts, but those that say what is left.
facts() {
	facts_count=0
	# shellcheck disable=SC2013 # names have no blanks
	for facts_name in $(sed -n 's/^\([a-z0-9]*_[a-z0-9]*_[a-z0-9_]*\)() {$/\1/p' "$1"); do
		case $facts_name in *_is_left | *_is_gone) continue ;; esac
		facts_count=$((facts_count + 1))
		if "$facts_name"; then
			echo "ok $facts_count - guest: $facts_name"
		else
			echo "not ok $facts_count - guest: $facts_name"
		fi
		c delete --force c > /dev/null 2>&1
	done
	echo "1..$facts_count"
}
