/* SPDX-License-Identifier: ISC */
/* Redirections and their undoing. */
#include "sh.h"

struct saved {
	int fd, copy; /* copy -1: it was closed */
	struct saved *below;
};
struct saved *saved_fds;

void expand_redirs(struct redir *r)
{
	for (; r; r = r->next) {
		if (r->op != T_DLESS && r->op != T_DLESSDASH)
			r->target = expand_string(r->text, 0);
		else
			r->target = r->literal ? r->text : expand_string(r->text, X_DOUBLE | X_HERE);
	}
}

/* A descriptor from which the text can be read. A long one is written by a child, as a pipe holds only so much. */
static int heredoc_fd(const struct redir *r)
{
	int fd[2];
	char *text = take_str(&scratch, r->target, strlen(r->target)), *d = text;
	size_t n = strlen(text);

	if (r->literal)
		d = text + n;
	n = d == text ? strlen(text) : n;
	if (pipe2(fd, O_CLOEXEC) < 0)
		return -1;
	if (n <= PIPE_BUF) {
		if (n && write(fd[1], text, n) < 0)
			complain("here-document: %s", strerror(errno));
	} else {
		fflush(stdout);
		pid_t pid = fork();
		if (pid == 0) {
			signal(SIGPIPE, SIG_DFL);
			for (ssize_t w; n && (w = write(fd[1], text, n)) > 0; n -= w)
				text += w;
			_exit(0);
		}
		if (pid < 0)
			complain("here-document: %s", strerror(errno));
	}
	close(fd[1]);
	return fd[0];
}

static int open_target(const struct redir *r)
{
	struct stat st;
	int fd;

	switch (r->op) {
	case T_LESS:
		return open(r->target, O_RDONLY | O_CLOEXEC);
	case T_LESSGREAT:
		return open(r->target, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	case T_DGREAT:
		return open(r->target, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	case T_GREAT:
		if (!OPT(O_NOCLOBBER))
			break;
		if (stat(r->target, &st) < 0)
			return open(r->target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
		fd = open(r->target, O_WRONLY | O_CLOEXEC);
		if (fd >= 0 && S_ISREG(st.st_mode)) {
			close(fd);
			errno = EEXIST;
			return -1;
		}
		return fd;
	case T_DLESS:
	case T_DLESSDASH:
		return heredoc_fd(r);
	default:
		break;
	}
	return open(r->target, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
}

static void save_fd(int fd)
{
	struct saved *s = xrealloc(0, sizeof *s);

	s->fd = fd;
	s->copy = fcntl(fd, F_DUPFD_CLOEXEC, SAVED_FD);
	s->below = saved_fds;
	saved_fds = s;
}

static int redirect_dup(const struct redir *r)
{
	if (!strcmp(r->target, "-")) {
		close(r->fd);
		return 0;
	}
	if (!isdigit((unsigned char)*r->target) || r->target[strspn(r->target, "0123456789")]) {
		complain("%s: bad descriptor number", r->target);
		return -1;
	}
	int from = atoi(r->target);
	if (from == r->fd ? fcntl(from, F_GETFD) < 0 : dup2(from, r->fd) < 0) {
		complain("%s: %s", r->target, strerror(errno));
		return -1;
	}
	return 0;
}

/* Does redirections that expand_redirs has prepared; with `save` they can be undone. -1 after a message. */
int redirect(struct redir *r, int save)
{
	fflush(stdout);
	for (; r; r = r->next) {
		int fd = -1;
		if (r->op != T_LESSAND && r->op != T_GREATAND && (fd = open_target(r)) < 0) {
			int making = r->op != T_LESS && errno == ENOENT;
			complain("cannot %s %s: %s", making ? "create" : "open", r->target,
				 making ? "directory nonexistent" : strerror(errno));
			return -1;
		}
		if (fd == r->fd && !save) {
			fcntl(fd, F_SETFD, 0);
			continue;
		}
		if (fd == r->fd) { /* it was closed, and open took the number */
			struct saved *s = xrealloc(0, sizeof *s);
			*s = (struct saved){ fd, -1, saved_fds };
			saved_fds = s;
			fcntl(fd, F_SETFD, 0);
			continue;
		}
		if (save)
			save_fd(r->fd);
		if (fd < 0) {
			if (redirect_dup(r) < 0)
				return -1;
		} else {
			if (dup2(fd, r->fd) < 0) {
				complain("%d: %s", r->fd, strerror(errno));
				close(fd);
				return -1;
			}
			close(fd);
		}
	}
	return 0;
}

void undo_redirects(struct saved *until)
{
	if (saved_fds != until)
		fflush(stdout);
	while (saved_fds != until) {
		struct saved *s = saved_fds;
		saved_fds = s->below;
		if (s->copy >= 0) {
			dup2(s->copy, s->fd);
			close(s->copy);
		} else {
			close(s->fd);
		}
		free(s);
	}
}

/* `exec` keeps its redirections: forgets how to undo those since `until`. */
void keep_redirects(struct saved *until)
{
	while (saved_fds != until) {
		struct saved *s = saved_fds;
		saved_fds = s->below;
		if (s->copy >= 0)
			close(s->copy);
		free(s);
	}
}
