/* SPDX-License-Identifier: ISC */
/* printf: prints arguments as a format says; the format is used again while arguments are left. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

static char **arguments;
static int status;

static void convert_error(const char *text, const char *end)
{
	if (errno == 0 && end != text && *end == '\0')
		return;
	complain("'%s': %s", text,
		 errno	     ? strerror(errno) :
		 end == text ? "expected a number" :
			       "not completely converted");
	status = 1;
}

/* The next argument as a number: decimal, 0octal, 0xhexadecimal, or 'c for a character's code. */
static long long next_integer(bool is_signed)
{
	const char *text = *arguments ? *arguments++ : NULL;
	char *end;

	if (!text || !*text)
		return 0;
	if (*text == '\'' || *text == '"')
		return (unsigned char)text[1];
	errno = 0;
	long long value = is_signed ? strtoll(text, &end, 0) : (long long)strtoull(text, &end, 0);
	convert_error(text, end);
	return value;
}

static double next_real(void)
{
	const char *text = *arguments ? *arguments++ : NULL;
	char *end;

	if (!text || !*text)
		return 0;
	if (*text == '\'' || *text == '"')
		return (unsigned char)text[1];
	errno = 0;
	double value = strtod(text, &end);
	convert_error(text, end);
	return value;
}

/* Flags, width and precision behind a % copied to `format`, an asterisk replaced by an argument. */
static const char *copy_flags(const char *text, char format[64])
{
	size_t length = 0;

	format[length++] = '%';
	while (*text && strchr("-+ #0123456789.*", *text)) {
		if (length > 40)
			die("conversion too long");
		if (*text == '*')
			length += (size_t)snprintf(format + length, 12, "%d", (int)next_integer(true));
		else
			format[length++] = *text;
		text++;
	}
	format[length] = '\0';
	while (*text && strchr("hlLjzt", *text))
		text++;
	return text;
}

#pragma GCC diagnostic ignored "-Wformat-nonliteral"

/* One conversion, `text` behind its %. Returns where it ends; NULL: a \c said to stop. */
static const char *put_conversion(const char *text)
{
	char format[64], letter[2] = { 0 };
	const char *at = copy_flags(text, format);

	switch (*at) {
	case 'd':
	case 'i':
		printf(strcat(format, "lld"), next_integer(true));
		break;
	case 'o':
	case 'u':
	case 'x':
	case 'X':
		strcat(format, "ll");
		letter[0] = *at;
		printf(strcat(format, letter), next_integer(false));
		break;
	case 'e':
	case 'E':
	case 'f':
	case 'F':
	case 'g':
	case 'G':
		letter[0] = *at;
		printf(strcat(format, letter), next_real());
		break;
	case 'c':
		letter[0] = *arguments ? **arguments++ : '\0';
		printf(strcat(format, "s"), letter);
		break;
	case 's':
		printf(strcat(format, "s"), *arguments ? *arguments++ : "");
		break;
	case 'b':
		if (*arguments && !put_escaped(*arguments++, true))
			return NULL;
		break;
	default:
		die("%%%.*s: invalid conversion", (int)(at - text) + (*at != '\0'), text);
	}
	return at + 1;
}

/* The format once. false: a \c said to stop. */
static bool put_format(const char *format)
{
	while (format && *format) {
		const char *percent = strchr(format, '%');
		size_t length = percent ? (size_t)(percent - format) : strlen(format);
		char *plain = memcpy(xmalloc(length + 1), format, length);
		plain[length] = '\0';
		bool more = put_escaped(plain, false);
		free(plain);
		if (!more)
			return false;
		format += length;
		if (!percent)
			break;
		if (percent[1] == '%') {
			putchar('%');
			format = percent + 2;
		} else {
			format = put_conversion(percent + 1);
		}
	}
	return format != NULL;
}

int main(int argc, char **argv)
{
	tool_init(argc, argv, 1, "FORMAT [ARGUMENT...]", NULL);
	int first = argc > 1 && strcmp(argv[1], "--") == 0 ? 2 : 1;
	if (first >= argc)
		usage();
	arguments = argv + first + 1;
	for (;;) {
		char **before = arguments;
		if (!put_format(argv[first]) || !*arguments || arguments == before)
			break;
	}
	return finish(status);
}
