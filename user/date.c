/* SPDX-License-Identifier: ISC */
/* date: the time of day, or another, in a format of strftime(3); -s sets the clock. */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "util.h"

/* strftime does not know nanoseconds: %N is put in before, and %s, which not every libc has. */
static char *with_nanoseconds(const char *format, struct timespec when)
{
	char *text = xmalloc(strlen(format) * 12 + 1), *to = text;

	for (; *format; format++) {
		if (*format == '%' && format[1] == 'N')
			to += sprintf(to, "%09ld", when.tv_nsec), format++;
		else if (*format == '%' && format[1] == 's')
			to += sprintf(to, "%lld", (long long)when.tv_sec), format++;
		else if (*format == '%' && format[1] == '%')
			*to++ = *format++, *to++ = '%';
		else
			*to++ = *format;
	}
	*to = '\0';
	return text;
}

int main(int argc, char **argv)
{
	static const struct long_name longs[] = {
		{ "date", 'd' }, { "reference", 'r' }, { "set", 's' },
		{ "utc", 'u' },	 { "universal", 'u' }, { 0 },
	};
	struct timespec when;
	const char *format = "%a %b %e %H:%M:%S %Z %Y";
	bool set = false;
	struct stat st;

	tool_init(argc, argv, 1, "[-u] [-d DATE | -r FILE | -s DATE] [+FORMAT]", longs);
	clock_gettime(CLOCK_REALTIME, &when);
	for (int c; (c = next_option(argc, argv, "d:r:Rs:u")) != -1;) {
		if (c == 'u')
			setenv("TZ", "UTC0", 1);
		if (c == 'R')
			format = "%a, %d %b %Y %H:%M:%S %z";
		set |= c == 's';
		if ((c == 'd' || c == 's') && strcmp(optarg, "now") != 0 && !parse_date(optarg, &when))
			die("invalid date '%s'", optarg);
		if (c != 'r')
			continue;
		if (stat(optarg, &st) < 0)
			die_file(optarg);
		when = st.st_mtim;
	}
	if (optind < argc && argv[optind][0] == '+')
		format = argv[optind++] + 1;
	if (optind < argc)
		usage();
	if (set && clock_settime(CLOCK_REALTIME, &when) < 0)
		die_file("cannot set date");
	tzset();
	struct tm *tm = localtime(&when.tv_sec);
	if (!tm)
		die("time out of range");
	char *full = with_nanoseconds(format, when), *text = xmalloc(65536);
	text[strftime(text, 65536, full, tm)] = '\0';
	puts(text);
	return finish(0);
}
