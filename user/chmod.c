/* SPDX-License-Identifier: ISC */
/* chmod: sets the permissions of files. */
#include <string.h>
#include <unistd.h>

#include "util.h"

static const char *mode_text;
static bool recursive, verbose, silent;

/* A link in a tree is left alone: it has no permissions of its own. */
static int change(const char *path, const struct stat *st, enum walk_when when, void *context)
{
	mode_t mode;

	(void)context;
	if (when == WALK_LAST || S_ISLNK(st->st_mode))
		return WALK_OK;
	if (!parse_mode(mode_text, st->st_mode, &mode))
		die("invalid mode '%s'", mode_text);
	if (chmod(path, mode) < 0) {
		if (!silent)
			file_error(path);
		return WALK_FAILED;
	}
	if (verbose)
		printf("mode of '%s' set to %04o\n", path, mode);
	return recursive ? WALK_OK : WALK_SKIP;
}

int main(int argc, char **argv)
{
	int i = 1, failed = 0;
	mode_t mode;

	tool_init(argc, argv, 1, "[-Rfv] MODE FILE...", NULL);
	/* By hand: a mode may begin with a minus. */
	for (; i < argc && argv[i][0] == '-' && argv[i][1] && !argv[i][1 + strspn(argv[i] + 1, "Rfv")]; i++) {
		recursive |= strchr(argv[i], 'R') != NULL;
		silent |= strchr(argv[i], 'f') != NULL;
		verbose |= strchr(argv[i], 'v') != NULL;
	}
	if (i < argc && strcmp(argv[i], "--") == 0)
		i++;
	if (argc - i < 2)
		usage();
	mode_text = argv[i++];
	if (!parse_mode(mode_text, 0, &mode))
		die("invalid mode '%s'", mode_text);
	for (; i < argc; i++)
		failed += walk(argv[i], WALK_FOLLOW_TOP, change, NULL) > 0;
	return finish(failed > 0);
}
