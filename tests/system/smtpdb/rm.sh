#!/bin/sh
# rm: mails and ranges of them.
. "$(dirname "$0")/prelude.sh"
make_zoo
"$tool" deliver --new true

status 64 "$tool" rm 1 x
status 0 "$tool" show 1
status 0 "$tool" rm 1 3-4
status 66 "$tool" rm 1
is "three are gone" $((total - 3)) "$("$tool" list | wc -l)"
is "and what is theirs" 0 "$(sql 'SELECT (SELECT count(*) FROM recipient WHERE message_id = 1) + (SELECT count(*) FROM delivery WHERE message_id = 1)')"
status 64 "$tool" rm 5 9-8
status 66 "$tool" rm 3 5
is "what is there goes all the same" $((total - 4)) "$("$tool" list | wc -l)"
status 0 "$tool" rm last
is "the last one" $((total - 1)) "$("$tool" list -n 1 | cut -f1)"
status 0 "$tool" rm 6-last
is "all but one" 2 "$("$tool" list | cut -f1)"

finish
