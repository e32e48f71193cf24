/* SPDX-License-Identifier: ISC */
/*
 * Names and source lines of kernel addresses, for the backtrace of a panic.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * Finds the function that holds @pc and the source line that its instruction came from. For a return address
 * pass the address less one, or the line after the call is found. @file is NULL and @line 0 where the line is not
 * known (assembly). Returns false for an address outside the kernel's text. Takes no lock and reads only
 * constants: callable from any context.
 */
bool ksym_lookup(uintptr_t pc, const char **func, uintptr_t *offset, const char **file, unsigned *line);
