#include "entries.h"

#include "log.h"

enum {
	REFUSALS_MAX = 10, /* of one session, with an entry of their own */
};

/* Begins an entry with the client. */
static void
begin_entry(const struct entries *s, struct log_entry *e, enum log_event event)
{
	const struct peer *peer = s->peer;

	log_begin(e, event);
	log_text(e, "client", span_of(peer->address));
	if (peer->port > 0)
		log_number(e, "port", (uint64_t)peer->port);
}

void
entry_stored(struct entries *s, const struct envelope *e, int64_t id,
    bool again, const char *filter)
{
	struct log_entry entry;

	begin_entry(s, &entry, LOG_STORED);
	log_number(&entry, "message", (uint64_t)id);
	log_text(&entry, "from", span_of(e->reverse_path));
	/* The first recipient; the table has all. */
	log_text(&entry, "to", span_of(e->recipients[0].forward_path));
	log_number(&entry, "recipients", e->nrecipients);
	log_number(&entry, "size", e->size);
	log_text(&entry, "protocol", span_of(e->protocol));
	log_text(&entry, "helo", span_of(e->helo));
	if (again)
		log_number(&entry, "again", 1);
	if (filter)
		log_text(&entry, "filter", span_of(filter));
	log_end(&entry);
	s->unanswered++;
	s->unanswered_id = id;
}

void
entry_sent(struct entries *s)
{
	s->unanswered = 0;
}

void
entry_unsent(const struct entries *s)
{
	struct log_entry entry;

	if (s->unanswered == 0)
		return;
	begin_entry(s, &entry, LOG_UNANSWERED);
	log_number(&entry, "message", (uint64_t)s->unanswered_id);
	log_number(&entry, "messages", s->unanswered);
	log_end(&entry);
}

void
entry_refused(struct entries *s, const struct entry_refusal *r)
{
	struct log_entry entry;
	unsigned *count = r->cause ? &s->deferred : &s->refused;

	if (s->is_crowded || ++*count > REFUSALS_MAX)
		return;
	begin_entry(s, &entry, r->cause ? LOG_DEFERRED : LOG_REFUSED);
	log_text(&entry, "reply", r->reply);
	log_text(&entry, "command", r->command);
	if (r->cause)
		log_text(&entry, "cause", span_of(r->cause));
	if (r->filter)
		log_text(&entry, "filter", span_of(r->filter));
	if (r->account && *r->account)
		log_text(&entry, "account", span_of(r->account));
	log_end(&entry);
}

void
entry_authenticated(
    const struct entries *s, const char *mechanism, const char *account)
{
	struct log_entry entry;

	begin_entry(s, &entry, LOG_AUTHENTICATED);
	log_text(&entry, "mechanism", span_of(mechanism));
	log_text(&entry, "account", span_of(account));
	log_end(&entry);
}

void
entry_abandoned(const struct entries *s, const struct envelope *e)
{
	struct log_entry entry;

	begin_entry(s, &entry, LOG_ABANDONED);
	log_text(&entry, "from", span_of(e->reverse_path));
	log_number(&entry, "recipients", e->nrecipients);
	log_number(&entry, "size", e->size);
	log_end(&entry);
}

static unsigned
beyond(unsigned n)
{
	return n > REFUSALS_MAX ? n - REFUSALS_MAX : 0;
}

/* Those that had no entry. */
static void
tell_more(const struct entries *s)
{
	struct log_entry entry;

	if (s->refused <= REFUSALS_MAX && s->deferred <= REFUSALS_MAX)
		return;
	begin_entry(s, &entry, LOG_MORE);
	log_number(&entry, "refused", beyond(s->refused));
	log_number(&entry, "deferred", beyond(s->deferred));
	log_end(&entry);
}

void
entry_ended(const struct entries *s, struct session_counts n)
{
	struct log_entry entry;

	tell_more(s);
	begin_entry(s, &entry, LOG_ENDED);
	log_number(&entry, "commands", n.commands);
	log_number(&entry, "errors", n.errors);
	log_number(&entry, "mails", n.mails);
	log_number(&entry, "octets", n.octets);
	log_end(&entry);
}
