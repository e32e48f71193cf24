/* SPDX-License-Identifier: ISC */
/*
 * edit: a small editor for the whole screen, with the keys of nano: ^O writes, ^X leaves, ^W searches, ^K cuts lines and ^U puts them
 * back, arrows, Home, End, PgUp and PgDn move, ^G helps. Lines are bytes; those above 127 that continue a character take no column.
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

struct line {
	char *s;
	size_t n, capacity;
};

static struct line *lines;
static size_t line_count, line_capacity;
static struct line *cut; /* what ^K took */
static size_t cut_count;
static bool cutting;	  /* the last key was ^K: the next one adds */
static size_t y, x, wish; /* the cursor: line, byte; wish: the column it would like to have */
static size_t top, left;  /* the first line and column shown */
static size_t rows, columns;
static const char *path;
static bool changed, last_newline = true;
static char message[256], pattern[200];
static struct termios before;
static volatile sig_atomic_t resized;

/* ---- the text ---- */

static void insert_bytes(struct line *l, size_t at, const char *s, size_t n)
{
	if (l->n + n > l->capacity) {
		l->capacity = 2 * l->n + n + 16;
		l->s = xrealloc(l->s, l->capacity);
	}
	if (l->n > at)
		memmove(l->s + at + n, l->s + at, l->n - at);
	if (n)
		memcpy(l->s + at, s, n);
	l->n += n;
}

static void delete_bytes(struct line *l, size_t at, size_t n)
{
	if (l->n > at + n)
		memmove(l->s + at, l->s + at + n, l->n - at - n);
	l->n -= n;
}

static void insert_line(size_t at, struct line l)
{
	if (line_count == line_capacity) {
		line_capacity = 2 * line_capacity + 256;
		lines = xrealloc(lines, line_capacity * sizeof(*lines));
	}
	memmove(lines + at + 1, lines + at, (line_count - at) * sizeof(*lines));
	lines[at] = l;
	line_count++;
}

static struct line delete_line(size_t at)
{
	struct line l = lines[at];

	memmove(lines + at, lines + at + 1, (--line_count - at) * sizeof(*lines));
	return l;
}

/* 0, or -1 with errno; a file that is not there is a new one. */
static int load(void)
{
	size_t nbytes = 0, at = 0;
	char *text = slurp(path, &nbytes);

	if (!text && errno != ENOENT)
		return -1;
	snprintf(message, sizeof(message), text ? "" : "New file");
	last_newline = !nbytes || text[nbytes - 1] == '\n';
	while (at < nbytes) {
		const char *end = memchr(text + at, '\n', nbytes - at);
		size_t n = end ? (size_t)(end - text) - at : nbytes - at;
		struct line l = { 0 };
		insert_bytes(&l, 0, text + at, n);
		insert_line(line_count, l);
		at += n + 1;
	}
	if (!line_count)
		insert_line(0, (struct line){ 0 });
	free(text);
	return 0;
}

/* Writes beside the file and renames, so that a full disk or a power failure leaves the old one; a link's target is written itself. */
static int save(void)
{
	char *new = xmalloc(strlen(path) + 16);
	bool beside = false;
	struct stat st;
	int fd = -1, r = 0;

	if (lstat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1) {
		strcat(strcpy(new, path), ".editXXXXXX");
		fd = mkstemp(new);
		beside = fd >= 0 && fchmod(fd, st.st_mode & 07777) == 0 &&
			 fchown(fd, st.st_uid, st.st_gid) == 0;
		if (fd >= 0 && !beside) {
			close(fd);
			unlink(new);
		}
	}
	if (!beside)
		fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
	if (!f)
		r = -1;
	for (size_t i = 0; f && i < line_count; i++) {
		fwrite(lines[i].s, 1, lines[i].n, f);
		if ((i + 1 < line_count || last_newline) && !(line_count == 1 && !lines[0].n))
			putc('\n', f);
	}
	if (f && (fflush(f) != 0 || fsync(fd) < 0))
		r = -1;
	int error = errno;
	if (f && fclose(f) != 0 && r == 0)
		r = -1, error = errno;
	if (beside && (r < 0 || rename(new, path) < 0)) {
		error = r < 0 ? error : errno;
		r = -1;
		unlink(new);
	}
	free(new);
	errno = error;
	changed = changed && r < 0;
	return r;
}

/* ---- the screen ---- */

static size_t byte_width(unsigned char c, size_t column)
{
	return c == '\t' ? 8 - column % 8 : c < ' ' || c == 127 ? 2 : (c & 0xc0) != 0x80;
}

