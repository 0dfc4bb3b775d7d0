#!/bin/sh
# Runs a command and repeats behind it which tests it has skipped, so that nobody
# takes what was not tested for passed.  A test says so in a line of its own,
# "skipped: WHAT, since WHY".
#
# Root's listeners become another user, who must find the programs: where he may
# not enter this folder, as in /root, the tests get other ones (make OUT=FOLDER).
#
#	sh tests/support/skips.sh make TARGET...
set -u
told=$(mktemp -d)
trap 'rm -rf "$told"' EXIT
if [ "$(id -u)" -eq 0 ] &&
    ! setpriv --reuid=65534 --regid=65534 --clear-groups test -e "$(pwd)/Makefile"; then
	chmod 755 "$told"
	mkdir "$told/programs"
	set -- "$@" "OUT=$told/programs"
fi

{
	"$@" 2>&1
	echo $? >"$told/status"
} | tee "$told/log"
grep '^skipped: ' "$told/log" | sort -u >"$told/skipped"
if [ -s "$told/skipped" ]; then
	echo "== not tested here:"
	cat "$told/skipped"
fi
exit "$(cat "$told/status")"
