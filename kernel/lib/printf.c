/* SPDX-License-Identifier: ISC */
/*
 * Formatted output, and the kernel's messages: to the console and into a ring of the last KLOG_SIZE bytes
 * that dmesg reads. One lock keeps the lines of several harts apart; it is the highest rank, so kprintf
 * works everywhere. During a panic there is one hart left, and no lock is taken.
 */
#include "lib/printf.h"
#include "dev/dev.h"
#include "lib/lock.h"
#include "lib/panic.h"
#include "lib/string.h"

#define KLOG_SIZE 16384ul

struct out { /* where formatted characters go */
	void (*put)(struct out *o, char c);
	char *buf;
	size_t size, len; /* len: of the whole text so far */
};

struct spec { /* a conversion */
	bool left, zero, plus, space, alternate;
	int width, precision; /* precision -1: none given */
	unsigned nbytes;      /* of the integer */
};

static void put(struct out *o, char c)
{
	o->put(o, c);
	o->len++;
}

static void pad(struct out *o, char c, int n)
{
	while (n-- > 0)
		put(o, c);
}

static void put_string(struct out *o, const struct spec *sp, const char *s)
{
	size_t n;

	if (!s)
		s = "(null)";
	n = sp->precision >= 0 ? strnlen(s, sp->precision) : strlen(s);
	if (!sp->left)
		pad(o, ' ', sp->width - (int)n);
	for (size_t i = 0; i < n; i++)
		put(o, s[i]);
	if (sp->left)
		pad(o, ' ', sp->width - (int)n);
}

static void put_integer(struct out *o, const struct spec *sp, uint64_t v, char conv, bool negative)
{
	static const char lower[] = "0123456789abcdef", upper[] = "0123456789ABCDEF";
	const char *digits = conv == 'X' ? upper : lower;
	unsigned base = conv == 'x' || conv == 'X' ? 16 : conv == 'o' ? 8 : 10;
	char buf[24], prefix[3];
	int n = 0, nprefix = 0, nzeros, nblanks;

	if (negative)
		prefix[nprefix++] = '-';
	else if ((conv == 'd' || conv == 'i') && (sp->plus || sp->space))
		prefix[nprefix++] = sp->plus ? '+' : ' ';
	if (sp->alternate && base == 16 && v) {
		prefix[nprefix++] = '0';
		prefix[nprefix++] = conv;
	}
	if (v == 0 && sp->precision != 0)
		buf[n++] = '0';
	for (; v; v /= base)
		buf[n++] = digits[v % base];
	if (sp->alternate && base == 8 && (n == 0 || buf[n - 1] != '0'))
		buf[n++] = '0';
	nzeros = MAX(sp->precision - n, 0);
	if (sp->zero && !sp->left && sp->precision < 0)
		nzeros = MAX(sp->width - n - nprefix, 0);
	nblanks = sp->width - n - nprefix - nzeros;
	if (!sp->left)
		pad(o, ' ', nblanks);
	for (int i = 0; i < nprefix; i++)
		put(o, prefix[i]);
	pad(o, '0', nzeros);
	while (n > 0)
		put(o, buf[--n]);
	if (sp->left)
		pad(o, ' ', nblanks);
}

static const char *parse_flags(const char *f, struct spec *sp)
{
	for (;; f++) {
		switch (*f) {
		case '-':
			sp->left = true;
			break;
		case '0':
			sp->zero = true;
			break;
		case '+':
			sp->plus = true;
			break;
		case ' ':
			sp->space = true;
			break;
		case '#':
			sp->alternate = true;
			break;
		default:
			return f;
		}
	}
}

/* Length modifiers: how many bytes the argument has. */
static const char *parse_length(const char *f, struct spec *sp)
{
	sp->nbytes = sizeof(int);
	for (;; f++) {
		switch (*f) {
		case 'h':
			sp->nbytes /= 2;
			break;
		case 'l':
		case 'z':
		case 't':
		case 'j':
			sp->nbytes = 8;
			break;
		default:
			return f;
		}
	}
}

static uint64_t truncate_to(uint64_t v, unsigned nbytes, bool is_signed)
{
	unsigned shift = 64 - nbytes * 8;

	return is_signed ? (uint64_t)((int64_t)(v << shift) >> shift) : v << shift >> shift;
}

