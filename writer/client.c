/*
 * The messages of one session.  A transaction begins with the answer to
 * QUESTION_MAIL, and its recipients are those that were accepted, so a session
 * cannot claim others at the end.
 */
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../clock.h"
#include "../mail/change.h"
#include "../policy.h"
#include "../server/introduce.h"
#include "private.h"

enum {
	/* Of the free disk, one part in so many for big mails on their way. */
	SPOOL_SHARE = 4,
	/*
	 * Beyond --max-recipients, one mail goes to so many mailboxes at most:
	 * of 100 RCPT that are always taken, and of those that filters add.
	 */
	MAILBOXES_MAX =
	    (100 + CHANGE_RECIPIENTS_MAX + 1) * ANSWER_MAILBOXES_MAX,
};

/* One message at a time, from whichever session. */
static char buffer[WIRE_MAX];
static struct answer answer;

struct client *
client_new(struct writer *w, const struct introduction *i)
{
	struct client *c = calloc(1, sizeof *c);

	if (c)
		c->store = store_beside(w->store);
	if (!c || !c->store) {
		free(c);
		close(i->fds[INTRODUCE_LINK]);
		return NULL;
	}
	c->writer = w;
	c->fd = i->fds[INTRODUCE_LINK];
	c->number = i->number;
	c->peer = c->front = i->peer;
	c->may_tell = i->may_tell;
	c->behind = w->clients;
	if (c->behind)
		c->behind->before = c;
	w->clients = c;
	return c;
}

/* Forgets the mail begun, and gives back what it held. */
static void
drop_mail(struct client *c)
{
	store_drop(c->store);
	envelope_reset(&c->envelope);
	c->granted = c->received = c->changes = 0;
	c->quarantine[0] = '\0';
	c->state = CLIENT_IDLE;
}

void
client_free(struct client *c)
{
	if (!c)
		return;
	drop_mail(c);
	if (c->before)
		c->before->behind = c->behind;
	else
		c->writer->clients = c->behind;
	if (c->behind)
		c->behind->before = c->before;
	envelope_free(&c->envelope);
	store_free(c->store);
	close(c->fd);
	free(c);
}

struct client *
client_find(const struct writer *w, uint64_t number)
{
	struct client *c = w->clients;

	while (c && c->number != number)
		c = c->behind;
	return c;
}

void
client_hear(struct client *c, const struct facts *f)
{
	if (c->state == CLIENT_READY) {
		facts_add(&c->later, f);
		return;
	}
	facts_add(&c->facts, f);
	drop_mail(c);
}

/* A session reads each reply before it asks again: there is always room. */
static bool
send_message(const struct client *c, const struct pack *m, int file)
{
	struct iovec data = { m->p, m->len };
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof file)];
	struct msghdr head = { .msg_iov = &data, .msg_iovlen = 1 };

	if (m->failed)
		return false;
	if (file >= 0) {
		memset(control, 0, sizeof control);
		*(struct cmsghdr *)control = (struct cmsghdr){
			.cmsg_len = CMSG_LEN(sizeof file),
			.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS,
		};
		memcpy(
		    CMSG_DATA((struct cmsghdr *)control), &file, sizeof file);
		head.msg_control = control;
		head.msg_controllen = sizeof control;
	}
	return sendmsg(c->fd, &head, MSG_DONTWAIT | MSG_NOSIGNAL) ==
	       (ssize_t)m->len;
}

static bool
send_result(struct client *c, int file)
{
	struct pack m = { .p = buffer, .size = sizeof buffer };

	wire_begin(&m, WIRE_RESULT);
	wire_write_result(&m, &c->result);
	return send_message(c, &m, file);
}

/* Of a mail that is not complete yet. */
static bool
send_verdict(struct client *c, enum verdict verdict, int file)
{
	c->result = (struct wire_result){ .verdict = verdict };
	if (verdict != VERDICT_OK)
		snprintf(c->result.cause, sizeof c->result.cause, "%s",
		    store_error(c->store));
	return send_result(c, file);
}

/*
 * Questions
 */

/*
 * The session's machine counts too, but the writer relies on its own count.  A
 * claim would do in place of an account, and REQUIRETLS is for clients inside
 * TLS alone.
 */
static bool
is_in_order(const struct client *c, const struct question *q)
{
	const struct writer_conf *conf = c->writer->conf;

	switch (q->kind) {
	case QUESTION_RCPT:
		return c->state == CLIENT_MAIL && !c->is_open &&
		       q->address.len > 0 &&
		       c->envelope.nrecipients <
			   conf->max_recipients + MAILBOXES_MAX;
	case QUESTION_MAIL:
		return (!q->mail.claimed_as.p || conf->takes_claims) &&
		       (!q->mail.requiretls || facts_has(&c->facts, FACT_TLS));
	case QUESTION_VRFY:
	case QUESTION_EXPN:
		return true;
	}
	return false;
}

