/*
 * Writes JSON (RFC 8259) piece by piece, one object a line.  What is not UTF-8
 * becomes U+FFFD, so that anybody can read each line.
 */
#ifndef JSON_H
#define JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "../mail/span.h"
#include "text.h"

/* Starts as { 0 }. */
struct json {
	FILE *to; /* NULL: standard output */
	int depth;
	bool comma; /* one is due before what comes next */
};

/* `name` is NULL for what stands in an array or alone. */
void json_open(struct json *j, const char *name, char bracket); /* '{' or '[' */
void json_close(
    struct json *j, char bracket); /* '}' or ']'; the outermost ends the line */
void json_text(
    struct json *j, const char *name, const char *text); /* NULL: null */
/* The same for one that comes in pieces. */
void json_text_begin(struct json *j, const char *name);
struct sink json_text_sink(const struct json *j);
void json_text_end(const struct json *j);
void json_integer(struct json *j, const char *name, int64_t n);
void json_bool(struct json *j, const char *name, bool value);
/* Microseconds since 1970 as "2026-11-21T20:41:05.123456Z". */
void json_time(struct json *j, const char *name, int64_t microseconds);

#endif
