#!/bin/sh
# smtpd under valgrind, for tests that start it: exit status 99 where memory was
# misused, of which the log tells.  It cannot be confined: valgrind itself needs
# other system calls.
exec valgrind -q --error-exitcode=99 --leak-check=full \
    --show-leak-kinds=definite --errors-for-leak-kinds=definite \
    "${VALGRIND_SMTPD:-build/valgrind/smtpd}" --no-confine "$@"
