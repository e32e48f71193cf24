/* SPDX-License-Identifier: ISC */
/* Buffered files. Descriptors 0 to 2 have theirs ready; standard output to a terminal is flushed at each line. */
#include "libc.h"
#include "stream.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static unsigned char inbuf[UNGET + BUFSIZ], outbuf[UNGET + BUFSIZ], errbuf[UNGET + 1];
static FILE in = { .fd = 0, .flags = F_READ | F_STATIC, .mode = _IOFBF, .buf = inbuf + UNGET, .cap = BUFSIZ };
static FILE out = { .fd = 1, .flags = F_WRITE | F_STATIC, .mode = -1, .buf = outbuf + UNGET, .cap = BUFSIZ };
static FILE err = { .fd = 2, .flags = F_WRITE | F_STATIC, .mode = _IONBF, .buf = errbuf + UNGET, .cap = 1 };

#undef stdin
#undef stdout
#undef stderr
FILE *const stdin = &in, *const stdout = &out, *const stderr = &err;
static FILE *files; /* those that fopen made */

/* ---- opening and closing ---- */

static int mode_flags(const char *mode, int *oflags)
{
	int plus = strchr(mode, '+') != 0, flags;

	switch (*mode) {
	case 'r':
		*oflags = plus ? O_RDWR : O_RDONLY;
		flags = plus ? F_READ | F_WRITE : F_READ;
		break;
	case 'w':
		*oflags = (plus ? O_RDWR : O_WRONLY) | O_CREAT | O_TRUNC;
		flags = plus ? F_READ | F_WRITE : F_WRITE;
		break;
	case 'a':
		*oflags = (plus ? O_RDWR : O_WRONLY) | O_CREAT | O_APPEND;
		flags = (plus ? F_READ | F_WRITE : F_WRITE) | F_APPEND;
		break;
	default:
		errno = EINVAL;
		return -1;
	}
	if (strchr(mode, 'e'))
		*oflags |= O_CLOEXEC;
	if (strchr(mode, 'x'))
		*oflags |= O_EXCL;
	return flags;
}

FILE *fdopen(int fd, const char *mode)
{
	int oflags, flags = mode_flags(mode, &oflags);

	if (flags < 0 || fcntl(fd, F_GETFD) < 0)
		return 0;
	FILE *f = calloc(1, sizeof *f);
	if (!f)
		return 0;
	f->fd = fd;
	f->flags = flags;
	f->mode = -1;
	f->next = files;
	files = f;
	return f;
}

FILE *fopen(const char *path, const char *mode)
{
	int oflags;

	if (mode_flags(mode, &oflags) < 0)
		return 0;
	int fd = open(path, oflags, 0666);
	if (fd < 0)
		return 0;
	FILE *f = fdopen(fd, mode);
	if (!f)
		close(fd);
	return f;
}

static void drop_buffer(FILE *f)
{
	if (f->flags & F_OWNBUF)
		free(f->buf - UNGET);
	f->flags &= ~F_OWNBUF;
	f->buf = 0;
}

FILE *freopen(const char *path, const char *mode, FILE *f)
{
	int oflags, flags = mode_flags(mode, &oflags);

	__flush(f);
	if (flags < 0)
		return 0;
	int fd = path ? open(path, oflags, 0666) : -1;
	if (fd < 0)
		return 0;
	if (fd != f->fd) {
		dup3(fd, f->fd, oflags & O_CLOEXEC);
		close(fd);
	}
	f->flags = flags | (f->flags & (F_STATIC | F_OWNBUF));
	return f;
}

FILE *tmpfile(void)
{
	char path[] = "/tmp/tmpXXXXXX";
	int fd = mkstemp(path);

	if (fd < 0)
		return 0;
	unlink(path);
	return fdopen(fd, "w+");
}

int fclose(FILE *f)
{
	int r = __flush(f);

	if (close(f->fd) < 0)
		r = -1;
	if (f->flags & F_STATIC)
		return r;
	for (FILE **p = &files; *p; p = &(*p)->next)
		if (*p == f) {
			*p = f->next;
			break;
		}
	drop_buffer(f);
	free(f);
	return r;
}

/* ---- buffers ---- */

int setvbuf(FILE *f, char *buf, int mode, size_t size)
{
	__flush(f);
	if (mode != _IOFBF && mode != _IOLBF && mode != _IONBF) {
		errno = EINVAL;
		return -1;
	}
	f->mode = mode;
	if (buf && size > UNGET && mode != _IONBF) {
		drop_buffer(f);
		f->buf = (unsigned char *)buf + UNGET;
		f->cap = size - UNGET;
		f->rpos = f->rend = 0;
	}
	return 0;
}

