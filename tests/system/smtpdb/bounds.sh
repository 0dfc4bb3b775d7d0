#!/bin/sh
# What is beyond a bound of MIME is shown all the same.
. "$(dirname "$0")/prelude.sh"

{
	echo 'Subject: long header'
	yes 'X-Field: x' | head -n 120000
	printf 'Content-Type: text/html\n\n<p>the end\n'
} | send a@a.example bob@b.example
status 0 "$tool" show 1
holds "Subject: long header" out
holds "Content-Type: text/html" out
holds "<p>the end" out

{
	printf 'Content-Type: multipart/mixed; boundary=b\n\n'
	yes -- '--b

part' | head -n 7500
	printf '%s\n' --b '' 'last part' --b--
} | send a@a.example bob@b.example
status 0 "$tool" show 2
holds "Of so many parts only 2001 are told apart" out
holds "last part" out

{
	for i in $(seq 40); do
		printf 'Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n' $i $i
	done
	printf '\nbottom\n'
} | send a@a.example bob@b.example
status 0 "$tool" show 3
holds "[1] multipart/mixed, " out
status 0 "$tool" extract 3 1
holds "bottom" out

finish
