#include "names.h"

#include <stdio.h>
#include <string.h>

static void
lower(char *text)
{
	for (; *text; text++) {
		if (*text >= 'A' && *text <= 'Z')
			*text += 'a' - 'A';
	}
}

void
names_find(const char *text, struct names *ret)
{
	const char *at = strrchr(text, '@');
	const char *domain = at ? at + 1 : text;
	size_t local_len = (size_t)(domain - text); /* with the "@" */
	struct idn_forms forms;

	ret->n = 0;
	idn_forms(span_of(domain), &forms);
	if (local_len >= IDN_FORM_SIZE)
		return;
	for (unsigned i = 0; i < forms.n; i++) {
		lower(forms.form[i]);
		snprintf(ret->name[i], NAMES_SIZE, "%.*s%s", (int)local_len,
		    text, forms.form[i]);
	}
	ret->n = forms.n;
}
