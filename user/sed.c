/* SPDX-License-Identifier: ISC */
/* sed: edits lines by a script (POSIX; with -E, -i, -s, first~step, addr,+N and \t as GNU has them). */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "match.h"
#include "util.h"

enum address_kind { NO_ADDRESS, LINE, LAST, PATTERN, STEP, PLUS };
struct address {
	enum address_kind kind;
	unsigned long line, step;
	struct matcher *pattern; /* NULL: the one used last */
};

/* A file that w writes to. */
struct target {
	char *path;
	FILE *file;
	struct target *next;
};

struct command {
	struct address from, to;
	bool negated, inside; /* inside: between from and to */
	unsigned long stop;   /* the line on which `to` ends, if that is known */
	char name;
	struct command *jump; /* of { and of branches; NULL: to the end */
	char *text;	      /* label, text, replacement, the two halves of y */
	struct matcher *pattern;
	unsigned long occurrence; /* of s: the first one that is replaced */
	bool global, print;
	int status; /* of q */
	struct target *target;
};

struct text {
	char *s;
	size_t n, capacity;
};

/* What is to be written after the line: text of `a`, the content of a file of `r`. */
struct later {
	const char *text;
	bool is_file;
	struct later *next;
};

static struct command *script;
static size_t command_count, command_capacity;
static struct target *targets;
static bool quiet, separate, in_place;
static const char *suffix = "";
static int match_flags;
static struct matcher *last_pattern;

static struct text space, hold, ahead;
static bool has_ahead, ahead_newline, newline; /* newline: the line in the pattern space ended with one */
static unsigned long line_number;
static bool substituted; /* since the last line was read, or t branched */
static struct later *laters, **laters_end = &laters;
static char **inputs;
static FILE *in, *out;
static bool opened; /* a file, since a line was taken */
static const char *in_name;
static char *new_path; /* of -i: what becomes the file */
static int status;

/* ---- the script ---- */

static const char *at; /* where its parser is */

static void add(struct text *t, const char *s, size_t n)
{
	if (t->n + n + 1 > t->capacity) {
		t->capacity = 2 * (t->n + n) + 64;
		t->s = xrealloc(t->s, t->capacity);
	}
	if (n)
		memcpy(t->s + t->n, s, n);
	t->n += n;
	t->s[t->n] = 0;
}

static void skip_blanks(void)
{
	while (*at == ' ' || *at == '\t')
		at++;
}

/* Up to the delimiter, which a backslash quotes; \n is a newline where it stands for one. In fresh memory. */
static char *delimited(char delimiter, bool is_pattern)
{
	struct text t = { 0 };
	bool in_set = false;

	add(&t, "", 0);
	for (; *at && (*at != delimiter || in_set); at++) {
		if (*at == '\n' && is_pattern)
			die("unterminated address or command");
		if (*at == '\\' && at[1] && !in_set) {
			at++;
			if (*at == delimiter && delimiter != '&' &&
			    !(is_pattern && strchr("(){}+?|", delimiter)))
				add(&t, at, 1);
			else if (*at == 'n' || *at == 't')
				add(&t, *at == 'n' ? "\n" : "\t", 1);
			else {
				add(&t, at - 1, 2);
			}
			continue;
		}
		if (is_pattern && *at == '[' && !in_set) {
			in_set = true;
			add(&t, at, 1);
			if (at[1] == '^')
				add(&t, ++at, 1);
			if (at[1] == ']')
				add(&t, ++at, 1);
			continue;
		}
		if (in_set && *at == '[' && (at[1] == ':' || at[1] == '.' || at[1] == '=')) {
			const char *stop = at + 2;
			while (*stop && !(stop[0] == at[1] && stop[1] == ']'))
				stop++;
			if (*stop) {
				add(&t, at, (size_t)(stop - at) + 2);
				at = stop + 1;
				continue;
			}
		}
		in_set = in_set && *at != ']';
		add(&t, at, 1);
	}
	if (*at != delimiter)
		die("unterminated address or command");
	at++;
	return t.s;
}

static struct matcher *compile(const char *pattern, int flags)
{
	struct matcher *m;
	const char *error;

