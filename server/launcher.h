/*
 * A helper for a session of its own, which has no listener to start one.  It is
 * forked before the session is confined, and becomes the helper's program once
 * the session asks it for something.
 */
#ifndef LAUNCHER_H
#define LAUNCHER_H

#include "connection.h"
#include "helpers.h"

/*
 * Returns the session's socket to the helper, which gets this connection of this
 * client as a listener would introduce them (`c` NULL: without the connection);
 * but there is no writer.  -1, logged: there will be none.
 */
int launch_later(const struct helper_conf *conf, const struct connection *c,
    const struct peer *peer);

#endif
