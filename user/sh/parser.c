/* SPDX-License-Identifier: ISC */
/* The grammar: recursive descent, a line at a time, into nodes. */
#include "sh.h"

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

/* Replaces the next word, if it is an alias. */
static int accept_alias(void)
{
	if (peek() != T_WORD || !expand_alias(look.text))
		return 0;
	look.have = 0;
	return 1;
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
		if (((n->assigns || n->redirs) && !n->words) || alias_goes_on())
			while (accept_alias())
				;
		if (peek() != T_WORD)
			continue;
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
	while (accept_alias())
		;
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
struct node *parse_list(int lines)
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
int parse_line(struct node **n)
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
