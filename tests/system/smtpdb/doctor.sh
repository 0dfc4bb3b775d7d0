#!/bin/sh
# doctor: what is wrong, and what mends it.
. "$(dirname "$0")/prelude.sh"
make_zoo

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
status 0 "$tool" doctor
is "the lock file has the mode of the database" 660 "$(stat -c %a mail.db-lock)"
if [ "$(id -u)" -eq 0 ]; then
	chown nobody mail.db-lock
	status 78 "$tool" doctor
	holds "chmod --reference" out
	chown --reference=mail.db mail.db-lock
fi
printf '!' | dd of=mail.db-lock conv=notrunc 2>/dev/null
status 78 "$tool" doctor
holds "rewrites the WAL" out
printf -- - | dd of=mail.db-lock conv=notrunc 2>/dev/null
status 0 "$tool" doctor --json
# A certificate that is about to end, and a key that is not secret.
if command -v openssl >/dev/null; then
	openssl req -x509 -newkey rsa:2048 -nodes -days 400 -subj /CN=mx \
	    -keyout tls.key -out tls.crt 2>/dev/null
	openssl req -x509 -key tls.key -days 5 -subj /CN=mx -out soon.crt
	chmod 644 tls.key tls.crt soon.crt
	SMTPD_OPTIONS="--strict --tls-cert=$dir/tls.crt --tls-key=$dir/tls.key"
	export SMTPD_OPTIONS
	status 78 "$tool" doctor
	holds "chmod o-rwx $dir/tls.key" out
	chmod 640 tls.key
	status 0 "$tool" doctor
	grep -q "^ok .*tls.crt ends in \(399\|400\) days" out
	ok "a certificate that is good for long" $?
	# Each of several is looked at; a comment is not, and a name may stand before.
	SMTPD_OPTIONS="#SMTPD_OPTIONS=--tls-cert=none.crt
SMTPD_OPTIONS=--tls-cert=$dir/soon.crt --tls-cert=$dir/tls.crt"
	status 0 "$tool" doctor
	grep -q "^note .*soon.crt ends in [45] days" out
	ok "a certificate that ends soon" $?
	echo "no certificate" >soon.crt
	status 78 "$tool" doctor
	holds "soon.crt is no certificate" out
	unset SMTPD_OPTIONS
else
	echo "skipped: certificates, as there is no openssl"
fi
mkdir alone
cp "$tool" alone/smtpdb
SMTPD_OPTIONS=--auth=rows alone/smtpdb doctor >out
is "its exit status" 78 $?
holds "smtpd-auth is not installed" out
# Both ways that systemd may listen are looked at.
mkdir fake
cat >fake/systemctl <<'EOF'
#!/bin/sh
for unit; do :; done
case $unit in
"$ACTIVE") echo ActiveState=active ;;
*) echo ActiveState=inactive ;;
esac
echo "TriggerLimitIntervalUSec=$LIMIT"
EOF
chmod +x fake/systemctl
for unit in smtpd-listen.socket smtpd.socket; do
	status 0 env PATH="$PWD/fake:$PATH" ACTIVE=$unit LIMIT=0 "$tool" doctor
	holds "$unit listens" out
	status 78 env PATH="$PWD/fake:$PATH" ACTIVE=$unit LIMIT=2s "$tool" doctor
	holds "systemctl edit $unit" out
done
status 0 env PATH="$PWD/fake:$PATH" ACTIVE=none LIMIT=2s "$tool" doctor
holds "neither smtpd-listen.socket nor smtpd.socket" out

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

# Also where the schema is what is damaged, as it was made, or by VACUUM.
mkdir bin
ln -s "$tool" bin/smtpdb
seq 1000 3000 >text
i=1
while [ $i -le 9 ]; do
	printf 'HELO me\nMAIL FROM:<a@b.example>\nRCPT TO:<c@d.example>\nDATA\n'
	printf 'Subject: %s\n\n' $i
	cat text
	printf '.\n'
	i=$((i + 1))
done | "$smtpd" --database=made.db >out 2>err
"$tool" -d made.db rule add client 192.0.2.0/24
cp made.db vacuumed.db
"$tool" -d vacuumed.db rm 2 4
"$tool" -d vacuumed.db prune --vacuum
for kind in made vacuumed; do
	"$tool" -d $kind.db list >want
	"$tool" -d $kind.db raw 1-last >want.raw
	pages=$(sqlite3 $kind.db "SELECT pageno - 1 FROM dbstat WHERE name = 'sqlite_schema'")
	ok "pages of the schema, $kind" $?
	for page in $pages; do
		rm -f recovered.db* schema.db*
		cp $kind.db damaged.db
		tr '\0' '\377' </dev/zero | dd of=damaged.db bs=4096 seek="$page" \
		    count=1 iflag=fullblock conv=notrunc 2>/dev/null
		status 78 "$tool" -d damaged.db doctor
		holds "the database is damaged" out
		sed -n 's/^ *\$ //p' out >remedy
		status 0 env PATH="$dir/bin:$PATH" sh remedy
		is "no error" "" "$(cat err)"
		"$tool" -d recovered.db list | cmp -s - want
		ok "the mails of $kind, without page $page of the schema" $?
		"$tool" -d recovered.db raw 1-last | cmp -s - want.raw
		ok "and their octets" $?
		is "the rows of rules" 192.0.2.0/24 \
		    "$("$tool" -d recovered.db rule list client | cut -f1)"
		is "the new one is whole" ok \
		    "$(sqlite3 recovered.db 'PRAGMA integrity_check')"
	done
done
status 64 "$tool" -d made.db doctor --new-schema=x.db
"$smtpd" -d made.db --listen="$dir/filter" 2>listening &
listening=$!
await 'grep -q "listens on" listening'
status 0 "$tool" -d made.db doctor --milter=unix:"$dir/filter"
holds "1 answered" out
status 78 "$tool" -d made.db doctor --policy=unix:"$dir/filter",unix:/nobody
holds "unix:/nobody: No such file" out
status 0 env SMTPD_OPTIONS="--policy-at-end=unix:$dir/filter -n x" \
    "$tool" -d made.db doctor
holds "1 answered" out
kill $listening
wait $listening
status 64 "$tool" -d made.db doctor --milter=nonsense
head -c 20000 /dev/zero >zeros.db
status 78 "$tool" -d zeros.db doctor
status 65 "$tool" -d zeros.db doctor --new-schema=x.db
holds "has no mails" err
is "nothing is left" "" "$(ls x.db* 2>/dev/null)"

finish
