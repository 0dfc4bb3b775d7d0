/*
 * One SMTP session, from the greeting to the close.
 */
#ifndef SERVE_H
#define SERVE_H

#include "../store.h"
#include "connection.h"
#include "options.h"

/*
 * Stores mail in `store`, which need not be open yet; NULL: there was no memory
 * for it.  Returns the exit status: EX_OK whatever the client does, something else of
 * sysexits.h when the server itself cannot do its work.
 */
int serve(const struct options *o, struct connection *connection,
    struct store *store);

#endif
