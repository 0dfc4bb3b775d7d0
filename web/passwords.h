/* Users and their passwords, from a file as htpasswd(1) writes it. */
#ifndef WEB_PASSWORDS_H
#define WEB_PASSWORDS_H

struct passwords;

enum passwords_verdict {
	PASSWORDS_RIGHT,
	PASSWORDS_WRONG,
	PASSWORDS_LATER, /* too soon after a wrong one to be checked */
};

/* NULL, logged: the file cannot be used. */
struct passwords *passwords_read(const char *path);
void passwords_free(struct passwords *p);

/*
 * Checks a field Authorization (RFC 7617), or NULL.  `ret_user` is borrowed
 * from `p`.  A right field is remembered, since each check is slow by design.
 */
enum passwords_verdict passwords_check(
    struct passwords *p, const char *authorization, const char **ret_user);

#endif
