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
status 66 env -u SMTPD_DATABASE STATE_DIRECTORY="$dir/nowhere" "$tool" list
holds "nowhere/mail.db: No such file or directory (-d names another)" err
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
	# So can one that is in use, by who may only read it: at rest,
	cp mail.db-lock readonly/
	chmod 644 readonly/mail.db-lock
	status 0 $stranger "$tool" --database=readonly/mail.db list
	is "at rest" "$total" "$(wc -l <out)"
	# while another has it open, with what is in the WAL alone,
	cat >look <<-EOF
	#!/bin/sh
	$stranger "$tool" --database=readonly/mail.db domain list >live
	cp readonly/mail.db readonly/mail.db-wal snapshot
	EOF
	chmod 755 look
	mkdir snapshot
	sqlite3 readonly/mail.db "INSERT INTO domain (name) VALUES ('live.example')" \
	    '.shell ./look'
	is "in use" live.example "$(cat live)"
	# and as a snapshot of that moment on a medium.
	chmod 444 snapshot/*
	status 0 $stranger "$tool" --database=snapshot/mail.db domain list
	is "a snapshot" live.example "$(cat out)"
	is "and nothing is made" "mail.db mail.db-wal " "$(ls snapshot | tr '\n' ' ')"
	chmod 000 snapshot/mail.db-wal
	status 74 $stranger "$tool" --database=snapshot/mail.db domain list
	holds "snapshot/mail.db-wal: no permission to read" err
	# Who comes meanwhile is seen, or it is said that he came.
	$stranger "$tool" --database=readonly/mail.db watch --one --timeout=100s \
	    >watched 2>&1 &
	watcher=$!
	mkfifo pipe
	{
		$stranger "$tool" --database=readonly/mail.db export --mbox=- \
		    1-last 1-last 1-last
		echo $? >torn
	} >pipe 2>err &
	exec 9<pipe
	head -c 1 <&9 >/dev/null
	await "ls -l /proc/$watcher/fd | grep -q readonly/mail.db"
	sleep 1 # between that and what it takes for old
	use readonly/mail
	echo 'Subject: in between' | send ann@a.example bob@live.example
	# While the watcher reads, the session that ends leaves the log as it is.
	sqlite3 -cmd '.timeout 60000' readonly/mail.db \
	    'PRAGMA wal_checkpoint(TRUNCATE)' >checkpointed
	use mail
	wait $watcher
	holds "	in between" watched
	# With a watcher beside it, the session was not the last who had it open.
	sqlite3 readonly/mail.db 'PRAGMA wal_checkpoint' >/dev/null
	cat <&9 >/dev/null
	exec 9<&-
	is "written to meanwhile" 75 "$(cat torn)"
	holds "was written to meanwhile" err
	# Others may come and go all the time, and make and delete files; at worst
	# it is to be tried again (75).
	: >some
	(
		use readonly/mail
		while [ -e some ]; do
			echo 'Subject: more' | send ann@a.example bob@live.example
		done
	) &
	others=$!
	: >wrong
	for i in $(seq 50); do
		$stranger "$tool" --database=readonly/mail.db domain list \
		    >seen 2>err
		case $?/$(cat seen) in
		0/live.example* | 75/*) ;;
		*) cat err seen >>wrong ;;
		esac
	done
	rm some
	wait $others
	is "while others come and go" "" "$(cat wrong)"
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
