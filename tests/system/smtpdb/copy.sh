#!/bin/sh
# copy: all rows into another database; what is there already, and what is not ours.
. "$(dirname "$0")/prelude.sh"
make_zoo

# same TEXT FILE: has the file the rows of mail.db?
same() {
	is "$1" "$(sqlite3 mail.db .dump | sort | sha256sum)" \
	    "$(sqlite3 "$2" .dump | sort | sha256sum)"
}

"$tool" domain add b.example
"$tool" domain add mx.example
"$tool" domain rm b.example
"$tool" mailbox add ann@mx.example --quota-messages=9
"$tool" deliver --consumer=x 2 true
"$tool" rm last
sqlite3 mail.db "INSERT INTO filter_change VALUES
    (1, 1, 'f', 'change-header', 1, 'Subject', 'C:\\ü'), (1, 2, 'f', 'add-header', NULL, 'X', x'ff00'),
    (2, 1, 'f', 'replace-body', NULL, NULL, x'41'), (2, 2, 'f', 'delete-header', 1, 'Y', '')"
status 0 "$tool" copy mail.db two.db
is "what it says" "copied $((total - 1)) mails" "$(cat out)"
same "all rows" two.db
status 0 "$tool" copy mail.db two.db
is "nothing is left" "copied 0 mails" "$(cat out)"

printf 'Subject: after\n\nx\n' | send a@a.example ann@mx.example
"$tool" domain rm mx.example
"$tool" mailbox add bob@mx.example
status 0 "$tool" copy mail.db two.db
is "what is new" "copied 1 mail" "$(cat out)"
same "and the rules" two.db
is "ids are not used again" $((total + 1)) "$("$tool" -d two.db list | tail -n 1 | cut -f1)"

"$tool" copy mail.db - >stream
"$tool" copy mail.db - $((total + 1)) >short
[ "$(wc -c <short)" -lt "$(wc -c <stream)" ]
ok "an ID leaves out what is there" $?
"$tool" copy - three.db <stream >out
is "it says where it goes on" "has mail up to 0" "$(head -n 1 out)"
same "by hand" three.db
"$tool" copy - two.db <short >out
is "from there on" "copied 0 mails" "$(tail -n 1 out)"

# A stream that ends too early leaves whole mails.
for part in 1 5 50 95; do
	rm -f part.db*
	head -c $(($(wc -c <stream) * part / 100)) stream >cut
	"$tool" copy - part.db <cut >out 2>err
	is "cut at $part %" 65 $?
	holds "ends too early" err
	is "no mail without its recipients at $part %" 0 "$(sqlite3 part.db \
	    'SELECT count(*) FROM message WHERE id NOT IN (SELECT message_id FROM recipient)')"
	"$tool" copy mail.db part.db >/dev/null
	same "and goes on at $part %" part.db
done

# Others' mail is not mixed with it.
sqlite3 three.db "UPDATE message SET received_at = 1 WHERE id = (SELECT max(id) FROM message)"
status 65 "$tool" copy mail.db three.db
holds "that is not in what comes" err
"$tool" -d three.db rm last
status 0 "$tool" copy mail.db three.db
same "a mail that was deleted there" three.db
printf 'Subject: own\n\nx\n' | SMTPD_DATABASE=$dir/three.db send a@a.example ann@mx.example
status 65 "$tool" copy mail.db three.db
holds "that is not in what comes" err

echo hello | "$tool" copy - new.db >out 2>err
is "what is no copy" 65 $?
sed '1s/.*/smtpd-copy 99/' stream | "$tool" copy - new.db >out 2>err
is "of another version" 65 $?
holds "version 99" err
status 64 "$tool" copy mail.db mail.db
status 64 "$tool" copy mail.db
status 64 "$tool" copy mail.db new.db 5
status 64 "$tool" copy mail.db - x
status 66 "$tool" copy missing.db new.db
status 78 "$tool" copy mail.db nowhere/new.db
finish
