/* SPDX-License-Identifier: ISC */
/* Directory trees for the tools: reading a directory, walking, copying and removing a tree (util.h). */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util.h"

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

char **directory_names(const char *path)
{
	size_t count = 0, capacity = 16;
	DIR *directory = opendir(path);
	struct dirent *entry;

	if (!directory)
		return NULL;
	char **names = xmalloc(capacity * sizeof(*names));
	while (errno = 0, (entry = readdir(directory)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (count + 1 == capacity)
			names = xrealloc(names, (capacity *= 2) * sizeof(*names));
		names[count++] = xstrdup(entry->d_name);
	}
	int error = errno;
	names[count] = NULL;
	closedir(directory);
	if (error) {
		free_names(names);
		errno = error;
		return NULL;
	}
	qsort(names, count, sizeof(*names), compare_names);
	return names;
}

void free_names(char **names)
{
	for (char **name = names; *name; name++)
		free(*name);
	free(names);
}

int walk(const char *path, int flags, walk_visit *visit, void *context)
{
	struct stat st;
	bool follow = flags & (WALK_FOLLOW_TOP | WALK_FOLLOW);
	int failures = 0;

	if ((follow ? stat : lstat)(path, &st) < 0 && !((flags & WALK_DANGLING) && lstat(path, &st) == 0)) {
		file_error(path);
		return 1;
	}
	int answer = visit(path, &st, WALK_FIRST, context);
	if (answer != WALK_OK || !S_ISDIR(st.st_mode))
		return answer == WALK_FAILED;
	/* The directory is closed again before the descent, so that no depth runs out of descriptors. */
	char **names = directory_names(path);
	if (names) {
		for (char **name = names; *name; name++) {
			char *below = path_join(path, *name);
			failures += walk(below, flags & ~WALK_FOLLOW_TOP, visit, context);
			free(below);
		}
		free_names(names);
	} else {
		file_error(path);
		failures++;
	}
	return failures + (visit(path, &st, WALK_LAST, context) == WALK_FAILED);
}

/* --- copying ----------------------------------------------------------------------------------------------- */

struct copying {
	const struct copy_how *how;
	size_t from_length; /* of the source's path: what follows is the same below the target */
	const char *to;
	dev_t top_dev; /* the target's top directory, not to be copied into itself */
	ino_t top_ino;
	bool have_top;
};

static int copy_attributes(const char *to, const struct stat *st)
{
	struct timespec times[2] = { st->st_atim, st->st_mtim };
	bool link = S_ISLNK(st->st_mode);

	/* Giving files away is for the superuser; cp -p is not expected to fail for others. */
	if (lchown(to, st->st_uid, st->st_gid) < 0 && errno != EPERM)
		goto failed;
	if (!link && chmod(to, st->st_mode & 07777) < 0)
		goto failed;
	if (utimensat(AT_FDCWD, to, times, AT_SYMLINK_NOFOLLOW) < 0)
		goto failed;
	return 0;
failed:
	file_error(to);
	return -1;
}

static int copy_regular(const char *from, const char *to, const struct stat *st, const struct copy_how *how)
{
	int in = open(from, O_RDONLY | O_CLOEXEC);

	if (in < 0) {
		file_error(from);
		return -1;
	}
	int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, st->st_mode & 0777);
	if (out < 0 && how->force && unlink(to) == 0)
		out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, st->st_mode & 0777);
	if (out < 0) {
		file_error(to);
		close(in);
		return -1;
	}
	int result = copy_fd(in, from, out, to);
	close(in);
	if (close(out) < 0 && result == 0) {
		file_error(to);
		result = -1;
	}
	return result;
}

static int copy_link(const char *from, const char *to, bool replace)
{
	char target[4096];
	ssize_t length = readlink(from, target, sizeof(target) - 1);

	if (length < 0) {
		file_error(from);
		return -1;
	}
	target[length] = '\0';
	if (replace)
		unlink(to);
	if (symlink(target, to) < 0) {
		file_error(to);
		return -1;
	}
	return 0;
}

static int copy_special(const char *to, const struct stat *st)
{
	if (mknod(to, st->st_mode, st->st_rdev) < 0) {
		file_error(to);
		return -1;
	}
	return 0;
}

static int copy_directory(const char *path, const char *to, const struct stat *st, struct copying *copying)
{
	struct stat made;

	if (!copying->how->recursive) {
		complain("%s: is a directory (not copied without -r)", path);
		return WALK_FAILED;
	}
	if (copying->have_top && st->st_dev == copying->top_dev && st->st_ino == copying->top_ino) {
		complain("%s: not copied into itself, %s", path, copying->to);
		return WALK_FAILED;
	}
	if (mkdir(to, (st->st_mode & 0777) | 0700) < 0 && (errno != EEXIST || !is_directory(to))) {
		file_error(to);
		return WALK_FAILED;
	}
	if (copying->how->verbose)
		printf("'%s' -> '%s'\n", path, to);
	if (!copying->have_top && stat(to, &made) == 0) {
		copying->have_top = true;
		copying->top_dev = made.st_dev;
		copying->top_ino = made.st_ino;
		if (made.st_dev == st->st_dev && made.st_ino == st->st_ino) {
			complain("'%s' and '%s' are the same file", path, to);
			return WALK_FAILED;
		}
	}
	return WALK_OK;
}

