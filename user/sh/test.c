/* SPDX-License-Identifier: ISC */
/* test and [. */
#include "sh.h"
#include "testexpr.h"

static void tell(const char *what, const char *word)
{
	complain("test: %s%.80s", what, word);
}

int run_test(int argc, char **argv)
{
	if (*argv[0] == '[' && strcmp(argv[--argc], "]")) {
		complain("[: missing ]");
		return 2;
	}
	return test_expression(argv + 1, argc - 1, tell);
}
