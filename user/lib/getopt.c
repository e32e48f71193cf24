/* SPDX-License-Identifier: ISC */
/* Option parsing. Stops at the first operand, as POSIX wants. */
#include "libc.h"
#include <getopt.h>
#include <stdio.h>
#include <string.h>

char *optarg;
int optind = 1, opterr = 1, optopt;
static int inside; /* position within a cluster of short options */

static int complain(char *const argv[], const char *opts, const char *what, const char *opt, int n)
{
	if (opterr && *opts != ':')
		fprintf(stderr, "%s: %s -- '%.*s'\n", argv[0], what, n, opt);
	return '?';
}

int getopt(int argc, char *const argv[], const char *opts)
{
	if (optind == 0) { /* start again */
		optind = 1;
		inside = 0;
	}
	optarg = 0;
	if (!inside) {
		if (optind >= argc || !argv[optind] || argv[optind][0] != '-' || !argv[optind][1])
			return -1;
		if (!strcmp(argv[optind], "--")) {
			optind++;
			return -1;
		}
		inside = 1;
	}
	const char *at = argv[optind] + inside++;
	const char *o = *at == ':' ? 0 : strchr(opts + (*opts == '+'), *at);
	int last = !at[1];
	optopt = (unsigned char)*at;
	if (last || (o && o[1] == ':')) {
		optind++;
		inside = 0;
	}
	if (!o)
		return complain(argv, opts, "invalid option", at, 1);
	if (o[1] != ':')
		return optopt;
	if (!last) {
		optarg = (char *)at + 1;
	} else if (o[2] != ':') {
		if (optind >= argc) {
			complain(argv, opts, "option requires an argument", at, 1);
			return *opts == ':' ? ':' : '?';
		}
		optarg = argv[optind++];
	}
	return optopt;
}

int getopt_long(int argc, char *const argv[], const char *opts, const struct option *lo, int *index)
{
	const char *arg = optind < argc && optind > 0 ? argv[optind] : 0;
	int hit = -1;

	if (inside || !arg || arg[0] != '-' || arg[1] != '-' || !arg[2])
		return getopt(argc, argv, opts);
	const char *name = arg + 2, *eq = strchrnul(name, '=');
	size_t n = eq - name;
	for (int i = 0; lo[i].name; i++) {
		if (strncmp(lo[i].name, name, n))
			continue;
		if (!lo[i].name[n]) {
			hit = i;
			break;
		}
		hit = hit == -1 ? i : -2; /* an abbreviation must be unique */
	}
	optind++;
	optopt = 0;
	optarg = *eq ? (char *)eq + 1 : 0;
	if (hit < 0)
		return complain(argv, opts, hit == -2 ? "ambiguous option" : "unrecognized option", arg,
				(int)n + 2);
	if (lo[hit].has_arg == no_argument && optarg)
		return complain(argv, opts, "option takes no argument", arg, (int)n + 2);
	if (lo[hit].has_arg == required_argument && !optarg) {
		if (optind >= argc) {
			complain(argv, opts, "option requires an argument", arg, (int)n + 2);
			return *opts == ':' ? ':' : '?';
		}
		optarg = argv[optind++];
	}
	if (index)
		*index = hit;
	if (!lo[hit].flag)
		return lo[hit].val;
	*lo[hit].flag = lo[hit].val;
	return 0;
}
