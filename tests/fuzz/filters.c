/*
 * What filters say: replies and options of milters, actions of policy servers
 * (filters/private.h), and the instructions that a session hands to the writer
 * (mail/change.h).  The first octet chooses which.
 */
#include "../../filters/private.h"

#include <stdlib.h>
#include <string.h>

#include "../../mail/utf8.h"
#include "fuzz.h"

static char space[CHANGE_VALUE_MAX];

static bool
is_ascii(const char *text)
{
	for (; *text; text++) {
		if (*text < ' ' || *text > '~')
			return false;
	}
	return true;
}

static void
check_refusal(int code, const char *enhanced, const char *text)
{
	fuzz_promise(code >= 400 && code < 560 && code / 10 % 10 <= 5,
	    "a refusal is 4yz or 5yz");
	fuzz_promise_of(
	    enhanced[0] == (char)('0' + code / 100) && enhanced[1] == '.',
	    "an enhanced code has the class of the code: ", span_of(enhanced));
	fuzz_promise_of(text[0] != '\0' && is_ascii(text),
	    "a text is one printable line: ", span_of(text));
}

/* Each line behind the first continues it. */
static void
check_field(const struct change *c)
{
	fuzz_promise_of(!memchr(c->value.p, '\0', c->value.len),
	    "no NUL in a header: ", c->value);
	for (size_t i = 0; i < c->value.len; i++) {
		if (c->value.p[i] != '\r' && c->value.p[i] != '\n')
			continue;
		fuzz_promise_of(
		    i + 2 < c->value.len &&
			memcmp(c->value.p + i, "\r\n", 2) == 0 &&
			(c->value.p[i + 2] == ' ' || c->value.p[i + 2] == '\t'),
		    "a header stays one field: ", c->value);
		i++;
	}
}

static void
check_change(const struct change *c)
{
	fuzz_promise(change_is_valid(c), "a change is valid");
	if (change_has_name(c->action) && c->value.len > 0)
		check_field(c);
	if (c->action == CHANGE_DELETE_RECIPIENT)
		fuzz_promise_of(utf8_is_printable(c->value),
		    "a path is printable: ", c->value);
}

/* What is written is read again, the same. */
static void
check_again(struct change c)
{
	static char packed[CHANGE_MAX];
	struct pack m = { .p = packed, .size = sizeof packed };
	struct unpack in;
	struct change twice;

	c.filter = span_of("unix:x");
	change_write(&m, &c);
	fuzz_promise(!m.failed, "a change has room");
	in = (struct unpack){ .rest = { packed, m.len } };
	fuzz_promise(change_read(&in, &twice) && in.rest.len == 0 &&
			 twice.action == c.action && twice.place == c.place &&
			 twice.value.len == c.value.len,
	    "a change comes back");
}

static void
fuzz_reply(struct span packet)
{
	struct milter_reply r;
	uint32_t steps = packet.len % 2 ? MILTER_LEADING_SPACE : 0;

	if (!milter_read_reply(packet, steps, space, &r))
		return;
	switch (r.kind) {
	case MILTER_REPLY_CODE:
		check_refusal(r.code, r.enhanced, r.text);
		break;
	case MILTER_QUARANTINE:
		fuzz_promise(is_ascii(r.text), "a reason is printable");
		break;
	case MILTER_ADD_RECIPIENT:
	case MILTER_ADD_RECIPIENT_WITH_PARAMETERS:
		fuzz_promise(fuzz_is_within(r.address, packet),
		    "an address lies in the packet");
		break;
	case MILTER_DELETE_RECIPIENT:
	case MILTER_ADD_HEADER:
	case MILTER_INSERT_HEADER:
	case MILTER_CHANGE_HEADER:
	case MILTER_REPLACE_BODY:
	case MILTER_CHANGE_SENDER:
		check_change(&r.change);
		check_again(r.change);
		break;
	case MILTER_CONTINUE:
	case MILTER_ACCEPT:
	case MILTER_REJECT:
	case MILTER_TEMPFAIL:
	case MILTER_DISCARD:
	case MILTER_SKIP:
	case MILTER_PROGRESS:
	case MILTER_SHUTDOWN:
	case MILTER_CONNECTION_FAILED:
		break;
	}
}

static void
fuzz_options(struct span packet)
{
	struct milter_options o;

	if (milter_read_options(packet, &o))
		fuzz_promise(o.version <= MILTER_VERSION &&
				 !(o.steps & ~(uint32_t)MILTER_ALL_STEPS),
		    "only what was offered is agreed on");
}

static void
fuzz_action(struct span action)
{
	struct policy_reply r;

	if (!policy_read_action(action, &r))
		return;
	if (r.ruling == RULING_REFUSE || r.defers)
		check_refusal(
		    r.refusal.code, r.refusal.enhanced, r.refusal.text);
	if (r.name.len > 0)
		check_again((struct change){ .action = CHANGE_INSERT_HEADER,
		    .name = r.name,
		    .value = r.value });
}

static void
fuzz_changes(struct span octets)
{
	struct unpack in = { .rest = octets };
	struct change c;
	size_t before = octets.len + 1;

	while (in.rest.len > 0 && change_read(&in, &c)) {
		fuzz_promise(in.rest.len < before, "a change takes octets");
		before = in.rest.len;
		fuzz_promise(fuzz_is_within(c.value, octets) &&
				 fuzz_is_within(c.name, octets),
		    "a change lies in the message");
		check_change(&c);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static void (*const plays[])(struct span) = { fuzz_reply, fuzz_options,
		fuzz_action, fuzz_changes };
	char *copy;
	struct span input = { (const char *)data + 1, len > 0 ? len - 1 : 0 };

	if (len == 0)
		return 0;
	copy = fuzz_copy(input);
	plays[data[0] % 4]((struct span){ copy, input.len });
	free(copy);
	return 0;
}
