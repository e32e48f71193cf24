/* SPDX-License-Identifier: ISC */
/*
 * diff: how two files, or two trees, differ. The shortest edit script by E. Myers, "An O(ND) Difference Algorithm and Its
 * Variations" (1986), in linear space: the middle of a shortest path is found from both ends, then each half alone.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>
#include <time.h>
#include <unistd.h>

#include "util.h"

struct line {
	const char *s;
	size_t n;
	size_t same; /* lines are equal if these are */
};

struct file {
	const char *name;
	char *text;
	size_t nbytes;
	struct line *lines;
	size_t count;
	bool *changed; /* deleted here, or inserted there */
	bool no_newline;
};

/* Lines [a, a + na) of one file became [b, b + nb) of the other. */
struct change {
	size_t a, na, b, nb;
};

static bool unified, brief, recursive, absent_empty, fold, blanks, no_blanks, tell_same, as_text;
static size_t context = 3;
static struct file files[2];
static long *forward, *backward; /* furthest reaching, by diagonal; indexed from the middle */

/* ---- lines ---- */

static unsigned char plain(unsigned char c)
{
	return fold && c >= 'A' && c <= 'Z' ? c + 32 : c;
}

/* The next byte that counts, from *i on; -1 at the end. Runs of blanks count as one, or not at all. */
static int counted(const struct line *l, size_t *i)
{
	if (no_blanks || blanks) {
		size_t from = *i;
		while (*i < l->n && isspace((unsigned char)l->s[*i]))
			++*i;
		if (*i == l->n)
			return -1;
		if (blanks && !no_blanks && *i > from)
			return ' ';
	}
	return *i < l->n ? plain((unsigned char)l->s[(*i)++]) : -1;
}

static bool equal_lines(const struct line *x, const struct line *y)
{
	size_t i = 0, k = 0;
	int c;

	do {
		c = counted(x, &i);
		if (c != counted(y, &k))
			return false;
	} while (c >= 0);
	return true;
}

static uint64_t hash(const struct line *l)
{
	uint64_t h = 14695981039346656037ul;
	size_t i = 0;

	for (int c; (c = counted(l, &i)) >= 0;)
		h = (h ^ (unsigned)c) * 1099511628211ul;
	return h ^ h >> 32;
}

static void split(struct file *f)
{
	size_t capacity = 0;

	f->lines = NULL;
	f->count = 0;
	f->no_newline = f->nbytes && f->text[f->nbytes - 1] != '\n';
	for (size_t at = 0; at < f->nbytes;) {
		const char *end = memchr(f->text + at, '\n', f->nbytes - at);
		size_t n = end ? (size_t)(end - f->text) - at : f->nbytes - at;
		if (f->count == capacity) {
			capacity = capacity ? 2 * capacity : 256;
			f->lines = xrealloc(f->lines, capacity * sizeof(*f->lines));
		}
		f->lines[f->count++] = (struct line){ f->text + at, n, 0 };
		at += n + 1;
	}
	f->changed = memset(xmalloc(f->count + 1), 0, f->count + 1);
}

/* Numbers the different lines of both files. A last line without its newline is like no other. */
static void number_lines(void)
{
	size_t size = 64, next = 1;

	while (size < 2 * (files[0].count + files[1].count))
		size *= 2;
	struct line **table = xmalloc(size * sizeof(*table));
	memset(table, 0, size * sizeof(*table));
	for (int f = 0; f < 2; f++)
		for (size_t i = 0; i < files[f].count; i++) {
			struct line *l = &files[f].lines[i];
			size_t at = hash(l) & (size - 1);
			while (table[at] && !equal_lines(table[at], l))
				at = (at + 1) & (size - 1);
			if (!table[at]) {
				table[at] = l;
				l->same = next++;
			}
			l->same = table[at]->same;
		}
	free(table);
	if (files[0].no_newline != files[1].no_newline && !blanks && !no_blanks)
		for (int f = 0; f < 2; f++)
			if (files[f].no_newline)
				files[f].lines[files[f].count - 1].same = 0;
}

/* ---- the shortest edit script ---- */

static bool same(size_t a, size_t b)
{
	return files[0].lines[a].same == files[1].lines[b].same;
}

