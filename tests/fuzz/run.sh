#!/bin/sh
# Runs fuzz targets: run.sh FOLDER SECONDS TARGET...  A corpus that grows is
# FOLDER/corpus/TARGET, what breaks a target is FOLDER/finds/TARGET-*.
set -u

folder=$1
seconds=$2
shift 2
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:allocator_may_return_null=1}
failed=0

# Where databases are made.
TMPDIR=$(mktemp -d /dev/shm/fuzz.XXXXXX || mktemp -d) || exit 1
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT
trap 'exit 1' INT TERM

# stat NAME LOG: one of libFuzzer's final numbers.
stat() {
	sed -n "s/^stat::$1: *//p" "$2" | tail -n 1
}

# Of the processes that have ended so far; a subshell would have its own.
note_cpu() {
	times >"$folder/log/times"
	cpu=$(sed -n '2s/[ms]/ /gp' "$folder/log/times" |
		awk '{ print $1 * 60 + $2 + $3 * 60 + $4 }')
}

mkdir -p "$folder/finds" "$folder/log"
printf '%-10s %12s %8s %8s %8s\n' target executions 'per s' 'CPU s' corpus
for target; do
	corpus=$folder/corpus/$target
	log=$folder/log/$target
	mkdir -p "$corpus" "$folder/seeds/$target"
	set -- "$corpus" "$folder/seeds/$target" -print_final_stats=1 \
	    -max_total_time="$seconds" -timeout=120 -close_fd_mask=1 -rss_limit_mb=2048 \
	    -max_len=16384 -artifact_prefix="$folder/finds/$target-"
	dict=tests/fuzz/$target.dict
	[ ! -f "tests/fuzz/$target.dict" ] ||
		set -- "$@" -dict="tests/fuzz/$target.dict"
	note_cpu
	before=$cpu
	"$folder/fuzz-$target" "$@" >"$log" 2>&1
	status=$?
	note_cpu
	printf '%-10s %12s %8s %8s %8s\n' "$target" \
	    "$(stat number_of_executed_units "$log")" \
	    "$(stat average_exec_per_sec "$log")" \
	    "$(echo "$cpu $before" | awk '{ printf "%d", $1 - $2 }')" \
	    "$(find "$corpus" -type f | wc -l)"
	if [ $status -ne 0 ]; then
		grep -v -e '^#' -e '^stat::' "$log" | tail -n 60
		echo "$target has failed; see $log" >&2
		failed=1
	fi
done
exit $failed
