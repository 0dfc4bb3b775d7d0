#!/bin/sh
# smtpdb itself, without a database: help, version, wrong words.
. "$(dirname "$0")/prelude.sh"

status 66 "$tool" list
holds "is not there yet" err
status 64 "$tool"
status 64 "$tool" frobnicate
status 64 "$tool" list --nonesuch
status 64 "$tool" list argument
status 64 "$tool" --database= list
status 64 "$tool" --database=:memory: list
status 0 "$tool" --help
holds "doctor" out
status 0 "$tool" --version
for word in lsit 'list --form=x' rul delivr; do
	status 64 "$tool" $word
	holds "did you mean" err
done
status 0 "$tool" help
holds "doctor" out
status 0 "$tool" help show
holds "Usage: smtpdb show" out
status 64 "$tool" help sho
holds "did you mean show?" err
for command in $("$tool" complete ''); do
	status 0 "$tool" "$command" --help
	holds "Usage: smtpdb $command" out
	is "lines of over 80 columns" "" "$(awk 'length > 80' out)"
done
[ ! -e mail.db ]
ok "nothing was made" $?

finish
