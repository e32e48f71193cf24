/* SPDX-License-Identifier: ISC */
/*
 * permtest: who may do what: identities and how they change, modes of files and directories, sticky and set-id
 * bits, set-id programs, limits. Needs to be root: children become others.
 */
#define _GNU_SOURCE
#include <grp.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>

#include "include/testlib.h"

enum { ANN = 1001, BOB = 1002, STAFF = 2001, GUESTS = 2002 };

static const char *self; /* this program */

/* a child that is somebody else, with these groups; 0 in it */
static pid_t as(uid_t uid, gid_t gid, gid_t also)
{
	pid_t pid = test_fork();

	if (pid == 0) {
		SYS(setgroups(also ? 1 : 0, &also));
		SYS(setresgid(gid, gid, gid));
		SYS(setresuid(uid, uid, uid));
	}
	return pid;
}

#define AS(uid, gid, also)                                      \
	for (pid_t pid_ = as(uid, gid, also), once_ = 1; once_; \
	     once_ = 0, pid_ ? EXITED(pid_, 0) : _exit(0))      \
		if (!pid_)

static void ids(uid_t r, uid_t e, uid_t s)
{
	uid_t a, b, c;

	SYS(getresuid(&a, &b, &c));
	EQ(a, r);
	EQ(b, e);
	EQ(c, s);
	EQ(getuid(), r);
	EQ(geteuid(), e);
}

static void identities(void)
{
	gid_t list[4] = { 5, 6, 7 };
	pid_t pid;

	SYS(chmod(".", 0777));
	pid = test_fork();

	if (pid == 0) {
		SYS(setgroups(3, list));
		EQ(SYS(getgroups(0, NULL)), 3);
		EQ(SYS(getgroups(4, list)), 3);
		CHECK(list[0] == 5 && list[2] == 7);
		ERR(getgroups(2, list), EINVAL);
		SYS(setresuid(ANN, BOB, 0));
		ids(ANN, BOB, 0);
		ERR(setgroups(0, NULL), EPERM);
		ERR(setresuid((uid_t)-1, 77, (uid_t)-1), EPERM);
		ERR(setuid(77), EPERM);
		SYS(seteuid(ANN));
		ids(ANN, ANN, 0);
		SYS(setresuid(0, (uid_t)-1, (uid_t)-1));
		ids(0, ANN, 0);
		SYS(seteuid(0));
		ids(0, 0, 0);
		SYS(setreuid(ANN, BOB)); /* the saved one becomes the effective one */
		ids(ANN, BOB, BOB);
		SYS(setreuid(BOB, ANN));
		ids(BOB, ANN, ANN);
		SYS(setuid(BOB)); /* no longer root: only the effective one */
		ids(BOB, BOB, ANN);
		SYS(setuid(ANN));
		ids(BOB, ANN, ANN);
		_exit(0);
	}
	EXITED(pid, 0);
	pid = test_fork();
	if (pid == 0) {
		SYS(setuid(ANN)); /* root: all three */
		ids(ANN, ANN, ANN);
		ERR(setuid(0), EPERM);
		ERR(setreuid(0, -1), EPERM);
		ERR(seteuid(BOB), EPERM);
		ERR(chroot("/"), EPERM);
		ERR(mknod("node", S_IFCHR | 0666, 0x103), EPERM);
		ERR(mknod("/node", S_IFCHR | 0666, 0x103), EACCES);
		ERR(kill(getppid(), SIGTERM), EPERM);
		_exit(0);
	}
	EXITED(pid, 0);
	pid = test_fork();
	if (pid == 0) { /* a saved id that is neither real nor effective is not for the real one */
		SYS(setresuid(ANN, ANN, BOB));
		ERR(setreuid(BOB, (uid_t)-1), EPERM);
		SYS(setreuid((uid_t)-1, BOB));
		ids(ANN, BOB, BOB);
		_exit(0);
	}
	EXITED(pid, 0);
}

/* may the file be opened so, and what does access(2) say? */
static void may(const char *name, int r, int w)
{
	int fd = open(name, O_RDONLY);

	EQ(fd >= 0, r);
	EQ(r || errno == EACCES, 1);
	EQ(access(name, R_OK) == 0, r);
	close(fd);
	fd = open(name, O_WRONLY);
	EQ(fd >= 0, w);
	EQ(access(name, W_OK) == 0, w);
	close(fd);
	fd = open(name, O_RDONLY | O_TRUNC);
	EQ(fd >= 0, r && w);
	close(fd);
}

