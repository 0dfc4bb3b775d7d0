#!/bin/sh
# watch: mails as they come.
. "$(dirname "$0")/prelude.sh"
make_zoo

timeout 10 "$tool" watch -n 2 >watched 2>&1 &
watcher=$!
await 'test $(wc -l <watched) = 2'
printf 'Subject: watched\n\nx\n' | send a@a.example bob@b.example
await 'grep -q watched watched'
kill $watcher
holds "watched" watched
is "two, and only what is new" "$((total - 1)) $total $((total + 1))" "$(cut -f1 watched | xargs)"

finish
