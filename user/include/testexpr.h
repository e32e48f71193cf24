/* SPDX-License-Identifier: ISC */
#ifndef TESTEXPR_H
#define TESTEXPR_H

/*
 * The value of the n words as an expression of test(1) (POSIX, and -nt, -ot, -ef, -a, -o, parentheses): 0 true, 1 false or no words, 2 no
 * expression: then complain has been called, once, with what is wrong and the word that is ("" if none).
 */
int test_expression(char **words, int n, void (*complain)(const char *what, const char *word));

#endif
