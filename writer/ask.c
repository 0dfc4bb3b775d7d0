/*
 * The database that questions are put to, with a connection of its own beside
 * the one that commits.  That one makes it, and closes it last.
 */
#include "private.h"

void
ask_refresh(struct writer *w)
{
	w->tried = false;
	store_refresh(w->store);
}

/*
 * Has the thread open it, and waits for that.  Should ours fail to open half way,
 * all locks that this process has on the database go with its file (POSIX), so
 * no other is open from before.
 */
static enum verdict
begin_anew(struct writer *w, enum job job)
{
	enum verdict result;

	committer_give(w->committer, (struct order){ job, true, NULL });
	committer_take(w->committer, &result);
	return result;
}

static enum verdict
try_to_open(struct writer *w)
{
	enum verdict result;

	w->why = "the database has just moved";
	if (committer_is_busy(w->committer))
		return VERDICT_BUSY;
	result = begin_anew(w, JOB_OPEN);
	w->why = committer_error(w->committer);
	if (result != VERDICT_OK)
		return result;
	w->why = store_error(w->store);
	return store_open(w->store);
}

enum verdict
ask_open(struct writer *w, const char **ret_cause)
{
	if (store_is_open(w->store))
		return VERDICT_OK;
	/* Of thousands that come at once, only one waits. */
	if (!w->tried)
		w->opened = try_to_open(w);
	w->tried = true;
	*ret_cause = w->why;
	return w->opened;
}

void
ask_open_ahead(struct writer *w)
{
	if (committer_is_busy(w->committer) || !store_leave_if_moved(w->store))
		return;
	begin_anew(w, JOB_OPEN_AHEAD);
	store_open_ahead(w->store);
}
