#!/bin/sh
# extract: parts to files.
. "$(dirname "$0")/prelude.sh"
make_zoo

mkdir parts
status 0 "$tool" extract 2 -C parts
is "a name that stays in the folder" hello "$(cat parts/etc_réport.pdf)"
status 0 "$tool" extract 2 -C parts
is "not written over" hello "$(cat parts/etc_réport-1.pdf)"
status 0 "$tool" extract 2 3
is "a part" hello "$(cat out)"
status 0 "$tool" extract 2 3 -o part
is "a part to a file" hello "$(cat part)"
status 73 "$tool" extract 2 3 -o part
status 66 "$tool" extract 2 9
status 64 "$tool" extract 2 x
status 64 "$tool" extract 2 -o part
status 64 "$tool" extract 2 3 -C parts
status 0 "$tool" extract 1
is "nothing but text" "" "$(cat out)"
holds "mail 1 has no attachment" err
# What is cut of a name is not what its reader is found by.
long=$(printf '報告%.0s' $(seq 40))
for name in "$long.docx" "$long.$long" "x.$long"; do
	printf 'Content-Disposition: attachment; filename="%s"\n\nx\n' "$name" |
	    send a@a.example b@b.example
	status 0 "$tool" extract last -C parts
	LC_ALL=C awk '{ print (length <= 200), (/[.]docx$/) }' out
done >cut
is "which are cut to 200 octets, with the extension" "1 1 1 0 1 0" "$(xargs <cut)"

finish
