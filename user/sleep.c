/* SPDX-License-Identifier: ISC */
/* sleep: waits for the sum of the given times. */
#include <string.h>

#include "util.h"

int main(int argc, char **argv)
{
	uint64_t total = 0, part;

	tool_init(argc, argv, 1, "SECONDS[smhd]...", NULL);
	if (argc < 2)
		usage();
	for (int i = 1 + (strcmp(argv[1], "--") == 0); i < argc; i++) {
		if (!parse_duration(argv[i], &part))
			die("invalid time interval '%s'", argv[i]);
		if (__builtin_add_overflow(total, part, &total))
			total = UINT64_MAX;
	}
	pause_for(total);
	return 0;
}
