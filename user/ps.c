/* SPDX-License-Identifier: ISC */
/* ps: the processes, from /proc/PID/stat, status and cmdline. All of them are shown. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util.h"

/* Of a process, what the columns show; numbers as /proc/PID/stat has them. */
struct process {
	int pid;
	char name[64], state;
	long long fields[53]; /* field N of proc(5)'s stat, from 4 on */
	unsigned uid;
	char *command;
};

enum {
	PPID = 4,
	PGRP = 5,
	SESSION = 6,
	TTY = 7,
	TPGID = 8,
	MINFLT = 10,
	MAJFLT = 12,
	UTIME = 14,
	STIME = 15,
	NICE = 19,
	THREADS = 20,
	VSIZE = 23,
	RSS = 24
};

static long page_kib, ticks;

static bool read_process(const char *pid, struct process *p)
{
	char path[64];
	size_t length;

	snprintf(path, sizeof(path), "/proc/%s/stat", pid);
	char *text = slurp(path, NULL);
	if (!text)
		return false;
	/* The name may hold anything, also parentheses: it ends at the last one. */
	char *open = strchr(text, '('), *close = strrchr(text, ')');
	if (!open || !close || close < open || close[1] != ' ') {
		free(text);
		return false;
	}
	*p = (struct process){ .pid = atoi(text), .state = close[2] };
	snprintf(p->name, sizeof(p->name), "%.*s", (int)(close - open - 1), open + 1);
	char *at = close + 2 + (close[2] != '\0');
	for (int i = PPID; i < 53; i++)
		p->fields[i] = strtoll(at, &at, 10);
	free(text);

	snprintf(path, sizeof(path), "/proc/%s/status", pid);
	text = slurp(path, NULL);
	p->uid = text ? (unsigned)proc_value(text, "Uid") : 0;
	free(text);
	snprintf(path, sizeof(path), "/proc/%s/cmdline", pid);
	p->command = slurp(path, &length);
	for (size_t i = 0; p->command && i + 1 < length; i++)
		if (p->command[i] == '\0' || p->command[i] == '\n')
			p->command[i] = ' ';
	return true;
}

static void put_state(const struct process *p, char *text, size_t size)
{
	snprintf(text, size, "%c%s%s%s%s", p->state,
		 p->fields[NICE] < 0 ? "<" :
		 p->fields[NICE] > 0 ? "N" :
				       "",
		 p->fields[SESSION] == p->pid ? "s" : "", p->fields[THREADS] > 1 ? "l" : "",
		 p->fields[TPGID] > 0 && p->fields[TPGID] == p->fields[PGRP] ? "+" : "");
}

static void put_time(const struct process *p, char *text, size_t size)
{
	long long seconds = (p->fields[UTIME] + p->fields[STIME]) / ticks;

	snprintf(text, size, "%02lld:%02lld:%02lld", seconds / 3600, seconds / 60 % 60, seconds % 60);
}

static void put_tty(const struct process *p, char *text, size_t size)
{
	long long device = p->fields[TTY];

	if (device == 0)
		snprintf(text, size, "?");
	else
		snprintf(text, size, "%lld,%lld", device >> 8 & 0xfff,
			 (device & 0xff) | (device >> 12 & 0xfff00));
}

static void put_arguments(const struct process *p, char *text, size_t size)
{
	if (p->command && p->command[0])
		snprintf(text, size, "%s", p->command);
	else
		snprintf(text, size, "[%s]", p->name); /* a zombie, or a thread of the kernel */
}

static void put_rss(const struct process *p, char *text, size_t size)
{
	snprintf(text, size, "%lld", p->fields[RSS] * page_kib);
}

static void put_vsz(const struct process *p, char *text, size_t size)
{
	snprintf(text, size, "%lld", p->fields[VSIZE] / 1024);
}

static void put_pid(const struct process *p, char *text, size_t size)
{
	snprintf(text, size, "%d", p->pid);
}

static void put_user(const struct process *p, char *text, size_t size)
{
	snprintf(text, size, "%s", user_name(p->uid));
}

static void put_uid(const struct process *p, char *text, size_t size)
{
	snprintf(text, size, "%u", p->uid);
}

static void put_name(const struct process *p, char *text, size_t size)
{
	snprintf(text, size, "%s", p->name);
}

