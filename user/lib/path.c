/* SPDX-License-Identifier: ISC */
/* Path names: parts, links resolved, names nobody has yet. */
#include "libc.h"
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static void strip(char *s)
{
	size_t n = strlen(s);

	while (n > 1 && s[n - 1] == '/')
		s[--n] = 0;
}

char *basename(char *path)
{
	if (!path || !*path)
		return ".";
	strip(path);
	char *slash = strrchr(path, '/');
	return slash && slash[1] ? slash + 1 : path;
}

char *dirname(char *path)
{
	if (!path || !*path)
		return ".";
	strip(path);
	char *slash = strrchr(path, '/');
	if (!slash)
		return ".";
	slash[slash == path] = 0;
	strip(path);
	return path;
}

/* Follows one component after another; what is left to do is in `todo`. */
static int resolve(char *done, char *todo)
{
	size_t n = strlen(done);

	for (int links = 0; *todo;) {
		size_t skip = strspn(todo, "/"), k = strcspn(todo + skip, "/");
		char *comp = todo + skip, link[PATH_MAX];
		if (n + k + 2 > PATH_MAX) {
			errno = ENAMETOOLONG;
			return -1;
		}
		if (k == 0 || (k == 1 && comp[0] == '.')) {
			memmove(todo, comp + k, strlen(comp + k) + 1);
			continue;
		}
		if (k == 2 && comp[0] == '.' && comp[1] == '.') {
			while (n && done[--n] != '/')
				;
			done[n] = 0;
			memmove(todo, comp + k, strlen(comp + k) + 1);
			continue;
		}
		done[n] = '/';
		memcpy(done + n + 1, comp, k);
		done[n + 1 + k] = 0;
		memmove(todo, comp + k, strlen(comp + k) + 1);
		ssize_t l = readlink(done, link, sizeof link - 1);
		if (l < 0) {
			if (errno != EINVAL)
				return -1;
			n += k + 1;
			continue;
		}
		if (++links > 40) {
			errno = ELOOP;
			return -1;
		}
		size_t rest = strlen(todo);
		if (l + rest + 1 > PATH_MAX) {
			errno = ENAMETOOLONG;
			return -1;
		}
		memmove(todo + l, todo, rest + 1);
		memcpy(todo, link, l);
		if (*link == '/')
			n = 0;
		done[n] = 0;
	}
	return 0;
}

char *realpath(const char *path, char *out)
{
	char done[PATH_MAX] = "", todo[PATH_MAX];
	struct stat st;

	if (!*path || strlen(path) >= sizeof todo) {
		errno = *path ? ENAMETOOLONG : ENOENT;
		return 0;
	}
	if (*path != '/' && !getcwd(done, sizeof done))
		return 0;
	if (!done[1])
		done[0] = 0;
	strcpy(todo, path);
	if (resolve(done, todo) < 0)
		return 0;
	if (!*done)
		strcpy(done, "/");
	if (path[strlen(path) - 1] == '/' && (stat(done, &st) < 0 || !S_ISDIR(st.st_mode))) {
		errno = ENOTDIR;
		return 0;
	}
	return out ? strcpy(out, done) : strdup(done);
}

/* Puts a random name in place of the six X. */
static int invent(char *template)
{
	static const char set[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	size_t n = strlen(template);
	struct timespec ts;
	unsigned long r;

	if (n < 6 || strcmp(template + n - 6, "XXXXXX")) {
		errno = EINVAL;
		return -1;
	}
	if (getrandom(&r, sizeof r, GRND_NONBLOCK) != sizeof r) {
		clock_gettime(CLOCK_REALTIME, &ts);
		r = (ts.tv_nsec * 1000003ul) ^ ts.tv_sec ^ ((unsigned long)getpid() << 32);
	}
	for (int i = 1; i <= 6; i++, r /= 62)
		template[n - i] = set[r % 62];
	return 0;
}

int mkstemp(char *template)
{
	for (int tries = 0; tries < 100; tries++) {
		if (invent(template) < 0)
			return -1;
		int fd = open(template, O_RDWR | O_CREAT | O_EXCL, 0600);
		if (fd >= 0 || errno != EEXIST)
			return fd;
		memset(template + strlen(template) - 6, 'X', 6);
	}
	return -1;
}

char *mkdtemp(char *template)
{
	for (int tries = 0; tries < 100; tries++) {
		if (invent(template) < 0)
			return 0;
		if (mkdir(template, 0700) == 0)
			return template;
		if (errno != EEXIST)
			return 0;
		memset(template + strlen(template) - 6, 'X', 6);
	}
	return 0;
}
