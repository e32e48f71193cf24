/* SPDX-License-Identifier: ISC */
/* find: walks trees and acts on the files that an expression chooses. */
#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "util.h"

/* The expression is a tree. Each test and action is one node; the operators have two children, ! has one. */
struct node {
	bool (*run)(const struct node *n, const char *path, const struct stat *st);
	const struct node *left, *right;
	const char *text;
	char **words; /* of -exec */
	long long number;
	int sign; /* of a number: -1 less, 0 equal, 1 more */
	uint64_t unit;
	struct timespec time;
};

static char **words;
static bool has_action, depth_first, pruned;
static long long most_depth = INT64_MAX, least_depth;
static size_t top_length; /* of the operand's path, for the depth */
static bool one_system;	  /* -xdev: not into what is mounted below */
static dev_t top_device;
static int status;

static const struct node *parse_or(void);

static struct node *new_node(bool (*run)(const struct node *, const char *, const struct stat *))
{
	struct node *n = xmalloc(sizeof(*n));

	*n = (struct node){ .run = run };
	return n;
}

static bool run_and(const struct node *n, const char *path, const struct stat *st)
{
	return n->left->run(n->left, path, st) && n->right->run(n->right, path, st);
}

static bool run_or(const struct node *n, const char *path, const struct stat *st)
{
	return n->left->run(n->left, path, st) || n->right->run(n->right, path, st);
}

static bool run_not(const struct node *n, const char *path, const struct stat *st)
{
	return !n->left->run(n->left, path, st);
}

static bool run_true(const struct node *n, const char *path, const struct stat *st)
{
	(void)n, (void)path, (void)st;
	return true;
}

static bool run_print(const struct node *n, const char *path, const struct stat *st)
{
	(void)st;
	fputs(path, stdout);
	putchar((int)n->number);
	return true;
}

static bool run_prune(const struct node *n, const char *path, const struct stat *st)
{
	(void)n, (void)path, (void)st;
	pruned = true;
	return true;
}

static bool run_name(const struct node *n, const char *path, const struct stat *st)
{
	char *base = path_base(path);
	bool matches = fnmatch(n->text, base, 0) == 0;

	(void)st;
	free(base);
	return matches;
}

static bool run_iname(const struct node *n, const char *path, const struct stat *st)
{
	char *base = path_base(path);

	(void)st;
	for (char *at = base; *at; at++)
		*at = (char)tolower((unsigned char)*at);
	bool matches = fnmatch(n->text, base, 0) == 0;
	free(base);
	return matches;
}

static bool run_user(const struct node *n, const char *path, const struct stat *st)
{
	(void)path;
	return st->st_uid == (uid_t)n->number;
}

static bool run_group(const struct node *n, const char *path, const struct stat *st)
{
	(void)path;
	return st->st_gid == (gid_t)n->number;
}

static bool run_nouser(const struct node *n, const char *path, const struct stat *st)
{
	(void)n, (void)path;
	return !getpwuid(st->st_uid);
}

static bool run_nogroup(const struct node *n, const char *path, const struct stat *st)
{
	(void)n, (void)path;
	return !getgrgid(st->st_gid);
}

static bool run_path(const struct node *n, const char *path, const struct stat *st)
{
	(void)st;
	return fnmatch(n->text, path, 0) == 0;
}

static bool run_type(const struct node *n, const char *path, const struct stat *st)
{
	char letters[11];

	(void)path;
	mode_string(st->st_mode, letters);
	return strchr(n->text, letters[0] == '-' ? 'f' : letters[0]) != NULL;
}

static bool compare(const struct node *n, long long value)
{
	return n->sign < 0 ? value < n->number : n->sign > 0 ? value > n->number : value == n->number;
}

static bool run_size(const struct node *n, const char *path, const struct stat *st)
{
	(void)path;
	return compare(n, (long long)(((uint64_t)st->st_size + n->unit - 1) / n->unit));
}

