/* SPDX-License-Identifier: ISC */
/* test, also as [: evaluates an expression about files, texts and numbers. 0 true, 1 false, 2 not an expression. */
#include <string.h>

#include "testexpr.h"
#include "util.h"

static void tell(const char *what, const char *word)
{
	die("%s%s", what, word);
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
	return test_expression(argv + 1, argc - 1, tell);
}
