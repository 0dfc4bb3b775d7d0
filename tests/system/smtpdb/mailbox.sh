#!/bin/sh
# mailbox: the mailboxes of a domain.
. "$(dirname "$0")/prelude.sh"

status 0 "$tool" domain add b.example
status 0 "$tool" mailbox add bob@b.example --quota-octets=10M
status 0 "$tool" mailbox add old@b.example --state=moved --moved-to=new@n.example
status 65 "$tool" mailbox add odd@b.example --state=frob
holds "state IN ('open', 'disabled', 'busy', 'not-allowed', 'moved')" err
status 64 "$tool" mailbox add odd@b.example --quota-messages=many
status 64 "$tool" mailbox add odd@b.example --quota-octets=much
status 65 "$tool" mailbox add odd@b.example --moved-to=
status 0 "$tool" mailbox list --json
holds '"quota_octets":10485760' out
status 0 "$tool" explain --to=old@b.example
holds "551 5.1.6" out
status 0 "$tool" mailbox rm old@b.example
status 66 "$tool" mailbox rm old@b.example

finish
