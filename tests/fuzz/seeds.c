/*
 * Makes the seeds of the targets: seeds FOLDER MAILS TRANSCRIPT...  Each target
 * gets a folder.  MAILS is written as a transcript, and has a mail a line.
 */
#include <sys/stat.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../mail/wire.h"
#include "../support/buffer.h"
#include "../support/script.h"

enum {
	SEED_MAX = 16 * 1024, /* long ones only make a fuzzer slow */
};

struct seed {
	const char *folder;
	const char *name; /* of the transcript */
	unsigned n;       /* for several of one transcript */
};

/* Writes FOLDER/TARGET/NAME-N. */
static void
write_seed(struct seed *s, const char *target, struct span octets)
{
	char path[4096];
	FILE *f;

	if (octets.len == 0 || octets.len > SEED_MAX)
		return;
	snprintf(path, sizeof path, "%s/%s", s->folder, target);
	if (mkdir(path, 0777) < 0 && errno != EEXIST) {
		perror(path);
		exit(1);
	}
	snprintf(path, sizeof path, "%s/%s/%s-%u", s->folder, target, s->name,
	    s->n++);
	f = fopen(path, "we");
	if (!f || fwrite(octets.p, 1, octets.len, f) != octets.len ||
	    fclose(f) != 0) {
		perror(path);
		exit(1);
	}
}

/*
 * Tapes
 */

static void
put(struct buffer *tape, const char *octets, size_t len)
{
	buffer_add(tape, (struct span){ octets, len });
}

static void
put_settings(struct buffer *tape, const struct script *s)
{
	const struct session_conf *c = &s->conf;
	unsigned flags = 0, limits = 0;
	char settings[2];

	flags |= c->strict ? 1 : 0;
	flags |= c->rfc821 ? 2 : 0;
	flags |= c->vrfy ? 4 : 0;
	flags |= c->any_line_end ? 8 : 0;
	flags |= c->lmtp ? 16 : 0;
	flags |= c->auth == SESSION_AUTH_ASK ? 32 : 0;
	flags |= c->auth == SESSION_AUTH_CLAIM ? 64 : 0;
	limits |= c->auth_mechanisms ? 64 : 0;
	flags |= c->in_tls ? 128 : 0;
	limits |= c->max_size <= 1000 ? 1 : 0;
	limits |= c->max_recipients <= 10 ? 2 << 2 : 0;
	limits |= c->max_errors <= 10 ? 2 << 4 : 0;
	limits |= c->xclient ? 128 : 0;
	settings[0] = (char)flags;
	settings[1] = (char)limits;
	put(tape, settings, 2);
}

static void
put_answer(struct buffer *tape, const struct script_step *step)
{
	static const int codes[] = { 250, 251, 252, 450, 451, 452, 550, 551,
		552, 553, 554, 421 };
	unsigned char mark[3] = { 0xff, 'A', (unsigned char)step->verdict };

	for (unsigned i = 0; i < sizeof codes / sizeof *codes; i++) {
		if (step->answer.code == codes[i]) {
			mark[1] = 'R';
			mark[2] = (unsigned char)i;
		}
	}
	put(tape, (const char *)mark, 3);
}

static void
put_step(struct buffer *tape, const struct script_step *step)
{
	static const char ends[] = {
		[SESSION_TIMEOUT] = 'T',
		[SESSION_EXPIRED] = 'X',
		[SESSION_CROWDED] = 'C',
		[SESSION_SHUTDOWN] = 'D',
	};
	unsigned char mark[3] = { 0xff };

	switch (step->kind) {
	case SCRIPT_SEND:
		for (size_t i = 0; i < step->text.len; i++) {
			put(tape, &step->text.p[i], 1);
			if (step->text.p[i] == '\xff')
				put(tape, "\xff", 1);
		}
		break;
	case SCRIPT_END:
		mark[1] = (unsigned char)ends[step->end];
		put(tape, (const char *)mark, 2);
		break;
	case SCRIPT_ASK:
		put(tape,
		    "\xff"
		    "F",
		    2);
		put_answer(tape, step);
		break;
	case SCRIPT_AUTH:
		mark[1] = 'P';
		mark[2] = (unsigned char)((unsigned)step->auth |
					  (step->text.len > 0 ? 64u : 0u));
		put(tape,
		    "\xff"
		    "F",
		    2);
		put(tape, (const char *)mark, 3);
		break;
	case SCRIPT_STORE:
		mark[1] = 'S';
		mark[2] = (unsigned char)step->verdict;
		put(tape,
		    "\xff"
		    "F",
		    2);
		put(tape, (const char *)mark, 3);
		break;
	case SCRIPT_REPLY:
	case SCRIPT_SQL:
	case SCRIPT_STORED:
		break;
	}
}

