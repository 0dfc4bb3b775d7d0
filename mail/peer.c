#include "peer.h"

#include <string.h>

bool
peer_is_local(const struct peer *p)
{
	return strcmp(p->address, PEER_LOCAL) == 0;
}

bool
peer_is_name(const char *text)
{
	return strcmp(text, PEER_LOCAL) == 0 || strcmp(text, PEER_UNKNOWN) == 0;
}

bool
peer_has_address(const struct peer *p)
{
	return !peer_is_name(p->address);
}
