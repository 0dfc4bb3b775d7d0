#include "template.h"

#include <stdlib.h>
#include <string.h>

#include "web/files.inc" /* below the folder of objects */

const struct file *
file_find(const char *name)
{
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		if (strcmp(files[i].name, name) == 0)
			return &files[i];
	}
	return NULL;
}

/* CR is left out; what is no UTF-8, NUL and other controls become U+FFFD. */
void
template_escape(struct text *to, struct span text)
{
	static const char special[] = "<>&\"'";
	static const char *const means[] = { "&lt;", "&gt;", "&amp;", "&quot;",
		"&#39;" };

	while (text.len > 0) {
		uint32_t c;
		size_t len = text_read(text, &c);
		const char *at =
		    c < 0x80 && c != 0 ? strchr(special, (int)c) : NULL;

		if (at)
			text_add(to, span_of(means[at - special]));
		else if (c == '\n' || c == '\t' ||
			 (c < TEXT_NONE && text_is_harmless(c)))
			text_add(to, (struct span){ text.p, len });
		else if (c != '\r')
			text_add(to, span_of(TEXT_REPLACEMENT));
		text.p += len;
		text.len -= len;
	}
}

static struct span
find_value(const struct value *values, struct span name)
{
	for (; values->name; values++) {
		if (strlen(values->name) == name.len &&
		    memcmp(values->name, name.p, name.len) == 0)
			return span_of(values->text ? values->text : "");
	}
	return (struct span){ "", 0 };
}

/* Where `what` begins in the text, or its end. */
static size_t
find(struct span text, const char *what)
{
	const char *at = memmem(text.p, text.len, what, strlen(what));

	return at ? (size_t)(at - text.p) : text.len;
}

static void
skip(struct span *text, size_t len)
{
	if (len > text->len)
		len = text->len;
	text->p += len;
	text->len -= len;
}

void
template_write(struct text *to, const char *file, const struct value *values)
{
	const struct file *f = file_find(file);
	struct span rest = { f ? (const char *)f->p : "", f ? f->len : 0 };

	for (;;) {
		size_t len = find(rest, "{{");
		struct span name;

		text_add(to, (struct span){ rest.p, len });
		skip(&rest, len + 2);
		if (rest.len == 0)
			return;
		name = (struct span){ rest.p, find(rest, "}}") };
		skip(&rest, name.len + 2);
		if (*name.p == '{') {
			skip(&name, 1);
			skip(&rest, 1);
			text_add(to, find_value(values, name));
		} else if (*name.p == '?') {
			skip(&name, 1);
			if (find_value(values, name).len == 0)
				skip(&rest, find(rest, "{{/}}") + 5);
		} else if (*name.p != '/') {
			template_escape(to, find_value(values, name));
		}
	}
}
