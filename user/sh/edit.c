/* SPDX-License-Identifier: ISC */
/*
 * The line at a terminal: edited with the keys that most shells share (those of Emacs), its history, and names completed by Tab.
 * The terminal is in raw modes only while a line is typed, and only the bytes of this line are read.
 */
#include "sh.h"
#include <dirent.h>
#include <sys/ioctl.h>
#include <termios.h>

enum { HISTORY = 500, CTRL = 0x1f, ESCAPE = 27, DELETE = 127 };
enum key {
	K_UP = 256,
	K_DOWN,
	K_LEFT,
	K_RIGHT,
	K_HOME,
	K_END,
	K_DEL,
	K_WORD_LEFT,
	K_WORD_RIGHT,
	K_KILL_WORD,
	K_NONE,
	K_EOF
};

static char *history[HISTORY]; /* the oldest first */
static int nhistory;
static int history_loaded;

static struct {
	const char *prompt;
	struct buf line;
	size_t at; /* the cursor's byte */
	size_t prompt_columns, columns;
	size_t row;	  /* the cursor's, counted from the prompt's */
	int shown;	  /* which line of the history is shown; nhistory: the new one */
	char *unfinished; /* the new one, while others are shown */
} ed;
static struct buf killed; /* ^U, ^K and ^W put here what they cut, ^Y inserts it */

/* ---- history ---- */

static void history_add(const char *line)
{
	if (!*line || (nhistory && !strcmp(history[nhistory - 1], line)))
		return;
	if (nhistory == HISTORY) {
		free(history[0]);
		memmove(history, history + 1, --nhistory * sizeof *history);
	}
	history[nhistory++] = xstrdup(line);
}

/* Lines of $HISTFILE, if there is one. */
static void history_load(void)
{
	const char *path = get_var("HISTFILE");
	FILE *f = path ? fopen(path, "re") : 0;
	char *line = 0;
	size_t cap = 0;
	ssize_t n;

	history_loaded = 1;
	if (!f)
		return;
	while ((n = getline(&line, &cap, f)) > 0) {
		if (line[n - 1] == '\n')
			line[n - 1] = 0;
		history_add(line);
	}
	free(line);
	fclose(f);
}

static void history_save(const char *line)
{
	const char *path = get_var("HISTFILE");
	FILE *f = path && *line ? fopen(path, "ae") : 0;

	if (f) {
		fprintf(f, "%s\n", line);
		fclose(f);
	}
}

int run_history(int argc, char **argv)
{
	int n = argc > 1 ? number("history", argv[1]) : nhistory;

	if (n < 0)
		return 2;
	for (int i = n < nhistory ? nhistory - n : 0; i < nhistory; i++)
		printf("%5d  %s\n", i + 1, history[i]);
	return 0;
}

/* ---- the screen ---- */

static void send(const char *s, size_t n)
{
	while (n) {
		ssize_t w = write(2, s, n);
		if (w < 0 && errno != EINTR)
			return;
		s += w > 0 ? w : 0;
		n -= w > 0 ? (size_t)w : 0;
	}
}

/* Columns of n bytes: one for a character, two for a control character, shown as ^X. */
static size_t width(const char *s, size_t n)
{
	size_t w = 0;

	for (size_t i = 0; i < n; i++)
		w += ((unsigned char)s[i] & 0xc0) == 0x80	 ? 0 :
		     (unsigned char)s[i] < ' ' || s[i] == DELETE ? 2 :
								   1;
	return w;
}

static void add_shown(struct buf *b, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if ((unsigned char)s[i] >= ' ' && s[i] != DELETE) {
			add(b, s[i]);
		} else {
			add(b, '^');
			add(b, s[i] ^ 0x40);
		}
	}
}

static void add_number(struct buf *b, const char *fmt, size_t n)
{
	char s[24];

	if (n)
		add_mem(b, s, (size_t)snprintf(s, sizeof s, fmt, (unsigned)n));
}

