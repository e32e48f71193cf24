/* SPDX-License-Identifier: ISC */
/* Messages, options, numbers and whole-file input and output of the tools (util.h). */
#include "util.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

const char *tool_name = "";
int tool_trouble = 1;
static const char *tool_usage = "";

/* --- messages, options, exit ------------------------------------------------------------------------------- */

static char *spelled_short(const char *argument, const struct long_name *longs)
{
	for (; longs->name; longs++) {
		size_t length = strlen(longs->name);
		if (strncmp(argument, longs->name, length) != 0)
			continue;
		if (argument[length] != '\0' && argument[length] != '=')
			continue;
		const char *value = argument[length] == '=' ? argument + length + 1 : "";
		char *text = xmalloc(strlen(value) + 3);
		text[0] = '-';
		text[1] = longs->letter;
		strcpy(text + 2, value);
		return text;
	}
	return NULL;
}

void tool_init(int argc, char **argv, int trouble, const char *usage_text, const struct long_name *longs)
{
	const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;

	tool_name = slash ? slash + 1 : argc > 0 ? argv[0] : "?";
	tool_trouble = trouble;
	tool_usage = usage_text;
	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		printf("usage: %s %s\n", tool_name, tool_usage);
		exit(finish(0));
	}
	for (int i = 1; longs && i < argc && strcmp(argv[i], "--") != 0; i++) {
		char *text = strncmp(argv[i], "--", 2) == 0 ? spelled_short(argv[i] + 2, longs) : NULL;
		if (text)
			argv[i] = text;
	}
}

static void reverse(char **first, char **end)
{
	for (; first < end; first++) {
		char *kept = *first;
		*first = *--end;
		*end = kept;
	}
}

int next_option(int argc, char **argv, const char *letters)
{
	static int moved; /* operands that options stood behind: they wait at the end of argv */
	char first_stops[64];

	snprintf(first_stops, sizeof(first_stops), "+%s", letters + (*letters == '+'));
	for (;;) {
		int c = getopt(argc - moved, argv, first_stops);
		if (c == '?')
			usage();
		bool ended = *letters == '+' || optind >= argc - moved || strcmp(argv[optind - 1], "--") == 0;
		if (c != -1 || (ended && moved == 0))
			return c;
		if (ended)
			break;
		char *operand = argv[optind];
		memmove(argv + optind, argv + optind + 1, (size_t)(argc - 1 - optind) * sizeof(*argv));
		argv[argc - 1] = operand;
		moved++;
	}
	/* Those that waited come before the ones behind "--": the two parts change places. */
	reverse(argv + optind, argv + argc - moved);
	reverse(argv + argc - moved, argv + argc);
	reverse(argv + optind, argv + argc);
	return -1;
}

void usage(void)
{
	fprintf(stderr, "usage: %s %s\n", tool_name, tool_usage);
	exit(tool_trouble);
}

static void message(const char *format, va_list arguments)
{
	fflush(stdout);
	fprintf(stderr, "%s: ", tool_name);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
}

void complain(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	message(format, arguments);
	va_end(arguments);
}

void die(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	message(format, arguments);
	va_end(arguments);
	exit(tool_trouble);
}

void file_error(const char *path)
{
	complain("%s: %s", path, strerror(errno));
}

void die_file(const char *path)
{
	die("%s: %s", path, strerror(errno));
}

bool confirm(const char *question, const char *path)
{
	static char *line;
	static size_t capacity;

	fflush(stdout);
	fprintf(stderr, "%s: %s '%s'? ", tool_name, question, path);
	return read_line(stdin, &line, &capacity, NULL) > 0 && (line[0] == 'y' || line[0] == 'Y');
}

int finish(int status)
{
	bool failed_before = ferror(stdout);

	errno = 0;
	/* The close tells what a file system finds out only then; a stdout that was closed all along is no error. */
	if (fflush(stdout) == 0 && !failed_before && (close(STDOUT_FILENO) == 0 || errno == EBADF))
		return status;
	if (errno)
		complain("write error: %s", strerror(errno));
	else
		complain("write error");
	return tool_trouble ? tool_trouble : 1;
}

/* --- memory, strings, numbers ------------------------------------------------------------------------------ */

