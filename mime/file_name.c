#include "file_name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	EXTENSION_MAX = 16, /* octets with its dot */
};

/* clang-format off */
static const struct {
	const char *type; /* a media type, or the beginning of some */
	const char *extension;
} extensions[] = {
	{ "text/html",                     "html" },
	{ "text/csv",                      "csv" },
	{ "text/calendar",                 "ics" },
	{ "text/vcard",                    "vcf" },
	{ "text/x-vcard",                  "vcf" },
	{ "text/directory",                "vcf" },
	{ "text/xml",                      "xml" },
	{ "text/css",                      "css" },
	{ "text/markdown",                 "md" },
	{ "text/rtf",                      "rtf" },
	{ "text/x-patch",                  "patch" },
	{ "text/x-diff",                   "diff" },
	{ "text/",                         "txt" },
	{ "message/rfc822",                "eml" },
	{ "message/global",                "eml" },
	{ "message/",                      "txt" },
	{ "multipart/",                    "mime" },
	{ "image/png",                     "png" },
	{ "image/x-png",                   "png" },
	{ "image/jpeg",                    "jpg" },
	{ "image/jpg",                     "jpg" },
	{ "image/pjpeg",                   "jpg" },
	{ "image/gif",                     "gif" },
	{ "image/webp",                    "webp" },
	{ "image/svg+xml",                 "svg" },
	{ "image/bmp",                     "bmp" },
	{ "image/tiff",                    "tif" },
	{ "image/heic",                    "heic" },
	{ "image/avif",                    "avif" },
	{ "image/x-icon",                  "ico" },
	{ "image/vnd.microsoft.icon",      "ico" },
	{ "audio/mpeg",                    "mp3" },
	{ "audio/mp4",                     "m4a" },
	{ "audio/ogg",                     "ogg" },
	{ "audio/wav",                     "wav" },
	{ "audio/x-wav",                   "wav" },
	{ "video/mp4",                     "mp4" },
	{ "video/mpeg",                    "mpg" },
	{ "video/quicktime",               "mov" },
	{ "video/webm",                    "webm" },
	{ "application/pdf",               "pdf" },
	{ "application/json",              "json" },
	{ "application/xml",               "xml" },
	{ "application/rtf",               "rtf" },
	{ "application/zip",               "zip" },
	{ "application/x-zip-compressed",  "zip" },
	{ "application/gzip",              "gz" },
	{ "application/x-gzip",            "gz" },
	{ "application/x-tar",             "tar" },
	{ "application/x-7z-compressed",   "7z" },
	{ "application/postscript",        "ps" },
	{ "application/ics",               "ics" },
	{ "application/ms-tnef",           "dat" },
	{ "application/msword",            "doc" },
	{ "application/vnd.ms-excel",      "xls" },
	{ "application/vnd.ms-powerpoint", "ppt" },
	{ "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx" },
	{ "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx" },
	{ "application/vnd.openxmlformats-officedocument.presentationml.presentation", "pptx" },
	{ "application/vnd.oasis.opendocument.text", "odt" },
	{ "application/vnd.oasis.opendocument.spreadsheet", "ods" },
	{ "application/vnd.oasis.opendocument.presentation", "odp" },
	{ "application/pgp-signature",     "asc" },
	{ "application/pgp-keys",          "asc" },
	{ "application/pgp-encrypted",     "asc" },
	{ "application/pkcs7-mime",        "p7m" },
	{ "application/x-pkcs7-mime",      "p7m" },
	{ "application/pkcs7-signature",   "p7s" },
	{ "application/x-pkcs7-signature", "p7s" },
};
/* clang-format on */

static const char *
extension_of(const struct mime_part *part)
{
	for (size_t i = 0; i < sizeof extensions / sizeof *extensions; i++) {
		const char *type = extensions[i].type;
		bool is_prefix = type[strlen(type) - 1] == '/';

		if (is_prefix ? strncmp(part->type, type, strlen(type)) == 0
			      : strcmp(part->type, type) == 0)
			return extensions[i].extension;
	}
	return "bin";
}

/* Replaces line ends, and what a terminal would obey or not show. */
static char *
one_line(struct span name)
{
	struct text safe = { 0 };

	while (name.len > 0) {
		uint32_t c;
		size_t len = text_read(name, &c);

		if (c == '\n' || c == '\r' || c == '\t')
			text_add_char(&safe, ' ');
		else if (c < TEXT_NONE && text_is_harmless(c))
			text_add(&safe, (struct span){ name.p, len });
		else
			text_add(&safe, span_of(TEXT_REPLACEMENT));
		name.p += len;
		name.len -= len;
	}
	return text_take(&safe);
}

void
file_name(const struct mime_part *part, size_t number, char ret[FILE_NAME_SIZE])
{
	char *safe = one_line(span_of(part->name ? part->name : ""));
	const char *from = safe + strspn(safe, ".- /\\");
	const char *end =
	    from + strlen(from); /* the extension, where it is cut */
	size_t len = strlen(from);

	for (char *p = safe; *p; p++) {
		if (*p == '/' || *p == '\\')
			*p = '_';
	}
	if (len > FILE_NAME_MAX) {
		const char *dot = strrchr(from, '.');

		if (dot && strlen(dot) <= EXTENSION_MAX)
			end = dot;
		len = FILE_NAME_MAX - strlen(end);
		while (((unsigned char)from[len] & 0xC0) == 0x80)
			len--; /* no half of a character */
	}
	if (len > 0)
		snprintf(ret, FILE_NAME_SIZE, "%.*s%s", (int)len, from, end);
	else
		snprintf(ret, FILE_NAME_SIZE, "part-%zu.%s", number,
		    extension_of(part));
	free(safe);
}
