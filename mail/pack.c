#include "pack.h"

#include <string.h>

#include "utf8.h"

static const uint32_t LENGTH_OF_NULL = UINT32_MAX;

static void
write_octets(struct pack *m, const void *octets, size_t len)
{
	if (m->failed || len > m->size - m->len) {
		m->failed = true;
		return;
	}
	if (len > 0)
		memcpy(m->p + m->len, octets, len);
	m->len += len;
}

void
pack_u8(struct pack *m, uint8_t n)
{
	write_octets(m, &n, sizeof n);
}

void
pack_u32(struct pack *m, uint32_t n)
{
	write_octets(m, &n, sizeof n);
}

void
pack_u64(struct pack *m, uint64_t n)
{
	write_octets(m, &n, sizeof n);
}

void
pack_span(struct pack *m, struct span text)
{
	if (!text.p) {
		pack_u32(m, LENGTH_OF_NULL);
		return;
	}
	pack_u32(m, (uint32_t)text.len);
	write_octets(m, text.p, text.len);
}

void
pack_text(struct pack *m, const char *text)
{
	pack_span(m, text ? span_of(text) : (struct span){ NULL, 0 });
}

/* Lends the next `len` octets; NULL: there are not so many. */
static const char *
read_octets(struct unpack *m, size_t len)
{
	const char *p = m->rest.p;

	if (m->failed || len > m->rest.len) {
		m->failed = true;
		return NULL;
	}
	m->rest.p += len;
	m->rest.len -= len;
	return p;
}

static void
read_integer(struct unpack *m, void *ret, size_t len)
{
	const char *p = read_octets(m, len);

	if (p)
		memcpy(ret, p, len);
}

uint8_t
unpack_u8(struct unpack *m)
{
	uint8_t n = 0;

	read_integer(m, &n, sizeof n);
	return n;
}

uint32_t
unpack_u32(struct unpack *m)
{
	uint32_t n = 0;

	read_integer(m, &n, sizeof n);
	return n;
}

uint64_t
unpack_u64(struct unpack *m)
{
	uint64_t n = 0;

	read_integer(m, &n, sizeof n);
	return n;
}

struct span
unpack_span(struct unpack *m)
{
	struct span text = { NULL, 0 };
	uint32_t len = unpack_u32(m);

	if (m->failed || len == LENGTH_OF_NULL)
		return text;
	text.p = read_octets(m, len);
	text.len = text.p ? len : 0;
	return text;
}

struct span
unpack_text(struct unpack *m, size_t max, bool nullable)
{
	struct span text = unpack_span(m);

	if (text.p
		? text.len > max || (text.len > 0 && !utf8_is_printable(text))
		: !nullable)
		m->failed = true;
	return m->failed ? (struct span){ NULL, 0 } : text;
}

bool
unpack_is_done(const struct unpack *m)
{
	return !m->failed && m->rest.len == 0;
}
