/* SPDX-License-Identifier: ISC */
/*
 * Regular expressions: a pattern becomes a small program whose threads run side by side over the text, one step a
 * byte, so the time is at most (program x text) whatever the pattern (Thompson; Pike's form of it, where each thread
 * knows only where its match began). Jumps are relative, so a piece of program can be moved and repeated.
 */
#include "match.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

enum { MAX_PROGRAM = 50000, MAX_REPEAT = 255 };
enum opcode {
	CHAR,
	ANY,
	SET,
	SPLIT,
	JUMP,
	GROUP, /* begins or ends one: a place to note */
	LINE_START,
	LINE_END,
	WORD_START,
	WORD_END,
	BOUNDARY,
	NO_BOUNDARY,
	NO_WORD_BEFORE,
	NO_WORD_BEHIND,
	REFERENCE, /* what a group has matched */
	MATCH
};

struct instruction {
	uint8_t opcode;
	uint8_t byte; /* of CHAR */
	int set;      /* of SET: index in sets; of GROUP: index in groups[]; of REFERENCE: the group */
	int x, y;     /* of JUMP (x) and SPLIT: distance to the next instructions */
};

struct byte_set {
	uint32_t bits[8];
};

struct thread {
	int at;
	size_t start;
};

struct thread_list {
	struct thread *threads;
	int count;
};

struct matcher {
	int flags;
	struct instruction *program;
	int length, capacity;
	struct byte_set *sets;
	int set_count;
	int group_count;
	bool references; /* the side-by-side threads cannot follow them: backtracks */
	struct thread_list now, next;
	uint64_t *seen; /* step at which an instruction was last entered */
	uint64_t step;
	int prepared_for; /* program length the lists were made for */
	bool first_known; /* every match begins with a byte of `first` */
	struct byte_set first;
	char *literal; /* the one pattern, if it is plain text without folding */
	size_t literal_length;
};

struct parse {
	struct matcher *m;
	const char *at, *end;
	int depth;
	int groups_before; /* of patterns added earlier */
	uint32_t closed;   /* groups that a reference can name */
	const char *error;
};

static void set_byte(struct byte_set *set, unsigned char c)
{
	set->bits[c / 32] |= 1u << (c % 32);
}

static bool has_byte(const struct byte_set *set, unsigned char c)
{
	return set->bits[c / 32] >> (c % 32) & 1;
}

static bool is_letter(unsigned char c)
{
	return (c | 32) >= 'a' && (c | 32) <= 'z';
}

static bool is_word(unsigned char c)
{
	return is_letter(c) || (c >= '0' && c <= '9') || c == '_';
}

/* --- compiling --------------------------------------------------------------------------------------------- */

static int emit(struct parse *p, enum opcode opcode, int x, int y)
{
	struct matcher *m = p->m;

	if (m->length == MAX_PROGRAM) {
		p->error = "regular expression too big";
		m->length--;
	}
	if (m->length == m->capacity) {
		m->capacity = m->capacity ? m->capacity * 2 : 64;
		m->program = xrealloc(m->program, (size_t)m->capacity * sizeof(*m->program));
	}
	m->program[m->length] = (struct instruction){ .opcode = (uint8_t)opcode, .x = x, .y = y };
	return m->length++;
}

/* Opens a place for one instruction at `at`, before a piece of program that is not jumped into from outside. */
static void insert(struct parse *p, int at, enum opcode opcode, int x, int y)
{
	emit(p, opcode, x, y);
	struct instruction *place = p->m->program + at;
	struct instruction last = p->m->program[p->m->length - 1];
	memmove(place + 1, place, (size_t)(p->m->length - 1 - at) * sizeof(*place));
	*place = last;
}

static void emit_set(struct parse *p, const struct byte_set *set)
{
	struct matcher *m = p->m;
	int at = emit(p, SET, 0, 0);

	m->sets = xrealloc(m->sets, (size_t)(m->set_count + 1) * sizeof(*m->sets));
	m->sets[m->set_count] = *set;
	m->program[at].set = m->set_count++;
}

