/*
 * Checks the certificates and keys that smtpd's options name.  The options are
 * those of SMTPD_OPTIONS, from the environment or from /etc/default/smtpd.
 *
 * Of a certificate only the end of its validity is read (RFC 5280 s. 4.1), which
 * needs no library.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../mail/base64.h"
#include "../mail/plural.h"
#include "doctor.h"
#include "file.h"
#include "service.h"

#define DEFAULTS "/etc/default/smtpd"

enum {
	DAYS_NEAR = 14,
	DAY_SEC = 86400,
	/* Tags of ASN.1. */
	TAG_INTEGER = 0x02,
	TAG_UTC_TIME = 0x17,
	TAG_GENERALIZED_TIME = 0x18,
	TAG_SEQUENCE = 0x30,
	TAG_VERSION = 0xa0,
};

/*
 * Certificates
 */

/* Cuts the first element off and returns its tag; 0: there is none. */
static unsigned
take(struct span *text, struct span *ret)
{
	const unsigned char *p = (const unsigned char *)text->p;
	size_t len, n = 2;
	unsigned tag;

	if (text->len < 2)
		return 0;
	tag = p[0];
	len = p[1];
	if (len > 0x80) {
		n += len & 0x7f;
		if (n > 2 + 4 || n > text->len)
			return 0;
		len = 0;
		for (size_t i = 2; i < n; i++)
			len = len << 8 | p[i];
	}
	if (len > text->len - n)
		return 0;
	*ret = (struct span){ text->p + n, len };
	text->p += n + len;
	text->len -= n + len;
	return tag;
}

/* YYMMDDhhmmssZ or YYYYMMDDhhmmssZ; -1: it is neither. */
static time_t
read_time(unsigned tag, struct span text)
{
	char copy[32];
	struct tm tm = { .tm_sec = 0 };
	const char *format =
	    tag == TAG_UTC_TIME ? "%y%m%d%H%M%SZ" : "%Y%m%d%H%M%SZ";

	if ((tag != TAG_UTC_TIME && tag != TAG_GENERALIZED_TIME) ||
	    text.len >= sizeof copy)
		return -1;
	memcpy(copy, text.p, text.len);
	copy[text.len] = '\0';
	if (!strptime(copy, format, &tm))
		return -1;
	return timegm(&tm);
}

/* Certificate, TBSCertificate, Validity, notAfter; -1: there is none. */
static time_t
find_end(struct span der)
{
	struct span certificate, body, part, when;
	unsigned tag;

	if (take(&der, &certificate) != TAG_SEQUENCE ||
	    take(&certificate, &body) != TAG_SEQUENCE)
		return -1;
	tag = take(&body, &part);
	if (tag == TAG_VERSION)
		tag = take(&body, &part);
	/* The serial number, the algorithm, the issuer; the validity. */
	if (tag != TAG_INTEGER || take(&body, &part) != TAG_SEQUENCE ||
	    take(&body, &part) != TAG_SEQUENCE ||
	    take(&body, &part) != TAG_SEQUENCE || take(&part, &when) == 0)
		return -1;
	tag = take(&part, &when);
	return read_time(tag, when);
}

/*
 * Returns when the first certificate of a PEM file ends; the text is changed.
 */
static time_t
read_end(struct span pem)
{
	static const char begin[] = "-----BEGIN CERTIFICATE-----";
	char *from = pem.p ? strstr(pem.p, begin) : NULL;
	char *to = from ? strstr(from, "-----END") : NULL;
	struct span text = { from, 0 };
	char *octets;
	time_t end = -1;

	if (!to)
		return -1;
	for (char *p = from + sizeof begin - 1; p < to; p++) {
		if (!strchr("\r\n\t ", *p))
			from[text.len++] = *p;
	}
	octets = malloc(text.len + 1);
	if (octets && base64_is(text))
		end = find_end(
		    (struct span){ octets, base64_read(text, octets) });
	free(octets);
	return end;
}

/*
 * Files
 */

/* To be freed.  NULL, with errno: it cannot be read. */
static char *
read_whole(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct span text = { NULL, 0 };
	int error;

	if (fd < 0)
		return NULL;
	if (file_read(fd, &text) < 0)
		text.p = NULL;
	error = errno;
	close(fd);
	errno = error;
	return (char *)text.p;
}

static void
check_end(const char *path, struct finding *f)
{
	char *text = read_whole(path);
	time_t end;
	long days;

	if (!text) {
		f->state = STATE_NOTE;
		SAY(f, "%s: %s", path, strerror(errno));
		return;
	}
	end = read_end(span_of(text));
	free(text);
	if (end < 0) {
		f->state = STATE_BAD;
		SAY(f, "%s is no certificate", path);
		return;
	}
	days = (long)(end - time(NULL)) / DAY_SEC;
	if (end < time(NULL)) {
		f->state = STATE_BAD;
		SAY(f, "the certificate %s has ended", path);
	} else {
		f->state = days < DAYS_NEAR ? STATE_NOTE : STATE_OK;
		SAY(f, "the certificate %s ends in %ld day%s", path, days,
		    plural(days));
	}
}

static void
check_key(const char *path, struct finding *f)
{
	struct stat st;

	if (stat(path, &st) < 0 || !(st.st_mode & S_IRWXO))
		return;
	f->state = STATE_BAD;
	SAY(f, "everybody on this host can get at the private key %s", path);
	MEND(f, "chmod o-rwx %s", path);
}

/* Tells the worst finding of all files. */
static void
check_file(const char *option, const char *path, struct finding *f)
{
	struct finding found = { .state = STATE_OK };
	bool is_key = strcmp(option, "key") == 0;

	if (!is_key)
		check_end(path, &found);
	if (is_key)
		check_key(path, &found);
	if (found.state > f->state || (*found.text && f->state == STATE_OK))
		*f = found;
}

/* Where systemd puts a credential, if the service runs. */
static const char *
find_file(const char *name, char *buffer, size_t size)
{
	if (strchr(name, '/'))
		return name;
	snprintf(
	    buffer, size, "/run/credentials/smtpd-listen.service/%s", name);
	return access(buffer, F_OK) == 0 ? buffer : name;
}

static void
check_cert(const char *name, void *arg)
{
	char buffer[PATH_MAX];

	check_file("cert", find_file(name, buffer, sizeof buffer), arg);
}

static void
check_its_key(const char *name, void *arg)
{
	char buffer[PATH_MAX];

	check_file("key", find_file(name, buffer, sizeof buffer), arg);
}

void
doctor_check_tls(const struct patient *p, struct finding *f)
{
	(void)p;
	service_each("--tls-cert=", check_cert, f);
	service_each("--tls-key=", check_its_key, f);
	if (!*f->text)
		SAY(f, "no certificate is named in " DEFAULTS);
}
