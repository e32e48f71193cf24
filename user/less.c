/* SPDX-License-Identifier: ISC */
/*
 * less: shows files or what comes through a pipe a screen at a time, forwards and back. Keys come from the terminal of standard
 * error, so that standard input may be the text. What a terminal does not show as it is appears as ^X or <XX>.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/param.h>
#include <termios.h>
#include <unistd.h>

#include "match.h"
#include "util.h"

static char *text;
static size_t nbytes, capacity;
static int fd = -1; /* more of the text is to be read from here; -1: all is here */
static const char *name;
static char **names;
static size_t *starts; /* where each known line begins */
static size_t line_count, line_capacity;
static size_t top, skip; /* the first line shown, and how many of its rows are above the screen */
static size_t rows, columns;
static bool numbers, chop, fold_case;
static struct matcher *pattern;
static bool search_back;
static struct termios before;
static int keyboard;
static char message[256];
static volatile sig_atomic_t resized;

/* ---- the text ---- */

static void note_lines(size_t from)
{
	for (size_t i = from; i < nbytes; i++) {
		if (i > 0 && text[i - 1] != '\n')
			continue;
		if (line_count == line_capacity) {
			line_capacity = line_capacity ? 2 * line_capacity : 1024;
			starts = xrealloc(starts, line_capacity * sizeof(*starts));
		}
		starts[line_count++] = i;
	}
}

/* Reads on until the line is there, or the text ends. */
static bool have_line(size_t line)
{
	while (fd >= 0 && line + 1 >= line_count) {
		if (capacity - nbytes < 65536)
			text = xrealloc(text, capacity = 2 * capacity + 131072);
		ssize_t n = read(fd, text + nbytes, 65536);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			snprintf(message, sizeof(message), "%s: %s", name, strerror(errno));
		if (n <= 0) {
			close(fd);
			fd = -1;
			break;
		}
		nbytes += (size_t)n;
		note_lines(nbytes - (size_t)n);
	}
	return line < line_count;
}

static size_t line_end(size_t line)
{
	size_t end = line + 1 < line_count ? starts[line + 1] : nbytes;

	return end > starts[line] && text[end - 1] == '\n' ? end - 1 : end;
}

/* ---- the screen ---- */

static void find_size(void)
{
	struct winsize w;
	bool known = ioctl(2, TIOCGWINSZ, &w) == 0 && w.ws_row > 1 && w.ws_col > 1;

	rows = known ? w.ws_row - 1u : 23;
	columns = known ? w.ws_col : 80;
	resized = 0;
}

static void on_resize(int sig)
{
	(void)sig;
	resized = 1;
}

/* How one byte is shown in `column`; the columns it takes. */
static size_t show_byte(unsigned char c, size_t column, char shown[12])
{
	if (c == '\t')
		return (size_t)snprintf(shown, 12, "%*s", (int)(8 - column % 8), "");
	if (c < ' ' || c == 127)
		return (size_t)snprintf(shown, 12, "^%c", c ^ 0x40);
	shown[0] = (char)c;
	shown[1] = 0;
	return (c & 0xc0) != 0x80;
}

struct row {
	size_t from, to; /* bytes of the text */
};

/* The row'th row of a line, if it has so many. */
static bool find_row(size_t line, size_t row, struct row *r)
{
	size_t at = starts[line], end = line_end(line), width = columns - (numbers ? 8 : 0);
	char shown[12];

	for (size_t n = 0;; n++) {
		size_t column = 0;
		r->from = at;
		while (at < end) {
			size_t w = show_byte((unsigned char)text[at], column, shown);
			if (column + w > width)
				break;
			column += w;
			at++;
		}
		r->to = at;
		if (n == row)
			return true;
		if (at == end || chop)
			return false;
	}
}

static size_t count_rows(size_t line)
{
	size_t n = 0;
	struct row r;

	while (find_row(line, n, &r))
		n++;
	return n;
}

/* A row, what matches the pattern in reverse. */
static void draw_row(size_t line, const struct row *r, bool first)
{
	size_t column = 0, start = 0, end = 0, from = starts[line], length = line_end(line) - from,
	       at = r->from - from;
	bool lit = false, hit = pattern != NULL;
	char shown[12];

	if (numbers)
		printf(first ? "%7zu " : "        ", line + 1);
	for (; at < r->to - from; at++) {
		while (hit && at >= end &&
		       (hit = matcher_find(pattern, text + from, length, end + (end > 0 && start == end),
					   &start, &end)))
			if (at < end)
				break;
		bool light = hit && at >= start && at < end;
		if (light != lit)
			fputs(light ? "\033[7m" : "\033[m", stdout);
		lit = light;
		column += show_byte((unsigned char)text[from + at], column, shown);
		fputs(shown, stdout);
	}
	fputs(lit ? "\033[m\033[K\r\n" : "\033[K\r\n", stdout);
}

