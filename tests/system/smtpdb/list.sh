#!/bin/sh
# list: lines, filters, columns of a terminal.
. "$(dirname "$0")/prelude.sh"
make_zoo

status 0 "$tool" list
is "a line for each mail" "$total" "$(wc -l <out)"
holds "Jörg <j@a.example>" out
holds "Grüße from 日本語" out
holds "bob@b.example, carl@c.example" out
is "no controls" 0 "$(LC_ALL=C tr -d '\12\11\40-\176\200-\377' <out | wc -c)"
status 0 "$tool" list --from=JÖRG
is "--from" 1 "$(wc -l <out)"
status 0 "$tool" list --to=carl
is "--to" 1 "$(wc -l <out)"
status 0 "$tool" list --subject=日本
is "--subject" 1 "$(wc -l <out)"
status 0 "$tool" list --larger=150K
is "--larger" 1 "$(wc -l <out)"
status 0 "$tool" list --since=1h --until=30m
is "--until" 0 "$(wc -l <out)"
status 0 "$tool" list -n 2
is "--number" "$((total - 1)) $total" "$(cut -f1 out | xargs)"
status 0 "$tool" list -n 1 --from=jörg
is "--number of what matches" 1 "$(cut -f1 out)"
status 0 "$tool" list -n 999
is "--number beyond a page" "$total" "$(wc -l <out)"
status 0 "$tool" list -n 0
is "--number=0" 0 "$(wc -l <out)"
status 0 timeout 120 "$tool" list -n 1000000000 --from=jörg
is "--number beyond all that match, the first mail too" 1 "$(cut -f1 out)"
for day in 2026-02-31 2025-02-29 2026-11-31T10:00Z 2026-04-31Z; do
	status 64 "$tool" list --until=$day
	holds "'$day' is no time" err
done
status 0 "$tool" list --until=2024-02-29
status 0 "$tool" list --until=1970-01-01Z
is "--until the beginning of time" 0 "$(wc -l <out)"
status 64 "$tool" list --since=yesterday
status 64 "$tool" list --larger=big
status 0 "$tool" list --json
json_lines out 'o[0]["recipients"] == ["bob@b.example", "carl@c.example"]'
if have script "lists on a terminal"; then
	on_terminal 80 "'$tool' list -n 3"
	holds "$(printf '\033[1m')" out
	! of_files || sql "UPDATE message SET id = 100000000,
	    header_subject = '$(printf '%0100d' 0)' WHERE id = $total;
	    UPDATE recipient SET message_id = 100000000 WHERE message_id = $total"
	on_terminal 80 "'$tool' list"
	is "lines of over 80 columns in a list" "" "$(wider_than 80)"
	for columns in 60 40 20 5; do
		on_terminal $columns "'$tool' list"
		is "lines of over $columns columns in a list" "" \
		    "$(wider_than $columns)"
	done
	on_terminal 80 "NO_COLOR=1 '$tool' list"
	lacks "$(printf '\033')" out
fi

# What was sent to one address twice, or by an alias to several mailboxes, is
# listed once.
use alias
"$tool" domain add b.example
"$tool" domain add xn--mnchen-3ya.example
"$tool" alias add all@b.example bob@b.example
"$tool" alias add all@b.example ann@b.example
"$tool" mailbox add bob@b.example
"$tool" mailbox add ann@b.example
printf 'Subject: x\n\nx\n' |
    send a@a.example all@b.example bob@b.example BOB@b.example all@b.example
printf 'Subject: x\n\nx\n' | send a@a.example carl@xn--mnchen-3ya.example
status 0 "$tool" list
is "recipients are listed once" "all@b.example, bob@b.example" \
    "$(head -n 1 out | cut -f5)"
status 0 "$tool" list --json
json_lines out 'o[0]["recipients"] == ["all@b.example", "bob@b.example"]'
for box in bob@b.example ANN@B.example; do
	status 0 "$tool" list --mailbox=$box
	is "what went to $box" 1 "$(cut -f1 out)"
done
for box in carl@xn--mnchen-3ya.example carl@MÜNCHEN.example; do
	status 0 "$tool" list --mailbox=$box
	is "what went to $box" 2 "$(cut -f1 out)"
done
status 0 "$tool" list --mailbox=all@b.example
is "to no mailbox of that name" 0 "$(wc -l <out)"
status 0 "$tool" show 1
holds "to <all@b.example>, <bob@b.example>" out
holds "<all@b.example> went to ann@b.example, bob@b.example" out
is "where there is no more to say" 1 "$(grep -c 'went to' out)"
status 0 "$tool" show --json 1
json_lines out 'o[0]["recipients"] == ["all@b.example", "bob@b.example"]'
json_lines out '{"recipient": "all@b.example", "mailbox": "ann@b.example"} in o[0]["went_to"]'

finish
