#include "corpus.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

static void
find(glob_t *ret)
{
	const char *folder = getenv("SMTPD_TRANSCRIPTS");
	char pattern[256];

	snprintf(pattern, sizeof pattern, "%s/*.smtp",
	    folder ? folder : "tests/transcripts");
	if (glob(pattern, 0, NULL, ret) != 0)
		*ret = (glob_t){ .gl_pathc = 0 };
}

size_t
corpus_count(void)
{
	glob_t found;
	size_t n;

	find(&found);
	n = found.gl_pathc;
	globfree(&found);
	return n;
}

void
corpus_copy(struct corpus_file *ret, size_t nfiles)
{
	glob_t found;

	find(&found);
	for (size_t i = 0; i < nfiles && i < found.gl_pathc; i++)
		snprintf(
		    ret[i].path, sizeof ret[i].path, "%s", found.gl_pathv[i]);
	globfree(&found);
}

struct corpus_file *
corpus_list(size_t *ret_nfiles)
{
	struct corpus_file *files = NULL;

	*ret_nfiles = corpus_count();
	if (*ret_nfiles > 0)
		files = cr_malloc(*ret_nfiles * sizeof *files);
	if (files)
		corpus_copy(files, *ret_nfiles);
	return files;
}
