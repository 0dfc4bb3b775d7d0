/*
 * The tables and columns of schema.sql, which are those of schema-postgresql.sql.
 */
#include "copy.h"

#define INTEGER(name)                                                          \
	{                                                                      \
#name, COPY_INTEGER                                            \
	}
#define TEXT(name)                                                             \
	{                                                                      \
#name, COPY_TEXT                                               \
	}
#define OCTETS(name)                                                           \
	{                                                                      \
#name, COPY_OCTETS                                             \
	}

/* clang-format off */
const struct copy_table copy_tables[COPY__TABLES] = {
	[COPY_MESSAGE] = { "message", { "id" }, true, {
		INTEGER(id), INTEGER(received_at), TEXT(client_address),
		INTEGER(client_port), TEXT(helo), TEXT(protocol), TEXT(verb),
		TEXT(reverse_path), TEXT(body_type), INTEGER(smtputf8),
		TEXT(envelope_id), TEXT(dsn_return), INTEGER(size), TEXT(trace),
		INTEGER(header_size), TEXT(header_from), TEXT(header_to),
		TEXT(header_subject), TEXT(header_date), TEXT(header_message_id),
		INTEGER(bare_line_ends), TEXT(quarantine), TEXT(authenticated_as),
		TEXT(claimed_as), TEXT(tls), TEXT(client_subject),
		INTEGER(requiretls), OCTETS(data) } },
	[COPY_RECIPIENT] = { "recipient", { "message_id", "position" }, false, {
		INTEGER(message_id), INTEGER(position), TEXT(forward_path),
		TEXT(notify), TEXT(original_recipient), TEXT(mailbox),
		INTEGER(added) } },
	[COPY_FILTER_CHANGE] = { "filter_change", { "message_id", "position" }, false, {
		INTEGER(message_id), INTEGER(position), TEXT(filter), TEXT(action),
		INTEGER(place), TEXT(name), { "value", COPY_VALUE } } },
	[COPY_RULES] = { "delivery", { "message_id", "consumer" }, false, {
		INTEGER(message_id), TEXT(consumer), INTEGER(done), INTEGER(at) } },
	{ "domain", { "id" }, true, { INTEGER(id), TEXT(name) } },
	{ "mailbox", { "id" }, true, {
		INTEGER(id), TEXT(address), TEXT(state), TEXT(moved_to),
		INTEGER(quota_messages), INTEGER(quota_octets),
		INTEGER(quota_permanent), INTEGER(messages), INTEGER(octets),
		INTEGER(counted_from), INTEGER(authenticated) } },
	{ "alias", { "id" }, true, {
		INTEGER(id), TEXT(address), TEXT(target), INTEGER(forward) } },
	{ "quota", { "id" }, false, {
		INTEGER(id), INTEGER(max_messages), INTEGER(max_octets),
		INTEGER(messages), INTEGER(octets) } },
	{ "sender_rule", { "id" }, true, {
		INTEGER(id), TEXT(pattern), INTEGER(allow), INTEGER(code),
		TEXT(enhanced), TEXT(text), INTEGER(authenticated) } },
	{ "client_rule", { "id" }, true, {
		INTEGER(id), TEXT(network), INTEGER(allow), INTEGER(code),
		TEXT(enhanced), TEXT(text) } },
	{ "rate_limit", { "id" }, true, {
		INTEGER(id), TEXT(scope), INTEGER(window_sec), INTEGER(max_messages),
		INTEGER(max_recipients), INTEGER(max_octets) } },
	{ "rate_count", { "scope", "key" }, false, {
		TEXT(scope), TEXT(key), INTEGER(ends_at), INTEGER(messages),
		INTEGER(recipients), INTEGER(octets) } },
	{ "account", { "id" }, true, {
		INTEGER(id), TEXT(name), TEXT(verifier), TEXT(subject) } },
	{ "account_address", { "id" }, true, {
		INTEGER(id), TEXT(name), TEXT(pattern) } },
	{ "account_secret", { "id" }, false, { INTEGER(id), OCTETS(secret) } },
};
/* clang-format on */
