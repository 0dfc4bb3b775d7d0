/*
 * The names of one domain, alone or in an address: rows have its A-label form
 * in lower case (RFC 5890), and people may write either form in any case.
 */
#ifndef READER_NAMES_H
#define READER_NAMES_H

#include "../mail/idn.h"

enum {
	NAMES_SIZE = 2 * IDN_FORM_SIZE + 1,
};

struct names {
	char name[IDN_FORMS_MAX][NAMES_SIZE]; /* the first is that of rows */
	unsigned n;                           /* 0: it is too long for one */
};

/* The local part stays as it is. */
void names_find(const char *text, struct names *ret);

#endif
