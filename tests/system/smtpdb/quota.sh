#!/bin/sh
# quota: how much the whole database may hold.
. "$(dirname "$0")/prelude.sh"

status 0 "$tool" quota add --max-messages=2
status 0 "$tool" quota list --json
json_lines out 'o[0]["max_messages"] == 2 and o[0]["max_octets"] is None and "id" not in o[0]'
send_some 2
printf 'HELO me\nMAIL FROM:<a@a.example>\nRCPT TO:<b@b.example>\nDATA\nQUIT\n' |
    "$smtpd" >out 2>/dev/null
holds "452 4.3.1" out
status 0 "$tool" quota list
is "what there is" "$(printf '2\t-\t2\t34')" "$(cat out)"
status 0 "$tool" quota add --max-messages=none --max-octets=10K
status 0 "$tool" quota list
is "changed, and taken back" "$(printf -- '-\t10240\t2\t34')" "$(cat out)"
status 64 "$tool" quota add
holds "how much?" err
status 64 "$tool" quota add --max-octets=much
status 65 "$tool" quota add --max-octets=9223372036854775807
if have script "columns on a terminal"; then
	on_terminal 80 "'$tool' quota list"
	holds "MAX SIZE" out
	holds "10K" out
fi
status 0 "$tool" quota rm
status 66 "$tool" quota rm
status 0 "$tool" quota list
is "no quota" "" "$(cat out)"

finish
