#include "networks.h"

#include <string.h>

static bool
add(struct networks *n, struct span item)
{
	char text[IP_TEXT_SIZE];
	struct network *row = &n->rows[n->n];

	if (span_is(item, PEER_LOCAL)) {
		n->local = true;
		return true;
	}
	if (n->n == NETWORKS_MAX || item.len >= sizeof text)
		return false;
	memcpy(text, item.p, item.len);
	text[item.len] = '\0';
	if (!ip_read_network(text, &row->ip, &row->bits))
		return false;
	row->ip = ip_prefix(&row->ip, row->bits);
	n->n++;
	return true;
}

bool
networks_add(struct networks *n, const char *list)
{
	for (;;) {
		size_t len = strcspn(list, ",");

		if (!add(n, span_trim((struct span){ list, len })))
			return false;
		if (list[len] == '\0')
			return true;
		list += len + 1;
	}
}

bool
networks_are_none(const struct networks *n)
{
	return n->n == 0 && !n->local;
}

bool
networks_have(const struct networks *n, const struct peer *who)
{
	struct ip ip;

	if (networks_are_none(n))
		return false;
	if (peer_is_local(who))
		return n->local;
	if (n->n == 0 || !ip_read(who->address, &ip))
		return false;
	for (size_t i = 0; i < n->n; i++) {
		const struct network *row = &n->rows[i];
		struct ip prefix;

		if (ip_nbits(&row->ip) != ip_nbits(&ip))
			continue;
		prefix = ip_prefix(&ip, row->bits);
		if (memcmp(&prefix, &row->ip, sizeof prefix) == 0)
			return true;
	}
	return false;
}

bool
fronts_have(const struct fronts *f, const struct peer *who)
{
	return f && (networks_have(&f->proxy, who) ||
			networks_have(&f->xclient, who));
}
