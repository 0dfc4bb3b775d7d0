#!/bin/sh
# raw: the octets of a mail.
. "$(dirname "$0")/prelude.sh"
make_zoo

# column NAME ID: its octets.
column() {
	if of_files; then
		sql "SELECT hex($1) FROM message WHERE id = $2"
	else
		sql "SELECT encode(CAST($1 AS bytea), 'hex') FROM message WHERE id = $2"
	fi | xxd -r -p
}

status 0 "$tool" raw --data 2
column data 2 >want
cmp -s want out
ok "raw --data" $?
status 0 "$tool" raw 2
column trace 2 >want
column data 2 >>want
cmp -s want out
ok "raw" $?
status 0 "$tool" raw 2-3
column trace 3 >>want
column data 3 >>want
cat want | cmp -s - out
ok "raw of a range" $?
if have script "raw on a terminal"; then
	on_terminal 80 "'$tool' raw 1 4"
	lacks "$(printf '\033')" out
fi

finish
