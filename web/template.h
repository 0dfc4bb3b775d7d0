/*
 * HTML from files, filled with values.
 *
 *	{{name}}		the value, in which no character means anything to HTML
 *	{{{name}}}		the value as it is: HTML of ours
 *	{{?name}}...{{/}}	only if the value is not empty; not within itself
 */
#ifndef WEB_TEMPLATE_H
#define WEB_TEMPLATE_H

#include <stdint.h>

#include "../mime/text.h"

/* A file of files/ as it was when the program was built; NULL: there is none. */
struct file {
	const char *name;
	const unsigned char *p;
	size_t len;
};

const struct file *file_find(const char *name);

struct value {
	const char *name;
	const char *text; /* NULL is "" */
};

/* `values` ends with a name that is NULL; a name that is not in it is "". */
void template_write(
    struct text *to, const char *file, const struct value *values);

/* Adds it so that no character means anything to HTML, also in an attribute. */
void template_escape(struct text *to, struct span text);

#endif
