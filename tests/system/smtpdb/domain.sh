#!/bin/sh
# domain: the domains that mail is taken for.
. "$(dirname "$0")/prelude.sh"

status 0 "$tool" domain add b.example
for name in 'bad@x' 'b.example.' 'b d.example' ''; do
	status 65 "$tool" domain add "$name"
done
status 0 "$tool" explain --to=x@elsewhere.example
holds "550 5.7.1" out
status 0 "$tool" domain rm b.example
status 66 "$tool" domain rm b.example
status 64 "$tool" domain frob
status 64 "$tool" domain add
status 0 "$tool" domain list
is "no domains" 0 "$(wc -l <out)"

finish
