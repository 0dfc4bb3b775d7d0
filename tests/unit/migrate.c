/*
 * Databases of version 1, as its program left them (tests/version-1.db holds
 * ids 1, 2, 4, 5 and 6 of the 7 it gave), led to what schema.sql says.
 */
#include <sys/stat.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include <criterion/criterion.h>

#include "../../store.h"
#include "../support/buffer.h"
#include "../support/client.h"

static struct folder box;
static struct store_conf conf;
static struct store *st;

static void
copy_file(const char *from, const char *to)
{
	char piece[4096];
	FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
	size_t n;

	cr_assert(in && out, "%s, %s", from, to);
	while ((n = fread(piece, 1, sizeof piece, in)) > 0)
		fwrite(piece, 1, n, out);
	fclose(in);
	cr_assert(fclose(out) == 0);
}

static void
begin(void)
{
	folder_make(&box);
	copy_file("tests/version-1.db", box.database);
	conf = (struct store_conf){ .path = box.database, .wait_ms = 10000 };
	st = store_new(&conf);
	cr_assert(st);
}

static void
end(void)
{
	store_free(st);
	folder_remove(&box);
}

TestSuite(migrate, .init = begin, .fini = end, .timeout = 60);

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
migrate(void)
{
	enum verdict result = store_open(st);

	cr_assert(result == VERDICT_OK, "%s", store_error(st));
}

Test(migrate, is_left_to_who_has_a_client)
{
	store_open_ahead(st);
	expect("PRAGMA user_version", "1\n");
	migrate();
	expect("PRAGMA user_version", "2\n");
}

Test(migrate, keeps_the_rows)
{
	static const char rows[] =
	    "SELECT id, received_at, client_address, client_port, helo,"
	    " protocol, verb, reverse_path, body_type, smtputf8, envelope_id,"
	    " dsn_return, size, trace, hex(data) FROM message;"
	    "SELECT message_id, position, forward_path, notify,"
	    " original_recipient FROM recipient";
	char *before = strdup(query(rows));

	cr_expect(strlen(before) > 6000);
	migrate();
	expect(rows, before);
	free(before);
	expect("PRAGMA user_version; PRAGMA application_id", "2\n1936553060\n");
	expect("PRAGMA integrity_check; PRAGMA foreign_key_check", "ok\n");
}

Test(migrate, fills_the_new_columns)
{
	migrate();
	expect("SELECT id, header_size, header_from, header_to, header_subject,"
	       " header_date, header_message_id FROM message",
	    "1|148|Ann <ann@client.example>|bob@mx.example|Hello, Bob|"
	    "Sat, 21 Nov 2026 20:00:00 +0000|<1@client.example>\n"
	    "2|0|||||\n"
	    "4|0|||||\n"
	    "5|22|||?[31mred?||\n"
	    "6|50|||big||<big@client.example>\n");
	expect("SELECT count(*) FROM recipient WHERE mailbox = forward_path",
	    "6\n");
	expect("SELECT id, received, \"from\", \"to\", subject, size FROM inbox"
	       " WHERE id = 2",
	    "2|2026-11-21T20:50:16Z||bob@mx.example, carol@mx.example||32\n");
}

static const char schema_sql[] =
    "SELECT type, name, tbl_name, sql FROM sqlite_schema"
    " WHERE name NOT LIKE 'sqlite_%' ORDER BY type, name;"
    "SELECT t.name, x.* FROM sqlite_schema t, pragma_table_xinfo(t.name) x"
    " ORDER BY t.name, cid";

/* To the letter, not only in effect. */
Test(migrate, leads_to_what_a_new_database_has)
{
	char *migrated;

	migrate();
	migrated = strdup(query(schema_sql));
	end();
	folder_make(&box);
	st = store_new(&conf);
	migrate();
	cr_expect(strstr(migrated, "CREATE TABLE rate_count"));
	expect(schema_sql, migrated);
	free(migrated);
}

Test(migrate, goes_on_counting_ids)
{
	migrate();
	expect("SELECT * FROM sqlite_sequence", "message|7\n");
}

