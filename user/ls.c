/* SPDX-License-Identifier: ISC */
/* ls: lists files and directories, one name a line. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "util.h"

struct file {
	char *name;
	char *path;
	struct stat st;
	bool known; /* st is filled in */
};

struct file_list {
	struct file *files;
	size_t count, capacity;
};

/* Widths of the columns of a long listing. */
struct widths {
	int inode, blocks, links, owner, group, size, major, minor;
};

static bool all, almost_all, long_form, inodes, blocks, directory_itself, recursive, human, classify,
	slash_only;
static bool numeric, reversed, follow, no_sort;
static char sort_by = 'n'; /* n name, t time, S size */
static char time_kind = 'm';
static int status;

static struct timespec file_time(const struct stat *st)
{
	return time_kind == 'u' ? st->st_atim : time_kind == 'c' ? st->st_ctim : st->st_mtim;
}

static int compare_files(const void *a, const void *b)
{
	const struct file *x = a, *y = b;
	int order = 0;

	if (sort_by == 't') {
		struct timespec s = file_time(&x->st), t = file_time(&y->st);
		order = s.tv_sec != t.tv_sec ? (s.tv_sec < t.tv_sec) - (s.tv_sec > t.tv_sec) :
					       (s.tv_nsec < t.tv_nsec) - (s.tv_nsec > t.tv_nsec);
	} else if (sort_by == 'S') {
		order = (x->st.st_size < y->st.st_size) - (x->st.st_size > y->st.st_size);
	}
	if (order == 0)
		order = strcmp(x->name, y->name);
	return reversed ? -order : order;
}

static void sort_files(struct file_list *list)
{
	if (!no_sort && list->count > 0)
		qsort(list->files, list->count, sizeof(*list->files), compare_files);
}

static void fail(const char *path, int severity)
{
	file_error(path);
	if (severity > status)
		status = severity;
}

/* Adds a file; an operand that does not exist is the worse failure. */
static void add_file(struct file_list *list, const char *name, char *path, bool operand, bool through_link)
{
	struct file file = { .name = xstrdup(name), .path = path };

	file.known = (follow || through_link) && stat(path, &file.st) == 0;
	if (!file.known)
		file.known = lstat(path, &file.st) == 0;
	if (!file.known)
		fail(path, operand ? 2 : 1);
	if (!file.known && operand) {
		free(file.name);
		free(file.path);
		return;
	}
	if (list->count == list->capacity) {
		list->capacity = list->capacity ? list->capacity * 2 : 64;
		list->files = xrealloc(list->files, list->capacity * sizeof(*list->files));
	}
	list->files[list->count++] = file;
}

static void free_list(struct file_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		free(list->files[i].name);
		free(list->files[i].path);
	}
	free(list->files);
}

static const char *size_text(uint64_t nbytes, char text[24])
{
	if (human)
		human_size(nbytes, text);
	else
		snprintf(text, 24, "%llu", (unsigned long long)nbytes);
	return text;
}

/* The blocks of 512 bytes of stat(2) as -s and "total" show them. */
static const char *block_text(uint64_t count, char text[24])
{
	return human ? size_text(count * 512, text) : size_text((count + 1) / 2, text);
}

static int digits(uint64_t value)
{
	return snprintf(NULL, 0, "%llu", (unsigned long long)value);
}

static const char *owner_text(const struct stat *st, bool group)
{
	static char number[2][16];

	if (!numeric)
		return group ? group_name(st->st_gid) : user_name(st->st_uid);
	snprintf(number[group], sizeof(number[group]), "%u", group ? st->st_gid : st->st_uid);
	return number[group];
}

static void widen(int *width, int length)
{
	if (length > *width)
		*width = length;
}

static struct widths measure(const struct file_list *list)
{
	struct widths w = { 0 };
	char text[24];

	for (size_t i = 0; i < list->count; i++) {
		const struct stat *st = &list->files[i].st;
		widen(&w.inode, digits(st->st_ino));
		widen(&w.blocks, (int)strlen(block_text((uint64_t)st->st_blocks, text)));
		if (!long_form)
			continue;
		widen(&w.links, digits(st->st_nlink));
		widen(&w.owner, (int)strlen(owner_text(st, false)));
		widen(&w.group, (int)strlen(owner_text(st, true)));
		if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode)) {
			widen(&w.major, digits(major(st->st_rdev)));
			widen(&w.minor, digits(minor(st->st_rdev)));
		} else {
			widen(&w.size, (int)strlen(size_text((uint64_t)st->st_size, text)));
		}
	}
	if (w.major)
		widen(&w.size, w.major + w.minor + 2);
	return w;
}

static void print_time(struct timespec when)
{
	struct tm *tm = localtime(&when.tv_sec);
	time_t now = time(NULL);
	bool recent = when.tv_sec <= now && when.tv_sec > now - 31556952 / 2; /* the last half year */
	char text[32];

	if (!tm)
		snprintf(text, sizeof(text), "%12lld", (long long)when.tv_sec);
	else
		strftime(text, sizeof(text), recent ? "%b %e %H:%M" : "%b %e  %Y", tm);
	printf(" %s ", text);
}

static char class_mark(mode_t mode)
{
	if (S_ISDIR(mode))
		return '/';
	if (slash_only)
		return 0;
	return S_ISLNK(mode)		      ? '@' :
	       S_ISFIFO(mode)		      ? '|' :
	       S_ISSOCK(mode)		      ? '=' :
	       S_ISREG(mode) && (mode & 0111) ? '*' :
						0;
}

