/* SPDX-License-Identifier: ISC */
/* tee: copies standard input to standard output and to files. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "util.h"

int main(int argc, char **argv)
{
	static const struct long_name longs[] = { { "append", 'a' }, { "ignore-interrupts", 'i' }, { 0 } };
	static char buffer[IO_SIZE];
	int mode = O_TRUNC, failed = 0;
	ssize_t nbytes;

	tool_init(argc, argv, 1, "[-ai] [FILE...]", longs);
	for (int c; (c = next_option(argc, argv, "ai")) != -1;) {
		if (c == 'a')
			mode = O_APPEND;
		else
			signal(SIGINT, SIG_IGN);
	}
	int count = argc - optind + 1, *fds = xmalloc((size_t)count * sizeof(*fds));
	fds[0] = STDOUT_FILENO;
	for (int i = 1; i < count; i++) {
		fds[i] = open(argv[optind + i - 1], O_WRONLY | O_CREAT | O_CLOEXEC | mode, 0666);
		if (fds[i] < 0) {
			file_error(argv[optind + i - 1]);
			failed++;
		}
	}
	while ((nbytes = read(STDIN_FILENO, buffer, sizeof(buffer))) != 0) {
		if (nbytes < 0 && errno == EINTR)
			continue;
		if (nbytes < 0)
			die_file("read error");
		for (int i = 0; i < count; i++) {
			/* One that cannot be written is given up, the others go on. */
			if (fds[i] >= 0 && write_all(fds[i], buffer, (size_t)nbytes) < 0) {
				file_error(i ? argv[optind + i - 1] : "standard output");
				fds[i] = -1;
				failed++;
			}
		}
	}
	for (int i = 1; i < count; i++)
		if (fds[i] >= 0 && close(fds[i]) < 0) {
			file_error(argv[optind + i - 1]);
			failed++;
		}
	return finish(failed > 0);
}
