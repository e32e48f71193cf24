/* SPDX-License-Identifier: ISC */
/* Beginning and end of a program: environment, auxv, atexit, exit, abort; and errno. */
#include "libc.h"
#include "pthread.h"
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

__thread int errno;
char **environ;
unsigned long *__auxv;
char *program_invocation_name = "", *program_invocation_short_name = "";

int main(int argc, char **argv, char **envp);

/* stdio replaces it when it is linked in. */
__attribute__((weak)) void __stdio_flush_all(void)
{
}

long __ret(long r)
{
	if (r < 0 && r > -4096) {
		errno = (int)-r;
		return -1;
	}
	return r;
}

_Noreturn void __libc_start(long *sp)
{
	int argc = (int)sp[0];
	char **argv = (char **)(sp + 1), **e = argv + argc + 1;

	environ = e;
	while (*e)
		e++;
	__auxv = (unsigned long *)(e + 1);
	__tls_start();
	if (argc > 0) {
		char *slash = strrchr(argv[0], '/');
		program_invocation_name = argv[0];
		program_invocation_short_name = slash ? slash + 1 : argv[0];
	}
	exit(main(argc, argv, environ));
}

unsigned long getauxval(unsigned long type)
{
	for (unsigned long *a = __auxv; a[0]; a += 2)
		if (a[0] == type)
			return a[1];
	errno = ENOENT;
	return 0;
}

static void (*handlers[64])(void);
static int nhandlers;

int atexit(void (*fn)(void))
{
	if (nhandlers == sizeof handlers / sizeof *handlers)
		return -1;
	handlers[nhandlers++] = fn;
	return 0;
}

_Noreturn void exit(int status)
{
	while (nhandlers > 0)
		handlers[--nhandlers]();
	__stdio_flush_all();
	_exit(status);
}

_Noreturn void _exit(int status)
{
	for (;;)
		RAW(SYS_exit_group, status);
}

_Noreturn void _Exit(int status)
{
	_exit(status);
}

_Noreturn void quick_exit(int status)
{
	_exit(status);
}

_Noreturn void abort(void)
{
	sigset_t set;

	raise(SIGABRT);
	signal(SIGABRT, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, SIGABRT);
	sigprocmask(SIG_UNBLOCK, &set, 0);
	raise(SIGABRT);
	_exit(127);
}