static bool run_links(const struct node *n, const char *path, const struct stat *st)
{
	(void)path;
	return compare(n, (long long)st->st_nlink);
}

static bool run_inode(const struct node *n, const char *path, const struct stat *st)
{
	(void)path;
	return compare(n, (long long)st->st_ino);
}

/* The age in whole units. */
static bool run_mtime(const struct node *n, const char *path, const struct stat *st)
{
	(void)path;
	return compare(n, (time(NULL) - st->st_mtim.tv_sec) / (long long)n->unit);
}

static bool run_atime(const struct node *n, const char *path, const struct stat *st)
{
	(void)path;
	return compare(n, (time(NULL) - st->st_atim.tv_sec) / (long long)n->unit);
}

static bool run_ctime(const struct node *n, const char *path, const struct stat *st)
{
	(void)path;
	return compare(n, (time(NULL) - st->st_ctim.tv_sec) / (long long)n->unit);
}

static bool run_newer(const struct node *n, const char *path, const struct stat *st)
{
	(void)path;
	return st->st_mtim.tv_sec != n->time.tv_sec ? st->st_mtim.tv_sec > n->time.tv_sec :
						      st->st_mtim.tv_nsec > n->time.tv_nsec;
}

/* MODE exactly, -MODE all these bits, /MODE any of them. */
static bool run_perm(const struct node *n, const char *path, const struct stat *st)
{
	mode_t mode = st->st_mode & 07777, wanted = (mode_t)n->number;

	(void)path;
	return n->sign < 0 ? (mode & wanted) == wanted :
	       n->sign > 0 ? !wanted || (mode & wanted) :
			     mode == wanted;
}

static bool run_empty(const struct node *n, const char *path, const struct stat *st)
{
	(void)n;
	if (!S_ISDIR(st->st_mode))
		return S_ISREG(st->st_mode) && st->st_size == 0;
	char **names = directory_names(path);
	bool empty = names && !names[0];
	if (names)
		free_names(names);
	return empty;
}

static bool run_delete(const struct node *n, const char *path, const struct stat *st)
{
	(void)n;
	if (strcmp(path, ".") == 0 || (S_ISDIR(st->st_mode) ? rmdir : unlink)(path) == 0)
		return true;
	file_error(path);
	status = 1;
	return false;
}

static void run_batches(void);

static bool run_command(char **command)
{
	int result;

	fflush(stdout);
	pid_t child = fork();
	if (child < 0)
		die_file("fork");
	if (child == 0) {
		execvp(command[0], command);
		file_error(command[0]);
		_exit(127);
	}
	while (waitpid(child, &result, 0) < 0)
		if (errno != EINTR)
			die_file("wait");
	return result == 0;
}

/* A copy of the word with the path for each {} in it. */
static char *with_path(const char *word, const char *path)
{
	size_t length = strlen(word) + 1, path_length = strlen(path);

	for (const char *hit = word; (hit = strstr(hit, "{}")); hit += 2)
		length += path_length;
	char *out = xmalloc(length), *to = out;
	for (const char *hit; (hit = strstr(word, "{}")); word = hit + 2) {
		to = mempcpy(to, word, (size_t)(hit - word));
		to = mempcpy(to, path, path_length);
	}
	strcpy(to, word);
	return out;
}

/* For -ok: the question is answered with yes. */
static bool agreed(char **command, const char *path)
{
	char *line = NULL;
	size_t capacity = 0;

	fflush(stdout);
	fprintf(stderr, "< %s ... %s > ? ", command[0], path);
	bool yes = getline(&line, &capacity, stdin) > 0 && (*line == 'y' || *line == 'Y');
	free(line);
	return yes;
}

