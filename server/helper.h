/*
 * A helper program from within (helpers.h is the listener's side of it): one
 * process, which meets the sessions that the listener introduces, and children
 * of it, each of which serves one session and may be taken over by its client.
 *
 *	listener ---- introduction ----> helper ---- facts ----> writer
 *	session <---- link ------------> helper
 *	                                 helper <--- child ----> its child
 *
 * The program asks what has happened, and does what there is to do.
 */
#ifndef HELPER_H
#define HELPER_H

#include <sys/epoll.h>
#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../mail/pack.h"
#include "../mail/peer.h"

enum {
	HELPER_EVENTS_MAX = 64,
	/* In a child: its socket to the helper, and from there what it kept. */
	HELPER_PARENT = 10,
	HELPER_KEPT = HELPER_PARENT + 1,
	HELPER_KEPT_MAX = 3,
};

/* A program's own struct of a session begins with this one. */
struct helper_session {
	uint64_t number;
	struct peer peer;
	int in, out; /* the client's connection, often the same; -1: it is not
			here, or a child's by now */
	struct helper_end {
		struct helper_session *session;
		int fd; /* -1: there is none */
	} link, child;
	bool is_over;
	struct helper_session *next;
};

struct helper_server {
	const char *what;    /* it does: in the log */
	size_t session_size; /* of the program's struct */
	int control, epoll, signals;
	int writer; /* -1: there is none, so nobody needs to be told */
	size_t nsessions;
	struct helper_session *over; /* freed once no event can name them */
	struct epoll_event events[HELPER_EVENTS_MAX];
	int nevents, at;
};

enum helper_event {
	HELPER_LINK,   /* the session has said something, or is gone */
	HELPER_CHILD,  /* the same of its child */
	HELPER_HANGUP, /* SIGHUP */
	HELPER_END,    /* there is no listener, and nobody to serve */
};

/*
 * Prepares the process, which gets introductions on standard input.  From then
 * on, the numbers of a child's descriptors stay free, and nobody may trace the
 * process.  False: logged.
 */
bool helper_open(
    struct helper_server *h, const char *what, size_t session_size);
/* Waits for the next event; `*ret` is the session that the first two are of. */
enum helper_event helper_next(
    struct helper_server *h, struct helper_session **ret);
/* At the end: waits until all children have ended. */
void helper_wait(struct helper_server *h);

/*
 * Forks a process for the session, in place of the one before, and with it a
 * socket of messages, s->child.  The process keeps that, `fds`, the log, and
 * nothing else.  Returns as fork(); -1: logged.
 */
pid_t helper_fork(struct helper_server *h, struct helper_session *s,
    const int *fds, size_t n);
/* The session's child is gone, or ends by this. */
void helper_end_child(struct helper_server *h, struct helper_session *s);
/* Closes what the session has.  It stays until the next event. */
void helper_end_session(struct helper_server *h, struct helper_session *s);

/* Sends the message without waiting.  False: it cannot. */
bool helper_send(int fd, const struct pack *m);
/* False: the writer, if there is one, cannot be reached. */
bool helper_tell_writer(const struct helper_server *h, const struct pack *m);

#endif