static void emit_char(struct parse *p, unsigned char c)
{
	if ((p->m->flags & MATCH_FOLD) && is_letter(c)) {
		struct byte_set both = { 0 };
		set_byte(&both, c | 32);
		set_byte(&both, c & ~32);
		emit_set(p, &both);
		return;
	}
	int at = emit(p, CHAR, 0, 0);
	p->m->program[at].byte = c;
}

static bool in_class(const char *name, size_t length, unsigned char c, bool *known)
{
	bool upper = c >= 'A' && c <= 'Z', lower = c >= 'a' && c <= 'z', digit = c >= '0' && c <= '9';
	bool graph = c > ' ' && c < 127;
	const struct {
		const char *name;
		bool in;
	} classes[] = {
		{ "alpha", upper || lower },
		{ "digit", digit },
		{ "alnum", upper || lower || digit },
		{ "upper", upper },
		{ "lower", lower },
		{ "space", c == ' ' || (c >= 9 && c <= 13) },
		{ "blank", c == ' ' || c == '\t' },
		{ "punct", graph && !upper && !lower && !digit },
		{ "print", graph || c == ' ' },
		{ "graph", graph },
		{ "cntrl", c < ' ' || c == 127 },
		{ "xdigit", digit || (is_letter(c) && (c | 32) <= 'f') },
	};

	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		*known = strlen(classes[i].name) == length && memcmp(classes[i].name, name, length) == 0;
		if (*known)
			return classes[i].in;
	}
	return false;
}

/* Behind "[": ":name:]" into the set. */
static void parse_class(struct parse *p, struct byte_set *set)
{
	const char *name = p->at + 2, *stop = name;
	bool known = false;

	while (stop + 1 < p->end && !(stop[0] == ':' && stop[1] == ']'))
		stop++;
	if (stop + 1 >= p->end) {
		p->error = "unmatched [";
		return;
	}
	for (int c = 0; c < 256; c++)
		if (in_class(name, (size_t)(stop - name), (unsigned char)c, &known))
			set_byte(set, (unsigned char)c);
	if (!known)
		p->error = "invalid character class name";
	p->at = stop + 2;
}

/* One end of a range: a plain byte, or [.c.] or [=c=]. */
static unsigned char parse_element(struct parse *p)
{
	if (p->end - p->at >= 5 && p->at[0] == '[' && (p->at[1] == '.' || p->at[1] == '=') &&
	    p->at[3] == p->at[1] && p->at[4] == ']') {
		p->at += 5;
		return (unsigned char)p->at[-3];
	}
	return (unsigned char)*p->at++;
}

static void parse_set(struct parse *p)
{
	struct byte_set set = { 0 };
	bool negated = p->at < p->end && *p->at == '^';
	const char *first = p->at += negated;

	while (p->at < p->end && (*p->at != ']' || p->at == first) && !p->error) {
		if (p->end - p->at >= 2 && p->at[0] == '[' && p->at[1] == ':') {
			parse_class(p, &set);
			continue;
		}
		unsigned char low = parse_element(p), high = low;
		if (p->end - p->at >= 2 && p->at[0] == '-' && p->at[1] != ']') {
			p->at++;
			high = parse_element(p);
		}
		if (high < low)
			p->error = "invalid range end";
		for (int c = low; c <= high; c++)
			set_byte(&set, (unsigned char)c);
	}
	if (p->at >= p->end) {
		p->error = p->error ? p->error : "unmatched [";
		return;
	}
	p->at++;
	for (int c = 'a'; (p->m->flags & MATCH_FOLD) && c <= 'z'; c++)
		if (has_byte(&set, (unsigned char)c) || has_byte(&set, (unsigned char)(c - 32))) {
			set_byte(&set, (unsigned char)c);
			set_byte(&set, (unsigned char)(c - 32));
		}
	for (int i = 0; negated && i < 8; i++)
		set.bits[i] = ~set.bits[i];
	emit_set(p, &set);
}

/* Is the operator `c` next, written as the syntax wants it? Takes it. */
static bool take_operator(struct parse *p, char c)
{
	bool extended = p->m->flags & MATCH_EXTENDED;

	if (extended && p->at < p->end && *p->at == c) {
		p->at++;
		return true;
	}
	if (!extended && p->end - p->at >= 2 && p->at[0] == '\\' && p->at[1] == c) {
		p->at += 2;
		return true;
	}
	return false;
}

