#!/bin/sh
# smtpdb on databases that smtpd has filled: each command, and its errors
# (make check).  A mail that goes through a file must come back octet for octet,
# and nothing that a stranger wrote may reach the terminal as a control.
set -u

here=$(pwd)
smtpd=$(realpath "${SMTPD_PROGRAM:-./smtpd}")
tool=$(realpath "${SMTPDB_PROGRAM:-./smtpdb}")
dir=$(mktemp -d "${TMPDIR:-/tmp}/smtpdb-test-XXXXXX")
trap 'umount "$dir/full" 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir" || exit 1
SMTPD_DATABASE=$dir/mail.db
export SMTPD_DATABASE
unset NO_COLOR
TZ=UTC
export TZ

passed=0
failed=0

# ok TEXT STATUS: counts a test.
ok() {
	if [ "$2" -eq 0 ]; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "tests/system/smtpdb.sh: failed: $1" >&2
	fi
}

# is TEXT WANT GOT
is() {
	[ "$2" = "$3" ]
	status=$?
	ok "$1" $status
	[ $status -eq 0 ] || printf 'want "%s"\ngot  "%s"\n' "$2" "$3" >&2
}

# status WANT COMMAND...: its exit status.
status() {
	want=$1
	shift
	"$@" >out 2>err </dev/null
	is "exit status of $*" "$want" $?
}

# holds TEXT FILE
holds() {
	grep -qF -e "$1" "$2"
	ok "'$1' in $2: $(head -c 300 "$2")" $?
}

# lacks TEXT FILE: in which there is something, though.
lacks() {
	[ -s "$2" ] && ! grep -qF -e "$1" "$2"
	ok "no '$1' in $2" $?
}

# await COMMAND: until it succeeds, for ten seconds.
await() {
	n=0
	until eval "$1" >/dev/null 2>&1; do
		n=$((n + 1))
		[ $n -lt 200 ] || { ok "await $1" 1; return; }
		sleep 0.05
	done
}

# send FROM TO...: a mail on standard input, LF.
send() {
	{
		printf 'EHLO me\nMAIL FROM:<%s> BODY=8BITMIME\n' "$1"
		shift
		for to; do printf 'RCPT TO:<%s>\n' "$to"; done
		echo DATA
		sed 's/^\./../'
		printf '.\nQUIT\n'
	} | "$smtpd" 2>/dev/null | grep -q '^250 2.0.0 Stored'
	ok "send to $*" $?
}

# All that must survive an export.
dump() {
	sqlite3 "$1" "SELECT received_at, client_address, client_port, helo,
	    protocol, verb, reverse_path, body_type, smtputf8, envelope_id,
	    dsn_return, size, trace, header_size, header_from, header_to,
	    header_subject, header_date, header_message_id, hex(data)
	    FROM message ORDER BY id;
	    SELECT position, forward_path, notify, original_recipient, mailbox
	    FROM recipient ORDER BY message_id, position"
}

#
# Without a database
#
status 66 "$tool" list
holds "No such file" err
status 64 "$tool"
status 64 "$tool" frobnicate
status 64 "$tool" list --nonesuch
status 64 "$tool" list argument
status 64 "$tool" --database= list
status 64 "$tool" --database=:memory: list
status 0 "$tool" --help
holds "doctor" out
status 0 "$tool" --version
for command in $("$tool" complete); do
	status 0 "$tool" "$command" --help
	holds "Usage: smtpdb $command" out
	is "lines of over 80 columns" "" "$(awk 'length > 80' out)"
done
[ ! -e mail.db ]
ok "nothing was made" $?

#
# The mails of the zoo
#
printf 'From: =?utf-8?q?J=C3=B6rg?= <j@a.example>\nTo: b@b.example\nSubject: =?iso-8859-1?q?Gr=FC=DFe?= from\n\t=?utf-8?b?5pel5pys6Kqe?=\n\nHello.\nFrom here\n>From there\n.dot\n\033[31mred\033[0m\a\033]0;title\a end\n' |
    send ann@a.example bob@b.example carl@c.example
printf 'From: a\nSubject: multi\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=x\n\npreamble\n--x\nContent-Type: multipart/alternative; boundary=y\n\n--y\nContent-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\nGr=FC=DFe\n--y\nContent-Type: text/html\n\n<p>no\n--y--\n--x\nContent-Type: application/pdf; name="../../etc/=?utf-8?q?r=C3=A9port?=.pdf"\nContent-Disposition: attachment\nContent-Transfer-Encoding: base64\n\naGVsbG8=\n--x\nContent-Type: message/rfc822\n\nSubject: inner\n\nbody\n--x--\n' |
    send '' bob@b.example
printf 'Subject: html\nContent-Type: text/html; charset=utf-8\n\n<html><head><title>t</title><style>x{}</style></head><body><h1>Title</h1><p>Hello   <b>World</b> &amp; co &#8364; &#27;&#x41;<br>line<script>evil()</script></body></html>\n' |
    send c@c.example bob@b.example