void *xmalloc(size_t nbytes)
{
	return xrealloc(NULL, nbytes);
}

void *xrealloc(void *old, size_t nbytes)
{
	void *fresh = realloc(old, nbytes ? nbytes : 1);

	if (!fresh)
		die("out of memory");
	return fresh;
}

char *xstrdup(const char *text)
{
	size_t nbytes = strlen(text) + 1;

	return memcpy(xmalloc(nbytes), text, nbytes);
}

char *path_join(const char *dir, const char *name)
{
	size_t length = strlen(dir);
	char *path = xmalloc(length + strlen(name) + 2);

	memcpy(path, dir, length);
	if (length > 0 && dir[length - 1] != '/')
		path[length++] = '/';
	strcpy(path + length, name);
	return path;
}

char *path_base(const char *path)
{
	size_t end = strlen(path);

	while (end > 1 && path[end - 1] == '/')
		end--;
	size_t start = end;
	while (start > 0 && path[start - 1] != '/')
		start--;
	if (start == end && end > 0)
		start--; /* the root: keep its slash */
	char *base = xmalloc(end - start + 1);
	memcpy(base, path + start, end - start);
	base[end - start] = '\0';
	return base;
}

char *path_into(const char *target, bool target_is_dir, const char *source)
{
	if (!target_is_dir)
		return xstrdup(target);
	char *base = path_base(source);
	char *path = path_join(target, base);
	free(base);
	return path;
}

