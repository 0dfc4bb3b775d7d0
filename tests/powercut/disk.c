/*
 * Of each file there is what is certain to be on the disk, what the processes
 * see, and a list of changes between the two.  A change keeps its sectors as
 * they looked after it: the disk holds each sector as it was at some time, for
 * the kernel writes pages, not what a process changed in them.  So an image is
 * made by copying, in order, those sectors that got through.
 *
 * When a sync returns, the last change of each sector before its beginning is
 * certain, and all earlier ones are gone.  But a change that was there when a
 * sync failed may be dropped: the kernel may believe that it is written.  While
 * that is the last one of its sector, no sync makes anything certain of it.
 *
 * A file system does not lose a truncation and keep what was written to the
 * space that it gave free: both are in its journal, in order.
 */
#include "disk.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "random.h"

enum sector_state {
	SECTOR_GONE, /* certain by now, or overwritten by what is */
	SECTOR_DIRTY,
	SECTOR_DROPPED,
};

struct change {
	size_t event;
	bool truncates;
	size_t size; /* of the file, after it */
	size_t first, nsectors;
	unsigned char *sectors;
	unsigned char *state; /* enum sector_state */
};

struct file {
	struct content certain, seen;
	struct change *changes;
	unsigned nchanges, cap;
};

struct entry {
	size_t event;
	unsigned file;
};

struct directory_name {
	unsigned certain, seen;
	struct entry changes[DISK_CANDIDATES];
	unsigned nchanges;
};

struct disk {
	const struct events *events;
	size_t at;
	struct directory_name names[NAME__COUNT];
	struct file *files; /* by number */
	unsigned nfiles;
};

/*
 * Memory
 */

static void *
more(void *p, size_t n, size_t size)
{
	p = reallocarray(p, n, size);
	if (!p)
		err(EX_OSERR, "memory");
	return p;
}

/* Longer files get zeros. */
static void
resize(struct content *c, size_t len)
{
	if (len > c->cap) {
		c->cap = len + len / 2 + DISK_SECTOR;
		c->octets = more(c->octets, c->cap, 1);
	}
	if (len > c->len)
		memset(c->octets + c->len, 0, len - c->len);
	c->len = len;
}

void
content_free(struct content *c)
{
	free(c->octets);
	*c = (struct content){ NULL, 0, 0 };
}

static void
copy(struct content *to, const struct content *from)
{
	to->len = 0;
	resize(to, from->len);
	if (from->len > 0)
		memcpy(to->octets, from->octets, from->len);
}

static void
free_change(struct change *c)
{
	free(c->sectors);
	free(c->state);
}

struct disk *
disk_new(const struct events *ev)
{
	struct disk *d = calloc(1, sizeof *d);

	if (!d)
		err(EX_OSERR, "memory");
	d->events = ev;
	return d;
}

void
disk_free(struct disk *d)
{
	for (unsigned i = 0; i < d->nfiles; i++) {
		struct file *f = &d->files[i];

		for (unsigned j = 0; j < f->nchanges; j++)
			free_change(&f->changes[j]);
		free(f->changes);
		content_free(&f->certain);
		content_free(&f->seen);
	}
	free(d->files);
	free(d);
}

static struct file *
file_at(struct disk *d, unsigned number)
{
	if (number >= d->nfiles) {
		d->files = more(d->files, number + 1, sizeof *d->files);
		memset(d->files + d->nfiles, 0,
		    (number + 1 - d->nfiles) * sizeof *d->files);
		d->nfiles = number + 1;
	}
	return &d->files[number];
}

static struct change *
add_change(struct file *f, size_t event)
{
	if (f->nchanges == f->cap) {
		f->cap = f->cap * 2 + 16;
		f->changes = more(f->changes, f->cap, sizeof *f->changes);
	}
	f->changes[f->nchanges] = (struct change){ .event = event };
	return &f->changes[f->nchanges++];
}

/*
 * Events
 */

static void
write_file(struct disk *d, struct file *f, const struct event *e)
{
	size_t offset = (size_t)e->offset, end = offset + e->len, from, len;
	struct change *c = add_change(f, d->at);

	if (end > f->seen.len)
		resize(&f->seen, end);
	if (!e->same)
		memcpy(
		    f->seen.octets + offset, events_data(d->events, e), e->len);
	c->size = f->seen.len;
	c->first = offset / DISK_SECTOR;
	c->nsectors = (end + DISK_SECTOR - 1) / DISK_SECTOR - c->first;
	c->state = more(NULL, c->nsectors, 1);
	memset(c->state, SECTOR_DIRTY, c->nsectors);
	c->sectors = more(NULL, c->nsectors, DISK_SECTOR);
	memset(c->sectors, 0, c->nsectors * DISK_SECTOR);
	from = c->first * DISK_SECTOR;
	len = c->nsectors * DISK_SECTOR;
	if (len > f->seen.len - from)
		len = f->seen.len - from; /* the last sector is cut short */
	memcpy(c->sectors, f->seen.octets + from, len);
}

