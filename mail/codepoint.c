#include "codepoint.h"

#include <stddef.h>

#include "scan.h"
#include "utf8.h"

struct range {
	uint32_t first, last;
};

enum {
	ZERO_WIDTH_NON_JOINER = 0x200C,
	ZERO_WIDTH_JOINER = 0x200D,
};

/*
 * From the Unicode Character Database 14.0: the general categories Cc, Cf, Co,
 * Zs, Zl and Zp, Default_Ignorable_Code_Point, noncharacters, U+FFFC, U+FFFD,
 * the ideographic full stops, and what NFKC makes something of that has
 * US-ASCII other than letters, digits and "-".  Without the two joiners and the
 * last two of each plane, for which there are rules below.
 */
/* clang-format off */
static const struct range refused[] = {
	{ 0x0080, 0x00A0 }, { 0x00A8, 0x00A8 }, { 0x00AD, 0x00AD },
	{ 0x00AF, 0x00AF }, { 0x00B4, 0x00B4 }, { 0x00B8, 0x00B8 },
	{ 0x02D8, 0x02DD }, { 0x034F, 0x034F }, { 0x037A, 0x037A },
	{ 0x037E, 0x037E }, { 0x0384, 0x0385 }, { 0x0600, 0x0605 },
	{ 0x061C, 0x061C }, { 0x06DD, 0x06DD }, { 0x070F, 0x070F },
	{ 0x0890, 0x0891 }, { 0x08E2, 0x08E2 }, { 0x115F, 0x1160 },
	{ 0x1680, 0x1680 }, { 0x17B4, 0x17B5 }, { 0x180B, 0x180F },
	{ 0x1FBD, 0x1FBD }, { 0x1FBF, 0x1FC1 }, { 0x1FCD, 0x1FCF },
	{ 0x1FDD, 0x1FDF }, { 0x1FED, 0x1FEF }, { 0x1FFD, 0x1FFE },
	{ 0x2000, 0x200B }, { 0x200E, 0x200F }, { 0x2017, 0x2017 },
	{ 0x2024, 0x2026 }, { 0x2028, 0x202F }, { 0x203C, 0x203C },
	{ 0x203E, 0x203E }, { 0x2047, 0x2049 }, { 0x205F, 0x206F },
	{ 0x207A, 0x207A }, { 0x207C, 0x207E }, { 0x208A, 0x208A },
	{ 0x208C, 0x208E }, { 0x2100, 0x2101 }, { 0x2105, 0x2106 },
	{ 0x2474, 0x24B5 }, { 0x2A74, 0x2A76 }, { 0x3000, 0x3000 },
	{ 0x3002, 0x3002 }, { 0x309B, 0x309C }, { 0x3164, 0x3164 },
	{ 0x3200, 0x321E }, { 0x3220, 0x3243 }, { 0x33C2, 0x33C2 },
	{ 0x33C7, 0x33C7 }, { 0x33D8, 0x33D8 }, { 0xE000, 0xF8FF },
	{ 0xFB29, 0xFB29 }, { 0xFC5E, 0xFC63 }, { 0xFDD0, 0xFDEF },
	{ 0xFDFA, 0xFDFB }, { 0xFE00, 0xFE10 }, { 0xFE13, 0xFE16 },
	{ 0xFE19, 0xFE19 }, { 0xFE30, 0xFE30 }, { 0xFE33, 0xFE38 },
	{ 0xFE47, 0xFE50 }, { 0xFE52, 0xFE52 }, { 0xFE54, 0xFE57 },
	{ 0xFE59, 0xFE5C }, { 0xFE5F, 0xFE62 }, { 0xFE64, 0xFE66 },
	{ 0xFE68, 0xFE6B }, { 0xFE70, 0xFE70 }, { 0xFE72, 0xFE72 },
	{ 0xFE74, 0xFE74 }, { 0xFE76, 0xFE76 }, { 0xFE78, 0xFE78 },
	{ 0xFE7A, 0xFE7A }, { 0xFE7C, 0xFE7C }, { 0xFE7E, 0xFE7E },
	{ 0xFEFF, 0xFEFF }, { 0xFF01, 0xFF0C }, { 0xFF0E, 0xFF0F },
	{ 0xFF1A, 0xFF20 }, { 0xFF3B, 0xFF40 }, { 0xFF5B, 0xFF5E },
	{ 0xFF61, 0xFF61 }, { 0xFFA0, 0xFFA0 }, { 0xFFE3, 0xFFE3 },
	{ 0xFFF0, 0xFFFD }, { 0x110BD, 0x110BD }, { 0x110CD, 0x110CD },
	{ 0x13430, 0x13438 }, { 0x1BCA0, 0x1BCA3 }, { 0x1D173, 0x1D17A },
	{ 0x1F100, 0x1F10A }, { 0x1F110, 0x1F129 }, { 0xE0000, 0xE0FFF },
	{ 0xF0000, 0xFFFFD }, { 0x100000, 0x10FFFD },
};

