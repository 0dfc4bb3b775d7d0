#!/bin/bash
# Boots systemd as process 1 of namespaces of its own, over this machine's
# /usr, and runs a command in there.  As root.
#
#	lab.sh FOLDER COMMAND...
#
# FOLDER/dest is what `make install DESTDIR=FOLDER/dest PREFIX=/usr` left: its
# usr is laid over /usr, its etc is what /etc has.  All else is in memory, but
# for /disk, which is FOLDER/disk, emptied first.
#
# If there is FOLDER/debian, a whole Debian, it is that which is booted, with
# the sockets that are enabled in it; what changes in it stays.  The command
# then runs outside, with the network of the lab; LAB_PID is its process 1.
#
# The exit status is that of the command, or 0 after a line "skipped: ..." where
# this machine does not permit a lab.
#
# Nothing outlives this script, even if it is killed: the kernel ends what is
# in the namespaces together with the process that holds them, and the cleaner,
# a session of its own that waits for the script to be gone, removes the
# control groups.
#
# Most functions here are called by name.
# shellcheck disable=SC2317
set -eu

skip() {
	echo "skipped: $*"
	exit 0
}

# The hierarchies of control groups: mount point, type, controller ("-" for
# version 2).  Either version 2 alone, or the hybrid of old machines.
hierarchies() {
	awk '$3 == "cgroup2" { print $2, $3, "-" }
	    $3 == "cgroup" { n = split($4, options, ",");
		for (i = n; options[i] == "xattr"; i--);
		print $2, $3, options[i] }' /proc/mounts
}

# The group of this process in a hierarchy.
own_group() {
	local path
	path=$(awk -F: -v want="$2" '
	    want == "-" && $1 == 0 || index("," $2 ",", "," want ",") {
		print $3
		exit
	    }' /proc/self/cgroup)
	# In a container the path can be that outside.
	[ -d "$1$path" ] || path=
	echo "$1${path%/}"
}

make_groups() {
	local mounted type controller own

	while read -r mounted type controller; do
		own=$(own_group "$mounted" "$controller")
		groups+=("$own/smtpd-lab-$$")
		mkdir "$own/smtpd-lab-$$" 2>/dev/null ||
			skip "cannot make a $type in $own"
		if [ "$controller" = cpuset ]; then
			cat "$own/cpuset.cpus" >"$own/smtpd-lab-$$/cpuset.cpus"
			cat "$own/cpuset.mems" >"$own/smtpd-lab-$$/cpuset.mems"
		fi
	done < <(hierarchies)
}

# --clean: its input ends with the script.
clean() {
	local group i

	trap '' HUP INT TERM
	cat >/dev/null
	for group; do
		# What was killed takes a moment to be gone.
		for ((i = 0; i < 100; i++)); do
			find "$group" -depth -type d -exec rmdir {} + \
			    2>/dev/null || :
			[ -d "$group" ] || break
			sleep 0.05
		done
	done
	exit
}

# --enter: the first process of the new namespaces; joins the groups, which
# then are the roots of what the lab sees of them.
enter() {
	local pid group

	read -r pid _ </proc/self/stat # /proc is still that of outside
	for group in $LAB_GROUPS; do
		echo 0 >"$group/cgroup.procs"
	done
	echo "$pid" >"$1/pid"
	exec unshare --cgroup bash "$0" --boot "$1"
}

mount_read_only() {
	mount --bind "$1" "$2"
	mount -o remount,bind,ro "$2"
}

make_root() {
	local folder=$1 root=$2 dir

	if [ -d "$folder/debian" ]; then
		mount --bind "$folder/debian" "$root"
		mkdir -p "$root/old"
		return
	fi
	mount -t tmpfs -o mode=755 lab "$root"
	mkdir "$root"/{usr,etc,run,tmp,var,proc,sys,dev,root,disk,old}
	chmod 1777 "$root/tmp"
	for dir in bin sbin lib lib32 lib64 libx32; do
		[ ! -L "/$dir" ] || cp -P "/$dir" "$root/$dir"
	done
	mount -t overlay -o "ro,lowerdir=$folder/dest/usr:/usr" lab "$root/usr"
	mount --bind "$folder/disk" "$root/disk"
	cp -R "$folder/dest/etc/." "$root/etc/"
	cp /etc/ld.so.cache "$root/etc/"
	echo 'tcp 6' >"$root/etc/protocols"
	echo 'smtp 25/tcp' >"$root/etc/services"
	echo smtpd-lab >"$root/etc/hostname"
	echo '127.0.0.1 localhost smtpd-lab' >"$root/etc/hosts"
	tr -d - </proc/sys/kernel/random/uuid >"$root/etc/machine-id"
}

# What belongs to the whole machine stays out of reach.
mount_kernel() {
	local root=$1 dir mounted type controller

	mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
	for dir in sys sysrq-trigger irq bus; do
		[ ! -e "/proc/$dir" ] ||
			mount_read_only "$root/proc/$dir" "$root/proc/$dir"
	done
	mount -t sysfs -o ro,nosuid,nodev,noexec sysfs "$root/sys"
	while read -r mounted type controller; do
		if [ "$mounted" = /sys/fs/cgroup ]; then
			mount -t cgroup2 cgroup2 "$root$mounted"
			break
		fi
		mountpoint -q "$root/sys/fs/cgroup" ||
			mount -t tmpfs -o mode=755 cgroup "$root/sys/fs/cgroup"
		mkdir "$root$mounted"
		case $controller in
		-) mount -t cgroup2 cgroup2 "$root$mounted" ;;
		*=*) mount -t cgroup -o "none,$controller" cgroup "$root$mounted" ;;
		*) mount -t cgroup -o "$controller" cgroup "$root$mounted" ;;
		esac
	done <<<"$LAB_HIERARCHIES"
}

