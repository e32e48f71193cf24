/* SPDX-License-Identifier: ISC */
/*
 * execve: a new space is built completely beside the old one, so that every error leaves the caller as it
 * was. Segments are mapped from the file's object and come in by demand paging; only a partial page of zeros
 * behind a segment's data and the argument pages are written here. ELF-64 as in the System V ABI, riscv64
 * psABI; stack contents as Linux has them.
 */
#include "arch/trap.h"
#include "arch/user.h"
#include "dev/dev.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "proc/elf.h"
#include "proc/proc.h"
#include "proc/ptimer.h"

enum {
	AT_NULL = 0,
	AT_PHDR = 3,
	AT_PHENT,
	AT_PHNUM,
	AT_PAGESZ,
	AT_BASE,
	AT_FLAGS,
	AT_ENTRY,
	AT_UID = 11,
	AT_EUID,
	AT_GID,
	AT_EGID,
	AT_HWCAP = 16,
	AT_CLKTCK,
	AT_SECURE = 23,
	AT_RANDOM = 25,
	AT_EXECFN = 31,
	AT_MINSIGSTKSZ = 51
};
#define PIE_BASE  0x2aaaaaa000ul
#define STACK_TOP (SIGTRAMP - 16 * PAGE_SIZE)
/* Each base moves by up to so many pages, as a power of 2. */
#define RANDOM_STACK	 12
#define RANDOM_MMAP	 16
#define RANDOM_PIE	 16
#define RANDOM_BRK	 11
#define STACK_ROOM	 (34 * PAGE_SIZE) /* mapped beyond the arguments */
#define MMAP_GAP_MIN	 (128ul << 20)	  /* kept for the stack */
#define INTERPRETERS_MAX 4
#define SCRIPT_LINE_MAX	 256
#define HWCAP		 0x112d /* imafdc */

/* ---- where things lie ---- */

unsigned randomize_va_space = 2;

/* The random bytes of one exec, got at once as that is the costly part. */
struct chance {
	uint32_t stack, mmap, pie, brk;
	uint8_t for_program[16]; /* AT_RANDOM */
};

/* Bytes, a number of pages below 2^bits: unless it is turned off another one for each program. */
static uint64_t distance(uint32_t random, unsigned bits, unsigned least_mode)
{
	return randomize_va_space < least_mode ? 0 : (random & ((1ul << bits) - 1)) << PAGE_SHIFT;
}

/* ---- the stack ---- */

struct stack {
	struct space *space;
	uint64_t sp;
	int err;
};

static uint64_t push(struct stack *k, const void *bytes, size_t n)
{
	k->sp -= n;
	if (!k->err && vm_access(k->space, k->sp, (void *)(uintptr_t)bytes, n, true) != n)
		k->err = -ENOMEM;
	return k->sp;
}

/* Words that go to rising addresses, a few at a time. */
struct words {
	struct stack *stack;
	uint64_t at;
	unsigned n;
	uint64_t buf[64];
};

static void flush_words(struct words *w)
{
	size_t n = w->n * sizeof(uint64_t);

	if (n && !w->stack->err && vm_access(w->stack->space, w->at, w->buf, n, true) != n)
		w->stack->err = -ENOMEM;
	w->at += n;
	w->n = 0;
}

static void put_word(struct words *w, uint64_t word)
{
	if (w->n == ARRAY_SIZE(w->buf))
		flush_words(w);
	w->buf[w->n++] = word;
}

/* The addresses of n strings that lie one after another from *at on, the first at base + *at, and a NULL. */
static void put_pointers(struct words *w, unsigned n, const struct exec_strings *s, size_t *at, uint64_t base)
{
	while (n-- > 0) {
		put_word(w, base + *at);
		*at += exec_length(s, *at) + 1;
	}
	put_word(w, 0);
}