static void
truncate_file(struct disk *d, struct file *f, const struct event *e)
{
	struct change *c;
	size_t size = (size_t)e->offset;

	if (size == f->seen.len)
		return;
	c = add_change(f, d->at);
	c->truncates = size < f->seen.len;
	c->size = size;
	resize(&f->seen, size);
}

/* The sectors of `c` that lie wholly behind the new end are gone. */
static void
cut_change(struct change *c, size_t size)
{
	for (size_t i = 0; i < c->nsectors; i++) {
		if ((c->first + i) * DISK_SECTOR >= size)
			c->state[i] = SECTOR_GONE;
	}
}

/* Makes the changes of the size that came before event `since` certain. */
static void
settle_sizes(struct file *f, size_t since)
{
	for (unsigned i = 0; i < f->nchanges; i++) {
		struct change *c = &f->changes[i];

		if (c->event >= since || c->nsectors > 0)
			continue;
		resize(&f->certain, c->size);
		for (unsigned j = 0; c->truncates && j < i; j++)
			cut_change(&f->changes[j], c->size);
	}
}

static void
put_sector(struct content *to, const struct change *c, size_t i)
{
	size_t from = (c->first + i) * DISK_SECTOR;
	size_t len = DISK_SECTOR;

	if (len > c->size - from)
		len = c->size - from;
	if (from + len > to->len)
		resize(to, from + len);
	memcpy(to->octets + from, c->sectors + i * DISK_SECTOR, len);
}

/*
 * Goes back from event `since`: of each sector, the last change decides.
 * `decided` has the sector's state there once it is known.
 */
static void
settle_sectors(struct file *f, size_t since, unsigned char *decided)
{
	enum {
		OPEN,
		CERTAIN,
		DOUBTFUL
	};

	for (unsigned i = f->nchanges; i-- > 0;) {
		struct change *c = &f->changes[i];

		if (c->event >= since)
			continue;
		for (size_t j = 0; j < c->nsectors; j++) {
			unsigned char *verdict = &decided[c->first + j];

			if (c->state[j] == SECTOR_GONE)
				continue;
			if (*verdict == OPEN) {
				*verdict = c->state[j] == SECTOR_DIRTY
					       ? CERTAIN
					       : DOUBTFUL;
				if (*verdict == CERTAIN)
					put_sector(&f->certain, c, j);
			}
			if (*verdict == CERTAIN)
				c->state[j] = SECTOR_GONE;
		}
	}
}

static bool
is_over(const struct change *c, size_t since)
{
	if (c->nsectors == 0)
		return c->event < since;
	for (size_t i = 0; i < c->nsectors; i++) {
		if (c->state[i] != SECTOR_GONE)
			return false;
	}
	return true;
}

static void
forget_changes(struct file *f, size_t since)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < f->nchanges; i++) {
		if (is_over(&f->changes[i], since))
			free_change(&f->changes[i]);
		else
			f->changes[kept++] = f->changes[i];
	}
	f->nchanges = kept;
}

static void
settle(struct file *f, size_t since)
{
	size_t nsectors = 0;
	unsigned char *decided;

	for (unsigned i = 0; i < f->nchanges; i++) {
		struct change *c = &f->changes[i];

		if (c->first + c->nsectors > nsectors)
			nsectors = c->first + c->nsectors;
	}
	settle_sizes(f, since);
	decided = calloc(nsectors + 1, 1);
	if (!decided)
		err(EX_OSERR, "memory");
	settle_sectors(f, since, decided);
	free(decided);
	forget_changes(f, since);
}

/* What was there when the sync failed, whenever it was written. */
static void
drop(struct file *f)
{
	for (unsigned i = 0; i < f->nchanges; i++) {
		struct change *c = &f->changes[i];

		for (size_t j = 0; j < c->nsectors; j++) {
			if (c->state[j] == SECTOR_DIRTY)
				c->state[j] = SECTOR_DROPPED;
		}
	}
}

static void
change_name(struct disk *d, enum name name, unsigned file)
{
	struct directory_name *n = &d->names[name];

	if (n->nchanges == DISK_CANDIDATES - 1)
		errx(EX_SOFTWARE, "the folder was never synced");
	n->seen = file;
	n->changes[n->nchanges++] = (struct entry){ d->at, file };
}

