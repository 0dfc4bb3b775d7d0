/*
 * One milter: packets, the text of a mail and its end.  Only at the end may it
 * change something.
 */
#include <stdio.h>
#include <string.h>

#include "../clock.h"
#include "private.h"

/* One packet at a time, of whichever milter. */
static char buffer[MILTER_CHUNK + 1024];
static char incoming[MILTER_PACKET_MAX];
static char space[CHANGE_VALUE_MAX];

struct pack
milter_packet(enum milter_command command)
{
	struct pack m = { .p = buffer, .size = sizeof buffer };

	milter_begin(&m, command);
	return m;
}

bool
milter_send(struct milter *m, struct pack *packet)
{
	if (!milter_end(packet))
		return channel_fail(&m->channel, "a packet grew too long");
	return channel_send(&m->channel, packet->p, packet->len);
}

bool
milter_receive(struct milter *m, struct span *ret)
{
	unsigned char length[4];
	size_t len;

	if (!channel_read(&m->channel, length, sizeof length))
		return false;
	len = milter_read_length(length);
	if (len == 0)
		return channel_fail(
		    &m->channel, "sent what is no packet of a milter");
	*ret = (struct span){ incoming, len };
	return channel_read(&m->channel, incoming, len);
}

static void
refuse(struct refusal *ret, int code, const char *enhanced, const char *text)
{
	ret->code = code;
	snprintf(ret->enhanced, sizeof ret->enhanced, "%s", enhanced);
	snprintf(ret->text, sizeof ret->text, "%s", text);
}

static enum ruling
fail(struct milter *m, const char *fault)
{
	channel_fail(&m->channel, fault);
	return RULING_FAILED;
}

/* What both kinds of replies have in common; RULING_NONE: something else. */
static enum ruling
ruling_of(const struct milter_reply *reply, struct refusal *ret)
{
	switch (reply->kind) {
	case MILTER_ACCEPT:
		return RULING_ACCEPT;
	case MILTER_DISCARD:
		return RULING_DISCARD;
	case MILTER_REJECT:
		refuse(ret, 550, "5.7.1", "Refused by a filter");
		return RULING_REFUSE;
	case MILTER_TEMPFAIL:
		refuse(ret, 451, "4.7.1", "Put off by a filter, try again");
		return RULING_REFUSE;
	case MILTER_SHUTDOWN:
	case MILTER_CONNECTION_FAILED:
		refuse(ret, 421, "4.7.0", "A filter closes the connection");
		return RULING_REFUSE;
	case MILTER_REPLY_CODE:
		refuse(ret, reply->code, reply->enhanced, reply->text);
		return RULING_REFUSE;
	case MILTER_CONTINUE:
	case MILTER_SKIP:
	case MILTER_PROGRESS:
	case MILTER_QUARANTINE:
	case MILTER_ADD_RECIPIENT:
	case MILTER_ADD_RECIPIENT_WITH_PARAMETERS:
	case MILTER_DELETE_RECIPIENT:
	case MILTER_ADD_HEADER:
	case MILTER_INSERT_HEADER:
	case MILTER_CHANGE_HEADER:
	case MILTER_REPLACE_BODY:
	case MILTER_CHANGE_SENDER:
		break;
	}
	return RULING_NONE;
}

enum ruling
milter_exchange(
    struct milter *m, struct pack *packet, bool is_mute, struct refusal *ret)
{
	struct milter_reply reply;
	struct span in = { NULL, 0 };

	channel_allow(&m->channel, m->step_ms);
	if (!milter_send(m, packet))
		return RULING_FAILED;
	if (is_mute)
		return RULING_NONE;
	do {
		if (!milter_receive(m, &in))
			return RULING_FAILED;
		if (!milter_read_reply(in, m->steps, space, &reply))
			return fail(m, "sent a malformed reply");
	} while (reply.kind == MILTER_PROGRESS);
	if (reply.kind == MILTER_SKIP)
		m->skips_body = true;
	else if (reply.kind != MILTER_CONTINUE &&
		 ruling_of(&reply, ret) == RULING_NONE)
		return fail(m, "changed a mail before its end");
	return ruling_of(&reply, ret);
}

bool
milter_sees(const struct milter *m, unsigned no)
{
	return !(m->steps & no);
}

bool
milter_send_macros(struct milter *m, enum milter_command command,
    const struct macro *macros, size_t n)
{
	struct pack packet = milter_packet(MILTER_MACROS);

	milter_add_u8(&packet, (char)command);
	for (size_t i = 0; i < n; i++) {
		if (!macros[i].value || !*macros[i].value)
			continue;
		milter_add_text(&packet, span_of(macros[i].name));
		milter_add_text(&packet, span_of(macros[i].value));
	}
	channel_allow(&m->channel, m->step_ms);
	return milter_send(m, &packet);
}

/*
 * The text
 */