/* Writes argc, argv, envp and the auxiliary vector below the strings; k->sp is where the program starts. */
static void push_vectors(struct stack *k, const struct exec_strings *s, uint64_t base, const uint64_t *aux,
			 unsigned naux)
{
	struct words w = { .stack = k };
	size_t at = 0;

	w.at = k->sp = ALIGN_DOWN(k->sp - (s->argc + s->envc + 3ul + naux) * sizeof(uint64_t), 16);
	put_word(&w, s->argc);
	put_pointers(&w, s->argc, s, &at, base);
	k->space->arg_start = base;
	k->space->arg_end = k->space->env_start = base + at;
	put_pointers(&w, s->envc, s, &at, base);
	k->space->env_end = base + at;
	for (unsigned i = 0; i < naux; i++)
		put_word(&w, aux[i]);
	flush_words(&w);
}

static uint64_t push_strings(struct stack *k, const struct exec_strings *s)
{
	size_t total = exec_total(s), n;

	k->sp -= total;
	for (size_t at = 0; at < total && !k->err; at += n) {
		const char *bytes = exec_bytes(s, at, &n);

		if (vm_access(k->space, k->sp + at, (void *)(uintptr_t)bytes, n, true) != n)
			k->err = -ENOMEM;
	}
	return k->sp;
}

/* What a successful exec changes besides the image's own. */
struct next {
	struct space *space;
	struct fdtable *files; /* NULL: it keeps its own */
	struct cred cred;
	uint64_t entry, sp; /* sp: first the top of the stack */
	struct chance chance;
};

static int build_stack(struct next *n, const struct exec_strings *strings, const char *path,
		       const struct image *im, uint64_t interp_base)
{
	const struct cred *c = &n->cred;
	struct space *s = n->space;
	uint64_t top = n->sp;
	uint64_t size =
		page_round_up(exec_total(strings) + (strings->argc + strings->envc) * 8ul) + STACK_ROOM;
	struct stack k = { .space = s, .sp = top - 8 };
	uint64_t execfn, at_random, texts;
	int err;

	if (size > s->limits.stack)
		return -E2BIG;
	err = vm_map_stack(s, top, size);
	if (!err && image_executable_stack(im))
		err = vm_mprotect(s, top - size, size, PROT_READ | PROT_WRITE | PROT_EXEC);
	if (err)
		return err;
	execfn = push(&k, path, strlen(path) + 1);
	texts = push_strings(&k, strings);
	at_random = push(&k, n->chance.for_program, sizeof(n->chance.for_program));
	const uint64_t aux[] = {
		AT_PHDR,	image_phdr_address(im),
		AT_PHENT,	sizeof(struct elf_segment),
		AT_PHNUM,	im->h.phnum,
		AT_PAGESZ,	PAGE_SIZE,
		AT_BASE,	interp_base,
		AT_FLAGS,	0,
		AT_ENTRY,	im->base + im->h.entry,
		AT_UID,		c->uid,
		AT_EUID,	c->euid,
		AT_GID,		c->gid,
		AT_EGID,	c->egid,
		AT_HWCAP,	HWCAP,
		AT_CLKTCK,	100,
		AT_SECURE,	c->uid != c->euid || c->gid != c->egid,
		AT_RANDOM,	at_random,
		AT_EXECFN,	execfn,
		AT_MINSIGSTKSZ, 2048,
		AT_NULL,	0,
	};

	push_vectors(&k, strings, texts, aux, ARRAY_SIZE(aux));
	n->sp = k.sp;
	return k.err;
}

/* ---- putting it together ---- */

/* A program that is read and mapped, *name referenced; nobody writes it until close_program, -ETXTBSY if somebody does. */
static int open_program(struct fs_context *fs, const struct cred *cred, const char *path, struct name **name)
{
	struct vnode *v;
	int err = path_lookup(fs, cred, NULL, path, LOOK_FOLLOW, name);

	if (err)
		return err;
	v = name_vnode(*name);
	if (!v)
		err = -ENOENT;
	else if (!S_ISREG(v->mode))
		err = -EACCES;
	else
		err = vnode_permission(v, cred, 1);
	if (!err && (!v->object || vnode_noexec(v)))
		err = -EACCES;
	if (!err)
		err = vnode_begin_run(v);
	if (err)
		name_unref(*name);
	return err;
}

static void close_program(struct name *name)
{
	vnode_end_run(name_vnode(name));
	name_unref(name);
}

