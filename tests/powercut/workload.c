#include "workload.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <err.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "disk.h"
#include "mail.h"
#include "outsider.h"
#include "random.h"

enum {
	WRITERS_MAX = 64,
	WAIT_MS = 20000,
	SESSION_MAILS = 6,
	STEPS_TO_LIVE = 60,
	LISTENER_US = 3000,
	ROUND_SEC = 300, /* no round hangs for ever */
	FILE_MAX = 1 << 28,
};

/* Shared by the processes of a round. */
struct round {
	const struct workload *w;
	struct vfs *vfs;
	atomic_int stop;
	atomic_uint races, refused;
	unsigned given[WRITERS_MAX]; /* mails, by writer */
	unsigned starts[WRITERS_MAX];
	pid_t pids[WRITERS_MAX];
};

/*
 * A writer
 */

/* When a mail is not confirmed there must be a reason. */
static void
judge(struct round *round, const struct store *st, enum verdict r)
{
	const struct vfs_plan *plan = &round->w->plan;

	if (r == VERDICT_CORRUPT) {
		vfs_note_damage();
	} else if (plan->fail_percent == 0 && plan->sabotage == SABOTAGE_NONE) {
		fprintf(stderr, "REFUSED (%d): %s\n", (int)r, store_error(st));
		round->refused++;
	}
}

static void
store_one(struct round *round, struct store *st, int writer, struct random *r)
{
	static struct mail m;
	const struct workload *w = round->w;
	/* Counted before: who is killed does not send it again. */
	unsigned n = w->first + round->given[writer]++;
	int64_t id;
	enum verdict result;

	mail_make(w->mail_seed, mail_key(writer, n, w->large), &m);
	result = mail_store(st, &m, &id);
	if (result == VERDICT_OK)
		vfs_acknowledge(m.key, id);
	else
		judge(round, st, result);
	/* The WAL is rarely as long as store_tidy() wants it. */
	result = random_below(r, 6) ? store_tidy(st) : store_checkpoint(st);
	if (result == VERDICT_CORRUPT)
		vfs_note_damage();
}

static void
write_mails(struct round *round, int writer)
{
	const struct workload *w = round->w;
	struct store_conf conf = { .path = w->path, .wait_ms = WAIT_MS };
	/* Another one each time, or it is killed at the same step for ever. */
	struct random r = random_stream(
	    w->plan.seed, (uint64_t)writer << 32 | round->starts[writer]++);

	while (round->given[writer] < w->mails) {
		struct store *st = store_new(&conf);
		unsigned n = random_below(&r, SESSION_MAILS + 1);

		if (!st)
			errx(EX_OSERR, "memory");
		if (w->kills && random_below(&r, 4) == 0)
			vfs_kill_after(1 + random_below(&r, STEPS_TO_LIVE));
		/* Some only look a recipient up. */
		if (n == 0 && store_open(st) == VERDICT_CORRUPT)
			vfs_note_damage();
		for (; n > 0 && round->given[writer] < w->mails; n--)
			store_one(round, st, writer, &r);
		store_free(st);
		vfs_kill_after(0);
	}
}

/*
 * The round
 */

/* The process that never ends and copies what the others committed. */
static void
listen_on(struct round *round)
{
	struct store_conf conf = { .path = round->w->path, .wait_ms = WAIT_MS };
	struct store *st = store_new(&conf);

	if (!st)
		errx(EX_OSERR, "memory");
	while (!round->stop) {
		struct timespec pause = { 0, LISTENER_US * 1000 };

		nanosleep(&pause, NULL);
		if (store_open(st) == VERDICT_OK &&
		    store_checkpoint(st) == VERDICT_CORRUPT)
			vfs_note_damage();
	}
	store_free(st);
}

enum role {
	ROLE_LISTENER = WRITERS_MAX - 3,
	ROLE_READER,
	ROLE_CHECKPOINTER,
};

/* SQLite takes global settings only before its first use, which is ours. */
static void
let_store_configure(void)
{
	struct store_conf conf = { .path = "", .wait_ms = 0 };

	store_free(store_new(&conf));
}

