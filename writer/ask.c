/*
 * The connection to the database for questions, beside the one that commits,
 * which makes the database and closes it last.
 */
#include "private.h"

void
ask_refresh(struct writer *w)
{
	w->tried = false;
	store_refresh(w->store);
}

/*
 * Has the thread open its connection first, and waits for that.  If ours fails
 * to open half way, the kernel drops all locks that this process has on the
 * database (POSIX), so no other connection may have been open before.
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
	/* Of thousands of questions that come at once, only one waits. */
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