	if (!*pattern)
		return NULL;
	m = matcher_new(match_flags | flags);
	error = matcher_add(m, pattern, strlen(pattern));
	if (error)
		die("%s: %s", pattern, error);
	return m;
}

static unsigned long take_number(void)
{
	char *end;
	unsigned long n = strtoul(at, &end, 10);

	at = end;
	return n;
}

static struct address take_address(bool second)
{
	struct address a = { 0 };

	if (isdigit((unsigned char)*at)) {
		a.kind = LINE;
		a.line = take_number();
		if (*at == '~') {
			at++;
			a.kind = STEP;
			a.step = take_number();
		}
	} else if (second && *at == '+' && isdigit((unsigned char)at[1])) {
		at++;
		a.kind = PLUS;
		a.line = take_number();
	} else if (*at == '$') {
		at++;
		a.kind = LAST;
	} else if (*at == '/' || (*at == '\\' && at[1])) {
		at += *at == '\\';
		char delimiter = *at++, *pattern = delimited(delimiter, true);
		int fold = *at == 'I' ? MATCH_FOLD : 0;
		at += fold != 0;
		a.kind = PATTERN;
		a.pattern = compile(pattern, fold);
		free(pattern);
	}
	return a;
}

/* The rest of the line in fresh memory; with `word` only up to a semicolon or a blank. */
static char *take_rest(bool word)
{
	size_t n;

	skip_blanks();
	n = strcspn(at, word ? "\n; \t}" : "\n");
	char *s = strndup(at, n);
	if (!s)
		die("out of memory");
	at += n;
	return s;
}

/* The text of a, i and c: "a\" and lines of which all but the last end with a backslash, or one line. */
static char *take_text(void)
{
	struct text t = { 0 };

	skip_blanks();
	if (*at == '\\') {
		at++;
		skip_blanks();
		if (*at == '\n')
			at++;
	}
	for (; *at && *at != '\n'; at++) {
		if (*at == '\\' && at[1])
			at++;
		add(&t, at, 1);
	}
	add(&t, "\n", 1);
	return t.s;
}

static struct target *take_target(void)
{
	char *path = take_rest(false);
	struct target *t;

	if (!*path)
		die("missing file name in r, w or W");
	for (t = targets; t; t = t->next)
		if (strcmp(t->path, path) == 0)
			return t;
	t = xmalloc(sizeof(*t));
	*t = (struct target){ path, strcmp(path, "/dev/stdout") ? fopen(path, "w") : stdout, targets };
	if (!t->file)
		die_file(path);
	return targets = t;
}

static void take_substitution(struct command *c)
{
	char delimiter = *at, *pattern;
	int flags = 0;

	if (!delimiter || delimiter == '\n' || delimiter == '\\')
		die("unterminated s");
	at++;
	pattern = delimited(delimiter, true);
	c->text = delimited(delimiter, false);
	c->occurrence = 1;
	for (;; at++) {
		if (*at == 'g') {
			c->global = true;
		} else if (*at == 'p') {
			c->print = true;
		} else if (*at == 'i' || *at == 'I') {
			flags |= MATCH_FOLD;
		} else if (isdigit((unsigned char)*at)) {
			c->occurrence = take_number();
			if (!c->occurrence)
				die("the number of s may not be zero");
			at--;
		} else if (*at == 'w') {
			at++;
			c->target = take_target();
			break;
		} else {
			break;
		}
	}
	c->pattern = compile(pattern, flags);
	free(pattern);
}

/* y: both halves, unquoted, in one string of 2n bytes and a NUL. */
static void take_transliteration(struct command *c)
{
	char delimiter = *at, *half[2];

	if (!delimiter)
		die("unterminated y");
	at++;
	for (int i = 0; i < 2; i++) {
		char *to = half[i] = delimited(delimiter, false);
		for (char *from = to; *from; from++) {
			from += from[0] == '\\' && from[1] == '\\';
			*to++ = *from;
		}
		*to = 0;
	}
	if (strlen(half[0]) != strlen(half[1]))
		die("the strings of y differ in length");
	c->text = xrealloc(half[0], 2 * strlen(half[0]) + 1);
	strcat(c->text, half[1]);
	free(half[1]);
}

