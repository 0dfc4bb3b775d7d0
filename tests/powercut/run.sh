#!/bin/sh
# Goal: no power cut loses a confirmed mail; and where the program is broken on
# purpose, the checker says so.
#
#	run.sh [OPTION...]	options for the honest run: --long, --seed N, ...
set -u

powercut=$(dirname "$0")/powercut
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
failed=0

# expect STATUS WHAT OPTION...
expect() {
	want=$1
	what=$2
	shift 2
	echo "== $what"
	"$powercut" "$@" 2>"$log"
	is=$?
	if [ "$is" -eq 77 ]; then
		echo "skipped"
	elif [ "$is" -ne "$want" ]; then
		head -n 20 "$log"
		echo "FAIL: $what: exit status $is, not $want"
		failed=1
	fi
}

expect 0 "nothing is broken" "$@"
expect 1 "broken: no sync after COMMIT" \
	--sabotage sync --rounds 1 --images 4
expect 1 "broken: a failed sync is tried again" \
	--sabotage retry --rounds 3 --images 6
expect 1 "broken: a sync is recorded before it is made" \
	--sabotage record --fail-syncs 0 --rounds 1 --writers 8 --mails 20 \
	--images 4
expect 1 "broken: the record of a newer log is believed" \
	--sabotage copy --fail-syncs 0 --rounds 2 --mails 20 --images 6
expect 1 "broken: a checkpoint outside of the turnstile" \
	--sabotage checkpoint --fail-syncs 0 --rounds 2 --mails 30 --images 8
exit "$failed"
