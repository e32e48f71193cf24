/* SPDX-License-Identifier: ISC */
/*
 * hoard KIND [PROCESSES [SECONDS]]: processes that make as many kernel objects of a kind as they may, and keep them. When each has met a limit
 * or the time (5 s) is over, says how many there are, and whether a new process can be had beside them; then all end. Kinds are below.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096ul
#define GIB  (1ul << 30)

#define KEPT_MAX 900

static char chunk[65536];
static struct {
	unsigned n;
	int id[KEPT_MAX + 64];
} * kept; /* what outlives the hoarders, for the parent */

/* Each makes the n-th object of its kind: not -1. */

static long a_file(unsigned long n)
{
	char name[64];

	snprintf(name, sizeof(name), "hoard-%d-%lu", (int)getpid(), n);
	int fd = open(name, O_RDWR | O_CREAT, 0600);

	return fd < 0 ? -1 : unlink(name);
}

static long fill(int fd)
{
	fcntl(fd, F_SETFL, O_NONBLOCK);
	while (write(fd, chunk, sizeof(chunk)) > 0)
		;
	return 0;
}

static long a_pipe(unsigned long n)
{
	int p[2];

	(void)n;
	return pipe(p) ? -1 : fill(p[1]);
}

static long a_socket(unsigned long n)
{
	int s[2];

	(void)n;
	return socketpair(AF_UNIX, SOCK_STREAM, 0, s) ? -1 : fill(s[0]) | fill(s[1]);
}

/* An epoll in turn with 64 of its watches of one pipe, by other descriptors. */
static long an_epoll(unsigned long n)
{
	static int p[2], ep, fd[512];
	struct epoll_event ev = { .events = EPOLLIN };

	if (n == 0) {
		if (pipe(p))
			return -1;
		for (int i = 0; i < 512; i++)
			if ((fd[i] = dup(p[0])) < 0)
				return -1;
	}
	if (n % 512 == 0 && (ep = epoll_create1(0)) < 0)
		return -1;
	return epoll_ctl(ep, EPOLL_CTL_ADD, fd[n % 512], &ev);
}

static long an_eventfd(unsigned long n)
{
	return eventfd(n, 0);
}

static long a_timerfd(unsigned long n)
{
	struct itimerspec t = { { 0, 1000000 }, { 0, 1000000 + (long)(n % 1000) } };
	int fd = timerfd_create(CLOCK_MONOTONIC, 0);

	return fd < 0 ? -1 : timerfd_settime(fd, 0, &t, NULL);
}

static long a_signalfd(unsigned long n)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, 1 + (int)(n % 8));
	return signalfd(-1, &set, 0);
}

/* A file in memory of one page. */
static long a_memfd(unsigned long n)
{
	int fd = memfd_create("hoard", 0);

	(void)n;
	return fd < 0 ? -1 : write(fd, chunk, PAGE) == (ssize_t)PAGE ? 0 : -1;
}

/* One that grows. */
static long a_memfd_page(unsigned long n)
{
	static int fd;

	if (n == 0)
		fd = memfd_create("hoard", 0);
	return write(fd, chunk, PAGE) == (ssize_t)PAGE ? 0 : -1;
}

static void *rest(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static long a_thread(unsigned long n)
{
	pthread_attr_t a;
	pthread_t t;

	(void)n;
	pthread_attr_init(&a);
	pthread_attr_setstacksize(&a, 16384);
	errno = pthread_create(&t, &a, rest, NULL);
	return errno ? -1 : 0;
}

static long a_mapping(unsigned long n)
{
	return mmap(NULL, PAGE, n % 2 ? PROT_READ : PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
			       MAP_FAILED ?
		       -1 :
		       0;
}

static long a_locked_page(unsigned long n)
{
	char *p = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)n;
	return p == MAP_FAILED ? -1 : mlock(p, 16 * PAGE);
}

static long an_inode(unsigned long n)
{
	char name[200];
	int fd;

	snprintf(name, sizeof(name), "%s/hoard-%d-%lu-%0100d", "/tmp", (int)getpid(), n, 0);
	fd = open(name, O_RDWR | O_CREAT, 0600);
	return fd < 0 ? -1 : close(fd);
}

static long a_directory(unsigned long n)
{
	char name[40];

	if (n == 0) {
		snprintf(name, sizeof(name), "/tmp/hoard-%d", (int)getpid());
		if (mkdir(name, 0700) || chdir(name))
			return -1;
	}
	return mkdir("deeper", 0700) ? -1 : chdir("deeper");
}

static long a_signal(unsigned long n)
{
	if (n == 0) {
		sigset_t set;

		sigfillset(&set);
		sigprocmask(SIG_BLOCK, &set, NULL);
	}
	return sigqueue(getpid(), SIGRTMIN + (int)(n % 8), (union sigval){ 0 });
}

static long a_timer(unsigned long n)
{
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN };
	struct itimerspec t = { { 0, 10000000 }, { 1000, 0 } };
	timer_t id;

	(void)n;
	return timer_create(CLOCK_MONOTONIC, &ev, &id) ? -1 : timer_settime(id, 0, &t, NULL);
}

