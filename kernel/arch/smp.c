/* SPDX-License-Identifier: ISC */
/*
 * The harts: finding and starting them, and the interrupts they send each other, which say nothing by
 * themselves: the receiver looks whether it shall stop, and the scheduler looks at its queue anyway.
 */
#include "arch/cpu.h"
#include "arch/csr.h"
#include "arch/mmu.h"
#include "arch/sbi.h"
#include "lib/fdt.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "proc/thread.h"
#include "vm/frames/kmap.h"

struct hart harts[MAX_HARTS];
unsigned nharts;

static unsigned nfound;	    /* of the device tree; nharts are online */
static bool stop_requested; /* for good */
static uint32_t pausing;    /* 1: stand still */
static bool pauser;	    /* somebody pauses the others, or has not seen them all go on yet */

extern char secondary_start[];
uint64_t hart_starting; /* for entry.S: the idle thread of the one hart that is being started */
void hart_main(void);	/* from entry.S */

static void add_hart(uint64_t hartid)
{
	struct hart *h = &harts[nfound];

	h->index = nfound++;
	h->hartid = hartid;
	h->timer_ns = UINT64_MAX;
}

void harts_find(uint64_t boot_hartid)
{
	fdt_node cpu;
	uint64_t hartid;

	add_hart(boot_hartid);
	for (cpu = fdt_first_child(fdt_path("/cpus")); cpu; cpu = fdt_next_sibling(cpu)) {
		const char *type = fdt_prop(cpu, "device_type", NULL);
		const char *status = fdt_prop(cpu, "status", NULL);

		if (!type || strcmp(type, "cpu") != 0 || (status && strcmp(status, "okay") != 0) ||
		    !fdt_reg(cpu, 0, &hartid, NULL) || hartid == boot_hartid || hartid > 63)
			continue;
		if (nfound < MAX_HARTS)
			add_hart(hartid);
	}
	harts[0].online = true;
	nharts = 1;
}

void harts_start(void)
{
	for (unsigned i = 1; i < nfound; i++) {
		struct hart *h = &harts[i];
		struct thread *idle = sched_idle_thread(h);
		int64_t error;

		__atomic_store_n(&hart_starting, (uint64_t)idle, __ATOMIC_SEQ_CST);
		error = sbi_hart_start(h->hartid, virt_to_phys(secondary_start), 0);
		if (error != 0)
			panic("hart %lu does not start: SBI error %ld", h->hartid, error);
		while (!__atomic_load_n(&h->online, __ATOMIC_ACQUIRE))
			cpu_relax();
		nharts = i + 1;
	}
	kprintf("smp: %u hart%s\n", nharts, nharts > 1 ? "s" : "");
}

void hart_main(void)
{
	__atomic_store_n(&this_hart()->online, true, __ATOMIC_RELEASE);
	sched_start();
}

void hart_poke(struct hart *h)
{
	sbi_send_ipi(h->hartid);
}

void cpu_halt(void)
{
	cpu_intr_off();
	csr_write(sie, 0);
	for (;;)
		cpu_wait();
}

void harts_interrupt(void)
{
	struct hart *h = this_hart();

	if (__atomic_load_n(&stop_requested, __ATOMIC_ACQUIRE)) {
		__atomic_store_n(&h->stopped, true, __ATOMIC_RELEASE);
		cpu_halt();
	}
	if (__atomic_load_n(&pausing, __ATOMIC_ACQUIRE)) {
		__atomic_store_n(&h->stopped, true, __ATOMIC_RELEASE);
		while (__atomic_load_n(&pausing, __ATOMIC_ACQUIRE))
			cpu_relax();
		__atomic_store_n(&h->stopped, false, __ATOMIC_RELEASE);
	}
}

static void poke_others(void)
{
	for (unsigned i = 0; i < nharts; i++)
		if (&harts[i] != this_hart())
			hart_poke(&harts[i]);
}

static bool others_are(bool stopped)
{
	for (unsigned i = 0; i < nharts; i++)
		if (&harts[i] != this_hart() &&
		    __atomic_load_n(&harts[i].stopped, __ATOMIC_ACQUIRE) != stopped)
			return false;
	return true;
}

void harts_stop(void)
{
	uint64_t end = time_ns() + 200000000;

	__atomic_store_n(&stop_requested, true, __ATOMIC_SEQ_CST);
	poke_others();
	while (!others_are(true) && time_ns() < end)
		cpu_relax();
}

void harts_pause(void)
{
	intr_push();
	while (__atomic_test_and_set(&pauser, __ATOMIC_ACQUIRE)) { /* somebody else pauses us */
		intr_pop();
		cpu_relax();
		intr_push();
	}
	__atomic_store_n(&pausing, 1, __ATOMIC_SEQ_CST);
	poke_others();
	while (!others_are(true))
		cpu_relax();
}

void harts_resume(void)
{
	__atomic_store_n(&pausing, 0, __ATOMIC_SEQ_CST);
	while (!others_are(false))
		cpu_relax();
	__atomic_clear(&pauser, __ATOMIC_RELEASE);
	intr_pop();
}