/* May `to` be written for `from`? WALK_OK, or what to answer instead. */
static int copy_allowed(const char *from, const char *to, const struct stat *st, const struct copy_how *how)
{
	struct stat old;

	if (lstat(to, &old) < 0)
		return WALK_OK;
	bool same = old.st_dev == st->st_dev && old.st_ino == st->st_ino;
	if (!same && !S_ISLNK(st->st_mode) && stat(to, &old) == 0)
		same = old.st_dev == st->st_dev && old.st_ino == st->st_ino;
	if (same) {
		complain("'%s' and '%s' are the same file", from, to);
		return WALK_FAILED;
	}
	if (S_ISDIR(old.st_mode)) {
		complain("%s: cannot overwrite a directory with a file", to);
		return WALK_FAILED;
	}
	if (how->no_clobber || (how->ask && !confirm("overwrite", to)))
		return WALK_SKIP;
	return WALK_OK;
}

static int copy_one(const char *path, const char *to, const struct stat *st, const struct copy_how *how)
{
	struct stat old;
	int answer = copy_allowed(path, to, st, how);

	if (answer != WALK_OK)
		return answer;
	bool exists = lstat(to, &old) == 0;
	int result;
	if (S_ISLNK(st->st_mode)) {
		result = copy_link(path, to, exists);
	} else if (S_ISREG(st->st_mode) || !how->recursive) {
		result = copy_regular(path, to, st, how);
	} else {
		if (exists)
			unlink(to);
		result = copy_special(to, st);
	}
	if (result == 0 && how->preserve)
		result = copy_attributes(to, st);
	if (result == 0 && how->verbose)
		printf("'%s' -> '%s'\n", path, to);
	return result == 0 ? WALK_OK : WALK_FAILED;
}

/* Permissions come back, and times are set, once nothing more is put into the directory. */
static int finish_directory(const char *to, const struct stat *st, const struct copy_how *how)
{
	if (how->preserve)
		return copy_attributes(to, st) == 0 ? WALK_OK : WALK_FAILED;
	if ((st->st_mode & 0700) != 0700) {
		mode_t mask = umask(0);
		umask(mask);
		chmod(to, st->st_mode & 0777 & ~mask);
	}
	return WALK_OK;
}

static int copy_visit(const char *path, const struct stat *st, enum walk_when when, void *context)
{
	struct copying *copying = context;
	const char *below = path + copying->from_length;
	int answer;

	while (*below == '/')
		below++;
	char *to = *below ? path_join(copying->to, below) : xstrdup(copying->to);
	if (when == WALK_LAST)
		answer = finish_directory(to, st, copying->how);
	else if (S_ISDIR(st->st_mode))
		answer = copy_directory(path, to, st, copying);
	else
		answer = copy_one(path, to, st, copying->how);
	free(to);
	return answer;
}

int copy_tree(const char *from, const char *to, const struct copy_how *how)
{
	struct copying copying = { .how = how, .from_length = strlen(from), .to = to };

	return walk(from, how->follow | (how->links_as_links ? 0 : WALK_FOLLOW_TOP), copy_visit, &copying);
}

/* --- removing ---------------------------------------------------------------------------------------------- */

static bool remove_allowed(const char *path, const struct stat *st, const struct remove_how *how)
{
	if (how->ask)
		return confirm(S_ISDIR(st->st_mode) ? "remove directory" : "remove", path);
	if (how->force || S_ISLNK(st->st_mode) || !isatty(STDIN_FILENO) || access(path, W_OK) == 0)
		return true;
	return confirm("remove write-protected", path);
}

static int remove_visit(const char *path, const struct stat *st, enum walk_when when, void *context)
{
	const struct remove_how *how = context;
	bool directory = S_ISDIR(st->st_mode);

	if (directory && when == WALK_FIRST) {
		if (how->recursive)
			return how->ask && !confirm("descend into directory", path) ? WALK_SKIP : WALK_OK;
		if (!how->empty_directories) {
			complain("%s: is a directory", path);
			return WALK_FAILED;
		}
	}
	if (!remove_allowed(path, st, how))
		return WALK_SKIP;
	if ((directory ? rmdir : unlink)(path) < 0) {
		if (how->force && errno == ENOENT)
			return WALK_SKIP;
		file_error(path);
		return WALK_FAILED;
	}
	if (how->verbose)
		printf("removed %s'%s'\n", directory ? "directory " : "", path);
	return directory && !how->recursive ? WALK_SKIP : WALK_OK;
}

int remove_tree(const char *path, const struct remove_how *how)
{
	struct stat st;

	if (lstat(path, &st) < 0 && (errno == ENOENT || errno == ENOTDIR) && how->force)
		return 0;
	return walk(path, 0, remove_visit, (void *)how);
}
