/*
 * The connections of libmicrohttpd: each has a place, and some wait.
 */
#ifndef WEB_CONNECTIONS_H
#define WEB_CONNECTIONS_H

#include <microhttpd.h>

#include "places.h"

/* For MHD_OPTION_NOTIFY_CONNECTION. */
void connections_note(void *arg, struct MHD_Connection *connection,
    void **place, enum MHD_ConnectionNotificationCode what);
size_t connections_count(void);
/*
 * False: no place is free, but one will be when libmicrohttpd has run, since a
 * connection has been thrown out.
 */
bool connections_have_room(void);

/* The place is the connection's as long as it lasts. */
struct place *connection_place(struct MHD_Connection *connection);
/*
 * Keeps the answer for its place, up to the end of the request.  If all have
 * too much, others are thrown out, and theirs are freed.
 */
void connection_hold(
    struct MHD_Connection *connection, char *answer, size_t len);
void connection_release(struct MHD_Connection *connection);

/* Suspends it, until connections_resume() or the time. */
void connection_put_aside(struct MHD_Connection *connection, int64_t until_ms);
bool connections_wait(void);
/* Resumes all that wait, or those whose time is over. */
void connections_resume(bool all);

#endif
