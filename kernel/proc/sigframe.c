/* SPDX-License-Identifier: ISC */
/*
 * What the kernel puts on a program's stack for a signal handler, and takes back when it returns: Linux's
 * layout for riscv64 (asm/ucontext.h, asm/sigcontext.h, struct rt_sigframe). riscv has no SA_RESTORER:
 * handlers return to a page with a call of rt_sigreturn that is mapped into every space.
 */
#include "arch/trap.h"
#include "arch/user.h"
#include "lib/string.h"
#include "proc/proc.h"

#define SS_ONSTACK 1
#define SS_DISABLE 2

struct user_siginfo {
	int32_t signo, err, code, pad;
	union {
		struct {
			int32_t pid;
			uint32_t uid;
			union {
				int32_t status;
				uint64_t value;
			};
		};
		uint64_t addr;
	};
	uint64_t rest[12]; /* zeros */
};
#define SIGINFO_SIZE offsetof(struct user_siginfo, rest)
_Static_assert(sizeof(struct user_siginfo) == 128, "siginfo_t");

struct user_context {
	uint64_t flags, link; /* zeros */
	struct context_head {
		struct {
			uint64_t sp;
			uint32_t flags, pad;
			uint64_t size;
		} stack;
		uint64_t mask;
	} head;
	uint8_t unused[120];
	uint64_t regs[32] __attribute__((aligned(16))); /* pc, x1 .. x31: as in a trapframe */
	struct fpstate fp;				/* in a union as large as the quad registers */
	uint8_t room[528 - sizeof(struct fpstate) - 16];
	uint64_t extensions[2]; /* the last of them: zeros */
};
_Static_assert(offsetof(struct user_context, regs) == 176 && sizeof(struct user_context) == 960,
	       "ucontext_t");
_Static_assert(sizeof(struct fpstate) == 264, "struct __riscv_d_ext_state");

struct sigframe {
	struct user_siginfo info;
	struct user_context context;
};

static bool is_fault(const struct siginfo *si)
{
	const uint64_t faults = SIGBIT(SIGILL) | SIGBIT(SIGTRAP) | SIGBIT(SIGBUS) | SIGBIT(SIGFPE) |
				SIGBIT(SIGSEGV);

	return SIGBIT(si->signo) & faults && si->code > 0 && si->code != SI_KERNEL;
}

/* All of it but the rest. */
static void siginfo_to_user(struct user_siginfo *u, const struct siginfo *si)
{
	u->signo = si->signo;
	u->err = si->err;
	u->code = si->code;
	u->pad = 0;
	if (is_fault(si)) {
		u->addr = si->addr;
		u->value = 0;
		return;
	}
	u->pid = si->pid;
	u->uid = si->uid;
	u->value = si->signo == SIGCHLD && si->code > 0 ? (uint32_t)si->status : si->value;
}

int signal_put_info(uint64_t uaddr, const struct siginfo *si)
{
	struct user_siginfo u = { 0 };

	siginfo_to_user(&u, si);
	return put_user(uaddr, &u, sizeof(u));
}

int signal_get_info(uint64_t uaddr, struct siginfo *si)
{
	struct user_siginfo u;

	if (get_user(&u, uaddr, sizeof(u)))
		return -EFAULT;
	*si = (struct siginfo){
		.signo = u.signo, .err = u.err, .code = u.code, .pid = u.pid, .uid = u.uid, .value = u.value
	};
	return 0;
}

bool signal_on_altstack(const struct thread *t, uint64_t sp)
{
	return sp > t->altstack.sp && sp - t->altstack.sp <= t->altstack.size;
}

/* What has no meaning in the frame is not written: it is the program's own stack. */
static int write_frame(struct sigframe *u, const struct trapframe *f, const struct fpstate *fp,
		       const struct user_siginfo *info, const struct context_head *head)
{
	user_begin();
	user_move_words(&u->info, info, SIGINFO_SIZE, fault);
	user_zero_words(u->info.rest, sizeof(u->info.rest), fault);
	user_zero_words(&u->context, offsetof(struct user_context, head), fault);
	user_move_words(&u->context.head, head, sizeof(*head), fault);
	user_move_words(u->context.regs, f, sizeof(u->context.regs), fault);
	user_move_words(&u->context.fp, fp, sizeof(*fp), fault);
	user_zero_words(u->context.extensions, sizeof(u->context.extensions), fault);
	user_end();
	return 0;
fault:
	user_end();
	return -EFAULT;
}

