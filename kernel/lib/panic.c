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

	cpu_intr_off();
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
 * The frame pointer points behind the saved ra and the caller's frame pointer. A leaf function saves only the
 * latter, in the place of ra: `ra` is then what its register held (0: unknown).
 */
static void unwind(uint64_t fp, uint64_t pc, uint64_t ra)
{
	const struct thread *t = thread_current();
	uint64_t low = t->kstack, high = t->kstack + KSTACK_SIZE;

	print_place(0, pc, ra == 0);
	for (unsigned n = 1; n < 40; n++) {
		const uint64_t *frame = (const uint64_t *)fp;

		if (fp < low + 16 || fp > high || fp & 7)
			break;
		if (n == 1 && ra && frame[-1] >= low && frame[-1] <= high) {
			pc = ra;
			fp = frame[-1];
		} else {
			pc = frame[-1];
			fp = frame[-2];
		}
		if (!pc)
			break;
		print_place(n, pc, true);
		if (fp && fp <= (uint64_t)frame)
			break;
	}
}

void backtrace(uint64_t fp, uint64_t pc)
{
	unwind(fp, pc, 0);
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
	unwind(f->s0, f->epc, 0);
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
	unwind(f->s0, f->epc, f->ra);
	machine_exit(255);
}