static size_t column_of(const struct line *l, size_t at)
{
	size_t column = 0;

	for (size_t i = 0; i < at; i++)
		column += byte_width((unsigned char)l->s[i], column);
	return column;
}

/* The byte at a column, or the end of the line. */
static size_t byte_at(const struct line *l, size_t column)
{
	size_t at = 0, c = 0;

	while (at < l->n && c + byte_width((unsigned char)l->s[at], c) <= column)
		c += byte_width((unsigned char)l->s[at++], c);
	while (at < l->n && ((unsigned char)l->s[at] & 0xc0) == 0x80)
		at++;
	return at;
}

static void find_size(void)
{
	struct winsize w;
	bool known = ioctl(0, TIOCGWINSZ, &w) == 0 && w.ws_row > 3 && w.ws_col > 8;

	rows = known ? w.ws_row - 2u : 22;
	columns = known ? w.ws_col : 80;
	resized = 0;
}

static void on_resize(int sig)
{
	(void)sig;
	resized = 1;
}

static void draw_line(const struct line *l)
{
	size_t column = 0;

	for (size_t i = 0; i < l->n && column < left + columns; i++) {
		unsigned char c = (unsigned char)l->s[i];
		size_t w = byte_width(c, column);
		column += w;
		if (column <= left || (column == left + columns && i + 1 < l->n && w))
			continue;
		if (c == '\t')
			printf("%*s", (int)MIN(w, column - left), "");
		else if (w == 2)
			printf("^%c", c ^ 0x40);
		else
			putchar(c);
	}
	fputs("\033[K\r\n", stdout);
}

static void draw(void)
{
	size_t column = column_of(&lines[y], x);

	top = y < top ? y : y >= top + rows ? y - rows + 1 : top;
	if (column < left || column >= left + columns - 1)
		left = column < columns - 1 ? 0 : column - columns / 2;
	fputs("\033[?25l\033[H", stdout);
	for (size_t i = 0; i < rows; i++) {
		if (top + i < line_count)
			draw_line(&lines[top + i]);
		else
			fputs("\033[K\r\n", stdout);
	}
	printf("\033[7m%s%s\033[K\033[m\r\n", path, changed ? " (modified)" : "");
	printf("%.*s\033[K", (int)columns - 1,
	       *message ? message : "^O write  ^X leave  ^W search  ^K cut  ^U paste  ^G help");
	printf("\033[%zu;%zuH\033[?25h", y - top + 1, column - left + 1);
	*message = 0;
	fflush(stdout);
}

/* ---- keys ---- */

enum {
	UP = 256,
	DOWN,
	RIGHT,
	LEFT,
	HOME,
	END,
	PAGE_UP,
	PAGE_DOWN,
	DELETE,
	WORD_LEFT,
	WORD_RIGHT,
	NOTHING,
	GONE
};

static int read_byte(void)
{
	unsigned char c;

	while (read(0, &c, 1) != 1)
		if (errno != EINTR)
			return GONE;
		else if (resized)
			return 'L' & 31;
	return c;
}

static int key(void)
{
	static const int tilde[] = { NOTHING, HOME, NOTHING, DELETE, END, PAGE_UP, PAGE_DOWN, HOME, END };
	int c = read_byte(), n = 0;
	bool modified = false;

	if (c != 27)
		return c;
	c = read_byte();
	if (c != '[' && c != 'O')
		return c == GONE ? GONE : NOTHING;
	for (c = read_byte(); isdigit(c) || c == ';'; c = read_byte()) {
		modified |= c == ';';
		if (!modified)
			n = n * 10 + c - '0';
	}
	switch (c) {
	case 'A':
		return UP;
	case 'B':
		return DOWN;
	case 'C':
		return modified ? WORD_RIGHT : RIGHT;
	case 'D':
		return modified ? WORD_LEFT : LEFT;
	case 'H':
		return HOME;
	case 'F':
		return END;
	case '~':
		return n < (int)(sizeof(tilde) / sizeof(tilde[0])) ? tilde[n] : NOTHING;
	default:
		return c == GONE ? GONE : NOTHING;
	}
}

/* A line asked for at the bottom, beginning with what `answer` holds; false: ^C. */
static bool ask(const char *question, char *answer, size_t size)
{
	for (size_t n = strlen(answer);;) {
		printf("\033[%zu;1H%s: %s\033[K", rows + 2, question, answer);
		fflush(stdout);
		int c = key();
		if (c == '\r' || c == '\n')
			return true;
		if (c == ('C' & 31) || c == GONE)
			return false;
		if ((c == 127 || c == '\b') && n)
			answer[--n] = 0;
		else if (c >= ' ' && c < 256 && c != 127 && n + 1 < size)
			answer[n++] = (char)c;
		answer[n] = 0;
	}
}

