/* SPDX-License-Identifier: ISC */
/* touch: sets the times of files, and makes those that do not exist. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "util.h"

/* [[CC]YY]MMDDhhmm[.ss] */
static bool parse_stamp(const char *text, struct timespec *when)
{
	size_t digits = strspn(text, "0123456789");
	time_t now = time(NULL);
	struct tm tm = *localtime(&now);
	int part[6], count = 0;

	if ((digits != 8 && digits != 10 && digits != 12) || (text[digits] && strlen(text + digits) != 3))
		return false;
	for (size_t i = 0; i < digits; i += 2)
		part[count++] = (text[i] - '0') * 10 + (text[i + 1] - '0');
	if (count == 6)
		tm.tm_year = part[0] * 100 + part[1] - 1900;
	else if (count == 5)
		tm.tm_year = part[0] + (part[0] < 69 ? 100 : 0);
	const int *rest = part + count - 4;
	tm.tm_mon = rest[0] - 1;
	tm.tm_mday = rest[1];
	tm.tm_hour = rest[2];
	tm.tm_min = rest[3];
	tm.tm_sec = text[digits] == '.' ? (text[digits + 1] - '0') * 10 + (text[digits + 2] - '0') : 0;
	tm.tm_isdst = -1;
	when->tv_sec = mktime(&tm);
	when->tv_nsec = 0;
	return (text[digits] == '\0' || text[digits] == '.') && rest[0] >= 1 && rest[0] <= 12;
}

static int touch(const char *path, const struct timespec times[2], bool create, int flags)
{
	if (utimensat(AT_FDCWD, path, times, flags) == 0)
		return 0;
	if (errno != ENOENT) {
		file_error(path);
		return 1;
	}
	if (!create)
		return 0;
	int fd = open(path, O_WRONLY | O_CREAT | O_NOCTTY | O_NONBLOCK | O_CLOEXEC, 0666);
	if (fd < 0 || futimens(fd, times) < 0) {
		file_error(path);
		if (fd >= 0)
			close(fd);
		return 1;
	}
	close(fd);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct long_name longs[] = {
		{ "no-create", 'c' }, { "date", 'd' }, { "no-dereference", 'h' }, { "reference", 'r' }, { 0 },
	};
	struct timespec times[2] = { { .tv_nsec = UTIME_NOW }, { .tv_nsec = UTIME_NOW } };
	bool create = true, access_only = false, change_only = false;
	int flags = 0, failed = 0;
	struct stat st;

	tool_init(argc, argv, 1, "[-achm] [-d DATE | -r FILE | -t STAMP] FILE...", longs);
	for (int c; (c = next_option(argc, argv, "acd:hmr:t:")) != -1;) {
		switch (c) {
		case 'a':
			access_only = true;
			break;
		case 'c':
			create = false;
			break;
		case 'm':
			change_only = true;
			break;
		case 'h':
			flags = AT_SYMLINK_NOFOLLOW;
			break;
		case 'd':
		case 't':
			if (!(c == 'd' ? parse_date : parse_stamp)(optarg, &times[0]))
				die("invalid date '%s'", optarg);
			times[1] = times[0];
			break;
		case 'r':
			if (stat(optarg, &st) < 0)
				die_file(optarg);
			times[0] = st.st_atim;
			times[1] = st.st_mtim;
			break;
		}
	}
	if (optind == argc)
		usage();
	if (access_only != change_only)
		times[access_only].tv_nsec = UTIME_OMIT;
	for (int i = optind; i < argc; i++)
		failed += touch(argv[i], times, create, flags);
	return finish(failed > 0);
}
