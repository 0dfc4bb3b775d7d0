/*
 * smtpd: finds out how it was started, then carries out what the session
 * machine asks for, with a connection, a store, a clock and a log.
 */
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "cli.h"
#include "clock.h"
#include "mail/header.h"
#include "mail/trace.h"
#include "mail/wire.h"
#include "policy.h"
#include "server/authenticate.h"
#include "server/begin.h"
#include "server/bind.h"
#include "server/confine.h"
#include "server/connection.h"
#include "server/elsewhere.h"
#include "server/entries.h"
#include "server/filtering.h"
#include "server/front.h"
#include "server/listen.h"
#include "server/log.h"
#include "server/new_mail.h"
#include "server/options.h"
#include "server/peer.h"
#include "server/programs.h"
#include "server/record.h"
#include "server/secure.h"
#include "server/start.h"
#include "server/worker.h"
#include "session.h"
#include "store.h"
#include "writer.h"

struct server {
	const struct options *options;
	struct connection *connection;
	bool is_alone;   /* has the database open itself */
	bool has_writer; /* for itself, which knows no facts but ours */
	struct peer peer;
	struct facts facts; /* of the client, beside its address */
	int tls;            /* a socket to smtpd-tls; -1: there is none */
	struct front front;
	struct authenticator auth;
	struct session *session;
	struct store *store;
	struct record *record;
	struct filtering filtering;
	struct header header; /* of the mail begun */
	struct answer *answer;
	/* Rows whose 250 is not yet sent: how many, and the last one. */
	unsigned unanswered;
	int64_t unanswered_id;
	/* Trouble of ours since the last refusal, whose entry names it. */
	enum verdict trouble;
	struct entry_refusals refusals;
	bool was_crowded; /* the listener logs that for all sessions */
	int exit_status;
};

static char input[64 * 1024];

/*
 * Mails
 */

/* Keeps trouble of ours for the log and for the exit status. */
static enum verdict
note(struct server *sv, enum verdict verdict)
{
	if (verdict != VERDICT_OK)
		sv->trouble = verdict;
	if (verdict == VERDICT_CORRUPT)
		sv->exit_status = EX_DATAERR;
	if (verdict == VERDICT_UNUSABLE)
		sv->exit_status = EX_CONFIG;
	return verdict;
}

static void
append(struct server *sv, struct span data)
{
	header_feed(&sv->header, data);
	record_body(sv->record, data);
	store_append(sv->store, data);
	if (sv->filtering.filters)
		filters_text(sv->filtering.filters, data, &sv->header);
}

static void
drop(struct server *sv)
{
	header_start(&sv->header);
	record_drop(sv->record);
	store_drop(sv->store);
}

static void
commit(struct server *sv)
{
	const struct envelope *e = session_envelope(sv->session);
	struct trace_mail lines = {
		.envelope = e,
		.peer = &sv->peer,
		.facts = &sv->facts,
		.hostname = sv->options->hostname,
		.received_at = clock_us(),
		.header = sv->options->submission ? &sv->header : NULL,
		.process_id = (long)getpid(),
	};
	struct store_mail mail = store_mail_of(&lines, &sv->header);
	enum verdict result;
	int64_t id = 0;

	header_end(&sv->header);
	mail.dedupe_sec = sv->options->dedupe_sec;
	if (sv->filtering.filters && !filtering_conclude(&sv->filtering, &mail))
		return;
	result = store_commit(sv->store, &mail, &id);
	header_start(&sv->header);
	if (result == VERDICT_OK) {
		entry_stored(&sv->peer, e, id, store_was_known(sv->store),
		    filtering_decider(&sv->filtering));
		if (sv->is_alone) /* else the writer does it */
			new_mail_tell(sv->options->new_mail);
		record_stored(sv->record, e);
		sv->unanswered++;
		sv->unanswered_id = id;
	}
	record_drop(sv->record);
	session_stored(sv->session, note(sv, result), id);
}

/*
 * Questions
 */

static void
answer_question(struct server *sv)
{
	const struct question *q = session_question(sv->session);
	struct policy_asker asker = {
		.hostname = sv->options->hostname,
		.client_address = sv->peer.address,
		.now = clock_us() / 1000000,
		.account = sv->facts.text[FACT_ACCOUNT],
		.auth_required = sv->options->auth_required,
	};

	if (sv->has_writer && q->kind == QUESTION_MAIL)
		store_tell(sv->store, ELSEWHERE_SESSION, &sv->facts);
	store_ask(sv->store, &asker, q, sv->answer);
	if (sv->filtering.filters)
		filtering_ask(&sv->filtering);
	note(sv, sv->answer->verdict);
	session_answer(sv->session, sv->answer);
}

/*
 * The client
 */

