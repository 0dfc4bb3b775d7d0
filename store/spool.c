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
	int kept;         /* an empty file for the next mail; -1: none */
	bool is_lent;     /* `fd` is of spool_use() */
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
	sp->fd = sp->kept = -1;
	return sp;
}

void
spool_free(struct spool *sp)
{
	if (!sp)
		return;
	spool_reset(sp);
	if (sp->kept >= 0)
		close(sp->kept);
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

/* Who was lent the file may have written since. */
static bool
take_kept(struct spool *sp)
{
	sp->fd = sp->kept;
	sp->kept = -1;
	return sp->fd >= 0 && ftruncate(sp->fd, 0) == 0;
}

int
spool_open(struct spool *sp, const char *folder)
{
	sp->is_lent = false;
	if (sp->kept >= 0 && take_kept(sp))
		return sp->fd;
	if (sp->fd >= 0)
		close(sp->fd);
	sp->fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (sp->fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR))
		sp->fd = open_unlinked(folder);
	return sp->fd;
}

void
spool_use(struct spool *sp, int fd)
{
	sp->fd = fd;
	sp->is_lent = true;
}

int
spool_take(struct spool *sp, uint64_t size)
{
	struct stat st;

	if (fstat(sp->fd, &st) < 0)
		return -1;
	if ((uint64_t)st.st_size < size || size <= SPOOL_MEMORY) {
		errno = EIO;
		return -1;
	}
	sp->on_disk = size;
	return 0;
}

int
spool_flush(struct spool *sp)
{
	size_t done = 0;

	while (sp->fd >= 0 && done < sp->len) {
		ssize_t n = pwrite(sp->fd, sp->buf + done, sp->len - done,
		    (off_t)(sp->on_disk + done));

		if (n < 0 && errno != EINTR)
			return -1;
		if (n > 0)
			done += (size_t)n;
	}
	sp->on_disk += done;
	sp->len -= done;
	return 0;
}

bool
spool_needs_file(const struct spool *sp)
{
	return sp->fd < 0 && sp->len == SPOOL_MEMORY;
}

int
spool_append(struct spool *sp, struct span *data)
{
	size_t n = SPOOL_MEMORY - sp->len;

	if (!sp->buf && !(sp->buf = malloc(SPOOL_MEMORY)))
		return -1;
	if (n > data->len)
		n = data->len;
	memcpy(sp->buf + sp->len, data->p, n);
	sp->len += n;
	data->p += n;
	data->len -= n;
	return sp->len == SPOOL_MEMORY ? spool_flush(sp) : 0;
}

void
spool_reset(struct spool *sp)
{
	if (sp->fd >= 0 && !sp->is_lent && sp->kept < 0 &&
	    ftruncate(sp->fd, 0) == 0)
		sp->kept = sp->fd;
	else if (sp->fd >= 0)
		close(sp->fd);
	sp->fd = -1;
	sp->on_disk = 0;
	sp->len = 0;
}

uint64_t
spool_kept_octets(const struct spool *sp)
{
	struct stat st;

	return sp->kept >= 0 && fstat(sp->kept, &st) == 0
		   ? (uint64_t)st.st_blocks * 512
		   : 0;
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

/* Another process may fill the file: no more counts than it has said. */
static size_t
least(size_t most, uint64_t left)
{
	return left < most ? (size_t)left : most;
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
	if (spool_flush(sp) < 0)
		return -1;
	if (!sp->buf && !(sp->buf = malloc(SPOOL_MEMORY)))
		return -1;
	do
		n = pread(sp->fd, sp->buf,
		    least(SPOOL_MEMORY, sp->on_disk - offset), (off_t)offset);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -1;
	if (n == 0 && offset < sp->on_disk) {
		errno = EIO; /* the file was truncated */
		return -1;
	}
	*ret = (struct span){ sp->buf, (size_t)n };
	return 0;
}
