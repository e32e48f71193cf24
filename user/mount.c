/* SPDX-License-Identifier: ISC */
/*
 * mount: attaches a file system, or all of /etc/fstab, or lists those attached. A source can be a device, or LABEL= or
 * UUID= of an ext2 file system.
 */
#include <errno.h>
#include <mntent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "util.h"

static const struct {
	const char *name;
	unsigned long set, clear;
} words[] = {
	{ "ro", MS_RDONLY, 0 },
	{ "rw", 0, MS_RDONLY },
	{ "nosuid", MS_NOSUID, 0 },
	{ "suid", 0, MS_NOSUID },
	{ "nodev", MS_NODEV, 0 },
	{ "dev", 0, MS_NODEV },
	{ "noexec", MS_NOEXEC, 0 },
	{ "exec", 0, MS_NOEXEC },
	{ "sync", MS_SYNCHRONOUS, 0 },
	{ "async", 0, MS_SYNCHRONOUS },
	{ "remount", MS_REMOUNT, 0 },
	{ "noatime", MS_NOATIME, 0 },
	{ "atime", 0, MS_NOATIME },
	{ "bind", MS_BIND, 0 },
	{ "defaults", 0, 0 },
	{ "auto", 0, 0 },
	{ "noauto", 0, 0 },
	{ "nofail", 0, 0 },
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
	return 0;
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

/* ---- one, or those of /etc/fstab ---- */

static int attach(const char *source, const char *dir, const char *type)
{
	char *device = find_device(source);
	int result;

	if (!device)
		return 32;
	result = type ? mount(device, dir, type, flags, data) : mount_any(device, dir);
	if (result < 0)
		complain("mounting %s on %s failed: %s", device, dir, strerror(errno));
	free(device);
	return result < 0 ? 32 : 0;
}

static bool is_mounted(const char *dir)
{
	struct mntent *m;
	FILE *f = setmntent("/proc/mounts", "r");
	bool found = false;

	while (f && !found && (m = getmntent(f)) != NULL)
		found = strcmp(m->mnt_dir, dir) == 0;
	if (f)
		endmntent(f);
	return found;
}

static int attach_entry(const struct mntent *m, const char *more)
{
	char *options = xstrdup(m->mnt_opts), *given = xstrdup(more);
	int status;

	flags = 0;
	data = NULL;
	take_options(options);
	take_options(given);
	status = attach(m->mnt_fsname, m->mnt_dir, strcmp(m->mnt_type, "auto") == 0 ? NULL : m->mnt_type);
	free(options);
	free(given);
	free(data);
	return status;
}

/* The next entry that is a file system, in memory of its own, as is_mounted reads another table. */
static bool next_entry(FILE *f, struct mntent *copy)
{
	struct mntent *m;

	while ((m = getmntent(f)) != NULL)
		if (strcmp(m->mnt_type, "swap") != 0 && strcmp(m->mnt_dir, "none") != 0) {
			*copy = (struct mntent){ xstrdup(m->mnt_fsname),
						 xstrdup(m->mnt_dir),
						 xstrdup(m->mnt_type),
						 xstrdup(m->mnt_opts),
						 0,
						 0 };
			return true;
		}
	return false;
}

/* All that are not mounted yet (operand NULL), or the one with that source or directory. */
static int from_table(const char *operand, const char *more)
{
	FILE *f = setmntent("/etc/fstab", "r");
	bool found = false;
	struct mntent m;
	int status = 0;

	if (!f)
		die_file("/etc/fstab");
	while (!(operand && found) && next_entry(f, &m)) {
		found = operand ? strcmp(operand, m.mnt_dir) == 0 || strcmp(operand, m.mnt_fsname) == 0 :
				  !hasmntopt(&m, "noauto") && !is_mounted(m.mnt_dir);
		if (found)
			status |= attach_entry(&m, more);
		free(m.mnt_fsname);
		free(m.mnt_dir);
		free(m.mnt_type);
		free(m.mnt_opts);
	}
	endmntent(f);
	if (operand && !found) {
		complain("%s is not in /etc/fstab", operand);
		return 1;
	}
	return status;
}

int main(int argc, char **argv)
{
	static const struct long_name longs[] = {
		{ "types", 't' }, { "options", 'o' }, { "read-only", 'r' }, { "bind", 'B' }, { 0 },
	};
	const char *type = NULL, *options = "";
	bool all = false;

	tool_init(argc, argv, 1, "[-a] [-t TYPE] [-o OPTION,...] [-r] [SOURCE] [DIRECTORY]", longs);
	for (int c; (c = next_option(argc, argv, "aBo:rt:w")) != -1;) {
		switch (c) {
		case 'a':
			all = true;
			break;
		case 'B':
			flags |= MS_BIND;
			break;
		case 'o':
			options = xstrdup(optarg);
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
	if (all)
		return finish(from_table(NULL, options));
	if (optind == argc)
		return finish(list_mounts(type));
	bool remount = flags & MS_REMOUNT;
	if (argc - optind > 2)
		usage();
	if (argc - optind == 1 && !remount)
		return finish(from_table(argv[optind], options));
	const char *dir = argv[argc - 1], *source = argc - optind == 2 ? argv[optind] : mounted_source(dir);
	return finish(attach(source, dir, !type && (remount || flags & MS_BIND) ? "none" : type));
}
