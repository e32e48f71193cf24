/* SPDX-License-Identifier: ISC */
/* mount: attaches a file system, or lists those attached. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "util.h"

static const struct {
	const char *name;
	unsigned long set, clear;
} words[] = {
	{ "ro", MS_RDONLY, 0 },		{ "rw", 0, MS_RDONLY },	      { "nosuid", MS_NOSUID, 0 },
	{ "suid", 0, MS_NOSUID },	{ "nodev", MS_NODEV, 0 },     { "dev", 0, MS_NODEV },
	{ "noexec", MS_NOEXEC, 0 },	{ "exec", 0, MS_NOEXEC },     { "sync", MS_SYNCHRONOUS, 0 },
	{ "async", 0, MS_SYNCHRONOUS }, { "remount", MS_REMOUNT, 0 }, { "noatime", MS_NOATIME, 0 },
	{ "atime", 0, MS_NOATIME },	{ "bind", MS_BIND, 0 },	      { "defaults", 0, 0 },
};

static unsigned long flags;
static char *data; /* the options that are the file system's own, separated by commas */

static void take_options(char *list)
{
	for (char *word = strtok(list, ","); word; word = strtok(NULL, ",")) {
		size_t i = 0;
		while (i < sizeof(words) / sizeof(words[0]) && strcmp(words[i].name, word) != 0)
			i++;
		if (i < sizeof(words) / sizeof(words[0])) {
			flags = (flags | words[i].set) & ~words[i].clear;
			continue;
		}
		size_t length = data ? strlen(data) : 0;
		data = xrealloc(data, length + strlen(word) + 2);
		if (length)
			data[length++] = ',';
		strcpy(data + length, word);
	}
}

static int list_mounts(const char *type)
{
	char *text = slurp("/proc/mounts", NULL);

	if (!text)
		die_file("/proc/mounts");
	for (char *rest = text, *line; (line = next_line(&rest)) != NULL;) {
		char *source = next_field(&line), *dir = next_field(&line), *kind = next_field(&line);
		char *options = next_field(&line);
		if (options && (!type || strcmp(type, kind) == 0))
			printf("%s on %s type %s (%s)\n", source, dir, kind, options);
	}
	free(text);
	return finish(0);
}

/* Without -t: every type of file system that needs a device, until one fits. */
static int mount_any(const char *source, const char *dir)
{
	char *text = slurp("/proc/filesystems", NULL);
	int result = -1;

	if (!text)
		return mount(source, dir, "ext2", flags, data);
	errno = ENODEV;
	for (char *rest = text, *line; result < 0 && (line = next_line(&rest)) != NULL;) {
		if (*line != '\t')
			continue; /* "nodev" */
		result = mount(source, dir, line + 1, flags, data);
		if (result < 0 && errno != EINVAL && errno != ENODEV)
			break;
	}
	free(text);
	return result;
}

/* The source of what is mounted on `dir`, for a remount that names only the directory. */
static const char *mounted_source(const char *dir)
{
	char *text = slurp("/proc/mounts", NULL), *found = NULL;

	for (char *line; text && (line = next_line(&text)) != NULL;) {
		char *source = next_field(&line), *where = next_field(&line);
		if (where && strcmp(where, dir) == 0)
			found = source;
	}
	return found ? found : "none";
}

int main(int argc, char **argv)
{
	static const struct long_name longs[] = {
		{ "types", 't' }, { "options", 'o' }, { "read-only", 'r' }, { "bind", 'B' }, { 0 },
	};
	const char *type = NULL;

	tool_init(argc, argv, 1, "[-t TYPE] [-o OPTION,...] [-r] [SOURCE] DIRECTORY", longs);
	for (int c; (c = next_option(argc, argv, "Bo:rt:w")) != -1;) {
		switch (c) {
		case 'B':
			flags |= MS_BIND;
			break;
		case 'o':
			take_options(optarg);
			break;
		case 'r':
			flags |= MS_RDONLY;
			break;
		case 't':
			type = optarg;
			break;
		case 'w':
			flags &= ~(unsigned long)MS_RDONLY;
			break;
		}
	}
	if (optind == argc)
		return list_mounts(type);
	bool remount = flags & MS_REMOUNT;
	if (argc - optind > 2 || (argc - optind == 1 && !remount))
		usage();
	const char *dir = argv[argc - 1], *source = argc - optind == 2 ? argv[optind] : mounted_source(dir);
	bool typed = type || remount || (flags & MS_BIND);
	if ((typed ? mount(source, dir, type ? type : "none", flags, data) : mount_any(source, dir)) < 0) {
		complain("mounting %s on %s failed: %s", source, dir, strerror(errno));
		return 32;
	}
	return finish(0);
}
