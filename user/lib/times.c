/* SPDX-License-Identifier: ISC */
/* Clocks, sleeping, and the calendar (UTC only). */
#include "libc.h"
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t id, struct timespec *ts)
{
	return SC(SYS_clock_gettime, id, ts);
}

int clock_settime(clockid_t id, const struct timespec *ts)
{
	return SC(SYS_clock_settime, id, ts);
}

int clock_getres(clockid_t id, struct timespec *ts)
{
	return SC(SYS_clock_getres, id, ts);
}

/* Returns the error, not -1. */
int clock_nanosleep(clockid_t id, int flags, const struct timespec *req, struct timespec *rem)
{
	return (int)-RAW(SYS_clock_nanosleep, id, flags, req, rem);
}

int nanosleep(const struct timespec *req, struct timespec *rem)
{
	return SC(SYS_clock_nanosleep, CLOCK_REALTIME, 0, req, rem);
}

unsigned sleep(unsigned seconds)
{
	struct timespec ts = { seconds, 0 };

	return nanosleep(&ts, &ts) ? (unsigned)ts.tv_sec + (ts.tv_nsec >= 500000000) : 0;
}

int usleep(unsigned us)
{
	struct timespec ts = { us / 1000000, us % 1000000 * 1000l };

	return nanosleep(&ts, 0);
}

time_t time(time_t *t)
{
	struct timespec ts = { 0, 0 };

	clock_gettime(CLOCK_REALTIME, &ts);
	if (t)
		*t = ts.tv_sec;
	return ts.tv_sec;
}

clock_t clock(void)
{
	struct timespec ts;

	if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts))
		return -1;
	return ts.tv_sec * CLOCKS_PER_SEC + ts.tv_nsec / 1000;
}

double difftime(time_t a, time_t b)
{
	return (double)(a - b);
}

int gettimeofday(struct timeval *tv, void *tz)
{
	struct timespec ts;

	(void)tz;
	if (clock_gettime(CLOCK_REALTIME, &ts))
		return -1;
	*tv = (struct timeval){ ts.tv_sec, ts.tv_nsec / 1000 };
	return 0;
}

int settimeofday(const struct timeval *tv, const void *tz)
{
	struct timespec ts = { tv->tv_sec, tv->tv_usec * 1000 };

	(void)tz;
	return clock_settime(CLOCK_REALTIME, &ts);
}

static const short before[13] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365 };

