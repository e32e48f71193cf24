/* SPDX-License-Identifier: ISC */
/*
 * sh: the shell language of POSIX with job control, line editing and history.
 *
 *	main		the beginning, what all share, the ends		memory		pools and growing buffers
 *	variables	variables, positional parameters, locals	input		where commands come from
 *	edit		the line at a terminal, and its history		words		source text to tokens and words
 *	parser		tokens to nodes, a line at a time		arithmetic	$((...))
 *	expansion	words to fields					redirection	and its undoing
 *	process		fork, exec, $(...)				jobs		pipelines, stopped or in the background
 *	signals		signals, traps, kill				evaluation	walks the nodes
 *	alias		text for a command's name			directory	cd, pwd
 *	builtins	the shell's own commands, and in options, textio, test, limits
 *
 * Errors that end the shell (or, interactively, the command line) come from fail(), which does not return.
 */
#ifndef SH_H
#define SH_H

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SAVED_FD = 10, MAX_DEPTH = 400, MAX_CALLS = 1000 };

/* ---- main.c: what all share ---- */

extern const char *arg0; /* $0, and what messages begin with */
extern int last_status, cmdsub_status;
extern int interactive, subshell; /* subshell: a forked child, which must never go on as the parent would */
extern pid_t shell_pid;
extern jmp_buf top_level; /* where an interactive shell goes on after an error or ^C */

/* A message on standard error. */
void complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Ends the command line if the shell is interactive, else the shell. */
_Noreturn void leave(int status);
#define fail(status, ...) (complain(__VA_ARGS__), leave(status))

/* ---- options.c ---- */

enum {
	O_ERREXIT,
	O_NOUNSET,
	O_XTRACE,
	O_NOGLOB,
	O_NOEXEC,
	O_VERBOSE,
	O_NOCLOBBER,
	O_ALLEXPORT,
	O_MONITOR,
	O_PIPEFAIL,
	NOPTIONS
};
struct option {
	char letter;
	const char *name;
	int on;
};
extern struct option options[];
#define OPT(o) (options[o].on)

/* By name or letter; -1 after a message. */
int set_option(const char *name, int letter, int on);
/* As text that the shell would read as one word. */
void print_quoted(const char *s);
int run_export(int argc, char **argv);
int run_set(int argc, char **argv);

/* ---- memory.c ---- */

struct pool {
	struct block *top;
};
struct mark {
	struct block *top;
	size_t used;
};
struct buf {
	char *s;
	size_t n, cap;
};
extern struct pool scratch; /* results of expansion; each command releases what it took */

/* They fail() when there is no memory. */
void *xrealloc(void *p, size_t n);
char *xstrdup(const char *s);
/* n zeroed bytes, or a copy of n bytes and a NUL, until the pool is released to a mark made before. */
void *take(struct pool *p, size_t n);
char *take_str(struct pool *p, const char *s, size_t n);
struct mark mark(struct pool *p);
void release(struct pool *p, struct mark m);
void add(struct buf *b, int c);
void add_mem(struct buf *b, const char *s, size_t n);
/* The buffer as a string of the pool; the buffer is gone. */
char *finish(struct buf *b, struct pool *p);

/* ---- variables.c ---- */

enum { V_EXPORT = 1, V_READONLY = 2, V_SET = 4, VAR_SLOTS = 64 };
struct var {
	char *name, *value;
	int flags;
	struct var *next;
};
extern struct var *vars[VAR_SLOTS];
extern char **args; /* $1 is args[0] */
extern int nargs, ncalls;
extern struct frame *frames; /* what function calls and sourced files have put aside */

/* How much of s is a name; 0: it does not begin as one. */
size_t name_len(const char *s);
/* The value, NULL if unset; get() of a name that n bytes make. */
char *get(const char *name, size_t n);
char *get_var(const char *name);
/* The variable itself, made if it was not. */
struct var *var_named(const char *name, size_t n);
struct var *set(const char *name, size_t n, const char *value);
struct var *set_var(const char *name, const char *value);
void unset_var(const char *name);
/* NAME=VALUE */
struct var *assign(const char *s);
/* The exported variables as execve wants them. */
char **environment(void);
/* The positional parameters; they are copied. */
void set_args(char **v, int n);
void push_frame(void);
void pop_frame(void);
/* Puts the variable's state aside until the innermost frame ends. */
void save_var(const char *name, size_t n);

/* ---- input.c ---- */

struct input {
	int fd;		 /* -1: a string */
	int single;	 /* read byte by byte, as others will read on from there */
	int line, depth; /* depth: how many readers want a record of what was read */
	int eof;
	const char *p, *end;
	char *mem;
	struct buf record;
	struct alias *alias; /* the text is this one's, in memory of its own */
	struct input *below;
};
extern struct input *in;
extern int prompt_level; /* 0: none, 1: PS1, 2: PS2 is due at the next read of a terminal */

void push_input(struct input *i);
void pop_input(void);
void push_string(struct input *i, const char *s, size_t n);
int next_char(void);
/* Puts the character read last back; it is still in the buffer. */
void back(int c);

/* ---- alias.c ---- */

