#!/bin/sh
# show: what a person sees of a mail, and nothing that harms a terminal.
. "$(dirname "$0")/prelude.sh"
make_zoo
status 0 "$tool" show 1
lacks "authenticated" out
sql "UPDATE message SET authenticated_as = 'änn$(printf '\033')x',
    claimed_as = 'bob', tls = 'TLSv1.3 X', client_subject = 'CN=ann',
    requiretls = 1 WHERE id = 1"
status 0 "$tool" show 1
is "what TLS and AUTH said" "authenticated as änn?x
claimed to be bob
inside TLSv1.3 X
with the certificate CN=ann
to be passed on inside TLS alone (REQUIRETLS)" "$(sed -n 3,7p out)"
status 0 "$tool" show --json 1 2
json_lines out '[o[0][n] for n in ("claimed_as", "tls", "client_subject", "requiretls")] == ["bob", "TLSv1.3 X", "CN=ann", True]'
json_lines out '[o[1][n] for n in ("authenticated_as", "tls", "requiretls")] == [None, None, False]'

status 0 "$tool" show 1
holds "Subject: Grüße from 日本語" out
holds "<ann@a.example> to <bob@b.example>, <carl@c.example>" out
lacks "$(printf '\033')" out
lacks "$(printf '\a')" out
status 0 "$tool" show 2
holds "Grüße" out
lacks "preamble" out
lacks "<p>" out
holds "[3] application/pdf, 5" out
status 0 "$tool" show -H 2
holds "Content-Type: multipart/mixed" out
status 0 "$tool" show 3
holds "Hello World & co €" out
lacks "evil" out
lacks "$(printf '\033')" out
status 0 "$tool" show 4
holds "Subject: café" out
holds "latin1 ü" out
lacks "$(printf '\342\200\256')" out
i=1
while [ $i -le "$total" ]; do
	status 0 "$tool" show $i
	is "controls of mail $i" 0 \
	    "$(LC_ALL=C tr -d '\12\11\40-\176\200-\377' <out | wc -c)"
	status 0 "$tool" show --json $i
	json_lines out
	i=$((i + 1))
done
status 66 "$tool" show 999
status 64 "$tool" show one
status 0 "$tool" show last
holds "Subject: spoof" out
cp out want
status 0 "$tool" show $total
cmp -s want out
ok "the last one" $?
status 0 "$tool" show --json 2-4 last
json_lines out "[m['id'] for m in o] == [2, 3, 4, $total]"
status 0 "$tool" show --json $((total - 1))-last
json_lines out "len(o) == 2"
status 64 "$tool" show 4-2
holds "ends before it begins" err
status 64 "$tool" show 1 2-x
is "nothing is shown" 0 "$(wc -c <out)"
status 66 "$tool" show 1000-2000
"$tool" rm 3
status 0 "$tool" show --json 2-4
json_lines out "[m['id'] for m in o] == [2, 4]"
use empty
"$tool" domain add x.example
status 66 "$tool" show last
holds "there is no mail yet" err
status 64 "$tool" show

finish
