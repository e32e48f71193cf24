/* SPDX-License-Identifier: ISC */
/* id: the user and groups of this process. */
#include <stdlib.h>
#include <unistd.h>

#include "util.h"

/* The effective group first, then the others, each as -n wants it; `both`: "0(root)". */
static void print_groups(bool names, bool both, char gap)
{
	gid_t groups[65];
	int count = getgroups(64, groups + 1);

	groups[0] = getegid();
	for (int i = 0; i <= (count < 0 ? 0 : count); i++) {
		if (i > 0 && groups[i] == groups[0])
			continue;
		if (i > 0)
			putchar(gap);
		if (!names)
			printf("%u", groups[i]);
		if (both)
			printf("(%s)", group_name(groups[i]));
		else if (names)
			fputs(group_name(groups[i]), stdout);
	}
}

int main(int argc, char **argv)
{
	bool names = false;
	int what = 0;

	tool_init(argc, argv, 1, "[-g | -u | -G] [-n]", NULL);
	for (int c; (c = next_option(argc, argv, "guGnr")) != -1;) {
		names |= c == 'n';
		what = c == 'g' || c == 'u' || c == 'G' ? c : what;
	}
	if (optind < argc || (names && !what))
		usage();
	unsigned user = geteuid(), group = getegid();
	if (what == 'G') {
		print_groups(names, false, ' ');
	} else if (what && names) {
		fputs(what == 'u' ? user_name(user) : group_name(group), stdout);
	} else if (what) {
		printf("%u", what == 'u' ? user : group);
	} else {
		printf("uid=%u(%s) gid=%u(%s) groups=", user, user_name(user), group, group_name(group));
		print_groups(false, true, ',');
	}
	putchar('\n');
	return finish(0);
}