/* Draws prompt and line anew and puts the cursor where it belongs. */
static void redraw(void)
{
	struct buf b = { 0 };
	size_t end = ed.prompt_columns + width(ed.line.s, ed.line.n),
	       here = ed.prompt_columns + width(ed.line.s, ed.at);

	add_number(&b, "\033[%uA", ed.row);
	add(&b, '\r');
	add_mem(&b, ed.prompt, strlen(ed.prompt));
	add_shown(&b, ed.line.s, ed.line.n);
	if (end && end % ed.columns == 0)
		add_mem(&b, "\r\n", 2); /* a terminal waits with the new row for the next character */
	add_mem(&b, "\033[J", 3);
	add_number(&b, "\033[%uA", end / ed.columns - here / ed.columns);
	add(&b, '\r');
	add_number(&b, "\033[%uC", here % ed.columns);
	ed.row = here / ed.columns;
	send(b.s, b.n);
	free(b.s);
}

static void find_columns(void)
{
	struct winsize w;
	const char *last = strrchr(ed.prompt, '\n');

	ed.columns = ioctl(2, TIOCGWINSZ, &w) == 0 && w.ws_col ? w.ws_col : 80;
	last = last ? last + 1 : ed.prompt;
	ed.prompt_columns = width(last, strlen(last));
}

/* ---- changing the line ---- */

static size_t before(size_t at)
{
	while (at && ((unsigned char)ed.line.s[--at] & 0xc0) == 0x80)
		;
	return at;
}

static size_t after(size_t at)
{
	if (at < ed.line.n)
		at++;
	while (at < ed.line.n && ((unsigned char)ed.line.s[at] & 0xc0) == 0x80)
		at++;
	return at;
}

/* Letters and digits; or, if only a blank ends a word, whatever is none. */
static int in_word(char c, int blank_ends)
{
	return blank_ends ? !isspace((unsigned char)c) : isalnum((unsigned char)c) || c & 0x80;
}

static size_t word_before(size_t at, int blank_ends)
{
	while (at && !in_word(ed.line.s[at - 1], blank_ends))
		at--;
	while (at && in_word(ed.line.s[at - 1], blank_ends))
		at--;
	return at;
}

static size_t word_after(size_t at)
{
	while (at < ed.line.n && !in_word(ed.line.s[at], 0))
		at++;
	while (at < ed.line.n && in_word(ed.line.s[at], 0))
		at++;
	return at;
}

static void insert(const char *s, size_t n)
{
	size_t end = ed.prompt_columns + width(ed.line.s, ed.line.n);
	int simple = n == 1 && ed.at == ed.line.n && isprint((unsigned char)*s) && (end + 1) % ed.columns;

	for (size_t i = 0; i < n; i++)
		add(&ed.line, 0);
	memmove(ed.line.s + ed.at + n, ed.line.s + ed.at, ed.line.n - n - ed.at);
	memcpy(ed.line.s + ed.at, s, n);
	ed.at += n;
	if (simple)
		send(s, 1);
	else if (((unsigned char)s[n - 1] & 0xc0) !=
		 0xc0) /* a character of several bytes is drawn with its second */
		redraw();
}

/* Cuts [from, to); with `keep` for ^Y. */
static void cut(size_t from, size_t to, int keep)
{
	if (keep) {
		killed.n = 0;
		add_mem(&killed, ed.line.s + from, to - from);
	}
	if (ed.line.n)
		memmove(ed.line.s + from, ed.line.s + to, ed.line.n - to);
	ed.line.n -= to - from;
	ed.at = from;
	redraw();
}

static void replace_line(const char *s)
{
	ed.line.n = 0;
	add_mem(&ed.line, s, strlen(s));
	ed.at = ed.line.n;
	redraw();
}

static char *line_copy(void)
{
	char *s = xrealloc(0, ed.line.n + 1);

	if (ed.line.n)
		memcpy(s, ed.line.s, ed.line.n);
	s[ed.line.n] = 0;
	return s;
}

