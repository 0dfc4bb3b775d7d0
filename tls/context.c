/*
 * What OpenSSL, which has a hundred options, is to do: TLS 1.2 and 1.3 with
 * forward secrecy and authenticated encryption, and nothing else; no
 * renegotiation, compression or early data.
 *
 * The keys of tickets are made before the fork, so that any child can resume a
 * session of another one; nothing of a client is kept here.
 */
#include "private.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "../server/log.h"

enum {
	/* Of what may wait to be decrypted: a few records a read(). */
	READ_BUFFER = 64 * 1024,
	NTICKETS = 1, /* for a client, of TLS 1.3 */
};

/* Of TLS 1.2, those of RFC 9325 s. 4.2; of TLS 1.3, there are no others. */
#define SUITES "ECDHE+AESGCM:ECDHE+CHACHA20"
#define GROUPS "X25519:P-256:P-384"

/* What was first amiss: what follows it says only who could not go on. */
static const char *
first_error(void)
{
	static const struct {
		int lib, reason;
		const char *words;
	} rows[] = {
		{ ERR_LIB_PEM, PEM_R_NO_START_LINE, "there is none in PEM" },
		{ ERR_LIB_OSSL_DECODER, ERR_R_UNSUPPORTED,
		    "there is none in PEM" },
		{ ERR_LIB_CRYPTO, ERR_R_INTERRUPTED_OR_CANCELLED,
		    "it is locked by a password" },
		{ ERR_LIB_X509, X509_R_KEY_VALUES_MISMATCH,
		    "it is another certificate's" },
		{ ERR_LIB_SSL, SSL_R_NO_CERTIFICATE_ASSIGNED,
		    "it is another certificate's" },
	};
	unsigned long e = ERR_peek_error();
	const char *reason = ERR_reason_error_string(e);

	if (ERR_SYSTEM_ERROR(e))
		return strerror(ERR_GET_REASON(e));
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (ERR_GET_LIB(e) == rows[i].lib &&
		    ERR_GET_REASON(e) == rows[i].reason)
			return rows[i].words;
	}
	return reason ? reason : "out of memory";
}

/* NULL, for the caller to return. */
static SSL_CTX *
fail(const char *what, const char *file, SSL_CTX *context)
{
	log_line(LOG_ERR, "TLS: %s %s: %s", what, file, first_error());
	ERR_clear_error();
	SSL_CTX_free(context);
	return NULL;
}

/* A key with a password cannot be read: nobody is there to type it. */
static int
say_no_password(char *buf, int size, int writing, void *arg)
{
	(void)buf;
	(void)size;
	(void)writing;
	(void)arg;
	return -1;
}

static bool
set_what_is_offered(SSL_CTX *c)
{
	SSL_CTX_set_options(c, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
				   SSL_OP_CIPHER_SERVER_PREFERENCE |
				   /*
		 * A client that closes its side without the alert may still
		 * read what it was told, as it may outside of TLS.
		 */
				   SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(c, SSL_MODE_ENABLE_PARTIAL_WRITE |
				SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_read_ahead(c, 1);
	SSL_CTX_set_default_read_buffer_len(c, READ_BUFFER);
	return SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION) &&
	       SSL_CTX_set_cipher_list(c, SUITES) &&
	       SSL_CTX_set1_groups_list(c, GROUPS);
}

static bool
set_tickets(SSL_CTX *c)
{
	static const unsigned char name[] = "smtpd-tls";

	SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_timeout(c, CONTEXT_TICKET_SEC);
	return SSL_CTX_set_num_tickets(c, NTICKETS) &&
	       SSL_CTX_set_session_id_context(c, name, sizeof name - 1);
}

static bool
ask_for_certificates(SSL_CTX *c, const struct settings *s)
{
	STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(s->ca);

	if (!names || !SSL_CTX_load_verify_file(c, s->ca))
		return false;
	SSL_CTX_set_client_CA_list(c, names);
	SSL_CTX_set_verify(c,
	    SSL_VERIFY_PEER |
		(s->require_client ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
	    NULL);
	return true;
}

SSL_CTX *
context_new(const struct settings *s, const char *cert, const char *key)
{
	SSL_CTX *c;

	ERR_clear_error();
	c = SSL_CTX_new(TLS_server_method());
	if (!c || !set_what_is_offered(c) || !set_tickets(c))
		return fail("settings", "of OpenSSL", c);
	SSL_CTX_set_default_passwd_cb(c, say_no_password);
	if (!SSL_CTX_use_certificate_chain_file(c, cert))
		return fail("certificate", cert, c);
	if (!SSL_CTX_use_PrivateKey_file(c, key, SSL_FILETYPE_PEM) ||
	    !SSL_CTX_check_private_key(c))
		return fail("key", key, c);
	if (s->ca && !ask_for_certificates(c, s))
		return fail("certificates of clients'", s->ca, c);
	return c;
}

bool
context_is_of(const SSL_CTX *c, const char *host)
{
	return X509_check_host(SSL_CTX_get0_certificate(c), host, 0, 0, NULL) ==
	       1;
}

/*
 * Warming up
 */

/* Plays both sides in this process; how the handshake ends does not matter. */
static void
shake_own_hands(SSL *server, SSL *client)
{
	char octet = 0;

	for (int i = 0; i < 8; i++) {
		SSL_do_handshake(client);
		SSL_do_handshake(server);
	}
	SSL_write(client, &octet, sizeof octet);
	SSL_read(server, &octet, sizeof octet);
	SSL_write(server, &octet, sizeof octet);
	SSL_read(client, &octet, sizeof octet);
}

static void
connect_to_self(SSL_CTX *context, SSL_CTX *clients, int version)
{
	SSL *server = SSL_new(context), *client = SSL_new(clients);
	BIO *ends[2];

	if (server && client && BIO_new_bio_pair(&ends[0], 0, &ends[1], 0)) {
		SSL_set_bio(server, ends[0], ends[0]);
		SSL_set_bio(client, ends[1], ends[1]);
		SSL_set_accept_state(server);
		SSL_set_connect_state(client);
		SSL_set_max_proto_version(client, version);
		shake_own_hands(server, client);
	}
	SSL_free(server);
	SSL_free(client);
	ERR_clear_error();
}

void
context_warm(SSL_CTX *context)
{
	SSL_CTX *clients = SSL_CTX_new(TLS_client_method());

	if (!clients)
		return;
	connect_to_self(context, clients, TLS1_2_VERSION);
	connect_to_self(context, clients, TLS1_3_VERSION);
	SSL_CTX_free(clients);
}