static void
start(struct round *round, int writer)
{
	pid_t pid = fork();

	if (pid < 0)
		err(EX_OSERR, "fork");
	if (pid > 0) {
		round->pids[writer] = pid;
		return;
	}
	/* Nobody stays behind when the round breaks off. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	let_store_configure();
	vfs_register(round->vfs, writer);
	if (writer == ROLE_LISTENER)
		listen_on(round);
	else if (writer == ROLE_READER)
		outsider_read(round->w->path, round->vfs, &round->stop);
	else if (writer == ROLE_CHECKPOINTER)
		round->races = outsider_checkpoint(round->w->path, round->vfs,
		    &round->stop,
		    round->w->plan.sabotage == SABOTAGE_CHECKPOINT);
	else
		write_mails(round, writer);
	_exit(0);
}

static int
writer_of(const struct round *round, pid_t pid)
{
	int writer = 0;

	while (writer < WRITERS_MAX && round->pids[writer] != pid)
		writer++;
	if (writer == WRITERS_MAX)
		errx(EX_SOFTWARE, "a stranger's process ended");
	return writer;
}

/* Until `n` processes are done; a writer that was killed goes on. */
static void
supervise(struct round *round, int n)
{
	while (n > 0) {
		int status;
		pid_t pid = wait(&status);
		int writer;

		if (pid < 0)
			err(EX_OSERR, "wait");
		writer = writer_of(round, pid);
		round->pids[writer] = 0;
		if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
			start(round, writer);
		else if (status != 0)
			errx(EX_SOFTWARE, "writer %d ended with status %d",
			    writer, status);
		else
			n--;
	}
}

/*
 * What was there before
 */

static void
read_file(const char *path, struct content *ret)
{
	FILE *f = fopen(path, "rb");

	ret->len = 0;
	if (!f)
		return;
	if (!ret->octets) {
		ret->octets = malloc(FILE_MAX);
		ret->cap = FILE_MAX;
	}
	if (!ret->octets)
		err(EX_OSERR, "memory");
	ret->len = fread(ret->octets, 1, FILE_MAX, f);
	fclose(f);
}

static void
note_file(struct round *round, struct events *ev, enum name name)
{
	char path[4096];
	struct content c = { NULL, 0, 0 };
	struct event e = { .writer = EVENT_BEFORE, .name = name };

	snprintf(path, sizeof path, "%s%s", round->w->path, name_suffix[name]);
	if (access(path, F_OK) < 0)
		return;
	read_file(path, &c);
	e.file = vfs_add_file(round->vfs, name);
	e.kind = EVENT_CREATE;
	events_add(ev, &e, NULL);
	e.kind = EVENT_WRITE;
	e.len = c.len;
	if (c.len > 0)
		events_add(ev, &e, c.octets);
	e.kind = EVENT_SYNCED;
	e.since = events_count(ev);
	e.folder = true;
	e.len = 0;
	events_add(ev, &e, NULL);
	content_free(&c);
}

static void
note_acks(const struct workload *w, struct events *ev)
{
	for (size_t i = 0; w->before && i < w->cut; i++) {
		struct event e = *events_at(w->before, i);

		e.writer = EVENT_BEFORE;
		if (e.kind == EVENT_ACK)
			events_add(ev, &e, NULL);
	}
}

/* The recorder is right only if its files are those of the kernel. */
static void
compare_files(const struct round *round, const struct events *ev)
{
	struct disk *d = disk_new(ev);
	struct content noted = { NULL, 0, 0 }, real = { NULL, 0, 0 };
	char path[4096];

	disk_advance(d, events_count(ev));
	for (int n = 0; n < NAME__COUNT; n++) {
		snprintf(
		    path, sizeof path, "%s%s", round->w->path, name_suffix[n]);
		read_file(path, &real);
		disk_seen(d, disk_seen_file(d, (enum name)n), &noted);
		if (real.len != noted.len ||
		    (real.len > 0 &&
			memcmp(real.octets, noted.octets, real.len) != 0))
			errx(EX_SOFTWARE, "%s is not as the log says", path);
	}
	content_free(&noted);
	content_free(&real);
	disk_free(d);
}

static void
count(const struct round *round, const struct events *ev, struct worked *sum)
{
	for (int i = 0; i < round->w->writers; i++)
		sum->mails += round->given[i];
	for (size_t i = 0; i < events_count(ev); i++) {
		const struct event *e = events_at(ev, i);

		sum->acks += e->kind == EVENT_ACK && e->writer != EVENT_BEFORE;
		sum->killed += e->kind == EVENT_KILLED;
		sum->syncs += e->kind == EVENT_SYNC;
		sum->failed_syncs +=
		    e->kind == EVENT_SYNC_FAILED || e->kind == EVENT_SYNC_TOLD;
	}
	sum->resets += vfs_log(round->vfs).generation;
	sum->races += round->races;
	sum->refused += round->refused;
}

void
workload_run(const struct workload *w, struct events *ev, struct worked *sum)
{
	struct round *round = mmap(NULL, sizeof *round, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (round == MAP_FAILED)
		err(EX_OSERR, "memory");
	alarm(ROUND_SEC); /* the children go with us */
	round->w = w;
	round->vfs = vfs_new(ev, &w->plan);
	for (int n = 0; n < NAME__COUNT; n++)
		note_file(round, ev, (enum name)n);
	note_acks(w, ev);
	if (w->listener)
		start(round, ROLE_LISTENER);
	if (w->reader)
		start(round, ROLE_READER);
	if (w->checkpointer)
		start(round, ROLE_CHECKPOINTER);
	for (int i = 0; i < w->writers; i++)
		start(round, i);
	supervise(round, w->writers);
	round->stop = 1;
	supervise(round, w->listener + w->reader + w->checkpointer);
	alarm(0);
	compare_files(round, ev);
	count(round, ev, sum);
	vfs_free(round->vfs);
	munmap(round, sizeof *round);
}
