/*
 * Waits for whatever comes, answers questions first, then commits the mails
 * that are complete; while it syncs, the next ones gather.
 */
#include <sys/epoll.h>

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sysexits.h>

#include "../server/introduce.h"
#include "../server/log.h"
#include "../server/new_mail.h"
#include "private.h"

enum {
	EVENTS_MAX = 64,
	/* Without a mail for so long, what was committed is checkpointed. */
	IDLE_MS = 200,
};

struct loop {
	struct writer writer;
	int epoll;
	int listener; /* -1: it is gone */
	size_t nclients;
	enum verdict tidied; /* what the last checkpoint said */
};

/*
 * Clients
 */

static void
forget(struct loop *l, struct client *c)
{
	client_free(c);
	l->nclients--;
}

static bool
watch(const struct loop *l, int fd, void *what)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = what };

	return epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &e) == 0;
}

static void
open_ahead(struct writer *w)
{
	store_leave_if_moved(w->store);
	store_open_ahead(w->store);
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

/* What it says is read before anything else; its events only wake us. */
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

	if (l->listener < 0)
		return;
	open_ahead(&l->writer);
	while (introduce_meet(l->listener, &i, false) == 0) {
		bool met = i.fds[INTRODUCE_TELLER] >= 0 ? meet_teller(l, &i)
							: meet_session(l, &i);

		if (!met)
			log_line(LOG_ERR, "writer: %s", strerror(errno));
	}
	if (errno == EAGAIN || errno == EINTR || errno == EPROTO)
		return;
	close(l->listener);
	l->listener = -1;
}

/*
 * What was told of a session before it said something is known before that is
 * read.
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
}

/*
 * Mails
 */

/* The same trouble is told once, not with each checkpoint. */
static void
note_tidied(struct loop *l, enum verdict verdict)
{
	if (verdict != VERDICT_OK && l->tidied == VERDICT_OK)
		log_line(LOG_WARNING, "checkpoint: %s",
		    store_error(l->writer.store));
	else if (verdict == VERDICT_OK && l->tidied != VERDICT_OK)
		log_line(LOG_NOTICE, "checkpoints work again");
	l->tidied = verdict;
}

static void
commit_ready(struct loop *l)
{
	struct client *c = batch_commit(&l->writer), *next;
	bool stored = false;

	for (; c; c = next) {
		next = c->next;
		stored |= c->result.verdict == VERDICT_OK;
		if (!client_conclude(c))
			forget(l, c);
	}
	if (stored)
		new_mail_tell(l->writer.conf->new_mail);
	note_tidied(l, store_tidy(l->writer.store));
}

static void
checkpoint(struct loop *l)
{
	store_leave_if_moved(l->writer.store);
	l->writer.has_new = false;
	note_tidied(l, store_checkpoint(l->writer.store));
}

/* Does all that has come, and returns whether anything had. */
static bool
serve_events(struct loop *l, int wait_ms)
{
	struct epoll_event events[EVENTS_MAX];
	int n = epoll_wait(l->epoll, events, EVENTS_MAX, wait_ms);
	bool meet = false;

	/* One look at the policy's tables is for all that has come by now. */
	store_refresh(l->writer.store);
	if (l->writer.tellers)
		hear_tellers(l);
	for (int i = 0; i < n; i++) {
		struct client *c = events[i].data.ptr;

		if (!c)
			meet = true;
		else if (events[i].data.ptr == &l->writer.tellers)
			continue;
		else if (c->state != CLIENT_READY && !client_read(c))
			forget(l, c);
	}
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
	w->ready_end = &w->ready;
	w->store = store_new(&w->store_conf);
	l->listener = listener;
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (w->store && l->epoll >= 0 && watch(l, listener, NULL))
		return true;
	log_line(LOG_ERR, "writer: %s", strerror(errno));
	return false;
}

int
writer_run(const struct writer_conf *conf, int listener)
{
	struct loop l = { .nclients = 0 };

	/* It ends when nobody is left who could need it. */
	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	if (!start(&l, conf, listener))
		return EX_OSERR;
	open_ahead(&l.writer);
	while (l.listener >= 0 || l.nclients > 0) {
		int wait_ms = l.writer.has_new ? IDLE_MS : -1;

		if (!serve_events(&l, wait_ms) && l.writer.has_new)
			checkpoint(&l);
		while (l.writer.ready)
			commit_ready(&l);
	}
	teller_forget_all(&l.writer);
	store_free(l.writer.store);
	close(l.epoll);
	return EX_OK;
}
