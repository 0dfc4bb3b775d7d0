#include "facts.h"

#include <string.h>

#include "protocol.h"
#include "utf8.h"

bool
facts_has(const struct facts *f, enum fact fact)
{
	return f->text[fact][0] != '\0';
}

void
facts_set(struct facts *f, enum fact fact, struct span text)
{
	char *to = f->text[fact];
	size_t len = 0;

	while (text.len > 0) {
		size_t n = utf8_printable_len(text);
		size_t step = n > 0 ? n : 1;

		if (len + step >= FACT_SIZE)
			break;
		memcpy(to + len, n > 0 ? text.p : "?", step);
		len += step;
		text.p += step;
		text.len -= step;
	}
	to[len] = '\0';
}

void
facts_add(struct facts *f, const struct facts *from)
{
	for (int i = 0; i < FACT__COUNT; i++) {
		if (facts_has(from, (enum fact)i))
			memcpy(f->text[i], from->text[i], FACT_SIZE);
	}
}

void
facts_take_login(struct facts *f, struct span login)
{
	if (!login.p)
		return;
	facts_set(f, FACT_ACCOUNT, login);
	facts_set(f, FACT_CLIENT_SUBJECT, span_of(""));
}

struct span
facts_tls_version(const struct facts *f)
{
	const char *text = f->text[FACT_TLS];

	return (struct span){ text, strcspn(text, " ") };
}

const char *
facts_cipher(const struct facts *f)
{
	const char *blank = strchr(f->text[FACT_TLS], ' ');

	return blank ? blank + 1 : "";
}

const char *
facts_protocol(const struct facts *f, const char *protocol)
{
	unsigned traits = protocol_traits(protocol);

	if (traits == 0)
		return protocol;
	if (facts_has(f, FACT_TLS))
		traits |= PROTOCOL_TLS;
	if (facts_has(f, FACT_ACCOUNT))
		traits |= PROTOCOL_AUTH;
	return protocol_name(traits);
}
