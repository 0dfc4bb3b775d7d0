#!/bin/sh
# Mails that are hard to read, by all commands that read them.
. "$(dirname "$0")/prelude.sh"

use odd
odd=$(python3 "$here/tests/system/oddmails.py" "$smtpd" "$SMTPD_DATABASE")
is "odd mails" "$odd" "$("$tool" list | wc -l)"
status 0 "$tool" list
is "controls in the list" 0 "$(controls)"
"$tool" export --eml=odd
i=1
while [ "$i" -le "$odd" ]; do
	for how in '' -H; do
		status 0 "$tool" show $how "$i"
		is "controls of odd mail $i" 0 "$(controls)"
	done
	status 0 "$tool" show --json "$i"
	mkdir "odd.$i"
	status 0 "$tool" extract "$i" -C "odd.$i"
	is "controls in names of $i" 0 "$(controls)"
	i=$((i + 1))
done >odd.log 2>&1
cat odd.log >&2
status 0 "$tool" show --json $(seq "$odd")
json_lines out "len(o) == $odd"
is "controls in JSON" 0 "$(controls)"
json_lines out '"\u0085\u009b31m\u202e" in dict(o[9]["header"])["Subject"]'
status 0 "$tool" list --json
json_lines out
is "all files are in the folder" "" "$(find odd.3 -mindepth 1 ! -type f; find . -maxdepth 1 -name '*evil*'; find odd.3 -name '[.-]*')"
is "all parts are there" 13 "$(find odd.3 -type f | wc -l)"
dump >want
use new
status 0 "$tool" import --eml=odd
dump >got
use odd
cmp -s want got
ok "round trip of odd mails" $?
# A text does not end at a NUL, nor does a field.
status 0 "$tool" show 1
holds "$(printf 'before\357\277\275after\nsecond line')" out
holds "$(printf 'Subject: before\357\277\275after')" out
# Parts and fields by the hundred thousand take no memory.
# (Not with the sanitizers of make asan, which take the address space.)
for command in 'show 4 5' index; do
	of_files || [ "$command" != index ] || continue
	(ulimit -v 200000 && "$tool" --version) >/dev/null 2>&1 || break
	status 0 sh -c "ulimit -v 200000; exec '$tool' $command"
done
# A mail of more recipients than a program can be told keeps none back.
status 65 "$tool" deliver --new sh -c 'cat >/dev/null; echo $SMTPD_ID'
is "all but that one" $((odd - 1)) "$(wc -l <out)"
printf '#!/bin/sh\ncat >/dev/null\necho $#\n' >count
chmod +x count
status 0 "$tool" deliver --new --sendmail ./count
is "but as arguments" 1004 "$(cat out)"

finish
