#!/bin/sh
# raw: the octets of a mail.
. "$(dirname "$0")/prelude.sh"
make_zoo

# columns ID NAME...: their octets, as hex() has them.
columns() {
	id=$1
	shift
	for name; do
		if of_files; then
			sql "SELECT lower(hex($name)) FROM message WHERE id = $id"
		else
			sql "SELECT encode(CAST($name AS bytea), 'hex')
			    FROM message WHERE id = $id"
		fi
	done | tr -d '\n'
}

status 0 "$tool" raw --data 2
is "raw --data" "$(columns 2 data)" "$(hex <out)"
status 0 "$tool" raw 2
is "raw" "$(columns 2 trace data)" "$(hex <out)"
status 0 "$tool" raw 2-3
is "raw of a range" "$(columns 2 trace data)$(columns 3 trace data)" \
    "$(hex <out)"
if have script "raw on a terminal"; then
	on_terminal 80 "'$tool' raw 1 4"
	lacks "$(printf '\033')" out
	# A line of octets that begin no character takes no longer than others.
	{
		printf 'Subject: s\n'
		head -c 1000000 /dev/zero | tr '\0' '\200'
	} >dull.eml
	status 0 "$tool" import --eml=dull.eml --recipient=b@b.example
	on_terminal 80 "ulimit -t 2; '$tool' raw --data last"
	is "all of a mail without characters" 1000000 \
	    "$(tr -cd '\277' <out | wc -c)"
fi

finish
