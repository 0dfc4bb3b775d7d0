/*
 * The process with the accounts.  It reads messages of known form only; what a
 * client says is base64 to it, and a child of its own takes that apart:
 *
 *	listener ---- introduction --------> serve
 *	session ---- step (mail/auth.h) ---> serve ---- step -------> child
 *	                                     serve <--- asks -------- child
 *	                                     serve ---- verifier ---> child
 *	writer <---- account --------------- serve <--- answers ----- child
 *	session <--- answer ---------------- serve
 *
 * A child that is taken over can say that its own client is the one account
 * that it has asked for, and learns the verifier of that; nothing of others.
 */
#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "../mail/wire.h"
#include "../server/confine.h"
#include "../server/log.h"
#include "serve.h"

enum {
	WRITER_MS = 5000, /* for the writer to answer, which may sync */
	DELAY_MS = 1000,  /* of the first wrong guess; each makes it double */
	DELAYS_MAX = 4,
	/*
	 * A session ends a client that errs more seldom than that
	 * (--max-errors); one that was taken over could go on, and each
	 * exchange costs a process.
	 */
	EXCHANGES_MAX = 100,
};

/* One message at a time. */
static char buffer[AUTH_MESSAGE_MAX];

/* The child ends when its parent is gone. */
static void
end_exchange(struct server *sv, struct session *s)
{
	hashing_stop(sv, s);
	helper_end_child(&sv->helper, &s->base);
	s->has_asked = false;
}

static void
end_session(struct server *sv, struct session *s)
{
	end_exchange(sv, s);
	helper_end_session(&sv->helper, &s->base);
}

/*
 * Exchanges
 */

/* False: logged. */
static bool
start_exchange(struct server *sv, struct session *s)
{
	static struct exchange x;
	pid_t pid = helper_fork(&sv->helper, &s->base, NULL, 0);

	if (pid == 0) {
		x.settings = sv->settings;
		x.peer = s->base.peer;
		x.parent = HELPER_PARENT;
		child_run(&x);
	}
	return pid > 0;
}

static void
answer_session(
    struct server *sv, struct session *s, const struct auth_answer *a)
{
	char message[2048];
	struct pack m = { .p = message, .size = sizeof message };

	auth_write_answer(&m, a);
	if (a->result != AUTH_MORE)
		end_exchange(sv, s);
	if (!helper_send(s->base.link.fd, &m))
		end_session(sv, s);
}

static void
answer_without_child(
    struct server *sv, struct session *s, enum auth_result result)
{
	answer_session(sv, s, &(struct auth_answer){ .result = result });
}

/*
 * Asks the writer who the client is by now.  False: the writer does not say, so
 * no one can be believed.
 */
static bool
learn_client(const struct server *sv, struct session *s)
{
	char message[WIRE_FACTS_MAX + 128];
	struct pack m = { .p = message, .size = sizeof message };
	struct pollfd p = { .fd = sv->helper.writer, .events = POLLIN };
	struct facts facts;
	struct peer peer;
	uint64_t number = 0;

	if (sv->helper.writer < 0)
		return true;
	wire_begin(&m, WIRE_WHO);
	wire_write_who(&m, s->base.number);
	if (!helper_send(sv->helper.writer, &m))
		return false;
	/* An answer that came too late for another one may be there still. */
	while (number != s->base.number) {
		struct unpack in = { .rest = { message, 0 } };
		ssize_t n = poll(&p, 1, WRITER_MS) > 0
				? recv(sv->helper.writer, message,
				      sizeof message, MSG_DONTWAIT)
				: 0;

		in.rest.len = n > 0 ? (size_t)n : 0;
		if (n <= 0 || wire_kind(&in) != WIRE_KNOWN ||
		    !wire_read_known(&in, &number, &peer, &facts) ||
		    number == 0)
			return false;
	}
	s->base.peer = peer;
	strcpy(s->subject, facts.text[FACT_CLIENT_SUBJECT]);
	return true;
}

/* In front of an exchange.  AUTH_DONE: it may begin, and its child is there. */
static enum auth_result
begin_exchange(struct server *sv, struct session *s)
{
	enum auth_result may;

	end_exchange(sv, s);
	if (!learn_client(sv, s))
		return AUTH_TROUBLE;
	may = accounts_check(sv->accounts, &s->base.peer, false);
	if (may == AUTH_DONE && !start_exchange(sv, s))
		may = AUTH_TROUBLE;
	return may;
}

/* Passes the session's step to its child, or to a new one. */
static void
read_link(struct server *sv, struct session *s)
{
	ssize_t n = recv(s->base.link.fd, buffer, sizeof buffer, MSG_DONTWAIT);
	struct pack m = { .p = buffer, .len = n > 0 ? (size_t)n : 0 };
	struct unpack in = { .rest = { buffer, m.len } };
	struct auth_step step;
	struct span subject;
	enum auth_result may = AUTH_DONE;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || !auth_read_step(&in, &step, &subject)) {
		end_session(sv, s);
		return;
	}
	if (step.mechanism.p && ++s->nbegun > EXCHANGES_MAX) {
		log_line(LOG_WARNING,
		    "AUTH: a session has begun %d times, and may not again",
		    EXCHANGES_MAX);
		end_session(sv, s);
		return;
	}
	if (step.mechanism.p) {
		may = begin_exchange(sv, s);
	} else if (s->base.child.fd < 0) {
		may = AUTH_MALFORMED;
	}
	/* Without a writer, the session is believed. */
	if (subject.len > 0 && subject.len < sizeof s->subject &&
	    sv->helper.writer < 0) {
		memcpy(s->subject, subject.p, subject.len);
		s->subject[subject.len] = '\0';
	}
	if (may != AUTH_DONE)
		answer_without_child(sv, s, may);
	else if (!helper_send(s->base.child.fd, &m))
		answer_without_child(sv, s, AUTH_TROUBLE);
}