/* If the word is an alias, its text is read next. */
int expand_alias(const char *word);
/* Whether the word that was just read may be an alias though no command begins there; asked once for each word. */
int alias_goes_on(void);
/* Ends the innermost input, which is an alias's text. */
void end_alias(struct input *i);
/* Says what the name is short for; 0 if it is no alias. */
int describe_alias(const char *name, int verbose);
int run_alias(int argc, char **argv);
int run_unalias(int argc, char **argv);

/* ---- directory.c ---- */

/* PWD as the environment has it, if that is right. */
void start_directory(void);
int run_cd(int argc, char **argv);
int run_pwd(int argc, char **argv);

/* ---- edit.c ---- */

/*
 * One line from the terminal at descriptor 0, edited by the person there, with its newline; freed by the caller.
 * NULL: end of input, or ^C, which sets got_int.
 */
char *edit_line(const char *prompt);
int run_history(int argc, char **argv);

/* ---- words.c ---- */

/*
 * A word's inner code is its source text, quotes and all, but: $(...) and `...` are SUB commands END, ${...} is
 * PARAM text END, $((...)) is ARITH text END; a literal byte with one of these codes follows ESC.
 */
enum { SUB = 1, END = 2, ESC = 3, PARAM = 4, ARITH = 5 };

enum tok {
	T_EOF,
	T_NEWLINE,
	T_SEMI,
	T_DSEMI,
	T_AMP,
	T_AND,
	T_PIPE,
	T_OR,
	T_LPAREN,
	T_RPAREN,
	T_LESS,
	T_GREAT,
	T_DGREAT,
	T_DLESS,
	T_DLESSDASH,
	T_LESSAND,
	T_GREATAND,
	T_LESSGREAT,
	T_CLOBBER,
	T_WORD,
	T_IONUM
};
extern const char *const tok_names[];

struct word {
	char *text;
	struct word *next;
};
struct redir {
	enum tok op;
	int fd;
	char *text;	    /* the word after the operator; of a here-document its body */
	int literal, strip; /* of a here-document */
	char *target;	    /* expanded, for the redirection about to be done */
	struct redir *next, *next_pending;
};

/* The parser's state, which a command substitution puts aside. */
struct lookahead {
	int have; /* a token was looked at but not taken */
	enum tok tok;
	char *text;
	struct redir *pending; /* here-documents whose bodies come after this line */
	unsigned number;       /* of the token */
	int in_word;	       /* it is a word, which is being read */
};
extern struct lookahead look;
extern struct pool *tree; /* where nodes and words go */
extern int depth;	  /* of nesting, so that no source can exhaust the stack */

_Noreturn void syntax_error(const char *what);
/* Text to the inner code of a here-document. */
char *scan_here(const char *s, size_t n, struct pool *p);
/* One level of nesting more; too many are an error. The caller takes it back from `depth`. */
void deeper(void);
enum tok peek(void);
void advance(void);
/* Takes the token if it is this one. */
int accept(enum tok t);

/* ---- parser.c ---- */

enum kind {
	N_SIMPLE,
	N_PIPE,
	N_AND,
	N_OR,
	N_NOT,
	N_LIST,
	N_BG,
	N_SUBSHELL,
	N_GROUP,
	N_IF,
	N_WHILE,
	N_UNTIL,
	N_FOR,
	N_CASE,
	N_FUNCTION
};
struct arm {
	struct word *patterns;
	struct node *body;
	struct arm *next;
};
struct node {
	enum kind kind;
	struct node *a, *b,
		*c;	   /* the parts: condition, body, else; left and right; the first of a list in a */
	struct node *next; /* in a list or pipeline */
	struct word *words, *assigns;
	struct redir *redirs;
	struct arm *arms;
	char *name;   /* of for, case (the word), function */
	int all_args; /* for without `in` */
};

/* Commands: to the end of the line, or over `lines` up to what ends a compound command. NULL if there are none. */
struct node *parse_list(int lines);
/* One line of commands (more, if they go on); 0 at the end of the input. */
int parse_line(struct node **n);

/* ---- arithmetic.c, expansion.c ---- */

long arithmetic(const char *s);

enum {
	X_DOUBLE = 1, /* as between double quotes */
	X_HERE = 2,   /* as in a here-document */
	X_SPLIT = 4,  /* literals too may be split */
	X_START = 8,  /* a tilde counts */
	X_BRACES = 16 /* inside ${...}: a backslash quotes } */
};
struct fields {
	char **v;
	size_t n, cap;
};

/* To one string, without splitting, in the scratch pool. */
char *expand_string(const char *word, int mode);
/* The value of PS1 and its like: parameters, commands and arithmetic in it are expanded. Good until the next call. */
char *expand_prompt(const char *name);
/* To a pattern for fnmatch: what was quoted is literal. */
char *expand_pattern(const char *word);
void add_field(struct fields *f, char *s);
/* The words up to `end`. */
void expand_fields(struct fields *f, struct word *w, struct word *end);
/* The words of a command: the operands of export, readonly and local may be assignments, which are not split. */
void expand_command(struct fields *f, struct word *w);
/* NAME=word, expanded as an assignment wants: no splitting, and a tilde after = and : counts. */
char *expand_assignment(const char *w);

