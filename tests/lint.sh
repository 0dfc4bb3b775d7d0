#!/bin/sh
# Format, static analysis, manual pages, and that the session machine is pure
# (make lint).  Debian: clang-format clang-tidy cppcheck mandoc libgmime-3.0-dev.
set -eu

sources=$(git ls-files '*.c' '*.h')
product=$(git ls-files '*.c' | grep -v -e ^bench/ -e ^tests/)

echo "clang-format"
# shellcheck disable=SC2086
clang-format --dry-run -Werror $sources

echo "layers"
# Includes only lead down: server, reader -> session, store -> mail.
keep_out() { # FOLDER ALTERNATIVES
	if grep -nE "^#include \"\.\./($2)/" "$1"/*.[ch]; then
		echo "$1 includes what is above or beside it" >&2
		exit 1
	fi
}
keep_out mail 'session|store|server|reader'
keep_out session 'store|server|reader'
keep_out store 'session|server|reader'
keep_out reader 'session|server'
keep_out server 'reader'

echo "purity"
# What the machine may ask of the world: memory, strings, and nothing else.
make -s smtpd
ld -r -o build-lint.o session/*.o mail/address.o mail/envelope.o mail/span.o
foreign=$(nm -u build-lint.o | awk '{ print $2 }' | grep -Ev \
    '^(mem[a-z]+|str[a-z]+|malloc|calloc|realloc|free|snprintf|__stack_chk_fail|_GLOBAL_OFFSET_TABLE_)$' || true)
rm -f build-lint.o
if [ -n "$foreign" ]; then
	echo "the session machine calls: $foreign" >&2
	exit 1
fi

echo "mandoc"
mandoc -Tlint -Wwarning smtpd.8 smtpd-db.5 smtpdb.1

echo "cppcheck"
# shellcheck disable=SC2086
cppcheck --quiet --std=c11 --enable=warning,performance,portability \
    --suppress=missingIncludeSystem --error-exitcode=1 -D_GNU_SOURCE $product

echo "clang-tidy"
# It counts the warnings of the system's headers; of them, only ours matter.
# shellcheck disable=SC2086
if ! found=$(clang-tidy --quiet --warnings-as-errors='*' $product -- -std=c11 \
    -D_GNU_SOURCE $(pkg-config --cflags gmime-3.0) 2>&1); then
	echo "$found" >&2
	exit 1
fi
