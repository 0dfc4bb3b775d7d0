#include "rights.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	GROUPS_MAX = 256, /* root is in few groups */
};

static uid_t owner;
static gid_t group;
static gid_t groups[GROUPS_MAX];
static int ngroups;
static bool may_return;

/*
 * Returns the owner of the folder in which the path ends.  0: root, or not
 * known.
 */
static uid_t
owner_of_folder(const char *path, gid_t *ret_group)
{
	char folder[PATH_MAX];
	struct stat is;

	snprintf(folder, sizeof folder, "%s", path);
	if (stat(dirname(folder), &is) < 0)
		return 0;
	*ret_group = is.st_gid;
	return is.st_uid;
}

/*
 * Returns the owner of the folder that the path names, or, if that is root, of
 * the folder to which its links lead.  The first one decides: whoever owns it
 * says where a link in it leads.
 */
static uid_t
find_owner(const char *database, gid_t *ret_group)
{
	uid_t is = owner_of_folder(database, ret_group);
	char *real;

	if (is != 0)
		return is;
	real = realpath(database, NULL);
	if (real)
		is = owner_of_folder(real, ret_group);
	free(real);
	return is;
}

static int
become(bool for_good)
{
	if (setgroups(1, &group) < 0 ||
	    setresgid(group, group, for_good ? group : 0) < 0)
		return -1;
	return setresuid(owner, owner, for_good ? owner : 0);
}

int
rights_become_owner(const char *database, bool for_good)
{
	if (geteuid() != 0)
		return 0;
	owner = find_owner(database, &group);
	if (owner == 0)
		return 0;
	ngroups = getgroups(GROUPS_MAX, groups);
	if (ngroups < 0 || become(for_good) < 0)
		return -1;
	may_return = !for_good;
	return 0;
}

void
rights_begin(void)
{
	int saved = errno;

	if (may_return && (setresuid(0, 0, 0) < 0 || setresgid(0, 0, 0) < 0 ||
			      setgroups((size_t)ngroups, groups) < 0))
		abort(); /* who was root may become it again */
	errno = saved;
}

void
rights_end(void)
{
	int saved = errno;

	if (may_return && become(false) < 0)
		abort(); /* root may become anybody */
	errno = saved;
}

int
rights_open(const char *path, int flags, mode_t mode)
{
	int fd;

	rights_begin();
	fd = open(path, flags | O_CLOEXEC, mode);
	rights_end();
	return fd;
}
