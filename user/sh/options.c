/* SPDX-License-Identifier: ISC */
/* set, its options, and the commands that list or mark variables. */
#include "sh.h"

struct option options[] = { { 'e', "errexit", 0 },   { 'u', "nounset", 0 },   { 'x', "xtrace", 0 },
			    { 'f', "noglob", 0 },    { 'n', "noexec", 0 },    { 'v', "verbose", 0 },
			    { 'C', "noclobber", 0 }, { 'a', "allexport", 0 }, { 'm', "monitor", 0 },
			    { 0, "pipefail", 0 } };

void print_quoted(const char *s)
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

	for (int h = 0; h < VAR_SLOTS; h++)
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

int run_export(int argc, char **argv)
{
	int flag = *argv[0] == 'e' ? V_EXPORT : V_READONLY, i = 1;

	if (argc > 1 && !strcmp(argv[1], "-p"))
		i++;
	if (i >= argc)
		list_vars(flag == V_EXPORT ? "export " : "readonly ", flag);
	for (; i < argc; i++) {
		size_t n = name_len(argv[i]);
		if (!n || (argv[i][n] && argv[i][n] != '=')) {
			complain("%s: %s: bad variable name", argv[0], argv[i]);
			return misuse();
		}
		struct var *v = argv[i][n] ? assign(argv[i]) : var_named(argv[i], n);
		v->flags |= flag;
	}
	return 0;
}

int set_option(const char *name, int letter, int on)
{
	for (int i = 0; i < NOPTIONS; i++)
		if (name ? !strcmp(options[i].name, name) : options[i].letter == letter) {
			options[i].on = on;
			if (i == O_MONITOR && on && !subshell)
				start_job_control();
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

int run_set(int argc, char **argv)
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
		return misuse();
	if (i < argc && !strcmp(argv[i], "-"))
		OPT(O_XTRACE) = OPT(O_VERBOSE) = 0;
	if (i < argc && (!strcmp(argv[i], "--") || (!strcmp(argv[i], "-") && i + 1 < argc)))
		set_args(argv + i + 1, argc - i - 1);
	else if (i < argc && strcmp(argv[i], "-"))
		set_args(argv + i, argc - i);
	return 0;
}
