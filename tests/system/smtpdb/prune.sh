#!/bin/sh
# prune: by age, number and size; and when it is interrupted.
. "$(dirname "$0")/prelude.sh"
make_zoo

status 64 "$tool" prune
status 0 "$tool" prune --keep=5 --dry-run
is "a dry run" $total "$("$tool" list | wc -l)"
status 0 "$tool" prune --keep=1000
is "nothing to prune" $total "$("$tool" list | wc -l)"
status 0 "$tool" prune --older=1d
is "nothing so old" $total "$("$tool" list | wc -l)"
status 0 "$tool" prune --keep=5
is "five are left" 5 "$("$tool" list | wc -l)"
"$tool" deliver --consumer=many $((total - 1)) true
"$tool" deliver --consumer=many "$total" true
status 0 "$tool" prune --had-by=many
is "what one had is gone" 3 "$("$tool" list | wc -l)"
status 0 "$tool" prune --max-bytes=0 --vacuum
is "none is left" 0 "$("$tool" list | wc -l)"
printf 'Subject: after\n\nx\n' | send a@a.example bob@b.example
is "ids are not used again" $((total + 1)) "$("$tool" list | cut -f1)"

# SIGINT meanwhile: whole mails are gone, the others are there.
taking="prune --keep=0"
ask="sqlite3 mail.db"
of_files || {
	taking="rm 1000-99999" # prune drops them at a stroke
	ask="psql -XqtA -d $SMTPD_DATABASE -c"
}
sql "WITH RECURSIVE n (i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM n WHERE i < 31000)
    INSERT INTO message (id, received_at, client_address, helo, protocol, verb,
      reverse_path, body_type, smtputf8, size, trace, header_size, data)
    SELECT i, 1, 'local', '', 'SMTP', 'MAIL', '', '7BIT', 0, 2, '', 2, $(octets 0d0a) FROM n;
    INSERT INTO recipient (message_id, position, forward_path, mailbox)
    SELECT id, 1, 'b@b.example', 'b@b.example' FROM message WHERE id >= 1000"
status 2 timeout 120 python3 interrupt.py \
    "test \$($ask 'SELECT min(id) FROM message WHERE id >= 1000') -gt 1500" "$tool" $taking
left=$(sql 'SELECT count(*) FROM message')
[ "$left" -gt 0 ]
ok "it was interrupted: $left are left" $?
is "with their recipients" "$left $left" \
    "$(sql 'SELECT count(*), count(DISTINCT message_id) FROM recipient' | tr '|' ' ')"
printf 'Subject: after\n\nx\n' | send a@a.example bob@b.example
status 0 "$tool" rm 1000-99999
is "and so they go" 0 "$(sql 'SELECT count(*) FROM message WHERE received_at = 1')"

finish
