#include "wire.h"

#include <stdio.h>
#include <string.h>

#include "protocol.h"

enum {
	/*
	 * To be raised with each change of a message: a program may be replaced
	 * while the other one runs.
	 */
	WIRE_VERSION = 4,
};

void
wire_begin(struct pack *m, enum wire_kind kind)
{
	m->len = 0;
	m->failed = false;
	pack_u8(m, WIRE_VERSION);
	pack_u8(m, (uint8_t)kind);
}

enum wire_kind
wire_kind(struct unpack *m)
{
	uint8_t version = unpack_u8(m), kind = unpack_u8(m);

	if (version != WIRE_VERSION || kind > WIRE_RESULT)
		m->failed = true;
	return m->failed ? 0 : (enum wire_kind)kind;
}

static bool
read_bool(struct unpack *m)
{
	uint8_t n = unpack_u8(m);

	if (n > 1)
		m->failed = true;
	return n == 1;
}

/* Is one of the words of a list that ends with NULL; lent from the list. */
static const char *
read_word(struct unpack *m, const char *const *words, bool nullable)
{
	struct span text = unpack_text(m, WIRE_TEXT_MAX, nullable);

	if (m->failed || !text.p)
		return NULL;
	for (; *words; words++) {
		if (strlen(*words) == text.len &&
		    memcmp(*words, text.p, text.len) == 0)
			return *words;
	}
	m->failed = true;
	return NULL;
}

/* Copies a text that has a limit of its own. */
static void
read_string(struct unpack *m, char *ret, size_t size)
{
	struct span text = unpack_text(m, size - 1, false);

	if (text.len > 0)
		memcpy(ret, text.p, text.len);
	ret[text.len] = '\0';
}

/*
 * Question and answer
 */

/* Without TLS and accounts, which others tell. */
static const char *
plain_protocol(const char *name)
{
	unsigned others = PROTOCOL_TLS | PROTOCOL_AUTH;

	return protocol_name(protocol_traits(name) & ~others);
}

void
wire_write_question(struct pack *m, const struct question *q)
{
	pack_u8(m, (uint8_t)q->kind);
	pack_span(m, q->address);
	pack_u64(m, q->size);
	pack_u32(m, q->nrecipients);
	if (q->kind == QUESTION_MAIL) {
		pack_text(m, q->mail.verb);
		pack_text(m, plain_protocol(q->mail.protocol));
		pack_span(m, q->mail.helo);
		pack_text(m, q->mail.body_type);
		pack_text(m, q->mail.dsn_return);
		pack_span(m, q->mail.envelope_id);
		pack_span(m, q->mail.claimed_as);
		pack_u8(m, q->mail.smtputf8);
		pack_u8(m, q->mail.requiretls);
	} else if (q->kind == QUESTION_RCPT) {
		pack_span(m, q->notify);
		pack_span(m, q->original_recipient);
		pack_u8(m, q->added);
	}
}

static void
read_mail_words(struct unpack *m, struct question *q)
{
	static const char *const verbs[] = { "MAIL", "SEND", "SOML", "SAML",
		NULL };
	/* No session may say of itself that it has TLS, or an account. */
	static const char *const protocols[] = { "SMTP", "ESMTP", "LMTP",
		"UTF8SMTP", "UTF8LMTP", NULL };
	static const char *const body_types[] = { "7BIT", "8BITMIME",
		"BINARYMIME", NULL };
	static const char *const returns[] = { "FULL", "HDRS", NULL };

	q->mail.verb = read_word(m, verbs, false);
	q->mail.protocol = read_word(m, protocols, false);
	q->mail.helo = unpack_text(m, WIRE_TEXT_MAX, false);
	q->mail.body_type = read_word(m, body_types, false);
	q->mail.dsn_return = read_word(m, returns, true);
	q->mail.envelope_id = unpack_text(m, WIRE_TEXT_MAX, true);
	q->mail.claimed_as = unpack_text(m, WIRE_TEXT_MAX, true);
	q->mail.smtputf8 = read_bool(m);
	q->mail.requiretls = read_bool(m);
}

