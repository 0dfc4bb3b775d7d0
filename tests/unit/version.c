/*
 * Databases of an older version, led to what schema.sql says.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include <criterion/criterion.h>

#include "../../store.h"
#include "../support/buffer.h"
#include "../support/client.h"

static struct folder box;
static struct store_conf conf;
static struct store *st;

static void
begin(void)
{
	folder_make(&box);
	conf = (struct store_conf){ .path = box.database, .wait_ms = 60000 };
	st = store_new(&conf);
	cr_assert(st);
}

static void
end(void)
{
	store_free(st);
	folder_remove(&box);
}

TestSuite(version, .init = begin, .fini = end, .timeout = 600);

/* As another program; what it answers, a line a row. */
static const char *
query(const char *sql)
{
	static struct buffer text;
	sqlite3 *db;
	sqlite3_stmt *q;
	int rc = sqlite3_open(box.database, &db);

	buffer_clear(&text);
	while (rc == SQLITE_OK && *sql) {
		rc = sqlite3_prepare_v2(db, sql, -1, &q, &sql);
		while (rc == SQLITE_OK && sqlite3_step(q) == SQLITE_ROW) {
			for (int i = 0; i < sqlite3_column_count(q); i++) {
				const char *value =
				    (const char *)sqlite3_column_text(q, i);

				buffer_add(&text, span_of(i > 0 ? "|" : ""));
				buffer_add(&text, span_of(value ? value : ""));
			}
			buffer_add(&text, span_of("\n"));
		}
		rc = sqlite3_finalize(q);
	}
	cr_assert(rc == SQLITE_OK, "%s", sqlite3_errmsg(db));
	sqlite3_close(db);
	buffer_add(&text, (struct span){ "", 1 });
	return text.p;
}

static void
expect(const char *sql, const char *want)
{
	const char *got = query(sql);

	cr_expect(strcmp(got, want) == 0, "%s: want \"%s\", got \"%s\"", sql,
	    want, got);
}

static void
open_it(void)
{
	enum verdict result = store_open(st);

	cr_assert(result == VERDICT_OK, "%s", store_error(st));
}

static const char rows_sql[] =
    "SELECT id, received_at, client_address, client_port, helo, protocol,"
    " verb, reverse_path, body_type, smtputf8, envelope_id, dsn_return, size,"
    " trace, header_size, header_subject, hex(data) FROM message;"
    "SELECT message_id, position, forward_path, notify, original_recipient,"
    " mailbox FROM recipient; SELECT * FROM sqlite_sequence";

/* An older database made of what version 3 had, with this change. */
static void
make_older(const char *change)
{
	static const char path[] = "tests/support/version3.sql";
	char schema[32 * 1024];
	FILE *f = fopen(path, "r");
	size_t len = f ? fread(schema, 1, sizeof schema - 1, f) : 0;

	cr_assert(len > 0 && fclose(f) == 0, "%s", path);
	schema[len] = '\0';
	store_free(st);
	query(schema);
	query("PRAGMA user_version = 3; PRAGMA journal_mode = WAL;"
	      "PRAGMA application_id = 1936553060");
	query(change);
	query("INSERT INTO recipient VALUES"
	      " (7, 1, 'b@mx', NULL, NULL, 'b@mx');"
	      "DELETE FROM message WHERE id = 3");
	st = store_new(&conf);
	cr_assert(st);
}

/* It ends before the column that version 3 added. */
static void
make_version_2(void)
{
	make_older("PRAGMA writable_schema = ON;"
		   "UPDATE sqlite_schema SET sql = substr(sql, 1,"
		   " instr(sql, 'data   ') - 1) || 'data BLOB NOT NULL)'"
		   " WHERE name = 'message';"
		   "PRAGMA writable_schema = RESET;"
		   "PRAGMA user_version = 2;"
		   "INSERT INTO message VALUES (7, 1, '192.0.2.1', 25,"
		   " 'c.example', 'ESMTP', 'MAIL', 'a@c.example', '8BITMIME',"
		   " 0, 'x', 'HDRS', 4, 'Received: 7', 0, 'From', NULL,"
		   " 'Subject', NULL, NULL, x'0d0a000a')");
}

