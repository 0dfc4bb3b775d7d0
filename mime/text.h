/*
 * Text that grows, UTF-8, and sinks for octets that come in pieces.  Where
 * there is no memory the program ends with EX_OSERR: nothing that reads mail
 * has anything to lose.
 */
#ifndef TEXT_H
#define TEXT_H

#include <locale.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../mail/span.h"

/* realloc(), which never fails. */
void *text_resize(void *p, size_t size);

/* strdup(), which never fails. */
char *text_copy(const char *text);

/* U+FFFD, for what is no character. */
#define TEXT_REPLACEMENT "\xEF\xBF\xBD"

/* Starts as { 0 }. */
struct text {
	char *p; /* NUL behind it, or NULL while it is empty */
	size_t len, cap;
};

void text_add(struct text *t, struct span more);
void text_add_char(struct text *t, char c);
/* A character of Unicode as UTF-8. */
void text_add_code(struct text *t, uint32_t code);
/* Writes the octets of a character, and returns how many they are. */
size_t text_encode(uint32_t code, char ret[4]);
/* The string, to be freed, never NULL; `t` is empty afterwards. */
char *text_take(struct text *t);
void text_free(struct text *t);

/*
 * The first character of `text`, which is not empty, and its octets.  What is
 * no UTF-8 (RFC 3629) has the code TEXT_NONE and, as the Unicode Standard
 * advises (s. 3.9), the octets that could begin a character.
 */
enum {
	TEXT_NONE = 0x110000,
};
size_t text_read(struct span text, uint32_t *ret_code);

/* Could the text be the beginning of one character? */
bool text_is_cut(struct span text);

/*
 * May this character of Unicode reach a terminal?  Visible characters may
 * (mail/codepoint.h), and those that shape them.
 */
bool text_is_harmless(uint32_t c);

/* The characters of all Unicode, whatever the user's language; 0: unknown. */
locale_t text_unicode(void);

/* A copy without differences of case, to be freed. */
char *text_fold(struct span text);

/*
 * Where pieces of octets go, in their order.  False: the sink wants no more;
 * the function that fills it stops and returns false as well.
 */
struct sink {
	bool (*put)(void *arg, struct span piece);
	void *arg;
};

bool sink_put(struct sink to, struct span piece);
/* Into a struct text. */
struct sink sink_to_text(struct text *t);
/* Counts octets in a size_t. */
struct sink sink_to_count(size_t *n);

#endif