bool is_directory(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool parse_number(const char *text, long long *value)
{
	char *end;

	errno = 0;
	*value = strtoll(text, &end, 10);
	return end != text && *end == '\0' && errno == 0;
}

/* The factor that a suffix at *text stands for; moves *text behind it. 0: too large for 64 bits. */
static uint64_t size_factor(const char **text)
{
	static const char powers[] = "KMGTPE";
	char c = **text == 'k' ? 'K' : **text;
	const char *power = c ? strchr(powers, c) : NULL;

	if (c == 'c' || c == 'w' || c == 'b' || c == 'B') {
		++*text;
		return c == 'w' ? 2 : c == 'b' ? 512 : 1;
	}
	if (!power)
		return 1;
	++*text;
	uint64_t base = 1024, factor = 1;
	if (**text == 'B') {
		base = 1000;
		++*text;
	} else if (strncmp(*text, "iB", 2) == 0) {
		*text += 2;
	}
	for (long i = power - powers; i >= 0; i--)
		factor *= base;
	return factor;
}

bool parse_size(const char *text, uint64_t *value)
{
	uint64_t product = 1;

	for (;; text++) {
		char *end;
		if (*text < '0' || *text > '9')
			return false;
		errno = 0;
		uint64_t number = strtoull(text, &end, 10);
		if (errno)
			return false;
		text = end;
		if (__builtin_mul_overflow(number, size_factor(&text), &number))
			return false;
		if (__builtin_mul_overflow(product, number, &product))
			return false;
		if (*text != 'x')
			break;
	}
	*value = product;
	return *text == '\0';
}

bool parse_duration(const char *text, uint64_t *nanoseconds)
{
	uint64_t whole = 0, billionths = 0, digit_worth = 100000000, unit = 1;
	bool any = false;

	for (; *text >= '0' && *text <= '9'; text++, any = true)
		if (__builtin_mul_overflow(whole, 10, &whole) ||
		    __builtin_add_overflow(whole, (uint64_t)(*text - '0'), &whole))
			return false;
	if (*text == '.')
		for (text++; *text >= '0' && *text <= '9'; text++, any = true, digit_worth /= 10)
			billionths += digit_worth * (uint64_t)(*text - '0');
	if (*text == 's' || *text == 'm' || *text == 'h' || *text == 'd') {
		unit = *text == 's' ? 1 : *text == 'm' ? 60 : *text == 'h' ? 3600 : 86400;
		text++;
	}
	if (!any || *text)
		return false;
	if (__builtin_mul_overflow(whole, unit * 1000000000, nanoseconds) ||
	    __builtin_add_overflow(*nanoseconds, billionths * unit, nanoseconds))
		*nanoseconds = UINT64_MAX; /* for ever */
	return true;
}

void pause_for(uint64_t nanoseconds)
{
	struct timespec left = { (time_t)(nanoseconds / 1000000000), (long)(nanoseconds % 1000000000) };

	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
}

long long need_number(const char *text)
{
	long long value;

	if (!parse_number(text, &value))
		die("invalid number '%s'", text);
	return value;
}

uint64_t need_size(const char *text)
{
	uint64_t value;

	if (!parse_size(text, &value))
		die("invalid size '%s'", text);
	return value;
}

/* Bits of rwx of class u, g, o, as the class's own bits of a mode. */
static mode_t permission_bits(const char **text, mode_t old, mode_t who, bool is_dir)
{
	mode_t bits = 0;

	for (;; ++*text) {
		switch (**text) {
		case 'r':
			bits |= 0444 & who;
			break;
		case 'w':
			bits |= 0222 & who;
			break;
		case 'x':
			bits |= 0111 & who;
			break;
		case 'X':
			bits |= is_dir || (old & 0111) ? 0111 & who : 0;
			break;
		case 's':
			bits |= (who & 0100 ? S_ISUID : 0) | (who & 0010 ? S_ISGID : 0);
			break;
		case 't':
			bits |= S_ISVTX;
			break;
		case 'u':
			bits |= (old >> 6 & 7) * 0111 & who;
			break;
		case 'g':
			bits |= (old >> 3 & 7) * 0111 & who;
			break;
		case 'o':
			bits |= (old & 7) * 0111 & who;
			break;
		default:
			return bits;
		}
	}
}

/* One clause: who, then one or more of +-= with permissions. */
static bool apply_clause(const char **text, mode_t *mode, bool is_dir)
{
	mode_t who = 0, mask = 0;

	for (;; ++*text) {
		if (**text == 'u')
			who |= 0700;
		else if (**text == 'g')
			who |= 0070;
		else if (**text == 'o')
			who |= 0007;
		else if (**text == 'a')
			who |= 0777;
		else
			break;
	}
	if (!who) {
		mask = umask(0);
		umask(mask);
		who = 0777;
	}
	if (**text != '+' && **text != '-' && **text != '=')
		return false;
	while (**text == '+' || **text == '-' || **text == '=') {
		char operation = *(*text)++;
		mode_t bits = permission_bits(text, *mode, who, is_dir) & ~mask;
		if (operation == '-')
			*mode &= ~bits;
		else if (operation == '+')
			*mode |= bits;
		else
			*mode = (*mode & ~(who & ~mask)) | bits;
	}
	return true;
}

bool parse_mode(const char *text, mode_t old, mode_t *mode)
{
	if (*text >= '0' && *text <= '7') {
		char *end;
		unsigned long value = strtoul(text, &end, 8);
		*mode = (mode_t)value;
		return *end == '\0' && value <= 07777;
	}
	*mode = old & 07777;
	while (apply_clause(&text, mode, S_ISDIR(old)))
		if (*text++ != ',')
			return text[-1] == '\0';
	return false;
}

/* `digits` decimal digits at *text into *value, and the character behind them unless it is 0. */
static bool date_part(const char **text, int digits, char separator, int *value)
{
	*value = 0;
	for (; digits > 0; digits--, ++*text) {
		if (**text < '0' || **text > '9')
			return false;
		*value = *value * 10 + (**text - '0');
	}
	if (separator && *(*text)++ != separator)
		return false;
	return true;
}

bool parse_date(const char *text, struct timespec *when)
{
	struct tm tm = { .tm_isdst = -1 };
	long long seconds;

	when->tv_nsec = 0;
	if (*text == '@') {
		if (!parse_number(text + 1, &seconds))
			return false;
		when->tv_sec = seconds;
		return true;
	}
	if (!date_part(&text, 4, '-', &tm.tm_year) || !date_part(&text, 2, '-', &tm.tm_mon) ||
	    !date_part(&text, 2, 0, &tm.tm_mday))
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	if (*text == ' ' || *text == 'T') {
		text++;
		if (!date_part(&text, 2, ':', &tm.tm_hour) || !date_part(&text, 2, 0, &tm.tm_min))
			return false;
		if (*text == ':' && (text++, !date_part(&text, 2, 0, &tm.tm_sec)))
			return false;
		if (*text == '.') {
			long worth = 100000000;
			for (text++; *text >= '0' && *text <= '9'; text++, worth /= 10)
				when->tv_nsec += worth * (*text - '0');
		}
	}
	when->tv_sec = mktime(&tm);
	return *text == '\0';
}

/* Up to `most` digits of a base at *text. */
static int escaped_number(const char **text, int base, int most)
{
	int value = 0;

	for (; most > 0; most--, ++*text) {
		static const char digits[] = "0123456789abcdef";
		const char *digit = **text ? strchr(digits, tolower((unsigned char)**text)) : NULL;
		if (!digit || digit - digits >= base)
			break;
		value = value * base + (int)(digit - digits);
	}
	return value;
}

bool put_escaped(const char *text, bool zero)
{
	static const char letters[] = "abefnrtv\\", codes[] = "\a\b\033\f\n\r\t\v\\";

	while (*text) {
		const char *letter = *text == '\\' && text[1] ? strchr(letters, text[1]) : NULL;
		if (*text != '\\' || !text[1]) {
			putchar(*text++);
		} else if (letter) {
			putchar(codes[letter - letters]);
			text += 2;
		} else if (text[1] == 'c') {
			return false;
		} else if (text[1] == 'x' && text[2] && strchr("0123456789abcdefABCDEF", text[2])) {
			text += 2;
			putchar(escaped_number(&text, 16, 2));
		} else if (text[1] == '0' || (!zero && text[1] > '0' && text[1] <= '7')) {
			text += 1 + zero;
			putchar(escaped_number(&text, 8, 3));
		} else {
			putchar(*text++);
		}
	}
	return true;
}

void mode_string(mode_t mode, char text[11])
{
	static const char letters[] = "rwxrwxrwx";

	text[0] = S_ISDIR(mode)	 ? 'd' :
		  S_ISLNK(mode)	 ? 'l' :
		  S_ISCHR(mode)	 ? 'c' :
		  S_ISBLK(mode)	 ? 'b' :
		  S_ISFIFO(mode) ? 'p' :
		  S_ISSOCK(mode) ? 's' :
				   '-';
	for (int i = 0; i < 9; i++)
		text[1 + i] = mode & (0400 >> i) ? letters[i] : '-';
	if (mode & S_ISUID)
		text[3] = mode & 0100 ? 's' : 'S';
	if (mode & S_ISGID)
		text[6] = mode & 0010 ? 's' : 'S';
	if (mode & S_ISVTX)
		text[9] = mode & 0001 ? 't' : 'T';
	text[10] = '\0';
}

const char *human_size(uint64_t nbytes, char text[16])
{
	static const char units[] = "BKMGTPE";
	uint64_t divisor = 1;
	int unit = 0;

	while (unit < 6 && nbytes > divisor * 1023) {
		divisor *= 1024;
		unit++;
	}
	if (unit == 0) {
		snprintf(text, 16, "%llu", (unsigned long long)nbytes);
		return text;
	}
	uint64_t whole = nbytes / divisor;
	uint64_t tenths = whole * 10 + ((nbytes % divisor) * 10 + divisor - 1) / divisor; /* rounded up */
	if (tenths < 100)
		snprintf(text, 16, "%u.%u%c", (unsigned)(tenths / 10), (unsigned)(tenths % 10), units[unit]);
	else
		snprintf(text, 16, "%llu%c", (unsigned long long)(whole + (nbytes % divisor != 0)),
			 units[unit]);
	return text;
}

const char *user_name(uid_t id)
{
	static char name[32];
	static uid_t cached;

	if (name[0] && cached == id)
		return name;
	struct passwd *entry = getpwuid(id);
	cached = id;
	if (entry)
		snprintf(name, sizeof(name), "%s", entry->pw_name);
	else
		snprintf(name, sizeof(name), "%u", id);
	return name;
}

const char *group_name(gid_t id)
{
	static char name[32];
	static gid_t cached;

	if (name[0] && cached == id)
		return name;
	struct group *entry = getgrgid(id);
	cached = id;
	if (entry)
		snprintf(name, sizeof(name), "%s", entry->gr_name);
	else
		snprintf(name, sizeof(name), "%u", id);
	return name;
}

/* --- input and output -------------------------------------------------------------------------------------- */

int write_all(int fd, const void *bytes, size_t nbytes)
{
	for (const char *at = bytes; nbytes > 0;) {
		ssize_t done = write(fd, at, nbytes);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -1;
		at += done;
		nbytes -= (size_t)done;
	}
	return 0;
}

ssize_t read_full(int fd, void *bytes, size_t nbytes)
{
	size_t have = 0;

	while (have < nbytes) {
		ssize_t done = read(fd, (char *)bytes + have, nbytes - have);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -1;
		if (done == 0)
			break;
		have += (size_t)done;
	}
	return (ssize_t)have;
}

int copy_fd(int in, const char *in_name, int out, const char *out_name)
{
	static char *buffer;

	if (!buffer)
		buffer = xmalloc(IO_SIZE);
	for (;;) {
		ssize_t nbytes = read(in, buffer, IO_SIZE);
		if (nbytes == 0)
			return 0;
		if (nbytes < 0 && errno == EINTR)
			continue;
		if (nbytes < 0) {
			file_error(in_name);
			return -1;
		}
		if (write_all(out, buffer, (size_t)nbytes) < 0) {
			file_error(out_name);
			return -1;
		}
	}
}

char *slurp(const char *path, size_t *nbytes)
{
	size_t have = 0, capacity = 4096;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return NULL;
	char *text = xmalloc(capacity + 1);
	for (;;) {
		ssize_t done = read_full(fd, text + have, capacity - have);
		if (done < 0) {
			int error = errno;
			free(text);
			close(fd);
			errno = error;
			return NULL;
		}
		have += (size_t)done;
		if (have < capacity)
			break;
		text = xrealloc(text, (capacity *= 2) + 1);
	}
	close(fd);
	text[have] = '\0';
	if (nbytes)
		*nbytes = have;
	return text;
}

int each_input(char **names, int (*one)(int fd, const char *name))
{
	static char *standard_input[] = { "-", NULL };
	int failed = 0;

	for (char **name = *names ? names : standard_input; *name; name++) {
		bool standard = strcmp(*name, "-") == 0;
		int fd = standard ? STDIN_FILENO : open(*name, O_RDONLY | O_CLOEXEC);
		if (fd < 0) {
			file_error(*name);
			failed++;
			continue;
		}
		failed += one(fd, *name) != 0;
		if (!standard)
			close(fd);
	}
	return failed;
}

ssize_t read_line(FILE *in, char **line, size_t *capacity, bool *had_newline)
{
	ssize_t length = getline(line, capacity, in);
	bool newline = length > 0 && (*line)[length - 1] == '\n';

	if (newline)
		(*line)[--length] = '\0';
	if (had_newline)
		*had_newline = newline;
	return length;
}

uint64_t proc_value(const char *text, const char *key)
{
	size_t length = strlen(key);

	for (const char *line = text; line && *line; line = strchr(line, '\n'), line = line ? line + 1 : NULL)
		if (strncmp(line, key, length) == 0 && strchr(": \t", line[length]) && line[length])
			return strtoull(line + length + strspn(line + length, ": \t"), NULL, 10);
	return 0;
}

char *next_line(char **rest)
{
	char *line = *rest, *newline = strchr(line, '\n');

	if (*line == '\0')
		return NULL;
	*rest = newline ? newline + 1 : line + strlen(line);
	if (newline)
		*newline = '\0';
	return line;
}

char *next_field(char **rest)
{
	char *field = *rest + strspn(*rest, " \t");
	char *to = field, *from = field;

	if (*field == '\0')
		return NULL;
	while (*from && *from != ' ' && *from != '\t') {
		if (from[0] == '\\' && from[1] >= '0' && from[1] <= '3' && from[2] >= '0' && from[2] <= '7' &&
		    from[3] >= '0' && from[3] <= '7') {
			*to++ = (char)((from[1] - '0') << 6 | (from[2] - '0') << 3 | (from[3] - '0'));
			from += 4;
		} else {
			*to++ = *from++;
		}
	}
	*rest = *from ? from + 1 : from;
	*to = '\0';
	return field;
}