static void parse_alternatives(struct parse *p);

static void emit_class_escape(struct parse *p, const char *name, bool negated)
{
	struct byte_set set = { 0 };

	for (int c = 0; c < 256; c++) {
		bool known, in = *name ? in_class(name, strlen(name), (unsigned char)c, &known) :
					 is_word((unsigned char)c);
		if (in != negated)
			set_byte(&set, (unsigned char)c);
	}
	emit_set(p, &set);
}

static void emit_reference(struct parse *p, int group)
{
	if (!(p->closed >> group & 1)) {
		p->error = "invalid back-reference";
		return;
	}
	int at = emit(p, REFERENCE, 0, 0);
	p->m->program[at].set = p->groups_before + group;
	p->m->references = true;
}

static void parse_escape(struct parse *p)
{
	if (p->at == p->end) {
		p->error = "trailing backslash";
		return;
	}
	char c = *p->at++;
	switch (c) {
	case '<':
		emit(p, WORD_START, 0, 0);
		break;
	case '>':
		emit(p, WORD_END, 0, 0);
		break;
	case 'b':
		emit(p, BOUNDARY, 0, 0);
		break;
	case 'B':
		emit(p, NO_BOUNDARY, 0, 0);
		break;
	case 'w':
		emit_class_escape(p, "", false);
		break;
	case 'W':
		emit_class_escape(p, "", true);
		break;
	case 's':
		emit_class_escape(p, "space", false);
		break;
	case 'S':
		emit_class_escape(p, "space", true);
		break;
	default:
		if (c >= '1' && c <= '9')
			emit_reference(p, c - '0');
		else
			emit_char(p, (unsigned char)c);
	}
}

/* {m}, {m,}, {,n}, {m,n} behind the operator; most = -1: no limit. false: not of that form. */
static bool parse_bounds(struct parse *p, int *least, int *most)
{
	const char *at = p->at;
	int values[2] = { 0, -1 };
	bool comma = false, digits = false;

	for (; at < p->end && ((*at >= '0' && *at <= '9') || (*at == ',' && !comma)); at++) {
		if (*at == ',') {
			comma = true;
			continue;
		}
		int *value = &values[comma];
		*value = (*value < 0 ? 0 : *value) * 10 + (*at - '0');
		digits |= !comma;
		if (*value > MAX_REPEAT)
			p->error = "regular expression too big";
	}
	const char *saved = p->at;
	p->at = at;
	if ((!digits && !comma) || !take_operator(p, '}')) {
		p->at = saved;
		return false;
	}
	*least = values[0];
	*most = comma ? values[1] : values[0];
	if (*most >= 0 && *most < *least)
		p->error = "invalid content of \\{\\}";
	return true;
}

/* The piece of program from `start` on, repeated between `least` and `most` times. */
static void repeat(struct parse *p, int start, int least, int most)
{
	int length = p->m->length - start;

	if (least == 0 && most < 0) {
		insert(p, start, SPLIT, 1, length + 2);
		emit(p, JUMP, -(length + 1), 0);
		return;
	}
	if (least == 0 && most == 0) {
		p->m->length = start;
		return;
	}
	struct instruction *piece = xmalloc((size_t)length * sizeof(*piece));
	memcpy(piece, p->m->program + start, (size_t)length * sizeof(*piece));
	p->m->length = start;
	int copies = most < 0 ? least : most;
	for (int i = 0; i < copies && !p->error; i++) {
		if (i >= least)
			emit(p, SPLIT, 1, (copies - i) * (length + 1)); /* leave all that is optional */
		for (int j = 0; j < length && !p->error; j++) {
			int at = emit(p, CHAR, 0, 0); /* may move the program */
			p->m->program[at] = piece[j];
		}
	}
	if (most < 0)
		emit(p, SPLIT, -length, 1);
	free(piece);
}

