/* SPDX-License-Identifier: ISC */
/*
 * shmtest: memory that processes share: memfd_create with its seals, holes punched into files in memory, System V segments,
 * and another process's memory by process_vm_readv and process_vm_writev.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/uio.h>

#include "include/testlib.h"

#ifndef F_ADD_SEALS
#define F_ADD_SEALS 1033
#define F_GET_SEALS 1034
#endif
#ifndef F_SEAL_SEAL
#define F_SEAL_SEAL   1
#define F_SEAL_SHRINK 2
#define F_SEAL_GROW   4
#define F_SEAL_WRITE  8
#endif
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 16
#endif
#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 32
#endif
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8
#define MFD_EXEC	16
#endif
#ifndef SHM_DEST
#define SHM_DEST 01000
#endif

static int memfd(unsigned long nbytes, unsigned flags)
{
	int fd = (int)SYS(memfd_create("test", flags));

	SYS(ftruncate(fd, (off_t)nbytes));
	return fd;
}

static char *map_shared(int fd, unsigned long nbytes, int prot)
{
	return (char *)SYS(mmap(NULL, nbytes, prot, MAP_SHARED, fd, 0));
}

/* ---- memfd ---- */

static void memory_files(void)
{
	int fd = memfd(8 * PG, 0);
	char *p = map_shared(fd, 8 * PG, RW), buf[100];
	struct stat st;

	fill(p, 8 * PG, 0, 1);
	EQ(SYS(pread(fd, buf, 100, 3 * PG)), 100);
	SAME(buf, 100, 3 * PG, 1);
	EQ(SYS(pwrite(fd, "hello", 5, 5 * PG)), 5);
	EQ(memcmp(p + 5 * PG, "hello", 5), 0);
	SYS(fstat(fd, &st));
	EQ(st.st_size, 8 * PG);
	EQ(st.st_blocks, 64);
	EQ(st.st_nlink, 0);
	SYS(ftruncate(fd, 2 * PG + 10));
	FAULT(load(p + 3 * PG), SIGBUS, BUS_ADRERR, p + 3 * PG);
	SYS(ftruncate(fd, 8 * PG));
	ALL(p + 2 * PG + 10, 6 * PG - 10, 0);
	EQ(SYS(fcntl(fd, F_GET_SEALS)), F_SEAL_SEAL); /* not asked for */
	ERR(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), EPERM);
	ERR(memfd_create("x", 1u << 20), EINVAL);
	ERR(memfd_create((char *)8, 0), EFAULT);
	SYS(close(fd));
	SAME(p, 2 * PG, 0, 1);
	SYS(munmap(p, 8 * PG));
}

static void seal_size(void)
{
	int fd = memfd(4 * PG, MFD_ALLOW_SEALING);
	char buf[2 * PG];

	EQ(SYS(fcntl(fd, F_GET_SEALS)), 0);
	SYS(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK));
	ERR(ftruncate(fd, 3 * PG), EPERM);
	SYS(ftruncate(fd, 5 * PG));
	SYS(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
	EQ(SYS(fcntl(fd, F_GET_SEALS)), F_SEAL_SHRINK | F_SEAL_GROW);
	ERR(ftruncate(fd, 6 * PG), EPERM);
	SYS(ftruncate(fd, 5 * PG));
	memset(buf, 'b', sizeof(buf));
	EQ(SYS(pwrite(fd, buf, 2 * PG, 3 * PG)), 2 * PG);
	EQ(SYS(pwrite(fd, buf, 2 * PG, 4 * PG)), PG); /* as far as it goes */
	ERR(pwrite(fd, buf, 1, 5 * PG), EPERM);
	ERR(fallocate(fd, 0, 0, 6 * PG), EPERM);
	SYS(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PG));
	ERR(fcntl(fd, F_ADD_SEALS, 1 << 10), EINVAL);
	SYS(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL));
	ERR(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EPERM);
	SYS(close(fd));
}

static void seal_writes(void)
{
	int fd = memfd(4 * PG, MFD_ALLOW_SEALING);
	char *p = map_shared(fd, 4 * PG, RW), *q;

	fill(p, 4 * PG, 0, 2);
	ERR(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY); /* it is mapped for writing */
	SYS(mprotect(p, 4 * PG, PROT_READ));
	ERR(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY); /* and may be again */
	SYS(munmap(p, 4 * PG));
	q = (char *)SYS(mmap(NULL, 4 * PG, RW, MAP_PRIVATE, fd, 0));
	SYS(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
	ERR(pwrite(fd, "x", 1, 0), EPERM);
	ERR(mmap(NULL, PG, RW, MAP_SHARED, fd, 0), EPERM);
	ERR(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PG), EPERM);
	q[0] = 'q'; /* a private copy */
	SAME(q + PG, 3 * PG, PG, 2);
	SYS(munmap(q, 4 * PG));
	SYS(ftruncate(fd, 2 * PG)); /* that is another seal's */
	SYS(close(fd));
}