static void files(void)
{
	SYS(close(make_file("f", 10, 1)));
	SYS(chown("f", ANN, STAFF));
	for (int mode = 0; mode < 0777; mode += 0101 + (mode & 010)) {
		SYS(chmod("f", (mode_t)mode));
		may("f", 1, 1); /* root */
		AS(ANN, GUESTS, 0)
		may("f", mode >> 8 & 1, mode >> 7 & 1);
		AS(ANN, STAFF, 0) /* the owner, also when the group may more */
		may("f", mode >> 8 & 1, mode >> 7 & 1);
		AS(BOB, STAFF, 0)
		may("f", mode >> 5 & 1, mode >> 4 & 1);
		AS(BOB, GUESTS, STAFF)
		may("f", mode >> 5 & 1, mode >> 4 & 1);
		AS(BOB, GUESTS, 0)
		may("f", mode >> 2 & 1, mode >> 1 & 1);
	}
	SYS(chmod("f", 0600));
	ERR(access("f", X_OK), EACCES); /* root executes what somebody may */
	SYS(chmod("f", 0601));
	SYS(access("f", X_OK));
	SYS(unlink("f"));
}

/* what an open descriptor may is not looked at again */
static void descriptors(void)
{
	int fd = make_file("f", 10, 1);
	char c;

	SYS(fchmod(fd, 0));
	AS(ANN, STAFF, 0)
	{
		EQ(SYS(pread(fd, &c, 1, 0)), 1);
		EQ(SYS(pwrite(fd, &c, 1, 0)), 1);
		ERR(open("f", O_RDONLY), EACCES);
		ERR(fchmod(fd, 0777), EPERM);
		ERR(fchown(fd, ANN, STAFF), EPERM);
		SYS(ftruncate(fd, 5));
	}
	AS(ANN, STAFF, 0)
	{ /* one's real ids count for access, the effective ones for the rest */
		ERR(access("f", R_OK), EACCES);
	}
	pid_t pid = test_fork();
	if (pid == 0) {
		SYS(seteuid(ANN));
		ERR(open("f", O_RDONLY), EACCES);
		SYS(access("f", R_OK));
		ERR(faccessat(AT_FDCWD, "f", R_OK, AT_EACCESS), EACCES);
		_exit(0);
	}
	EXITED(pid, 0);
	SYS(close(fd));
	SYS(unlink("f"));
}

static void directories(void)
{
	SYS(mkdir("d", 0700));
	SYS(chown("d", ANN, STAFF));
	SYS(close(make_file("d/f", 1, 1)));
	SYS(chmod("d/f", 0666));
	AS(BOB, GUESTS, 0)
	{
		ERR(open("d/f", O_RDONLY), EACCES);
		ERR(open("d", O_RDONLY), EACCES);
		ERR(chdir("d"), EACCES);
		ERR(open("d/../d", O_RDONLY), EACCES);
	}
	SYS(chmod("d", 0711)); /* through, but not into */
	AS(BOB, GUESTS, 0)
	{
		SYS(close(SYS(open("d/f", O_RDONLY))));
		ERR(open("d", O_RDONLY), EACCES);
		ERR(open("d/new", O_CREAT | O_WRONLY, 0666), EACCES);
		ERR(unlink("d/f"), EACCES);
		ERR(mkdir("d/s", 0777), EACCES);
		ERR(symlink("x", "d/s"), EACCES);
		ERR(mkfifo("d/p", 0666), EACCES);
		ERR(rename("d/f", "d/g"), EACCES);
		ERR(link("d/f", "d/g"), EACCES);
		ERR(open("d/none", O_RDONLY), ENOENT);
	}
	SYS(chmod("d", 0755));
	AS(BOB, GUESTS, 0)
	{
		SYS(close(SYS(open("d", O_RDONLY | O_DIRECTORY))));
		ERR(unlink("d/f"), EACCES);
	}
	SYS(chmod("d", 0744)); /* names may be read, but nothing else of them */
	AS(BOB, GUESTS, 0)
	{
		struct stat st;

		SYS(close(SYS(open("d", O_RDONLY | O_DIRECTORY))));
		ERR(stat("d/f", &st), EACCES);
	}
	AS(ANN, GUESTS, 0)
	{ /* a directory's writer may remove what is not his */
		SYS(unlink("d/f"));
		SYS(close(SYS(open("d/own", O_CREAT | O_WRONLY, 0))));
		ERR(open("d/own", O_RDONLY), EACCES);
		SYS(unlink("d/own"));
	}
	SYS(rmdir("d"));
}

