#!/bin/sh
# alias: other names of mailboxes.
. "$(dirname "$0")/prelude.sh"

status 0 "$tool" domain add b.example
status 0 "$tool" mailbox add bob@b.example
status 0 "$tool" alias add all@b.example bob@b.example
is "nothing is to be said" "" "$(cat err)"
status 0 "$tool" explain --to=all@b.example
holds "goes to bob@b.example" out
status 0 "$tool" alias add all@b.example bob@b.example --forward
status 0 "$tool" alias list --json
json_lines out 'o == [{"address": "all@b.example", "target": "bob@b.example", "forward": True}]'
status 0 "$tool" alias add ALL@b.example BOB@B.example --no-forward
status 0 "$tool" alias list
is "no twin, and it is changed" "$(printf 'all@b.example\tbob@b.example\tno')" \
    "$(cat out)"
status 0 "$tool" alias add all@c.example bob@b.example
holds "c.example is no domain that is served" err
status 65 "$tool" alias add all bob@b.example
status 65 "$tool" alias add all@b.example bob
status 64 "$tool" alias add all@b.example
status 0 "$tool" alias rm all@b.example
status 66 "$tool" alias rm all@b.example

finish
