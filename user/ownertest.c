/* SPDX-License-Identifier: ISC */
/*
 * ownertest [-d DIR] SECONDS [FIRST]: makes, cuts and removes files of which each 512-byte sector names its file and its place,
 * until the time is over. The files are numbered from FIRST; the number is also the inode's user. Whatever moment the power
 * fails, each sector of a file must be its own or zeros. A full disk is no error: it is where blocks are used again at once.
 * Needs to be root.
 */
#define _GNU_SOURCE
#include "include/testlib.h"
#include <time.h>

#define FILES  24
#define SECTOR 512ul

static unsigned char buf[64 * 1024];
static uint64_t state = 12345;
static unsigned long serial[FILES], next_serial = 1;

static void name_of(char *name, size_t size, int i)
{
	snprintf(name, size, "o%d.%lu", i, serial[i]);
}

static void fill_sectors(unsigned long owner, unsigned long at, unsigned long nbytes)
{
	for (unsigned long k = 0; k < nbytes; k += SECTOR) {
		memset(buf + k, (int)(owner % 251) + 1, SECTOR);
		snprintf((char *)buf + k, SECTOR, "OWNER %lu SECTOR %lu\n", owner, (at + k) / SECTOR);
	}
}

static void make(int i)
{
	char name[64];
	int fd;
	unsigned long chunks = 1 + test_random(&state) % 12;

	serial[i] = next_serial++;
	name_of(name, sizeof(name), i);
	fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);
	if (fd < 0) {
		EQ(errno, ENOSPC);
		serial[i] = 0;
		return;
	}
	SYS(fchown(fd, (uid_t)serial[i],
		   0)); /* the inode knows its owner, too: names may be older than what they name */
	for (unsigned long c = 0; c < chunks; c++) {
		unsigned long at = (test_random(&state) % 40) * sizeof(buf) / 2;
		unsigned long n = SECTOR * (1 + test_random(&state) % (sizeof(buf) / SECTOR));

		fill_sectors(serial[i], at, n);
		if (pwrite(fd, buf, n, (off_t)at) < 0)
			EQ(errno, ENOSPC);
	}
	if (test_random(&state) % 2)
		SYS(fsync(fd));
	SYS(close(fd));
}

static void change(int i)
{
	char name[64];

	name_of(name, sizeof(name), i);
	if (test_random(&state) % 3) {
		SYS(unlink(name));
		serial[i] = 0;
	} else if (truncate(name, (off_t)(test_random(&state) % 2000 * SECTOR))) {
		EQ(errno, ENOSPC);
	}
}

int main(int argc, char **argv)
{
	time_t end;

	argc = test_begin("ownertest", argc, argv);
	end = time(NULL) + (argc > 1 ? atol(argv[1]) : 5);
	if (argc > 2)
		state = next_serial = (unsigned long)atol(argv[2]);
	while (time(NULL) < end) {
		int i = (int)(test_random(&state) % FILES);

		if (serial[i])
			change(i);
		else
			make(i);
	}
	for (int i = 0; i < FILES; i++)
		if (serial[i]) {
			char name[64];

			name_of(name, sizeof(name), i);
			SYS(unlink(name));
		}
	return 0;
}