static void seal_future(void)
{
	int fd = memfd(4 * PG, MFD_ALLOW_SEALING);
	char *p = map_shared(fd, 4 * PG, RW), *r;

	SYS(fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
	fill(p, 4 * PG, 0, 3); /* the mapping that is there goes on */
	ERR(pwrite(fd, "x", 1, 0), EPERM);
	ERR(mmap(NULL, PG, RW, MAP_SHARED, fd, 0), EPERM);
	r = map_shared(fd, 4 * PG, PROT_READ);
	SAME(r, 4 * PG, 0, 3);
	ERR(mprotect(r, PG, RW), EACCES);
	SYS(munmap(r, 4 * PG));
	ERR(madvise(p, PG, MADV_REMOVE), EPERM);
	SAME(p, 4 * PG, 0, 3);
	SYS(munmap(p, 4 * PG));
	SYS(close(fd));
}

/* The bits for execution stay as they are, and what has them keeps its contents, too. */
static void seal_execution(void)
{
	int fd = memfd(PG, MFD_NOEXEC_SEAL);
	struct stat st;
	char *p;

	ERR(memfd_create("x", MFD_NOEXEC_SEAL | MFD_EXEC), EINVAL);
	EQ(SYS(fcntl(fd, F_GET_SEALS)), F_SEAL_EXEC);
	SYS(fstat(fd, &st));
	EQ(st.st_mode, S_IFREG | 0666);
	ERR(fchmod(fd, 0700), EPERM);
	SYS(fchmod(fd, 0600));
	EQ(SYS(pwrite(fd, "x", 1, 2 * PG)), 1);
	SYS(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
	ERR(fallocate(fd, 1 /* keeping the size */, 0, 9 * PG), EPERM);
	SYS(close(fd));
	fd = memfd(PG, MFD_EXEC);
	EQ(SYS(fcntl(fd, F_GET_SEALS)), F_SEAL_SEAL);
	SYS(close(fd));
	fd = memfd(PG, MFD_ALLOW_SEALING);
	p = map_shared(fd, PG, RW);
	ERR(fcntl(fd, F_ADD_SEALS, F_SEAL_EXEC), EBUSY); /* as it would be sealed for writes */
	SYS(munmap(p, PG));
	SYS(fcntl(fd, F_ADD_SEALS, F_SEAL_EXEC));
	EQ(SYS(fcntl(fd, F_GET_SEALS)),
	   F_SEAL_EXEC | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE);
	ERR(fchmod(fd, 0666), EPERM);
	SYS(fchmod(fd, 0711));
	ERR(pwrite(fd, "x", 1, 0), EPERM);
	SYS(close(fd));
}

/* ---- holes ---- */

static void punched(void)
{
	int fd = memfd(8 * PG, 0);
	char *p = map_shared(fd, 8 * PG, RW), *q = (char *)SYS(mmap(NULL, 8 * PG, RW, MAP_PRIVATE, fd, 0));
	struct stat st;

	fill(p, 8 * PG, 0, 4);
	q[3 * PG] = 'q'; /* private copies stay */
	SYS(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, PG + 100, 3 * PG));
	SAME(p, PG + 100, 0, 4);
	ALL(p + PG + 100, 3 * PG, 0);
	SAME(p + 4 * PG + 100, 4 * PG - 100, 4 * PG + 100, 4);
	EQ(q[3 * PG], 'q');
	EQ(q[2 * PG], 0);
	SYS(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 6 * PG + 10, 20)); /* within a page */
	SAME(p + 6 * PG, 10, 6 * PG, 4);
	ALL(p + 6 * PG + 10, 20, 0);
	SAME(p + 6 * PG + 30, 2 * PG - 30, 6 * PG + 30, 4);
	SYS(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 100 * PG));
	ALL(p, 8 * PG, 0);
	SYS(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 8 * PG));
	SYS(fstat(fd, &st));
	EQ(st.st_size, 8 * PG);
	EQ(st.st_blocks, 0);
	ERR(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, PG), EOPNOTSUPP);
	ERR(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 0), EINVAL);
	SYS(fallocate(fd, 0, 6 * PG, 4 * PG));
	SYS(fstat(fd, &st));
	EQ(st.st_size, 10 * PG);
	EQ(st.st_blocks, 32);
	SYS(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, PG));
	SYS(fstat(fd, &st));
	EQ(st.st_size, 10 * PG);
	SYS(munmap(p, 8 * PG));
	SYS(munmap(q, 8 * PG));
	SYS(close(fd));
}

