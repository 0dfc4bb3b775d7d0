#!/bin/sh
# import --mbox: where a mail begins, when it came, and where it ends.
. "$(dirname "$0")/prelude.sh"

# rows: what was received when, from whom, and how it ends.
rows() {
	sqlite3 mail.db "SELECT strftime('%H:%M:%S', received_at / 1000000,
	    'unixepoch'), reverse_path, header_subject,
	    hex(substr(data, -6)) FROM message ORDER BY id"
	rm -f mail.db*
}

printf 'From 1819318854146569394@xxx Tue Dec 24 10:54:24 +0000 2024\nSubject: s1\n\nbody\n\nFrom a@b.example Tue Dec 24 10:54:24 CET 2024\nSubject: s2\n\nbody\n\nFrom "a b"@c.example Tue Dec 24 10:54 2024\nSubject: s3\n\nbody\n' >zones.mbox
status 0 "$tool" import --recipient=b@b.example --mbox=zones.mbox
is "dates with zones and without seconds" \
    "10:54:24|1819318854146569394@xxx|s1|
09:54:24|a@b.example|s2|
10:54:00|\"a b\"@c.example|s3|" \
    "$(rows | sed "s/|[0-9A-F]*$/|/")"
printf 'From a@b.example Tue Dec 24 10:54:24 2024\nSubject: s1\n\nHello.\n\nFrom now on we close at noon.\nBye\n' >text.mbox
status 0 "$tool" import --recipient=b@b.example --mbox=text.mbox
is "a line From without a date" "10:54:24|a@b.example|s1|0A4279650D0A" \
    "$(rows)"
printf 'From a@b.example Tue Dec 24 10:54:24 2024\r\nSubject: s1\r\n\r\nbody\r\n\r\nFrom c@d.example Tue Dec 24 10:54:24 2024\r\nSubject: s2\r\n\r\n>From x\r\nbody\r\n' >crlf.mbox
status 0 "$tool" import --recipient=b@b.example --mbox=crlf.mbox
is "lines that end in CRLF" "10:54:24|a@b.example|s1|626F64790D0A
10:54:24|c@d.example|s2|626F64790D0A" "$(rows)"
printf 'From nobody at all\n\nx\n' >none.mbox
status 65 "$tool" import --recipient=b@b.example --mbox=none.mbox
holds "is no mbox" err

finish
