/*
 * The tests' own test: a transcript that is wrong must fail, at the right line
 * and in the right words, lest the corpus prove nothing.
 */
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "../support/play.h"
#include "../support/script.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

struct row {
	const char *text;
	const char *want; /* the message; NULL: none */
};

#define TALK                                                                   \
	"# Why.\n"                                                             \
	"< 220 mx.example ESMTP smtpd\n"
/* Ends with line 9. */
#define MAIL                                                                   \
	TALK "> MAIL FROM:<a>\n"                                               \
	     "< 250 2.1.0 Sender OK\n"                                         \
	     "> RCPT TO:<b> NOTIFY=NEVER\n"                                    \
	     "< 250 2.1.5 Recipient OK\n"                                      \
	     "> BDAT 3 LAST\n"                                                 \
	     ">> xyz\n"                                                        \
	     "< 250 2.0.0 Stored as message 1\n"

static const struct row parser_rows[] = {
	{ "", "t:0: nobody says anything" },
	{ "# Why.\n", "t:1: nobody says anything" },
	{ "# Why.", "t:1: the last line does not end" },
	{ "< 220\n", "t:1: the first line must be a comment" },
	{ "#Why.\n< 220\n", "t:1: the first line must be a comment" },
	{ "# Why.\n\n< 220\n", "t:2: unknown marker" },
	{ "# Why.\n<220\n", "t:2: unknown marker" },
	{ "# Why.\n>>> x\n", "t:2: unknown marker" },
	{ "# Why.\n> a\tb\n",
	    "t:2: a control character, even a tab, must be escaped" },
	{ "# Why.\n>> \\q\n", "t:2: unknown escape \\q" },
	{ "# Why.\n>> \\x1\n", "t:2: \\x needs two hexadecimal digits" },
	{ "# Why.\n>> \\x1g\n", "t:2: \\x needs two hexadecimal digits" },
	{ "# Why.\n>> x\\\n", "t:2: backslash at the end" },
	{ "# Why.\n>> \\{x}\n", "t:2: want \\{N:TEXT}" },
	{ "# Why.\n>> \\{0:x}\n", "t:2: want \\{N:TEXT}" },
	{ "# Why.\n>> \\{3:x\n", "t:2: \\{N:TEXT} without an end" },
	{ "# Why.\n>> \\{3:\\{3:x}}\n", "t:2: unknown escape \\{" },
	{ "# Why.\n>> \\{60000000:xx}\n", "t:2: \\{N:TEXT} is too long" },
	{ "# Why.\n! max-size x\n", "t:2: want a number" },
	{ "# Why.\n! max-errors\n", "t:2: want a number" },
	{ "# Why.\n! strict yes\n", "t:2: this setting has no value" },
	{ "# Why.\n! input pipe\n",
	    "t:2: want \"! input file\" or \"! input any\"" },
	{ "# Why.\n! nonsense\n", "t:2: unknown setting or event" },
	{ "# Why.\n< 220\n! strict\n", "t:3: a setting after the start" },
	{ "# Why.\n< 220\n! ask ok\n", "t:3: want a verdict or a reply" },
	{ "# Why.\n< 220\n! ask 600 5.1.1 text\n",
	    "t:3: want a verdict or a reply" },
	{ "# Why.\n< 220\n! ask 550 5.1.1\n",
	    "t:3: want an enhanced code and a text" },
	{ "# Why.\n< 220\n! ask 250 2.1.5 \xc3\xb6\n",
	    "t:3: want a short text of US-ASCII" },
	{ "# Why.\n! auth PL\xC3\xA4IN\n", "t:2: want some mechanisms" },
	{ "# Why.\n! auth-step more a\n< 220\n",
	    "t:2: want a challenge in base64" },
	{ "# Why.\n! sql\n< 220\n", "t:2: want a statement" },
	{ "# Why.\n< 220\n! store\n", "t:3: unknown verdict" },
	{ "# Why.\n< 220\n! timeout 3\n", "t:3: unknown setting or event" },
	{ "# Why.\n< 220\n= nonsense\n", "t:3: unknown expectation" },
	{ "# Why.\n< 220\n= none left\n",
	    "t:3: this expectation has no value" },
	{ "# Why.\n< 220\n= body \\q\n", "t:3: unknown escape \\q" },
};