static bool run_exec(const struct node *n, const char *path, const struct stat *st)
{
	size_t count = 0;

	(void)st;
	while (n->words[count])
		count++;
	char **command = xmalloc((count + 1) * sizeof(*command));
	for (size_t i = 0; i < count; i++)
		command[i] = with_path(n->words[i], path);
	command[count] = NULL;
	bool fine = (!n->number || agreed(command, path)) && run_command(command);
	free_names(command);
	return fine;
}

/* -quit: what was gathered for commands is not lost. */
static bool run_quit(const struct node *n, const char *path, const struct stat *st)
{
	(void)n, (void)path, (void)st;
	run_batches();
	exit(finish(status));
}

/* -exec ... {} +: paths are gathered; the node's words end in the place for them. */
struct batch {
	struct node node;
	char **command;
	size_t fixed, count, bytes;
	struct batch *next;
};
static struct batch *batches;

static void run_batch(struct batch *b)
{
	if (b->count == 0)
		return;
	b->command[b->fixed + b->count] = NULL;
	if (!run_command(b->command))
		status = 1;
	while (b->count > 0)
		free(b->command[b->fixed + --b->count]);
	b->bytes = 0;
}

static void run_batches(void)
{
	for (struct batch *b = batches; b; b = b->next)
		run_batch(b);
}

static bool run_gather(const struct node *n, const char *path, const struct stat *st)
{
	struct batch *b = (struct batch *)n;

	(void)st;
	b->command = xrealloc(b->command, (b->fixed + b->count + 2) * sizeof(char *));
	b->command[b->fixed + b->count++] = xstrdup(path);
	b->bytes += strlen(path) + 1 + sizeof(char *);
	if (b->bytes > 64 * 1024)
		run_batch(b);
	return true;
}

/* --- parsing ----------------------------------------------------------------------------------------------- */

static char *next_argument(const char *of)
{
	if (!*words)
		die("missing argument to '%s'", of);
	return *words++;
}

static const struct node *parse_exec(const char *name)
{
	char **first = words;

	while (*words && strcmp(*words, ";") != 0 &&
	       !(strcmp(*words, "+") == 0 && words > first && strcmp(words[-1], "{}") == 0))
		words++;
	if (!*words || words == first)
		die("missing argument to '%s'", name);
	has_action = true;
	bool asks = strcmp(name, "-ok") == 0, gather = !asks && strcmp(*words, "+") == 0;
	*words++ = NULL;
	if (!gather) {
		struct node *n = new_node(run_exec);
		n->words = first;
		n->number = asks;
		return n;
	}
	struct batch *b = xmalloc(sizeof(*b));
	*b = (struct batch){ .node.run = run_gather, .fixed = (size_t)(words - first) - 2, .next = batches };
	b->command = xmalloc((b->fixed + 2) * sizeof(char *));
	memcpy(b->command, first, b->fixed * sizeof(char *));
	batches = b;
	return &b->node;
}

static void take_number(struct node *n, const char *name, const char *units)
{
	const char *text = next_argument(name);
	char *end;

	n->sign = *text == '+' ? 1 : *text == '-' ? -1 : 0;
	text += n->sign != 0;
	n->number = strtoll(text, &end, 10);
	n->unit = *units ? 512 : 1;
	if (end != text && *end && strchr(units, *end)) {
		n->unit = *end == 'c' ? 1 :
			  *end == 'k' ? 1024 :
			  *end == 'M' ? 1 << 20 :
			  *end == 'G' ? 1 << 30 :
					512;
		end++;
	}
	if (end == text || *end)
		die("invalid argument '%s' to '%s'", text, name);
}

