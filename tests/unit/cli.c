/*
 * Options as a table, and the values that people write.
 */
#include <getopt.h>
#include <string.h>

#include <criterion/criterion.h>

#include "../../cli.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const struct cli_option options[] = {
	{ .letter = 'd', .name = "database", .value = "PATH" },
	{ .letter = 'n', .name = "number", .value = "N" },
	{ .name = "strict" },
	{ .name = "secret" },
	{ .name = "shown" },
};

enum {
	NOPTIONS = COUNT(options),
	SHOWN = 4,
	SET = 1 << 0 | 1 << 1 | 1 << 2 | 1 << SHOWN, /* no secret */
};

static const char *const contraries[NOPTIONS] = { [SHOWN] = "hidden" };

/* What is said of the one option; "": nothing. */
static const char *
error_of(const char *word)
{
	static struct cli cli;
	char *argv[] = { (char *)"x", (char *)word, NULL };
	const char *value;

	cli = (struct cli){
		.options = options,
		.noptions = NOPTIONS,
		.contraries = contraries,
		.set = SET,
	};
	cli_start(&cli);
	while (cli_next(&cli, 2, argv, &value) >= 0)
		;
	return cli.error;
}

Test(cli, says_what_is_wrong_with_an_option)
{
	static const char *const rows[][2] = {
		{ "--strict", "" },
		{ "--database=x", "" },
		{ "-dx", "" },
		{ "--data=x", "" }, /* the beginning of one alone will do */
		{ "--hidden", "" },
		{ "--strict=x", "--strict takes no value" },
		{ "--hidden=x", "--hidden takes no value" },
		{ "--hiden",
		    "unknown option --hiden (did you mean --hidden?)" },
		{ "--number", "--number needs a value: --number=N" },
		{ "-n", "--number needs a value: --number=N" },
		{ "-x", "unknown option -x" },
		{ "--frobnicate", "unknown option --frobnicate" },
		{ "--databse=x",
		    "unknown option --databse=x (did you mean --database?)" },
		/* Not what is not taken. */
		{ "--secret", "unknown option --secret" },
	};

	for (size_t i = 0; i < COUNT(rows); i++)
		cr_assert_str_eq(error_of(rows[i][0]), rows[i][1], "%s: \"%s\"",
		    rows[i][0], error_of(rows[i][0]));
}

Test(cli, reads_letters_and_names_up_to_the_arguments)
{
	char *argv[] = { (char *)"x", (char *)"-n", (char *)"5",
		(char *)"--strict", (char *)"list", (char *)"--number=6",
		NULL };
	struct cli cli = {
		.options = options,
		.noptions = NOPTIONS,
		.contraries = contraries,
		.set = SET,
		.in_order = true,
	};
	const char *value;

	cli_start(&cli);
	cr_assert_eq(cli_next(&cli, 6, argv, &value), 1);
	cr_assert_str_eq(value, "5");
	cr_assert_eq(cli_next(&cli, 6, argv, &value), 2);
	cr_assert_null(value);
	cr_assert_eq(cli_next(&cli, 6, argv, &value), CLI_END);
	cr_assert_str_eq(argv[optind], "list");
}

Test(cli, takes_back_what_has_a_contrary)
{
	char *argv[] = { (char *)"x", (char *)"--hidden", (char *)"--shown",
		NULL };
	struct cli cli = {
		.options = options,
		.noptions = NOPTIONS,
		.contraries = contraries,
		.set = SET,
	};
	const char *value;

	cli_start(&cli);
	cr_assert_eq(cli_next(&cli, 3, argv, &value), SHOWN);
	cr_assert_str_eq(value, cli_no);
	cr_assert_eq(cli_next(&cli, 3, argv, &value), SHOWN);
	cr_assert_null(value);
	cr_assert_eq(cli_next(&cli, 3, argv, &value), CLI_END);
}

Test(cli, finds_the_name_that_was_meant)
{
	static const char *const names[] = { "list", "watch", "show", "raw",
		"extract", "export", "deliver", "mailbox", "alias", "rule",
		"rate", "rm", NULL };
	static const char *const rows[][2] = {
		{ "lsit", "list" },
		{ "lst", "list" },
		{ "lists", "list" },
		{ "sho", "show" },
		{ "mailboxes", "mailbox" },
		{ "delvier", "deliver" },
		{ "rul", "rule" },
		{ "rates", "rate" },
		{ "exp", "export" },
		{ "frobnicate", "" },
		{ "x", "" },
		{ "ls", "" },
		{ "", "" },
		{ "a-word-that-is-longer-than-any-name-that-there-can-be", "" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *got = cli_nearest(rows[i][0], names);

		cr_assert_str_eq(got ? got : "", rows[i][1], "%s: %s",
		    rows[i][0], got ? got : "nothing");
	}
}

/* clang-format off */
static const struct {
	const char *text;
	int64_t number, size, duration; /* -1: it is none */
} values[] = {
	{ "0",     0,  0,         0 },
	{ "10",   10, 10,        10 },
	{ "007",   7,  7,         7 },
	{ "10K",  -1, 10240,     -1 },
	{ "10k",  -1, 10240,     -1 },
	{ "5M",   -1, 5242880,  300 },
	{ "1G",   -1, 1 << 30,   -1 },
	{ "2T",   -1, INT64_C(2) << 40, -1 },
	{ "90s",  -1, -1,        90 },
	{ "12h",  -1, -1,     43200 },
	{ "7d",   -1, -1,    604800 },
	{ "2w",   -1, -1,   1209600 },
	{ "2y",   -1, -1,  63072000 },
	{ "",     -1, -1, -1 },
	{ "K",    -1, -1, -1 },
	{ "-1",   -1, -1, -1 },
	{ "+1",   -1, -1, -1 },
	{ " 1",   -1, -1, -1 },
	{ "1 ",   -1, -1, -1 },
	{ "1.5K", -1, -1, -1 },
	{ "10KB", -1, -1, -1 },
	{ "0x10", -1, -1, -1 },
	{ "9223372036854775807", INT64_MAX, INT64_MAX, INT64_MAX },
	{ "9223372036854775808",  -1, -1, -1 },
	{ "99999999999999999999", -1, -1, -1 },
	{ "8388608T", -1, -1, -1 },
};
/* clang-format on */

Test(cli, reads_numbers_sizes_and_times_in_one_grammar)
{
	for (size_t i = 0; i < COUNT(values); i++) {
		uint64_t n = 0;

		cr_assert_eq(
		    cli_read_number(values[i].text, &n) ? (int64_t)n : -1,
		    values[i].number, "number %s", values[i].text);
		cr_assert_eq(
		    cli_read_size(values[i].text, &n) ? (int64_t)n : -1,
		    values[i].size, "size %s", values[i].text);
		cr_assert_eq(
		    cli_read_duration(values[i].text, &n) ? (int64_t)n : -1,
		    values[i].duration, "duration %s", values[i].text);
	}
}