static void sticky(void)
{
	struct stat st;

	SYS(mkdir("t", 0777));
	SYS(chmod("t", 01777));
	SYS(stat("t", &st));
	EQ(st.st_mode & 07777, 01777);
	AS(ANN, STAFF, 0)
	{
		SYS(close(SYS(open("t/a", O_CREAT | O_WRONLY, 0666))));
		SYS(mkdir("t/dir", 0777));
		SYS(close(SYS(open("t/b", O_CREAT | O_WRONLY, 0666))));
	}
	AS(BOB, STAFF, 0)
	{
		ERR(unlink("t/a"), EPERM);
		ERR(rmdir("t/dir"), EPERM);
		ERR(rename("t/a", "t/c"), EPERM);
		SYS(close(SYS(open("t/mine", O_CREAT | O_WRONLY, 0666))));
		ERR(rename("t/mine", "t/a"), EPERM); /* nor over it */
		SYS(rename("t/mine", "t/mine2"));
		SYS(unlink("t/mine2"));
	}
	AS(ANN, STAFF, 0)
	{
		SYS(unlink("t/a"));
		SYS(rmdir("t/dir"));
	}
	SYS(chown("t", BOB, STAFF)); /* the directory's owner may */
	AS(BOB, STAFF, 0)
	SYS(unlink("t/b"));
	SYS(rmdir("t"));
}

static void group_of_directory(void)
{
	struct stat st;

	umask(022);
	SYS(mkdir("g", 0777));
	SYS(chown("g", ANN, STAFF));
	SYS(chmod("g", 02777));
	AS(BOB, GUESTS, 0)
	{
		SYS(close(SYS(open("g/f", O_CREAT | O_WRONLY, 0666))));
		SYS(mkdir("g/d", 0777));
		SYS(symlink("f", "g/l"));
		SYS(stat("g/f", &st));
		EQ(st.st_uid, BOB);
		EQ(st.st_gid, STAFF);
		EQ(st.st_mode & 07777, 0644);
		SYS(stat("g/d", &st));
		EQ(st.st_gid, STAFF);
		EQ(st.st_mode & 07777, 02755);
		SYS(lstat("g/l", &st));
		EQ(st.st_gid, STAFF);
		SYS(close(SYS(
			open("g/p", O_CREAT | O_WRONLY, 02755)))); /* a program, in a group that is not his */
		SYS(stat("g/p", &st));
		EQ(st.st_mode & 07777, 0755);
		SYS(unlink("g/f") | unlink("g/l") | unlink("g/p") | rmdir("g/d"));
	}
	SYS(rmdir("g"));
	SYS(mkdir("h", 0777));
	SYS(chmod("h", 0777));
	AS(BOB, GUESTS, 0)
	{
		SYS(close(SYS(open("h/f", O_CREAT | O_WRONLY, 0666))));
		SYS(stat("h/f", &st));
		EQ(st.st_gid, GUESTS);
		SYS(unlink("h/f"));
	}
	SYS(rmdir("h"));
}

