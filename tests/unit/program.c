/*
 * The transcripts against the real program, with a real database, over pipes,
 * a socket and a file.
 */
#include <sys/wait.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "../../store.h"
#include "../support/client.h"
#include "../support/corpus.h"
#include "../support/mails.h"
#include "../support/play.h"
#include "../support/script.h"

enum {
	TEST_TIMEOUT_S = 600,
};

/*
 * Transcripts
 */

static bool
talk_reply(struct client *c, const struct script *s,
    const struct script_step *step, struct script_error *error)
{
	struct span got;

	if (!client_read_line(c))
		return script_fault_at(error, s, step,
		    c->eof ? "the server has closed, want"
			   : "the server is silent, want",
		    step->text);
	got = buffer_span(&c->line);
	if (got.len == step->text.len &&
	    memcmp(got.p, step->text.p, got.len) == 0)
		return true;
	return script_mismatch(error, s, step, got);
}

/* Ends the input; nothing may come that was not expected. */
static bool
talk_end(struct client *c, const struct script *s, struct script_error *error)
{
	client_close_input(c);
	if (!client_read_to_the_end(c))
		return script_fault(
		    error, s, NULL, "the server does not close");
	if (c->output.len > 0)
		return script_fault_at(
		    error, s, NULL, "not expected:", buffer_span(&c->output));
	return true;
}

/* As an administrator would, beside the running session. */
static bool
run_sql(const struct folder *f, const struct script *s,
    const struct script_step *step, struct script_error *error)
{
	sqlite3 *db;
	int rc = sqlite3_open(f->database, &db);

	sqlite3_busy_timeout(db, 60000);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db, step->text.p, NULL, NULL, NULL);
	if (rc != SQLITE_OK)
		script_fault_at(
		    error, s, step, "SQL:", span_of(sqlite3_errmsg(db)));
	sqlite3_close(db);
	return rc == SQLITE_OK;
}

static bool
talk(struct client *c, const struct folder *f, const struct script *s,
    struct script_error *error)
{
	struct buffer burst = { .p = NULL };
	bool ok = true;

	for (unsigned i = 0; ok && i < s->nsteps; i++) {
		const struct script_step *step = &s->steps[i];

		if (step->kind == SCRIPT_SEND) {
			buffer_add(&burst, step->text);
			continue;
		}
		if (!client_send(c, buffer_span(&burst)))
			ok = script_fault(
			    error, s, step, "the server does not read");
		buffer_clear(&burst);
		if (ok && step->kind == SCRIPT_REPLY)
			ok = talk_reply(c, s, step, error);
		if (ok && step->kind == SCRIPT_END)
			kill(c->pid, SIGTERM);
		if (ok && step->kind == SCRIPT_SQL)
			ok = run_sql(f, s, step, error);
	}
	if (ok && !client_send(c, buffer_span(&burst)))
		ok = script_fault(error, s, NULL, "the server does not read");
	buffer_free(&burst);
	return ok && talk_end(c, s, error);
}

/*
 * The database
 */

/* NULL for NULL; good until the next step. */
static const char *
text_of(sqlite3_stmt *q, int column)
{
	return (const char *)sqlite3_column_text(q, column);
}

static bool
read_recipients(sqlite3 *db, struct mail *mail, sqlite3_int64 id)
{
	static const char sql[] =
	    "SELECT position, forward_path, notify, original_recipient,"
	    " mailbox FROM recipient WHERE message_id = ? ORDER BY position";
	sqlite3_stmt *q;
	bool ok = true;
	int rc;

	if (sqlite3_prepare_v2(db, sql, -1, &q, NULL) != SQLITE_OK)
		return false;
	sqlite3_bind_int64(q, 1, id);
	while ((rc = sqlite3_step(q)) == SQLITE_ROW) {
		struct recipient r = {
			.forward_path = text_of(q, 1),
			.notify = text_of(q, 2),
			.original_recipient = text_of(q, 3),
			.mailbox = text_of(q, 4),
		};

		ok = ok && sqlite3_column_int(q, 0) == (int)mail->nrcpts + 1;
		mail_add_rcpt(mail, &r);
	}
	sqlite3_finalize(q);
	return ok && rc == SQLITE_DONE;
}

