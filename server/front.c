#include "front.h"

#include "../mail/networks.h"
#include "../mail/reply.h"
#include "entries.h"
#include "proxy.h"

enum {
	/* A proxy says it at once, in the first packet. */
	HEADER_SEC = 10,
};

enum session_end
front_end_of(enum connection_result why)
{
	static const enum session_end ends[] = {
		[CONNECTION_EOF] = SESSION_EOF,
		[CONNECTION_TIMEOUT] = SESSION_TIMEOUT,
		[CONNECTION_CROWDED] = SESSION_CROWDED,
		[CONNECTION_EXPIRED] = SESSION_EXPIRED,
		[CONNECTION_SHUTDOWN] = SESSION_SHUTDOWN,
	};

	return ends[why];
}

static void
refuse(
    const struct front *f, enum reply why, struct span said, const char *cause)
{
	struct reply_values values = { .hostname = f->options->hostname };
	struct entry_refusals first = { 0 };
	char line[REPLY_LINE_MAX];
	struct span reply = { line, 0 };

	reply.len =
	    reply_write(line, sizeof line, &replies[why], &values, false);
	connection_write(f->connection, reply);
	reply.len -= 2; /* CRLF */
	entry_refused(f->peer, &first,
	    &(struct entry_refusal){ reply, said, cause, NULL, NULL });
}

/* Reads it, and nothing behind it, as far as it comes. */
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

/* The client is in the store's mind before it is in ours. */
static bool
take(struct front *f, const struct fronted *said)
{
	if (store_introduce(f->store, said) != VERDICT_OK)
		return false;
	*f->peer = said->client;
	if (!said->forwarded)
		f->speaker = said->client;
	if (said->login.p)
		facts_set(f->facts, FACT_ACCOUNT, said->login);
	return true;
}

static bool
learn_by_proxy(struct front *f)
{
	static struct proxy_header header;
	struct fronted by_proxy = { .client = *f->peer };
	enum proxy_state state = read_header(f->connection, &header);
	struct span said = { (char *)header.octets, header.len };

	/* Who looks if we are up says nothing; that is no news. */
	if (state == PROXY_MORE && header.len == 0)
		return false;
	if (state != PROXY_WHOLE ||
	    proxy_read(&header, &by_proxy.client) == PROXY_MALFORMED) {
		refuse(f, REPLY_NO_PROXY_HEADER, said, NULL);
		return false;
	}
	/* Also one that stands for itself uses up the right to say so. */
	if (!take(f, &by_proxy)) {
		refuse(f, REPLY_UNAVAILABLE, said, store_error(f->store));
		return false;
	}
	return true;
}

bool
front_learn_client(struct front *f)
{
	const struct fronts *lists = &f->options->fronts;

	if (networks_have(&lists->proxy, f->peer) && !learn_by_proxy(f))
		return false;
	if (!networks_are_none(&lists->xclient))
		session_offer_xclient(
		    f->session, networks_have(&lists->xclient, f->peer));
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

/* A client at another address has proved nothing yet, whatever the last has. */
static struct span
login_of(const struct session_client *said)
{
	if (said->login)
		return span_of(said->login);
	return said->address ? span_of("") : (struct span){ NULL, 0 };
}

void
front_take_client(struct front *f)
{
	const struct fronts *lists = &f->options->fronts;
	struct session_client said = session_client(f->session);
	struct fronted client = {
		.client = *f->peer,
		.forwarded = said.forwarded,
		.login = login_of(&said),
	};
	enum reply refusal = REPLY_NONE;

	if (said.address && !read_address(said.address, &client.client))
		refusal = REPLY_XCLIENT_SYNTAX;
	if (said.port >= 0)
		client.client.port = said.port;
	if (refusal == REPLY_NONE && !take(f, &client))
		refusal = REPLY_UNAVAILABLE;
	session_offer_xclient(
	    f->session, networks_have(&lists->xclient, &f->speaker));
	session_take_client(f->session, refusal);
}
