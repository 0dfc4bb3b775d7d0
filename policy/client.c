/*
 * Which client may send: the rule of its address, or of the smallest network that
 * it is in.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "../mail/peer.h"
#include "private.h"

enum {
	/* Rules that are sooner looked through than asked for one by one. */
	RULES_FEW = 32,
};

bool
policy_try_rule(
    struct decision *d, enum sql which, const char *table, const char *key)
{
	sqlite3_stmt *rule = lookup_find(&d->lookup, which, key);

	if (!rule)
		return false;
	answer_note_row(d->answer, table, lookup_text(rule, 0));
	if (!sqlite3_column_int(rule, 1))
		answer_say_own(d->answer, sqlite3_column_int(rule, 2),
		    lookup_text(rule, 3), lookup_text(rule, 4));
	lookup_end(&d->lookup, rule);
	return true;
}

static bool
try_network(struct decision *d, const char *network)
{
	return policy_try_rule(d, SQL_CLIENT_RULE, "client_rule", network);
}

/* The bits of the prefix if the client is in this network, else -1. */
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
 * Looks through the rules, if they are few; false: they are not.  The network
 * that counts is "" if there is none.
 */
static bool
find_among_few(
    struct decision *d, const struct ip *client, char ret_network[IP_TEXT_SIZE])
{
	sqlite3_stmt *rules = lookup_begin(&d->lookup, SQL_NETWORKS);
	int best = -1, nrows = 0;

	ret_network[0] = '\0';
	while (nrows <= RULES_FEW && lookup_step(&d->lookup, rules)) {
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

/* Asks for each of its networks, from the longest prefix to the shortest. */
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

/* Whose address is unknown is in no network but those of all. */
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
