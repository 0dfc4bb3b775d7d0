/*
 * Addresses: from what a client sends to what rows have.
 */
#include <stdio.h>
#include <string.h>

#include "private.h"

static bool
unquote(struct span text, char *ret, size_t size, size_t *ret_len)
{
	bool quoted = text.len >= 2 && text.p[0] == '"';
	size_t n = 0;

	if (quoted)
		text = (struct span){ text.p + 1, text.len - 2 };
	for (size_t i = 0; i < text.len; i++) {
		if (quoted && text.p[i] == '\\' && i + 1 < text.len)
			i++;
		if (n == size)
			return false;
		ret[n++] = text.p[i];
	}
	*ret_len = n;
	return true;
}

bool
policy_read_address(
    struct span text, const char *hostname, struct policy_address *ret)
{
	const char *at = memrchr(text.p, '@', text.len);
	struct span local = text;

	ret->has_domain = at != NULL;
	ret->domain = span_of(hostname);
	if (at) {
		local.len = (size_t)(at - text.p);
		ret->domain = (struct span){ at + 1, text.len - local.len - 1 };
	}
	return unquote(local, ret->local, sizeof ret->local, &ret->local_len);
}

bool
policy_join(const char *local, size_t local_len, const char *domain,
    char ret[ANSWER_ADDRESS_SIZE])
{
	int len = snprintf(
	    ret, ANSWER_ADDRESS_SIZE, "%.*s@%s", (int)local_len, local, domain);

	return len > 0 && len < ANSWER_ADDRESS_SIZE;
}
