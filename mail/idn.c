#include "idn.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

enum {
	/* The values of idn2.h, which is not needed to build. */
	IDN2_NFC_INPUT = 1,
	IDN2_NONTRANSITIONAL = 8,
};

/* The functions of libidn2; NULL: not there. */
static struct {
	bool tried;
	int (*to_ascii)(const char *input, char **output, int flags);
	int (*to_unicode)(const char *input, char **output, int flags);
	void (*release)(void *);
} idn2;

/*
 * Fills the function pointer `ret`.  dlsym() returns a data pointer, which C
 * casts to no function pointer.
 */
static void
find_function(void *library, const char *name, void *ret)
{
	void *function = library ? dlsym(library, name) : NULL;

	memcpy(ret, &function, sizeof function);
}

static bool
load(void)
{
	void *library;

	if (!idn2.tried) {
		idn2.tried = true;
		library = dlopen("libidn2.so.0", RTLD_NOW);
		find_function(library, "idn2_to_ascii_8z", &idn2.to_ascii);
		find_function(
		    library, "idn2_to_unicode_8z8z", &idn2.to_unicode);
		find_function(library, "idn2_free", &idn2.release);
	}
	return idn2.to_ascii && idn2.to_unicode && idn2.release;
}

void
idn_load(void)
{
	load();
}

static bool
is_plain(const char *domain)
{
	for (const char *p = domain; *p; p++) {
		if ((unsigned char)*p >= 0x80)
			return false;
		if ((p == domain || p[-1] == '.') &&
		    strncasecmp(p, "xn--", 4) == 0)
			return false;
	}
	return true;
}

/* Takes over a string that libidn2 made, if it did. */
static bool
take(int rc, char *text, char *ret)
{
	bool fits = rc == 0 && strlen(text) < IDN_FORM_SIZE;

	if (fits)
		strcpy(ret, text);
	if (rc == 0)
		idn2.release(text);
	return fits;
}

void
idn_forms(struct span domain, struct idn_forms *ret)
{
	char name[IDN_FORM_SIZE], *text = NULL;
	int rc;

	ret->n = 0;
	if (domain.len >= sizeof name)
		return;
	memcpy(name, domain.p, domain.len);
	name[domain.len] = '\0';
	strcpy(ret->form[0], name);
	ret->n = 1;
	if (is_plain(name) || !load())
		return;

	rc = idn2.to_ascii(name, &text, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
	if (!take(rc, text, ret->form[0]))
		return;
	rc = idn2.to_unicode(ret->form[0], &text, 0);
	if (take(rc, text, ret->form[1]))
		ret->n = 2;
}