/* What is wrong in playing. */
static const struct row player_rows[] = {
	{ TALK, NULL },
	{ TALK "! shutdown\n"
	       "< 421 4.3.2 mx.example shutting down, try again\n",
	    NULL },
	{ "# Why.\n> NOOP\n< 220 mx.example ESMTP smtpd\n< 250 2.0.0 OK\n",
	    NULL },
	{ "# Why.\n< 220 mx.example\n", "t:2: want \"220 mx.example\","
					" got \"220 mx.example ESMTP smtpd\"" },
	{ "# Why.\n> NOOP\n< 220 mx.example ESMTP smtpd\n",
	    "t:3: before this, not expected: \"250 2.0.0 OK\\r\\n\"" },
	{ TALK "< 250 more\n", "t:3: the server is silent, want \"250 more\"" },
	{ TALK "> HELO x\n> NOOP\n< 250 mx.example\n> NOOP\n",
	    "t:6: before this, not expected: \"250 2.0.0 OK\\r\\n\"" },
	{ TALK "> NOOP\n! timeout\n",
	    "t:4: before this, not expected: \"250 2.0.0 OK\\r\\n\"" },
	{ TALK "! timeout\n",
	    "t:3: before this, not expected: \"421 4.4.2 mx.example timed "
	    "out waiting for input\\r\\n\"" },
	{ TALK "> QUIT\n"
	       "< 221 2.0.0 mx.example closing connection\n"
	       "> NOOP\n",
	    NULL },
	{ TALK "> QUIT\n"
	       "< 221 2.0.0 mx.example closing connection\n"
	       "> NOOP\n"
	       "< 250 2.0.0 OK\n",
	    "t:6: the server has closed, and hears no more" },
	{ TALK "> QUIT\n"
	       "< 221 2.0.0 mx.example closing connection\n"
	       "! timeout\n",
	    "t:5: the server has closed already" },
	{ TALK "! ask busy\n", "t:3: a verdict was not used" },
	{ TALK "! ask busy\n! ask full\n",
	    "t:4: the verdict before this one was not used" },
	{ TALK "= none\n", NULL },
	{ TALK "= from\n", "t:3: no such mail is stored" },
	{ TALK "= rcpt b\n", "t:3: \"= from\" must come first" },
	{ MAIL, "t:9: stored and not listed: from \"a\"" },
	{ MAIL "= none\n", "t:10: stored and not listed: from \"a\"" },
	{ MAIL "= from a\n",
	    "t:10: stored and not listed: rcpt \"b NOTIFY=NEVER\"" },
	{ MAIL "= from a\n= from c\n",
	    "t:11: stored and not listed: rcpt \"b NOTIFY=NEVER\"" },
	{ MAIL "= from b\n", "t:10: want \"b\", got \"a\"" },
	{ MAIL "= from a\n= rcpt b\n",
	    "t:11: want \"b\", got \"b NOTIFY=NEVER\"" },
	{ MAIL "= from a\n= rcpt b NOTIFY=NEVER\n= rcpt c\n",
	    "t:12: the mail has no further recipient" },
	{ MAIL "= from a\n= rcpt b NOTIFY=NEVER\n",
	    "t:11: stored and not listed: body \"xyz\"" },
	{ MAIL "= from a\n= rcpt b NOTIFY=NEVER\n= body xy\n",
	    "t:12: stored and not listed: body \"z\"" },
	{ MAIL "= from a\n= rcpt b NOTIFY=NEVER\n= body xyzz\n",
	    "t:12: want \"xyzz\", got \"xyz\"" },
	{ MAIL "= from a\n= rcpt b NOTIFY=NEVER\n= body xYz\n",
	    "t:12: want \"xYz\", got \"xyz\"" },
	{ MAIL "= from a\n= rcpt b NOTIFY=NEVER\n= body xyz\n", NULL },
	{ MAIL "= body xyz\n", "t:10: \"= from\" must come first" },
	{ MAIL "= from a\n= body x\n= body yz\n= rcpt b NOTIFY=NEVER\n"
	       "= helo\n= protocol SMTP\n= none\n",
	    NULL },
	{ MAIL "= from a\n= smtputf8\n", "t:11: want \"1\", got \"\"" },
	{ MAIL "= from a\n= protocol ESMTP\n",
	    "t:11: want \"ESMTP\", got \"SMTP\"" },
};

