/*
 * What a proxy may say, or whoever speaks in its place: the octets as they come,
 * in the pieces that are asked for.
 */
#include "../../server/proxy.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

static bool
is_name_of_client(const struct peer *p)
{
	char again[IP_TEXT_SIZE];
	struct ip ip;

	if (strcmp(p->address, PEER_UNKNOWN) == 0)
		return true;
	if (!ip_read(p->address, &ip))
		return false;
	ip_write(&ip, again);
	return strcmp(p->address, again) == 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	/* On the heap, so that reading beyond it is seen. */
	struct proxy_header *h = malloc(sizeof *h);
	struct span octets = { (const char *)data, len };
	struct peer peer = { .address = "untouched", .port = -1 };
	enum proxy_state state;
	size_t wanted;

	if (!h)
		abort();
	h->len = 0;
	while ((state = proxy_look(h, &wanted)) == PROXY_MORE) {
		fuzz_promise(wanted > 0 && wanted <= PROXY_MAX - h->len,
		    "what is asked for has room");
		if (wanted > len - h->len)
			break;
		memcpy(h->octets + h->len, data + h->len, wanted);
		h->len += wanted;
	}
	if (state != PROXY_WHOLE) {
		free(h);
		return 0;
	}
	switch (proxy_read(h, &peer)) {
	case PROXY_CLIENT:
		fuzz_promise_of(is_name_of_client(&peer) && peer.port >= 0 &&
				    peer.port <= UINT16_MAX,
		    "a client has an address and a port: ", octets);
		break;
	case PROXY_ITSELF:
	case PROXY_MALFORMED:
		fuzz_promise_of(strcmp(peer.address, "untouched") == 0,
		    "the peer stays: ", octets);
		break;
	}
	free(h);
	return 0;
}
