/* SPDX-License-Identifier: ISC */
/*
 * What the single-file tools of user/ share: messages and exit status, options, numbers, whole-file I/O (lib/util.c)
 * and walks over directory trees (lib/tree.c). Nothing here is for programs that are not tools.
 */
#ifndef UTIL_H
#define UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/types.h>

/* --- messages, options, exit ------------------------------------------------------------------------------- */

/* A long spelling of a one-letter option; a table ends with an empty entry. */
struct long_name {
	const char *name;
	char letter;
};

extern const char *tool_name; /* argv[0] without its directories */
extern int tool_trouble;      /* exit status of bad usage, of die() and of a failed write to stdout */

/* First call of a tool. Spells the long options of `longs` (may be NULL) as short ones in argv. */
void tool_init(int argc, char **argv, int trouble, const char *usage_text, const struct long_name *longs);
/*
 * As getopt(3), but a wrong option ends the tool with its usage, and options may stand behind operands, which are
 * moved to the end of argv. A '+' before `letters` stops at the first operand.
 */
int next_option(int argc, char **argv, const char *letters);
_Noreturn void usage(void);

/* "NAME: text" on stderr; file_error: "NAME: PATH: reason of errno". The die forms then exit(tool_trouble). */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));
void file_error(const char *path);
_Noreturn void die_file(const char *path);
/* Asks on stderr and reads a line of stdin: true for one that starts with y or Y. */
bool confirm(const char *question, const char *path);
/* Last call of a tool: what was printed reaches its file or is complained about. Returns the exit status. */
int finish(int status);

/* --- memory, strings, numbers ------------------------------------------------------------------------------ */

void *xmalloc(size_t nbytes);
void *xrealloc(void *old, size_t nbytes);
char *xstrdup(const char *text);
/* DIR/NAME with one slash, in fresh memory. */
char *path_join(const char *dir, const char *name);
/* The last component of a path, trailing slashes ignored, in fresh memory; "/" for the root. */
char *path_base(const char *path);
/* Where an operand goes: TARGET itself, or TARGET/base(source) when target is a directory. Fresh memory. */
char *path_into(const char *target, bool target_is_dir, const char *source);
bool is_directory(const char *path);

/* A decimal number and nothing else. false: not one, or out of range. */
bool parse_number(const char *text, long long *value);
/* A byte count: decimal with c w b, k K M G T P (powers of 1024; with B: of 1000; with iB: 1024), and AxB products. */
bool parse_size(const char *text, uint64_t *value);
/* Seconds with a fraction and an s, m, h or d. */
bool parse_duration(const char *text, uint64_t *nanoseconds);
void pause_for(uint64_t nanoseconds);
/* A number or a size, ending the tool when `text` is none. */
long long need_number(const char *text);
uint64_t need_size(const char *text);
/* An octal or symbolic (u+x,go=) mode applied to `old`. The umask counts where no u, g, o, a is given. */
bool parse_mode(const char *text, mode_t old, mode_t *mode);
/* A date: "@seconds", "YYYY-MM-DD[ T]HH:MM[:SS[.frac]]" or "YYYY-MM-DD", local time. */
bool parse_date(const char *text, struct timespec *when);

/* Prints text with \n, \t, \NNN (`zero`: also \0NNN) and their like replaced. false: \c ended it. */
bool put_escaped(const char *text, bool zero);

/* "-rwxr-xr-x" */
void mode_string(mode_t mode, char text[11]);
/* 1023, 1.5K, 12M: three or four characters, rounded up, powers of 1024. */
const char *human_size(uint64_t nbytes, char text[16]);
/* Names from /etc/passwd and /etc/group, else the number. Valid until the next call for the same kind. */
const char *user_name(uid_t id);
const char *group_name(gid_t id);

/* --- input and output -------------------------------------------------------------------------------------- */

#define IO_SIZE (128 * 1024)

/* Everything or -1 (errno). */
int write_all(int fd, const void *bytes, size_t nbytes);
/* Until `nbytes` or the end of the file; the count, or -1 (errno). */
ssize_t read_full(int fd, void *bytes, size_t nbytes);
/* From here to the end of `in`. 0, or -1 after a complaint under the name that is to blame. */
int copy_fd(int in, const char *in_name, int out, const char *out_name);
/* A whole file with a NUL behind it in fresh memory; NULL (errno). `nbytes` may be NULL. */
char *slurp(const char *path, size_t *nbytes);
/* Runs `one` on each named file ("-" and no name at all: standard input). Counts those that failed to open or in `one`. */
int each_input(char **names, int (*one)(int fd, const char *name));
/* One line into *line (grown as needed) without its newline; its length, or -1 at the end. *had_newline may be NULL. */
ssize_t read_line(FILE *in, char **line, size_t *capacity, bool *had_newline);

/* The number behind a line's leading "KEY" or "KEY:" in a /proc file's text; 0 if there is none. */
uint64_t proc_value(const char *text, const char *key);
/* Splits off the next line of a text; NULL at its end. */
char *next_line(char **rest);
/* Splits off the next blank-separated field of a line (octal escapes undone, as in /proc/mounts); NULL at its end. */
char *next_field(char **rest);

/* The device that LABEL=... or UUID=... of a file system or swap area names; anything else stands for itself. Fresh memory, or NULL after a
 * complaint. (lib/tag.c) */
char *find_device(const char *source);

/* --- directory trees --------------------------------------------------------------------------------------- */

/* The names in a directory but . and .., sorted, ended by NULL, in fresh memory; NULL (errno). */
char **directory_names(const char *path);
void free_names(char **names);

enum walk_when { WALK_FIRST, WALK_LAST }; /* every file: FIRST. A directory: FIRST, what is in it, LAST */
enum {
	WALK_FOLLOW_TOP = 1,
	WALK_FOLLOW = 2,
	WALK_DANGLING = 4 /* a link that leads nowhere stands for itself */
};
enum {
	WALK_OK,
	WALK_SKIP,
	WALK_FAILED
}; /* SKIP from a directory's FIRST: leave out what is in it and its LAST */

typedef int walk_visit(const char *path, const struct stat *st, enum walk_when when, void *context);
/* Visits a tree; symbolic links are followed only as the flags say. Counts failures; unreadable ones it complains about. */
int walk(const char *path, int flags, walk_visit *visit, void *context);

/* How copy_tree copies. */
struct copy_how {
	bool recursive, preserve, force, no_clobber, ask, verbose;
	int follow;	     /* flags of walk() */
	bool links_as_links; /* a symbolic link named as the source is itself copied */
};
/* 0, or the count of failures, complained about. */
int copy_tree(const char *from, const char *to, const struct copy_how *how);

struct remove_how {
	bool recursive, force, ask, verbose, empty_directories;
};
int remove_tree(const char *path, const struct remove_how *how);

#endif
