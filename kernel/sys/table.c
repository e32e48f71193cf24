/* SPDX-License-Identifier: ISC */
/*
 * The system-call table, and the way in and out. A call that a signal interrupted returns one of
 * -ERESTARTSYS and its kin here; signal_deliver turns that into EINTR or into the call's repetition, for
 * which trap_entry.S has kept a0 in orig_a0.
 */
#include "arch/trap.h"
#include "lib/errno.h"
#include "proc/thread.h"
#include "sys/sys.h"
#include "vm/vm.h"

#define NCALLS	       512
#define MEMORY_RETRIES 200

typedef int64_t (*syscall_fn)(const uint64_t *args);

static const syscall_fn calls[NCALLS] = {
#define X(number, name) [number] = sys_##name,
	SYSCALLS(X)
#undef X
};

/*
 * The kernel's small allocations never wait, as they happen under locks; a call that failed for want of memory
 * has changed nothing and holds nothing. So the waiting is done here, and the call made again. An ENOMEM that
 * has other reasons (limits, no room in the space) is final.
 */
static int64_t wait_and_call(syscall_fn call, const uint64_t *args)
{
	struct thread *t = thread_current();
	int64_t r = -ENOMEM;

	for (unsigned i = 0; r == -ENOMEM && t->alloc_failed && i < MEMORY_RETRIES; i++) {
		t->alloc_failed = false;
		if (page_wait_memory())
			break;
		if (i > 4) /* others are faster each time */
			thread_sleep_ns(2000000);
		r = call(args);
	}
	return r;
}

/*
 * A call that ended with an error: is there more to do? Apart, so that the way of the others saves few
 * registers.
 */
static int64_t __attribute__((noinline)) settle_error(syscall_fn call, const uint64_t *args, int64_t r)
{
	if (r == -ENOMEM && call != sys_swapoff)
		r = wait_and_call(call, args);
	if (r <= -ERESTARTSYS && r >= -ERESTART_RESTARTBLOCK)
		thread_current()->sigpending = true; /* so that signal_deliver looks at it */
	return r;
}

void syscall_dispatch(struct trapframe *f)
{
	uint64_t number = f->a7;
	int64_t r;

	if (unlikely(number >= NCALLS || !calls[number])) {
		f->a0 = -ENOSYS;
		return;
	}
	r = calls[number](&f->a0); /* a0 .. a5 lie in a row */
	if (unlikely(r < 0))
		r = settle_error(calls[number], &f->a0, r);
	f->a0 = r;
}
