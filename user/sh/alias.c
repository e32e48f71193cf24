/* SPDX-License-Identifier: ISC */
/*
 * Aliases: the first word of a command, where nothing in it is quoted, is replaced by text that is read instead. POSIX XCU
 * 2.3.1. The text is an input of its own above the one that held the word.
 */
#include "sh.h"

struct alias {
	char *name, *value;
	int used;	     /* its text is being read, where the name is a word like others */
	unsigned last_token; /* the token that its text ended in: it is of the text, too */
	struct alias *next;
};
static struct alias *aliases; /* in the order of strcmp */
static int next_too;	      /* the text read last ended in a blank: the word after it counts, too */

static struct alias **slot(const char *name)
{
	struct alias **a = &aliases;

	while (*a && strcmp((*a)->name, name) < 0)
		a = &(*a)->next;
	return a;
}

static struct alias *find_alias(const char *name)
{
	struct alias *a = *slot(name);

	return a && !strcmp(a->name, name) && a->value ? a : 0;
}

int expand_alias(const char *word)
{
	struct alias *a = find_alias(word);

	if (!a || a->used || a->last_token == look.number)
		return 0;
	struct input *i = xrealloc(0, sizeof *i);
	char *text = xstrdup(a->value);
	push_string(i, text, strlen(text));
	i->mem = text;
	i->alias = a;
	i->line = i->below->line;
	a->used = 1;
	next_too = 0;
	return 1;
}

int alias_goes_on(void)
{
	int too = next_too;

	next_too = 0;
	return too;
}

void end_alias(struct input *i)
{
	size_t n = i->end - i->mem;

	next_too = n && (i->mem[n - 1] == ' ' || i->mem[n - 1] == '\t');
	i->alias->used = 0;
	if (look.in_word)
		i->alias->last_token = look.number;
	pop_input();
	free(i);
}

static void print_alias(const struct alias *a)
{
	printf("%s=", a->name);
	print_quoted(a->value);
	putchar('\n');
}

int describe_alias(const char *name, int verbose)
{
	const struct alias *a = find_alias(name);

	if (!a)
		return 0;
	if (verbose)
		printf("%s is an alias for %s\n", name, a->value);
	else {
		fputs("alias ", stdout);
		print_alias(a);
	}
	return 1;
}

static void define_alias(const char *name, size_t n, const char *value)
{
	struct mark m = mark(&scratch);
	struct alias **s = slot(take_str(&scratch, name, n)), *a = *s;

	if (!a || strncmp(a->name, name, n) || a->name[n]) {
		a = xrealloc(0, sizeof *a);
		*a = (struct alias){ .name = xrealloc(0, n + 1), .next = *s };
		memcpy(a->name, name, n);
		a->name[n] = 0;
		*s = a;
	}
	free(a->value);
	a->value = xstrdup(value);
	release(&scratch, m);
}

int run_alias(int argc, char **argv)
{
	int status = 0;

	if (argc == 1)
		for (const struct alias *a = aliases; a; a = a->next)
			if (a->value)
				print_alias(a);
	for (int i = 1; i < argc; i++) {
		size_t n = strcspn(argv[i], "=");
		const struct alias *a;
		if (argv[i][n] && (!n || strcspn(argv[i], "=\"'\\$`/<>|&;() \t\n") < n)) {
			complain("alias: bad name: %s", argv[i]);
			status = 1;
		} else if (argv[i][n]) {
			define_alias(argv[i], n, argv[i] + n + 1);
		} else if ((a = find_alias(argv[i]))) {
			print_alias(a);
		} else {
			complain("alias: %s not found", argv[i]);
			status = 1;
		}
	}
	return status;
}

int run_unalias(int argc, char **argv)
{
	int status = 0;

	for (int i = 1; i < argc; i++) {
		struct alias *a = find_alias(argv[i]);
		if (i == 1 && !strcmp(argv[i], "-a")) {
			for (a = aliases; a; a = a->next) {
				free(a->value);
				a->value = 0;
			}
			return 0;
		}
		if (!a) {
			complain("unalias: %s not found", argv[i]);
			status = 1;
			continue;
		}
		free(a->value);
		a->value = 0;
	}
	return status;
}
