#include "utf8.h"

#include "scan.h"

/*
 * The syntax of RFC 3629 s. 4, from UTF8-2 on: what the first and the second
 * octet may be.  The second one keeps out overlong forms, surrogates and what
 * is above U+10FFFF.  All later ones are %x80-BF.
 */
/* clang-format off */
static const struct utf8_form {
	int first_min, first_max, second_min, second_max;
	size_t len;
} utf8_forms[] = {
	{ 0xC2, 0xDF, 0x80, 0xBF, 2 },
	{ 0xE0, 0xE0, 0xA0, 0xBF, 3 },
	{ 0xE1, 0xEC, 0x80, 0xBF, 3 },
	{ 0xED, 0xED, 0x80, 0x9F, 3 },
	{ 0xEE, 0xEF, 0x80, 0xBF, 3 },
	{ 0xF0, 0xF0, 0x90, 0xBF, 4 },
	{ 0xF1, 0xF3, 0x80, 0xBF, 4 },
	{ 0xF4, 0xF4, 0x80, 0x8F, 4 },
};
/* clang-format on */

static bool
has_form(struct span in, const struct utf8_form *form)
{
	if (!scan_is_between(
		scan_octet(in, 0), form->first_min, form->first_max) ||
	    !scan_is_between(
		scan_octet(in, 1), form->second_min, form->second_max))
		return false;
	for (size_t i = 2; i < form->len; i++)
		if (!scan_is_between(scan_octet(in, i), 0x80, 0xBF))
			return false;
	return true;
}

size_t
utf8_len(struct span in)
{
	for (size_t i = 0; i < sizeof utf8_forms / sizeof *utf8_forms; i++)
		if (has_form(in, &utf8_forms[i]))
			return utf8_forms[i].len;
	return 0;
}

size_t
utf8_visible_len(struct span in)
{
	if (scan_octet(in, 0) == 0xC2 && scan_octet(in, 1) < 0xA0)
		return 0;
	return utf8_len(in);
}

size_t
utf8_printable_len(struct span in)
{
	int c = scan_octet(in, 0);

	return c == ' ' || scan_is_graph(c) ? 1 : utf8_visible_len(in);
}

bool
utf8_is_printable(struct span text)
{
	return scan_is_run(text, utf8_printable_len);
}
