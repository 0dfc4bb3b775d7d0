#include <sys/resource.h>

#include "../mail/idn.h"
#include "../mail/wire.h"
#include "confine.h"
#include "options.h"

bool
confine_session(const struct options *o, bool alone)
{
	if (o->no_confine)
		return true;
	if (alone) {
		idn_load();
		return confine_session_alone(o->database, o->new_mail);
	}
	/* The largest files are a spool and a record. */
	return confine_session_of_listener(
	    o->record ? RLIM_INFINITY : o->max_size + WIRE_CHANGES_ROOM);
}
