#!/bin/sh
# rule: who may send.
. "$(dirname "$0")/prelude.sh"

for pattern in '<x@y.example>' '@y.example' 'y.example.' ''; do
	[ -z "$pattern" ] && want=0 || want=65
	status $want "$tool" rule add sender "$pattern" --text=No
done
status 0 "$tool" rule rm sender ''
status 0 "$tool" rule add sender evil.example --code=450 --enhanced=4.7.1 --text='go away'
status 0 "$tool" explain --from=x@evil.example
holds "450 4.7.1 go away" out
printf 'EHLO x\nMAIL FROM:<x@evil.example>\nQUIT\n' | "$smtpd" 2>/dev/null >got
holds "450 4.7.1 go away" got

# What no client could be told is refused, in words.
for code in x 200 421 399 460 560 600 45 4500 ' 50' ''; do
	status 65 "$tool" rule add sender odd.example --code="$code"
	holds "is no reply code that refuses" err
done
for code in 5.7 5.7.1.1 2.0.0 5.07.1 5.7.1000 x.y.z 5.7.1x '' 5..1; do
	status 65 "$tool" rule add sender odd.example --enhanced="$code"
	holds "is no enhanced status code" err
done
status 65 "$tool" rule add sender odd.example --text=
holds "is empty" err
status 65 "$tool" rule add sender odd.example --text=größer
holds "printable US-ASCII" err
status 65 "$tool" rule add sender odd.example --text="$(printf '%0401d' 1)"
holds "longer than 400" err
status 65 "$tool" rule add sender evil.example --code=450 --enhanced=5.7.1
holds "begin with different digits" err
status 64 "$tool" rule add sender odd.example --allow --deny
status 64 "$tool" rule add sender odd.example --allow --text=no
status 0 "$tool" rule list sender
is "none of them is there" 1 "$(wc -l <out)"

# What was said is changed by other words.
row() {
	"$tool" rule list sender | cut -f2- | tr '\t' ' '
}
status 0 "$tool" rule add sender evil.example --allow
is "it may now" "allow - - - no" "$(row)"
status 0 "$tool" explain --from=x@evil.example
holds "250 taken" out
status 0 "$tool" rule add sender evil.example --deny
is "and no longer" "deny 450 4.7.1 go away no" "$(row)"
status 0 "$tool" rule add sender evil.example --code=554
is "a code brings its status along" "deny 554 5.7.1 go away no" "$(row)"
status 0 "$tool" rule add sender evil.example --enhanced=4.2.1
is "and a status its code" "deny 450 4.2.1 go away no" "$(row)"
status 0 "$tool" rule add sender evil.example --code=none --text=none
is "as a new one" "deny 550 5.7.1 Sender refused no" "$(row)"
status 0 "$tool" rule add sender evil.example --allow
status 0 "$tool" rule add sender evil.example
is "a rule refuses if it says no more" "deny 550 5.7.1 Sender refused no" "$(row)"
status 0 "$tool" rule list sender --json
json_lines out 'o[0]["allow"] is False and o[0]["code"] == 550'

# Who has an account may; of others it asks for one.
status 0 "$tool" rule add sender ours.example --authenticated
status 0 "$tool" rule list sender --json
json_lines out 'o[1]["authenticated"] is True and o[1]["allow"] is True and o[0]["authenticated"] is False'
status 0 "$tool" explain --from=x@ours.example
holds "530 5.7.0" out
holds "table sender_rule, row 'ours.example'" out
status 0 "$tool" explain --from=x@ours.example --account=ann
holds "as ann" out
holds "250 taken" out
status 0 "$tool" rule add sender ours.example --no-authenticated --allow
status 0 "$tool" explain --from=x@ours.example
holds "250 taken" out
status 0 "$tool" rule add sender ours.example --authenticated
status 0 "$tool" rule add sender ours.example
status 0 "$tool" explain --from=x@ours.example --account=ann
holds "550 5.7.1" out
status 64 "$tool" rule add sender ours.example --authenticated --deny
status 64 "$tool" rule add sender ours.example --authenticated --text=no
status 64 "$tool" rule add sender ours.example --authenticated --no-authenticated
status 64 "$tool" rule add client 192.0.2.0/24 --authenticated
holds "before it can authenticate" err
status 0 "$tool" rule rm sender ours.example

status 0 "$tool" rule add client 192.0.2.77/24
status 0 "$tool" rule add client 192.0.2.0/24 --allow
status 0 "$tool" rule list client
is "one network, one rule" "$(printf '192.0.2.0/24\tallow\t-\t-\t-')" "$(cat out)"
status 0 "$tool" rule add client ::ffff:192.0.2.0/120
status 0 "$tool" rule list client
is "IPv4 in IPv6 is IPv4" 1 "$(wc -l <out)"
status 64 "$tool" rule add client 192.0.2.0/33
status 64 "$tool" rule add client example
status 0 "$tool" rule add client 2001:DB8::/32
status 0 "$tool" rule rm client 192.0.2.0/24
status 0 "$tool" rule rm sender EVIL.example
status 66 "$tool" rule rm sender evil.example
status 64 "$tool" rule add
status 64 "$tool" rule add recipient x.example

finish
