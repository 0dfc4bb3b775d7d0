#!/bin/sh
# Runs the tests of smtpdb, or those that are named, from the top of the sources:
#
#	sh tests/system/smtpdb/run.sh [COMMAND...]
#
# What was skipped stands in the last lines.
set -u
folder=$(dirname "$0")
[ $# -gt 0 ] || set -- $(ls "$folder" | sed -n -e '/^prelude/d' -e '/^run/d' \
    -e '/^zoo/d' -e 's/\.sh$//p')
told=$(mktemp)
trap 'rm -f "$told"' EXIT
failed=0

for test; do
	sh "$folder/$test.sh" >"$told.one" || failed=$((failed + 1))
	grep '^smtpdb/' "$told.one"
	grep '^skipped: ' "$told.one" >>"$told"
done
rm -f "$told.one"
sort -u "$told"
[ "$failed" -eq 0 ] || echo "tests/system/smtpdb: $failed of $# failed" >&2
[ "$failed" -eq 0 ]
