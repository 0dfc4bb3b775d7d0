#!/bin/sh
# Bare CR and LF in a mail, where it is handed on.
. "$(dirname "$0")/prelude.sh"

printf 'EHLO me\r\nMAIL FROM:<a@a.example>\r\nRCPT TO:<bob@b.example>\r\nBDAT 39 LAST\r\nSubject: x\r\n\r\nlf\n.\ncr\r.\rmixed\n\r.\r\r\nend\rMAIL FROM:<>\r\nRCPT TO:<bob@b.example>\r\nBDAT 16 LAST\r\nA: b\n\nFrom me\r\n\rQUIT\r\n' |
    "$smtpd" >out 2>/dev/null
is "mails by BDAT" 2 "$(grep -c '^250 2.0.0 Stored' out)"
dump >want

# bare FILE...: how many CR and LF are no CRLF.
bare() {
	python3 -c 'import sys
for name in sys.argv[1:]:
    left = open(name, "rb").read().replace(b"\r\n", b"")
    print(left.count(b"\r"), left.count(b"\n"))' "$@"
}
status 0 "$tool" export --eml=eml
is "nothing is left in files of one mail" "0 0
0 0" "$(bare eml/1.eml eml/2.eml)"
status 0 "$tool" export --bare --eml=bare
is "nor in those without an envelope" "0 0
0 0" "$(bare bare/1.eml bare/2.eml)"
for kind in mbox maildir; do
	status 0 "$tool" export --$kind=$kind
	is "no CR in the $kind" "" "$(grep -rl "$(printf '\r')" $kind)"
done
for kind in eml mbox maildir; do
	use "new_$kind"
	status 0 "$tool" import --$kind=$kind
	dump >got
	cmp -s want got
	ok "round trip by $kind" $?
done
# A program on the way may have changed the line ends of the file.
sed 's/$/\r/' mbox >crlf.mbox
use new
status 0 "$tool" import --mbox=crlf.mbox
dump >got
cmp -s want got
ok "round trip by an mbox of CRLF" $?
sed 's/ends=/ends=9c/' eml/1.eml >damaged.eml
status 65 "$tool" import --eml=damaged.eml
use mail

printf '#!/bin/sh\ncat >input\n' >fake
chmod +x fake
status 0 "$tool" deliver --sendmail 1 ./fake
lacks "$(printf '\r')" input
is "the lines that sendmail gets" "lf
.
cr
.
mixed

.

end" "$(sed '1,/^$/d' input)"
status 0 "$tool" deliver 1 sh -c 'cat >whole'
"$tool" raw 1 | cmp -s - whole
ok "any other command gets the octets" $?

finish