static void
write_tape(struct seed *seed, const struct script *s)
{
	struct buffer tape = { .p = NULL };

	put_settings(&tape, s);
	for (unsigned i = 0; i < s->nsteps; i++)
		put_step(&tape, &s->steps[i]);
	write_seed(seed, "session", buffer_span(&tape));
	buffer_free(&tape);
}

/*
 * The others
 */

/* What stands behind MAIL FROM:, RCPT TO: and EHLO; and the mails. */
static void
write_words(struct seed *seed, const struct script_step *step)
{
	struct span text = step->text;

	if (!step->is_line) {
		write_seed(seed, "address", text);
		return;
	}
	text.len -= 2;
	if (span_skip(&text, "MAIL FROM:") || span_skip(&text, "RCPT TO:") ||
	    span_skip(&text, "EHLO "))
		write_seed(seed, "address", text);
}

static void
write_file(struct seed *seed, const char *path)
{
	char text[SEED_MAX];
	FILE *f = fopen(path, "re");
	size_t n;

	if (!f) {
		perror(path);
		exit(1);
	}
	n = fread(text, 1, sizeof text, f);
	if (feof(f))
		write_seed(seed, "script", (struct span){ text, n });
	fclose(f);
}

/*
 * What no transcript shows
 */

/* clang-format off */
static const char *const tapes[] = {
	/* Lists of many lines. */
	"\004\001EHLO a\r\nEXPN l\r\nEXPN m\r\n"
	"\377M\144\377M\001",
	"\004\001EHLO a\r\nVRFY u SMTPUTF8\r\nVRFY v\r\nEXPN l SMTPUTF8\r\n"
	"\377R\100\377R\103\377R\006",
	/* Many mailboxes for one recipient. */
	"\001\001EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\n"
	"RCPT TO:<b@b>\r\nDATA\r\nx\r\n.\r\n\377A\001\377M\310\377M\310",
	/* No memory for a sender, its ENVID, a recipient, NOTIFY, ORCPT. */
	"\001\001EHLO a\r\n\377N\001MAIL FROM:<a@b>\r\n\377F\377N\201"
	"MAIL FROM:<a@b> ENVID=x\r\n\377F\377N\001RCPT TO:<a@b> NOTIFY=NEVER\r\n",
	/* A mail that filters refuse. */
	"\001\001EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\nx\r\n.\r\n"
	"NOOP\r\n\377Q\002",
	/* The end in the middle of each. */
	"\003\001EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\nBDAT 9\r\nx\377D",
	"\001\001EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\nBDAT 1\r\nx\377T",
	"\001\001EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\nx\377X",
	NULL
};

