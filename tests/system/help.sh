#!/bin/sh
# Goal: --help can be read in a terminal of 80 columns, and the options stand
# there as they do in the manual and in README.
set -u

cd "$(dirname "$0")/../.." || exit 1
bin=${OUT:-.}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failed=0

fail() {
	echo "FAIL: $*"
	failed=1
}

# narrow NAME: standard input has no line of more than 80 columns.
narrow() {
	awk -v name="$1" 'length($0) > 80 { print name ": " $0; bad = 1 }
	    END { exit bad }' || fail "$1: lines of more than 80 columns"
}

for program in smtpd smtpdb smtpdb-web; do
	LC_ALL=C "$bin/$program" --help >"$work/$program" || fail "$program --help"
	narrow "$program --help" <"$work/$program"
done
commands=$(sed -n 's/^  \([a-z]*\) .*/\1/p' "$work/smtpdb")
[ "$(echo "$commands" | wc -l)" -gt 20 ] || fail "no commands in smtpdb --help"
for command in $commands; do
	"$bin/smtpdb" help "$command" | narrow "smtpdb help $command"
done

# What was not printed is no success.
for program in smtpd smtpdb smtpdb-web smtpd-tls smtpd-auth smtpd-postgresql \
    smtpdb-postgresql; do
	[ -x "$bin/$program" ] || continue # its library is not there
	for option in --help --version; do
		"$bin/$program" $option >/dev/full 2>"$work/why"
		[ $? -eq 74 ] && grep -q "No space left" "$work/why" ||
			fail "$program $option >/dev/full: $(cat "$work/why")"
		"$bin/$program" $option >&- 2>"$work/why"
		[ $? -eq 74 ] && grep -q "Bad file descriptor" "$work/why" ||
			fail "$program $option >&-: $(cat "$work/why")"
	done
done

# outline_help, outline_manual: headings and long options, one a line.
outline_help() {
	sed -n -e 's/^\([A-Z].*\):$/\1/p' \
	    -e 's/^  .* --\([a-z][a-z0-9-]*\).*/  \1/p' "$1"
}
outline_manual() {
	sed -n -e '/^\.Ss Line ends/q' -e '/^\.Sh DESCRIPTION/,$ {
	    s/^\.Ss //p
	    s/^\.It .*Fl -\([a-z][a-z0-9-]*\).*/  \1/p
	}' "$1"
}
outline_help "$work/smtpd" >"$work/in-help"
outline_manual smtpd.8 >"$work/in-manual"
[ "$(wc -l <"$work/in-help")" -gt 40 ] || fail "no outline of smtpd --help"
diff "$work/in-help" "$work/in-manual" ||
	fail "smtpd --help and smtpd.8 have another order"

sed -n -e 's/^\([A-Z].*\):$/\1/p' "$work/smtpdb" | grep -v '^Help$' >"$work/in-help"
sed -n -e '/^\.Sh ENVIRONMENT/q' -e 's/^\.Ss //p' smtpdb.1 >"$work/in-manual"
diff "$work/in-help" "$work/in-manual" ||
	fail "smtpdb --help and smtpdb.1 have other headings"

# long_options: those that the help on standard input begins lines with.
long_options() {
	grep -oE '^  +(-., )?--[][a-z-]+' | grep -oE -- '-[][a-z-]{2,}' |
		sed -e 's/^-*//' -e 's/\[no-]//' | sort -u
}
# manual_options PAGE: those that it names, with one letter before.
manual_options() {
	grep -E '(^|[^a-z])Fl ' "$1" | grep -oE '(^| )-[a-z][a-z-]+' |
		sed 's/^ *-//' | sort -u
}
for command in $commands; do
	"$bin/smtpdb" help "$command"
done | long_options >"$work/in-help"
manual_options smtpdb.1 >"$work/in-manual"
for page in smtpdb smtpdb-web.1 smtpd-tls.8 smtpd-auth.8; do
	if [ "$page" != smtpdb ]; then
		[ -x "$bin/${page%.*}" ] || continue
		"$bin/${page%.*}" --help | long_options >"$work/in-help"
		manual_options "$page" >"$work/in-manual"
	fi
	[ "$(wc -l <"$work/in-help")" -gt 5 ] || fail "$page: no options"
	comm -23 "$work/in-help" "$work/in-manual" >"$work/lost"
	[ ! -s "$work/lost" ] || fail "$page: not in the manual: $(cat "$work/lost")"
done
# And no other ones, but those of smtpd.
manual_options smtpdb.1 | while read -r option; do
	for program in smtpd smtpdb; do
		"$bin/$program" --help
		[ $program = smtpd ] || for command in $commands; do
			"$bin/smtpdb" help "$command"
		done
	done | grep -qE -e "--(\[no-])?${option#no-}\>" ||
		echo "$option"
done >"$work/strange"
[ ! -s "$work/strange" ] || fail "smtpdb.1 names what is no option: $(cat "$work/strange")"

sed -n '/^    \$ \.\/smtpd --help$/,/^    Sizes are /p' README.md |
	sed -e 1d -e 's/^    //' >"$work/in-readme"
diff "$work/in-readme" "$work/smtpd" ||
	fail "README has another smtpd --help"

# What README says of speed and of kills is what was measured last.
for row in Speed:bench.md Bounded:bench.md 250:durability.md; do
	sed -n "/^- \*\*${row%:*}/,/^[-A-Z]/p" README.md | sed '1!{/^[-A-Z]/d}' |
		grep -oE '[0-9]+([,.][0-9]+)+' | sort -u >"$work/figures"
	while read -r figure; do
		grep -qwF -e "$figure" "docs/${row#*:}" ||
			fail "README's $figure is not in docs/${row#*:}"
	done <"$work/figures"
done

[ "$failed" -eq 0 ] && echo "help: as in the manual and in README"
exit "$failed"
