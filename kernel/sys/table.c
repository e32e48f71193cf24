/* SPDX-License-Identifier: ISC */
/*
 * The system-call table, and the way in and out. A call that a signal interrupted returns -ERESTARTSYS here; signal_deliver turns
 * that into EINTR or into the call's repetition, for which a0 is kept in orig_a0 and epc still names the instruction behind the ecall.
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

	f->orig_a0 = f->a0;
	if (unlikely(number >= NCALLS || !calls[number])) {
		f->a0 = -ENOSYS;
		return;
	}
	f->a0 = calls[number](&f->a0); /* a0 .. a5 lie in a row */
}
