#!/bin/sh
# Runs a command where the peers that cannot be installed beside each other
# (Exim, OpenSMTPD) find their users and folders:
#
#	bench/stage.sh STAGE COMMAND [ARGUMENT...]
#
# STAGE/etc, STAGE/spool, STAGE/lib and STAGE/run are what the command sees as
# /etc, /var/spool, /var/lib and /run.  The machine itself is left alone: the
# mounts are the command's own and end with it.
set -eu

stage=$1
shift
if [ -z "${BENCH_STAGED-}" ]; then
	BENCH_STAGED=1 exec unshare --mount --propagation private \
	    "$0" "$stage" "$@"
fi
mount --bind "$stage/etc" /etc
mount --bind "$stage/spool" /var/spool
mount --bind "$stage/lib" /var/lib
mount --bind "$stage/run" /run
unset BENCH_STAGED
exec "$@"
