# starter.sh - programs that were unpacked by debs, to be started on this machine. Sourced.
# shellcheck shell=sh

# starter NEW DIR PROGRAM - NEW/run/NAME starts NEW/PROGRAM (as usr/bin/jq), once NEW has become DIR: as it is, or else by
# the loader and with the libraries that came with it.
starter() {
	name=${3##*/}
	if "$1/$3" --version > /dev/null 2>&1; then
		ln -s "../$3" "$1/run/$name"
		return 0
	fi
	loader=$(cd "$1" && echo usr/lib*/ld-linux*.so.*)
	libraries=$(cd "$1" && echo usr/lib/*-linux-gnu*)
	cat > "$1/run/$name" <<-END
		#!/bin/sh
		exec "$2/${loader%% *}" --argv0 $name --library-path "$2/${libraries%% *}" "$2/$3" "\$@"
	END
	chmod 755 "$1/run/$name"
}