static void draw(void)
{
	size_t line = top, row = skip, n = 0;
	struct row r;

	fputs("\033[H", stdout);
	for (; n < rows && have_line(line); line++, row = 0)
		for (; n < rows && find_row(line, row, &r); row++, n++)
			draw_row(line, &r, row == 0);
	for (; n < rows; n++)
		fputs("~\033[K\r\n", stdout);
	if (*message)
		printf("\033[7m%s\033[m\033[K", message);
	else if (!have_line(line))
		printf("\033[7m%s (END)\033[m\033[K", name);
	else
		printf(":\033[K");
	*message = 0;
	fflush(stdout);
}

/* ---- moving ---- */

static void forwards(size_t n)
{
	while (n--) {
		struct row r;
		if (find_row(top, skip + 1, &r)) {
			skip++;
		} else if (have_line(top + 1)) {
			top++;
			skip = 0;
		} else {
			return;
		}
	}
}

static void backwards(size_t n)
{
	for (; n && (skip || top); n--) {
		if (skip) {
			skip--;
		} else {
			top--;
			skip = count_rows(top) - 1;
		}
	}
}

/* The last screen. */
static void to_end(void)
{
	have_line((size_t)-2);
	top = line_count ? line_count - 1 : 0;
	skip = line_count ? count_rows(top) - 1 : 0;
	backwards(rows - 1);
}

static void not_past_end(void)
{
	size_t was = top, was_skip = skip, n = 0;

	for (size_t line = top; n < rows && have_line(line); line++)
		n += count_rows(line) - (line == top ? skip : 0);
	if (n >= rows)
		return;
	to_end();
	if (top > was || (top == was && skip > was_skip)) {
		top = was;
		skip = was_skip;
	}
}

static void go_to(size_t line)
{
	have_line(line);
	top = line < line_count ? line : line_count ? line_count - 1 : 0;
	skip = 0;
}

static void search(bool back)
{
	if (!pattern) {
		snprintf(message, sizeof(message), "No pattern");
		return;
	}
	for (size_t line = top; back ? line-- > 0 : have_line(++line);)
		if (matcher_find(pattern, text + starts[line], line_end(line) - starts[line], 0, NULL,
				 NULL)) {
			top = line;
			skip = 0;
			return;
		}
	snprintf(message, sizeof(message), "Pattern not found");
}

/* ---- keys ---- */

enum { UP = 256, DOWN, PAGE_UP, PAGE_DOWN, HOME, END, LEAVE };

static int key(void)
{
	unsigned char c[3];

	while (read(keyboard, c, 1) != 1)
		if (errno != EINTR)
			return LEAVE;
		else if (resized)
			return 'r';
	if (*c != 27)
		return *c;
	if (read(keyboard, c, 2) != 2 || (c[0] != '[' && c[0] != 'O'))
		return 0;
	if (isdigit(c[1]) && read(keyboard, c + 2, 1) == 1)
		return c[1] == '5'		  ? PAGE_UP :
		       c[1] == '6'		  ? PAGE_DOWN :
		       c[1] == '1' || c[1] == '7' ? HOME :
						    END;
	return c[1] == 'A' ? UP : c[1] == 'B' ? DOWN : c[1] == 'H' ? HOME : c[1] == 'F' ? END : 0;
}

/* A line typed at the bottom; false: given up. */
static bool ask(char prompt, char *answer, size_t size)
{
	size_t n = 0;

	for (;;) {
		printf("\r%c%.*s\033[K", prompt, (int)n, answer);
		fflush(stdout);
		int c = key();
		answer[n] = 0;
		if (c == '\n' || c == '\r')
			return true;
		if (c == LEAVE || c == 3 || ((c == 127 || c == 8) && n == 0))
			return false;
		if (c == 127 || c == 8)
			n--;
		else if (c >= ' ' && c < 256 && n + 1 < size)
			answer[n++] = (char)c;
	}
}

static void ask_pattern(bool back)
{
	char answer[200];
	const char *error;

	if (!ask(back ? '?' : '/', answer, sizeof(answer)))
		return;
	if (*answer) { /* the old one's memory is little, and stays */
		struct matcher *m = matcher_new(MATCH_EXTENDED | (fold_case ? MATCH_FOLD : 0));
		error = matcher_add(m, answer, strlen(answer));
		if (error) {
			snprintf(message, sizeof(message), "%s", error);
			return;
		}
		pattern = m;
	}
	search_back = back;
	search(back);
}

static void tell_place(void)
{
	struct row r;
	size_t bottom = find_row(top, skip, &r) ? r.to : 0;

	snprintf(message, sizeof(message), "%s line %zu%s%zu byte %zu/%zu", name, top + 1,
		 fd < 0 ? "/" : " of at least ", line_count, bottom, nbytes);
}

static const char help[] = "space, f, PgDn: a screen on   b, PgUp: back   d, u: half a screen   enter, j, "
			   "down: a row on   k, up: back\n"
			   "g, Home: the beginning   G, End: the end   NUMBER g: that line   NUMBER %: so "
			   "far in   = or ^G: where\n"
			   "/PATTERN: search on   ?PATTERN: back   n, N: again, the other way   -S: cut long "
			   "lines   -N: line numbers   q: leave\n";

