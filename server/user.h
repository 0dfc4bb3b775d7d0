/*
 * The user that the program runs as: what reads strangers' octets is not root.
 */
#ifndef USER_H
#define USER_H

#include <stdbool.h>

/*
 * Becomes the user `name`; or, where that is NULL and root is to serve a
 * network, the owner of the database's folder.  Returns EX_OK; or, logged with
 * what to do, the exit status: nobody is to be served.
 */
int user_become(const char *name, const char *database, bool is_network);

#endif
