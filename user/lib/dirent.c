/* SPDX-License-Identifier: ISC */
/* Reading directories. */
#include "libc.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct __dir {
	int fd;
	long pos; /* the cookie of the entry that comes next */
	size_t at, end;
	_Alignas(8) char buf[4096];
};

DIR *fdopendir(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return 0;
	if (!S_ISDIR(st.st_mode)) {
		errno = ENOTDIR;
		return 0;
	}
	DIR *d = malloc(sizeof *d);
	if (!d)
		return 0;
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	d->fd = fd;
	d->pos = 0;
	d->at = d->end = 0;
	return d;
}

DIR *opendir(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return 0;
	DIR *d = fdopendir(fd);
	if (!d)
		close(fd);
	return d;
}

/* NULL with errno unchanged at the end. */
struct dirent *readdir(DIR *d)
{
	if (d->at == d->end) {
		long n = RAW(SYS_getdents64, d->fd, d->buf, sizeof d->buf);
		if (n <= 0) {
			if (n < 0 && n != -ENOENT) /* a removed directory is an empty one */
				errno = (int)-n;
			return 0;
		}
		d->at = 0;
		d->end = n;
	}
	struct dirent *e = (struct dirent *)(d->buf + d->at);
	d->at += e->d_reclen;
	d->pos = e->d_off;
	return e;
}

int closedir(DIR *d)
{
	int r = close(d->fd);

	free(d);
	return r;
}

void seekdir(DIR *d, long pos)
{
	lseek(d->fd, pos, SEEK_SET);
	d->pos = pos;
	d->at = d->end = 0;
}

void rewinddir(DIR *d)
{
	seekdir(d, 0);
}

long telldir(DIR *d)
{
	return d->pos;
}

int dirfd(DIR *d)
{
	return d->fd;
}

int alphasort(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

int scandir(const char *path, struct dirent ***list, int (*keep)(const struct dirent *),
	    int (*cmp)(const struct dirent **, const struct dirent **))
{
	DIR *d = opendir(path);
	struct dirent *e, **v = 0;
	size_t n = 0, cap = 0;

	if (!d)
		return -1;
	while ((e = readdir(d))) {
		if (keep && !keep(e))
			continue;
		if (n == cap) {
			struct dirent **w = reallocarray(v, cap = cap ? 2 * cap : 16, sizeof *v);
			if (!w)
				goto fail;
			v = w;
		}
		if (!(v[n] = malloc(e->d_reclen)))
			goto fail;
		memcpy(v[n++], e, e->d_reclen);
	}
	closedir(d);
	if (cmp && n)
		qsort(v, n, sizeof *v, (int (*)(const void *, const void *))cmp);
	*list = v;
	return (int)n;
fail:
	while (n)
		free(v[--n]);
	free(v);
	closedir(d);
	errno = ENOMEM;
	return -1;
}
