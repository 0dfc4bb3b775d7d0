/*
 * The program is made of the list in confine_calls.h.  The kernel checks and
 * compiles it for every session: that is most of what confinement costs, 30 of
 * 45 us.
 */
#include "filter.h"

#include <sys/mman.h>
#include <sys/syscall.h>

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

/* As the list has them. */
enum {
	PIPE = FILTER_PIPE,
	FOLDER = FILTER_FOLDER,
	TLS = FILTER_TLS,
	BOTH = PIPE | FOLDER,
	WEB = FILTER_WEB & ~FILTER_FOLDER,
	ALL = BOTH | TLS,
};

#if defined(__x86_64__)
#define MACHINE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define MACHINE AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define MACHINE AUDIT_ARCH_RISCV64
#else
#error "confine_calls.h was not read for this machine: its calls, their names"
#endif

enum {
	/*
	 * Calls from here on are newer than the list (Linux 6.1): a C library
	 * that tries one goes on without.
	 */
	NEWER = 451,
	/* Of the other ABI of x86-64 processes. */
	X32 = 0x40000000,
	FILTER_MAX = 200, /* jumps reach farther, up to ANSWERS */
	FEW = 8,          /* rows that are looked at one by one */
};

/* What is said to a call; ANSWERS + one of them marks a jump (see add_jump). */
enum answer {
	ANSWER_KILL,
	ANSWER_ALLOW,
	ANSWER_REFUSE,
	ANSWER_UNKNOWN,
	ANSWERS = 0xf0,
};

enum test {
	TEST_NONE,
	TEST_IS,
	TEST_NOT,
};

static const struct row {
	unsigned short number;
	unsigned char who;
	unsigned char answer;
	unsigned char test;
	unsigned char argument;
	unsigned value;
} rows[] = {
#define ROW(name, ...) { __NR_##name, __VA_ARGS__ },
#define CALL(name, who, why) ROW(name, who, ANSWER_ALLOW, TEST_NONE, 0, 0)
#define CALL_IF_IS(name, who, argument, value, why)                            \
	ROW(name, who, ANSWER_ALLOW, TEST_IS, argument, value)
#define CALL_IF_NOT(name, who, argument, bits, why)                            \
	ROW(name, who, ANSWER_ALLOW, TEST_NOT, argument, bits)
#define REFUSE(name, who, why) ROW(name, who, ANSWER_REFUSE, TEST_NONE, 0, 0)
#include "confine_calls.h"
};

enum {
	NROWS = sizeof rows / sizeof *rows,
};

struct filter {
	enum filter_who who; /* 0: not made yet */
	unsigned short len;
	struct sock_filter code[FILTER_MAX];
};

static struct filter filter;

static void
add(struct filter *f, unsigned short code, unsigned value)
{
	assert(f->len < FILTER_MAX);
	f->code[f->len++] = (struct sock_filter){ code, 0, 0, value };
}

/*
 * Jumps go forward only.  `yes` and `no` are distances, or an answer, which
 * stands at the end; add_answers() writes how far that is.
 */
static void
add_jump(struct filter *f, unsigned short test, unsigned value,
    unsigned char yes, unsigned char no)
{
	assert(f->len < FILTER_MAX);
	f->code[f->len++] =
	    (struct sock_filter){ (unsigned short)(BPF_JMP | test | BPF_K), yes,
		    no, value };
}

static void
add_load(struct filter *f, size_t offset)
{
	add(f, BPF_LD | BPF_W | BPF_ABS, (unsigned)offset);
}

