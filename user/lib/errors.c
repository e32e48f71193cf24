/* SPDX-License-Identifier: ISC */
/* Messages: of error numbers, on standard error, and assertions. */
#include "libc.h"
#include <assert.h>
#include <err.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const texts[] = {
	[0] = "Success",
	[EPERM] = "Operation not permitted",
	[ENOENT] = "No such file or directory",
	[ESRCH] = "No such process",
	[EINTR] = "Interrupted system call",
	[EIO] = "Input/output error",
	[ENXIO] = "No such device or address",
	[E2BIG] = "Argument list too long",
	[ENOEXEC] = "Exec format error",
	[EBADF] = "Bad file descriptor",
	[ECHILD] = "No child processes",
	[EAGAIN] = "Resource temporarily unavailable",
	[ENOMEM] = "Cannot allocate memory",
	[EACCES] = "Permission denied",
	[EFAULT] = "Bad address",
	[ENOTBLK] = "Block device required",
	[EBUSY] = "Device or resource busy",
	[EEXIST] = "File exists",
	[EXDEV] = "Invalid cross-device link",
	[ENODEV] = "No such device",
	[ENOTDIR] = "Not a directory",
	[EISDIR] = "Is a directory",
	[EINVAL] = "Invalid argument",
	[ENFILE] = "Too many open files in system",
	[EMFILE] = "Too many open files",
	[ENOTTY] = "Inappropriate ioctl for device",
	[ETXTBSY] = "Text file busy",
	[EFBIG] = "File too large",
	[ENOSPC] = "No space left on device",
	[ESPIPE] = "Illegal seek",
	[EROFS] = "Read-only file system",
	[EMLINK] = "Too many links",
	[EPIPE] = "Broken pipe",
	[EDOM] = "Numerical argument out of domain",
	[ERANGE] = "Numerical result out of range",
	[EDEADLK] = "Resource deadlock avoided",
	[ENAMETOOLONG] = "File name too long",
	[ENOLCK] = "No locks available",
	[ENOSYS] = "Function not implemented",
	[ENOTEMPTY] = "Directory not empty",
	[ELOOP] = "Too many levels of symbolic links",
	[ENODATA] = "No data available",
	[ETIME] = "Timer expired",
	[EPROTO] = "Protocol error",
	[EOVERFLOW] = "Value too large for defined data type",
	[EILSEQ] = "Invalid or incomplete multibyte or wide character",
	[ENOTSOCK] = "Socket operation on non-socket",
	[EOPNOTSUPP] = "Operation not supported",
	[EAFNOSUPPORT] = "Address family not supported by protocol",
	[ECONNREFUSED] = "Connection refused",
	[ETIMEDOUT] = "Connection timed out",
	[EALREADY] = "Operation already in progress",
	[EINPROGRESS] = "Operation now in progress",
	[ESTALE] = "Stale file handle",
	[EUCLEAN] = "Structure needs cleaning",
	[EDQUOT] = "Disk quota exceeded",
	[ECANCELED] = "Operation canceled",
};

char *strerror(int err)
{
	static char other[32];

	if (err >= 0 && err < (int)(sizeof texts / sizeof *texts) && texts[err])
		return (char *)texts[err];
	snprintf(other, sizeof other, "Unknown error %d", err);
	return other;
}

int strerror_r(int err, char *buf, size_t n)
{
	return strlcpy(buf, strerror(err), n) >= n ? ERANGE : 0;
}

void perror(const char *s)
{
	if (s && *s)
		fprintf(stderr, "%s: %m\n", s);
	else
		fprintf(stderr, "%m\n");
}

void psignal(int sig, const char *msg)
{
	fprintf(stderr, "%s%s%s\n", msg ? msg : "", msg && *msg ? ": " : "", strsignal(sig));
}

static void say(int err, const char *fmt, va_list ap)
{
	char msg[1024] = "";

	if (fmt)
		vsnprintf(msg, sizeof msg, fmt, ap);
	fflush(stdout);
	fprintf(stderr, "%s: %s%s%s\n", program_invocation_short_name, msg, err >= 0 && *msg ? ": " : "",
		err >= 0 ? strerror(err) : "");
}

void warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(errno, fmt, ap);
	va_end(ap);
}

void warnx(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(-1, fmt, ap);
	va_end(ap);
}

_Noreturn void err(int status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(errno, fmt, ap);
	va_end(ap);
	exit(status);
}

_Noreturn void errx(int status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(-1, fmt, ap);
	va_end(ap);
	exit(status);
}

_Noreturn void __assert_fail(const char *expr, const char *file, int line, const char *func)
{
	fprintf(stderr, "%s: %s:%d: %s: Assertion `%s' failed.\n", program_invocation_short_name, file, line,
		func, expr);
	fflush(stdout);
	abort();
}
