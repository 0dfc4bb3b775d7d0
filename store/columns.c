#include "columns.h"

void
columns_bind_envelope(struct statement *s, const struct envelope *e)
{
	statement_bind_text(s, ":helo", e->helo);
	statement_bind_text(s, ":protocol", e->protocol);
	statement_bind_text(s, ":verb", e->verb);
	statement_bind_text(s, ":reverse_path", e->reverse_path);
	statement_bind_text(s, ":body_type", e->body_type);
	statement_bind_integer(s, ":smtputf8", e->smtputf8);
	statement_bind_integer(s, ":requiretls", e->requiretls);
	statement_bind_text(s, ":envelope_id", e->envelope_id);
	statement_bind_text(s, ":dsn_return", e->dsn_return);
	statement_bind_text(s, ":claimed_as", e->claimed_as);
	statement_bind_integer(s, ":size", (int64_t)e->size);
}

void
columns_bind_facts(struct statement *s, const struct facts *f)
{
	if (f && facts_has(f, FACT_TLS))
		statement_bind_text(s, ":tls", f->text[FACT_TLS]);
	if (f && facts_has(f, FACT_ACCOUNT))
		statement_bind_text(
		    s, ":authenticated_as", f->text[FACT_ACCOUNT]);
	if (f && facts_has(f, FACT_CLIENT_SUBJECT))
		statement_bind_text(
		    s, ":client_subject", f->text[FACT_CLIENT_SUBJECT]);
}

void
columns_bind_header(struct statement *s, const struct header *h)
{
	static const char *const names[HEADER__COUNT] = {
		[HEADER_FROM] = ":header_from",
		[HEADER_TO] = ":header_to",
		[HEADER_SUBJECT] = ":header_subject",
		[HEADER_DATE] = ":header_date",
		[HEADER_MESSAGE_ID] = ":header_message_id",
	};

	statement_bind_integer(s, ":header_size", h ? (int64_t)h->size : 0);
	for (size_t i = 0; i < HEADER__COUNT; i++) {
		if (h && h->has[i])
			statement_bind_text(s, names[i], h->value[i]);
	}
}