static bool
read_message(sqlite3 *db, sqlite3_stmt *q, struct mails *ret)
{
	static const enum script_word words[] = {
		SCRIPT_FROM,
		SCRIPT_PROTOCOL,
		SCRIPT_HELO,
		SCRIPT_VERB,
		SCRIPT_BODY_TYPE,
		SCRIPT_ENVID,
		SCRIPT_RET,
		SCRIPT_SMTPUTF8,
		SCRIPT_REQUIRETLS,
		SCRIPT_BARE_LINE_ENDS,
		SCRIPT_CLAIMED_AS,
	};
	enum {
		ID,
		FIELDS,
		SIZE = FIELDS + sizeof words / sizeof *words,
		DATA
	};
	struct mail *mail = mails_add(ret);
	sqlite3_int64 id = sqlite3_column_int64(q, ID);
	struct span data;

	for (int i = 0; i < SIZE - FIELDS; i++)
		mail_set(mail, words[i], text_of(q, FIELDS + i));
	data.p = sqlite3_column_blob(q, DATA);
	data.len = (size_t)sqlite3_column_bytes(q, DATA);
	buffer_add(&mail->body, data);
	return id == ret->nmails &&
	       sqlite3_column_int64(q, SIZE) == (sqlite3_int64)data.len &&
	       sqlite3_column_type(q, DATA) == SQLITE_BLOB &&
	       read_recipients(db, mail, id);
}

/* No database is one without mails. */
static bool
read_mails(const struct folder *f, struct mails *ret)
{
	static const char sql[] =
	    "SELECT id, reverse_path, protocol, helo, verb, body_type,"
	    " envelope_id, dsn_return, nullif(smtputf8, 0),"
	    " nullif(requiretls, 0), nullif(bare_line_ends, 0), claimed_as,"
	    " size, data"
	    " FROM message ORDER BY id";
	sqlite3 *db;
	sqlite3_stmt *q = NULL;
	bool ok;
	int rc = SQLITE_ERROR;

	if (access(f->database, F_OK) < 0)
		return true;
	ok = sqlite3_open_v2(f->database, &db, SQLITE_OPEN_READWRITE, NULL) ==
		 SQLITE_OK &&
	     sqlite3_prepare_v2(db, sql, -1, &q, NULL) == SQLITE_OK;
	while (ok && (rc = sqlite3_step(q)) == SQLITE_ROW)
		ok = read_message(db, q, ret);
	sqlite3_finalize(q);
	sqlite3_close(db);
	return ok && rc == SQLITE_DONE;
}

/*
 * Runs
 */

static bool
has_step(const struct script *s, enum script_kind kind)
{
	for (unsigned i = 0; i < s->nsteps; i++) {
		if (s->steps[i].kind == kind)
			return true;
	}
	return false;
}

static bool
check_status(int status, const char *what, struct script_error *error)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	if (WIFSIGNALED(status))
		snprintf(error->text, sizeof error->text,
		    "%s: the program died of signal %d", what,
		    WTERMSIG(status));
	else
		snprintf(error->text, sizeof error->text,
		    "%s: the program exited with %d", what,
		    WEXITSTATUS(status));
	return false;
}

static bool
check_database(
    const struct folder *f, const struct script *s, struct script_error *error)
{
	struct mails mails = { .mail = NULL };
	bool ok = read_mails(f, &mails);

	if (!ok)
		script_fault(
		    error, s, NULL, "the database is not as it should be");
	ok = ok && mails_match_script(&mails, s, error);
	mails_free(&mails);
	return ok;
}

/* What --record wrote is a transcript, and true of the machine alone. */
static bool
replay(const char *path, struct script_error *error)
{
	struct script *s = script_read(path, error);
	bool ok = s && play_script(s, &s->conf, PLAY_BURSTS, error);

	script_free(s);
	return ok;
}

/*
 * Ends the run and, if it was `ok` so far, looks at what it has left: in the
 * database, and in the file `recorded` if that is not NULL.
 */
static void
finish(const struct folder *f, struct client *c, const struct script *s,
    bool ok, const char *recorded, struct script_error *error)
{
	enum client_way way = c->way;
	int status = client_stop(c);

	ok = ok && check_status(status, s->path, error) &&
	     check_database(f, s, error) &&
	     (!recorded || replay(recorded, error));
	if (!ok)
		folder_add_log(f, way, error);
	folder_remove(f);
	cr_assert(ok, "%s", error->text);
}

/* For SQL that comes before the session. */
static void
make_database(const struct folder *f)
{
	struct store_conf conf = { .path = f->database, .wait_ms = 60000 };
	struct store *st = store_new(&conf);

	cr_assert(st && store_open(st) == VERDICT_OK);
	store_free(st);
}