enum ruling
milter_show_data(struct milter *m, const struct told *told, struct refusal *ret)
{
	const struct macro macros[] = { { "i", told->id } };
	struct pack packet;

	if (!milter_sees(m, MILTER_NO_DATA))
		return RULING_NONE;
	if (!milter_send_macros(m, MILTER_DATA, macros, 1))
		return RULING_FAILED;
	packet = milter_packet(MILTER_DATA);
	return milter_exchange(m, &packet, m->steps & MILTER_MUTE_DATA, ret);
}

/* With LF for the line ends in it, as libmilter has it. */
enum ruling
milter_show_field(
    struct milter *m, struct span name, struct span value, struct refusal *ret)
{
	struct pack packet;

	if (!milter_sees(m, MILTER_NO_HEADER))
		return RULING_NONE;
	if (milter_sees(m, MILTER_LEADING_SPACE) && value.len > 0 &&
	    (*value.p == ' ' || *value.p == '\t')) {
		value.p++;
		value.len--;
	}
	packet = milter_packet(MILTER_HEADER);
	milter_add_text(&packet, name);
	for (size_t i = 0; i < value.len; i++) {
		bool ends_line = value.p[i] == '\r' && i + 1 < value.len &&
				 value.p[i + 1] == '\n';

		if (value.p[i] != '\0' && !ends_line)
			milter_add_u8(&packet, value.p[i]);
	}
	milter_add_u8(&packet, '\0');
	return milter_exchange(m, &packet, m->steps & MILTER_MUTE_HEADER, ret);
}

enum ruling
milter_show_end_of_header(struct milter *m, struct refusal *ret)
{
	struct pack packet = milter_packet(MILTER_END_OF_HEADER);

	if (!milter_sees(m, MILTER_NO_END_OF_HEADER))
		return RULING_NONE;
	return milter_exchange(
	    m, &packet, m->steps & MILTER_MUTE_END_OF_HEADER, ret);
}

enum ruling
milter_show_body(struct milter *m, struct span octets, struct refusal *ret)
{
	enum ruling ruling = RULING_NONE;

	while (octets.len > 0 && ruling == RULING_NONE && !m->skips_body &&
	       milter_sees(m, MILTER_NO_BODY)) {
		struct pack packet = milter_packet(MILTER_BODY);
		struct span chunk = octets;

		if (chunk.len > MILTER_CHUNK)
			chunk.len = MILTER_CHUNK;
		milter_add_octets(&packet, chunk);
		octets.p += chunk.len;
		octets.len -= chunk.len;
		ruling = milter_exchange(
		    m, &packet, m->steps & MILTER_MUTE_BODY, ret);
	}
	return ruling;
}

/*
 * The end
 */

enum ruling
milter_tell_end(struct milter *m, const struct told *told)
{
	const struct macro macros[] = { { "i", told->id } };
	struct pack packet;

	if (!milter_send_macros(m, MILTER_END, macros, 1))
		return RULING_FAILED;
	packet = milter_packet(MILTER_END);
	if (!milter_send(m, &packet))
		return RULING_FAILED;
	m->end_by_ms = clock_ms() + END_WAITS * END_STEPS * m->step_ms;
	channel_allow(&m->channel, END_STEPS * m->step_ms);
	return RULING_NONE;
}

/* It says that it is still at work: begins the wait anew, within limits. */
static void
wait_on(struct milter *m)
{
	int64_t left = m->end_by_ms - clock_ms();
	int64_t wait = END_STEPS * m->step_ms;

	channel_allow(&m->channel, left < wait ? left : wait);
}

enum ruling
milter_take_reply(
    struct milter *m, struct milter_reply *ret_reply, struct refusal *ret)
{
	enum ruling ruling;
	struct span in = { NULL, 0 };

	for (;;) {
		if (!milter_receive(m, &in))
			return RULING_FAILED;
		if (!milter_read_reply(in, m->steps, space, ret_reply))
			return fail(m, "sent a malformed reply");
		if (ret_reply->kind != MILTER_PROGRESS)
			break;
		wait_on(m);
	}
	if (ret_reply->kind == MILTER_SKIP)
		ret_reply->kind = MILTER_CONTINUE;
	ruling = ruling_of(ret_reply, ret);
	if (ruling != RULING_NONE || ret_reply->kind == MILTER_CONTINUE)
		m->in_mail = false;
	return ruling;
}

void
milter_abort(struct milter *m)
{
	struct pack packet = milter_packet(MILTER_ABORT);

	if (!m->in_mail)
		return;
	m->in_mail = false;
	channel_allow(&m->channel, m->step_ms);
	milter_send(m, &packet);
}

void
milter_quit(struct milter *m)
{
	struct pack packet = milter_packet(MILTER_QUIT);

	channel_allow(&m->channel, 0);
	milter_send(m, &packet);
	channel_close(&m->channel);
}
