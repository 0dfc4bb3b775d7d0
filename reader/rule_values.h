/*
 * Makes the values of a row's columns from the options of a command.  What the
 * table would refuse is refused here, in words.
 */
#ifndef READER_RULE_VALUES_H
#define READER_RULE_VALUES_H

#include "private.h"

enum {
	RULE_NUMBER_SIZE = 24,
};

struct rule_values {
	/* At the place of its column; NULL: no option gives it. */
	const char *value[RULES_COLUMNS_MAX];
	char room[RULES_COLUMNS_MAX][RULE_NUMBER_SIZE];
	unsigned nsaid;
};

/* EX_OK, or the status of what was told. */
int rule_values_read(
    const struct smtpdb *t, enum archive_rules which, struct rule_values *ret);

/*
 * Is it an address (or, where that may stand alone, a domain) that a client can
 * name?  EX_OK, or the status of what was told.
 */
int rule_check_address(const char *text, bool may_be_domain);

#endif
