#!/bin/sh
# Real clients send real mails through real superservers; what is stored is
# compared, octet for octet, with what was sent.
#
# It needs these Debian packages: curl msmtp openbsd-inetd python3 s-nail swaks
# systemd (for systemd-socket-activate) ucspi-tcp-ipv6 (for tcpserver and
# recordio).
#
# Only free ports of 127.0.0.1 and ::1 are used.  A client speaks through a tee
# (wire.py) that keeps what both sides say: so the octets on the wire are known
# whatever the client makes of a mail, and in every session each octet to it
# must be one of a reply.  Clients call the tee over IPv4, which is all that
# some can do; it calls the server over either.  What goes without the tee is
# named "direct".
#
# SMTPD_PROGRAM is the program to test, ./smtpd if not set.
#
# Most functions here are called by name, through check.
# shellcheck disable=SC2317
set -u

. "$(dirname "$0")/servers.sh"

hostname=mx$$.example # nobody else's
# A person's settings would change what the clients do.
export HOME="$work" MAILRC=/dev/null
tee=
direct=
option=

# needs PACKAGE TOOL...
needs() {
	package=$1
	shift
	for tool in "$@"; do
		command -v "$tool" >"$work/wrong" && continue
		failed=$((failed + 1))
		echo "FAIL $tool is missing: install the Debian package $package"
	done
}

#
# Superservers
#

# The address as URLs and most superservers write it: bracketed ADDRESS
bracketed() {
	case $1 in
	*:*) echo "[$1]" ;;
	*) echo "$1" ;;
	esac
}

# No quotes are known there, but then there is no blank in the arguments.
write_inetd_conf() {
	wait=$1
	path=$2
	shift 2
	protocol=tcp
	[ "$at" = "$host" ] || protocol=tcp6
	echo "$at:$port stream $protocol $wait $(id -un) $path smtpd $*" \
		>"$folder/inetd.conf"
}

# Becomes the superserver of the run.
start() {
	set -- "$folder/smtpd" "--database=$database" "--hostname=$hostname" \
		${option:+"$option"}
	case $run in
	inetd)
		write_inetd_conf nowait.1000000 "$@"
		exec inetd -i "$folder/inetd.conf"
		;;
	inetd-wait)
		write_inetd_conf wait "$@" --idle-exit=1 --max-per-source=100
		exec inetd -i "$folder/inetd.conf"
		;;
	tcpserver)
		exec tcpserver -HRl0 "$host" "$port" "$@"
		;;
	recordio) # is a pipe on both sides
		exec tcpserver -HRl0 "$host" "$port" recordio "$@"
		;;
	activate)
		exec systemd-socket-activate --accept -l "$at:$port" \
			-l "$folder/socket" "$@"
		;;
	activate-inetd)
		exec systemd-socket-activate --accept --inetd \
			-l "$at:$port" "$@"
		;;
	listen)
		exec systemd-socket-activate -l "$at:$port" \
			-l "$folder/socket" "$@" --max-per-source=100
		;;
	listen-inetd)
		exec systemd-socket-activate --inetd -l "$at:$port" \
			"$@" --max-per-source=100
		;;
	esac
}

