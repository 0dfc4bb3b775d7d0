#!/bin/sh
# What filters leave beside a mail, for all who hand it on: instructions, and
# why it is put aside.
. "$(dirname "$0")/prelude.sh"

# send HEADER-AND-BODY: one mail from a@x.example to b, c, as it is.
send() {
	{
		printf 'MAIL FROM:<a@x.example>\r\n'
		printf 'RCPT TO:<b@y.example>\r\nRCPT TO:<c@y.example>\r\nDATA\r\n'
		printf '%b' "$1"
		printf '.\r\n'
	} | "$smtpd" >/dev/null 2>&1
}
# change ID POSITION ACTION PLACE NAME [VALUE]: the value with printf's escapes.
change() {
	value=NULL
	[ $# -lt 6 ] || value=$(octets "$(printf '%b' "$6" | hex)")
	sql "INSERT INTO filter_change VALUES ($1, $2, 'unix:x', '$3', $4, $5, $value)"
}
# raw ID: without what the server adds, as lines.
raw() {
	"$tool" raw "$1" | tr -d '\r' | sed '1,/^	*[MTWFS][a-z][a-z], /d'
}

send 'Subject: one\r\nX: 1\r\nX: 2\r\n\tfolded\r\nX : 3\r\n\r\nbody\r\n'
change 1 1 add-header NULL "'X-Last'" ' z\r\n\ty'
change 1 2 insert-header 1 "'X-Second'" ' s'
change 1 3 change-header 1 "'subject'" ' two'
change 1 4 delete-header 2 "'x'"
change 1 5 delete-header 9 "'x'"
change 1 6 change-header 9 "'X-None'" ' new'
is 'headers' 'subject: two
X-Second: s
X: 1
X : 3
X-Last: z
	y
X-None: new

body' "$(raw 1)"
is 'raw --data' 'Subject: one' "$("$tool" raw --data 1 | head -1 | tr -d '\r')"
holds 'Subject: two' "$("$tool" show 1 >out; echo out)"

send 'Subject: b\r\n\r\nbody\r\n'
change 2 1 replace-body NULL NULL 'new\r\n'
change 2 2 change-sender NULL NULL new@z.example
change 2 3 replace-body NULL NULL body
is 'body' 'Subject: b

new
body' "$(raw 2)"
is 'sender' 'Return-Path: <new@z.example>' \
    "$("$tool" raw 2 | head -1 | tr -d '\r')"
status 0 "$tool" deliver 2 sh -c 'echo "$SMTPD_SENDER"; tail -1'
holds new@z.example out
holds body out

# A mail without a header, and one that ends in it.
send 'no header here\r\n'
change 3 1 add-header NULL "'X'" ' y'
is 'no header' 'X: y

no header here' "$(raw 3)"
send 'Subject: all\r\n'
change 4 1 add-header NULL "'X'" ' y'
is 'no body' 'Subject: all
X: y' "$(raw 4)"
# The section may end in a line of blanks.
send 'Subject: all\r\n  \r\nbody\r\n'
change 5 1 add-header NULL "'X'" ' y'
is 'blanks' 'Subject: all
X: y
  
body' "$(raw 5)"

# What nobody of ours writes.
send 'Subject: odd\r\n\r\nbody\r\n'
change 6 1 add-header NULL "'X'" ' y\r\nBcc: z'
change 6 2 add-header NULL "'X Y'" ' y'
change 6 3 add-header NULL NULL
change 6 4 change-sender NULL NULL 'a\r\nb'
change 6 5 insert-header 2147483647 "'X-End'" ' e'
is 'odd ones' 'X-End: e
Subject: odd

body' "$(raw 6)"

# A recipient that a filter took away, and one that it added.
sql "UPDATE recipient SET mailbox = '' WHERE message_id = 1 AND position = 1;
    INSERT INTO recipient VALUES (1, 3, 'd@y.example', NULL, NULL, 'd@y.example', 1)"
status 0 "$tool" deliver 1 sh -c 'echo "$SMTPD_RECIPIENTS"'
is 'recipients' 'c@y.example
d@y.example' "$(cat out)"

# Put aside.
sql "UPDATE message SET quarantine = 'looks bad' WHERE id IN (2, 3)"
is 'list' '1 4 5 6' "$("$tool" list | cut -f 1 | tr '\n' ' ' | sed 's/ $//')"
is 'list --quarantined' '2 3' \
    "$("$tool" list --quarantined | cut -f 1 | tr '\n' ' ' | sed 's/ $//')"
is 'inbox' '1 4 5 6' "$(sql 'SELECT id FROM inbox ORDER BY id' | xargs)"
status 0 "$tool" show 2
holds 'put aside: looks bad' out
status 0 "$tool" show --json 2
holds '"quarantine":"looks bad"' out
status 0 "$tool" deliver --new --consumer=x sh -c 'echo "$SMTPD_ID"'
is 'deliver --new' '1 4 5 6' "$(tr '\n' ' ' <out | sed 's/ $//')"
mkdir out.d
status 0 "$tool" export --eml=out.d
is 'export' '1.eml 4.eml 5.eml 6.eml' "$(ls out.d | tr '\n' ' ' | sed 's/ $//')"
grep -q '^X-Last: z' out.d/1.eml
ok 'an export has the changes' $?
if of_files; then
	status 0 "$tool" index
	status 0 "$tool" search body
	lacks '^2	' out
fi
status 0 "$tool" deliver 2 cat
holds body out
status 0 "$tool" rm 1
is 'rm' 0 "$(sql 'SELECT count(*) FROM filter_change WHERE message_id = 1')"

finish
