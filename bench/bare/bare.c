/* SPDX-License-Identifier: ISC */
/*
 * bare: what the machine itself charges for page faults on one hart and on four, beside which `scale` (../scale.c) is judged.
 *
 * A program without a kernel below it, on OpenSBI. Each hart runs, in user mode, a loop that stores into one page after the other of
 * memory that is not mapped. The trap saves all registers, takes a frame from the hart's own pool, zeroes it, puts
 * a PTE into the hart's own table and goes back. Harts share nothing, so whatever four of them need longer than
 * one is the host's doing: its cores, its caches and its emulator.
 *
 * Prints, like scale, how long a worker takes for a page: by itself, and with the others, by turns. The medians, as what the host does
 * besides changes from one moment to the next.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WORKERS	   4
#define NPAGES	   4096ul /* that a worker touches in a round */
#define ROUNDS	   41
#define PAUSE	   200000 /* ticks */
#define PAGE_SHIFT 12
#define PAGE_SIZE  (1ul << PAGE_SHIFT)
#define FANOUT	   512
#define NLEAVES	   (NPAGES / FANOUT)
#define RAM	   0x80000000ul
#define POOL	   (RAM + (32ul << 20)) /* the frames: 16 MiB a worker */
#define PROGRAM_VA (4ul << 30)
#define AREA_VA	   (8ul << 30)
#define STACK	   8192

enum { PTE_V = 1, PTE_R = 2, PTE_W = 4, PTE_X = 8, PTE_U = 16, PTE_A = 64, PTE_D = 128 };
enum { STORE_PAGE_FAULT = 15, SSIE = 2, STIE = 32 };

struct worker {
	uint64_t frame[32]; /* entry.S: pc and x1 - x31 of the program */
	void *stack;
	uint64_t sp;
	uint64_t saved[15];
	uint64_t next_frame;
	uint64_t *leaf; /* the leaf tables, one behind the other */
};
_Static_assert(offsetof(struct worker, stack) == 256 && offsetof(struct worker, sp) == 264 &&
		       offsetof(struct worker, saved) == 272,
	       "entry.S");

/* Each table and each worker in cache lines of its own. */
static uint64_t root[WORKERS][FANOUT] __attribute__((aligned(4096)));
static uint64_t middle[WORKERS][2][FANOUT] __attribute__((aligned(4096)));
static uint64_t program_leaf[WORKERS][FANOUT] __attribute__((aligned(4096)));
static uint64_t leaves[WORKERS][NLEAVES * FANOUT] __attribute__((aligned(4096)));
static struct {
	struct worker w;
	char space[256];
} workers[WORKERS] __attribute__((aligned(256)));
static char stacks[WORKERS][STACK] __attribute__((aligned(4096)));
static volatile unsigned parked, done;
static uint64_t others; /* the harts but the first, a bit each */

extern char program[], second_start[];
void enter_user(struct worker *w, uint64_t pc, uint64_t first, uint64_t end);
/* Called from entry.S. */
void bare_main(uint64_t hartid);
void bare_worker(struct worker *w);
void bare_fault(struct worker *w, uint64_t cause, uint64_t va);
void bare_died(uint64_t cause, uint64_t pc, uint64_t va);

static long sbi(uint64_t extension, uint64_t function, uint64_t arg0, uint64_t arg1, uint64_t arg2)
{
	register uint64_t a0 __asm__("a0") = arg0, a1 __asm__("a1") = arg1, a2 __asm__("a2") = arg2;
	register uint64_t a6 __asm__("a6") = function, a7 __asm__("a7") = extension;

	__asm__ volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a2), "r"(a6), "r"(a7) : "memory");
	return (long)a0;
}

static void print(const char *s)
{
	for (; *s; s++)
		sbi(1, 0, (uint64_t)*s, 0, 0);
}

static void print_number(uint64_t n)
{
	char digits[24], *d = digits + sizeof(digits) - 1;

	*d = 0;
	do
		*--d = '0' + n % 10;
	while (n /= 10);
	print(d);
}

static void power_off(void)
{
	sbi(0x53525354, 0, 0, 0, 0);
	for (;;)
		;
}

void bare_died(uint64_t cause, uint64_t pc, uint64_t va)
{
	print("bare: trap ");
	print_number(cause);
	print(" at ");
	print_number(pc);
	print(", address ");
	print_number(va);
	print("\n");
	power_off();
}

static uint64_t ticks(void) /* of 100 ns */
{
	uint64_t t;

	__asm__ volatile("rdtime %0" : "=r"(t)::"memory");
	return t;
}

static uint64_t pointer(const void *table)
{
	return (uint64_t)table >> PAGE_SHIFT << 10 | PTE_V;
}

static uint64_t leaf_entry(uint64_t physical, uint64_t bits)
{
	return physical >> PAGE_SHIFT << 10 | bits | PTE_V | PTE_A | PTE_D;
}

static void clear_frame(uint64_t *w)
{
	uint64_t *end = w + PAGE_SIZE / sizeof(*w);

	do {
		w[0] = 0, w[1] = 0, w[2] = 0, w[3] = 0, w[4] = 0, w[5] = 0, w[6] = 0, w[7] = 0;
		w[8] = 0, w[9] = 0, w[10] = 0, w[11] = 0, w[12] = 0, w[13] = 0, w[14] = 0, w[15] = 0;
		w[16] = 0, w[17] = 0, w[18] = 0, w[19] = 0, w[20] = 0, w[21] = 0, w[22] = 0, w[23] = 0;
		w[24] = 0, w[25] = 0, w[26] = 0, w[27] = 0, w[28] = 0, w[29] = 0, w[30] = 0, w[31] = 0;
		w += 32;
	} while (w != end);
}

