/* SPDX-License-Identifier: ISC */
/* The environment. A string that setenv made is leaked when it is replaced: others may still point to it. */
#include "libc.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char **owned; /* environ when it is our own array */

static int find(const char *name, size_t n)
{
	for (int i = 0; environ && environ[i]; i++)
		if (!strncmp(environ[i], name, n) && environ[i][n] == '=')
			return i;
	return -1;
}

static int put(char *s, size_t n)
{
	int i = find(s, n), count = 0;

	if (i >= 0) {
		environ[i] = s;
		return 0;
	}
	while (environ && environ[count])
		count++;
	char **e = realloc(environ == owned ? owned : 0, (count + 2) * sizeof *e);
	if (!e)
		return -1;
	if (environ != owned && count)
		memcpy(e, environ, count * sizeof *e);
	e[count] = s;
	e[count + 1] = 0;
	environ = owned = e;
	return 0;
}

char *getenv(const char *name)
{
	size_t n = strlen(name);
	int i = find(name, n);

	return i < 0 ? 0 : environ[i] + n + 1;
}

static int bad_name(const char *name)
{
	if (name && *name && !strchr(name, '='))
		return 0;
	errno = EINVAL;
	return 1;
}

int setenv(const char *name, const char *value, int overwrite)
{
	if (bad_name(name))
		return -1;
	size_t n = strlen(name), v = strlen(value);
	if (!overwrite && find(name, n) >= 0)
		return 0;
	char *s = malloc(n + v + 2);
	if (!s)
		return -1;
	memcpy(s, name, n);
	s[n] = '=';
	memcpy(s + n + 1, value, v + 1);
	return put(s, n);
}

int unsetenv(const char *name)
{
	int i;

	if (bad_name(name))
		return -1;
	while ((i = find(name, strlen(name))) >= 0)
		do
			environ[i] = environ[i + 1];
		while (environ[i++]);
	return 0;
}

int putenv(char *s)
{
	char *eq = strchr(s, '=');

	return eq ? put(s, eq - s) : unsetenv(s);
}

int clearenv(void)
{
	environ = 0;
	return 0;
}