static void show_history(int which)
{
	if (which < 0 || which > nhistory || which == ed.shown)
		return;
	if (ed.shown == nhistory) {
		free(ed.unfinished);
		ed.unfinished = line_copy();
	}
	ed.shown = which;
	replace_line(which == nhistory ? ed.unfinished : history[which]);
}

static void transpose(void)
{
	size_t b, a, n;
	char c[8];

	if (ed.at == ed.line.n)
		ed.at = before(ed.at);
	if (!ed.at)
		return;
	b = before(ed.at);
	a = after(ed.at);
	n = ed.at - b;
	if (n > sizeof c)
		return;
	memcpy(c, ed.line.s + b, n);
	memmove(ed.line.s + b, ed.line.s + ed.at, a - ed.at);
	memcpy(ed.line.s + a - n, c, n);
	ed.at = a;
	redraw();
}

/* ---- completion ---- */

struct matches {
	const char *start;
	char *common; /* what all of them begin with */
	int n;
	struct fields all;
};

static void add_match(struct matches *m, const char *name, const char *tail)
{
	size_t n = 0;
	char *s;

	for (size_t i = 0; i < m->all.n; i++)
		if (!strncmp(m->all.v[i], name, strlen(name)) && !strcmp(m->all.v[i] + strlen(name), tail))
			return;
	s = strcat(strcpy(take(&scratch, strlen(name) + strlen(tail) + 1), name), tail);
	add_field(&m->all, s);
	if (m->n++ == 0)
		m->common = take_str(&scratch, s, strlen(s));
	while (m->common[n] && m->common[n] == s[n])
		n++;
	m->common[n] = 0;
}

/* Names in a directory that begin so; `programs`: only what can be run. */
static void match_files(struct matches *m, const char *dir, const char *start, int programs)
{
	DIR *d = opendir(*dir ? dir : ".");
	struct dirent *e;
	struct stat st;

	while (d && (e = readdir(d))) {
		if (strncmp(e->d_name, start, strlen(start)) || (*e->d_name == '.' && *start != '.') ||
		    !strcmp(e->d_name, ".") || !strcmp(e->d_name, "..") ||
		    fstatat(dirfd(d), e->d_name, &st, 0) < 0)
			continue;
		if (programs && (!S_ISREG(st.st_mode) || !(st.st_mode & 0111)))
			continue;
		add_match(m, e->d_name, programs ? " " : S_ISDIR(st.st_mode) ? "/" : " ");
	}
	if (d)
		closedir(d);
}

static void match_builtin(void *to, const char *name)
{
	struct matches *m = to;

	if (!strncmp(m->start, name, strlen(m->start)))
		add_match(m, name, " ");
}

static void match_commands(struct matches *m, const char *start)
{
	const char *p = get_var("PATH");

	m->start = start;
	for (struct function *f = functions; f; f = f->next)
		if (!strncmp(f->name, start, strlen(start)))
			add_match(m, f->name, " ");
	builtin_names(match_builtin, m);
	for (p = p ? p : "/bin:/usr/bin"; p; p = *p ? p + 1 : 0) {
		size_t n = strcspn(p, ":");
		match_files(m, take_str(&scratch, p, n), start, 1);
		p += n;
	}
}

