#!/bin/sh
# The main job, shown: a canned session in, the row out (make demo).
set -eu

db=build/demo/mail.db
rm -rf build/demo
mkdir -p build/demo

show() {
	printf '\n$ %s\n' "$*"
	eval "$*"
}

show cat examples/session.txt
show "./smtpd --database=$db --hostname=mx.example <examples/session.txt"
show ./smtpdb --database=$db list
show ./smtpdb --database=$db show 1
show "sqlite3 -box $db 'SELECT * FROM recipient'"
