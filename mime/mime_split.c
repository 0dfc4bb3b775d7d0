/*
 * The lines of a mail are looked at one after the other.  Multiparts that are
 * open stand on a stack, of bounded height; a line that divides one of them
 * ends all above it.
 *
 *	entity: header, then
 *		a multipart: onto the stack; its preamble is passed over
 *		anything else: a leaf, up to a line that divides
 *	"--b"	another entity
 *	"--b--"	off the stack; text behind it is a leaf
 */
#include "mime_split.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "../mail/header.h"
#include "param.h"

enum {
	DEPTH_MAX = 32,     /* of multiparts in multiparts */
	LEAVES_MAX = 2000,  /* about; what is behind is one leaf */
	BOUNDARY_MAX = 998, /* RFC 2046 s. 5.1.1 has 70 */
	/* Octets of a header, but for its last line; what is behind is text. */
	HEADER_MAX = 1024 * 1024,
};

/* An open multipart. */
struct level {
	char boundary[BOUNDARY_MAX];
	size_t len;
	bool is_digest;
	bool has_parts;
	const char *body;
	int multipart; /* its place in the list */
};

struct splitter {
	struct mime_split *to;
	const char *at, *end;
	struct level levels[DEPTH_MAX];
	int depth;
};

/* A line that divides, or the end of the mail. */
struct divider {
	const char *line;
	const char *behind;
	int level; /* -1: the end */
	bool is_last;
};

/*
 * Lists
 */

static void
add_leaf(struct splitter *s, const struct mime_leaf *leaf)
{
	struct mime_split *to = s->to;

	if (to->nleaves == to->cap_leaves) {
		to->cap_leaves = 2 * to->cap_leaves + 16;
		to->leaves = text_resize(
		    to->leaves, to->cap_leaves * sizeof *to->leaves);
	}
	to->leaves[to->nleaves++] = *leaf;
}

/* Where the next entity belongs. */
static void
place(struct splitter *s, int *ret_parent, unsigned *ret_child)
{
	struct mime_multipart *parent;

	*ret_parent = s->depth > 0 ? s->levels[s->depth - 1].multipart : -1;
	*ret_child = 0;
	if (*ret_parent < 0)
		return;
	parent = &s->to->multiparts[*ret_parent];
	*ret_child = parent->nchildren++;
}

static int
add_multipart(struct splitter *s, bool is_alternative)
{
	struct mime_split *to = s->to;
	struct mime_multipart m = { .is_alternative = is_alternative };

	place(s, &m.parent, &m.child);
	if (to->nmultiparts == to->cap_multiparts) {
		to->cap_multiparts = 2 * to->cap_multiparts + 16;
		to->multiparts = text_resize(to->multiparts,
		    to->cap_multiparts * sizeof *to->multiparts);
	}
	to->multiparts[to->nmultiparts] = m;
	return (int)to->nmultiparts++;
}

/* Text that no header describes: a leaf, unless it says nothing. */
static void
add_text(struct splitter *s, const char *from, const char *to)
{
	struct mime_leaf leaf = { .default_type = "text/plain" };
	const char *p = from;

	while (p < to && strchr(" \t\r\n", *p) && *p != '\0')
		p++;
	if (p == to)
		return;
	leaf.content = (struct span){ from, (size_t)(to - from) };
	place(s, &leaf.parent, &leaf.child);
	add_leaf(s, &leaf);
}

/*
 * Lines
 */

static const char *
line_end(const struct splitter *s, const char *line)
{
	const char *lf = memchr(line, '\n', (size_t)(s->end - line));

	return lf ? lf + 1 : s->end;
}

/* Is the line, without its end, this boundary?  Blanks may be behind it. */
static bool
is_boundary(struct span line, const struct level *l, bool *ret_is_last)
{
	*ret_is_last =
	    line.len == l->len + 4 && memcmp(line.p + l->len + 2, "--", 2) == 0;
	return (line.len == l->len + 2 || *ret_is_last) &&
	       memcmp(line.p + 2, l->boundary, l->len) == 0;
}

/* Does the line divide?  Boundaries of the innermost multipart go first. */
static bool
divides(const struct splitter *s, const char *p, struct divider *ret)
{
	struct span line = { p, 0 };

	if (s->end - p < 2 || p[0] != '-' || p[1] != '-')
		return false;
	ret->line = p;
	ret->behind = line_end(s, p);
	line.len = (size_t)(ret->behind - p);
	while (line.len > 0 && strchr(" \t\r\n", p[line.len - 1]) &&
	       p[line.len - 1] != '\0')
		line.len--;
	for (int i = s->depth - 1; i >= 0; i--) {
		if (is_boundary(line, &s->levels[i], &ret->is_last)) {
			ret->level = i;
			return true;
		}
	}
	return false;
}

static struct divider
find_divider(const struct splitter *s)
{
	struct divider d = { s->end, s->end, -1, true };

	if (s->depth == 0)
		return d;
	for (const char *p = s->at; p < s->end; p = line_end(s, p)) {
		if (divides(s, p, &d))
			return d;
	}
	return (struct divider){ s->end, s->end, -1, true };
}

/*
 * The line end before a boundary belongs to the boundary (RFC 2046 s. 5.1.1).
 */
static const char *
content_end(const struct divider *d, const char *content)
{
	const char *end = d->line;

	if (d->level < 0)
		return end;
	if (end > content && end[-1] == '\n')
		end--;
	if (end > content && end[-1] == '\r')
		end--;
	return end;
}

/*
 * Entities
 */