static const char *const words[] = {
	"utf-8;\\x{2B}\\x{3D}\\x{E4}\\x{100}\\x{ffff}\\x{10FFFF}a",
	"utf-8;\\x{D800}", "utf-8;\\y{41}", "utf-8;\\x{41", "UTF-8;\303\244",
	"rfc822;a+2Bb", "KEY=value KEY2 K=\303\244",
	"[IPv6:::]", "[IPv6:1:2:3:4:5:6:7:8]", "[IPv6:1::7.8.9.10]",
	"[IPv6:1:2:3:4:5:6:127.0.0.1]", "[IPv6:::1.2.3.4]", "[IPv6:1:2:3::]",
	"[x-tag:text]", "[x-:t]", "[IPv6:1.2.3]", "[IPv6:12345::]", "[IPv6:1:]",
	"[IPv6:1::2:]", "[1.2.3.4", "<a@[1.2.3.4>", "<\"a@d>", "<\"a\\ b\\c\"@d>",
	"<\"a\\\303\244\"@d>", "\"a\\\"b\" <c@d>", "\"a <c@d>",
	"<a@[tag:" "\303\244" "]>", "<a@b_c>", "<a..b@c>", "<@a:b@c", "a@b",
	"<a\303@b>", "<a@\303\244>", "<" "a" ">", "\" \"@b", "<a@b.>", "<a@-b>", "[192.0.2.255]", "[192.0.2.256]", "[1.2.3]",
	"<@a,@b.c:user@d>", "<\"a b\\\"c\"@d>", "<\"\"@d>", "<Postmaster>",
	"From: a\r\n b\r\nTo: c\nSubject:\r\n\td\r\nDate: x\rMessage-ID: <a@b>\r\n\r\nx",
	NULL
};
/* SQL that is run one after the other on the database of image.h. */
static const char *const statements[] = {
	"SELECT 1",
	"UPDATE sqlite_schema SET sql ="
	" replace(replace(sql, 'TEXT NOT NULL', 'TEXT'), 'INTEGER NOT NULL', 'INTEGER')",
	"UPDATE message SET reverse_path = NULL, client_address = NULL, data = NULL",
	"UPDATE message SET trace = NULL, helo = NULL, verb = NULL, size = -1",
	"UPDATE message SET id = -id, received_at = 9223372036854775807",
	"UPDATE recipient SET forward_path = NULL, mailbox = NULL",
	"UPDATE recipient SET message_id = x'00', mailbox = 3.5",
	"UPDATE domain SET name = NULL",
	"UPDATE mailbox SET address = NULL, state = 7",
	"UPDATE mailbox SET state = 'moved', moved_to = x'ff00ff'",
	"UPDATE mailbox SET messages = -9223372036854775807, octets = 1e300",
	"UPDATE alias SET target = address",
	"UPDATE alias SET target = NULL",
	"UPDATE client_rule SET network = NULL, code = -1, enhanced = NULL",
	"UPDATE client_rule SET network = '198.51.100.0/999', text = x'0d0a'",
	"UPDATE sender_rule SET pattern = NULL, text = NULL",
	"UPDATE sender_rule SET code = 99999, text = replace(hex(zeroblob(500)), '0', 'x')",
	"UPDATE quota SET messages = 9223372036854775807, octets = -9223372036854775807",
	"UPDATE quota SET max_octets = 9223372036854775807, max_messages = 'many'",
	"UPDATE rate_limit SET window_sec = 0, max_messages = NULL",
	"UPDATE rate_limit SET window_sec = -9223372036854775808",
	"INSERT INTO rate_count VALUES ('client', '198.51.100.7', 9e18, 9e18, 9e18, 9e18)",
	"UPDATE sqlite_sequence SET seq = 9223372036854775807",
	"DROP TABLE recipient",
	"DROP TABLE message",
	"CREATE VIEW message AS SELECT 1 AS id",
	"DROP TABLE alias",
	"CREATE VIEW alias AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1"
	" FROM n) SELECT 'a@b' AS address, 'a@b' AS target, 0 AS forward, i AS id FROM n",
	"CREATE TRIGGER t AFTER INSERT ON message BEGIN DELETE FROM message; END",
	"PRAGMA user_version = 99",
	"PRAGMA application_id = 1",
	"PRAGMA auto_vacuum = FULL",
	"PRAGMA encoding = 'UTF-16'",
	NULL
};
/* clang-format on */

/* Each alone, each behind the one that takes the constraints away, and edits. */
static void
write_images(struct seed *seed)
{
	struct buffer image = { .p = NULL };

	for (int i = 0; statements[i]; i++) {
		for (int relaxed = 0; relaxed < 2; relaxed++) {
			buffer_clear(&image);
			if (relaxed) {
				put(&image, "S", 1);
				put(&image, statements[1],
				    strlen(statements[1]) + 1);
			}
			put(&image, "S", 1);
			put(&image, statements[i], strlen(statements[i]) + 1);
			write_seed(seed, "database", buffer_span(&image));
		}
	}
	write_seed(seed, "database", span_of("L"));
	for (unsigned i = 0; i < 200; i++) {
		const char edit[] = { 'L', "EWXX"[i % 4], (char)(i / 40),
			(char)(i * 37), (char)(i * 101), 4, (char)i, 0x7f,
			(char)0xff, (char)(i * 3) };

		write_seed(
		    seed, "database", (struct span){ edit, sizeof edit });
	}
	buffer_free(&image);
}

/*
 * Many recipients' worth of memory: the list grows, and with N fails to, one
 * allocation after another.
 */
static void
write_poor_tape(struct seed *seed, unsigned char nth)
{
	struct buffer tape = { .p = NULL };
	char line[256];
	int n;

	put(&tape, "\0\0EHLO a\r\nMAIL FROM:<>\r\n", 26);
	n = snprintf(line, sizeof line, "\377F\377N%c", nth);
	put(&tape, line, (size_t)n);
	for (int i = 0; i < 40; i++) {
		n = snprintf(line, sizeof line,
		    "RCPT TO:<%d%060d@%060d> NOTIFY=NEVER ORCPT=x;%060d\r\n", i,
		    0, 0, 0);
		put(&tape, line, (size_t)n);
	}
	for (int i = 0; i < 40; i++)
		put(&tape, i % 2 ? "\377M\377" : "\377A\0", 3);
	write_seed(seed, "session", buffer_span(&tape));
	buffer_free(&tape);
}

/*
 * Messages of a session to the writer
 */

static void
put_message(struct buffer *all, const struct pack *m)
{
	const char len[] = { (char)(m->len >> 8), (char)m->len };

	put(all, len, 2);
	put(all, m->p, m->len);
}