void setbuf(FILE *f, char *buf)
{
	setvbuf(f, buf, buf ? _IOFBF : _IONBF, BUFSIZ);
}

void setlinebuf(FILE *f)
{
	setvbuf(f, 0, _IOLBF, 0);
}

/* A buffer, and a mode that fits what the descriptor is. */
static int prepare(FILE *f)
{
	if (f->mode < 0) {
		int saved = errno;
		f->mode = isatty(f->fd) ? _IOLBF : _IOFBF;
		errno = saved;
	}
	if (f->buf)
		return 0;
	unsigned char *b = malloc(UNGET + BUFSIZ);
	if (!b) {
		f->flags |= F_ERR;
		return -1;
	}
	f->buf = b + UNGET;
	f->cap = BUFSIZ;
	f->flags |= F_OWNBUF;
	return 0;
}

/* Writes all of it. -1 and errno if some could not be written. */
static int write_all(FILE *f, const unsigned char *p, size_t n)
{
	while (n) {
		ssize_t w = write(f->fd, p, n);
		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0) {
			f->flags |= F_ERR;
			return -1;
		}
		p += w;
		n -= w;
	}
	return 0;
}

/* What was buffered for writing is written; what was read ahead is given back, if the file can seek. */
int __flush(FILE *f)
{
	size_t n = f->wpos;

	if (n) {
		f->wpos = 0;
		return write_all(f, f->buf, n);
	}
	if (f->rend != f->rpos) {
		int saved = errno;
		lseek(f->fd, f->rpos - f->rend, SEEK_CUR);
		errno = saved;
	}
	f->rpos = f->rend = 0;
	return 0;
}

int fflush(FILE *f)
{
	if (f)
		return __flush(f);
	int r = 0;
	for (f = files; f; f = f->next)
		if (f->wpos)
			r |= __flush(f);
	return r | __flush(stdout) | __flush(stderr);
}

void __stdio_flush_all(void)
{
	fflush(0);
	for (FILE *f = files; f; f = f->next)
		__flush(f);
	__flush(stdin);
}

/* ---- reading ---- */

static int fill(FILE *f)
{
	if (f->wpos && __flush(f) < 0)
		return -1;
	if (!(f->flags & F_READ)) {
		errno = EBADF;
		f->flags |= F_ERR;
		return -1;
	}
	if (prepare(f) < 0)
		return -1;
	if (f == stdin && stdout->mode == _IOLBF)
		__flush(stdout);
	ssize_t n = read(f->fd, f->buf, f->mode == _IONBF ? 1 : f->cap);
	f->rpos = 0;
	f->rend = n > 0 ? n : 0;
	if (n <= 0)
		f->flags |= n ? F_ERR : F_EOF;
	return n > 0 ? 0 : -1;
}

int fgetc(FILE *f)
{
	if (f->rpos == f->rend && fill(f) < 0)
		return EOF;
	return f->buf[f->rpos++];
}

int getc(FILE *f)
{
	return fgetc(f);
}

int getchar(void)
{
	return fgetc(stdin);
}

int getc_unlocked(FILE *f)
{
	return fgetc(f);
}

int getchar_unlocked(void)
{
	return fgetc(stdin);
}

int ungetc(int c, FILE *f)
{
	if (c == EOF || !(f->flags & F_READ) || f->wpos || prepare(f) < 0 || f->rpos <= -UNGET)
		return EOF;
	f->buf[--f->rpos] = (unsigned char)c;
	f->flags &= ~F_EOF;
	return (unsigned char)c;
}

size_t fread(void *p, size_t size, size_t n, FILE *f)
{
	size_t want = size * n, got = 0;
	char *d = p;

	while (got < want) {
		size_t have = f->rend - f->rpos;
		if (have) {
			size_t k = have < want - got ? have : want - got;
			memcpy(d + got, f->buf + f->rpos, k);
			f->rpos += k;
			got += k;
		} else if (want - got >= BUFSIZ && f->flags & F_READ && !f->wpos) {
			ssize_t r = read(f->fd, d + got, want - got); /* no need of the buffer */
			if (r <= 0) {
				f->flags |= r ? F_ERR : F_EOF;
				break;
			}
			got += r;
		} else if (fill(f) < 0) {
			break;
		}
	}
	return size ? got / size : 0;
}

char *fgets(char *s, int n, FILE *f)
{
	char *d = s;

	while (n > 1) {
		if (f->rpos == f->rend && fill(f) < 0) {
			if (d == s || f->flags & F_ERR)
				return 0;
			break;
		}
		size_t have = f->rend - f->rpos, k = have < (size_t)n - 1 ? have : (size_t)n - 1;
		unsigned char *from = f->buf + f->rpos, *nl = memchr(from, '\n', k);
		if (nl)
			k = nl + 1 - from;
		memcpy(d, from, k);
		d += k;
		n -= (int)k;
		f->rpos += k;
		if (nl)
			break;
	}
	*d = 0;
	return s;
}

