#include "mime.h"

#include <stdlib.h>
#include <string.h>

#include <gmime/gmime.h>

#include "html.h"

enum {
	/* Multiparts in multiparts; what is deeper is not looked at. */
	DEPTH_MAX = 64,
	/*
	 * GMime takes a kilobyte and more for each part and each field, which
	 * a sender has for four octets.  A mail with more of them is no MIME.
	 */
	LINES_MAX = 50000,
};

static const char replacement[] = "\xEF\xBF\xBD"; /* U+FFFD */

struct mime {
	GByteArray *octets;    /* the mail; the parts read from here */
	char *copy;            /* of the mail, if it had to be changed */
	GMimeMessage *message; /* NULL: nothing could be made of it */
	GArray *parts;         /* of struct mime_part */
};

/*
 * Octets beyond ASCII that nothing explains are UTF-8, or else what old
 * programs of the West meant.
 */
static const char *const fallback_charsets[] = {
	"utf-8",
	"windows-1252",
	NULL,
};

static GMimeParserOptions *
parser_options(void)
{
	static GMimeParserOptions *options;

	if (!options) {
		g_mime_init();
		options = g_mime_parser_options_new();
		g_mime_parser_options_set_fallback_charsets(
		    options, (const char **)(void *)fallback_charsets);
	}
	return options;
}

/*
 * Fields
 */

/* Takes the line ends of folding out (RFC 5322 s. 2.2.3), in place. */
static void
unfold(char *value)
{
	char *to = value;

	for (const char *p = value; *p; p++) {
		if (*p != '\r' && *p != '\n')
			*to++ = *p;
	}
	*to = '\0';
}

/* Most fields are: nothing is to be decoded. */
static bool
is_plain(const char *value)
{
	for (const char *p = value; *p; p++) {
		if (*p < ' ' || *p > '~' || (*p == '=' && p[1] == '?'))
			return false;
	}
	return true;
}

char *
mime_decode(const char *value)
{
	char *copy = g_strdup(value);
	char *decoded, *valid;

	if (is_plain(copy))
		return g_strstrip(copy);
	unfold(copy);
	decoded = g_mime_utils_header_decode_text(parser_options(), copy);
	g_free(copy);
	valid = g_utf8_make_valid(decoded ? decoded : "", -1);
	g_free(decoded);
	return g_strstrip(valid);
}

/* Takes the text over. */
static char *
fold_case(char *text)
{
	char *folded = g_utf8_casefold(text, -1);

	g_free(text);
	return folded;
}

/* Of a million mails most fields are plain, and so are most words. */
bool
mime_holds(const char *value, const char *words)
{
	char *folded, *wanted;
	bool result;

	if (is_plain(value) && is_plain(words))
		return strcasestr(value, words);
	folded = fold_case(mime_decode(value));
	wanted = fold_case(g_utf8_make_valid(words, -1));
	result = strstr(folded, wanted);
	g_free(folded);
	g_free(wanted);
	return result;
}

/* GMime keeps Content-Type and its like with the part that they describe. */
static GMimeHeaderList *
own_fields(const struct mime *m)
{
	return g_mime_object_get_header_list(GMIME_OBJECT(m->message));
}

static GMimeHeaderList *
part_fields(const struct mime *m)
{
	GMimeObject *part = g_mime_message_get_mime_part(m->message);

	return part ? g_mime_object_get_header_list(part) : NULL;
}

int
mime_nfields(const struct mime *m)
{
	GMimeHeaderList *of_part;

	if (!m->message)
		return 0;
	of_part = part_fields(m);
	return g_mime_header_list_get_count(own_fields(m)) +
	       (of_part ? g_mime_header_list_get_count(of_part) : 0);
}

static GMimeHeader *
field_at(const struct mime *m, int i)
{
	int nown = g_mime_header_list_get_count(own_fields(m));

	return i < nown
		   ? g_mime_header_list_get_header_at(own_fields(m), i)
		   : g_mime_header_list_get_header_at(part_fields(m), i - nown);
}

const char *
mime_field_name(const struct mime *m, int i)
{
	return g_mime_header_get_name(field_at(m, i));
}

char *
mime_field_value(const struct mime *m, int i)
{
	const char *raw = g_mime_header_get_raw_value(field_at(m, i));

	return mime_decode(raw ? raw : "");
}

char *
mime_field(const struct mime *m, const char *name)
{
	for (int i = 0; i < mime_nfields(m); i++) {
		if (strcasecmp(mime_field_name(m, i), name) == 0)
			return mime_field_value(m, i);
	}
	return NULL;
}

/*
 * Parts
 */

static bool
is_type(GMimeObject *object, const char *type, const char *subtype)
{
	return g_mime_content_type_is_type(
	    g_mime_object_get_content_type(object), type, subtype);
}

