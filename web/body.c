#include "body.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../mime/text.h"
#include "json_read.h"

static void
add_id(struct body *b, const char *text)
{
	char *end;
	long long id = strtoll(text, &end, 10);

	if (*text < '1' || *text > '9' || *end)
		return;
	b->ids = text_resize(b->ids, (b->nids + 1) * sizeof *b->ids);
	b->ids[b->nids++] = id;
}

static bool
read_ids(struct span *s, struct body *b)
{
	if (!json_take(s, '['))
		return json_skip(s); /* null */
	if (json_take(s, ']'))
		return true;
	do {
		struct text id = { 0 };
		bool ok = json_read_string(s, &id);

		if (ok)
			add_id(b, id.p ? id.p : "");
		text_free(&id);
		if (!ok)
			return false;
		b->has_ids = true;
	} while (json_take(s, ','));
	return json_take(s, ']');
}

static bool
read_member(struct span *s, const char *name, struct body *b)
{
	struct text words = { 0 };
	bool ok = true;

	json_skip_blanks(s);
	if (strcasecmp(name, "IDs") == 0)
		return read_ids(s, b);
	if (strcasecmp(name, "Read") == 0) {
		b->read = s->len > 0 && *s->p == 't';
		return json_skip(s);
	}
	if (strcasecmp(name, "Search") != 0 || s->len == 0 || *s->p != '"')
		return json_skip(s);
	ok = json_read_string(s, &words);
	free(b->search);
	b->search = text_take(&words);
	return ok;
}

bool
body_read(struct body *b, struct span s)
{
	json_skip_blanks(&s);
	if (s.len == 0)
		return true;
	if (!json_take(&s, '{'))
		return false;
	if (json_take(&s, '}'))
		return true;
	do {
		struct text name = { 0 };
		bool ok = json_read_string(&s, &name) && json_take(&s, ':') &&
			  read_member(&s, name.p ? name.p : "", b);

		text_free(&name);
		if (!ok)
			return false;
	} while (json_take(&s, ','));
	return json_take(&s, '}');
}

void
body_reset(struct body *b)
{
	free(b->ids);
	free(b->search);
	*b = (struct body){ 0 };
}
