#!/bin/sh
# The database: which are refused, and whose it is.
. "$(dirname "$0")/prelude.sh"
make_zoo

sqlite3 newer.db "PRAGMA application_id = 0x736d7464; PRAGMA user_version = 99; CREATE TABLE t (a)"
status 78 "$tool" --database=newer.db list
holds "newer" err
mkdir a-folder
status 78 "$tool" --database=a-folder list
holds "a-folder is a folder" err
status 78 "$tool" --database=/dev/null list
is "and nothing is left beside it" "" "$(ls /dev/null?* 2>/dev/null)"
sqlite3 older.db "PRAGMA application_id = 0x736d7464; PRAGMA user_version = 1; CREATE TABLE t (a)"
status 78 "$tool" --database=older.db list
holds "older" err
# A lock file that is gone is made anew as the database is, whatever the umask.
for mode in 600 640 660; do
	chmod $mode mail.db
	rm -f mail.db-lock
	(umask 0 && "$tool" list >out)
	is "mode of the lock file" $mode "$(stat -c %a mail.db-lock)"
	rm -f mail.db-lock
	(umask 077 && "$tool" list >out)
	is "mode of the lock file, private" $mode "$(stat -c %a mail.db-lock)"
done
if [ "$(id -u)" -ne 0 ]; then
	skip "other users and owners" "only root can be them"
elif have setpriv "other users"; then
	mkdir readonly
	cp mail.db readonly/mail.db
	chmod 755 . readonly
	chmod 444 readonly/mail.db
	stranger="setpriv --reuid=65534 --regid=65534 --clear-groups"
	# A copy that may not be written can be read, and nothing is made there.
	for command in list 'show 1' 'raw 1' 'extract 2 3' stats 'domain list' \
	    'explain --to=a@b.example' 'export --mbox=-' 'list --from=ann'; do
		status 0 $stranger "$tool" --database=readonly/mail.db $command
		[ "$command" = 'domain list' ] || [ -s out ]
		ok "$command of a copy" $?
	done
	status 78 $stranger "$tool" --database=readonly/mail.db doctor
	holds "the database is whole" out
	holds "everybody on this host can get at the mails" out
	for command in 'rm 1' 'prune --keep=0' 'prune --vacuum' \
	    'deliver 1 true' 'domain add x.example'; do
		status 74 $stranger "$tool" --database=readonly/mail.db $command
		holds "readonly/mail.db: no permission to write" err
	done
	cp readonly/mail.db 'readonly/50%?x#.db'
	status 0 $stranger "$tool" --database='readonly/50%?x#.db' list
	is "by any name" "$total" "$(wc -l <out)"
	rm -f readonly/50*
	# But not one that is in use: what is in its log would be missed.
	: >readonly/mail.db-lock
	status 74 $stranger "$tool" --database=readonly/mail.db list
	holds "no permission to write" err
	rm readonly/mail.db-lock
	chmod 000 readonly/mail.db
	status 74 $stranger "$tool" --database=readonly/mail.db list
	holds "ermission" err
	is "nothing is left" "mail.db " "$(ls readonly | tr '\n' ' ')"
	# What root makes belongs to who owns the folder.
	mkdir owned
	chown 65534:65534 owned
	status 0 "$tool" --database=owned/mail.db domain add a.example
	is "owner" "65534 65534" \
	    "$(stat -c %u owned/mail.db owned/mail.db-lock | tr '\n' ' ' | sed 's/ $//')"
	rm owned/mail.db-lock
	status 0 "$tool" --database=owned/mail.db list
	is "owner of a new lock file" "65534 65534" \
	    "$(stat -c '%u %g' owned/mail.db-lock)"
fi
head -c 20000 /dev/zero >other.db
status 65 "$tool" --database=other.db list
sqlite3 third.db 'CREATE TABLE t (a)'
status 78 "$tool" --database=third.db list

finish