static void
put_question(struct buffer *all, struct pack *m, enum question_kind kind,
    const char *address)
{
	const struct question q = {
		.kind = kind,
		.address = span_of(address),
		.size = 100,
		.mail = { .verb = "MAIL",
		    .protocol = "ESMTP",
		    .body_type = "8BITMIME",
		    .dsn_return = "HDRS",
		    .helo = { "a", 1 },
		    .envelope_id = { "x", 1 } },
		.notify = { "NEVER", 5 },
	};

	wire_begin(m, WIRE_ASK);
	wire_write_question(m, &q);
	put_message(all, m);
}

/* A mail in so many pieces, whose data has `len` octets. */
static void
put_mail(struct buffer *all, struct pack *m, bool names_another, uint64_t len)
{
	static struct header h = { .size = 2, .has = { true } };
	const struct recipient r = { .forward_path = "x@y.example" };
	const struct wire_mail mail = { .size = len, .header = &h };

	strcpy(h.value[0], "ann");
	wire_begin(m, WIRE_PIECE);
	if (names_another)
		wire_add_recipient(m, &r);
	wire_end_recipients(m);
	wire_make_last(m, &mail);
	for (uint64_t i = 0; i < len; i++)
		m->p[m->len++] = 'x';
	put_message(all, m);
}

static void
write_messages(struct seed *seed)
{
	static const char *const to[] = { "bob@b.example", "all@b.example",
		"x@y.example" };
	static char octets[WIRE_MAX];
	struct pack m = { .p = octets, .size = sizeof octets };
	struct buffer all = { .p = NULL };

	for (unsigned i = 0; i < 24; i++) {
		buffer_clear(&all);
		put(&all, i & 1 ? "\1" : "\0", 1);
		put_question(&all, &m, QUESTION_MAIL,
		    i % 3 ? "ann@a.example" : "a@spam.example");
		if (i & 2)
			put_question(&all, &m, QUESTION_RCPT, to[i % 3]);
		if (i & 4) {
			wire_begin(&m, WIRE_SPOOL);
			put_message(&all, &m);
		}
		if (i & 8) {
			wire_begin(&m, i & 16 ? WIRE_RETRACT : WIRE_DROP);
			put_message(&all, &m);
		}
		put_mail(&all, &m, i & 1, i);
		put_question(&all, &m, i % 5 ? QUESTION_VRFY : QUESTION_EXPN,
		    "all@b.example");
		write_seed(seed, "writer", buffer_span(&all));
	}
	buffer_free(&all);
}

static void
write_more(const char *folder)
{
	struct seed seed = { .folder = folder, .name = "more" };

	for (int i = 0; tapes[i]; i++)
		write_seed(&seed, "session", span_of(tapes[i]));
	for (int i = 0; words[i]; i++)
		write_seed(&seed, "address", span_of(words[i]));
	for (int i = 1; i < 8; i++)
		write_poor_tape(&seed, (unsigned char)i);
	write_poor_tape(&seed, 0x81);
	write_images(&seed);
	write_messages(&seed);
	/* The first octet is what reads it (filters.c). */
	write_seed(&seed, "filters", span_of("\2PREPEND X: y"));
	write_seed(&seed, "filters", (struct span){ "\0hX\0b\n\tc\0", 10 });
}

static struct script *
read_script(const char *path)
{
	struct script_error error = { "" };
	struct script *s = script_read(path, &error);

	if (s)
		return s;
	fprintf(stderr, "%s\n", error.text);
	exit(1);
}

static void
write_mails(const char *folder, const char *path)
{
	static const char *const targets[] = { "mime", "linear", "import",
		"query" };
	struct script *s = read_script(path);
	struct seed seed = { .folder = folder, .name = "mail" };

	for (unsigned i = 0; i < s->nsteps; i++) {
		for (size_t j = 0; j < sizeof targets / sizeof *targets; j++)
			write_seed(&seed, targets[j], s->steps[i].text);
	}
	script_free(s);
}

int
main(int argc, char **argv)
{
	if (argc < 3)
		return 1;
	write_more(argv[1]);
	write_mails(argv[1], argv[2]);
	for (int i = 3; i < argc; i++) {
		struct script *s = read_script(argv[i]);
		const char *slash = strrchr(argv[i], '/');
		struct seed seed = { .folder = argv[1] };

		seed.name = slash ? slash + 1 : argv[i];
		write_tape(&seed, s);
		write_file(&seed, argv[i]);
		for (unsigned j = 0; j < s->nsteps; j++) {
			if (s->steps[j].kind == SCRIPT_SEND)
				write_words(&seed, &s->steps[j]);
		}
		script_free(s);
	}
	return 0;
}
