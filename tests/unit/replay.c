/*
 * The transcripts against the session machine, in this process.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "../../mail/reply.h"
#include "../support/corpus.h"
#include "../support/play.h"
#include "../support/script.h"

enum {
	TEST_TIMEOUT_S = 600, /* where the machine goes round in circles */
};

/* Plays it in all cuttings; fails the test where it is not as it says. */
static void
replay(const struct script *s, const struct session_conf *conf)
{
	struct script_error error;

	for (int cut = 0; cut < PLAY__COUNT; cut++) {
		bool ok = play_script(s, conf, (enum play_cut)cut, &error);

		cr_expect(ok, "%s (cut: %s)", error.text, play_cut_names[cut]);
	}
}

static void
free_files(struct criterion_test_params *params)
{
	cr_free(params->params);
}

ParameterizedTestParameters(replay, transcript)
{
	size_t nfiles;
	struct corpus_file *files = corpus_list(&nfiles);

	return cr_make_param_array(
	    struct corpus_file, files, nfiles, free_files);
}

ParameterizedTest(
    struct corpus_file *file, replay, transcript, .timeout = TEST_TIMEOUT_S)
{
	struct script_error error = { "" };
	struct script *s = script_read(file->path, &error);

	cr_assert(s, "%s", error.text);
	if (!s->needs_program)
		replay(s, &s->conf);
	if (!s->needs_program && s->input == SCRIPT_ANY) {
		struct session_conf conf = s->conf;

		conf.any_line_end = true;
		replay(s, &conf);
	}
	script_free(s);
}

/* No parameters are no failure to Criterion. */
Test(replay, corpus_is_not_empty)
{
	cr_expect(
	    corpus_count() >= 70, "%zu transcripts found", corpus_count());
}

/* Does the line begin with `text` up to its first place for a value? */
static bool
fits(struct span line, const char *text)
{
	size_t len = strcspn(text, "#@\n");

	if (text[len] == '#' || text[len] == '@')
		return line.len > len && memcmp(line.p, text, len) == 0;
	return line.len == len && memcmp(line.p, text, len) == 0;
}

/* Is it a line of a reply with this id?  The values in it may be any. */
static bool
is_reply(struct span line, enum reply id)
{
	const struct reply_text *r = &replies[id];
	bool named = r->text[0] == '%';
	const char *instead = strchr(r->text, '\n');
	char text[256];
	int head = snprintf(text, sizeof text, "%d%c%s%s", r->code,
	    line.len > 3 && line.p[3] == '-' ? '-' : ' ',
	    r->enhanced ? r->enhanced : "", r->enhanced ? " " : "");

	snprintf(text + head, sizeof text - (size_t)head, "%s%s",
	    named ? "mx.example" : "", r->text + named);
	if (fits(line, text))
		return true;
	if (instead)
		snprintf(
		    text + head, sizeof text - (size_t)head, "%s", instead + 1);
	return instead && fits(line, text);
}

static void
note_replies(const char *path, bool *seen)
{
	struct script_error error;
	struct script *s = script_read(path, &error);

	cr_assert(s, "%s", error.text);
	for (unsigned i = 0; i < s->nsteps; i++) {
		if (s->steps[i].kind != SCRIPT_REPLY)
			continue;
		for (int id = 0; id < REPLY__COUNT; id++)
			seen[id] |= id != REPLY_NONE &&
				    is_reply(s->steps[i].text, (enum reply)id);
	}
	script_free(s);
}

Test(replay, every_reply_is_in_a_transcript)
{
	size_t nfiles = corpus_count();
	struct corpus_file *files = calloc(nfiles + 1, sizeof *files);
	bool seen[REPLY__COUNT] = {
		[REPLY_NONE] = true,
		[REPLY_TOO_MANY_MAILS] = true, /* has a test below */
		/* The listener's: tests/system/listener.py. */
		[REPLY_NO_SERVICE] = true,
		[REPLY_NO_PROCESS] = true,
		[REPLY_NO_PROXY_HEADER] = true, /* tests/system/beside.py */
		[REPLY_TOO_MANY_CONNECTIONS] = true,
		[REPLY_TOO_MANY_FROM_YOU] = true,
	};

	corpus_copy(files, nfiles);
	for (size_t i = 0; i < nfiles; i++)
		note_replies(files[i].path, seen);
	free(files);
	for (int id = 0; id < REPLY__COUNT; id++)
		cr_expect(seen[id], "in no transcript: %d %s", replies[id].code,
		    replies[id].text);
}