printf 'Subject: caf\351 \033[2J \342\200\256gpj.exe\nFrom: x\n\nlatin1 \374\n' |
    send d@d.example bob@b.example
printf 'no header at all\n' | send e@e.example bob@b.example
printf '\n' | send e@e.example bob@b.example
printf 'Content-Type: multipart/mixed; boundary=z\n\n--z\nContent-Type: text/plain; charset="../../x//TRANSLIT"\n\nunended\n' |
    send f@f.example bob@b.example
{
	printf 'Subject: huge\nX-Huge: '
	head -c 200000 /dev/zero | tr '\0' a | fold -w 900 | sed '2,$s/^/ /'
	printf '\n\nbody\n'
} | send g@g.example bob@b.example
{
	printf 'Subject: deep\n'
	i=0
	while [ $i -lt 2000 ]; do
		printf 'Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n' $i $i
		i=$((i + 1))
	done
	printf '\nbottom\n'
} | send h@h.example bob@b.example
printf 'Subject: base64\nContent-Transfer-Encoding: base64\nContent-Type: text/plain; charset=utf-8\n\n!!!aGVsbG8=broken\n' |
    send h@h.example bob@b.example
# With BDAT: NUL, bare CR, bare LF, no line end, nothing at all.
printf 'EHLO me\r\nMAIL FROM:<"a b"@c.d> ENVID=x+20y RET=HDRS BODY=BINARYMIME\r\nRCPT TO:<bob@b.example> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;x@y\r\nBDAT 26 LAST\r\nS: x\r\n\r\nFrom me\r\r\nno\nend\0zMAIL FROM:<>\r\nRCPT TO:<bob@b.example>\r\nBDAT 0 LAST\r\nMAIL FROM:<>\r\nRCPT TO:<bob@b.example>\r\nBDAT 4 LAST\r\nFromMAIL FROM:<>\r\nRCPT TO:<bob@b.example>\r\nBDAT 1 LAST\r\n\nMAIL FROM:<>\r\nRCPT TO:<bob@b.example>\r\nBDAT 27 LAST\r\nA: b\r\n\r\nx\r\n\r\nFrom a\r\n\r\n\r\n\r\nQUIT\r\n' |
    "$smtpd" >out 2>/dev/null
is "mails by BDAT" 5 "$(grep -c '^250 2.0.0 Stored' out)"
# A field of our own that the sender wrote is his.
printf 'X-Smtpd-Envelope: v=1 received=1 client=local port=0 smtputf8=0 lines=lf open=0 protocol=SMTP verb=MAIL body=7BIT helo=x from=evil@x.example to=victim@x.example\nSubject: spoof\n\nx\n' |
    send spoof@s.example bob@b.example
total=$(sqlite3 mail.db 'SELECT count(*) FROM message')

#
# list
#
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
status 64 "$tool" list --since=yesterday
status 64 "$tool" list --larger=big
status 0 "$tool" list --json
python3 -c 'import json,sys; [json.loads(l) for l in open("out", encoding="utf-8", newline="\n")]'
ok "list --json" $?
if command -v script >/dev/null; then
	script -qec "stty cols 80; '$tool' list -n 3" /dev/null >out </dev/null
	holds "$(printf '\033[1m')" out
	sqlite3 mail.db "UPDATE message SET id = 100000000,
	    header_subject = printf('%.100c', 's') WHERE id = $total;
	    UPDATE recipient SET message_id = 100000000 WHERE message_id = $total"
	script -qec "stty cols 80; '$tool' list" /dev/null >out </dev/null
	is "lines of over 80 columns in a list" "" "$(
	    python3 -c 'import re
for line in open("out", encoding="utf-8", newline="\n"):
    if len(re.sub("\033.*?m|[\r\n]", "", line)) > 80: print(line)')"
	sqlite3 mail.db "UPDATE message SET id = $total, header_subject = 'spoof'
	    WHERE id = 100000000;
	    UPDATE recipient SET message_id = $total WHERE message_id = 100000000;
	    UPDATE sqlite_sequence SET seq = $total WHERE name = 'message'"
	NO_COLOR=1 script -qec "'$tool' list" /dev/null >out </dev/null
	lacks "$(printf '\033')" out
	script -qec "'$tool' raw 1 4" /dev/null >out </dev/null
	lacks "$(printf '\033')" out
fi

#
# show
#
status 0 "$tool" show 1
holds "Subject: Grüße from 日本語" out
holds "<ann@a.example> to <bob@b.example>, <carl@c.example>" out
lacks "$(printf '\033')" out
lacks "$(printf '\a')" out
status 0 "$tool" show 2
holds "Grüße" out
lacks "preamble" out
lacks "<p>" out
holds "[3] application/pdf, 5" out
status 0 "$tool" show -H 2
holds "Content-Type: multipart/mixed" out
status 0 "$tool" show 3
holds "Hello World & co €" out
lacks "evil" out
lacks "$(printf '\033')" out
status 0 "$tool" show 4
holds "Subject: café" out
holds "latin1 ü" out
lacks "$(printf '\342\200\256')" out
i=1
while [ $i -le "$total" ]; do
	status 0 "$tool" show $i
	is "controls of mail $i" 0 \
	    "$(LC_ALL=C tr -d '\12\11\40-\176\200-\377' <out | wc -c)"
	status 0 "$tool" show --json $i
	python3 -c 'import json; json.load(open("out", encoding="utf-8"))'
	ok "show --json $i" $?
	i=$((i + 1))
