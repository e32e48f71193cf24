/* SPDX-License-Identifier: ISC */
/* poweroff: brings everything to the disks and turns the machine off. -f leaves the disks to the kernel. */
#include <sys/reboot.h>
#include <unistd.h>

#include "util.h"

int main(int argc, char **argv)
{
	static const struct long_name longs[] = { { "force", 'f' }, { 0 } };
	bool force = false;

	tool_init(argc, argv, 1, "[-f]", longs);
	while (next_option(argc, argv, "f") != -1)
		force = true;
	if (optind < argc)
		usage();
	if (!force)
		sync();
	reboot(RB_POWER_OFF);
	die_file("reboot");
}
