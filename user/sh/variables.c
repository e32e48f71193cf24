/* SPDX-License-Identifier: ISC */
/* Shell and environment variables, positional parameters, local ones. */
#include "sh.h"

struct var *vars[VAR_SLOTS];

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
char **args;
int nargs, ncalls;
static int args_owned;
struct frame *frames;

static struct var **slot(const char *name, size_t n)
{
	unsigned h = 0;

	for (size_t i = 0; i < n; i++)
		h = h * 31 + (unsigned char)name[i];
	struct var **v = &vars[h % VAR_SLOTS];
	while (*v && (strncmp((*v)->name, name, n) || (*v)->name[n]))
		v = &(*v)->next;
	return v;
}

size_t name_len(const char *s)
{
	size_t n = 0;

	if (!isalpha((unsigned char)*s) && *s != '_')
		return 0;
	while (isalnum((unsigned char)s[n]) || s[n] == '_')
		n++;
	return n;
}

char *get(const char *name, size_t n)
{
	struct var *v = *slot(name, n);

	return v && v->flags & V_SET ? v->value : 0;
}

char *get_var(const char *name)
{
	return get(name, strlen(name));
}

struct var *var_named(const char *name, size_t n)
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

struct var *set(const char *name, size_t n, const char *value)
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

struct var *set_var(const char *name, const char *value)
{
	return set(name, strlen(name), value);
}

void unset_var(const char *name)
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
struct var *assign(const char *s)
{
	const char *eq = strchr(s, '=');

	return set(s, eq - s, eq + 1);
}

/* The exported variables as execve wants them. */
char **environment(void)
{
	size_t n = 0, i = 0;

	for (int h = 0; h < VAR_SLOTS; h++)
		for (struct var *v = vars[h]; v; v = v->next)
			n++;
	char **env = take(&scratch, (n + 1) * sizeof *env);
	for (int h = 0; h < VAR_SLOTS; h++)
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

void set_args(char **v, int n)
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

void push_frame(void)
{
	struct frame *f = xrealloc(0, sizeof *f);

	*f = (struct frame){ args, nargs, args_owned, 0, frames };
	frames = f;
	args_owned = 0;
}

void pop_frame(void)
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
void save_var(const char *name, size_t n)
{
	struct var *v = var_named(name, n);
	struct local *l = xrealloc(0, sizeof *l);

	*l = (struct local){ xstrdup(v->name), v->value ? xstrdup(v->value) : 0, v->flags, frames->locals };
	frames->locals = l;
}