static void take_command(struct command *c)
{
	static const char plain[] = "=dDgGhHlnNpPxzF{}";

	c->name = *at ? *at++ : 0;
	if (c->name && strchr(plain, c->name))
		return;
	switch (c->name) {
	case 'a':
	case 'i':
	case 'c':
		c->text = take_text();
		break;
	case ':':
	case 'b':
	case 't':
	case 'T':
		c->text = take_rest(true);
		break;
	case 'r':
		c->text = take_rest(false);
		break;
	case 'w':
		c->target = take_target();
		break;
	case 's':
		take_substitution(c);
		break;
	case 'y':
		take_transliteration(c);
		break;
	case 'q':
	case 'Q':
		skip_blanks();
		c->status = isdigit((unsigned char)*at) ? (int)take_number() : 0;
		break;
	default:
		if (c->name && c->name != '\n')
			die("unknown command: %c", c->name);
		die("missing command");
	}
}

static void parse_one(void)
{
	if (command_count == command_capacity) {
		command_capacity = command_capacity ? 2 * command_capacity : 16;
		script = xrealloc(script, command_capacity * sizeof(*script));
	}
	struct command *c = &script[command_count];

	*c = (struct command){ .from = take_address(false) };
	skip_blanks();
	if (*at == ',' && c->from.kind) {
		at++;
		skip_blanks();
		c->to = take_address(true);
		if (!c->to.kind)
			die("unexpected ,");
		skip_blanks();
	}
	for (; *at == '!'; at++, skip_blanks())
		c->negated = true;
	take_command(c);
	if ((c->name == '}' || c->name == ':') && c->from.kind)
		die("%c takes no address", c->name);
	command_count++;
	skip_blanks();
	if (*at && !strchr("\n;}#", *at) && c->name != '{')
		die("extra characters after command %c", c->name);
}

static void parse(const char *text)
{
	for (at = text; *at;) {
		if (isspace((unsigned char)*at) || *at == ';')
			at++;
		else if (*at == '#')
			at += strcspn(at, "\n");
		else
			parse_one();
	}
}

/* Where { and the branches go. */
static void resolve(void)
{
	size_t open[100], depth = 0;

	for (size_t i = 0; i < command_count; i++) {
		struct command *c = &script[i];
		if (c->name == '{') {
			if (depth == sizeof(open) / sizeof(open[0]))
				die("too many {");
			open[depth++] = i;
		} else if (c->name == '}') {
			if (!depth)
				die("unexpected }");
			script[open[--depth]].jump = c;
		}
		if (!strchr("btT", c->name) || !*c->text)
			continue;
		for (size_t k = 0; k < command_count; k++)
			if (script[k].name == ':' && strcmp(script[k].text, c->text) == 0)
				c->jump = &script[k];
		if (!c->jump)
			die("no label %s", c->text);
	}
	if (depth)
		die("unmatched {");
}

/* ---- input and output ---- */

/* What -i has written takes the file's place. */
static void finish_file(void)
{
	struct stat st;

	if (in && in != stdin) {
		if (new_path && fstat(fileno(in), &st) == 0)
			fchmod(fileno(out), st.st_mode & 07777);
		fclose(in);
	}
	in = NULL;
	if (!new_path)
		return;
	if (fclose(out) != 0)
		die_file(new_path);
	if (*suffix) {
		char *old = xmalloc(strlen(in_name) + strlen(suffix) + 1);
		if (rename(in_name, strcat(strcpy(old, in_name), suffix)) < 0)
			die_file(old);
		free(old);
	}
	if (rename(new_path, in_name) < 0)
		die_file(in_name);
	free(new_path);
	new_path = NULL;
	out = stdout;
}

static bool open_next(void)
{
	finish_file();
	while ((in_name = *inputs)) {
		inputs++;
		in = strcmp(in_name, "-") || in_place ? fopen(in_name, "r") : stdin;
		if (!in || is_directory(in_name)) {
			errno = in ? EISDIR : errno;
			file_error(in_name);
			status = 2;
			if (in)
				fclose(in);
			in = NULL;
			continue;
		}
		if (in_place) {
			new_path = xmalloc(strlen(in_name) + 16);
			strcat(strcpy(new_path, in_name), ".sedXXXXXX");
			int fd = mkstemp(new_path);
			if (fd < 0)
				die_file(new_path);
			out = fdopen(fd, "w");
		}
		return opened = true;
	}
	return false;
}

