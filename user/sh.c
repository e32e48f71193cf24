/* SPDX-License-Identifier: ISC */
/*
 * sh: the shell language of POSIX, without job control, aliases and line editing.
 *
 * The parts, in the order of this file:
 *	memory		pools, released in the order of use, and growing buffers
 *	variables	shell and environment variables, positional parameters, local ones
 *	input		where commands come from: a descriptor, a string
 *	words		source text to words in an inner code, where substitutions are marked and found again at once
 *	parser		recursive descent, a line at a time, into nodes
 *	arithmetic	$((...))
 *	expansion	a word to fields: parameters, commands, arithmetic; splitting, path names, quotes removed
 *	redirection	and its undoing
 *	processes	fork, exec, wait, signals, traps
 *	evaluation	walks the nodes
 *	builtins	the commands that are the shell's own
 *
 * Errors that end the shell (or, interactively, the command line) come from fail(), which does not return.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <glob.h>
#include <limits.h>
#include <pwd.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/times.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SAVED_FD = 10, MAX_DEPTH = 400, MAX_CALLS = 1000 };

static const char *arg0 = "sh"; /* $0, and what messages begin with */
static int last_status, cmdsub_status;
static int interactive, subshell; /* subshell: a forked child, which must never go on as the parent would */
static pid_t shell_pid, last_bg;
static jmp_buf top_level; /* where an interactive shell goes on after an error or ^C */

static struct {
	char letter;
	const char *name;
	int on;
} options[] = { { 'e', "errexit", 0 },	 { 'u', "nounset", 0 },	  { 'x', "xtrace", 0 },
		{ 'f', "noglob", 0 },	 { 'n', "noexec", 0 },	  { 'v', "verbose", 0 },
		{ 'C', "noclobber", 0 }, { 'a', "allexport", 0 }, { 0, "pipefail", 0 } };
enum {
	O_ERREXIT,
	O_NOUNSET,
	O_XTRACE,
	O_NOGLOB,
	O_NOEXEC,
	O_VERBOSE,
	O_NOCLOBBER,
	O_ALLEXPORT,
	O_PIPEFAIL,
	NOPTIONS
};
#define OPT(o) (options[o].on)

static _Noreturn void shell_exit(int status);