/*
 * From the same database: Cc, Cf, Co, Zl, Zp, Default_Ignorable_Code_Point,
 * noncharacters, and Braille's blank.
 */
static const struct range hidden[] = {
	{ 0x0080, 0x009F }, { 0x00AD, 0x00AD }, { 0x034F, 0x034F },
	{ 0x0600, 0x0605 }, { 0x061C, 0x061C }, { 0x06DD, 0x06DD },
	{ 0x070F, 0x070F }, { 0x0890, 0x0891 }, { 0x08E2, 0x08E2 },
	{ 0x115F, 0x1160 }, { 0x17B4, 0x17B5 }, { 0x180B, 0x180F },
	{ 0x200B, 0x200F }, { 0x2028, 0x202E }, { 0x2060, 0x206F },
	{ 0x2800, 0x2800 }, { 0x3164, 0x3164 }, { 0xE000, 0xF8FF },
	{ 0xFDD0, 0xFDEF }, { 0xFE00, 0xFE0F }, { 0xFEFF, 0xFEFF },
	{ 0xFFA0, 0xFFA0 }, { 0xFFF0, 0xFFFB }, { 0x110BD, 0x110BD },
	{ 0x110CD, 0x110CD }, { 0x13430, 0x1345F }, { 0x1BCA0, 0x1BCA3 },
	{ 0x1D173, 0x1D17A }, { 0xE0000, 0xE0FFF }, { 0xF0000, 0x10FFFF },
};

/*
 * Scripts in which a joiner makes a difference that can be seen, as blocks of
 * the same database.  RFC 5892 s. A.1 and A.2 look at single letters.
 */
static const struct range joining[] = {
	{ 0x0600, 0x08FF }, /* Arabic, Syriac, N'Ko, Mandaic */
	{ 0x0900, 0x0DFF }, /* those of India and Sri Lanka */
	{ 0x0E00, 0x109F }, /* Thai, Lao, Tibetan, Myanmar */
	{ 0x1700, 0x1CFF }, /* Philippine scripts, Khmer, Mongolian, Balinese */
	{ 0xA800, 0xABFF }, /* Syloti Nagri to Meetei Mayek */
	{ 0x10A00, 0x10FFF }, /* Kharoshthi, Manichaean, Sogdian */
	{ 0x11000, 0x11FFF }, /* Brahmi and what came of it */
	{ 0x1E900, 0x1E95F }, /* Adlam */
};
/* clang-format on */

static bool
is_in(uint32_t code, const struct range *ranges, size_t n)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (code > ranges[middle].last)
			low = middle + 1;
		else
			high = middle;
	}
	return low < n && code >= ranges[low].first;
}

uint32_t
codepoint_of(struct span text)
{
	/* The bits of a first octet, by the length. */
	static const unsigned char mask[] = { 0, 0x7F, 0x1F, 0x0F, 0x07 };
	uint32_t code = (unsigned char)text.p[0] & mask[text.len];

	for (size_t i = 1; i < text.len; i++)
		code = code << 6 | ((unsigned char)text.p[i] & 0x3F);
	return code;
}

/* The last two of each plane. */
static bool
is_noncharacter(uint32_t code)
{
	return (code & 0xFFFE) == 0xFFFE;
}

bool
codepoint_is_in_domain(uint32_t code, uint32_t before)
{
	if (code == ZERO_WIDTH_NON_JOINER || code == ZERO_WIDTH_JOINER)
		return is_in(before, joining, sizeof joining / sizeof *joining);
	return !is_noncharacter(code) &&
	       !is_in(code, refused, sizeof refused / sizeof *refused);
}

bool
codepoint_is_visible(uint32_t code)
{
	return !is_noncharacter(code) &&
	       !is_in(code, hidden, sizeof hidden / sizeof *hidden);
}

size_t
codepoint_visible_len(struct span text)
{
	struct span first = { text.p, utf8_printable_len(text) };

	if (first.len > 1 && !codepoint_is_visible(codepoint_of(first)))
		return 0;
	return first.len;
}

bool
codepoint_are_visible(struct span text)
{
	return text.len == 0 || scan_is_run(text, codepoint_visible_len);
}
