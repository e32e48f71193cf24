/* SPDX-License-Identifier: ISC */
/*
 * System calls that programs try and that Quire has nothing behind: extended attributes. They
 * check their arguments as far as the answer depends on them, and say so with the errno that Linux gives
 * where the feature is missing.
 */
#include "sys/files.h"

/* The file must be there; no file system here keeps attributes. */
static int64_t no_attributes(int dirfd, uint64_t upath, int flags)
{
	struct vnode *v;
	int r = at_vnode(dirfd, upath, flags, &v);

	if (r)
		return r;
	vnode_unref(v);
	return -EOPNOTSUPP;
}

static int64_t no_attributes_fd(int fd)
{
	bool counted;
	struct file *f = file_of(fd, &counted);

	if (!f)
		return -EBADF;
	file_done(f, counted);
	return -EOPNOTSUPP;
}

#define ATTRIBUTE_CALLS(verb)                                              \
	int64_t sys_##verb##xattr(const uint64_t *a)                       \
	{                                                                  \
		return no_attributes(AT_FDCWD, a[0], 0);                   \
	}                                                                  \
	int64_t sys_l##verb##xattr(const uint64_t *a)                      \
	{                                                                  \
		return no_attributes(AT_FDCWD, a[0], AT_SYMLINK_NOFOLLOW); \
	}                                                                  \
	int64_t sys_f##verb##xattr(const uint64_t *a)                      \
	{                                                                  \
		return no_attributes_fd(a[0]);                             \
	}
ATTRIBUTE_CALLS(set)
ATTRIBUTE_CALLS(get)
ATTRIBUTE_CALLS(list)
ATTRIBUTE_CALLS(remove)
