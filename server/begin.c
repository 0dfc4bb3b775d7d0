#include "begin.h"

#include <sysexits.h>

#include "user.h"

int
start_begin(struct start *start, const struct options *o, struct bound *ret)
{
	bool is_asked = o->listen.n == 0 || start->nlistening > 0 ||
			start_is_network(start);
	int status = EX_OK;

	if (o->listen.n > 0)
		status = start_listen(start, o->listen.texts, o->listen.n, ret);
	if (status == EX_OK)
		status =
		    user_become(o->user, o->database, start_is_network(start));
	if (status == EX_OK) {
		bound_tell(ret);
		if (ret->nfds > 0)
			start_tell_database(o->database);
		return EX_OK;
	}
	if (is_asked)
		start_refuse(start);
	bound_remove_paths(ret);
	return status;
}
