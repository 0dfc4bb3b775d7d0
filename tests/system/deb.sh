#!/bin/bash
# The Debian packages (make test-deb): built, looked at by lintian, and
# installed, upgraded, removed and purged by apt in a fresh Debian 12 whose own
# systemd has been booted (lab/lab.sh), beside Postfix as well (deb.py).
#
# It needs root, and the Debian packages binutils, build-essential, debhelper,
# lintian, mmdebstrap, python3, swaks, systemd and those of the build.  The fresh
# Debian is fetched once, into build/deb/fresh, and so are the packages to be
# installed in it: there is no network in the lab.
set -eu

cd "$(dirname "$0")/../.."
folder=$PWD/build/deb
fresh=$folder/fresh
export DEBIAN_FRONTEND=noninteractive

# Can there be a lab?
mkdir -p "$folder/probe/dest/usr"
if said=$(bash tests/system/lab/lab.sh "$folder/probe" true) && [ -n "$said" ]; then
	echo "$said"
	exit 0
fi

# What is not of the repository, ignored or not; nothing where there is none.
strays() {
	git status --porcelain --ignored 2>"$folder/git" | grep -v ' build/$' || :
}

echo "build"
before=$(strays)
make -s deb >"$folder/build.log" 2>&1 || {
	cat "$folder/build.log"
	exit 1
}
if [ "$(strays)" != "$before" ]; then
	strays
	echo "make deb leaves files outside of build/" >&2
	exit 1
fi

echo "lintian"
lintian --allow-root --fail-on=error,warning build/smtpd_*.changes

echo "hardening"
rm -rf "$folder/files"
debs() {
	find build -maxdepth 1 -name 'smtpd*.deb' ! -name '*-dbgsym_*'
}
for package in $(debs); do
	dpkg-deb -x "$package" "$folder/files"
done
sh tests/system/hardening.sh "$folder"/files/usr/sbin/* "$folder"/files/usr/bin/*

if [ ! -d "$fresh" ]; then
	echo "a fresh Debian"
	sources=
	[ ! -e /etc/apt/sources.list.d/debian.sources ] ||
		sources=/etc/apt/sources.list.d/debian.sources
	rm -rf "$fresh.new"
	mmdebstrap --quiet --variant=minbase --include=systemd \
	    --skip=cleanup/apt/lists bookworm "$fresh.new" $sources
	mv "$fresh.new" "$fresh"
fi
rm -rf "$fresh/debs"
mkdir "$fresh/debs"
for package in $(debs); do
	cp "$package" "$fresh/debs"
done

# Into the cache of its apt.
fetch() {
	# shellcheck disable=SC2016
	chroot "$fresh" sh -c 'apt-get install -qq -y --download-only \
	    --no-install-recommends -o APT::Sandbox::User=root \
	    /debs/*.deb postfix postgresql'
}
echo "packages"
cp -L /etc/resolv.conf "$fresh/etc/"
fetch >"$folder/fetch.log" 2>&1 || {
	chroot "$fresh" apt-get update >>"$folder/fetch.log" 2>&1 && fetch
} || {
	cat "$folder/fetch.log"
	exit 1
}

# A Debian as fresh as that.
renew() {
	rm -rf "$folder/debian"
	cp -a "$fresh" "$folder/debian"
}

# boot CHECKS: one after another in a Debian is a reboot.
boot() {
	bash tests/system/lab/lab.sh "$folder" \
	    /usr/bin/python3 -B tests/system/deb.py "$1" || failed=1
}

failed=0
renew
boot install
boot keep
renew
boot postfix
renew
boot postgresql
rm -rf "$folder/debian"
exit $failed