/* A point in the middle of a shortest path through a rectangle that begins and ends with a difference. */
static void middle(long a, long a_end, long b, long b_end, long *at_a, long *at_b)
{
	long low = a - b_end, high = a_end - b, start = a - b, end = a_end - b_end;
	bool odd = (start - end) & 1;

	forward[start] = a;
	backward[end] = a_end;
	for (long fl = start, fh = start, bl = end, bh = end;;) {
		fl > low ? forward[--fl - 1] = -1 : ++fl;
		fh < high ? forward[++fh + 1] = -1 : --fh;
		for (long d = fh; d >= fl; d -= 2) {
			long x = forward[d - 1] >= forward[d + 1] ? forward[d - 1] + 1 : forward[d + 1];
			while (x < a_end && x - d < b_end && same((size_t)x, (size_t)(x - d)))
				x++;
			forward[d] = x;
			if (odd && bl <= d && d <= bh && backward[d] <= x) {
				*at_a = x;
				*at_b = x - d;
				return;
			}
		}
		bl > low ? backward[--bl - 1] = a_end + 1 : ++bl;
		bh < high ? backward[++bh + 1] = a_end + 1 : --bh;
		for (long d = bh; d >= bl; d -= 2) {
			long x = backward[d - 1] < backward[d + 1] ? backward[d - 1] : backward[d + 1] - 1;
			while (x > a && x - d > b && same((size_t)x - 1, (size_t)(x - d) - 1))
				x--;
			backward[d] = x;
			if (!odd && fl <= d && d <= fh && x <= forward[d]) {
				*at_a = x;
				*at_b = x - d;
				return;
			}
		}
	}
}

static void compare(long a, long a_end, long b, long b_end)
{
	while (a < a_end && b < b_end && same((size_t)a, (size_t)b))
		a++, b++;
	while (a < a_end && b < b_end && same((size_t)a_end - 1, (size_t)b_end - 1))
		a_end--, b_end--;
	if (a == a_end || b == b_end) {
		memset(files[0].changed + a, true, (size_t)(a_end - a));
		memset(files[1].changed + b, true, (size_t)(b_end - b));
		return;
	}
	long at_a, at_b;
	middle(a, a_end, b, b_end, &at_a, &at_b);
	compare(a, at_a, b, at_b);
	compare(at_a, a_end, at_b, b_end);
}

/* A run of changed lines that could as well lie later is moved there: people expect it behind what it repeats. */
static void shift(int f)
{
	struct file *file = &files[f], *other = &files[!f];
	size_t start = 0, k = 0;

	while (start < file->count) {
		if (!file->changed[start]) {
			while (other->changed[k])
				k++;
			k++;
			start++;
			continue;
		}
		size_t end = start;
		while (file->changed[end])
			end++;
		while (end < file->count && !other->changed[k] &&
		       file->lines[start].same == file->lines[end].same) {
			file->changed[start++] = false;
			file->changed[end++] = true;
			k++;
			while (file->changed[end])
				end++;
		}
		start = end;
	}
}

static struct change *find_changes(size_t *count)
{
	long a = (long)files[0].count, b = (long)files[1].count;
	long *space = xmalloc(2 * (size_t)(a + b + 5) * sizeof(*space));
	struct change *changes = NULL;
	size_t capacity = 0;

	forward = space + b + 2;
	backward = forward + a + b + 5;
	compare(0, a, 0, b);
	free(space);
	shift(0);
	shift(1);
	*count = 0;
	for (size_t i = 0, k = 0; i < files[0].count || k < files[1].count; i++, k++) {
		struct change c = { i, 0, k, 0 };
		while (files[0].changed[i])
			i++, c.na++;
		while (files[1].changed[k])
			k++, c.nb++;
		if (!c.na && !c.nb)
			continue;
		if (*count == capacity) {
			capacity = capacity ? 2 * capacity : 64;
			changes = xrealloc(changes, capacity * sizeof(*changes));
		}
		changes[(*count)++] = c;
	}
	return changes;
}

/* ---- output ---- */

static void print_lines(int f, size_t from, size_t n, const char *mark)
{
	const struct file *file = &files[f];

	for (size_t i = from; i < from + n; i++) {
		fputs(mark, stdout);
		fwrite(file->lines[i].s, 1, file->lines[i].n, stdout);
		putchar('\n');
		if (i + 1 == file->count && file->no_newline)
			puts("\\ No newline at end of file");
	}
}

/* 3 or 3,5; of no lines the one before. */
static void print_range(size_t from, size_t n)
{
	printf(n > 1 ? "%zu,%zu" : "%zu", from + (n > 0), from + n);
}

