#!/bin/sh
# rate: how much may come in a time.
. "$(dirname "$0")/prelude.sh"

status 0 "$tool" rate add sender --max-messages=1 --window=10m
status 0 "$tool" rate list --json
json_lines out 'o == [{"scope": "sender", "window_sec": 600, "max_messages": 1, "max_recipients": None, "max_octets": None}]'
send_some 1
printf 'HELO me\nMAIL FROM:<a@a.example>\nQUIT\n' | "$smtpd" >out 2>/dev/null
holds "450 4.7.1" out
status 0 "$tool" rate add sender --max-messages=none --max-octets=5M --window=none
status 0 "$tool" rate add total --max-recipients=100
status 0 "$tool" rate list
is "changed, and taken back" \
    "$(printf 'sender\t3600\t-\t-\t5242880\ntotal\t3600\t-\t100\t-')" "$(cat out)"
status 64 "$tool" rate add everybody --max-messages=1
holds "client, sender, total or auth" err
status 64 "$tool" rate add client
status 64 "$tool" rate add
status 65 "$tool" rate add client --max-messages=1 --window=8d
status 64 "$tool" rate add client --max-messages=1 --window=soon
status 0 "$tool" rate rm sender
status 66 "$tool" rate rm sender

finish
