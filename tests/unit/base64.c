#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "../../mail/base64.h"

/* RFC 4648 s. 10, and octets of all kinds. */
static const struct {
	const char *text, *base64;
	size_t len;
} pairs[] = {
	{ "", "", 0 },
	{ "f", "Zg==", 1 },
	{ "fo", "Zm8=", 2 },
	{ "foo", "Zm9v", 3 },
	{ "foob", "Zm9vYg==", 4 },
	{ "fooba", "Zm9vYmE=", 5 },
	{ "foobar", "Zm9vYmFy", 6 },
	{ "\0a\0b", "AGEAYg==", 4 },
	{ "\xff\xfe\xfd\xfc", "//79/A==", 4 },
};

static const char *const none[] = { "Z", "Zg",
	"Zg=", "Zg= =", "Z===", "====", "Zg==Zg==", "Zm9v ", "Zm 9", "Zm-_",
	"=Zg=", "Zm9v\n", "\xc3\xb6zz" };

/* In a block of its own, so that AddressSanitizer sees what is read beside. */
static struct span
lend(const char *text, size_t len, char **ret)
{
	*ret = malloc(len + !len);
	memcpy(*ret, text, len);
	return (struct span){ *ret, len };
}

Test(base64, goes_there_and_back)
{
	char out[32];

	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		char *block;
		struct span text =
		    lend(pairs[i].base64, strlen(pairs[i].base64), &block);

		cr_expect(base64_is(text), "%s", pairs[i].base64);
		cr_expect(base64_read(text, out) == pairs[i].len);
		cr_expect(memcmp(out, pairs[i].text, pairs[i].len + 1) == 0,
		    "%s", pairs[i].base64);
		free(block);
		text = lend(pairs[i].text, pairs[i].len, &block);
		cr_expect(base64_write(text, out) == strlen(pairs[i].base64));
		cr_expect_str_eq(out, pairs[i].base64);
		free(block);
	}
}

Test(base64, is_nothing_else)
{
	for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
		char *block;

		cr_expect(!base64_is(lend(none[i], strlen(none[i]), &block)),
		    "%s", none[i]);
		free(block);
	}
}
