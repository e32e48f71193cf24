/* SPDX-License-Identifier: ISC */
/*
 * Names, source lines and stack frames of kernel addresses, for the backtrace of a panic.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Finds the function that holds @pc and the source line that its instruction came from. For a return address
 * pass the address less one, or the line after the call is found. @file is NULL and @line 0 where the line is not
 * known (assembly). Returns false for an address outside the kernel's text. Takes no lock and reads only
 * constants: callable from any context.
 */
bool ksym_lookup(uintptr_t pc, const char **func, uintptr_t *offset, const char **file, unsigned *line);

/*
 * How many bytes of the stack, from sp on, the function that holds @pc has taken when it runs there, and how far below their
 * end it has put its return address: 0, as long as that is in ra. Returns false where it is not known (assembly). As callable.
 */
bool ksym_frame(uintptr_t pc, size_t *nbytes, size_t *below);