/* ---- changes ---- */

static size_t step_back(const struct line *l, size_t at)
{
	while (at && ((unsigned char)l->s[--at] & 0xc0) == 0x80)
		;
	return at;
}

static size_t step_on(const struct line *l, size_t at)
{
	at += at < l->n;
	while (at < l->n && ((unsigned char)l->s[at] & 0xc0) == 0x80)
		at++;
	return at;
}

static void split_line(void)
{
	struct line rest = { 0 };

	insert_bytes(&rest, 0, lines[y].s + x, lines[y].n - x);
	lines[y].n = x;
	insert_line(++y, rest);
	x = 0;
	changed = true;
}

/* Joins the line with the next one. */
static void join_lines(size_t at)
{
	struct line next = delete_line(at + 1);

	insert_bytes(&lines[at], lines[at].n, next.s, next.n);
	free(next.s);
	changed = true;
}

static void delete_back(void)
{
	if (x) {
		size_t from = step_back(&lines[y], x);
		delete_bytes(&lines[y], from, x - from);
		x = from;
		changed = true;
	} else if (y) {
		x = lines[--y].n;
		join_lines(y);
	}
}

static void delete_here(void)
{
	if (x < lines[y].n) {
		delete_bytes(&lines[y], x, step_on(&lines[y], x) - x);
		changed = true;
	} else if (y + 1 < line_count) {
		join_lines(y);
	}
}

static void cut_line(void)
{
	if (!cutting) {
		while (cut_count)
			free(cut[--cut_count].s);
	}
	if (y + 1 == line_count && !lines[y].n)
		return;
	cut = xrealloc(cut, (cut_count + 1) * sizeof(*cut));
	cut[cut_count++] = delete_line(y);
	if (y == line_count)
		insert_line(y, (struct line){ 0 });
	x = 0;
	changed = true;
}

static void paste(void)
{
	for (size_t i = 0; i < cut_count; i++) {
		struct line l = { 0 };
		insert_bytes(&l, 0, cut[i].s, cut[i].n);
		insert_line(y++, l);
		changed = true;
	}
	x = 0;
}

static void search(void)
{
	struct matcher *m;
	const char *error;
	size_t start = 0, end;
	char answer[sizeof(pattern)] = "";

	if (!ask(*pattern ? "Search (nothing: as before)" : "Search", answer, sizeof(answer)))
		return;
	if (*answer)
		strcpy(pattern, answer);
	m = matcher_new(MATCH_EXTENDED);
	error = matcher_add(m, pattern, strlen(pattern));
	for (size_t i = 0; !error && i <= line_count; i++) {
		size_t at = (y + i) % line_count, from = i ? 0 : x + 1;
		if (from > lines[at].n ||
		    !matcher_find(m, lines[at].s ? lines[at].s : "", lines[at].n, from, &start, &end))
			continue;
		if (at < y || i == line_count)
			snprintf(message, sizeof(message), "Search went round");
		y = at;
		x = start;
		return;
	}
	snprintf(message, sizeof(message), "%s", error ? error : "Not found");
}

static bool write_out(void)
{
	char answer[200];

	snprintf(answer, sizeof(answer), "%s", path);
	if (!ask("Write to", answer, sizeof(answer)) || !*answer)
		return false;
	if (strcmp(answer, path))
		path = xstrdup(answer);
	if (save() < 0) {
		snprintf(message, sizeof(message), "%.150s: %s", path, strerror(errno));
		return false;
	}
	snprintf(message, sizeof(message), "%zu lines written", line_count);
	return true;
}

static bool may_leave(void)
{
	if (!changed)
		return true;
	printf("\033[%zu;1HWrite the changes? (y, n, ^C: stay)\033[K", rows + 2);
	fflush(stdout);
	for (;;) {
		int c = key();
		if (c == 'y' || c == 'Y')
			return write_out();
		if (c == 'n' || c == 'N' || c == GONE)
			return true;
		if (c == ('C' & 31))
			return false;
	}
}

static void help(void)
{
	fputs("\033[H\033[2J^O write to disk\r\n^X leave\r\n^W search for an extended regular expression\r\n"
	      "^K cut the line; repeated: those below it, too\r\n^U paste what was cut\r\n^_ go to a line\r\n"
	      "^A ^E Home End: ends of the line   ^Y ^V PgUp PgDn: a screen   ^D Del: delete here\r\n"
	      "Ctrl-Left Ctrl-Right: a word   ^C where the cursor is   ^L draw anew\r\n\r\n(a key goes on)",
	      stdout);
	fflush(stdout);
	key();
}

