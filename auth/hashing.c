/*
 * Hashing a password costs time.  So as many children have a verifier at a time
 * as there are processors, and others wait for theirs; but a client that is
 * silent keeps nobody waiting.
 */
#include <string.h>

#include "serve.h"

void
hashing_give(struct server *sv, struct session *s, bool by_subject)
{
	char text[VERIFIER_SIZE] = "";
	char message[VERIFIER_SIZE + 16];
	struct pack m = { .p = message, .size = sizeof message };
	struct span key = span_of(by_subject ? s->subject : s->name);
	bool found =
	    key.len == 0 || accounts_find(sv->accounts, key, by_subject, text);

	if (by_subject && strlen(text) <= AUTH_NAME_MAX)
		strcpy(s->name, text);
	pack_u8(&m, found ? AUTH_DONE : AUTH_TROUBLE);
	pack_text(&m, text);
	helper_send(s->base.child.fd, &m);
}

void
hashing_serve(struct server *sv)
{
	while (sv->waiting && sv->nhashing < sv->max_hashing) {
		struct session *s = sv->waiting;

		sv->waiting = s->waiting;
		if (!sv->waiting)
			sv->waiting_end = &sv->waiting;
		s->hashes = HASHES_NOW;
		sv->nhashing++;
		hashing_give(sv, s, false);
	}
}

void
hashing_wait(struct server *sv, struct session *s)
{
	s->hashes = HASHES_SOON;
	s->waiting = NULL;
	*sv->waiting_end = s;
	sv->waiting_end = &s->waiting;
}

static void
stop_waiting(struct server *sv, struct session *s)
{
	struct session **at = &sv->waiting;

	while (*at && *at != s)
		at = &(*at)->waiting;
	if (!*at)
		return;
	*at = s->waiting;
	if (!*at)
		sv->waiting_end = at;
}

void
hashing_stop(struct server *sv, struct session *s)
{
	if (s->hashes == HASHES_SOON)
		stop_waiting(sv, s);
	else if (s->hashes == HASHES_NOW)
		sv->nhashing--;
	s->hashes = HASHES_NOT;
}
