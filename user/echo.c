/* SPDX-License-Identifier: ISC */
/* echo: prints its arguments. -n no newline, -e with escapes, -E without (as usual). */
#include <string.h>

#include "util.h"

int main(int argc, char **argv)
{
	bool newline = true, escapes = false;
	int i = 1;

	tool_init(0, argv, 1, "", NULL);
	tool_name = "echo";
	/* What is not made of these letters alone is text. */
	for (; i < argc && argv[i][0] == '-' && argv[i][1] && !argv[i][1 + strspn(argv[i] + 1, "neE")]; i++) {
		for (const char *letter = argv[i] + 1; *letter; letter++) {
			newline &= *letter != 'n';
			escapes = *letter == 'n' ? escapes : *letter == 'e';
		}
	}
	for (int first = i; i < argc; i++) {
		if (i > first)
			putchar(' ');
		if (!escapes)
			fputs(argv[i], stdout);
		else if (!put_escaped(argv[i], true))
			return finish(0); /* \c */
	}
	if (newline)
		putchar('\n');
	return finish(0);
}
