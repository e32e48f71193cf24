/* SPDX-License-Identifier: ISC */
/*
 * The end of the kernel: stop the other harts, say what happened with registers and a backtrace, exit with
 * status 255. A panic or a fault inside of this ends the machine at once; the third time even that is not
 * tried.
 */
#include "lib/panic.h"
#include "arch/cpu.h"
#include "arch/sbi.h"
#include "arch/trap.h"
#include "dev/dev.h"
#include "lib/ksyms.h"
#include "lib/printf.h"
#include "proc/thread.h"

extern char kernel_frame[],
	stack_overflow[]; /* trap_entry.S: where a trap of the kernel is handled, and the end of that */

static uint32_t panicked; /* 1 + index of the hart that did */
static unsigned depth;	  /* of panics on that hart */

bool panic_is_here(void)
{
	uint32_t who = __atomic_load_n(&panicked, __ATOMIC_RELAXED);

	return unlikely(who != 0) && who == this_hart()->index + 1;
}

/* Claims the right to panic for this hart; the losers wait for the end of the machine. */
static void panic_claim(void)
{
	uint32_t none = 0;

	intr_push();
	if (__atomic_compare_exchange_n(&panicked, &none, this_hart()->index + 1, false, __ATOMIC_SEQ_CST,
					__ATOMIC_SEQ_CST))
		harts_stop();
	else if (!panic_is_here())
		cpu_halt();
	if (++depth == 2)
		machine_exit(255);
	if (depth > 2) {
		sbi_system_reset(0, 1);
		cpu_halt();
	}
}

static void print_registers(const struct trapframe *f)
{
	static const char *const names[] = { "ra", "sp",  "gp",	 "tp", "t0", "t1", "t2", "s0",
					     "s1", "a0",  "a1",	 "a2", "a3", "a4", "a5", "a6",
					     "a7", "s2",  "s3",	 "s4", "s5", "s6", "s7", "s8",
					     "s9", "s10", "s11", "t3", "t4", "t5", "t6" };
	const uint64_t *regs = &f->ra;

	kprintf("  epc %016lx status %016lx cause %lx tval %016lx\n", f->epc, f->status, f->cause, f->tval);
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
		kprintf("  %3s %016lx%s", names[i], regs[i],
			i % 4 == 3 || i + 1 == ARRAY_SIZE(names) ? "\n" : "");
}

static void print_place(unsigned n, uint64_t pc, bool is_return)
{
	const char *func, *file;
	uintptr_t offset;
	unsigned line;

	if (!ksym_lookup(is_return ? pc - 1 : pc, &func, &offset, &file, &line))
		kprintf("  #%-2u %016lx\n", n, pc);
	else if (file)
		kprintf("  #%-2u %016lx %s+%#lx (%s:%u)\n", n, pc, func, offset + is_return, file, line);
	else
		kprintf("  #%-2u %016lx %s+%#lx\n", n, pc, func, offset + is_return);
}

/*
 * From the registers at a trap, or (`called`) behind a call that does not return, down the stack: what each function has of
 * it says the symbol table. Below a trap of the kernel it goes on with the registers that this saved.
 */
static void backtrace(const struct trapframe *f, bool called)
{
	const struct thread *t = thread_current();
	uint64_t pc = f->epc, sp = f->sp, ra = called ? 0 : f->ra;
	uint64_t low = t->kstack, high = t->kstack + KSTACK_SIZE;

	for (unsigned n = 0; n < 40 && pc; n++) {
		size_t size = 0, below = 0;
		bool known = ksym_frame(called ? pc - 1 : pc, &size, &below);

		print_place(n, pc, called);
		if (sp < low || sp & 7 || sp > high - size)
			break;
		if (pc >= (uint64_t)kernel_frame && pc < (uint64_t)stack_overflow &&
		    sp <= high - sizeof(*f)) {
			f = (const struct trapframe *)sp;
			pc = f->epc;
			sp = f->sp;
			ra = f->ra;
			called = false;
			continue;
		}
		if (below)
			ra = *(const uint64_t *)(sp + size - below);
		else if (!known && called) /* assembly that calls C: the program is below, or nothing */
			break;
		sp += size;
		pc = ra;
		ra = 0;
		called = true;
	}
}

static void print_head(const char *fmt, va_list ap)
{
	kprintf_fresh_line();
	kprintf("panic: ");
	kvprintf(fmt, ap);
	kprintf("\n  hart %u, thread %d %s\n", this_hart()->index, thread_current()->tid,
		thread_current()->name);
}

/* panic() itself is arch/panic_entry.S: it comes here with the registers of its caller. */
void panic_called(const struct trapframe *f) __noreturn;
void panic_called(const struct trapframe *f)
{
	panic_claim();
	print_head((const char *)f->a0, (va_list)&f->a1);
	print_registers(f);
	backtrace(f, true);
	machine_exit(255);
}

void panic_frame(const struct trapframe *f, const char *fmt, ...)
{
	va_list ap;

	panic_claim();
	va_start(ap, fmt);
	print_head(fmt, ap);
	va_end(ap);
	print_registers(f);
	backtrace(f, false);
	machine_exit(255);
}
