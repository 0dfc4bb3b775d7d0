/*
 * Carries out what the session machine asks for, with a connection, a store, a
 * clock and a log.
 */
#include "serve.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "../clock.h"
#include "../mail/header.h"
#include "../session.h"
#include "../policy.h"
#include "../store.h"
#include "../version.h"
#include "log.h"
#include "peer.h"
#include "record.h"
#include "trace.h"

enum {
	INPUT_SIZE = 64 * 1024,
};

struct server {
	const struct options *options;
	struct connection *connection;
	struct peer peer;
	struct session *session;
	struct store *store;
	struct record *record;
	struct header header; /* of the mail begun */
	struct policy_answer answer;
	/* Rows whose 250 is still to be sent: how many, and the last one. */
	unsigned unanswered;
	int64_t unanswered_id;
	/* Trouble of ours since the last refusal, which names it. */
	enum store_result trouble;
	int exit_status;
};

static char input[INPUT_SIZE];

/*
 * Mails
 */

static enum session_verdict
verdict_of(struct server *sv, enum store_result result)
{
	if (result != STORE_OK)
		sv->trouble = result;
	switch (result) {
	case STORE_OK:
		return SESSION_OK;
	case STORE_BUSY:
		return SESSION_BUSY;
	case STORE_FULL:
		return SESSION_FULL;
	case STORE_NO_MEMORY:
		return SESSION_NO_MEMORY;
	case STORE_FAILED:
		return SESSION_FAILED;
	case STORE_TOO_BIG:
		return SESSION_TOO_BIG;
	case STORE_CORRUPT:
		sv->exit_status = EX_DATAERR;
		return SESSION_BROKEN;
	case STORE_UNUSABLE:
		sv->exit_status = EX_CONFIG;
		return SESSION_BROKEN;
	}
	return SESSION_FAILED;
}

static void
append(struct server *sv, struct span data)
{
	header_feed(&sv->header, data);
	record_body(sv->record, data);
	store_append(sv->store, data);
}

static void
drop(struct server *sv)
{
	header_start(&sv->header);
	record_drop(sv->record);
	store_drop(sv->store);
}

/* Every entry begins with the client. */
static void
begin_entry(const struct server *sv, struct log_entry *e, enum log_event event)
{
	log_begin(e, event);
	log_text(e, "client", span_of(sv->peer.address));
	if (sv->peer.port > 0)
		log_number(e, "port", (uint64_t)sv->peer.port);
}

static void
log_stored(const struct server *sv, const struct envelope *e, int64_t id)
{
	struct log_entry entry;

	begin_entry(sv, &entry, LOG_STORED);
	log_number(&entry, "message", (uint64_t)id);
	log_text(&entry, "from", span_of(e->reverse_path));
	/* The first of them; the table has all. */
	log_text(&entry, "to", span_of(e->recipients[0].forward_path));
	log_number(&entry, "recipients", e->nrecipients);
	log_number(&entry, "size", e->size);
	log_text(&entry, "protocol", span_of(e->protocol));
	log_text(&entry, "helo", span_of(e->helo));
	if (store_was_known(sv->store))
		log_number(&entry, "again", 1);
	log_end(&entry);
}

/*
 * The row can be seen by now.  Who waits for the file removes it and then looks
 * at the table, so no mail is missed.
 */
static void
tell_new_mail(const struct server *sv)
{
	const char *path = sv->options->new_mail;
	int fd;

	if (!path)
		return;
	/* Of a FIFO, it would wait for a reader. */
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0660);
	if (fd < 0)
		log_line(
		    LOG_WARNING, "--new-mail: %s: %s", path, strerror(errno));
	else
		close(fd);
}

static void
commit(struct server *sv)
{
	const struct envelope *e = session_envelope(sv->session);
	int64_t received_at = clock_us();
	struct trace_mail lines = {
		.envelope = e,
		.peer = &sv->peer,
		.hostname = sv->options->hostname,
		.received_at = received_at,
		.header = sv->options->submission ? &sv->header : NULL,
		.process_id = (long)getpid(),
	};
	struct trace trace;
	struct store_mail mail = {
		.envelope = e,
		.header = &sv->header,
		.received_at = received_at,
		.client_address = sv->peer.address,
		.client_port = sv->peer.port,
		.trace_before_id = trace.before_id,
		.trace_after_id = trace.after_id,
		.dedupe_sec = sv->options->dedupe_sec,
	};
	enum store_result result;
	int64_t id = 0;

	header_end(&sv->header);
	trace_write(&lines, &trace);
	result = store_commit(sv->store, &mail, &id);
	header_start(&sv->header);
	if (result == STORE_OK) {
		log_stored(sv, e, id);
		tell_new_mail(sv);
		record_stored(sv->record, e);
		sv->unanswered++;
		sv->unanswered_id = id;
	}
	record_drop(sv->record);
	session_stored(sv->session, verdict_of(sv, result), id);
}