static void changing(void)
{
	struct timespec past[2] = { { 1000, 0 }, { 2000, 0 } };
	struct stat st;

	SYS(close(make_file("f", 10, 1)));
	SYS(chown("f", ANN, STAFF));
	SYS(chmod("f", 0664));
	AS(BOB, STAFF, 0)
	{ /* may write, so may set the times to now, and nothing else */
		ERR(chmod("f", 0777), EPERM);
		ERR(chown("f", BOB, (gid_t)-1), EPERM);
		ERR(chown("f", (uid_t)-1, STAFF), EPERM);
		ERR(utimensat(AT_FDCWD, "f", past, 0), EPERM);
		SYS(utimensat(AT_FDCWD, "f", NULL, 0));
		SYS(truncate("f", 5));
	}
	AS(BOB, GUESTS, 0)
	{
		ERR(utimensat(AT_FDCWD, "f", NULL, 0), EACCES);
		ERR(truncate("f", 5), EACCES);
	}
	AS(ANN, GUESTS, STAFF)
	{
		SYS(utimensat(AT_FDCWD, "f", past, 0));
		SYS(stat("f", &st));
		EQ(st.st_mtime, 2000);
		EQ(st.st_atime, 1000);
		ERR(chown("f", BOB, (gid_t)-1), EPERM);
		SYS(chown("f", (uid_t)-1, GUESTS)); /* to a group of one's own */
		SYS(chown("f", ANN, STAFF));
		ERR(chown("f", (uid_t)-1, 9), EPERM);
		SYS(chmod("f", 06755));
		SYS(stat("f", &st));
		EQ(st.st_mode & 07777, 06755);
		SYS(chown("f", (uid_t)-1, GUESTS)); /* takes the set-id bits away */
		SYS(stat("f", &st));
		EQ(st.st_mode & 07777, 0755);
	}
	SYS(chown("f", ANN, 9));
	AS(ANN, GUESTS, 0)
	{ /* in none of its groups: no set-gid bit */
		SYS(chmod("f", 02755));
		SYS(stat("f", &st));
		EQ(st.st_mode & 07777, 0755);
	}
	SYS(chmod("f", 06777));
	AS(BOB, GUESTS, 0)
	{ /* nor after a stranger's write */
		int fd = (int)SYS(open("f", O_WRONLY));

		EQ(SYS(write(fd, "x", 1)), 1);
		SYS(stat("f", &st));
		EQ(st.st_mode & 07777, 0777);
		SYS(close(fd));
	}
	SYS(chmod("f", 06755));
	int fd = (int)SYS(open("f", O_WRONLY));
	EQ(SYS(write(fd, "x", 1)), 1);
	SYS(ftruncate(fd, 0));
	SYS(stat("f", &st));
	EQ(st.st_mode & 07777, 06755); /* root's leave them */
	SYS(fchown(fd, (uid_t)-1, (gid_t)-1));
	SYS(stat("f", &st));
	EQ(st.st_mode & 07777, 0755);
	SYS(close(fd));
	AS(BOB, GUESTS, 0)
	{
		fd = (int)SYS(open("f", O_RDONLY));
		ERR(open("f", O_RDONLY | O_NOATIME), EPERM);
		ERR(fcntl(fd, F_SETFL, O_NOATIME), EPERM);
		SYS(close(fd));
	}
	SYS(unlink("f"));
}

/* To move a directory is to write its "..". */
static void moving(void)
{
	SYS(mkdir("a", 0777) | mkdir("b", 0777) | mkdir("a/d", 0755));
	SYS(chmod("a", 0777) | chmod("b", 0777));
	AS(ANN, STAFF, 0)
	{
		SYS(mkdir("b/mine", 0777));
		ERR(rename("a/d", "b/d"), EACCES);
		ERR(renameat2(AT_FDCWD, "b/mine", AT_FDCWD, "a/d", 2 /* RENAME_EXCHANGE */), EACCES);
		SYS(rename("a/d", "a/e"));
		SYS(rename("a/e", "a/d"));
		SYS(rename("b/mine", "a/mine"));
	}
	SYS(rmdir("a/mine") | rmdir("a/d") | rmdir("a") | rmdir("b"));
}

/* ---- set-id programs ---- */

static void copy_self(const char *to, uid_t uid, gid_t gid, mode_t mode)
{
	static char buf[65536];
	int in = (int)SYS(open(self, O_RDONLY)), out = (int)SYS(open(to, O_CREAT | O_WRONLY | O_TRUNC, 0700));
	long n;

	while ((n = SYS(read(in, buf, sizeof(buf)))) > 0)
		EQ(SYS(write(out, buf, (unsigned long)n)), n);
	SYS(fchown(out, uid, gid));
	SYS(fchmod(out, mode));
	SYS(close(in) | close(out));
}

/* runs PROGRAM ids R E S RG EG SG, which says whether it has these */
static void run(const char *program, const int *want)
{
	char text[6][16];
	char *argv[] = { (char *)program, "ids", text[0], text[1], text[2], text[3], text[4], text[5], NULL };

	for (int i = 0; i < 6; i++)
		snprintf(text[i], sizeof(text[i]), "%d", want[i]);
	execv(program, argv);
	FAIL("%s was not executed: errno %d", program, errno);
}

static int compare_ids(char **argv)
{
	uid_t u[3];
	gid_t g[3];

	if (getresuid(&u[0], &u[1], &u[2]) || getresgid(&g[0], &g[1], &g[2]))
		return 2;
	for (int i = 0; i < 3; i++)
		if ((int)u[i] != atoi(argv[i]) || (int)g[i] != atoi(argv[3 + i])) {
			printf("ids: %d: %d %d, wanted %s %s\n", i, (int)u[i], (int)g[i], argv[i],
			       argv[3 + i]);
			return 1;
		}
	return 0;
}