/* The next line of this file (across: of any) into `ahead`. */
static bool look_ahead(bool across)
{
	while (!has_ahead) {
		if (!in && (!across || !open_next()))
			return false;
		ssize_t n = read_line(in, &ahead.s, &ahead.capacity, &ahead_newline);
		if (n >= 0) {
			ahead.n = (size_t)n;
			has_ahead = true;
		} else if (across) {
			if (!open_next())
				return false;
		} else {
			return false;
		}
	}
	return true;
}

static bool is_last(void)
{
	return !look_ahead(!separate);
}

/* Everything that was to come after the line. */
static void write_laters(void)
{
	while (laters) {
		struct later *l = laters;
		laters = l->next;
		if (!l->is_file) {
			fputs(l->text, out);
		} else {
			size_t n;
			char *s = slurp(l->text, &n);
			if (s)
				fwrite(s, 1, n, out);
			free(s);
		}
		free(l);
	}
	laters_end = &laters;
}

static void add_later(const char *text, bool is_file)
{
	struct later *l = xmalloc(sizeof(*l));

	*l = (struct later){ text, is_file, NULL };
	*laters_end = l;
	laters_end = &l->next;
}

static void write_line(FILE *to, const char *s, size_t n, bool with_newline)
{
	fwrite(s, 1, n, to);
	if (with_newline)
		putc('\n', to);
}

/* The next line, appended behind a newline or instead of the pattern space. */
static bool next_input(bool append)
{
	write_laters();
	if (!look_ahead(true))
		return false;
	if (separate && opened)
		line_number = 0;
	opened = false;
	if (append)
		add(&space, "\n", 1);
	else
		space.n = 0;
	add(&space, ahead.s, ahead.n);
	newline = ahead_newline;
	has_ahead = false;
	line_number++;
	return true;
}

/* ---- commands ---- */

static bool matches(struct matcher *m)
{
	if (!m && !(m = last_pattern))
		die("no previous regular expression");
	last_pattern = m;
	return matcher_find(m, space.s, space.n, 0, NULL, NULL);
}

static bool address_holds(const struct address *a)
{
	switch (a->kind) {
	case LINE:
		return line_number == a->line;
	case LAST:
		return is_last();
	case STEP:
		return a->step ? line_number >= a->line && (line_number - a->line) % a->step == 0 :
				 line_number == a->line;
	case PATTERN:
		return matches(a->pattern);
	default:
		return true;
	}
}

/* Whether a range that begins on this line goes on after it. */
static bool goes_on(struct command *c, bool from_zero)
{
	switch (c->to.kind) {
	case LINE:
	case PLUS:
		c->stop = c->to.line + (c->to.kind == PLUS ? line_number : 0);
		return line_number < c->stop;
	case LAST:
		return !is_last();
	default:
		return !from_zero || !address_holds(&c->to);
	}
}

static bool selected(struct command *c)
{
	bool from_zero = c->from.kind == LINE && c->from.line == 0 && line_number == 1;

	if (!c->to.kind)
		return address_holds(&c->from) != c->negated;
	if (!c->inside) {
		if (!from_zero && !address_holds(&c->from))
			return c->negated;
		c->inside = goes_on(c, from_zero);
		return !c->negated;
	}
	if (c->to.kind != LINE && c->to.kind != PLUS) {
		c->inside = !address_holds(&c->to);
		return !c->negated;
	}
	c->inside = line_number < c->stop;
	return (line_number <= c->stop) != c->negated;
}

static void add_replacement(struct text *t, const struct command *c, const size_t groups[2 * MATCH_GROUPS])
{
	for (const char *p = c->text; *p; p++) {
		int group = *p == '&' ? 0 : p[0] == '\\' && isdigit((unsigned char)p[1]) ? *++p - '0' : -1;
		if (group >= 0) {
			if (groups[2 * group] != (size_t)-1)
				add(t, space.s + groups[2 * group],
				    groups[2 * group + 1] - groups[2 * group]);
			continue;
		}
		p += p[0] == '\\' && p[1];
		add(t, p, 1);
	}
}

