#include "programs.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../cli.h"

enum {
	ARGUMENTS_MAX = 2 * LISTENERS_MAX + 16,
};

struct arguments {
	char path[PATH_MAX];
	const char *argv[ARGUMENTS_MAX];
	size_t n;
};

static void
add(struct arguments *a, const char *argument)
{
	if (a->n + 1 < ARGUMENTS_MAX)
		a->argv[a->n++] = argument;
	a->argv[a->n] = NULL;
}

/* Beside this program; argv[0] is what the kernel has started. */
static void
begin(struct arguments *a, const char *name)
{
	ssize_t len =
	    readlink("/proc/self/exe", a->path, sizeof a->path - NAME_MAX - 2);
	char *slash;

	a->path[len > 0 ? len : 0] = '\0';
	slash = strrchr(a->path, '/');
	strcpy(slash ? slash + 1 : a->path, name);
	add(a, a->path);
}

/* A name without a slash may be that of a credential (systemd.exec(5)). */
static const char *
find_file(const char *name)
{
	const char *folder = getenv("CREDENTIALS_DIRECTORY");
	char *path;

	if (!folder || strchr(name, '/'))
		return name;
	if (asprintf(&path, "%s/%s", folder, name) < 0)
		return name;
	if (access(path, F_OK) == 0)
		return path;
	free(path);
	return name;
}

static void
add_each(struct arguments *a, const char *option, const struct text_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		add(a, option);
		add(a, find_file(list->texts[i]));
	}
}

static const char *const *
make_tls(const struct options *o)
{
	static struct arguments a;

	begin(&a, "smtpd-tls");
	add_each(&a, "--cert", &o->tls_certs);
	add_each(&a, "--key", &o->tls_keys);
	if (o->tls_ca) {
		add(&a, "--ca");
		add(&a, find_file(o->tls_ca));
	}
	if (o->tls_require_client)
		add(&a, "--require-client");
	if (o->no_confine)
		add(&a, "--no-confine");
	return a.argv;
}

static const char *const *
make_auth(const struct options *o)
{
	static struct arguments a;

	begin(&a, cli_is_postgresql(o->database) ? "smtpd-auth-postgresql"
						 : "smtpd-auth");
	add(&a, "--database");
	add(&a, o->database);
	if (o->auth == AUTH_BY_DOVECOT) {
		add(&a, "--dovecot");
		add(&a, o->auth_dovecot);
	}
	if (o->no_confine)
		add(&a, "--no-confine");
	return a.argv;
}

const struct helper_conf *
programs_of(const struct options *o)
{
	static struct helper_conf confs[HELPER__COUNT];

	bool tls = o->tls_certs.n > 0;
	bool auth = o->auth == AUTH_BY_ROWS || o->auth == AUTH_BY_DOVECOT;

	if (tls && !confs[HELPER_TLS].argv)
		confs[HELPER_TLS] = (struct helper_conf){
			.argv = make_tls(o),
			.may_tell =
			    FACT_BIT(FACT_TLS) | FACT_BIT(FACT_CLIENT_SUBJECT),
			.without = "clients are served without TLS",
		};
	if (auth && !confs[HELPER_AUTH].argv)
		confs[HELPER_AUTH] = (struct helper_conf){
			.argv = make_auth(o),
			.may_tell = FACT_BIT(FACT_ACCOUNT),
			.without = "nobody can authenticate",
		};
	return tls || auth ? confs : NULL;
}