done
status 66 "$tool" show 999
status 64 "$tool" show one
status 64 "$tool" show

#
# raw, extract
#
status 0 "$tool" raw --data 2
sqlite3 mail.db "SELECT writefile('want', data) FROM message WHERE id = 2" >/dev/null
cmp -s want out
ok "raw --data" $?
status 0 "$tool" raw 2
sqlite3 mail.db "SELECT writefile('want', CAST(trace AS BLOB) || data) FROM message WHERE id = 2" >/dev/null
cmp -s want out
ok "raw" $?
mkdir parts
status 0 "$tool" extract 2 -C parts
is "a name that stays in the folder" hello "$(cat parts/etc_réport.pdf)"
status 0 "$tool" extract 2 -C parts
is "not written over" hello "$(cat parts/etc_réport-1.pdf)"
status 0 "$tool" extract 2 3
is "a part" hello "$(cat out)"
status 0 "$tool" extract 2 3 -o part
is "a part to a file" hello "$(cat part)"
status 73 "$tool" extract 2 3 -o part
status 66 "$tool" extract 2 9
status 64 "$tool" extract 2 x
status 64 "$tool" extract 2 -o part
status 64 "$tool" extract 2 3 -C parts

#
# Odd mails
#
odd=$(python3 "$here/tests/system/oddmails.py" "$smtpd" odd.db)
is "odd mails" "$odd" "$("$tool" -d odd.db list | wc -l)"
# controls: octets of control characters in the file "out"
controls() {
	LC_ALL=C tr -d '\12\11\40-\176\200-\377' <out | wc -c
	python3 -c 'import sys, unicodedata
for c in open("out", encoding="utf-8", newline="\n").read():
    if unicodedata.category(c) in ("Cf", "Cc") and c not in "\n\t\u200c\u200d":
        print(hex(ord(c)))'
}
status 0 "$tool" -d odd.db list
is "controls in the list" 0 "$(controls)"
"$tool" -d odd.db export --eml=odd
i=1
while [ "$i" -le "$odd" ]; do
	for how in '' -H; do
		status 0 "$tool" -d odd.db show $how "$i"
		is "controls of odd mail $i" 0 "$(controls)"
	done
	status 0 "$tool" -d odd.db show --json "$i"
	mkdir "odd.$i"
	status 0 "$tool" -d odd.db extract "$i" -C "odd.$i"
	is "controls in names of $i" 0 "$(controls)"
	i=$((i + 1))
done >odd.log 2>&1
cat odd.log >&2
status 0 "$tool" -d odd.db show --json $(seq "$odd")
python3 -c 'import json; n = len([json.loads(l) for l in open("out", encoding="utf-8", newline="\n")]); assert n == '"$odd"
ok "show --json of all odd mails" $?
is "controls in JSON" 0 "$(controls)"
python3 -c 'import json; o = json.loads(open("out", encoding="utf-8", newline="\n").readlines()[9]); s = dict(o["header"])["Subject"]; assert "\u0085\u009b31m\u202e" in s, ascii(s)'
ok "but as escapes" $?
status 0 "$tool" -d odd.db list --json
python3 -c 'import json; [json.loads(l) for l in open("out", encoding="utf-8", newline="\n")]'
ok "list --json of all odd mails" $?
is "all files are in the folder" "" "$(find odd.3 -mindepth 1 ! -type f; find . -maxdepth 1 -name '*evil*'; find odd.3 -name '[.-]*')"
is "all parts are there" 13 "$(find odd.3 -type f | wc -l)"
dump odd.db >want
status 0 "$tool" -d new.db import --eml=odd
dump new.db >got
cmp -s want got
ok "round trip of odd mails" $?
rm -f new.db*
# A text does not end at a NUL, nor does a field.
status 0 "$tool" -d odd.db show 1
holds "$(printf 'before\357\277\275after\nsecond line')" out
holds "$(printf 'Subject: before\357\277\275after')" out
# Parts and fields by the hundred thousand take no memory.
# (Not with the sanitizers of make asan, which take the address space.)
for command in 'show 4 5' index; do
	(ulimit -v 200000 && "$tool" --version) >/dev/null 2>&1 || break
	status 0 sh -c "ulimit -v 200000; exec '$tool' -d odd.db $command"
done
# A mail of more recipients than a program can be told keeps none back.
status 65 "$tool" -d odd.db deliver --new sh -c 'cat >/dev/null; echo $SMTPD_ID'
is "all but that one" $((odd - 1)) "$(wc -l <out)"
printf '#!/bin/sh\ncat >/dev/null\necho $#\n' >count
chmod +x count
status 0 "$tool" -d odd.db deliver --new --sendmail ./count
is "but as arguments" 1004 "$(cat out)"

