/*
 * doctor: who can authenticate, and what keeps them from it.  The options are
 * those that the units give smtpd (service.h).
 */
#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../clock.h"
#include "doctor.h"
#include "password.h"
#include "service.h"

#define DEFAULTS "/etc/default/smtpd"

/* What is looked at; each value to be freed. */
struct auth_options {
	char *auth; /* NULL: none, or nobody knows */
	char *required, *insecure;
	bool is_rows, is_any;
	const char *dovecot; /* the path of its socket; NULL: not by that */
};

static void
read_options(struct auth_options *o)
{
	o->auth = service_option("--auth=");
	o->required = service_option("--auth-required");
	o->insecure = service_option("--auth-insecure");
	o->is_rows = o->auth && strcmp(o->auth, "rows") == 0;
	o->is_any = o->auth && strcmp(o->auth, "any") == 0;
	if (o->auth && strncmp(o->auth, "dovecot:", 8) == 0)
		o->dovecot = o->auth + 8;
}

static void
check_accounts(const struct auth_options *o, const struct archive_auth *a,
    struct finding *f)
{
	bool wants_some = o->required || a->asking > 0;

	SAY(f, "accounts: %lld%s%s", (long long)a->accounts,
	    o->auth ? ", --auth=" : "", o->auth ? o->auth : "");
	if (o->is_rows && a->accounts == 0) {
		f->state = wants_some ? STATE_BAD : STATE_NOTE;
		SAY(f, "--auth=rows is given, but there is no account");
		MEND(f, "smtpdb account add NAME");
	} else if (a->accounts > 0 && !o->is_rows && service_is_known()) {
		f->state = STATE_NOTE;
		SAY(f,
		    "accounts: %lld, which do not count, since smtpd is not "
		    "given "
		    "--auth=rows",
		    (long long)a->accounts);
		MEND(f, "editor " DEFAULTS "  # SMTPD_OPTIONS=--auth=rows");
	}
}

/* Finds rows that ask for an account where nobody can have one. */
static void
check_asking(const struct auth_options *o, const struct archive_auth *a,
    struct finding *f)
{
	if (o->auth || a->asking == 0 || !service_is_known())
		return;
	f->state = STATE_NOTE;
	SAY(f,
	    "rows of mailbox and sender_rule that ask for an account: %lld; "
	    "smtpd is not given --auth, so nobody can have one",
	    (long long)a->asking);
	MEND(f, "editor " DEFAULTS "  # SMTPD_OPTIONS=--auth=rows");
}

/* With --auth=rows a name in account_address must be in account, too. */
static void
check_bindings(const struct auth_options *o, const struct archive_auth *a,
    struct finding *f)
{
	if (!o->is_rows || a->lost_bindings == 0)
		return;
	f->state = STATE_NOTE;
	SAY(f, "rows of account_address whose account is not there: %lld",
	    (long long)a->lost_bindings);
	MEND(f, "smtpdb account list");
}

static void
check_lenient(const struct auth_options *o, const struct archive_auth *a,
    struct finding *f)
{
	(void)a;
	if (!o->is_any && !o->insecure)
		return;
	f->state = STATE_NOTE;
	if (o->is_any)
		SAY(f, "--auth=any takes every password: whoever connects may "
		       "send, and claimed_as proves nothing");
	else
		SAY(f, "--auth-insecure lets passwords be read on their way; "
		       "a certificate would not (--tls-cert)");
	MEND(f, "editor " DEFAULTS "  # without %s",
	    o->is_any ? "--auth=any" : "--auth-insecure");
}

static void
check_guesses(const struct auth_options *o, const struct archive_auth *a,
    struct finding *f)
{
	(void)o;
	if (a->guesses == 0)
		return;
	f->state = STATE_NOTE;
	SAY(f,
	    "wrong passwords of late: %lld, addresses they came from: %lld; "
	    "the most, %lld, from %s",
	    (long long)a->guesses, (long long)a->guessers, (long long)a->most,
	    a->most_from);
	MEND(f, "journalctl -t smtpd SMTPD_CLIENT=%s", a->most_from);
}

/* smtpd finds smtpd-auth where smtpdb does: they are installed together. */
static void
check_program(const struct auth_options *o, const struct archive_auth *a,
    struct finding *f)
{
	bool is_needed = o->is_rows || o->dovecot;

	if (password_has_program() || (!is_needed && a->accounts == 0))
		return;
	f->state = is_needed ? STATE_BAD : STATE_NOTE;
	SAY(f, "smtpd-auth is not installed, so nobody can authenticate");
	MEND(f, "apt-get install smtpd-auth");
}

/* Returns 0, or an error number. */
static int
try_socket(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd, error = 0;

	if (strlen(path) >= sizeof to.sun_path)
		return ENAMETOOLONG;
	strcpy(to.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0)
		error = errno;
	if (fd >= 0)
		close(fd);
	return error;
}

/*
 * If this user may not connect, nothing is known: smtpd is who has to connect.
 */
static void
check_dovecot(const struct auth_options *o, const struct archive_auth *a,
    struct finding *f)
{
	int error = o->dovecot ? try_socket(o->dovecot) : 0;

	(void)a;
	if (error == 0)
		return;
	f->state = error == EACCES || error == EPERM ? STATE_NOTE : STATE_BAD;
	SAY(f, "Dovecot, %s: %s", o->dovecot, strerror(error));
	MEND(f, "systemctl status dovecot  # and see smtpd-auth(8)");
}

void
doctor_check_auth(const struct patient *p, struct finding *f)
{
	/* Of several that are as bad, the last is told. */
	static void (*const parts[])(const struct auth_options *,
	    const struct archive_auth *, struct finding *) = {
		check_accounts,
		check_guesses,
		check_bindings,
		check_lenient,
		check_asking,
		check_program,
		check_dovecot,
	};
	struct auth_options o = { .auth = NULL };
	struct archive_auth a;

	if (archive_auth(p->archive, clock_us() / 1000000, &a) < 0) {
		f->state = STATE_BAD;
		SAY(f, "%s", archive_error(p->archive));
		return;
	}
	read_options(&o);
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		struct finding one = { .state = STATE_OK };

		parts[i](&o, &a, &one);
		if (*one.text && (i == 0 || one.state >= f->state))
			*f = one;
	}
	free(o.auth);
	free(o.required);
	free(o.insecure);
}
