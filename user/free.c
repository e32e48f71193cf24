/* SPDX-License-Identifier: ISC */
/* free: memory and swap, from /proc/meminfo. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util.h"

static uint64_t unit = 1024;
static bool human;

static void put(uint64_t kib, bool first)
{
	char text[24];

	if (human) {
		human_size(kib * 1024, text);
		size_t length = strlen(text);
		strcpy(text + length, kib >= 1 ? "i" : "B"); /* 12Mi */
	} else {
		snprintf(text, sizeof(text), "%llu", (unsigned long long)(kib * 1024 / unit));
	}
	printf(first ? "%11s" : " %11s", text);
}

static void print_table(bool with_total)
{
	char *text = slurp("/proc/meminfo", NULL);

	if (!text)
		die_file("/proc/meminfo");
	uint64_t total = proc_value(text, "MemTotal"), unused = proc_value(text, "MemFree");
	uint64_t cache =
		proc_value(text, "Buffers") + proc_value(text, "Cached") + proc_value(text, "SReclaimable");
	bool known = strstr(text, "\nMemAvailable:") != NULL;
	uint64_t available = known ? proc_value(text, "MemAvailable") : unused;
	uint64_t swap = proc_value(text, "SwapTotal"), swap_free = proc_value(text, "SwapFree");
	uint64_t used = total > available ? total - available : total - unused;
	const uint64_t memory_row[] = { total, used, unused, proc_value(text, "Shmem"), cache, available };
	const uint64_t swap_row[] = { swap, swap - swap_free, swap_free };

	printf("%7s %12s %11s %11s %11s %11s %11s\n", "", "total", "used", "free", "shared", "buff/cache",
	       "available");
	printf("%-9s", "Mem:");
	for (int i = 0; i < 6; i++)
		put(memory_row[i], i == 0);
	printf("\n%-9s", "Swap:");
	for (int i = 0; i < 3; i++)
		put(swap_row[i], i == 0);
	putchar('\n');
	if (with_total) {
		printf("%-9s", "Total:");
		put(total + swap, true);
		put(used + swap_row[1], false);
		put(unused + swap_free, false);
		putchar('\n');
	}
	free(text);
}

int main(int argc, char **argv)
{
	static const struct long_name longs[] = {
		{ "bytes", 'b' }, { "kibi", 'k' },    { "mebi", 'm' },	{ "gibi", 'g' }, { "human", 'h' },
		{ "total", 't' }, { "seconds", 's' }, { "count", 'c' }, { 0 },
	};
	uint64_t delay = 0;
	long long count = 1;
	bool with_total = false;

	tool_init(argc, argv, 1, "[-bkmght] [-s SECONDS] [-c COUNT]", longs);
	for (int c; (c = next_option(argc, argv, "bkmghtws:c:")) != -1;) {
		switch (c) {
		case 'b':
			unit = 1;
			break;
		case 'k':
			unit = 1024;
			break;
		case 'm':
			unit = 1 << 20;
			break;
		case 'g':
			unit = 1 << 30;
			break;
		case 'h':
			human = true;
			break;
		case 't':
			with_total = true;
			break;
		case 's':
			if (!parse_duration(optarg, &delay))
				die("invalid time '%s'", optarg);
			count = count == 1 ? INT64_MAX : count;
			break;
		case 'c':
			count = need_number(optarg);
			delay = delay ? delay : 1000000000;
			break;
		}
	}
	for (; count > 0; count--) {
		print_table(with_total);
		if (count == 1)
			break;
		putchar('\n');
		fflush(stdout);
		pause_for(delay);
	}
	return finish(0);
}
