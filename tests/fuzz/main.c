/*
 * Runs a target over the files of its arguments (folders: over all that is in
 * them), or over standard input, without a fuzzer: for coverage, for valgrind
 * and MemorySanitizer, and to look at a find.
 */
#include <sys/stat.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../support/buffer.h"
#include "fuzz.h"

static unsigned long nruns;

static void
run_file(FILE *f)
{
	struct buffer b = { .p = NULL };
	char piece[4096];
	size_t n;
	char *copy;

	while ((n = fread(piece, 1, sizeof piece, f)) > 0)
		buffer_add(&b, (struct span){ piece, n });
	copy = fuzz_copy(buffer_span(&b));
	LLVMFuzzerTestOneInput((const uint8_t *)copy, b.len);
	free(copy);
	buffer_free(&b);
	nruns++;
}

static void
run_path(const char *path)
{
	FILE *f = fopen(path, "re");

	if (!f) {
		perror(path);
		exit(1);
	}
	run_file(f);
	fclose(f);
}

static void
run_folder(const char *path, DIR *d)
{
	const struct dirent *e;
	char full[4096];

	while ((e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(full, sizeof full, "%s/%s", path, e->d_name);
		run_path(full);
	}
	closedir(d);
}

int
main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		DIR *d = opendir(argv[i]);

		if (d)
			run_folder(argv[i], d);
		else
			run_path(argv[i]);
	}
	if (argc < 2)
		run_file(stdin);
	printf("%lu inputs\n", nruns);
	return 0;
}
