/* SPDX-License-Identifier: ISC */
/* Where commands come from: a descriptor, a string. */
#include "sh.h"

struct input *in;
int prompt_level;

void push_input(struct input *i)
{
	i->below = in;
	in = i;
}

void pop_input(void)
{
	struct input *i = in;

	in = i->below;
	if (i->fd >= 0)
		close(i->fd);
	free(i->mem);
	free(i->record.s);
}

void push_string(struct input *i, const char *s, size_t n)
{
	*i = (struct input){ .fd = -1, .p = s, .end = s + n, .line = 1 };
	push_input(i);
}

static const char *prompt(void)
{
	const char *ps = !prompt_level ? "" : expand_prompt(prompt_level == 1 ? "PS1" : "PS2");

	prompt_level = 2;
	return ps;
}

/* The next line of the terminal, edited there. */
static int refill_edited(struct input *i)
{
	free(i->mem);
	i->p = i->end = i->mem = 0; /* the prompt may fail */
	i->mem = edit_line(prompt());
	i->p = i->end = i->mem;
	if (got_int)
		longjmp(top_level, 1);
	if (!i->mem)
		return EOF;
	i->end = i->mem + strlen(i->mem);
	return 0;
}

static int refill(struct input *i)
{
	ssize_t n;

	if (i->alias) {
		end_alias(i);
		return in->p == in->end ? refill(in) : 0;
	}
	if (i->fd < 0 || i->eof)
		return EOF;
	if (interactive && !i->below) {
		fflush(stdout);
		if (isatty(i->fd) && isatty(2)) {
			i->eof = refill_edited(i);
			return i->eof;
		}
		fputs(prompt(), stderr);
	}
	if (!i->mem)
		i->mem = xrealloc(0, 4096);
	while ((n = read(i->fd, i->mem, i->single ? 1 : 4096)) < 0 && errno == EINTR)
		if (got_int && interactive)
			longjmp(top_level, 1);
	if (n > 0) {
		i->p = i->mem;
		i->end = i->mem + n;
		return 0;
	}
	if (n < 0)
		complain("reading commands: %s", strerror(errno));
	i->eof = 1;
	return EOF;
}

int next_char(void)
{
	do
		if (in->p == in->end && refill(in) == EOF)
			return EOF;
	while (!*in->p++ && in->p); /* a NUL byte is skipped */
	int c = (unsigned char)in->p[-1];
	if (c == '\n')
		in->line++;
	if (in->depth)
		add(&in->record, c);
	if (OPT(O_VERBOSE) && in->fd >= 0)
		fputc(c, stderr);
	return c;
}

/* Puts the character read last back; it is still in the buffer. */
void back(int c)
{
	if (c == EOF)
		return;
	in->p--;
	if (c == '\n')
		in->line--;
	if (in->depth)
		in->record.n--;
}
