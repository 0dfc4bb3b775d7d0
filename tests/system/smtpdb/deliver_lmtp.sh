#!/bin/sh
# deliver --lmtp: to a server that takes, refuses and puts off.
. "$(dirname "$0")/prelude.sh"
make_zoo

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
        if verb == b'LHLO':
            for word in b'me', b'8BITMIME': say(b'250-' + word)
            say(b'250 SMTPUTF8')
        elif verb == b'MAIL': open('lmtp.mail', 'wb').write(line); say(b'250 ok')
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
s.bind('sock'); s.listen(5); s.settimeout(120); print('up', flush=True)
for i in range(int(ways.get('times', 1))):
    with s.accept()[0] as c: serve(c.makefile('rwb'))
PY
# lmtp STATUS BOXES WORD...: mail 1 to such a server; who gets it.
lmtp() {
	want_status=$1
	want_boxes=$2
	shift 2
	rm -f sock up lmtp.log
	timeout 120 python3 lmtpd.py "$@" >up 2>&1 </dev/null &
	await 'test -s up'
	status "$want_status" timeout 120 "$tool" deliver --consumer=lmtp --lmtp=./sock 1
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
timeout 120 python3 lmtpd.py times=2 rcpt:bob=450 rcpt:carl=450 >up 2>&1 </dev/null &
server=$!
await 'test -s up'
sql "INSERT INTO delivery SELECT id, 'queue', 1, 1 FROM message WHERE id > 2"
status 75 timeout 120 "$tool" deliver --new --consumer=queue --lmtp=./sock
is "both were tried" 3 "$(wc -l <err)"
wait $server
status 75 timeout 120 "$tool" deliver --new --consumer=queue --lmtp=./nonesuch
is "the first try ends it" 1 "$(wc -l <err)"
# A server that says nothing: SIGTERM ends the wait, and the lease.
rm -f sock up
timeout 120 python3 lmtpd.py mute=1 >up 2>&1 </dev/null &
server=$!
await 'test -s up'
"$tool" deliver --new --consumer=mute --lmtp=./sock 2>/dev/null &
deliverer=$!
await 'grep -q mute up'
await "test \$(sql \"SELECT count(*) FROM delivery WHERE consumer = 'mute'\") = 1"
kill $deliverer
wait $deliverer
is "SIGTERM while a server is mute" 75 $?
is "gives the lease back" 0 "$(sql "SELECT count(*) FROM delivery WHERE consumer = 'mute'")"
wait $server

# A server that never ends its greeting, or a line of it, is no server.
cat >endless.py <<'PY'
import socket, sys
with socket.socket(socket.AF_UNIX) as listening:
    listening.bind('sock')
    listening.listen()
    print('up', flush=True)
    client, _ = listening.accept()
    try:
        while True:
            client.sendall(sys.argv[1].encode())
    except OSError:
        pass
PY
line='220-still greeting
'
for said in "$line" 'still greeting'; do
	rm -f sock up
	timeout 120 python3 endless.py "$said" >up 2>&1 </dev/null &
	server=$!
	until [ -s up ]; do sleep 0.05; done
	status 75 timeout 120 "$tool" deliver --consumer=lmtp --lmtp=./sock 1
	holds "it has no end" err
	wait "$server"
	is "the server was left" 0 $?
done

# What went wrong is said.
fails() {
	status 75 timeout 120 "$tool" deliver --consumer=cause --lmtp="$1" 1
	holds "$2" err
}
fails ./nonesuch "./nonesuch: No such file or directory"
fails nonesuch "nonesuch: No such file or directory"
fails "./$(printf '%0200d' 1)" "the path is too long for a socket"
: >plain
fails ./plain "./plain: Connection refused"
fails 127.0.0.1: "a server is named as HOST:PORT"
fails :24 "a server is named as HOST:PORT"
fails 127.0.0.1:nonesuch "127.0.0.1:nonesuch: Servname not supported"
fails '[127.0.0.1]:1' '[127.0.0.1]:1: Connection refused'
cat >sayd.py <<'PY'
# Says one thing to who connects, and closes.
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind('sock'); s.listen(5); s.settimeout(120); print('up', flush=True)
with s.accept()[0] as c: c.sendall(sys.argv[1].encode())
PY
# answers TEXT CAUSE: what is said of a server that only says this.
answers() {
	rm -f sock up
	timeout 120 python3 sayd.py "$1" >up 2>&1 </dev/null &
	await 'test -s up'
	fails ./sock "$2"
	wait
}
answers '' "no reply to the connection: it closed the connection"
answers 'hello
' "no reply to the connection: what it says is no reply"
answers '421 4.3.2 not now
' "the connection: 421 4.3.2 not now"

# Addresses in UTF-8 need SMTPUTF8 there, whether the client said so or not.
lacks SMTPUTF8 lmtp.mail
use utf8
printf 'Subject: x\n\nx\n' | send "j$(printf '\303\274')rgen@a.example" bob@b.example
lmtp 0 "bob "
holds "BODY=8BITMIME SMTPUTF8" lmtp.mail

# A mailbox that several recipients lead to gets the mail once.
use twins
"$tool" domain add b.example
"$tool" alias add all@b.example bob@b.example
"$tool" alias add all@b.example carl@b.example
"$tool" mailbox add bob@b.example
"$tool" mailbox add carl@b.example
printf 'Subject: x\n\nx\n' | send a@a.example all@b.example bob@b.example BOB@b.example
lmtp 75 "carl " rcpt:bob=450
holds "RCPT for <bob@b.example>: 450" err
lmtp 0 "bob "
is "no more is to be done" 1 "$(sql "SELECT sum(done) FROM delivery WHERE consumer = 'lmtp'")"
printf '#!/bin/sh\necho "$@" >%s/args\ncat >/dev/null\n' "$dir" >fake
chmod +x fake
status 0 "$tool" deliver --sendmail 1 ./fake
is "by sendmail as well" "-i -f a@a.example -- bob@b.example carl@b.example" "$(cat args)"

# A signal while a server does not read: what is missing cannot be sent any more,
# so the server must see no end behind it.  Lines of two octets make each even
# place the end of one; the two mails begin at an even and an odd place.
cat >slow.py <<'PY'
import fcntl, os, re, socket, struct, termios, time
def waiting(c):
    return struct.unpack('i', fcntl.ioctl(c, termios.FIONREAD, bytes(4)))[0]
s = socket.socket(socket.AF_UNIX)
s.bind('sock'); s.listen(5); s.settimeout(20); print('up', flush=True)
with s.accept()[0] as c:
    c.settimeout(20)
    replies = c.makefile('rb')
    c.sendall(b'220 hi\r\n')
    while not (line := replies.readline()).startswith(b'DATA'):
        c.sendall(b'250 ok\r\n')
    c.sendall(b'354 go\r\n')
    was = -1
    while was <= 0 or was != waiting(c):  # until no more has room
        was = waiting(c)
        time.sleep(0.5)
    print('full', flush=True)
    while not os.path.exists('told'): time.sleep(0.05)
    mail = b''
    while line := replies.readline():
        mail += line
        if line == b'.\r\n':
            c.sendall(b'250 ok\r\n')
            break
    print('end' if line else 'no end', len(re.findall(b'\n', mail)), flush=True)
PY
use cut
lines=1000000
for subject in one four; do
	{ printf 'Subject: %s\n\n' $subject; yes '' | head -n $lines; } |
	    send a@a.example bob@b.example
done
for id in 1 2; do
	rm -f sock up told
	timeout 60 python3 slow.py >up 2>&1 </dev/null &
	server=$!
	await 'grep -q up up'
	"$tool" deliver --consumer=cut --lmtp=./sock $id 2>err &
	deliverer=$!
	await 'grep -q full up'
	kill $deliverer
	touch told
	wait $deliverer
	is "SIGTERM while a server does not read" 75 $?
	wait $server
	is "it gets all of mail $id, or no end" 0 \
	    "$(awk -v lines=$lines '$1 == "end" && $2 < lines' up | wc -l)"
	is "mail $id was not delivered" "$(grep -c '^end' up)" \
	    "$(sql "SELECT count(*) FROM delivery WHERE consumer = 'cut' AND message_id = $id")"
done

finish
