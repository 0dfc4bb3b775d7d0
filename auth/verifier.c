/*
 * SCRAM-SHA-256 (RFC 5802, 7677) checks a password by StoredKey, which a thief
 * of the table cannot use: it is a hash of a key that only the password gives.
 * One verifier serves all mechanisms, since the key can be made again of a
 * password that is said.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gsasl.h>

#include "../mail/utf8.h"
#include "private.h"

static const char prefix[] = "SCRAM-SHA-256$";

enum {
	KEY_LEN = GSASL_HASH_SHA256_SIZE,
};

/* Copies up to `end`, which it takes too. */
static bool
take_part(const char **text, char end, char *ret, size_t size)
{
	const char *stop = end ? strchr(*text, end) : *text + strlen(*text);
	size_t len = stop ? (size_t)(stop - *text) : 0;

	if (len == 0 || len >= size)
		return false;
	memcpy(ret, *text, len);
	ret[len] = '\0';
	*text = stop + (end != '\0');
	return true;
}

bool
verifier_read(const char *text, struct verifier *ret)
{
	size_t len = strlen(prefix);

	if (strncmp(text, prefix, len) != 0)
		return false;
	text += len;
	return take_part(&text, ':', ret->iterations, sizeof ret->iterations) &&
	       take_part(&text, '$', ret->salt, sizeof ret->salt) &&
	       take_part(&text, ':', ret->stored, sizeof ret->stored) &&
	       take_part(&text, '\0', ret->server, sizeof ret->server) &&
	       base64_is(span_of(ret->salt)) &&
	       base64_is(span_of(ret->stored)) &&
	       base64_is(span_of(ret->server));
}

/* The keys of a password, and where they come from; `ret` NULL: not wanted. */
static bool
derive(const char *password, unsigned iterations, struct span salt,
    char *ret_salted, char *ret_stored, char *ret_server)
{
	char salted[KEY_LEN], client[KEY_LEN], stored[KEY_LEN], server[KEY_LEN];
	int rc = gsasl_scram_secrets_from_password(GSASL_HASH_SHA256, password,
	    iterations, salt.p, salt.len, salted, client, server, stored);

	if (rc != GSASL_OK)
		return false;
	if (ret_salted)
		memcpy(ret_salted, salted, KEY_LEN);
	if (ret_stored)
		memcpy(ret_stored, stored, KEY_LEN);
	if (ret_server)
		memcpy(ret_server, server, KEY_LEN);
	return true;
}

static void
write_verifier(struct span salt, const char *stored, const char *server,
    char ret[VERIFIER_SIZE])
{
	char parts[3][64];

	base64_write(salt, parts[0]);
	base64_write((struct span){ stored, KEY_LEN }, parts[1]);
	base64_write((struct span){ server, KEY_LEN }, parts[2]);
	snprintf(ret, VERIFIER_SIZE, "%s%d:%s$%s:%s", prefix,
	    VERIFIER_ITERATIONS, parts[0], parts[1], parts[2]);
}

bool
verifier_make(const char *password, char ret[VERIFIER_SIZE])
{
	char salt[VERIFIER_SALT_LEN], stored[KEY_LEN], server[KEY_LEN];
	struct span salt_octets = { salt, sizeof salt };
	char *prepared = NULL;
	bool made;

	if (gsasl_saslprep(password, 0, &prepared, NULL) != GSASL_OK)
		return false;
	made = gsasl_random(salt, sizeof salt) == GSASL_OK &&
	       derive(prepared, VERIFIER_ITERATIONS, salt_octets, NULL, stored,
		   server);
	gsasl_free(prepared);
	if (made)
		write_verifier(salt_octets, stored, server, ret);
	return made;
}

bool
verifier_prepare_name(const char *name, char ret[AUTH_NAME_MAX + 1])
{
	char *prepared = NULL;
	bool fits;

	if (gsasl_saslprep(name, 0, &prepared, NULL) != GSASL_OK)
		return false;
	fits = *prepared && strlen(prepared) <= AUTH_NAME_MAX &&
	       utf8_is_printable(span_of(prepared));
	if (fits)
		strcpy(ret, prepared);
	gsasl_free(prepared);
	return fits;
}

/* One iteration is a keyed hash of the name. */
bool
verifier_pretend(const char *secret, struct span name, char ret[VERIFIER_SIZE])
{
	char text[AUTH_NAME_MAX + 1], salted[KEY_LEN], stored[KEY_LEN],
	    server[KEY_LEN];

	if (name.len > AUTH_NAME_MAX)
		return false;
	memcpy(text, name.p, name.len);
	text[name.len] = '\0';
	if (!derive(text, 1, (struct span){ secret, SECRET_LEN }, salted,
		stored, server))
		return false;
	write_verifier(
	    (struct span){ salted, VERIFIER_SALT_LEN }, stored, server, ret);
	return true;
}

bool
verifier_fits(const struct verifier *v, const char *password)
{
	char salt[64], want[64], stored[KEY_LEN];
	size_t salt_len = base64_read(span_of(v->salt), salt);
	unsigned differs = 0;
	char *prepared = NULL;
	bool made;

	if (base64_read(span_of(v->stored), want) != KEY_LEN ||
	    gsasl_saslprep(password, 0, &prepared, NULL) != GSASL_OK)
		return false;
	made = derive(prepared, (unsigned)strtoul(v->iterations, NULL, 10),
	    (struct span){ salt, salt_len }, NULL, stored, NULL);
	gsasl_free(prepared);
	if (!made)
		return false;
	for (size_t i = 0; i < KEY_LEN; i++)
		differs |= (unsigned char)(want[i] ^ stored[i]);
	return differs == 0;
}
