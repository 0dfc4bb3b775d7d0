#!/bin/sh
# explain: what would be answered, and which row says so.
. "$(dirname "$0")/prelude.sh"

! of_files || status 66 "$tool" explain --from=a@a.example
send_some 1
status 0 "$tool" explain --from=a@a.example --to=bob@b.example
holds "250 taken" out
"$tool" rule add client 192.0.2.0/24
status 0 "$tool" explain --client=192.0.2.200
holds "client_rule" out
"$tool" rule add client 2001:db8::/32
status 0 "$tool" explain --client=2001:0DB8::1
holds "row '2001:db8::/32'" out
status 64 "$tool" explain --client=nonsense
status 64 "$tool" explain --client=192.0.2.0/24
"$tool" domain add b.example
"$tool" rule rm client 192.0.2.0/24
status 0 "$tool" explain --to=x@y.example
holds "by table domain, which has no such row" out
"$tool" explain -j --to=x@y.example >out
holds '"table":"domain","row":null' out
status 0 "$tool" explain --to=x@b.example --policy=unix:/p --milter=unix:/m
holds "then asks the policy servers unix:/p" out
holds "then asks the milters unix:/m" out
status 0 "$tool" explain --to=x@y.example --policy=unix:/p
lacks "policy servers" out
status 0 "$tool" explain --json --to=x@b.example --milter=unix:/m
holds '"milter":"unix:/m"' out
status 0 env SMTPD_OPTIONS="--strict --milter=unix:/s" "$tool" explain --to=x@b.example
holds "then asks the milters unix:/s" out
status 64 "$tool" explain --milter=nonsense
# As one who has authenticated, by which row.
sql "INSERT INTO account (name) VALUES ('ann'), ('bob');
    INSERT INTO account_address (name, pattern) VALUES ('ann', 'ann@b.example')"
status 0 "$tool" explain --account=ann --from=ann@b.example
is "its own" "$(printf "local as ann: MAIL FROM:<ann@b.example>\n  250 taken\n  by table account, row 'ann'")" "$(cat out)"
is "no warning" "" "$(cat err)"
status 0 "$tool" explain --account=ann --from=bob@b.example --json
json_lines out 'o[0]["code"] == 553 and o[0]["account"] == "ann" and o[0]["table"] == "account" and o[0]["row"] == "ann"'
status 0 "$tool" explain --account=bob --from=ann@b.example
holds "by no row" out
status 0 "$tool" explain --account=carl --from=ann@b.example
holds "there is no account 'carl'" err
status 0 env SMTPD_OPTIONS="--auth=dovecot:/run/auth" "$tool" explain --account=carl
is "Dovecot may have it" "" "$(cat err)"
status 0 env SMTPD_OPTIONS="-n x --auth=rows --auth-required" "$tool" explain --from=ann@b.example
holds "530 5.7.0" out
holds "by --auth-required" out
status 0 env SMTPD_OPTIONS="--auth=rows --auth-required" "$tool" explain --from=ann@b.example --account=ann
holds "250 taken" out
status 64 "$tool" explain --account=
status 0 "$tool" explain --from=x@b.example --json
json_lines out 'o[0]["account"] is None'
status 0 "$tool" help explain
holds "--from=ADDRESS" out
lacks "holds TEXT" out

finish
