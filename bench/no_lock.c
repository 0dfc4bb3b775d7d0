/*
 * A write lock that anybody gets at any time, to be linked in place of the real
 * one: writers then wait as SQLite lets them, asleep.
 */
#include "../database/lockfile.h"

int
lockfile_begin(int fd)
{
	(void)fd;
	return 0;
}

void
lockfile_close(int fd)
{
	(void)fd;
}

int
lockfile_enter(int fd, int timeout_ms)
{
	(void)fd;
	(void)timeout_ms;
	return 0;
}

void
lockfile_leave(int fd)
{
	(void)fd;
}

bool
lockfile_is_marked(int fd)
{
	(void)fd;
	return false;
}

int
lockfile_mark(int fd, bool set)
{
	(void)fd;
	(void)set;
	return 0;
}