static void set_id(void)
{
	struct statvfs fs;

	copy_self("p", ANN, STAFF, 04755);
	SYS(statvfs(".", &fs));
	if (fs.f_flag & ST_NOSUID) { /* mounted so that the bits mean nothing */
		SYS(chmod("p", 06755));
		AS(BOB, GUESTS, 0)
		run("./p", (int[]){ BOB, BOB, BOB, GUESTS, GUESTS, GUESTS });
		SYS(unlink("p"));
		return;
	}
	AS(BOB, GUESTS, 0)
	run("./p", (int[]){ BOB, ANN, ANN, GUESTS, GUESTS, GUESTS });
	SYS(chmod("p", 02755));
	AS(BOB, GUESTS, 0)
	run("./p", (int[]){ BOB, BOB, BOB, GUESTS, STAFF, STAFF });
	SYS(chmod("p", 06755));
	AS(BOB, GUESTS, 0)
	run("./p", (int[]){ BOB, ANN, ANN, GUESTS, STAFF, STAFF });
	SYS(chmod("p", 02745)); /* without x for the group it is no set-gid program */
	AS(BOB, GUESTS, 0)
	run("./p", (int[]){ BOB, BOB, BOB, GUESTS, GUESTS, GUESTS });
	pid_t pid = test_fork();
	if (pid == 0) { /* the saved ids are the effective ones in any case */
		SYS(chmod("p", 0755));
		SYS(setresuid(ANN, BOB, 0));
		run("./p", (int[]){ ANN, BOB, BOB, 0, 0, 0 });
	}
	EXITED(pid, 0);
	SYS(chmod("p", 0700));
	AS(BOB, STAFF, 0)
	{
		execl("./p", "p", NULL);
		EQ(errno, EACCES);
	}
	SYS(unlink("p"));

	/* a script's bits mean nothing */
	int fd = (int)SYS(open("s", O_CREAT | O_WRONLY, 0755));
	dprintf(fd, "#!%s ids\n", self);
	SYS(fchown(fd, ANN, STAFF) | fchmod(fd, 06755) | close(fd));
	AS(BOB, GUESTS, 0)
	{
		execl("./s", "s", NULL);
		FAIL("the script was not executed: errno %d", errno);
	}
	SYS(unlink("s"));
}

/* a process that wants no new privileges gets none */
/* A node of a device is one where the mount allows it. */
static void device_nodes(void)
{
	struct statvfs fs;

	SYS(statvfs(".", &fs));
	SYS(mknod("null", S_IFCHR | 0666, makedev(1, 3)));
	SYS(mkfifo("fifo", 0600));
	if (fs.f_flag & ST_NODEV) {
		ERR(open("null", O_WRONLY), EACCES);
		ERR(open("null", O_RDONLY | O_NONBLOCK), EACCES);
	} else {
		int fd = (int)SYS(open("null", O_RDWR));
		EQ(write(fd, "x", 1), 1);
		EQ(read(fd, &fs, 1), 0);
		SYS(close(fd));
	}
	SYS(close((int)SYS(open("null", O_PATH))));
	SYS(close((int)SYS(open("fifo", O_RDONLY | O_NONBLOCK)))); /* which is no device */
	AS(BOB, GUESTS, 0)
	ERR(mknod("other", S_IFCHR | 0666, makedev(1, 3)), EPERM);
	SYS(unlink("null") | unlink("fifo"));
}

static void no_new_privileges(void)
{
	struct statvfs fs;

	SYS(statvfs(".", &fs));
	if (fs.f_flag & ST_NOSUID)
		return;
	copy_self("p", ANN, STAFF, 06755);
	AS(BOB, GUESTS, 0)
	{
		EQ(SYS(prctl(PR_GET_NO_NEW_PRIVS, 0L, 0L, 0L, 0L)), 0);
		ERR(prctl(PR_SET_NO_NEW_PRIVS, 0L, 0L, 0L, 0L), EINVAL);
		SYS(prctl(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L));
		pid_t pid = test_fork();
		if (pid == 0) {
			EQ(SYS(prctl(PR_GET_NO_NEW_PRIVS, 0L, 0L, 0L, 0L)), 1);
			run("./p", (int[]){ BOB, BOB, BOB, GUESTS, GUESTS, GUESTS });
		}
		EXITED(pid, 0);
	}
	SYS(unlink("p"));
}