static bool
is_attachment(GMimeObject *object)
{
	const char *disposition = g_mime_object_get_disposition(object);

	return disposition && strcasecmp(disposition, "attachment") == 0;
}

static char *
file_name(GMimeObject *object)
{
	const char *name = NULL;

	if (GMIME_IS_PART(object))
		name = g_mime_part_get_filename(GMIME_PART(object));
	if (!name)
		name = g_mime_object_get_content_type_parameter(object, "name");
	return name ? mime_decode(name) : NULL;
}

static void
add_part(struct mime *m, GMimeObject *object, bool shown)
{
	struct mime_part part = {
		.type = g_mime_content_type_get_mime_type(
		    g_mime_object_get_content_type(object)),
		.name = file_name(object),
		.is_text = is_type(object, "text", "*"),
		.object = object,
	};

	part.is_body = shown && part.is_text && !is_attachment(object);
	g_array_append_val(m->parts, part);
}

/* Is there such a text in it, however deep? */
static bool
has_text(GMimeObject *object, const char *subtype, int depth)
{
	GMimeMultipart *multipart;

	if (!GMIME_IS_MULTIPART(object))
		return is_type(object, "text", subtype) &&
		       !is_attachment(object);
	multipart = GMIME_MULTIPART(object);
	for (int i = 0;
	     depth < DEPTH_MAX && i < g_mime_multipart_get_count(multipart);
	     i++) {
		if (has_text(g_mime_multipart_get_part(multipart, i), subtype,
			depth + 1))
			return true;
	}
	return false;
}

/* Of the alternatives: plain text, else HTML, else none. */
static int
choose(GMimeMultipart *multipart, int depth)
{
	static const char *const subtypes[] = { "plain", "html", "*" };
	int count = g_mime_multipart_get_count(multipart);

	for (size_t n = 0; n < sizeof subtypes / sizeof *subtypes; n++) {
		for (int i = 0; i < count; i++) {
			if (has_text(g_mime_multipart_get_part(multipart, i),
				subtypes[n], depth))
				return i;
		}
	}
	return -1;
}

static void
walk(struct mime *m, GMimeObject *object, bool shown, int depth)
{
	GMimeMultipart *multipart;
	int chosen = -1;

	if (!GMIME_IS_MULTIPART(object)) {
		add_part(m, object, shown);
		return;
	}
	if (depth == DEPTH_MAX)
		return;
	multipart = GMIME_MULTIPART(object);
	if (is_type(object, "multipart", "alternative"))
		chosen = choose(multipart, depth);
	for (int i = 0; i < g_mime_multipart_get_count(multipart); i++)
		walk(m, g_mime_multipart_get_part(multipart, i),
		    shown && (chosen < 0 || i == chosen), depth + 1);
}

static void
clear_part(void *arg)
{
	struct mime_part *part = arg;

	g_free(part->type);
	g_free(part->name);
}

/* Are there few enough lines that can be fields, or divide parts? */
static bool
is_bounded(struct span data)
{
	const char *end = data.p + data.len;
	bool in_header = true;
	size_t n = 0;

	for (const char *p = data.p; p && p < end && n <= LINES_MAX;) {
		bool divides = end - p >= 2 && p[0] == '-' && p[1] == '-';

		if (*p == '\r' || *p == '\n')
			in_header = false;
		in_header = in_header || divides;
		n += in_header;
		p = memchr(p, '\n', (size_t)(end - p));
		if (p)
			p++;
	}
	return n <= LINES_MAX;
}

/*
 * GMime takes a NUL for the end of a field; a control character that is none
 * is made harmless like the others.
 */
static struct span
without_nul(struct mime *m, struct span data)
{
	const char *end = memmem(data.p, data.len, "\r\n\r\n", 4);
	size_t header_len = end ? (size_t)(end - data.p) : data.len;

	if (!memchr(data.p, '\0', header_len))
		return data;
	m->copy = g_memdup2(data.p, data.len);
	for (size_t i = 0; i < header_len; i++) {
		if (m->copy[i] == '\0')
			m->copy[i] = '\1';
	}
	return (struct span){ m->copy, data.len };
}

static void
parse(struct mime *m, struct span data)
{
	GMimeParserOptions *options = parser_options();
	GMimeStream *stream;
	GMimeParser *parser;

	/* As it lies there: a copy of 50 MiB is not needed. */
	m->octets = g_byte_array_new_take((guint8 *)(void *)data.p, data.len);
	stream = g_mime_stream_mem_new_with_byte_array(m->octets);
	parser = g_mime_parser_new_with_stream(stream);
	g_mime_stream_mem_set_owner(GMIME_STREAM_MEM(stream), FALSE);
	m->message = g_mime_parser_construct_message(parser, options);
	g_object_unref(parser);
	g_object_unref(stream);
}