mount_devices() {
	local root=$1 node

	mount -t tmpfs -o mode=755,nosuid dev "$root/dev"
	for node in null zero full random urandom tty; do
		cp -a "/dev/$node" "$root/dev/"
	done
	mkdir "$root/dev/pts" "$root/dev/shm"
	mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
	mount -t tmpfs -o mode=1777,nosuid,nodev shm "$root/dev/shm"
	ln -s pts/ptmx "$root/dev/ptmx"
	ln -s /proc/self/fd "$root/dev/fd"
	mount -t tmpfs -o mode=755,nosuid,nodev run "$root/run"
}

# Units that want hardware or the whole machine, and those of the machine's
# own that are none of the lab's business.
mask_units() {
	local unit

	for unit in dbus.{service,socket} dev-{hugepages,mqueue}.mount \
	    proc-sys-fs-binfmt_misc.automount \
	    sys-{fs-fuse-connections,kernel-{config,debug,tracing}}.mount \
	    systemd-{binfmt,firstboot,logind,modules-load,pstore}.service \
	    systemd-{random-seed,remount-fs,repart,sysctl}.service \
	    systemd-{udev-trigger,udevd,update-utmp}.service \
	    systemd-{journald-audit,udevd-control,udevd-kernel}.socket; do
		ln -sf /dev/null "$1/etc/systemd/system/$unit"
	done
}

# --boot: still that process.
boot() {
	local folder=$1 root=$1/root wanted=sysinit.target

	[ ! -d "$folder/debian" ] || wanted+=' sockets.target'
	mount --make-rprivate /
	make_root "$folder" "$root"
	mount_kernel "$root"
	mount_devices "$root"
	mkdir -p "$root/etc/systemd/system" "$root/etc/systemd/journald.conf.d"
	mask_units "$root"
	printf '[Journal]\nStorage=volatile\nRateLimitIntervalSec=0\n' \
	    >"$root/etc/systemd/journald.conf.d/lab.conf"
	printf '[Unit]\nRequires=%s\nAfter=%s\n' "$wanted" "$wanted" \
	    >"$root/etc/systemd/system/lab.target"

	cd "$root"
	pivot_root . old
	cd /
	umount -l /old
	rmdir /old
	mount --make-rshared / # as it is where systemd made it
	exec env -i container=smtpd-lab PATH=/usr/sbin:/usr/bin \
	    setpriv --bounding-set=-sys_time,-sys_module,-sys_rawio,-syslog \
	    /lib/systemd/systemd --unit=lab.target --show-status=no
}

# Waits until it is up.
start() {
	local i state

	setpriv --pdeathsig=KILL unshare --mount --net --ipc --uts --pid \
	    --fork --kill-child bash "$0" --enter "$folder" \
	    </dev/null >"$folder/log" 2>&1 9>&- &
	holder=$!
	for ((i = 0; i < 12000; i++)); do
		pid=$(cat "$folder/pid" 2>/dev/null || :)
		[ -z "$pid" ] || [ ! -S "/proc/$pid/root/run/systemd/private" ] ||
			break
		kill -0 $holder 2>/dev/null || {
			cat "$folder/log" >&2
			exit 1
		}
		sleep 0.01
	done
	inside=(nsenter --target "$pid" --mount --uts --ipc --net --pid --cgroup
	    env -i HOME=/ LANG=C.UTF-8 PATH=/usr/sbin:/usr/bin)
	state=$("${inside[@]}" timeout 300 systemctl is-system-running --wait) ||
		:
	[ "$state" = running ] || {
		echo "systemd says it is ${state:-not there}" >&2
		"${inside[@]}" systemctl --failed --no-legend --plain >&2 || :
	}
}

stop() {
	trap - EXIT
	if [ -n "$holder" ]; then
		kill -KILL "$holder" 2>/dev/null || : # and with it the rest
		wait "$holder" 2>/dev/null || :
	fi
	exec 9>&-
	wait "$cleaner" || :
}

case ${1-} in
--enter) enter "$2" ;;
--boot) boot "$2" ;;
--clean) clean "${@:2}" ;;
esac

[ $# -ge 2 ] || {
	sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2
	exit 64
}
folder=$(realpath "$1")
shift
groups=() holder='' cleaner=''

[ "$(id -u)" = 0 ] || skip "only root can boot systemd in namespaces"
[ -x /lib/systemd/systemd ] || skip "there is no systemd"
unshare --mount --net --ipc --uts --pid --cgroup --fork mount -t tmpfs lab \
    /tmp 2>/dev/null || skip "namespaces and mounts are not permitted here"
rm -rf "$folder/disk" "$folder/pid"
mkdir -p "$folder/root" "$folder/disk" "$folder/dest/etc"
make_groups
exec 9> >(exec setsid bash "$0" --clean "${groups[@]}")
cleaner=$!
trap stop EXIT
trap 'exit 130' HUP INT TERM

LAB_GROUPS=${groups[*]} LAB_HIERARCHIES=$(hierarchies)
export LAB_GROUPS LAB_HIERARCHIES
start
[ ! -d "$folder/debian" ] ||
	inside=(env LAB_PID="$pid" nsenter --target "$pid" --net)
# In the background, lest a signal had to wait for it.
"${inside[@]}" "$@" 9>&- &
status=0
wait $! || status=$?
exit $status
