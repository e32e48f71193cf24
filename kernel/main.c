/* SPDX-License-Identifier: ISC */
/* Boot, in order. Each step may use what the ones before it have started. */
#include "arch/cpu.h"
#include "arch/intr.h"
#include "arch/mmu.h"
#include "arch/trap.h"
#include "dev/block.h"
#include "dev/dev.h"
#include "dev/finisher.h"
#include "fs/vnode.h"
#include "lib/cmdline.h"
#include "lib/fdt.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "proc/proc.h"
#include "proc/thread.h"
#include "vm/frames/kmap.h"
#include "vm/vm.h"

#define MAX_RAM	     16
#define MAX_RESERVED 24

extern char image_start[];
extern const char embedded_init_start[], embedded_init_end[];

void kernel_main(uint64_t hartid, uint64_t dtb);

static unsigned find_ram(struct mem_range *ram)
{
	unsigned n = 0;
	fdt_node node;
	uint64_t addr, size;

	for (node = fdt_first_child(fdt_path("/")); node; node = fdt_next_sibling(node)) {
		const char *type = fdt_prop(node, "device_type", NULL);

		if (!type || strcmp(type, "memory") != 0)
			continue;
		for (unsigned i = 0; n < MAX_RAM && fdt_reg(node, i, &addr, &size); i++)
			ram[n++] = (struct mem_range){ addr, addr + size };
	}
	return n;
}

static void memory_init(uint64_t dtb)
{
	struct mem_range ram[MAX_RAM], reserved[MAX_RESERVED + 2];
	unsigned nram = find_ram(ram), n = 0;
	uint64_t addr, size, nbytes = 0;

	reserved[n++] = (struct mem_range){ dtb, dtb + fdt_size() };
	while (n <= MAX_RESERVED && fdt_reserved(n - 1, &addr, &size)) {
		reserved[n] = (struct mem_range){ addr, addr + size };
		n++;
	}
	addr = mmu_init(ram, nram, reserved, n);
	reserved[n++] = (struct mem_range){ virt_to_phys(image_start), addr };
	for (unsigned i = 0; i < nram; i++)
		nbytes += ram[i].end - ram[i].start;
	kprintf("memory: %lu KiB at %#lx, the kernel has %lu KiB\n", nbytes >> 10, nram ? ram[0].start : 0,
		(addr - virt_to_phys(image_start)) >> 10);
	vm_init(ram, nram, reserved, n);
}

static void start_init(struct fs_context *fs)
{
	static char *argv[64], *envp[] = { "HOME=/", "TERM=linux", NULL };
	const char *path = cmdline_get("init"), *command = cmdline_command(), *arg;
	unsigned n = 0;

	if (cmdline_flag("norandmaps"))
		randomize_va_space = 0;
	argv[n++] = path ? (char *)(uintptr_t)path : "init";
	if (command) {
		argv[n++] = "-c";
		argv[n++] = (char *)(uintptr_t)command;
	}
	for (unsigned i = 0; !command && n + 1 < ARRAY_SIZE(argv) && (arg = cmdline_init_arg(i)) != NULL; i++)
		argv[n++] = (char *)(uintptr_t)arg;
	proc_start_init(fs, path, embedded_init_start, embedded_init_end - embedded_init_start, argv, envp);
}

/* The second half, in a thread: from here on there are interrupts, and one may sleep. */
static void boot(void *arg __unused)
{
	const char *root = cmdline_get("root");

	harts_start();
	vm_start_threads();
	block_init();
	random_init();
	dev_init();
	time_set_realtime(rtc_read_ns());
	start_init(fs_init(root ? root : "/dev/vda", cmdline_flag("ro")));
}

/* From entry.S, on the first stack, with only the early page table. */
void kernel_main(uint64_t hartid, uint64_t dtb)
{
	const char *bootargs;

	if (fdt_init(phys_to_virt(dtb)) != 0)
		panic("no device tree at %#lx", dtb);
	bootargs = fdt_prop(fdt_path("/chosen"), "bootargs", NULL);
	cmdline_init(bootargs ? bootargs : "");
	kprintf("Quire: command line: %s\n", cmdline_text());
	harts_find(hartid);
	time_init();
	memory_init(dtb);
	kmap_init();
	finisher_init(); /* from here on a panic's status reaches QEMU */
	sched_init();
	intr_init();
	if (!kthread_create("boot", boot, NULL))
		panic("no memory for the first thread");
	sched_start();
}
