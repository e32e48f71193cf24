/* SPDX-License-Identifier: ISC */
/* swapoff: turns swap areas off; what lies in them comes back to memory. An area can be a device, or LABEL= or UUID=. */
#include <stdlib.h>
#include <string.h>
#include <sys/swap.h>
#include <unistd.h>

#include "util.h"

static int turn_off(const char *source)
{
	char *path = find_device(source);
	bool off = path && swapoff(path) == 0;

	if (path && !off)
		file_error(path);
	free(path);
	return !off;
}

static int turn_all_off(void)
{
	char *text = slurp("/proc/swaps", NULL);
	int failed = 0;

	if (!text)
		die_file("/proc/swaps");
	char *rest = text, *line = next_line(&rest); /* the headings */
	while ((line = next_line(&rest)) != NULL) {
		char *name = next_field(&line);
		if (name)
			failed += turn_off(name);
	}
	free(text);
	return failed;
}

int main(int argc, char **argv)
{
	static const struct long_name longs[] = { { "all", 'a' }, { 0 } };
	bool all = false;
	int failed = 0;

	tool_init(argc, argv, 1, "-a | DEVICE...", longs);
	while (next_option(argc, argv, "a") != -1)
		all = true;
	if (optind == argc && !all)
		usage();
	if (all)
		failed = turn_all_off();
	for (; optind < argc; optind++)
		failed += turn_off(argv[optind]);
	return finish(failed > 0);
}
