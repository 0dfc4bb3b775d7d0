# What the tests of smtpdb's commands share, which each of them reads first:
#
#	. "$(dirname "$0")/prelude.sh"
#
# A test runs alone, from the top of the sources, in a folder of its own that is
# deleted afterwards, with a database that is not there yet.  It ends with
# "finish".  With SMTPDB_TEST_POSTGRESQL, a folder with the socket of a server
# that lets user smtpd in, its databases are there.
set -u

here=$(pwd)
test_name=$(basename "$0" .sh)
. "$here/tests/system/smtpdb/zoo.sh"
smtpd=$(realpath "${SMTPD_PROGRAM:-./smtpd}")
tool=$(realpath "${SMTPDB_PROGRAM:-./smtpdb}")
dir=$(mktemp -d "${TMPDIR:-/tmp}/smtpdb-$test_name-XXXXXX")
trap 'umount "$dir/full" 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir" || exit 1
# of_files: is the database a file?
of_files() {
	[ -z "${SMTPDB_TEST_POSTGRESQL:-}" ]
}

# use NAME: from now on that is the database; new where it was not in use.
use() {
	SMTPD_DATABASE=$dir/$1.db
	export SMTPD_DATABASE
	of_files && return
	SMTPD_DATABASE="postgresql://smtpd@/${test_name}_$$_$1?host=$SMTPDB_TEST_POSTGRESQL"
	[ -e "$1.made" ] || createdb -h "$SMTPDB_TEST_POSTGRESQL" -U smtpd \
	    "${test_name}_$$_$1" && touch "$1.made"
}

# sql TEXT: what the database answers, "|" between columns.
sql() {
	if of_files; then
		sqlite3 -cmd '.timeout 60000' "$SMTPD_DATABASE" "$1"
	else
		psql -XqtA -d "$SMTPD_DATABASE" -c "$1"
	fi
}

# octets HEX: what stands for them in "sql".
octets() {
	if of_files; then
		echo "x'$1'"
	else
		echo "decode('$1', 'hex')"
	fi
}

# hex: its input's octets.
hex() {
	od -An -v -tx1 | tr -d ' \n'
}

use mail
unset NO_COLOR
TZ=UTC
export TZ

passed=0
failed=0
skipped=""

# ok TEXT STATUS: counts a test.
ok() {
	if [ "$2" -eq 0 ]; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "smtpdb/$test_name.sh: failed: $1" >&2
	fi
}

# is TEXT WANT GOT
is() {
	[ "$2" = "$3" ]
	status=$?
	ok "$1" $status
	[ $status -eq 0 ] || printf 'want "%s"\ngot  "%s"\n' "$2" "$3" >&2
}

# status WANT COMMAND...: its exit status; what it prints is in "out" and "err".
status() {
	want=$1
	shift
	"$@" >out 2>err </dev/null
	is "exit status of $*" "$want" $?
}

# holds TEXT FILE
holds() {
	grep -qF -e "$1" "$2"
	ok "'$1' in $2: $(head -c 300 "$2")" $?
}

# lacks TEXT FILE: in which there is something, though.
lacks() {
	[ -s "$2" ] && ! grep -qF -e "$1" "$2"
	ok "no '$1' in $2" $?
}

# skip WHAT WHY: what is not tested here, which the last lines tell.
skip() {
	skipped="$skipped
skipped: smtpdb/$test_name.sh: $1, since $2"
}

# have PROGRAM WHAT: can it be tested?
have() {
	command -v "$1" >/dev/null && return 0
	skip "$2" "there is no $1"
	return 1
}

finish() {
	echo "smtpdb/$test_name.sh: $passed passed, $failed failed$skipped"
	[ "$failed" -eq 0 ]
	exit
}

# await COMMAND: until it succeeds, for two minutes.
await() {
	n=0
	until eval "$1" >/dev/null 2>&1; do
		n=$((n + 1))
		[ $n -lt 2400 ] || { ok "await $1" 1; return; }
		sleep 0.05
	done
}

# send FROM TO...: a mail on standard input, LF.
send() {
	{
		printf 'EHLO me\nMAIL FROM:<%s> BODY=8BITMIME\n' "$1"
		shift
		for to; do printf 'RCPT TO:<%s>\n' "$to"; done
		echo DATA
		sed 's/^\./../'
		printf '.\nQUIT\n'
	} | "$smtpd" 2>/dev/null | grep -q '^250 2.0.0 Stored'
	ok "send to $*" $?
}

# send_some N: so many small mails, in one session.
send_some() {
	i=1
	{
		echo 'EHLO me'
		while [ $i -le "$1" ]; do
			printf 'MAIL FROM:<a@a.example>\nRCPT TO:<b@b.example>\n'
			printf 'DATA\nSubject: %d\n\nx\n.\n' $i
			i=$((i + 1))
		done
		echo QUIT
	} | "$smtpd" >sent 2>/dev/null
	is "mails sent" "$1" "$(grep -c '^250 2.0.0 Stored' sent)"
}

# All of the database that must survive an export.
dump() {
	hex='hex(data)'
	of_files || hex="upper(encode(data, 'hex'))"
	sql "SELECT received_at, client_address, client_port, helo,
	    protocol, verb, reverse_path, body_type, smtputf8, envelope_id,
	    dsn_return, size, trace, header_size, header_from, header_to,
	    header_subject, header_date, header_message_id, authenticated_as,
	    claimed_as, tls, client_subject, requiretls, $hex
	    FROM message ORDER BY id"
	sql "SELECT position, forward_path, notify, original_recipient, mailbox
	    FROM recipient ORDER BY message_id, position"
}

# controls: octets of control characters in the file "out"
controls() {
	LC_ALL=C tr -d '\12\11\40-\176\200-\377' <out | wc -c
	python3 -c 'import sys, unicodedata
for c in open("out", encoding="utf-8", newline="\n").read():
    if unicodedata.category(c) in ("Cf", "Cc") and c not in "\n\t\u200c\u200d":
        print(hex(ord(c)))'
}

# json_lines FILE [EXPRESSION]: all lines are JSON, and of the list "o" of them
# the expression of Python is true.
json_lines() {
	python3 -c 'import json, sys
o = [json.loads(l) for l in open(sys.argv[1], encoding="utf-8", newline="\n")]
assert eval(sys.argv[2]), o' "$1" "${2:-True}"
	ok "JSON of $1: ${2:-}" $?
}

# on_terminal COLUMNS COMMAND: what it prints there, in the file "out".
on_terminal() {
	script -qec "stty cols $1; $2" /dev/null >out </dev/null
}

# wider_than COLUMNS: the lines of "out" that are.
wider_than() {
	python3 -c 'import re, sys
for line in open("out", encoding="utf-8", newline="\n"):
    if len(re.sub("\033.*?m|[\r\n]", "", line)) > int(sys.argv[1]): print(line)' "$1"
}

# interrupt.py CONDITION COMMAND...: SIGINT once the condition holds, however fast
# the command is: it stands still while it is asked.  A shell has its children in
# the background ignore SIGINT.
cat >interrupt.py <<'PY'
import signal, subprocess, sys, time
p = subprocess.Popen(sys.argv[2:], preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
p.send_signal(signal.SIGSTOP)
while subprocess.call(sys.argv[1], shell=True):
    p.send_signal(signal.SIGCONT); time.sleep(0.005); p.send_signal(signal.SIGSTOP)
p.send_signal(signal.SIGINT); open('go', 'w').close()
p.send_signal(signal.SIGCONT)
sys.exit(abs(p.wait()))
PY
