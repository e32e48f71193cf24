/* SPDX-License-Identifier: ISC */
/*
 * The system-call table, and the way in and out. A call that a signal interrupted returns one of
 * -ERESTARTSYS and its kin here; signal_deliver turns that into EINTR or into the call's repetition, for
 * which trap_entry.S has kept a0 in orig_a0.
 */
#include "arch/offsets.h"
#include "arch/trap.h"
#include "lib/errno.h"
#include "proc/thread.h"
#include "sys/sys.h"
#include "vm/vm.h"

#define MEMORY_RETRIES 200

typedef int64_t (*syscall_fn)(const uint64_t *args);

extern const syscall_fn syscall_table[NSYSCALLS]; /* for trap_entry.S; NULL: no such call */
const syscall_fn syscall_table[NSYSCALLS] = {
#define X(number, name) [number] = sys_##name,
	SYSCALLS(X)
#undef X
};

/*
 * The kernel's small allocations never wait, as they happen under locks; a call that failed for want of memory
 * has changed nothing and holds nothing. So the waiting is done here, and the call made again. An ENOMEM that
 * has other reasons (limits, no room in the space) is final.
 */
static int64_t wait_and_call(syscall_fn call, struct trapframe *f)
{
	struct thread *t = thread_current();
	int64_t r = -ENOMEM;

	for (unsigned i = 0; r == -ENOMEM && t->alloc_failed && i < MEMORY_RETRIES; i++) {
		t->alloc_failed = false;
		if (page_wait_memory())
			break;
		if (i > 4) /* others are faster each time */
			thread_sleep_ns(2000000);
		f->a0 = f->orig_a0; /* which trap_entry.S has put the error into */
		r = call(&f->a0);
	}
	return r;
}

/* Whether there is more to do for a call that ended with the error r; what it ends with at last. Called by trap_entry.S. */
int64_t syscall_failed(struct trapframe *f, int64_t r)
{
	syscall_fn call = syscall_table[f->a7];

	if (call == sys_clone) /* past trap_entry.S, which has saved the registers */
		call = clone_saved;
	else if (call == sys_clone3)
		call = clone3_saved;
	if (r == -ENOMEM && call != sys_swapoff)
		r = wait_and_call(call, f);
	if (r <= -ERESTARTSYS && r >= -ERESTART_RESTARTBLOCK)
		thread_current()->sigpending = true; /* so that signal_deliver looks at it */
	return r;
}