/* A child stores all the time while holes are punched: what it stores after each one is in the file. */
static void punched_under_stores(void)
{
	int fd = memfd(8 * PG, 0);
	volatile int *round = (int *)SYS(mmap(NULL, PG, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	char *p = map_shared(fd, 8 * PG, RW), c;
	pid_t pid = test_fork();

	if (pid == 0) {
		for (int now = 0; now >= 0;) {
			int next = round[0];

			for (int i = 0; i < 8; i++)
				((volatile char *)p)[i * PG] = (char)next;
			now = next;
			round[1] = now; /* since then every page was stored to */
		}
		_exit(0);
	}
	for (int i = 1; i <= 300; i++) {
		for (int k = 0; k < i % 5; k++)
			SYS(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 8 * PG));
		round[0] = i & 127;
		while (round[1] != (i & 127))
			sched_yield();
		for (int k = 0; k < 8; k++) {
			EQ(SYS(pread(fd, &c, 1, k * (off_t)PG)), 1);
			EQ(c, i & 127);
		}
	}
	round[0] = -1;
	EXITED(pid, 0);
	SYS(munmap((void *)(uintptr_t)round, PG));
	SYS(munmap(p, 8 * PG));
	SYS(close(fd));
}

/* ---- System V ---- */

static struct shmid_ds stat_of(int id)
{
	struct shmid_ds ds;

	memset(&ds, 0, sizeof(ds));
	SYS(shmctl(id, IPC_STAT, &ds));
	return ds;
}

static void segments(void)
{
	int id = (int)SYS(shmget(IPC_PRIVATE, 4 * PG + 1, IPC_CREAT | 0600));
	char *p = (char *)SYS(shmat(id, NULL, 0)), *r = (char *)SYS(shmat(id, NULL, SHM_RDONLY));
	struct shmid_ds ds = stat_of(id);
	pid_t pid;

	EQ(ds.shm_segsz, 4 * PG + 1);
	EQ(ds.shm_nattch, 2);
	EQ(ds.shm_perm.mode & 0777, 0600);
	EQ(ds.shm_cpid, getpid());
	ALL(p, 5 * PG, 0);
	fill(p, 5 * PG, 0, 5);
	SAME(r, 5 * PG, 0, 5);
	FAULT(store(r, 1), SIGSEGV, SEGV_ACCERR, r);
	ERR(mprotect(r, PG, RW), EACCES);
	pid = test_fork();
	if (pid == 0) {
		EQ(stat_of(id).shm_nattch, 4); /* attached by inheritance */
		p[0] = 'c';
		SYS(shmdt(r));
		EQ(stat_of(id).shm_nattch, 3);
		_exit(0);
	}
	EXITED(pid, 0);
	EQ(r[0], 'c');
	EQ(stat_of(id).shm_nattch, 2);
	EQ(stat_of(id).shm_lpid, pid);
	SYS(munmap(p + PG, PG)); /* one attach in two pieces, which one shmdt takes */
	SYS(shmdt(p));
	FAULT(load(p + 3 * PG), SIGSEGV, SEGV_MAPERR, p + 3 * PG);
	ERR(shmdt(p), EINVAL);
	ERR(shmdt(r + PG), EINVAL);
	SYS(shmctl(id, IPC_RMID, NULL));
	CHECK(stat_of(id).shm_perm.mode & SHM_DEST);
	SAME(r + 1, 5 * PG - 1, 1, 5); /* until the last one lets go */
	SYS(shmdt(r));
	ERR(shmctl(id, IPC_STAT, &ds), EINVAL);
	ERR(shmat(id, NULL, 0), EINVAL);
}

/* What ipcs asks: limits, sums, and each segment by its index. */
static void all_segments(void)
{
	enum { INFO = 3, STAT = 13, SHM_INFO_ = 14, STAT_ANY = 15 };
	struct {
		unsigned long max, min, mni, seg, all, unused[4];
	} limits;
	struct {
		int used_ids;
		unsigned long total, resident, swapped, unused[2];
	} before, sums;
	int id, last, index, found = -1;
	struct shmid_ds ds;
	char *p;

	SYS(shmctl(0, SHM_INFO_, (struct shmid_ds *)(void *)&before));
	id = (int)SYS(shmget(IPC_PRIVATE, 5 * PG - 1, 0600));
	p = (char *)SYS(shmat(id, NULL, 0));
	fill(p, 2 * PG, 0, 6);
	last = (int)SYS(shmctl(0, SHM_INFO_, (struct shmid_ds *)(void *)&sums));
	EQ(sums.used_ids, before.used_ids + 1);
	EQ(sums.total, before.total + 5);
	EQ(sums.resident + sums.swapped, before.resident + before.swapped + 2);
	EQ(SYS(shmctl(0, INFO, (struct shmid_ds *)(void *)&limits)), last);
	EQ(limits.min, 1);
	EQ(limits.mni, 4096);
	CHECK(limits.max >= 1ul << 30);
	for (index = 0; index <= last; index++)
		if (shmctl(index, STAT, &ds) == id)
			found = index;
	EQ(SYS(shmctl(found, STAT_ANY, &ds)), id);
	EQ(ds.shm_segsz, 5 * PG - 1);
	EQ(ds.shm_nattch, 1);
	ERR(shmctl(last + 1, STAT, &ds), EINVAL);
	ERR(shmctl(0, INFO, (struct shmid_ds *)8), EFAULT);
	SYS(shmdt(p));
	SYS(shmctl(id, IPC_RMID, NULL));
	ERR(shmctl(found, STAT, &ds), EINVAL);
}

static void keys(void)
{
	key_t key = 0x51000000 | (getpid() & 0xffff);
	int id = (int)SYS(shmget(key, 2 * PG, IPC_CREAT | IPC_EXCL | 0640));
	struct shmid_ds ds;
	char *p, *room;

	ERR(shmget(key, 2 * PG, IPC_CREAT | IPC_EXCL | 0640), EEXIST);
	EQ(SYS(shmget(key, 0, 0)), id);
	EQ(SYS(shmget(key, 2 * PG, IPC_CREAT | 0640)), id);
	ERR(shmget(key, 3 * PG, 0), EINVAL);
	ERR(shmget(key + 1, PG, 0), ENOENT);
	ERR(shmget(IPC_PRIVATE, 0, IPC_CREAT), EINVAL);
	room = map_anon(8 * PG);
	ERR(shmat(id, room + 100, 0), EINVAL);
	ERR(shmat(id, room, 0), EINVAL); /* something is there */
	EQ(SYS(shmat(id, room + PG + 100, SHM_RND | SHM_REMAP)), room + PG);
	room[PG] = 'k';
	p = (char *)SYS(shmat(id, NULL, SHM_RDONLY));
	EQ(p[0], 'k');
	ds = stat_of(id);
	ds.shm_perm.mode = 0600;
	SYS(shmctl(id, IPC_SET, &ds));
	EQ(stat_of(id).shm_perm.mode & 0777, 0600);
	SYS(shmctl(id, IPC_RMID, NULL));
	ERR(shmget(key, 0, 0), ENOENT); /* the key is free again */
	SYS(shmdt(p));
	SYS(munmap(room, 8 * PG)); /* detaches */
	ERR(shmctl(id, IPC_STAT, &ds), EINVAL);
	ERR(shmctl(1 << 30, IPC_STAT, &ds), EINVAL);
}

/* What is locked stays in memory, though nobody uses it and it is wanted out. */
static void kept(void)
{
	int id = (int)SYS(shmget(IPC_PRIVATE, 4 * PG, IPC_CREAT | 0600));
	char *p = (char *)SYS(shmat(id, NULL, 0));
	unsigned char vec[4];

	fill(p, 4 * PG, 0, 9);
	SYS(shmctl(id, SHM_LOCK, NULL));
	EQ(stat_of(id).shm_perm.mode, SHM_LOCKED | 0600);
	for (int i = 0; i < 10; i++) {
		SYS(madvise(p, 4 * PG, MADV_PAGEOUT));
		usleep(10000);
		SYS(mincore(p, 4 * PG, vec));
		for (int k = 0; k < 4; k++)
			EQ(vec[k] & 1, 1);
	}
	SYS(shmctl(id, SHM_UNLOCK, NULL));
	EQ(stat_of(id).shm_perm.mode, 0600);
	SYS(shmctl(id, IPC_RMID, NULL));
	SYS(shmdt(p));
}

static void permission(void)
{
	int id = (int)SYS(shmget(IPC_PRIVATE, PG, IPC_CREAT | 0600)), id2;
	pid_t pid;

	id2 = (int)SYS(shmget(IPC_PRIVATE, PG, IPC_CREAT | 0644));
	pid = test_fork();
	if (pid == 0) {
		struct shmid_ds ds;

		if (geteuid() != 0)
			_exit(0);
		SYS(setuid(12345));
		ERR(shmat(id, NULL, 0), EACCES);
		ERR(shmctl(id, IPC_STAT, &ds), EACCES);
		ERR(shmctl(id, IPC_RMID, NULL), EPERM);
		ERR(shmat(id2, NULL, 0), EACCES);
		SYS(shmdt((void *)SYS(shmat(id2, NULL, SHM_RDONLY))));
		_exit(0);
	}
	EXITED(pid, 0);
	SYS(shmctl(id, IPC_RMID, NULL));
	SYS(shmctl(id2, IPC_RMID, NULL));
}

/* ---- another process's memory ---- */

static void other_memory(void)
{
	char *a = map_anon(4 * PG), *b = map_anon(4 * PG), *z = map_anon(2 * PG);
	struct iovec l[2] = { { b, PG + 10 }, { b + 2 * PG, PG - 10 } },
		     r[2] = { { a + 50, 2 * PG }, { a + 3 * PG, 10 } };
	int up[2], down[2];
	pid_t pid;

	fill(a, 4 * PG, 0, 6);
	SYS(pipe(up));
	SYS(pipe(down));
	pid = test_fork();
	if (pid == 0) {
		fill(a, 4 * PG, 0, 7);
		SYS(munmap(z + PG, PG));
		SYS(mprotect(z, PG, PROT_READ));
		put_token(up[1], 1);
		EQ(get_token(down[0]), 2);
		SAME(a, PG, 0, 8);
		SAME(a + PG, 3 * PG, PG, 7);
		_exit(0);
	}
	EQ(get_token(up[0]), 1);
	EQ(SYS(process_vm_readv(pid, l, 2, r, 2, 0)), 2 * PG);
	SAME(b, PG + 10, 50, 7);
	SAME(b + 2 * PG, PG - 10, 50 + PG + 10, 7);
	SAME(a, 4 * PG, 0, 6);
	fill(b, PG, 0, 8);
	l[0].iov_len = PG;
	r[0] = (struct iovec){ a, PG };
	EQ(SYS(process_vm_writev(pid, l, 1, r, 1, 0)), PG);
	r[0] = (struct iovec){ z, 2 * PG };
	l[0].iov_len = 2 * PG;
	EQ(SYS(process_vm_readv(pid, l, 1, r, 1, 0)), PG); /* up to the hole */
	ALL(b, PG, 0);
	r[0].iov_base = z + PG;
	ERR(process_vm_readv(pid, l, 1, r, 1, 0), EFAULT);
	r[0].iov_base = z;
	ERR(process_vm_writev(pid, l, 1, r, 1, 0), EFAULT); /* read-only there */
	r[1] = (struct iovec){ mmap(NULL, PG, PROT_WRITE, ANON, -1, 0),
			       PG }; /* can be written only: nobody else reads it */
	store(r[1].iov_base, 1);
	ERR(process_vm_readv(getpid(), l, 1, r + 1, 1, 0), EFAULT);
	EQ(SYS(process_vm_writev(getpid(), l, 1, r + 1, 1, 0)), PG);
	ERR(process_vm_readv(pid, l, 1, r, 1, 1), EINVAL);
	ERR(process_vm_readv(pid, l, 2000, r, 1, 0), EINVAL);
	EQ(SYS(process_vm_readv(pid, l, 0, r, 1, 0)), 0);
	put_token(down[1], 2);
	EXITED(pid, 0);
	ERR(process_vm_readv(pid, l, 1, r, 1, 0), ESRCH);
	for (int i = 0; i < 2; i++) {
		SYS(close(up[i]));
		SYS(close(down[i]));
	}
	SYS(munmap(a, 4 * PG));
	SYS(munmap(b, 4 * PG));
	SYS(munmap(z, 2 * PG));
}

static const struct test tests[] = {
	{ "memfd", memory_files },
	{ "seals of the size", seal_size },
	{ "seals of the contents", seal_writes },
	{ "the seal of the future", seal_future },
	{ "the seal of execution", seal_execution },
	{ "holes", punched },
	{ "holes under stores", punched_under_stores },
	{ "System V segments", segments },
	{ "all System V segments", all_segments },
	{ "System V keys", keys },
	{ "System V segments that are locked", kept },
	{ "System V permissions", permission },
	{ "another process's memory", other_memory },
};

TEST_MAIN("shmtest", tests)