/*
 * Prefixes: a client may vanish at any octet.
 */

static const char full_session[] =
    "EHLO client.example\r\n"
    "MAIL FROM:<a@client.example> SIZE=20 BODY=8BITMIME\r\n"
    "RCPT TO:<b@mx.example> NOTIFY=NEVER\r\n"
    "RCPT TO:<\"c d\"@mx.example>\r\n"
    "DATA\r\n"
    "Subject: one\r\n"
    "\r\n"
    "..\r\n"
    "...\r\n"
    ". \r\n"
    "text\r\n"
    ".\r\n"
    "RSET\r\n"
    "MAIL FROM:<>\r\n"
    "RCPT TO:<postmaster>\r\n"
    "DATA\r\n"
    ".\r\n"
    "MAIL FROM:<a@client.example>\r\n"
    "RCPT TO:<b@mx.example>\r\n"
    "BDAT 4\r\n"
    "\r\n.\r"
    "RSET\r\n"
    "NONSENSE\r\n"
    "MAIL FROM:<a@client.example>\r\n"
    "RCPT TO:<b@mx.example>\r\n"
    "DATA\r\n"
    "three\r\n"
    ".\r\n"
    "QUIT\r\n";

/*
 * Mails that `len` octets of the session complete.  A dot alone on its line
 * ends each of them, and stands nowhere else, not even in BDAT's octets.
 */
static unsigned
count_final_dots(const char *text, size_t len, const char *dot)
{
	size_t dot_len = strlen(dot);
	unsigned n = 0;

	for (size_t i = 0; i + dot_len <= len; i++)
		n += memcmp(text + i, dot, dot_len) == 0;
	return n;
}

static void
play_prefix(const char *text, size_t len, const struct session_conf *conf,
    enum play_cut cut, unsigned want)
{
	struct player *p = player_new(conf, cut, NULL);

	player_send(p, (struct span){ text, len });
	player_end(p, SESSION_EOF);
	cr_expect(!player_broken(p), "%zu octets (cut: %s): %s", len,
	    play_cut_names[cut], player_broken(p));
	cr_expect(player_mails(p)->nmails == want,
	    "%zu octets (cut: %s): want %u mails, got %u", len,
	    play_cut_names[cut], want, player_mails(p)->nmails);
	player_free(p);
}

static void
play_prefixes(
    const char *text, const struct session_conf *conf, const char *dot)
{
	size_t len = strlen(text);

	for (size_t i = 0; i <= len; i++) {
		unsigned want = count_final_dots(text, i, dot);

		for (int cut = 0; cut < PLAY__COUNT; cut++)
			play_prefix(text, i, conf, (enum play_cut)cut, want);
	}
	cr_expect(count_final_dots(text, len, dot) == 3);
}

static const struct session_conf roomy = {
	.hostname = "mx.example",
	.version = "test",
	.max_size = 1000,
	.max_recipients = 10,
	.max_errors = 10,
};

Test(replay, every_prefix_stores_only_what_is_complete,
    .timeout = TEST_TIMEOUT_S)
{
	play_prefixes(full_session, &roomy, "\r\n.\r\n");
}

Test(replay, every_prefix_of_a_file_stores_only_what_is_complete,
    .timeout = TEST_TIMEOUT_S)
{
	struct session_conf conf = roomy;
	char *text = strdup(full_session);
	size_t len = 0;

	/* As an editor writes it, and with a text that fits its BDAT. */
	for (const char *p = full_session; *p; p++) {
		if (p[0] != '\r' || p[1] != '\n')
			text[len++] = *p;
	}
	text[len] = '\0';
	memcpy(strstr(text, "BDAT 4"), "BDAT 3", 6);
	conf.any_line_end = true;
	play_prefixes(text, &conf, "\n.\n");
	free(text);
}

