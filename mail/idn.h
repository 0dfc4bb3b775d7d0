/*
 * The two forms of an internationalized domain (RFC 5890 s. 2.3.2.1), by
 * libidn2, which is loaded when a name needs it.
 */
#ifndef IDN_H
#define IDN_H

#include "span.h"

enum {
	IDN_FORMS_MAX = 2,
	IDN_FORM_SIZE = 256, /* a domain's 255 octets (5321 s. 4.5.3.1.2) */
};

struct idn_forms {
	char form[IDN_FORMS_MAX][IDN_FORM_SIZE];
	unsigned n;
};

/*
 * Finds the names of `domain`: its A-label and its U-label form.  It is its
 * only name if it is plain ASCII, if libidn2 is missing, or if that refuses it.
 * A domain that is too long has none.
 */
void idn_forms(struct span domain, struct idn_forms *ret);

/* Loads libidn2 now, for a process that will not be able to. */
void idn_load(void);

#endif
