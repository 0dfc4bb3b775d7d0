#!/bin/sh
# import --mbox: where a mail begins, when it came, and where it ends.
. "$(dirname "$0")/prelude.sh"

# rows: what was received when (hour:minute:second), from whom, and how it ends.
rows() {
	n=$(sql 'SELECT count(*) FROM message')
	for id in $(seq "$n"); do
		sql "SELECT (received_at / 3600000000 % 24) || ':' ||
		    (received_at / 60000000 % 60) || ':' || (received_at / 1000000 % 60),
		    reverse_path, header_subject, '' FROM message WHERE id = $id" |
		    tr -d '\n'
		"$tool" raw --data "$id" | tail -c 6 | hex
		echo
	done
}

printf 'From 1819318854146569394@xxx Tue Dec 24 10:54:24 +0000 2024\nSubject: s1\n\nbody\n\nFrom a@b.example Tue Dec 24 10:54:24 CET 2024\nSubject: s2\n\nbody\n\nFrom "a b"@c.example Tue Dec 24 10:54 2024\nSubject: s3\n\nbody\n' >zones.mbox
use zones
status 0 "$tool" import --recipient=b@b.example --mbox=zones.mbox
is "dates with zones and without seconds" \
    "10:54:24|1819318854146569394@xxx|s1|
9:54:24|a@b.example|s2|
10:54:0|\"a b\"@c.example|s3|" \
    "$(rows | sed "s/|[0-9a-f]*$/|/")"
printf 'From a@b.example Tue Dec 24 10:54:24 2024\nSubject: s1\n\nHello.\n\nFrom now on we close at noon.\nBye\n' >text.mbox
use text
status 0 "$tool" import --recipient=b@b.example --mbox=text.mbox
is "a line From without a date" "10:54:24|a@b.example|s1|0a4279650d0a" \
    "$(rows)"
printf 'From a@b.example Tue Dec 24 10:54:24 2024\r\nSubject: s1\r\n\r\nbody\r\n\r\nFrom c@d.example Tue Dec 24 10:54:24 2024\r\nSubject: s2\r\n\r\n>From x\r\nbody\r\n' >crlf.mbox
use crlf
status 0 "$tool" import --recipient=b@b.example --mbox=crlf.mbox
is "lines that end in CRLF" "10:54:24|a@b.example|s1|626f64790d0a
10:54:24|c@d.example|s2|626f64790d0a" "$(rows)"
printf '\357\273\277\n\r\nFrom - Tue Dec 24 10:54:24 2024\nSubject: s1\n\nbody\n' >mozilla.mbox
use mozilla
status 0 "$tool" import --recipient=b@b.example --mbox=mozilla.mbox
is "a mark and empty lines in front, and no sender" \
    "10:54:24||s1|626f64790d0a" "$(rows)"
printf 'From nobody at all\n\nx\n' >none.mbox
status 65 "$tool" import --recipient=b@b.example --mbox=none.mbox
holds "is no mbox" err

finish
