/* SPDX-License-Identifier: ISC */
/* stty: shows and changes the settings of the terminal on standard input (POSIX; the common ones of them). */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "util.h"

enum field { IFLAG, OFLAG, CFLAG, LFLAG };

static const struct {
	const char *name;
	enum field field;
	tcflag_t bits;
} flags[] = {
	{ "istrip", IFLAG, ISTRIP },   { "inlcr", IFLAG, INLCR },     { "igncr", IFLAG, IGNCR },
	{ "icrnl", IFLAG, ICRNL },     { "ixon", IFLAG, IXON },	      { "ixany", IFLAG, IXANY },
	{ "imaxbel", IFLAG, IMAXBEL }, { "iutf8", IFLAG, IUTF8 },     { "opost", OFLAG, OPOST },
	{ "onlcr", OFLAG, ONLCR },     { "ocrnl", OFLAG, OCRNL },     { "onocr", OFLAG, ONOCR },
	{ "onlret", OFLAG, ONLRET },   { "isig", LFLAG, ISIG },	      { "icanon", LFLAG, ICANON },
	{ "iexten", LFLAG, IEXTEN },   { "echo", LFLAG, ECHO },	      { "echoe", LFLAG, ECHOE },
	{ "echok", LFLAG, ECHOK },     { "echonl", LFLAG, ECHONL },   { "noflsh", LFLAG, NOFLSH },
	{ "tostop", LFLAG, TOSTOP },   { "echoctl", LFLAG, ECHOCTL }, { "echoke", LFLAG, ECHOKE },
};

static const struct {
	const char *name;
	int at;
} keys[] = {
	{ "intr", VINTR },   { "quit", VQUIT },	      { "erase", VERASE },   { "kill", VKILL },
	{ "eof", VEOF },     { "eol", VEOL },	      { "eol2", VEOL2 },     { "start", VSTART },
	{ "stop", VSTOP },   { "susp", VSUSP },	      { "rprnt", VREPRINT }, { "werase", VWERASE },
	{ "lnext", VLNEXT }, { "discard", VDISCARD },
};

static const struct termios sane = {
	.c_iflag = ICRNL | IXON | IUTF8 | IMAXBEL,
	.c_oflag = OPOST | ONLCR,
	.c_lflag = ISIG | ICANON | IEXTEN | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE,
	.c_cc = { [VINTR] = 3,
		  [VQUIT] = 28,
		  [VERASE] = 127,
		  [VKILL] = 21,
		  [VEOF] = 4,
		  [VMIN] = 1,
		  [VSTART] = 17,
		  [VSTOP] = 19,
		  [VSUSP] = 26,
		  [VREPRINT] = 18,
		  [VDISCARD] = 15,
		  [VWERASE] = 23,
		  [VLNEXT] = 22 },
};

static struct termios t;
static struct winsize size;

static tcflag_t *field_of(enum field f)
{
	return f == IFLAG ? &t.c_iflag : f == OFLAG ? &t.c_oflag : f == CFLAG ? &t.c_cflag : &t.c_lflag;
}

static void show_key(const char *name, cc_t c)
{
	printf("%s = ", name);
	if (!c)
		printf("<undef>; ");
	else if (c == 127)
		printf("^?; ");
	else
		printf(c < 32 ? "^%c; " : "%c; ", c < 32 ? c ^ 64 : c);
}

