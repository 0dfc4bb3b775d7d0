/*
 * In place of functions of the store (ld --wrap): the mark in the lock file is
 * noted, and what a round breaks on purpose is broken here.
 */
#include <string.h>

#include "../../database/lockfile.h"
#include "../../database/private.h"
#include "vfs_private.h"

int real_lockfile_mark(int fd, bool set) __asm__("__real_lockfile_mark");
int set_mark(int fd, bool set) __asm__("__wrap_lockfile_mark");
enum verdict real_heal_wal(struct database *db) __asm__("__real_heal_wal");
enum verdict heal(struct database *db) __asm__("__wrap_heal_wal");
int real_sqlite3_exec(sqlite3 *db, const char *sql,
    int (*callback)(void *, int, char **, char **), void *arg,
    char **error) __asm__("__real_sqlite3_exec");
int run_sql(sqlite3 *db, const char *sql,
    int (*callback)(void *, int, char **, char **), void *arg,
    char **error) __asm__("__wrap_sqlite3_exec");

static bool
is_broken(enum sabotage how)
{
	return vfs_self.vfs && vfs_self.vfs->plan->sabotage == how;
}

/* The lock file is not SQLite's, so this does not come through the VFS. */
int
set_mark(int fd, bool set)
{
	struct event e = { .kind = EVENT_MARK, .offset = set };
	int result;

	if (!vfs_self.vfs)
		return real_lockfile_mark(fd, set);
	if (is_broken(SABOTAGE_MARK))
		return 0;
	vfs_step();
	vfs_lock();
	result = real_lockfile_mark(fd, set);
	vfs_note(e, NULL);
	vfs_unlock();
	vfs_step();
	return result;
}

enum verdict
heal(struct database *db)
{
	return is_broken(SABOTAGE_HEAL) ? VERDICT_OK : real_heal_wal(db);
}

int
run_sql(sqlite3 *db, const char *sql,
    int (*callback)(void *, int, char **, char **), void *arg, char **error)
{
	int rc = real_sqlite3_exec(db, sql, callback, arg, error);

	if (is_broken(SABOTAGE_NORMAL) && strstr(sql, "synchronous = FULL"))
		rc = real_sqlite3_exec(
		    db, "PRAGMA synchronous = NORMAL", NULL, NULL, NULL);
	return rc;
}