/* a process may ask for a signal when its parent ends */
static void parents_death(void)
{
	int told[2], sig = 0;
	char c;

	SYS(pipe(told));
	pid_t pid = test_fork();
	if (pid == 0) {
		SYS(prctl(PR_SET_PDEATHSIG, (long)SIGKILL));
		SYS(prctl(PR_GET_PDEATHSIG, &sig));
		EQ(sig, SIGKILL);
		ERR(prctl(PR_SET_PDEATHSIG, 99L), EINVAL);
		pid = test_fork();
		if (pid == 0) {
			SYS(prctl(PR_GET_PDEATHSIG, &sig));
			EQ(sig, 0); /* not inherited */
			SYS(prctl(PR_SET_PDEATHSIG, (long)SIGKILL));
			put_token(told[1], 'r');
			for (;;)
				pause();
		}
		EQ(get_token(told[0]), 'r');
		_exit(0);
	}
	SYS(close(told[1]));
	EXITED(pid, 0);
	EQ(SYS(read(told[0], &c, 1)), 0); /* nobody has the other end any more */
	SYS(close(told[0]));
}

/* ---- limits ---- */

static void set_limit(int what, rlim_t soft, rlim_t hard)
{
	struct rlimit r = { soft, hard };

	SYS(setrlimit(what, &r));
}

static void descriptors_limit(void)
{
	pid_t pid = test_fork();
	struct rlimit r;

	if (pid == 0) {
		int fd, p[2];

		set_limit(RLIMIT_NOFILE, 20, 30);
		while ((fd = dup(0)) >= 0)
			CHECK(fd < 20);
		EQ(errno, EMFILE);
		ERR(open(".", O_RDONLY), EMFILE);
		ERR(pipe(p), EMFILE);
		ERR(dup2(0, 20), EBADF);
		ERR(fcntl(0, F_DUPFD, 20), EINVAL);
		EQ(SYS(dup2(0, 19)), 19);
		SYS(close(19));
		ERR(pipe(p), EMFILE); /* room for one is not enough, and is not lost */
		EQ(SYS(dup(0)), 19);
		set_limit(RLIMIT_NOFILE, 30, 30);
		EQ(SYS(dup(0)), 20);
		SYS(setuid(ANN));
		r = (struct rlimit){ 30, 31 };
		ERR(setrlimit(RLIMIT_NOFILE, &r), EPERM);
		r = (struct rlimit){ 31, 30 };
		ERR(setrlimit(RLIMIT_NOFILE, &r), EINVAL);
		set_limit(RLIMIT_NOFILE, 10, 10); /* what is open stays open */
		SYS(fcntl(15, F_GETFD));
		ERR(prlimit(getppid(), RLIMIT_NOFILE, NULL, &r), EPERM);
		SYS(prlimit(getpid(), RLIMIT_NOFILE, NULL, &r));
		EQ(r.rlim_cur, 10);
		ERR(getrlimit(99, &r), EINVAL);
		_exit(0);
	}
	EXITED(pid, 0);
}

static volatile sig_atomic_t caught;

static void note(int sig)
{
	caught = sig;
}

static void file_size_limit(void)
{
	pid_t pid = test_fork();

	if (pid == 0) {
		int fd = make_file("f", 100, 1), log = (int)SYS(open("f", O_WRONLY | O_APPEND));
		struct iovec v[2] = { { (void *)"abcdefgh", 8 }, { (void *)"ijklmnop", 8 } };

		signal(SIGXFSZ, note);
		set_limit(RLIMIT_FSIZE, 110, RLIM_INFINITY);
		EQ(SYS(pwrite(fd, "0123456789abcdef", 16, 100)), 10);
		EQ(caught, 0);
		ERR(pwrite(fd, "x", 1, 110), EFBIG);
		EQ(caught, SIGXFSZ);
		caught = 0;
		ERR(write(log, "x", 1), EFBIG);
		EQ(caught, SIGXFSZ);
		caught = 0;
		ERR(ftruncate(fd, 111), EFBIG);
		EQ(caught, SIGXFSZ);
		SYS(ftruncate(fd, 110));
		SYS(ftruncate(fd, 100));
		EQ(SYS(writev(log, v, 2)), 10);
		EQ(SYS(pwrite(fd, "zz", 2, 0)), 2); /* within the file */
		caught = 0;
		ERR(truncate("f", 1000), EFBIG);
		EQ(caught, SIGXFSZ);
		set_limit(RLIMIT_FSIZE, 0, RLIM_INFINITY);
		caught = 0;
		ERR(write(SYS(open("g", O_CREAT | O_WRONLY, 0666)), "x", 1), EFBIG);
		EQ(caught, SIGXFSZ);
		int p[2];
		SYS(pipe(p));
		EQ(SYS(write(p[1], "not a file", 10)), 10);
		signal(SIGXFSZ, SIG_DFL);
		write(log, "x", 1);
		_exit(0);
	}
	KILLED(pid, SIGXFSZ);
	SYS(unlink("f") | unlink("g"));
}