/*
 * Questions
 */

/* What the rows say, as the session wants it. */
static struct session_answer
answer_of(const struct policy_answer *p, const char **mailboxes)
{
	for (unsigned i = 0; i < p->nmailboxes; i++)
		mailboxes[i] = p->mailbox[i];
	return (struct session_answer){
		.code = p->code,
		.enhanced = p->enhanced,
		.text = p->text,
		.mailboxes = mailboxes,
		.nmailboxes = p->nmailboxes,
	};
}

/* The list was found out for line 0 of the answer. */
static void
answer_member(const struct policy_answer *p, unsigned line, bool utf8,
    struct session_answer *ret)
{
	if (p->code != 0)
		return;
	ret->code = 250;
	ret->enhanced = "2.1.5";
	ret->text = policy_shown(p->mailbox[line], utf8);
	ret->more = line + 1 < p->nmailboxes;
}

static enum store_result
ask_policy(struct server *sv, const struct session_query *q)
{
	const char *sender = session_envelope(sv->session)->reverse_path;
	struct policy_query question = {
		.hostname = sv->options->hostname,
		.client_address = sv->peer.address,
		.address = q->address,
		.sender = span_of(sender ? sender : ""),
		.size = q->size,
		.nrecipients = q->nrecipients,
		.now = clock_us() / 1000000,
		.utf8 = q->utf8,
	};

	switch (q->kind) {
	case SESSION_MAIL:
		return policy_mail(sv->store, &question, &sv->answer);
	case SESSION_RCPT:
		return policy_rcpt(sv->store, &question, &sv->answer);
	case SESSION_VRFY:
		return policy_vrfy(sv->store, &question, &sv->answer);
	case SESSION_EXPN:
		return policy_expn(sv->store, &question, &sv->answer);
	}
	return STORE_FAILED;
}

static void
ask(struct server *sv)
{
	const struct session_query *q = session_query(sv->session);
	const char *mailboxes[POLICY_MAILBOXES_MAX];
	enum store_result result = STORE_OK;
	struct session_answer answer;

	if (q->line == 0)
		result = ask_policy(sv, q);
	answer = answer_of(&sv->answer, mailboxes);
	if (q->kind == SESSION_EXPN)
		answer_member(&sv->answer, q->line, q->utf8, &answer);
	answer.verdict = verdict_of(sv, result);
	if (result != STORE_OK)
		answer.code = 0;
	session_answer(sv->session, &answer);
}

/*
 * The log
 */

/* One entry a refusal; trouble of ours with its cause. */
static void
log_refusal(struct server *sv)
{
	struct session_refusal r = session_refusal(sv->session);
	bool ours = sv->trouble != STORE_OK;
	struct log_entry entry;

	begin_entry(sv, &entry, ours ? LOG_DEFERRED : LOG_REFUSED);
	log_text(&entry, "reply", r.reply);
	log_text(&entry, "command", r.command);
	if (ours)
		log_text(&entry, "cause", span_of(store_error(sv->store)));
	log_end(&entry);
	sv->trouble = STORE_OK;
}

/*
 * The client
 */

static void
log_abandoned(const struct server *sv)
{
	const struct envelope *e = session_envelope(sv->session);
	struct log_entry entry;

	begin_entry(sv, &entry, LOG_ABANDONED);
	log_text(&entry, "from", span_of(e->reverse_path));
	log_number(&entry, "recipients", e->nrecipients);
	log_number(&entry, "size", e->size);
	log_end(&entry);
}

static void
stop(struct server *sv, enum connection_result why)
{
	switch (why) {
	case CONNECTION_OK:
		return;
	case CONNECTION_EOF:
		if (session_has_mail(sv->session))
			log_abandoned(sv);
		session_end(sv->session, SESSION_EOF);
		return;
	case CONNECTION_TIMEOUT:
		record_event(sv->record, "timeout");
		session_end(sv->session, SESSION_TIMEOUT);
		return;
	case CONNECTION_EXPIRED:
		record_event(sv->record, "expired");
		session_end(sv->session, SESSION_EXPIRED);
		return;
	case CONNECTION_SHUTDOWN:
		record_event(sv->record, "shutdown");
		session_end(sv->session, SESSION_SHUTDOWN);
		return;
	}
}

