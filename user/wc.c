/* SPDX-License-Identifier: ISC */
/* wc: counts lines, words and bytes. */
#include <unistd.h>

#include "util.h"

struct counts {
	uint64_t lines, words, bytes;
};

static bool lines, words, bytes, unnamed;
static int width = 1;
static struct counts total;

static void print_counts(const struct counts *c, const char *name)
{
	const char *gap = "";

	if (lines)
		printf("%s%*llu", gap, width, (unsigned long long)c->lines), gap = " ";
	if (words)
		printf("%s%*llu", gap, width, (unsigned long long)c->words), gap = " ";
	if (bytes)
		printf("%s%*llu", gap, width, (unsigned long long)c->bytes);
	if (name)
		printf(" %s", name);
	putchar('\n');
}

static int count_file(int fd, const char *name)
{
	static unsigned char buffer[IO_SIZE];
	struct counts c = { 0 };
	bool in_word = false;
	ssize_t nbytes;

	while ((nbytes = read(fd, buffer, sizeof(buffer))) > 0) {
		c.bytes += (uint64_t)nbytes;
		if (!lines && !words)
			continue;
		for (ssize_t i = 0; i < nbytes; i++) {
			unsigned char b = buffer[i];
			bool space = b == ' ' || (b >= '\t' && b <= '\r');
			c.lines += b == '\n';
			c.words += !space && !in_word;
			in_word = !space;
		}
	}
	if (nbytes < 0)
		file_error(name);
	print_counts(&c, unnamed ? NULL : name);
	total.lines += c.lines;
	total.words += c.words;
	total.bytes += c.bytes;
	return nbytes < 0;
}

/* Columns as wide as the sum of the sizes; 7 where a size cannot be known before. */
static void find_width(char **names, int count)
{
	uint64_t sum = 0;
	struct stat st;

	if (count <= 1 && lines + words + bytes == 1)
		return;
	for (int i = 0; i < count || i == 0; i++) {
		bool standard = count == 0 || (names[i][0] == '-' && !names[i][1]);
		if ((standard ? fstat(STDIN_FILENO, &st) : stat(names[i], &st)) < 0)
			continue;
		if (S_ISREG(st.st_mode))
			sum += (uint64_t)st.st_size;
		else
			width = 7;
	}
	int needed = snprintf(NULL, 0, "%llu", (unsigned long long)sum);
	width = needed > width ? needed : width;
}

int main(int argc, char **argv)
{
	static const struct long_name longs[] = {
		{ "lines", 'l' }, { "words", 'w' }, { "bytes", 'c' }, { 0 }
	};

	tool_init(argc, argv, 1, "[-clmw] [FILE...]", longs);
	for (int c; (c = next_option(argc, argv, "clmw")) != -1;) {
		lines |= c == 'l';
		words |= c == 'w';
		bytes |= c == 'c' || c == 'm';
	}
	if (!lines && !words && !bytes)
		lines = words = bytes = true;
	int count = argc - optind;
	find_width(argv + optind, count);
	unnamed = count == 0;
	int failed = each_input(argv + optind, count_file);
	if (count > 1)
		print_counts(&total, "total");
	return finish(failed > 0);
}
