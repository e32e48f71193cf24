/* SPDX-License-Identifier: ISC */
/*
 * What traps lead to: page faults to the vm, other faults of programs to signals, interrupts to their
 * handlers, faults of the kernel's own to panic, except where a routine that touches user memory has a
 * fix-up, and where this hart had not seen yet what was mapped for the kernel (mmu.h).
 */
#include "arch/trap.h"
#include "arch/cpu.h"
#include "arch/csr.h"
#include "arch/intr.h"
#include "arch/mmu.h"
#include "arch/offsets.h"
#include "lib/panic.h"
#include "lib/printf.h"
#include "proc/thread.h"
#include "proc/timer.h"
#include "vm/vm.h"

_Static_assert(offsetof(struct thread, hart) == TH_HART, "offsets.h");
_Static_assert(offsetof(struct thread, kstack) == TH_KSTACK, "offsets.h");
_Static_assert(offsetof(struct thread, frame) == TH_FRAME, "offsets.h");
_Static_assert(offsetof(struct thread, scratch) == TH_SCRATCH, "offsets.h");
_Static_assert(offsetof(struct thread, intr_depth) == TH_INTR_DEPTH, "offsets.h");
_Static_assert(offsetof(struct thread, context) == TH_CONTEXT, "offsets.h");
_Static_assert(offsetof(struct thread, fp) == TH_FP, "offsets.h");
_Static_assert(offsetof(struct thread, sigpending) == TH_SIGPENDING, "offsets.h");
_Static_assert(offsetof(struct hart, need_resched) == HART_NEED_RESCHED, "offsets.h");
_Static_assert(offsetof(struct trapframe, t6) == TF_X(31), "offsets.h");
_Static_assert(offsetof(struct trapframe, status) == TF_STATUS, "offsets.h");
_Static_assert(offsetof(struct trapframe, orig_a0) == TF_ORIG_A0, "offsets.h");
_Static_assert(sizeof(struct trapframe) == TF_SIZE, "offsets.h");
_Static_assert(1ul << KSTACK_SHIFT == KSTACK_SIZE, "offsets.h");

enum cause {
	CAUSE_FETCH_MISALIGNED = 0,
	CAUSE_FETCH_ACCESS = 1,
	CAUSE_ILLEGAL = 2,
	CAUSE_BREAKPOINT = 3,
	CAUSE_LOAD_MISALIGNED = 4,
	CAUSE_LOAD_ACCESS = 5,
	CAUSE_STORE_MISALIGNED = 6,
	CAUSE_STORE_ACCESS = 7,
	CAUSE_FETCH_PAGE = 12,
	CAUSE_LOAD_PAGE = 13,
	CAUSE_STORE_PAGE = 15,
};

/* Linux's numbers. */
enum { SIGILL_ = 4, SIGTRAP_ = 5, SIGBUS_ = 7, SIGSEGV_ = 11 };
enum { ILL_ILLOPC_ = 1, TRAP_BRKPT_ = 1, BUS_ADRALN_ = 1, BUS_ADRERR_ = 2 };

struct fixup { /* user_copy.S: a fault within [start, end) goes on at `handler` */
	uint64_t start, end, handler;
};
extern const struct fixup fixup_start[], fixup_end[];
extern char trap_entry[];

void fp_store(struct fpstate *fp);
void fp_load(const struct fpstate *fp);

/* Called from trap_entry.S. */
void trap_user(struct trapframe *f, uint64_t cause);
void trap_user_exit(struct trapframe *f);
void trap_kernel(struct trapframe *f);
void trap_stack_overflow(struct trapframe *f) __noreturn;

void trap_init_hart(void)
{
	csr_write(stvec, trap_entry);
}

void trap_interrupts_begin(void)
{
	csr_write(sie, 1 << IRQ_SOFTWARE | 1 << IRQ_TIMER | 1 << IRQ_EXTERNAL);
}

static void interrupt(uint64_t cause, bool from_user)
{
	intr_push();
	this_hart()->ninterrupts++;
	switch (cause & 0xff) {
	case IRQ_SOFTWARE:
		csr_clear(sip, 1 << IRQ_SOFTWARE);
		harts_interrupt();
		break;
	case IRQ_TIMER:
		timer_interrupt(from_user);
		break;
	case IRQ_EXTERNAL:
		intr_external();
		break;
	default:
		panic("unknown interrupt %lu", cause & 0xff);
	}
	if (!from_user && this_hart()->need_resched)
		thread_preempt();
	--*intr_depth(); /* and interrupts stay off */
}

static inline bool is_page_fault(uint64_t cause)
{
	return cause == CAUSE_LOAD_PAGE || cause == CAUSE_STORE_PAGE || cause == CAUSE_FETCH_PAGE;
}

static inline unsigned fault_access(uint64_t cause)
{
	return cause == CAUSE_STORE_PAGE ? ACCESS_WRITE :
	       cause == CAUSE_LOAD_PAGE	 ? ACCESS_READ :
					   ACCESS_EXEC;
}

/* The first use of floating point since the thread was last switched away: then its registers are loaded. */
static bool fp_enable(struct trapframe *f)
{
	if (f->status & SSTATUS_FS)
		return false;
	cpu_intr_off();
	fp_load(&thread_current()->fp);
	f->status |= SSTATUS_FS_CLEAN;
	cpu_intr_on();
	return true;
}