/* Of a frame that cannot be read some may have come already: its program dies or is about to leave it. */
static int read_frame(const struct sigframe *u, struct trapframe *f, struct fpstate *fp,
		      struct context_head *head)
{
	user_begin();
	user_move_words(head, &u->context.head, sizeof(*head), fault);
	user_move_words(fp, &u->context.fp, sizeof(*fp), fault);
	user_move_words(f, u->context.regs, sizeof(u->context.regs), fault);
	user_end();
	return 0;
fault:
	user_end();
	return -EFAULT;
}

int signal_push_frame(struct thread *t, struct trapframe *f, const struct siginfo *si,
		      const struct sigaction_k *sa, uint64_t mask)
{
	bool on = signal_on_altstack(t, f->sp);
	struct context_head head = { .stack.sp = t->altstack.sp,
				     .stack.size = t->altstack.size,
				     .stack.flags = !t->altstack.size ? SS_DISABLE :
						    on		      ? SS_ONSTACK :
									0,
				     .mask = mask };
	uint64_t sp = f->sp, at;
	struct user_siginfo info;

	if (sa->flags & SA_ONSTACK && t->altstack.size && !on)
		sp = t->altstack.sp + t->altstack.size;
	at = ALIGN_DOWN(sp - sizeof(struct sigframe), 16);
	if (on && !signal_on_altstack(t, at))
		return -EFAULT; /* the alternate stack is used up; what lies below is not ours to write */
	siginfo_to_user(&info, si);
	fp_save();
	if (!user_range_ok(at, sizeof(struct sigframe)) ||
	    write_frame((struct sigframe *)at, f, &t->fp, &info, &head))
		return -EFAULT;
	f->ra = SIGTRAMP;
	f->sp = at;
	f->a0 = si->signo;
	f->a1 = at + offsetof(struct sigframe, info);
	f->a2 = at + offsetof(struct sigframe, context);
	f->epc = sa->handler;
	return 0;
}

/* The registers are the program's to choose; `status` is not among them, and a bad pc faults in user mode. */
int64_t signal_return(struct trapframe *f)
{
	struct thread *t = thread_current();
	uint64_t at = f->sp;
	struct context_head head;

	t->restart.again = NULL;
	f->cause = 0; /* no call to restart */
	fp_save();
	fp_restore(); /* from t->fp, from now on */
	if (!user_range_ok(at, sizeof(struct sigframe)) ||
	    read_frame((const struct sigframe *)at, f, &t->fp, &head)) {
		signal_fault(SIGSEGV, SI_KERNEL, 0);
		return f->a0;
	}
	t->fp.fcsr &= 0xff;
	if (!signal_on_altstack(t, f->sp)) {
		bool none = head.stack.flags & SS_DISABLE;

		t->altstack.sp = none ? 0 : head.stack.sp;
		t->altstack.size = none ? 0 : head.stack.size;
	}
	signal_set_mask(t->proc, t, head.mask);
	return f->a0;
}

/* ---- the trampoline ---- */

static struct object *trampoline;

void signal_init(void)
{
	static const uint32_t code[] = { 0x08b00893 /* li a7, 139 */, 0x00000073 /* ecall */ };
	struct page *p;
	bool fresh;

	trampoline = object_create(NULL, NULL, 1);
	if (!trampoline || object_busy_page(trampoline, 0, &p, &fresh))
		panic("no memory for the signal trampoline");
	clear_page(page_data(p));
	memcpy(page_data(p), code, sizeof(code));
	object_fill_done(trampoline, p, true);
}

struct object *signal_trampoline(void)
{
	return trampoline;
}
