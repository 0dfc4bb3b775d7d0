#!/bin/sh
# doctor: what is wrong with rows, and what mends it.
. "$(dirname "$0")/prelude.sh"
make_zoo
of_files && chmod 660 mail.db*

# Who can authenticate, and what keeps them from it.
# auth STATE TEXT [OPTIONS]: what it says where smtpd is given these.
auth() {
	env SMTPD_OPTIONS="${3-}" "$tool" doctor >out 2>err
	grep -q "^$1 *auth  *$2" out
	ok "auth, ${3-}: $1, $2, and not $(grep ' auth ' out)" $?
}
rm_auth() {
	sql "DELETE FROM $1"
}
auth ok "accounts: 0"
auth note "--auth=rows is given, but there is no account" --auth=rows
auth bad "--auth=rows is given, but there is no account" "--auth=rows --auth-required"
auth note "--auth=any takes every password" --auth=any
auth bad "Dovecot, $dir/nobody: No such file" "--auth=dovecot:$dir/nobody"
sql "INSERT INTO mailbox (address, authenticated) VALUES ('x@y.example', 1)"
auth note "rows of mailbox and sender_rule that ask for an account"
auth bad "--auth=rows is given, but there is no account" --auth=rows
rm_auth mailbox
sql "INSERT INTO account (name) VALUES ('ann')"
auth note "accounts: 1, which do not count"
auth ok "accounts: 1, --auth=rows" --auth=rows
auth note "--auth-insecure lets passwords be read" "--auth=rows --auth-insecure"
sql "INSERT INTO account_address (name, pattern) VALUES ('bob', 'b.example')"
auth note "rows of account_address whose account is not there: 1" --auth=rows
rm_auth account_address
sql "INSERT INTO rate_count VALUES ('auth', '192.0.2.1', 9000000000, 3, 0, 0),
    ('auth', '192.0.2.2', 9000000000, 5, 0, 0), ('auth', '192.0.2.3', 1, 9, 0, 0)"
auth note "wrong passwords of late: 8, addresses they came from: 2; the most, 5, from 192.0.2.2" --auth=rows
rm_auth rate_count
rm_auth account
python3 -c 'import socket, sys
s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(); s.settimeout(120)
print("up", flush=True); s.accept()' "$dir/dovecot" >up &
await "[ -s up ]"
auth ok "accounts: 0, --auth=dovecot:" "--auth=dovecot:$dir/dovecot"
wait

sql 'INSERT INTO quota (max_messages) VALUES (3)'
status 78 "$tool" doctor
holds "every mail is answered 452" out
sql 'UPDATE quota SET max_messages = (SELECT count(*) FROM message) + 1'
status 0 "$tool" doctor
holds "of the quota are taken; beyond it" out
sql 'DELETE FROM quota'
# Rows that do not count, or lead nowhere.
"$tool" domain add b.example
"$tool" mailbox add bob@b.example
"$tool" alias add all@b.example bob@b.example
"$tool" alias add away@b.example x@elsewhere.example
"$tool" alias add '*@b.example' bob@b.example
"$tool" alias add bob@b.example bob@b.example
status 0 "$tool" doctor
holds "every alias leads somewhere" out
holds "is of a domain that is served" out
"$tool" mailbox add x@unserved.example 2>err
"$tool" alias add y@unserved.example bob@b.example 2>err
status 0 "$tool" doctor
holds "since their domain is not served: 2; the first is" out
holds "domain add 'unserved.example'" out
"$tool" mailbox rm x@unserved.example
"$tool" alias rm y@unserved.example
"$tool" alias rm '*@b.example'
"$tool" alias add lost@b.example gone@b.example
status 78 "$tool" doctor
holds "the alias lost@b.example, to gone@b.example, leads to no mailbox" out
remedy() {
	sed -n 's/^ *\$ smtpdb \(.*\)/\1/p' out | grep -v prune
}
remedy >fix
status 0 sh -c "'$tool' $(cat fix)"
status 0 "$tool" doctor
"$tool" alias add one@b.example two@b.example
"$tool" alias add two@b.example one@b.example
status 78 "$tool" doctor
holds "leads to itself or too far; and 1 more" out
"$tool" alias rm one@b.example
"$tool" alias rm two@b.example
"$tool" alias add "o'x@b.example" 'gone@b.example'
status 78 "$tool" doctor
status 0 sh -c "'$tool' $(remedy)"
status 0 "$tool" doctor
sql "INSERT INTO domain (name) VALUES ('GRÜN.example')"
status 78 "$tool" doctor
holds "GRÜN.example is written so that it never counts" out
status 0 sh -c "'$tool' $(remedy)"
status 0 "$tool" doctor

finish