static void
stop(struct server *sv, enum connection_result why)
{
	enum session_end end = front_end_of(why);

	if (why == CONNECTION_EOF && session_has_mail(sv->session))
		entry_abandoned(&sv->peer, session_envelope(sv->session));
	record_end(sv->record, end);
	sv->was_crowded = why == CONNECTION_CROWDED;
	session_end(sv->session, end);
}

static void
read_input(struct server *sv)
{
	enum connection_result result;
	struct span data = { .p = input };

	/* Every command is answered, so nobody waits for this. */
	if (store_tidy(sv->store) != VERDICT_OK)
		log_line(LOG_WARNING, "%s", store_error(sv->store));
	connection_expect_text(sv->connection, session_has_text(sv->session));
	result =
	    connection_read(sv->connection, input, sizeof input, &data.len);
	store_refresh(sv->store);
	if (result == CONNECTION_OK) {
		record_input(sv->record, data, session_has_text(sv->session));
		session_feed(sv->session, data.p, data.len);
	} else {
		stop(sv, result);
	}
}

/* Logs a refusal; trouble of ours with its cause. */
static void
report(struct server *sv)
{
	struct session_refusal r = session_refusal(sv->session);

	if (!sv->was_crowded)
		entry_refused(&sv->peer, &sv->refusals,
		    &(struct entry_refusal){ r.reply, r.command,
			sv->trouble != VERDICT_OK ? store_error(sv->store)
						  : NULL,
			filtering_decider(&sv->filtering), sv->auth.tried });
	sv->trouble = VERDICT_OK;
	sv->auth.tried[0] = '\0';
}

/* False: the client is gone. */
static bool
write_output(struct server *sv)
{
	struct span data = session_output(sv->session);

	if (connection_write(sv->connection, data) != CONNECTION_OK) {
		if (sv->unanswered > 0)
			entry_unanswered(
			    &sv->peer, sv->unanswered_id, sv->unanswered);
		return false;
	}
	sv->unanswered = 0;
	record_output(sv->record, data);
	session_sent(sv->session, data.len);
	return true;
}

static void
start_tls(struct server *sv)
{
	if (secure_connection(sv->connection, &sv->tls, &sv->facts))
		session_secured(sv->session);
	else
		session_end(sv->session, SESSION_EOF);
	authenticate_offer(&sv->auth, sv->session);
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
			answer_question(sv);
			break;
		case SESSION_AUTHENTICATE:
			authenticate(&sv->auth, s, sv->connection);
			break;
		case SESSION_CLIENT:
			front_take_client(&sv->front);
			authenticate_offer(&sv->auth, s);
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
		case SESSION_START_TLS:
			start_tls(sv);
			break;
		case SESSION_REPORT:
			report(sv);
			break;
		case SESSION_CLOSE:
			return;
		}
	}
}

/* False: it cannot serve; logged, with the exit status set. */
static bool
prepare(struct server *sv, const struct session_conf *session)
{
	const struct options *o = sv->options;

	sv->session = session_new(session);
	if (!sv->session || !sv->store) {
		log_line(LOG_ERR, "out of memory");
		sv->exit_status = EX_OSERR;
		return false;
	}
	if (o->record && !(sv->record = record_open(o->record))) {
		sv->exit_status = EX_CANTCREAT;
		return false;
	}
	sv->filtering = (struct filtering){ .options = o,
		.peer = &sv->peer,
		.facts = &sv->facts,
		.session = sv->session,
		.store = sv->store,
		.header = &sv->header,
		.answer = sv->answer };
	if (!filtering_open(&sv->filtering) ||
	    !confine_session(o, sv->is_alone)) {
		sv->exit_status = EX_OSERR;
		return false;
	}
	sv->auth = (struct authenticator){ .link = sv->auth.link,
		.options = o,
		.peer = &sv->peer,
		.facts = &sv->facts,
		.record = sv->record };
	header_start(&sv->header);
	return true;
}

/* Serves one SMTP session, from the greeting to the close. */
static void
serve(struct server *sv, const struct session_conf *session, bool tls_first)
{
	const struct options *o = sv->options;

	sv->front = (struct front){ .options = o,
		.connection = sv->connection,
		.store = sv->store,
		.session = sv->session,
		.facts = &sv->facts,
		.peer = &sv->peer,
		.speaker = sv->peer };
	record_begin(sv->record, session);
	connection_start(
	    sv->connection, o->timeout_sec, o->session_timeout_sec);
	if (front_learn_client(&sv->front) &&
	    (!tls_first ||
		secure_connection(sv->connection, &sv->tls, &sv->facts))) {
		authenticate_offer(&sv->auth, sv->session);
		run(sv);
	}
	entry_ended(&sv->peer, &sv->refusals, session_counts(sv->session));
	connection_close(sv->connection);
	filters_close(sv->filtering.filters);
}

