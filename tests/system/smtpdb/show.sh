#!/bin/sh
# show: what a person sees of a mail, and nothing that harms a terminal.
. "$(dirname "$0")/prelude.sh"
make_zoo

status 0 "$tool" show 1
holds "Subject: Grüße from 日本語" out
holds "<ann@a.example> to <bob@b.example>, <carl@c.example>" out
lacks "$(printf '\033')" out
lacks "$(printf '\a')" out
status 0 "$tool" show 2
holds "Grüße" out
lacks "preamble" out
lacks "<p>" out
holds "[3] application/pdf, 5" out
status 0 "$tool" show -H 2
holds "Content-Type: multipart/mixed" out
status 0 "$tool" show 3
holds "Hello World & co €" out
lacks "evil" out
lacks "$(printf '\033')" out
status 0 "$tool" show 4
holds "Subject: café" out
holds "latin1 ü" out
lacks "$(printf '\342\200\256')" out
i=1
while [ $i -le "$total" ]; do
	status 0 "$tool" show $i
	is "controls of mail $i" 0 \
	    "$(LC_ALL=C tr -d '\12\11\40-\176\200-\377' <out | wc -c)"
	status 0 "$tool" show --json $i
	json_lines out
	i=$((i + 1))
done
status 66 "$tool" show 999
status 64 "$tool" show one
status 64 "$tool" show

finish
