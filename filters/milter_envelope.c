/*
 * One milter, and the beginning of a mail.  The milter is told of the client
 * and its HELO together with the first MAIL, and what it says to them becomes
 * the answer to MAIL.
 */
#include <stdio.h>
#include <string.h>

#include "private.h"

static bool
agree(struct milter *m)
{
	struct pack packet = milter_packet(MILTER_OPTIONS);
	struct milter_options options;
	struct span in = { NULL, 0 };

	if (m->is_agreed)
		return true;
	milter_add_u32(&packet, MILTER_VERSION);
	milter_add_u32(&packet, MILTER_ALL_ACTIONS);
	milter_add_u32(&packet, MILTER_ALL_STEPS);
	channel_allow(&m->channel, m->step_ms);
	if (!milter_send(m, &packet) || !milter_receive(m, &in))
		return false;
	if (!milter_read_options(in, &options))
		return channel_fail(
		    &m->channel, "asks for what is not there, or is no milter");
	m->version = options.version;
	m->actions = options.actions;
	m->steps = options.steps;
	if (m->version < 4)
		m->steps |= MILTER_NO_DATA;
	m->is_agreed = true;
	return true;
}

static enum ruling
show_connect(struct milter *m, const struct told *told, struct refusal *ret)
{
	bool is_ip6 = strchr(told->peer.address, ':') != NULL;
	bool has_address = peer_has_address(&told->peer);
	char name[IP_TEXT_SIZE + 8], port[16];
	const struct macro macros[] = {
		{ "j", told->hostname },
		{ "{daemon_name}", "smtpd" },
		{ "v", told->version },
		{ "_", name },
		{ "{client_addr}", has_address ? told->peer.address : NULL },
		{ "{client_name}", has_address ? "unknown" : NULL },
		{ "{client_port}", has_address ? port : NULL },
		{ "{client_ptr}", has_address ? "unknown" : NULL },
	};
	struct pack packet;

	snprintf(port, sizeof port, "%d", told->peer.port);
	snprintf(name, sizeof name,
	    !has_address ? "%s"
	    : is_ip6     ? "[IPv6:%s]"
			 : "[%s]",
	    peer_is_local(&told->peer) ? "localhost" : told->peer.address);
	if (!milter_send_macros(
		m, MILTER_CONNECT, macros, sizeof macros / sizeof *macros))
		return RULING_FAILED;
	packet = milter_packet(MILTER_CONNECT);
	milter_add_text(&packet, span_of(name));
	if (!has_address) {
		milter_add_u8(&packet, 'U');
	} else {
		milter_add_u8(&packet, is_ip6 ? '6' : '4');
		milter_add_u16(&packet, (unsigned)told->peer.port);
		if (is_ip6)
			milter_add_octets(&packet, span_of("IPv6:"));
		milter_add_text(&packet, span_of(told->peer.address));
	}
	return milter_exchange(m, &packet, m->steps & MILTER_MUTE_CONNECT, ret);
}

/* Keeps what it says of a client, or of its HELO, for all its mails. */
static enum ruling
keep(struct milter *m, enum ruling ruling, struct refusal *kept)
{
	if (ruling != RULING_REFUSE)
		kept->code = 0;
	if (ruling == RULING_ACCEPT)
		m->is_out = true;
	return ruling == RULING_FAILED ? ruling : RULING_NONE;
}

static enum ruling
meet(struct milter *m, const struct told *told)
{
	struct pack packet;
	enum ruling ruling = RULING_NONE;

	if (strcmp(m->peer.address, told->peer.address) == 0 &&
	    m->peer.port == told->peer.port)
		return RULING_NONE;
	if (m->peer.address[0] != '\0') {
		packet = milter_packet(MILTER_QUIT_NEXT);
		channel_allow(&m->channel, m->step_ms);
		if (!milter_send(m, &packet))
			return RULING_FAILED;
	}
	m->peer = told->peer;
	m->is_out = m->knows_helo = false;
	m->refused.code = m->refused_helo.code = 0;
	if (milter_sees(m, MILTER_NO_CONNECT))
		ruling = show_connect(m, told, &m->refused);
	return keep(m, ruling, &m->refused);
}