static void substitute(struct command *c)
{
	struct text t = { 0 };
	struct matcher *m = c->pattern ? c->pattern : last_pattern;
	size_t from = 0, start, end, groups[2 * MATCH_GROUPS], copied = 0;
	unsigned long seen = 0;
	bool done = false;

	if (!m)
		die("no previous regular expression");
	last_pattern = m;
	while (from <= space.n && matcher_find(m, space.s, space.n, from, &start, &end)) {
		bool empty_behind = start == end && seen && start == copied && start == from && done;
		if (!empty_behind && ++seen >= c->occurrence) {
			matcher_groups(m, space.s, space.n, start, end, groups);
			add(&t, space.s + copied, start - copied);
			add_replacement(&t, c, groups);
			copied = end;
			done = true;
			if (!c->global)
				break;
		}
		from = end + (start == end);
	}
	if (!done) {
		free(t.s);
		return;
	}
	add(&t, space.s + copied, space.n - copied);
	free(space.s);
	space = t;
	substituted = true;
	if (c->print)
		write_line(out, space.s, space.n, true);
	if (c->target)
		write_line(c->target->file, space.s, space.n, true);
}

/* l: what cannot be seen, shown. */
static void list(void)
{
	static const char from[] = "\\\a\b\f\n\r\t\v", to[] = "\\abfnrtv";
	size_t column = 0;

	for (size_t i = 0; i < space.n; i++) {
		char shown[8];
		const char *hit = space.s[i] ? strchr(from, space.s[i]) : NULL;
		if (hit)
			snprintf(shown, sizeof(shown), "\\%c", to[hit - from]);
		else if (isprint((unsigned char)space.s[i]))
			snprintf(shown, sizeof(shown), "%c", space.s[i]);
		else
			snprintf(shown, sizeof(shown), "\\%03o", (unsigned char)space.s[i]);
		if (column + strlen(shown) > 69) {
			fputs("\\\n", out);
			column = 0;
		}
		fputs(shown, out);
		column += strlen(shown);
	}
	fputs("$\n", out);
}

static void transliterate(const char *halves)
{
	size_t n = strlen(halves) / 2;

	for (size_t i = 0; i < space.n; i++) {
		const char *hit = space.s[i] ? memchr(halves, space.s[i], n) : NULL;
		if (hit)
			space.s[i] = hit[n];
	}
}

static void copy(struct text *to, const struct text *from, bool append)
{
	if (append)
		add(to, "\n", 1);
	else
		to->n = 0;
	add(to, from->s, from->n);
}

static _Noreturn void quit(int with)
{
	write_laters();
	if (in_place && in) { /* the rest of the file stays */
		while (look_ahead(false)) {
			write_line(out, ahead.s, ahead.n, ahead_newline);
			has_ahead = false;
		}
		finish_file();
	}
	exit(finish(with ? with : status));
}

static void print_space(void)
{
	write_line(out, space.s, space.n, newline);
}

enum what_next { GO_ON, END_CYCLE, END_SILENTLY, AGAIN }; /* AGAIN: a new cycle without reading */

static size_t first_line(void)
{
	const char *end = space.n ? memchr(space.s, '\n', space.n) : NULL;

	return end ? (size_t)(end - space.s) : space.n;
}

static enum what_next delete_first(void)
{
	size_t n = first_line();

	if (n == space.n)
		return END_SILENTLY;
	memmove(space.s, space.s + n + 1, space.n - n);
	space.n -= n + 1;
	return AGAIN;
}

/* n and N at the end of the input end the script; the pattern space is printed. */
static enum what_next read_next(bool append)
{
	if (is_last() && !look_ahead(true)) {
		if (!quiet)
			print_space();
		quit(0);
	}
	if (!append && !quiet)
		print_space();
	next_input(append);
	return GO_ON;
}

