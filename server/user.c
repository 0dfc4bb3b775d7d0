#include "user.h"

#include <sys/stat.h>

#include <errno.h>
#include <grp.h>
#include <libgen.h>
#include <limits.h>
#include <pwd.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "../cli.h"
#include "log.h"

static const char help[] =
    "give --user=NAME, or let the folder of the database belong to the user "
    "that is to serve";

/* Whom to become. */
struct identity {
	uid_t uid;
	gid_t gid;
	const char *name; /* of the user database; NULL: is not in it */
};

static int
find_by_name(const char *name, struct identity *ret)
{
	const struct passwd *pw;

	errno = 0;
	pw = getpwnam(name);
	if (!pw) {
		log_line(LOG_ERR, "--user=%s: %s", name,
		    errno ? strerror(errno) : "there is no such user");
		return EX_NOUSER;
	}
	*ret = (struct identity){ pw->pw_uid, pw->pw_gid, name };
	return EX_OK;
}

static int
find_owner(const char *database, struct identity *ret)
{
	char folder[PATH_MAX];
	const struct passwd *pw;
	struct stat st;

	if (strlen(database) >= sizeof folder) {
		log_line(LOG_ERR, "%s: %s", database, strerror(ENAMETOOLONG));
		return EX_CONFIG;
	}
	strcpy(folder, database);
	if (stat(dirname(folder), &st) < 0) {
		log_line(
		    LOG_ERR, "the folder of %s: %s", database, strerror(errno));
		return EX_CONFIG;
	}
	pw = getpwuid(st.st_uid);
	*ret = (struct identity){
		.uid = st.st_uid,
		.gid = pw ? pw->pw_gid : st.st_gid,
		.name = pw ? pw->pw_name : NULL,
	};
	return EX_OK;
}

/* Checks that it is for good: what can be taken back was not given up. */
static bool
change(const struct identity *to)
{
	uid_t real, effective, saved;

	if ((to->name ? initgroups(to->name, to->gid)
		      : setgroups(1, &to->gid)) < 0 ||
	    setresgid(to->gid, to->gid, to->gid) < 0 ||
	    setresuid(to->uid, to->uid, to->uid) < 0 ||
	    getresuid(&real, &effective, &saved) < 0)
		return false;
	errno = EPERM;
	return real == to->uid && effective == to->uid && saved == to->uid &&
	       setuid(0) < 0;
}

int
user_become(const char *name, const char *database, bool is_network)
{
	struct identity to = { .uid = 0 };
	int status = EX_OK;

	if (!name && geteuid() != 0)
		return EX_OK;
	if (!name && !is_network) {
		log_line(LOG_WARNING,
		    "runs as root, and what it makes belongs to root; "
		    "--user=NAME makes it another's");
		return EX_OK;
	}
	if (name)
		status = find_by_name(name, &to);
	else if (!cli_is_postgresql(database)) /* else no folder has an owner */
		status = find_owner(database, &to);
	if (status != EX_OK)
		return status;
	if (geteuid() != 0) {
		if (to.uid == geteuid())
			return EX_OK;
		log_line(
		    LOG_ERR, "--user=%s: only root can become another", name);
		return EX_NOPERM;
	}
	if (to.uid == 0) {
		log_line(LOG_ERR, "root does not serve a network: %s", help);
		return EX_NOPERM;
	}
	if (change(&to))
		return EX_OK;
	log_line(LOG_ERR, "cannot become user %lu: %s; %s",
	    (unsigned long)to.uid, strerror(errno), help);
	return EX_NOPERM;
}