static bool open_file(const char *path);

/* Does what a key asks for, `count` times if a number was typed before. False: leave. */
static bool act(int c, size_t count)
{
	size_t n = count ? count : 1;

	switch (c) {
	case 'q':
	case 'Q':
	case LEAVE:
		return false;
	case ' ':
	case 'f':
	case PAGE_DOWN:
	case 'F' & 31:
	case 'V' & 31:
		forwards(count ? count : rows - 1);
		break;
	case 'b':
	case PAGE_UP:
	case 'B' & 31:
		backwards(count ? count : rows - 1);
		break;
	case 'd':
	case 'D' & 31:
		forwards(count ? count : rows / 2);
		break;
	case 'u':
	case 'U' & 31:
		backwards(count ? count : rows / 2);
		break;
	case '\n':
	case '\r':
	case 'j':
	case 'e':
	case DOWN:
		forwards(n);
		break;
	case 'k':
	case 'y':
	case UP:
		backwards(n);
		break;
	case 'g':
	case '<':
	case HOME:
		go_to(n - 1);
		break;
	case 'G':
	case '>':
	case END:
		if (count)
			go_to(count - 1);
		else
			to_end();
		break;
	case '%':
		have_line((size_t)-2);
		go_to(MIN(count, (size_t)100) * line_count / 100);
		break;
	case '/':
	case '?':
		ask_pattern(c == '?');
		break;
	case 'n':
	case 'N':
		search(search_back != (c == 'N'));
		break;
	case '=':
	case 'G' & 31:
		tell_place();
		break;
	case '-':
		c = key();
		chop ^= c == 'S';
		numbers ^= c == 'N';
		fold_case ^= c == 'i';
		skip = 0;
		break;
	case ':':
		c = key();
		if (c == 'q')
			return false;
		if (c == 'n' && *names && open_file(*names))
			names++;
		break;
	case 'h':
	case 'H':
		fputs("\033[H\033[2J", stdout);
		for (const char *p = help; *p; p++)
			fputs((char[]){ *p == '\n' ? '\r' : *p, *p == '\n' ? '\n' : 0, 0 }, stdout);
		fputs("\r\n(a key goes on)", stdout);
		fflush(stdout);
		key();
		break;
	case 'C' & 31:
	case 'r':
	case 'L' & 31:
		find_size();
		fputs("\033[2J", stdout);
		break;
	}
	not_past_end();
	return true;
}

static bool open_file(const char *path)
{
	int new = strcmp(path, "-") ? open(path, O_RDONLY) : dup(0);

	if (new >= 0 && is_directory(path)) {
		close(new);
		new = -1;
		errno = EISDIR;
	}
	if (new < 0) {
		snprintf(message, sizeof(message), "%s: %s", path, strerror(errno));
		return false;
	}
	if (fd >= 0)
		close(fd);
	fd = new;
	name = strcmp(path, "-") ? path : "(standard input)";
	nbytes = line_count = top = skip = 0;
	return true;
}

static void view(void)
{
	struct termios raw;
	size_t count = 0;
	bool on = true;

	tcgetattr(keyboard, &before);
	raw = before;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG | IEXTEN);
	raw.c_iflag &= ~(tcflag_t)ICRNL;
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	tcsetattr(keyboard, TCSADRAIN, &raw);
	signal(SIGWINCH, on_resize);
	find_size();
	fputs("\033[?1049h\033[2J", stdout); /* the other screen, where there is one */
	draw();
	while (on) {
		int c = key();
		if (isdigit(c)) {
			count = MIN(count * 10 + (size_t)(c - '0'), (size_t)100000000);
			continue;
		}
		on = act(c, count);
		count = 0;
		if (on)
			draw();
	}
	fputs("\r\033[K\033[?1049l", stdout);
	fflush(stdout);
	tcsetattr(keyboard, TCSADRAIN, &before);
}

int main(int argc, char **argv)
{
	static char *standard[] = { "-", NULL };

	tool_init(argc, argv, 1, "[-NSi] [FILE]...", NULL);
	for (int c; (c = next_option(argc, argv, "NSi")) != -1;) {
		numbers |= c == 'N';
		chop |= c == 'S';
		fold_case |= c == 'i';
	}
	if (optind == argc && isatty(0))
		usage();
	names = optind < argc ? argv + optind : standard;
	keyboard = isatty(2) ? 2 : isatty(0) ? 0 : -1;
	if (!isatty(1) || keyboard < 0) { /* no screen: as cat */
		int failed = 0;
		for (; *names; names++) {
			if (!open_file(*names))
				complain("%s", message);
			failed += fd < 0 || copy_fd(fd, name, 1, "standard output") < 0;
			if (fd >= 0)
				close(fd);
			fd = -1;
		}
		return finish(failed > 0);
	}
	while (*names && !open_file(*names++))
		complain("%s", message);
	if (!name)
		return finish(1);
	*message = 0;
	view();
	return finish(0);
}
