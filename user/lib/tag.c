/* SPDX-License-Identifier: ISC */
/* Devices named by the label or UUID of the ext2 file system or swap area on them. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "util.h"

#define TAG_AT 1024 /* ext2's superblock, and mkswap's header */

static const unsigned char *uuid_in(const unsigned char *page, const char **label)
{
	if (page[TAG_AT + 56] == 0x53 && page[TAG_AT + 57] == 0xef) {
		*label = (const char *)page + TAG_AT + 120;
		return page + TAG_AT + 104;
	}
	if (memcmp(page + 4096 - 10, "SWAPSPACE2", 10) == 0) {
		*label = (const char *)page + TAG_AT + 28;
		return page + TAG_AT + 12;
	}
	return NULL;
}

static bool has_tag(const char *device, const char *tag)
{
	unsigned char page[4096];
	char text[40];
	int fd = open(device, O_RDONLY);
	bool ok = fd >= 0 && pread(fd, page, sizeof(page), 0) == sizeof(page);
	const char *label;
	const unsigned char *uuid = ok ? uuid_in(page, &label) : NULL;

	if (fd >= 0)
		close(fd);
	if (!uuid)
		return false;
	if (strncmp(tag, "LABEL=", 6) == 0)
		return strncmp(label, tag + 6, 16) == 0;
	for (int i = 0, at = 0; i < 16; i++)
		at += sprintf(text + at, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", uuid[i]);
	return strcasecmp(text, tag + 5) == 0;
}

char *find_device(const char *source)
{
	char *text, *found = NULL;

	if (strncmp(source, "LABEL=", 6) != 0 && strncmp(source, "UUID=", 5) != 0)
		return xstrdup(source);
	text = slurp("/proc/partitions", NULL);
	for (char *rest = text, *line; rest && !found && (line = next_line(&rest)) != NULL;) {
		char *name = NULL, *device;

		for (char *field; (field = next_field(&line)) != NULL;)
			name = field;
		if (!name || strcmp(name, "name") == 0)
			continue;
		device = path_join("/dev", name);
		if (has_tag(device, source))
			found = device;
		else
			free(device);
	}
	free(text);
	if (!found)
		complain("no file system or swap area has %s", source);
	return found;
}
