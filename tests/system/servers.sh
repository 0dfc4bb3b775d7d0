# shellcheck shell=sh
# What the tests of superservers have in common, to be sourced: a scratch
# folder, checks that are counted, and the number that inetd leaves in /run.
# The script says how it stops what it started: stop().

tests=$(cd "$(dirname "$0")" && pwd)
program=$(realpath "${SMTPD_PROGRAM:-./smtpd}")
PATH=$PATH:/usr/sbin:/sbin
export LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1
unset TCPREMOTEIP TCPREMOTEPORT REMOTE_ADDR REMOTE_PORT LISTEN_FDS

work=$(mktemp -d)
passed=0
failed=0
server=

# check NAME COMMAND...: the command prints what is wrong, if it fails.
check() {
	name=$1
	shift
	if "$@" >"$work/wrong" 2>&1; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "FAIL $name"
		tail -n 20 "$work/wrong" | cut -c 1-600 | sed 's/^/	/'
		return 1
	fi
}

finish() {
	echo "$passed passed, $failed failed"
	[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
	exit
}

python() {
	script=$1
	shift
	/usr/bin/python3 "$tests/$script.py" "$@"
}

# give_away FOLDER: root serves no network, but becomes the owner of a folder.
give_away() {
	if [ "$(id -u)" -eq 0 ]; then
		chmod 755 "$work"
		chown 65534:65534 "$1"
	fi
}

# ends PID: ends a child of ours, if there is one.
ends() {
	[ -n "$1" ] || return 0
	kill "$1"
	wait "$1"
}

# Run as root, inetd leaves its number where the machine's own does.
inetd_pid=/run/inetd.pid
[ -e "$inetd_pid" ] && cp -p "$inetd_pid" "$work/inetd.pid"

clean_up() {
	stop 2>"$work/wrong"
	if [ -e "$work/inetd.pid" ]; then
		cp -p "$work/inetd.pid" "$inetd_pid"
	elif [ -O "$inetd_pid" ]; then
		rm -f "$inetd_pid"
	fi
	rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM
