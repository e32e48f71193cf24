/* SPDX-License-Identifier: ISC */
/* yes: prints a line for ever. */
#include "util.h"

int main(int argc, char **argv)
{
	tool_init(argc, argv, 1, "[WORD...]", NULL);
	for (bool fine = true; fine;) {
		if (argc == 1)
			fputs("y", stdout);
		for (int i = 1; i < argc; i++)
			fprintf(stdout, "%s%s", i > 1 ? " " : "", argv[i]);
		fine = putchar('\n') != EOF;
	}
	return finish(1);
}
