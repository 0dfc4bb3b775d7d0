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
show "sqlite3 -line $db \"SELECT id, datetime(received_at / 1000000, 'unixepoch') AS received, client_address, helo, protocol, reverse_path, size, trace, data FROM message\""
show "sqlite3 -box $db 'SELECT * FROM recipient'"
