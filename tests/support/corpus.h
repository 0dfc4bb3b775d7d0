/*
 * The transcripts to test with: all *.smtp in tests/transcripts, or in the
 * folder that SMTPD_TRANSCRIPTS names.
 */
#ifndef CORPUS_H
#define CORPUS_H

#include <stddef.h>

/* Inline, as Criterion's parameters must be. */
struct corpus_file {
	char path[256];
};

size_t corpus_count(void);
/* The first `nfiles` of them, in the order of their names; at most the count.
 */
void corpus_copy(struct corpus_file *ret, size_t nfiles);
/*
 * All of them in cr_malloc() memory, which can be had only where Criterion
 * asks for parameters.  NULL: none.
 */
struct corpus_file *corpus_list(size_t *ret_nfiles);

#endif
