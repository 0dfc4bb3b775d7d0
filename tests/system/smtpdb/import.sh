#!/bin/sh
# import: the envelopes of mails that others have made.
. "$(dirname "$0")/prelude.sh"

# Mails of others: an envelope is found or given, never read from To.
printf 'To: nobody@x.example\n\nhi\n' >foreign.eml
status 65 "$tool" import --eml=foreign.eml
status 0 "$tool" import --eml=foreign.eml --recipient=bob@b.example --sender=ann@a.example
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
status 64 "$tool" import --eml=foreign.eml --recipient='a b'

finish