static void format(struct out *o, const char *f, va_list *ap)
{
	for (; *f; f++) {
		struct spec sp = { .precision = -1 };
		uint64_t v;

		if (*f != '%') {
			put(o, *f);
			continue;
		}
		f = parse_flags(f + 1, &sp);
		if (*f == '*') {
			sp.width = va_arg(*ap, int);
			f++;
			if (sp.width < 0) {
				sp.left = true;
				sp.width = -sp.width;
			}
		}
		for (; *f >= '0' && *f <= '9'; f++)
			sp.width = sp.width * 10 + *f - '0';
		if (*f == '.') {
			sp.precision = 0;
			if (*++f == '*') {
				sp.precision = MAX(va_arg(*ap, int), -1);
				f++;
			}
			for (; *f >= '0' && *f <= '9'; f++)
				sp.precision = sp.precision * 10 + *f - '0';
		}
		f = parse_length(f, &sp);
		switch (*f) {
		case 'd':
		case 'i':
			v = sp.nbytes == 8 ? va_arg(*ap, uint64_t) : (uint64_t)va_arg(*ap, int);
			v = truncate_to(v, sp.nbytes, true);
			put_integer(o, &sp, (int64_t)v < 0 ? -v : v, *f, (int64_t)v < 0);
			break;
		case 'u':
		case 'x':
		case 'X':
		case 'o':
			v = sp.nbytes == 8 ? va_arg(*ap, uint64_t) : va_arg(*ap, unsigned);
			put_integer(o, &sp, truncate_to(v, sp.nbytes, false), *f, false);
			break;
		case 'p':
			sp.alternate = true;
			put_integer(o, &sp, (uint64_t)va_arg(*ap, void *), 'x', false);
			break;
		case 'c': {
			char c[2] = { (char)va_arg(*ap, int), '\0' };

			pad(o, ' ', sp.left ? 0 : sp.width - 1);
			put(o, c[0]);
			pad(o, ' ', sp.left ? sp.width - 1 : 0);
			break;
		}
		case 's':
			put_string(o, &sp, va_arg(*ap, const char *));
			break;
		case '%':
			put(o, '%');
			break;
		case '\0':
			return;
		default: /* not one of ours: show it as it stands */
			put(o, '%');
			put(o, *f);
		}
	}
}

static void put_buffer(struct out *o, char c)
{
	if (o->len + 1 < o->size)
		o->buf[o->len] = c;
}

int kvsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
	struct out o = { .put = put_buffer, .buf = buf, .size = size };
	va_list copy;

	va_copy(copy, ap);
	format(&o, fmt, &copy);
	va_end(copy);
	if (size > 0)
		buf[MIN(o.len, size - 1)] = '\0';
	return (int)o.len;
}

int ksnprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = kvsnprintf(buf, size, fmt, ap);
	va_end(ap);
	return n;
}

static struct spinlock console_lock = SPINLOCK_INIT("console", RANK_CONSOLE);
static char klog[KLOG_SIZE];
static uint64_t klog_end; /* bytes ever written */
static char last_char = '\n';

static void put_console(struct out *o __unused, char c)
{
	klog[klog_end++ % KLOG_SIZE] = c;
	last_char = c;
	if (panic_is_here())
		console_panic_putc(c);
	else
		console_putc(c);
}

void kvprintf(const char *fmt, va_list ap)
{
	struct out o = { .put = put_console };
	bool locked = !panic_is_here();
	va_list copy;

	va_copy(copy, ap);
	if (locked)
		spin_lock(&console_lock);
	format(&o, fmt, &copy);
	if (locked)
		spin_unlock(&console_lock);
	va_end(copy);
}

void kprintf(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	kvprintf(fmt, ap);
	va_end(ap);
}

void kprintf_fresh_line(void)
{
	if (last_char != '\n')
		kprintf("\n");
}

size_t klog_size(void)
{
	return MIN(klog_end, KLOG_SIZE);
}

size_t klog_read(char *buf, size_t size, size_t offset)
{
	uint64_t start;
	size_t n;

	spin_lock(&console_lock);
	start = klog_end - klog_size();
	n = offset < klog_size() ? MIN(size, klog_size() - offset) : 0;
	for (size_t i = 0; i < n; i++)
		buf[i] = klog[(start + offset + i) % KLOG_SIZE];
	spin_unlock(&console_lock);
	return n;
}