static const struct node *parse_numeric(const char *name)
{
	static const struct {
		const char *name;
		bool (*run)(const struct node *, const char *, const struct stat *);
		const char *units;
		uint64_t unit;
	} tests[] = {
		{ "-size", run_size, "bckMG", 0 },  { "-links", run_links, "", 0 },
		{ "-inum", run_inode, "", 0 },	    { "-mtime", run_mtime, "", 86400 },
		{ "-mmin", run_mtime, "", 60 },	    { "-atime", run_atime, "", 86400 },
		{ "-ctime", run_ctime, "", 86400 }, { "-amin", run_atime, "", 60 },
		{ "-cmin", run_ctime, "", 60 },
	};

	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		if (strcmp(tests[i].name, name) != 0)
			continue;
		struct node *n = new_node(tests[i].run);
		take_number(n, name, tests[i].units);
		if (tests[i].unit)
			n->unit = tests[i].unit;
		return n;
	}
	die("unknown predicate '%s'", name);
}

static const struct node *parse_perm(const char *text)
{
	struct node *n = new_node(run_perm);
	const char *whole = text;
	mode_t mode;

	n->sign = *text == '-' ? -1 : *text == '/' ? 1 : 0;
	if (!parse_mode(text + (n->sign != 0), 0, &mode))
		die("invalid mode '%s'", whole);
	n->number = mode;
	return n;
}

static const struct node *parse_newer(const char *reference)
{
	struct node *n = new_node(run_newer);
	struct stat st;

	if (stat(reference, &st) < 0)
		die_file(reference);
	n->time = st.st_mtim;
	return n;
}

static const struct node *parse_print(char end)
{
	struct node *n = new_node(run_print);

	n->number = end;
	has_action = true;
	return n;
}

static const struct node *parse_text(const char *name,
				     bool (*run)(const struct node *, const char *, const struct stat *))
{
	struct node *n = new_node(run);

	n->text = next_argument(name);
	return n;
}

/* -user, -group: a name, or a number that is nobody's name. */
static const struct node *parse_owner(const char *name)
{
	bool of_user = name[1] == 'u';
	struct node *n = new_node(of_user ? run_user : run_group);
	const char *text = next_argument(name);
	const struct passwd *user = of_user ? getpwnam(text) : NULL;
	const struct group *group = of_user ? NULL : getgrnam(text);
	char *end = NULL;

	n->number = user ? user->pw_uid : group ? group->gr_gid : strtoll(text, &end, 10);
	if (end && (end == text || *end))
		die("'%s' is not the name of a known %s", text, name + 1);
	return n;
}

static const struct node *parse_iname(const char *name)
{
	struct node *n = new_node(run_iname);
	char *text = xstrdup(next_argument(name));

	for (char *at = text; *at; at++)
		*at = (char)tolower((unsigned char)*at);
	n->text = text;
	return n;
}

static const struct node *parse_primary(void)
{
	const char *word = next_argument("expression");

	if (strcmp(word, "(") == 0) {
		const struct node *inner = parse_or();
		if (!*words || strcmp(*words++, ")") != 0)
			die("expected ')'");
		return inner;
	}
	if (strcmp(word, "!") == 0 || strcmp(word, "-not") == 0) {
		struct node *n = new_node(run_not);
		n->left = parse_primary();
		return n;
	}
	if (strcmp(word, "-print") == 0 || strcmp(word, "-print0") == 0)
		return parse_print(word[6] ? '\0' : '\n');
	if (strcmp(word, "-exec") == 0 || strcmp(word, "-ok") == 0)
		return parse_exec(word);
	if (strcmp(word, "-name") == 0)
		return parse_text(word, run_name);
	if (strcmp(word, "-iname") == 0)
		return parse_iname(word);
	if (strcmp(word, "-user") == 0 || strcmp(word, "-group") == 0)
		return parse_owner(word);
	if (strcmp(word, "-nouser") == 0)
		return new_node(run_nouser);
	if (strcmp(word, "-nogroup") == 0)
		return new_node(run_nogroup);
	if (strcmp(word, "-path") == 0)
		return parse_text(word, run_path);
	if (strcmp(word, "-type") == 0)
		return parse_text(word, run_type);
	if (strcmp(word, "-perm") == 0)
		return parse_perm(next_argument(word));
	if (strcmp(word, "-newer") == 0)
		return parse_newer(next_argument(word));
	if (strcmp(word, "-prune") == 0)
		return new_node(run_prune);
	if (strcmp(word, "-quit") == 0) {
		has_action = true;
		return new_node(run_quit);
	}
	if (strcmp(word, "-empty") == 0)
		return new_node(run_empty);
	if (strcmp(word, "-delete") == 0) {
		has_action = depth_first = true;
		return new_node(run_delete);
	}
	if (strcmp(word, "-depth") == 0)
		depth_first = true;
	else if (strcmp(word, "-xdev") == 0 || strcmp(word, "-mount") == 0)
		one_system = true;
	else if (strcmp(word, "-maxdepth") == 0)
		most_depth = need_number(next_argument(word));
	else if (strcmp(word, "-mindepth") == 0)
		least_depth = need_number(next_argument(word));
	else if (strcmp(word, "-true") != 0)
		return parse_numeric(word);
	return new_node(run_true);
}

