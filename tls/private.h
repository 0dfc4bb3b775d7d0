/*
 * What the files of tls/ share: main.c reads the options; serve.c is the one
 * process with the key, which hands each client to a process of its own
 * (client.c), where the client shakes hands and octets are passed on (relay.c);
 * certs.c keeps the certificates, and wrap.c runs another program.
 */
#ifndef TLS_PRIVATE_H
#define TLS_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>

#include <tls.h>

#include "../mail/facts.h"
#include "../mail/peer.h"
#include "../server/helper_cli.h"

enum {
	HANDSHAKE_MS = 60 * 1000,
};

struct settings {
	struct helper_list certs, keys; /* as many keys as certs, or none */
	const char *ca;                 /* NULL: clients need no certificate */
	bool require_client;
	bool no_confine;
};

/* certs.c */

struct certs;

/* Reads all files.  NULL: logged. */
struct certs *certs_open(const struct settings *settings);
/*
 * For the next client.  Files that have changed are read again, those of before
 * stay where that fails; `again`: whether they have changed or not.
 */
struct tls *certs_server(struct certs *c, bool again);

/* client.c */

/* One client, and how to reach it. */
struct client {
	struct peer peer;
	int in, out; /* often the same */
	int session; /* where the clear text goes */
	bool ended;  /* it says nothing more */
};

/*
 * Gives up what is not needed, if `confined`, and shakes hands.  NULL: logged.
 * Else the connection, with what was negotiated.
 */
struct tls *client_secure(
    struct client *c, struct tls *server, bool confined, struct facts *ret);

/* Says what was negotiated to who waits for it, and closes `fd`. */
void client_report(int fd, const struct facts *facts);
/* By recv() with these flags.  1: that; 0: nothing yet; -1: no TLS. */
int client_read_report(int fd, int flags, struct facts *ret);

/* relay.c */

/*
 * Passes octets on until both sides have closed, each as the other one closed.
 */
void relay(const struct client *c, struct tls *tls);

/* suite.c */

/* The name that IANA has registered for the suite that OpenSSL calls so. */
const char *suite_name(const char *openssl, char *buffer, size_t size);

/* serve.c, wrap.c */

/* Serves whom the listener introduces on standard input; the exit status. */
int serve(const struct settings *settings, struct certs *certs);
/*
 * Serves the client on standard input and output, by that program; the exit
 * status.
 */
int wrap(
    const struct settings *settings, struct certs *certs, char *const *argv);

#endif
