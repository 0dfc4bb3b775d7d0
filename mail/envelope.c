/*
 * Text stands in blocks that never move, so a pointer into the envelope holds
 * until the mail is forgotten.  Nearly every mail fits into one block, which is
 * kept, so a session allocates once, not per command.
 */
#include "envelope.h"

#include <stdlib.h>
#include <string.h>

enum {
	BLOCK_SIZE = 4096, /* more than a command line has */
	RECIPIENTS_FIRST = 16,
};

struct envelope_block {
	struct envelope_block *next;
	size_t used;
	char text[BLOCK_SIZE];
};

static void
free_blocks(struct envelope_block *b)
{
	struct envelope_block *next;

	for (; b; b = next) {
		next = b->next;
		free(b);
	}
}

void
envelope_reset(struct envelope *e)
{
	struct envelope_block *kept = e->blocks;
	struct recipient *recipients = e->recipients;
	unsigned cap = e->recipients_cap;

	if (kept) {
		free_blocks(kept->next);
		kept->next = NULL;
		kept->used = 0;
	}
	*e = (struct envelope){
		.recipients = recipients,
		.recipients_cap = cap,
		.blocks = kept,
	};
}

void
envelope_free(struct envelope *e)
{
	free_blocks(e->blocks);
	free(e->recipients);
	*e = (struct envelope){ .blocks = NULL };
}

const char *
envelope_text(struct envelope *e, struct span text)
{
	struct envelope_block *b = e->blocks;
	char *copy;

	if (text.len >= BLOCK_SIZE)
		return NULL;
	if (!b || BLOCK_SIZE - b->used <= text.len) {
		b = malloc(sizeof *b);
		if (!b)
			return NULL;
		b->next = e->blocks;
		b->used = 0;
		e->blocks = b;
	}

	copy = b->text + b->used;
	if (text.len > 0)
		memcpy(copy, text.p, text.len);
	copy[text.len] = '\0';
	b->used += text.len + 1;
	return copy;
}

int
envelope_add(struct envelope *e, const struct recipient *r)
{
	if (e->nrecipients == e->recipients_cap) {
		unsigned cap = e->recipients_cap ? e->recipients_cap * 2
						 : RECIPIENTS_FIRST;
		struct recipient *grown =
		    realloc(e->recipients, cap * sizeof *grown);

		if (!grown)
			return -1;
		e->recipients = grown;
		e->recipients_cap = cap;
	}
	e->recipients[e->nrecipients++] = *r;
	return 0;
}

struct envelope_mark
envelope_mark(const struct envelope *e)
{
	return (struct envelope_mark){
		.nrecipients = e->nrecipients,
		.block = e->blocks,
		.used = e->blocks ? e->blocks->used : 0,
	};
}

void
envelope_return(struct envelope *e, struct envelope_mark to)
{
	struct envelope_block *b;

	while (e->blocks != to.block) {
		b = e->blocks;
		e->blocks = b->next;
		free(b);
	}
	if (e->blocks)
		e->blocks->used = to.used;
	e->nrecipients = to.nrecipients;
}

const char *
recipient_mailbox(const struct recipient *r)
{
	return r->mailbox ? r->mailbox : r->forward_path;
}