static void
read_input(struct server *sv)
{
	enum connection_result result;
	struct span data = { .p = input };

	/* Everything is answered: time for what nobody waits for. */
	if (store_tidy(sv->store) != STORE_OK)
		log_line(LOG_WARNING, "%s", store_error(sv->store));
	result =
	    connection_read(sv->connection, input, sizeof input, &data.len);
	policy_refresh(sv->store);
	if (result == CONNECTION_OK) {
		record_input(sv->record, data);
		session_feed(sv->session, data.p, data.len);
	} else {
		stop(sv, result);
	}
}

/* The rows stay: the client may send them again, but they are not lost. */
static void
log_unanswered(const struct server *sv)
{
	struct log_entry entry;

	begin_entry(sv, &entry, LOG_UNANSWERED);
	log_number(&entry, "message", (uint64_t)sv->unanswered_id);
	log_number(&entry, "messages", sv->unanswered);
	log_end(&entry);
}

/* False: the client cannot be reached any more. */
static bool
write_output(struct server *sv)
{
	struct span data = session_output(sv->session);

	if (connection_write(sv->connection, data) != CONNECTION_OK) {
		if (sv->unanswered > 0)
			log_unanswered(sv);
		return false;
	}
	sv->unanswered = 0;
	record_output(sv->record, data);
	session_sent(sv->session, data.len);
	return true;
}

static void
run(struct server *sv)
{
	struct session *s = sv->session;

	for (;;) {
		switch (session_next(s)) {
		case SESSION_READ:
			read_input(sv);
			break;
		case SESSION_WRITE:
			if (!write_output(sv))
				return;
			break;
		case SESSION_ASK:
			ask(sv);
			break;
		case SESSION_BODY:
			append(sv, session_body(s));
			break;
		case SESSION_STORE:
			commit(sv);
			break;
		case SESSION_DROP:
			drop(sv);
			break;
		case SESSION_REPORT:
			log_refusal(sv);
			break;
		case SESSION_CLOSE:
			return;
		}
	}
}

static void
log_session(const struct server *sv)
{
	struct session_counts n = session_counts(sv->session);
	struct log_entry entry;

	begin_entry(sv, &entry, LOG_ENDED);
	log_number(&entry, "commands", n.commands);
	log_number(&entry, "errors", n.errors);
	log_number(&entry, "mails", n.mails);
	log_number(&entry, "octets", n.octets);
	log_end(&entry);
}

/* False: it cannot be served; logged, with the exit status set. */
static bool
begin(struct server *sv, const struct session_conf *session)
{
	const struct options *o = sv->options;

	sv->session = session_new(session);
	if (!sv->session || !sv->store) {
		log_line(LOG_ERR, "out of memory");
		sv->exit_status = EX_OSERR;
		return false;
	}
	if (o->record) {
		sv->record = record_open(o->record, o, session->any_line_end);
		if (!sv->record) {
			log_line(LOG_ERR, "--record: %s: %s", o->record,
			    strerror(errno));
			sv->exit_status = EX_CANTCREAT;
			return false;
		}
	}
	header_start(&sv->header);
	connection_start(
	    sv->connection, o->timeout_sec, o->session_timeout_sec);
	return true;
}

int
serve(
    const struct options *o, struct connection *connection, struct store *store)
{
	struct session_conf session = {
		.hostname = o->hostname,
		.version = VERSION,
		.max_size = o->max_size,
		.max_recipients = (unsigned)o->max_recipients,
		.max_errors = (unsigned)o->max_errors,
		.strict = o->strict,
		.rfc821 = o->rfc821,
		.vrfy = o->vrfy,
	};
	struct server sv = {
		.options = o,
		.connection = connection,
		.store = store,
		.exit_status = EX_OK,
	};

	peer_find(connection->in, &sv.peer);
	/* A pipe may be what a TLS wrapper puts before a stranger. */
	session.any_line_end =
	    !connection->is_socket && peer_is_local(&sv.peer);
	if (begin(&sv, &session)) {
		run(&sv);
		log_session(&sv);
		connection_close(connection);
	} else {
		connection_refuse(connection);
	}
	record_close(sv.record);
	session_free(sv.session);
	return sv.exit_status;
}
