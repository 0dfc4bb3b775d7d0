#!/bin/sh
# Runs seeds and corpora through run-TARGET of a build, by $RUN if that is set:
# replay.sh FOLDER BUILD TARGET...
set -u

folder=$1
build=$2
shift 2
failed=0
TMPDIR=$(mktemp -d /dev/shm/fuzz.XXXXXX || mktemp -d) || exit 1
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT
trap 'exit 1' INT TERM

for target; do
	mkdir -p "$folder/corpus/$target" "$folder/seeds/$target"
	# shellcheck disable=SC2086
	${RUN:-} "$build/run-$target" "$folder/corpus/$target" \
	    "$folder/seeds/$target" >"$TMPDIR/out" 2>&1 || {
		tail -n 40 "$TMPDIR/out"
		echo "$target has failed" >&2
		failed=1
		continue
	}
	echo "$target: $(tail -n 1 "$TMPDIR/out")"
done
exit $failed
