/*
 * A writer in a process of its own, in a folder of its own, and sessions and
 * helpers at the other ends of its sockets.  What goes wrong here fails the
 * test.
 */
#ifndef SESSIONS_H
#define SESSIONS_H

#include "../../mail/wire.h"
#include "../../policy.h"
#include "../../store.h"
#include "../../writer.h"
#include "scratch.h"

enum {
	SESSIONS_MAX_SIZE = 1000000, /* of a mail */
};

extern struct scratch sessions_box;
/* Of the writer that is started next. */
extern struct writer_conf sessions_conf;

/* Before and behind each test; the writer ends when the listener has. */
void sessions_begin(void);
void sessions_end(void);
void sessions_start_writer(void);
/* Lets it end by itself. */
void sessions_stop_writer(void);
/* By SIGKILL. */
void sessions_kill_writer(void);
/* Its process. */
int sessions_writer(void);

/* A session's end of its socket, whose client has this address. */
int sessions_connect(const char *address);
/* And the writer's end, which somebody else has open as well. */
void sessions_connect_both(const char *address, int ends[2]);
/* The same as a store, of a client with the address 192.0.2.1. */
struct store *sessions_connect_store(void);
/* A helper's end, who has the right to tell these facts. */
int sessions_connect_teller(unsigned may_tell);

/*
 * As a session does it that keeps to the rules
 */

struct question sessions_question(enum question_kind kind, const char *address);
/* The answer is lent until the next call. */
const struct answer *sessions_ask(
    struct store *st, enum question_kind kind, const char *address);
/* The mail that was begun: from ann to bob, of `len` octets. */
enum verdict sessions_commit(struct store *st, size_t len, int64_t *ret_id);
/* The same with its two questions before. */
enum verdict sessions_put(struct store *st, size_t len, int64_t *ret_id);

/* As a helper tells a fact of session `number`. */
void sessions_tell(int fd, uint64_t number, enum fact fact, const char *text);

/*
 * Message by message
 */

extern char sessions_message[WIRE_MAX]; /* to put one together */

void sessions_send(int fd, const struct pack *m);
void sessions_expect_reply(int fd, enum wire_kind kind);
/* True: the writer has hung up. */
bool sessions_is_hung_up(int fd);
void sessions_send_question(
    int fd, enum question_kind kind, const char *address);
/* QUESTION_MAIL and its answer. */
void sessions_begin_mail(int fd);
/* The end of a mail that claims so much, with these recipients and octets. */
void sessions_send_last(int fd, uint64_t claimed, bool spooled,
    unsigned nrecipients, size_t octets);

#endif
