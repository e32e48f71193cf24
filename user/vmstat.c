/* SPDX-License-Identifier: ISC */
/* vmstat: what the memory system did, from /proc/vmstat, stat and meminfo; what is missing there counts as 0. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util.h"

/* Counters since boot. Times are in ticks, paging in KiB. */
struct counters {
	uint64_t cpu[8]; /* user nice system idle iowait irq softirq steal */
	uint64_t swap_in, swap_out, in, out, interrupts, switches;
	uint64_t running, blocked; /* now */
};

struct memory {
	uint64_t swapped, unused, buffers, cache, inactive, active; /* KiB */
};

static bool show_active;

/* Of one line of /proc/stat, the numbers behind its name. */
static void read_numbers(const char *text, const char *name, uint64_t *numbers, int count)
{
	size_t length = strlen(name);

	for (const char *line = text; line && *line;
	     line = strchr(line, '\n'), line = line ? line + 1 : NULL) {
		if (strncmp(line, name, length) != 0 || line[length] != ' ')
			continue;
		char *at = (char *)line + length;
		for (int i = 0; i < count && *at != '\n' && *at; i++)
			numbers[i] = strtoull(at, &at, 10);
		return;
	}
}

static void read_counters(struct counters *c)
{
	char *stat_text = slurp("/proc/stat", NULL), *vm_text = slurp("/proc/vmstat", NULL);
	uint64_t page_kib = (uint64_t)sysconf(_SC_PAGESIZE) / 1024;

	*c = (struct counters){ 0 };
	if (!vm_text)
		die_file("/proc/vmstat");
	c->swap_in = proc_value(vm_text, "pswpin") * page_kib;
	c->swap_out = proc_value(vm_text, "pswpout") * page_kib;
	c->in = proc_value(vm_text, "pgpgin");
	c->out = proc_value(vm_text, "pgpgout");
	free(vm_text);
	if (!stat_text)
		return;
	read_numbers(stat_text, "cpu", c->cpu, 8);
	c->interrupts = proc_value(stat_text, "intr");
	c->switches = proc_value(stat_text, "ctxt");
	c->running = proc_value(stat_text, "procs_running");
	c->blocked = proc_value(stat_text, "procs_blocked");
	c->running -= c->running > 0; /* vmstat itself */
	free(stat_text);
}

static void read_memory(struct memory *m)
{
	char *text = slurp("/proc/meminfo", NULL);

	if (!text)
		die_file("/proc/meminfo");
	m->swapped = proc_value(text, "SwapTotal") - proc_value(text, "SwapFree");
	m->unused = proc_value(text, "MemFree");
	m->buffers = proc_value(text, "Buffers");
	m->cache = proc_value(text, "Cached") + proc_value(text, "SReclaimable");
	m->inactive = proc_value(text, "Inactive");
	m->active = proc_value(text, "Active");
	free(text);
}

static void print_headings(void)
{
	puts("procs -----------memory---------- ---swap-- -----io---- -system-- ------cpu-----");
	printf("%2s %2s %6s %6s %6s %6s %4s %4s %5s %5s %4s %4s %2s %2s %2s %2s %2s\n", "r", "b", "swpd",
	       "free", show_active ? "inact" : "buff", show_active ? "active" : "cache", "si", "so", "bi",
	       "bo", "in", "cs", "us", "sy", "id", "wa", "st");
}

/* What happened between two readings, a second. */
static void print_row(const struct counters *before, const struct counters *now, uint64_t ns)
{
	uint64_t cpu[8], all = 0, ms = ns / 1000000 ? ns / 1000000 : 1;
	const uint64_t deltas[] = {
		now->swap_in - before->swap_in,
		now->swap_out - before->swap_out,
		now->in - before->in,
		now->out - before->out,
		now->interrupts - before->interrupts,
		now->switches - before->switches,
	};
	static const int widths[] = { 4, 4, 5, 5, 4, 4 };
	struct memory m;

	read_memory(&m);
	for (int i = 0; i < 8; i++) {
		cpu[i] = now->cpu[i] > before->cpu[i] ? now->cpu[i] - before->cpu[i] : 0;
		all += cpu[i];
	}
	const uint64_t shares[] = { cpu[0] + cpu[1], cpu[2] + cpu[5] + cpu[6], cpu[3], cpu[4], cpu[7] };
	printf("%2llu %2llu %6llu %6llu %6llu %6llu", (unsigned long long)now->running,
	       (unsigned long long)now->blocked, (unsigned long long)m.swapped, (unsigned long long)m.unused,
	       (unsigned long long)(show_active ? m.inactive : m.buffers),
	       (unsigned long long)(show_active ? m.active : m.cache));
	for (int i = 0; i < 6; i++)
		printf(" %*llu", widths[i], (unsigned long long)((deltas[i] * 1000 + ms / 2) / ms));
	for (int i = 0; i < 5; i++)
		printf(" %2llu", (unsigned long long)(all ? (shares[i] * 100 + all / 2) / all : 0));
	putchar('\n');
}

/* Every counter the kernel has, one a line. */
static int print_all(void)
{
	char *vm_text = slurp("/proc/vmstat", NULL), *memory_text = slurp("/proc/meminfo", NULL);

	if (!vm_text || !memory_text)
		die_file(vm_text ? "/proc/meminfo" : "/proc/vmstat");
	for (char *line; (line = next_line(&memory_text)) != NULL;) {
		char *name = next_field(&line), *value = next_field(&line);
		if (value)
			printf("%13s K %.*s\n", value, (int)strcspn(name, ":"), name);
	}
	for (char *line; (line = next_line(&vm_text)) != NULL;) {
		char *name = next_field(&line), *value = next_field(&line);
		if (value)
			printf("%13s %s\n", value, name);
	}
	return finish(0);
}

static uint64_t uptime_ns(void)
{
	char *text = slurp("/proc/uptime", NULL);
	uint64_t ns = 0;

	if (text)
		text[strcspn(text, " \n")] = '\0';
	if (!text || !parse_duration(text, &ns))
		ns = 1000000000;
	free(text);
	return ns;
}

int main(int argc, char **argv)
{
	static const struct long_name longs[] = {
		{ "stats", 's' }, { "active", 'a' }, { "one-header", 'n' }, { 0 }
	};
	struct counters readings[2] = { 0 };
	uint64_t delay = 0;
	long long count = 1;
	bool one_heading = false;

	tool_init(argc, argv, 1, "[-an] [DELAY [COUNT]] | -s", longs);
	for (int c; (c = next_option(argc, argv, "answ")) != -1;) {
		if (c == 's')
			return print_all();
		show_active |= c == 'a';
		one_heading |= c == 'n';
	}
	if (argc - optind > 2)
		usage();
	if (optind < argc) {
		if (!parse_duration(argv[optind], &delay) || delay == 0)
			die("invalid delay '%s'", argv[optind]);
		count = optind + 1 < argc ? need_number(argv[optind + 1]) : INT64_MAX;
	}
	for (long long row = 0; row < count; row++) {
		if (row > 0)
			pause_for(delay);
		if (row == 0 || (row % 22 == 0 && !one_heading))
			print_headings();
		read_counters(&readings[row & 1]);
		print_row(&readings[(row & 1) ^ 1], &readings[row & 1], row ? delay : uptime_ns());
		fflush(stdout);
		if (ferror(stdout))
			break;
	}
	return finish(0);
}
