/*
 * When the database is opened, and when it is left.
 */
#include "private.h"

enum verdict
store_open(struct store *st)
{
	database_set_wait(st->db, st->conf->wait_ms);
	return database_open(st->db);
}

void
store_open_ahead(struct store *st)
{
	database_open_ahead(st->db);
}

const char *
store_look(const char *path)
{
	return database_look(path);
}

bool
store_is_open(const struct store *st)
{
	return database_is_open(st->db);
}

void
store_leave(struct store *st)
{
	database_close(st->db);
}

bool
store_leave_if_moved(struct store *st)
{
	return database_leave_if_moved(st->db);
}
