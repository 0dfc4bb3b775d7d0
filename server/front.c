#include "front.h"

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
refuse(struct connection *c, const struct peer *peer, enum reply why,
    const char *hostname, struct span said, const char *cause)
{
	struct reply_values values = { .hostname = hostname };
	struct entry_refusals first = { 0 };
	char line[REPLY_LINE_MAX];
	struct span reply = { line, 0 };

	reply.len =
	    reply_write(line, sizeof line, &replies[why], &values, false);
	connection_write(c, reply);
	reply.len -= 2; /* CRLF */
	entry_refused(peer, &first, reply, said, cause, NULL);
}

/* Reads it, and nothing behind it.  False: the peer is gone. */
static bool
read_header(
    struct connection *c, struct proxy_header *h, enum proxy_state *ret_state)
{
	size_t wanted = 0, len;

	h->len = 0;
	while ((*ret_state = proxy_look(h, &wanted)) == PROXY_MORE) {
		char *to = (char *)h->octets + h->len;

		switch (connection_read(c, to, wanted, &len)) {
		case CONNECTION_OK:
			h->len += len;
			break;
		case CONNECTION_EOF:
			if (h->len == 0)
				return false; /* as who looks if we are up */
			return true;
		case CONNECTION_TIMEOUT:
		case CONNECTION_CROWDED:
		case CONNECTION_EXPIRED:
		case CONNECTION_SHUTDOWN:
			return true;
		}
	}
	return true;
}

bool
front_learn_client(const struct fronts *f, struct connection *c,
    struct store *st, const char *hostname, struct peer *peer)
{
	static struct proxy_header header;
	struct peer client = *peer;
	enum proxy_client found = PROXY_MALFORMED;
	enum proxy_state state;
	int64_t timeout_ms = c->timeout_ms;
	struct span said;

	if (!networks_have(&f->proxy, peer))
		return true;
	if (c->timeout_ms > HEADER_SEC * 1000)
		c->timeout_ms = HEADER_SEC * 1000;
	if (!read_header(c, &header, &state))
		return false;
	c->timeout_ms = timeout_ms;
	said = (struct span){ (char *)header.octets, header.len };
	if (state == PROXY_WHOLE)
		found = proxy_read(&header, &client);
	if (found == PROXY_MALFORMED) {
		refuse(c, peer, REPLY_NO_PROXY_HEADER, hostname, said, NULL);
		return false;
	}
	if (store_introduce(st, &client) != VERDICT_OK) {
		refuse(c, peer, REPLY_UNAVAILABLE, hostname, said,
		    store_error(st));
		return false;
	}
	*peer = client;
	return true;
}
