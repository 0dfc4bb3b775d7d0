/*
 * The names of cipher suites.  Those of TLS 1.3 are IANA's already; OpenSSL's
 * of TLS 1.2 ("ECDHE-RSA-AES256-GCM-SHA384") say the same in other words.
 */
#include <stdio.h>
#include <string.h>

#include "private.h"

/* Parts of OpenSSL's names, as IANA writes them. */
static const char *const parts[][2] = {
	{ "AES128", "AES_128" },
	{ "AES256", "AES_256" },
	{ "CAMELLIA128", "CAMELLIA_128" },
	{ "CAMELLIA256", "CAMELLIA_256" },
	{ "ARIA128", "ARIA_128" },
	{ "ARIA256", "ARIA_256" },
};

/* Appends one part, and what stands before it. */
static void
add(char *buffer, size_t size, const char *before, const char *part)
{
	size_t len = strlen(buffer);

	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		if (strcmp(part, parts[i][0]) == 0)
			part = parts[i][1];
	}
	snprintf(buffer + len, size - len, "%s%s", before, part);
}

const char *
suite_name(const char *openssl, char *buffer, size_t size)
{
	char copy[128], *rest = copy, *part;
	bool in_cipher = false;

	if (strncmp(openssl, "TLS_", 4) == 0 || strlen(openssl) >= sizeof copy)
		return openssl;
	strcpy(copy, openssl);
	snprintf(buffer, size, "TLS");
	while ((part = strsep(&rest, "-"))) {
		bool is_kx =
		    strstr("ECDHE DHE RSA ECDSA DSS PSK", part) != NULL;

		add(buffer, size, is_kx || in_cipher ? "_" : "_WITH_", part);
		in_cipher |= !is_kx;
	}
	if (strstr(openssl, "POLY1305"))
		add(buffer, size, "_", "SHA256");
	return buffer;
}
