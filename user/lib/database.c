/* SPDX-License-Identifier: ISC */
/* The text tables: /etc/passwd, /etc/group, /proc/mounts. Results lie in static storage. */
#include "libc.h"
#include <grp.h>
#include <mntent.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *line;
static size_t cap;

/* The next line of a colon-separated file that has at least `n` fields. */
static int next_entry(FILE *f, char **field, int n)
{
	while (getline(&line, &cap, f) > 0) {
		char *p = line;
		int i = 0;
		line[strcspn(line, "\n")] = 0;
		while (i < n && p)
			field[i++] = strsep(&p, ":");
		if (i == n)
			return 1;
	}
	return 0;
}

/* The first line whose field `key` is `want`. */
static int look_up(const char *path, int key, const char *want, char **field, int n)
{
	FILE *f = fopen(path, "re");
	int hit = 0;

	while (f && !hit && next_entry(f, field, n))
		hit = !strcmp(field[key], want);
	if (f)
		fclose(f);
	return hit;
}

static struct passwd *user(int key, const char *want)
{
	static struct passwd pw;
	char *f[7];

	if (!look_up("/etc/passwd", key, want, f, 7))
		return 0;
	pw = (struct passwd){ f[0], f[1], (uid_t)atol(f[2]), (gid_t)atol(f[3]), f[4], f[5], f[6] };
	return &pw;
}

struct passwd *getpwnam(const char *name)
{
	return user(0, name);
}

struct passwd *getpwuid(uid_t uid)
{
	char id[16];

	snprintf(id, sizeof id, "%u", uid);
	return user(2, id);
}

static struct group *group_of(char **f)
{
	static struct group gr;
	static char *members[64];
	char *p;
	int n = 0;

	for (p = f[3]; p && *p && n < 63;)
		members[n++] = strsep(&p, ",");
	members[n] = 0;
	gr = (struct group){ f[0], f[1], (gid_t)atol(f[2]), members };
	return &gr;
}

static struct group *group(int key, const char *want)
{
	char *f[4];

	return look_up("/etc/group", key, want, f, 4) ? group_of(f) : 0;
}

static FILE *all_groups; /* getgrent's place */

void endgrent(void)
{
	if (all_groups)
		fclose(all_groups);
	all_groups = 0;
}

void setgrent(void)
{
	endgrent();
}

struct group *getgrent(void)
{
	char *f[4];

	if (!all_groups)
		all_groups = fopen("/etc/group", "re");
	return all_groups && next_entry(all_groups, f, 4) ? group_of(f) : 0;
}

struct group *getgrnam(const char *name)
{
	return group(0, name);
}

struct group *getgrgid(gid_t gid)
{
	char id[16];

	snprintf(id, sizeof id, "%u", gid);
	return group(2, id);
}

char *getlogin(void)
{
	struct passwd *pw = getpwuid(getuid());

	return pw ? pw->pw_name : 0;
}

FILE *setmntent(const char *path, const char *mode)
{
	return fopen(path, mode);
}

/* The kernel writes blanks in names as \040 and the like. */
static char *unescape(char *s)
{
	char *d = s;

	for (char *p = s; *p; d++) {
		if (p[0] == '\\' && p[1] >= '0' && p[1] <= '3' && p[2] && p[3]) {
			*d = (char)((p[1] - '0') * 64 + (p[2] - '0') * 8 + p[3] - '0');
			p += 4;
		} else {
			*d = *p++;
		}
	}
	*d = 0;
	return s;
}

struct mntent *getmntent(FILE *f)
{
	static struct mntent m;
	char *field[4], *save;

	while (getline(&line, &cap, f) > 0) {
		int n = 0;
		for (char *p = strtok_r(line, " \t\n", &save); p && n < 4; p = strtok_r(0, " \t\n", &save))
			field[n++] = unescape(p);
		if (n == 4 && *field[0] != '#') {
			m = (struct mntent){ field[0], field[1], field[2], field[3], 0, 0 };
			return &m;
		}
	}
	return 0;
}

int endmntent(FILE *f)
{
	fclose(f);
	return 1;
}

char *hasmntopt(const struct mntent *m, const char *opt)
{
	size_t n = strlen(opt);

	for (char *p = m->mnt_opts; p && *p; p = strchr(p, ',') ? strchr(p, ',') + 1 : 0)
		if (!strncmp(p, opt, n) && (p[n] == ',' || p[n] == '=' || !p[n]))
			return p;
	return 0;
}
