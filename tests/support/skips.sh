#!/bin/sh
# Runs a command and repeats behind it which tests it has skipped, so that nobody
# takes what was not tested for passed.  A test says so in a line of its own,
# "skipped: WHAT, since WHY".
#
#	sh tests/support/skips.sh COMMAND...
set -u
told=$(mktemp -d)
trap 'rm -rf "$told"' EXIT

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
