#!/bin/sh
# Goal: whoever gets something wrong at the start is told what, in words that
# say what to do; not by a library, and not first when mail comes.
set -u

cd "$(dirname "$0")/../.." || exit 1
bin=$(realpath "${OUT:-.}")
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
passed=0
failed=0
cd "$work" || exit 1

# said STATUS WORDS COMMAND...: it ends so, and says so.
said() {
	want=$1
	words=$2
	shift 2
	timeout --foreground -s INT 120 "$@" >log 2>&1 </dev/null
	got=$?
	if [ "$got" -eq "$want" ] && grep -qF -e "$words" log; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "FAIL: $*: want $want and \"$words\", got $got and: $(cat log)"
	fi
}

smtpd="$bin/smtpd --listen=127.0.0.1:0"
said 64 "unknown option --lisen=25 (did you mean --listen?); see smtpd --help" \
    "$bin/smtpd" --lisen=25
said 64 "needs a port" $smtpd --listen=localhost
said 64 "stands in brackets" $smtpd --listen=::1:2525
said 73 "there is no such folder" $smtpd --listen=./nowhere/socket
said 64 "--tls-cert is missing" $smtpd --tls-key=key.pem
said 64 "--tls-require-client needs --tls-ca" \
    $smtpd --tls-cert=cert.pem --tls-require-client
said 64 "neither immediate nor starttls" $smtpd --tls-cert=c --tls=sometimes
said 64 "each --tls-cert has a --tls-key" \
    $smtpd --tls-cert=a --tls-cert=b --tls-key=a
said 64 "unix:PATH or inet:HOST:PORT" $smtpd --milter=here

# Replies that a file does not take are no session that went well.
said 74 "standard output: No space left" \
    sh -c "'$bin/smtpd' -d mail.db -n mx.example >/dev/full"
said 74 "standard output: Bad file descriptor" \
    sh -c "'$bin/smtpd' -d mail.db -n mx.example >&-"

# Where mail cannot be stored, it is said before any comes.
echo "no database at all" >other
mkdir folder
[ "$(id -u)" -ne 0 ] || chown 65534 . other # who is to serve, not root

# stored WORDS DATABASE OPTION...: a listener says so.
stored() {
	words=$1
	shift
	$smtpd -n mx.example -d "$@" >log 2>&1 </dev/null &
	n=0
	while ! grep -qF -e "$words" log && [ $n -lt 2400 ]; do
		n=$((n + 1))
		sleep 0.05
	done
	kill -INT $! 2>/dev/null # it may have ended
	wait $!
	if [ $n -lt 2400 ]; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "FAIL: -d $*: want \"$words\", got: $(cat log)"
	fi
}

stored "mail goes to new.db" new.db
stored "folder: a folder; the database is a file in it" folder
stored "other: this is no database" other
for version in 1 5; do
	"$bin/smtpdb" -d v$version.db domain add x.example 2>/dev/null
	[ "$(id -u)" -ne 0 ] || chown 65534 v$version.db*
	sqlite3 v$version.db "PRAGMA user_version = $version" >log
done
stored "no mail can be stored in v1.db: it is of an older smtpd" v1.db
stored "no mail can be stored in v5.db: it is of a newer smtpd" v5.db
sqlite3 foreign.db 'CREATE TABLE x (y); PRAGMA application_id = 7'
[ "$(id -u)" -ne 0 ] || chown 65534 foreign.db
stored "no mail can be stored in foreign.db: it is another application's" foreign.db
said 64 "--json, --openmetrics or --plot: say one" \
    "$bin/smtpdb" -d new.db stats --json --openmetrics
said 64 "--allow or --deny: say one" \
    "$bin/smtpdb" -d new.db rule add client ::1 --allow --deny
said 64 "unknown option --jsn (did you mean --json?); see --help" "$bin/smtpdb" -d new.db list --jsn
stored "--new-mail: folder of nowhere/new: No such file" new.db --new-mail=nowhere/new
stored "nowhere/mail.db: No such file or directory" nowhere/mail.db
said 66 "yet.db is not there yet: smtpd makes it" "$bin/smtpdb" -d yet.db list
said 78 "folder is a folder; the database is a file" "$bin/smtpdb" -d folder list

if [ -x "$bin/smtpd-tls" ]; then
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
	    -keyout key.pem -out cert.pem -subj /CN=a 2>/dev/null
	openssl genrsa -out rsa.pem 2048 2>/dev/null
	openssl ecparam -genkey -name prime256v1 -noout -out ec.pem
	openssl pkcs8 -topk8 -in key.pem -passout pass:x -out locked.pem
	tls="$bin/smtpd-tls --cert=cert.pem"
	said 78 "TLS: certificate nowhere.pem: No such file or directory" \
	    "$bin/smtpd-tls" --cert=nowhere.pem -- true
	said 78 "TLS: certificate other: there is none in PEM" \
	    "$bin/smtpd-tls" --cert=other -- true
	said 78 "TLS: key cert.pem: there is none in PEM" $tls -- true
	said 78 "TLS: key other: there is none in PEM" $tls --key=other -- true
	said 78 "TLS: key nowhere: No such file" $tls --key=nowhere -- true
	said 78 "TLS: key rsa.pem: it is another" $tls --key=rsa.pem -- true
	said 78 "TLS: key ec.pem: it is another" $tls --key=ec.pem -- true
	said 78 "TLS: key locked.pem: it is locked by a password" \
	    $tls --key=locked.pem -- true
	stored "clients are served without TLS" mail.db --tls-cert=other
	mkdir beside
	cp "$bin/smtpd" beside
	: >beside/smtpd-tls # no program
	smtpd="beside/smtpd --listen=127.0.0.1:0"
	stored "/smtpd-tls: Permission denied" mail.db --tls-cert=cert.pem
else
	echo "skipped: tests/system/words.sh: TLS, since there is no smtpd-tls"
fi

echo "words: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
