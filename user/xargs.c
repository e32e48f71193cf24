/* SPDX-License-Identifier: ISC */
/* xargs: runs a command with the words of standard input as further arguments. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util.h"

enum { MAX_BYTES = 96 * 1024 }; /* of arguments in one command; the kernel takes more */

static char **command; /* the fixed words, then those of the input */
static size_t fixed, count;
static size_t bytes, fixed_bytes;
static size_t most_words = SIZE_MAX, most_lines = SIZE_MAX, lines;
static size_t most_bytes = MAX_BYTES;
static const char *last_word; /* -E: the word that ends the input */
static const char *replace;
static bool plain; /* words end with `end`, and nothing else counts in them */
static int end;
static bool line_ended; /* by the last word: behind a blank at its end a line goes on in the next */
static bool no_empty, trace;
static int status;

static void run(char **words)
{
	int result;

	for (char **word = words; trace && *word; word++)
		fprintf(stderr, "%s%c", *word, word[1] ? ' ' : '\n');
	fflush(stdout);
	pid_t child = fork();
	if (child < 0)
		die_file("fork");
	if (child == 0) {
		execvp(words[0], words);
		complain("%s: %s", words[0], strerror(errno));
		_exit(errno == ENOENT ? 127 : 126);
	}
	while (waitpid(child, &result, 0) < 0)
		if (errno != EINTR)
			die_file("wait");
	if (WIFSIGNALED(result) || WEXITSTATUS(result) == 255) {
		complain("%s: %s", words[0],
			 WIFSIGNALED(result) ? "terminated by signal" : "exited with status 255; aborting");
		exit(WIFSIGNALED(result) ? 125 : 124);
	}
	if (WEXITSTATUS(result) >= 126)
		exit(WEXITSTATUS(result));
	if (WEXITSTATUS(result) != 0)
		status = 123;
}

static void run_batch(void)
{
	command[fixed + count] = NULL;
	run(command);
	for (size_t i = 0; i < count; i++)
		free(command[fixed + i]);
	count = 0;
	lines = 0;
	bytes = fixed_bytes;
}

static char *replaced(const char *text, const char *word)
{
	size_t length = strlen(replace), out_length = 0;
	char *out = xmalloc(1);

	*out = '\0';
	while (*text) {
		const char *hit = strstr(text, replace);
		size_t before = hit ? (size_t)(hit - text) : strlen(text);
		out = xrealloc(out, out_length + before + strlen(word) + 1);
		memcpy(out + out_length, text, before);
		strcpy(out + out_length + before, hit ? word : "");
		out_length += before + (hit ? strlen(word) : 0);
		text += before + (hit ? length : 0);
	}
	return out;
}

/* -I: the command once for each line. */
static void run_replaced(const char *word)
{
	char **words = xmalloc((fixed + 1) * sizeof(*words));

	for (size_t i = 0; i < fixed; i++)
		words[i] = replaced(command[i], word);
	words[fixed] = NULL;
	run(words);
	free_names(words);
}

/* What a word counts: with -s its bytes alone. */
static size_t size_of(const char *word)
{
	return strlen(word) + 1 + (most_bytes == MAX_BYTES ? sizeof(char *) : 0);
}

static void add_word(const char *word)
{
	size_t size = size_of(word);

	if (replace) {
		run_replaced(word);
		return;
	}
	if (count > 0 && (count >= most_words || lines >= most_lines || bytes + size > most_bytes))
		run_batch();
	if (bytes + size > most_bytes)
		die("argument line too long");
	command = xrealloc(command, (fixed + count + 2) * sizeof(*command));
	command[fixed + count++] = xstrdup(word);
	bytes += size;
}

/* The next word of the input into a buffer; false at the end. Quotes and backslashes count unless -0 or -d. */
static bool next_word(char **word, size_t *capacity)
{
	size_t length = 0;
	int quote = 0, c;
	bool any = false;

	while ((c = getchar()) != EOF) {
		if (plain ? c == end : !quote && (c == '\n' || (!replace && (c == ' ' || c == '\t')))) {
			if (any || (plain && !any))
				break;
			continue;
		}
		if (replace && !plain && !any && (c == ' ' || c == '\t'))
			continue;
		any = true;
		if (!plain && quote && c == '\n')
			die("unmatched %s quote", quote == '"' ? "double" : "single");
		if (!plain && (quote ? c == quote : c == '"' || c == '\'')) {
			quote = quote ? 0 : c;
			continue;
		}
		if (!plain && !quote && c == '\\' && (c = getchar()) == EOF)
			break;
		if (length + 2 > *capacity)
			*word = xrealloc(*word, *capacity = *capacity * 2 + 64);
		(*word)[length++] = (char)c;
	}
	if (quote)
		die("unmatched %s quote", quote == '"' ? "double" : "single");
	if (*capacity == 0)
		*word = xrealloc(*word, *capacity = 64);
	(*word)[length] = '\0';
	line_ended = c == '\n';
	return c != EOF || any;
}

static int escaped(char c)
{
	static const char from[] = "0abfnrtv\\", to[] = "\0\a\b\f\n\r\t\v\\";
	const char *hit = c ? strchr(from, c) : NULL;

	if (!hit)
		die("-d: unknown escape");
	return to[hit - from];
}

int main(int argc, char **argv)
{
	static char *echo[] = { "echo", NULL };
	char *word = NULL;
	size_t capacity = 0;
	bool any = false;

	tool_init(argc, argv, 1,
		  "[-0rt] [-d BYTE] [-E WORD] [-s BYTES] [-n WORDS | -L LINES | -I TEXT] [COMMAND "
		  "[ARGUMENT...]]",
		  NULL);
	for (int c; (c = next_option(argc, argv, "+0d:E:I:L:n:rs:t")) != -1;) {
		switch (c) {
		case '0':
			plain = true;
			break;
		case 'd':
			plain = true;
			end = optarg[0] == '\\' ? escaped(optarg[1]) : optarg[0];
			break;
		case 'E':
			last_word = *optarg ? optarg : NULL;
			break;
		case 'L':
			most_lines = need_size(optarg);
			if (most_lines == 0)
				die("invalid number '%s'", optarg);
			break;
		case 's':
			most_bytes = need_size(optarg);
			most_bytes = most_bytes < MAX_BYTES ? most_bytes : MAX_BYTES;
			break;
		case 'I':
			replace = optarg;
			break;
		case 'n':
			most_words = need_size(optarg);
			if (most_words == 0)
				die("invalid number '%s'", optarg);
			break;
		case 'r':
			no_empty = true;
			break;
		case 't':
			trace = true;
			break;
		}
	}
	char **given = optind < argc ? argv + optind : echo;
	while (given[fixed])
		fixed_bytes += size_of(given[fixed++]);
	command = xmalloc((fixed + 2) * sizeof(*command));
	memcpy(command, given, fixed * sizeof(*command));
	bytes = fixed_bytes;
	while (next_word(&word, &capacity) && (plain || !last_word || strcmp(word, last_word) != 0)) {
		add_word(word);
		lines += line_ended;
		any = true;
	}
	if (!replace && (count > 0 || (!any && !no_empty)))
		run_batch();
	return finish(status);
}
