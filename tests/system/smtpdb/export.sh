#!/bin/sh
# export and import: a mail that goes through a file comes back octet for octet.
. "$(dirname "$0")/prelude.sh"
make_zoo
# What TLS and AUTH say of a mail is as exact.
sql "UPDATE message SET authenticated_as = 'änn %41 x',
    tls = 'TLSv1.3 TLS_AES_256_GCM_SHA384', client_subject = 'CN=ann, O=\"x\"',
    requiretls = 1 WHERE id = 1;
    UPDATE message SET claimed_as = 'bob' WHERE id IN (2, 1)"

dump >want
for kind in mbox maildir eml; do
	status 0 "$tool" export --$kind "exported.$kind"
	use "new_$kind"
	status 0 "$tool" import --$kind "exported.$kind"
	dump >got
	use mail
	cmp -s want got
	ok "round trip by $kind" $?
done
from=$SMTPD_DATABASE
use new_pipe
"$tool" -d "$from" export --mbox=- | "$tool" import --mbox=- >out
dump >got
use mail
cmp -s want got
ok "round trip by a pipe" $?
status 73 "$tool" export --mbox=exported.mbox
status 64 "$tool" export
status 64 "$tool" export --mbox=a --eml=b
status 66 "$tool" export --mbox=x 999
[ ! -e x ]
ok "no half mbox" $?
# What a killed export left in tmp is in nobody's way.
status 0 "$tool" export --maildir=again 1
name=$(ls again/new)
mv "again/new/$name" again/tmp
status 0 "$tool" export --maildir=again 1
is "exported again" "$name" "$(ls again/new)"
if of_files; then
	use thousands
	printf 'Delivered-To: b@b.example\n\nx\n' >one.eml
	"$tool" import --eml=one.eml >out
	columns=$(sqlite3 thousands.db 'PRAGMA table_info (message)' |
	    cut -d '|' -f 2 | grep -vx id | paste -sd ,)
	sql "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n
	    WHERE i < 30000) INSERT INTO message ($columns)
	    SELECT $columns FROM message, n WHERE id = 1;
	    INSERT INTO recipient (message_id, position, forward_path, mailbox)
	    SELECT id, 1, 'b@b.example', 'b@b.example' FROM message WHERE id > 1"
	status 2 timeout 120 python3 interrupt.py 'test -s half' \
	    "$tool" export --mbox=half
	status 2 timeout 120 python3 interrupt.py 'test -e halves/100.eml' \
	    "$tool" export --eml=halves
	is "no half file after SIGINT" "" \
	    "$(ls half 2>err; grep -L '^x' halves/*.eml)"
	# The same where a mail is stored: it says how many.
	use thousand_more
	mkfifo pipe
	sleep 300 >pipe &
	holder=$!
	"$tool" -d thousands.db export --mbox=- >pipe &
	timeout 120 python3 interrupt.py "sqlite3 thousand_more.db \
	    'SELECT 1 FROM message LIMIT 1' 2>&1 | grep -qx 1" \
	    "$tool" import --mbox=- <pipe >out 2>err
	is "exit status of an import that was interrupted" 2 $?
	kill $holder
	lacks "imported 0" out
	is "those are stored" "$(sql 'SELECT count(*) FROM message')" \
	    "$(sed -n 's/imported \(.*\) mails/\1/p' out)"
	use mail
fi
status 64 "$tool" export --mbox=x --from=ann 1
status 74 sh -c "'$tool' list >/dev/full"
status 74 sh -c "'$tool' export --mbox=- >/dev/full"
# Who reads no further is told nothing, as SIGPIPE would tell him.
for command in list 'export --mbox=-' 'show 1-last' 'raw 1-last'; do
	status 0 sh -c "trap '' PIPE; '$tool' $command | true"
	is "of $command" "" "$(cat err)"
done
"$tool" export --mbox=secure.mbox 1
for word in 'account=' 'tls=x%0Ay' 'certificate=%01' "account=$(printf '%0256d' 1)" 'requiretls=2' 'claimed=a%00b'; do
	sed "s/^ account=.*/ $word/" secure.mbox >damaged.mbox
	use damaged
	status 65 "$tool" import --mbox=damaged.mbox
	use mail
	holds "X-Smtpd-Envelope is damaged" err
done
status 0 "$tool" export --bare --eml=bare 1 2
lacks "X-Smtpd" bare/1.eml
status 0 "$tool" export --mbox=some.mbox --from=jörg
is "filtered" 1 "$(grep -c '^From ' some.mbox)"
status 0 "$tool" export --mbox=range.mbox 2-3 last
is "a range" 3 "$(grep -c '^From .* 20' range.mbox)"
status 64 "$tool" export --mbox=none.mbox 1 x
[ ! -e none.mbox ]
ok "nothing is made for what is no number" $?
python3 - <<'PY'
import mailbox, sys
m = mailbox.mbox('exported.mbox')
sys.exit(0 if m[0]['Subject'] and len(m) > 10 else 1)
PY
ok "Python reads the mbox" $?
# Without a name of its host mutt asks the DNS for it, for as long as that takes;
# without the folder of its mails it asks whether to make it, which takes a key.
cat >muttrc <<'RC'
set hostname=localhost folder=. mbox_type=Maildir copy=yes delete=yes quit=yes move=no
set confirmappend=no confirmcreate=no record="" wait_key=no
RC
# It syncs each mail that it copies, which takes long while a disk has much else
# to write: after an installation, the first of them alone took a minute.
# Where its input ends, script(1) types a control-D into whatever mutt asks just
# then; so it does not end.
if have mutt "what mutt reads" && have script "what mutt reads"; then
	mkfifo keyboard
	exec 9<>keyboard
	for kind in mbox maildir; do
		TERM=xterm timeout 600 script -qec "mutt -n -F muttrc -e 'push \"<tag-pattern>~A<enter><tag-prefix><copy-message>$dir/mutt.$kind<enter><exit>\"' -f exported.$kind" /dev/null >out 2>&1 <&9
		is "mutt ends in time" 0 $?
		is "mutt reads the $kind" "$total" "$(find mutt.$kind -type f | wc -l)"
	done
	exec 9>&-
fi

finish
