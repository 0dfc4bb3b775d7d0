#!/bin/sh
# Format, static analysis, manual pages, and that the session machine is pure
# (make lint).  Debian: clang-format clang-tidy cppcheck mandoc.
set -eu

sources=$(git ls-files '*.c' '*.h')
product=$(git ls-files '*.c' | grep -v -e ^bench/ -e ^tests/)

echo "clang-format"
# shellcheck disable=SC2086
clang-format --dry-run -Werror $sources

echo "top level"
# What a command that was mistyped, or a profile, left there and "git add" took.
stray=$(git ls-files | grep -v / | grep -Evx \
    '\.[a-z-]+|[A-Z]+(\.md)?|Makefile|[a-z-]+\.([ch158]|sql)' || true)
if [ -n "$stray" ]; then
	echo "no file of the project: $stray" >&2
	exit 1
fi

echo "layers"
# Which folders each folder may include from; X.h and X.c at the top level are
# the front of X/ and count as it, and so is smtpdb.c of reader/.  A folder in
# CLOSED is entered by its front alone.
CLOSED='session find reader archive store policy database writer filters'
awk -v closed="$CLOSED" '
BEGIN {
	split("smtpd:mail,session,store,policy,writer,server \
	    cli:mail \
	    session:mail \
	    database:mail \
	    policy:mail,database \
	    store:mail,policy,database \
	    auth:mail,database,server \
	    archive:mail,store,policy,database \
	    writer:mail,policy,store,server \
	    filters:mail \
	    server:mail,session,store,policy,filters \
	    tls:mail,server \
	    postgresql:mail,database,writer,server \
	    mime:mail \
	    find:mime,archive \
	    reader:mail,mime,find,archive,filters \
	    web:mail,mime,find,archive,reader,server", rows)
	for (i in rows) {
		split(rows[i], r, ":")
		n = split(r[2], list, ",")
		for (j = 1; j <= n; j++)
			may[r[1], list[j]] = 1
	}
	n = split(closed, list, " ")
	for (j = 1; j <= n; j++)
		is_closed[list[j]] = 1
}
function house(path) {
	sub(/^\.\//, "", path)
	if (path ~ /\//)
		sub(/\/.*/, "", path)
	else
		sub(/\.[ch]$/, "", path)
	return path == "smtpdb" ? "reader" : path
}
/^#include "/ {
	split($0, quoted, "\"")
	target = quoted[2]
	folder = FILENAME
	inside = sub(/\/[^\/]*$/, "", folder)
	if (target ~ /^\.\.\//)
		sub(/^\.\.\//, "", target)
	else if (inside)
		target = folder "/" target
	from = house(FILENAME)
	to = house(target)
	if (from == to)
		next
	if (to ~ /^(clock|cli|version)$/)
		next
	if (!((from, to) in may) || (is_closed[to] && target ~ /\//)) {
		print FILENAME ": includes " target ", which is above, beside or inside" | "cat >&2"
		bad = 1
	}
}
END { exit bad }' $product $(git ls-files '*.h' | grep -v -e ^bench/ -e ^tests/)

echo "circles"
# Files that call each other, by whatever detour, cannot be read one after the
# other.  A name that several programs have is the one of the caller's folder.
objects=
for source in $product; do
	objects="$objects build/${source%.c}.o"
done
# shellcheck disable=SC2086
if ! nm -A $objects | awk '
function folder(object) {
	sub(/[^\/]*$/, "", object)
	return object
}
{
	object = $1
	sub(/:.*/, "", object)
	if ($(NF - 1) == "U")
		used[object, $NF] = 1
	else if ($(NF - 1) ~ /^[BDRT]$/)
		has[$NF] = has[$NF] " " object
}
END {
	for (pair in used) {
		split(pair, part, SUBSEP)
		n = split(has[part[2]], list, " ")
		own = ""
		for (i = 1; i <= n; i++)
			if (folder(list[i]) == folder(part[1]))
				own = list[i]
		if (own)
			print part[1], own
		else
			for (i = 1; i <= n; i++)
				if (list[i] !~ /^build\/(auth|tls|web)\/|elsewhere/)
					print part[1], list[i]
	}
}' | tsort >/dev/null; then
	echo "these files call each other" >&2
	exit 1
fi

echo "ways through the code"
# docs/architecture.md names functions that are there.
grep -Eo '[a-z_/]+\.c: [a-z_]+' docs/architecture.md | sort -u |
while IFS=' ' read -r file name; do
	if ! grep -q "^$name(" "${file%:}"; then
		echo "docs/architecture.md: no $name in ${file%:}" >&2
		exit 1
	fi
done

echo "purity"
# What the machine may ask of the world: memory, strings, and nothing else.
pure=
for source in session.c session/*.c mail/address.c mail/auth.c mail/base64.c \
    mail/change.c mail/codepoint.c mail/dsn.c mail/envelope.c mail/facts.c \
    mail/pack.c mail/protocol.c mail/question.c mail/reply.c mail/span.c \
    mail/utf8.c; do
	pure="$pure build/${source%.c}.o"
done
# shellcheck disable=SC2086
ld -r -o build/lint.o $pure
foreign=$(nm -u build/lint.o | awk '{ print $2 }' | grep -Ev \
    '^(mem[a-z]+|str[a-z]+|malloc|calloc|realloc|free|snprintf|__stack_chk_fail|__[a-z]+_chk|_GLOBAL_OFFSET_TABLE_)$' || true)
if [ -n "$foreign" ]; then
	echo "the session machine calls: $foreign" >&2
	exit 1
fi

echo "mandoc"
mandoc -Tlint -Wwarning smtpd.8 smtpd-auth.8 smtpd-postgresql.8 smtpd-tls.8 smtpd-db.5 smtpdb.1 \
    smtpdb-web.1

echo "cppcheck"
# shellcheck disable=SC2086
cppcheck --quiet --std=c11 --enable=warning,performance,portability \
    --suppress=missingIncludeSystem --error-exitcode=1 -D_GNU_SOURCE \
    -D__x86_64__ -Ibuild $product

echo "clang-tidy"
# It counts the warnings of the system's headers; of them, only ours matter.
# shellcheck disable=SC2086
if ! found=$(echo $product | xargs -n 16 -P "$(nproc)" sh -c "clang-tidy --quiet \
    --warnings-as-errors='*' \"\$@\" -- -std=c11 -D_GNU_SOURCE -Ibuild \
    -I/usr/include/postgresql" sh 2>&1); then
	echo "$found" >&2
	exit 1
fi
