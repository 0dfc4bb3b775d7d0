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
# SIGINT while a command runs: what it has done counts, the rest is for later.
cat >slow <<'SH'
#!/bin/sh
trap '' INT
echo $SMTPD_ID
until [ -e go ]; do sleep 0.05; done
SH
chmod +x slow
status 75 timeout 20 python3 interrupt.py 'grep -q . out' "$tool" deliver --new --consumer=slow ./slow
is "SIGINT during deliver" "1 1" \
    "$(sqlite3 mail.db "SELECT count(*), sum(done) FROM delivery WHERE consumer = 'slow'" | tr '|' ' ')"
status 0 "$tool" deliver --new --consumer=slow ./slow
is "the rest" $((total - 1)) "$(wc -l <out)"
status 64 "$tool" deliver 1
status 64 "$tool" deliver --new

finish