static void complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void complain(const char *fmt, ...)
{
	char msg[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(msg, sizeof msg, fmt, ap);
	va_end(ap);
	fflush(stdout);
	fprintf(stderr, "%s: %s\n", arg0, msg);
}

static _Noreturn void leave(int status)
{
	last_status = status;
	if (interactive && !subshell)
		longjmp(top_level, 1);
	shell_exit(status);
}

#define fail(status, ...) (complain(__VA_ARGS__), leave(status))

/* ---- memory ---- */

struct block {
	struct block *below;
	size_t used, cap;
	_Alignas(16) char data[];
};
struct pool {
	struct block *top;
};
struct mark {
	struct block *top;
	size_t used;
};

static void *xrealloc(void *p, size_t n)
{
	p = realloc(p, n ? n : 1);
	if (!p)
		fail(2, "out of memory");
	return p;
}

static char *xstrdup(const char *s)
{
	return strcpy(xrealloc(0, strlen(s) + 1), s);
}

static void *take(struct pool *p, size_t n)
{
	n = (n + 15) & ~(size_t)15;
	if (!p->top || p->top->cap - p->top->used < n) {
		size_t cap = n > 4000 ? n : 4000;
		struct block *b = xrealloc(0, sizeof *b + cap);
		b->below = p->top;
		b->used = 0;
		b->cap = cap;
		p->top = b;
	}
	void *r = p->top->data + p->top->used;
	p->top->used += n;
	return memset(r, 0, n);
}

static char *take_str(struct pool *p, const char *s, size_t n)
{
	return memcpy(take(p, n + 1), s, n);
}

static struct mark mark(struct pool *p)
{
	return (struct mark){ p->top, p->top ? p->top->used : 0 };
}

static void release(struct pool *p, struct mark m)
{
	while (p->top != m.top) {
		struct block *b = p->top;
		p->top = b->below;
		free(b);
	}
	if (p->top)
		p->top->used = m.used;
}

static struct pool scratch; /* results of expansion; each command releases what it took */

struct buf {
	char *s;
	size_t n, cap;
};

static void add(struct buf *b, int c)
{
	if (b->n == b->cap)
		b->s = xrealloc(b->s, b->cap = b->cap ? 2 * b->cap : 64);
	b->s[b->n++] = (char)c;
}

static void add_mem(struct buf *b, const char *s, size_t n)
{
	while (n--)
		add(b, *s++);
}

/* The buffer as a string of the pool; the buffer is gone. */
static char *finish(struct buf *b, struct pool *p)
{
	char *s = take_str(p, b->s ? b->s : "", b->n);

	free(b->s);
	*b = (struct buf){ 0 };
	return s;
}

/* ---- variables ---- */

enum { V_EXPORT = 1, V_READONLY = 2, V_SET = 4 };
struct var {
	char *name, *value;
	int flags;
	struct var *next;
};
static struct var *vars[64];

/* What a function's call or a sourced file puts aside: the positional parameters and local variables. */
struct local {
	char *name, *value;
	int flags;
	struct local *next;
};
struct frame {
	char **args;
	int nargs, owned;
	struct local *locals;
	struct frame *below;
};
static char **args; /* $1 is args[0] */
static int nargs, args_owned;
static struct frame *frames;
static int ncalls;

static struct var **slot(const char *name, size_t n)
{
	unsigned h = 0;

	for (size_t i = 0; i < n; i++)
		h = h * 31 + (unsigned char)name[i];
	struct var **v = &vars[h % 64];
	while (*v && (strncmp((*v)->name, name, n) || (*v)->name[n]))
		v = &(*v)->next;
	return v;
}

static size_t name_len(const char *s)
{
	size_t n = 0;

	if (!isalpha((unsigned char)*s) && *s != '_')
		return 0;
	while (isalnum((unsigned char)s[n]) || s[n] == '_')
		n++;
	return n;
}

static char *get(const char *name, size_t n)
{
	struct var *v = *slot(name, n);

	return v && v->flags & V_SET ? v->value : 0;
}

static char *get_var(const char *name)
{
	return get(name, strlen(name));
}

static struct var *var_named(const char *name, size_t n)
{
	struct var **s = slot(name, n), *v = *s;

	if (!v) {
		v = *s = xrealloc(0, sizeof *v);
		*v = (struct var){ .name = xrealloc(0, n + 1) };
		memcpy(v->name, name, n);
		v->name[n] = 0;
	}
	return v;
}

static struct var *set(const char *name, size_t n, const char *value)
{
	struct var *v = var_named(name, n);

	if (v->flags & V_READONLY)
		fail(2, "%s: is read only", v->name);
	char *copy = xstrdup(value);
	free(v->value);
	v->value = copy;
	v->flags |= V_SET | (OPT(O_ALLEXPORT) ? V_EXPORT : 0);
	return v;
}

static struct var *set_var(const char *name, const char *value)
{
	return set(name, strlen(name), value);
}

static void unset_var(const char *name)
{
	struct var **s = slot(name, strlen(name)), *v = *s;

	if (!v)
		return;
	if (v->flags & V_READONLY)
		fail(2, "%s: is read only", name);
	*s = v->next;
	free(v->name);
	free(v->value);
	free(v);
}

/* NAME=VALUE */
static struct var *assign(const char *s)
{
	const char *eq = strchr(s, '=');

	return set(s, eq - s, eq + 1);
}

/* The exported variables as execve wants them. */
static char **environment(void)
{
	size_t n = 0, i = 0;

	for (int h = 0; h < 64; h++)
		for (struct var *v = vars[h]; v; v = v->next)
			n++;
	char **env = take(&scratch, (n + 1) * sizeof *env);
	for (int h = 0; h < 64; h++)
		for (struct var *v = vars[h]; v; v = v->next)
			if ((v->flags & (V_EXPORT | V_SET)) == (V_EXPORT | V_SET)) {
				env[i] = take(&scratch, strlen(v->name) + strlen(v->value) + 2);
				strcat(strcat(strcpy(env[i++], v->name), "="), v->value);
			}
	return env;
}

static void free_args(void)
{
	for (int i = 0; args_owned && i < nargs; i++)
		free(args[i]);
	if (args_owned)
		free(args);
}

static void set_args(char **v, int n)
{
	char **copy = xrealloc(0, (n + 1) * sizeof *copy);

	for (int i = 0; i < n; i++)
		copy[i] = xstrdup(v[i]);
	copy[n] = 0;
	free_args();
	args = copy;
	nargs = n;
	args_owned = 1;
}

static void push_frame(void)
{
	struct frame *f = xrealloc(0, sizeof *f);

	*f = (struct frame){ args, nargs, args_owned, 0, frames };
	frames = f;
	args_owned = 0;
}

static void pop_frame(void)
{
	struct frame *f = frames;

	free_args();
	args = f->args;
	nargs = f->nargs;
	args_owned = f->owned;
	while (f->locals) {
		struct local *l = f->locals;
		struct var *v = var_named(l->name, strlen(l->name));
		free(v->value);
		v->value = l->value;
		v->flags = l->flags;
		f->locals = l->next;
		free(l->name);
		free(l);
	}
	frames = f->below;
	free(f);
}

/* Puts the variable's state aside until the innermost frame ends. */
static void save_var(const char *name, size_t n)
{
	struct var *v = var_named(name, n);
	struct local *l = xrealloc(0, sizeof *l);

	*l = (struct local){ xstrdup(v->name), v->value ? xstrdup(v->value) : 0, v->flags, frames->locals };
	frames->locals = l;
}

/* ---- input ---- */

struct input {
	int fd;		 /* -1: a string */
	int single;	 /* read byte by byte, as others will read on from there */
	int line, depth; /* depth: how many readers want a record of what was read */
	int eof;
	const char *p, *end;
	char *mem;
	struct buf record;
	struct input *below;
};
static struct input *in;
static int prompt_level; /* 0: none, 1: PS1, 2: PS2 is due at the next read of a terminal */

static void push_input(struct input *i)
{
	i->below = in;
	in = i;
}

static void pop_input(void)
{
	struct input *i = in;

	in = i->below;
	if (i->fd >= 0)
		close(i->fd);
	free(i->mem);
	free(i->record.s);
}

static void push_string(struct input *i, const char *s, size_t n)
{
	*i = (struct input){ .fd = -1, .p = s, .end = s + n, .line = 1 };
	push_input(i);
}

static void show_prompt(void)
{
	const char *ps = get_var(prompt_level == 1 ? "PS1" : "PS2");

	if (prompt_level && ps)
		fputs(ps, stderr);
	prompt_level = 2;
}

static volatile sig_atomic_t got_int;

static int refill(struct input *i)
{
	if (i->fd < 0 || i->eof)
		return EOF;
	if (!i->mem)
		i->mem = xrealloc(0, 4096);
	for (;;) {
		if (interactive && !i->below) {
			fflush(stdout);
			show_prompt();
		}
		ssize_t n = read(i->fd, i->mem, i->single ? 1 : 4096);
		if (n > 0) {
			i->p = i->mem;
			i->end = i->mem + n;
			return 0;
		}
		if (n < 0 && errno == EINTR) {
			if (got_int && interactive)
				longjmp(top_level, 1);
			continue;
		}
		if (n < 0)
			complain("reading commands: %s", strerror(errno));
		i->eof = 1;
		return EOF;
	}
}

static int next_char(void)
{
	do
		if (in->p == in->end && refill(in) == EOF)
			return EOF;
	while (!*in->p++ && in->p); /* a NUL byte is skipped */
	int c = (unsigned char)in->p[-1];
	if (c == '\n')
		in->line++;
	if (in->depth)
		add(&in->record, c);
	if (OPT(O_VERBOSE) && in->fd >= 0)
		fputc(c, stderr);
	return c;
}

/* Puts the character read last back; it is still in the buffer. */
static void back(int c)
{
	if (c == EOF)
		return;
	in->p--;
	if (c == '\n')
		in->line--;
	if (in->depth)
		in->record.n--;
}

/* ---- words ---- */

/*
 * A word's inner code is its source text, quotes and all, but: $(...) and `...` are SUB commands END, ${...} is
 * PARAM text END, $((...)) is ARITH text END; a literal byte with one of these codes follows ESC.
 */
enum { SUB = 1, END = 2, ESC = 3, PARAM = 4, ARITH = 5 };
enum { Q_NONE, Q_DOUBLE, Q_HERE, Q_ARITH }; /* what surrounds the text */

enum tok {
	T_EOF,
	T_NEWLINE,
	T_SEMI,
	T_DSEMI,
	T_AMP,
	T_AND,
	T_PIPE,
	T_OR,
	T_LPAREN,
	T_RPAREN,
	T_LESS,
	T_GREAT,
	T_DGREAT,
	T_DLESS,
	T_DLESSDASH,
	T_LESSAND,
	T_GREATAND,
	T_LESSGREAT,
	T_CLOBBER,
	T_WORD,
	T_IONUM
};
static const char *const tok_names[] = { "end of file", "newline", ";",	 ";;", "&", "&&", "|",
					 "||",		"(",	   ")",	 "<",  ">", ">>", "<<",
					 "<<-",		"<&",	   ">&", "<>", ">|" };

struct word {
	char *text;
	struct word *next;
};
struct redir {
	enum tok op;
	int fd;
	char *text;	    /* the word after the operator; of a here-document its body */
	int literal, strip; /* of a here-document */
	char *target;	    /* expanded, for the redirection about to be done */
	struct redir *next, *next_pending;
};

/* The parser's state, which a command substitution puts aside. */
static struct {
	int have; /* a token was looked at but not taken */
	enum tok tok;
	char *text;
	struct redir *pending; /* here-documents whose bodies come after this line */
} look;
static struct pool *tree; /* where nodes and words go */
static int depth;	  /* of nesting, so that no source can exhaust the stack */

struct node;
static struct node *parse_list(int lines);
static enum tok peek(void);

static _Noreturn void syntax_error(const char *what)
{
	if (in->line > 1 || in->fd >= 0)
		fail(2, "line %d: syntax error: %s", in->line, what);
	fail(2, "syntax error: %s", what);
}

static void deeper(void)
{
	if (++depth > MAX_DEPTH)
		syntax_error("nested too deeply");
}

static void add_literal(struct buf *b, int c)
{
	if (c >= SUB && c <= ARITH)
		add(b, ESC);
	add(b, c);
}

static int need_char(const char *what)
{
	int c = next_char();

	if (c == EOF)
		syntax_error(what);
	return c;
}

/* $( is read: parses the commands to find their end, and keeps their text. */
static void scan_command(struct buf *b)
{
	typeof(look) saved = look;
	size_t start = in->record.n;

	deeper();
	memset(&look, 0, sizeof look);
	in->depth++;
	parse_list(1);
	if (peek() != T_RPAREN)
		syntax_error("missing ')'");
	add(b, SUB);
	for (size_t i = start; i < in->record.n - 1; i++)
		add_literal(b, in->record.s[i]);
	add(b, END);
	if (--in->depth == 0)
		in->record.n = 0;
	look = saved;
	depth--;
}

/* A backquote is read: the text to the next one, in which a backslash quotes $, ` and \. */
static void scan_backquote(struct buf *b, int quote)
{
	add(b, SUB);
	for (int c; (c = need_char("unterminated backquote")) != '`';) {
		if (c == '\\') {
			c = need_char("unterminated backquote");
			if (c != '$' && c != '`' && c != '\\' && !(c == '"' && quote == Q_DOUBLE))
				add(b, '\\');
		}
		add_literal(b, c);
	}
	add(b, END);
}

static void scan_text(struct buf *b, int quote, int closer);

/* ${ is read. Quotes in the word after an operator count as the operator wants. */
static void scan_param(struct buf *b, int quote)
{
	int c = need_char("missing '}'");

	deeper();
	add(b, PARAM);
	if (c == '#') {
		add(b, c);
		c = need_char("missing '}'");
	}
	if (isalnum(c) || c == '_') {
		for (; isalnum(c) || c == '_'; c = need_char("missing '}'"))
			add(b, c);
	} else if (c != '}' && strchr("@*#?-$!", c)) {
		add(b, c);
		c = need_char("missing '}'");
	}
	if (c != '}') {
		if (!strchr(":-=+?%#", c))
			syntax_error("bad substitution");
		back(c);
		scan_text(b, c == '%' || c == '#' ? Q_NONE : quote, '}');
	}
	add(b, END);
	depth--;
}

/* A dollar is read. */
static void scan_dollar(struct buf *b, int quote)
{
	int c = next_char();

	if (c == '{') {
		scan_param(b, quote);
	} else if (c == '(') {
		c = next_char();
		if (c != '(') {
			back(c);
			scan_command(b);
			return;
		}
		deeper();
		add(b, ARITH);
		scan_text(b, Q_ARITH, ')');
		if (need_char("missing '))'") != ')')
			syntax_error("missing '))'");
		add(b, END);
		depth--;
	} else {
		back(c);
		add(b, '$');
	}
}

static void scan_single(struct buf *b)
{
	int c;

	add(b, '\'');
	do {
		c = need_char("unterminated quoted string");
		add_literal(b, c);
	} while (c != '\'');
}

/* Text up to `closer` (EOF: to the end), which is taken but not added, inside quotes of a kind. */
static void scan_text(struct buf *b, int quote, int closer)
{
	int c, parens = 0;

	deeper();
	for (;;) {
		c = next_char();
		if (c == closer && !parens)
			break;
		if (c == EOF)
			syntax_error(closer == '"' ? "unterminated quoted string" :
						     "missing closing bracket");
		if (quote == Q_ARITH && (c == '(' || c == ')'))
			parens += c == '(' ? 1 : -1;
		if (c == '\\') {
			c = next_char();
			if (c == '\n')
				continue;
			add(b, '\\');
			if (c != EOF)
				add_literal(b, c);
		} else if (c == '$') {
			scan_dollar(b, quote);
		} else if (c == '`') {
			scan_backquote(b, quote);
		} else if (c == '"' && quote != Q_HERE) {
			add(b, c);
			scan_text(b, Q_DOUBLE, '"');
			add(b, c);
		} else if (c == '\'' && quote == Q_NONE) {
			scan_single(b);
		} else {
			add_literal(b, c);
		}
	}
	depth--;
}

/* A word that begins with `c`. The character after it is put back. */
static char *scan_word(int c)
{
	struct buf b = { 0 };

	for (;; c = next_char()) {
		if (c == EOF || strchr(" \t\n;&|<>()", c))
			break;
		if (c == '\\') {
			c = next_char();
			if (c == '\n')
				continue;
			add(&b, '\\');
			if (c == EOF)
				break;
			add_literal(&b, c);
		} else if (c == '\'') {
			scan_single(&b);
		} else if (c == '"') {
			add(&b, c);
			scan_text(&b, Q_DOUBLE, '"');
			add(&b, c);
		} else if (c == '$') {
			scan_dollar(&b, Q_NONE);
		} else if (c == '`') {
			scan_backquote(&b, Q_NONE);
		} else {
			add_literal(&b, c);
		}
	}
	back(c);
	return finish(&b, tree);
}

static void read_heredoc(struct redir *r)
{
	struct buf body = { 0 };
	const char *delim = r->text;

	for (;;) {
		size_t start = body.n;
		int c = next_char();
		while (r->strip && c == '\t')
			c = next_char();
		for (; c != EOF && c != '\n'; c = next_char())
			add(&body, c);
		if (body.n - start == strlen(delim) &&
		    (!body.n || !memcmp(body.s + start, delim, body.n - start))) {
			body.n = start;
			break;
		}
		if (c == EOF)
			break;
		add(&body, c);
	}
	if (!r->literal) {
		struct input text;
		struct buf b = { 0 };
		push_string(&text, body.s, body.n);
		scan_text(&b, Q_HERE, EOF);
		pop_input();
		free(body.s);
		body = b;
	}
	r->text = finish(&body, tree);
}

static enum tok operator_token(int c)
{
	int d = next_char();

	switch (c) {
	case ';':
		if (d == ';')
			return T_DSEMI;
		back(d);
		return T_SEMI;
	case '&':
		if (d == '&')
			return T_AND;
		back(d);
		return T_AMP;
	case '|':
		if (d == '|')
			return T_OR;
		back(d);
		return T_PIPE;
	case '<':
		if (d == '&')
			return T_LESSAND;
		if (d == '>')
			return T_LESSGREAT;
		if (d == '<') {
			d = next_char();
			if (d == '-')
				return T_DLESSDASH;
			back(d);
			return T_DLESS;
		}
		back(d);
		return T_LESS;
	case '>':
		if (d == '&')
			return T_GREATAND;
		if (d == '>')
			return T_DGREAT;
		if (d == '|')
			return T_CLOBBER;
		back(d);
		return T_GREAT;
	}
	back(d);
	return c == '(' ? T_LPAREN : T_RPAREN;
}

static enum tok scan_token(void)
{
	int c;

	for (;;) {
		c = next_char();
		if (c == '\\') {
			int d = next_char();
			if (d == '\n')
				continue;
			back(d);
			break;
		}
		if (c == '#')
			while ((c = next_char()) != '\n' && c != EOF)
				;
		if (c != ' ' && c != '\t' && c != '\r')
			break;
	}
	if (c == EOF || c == '\n') {
		while (look.pending) {
			struct redir *r = look.pending;
			look.pending = r->next_pending;
			read_heredoc(r);
		}
		return c == EOF ? T_EOF : T_NEWLINE;
	}
	if (strchr(";&|<>()", c))
		return operator_token(c);
	look.text = scan_word(c);
	if (look.text[strspn(look.text, "0123456789")] == 0) {
		c = next_char();
		back(c);
		if (c == '<' || c == '>')
			return T_IONUM;
	}
	return T_WORD;
}

static enum tok peek(void)
{
	if (!look.have) {
		look.tok = scan_token();
		look.have = 1;
	}
	return look.tok;
}

static void advance(void)
{
	peek();
	look.have = 0;
}

static int accept(enum tok t)
{
	if (peek() != t)
		return 0;
	look.have = 0;
	return 1;
}

/* ---- parser ---- */

enum kind {
	N_SIMPLE,
	N_PIPE,
	N_AND,
	N_OR,
	N_NOT,
	N_LIST,
	N_BG,
	N_SUBSHELL,
	N_GROUP,
	N_IF,
	N_WHILE,
	N_UNTIL,
	N_FOR,
	N_CASE,
	N_FUNCTION
};
struct arm {
	struct word *patterns;
	struct node *body;
	struct arm *next;
};
struct node {
	enum kind kind;
	struct node *a, *b,
		*c;	   /* the parts: condition, body, else; left and right; the first of a list in a */
	struct node *next; /* in a list or pipeline */
	struct word *words, *assigns;
	struct redir *redirs;
	struct arm *arms;
	char *name;   /* of for, case (the word), function */
	int all_args; /* for without `in` */
};

static struct node *parse_command(void);

static struct node *new_node(enum kind k)
{
	struct node *n = take(tree, sizeof *n);

	n->kind = k;
	return n;
}

static _Noreturn void unexpected(void)
{
	char msg[128];

	peek();
	if (look.tok == T_WORD || look.tok == T_IONUM)
		snprintf(msg, sizeof msg, "unexpected \"%.80s\"", look.text);
	else
		snprintf(msg, sizeof msg, "unexpected %s%s%s", look.tok > T_NEWLINE ? "\"" : "",
			 tok_names[look.tok], look.tok > T_NEWLINE ? "\"" : "");
	syntax_error(msg);
}

static int is_word(const char *s)
{
	return peek() == T_WORD && !strcmp(look.text, s);
}

static int accept_word(const char *s)
{
	if (!is_word(s))
		return 0;
	advance();
	return 1;
}

static void expect_word(const char *s)
{
	if (!accept_word(s))
		unexpected();
}

static void skip_newlines(void)
{
	while (accept(T_NEWLINE))
		;
}

static int list_ends(void)
{
	static const char *const enders[] = { "then", "else", "elif", "fi", "do", "done", "esac", "}" };

	switch (peek()) {
	case T_EOF:
	case T_RPAREN:
	case T_DSEMI:
		return 1;
	case T_WORD:
		for (size_t i = 0; i < sizeof enders / sizeof *enders; i++)
			if (!strcmp(look.text, enders[i]))
				return 1;
		return 0;
	default:
		return 0;
	}
}

/* The text of a here-document's delimiter without its quotes; whether there were any. */
static int unquote(char *s)
{
	char *d = s;
	int quote = 0, any = 0;

	for (; *s; s++) {
		if (*s == ESC) {
			s++;
		} else if ((*s == '\'' || *s == '"') && (!quote || quote == *s)) {
			quote = quote ? 0 : *s;
			any = 1;
			continue;
		} else if (*s == '\\' && quote != '\'' && s[1]) {
			s++;
			any = 1;
		}
		*d++ = *s;
	}
	*d = 0;
	return any;
}

/* A redirection, if one is next. */
static struct redir *parse_redir(void)
{
	int fd = -1;

	if (peek() == T_IONUM) {
		fd = atoi(look.text);
		advance();
	}
	enum tok op = peek();
	if (op < T_LESS || op > T_CLOBBER)
		return 0;
	advance();
	if (peek() == T_IONUM) /* `>&2<x` and the like: a word all the same */
		look.tok = T_WORD;
	if (peek() != T_WORD)
		unexpected();
	struct redir *r = take(tree, sizeof *r);
	r->op = op;
	r->text = look.text;
	r->fd = fd >= 0 ? fd :
		op == T_LESS || op == T_LESSAND || op == T_LESSGREAT || op == T_DLESS || op == T_DLESSDASH ?
			  0 :
			  1;
	if (op == T_DLESS || op == T_DLESSDASH) {
		struct redir **p = &look.pending;
		r->literal = unquote(r->text);
		r->strip = op == T_DLESSDASH;
		while (*p)
			p = &(*p)->next_pending;
		*p = r;
	}
	advance();
	return r;
}

static struct redir *parse_redirs(void)
{
	struct redir *first = 0, **tail = &first;

	while ((*tail = parse_redir()))
		tail = &(*tail)->next;
	return first;
}

static struct word *take_word(void)
{
	struct word *w = take(tree, sizeof *w);

	w->text = look.text;
	advance();
	return w;
}

static struct node *parse_function(char *name)
{
	struct node *n = new_node(N_FUNCTION);

	advance(); /* ( */
	if (!accept(T_RPAREN))
		unexpected();
	if (name_len(name) != strlen(name))
		syntax_error("bad function name");
	n->name = name;
	skip_newlines();
	n->a = parse_command();
	return n;
}

static struct node *parse_simple(void)
{
	struct node *n = new_node(N_SIMPLE);
	struct word **words = &n->words, **assigns = &n->assigns;
	struct redir **redirs = &n->redirs;

	for (;;) {
		struct redir *r = parse_redir();
		if (r) {
			*redirs = r;
			redirs = &r->next;
			continue;
		}
		if (peek() == T_LPAREN && n->words && !n->words->next && !n->assigns && !n->redirs)
			return parse_function(n->words->text);
		if (peek() != T_WORD)
			break;
		size_t len = name_len(look.text);
		if (!n->words && len && look.text[len] == '=') {
			*assigns = take_word();
			assigns = &(*assigns)->next;
		} else {
			*words = take_word();
			words = &(*words)->next;
		}
	}
	if (!n->words && !n->assigns && !n->redirs)
		unexpected();
	return n;
}

static struct node *parse_body(const char *first, const char *last)
{
	expect_word(first);
	struct node *n = parse_list(1);
	if (!n)
		unexpected();
	if (last)
		expect_word(last);
	return n;
}

static struct node *parse_if(void)
{
	struct node *n = new_node(N_IF);

	n->a = parse_list(1);
	if (!n->a)
		unexpected();
	n->b = parse_body("then", 0);
	if (accept_word("elif"))
		n->c = parse_if();
	else if (is_word("else"))
		n->c = parse_body("else", "fi");
	else
		expect_word("fi");
	return n;
}

static struct node *parse_for(void)
{
	struct node *n = new_node(N_FOR);

	if (peek() != T_WORD || name_len(look.text) != strlen(look.text))
		unexpected();
	n->name = look.text;
	advance();
	skip_newlines();
	n->all_args = !accept_word("in");
	if (!n->all_args) {
		struct word **w = &n->words;
		while (peek() == T_WORD) {
			*w = take_word();
			w = &(*w)->next;
		}
		if (peek() != T_SEMI && peek() != T_NEWLINE)
			unexpected();
	}
	accept(T_SEMI);
	skip_newlines();
	n->a = parse_body("do", "done");
	return n;
}

static struct node *parse_case(void)
{
	struct node *n = new_node(N_CASE);
	struct arm **arms = &n->arms;

	if (peek() != T_WORD)
		unexpected();
	n->name = look.text;
	advance();
	skip_newlines();
	expect_word("in");
	skip_newlines();
	while (!accept_word("esac")) {
		struct arm *a = *arms = take(tree, sizeof *a);
		struct word **w = &a->patterns;
		arms = &a->next;
		accept(T_LPAREN);
		do {
			if (peek() != T_WORD && peek() != T_IONUM)
				unexpected();
			*w = take_word();
			w = &(*w)->next;
		} while (accept(T_PIPE));
		if (!accept(T_RPAREN))
			unexpected();
		a->body = parse_list(1);
		if (!accept(T_DSEMI)) {
			expect_word("esac");
			break;
		}
		skip_newlines();
	}
	return n;
}

static struct node *parse_compound(void)
{
	struct node *n;

	if (accept(T_LPAREN)) {
		n = new_node(N_SUBSHELL);
		n->a = parse_list(1);
		if (!n->a || !accept(T_RPAREN))
			unexpected();
	} else if (is_word("{")) {
		n = new_node(N_GROUP);
		n->a = parse_body("{", "}");
	} else if (accept_word("if")) {
		n = parse_if();
	} else if (is_word("while") || is_word("until")) {
		n = new_node(is_word("while") ? N_WHILE : N_UNTIL);
		advance();
		n->a = parse_list(1);
		if (!n->a)
			unexpected();
		n->b = parse_body("do", "done");
	} else if (accept_word("for")) {
		n = parse_for();
	} else if (accept_word("case")) {
		n = parse_case();
	} else {
		return 0;
	}
	return n;
}

static struct node *parse_command(void)
{
	deeper();
	if (list_ends() || is_word("!"))
		unexpected();
	struct node *n = parse_compound();
	if (!n)
		n = parse_simple();
	else
		n->redirs = parse_redirs();
	depth--;
	return n;
}

static struct node *parse_pipeline(void)
{
	if (accept_word("!")) {
		struct node *n = new_node(N_NOT);
		deeper();
		n->a = parse_pipeline();
		depth--;
		return n;
	}
	struct node *first = parse_command(), *last = first;
	if (peek() != T_PIPE)
		return first;
	while (accept(T_PIPE)) {
		skip_newlines();
		last = last->next = parse_command();
	}
	struct node *n = new_node(N_PIPE);
	n->a = first;
	return n;
}

static struct node *parse_and_or(void)
{
	struct node *n = parse_pipeline();

	while (peek() == T_AND || peek() == T_OR) {
		struct node *m = new_node(peek() == T_AND ? N_AND : N_OR);
		advance();
		skip_newlines();
		m->a = n;
		m->b = parse_pipeline();
		n = m;
	}
	return n;
}

/* Commands: to the end of the line, or over `lines` up to what ends a compound command. NULL if there are none. */
static struct node *parse_list(int lines)
{
	struct node *first = 0, **tail = &first;

	for (;;) {
		if (lines)
			skip_newlines();
		if (peek() == T_NEWLINE || (lines ? list_ends() : peek() == T_EOF))
			break;
		struct node *n = parse_and_or();
		if (peek() == T_AMP) {
			struct node *bg = new_node(N_BG);
			bg->a = n;
			n = bg;
		}
		*tail = n;
		tail = &n->next;
		if (!accept(T_SEMI) && !accept(T_AMP) && !(lines && peek() == T_NEWLINE))
			break;
	}
	if (!first || !first->next)
		return first;
	struct node *list = new_node(N_LIST);
	list->a = first;
	return list;
}

/* One line of commands (more, if they go on); 0 at the end of the input. */
static int parse_line(struct node **n)
{
	memset(&look, 0, sizeof look);
	depth = 0;
	prompt_level = 1;
	if (peek() == T_EOF)
		return 0;
	*n = parse_list(0);
	if (!accept(T_NEWLINE) && peek() != T_EOF)
		unexpected();
	return 1;
}

/* ---- arithmetic ---- */

static const char *ap, *ap_whole; /* where the evaluation is */
static int skip_effects;	  /* in a branch not taken: no assignment, no division by zero */

static long arith_assign(void);

static _Noreturn void arith_error(const char *what)
{
	fail(2, "arithmetic: %s: \"%s\"", what, ap_whole);
}

static int arith_op(const char *op)
{
	size_t n = strlen(op);

	while (isspace((unsigned char)*ap))
		ap++;
	if (strncmp(ap, op, n))
		return 0;
	if (n == 1 && (ap[1] == *op || ap[1] == '=') && strchr("<>&|=!+-*/%^", *op) && !strchr("!+-", *op))
		return 0; /* the beginning of a longer one */
	if (n == 1 && ap[1] == '=' && strchr("!+-", *op))
		return 0;
	if (n == 2 && (*op == '<' || *op == '>') && op[1] == *op && ap[2] == '=')
		return 0;
	ap += n;
	return 1;
}

static long arith_var(const char *name, size_t n)
{
	const char *v = get(name, n);
	char *end;

	if (!v && OPT(O_NOUNSET))
		fail(2, "%.*s: parameter not set", (int)n, name);
	if (!v || !v[strspn(v, " \t\n")])
		return 0;
	long x = strtol(v, &end, 0);
	if (end[strspn(end, " \t\n")])
		fail(2, "arithmetic: %.*s is not a number: \"%s\"", (int)n, name, v);
	return x;
}

static long arith_primary(void)
{
	long v;
	size_t n;

	while (isspace((unsigned char)*ap))
		ap++;
	if (arith_op("(")) {
		v = arith_assign();
		if (!arith_op(")"))
			arith_error("missing ')'");
	} else if (isdigit((unsigned char)*ap)) {
		char *end;
		v = (long)strtoul(ap, &end, 0);
		ap = end;
		if (isalnum((unsigned char)*ap))
			arith_error("bad number");
	} else if ((n = name_len(ap))) {
		v = arith_var(ap, n);
		ap += n;
	} else {
		arith_error(*ap ? "syntax error" : "expecting a number");
	}
	return v;
}

static long arith_unary(void)
{
	long v;

	if (++depth > MAX_DEPTH)
		arith_error("nested too deeply");
	if (arith_op("!"))
		v = !arith_unary();
	else if (arith_op("~"))
		v = ~arith_unary();
	else if (arith_op("-"))
		v = (long)-(unsigned long)arith_unary();
	else if (arith_op("+"))
		v = arith_unary();
	else
		v = arith_primary();
	depth--;
	return v;
}

static long arith_apply(const char *op, long a, long b)
{
	unsigned long x = a, y = b;

	switch (*op) {
	case '*':
		return (long)(x * y);
	case '/':
	case '%':
		if (!b && skip_effects)
			return 0;
		if (!b)
			arith_error("division by zero");
		if (b == -1)
			return *op == '/' ? (long)-x : 0;
		return *op == '/' ? a / b : a % b;
	case '+':
		return (long)(x + y);
	case '-':
		return (long)(x - y);
	case '<':
		return op[1] == '<' ? (long)(x << (y & 63)) : op[1] ? a <= b : a < b;
	case '>':
		return op[1] == '>' ? a >> (y & 63) : op[1] ? a >= b : a > b;
	case '=':
		return a == b;
	case '!':
		return a != b;
	case '&':
		return a & b;
	case '^':
		return a ^ b;
	default:
		return a | b;
	}
}

/* The binary operators that evaluate both sides, by rising precedence. */
static const char *const levels[][5] = {
	{ "|" },	{ "^" },      { "&" },		{ "==", "!=" }, { "<=", ">=", "<", ">" },
	{ "<<", ">>" }, { "+", "-" }, { "*", "/", "%" }
};
enum { NLEVELS = sizeof levels / sizeof *levels };

static long arith_binary(int level)
{
	if (level == NLEVELS)
		return arith_unary();
	long v = arith_binary(level + 1);
	for (int i = 0; i < 4 && levels[level][i];) {
		if (!arith_op(levels[level][i])) {
			i++;
			continue;
		}
		v = arith_apply(levels[level][i], v, arith_binary(level + 1));
		i = 0;
	}
	return v;
}

static long arith_and(void)
{
	long v = arith_binary(0);

	while (arith_op("&&")) {
		skip_effects += !v;
		long w = arith_binary(0);
		skip_effects -= !v;
		v = v && w;
	}
	return v;
}

static long arith_or(void)
{
	long v = arith_and();

	while (arith_op("||")) {
		skip_effects += !!v;
		long w = arith_and();
		skip_effects -= !!v;
		v = v || w;
	}
	return v;
}

static long arith_choice(void)
{
	long v = arith_or();

	if (!arith_op("?"))
		return v;
	skip_effects += !v;
	long a = arith_assign();
	skip_effects -= !v;
	if (!arith_op(":"))
		arith_error("missing ':'");
	skip_effects += !!v;
	long b = arith_assign();
	skip_effects -= !!v;
	return v ? a : b;
}

static long arith_assign(void)
{
	static const char *const ops[] = {
		"=", "*=", "/=", "%=", "+=", "-=", "<<=", ">>=", "&=", "^=", "|="
	};
	long v = 0;

	if (++depth > MAX_DEPTH)
		arith_error("nested too deeply");
	while (isspace((unsigned char)*ap))
		ap++;
	const char *start = ap;
	size_t n = name_len(ap);
	ap += n;
	for (size_t i = 0; n && i < sizeof ops / sizeof *ops; i++) {
		if (!arith_op(ops[i]))
			continue;
		v = arith_assign();
		if (i && !(skip_effects && !v))
			v = arith_apply(ops[i], arith_var(start, n), v);
		if (!skip_effects) {
			char text[24];
			snprintf(text, sizeof text, "%ld", v);
			set(start, n, text);
		}
		depth--;
		return v;
	}
	ap = start;
	v = arith_choice();
	depth--;
	return v;
}

static long arithmetic(const char *s)
{
	const char *saved = ap, *saved_whole = ap_whole;
	int saved_skip = skip_effects, saved_depth = depth;

	ap = ap_whole = s;
	skip_effects = depth = 0;
	while (isspace((unsigned char)*ap))
		ap++;
	long v = *ap ? arith_assign() : 0;
	while (isspace((unsigned char)*ap))
		ap++;
	if (*ap)
		arith_error("syntax error");
	ap = saved;
	ap_whole = saved_whole;
	skip_effects = saved_skip;
	depth = saved_depth;
	return v;
}

/* ---- expansion ---- */

/* The result before splitting: characters with what they were. BREAK and EMPTY are no characters. */
enum { QUOTED = 0x100, SPLIT = 0x200, BREAK = 0x400, EMPTY = 0x800 };
struct text {
	uint16_t *u;
	size_t n, cap;
};
struct fields {
	char **v;
	size_t n, cap;
};
enum {
	X_DOUBLE = 1,
	X_HERE = 2,
	X_SPLIT = 4,
	X_START = 8
}; /* X_SPLIT: literals too may be split; X_START: tilde */

static char *run_substitution(const char *src);
static void expand_text(struct text *t, const char *p, const char *end, int mode);

static void put(struct text *t, int unit)
{
	if (t->n == t->cap)
		t->u = xrealloc(t->u, (t->cap = t->cap ? 2 * t->cap : 64) * sizeof *t->u);
	t->u[t->n++] = (uint16_t)unit;
}

static void put_value(struct text *t, const char *s, int mode)
{
	int flag = mode & X_DOUBLE ? QUOTED : SPLIT;

	for (; *s; s++)
		put(t, (unsigned char)*s | flag);
}

/* The end of what a code at p[-1] began. */
static const char *code_end(const char *p)
{
	for (int n = 1;; p++) {
		if (*p == ESC)
			p++;
		else if (*p == SUB || *p == PARAM || *p == ARITH)
			n++;
		else if (*p == END && --n == 0)
			return p;
	}
}

/* Without splitting: a plain string of the scratch pool. BREAKs are blanks. */
static char *flatten(struct text *t)
{
	char *s = take(&scratch, t->n + 1), *d = s;

	for (size_t i = 0; i < t->n; i++)
		if (!(t->u[i] & EMPTY))
			*d++ = t->u[i] & BREAK ? ' ' : (char)t->u[i];
	*d = 0;
	free(t->u);
	return s;
}

/* For fnmatch: what was quoted is made plain by a backslash. */
static char *as_pattern(const uint16_t *u, size_t n)
{
	char *s = take(&scratch, 2 * n + 1), *d = s;

	for (size_t i = 0; i < n; i++) {
		if (u[i] & (EMPTY | BREAK))
			continue;
		if (u[i] & QUOTED && strchr("*?[]\\!^-", (char)u[i]) && (char)u[i])
			*d++ = '\\';
		*d++ = (char)u[i];
	}
	*d = 0;
	return s;
}

static char *expand_string(const char *word, int mode)
{
	struct text t = { 0 };

	expand_text(&t, word, word + strlen(word), mode | X_START);
	return flatten(&t);
}

static char *expand_pattern(const char *word)
{
	struct text t = { 0 };

	expand_text(&t, word, word + strlen(word), X_START);
	char *s = as_pattern(t.u, t.n);
	free(t.u);
	return s;
}

static void put_args(struct text *t, int star, int mode)
{
	const char *ifs = get_var("IFS");
	int sep = ifs ? (unsigned char)*ifs : ' ';

	for (int i = 0; i < nargs; i++) {
		if (i && star && mode & X_DOUBLE) {
			if (sep)
				put(t, sep | QUOTED);
		} else if (i) {
			put(t, BREAK);
		}
		if (mode & X_DOUBLE && !star)
			put(t, EMPTY);
		put_value(t, args[i], mode);
	}
}

static char *option_letters(void)
{
	static char s[16];
	int n = 0;

	for (int i = 0; i < NOPTIONS; i++)
		if (options[i].on && options[i].letter)
			s[n++] = options[i].letter;
	if (interactive)
		s[n++] = 'i';
	s[n] = 0;
	return s;
}

/* The value of a parameter other than @ and *, or NULL if it is not set. */
static const char *param_value(const char *name, size_t n)
{
	char num[24];
	long v;

	if (isdigit((unsigned char)*name)) {
		v = strtol(name, 0, 10);
		return v == 0 ? arg0 : v <= nargs ? args[v - 1] : 0;
	}
	switch (*name) {
	case '?':
		v = last_status;
		break;
	case '$':
		v = shell_pid;
		break;
	case '!':
		if (!last_bg)
			return 0;
		v = last_bg;
		break;
	case '#':
		v = nargs;
		break;
	case '-':
		return option_letters();
	default:
		return get(name, n);
	}
	snprintf(num, sizeof num, "%ld", v);
	return take_str(&scratch, num, strlen(num));
}

static void put_param(struct text *t, const char *name, size_t n, int mode)
{
	if (*name == '@' || *name == '*') {
		put_args(t, *name == '*', mode);
		return;
	}
	const char *v = param_value(name, n);
	if (!v && OPT(O_NOUNSET))
		fail(2, "%.*s: parameter not set", (int)n, name);
	if (v)
		put_value(t, v, mode);
}

/* Removes from the value what the pattern matches: a prefix or a suffix, the shortest or the longest. */
static char *trim(char *v, const char *pattern, int suffix, int longest)
{
	size_t n = strlen(v);

	for (size_t k = 0; k <= n; k++) {
		size_t len = longest ? n - k : k; /* of what is removed */
		if (suffix) {
			if (!fnmatch(pattern, v + n - len, 0)) {
				v[n - len] = 0;
				return v;
			}
		} else {
			char c = v[len];
			v[len] = 0;
			int hit = !fnmatch(pattern, v, 0);
			v[len] = c;
			if (hit)
				return v + len;
		}
	}
	return v;
}

static char *code_string(const char *p, const char *end)
{
	return take_str(&scratch, p, end - p);
}

static void put_length(struct text *t, const char *name, size_t n, int mode)
{
	char num[24];
	const char *v = *name == '@' || *name == '*' ? 0 : param_value(name, n);

	if (!v && OPT(O_NOUNSET) && *name != '@' && *name != '*')
		fail(2, "%.*s: parameter not set", (int)n, name);
	snprintf(num, sizeof num, "%ld",
		 *name == '@' || *name == '*' ? (long)nargs :
		 v			      ? (long)strlen(v) :
						0l);
	put_value(t, num, mode);
}

static size_t param_len(const char *p)
{
	if (isdigit((unsigned char)*p))
		return strspn(p, "0123456789");
	if (*p && strchr("@*#?-$!", *p))
		return 1;
	return name_len(p);
}

/* The text of ${...}, from after PARAM to its END. */
static void expand_param(struct text *t, const char *p, const char *end, int mode)
{
	size_t n;

	if (*p == '#' && p + 1 < end && (n = param_len(p + 1)) && p + 1 + n == end) {
		put_length(t, p + 1, n, mode);
		return;
	}
	const char *name = p;
	n = param_len(p);
	if (!n)
		fail(2, "bad substitution");
	p += n;
	if (p == end) {
		put_param(t, name, n, mode);
		return;
	}
	int list = *name == '@' || *name == '*';
	if (*p == '%' || *p == '#') {
		int longest = p[1] == *p;
		const char *v = list ? 0 : param_value(name, n);
		if (!v && OPT(O_NOUNSET) && !list)
			fail(2, "%.*s: parameter not set", (int)n, name);
		if (v)
			put_value(t,
				  trim(code_string(v, v + strlen(v)),
				       expand_pattern(code_string(p + 1 + longest, end)), *p == '%', longest),
				  mode);
		return;
	}
	int colon = *p == ':';
	p += colon;
	if (p == end || !strchr("-=+?", *p))
		fail(2, "bad substitution");
	const char *v = list ? (nargs ? "x" : 0) : param_value(name, n), *word = p + 1;
	int unset = !v || (colon && !*v);
	int inner = (mode & X_DOUBLE) | X_START | (mode & X_DOUBLE ? 0 : X_SPLIT);
	switch (*p) {
	case '+':
		if (!unset)
			expand_text(t, word, end, inner);
		return;
	case '-':
		if (unset)
			expand_text(t, word, end, inner);
		break;
	case '=':
		if (unset) {
			if (!name_len(name))
				fail(2, "%.*s: cannot be assigned", (int)n, name);
			char *s = expand_string(code_string(word, end), mode & X_DOUBLE);
			set(name, n, s);
			put_value(t, s, mode);
		}
		break;
	case '?':
		if (unset) {
			char *s = expand_string(code_string(word, end), mode & X_DOUBLE);
			fail(2, "%.*s: %s", (int)n, name,
			     *s	   ? s :
			     colon ? "parameter null or not set" :
				     "parameter not set");
		}
		break;
	}
	if (!unset)
		put_param(t, name, n, mode);
}

/* ~ or ~user at the beginning of a word; where the text goes on, or p if it is no such thing. */
static const char *expand_tilde(struct text *t, const char *p, const char *end)
{
	const char *q = p + 1, *home;

	while (q < end && (isalnum((unsigned char)*q) || strchr("_-.", *q)))
		q++;
	if (q < end && *q != '/' && *q != ':')
		return p;
	if (q == p + 1) {
		home = get_var("HOME");
	} else {
		struct passwd *pw = getpwnam(code_string(p + 1, q));
		home = pw ? pw->pw_dir : 0;
	}
	if (!home)
		return p;
	put_value(t, home, X_DOUBLE);
	return q;
}

static const char *expand_code(struct text *t, const char *p, int mode)
{
	const char *end = code_end(p + 1);
	char num[24];

	switch (*p) {
	case PARAM:
		expand_param(t, p + 1, end, mode);
		break;
	case SUB: {
		char *src = take(&scratch, end - p), *d = src;
		for (p++; p < end; p++)
			*d++ = *p == ESC ? *++p : *p;
		char *out = run_substitution(src);
		put_value(t, out, mode);
		free(out);
		break;
	}
	case ARITH: {
		struct text a = { 0 };
		expand_text(&a, p + 1, end, X_DOUBLE | X_HERE);
		snprintf(num, sizeof num, "%ld", arithmetic(flatten(&a)));
		put_value(t, num, mode);
		break;
	}
	}
	return end + 1;
}

static const char *expand_single(struct text *t, const char *p)
{
	put(t, EMPTY);
	for (; *p != '\''; p++) {
		if (*p == ESC)
			p++;
		put(t, (unsigned char)*p | QUOTED);
	}
	return p + 1;
}

static const char *expand_backslash(struct text *t, const char *p, const char *end, int mode)
{
	if (p == end) {
		put(t, '\\' | QUOTED);
		return p;
	}
	if (*p == '\n' && mode & X_DOUBLE)
		return p + 1;
	if (mode & X_DOUBLE && !(*p && strchr("$`\\}", *p)) && !(*p == '"' && !(mode & X_HERE)))
		put(t, '\\' | QUOTED);
	else if (mode & X_DOUBLE && *p == '}')
		put(t, '\\' | QUOTED);
	if (*p == ESC)
		p++;
	put(t, (unsigned char)*p | QUOTED);
	return p + 1;
}

/* "$@" with no parameters is no field at all. */
static int empty_list(const char *p)
{
	return nargs == 0 && (!strncmp(p, "$@\"", 3) || !strncmp(p, "\4@\2\"", 4));
}

static void expand_text(struct text *t, const char *p, const char *end, int mode)
{
	if (mode & X_START && p < end && *p == '~' && !(mode & (X_DOUBLE | X_HERE)))
		p = expand_tilde(t, p, end);
	while (p < end) {
		int c = (unsigned char)*p++;
		size_t n;
		if (c == '\'' && !(mode & X_DOUBLE)) {
			p = expand_single(t, p);
		} else if (c == '"' && !(mode & X_HERE)) {
			mode ^= X_DOUBLE;
			if (mode & X_DOUBLE && !empty_list(p))
				put(t, EMPTY);
		} else if (c == '\\') {
			p = expand_backslash(t, p, end, mode);
		} else if (c == '$' && p < end && (n = isdigit((unsigned char)*p) ? 1 : param_len(p))) {
			put_param(t, p, n, mode);
			p += n;
		} else if (c == SUB || c == PARAM || c == ARITH) {
			p = expand_code(t, p - 1, mode);
		} else {
			if (c == ESC)
				c = (unsigned char)*p++;
			put(t, c | (mode & X_DOUBLE ? QUOTED : mode & X_SPLIT ? SPLIT : 0));
		}
	}
}

static void add_field(struct fields *f, char *s)
{
	if (f->n + 1 >= f->cap) {
		char **v = take(&scratch, (f->cap = f->cap ? 2 * f->cap : 16) * sizeof *v);
		if (f->n)
			memcpy(v, f->v, f->n * sizeof *v);
		f->v = v;
	}
	f->v[f->n++] = s;
	f->v[f->n] = 0;
}

/* One field: the path names it matches, or itself. */
static void end_field(struct fields *f, const uint16_t *u, size_t n)
{
	int magic = 0;
	glob_t g;

	for (size_t i = 0; i < n; i++)
		if (!(u[i] & QUOTED) && strchr("*?[", (char)u[i]) && (char)u[i])
			magic = 1;
	if (magic && !OPT(O_NOGLOB) && glob(as_pattern(u, n), 0, 0, &g) == 0) {
		for (size_t i = 0; i < g.gl_pathc; i++)
			add_field(f, take_str(&scratch, g.gl_pathv[i], strlen(g.gl_pathv[i])));
		globfree(&g);
		return;
	}
	char *s = take(&scratch, n + 1);
	for (size_t i = 0; i < n; i++)
		s[i] = (char)u[i];
	add_field(f, s);
}

static void split(struct fields *f, struct text *t)
{
	const char *ifs = get_var("IFS");
	uint16_t *u = t->u;
	size_t n = 0; /* the field so far is at the beginning of u, over what was read */
	int have = 0, after_blank = 0;

	if (!ifs)
		ifs = " \t\n";
	for (size_t i = 0; i < t->n; i++) {
		int c = u[i] & 255, delim = u[i] & SPLIT && c && strchr(ifs, c),
		    blank = delim && strchr(" \t\n", c);
		if (u[i] & EMPTY) {
			have = 1;
		} else if (u[i] & BREAK || delim) {
			if (have || (delim && !blank && !after_blank)) {
				end_field(f, u, n);
				after_blank = blank;
			} else if (!blank) {
				after_blank = 0;
			}
			have = 0;
			n = 0;
		} else {
			u[n++] = u[i];
			have = 1;
			after_blank = 0;
		}
	}
	if (have)
		end_field(f, u, n);
	free(u);
}

static void expand_fields(struct fields *f, struct word *w)
{
	for (; w; w = w->next) {
		struct text t = { 0 };
		expand_text(&t, w->text, w->text + strlen(w->text), X_START);
		split(f, &t);
	}
}

/* NAME=word, expanded as an assignment wants: no splitting, and a tilde after = and : counts. */
static char *expand_assignment(const char *w)
{
	struct text t = { 0 };
	const char *p = strchr(w, '=') + 1, *colon;

	for (const char *q = w; q < p; q++)
		put(&t, (unsigned char)*q);
	while ((colon = strstr(p, ":~")) && !strpbrk(p, "'\"\\\1\4\5")) {
		expand_text(&t, p, colon + 1, X_START);
		p = colon + 1;
	}
	expand_text(&t, p, p + strlen(p), X_START);
	return flatten(&t);
}

/* ---- redirection ---- */

struct saved {
	int fd, copy; /* copy -1: it was closed */
	struct saved *below;
};
static struct saved *saved_fds;

static void expand_redirs(struct redir *r)
{
	for (; r; r = r->next) {
		if (r->op != T_DLESS && r->op != T_DLESSDASH)
			r->target = expand_string(r->text, 0);
		else
			r->target = r->literal ? r->text : expand_string(r->text, X_DOUBLE | X_HERE);
	}
}

/* A descriptor from which the text can be read. A long one is written by a child, as a pipe holds only so much. */
static int heredoc_fd(const struct redir *r)
{
	int fd[2];
	char *text = take_str(&scratch, r->target, strlen(r->target)), *d = text;
	size_t n = strlen(text);

	if (r->literal)
		d = text + n;
	n = d == text ? strlen(text) : n;
	if (pipe2(fd, O_CLOEXEC) < 0)
		return -1;
	if (n <= PIPE_BUF) {
		if (n && write(fd[1], text, n) < 0)
			complain("here-document: %s", strerror(errno));
	} else {
		fflush(stdout);
		pid_t pid = fork();
		if (pid == 0) {
			signal(SIGPIPE, SIG_DFL);
			for (ssize_t w; n && (w = write(fd[1], text, n)) > 0; n -= w)
				text += w;
			_exit(0);
		}
		if (pid < 0)
			complain("here-document: %s", strerror(errno));
	}
	close(fd[1]);
	return fd[0];
}

static int open_target(const struct redir *r)
{
	struct stat st;
	int fd;

	switch (r->op) {
	case T_LESS:
		return open(r->target, O_RDONLY | O_CLOEXEC);
	case T_LESSGREAT:
		return open(r->target, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	case T_DGREAT:
		return open(r->target, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	case T_GREAT:
		if (!OPT(O_NOCLOBBER))
			break;
		if (stat(r->target, &st) < 0)
			return open(r->target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
		fd = open(r->target, O_WRONLY | O_CLOEXEC);
		if (fd >= 0 && S_ISREG(st.st_mode)) {
			close(fd);
			errno = EEXIST;
			return -1;
		}
		return fd;
	case T_DLESS:
	case T_DLESSDASH:
		return heredoc_fd(r);
	default:
		break;
	}
	return open(r->target, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
}

static void save_fd(int fd)
{
	struct saved *s = xrealloc(0, sizeof *s);

	s->fd = fd;
	s->copy = fcntl(fd, F_DUPFD_CLOEXEC, SAVED_FD);
	s->below = saved_fds;
	saved_fds = s;
}

static int redirect_dup(const struct redir *r)
{
	if (!strcmp(r->target, "-")) {
		close(r->fd);
		return 0;
	}
	if (!isdigit((unsigned char)*r->target) || r->target[strspn(r->target, "0123456789")]) {
		complain("%s: bad descriptor number", r->target);
		return -1;
	}
	int from = atoi(r->target);
	if (from == r->fd ? fcntl(from, F_GETFD) < 0 : dup2(from, r->fd) < 0) {
		complain("%s: %s", r->target, strerror(errno));
		return -1;
	}
	return 0;
}

/* Does redirections that expand_redirs has prepared; with `save` they can be undone. -1 after a message. */
static int redirect(struct redir *r, int save)
{
	fflush(stdout);
	for (; r; r = r->next) {
		int fd = -1;
		if (r->op != T_LESSAND && r->op != T_GREATAND && (fd = open_target(r)) < 0) {
			int making = r->op != T_LESS && errno == ENOENT;
			complain("cannot %s %s: %s", making ? "create" : "open", r->target,
				 making ? "directory nonexistent" : strerror(errno));
			return -1;
		}
		if (fd == r->fd && !save) {
			fcntl(fd, F_SETFD, 0);
			continue;
		}
		if (fd == r->fd) { /* it was closed, and open took the number */
			struct saved *s = xrealloc(0, sizeof *s);
			*s = (struct saved){ fd, -1, saved_fds };
			saved_fds = s;
			fcntl(fd, F_SETFD, 0);
			continue;
		}
		if (save)
			save_fd(r->fd);
		if (fd < 0) {
			if (redirect_dup(r) < 0)
				return -1;
		} else {
			if (dup2(fd, r->fd) < 0) {
				complain("%d: %s", r->fd, strerror(errno));
				close(fd);
				return -1;
			}
			close(fd);
		}
	}
	return 0;
}

static void undo_redirects(struct saved *until)
{
	if (saved_fds != until)
		fflush(stdout);
	while (saved_fds != until) {
		struct saved *s = saved_fds;
		saved_fds = s->below;
		if (s->copy >= 0) {
			dup2(s->copy, s->fd);
			close(s->copy);
		} else {
			close(s->fd);
		}
		free(s);
	}
}

/* `exec` keeps its redirections: forgets how to undo those since `until`. */
static void keep_redirects(struct saved *until)
{
	while (saved_fds != until) {
		struct saved *s = saved_fds;
		saved_fds = s->below;
		if (s->copy >= 0)
			close(s->copy);
		free(s);
	}
}

/* ---- processes ---- */

struct job {
	pid_t pid;
	int status, done;
	struct job *next;
};
static struct job *jobs; /* background processes not waited for */

static char *traps[NSIG]; /* 0 is EXIT; "" ignores */
static volatile sig_atomic_t pending[NSIG], any_pending;
static unsigned long ignored_at_start;

static void eval_string(const char *s, int flags);

static void on_signal(int sig)
{
	if (sig == SIGINT && !traps[SIGINT]) {
		got_int = 1;
		return;
	}
	pending[sig] = 1;
	any_pending = 1;
}

static void set_handler(int sig, sighandler_t h)
{
	struct sigaction sa = { .sa_handler = h };

	sigaction(sig, &sa, 0);
}

static void run_traps(void)
{
	any_pending = 0;
	for (int sig = 1; sig < NSIG; sig++) {
		if (!pending[sig])
			continue;
		pending[sig] = 0;
		if (traps[sig] && *traps[sig]) {
			int status = last_status;
			char *cmd = xstrdup(traps[sig]);
			eval_string(cmd, 0);
			free(cmd);
			last_status = status;
		}
	}
}

/* What a command leaves to its end: traps that came, and ^C at a terminal. */
static void check_signals(void)
{
	if (got_int && interactive && !subshell)
		longjmp(top_level, 1);
	if (any_pending)
		run_traps();
}

static _Noreturn void shell_exit(int status)
{
	if (traps[0] && *traps[0]) {
		char *cmd = traps[0];
		traps[0] = 0;
		last_status = status;
		eval_string(cmd, 0);
		status = last_status;
	}
	fflush(stdout);
	_exit(status);
}

static void become_child(int background)
{
	subshell = 1;
	for (int sig = 0; sig < NSIG; sig++) {
		if (traps[sig] && *traps[sig]) {
			traps[sig] = 0;
			if (sig)
				signal(sig, SIG_DFL);
		}
		pending[sig] = 0;
	}
	if (interactive) {
		if (!traps[SIGINT])
			signal(SIGINT, SIG_DFL);
		signal(SIGQUIT, SIG_DFL);
		signal(SIGTERM, SIG_DFL);
	}
	if (background) {
		signal(SIGINT, SIG_IGN);
		signal(SIGQUIT, SIG_IGN);
	}
	jobs = 0;
	saved_fds = 0;
}

static pid_t fork_shell(int background)
{
	fflush(stdout);
	pid_t pid = fork();
	if (pid < 0)
		fail(2, "cannot fork: %s", strerror(errno));
	if (pid == 0)
		become_child(background);
	return pid;
}

static int exit_code(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Waits for a child that is not in the background. */
static int wait_status(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return 127 << 8;
	return status;
}

static void tell_signal(int status)
{
	if (!WIFSIGNALED(status))
		return;
	int sig = WTERMSIG(status);
	if (sig == SIGINT && interactive) {
		fputc('\n', stderr);
		got_int = 1;
	}
	if (sig != SIGINT && sig != SIGPIPE)
		fprintf(stderr, "%s%s\n", strsignal(sig), WCOREDUMP(status) ? " (core dumped)" : "");
}

static int wait_for(pid_t pid)
{
	int status = wait_status(pid);

	tell_signal(status);
	return exit_code(status);
}

/* Notes which background processes have ended, so that none stays a zombie. */
static void reap_jobs(void)
{
	for (struct job *j = jobs; j; j = j->next)
		if (!j->done && waitpid(j->pid, &j->status, WNOHANG) == j->pid)
			j->done = 1;
}

static void add_job(pid_t pid)
{
	struct job *j = xrealloc(0, sizeof *j), **tail = &jobs;

	reap_jobs();
	*j = (struct job){ .pid = pid };
	while (*tail)
		tail = &(*tail)->next;
	*tail = j;
	last_bg = pid;
}

/* The output of commands, without the newlines at its end; to be freed. */
static char *run_substitution(const char *src)
{
	struct buf out = { 0 };
	char chunk[4096];
	int fd[2];
	ssize_t n;

	if (pipe2(fd, O_CLOEXEC) < 0)
		fail(2, "cannot make a pipe: %s", strerror(errno));
	pid_t pid = fork_shell(0);
	if (pid == 0) {
		if (fd[1] == 1)
			fcntl(1, F_SETFD, 0);
		else
			dup2(fd[1], 1);
		eval_string(src, 1);
		shell_exit(last_status);
	}
	close(fd[1]);
	while ((n = read(fd[0], chunk, sizeof chunk)) > 0 || (n < 0 && errno == EINTR))
		for (ssize_t i = 0; i < n; i++)
			if (chunk[i])
				add(&out, chunk[i]);
	close(fd[0]);
	cmdsub_status = last_status = exit_code(wait_status(pid));
	while (out.n && out.s[out.n - 1] == '\n')
		out.n--;
	add(&out, 0);
	return out.s;
}

static void try_exec(const char *path, char **argv, char **env)
{
	execve(path, argv, env);
	if (errno != ENOEXEC)
		return;
	size_t n = 0;
	while (argv[n])
		n++;
	char **sh = take(&scratch, (n + 2) * sizeof *sh); /* a script without #! */
	sh[0] = "sh";
	sh[1] = (char *)path;
	for (size_t i = 1; i < n; i++)
		sh[i + 1] = argv[i];
	execve("/bin/sh", sh, env);
	errno = ENOEXEC;
}

/* Runs a program in this process. Returns only by leaving, 127 if it is not found, 126 if it cannot be run. */
static _Noreturn void exec_program(char **argv)
{
	char **env = environment();
	const char *p = get_var("PATH");
	int err = ENOENT;

	if (strchr(argv[0], '/')) {
		try_exec(argv[0], argv, env);
		err = errno;
	} else {
		for (p = p ? p : "/bin:/usr/bin"; *argv[0]; p++) {
			size_t n = strcspn(p, ":");
			char *path = take(&scratch, n + strlen(argv[0]) + 2);
			memcpy(path, p, n);
			strcat(strcpy(path + n, n ? "/" : ""), argv[0]);
			try_exec(path, argv, env);
			if (errno != ENOENT && errno != ENOTDIR)
				err = errno;
			p += n;
			if (!*p || (errno != ENOENT && errno != ENOTDIR && errno != EACCES))
				break;
		}
	}
	complain("%s: %s", argv[0], err == ENOENT || err == ENOTDIR ? "not found" : strerror(err));
	leave(err == ENOENT || err == ENOTDIR ? 127 : 126);
}

/* Where a program is found, in the scratch pool, or NULL. */
static char *find_program(const char *name)
{
	const char *p = get_var("PATH");
	struct stat st;

	if (strchr(name, '/'))
		return access(name, X_OK) == 0 ? take_str(&scratch, name, strlen(name)) : 0;
	for (p = p ? p : "/bin:/usr/bin"; *name; p++) {
		size_t n = strcspn(p, ":");
		char *path = take(&scratch, n + strlen(name) + 2);
		memcpy(path, p, n);
		strcat(strcpy(path + n, n ? "/" : ""), name);
		if (stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0)
			return path;
		p += n;
		if (!*p)
			break;
	}
	return 0;
}

/* ---- evaluation ---- */

enum {
	E_EXIT = 1,
	E_TESTED = 2
}; /* the shell ends after this: a program may take its place; errexit is off */
enum skip { SKIP_NONE, SKIP_BREAK, SKIP_CONTINUE, SKIP_RETURN };
static enum skip skipping;
static int skip_levels, loops; /* loops around the command, in this function */

struct function {
	char *name;
	struct node *body;
	struct function *next;
};
static struct function *functions;
static int keep_tree; /* a function was defined in the tree being run: it stays */

struct builtin {
	const char *name;
	int (*run)(int argc, char **argv);
	int special; /* assignments before it stay; errors in it end the shell */
};
static const struct builtin *find_builtin(const char *name);
static int run_exec(int argc, char **argv);
static int eval(struct node *n, int flags);

static struct function *find_function(const char *name)
{
	struct function *f = functions;

	while (f && strcmp(f->name, name))
		f = f->next;
	return f;
}

static void define(struct node *n)
{
	struct function *f = find_function(n->name);

	if (!f) {
		f = xrealloc(0, sizeof *f);
		*f = (struct function){ xstrdup(n->name), 0, functions };
		functions = f;
	}
	f->body = n->a;
	keep_tree = 1;
}

static int call_function(struct function *f, int argc, char **argv, int flags)
{
	int saved_loops = loops;

	if (++ncalls > MAX_CALLS)
		fail(2, "%s: functions call each other too deeply", f->name);
	push_frame();
	args = 0;
	nargs = 0;
	set_args(argv + 1, argc - 1);
	loops = 0;
	int status = eval(f->body, flags & E_TESTED);
	if (skipping == SKIP_RETURN)
		skipping = SKIP_NONE;
	loops = saved_loops;
	pop_frame();
	ncalls--;
	return status;
}

static int run_builtin(const struct builtin *b, int argc, char **argv)
{
	int status = b->run(argc, argv);

	if (fflush(stdout) < 0 || ferror(stdout)) {
		if (errno != EPIPE)
			complain("%s: write error: %s", argv[0], strerror(errno));
		status = status ? status : 1;
		clearerr(stdout);
	}
	return status;
}

/* A builtin or function, with its redirections and assignments, in this process. */
static int run_inside(struct node *n, const struct builtin *b, struct function *fn, struct fields *f,
		      struct fields *assigns, int flags)
{
	struct saved *mine = saved_fds;
	int stay = b && b->special, status;

	if (redirect(n->redirs, 1) < 0) {
		undo_redirects(mine);
		if (stay && !interactive)
			leave(2);
		return 2;
	}
	if (!stay && assigns->n) {
		push_frame(); /* the positional parameters stay the same: shared */
		for (size_t i = 0; i < assigns->n; i++)
			save_var(assigns->v[i], strchr(assigns->v[i], '=') - assigns->v[i]);
	}
	for (size_t i = 0; i < assigns->n; i++) {
		struct var *v = assign(assigns->v[i]);
		if (!stay)
			v->flags |= V_EXPORT;
	}
	status = fn ? call_function(fn, (int)f->n, f->v, flags) : run_builtin(b, (int)f->n, f->v);
	if (!stay && assigns->n)
		pop_frame();
	if (b && b->run == run_exec)
		keep_redirects(mine);
	else
		undo_redirects(mine);
	return status;
}

static void trace(struct fields *assigns, struct fields *f)
{
	const char *ps = get_var("PS4");
	const char *sep = "";

	fflush(stdout);
	fputs(ps ? ps : "+ ", stderr);
	for (size_t i = 0; i < assigns->n; i++, sep = " ")
		fprintf(stderr, "%s%s", sep, assigns->v[i]);
	for (size_t i = 0; i < f->n; i++, sep = " ")
		fprintf(stderr, "%s%s", sep, f->v[i]);
	fputc('\n', stderr);
}

/* No command: assignments stay, redirections only create and check. */
static int eval_assignments(struct node *n, struct fields *assigns)
{
	struct saved *mine = saved_fds;
	int status = redirect(n->redirs, 1) < 0 ? 2 : cmdsub_status;

	undo_redirects(mine);
	for (size_t i = 0; i < assigns->n; i++)
		assign(assigns->v[i]);
	return status;
}

static int eval_program(struct node *n, struct fields *f, struct fields *assigns, int flags)
{
	if (!(flags & E_EXIT) || traps[0]) {
		pid_t pid = fork_shell(0);
		if (pid > 0)
			return wait_for(pid);
	} else {
		fflush(stdout);
		become_child(0);
	}
	if (redirect(n->redirs, 0) < 0)
		_exit(2);
	for (size_t i = 0; i < assigns->n; i++)
		assign(assigns->v[i])->flags |= V_EXPORT;
	exec_program(f->v);
}

static int eval_simple(struct node *n, int flags)
{
	struct fields f = { 0 }, assigns = { 0 };
	struct mark m = mark(&scratch);
	const struct builtin *b = 0;
	struct function *fn = 0;
	int status;

	cmdsub_status = 0;
	expand_fields(&f, n->words);
	expand_redirs(n->redirs);
	for (struct word *w = n->assigns; w; w = w->next)
		add_field(&assigns, expand_assignment(w->text));
	if (OPT(O_XTRACE) && (f.n || assigns.n))
		trace(&assigns, &f);
	if (f.n) {
		b = find_builtin(f.v[0]);
		if (!b || !b->special)
			fn = find_function(f.v[0]);
	}
	if (!f.n)
		status = eval_assignments(n, &assigns);
	else if (b || fn)
		status = run_inside(n, fn ? 0 : b, fn, &f, &assigns, flags);
	else
		status = eval_program(n, &f, &assigns, flags);
	release(&scratch, m);
	return status;
}

/* Does a pipe's end become descriptor `fd` in this child. */
static void move_fd(int from, int fd)
{
	if (from == fd) {
		fcntl(fd, F_SETFD, 0);
	} else {
		dup2(from, fd);
		close(from);
	}
}

static int eval_pipe(struct node *n)
{
	pid_t pids[256];
	int count = 0, prev = -1, status = 0, last = 0;

	for (struct node *s = n->a; s; s = s->next) {
		int fd[2] = { -1, -1 };
		if (count == sizeof pids / sizeof *pids)
			fail(2, "pipeline too long");
		if (s->next && pipe2(fd, O_CLOEXEC) < 0)
			fail(2, "cannot make a pipe: %s", strerror(errno));
		pid_t pid = fork_shell(0);
		if (pid == 0) {
			if (fd[0] >= 0)
				close(fd[0]);
			if (prev >= 0)
				move_fd(prev, 0);
			if (fd[1] >= 0)
				move_fd(fd[1], 1);
			shell_exit(eval(s, E_EXIT));
		}
		pids[count++] = pid;
		if (prev >= 0)
			close(prev);
		if (fd[1] >= 0)
			close(fd[1]);
		prev = fd[0];
	}
	for (int i = 0; i < count; i++) {
		last = wait_status(pids[i]);
		if (exit_code(last))
			status = exit_code(last);
	}
	tell_signal(last);
	return OPT(O_PIPEFAIL) ? status : exit_code(last);
}

static int eval_background(struct node *n)
{
	pid_t pid = fork_shell(1);

	if (pid == 0) {
		int null = open("/dev/null", O_RDONLY);
		if (null > 0)
			move_fd(null, 0);
		shell_exit(eval(n->a, E_EXIT));
	}
	add_job(pid);
	return 0;
}

static int eval_subshell(struct node *n, int flags)
{
	if (!(flags & E_EXIT) || traps[0]) {
		pid_t pid = fork_shell(0);
		if (pid > 0)
			return wait_for(pid);
	} else {
		fflush(stdout);
		become_child(0);
	}
	expand_redirs(n->redirs);
	if (redirect(n->redirs, 0) < 0)
		_exit(2);
	shell_exit(eval(n->a, E_EXIT | (flags & E_TESTED)));
}

/* After a loop's body: whether the loop ends. */
static int loop_ends(void)
{
	if (skipping == SKIP_NONE)
		return 0;
	if (skipping == SKIP_RETURN)
		return 1;
	if (--skip_levels > 0)
		return 1;
	int stop = skipping == SKIP_BREAK;
	skipping = SKIP_NONE;
	return stop;
}

static int eval_while(struct node *n, int flags)
{
	int status = 0;

	loops++;
	for (;;) {
		int cond = eval(n->a, E_TESTED);
		if (skipping) {
			if (skipping == SKIP_RETURN)
				status = cond;
			if (loop_ends())
				break;
			continue;
		}
		if (!cond != (n->kind == N_WHILE))
			break;
		status = eval(n->b, flags & E_TESTED);
		if (loop_ends())
			break;
	}
	loops--;
	return status;
}

static int eval_for(struct node *n, int flags)
{
	struct mark m = mark(&scratch);
	struct fields f = { 0 };
	int status = 0;

	if (n->all_args)
		for (int i = 0; i < nargs; i++)
			add_field(&f, take_str(&scratch, args[i], strlen(args[i])));
	else
		expand_fields(&f, n->words);
	loops++;
	for (size_t i = 0; i < f.n; i++) {
		set_var(n->name, f.v[i]);
		status = eval(n->a, flags & E_TESTED);
		if (loop_ends())
			break;
	}
	loops--;
	release(&scratch, m);
	return status;
}

static int eval_case(struct node *n, int flags)
{
	struct mark m = mark(&scratch);
	char *subject = expand_string(n->name, 0);

	for (struct arm *a = n->arms; a; a = a->next)
		for (struct word *w = a->patterns; w; w = w->next)
			if (!fnmatch(expand_pattern(w->text), subject, 0)) {
				release(&scratch, m);
				return a->body ? eval(a->body, flags) : 0;
			}
	release(&scratch, m);
	return 0;
}

static int eval_list(struct node *n, int flags)
{
	int status = 0;

	for (struct node *i = n->a; i && !skipping; i = i->next)
		status = eval(i, i->next ? flags & E_TESTED : flags);
	return status;
}

static int eval_and_or(struct node *n, int flags)
{
	int status = eval(n->a, E_TESTED);

	if (skipping || (status == 0) != (n->kind == N_AND))
		return status;
	return eval(n->b, flags);
}

static int eval_kind(struct node *n, int flags)
{
	int cond;

	switch (n->kind) {
	case N_SIMPLE:
		return eval_simple(n, flags);
	case N_PIPE:
		return eval_pipe(n);
	case N_AND:
	case N_OR:
		return eval_and_or(n, flags);
	case N_NOT:
		cond = eval(n->a, E_TESTED);
		return skipping ? cond : !cond;
	case N_LIST:
		return eval_list(n, flags);
	case N_BG:
		return eval_background(n);
	case N_SUBSHELL:
		return eval_subshell(n, flags);
	case N_GROUP:
		return eval(n->a, flags);
	case N_IF:
		cond = eval(n->a, E_TESTED);
		if (skipping)
			return cond;
		return cond == 0 ? eval(n->b, flags) : n->c ? eval(n->c, flags) : 0;
	case N_WHILE:
	case N_UNTIL:
		return eval_while(n, flags);
	case N_FOR:
		return eval_for(n, flags);
	case N_CASE:
		return eval_case(n, flags);
	case N_FUNCTION:
		define(n);
		return 0;
	}
	return 0;
}

/* Runs a command; its status, which is also $?. */
static int eval(struct node *n, int flags)
{
	int own_redirs = n->redirs && n->kind != N_SIMPLE && n->kind != N_SUBSHELL;
	struct saved *mine = saved_fds;
	int status;

	check_signals();
	if (OPT(O_NOEXEC) && !interactive)
		return 0;
	if (own_redirs) {
		struct mark m = mark(&scratch);
		expand_redirs(n->redirs);
		status = redirect(n->redirs, 1) < 0 ? 2 : eval_kind(n, flags & E_TESTED);
		undo_redirects(mine);
		release(&scratch, m);
	} else {
		status = eval_kind(n, flags);
	}
	last_status = status;
	if (status && OPT(O_ERREXIT) && !(flags & E_TESTED) && !skipping &&
	    (n->kind == N_SIMPLE || n->kind == N_PIPE || n->kind == N_SUBSHELL || own_redirs))
		leave(status);
	check_signals();
	return status;
}

/* Whether nothing but blanks is left of a string input. */
static int at_end(void)
{
	return in->fd < 0 && in->p + strspn(in->p, " \t\n") >= in->end;
}

/* Runs all of the innermost input. */
static void run_input(int flags)
{
	struct pool *outer = tree;
	struct input *mine = in;

	while (!skipping) {
		typeof(look) saved = look;
		struct pool p = { 0 };
		struct node *n = 0;
		int outer_keep = keep_tree;
		tree = &p;
		keep_tree = 0;
		int more = parse_line(&n);
		if (more && n)
			eval(n, flags & E_EXIT && !(at_end()) ? flags & ~E_EXIT : flags);
		look = saved;
		if (!keep_tree)
			release(&p, (struct mark){ 0 });
		keep_tree = outer_keep;
		tree = outer;
		in = mine;
		if (!more)
			break;
		if (interactive && !in->below)
			reap_jobs();
	}
}

static void eval_string(const char *s, int flags)
{
	struct input i;

	push_string(&i, s, strlen(s));
	run_input(flags);
	pop_input();
}

/* ---- builtins ---- */

static int run_true(int argc, char **argv)
{
	(void)argc, (void)argv;
	return 0;
}

static int run_false(int argc, char **argv)
{
	(void)argc, (void)argv;
	return 1;
}

/* A number not below 0, or -1 after a message. */
static int number(const char *who, const char *s)
{
	char *end;
	long v = strtol(s, &end, 10);

	if (isdigit((unsigned char)*s) && !*end && v <= INT_MAX)
		return (int)v;
	complain("%s: bad number: %s", who, s);
	return -1;
}

static int run_break(int argc, char **argv)
{
	int n = argc > 1 ? number(argv[0], argv[1]) : 1;

	if (n <= 0)
		leave(2);
	if (loops) {
		skipping = *argv[0] == 'b' ? SKIP_BREAK : SKIP_CONTINUE;
		skip_levels = n > loops ? loops : n;
	}
	return 0;
}

static int run_return(int argc, char **argv)
{
	int n = argc > 1 ? number(argv[0], argv[1]) : last_status;

	if (n < 0)
		leave(2);
	skipping = SKIP_RETURN;
	return n;
}

static int run_exit(int argc, char **argv)
{
	int n = argc > 1 ? number(argv[0], argv[1]) : last_status;

	shell_exit(n < 0 ? 2 : n & 255);
}

static int run_cd(int argc, char **argv)
{
	int i = argc > 1 && (!strcmp(argv[1], "-P") || !strcmp(argv[1], "-L") || !strcmp(argv[1], "--")) ? 2 :
													   1;
	const char *dir = i < argc ? argv[i] : get_var("HOME");
	char *old = get_var("PWD"), cwd[PATH_MAX];
	int tell = 0;

	if (dir && !strcmp(dir, "-")) {
		dir = get_var("OLDPWD");
		tell = 1;
	}
	if (!dir) {
		complain("cd: HOME not set");
		return 2;
	}
	if (chdir(dir) < 0) {
		complain("cd: can't cd to %s: %s", dir, strerror(errno));
		return 2;
	}
	if (old)
		set_var("OLDPWD", old)->flags |= V_EXPORT;
	if (getcwd(cwd, sizeof cwd))
		set_var("PWD", cwd)->flags |= V_EXPORT;
	if (tell)
		puts(get_var("PWD"));
	return 0;
}

static int run_pwd(int argc, char **argv)
{
	char cwd[PATH_MAX];

	(void)argc, (void)argv;
	if (!getcwd(cwd, sizeof cwd)) {
		complain("pwd: %s", strerror(errno));
		return 1;
	}
	puts(cwd);
	return 0;
}

static void print_quoted(const char *s)
{
	putchar('\'');
	for (; *s; s++) {
		if (*s == '\'')
			fputs("'\\''", stdout);
		else
			putchar(*s);
	}
	putchar('\'');
}

static int by_name(const void *a, const void *b)
{
	return strcmp((*(struct var *const *)a)->name, (*(struct var *const *)b)->name);
}

/* Lists variables that have all of the flags, as commands that would set them. */
static void list_vars(const char *prefix, int flags)
{
	struct var *all[1024];
	size_t n = 0;

	for (int h = 0; h < 64; h++)
		for (struct var *v = vars[h]; v; v = v->next)
			if ((v->flags & flags) == flags && n < sizeof all / sizeof *all)
				all[n++] = v;
	qsort(all, n, sizeof *all, by_name);
	for (size_t i = 0; i < n; i++) {
		printf("%s%s", prefix, all[i]->name);
		if (all[i]->flags & V_SET) {
			putchar('=');
			print_quoted(all[i]->value);
		}
		putchar('\n');
	}
}

static int run_export(int argc, char **argv)
{
	int flag = *argv[0] == 'e' ? V_EXPORT : V_READONLY, i = 1;

	if (argc > 1 && !strcmp(argv[1], "-p"))
		i++;
	if (i >= argc)
		list_vars(flag == V_EXPORT ? "export " : "readonly ", flag);
	for (; i < argc; i++) {
		size_t n = name_len(argv[i]);
		if (!n || (argv[i][n] && argv[i][n] != '='))
			fail(2, "%s: %s: bad variable name", argv[0], argv[i]);
		struct var *v = argv[i][n] ? assign(argv[i]) : var_named(argv[i], n);
		v->flags |= flag;
	}
	return 0;
}

static int run_local(int argc, char **argv)
{
	if (!frames || !ncalls)
		fail(2, "local: not in a function");
	for (int i = 1; i < argc; i++) {
		size_t n = name_len(argv[i]);
		if (!n || (argv[i][n] && argv[i][n] != '='))
			fail(2, "local: %s: bad variable name", argv[i]);
		save_var(argv[i], n);
		if (argv[i][n])
			assign(argv[i]);
	}
	return 0;
}

static int run_unset(int argc, char **argv)
{
	int fn = 0;

	for (int i = 1; i < argc; i++) {
		if (i == 1 && (!strcmp(argv[i], "-f") || !strcmp(argv[i], "-v"))) {
			fn = argv[i][1] == 'f';
			continue;
		}
		if (!fn) {
			unset_var(argv[i]);
			continue;
		}
		for (struct function **f = &functions; *f; f = &(*f)->next)
			if (!strcmp((*f)->name, argv[i])) {
				*f = (*f)->next; /* its body may be running: it is left alone */
				break;
			}
	}
	return 0;
}

static int set_option(const char *name, int letter, int on)
{
	for (int i = 0; i < NOPTIONS; i++)
		if (name ? !strcmp(options[i].name, name) : options[i].letter == letter) {
			options[i].on = on;
			return 0;
		}
	if (name)
		complain("bad option: -o %s", name);
	else
		complain("bad option: %c%c", on ? '-' : '+', letter);
	return -1;
}

/* Takes options such as -ex, +e, -o NAME. The index of the first operand, -1 after a message. */
static int take_options(int argc, char **argv)
{
	int i = 1;

	for (; i < argc && (*argv[i] == '-' || *argv[i] == '+') && argv[i][1]; i++) {
		int on = *argv[i] == '-';
		if (!strcmp(argv[i], "--"))
			return i;
		for (const char *p = argv[i] + 1; *p; p++) {
			if (*p == 'o' && argv[i + 1]) {
				if (set_option(argv[++i], 0, on) < 0)
					return -1;
				break;
			}
			if (set_option(0, *p, on) < 0)
				return -1;
		}
	}
	return i;
}

static int run_set(int argc, char **argv)
{
	if (argc == 1) {
		list_vars("", V_SET);
		return 0;
	}
	if (argc == 2 && (!strcmp(argv[1], "-o") || !strcmp(argv[1], "+o"))) {
		for (int i = 0; i < NOPTIONS; i++)
			printf("%-12s %s\n", options[i].name, options[i].on ? "on" : "off");
		return 0;
	}
	int i = take_options(argc, argv);
	if (i < 0)
		leave(2);
	if (i < argc && !strcmp(argv[i], "--"))
		set_args(argv + i + 1, argc - i - 1);
	else if (i < argc)
		set_args(argv + i, argc - i);
	return 0;
}

static int run_shift(int argc, char **argv)
{
	int n = argc > 1 ? number(argv[0], argv[1]) : 1;

	if (n < 0 || n > nargs)
		fail(2, "shift: can't shift that many");
	if (n) {
		struct mark m = mark(&scratch);
		int rest = nargs - n;
		char **v = take(&scratch, (rest + 1) * sizeof *v);
		for (int i = 0; i < rest; i++)
			v[i] = take_str(&scratch, args[i + n], strlen(args[i + n]));
		set_args(v, rest);
		release(&scratch, m);
	}
	return 0;
}

static int run_eval(int argc, char **argv)
{
	struct mark m = mark(&scratch);
	struct buf b = { 0 };

	for (int i = 1; i < argc; i++) {
		if (i > 1)
			add(&b, ' ');
		add_mem(&b, argv[i], strlen(argv[i]));
	}
	last_status = 0;
	eval_string(finish(&b, &scratch), 0);
	release(&scratch, m);
	return last_status;
}

static int run_exec(int argc, char **argv)
{
	if (argc > 1)
		exec_program(argv + 1);
	return 0;
}

static char *find_script(const char *name)
{
	const char *p = get_var("PATH");

	if (strchr(name, '/'))
		return (char *)name;
	for (; p; p = *p ? p + 1 : 0) {
		size_t n = strcspn(p, ":");
		char *path = take(&scratch, n + strlen(name) + 2);
		memcpy(path, p, n);
		strcat(strcpy(path + n, n ? "/" : ""), name);
		if (access(path, R_OK) == 0)
			return path;
		p += n;
	}
	return (char *)name;
}

/* Opens a file of commands, out of the way of the script's own descriptors. */
static int open_script(const char *path, struct input *i)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	int high = fcntl(fd, F_DUPFD_CLOEXEC, SAVED_FD);
	close(fd);
	*i = (struct input){ .fd = high, .line = 1 };
	return high < 0 ? -1 : 0;
}

static int run_dot(int argc, char **argv)
{
	struct input i;
	int saved_loops = loops;

	if (argc < 2)
		fail(2, ".: file name missing");
	if (open_script(find_script(argv[1]), &i) < 0)
		fail(2, ".: cannot open %s: %s", argv[1], strerror(errno));
	if (argc > 2) {
		push_frame();
		args = 0;
		nargs = 0;
		set_args(argv + 2, argc - 2);
	}
	push_input(&i);
	last_status = 0;
	loops = 0;
	run_input(0);
	loops = saved_loops;
	pop_input();
	if (argc > 2)
		pop_frame();
	if (skipping == SKIP_RETURN)
		skipping = SKIP_NONE;
	return last_status;
}

/* One line of descriptor 0, no byte more. With `raw` a backslash is nothing special; else it quotes (see quoted). */
static int read_line(struct buf *line, struct buf *quoted, int raw)
{
	for (;;) {
		char c;
		ssize_t n = read(0, &c, 1);
		if (n < 0 && errno == EINTR) {
			check_signals();
			if (any_pending)
				return -1;
			continue;
		}
		if (n <= 0)
			return -1;
		if (!c)
			continue;
		int esc = 0;
		if (c == '\\' && !raw) {
			if (read(0, &c, 1) != 1)
				return -1;
			if (c == '\n')
				continue;
			esc = 1;
		} else if (c == '\n') {
			return 0;
		}
		add(line, c);
		add(quoted, esc);
	}
}

static int is_ifs(const struct buf *line, const struct buf *quoted, size_t i, const char *ifs, int blank)
{
	char c = line->s[i];

	return !quoted->s[i] && c && strchr(ifs, c) && (!blank || strchr(" \t\n", c));
}

/* Splits a line into the variables; the last one takes the rest. */
static void read_fields(const struct buf *line, const struct buf *q, char **names)
{
	const char *ifs = get_var("IFS");
	size_t i = 0, n = line->n;
	struct mark m = mark(&scratch);

	ifs = ifs ? ifs : " \t\n";
	while (n && is_ifs(line, q, n - 1, ifs, 1))
		n--;
	while (i < n && is_ifs(line, q, i, ifs, 1))
		i++;
	for (; *names; names++) {
		size_t end = i, start = i;
		while (end < n && !is_ifs(line, q, end, ifs, 0))
			end++;
		size_t next = end;
		while (next < n && is_ifs(line, q, next, ifs, 1))
			next++;
		if (next < n && is_ifs(line, q, next, ifs, 0))
			next++;
		while (next < n && is_ifs(line, q, next, ifs, 1))
			next++;
		if (!names[1] && next < n) /* more than one field is left */
			end = n;
		set_var(*names, take_str(&scratch, line->s ? line->s + start : "", end - start));
		i = next;
	}
	release(&scratch, m);
}

static int run_read(int argc, char **argv)
{
	static char *reply[] = { "REPLY", 0 };
	struct buf line = { 0 }, quoted = { 0 };
	int raw = 0, i = 1;

	for (; i < argc && argv[i][0] == '-' && argv[i][1]; i++) {
		if (!strcmp(argv[i], "-r")) {
			raw = 1;
		} else if (!strcmp(argv[i], "-p") && i + 1 < argc) {
			fputs(argv[++i], stderr);
		} else {
			complain("read: bad option: %s", argv[i]);
			return 2;
		}
	}
	for (int k = i; k < argc; k++)
		if (!name_len(argv[k]) || argv[k][name_len(argv[k])]) {
			complain("read: %s: bad variable name", argv[k]);
			return 2;
		}
	int status = read_line(&line, &quoted, raw) < 0;
	read_fields(&line, &quoted, i < argc ? argv + i : reply);
	free(line.s);
	free(quoted.s);
	return status;
}

/* A backslash sequence of echo and printf at p, after the backslash; adds its byte. */
static const char *escape(struct buf *b, const char *p, int zero_octal)
{
	static const char from[] = "abfnrtv\\", to[] = "\a\b\f\n\r\t\v\\";
	const char *hit = *p ? strchr(from, *p) : 0;
	int v = 0, n = 0;

	if (hit) {
		add(b, to[hit - from]);
		return p + 1;
	}
	if (zero_octal ? *p == '0' : *p >= '0' && *p <= '7') {
		p += zero_octal;
		for (; n < 3 && *p >= '0' && *p <= '7'; n++)
			v = v * 8 + *p++ - '0';
		add(b, v);
		return p;
	}
	add(b, '\\');
	return p;
}

/* Text with escapes; 1 if \c ended it. */
static int add_escaped(struct buf *b, const char *p)
{
	while (*p) {
		if (*p != '\\') {
			add(b, *p++);
		} else if (p[1] == 'c') {
			return 1;
		} else {
			p = escape(b, p + 1, 1);
		}
	}
	return 0;
}

static int run_echo(int argc, char **argv)
{
	struct buf b = { 0 };
	int i = 1, newline = 1, stop = 0;

	if (argc > 1 && !strcmp(argv[1], "-n")) {
		newline = 0;
		i++;
	}
	for (int first = i; i < argc && !stop; i++) {
		if (i > first)
			add(&b, ' ');
		stop = add_escaped(&b, argv[i]);
	}
	if (newline && !stop)
		add(&b, '\n');
	fwrite(b.s, 1, b.n, stdout);
	free(b.s);
	return 0;
}

struct printf_args {
	char **v;
	int taken, status;
};

static const char *next_arg(struct printf_args *a)
{
	a->taken = 1;
	return *a->v ? *a->v++ : 0;
}

static long integer_arg(struct printf_args *a, int is_unsigned)
{
	const char *s = next_arg(a);
	char *end;

	if (!s)
		return 0;
	if (*s == '\'' || *s == '"')
		return (unsigned char)s[1];
	errno = 0;
	long v = is_unsigned && *s != '-' ? (long)strtoul(s, &end, 0) : strtol(s, &end, 0);
	if (errno || *end || end == s) {
		complain("printf: %s: %s", s,
			 errno	  ? strerror(errno) :
			 end == s ? "expected numeric value" :
				    "not completely converted");
		a->status = 1;
	}
	return v;
}

/* One conversion, from after the percent sign. */
static const char *printf_one(struct buf *out, const char *p, struct printf_args *a, int *stop)
{
	char spec[64] = "%", *text = 0;
	size_t n = 1;
	int star[2], stars = 0, len;

	for (; *p && strchr("-+ #0123456789.*", *p) && n < sizeof spec - 4; p++) {
		if (*p == '*' && stars < 2)
			n += snprintf(spec + n, sizeof spec - n, "%d",
				      star[stars++] = (int)integer_arg(a, 0));
		else
			spec[n++] = *p;
	}
	int conv = *p;
	if (conv && strchr("diouxX", conv)) {
		spec[n++] = 'l';
		spec[n++] = (char)conv;
		long v = integer_arg(a, conv != 'd' && conv != 'i');
		len = asprintf(&text, spec, v);
	} else if (conv && strchr("eEfFgG", conv)) {
		const char *s = next_arg(a);
		spec[n++] = (char)conv;
		len = asprintf(&text, spec, s ? strtod(s, 0) : 0.0);
	} else if (conv == 'c' || conv == 's' || conv == 'b') {
		const char *s = next_arg(a);
		struct buf b = { 0 };
		if (conv == 'b')
			*stop = add_escaped(&b, s ? s : "");
		else if (s)
			add_mem(&b, s, conv == 'c' ? *s != 0 : strlen(s));
		add(&b, 0);
		spec[n++] = 's';
		len = asprintf(&text, spec, b.s);
		free(b.s);
	} else {
		complain("printf: %%%c: invalid directive", conv);
		a->status = 2;
		*stop = 1;
		return p;
	}
	if (len > 0)
		add_mem(out, text, len);
	free(text);
	return p + 1;
}

static int run_printf(int argc, char **argv)
{
	struct printf_args a = { argv + 2, 0, 0 };
	struct buf out = { 0 };
	int stop = 0;

	if (argc > 1 && !strcmp(argv[1], "--"))
		argv++, argc--, a.v++;
	if (argc < 2) {
		complain("printf: usage: printf FORMAT [ARGUMENT]...");
		return 2;
	}
	do {
		a.taken = 0;
		for (const char *p = argv[1]; *p && !stop;) {
			if (*p == '\\')
				p = escape(&out, p + 1, 0);
			else if (*p == '%' && p[1] == '%')
				add(&out, *p), p += 2;
			else if (*p == '%')
				p = printf_one(&out, p + 1, &a, &stop);
			else
				add(&out, *p++);
		}
	} while (*a.v && a.taken && !stop);
	fwrite(out.s, 1, out.n, stdout);
	free(out.s);
	return a.status;
}

/* ---- test ---- */

static char **tp, **tp_end; /* what is left of the expression */

static _Noreturn void test_error(const char *what)
{
	static char msg[160];

	snprintf(msg, sizeof msg, "test: %.120s", what);
	complain("%s", msg);
	leave(2);
}

static int test_unary(int op, const char *s)
{
	struct stat st;

	switch (op) {
	case 'n':
		return *s != 0;
	case 'z':
		return *s == 0;
	case 't':
		return isatty(atoi(s));
	case 'r':
		return access(s, R_OK) == 0;
	case 'w':
		return access(s, W_OK) == 0;
	case 'x':
		return access(s, X_OK) == 0;
	case 'h':
	case 'L':
		return lstat(s, &st) == 0 && S_ISLNK(st.st_mode);
	}
	if (stat(s, &st) < 0)
		return 0;
	switch (op) {
	case 'e':
		return 1;
	case 'f':
		return S_ISREG(st.st_mode);
	case 'd':
		return S_ISDIR(st.st_mode);
	case 'b':
		return S_ISBLK(st.st_mode);
	case 'c':
		return S_ISCHR(st.st_mode);
	case 'p':
		return S_ISFIFO(st.st_mode);
	case 'S':
		return S_ISSOCK(st.st_mode);
	case 's':
		return st.st_size > 0;
	case 'u':
		return !!(st.st_mode & S_ISUID);
	case 'g':
		return !!(st.st_mode & S_ISGID);
	case 'k':
		return !!(st.st_mode & S_ISVTX);
	case 'O':
		return st.st_uid == geteuid();
	default:
		return st.st_gid == getegid();
	}
}

static int is_unary(const char *s)
{
	return s[0] == '-' && s[1] && !s[2] && strchr("nztrwxhLefdbcpSsugkOG", s[1]);
}

static const char *const binaries[] = { "=",   "==",  "!=",  "<",   ">",   "-eq", "-ne",
					"-lt", "-le", "-gt", "-ge", "-nt", "-ot", "-ef" };
enum { B_SEQ, B_SEQ2, B_SNE, B_SLT, B_SGT, B_EQ, B_NE, B_LT, B_LE, B_GT, B_GE, B_NT, B_OT, B_EF, NBINARIES };

static int binary(const char *s)
{
	for (int i = 0; i < NBINARIES; i++)
		if (!strcmp(s, binaries[i]))
			return i;
	return -1;
}

static long test_number(const char *s)
{
	char *end;
	long v = strtol(s, &end, 10);

	if (end == s || end[strspn(end, " \t\n")]) {
		char msg[100];
		snprintf(msg, sizeof msg, "Illegal number: %.60s", s);
		test_error(msg);
	}
	return v;
}

static int test_files(const char *a, int op, const char *b)
{
	struct stat x, y;
	int hx = stat(a, &x) == 0, hy = stat(b, &y) == 0;

	if (op == B_EF)
		return hx && hy && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
	if (!hx || !hy)
		return op == B_NT ? hx && !hy : hy && !hx;
	long d = x.st_mtim.tv_sec != y.st_mtim.tv_sec ? x.st_mtim.tv_sec - y.st_mtim.tv_sec :
							x.st_mtim.tv_nsec - y.st_mtim.tv_nsec;
	return op == B_NT ? d > 0 : d < 0;
}

static int test_binary(const char *a, int op, const char *b)
{
	int c = strcmp(a, b);

	switch (op) {
	case B_SEQ:
	case B_SEQ2:
		return c == 0;
	case B_SNE:
		return c != 0;
	case B_SLT:
		return c < 0;
	case B_SGT:
		return c > 0;
	case B_NT:
	case B_OT:
	case B_EF:
		return test_files(a, op, b);
	}
	long x = test_number(a), y = test_number(b);
	switch (op) {
	case B_EQ:
		return x == y;
	case B_NE:
		return x != y;
	case B_LT:
		return x < y;
	case B_LE:
		return x <= y;
	case B_GT:
		return x > y;
	default:
		return x >= y;
	}
}

static int test_or(void);

static int test_primary(void)
{
	long left = tp_end - tp;

	if (left <= 0)
		test_error("argument expected");
	if (left >= 3 && binary(tp[1]) >= 0) {
		tp += 3;
		return test_binary(tp[-3], binary(tp[-2]), tp[-1]);
	}
	if (!strcmp(*tp, "!") && left > 1) {
		tp++;
		return !test_primary();
	}
	if (!strcmp(*tp, "(") && left > 1) {
		tp++;
		int v = test_or();
		if (tp >= tp_end || strcmp(*tp, ")"))
			test_error("missing )");
		tp++;
		return v;
	}
	if (is_unary(*tp) && left > 1) {
		tp += 2;
		return test_unary(tp[-2][1], tp[-1]);
	}
	return **tp++ != 0;
}

static int test_and(void)
{
	int v = test_primary();

	while (tp < tp_end && !strcmp(*tp, "-a")) {
		tp++;
		v &= test_primary();
	}
	return v;
}

static int test_or(void)
{
	int v = test_and();

	while (tp < tp_end && !strcmp(*tp, "-o")) {
		tp++;
		v |= test_and();
	}
	return v;
}

static int run_test(int argc, char **argv)
{
	tp = argv + 1;
	tp_end = argv + argc;
	if (*argv[0] == '[') {
		if (strcmp(argv[argc - 1], "]")) {
			complain("[: missing ]");
			return 2;
		}
		*--tp_end = 0;
	}
	if (tp == tp_end)
		return 1;
	int v = test_or();
	if (tp != tp_end)
		test_error("unexpected operator");
	return !v;
}

static int run_umask(int argc, char **argv)
{
	mode_t old = umask(0);
	char *end;

	umask(old);
	if (argc < 2) {
		printf("%04o\n", old);
		return 0;
	}
	unsigned long v = strtoul(argv[1], &end, 8);
	if (*end || !isdigit((unsigned char)*argv[1]) || v > 0777) {
		complain("umask: bad number: %s", argv[1]);
		return 2;
	}
	umask((mode_t)v);
	return 0;
}

static const struct {
	char letter;
	int res;
	unsigned long unit;
	const char *name;
} limits[] = { { 't', RLIMIT_CPU, 1, "time(seconds)" },
	       { 'f', RLIMIT_FSIZE, 512, "file(blocks)" },
	       { 'd', RLIMIT_DATA, 1024, "data(kbytes)" },
	       { 's', RLIMIT_STACK, 1024, "stack(kbytes)" },
	       { 'c', RLIMIT_CORE, 512, "coredump(blocks)" },
	       { 'm', RLIMIT_RSS, 1024, "memory(kbytes)" },
	       { 'l', RLIMIT_MEMLOCK, 1024, "locked(kbytes)" },
	       { 'p', RLIMIT_NPROC, 1, "process" },
	       { 'n', RLIMIT_NOFILE, 1, "nofiles" },
	       { 'v', RLIMIT_AS, 1024, "vmemory(kbytes)" } };
enum { NLIMITS = sizeof limits / sizeof *limits };

static void print_limit(rlim_t v, unsigned long unit)
{
	if (v == RLIM_INFINITY)
		puts("unlimited");
	else
		printf("%lu\n", (unsigned long)v / unit);
}

static int run_ulimit(int argc, char **argv)
{
	int hard = 0, soft = 0, which = 1, i = 1;
	struct rlimit r;

	for (; i < argc && argv[i][0] == '-'; i++)
		for (const char *p = argv[i] + 1; *p; p++) {
			int k = 0;
			while (k < NLIMITS && limits[k].letter != *p)
				k++;
			if (*p == 'H')
				hard = 1;
			else if (*p == 'S')
				soft = 1;
			else if (*p == 'a')
				which = -1;
			else if (k < NLIMITS)
				which = k;
			else
				fail(2, "ulimit: bad option: -%c", *p);
		}
	if (which < 0) {
		for (int k = 0; k < NLIMITS; k++) {
			getrlimit(limits[k].res, &r);
			printf("%-20s ", limits[k].name);
			print_limit(hard ? r.rlim_max : r.rlim_cur, limits[k].unit);
		}
		return 0;
	}
	getrlimit(limits[which].res, &r);
	if (i >= argc) {
		print_limit(hard ? r.rlim_max : r.rlim_cur, limits[which].unit);
		return 0;
	}
	int n = strcmp(argv[i], "unlimited") ? number("ulimit", argv[i]) : 0;
	if (n < 0)
		return 2;
	rlim_t v = strcmp(argv[i], "unlimited") ? (rlim_t)n * limits[which].unit : RLIM_INFINITY;
	if (hard || !soft)
		r.rlim_max = v;
	if (soft || !hard)
		r.rlim_cur = v;
	if (setrlimit(limits[which].res, &r) < 0) {
		complain("ulimit: %s", strerror(errno));
		return 2;
	}
	return 0;
}

/* A signal by number or name (with or without SIG); -1 if there is none. 0 is EXIT. */
static int signal_number(const char *s)
{
	if (isdigit((unsigned char)*s)) {
		char *end;
		long v = strtol(s, &end, 10);
		return !*end && v < NSIG ? (int)v : -1;
	}
	if (!strncasecmp(s, "SIG", 3))
		s += 3;
	if (!strcasecmp(s, "EXIT"))
		return 0;
	for (int i = 1; i < NSIG; i++)
		if (sigabbrev_np(i) && !strcasecmp(s, sigabbrev_np(i)))
			return i;
	return -1;
}

static int list_signals(int argc, char **argv)
{
	if (argc > 2) {
		int n = number("kill", argv[2]);
		if (n < 0)
			return 2;
		n &= 127;
		puts(n && sigabbrev_np(n) ? sigabbrev_np(n) : "?");
		return 0;
	}
	for (int i = 1; i < 32; i++)
		printf("%s%c", sigabbrev_np(i), i % 8 && i < 31 ? ' ' : '\n');
	return 0;
}

static int run_kill(int argc, char **argv)
{
	int sig = SIGTERM, i = 1, status = 0;

	if (argc > 1 && !strcmp(argv[1], "-l"))
		return list_signals(argc, argv);
	if (argc > 2 && !strcmp(argv[1], "-s")) {
		sig = signal_number(argv[2]);
		i = 3;
	} else if (argc > 1 && argv[1][0] == '-' && argv[1][1] && strcmp(argv[1], "--")) {
		sig = signal_number(argv[1] + 1);
		i = 2;
	}
	if (sig < 0) {
		complain("kill: bad signal: %s", argv[i - 1]);
		return 2;
	}
	if (i < argc && !strcmp(argv[i], "--"))
		i++;
	if (i >= argc) {
		complain("kill: usage: kill [-SIGNAL] PID...");
		return 2;
	}
	for (; i < argc; i++) {
		char *end;
		long pid = strtol(argv[i], &end, 10);
		if (*end || end == argv[i]) {
			complain("kill: bad process number: %s", argv[i]);
			status = 2;
		} else if (kill((pid_t)pid, sig) < 0) {
			complain("kill: %s: %s", argv[i], strerror(errno));
			status = 1;
		}
	}
	return status;
}

static void drop_job(struct job *j)
{
	struct job **p = &jobs;

	while (*p != j)
		p = &(*p)->next;
	*p = j->next;
	free(j);
}

/* 128 + the signal that has come and has a trap to run; 0 if none has. */
static int wait_interrupted(void)
{
	for (int sig = 1; sig < NSIG; sig++)
		if (pending[sig])
			return 128 + sig;
	return 0;
}

/* Waits for one; a signal that has a trap ends the waiting, and the trap is run after the command. */
static int wait_job(struct job *j, int *interrupted)
{
	*interrupted = 0;
	while (!j->done) {
		pid_t r = waitpid(j->pid, &j->status, 0);
		if (r == j->pid) {
			j->done = 1;
		} else if (errno != EINTR) {
			j->status = 127 << 8;
			j->done = 1;
		} else if (wait_interrupted()) {
			*interrupted = 1;
			return wait_interrupted();
		} else if (got_int && interactive) {
			check_signals();
		}
	}
	return exit_code(j->status);
}

static int run_wait(int argc, char **argv)
{
	int status = 0, interrupted;

	if (argc == 1)
		while (jobs) {
			status = wait_job(jobs, &interrupted);
			if (interrupted)
				return status;
			drop_job(jobs);
			status = 0;
		}
	for (int i = 1; i < argc; i++) {
		struct job *j = jobs;
		long pid = strtol(argv[i], 0, 10);
		while (j && j->pid != pid)
			j = j->next;
		status = 127;
		if (!j)
			continue;
		status = wait_job(j, &interrupted);
		if (interrupted)
			return status;
		if (WIFSIGNALED(j->status))
			tell_signal(j->status);
		drop_job(j);
	}
	return status;
}

static int run_jobs(int argc, char **argv)
{
	int n = 1;

	(void)argc, (void)argv;
	reap_jobs();
	for (struct job *j = jobs, *next; j; j = next, n++) {
		next = j->next;
		if (!j->done)
			printf("[%d] %d Running\n", n, j->pid);
		else if (exit_code(j->status))
			printf("[%d] %d Done(%d)\n", n, j->pid, exit_code(j->status));
		else
			printf("[%d] %d Done\n", n, j->pid);
		if (j->done)
			drop_job(j);
	}
	return 0;
}

static void set_trap(int sig, const char *action)
{
	free(traps[sig]);
	traps[sig] = action ? xstrdup(action) : 0;
	if (!sig)
		return;
	if (ignored_at_start >> sig & 1)
		return; /* what was ignored at the start stays so */
	if (!action && sig == SIGINT && interactive && !subshell)
		set_handler(sig, on_signal);
	else if (!action && (sig == SIGQUIT || sig == SIGTERM) && interactive && !subshell)
		set_handler(sig, SIG_IGN);
	else
		set_handler(sig, !action ? SIG_DFL : *action ? on_signal : SIG_IGN);
}

static int run_trap(int argc, char **argv)
{
	int i = argc > 1 && !strcmp(argv[1], "--") ? 2 : 1, status = 0;
	const char *action = 0;

	if (i >= argc) {
		for (int sig = 0; sig < NSIG; sig++)
			if (traps[sig]) {
				fputs("trap -- ", stdout);
				print_quoted(traps[sig]);
				printf(" %s\n", sig ? sigabbrev_np(sig) ? sigabbrev_np(sig) : "?" : "EXIT");
			}
		return 0;
	}
	if (argc - i > 1 && !isdigit((unsigned char)argv[i][0])) {
		action = strcmp(argv[i], "-") ? argv[i] : 0;
		i++;
	}
	for (; i < argc; i++) {
		int sig = signal_number(argv[i]);
		if (sig < 0) {
			complain("trap: %s: bad trap", argv[i]);
			status = 1;
			continue;
		}
		set_trap(sig, action);
	}
	return status;
}

static int describe(const char *name, int verbose)
{
	static const char *const reserved[] = { "if",	"then",	 "else",  "elif", "fi", "do", "done", "case",
						"esac", "while", "until", "for",  "in", "{",  "}",    "!" };
	const struct builtin *b = find_builtin(name);
	char *path;

	for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
		if (!strcmp(name, reserved[i])) {
			printf("%s%s\n", name, verbose ? " is a shell keyword" : "");
			return 0;
		}
	if (b && b->special)
		printf("%s%s\n", name, verbose ? " is a special shell builtin" : "");
	else if (find_function(name))
		printf("%s%s\n", name, verbose ? " is a shell function" : "");
	else if (b)
		printf("%s%s\n", name, verbose ? " is a shell builtin" : "");
	else if ((path = find_program(name)))
		printf("%s%s%s\n", verbose ? name : "", verbose ? " is " : "", path);
	else {
		if (verbose)
			printf("%s: not found\n", name);
		return 127;
	}
	return 0;
}

static int run_type(int argc, char **argv)
{
	int status = 0;

	for (int i = 1; i < argc; i++)
		status |= describe(argv[i], 1);
	return status;
}

/* command [-v|-V|-p] NAME...: as if there were no function of that name. */
static int run_command(int argc, char **argv)
{
	int i = 1;

	if (argc > 2 && (!strcmp(argv[1], "-v") || !strcmp(argv[1], "-V")))
		return describe(argv[2], argv[1][1] == 'V');
	if (argc > 1 && (!strcmp(argv[1], "-p") || !strcmp(argv[1], "--")))
		i++;
	if (i >= argc)
		return 0;
	const struct builtin *b = find_builtin(argv[i]);
	if (b)
		return b->run(argc - i, argv + i);
	pid_t pid = fork_shell(0);
	if (pid == 0)
		exec_program(argv + i);
	return wait_for(pid);
}

static int run_times(int argc, char **argv)
{
	struct rusage r[2];

	(void)argc, (void)argv;
	getrusage(RUSAGE_SELF, &r[0]);
	getrusage(RUSAGE_CHILDREN, &r[1]);
	for (int i = 0; i < 2; i++) {
		const struct timeval *u = &r[i].ru_utime, *s = &r[i].ru_stime;
		printf("%ldm%ld.%06lds %ldm%ld.%06lds\n", u->tv_sec / 60, u->tv_sec % 60, (long)u->tv_usec,
		       s->tv_sec / 60, s->tv_sec % 60, (long)s->tv_usec);
	}
	return 0;
}

static int run_getopts(int argc, char **argv)
{
	static int inside, last_index;
	char text[16] = "?";

	if (argc < 3) {
		complain("getopts: usage: getopts OPTIONS NAME [ARG]...");
		return 2;
	}
	const char *opts = argv[1], *ind = get_var("OPTIND");
	int index = ind ? atoi(ind) : 1, n = argc > 3 ? argc - 3 : nargs, status = 0, quiet = *opts == ':';
	char **v = argc > 3 ? argv + 3 : args;
	if (index != last_index || index < 1)
		inside = 0;
	index = index < 1 ? 1 : index;
	const char *arg = index <= n ? v[index - 1] : 0;
	unset_var("OPTARG");
	if (!inside && (!arg || arg[0] != '-' || !arg[1] || !strcmp(arg, "--"))) {
		if (arg && !strcmp(arg, "--"))
			index++;
		status = 1;
	} else {
		int c = arg[++inside];
		const char *o = c == ':' ? 0 : strchr(opts, c);
		int last = !arg[inside + 1];
		char letter[2] = { (char)c, 0 };
		text[0] = o ? (char)c : '?';
		if (!o) {
			if (quiet)
				set_var("OPTARG", letter);
			else
				complain("bad option: -%c", c);
		} else if (o[1] == ':') {
			if (!last) {
				set_var("OPTARG", arg + inside + 1);
			} else if (index < n) {
				set_var("OPTARG", v[index++]);
			} else {
				text[0] = quiet ? ':' : '?';
				if (quiet)
					set_var("OPTARG", letter);
				else
					complain("no argument for -%c option", c);
			}
			last = 1;
		}
		if (last) {
			index++;
			inside = 0;
		}
	}
	set_var(argv[2], text);
	snprintf(text, sizeof text, "%d", last_index = index);
	set_var("OPTIND", text);
	return status;
}

static const struct builtin builtins[] = {
	{ ".", run_dot, 1 },	      { ":", run_true, 1 },	     { "[", run_test, 0 },
	{ "break", run_break, 1 },    { "cd", run_cd, 0 },	     { "command", run_command, 0 },
	{ "continue", run_break, 1 }, { "echo", run_echo, 0 },	     { "eval", run_eval, 1 },
	{ "exec", run_exec, 1 },      { "exit", run_exit, 1 },	     { "export", run_export, 1 },
	{ "false", run_false, 0 },    { "getopts", run_getopts, 0 }, { "jobs", run_jobs, 0 },
	{ "kill", run_kill, 0 },      { "local", run_local, 1 },     { "printf", run_printf, 0 },
	{ "pwd", run_pwd, 0 },	      { "read", run_read, 0 },	     { "readonly", run_export, 1 },
	{ "return", run_return, 1 },  { "set", run_set, 1 },	     { "shift", run_shift, 1 },
	{ "test", run_test, 0 },      { "times", run_times, 1 },     { "trap", run_trap, 1 },
	{ "true", run_true, 0 },      { "type", run_type, 0 },	     { "ulimit", run_ulimit, 0 },
	{ "umask", run_umask, 0 },    { "unset", run_unset, 1 },     { "wait", run_wait, 0 },
};

static int compare_name(const void *key, const void *b)
{
	return strcmp(key, ((const struct builtin *)b)->name);
}

static const struct builtin *find_builtin(const char *name)
{
	return bsearch(name, builtins, sizeof builtins / sizeof *builtins, sizeof *builtins, compare_name);
}

/* ---- beginning ---- */

static void import_environment(void)
{
	char cwd[PATH_MAX], num[24];

	for (char **e = environ; e && *e; e++) {
		size_t n = name_len(*e);
		if (n && (*e)[n] == '=')
			assign(*e)->flags |= V_EXPORT;
	}
	set_var("IFS", " \t\n")->flags &= ~V_EXPORT;
	set_var("OPTIND", "1")->flags &= ~V_EXPORT;
	snprintf(num, sizeof num, "%d", getppid());
	set_var("PPID", num)->flags &= ~V_EXPORT;
	if (!get_var("PS1"))
		set_var("PS1", geteuid() ? "$ " : "# ");
	if (!get_var("PS2"))
		set_var("PS2", "> ");
	if (!get_var("PS4"))
		set_var("PS4", "+ ");
	if (getcwd(cwd, sizeof cwd))
		set_var("PWD", cwd);
}

/* Where an interactive shell stands again after an error or ^C. */
static void back_to_prompt(struct input *base)
{
	got_int = 0;
	while (in != base)
		pop_input();
	in->depth = 0;
	in->record.n = 0;
	in->p = in->end;
	undo_redirects(0);
	while (frames)
		pop_frame();
	release(&scratch, (struct mark){ 0 });
	skipping = SKIP_NONE;
	loops = ncalls = 0;
	tree = 0;
	keep_tree = 0;
}

static _Noreturn void run_interactive(struct input *base)
{
	signal(SIGQUIT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	set_handler(SIGINT, on_signal);
	if (setjmp(top_level)) {
		if (got_int) {
			last_status = 130;
			fputc('\n', stderr);
		}
		back_to_prompt(base);
	}
	run_input(0);
	fputc('\n', stderr);
	shell_exit(last_status);
}

int main(int argc, char **argv)
{
	const char *command = 0;
	int i = 1, want_command = 0, want_interactive = 0;
	static struct input base;

	shell_pid = getpid();
	if (argc > 0)
		arg0 = argv[0];
	for (int sig = 1; sig < NSIG; sig++) {
		struct sigaction sa;
		if (sigaction(sig, 0, &sa) == 0 && sa.sa_handler == SIG_IGN)
			ignored_at_start |= 1ul << (sig & 63);
	}
	import_environment();
	for (; i < argc && (*argv[i] == '-' || *argv[i] == '+') && argv[i][1]; i++) {
		if (!strcmp(argv[i], "--")) {
			i++;
			break;
		}
		for (const char *p = argv[i] + 1; *p; p++) {
			if (*p == 'c')
				want_command = 1;
			else if (*p == 'i')
				want_interactive = 1;
			else if (*p == 'o' && i + 1 < argc) {
				int on = *argv[i] == '-';
				if (set_option(argv[++i], 0, on) < 0)
					return 2;
				break;
			} else if (*p != 's' && *p != 'l' && set_option(0, *p, *argv[i] == '-') < 0)
				return 2;
		}
	}
	if (want_command) {
		if (i >= argc)
			fail(2, "-c requires an argument");
		command = argv[i++];
		if (i < argc)
			arg0 = argv[i++];
		set_args(argv + i, argc - i);
		push_string(&base, command, strlen(command));
		run_input(E_EXIT);
		shell_exit(last_status);
	}
	if (i < argc) {
		const char *script = argv[i];
		arg0 = argv[i++];
		set_args(argv + i, argc - i);
		if (open_script(script, &base) < 0)
			fail(errno == ENOENT ? 127 : 126, "cannot open %s: %s", script, strerror(errno));
		push_input(&base);
		run_input(0);
		shell_exit(last_status);
	}
	set_args(argv + i, 0);
	interactive = want_interactive || (isatty(0) && isatty(2));
	base = (struct input){ .fd = 0, .single = !interactive, .line = 1 };
	push_input(&base);
	if (interactive)
		run_interactive(&base);
	run_input(0);
	shell_exit(last_status);
}
