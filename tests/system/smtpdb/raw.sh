#!/bin/sh
# raw: the octets of a mail.
. "$(dirname "$0")/prelude.sh"
make_zoo

status 0 "$tool" raw --data 2
sqlite3 mail.db "SELECT writefile('want', data) FROM message WHERE id = 2" >/dev/null
cmp -s want out
ok "raw --data" $?
status 0 "$tool" raw 2
sqlite3 mail.db "SELECT writefile('want', CAST(trace AS BLOB) || data) FROM message WHERE id = 2" >/dev/null
cmp -s want out
ok "raw" $?
status 0 "$tool" raw 2-3
sqlite3 mail.db "SELECT writefile('3', CAST(trace AS BLOB) || data) FROM message WHERE id = 3" >/dev/null
cat want 3 | cmp -s - out
ok "raw of a range" $?
if have script "raw on a terminal"; then
	on_terminal 80 "'$tool' raw 1 4"
	lacks "$(printf '\033')" out
fi

finish
