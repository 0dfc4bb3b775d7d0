/*
 * A password, and what is kept of it.
 */
#ifndef READER_PASSWORD_H
#define READER_PASSWORD_H

#include <stdbool.h>

enum {
	PASSWORD_VERIFIER_SIZE = 256,
};

/*
 * Reads a password, twice from a terminal that does not show it, or the first
 * line of standard input, and has smtpd-auth make a verifier of it.  EX_OK, or
 * the status of what was told.
 */
int password_read_verifier(
    const char *account, char ret[PASSWORD_VERIFIER_SIZE]);
/* Is smtpd-auth installed? */
bool password_has_program(void);

#endif
