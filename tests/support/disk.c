#include "disk.h"

#include <sys/syscall.h>
#include <sys/vfs.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct disk disk;

/* Does the name of this open file end so? */
static bool
is_named(int fd, const char *suffix)
{
	char link[64], path[4096];
	size_t suffix_len = strlen(suffix);
	ssize_t len;

	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	len = readlink(link, path, sizeof path);
	return len >= (ssize_t)suffix_len &&
	       memcmp(path + len - suffix_len, suffix, suffix_len) == 0;
}

int
fdatasync(int fd)
{
	void (*in_sync)(void) = disk.in_sync;
	int result;

	if (!is_named(fd, "-wal"))
		return (int)syscall(SYS_fdatasync, fd);
	if (disk.failing_syncs > 0) {
		disk.failing_syncs--;
		errno = EIO;
		return -1;
	}
	disk.in_sync = NULL;
	if (in_sync)
		in_sync();
	result = (int)syscall(SYS_fdatasync, fd);
	if (result == 0) {
		disk.nsyncs++;
		disk.unsynced = false;
	}
	return result;
}

static ssize_t
write_at(int fd, const void *buf, size_t len, off64_t at)
{
	void (*in_write)(void) = disk.in_write;
	int error = 0;

	if (in_write && is_named(fd, ".db")) {
		disk.in_write = NULL;
		in_write();
	} else if (is_named(fd, "-wal")) {
		disk.unsynced = true;
		disk.written += len;
		disk.nwrites++;
		error = disk.log_error;
	} else if (disk.lock_error && is_named(fd, "-lock")) {
		error = disk.lock_error;
	} else if (is_named(fd, " (deleted)")) {
		error = disk.spool_error;
		if (disk.spool_octets > 0 && disk.spool_octets < len)
			len = disk.spool_octets;
	}
	if (error) {
		errno = error;
		return -1;
	}
	return syscall(SYS_pwrite64, fd, buf, len, at);
}

ssize_t
pwrite(int fd, const void *buf, size_t len, off_t at)
{
	return write_at(fd, buf, len, at);
}

ssize_t
pwrite64(int fd, const void *buf, size_t len, off64_t at)
{
	return write_at(fd, buf, len, at);
}

int
open(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list args;

	if (flags & (O_CREAT | O_TMPFILE)) {
		va_start(args, flags);
		mode = va_arg(args, mode_t);
		va_end(args);
	}
	if (disk.lacks_tmpfile && (flags & O_TMPFILE) == O_TMPFILE) {
		errno = EOPNOTSUPP;
		return -1;
	}
	return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int
statfs(const char *path, struct statfs *ret)
{
	char folder[4096];
	int result = (int)syscall(SYS_statfs, path, ret);

	if (result == 0 && disk.remote && realpath(path, folder) &&
	    strcmp(folder, disk.remote) == 0)
		ret->f_type = disk.magic;
	return result;
}
