#include "mail.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "random.h"

enum {
	LARGE = 1024 * 1024,
	PIECE = 10000, /* as a session hands the text on */
};

static const char name_format[] = "mail-%" PRIu64;

uint64_t
mail_key(int writer, unsigned n, bool large)
{
	return (uint64_t)(writer + 1) << 33 | (uint64_t)n << 1 | large;
}

uint64_t
mail_key_of(const char *envelope_id)
{
	uint64_t key;

	if (!envelope_id || sscanf(envelope_id, name_format, &key) != 1)
		return 0;
	return key;
}

/* Sizes about those at which a row takes another page, and a big one. */
static size_t
choose_size(struct random *r)
{
	unsigned kind = random_below(r, 100);

	if (kind < 60)
		return random_below(r, 3000);
	if (kind < 80)
		return 3900 + random_below(r, 300);
	if (kind < 98)
		return random_below(r, 20000);
	return 256 * 1024 + random_below(r, 50000);
}

static struct span
make_data(struct random *r, size_t len)
{
	static uint64_t octets[LARGE / sizeof(uint64_t) + 1];

	for (size_t i = 0; i * sizeof *octets < len; i++)
		octets[i] = random_next(r);
	return (struct span){ (const char *)octets, len };
}

static void
make_recipients(struct random *r, struct mail *m)
{
	m->envelope.recipients = m->recipients;
	m->envelope.nrecipients = 1 + random_below(r, MAIL_RECIPIENTS);
	for (unsigned i = 0; i < m->envelope.nrecipients; i++) {
		snprintf(m->to[i], sizeof m->to[i],
		    "to-%" PRIu64 "-%u@mx.example", m->key, i);
		m->recipients[i] = (struct recipient){
			.forward_path = m->to[i],
			.notify = i % 2 ? "NEVER" : NULL,
		};
	}
}

void
mail_make(uint64_t seed, uint64_t key, struct mail *ret)
{
	struct random r = random_stream(seed, key);
	bool large = key & 1;

	memset(ret, 0, sizeof *ret);
	ret->key = key;
	snprintf(ret->name, sizeof ret->name, name_format, key);
	snprintf(ret->from, sizeof ret->from, "from-%" PRIu64 "@client.example",
	    key);
	snprintf(ret->before_id, sizeof ret->before_id,
	    "Received: %" PRIu64 " with ESMTP id ", key);
	snprintf(ret->after_id, sizeof ret->after_id,
	    "\r\n\tfor %" PRIu64 "\r\n", key);
	ret->data = make_data(&r, large ? LARGE : choose_size(&r));
	ret->envelope = (struct envelope){
		.verb = "MAIL",
		.protocol = "ESMTP",
		.helo = "client.example",
		.reverse_path = ret->from,
		.body_type = "BINARYMIME",
		.envelope_id = ret->name,
		.size = ret->data.len,
	};
	make_recipients(&r, ret);
	ret->store = (struct store_mail){
		.envelope = &ret->envelope,
		.received_at = (int64_t)key,
		.client_address = "192.0.2.1",
		.client_port = 25,
		.trace_before_id = ret->before_id,
		.trace_after_id = ret->after_id,
	};
}

enum verdict
mail_store(struct store *st, const struct mail *m, int64_t *ret_id)
{
	struct span rest = m->data;

	while (rest.len > 0) {
		struct span piece = { rest.p, rest.len };

		if (piece.len > PIECE)
			piece.len = PIECE;
		store_append(st, piece);
		rest.p += piece.len;
		rest.len -= piece.len;
	}
	return store_commit(st, &m->store, ret_id);
}
