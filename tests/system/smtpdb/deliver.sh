#!/bin/sh
# deliver: to commands and to sendmail.
. "$(dirname "$0")/prelude.sh"
make_zoo

status 0 "$tool" deliver 1 sh -c 'echo "$SMTPD_ID $SMTPD_SENDER" $SMTPD_RECIPIENTS; wc -c'
holds "1 ann@a.example bob@b.example carl@c.example" out
status 0 "$tool" deliver --new sh -c 'cat >/dev/null; echo $SMTPD_ID'
is "all but the one that was delivered" $((total - 1)) "$(wc -l <out)"
status 0 "$tool" deliver --new echo
is "once only" 0 "$(wc -l <out)"
status 1 "$tool" deliver --new --consumer=two sh -c '[ $SMTPD_ID != 2 ]'
is "one failed" $((total - 1)) "$(sql "SELECT count(*) FROM delivery WHERE consumer = 'two' AND done = 1")"
status 0 "$tool" deliver --new --consumer=two sh -c 'echo $SMTPD_ID'
is "and is tried again" 2 "$(cat out)"
status 75 "$tool" deliver --new --consumer=three nonesuch
is "nothing is leased" 0 "$(sql "SELECT count(*) FROM delivery WHERE consumer = 'three'")"
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
is "all lines" "$(sql "SELECT length(trace) + length(data) FROM message WHERE id = 1")" \
    $(($(wc -c <input) + $(wc -l <input)))
# Options may stand before the mail, behind it, and behind the program.
for words in '--sendmail 1 ./fake' '1 --sendmail ./fake' '1 ./fake --sendmail' \
    '--sendmail --consumer=x 1 ./fake' '1 --consumer=x --sendmail ./fake'; do
	rm -f args
	status 0 "$tool" deliver $words
	is "arguments of $words" \
	    "-i -f ann@a.example -- bob@b.example carl@c.example" "$(cat args)"
done
rm -f args
status 0 "$tool" deliver --new --consumer=y ./fake --sendmail
holds "-i -f" args
status 0 "$tool" deliver 1 echo --sendmail x
is "but a command has its own" "--sendmail x" "$(cat out)"
status 64 "$tool" deliver 1 --new ./fake
status 64 "$tool" deliver 1 --sendmail --lmtp=x
# Of a range each; the one that fails ends it.
status 0 "$tool" deliver 2-4 sh -c 'cat >/dev/null; echo $SMTPD_ID'
is "a range" "2 3 4" "$(xargs <out)"
status 0 "$tool" deliver last sh -c 'cat >/dev/null; echo $SMTPD_ID'
is "the last one" $total "$(cat out)"
status 7 "$tool" deliver 2-4 sh -c 'cat >/dev/null; echo $SMTPD_ID; exit 7'
is "only the first" 2 "$(cat out)"
status 66 "$tool" deliver 1000 true
# A database that is not there yet is waited for.
if of_files; then
	status 66 timeout 120 "$tool" -d later.db deliver --new --timeout=0 true
	timeout 120 "$tool" -d later.db deliver --new echo came >came 2>told &
	waiter=$!
	await 'grep -q waiting told'
	printf 'HELO me\nMAIL FROM:<a@a.example>\nRCPT TO:<b@b.example>\nDATA\n\nx\n.\nQUIT\n' |
	    "$smtpd" -d later.db >later 2>&1
	wait $waiter
	is "it waited" 0 $?
fi
# SIGINT while a command runs: what it has done counts, the rest is for later.
cat >slow <<'SH'
#!/bin/sh
trap '' INT
echo $SMTPD_ID
until [ -e go ]; do sleep 0.05; done
SH
chmod +x slow
status 75 timeout 120 python3 interrupt.py 'grep -q . out' "$tool" deliver --new --consumer=slow ./slow
is "SIGINT during deliver" "1 1" \
    "$(sql "SELECT count(*), sum(done) FROM delivery WHERE consumer = 'slow'" | tr '|' ' ')"
status 0 "$tool" deliver --new --consumer=slow ./slow
is "the rest" $((total - 1)) "$(wc -l <out)"
# A lease is of who has it: neither a delivery by number nor one whose own is
# over gives it to others.
rm -f go
"$tool" deliver --new --consumer=own sh -c \
    'echo $SMTPD_ID; until [ -e go ]; do sleep 0.05; done; exit 1' >held 2>held.err &
await 'test -s held'
status 1 "$tool" deliver --consumer=own 1 false
status 0 "$tool" deliver --new --consumer=own --lease=9000000000000000000 \
    sh -c 'cat >/dev/null; echo $SMTPD_ID'
is "all but the one that is leased" "$(seq 2 $total | xargs)" "$(xargs <out)"
sql "UPDATE delivery SET at = at + 1000 WHERE consumer = 'own' AND done = 0"
touch go
wait
is "a lease that is another's by now stays" "1|0" \
    "$(sql "SELECT message_id, done FROM delivery WHERE consumer = 'own' AND done = 0")"
status 64 "$tool" deliver 1
status 64 "$tool" deliver --new

finish
