#!/bin/sh
# alias: other names of mailboxes.
. "$(dirname "$0")/prelude.sh"

status 0 "$tool" domain add b.example
status 0 "$tool" mailbox add bob@b.example
status 0 "$tool" alias add all@b.example bob@b.example
status 0 "$tool" explain --to=all@b.example
holds "goes to bob@b.example" out
status 0 "$tool" alias rm all@b.example
status 66 "$tool" alias rm all@b.example

finish