static int leap(long y)
{
	return (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
}

/* Days from 1970-01-01 to the first of January of year y. */
static long days_to(long y)
{
	long p = y - 1;
	long q = p >= 0 ? p / 4 - p / 100 + p / 400 : (p - 3) / 4 - (p - 99) / 100 + (p - 399) / 400;

	return 365 * (y - 1970) + q - 477;
}

struct tm *gmtime_r(const time_t *t, struct tm *tm)
{
	long days = *t / 86400, rest = *t % 86400;

	if (rest < 0) {
		rest += 86400;
		days--;
	}
	long y = 1970 + days / 366; /* a little early or right, then forward */
	if (days < 0)
		y = 1970 + (days - 364) / 365;
	while (days_to(y + 1) <= days)
		y++;
	int yday = (int)(days - days_to(y)), m = 11;
	while (yday < before[m] + (m > 1 && leap(y)))
		m--;
	*tm = (struct tm){ .tm_sec = (int)(rest % 60),
			   .tm_min = (int)(rest / 60 % 60),
			   .tm_hour = (int)(rest / 3600),
			   .tm_mday = yday - before[m] - (m > 1 && leap(y)) + 1,
			   .tm_mon = m,
			   .tm_year = (int)(y - 1900),
			   .tm_wday = (int)(((days + 4) % 7 + 7) % 7),
			   .tm_yday = yday,
			   .tm_zone = "UTC" };
	return tm;
}

struct tm *localtime_r(const time_t *t, struct tm *tm)
{
	return gmtime_r(t, tm);
}

static struct tm shared;

struct tm *gmtime(const time_t *t)
{
	return gmtime_r(t, &shared);
}

struct tm *localtime(const time_t *t)
{
	return gmtime_r(t, &shared);
}

time_t timegm(struct tm *tm)
{
	long y = tm->tm_year + 1900l + tm->tm_mon / 12, m = tm->tm_mon % 12;

	if (m < 0) {
		m += 12;
		y--;
	}
	long days = days_to(y) + before[m] + (m > 1 && leap(y)) + tm->tm_mday - 1;
	time_t t = days * 86400 + tm->tm_hour * 3600l + tm->tm_min * 60l + tm->tm_sec;
	gmtime_r(&t, tm);
	return t;
}

time_t mktime(struct tm *tm)
{
	return timegm(tm);
}

void tzset(void)
{
}

static const char *const day_names[7] = { "Sunday",   "Monday", "Tuesday", "Wednesday",
					  "Thursday", "Friday", "Saturday" };
static const char *const month_names[12] = { "January",	  "February", "March",	  "April",
					     "May",	  "June",     "July",	  "August",
					     "September", "October",  "November", "December" };

/* The ISO 8601 week, and the year it belongs to. */
static int iso_week(const struct tm *tm, long *year)
{
	int wday = (tm->tm_wday + 6) % 7; /* Monday is 0 */
	int week = (tm->tm_yday - wday + 10) / 7;
	long y = tm->tm_year + 1900l;

	if (week == 0) {
		struct tm last = { .tm_yday = tm->tm_yday + 365 + leap(y - 1), .tm_wday = tm->tm_wday };
		last.tm_year = (int)(y - 1 - 1900);
		return iso_week(&last, year);
	}
	int jan1 = (wday - tm->tm_yday % 7 + 7) % 7;
	if (week == 53 && jan1 != 3 && !(jan1 == 2 && leap(y))) {
		y++;
		week = 1;
	}
	*year = y;
	return week;
}

static void one(char *b, size_t n, int conv, const struct tm *tm)
{
	long year = tm->tm_year + 1900l, iso = 0;
	int h12 = tm->tm_hour % 12 ? tm->tm_hour % 12 : 12, c = conv;
	struct tm copy = *tm;

#define NUM(k, fmt, ...)                          \
	case k:                                   \
		snprintf(b, n, fmt, __VA_ARGS__); \
		break
	switch (c) {
		NUM('%', "%s", "%");
		NUM('n', "%s", "\n");
		NUM('t', "%s", "\t");
		NUM('a', "%.3s", day_names[tm->tm_wday]);
		NUM('A', "%s", day_names[tm->tm_wday]);
	case 'h':
		NUM('b', "%.3s", month_names[tm->tm_mon]);
		NUM('B', "%s", month_names[tm->tm_mon]);
		NUM('C', "%02ld", year / 100);
		NUM('d', "%02d", tm->tm_mday);
		NUM('e', "%2d", tm->tm_mday);
		NUM('H', "%02d", tm->tm_hour);
		NUM('I', "%02d", h12);
		NUM('k', "%2d", tm->tm_hour);
		NUM('j', "%03d", tm->tm_yday + 1);
		NUM('m', "%02d", tm->tm_mon + 1);
		NUM('M', "%02d", tm->tm_min);
		NUM('p', "%s", tm->tm_hour < 12 ? "AM" : "PM");
		NUM('s', "%ld", (long)timegm(&copy));
		NUM('S', "%02d", tm->tm_sec);
		NUM('u', "%d", tm->tm_wday ? tm->tm_wday : 7);
		NUM('w', "%d", tm->tm_wday);
		NUM('U', "%02d", (tm->tm_yday + 7 - tm->tm_wday) / 7);
		NUM('W', "%02d", (tm->tm_yday + 7 - (tm->tm_wday + 6) % 7) / 7);
		NUM('V', "%02d", iso_week(tm, &iso));
	case 'G':
		iso_week(tm, &iso);
		snprintf(b, n, "%ld", iso);
		break;
		NUM('y', "%02ld", year % 100);
		NUM('Y', "%ld", year);
		NUM('z', "%s", "+0000");
		NUM('Z', "%s", "UTC");
	default:
		snprintf(b, n, "%%%c", c);
	}
#undef NUM
}

size_t strftime(char *s, size_t max, const char *fmt, const struct tm *tm)
{
	size_t n = 0;

	for (; *fmt; fmt++) {
		char b[64] = { *fmt, 0 };
		const char *whole = 0;
		if (*fmt == '%' && fmt[1]) {
			fmt++;
			if ((*fmt == 'E' || *fmt == 'O') && fmt[1])
				fmt++;
			whole = *fmt == 'c'		   ? "%a %b %e %H:%M:%S %Y" :
				*fmt == 'D' || *fmt == 'x' ? "%m/%d/%y" :
				*fmt == 'F'		   ? "%Y-%m-%d" :
				*fmt == 'r'		   ? "%I:%M:%S %p" :
				*fmt == 'R'		   ? "%H:%M" :
				*fmt == 'T' || *fmt == 'X' ? "%H:%M:%S" :
							     0;
			if (whole)
				strftime(b, sizeof b, whole, tm);
			else
				one(b, sizeof b, *fmt, tm);
		}
		size_t k = strlen(b);
		if (n + k >= max)
			return 0;
		memcpy(s + n, b, k);
		n += k;
	}
	if (max)
		s[n] = 0;
	return n;
}

char *asctime(const struct tm *tm)
{
	static char buf[64];

	strftime(buf, sizeof buf, "%a %b %e %H:%M:%S %Y\n", tm);
	return buf;
}

char *ctime(const time_t *t)
{
	return asctime(gmtime(t));
}