/* All that the client of a transcript says, as far as it goes. */
static void
collect_input(const struct script *s, struct buffer *ret)
{
	for (unsigned i = 0; i < s->nsteps; i++) {
		if (s->steps[i].kind == SCRIPT_END)
			return;
		if (s->steps[i].kind == SCRIPT_SEND)
			buffer_add(ret, s->steps[i].text);
	}
}

ParameterizedTestParameters(replay, every_prefix_of_transcript)
{
	size_t nfiles;
	struct corpus_file *files = corpus_list(&nfiles);

	return cr_make_param_array(
	    struct corpus_file, files, nfiles, free_files);
}

/* Whatever is cut off, more input never takes a mail back. */
ParameterizedTest(struct corpus_file *file, replay, every_prefix_of_transcript,
    .timeout = TEST_TIMEOUT_S)
{
	enum {
		LONGEST = 6000
	};
	struct script_error error = { "" };
	struct script *s = script_read(file->path, &error);
	struct buffer input = { .p = NULL };
	unsigned nmails = 0;

	cr_assert(s, "%s", error.text);
	collect_input(s, &input);
	for (size_t i = 0; i <= input.len && i < LONGEST; i++) {
		struct player *p = player_new(&s->conf, PLAY_BURSTS, NULL);
		unsigned n;

		player_send(p, (struct span){ buffer_span(&input).p, i });
		player_end(p, SESSION_EOF);
		n = player_mails(p)->nmails;
		cr_expect(!player_broken(p), "%s: %zu octets: %s", file->path,
		    i, player_broken(p));
		cr_expect(n == nmails || n == nmails + 1,
		    "%s: %zu octets: %u mails, one less %u", file->path, i, n,
		    nmails);
		nmails = n;
		player_free(p);
	}
	buffer_free(&input);
	script_free(s);
}

/*
 * Too long for a transcript
 */

enum {
	MAILS_MAX = 10000
}; /* what EHLO announces as MAILMAX */

static void
send_text(struct player *p, const char *text)
{
	player_send(p, span_of(text));
}

Test(replay, ends_a_session_of_too_many_mails, .timeout = TEST_TIMEOUT_S)
{
	static const char mail[] = "MAIL FROM:<a@client.example>\r\n"
				   "RCPT TO:<b@mx.example>\r\n"
				   "BDAT 1 LAST\r\n"
				   ".";
	static const char farewell[] =
	    "421 4.7.0 mx.example too many mails in one session\r\n";
	struct player *p = player_new(&roomy, PLAY_BURSTS, NULL);

	for (int i = 0; i < MAILS_MAX; i++)
		send_text(p, mail);
	cr_expect(!player_closed(p));
	buffer_clear(player_output(p));
	send_text(p, "NOOP\r\nMAIL FROM:<>\r\nNOOP\r\n");
	cr_expect(player_closed(p));
	cr_expect(!player_broken(p), "%s", player_broken(p));
	cr_expect(player_mails(p)->nmails == MAILS_MAX);
	buffer_shift(player_output(p), strlen("250 2.0.0 OK\r\n"));
	cr_expect(player_output(p)->len == strlen(farewell));
	cr_expect(memcmp(player_output(p)->p, farewell, strlen(farewell)) == 0);
	player_free(p);
}

Test(replay, needs_no_more_memory_for_more_commands, .timeout = TEST_TIMEOUT_S)
{
	static const char round[] =
	    "EHLO client.example\r\n"
	    "MAIL FROM:<a@client.example> ENVID=one\r\n"
	    "RCPT TO:<b@mx.example> NOTIFY=NEVER ORCPT=rfc822;b\r\n"
	    "RCPT TO:<c@mx.example>\r\n"
	    "BDAT 6\r\n"
	    "NOOP\r\n"
	    "RSET\r\n"
	    "MAIL FROM:<a@client.example>\r\n"
	    "MAIL FROM:<a@client.example>\r\n";
	struct player *p = player_new(&roomy, PLAY_BURSTS, NULL);
	size_t before = 0;

	for (int i = 0; i < 10000; i++) {
		send_text(p, round);
		buffer_clear(player_output(p));
		if (i == 10) /* of AddressSanitizer's heap it knows nothing */
			before = mallinfo2().uordblks;
	}
	cr_expect(!player_broken(p), "%s", player_broken(p));
	cr_expect(mallinfo2().uordblks <= before);
	player_free(p);
}
