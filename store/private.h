/*
 * What store.c and the modules of store/ share.
 */
#ifndef STORE_PRIVATE_H
#define STORE_PRIVATE_H

#include "../database.h"
#include "../policy.h"
#include "../store.h"
#include "link.h"
#include "spool.h"

struct store {
	const struct store_conf *conf;
	struct database *db;
	bool owns_database;
	struct policy *policy;
	struct link
	    /*
	     * the writer, which has database and policy; NULL: this process has
	     */
	    *link;
	struct spool *spool;
	enum verdict spooled; /* trouble while appending */
	bool was_known; /* the last mail inserted had its row (dedupe.c) */
};

/*
 * Looks for an earlier row of the mail begun; 0: there is none.  DATABASE_OK or
 * the error.
 */
int dedupe_find(struct store *st, const struct store_mail *m, int64_t next_id,
    int64_t *ret);

/*
 * Reads the instructions that stand in the spool from there on, and inserts
 * them as rows of filter_change.
 */
enum verdict changes_insert(struct store *st, int64_t id, uint64_t from);

#endif
