#!/bin/sh
# index and search.
. "$(dirname "$0")/prelude.sh"
make_zoo

status 66 "$tool" search hello
status 0 "$tool" index
status 0 "$tool" search hello world
is "search" 1 "$(wc -l <out)"
status 0 "$tool" search bob@b.example
is "search what is no word" "$total" "$(wc -l <out)"
is "word of the index" 0 "$(grep -c index err)"
printf 'Subject: later\n\nxylophone\n' | send a@a.example bob@b.example
status 1 "$tool" search xylophone
is "what came later is not found" 0 "$(wc -l <out)"
holds "mails after $total are not in the index" err
status 0 "$tool" index
holds "indexed 1 mail" out
status 0 "$tool" search xylophone
is "search what came later" 1 "$(wc -l <out)"
# A dash or a quote is no word, and keeps none from being found.
printf 'Subject: report – November\n\n“zither” foo\n' | send a@a.example bob@b.example
status 0 "$tool" index
for words in 'report – November' '– zither' '“zither” „report“'; do
	status 0 "$tool" search "$words"
	is "search $words" 1 "$(wc -l <out)"
done
# What is gone is not found, and takes no place of what is there.
status 0 "$tool" rm last
status 1 "$tool" search zither
is "search what is gone" 0 "$(wc -l <out)"
if of_files; then
	sqlite3 mail.db-words "WITH RECURSIVE n (i) AS (SELECT 1000000 UNION ALL
	    SELECT i + 1 FROM n WHERE i < 1001200) INSERT INTO words (rowid, text)
	    SELECT i, 'xylophone' FROM n"
	status 0 "$tool" search xylophone
	is "search what is there, behind a thousand that are gone" 1 "$(wc -l <out)"
fi
# Two at once that have both seen an empty index share the mails.
sqlite3 mail.db-words 'DELETE FROM last'
mkfifo hold
sqlite3 mail.db-words <hold >held &
exec 3>hold
echo 'BEGIN IMMEDIATE; SELECT 1;' >&3
await 'test -s held'
"$tool" index >index1 3>&- &
one=$!
"$tool" index >index2 3>&- &
two=$!
await "ls -l /proc/$one/fd | grep -q mail.db-words"
await "ls -l /proc/$two/fd | grep -q mail.db-words"
exec 3>&-
wait
is "two index" $((total + 1)) "$(sed 's/[^0-9]//g' index1 index2 | awk '{ n += $1 } END { print n }')"

# Somebody has put a file of ours in the place of the index.
sqlite3 app.db 'CREATE TABLE secret (x)'
rm -f mail.db-words
ln -s app.db mail.db-words
status 78 "$tool" index
holds "symbolic link" err
is "the file behind a link is as it was" secret "$(sqlite3 app.db .tables)"
rm mail.db-words
ln app.db mail.db-words
status 78 "$tool" index
holds "hard link" err
rm mail.db-words
# An index of somebody else's making goes, and nothing is written into it.
cp app.db mail.db-words
status 0 "$tool" index
is "an index is ours alone" "" "$(sqlite3 mail.db-words "SELECT name FROM sqlite_schema WHERE name = 'secret'")"

# An index that was made in another way is none, and is made anew.
sqlite3 mail.db-words 'PRAGMA user_version = 1'
status 66 "$tool" search xylophone
status 0 "$tool" index
holds "indexed $((total + 1)) mails" out
status 0 "$tool" search xylophone

finish