/* A column prints a field of stat, or what its function says. A negative width: flush left. */
static const struct column {
	const char *name, *heading;
	int width, field;
	void (*put)(const struct process *p, char *text, size_t size);
} columns[] = {
	{ "pid", "PID", 5, 0, put_pid },	 { "ppid", "PPID", 5, PPID, NULL },
	{ "pgid", "PGID", 5, PGRP, NULL },	 { "pgrp", "PGRP", 5, PGRP, NULL },
	{ "sid", "SID", 5, SESSION, NULL },	 { "tty", "TT", -5, 0, put_tty },
	{ "stat", "STAT", -4, 0, put_state },	 { "state", "S", -1, 0, put_state },
	{ "s", "S", -1, 0, put_state },		 { "vsz", "VSZ", 7, 0, put_vsz },
	{ "rss", "RSS", 6, 0, put_rss },	 { "time", "TIME", 8, 0, put_time },
	{ "comm", "COMMAND", -15, 0, put_name }, { "args", "COMMAND", -27, 0, put_arguments },
	{ "cmd", "CMD", -27, 0, put_arguments }, { "command", "COMMAND", -27, 0, put_arguments },
	{ "user", "USER", -8, 0, put_user },	 { "uid", "UID", 5, 0, put_uid },
	{ "ni", "NI", 3, NICE, NULL },		 { "nlwp", "NLWP", 4, THREADS, NULL },
	{ "minflt", "MINFLT", 6, MINFLT, NULL }, { "min_flt", "MINFL", 6, MINFLT, NULL },
	{ "majflt", "MAJFLT", 6, MAJFLT, NULL }, { "maj_flt", "MAJFL", 6, MAJFLT, NULL },
};

enum { MAX_SHOWN = 32 };
static struct shown {
	const struct column *column;
	const char *heading;
} shown[MAX_SHOWN];
static int shown_count;

/* "pid,comm=,rss=SIZE": columns with other headings; all empty headings together print no heading line. */
static void add_columns(const char *list)
{
	char *copy = xstrdup(list), *rest = copy;

	while (rest) {
		char *name = rest, *comma = strpbrk(rest, ", "), *equals = strchr(rest, '=');
		if (equals && comma && equals > comma)
			equals = NULL; /* of a later column */
		if (equals && comma && comma != equals + 1)
			comma = NULL; /* the heading reaches to the end of the argument */
		rest = comma ? comma + 1 : NULL;
		if (comma)
			*comma = '\0';
		if (equals)
			*equals++ = '\0';
		const struct column *c = NULL;
		for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
			if (strcmp(columns[i].name, name) == 0)
				c = &columns[i];
		if (!c || shown_count == MAX_SHOWN)
			die("unknown column '%s'", name);
		shown[shown_count++] = (struct shown){ c, equals ? equals : c->heading };
	}
}

static void put_cell(const struct column *c, const char *text, bool last)
{
	int width = last && c->width < 0 ? 0 : c->width;

	printf("%*s%s", width, text, last ? "\n" : " ");
}

static void print_process(const struct process *p)
{
	char text[4096];

	for (int i = 0; i < shown_count; i++) {
		const struct column *c = shown[i].column;
		if (c->put)
			c->put(p, text, sizeof(text));
		else
			snprintf(text, sizeof(text), "%lld", p->fields[c->field]);
		if (c->width == -1)
			text[1] = '\0';
		put_cell(c, text, i == shown_count - 1);
	}
}

static void print_headings(void)
{
	bool any = false;

	for (int i = 0; i < shown_count; i++)
		any |= shown[i].heading[0] != '\0';
	for (int i = 0; any && i < shown_count; i++)
		put_cell(shown[i].column, shown[i].heading, i == shown_count - 1);
}

static int compare_pids(const void *a, const void *b)
{
	return atoi(*(char *const *)a) - atoi(*(char *const *)b);
}

/* Is `pid` in a list like "1,17 20"? */
static bool in_list(const char *list, long pid)
{
	for (char *end; *list; list = end + (*end != '\0')) {
		if (strtol(list, &end, 10) == pid && end != list)
			return true;
		if (end == list && !*end)
			break;
	}
	return false;
}

int main(int argc, char **argv)
{
	const char *pids = NULL;
	bool any = false;
	size_t count = 0;

	tool_init(argc, argv, 1, "[-Aef] [-p PID,...] [-o COLUMN,...]", NULL);
	for (int c; (c = next_option(argc, argv, "Aaeflo:p:uwx")) != -1;) {
		if (c == 'o')
			add_columns(optarg);
		else if (c == 'p')
			pids = optarg;
		else if (c == 'f' && shown_count == 0)
			add_columns("user,pid,ppid,stat,tty,vsz,rss,time,args");
	}
	for (; optind < argc; optind++) /* the other tradition: "ps aux" */
		if (argv[optind][strspn(argv[optind], "auxwef")])
			usage();
	if (shown_count == 0)
		add_columns("pid,ppid,stat,vsz,rss,time,args");
	ticks = sysconf(_SC_CLK_TCK);
	page_kib = sysconf(_SC_PAGESIZE) / 1024;
	char **names = directory_names("/proc");
	if (!names)
		die_file("/proc");
	while (names[count])
		count++;
	qsort(names, count, sizeof(*names), compare_pids);
	print_headings();
	for (size_t i = 0; i < count; i++) {
		struct process p;
		if (!isdigit((unsigned char)names[i][0]) || (pids && !in_list(pids, atol(names[i]))) ||
		    !read_process(names[i], &p))
			continue; /* one that has gone meanwhile is none */
		print_process(&p);
		free(p.command);
		any = true;
	}
	return finish(!any);
}
