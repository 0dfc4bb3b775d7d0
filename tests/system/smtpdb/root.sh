#!/bin/sh
# smtpdb as root, where somebody else owns the database's folder.
. "$(dirname "$0")/prelude.sh"

# The leak check of a build with sanitizers traces the process, which one that
# has become another user does not allow.
ASAN_OPTIONS=detect_leaks=0
export ASAN_OPTIONS

if [ "$(id -u)" -ne 0 ]; then
	skip "smtpdb as root" "this is not root"
	finish
fi
cd "$dir" || exit 1
chmod 755 .
mkdir theirs
chown nobody:nogroup theirs
chmod 2770 theirs
SMTPD_DATABASE=$dir/theirs/mail.db
echo "root's" >secret
chmod 600 secret

# A folder of root's own, which nobody else can look into.
mkdir -m 700 own own/maildir own/maildir/cur own/maildir/new
printf 'Delivered-To: <b@b.example>\nSubject: one\n\nx\n' >own/maildir/new/1
printf 'From a@a.example Thu Jan  1 12:00:00 2026\nDelivered-To: <b@b.example>\nSubject: two\n\ny\n' >own/mbox

status 0 "$tool" import --maildir=own/maildir
is "who owns what root has made" "nobody nobody" \
    "$(stat -c %U theirs/mail.db theirs/mail.db-lock | paste -sd' ')"
status 0 "$tool" import --mbox=own/mbox
status 0 "$tool" list
is "mails out of root's files" 2 "$(wc -l <out)"
status 0 "$tool" export --mbox=own/exported
status 0 "$tool" export --maildir=own/exported.d
status 0 "$tool" export --eml=own/exported.eml
status 0 "$tool" extract -o own/part 1 1
is "who owns what root has named" root \
    "$(stat -c %U own/exported own/exported.d/new/* own/exported.eml/* own/part | sort -u)"
status 0 "$tool" deliver 1 sh -c 'id -u >own/uid'
is "whose the command is" 0 "$(cat own/uid)"

# What only reads has become the owner for good.
"$tool" watch >watched &
watcher=$!
await "ls -l /proc/$watcher/fd | grep -q mail.db"
is "who reads" "65534 65534 65534 65534" \
    "$(awk '$1 == "Uid:" { print $2, $3, $4, $5 }' /proc/$watcher/status)"
kill $watcher

# Links that the owner has put there lead nowhere.
for name in mail.db-lock mail.db-words mail.db-wal mail.db-shm; do
	rm -f theirs/mail.db-*
	ln -s "$dir/secret" "theirs/$name"
	"$tool" list >out 2>err
	"$tool" index >out 2>err
	is "root's file behind $name" "root's" "$(cat secret)"
	rm "theirs/$name"
	ln -s "$dir/made" "theirs/$name"
	"$tool" list >out 2>err
	"$tool" index >out 2>err
	is "a file made behind $name" "" "$(ls made 2>/dev/null)"
	rm -f "theirs/$name"
done
SMTPD_DATABASE=$dir/own/mail.db "$tool" domain add own.example >out
mv theirs/mail.db kept
ln -s "$dir/own/mail.db" theirs/mail.db
"$tool" domain add theirs.example >out 2>err
is "root's own database" own.example \
    "$(SMTPD_DATABASE=$dir/own/mail.db "$tool" domain list | paste -sd' ')"

# But a link of root's own is followed, and the owner behind it counts.
rm theirs/mail.db
mv kept theirs/mail.db
ln -s theirs/mail.db link
SMTPD_DATABASE=$dir/link
status 0 "$tool" list
is "mails behind a link of root's" 2 "$(wc -l <out)"
is "the lock behind a link of root's" nobody "$(stat -c %U theirs/mail.db-lock)"

finish
