#include "peer.h"

#include <string.h>

bool
peer_is_local(const struct peer *p)
{
	return strcmp(p->address, PEER_LOCAL) == 0;
}
