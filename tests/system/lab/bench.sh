#!/bin/bash
# Connections per second and milliseconds to the banner, in one run in the
# lab: superservers of Debian, systemd with a process per connection, and the
# listener.  A session is banner and QUIT; the program is the same everywhere.
set -eu

# Beside what is installed: units without any sandbox.
write_bare_units() {
	local units=/run/systemd/system

	printf '[Socket]\nListenStream=2001\nAccept=yes\n%s\n' \
	    TriggerLimitIntervalSec=0 >$units/bare.socket
	cat >$units/bare@.service <<-'END'
		[Unit]
		CollectMode=inactive-or-failed
		[Service]
		ExecStart=/usr/sbin/smtpd
		StandardInput=socket
		StandardError=journal
		User=smtpd
	END
	printf '[Socket]\nListenStream=2002\n%s\n' \
	    TriggerLimitIntervalSec=0 >$units/bare-listen.socket
	cat >$units/bare-listen.service <<-'END'
		[Service]
		ExecStart=/usr/sbin/smtpd
		User=smtpd
		Environment=SMTPD_DATABASE=/var/lib/smtpd/mail.db
	END
	systemctl daemon-reload
}

start_superservers() {
	if command -v inetd >/dev/null; then
		echo '2003 stream tcp nowait.1000000 smtpd /usr/sbin/smtpd smtpd' \
		    >/run/inetd.conf
		inetd -i /run/inetd.conf 2>/dev/null &
	fi
	if command -v tcpserver >/dev/null; then
		tcpserver -H -R -l0 -c 100 -b 512 -u "$(id -u smtpd)" \
		    -g "$(id -g smtpd)" 0 2004 smtpd &
	fi
}

# One at a time for the time to the banner, 8 for the rate; the first is not
# counted.
measure() {
	local name=$1 port=$2 connections=$3 banner rate failed i

	for ((i = 0; i < 200; i++)); do # a superserver may not listen yet
		read -r _ _ _ failed < <(/usr/lib/smtpd-lab/connect "$port" 1 1)
		[ "$failed" != 0 ] || break
		sleep 0.02
	done
	read -r banner _ _ _ < <(/usr/lib/smtpd-lab/connect "$port" 50 1)
	read -r _ _ rate failed < \
	    <(/usr/lib/smtpd-lab/connect "$port" "$connections" 8)
	printf '%-40s %8s %10s\n' "$name" "$banner" "$rate"
	check "$name: no connection failed" [ "$failed" = 0 ]
	measured=$rate
}

passed=0 failed=0
check() {
	local what=$1

	shift
	if "$@"; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "FAIL $what: $*"
	fi
}

inside() {
	local tcpserver=0 instances

	write_bare_units
	systemctl start smtpd-listen.socket bare.socket bare-listen.socket
	start_superservers
	printf '%-40s %8s %10s\n' '' 'ms to 220' 'sessions/s'
	[ ! -e /run/inetd.conf ] || measure openbsd-inetd 2003 2000
	if command -v tcpserver >/dev/null; then
		measure tcpserver 2004 2000
		tcpserver=$measured
	fi
	measure 'Accept=yes, no sandbox' 2001 500
	measure 'Accept=no, no sandbox' 2002 4000
	measure 'Accept=no, smtpd-listen.service' 25 4000
	listener=$measured
	systemctl start smtpd.socket
	measure 'Accept=yes, smtpd@.service' 25 150
	instances=$measured
	for unit in smtpd-listen.service smtpd@.service; do
		systemd-analyze security --offline=yes \
		    "/usr/lib/systemd/system/$unit" | tail -n 1
	done
	check 'the listener is 20 times as fast as instances' \
	    [ "$listener" -ge $((20 * instances)) ]
	check 'the listener is as fast as tcpserver' \
	    [ "$listener" -ge "$tcpserver" ]
	echo "$passed passed, $failed failed"
	[ "$failed" = 0 ]
}

if [ "${1-}" = --inside ]; then
	inside
	exit
fi

cd "$(dirname "$0")/../../.."
folder=$PWD/build/lab-bench
programs=$folder/dest/usr/lib/smtpd-lab
rm -rf "$folder/dest"
make -s install DESTDIR="$folder/dest" PREFIX=/usr
mkdir -p "$programs"
cp tests/system/lab/bench.sh "$programs"
cc -std=c11 -D_GNU_SOURCE -O2 -Wall -Wextra -o "$programs/connect" \
    tests/system/lab/connect.c

exec bash tests/system/lab/lab.sh "$folder" bash /usr/lib/smtpd-lab/bench.sh --inside
