/* SPDX-License-Identifier: ISC */
/* test, also as [: evaluates an expression about files, texts and numbers. 0 true, 1 false, 2 not an expression. */
#include <string.h>
#include <unistd.h>

#include "util.h"

static char **words;
static int left; /* words not yet used */

static bool parse_or(void);

static const char *take(void)
{
	if (left == 0)
		die("argument expected");
	left--;
	return *words++;
}

static bool file_test(char letter, const char *path)
{
	struct stat st;
	long long fd;

	if (letter == 't')
		return parse_number(path, &fd) && isatty((int)fd);
	if (letter == 'r' || letter == 'w' || letter == 'x')
		return access(path, letter == 'r' ? R_OK : letter == 'w' ? W_OK : X_OK) == 0;
	if ((letter == 'h' || letter == 'L' ? lstat : stat)(path, &st) < 0)
		return false;
	switch (letter) {
	case 'b':
		return S_ISBLK(st.st_mode);
	case 'c':
		return S_ISCHR(st.st_mode);
	case 'd':
		return S_ISDIR(st.st_mode);
	case 'f':
		return S_ISREG(st.st_mode);
	case 'g':
		return st.st_mode & S_ISGID;
	case 'h':
	case 'L':
		return S_ISLNK(st.st_mode);
	case 'k':
		return st.st_mode & S_ISVTX;
	case 'p':
		return S_ISFIFO(st.st_mode);
	case 'S':
		return S_ISSOCK(st.st_mode);
	case 's':
		return st.st_size > 0;
	case 'u':
		return st.st_mode & S_ISUID;
	case 'O':
		return st.st_uid == geteuid();
	case 'G':
		return st.st_gid == getegid();
	default:
		return true; /* e */
	}
}

static bool is_unary(const char *word)
{
	return word[0] == '-' && word[1] && !word[2] && strchr("bcdefghkLnprSstuwxzOG", word[1]);
}

static bool unary(const char *operator, const char * operand)
{
	if (operator[1] == 'n' || operator[1] == 'z')
		return (*operand != '\0') == (operator[1] == 'n');
	return file_test(operator[1], operand);
}

static bool is_binary(const char *word)
{
	static const char *const operators[] = { "=",	"==",  "!=",  "<",   ">",   "-eq", "-ne",
						 "-lt", "-le", "-gt", "-ge", "-nt", "-ot", "-ef" };

	for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++)
		if (strcmp(operators[i], word) == 0)
			return true;
	return false;
}

static long long integer(const char *text)
{
	long long value;

	if (!parse_number(text, &value))
		die("%s: integer expression expected", text);
	return value;
}

static bool compare_files(const char *a, const char *operator, const char * b)
{
	struct stat x, y;
	bool have_x = stat(a, &x) == 0, have_y = stat(b, &y) == 0;

	if (strcmp(operator, "-ef") == 0)
		return have_x && have_y && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
	if (!have_x || !have_y) /* what does not exist is older */
		return strcmp(operator, "-nt") == 0 ? have_x : have_y;
	long long order = x.st_mtim.tv_sec != y.st_mtim.tv_sec ? x.st_mtim.tv_sec - y.st_mtim.tv_sec :
								 x.st_mtim.tv_nsec - y.st_mtim.tv_nsec;
	return strcmp(operator, "-nt") == 0 ? order > 0 : order < 0;
}

static bool binary(const char *a, const char *operator, const char * b)
{
	if (operator[0] != '-') {
		int order = strcmp(a, b);
		switch (operator[0]) {
		case '<':
			return order < 0;
		case '>':
			return order > 0;
		case '!':
			return order != 0;
		default:
			return order == 0;
		}
	}
	if (strchr("nlg", operator[1]) == NULL && strcmp(operator, "-eq") != 0)
		return compare_files(a, operator, b);
	if (operator[2] == 't' && operator[1] == 'n')
		return compare_files(a, operator, b);
	long long x = integer(a), y = integer(b);
	switch (operator[1]) {
	case 'e':
		return x == y;
	case 'n':
		return x != y;
	case 'l':
		return operator[2] == 't' ? x < y : x <= y;
	default:
		return operator[2] == 't' ? x > y : x >= y;
	}
}

static bool parse_primary(void)
{
	/* A binary operator in the middle wins: [ ! = x ], [ -f = -f ] are comparisons. */
	if (left >= 3 && is_binary(words[1])) {
		const char *a = take(), *operator= take();
		return binary(a, operator, take());
	}
	const char *word = take();
	if (left >= 1 && strcmp(word, "!") == 0)
		return !parse_primary();
	if (left >= 2 && strcmp(word, "(") == 0) {
		bool value = parse_or();
		if (strcmp(take(), ")") != 0)
			die("')' expected");
		return value;
	}
	if (left >= 1 && is_unary(word) &&
	    !(left >= 2 && (strcmp(*words, "-a") == 0 || strcmp(*words, "-o") == 0)))
		return unary(word, take());
	return *word != '\0';
}

static bool parse_and(void)
{
	bool value = parse_primary();

	while (left > 0 && strcmp(*words, "-a") == 0) {
		take();
		value &= parse_primary();
	}
	return value;
}

static bool parse_or(void)
{
	bool value = parse_and();

	while (left > 0 && strcmp(*words, "-o") == 0) {
		take();
		value |= parse_and();
	}
	return value;
}

int main(int argc, char **argv)
{
	tool_init(0, argv, 2, "", NULL);
	const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
	tool_name = slash ? slash + 1 : "test";
	if (argc > 0 && strcmp(slash ? tool_name : argv[0], "[") == 0) {
		tool_name = "[";
		if (strcmp(argv[--argc], "]") != 0)
			die("missing ']'");
	}
	words = argv + 1;
	left = argc - 1;
	if (left <= 0)
		return 1;
	bool value = parse_or();
	if (left > 0)
		die("%s: unexpected argument", *words);
	return !value;
}
