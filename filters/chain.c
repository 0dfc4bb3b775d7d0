/*
 * All filters of a session.  Policy servers are asked first, then milters, each
 * in the order of its option; the first that refuses ends that.  All milters
 * are shown what the client sends as it comes, so each sees the mail as it was
 * sent, without the changes of others.
 *
 * What they say to DATA and the text, where a client cannot be answered, is
 * kept for the end of the data.
 */
#include <sys/socket.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../clock.h"
#include "private.h"

enum {
	/*
	 * Milters and policy servers close an unused connection after some
	 * minutes, and a session that waits for a client cannot open another.
	 */
	WAIT_MS = 30 * 1000,
	WAIT_FAILED_MS = 1000, /* with one that could not be reached */
};

/*
 * Connections
 */

static void
open_servers(struct filters *f, struct servers *s, const char *list)
{
	filter_address_read(list, s->list.addresses, &s->list.n);
	for (size_t i = 0; i < s->list.n; i++) {
		channel_open(
		    &s->servers[i].channel, &s->list.addresses[i], CONNECT_MS);
		s->servers[i].step_ms = (int64_t)f->conf.timeout_sec * 1000;
	}
}

static void
open_milters(struct filters *f)
{
	struct list *list = &f->milter_list;

	filter_address_read(f->conf.milters, list->addresses, &list->n);
	for (size_t i = 0; i < list->n; i++) {
		channel_open(
		    &f->milters[i].channel, &list->addresses[i], CONNECT_MS);
		f->milters[i].step_ms = (int64_t)f->conf.timeout_sec * 1000;
	}
}

bool
filters_open(const struct filters_conf *conf, struct filters **ret)
{
	struct filters *f;

	*ret = NULL;
	if (!conf->milters && !conf->policies && !conf->end_policies)
		return true;
	f = calloc(1, sizeof *f);
	if (!f)
		return false;
	f->conf = *conf;
	f->told.hostname = conf->hostname;
	f->told.version = conf->version;
	f->changes =
	    (struct pack){ .p = f->prepended, .size = sizeof f->prepended };
	open_servers(f, &f->policies, conf->policies);
	open_servers(f, &f->end_policies, conf->end_policies);
	open_milters(f);
	*ret = f;
	return true;
}

void
filters_close(struct filters *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < f->milter_list.n; i++)
		milter_quit(&f->milters[i]);
	for (size_t i = 0; i < f->policies.list.n; i++)
		channel_close(&f->policies.servers[i].channel);
	for (size_t i = 0; i < f->end_policies.list.n; i++)
		channel_close(&f->end_policies.servers[i].channel);
	shown_free(&f->shown);
	free(f);
}

static size_t
add_servers(const struct servers *s, struct pollfd *ret)
{
	for (size_t i = 0; i < s->list.n; i++)
		ret[i].fd = s->servers[i].channel.fd;
	return s->list.n;
}