struct mime *
mime_open(struct span data)
{
	struct mime *m = g_new0(struct mime, 1);

	m->parts = g_array_new(FALSE, FALSE, sizeof(struct mime_part));
	g_array_set_clear_func(m->parts, clear_part);
	if (is_bounded(data))
		parse(m, without_nul(m, data));
	if (m->message && g_mime_message_get_mime_part(m->message))
		walk(m, g_mime_message_get_mime_part(m->message), true, 0);
	return m;
}

void
mime_free(struct mime *m)
{
	if (!m)
		return;
	g_array_unref(m->parts);
	if (m->message)
		g_object_unref(m->message);
	if (m->octets) {
		g_byte_array_steal(m->octets, NULL); /* borrowed */
		g_byte_array_unref(m->octets);
	}
	g_free(m->copy);
	g_free(m);
}

size_t
mime_nparts(const struct mime *m)
{
	return m->parts->len;
}

const struct mime_part *
mime_part(const struct mime *m, size_t i)
{
	return &g_array_index(m->parts, struct mime_part, i);
}

/*
 * Content
 */

/* Writes it through the filter, or as it is. */
static void
write_content(
    const struct mime_part *part, GMimeStream *to, GMimeFilter *filter)
{
	GMimeStream *filtered = g_mime_stream_filter_new(to);

	if (filter)
		g_mime_stream_filter_add(GMIME_STREAM_FILTER(filtered), filter);
	if (GMIME_IS_PART(part->object)) {
		GMimeDataWrapper *content =
		    g_mime_part_get_content(GMIME_PART(part->object));

		if (content)
			g_mime_data_wrapper_write_to_stream(content, filtered);
	} else if (GMIME_IS_MESSAGE_PART(part->object)) {
		GMimeMessage *message = g_mime_message_part_get_message(
		    GMIME_MESSAGE_PART(part->object));

		if (message)
			g_mime_object_write_to_stream(
			    GMIME_OBJECT(message), NULL, filtered);
	}
	g_mime_stream_flush(filtered);
	g_object_unref(filtered);
}

static struct span
read_content(const struct mime_part *part, GMimeFilter *filter)
{
	GByteArray *octets = g_byte_array_new();
	GMimeStream *to = g_mime_stream_mem_new_with_byte_array(octets);
	struct span result;

	g_mime_stream_mem_set_owner(GMIME_STREAM_MEM(to), FALSE);
	write_content(part, to, filter);
	g_object_unref(to);
	g_byte_array_append(octets, (const guint8 *)"", 1);
	result.len = octets->len - 1;
	result.p = (char *)g_byte_array_free(octets, FALSE);
	return result;
}

struct span
mime_content(const struct mime_part *part)
{
	return read_content(part, NULL);
}

/*
 * The name comes from a stranger and goes to iconv_open(), which takes more
 * than names.
 */
static bool
is_charset_name(const char *name)
{
	return *name &&
	       strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmn"
			    "opqrstuvwxyz0123456789-_.:+()") == strlen(name);
}

/* Each NUL, which would end the text, becomes U+FFFD.  Takes it over. */
static char *
text_of(struct span octets)
{
	GString *text;

	if (!memchr(octets.p, '\0', octets.len))
		return (char *)octets.p;
	text = g_string_sized_new(octets.len + 1);
	for (size_t i = 0; i < octets.len; i++) {
		if (octets.p[i] != '\0')
			g_string_append_c(text, octets.p[i]);
		else
			g_string_append(text, replacement);
	}
	free((char *)octets.p);
	return g_string_free(text, FALSE);
}

static char *
convert(const struct mime_part *part, const char *charset)
{
	GMimeFilter *filter = g_mime_filter_charset_new(charset, "utf-8");
	char *text;

	if (!filter)
		return NULL;
	text = text_of(read_content(part, filter));
	g_object_unref(filter);
	return text;
}

static char *
decode_text(const struct mime_part *part)
{
	const char *charset =
	    g_mime_object_get_content_type_parameter(part->object, "charset");
	char *text = NULL, *converted;

	if (charset && is_charset_name(charset) &&
	    strcasecmp(charset, "us-ascii") != 0 &&
	    strcasecmp(charset, "utf-8") != 0)
		text = convert(part, charset);
	if (text)
		return text;
	text = text_of(mime_content(part));
	/* Of a text that says it is UTF-8, most will be. */
	if ((charset && strcasecmp(charset, "utf-8") == 0) ||
	    g_utf8_validate(text, -1, NULL))
		return text;
	converted = convert(part, "windows-1252");
	if (!converted)
		return text;
	free(text);
	return converted;
}

char *
mime_text(const struct mime_part *part)
{
	char *text = decode_text(part);
	char *plain;

	if (!is_type(part->object, "text", "html"))
		return text;
	plain = html_to_text(text);
	free(text);
	return plain;
}
