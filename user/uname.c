/* SPDX-License-Identifier: ISC */
/* uname: the name and release of the system and its machine. */
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "util.h"

int main(int argc, char **argv)
{
	static const struct long_name longs[] = { { "all", 'a' }, { 0 } };
	static const char letters[] = "snrvm";
	struct utsname u;
	bool wanted[5] = { false }, any = false;

	tool_init(argc, argv, 1, "[-asnrvm]", longs);
	for (int c; (c = next_option(argc, argv, "asnrvm")) != -1; any = true)
		for (int i = 0; i < 5; i++)
			wanted[i] |= c == 'a' || letters[i] == c;
	if (optind < argc)
		usage();
	wanted[0] |= !any;
	if (uname(&u) < 0)
		die_file("uname");
	const char *values[] = { u.sysname, u.nodename, u.release, u.version, u.machine }, *gap = "";
	for (int i = 0; i < 5; i++) {
		if (!wanted[i])
			continue;
		printf("%s%s", gap, values[i]);
		gap = " ";
	}
	putchar('\n');
	return finish(0);
}
