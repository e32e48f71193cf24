/* SPDX-License-Identifier: ISC */
/* mkfifo: makes named pipes. */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util.h"

int main(int argc, char **argv)
{
	static const struct long_name longs[] = { { "mode", 'm' }, { 0 } };
	mode_t mode = 0666;
	const char *mode_text = NULL;
	int failed = 0;

	tool_init(argc, argv, 1, "[-m MODE] NAME...", longs);
	for (int c; (c = next_option(argc, argv, "m:")) != -1;)
		mode_text = optarg;
	if (optind == argc)
		usage();
	if (mode_text && !parse_mode(mode_text, S_IFIFO | 0666, &mode))
		die("invalid mode '%s'", mode_text);
	for (int i = optind; i < argc; i++)
		if (mkfifo(argv[i], mode & 0777) < 0 || (mode_text && chmod(argv[i], mode & 0777) < 0)) {
			file_error(argv[i]);
			failed++;
		}
	return finish(failed > 0);
}