# Makes a folder for a run, with a new database to be.
prepare() {
	run=$1
	host=$2
	at=$(bracketed "$host")
	client_address=${host#::ffff:} # IPv4 in IPv6 is IPv4
	label="$run $at"
	folder=$work/$run-$host
	database=$folder/db/mail.db
	rows=0
	mkdir "$folder" "$folder/db" "$folder/wire"
	ln -s "$program" "$folder/smtpd"
	give_away "$folder/db"
}

# A port that was free a moment ago may be taken: then try another.
serve() {
	tries=5
	while [ "$tries" -gt 0 ]; do
		port=$(python dialogue port "$host")
		start >"$folder/log" 2>&1 &
		server=$!
		python dialogue await "$host" "$port" "$hostname" "$server" &&
			return
		stop
		tries=$((tries - 1))
	done
	return 1
}

open_tee() {
	/usr/bin/python3 "$tests/wire.py" 127.0.0.1 "$host" "$port" \
		"$folder/wire" &
	tee=$!
	tee_port=$(python dialogue listening "$folder/wire/listening")
}

stop() {
	ends "$tee" 2>"$work/ended"
	ends "$server" 2>"$work/ended"
	tee=
	server=
}

#
# Clients.  Each sends $kind from $from to $zoe, $ann and, as a Bcc, to $hidden
#

ann=ann@mx.example
hidden=hidden@mx.example

# Adds a line end whatever the mail ends in.
client_swaks() {
	set --
	[ "$kind" = utf8 ] && set -- --pipeline
	timeout 300 swaks --server 127.0.0.1 --port "$tee_port" "$@" \
		--helo swaks.example --suppress-data \
		--from "$from" --to "$zoe,$ann,$hidden" --data "@$work/$kind.lf"
}

# Makes the line ends itself, or leaves them as they are.
client_curl() {
	set -- --upload-file "$work/$kind.crlf"
	[ "$kind" = plain ] && set -- --crlf --upload-file "$work/$kind.lf"
	case $direct in
	'') to=127.0.0.1:$tee_port ;;
	/*) to=localhost && set -- "$@" --unix-socket "$direct" ;;
	*) to=$direct ;;
	esac
	timeout 300 curl -q --silent --show-error "$@" \
		--mail-from "$from" --mail-rcpt "$zoe" --mail-rcpt "$ann" \
		--mail-rcpt "$hidden" "smtp://$to/curl.example"
}

# Finds the recipients in the mail, and takes the Bcc out, or is told them.
client_msmtp() {
	set -- timeout 300 msmtp --host=127.0.0.1 --port="$tee_port" \
		--domain=msmtp.example --from="$from"
	if [ "$kind" = plain ]; then
		sed "/^Cc:/a Bcc: $hidden" "$work/$kind.lf" | "$@" -t
	else
		"$@" "$zoe" "$ann" "$hidden" <"$work/$kind.lf"
	fi
}

# Makes the header; speaks HELO.
client_snail() {
	set -- -S ttycharset=utf-8
	case $kind in
	plain)
		set -- "$@" -a "$work/attachment"
		;;
	8bit)
		set -- -S ttycharset=iso-8859-1 -S sendcharsets=iso-8859-1 \
			-S mime-encoding=8bit
		;;
	utf8)
		set -- "$@" -S mime-encoding=8bit
		;;
	esac
	timeout 300 s-nail -:/ -S v15-compat -S DEAD="$folder/dead" \
		-S mta="smtp://127.0.0.1:$tee_port" -S smtp-auth=none -S sendwait \
		-S hostname=s-nail.example "$@" \
		-r "$from" -s "$kind, $kind" -c "$ann" -b "$hidden" "$zoe" \
		<"$work/$kind.body"
}

client_smtplib() {
	python dialogue smtplib "$kind" 127.0.0.1 "$tee_port" "$from" \
		"$work/$kind.crlf" "$zoe" "$ann" "$hidden"
}

client_smtplib_message() {
	python dialogue smtplib_message 127.0.0.1 "$tee_port" "$from" \
		"$work/utf8.body" "$zoe" "$ann" "$hidden"
}

# A client that fails is to be seen, but what came of it as well.
client_and_compare() {
	"client_$client"
	status=$?
	[ "$status" -eq 0 ] || echo "$client: exit status $status"
	python compare --database="$database" --hostname="$hostname" \
		--from="$from" --secret="$hidden" "$@" &&
		[ "$status" -eq 0 ]
}

# send CLIENT KIND: what each client makes of the mail is told here.
send() {
	client=$1
	kind=$2
	from=$kind@client.example
	zoe=zoe@mx.example
	protocol=ESMTP
	case $client-$kind in
	curl-utf8 | smtplib*-utf8)
		from=jürgen@client.example
		zoe=ζωή@mx.example
		protocol=UTF8SMTP
		;;
	snail-*)
		protocol=SMTP
		;;
	esac
	set -- --to="$ann" --to="$hidden"
	# To, Bcc, Cc
	[ "$client" = smtplib_message ] && set -- --to="$hidden" --to="$ann"
	set -- --protocol="$protocol" --address="$client_address" \
		--wire="$folder/wire" --to="$zoe" "$@"
	case $client in
	swaks)
		set -- "$@" --helo=swaks.example --data="$work/$kind.crlf" \
			--line-added
		;;
	snail)
		set -- "$@" --helo=s-nail.example --text="$work/$kind.body"
		[ "$kind" = plain ] &&
			set -- "$@" --attachment="$work/attachment"
		;;
	smtplib_message)
		set -- "$@" --helo=smtplib.example --text="$work/$kind.body" \
			--body-type=8BITMIME
		;;
	smtplib)
		set -- "$@" --helo=smtplib.example --data="$work/$kind.crlf"
		case $kind in
		8bit | nul | utf8)
			set -- "$@" --body-type=8BITMIME
			;;
		esac
		;;
	*)
		set -- "$@" --helo="$client.example" --data="$work/$kind.crlf"
		;;
	esac
	rows=$((rows + 1))
	check "$label $client $kind" client_and_compare "$@"
}

# send_direct KIND TO ADDRESS: without the tee; TO is HOST:PORT or the path of
# a socket, ADDRESS what the row is to have.
send_direct() {
	client=curl
	kind=$1
	direct=$2
	from=$kind@client.example
	zoe=zoe@mx.example
	rows=$((rows + 1))
	check "$label curl $kind direct to $3" client_and_compare \
		--protocol=ESMTP --address="$3" --helo=curl.example \
		--data="$work/$kind.crlf" \
		--to="$zoe" --to="$ann" --to="$hidden"
	direct=
}

# bulk COUNT: so many mails, 8 at once, each in a connection of its own.
bulk() {
	python dialogue bulk "$host" "$port" "$database" "$client_address" "$1"
}

#
# Runs
#

# One line a mail; under inetd standard error is the client's.
check_log() {
	want=$rows
	case $run in
	inetd*) return ;;
	esac
	got=$(grep -c '^smtpd: stored .*message=' "$folder/log")
	[ "$got" -eq "$want" ] && return
	tail -n 5 "$folder/log"
	echo "$got lines of stored mails, want $want"
	return 1
}

# run_all SUPERSERVER ADDRESS COUNT KIND...
run_all() {
	prepare "$1" "$2"
	count=$3
	shift 3
	check "$label is up" serve || return
	open_tee
	for kind in "$@"; do
		for client in swaks curl msmtp snail smtplib; do
			# A text that odd is nothing to type.
			[ "$client-$kind" = snail-nul ] ||
				send "$client" "$kind"
		done
	done
	send smtplib_message utf8
	send_direct large "$at:$port" "$client_address"
	[ -S "$folder/socket" ] && send_direct plain "$folder/socket" local
	check "$label dialogue direct" \
		python dialogue exact "$host" "$port" "$database" "$hostname"
	check "$label cut off direct" \
		python dialogue cut "$host" "$port" "$database"
	check "$label $count at once direct" bulk "$count"
	rows=$((rows + 3 + count))
	stop
	check "$label end" python dialogue end "$program" "$database" $rows
	check "$label log" check_log
	rm -rf "$folder"
}

# Behind recordio there is no socket to ask for the peer, so it is
# tcpserver's TCPREMOTEIP and TCPREMOTEPORT that the row has.
run_recordio() {
	prepare recordio "$1"
	check "$label is up" serve || return
	open_tee
	for client in swaks smtplib; do
		send $client plain
	done
	# To stay strict about line ends it must notice that this is no file.
	check "$label dialogue direct" \
		python dialogue exact "$host" "$port" "$database" "$hostname"
	check "$label cut off direct" \
		python dialogue cut "$host" "$port" "$database"
	rows=$((rows + 3))
	stop
	check "$label end" python dialogue end "$program" "$database" $rows
}

# run_broken WHAT OPTION: inetd gives standard error to the client, who is to
# see a reply, but not the reason.
run_broken() {
	prepare inetd 127.0.0.1
	option=$2
	port=$(python dialogue port "$host")
	start >"$folder/log" 2>&1 &
	server=$!
	check "$label $1" python dialogue broken "$host" "$port" "$server"
	stop
	option=
	rm -rf "$folder"
}

# A superserver that is nothing but its variables: peer WHAT ADDRESS PORT
# VARIABLE=VALUE...; without a socket, and the answer in a file.
from_variables() {
	address=$1
	from_port=$2
	shift 2
	env "$@" "$program" --database="$database" --hostname="$hostname" \
		<"$work/session" >"$folder/said" || return
	tr -d '\r' <"$folder/said" | cut -c 1-4 | tr '\n' , >"$folder/codes"
	if [ "$(cat "$folder/codes")" != "220 ,250 ,250 ,250 ,354 ,250 ,221 ," ]
	then
		cat "$folder/said"
		return 1
	fi
	python dialogue peer "$database" "$address" "$from_port"
}

peer() {
	what=$1
	shift
	check "$label $what" from_variables "$@"
}

run_variables() {
	prepare variables 127.0.0.1
	label=variables
	printf '%s\r\n' "HELO client.example" "MAIL FROM:<a@client.example>" \
		"RCPT TO:<b@mx.example>" DATA "Subject: by pipe" "" text . \
		QUIT >"$work/session"
	peer "UCSPI TCP" 192.0.2.9 99 \
		PROTO=TCP TCPREMOTEIP=192.0.2.9 TCPREMOTEPORT=99
	peer "UCSPI TCP6" 2001:db8::9 65535 \
		PROTO=TCP6 TCPREMOTEIP=2001:db8::9 TCPREMOTEPORT=65535
	peer "UCSPI TCP6 with IPv4 in it" 192.0.2.9 99 \
		PROTO=TCP6 TCPREMOTEIP=::ffff:192.0.2.9 TCPREMOTEPORT=99
	peer "systemd IPv4" 192.0.2.10 100 \
		REMOTE_ADDR=192.0.2.10 REMOTE_PORT=100
	peer "systemd IPv6" 2001:db8::10 100 \
		REMOTE_ADDR=2001:db8::10 REMOTE_PORT=100
	peer "UCSPI before systemd" 192.0.2.9 99 \
		TCPREMOTEIP=192.0.2.9 TCPREMOTEPORT=99 \
		REMOTE_ADDR=192.0.2.10 REMOTE_PORT=100
	peer "no address" unknown "" \
		TCPREMOTEIP='192.0.2.9])
X-Forged: ' TCPREMOTEPORT=99
	peer "no port" 192.0.2.9 "" \
		TCPREMOTEIP=192.0.2.9 TCPREMOTEPORT=65536
	peer "none" local "" PROTO=TCP
}

needs curl curl
needs msmtp msmtp
needs openbsd-inetd inetd
needs python3 /usr/bin/python3
needs s-nail s-nail
needs swaks swaks
needs systemd systemd-socket-activate
needs ucspi-tcp-ipv6 tcpserver recordio
[ -x "$program" ] || {
	failed=$((failed + 1))
	echo "not ok - $program is missing: run make"
}
[ "$failed" -eq 0 ] || finish
program=$(realpath "$program")

python mailkinds "$work"
for superserver in inetd tcpserver activate-inetd activate; do
	run_all $superserver 127.0.0.1 200 plain 8bit utf8 nul large
	run_all $superserver ::1 40 plain
done
for superserver in inetd-wait listen-inetd listen; do
	run_all $superserver 127.0.0.1 40 plain
	run_all $superserver ::1 40 plain
done
run_all tcpserver ::ffff:127.0.0.1 40 plain
run_all listen ::ffff:127.0.0.1 40 plain
run_recordio 127.0.0.1
run_recordio ::1
run_broken "unknown option" --no-such-option
run_broken "no folder for the database" --database=/no-such-folder/mail.db
run_variables
prepare hand 127.0.0.1
check "by hand at a terminal" python dialogue terminal "$program" "$database"
check "by hand, a hint" python dialogue hint "$program" "$database" "$hostname"
check "a connection among listening sockets is refused" \
	python dialogue mixed "$program"
finish
