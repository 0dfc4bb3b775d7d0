#include "change.h"

#include <string.h>

#include "utf8.h"

static const char *const names[CHANGE__COUNT] = {
	[CHANGE_ADD_HEADER] = "add-header",
	[CHANGE_INSERT_HEADER] = "insert-header",
	[CHANGE_CHANGE_HEADER] = "change-header",
	[CHANGE_DELETE_HEADER] = "delete-header",
	[CHANGE_REPLACE_BODY] = "replace-body",
	[CHANGE_SENDER] = "change-sender",
	[CHANGE_DELETE_RECIPIENT] = "delete-recipient",
};

const char *
change_action_name(enum change_action action)
{
	return names[action];
}

enum change_action
change_action_of(const char *name)
{
	enum change_action a = 0;

	while (a < CHANGE__COUNT && strcmp(name, names[a]) != 0)
		a++;
	return a;
}

bool
change_has_name(enum change_action action)
{
	return action <= CHANGE_DELETE_HEADER;
}

/* RFC 5322 s. 3.6.8 */
static bool
is_field_name(struct span name)
{
	for (size_t i = 0; i < name.len; i++) {
		if (name.p[i] <= ' ' || name.p[i] >= 0x7F || name.p[i] == ':')
			return false;
	}
	return name.len > 0 && name.len <= CHANGE_NAME_MAX;
}

/* Do its lines continue one field? */
static bool
is_field_value(struct span value)
{
	for (size_t i = 0; i < value.len; i++) {
		char next = i + 1 < value.len ? value.p[i + 1] : '\0';
		char after = i + 2 < value.len ? value.p[i + 2] : '\0';

		if (value.p[i] == '\0' || value.p[i] == '\n')
			return false;
		if (value.p[i] != '\r')
			continue;
		if (next != '\n' || (after != ' ' && after != '\t'))
			return false;
		i++;
	}
	return value.len <= CHANGE_VALUE_MAX;
}

static bool
is_path(struct span value)
{
	return value.len <= CHANGE_PATH_MAX && utf8_is_printable(value);
}

bool
change_is_valid(const struct change *c)
{
	if (c->filter.len > CHANGE_FILTER_MAX || !utf8_is_printable(c->filter))
		return false;
	switch (c->action) {
	case CHANGE_ADD_HEADER:
	case CHANGE_INSERT_HEADER:
	case CHANGE_CHANGE_HEADER:
		return is_field_name(c->name) && is_field_value(c->value);
	case CHANGE_DELETE_HEADER:
		return is_field_name(c->name) && c->value.len == 0;
	case CHANGE_REPLACE_BODY:
		return c->name.len == 0 && c->value.len <= CHANGE_VALUE_MAX;
	case CHANGE_SENDER:
		return c->name.len == 0 &&
		       (c->value.len == 0 || is_path(c->value));
	case CHANGE_DELETE_RECIPIENT:
		return c->name.len == 0 && is_path(c->value);
	case CHANGE__COUNT:
		break;
	}
	return false;
}

bool
change_is_text(const struct change *c)
{
	struct span value = c->value;

	while (value.len > 0) {
		size_t n = utf8_len(value);

		if (n == 0 && (signed char)*value.p > 0)
			n = 1;
		if (n == 0)
			return false;
		value.p += n;
		value.len -= n;
	}
	return c->action != CHANGE_REPLACE_BODY;
}

void
change_write(struct pack *m, const struct change *c)
{
	pack_u8(m, (uint8_t)c->action);
	pack_span(m, c->filter);
	pack_u32(m, c->place);
	pack_span(m, c->name.p ? c->name : span_of(""));
	pack_span(m, c->value.p ? c->value : span_of(""));
}

bool
change_read(struct unpack *m, struct change *ret)
{
	uint8_t action = unpack_u8(m);

	*ret = (struct change){ .action = (enum change_action)action };
	ret->filter = unpack_span(m);
	ret->place = unpack_u32(m);
	ret->name = unpack_span(m);
	ret->value = unpack_span(m);
	return !m->failed && action < CHANGE__COUNT && change_is_valid(ret);
}
