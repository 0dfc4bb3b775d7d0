#!/bin/sh
# mailbox: the mailboxes of a domain.
. "$(dirname "$0")/prelude.sh"

status 0 "$tool" domain add b.example
status 0 "$tool" mailbox add bob@b.example --quota-octets=10M
is "nothing is to be said" "" "$(cat err)"
status 0 "$tool" mailbox add old@b.example --state=moved --moved-to=new@n.example
status 0 "$tool" mailbox list --json
json_lines out 'o[0]["quota_octets"] == 10485760 and o[0]["quota_permanent"] is False'
json_lines out 'o[0]["moved_to"] is None and o[1]["moved_to"] == "new@n.example"'
status 0 "$tool" explain --to=old@b.example
holds "551 5.1.6" out

# What is wrong is said in words, not in SQL.
status 65 "$tool" mailbox add odd@b.example --state=frob
holds "'frob' is none of open, disabled, busy, not-allowed and moved" err
status 65 "$tool" mailbox add odd@b.example --state=moved
holds "needs --moved-to" err
status 64 "$tool" mailbox add odd@b.example --quota-messages=many
status 64 "$tool" mailbox add odd@b.example --quota-octets=much
status 65 "$tool" mailbox add odd@b.example --quota-octets=9100000000000000000
for word in '' x @x.example x@ '<x@y.example>' 'x y@z.example'; do
	status 65 "$tool" mailbox add odd@b.example --moved-to="$word"
	lacks "GLOB" err
	status 65 "$tool" mailbox add "$word"
	lacks "GLOB" err
done
status 0 "$tool" mailbox list
is "none of them is there" 2 "$(wc -l <out)"

# What was said once can be changed, and taken back.
status 0 "$tool" mailbox add bob@b.example --quota-messages=5 --quota-permanent
status 0 "$tool" mailbox list
holds "$(printf 'bob@b.example\topen\t-\t5\t10485760\tyes\t0\t0\tno')" out
status 0 "$tool" mailbox add bob@b.example --quota-octets=none --no-quota-permanent
status 0 "$tool" mailbox list
holds "$(printf 'bob@b.example\topen\t-\t5\t-\tno\t0\t0\tno')" out
status 64 "$tool" mailbox add bob@b.example --quota-permanent --no-quota-permanent
status 0 "$tool" mailbox add bob@b.example --quota-messages=none
status 0 "$tool" mailbox add old@b.example --state=none --moved-to=none
status 0 "$tool" mailbox list
holds "$(printf 'bob@b.example\topen\t-\t-\t-\tno\t0\t0\tno')" out
holds "$(printf 'old@b.example\topen\t-\t-\t-\tno\t0\t0\tno')" out

# Whoever has no account is asked for one.
status 0 "$tool" mailbox add inner@b.example --authenticated
status 0 "$tool" mailbox list --json
json_lines out '[r["authenticated"] for r in o if r["address"] == "inner@b.example"] == [True]'
status 0 "$tool" explain --to=inner@b.example
holds "530 5.7.0" out
holds "table mailbox, row 'inner@b.example'" out
status 0 "$tool" explain --to=inner@b.example --account=ann
holds "goes to inner@b.example" out
status 0 "$tool" mailbox add inner@b.example --no-authenticated
status 0 "$tool" explain --to=inner@b.example
holds "250 taken" out
status 0 "$tool" mailbox rm inner@b.example

# A mailbox of a domain that is not served counts only once it is.
status 0 "$tool" mailbox add x@other.example
holds "other.example is no domain that is served" err
status 0 "$tool" mailbox add y@B.EXAMPLE
is "in any case" "" "$(cat err)"
status 0 "$tool" mailbox add 'Y@b.example'
status 0 "$tool" mailbox list
is "no twin in other case" 1 "$(grep -ci '^y@' out)"

if have script "columns on a terminal"; then
	on_terminal 80 "'$tool' mailbox list"
	holds "ADDRESS" out
	holds "MAX MAILS" out
	for columns in 80 40 20 8; do
		on_terminal $columns "'$tool' mailbox list"
		is "lines of over $columns columns" "" "$(wider_than $columns)"
	done
fi

status 0 "$tool" mailbox rm OLD@b.example
status 66 "$tool" mailbox rm old@b.example

finish
