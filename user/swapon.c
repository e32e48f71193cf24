/* SPDX-License-Identifier: ISC */
/* swapon: turns swap areas on, or lists them. An area can be a device, or LABEL= or UUID=. */
#include <stdlib.h>
#include <string.h>
#include <sys/swap.h>
#include <unistd.h>

#include "util.h"

/* The table as swapon --show has it: sizes for people, kibibytes in /proc/swaps. */
static int show(void)
{
	char *text = slurp("/proc/swaps", NULL);
	bool heading = false;

	if (!text)
		die_file("/proc/swaps");
	char *rest = text, *line = next_line(&rest); /* its own headings */
	while ((line = next_line(&rest)) != NULL) {
		char *name = next_field(&line), *type = next_field(&line), *size = next_field(&line);
		char *used = next_field(&line), *priority = next_field(&line), sizes[2][16];
		if (!priority)
			break;
		if (!heading)
			printf("%-16s %-9s %6s %6s %4s\n", "NAME", "TYPE", "SIZE", "USED", "PRIO");
		heading = true;
		printf("%-16s %-9s %6s %6s %4s\n", name, type,
		       human_size(strtoull(size, NULL, 10) * 1024, sizes[0]),
		       human_size(strtoull(used, NULL, 10) * 1024, sizes[1]), priority);
	}
	free(text);
	return finish(0);
}

static int list(void)
{
	char *text = slurp("/proc/swaps", NULL);

	if (!text)
		die_file("/proc/swaps");
	fputs(text, stdout);
	free(text);
	return finish(0);
}

static int turn_on(const char *source, int flags)
{
	char *path = find_device(source);
	bool on = path && swapon(path, flags) == 0;

	if (path && !on)
		file_error(path);
	free(path);
	return !on;
}

/* The areas of /etc/fstab that are not noauto and not on already. */
static int turn_all_on(int flags)
{
	char *text = slurp("/etc/fstab", NULL), *swaps = slurp("/proc/swaps", NULL);
	int failed = 0;

	if (!text)
		die_file("/etc/fstab");
	for (char *rest = text, *line; (line = next_line(&rest)) != NULL;) {
		char *source = next_field(&line), *type = (next_field(&line), next_field(&line));
		char *options = next_field(&line);
		if (!type || *source == '#' || strcmp(type, "swap") != 0 ||
		    (options && strstr(options, "noauto")))
			continue;
		char *device = find_device(source);
		size_t length = device ? strlen(device) : 0;
		bool on = false;
		for (char *at = swaps; device && at && (at = strstr(at, device)) != NULL; at++)
			on |= (at == swaps || at[-1] == '\n') && strchr(" \t", at[length]);
		if (!device)
			failed++;
		else if (!on)
			failed += turn_on(device, flags);
		free(device);
	}
	free(text);
	free(swaps);
	return failed;
}

int main(int argc, char **argv)
{
	static const struct long_name longs[] = {
		{ "all", 'a' }, { "priority", 'p' }, { "summary", 's' }, { "show", 'S' }, { 0 },
	};
	int flags = 0, failed = 0;
	bool all = false;

	tool_init(argc, argv, 1, "[-p PRIORITY] {-a | DEVICE...} | -s | --show", longs);
	for (int c; (c = next_option(argc, argv, "ap:sS")) != -1;) {
		if (c == 's')
			return list();
		if (c == 'S')
			return show();
		all |= c == 'a';
		if (c != 'p')
			continue;
		long long priority = need_number(optarg);
		if (priority < 0 || priority > SWAP_FLAG_PRIO_MASK)
			die("invalid priority '%s'", optarg);
		flags = SWAP_FLAG_PREFER | (int)priority;
	}
	if (optind == argc && !all)
		return show();
	if (all)
		failed = turn_all_on(flags);
	for (; optind < argc; optind++)
		failed += turn_on(argv[optind], flags);
	return finish(failed > 0);
}
