/* SPDX-License-Identifier: ISC */
/*
 * dirtest [-d DIR] [N]: a directory of N entries (2000 by default): made, found, listed once each, every third
 * removed and made again under a longer name, renamed, all removed; and names that are not there stay so.
 */
#define _GNU_SOURCE
#include "include/testlib.h"
#include <dirent.h>

static unsigned long n;

static const char *name_of(unsigned long i, int gen)
{
	static char name[300];

	snprintf(name, sizeof(name),
		 gen == 2 ? "renamed-%lu" :
		 gen	  ? "a-longer-name-%lu-%lu" :
			    "f%lu",
		 i, i * 7919);
	return name;
}

static void make(unsigned long i, int gen)
{
	if (i % 8 == 0) {
		SYS(symlink(name_of(i, gen), name_of(i, gen)));
		return;
	}
	SYS(close((int)SYS(open(name_of(i, gen), O_WRONLY | O_CREAT | O_EXCL, 0644))));
}

static void check_list(void)
{
	unsigned char *seen = calloc(n, 1);
	DIR *d = opendir(".");
	unsigned long count = 0, i;
	struct dirent *e;

	CHECK(seen && d);
	while ((e = readdir(d))) {
		const char *digits = strpbrk(e->d_name, "0123456789");

		if (e->d_name[0] == '.')
			continue;
		CHECK(digits);
		i = strtoul(digits, NULL, 10);
		CHECK(i < n);
		EQ(seen[i], 0);
		seen[i] = 1;
		count++;
	}
	EQ(count, n);
	closedir(d);
	free(seen);
}

int main(int argc, char **argv)
{
	struct stat st;

	argc = test_begin("dirtest", argc, argv);
	n = argc > 1 ? strtoul(argv[1], NULL, 0) : 2000;
	test_enter();
	test_now = "make";
	for (unsigned long i = 0; i < n; i++)
		make(i, 0);
	ERR(open(name_of(1, 0), O_WRONLY | O_CREAT | O_EXCL, 0644), EEXIST);
	test_ok(test_now);
	test_now = "find";
	for (unsigned long i = 0; i < n; i++)
		SYS(lstat(name_of(i, 0), &st));
	for (unsigned long i = 0; i < n; i += 5)
		ERR(lstat(name_of(i + n, 0), &st), ENOENT);
	check_list();
	test_ok(test_now);
	test_now = "replace";
	for (unsigned long i = 0; i < n; i += 3)
		SYS(unlink(name_of(i, 0)));
	for (unsigned long i = 0; i < n; i += 3)
		make(i, 1);
	for (unsigned long i = 0; i < n; i += 3)
		ERR(lstat(name_of(i, 0), &st), ENOENT);
	check_list();
	test_ok(test_now);
	test_now = "rename";
	for (unsigned long i = 1; i < n; i += 3) {
		char to[300];

		snprintf(to, sizeof(to), "%s", name_of(i, 2));
		SYS(rename(name_of(i, 0), to));
	}
	check_list();
	test_ok(test_now);
	test_now = "remove";
	for (unsigned long i = 0; i < n; i++)
		SYS(unlink(name_of(i, i % 3 == 0 ? 1 : i % 3 == 1 ? 2 : 0)));
	test_ok(test_now);
	test_leave();
	return 0;
}
