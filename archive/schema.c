/*
 * Copies a database whose schema is damaged, with a schema that is not.
 *
 * The schema is a small tree of pages with page 1 as its root.  Its rows say
 * what schema.sql says, and on which page each table begins.  These page
 * numbers are the same in every database that was made in the same way, so a
 * new one can lend its schema: as it was made, or as VACUUM has left it.  The
 * leaves are added behind the last page, so that no page of a table is written
 * over.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "private.h"

enum {
	PAGE = 4096,     /* database/version.c makes no others */
	LEAVES_MAX = 16, /* of a schema */
	/* Of the file's header (sqlite.org/fileformat). */
	HEADER = 100,
	WRITE_VERSION_AT = 18,
	READ_VERSION_AT = 19,
	VALID_FOR_AT = 92,
	/* Of a page that is no leaf. */
	NCELLS_AT = 3,
	LAST_CHILD_AT = 8,
	CELLS_AT = 12,
	INTERIOR = 5,
};

struct lender {
	unsigned char root[PAGE];
	unsigned char leaves[LEAVES_MAX][PAGE];
	size_t child_at[LEAVES_MAX]; /* where the root names each of them */
	unsigned nleaves;
};

static uint32_t
read_number(const unsigned char *p, int len)
{
	uint32_t n = 0;

	while (len-- > 0)
		n = n << 8 | *p++;
	return n;
}

static void
write_number(unsigned char *p, uint32_t n)
{
	for (int i = 3; i >= 0; i--, n >>= 8)
		p[i] = (unsigned char)n;
}

static bool
read_page(int fd, uint32_t number, unsigned char *ret)
{
	return number > 0 &&
	       pread(fd, ret, PAGE, (off_t)(number - 1) * PAGE) == PAGE;
}

/* Reads the pages of the schema of a database that is closed and whole. */
static bool
read_lender(int fd, struct lender *ret)
{
	const unsigned char *head = ret->root + HEADER;
	unsigned ncells;

	if (!read_page(fd, 1, ret->root) || head[0] != INTERIOR)
		return false;
	ncells = read_number(head + NCELLS_AT, 2);
	if (ncells + 1 > LEAVES_MAX)
		return false;
	ret->nleaves = ncells + 1;
	for (unsigned i = 0; i <= ncells; i++) {
		ret->child_at[i] = i < ncells
				       ? read_number(head + CELLS_AT + 2 * i, 2)
				       : HEADER + LAST_CHILD_AT;
		if (ret->child_at[i] > PAGE - 4 ||
		    !read_page(fd, read_number(ret->root + ret->child_at[i], 4),
			ret->leaves[i]))
			return false;
	}
	return true;
}

/* Makes a database at `path` that has no rows, and reads its schema. */
static enum verdict
make_lender(
    struct archive *a, const char *path, bool vacuum, struct lender *ret)
{
	static const char *const suffixes[] = { "", "-wal", "-shm", "-lock" };
	struct database *db = database_new(path);
	enum verdict result = db ? database_open(db) : VERDICT_NO_MEMORY;
	int fd;

	if (result == VERDICT_OK && vacuum)
		result = database_vacuum(db);
	if (result != VERDICT_OK && db)
		database_fail(a->db, result, "%s", database_error(db));
	database_free(db);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (result == VERDICT_OK && !read_lender(fd, ret))
		result = database_fail(
		    a->db, VERDICT_FAILED, "%s: no schema to lend", path);
	if (fd >= 0)
		close(fd);
	for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
		char name[4096 + 16];

		snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
		unlink(name);
	}
	return result;
}

/* Copies all whole pages.  Returns how many, 0 for an error. */
static uint32_t
copy_pages(int from, int to)
{
	unsigned char page[PAGE];
	uint32_t n = 0;

	while (read_page(from, n + 1, page)) {
		if (pwrite(to, page, PAGE, (off_t)n * PAGE) != PAGE)
			return 0;
		n++;
	}
	return n;
}

