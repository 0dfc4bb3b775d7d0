#!/bin/sh
# Builds what is measured, beside the program itself:
#
#	bench/build.sh FOLDER
#
# smtpd-null    the program with a store that answers at once and keeps nothing
# smtpd-naive   the program with the store that is usually advised, for a process
#               of each connection: WAL, synchronous=FULL, a busy timeout, and
#               no queue of writers
# and the loads, limits and interposers of this folder.  Called by make, which
# exports CC, CFLAGS and the like.
set -eu

out=$1
mkdir -p "$out"
rm -f "$out/smtpd"
cp smtpd "$out"

compile() { # shellcheck disable=SC2086
	$CC $ALL_CFLAGS "$@"
}

for program in spawn append latency; do
	compile -o "$out/$program" "bench/$program.c" bench/sample.c
done
compile -o "$out/sink" bench/sink.c
compile -pthread -o "$out/milter" bench/milter.c
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
rest="$(without "$OBJ" $STORE $WRITER) build/store/mail.o"
# shellcheck disable=SC2086
compile $LDFLAGS -o "$out/smtpd-null" bench/null_store.c $rest $PKG_LIBS

# shellcheck disable=SC2046,SC2086
compile $LDFLAGS -o "$out/smtpd-naive" bench/no_lock.c \
    $(without "$OBJ" build/database/lockfile.o) $PKG_LIBS
