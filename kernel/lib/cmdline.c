/* SPDX-License-Identifier: ISC */
/* The kernel command line, split once at boot into words that stay. Constant afterwards: no lock. */
#include "lib/cmdline.h"
#include "lib/string.h"

#define MAX_WORDS 64

static char text[CMDLINE_MAX];	/* as given */
static char words[CMDLINE_MAX]; /* with a NUL after each word */
static const char *word[MAX_WORDS];
static unsigned nwords, ndashes; /* ndashes: index of `--`, or nwords */
static const char *command;	 /* in the device tree */

const char *cmdline_command(void)
{
	return command;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

/* Words end at blanks, but not between double quotes, which go. */
static void split(void)
{
	bool quoted = false;
	char *p = words, *to;

	for (nwords = 0; nwords < MAX_WORDS; nwords++) {
		while (is_blank(*p))
			p++;
		if (!*p)
			break;
		word[nwords] = to = p;
		for (; *p && (quoted || !is_blank(*p)); p++) {
			if (*p == '"')
				quoted = !quoted;
			else
				*to++ = *p;
		}
		if (*p)
			p++;
		*to = '\0';
	}
}

void cmdline_init(const char *line)
{
	static const char key[] = " quire.command=";
	const char *at = strstr(line, key);
	size_t nbytes = at ? (size_t)(at - line) : strlen(line);

	command = at ? at + sizeof(key) - 1 : NULL;
	strlcpy(text, line, MIN(nbytes + 1, sizeof(text)));
	strlcpy(words, line, MIN(nbytes + 1, sizeof(words)));
	split();
	for (ndashes = 0; ndashes < nwords && strcmp(word[ndashes], "--") != 0; ndashes++)
		;
}

const char *cmdline_text(void)
{
	return text;
}

const char *cmdline_get(const char *key)
{
	size_t n = strlen(key);

	for (unsigned i = ndashes; i-- > 0;)
		if (strncmp(word[i], key, n) == 0 && word[i][n] == '=')
			return word[i] + n + 1;
	return NULL;
}

bool cmdline_flag(const char *flag)
{
	for (unsigned i = 0; i < ndashes; i++)
		if (strcmp(word[i], flag) == 0)
			return true;
	return false;
}

const char *cmdline_init_arg(unsigned i)
{
	return ndashes + 1 + i < nwords ? word[ndashes + 1 + i] : NULL;
}
