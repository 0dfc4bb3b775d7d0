#!/bin/sh
# Databases that another has made: each command comes to an end, and says so
# where it cannot.
. "$(dirname "$0")/prelude.sh"

for i in 1 2 3; do
	printf 'Subject: %d\n\nx\n' $i | send a@a.example bob@b.example
done
"$tool" domain add b.example >out
"$tool" mailbox add bob@b.example >out
of_files && cp mail.db good.db

# of_values SQL...: a copy in which no constraint is left, changed.
of_values() {
	copy=$((${copy:-0} + 1))
	if of_files; then
		bad=bad$copy.db
		cp good.db $bad
		sqlite3 $bad "PRAGMA writable_schema = ON;
		    UPDATE sqlite_schema SET sql = replace(sql, ' NOT NULL', '')
		    WHERE name IN ('message', 'recipient', 'domain', 'alias')"
	else
		name=hostile_$$_bad$copy
		createdb -h "$SMTPDB_TEST_POSTGRESQL" -U smtpd -T "hostile_$$_mail" $name
		bad="postgresql://smtpd@/$name?host=$SMTPDB_TEST_POSTGRESQL"
		psql -Xq -d "$bad" <"$here/tests/postgresql/no_constraints.sql" >out 2>&1
		is "no constraints" "" "$(cat out)"
	fi
	for sql; do
		if of_files; then
			sqlite3 $bad "PRAGMA ignore_check_constraints = ON;
			    PRAGMA writable_schema = ON; $sql" >out 2>err
		else
			psql -Xq -d "$bad" -c "$sql" >out 2>err
		fi
		is "$sql" "" "$(cat err)"
	done
}

# ends COMMAND...: in time, and not by a signal.
ends() {
	timeout 120 "$tool" --database="$bad" "$@" >out 2>err </dev/null
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

of_values "UPDATE message SET reverse_path = NULL, client_address = NULL, helo = NULL, trace = NULL, data = NULL" \
    "UPDATE recipient SET forward_path = NULL, mailbox = NULL"
everything
status 0 "$tool" --database="$bad" list
is "what is not there is shown empty" "" "$(cut -f4,5 out | tr -d '\t\n')"

of_values "UPDATE mailbox SET address = 'a', state = '', quota_messages = 1, messages = -9223372036854775807" \
    "INSERT INTO quota (max_messages, messages, max_octets, octets) VALUES (9000000000000000000, -9000000000000000000, -1, 9223372036854775807)" \
    "UPDATE message SET size = -1, received_at = -9223372036854775807 - 1, header_size = 9223372036854775807"
everything

# Who may make tables of PostgreSQL may do all else; the rest is of files, which
# may come from anywhere.
of_files || finish

of_values "UPDATE mailbox SET address = x'00ff', messages = 1e300" \
    "INSERT INTO quota (max_messages, messages, max_octets, octets) VALUES (9e18, -9e18, -1, 1e300)"
everything

# Ids that are no numbers are greater than all that are.
of_values "UPDATE sqlite_schema SET sql = replace(sql, 'id             INTEGER PRIMARY KEY AUTOINCREMENT', 'id TEXT')
    WHERE name = 'message'" "UPDATE message SET id = 'x'"
everything
for command in list 'export --mbox=-'; do
	# shellcheck disable=SC2086
	status 65 "$tool" --database="$bad" $command
	holds "ids that do not grow" err
done

of_values "ALTER TABLE alias RENAME TO was" "CREATE VIEW alias AS
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
    SELECT 'bob@b.example' AS address, 'a@b' AS target, 0 AS forward, i AS id FROM n"
everything
status 65 "$tool" --database="$bad" list
holds "views in the place of tables" err

# What is wrong with the schema is quoted, and may be made to be shown.
esc=$(printf '\033')
bad=bad.db
cp mail.db bad.db
sqlite3 bad.db "PRAGMA writable_schema = ON; INSERT INTO sqlite_schema VALUES
    ('table', 'z', 'z', 0, 'CREATE TABLE z (x ${esc}]0;evil')"
everything
for command in list doctor; do
	"$tool" --database="$bad" $command >out 2>&1
	holds malformed out
	lacks "$esc" out
done

finish
