/* What the database holds and how its files are: for stats and doctor. */
#ifndef READER_ARCHIVE_STATS_H
#define READER_ARCHIVE_STATS_H

#include "../archive.h"

struct archive_stats {
	int64_t messages;
	int64_t octets;
	int64_t recipients;
	int64_t last_id;  /* ever given */
	int64_t first_at; /* microseconds; 0: there is no mail */
	int64_t last_at;
	int64_t page_size;
	int64_t pages;
	int64_t free_pages;
	int64_t log_octets;   /* of the write-ahead log's file */
	int64_t max_messages; /* of the quota; 0: none */
	int64_t max_octets;
};

/* Reads all mails' rows, though not the mails.  Returns 0 or -1. */
int archive_stats(struct archive *a, struct archive_stats *ret);

struct archive_hour {
	int64_t hour; /* since 1970 */
	int64_t messages;
};

/* The newest hours that had mail, newest first.  Returns how many, or -1. */
int archive_hours(struct archive *a, struct archive_hour *ret, int max);

/* What PRAGMA quick_check finds first; to be freed.  NULL: it failed. */
char *archive_check(struct archive *a);
/* Is the mark of store/turnstile.h set? */
bool archive_is_poisoned(const struct archive *a);
/* The file, with links resolved, as SQLite names it. */
const char *archive_file(const struct archive *a);
/* SQLite's version, and whether it has the fault of smtpd-db(5), "Writing". */
const char *archive_library(void);
bool archive_library_is_faulty(void);

#endif
