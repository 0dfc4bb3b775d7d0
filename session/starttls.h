/* STARTTLS (RFC 3207), and what a session inside TLS adds. */
#ifndef STARTTLS_H
#define STARTTLS_H

#include "../mail/reply.h"
#include "../session.h"

bool starttls_is_inside(const struct session *s);
/* Is it to be announced? */
bool starttls_is_offered(const struct session *s);

/* The command; see command.c. */
enum reply starttls_run(struct session *s, struct span arg);

#endif