/* Of little-endian machines, as all above are. */
static void
add_test(struct filter *f, const struct row *row)
{
	size_t low = offsetof(struct seccomp_data, args) +
		     row->argument * sizeof(uint64_t);
	size_t high = low + sizeof(uint32_t);

	switch ((enum test)row->test) {
	case TEST_NONE:
		add_jump(f, BPF_JEQ, row->number, ANSWERS + row->answer, 0);
		return;
	case TEST_IS:
		add_jump(f, BPF_JEQ, row->number, 0, 5);
		add_load(f, low);
		add_jump(f, BPF_JEQ, row->value, 0, 2);
		add_load(f, high);
		add_jump(f, BPF_JEQ, 0, ANSWERS + row->answer, 0);
		add_load(f, offsetof(struct seccomp_data, nr));
		return;
	case TEST_NOT:
		add_jump(f, BPF_JEQ, row->number, 0, 3);
		add_load(f, low);
		add_jump(f, BPF_JSET, row->value, 0, ANSWERS + row->answer);
		add_load(f, offsetof(struct seccomp_data, nr));
		return;
	}
}

static unsigned char
distance(unsigned char jump, size_t from, size_t end)
{
	return jump < ANSWERS
		   ? jump
		   : (unsigned char)(end + jump - ANSWERS - from - 1);
}

static void
add_answers(struct filter *f)
{
	static const unsigned values[] = {
		[ANSWER_KILL] = SECCOMP_RET_KILL_PROCESS,
		[ANSWER_ALLOW] = SECCOMP_RET_ALLOW,
		[ANSWER_REFUSE] = SECCOMP_RET_ERRNO | EPERM,
		[ANSWER_UNKNOWN] = SECCOMP_RET_ERRNO | ENOSYS,
	};

	for (size_t i = 0; i < f->len; i++) {
		f->code[i].jt = distance(f->code[i].jt, i, f->len);
		f->code[i].jf = distance(f->code[i].jf, i, f->len);
	}
	for (size_t i = 0; i < sizeof values / sizeof *values; i++)
		add(f, BPF_RET | BPF_K, values[i]);
}

/*
 * Halves the rows until a few are left.  When a filter is installed the kernel
 * runs it once for each number of a call: a search that is not linear takes
 * half of the time.
 */
static void
add_search(struct filter *f, const struct row *const *sorted, size_t n)
{
	size_t half = n / 2, at = f->len;

	while (half > 0 && half < n &&
	       sorted[half]->number == sorted[half - 1]->number)
		half++;
	if (n <= FEW || half == n) {
		for (size_t i = 0; i < n; i++)
			add_test(f, sorted[i]);
		add(f, BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
		return;
	}
	add_jump(f, BPF_JGE, sorted[half]->number, 0, 0);
	add_search(f, sorted, half);
	f->code[at].jt = (unsigned char)(f->len - at - 1);
	add_search(f, sorted + half, n - half);
}

/* By number; how many there are. */
static size_t
sort_rows(enum filter_who who, const struct row **ret)
{
	size_t n = 0;

	for (size_t i = 0; i < NROWS; i++) {
		size_t at = n;

		if (!(rows[i].who & who))
			continue;
		for (; at > 0 && ret[at - 1]->number > rows[i].number; at--)
			ret[at] = ret[at - 1];
		ret[at] = &rows[i];
		n++;
	}
	return n;
}

static void
make_filter(struct filter *f, enum filter_who who)
{
	const struct row *sorted[NROWS];

	f->who = who;
	f->len = 0;
	add_load(f, offsetof(struct seccomp_data, arch));
	add_jump(f, BPF_JEQ, MACHINE, 0, ANSWERS + ANSWER_KILL);
	add_load(f, offsetof(struct seccomp_data, nr));
	add_jump(f, BPF_JGE, X32, ANSWERS + ANSWER_KILL, 0);
	add_jump(f, BPF_JGE, NEWER, ANSWERS + ANSWER_UNKNOWN, 0);
	add_search(f, sorted, sort_rows(who, sorted));
	add_answers(f);
}

void
filter_prepare(enum filter_who who)
{
	if (filter.who != who)
		make_filter(&filter, who);
}

bool
filter_install(enum filter_who who)
{
	struct sock_fprog program;

	filter_prepare(who);
	program = (struct sock_fprog){ filter.len, filter.code };
	return syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0;
}
