/* SPDX-License-Identifier: ISC */
/* cat: files, one behind the other, to standard output. */
#include <string.h>
#include <unistd.h>

#include "util.h"

static bool number_lines, number_filled, squeeze, show_ends, show_tabs, show_unprintable;

static int copy_plain(int fd, const char *name)
{
	struct stat in, out;

	/* Reading what is being appended would never end. */
	if (fstat(fd, &in) == 0 && fstat(STDOUT_FILENO, &out) == 0 && S_ISREG(in.st_mode) &&
	    in.st_dev == out.st_dev && in.st_ino == out.st_ino && in.st_size > 0) {
		complain("%s: input file is output file", name);
		return 1;
	}
	return copy_fd(fd, name, STDOUT_FILENO, "write error") < 0;
}

static void put_visible(int c)
{
	if (show_unprintable && c >= 128) {
		putchar('M');
		putchar('-');
		c -= 128;
	}
	if (c == '\t' ? show_tabs : show_unprintable && (c < 32 || c == 127)) {
		putchar('^');
		c ^= 64;
	}
	putchar(c);
}

static int copy_edited(int fd, const char *name)
{
	static unsigned char buffer[IO_SIZE];
	static unsigned long line_number;
	static bool at_start = true;
	static int empty_lines;
	ssize_t nbytes;

	while ((nbytes = read(fd, buffer, sizeof(buffer))) > 0) {
		for (ssize_t i = 0; i < nbytes; i++) {
			int c = buffer[i];
			bool empty = at_start && c == '\n';
			empty_lines = empty ? empty_lines + 1 : at_start ? 0 : empty_lines;
			if (squeeze && empty && empty_lines > 1)
				continue;
			if (at_start && (number_filled ? !empty : number_lines))
				printf("%6lu\t", ++line_number);
			at_start = c == '\n';
			if (c != '\n')
				put_visible(c);
			else if (show_ends)
				putchar('$');
			if (c == '\n')
				putchar('\n');
		}
	}
	if (nbytes < 0)
		file_error(name);
	return nbytes < 0;
}

int main(int argc, char **argv)
{
	static const struct long_name longs[] = {
		{ "number", 'n' },	  { "number-nonblank", 'b' },
		{ "squeeze-blank", 's' }, { "show-ends", 'E' },
		{ "show-tabs", 'T' },	  { "show-nonprinting", 'v' },
		{ "show-all", 'A' },	  { 0 },
	};

	tool_init(argc, argv, 1, "[-AbeEnstTuv] [FILE...]", longs);
	for (int c; (c = next_option(argc, argv, "AbeEnstTuv")) != -1;) {
		number_lines |= c == 'n';
		number_filled |= c == 'b';
		squeeze |= c == 's';
		show_ends |= strchr("AeE", c) != NULL;
		show_tabs |= strchr("AtT", c) != NULL;
		show_unprintable |= strchr("Aetv", c) != NULL;
	}
	bool edited = number_lines || number_filled || squeeze || show_ends || show_tabs || show_unprintable;
	int failed = each_input(argv + optind, edited ? copy_edited : copy_plain);
	return finish(failed > 0);
}
