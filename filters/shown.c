/*
 * A mail as milters are shown it: each field of the header, its end, and then
 * the body in the pieces that come.  Where the header ends mail/header.h says,
 * which may have to see what follows; until then the beginning is kept.
 */
#include <stdlib.h>
#include <string.h>

#include "private.h"

void
shown_reset(struct shown *t)
{
	t->header_len = 0;
	t->is_body = false;
}

void
shown_free(struct shown *t)
{
	free(t->header);
	t->header = NULL;
}

/*
 * To all milters
 */

static void
show_field(struct filters *f, struct span name, struct span value)
{
	struct refusal refusal;

	for (size_t i = 0; i < f->milter_list.n; i++) {
		struct milter *m = &f->milters[i];

		if (ruling_is_awaited(f, m))
			ruling_follow_text(f, m,
			    milter_show_field(m, name, value, &refusal),
			    &refusal);
	}
}

static void
show_end_of_header(struct filters *f)
{
	struct refusal refusal;

	for (size_t i = 0; i < f->milter_list.n; i++) {
		struct milter *m = &f->milters[i];

		if (ruling_is_awaited(f, m))
			ruling_follow_text(f, m,
			    milter_show_end_of_header(m, &refusal), &refusal);
	}
}

static void
show_body(struct filters *f, struct span octets)
{
	struct refusal refusal;

	for (size_t i = 0; i < f->milter_list.n; i++) {
		struct milter *m = &f->milters[i];

		if (ruling_is_awaited(f, m))
			ruling_follow_text(f, m,
			    milter_show_body(m, octets, &refusal), &refusal);
	}
}

void
shown_data(struct filters *f)
{
	struct refusal refusal;

	f->has_text = true;
	for (size_t i = 0; i < f->milter_list.n; i++) {
		struct milter *m = &f->milters[i];

		if (ruling_is_awaited(f, m))
			ruling_follow_text(f, m,
			    milter_show_data(m, &f->told, &refusal), &refusal);
	}
}

/*
 * The header and the body
 */

/* Without the line end behind it, and no longer than a packet. */
static struct span
trim_value(struct span value)
{
	if (value.len > 0 && value.p[value.len - 1] == '\n')
		value.len--;
	if (value.len > 0 && value.p[value.len - 1] == '\r')
		value.len--;
	if (value.len > MILTER_HEADER_MAX)
		value.len = MILTER_HEADER_MAX;
	return value;
}

/* Shows the first octets as the header, and what is kept behind as body. */
static void
show_header(struct filters *f, struct shown *t, size_t size)
{
	struct header_fields fields = { .rest = { t->header, size } };
	struct span name, value;

	while (header_next(&fields, &name, &value)) {
		if (name.len > 0 && name.len <= CHANGE_NAME_MAX &&
		    !span_is(name, "From_"))
			show_field(f, name, trim_value(value));
	}
	show_end_of_header(f);
	t->is_body = true;
	if (size < t->header_len)
		show_body(
		    f, (struct span){ t->header + size, t->header_len - size });
}

/* How much of what is kept is the header, once that is known. */
static size_t
size_of(const struct shown *t, const struct header *h)
{
	return h->size < t->header_len ? (size_t)h->size : t->header_len;
}

void
shown_feed(struct filters *f, struct shown *t, struct span octets,
    const struct header *h)
{
	size_t room = HEADER_SECTION_MAX - t->header_len;
	struct span kept = octets;

	if (t->is_body) {
		show_body(f, octets);
		return;
	}
	if (!t->header)
		t->header = malloc(HEADER_SECTION_MAX);
	if (!t->header)
		room = 0;
	if (kept.len > room)
		kept.len = room;
	if (kept.len > 0)
		memcpy(t->header + t->header_len, kept.p, kept.len);
	t->header_len += kept.len;
	if (!header_is_over(h) && kept.len == octets.len)
		return;
	show_header(f, t, header_is_over(h) ? size_of(t, h) : t->header_len);
	if (kept.len < octets.len)
		show_body(f, (struct span){
				 octets.p + kept.len, octets.len - kept.len });
}

void
shown_end(struct filters *f, struct shown *t, const struct header *h)
{
	if (!t->is_body)
		show_header(f, t, size_of(t, h));
}