static int by_string(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list_matches(struct matches *m)
{
	size_t widest = 0, across;

	qsort(m->all.v, m->all.n, sizeof *m->all.v, by_string);
	for (size_t i = 0; i < m->all.n; i++)
		widest = strlen(m->all.v[i]) > widest ? strlen(m->all.v[i]) : widest;
	across = ed.columns / (widest + 2) ? ed.columns / (widest + 2) : 1;
	send("\r\n", 2);
	for (size_t i = 0; i < m->all.n; i++) {
		struct buf b = { 0 };
		add_mem(&b, m->all.v[i], strlen(m->all.v[i]));
		for (size_t k = b.n; (i + 1) % across && k < widest + 2; k++)
			add(&b, ' ');
		if ((i + 1) % across == 0 || i + 1 == m->all.n)
			add_mem(&b, "\r\n", 2);
		send(b.s, b.n);
		free(b.s);
	}
	ed.row = 0;
	redraw();
}

/* Completes the word before the cursor: a command where one begins, else a file's name. A second Tab lists. */
static void complete(int again)
{
	struct mark mk = mark(&scratch);
	struct matches m = { 0 };
	size_t start = ed.at, k;

	while (start && !strchr(" \t|&;<>()`'\"=", ed.line.s[start - 1]))
		start--;
	for (k = start; k && ed.line.s[k - 1] == ' ';)
		k--;
	char *word = take_str(&scratch, ed.line.s + start, ed.at - start), *slash = strrchr(word, '/');
	int command = !slash && (!k || strchr("|&;(`", ed.line.s[k - 1]));
	const char *name = slash ? slash + 1 : word;
	if (command)
		match_commands(&m, word);
	else
		match_files(&m, slash ? take_str(&scratch, word, slash + 1 - word) : "", name, 0);
	if (m.n && strlen(m.common) > strlen(name))
		insert(m.common + strlen(name), strlen(m.common) - strlen(name));
	else if (m.n && again)
		list_matches(&m);
	else
		send("\a", 1);
	release(&scratch, mk);
}

/* ---- keys ---- */

static int read_byte(void)
{
	unsigned char c;
	ssize_t n;

	while ((n = read(0, &c, 1)) < 0 && errno == EINTR && !any_pending)
		find_columns(); /* the window may have another size now */
	return n == 1 ? c : K_EOF;
}

/* After ESC [ or ESC O. */
static int read_sequence(void)
{
	int c = read_byte(), n = 0, modified = 0;

	for (; isdigit(c) || c == ';'; c = read_byte()) {
		modified |= c == ';';
		n = modified || c == ';' ? n : n * 10 + c - '0';
	}
	switch (c) {
	case 'A':
		return K_UP;
	case 'B':
		return K_DOWN;
	case 'C':
		return modified ? K_WORD_RIGHT : K_RIGHT;
	case 'D':
		return modified ? K_WORD_LEFT : K_LEFT;
	case 'H':
		return K_HOME;
	case 'F':
		return K_END;
	case '~':
		return n == 1 || n == 7 ? K_HOME : n == 4 || n == 8 ? K_END : n == 3 ? K_DEL : K_NONE;
	case K_EOF:
		return K_EOF;
	default:
		return K_NONE;
	}
}

static int read_key(void)
{
	int c = read_byte();

	if (c != ESCAPE)
		return c;
	c = read_byte();
	switch (c) {
	case '[':
	case 'O':
		return read_sequence();
	case 'b':
		return K_WORD_LEFT;
	case 'f':
		return K_WORD_RIGHT;
	case 'd':
		return K_KILL_WORD;
	case K_EOF:
		return K_EOF;
	default:
		return K_NONE;
	}
}

static int find_back(const char *what, size_t n, int from)
{
	for (int i = from; i >= 0 && i < nhistory; i--)
		for (const char *s = history[i]; *s; s++)
			if (!strncmp(s, what, n))
				return i;
	return -1;
}

/* ^R: backwards through the history for what is typed. Returns the key that ended it. */
static int search(void)
{
	static const char search_prompt[] = "(search) ";
	struct buf what = { 0 };
	const char *prompt = ed.prompt;
	int at = nhistory - 1, c;

	ed.prompt = search_prompt;
	find_columns();
	for (;;) {
		redraw();
		c = read_key();
		int hit = -1;
		if (c == ('R' & CTRL) && what.n)
			hit = find_back(what.s, what.n, at - 1);
		else if ((c == DELETE || c == '\b') && what.n)
			hit = find_back(what.s, --what.n, nhistory - 1);
		else if (c >= ' ' && c < 256 && c != DELETE) {
			add(&what, c);
			hit = find_back(what.s, what.n, at);
			what.n -= hit < 0;
		} else if (c != ('R' & CTRL))
			break;
		if (hit < 0) {
			send("\a", 1);
			continue;
		}
		at = hit;
		show_history(at);
	}
	free(what.s);
	ed.prompt = prompt;
	find_columns();
	redraw();
	return c == ('G' & CTRL) || c == ESCAPE ? K_NONE : c;
}

static void move(size_t at)
{
	ed.at = at;
	redraw();
}

/* Does what an editing key asks for. */
static void edit(int c)
{
	char ch = (char)c;

	switch (c) {
	case 'A' & CTRL:
	case K_HOME:
		return move(0);
	case 'E' & CTRL:
	case K_END:
		return move(ed.line.n);
	case 'B' & CTRL:
	case K_LEFT:
		return move(before(ed.at));
	case 'F' & CTRL:
	case K_RIGHT:
		return move(after(ed.at));
	case K_WORD_LEFT:
		return move(word_before(ed.at, 0));
	case K_WORD_RIGHT:
		return move(word_after(ed.at));
	case 'P' & CTRL:
	case K_UP:
		return show_history(ed.shown - 1);
	case 'N' & CTRL:
	case K_DOWN:
		return show_history(ed.shown + 1);
	case '\b':
	case DELETE:
		return ed.at ? cut(before(ed.at), ed.at, 0) : send("\a", 1);
	case 'D' & CTRL:
	case K_DEL:
		return cut(ed.at, after(ed.at), 0);
	case 'K' & CTRL:
		return cut(ed.at, ed.line.n, 1);
	case 'U' & CTRL:
		return cut(0, ed.at, 1);
	case 'W' & CTRL:
		return cut(word_before(ed.at, 1), ed.at, 1);
	case K_KILL_WORD:
		return cut(ed.at, word_after(ed.at), 1);
	case 'Y' & CTRL:
		if (killed.n)
			insert(killed.s, killed.n);
		return;
	case 'T' & CTRL:
		return transpose();
	case 'L' & CTRL:
		send("\033[H\033[2J", 7);
		ed.row = 0;
		return redraw();
	case 'V' & CTRL:
		c = read_byte();
		ch = (char)c;
		if (c && c != K_EOF)
			insert(&ch, 1);
		return;
	default:
		if (c < 256 && ((c & 0x80) || isprint(c)))
			insert(&ch, 1);
		else if (c != K_NONE)
			send("\a", 1);
	}
}

/* Keys until the line is done: the newline's, ^C, or end of input. */
static int edit_keys(void)
{
	int c = 0, previous;

	for (;;) {
		previous = c;
		c = read_key();
		if (c == ('R' & CTRL))
			c = search();
		if (c == '\n' || c == '\r' || c == K_EOF || c == ('C' & CTRL) ||
		    (c == ('D' & CTRL) && !ed.line.n))
			return c;
		if (c == '\t')
			complete(previous == '\t');
		else
			edit(c);
	}
}

char *edit_line(const char *prompt)
{
	struct termios cooked, raw;
	char *result = 0;
	int c;

	if (!history_loaded)
		history_load();
	if (tcgetattr(0, &cooked) < 0)
		return 0;
	raw = cooked;
	raw.c_lflag &= ~(ICANON | ECHO | ISIG | IEXTEN);
	raw.c_iflag &= ~(IXON | INLCR | IGNCR);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	tcsetattr(0, TCSADRAIN, &raw);
	ed.prompt = prompt;
	ed.line.n = ed.at = ed.row = 0;
	ed.shown = nhistory;
	find_columns();
	send(prompt, strlen(prompt));
	c = edit_keys();
	if (ed.at < ed.line.n)
		move(ed.line.n);
	if (c == ('C' & CTRL)) {
		send("^C", 2);
		got_int = 1;
	} else if (c == '\n' || c == '\r') {
		send("\r\n", 2);
		result = line_copy();
		history_add(result);
		history_save(result);
		strcat(result = xrealloc(result, ed.line.n + 2), "\n");
	}
	tcsetattr(0, TCSADRAIN, &cooked);
	return result;
}