static int load_interpreter(struct space *s, struct proc *p, struct fs_context *fs, const struct image *im,
			    uint64_t *entry, uint64_t *base)
{
	struct image interp = { 0 };
	char path[256];
	struct name *name;
	int err = image_interpreter(im, path, sizeof(path));

	if (err <= 0)
		return err;
	err = open_program(fs, &p->cred, path, &name);
	if (err)
		return err;
	err = image_open(&interp, name_vnode(name));
	if (!err)
		err = image_map_anywhere(s, &interp);
	*base = interp.base;
	*entry = interp.base + interp.h.entry;
	image_close(&interp);
	close_program(name);
	return err == -ENOEXEC ? -ELIBBAD : err;
}

static int build_space(struct next *n, struct proc *p, struct fs_context *fs, struct image *im,
		       const struct exec_strings *strings, const char *path)
{
	uint64_t interp_base = 0, gap;
	struct space *s = n->space;
	int64_t r;
	int err;

	random_bytes(&n->chance, sizeof(n->chance));
	s->limits = (struct vm_limits){ .stack = p->rlimits[RLIMIT_STACK].cur,
					.as = p->rlimits[RLIMIT_AS].cur,
					.data = p->rlimits[RLIMIT_DATA].cur };
	gap = MAX(MIN(s->limits.stack, USER_TOP / 4), MMAP_GAP_MIN);
	n->sp = STACK_TOP - distance(n->chance.stack, RANDOM_STACK, 1);
	s->mmap_top = page_round_down(n->sp - gap) - distance(n->chance.mmap, RANDOM_MMAP, 1);
	r = vm_mmap(s, SIGTRAMP, PAGE_SIZE, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_FIXED,
		    signal_trampoline(), 0, PROT_READ | PROT_EXEC);
	if (r < 0)
		return r;
	im->base = im->h.type == ET_DYN ? PIE_BASE + distance(n->chance.pie, RANDOM_PIE, 1) - im->first : 0;
	if (im->base + im->end > s->mmap_top)
		return -ENOEXEC;
	err = image_map(s, im);
	if (err)
		return err;
	s->brk_start = s->brk_end = im->base + im->end + distance(n->chance.brk, RANDOM_BRK, 2);
	n->entry = im->base + im->h.entry;
	err = load_interpreter(s, p, fs, im, &n->entry, &interp_base);
	return err ? err : build_stack(n, strings, path, im, interp_base);
}

/* Set-id programs; and the saved ids become the effective ones in any case. */
static void exec_cred(struct cred *c, const struct vnode *v)
{
	bool honoured = !c->no_new_privs && !(v->mount && v->mount->flags & MOUNT_NOSUID);

	if (honoured && v->mode & S_ISUID)
		c->euid = v->uid;
	if (honoured && v->mode & S_ISGID && v->mode & 010)
		c->egid = v->gid;
	c->suid = c->euid;
	c->sgid = c->egid;
}

/* The thread's part: registers, floating point, and what belongs to the old program's memory. */
static void become_thread(struct thread *t, const struct next *n)
{
	memset(&t->altstack, 0, sizeof(t->altstack));
	t->restart.again = NULL;
	fp_save(); /* so that a switch from here on does not save the old registers again */
	memset(&t->fp, 0, sizeof(t->fp));
	trapframe_init(t->frame, n->entry, n->sp);
}

