#include "image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../archive.h"
#include "../support/buffer.h"

enum {
	MAILS = 5,
	/* What SQL of the input may cost. */
	STEPS_MAX = 20000,
	TEXT_MAX = 100000,
};

struct file {
	const char *suffix;
	char *octets;
	size_t len;
};

static struct scratch box;
static struct file files[] = {
	{ .suffix = "" },
	{ .suffix = "-words" },
	{ .suffix = "-wal" },
};

enum {
	MAIN,
	WORDS,
	WAL,
	FILES = 2, /* that are there in any case */
};

static const char rows[] =
    "INSERT INTO domain (name) VALUES ('mx.example'), ('b.example');"
    "INSERT INTO mailbox (address) VALUES ('bob@b.example'), ('*@mx.example');"
    "INSERT INTO mailbox (address, quota_messages, quota_octets)"
    " VALUES ('ann@b.example', 3, 1000);"
    "INSERT INTO alias (address, target) VALUES"
    " ('all@b.example', 'bob@b.example'), ('all@b.example', 'ann@b.example');"
    "INSERT INTO sender_rule (pattern) VALUES ('spam.example');"
    "INSERT INTO client_rule (network, allow) VALUES"
    " ('198.51.100.0/24', 0), ('2001:db8::/32', 1);"
    "INSERT INTO rate_limit (scope, max_messages) VALUES"
    " ('client', 100), ('sender', 100), ('total', 1000);"
    "INSERT INTO quota (max_messages) VALUES (100);";
/*
 * The database as it should be
 */

static void
index_words(struct archive *a)
{
	static const struct search_words words = { "ann", "bob", "hi", "text" };
	struct search *s = search_open(a, true, true);

	if (!s || search_begin(s) < 0 || search_add(s, 1, &words) < 0 ||
	    search_end(s, 1) < 0)
		abort();
	search_close(s);
}

static void
keep(struct file *f)
{
	f->octets = scratch_read(scratch_file(&box, f->suffix), &f->len);
}

static void
make_first(void)
{
	const struct archive_conf conf = { .path = box.path, .wait_ms = 100 };
	struct store *st = store_new(&box.conf);
	struct archive *a = archive_new(&conf);
	sqlite3 *db;
	int64_t id;

	if (!st || !a)
		abort();
	for (unsigned i = 0; i < MAILS; i++) {
		size_t len = i == 0 ? 9000 : 100 * i;

		if (scratch_commit(st, i, len, &id) != VERDICT_OK)
			abort();
	}
	store_free(st);
	if (archive_open(a) != VERDICT_OK)
		abort();
	index_words(a);
	archive_free(a);
	db = scratch_connect(&box);
	scratch_exec(db, rows);
	scratch_exec(db, "PRAGMA wal_checkpoint(TRUNCATE)");
	for (int i = 0; i < FILES; i++)
		keep(&files[i]);
	scratch_exec(db, "UPDATE message SET helo = 'later' WHERE id = 2;"
			 "DELETE FROM message WHERE id = 3;");
	keep(&files[WAL]);
	sqlite3_close(db);
}

static void
put(const struct file *f)
{
	scratch_write(scratch_file(&box, f->suffix), f->octets, f->len);
}

static void
put_files(void)
{
	static const char *const gone[] = { "-wal", "-shm", "-journal", "-lock",
		"-words-wal", "-words-shm", "-words-journal" };

	for (size_t i = 0; i < sizeof gone / sizeof *gone; i++)
		unlink(scratch_file(&box, gone[i]));
	for (int i = 0; i < FILES; i++)
		put(&files[i]);
}

/*
 * Changes
 */

static size_t
take(struct span *in, unsigned noctets)
{
	size_t n = 0;

	for (; noctets > 0 && in->len > 0; noctets--) {
		n = n << 8 | (unsigned char)*in->p++;
		in->len--;
	}
	return n;
}

static void
edit(const struct file *file, struct span *in)
{
	size_t at = take(in, 3) % file->len, len = take(in, 1);
	FILE *f = fopen(scratch_file(&box, file->suffix), "r+e");

	if (len > in->len)
		len = in->len;
	if (!f)
		return; /* a WAL that was not put there */
	fseek(f, (long)at, SEEK_SET);
	fwrite(in->p, 1, len, f);
	fclose(f);
	in->p += len;
	in->len -= len;
}

static int
count_step(void *left)
{
	return --*(int *)left < 0;
}

static void
put_wal(void)
{
	put(&files[WAL]);
	scratch_write(scratch_file(&box, "-lock"), "!", 1);
}

/* It may change anything in this file, and nothing outside it. */
static void
run_sql(const char *sql)
{
	int left = STEPS_MAX / 100;
	sqlite3 *db;

	if (sqlite3_open(box.path, &db) != SQLITE_OK)
		abort();
	sqlite3_progress_handler(db, 100, count_step, &left);
	sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
	sqlite3_limit(db, SQLITE_LIMIT_LENGTH, TEXT_MAX);
	sqlite3_exec(db,
	    "PRAGMA journal_mode = MEMORY; PRAGMA temp_store = MEMORY;"
	    "PRAGMA synchronous = OFF; PRAGMA writable_schema = ON;"
	    "PRAGMA ignore_check_constraints = ON;",
	    NULL, NULL, NULL);
	sqlite3_exec(db, sql, NULL, NULL, NULL);
	sqlite3_exec(db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);
	sqlite3_close(db);
}

static void
run_text(struct span *in)
{
	size_t len = strnlen(in->p, in->len);
	char *sql = strndup(in->p, len);

	if (!sql)
		abort();
	run_sql(sql);
	free(sql);
	in->p += len;
	in->len -= len;
}

const struct scratch *
image_make(struct span input)
{
	if (!box.path[0]) {
		scratch_make(&box, 100);
		make_first();
	}
	put_files();
	while (input.len > 0) {
		char what = (char)take(&input, 1);

		if (what == 'E')
			edit(&files[MAIN], &input);
		else if (what == 'W')
			edit(&files[WORDS], &input);
		else if (what == 'X')
			edit(&files[WAL], &input);
		else if (what == 'L')
			put_wal();
		else if (what == 'S')
			run_text(&input);
		else if (what == 'T' &&
			 truncate(box.path, (off_t)(files[MAIN].len / 256 *
						    take(&input, 1))) < 0)
			abort();
	}
	return &box;
}