static long a_lock(unsigned long n)
{
	static int fd;
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = (off_t)n * 2, .l_len = 1 };

	if (n == 0) {
		char name[40];

		snprintf(name, sizeof(name), "hoard-lock-%d", (int)getpid());
		fd = open(name, O_RDWR | O_CREAT, 0600);
		unlink(name);
	}
	return fcntl(fd, F_SETLK, &l);
}

/* What needs a page table of the last level, and now and then one above it, for a page each; written, or read only. */
static long a_table(unsigned long n)
{
	static char *p;

	if (n % 512 == 0) {
		p = mmap(NULL, GIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
			 0);
		if (p == MAP_FAILED)
			return -1;
	}
	p[n % 512 * (GIB / 512)] = 1;
	return 0;
}

static long a_read_table(unsigned long n)
{
	static char *p;

	if (n % 512 == 0) {
		p = mmap(NULL, GIB, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (p == MAP_FAILED)
			return -1;
	}
	return *(volatile char *)&p[n % 512 * (GIB / 512)] ? -1 : 0;
}

/* Nodes: a page in every 64, all of them to swap soon. */
static long a_node(unsigned long n)
{
	static char *p;

	if (n % 4096 == 0) {
		p = mmap(NULL, GIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
			 0);
		if (p == MAP_FAILED)
			return -1;
	}
	p[n % 4096 * (GIB / 4096)] = 1;
	return 0;
}

static long a_segment(unsigned long n)
{
	int id = shmget(IPC_PRIVATE, PAGE, IPC_CREAT | 0600);
	char *p = id < 0 ? (char *)-1 : shmat(id, NULL, 0);

	(void)n;
	if (p == (char *)-1)
		return -1;
	*p = 1;
	shmctl(id, IPC_RMID, NULL);
	return 0;
}

/* Memory that a child has, too, and nobody alone: shared as such, or by fork. */
static long a_shared_page(unsigned long n)
{
	static char *p;

	if (n == 0) {
		p = mmap(NULL, GIB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1,
			 0);
		if (p == MAP_FAILED)
			return -1;
		if (fork() == 0)
			rest(NULL);
	}
	p[n * PAGE] = 1;
	return 0;
}

static long a_forked_page(unsigned long n)
{
	static pid_t child;
	static char *p;

	if (n == 0) {
		p = mmap(NULL, GIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
			 0);
		if (p == MAP_FAILED)
			return -1;
	}
	p[n * PAGE] = 1;
	if (n % 16 == 0) {
		pid_t old = child;

		child = fork();
		if (child == 0)
			rest(NULL);
		if (old > 0 && kill(old, SIGKILL) == 0)
			waitpid(old, NULL, 0);
	}
	return 0;
}

/* Shared memory that stays when nobody has it any more. */
static long a_kept_segment(unsigned long n)
{
	int id = shmget(IPC_PRIVATE, 256 * PAGE, IPC_CREAT | 0600);
	char *p = id < 0 ? (char *)-1 : shmat(id, NULL, 0);

	(void)n;
	if (p == (char *)-1)
		return -1;
	if (kept->n < KEPT_MAX)
		kept->id[__atomic_fetch_add(&kept->n, 1, __ATOMIC_RELAXED)] = id;
	for (size_t i = 0; i < 256; i++)
		p[i * PAGE] = 1;
	return shmdt(p);
}

static long a_pty(unsigned long n)
{
	(void)n;
	return open("/dev/ptmx", O_RDWR | O_NOCTTY);
}

/* A file in memory with a page in every 64, and holes. */
static long a_sparse_page(unsigned long n)
{
	static int fd;

	if (n == 0)
		fd = memfd_create("hoard", 0);
	return pwrite(fd, chunk, 1, (off_t)(n * 64 * PAGE)) == 1 ? 0 : -1;
}

static long a_child(unsigned long n)
{
	pid_t pid = fork();

	(void)n;
	if (pid == 0)
		rest(NULL);
	return pid;
}

static const struct {
	const char *name;
	long (*make)(unsigned long n);
} kinds[] = {
	{ "file", a_file },
	{ "pipe", a_pipe },
	{ "socket", a_socket },
	{ "epoll", an_epoll },
	{ "eventfd", an_eventfd },
	{ "timerfd", a_timerfd },
	{ "signalfd", a_signalfd },
	{ "memfd", a_memfd },
	{ "memfd-page", a_memfd_page },
	{ "thread", a_thread },
	{ "mapping", a_mapping },
	{ "locked", a_locked_page },
	{ "inode", an_inode },
	{ "directory", a_directory },
	{ "signal", a_signal },
	{ "timer", a_timer },
	{ "lock", a_lock },
	{ "table", a_table },
	{ "read-table", a_read_table },
	{ "node", a_node },
	{ "segment", a_segment },
	{ "kept-segment", a_kept_segment },
	{ "pty", a_pty },
	{ "shared-page", a_shared_page },
	{ "forked-page", a_forked_page },
	{ "sparse-page", a_sparse_page },
	{ "child", a_child },
};

struct told {
	unsigned long made;
	int error;
	bool ended;
};

static time_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

static void hoard(long (*make)(unsigned long n), volatile struct told *told, time_t end)
{
	struct rlimit most = { 4096, 4096 };

	setrlimit(RLIMIT_NOFILE, &most);
	while (now() < end && make(told->made) != -1)
		told->made++;
	told->error = now() < end ? errno : 0;
	told->ended = true;
	rest(NULL);
}

/* Can a new process be had? 0, or an errno. */
static int try_process(void)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return errno;
	if (pid == 0) {
		execlp("true", "true", NULL);
		_exit(126);
	}
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : ECHILD;
}

