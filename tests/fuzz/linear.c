/*
 * Mails whose end is repeated until they are big: reading them takes time in
 * proportion to their octets.  The first octet of the input says how many of
 * its last ones are repeated.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "../../mail/header.h"
#include "../../mime/mime.h"
#include "../../mime/text.h"
#include "fuzz.h"

enum {
	SIZE = 256 * 1024,
	/*
	 * Under AddressSanitizer a mail of this size takes a tenth of that; what
	 * is quadratic, ten times.  Of the processor, so that others do not count.
	 */
	TIME_MAX_MS = 1500,
	FIELDS_READ = 100,
};

static bool
swallow(void *arg, struct span piece)
{
	*(size_t *)arg += piece.len;
	return true;
}

static void
read_fields(const struct mime *m)
{
	struct header_fields fields = mime_fields(m);
	struct span name, value;

	for (int i = 0; header_next(&fields, &name, &value); i++) {
		if (i < FIELDS_READ)
			free(mime_decode(value));
	}
	free(mime_field(m, "Subject"));
}

static void
read_mail(struct span mail)
{
	struct mime *m = mime_open(mail);
	size_t len = 0;

	read_fields(m);
	for (size_t i = 0; i < mime_nparts(m); i++) {
		const struct mime_part *part = mime_part(m, i);

		mime_size(part);
		if (part->is_text)
			mime_text(part, (struct sink){ swallow, &len });
	}
	mime_free(m);
}

static void
read_header(struct span mail)
{
	static struct header h;

	header_start(&h);
	header_feed(&h, mail);
	header_end(&h);
}

static long
cpu_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct span input = { (const char *)data + 1, len - 1 }, tail;
	struct text big = { .p = NULL };
	long start;

	if (len < 2)
		return 0;
	tail.len = data[0] % input.len + 1;
	tail.p = input.p + input.len - tail.len;
	text_add(&big, input);
	while (big.len < SIZE)
		text_add(&big, tail);
	start = cpu_ms();
	read_header((struct span){ big.p, big.len });
	read_mail((struct span){ big.p, big.len });
	fuzz_promise(cpu_ms() - start < TIME_MAX_MS,
	    "time is in proportion to the mail");
	text_free(&big);
	return 0;
}
