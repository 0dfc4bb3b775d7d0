#!/bin/sh
# Reads off ELF files what they were built with: hardening.sh PROGRAM...
# (binutils).  Those of a package have no debugging information, which would
# name the compiler's switches; what else shows each of them is looked at.
set -u

PADS_MIN=50 # some are from libraries in any case
failed=0

# expect WHAT FILE PATTERN: the pattern stands in the file.
expect() {
	grep -q -E -e "$3" "$2" || {
		echo "$program: no $1" >&2
		failed=1
	}
}

refuse() {
	grep -E -e "$3" "$2" && {
		echo "$program: $1" >&2
		failed=1
	}
}

seen=$(mktemp -d)
trap 'rm -rf "$seen"' EXIT
for program; do
	readelf -W -h -l -d "$program" >"$seen/elf" || exit 1
	readelf -W --dyn-syms "$program" >"$seen/symbols"
	objdump -d --no-show-raw-insn "$program" >"$seen/code"

	expect "PIE" "$seen/elf" 'Type: +DYN .*Position-Independent'
	expect "RELRO" "$seen/elf" GNU_RELRO
	expect "immediate binding" "$seen/elf" 'FLAGS.*(BIND_)?NOW'
	expect "stack that cannot be run" "$seen/elf" 'GNU_STACK .* RW +0x'
	refuse "relocations in the code" "$seen/elf" TEXTREL
	refuse "a search path" "$seen/elf" 'R(UN)?PATH'
	expect "stack protector" "$seen/symbols" __stack_chk_fail
	expect "_FORTIFY_SOURCE" "$seen/symbols" __snprintf_chk
	[ "$(uname -m)" = x86_64 ] || continue
	# A frame above a page is probed page by page.
	expect "stack clash protection" "$seen/code" ':[[:space:]]+or[bq] +\$0x0,(0x[0-9a-f]+)?\(%rsp'
	[ "$(grep -c endbr64 "$seen/code")" -ge "$PADS_MIN" ] || {
		echo "$program: no landing pads (CET)" >&2
		failed=1
	}

	# In all sources of ours, where that is known.
	readelf --debug-dump=info "$program" 2>/dev/null |
		grep -E 'DW_AT_producer.* -fPIE ' >"$seen/ours" || continue
	others=$(grep -v -c -e '-fcf-protection=full -ftrivial-auto-var-init=zero' \
	    "$seen/ours")
	[ "$others" -eq 0 ] || {
		echo "$program: $others sources without initialized variables" >&2
		failed=1
	}
done
exit $failed