/* Keeps what the answer allows.  False: no memory. */
static bool
keep_answer(struct client *c, const struct question *q)
{
	if (q->kind == QUESTION_MAIL) {
		c->is_open = policy_is_open(store_policy(c->store));
		c->state = CLIENT_MAIL;
		if (!question_begin_mail(q, &c->envelope))
			return false;
		c->envelope.protocol =
		    facts_protocol(&c->facts, q->mail.protocol);
		c->mark = envelope_mark(&c->envelope);
		return true;
	}
	c->mark = envelope_mark(&c->envelope);
	if (q->kind == QUESTION_RCPT)
		return question_add_recipient(q, &answer, &c->envelope);
	return true;
}

/* The sender that was accepted, whatever the session says. */
static struct span
sender_of(const struct client *c, const struct question *q)
{
	const char *kept = c->envelope.reverse_path;

	if (q->kind == QUESTION_MAIL)
		return q->address;
	return span_of(kept ? kept : "");
}

static bool
take_question(struct client *c, struct unpack *in)
{
	struct pack out = { .p = buffer, .size = sizeof buffer };
	const struct policy_asker asker = {
		.hostname = c->writer->conf->hostname,
		.client_address = c->peer.address,
		.now = clock_us() / 1000000,
		.account = c->facts.text[FACT_ACCOUNT],
		.auth_required = c->writer->conf->auth_required,
	};
	const char *cause = "out of memory", *why;
	struct question q;
	enum verdict opened;

	if (!wire_read_question(in, &q) || !is_in_order(c, &q))
		return false;
	if (q.kind == QUESTION_MAIL)
		drop_mail(c);
	q.sender = sender_of(c, &q);
	q.nrecipients = c->envelope.nrecipients;
	opened = ask_open(c->writer, &why);
	if (opened == VERDICT_OK) {
		store_ask(c->store, &asker, &q, &answer);
		why = store_error(c->store);
	} else {
		answer_clear(&answer);
		answer.verdict = opened;
	}
	if (answer.verdict != VERDICT_OK) {
		cause = why;
	} else if (!answer_refuses(&answer) && !keep_answer(c, &q)) {
		answer.verdict = VERDICT_NO_MEMORY;
		if (q.kind == QUESTION_MAIL)
			drop_mail(c);
	}
	wire_begin(&out, WIRE_ANSWER);
	wire_write_answer(&out, &answer, c->is_open, cause);
	return send_message(c, &out, -1);
}

/*
 * Removes what the last answer added.  The memory of its texts goes with the
 * mail.
 */
static bool
retract(struct client *c, const struct unpack *in)
{
	if (!unpack_is_done(in) || c->state != CLIENT_MAIL)
		return false;
	envelope_return(&c->envelope, c->mark);
	return true;
}

/*
 * Mails
 */

/*
 * The octets of big mails on their way.  Between mails a session has no use for
 * its file, but one that was taken over can fill it.
 */
static uint64_t
count_spooled(const struct writer *w)
{
	uint64_t octets = 0;

	for (const struct client *c = w->clients; c; c = c->behind)
		octets += c->granted ? c->granted : store_kept_octets(c->store);
	return octets;
}

/*
 * How many octets all big mails may hold together: the option, or a quarter of
 * the disk that was free when the first one came; and one mail at least.
 */
static uint64_t
spool_limit(const struct client *c, uint64_t spooled)
{
	struct writer *w = c->writer;

	if (w->conf->max_spool > 0)
		return w->conf->max_spool;
	if (spooled == 0)
		w->spool_limit = store_free_octets(c->store) / SPOOL_SHARE;
	return w->spool_limit > w->conf->max_size ? w->spool_limit
						  : w->conf->max_size;
}

static bool
refuse_spool(struct client *c, uint64_t spooled)
{
	c->result = (struct wire_result){ .verdict = VERDICT_FULL };
	snprintf(c->result.cause, sizeof c->result.cause,
	    "big mails on their way hold %llu octets (--max-spool)",
	    (unsigned long long)spooled);
	return send_result(c, -1);
}

/* Opens a file for a mail that is too big for messages. */
static bool
grant_file(struct client *c, struct unpack *in)
{
	uint64_t size = c->writer->conf->max_size, spooled;
	enum verdict verdict;
	int file = -1;

	if (!unpack_is_done(in) || c->state != CLIENT_MAIL || c->granted ||
	    c->received)
		return false;
	spooled = count_spooled(c->writer);
	if (spooled + size > spool_limit(c, spooled))
		return refuse_spool(c, spooled);
	verdict = store_open_spool(c->store, &file);
	if (verdict == VERDICT_OK)
		c->granted = size;
	return send_verdict(c, verdict, file);
}

