/*
 * What the files of tls/ share: main.c reads the options; serve.c is the one
 * process with the key, which hands each client to a process of its own
 * (client.c), where the client shakes hands and octets are passed on (relay.c);
 * certs.c keeps the certificates, and wrap.c runs another program.
 */
#ifndef TLS_PRIVATE_H
#define TLS_PRIVATE_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

#include <openssl/ssl.h>

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

/* context.c */

enum {
	CONTEXT_TICKET_SEC = 3600, /* as long a session can be resumed */
};

/* For connections by this certificate.  NULL: logged. */
SSL_CTX *context_new(
    const struct settings *settings, const char *cert, const char *key);
/* Is the certificate one of this host? */
bool context_is_of(const SSL_CTX *c, const char *host);
/*
 * Has OpenSSL look up, resolve and allocate once what a handshake needs, so that
 * no child has to.
 */
void context_warm(SSL_CTX *c);

/* certs.c */

struct certs;

/* Reads all files.  NULL: logged. */
struct certs *certs_open(const struct settings *settings);
/*
 * The context for the next client.  Reads files again that have changed, or
 * with `again` all of them; if that fails, the certificates of before stay.
 */
SSL_CTX *certs_server(struct certs *c, bool again);

/* client.c */

/* One client, and how to reach it. */
struct client {
	struct peer peer;
	int in, out; /* often the same */
	int session; /* where the clear text goes */
	SSL *ssl;    /* once it shakes hands */
};

/*
 * Gives up what is not needed, if `confined`, and shakes hands.  False: logged.
 * Else what was negotiated.
 */
bool client_secure(
    struct client *c, SSL_CTX *server, bool confined, struct facts *ret);

/* Says what was negotiated to who waits for it, and closes `fd`. */
void client_report(int fd, const struct facts *facts);
/* By recv() with these flags.  1: that; 0: nothing yet; -1: no TLS. */
int client_read_report(int fd, int flags, struct facts *ret);

/* stream.c */

/*
 * What the socket has to be ready for first; other negative results are the
 * end.
 */
enum {
	STREAM_FAILED = -1,
	STREAM_WANTS_IN = -2,
	STREAM_WANTS_OUT = -3,
};

/* 0: done, else what is wanted. */
int stream_shake_hands(SSL *ssl);
/* Octets, 0 at the end, or what is wanted. */
ssize_t stream_read(SSL *ssl, void *buf, size_t len);
ssize_t stream_write(SSL *ssl, const void *buf, size_t len);
/* Says that nothing more is written. */
int stream_end(SSL *ssl);

/* relay.c */

/*
 * Passes octets on until both sides have closed, each as the other one closed.
 */
void relay(const struct client *c);

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
