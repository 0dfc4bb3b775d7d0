/*
 * A slow disk (LD_PRELOAD): every call that syncs takes BENCH_SYNC_US
 * microseconds longer; and in how often it is called (BENCH_SYNCS, a file of
 * eight octets, counts) shows who syncs at all.
 */
#include <sys/mman.h>
#include <sys/syscall.h>

#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static long delay_us;
static _Atomic uint64_t *count;

__attribute__((constructor)) static void
start(void)
{
	const char *delay = getenv("BENCH_SYNC_US");
	const char *path = getenv("BENCH_SYNCS");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *map;

	delay_us = delay ? strtol(delay, NULL, 10) : 0;
	if (fd < 0)
		return;
	map = mmap(
	    NULL, sizeof *count, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (map != MAP_FAILED)
		count = map;
}

static void
slow_down(void)
{
	struct timespec delay = { delay_us / 1000000,
		delay_us % 1000000 * 1000 };

	if (count)
		++*count;
	while (nanosleep(&delay, &delay) < 0)
		;
}

int
fsync(int fd)
{
	slow_down();
	return (int)syscall(SYS_fsync, fd);
}

int
fdatasync(int fd)
{
	slow_down();
	return (int)syscall(SYS_fdatasync, fd);
}

int
syncfs(int fd)
{
	slow_down();
	return (int)syscall(SYS_syncfs, fd);
}

int
sync_file_range(int fd, off64_t from, off64_t octets, unsigned flags)
{
	slow_down();
	return (int)syscall(SYS_sync_file_range, fd, from, octets, flags);
}

int
msync(void *address, size_t octets, int flags)
{
	if (flags & MS_SYNC)
		slow_down();
	return (int)syscall(SYS_msync, address, octets, flags);
}
