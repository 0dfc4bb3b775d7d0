#include "tape.h"

enum {
	MARK = 0xff,

	SET_STRICT = 1 << 0,
	SET_RFC821 = 1 << 1,
	SET_VRFY = 1 << 2,
	SET_ANY_LINE_END = 1 << 3,
	SET_LMTP = 1 << 4,
	SET_AUTH_ASK = 1 << 5,
	SET_AUTH_CLAIM = 1 << 6,
	SET_IN_TLS = 1 << 7,
};

bool
tape_begin(struct tape *t, struct span input)
{
	static const unsigned long long sizes[] = { 52428800, 100, 0, 5000 };
	static const unsigned recipients[] = { 1000, 1, 3, 100 };
	static const unsigned errors[] = { 20, 1, 3, 1000 };
	unsigned flags, limits;

	if (input.len < 2)
		return false;
	flags = (unsigned char)input.p[0];
	limits = (unsigned char)input.p[1];
	t->conf = (struct session_conf){
		.hostname = "mx.example",
		.version = "test",
		.max_size = sizes[limits & 3],
		.max_recipients = recipients[limits >> 2 & 3],
		.max_errors = errors[limits >> 4 & 3],
		.strict = flags & SET_STRICT,
		.rfc821 = flags & SET_RFC821,
		.vrfy = flags & SET_VRFY,
		.in_tls = flags & SET_IN_TLS,
		.starttls = true, /* offered outside of TLS */
		.any_line_end = flags & SET_ANY_LINE_END,
		.lmtp = flags & SET_LMTP,
		.xclient = limits & 128,
	};
	if (flags & SET_AUTH_CLAIM)
		t->conf.auth = SESSION_AUTH_CLAIM;
	else if (flags & SET_AUTH_ASK)
		t->conf.auth = SESSION_AUTH_ASK;
	if (limits & 64)
		t->conf.auth_mechanisms = "PLAIN SCRAM-SHA-256";
	t->rest = (struct span){ input.p + 2, input.len - 2 };
	return true;
}

static int
take(struct tape *t)
{
	if (t->rest.len == 0)
		return -1;
	t->rest.len--;
	return (unsigned char)*t->rest.p++;
}

static struct tape_step
valued(struct tape *t, enum tape_mark mark, int letter)
{
	int value = take(t);

	return (struct tape_step){
		.mark = mark,
		.octet = (unsigned char)letter,
		.value = value < 0 ? 0 : (unsigned char)value,
	};
}

struct tape_step
tape_next(struct tape *t)
{
	int c = take(t);

	if (c < 0)
		return (struct tape_step){ .mark = TAPE_OVER };
	if (c != MARK)
		return (struct tape_step){ .octet = (unsigned char)c };
	c = take(t);
	switch (c) {
	case 'A':
	case 'R':
	case 'M':
		return valued(t, TAPE_ANSWER, c);
	case 'P':
		return valued(t, TAPE_AUTH, c);
	case 'S':
	case 'Q':
		return valued(t, TAPE_COMMIT, c);
	case 'N':
		return valued(t, TAPE_POOR, c);
	case 'F':
		return (struct tape_step){ .mark = TAPE_FLUSH };
	case 'T':
		return (struct tape_step){ .mark = TAPE_STOP,
			.end = SESSION_TIMEOUT };
	case 'X':
		return (struct tape_step){ .mark = TAPE_STOP,
			.end = SESSION_EXPIRED };
	case 'C':
		return (struct tape_step){ .mark = TAPE_STOP,
			.end = SESSION_CROWDED };
	case 'D':
		return (struct tape_step){ .mark = TAPE_STOP,
			.end = SESSION_SHUTDOWN };
	default:
		return (struct tape_step){ .octet = MARK };
	}
}

enum verdict
tape_verdict(unsigned char value)
{
	static const enum verdict verdicts[] = {
		VERDICT_OK,
		VERDICT_BUSY,
		VERDICT_FULL,
		VERDICT_NO_MEMORY,
		VERDICT_FAILED,
		VERDICT_TOO_BIG,
		VERDICT_CORRUPT,
		VERDICT_UNUSABLE,
	};

	return verdicts[value % (sizeof verdicts / sizeof *verdicts)];
}
