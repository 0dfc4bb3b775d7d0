#!/bin/sh
# import: the envelopes of mails that others have made.
. "$(dirname "$0")/prelude.sh"

# Mails of others: an envelope is found or given, never read from To.
printf 'To: nobody@x.example\n\nhi\n' >foreign.eml
status 65 "$tool" --database=new.db import --eml=foreign.eml
status 0 "$tool" --database=new.db import --eml=foreign.eml --recipient=bob@b.example --sender=ann@a.example
is "its envelope" "ann@a.example|bob@b.example" \
    "$(sqlite3 new.db 'SELECT reverse_path, forward_path FROM message JOIN recipient ON id = message_id')"
is "its lines" 0D0A "$(sqlite3 new.db 'SELECT hex(substr(data, -2)) FROM message')"
printf 'Return-Path: <r@r.example>\nDelivered-To: d@d.example\n\nhi\n' >foreign.eml
status 0 "$tool" --database=new.db import --eml=foreign.eml
is "that of an agent" "r@r.example|d@d.example" \
    "$(sqlite3 new.db 'SELECT reverse_path, forward_path FROM message JOIN recipient ON id = message_id WHERE id = 2')"
printf 'X-Smtpd-Envelope: v=1 from=%%00\n\nhi\n' >foreign.eml
status 65 "$tool" --database=new.db import --eml=foreign.eml
status 65 "$tool" --database=new.db import --mbox=foreign.eml
status 66 "$tool" --database=new.db import --maildir=nonesuch
status 64 "$tool" --database=new.db import --eml=foreign.eml --recipient='a b'
rm -f new.db*

finish
