/* SPDX-License-Identifier: ISC */
/*
 * The model of tests/host/model under a fuzzer: the input is what the programs do.
 *
 * Bytes 0 and 1 choose the schedule and the number of harts, byte 2 the troubles (see vmrace.c); the rest are the random numbers, three bytes
 * each, and the run ends with them. The kernel's state is static, so each input runs in a process of its own.
 *
 *	libFuzzer   vmfuzz DIRECTORY (corpus), vmfuzz FILE (one input again). The counters of coverage lie in memory that the processes share
 *	AFL++       built with afl-clang-fast and -DVMFUZZ_MAIN: afl-fuzz -i IN -o OUT -- vmfuzz-afl @@ (or by stdin)
 */
#include "model/model.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static const uint8_t *input;
static size_t left;

static uint64_t next_of_input(void)
{
	uint64_t n = 0;

	if (left < 3) {
		model_stop();
		return 0;
	}
	memcpy(&n, input, 3);
	input += 3;
	left -= 3;
	return n;
}

static void run(const uint8_t *data, size_t size)
{
	unsigned seed;

	if (size < 6)
		return;
	model_trouble(data[2] & 7);
	input = data + 3;
	left = size - 3;
	machine_random = next_of_input;
	seed = data[0] | data[1] << 8;
	model_run(seed, UINT64_MAX, 1 + seed % 4);
}

#ifdef VMFUZZ_MAIN
int main(int argc, char **argv)
{
	static uint8_t data[1 << 20];
	FILE *file;
	size_t n;

#ifdef __AFL_INIT
	__AFL_INIT();
#endif
	file = argc > 1 ? fopen(argv[1], "rb") : stdin;
	if (!file) {
		perror(argv[1]);
		return 2;
	}
	n = fread(data, 1, sizeof(data), file);
	run(data, n);
	return 0;
}
#else
extern char counters_start[] __asm__("__start___sancov_cntrs"), counters_end[] __asm__(
									"__stop___sancov_cntrs");
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What a child counts is to reach the fuzzer: all whole pages of the counters become shared memory. */
int LLVMFuzzerInitialize(int *argc __unused, char ***argv __unused)
{
	char *start = (char *)page_round_up((uintptr_t)counters_start),
	     *end = (char *)page_round_down((uintptr_t)counters_end);

	if (start < end && mmap(start, end - start, PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == (void *)-1) {
		perror("mmap");
		exit(2);
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	pid_t child = fork(), ended;
	int status = 0;

	if (child == 0) {
		if (!freopen("/dev/null", "w", stdout))
			_exit(2);
		run(data, size);
		_exit(0);
	}
	do
		ended = waitpid(child, &status, 0);
	while (child > 0 && ended < 0); /* the alarm by which libFuzzer sees the time */
	if (child < 0 || status) {
		/* why, the child has said, unless it had no chance to */
		fprintf(stderr, "vmfuzz: process %d for the input: status %#x\n", (int)child, status);
		abort();
	}
	return 0;
}
#endif
