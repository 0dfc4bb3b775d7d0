/*
 * Certificates and keys, and the files that they were read from.  A renewed
 * certificate counts from the next client on.  The keys of tickets are made
 * with them, and anew from time to time; a client with a ticket of older keys
 * makes a full handshake.
 */
#include <sys/stat.h>

#include <stdlib.h>
#include <string.h>

#include <openssl/rand.h>

#include "../clock.h"
#include "../server/log.h"
#include "private.h"

enum {
	LOOK_MS = 1000,
	NFILES = 2 * HELPER_LIST_MAX + 1,
};

/* What a file was when it was read. */
struct seen {
	const char *path;
	struct stat st;
};

struct certs {
	const struct settings *settings;
	struct seen files[NFILES];
	size_t nfiles;
	/* One for each certificate; clients begin with the first. */
	SSL_CTX *contexts[HELPER_LIST_MAX];
	int64_t looked_at, keys_at; /* ms */
};

static const char *
key_of(const struct settings *s, size_t i)
{
	return s->keys.n > 0 ? s->keys.texts[i] : s->certs.texts[i];
}

static void
forget(SSL_CTX **contexts)
{
	for (size_t i = 0; i < HELPER_LIST_MAX; i++)
		SSL_CTX_free(contexts[i]);
}

/*
 * SNI: the client names the host that it looks for; an unknown one gets the
 * first certificate.
 */
static int
choose(SSL *ssl, int *alert, void *arg)
{
	const struct certs *c = arg;
	const char *host = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

	(void)alert;
	for (size_t i = 0; host && i < c->settings->certs.n; i++) {
		if (!context_is_of(c->contexts[i], host))
			continue;
		SSL_set_SSL_CTX(ssl, c->contexts[i]);
		break;
	}
	return SSL_TLSEXT_ERR_OK;
}

/* Takes what the files hold now, or leaves all as it is; logged. */
static bool
configure(struct certs *c)
{
	const struct settings *s = c->settings;
	SSL_CTX *contexts[HELPER_LIST_MAX] = { NULL };

	for (size_t i = 0; i < s->certs.n; i++) {
		contexts[i] = context_new(s, s->certs.texts[i], key_of(s, i));
		if (!contexts[i]) {
			forget(contexts);
			return false;
		}
	}
	SSL_CTX_set_tlsext_servername_callback(contexts[0], choose);
	SSL_CTX_set_tlsext_servername_arg(contexts[0], c);
	forget(c->contexts);
	memcpy(c->contexts, contexts, sizeof contexts);
	context_warm(c->contexts[0]);
	c->keys_at = clock_ms();
	return true;
}

/* Those who have old tickets cannot use them any more. */
static void
renew_ticket_keys(struct certs *c)
{
	unsigned char keys[256];
	long len = SSL_CTX_get_tlsext_ticket_keys(c->contexts[0], NULL, 0);

	if (len > 0 && len <= (long)sizeof keys &&
	    RAND_priv_bytes(keys, (int)len) == 1)
		SSL_CTX_set_tlsext_ticket_keys(c->contexts[0], keys, len);
	OPENSSL_cleanse(keys, sizeof keys);
	c->keys_at = clock_ms();
}

static void
note_files(struct certs *c)
{
	for (size_t i = 0; i < c->nfiles; i++) {
		if (stat(c->files[i].path, &c->files[i].st) < 0)
			c->files[i].st = (struct stat){ .st_ino = 0 };
	}
}

static bool
has_changed(const struct seen *seen)
{
	const struct stat *then = &seen->st;
	struct stat now;

	/* A file that is missing is probably being replaced. */
	return stat(seen->path, &now) == 0 &&
	       (now.st_ino != then->st_ino || now.st_dev != then->st_dev ||
		   now.st_size != then->st_size ||
		   now.st_mtim.tv_sec != then->st_mtim.tv_sec ||
		   now.st_mtim.tv_nsec != then->st_mtim.tv_nsec);
}

/* The certificate and the key of one renewal come one after the other. */
static void
read_again(struct certs *c)
{
	note_files(c);
	if (configure(c))
		log_line(LOG_NOTICE, "TLS: the certificates were read again");
}

struct certs *
certs_open(const struct settings *settings)
{
	struct certs *c = calloc(1, sizeof *c);

	if (!c) {
		log_line(LOG_ERR, "TLS: out of memory");
		return NULL;
	}
	c->settings = settings;
	for (size_t i = 0; i < settings->certs.n; i++) {
		c->files[c->nfiles++].path = settings->certs.texts[i];
		c->files[c->nfiles++].path = key_of(settings, i);
	}
	if (settings->ca)
		c->files[c->nfiles++].path = settings->ca;
	note_files(c);
	if (configure(c))
		return c;
	free(c);
	return NULL;
}

SSL_CTX *
certs_server(struct certs *c, bool again)
{
	int64_t now = clock_ms();

	if (again || now >= c->looked_at + LOOK_MS) {
		c->looked_at = now;
		for (size_t i = 0; i < c->nfiles && !again; i++)
			again = has_changed(&c->files[i]);
		if (again)
			read_again(c);
	}
	if (now >= c->keys_at + CONTEXT_TICKET_SEC * 1000)
		renew_ticket_keys(c);
	return c->contexts[0];
}