/*
 * Tells the writer the account, since the session could lie to it.  False: the
 * writer is gone.
 */
static bool
tell_writer(const struct server *sv, const struct session *s)
{
	char message[WIRE_FACTS_MAX];
	struct pack m = { .p = message, .size = sizeof message };
	struct facts facts;

	memset(&facts, 0, sizeof facts);
	facts_set(&facts, FACT_ACCOUNT, span_of(s->name));
	wire_begin(&m, WIRE_TELL);
	wire_write_facts(&m, s->base.number, &facts);
	return helper_tell_writer(&sv->helper, &m);
}

/* A right guess beyond the limit is refused like a wrong one. */
static void
judge(struct server *sv, struct session *s, struct auth_answer *a)
{
	bool failed = a->result == AUTH_REFUSED;
	enum auth_result may;

	if (!failed && a->result != AUTH_DONE)
		return;
	may = accounts_check(sv->accounts, &s->base.peer, failed);
	if (may != AUTH_DONE)
		a->result = may;
	if (failed && s->nfailures < DELAYS_MAX)
		s->nfailures++;
	if (failed)
		a->wait_ms = (uint32_t)DELAY_MS << (s->nfailures - 1);
	if (a->result == AUTH_DONE && !tell_writer(sv, s))
		a->result = AUTH_TROUBLE;
	if (a->result == AUTH_DONE)
		s->nbegun = 0;
}

/* The account is the one that it has asked for; Dovecot says which it is. */
static bool
is_its_account(const struct server *sv, struct session *s, struct span account)
{
	if (sv->settings->dovecot) {
		memcpy(s->name, account.p, account.len);
		s->name[account.len] = '\0';
		return true;
	}
	return account.len == strlen(s->name) &&
	       memcmp(account.p, s->name, account.len) == 0;
}

static void
hear_answer(struct server *sv, struct session *s, struct unpack *in)
{
	struct auth_answer a;

	if (!auth_read_answer(in, &a) ||
	    (a.result == AUTH_DONE && !is_its_account(sv, s, a.account)))
		a = (struct auth_answer){ .result = AUTH_TROUBLE };
	a.wait_ms = 0;
	hashing_stop(sv, s);
	judge(sv, s, &a);
	answer_session(sv, s, &a);
}

/* One question an exchange.  False: not a right one. */
static bool
hear_question(struct server *sv, struct session *s, struct unpack *in)
{
	bool by_subject = unpack_u8(in) == 1;
	struct span key = unpack_text(in, AUTH_NAME_MAX, false);

	if (!unpack_is_done(in) || s->has_asked || sv->settings->dovecot)
		return false;
	s->has_asked = true;
	if (by_subject) {
		hashing_give(sv, s, true);
		return true;
	}
	if (key.len > 0)
		memcpy(s->name, key.p, key.len);
	s->name[key.len] = '\0';
	hashing_wait(sv, s);
	return true;
}

static void
read_child(struct server *sv, struct session *s)
{
	ssize_t n = recv(s->base.child.fd, buffer, sizeof buffer, MSG_DONTWAIT);
	struct unpack in = { .rest = { buffer, n > 0 ? (size_t)n : 0 } };
	uint8_t says;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	says = unpack_u8(&in);
	if (n > 0 && says == EXCHANGE_ANSWERS)
		hear_answer(sv, s, &in);
	else if (n <= 0 || says != EXCHANGE_ASKS || !hear_question(sv, s, &in))
		answer_without_child(sv, s, AUTH_TROUBLE);
}

int
serve(const struct settings *settings)
{
	struct server sv = {
		.settings = settings,
		.max_hashing = sysconf(_SC_NPROCESSORS_ONLN),
	};
	struct helper_session *base;
	enum helper_event event;

	if (sv.max_hashing < 1)
		sv.max_hashing = 1;
	sv.waiting_end = &sv.waiting;
	if (!helper_open(&sv.helper, "AUTH", sizeof(struct session)))
		return EX_OSERR;
	sv.accounts = accounts_open(settings->database);
	if (!sv.accounts)
		return EX_OSERR;
	if (!settings->no_confine)
		confine_prepare_tls();
	while ((event = helper_next(&sv.helper, &base)) != HELPER_END) {
		if (event == HELPER_LINK)
			read_link(&sv, (struct session *)base);
		else if (event == HELPER_CHILD)
			read_child(&sv, (struct session *)base);
		hashing_serve(&sv);
	}
	return EX_OK;
}
