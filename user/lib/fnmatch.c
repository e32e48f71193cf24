/* SPDX-License-Identifier: ISC */
/* Shell patterns: *, ?, [sets], and the path names that match. */
#include "libc.h"
#include <ctype.h>
#include <dirent.h>
#include <fnmatch.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int in_class(const char *name, size_t n, int c)
{
	static const struct {
		const char *name;
		int (*is)(int);
	} classes[] = { { "alpha", isalpha }, { "digit", isdigit }, { "alnum", isalnum },
			{ "upper", isupper }, { "lower", islower }, { "space", isspace },
			{ "blank", isblank }, { "punct", ispunct }, { "print", isprint },
			{ "graph", isgraph }, { "cntrl", iscntrl }, { "xdigit", isxdigit } };

	for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
		if (strlen(classes[i].name) == n && !memcmp(classes[i].name, name, n))
			return classes[i].is(c);
	return 0;
}

/* The set that begins after '[': whether `c` is in it, and its end; NULL if it never ends (a plain '['). */
static const char *match_set(const char *p, unsigned char c, int flags, int *hit)
{
	int invert = *p == '!' || *p == '^', in = 0;
	const char *start = p += invert;

	for (; *p != ']' || p == start; p++) {
		if (!*p || ((flags & FNM_PATHNAME) && *p == '/'))
			return 0;
		if (p[0] == '[' && p[1] == ':') {
			const char *end = strstr(p + 2, ":]");
			if (end) {
				in |= in_class(p + 2, end - p - 2, c);
				p = end + 1;
				continue;
			}
		}
		if (*p == '\\' && !(flags & FNM_NOESCAPE) && p[1])
			p++;
		unsigned char lo = *p, hi = lo;
		if (p[1] == '-' && p[2] && p[2] != ']') {
			p += 2;
			if (*p == '\\' && !(flags & FNM_NOESCAPE) && p[1])
				p++;
			hi = *p;
		}
		in |= lo <= c && c <= hi;
	}
	*hit = in != invert;
	return p + 1;
}

/* One pattern element (not '*') against *s. The rest of the pattern, or NULL. */
static const char *match_one(const char *p, const char *s, int flags)
{
	int hit;

	switch (*p) {
	case '?':
		return *s && !(*s == '/' && flags & FNM_PATHNAME) ? p + 1 : 0;
	case '[': {
		const char *end = match_set(p + 1, *s, flags, &hit);
		if (end)
			return *s && hit && !(*s == '/' && flags & FNM_PATHNAME) ? end : 0;
		break;
	}
	case '\\':
		if (!(flags & FNM_NOESCAPE) && p[1])
			p++;
		break;
	}
	return *p && *p == *s ? p + 1 : 0;
}

static int leading_dot(const char *s, const char *start, int flags)
{
	return *s == '.' && flags & FNM_PERIOD && (s == start || (flags & FNM_PATHNAME && s[-1] == '/'));
}

/* On a mismatch only the last star need take more: time is the product of the lengths at worst. */
int fnmatch(const char *pattern, const char *name, int flags)
{
	const char *p = pattern, *s = name, *star = 0, *from = 0;

	for (;;) {
		if (*p == '*') {
			if (leading_dot(s, name, flags))
				return FNM_NOMATCH;
			star = ++p;
			from = s;
			continue;
		}
		if (!*p && !*s)
			return 0;
		const char *next = *p && *s && !(leading_dot(s, name, flags) && *p != '.' && *p != '\\') ?
					   match_one(p, s, flags) :
					   0;
		if (next) {
			p = next;
			s++;
			continue;
		}
		if (!star || !*from || (*from == '/' && flags & FNM_PATHNAME))
			return FNM_NOMATCH;
		p = star;
		s = ++from;
	}
}

/* ---- glob ---- */

