/* SPDX-License-Identifier: ISC */
/*
 * init: the first process.
 *
 *	init -c COMMAND		runs /bin/sh -c COMMAND on the ports that the front end holds, and ends with its status
 *	init			runs a shell on the console, and ends with its status
 *
 * It mounts what a program expects to find and what /etc/fstab names, turns swap on, runs the one command, adopts and buries orphans, and
 * when the command has ended stops what is left. On a terminal of the front end a second process
 * gives the console the size of its window. Ending makes the kernel sync and power off. Nothing that goes
 * wrong before the command stops it: a root image need not have /proc or /dev, nor be writable.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define GRACE_MS 500  /* between SIGTERM and SIGKILL */
#define KILL_MS	 5000 /* for what SIGKILL must end */

static void complain(const char *what)
{
	dprintf(2, "init: %s: %m\n", what);
}

/* Mounts a file system of `type` on `dir`, which is made if it can be. Silent if it is there already. */
static int attach(const char *type, const char *dir, const char *data)
{
	if (mkdir(dir, 0755) < 0 && errno != EEXIST) {
		complain(dir);
		return -1;
	}
	if (mount(type, dir, type, 0, data) < 0 && errno != EBUSY) {
		complain(dir);
		return -1;
	}
	return 0;
}

/* Descriptors 0 to 2 on the console, if there is one; else whatever the kernel gave. */
static void open_console(void)
{
	int fd = open("/dev/console", O_RDWR | O_NOCTTY);

	if (fd < 0)
		return;
	for (int i = 0; i < 3; i++)
		if (fd != i)
			dup2(fd, i);
	if (fd > 2)
		close(fd);
}

static void mount_all(void)
{
	/* The kernel has done it where there is a directory /dev. */
	int dev = access("/dev/console", F_OK) == 0 ? 0 : attach("devtmpfs", "/dev", 0);

	open_console();
	attach("proc", "/proc", 0);
	attach("tmpfs", "/tmp", "mode=1777");
	if (dev == 0) {
		attach("tmpfs", "/dev/shm", "mode=1777");
		attach("devpts", "/dev/pts", "gid=5,mode=620");
	}
}

/* swapon for each swap=DEVICE on the kernel's command line, up to `--`, where init's own arguments begin. */
static void swap_on(void)
{
	char *line = 0, *save;
	size_t cap = 0;
	FILE *f = fopen("/proc/cmdline", "re");

	if (f && getline(&line, &cap, f) > 0) {
		for (char *w = strtok_r(line, " \n", &save); w && strcmp(w, "--");
		     w = strtok_r(0, " \n", &save))
			if (!strncmp(w, "swap=", 5) && w[5] && swapon(w + 5, 0) < 0)
				complain(w + 5);
	}
	if (f)
		fclose(f);
	free(line);
}

static void run(const char *program, const char *option)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		execl(program, program, option, (char *)0);
		complain(program);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		complain(program);
}

/* The image's own mounts and swap areas. The tools say what goes wrong. */
static void take_table(void)
{
	if (access("/etc/fstab", R_OK) < 0)
		return;
	run("/bin/mount", "-a");
	run("/bin/swapon", "-a");
}

static void take_port(int fd, const char *port, int flags)
{
	int p = open(port, flags | O_NOCTTY);

	if (p < 0) {
		complain(port);
		return;
	}
	if (p != fd) {
		dup2(p, fd);
		close(p);
	}
}

/* The child's part: a session of its own, its descriptors, the shell. */
static _Noreturn void become_shell(char *command)
{
	char *with[] = { "sh", "-c", command, 0 }, *without[] = { "sh", 0 };

	setsid();
	if (command) {
		take_port(0, "/dev/vport0p1", O_RDONLY);
		take_port(1, "/dev/vport0p2", O_WRONLY);
		take_port(2, "/dev/vport0p3", O_WRONLY);
	} else if (ioctl(0, TIOCSCTTY, 0l) < 0) {
		complain("controlling terminal");
	}
	execv("/bin/sh", command ? with : without);
	int status = errno == ENOENT ? 127 : 126;
	complain("/bin/sh");
	_exit(status);
}

/* Lines of "ROWS COLUMNS" on the port that says how large the front end's window is: the next one. -1: no more. */
static int take_size(int port)
{
	struct winsize w = { 0 };
	char line[64];
	ssize_t n = read(port, line, sizeof line - 1);

	if (n <= 0)
		return -1;
	while (n > 1 && line[n - 1] == '\n')
		n--;
	line[n] = 0;
	char *last = strrchr(line, '\n'); /* several came at once */
	if (sscanf(last ? last + 1 : line, "%hu %hu", &w.ws_row, &w.ws_col) == 2)
		ioctl(0, TIOCSWINSZ, &w);
	return 0;
}

/* The console takes the window's size now, and a process of its own waits for changes: its id, or 0. */
static pid_t watch_window(void)
{
	int port = open("/dev/vport0p4", O_RDONLY | O_CLOEXEC);
	pid_t pid;

	if (port < 0)
		return 0; /* the front end is on no terminal */
	take_size(port);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_NAME, "window");
		while (take_size(port) == 0)
			;
		_exit(0);
	}
	close(port);
	return pid;
}

static long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Buries children until there are none, or `ms` have passed. 0 when none is left. */
static int bury_all(long ms)
{
	const struct timespec nap = { 0, 5000000 };
	long end = now_ms() + ms;

	for (;;) {
		pid_t pid = waitpid(-1, 0, WNOHANG);
		if (pid < 0 && errno == ECHILD)
			return 0;
		if (pid > 0)
			continue;
		if (now_ms() >= end)
			return -1;
		nanosleep(&nap, 0);
	}
}

int main(int argc, char **argv)
{
	char *command = argc > 2 && !strcmp(argv[1], "-c") ? argv[2] : 0;
	int status = 0;

	if (getpid() != 1) {
		dprintf(2, "init: must be process 1\n");
		return 1;
	}
	mount_all();
	setenv("PATH", "/bin:/sbin:/usr/bin:/usr/sbin", 1);
	if (chdir("/") < 0)
		complain("/");
	swap_on();
	take_table();

	pid_t watcher = command ? 0 : watch_window();
	pid_t child = fork();
	if (child == 0)
		become_shell(command);
	if (child < 0) {
		complain("fork");
		return 126;
	}
	for (pid_t pid; (pid = wait(&status)) != child;)
		if (pid < 0 && errno == ECHILD)
			break;

	if (watcher > 0)
		kill(watcher, SIGKILL);
	if (bury_all(watcher > 0 ? 100 : 0) < 0) {
		kill(-1, SIGTERM);
		if (bury_all(GRACE_MS) < 0) {
			kill(-1, SIGKILL);
			if (bury_all(KILL_MS) < 0)
				dprintf(2, "init: some processes do not end\n");
		}
	}
	sync();
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