static void
settle_names(struct disk *d, size_t since)
{
	for (int i = 0; i < NAME__COUNT; i++) {
		struct directory_name *n = &d->names[i];
		unsigned kept = 0;

		for (unsigned j = 0; j < n->nchanges; j++) {
			if (n->changes[j].event < since)
				n->certain = n->changes[j].file;
			else
				n->changes[kept++] = n->changes[j];
		}
		n->nchanges = kept;
	}
}

static void
play(struct disk *d, const struct event *e)
{
	switch (e->kind) {
	case EVENT_CREATE:
		change_name(d, e->name, e->file);
		break;
	case EVENT_UNLINK:
		change_name(d, e->name, 0);
		break;
	case EVENT_WRITE:
		write_file(d, file_at(d, e->file), e);
		break;
	case EVENT_TRUNCATE:
		truncate_file(d, file_at(d, e->file), e);
		break;
	case EVENT_SYNCED:
		if (e->file)
			settle(file_at(d, e->file), e->since);
		if (e->folder)
			settle_names(d, e->since);
		break;
	case EVENT_SYNC_FAILED:
		drop(file_at(d, e->file));
		break;
	case EVENT_SYNC:
	case EVENT_SYNC_TOLD:
	case EVENT_MARK:
	case EVENT_ACK:
	case EVENT_DAMAGED:
	case EVENT_KILLED:
		break;
	}
}

void
disk_advance(struct disk *d, size_t cut)
{
	for (; d->at < cut; d->at++)
		play(d, events_at(d->events, d->at));
}

/*
 * Images
 */

static unsigned
add_candidate(unsigned *files, unsigned n, unsigned file)
{
	for (unsigned i = 0; i < n; i++) {
		if (files[i] == file)
			return n;
	}
	files[n] = file;
	return n + 1;
}

unsigned
disk_candidates(
    const struct disk *d, enum name name, unsigned ret_files[DISK_CANDIDATES])
{
	const struct directory_name *dn = &d->names[name];
	unsigned n = add_candidate(ret_files, 0, dn->certain);

	for (unsigned i = 0; i < dn->nchanges; i++)
		n = add_candidate(ret_files, n, dn->changes[i].file);
	return n;
}

unsigned
disk_uncertain(const struct disk *d, unsigned file)
{
	return file < d->nfiles ? d->files[file].nchanges : 0;
}

/* The `i`-th change, or a sector of it when sectors are torn. */
static bool
survives(const struct survival *s, unsigned i, struct random *r)
{
	switch (s->which) {
	case SURVIVE_NONE:
	case SURVIVE__COUNT:
		return false;
	case SURVIVE_ALL:
		return true;
	case SURVIVE_FIRST:
		return i < s->n;
	case SURVIVE_BUT_ONE:
		return i != s->n;
	case SURVIVE_ONE:
		return i == s->n;
	case SURVIVE_MASK:
		return i < 64 && s->seed >> i & 1;
	case SURVIVE_SOME:
	case SURVIVE_TORN:
		return random_below(r, 100) < s->n;
	}
	return false;
}

static void
put_sectors(struct content *to, const struct change *c, size_t limit,
    const struct survival *s, unsigned number, struct random *r)
{
	bool all = s->which != SURVIVE_TORN && survives(s, number, r);

	for (size_t i = 0; i < c->nsectors; i++) {
		if (c->state[i] == SECTOR_GONE ||
		    (c->first + i) * DISK_SECTOR >= limit)
			continue;
		if (all || (s->which == SURVIVE_TORN && survives(s, 0, r)))
			put_sector(to, c, i);
	}
}

void
disk_content(const struct disk *d, unsigned file, const struct survival *s,
    struct content *ret)
{
	const struct file *f;
	struct random r = random_stream(s->seed, file);
	size_t limit = SIZE_MAX;

	ret->len = 0;
	if (file >= d->nfiles)
		return;
	f = &d->files[file];
	copy(ret, &f->certain);
	for (unsigned i = 0; i < f->nchanges; i++) {
		const struct change *c = &f->changes[i];

		if (c->nsectors > 0)
			put_sectors(ret, c, limit, s, i, &r);
		else if (limit == SIZE_MAX && survives(s, i, &r))
			resize(ret, c->size);
		else if (c->truncates && c->size < limit)
			limit = c->size;
	}
}

void
disk_seen(const struct disk *d, unsigned file, struct content *ret)
{
	ret->len = 0;
	if (file < d->nfiles)
		copy(ret, &d->files[file].seen);
}

unsigned
disk_seen_file(const struct disk *d, enum name name)
{
	return d->names[name].seen;
}