static void
run_transcript(const struct script *s, enum client_way way)
{
	struct script_error error = { "" };
	struct folder f;
	struct client c;
	bool records = !s->needs_program;
	char recorded[128], option[160];

	folder_make(&f);
	snprintf(recorded, sizeof recorded, "%s/recorded", f.path);
	snprintf(option, sizeof option, "--record=%s", recorded);
	f.option = records ? option : s->option;
	f.client = s->client;
	if (has_step(s, SCRIPT_SQL))
		make_database(&f);
	client_start(&c, &f, &s->conf, way);
	finish(&f, &c, s, talk(&c, &f, s, &error), records ? recorded : NULL,
	    &error);
}

/*
 * Which transcripts
 */

struct run {
	struct corpus_file file;
	enum client_way way;
};

/* Does it need nothing that only the machine alone can be made to meet? */
static bool
is_for_program(const struct script *s)
{
	for (unsigned i = 0; i < s->nsteps; i++) {
		if (s->steps[i].kind == SCRIPT_END &&
		    s->steps[i].end != SESSION_SHUTDOWN)
			return false;
	}
	return !s->in_process && !has_step(s, SCRIPT_ASK) &&
	       !has_step(s, SCRIPT_STORE);
}

static bool
goes_way(const struct script *s, enum client_way way)
{
	switch (way) {
	case CLIENT_SOCKET:
		return s->input != SCRIPT_FILE;
	case CLIENT_PIPES:
		return s->input != SCRIPT_SOCKET;
	case CLIENT_LISTENER:
		return s->input != SCRIPT_FILE && !has_step(s, SCRIPT_END);
	case CLIENT_FILE: /* which has only one event: its end */
		return s->input == SCRIPT_FILE && !has_step(s, SCRIPT_END);
	case CLIENT_WAY__COUNT:
		break;
	}
	return false;
}

/* A transcript that cannot be read is test_replay's failure. */
static size_t
add_runs(const struct corpus_file *file, struct run *ret)
{
	struct script_error error;
	struct script *s = script_read(file->path, &error);
	size_t n = 0;

	for (int way = 0; s && way < CLIENT_WAY__COUNT; way++) {
		if (is_for_program(s) && goes_way(s, (enum client_way)way))
			ret[n++] = (struct run){ *file, (enum client_way)way };
	}
	script_free(s);
	return n;
}

static void
free_runs(struct criterion_test_params *params)
{
	cr_free(params->params);
}

ParameterizedTestParameters(program, transcript)
{
	size_t nfiles, nruns = 0;
	struct corpus_file *files = corpus_list(&nfiles);
	struct run *runs =
	    cr_malloc((nfiles * CLIENT_WAY__COUNT + 1) * sizeof *runs);

	for (size_t i = 0; i < nfiles; i++)
		nruns += add_runs(&files[i], runs + nruns);
	cr_free(files);
	return cr_make_param_array(struct run, runs, nruns, free_runs);
}

/*
 * What an editor would have written: the client's lines end in LF; octets that
 * are given as such stay.
 */
static void
write_input_file(const struct folder *f, const struct script *s)
{
	FILE *file = fopen(f->input, "wb");

	cr_assert(file);
	for (unsigned i = 0; i < s->nsteps; i++) {
		struct span text = s->steps[i].text;

		if (s->steps[i].kind != SCRIPT_SEND)
			continue;
		if (s->steps[i].is_line)
			text.len -= 2;
		fwrite(text.p, 1, text.len, file);
		if (s->steps[i].is_line)
			putc('\n', file);
	}
	cr_assert(fclose(file) == 0);
}

/* All input stands in the file before the first reply is written. */
static void
run_file(const struct script *s)
{
	struct script_error error = { "" };
	struct folder f;
	struct client c;
	bool ok = true;

	folder_make(&f);
	write_input_file(&f, s);
	client_start(&c, &f, &s->conf, CLIENT_FILE);
	for (unsigned i = 0; ok && i < s->nsteps; i++) {
		if (s->steps[i].kind == SCRIPT_REPLY)
			ok = talk_reply(&c, s, &s->steps[i], &error);
	}
	finish(&f, &c, s, ok && talk_end(&c, s, &error), NULL, &error);
}

ParameterizedTest(
    struct run *run, program, transcript, .timeout = TEST_TIMEOUT_S)
{
	struct script_error error = { "" };
	struct script *s = script_read(run->file.path, &error);

	cr_assert(s, "%s", error.text);
	if (run->way == CLIENT_FILE)
		run_file(s);
	else
		run_transcript(s, run->way);
	script_free(s);
}