static void parse_repeats(struct parse *p, int start)
{
	for (int least, most; p->at < p->end && !p->error;) {
		const char *saved = p->at;
		if (*p->at == '*') {
			p->at++;
			repeat(p, start, 0, -1);
		} else if (take_operator(p, '+')) {
			repeat(p, start, 1, -1);
		} else if (take_operator(p, '?')) {
			repeat(p, start, 0, 1);
		} else if (take_operator(p, '{')) {
			if (!parse_bounds(p, &least, &most)) {
				if (!(p->m->flags & MATCH_EXTENDED))
					p->error = "unmatched \\{";
				p->at = saved;
				return;
			}
			repeat(p, start, least, most);
		} else {
			return;
		}
	}
}

static bool at_operator(struct parse *p, char c)
{
	const char *saved = p->at;
	bool there = take_operator(p, c);

	p->at = saved;
	return there;
}

/* In a basic expression ^ and $ are anchors only at the ends of one. */
static bool is_anchor(struct parse *p, bool first)
{
	if (p->m->flags & MATCH_EXTENDED)
		return *p->at == '^' || *p->at == '$';
	if (*p->at == '^')
		return first;
	if (*p->at != '$')
		return false;
	p->at++;
	bool last = p->at == p->end || at_operator(p, ')') || at_operator(p, '|');
	p->at--;
	return last;
}

static void emit_group(struct parse *p, int group, int end)
{
	int at = emit(p, GROUP, 0, 0);

	p->m->program[at].set = 2 * group + end;
}

static void parse_group(struct parse *p)
{
	int group = ++p->m->group_count, own = group - p->groups_before;

	p->depth++;
	emit_group(p, group, 0);
	if (p->depth > 200)
		p->error = "regular expression too deep";
	else
		parse_alternatives(p);
	emit_group(p, group, 1);
	p->depth--;
	if (!p->error && !take_operator(p, ')'))
		p->error = "unmatched (";
	if (own < MATCH_GROUPS)
		p->closed |= 1u << own;
}

static void parse_atom(struct parse *p, bool first)
{
	if (is_anchor(p, first)) {
		emit(p, *p->at++ == '^' ? LINE_START : LINE_END, 0, 0);
	} else if (take_operator(p, '(')) {
		parse_group(p);
	} else if (*p->at == '\\') {
		p->at++;
		parse_escape(p);
	} else if (*p->at == '[') {
		p->at++;
		parse_set(p);
	} else if (*p->at == '.') {
		p->at++;
		emit(p, ANY, 0, 0);
	} else {
		emit_char(p, (unsigned char)*p->at++);
	}
}

static void parse_sequence(struct parse *p)
{
	for (bool first = true; p->at < p->end && !p->error;) {
		if (at_operator(p, '|') ||
		    (at_operator(p, ')') && (p->depth > 0 || !(p->m->flags & MATCH_EXTENDED))))
			return;
		int start = p->m->length;
		if (first && (p->m->flags & MATCH_EXTENDED) && strchr("*+?", *p->at)) {
			p->at++; /* nothing to repeat */
			continue;
		} else if (first && *p->at == '*') { /* an ordinary character there */
			emit_char(p, (unsigned char)*p->at++);
		} else {
			parse_atom(p, first);
		}
		bool caret = p->m->length > start && p->m->program[start].opcode == LINE_START;
		first = caret && !(p->m->flags & MATCH_EXTENDED) && p->at < p->end && *p->at == '*';
		if (!first && !p->error)
			parse_repeats(p, start);
	}
}

/* Joins the piece from `middle` on as an alternative to the one from `start` to `middle`. */
static void join_alternatives(struct parse *p, int start, int middle)
{
	int length = p->m->length - middle;

	insert(p, middle, JUMP, length + 1, 0);
	insert(p, start, SPLIT, 1, middle - start + 2);
}

static void parse_alternatives(struct parse *p)
{
	int start = p->m->length;

	parse_sequence(p);
	while (!p->error && take_operator(p, '|')) {
		int middle = p->m->length;
		parse_sequence(p);
		join_alternatives(p, start, middle);
	}
}

struct matcher *matcher_new(int flags)
{
	struct matcher *m = xmalloc(sizeof(*m));

	*m = (struct matcher){ .flags = flags };
	return m;
}

static bool is_plain(const struct matcher *m, int start)
{
	for (int i = start; i < m->length; i++)
		if (m->program[i].opcode != CHAR)
			return false;
	return true;
}

