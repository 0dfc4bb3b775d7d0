/*
 * What the fuzz targets share.  A target is one file that defines
 * LLVMFuzzerTestOneInput(), the entry that libFuzzer and AFL++ both know, and
 * aborts where a promise is broken.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../mail/span.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Says which promise is broken, and aborts. */
void fuzz_promise(bool kept, const char *promise);
/* The same with octets that show it. */
void fuzz_promise_of(bool kept, const char *promise, struct span octets);

/*
 * A heap block of exactly `len` octets, so that AddressSanitizer sees what is
 * read beside it.  To be freed.
 */
char *fuzz_copy(struct span octets);
/* The same with a NUL behind it, cut at the first NUL. */
char *fuzz_string(struct span octets);

/* Is `inner` a part of `outer`, or without octets? */
bool fuzz_is_within(struct span inner, struct span outer);

#endif
