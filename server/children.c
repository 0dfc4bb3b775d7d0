#include "children.h"

#include <signal.h>
#include <stdlib.h>

bool
children_open(struct children *c, size_t max)
{
	*c = (struct children){ .max = max };
	c->rows = calloc(max, sizeof *c->rows);
	return c->rows != NULL;
}

void
children_close(struct children *c)
{
	free(c->rows);
	*c = (struct children){ .rows = NULL };
}

void
children_add(
    struct children *c, pid_t pid, struct source *source, int64_t overdue_at)
{
	c->rows[c->n++] = (struct child){
		.pid = pid,
		.source = source,
		.number = ++c->last_number,
		.overdue_at = overdue_at,
	};
	if (source)
		source->nsessions++;
}

struct child *
children_find(const struct children *c, pid_t pid)
{
	for (size_t i = 0; i < c->n; i++) {
		if (c->rows[i].pid == pid)
			return &c->rows[i];
	}
	return NULL;
}

void
children_remove(struct children *c, struct child *child)
{
	if (child->source)
		child->source->nsessions--;
	*child = c->rows[--c->n];
}

static unsigned
crowd_of(const struct child *child)
{
	return child->source ? child->source->nsessions : 1;
}

/* Does `a` go before `b`, which may be NULL? */
static bool
goes_first(const struct child *a, const struct child *b)
{
	if (!b || crowd_of(a) != crowd_of(b))
		return !b || crowd_of(a) > crowd_of(b);
	return a->number < b->number;
}

bool
children_press(struct children *c, enum connection_haste haste, unsigned than)
{
	struct child *first = NULL;

	for (size_t i = 0; i < c->n; i++) {
		struct child *at = &c->rows[i];

		if (at->haste < haste && crowd_of(at) > than &&
		    goes_first(at, first))
			first = at;
	}
	if (!first)
		return false;
	first->haste = haste;
	kill(first->pid, connection_signal_of(haste));
	return true;
}

void
children_end_overdue(const struct children *c, int64_t now)
{
	for (size_t i = 0; i < c->n; i++) {
		if (now >= c->rows[i].overdue_at)
			kill(c->rows[i].pid, SIGKILL);
	}
}

void
children_end(struct children *c, int64_t overdue_at)
{
	for (size_t i = 0; i < c->n; i++) {
		struct child *at = &c->rows[i];

		kill(at->pid, SIGTERM);
		if (at->overdue_at > overdue_at)
			at->overdue_at = overdue_at;
	}
}