int main(int argc, char **argv)
{
	int procs = argc > 2 ? atoi(argv[2]) : 4, killed = 0, status;
	time_t end = now() + (argc > 3 ? atoi(argv[3]) : 5);
	unsigned long made = 0;
	volatile struct told *told;
	pid_t first = 0; /* all are in its group */
	unsigned k = 0;

	while (k < sizeof(kinds) / sizeof(*kinds) && (argc < 2 || strcmp(argv[1], kinds[k].name)))
		k++;
	told = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	kept = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (k == sizeof(kinds) / sizeof(*kinds) || procs < 1 || procs > 64 || told == MAP_FAILED ||
	    kept == MAP_FAILED) {
		fprintf(stderr, "usage: hoard KIND [PROCESSES [SECONDS]]\n");
		return 2;
	}
	for (int i = 0; i < procs; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			setpgid(0, first);
			hoard(kinds[k].make, &told[i], end);
		}
		if (pid < 0)
			procs = i;
		else
			setpgid(pid, first = first ? first : pid);
	}
	for (int running = procs; running && now() <= end + 1;) {
		usleep(20000);
		running = 0;
		for (int i = 0; i < procs; i++)
			running += !told[i].ended;
		while (waitpid(-1, &status, WNOHANG) > 0)
			killed++, running--;
	}
	printf("%s:", kinds[k].name);
	for (int i = 0; i < procs; i++) {
		made += told[i].made;
		if (i == 0)
			printf(" first: %s;", told[i].error ? strerror(told[i].error) : "no error");
	}
	printf(" %lu made by %d, %d killed, process: %s\n", made, procs, killed, strerror(try_process()));
	fflush(stdout);
	while (kill(-first, SIGKILL) == 0)
		waitpid(-1, &status, 0);
	while (waitpid(-1, &status, 0) > 0)
		;
	for (unsigned i = 0; i < kept->n; i++)
		shmctl(kept->id[i], IPC_RMID, NULL);
	return 0;
}