Test(script, says_what_is_wrong_in_a_transcript)
{
	for (size_t i = 0; i < COUNT(parser_rows); i++) {
		const struct row *r = &parser_rows[i];
		struct script_error e = { "" };
		struct script *s = script_parse("t", span_of(r->text), &e);

		cr_expect(!s && strcmp(e.text, r->want) == 0,
		    "row %zu: want \"%s\", got \"%s\"", i, r->want, e.text);
		script_free(s);
	}
}

Test(script, says_what_the_server_did_else)
{
	for (size_t i = 0; i < COUNT(player_rows); i++) {
		const struct row *r = &player_rows[i];
		struct script_error e = { "" };
		struct script *s = script_parse("t", span_of(r->text), &e);

		cr_assert(s, "row %zu: %s", i, e.text);
		for (int cut = 0; cut < PLAY__COUNT; cut++) {
			const char *want = r->want ? r->want : "";
			bool ok =
			    play_script(s, &s->conf, (enum play_cut)cut, &e);

			cr_expect(ok == !r->want, "row %zu", i);
			cr_expect(strcmp(e.text, want) == 0,
			    "row %zu: want \"%s\", got \"%s\"", i, want,
			    e.text);
		}
		script_free(s);
	}
}

Test(script, reads_escapes)
{
	static const char text[] =
	    "# Why.\n>> \\r\\n\\t\\0\\\\\\}\\x41\\xfF\\{3:a\\n\\}}b\n";
	static const char want[] = "\r\n\t\0\\}A\xff"
				   "a\n}a\n}a\n}b";
	struct script_error e = { "" };
	struct script *s = script_parse("t", span_of(text), &e);

	cr_assert(s, "%s", e.text);
	cr_assert(s->nsteps == 1);
	cr_expect(s->steps[0].text.len == sizeof want - 1);
	cr_expect(memcmp(s->steps[0].text.p, want, sizeof want - 1) == 0);
	cr_expect(!s->steps[0].is_line);
	script_free(s);
}

Test(script, reads_settings)
{
	static const char text[] = "# Why.\n"
				   "! max-size 10\n"
				   "! max-recipients 100\n"
				   "! max-errors 3\n"
				   "! strict\n"
				   "# Comments may stand anywhere.\n"
				   "! rfc821\n"
				   "! input file\n"
				   "! in-process\n"
				   ">\n"
				   "<\n";
	struct script_error e = { "" };
	struct script *s = script_parse("t", span_of(text), &e);

	cr_assert(s, "%s", e.text);
	cr_expect(s->conf.max_size == 10);
	cr_expect(s->conf.max_recipients == 100);
	cr_expect(s->conf.max_errors == 3);
	cr_expect(s->conf.strict);
	cr_expect(s->conf.rfc821);
	cr_expect(s->conf.any_line_end);
	cr_expect(s->input == SCRIPT_FILE);
	cr_expect(s->in_process);
	cr_assert(s->nsteps == 2);
	cr_expect(s->steps[0].is_line && s->steps[0].text.len == 2);
	cr_expect(s->steps[1].text.len == 0);
	script_free(s);
}
