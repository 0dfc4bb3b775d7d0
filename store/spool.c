#include "spool.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct spool {
	int fd;           /* -1: all of it is in memory */
	uint64_t on_disk; /* octets in the file, before those in `buf` */
	size_t len;
	/*
	 * Last octets of the mail, later a piece of the file.  Kept for the
	 * session; the kernel gives a page when it is first touched.
	 */
	char *buf;
};

struct spool *
spool_new(void)
{
	struct spool *sp = calloc(1, sizeof *sp);

	if (!sp)
		return NULL;
	sp->fd = -1;
	return sp;
}

void
spool_free(struct spool *sp)
{
	if (!sp)
		return;
	spool_reset(sp);
	free(sp->buf);
	free(sp);
}

/* For file systems without O_TMPFILE. */
static int
open_unlinked(const char *folder)
{
	char path[4096];
	int fd;

	if ((size_t)snprintf(path, sizeof path, "%s/.smtpd-XXXXXX", folder) >=
	    sizeof path) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		unlink(path);
	return fd;
}

static int
open_file(const char *folder)
{
	int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR))
		fd = open_unlinked(folder);
	return fd;
}

/* Moves what is in memory to the end of the file. */
static int
flush(struct spool *sp)
{
	size_t done = 0;

	while (done < sp->len) {
		ssize_t n = pwrite(sp->fd, sp->buf + done, sp->len - done,
		    (off_t)(sp->on_disk + done));

		if (n < 0 && errno != EINTR)
			return -1;
		if (n > 0)
			done += (size_t)n;
	}
	sp->on_disk += sp->len;
	sp->len = 0;
	return 0;
}

int
spool_append(struct spool *sp, const char *folder, struct span data)
{
	if (!sp->buf && !(sp->buf = malloc(SPOOL_MEMORY)))
		return -1;
	while (data.len > 0) {
		size_t n = SPOOL_MEMORY - sp->len;

		if (n == 0) {
			if (sp->fd < 0)
				sp->fd = open_file(folder);
			if (sp->fd < 0 || flush(sp) < 0)
				return -1;
			continue;
		}
		if (n > data.len)
			n = data.len;
		memcpy(sp->buf + sp->len, data.p, n);
		sp->len += n;
		data.p += n;
		data.len -= n;
	}
	return 0;
}

void
spool_reset(struct spool *sp)
{
	if (sp->fd >= 0)
		close(sp->fd);
	sp->fd = -1;
	sp->on_disk = 0;
	sp->len = 0;
}

uint64_t
spool_size(const struct spool *sp)
{
	return sp->on_disk + sp->len;
}

bool
spool_is_big(const struct spool *sp)
{
	return spool_size(sp) > SPOOL_MEMORY;
}

int
spool_read(struct spool *sp, uint64_t offset, struct span *ret)
{
	ssize_t n;

	if (sp->fd < 0) {
		*ret = (struct span){ sp->buf ? sp->buf : "", sp->len };
		ret->p += offset;
		ret->len -= (size_t)offset;
		return 0;
	}
	if (sp->len > 0 && flush(sp) < 0)
		return -1;
	do
		n = pread(sp->fd, sp->buf, SPOOL_MEMORY, (off_t)offset);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -1;
	if (n == 0 && offset < sp->on_disk) {
		errno = EIO; /* the file lost its end */
		return -1;
	}
	*ret = (struct span){ sp->buf, (size_t)n };
	return 0;
}
