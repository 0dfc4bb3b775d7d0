#!/bin/sh
# Databases that another has made: each command comes to an end, and says so
# where it cannot.
. "$(dirname "$0")/prelude.sh"

for i in 1 2 3; do
	printf 'Subject: %d\n\nx\n' $i | send a@a.example bob@b.example
done
"$tool" domain add b.example >out
"$tool" mailbox add bob@b.example >out
cp mail.db good.db

# relax SQL...: changes a copy, in which no constraint is left.
relax() {
	rm -f bad.db*
	cp good.db bad.db
	sqlite3 bad.db "PRAGMA writable_schema = ON;
	    UPDATE sqlite_schema SET sql = replace(sql, ' NOT NULL', '')
	    WHERE name IN ('message', 'recipient', 'domain', 'alias')"
	for sql; do
		sqlite3 bad.db "PRAGMA ignore_check_constraints = ON;
		    PRAGMA writable_schema = ON; $sql" >out 2>err
		is "$sql" "" "$(cat err)"
	done
}

# ends COMMAND...: in time, and not by a signal.
ends() {
	timeout 20 "$tool" --database=bad.db "$@" >out 2>err </dev/null
	status=$?
	[ $status -lt 124 ]
	ok "smtpdb $*: $status $(head -c 200 err)" $?
}

everything() {
	for command in list 'show 1 2 3' 'raw 1' 'export --mbox=-' 'search x' \
	    index stats doctor 'domain list' 'mailbox list' 'alias list' \
	    'explain --to=bob@b.example' 'quota list' 'rate list' \
	    'deliver --new cat' 'prune --keep=1'; do
		# shellcheck disable=SC2086
		ends $command
	done
}

# Ids that are no numbers are greater than all that are.
relax "UPDATE sqlite_schema SET sql = replace(sql, 'id             INTEGER PRIMARY KEY AUTOINCREMENT', 'id TEXT')
    WHERE name = 'message'" "UPDATE message SET id = 'x'"
everything
for command in list 'export --mbox=-'; do
	# shellcheck disable=SC2086
	status 65 "$tool" --database=bad.db $command
	holds "ids that do not grow" err
done

relax "UPDATE message SET reverse_path = NULL, client_address = NULL, helo = NULL, trace = NULL, data = NULL" \
    "UPDATE recipient SET forward_path = NULL, mailbox = NULL"
everything
status 0 "$tool" --database=bad.db list
is "what is not there is shown empty" "" "$(cut -f4,5 out | tr -d '\t\n')"

relax "UPDATE mailbox SET address = x'00ff', state = '', quota_messages = 1, messages = -9223372036854775807" \
    "INSERT INTO quota (max_messages, messages, max_octets, octets) VALUES (9e18, -9e18, -1, 1e300)" \
    "UPDATE message SET size = -1, received_at = -9223372036854775808, header_size = 9223372036854775807"
everything

relax "ALTER TABLE alias RENAME TO was" "CREATE VIEW alias AS
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
    SELECT 'bob@b.example' AS address, 'a@b' AS target, 0 AS forward, i AS id FROM n"
everything
status 65 "$tool" --database=bad.db list
holds "views in the place of tables" err

# What is wrong with the schema is quoted, and may be made to be shown.
esc=$(printf '\033')
cp mail.db bad.db
sqlite3 bad.db "PRAGMA writable_schema = ON; INSERT INTO sqlite_schema VALUES
    ('table', 'z', 'z', 0, 'CREATE TABLE z (x ${esc}]0;evil')"
everything
for command in list doctor; do
	"$tool" --database=bad.db $command >out 2>&1
	holds malformed out
	lacks "$esc" out
done

finish
