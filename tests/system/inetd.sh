#!/bin/sh
# The lines for superservers that are installed as examples (units/inetd.conf,
# units/smtpd.xinetd), each in the superservers of Debian 12 that take it, over
# IPv4 and IPv6.  In every session each octet to the client must be one of a
# reply; what is stored is compared with what was sent (dialogue.py).
#
# It needs the Debian packages openbsd-inetd, python3 and ucspi-tcp-ipv6 (for
# tcpserver).  xinetd and inetutils-inetd, which cannot be
# installed beside the first, are fetched and unpacked into a scratch folder.
#
# SMTPD_PROGRAM is the program to test, ./smtpd if not set.
#
# Most functions here are called by name.
# shellcheck disable=SC2317
set -u

. "$(dirname "$0")/servers.sh"

stop() {
	ends "$server"
	server=
}

#
# Superservers
#

# fetch PACKAGE TOOL: prints where the tool is, installed or not.
fetch() {
	command -v "$2" && return
	mkdir -p "$work/$1"
	(cd "$work/$1" && apt-get -q download "$1" && dpkg -x ./*.deb .) \
		>"$work/wrong" 2>&1
	[ -x "$work/$1/usr/sbin/$2" ] && echo "$work/$1/usr/sbin/$2"
}

# The examples: with a free port of the loopback, this program, this user and
# this run's database, and all else as it stands.
arguments() {
	echo "--hostname=$hostname --database=$database"
}

inetd_lines() {
	case $name in
	inetutils*) ipv6=::1 ;;
	*) ipv6='[::1]' ;;
	esac
	sed -n -e "/^#* *smtp.*[[:space:]]$1[.[:space:]]/{
		s,^#* *smtp,$port,
		s,[[:space:]]smtpd[[:space:]],	$(id -un)	,
		s,/usr/local/sbin/smtpd,$program,
		s,--hostname=mx.example,$2 $(arguments),
		p
	}" "$tests/../../units/inetd.conf" |
		sed -e '/tcp6/!s,^,127.0.0.1:,' -e "/tcp6/s,^,$ipv6:,"
}

xinetd_service() {
	sed -e "s,= smtpd\$,= $(id -un)," \
		-e "s,per_source *= 20,per_source = UNLIMITED," \
		-e "s,/usr/local/sbin/smtpd,$program," \
		-e "s,--hostname=mx.example,$1 $(arguments)," \
		-e "s,^{,{ type = UNLISTED port = $port bind = $2 id = $2-$port," \
		-e 's,{ ,&\n,; s, \(port\|bind\|id\) =,\n\1 =,g' \
		"$tests/../../units/smtpd.xinetd"
}

# Becomes the superserver.
start() {
	case $name in
	openbsd-inetd*)
		exec inetd -i "$folder/conf"
		;;
	inetutils-inetd*)
		# Only this way it stays in the foreground.
		exec "$tool" -d "--pidfile=$folder/pid" "$folder/conf"
		;;
	xinetd)
		exec "$tool" -dontfork -f "$folder/conf" \
			-pidfile "$folder/pid" -filelog "$folder/log"
		;;
	tcpserver)
		# As in smtpd(8).
		exec tcpserver -H -R -l "$hostname" -c 200 -u "$(id -u)" \
			-g "$(id -g)" "$host" "$port" "$program" \
			-n "$hostname" -d "$database"
		;;
	esac
}

# prepare NAME
prepare() {
	name=$1
	folder=$work/$name
	database=$folder/db/mail.db
	hostname=mx$$.example # nobody else's
	mkdir -p "$folder/db"
	give_away "$folder/db"
	port=$(python dialogue port ::1)
}

#
# Checks
#

# A port that was free a moment ago may be taken: then await fails.
serve() {
	start >"$folder/output" 2>&1 &
	server=$!
	for host in "$@"; do
		check "$name $host is up" \
			python dialogue await "$host" "$port" "$hostname" \
			"$server" || return
	done
}

# test_at HOST...
test_at() {
	serve "$@" || {
		stop
		return
	}
	for host in "$@"; do
		check "$name $host: 8 mails" \
			python dialogue bulk "$host" "$port" "$database" \
			"$host" 8
		check "$name $host: each octet is one of a reply" \
			python dialogue exact "$host" "$port" "$database" \
			"$hostname"
		check "$name $host: cut off" \
			python dialogue cut "$host" "$port" "$database"
	done
	# More than the 256 a minute after which inetd would stop the service.
	check "$name $host: 300 mails" \
		python dialogue bulk "$host" "$port" "$database" "$host" 300
	stop 2>"$work/wrong"
	check "$name: all sessions end, no row is lost" \
		python dialogue end "$program" "$database" $((11 * $# + 300))
}

# A bad option: the log goes elsewhere, the client is told 421.
test_trouble() {
	start >"$folder/output" 2>&1 &
	server=$!
	for host in 127.0.0.1 ::1; do
		check "$name $host: a bad option" \
			python dialogue broken "$host" "$port" "$server"
	done
	stop 2>"$work/wrong"
}

# test_lmtp HOST...: the same lines, in LMTP.
test_lmtp() {
	start >"$folder/output" 2>&1 &
	server=$!
	for host in 127.0.0.1 "$@"; do
		check "$name $host: LMTP" python lmtp "$host" "$port" "$database"
		rm -f "$database"*
	done
	stop 2>"$work/wrong"
}

# The shipped lines with and without a bad option before the others.
test_inetd() {
	prepare "$1-nowait"
	inetd_lines nowait '' >"$folder/conf"
	test_at 127.0.0.1 ::1
	prepare "$1-trouble"
	inetd_lines nowait --max-size=nonsense >"$folder/conf"
	test_trouble
	prepare "$1-lmtp"
	inetd_lines nowait --lmtp >"$folder/conf"
	test_lmtp ::1
	prepare "$1-lmtp-wait"
	inetd_lines wait '--lmtp --idle-exit=1' >"$folder/conf"
	test_lmtp
	prepare "$1-wait"
	inetd_lines wait '--idle-exit=1' >"$folder/conf"
	test_at 127.0.0.1
}

test_xinetd() {
	prepare xinetd
	{
		xinetd_service '' 127.0.0.1
		xinetd_service '' ::1
	} >"$folder/conf"
	test_at 127.0.0.1 ::1
	prepare xinetd
	{
		xinetd_service --max-size=nonsense 127.0.0.1
		xinetd_service --max-size=nonsense ::1
	} >"$folder/conf"
	test_trouble
}

test_tcpserver() {
	for host in 127.0.0.1 ::1; do
		prepare tcpserver
		rm -rf "$folder/db"
		mkdir "$folder/db"
		give_away "$folder/db"
		test_at $host
	done
}

# fetched PACKAGE TOOL COMMAND...
fetched() {
	if tool=$(fetch "$1" "$2"); then
		shift 2
		"$@"
	else
		echo "skipped: $1 can be neither found nor fetched"
	fi
}

check 'openbsd-inetd is installed' command -v inetd && test_inetd openbsd-inetd
check 'tcpserver is installed' command -v tcpserver && test_tcpserver
fetched inetutils-inetd inetutils-inetd test_inetd inetutils-inetd
fetched xinetd xinetd test_xinetd
echo "skipped: busybox inetd and s6-tcpserver, which Debian 12 does not have"

finish
