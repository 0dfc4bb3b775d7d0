#!/bin/sh
# doctor: a database that is not as its version makes it.
. "$(dirname "$0")/prelude.sh"

# told STATUS: what doctor says of the schema, in "told" and "remedy".
told() {
	status "$1" "$tool" doctor
	sed -n 's/^[a-z]* *schema *//p' out >told
	sed -n '/ schema  /{n;s/^ *\$ //p}' out >remedy
}

# mended WHAT: the command that doctor prints mends it.
mended() {
	status 0 sh remedy
	told 0
	is "$1" "tables, columns and all else are those of version 4" "$(cat told)"
}

# anew NAME: a database with a mail, that nothing else is wrong with.
anew() {
	use "$1"
	send_some 1
	chmod 660 "$1".db*
}

# remake TABLE FROM TO: without rows, and with other words in its statement.
remake() {
	text=$(sql "SELECT replace(sql, '$2', '$3') FROM sqlite_schema WHERE name = '$1'")
	sql "DROP TABLE $1; $text"
}

anew mail
told 0
is "a new one" "tables, columns and all else are those of version 4" "$(cat told)"

# What is the user's own does not count.
sql "CREATE TABLE mine (x); CREATE INDEX mine_x ON mine (x);
    CREATE VIEW mine_too AS SELECT 1; ALTER TABLE domain ADD COLUMN note;
    CREATE INDEX by_time ON message (received_at);
    CREATE TRIGGER told AFTER INSERT ON domain BEGIN
      SELECT CASE WHEN 1 THEN 2 END;
    END"
told 0

for lost in "TABLE rate_count" "TABLE filter_change" "VIEW inbox" "INDEX alias_domain" \
    "TRIGGER recipient_deleted"; do
	sql "DROP $lost"
	told 78
	holds "the database lacks the $(echo "$lost" | tr '[:upper:]' '[:lower:]')" told
	mended "again: $lost"
done
for lost in message.tls message.requiretls mailbox.authenticated alias.forward \
    recipient.notify; do
	sql "ALTER TABLE ${lost%.*} DROP COLUMN ${lost#*.}"
	told 78
	is "$lost" "the database lacks the column $lost" "$(cat told)"
	mended "again: $lost"
done
is "the mail" 1 "$("$tool" list | wc -l)"
# Several at once, and a table whose index went with it.
sql "DROP TABLE alias; DROP VIEW inbox; ALTER TABLE message DROP COLUMN claimed_as"
told 78
is "all are told" "the database lacks the column message.claimed_as, the view inbox, \
the table alias, the index alias_domain" "$(cat told)"
mended "all are again"
# By the same name, but another.
sql "DROP TRIGGER message_deleting; CREATE TRIGGER message_deleting BEFORE DELETE
    ON message BEGIN DELETE FROM recipient WHERE message_id = old.id; END"
told 78
is "another trigger" "not as smtpd makes it: the trigger message_deleting" "$(cat told)"
mended "the right trigger"

# A table is only changed by a copy.
n=0
while IFS='|' read -r table from to says; do
	n=$((n + 1))
	anew "changed$n"
	remake "$table" "$from" "$to"
	told 78
	holds "$says" told
	rm -f new.db*
	status 0 env PATH="$(dirname "$tool"):$PATH" sh remedy
	is "the mail of the copy" 1 "$("$tool" -d new.db list | wc -l)"
	use new
	chmod 660 new.db*
	told 0
done <<'EOT'
client_rule|code <> 421 AND||the database lacks the constraint CHECK (code <> 421 AND code GLOB
quota|BETWEEN 0 AND 9e18|> 0|not as smtpd makes it: the column quota.max_messages, the column quota.max_octets
rate_count|WITHOUT ROWID||not as smtpd makes it: the table rate_count
domain|length(name) <= 255|length(name) <= 999|not as smtpd makes it: the column domain.name
EOT

# Mails that are lost are in a backup, or nowhere.
anew lost
sql "DROP VIEW inbox; DROP TABLE message"
told 78
holds "the database lacks the table message" told
holds "and what was in it" told
holds "smtpdb copy BACKUP new.db" remedy

# Other versions.
use mail
sql "PRAGMA user_version = 5"
status 78 "$tool" doctor
holds "has version 5, of a newer smtpd; this one knows 2 to 4: install that one" err
sql "PRAGMA user_version = 1"
status 78 "$tool" doctor
holds "has version 1, of an older smtpd; this one knows 2 to 4: export the mails" err
use old
sqlite3 old.db <"$here/tests/support/version3.sql" >out
sql "PRAGMA application_id = 1936553060; PRAGMA user_version = 3;
    PRAGMA journal_mode = WAL" >out
chmod 660 old.db*
told 0
is "one of version 3 is led on" 4 "$(sql "PRAGMA user_version")"

finish
