#!/bin/sh
# What the corpora of the fuzz targets reach: coverage.sh FOLDER BUILD
# TARGET...  Lists all sources of ours in BUILD/report.txt, the lines in
# BUILD/lines.txt, and fails where session or address are below the mark.
set -eu

folder=$1
build=$2
shift 2
LINES_MIN=98
BRANCHES_MIN=95
objects=

rm -f "$build"/*.profraw
for target; do
	mkdir -p "$folder/corpus/$target" "$folder/seeds/$target"
	LLVM_PROFILE_FILE=$build/$target.profraw "$build/run-$target" \
	    "$folder/corpus/$target" "$folder/seeds/$target" >/dev/null
	objects="$objects${objects:+ -object }$build/run-$target"
done
llvm-profdata merge -o "$build/all.profdata" "$build"/*.profraw
sources=$(git ls-files '*.c' | grep -v -e ^bench/ -e ^tests/)
# shellcheck disable=SC2086
set -- $objects -instr-profile="$build/all.profdata"
# shellcheck disable=SC2086
llvm-cov report "$@" -show-region-summary=false $sources >"$build/report.txt"
# shellcheck disable=SC2086
llvm-cov show "$@" -show-branches=count $sources >"$build/lines.txt"

# A file: functions, missed, %; lines, missed, %; branches, missed, %.
awk -v lines=$LINES_MIN -v branches=$BRANCHES_MIN '
function percent(missed, all) {
	return all ? 100 * (all - missed) / all : 100
}
$1 ~ /\.c$/ && $6 < $5 {
	l = percent($6, $5)
	b = percent($9, $8)
	printf "%-32s %6.2f %% of %4d lines  %6.2f %% of %4d branches\n", $1, l, $5, b, $8
}
$1 ~ /(^|\/)(session\.c|session\/[a-z]+\.c|mail\/address\.c)$/ {
	part = $1 ~ /address/ ? "address" : "session"
	all[part] += $5
	missed[part] += $6
	ways[part] += $8
	untaken[part] += $9
}
END {
	for (part in all) {
		l = percent(missed[part], all[part])
		b = percent(untaken[part], ways[part])
		printf "%s: %.2f %% of lines, %.2f %% of branches\n", part, l, b
		if (l < lines || b < branches)
			bad = 1
	}
	exit bad
}' "$build/report.txt"