Test(version, of_a_new_database_is_the_present_one)
{
	open_it();
	expect("PRAGMA user_version; PRAGMA application_id", "4\n1936553060\n");
}

Test(version, is_led_on_by_who_has_a_client)
{
	make_version_2();
	store_open_ahead(st);
	expect("PRAGMA user_version", "2\n");
	open_it();
	expect("PRAGMA user_version", "4\n");
}

Test(version, keeps_the_rows_when_it_is_led_on)
{
	char *before;

	make_version_2();
	before = strdup(query(rows_sql));
	cr_expect(strlen(before) > 100);
	open_it();
	expect(rows_sql, before);
	free(before);
	expect("SELECT bare_line_ends, quarantine FROM message;"
	       "SELECT added FROM recipient; SELECT count(*) FROM inbox",
	    "0|\n0\n1\n");
	expect("PRAGMA integrity_check; PRAGMA foreign_key_check", "ok\n");
}

static const char schema_sql[] =
    "SELECT t.name, x.* FROM sqlite_schema t, pragma_table_xinfo(t.name) x"
    " ORDER BY t.name, cid;"
    "SELECT type, name, tbl_name FROM sqlite_schema ORDER BY type, name;"
    "SELECT sql FROM sqlite_schema WHERE name NOT IN"
    " ('message', 'recipient', 'mailbox', 'sender_rule') ORDER BY name";

static const char bad_row_sql[] =
    "INSERT INTO message SELECT 99, received_at, client_address, client_port,"
    " helo, protocol, verb, reverse_path, body_type, smtputf8, envelope_id,"
    " dsn_return, size, trace, header_size, header_from, header_to,"
    " header_subject, header_date, header_message_id, data, 0, NULL,"
    " NULL, NULL, NULL, NULL, 2 FROM message";

Test(version, leads_to_what_a_new_database_has)
{
	char *led;
	sqlite3 *db;

	make_version_2();
	open_it();
	led = strdup(query(schema_sql));
	cr_assert(sqlite3_open(box.database, &db) == SQLITE_OK);
	cr_expect(sqlite3_exec(db, bad_row_sql, NULL, NULL, NULL) ==
		  SQLITE_CONSTRAINT);
	sqlite3_close(db);
	end();
	begin();
	open_it();
	cr_expect(strstr(led, "bare_line_ends"));
	expect(schema_sql, led);
	free(led);
}

/* What version 3 had: its own view, which shows all, and trigger. */
static void
make_version_3(void)
{
	make_older("INSERT INTO message VALUES (7, 1, '192.0.2.1', 25,"
		   " 'c.example', 'ESMTP', 'MAIL', 'a@c.example', '8BITMIME',"
		   " 0, 'x', 'HDRS', 4, 'Received: 7', 0, 'From', NULL,"
		   " 'Subject', NULL, NULL, x'0d0a000a', 1)");
}

Test(version, of_3_keeps_its_rows_too)
{
	char *before;

	make_version_3();
	before = strdup(query(rows_sql));
	open_it();
	expect(rows_sql, before);
	free(before);
	expect("SELECT bare_line_ends, quarantine FROM message", "1|\n");
	query("INSERT INTO filter_change VALUES"
	      " (7, 1, 'f', 'delete-header', 1, 'X', NULL);"
	      "UPDATE message SET quarantine = 'spam'");
	expect("SELECT count(*) FROM inbox", "0\n");
	query("DELETE FROM message");
	expect("SELECT count(*) FROM filter_change;"
	       "SELECT count(*) FROM recipient",
	    "0\n0\n");
}

/* All of it, or nothing. */
Test(version, is_left_where_it_cannot_be_led_on)
{
	make_version_2();
	query("ALTER TABLE message RENAME TO mail");
	cr_expect(store_open(st) == VERDICT_FAILED);
	cr_expect(strstr(store_error(st), "message"), "%s", store_error(st));
	cr_expect(store_open(st) == VERDICT_FAILED);
	expect("PRAGMA user_version; SELECT count(*) FROM mail", "2\n1\n");
	query("ALTER TABLE mail RENAME TO message");
	open_it();
	expect("SELECT count(*) FROM message", "1\n");
}
