/*
 * Waits for whatever comes and answers questions, while the committer's thread
 * writes; when that is done, it gets what has gathered meanwhile.
 */
#include <sys/epoll.h>

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sysexits.h>

#include "../clock.h"
#include "../server/introduce.h"
#include "../server/log.h"
#include "../server/new_mail.h"
#include "private.h"

enum {
	EVENTS_MAX = 64,
	/* Without a mail for so long, what was committed is checkpointed. */
	IDLE_MS = 200,
	/* Small mails have no more time for themselves, if a big one waits. */
	SLOW_MS_MAX = 1000,
};

struct loop {
	struct writer writer;
	int epoll;
	int listener; /* -1: it is gone */
	size_t nclients;
	bool has_new; /* something was committed since the last checkpoint */
	/* Of what takes long: when it began, and when the next may. */
	int64_t slow_since, slow_at;
	bool let_by;         /* a small mail, since then */
	enum verdict tidied; /* what the last checkpoint said */
};

/*
 * Clients
 */

/*
 * Takes a session out of epoll by itself before its socket is closed: while the
 * listener still has that open, the kernel would go on reporting it.
 */
static void
forget(struct loop *l, struct client *c)
{
	epoll_ctl(l->epoll, EPOLL_CTL_DEL, c->fd, NULL);
	client_free(c);
	l->nclients--;
}

static bool
watch(const struct loop *l, int fd, void *what)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = what };

	return epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &e) == 0;
}

static bool
meet_session(struct loop *l, const struct introduction *i)
{
	struct client *c = client_new(&l->writer, i);

	if (!c || !watch(l, c->fd, c)) {
		client_free(c);
		return false;
	}
	l->nclients++;
	return true;
}

/* Tellers are read before anything else; their events only wake the loop. */
static bool
meet_teller(struct loop *l, const struct introduction *i)
{
	return teller_add(&l->writer, i) &&
	       watch(l, i->fds[INTRODUCE_TELLER], &l->writer.tellers);
}

static void
meet_all(struct loop *l)
{
	struct introduction i;
	int why;

	if (l->listener < 0)
		return;
	ask_open_ahead(&l->writer);
	while (introduce_meet(l->listener, &i, false) == 0) {
		bool met = i.fds[INTRODUCE_TELLER] >= 0 ? meet_teller(l, &i)
							: meet_session(l, &i);

		if (!met)
			log_line(LOG_ERR, "writer: %s", strerror(errno));
	}
	why = errno; /* a log that takes no more sets it anew */
	if (why == EMFILE)
		log_line(LOG_ERR, "writer: a session was turned away: %s",
		    strerror(why));
	if (why == EAGAIN || why == EINTR || why == EPROTO || why == EMFILE)
		return;
	close(l->listener);
	l->listener = -1;
}

/*
 * Hears all tellers before any session is read, so what was told of a session
 * before it spoke is known.
 */
static void
hear_tellers(struct loop *l)
{
	struct facts facts;
	uint64_t number;

	while (teller_hear(&l->writer, &number, &facts)) {
		struct client *c = client_find(&l->writer, number);

		if (!c) {
			meet_all(l);
			c = client_find(&l->writer, number);
		}
		if (c)
			client_hear(c, &facts);
	}
	if (teller_lacks_client(&l->writer))
		meet_all(l);
	teller_answer(&l->writer);
}

/*
 * Mails
 */

/* Logs the same trouble once, not for each checkpoint. */
static void
note_tidied(struct loop *l, enum verdict verdict)
{
	if (verdict != VERDICT_OK && l->tidied == VERDICT_OK)
		log_line(LOG_WARNING, "checkpoint: %s",
		    committer_error(l->writer.committer));
	else if (verdict == VERDICT_OK && l->tidied != VERDICT_OK)
		log_line(LOG_NOTICE, "checkpoints work again");
	l->tidied = verdict;
}

/* Tells the sessions what became of their mails. */
static void
conclude(struct loop *l, struct client *c)
{
	struct client *next;
	bool stored = false;

	for (; c; c = next) {
		next = c->next;
		stored |= c->result.verdict == VERDICT_OK;
		if (!client_conclude(c) || c->is_deaf)
			forget(l, c);
	}
	l->has_new |= stored;
	if (stored)
		new_mail_tell(l->writer.conf->new_mail);
}

/*
 * What is to be done next
 */

/* A big mail, or a checkpoint. */
static bool
is_slow(const struct order *o)
{
	return o->job != JOB_COMMIT || o->mail->granted;
}

/* The committer has done something. */
static void
take_back(struct loop *l)
{
	enum verdict verdict;
	struct order order = committer_take(l->writer.committer, &verdict);
	int64_t now = clock_ms(), took = now - l->slow_since;

	if (is_slow(&order))
		l->slow_at = now + (took < SLOW_MS_MAX ? took : SLOW_MS_MAX);
	if (order.job == JOB_COMMIT)
		conclude(l, order.mail);
	else
		note_tidied(l, verdict);
}