static void print_plain(const struct change *c)
{
	print_range(c->a, c->na);
	putchar(!c->na ? 'a' : !c->nb ? 'd' : 'c');
	print_range(c->b, c->nb);
	putchar('\n');
	print_lines(0, c->a, c->na, "< ");
	if (c->na && c->nb)
		puts("---");
	print_lines(1, c->b, c->nb, "> ");
}

/* Changes of which no two are further apart than their contexts. */
static void print_hunk(const struct change *c, size_t n)
{
	const struct change *last = &c[n - 1];
	size_t before = MIN(context, c->a), at = c->a - before;
	size_t after = MIN(context, files[0].count - last->a - last->na);
	size_t na = last->a + last->na + after - at, nb = last->b + last->nb + after - (c->b - before);

	printf(na == 1 ? "@@ -%zu" : "@@ -%zu,%zu", at + (na > 0), na);
	printf(nb == 1 ? " +%zu @@\n" : " +%zu,%zu @@\n", c->b - before + (nb > 0), nb);
	for (size_t i = 0; i < n; i++) {
		print_lines(0, at, c[i].a - at, " ");
		print_lines(0, c[i].a, c[i].na, "-");
		print_lines(1, c[i].b, c[i].nb, "+");
		at = c[i].a + c[i].na;
	}
	print_lines(0, at, after, " ");
}

static void print_name(const char *mark, const char *name)
{
	struct stat st = { 0 };
	char when[64];

	if (strcmp(name, "-") ? stat(name, &st) : fstat(0, &st))
		st.st_mtim = (struct timespec){ 0 };
	strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", localtime(&st.st_mtim.tv_sec));
	printf("%s %s\t%s.%09ld +0000\n", mark, name, when, st.st_mtim.tv_nsec);
}

static void print_changes(const struct change *c, size_t count)
{
	for (size_t i = 0, n; i < count; i += n) {
		n = 1;
		if (!unified) {
			print_plain(&c[i]);
			continue;
		}
		while (i + n < count && c[i + n].a - (c[i + n - 1].a + c[i + n - 1].na) <= 2 * context)
			n++;
		if (i == 0) {
			print_name("---", files[0].name);
			print_name("+++", files[1].name);
		}
		print_hunk(&c[i], n);
	}
}

/* ---- files and trees ---- */

static bool load(struct file *f, const char *name, bool absent)
{
	*f = (struct file){ .name = name };
	f->text = absent ? xstrdup("") : slurp(strcmp(name, "-") ? name : "/dev/stdin", &f->nbytes);
	if (!f->text)
		file_error(name);
	return f->text != NULL;
}

static bool is_binary(const struct file *f)
{
	return !as_text && f->nbytes && memchr(f->text, 0, MIN(f->nbytes, (size_t)8192));
}

static char *heading; /* the command line of each pair, when trees are compared */

static int compare_loaded(void)
{
	bool binary = is_binary(&files[0]) || is_binary(&files[1]);
	struct change *changes;
	size_t count;

	if (files[0].nbytes == files[1].nbytes &&
	    memcmp(files[0].text, files[1].text, files[0].nbytes) == 0) {
		if (tell_same)
			printf("Files %s and %s are identical\n", files[0].name, files[1].name);
		return 0;
	}
	if (binary || (brief && !blanks && !no_blanks && !fold)) {
		printf("%s %s and %s differ\n", binary && !brief ? "Binary files" : "Files", files[0].name,
		       files[1].name);
		return 1;
	}
	split(&files[0]);
	split(&files[1]);
	number_lines();
	changes = find_changes(&count);
	if (count && brief)
		printf("Files %s and %s differ\n", files[0].name, files[1].name);
	if (count && !brief && heading)
		printf("diff%s %s %s\n", heading, files[0].name, files[1].name);
	if (!brief)
		print_changes(changes, count);
	for (int f = 0; f < 2; f++) {
		free(files[f].lines);
		free(files[f].changed);
	}
	free(changes);
	return count > 0;
}

static int compare_files(const char *a, const char *b, bool no_a, bool no_b)
{
	int r = 2;

	if (load(&files[0], a, no_a) && load(&files[1], b, no_b))
		r = compare_loaded();
	free(files[0].text);
	free(files[1].text);
	files[0].text = files[1].text = NULL;
	return r;
}

static const char *kind(mode_t mode)
{
	return S_ISDIR(mode)  ? "directory" :
	       S_ISREG(mode)  ? "regular file" :
	       S_ISFIFO(mode) ? "fifo" :
				"special file";
}