bool
wire_read_question(struct unpack *m, struct question *ret)
{
	uint8_t kind = unpack_u8(m);

	*ret = (struct question){ .kind = (enum question_kind)kind };
	ret->address = unpack_text(m, WIRE_TEXT_MAX, false);
	ret->size = unpack_u64(m);
	ret->nrecipients = unpack_u32(m);
	switch (ret->kind) {
	case QUESTION_MAIL:
		read_mail_words(m, ret);
		break;
	case QUESTION_RCPT:
		ret->notify = unpack_text(m, WIRE_TEXT_MAX, true);
		ret->original_recipient = unpack_text(m, WIRE_TEXT_MAX, true);
		ret->added = read_bool(m);
		break;
	case QUESTION_VRFY:
	case QUESTION_EXPN:
		break;
	default:
		m->failed = true;
	}
	return unpack_is_done(m);
}

void
wire_write_answer(
    struct pack *m, const struct answer *a, bool is_open, const char *cause)
{
	const char *mailbox = NULL;

	pack_u8(m, (uint8_t)a->verdict);
	pack_u8(m, is_open);
	pack_text(m, a->verdict == VERDICT_OK ? "" : cause);
	pack_u32(m, (uint32_t)a->reply);
	pack_u32(m, (uint32_t)a->code);
	pack_text(m, a->enhanced);
	pack_text(m, a->detail);
	pack_u32(m, a->nmailboxes);
	while ((mailbox = answer_next_mailbox(a, mailbox)))
		pack_text(m, mailbox);
}

static enum verdict
read_verdict(struct unpack *m)
{
	uint8_t verdict = unpack_u8(m);

	if (verdict > VERDICT_UNUSABLE)
		m->failed = true;
	return m->failed ? VERDICT_FAILED : (enum verdict)verdict;
}

bool
wire_read_answer(struct unpack *m, struct answer *ret, bool *ret_is_open,
    char ret_cause[WIRE_CAUSE_MAX])
{
	char mailbox[ANSWER_ADDRESS_SIZE];
	uint32_t reply, n;

	answer_clear(ret);
	ret->verdict = read_verdict(m);
	*ret_is_open = read_bool(m);
	read_string(m, ret_cause, WIRE_CAUSE_MAX);
	reply = unpack_u32(m);
	ret->reply = reply < REPLY__COUNT ? (enum reply)reply : REPLY_NONE;
	ret->code = (int)unpack_u32(m);
	read_string(m, ret->enhanced, sizeof ret->enhanced);
	read_string(m, ret->detail, sizeof ret->detail);
	n = unpack_u32(m);
	for (uint32_t i = 0; i < n && !m->failed; i++) {
		read_string(m, mailbox, sizeof mailbox);
		if (!m->failed && !answer_add_mailbox(ret, mailbox))
			m->failed = true;
	}
	return unpack_is_done(m);
}

/*
 * A mail
 */

bool
wire_add_recipient(struct pack *m, const struct recipient *r)
{
	size_t before = m->len;

	pack_u8(m, true);
	pack_text(m, r->forward_path);
	pack_text(m, r->notify);
	pack_text(m, r->original_recipient);
	pack_u8(m, r->added);
	if (!m->failed && m->len <= WIRE_RECIPIENTS_MAX)
		return true;
	m->len = before;
	m->failed = false;
	return false;
}

void
wire_end_recipients(struct pack *m)
{
	pack_u8(m, false);
}

/* Copies a text into the envelope; NULL stays NULL. */
static const char *
keep(struct unpack *m, struct envelope *e, struct span text)
{
	const char *kept = text.p ? envelope_text(e, text) : NULL;

	if (text.p && !kept)
		m->failed = true;
	return kept;
}

static bool
read_recipient(struct unpack *m, struct envelope *e)
{
	struct recipient r = { .mailbox = NULL };
	struct span path = unpack_text(m, WIRE_TEXT_MAX, false);
	struct span notify = unpack_text(m, WIRE_TEXT_MAX, true);
	struct span original = unpack_text(m, WIRE_TEXT_MAX, true);

	r.added = read_bool(m);
	if (m->failed || path.len == 0)
		return false;
	r.forward_path = keep(m, e, path);
	r.notify = keep(m, e, notify);
	r.original_recipient = keep(m, e, original);
	return !m->failed && envelope_add(e, &r) == 0;
}

bool
wire_read_recipients(struct unpack *m, unsigned max, struct envelope *e)
{
	while (read_bool(m)) {
		if (e->nrecipients >= max || !read_recipient(m, e))
			return false;
	}
	return !m->failed;
}

