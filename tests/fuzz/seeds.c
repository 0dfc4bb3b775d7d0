/*
 * Makes the seeds of some targets from the transcripts: seeds FOLDER
 * TRANSCRIPT...  Each target gets a folder.
 */
#include <sys/stat.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
	limits |= c->max_size <= 1000 ? 1 : 0;
	limits |= c->max_recipients <= 10 ? 2 << 2 : 0;
	limits |= c->max_errors <= 10 ? 2 << 4 : 0;
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
	"\377R\300\377R\300\377R\300\377R\300\377R\300\377R\300\377R\300"
	"\377R\300\377R\300\377R\300\377R\300\377R\100\377R\300\377R\100",
	/* Many mailboxes for one recipient. */
	"\001\001EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\n"
	"RCPT TO:<b@b>\r\nDATA\r\nx\r\n.\r\n\377A\001\377M\310\377M\310",
	/* No memory for a sender, its ENVID, a recipient, NOTIFY, ORCPT. */
	"\001\001EHLO a\r\n\377N\001MAIL FROM:<a@b>\r\n\377F\377N\201"
	"MAIL FROM:<a@b> ENVID=x\r\n\377F\377N\001RCPT TO:<a@b> NOTIFY=NEVER\r\n",
	NULL
};

static const char *const words[] = {
	"utf-8;\\x{2B}\\x{3D}\\x{E4}\\x{100}\\x{ffff}\\x{10FFFF}a",
	"utf-8;\\x{D800}", "utf-8;\\y{41}", "utf-8;\\x{41", "UTF-8;\303\244",
	"rfc822;a+2Bb", "KEY=value KEY2 K=\303\244",
	"[IPv6:::]", "[IPv6:1:2:3:4:5:6:7:8]", "[IPv6:1::7.8.9.10]",
	"[IPv6:1:2:3:4:5:6:127.0.0.1]", "[IPv6:::1.2.3.4]", "[IPv6:1:2:3::]",
	"[x-tag:text]", "[192.0.2.255]", "[192.0.2.256]", "[1.2.3]",
	"<@a,@b.c:user@d>", "<\"a b\\\"c\"@d>", "<\"\"@d>", "<Postmaster>",
	"From: a\r\n b\r\nTo: c\nSubject:\r\n\td\r\nDate: x\rMessage-ID: <a@b>\r\n\r\nx",
	NULL
};
/* clang-format on */

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
}

int
main(int argc, char **argv)
{
	if (argc > 1)
		write_more(argv[1]);
	for (int i = 2; i < argc; i++) {
		struct script_error error = { "" };
		struct script *s = script_read(argv[i], &error);
		const char *slash = strrchr(argv[i], '/');
		struct seed seed = { .folder = argv[1] };

		if (!s) {
			fprintf(stderr, "%s\n", error.text);
			return 1;
		}
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
