/* SPDX-License-Identifier: ISC */
/*
 * The clock, and each hart's timer interrupt: through the stimecmp register where the processor has one
 * (Sstc), else through the firmware. The counter is the same on all harts.
 */
#include "arch/cpu.h"
#include "arch/csr.h"
#include "arch/sbi.h"
#include "lib/fdt.h"
#include "lib/string.h"

int probe_stimecmp(void); /* trap_entry.S */

static uint64_t boot_count;   /* the counter at boot */
static uint64_t ns_per_count; /* 0: the frequency does not divide a second into whole nanoseconds */
static uint32_t frequency = 10000000;
static bool have_stimecmp;
static uint64_t realtime_offset; /* nanoseconds since 1970 at monotonic 0 */

static uint64_t count_to_ns(uint64_t count)
{
	if (likely(ns_per_count))
		return count * ns_per_count;
	return count / frequency * 1000000000ul + count % frequency * 1000000000ul / frequency;
}

static uint64_t ns_to_count(uint64_t ns)
{
	if (likely(ns_per_count))
		return (ns + ns_per_count - 1) / ns_per_count;
	return ns / 1000000000ul * frequency + (ns % 1000000000ul * frequency + 999999999ul) / 1000000000ul;
}

void time_init(void)
{
	fdt_node cpus = fdt_path("/cpus"), cpu;

	if (!fdt_prop_u32(cpus, "timebase-frequency", &frequency))
		fdt_prop_u32(fdt_first_child(cpus), "timebase-frequency", &frequency);
	if (frequency == 0)
		panic("the device tree has a timebase-frequency of 0");
	if (1000000000u % frequency == 0)
		ns_per_count = 1000000000u / frequency;
	have_stimecmp = true;
	for (cpu = fdt_first_child(cpus); cpu; cpu = fdt_next_sibling(cpu)) {
		const char *isa = fdt_prop(cpu, "riscv,isa", NULL);

		if (isa && !strstr(isa, "sstc"))
			have_stimecmp = false;
	}
	have_stimecmp = have_stimecmp && probe_stimecmp();
	boot_count = csr_read(time);
}

uint64_t time_ns(void)
{
	return count_to_ns(csr_read(time) - boot_count);
}

uint64_t time_realtime_ns(void)
{
	return time_ns() + __atomic_load_n(&realtime_offset, __ATOMIC_RELAXED);
}

void time_set_realtime(uint64_t ns)
{
	__atomic_store_n(&realtime_offset, ns - time_ns(), __ATOMIC_RELAXED);
}

void timer_arm(uint64_t ns)
{
	struct hart *h = this_hart();
	uint64_t count;

	if (ns >= h->timer_ns)
		return;
	h->timer_ns = ns;
	count = boot_count + ns_to_count(ns);
	if (have_stimecmp)
		__asm__ volatile("csrw 0x14d, %0" ::"r"(count));
	else
		sbi_set_timer(count);
}

void timer_disarm(void)
{
	this_hart()->timer_ns = UINT64_MAX;
	if (have_stimecmp)
		__asm__ volatile("csrw 0x14d, %0" ::"r"(UINT64_MAX));
	else
		sbi_set_timer(UINT64_MAX);
}

void delay_us(unsigned us)
{
	uint64_t end = csr_read(time) + ns_to_count(us * 1000ul);

	while (csr_read(time) < end)
		cpu_relax();
}