static int compare_trees(const char *a, const char *b, bool no_a, bool no_b);

/* The same name in both trees, or in one of them only. */
static int compare_entry(const char *dir_a, const char *dir_b, const char *name, bool in_a, bool in_b)
{
	char *a = path_join(dir_a, name), *b = path_join(dir_b, name);
	struct stat x, y;
	int r = 0;

	if (in_a != in_b && !absent_empty) {
		printf("Only in %s: %s\n", in_a ? dir_a : dir_b, name);
		r = 1;
	} else if ((in_a && stat(a, &x) < 0) || (in_b && stat(b, &y) < 0)) {
		file_error(in_a ? a : b);
		r = 2;
	} else if (in_a && in_b && S_ISDIR(x.st_mode) && S_ISDIR(y.st_mode)) {
		if (recursive)
			r = compare_trees(a, b, false, false);
		else
			printf("Common subdirectories: %s and %s\n", a, b);
	} else if (in_a && in_b && (x.st_mode & S_IFMT) != (y.st_mode & S_IFMT)) {
		printf("File %s is a %s while file %s is a %s\n", a, kind(x.st_mode), b, kind(y.st_mode));
		r = 1;
	} else if (in_a && in_b && x.st_dev == y.st_dev && x.st_ino == y.st_ino) {
		r = 0;
	} else if (S_ISDIR(in_a ? x.st_mode : y.st_mode)) { /* all of it is new */
		r = recursive ? compare_trees(a, b, !in_a, !in_b) : 1;
	} else {
		r = compare_files(a, b, !in_a, !in_b);
	}
	free(a);
	free(b);
	return r;
}

/* no_a, no_b: a tree that is not there, as if it were empty. */
static int compare_trees(const char *a, const char *b, bool no_a, bool no_b)
{
	static char *none[] = { NULL };
	char **in_a = no_a ? none : directory_names(a), **in_b = no_b ? none : directory_names(b);
	int worst = 0;

	if (!in_a || !in_b) {
		file_error(in_a ? b : a);
		return 2;
	}
	for (size_t i = 0, k = 0; in_a[i] || in_b[k];) {
		int order = !in_a[i] ? 1 : !in_b[k] ? -1 : strcmp(in_a[i], in_b[k]);
		const char *name = order <= 0 ? in_a[i] : in_b[k];
		int r = compare_entry(a, b, name, order <= 0, order >= 0);
		worst = MAX(worst, r);
		i += order <= 0;
		k += order >= 0;
	}
	if (!no_a)
		free_names(in_a);
	if (!no_b)
		free_names(in_b);
	return worst;
}

int main(int argc, char **argv)
{
	static const struct long_name longs[] = { { "brief", 'q' },
						  { "recursive", 'r' },
						  { "new-file", 'N' },
						  { "text", 'a' },
						  { "report-identical-files", 's' },
						  { "unified", 'u' },
						  { "ignore-case", 'i' },
						  { "ignore-all-space", 'w' },
						  { NULL, 0 } };
	char options[64] = "";

	tool_init(argc, argv, 2, "[-uqrNasibw] [-U LINES] FILE FILE", longs);
	for (int c; (c = next_option(argc, argv, "uqrNasibwU:")) != -1;) {
		if (c == 'U')
			context = (size_t)need_number(optarg);
		unified |= c == 'u' || c == 'U';
		brief |= c == 'q';
		recursive |= c == 'r';
		absent_empty |= c == 'N';
		as_text |= c == 'a';
		tell_same |= c == 's';
		fold |= c == 'i';
		blanks |= c == 'b';
		no_blanks |= c == 'w';
		size_t n = strlen(options);
		if (c == 'U')
			snprintf(options + n, sizeof(options) - n, " -U %zu", context);
		else
			snprintf(options + n, sizeof(options) - n, n ? "%c" : " -%c", c);
	}
	if (argc - optind != 2)
		usage();
	char *a = argv[optind], *b = argv[optind + 1];
	if (is_directory(a) && is_directory(b)) {
		heading = options;
		return finish(compare_trees(a, b, false, false));
	}
	if (is_directory(a) != is_directory(b) && strcmp(a, "-") && strcmp(b, "-")) {
		if (is_directory(a))
			a = path_into(a, true, b);
		else
			b = path_into(b, true, a);
	}
	return finish(compare_files(a, b, false, false));
}
