/*
 * The turn is a lock that the kernel takes back from whoever dies.  But nobody
 * sleeps for it in the kernel's queue: with that, those whose mails the last
 * sync has covered wait for the next ones behind those for whom it must be
 * made, and where a newcomer gets the lock before the first of the queue is
 * awake, the kernel wakes all of them to line up anew.  They sleep on a word of
 * the file (futex(2)), all wake when a turn has ended, and look at what is
 * known.  64 writers and a disk that takes 5 ms to sync: 3,700 mails a second
 * instead of 720, and as many with a fast disk (bench/store, slow_fsync.c).
 *
 * The word only saves time: who dies in his turn wakes nobody, so nobody sleeps
 * for long.
 */
#include "synced.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <linux/futex.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../clock.h"

enum {
	LOCK_AT = 64, /* an octet that need not be there */
	NAP_MS = 20,
	WORDS = sizeof(struct log_end) / sizeof(uint32_t),
};

/* The lock file.  Words, since none of them is ever read by halves. */
struct shared {
	uint32_t mark; /* the turnstile's */
	_Atomic uint32_t turns;
	_Atomic uint32_t begun[SYNCED__COUNT];
	/* Twice, written last one first: while they differ, nothing is known. */
	_Atomic uint32_t end[2][WORDS];
};

struct synced {
	int fd;
	struct shared *shared;
};

struct synced *
synced_open(int lock)
{
	struct synced *s = malloc(sizeof *s);
	void *map = MAP_FAILED;
	struct stat st;

	if (!s)
		return NULL;
	/*
	 * The first octet is there, and with it the block of all of these.  On
	 * a full disk that copies blocks to write them (btrfs), touching it can
	 * end the session by SIGBUS: before its 250, so nothing is lost.
	 */
	if (fstat(lock, &st) == 0 &&
	    (st.st_size >= (off_t)sizeof(struct shared) ||
		ftruncate(lock, sizeof(struct shared)) == 0))
		map = mmap(NULL, sizeof(struct shared), PROT_READ | PROT_WRITE,
		    MAP_SHARED, lock, 0);
	if (map == MAP_FAILED) {
		free(s);
		return NULL;
	}
	*s = (struct synced){ .fd = lock, .shared = map };
	return s;
}

void
synced_close(struct synced *s)
{
	if (s)
		munmap(s->shared, sizeof *s->shared);
	free(s);
}

bool
synced_read(const struct synced *s, struct log_end *ret)
{
	uint32_t words[2][WORDS];

	for (size_t i = 0; i < 2; i++) {
		for (size_t j = 0; j < WORDS; j++)
			words[i][j] = s->shared->end[i][j];
	}
	memcpy(ret, words[0], sizeof *ret);
	return memcmp(words[0], words[1], sizeof *ret) == 0;
}

void
synced_write(struct synced *s, const struct log_end *end)
{
	uint32_t words[WORDS];

	memcpy(words, end, sizeof words);
	for (size_t i = 2; i-- > 0;) {
		for (size_t j = 0; j < WORDS; j++)
			s->shared->end[i][j] = words[j];
	}
}

uint32_t
synced_turns(const struct synced *s)
{
	return s->shared->turns;
}

/* A lock of this descriptor, not of the process: it goes with it. */
static int
lock_turn(const struct synced *s, short type)
{
	struct flock lock = {
		.l_type = type,
		.l_whence = SEEK_SET,
		.l_start = LOCK_AT,
		.l_len = 1,
	};

	return fcntl(s->fd, F_OFD_SETLK, &lock);
}

/* Not at all if there was a turn since `turns` were counted. */
static void
nap(struct synced *s, uint32_t turns)
{
	static const struct timespec time = { .tv_nsec = NAP_MS * 1000000L };

	syscall(
	    SYS_futex, &s->shared->turns, FUTEX_WAIT, turns, &time, NULL, 0);
}

int
synced_enter(struct synced *s, uint32_t turns, int64_t deadline)
{
	while (lock_turn(s, F_WRLCK) < 0) {
		if (errno != EAGAIN && errno != EACCES)
			return -1;
		if (clock_ms() >= deadline) {
			errno = ETIMEDOUT;
			return -1;
		}
		nap(s, turns);
		if (s->shared->turns != turns)
			return 0;
	}
	return 1;
}

/* In this order: who has counted the new turn does not wait for this one. */
void
synced_leave(struct synced *s)
{
	lock_turn(s, F_UNLCK);
	s->shared->turns++;
	syscall(
	    SYS_futex, &s->shared->turns, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

bool
synced_begin(struct synced *s, enum synced_place place)
{
	return atomic_exchange(&s->shared->begun[place], 1) != 0;
}

void
synced_end(struct synced *s, enum synced_place place)
{
	s->shared->begun[place] = 0;
}
