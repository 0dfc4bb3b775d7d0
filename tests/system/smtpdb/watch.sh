#!/bin/sh
# watch: mails as they come.
. "$(dirname "$0")/prelude.sh"
make_zoo

timeout 120 "$tool" watch -n 2 >watched 2>&1 &
watcher=$!
await 'test $(wc -l <watched) = 2'
printf 'Subject: watched\n\nx\n' | send a@a.example bob@b.example
await 'grep -q watched watched'
kill $watcher
holds "watched" watched
is "two, and only what is new" "$((total - 1)) $total $((total + 1))" "$(cut -f1 watched | xargs)"

# It ends with who reads it, also where nothing more comes.
status 0 timeout 120 sh -c "'$tool' watch -n 2 | head -n 1"
is "one line" $total "$(cut -f1 out)"
is "nothing is said" "" "$(cat err)"
status 0 timeout 120 sh -c "trap '' PIPE; '$tool' watch -n 2 | head -n 1"
is "nothing is said either" "" "$(cat err)"

# One mail, for tests of programs that send it.
status 1 timeout 120 "$tool" watch --one --timeout=1
is "none came" "" "$(cat out err)"
"$tool" watch --one --timeout=100 --subject=wanted >one 2>&1 &
watcher=$!
await "ls -l /proc/$watcher/fd | grep -q -e mail.db-wal -e socket"
sleep 1 # between that and what it takes for old
printf 'Subject: other\n\nx\n' | send a@a.example bob@b.example
printf 'Subject: wanted 1\n\nx\n' | send a@a.example bob@b.example
printf 'Subject: wanted 2\n\nx\n' | send a@a.example bob@b.example
wait $watcher
is "one came" 0 $?
is "the first that is wanted" "wanted 1" "$(cut -f6 one)"
status 0 timeout 120 "$tool" watch --one --timeout=5 --since=1h --subject=wanted --json
json_lines out 'len(o) == 1 and o[0]["subject"] == "wanted 1"'
status 1 timeout 120 "$tool" watch --timeout=1
status 0 timeout 120 "$tool" watch --timeout=1 -n 1
is "what was printed counts" 1 "$(wc -l <out)"
status 64 "$tool" watch --timeout=soon

of_files || finish
# A database that is not there yet is waited for; a folder is not.
use later
status 1 timeout 120 "$tool" watch --one --timeout=1
holds "waiting for $dir/later.db" err
timeout 120 "$tool" watch --one --timeout=100 >one 2>told &
watcher=$!
await 'grep -q waiting told'
printf 'Subject: first\n\nx\n' | send a@a.example bob@b.example
wait $watcher
is "it came" 0 $?
is "the first mail that there is" 1 "$(cut -f1 one)"
status 66 timeout 120 "$tool" -d nonesuch/mail.db watch
status 0 timeout 120 sh -c "'$tool' -d $dir/never.db watch | true"

finish
