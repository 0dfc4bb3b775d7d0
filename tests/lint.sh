#!/bin/sh
# Format, static analysis, manual pages, and that the session machine is pure
# (make lint).  Debian: clang-format clang-tidy cppcheck mandoc libgmime-3.0-dev.
set -eu

sources=$(git ls-files '*.c' '*.h')
product=$(git ls-files '*.c' | grep -v -e ^bench/ -e ^tests/)

echo "clang-format"
# shellcheck disable=SC2086
clang-format --dry-run -Werror $sources

echo "purity"
# What the machine may ask of the world: memory, strings, and nothing else.
make -s smtpd
ld -r -o build-lint.o session.o command.o answer.o param.o reply.o body.o \
    envelope.o address.o span.o
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
# shellcheck disable=SC2086
clang-tidy --quiet --warnings-as-errors='*' $product -- -std=c11 -D_GNU_SOURCE \
    $(pkg-config --cflags gmime-3.0)
