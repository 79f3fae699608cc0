# injected.bash - for tests that kill a command at each of the system calls it makes, or refuse them.
# shellcheck shell=bash

# calls COMMAND...: the system calls that it makes, "name:count" a line, count being the greatest of any of its processes.
calls() {
	strace -f -qqq -e signal=none -o "$BATS_TEST_TMPDIR/strace" "$@" < /dev/null > /dev/null 2>&1 3>&-
	awk '{ sub(/\(.*/, "", $2) } $2 ~ /^[a-z0-9_]+$/ { n = ++count[$1, $2]; if (n > most[$2]) most[$2] = n }
		END { for (name in most) print name ":" most[name] }' "$BATS_TEST_TMPDIR/strace" |
		grep -vE '^(execve|exit_group|exit|brk|mmap|munmap|arch_prctl|set_tid_address|rt_sigaction|rt_sigreturn|prlimit64|rseq|set_robust_list):' | sort
}

# points COUNT: of "name:count" lines, COUNT pairs "name n" at even distances over all of them; all with TORTURE=1.
points() {
	awk -F: -v want="${TORTURE:+1000000}" -v few="$1" '{ for (i = 1; i <= $2; i++) all[n++] = $1 " " i }
		END { want = want ? want : few; if (want > n) want = n
			for (i = 0; i < want; i++) print all[int(i * n / want)] }'
}
