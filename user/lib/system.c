/* SPDX-License-Identifier: ISC */
/* Commands run by the shell: system and popen. */
#include "libc.h"
#include "stream.h"
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t shell(const char *cmd, int fd, int onto, const struct sigaction *restore, const sigset_t *mask)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	if (restore) {
		sigaction(SIGINT, &restore[0], 0);
		sigaction(SIGQUIT, &restore[1], 0);
		sigprocmask(SIG_SETMASK, mask, 0);
	}
	if (fd == onto && fd >= 0)
		fcntl(fd, F_SETFD, 0);
	else if (fd >= 0)
		dup2(fd, onto);
	execl("/bin/sh", "sh", "-c", cmd, (char *)0);
	_exit(127);
}

static int wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return status;
}

int system(const char *cmd)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN }, old[2];
	sigset_t chld, mask;

	if (!cmd)
		return access("/bin/sh", X_OK) == 0;
	fflush(0);
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	sigaction(SIGINT, &ignore, &old[0]);
	sigaction(SIGQUIT, &ignore, &old[1]);
	sigprocmask(SIG_BLOCK, &chld, &mask);
	pid_t pid = shell(cmd, -1, -1, old, &mask);
	int status = pid < 0 ? -1 : wait_for(pid);
	sigaction(SIGINT, &old[0], 0);
	sigaction(SIGQUIT, &old[1], 0);
	sigprocmask(SIG_SETMASK, &mask, 0);
	return status;
}

FILE *popen(const char *cmd, const char *mode)
{
	int fd[2], reading = *mode == 'r';

	if ((!reading && *mode != 'w') || pipe2(fd, O_CLOEXEC) < 0) {
		if (!reading && *mode != 'w')
			errno = EINVAL;
		return 0;
	}
	FILE *f = fdopen(fd[!reading], mode);
	pid_t pid = f ? shell(cmd, fd[reading], reading, 0, 0) : -1;
	close(fd[reading]);
	if (pid < 0) {
		if (f)
			fclose(f);
		else
			close(fd[!reading]);
		return 0;
	}
	f->pid = pid;
	return f;
}

int pclose(FILE *f)
{
	pid_t pid = f->pid;

	fclose(f);
	return wait_for(pid);
}
