/*
 * smtpd: finds out how it was started, then carries out what the session
 * machine asks for, with a connection, a store, a clock and a log.
 */
#include <sys/stat.h>

#include <errno.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "cli.h"
#include "clock.h"
#include "mail/header.h"
#include "mail/trace.h"
#include "mail/wire.h"
#include "server/absent.h"
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
#include "server/sockets.h"
#include "server/start.h"
#include "server/worker.h"
#include "session.h"
#include "store.h"
#include "writer.h"

struct server {
	struct context context;
	bool is_alone;   /* has the database open itself */
	bool has_writer; /* for itself, which knows no facts but ours */
	/* Trouble of ours since the last refusal, whose entry names it. */
	enum verdict trouble;
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
append(struct context *c, struct span data)
{
	header_feed(&c->header, data);
	record_body(c->record, data);
	store_append(c->store, data);
	if (c->filters)
		filters_text(c->filters, data, &c->header);
}

static void
drop(struct context *c)
{
	header_start(&c->header);
	record_drop(c->record);
	store_drop(c->store);
}

static void
commit(struct server *sv)
{
	struct context *c = &sv->context;
	const struct envelope *e = session_envelope(c->session);
	struct trace_mail lines = {
		.envelope = e,
		.peer = &c->peer,
		.facts = &c->facts,
		.hostname = c->options->hostname,
		.received_at = clock_us(),
		.header = c->options->submission ? &c->header : NULL,
		.process_id = (long)getpid(),
	};
	struct store_mail mail = store_mail_of(&lines, &c->header);
	enum verdict result;
	int64_t id = 0;

	header_end(&c->header);
	mail.dedupe_sec = c->options->dedupe_sec;
	if (c->filters && !filtering_conclude(c, &mail))
		return;
	result = store_commit(c->store, &mail, &id);
	header_start(&c->header);
	if (result == VERDICT_OK) {
		entry_stored(&c->entries, e, id, store_was_known(c->store),
		    filtering_decider(c));
		if (sv->is_alone) /* the writer does it for its sessions */
			new_mail_tell(c->options->new_mail);
		record_stored(c->record, e);
	}
	record_drop(c->record);
	session_stored(c->session, note(sv, result), id);
}

/*
 * Questions
 */

static void
answer_question(struct server *sv)
{
	struct context *c = &sv->context;
	const struct question *q = session_question(c->session);
	const struct policy_asker asker = context_asker(c);

	if (sv->has_writer && q->kind == QUESTION_MAIL)
		store_tell(c->store, ELSEWHERE_SESSION, &c->facts);
	store_ask(c->store, &asker, q, c->answer);
	if (c->filters)
		filtering_ask(c);
	note(sv, c->answer->verdict);
	session_answer(c->session, c->answer);
}

/*
 * The client
 */

static void
read_input(struct context *c)
{
	bool in_text = session_has_text(c->session);
	enum connection_result result;
	struct span data = { .p = input };

	/*
	 * A checkpoint belongs here: every command is answered, so no client
	 * waits for it.
	 */
	if (store_tidy(c->store) != VERDICT_OK)
		log_line(LOG_WARNING, "%s", store_error(c->store));
	connection_expect_text(c->connection, in_text);
	result = connection_read(c->connection, input, sizeof input, &data.len);
	store_refresh(c->store);
	if (result == CONNECTION_OK) {
		record_input(c->record, data, in_text);
		session_feed(c->session, data.p, data.len);
	} else {
		front_lose_client(c, result);
	}
}

/* Logs a refusal; trouble of ours with its cause. */
static void
report(struct server *sv)
{
	struct context *c = &sv->context;
	struct session_refusal r = session_refusal(c->session);
	bool is_ours = sv->trouble != VERDICT_OK;

	entry_refused(&c->entries, &(struct entry_refusal){ r.reply, r.command,
				       is_ours ? store_error(c->store) : NULL,
				       filtering_decider(c), c->tried });
	sv->trouble = VERDICT_OK;
	c->tried[0] = '\0';
}

/* False: the client is gone. */
static bool
write_output(struct server *sv)
{
	struct context *c = &sv->context;
	struct span data = session_output(c->session);
	enum connection_result result = connection_write(c->connection, data);

	if (result == CONNECTION_FULL) {
		log_line(LOG_ERR, "standard output: %s", strerror(errno));
		sv->exit_status = EX_IOERR;
	}
	if (result != CONNECTION_OK) {
		entry_unsent(&c->entries);
		return false;
	}
	entry_sent(&c->entries);
	record_output(c->record, data);
	session_sent(c->session, data.len);
	return true;
}

static void
start_tls(struct context *c)
{
	if (secure_connection(c))
		session_secured(c->session);
	else
		session_end(c->session, SESSION_EOF);
	authenticate_offer(c);
}

static void
run(struct server *sv)
{
	struct context *c = &sv->context;

	for (;;) {
		switch (session_next(c->session)) {
		case SESSION_READ:
			read_input(c);
			break;
		case SESSION_WRITE:
			if (!write_output(sv))
				return;
			break;
		case SESSION_ASK:
			answer_question(sv);
			break;
		case SESSION_AUTHENTICATE:
			authenticate(c);
			break;
		case SESSION_CLIENT:
			front_take_client(c);
			authenticate_offer(c);
			break;
		case SESSION_BODY:
			append(c, session_body(c->session));
			break;
		case SESSION_STORE:
			commit(sv);
			break;
		case SESSION_DROP:
			drop(c);
			break;
		case SESSION_START_TLS:
			start_tls(c);
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
	struct context *c = &sv->context;
	const struct options *o = c->options;

	c->session = session_new(session);
	if (!c->session || !c->store) {
		log_line(LOG_ERR, "out of memory");
		sv->exit_status = EX_OSERR;
		return false;
	}
	if (o->record && !(c->record = record_open(o->record))) {
		sv->exit_status = EX_CANTCREAT;
		return false;
	}
	if (!filtering_open(c) || !confine_session(o, sv->is_alone)) {
		sv->exit_status = EX_OSERR;
		return false;
	}
	c->entries.peer = &c->peer;
	header_start(&c->header);
	return true;
}

/* Serves one SMTP session, from the greeting to the close. */
static void
serve(struct server *sv, const struct session_conf *session, bool tls_first)
{
	struct context *c = &sv->context;
	const struct options *o = c->options;

	record_begin(c->record, session);
	connection_start(c->connection, o->timeout_sec, o->session_timeout_sec);
	if (front_learn_client(c) && (!tls_first || secure_connection(c))) {
		authenticate_offer(c);
		run(sv);
	}
	entry_ended(&c->entries, session_counts(c->session));
	connection_close(c->connection);
	filters_close(c->filters);
}

/*
 * The start
 */

/*
 * On the stack, its 32 KiB would be zeroed for each session (HARDENING in the
 * Makefile).
 */
static struct answer answer;

/* Serves a session of its own.  Returns the exit status. */
static int
serve_connection(const struct options *o, struct connection *connection)
{
	const struct store_conf conf = { .path = o->database,
		.wait_ms = STORE_WAIT_MS };
	struct session_conf session = options_session(o);
	struct server sv = {
		.context = { .options = o,
		    .connection = connection,
		    .answer = &answer },
		.is_alone = !cli_is_postgresql(o->database),
		.has_writer = cli_is_postgresql(o->database),
	};
	struct context *c = &sv.context;

	peer_find(connection->in, &c->peer);
	c->store = sv.is_alone
		       ? store_new(&conf)
		       : store_connect(&conf, elsewhere_start(o, &c->peer));
	/* A pipe may come from a TLS wrapper, and so from a stranger. */
	session.any_line_end = !connection->is_socket &&
			       peer_is_local(&c->peer) &&
			       !fronts_have(&o->fronts, &c->peer);
	secure_prepare(c, &session);
	authenticate_prepare(c);
	if (prepare(&sv, &session))
		serve(&sv, &session,
		    session.in_tls && !facts_has(&c->facts, FACT_TLS));
	else
		connection_refuse(connection);
	record_close(c->record);
	session_free(c->session);
	store_free(c->store);
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
	struct connection client = { .is_socket = true };
	struct introduction i;
	struct server sv = {
		.context = { .options = o,
		    .connection = &client,
		    .store = store_connect(&conf, fd),
		    .answer = &answer },
	};
	struct context *c = &sv.context;
	bool ready = prepare(&sv, &session);

	if (c->filters && !filters_wait(c->filters, fd))
		return EX_OK;
	client.in = client.out = worker_wait(fd, &i);
	c->peer = i.peer;
	c->tls = i.fds[INTRODUCE_HELPER + HELPER_TLS];
	c->auth = i.fds[INTRODUCE_HELPER + HELPER_AUTH];
	session.in_tls = i.tls_first;
	session.starttls = c->tls >= 0 && !i.tls_first;
	if (client.in >= 0 && ready)
		serve(&sv, &session, i.tls_first);
	else if (client.in >= 0)
		connection_refuse(&client);
	record_close(c->record);
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
	conf.max_connections =
	    sockets_allow(conf.max_connections, conf.helpers);
	start_clear_descriptors(start);
	absent_tell(o);
	store_start(); /* once, not in each session */
	confine_prepare();
	switch (listen_run(&conf, start->listening, start->nlistening, &fd)) {
	case LISTEN_SESSION:
		/*
		 * exit(3) would spend time on what the listener had registered.
		 */
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

/* Serves one connection, or listens.  Returns the exit status. */
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