static void show_all(void)
{
	printf("rows %u; columns %u;\n", size.ws_row, size.ws_col);
	for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		show_key(keys[i].name, t.c_cc[keys[i].at]);
	printf("min = %d; time = %d;\n", t.c_cc[VMIN], t.c_cc[VTIME]);
	for (unsigned i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		printf("%s%s%s",
		       i % 8 ? " " :
		       i     ? "\n" :
			       "",
		       *field_of(flags[i].field) & flags[i].bits ? "" : "-", flags[i].name);
	printf("\n");
}

/* The whole state as one word that stty takes again. */
static void show_word(void)
{
	printf("%x:%x:%x:%x", t.c_iflag, t.c_oflag, t.c_cflag, t.c_lflag);
	for (int i = 0; i < NCCS; i++)
		printf(":%x", t.c_cc[i]);
	printf("\n");
}

static int take_word(const char *s)
{
	unsigned long v[4 + NCCS];
	char *end;

	for (int i = 0; i < 4 + NCCS; i++) {
		if (!isxdigit((unsigned char)*s))
			return 0;
		v[i] = strtoul(s, &end, 16);
		if (*end != (i == 3 + NCCS ? '\0' : ':'))
			return 0;
		s = end + 1;
	}
	for (int i = 0; i < 4; i++)
		*field_of((enum field)i) = (tcflag_t)v[i];
	for (int i = 0; i < NCCS; i++)
		t.c_cc[i] = (cc_t)v[4 + i];
	return 1;
}

static void make_raw(void)
{
	cfmakeraw(&t);
}

static void make_sane(void)
{
	t.c_iflag = sane.c_iflag;
	t.c_oflag = sane.c_oflag;
	t.c_lflag = sane.c_lflag;
	memcpy(t.c_cc, sane.c_cc, sizeof(t.c_cc));
}

static int take_mode(const char *s)
{
	int off = *s == '-';

	if (strcmp(s, "sane") == 0) {
		make_sane();
	} else if (strcmp(s, "raw") == 0) {
		make_raw();
	} else if (strcmp(s, "-raw") == 0 || strcmp(s, "cooked") == 0) {
		t.c_iflag |= ICRNL | IXON;
		t.c_oflag |= OPOST;
		t.c_lflag |= ISIG | ICANON;
	} else if (strcmp(s + off, "cbreak") == 0) {
		t.c_lflag = off ? t.c_lflag | ICANON : t.c_lflag & ~(tcflag_t)ICANON;
	} else {
		for (unsigned i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
			if (strcmp(flags[i].name, s + off) == 0) {
				tcflag_t *f = field_of(flags[i].field);

				*f = off ? *f & ~flags[i].bits : *f | flags[i].bits;
				return 1;
			}
		return take_word(s);
	}
	return 1;
}

static int key_value(const char *s)
{
	if (strcmp(s, "undef") == 0 || strcmp(s, "^-") == 0)
		return 0;
	if (*s == '^' && s[1])
		return s[1] == '?' ? 127 : s[1] & 31;
	return s[1] ? atoi(s) : (unsigned char)*s;
}

/* A setting of two words: 1, or 0 if it is none. */
static int take_pair(const char *name, const char *value)
{
	if (!value)
		return 0;
	if (strcmp(name, "rows") == 0) {
		size.ws_row = (unsigned short)atoi(value);
	} else if (strcmp(name, "cols") == 0 || strcmp(name, "columns") == 0) {
		size.ws_col = (unsigned short)atoi(value);
	} else if (strcmp(name, "min") == 0) {
		t.c_cc[VMIN] = (cc_t)atoi(value);
	} else if (strcmp(name, "time") == 0) {
		t.c_cc[VTIME] = (cc_t)atoi(value);
	} else {
		for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
			if (strcmp(keys[i].name, name) == 0) {
				t.c_cc[keys[i].at] = (cc_t)key_value(value);
				return 1;
			}
		return 0;
	}
	return 1;
}

int main(int argc, char **argv)
{
	int i = 1;

	tool_init(1, argv, 1, "[-a | -g | size | SETTING...]", NULL);
	if (tcgetattr(0, &t) < 0)
		die_file("standard input");
	ioctl(0, TIOCGWINSZ, &size);
	if (argc == 1 || strcmp(argv[1], "-a") == 0) {
		show_all();
		return finish(0);
	}
	if (strcmp(argv[1], "-g") == 0) {
		show_word();
		return finish(0);
	}
	if (strcmp(argv[1], "size") == 0) {
		printf("%u %u\n", size.ws_row, size.ws_col);
		return finish(0);
	}
	while (i < argc) {
		if (take_pair(argv[i], argv[i + 1])) {
			i += 2;
		} else if (take_mode(argv[i])) {
			i++;
		} else {
			complain("unknown setting: %s", argv[i]);
			return 1;
		}
	}
	if (tcsetattr(0, TCSADRAIN, &t) < 0 || ioctl(0, TIOCSWINSZ, &size) < 0)
		die_file("standard input");
	return finish(0);
}
