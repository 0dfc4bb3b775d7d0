#!/bin/sh
# Builds what is measured, beside the program itself:
#
#	bench/build.sh FOLDER
#
# smtpd-null    the program with a store that answers at once and keeps nothing
# smtpd-naive   the program with the store that is usually advised: WAL,
#               synchronous=FULL, a busy timeout, no turnstile, no sync of ours
# and the loads, limits and interposers of this folder.  Called by make, which
# exports CC, CFLAGS and the like.
set -eu

out=$1
mkdir -p "$out/naive/database"
rm -f "$out/smtpd"
cp smtpd "$out"

compile() { # shellcheck disable=SC2086
	$CC $ALL_CFLAGS "$@"
}

for program in spawn append latency; do
	compile -o "$out/$program" "bench/$program.c" bench/sample.c
done
compile -o "$out/sink" bench/sink.c
compile -static -o "$out/empty" bench/empty.c
compile -shared -fPIC -o "$out/slow_fsync.so" bench/slow_fsync.c
# shellcheck disable=SC2086
compile $LDFLAGS -o "$out/store" bench/store.c bench/sample.c $STORE \
    $MAIL $PKG_LIBS

without() { # LIST OBJECT...
	rest=" $1 "
	shift
	for object; do
		rest=$(echo "$rest" | sed "s, $object , ,")
	done
	echo "$rest"
}
# shellcheck disable=SC2086
rest=$(without "$OBJ" $STORE)
# shellcheck disable=SC2086
compile $LDFLAGS -o "$out/smtpd-null" bench/null_store.c $rest $PKG_LIBS

# One line each is changed, and must be there to be changed.
replace() { # FILE FROM TO
	grep -qF "$2" "$1" || {
		echo "bench/build.sh: $1 has no \"$2\" any more" >&2
		exit 1
	}
	sed "s/$2/$3/" "$1" >"$out/naive/$1"
}
replace database/database.c 'synchronous = NORMAL' 'synchronous = FULL'
replace store.c 'return result == VERDICT_OK ? wal_confirm(st) : result;' 'return result;'
# shellcheck disable=SC2086
compile $LDFLAGS -I. -Idatabase -o "$out/smtpd-naive" "$out/naive/store.c" \
    "$out/naive/database/database.c" bench/no_turnstile.c \
    $(without "$OBJ" build/store.o build/database/database.o build/database/turnstile.o) \
    $PKG_LIBS
