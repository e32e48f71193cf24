/* SPDX-License-Identifier: ISC */
/* dmesg: the kernel's messages. */
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <unistd.h>

#include "util.h"

enum { READ_ALL = 3, READ_CLEAR = 4, CLEAR = 5, SIZE_BUFFER = 10 };

/* Lines may begin with a priority, "<6>". */
static void print_messages(const char *text, size_t length, bool raw)
{
	for (const char *end = text + length; text < end;) {
		const char *newline = memchr(text, '\n', (size_t)(end - text)),
			   *stop = newline ? newline : end;
		size_t digits = *text == '<' ? strspn(text + 1, "0123456789") : 0;
		if (!raw && digits > 0 && text[digits + 1] == '>')
			text += digits + 2;
		fwrite(text, 1, (size_t)(stop - text), stdout);
		putchar('\n');
		text = stop + 1;
	}
}

int main(int argc, char **argv)
{
	static const struct long_name longs[] = {
		{ "clear", 'C' }, { "read-clear", 'c' }, { "raw", 'r' }, { 0 }
	};
	bool raw = false;
	int operation = READ_ALL;

	tool_init(argc, argv, 1, "[-cCr]", longs);
	for (int c; (c = next_option(argc, argv, "cCr")) != -1;) {
		raw |= c == 'r';
		if (c != 'r')
			operation = c == 'c' ? READ_CLEAR : CLEAR;
	}
	if (optind < argc)
		usage();
	if (operation == CLEAR) {
		if (klogctl(CLEAR, NULL, 0) < 0)
			die_file("clear failed");
		return finish(0);
	}
	int size = klogctl(SIZE_BUFFER, NULL, 0);
	if (size <= 0)
		size = 1 << 20;
	char *text = xmalloc((size_t)size + 1);
	int length = klogctl(operation, text, size);
	if (length < 0)
		die_file("read kernel buffer failed");
	text[length] = '\0';
	print_messages(text, (size_t)length, raw);
	free(text);
	return finish(0);
}
