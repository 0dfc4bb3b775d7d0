/*
 * How the listener hands the writer its end of a session's socket: one message
 * with the descriptor and the client's address.  The address comes from the
 * listener alone, so no session can claim another one.
 */
#ifndef INTRODUCE_H
#define INTRODUCE_H

#include "../mail/peer.h"

/* Of a SOCK_SEQPACKET socket pair; returns 0, or -1 with errno. */
int introduce_session(int writer, int session, const struct peer *peer);
/*
 * At the other end: takes the next session that has come.  -1 with errno;
 * ENOTCONN: the listener is gone.
 */
int introduce_meet(int listener, struct peer *ret);

#endif
