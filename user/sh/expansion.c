/* SPDX-License-Identifier: ISC */
/* A word to fields: parameters, commands, arithmetic; splitting, path names, quotes removed. */
#include "sh.h"
#include <fnmatch.h>
#include <glob.h>
#include <pwd.h>

/* The result before splitting: characters with what they were. BREAK (between
 * parameters: the byte that stands there where fields are not split, or 0) and EMPTY are no characters. */
enum { QUOTED = 0x100, SPLIT = 0x200, BREAK = 0x400, EMPTY = 0x800 };
struct text {
	uint16_t *u;
	size_t n, cap;
};

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

/* Without splitting: a plain string of the scratch pool. */
static char *flatten(struct text *t)
{
	char *s = take(&scratch, t->n + 1), *d = s;

	for (size_t i = 0; i < t->n; i++)
		if (!(t->u[i] & EMPTY) && (!(t->u[i] & BREAK) || (char)t->u[i]))
			*d++ = (char)t->u[i];
	*d = 0;
	free(t->u);
	return s;
}

/* For fnmatch: what was quoted is made plain by a backslash. */
static char *as_pattern(const uint16_t *u, size_t n)
{
	char *s = take(&scratch, 2 * n + 1), *d = s;

	for (size_t i = 0; i < n; i++) {
		if (u[i] & EMPTY || (u[i] & BREAK && !(char)u[i]))
			continue;
		if (u[i] & QUOTED && strchr("*?[]\\!^-", (char)u[i]) && (char)u[i])
			*d++ = '\\';
		*d++ = (char)u[i];
	}
	*d = 0;
	return s;
}

char *expand_string(const char *word, int mode)
{
	struct text t = { 0 };

	expand_text(&t, word, word + strlen(word), mode | X_START);
	return flatten(&t);
}

char *expand_prompt(const char *name)
{
	static char *text;
	static int busy; /* still, when the expansion was given up: then the value is shown as it is */
	const char *value = get_var(name);
	int status = last_status, of_sub = cmdsub_status, trace = OPT(O_XTRACE);

	if (!value || !strpbrk(value, "$`\\"))
		return value ? (char *)value : "";
	struct mark m = mark(&scratch);
	char *s = (char *)value;
	if (!busy) {
		busy = 1;
		OPT(O_XTRACE) = 0;
		s = expand_string(scan_here(value, strlen(value), &scratch), X_DOUBLE | X_HERE);
	}
	busy = 0;
	free(text);
	text = xstrdup(s);
	release(&scratch, m);
	OPT(O_XTRACE) = trace;
	last_status = status;
	cmdsub_status = of_sub;
	return text;
}

char *expand_pattern(const char *word)
{
	struct text t = { 0 };

	expand_text(&t, word, word + strlen(word), X_START);
	char *s = as_pattern(t.u, t.n);
	free(t.u);
	return s;
}

/* What ${x#y} and its like remove: what the pattern matches, a prefix or a suffix, the shortest or the longest. */
struct trimming {
	const char *pattern;
	int suffix, longest;
};

/* What is left of the value, in the scratch pool. */
static char *trim(const char *value, const struct trimming *t)
{
	size_t n = strlen(value);
	char *v = take_str(&scratch, value, n);

	for (size_t k = 0; k <= n; k++) {
		size_t len = t->longest ? n - k : k; /* of what is removed */
		if (t->suffix) {
			if (!fnmatch(t->pattern, v + n - len, 0)) {
				v[n - len] = 0;
				return v;
			}
		} else {
			char c = v[len];
			v[len] = 0;
			int hit = !fnmatch(t->pattern, v, 0);
			v[len] = c;
			if (hit)
				return v + len;
		}
	}
	return v;
}

/* $* or $@; of each what is left after `trimmed`, if that is not NULL. */
static void put_args(struct text *t, int star, int mode, const struct trimming *trimmed)
{
	const char *ifs = get_var("IFS");
	int sep = !ifs || !star ? ' ' : (unsigned char)*ifs;

	for (int i = 0; i < nargs; i++) {
		if (i && star && mode & X_DOUBLE) {
			if (sep)
				put(t, sep | QUOTED);
		} else if (i) {
			put(t, BREAK | sep);
		}
		if (mode & X_DOUBLE && !star)
			put(t, EMPTY);
		put_value(t, trimmed ? trim(args[i], trimmed) : args[i], mode);
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
		snprintf(num, sizeof num, "%.*s", (int)n, name);
		v = strtol(num, 0, 10);
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
		put_args(t, *name == '*', mode, 0);
		return;
	}
	const char *v = param_value(name, n);
	if (!v && OPT(O_NOUNSET))
		fail(2, "%.*s: parameter not set", (int)n, name);
	if (v)
		put_value(t, v, mode);
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
		struct trimming trimmed = { .suffix = *p == '%', .longest = p[1] == *p };
		const char *v = list ? 0 : param_value(name, n);
		if (!v && OPT(O_NOUNSET) && !list)
			fail(2, "%.*s: parameter not set", (int)n, name);
		if (v || list)
			trimmed.pattern = expand_pattern(code_string(p + 1 + trimmed.longest, end));
		if (list)
			put_args(t, *name == '*', mode, &trimmed);
		else if (v)
			put_value(t, trim(v, &trimmed), mode);
		return;
	}
	int colon = *p == ':';
	p += colon;
	if (p == end || !strchr("-=+?", *p))
		fail(2, "bad substitution");
	const char *v = !list	  ? param_value(name, n) :
			nargs > 1 ? "more" :
			nargs	  ? args[0] :
				    0,
		   *word = p + 1;
	int unset = !v || (colon && !*v);
	int inner = (mode & X_DOUBLE) | X_START | X_BRACES | (mode & X_DOUBLE ? 0 : X_SPLIT);
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
	if (mode & X_DOUBLE && !(*p && strchr("$`\\", *p)) && !(*p == '"' && !(mode & X_HERE)) &&
	    !(*p == '}' && mode & X_BRACES))
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

void add_field(struct fields *f, char *s)
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

/* Whether the word, as it is written, is the name of a command whose operands are assignments; 2: `command`. */
static int declares(const char *word)
{
	return !strcmp(word, "export") || !strcmp(word, "readonly") || !strcmp(word, "local") ? 1 :
	       !strcmp(word, "command")							      ? 2 :
												0;
}

void expand_command(struct fields *f, struct word *w)
{
	int assigning = w ? declares(w->text) : 0;

	for (struct word *first = w; w; w = w->next) {
		size_t n = assigning == 1 ? name_len(w->text) : 0;
		if (assigning == 2 && w != first)
			assigning = declares(w->text);
		if (n && w->text[n] == '=')
			add_field(f, expand_assignment(w->text));
		else
			expand_fields(f, w, w->next);
	}
}

void expand_fields(struct fields *f, struct word *w, struct word *end)
{
	for (; w != end; w = w->next) {
		struct text t = { 0 };
		expand_text(&t, w->text, w->text + strlen(w->text), X_START);
		split(f, &t);
	}
}

/* NAME=word, expanded as an assignment wants: no splitting, and a tilde after = and : counts. */
char *expand_assignment(const char *w)
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
