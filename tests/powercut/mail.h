/*
 * The mails of a run: each is made from its number alone, so that a row can be
 * held against what it must be without a copy.
 */
#ifndef POWERCUT_MAIL_H
#define POWERCUT_MAIL_H

#include <stdbool.h>
#include <stdint.h>

#include "../../store.h"

enum {
	MAIL_RECIPIENTS = 5,
	MAIL_TEXT_MAX = 80,
};

struct mail {
	uint64_t key;
	struct store_mail store;
	struct envelope envelope;
	struct recipient recipients[MAIL_RECIPIENTS];
	struct span data; /* lent until the next mail_make() */
	char name[MAIL_TEXT_MAX];
	char from[MAIL_TEXT_MAX];
	char before_id[MAIL_TEXT_MAX];
	char after_id[MAIL_TEXT_MAX];
	char to[MAIL_RECIPIENTS][MAIL_TEXT_MAX];
};

/*
 * The number of the `n`-th mail of a writer.  `large`: of a mebibyte; else
 * mostly small, some pass through the spool's file.
 */
uint64_t mail_key(int writer, unsigned n, bool large);

/* The number in an ENVID of ours; 0: it is none. */
uint64_t mail_key_of(const char *envelope_id);

/* Makes mail `key` of the run `seed`; `*ret` points into itself. */
void mail_make(uint64_t seed, uint64_t key, struct mail *ret);

/* Gives the mail to the store and commits it. */
enum verdict mail_store(
    struct store *st, const struct mail *m, int64_t *ret_id);

#endif