/* The point of no return is behind: the process becomes the program. */
static void become(struct proc *p, const struct next *n, struct name *name, struct vnode *v, const char *path)
{
	struct thread *t = thread_current();
	struct fdtable *old_files = n->files ? p->files : NULL;
	struct space *old = p->space;
	struct name *old_name = p->exe_name;
	struct vnode *old_exe = p->exe;
	const char *slash = strrchr(path, '/');

	vnode_run_ref(v);
	spin_lock(&proc_lock);
	usage_leave_space(p);
	p->space = n->space;
	p->exe = v;
	p->exe_name = name ? name_ref(name) : NULL;
	if (n->files)
		p->files = n->files;
	if (n->cred.euid != p->cred.euid || n->cred.egid != p->cred.egid)
		p->parent_death_signal = 0;
	p->cred = n->cred;
	strlcpy(p->name, slash ? slash + 1 : path, sizeof(p->name));
	strlcpy(t->name, p->name, sizeof(t->name));
	p->execed = true;
	p->exit_signal = SIGCHLD;
	spin_unlock(&proc_lock);
	thread_set_space(n->space);
	if (old)
		space_unref(old);
	proc_vfork_done(p);
	if (old_files)
		fdtable_unref(old_files);
	if (old_name)
		name_unref(old_name);
	if (old_exe)
		vnode_run_unref(old_exe);
	signal_exec(p);
	ptimers_drop(p);
	fdtable_close_on_exec(p->files);
	become_thread(t, n);
}

static int load(struct proc *p, struct fs_context *fs, struct vnode *v, struct name *name, const char *path,
		const struct exec_strings *strings)
{
	struct next n = { .cred = p->cred };
	struct image im = { 0 };
	int err = image_open(&im, v);

	exec_cred(&n.cred, v);
	if (!err) {
		n.space = space_create();
		err = n.space ? build_space(&n, p, fs, &im, strings, path) : -ENOMEM;
	}
	/* clone(CLONE_FILES) of another process ends here; the threads of this one count once each */
	if (!err && __atomic_load_n(&p->files->refs, __ATOMIC_RELAXED) > p->nthreads) {
		n.files = fdtable_clone(p->files);
		err = n.files ? 0 : -ENOMEM;
	}
	if (!err)
		err = proc_end_others(p);
	if (!err)
		become(p, &n, name, v, path);
	else {
		if (n.files)
			fdtable_unref(n.files);
		if (n.space)
			space_unref(n.space);
	}
	image_close(&im);
	return err;
}

/*
 * An interpreter script: its first line names the program. 0: *interp, *arg point into line; -ENOEXEC: no
 * script.
 */
static int parse_script(char *line, size_t n, char **interp, char **arg)
{
	char *end, *s = line + 2;

	line[n] = '\0';
	if (n < 3 || line[0] != '#' || line[1] != '!')
		return -ENOEXEC;
	end = strchr(line, '\n');
	if (!end && n == SCRIPT_LINE_MAX)
		return -ENOEXEC; /* cut off: who knows what it names */
	if (!end)
		end = line + n;
	while (end > s && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	*end = '\0';
	while (*s == ' ' || *s == '\t')
		s++;
	if (!*s)
		return -ENOEXEC;
	*interp = s;
	while (*s && *s != ' ' && *s != '\t')
		s++;
	*arg = NULL;
	if (*s) {
		*s++ = '\0';
		while (*s == ' ' || *s == '\t')
			s++;
		*arg = s;
	}
	return 0;
}

int proc_exec(struct proc *p, struct fs_context *fs, const char *path, struct exec_strings *strings,
	      struct vnode *direct)
{
	char line[SCRIPT_LINE_MAX + 1], file[SCRIPT_LINE_MAX + 1], *interp, *arg;
	struct name *name = NULL;
	struct vnode *v = direct;
	const char *at = path;
	ssize_t n;
	int err;

	for (unsigned depth = 0; depth <= INTERPRETERS_MAX; depth++) {
		if (!direct) {
			err = open_program(fs, &p->cred, at, &name);
			if (err)
				return err;
			v = name_vnode(name);
		}
		n = vnode_read(v, line, SCRIPT_LINE_MAX, 0);
		err = n < 0 ? n : 0;
		if (!err && (n < 2 || line[0] != '#' || line[1] != '!')) {
			err = load(p, fs, v, name, path, strings);
			if (name)
				close_program(name);
			return err;
		}
		if (name)
			close_program(name);
		name = NULL;
		direct = NULL;
		if (!err)
			err = parse_script(line, n, &interp, &arg);
		if (!err)
			err = exec_replace_first(strings, interp, arg, at);
		if (err)
			return err;
		strlcpy(file, interp, sizeof(file));
		at = file;
	}
	return -ELOOP;
}
