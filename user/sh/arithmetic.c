/* SPDX-License-Identifier: ISC */
/* $((...)): the integer arithmetic of C, in longs. */
#include "sh.h"

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
	if (++depth > MAX_DEPTH)
		arith_error("nested too deeply");
	skip_effects += !v;
	long a = arith_assign();
	skip_effects -= !v;
	if (!arith_op(":"))
		arith_error("missing ':'");
	skip_effects += !!v;
	long b = arith_choice(); /* what is assigned to needs parentheses here, as in C */
	skip_effects -= !!v;
	depth--;
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

long arithmetic(const char *s)
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