/*
 * The start
 */

/* These 32 KiB would be zeroed on the stack (Makefile). */
static struct answer answer;

/* Serves a session of its own.  Returns the exit status. */
static int
serve_connection(const struct options *o, struct connection *c)
{
	const struct store_conf conf = { .path = o->database,
		.wait_ms = STORE_WAIT_MS };
	struct session_conf session = options_session(o);
	struct server sv = {
		.options = o,
		.connection = c,
		.is_alone = !cli_is_postgresql(o->database),
		.has_writer = cli_is_postgresql(o->database),
		.tls = -1,
		.answer = &answer,
	};

	peer_find(c->in, &sv.peer);
	sv.store = sv.is_alone
		       ? store_new(&conf)
		       : store_connect(&conf, elsewhere_start(o, &sv.peer));
	/* A pipe may come from a TLS wrapper, and so from a stranger. */
	session.any_line_end = !c->is_socket && peer_is_local(&sv.peer) &&
			       !fronts_have(&o->fronts, &sv.peer);
	sv.tls = secure_prepare(o, c, &sv.peer, &session, &sv.facts);
	sv.auth.link = authenticate_prepare(o, &sv.peer);
	if (prepare(&sv, &session))
		serve(&sv, &session,
		    session.in_tls && !facts_has(&sv.facts, FACT_TLS));
	else
		connection_refuse(c);
	record_close(sv.record);
	session_free(sv.session);
	store_free(sv.store);
	return sv.exit_status;
}

/*
 * Serves a session of the listener.  It is confined before its connection
 * comes, and its store is the writer.
 */
static int
serve_when_called(const struct options *o, int fd)
{
	const struct store_conf conf = { .wait_ms = STORE_WAIT_MS };
	struct session_conf session = options_session(o);
	struct connection c = { .is_socket = true };
	struct introduction i;
	struct server sv = {
		.options = o,
		.connection = &c,
		.store = store_connect(&conf, fd),
		.answer = &answer,
	};
	bool ready = prepare(&sv, &session);

	if (sv.filtering.filters && !filters_wait(sv.filtering.filters, fd))
		return EX_OK;
	c.in = c.out = worker_wait(fd, &i);
	sv.peer = i.peer;
	sv.tls = i.fds[INTRODUCE_HELPER + HELPER_TLS];
	sv.auth.link = i.fds[INTRODUCE_HELPER + HELPER_AUTH];
	session.in_tls = i.tls_first;
	session.starttls = sv.tls >= 0 && !i.tls_first;
	if (c.in >= 0 && ready)
		serve(&sv, &session, i.tls_first);
	else if (c.in >= 0)
		connection_refuse(&c);
	record_close(sv.record);
	return sv.exit_status;
}

/* Listens, and serves in the processes that it forks. */
static int
listen_and_serve(
    const struct options *o, struct start *start, const struct bound *bound)
{
	struct listen_conf conf = options_listen(o);
	int fd = -1;

	conf.helpers = programs_of(o);
	conf.tls_first = start_tls_first(start, o->tls);
	start_clear_descriptors(start);
	store_start(); /* once, not in each session */
	confine_prepare();
	switch (listen_run(&conf, start->listening, start->nlistening, &fd)) {
	case LISTEN_SESSION:
		/* exit(3) would take time for what the listener left. */
		_exit(serve_when_called(o, fd));
	case LISTEN_WRITER:
		return cli_is_postgresql(o->database) ? elsewhere_run(o, fd)
						      : writer_serve(o, fd);
	case LISTEN_DONE:
		bound_remove_paths(bound);
		return EX_OK;
	case LISTEN_FAILED:
		return EX_OSERR;
	}
	return EX_SOFTWARE;
}

/* Whatever it was started with; the exit status. */
static int
start_serving(const struct options *o, struct start *start)
{
	struct bound bound = { .nfds = 0 };
	int status = start_begin(start, o, &bound);

	if (status != EX_OK)
		return status;
	if (start->nlistening > 0)
		return listen_and_serve(o, start, &bound);
	if (isatty(start->connection.in) && isatty(STDERR_FILENO))
		start_give_hint(o->database);
	return serve_connection(o, &start->connection);
}

int
main(int argc, char **argv)
{
	struct start start = { .nlistening = 0 };
	struct options options;
	int status;

	log_open(start_is_socket(STDIN_FILENO) ? STDIN_FILENO : -1);
	start_take_descriptors();
	umask(umask(0077) | 0007); /* others must not read mail */
	status = start_find(&start);
	if (status != EX_OK)
		return status;
	if (options_read(argc, argv, &options, &status) < 0) {
		if (status != EX_OK)
			start_refuse(&start);
		return status;
	}
	return start_serving(&options, &start);
}