static void processes_limit(void)
{
	pid_t pid = test_fork();

	if (pid == 0) {
		pid_t kid[8];
		int n = 0;

		SYS(setgid(STAFF));
		SYS(setuid(ANN)); /* the limit counts a user's processes, and does not count for root */
		set_limit(RLIMIT_NPROC, 5, 5);
		while (n < 8 && (kid[n] = fork()) > 0)
			n++;
		if (n < 8 && kid[n] == 0) {
			pause();
			_exit(0);
		}
		EQ(errno, EAGAIN);
		EQ(n, 4);
		for (int i = 0; i < n; i++) {
			kill(kid[i], SIGKILL);
			KILLED(kid[i], SIGKILL);
		}
		kid[0] = (pid_t)SYS(fork());
		if (kid[0] == 0)
			_exit(3);
		EXITED(kid[0], 3);
		_exit(0);
	}
	EXITED(pid, 0);
	pid = test_fork();
	if (pid == 0) {
		set_limit(RLIMIT_NPROC, 1, 1);
		pid = (pid_t)SYS(fork());
		if (pid == 0)
			_exit(0);
		EXITED(pid, 0);
		_exit(0);
	}
	EXITED(pid, 0);
}

static void processor_limit(void)
{
	pid_t pid = test_fork();
	struct timeval now;
	struct rusage used;

	if (pid == 0) {
		signal(SIGXCPU, note);
		set_limit(RLIMIT_CPU, 1, 2);
		while (!caught) /* real work, so that a second of it has both kinds of time */
			gettimeofday(&now, NULL);
		EQ(caught, SIGXCPU);
		SYS(getrusage(RUSAGE_SELF, &used));
		long ms = (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000 +
			  (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1000;
		if (ms < 900 || ms >= 2000)
			FAIL("SIGXCPU after %ld ms", ms);
		for (;;)
			gettimeofday(&now, NULL);
	}
	KILLED(pid, SIGKILL);
}

/* Nobody but root asks for more than others have. */
static void niceness(void)
{
	AS(ANN, STAFF, 0)
	{
		int now = getpriority(PRIO_PROCESS, 0);

		ERR(setpriority(PRIO_PROCESS, 0, now - 1), EACCES);
		ERR(nice(-1), EPERM);
		EQ(nice(1), now + 1);
	}
}

static const struct test tests[] = {
	{ "identities", identities },
	{ "files", files },
	{ "descriptors", descriptors },
	{ "directories", directories },
	{ "sticky", sticky },
	{ "group of directory", group_of_directory },
	{ "changing", changing },
	{ "moving", moving },
	{ "set-id", set_id },
	{ "device nodes", device_nodes },
	{ "no new privileges", no_new_privileges },
	{ "parent's death", parents_death },
	{ "descriptors limit", descriptors_limit },
	{ "file size limit", file_size_limit },
	{ "processes limit", processes_limit },
	{ "processor limit", processor_limit },
	{ "niceness", niceness },
};

int main(int argc, char **argv)
{
	static char path[4096];
	long n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (argc == 8 && strcmp(argv[1], "ids") == 0)
		return compare_ids(argv + 2);
	if (argc == 3 && strcmp(argv[1], "ids") == 0) /* as a script's interpreter */
		return getuid() != BOB || geteuid() != BOB || getegid() != GUESTS;
	if (n < 0 || geteuid() != 0) {
		printf("permtest: needs to be root, and /proc\n");
		return 1;
	}
	self = path;
	return test_main("permtest", tests, (int)(sizeof(tests) / sizeof(tests[0])), argc, argv);
}