static const struct node *parse_and(void)
{
	const struct node *left = parse_primary();

	while (*words && strcmp(*words, ")") != 0 && strcmp(*words, "-o") != 0) {
		if (strcmp(*words, "-a") == 0)
			words++;
		struct node *n = new_node(run_and);
		n->left = left;
		n->right = parse_primary();
		left = n;
	}
	return left;
}

static const struct node *parse_or(void)
{
	const struct node *left = parse_and();

	while (*words && strcmp(*words, "-o") == 0) {
		words++;
		struct node *n = new_node(run_or);
		n->left = left;
		n->right = parse_and();
		left = n;
	}
	return left;
}

/* --- walking ----------------------------------------------------------------------------------------------- */

static long long depth_of(const char *path)
{
	long long depth = 0;

	for (path += top_length; *path; path++)
		depth += *path != '/' && path[-1] == '/';
	return depth;
}

static int visit(const char *path, const struct stat *st, enum walk_when when, void *context)
{
	const struct node *expression = context;
	long long depth = depth_of(path);
	bool directory = S_ISDIR(st->st_mode);
	/* At the depth limit a directory is not entered, so it has no LAST. */
	bool leaf = !directory || depth >= most_depth;

	if (when == WALK_FIRST && depth == 0)
		top_device = st->st_dev;
	pruned = one_system && st->st_dev != top_device;
	leaf |= pruned;
	if (depth >= least_depth && (leaf || (when == WALK_LAST) == depth_first))
		expression->run(expression, path, st);
	return directory && (leaf || (pruned && !depth_first)) ? WALK_SKIP : WALK_OK;
}

int main(int argc, char **argv)
{
	static char *here[] = { ".", NULL };
	int flags = 0, i = 1;

	tool_init(argc, argv, 1, "[-H | -L] [PATH...] [EXPRESSION]", NULL);
	for (; i < argc &&
	       (strcmp(argv[i], "-L") == 0 || strcmp(argv[i], "-H") == 0 || strcmp(argv[i], "-P") == 0);
	     i++)
		flags = argv[i][1] == 'L' ? WALK_FOLLOW : argv[i][1] == 'H' ? WALK_FOLLOW_TOP : 0;
	char **first = argv + i;
	while (i < argc && argv[i][0] != '-' && strcmp(argv[i], "(") != 0 && strcmp(argv[i], "!") != 0)
		i++;
	char **end = argv + i;
	words = argv + i;
	const struct node *expression = *words ? parse_or() : new_node(run_true);
	if (*words)
		die("unexpected '%s'", *words);
	if (!has_action) {
		struct node *n = new_node(run_and);
		n->left = expression;
		n->right = parse_print('\n');
		expression = n;
	}
	if (first == end) {
		first = here;
		end = here + 1;
	}
	for (; first < end; first++) {
		top_length = strlen(*first);
		if (walk(*first, flags | WALK_DANGLING, visit, (void *)expression) > 0)
			status = 1;
	}
	run_batches();
	return finish(status);
}