const char *matcher_add(struct matcher *m, const char *pattern, size_t length)
{
	struct parse p = { .m = m, .at = pattern, .end = pattern + length, .groups_before = m->group_count };

	if (m->length > 0)
		m->length--; /* the MATCH of what is there */
	int start = m->length;
	if (m->flags & (MATCH_LINE | MATCH_WORD))
		emit(&p, m->flags & MATCH_LINE ? LINE_START : NO_WORD_BEFORE, 0, 0);
	if (m->flags & MATCH_LITERAL)
		while (p.at < p.end && !p.error)
			emit_char(&p, (unsigned char)*p.at++);
	else
		parse_alternatives(&p);
	if (!p.error && p.at < p.end)
		p.error = "unmatched )";
	if (m->flags & (MATCH_LINE | MATCH_WORD))
		emit(&p, m->flags & MATCH_LINE ? LINE_END : NO_WORD_BEHIND, 0, 0);
	free(m->literal);
	m->literal = NULL;
	if (start == 0 && m->length > 0 && is_plain(m, 0)) {
		m->literal_length = (size_t)m->length;
		m->literal = xmalloc(m->literal_length);
		for (int i = 0; i < m->length; i++)
			m->literal[i] = (char)m->program[i].byte;
	}
	if (start > 0)
		join_alternatives(&p, 0, start);
	emit(&p, MATCH, 0, 0);
	m->prepared_for = 0;
	return p.error;
}

/* --- matching ---------------------------------------------------------------------------------------------- */

/* Does the condition of an instruction that takes no byte hold at text[at]? */
static bool holds(enum opcode opcode, const char *text, size_t length, size_t at)
{
	bool before = at > 0 && is_word((unsigned char)text[at - 1]);
	bool behind = at < length && is_word((unsigned char)text[at]);

	switch (opcode) {
	case LINE_START:
		return at == 0;
	case LINE_END:
		return at == length;
	case WORD_START:
		return !before && behind;
	case WORD_END:
		return before && !behind;
	case BOUNDARY:
		return before != behind;
	case NO_BOUNDARY:
		return before == behind;
	case NO_WORD_BEFORE:
		return !before;
	case NO_WORD_BEHIND:
		return !behind;
	default:
		return true;
	}
}

struct place {
	const char *text;
	size_t length, at;
};

/* Adds what can be reached from instruction `at` without taking a byte. */
static void add_thread(struct matcher *m, struct thread_list *list, int at, size_t start,
		       const struct place *place)
{
	for (;;) {
		if (m->seen[at] == m->step)
			return;
		m->seen[at] = m->step;
		const struct instruction *i = m->program + at;
		switch (i->opcode) {
		case JUMP:
			at += i->x;
			break;
		case SPLIT:
			add_thread(m, list, at + i->x, start, place);
			at += i->y;
			break;
		case CHAR:
		case ANY:
		case SET:
		case MATCH:
			list->threads[list->count++] = (struct thread){ at, start };
			return;
		default:
			if (!holds(i->opcode, place->text, place->length, place->at))
				return;
			at++;
		}
	}
}

/* Which bytes a match can begin with, so that the search may leap to the next of them. */
static void find_first_bytes(struct matcher *m)
{
	struct thread_list list = { m->next.threads, 0 };
	bool certain = true;

	m->step++;
	m->first = (struct byte_set){ 0 };
	for (int i = 0; i < m->length; i++)
		certain &= m->program[i].opcode < LINE_START || m->program[i].opcode == MATCH;
	if (certain)
		add_thread(m, &list, 0, 0, &(struct place){ 0 });
	for (int i = 0; i < list.count; i++) {
		const struct instruction *in = m->program + list.threads[i].at;
		certain &= in->opcode == CHAR || in->opcode == SET;
		if (in->opcode == CHAR)
			set_byte(&m->first, in->byte);
		for (int c = 0; in->opcode == SET && c < 256; c++)
			if (has_byte(&m->sets[in->set], (unsigned char)c))
				set_byte(&m->first, (unsigned char)c);
	}
	m->first_known = certain;
}