Test(migrate, goes_on_counting_ids_of_an_empty_table)
{
	query("DELETE FROM message");
	migrate();
	expect("SELECT count(*) FROM message", "0\n");
	expect("SELECT * FROM sqlite_sequence", "message|7\n");
}

Test(migrate, takes_little_memory_for_a_big_mail)
{
	query("UPDATE message SET data = randomblob(30000000),"
	      " size = 30000000 WHERE id = 6");
	query("UPDATE message SET data = 'x: ' || zeroblob(20000000),"
	      " size = 20000003 WHERE id = 5");
	sqlite3_memory_highwater(1);
	migrate();
	cr_expect(sqlite3_memory_highwater(0) < 4 << 20, "%lld octets",
	    (long long)sqlite3_memory_highwater(0));
	expect("SELECT id FROM message WHERE length(data) <> size", "");
}

/* Somebody else's, on the tables of ours. */
Test(migrate, keeps_what_others_have_added)
{
	query("CREATE INDEX by_sender ON message (reverse_path);"
	      "CREATE TABLE note (id);"
	      "CREATE TRIGGER noted AFTER INSERT ON recipient"
	      " BEGIN INSERT INTO note VALUES (new.message_id); END;"
	      "CREATE VIEW senders AS SELECT DISTINCT reverse_path"
	      " FROM message ORDER BY 1");
	migrate();
	expect("SELECT * FROM senders", "\nann@client.example\n");
	expect("SELECT tbl_name FROM sqlite_schema"
	       " WHERE name IN ('by_sender', 'noted')",
	    "message\nrecipient\n");
	expect("SELECT count(*) FROM note", "0\n");
	expect("PRAGMA integrity_check", "ok\n");
}

/* What SQLite keeps of a statement can end in a comment. */
Test(migrate, keeps_what_ends_in_a_comment)
{
	query("CREATE INDEX a_size ON message (size) -- for reports");
	query("CREATE INDEX b_helo ON message (helo) /* for");
	query("CREATE INDEX c_path ON recipient (forward_path) -- and");
	migrate();
	expect("SELECT name FROM sqlite_schema"
	       " WHERE name IN ('a_size', 'b_helo', 'c_path') ORDER BY name",
	    "a_size\nb_helo\nc_path\n");
}

/* Before the disk is full of what is then rolled back. */
Test(migrate, looks_at_the_disk)
{
	struct stat is;

	cr_assert(stat(box.database, &is) == 0);
	cr_assert(truncate(box.database, INT64_C(4) << 40) == 0);
	cr_expect(store_open(st) == VERDICT_FULL);
	cr_expect(
	    strstr(store_error(st), "must be free"), "%s", store_error(st));
	cr_assert(truncate(box.database, is.st_size) == 0);
	migrate();
}

/* The first attempt gets further than the second. */
Test(migrate, fails_as_often_as_it_must)
{
	query("UPDATE message SET data = 5 WHERE id = 6");
	cr_expect(store_open(st) == VERDICT_FAILED);
	cr_expect(
	    !strstr(store_error(st), "not an error"), "%s", store_error(st));
	query("ALTER TABLE message RENAME COLUMN verb TO word");
	cr_expect(store_open(st) == VERDICT_FAILED);
	query("ALTER TABLE message RENAME COLUMN word TO verb;"
	      "UPDATE message SET data = x'' WHERE id = 6");
	migrate();
	expect("SELECT count(*) FROM message", "5\n");
}

/* All of it, or nothing. */
Test(migrate, leaves_what_it_cannot_lead_on)
{
	char *before;

	query("CREATE TABLE inbox (mine)");
	before = strdup(query(schema_sql));
	cr_expect(store_open(st) == VERDICT_FAILED);
	cr_expect(strstr(store_error(st), "inbox"), "%s", store_error(st));
	expect(schema_sql, before);
	expect("PRAGMA user_version; SELECT count(*) FROM message", "1\n5\n");
	free(before);
	query("DROP TABLE inbox");
	migrate();
	expect("SELECT count(*) FROM message", "5\n");
}