static int add(glob_t *g, const char *path)
{
	char **v = reallocarray(g->gl_pathv, g->gl_offs + g->gl_pathc + 2, sizeof *v);

	if (!v)
		return GLOB_NOSPACE;
	g->gl_pathv = v;
	v += g->gl_offs + g->gl_pathc;
	v[1] = 0;
	if (!(v[0] = strdup(path)))
		return GLOB_NOSPACE;
	g->gl_pathc++;
	return 0;
}

static int magic(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i] == '*' || p[i] == '?' || p[i] == '[')
			return 1;
		if (p[i] == '\\')
			i++;
	}
	return 0;
}

static char *join(const char *dir, const char *name, size_t n, int unescape)
{
	size_t d = strlen(dir);
	char *s = malloc(d + n + 1), *e = s + d;

	if (!s)
		return 0;
	memcpy(s, dir, d);
	for (size_t i = 0; i < n; i++) {
		if (unescape && name[i] == '\\' && i + 1 < n)
			i++;
		*e++ = name[i];
	}
	*e = 0;
	return s;
}

static int walk(glob_t *g, const char *prefix, const char *p);

/* `comp` of length n is a component with no pattern, `rest` what follows it. */
static int walk_plain(glob_t *g, const char *prefix, const char *comp, size_t n, const char *rest)
{
	struct stat st;
	char *path = join(prefix, comp, n, 1);
	int r = GLOB_NOSPACE;

	if (path)
		r = *rest ? walk(g, path, rest) : lstat(path, &st) == 0 ? add(g, path) : 0;
	free(path);
	return r;
}

static int walk_dir(glob_t *g, const char *prefix, const char *comp, size_t n, const char *rest)
{
	DIR *d = opendir(*prefix ? prefix : ".");
	char *pat = strndup(comp, n);
	struct dirent *e;
	int r = pat ? 0 : GLOB_NOSPACE;

	while (d && !r && (e = readdir(d))) {
		if (fnmatch(pat, e->d_name, FNM_PERIOD))
			continue;
		char *path = join(prefix, e->d_name, strlen(e->d_name), 0);
		if (!path)
			r = GLOB_NOSPACE;
		else if (!*rest)
			r = add(g, path);
		else if (e->d_type == DT_DIR || e->d_type == DT_LNK || e->d_type == DT_UNKNOWN)
			r = walk(g, path, rest);
		free(path);
	}
	if (d)
		closedir(d);
	free(pat);
	return r;
}

static int walk(glob_t *g, const char *prefix, const char *p)
{
	size_t slashes = strspn(p, "/");
	char *dir = join(prefix, p, slashes, 0);
	struct stat st;
	int r;

	if (!dir)
		return GLOB_NOSPACE;
	p += slashes;
	size_t n = strcspn(p, "/");
	if (!*p)
		r = stat(dir, &st) == 0 ? add(g, dir) : 0;
	else if (magic(p, n))
		r = walk_dir(g, dir, p, n, p + n);
	else
		r = walk_plain(g, dir, p, n, p + n);
	free(dir);
	return r;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int glob(const char *pattern, int flags, int (*errfunc)(const char *, int), glob_t *g)
{
	(void)errfunc; /* directories that cannot be read match nothing */
	if (!(flags & GLOB_APPEND)) {
		g->gl_pathc = g->gl_offs = 0;
		g->gl_pathv = 0;
	}
	size_t first = g->gl_pathc;
	int r = walk(g, "", pattern);
	if (r)
		return r;
	if (g->gl_pathc == first)
		return flags & GLOB_NOCHECK ? add(g, pattern) : GLOB_NOMATCH;
	if (!(flags & GLOB_NOSORT))
		qsort(g->gl_pathv + g->gl_offs + first, g->gl_pathc - first, sizeof *g->gl_pathv, by_name);
	return 0;
}

void globfree(glob_t *g)
{
	for (size_t i = 0; i < g->gl_pathc; i++)
		free(g->gl_pathv[g->gl_offs + i]);
	free(g->gl_pathv);
	g->gl_pathv = 0;
	g->gl_pathc = 0;
}
