/* SPDX-License-Identifier: ISC */
/* The expressions of test and [, for the program and the shell (POSIX, XCU test, with the operators of older shells). */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "testexpr.h"

static char **tp, **tp_end; /* what is left of the expression */
static void (*told)(const char *what, const char *word);
static int wrong; /* it is no expression: its value counts for nothing */

/* The first mistake is told; nothing is left to look at. */
static int test_error(const char *what, const char *s)
{
	if (!wrong)
		told(what, s);
	wrong = 1;
	tp = tp_end;
	return 0;
}

static int test_unary(int op, const char *s)
{
	struct stat st;

	switch (op) {
	case 'n':
		return *s != 0;
	case 'z':
		return *s == 0;
	case 't':
		return isatty(atoi(s));
	case 'r':
		return access(s, R_OK) == 0;
	case 'w':
		return access(s, W_OK) == 0;
	case 'x':
		return access(s, X_OK) == 0;
	case 'h':
	case 'L':
		return lstat(s, &st) == 0 && S_ISLNK(st.st_mode);
	}
	if (stat(s, &st) < 0)
		return 0;
	switch (op) {
	case 'e':
		return 1;
	case 'f':
		return S_ISREG(st.st_mode);
	case 'd':
		return S_ISDIR(st.st_mode);
	case 'b':
		return S_ISBLK(st.st_mode);
	case 'c':
		return S_ISCHR(st.st_mode);
	case 'p':
		return S_ISFIFO(st.st_mode);
	case 'S':
		return S_ISSOCK(st.st_mode);
	case 's':
		return st.st_size > 0;
	case 'u':
		return !!(st.st_mode & S_ISUID);
	case 'g':
		return !!(st.st_mode & S_ISGID);
	case 'k':
		return !!(st.st_mode & S_ISVTX);
	case 'O':
		return st.st_uid == geteuid();
	default:
		return st.st_gid == getegid();
	}
}

static int is_unary(const char *s)
{
	return s[0] == '-' && s[1] && !s[2] && strchr("nztrwxhLefdbcpSsugkOG", s[1]);
}

static const char *const binaries[] = { "=",   "==",  "!=",  "<",   ">",   "-eq", "-ne",
					"-lt", "-le", "-gt", "-ge", "-nt", "-ot", "-ef" };
enum { B_SEQ, B_SEQ2, B_SNE, B_SLT, B_SGT, B_EQ, B_NE, B_LT, B_LE, B_GT, B_GE, B_NT, B_OT, B_EF, NBINARIES };

static int binary(const char *s)
{
	for (int i = 0; i < NBINARIES; i++)
		if (!strcmp(s, binaries[i]))
			return i;
	return -1;
}

static long test_number(const char *s)
{
	char *end;
	long v = strtol(s, &end, 10);

	if (end == s || end[strspn(end, " \t\n")])
		return test_error("not a number: ", s);
	return v;
}

static int test_files(const char *a, int op, const char *b)
{
	struct stat x, y;
	int hx = stat(a, &x) == 0, hy = stat(b, &y) == 0;

	if (op == B_EF)
		return hx && hy && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
	if (!hx || !hy)
		return op == B_NT ? hx && !hy : hy && !hx;
	long d = x.st_mtim.tv_sec != y.st_mtim.tv_sec ? x.st_mtim.tv_sec - y.st_mtim.tv_sec :
							x.st_mtim.tv_nsec - y.st_mtim.tv_nsec;
	return op == B_NT ? d > 0 : d < 0;
}

static int test_binary(const char *a, int op, const char *b)
{
	int c = strcmp(a, b);

	switch (op) {
	case B_SEQ:
	case B_SEQ2:
		return c == 0;
	case B_SNE:
		return c != 0;
	case B_SLT:
		return c < 0;
	case B_SGT:
		return c > 0;
	case B_NT:
	case B_OT:
	case B_EF:
		return test_files(a, op, b);
	}
	long x = test_number(a), y = test_number(b);
	switch (op) {
	case B_EQ:
		return x == y;
	case B_NE:
		return x != y;
	case B_LT:
		return x < y;
	case B_LE:
		return x <= y;
	case B_GT:
		return x > y;
	default:
		return x >= y;
	}
}

static int test_or(void);

static int test_primary(void)
{
	long left = tp_end - tp;

	if (left <= 0)
		return test_error("argument expected", "");
	if (left >= 3 && binary(tp[1]) >= 0) {
		tp += 3;
		return test_binary(tp[-3], binary(tp[-2]), tp[-1]);
	}
	if (!strcmp(*tp, "!") && left > 1) {
		tp++;
		return !test_primary();
	}
	if (!strcmp(*tp, "(") && left > 1) {
		tp++;
		int v = test_or();
		if (tp >= tp_end || strcmp(*tp, ")"))
			return test_error("missing )", "");
		tp++;
		return v;
	}
	if (is_unary(*tp) && left > 1 && !(left > 2 && (!strcmp(tp[1], "-a") || !strcmp(tp[1], "-o")))) {
		tp += 2;
		return test_unary(tp[-2][1], tp[-1]);
	}
	return **tp++ != 0;
}

static int test_and(void)
{
	int v = test_primary();

	while (tp < tp_end && !strcmp(*tp, "-a")) {
		tp++;
		v &= test_primary();
	}
	return v;
}

static int test_or(void)
{
	int v = test_and();

	while (tp < tp_end && !strcmp(*tp, "-o")) {
		tp++;
		v |= test_and();
	}
	return v;
}

int test_expression(char **words, int n, void (*complain)(const char *what, const char *word))
{
	tp = words;
	tp_end = words + n;
	told = complain;
	wrong = 0;
	if (n <= 0)
		return 1;
	int v = test_or();
	if (tp != tp_end)
		test_error("unexpected operator: ", *tp);
	return wrong ? 2 : !v;
}
