/* The characters of HTML that have names: those of HTML 4, and a few more. */
#ifndef HTML_NAMES_H
#define HTML_NAMES_H

#include <stdint.h>

enum {
	HTML_NAME_MAX = 32, /* octets; no name is longer */
};

/* "amp", "#38" and "#x26" are U+0026; 0: there is none of that name. */
uint32_t html_character(const char *name);

#endif