/* Does the file hold what the session says it does? */
static bool
take_file(struct client *c, uint64_t size)
{
	return c->granted && c->received == 0 &&
	       store_take_spool(c->store, size) == 0;
}

/* Is the mail what the session says it is, and within the limits? */
static bool
is_as_announced(struct client *c, const struct wire_mail *mail)
{
	uint64_t max = c->writer->conf->max_size;
	uint64_t whole = mail->size + mail->changes;

	if (c->envelope.nrecipients == 0 || mail->size > max ||
	    mail->changes > max + WIRE_CHANGES_ROOM ||
	    whole > max + WIRE_CHANGES_ROOM)
		return false;
	return mail->spooled ? take_file(c, whole) : c->received == whole;
}

/* Queues the complete mail for a transaction. */
static void
make_ready(struct client *c, const struct wire_mail *mail)
{
	c->envelope.size = mail->size;
	c->envelope.bare_line_ends = mail->bare_line_ends;
	c->changes = mail->changes;
	snprintf(c->quarantine, sizeof c->quarantine, "%.*s",
	    (int)mail->quarantine.len,
	    mail->quarantine.len > 0 ? mail->quarantine.p : "");
	c->state = CLIENT_READY;
	batch_add(c);
}

static bool
take_piece(struct client *c, struct unpack *in, bool is_last)
{
	const struct writer_conf *conf = c->writer->conf;
	struct wire_mail mail = { .spooled = c->granted > 0 };
	unsigned max =
	    c->is_open ? (unsigned)conf->max_recipients + CHANGE_RECIPIENTS_MAX
		       : 0;

	if (c->state != CLIENT_MAIL ||
	    !wire_read_recipients(in, max, &c->envelope) ||
	    (is_last && !wire_read_mail(in, &mail, &c->header)))
		return false;
	c->received += in->rest.len;
	if (c->received > WIRE_DATA_MAX)
		return false;
	store_append(c->store, in->rest);
	if (!is_last)
		return send_verdict(c, VERDICT_OK, -1);
	if (!is_as_announced(c, &mail))
		return false;
	make_ready(c, &mail);
	return true;
}

/*
 * A proxy's session says who the client is once, before it reads anything of
 * the client, so a session that was taken over cannot name another.  A client
 * that comes over a network is never local.
 */
static bool
take_peer(struct client *c, struct unpack *in, bool is_first)
{
	const struct fronts *f = c->writer->conf->fronts;
	struct fronted said;

	if (!f || !wire_read_peer(in, &said) ||
	    !((is_first && networks_have(&f->proxy, &c->front)) ||
		networks_have(&f->xclient, &c->front)) ||
	    (peer_is_local(&said.client) && !peer_is_local(&c->front)))
		return false;
	drop_mail(c);
	c->peer = said.client;
	if (!said.forwarded)
		c->front = said.client;
	facts_take_login(&c->facts, said.login);
	return send_verdict(c, VERDICT_OK, -1);
}

bool
client_conclude(struct client *c)
{
	bool sent = send_result(c, -1);

	store_move_beside(c->store, c->writer->store);
	facts_add(&c->facts, &c->later);
	c->later = (struct facts){ .text = { "" } };
	drop_mail(c);
	return sent;
}

/* The session may tell facts of itself if the listener allowed that. */
static bool
take_facts(struct client *c, struct unpack *in)
{
	struct facts facts;
	uint64_t number;

	if (!wire_read_facts(in, c->may_tell, &number, &facts) ||
	    number != c->number)
		return false;
	client_hear(c, &facts);
	return true;
}

bool
client_read(struct client *c)
{
	ssize_t n =
	    recv(c->fd, buffer, sizeof buffer, MSG_DONTWAIT | MSG_TRUNC);
	struct unpack in = { .rest = { buffer, n > 0 ? (size_t)n : 0 } };
	bool is_first = !c->has_spoken;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n <= 0 || (size_t)n > sizeof buffer || c->state == CLIENT_READY)
		return false;
	c->has_spoken = true;
	switch (wire_kind(&in)) {
	case WIRE_PEER:
		return take_peer(c, &in, is_first);
	case WIRE_ASK:
		return take_question(c, &in);
	case WIRE_SPOOL:
		return grant_file(c, &in);
	case WIRE_PIECE:
		return take_piece(c, &in, false);
	case WIRE_LAST:
		return take_piece(c, &in, true);
	case WIRE_DROP:
		drop_mail(c);
		return unpack_is_done(&in);
	case WIRE_TELL:
		return take_facts(c, &in);
	case WIRE_RETRACT:
		return retract(c, &in);
	case WIRE_ANSWER:
	case WIRE_WHO:
	case WIRE_KNOWN:
	case WIRE_RESULT:
		break;
	}
	return false;
}