static void print_mark(mode_t mode)
{
	if ((classify || slash_only) && class_mark(mode))
		putchar(class_mark(mode));
}

static void print_link_target(const struct file *file)
{
	char target[4096];
	ssize_t length = readlink(file->path, target, sizeof(target));
	struct stat st;

	if (length < 0) {
		fail(file->path, 1);
		return;
	}
	printf(" -> %.*s", (int)length, target);
	if (stat(file->path, &st) == 0)
		print_mark(st.st_mode);
}

static void print_long(const struct file *file, const struct widths *w)
{
	const struct stat *st = &file->st;
	char text[24];

	mode_string(st->st_mode, text);
	printf("%s %*llu ", text, w->links, (unsigned long long)st->st_nlink);
	printf("%-*s %-*s ", w->owner, owner_text(st, false), w->group, owner_text(st, true));
	if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode))
		printf("%*u, %*u", w->size - w->minor - 2, major(st->st_rdev), w->minor, minor(st->st_rdev));
	else
		printf("%*s", w->size, size_text((uint64_t)st->st_size, text));
	print_time(file_time(st));
}

static void print_files(struct file_list *list)
{
	struct widths w = measure(list);
	char text[24];

	for (size_t i = 0; i < list->count; i++) {
		const struct file *file = &list->files[i];
		if (!file->known)
			continue;
		if (inodes)
			printf("%*llu ", w.inode, (unsigned long long)file->st.st_ino);
		if (blocks)
			printf("%*s ", w.blocks, block_text((uint64_t)file->st.st_blocks, text));
		if (long_form)
			print_long(file, &w);
		fputs(file->name, stdout);
		if (long_form && S_ISLNK(file->st.st_mode))
			print_link_target(file);
		else
			print_mark(file->st.st_mode);
		putchar('\n');
	}
}

static void list_directory(const char *path, bool heading, bool *first)
{
	struct file_list list = { 0 };
	char **names = directory_names(path);
	uint64_t total = 0;
	char text[24];

	if (!names) {
		fail(path, *first ? 2 : 1);
		return;
	}
	if (all) {
		add_file(&list, ".", path_join(path, "."), false, false);
		add_file(&list, "..", path_join(path, ".."), false, false);
	}
	for (char **name = names; *name; name++)
		if (**name != '.' || all || almost_all)
			add_file(&list, *name, path_join(path, *name), false, false);
	free_names(names);
	sort_files(&list);
	if (heading)
		printf("%s%s:\n", *first ? "" : "\n", path);
	*first = false;
	for (size_t i = 0; i < list.count; i++)
		total += list.files[i].known ? (uint64_t)list.files[i].st.st_blocks : 0;
	if (long_form || blocks)
		printf("total %s\n", block_text(total, text));
	print_files(&list);
	for (size_t i = 0; recursive && i < list.count; i++) {
		const struct file *file = &list.files[i];
		if (S_ISDIR(file->st.st_mode) && strcmp(file->name, ".") != 0 &&
		    strcmp(file->name, "..") != 0)
			list_directory(file->path, true, first);
	}
	free_list(&list);
}

static void list_operands(char **names)
{
	struct file_list files = { 0 }, directories = { 0 };
	bool through_link = !long_form && !directory_itself && !classify, first = true;

	for (; *names; names++) {
		struct stat st;
		bool into = !directory_itself && (through_link || follow ? stat : lstat)(*names, &st) == 0 &&
			    S_ISDIR(st.st_mode);
		add_file(into ? &directories : &files, *names, xstrdup(*names), true, through_link && into);
	}
	sort_files(&files);
	sort_files(&directories);
	print_files(&files);
	first = files.count == 0;
	bool heading = recursive || files.count + directories.count > 1 || (status && directories.count > 0);
	for (size_t i = 0; i < directories.count; i++)
		list_directory(directories.files[i].path, heading, &first);
	free_list(&files);
	free_list(&directories);
}

int main(int argc, char **argv)
{
	static const struct long_name longs[] = {
		{ "all", 'a' },	    { "almost-all", 'A' },	{ "directory", 'd' },	{ "recursive", 'R' },
		{ "reverse", 'r' }, { "human-readable", 'h' },	{ "classify", 'F' },	{ "inode", 'i' },
		{ "size", 's' },    { "numeric-uid-gid", 'n' }, { "dereference", 'L' }, { 0 },
	};
	static char *here[] = { ".", NULL };

	tool_init(argc, argv, 2, "[-1aAcCdFhiklLnpRrsStuU] [FILE...]", longs);
	for (int c; (c = next_option(argc, argv, "1aAcCdFhiklLnpRrsStuU")) != -1;) {
		switch (c) {
		case 'a':
			all = true;
			break;
		case 'A':
			almost_all = true;
			break;
		case 'c':
			time_kind = 'c';
			break;
		case 'd':
			directory_itself = true;
			break;
		case 'F':
			classify = true;
			break;
		case 'h':
			human = true;
			break;
		case 'i':
			inodes = true;
			break;
		case 'l':
			long_form = true;
			break;
		case 'L':
			follow = true;
			break;
		case 'n':
			long_form = numeric = true;
			break;
		case 'p':
			slash_only = true;
			break;
		case 'R':
			recursive = true;
			break;
		case 'r':
			reversed = true;
			break;
		case 's':
			blocks = true;
			break;
		case 'S':
			sort_by = 'S';
			break;
		case 't':
			sort_by = 't';
			break;
		case 'u':
			time_kind = 'u';
			break;
		case 'U':
			no_sort = true;
			break;
		}
	}
	list_operands(optind < argc ? argv + optind : here);
	return finish(status);
}
