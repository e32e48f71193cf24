/* SPDX-License-Identifier: ISC */
/* umask and ulimit. */
#include "sh.h"
#include <sys/resource.h>

/* What a symbolic mode, as chmod's but without s and t, makes of the bits that are allowed; -1 if it is none. */
static int symbolic(const char *s, unsigned allowed)
{
	static const unsigned bits[] = { ['r'] = 0444, ['w'] = 0222, ['x'] = 0111 };
	static const unsigned whose[] = { ['u'] = 0700, ['g'] = 0070, ['o'] = 0007, ['a'] = 0777 };

	do {
		unsigned who = 0;
		for (; *s && strchr("ugoa", *s); s++)
			who |= whose[(int)*s];
		who = who ? who : 0777;
		if (!*s || !strchr("+-=", *s))
			return -1;
		while (*s && strchr("+-=", *s)) {
			unsigned perm = 0, copied = 0;
			int op = *s++;
			if (*s && strchr("ugo", *s))
				for (copied = allowed & whose[(int)*s++]; copied > 7;)
					copied >>= 3;
			perm = (copied & 7) * 0111;
			for (; *s && strchr("rwx", *s); s++)
				perm |= bits[(int)*s];
			perm &= who;
			allowed = op == '+' ? allowed | perm :
				  op == '-' ? allowed & ~perm :
					      (allowed & ~who) | perm;
		}
	} while (*s == ',' && s++);
	return *s ? -1 : (int)allowed;
}

static void print_symbolic(unsigned allowed)
{
	for (int shift = 6; shift >= 0; shift -= 3) {
		unsigned m = allowed >> shift;
		printf("%c=%s%s%s%c", "ogu"[shift / 3], m & 4 ? "r" : "", m & 2 ? "w" : "", m & 1 ? "x" : "",
		       shift ? ',' : '\n');
	}
}

int run_umask(int argc, char **argv)
{
	mode_t old = umask(0);
	int named = argc > 1 && !strcmp(argv[1], "-S"), i = 1 + named;
	char *end;

	umask(old);
	if (i >= argc) {
		if (named)
			print_symbolic(~old & 0777);
		else
			printf("%04o\n", old);
		return 0;
	}
	unsigned long v = strtoul(argv[i], &end, 8);
	if (*end || !isdigit((unsigned char)*argv[i])) {
		int allowed = symbolic(argv[i], ~old & 0777);
		v = allowed < 0 ? ~0ul : ~(unsigned)allowed & 0777;
	}
	if (v > 0777) {
		complain("umask: bad mode: %s", argv[i]);
		return 2;
	}
	umask((mode_t)v);
	return 0;
}

static const struct {
	char letter;
	int res;
	unsigned long unit;
	const char *name;
} limits[] = { { 't', RLIMIT_CPU, 1, "time(seconds)" },
	       { 'f', RLIMIT_FSIZE, 512, "file(blocks)" },
	       { 'd', RLIMIT_DATA, 1024, "data(kbytes)" },
	       { 's', RLIMIT_STACK, 1024, "stack(kbytes)" },
	       { 'c', RLIMIT_CORE, 512, "coredump(blocks)" },
	       { 'm', RLIMIT_RSS, 1024, "memory(kbytes)" },
	       { 'l', RLIMIT_MEMLOCK, 1024, "locked(kbytes)" },
	       { 'p', RLIMIT_NPROC, 1, "process" },
	       { 'n', RLIMIT_NOFILE, 1, "nofiles" },
	       { 'v', RLIMIT_AS, 1024, "vmemory(kbytes)" } };
enum { NLIMITS = sizeof limits / sizeof *limits };

static void print_limit(rlim_t v, unsigned long unit)
{
	if (v == RLIM_INFINITY)
		puts("unlimited");
	else
		printf("%lu\n", (unsigned long)v / unit);
}

int run_ulimit(int argc, char **argv)
{
	int hard = 0, soft = 0, which = 1, i = 1;
	struct rlimit r;

	for (; i < argc && argv[i][0] == '-'; i++)
		for (const char *p = argv[i] + 1; *p; p++) {
			int k = 0;
			while (k < NLIMITS && limits[k].letter != *p)
				k++;
			if (*p == 'H')
				hard = 1;
			else if (*p == 'S')
				soft = 1;
			else if (*p == 'a')
				which = -1;
			else if (k < NLIMITS)
				which = k;
			else
				fail(2, "ulimit: bad option: -%c", *p);
		}
	if (which < 0) {
		for (int k = 0; k < NLIMITS; k++) {
			getrlimit(limits[k].res, &r);
			printf("%-20s ", limits[k].name);
			print_limit(hard ? r.rlim_max : r.rlim_cur, limits[k].unit);
		}
		return 0;
	}
	getrlimit(limits[which].res, &r);
	if (i >= argc) {
		print_limit(hard ? r.rlim_max : r.rlim_cur, limits[which].unit);
		return 0;
	}
	int n = strcmp(argv[i], "unlimited") ? number("ulimit", argv[i]) : 0;
	if (n < 0)
		return 2;
	rlim_t v = strcmp(argv[i], "unlimited") ? (rlim_t)n * limits[which].unit : RLIM_INFINITY;
	if (hard || !soft)
		r.rlim_max = v;
	if (soft || !hard)
		r.rlim_cur = v;
	if (setrlimit(limits[which].res, &r) < 0) {
		complain("ulimit: %s", strerror(errno));
		return 2;
	}
	return 0;
}
