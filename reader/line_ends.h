/*
 * Lines of a mail that is handed on.  A lone CR or LF ends a line for some of
 * those who get it, so it becomes the line end that they want, like any other.
 * The line ends of the mail itself are kept as a short text, by which they can
 * be brought back.
 */
#ifndef READER_LINE_ENDS_H
#define READER_LINE_ENDS_H

#include "../mime/text.h"

enum line_end {
	LINE_OPEN, /* none: the text is over */
	LINE_CRLF,
	LINE_LF,
	LINE_CR,
};

/* Cuts the next line off; the line is without its end.  `rest` is not empty. */
enum line_end line_next(struct span *rest, struct span *ret_line);

/* Writes the text in pieces, with `end` for each line end. */
bool line_convert(struct span text, const char *end, struct sink to);

/*
 * The same for SMTP (RFC 5321 s. 4.5.2): lines end in CRLF, and a dot that
 * could end the mail is doubled, also behind NUL, which some servers drop.
 * `*at_start` says whether a line begins, before the text and then behind it.
 */
bool line_convert_to_smtp(struct span text, bool *at_start, struct sink to);

/*
 * Adds which line ends the text has, as runs: "12c1l3r" is twelve CRLF, an LF
 * and three CR.  Adds nothing where all of them are CRLF.
 */
void line_ends_tell(struct span text, struct text *to);
/*
 * Adds the text with the line ends that are told in place of its own.  False:
 * there are more or fewer of them.
 */
bool line_ends_bring_back(struct span text, struct span told, struct text *to);

#endif
