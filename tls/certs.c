/*
 * Certificates and keys, and the files that they were read from: a renewed
 * certificate counts from the next client on.  Sessions cannot be resumed:
 * LibreTLS 3.7 on OpenSSL issues no tickets, whatever keys it is given (its
 * callback returns 0 for LibreSSL's "done", which is OpenSSL's "none").
 */
#include <sys/stat.h>

#include <stdlib.h>

#include "../clock.h"
#include "../server/log.h"
#include "private.h"

enum {
	LOOK_MS = 1000,
	NFILES = 2 * HELPER_LIST_MAX + 1,
};

/*
 * Of TLS 1.2, those of RFC 9325 s. 4.2; what LibreTLS takes for secure has CBC
 * as well.
 */
#define SUITES "ECDHE+AESGCM:ECDHE+CHACHA20"

/* What a file was when it was read. */
struct seen {
	const char *path;
	struct stat st;
};

struct certs {
	const struct settings *settings;
	struct seen files[NFILES];
	size_t nfiles;
	struct tls *server;
	struct tls_config *config;
	int64_t looked_at; /* ms */
};

static bool
fail(const char *what, const char *why)
{
	log_line(LOG_ERR, "TLS: %s: %s", what, why ? why : "out of memory");
	return false;
}

static const char *
key_of(const struct settings *s, size_t i)
{
	return s->keys.n > 0 ? s->keys.texts[i] : s->certs.texts[i];
}

static bool
add_certs(const struct settings *s, struct tls_config *config)
{
	for (size_t i = 0; i < s->certs.n; i++) {
		const char *cert = s->certs.texts[i], *key = key_of(s, i);
		int result =
		    i == 0 ? tls_config_set_keypair_file(config, cert, key)
			   : tls_config_add_keypair_file(config, cert, key);

		if (result < 0)
			return fail(cert, tls_config_error(config));
	}
	return true;
}

static bool
add_ca(const struct settings *s, struct tls_config *config)
{
	if (!s->ca)
		return true;
	if (tls_config_set_ca_file(config, s->ca) < 0)
		return fail(s->ca, tls_config_error(config));
	if (s->require_client)
		tls_config_verify_client(config);
	else
		tls_config_verify_client_optional(config);
	return true;
}

/* Makes a server of what the files hold now. */
static bool
configure(struct certs *c)
{
	const struct settings *s = c->settings;

	c->config = tls_config_new();
	if (!c->config)
		return fail("settings", NULL);
	if (tls_config_set_ciphers(c->config, SUITES) < 0)
		return fail("suites", tls_config_error(c->config));
	if (!add_certs(s, c->config) || !add_ca(s, c->config))
		return false;
	c->server = tls_server();
	if (!c->server)
		return fail("server", NULL);
	if (tls_configure(c->server, c->config) < 0)
		return fail(s->certs.texts[0], tls_error(c->server));
	return true;
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

	/* A file that is gone for a moment is on its way. */
	return stat(seen->path, &now) == 0 &&
	       (now.st_ino != then->st_ino || now.st_dev != then->st_dev ||
		   now.st_size != then->st_size ||
		   now.st_mtim.tv_sec != then->st_mtim.tv_sec ||
		   now.st_mtim.tv_nsec != then->st_mtim.tv_nsec);
}

static void
forget(struct certs *c)
{
	tls_free(c->server);
	tls_config_free(c->config);
	c->server = NULL;
	c->config = NULL;
}

/* The certificate and the key of one renewal come one after the other. */
static void
read_again(struct certs *c)
{
	struct certs before = *c;

	note_files(c);
	c->server = NULL;
	c->config = NULL;
	if (configure(c)) {
		forget(&before);
		log_line(LOG_NOTICE, "TLS: the certificates were read again");
		return;
	}
	forget(c);
	c->server = before.server;
	c->config = before.config;
}

struct certs *
certs_open(const struct settings *settings)
{
	struct certs *c = calloc(1, sizeof *c);

	if (!c) {
		fail("settings", NULL);
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
	forget(c);
	free(c);
	return NULL;
}

struct tls *
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
	return c->server;
}
