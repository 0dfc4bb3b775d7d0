#include "children.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

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
children_add(struct children *c, pid_t pid, struct ip source)
{
	c->rows[c->n++] = (struct child){ pid, source };
}

bool
children_remove(struct children *c, pid_t pid)
{
	for (size_t i = 0; i < c->n; i++) {
		if (c->rows[i].pid == pid) {
			c->rows[i] = c->rows[--c->n];
			return true;
		}
	}
	return false;
}

uint64_t
children_from(const struct children *c, const struct ip *source)
{
	static const struct ip none;
	uint64_t n = 0;

	if (memcmp(source, &none, sizeof none) == 0)
		return 0;
	for (size_t i = 0; i < c->n; i++)
		n += memcmp(&c->rows[i].source, source, sizeof none) == 0;
	return n;
}

void
children_end(const struct children *c)
{
	for (size_t i = 0; i < c->n; i++)
		kill(c->rows[i].pid, SIGTERM);
}