#
# export, import
#
dump mail.db >want
for kind in mbox maildir eml; do
	status 0 "$tool" export --$kind "exported.$kind"
	status 0 "$tool" --database=new.db import --$kind "exported.$kind"
	dump new.db >got
	cmp -s want got
	ok "round trip by $kind" $?
	rm -f new.db*
done
"$tool" export --mbox=- | "$tool" --database=new.db import --mbox=- >out
dump new.db >got
cmp -s want got
ok "round trip by a pipe" $?
rm -f new.db*
status 73 "$tool" export --mbox=exported.mbox
status 64 "$tool" export
status 64 "$tool" export --mbox=a --eml=b
status 66 "$tool" export --mbox=x 999
[ ! -e x ]
ok "no half mbox" $?
status 64 "$tool" export --mbox=x --from=ann 1
status 74 sh -c "'$tool' list >/dev/full"
status 74 sh -c "'$tool' export --mbox=- >/dev/full"
status 0 "$tool" export --bare --eml=bare 1 2
lacks "X-Smtpd" bare/1.eml
status 0 "$tool" export --mbox=some.mbox --from=jörg
is "filtered" 1 "$(grep -c '^From ' some.mbox)"
python3 - <<'PY'
import mailbox, sys
m = mailbox.mbox('exported.mbox')
sys.exit(0 if m[0]['Subject'] and len(m) > 10 else 1)
PY
ok "Python reads the mbox" $?
if command -v mutt >/dev/null && command -v script >/dev/null; then
	for kind in mbox maildir; do
		TERM=xterm timeout 20 script -qec "mutt -n -F /dev/null -e 'set mbox_type=Maildir copy=yes delete=yes quit=yes move=no confirmappend=no confirmcreate=no record=\"\" wait_key=no' -e 'push \"<tag-pattern>~A<enter><tag-prefix><copy-message>$dir/mutt.$kind<enter><exit>\"' -f exported.$kind" /dev/null >out 2>&1 </dev/null
		is "mutt reads the $kind" "$total" "$(find mutt.$kind -type f | wc -l)"
	done
fi
# Mails of others: an envelope is found or given, never read from To.
printf 'To: nobody@x.example\n\nhi\n' >foreign.eml
status 65 "$tool" --database=new.db import --eml=foreign.eml
status 0 "$tool" --database=new.db import --eml=foreign.eml --recipient=bob@b.example --sender=ann@a.example
is "its envelope" "ann@a.example|bob@b.example" \
    "$(sqlite3 new.db 'SELECT reverse_path, forward_path FROM message JOIN recipient ON id = message_id')"
is "its lines" 0D0A "$(sqlite3 new.db 'SELECT hex(substr(data, -2)) FROM message')"
printf 'Return-Path: <r@r.example>\nDelivered-To: d@d.example\n\nhi\n' >foreign.eml
status 0 "$tool" --database=new.db import --eml=foreign.eml
is "that of an agent" "r@r.example|d@d.example" \
    "$(sqlite3 new.db 'SELECT reverse_path, forward_path FROM message JOIN recipient ON id = message_id WHERE id = 2')"
printf 'X-Smtpd-Envelope: v=1 from=%%00\n\nhi\n' >foreign.eml
status 65 "$tool" --database=new.db import --eml=foreign.eml
status 65 "$tool" --database=new.db import --mbox=foreign.eml
status 66 "$tool" --database=new.db import --maildir=nonesuch
status 64 "$tool" --database=new.db import --eml=foreign.eml --recipient='a b'
rm -f new.db*

