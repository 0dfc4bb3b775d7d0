/*
 * What the checks of doctor share.  Each check fills a finding, which is
 * STATE_OK before.
 */
#ifndef READER_DOCTOR_H
#define READER_DOCTOR_H

#include <limits.h>
#include <stdio.h>

#include "../archive.h"

enum state {
	STATE_OK,
	STATE_NOTE, /* to know, not to mend at once */
	STATE_BAD,
};

struct finding {
	enum state state;
	char text[PATH_MAX + 256];
	char remedy[4 * PATH_MAX + 256]; /* a command; empty: none */
};

enum {
	DOCTOR_FILTERS = 3,
};

struct patient {
	struct archive *archive;
	const char *path;
	const char *folder;
	const char
	    *filters[DOCTOR_FILTERS]; /* lists, or NULL: ask the service */
	struct archive_stats stats;   /* all 0 where they cannot be read */
};

/* What is found, and the command that mends it. */
#define SAY(f, ...) snprintf((f)->text, sizeof(f)->text, __VA_ARGS__)
#define MEND(f, ...) snprintf((f)->remedy, sizeof(f)->remedy, __VA_ARGS__)

/* A copy in quotes for the shell, to be freed. */
char *doctor_quote(const char *text);

/* The tables, columns and so on: doctor_schema.c. */
void doctor_check_schema(const struct patient *p, struct finding *f);

/* The rows that say what is accepted: doctor_rules.c. */
void doctor_check_domains(const struct patient *p, struct finding *f);
void doctor_check_aliases(const struct patient *p, struct finding *f);

/* The certificates of smtpd, and their keys: doctor_tls.c. */
void doctor_check_tls(const struct patient *p, struct finding *f);

/* Who can authenticate: doctor_auth.c. */
void doctor_check_auth(const struct patient *p, struct finding *f);

/* The filters that options name: doctor_filters.c. */
void doctor_check_filters(const struct patient *p, struct finding *f);

#endif
