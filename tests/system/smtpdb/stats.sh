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
fi

finish