static void prepare(struct matcher *m)
{
	size_t count = (size_t)m->length;

	if (m->prepared_for == m->length)
		return;
	m->now.threads = xrealloc(m->now.threads, count * sizeof(struct thread));
	m->next.threads = xrealloc(m->next.threads, count * sizeof(struct thread));
	m->seen = xrealloc(m->seen, count * sizeof(*m->seen));
	memset(m->seen, 0, count * sizeof(*m->seen));
	m->step = 0;
	m->prepared_for = m->length;
	find_first_bytes(m);
}

static bool find_literal(struct matcher *m, const char *text, size_t length, size_t from, size_t *start,
			 size_t *end)
{
	size_t n = m->literal_length;

	while (length - from >= n) {
		const char *hit = memchr(text + from, m->literal[0], length - from - n + 1);
		if (!hit)
			return false;
		from = (size_t)(hit - text);
		if (memcmp(hit, m->literal, n) == 0) {
			if (start) {
				*start = from;
				*end = from + n;
			}
			return true;
		}
		from++;
	}
	return false;
}

static bool takes_byte(const struct matcher *m, const struct instruction *i, unsigned char c)
{
	return i->opcode == ANY || (i->opcode == CHAR && i->byte == c) ||
	       (i->opcode == SET && has_byte(&m->sets[i->set], c));
}

/* --- backtracking: which part matched what ------------------------------------------------------------------- */

/*
 * Where the groups are, and with references also where each branch was last taken on this way, so that a loop around nothing ends.
 * A change is undone when the way it was made on fails.
 */
struct way {
	int at; /* instruction to go on with, or -1: notes[note] was `place` */
	size_t note;
	size_t place;
};

struct search {
	struct matcher *m;
	const char *text;
	size_t length, start, end; /* end NOWHERE: the first way's own */
	size_t *notes;
	struct way *ways; /* not yet tried, the best on top */
	size_t nways, capacity;
	uint8_t *tried; /* without references: (instruction, place) that failed */
};

#define NOWHERE ((size_t)-1)

static void push_way(struct search *s, int at, size_t note, size_t place)
{
	if (s->nways == s->capacity) {
		s->capacity = s->capacity ? 2 * s->capacity : 64;
		s->ways = xrealloc(s->ways, s->capacity * sizeof(*s->ways));
	}
	s->ways[s->nways++] = (struct way){ at, note, place };
}

static void note_place(struct search *s, size_t note, size_t place)
{
	push_way(s, -1, note, s->notes[note]);
	s->notes[note] = place;
}

/* Was this tried in vain, or (with references) does it go around a loop without a step? */
static bool in_vain(struct search *s, int at, size_t place)
{
	if (s->tried) {
		size_t bit = (size_t)at * (s->end - s->start + 1) + place - s->start;
		if (s->tried[bit / 8] >> bit % 8 & 1)
			return true;
		s->tried[bit / 8] |= (uint8_t)(1u << bit % 8);
		return false;
	}
	if (s->m->program[at].opcode != SPLIT)
		return false;
	size_t note = 2 * (size_t)(s->m->group_count + 1) + (size_t)at;
	if (s->notes[note] == place)
		return true;
	note_place(s, note, place);
	return false;
}

/* Bytes that the reference takes at this place, or NOWHERE. */
static size_t reference_length(struct search *s, int group, size_t place)
{
	size_t from = s->notes[2 * group], to = s->notes[2 * group + 1];

	if (from == NOWHERE || to == NOWHERE || to < from || s->length - place < to - from ||
	    memcmp(s->text + from, s->text + place, to - from) != 0)
		return NOWHERE;
	return to - from;
}

/* Goes one way as far as it leads. True: it has come to the end. */
static bool go(struct search *s, int at, size_t place)
{
	for (;;) {
		const struct instruction *i = s->m->program + at;
		size_t n;

		if (in_vain(s, at, place))
			return false;
		switch (i->opcode) {
		case JUMP:
			at += i->x;
			continue;
		case SPLIT:
			push_way(s, at + i->y, 0, place);
			at += i->x;
			continue;
		case GROUP:
			note_place(s, (size_t)i->set, place);
			break;
		case REFERENCE:
			n = reference_length(s, i->set, place);
			if (n == NOWHERE)
				return false;
			place += n;
			break;
		case CHAR:
		case ANY:
		case SET:
			if (place == (s->end == NOWHERE ? s->length : s->end) ||
			    !takes_byte(s->m, i, (unsigned char)s->text[place]))
				return false;
			place++;
			break;
		case MATCH:
			s->notes[1] = place;
			return s->end == NOWHERE || place == s->end;
		default:
			if (!holds(i->opcode, s->text, s->length, place))
				return false;
		}
		at++;
	}
}

