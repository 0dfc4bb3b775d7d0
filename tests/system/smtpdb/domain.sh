#!/bin/sh
# domain: the domains that mail is taken for.
. "$(dirname "$0")/prelude.sh"

status 0 "$tool" domain add b.example
for word in 'bad@x' 'b.example.' 'b d.example' ''; do
	status 65 "$tool" domain add "$word"
done
status 0 "$tool" explain --to=x@elsewhere.example
holds "550 5.7.1" out
status 0 "$tool" domain rm B.example
status 66 "$tool" domain rm b.example
status 64 "$tool" domain frob
status 64 "$tool" domain add
status 64 "$tool" domain ad b.example
holds "Say domain add" err
status 0 "$tool" domain list
is "no domains" 0 "$(wc -l <out)"

# A domain has one row, by whichever name it was given.
if python3 -c 'import ctypes; ctypes.CDLL("libidn2.so.0")' 2>/dev/null; then
	for word in MÜNCHEN.example münchen.EXAMPLE xn--mnchen-3ya.example \
	    XN--MNCHEN-3YA.example; do
		status 0 "$tool" domain add "$word"
	done
	status 0 "$tool" domain list
	is "one form, no twin" xn--mnchen-3ya.example "$(cat out)"
	for word in x@münchen.example x@MÜNCHEN.example \
	    x@xn--mnchen-3ya.example x@XN--mnchen-3ya.example; do
		status 0 "$tool" explain --to="$word"
		holds "250 taken" out
	done
	printf 'EHLO me\nMAIL FROM:<a@a.example> SMTPUTF8\nRCPT TO:<x@MÜNCHEN.example>\nQUIT\n' |
	    "$smtpd" >out 2>/dev/null
	holds "250 2.1.5" out
	status 0 "$tool" domain rm München.example
	status 0 "$tool" domain list
	is "and none is left" "" "$(cat out)"
	# A row that others have made keeps its name, but gets no twin.
	sql "INSERT INTO domain (name) VALUES ('größe.example')"
	status 0 "$tool" domain add GRÖßE.example
	status 0 "$tool" domain list
	is "theirs" größe.example "$(cat out)"
	# One that they made so that it never counts can be removed.
	sql "INSERT INTO domain (name) VALUES ('GRÖßE.example')"
	status 0 "$tool" domain rm GRÖßE.example
	status 0 "$tool" domain list
	is "all of it" "" "$(cat out)"
	status 65 "$tool" domain add '☃☃..example'
else
	skip "domains beyond US-ASCII" "there is no libidn2"
fi

finish
