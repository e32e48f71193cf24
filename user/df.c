/* SPDX-License-Identifier: ISC */
/* df: how full the mounted file systems are. */
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "util.h"

enum { SOURCE, TYPE, SIZE, USED, AVAILABLE, PERCENT, WHERE, COLUMNS };

struct mount {
	char *source, *dir, *type;
};

static bool all, human, inodes, show_type;
static uint64_t unit = 1024;
static struct mount *mounts;
static size_t mount_count;
static char *(*rows)[COLUMNS];
static size_t row_count;

static void read_mounts(void)
{
	char *text = slurp("/proc/mounts", NULL);

	if (!text)
		die_file("/proc/mounts");
	for (char *line; (line = next_line(&text)) != NULL; mount_count++) {
		mounts = xrealloc(mounts, (mount_count + 1) * sizeof(*mounts));
		struct mount *m = &mounts[mount_count];
		m->source = next_field(&line);
		m->dir = next_field(&line);
		m->type = next_field(&line);
		if (!m->type)
			die("/proc/mounts: not understood");
	}
}

static char *amount(uint64_t count, uint64_t size)
{
	char text[24];

	if (human && !inodes)
		human_size(count * size, text);
	else if (human)
		human_size(count, text);
	else
		snprintf(text, sizeof(text), "%llu",
			 (unsigned long long)(inodes ? count :
					      size >= unit && size % unit == 0 ?
						       count * (size / unit) :
						       (count * size + unit - 1) / unit));
	return xstrdup(text);
}

static void add_row(const struct mount *m, const struct statvfs *fs)
{
	uint64_t total = inodes ? fs->f_files : fs->f_blocks, unused = inodes ? fs->f_ffree : fs->f_bfree;
	uint64_t available = inodes ? fs->f_favail : fs->f_bavail, used = total - unused;
	char percent[16] = "-";

	rows = xrealloc(rows, (row_count + 1) * sizeof(*rows));
	char **row = rows[row_count++];
	if (used + available > 0) /* of what its user may have, rounded up */
		snprintf(percent, sizeof(percent), "%llu%%",
			 (unsigned long long)((used * 100 + used + available - 1) / (used + available)));
	row[SOURCE] = m->source;
	row[TYPE] = m->type;
	row[SIZE] = amount(total, fs->f_frsize);
	row[USED] = amount(used, fs->f_frsize);
	row[AVAILABLE] = amount(available, fs->f_frsize);
	row[PERCENT] = xstrdup(percent);
	row[WHERE] = m->dir;
}

static void add_headings(void)
{
	static char *names[COLUMNS] = { "Filesystem", "Type", "1K-blocks", "Used",
					"Available",  "Use%", "Mounted on" };

	rows = xmalloc(sizeof(*rows));
	memcpy(rows[0], names, sizeof(names));
	if (inodes) {
		rows[0][SIZE] = "Inodes";
		rows[0][USED] = "IUsed";
		rows[0][AVAILABLE] = "IFree";
		rows[0][PERCENT] = "IUse%";
	} else if (human) {
		rows[0][SIZE] = "Size";
		rows[0][AVAILABLE] = "Avail";
	} else if (unit != 1024) {
		rows[0][SIZE] = unit == 512 ? "512-blocks" : "1M-blocks";
	}
	row_count = 1;
}

static void print_rows(void)
{
	int widths[COLUMNS] = { 14, 4, 5, 5, 5, 4, 0 };

	for (size_t r = 0; r < row_count; r++)
		for (int c = 0; c < WHERE; c++)
			if ((int)strlen(rows[r][c]) > widths[c])
				widths[c] = (int)strlen(rows[r][c]);
	for (size_t r = 0; r < row_count; r++) {
		printf("%-*s ", widths[SOURCE], rows[r][SOURCE]);
		if (show_type)
			printf("%-*s ", widths[TYPE], rows[r][TYPE]);
		for (int c = SIZE; c < WHERE; c++)
			printf("%*s ", widths[c], rows[r][c]);
		printf("%s\n", rows[r][WHERE]);
	}
}

/* The mount that a file lies on: the last one whose directory is on the file's device. */
static int show_file(const char *path)
{
	const struct mount *found = NULL;
	struct statvfs fs;
	struct stat st, top;

	if (stat(path, &st) < 0 || statvfs(path, &fs) < 0) {
		file_error(path);
		return 1;
	}
	for (size_t i = 0; i < mount_count; i++) {
		/* A block device that is mounted stands for its file system. */
		bool device = S_ISBLK(st.st_mode) && strcmp(mounts[i].source, path) == 0 &&
			      statvfs(mounts[i].dir, &fs) == 0;
		if (device || (stat(mounts[i].dir, &top) == 0 && top.st_dev == st.st_dev))
			found = &mounts[i];
		if (device)
			break;
	}
	struct mount unknown = { "-", "-", "-" };
	add_row(found ? found : &unknown, &fs);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct long_name longs[] = {
		{ "all", 'a' }, { "human-readable", 'h' }, { "inodes", 'i' }, { "print-type", 'T' }, { 0 },
	};
	int failed = 0;

	tool_init(argc, argv, 1, "[-ahikmPT] [FILE...]", longs);
	for (int c; (c = next_option(argc, argv, "ahikmPT")) != -1;) {
		switch (c) {
		case 'a':
			all = true;
			break;
		case 'h':
			human = true;
			break;
		case 'i':
			inodes = true;
			break;
		case 'k':
			unit = 1024;
			break;
		case 'm':
			unit = 1 << 20;
			break;
		case 'T':
			show_type = true;
			break;
		}
	}
	read_mounts();
	add_headings();
	for (int i = optind; i < argc; i++)
		failed += show_file(argv[i]);
	for (size_t i = 0; optind == argc && i < mount_count; i++) {
		struct statvfs fs;
		if (statvfs(mounts[i].dir, &fs) == 0 && (all || fs.f_blocks > 0))
			add_row(&mounts[i], &fs);
	}
	if (row_count > 1 || !failed)
		print_rows();
	return finish(failed > 0);
}