static bool
lend(const struct lender *lender, int fd, uint32_t npages)
{
	unsigned char root[PAGE];

	memcpy(root, lender->root, PAGE);
	/* A copy needs no WAL. */
	root[WRITE_VERSION_AT] = root[READ_VERSION_AT] = 1;
	/*
	 * The page count in the header is no longer valid: the file tells it.
	 */
	write_number(root + VALID_FOR_AT, 0);
	for (unsigned i = 0; i < lender->nleaves; i++) {
		off_t at = (off_t)(npages + i) * PAGE;

		write_number(root + lender->child_at[i], npages + i + 1);
		if (pwrite(fd, lender->leaves[i], PAGE, at) != PAGE)
			return false;
	}
	return ftruncate(fd, (off_t)(npages + lender->nleaves) * PAGE) == 0 &&
	       pwrite(fd, root, PAGE, 0) == PAGE && fsync(fd) == 0;
}

/* Of two copies, the first field that differs tells the better one. */
struct score {
	int64_t nmails; /* that can be read, up to the first damage; -1: none */
	int64_t nfaults;
	int64_t nunused; /* pages, such as those of the old schema */
};

/* How many rows there are, up to an error, and whether there was one. */
static int64_t
count_rows(sqlite3 *sqlite, const char *sql, bool *ret_failed)
{
	sqlite3_stmt *q = NULL;
	int64_t n = 0;
	int rc = sqlite3_prepare_v2(sqlite, sql, -1, &q, NULL);

	while (rc == SQLITE_OK && sqlite3_step(q) == SQLITE_ROW)
		n++;
	*ret_failed = sqlite3_finalize(q) != SQLITE_OK || rc != SQLITE_OK;
	return n;
}

/* With page numbers that do not fit, tables have other rows, or none. */
static void
judge(const char *path, struct score *ret)
{
	sqlite3 *sqlite = NULL;
	bool failed;

	if (sqlite3_open_v2(path, &sqlite, SQLITE_OPEN_READONLY, NULL) ==
	    SQLITE_OK) {
		ret->nmails = count_rows(sqlite,
		    "SELECT 1 FROM message WHERE typeof(data) = 'blob'",
		    &failed);
		ret->nunused = count_rows(sqlite,
		    "SELECT 1 FROM pragma_integrity_check(1000)"
		    " WHERE integrity_check LIKE '%is never used'",
		    &failed);
		ret->nfaults = count_rows(sqlite,
		    "SELECT 1 FROM pragma_integrity_check(1000)"
		    " WHERE integrity_check NOT LIKE '%is never used'",
		    &failed);
		if (failed)
			ret->nfaults = INT64_MAX;
	}
	sqlite3_close(sqlite);
}

static bool
is_better(const struct score *a, const struct score *b)
{
	if (a->nmails != b->nmails)
		return a->nmails > b->nmails;
	if (a->nfaults != b->nfaults)
		return a->nfaults < b->nfaults;
	return a->nunused < b->nunused;
}

/* Fills the copy anew, with the schema of a new database. */
static struct score
try_lender(struct archive *a, int from, int to, const char *path, bool vacuum)
{
	struct lender *lender = malloc(sizeof *lender);
	struct score score = { .nmails = -1 };
	char fresh[4096];
	uint32_t npages;

	if (!lender)
		return score;
	snprintf(fresh, sizeof fresh, "%s-new", path);
	if (make_lender(a, fresh, vacuum, lender) == VERDICT_OK) {
		npages = copy_pages(from, to);
		if (npages > 0 && lend(lender, to, npages))
			judge(path, &score);
		else
			database_fail_errno(a->db, path, errno);
	}
	free(lender);
	return score;
}

int64_t
archive_lend_schema(struct archive *a, const char *path)
{
	int from = open(a->conf->path, O_RDONLY | O_CLOEXEC);
	int to = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	struct score made = { .nmails = -1 }, vacuumed;

	if (from < 0 || to < 0) {
		database_fail_errno(
		    a->db, from < 0 ? a->conf->path : path, errno);
	} else {
		vacuumed = try_lender(a, from, to, path, true);
		made = try_lender(a, from, to, path, false);
		if (is_better(&vacuumed, &made))
			made = try_lender(a, from, to, path, true);
	}
	if (from >= 0)
		close(from);
	if (to >= 0)
		close(to);
	if (to >= 0 && made.nmails <= 0)
		unlink(path);
	a->result = made.nmails < 0 ? VERDICT_FAILED : VERDICT_OK;
	return made.nmails;
}