static void go_to_line(void)
{
	char answer[20] = "";
	long long n;

	if (ask("Line", answer, sizeof(answer)) && parse_number(answer, &n) && n > 0) {
		y = MIN((size_t)n, line_count) - 1;
		x = 0;
	}
}

static bool in_word(const struct line *l, size_t at)
{
	return at < l->n && (isalnum((unsigned char)l->s[at]) || l->s[at] == '_' || l->s[at] & 0x80);
}

static void move_word(bool on)
{
	struct line *l = &lines[y];

	if (on && x == l->n && y + 1 < line_count) {
		y++;
		x = 0;
	} else if (on) {
		while (in_word(l, x))
			x++;
		while (x < l->n && !in_word(l, x))
			x++;
	} else if (!x && y) {
		x = lines[--y].n;
	} else {
		while (x && !in_word(l, x - 1))
			x--;
		while (x && in_word(l, x - 1))
			x--;
	}
}

/* Up or down by so many lines, in the wished-for column. */
static void move_lines(size_t n, bool down)
{
	y = down ? MIN(y + n, line_count - 1) : y - MIN(n, y);
	x = byte_at(&lines[y], wish);
}

/* Does what a key asks for; false: it was one that moves up or down, and the wished-for column stays. */
static bool act(int c)
{
	struct line *l = &lines[y];
	char byte = (char)c;

	switch (c) {
	case UP:
	case 'P' & 31:
	case DOWN:
	case 'N' & 31:
		move_lines(1, c == DOWN || c == ('N' & 31));
		return false;
	case PAGE_UP:
	case 'Y' & 31:
	case PAGE_DOWN:
	case 'V' & 31:
		move_lines(rows - 1, c == PAGE_DOWN || c == ('V' & 31));
		return false;
	case LEFT:
	case 'B' & 31:
		if (x)
			x = step_back(l, x);
		else if (y)
			x = lines[--y].n;
		break;
	case RIGHT:
	case 'F' & 31:
		if (x < l->n) {
			x = step_on(l, x);
		} else if (y + 1 < line_count) {
			y++;
			x = 0;
		}
		break;
	case WORD_LEFT:
	case WORD_RIGHT:
		move_word(c == WORD_RIGHT);
		break;
	case HOME:
	case 'A' & 31:
		x = 0;
		break;
	case END:
	case 'E' & 31:
		x = l->n;
		break;
	case '\r':
	case '\n':
		split_line();
		break;
	case 127:
	case '\b':
		delete_back();
		break;
	case DELETE:
	case 'D' & 31:
		delete_here();
		break;
	case 'K' & 31:
		cut_line();
		break;
	case 'U' & 31:
		paste();
		break;
	case 'W' & 31:
		search();
		break;
	case 'O' & 31:
		write_out();
		break;
	case '_' & 31:
		go_to_line();
		break;
	case 'G' & 31:
		help();
		break;
	case 'C' & 31:
		snprintf(message, sizeof(message), "line %zu of %zu, column %zu", y + 1, line_count,
			 column_of(l, x) + 1);
		break;
	case 'L' & 31:
		find_size();
		fputs("\033[2J", stdout);
		break;
	default:
		if (c == '\t' || (c >= ' ' && c < 256)) {
			insert_bytes(l, x++, &byte, 1);
			changed = true;
		}
	}
	return true;
}

static void edit(void)
{
	struct termios raw;
	int c;

	tcgetattr(0, &before);
	raw = before;
	cfmakeraw(&raw);
	raw.c_oflag = before.c_oflag;
	tcsetattr(0, TCSADRAIN, &raw);
	signal(SIGWINCH, on_resize);
	find_size();
	fputs("\033[?1049h\033[2J", stdout);
	do {
		draw();
		c = key();
		if (c == GONE || (c == ('X' & 31) && may_leave()))
			break;
		if (act(c))
			wish = column_of(&lines[y], x);
		cutting = c == ('K' & 31);
	} while (true);
	fputs("\033[?1049l\r\033[J", stdout);
	fflush(stdout);
	tcsetattr(0, TCSADRAIN, &before);
}

int main(int argc, char **argv)
{
	tool_init(argc, argv, 1, "FILE", NULL);
	if (next_option(argc, argv, "") != -1 || argc - optind != 1)
		usage();
	path = argv[optind];
	if (!isatty(0) || !isatty(1))
		die("needs a terminal");
	if (is_directory(path)) {
		errno = EISDIR;
		die_file(path);
	}
	if (load() < 0)
		die_file(path);
	edit();
	return finish(0);
}
