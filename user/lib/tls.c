/* SPDX-License-Identifier: ISC */
/*
 * The first thread's data: variables that each thread has for itself, and the thread's description, which lies right
 * below them. In the library's own locks a futex is all that is used of threads.
 */
#include "libc.h"
#include "pthread.h"
#include "tls.h"
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PT_TLS = 7, FUTEX_WAIT_PRIVATE = 128, FUTEX_WAKE_PRIVATE = 129 };

struct header {
	unsigned type, flags;
	unsigned long offset, vaddr, paddr, filesz, memsz, align;
};

static struct {
	const void *image;
	unsigned long filesz, memsz, align;
} tls = { .align = 16 };

int __threaded, __malloc_lock;

size_t __tls_size(void)
{
	return sizeof(struct __pthread) + tls.memsz + 2 * tls.align;
}

struct __pthread *__tls_place(void *low, size_t n)
{
	char *tp = (char *)(((uintptr_t)low + n - tls.memsz) & -tls.align);
	struct __pthread *t = (struct __pthread *)tp - 1;

	memcpy(tp, tls.image, tls.filesz);
	return t;
}

/* Nothing may use errno before; memory is zero. */
void __tls_start(void)
{
	static _Alignas(64) char room[sizeof(struct __pthread) + 512];
	const unsigned long *a = __auxv;
	const struct header *h = 0;
	unsigned long n = 0;
	void *low = room;
	size_t size = sizeof room;

	for (; a[0]; a += 2)
		if (a[0] == AT_PHDR)
			h = (const struct header *)a[1];
		else if (a[0] == AT_PHNUM)
			n = a[1];
	for (; h && n > 0; n--, h++)
		if (h->type == PT_TLS)
			tls.image = (const void *)h->vaddr, tls.filesz = h->filesz, tls.memsz = h->memsz,
			tls.align = h->align > 16 ? h->align : 16;
	if (__tls_size() > size) {
		size = (__tls_size() + 4095) & ~4095ul;
		low = (void *)RAW(SYS_mmap, 0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
				  0);
	}
	__asm__ volatile("mv tp, %0" ::"r"(__tls_place(low, size) + 1) : "memory");
}

void __thread_forked(void)
{
	struct __pthread *t = __self();

	if (t->tid) /* else its page stays the parent's */
		t->tid = t->robust_known = 0;
}

void __lock(int *l)
{
	int free = 0;

	if (!__threaded)
		return;
	if (__atomic_compare_exchange_n(l, &free, 1, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return;
	while (__atomic_exchange_n(l, 2, __ATOMIC_ACQUIRE))
		RAW(SYS_futex, l, FUTEX_WAIT_PRIVATE, 2, 0);
}

void __unlock(int *l)
{
	if (__threaded && __atomic_exchange_n(l, 0, __ATOMIC_RELEASE) == 2)
		RAW(SYS_futex, l, FUTEX_WAKE_PRIVATE, 1);
}
