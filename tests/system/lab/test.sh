#!/bin/bash
# The installed units under a real systemd: boots one (lab.sh) over what
# `make install` puts there, and checks in it what they promise (checks.py).
# Names of groups of checks, if given, are all that is run.
set -eu

cd "$(dirname "$0")/../../.."
folder=$PWD/build/lab
programs=$folder/dest/usr/lib/smtpd-lab

rm -rf "$folder/dest"
make -s install DESTDIR="$folder/dest" PREFIX=/usr
mkdir -p "$programs" "$folder/dest/etc/sysusers.d" "$folder/dest/usr/local/bin"
cp tests/system/lab/*.py tests/system/milters.py "$programs"
cp tests/system/lab/take-new-mail "$folder/dest/usr/local/bin"
printf 'u reader -\nm reader smtpd\nu stranger -\nu dovecot -\nu dovenull -\nu postgres -\n' \
    >"$folder/dest/etc/sysusers.d/lab.conf"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 \
    -keyout "$programs/tls.key" -out "$programs/tls.crt" -subj /CN=mx 2>/dev/null
cc -std=c11 -D_GNU_SOURCE -Wall -Wextra -o "$programs/probe" tests/system/lab/probe.c

exec bash tests/system/lab/lab.sh "$folder" /usr/bin/python3 -B \
    /usr/lib/smtpd-lab/checks.py "$@"
