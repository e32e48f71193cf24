/* SPDX-License-Identifier: ISC */
/* sync: brings what was written to the disks; with operands, that of these files only. */
#include <fcntl.h>
#include <unistd.h>

#include "util.h"

int main(int argc, char **argv)
{
	static const struct long_name longs[] = { { "data", 'd' }, { 0 } };
	bool data_only = false;
	int failed = 0;

	tool_init(argc, argv, 1, "[-d] [FILE...]", longs);
	while (next_option(argc, argv, "d") != -1)
		data_only = true;
	if (optind == argc)
		sync();
	for (int i = optind; i < argc; i++) {
		int fd = open(argv[i], O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		if (fd < 0 || (data_only ? fdatasync : fsync)(fd) < 0) {
			file_error(argv[i]);
			failed++;
		}
		if (fd >= 0)
			close(fd);
	}
	return finish(failed > 0);
}
