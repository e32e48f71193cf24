/* SPDX-License-Identifier: ISC */
/* User memory: the checks of addresses around the loops of user_copy.S. */
#include "arch/user.h"
#include "arch/mmu.h"
#include "lib/errno.h"
#include "proc/thread.h"

size_t user_zero_raw(void *dst, size_t n);
ssize_t user_string_raw(char *dst, const char *src, size_t max);
int user_touch(void *p, bool write);
int user_cmpxchg_raw(void *p, uint32_t expect, uint32_t desired, uint32_t *old);

size_t user_copy_in(void *dst, uint64_t usrc, size_t n)
{
	return user_range_ok(usrc, n) ? user_copy_raw(dst, (const void *)usrc, n) : n;
}

size_t user_copy_out(uint64_t udst, const void *src, size_t n)
{
	return user_range_ok(udst, n) ? user_copy_raw((void *)udst, src, n) : n;
}

size_t user_zero(uint64_t udst, size_t n)
{
	return user_range_ok(udst, n) ? user_zero_raw((void *)udst, n) : n;
}

size_t user_copy_in_nofault(void *dst, uint64_t usrc, size_t n)
{
	thread_current()->faults_off++;
	n = user_copy_in(dst, usrc, n);
	thread_current()->faults_off--;
	return n;
}

size_t user_copy_out_nofault(uint64_t udst, const void *src, size_t n)
{
	thread_current()->faults_off++;
	n = user_copy_out(udst, src, n);
	thread_current()->faults_off--;
	return n;
}

int user_fault_in(uint64_t uaddr, size_t n, bool write)
{
	uint64_t end = uaddr + n;

	if (!user_range_ok(uaddr, n))
		return -EFAULT;
	for (; uaddr < end; uaddr = page_round_down(uaddr) + PAGE_SIZE)
		if (user_touch((void *)uaddr, write) != 0)
			return -EFAULT;
	return 0;
}

ssize_t user_copy_string(char *dst, uint64_t usrc, size_t max)
{
	size_t m = usrc >= USER_TOP ? 0 : MIN(max, USER_TOP - usrc);
	ssize_t len = user_string_raw(dst, (const char *)usrc, m);

	if (len < 0 || ((size_t)len == m && m < max))
		return -EFAULT;
	return (size_t)len == max ? -ENAMETOOLONG : len;
}

int user_cmpxchg32(uint64_t uaddr, uint32_t expect, uint32_t desired, uint32_t *old)
{
	if (uaddr & 3)
		return -EINVAL;
	if (!user_range_ok(uaddr, 4))
		return -EFAULT;
	return user_cmpxchg_raw((void *)uaddr, expect, desired, old) == 0 ? 0 : -EFAULT;
}
