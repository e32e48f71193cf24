/* SPDX-License-Identifier: ISC */
/* stat: what is known of a file, or with -f of its file system. */
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "util.h"

static const char file_format[] = "  File: %N\n  Size: %-10s\tBlocks: %-10b IO Block: %-6o %F\n"
				  "Device: %Hd,%Ld\tInode: %-11i Links: %h\n"
				  "Access: (%04a/%A)  Uid: (%5u/%8U)   Gid: (%5g/%8G)\n"
				  "Access: %x\nModify: %y\nChange: %z\n Birth: %w\n";
static const char device_format[] = "  File: %N\n  Size: %-10s\tBlocks: %-10b IO Block: %-6o %F\n"
				    "Device: %Hd,%Ld\tInode: %-11i Links: %-5h Device type: %Hr,%Lr\n"
				    "Access: (%04a/%A)  Uid: (%5u/%8U)   Gid: (%5g/%8G)\n"
				    "Access: %x\nModify: %y\nChange: %z\n Birth: %w\n";
static const char system_format[] = "  File: \"%n\"\n    ID: %-8i Namelen: %-7l Type: %T\n"
				    "Block size: %-10s Fundamental block size: %S\n"
				    "Blocks: Total: %-10b Free: %-10f Available: %a\n"
				    "Inodes: Total: %-10c Free: %d\n";

/* printf with the flags, width and precision that stand between % and the letter. */
static void put_number(const char *flags, const char *conversion, unsigned long long value)
{
	char format[48];

	snprintf(format, sizeof(format), "%%%s%s", flags, conversion);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	printf(format, value);
#pragma GCC diagnostic pop
}

static void put_text(const char *flags, const char *text)
{
	char format[48];

	snprintf(format, sizeof(format), "%%%ss", flags);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	printf(format, text);
#pragma GCC diagnostic pop
}

static void put_time(const char *flags, struct timespec when)
{
	char date[32], zone[8], text[64];
	struct tm *tm = localtime(&when.tv_sec);

	if (!tm) {
		put_number(flags, "lld", (unsigned long long)when.tv_sec);
		return;
	}
	strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", tm);
	strftime(zone, sizeof(zone), "%z", tm);
	snprintf(text, sizeof(text), "%s.%09ld %s", date, when.tv_nsec, zone);
	put_text(flags, text);
}

static const char *kind_name(const struct stat *st)
{
	switch (st->st_mode & S_IFMT) {
	case S_IFDIR:
		return "directory";
	case S_IFLNK:
		return "symbolic link";
	case S_IFCHR:
		return "character special file";
	case S_IFBLK:
		return "block special file";
	case S_IFIFO:
		return "fifo";
	case S_IFSOCK:
		return "socket";
	default:
		return st->st_size ? "regular file" : "regular empty file";
	}
}

static const char *quotes = ""; /* around the names of %N; none in the usual form */

static void put_quoted(const char *path, const struct stat *st)
{
	char target[4096];
	ssize_t length = S_ISLNK(st->st_mode) ? readlink(path, target, sizeof(target)) : -1;

	printf("%s%s%s", quotes, path, quotes);
	if (length >= 0)
		printf(" -> %s%.*s%s", quotes, (int)length, target, quotes);
}

/* %d and %r, whole or (H, L) the major and minor number. */
static void put_device(const char *flags, dev_t device, char part)
{
	put_number(flags, "llu", part == 'H' ? major(device) : part == 'L' ? minor(device) : device);
}

static void put_file_item(char letter, char part, const char *flags, const char *path, const struct stat *st)
{
	char text[11];

	switch (letter) {
	case 'a':
		put_number(flags, "llo", st->st_mode & 07777);
		break;
	case 'A':
		mode_string(st->st_mode, text), put_text(flags, text);
		break;
	case 'b':
		put_number(flags, "llu", (unsigned long long)st->st_blocks);
		break;
	case 'B':
		put_number(flags, "llu", 512);
		break;
	case 'd':
		put_device(flags, st->st_dev, part);
		break;
	case 'D':
		put_number(flags, "llx", st->st_dev);
		break;
	case 'f':
		put_number(flags, "llx", st->st_mode);
		break;
	case 'F':
		put_text(flags, kind_name(st));
		break;
	case 'g':
		put_number(flags, "llu", st->st_gid);
		break;
	case 'G':
		put_text(flags, group_name(st->st_gid));
		break;
	case 'h':
		put_number(flags, "llu", st->st_nlink);
		break;
	case 'i':
		put_number(flags, "llu", st->st_ino);
		break;
	case 'n':
		put_text(flags, path);
		break;
	case 'N':
		put_quoted(path, st);
		break;
	case 'o':
		put_number(flags, "llu", (unsigned long long)st->st_blksize);
		break;
	case 'r':
		put_device(flags, st->st_rdev, part);
		break;
	case 's':
		put_number(flags, "lld", (unsigned long long)st->st_size);
		break;
	case 't':
		put_number(flags, "llx", major(st->st_rdev));
		break;
	case 'T':
		put_number(flags, "llx", minor(st->st_rdev));
		break;
	case 'u':
		put_number(flags, "llu", st->st_uid);
		break;
	case 'U':
		put_text(flags, user_name(st->st_uid));
		break;
	case 'w':
		put_text(flags, "-");
		break; /* ext2 keeps no time of birth */
	case 'W':
		put_text(flags, "0");
		break;
	case 'x':
		put_time(flags, st->st_atim);
		break;
	case 'X':
		put_number(flags, "lld", (unsigned long long)st->st_atim.tv_sec);
		break;
	case 'y':
		put_time(flags, st->st_mtim);
		break;
	case 'Y':
		put_number(flags, "lld", (unsigned long long)st->st_mtim.tv_sec);
		break;
	case 'z':
		put_time(flags, st->st_ctim);
		break;
	case 'Z':
		put_number(flags, "lld", (unsigned long long)st->st_ctim.tv_sec);
		break;
	default:
		putchar('?');
	}
}