void
wire_make_last(struct pack *m, const struct wire_mail *mail)
{
	const struct header *h = mail->header;

	m->p[1] = WIRE_LAST; /* behind the version */
	pack_u64(m, mail->size);
	pack_u8(m, mail->spooled);
	pack_u8(m, mail->bare_line_ends);
	pack_u64(m, h->size);
	for (int i = 0; i < HEADER__COUNT; i++)
		pack_text(m, h->has[i] ? h->value[i] : NULL);
	pack_u64(m, mail->changes);
	pack_span(m, mail->quarantine);
}

bool
wire_read_mail(
    struct unpack *m, struct wire_mail *ret, struct header *ret_header)
{
	ret->size = unpack_u64(m);
	ret->spooled = read_bool(m);
	ret->bare_line_ends = read_bool(m);
	ret->header = ret_header;
	ret_header->size = unpack_u64(m);
	for (int i = 0; i < HEADER__COUNT; i++) {
		struct span value = unpack_text(m, HEADER_VALUE_MAX, true);

		ret_header->has[i] = value.p != NULL;
		if (value.p)
			memcpy(ret_header->value[i], value.p, value.len);
		ret_header->value[i][value.len] = '\0';
	}
	ret->changes = unpack_u64(m);
	ret->quarantine = unpack_text(m, WIRE_CAUSE_MAX - 1, true);
	if (ret_header->size > ret->size)
		m->failed = true;
	return !m->failed;
}

/*
 * Who it is about
 */

void
wire_write_peer(struct pack *m, const struct fronted *said)
{
	pack_text(m, said->client.address);
	pack_u32(m, (uint32_t)said->client.port);
	pack_u8(m, said->forwarded);
	pack_span(m, said->login);
}

bool
wire_read_peer(struct unpack *m, struct fronted *ret)
{
	struct peer *client = &ret->client;
	uint32_t port;
	struct ip ip;

	read_string(m, client->address, sizeof client->address);
	port = unpack_u32(m);
	client->port = (int)port;
	ret->forwarded = read_bool(m);
	ret->login = unpack_text(m, FACT_SIZE - 1, true);
	if (port > UINT16_MAX ||
	    (peer_has_address(client) && !ip_read(client->address, &ip)))
		m->failed = true;
	return unpack_is_done(m);
}

void
wire_write_facts(struct pack *m, uint64_t number, const struct facts *f)
{
	pack_u64(m, number);
	for (int i = 0; i < FACT__COUNT; i++) {
		if (!facts_has(f, (enum fact)i))
			continue;
		pack_u8(m, (uint8_t)i);
		pack_text(m, f->text[i]);
	}
	pack_u8(m, FACT__COUNT);
}

bool
wire_read_facts(struct unpack *m, unsigned may_tell, uint64_t *ret_number,
    struct facts *ret)
{
	uint8_t fact;

	memset(ret, 0, sizeof *ret);
	*ret_number = unpack_u64(m);
	while ((fact = unpack_u8(m)) < FACT__COUNT && !m->failed) {
		struct span text = unpack_text(m, FACT_SIZE - 1, false);

		if (!m->failed)
			facts_set(ret, (enum fact)fact, text);
		if (!(may_tell & FACT_BIT(fact)))
			m->failed = true;
	}
	return fact == FACT__COUNT && unpack_is_done(m);
}

void
wire_write_who(struct pack *m, uint64_t number)
{
	pack_u64(m, number);
}

bool
wire_read_who(struct unpack *m, uint64_t *ret_number)
{
	*ret_number = unpack_u64(m);
	return unpack_is_done(m);
}

void
wire_write_known(struct pack *m, uint64_t number, const struct peer *peer,
    const struct facts *f)
{
	pack_text(m, peer->address);
	wire_write_facts(m, number, f);
}

bool
wire_read_known(struct unpack *m, uint64_t *ret_number, struct peer *ret_peer,
    struct facts *ret)
{
	*ret_peer = (struct peer){ .port = 0 };
	read_string(m, ret_peer->address, sizeof ret_peer->address);
	return wire_read_facts(m, ~0u, ret_number, ret);
}

void
wire_write_result(struct pack *m, const struct wire_result *r)
{
	pack_u8(m, (uint8_t)r->verdict);
	pack_u64(m, (uint64_t)r->id);
	pack_u8(m, r->again);
	pack_text(m, r->verdict == VERDICT_OK ? "" : r->cause);
}

bool
wire_read_result(struct unpack *m, struct wire_result *ret)
{
	ret->verdict = read_verdict(m);
	ret->id = (int64_t)unpack_u64(m);
	ret->again = read_bool(m);
	read_string(m, ret->cause, sizeof ret->cause);
	return unpack_is_done(m);
}
