#!/bin/sh
# A disk that is full: a message, the status, and no half of anything.
. "$(dirname "$0")/prelude.sh"

odd=$(python3 "$here/tests/system/oddmails.py" "$smtpd" odd.db)
"$tool" -d odd.db export --eml=odd
mkdir full
if ! mount -t tmpfs -o size=3M none full 2>err; then
	skip "a full disk" "nothing can be mounted here"
else
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
	# Deleting writes to the WAL first; where that does not fit, by and by.
	# leave OCTETS: a disk with 60 mails and so much room.
	leave() {
		mount -t tmpfs -o size=4M none full
		for i in $(seq 60); do
			{
				printf 'HELO me\nMAIL FROM:<a@b.example>\n'
				printf 'RCPT TO:<c@d.example>\nDATA\n\n'
				seq 1000 11000
				printf '.\nQUIT\n'
			} | "$smtpd" -d full/mail.db >out 2>err
		done
		dd if=/dev/zero of=full/filler bs=4096 2>err
		truncate -s "-$1" full/filler
	}
	for room in 400000 100000; do
		leave $room
		status 0 "$tool" -d full/mail.db rm 1-60
		is "all are gone, in $room" 0 "$("$tool" -d full/mail.db list | wc -l)"
		umount full
	done
	leave 100000
	status 0 "$tool" -d full/mail.db prune --keep=10
	is "ten are left" 10 "$("$tool" -d full/mail.db list | wc -l)"
	umount full
	# Without any room it says how much is wanted.
	leave 0
	for command in 'rm 1-60' 'prune --keep=0'; do
		status 75 "$tool" -d full/mail.db $command
		holds "deleting wants up to 64K of room where full/mail.db lies, which has 0 free" err
	done
	rm full/filler
	status 0 "$tool" -d full/mail.db rm 1-60
	umount full
fi

finish
