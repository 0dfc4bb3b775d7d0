/*
 * What the parts of the parser of transcripts share: script.c has the lines,
 * script_bang.c what "!" says, script_text.c texts, escapes and messages.
 */
#ifndef SCRIPT_PARSER_H
#define SCRIPT_PARSER_H

#include "script.h"

struct script_parser {
	struct script *script;
	unsigned cap;  /* of script->steps */
	unsigned line; /* the one being read */
	bool talking;  /* a ">" or "<" was seen: no more settings */
	struct script_error *error;
};

/* `path:line: ...` of the line being read; always false. */
__attribute__((format(printf, 2, 3))) bool script_wrong(
    struct script_parser *p, const char *format, ...);

/* The step is valid until the next one is added. */
struct script_step *script_add_step(
    struct script_parser *p, enum script_kind kind);
/* Gives the step a copy of the text with `end` behind it. */
void script_copy_text(
    struct script_step *step, struct span text, const char *end);
/* The same without escapes (README.md beside the transcripts). */
bool script_copy_unescaped(
    struct script_parser *p, struct script_step *step, struct span text);

bool script_is_printable(struct span text);

/* A line with "!": a setting or an event. */
bool script_read_bang(struct script_parser *p, struct span text);

#endif
