/* SPDX-License-Identifier: ISC */
/* umount: detaches mounted file systems, named by directory or device. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "util.h"

static int flags;

/* Detaches all of /proc/mounts, the last mounted first, but what cannot be or must stay: / and /proc. */
static int unmount_all(void)
{
	char *text = slurp("/proc/mounts", NULL), **dirs = NULL;
	size_t count = 0;
	int failed = 0;

	if (!text)
		die_file("/proc/mounts");
	for (char *line; (line = next_line(&text)) != NULL;) {
		char *dir = (next_field(&line), next_field(&line));
		if (!dir || strcmp(dir, "/") == 0 || strcmp(dir, "/proc") == 0)
			continue;
		dirs = xrealloc(dirs, (count + 1) * sizeof(*dirs));
		dirs[count++] = dir;
	}
	while (count > 0)
		if (umount2(dirs[--count], flags) < 0) {
			file_error(dirs[count]);
			failed++;
		}
	return failed;
}

/* Where a device is mounted; what is not a mounted device stands for itself. */
static char *mounted_at(const char *name)
{
	char *text = slurp("/proc/mounts", NULL), *found = NULL;

	for (char *rest = text, *line; rest && (line = next_line(&rest)) != NULL;) {
		char *source = next_field(&line), *dir = next_field(&line);
		if (dir && strcmp(source, name) == 0)
			found = dir;
	}
	found = xstrdup(found ? found : name);
	free(text);
	return found;
}

int main(int argc, char **argv)
{
	static const struct long_name longs[] = { { "all", 'a' }, { "force", 'f' }, { "lazy", 'l' }, { 0 } };
	bool all = false;
	int failed = 0;

	tool_init(argc, argv, 1, "[-fl] {-a | DIRECTORY | DEVICE}...", longs);
	for (int c; (c = next_option(argc, argv, "afl")) != -1;) {
		all |= c == 'a';
		flags |= c == 'f' ? MNT_FORCE : c == 'l' ? MNT_DETACH : 0;
	}
	if (optind == argc && !all)
		usage();
	if (all)
		failed = unmount_all();
	for (int i = optind; i < argc; i++) {
		struct stat st;
		char *dir = stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode) ? xstrdup(argv[i]) :
									     mounted_at(argv[i]);
		if (umount2(dir, flags) < 0) {
			complain("%s: %s", argv[i], errno == EINVAL ? "not mounted" : strerror(errno));
			failed++;
		}
		free(dir);
	}
	return finish(failed ? 32 : 0);
}