static const char *system_name(unsigned long type)
{
	switch (type) {
	case 0xef53:
		return "ext2/ext3";
	case 0x01021994:
		return "tmpfs";
	case 0x9fa0:
		return "proc";
	case 0x1373:
		return "devfs";
	case 0x62656572:
		return "sysfs";
	case 0x794c7630:
		return "overlayfs";
	default:
		return "UNKNOWN";
	}
}

static void put_system_item(char letter, const char *flags, const char *path, const struct statfs *fs)
{
	uint32_t id[2];

	memcpy(id, &fs->f_fsid, sizeof(id));
	switch (letter) {
	case 'a':
		put_number(flags, "llu", fs->f_bavail);
		break;
	case 'b':
		put_number(flags, "llu", fs->f_blocks);
		break;
	case 'c':
		put_number(flags, "llu", fs->f_files);
		break;
	case 'd':
		put_number(flags, "llu", fs->f_ffree);
		break;
	case 'f':
		put_number(flags, "llu", fs->f_bfree);
		break;
	case 'i':
		put_number(flags, "llx", (unsigned long long)id[0] << 32 | id[1]);
		break;
	case 'l':
		put_number(flags, "llu", (unsigned long long)fs->f_namelen);
		break;
	case 'n':
		put_text(flags, path);
		break;
	case 's':
		put_number(flags, "llu", (unsigned long long)fs->f_bsize);
		break;
	case 'S':
		put_number(flags, "llu", (unsigned long long)(fs->f_frsize ? fs->f_frsize : fs->f_bsize));
		break;
	case 't':
		put_number(flags, "llx", (unsigned long long)fs->f_type);
		break;
	case 'T':
		put_text(flags, system_name((unsigned long)fs->f_type));
		break;
	default:
		putchar('?');
	}
}

static void print_formatted(const char *format, const char *path, const struct stat *st,
			    const struct statfs *fs)
{
	char flags[24];

	for (; *format; format++) {
		if (*format != '%' || format[1] == '\0') {
			putchar(*format);
			continue;
		}
		if (*++format == '%') {
			putchar('%');
			continue;
		}
		size_t length = strspn(format, "#0-+ ");
		length += strspn(format + length, "0123456789.");
		snprintf(flags, sizeof(flags), "%.*s", (int)length, format);
		format += length;
		char part = (*format == 'H' || *format == 'L') && strchr("dr", format[1]) && format[1] ?
				    *format++ :
				    0;
		if (!*format)
			break;
		if (st)
			put_file_item(*format, part, flags, path, st);
		else
			put_system_item(*format, flags, path, fs);
	}
}

/* The escapes that --printf understands, undone in place. */
static char *unescape(char *text)
{
	char *to = text;

	for (char *from = text; *from; from++) {
		static const char letters[] = "ntr\\\"";
		static const char codes[] = "\n\t\r\\\"";
		const char *hit = *from == '\\' && from[1] ? strchr(letters, from[1]) : NULL;
		*to++ = hit ? codes[hit - letters] : *from;
		from += hit != NULL;
	}
	*to = '\0';
	return text;
}

int main(int argc, char **argv)
{
	static const struct long_name longs[] = {
		{ "format", 'c' }, { "printf", 'P' }, { "dereference", 'L' }, { "file-system", 'f' }, { 0 },
	};
	const char *format = NULL, *end = "\n";
	bool follow = false, systems = false;
	int failed = 0;

	tool_init(argc, argv, 1, "[-L] [-f] [-c FORMAT | --printf=FORMAT] FILE...", longs);
	for (int c; (c = next_option(argc, argv, "c:fLP:")) != -1;) {
		follow |= c == 'L';
		systems |= c == 'f';
		if (c == 'c')
			format = optarg, end = "\n";
		else if (c == 'P')
			format = unescape(optarg), end = "";
	}
	if (optind == argc)
		usage();
	quotes = format ? "'" : "";
	for (int i = optind; i < argc; i++) {
		struct statfs fs;
		struct stat st;
		if ((systems ? statfs(argv[i], &fs) : (follow ? stat : lstat)(argv[i], &st)) < 0) {
			file_error(argv[i]);
			failed++;
			continue;
		}
		bool device = !systems && (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode));
		const char *standard = systems ? system_format : device ? device_format : file_format;
		print_formatted(format ? format : standard, argv[i], systems ? NULL : &st, &fs);
		if (format)
			fputs(end, stdout);
	}
	return finish(failed > 0);
}