#
# deliver
#
status 0 "$tool" deliver 1 sh -c 'echo "$SMTPD_ID $SMTPD_SENDER" $SMTPD_RECIPIENTS; wc -c'
holds "1 ann@a.example bob@b.example carl@c.example" out
status 0 "$tool" deliver --new sh -c 'cat >/dev/null; echo $SMTPD_ID'
is "all but the one that was delivered" $((total - 1)) "$(wc -l <out)"
status 0 "$tool" deliver --new echo
is "once only" 0 "$(wc -l <out)"
status 1 "$tool" deliver --new --consumer=two sh -c '[ $SMTPD_ID != 2 ]'
is "one failed" $((total - 1)) "$(sqlite3 mail.db "SELECT count(*) FROM delivery WHERE consumer = 'two' AND done")"
status 0 "$tool" deliver --new --consumer=two sh -c 'echo $SMTPD_ID'
is "and is tried again" 2 "$(cat out)"
status 75 "$tool" deliver --new --consumer=three nonesuch
is "nothing is leased" 0 "$(sqlite3 mail.db "SELECT count(*) FROM delivery WHERE consumer = 'three'")"
"$tool" deliver --new --consumer=many sh -c 'echo $SMTPD_ID' >many1 &
"$tool" deliver --new --consumer=many sh -c 'echo $SMTPD_ID' >many2
wait
is "two at once" "$total" "$(sort -u many1 many2 | wc -l)"
is "and each mail once" "$total" "$(cat many1 many2 | wc -l)"
printf '#!/bin/sh\necho "$@" >%s/args\ncat >%s/input\n' "$dir" "$dir" >fake
chmod +x fake
status 0 "$tool" deliver --sendmail 1 ./fake
is "sendmail's arguments" "-i -f ann@a.example -- bob@b.example carl@c.example" "$(cat args)"
lacks "$(printf '\r')" input
cat >lmtpd.py <<'PY'
# An LMTP server.  "rcpt:bob=550" and "data:bob=450" say what is answered to
# RCPT, or at the end of the mail, for a mailbox; "times=2" takes two mails;
# "mute=1" says nothing.
import socket, sys
ways = dict(word.split('=') for word in sys.argv[1:])
log = open('lmtp.log', 'w')
def serve(f):
    def say(x): f.write(x + b'\r\n'); f.flush()
    def verdict(when, box):
        code = ways.get(f'{when}:{box}', '250')
        say(f'{code} {code[0]}.1.1 \033[31mit is so'.encode())
        return code == '250'
    if 'mute' in ways: print('mute', flush=True); f.read(); return
    say(b'220 hi'); taken = []; data = b''
    while line := f.readline():
        verb = line[:4].upper()
        if verb == b'LHLO': say(b'250-me'); say(b'250 8BITMIME')
        elif verb == b'RCPT':
            box = line.split(b'<')[1].split(b'@')[0].decode()
            if verdict('rcpt', box): taken.append(box)
        elif verb == b'DATA':
            say(b'354 go')
            while (line := f.readline()) != b'.\r\n':
                data += line[1:] if line.startswith(b'.') else line
            for box in taken:
                if verdict('data', box): print(box, file=log)
        elif verb == b'QUIT': break
        else: say(b'250 ok')
    open('lmtp.out', 'wb').write(data)
s = socket.socket(socket.AF_UNIX)
s.bind('sock'); s.listen(5); s.settimeout(20); print('up', flush=True)
for i in range(int(ways.get('times', 1))):
    with s.accept()[0] as c: serve(c.makefile('rwb'))