bool
filters_wait(const struct filters *f, int fd)
{
	struct pollfd p[1 + 3 * FILTERS_MAX];
	int wait_ms = WAIT_MS;
	size_t n = 1;
	char octet;

	for (size_t i = 0; i < f->milter_list.n; i++)
		p[n++].fd = f->milters[i].channel.fd;
	n += add_servers(&f->policies, p + n);
	n += add_servers(&f->end_policies, p + n);
	p[0].fd = fd;
	for (size_t i = 0; i < n; i++) {
		p[i].events = POLLIN;
		if (p[i].fd < 0)
			wait_ms = WAIT_FAILED_MS;
	}
	/* A filter says something unasked only when it is gone. */
	if (poll(p, n, wait_ms) > 0 && p[0].revents)
		return true;
	shutdown(fd, SHUT_RDWR);
	/* What came before that is still there. */
	return recv(fd, &octet, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

/*
 * The envelope
 */

static void
copy(char *ret, size_t size, struct span text)
{
	size_t len = text.len < size ? text.len : size - 1;

	if (len > 0)
		memcpy(ret, text.p, len);
	ret[len] = '\0';
}

void
filters_drop(struct filters *f)
{
	f->has_text = f->is_discarded = false;
	f->refusal.code = 0;
	f->quarantine[0] = '\0';
	shown_reset(&f->shown);
	f->changes.len = 0;
	f->changes.failed = false;
	f->nprepended = f->nrecipients = 0;
	f->stage = STAGE_TEXT;
	f->at = 0;
}

static void
begin_mail(struct filters *f, const struct peer *peer, const struct question *q)
{
	struct told *t = &f->told;

	filters_drop(f);
	t->peer = *peer;
	copy(t->helo, sizeof t->helo, q->mail.helo);
	snprintf(t->protocol, sizeof t->protocol, "%s",
	    strstr(q->mail.protocol, "SMTP") && q->mail.protocol[0] != 'S'
		? "ESMTP"
		: "SMTP");
	copy(t->sender, sizeof t->sender, q->address);
	t->size = q->size;
	snprintf(t->id, sizeof t->id, "%lld.%ld.%u",
	    (long long)(clock_us() / 1000), (long)getpid(), ++f->nmails);
}

/* Notes a header to be put in front, in the order in which they come. */
static bool
prepend(struct filters *f, const char *by, const struct policy_reply *reply)
{
	const struct change change = {
		.action = CHANGE_INSERT_HEADER,
		.filter = span_of(by),
		.place = f->nprepended,
		.name = reply->name,
		.value = reply->value,
	};
	size_t before = f->changes.len;

	change_write(&f->changes, &change);
	if (f->changes.failed) {
		f->changes.len = before;
		f->changes.failed = false;
		return false;
	}
	f->nprepended++;
	return true;
}

enum ruling
chain_ask_policies(struct filters *f, struct servers *s,
    const struct question *q, const struct envelope *e, struct refusal *ret)
{
	const char *deferred_by = NULL;
	enum ruling ruling = RULING_NONE;

	for (size_t i = 0; i < s->list.n && ruling == RULING_NONE; i++) {
		struct channel *c = &s->servers[i].channel;
		struct policy_reply reply;

		ruling =
		    policy_server_ask(&s->servers[i], &f->told, q, e, &reply);
		if (ruling == RULING_FAILED) {
			ruling = ruling_do_without(f, c, ret);
			continue;
		}
		if (ruling == RULING_REFUSE || (reply.defers && !deferred_by))
			*ret = reply.refusal;
		if (reply.defers && !deferred_by)
			deferred_by = c->address->name;
		if (reply.is_put_off) {
			f->decider = c->address->name;
			snprintf(f->quarantine, sizeof f->quarantine, "%s",
			    reply.refusal.text);
		}
		if (reply.name.len > 0 && prepend(f, c->address->name, &reply))
			f->decider = c->address->name;
		if (ruling == RULING_REFUSE)
			f->decider = c->address->name;
	}
	if (ruling == RULING_REFUSE || !deferred_by)
		return ruling == RULING_REFUSE ? ruling : RULING_NONE;
	f->decider = deferred_by;
	return RULING_REFUSE;
}

static enum ruling
show(struct filters *f, const struct question *q, struct refusal *ret)
{
	enum ruling ruling = RULING_NONE;
	bool is_mail = q->kind == QUESTION_MAIL;

	for (size_t i = 0;
	     i < f->milter_list.n && ruling == RULING_NONE && !f->is_discarded;
	     i++) {
		struct milter *m = &f->milters[i];

		if (is_mail)
			ruling = ruling_follow(
			    f, m, milter_show_mail(m, &f->told, q, ret), ret);
		else if (ruling_is_awaited(f, m))
			ruling = ruling_follow(
			    f, m, milter_show_rcpt(m, q, ret), ret);
	}
	return ruling;
}

void
filters_ask(struct filters *f, const struct peer *peer,
    const struct facts *facts, const struct question *q, struct answer *answer)
{
	struct refusal refusal = { .code = 0 };
	enum ruling ruling = RULING_NONE;

	f->told.facts = facts;
	if (q->kind == QUESTION_MAIL)
		begin_mail(f, peer, q);
	else if (q->kind == QUESTION_RCPT)
		ruling = chain_ask_policies(f, &f->policies, q, NULL, &refusal);
	else
		return;
	if (ruling == RULING_NONE)
		ruling = show(f, q, &refusal);
	if (ruling == RULING_REFUSE)
		answer_say_own(
		    answer, refusal.code, refusal.enhanced, refusal.text);
}

/*
 * The text
 */

void
filters_text(struct filters *f, struct span text, const struct header *header)
{
	if (!f->has_text)
		shown_data(f);
	shown_feed(f, &f->shown, text, header);
}

const char *
filters_decider(struct filters *f)
{
	const char *decider = f->decider;

	f->decider = NULL;
	return decider;
}

const char *
filters_trouble(struct filters *f)
{
	const char *trouble = f->trouble;

	f->trouble = NULL;
	return trouble;
}
