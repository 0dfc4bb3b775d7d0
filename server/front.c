#include "front.h"

#include "../mail/networks.h"
#include "../mail/reply.h"
#include "entries.h"
#include "proxy.h"

enum {
	/* A proxy sends its header at once, in the first packet. */
	HEADER_SEC = 10,
};

static void
refuse(struct context *c, enum reply why, struct span said, const char *cause)
{
	struct reply_values values = { .hostname = c->options->hostname };
	char line[REPLY_LINE_MAX];
	struct span reply = { line, 0 };

	reply.len =
	    reply_write(line, sizeof line, &replies[why], &values, false);
	connection_write(c->connection, reply);
	reply.len -= 2; /* CRLF */
	entry_refused(&c->entries,
	    &(struct entry_refusal){ reply, said, cause, NULL, NULL });
}

/* Reads the header, and nothing behind it, as far as it comes. */
static enum proxy_state
read_header(struct connection *c, struct proxy_header *h)
{
	int64_t timeout_ms = c->timeout_ms;
	enum proxy_state state;
	size_t wanted = 0, len;

	if (c->timeout_ms > HEADER_SEC * 1000)
		c->timeout_ms = HEADER_SEC * 1000;
	h->len = 0;
	while ((state = proxy_look(h, &wanted)) == PROXY_MORE) {
		char *to = (char *)h->octets + h->len;

		if (connection_read(c, to, wanted, &len) != CONNECTION_OK)
			break;
		h->len += len;
	}
	c->timeout_ms = timeout_ms;
	return state;
}

/* Tells the store of the client before it becomes ours. */
static bool
take(struct context *c, const struct fronted *said)
{
	if (store_introduce(c->store, said) != VERDICT_OK)
		return false;
	c->peer = said->client;
	if (!said->forwarded)
		c->speaker = said->client;
	facts_take_login(&c->facts, said->login);
	return true;
}

static bool
learn_by_proxy(struct context *c)
{
	static struct proxy_header header;
	struct fronted by_proxy = { .client = c->peer };
	enum proxy_state state = read_header(c->connection, &header);
	struct span said = { (char *)header.octets, header.len };

	/*
	 * A health check connects and says nothing, which is not worth an
	 * entry.
	 */
	if (state == PROXY_MORE && header.len == 0)
		return false;
	if (state != PROXY_WHOLE ||
	    proxy_read(&header, &by_proxy.client) == PROXY_MALFORMED) {
		refuse(c, REPLY_NO_PROXY_HEADER, said, NULL);
		return false;
	}
	/*
	 * Also a proxy that speaks for itself has then used its right to say
	 * so.
	 */
	if (!take(c, &by_proxy)) {
		refuse(c, REPLY_UNAVAILABLE, said, store_error(c->store));
		return false;
	}
	return true;
}

bool
front_learn_client(struct context *c)
{
	const struct fronts *lists = &c->options->fronts;

	c->speaker = c->peer;
	if (networks_have(&lists->proxy, &c->peer) && !learn_by_proxy(c))
		return false;
	if (!networks_are_none(&lists->xclient))
		session_offer_xclient(
		    c->session, networks_have(&lists->xclient, &c->peer));
	return true;
}

/* False: it is no address. */
static bool
read_address(const char *text, struct peer *ret)
{
	struct ip ip;

	*ret = (struct peer){ .address = PEER_UNKNOWN };
	if (text[0] == '\0')
		return true;
	if (!ip_read(text, &ip))
		return false;
	ip_write(&ip, ret->address);
	return true;
}

/* With another address, an earlier login no longer counts. */
static struct span
login_of(const struct session_client *said)
{
	if (said->login)
		return span_of(said->login);
	return said->address ? span_of("") : (struct span){ NULL, 0 };
}

void
front_take_client(struct context *c)
{
	const struct fronts *lists = &c->options->fronts;
	struct session_client said = session_client(c->session);
	struct fronted client = {
		.client = c->peer,
		.forwarded = said.forwarded,
		.login = login_of(&said),
	};
	enum reply refusal = REPLY_NONE;

	if (said.address && !read_address(said.address, &client.client))
		refusal = REPLY_XCLIENT_SYNTAX;
	if (said.port >= 0)
		client.client.port = said.port;
	if (refusal == REPLY_NONE && !take(c, &client))
		refusal = REPLY_UNAVAILABLE;
	session_offer_xclient(
	    c->session, networks_have(&lists->xclient, &c->speaker));
	session_take_client(c->session, refusal);
}

void
front_lose_client(struct context *c, enum connection_result why)
{
	static const enum session_end ends[] = {
		[CONNECTION_EOF] = SESSION_EOF,
		[CONNECTION_TIMEOUT] = SESSION_TIMEOUT,
		[CONNECTION_CROWDED] = SESSION_CROWDED,
		[CONNECTION_EXPIRED] = SESSION_EXPIRED,
		[CONNECTION_SHUTDOWN] = SESSION_SHUTDOWN,
	};

	if (why == CONNECTION_EOF && session_has_mail(c->session))
		entry_abandoned(&c->entries, session_envelope(c->session));
	record_end(c->record, ends[why]);
	c->entries.is_crowded = why == CONNECTION_CROWDED;
	session_end(c->session, ends[why]);
}