PY
# lmtp STATUS BOXES WORD...: mail 1 to such a server; who gets it.
lmtp() {
	want_status=$1
	want_boxes=$2
	shift 2
	rm -f sock up lmtp.log
	timeout 30 python3 lmtpd.py "$@" >up 2>&1 </dev/null &
	await 'test -s up'
	status "$want_status" timeout 20 "$tool" deliver --consumer=lmtp --lmtp=./sock 1
	wait
	is "LMTP with $*" "$want_boxes" "$(tr '\n' ' ' <lmtp.log)"
	is "escapes on standard error" 0 "$(grep -c "$(printf '\033')" err)"
}
lmtp 69 "" rcpt:bob=550 rcpt:carl=550
lmtp 75 "" data:bob=450 data:carl=450
# Who has it does not get it again.
lmtp 75 "carl " data:bob=450
lmtp 75 "" rcpt:bob=450
lmtp 69 "" rcpt:bob=550
lmtp 0 "bob "
lmtp 0 "bob carl "
"$tool" raw 1 >want
cmp want lmtp.out
ok "by LMTP" $?
# One that is put off keeps no other back; a server that is gone keeps all.
rm -f sock up lmtp.log
timeout 30 python3 lmtpd.py times=2 rcpt:bob=450 rcpt:carl=450 >up 2>&1 </dev/null &
server=$!
await 'test -s up'
sqlite3 mail.db "INSERT INTO delivery SELECT id, 'queue', 1, 1 FROM message WHERE id > 2"
status 75 timeout 20 "$tool" deliver --new --consumer=queue --lmtp=./sock
is "both were tried" 3 "$(wc -l <err)"
wait $server
status 75 timeout 20 "$tool" deliver --new --consumer=queue --lmtp=./nonesuch
is "the first try ends it" 1 "$(wc -l <err)"
# A server that says nothing: SIGTERM ends the wait, and the lease.
rm -f sock up
timeout 30 python3 lmtpd.py mute=1 >up 2>&1 </dev/null &
server=$!
await 'test -s up'
"$tool" deliver --new --consumer=mute --lmtp=./sock 2>/dev/null &
deliverer=$!
await 'grep -q mute up'
await "test \$(sqlite3 mail.db \"SELECT count(*) FROM delivery WHERE consumer = 'mute'\") = 1"
kill $deliverer
wait $deliverer
is "SIGTERM while a server is mute" 75 $?
is "gives the lease back" 0 "$(sqlite3 mail.db "SELECT count(*) FROM delivery WHERE consumer = 'mute'")"
wait $server
# SIGINT while a command runs: what it has done counts, the rest is for later.
cat >slow <<'SH'
#!/bin/sh
trap '' INT
echo $SMTPD_ID
until [ -e go ]; do sleep 0.05; done
SH
chmod +x slow
# A shell has its children in the background ignore SIGINT.
cat >interrupt.py <<'PY'
import signal, subprocess, sys, time
p = subprocess.Popen(sys.argv[2:], preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
while subprocess.call(sys.argv[1], shell=True): time.sleep(0.02)
p.send_signal(signal.SIGINT); open('go', 'w').close()
sys.exit(abs(p.wait()))
PY
status 75 timeout 20 python3 interrupt.py 'grep -q . out' "$tool" deliver --new --consumer=slow ./slow
is "SIGINT during deliver" "1 1" \
    "$(sqlite3 mail.db "SELECT count(*), sum(done) FROM delivery WHERE consumer = 'slow'" | tr '|' ' ')"
status 0 "$tool" deliver --new --consumer=slow ./slow
is "the rest" $((total - 1)) "$(wc -l <out)"
status 64 "$tool" deliver 1
status 64 "$tool" deliver --new

#
# domain, mailbox, alias, rule, explain
#
status 0 "$tool" explain --from=a@a.example --to=bob@b.example
holds "250 taken" out
status 0 "$tool" domain add b.example
for name in 'bad@x' 'b.example.' 'b d.example' ''; do
	status 65 "$tool" domain add "$name"
done
for pattern in '<x@y.example>' '@y.example' 'y.example.' ''; do
	[ -z "$pattern" ] && want=0 || want=65
	status $want "$tool" rule add sender "$pattern" --text=No
done
status 0 "$tool" rule rm sender ''
status 0 "$tool" mailbox add bob@b.example --quota-octets=10M
status 0 "$tool" mailbox add old@b.example --state=moved --moved-to=new@n.example
status 65 "$tool" mailbox add odd@b.example --state=frob
holds "state IN ('open', 'disabled', 'busy', 'not-allowed', 'moved')" err
status 64 "$tool" mailbox add odd@b.example --quota-messages=many
status 64 "$tool" mailbox add odd@b.example --quota-octets=much
status 65 "$tool" mailbox add odd@b.example --moved-to=
status 64 "$tool" rule add sender odd.example --code=x
status 65 "$tool" rule add sender odd.example --text=
status 0 "$tool" alias add all@b.example bob@b.example
status 0 "$tool" mailbox list --json
holds '"quota_octets":10485760' out
status 0 "$tool" explain --to=all@b.example
holds "goes to bob@b.example" out
status 0 "$tool" explain --to=old@b.example
holds "551 5.1.6" out
status 0 "$tool" explain --to=x@elsewhere.example
holds "550 5.7.1" out
status 0 "$tool" rule add sender evil.example --code=450 --enhanced=4.7.1 --text='go away'
status 65 "$tool" rule add sender evil.example --code=450 --enhanced=5.7.1
status 0 "$tool" explain --from=x@evil.example
holds "450 4.7.1 go away" out
printf 'EHLO x\nMAIL FROM:<x@evil.example>\nQUIT\n' | "$smtpd" 2>/dev/null >got
holds "450 4.7.1 go away" got
status 0 "$tool" rule add client 192.0.2.77/24
status 0 "$tool" rule list client
holds "192.0.2.0/24" out
status 0 "$tool" explain --client=192.0.2.200
holds "client_rule" out
status 64 "$tool" rule add client 192.0.2.0/33
status 64 "$tool" rule add client example
status 0 "$tool" rule add client 2001:DB8::/32
status 0 "$tool" explain --client=2001:0DB8::1
holds "row '2001:db8::/32'" out
status 64 "$tool" explain --client=nonsense
status 64 "$tool" explain --client=192.0.2.0/24
status 0 "$tool" rule rm client 192.0.2.0/24
status 0 "$tool" rule rm sender evil.example
status 66 "$tool" rule rm sender evil.example
status 0 "$tool" alias rm all@b.example
status 0 "$tool" mailbox rm old@b.example
status 0 "$tool" mailbox rm bob@b.example
status 0 "$tool" domain rm b.example
status 64 "$tool" domain frob
status 0 "$tool" domain list
is "no domains" 0 "$(wc -l <out)"

#
# search
#
status 66 "$tool" search hello
status 0 "$tool" index
status 0 "$tool" search hello world
is "search" 1 "$(wc -l <out)"
status 0 "$tool" search bob@b.example
is "search what is no word" "$total" "$(wc -l <out)"
is "word of the index" 0 "$(grep -c index err)"
printf 'Subject: later\n\nxylophone\n' | send a@a.example bob@b.example
status 0 "$tool" search xylophone
is "what came later is not found" 0 "$(wc -l <out)"
holds "mails after $total are not in the index" err
status 0 "$tool" index
holds "indexed 1 mails" out
status 0 "$tool" search xylophone
is "search what came later" 1 "$(wc -l <out)"
# Two at once that have both seen an empty index share the mails.
sqlite3 mail.db-words 'DELETE FROM last'
mkfifo hold
sqlite3 mail.db-words <hold >held &
exec 3>hold
echo 'BEGIN IMMEDIATE; SELECT 1;' >&3
await 'test -s held'
"$tool" index >index1 3>&- &
one=$!
"$tool" index >index2 3>&- &
two=$!
await "ls -l /proc/$one/fd | grep -q mail.db-words"
await "ls -l /proc/$two/fd | grep -q mail.db-words"
exec 3>&-
wait
is "two index" $((total + 1)) "$(sed 's/[^0-9]//g' index1 index2 | awk '{ n += $1 } END { print n }')"

#
# watch
#
timeout 10 "$tool" watch -n 2 >watched 2>&1 &
watcher=$!
await 'test $(wc -l <watched) = 2'
printf 'Subject: watched\n\nx\n' | send a@a.example bob@b.example
await 'grep -q watched watched'
kill $watcher
holds "watched" watched
is "two, and only what is new" "$total $((total + 1)) $((total + 2))" "$(cut -f1 watched | xargs)"

#
# stats, doctor
#
status 0 "$tool" stats
holds "mails       $((total + 2))" out
status 0 "$tool" stats --json
python3 -c 'import json; json.load(open("out"))'
ok "stats --json" $?
status 0 "$tool" stats --openmetrics
is "OpenMetrics ends so" "# EOF" "$(tail -n 1 out)"
if command -v gnuplot >/dev/null; then
	status 0 "$tool" stats --plot=plot.png
	status 73 "$tool" stats --plot=nonesuch/plot.png
	is "no PNG on standard output" 0 "$(wc -c <out)"
	is "a PNG" 89504E47 "$(od -An -tx1 -N4 plot.png | tr -d ' \n' | tr a-f A-F)"
fi
chmod 660 mail.db*
status 0 "$tool" doctor
chmod 1777 .
status 78 "$tool" doctor
lacks 'chmod' out
chmod 777 .
status 78 "$tool" doctor
holds "chmod o-w $dir" out
chmod 700 .
chmod 600 mail.db-lock
status 78 "$tool" doctor
holds "chmod --reference" out
chmod 660 mail.db-lock
printf '!' | dd of=mail.db-lock conv=notrunc 2>/dev/null
status 78 "$tool" doctor
holds "451" out
printf -- - | dd of=mail.db-lock conv=notrunc 2>/dev/null
status 0 "$tool" doctor --json
sqlite3 mail.db 'INSERT INTO quota (max_messages) VALUES (3)'
status 78 "$tool" doctor
holds "every mail is answered 452" out
sqlite3 mail.db 'UPDATE quota SET max_messages = (SELECT count(*) FROM message) + 1'
status 0 "$tool" doctor
holds "of the quota are taken; beyond it" out
sqlite3 mail.db 'DELETE FROM quota'
# What doctor prints for a damaged database saves the mails beside the damage.
for i in 1 2 3 4 5 6 7 8 9; do
	printf 'HELO me\nMAIL FROM:<a@b.example>\nRCPT TO:<c@d.example>\nDATA\n'
	printf 'Subject: %s\n\n' $i
	seq 1000 1500
	printf '.\n'
done | "$smtpd" --database=damaged.db >out 2>err
page=$(sqlite3 damaged.db 'PRAGMA page_count')
page=$((page - 3)) # of a mail, as nearly all are
tr '\0' '\377' </dev/zero | dd of=damaged.db bs=4096 seek="$page" count=1 \
	iflag=fullblock conv=notrunc 2>/dev/null
status 78 "$tool" -d damaged.db doctor
holds "the database is damaged" out
sed -n 's/^ *\$ \((sqlite3 .*\)/\1/p' out >remedy
status 0 sh remedy
is "no error" "" "$(cat err)"
status 0 "$tool" -d recovered.db list
is "the mails beside the damage" 8 "$(wc -l <out)"
status 0 sqlite3 recovered.db 'PRAGMA integrity_check'
is "the new one is whole" ok "$(cat out)"
sqlite3 newer.db "PRAGMA application_id = 0x736d7464; PRAGMA user_version = 99; CREATE TABLE t (a)"
status 78 "$tool" --database=newer.db list
holds "newer" err
mkdir a-folder
status 78 "$tool" --database=a-folder list
status 78 "$tool" --database=/dev/null list
is "and nothing is left beside it" "" "$(ls /dev/null?* 2>/dev/null)"
cp "$here/tests/version-1.db" old.db
status 0 "$tool" --database=old.db list
is "the mails of version 1" "$(sqlite3 "$here/tests/version-1.db" 'SELECT count(*) FROM message')" "$(wc -l <out)"
if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null; then
	mkdir readonly
	cp mail.db readonly/mail.db
	chmod 755 . readonly
	chmod 444 readonly/mail.db
	stranger="setpriv --reuid=65534 --regid=65534 --clear-groups"
	for command in list 'rm 1' 'prune --keep=0' doctor; do
		status 74 $stranger "$tool" --database=readonly/mail.db $command
		holds "readonly/mail.db" err
	done
	chmod 000 readonly/mail.db
	status 74 $stranger "$tool" --database=readonly/mail.db list
	holds "ermission" err
	is "nothing is left" "mail.db " "$(ls readonly | tr '\n' ' ')"
fi
# A disk that is full: a message, the status, and no half of anything.
mkdir full
if mount -t tmpfs -o size=3M none full 2>/dev/null; then
	big=$("$tool" -d odd.db list | awk -F'\t' '$3 > 10000000 { print $1 }')
	status 74 "$tool" -d odd.db export --mbox=full/mbox
	status 74 "$tool" -d odd.db export --eml=full/eml "$big"
	status 74 "$tool" -d odd.db export --maildir=full/maildir "$big"
	status 74 "$tool" -d odd.db extract "$big" -C full
	status 74 "$tool" -d odd.db extract "$big" 1 -o full/part
	is "no half file" "" "$(find full -type f)"
	rm -rf full/*
	status 75 "$tool" -d full/mail.db import --eml=odd
	n=$(sed -n 's/^imported \(.*\) mails/\1/p' out)
	is "what was imported is there" "$n" "$("$tool" -d full/mail.db list | wc -l)"
	umount full
	# Deleting writes to the log first; where that does not fit, by and by.
	mount -t tmpfs -o size=4M none full
	for i in $(seq 60); do
		{
			printf 'HELO me\nMAIL FROM:<a@b.example>\n'
			printf 'RCPT TO:<c@d.example>\nDATA\n\n'
			seq 1000 11000
			printf '.\nQUIT\n'
		} | "$smtpd" -d full/mail.db >out 2>err
	done
	is "there is little room" 1 "$(df --output=avail full | awk 'NR == 2 { print $1 < 500 }')"
	status 0 "$tool" -d full/mail.db rm 1-60
	is "all are gone" 0 "$("$tool" -d full/mail.db list | wc -l)"
	umount full
fi
head -c 20000 /dev/zero >other.db
status 65 "$tool" --database=other.db list
sqlite3 third.db 'CREATE TABLE t (a)'
status 78 "$tool" --database=third.db list

#
# rm, prune
#
status 64 "$tool" rm 1 x
status 0 "$tool" show 1
status 0 "$tool" rm 1 3-4
status 66 "$tool" rm 1
is "three are gone" $((total - 1)) "$("$tool" list | wc -l)"
is "and what is theirs" 0 "$(sqlite3 mail.db 'SELECT (SELECT count(*) FROM recipient WHERE message_id = 1) + (SELECT count(*) FROM delivery WHERE message_id = 1)')"
status 64 "$tool" prune
status 0 "$tool" prune --keep=5 --dry-run
is "a dry run" $((total - 1)) "$("$tool" list | wc -l)"
status 0 "$tool" prune --keep=1000
is "nothing to prune" $((total - 1)) "$("$tool" list | wc -l)"
status 0 "$tool" prune --older=1d
is "nothing so old" $((total - 1)) "$("$tool" list | wc -l)"
status 0 "$tool" prune --keep=5
is "five are left" 5 "$("$tool" list | wc -l)"
status 0 "$tool" prune --had-by=many
is "what one had is gone" 2 "$("$tool" list | wc -l)"
status 0 "$tool" prune --max-bytes=0 --vacuum
is "none is left" 0 "$("$tool" list | wc -l)"
printf 'Subject: after\n\nx\n' | send a@a.example bob@b.example
is "ids are not used again" $((total + 3)) "$("$tool" list | cut -f1)"

# SIGINT during prune: whole mails are gone, the others are there.
sqlite3 mail.db "WITH RECURSIVE n (i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM n WHERE i < 31000)
    INSERT INTO message (id, received_at, client_address, helo, protocol, verb,
      reverse_path, body_type, smtputf8, size, trace, header_size, data)
    SELECT i, 1, 'local', '', 'SMTP', 'MAIL', '', '7BIT', 0, 2, '', 2, x'0d0a' FROM n;
    INSERT INTO recipient (message_id, position, forward_path, mailbox)
    SELECT id, 1, 'b@b.example', 'b@b.example' FROM message WHERE id >= 1000"
status 2 timeout 20 python3 interrupt.py \
    'test $(sqlite3 mail.db "SELECT min(id) FROM message WHERE id >= 1000") -gt 1500' "$tool" prune --keep=0
left=$(sqlite3 mail.db 'SELECT count(*) FROM message')
[ "$left" -gt 0 ]
ok "prune was interrupted: $left are left" $?
is "with their recipients" "$left $left" \
    "$(sqlite3 mail.db 'SELECT count(*), count(DISTINCT message_id) FROM recipient' | tr '|' ' ')"
printf 'Subject: after\n\nx\n' | send a@a.example bob@b.example
status 0 "$tool" rm 1000-99999
is "and so they go" "$(sqlite3 mail.db 'SELECT count(*) FROM message')" 0

# What root makes belongs to who owns the folder.
if [ "$(id -u)" -eq 0 ]; then
	chmod 755 .
	mkdir owned
	chown 65534:65534 owned
	status 0 "$tool" --database=owned/mail.db domain add a.example
	is "owner" "65534 65534" \
	    "$(stat -c %u owned/mail.db owned/mail.db-lock | tr '\n' ' ' | sed 's/ $//')"
fi

echo "tests/system/smtpdb.sh: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
