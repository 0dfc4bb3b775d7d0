#!/bin/sh
# account: who may authenticate, and send as whom.
. "$(dirname "$0")/prelude.sh"

auth=$(dirname "$tool")/smtpd-auth
[ -x "$auth" ] || { skip "account" "there is no smtpd-auth"; finish; }

# with WANT PASSWORD ARGUMENTS...: the password on standard input
with() {
	want=$1
	password=$2
	shift 2
	printf '%s' "$password" | "$tool" account "$@" >out 2>err
	is "exit status of account $*" "$want" $?
}

with 0 'tr0ub4dor
' add ann ann@example.org example.net
with 0 tr0ub4dor add bob
with 0 '' add printer --certificate='CN=printer,O=Office'
status 0 "$tool" account list
is "who there is" \
    "$(printf 'ann\tyes\t-\tann@example.org example.net\nbob\tyes\t-\t-\nprinter\tno\tCN=printer,O=Office\t-')" \
    "$(cat out)"
status 0 "$tool" account list --json
json_lines out 'o[0] == {"name": "ann", "password": True, "certificate": None, "addresses": "ann@example.org example.net"}'
is "one password, two salts" 2 \
    "$(sql 'SELECT count(DISTINCT verifier) FROM account')"
! of_files || is "no password in the database" 0 "$(cat mail.db* | grep -c tr0ub4dor)"
before=$(sql "SELECT verifier FROM account WHERE name = 'ann'")

with 65 other add ann
holds "passwd" err
with 0 '' add ann ann@example.com
is "the password stays" "$before" "$(sql "SELECT verifier FROM account WHERE name = 'ann'")"
with 0 other passwd ann
ok "the password is another" "$([ "$before" != "$(sql "SELECT verifier FROM account WHERE name = 'ann'")" ]; echo $?)"
with 66 other passwd nobody
with 66 '' passwd bob
with 65 '
' passwd bob
with 65 "$(printf 'a\007b')" passwd bob
with 65 x add "$(printf 'a\tb')"
# A name that no client's would be equal to.
with 65 x add 'ﬁne'
holds "'ﬁne' is the same name as 'fine'" err
with 65 x add "$(printf 'an\302\255n')"
with 65 x add "$(printf 'a\314\201n')"
with 65 x add "$(printf 'a\342\200\256n')"
with 0 x add 'ünï'
with 0 '' rm 'ünï'
with 65 x add carl 'no address at all'
with 65 '' add carl --certificate='CN=printer,O=Office'
with 64 x add
with 64 x passwd ann bob
with 64 x frob ann

with 0 '' rm ann example.net ann@example.com
with 66 '' rm ann example.net
with 0 '' rm bob
with 66 '' rm bob
status 0 "$tool" account list
is "who is left" "$(printf 'ann\tyes\t-\tann@example.org\nprinter\tno\tCN=printer,O=Office\t-')" "$(cat out)"
with 0 '' rm ann
is "what it had is gone" 0 "$(sql 'SELECT count(*) FROM account_address')"

# By a person, who sees no password.
on_terminal 80 "(timeout 120 sh -c 'until grep -q Password: out; do sleep 0.05; done'; echo secret; echo secret) | script -qec '$tool account add tty' /dev/null"
lacks secret out
finish
