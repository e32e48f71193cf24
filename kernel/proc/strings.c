/* SPDX-License-Identifier: ISC */
/*
 * The strings of an exec on their way from the old space to the new one: argv's, then envp's, NUL after NUL,
 * in single pages, which are waited for. A script's interpreter takes the place of the first string: that
 * one is skipped, and what comes instead lies at the end of a page of its own, `prefix`.
 */
#include "arch/user.h"
#include "lib/string.h"
#include "proc/proc.h"

_Static_assert(EXEC_TOTAL_MAX / PAGE_SIZE <= PAGE_SIZE / sizeof(char *), "one page of pointers");

static char *get_page(void)
{
	struct page *p;

	while (!(p = page_alloc_kernel()))
		if (page_wait_memory())
			return NULL;
	return page_data(p);
}

static void put_page(void *p)
{
	if (p)
		page_free(pfn_page(virt_to_phys(p) >> PAGE_SHIFT));
}

/* The free rest of the last page, or a new one: *n bytes. */
static int room(struct exec_strings *s, char **at, size_t *n)
{
	size_t offset = s->used & PAGE_MASK;

	if (s->used == EXEC_TOTAL_MAX)
		return -E2BIG;
	if (!s->pages && !(s->pages = (char **)get_page()))
		return -ENOMEM;
	if (!offset && !(s->pages[s->used / PAGE_SIZE] = get_page()))
		return -ENOMEM;
	*at = s->pages[s->used / PAGE_SIZE] + offset;
	*n = PAGE_SIZE - offset;
	return 0;
}

int exec_add(struct exec_strings *s, const char *text)
{
	size_t left = strlen(text) + 1, n;
	char *at;

	for (; left > 0; left -= n, text += n) {
		int err = room(s, &at, &n);

		if (err)
			return err;
		n = MIN(n, left);
		memcpy(at, text, n);
		s->used += n;
	}
	return 0;
}

int exec_add_user(struct exec_strings *s, uint64_t utext)
{
	ssize_t got = -ENAMETOOLONG;
	size_t length = 0, n;
	char *at;

	for (; got == -ENAMETOOLONG; utext += n) {
		int err = length >= EXEC_STRING_MAX ? -E2BIG : room(s, &at, &n);

		if (err)
			return err;
		got = user_copy_string(at, utext, n);
		if (got != -ENAMETOOLONG) {
			if (got < 0 && !(s->used & PAGE_MASK)) /* the new page is not counted yet */
				put_page(at);
			n = got + 1;
		}
		if (got == -ENAMETOOLONG || got >= 0) {
			s->used += n;
			length += n;
		}
	}
	return got < 0 ? got : length > EXEC_STRING_MAX ? -E2BIG : 0;
}

size_t exec_total(const struct exec_strings *s)
{
	return s->prefix_length + s->used - s->skip;
}

const char *exec_bytes(const struct exec_strings *s, size_t at, size_t *n)
{
	if (at < s->prefix_length) {
		*n = s->prefix_length - at;
		return s->prefix + PAGE_SIZE - *n;
	}
	at = at - s->prefix_length + s->skip;
	*n = MIN(PAGE_SIZE - (at & PAGE_MASK), s->used - at);
	return s->pages[at / PAGE_SIZE] + (at & PAGE_MASK);
}

size_t exec_length(const struct exec_strings *s, size_t at)
{
	size_t length = 0, n;

	for (;;) {
		const char *bytes = exec_bytes(s, at + length, &n), *end = memchr(bytes, '\0', n);

		if (end)
			return length + (end - bytes);
		length += n;
	}
}

static int push(struct exec_strings *s, const char *text)
{
	size_t n = strlen(text) + 1;

	if (!s->prefix && !(s->prefix = get_page()))
		return -ENOMEM;
	if (s->prefix_length + n > PAGE_SIZE)
		return -E2BIG;
	s->prefix_length += n;
	memcpy(s->prefix + PAGE_SIZE - s->prefix_length, text, n);
	s->argc++;
	return 0;
}

int exec_replace_first(struct exec_strings *s, const char *interpreter, const char *arg, const char *path)
{
	int err;

	if (s->argc) {
		size_t n = exec_length(s, 0) + 1;

		if (s->prefix_length)
			s->prefix_length -= n;
		else
			s->skip = n;
		s->argc--;
	}
	err = push(s, path);
	if (!err && arg)
		err = push(s, arg);
	return err ? err : push(s, interpreter);
}

void exec_free(struct exec_strings *s)
{
	for (size_t i = 0; i < DIV_ROUND_UP(s->used, PAGE_SIZE); i++)
		put_page(s->pages[i]);
	put_page(s->pages);
	put_page(s->prefix);
	*s = (struct exec_strings){ 0 };
}
