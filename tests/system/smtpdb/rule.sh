#!/bin/sh
# rule: who may send.
. "$(dirname "$0")/prelude.sh"

for pattern in '<x@y.example>' '@y.example' 'y.example.' ''; do
	[ -z "$pattern" ] && want=0 || want=65
	status $want "$tool" rule add sender "$pattern" --text=No
done
status 0 "$tool" rule rm sender ''
status 64 "$tool" rule add sender odd.example --code=x
status 65 "$tool" rule add sender odd.example --text=
status 0 "$tool" rule add sender evil.example --code=450 --enhanced=4.7.1 --text='go away'
status 65 "$tool" rule add sender evil.example --code=450 --enhanced=5.7.1
status 0 "$tool" explain --from=x@evil.example
holds "450 4.7.1 go away" out
printf 'EHLO x\nMAIL FROM:<x@evil.example>\nQUIT\n' | "$smtpd" 2>/dev/null >got
holds "450 4.7.1 go away" got
status 0 "$tool" rule add client 192.0.2.77/24
status 0 "$tool" rule list client
holds "192.0.2.0/24" out
status 64 "$tool" rule add client 192.0.2.0/33
status 64 "$tool" rule add client example
status 0 "$tool" rule add client 2001:DB8::/32
status 0 "$tool" rule rm client 192.0.2.0/24
status 0 "$tool" rule rm sender evil.example
status 66 "$tool" rule rm sender evil.example

finish
