/*
 * The policy delegation protocol: a request is lines "name=value" and an empty
 * one, a reply "action=..." and an empty line.  A server that speaks otherwise
 * fails.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../mail/utf8.h"
#include "private.h"

enum {
	REQUEST_MAX = 8192,
	REPLY_MAX = 8192,
};

/*
 * Replies
 */

static void
refuse(struct policy_reply *ret, int code, const char *enhanced,
    const char *usual, struct span text)
{
	char line[REPLY_MAX + 8];

	/* The text may have an enhanced code of its own. */
	snprintf(line, sizeof line, "%d %.*s", code,
	    text.len > 0 ? (int)text.len : (int)strlen(usual),
	    text.len > 0 ? text.p : usual);
	ret->ruling = RULING_REFUSE;
	milter_read_code(span_of(line), enhanced, &ret->refusal.code,
	    ret->refusal.enhanced, ret->refusal.text);
}

static bool
read_header(struct span text, struct policy_reply *ret)
{
	const char *colon = memchr(text.p, ':', text.len);

	if (!colon)
		return false;
	ret->name = (struct span){ text.p, (size_t)(colon - text.p) };
	ret->value = (struct span){ colon + 1, text.len - ret->name.len - 1 };
	return change_is_valid(&(struct change){
	    .action = CHANGE_INSERT_HEADER,
	    .filter = span_of("x"),
	    .name = ret->name,
	    .value = ret->value,
	});
}

static bool
is_number(struct span word)
{
	uint64_t n;

	return span_number(word, &n);
}

static void
put_off(struct policy_reply *ret, const char *usual, struct span text)
{
	ret->is_put_off = true;
	snprintf(ret->refusal.text, sizeof ret->refusal.text, "%.*s",
	    text.len > 0 ? (int)text.len : (int)strlen(usual),
	    text.len > 0 ? text.p : usual);
}

bool
policy_read_action(struct span action, struct policy_reply *ret)
{
	static const char again[] = "Try again later";
	struct span text = span_trim(action), whole = text;
	struct span word = span_word(&text);

	*ret = (struct policy_reply){ .ruling = RULING_NONE };
	if (!utf8_is_printable(whole))
		return false;
	if (span_is(word, "DUNNO") || span_is(word, "INFO") ||
	    span_is(word, "WARN"))
		return true;
	if (word.len == 3 && (*word.p == '4' || *word.p == '5') &&
	    milter_read_code(whole, "7.1", &ret->refusal.code,
		ret->refusal.enhanced, ret->refusal.text)) {
		ret->ruling = RULING_REFUSE;
		return true;
	}
	if (span_is(word, "OK") || is_number(whole)) {
		ret->ruling = RULING_ACCEPT;
	} else if (span_is(word, "REJECT")) {
		refuse(ret, 554, "7.1", "Access denied", text);
	} else if (span_is(word, "DEFER")) {
		refuse(ret, 450, "7.1", again, text);
	} else if (span_is(word, "DEFER_IF_PERMIT")) {
		refuse(ret, 450, "7.1", again, text);
		ret->ruling = RULING_NONE;
		ret->defers = true;
	} else if (span_is(word, "HOLD")) {
		put_off(ret, "held by a policy server", text);
	} else if (span_is(word, "DISCARD")) {
		put_off(ret, "discarded by a policy server", text);
	} else if (span_is(word, "PREPEND")) {
		return read_header(text, ret);
	} else {
		return false;
	}
	return true;
}

/*
 * Requests
 */

struct request {
	char text[REQUEST_MAX];
	size_t len;
};

__attribute__((format(printf, 2, 3))) static void
add(struct request *r, const char *format, ...)
{
	size_t room = sizeof r->text - r->len;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(r->text + r->len, room, format, args);
	va_end(args);
	r->len += n > 0 && (size_t)n < room ? (size_t)n : room - 1;
}

static void
write_request(struct request *r, const struct told *told,
    const struct question *q, const struct envelope *e)
{
	const struct facts *f = told->facts;
	struct span tls = facts_tls_version(f);
	const char *only =
	    e && e->nrecipients == 1 ? e->recipients[0].forward_path : "";
	struct span to = q ? q->address : span_of(only);

	r->len = 0;
	add(r, "request=smtpd_access_policy\nprotocol_state=%s\n",
	    q ? "RCPT" : "END-OF-MESSAGE");
	add(r, "protocol_name=%s\nhelo_name=%s\nqueue_id=\n", told->protocol,
	    told->helo);
	add(r, "sender=%s\nrecipient=%.*s\nrecipient_count=%u\n", told->sender,
	    (int)to.len, to.p, e ? e->nrecipients : 0);
	add(r, "client_address=%s\nclient_name=unknown\n",
	    peer_is_local(&told->peer) ? "127.0.0.1" : told->peer.address);
	add(r, "reverse_client_name=unknown\nclient_port=%d\n",
	    told->peer.port);
	add(r, "instance=%s\nsize=%llu\n", told->id,
	    (unsigned long long)(e ? e->size : told->size));
	add(r, "sasl_method=\nsasl_username=%s\nsasl_sender=\n",
	    f->text[FACT_ACCOUNT]);
	add(r, "etrn_domain=\nstress=\nccert_subject=%s\nccert_issuer=\n",
	    f->text[FACT_CLIENT_SUBJECT]);
	add(r, "ccert_fingerprint=\nccert_pubkey_fingerprint=\n");
	add(r, "encryption_protocol=%.*s\nencryption_cipher=%s\n", (int)tls.len,
	    tls.p, facts_cipher(f));
	add(r, "encryption_keysize=0\nserver_address=\nserver_port=\n");
	add(r, "policy_context=\ncompatibility_level=\nmail_version=%s\n\n",
	    told->version);
}

/* Reads up to the empty line; `*ret` is what stands before it. */
static bool
read_reply(struct channel *c, char *space, struct span *ret)
{
	size_t len = 0, n;

	for (;;) {
		if (len == REPLY_MAX)
			return channel_fail(c, "sent too long a reply");
		if (!channel_read_some(c, space + len, REPLY_MAX - len, &n))
			return false;
		len += n;
		if (len >= 2 && memcmp(space + len - 2, "\n\n", 2) == 0)
			break;
	}
	*ret = (struct span){ space, len - 2 };
	return true;
}

static bool
find_action(struct span reply, struct span *ret)
{
	while (reply.len > 0) {
		const char *lf = memchr(reply.p, '\n', reply.len);
		struct span line = { reply.p,
			lf ? (size_t)(lf - reply.p) : reply.len };

		reply.p += line.len + (lf != NULL);
		reply.len -= line.len + (lf != NULL);
		if (span_skip(&line, "action=")) {
			*ret = line;
			return true;
		}
	}
	return false;
}

enum ruling
policy_server_ask(struct policy_server *s, const struct told *told,
    const struct question *q, const struct envelope *e,
    struct policy_reply *ret)
{
	static struct request request;
	static char space[REPLY_MAX];
	struct span reply = { NULL, 0 }, action;

	write_request(&request, told, q, e);
	channel_allow(&s->channel, s->step_ms);
	if (!channel_send(&s->channel, request.text, request.len) ||
	    !read_reply(&s->channel, space, &reply))
		return RULING_FAILED;
	if (!find_action(reply, &action) || !policy_read_action(action, ret)) {
		channel_fail(&s->channel, "sent an action that is not known");
		return RULING_FAILED;
	}
	return ret->ruling;
}
