/* SPDX-License-Identifier: ISC */
/* seq: prints a sequence of decimal numbers, exactly: all are integers of the finest decimal place given. */
#include <string.h>

#include "util.h"

enum { MAX_PLACES = 15 };

/* Decimal places of a number; -1: not a number. */
static int places(const char *text)
{
	text += *text == '-' || *text == '+';
	size_t whole = strspn(text, "0123456789"), fraction = 0;

	if (text[whole] == '.')
		fraction = strspn(text + whole + 1, "0123456789");
	if (whole + fraction == 0 || text[whole + (text[whole] == '.') + fraction] || fraction > MAX_PLACES)
		return -1;
	return (int)fraction;
}

static int64_t scaled(const char *text, int wanted)
{
	bool negative = *text == '-';
	int64_t value = 0;
	int seen = -1; /* places behind the point so far */
	bool overflow = false;

	for (const char *at = text + (*text == '-' || *text == '+'); *at; at++) {
		if (*at == '.') {
			seen = 0;
			continue;
		}
		if (seen >= wanted)
			break; /* finer than the first number and the step */
		seen += seen >= 0;
		overflow |= __builtin_mul_overflow(value, 10, &value) ||
			    __builtin_add_overflow(value, *at - '0', &value);
	}
	for (int i = seen < 0 ? 0 : seen; i < wanted; i++)
		overflow |= __builtin_mul_overflow(value, 10, &value);
	if (overflow)
		die("number out of range: '%s'", text);
	return negative ? -value : value;
}

static int print(char *text, size_t size, int64_t value, int decimals, int width)
{
	uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value, unit = 1;

	for (int i = 0; i < decimals; i++)
		unit *= 10;
	int whole_width = width - (decimals ? decimals + 1 : 0) - (value < 0);
	int length = snprintf(text, size, "%s%0*llu", value < 0 ? "-" : "", whole_width > 0 ? whole_width : 0,
			      (unsigned long long)(magnitude / unit));
	if (decimals)
		length += snprintf(text + length, size - (size_t)length, ".%0*llu", decimals,
				   (unsigned long long)(magnitude % unit));
	return length;
}

int main(int argc, char **argv)
{
	const char *separator = "\n", *first = "1", *step = "1";
	bool equal_width = false, any = false;
	char text[128];
	int i = 1;

	tool_init(argc, argv, 1, "[-w] [-s SEPARATOR] [FIRST [STEP]] LAST", NULL);
	/* By hand: a negative number is no option. */
	for (; i < argc && argv[i][0] == '-' && places(argv[i]) < 0; i++) {
		if (strcmp(argv[i], "--") == 0) {
			i++;
			break;
		} else if (strcmp(argv[i], "-w") == 0) {
			equal_width = true;
		} else if (strncmp(argv[i], "-s", 2) == 0 && (argv[i][2] || i + 1 < argc)) {
			separator = argv[i][2] ? argv[i] + 2 : argv[++i];
		} else {
			usage();
		}
	}
	int count = argc - i;
	if (count < 1 || count > 3)
		usage();
	for (int k = i; k < argc; k++)
		if (places(argv[k]) < 0)
			die("invalid number '%s'", argv[k]);
	const char *last = argv[argc - 1];
	first = count > 1 ? argv[i] : first;
	step = count > 2 ? argv[i + 1] : step;
	int decimals = places(first) > places(step) ? places(first) : places(step);
	int precision = decimals > places(last) ? decimals : places(last); /* the end may be finer */
	int64_t unit = 1;
	for (int k = decimals; k < precision; k++)
		unit *= 10;
	int64_t from = scaled(first, decimals), by = scaled(step, decimals), to = scaled(last, precision);
	/* Down to the last step that is not beyond the end: rounded towards the beginning. */
	int64_t rest = to % unit;
	to = to / unit - (rest < 0 && by > 0) + (rest > 0 && by < 0);
	if (by == 0)
		die("the step must not be 0");
	int width = 0;
	if (equal_width) {
		int a = print(text, sizeof(text), from, decimals, 0),
		    b = print(text, sizeof(text), to, decimals, 0);
		width = a > b ? a : b;
	}
	for (int64_t value = from; by > 0 ? value <= to : value >= to; any = true) {
		if (any)
			fputs(separator, stdout);
		print(text, sizeof(text), value, decimals, width);
		if (fputs(text, stdout) == EOF || __builtin_add_overflow(value, by, &value))
			break;
	}
	if (any)
		putchar('\n');
	return finish(0);
}
