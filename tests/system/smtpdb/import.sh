#!/bin/sh
# import: the envelopes of mails that others have made.
. "$(dirname "$0")/prelude.sh"

# Mails of others: an envelope is found or given, never read from To.
printf 'To: nobody@x.example\n\nhi\n' >foreign.eml
status 65 "$tool" import --eml=foreign.eml
status 0 "$tool" import --eml=foreign.eml --recipient=bob@b.example --sender=ann@a.example
holds "imported 1 mail" out
lacks "1 mails" out
is "its envelope" "ann@a.example|bob@b.example" \
    "$(sql 'SELECT reverse_path, forward_path FROM message JOIN recipient ON id = message_id')"
is "its lines" 0d0a "$("$tool" raw --data 1 | tail -c 2 | od -An -tx1 | tr -d ' ')"
printf 'Return-Path: <r@r.example>\nDelivered-To: d@d.example\n\nhi\n' >foreign.eml
status 0 "$tool" import --eml=foreign.eml
is "that of an agent" "r@r.example|d@d.example" \
    "$(sql 'SELECT reverse_path, forward_path FROM message JOIN recipient ON id = message_id WHERE id = 2')"
printf 'X-Smtpd-Envelope: v=1 from=%%00\n\nhi\n' >foreign.eml
status 65 "$tool" import --eml=foreign.eml
status 65 "$tool" import --mbox=foreign.eml
status 66 "$tool" import --maildir=nonesuch
# What is empty may be the wrong one.
mkdir -p empty/cur empty/new
: >empty/mail.txt
: >empty.mbox
for way in '--eml=empty: no file whose name ends in .eml' \
    '--maildir=empty: no file in cur or new' '--mbox=empty.mbox: no mail in it'; do
	status 0 "$tool" import "${way%%:*}"
	is "what is missing" "smtpdb: ${way#*=}" "$(cat err)"
	is "nothing" "imported 0 mails" "$(cat out)"
done
status 64 "$tool" import --eml=foreign.eml --recipient='a b'

# Several are stored at once: each has its own envelope, and one that is not in
# order keeps none before it away.
use many
for i in $(seq 250); do
	printf 'From s%d@a.example Thu Nov 26 10:00:00 2026\n' $i
	[ $i = 230 ] || printf 'Delivered-To: r%d@b.example\n' $i
	printf '\nmail %d\n\n' $i
done >many.mbox
status 65 "$tool" import --mbox=many.mbox
holds "mail 230 has no envelope" err
holds "imported 229 mails" out
is "their envelopes" "229|229|1|1" \
    "$(sql "SELECT count(*), count(DISTINCT reverse_path), sum(CASE WHEN
	forward_path = 'r77@b.example' AND reverse_path = 's77@a.example'
	THEN 1 ELSE 0 END), min(id) FROM message JOIN recipient ON id = message_id")"
is "in their order" "mail 229" "$("$tool" raw --data last | tail -n 1 | tr -d '\r')"

# No mail ends where memory ends in the middle of a line.
use long
if (ulimit -v 200000 && "$tool" --version) >/dev/null 2>&1; then
	printf 'From a@b.example Tue Dec 24 10:54:24 2024\nSubject: s\n\nbody\n' >long.mbox
	truncate -s 300M long.mbox
	status 74 sh -c "ulimit -v 200000; exec '$tool' import --recipient=b@b.example --mbox=long.mbox"
	holds "long.mbox: Cannot allocate memory" err
	holds "imported 0 mails" out
	rm long.mbox
fi
finish
