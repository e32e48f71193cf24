/* SPDX-License-Identifier: ISC */
/* id: the user and groups of this process, or of a user. */
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util.h"

enum { MOST_GROUPS = 64 };

static gid_t groups[MOST_GROUPS + 1]; /* the effective one, or the user's own, first */
static int group_count;		      /* of the others */

static void groups_of(const char *user)
{
	struct group *group;

	setgrent();
	while (group_count < MOST_GROUPS && (group = getgrent()))
		for (char **member = group->gr_mem; *member; member++)
			if (strcmp(*member, user) == 0) {
				groups[++group_count] = group->gr_gid;
				break;
			}
	endgrent();
}

/* Each as -n wants it; `both`: "0(root)". */
static void print_groups(bool names, bool both, char gap)
{
	for (int i = 0; i <= group_count; i++) {
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
	bool names = false, real = false;
	int what = 0;

	tool_init(argc, argv, 1, "[-g | -u | -G] [-nr] [USER]", NULL);
	for (int c; (c = next_option(argc, argv, "guGnr")) != -1;) {
		names |= c == 'n';
		real |= c == 'r';
		what = c == 'g' || c == 'u' || c == 'G' ? c : what;
	}
	if (optind + 1 < argc || (names && !what))
		usage();
	unsigned user = real ? getuid() : geteuid(), group = real ? getgid() : getegid();
	if (optind < argc) {
		const struct passwd *entry = getpwnam(argv[optind]);
		if (!entry)
			die("'%s': no such user", argv[optind]);
		user = entry->pw_uid;
		group = entry->pw_gid;
		groups_of(argv[optind]);
	} else {
		group_count = getgroups(MOST_GROUPS, groups + 1);
		group_count = group_count < 0 ? 0 : group_count;
	}
	groups[0] = group;
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
