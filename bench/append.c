/*
 * The limit of the disk:
 *
 *	bench/append FILE WRITERS RECORDS OCTETS
 *
 * Each of WRITERS processes appends RECORDS records of OCTETS octets to FILE
 * and syncs it after each one.  Prints records per second.
 */
#include <sys/wait.h>

#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "sample.h"

static void
append(const char *path, long records, size_t octets)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	char *record = calloc(1, octets);

	if (fd < 0 || !record)
		err(EX_CANTCREAT, "%s", path);
	for (long i = 0; i < records; i++) {
		if (write(fd, record, octets) != (ssize_t)octets ||
		    fdatasync(fd) < 0)
			err(EX_IOERR, "%s", path);
	}
	free(record);
	close(fd);
}

int
main(int argc, char **argv)
{
	long writers, records;
	size_t octets;
	double start, seconds;
	int status;

	if (argc != 5)
		errx(
		    EX_USAGE, "usage: %s FILE WRITERS RECORDS OCTETS", argv[0]);
	writers = strtol(argv[2], NULL, 10);
	records = strtol(argv[3], NULL, 10);
	octets = strtoul(argv[4], NULL, 10);

	start = sample_now_ms();
	for (long w = 0; w < writers; w++) {
		if (fork() == 0) {
			append(argv[1], records, octets);
			_exit(0);
		}
	}
	while (wait(&status) > 0) {
		if (status != 0)
			errx(EX_IOERR, "a writer failed");
	}
	seconds = (sample_now_ms() - start) / 1e3;
	printf("mails=%ld seconds=%.4f\n", writers * records, seconds);
	return 0;
}