/* Criterion is content with no parameters, and says nothing of skipped ones. */
Test(program, most_transcripts_are_for_the_program)
{
	size_t nfiles = corpus_count(), nskipped = 0,
	       nruns[CLIENT_WAY__COUNT] = { 0 };
	struct corpus_file *files = calloc(nfiles + 1, sizeof *files);

	corpus_copy(files, nfiles);
	for (size_t i = 0; i < nfiles; i++) {
		struct run runs[CLIENT_WAY__COUNT];
		size_t n = add_runs(&files[i], runs);

		nskipped += n == 0;
		while (n > 0)
			nruns[runs[--n].way]++;
	}
	free(files);
	for (int way = 0; way < CLIENT_WAY__COUNT; way++)
		cr_log_info("%zu transcripts over %s", nruns[way],
		    client_way_names[way]);
	cr_log_info("%zu skipped", nskipped);
	cr_expect(
	    nskipped < nfiles / 2, "%zu of %zu skipped", nskipped, nfiles);
	cr_expect(nruns[CLIENT_SOCKET] > 0);
	cr_expect(nruns[CLIENT_PIPES] > 0);
	cr_expect(nruns[CLIENT_FILE] > 0);
	cr_expect(nruns[CLIENT_LISTENER] > 0);
}

/*
 * Prefixes
 */

static const char short_session[] = "BDAT 2\r\n"
				    "\r\n"
				    "EHLO c.example\r\n"
				    "BDAT 2\r\n"
				    "\r\n"
				    "MAIL FROM:<a@c.example> SIZE=9\r\n"
				    "RCPT TO:<b@mx.example>\r\n"
				    "DATA\r\n"
				    "Subject: 1\r\n"
				    "\r\n"
				    "..\r\n"
				    ".\r\n"
				    "MAIL FROM:<>\r\n"
				    "RCPT TO:<b>\r\n"
				    "RCPT TO:<c d>\r\n"
				    "BDAT 4\r\n"
				    "\n.\r\n"
				    "RSET\r\n"
				    "MAIL FROM:<d>\r\n"
				    "RCPT TO:<b>\r\n"
				    "DATA\r\n"
				    "2\r\n"
				    ".\r\n"
				    "QUIT\r\n";

static unsigned
count_final_dots(struct span text)
{
	static const char dot[] = "\r\n.\r\n";
	const size_t dot_len = sizeof dot - 1;
	unsigned n = 0;

	for (size_t i = 0; i + dot_len <= text.len; i++)
		n += memcmp(text.p + i, dot, dot_len) == 0;
	return n;
}

/* All prefixes share a database; `*nmails` is what it holds. */
static bool
run_prefix(const struct folder *f, enum client_way way, struct span text,
    unsigned *nmails, struct script_error *error)
{
	static const struct session_conf conf = {
		.hostname = "mx.example",
		.max_size = 1000,
		.max_recipients = 100,
		.max_errors = 10,
	};
	struct mails mails = { .mail = NULL };
	struct client c;
	char what[64];
	bool ok;

	snprintf(what, sizeof what, "%zu octets (%s)", text.len,
	    client_way_names[way]);
	snprintf(error->text, sizeof error->text, "%s: silence", what);
	client_start(&c, f, &conf, way);
	ok = client_send(&c, text);
	client_close_input(&c);
	ok = client_read_to_the_end(&c) && ok;
	ok = check_status(client_stop(&c), what, error) && ok;

	*nmails += count_final_dots(text);
	ok = read_mails(f, &mails) && ok;
	if (ok && mails.nmails != *nmails)
		snprintf(error->text, sizeof error->text,
		    "%s: want %u mails in all, got %u", what, *nmails,
		    mails.nmails);
	ok = ok && mails.nmails == *nmails;
	mails_free(&mails);
	return ok;
}

static void
run_prefixes(enum client_way way)
{
	struct script_error error;
	struct folder f;
	unsigned nmails = 0;
	bool ok = true;

	folder_make(&f);
	for (size_t len = 0; ok && len < sizeof short_session; len++)
		ok = run_prefix(&f, way, (struct span){ short_session, len },
		    &nmails, &error);
	if (!ok)
		folder_add_log(&f, way, &error);
	folder_remove(&f);
	cr_assert(ok, "%s", error.text);
	cr_assert(count_final_dots((struct span){
		      short_session, sizeof short_session - 1 }) == 2);
}

Test(program, every_prefix_over_a_socket_stores_only_what_is_complete,
    .timeout = TEST_TIMEOUT_S)
{
	run_prefixes(CLIENT_SOCKET);
}

Test(program, every_prefix_over_pipes_stores_only_what_is_complete,
    .timeout = TEST_TIMEOUT_S)
{
	run_prefixes(CLIENT_PIPES);
}
