#!/bin/sh
# What smtpdb costs on a table of many mails: time, processor and memory of
# each command, as the table of docs/smtpdb.md (make; sh bench/million.sh).
#
#	sh bench/million.sh [MAILS [FOLDER]]
#
# The database is made by smtpd and filled by SQL; it stays in FOLDER, and is
# taken again when it is there.  Commands that change it get a copy.
# Debian: sqlite3 time.
set -eu

mails=${1:-1000000}
folder=${2:-build/bench/million}
time=/usr/bin/time
here=$(cd "$(dirname "$0")/.." && pwd)
smtpd=$here/smtpd
mkdir -p "$folder"
cd "$folder"
export TZ=UTC PATH="$here:$PATH" SMTPD_DATABASE="$PWD/mail.db"

# A mail in 50 has an attachment's worth of text more, one in 10 two recipients.
fill() {
	printf 'EHLO me\nMAIL FROM:<a@a.example>\nRCPT TO:<b@b.example>\nDATA\nSubject: first\n\nx\n.\nQUIT\n' |
	    "$smtpd" --database=new.db >/dev/null 2>&1
	sqlite3 new.db >/dev/null <<-SQL
	PRAGMA wal_autocheckpoint = 0;
	PRAGMA synchronous = OFF;
	BEGIN;
	DELETE FROM message;
	WITH RECURSIVE n (i) AS (
	  SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i <= $mails
	), mail AS (
	  SELECT i, printf('user%d@sender%d.example', i % 1000, i % 97) AS sender,
	    printf('=?utf-8?q?Gr=C3=BC=C3=9Fe?= number %d of day %d', i, i / 3000) AS subject
	  FROM n
	), text AS (
	  SELECT *, printf('From: "User %d" <%s>%sTo: box%d@b.example%sSubject: %s%sMessage-ID: <%d@sender.example>%s%s',
	    i % 1000, sender, char(13, 10), i % 50, char(13, 10), subject,
	    char(13, 10), i, char(13, 10), char(13, 10)) AS header,
	    printf('Hello, this is mail %d about topic%d and topic%d.%s', i, i % 5000, i % 7001, char(13, 10))
	    || CASE i % 50 WHEN 0 THEN printf('%.4000c', 'y') ELSE printf('%.150c', 'x') END
	    || char(13, 10) AS body
	  FROM mail
	)
	INSERT INTO message (id, received_at, client_address, client_port, helo,
	  protocol, verb, reverse_path, body_type, smtputf8, size, trace,
	  header_size, header_from, header_to, header_subject,
	  header_message_id, data)
	SELECT i, (unixepoch() - ($mails - i) * 25) * 1000000, '192.0.2.' || (i % 250),
	  40000, 'host.example', 'ESMTP', 'MAIL', sender, '8BITMIME', 0,
	  length(header) + length(body),
	  printf('Return-Path: <%s>%sReceived: from host.example by mx.example with ESMTP id %d%s',
	    sender, char(13, 10), i, char(13, 10)),
	  length(header), printf('"User %d" <%s>', i % 1000, sender),
	  printf('box%d@b.example', i % 50), subject,
	  printf('<%d@sender.example>', i), CAST(header || body AS BLOB)
	FROM text;
	INSERT INTO recipient (message_id, position, forward_path, mailbox)
	SELECT id, 1, header_to, header_to FROM message;
	INSERT INTO recipient (message_id, position, forward_path, mailbox)
	SELECT id, 2, 'second@b.example', 'second@b.example' FROM message WHERE id % 10 = 0;
	COMMIT;
	PRAGMA wal_checkpoint(TRUNCATE);
	SQL
	for suffix in -lock ''; do mv "new.db$suffix" "mail.db$suffix"; done
}

# What each line of the table is; "copy" stands for a database to change.
commands() {
	cat <<-'LIST'
	list -n 20
	list -n 20 --subject='number 777 '
	list -n 20 --from=user77
	list -n 20 --since=1d
	list | wc -l
	list --json | wc -l
	list --from=user77@ | wc -l
	list --to=second | wc -l
	list --subject=grüße | wc -l
	list --since=7d | wc -l
	list --since=7d --until=6d | wc -l
	list --larger=1K | wc -l
	show 500000
	raw 500000
	explain --to=box1@b.example
	index
	search topic123
	search hello
	search hello topic123
	stats
	stats --openmetrics
	stats --plot=plot.png
	doctor
	export --mbox=- | wc -c
	export --mbox=- --since=1d | wc -c
	prune --dry-run --keep=900000
	prune --dry-run --older=30d
	rm 500000 (copy)
	rm 1-10000 (copy)
	prune --keep=900000 (copy)
	prune --max-bytes=100M (copy)
	deliver --new cat (copy of 1000)
	deliver --new cat (copy, all had)
	LIST
}

# run TEXT COMMAND: a row.  No shell is between, whose memory would be counted.
run() {
	tail=cat
	case $2 in *' | '*) tail=${2#* | } ;; esac
	eval "$time -q -o used -f '%e %U %S %M %x' smtpdb ${2%% | *}" | $tail >/dev/null
	awk -v text="$1" '{
		gsub(/\|/, "\\|", text)
		printf "| `%s` | %.2f | %.2f | %.1f |", text, $1, $2 + $3, $4 / 1024
		print $5 == 0 ? "" : " exit status " $5
	}' used
}

copy() {
	rm -f copy.db*
	cp --reflink=auto mail.db copy.db
	sync copy.db
}

[ -e mail.db ] || fill
rm -f mail.db-words*
echo "| command | seconds | processor | memory, MiB |"
echo "|---|---|---|---|"
commands | while read -r line; do
	case $line in
	*' (copy of 1000)')
		copy
		SMTPD_DATABASE=$PWD/copy.db smtpdb prune --keep=1000 >/dev/null 2>&1 </dev/null || :
		SMTPD_DATABASE=$PWD/copy.db run "$line" "${line% (copy*}" </dev/null
		;;
	*' (copy, all had)')
		copy
		sqlite3 copy.db "PRAGMA wal_autocheckpoint = 0;
		    INSERT INTO delivery SELECT id, 'default', 1, 1 FROM message" >/dev/null
		SMTPD_DATABASE=$PWD/copy.db run "$line" "${line% (copy*}" </dev/null
		;;
	*' (copy)')
		copy
		SMTPD_DATABASE=$PWD/copy.db run "$line" "${line% (copy*}" </dev/null
		;;
	*)
		run "$line" "$line" </dev/null
		;;
	esac
done
rm -f copy.db* plot.png used
