/*
 * Two eventfds hand an order over and back.  What one side wrote before its
 * write(2), the other side sees after its read(2).
 */
#include "committer.h"

#include <sys/eventfd.h>

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "private.h"

struct committer {
	struct store *store;
	struct order order;
	enum verdict verdict;
	int go, done;
	bool is_busy;
	pthread_t thread;
};

static void
signal_to(int fd)
{
	const uint64_t one = 1;

	while (write(fd, &one, sizeof one) < 0 && errno == EINTR)
		;
}

static void
wait_for(int fd)
{
	uint64_t n;

	while (read(fd, &n, sizeof n) < 0 && errno == EINTR)
		;
}

/*
 * The thread
 */

static enum verdict
carry_out(struct committer *k)
{
	if (k->order.leave)
		store_leave(k->store);
	switch (k->order.job) {
	case JOB_OPEN:
		return store_open(k->store);
	case JOB_OPEN_AHEAD:
		store_open_ahead(k->store);
		break;
	case JOB_COMMIT:
		batch_commit(k->store, k->order.mail);
		break;
	case JOB_TIDY:
		return store_tidy(k->store);
	case JOB_CHECKPOINT:
		return store_checkpoint(k->store);
	case JOB_END:
		store_free(k->store);
		break;
	}
	return VERDICT_OK;
}

static void *
run(void *arg)
{
	struct committer *k = arg;
	enum job job;

	do {
		wait_for(k->go);
		job = k->order.job;
		k->verdict = carry_out(k);
		signal_to(k->done);
	} while (job != JOB_END);
	return NULL;
}

/*
 * The loop
 */

/*
 * SIGALRM, which ends a wait for the write lock, is for the thread that has the
 * store.
 */
static void
hear_alarm(bool hears)
{
	sigset_t alarm;

	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	pthread_sigmask(hears ? SIG_UNBLOCK : SIG_BLOCK, &alarm, NULL);
}

static bool
start_thread(struct committer *k)
{
	hear_alarm(false);
	errno = pthread_create(&k->thread, NULL, run, k);
	return errno == 0;
}

struct committer *
committer_start(const struct store_conf *conf)
{
	struct committer *k = calloc(1, sizeof *k);

	if (!k)
		return NULL;
	/* What the loop has freed is there for the thread, and the reverse. */
	mallopt(M_ARENA_MAX, 1);
	k->store = store_new(conf);
	k->go = eventfd(0, EFD_CLOEXEC);
	k->done = eventfd(0, EFD_CLOEXEC);
	if (k->store && k->go >= 0 && k->done >= 0 && start_thread(k))
		return k;
	close(k->go);
	close(k->done);
	store_free(k->store);
	free(k);
	return NULL;
}

void
committer_end(struct committer *k)
{
	enum verdict ignored;

	if (k->is_busy)
		committer_take(k, &ignored);
	committer_give(k, (struct order){ .job = JOB_END });
	pthread_join(k->thread, NULL);
	close(k->go);
	close(k->done);
	free(k);
}

int
committer_fd(const struct committer *k)
{
	return k->done;
}

bool
committer_is_busy(const struct committer *k)
{
	return k->is_busy;
}

void
committer_give(struct committer *k, struct order order)
{
	k->order = order;
	k->is_busy = true;
	signal_to(k->go);
}

void
committer_do(struct committer *k, struct order order)
{
	k->order = order;
	k->is_busy = true;
	/* of two threads, the kernel would choose the first */
	hear_alarm(true);
	k->verdict = carry_out(k);
	hear_alarm(false);
	signal_to(k->done);
}

struct order
committer_take(struct committer *k, enum verdict *ret)
{
	wait_for(k->done);
	k->is_busy = false;
	*ret = k->verdict;
	return k->order;
}

const char *
committer_error(const struct committer *k)
{
	return store_error(k->store);
}

struct store *
committer_store(struct committer *k)
{
	return k->store;
}
