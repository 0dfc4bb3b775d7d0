#!/bin/sh
# stats: as text, JSON, OpenMetrics and a picture.
. "$(dirname "$0")/prelude.sh"
make_zoo

status 0 "$tool" stats
holds "mails       $total" out
status 0 "$tool" stats --json
json_lines out
status 0 "$tool" stats --openmetrics
is "OpenMetrics ends so" "# EOF" "$(tail -n 1 out)"
if have gnuplot "stats --plot"; then
	status 0 "$tool" stats --plot=plot.png
	status 73 "$tool" stats --plot=nonesuch/plot.png
	is "no PNG on standard output" 0 "$(wc -c <out)"
	is "a PNG" 89504E47 "$(od -An -tx1 -N4 plot.png | tr -d ' \n' | tr a-f A-F)"
	# A path is no part of gnuplot's script.
	line="$(printf "x'\\n!touch pwned\\n#.png")"
	status 0 "$tool" stats --plot="$line"
	is "a PNG under a name of three lines" PNG "$(tail -c +2 "$line" | head -c 3)"
	is "no command in that name is run" "" "$(ls pwned 2>/dev/null)"
	status 74 "$tool" stats --plot=/dev/full
	holds "/dev/full: No space left on device" err
	head -c 100000 /dev/zero >plot.png
	status 0 "$tool" stats --plot=plot.png
	is "what was there before goes" "$(wc -c <"$line")" "$(wc -c <plot.png)"
fi

of_files || finish
status 66 "$tool" -d later.db stats --timeout=0
timeout 120 "$tool" -d later.db stats >later 2>told &
waiter=$!
await 'grep -q waiting told'
"$tool" -d later.db domain add x.example
wait $waiter
is "waits for a database" 0 $?
holds "mails       0 (0 octets)" later

finish