static enum ruling
greet(struct milter *m, const struct told *told)
{
	struct pack packet;
	enum ruling ruling;

	if (m->is_out || m->refused.code != 0 ||
	    !milter_sees(m, MILTER_NO_HELO) ||
	    (m->knows_helo && strcmp(m->helo, told->helo) == 0))
		return RULING_NONE;
	m->knows_helo = true;
	strcpy(m->helo, told->helo);
	packet = milter_packet(MILTER_HELO);
	milter_add_text(&packet, span_of(told->helo));
	ruling = milter_exchange(
	    m, &packet, m->steps & MILTER_MUTE_HELO, &m->refused_helo);
	return keep(m, ruling, &m->refused_helo);
}

/*
 * The envelope
 */

/* "<path>" */
static void
add_path(struct pack *packet, struct span path)
{
	milter_add_u8(packet, '<');
	milter_add_octets(packet, path);
	milter_add_u8(packet, '>');
	milter_add_u8(packet, '\0');
}

/* "NAME=value", if there is one. */
static void
add_parameter(struct pack *packet, const char *name, struct span value)
{
	if (!value.p)
		return;
	milter_add_octets(packet, span_of(name));
	milter_add_text(packet, value);
}

static struct span
span_or_null(const char *text)
{
	return text ? span_of(text) : (struct span){ NULL, 0 };
}

static enum ruling
say_mail(struct milter *m, const struct told *told, const struct question *q,
    struct refusal *ret)
{
	struct span tls = facts_tls_version(told->facts);
	char version[FACT_SIZE], size[24];
	const struct macro macros[] = {
		{ "i", told->id },
		{ "{mail_mailer}", "smtp" },
		{ "{mail_addr}", told->sender },
		{ "{auth_authen}", told->facts->text[FACT_ACCOUNT] },
		{ "{cert_subject}", told->facts->text[FACT_CLIENT_SUBJECT] },
		{ "{tls_version}", version },
		{ "{cipher}", facts_cipher(told->facts) },
	};
	struct pack packet;

	snprintf(version, sizeof version, "%.*s", (int)tls.len, tls.p);
	if (!milter_send_macros(
		m, MILTER_MAIL, macros, sizeof macros / sizeof *macros))
		return RULING_FAILED;
	packet = milter_packet(MILTER_MAIL);
	add_path(&packet, q->address);
	snprintf(size, sizeof size, "%llu", (unsigned long long)q->size);
	if (q->size > 0)
		add_parameter(&packet, "SIZE=", span_of(size));
	if (strcmp(q->mail.body_type, "7BIT") != 0)
		add_parameter(&packet, "BODY=", span_of(q->mail.body_type));
	if (q->mail.smtputf8)
		milter_add_text(&packet, span_of("SMTPUTF8"));
	add_parameter(&packet, "RET=", span_or_null(q->mail.dsn_return));
	add_parameter(&packet, "ENVID=", q->mail.envelope_id);
	return milter_exchange(m, &packet, m->steps & MILTER_MUTE_MAIL, ret);
}

enum ruling
milter_show_mail(struct milter *m, const struct told *told,
    const struct question *q, struct refusal *ret)
{
	const struct refusal *refusal;

	milter_abort(m);
	if (!agree(m) || meet(m, told) == RULING_FAILED ||
	    greet(m, told) == RULING_FAILED)
		return RULING_FAILED;
	m->skips_body = false;
	refusal = m->refused.code != 0 ? &m->refused : &m->refused_helo;
	if (refusal->code != 0 && !m->is_out) {
		*ret = *refusal;
		return RULING_REFUSE;
	}
	if (m->is_out)
		return RULING_NONE;
	m->in_mail = true;
	return milter_sees(m, MILTER_NO_MAIL) ? say_mail(m, told, q, ret)
					      : RULING_NONE;
}

enum ruling
milter_show_rcpt(
    struct milter *m, const struct question *q, struct refusal *ret)
{
	char address[CHANGE_PATH_MAX + 1];
	const struct macro macros[] = {
		{ "{rcpt_mailer}", "smtpd" },
		{ "{rcpt_addr}", address },
	};
	struct pack packet;

	if (!milter_sees(m, MILTER_NO_RCPT))
		return RULING_NONE;
	snprintf(
	    address, sizeof address, "%.*s", (int)q->address.len, q->address.p);
	if (!milter_send_macros(
		m, MILTER_RCPT, macros, sizeof macros / sizeof *macros))
		return RULING_FAILED;
	packet = milter_packet(MILTER_RCPT);
	add_path(&packet, q->address);
	add_parameter(&packet, "NOTIFY=", q->notify);
	add_parameter(&packet, "ORCPT=", q->original_recipient);
	return milter_exchange(m, &packet, m->steps & MILTER_MUTE_RCPT, ret);
}
