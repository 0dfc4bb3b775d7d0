#include "passwords.h"

#include <crypt.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../clock.h"
#include "../mime/transfer.h"
#include "../server/log.h"

enum {
	USERS_MAX = 1000,
	REMEMBERED = 16, /* fields with a right password */
	/*
	 * After a wrong password the next one waits: so many times as long as
	 * the check took.
	 */
	WAIT_TIMES = 4,
};

struct passwords {
	struct user {
		char *name;
		char *hash;
	} users[USERS_MAX];
	size_t n;
	struct {
		char *field;
		size_t user;
	} right[REMEMBERED];
	size_t next;
	int64_t not_before_ms;
	struct crypt_data data;
};

/* Adds the user of a line "name:hash". */
static bool
add_line(struct passwords *p, char *line)
{
	char *colon = strchr(line, ':');

	line[strcspn(line, "\r\n")] = '\0';
	if (*line == '\0' || *line == '#')
		return true;
	/* Refuses hashes for which a password is found quickly. */
	if (!colon || colon == line || colon[1] != '$' ||
	    strncmp(colon + 1, "$apr1$", 6) == 0 ||
	    strncmp(colon + 1, "$1$", 3) == 0 || p->n == USERS_MAX)
		return false;
	*colon = '\0';
	p->users[p->n++] =
	    (struct user){ text_copy(line), text_copy(colon + 1) };
	return true;
}

struct passwords *
passwords_read(const char *path)
{
	struct passwords *p = text_resize(NULL, sizeof *p);
	char line[512];
	FILE *f = fopen(path, "re");
	int number = 0;

	memset(p, 0, sizeof *p);
	if (!f) {
		log_line(LOG_ERR, "%s: %s", path, strerror(errno));
		passwords_free(p);
		return NULL;
	}
	while (fgets(line, sizeof line, f)) {
		number++;
		if (add_line(p, line))
			continue;
		log_line(LOG_ERR,
		    "%s: line %d is no user:hash as htpasswd -B writes it",
		    path, number);
		p->n = 0;
		break;
	}
	fclose(f);
	if (p->n > 0)
		return p;
	log_line(LOG_ERR, "%s has no users", path);
	passwords_free(p);
	return NULL;
}

void
passwords_free(struct passwords *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->n; i++) {
		free(p->users[i].name);
		free(p->users[i].hash);
	}
	for (size_t i = 0; i < REMEMBERED; i++)
		free(p->right[i].field);
	free(p);
}

/* Takes as long wherever the texts differ. */
static bool
is_equal(const char *a, const char *b)
{
	size_t len = strlen(a);
	unsigned char differ = 0;

	if (strlen(b) != len)
		return false;
	for (size_t i = 0; i < len; i++)
		differ |= (unsigned char)(a[i] ^ b[i]);
	return differ == 0;
}

/* A user who is not there takes as long as the others. */
static bool
is_right(struct passwords *p, const char *name, const char *password,
    size_t *ret_user)
{
	const char *hash = p->users[0].hash, *made;
	bool found = false;

	for (size_t i = 0; i < p->n; i++) {
		if (strcmp(p->users[i].name, name) == 0) {
			hash = p->users[i].hash;
			*ret_user = i;
			found = true;
		}
	}
	made = crypt_r(password, hash, &p->data);
	return made && *made != '*' && is_equal(made, hash) && found;
}

/* Splits "Basic " and "name:password" as base64; `copy` is to be freed. */
static bool
split(const char *field, struct text *copy, char **ret_password)
{
	char *colon;

	if (strncasecmp(field, "Basic ", 6) != 0)
		return false;
	transfer_decode(
	    TRANSFER_BASE64, span_of(field + 6), sink_to_text(copy));
	colon = copy->p ? strchr(copy->p, ':') : NULL;
	if (!colon || strlen(copy->p) != copy->len)
		return false;
	*colon = '\0';
	*ret_password = colon + 1;
	return true;
}

static bool
try(struct passwords *p, const char *field, size_t *ret_user)
{
	struct text copy = { 0 };
	char *password;
	bool right = split(field, &copy, &password) &&
		     is_right(p, copy.p, password, ret_user);

	if (copy.p)
		explicit_bzero(copy.p, copy.len);
	text_free(&copy);
	return right;
}

enum passwords_verdict
passwords_check(struct passwords *p, const char *field, const char **ret_user)
{
	int64_t began = clock_ms();
	size_t user = 0;

	if (!field)
		return PASSWORDS_WRONG;
	for (size_t i = 0; i < REMEMBERED; i++) {
		if (p->right[i].field && is_equal(p->right[i].field, field)) {
			*ret_user = p->users[p->right[i].user].name;
			return PASSWORDS_RIGHT;
		}
	}
	if (began < p->not_before_ms)
		return PASSWORDS_LATER;
	if (!try(p, field, &user)) {
		p->not_before_ms =
		    clock_ms() + WAIT_TIMES * (clock_ms() - began);
		return PASSWORDS_WRONG;
	}
	free(p->right[p->next].field);
	p->right[p->next].field = text_copy(field);
	p->right[p->next].user = user;
	p->next = (p->next + 1) % REMEMBERED;
	*ret_user = p->users[user].name;
	return PASSWORDS_RIGHT;
}
