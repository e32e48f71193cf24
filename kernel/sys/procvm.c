/* SPDX-License-Identifier: ISC */
/*
 * process_vm_readv and process_vm_writev: bytes between the caller's memory and another process's, through a frame in between, so that
 * neither space is touched while anything of the other is held.
 */
#include "lib/string.h"
#include "sys/files.h"

/* Where a transfer has come to in a vector. */
struct place {
	const struct iov *v;
	unsigned i;
	uint64_t done; /* bytes of entry i */
};

/* Bytes that can be moved in one step: to the end of an entry of either vector; at most a page. 0: one is used up. */
static size_t step_size(struct place *local, struct place *remote)
{
	size_t n = PAGE_SIZE;

	for (unsigned k = 0; k < 2; k++) {
		struct place *p = k ? remote : local;

		while (p->i < p->v->n && p->done == p->v->vec[p->i].len) {
			p->i++;
			p->done = 0;
		}
		n = p->i < p->v->n ? MIN(n, p->v->vec[p->i].len - p->done) : 0;
		if (!n)
			break;
	}
	return n;
}

/* Bytes moved before something was missing on either side. */
static size_t move_step(struct space *s, struct place *local, struct place *remote, size_t n, void *buf,
			bool write)
{
	uint64_t here = local->v->vec[local->i].base + local->done,
		 there = remote->v->vec[remote->i].base + remote->done;

	n = MIN(n, PAGE_SIZE - (there & PAGE_MASK)); /* what comes before a hole is moved */
	if (write) {
		n -= user_copy_in(buf, here, n);
		n = n ? vm_access(s, there, buf, n, true) : 0;
	} else {
		n = vm_access(s, there, buf, n, false);
		n -= user_copy_out(here, buf, n);
	}
	local->done += n;
	remote->done += n;
	return n;
}

static int64_t move_all(struct space *s, const struct iov *local, const struct iov *remote, bool write)
{
	struct place l = { local, 0, 0 }, r = { remote, 0, 0 };
	struct page *p = page_alloc_wait();
	size_t total = 0, n, moved;
	int64_t err = 0;

	if (!p)
		return -ENOMEM;
	while (!err && (n = step_size(&l, &r)) && total < RW_MAX) {
		moved = thread_killed() ? 0 : move_step(s, &l, &r, n, page_data(p), write);
		total += moved;
		if (!moved)
			err = thread_killed() ? -EINTR : -EFAULT;
	}
	page_free(p);
	return total ? (int64_t)total : err;
}

/* The space of a process whose memory the caller may see: as for ptrace, all its ids must be the caller's, or the caller be root. */
static int find_space(pid_t pid, struct space **out)
{
	const struct cred *me = &proc_current()->cred;
	struct proc *p;
	int err = -ESRCH;

	spin_lock(&proc_lock);
	p = proc_find(pid);
	if (p && p->space) {
		const struct cred *c = &p->cred;

		err = 0;
		if (me->euid != 0 && (me->uid != c->uid || me->uid != c->euid || me->uid != c->suid ||
				      me->gid != c->gid || me->gid != c->egid || me->gid != c->sgid))
			err = -EPERM;
		*out = p->space;
	}
	if (!err)
		space_ref(*out);
	spin_unlock(&proc_lock);
	return err;
}

static int64_t call(const uint64_t *a, bool write)
{
	struct iov local, remote = { .vec = NULL };
	struct space *s = NULL;
	int64_t r;

	if (a[5])
		return -EINVAL;
	r = iov_get(&local, a[1], a[2]);
	if (!r && local.total)
		r = iov_get(&remote, a[3], a[4]);
	if (!r && local.total && remote.total) {
		r = find_space(a[0], &s);
		if (!r) {
			r = move_all(s, &local, &remote, write);
			space_unref(s);
		}
	}
	iov_put(&remote);
	iov_put(&local);
	return r;
}

int64_t sys_process_vm_readv(const uint64_t *a)
{
	return call(a, false);
}

int64_t sys_process_vm_writev(const uint64_t *a)
{
	return call(a, true);
}
