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

#define NCALLS 512

typedef int64_t (*syscall_fn)(const uint64_t *args);

static const syscall_fn calls[NCALLS] = {
#define X(number, name) [number] = sys_##name,
	SYSCALLS(X)
#undef X
};

void syscall_dispatch(struct trapframe *f)
{
	uint64_t number = f->a7;
	int64_t r;

	if (unlikely(number >= NCALLS || !calls[number])) {
		f->a0 = -ENOSYS;
		return;
	}
	r = calls[number](&f->a0); /* a0 .. a5 lie in a row */
	f->a0 = r;
	if (unlikely(r <= -ERESTARTSYS && r >= -ERESTART_RESTARTBLOCK))
		thread_current()->sigpending = true; /* so that signal_deliver settles it */
}
