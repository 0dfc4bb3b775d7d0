#!/bin/sh
# Unpacks Debian's Exim and OpenSMTPD, which as packages refuse to be installed
# beside Postfix:
#
#	bench/peers.sh FOLDER
set -eu

mkdir -p "$1"
cd "$1"
if [ -x usr/sbin/exim4 ] && [ -x usr/sbin/smtpd ]; then
	exit 0
fi
apt-get download exim4-daemon-light opensmtpd
for package in *.deb; do
	dpkg-deb -x "$package" .
done
