/* SPDX-License-Identifier: ISC */
/* Source text to tokens and words. */
#include "sh.h"

enum { Q_NONE, Q_DOUBLE, Q_HERE, Q_ARITH }; /* what surrounds the text */

const char *const tok_names[] = { "end of file", "newline", ";",  ";;", "&",   "&&", "|",  "||", "(", ")",
				  "<",		 ">",	    ">>", "<<", "<<-", "<&", ">&", "<>", ">|" };

struct lookahead look;
struct pool *tree;
int depth;

_Noreturn void syntax_error(const char *what)
{
	if (in->line > 1 || in->fd >= 0)
		fail(2, "line %d: syntax error: %s", in->line, what);
	fail(2, "syntax error: %s", what);
}

void deeper(void)
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
	struct lookahead saved = look;
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

char *scan_here(const char *s, size_t n, struct pool *p)
{
	struct input text;
	struct buf b = { 0 };

	push_string(&text, s, n);
	scan_text(&b, Q_HERE, EOF);
	pop_input();
	return finish(&b, p);
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
		for (int quoted = 0; c != EOF && (c != '\n' || quoted); c = next_char()) {
			if (c == '\n') { /* the line goes on, without the backslash */
				body.n--;
				quoted = 0;
				continue;
			}
			quoted = c == '\\' && !quoted && !r->literal;
			add(&body, c);
		}
		if (body.n - start == strlen(delim) &&
		    (!body.n || !memcmp(body.s + start, delim, body.n - start))) {
			body.n = start;
			break;
		}
		if (c == EOF)
			break;
		add(&body, c);
	}
	if (r->literal) {
		r->text = finish(&body, tree);
	} else {
		r->text = scan_here(body.s, body.n, tree);
		free(body.s);
	}
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
	static unsigned tokens;
	int c;

	look.number = ++tokens;
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
	look.in_word = 1;
	look.text = scan_word(c);
	look.in_word = 0;
	if (look.text[strspn(look.text, "0123456789")] == 0) {
		c = next_char();
		back(c);
		if (c == '<' || c == '>')
			return T_IONUM;
	}
	return T_WORD;
}

enum tok peek(void)
{
	if (!look.have) {
		look.tok = scan_token();
		look.have = 1;
	}
	return look.tok;
}

void advance(void)
{
	peek();
	look.have = 0;
}

int accept(enum tok t)
{
	if (peek() != t)
		return 0;
	look.have = 0;
	return 1;
}