ssize_t getdelim(char **line, size_t *cap, int delim, FILE *f)
{
	size_t n = 0;

	if (!*line)
		*cap = 0;
	for (;;) {
		if (f->rpos == f->rend && fill(f) < 0) {
			if (n == 0 || f->flags & F_ERR)
				return -1;
			break;
		}
		unsigned char *from = f->buf + f->rpos, *hit = memchr(from, delim, f->rend - f->rpos);
		size_t k = hit ? hit + 1 - from : f->rend - f->rpos;
		if (n + k + 1 > *cap) {
			size_t want = 2 * (n + k + 1) < 120 ? 120 : 2 * (n + k + 1);
			char *p = realloc(*line, want);
			if (!p)
				return -1;
			*line = p;
			*cap = want;
		}
		memcpy(*line + n, from, k);
		n += k;
		f->rpos += k;
		if (hit)
			break;
	}
	(*line)[n] = 0;
	return n;
}

ssize_t getline(char **line, size_t *cap, FILE *f)
{
	return getdelim(line, cap, '\n', f);
}

/* ---- writing ---- */

static int for_writing(FILE *f)
{
	if (!(f->flags & F_WRITE)) {
		errno = EBADF;
		f->flags |= F_ERR;
		return -1;
	}
	if (f->rend != f->rpos)
		__flush(f);
	f->rpos = f->rend = 0;
	return prepare(f);
}

size_t fwrite(const void *p, size_t size, size_t n, FILE *f)
{
	const unsigned char *s = p;
	size_t want = size * n;

	if (!want || for_writing(f) < 0)
		return 0;
	if (f->mode == _IONBF || want >= f->cap)
		return __flush(f) < 0 || write_all(f, s, want) < 0 ? 0 : n;
	if (f->wpos + want > f->cap && __flush(f) < 0)
		return 0;
	memcpy(f->buf + f->wpos, s, want);
	f->wpos += want;
	if (f->mode == _IOLBF && memrchr(s, '\n', want) && __flush(f) < 0)
		return 0;
	return n;
}

int fputc(int c, FILE *f)
{
	unsigned char b = (unsigned char)c;

	if (f->wpos && f->wpos < f->cap && f->mode == _IOFBF) { /* the usual case, at once */
		f->buf[f->wpos++] = b;
		return b;
	}
	return fwrite(&b, 1, 1, f) == 1 ? b : EOF;
}

int putc(int c, FILE *f)
{
	return fputc(c, f);
}

int putchar(int c)
{
	return fputc(c, stdout);
}

int putc_unlocked(int c, FILE *f)
{
	return fputc(c, f);
}

int putchar_unlocked(int c)
{
	return fputc(c, stdout);
}

int fputs(const char *s, FILE *f)
{
	size_t n = strlen(s);

	return fwrite(s, 1, n, f) == n ? 0 : EOF;
}

int puts(const char *s)
{
	return fputs(s, stdout) < 0 || fputc('\n', stdout) < 0 ? EOF : 0;
}

/* ---- position and state ---- */

int fseeko(FILE *f, off_t off, int whence)
{
	if (f->wpos && __flush(f) < 0)
		return -1;
	if (whence == SEEK_CUR)
		off -= f->rend - f->rpos;
	if (lseek(f->fd, off, whence) < 0)
		return -1;
	f->rpos = f->rend = 0;
	f->flags &= ~F_EOF;
	return 0;
}

off_t ftello(FILE *f)
{
	if (f->wpos && f->flags & F_APPEND && __flush(f) < 0)
		return -1;
	off_t at = lseek(f->fd, 0, SEEK_CUR);

	return at < 0 ? -1 : at + (off_t)f->wpos - (f->rend - f->rpos);
}

int fseek(FILE *f, long off, int whence)
{
	return fseeko(f, off, whence);
}

long ftell(FILE *f)
{
	return ftello(f);
}

void rewind(FILE *f)
{
	fseeko(f, 0, SEEK_SET);
	f->flags &= ~F_ERR;
}

int fgetpos(FILE *f, fpos_t *pos)
{
	*pos = ftello(f);
	return *pos < 0 ? -1 : 0;
}

int fsetpos(FILE *f, const fpos_t *pos)
{
	return fseeko(f, *pos, SEEK_SET);
}

int fileno(FILE *f)
{
	return f->fd;
}

int feof(FILE *f)
{
	return !!(f->flags & F_EOF);
}

int ferror(FILE *f)
{
	return !!(f->flags & F_ERR);
}

void clearerr(FILE *f)
{
	f->flags &= ~(F_EOF | F_ERR);
}
