/* SPDX-License-Identifier: ISC */
/* Children: fork, exec, wait, command substitution. */
#include "sh.h"

void become_child(int background)
{
	subshell = 1;
	reset_traps();
	if (interactive) {
		if (!traps[SIGINT])
			signal(SIGINT, SIG_DFL);
		signal(SIGQUIT, SIG_DFL);
		signal(SIGTERM, SIG_DFL);
	}
	if (background) {
		signal(SIGINT, SIG_IGN);
		signal(SIGQUIT, SIG_IGN);
	}
	forget_jobs();
	saved_fds = 0;
}

pid_t fork_shell(void)
{
	fflush(stdout);
	pid_t pid = fork();
	if (pid < 0)
		fail(2, "cannot fork: %s", strerror(errno));
	if (pid == 0)
		become_child(0);
	return pid;
}

int exit_code(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) :
	       WIFSTOPPED(status)  ? 128 + WSTOPSIG(status) :
				     WEXITSTATUS(status);
}

/* Waits for a child that is not in the background. */
int wait_status(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return 127 << 8;
	return status;
}

/* The output of commands, without the newlines at its end; to be freed. */
char *run_substitution(const char *src)
{
	struct buf out = { 0 };
	char chunk[4096];
	int fd[2];
	ssize_t n;

	if (pipe2(fd, O_CLOEXEC) < 0)
		fail(2, "cannot make a pipe: %s", strerror(errno));
	pid_t pid = fork_shell();
	if (pid == 0) {
		if (fd[1] == 1)
			fcntl(1, F_SETFD, 0);
		else
			dup2(fd[1], 1);
		eval_string(src, 1);
		shell_exit(last_status);
	}
	close(fd[1]);
	while ((n = read(fd[0], chunk, sizeof chunk)) > 0 || (n < 0 && errno == EINTR))
		for (ssize_t i = 0; i < n; i++)
			if (chunk[i])
				add(&out, chunk[i]);
	close(fd[0]);
	cmdsub_status = last_status = exit_code(wait_status(pid));
	while (out.n && out.s[out.n - 1] == '\n')
		out.n--;
	add(&out, 0);
	return out.s;
}

static void try_exec(const char *path, char **argv, char **env)
{
	execve(path, argv, env);
	if (errno != ENOEXEC)
		return;
	size_t n = 0;
	while (argv[n])
		n++;
	char **sh = take(&scratch, (n + 2) * sizeof *sh); /* a script without #! */
	sh[0] = "sh";
	sh[1] = (char *)path;
	for (size_t i = 1; i < n; i++)
		sh[i + 1] = argv[i];
	execve("/bin/sh", sh, env);
	errno = ENOEXEC;
}

/* Runs a program in this process. Returns only by leaving, 127 if it is not found, 126 if it cannot be run. */
_Noreturn void exec_program(char **argv)
{
	char **env = environment();
	const char *p = get_var("PATH");
	int err = ENOENT;

	if (strchr(argv[0], '/')) {
		try_exec(argv[0], argv, env);
		err = errno;
	} else {
		for (p = p ? p : "/bin:/usr/bin"; *argv[0]; p++) {
			size_t n = strcspn(p, ":");
			char *path = take(&scratch, n + strlen(argv[0]) + 2);
			memcpy(path, p, n);
			strcat(strcpy(path + n, n ? "/" : ""), argv[0]);
			try_exec(path, argv, env);
			if (errno != ENOENT && errno != ENOTDIR)
				err = errno;
			p += n;
			if (!*p || (errno != ENOENT && errno != ENOTDIR && errno != EACCES))
				break;
		}
	}
	complain("%s: %s", argv[0], err == ENOENT || err == ENOTDIR ? "not found" : strerror(err));
	leave(err == ENOENT || err == ENOTDIR ? 127 : 126);
}

/* Where a program is found, in the scratch pool, or NULL. */
char *find_program(const char *name)
{
	const char *p = get_var("PATH");
	struct stat st;

	if (strchr(name, '/'))
		return access(name, X_OK) == 0 ? take_str(&scratch, name, strlen(name)) : 0;
	for (p = p ? p : "/bin:/usr/bin"; *name; p++) {
		size_t n = strcspn(p, ":");
		char *path = take(&scratch, n + strlen(name) + 2);
		memcpy(path, p, n);
		strcat(strcpy(path + n, n ? "/" : ""), name);
		if (stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0)
			return path;
		p += n;
		if (!*p)
			break;
	}
	return 0;
}
