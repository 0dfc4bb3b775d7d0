#include "auth.h"

#include <string.h>

enum {
	SUBJECT_MAX = 512,
	WAIT_MAX_MS = 60 * 1000,
};

void
auth_write_step(
    struct pack *m, const struct auth_step *step, struct span subject)
{
	pack_span(m, step->mechanism);
	pack_span(m, step->response);
	pack_span(m, subject);
}

bool
auth_read_step(
    struct unpack *m, struct auth_step *ret, struct span *ret_subject)
{
	ret->mechanism = unpack_text(m, AUTH_MECHANISM_MAX, true);
	ret->response = unpack_text(m, BASE64_LINE_MAX, true);
	*ret_subject = unpack_text(m, SUBJECT_MAX, true);
	return unpack_is_done(m) && (ret->mechanism.p || ret->response.p) &&
	       (!ret->response.p || base64_is(ret->response));
}

void
auth_write_answer(struct pack *m, const struct auth_answer *a)
{
	pack_u8(m, (uint8_t)a->result);
	pack_span(m, a->challenge);
	pack_span(m, a->account);
	pack_u32(m, a->wait_ms);
}

bool
auth_read_answer(struct unpack *m, struct auth_answer *ret)
{
	uint8_t result = unpack_u8(m);

	ret->result =
	    result <= AUTH_TROUBLE ? (enum auth_result)result : AUTH_TROUBLE;
	ret->challenge = unpack_text(m, AUTH_CHALLENGE_MAX, true);
	ret->account = unpack_text(m, AUTH_NAME_MAX, true);
	ret->wait_ms = unpack_u32(m);
	return unpack_is_done(m) && ret->wait_ms <= WAIT_MAX_MS &&
	       (ret->result != AUTH_MORE ||
		   (ret->challenge.p && base64_is(ret->challenge))) &&
	       (ret->result != AUTH_DONE || ret->account.len > 0);
}

/* authzid NUL authcid NUL passwd (RFC 4616 s. 2) */
bool
auth_read_plain(struct span text, struct span *ret_name)
{
	const char *end = text.p + text.len;
	const char *first = memchr(text.p, '\0', text.len);
	const char *second =
	    first ? memchr(first + 1, '\0', (size_t)(end - first - 1)) : NULL;

	if (!second)
		return false;
	*ret_name = (struct span){ first + 1, (size_t)(second - first - 1) };
	return true;
}