/* A page fault at an address of the program, counted as getrusage(2) tells it. */
static inline int user_fault(uint64_t va, uint64_t cause, struct vm_fault_info *info)
{
	struct thread *t = thread_current();
	int err = vm_fault(t->space, va, fault_access(cause), info);

	if (!err && info->major)
		t->nmajflt++;
	else if (!err)
		t->nminflt++;
	return err;
}

static void fault_signal(struct trapframe *f, uint64_t cause)
{
	switch (cause) {
	case CAUSE_ILLEGAL:
		if (!fp_enable(f))
			signal_fault(SIGILL_, ILL_ILLOPC_, f->epc);
		break;
	case CAUSE_BREAKPOINT:
		signal_fault(SIGTRAP_, TRAP_BRKPT_, f->epc);
		break;
	case CAUSE_FETCH_MISALIGNED:
	case CAUSE_LOAD_MISALIGNED:
	case CAUSE_STORE_MISALIGNED:
		signal_fault(SIGBUS_, BUS_ADRALN_, f->tval);
		break;
	case CAUSE_FETCH_ACCESS:
	case CAUSE_LOAD_ACCESS:
	case CAUSE_STORE_ACCESS:
		signal_fault(SIGBUS_, BUS_ADRERR_, f->tval);
		break;
	default:
		panic_frame(f, "unknown trap %lu of a program", cause);
	}
}

/* Any trap of a program but a system call. Interrupts are off. */
void trap_user(struct trapframe *f, uint64_t cause)
{
	uint64_t tval = csr_read(stval);
	struct vm_fault_info info;

	if ((int64_t)cause < 0) {
		interrupt(cause, true);
		return;
	}
	cpu_intr_on();
	f->tval = tval;
	if (!is_page_fault(cause))
		fault_signal(f, cause);
	else if (user_fault(tval, cause, &info) != 0)
		signal_fault(info.sig, info.code, tval);
}

/*
 * Before a return to the program, when a signal may be pending or another thread should run. Interrupts are
 * off.
 */
void trap_user_exit(struct trapframe *f)
{
	if (this_hart()->need_resched)
		thread_preempt();
	if (thread_current()->sigpending) {
		cpu_intr_on();
		signal_deliver(f);
		cpu_intr_off();
	}
}

static bool fix_up(struct trapframe *f)
{
	for (const struct fixup *x = fixup_start; x < fixup_end; x++)
		if (f->epc >= x->start && f->epc < x->end) {
			f->epc = x->handler;
			return true;
		}
	return false;
}

/* A fault at a user address in the copy routines: brings the page in, or goes to the routine's fix-up. */
static bool user_access_fault(struct trapframe *f)
{
	struct thread *t = thread_current();
	struct vm_fault_info info;
	int error = -1;

	if (!(f->status & SSTATUS_SUM) || f->tval >= USER_TOP)
		return false;
	if (is_page_fault(f->cause) && t->space && !t->faults_off) {
		cpu_intr_on();
		error = user_fault(f->tval, f->cause, &info);
		cpu_intr_off();
	}
	return error == 0 || fix_up(f);
}

static const char *cause_name(uint64_t cause)
{
	static const char *const names[] = { "misaligned fetch",
					     "fetch access fault",
					     "illegal instruction",
					     "breakpoint",
					     "misaligned load",
					     "load access fault",
					     "misaligned store",
					     "store access fault",
					     "call from user mode",
					     "call",
					     "trap 10",
					     "trap 11",
					     "fetch page fault",
					     "load page fault",
					     "trap 14",
					     "store page fault" };

	return cause < ARRAY_SIZE(names) ? names[cause] : "trap";
}

/* The kernel's ranges are never executed, so such a fault is not of this kind. */
static bool mapped_meanwhile(const struct trapframe *f)
{
	return (f->cause == CAUSE_LOAD_PAGE || f->cause == CAUSE_STORE_PAGE) && mmu_kmap_fault(f->tval);
}

/* A trap of the kernel. Interrupts are off, and go on as they were when this returns. */
void trap_kernel(struct trapframe *f)
{
	if ((int64_t)f->cause < 0) {
		interrupt(f->cause, false);
		return;
	}
	if (!user_access_fault(f) && !mapped_meanwhile(f))
		panic_frame(f, "%s at %#lx in the kernel", cause_name(f->cause), f->tval);
}

void trap_stack_overflow(struct trapframe *f)
{
	panic_frame(f, "kernel stack overflow");
}

void fp_save(void)
{
	struct thread *t = thread_current();

	cpu_intr_off();
	if ((t->frame->status & SSTATUS_FS) == SSTATUS_FS) {
		fp_store(&t->fp);
		t->frame->status = (t->frame->status & ~(uint64_t)SSTATUS_FS) | SSTATUS_FS_CLEAN;
	}
	cpu_intr_on();
}

void fp_restore(void)
{
	thread_current()->frame->status &= ~(uint64_t)SSTATUS_FS;
}

void fp_switch_out(struct thread *t)
{
	if ((t->frame->status & SSTATUS_FS) == SSTATUS_FS)
		fp_store(&t->fp);
	t->frame->status &= ~(uint64_t)SSTATUS_FS;
}