static bool backtrack(struct search *s)
{
	size_t count = 2 * (size_t)(s->m->group_count + 1) + (size_t)s->m->length;
	bool found = false;

	s->notes = xmalloc(count * sizeof(*s->notes));
	for (size_t i = 0; i < count; i++)
		s->notes[i] = NOWHERE;
	s->notes[0] = s->start;
	if (s->end != NOWHERE && !s->m->references) {
		size_t nbits = (size_t)s->m->length * (s->end - s->start + 1);
		s->tried = memset(xmalloc(nbits / 8 + 1), 0, nbits / 8 + 1);
	}
	push_way(s, 0, 0, s->start);
	while (!found && s->nways) {
		struct way w = s->ways[--s->nways];
		if (w.at < 0)
			s->notes[w.note] = w.place;
		else
			found = go(s, w.at, w.place);
	}
	free(s->tried);
	free(s->ways);
	return found;
}

static bool find_backtracking(struct matcher *m, const char *text, size_t length, size_t from, size_t *start,
			      size_t *end)
{
	for (; from <= length; from++) {
		struct search s = { .m = m, .text = text, .length = length, .start = from, .end = NOWHERE };
		bool found = backtrack(&s);
		if (found && start) {
			*start = from;
			*end = s.notes[1];
		}
		free(s.notes);
		if (found)
			return true;
	}
	return false;
}

void matcher_groups(struct matcher *m, const char *text, size_t length, size_t start, size_t end,
		    size_t groups[2 * MATCH_GROUPS])
{
	struct search s = { .m = m, .text = text, .length = length, .start = start, .end = end };
	bool found = backtrack(&s);

	for (size_t i = 0; i < 2 * MATCH_GROUPS; i++)
		groups[i] = found && i / 2 <= (size_t)m->group_count ? s.notes[i] : NOWHERE;
	groups[0] = start;
	groups[1] = end;
	free(s.notes);
}

bool matcher_find(struct matcher *m, const char *text, size_t length, size_t from, size_t *start, size_t *end)
{
	struct place place = { text, length, from };
	bool found = false;
	size_t best_start = 0, best_end = 0;

	if (m->length == 0 || from > length)
		return false;
	if (m->literal)
		return find_literal(m, text, length, from, start, end);
	if (m->references)
		return find_backtracking(m, text, length, from, start, end);
	prepare(m);
	m->now.count = 0;
	m->step++;
	for (;; place.at++) {
		if (m->now.count == 0 && found)
			break;
		if (m->now.count == 0 && m->first_known)
			while (place.at < length && !has_byte(&m->first, (unsigned char)text[place.at]))
				place.at++;
		if (!found)
			add_thread(m, &m->now, 0, place.at, &place);
		/* Threads stand in the order of their starts, so of two at one instruction the leftmost is kept. */
		m->next.count = 0;
		m->step++;
		struct place behind = { text, length, place.at + 1 };
		for (int t = 0; t < m->now.count; t++) {
			struct thread *thread = &m->now.threads[t];
			const struct instruction *i = m->program + thread->at;
			if (found && thread->start > best_start)
				continue;
			if (i->opcode == MATCH) {
				if (!start)
					return true;
				if (!found || thread->start < best_start || place.at > best_end)
					best_end = place.at;
				best_start = thread->start;
				found = true;
			} else if (place.at < length && takes_byte(m, i, (unsigned char)text[place.at])) {
				add_thread(m, &m->next, thread->at + 1, thread->start, &behind);
			}
		}
		if (place.at >= length)
			break;
		struct thread_list swap = m->now;
		m->now = m->next;
		m->next = swap;
	}
	if (found) {
		*start = best_start;
		*end = best_end;
	}
	return found;
}
