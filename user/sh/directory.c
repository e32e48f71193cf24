/* SPDX-License-Identifier: ISC */
/*
 * cd and pwd. The shell remembers in PWD the way it came, through symbolic links too (-L, the default); with -P links are
 * resolved. POSIX XCU, cd and pwd.
 */
#include "sh.h"

/* Whether PWD is absolute, without dots, and the working directory. */
static int pwd_holds(const char *pwd)
{
	struct stat a, b;

	if (!pwd || *pwd != '/')
		return 0;
	for (const char *p = pwd; (p = strstr(p, "/.")); p += 2) {
		size_t n = strspn(p + 1, ".");
		if (n <= 2 && (!p[1 + n] || p[1 + n] == '/'))
			return 0;
	}
	return stat(pwd, &a) == 0 && stat(".", &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

void start_directory(void)
{
	char cwd[PATH_MAX];

	if (pwd_holds(get_var("PWD")))
		return;
	if (getcwd(cwd, sizeof cwd))
		set_var("PWD", cwd);
	else
		unset_var("PWD");
}

/* Takes -L and -P from the arguments; the index of the first operand, -1 after a message. */
static int take_links(int argc, char **argv, int *physical)
{
	int i = 1;

	for (; i < argc && argv[i][0] == '-' && argv[i][1]; i++) {
		if (!strcmp(argv[i], "--"))
			return i + 1;
		for (const char *p = argv[i] + 1; *p; p++) {
			if (*p != 'L' && *p != 'P') {
				complain("%s: bad option: -%c", argv[0], *p);
				return -1;
			}
			*physical = *p == 'P';
		}
	}
	return i;
}

/* The directory as CDPATH finds it, in the scratch pool; `tell` if by a name other than the one given. */
static const char *by_cdpath(const char *dir, int *tell)
{
	const char *p = get_var("CDPATH");
	size_t first = strcspn(dir, "/"), n;
	struct stat st;

	if (!p || *dir == '/' || (first <= 2 && strspn(dir, ".") == first))
		return dir;
	for (;; p += n + 1) {
		n = strcspn(p, ":");
		char *path = take(&scratch, n + strlen(dir) + 2);
		memcpy(path, p, n);
		strcat(strcpy(path + n, n && p[n - 1] != '/' ? "/" : ""), dir);
		if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
			*tell |= n != 0;
			return path;
		}
		if (!p[n])
			return dir;
	}
}

/*
 * The path from the root without dots: `..` takes back the name before it, whatever that is a link to. NULL if that is no
 * directory.
 */
static char *without_dots(const char *pwd, const char *dir)
{
	char *path = take(&scratch, strlen(pwd) + strlen(dir) + 3), *end = path;
	struct stat st;

	for (const char *p = *dir == '/' ? "" : pwd; p; p = p == dir ? 0 : dir) {
		for (const char *q = p; *q;) {
			size_t n = strcspn(q, "/");
			if (n == 2 && !memcmp(q, "..", 2)) {
				if (end > path && (stat(path, &st) < 0 || !S_ISDIR(st.st_mode)))
					return 0;
				while (end > path && *--end != '/')
					;
				*end = 0;
			} else if (n && !(n == 1 && *q == '.')) {
				*end++ = '/';
				memcpy(end, q, n);
				end += n;
				*end = 0;
			}
			q += n + (q[n] == '/');
		}
	}
	return end > path ? path : strcpy(path, "/");
}

static int change(const char *dir, int physical)
{
	char *pwd = get_var("PWD"), cwd[PATH_MAX];
	const char *path = dir;

	if (!physical && (*dir == '/' || (pwd && *pwd == '/'))) {
		path = without_dots(pwd ? pwd : "", dir);
		if (!path) {
			errno = ENOENT;
			return -1;
		}
	}
	if (chdir(path) < 0 && (errno != ENAMETOOLONG || chdir(dir) < 0))
		return -1;
	if (pwd)
		set_var("OLDPWD", pwd)->flags |= V_EXPORT;
	if (path == dir)
		path = getcwd(cwd, sizeof cwd);
	if (path)
		set_var("PWD", path)->flags |= V_EXPORT;
	return 0;
}

int run_cd(int argc, char **argv)
{
	struct mark m = mark(&scratch);
	int tell = 0, physical = 0, i = take_links(argc, argv, &physical);

	if (i < 0)
		return 2;
	int home = i >= argc;
	const char *name = home ? get_var("HOME") : argv[i];
	if (!home && !strcmp(name, "-")) {
		name = get_var("OLDPWD");
		tell = 1;
	}
	if (!name || i + 1 < argc) {
		complain("cd: %s", name ? "too many arguments" : home ? "HOME not set" : "OLDPWD not set");
		return 2;
	}
	int failed = change(*name ? by_cdpath(name, &tell) : name, physical) < 0;
	if (failed)
		complain("cd: can't cd to %s: %s", name, strerror(errno));
	else if (tell)
		puts(get_var("PWD"));
	release(&scratch, m);
	return failed ? 2 : 0;
}

int run_pwd(int argc, char **argv)
{
	char cwd[PATH_MAX];
	int physical = 0;

	if (take_links(argc, argv, &physical) < 0)
		return 2;
	if (!physical && pwd_holds(get_var("PWD"))) {
		puts(get_var("PWD"));
		return 0;
	}
	if (!getcwd(cwd, sizeof cwd)) {
		complain("pwd: %s", strerror(errno));
		return 1;
	}
	puts(cwd);
	return 0;
}