/* ---- redirection.c ---- */

extern struct saved *saved_fds;

void expand_redirs(struct redir *r);
/* Does redirections that expand_redirs has prepared; with `save` they can be undone. -1 after a message. */
int redirect(struct redir *r, int save);
void undo_redirects(struct saved *until);
/* `exec` keeps its redirections: forgets how to undo those since `until`. */
void keep_redirects(struct saved *until);

/* ---- process.c ---- */

/* Traps, signals and jobs as a child of the shell has them; ^C does not reach one in the background. */
void become_child(int background);
/* A child that is no job. */
pid_t fork_shell(void);
int exit_code(int status);
/* Waits for a child that is no job: exit status as waitpid gives it. */
int wait_status(pid_t pid);
/* The output of commands, without the newlines at its end; to be freed. */
char *run_substitution(const char *src);
/* Runs a program in this process. Returns only by leaving, 127 if it is not found, 126 if it cannot be run. */
_Noreturn void exec_program(char **argv);
/* Where a program is found, in the scratch pool, or NULL. */
char *find_program(const char *name);

/* ---- jobs.c ---- */

extern pid_t last_bg; /* $! */

/* A job without processes yet; of the command it shows the text (NULL: none). */
struct job *new_job(struct node *n);
/* The next process of the job; returns as fork does. In the child signals, process group and terminal are set up. */
pid_t fork_job(struct job *j, int background);
/* Waits until the job has ended or stopped; its exit code. With pipefail, that of the last process that failed. */
int run_foreground(struct job *j);
/* Lets the job run on by itself; $! is its last process. */
void run_background(struct job *j);
/* Notes which processes have ended or stopped; with `tell`, tells about the jobs that changed. */
void reap_jobs(int tell);
/* In a child: the parent's jobs are not its own. */
void forget_jobs(void);
/* Job control: a process group for each job, and the terminal for that in front. */
void start_job_control(void);
/* Whether stopped jobs keep `exit` from leaving at its first call; tells so. */
int jobs_forbid_exit(void);
/* Whom kill of %JOB is to be given, after it was woken if it is stopped and is to see the signal; 0 after a message. */
pid_t job_target(const char *spec, int sig);
int run_wait(int argc, char **argv);
int run_jobs(int argc, char **argv);
int run_fg(int argc, char **argv);

/* ---- signals.c ---- */

extern char *traps[NSIG]; /* 0 is EXIT; "" ignores */
extern volatile sig_atomic_t got_int, any_pending;
extern unsigned long ignored_at_start;
extern int trap_status; /* $? before the trap that is running, which `exit` gives; -1: none is */

void on_signal(int sig);
void set_handler(int sig, sighandler_t h);
/* A child's traps: those with an action are none. */
void reset_traps(void);
/* 128 + the signal that has come and has a trap to run; 0 if none has. */
int trap_due(void);
/* What a command leaves to its end: traps that came, and ^C at a terminal. */
void check_signals(void);
/* Runs the EXIT trap and ends the process. */
_Noreturn void shell_exit(int status);
int run_kill(int argc, char **argv);
int run_trap(int argc, char **argv);

/* ---- evaluation.c ---- */

enum {
	E_EXIT = 1,  /* the shell ends after this: a program may take its place */
	E_TESTED = 2 /* errexit is off */
};
enum skip { SKIP_NONE, SKIP_BREAK, SKIP_CONTINUE, SKIP_RETURN };
extern enum skip skipping;
extern int skip_levels, loops; /* loops around the command, in this function */
extern int keep_tree;	       /* a function was defined in the tree being run: it stays */
extern int eval_flags;	       /* for a builtin: the flags of commands that it runs */

struct function {
	char *name;
	struct node *body;
	struct function *next;
};
extern struct function *functions;

struct function *find_function(const char *name);
/* Runs a command; its status, which is also $?. */
int eval(struct node *n, int flags);
/* Runs all of the innermost input. */
void run_input(int flags);
void eval_string(const char *s, int flags);

/* ---- builtins.c, textio.c, test.c, limits.c ---- */

struct builtin {
	const char *name;
	int (*run)(int argc, char **argv);
	int special; /* assignments before it stay; errors in it end the shell */
};

extern int
	redirs_stay; /* `exec` without a command has run: the redirections of this command are not undone */

const struct builtin *find_builtin(const char *name);
/* After the message about a special builtin's wrong use: the builtin's status, if the shell goes on at all. */
int misuse(void);
/* Calls back with each name. */
void builtin_names(void (*found)(void *to, const char *name), void *to);
/* A number not below 0, or -1 after a message. */
int number(const char *who, const char *s);
int run_exec(int argc, char **argv);
/* Opens a file of commands, out of the way of the script's own descriptors. */
int open_script(const char *path, struct input *i);
int run_read(int argc, char **argv);
int run_echo(int argc, char **argv);
int run_printf(int argc, char **argv);
int run_test(int argc, char **argv);
int run_umask(int argc, char **argv);
int run_ulimit(int argc, char **argv);

#endif
