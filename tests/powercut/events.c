#include "events.h"

#include <sys/mman.h>

#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

/* Address space; memory is used only for what is filled. */
#define EVENTS_MAX ((size_t)1 << 20)
#define DATA_MAX ((size_t)1 << 30)

struct events {
	pthread_mutex_t lock;
	size_t nevents;
	size_t ndata;
	struct event events[EVENTS_MAX];
	unsigned char data[DATA_MAX];
};

struct file_header {
	char magic[16];
	size_t event_size; /* the file is for this build of the program only */
	size_t nevents;
	size_t ndata;
	struct events_seeds seeds;
};

static const char magic[16] = "powercut log 3";

const char *const name_suffix[NAME__COUNT] = {
	[NAME_DATABASE] = "",
	[NAME_LOG] = "-wal",
	[NAME_JOURNAL] = "-journal",
};

struct events *
events_new(void)
{
	struct events *ev = mmap(NULL, sizeof *ev, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	pthread_mutexattr_t attr;

	if (ev == MAP_FAILED)
		err(EX_OSERR, "memory for the log");
	/* Robust: a writer may be killed by others than ourselves. */
	if ((errno = pthread_mutexattr_init(&attr)) ||
	    (errno = pthread_mutexattr_setpshared(
		 &attr, PTHREAD_PROCESS_SHARED)) ||
	    (errno =
		    pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST)) ||
	    (errno = pthread_mutex_init(&ev->lock, &attr)))
		err(EX_OSERR, "lock of the log");
	pthread_mutexattr_destroy(&attr);
	return ev;
}

void
events_free(struct events *ev)
{
	if (ev)
		munmap(ev, sizeof *ev);
}

/*
 * Who died with the lock may have done what he did not note, so the log is no
 * record any more.  Our own kills never come there.
 */
void
events_lock(struct events *ev)
{
	if ((errno = pthread_mutex_lock(&ev->lock)) != 0)
		err(EX_SOFTWARE, "lock of the log");
}

void
events_unlock(struct events *ev)
{
	pthread_mutex_unlock(&ev->lock);
}

size_t
events_add(struct events *ev, const struct event *e, const void *octets)
{
	struct event *to = &ev->events[ev->nevents];

	if (ev->nevents == EVENTS_MAX || e->len > DATA_MAX - ev->ndata)
		errx(EX_SOFTWARE, "the log is full");
	*to = *e;
	if (octets) {
		to->data = ev->ndata;
		memcpy(ev->data + ev->ndata, octets, e->len);
		ev->ndata += e->len;
	}
	return ev->nevents++;
}

size_t
events_count(const struct events *ev)
{
	return ev->nevents;
}

const struct event *
events_at(const struct events *ev, size_t number)
{
	return &ev->events[number];
}

const unsigned char *
events_data(const struct events *ev, const struct event *e)
{
	return ev->data + e->data;
}

const char *
events_describe(const struct events *ev, size_t number)
{
	/* clang-format off */
	static const char *const what[] = {
		[EVENT_CREATE]      = "makes",
		[EVENT_UNLINK]      = "unlinks",
		[EVENT_WRITE]       = "writes",
		[EVENT_TRUNCATE]    = "truncates",
		[EVENT_SYNC]        = "begins to sync",
		[EVENT_SYNCED]      = "has synced",
		[EVENT_SYNC_FAILED] = "failed to sync",
		[EVENT_SYNC_TOLD]   = "is told of a failed sync of",
		[EVENT_MARK]        = "marks",
		[EVENT_ACK]         = "confirms",
		[EVENT_DAMAGED]     = "finds damage",
		[EVENT_KILLED]      = "is killed",
	};
	/* clang-format on */
	static char text[200];
	const struct event *e = &ev->events[number];

	if (number == ev->nevents)
		return "the end";
	snprintf(text, sizeof text,
	    "writer %d %s the database%s, file %u, offset %lld, %zu octets, "
	    "since %zu%s, mail %llu, row %lld",
	    e->writer, what[e->kind], name_suffix[e->name], e->file,
	    (long long)e->offset, e->len, e->since, e->folder ? ", folder" : "",
	    (unsigned long long)e->key, (long long)e->id);
	return text;
}

void
events_save(
    const struct events *ev, const char *path, const struct events_seeds *seeds)
{
	struct file_header h = {
		.event_size = sizeof *ev->events,
		.nevents = ev->nevents,
		.ndata = ev->ndata,
		.seeds = *seeds,
	};
	FILE *f = fopen(path, "wb");

	memcpy(h.magic, magic, sizeof magic);
	if (!f || fwrite(&h, sizeof h, 1, f) != 1 ||
	    fwrite(ev->events, sizeof *ev->events, ev->nevents, f) !=
		ev->nevents ||
	    fwrite(ev->data, 1, ev->ndata, f) != ev->ndata || fclose(f) != 0)
		err(EX_CANTCREAT, "%s", path);
}

struct events *
events_load(const char *path, struct events_seeds *ret_seeds)
{
	struct events *ev = events_new();
	struct file_header h;
	FILE *f = fopen(path, "rb");

	if (!f)
		err(EX_NOINPUT, "%s", path);
	if (fread(&h, sizeof h, 1, f) != 1 ||
	    memcmp(h.magic, magic, sizeof magic) != 0 ||
	    h.event_size != sizeof *ev->events || h.nevents > EVENTS_MAX ||
	    h.ndata > DATA_MAX)
		errx(EX_DATAERR, "%s is no log of this program", path);
	if (fread(ev->events, sizeof *ev->events, h.nevents, f) != h.nevents ||
	    fread(ev->data, 1, h.ndata, f) != h.ndata)
		errx(EX_DATAERR, "%s is cut short", path);
	fclose(f);
	ev->nevents = h.nevents;
	ev->ndata = h.ndata;
	*ret_seeds = h.seeds;
	return ev;
}
