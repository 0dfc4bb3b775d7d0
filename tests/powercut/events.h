/*
 * The log of a round: all that its processes did to the files of one database,
 * and each 250, in one order.  Whoever does something to a file holds the
 * log's lock while he does it and notes it, so that order is the kernel's.
 */
#ifndef POWERCUT_EVENTS_H
#define POWERCUT_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The names in the folder that SQLite makes and removes. */
enum name {
	NAME_DATABASE,
	NAME_LOG,     /* -wal */
	NAME_JOURNAL, /* -journal; while the database is made */
	NAME__COUNT
};

extern const char *const name_suffix[NAME__COUNT];

enum event_kind {
	EVENT_CREATE, /* `name` is the new, empty file `file` */
	EVENT_UNLINK, /* `name` is gone; its file may still be open */
	/*
	 * `len` octets, at `data`, to `offset` of `file`; `same`: those that
	 * were there, which are not noted again.
	 */
	EVENT_WRITE,
	EVENT_TRUNCATE, /* `file` is `offset` octets long */
	EVENT_SYNC,     /* a sync of `file` begins */
	/*
	 * The sync that began at event `since` has returned well.  `folder`:
	 * it synced the folder as well; no `file`: nothing but that.
	 */
	EVENT_SYNCED,
	/* Or else the disk failed, and what was written may be dropped. */
	EVENT_SYNC_FAILED,
	/* Or the kernel told of such an error, which was there before. */
	EVENT_SYNC_TOLD,
	EVENT_MARK,    /* in the lock file: set, or if `offset` is 0 cleared */
	EVENT_ACK,     /* mail `key` was confirmed: it is the row `id` */
	EVENT_DAMAGED, /* a writer was told that the database is damaged */
	EVENT_KILLED,  /* a writer was killed */
};

enum {
	EVENT_BEFORE = -1, /* the writer of what was there before the round */
};

struct event {
	enum event_kind kind;
	int writer;
	enum name name;
	unsigned file; /* from 1; names come and go, numbers stay; 0: none */
	bool folder;
	bool same;
	size_t since;
	int64_t offset;
	size_t len;
	size_t data;
	uint64_t key;
	int64_t id;
};

struct events;

/* Shared with all processes forked later.  Ends the program on trouble. */
struct events *events_new(void);
void events_free(struct events *ev);

void events_lock(struct events *ev);
void events_unlock(struct events *ev);

/*
 * Adds `*e` while the lock is held; `octets`, if any, are copied.  Returns
 * its number.  Ends the program when the log is full.
 */
size_t events_add(struct events *ev, const struct event *e, const void *octets);

size_t events_count(const struct events *ev);
const struct event *events_at(const struct events *ev, size_t number);
const unsigned char *events_data(
    const struct events *ev, const struct event *e);
/* One event in words, into a buffer that is lent until the next call. */
const char *events_describe(const struct events *ev, size_t number);

/* What a log does not say, but is needed to check it as it was checked. */
struct events_seeds {
	uint64_t mails;   /* of which they are made */
	uint64_t choices; /* of the images */
};

/* Both end the program on trouble. */
void events_save(const struct events *ev, const char *path,
    const struct events_seeds *seeds);
struct events *events_load(const char *path, struct events_seeds *ret_seeds);

#endif
