/*
 * Which client may send: the rule of its address decides, or else that of the
 * smallest network that it is in.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "../mail/peer.h"
#include "private.h"

enum {
	/* Up to so many rules, reading all is faster than looking each up. */
	RULES_FEW = 32,
};

bool
policy_try_rule(struct decision *d, enum policy_sql which, const char *table,
    const char *key)
{
	struct statement *rule = lookup_find(&d->lookup, which, key);

	if (!rule)
		return false;
	answer_note_row(d->answer, table, lookup_text(rule, 0));
	if (statement_integer(rule, 5)) {
		if (!policy_is_authenticated(d->asker))
			answer_say(d->answer, REPLY_AUTH_REQUIRED, "");
	} else if (!statement_integer(rule, 1))
		answer_say_own(d->answer, statement_integer(rule, 2),
		    lookup_text(rule, 3), lookup_text(rule, 4));
	lookup_end(&d->lookup, rule);
	return true;
}

static bool
try_network(struct decision *d, const char *network)
{
	return policy_try_rule(d, SQL_CLIENT_RULE, "client_rule", network);
}

/* Returns the bits of the network that the client is in, or -1. */
static int
match_network(const struct ip *client, const char *network)
{
	const char *slash = strchr(network, '/');
	char own[IP_TEXT_SIZE];
	uint64_t bits;

	if (!slash || !span_number(span_of(slash + 1), &bits) ||
	    bits > ip_nbits(client))
		return -1;
	ip_write_network(client, (unsigned)bits, own);
	return strcasecmp(own, network) == 0 ? (int)bits : -1;
}

/*
 * Reads all rules, if they are few.  False: they are many.  `ret_network` is ""
 * if the client is in none.
 */
static bool
find_among_few(
    struct decision *d, const struct ip *client, char ret_network[IP_TEXT_SIZE])
{
	struct statement *rules = lookup_begin(&d->lookup, SQL_NETWORKS);
	int best = -1, nrows = 0;

	ret_network[0] = '\0';
	while (nrows <= RULES_FEW && lookup_step(rules)) {
		const char *network = lookup_text(rules, 0);
		int bits = match_network(client, network);

		nrows++;
		if (bits > best) {
			best = bits;
			snprintf(ret_network, IP_TEXT_SIZE, "%s", network);
		}
	}
	lookup_end(&d->lookup, rules);
	return nrows <= RULES_FEW;
}

/* Looks up each of the client's networks, from the smallest on. */
static void
try_all_networks(struct decision *d, const struct ip *client)
{
	char key[IP_TEXT_SIZE];

	for (unsigned bits = ip_nbits(client) + 1; bits-- > 0;) {
		ip_write_network(client, bits, key);
		if (try_network(d, key))
			return;
	}
}

/* A client of unknown address is only in the networks of all addresses. */
static void
try_unknown(struct decision *d)
{
	try_network(d, "0.0.0.0/0");
	if (d->answer->code == 0)
		try_network(d, "::/0");
}

void
policy_decide_client(struct decision *d)
{
	const char *address = d->asker->client_address;
	char network[IP_TEXT_SIZE];
	struct ip client;

	if (try_network(d, address))
		return;
	if (strcmp(address, PEER_UNKNOWN) == 0)
		try_unknown(d);
	if (!ip_read(address, &client))
		return;
	if (!find_among_few(d, &client, network))
		try_all_networks(d, &client);
	else if (network[0] != '\0')
		try_network(d, network);
}
