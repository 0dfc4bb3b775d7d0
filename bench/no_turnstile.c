/*
 * A turnstile that anybody passes at any time, to be linked in place of the
 * real one: writers then wait as SQLite lets them, asleep.
 */
#include "../turnstile.h"

int
turnstile_open(const char *path)
{
	(void)path;
	return 0;
}

void
turnstile_close(int fd)
{
	(void)fd;
}

int
turnstile_enter(int fd, int timeout_ms)
{
	(void)fd;
	(void)timeout_ms;
	return 0;
}

void
turnstile_leave(int fd)
{
	(void)fd;
}

bool
turnstile_is_marked(int fd)
{
	(void)fd;
	return false;
}

int
turnstile_mark(int fd, bool set)
{
	(void)fd;
	(void)set;
	return 0;
}

int
turnstile_enter_sync(int fd, int timeout_ms)
{
	(void)fd;
	(void)timeout_ms;
	return 0;
}

void
turnstile_leave_sync(int fd)
{
	(void)fd;
}

bool
turnstile_read_synced(int fd, struct log_end *ret)
{
	(void)fd;
	(void)ret;
	return false;
}

void
turnstile_write_synced(int fd, const struct log_end *end)
{
	(void)fd;
	(void)end;
}
