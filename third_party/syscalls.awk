# syscalls.awk - libseccomp's syscalls.csv as the tables of syscalls.c.
BEGIN {
	FS = ","
	for (i = 1; i < 128; i++)
		code[sprintf("%c", i)] = i
}

NR == 1 {
	for (i = 2; i <= NF; i += 2)
		arch[++archs] = $i
	next
}

{
	n++
	names = names "\t\"" $1 "\\0\"\n"
	where = where at + 0 ","
	at += length($1) + 1
	for (i = 1; i <= archs; i++) {
		if ($(2 * i + 1) != "KV_UNDEF")
			wrong = $1 " has a kernel's version"
		column[i] = column[i] "N(" ($(2 * i) == "PNR" ? "__PNR_" $1 : $(2 * i)) "),"
	}
	h = 0
	for (i = 1; i <= length($1); i++)
		h = (h * 33 + code[substr($1, i, 1)]) % 65536
	for (h %= 1024; h in slot; h = (h + 1) % 1024)
		;
	slot[h] = n
}

END {
	if (n > 900 || at > 65535)
		wrong = "too many names"
	if (wrong) {
		print "syscalls.awk: " wrong > "/dev/stderr"
		exit 1
	}
	print "static const char names[] =\n" names ";"
	print "static const uint16_t name_at[] = {" where "};"
	printf "static const uint16_t slots[1024] = {"
	for (i = 0; i < 1024; i++)
		printf "%d,", slot[i]
	print "};\nstatic const int16_t numbers[][COUNT(name_at)] = {"
	for (i = 1; i <= archs; i++)
		print "\t{" column[i] "},"
	print "};"
	for (i = 1; i <= archs; i++)
		print "_Static_assert(COLUMN(SYSTBL_OFFSET(" arch[i] ")) == " i - 1 ", \"the order of the columns\");"
}
