#!/bin/sh
# smtpdb itself, without a database: help, version, wrong words.
. "$(dirname "$0")/prelude.sh"

status 66 "$tool" list
holds "No such file" err
status 64 "$tool"
status 64 "$tool" frobnicate
status 64 "$tool" list --nonesuch
status 64 "$tool" list argument
status 64 "$tool" --database= list
status 64 "$tool" --database=:memory: list
status 0 "$tool" --help
holds "doctor" out
status 0 "$tool" --version
for command in $("$tool" complete); do
	status 0 "$tool" "$command" --help
	holds "Usage: smtpdb $command" out
	is "lines of over 80 columns" "" "$(awk 'length > 80' out)"
done
[ ! -e mail.db ]
ok "nothing was made" $?

finish
