#!/bin/sh
# Completion: the words that can stand at each place, and what bash makes of them.
. "$(dirname "$0")/prelude.sh"

# words WANT WORD...: what the last word can become, in the order of letters.
words() {
	want=$1
	shift
	is "words for $*" "$want" "$("$tool" complete "$@" 2>&1 | sort | tr '\n' ' ' | sed 's/ $//')"
}

words "" list ''
words "" -d nonesuch.db domain rm ''
[ ! -e nonesuch.db ] && [ ! -e mail.db ]
ok "nothing is made" $?
send_some 2
"$tool" deliver --consumer=archiver 1 true
"$tool" domain add a.example
"$tool" domain add b.example
"$tool" mailbox add bob@b.example
"$tool" mailbox add carl@b.example
"$tool" alias add all@b.example bob@b.example
"$tool" rule add sender evil.example
"$tool" rule add client 2001:db8::/32

words "rate raw rm rule" r
words "list" -d "$SMTPD_DATABASE" li
words "" nonesuch ''
words "" lists --f
words "--to=" list --from= --t
words "--from=" list --f
words "--data --database=" raw --da
words "--help" help --h
words "1 2 last" show ''
words "last" show 1 l
words "1 2 last" extract ''
words "" extract 1 ''
words "1 2 last" rm 1 2 ''
words "1 2 last" deliver ''
words ":commands" deliver 1 ''
words ":commands" deliver --new ''
words ":files" deliver --new cat ''
words "add list rm" domain ''
words "a.example b.example" domain rm ''
words "" domain add ''
words "" domain list ''
words "bob@b.example" mailbox rm bo
words "bob@b.example carl@b.example" mailbox add ''
words "--state=disabled" mailbox add --state=d
words "busy disabled moved none not-allowed open" mailbox add --state ''
words "--moved-to=bob@b.example" mailbox add --moved-to=bo
words "all@b.example" alias rm ''
words "bob@b.example" alias rm all@b.example ''
words "bob@b.example carl@b.example" alias add x@b.example ''
words "client sender" rule rm ''
words "evil.example" rule rm sender ''
words "2001:db8::/32" rule rm client ''
words "add list passwd rm" account ''
sql "INSERT INTO account (name) VALUES ('ann'), ('amy')"
words "amy ann" account passwd ''
words "ann" account rm an
words "bob@b.example carl@b.example" account add ann ''
words "--account=amy" explain --account=am
words "--allow --authenticated" rule --a
words "--no-authenticated" rule --no
words "add list rm" quota ''
words "auth client sender total" rate add ''
words "" rate list ''
words "--consumer=archiver" deliver --consumer=
words "archiver" prune --had-by ''
words ":files" list -d ''
words ":folders" extract 1 -C ''
words ":files" export --mbox=
words "show" help sh
words "a.example b.example" --database="$SMTPD_DATABASE" domain rm ''

if have bash "completion in bash"; then
	# type WANT LINE: what bash offers behind this line.
	type() {
		is "completion of '$2'" "$1" "$(
			TOOL=$tool LINE=$2 bash -c '
			. "$1"
			smtpdb() { "$TOOL" "$@"; }
			COMP_LINE=$LINE COMP_POINT=${#LINE}
			# As readline cuts it.
			mapfile -t COMP_WORDS < <(sed "s/[=:]/\n&\n/g" <<<"$LINE" |
			    tr " " "\n" | sed "/^$/d")
			[[ $LINE == *" " ]] && COMP_WORDS+=("")
			COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
			_smtpdb 2>/dev/null
			printf "%s\n" "${COMPREPLY[@]}"' - \
			    "$here/completions/smtpdb.bash" | sort | xargs)"
	}
	type "show" "smtpdb sh"
	type "disabled" "smtpdb mailbox add x@b.example --state=d"
	type "busy disabled moved none not-allowed open" \
	    "smtpdb mailbox add x@b.example --state="
	type "bob@b.example" "smtpdb mailbox rm b"
	type "db8::/32" "smtpdb rule rm client 2001:"
	: >some.file
	type "some.file" "smtpdb -d some."
	type "some.file" "smtpdb --database=some.f"
fi

finish