void bare_fault(struct worker *w, uint64_t cause, uint64_t va)
{
	uint64_t frame = w->next_frame;

	if (cause != STORE_PAGE_FAULT || va - AREA_VA >= NPAGES * PAGE_SIZE)
		bare_died(cause, w->frame[0], va);
	w->next_frame += PAGE_SIZE;
	clear_frame((uint64_t *)frame);
	*(volatile uint64_t *)&w->leaf[(va - AREA_VA) >> PAGE_SHIFT] =
		leaf_entry(frame, PTE_R | PTE_W | PTE_U);
}

static void turn_translation_on(unsigned i)
{
	root[i][RAM >> 30] = leaf_entry(RAM, PTE_R | PTE_W | PTE_X);
	root[i][PROGRAM_VA >> 30] = pointer(middle[i][0]);
	root[i][AREA_VA >> 30] = pointer(middle[i][1]);
	middle[i][0][0] = pointer(program_leaf[i]);
	program_leaf[i][0] = leaf_entry((uint64_t)program, PTE_R | PTE_X | PTE_U);
	for (unsigned k = 0; k < NLEAVES; k++)
		middle[i][1][k] = pointer(leaves[i] + k * FANOUT);
	__asm__ volatile("csrw satp, %0\n\tsfence.vma" ::"r"(8ul << 60 | (uint64_t)root[i] >> PAGE_SHIFT)
			 : "memory");
}

static struct worker *worker(unsigned i)
{
	struct worker *w = &workers[i].w;

	w->stack = stacks[i] + STACK;
	w->leaf = leaves[i];
	return w;
}

/* Nothing of the area is mapped, and the pool is full again. */
static void prepare(struct worker *w)
{
	unsigned i = (w->leaf - leaves[0]) / (NLEAVES * FANOUT);

	for (unsigned long k = 0; k < NPAGES; k++)
		w->leaf[k] = 0;
	w->next_frame = POOL + i * NPAGES * PAGE_SIZE;
	__asm__ volatile("sfence.vma" ::: "memory");
}

static void run(struct worker *w)
{
	enter_user(w, PROGRAM_VA, AREA_VA, AREA_VA + NPAGES * PAGE_SIZE);
}

/* Waits for hart 0's interrupt without taking the host's time. A hart that the firmware has not started yet may take a core of the
 * host all the time (OpenSBI 1.1 under QEMU 7.2 does), and the one that is measured pays for it. An interrupt that stays pending makes
 * the emulator slow, too. */
static void park(void)
{
	uint64_t pending;

	__asm__ volatile("csrw sie, %0" ::"r"(SSIE));
	__atomic_fetch_add(&parked, 1, __ATOMIC_SEQ_CST);
	do
		__asm__ volatile("wfi\n\tcsrr %0, sip" : "=r"(pending)::"memory");
	while (!(pending & SSIE));
	__asm__ volatile("csrw sie, zero\n\tcsrc sip, %0" ::"r"(SSIE));
}

void bare_worker(struct worker *w)
{
	turn_translation_on((w->leaf - leaves[0]) / (NLEAVES * FANOUT));
	for (;;) {
		prepare(w);
		park();
		run(w);
		__atomic_fetch_add(&done, 1, __ATOMIC_SEQ_CST);
	}
}

/* As scale does before a round. */
static void sleep_a_little(void)
{
	uint64_t until = ticks() + PAUSE;

	sbi(0x54494d45, 0, until, 0, 0);
	__asm__ volatile("csrw sie, %0" ::"r"(STIE));
	while (ticks() < until)
		__asm__ volatile("wfi" ::: "memory");
	__asm__ volatile("csrw sie, zero");
	sbi(0x54494d45, 0, UINT64_MAX, 0, 0);
}

static uint64_t round_of(struct worker *w, bool all)
{
	uint64_t t;

	prepare(w);
	while (parked < WORKERS - 1)
		;
	sleep_a_little();
	t = ticks();
	if (all) {
		parked = done = 0;
		sbi(0x735049, 0, others, 0, 0); /* an interrupt */
	}
	run(w);
	while (all && done < WORKERS - 1)
		;
	return ticks() - t;
}

static uint64_t median(uint64_t *t)
{
	for (unsigned i = 1; i < ROUNDS; i++)
		for (unsigned k = i; k > 0 && t[k - 1] > t[k]; k--) {
			uint64_t later = t[k - 1];

			t[k - 1] = t[k];
			t[k] = later;
		}
	return t[ROUNDS / 2];
}

static void report(unsigned n, uint64_t *t)
{
	print("bare ");
	print_number(n);
	print(": ");
	print_number(median(t) * 100 / NPAGES);
	print(" ns a page\n");
}

void bare_main(uint64_t hartid)
{
	static uint64_t by_itself[ROUNDS], with_others[ROUNDS];
	struct worker *w = worker(0);
	unsigned n = 1;

	turn_translation_on(0);
	for (uint64_t other = 0; other < WORKERS; other++) {
		if (other == hartid)
			continue;
		others |= 1ul << other;
		sbi(0x48534d, 0, other, (uint64_t)second_start, (uint64_t)worker(n++));
	}
	for (unsigned r = 0; r < ROUNDS; r++) {
		by_itself[r] = round_of(w, false);
		with_others[r] = round_of(w, true);
	}
	report(1, by_itself);
	report(WORKERS, with_others);
	power_off();
}
