/*
 * What serve.c and hashing.c share.
 */
#ifndef AUTH_SERVE_H
#define AUTH_SERVE_H

#include <stddef.h>

#include "../mail/facts.h"
#include "../server/helper.h"
#include "private.h"

struct session {
	struct helper_session base;
	unsigned nfailures;
	unsigned nbegun;              /* exchanges, since one has succeeded */
	char name[AUTH_NAME_MAX + 1]; /* that the child has asked for */
	char subject[FACT_SIZE];      /* of the certificate; "": unknown */
	bool has_asked;
	enum {
		HASHES_NOT,
		HASHES_SOON, /* it waits for its verifier */
		HASHES_NOW,
	} hashes;
	struct session *waiting; /* behind it, of those that hash soon */
};

struct server {
	struct helper_server helper;
	const struct settings *settings;
	struct accounts *accounts;
	long nhashing, max_hashing;
	struct session *waiting, **waiting_end;
};

/* hashing.c */

/* Its child has asked, and gets its verifier when it is its turn. */
void hashing_wait(struct server *sv, struct session *s);
/* It needs none any more, or has done with it. */
void hashing_stop(struct server *sv, struct session *s);
/* Whoever waits longest gets its verifier, as long as there are processors. */
void hashing_serve(struct server *sv);
/* Tells the child what it has asked for. */
void hashing_give(struct server *sv, struct session *s, bool by_subject);

#endif
