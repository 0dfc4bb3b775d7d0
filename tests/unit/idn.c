/*
 * Both names of a domain.
 */
#include <criterion/criterion.h>

#include "../../mail/idn.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

Test(idn, gives_both_forms)
{
	static const struct {
		const char *domain, *ascii, *unicode; /* NULL: one form */
	} rows[] = {
		{ "mx.example", "mx.example", NULL },
		{ "MX.Example", "MX.Example", NULL },
		{ "[192.0.2.1]", "[192.0.2.1]", NULL },
		{ "a.xn--bcher-kva.example", "a.xn--bcher-kva.example",
		    "a.b\xC3\xBC"
		    "cher.example" },
		{ "B\xC3\x9C"
		  "CHER.Example",
		    "xn--bcher-kva.example",
		    "b\xC3\xBC"
		    "cher.example" },
		/* Not a label (RFC 5891 s. 4.2.3.1). */
		{ "xn--\xC3\xBC", "xn--\xC3\xBC", NULL },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct idn_forms forms;

		idn_forms(span_of(rows[i].domain), &forms);
		cr_expect(
		    forms.n == (rows[i].unicode ? 2 : 1), "%s", rows[i].domain);
		cr_expect_str_eq(forms.form[0], rows[i].ascii);
		if (rows[i].unicode && forms.n == 2)
			cr_expect_str_eq(forms.form[1], rows[i].unicode);
	}
}