bool
mime_find(struct span header, const char *name, struct span *ret)
{
	struct header_fields f = { .rest = header };
	struct span found;

	while (header_next(&f, &found, ret)) {
		if (span_is(found, name))
			return true;
	}
	*ret = span_of("");
	return false;
}

/*
 * Does the header describe a part?  A text can begin like a field, and a
 * forwarded mail can stand there without a header of the part before it:
 * fields that no part has are content.
 */
static bool
describes_part(struct span header)
{
	struct header_fields f = { .rest = header };
	struct span name, value;

	while (header_next(&f, &name, &value)) {
		if (!span_skip(&name, "Content-") && !span_skip(&name, "X-") &&
		    !span_is(name, "MIME-Version"))
			return false;
	}
	return true;
}

/* Reads the header of an entity, and moves behind it. */
static struct span
take_header(struct splitter *s, bool *ret_is_plain)
{
	struct span header = { s->at, 0 };
	struct divider d;
	struct header h;

	header_start(&h);
	for (const char *p = s->at;
	     p < s->end && !header_is_over(&h) && p - s->at < HEADER_MAX;) {
		const char *next = line_end(s, p);

		if (divides(s, p, &d))
			break;
		header_feed(&h, (struct span){ p, (size_t)(next - p) });
		p = next;
	}
	header_end(&h);
	*ret_is_plain = h.is_plain;
	header.len = (size_t)h.size;
	if (s->depth > 0 && !describes_part(header))
		header.len = 0;
	s->at += header.len;
	return header;
}

/* Begins a multipart.  False: it cannot be cut into parts. */
static bool
push(struct splitter *s, struct span field, const char *type)
{
	struct text boundary = { 0 }, label = { 0 };
	bool is_encoded, ok;
	struct level *l = &s->levels[s->depth];

	if (s->depth == DEPTH_MAX ||
	    !param_octets(field, "boundary", &boundary, &label, &is_encoded)) {
		text_free(&boundary);
		return false;
	}
	ok = boundary.len > 0 && boundary.len < sizeof l->boundary;
	if (ok) {
		memcpy(l->boundary, boundary.p, boundary.len);
		l->len = boundary.len;
		l->has_parts = false;
		l->is_digest = strcmp(type, "multipart/digest") == 0;
		l->body = s->at;
		l->multipart = add_multipart(
		    s, strcmp(type, "multipart/alternative") == 0);
		s->depth++;
	}
	text_free(&boundary);
	text_free(&label);
	return ok;
}

/* Ends a multipart.  One without parts is shown as it is. */
static void
pop(struct splitter *s, const char *end)
{
	const struct level *l = &s->levels[--s->depth];

	if (!l->has_parts)
		add_text(s, l->body, end);
}

enum inside {
	IN_LEAF,
	IN_PREAMBLE,
	IN_EPILOGUE,
};

/* Begins at `s->at`; a leaf is filled in but for its content's end. */
static enum inside
begin_entity(struct splitter *s, struct mime_leaf *leaf)
{
	bool is_digest = s->depth > 0 && s->levels[s->depth - 1].is_digest;
	char type[PARAM_TYPE_MAX];
	struct span field;
	bool is_plain;

	*leaf = (struct mime_leaf){
		.header = take_header(s, &is_plain),
		.default_type = is_digest ? "message/rfc822" : "text/plain",
	};
	if (s->to->nleaves == 0 && s->to->nmultiparts == 0) {
		s->to->header = leaf->header;
		s->to->is_header_plain = is_plain;
	}
	mime_find(leaf->header, "Content-Type", &field);
	if (param_type(field, type) && strncmp(type, "multipart/", 10) == 0) {
		if (push(s, field, type))
			return IN_PREAMBLE;
		/* Without a boundary it is text; nested too deep, a file. */
		if (s->depth < DEPTH_MAX)
			leaf->header = span_of("");
	}
	leaf->content.p = s->at;
	place(s, &leaf->parent, &leaf->child);
	return IN_LEAF;
}

/* Adds what stands before the divider. */
static void
end_inside(struct splitter *s, enum inside inside, struct mime_leaf *leaf,
    const char *end)
{
	if (inside == IN_LEAF) {
		leaf->content.len = (size_t)(end - leaf->content.p);
		add_leaf(s, leaf);
	} else if (inside == IN_EPILOGUE) {
		add_text(s, s->at, end);
	}
}

/* Adds the rest of a mail that has too many parts. */
static void
add_rest(struct splitter *s)
{
	s->to->is_cut = true;
	s->depth = 0;
	add_text(s, s->at, s->end);
}

void
mime_split(struct span mail, struct mime_split *ret)
{
	struct splitter s = { ret, mail.p, mail.p + mail.len, .depth = 0 };
	struct mime_leaf leaf;
	enum inside inside;
	struct divider d;

	*ret = (struct mime_split){ 0 };
	inside = begin_entity(&s, &leaf);
	for (;;) {
		const char *end;

		d = find_divider(&s);
		end = content_end(&d, s.at);
		end_inside(&s, inside, &leaf, end);
		while (s.depth > d.level + 1)
			pop(&s, end);
		if (d.level < 0)
			break;
		s.at = d.behind;
		if (ret->nleaves >= LEAVES_MAX) {
			add_rest(&s);
			break;
		}
		if (d.is_last) {
			pop(&s, end);
			inside = IN_EPILOGUE;
		} else {
			s.levels[d.level].has_parts = true;
			inside = begin_entity(&s, &leaf);
		}
	}
}

void
mime_split_free(struct mime_split *s)
{
	free(s->leaves);
	free(s->multiparts);
	*s = (struct mime_split){ 0 };
}