static enum what_next run(struct command *c)
{
	switch (c->name) {
	case '=':
		fprintf(out, "%lu\n", line_number);
		break;
	case 'a':
		add_later(c->text, false);
		break;
	case 'i':
		fputs(c->text, out);
		break;
	case 'c':
		if (!c->to.kind || !c->inside || c->negated)
			fputs(c->text, out);
		return END_SILENTLY;
	case 'd':
		return END_SILENTLY;
	case 'D':
		return delete_first();
	case 'g':
	case 'G':
		copy(&space, &hold, c->name == 'G');
		break;
	case 'h':
	case 'H':
		copy(&hold, &space, c->name == 'H');
		break;
	case 'x': {
		struct text t = space;
		space = hold;
		hold = t;
		add(&space, "", 0);
		break;
	}
	case 'l':
		list();
		break;
	case 'n':
	case 'N':
		return read_next(c->name == 'N');
	case 'p':
		write_line(out, space.s, space.n, true);
		break;
	case 'P':
		write_line(out, space.s, first_line(), true);
		break;
	case 'q':
		if (!quiet)
			print_space();
		quit(c->status);
	case 'Q':
		quit(c->status);
	case 'r':
		add_later(c->text, true);
		break;
	case 's':
		substitute(c);
		break;
	case 'w':
		write_line(c->target->file, space.s, space.n, true);
		break;
	case 'y':
		transliterate(c->text);
		break;
	case 'z':
		space.n = 0;
		break;
	case 'F':
		fprintf(out, "%s\n", in_name ? in_name : "-");
		break;
	}
	return GO_ON;
}

static bool branches(struct command *c)
{
	bool was = substituted;

	if (c->name == 'b')
		return true;
	substituted = false;
	return c->name == 't' ? was : !was;
}

static enum what_next cycle(void)
{
	enum what_next next;

	for (size_t i = 0; i < command_count; i++) {
		struct command *c = &script[i];
		if (!selected(c)) {
			if (c->name == '{')
				i = (size_t)(c->jump - script);
			continue;
		}
		if (strchr("btT", c->name)) {
			if (!branches(c))
				continue;
			if (!c->jump)
				break;
			i = (size_t)(c->jump - script);
			continue;
		}
		next = run(c);
		if (next != GO_ON)
			return next;
	}
	return END_CYCLE;
}

int main(int argc, char **argv)
{
	static const struct long_name longs[] = { { "quiet", 'n' },	 { "silent", 'n' },
						  { "expression", 'e' }, { "file", 'f' },
						  { "separate", 's' },	 { "regexp-extended", 'E' },
						  { "in-place", 'i' },	 { NULL, 0 } };
	static char *standard[] = { "-", NULL };
	struct text source = { 0 };
	enum what_next next = END_CYCLE;

	tool_init(argc, argv, 1, "[-nEs] [-i[SUFFIX]] [-e SCRIPT] [-f FILE] [SCRIPT] [FILE]...", longs);
	for (int c; (c = next_option(argc, argv, "nErse:f:i::")) != -1;) {
		char *text = NULL;
		size_t n = 0;
		if (c == 'n') {
			quiet = true;
		} else if (c == 'E' || c == 'r') {
			match_flags = MATCH_EXTENDED;
		} else if (c == 's') {
			separate = true;
		} else if (c == 'i') {
			in_place = separate = true;
			suffix = optarg ? optarg : "";
		} else if (c == 'f') {
			text = slurp(optarg, &n);
			if (!text)
				die_file(optarg);
			add(&source, text, n);
		} else {
			add(&source, optarg, strlen(optarg));
		}
		if (c == 'e' || c == 'f')
			add(&source, "\n", 1);
		free(text);
	}
	if (!source.s) {
		if (optind == argc)
			usage();
		add(&source, argv[optind], strlen(argv[optind]));
		optind++;
	}
	if (strncmp(source.s, "#n\n", 3) == 0)
		quiet = true;
	parse(source.s);
	resolve();
	inputs = optind < argc ? argv + optind : standard;
	out = stdout;
	add(&space, "", 0);
	add(&hold, "", 0);
	while (next == AGAIN || next_input(false)) {
		substituted = next == AGAIN && substituted;
		next = cycle();
		if (next == END_CYCLE && !quiet)
			print_space();
		if (next != AGAIN)
			next = END_CYCLE;
		else
			write_laters();
	}
	write_laters();
	finish_file();
	for (struct target *t = targets; t; t = t->next)
		if (fflush(t->file) != 0)
			die_file(t->path);
	return finish(status);
}
