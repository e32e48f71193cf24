/* SPDX-License-Identifier: ISC */
/* Running programs found in PATH; system and popen live with stdio. */
#include "libc.h"
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int execv(const char *path, char *const argv[])
{
	return execve(path, argv, environ);
}

/* A script without #! is run by the shell, as POSIX wants. */
static void try_exec(const char *path, char *const argv[], char *const envp[])
{
	int argc = 0;

	execve(path, argv, envp);
	if (errno != ENOEXEC)
		return;
	while (argv[argc])
		argc++;
	char *sh[argc + 2];
	sh[0] = "sh";
	sh[1] = (char *)path;
	for (int i = 1; i <= argc; i++)
		sh[i + 1] = argv[i];
	execve("/bin/sh", sh, envp);
	errno = ENOEXEC;
}

int execvpe(const char *file, char *const argv[], char *const envp[])
{
	char path[PATH_MAX];
	const char *p = getenv("PATH");
	int denied = 0;

	if (strchr(file, '/') || !*file) {
		if (*file)
			try_exec(file, argv, envp);
		else
			errno = ENOENT;
		return -1;
	}
	for (p = p ? p : "/bin:/usr/bin";; p++) {
		size_t n = strcspn(p, ":");
		if (n + strlen(file) + 2 <= sizeof path) {
			memcpy(path, p, n);
			strcpy(path + n, n ? "/" : "");
			strcat(path, file);
			try_exec(path, argv, envp);
			if (errno == EACCES)
				denied = 1;
			else if (errno != ENOENT && errno != ENOTDIR)
				return -1;
		}
		p += n;
		if (!*p)
			break;
	}
	errno = denied ? EACCES : ENOENT;
	return -1;
}

int execvp(const char *file, char *const argv[])
{
	return execvpe(file, argv, environ);
}

#define COLLECT(argv, first)                  \
	va_list ap;                           \
	int n = 1;                            \
	va_start(ap, first);                  \
	while (va_arg(ap, char *))            \
		n++;                          \
	va_end(ap);                           \
	char *argv[n + 1];                    \
	argv[0] = (char *)first;              \
	va_start(ap, first);                  \
	for (int i = 1; i <= n; i++)          \
		argv[i] = va_arg(ap, char *); \
	va_end(ap)

int execl(const char *path, const char *arg, ...)
{
	COLLECT(argv, arg);
	return execv(path, argv);
}

int execlp(const char *file, const char *arg, ...)
{
	COLLECT(argv, arg);
	return execvp(file, argv);
}