/* Gives slow orders half of the time, if small mails wait. */
static bool
may_be_slow(const struct loop *l)
{
	return (!l->let_by && !l->writer.small.first) ||
	       clock_ms() >= l->slow_at;
}

/* False: nothing is to be done now. */
static bool
choose(struct loop *l, bool is_idle, struct order *ret)
{
	struct writer *w = &l->writer;
	struct store *store = committer_store(w->committer);
	bool may = may_be_slow(l), untidy = store_is_untidy(store);

	*ret = (struct order){ .job = JOB_COMMIT };
	if (may && untidy)
		ret->job = JOB_TIDY;
	else if (may && w->big.first)
		ret->mail = batch_take(&w->big, store);
	else if (w->small.first)
		ret->mail = batch_take(&w->small, store);
	else
		ret->job = JOB_CHECKPOINT;
	return ret->job != JOB_CHECKPOINT ||
	       (is_idle && l->has_new && !untidy && !w->big.first);
}

static void
give(struct loop *l, bool is_idle)
{
	struct writer *w = &l->writer;
	struct order order;

	if (committer_is_busy(w->committer) || !choose(l, is_idle, &order))
		return;
	if (is_slow(&order))
		l->slow_since = clock_ms();
	l->let_by = !is_slow(&order);
	if (order.job == JOB_CHECKPOINT)
		l->has_new = false;
	/* Our connection is closed before the one that writes. */
	order.leave = store_leave_if_moved(w->store);
	/* With one client, there is nothing else to do in that short time. */
	if (l->nclients == 1 && !is_slow(&order))
		committer_do(w->committer, order);
	else
		committer_give(w->committer, order);
}

/* How long to wait until something is due even if nothing comes. */
static int
time_left(const struct loop *l)
{
	const struct writer *w = &l->writer;
	int64_t left = l->slow_at - clock_ms();

	if (!l->has_new && !w->big.first)
		return -1;
	if (committer_is_busy(w->committer) || left >= IDLE_MS)
		return IDLE_MS;
	if (left > 0 &&
	    (w->big.first || store_is_untidy(committer_store(w->committer))))
		return (int)left;
	return IDLE_MS;
}

/*
 * Stops listening to a session that has gone, which would wake the loop until
 * its mail is committed.
 */
static void
ignore(struct loop *l, struct client *c)
{
	epoll_ctl(l->epoll, EPOLL_CTL_DEL, c->fd, NULL);
	c->is_deaf = true;
}

/* Does all that has come, and returns whether anything had. */
static bool
serve_events(struct loop *l, int wait_ms)
{
	struct epoll_event events[EVENTS_MAX];
	int n = epoll_wait(l->epoll, events, EVENTS_MAX, wait_ms);
	bool meet = false, done = false;

	/* One look at the policy's tables is for all that has come by now. */
	ask_refresh(&l->writer);
	if (l->writer.tellers)
		hear_tellers(l);
	for (int i = 0; i < n; i++) {
		struct client *c = events[i].data.ptr;

		if (!c)
			meet = true;
		else if (events[i].data.ptr == &l->writer.tellers)
			continue;
		else if (events[i].data.ptr == l)
			done = true;
		else if (c->state == CLIENT_READY)
			ignore(l, c);
		else if (!client_read(c))
			forget(l, c);
	}
	/* This comes last, since a client may end here. */
	if (done)
		take_back(l);
	if (meet)
		meet_all(l);
	return n > 0;
}

static bool
start(struct loop *l, const struct writer_conf *conf, int listener)
{
	struct writer *w = &l->writer;

	w->conf = conf;
	w->store_conf = (struct store_conf){
		.path = conf->database,
		.wait_ms = STORE_WAIT_MS,
	};
	batch_start(w);
	w->store = store_new_to_ask(&w->store_conf);
	w->committer = committer_start(&w->store_conf);
	l->listener = listener;
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (w->store && w->committer && l->epoll >= 0 &&
	    watch(l, listener, NULL) && watch(l, committer_fd(w->committer), l))
		return true;
	log_line(LOG_ERR, "writer: %s", strerror(errno));
	return false;
}

int
writer_run(const struct writer_conf *conf, int listener)
{
	struct loop l = { .nclients = 0 };

	/* The writer ends when no session and no listener is left. */
	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	if (!start(&l, conf, listener))
		return EX_OSERR;
	ask_open_ahead(&l.writer);
	while (l.listener >= 0 || l.nclients > 0) {
		bool idle = !serve_events(&l, time_left(&l));

		give(&l, idle);
	}
	teller_forget_all(&l.writer);
	store_free(l.writer.store);
	committer_end(l.writer.committer);
	close(l.epoll);
	return EX_OK;
}
